/* Flow records as flow-export's CSV: see flowcsv.h. */
#include "collector/flowcsv.h"

#include <inttypes.h>

#include "base/timefmt.h"

#define NS_PER_MS INT64_C(1000000)

#define COLUMNS \
	"unix_secs,unix_nsecs,sysuptime,exaddr,dpkts,doctets,first,last,engine_type,engine_id,srcaddr,dstaddr," \
	"nexthop,input,output,srcport,dstport,prot,tos,tcp_flags,src_mask,dst_mask,src_as,dst_as"

/* The three clocks of a row. */
struct uptimes {
	int64_t unix_ns;
	uint32_t uptime_ms, first_ms, last_ms;
};

/* Whether the record came with uptimes: some are there, or they are zero and fit all the same. */
static bool
has_uptimes(const struct flow *f, const struct flow_extra *x)
{
	int64_t boot_ns;

	if (x == NULL || x->export_ns <= 0)
		return false;
	if (x->version <= 9 && (x->first_ms | x->last_ms) != 0)
		return true;
	boot_ns = x->export_ns - (int64_t)(int32_t)(x->uptime_ms - x->first_ms) * NS_PER_MS;
	return boot_ns == f->start_ns;
}

static struct uptimes
uptimes_of(const struct flow *f, const struct flow_extra *x)
{
	int64_t lasts = (f->end_ns - f->start_ns) / NS_PER_MS, up;
	int64_t unix_ns = x != NULL && x->export_ns >= f->end_ns ? x->export_ns : f->seen_ns;

	if (has_uptimes(f, x))
		return (struct uptimes){x->export_ns, x->uptime_ms, x->first_ms, x->last_ms};
	if (lasts < 0)
		lasts = 0;
	if (lasts > FLOWCSV_LONGEST_MS)
		lasts = FLOWCSV_LONGEST_MS;
	/* an export much later than the record, or none: as if exported at its end */
	up = unix_ns > f->start_ns ? (unix_ns - f->start_ns) / NS_PER_MS : 0;
	if (up < lasts || up > FLOWCSV_LONGEST_MS)
		up = lasts;
	return (struct uptimes){f->start_ns + up * NS_PER_MS, (uint32_t)up, 0, (uint32_t)lasts};
}

void
flowcsv_header(struct buf *out)
{
	buf_str(out, "#:" COLUMNS "\n");
}

static void
put(struct buf *out, uint64_t value)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buf_bytes(out, digits + i, sizeof(digits) - i);
	buf_char(out, ',');
}

static void
put_addr(struct buf *out, const struct addr *a, bool v6)
{
	static const struct addr none;
	char text[ADDR_TEXT];

	if (addr_equal(a, &none))
		buf_str(out, v6 ? "::" : "0.0.0.0");
	else
		buf_str(out, addr_text(a, text));
	buf_char(out, ',');
}

void
flowcsv_row(struct buf *out, const struct flow *f, const struct flow_extra *x)
{
	static const struct flow_extra none;
	struct uptimes t = uptimes_of(f, x);
	bool v6 = !addr_is_v4(&f->src);
	uint16_t dport = f->dport;
	int64_t secs = time_seconds(t.unix_ns);

	if (x == NULL)
		x = &none;
	if (f->proto == FLOW_ICMP || f->proto == FLOW_ICMP6)
		dport = (uint16_t)(x->icmp_type << 8 | x->icmp_code);
	put(out, secs > 0 ? (uint64_t)secs : 0);
	put(out, (uint64_t)(t.unix_ns - secs * NS_PER_S));
	put(out, t.uptime_ms);
	put_addr(out, &x->exporter, false);
	put(out, f->packets);
	put(out, f->bytes);
	put(out, t.first_ms);
	put(out, t.last_ms);
	put(out, x->domain >> 8 & 0xff);
	put(out, x->domain & 0xff);
	put_addr(out, &f->src, v6);
	put_addr(out, &f->dst, v6);
	put_addr(out, &x->next_hop, v6);
	put(out, x->in_if);
	put(out, x->out_if);
	put(out, f->sport);
	put(out, dport);
	put(out, f->proto);
	put(out, x->tos);
	put(out, f->tcp_flags);
	put(out, x->src_mask);
	put(out, x->dst_mask);
	put(out, x->src_as);
	buf_printf(out, "%" PRIu32 "\n", x->dst_as);
}
