/* Text as argus' ra prints it. */
#include <string.h>

#include "flowtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
record(const struct flow *f, const struct flow_extra *x)
{
	check(f->packets > 0 && x->flows == 1 && x->reverse <= 1);
}

/* Behind a header as well as alone: most random texts are not taken for argus' at all. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] = "StartTime,Dur,Proto,SrcAddr,Sport,DstAddr,Dport,SrcPkts,DstPkts,SrcBytes,DstBytes\n";
	uint8_t *both = malloc(sizeof(header) - 1 + size);

	read_text(data, size, record);
	if (both == NULL)
		return 0;
	memcpy(both, header, sizeof(header) - 1);
	if (size > 0)
		memcpy(both + sizeof(header) - 1, data, size);
	read_text(both, sizeof(header) - 1 + size, record);
	free(both);
	return 0;
}
