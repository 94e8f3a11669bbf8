#include "detector/ledger.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "detector/pack.h"
#include "detector/shard.h"

enum { HOUR_S = 3600, DAY_S = 86400, HALF_LIFE_S = 7 * DAY_S };

int
ledger_init(struct ledger *l, uint64_t seed)
{
	*l = (struct ledger){.seed = seed};
	l->row = calloc(LEDGER_ROWS, sizeof(*l->row));
	return l->row != NULL ? 0 : ERR_NOMEM;
}

void
ledger_done(struct ledger *l)
{
	free(l->row);
	*l = (struct ledger){0};
}

void
ledger_clear(struct ledger *l)
{
	memset(l->row, 0, LEDGER_ROWS * sizeof(*l->row));
	l->n = 0;
	l->evicted = 0;
}

double
ledger_worth(const struct ledger_row *r, int64_t now_s)
{
	return now_s > r->last_s ? r->worth * exp2(-(double)(now_s - r->last_s) / HALF_LIFE_S) : r->worth;
}

static struct ledger_row *
bucket(const struct ledger *l, const struct addr *a)
{
	return &l->row[addr_hash(l->seed, a) & (LEDGER_ROWS - 1) & ~(uint64_t)(LEDGER_WAYS - 1)];
}

const struct ledger_row *
ledger_find(const struct ledger *l, const struct addr *a)
{
	const struct ledger_row *r = bucket(l, a);

	for (int i = 0; i < LEDGER_WAYS; i++)
		if (r[i].used && addr_equal(&r[i].addr, a))
			return &r[i];
	return NULL;
}

/* Finds or makes; a full bucket gives up its least worthy. */
static struct ledger_row *
row_for(struct ledger *l, const struct addr *a, int64_t now_s)
{
	struct ledger_row *r = bucket(l, a), *best = NULL;

	for (int i = 0; i < LEDGER_WAYS; i++)
		if (r[i].used && addr_equal(&r[i].addr, a))
			return &r[i];
	for (int i = 0; i < LEDGER_WAYS; i++)
		if (best == NULL || (best->used && (!r[i].used || ledger_worth(&r[i], now_s) < ledger_worth(best, now_s))))
			best = &r[i];
	if (best->used)
		l->evicted++;
	else
		l->n++;
	*best = (struct ledger_row){.addr = *a, .used = true, .bits = 128};
	return best;
}

static bool
counts(const struct alert *a)
{
	return (a->subject.type == SUBJECT_HOST || alert_of_customer(a)) && a->kind <= KIND_UDP_AMPLIFICATION_REFLECTOR;
}

/* How many units (hours, days) of [from, to] lie behind the last one that was counted. */
static uint32_t
fresh_units(int64_t from, int64_t to, int64_t last, bool any, int64_t unit)
{
	int64_t a = from / unit, b = to / unit;

	if (any && a <= last / unit)
		a = last / unit + 1;
	return b >= a ? (uint32_t)(b - a + 1) : 0;
}

const struct ledger_row *
ledger_add(struct ledger *l, const struct alert *a, const struct ledger_gain *g)
{
	struct ledger_row *r;
	bool any;
	int64_t to = g->to_s < g->from_s ? g->from_s : g->to_s;

	if (!counts(a))
		return NULL;
	r = row_for(l, &a->subject.prefix.addr, to);
	any = r->last_s != 0;
	r->days += fresh_units(g->from_s, to, r->last_s, any, DAY_S);
	r->hours += fresh_units(g->from_s, to, r->last_s, any, HOUR_S);
	if (!any || g->from_s < r->first_s)
		r->first_s = g->from_s;
	r->worth = ledger_worth(r, to) + (double)g->queries;
	if (to > r->last_s)
		r->last_s = to;
	r->queries += g->queries;
	r->bytes += g->bytes;
	r->alerts += g->opened;
	r->bits = a->subject.prefix.bits;
	r->role = (uint8_t)a->role;
	r->kind = (uint8_t)a->kind;
	return r;
}

/* --- listing and saving ------------------------------------------------------------------------------- */

struct ranked {
	const struct ledger_row *row;
	double worth;
};

static int
by_worth(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;

	if (a->worth != b->worth)
		return a->worth < b->worth ? 1 : -1;
	return addr_cmp(&a->row->addr, &b->row->addr);
}

size_t
ledger_list(const struct ledger *l, int64_t now_s, const struct ledger_row **out, size_t max)
{
	struct ranked *list = calloc(l->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < LEDGER_ROWS; i++)
		if (l->row[i].used && n < l->n)
			list[n++] = (struct ranked){&l->row[i], ledger_worth(&l->row[i], now_s)};
	if (n > 1)
		qsort(list, n, sizeof(*list), by_worth);
	for (size_t i = 0; i < n && i < max; i++)
		out[i] = list[i].row;
	free(list);
	return n < max ? n : max;
}

static int
by_address(const void *a, const void *b)
{
	return addr_cmp(&(*(const struct ledger_row *const *)a)->addr, &(*(const struct ledger_row *const *)b)->addr);
}

void
ledger_save(const struct ledger *l, int64_t now_s, struct buf *out)
{
	const struct ledger_row **list = calloc(l->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < LEDGER_ROWS; i++)
		if (l->row[i].used && n < l->n && now_s - l->row[i].last_s <= (int64_t)LEDGER_FORGET_DAYS * DAY_S)
			list[n++] = &l->row[i];
	if (n > 1)
		qsort(list, n, sizeof(*list), by_address);
	pack_u(out, l->evicted);
	pack_u(out, n);
	for (size_t i = 0; i < n; i++) {
		const struct ledger_row *r = list[i];

		pack_addr(out, &r->addr);
		pack_u(out, r->bits);
		pack_u(out, r->role);
		pack_u(out, r->kind);
		pack_u(out, r->alerts);
		pack_u(out, r->days);
		pack_u(out, r->hours);
		pack_u(out, (uint64_t)r->first_s);
		pack_u(out, (uint64_t)(r->last_s - r->first_s));
		pack_u(out, r->queries);
		pack_u(out, r->bytes);
		pack_f(out, r->worth);
	}
	free(list);
}

void
ledger_load(struct ledger *l, struct cursor *c)
{
	uint64_t evicted = unpack_u(c), n = unpack_max(c, LEDGER_ROWS);

	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct ledger_row r = {.used = true, .addr = unpack_addr(c)};

		r.bits = (uint8_t)unpack_max(c, 128);
		r.role = (uint8_t)unpack_max(c, ALERT_ROLES - 1);
		r.kind = (uint8_t)unpack_max(c, ALERT_KINDS - 1);
		r.alerts = unpack_u32(c);
		r.days = unpack_u32(c);
		r.hours = unpack_u32(c);
		r.first_s = (int64_t)unpack_max(c, PACK_NS_MAX / 1000000000);
		r.last_s = r.first_s + (int64_t)unpack_max(c, PACK_NS_MAX / 1000000000);
		r.queries = unpack_u(c);
		r.bytes = unpack_u(c);
		r.worth = unpack_f(c);
		if (!c->bad)
			*row_for(l, &r.addr, r.last_s) = r;
	}
	l->evicted += evicted;
}
