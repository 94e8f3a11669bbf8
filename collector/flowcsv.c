/* Flow records as flow-export's CSV: see flowcsv.h. */
#include "collector/flowcsv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/exporter.h"
#include "collector/lines.h"

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

/* --- reading --------------------------------------------------------------------------------------------- */

enum column {
	UNIX_SECS, UNIX_NSECS, SYSUPTIME, EXADDR, DPKTS, DOCTETS, FIRST, LAST, ENGINE_TYPE, ENGINE_ID, SRCADDR, DSTADDR,
	NEXTHOP, INPUT, OUTPUT, SRCPORT, DSTPORT, PROT, TOS, TCP_FLAGS, SRC_MASK, DST_MASK, SRC_AS, DST_AS, COLUMNS_N,
};

enum { FIELDS_MAX = 64 };

static const struct {
	const char *name;
	uint64_t max;   /* 0: an address */
	bool needed;
} columns[COLUMNS_N] = {
	[UNIX_SECS] = {"unix_secs", UINT32_MAX, true},  [UNIX_NSECS] = {"unix_nsecs", UINT32_MAX, false},
	[SYSUPTIME] = {"sysuptime", UINT32_MAX, true},  [EXADDR] = {"exaddr", 0, false},
	[DPKTS] = {"dpkts", INT64_MAX, true},           [DOCTETS] = {"doctets", INT64_MAX, true},
	[FIRST] = {"first", UINT32_MAX, true},          [LAST] = {"last", UINT32_MAX, true},
	[ENGINE_TYPE] = {"engine_type", UINT8_MAX, false}, [ENGINE_ID] = {"engine_id", UINT8_MAX, false},
	[SRCADDR] = {"srcaddr", 0, true},               [DSTADDR] = {"dstaddr", 0, true},
	[NEXTHOP] = {"nexthop", 0, false},              [INPUT] = {"input", UINT32_MAX, false},
	[OUTPUT] = {"output", UINT32_MAX, false},       [SRCPORT] = {"srcport", UINT16_MAX, false},
	[DSTPORT] = {"dstport", UINT16_MAX, false},     [PROT] = {"prot", UINT8_MAX, true},
	[TOS] = {"tos", UINT8_MAX, false},              [TCP_FLAGS] = {"tcp_flags", UINT8_MAX, false},
	[SRC_MASK] = {"src_mask", UINT8_MAX, false},          [DST_MASK] = {"dst_mask", UINT8_MAX, false},
	[SRC_AS] = {"src_as", UINT32_MAX, false},       [DST_AS] = {"dst_as", UINT32_MAX, false},
};

struct flowcsv {
	struct lines lines;
	bool mapped;
	size_t n;
	uint8_t column[FIELDS_MAX]; /* enum column; COLUMNS_N: of no interest */
	char reason[80];
};

/* What a line says, before it is a flow. */
struct row {
	uint64_t v[COLUMNS_N];
	struct addr a[COLUMNS_N];
};

static bool
is_header(struct span line)
{
	return line.n > 2 && line.p[0] == '#' && line.p[1] == ':';
}

static const char *
map_header(struct flowcsv *c, struct span line)
{
	bool have[COLUMNS_N + 1] = {false};
	struct span f;

	line = (struct span){line.p + 2, line.n - 2};
	for (c->n = 0; c->n < FIELDS_MAX && span_next(&line, ',', &f); c->n++) {
		uint8_t k = 0;

		while (k < COLUMNS_N && !span_is(f, columns[k].name))
			k++;
		c->column[c->n] = have[k] ? COLUMNS_N : k;
		have[k] = true;
	}
	for (size_t k = 0; k < COLUMNS_N; k++)
		if (columns[k].needed && !have[k]) {
			c->lines.unusable = true;
			snprintf(c->reason, sizeof(c->reason), "the header has no column %s", columns[k].name);
			return c->reason;
		}
	c->mapped = true;
	return NULL;
}

static const char *
read_row(struct flowcsv *c, struct span line, struct row *r)
{
	struct span f;
	size_t i;

	for (i = 0; i < c->n && span_next(&line, ',', &f); i++) {
		uint8_t k = c->column[i];

		if (k == COLUMNS_N)
			continue;
		if (columns[k].max == 0 ? span_addr(f, &r->a[k]) : span_uint(f, columns[k].max, &r->v[k]))
			continue;
		snprintf(c->reason, sizeof(c->reason), "%s is no %s", columns[k].name,
		    columns[k].max == 0 ? "address" : "number of its range");
		return c->reason;
	}
	return i < c->n ? "fields are missing" : NULL;
}

/* All zeros stand for "none" in a flow_extra. */
static struct addr
or_none(const struct addr *a)
{
	struct addr zero = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}}, none = {{0}};

	return addr_equal(a, &zero) ? none : *a;
}

static struct flow_extra
extra_of(const struct row *r)
{
	const uint64_t *v = r->v;

	return (struct flow_extra){
		.next_hop = or_none(&r->a[NEXTHOP]),
		.exporter = or_none(&r->a[EXADDR]),
		.flows = 1,
		.export_ns = (int64_t)v[UNIX_SECS] * NS_PER_S + (v[UNIX_NSECS] < NS_PER_S ? (int64_t)v[UNIX_NSECS] : 0),
		.uptime_ms = (uint32_t)v[SYSUPTIME], .first_ms = (uint32_t)v[FIRST], .last_ms = (uint32_t)v[LAST],
		.domain = (uint32_t)(v[ENGINE_TYPE] << 8 | v[ENGINE_ID]),
		.in_if = (uint32_t)v[INPUT], .out_if = (uint32_t)v[OUTPUT],
		.src_as = (uint32_t)v[SRC_AS], .dst_as = (uint32_t)v[DST_AS],
		.src_mask = (uint8_t)v[SRC_MASK], .dst_mask = (uint8_t)v[DST_MASK],
		.tos = (uint8_t)v[TOS], .version = EXPORT_FILE,
	};
}

static struct flow
flow_of(const struct row *r, struct flow_extra *x)
{
	const uint64_t *v = r->v;
	struct flow f = {
		.start_ns = x->export_ns - (int64_t)(int32_t)(x->uptime_ms - x->first_ms) * NS_PER_MS,
		.end_ns = x->export_ns - (int64_t)(int32_t)(x->uptime_ms - x->last_ms) * NS_PER_MS,
		.seen_ns = x->export_ns,
		.src = r->a[SRCADDR], .dst = r->a[DSTADDR],
		.packets = v[DPKTS], .bytes = v[DOCTETS], .sampling = 1,
		.sport = (uint16_t)v[SRCPORT], .dport = (uint16_t)v[DSTPORT],
		.proto = (uint8_t)v[PROT], .tcp_flags = (uint8_t)v[TCP_FLAGS],
	};

	if (f.proto == FLOW_ICMP || f.proto == FLOW_ICMP6) {
		x->icmp_type = (uint8_t)(f.dport >> 8);
		x->icmp_code = (uint8_t)f.dport;
		f.sport = f.dport = 0;
	}
	return f;
}

static const char *
take_line(struct source *s, struct lines *l, struct block *b, struct span line)
{
	struct flowcsv *c = s->state;
	struct row r = {{0}, {{{0}}}};
	struct flow_extra x;
	struct flow f;
	const char *why;

	if (is_header(line))
		return map_header(c, line);
	if (!c->mapped)
		return "a record before the header";
	why = read_row(c, line, &r);
	if (why != NULL)
		return why;
	x = extra_of(&r);
	f = flow_of(&r, &x);
	return lines_add(s, l, b, &f, &x);
}

static bool
flowcsv_probe(const uint8_t *head, size_t n)
{
	struct span line = {(const char *)head, n}, f;

	if (!is_header(line))
		return false;
	line = (struct span){line.p + 2, line.n - 2};
	while (span_next(&line, ',', &f) && line.p != NULL)
		for (size_t k = 0; k < COLUMNS_N; k++)
			if (span_is(f, columns[k].name))
				return true;
	return false;
}

static int
flowcsv_open(struct source *s, char *why, size_t why_size)
{
	s->state = calloc(1, sizeof(struct flowcsv));
	if (s->state != NULL)
		return 0;
	snprintf(why, why_size, "%s: out of memory", s->name);
	return ERR_NOMEM;
}

static void
flowcsv_close(struct source *s)
{
	free(s->state);
}

static int
flowcsv_read(struct source *s, struct block *b)
{
	struct flowcsv *c = s->state;

	return lines_read(s, &c->lines, b, take_line);
}

const struct source_format flowcsv_format = {"flow CSV", flowcsv_probe, flowcsv_open, flowcsv_read, flowcsv_close};
