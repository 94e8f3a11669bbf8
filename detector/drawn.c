#include "detector/drawn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "detector/pack.h"

enum { DAY_S = 86400, MISUSED_LEAST = 20 };

int
drawn_init(struct drawn *t, uint64_t seed)
{
	*t = (struct drawn){.seed = seed, .salt = seed};
	t->row = calloc(DRAWN_ROWS, sizeof(*t->row));
	return t->row != NULL ? 0 : ERR_NOMEM;
}

void
drawn_done(struct drawn *t)
{
	free(t->row);
	*t = (struct drawn){0};
}

void
drawn_clear(struct drawn *t)
{
	memset(t->row, 0, DRAWN_ROWS * sizeof(*t->row));
	t->n = 0;
	t->evicted = 0;
	t->salt = t->seed;
}

static double
worth(const struct name_row *r, int64_t now_s)
{
	return now_s > r->last_s ? r->worth * exp2(-(double)(now_s - r->last_s) / DAY_S) : r->worth;
}

static bool
same(const struct name_row *r, const uint8_t *wire, size_t len, uint16_t qtype)
{
	return r->used && r->len == len && r->qtype == qtype && memcmp(r->wire, wire, len) == 0;
}

static struct name_row *
row_for(struct drawn *t, const uint8_t *wire, size_t len, uint16_t qtype, int64_t now_s)
{
	uint64_t h = XXH3_64bits_withSeed(wire, len, t->seed) + qtype * UINT64_C(0x9e3779b97f4a7c15);
	struct name_row *r = &t->row[(h ^ h >> 32) & (DRAWN_ROWS - 1) & ~(uint64_t)(DRAWN_WAYS - 1)], *best = NULL;

	for (int i = 0; i < DRAWN_WAYS; i++)
		if (same(&r[i], wire, len, qtype))
			return &r[i];
	for (int i = 0; i < DRAWN_WAYS; i++)
		if (best == NULL || (best->used && (!r[i].used || worth(&r[i], now_s) < worth(best, now_s))))
			best = &r[i];
	if (best->used)
		t->evicted++;
	else
		t->n++;
	*best = (struct name_row){.used = true, .len = (uint8_t)len, .qtype = qtype, .first_s = now_s};
	memcpy(best->wire, wire, len);
	return best;
}

void
drawn_take(struct drawn *t, const struct addr *client, const struct pair_name *a, const struct name_slot *name, int64_t now_s)
{
	struct name_row *r;

	if (a->large == 0 || name->len == 0)
		return;
	r = row_for(t, name->wire, name->len, name->qtype, now_s);
	r->worth = worth(r, now_s) + a->large;
	if (now_s > r->last_s)
		r->last_s = now_s;
	r->large += a->large;
	r->matched += a->matched;
	r->repeat += a->repeat;
	r->bytes += a->bytes;
	r->query_bytes += a->query_bytes;
	r->size += a->size;
	if (client != NULL)
		hll_add(&r->clients, addr_hash(t->salt, client));
}

bool
name_misused(const struct name_row *r)
{
	uint64_t alone = r->large > r->matched ? r->large - r->matched : 0;

	return r->large >= MISUSED_LEAST && r->repeat + alone >= (r->large + 1) / 2;
}

double
name_clients(const struct name_row *r)
{
	return round(hll_count(&r->clients));
}

double
name_baf(const struct name_row *r)
{
	double answer = r->large > 0 ? (double)r->bytes / (double)r->large : 0;
	double query = r->matched > 0 ? (double)r->query_bytes / (double)r->matched : 0;

	return query > 0 ? answer / query : 0;
}

/* --- listing and saving --------------------------------------------------------------------------------- */

struct ranked {
	const struct name_row *row;
	double worth;
	bool misused;
};

static int
by_name(const struct name_row *a, const struct name_row *b)
{
	int c = memcmp(a->wire, b->wire, a->len < b->len ? a->len : b->len);

	return c != 0 ? c : a->len != b->len ? a->len - b->len : a->qtype - b->qtype;
}

static int
by_worth(const void *pa, const void *pb)
{
	const struct ranked *a = pa, *b = pb;

	if (a->misused != b->misused)
		return a->misused ? -1 : 1;
	if (a->worth != b->worth)
		return a->worth < b->worth ? 1 : -1;
	return by_name(a->row, b->row);
}

size_t
drawn_list(const struct drawn *t, int64_t now_s, const struct name_row **out, size_t max)
{
	struct ranked *list = calloc(t->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < DRAWN_ROWS; i++)
		if (t->row[i].used && n < t->n)
			list[n++] = (struct ranked){&t->row[i], worth(&t->row[i], now_s), name_misused(&t->row[i])};
	if (n > 1)
		qsort(list, n, sizeof(*list), by_worth);
	for (size_t i = 0; i < n && i < max; i++)
		out[i] = list[i].row;
	free(list);
	return n < max ? n : max;
}

void
hll_save(const struct hll *h, struct buf *out)
{
	for (int i = 0; i < HLL_REGISTERS;) {
		int run = 0;

		while (i + run < HLL_REGISTERS && h->reg[i + run] == 0)
			run++;
		buf_char(out, (char)run);
		i += run;
		if (i < HLL_REGISTERS)
			buf_char(out, (char)h->reg[i++]);
	}
}

void
hll_load(struct hll *h, struct cursor *c)
{
	memset(h, 0, sizeof(*h));
	for (int i = 0; i < HLL_REGISTERS && !c->bad;) {
		i += cursor_u8(c);
		if (i > HLL_REGISTERS) {
			c->bad = true;
		} else if (i < HLL_REGISTERS) {
			h->reg[i] = cursor_u8(c);
			if (h->reg[i] == 0 || h->reg[i] > 64 - HLL_BITS + 1)
				c->bad = true;
			i++;
		}
	}
	if (c->bad)
		memset(h, 0, sizeof(*h));
}

bool
name_wire_sound(const uint8_t *wire, size_t n)
{
	size_t i = 0;

	while (i < n && wire[i] != 0 && wire[i] < 64)
		i += (size_t)wire[i] + 1;
	return n > 0 && n <= DNS_NAME_WIRE && i == n - 1 && wire[i] == 0;
}

static int
by_row(const void *a, const void *b)
{
	return by_name(*(const struct name_row *const *)a, *(const struct name_row *const *)b);
}

void
drawn_save(const struct drawn *t, struct buf *out)
{
	const struct name_row **list = calloc(t->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < DRAWN_ROWS; i++)
		if (t->row[i].used && n < t->n)
			list[n++] = &t->row[i];
	if (n > 1)
		qsort(list, n, sizeof(*list), by_row);
	pack_fixed(out, t->salt);
	pack_u(out, t->evicted);
	pack_u(out, n);
	for (size_t i = 0; i < n; i++) {
		const struct name_row *r = list[i];

		pack_u(out, r->len);
		buf_bytes(out, r->wire, r->len);
		pack_u(out, r->qtype);
		hll_save(&r->clients, out);
		pack_u(out, (uint64_t)r->first_s);
		pack_u(out, (uint64_t)r->last_s);
		pack_u(out, r->large);
		pack_u(out, r->matched);
		pack_u(out, r->repeat);
		pack_u(out, r->bytes);
		pack_u(out, r->query_bytes);
		pack_u(out, r->size);
		pack_f(out, r->worth);
	}
	free(list);
}

void
drawn_load(struct drawn *t, struct cursor *c)
{
	uint64_t salt = cursor_u64(c), evicted = unpack_u(c), n = unpack_max(c, DRAWN_ROWS);

	t->salt = salt;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct name_row r = {.used = true};

		r.len = (uint8_t)unpack_bytes(c, r.wire, DNS_NAME_WIRE);
		if (!name_wire_sound(r.wire, r.len))
			c->bad = true;
		r.qtype = (uint16_t)unpack_max(c, UINT16_MAX);
		hll_load(&r.clients, c);
		r.first_s = (int64_t)unpack_max(c, PACK_NS_MAX / 1000000000);
		r.last_s = (int64_t)unpack_max(c, PACK_NS_MAX / 1000000000);
		r.large = unpack_u(c);
		r.matched = unpack_u(c);
		r.repeat = unpack_u(c);
		r.bytes = unpack_u(c);
		r.query_bytes = unpack_u(c);
		r.size = unpack_u(c);
		r.worth = unpack_f(c);
		if (!c->bad)
			*row_for(t, r.wire, r.len, r.qtype, r.last_s) = r;
	}
	t->evicted += evicted;
}
