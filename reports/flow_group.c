/* The table of groups: hashing, growing, folding, ranking. */
#include "reports/flow_group.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"

enum { AHEAD = 32, FIRST_ROWS = 1024, SAMPLE = 1024 };

struct flow_groups {
	struct flow_fields key[2];
	size_t keys, words, stride;
	unsigned char *row; /* cap of them */
	size_t n, cap, limit;
	size_t memory;
	enum flow_order keep;
	uint64_t seed;
	struct flow_sums others;
	uint64_t folded;
};

/* --- sums ----------------------------------------------------------------------------------------------------- */

static const char *const order_names[ORDERS] = {
	"flows", "packets", "bytes", "pps", "bps", "bpp", "tstart", "tend", "duration",
};

const char *
flow_order_name(enum flow_order o)
{
	return order_names[o];
}

int
flow_order_parse(const char *name, size_t n)
{
	for (int i = 0; i < ORDERS; i++)
		if (strlen(order_names[i]) == n && strncasecmp(order_names[i], name, n) == 0)
			return i;
	return ERR_INVALID;
}

static int64_t
floor_ms(int64_t ns)
{
	return ns / 1000000 - (ns % 1000000 < 0);
}

uint64_t
flow_sums_ms(const struct flow_sums *s)
{
	return s->last_ns > s->first_ns ? (uint64_t)(floor_ms(s->last_ns) - floor_ms(s->first_ns)) : 0;
}

static uint64_t
per_second(uint64_t n, const struct flow_sums *s)
{
	uint64_t ms = flow_sums_ms(s);

	return ms > 0 ? (uint64_t)((double)n / ((double)ms / 1000.0)) : 0;
}

uint64_t
flow_sums_pps(const struct flow_sums *s)
{
	return per_second(s->packets, s);
}

uint64_t
flow_sums_bps(const struct flow_sums *s)
{
	return per_second(s->bytes * 8, s);
}

uint64_t
flow_sums_bpp(const struct flow_sums *s)
{
	return s->packets > 0 ? s->bytes / s->packets : 0;
}

static inline void
add(struct flow_sums *s, const struct flow *w, uint64_t flows)
{
	if (s->flows == 0) {
		s->first_ns = w->start_ns;
		s->last_ns = w->end_ns;
	} else {
		s->first_ns = w->start_ns < s->first_ns ? w->start_ns : s->first_ns;
		s->last_ns = w->end_ns > s->last_ns ? w->end_ns : s->last_ns;
	}
	s->flows += flows;
	s->packets += w->packets;
	s->bytes += w->bytes;
	if (w->end_ns > w->start_ns)
		s->duration_ms += (uint64_t)(floor_ms(w->end_ns) - floor_ms(w->start_ns));
}

static inline uint64_t
flows_of(const struct flow_extra *x)
{
	return x != NULL && x->flows > 1 ? x->flows : 1;
}

void
flow_sums_add(struct flow_sums *s, const struct flow *w, const struct flow_extra *x)
{
	add(s, w, flows_of(x));
}

void
flow_sums_join(struct flow_sums *s, const struct flow_sums *o)
{
	if (o->flows == 0)
		return;
	if (s->flows == 0 || o->first_ns < s->first_ns)
		s->first_ns = o->first_ns;
	if (s->flows == 0 || o->last_ns > s->last_ns)
		s->last_ns = o->last_ns;
	s->flows += o->flows;
	s->packets += o->packets;
	s->bytes += o->bytes;
	s->duration_ms += o->duration_ms;
}

uint64_t
flow_sums_value(const struct flow_sums *s, enum flow_order o)
{
	switch (o) {
	case ORDER_FLOWS: return s->flows;
	case ORDER_PACKETS: return s->packets;
	case ORDER_PPS: return flow_sums_pps(s);
	case ORDER_BPS: return flow_sums_bps(s);
	case ORDER_BPP: return flow_sums_bpp(s);
	case ORDER_DURATION: return flow_sums_ms(s);
	/* the earliest first: counted down, and times before 1970 above all */
	case ORDER_TSTART: return (uint64_t)INT64_MAX - (uint64_t)s->first_ns;
	case ORDER_TEND: return (uint64_t)INT64_MAX - (uint64_t)s->last_ns;
	default: return s->bytes;
	}
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static inline struct flow_row *
row_at(const struct flow_groups *g, size_t i)
{
	return (struct flow_row *)(void *)(g->row + i * g->stride);
}

struct flow_groups *
flow_groups_new(const struct flow_groups_setup *s)
{
	struct flow_groups *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	memcpy(g->key, s->key, s->keys * sizeof(*s->key));
	g->keys = s->keys;
	g->words = s->key[0].words;
	g->stride = sizeof(struct flow_row) + g->words * sizeof(uint64_t);
	g->memory = s->memory;
	g->keep = s->keep;
	g->seed = s->seed;
	g->cap = FIRST_ROWS;
	g->limit = g->cap / 4 * 3;
	g->row = calloc(g->cap, g->stride);
	if (g->row == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

void
flow_groups_free(struct flow_groups *g)
{
	if (g == NULL)
		return;
	free(g->row);
	free(g);
}

static inline uint64_t
hash_key(const struct flow_groups *g, const uint64_t *key)
{
	return XXH3_64bits_withSeed(key, g->words * sizeof(*key), g->seed);
}

/* The upper half names the row, so that the lower one picks its place. */
static inline uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

/* A place for a row that is not in the table. */
static struct flow_row *
free_place(const struct flow_groups *g, uint64_t hash)
{
	size_t i = hash & (g->cap - 1);

	while (row_at(g, i)->tag != 0)
		i = (i + 1) & (g->cap - 1);
	return row_at(g, i);
}

static void
move_rows(struct flow_groups *g, const unsigned char *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct flow_row *r = (const struct flow_row *)(const void *)(from + i * g->stride);

		if (r->tag != 0)
			memcpy(free_place(g, hash_key(g, r->key)), r, g->stride);
	}
}

static bool
grow(struct flow_groups *g)
{
	unsigned char *old = g->row, *more;
	size_t cap = g->cap * 2;

	if (cap > g->memory / g->stride / 3 * 2 || (more = calloc(cap, g->stride)) == NULL)
		return false;
	g->row = more;
	g->cap = cap;
	g->limit = cap / 4 * 3;
	move_rows(g, old, cap / 2);
	free(old);
	return true;
}

static uint64_t
kept_by(const struct flow_groups *g, const struct flow_row *r)
{
	return g->keep == ORDER_FLOWS ? r->sums.flows : g->keep == ORDER_PACKETS ? r->sums.packets : r->sums.bytes;
}

static int
compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* About the median, from a sample at even distances. */
static uint64_t
middle(const struct flow_groups *g)
{
	uint64_t v[SAMPLE];
	size_t n = 0, step = g->cap / SAMPLE > 0 ? g->cap / SAMPLE : 1;

	for (size_t i = 0; i < g->cap && n < SAMPLE; i += step)
		if (row_at(g, i)->tag != 0)
			v[n++] = kept_by(g, row_at(g, i));
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(v[0]), compare_u64);
	return v[n / 2];
}

/* Takes those above the cut, or those at it, out of the table while there is room. */
static size_t
keep_rows(struct flow_groups *g, unsigned char *dense, size_t kept, size_t room, uint64_t cut, bool above)
{
	for (size_t i = 0; i < g->cap && kept < room; i++) {
		struct flow_row *r = row_at(g, i);
		uint64_t v = kept_by(g, r);

		if (r->tag == 0 || (above ? v <= cut : v != cut))
			continue;
		memcpy(dense + kept++ * g->stride, r, g->stride);
		r->tag = 0;
	}
	return kept;
}

/* The larger half of the rows stays, the rest becomes part of the others.  Those above the cut come first, so
 * that many rows of one size cannot push a large one out. */
static void
fold(struct flow_groups *g)
{
	uint64_t cut = middle(g);
	size_t kept = 0, room = g->limit / 8 * 5;
	unsigned char *dense = malloc(room * g->stride);

	if (dense != NULL) {
		kept = keep_rows(g, dense, 0, room, cut, true);
		if (kept < g->limit / 2)
			kept = keep_rows(g, dense, kept, g->limit / 2, cut, false);
	}
	for (size_t i = 0; i < g->cap; i++)
		if (row_at(g, i)->tag != 0) {
			flow_sums_join(&g->others, &row_at(g, i)->sums);
			g->folded++;
		}
	memset(g->row, 0, g->cap * g->stride);
	if (dense != NULL)
		move_rows(g, dense, kept);
	g->n = kept;
	free(dense);
}

/* Word by word: a call takes longer than the few words. */
static inline bool
same_key(const struct flow_groups *g, const uint64_t *a, const uint64_t *b)
{
	for (size_t i = 0; i < g->words; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static struct flow_row *
find(struct flow_groups *g, const uint64_t *key, uint64_t hash, const struct flow_extra *x)
{
	uint32_t tag = tag_of(hash);
	size_t i = hash & (g->cap - 1);
	struct flow_row *r;

	for (;; i = (i + 1) & (g->cap - 1)) {
		r = row_at(g, i);
		if (r->tag == tag && same_key(g, r->key, key))
			return r;
		if (r->tag == 0)
			break;
	}
	if (g->n >= g->limit) {
		if (!grow(g))
			fold(g);
		r = free_place(g, hash);
	}
	g->n++;
	r->tag = tag;
	r->tos = x != NULL ? x->tos : 0;
	memcpy(r->key, key, g->words * sizeof(*key));
	return r;
}

void
flow_groups_add(struct flow_groups *g, const struct flow *w, const struct flow_extra *x, const uint32_t *pick, size_t n)
{
	uint64_t key[AHEAD][FLOW_KEY_WORDS], hash[AHEAD];

	for (size_t from = 0; from < n; from += AHEAD / g->keys) {
		size_t many = n - from < AHEAD / g->keys ? n - from : AHEAD / g->keys;

		for (size_t i = 0; i < many * g->keys; i++) {
			uint32_t at = pick[from + i / g->keys];

			flow_fields_build(&g->key[i % g->keys], &w[at], x != NULL ? &x[at] : NULL, key[i]);
			hash[i] = hash_key(g, key[i]);
			__builtin_prefetch(g->row + (hash[i] & (g->cap - 1)) * g->stride, 1);
			__builtin_prefetch(g->row + (hash[i] & (g->cap - 1)) * g->stride + g->stride - 1, 1);
		}
		for (size_t i = 0; i < many * g->keys; i++) {
			uint32_t at = pick[from + i / g->keys];
			const struct flow_extra *e = x != NULL ? &x[at] : NULL;
			struct flow_row *r = find(g, key[i], hash[i], e);

			add(&r->sums, &w[at], flows_of(e));
			r->tcp_flags |= w[at].tcp_flags;
		}
	}
}

size_t
flow_groups_n(const struct flow_groups *g)
{
	return g->n;
}

const struct flow_fields *
flow_groups_key(const struct flow_groups *g)
{
	return &g->key[0];
}

const struct flow_sums *
flow_groups_others(const struct flow_groups *g)
{
	return &g->others;
}

uint64_t
flow_groups_folded(const struct flow_groups *g)
{
	return g->folded;
}

/* --- ranking ------------------------------------------------------------------------------------------------------ */

struct ranked {
	const struct flow_row *row;
	uint64_t value, bytes;
};

/* Addresses as they read, numbers as they count. */
static int
compare_keys(const struct flow_fields *k, const uint64_t *a, const uint64_t *b)
{
	int c = memcmp(a, b, k->numbers * sizeof(*a));

	for (size_t i = k->numbers; c == 0 && i < k->words; i++)
		c = a[i] < b[i] ? -1 : a[i] > b[i];
	return c;
}

static int
compare_ranked(const void *a, const void *b, void *key)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return compare_keys(key, x->row->key, y->row->key);
}

/* heap[0] is the last of those kept. */
static void
sift(struct ranked *heap, size_t n, size_t at, struct flow_fields *k)
{
	for (;;) {
		size_t child = 2 * at + 1;
		struct ranked t = heap[at];

		if (child >= n)
			return;
		if (child + 1 < n && compare_ranked(&heap[child + 1], &heap[child], k) > 0)
			child++;
		if (compare_ranked(&heap[child], &t, k) <= 0)
			return;
		heap[at] = heap[child];
		heap[child] = t;
		at = child;
	}
}

static size_t
collect(const struct flow_groups *g, enum flow_order o, size_t top, struct ranked *list,
    bool (*skip)(const struct flow_fields *k, const struct flow_row *r))
{
	struct flow_fields key = g->key[0];
	size_t n = 0;

	for (size_t i = 0; i < g->cap; i++) {
		const struct flow_row *r = row_at(g, i);
		struct ranked one = {r, 0, r->sums.bytes};

		if (r->tag == 0 || (skip != NULL && skip(&g->key[0], r)))
			continue;
		one.value = flow_sums_value(&r->sums, o);
		if (n < top) {
			list[n++] = one;
			if (n == top)
				for (size_t at = n / 2; at-- > 0;)
					sift(list, n, at, &key);
		} else if (compare_ranked(&one, &list[0], &key) < 0) {
			list[0] = one;
			sift(list, n, 0, &key);
		}
	}
	return n;
}

const struct flow_row **
flow_groups_rank(const struct flow_groups *g, enum flow_order o, size_t top,
    bool (*skip)(const struct flow_fields *k, const struct flow_row *r), size_t *n)
{
	size_t room = top > 0 && top < g->n ? top : g->n;
	struct ranked *list = room > 0 ? malloc(room * sizeof(*list)) : NULL;
	const struct flow_row **out = room > 0 ? malloc(room * sizeof(*out)) : NULL;
	struct flow_fields key = g->key[0];

	*n = room;
	if (list == NULL || out == NULL) {
		free(list);
		free(out);
		return NULL;
	}
	*n = collect(g, o, room, list, skip);
	qsort_r(list, *n, sizeof(*list), compare_ranked, &key);
	for (size_t i = 0; i < *n; i++)
		out[i] = list[i].row;
	free(list);
	return out;
}
