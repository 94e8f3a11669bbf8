/* Text as argus' ra prints it. */

#include "tests/fuzz/flowtext.h"

static void
record(const struct flow *f, const struct flow_extra *x)
{
	check(f->packets > 0 && x->flows == 1 && x->reverse <= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] = "StartTime,Dur,Proto,SrcAddr,Sport,DstAddr,Dport,SrcPkts,DstPkts,SrcBytes,DstBytes\n";

	read_behind(header, data, size, record);
	return 0;
}
