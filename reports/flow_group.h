/* Flows summed up by a key: the table behind every statistic of flow records.
 *
 * Open addressing, one row of 56 bytes plus the key; a batch is hashed first and its rows fetched ahead, so that the
 * waits for memory overlap.  The table grows up to a budget.  Beyond it the smaller half of the rows
 * (by bytes, packets or flows, as `keep` says) is folded into one row of "others": its sums stay exact, rows that came
 * back after that are lower bounds, and `folded` counts them.
 *
 * Owns its rows; they may move with every flow_groups_add.  Not for several threads at once.
 * RAM: at most `memory` bytes, 1.5 times the table while it grows or folds.
 */
#ifndef REPORTS_FLOW_GROUP_H
#define REPORTS_FLOW_GROUP_H

#include "reports/flow_field.h"

struct flow_sums {
	int64_t first_ns, last_ns; /* of all flows; meaningless while flows is 0 */
	uint64_t flows, packets, bytes;
	uint64_t duration_ms;      /* the sum of their durations */
};

void flow_sums_add(struct flow_sums *s, const struct flow *w, const struct flow_extra *x);
void flow_sums_join(struct flow_sums *s, const struct flow_sums *other);

/* What rows can be ordered by. */
enum flow_order {
	ORDER_FLOWS, ORDER_PACKETS, ORDER_BYTES, ORDER_PPS, ORDER_BPS, ORDER_BPP, ORDER_TSTART, ORDER_TEND, ORDER_DURATION,
	ORDERS
};
const char *flow_order_name(enum flow_order o);
int flow_order_parse(const char *name, size_t n); /* enum flow_order, or ERR_INVALID */
/* Figures as flow tools count them: over whole milliseconds from the first to the last, cut to integers; 0 where there is
 * no time, or no packet. */
uint64_t flow_sums_ms(const struct flow_sums *s);
uint64_t flow_sums_pps(const struct flow_sums *s);
uint64_t flow_sums_bps(const struct flow_sums *s);
uint64_t flow_sums_bpp(const struct flow_sums *s);
/* What an order compares: more stands first. */
uint64_t flow_sums_value(const struct flow_sums *s, enum flow_order o);

struct flow_row {
	uint32_t tag;    /* of the hash; 0: empty */
	uint8_t tcp_flags, tos, proto; /* flags of all, the rest of the first */
	uint8_t unused;
	struct flow_sums sums;
	uint64_t key[];
};

struct flow_groups_setup {
	const struct flow_fields *key; /* copied; two of the same shape: each flow counts for both */
	size_t keys;
	size_t memory;              /* bytes */
	enum flow_order keep;       /* flows, packets or bytes */
	uint64_t seed;
};

struct flow_groups;
struct flow_groups *flow_groups_new(const struct flow_groups_setup *s); /* NULL: out of memory */
void flow_groups_free(struct flow_groups *g);

/* Adds flows pick[0..n) of a batch; x may be NULL. */
void flow_groups_add(struct flow_groups *g, const struct flow *w, const struct flow_extra *x, const uint32_t *pick,
    size_t n);

size_t flow_groups_n(const struct flow_groups *g);
const struct flow_fields *flow_groups_key(const struct flow_groups *g);
const struct flow_sums *flow_groups_others(const struct flow_groups *g); /* flows 0: nothing was folded */
uint64_t flow_groups_folded(const struct flow_groups *g);               /* rows that went into it */

/* The first `top` rows (0: all) by an order, largest first (tstart and tend: earliest first); of equals the one with more
 * bytes, then the lower key.  Rows for which `skip` says yes are left out.  A new array of pointers, NULL and *n 0 when
 * there are none; NULL and *n > 0: out of memory.  Valid until the next flow_groups_add. */
const struct flow_row **flow_groups_rank(const struct flow_groups *g, enum flow_order o, size_t top,
    bool (*skip)(const struct flow_fields *k, const struct flow_row *r), size_t *n);

#endif
