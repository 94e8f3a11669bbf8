/* Statistics of flows: "-s dstip/bytes" and its like, top rows with their shares.
 *
 * One statistic is one table of groups and any number of orders to show it in.  A statistic of both ends (ip, port, as,
 * if, mask, vlan, net) counts a flow for each, also where both are the same.  AS_TRANS (23456) is no network: it
 * is not ranked, and stands behind the others.
 */
#ifndef REPORTS_FLOW_STAT_H
#define REPORTS_FLOW_STAT_H

#include "reports/flow_text.h"

enum { STAT_ORDERS = 4 };

/* Where rows go: after each of them, a buffer that has become long is handed over and must come back empty. */
struct flow_sink {
	struct buf buf;
	void (*take)(void *ctx, struct buf *b);
	void *ctx;
};
enum { FLOW_SINK_BYTES = 1 << 16 };

static inline void
flow_sink_row(struct flow_sink *s)
{
	if (s->buf.len >= FLOW_SINK_BYTES)
		s->take(s->ctx, &s->buf);
}

struct flow_stat {
	char title[40];      /* "Dst IP Addr"; "flows" of a statistic of records */
	char name[40];       /* "dstip" */
	bool record;         /* rows are shown as records */
	bool by_proto;
	struct flow_fields key[2];
	size_t keys;
	enum flow_order order[STAT_ORDERS];
	size_t orders;
};

/* From "dstip", "dstip:p/bytes/bpp", "record/bytes"; `record` is the list of fields that makes a record.  0, or
 * ERR_INVALID and a reason. */
int flow_stat_parse(struct flow_stat *t, const char *text, const char *record, char *why, size_t why_size);
/* The names that "-s" knows, for help: NULL behind the last. */
const char *flow_stat_name(size_t i);

/* All its orders, `top` rows each (0: all).  0 or ERR_NOMEM. */
int flow_stat_print(struct flow_sink *to, const struct flow_style *s, const struct flow_stat *t,
    const struct flow_groups *g, size_t top, const struct flow_totals *totals);
/* The key as a list in one order, such as -A prints: its fields as columns, or as records in the style's format. */
int flow_list_print(struct flow_sink *to, const struct flow_style *s, const struct flow_groups *g, enum flow_order order,
    size_t top, bool as_records);

#endif
