/* nfcapd files of both layouts. */
#include "tests/fuzz/flowfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t magic[2] = {0x0c, 0xa5};

	/* other formats have targets of their own */
	if (size >= 4 && data[0] == magic[0] && data[1] == magic[1])
		fuzz_flowfile(data, size);
	return 0;
}
