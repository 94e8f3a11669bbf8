/* flow-tools files. */
#include "tests/fuzz/flowfile.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* other formats have targets of their own */
	if (size >= 4 && data[0] == 0xcf && data[1] == 0x10 && (data[2] == 1 || data[2] == 2))
		fuzz_flowfile(data, size);
	return 0;
}
