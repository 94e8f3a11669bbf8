/* nfcapd files of both layouts. */
#include "tests/fuzz/flowfile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* other formats have targets of their own */
	if (size >= 4 && data[0] == 0x0c && data[1] == 0xa5 && data[3] == 0)
		fuzz_flowfile(data, size);
	return 0;
}
