/* flow-export's CSV and JSON: what was read is written and must read back the same. */

#include "tests/fuzz/flowtext.h"

#include "base/timefmt.h"
#include "collector/flowcsv.h"
#include "collector/flowjson.h"
#include "collector/queue.h"

static void
same(const struct flow *f, const struct flow *g)
{
	check(addr_equal(&f->src, &g->src) && addr_equal(&f->dst, &g->dst) && f->proto == g->proto);
	check(f->packets == g->packets && f->bytes == g->bytes && f->sport == g->sport && f->dport == g->dport);
	check(f->start_ns / 1000000 == g->start_ns / 1000000 && f->end_ns / 1000000 == g->end_ns / 1000000);
}

static void
record(const struct flow *f, const struct flow_extra *x)
{
	struct flow_extra y;
	const char *why;
	struct flow g;
	struct buf out;

	buf_init(&out, 1 << 16);
	flowcsv_row(&out, f, x);
	check(!out.full && out.p[out.len - 1] == '\n');
	buf_reset(&out);
	/* nothing larger than JSON's integers here can come from a file */
	if (f->packets <= INT64_MAX && f->bytes <= INT64_MAX) {
		flowjson_row(&out, f, x);
		check(flowjson_parse(buf_text(&out), out.len, &g, &y, &why) == 0);
		same(f, &g);
		check(y.src_as == x->src_as && y.in_if == x->in_if && y.tos == x->tos && addr_equal(&y.next_hop, &x->next_hop));
		buf_reset(&out);
		queue_entry(&out, f, x);
		check(flowjson_parse(buf_text(&out), out.len, &g, &y, &why) == 0);
		same(f, &g);
	}
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char header[] =
	    "#:unix_secs,unix_nsecs,sysuptime,exaddr,dpkts,doctets,first,last,engine_type,engine_id,srcaddr,dstaddr,"
	    "nexthop,input,output,srcport,dstport,prot,tos,tcp_flags,src_mask,dst_mask,src_as,dst_as\n";

	read_behind(header, data, size, record);
	return 0;
}
