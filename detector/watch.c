#include "detector/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "detector/pair_names.h"

const uint32_t watch_window_s[WATCH_WINDOWS] = {W1, W10 * 10};

void
cell_add(struct cell *s, const struct cell *x)
{
	s->queries += x->queries;
	s->any_queries += x->any_queries;
	s->answers += x->answers;
	s->answer_packets += x->answer_packets;
	s->large += x->large;
	s->matched += x->matched;
	s->repeat += x->repeat;
	s->later_packets += x->later_packets;
	s->ticks += x->ticks;
	s->peers += x->peers;
	s->amid += x->amid;
	s->back += x->back;
	s->fresh += x->fresh;
	s->query_bytes += x->query_bytes;
	s->answer_bytes += x->answer_bytes;
	s->large_bytes += x->large_bytes;
	s->large_size += x->large_size;
	s->large_query_bytes += x->large_query_bytes;
	s->later_bytes += x->later_bytes;
}

static void
cell_sub(struct cell *s, const struct cell *x)
{
	s->queries -= x->queries;
	s->any_queries -= x->any_queries;
	s->answers -= x->answers;
	s->answer_packets -= x->answer_packets;
	s->large -= x->large;
	s->matched -= x->matched;
	s->repeat -= x->repeat;
	s->later_packets -= x->later_packets;
	s->ticks -= x->ticks;
	s->peers -= x->peers;
	s->amid -= x->amid;
	s->back -= x->back;
	s->fresh -= x->fresh;
	s->query_bytes -= x->query_bytes;
	s->answer_bytes -= x->answer_bytes;
	s->large_bytes -= x->large_bytes;
	s->large_size -= x->large_size;
	s->large_query_bytes -= x->large_query_bytes;
	s->later_bytes -= x->later_bytes;
}

int
watches_init(struct watches *w, uint32_t cap)
{
	memset(w, 0, sizeof(*w));
	w->cap = cap;
	for (w->slots = 64; w->slots < cap * 2; w->slots *= 2)
		;
	/* calloc of this size comes from fresh zero pages: unused watches cost no memory */
	w->pool = calloc(cap, sizeof(*w->pool));
	w->slot = calloc(w->slots, sizeof(*w->slot));
	w->order = calloc(cap, sizeof(*w->order));
	if (w->pool == NULL || w->slot == NULL || w->order == NULL) {
		watches_done(w);
		return ERR_NOMEM;
	}
	return 0;
}

void
watches_done(struct watches *w)
{
	free(w->pool);
	free(w->slot);
	free(w->order);
	memset(w, 0, sizeof(*w));
}

void
watches_clear(struct watches *w)
{
	for (uint32_t i = 0; i < w->used; i++)
		memset(&w->pool[w->order[i]], 0, sizeof(w->pool[0]));
	memset(w->slot, 0, w->slots * sizeof(*w->slot));
	w->used = 0;
	w->rover = 0;
}

void
watches_blind(struct watches *w, uint32_t from, uint32_t ticks)
{
	for (uint32_t i = 0; i < w->used; i++)
		for (uint32_t t = 0; t < ticks; t++)
			watch_close_tick(&w->pool[w->order[i]], from + t);
}

static uint64_t
watch_key(uint64_t seed, const struct addr *a, enum watch_side side, uint8_t service)
{
	uint64_t h = addr_hash(seed, a) + ((uint64_t)side << 8 | service) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	return h != 0 ? h : 1;
}

static uint32_t
slot_for(const struct watches *w, uint64_t key)
{
	uint32_t i = (uint32_t)key & (w->slots - 1);

	while (w->slot[i] != 0 && w->pool[w->slot[i] - 1].key != key)
		i = (i + 1) & (w->slots - 1);
	return i;
}

struct watch *
watches_find(const struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side, uint8_t service)
{
	uint32_t i = slot_for(w, watch_key(seed, a, side, service));

	return w->slot[i] != 0 ? &w->pool[w->slot[i] - 1] : NULL;
}

void
watches_free(struct watches *w, struct watch *x)
{
	uint32_t i = slot_for(w, x->key), j = i, mask = w->slots - 1;

	if (w->slot[i] == 0)
		return;
	w->slot[i] = 0;
	for (;;) { /* close the gap, so that probing needs no tombstones */
		uint32_t home;

		j = (j + 1) & mask;
		if (w->slot[j] == 0)
			break;
		home = (uint32_t)w->pool[w->slot[j] - 1].key & mask;
		if (((j - home) & mask) >= ((j - i) & mask)) {
			w->slot[i] = w->slot[j];
			w->slot[j] = 0;
			i = j;
		}
	}
	w->order[x->at] = w->order[--w->used];
	w->pool[w->order[x->at]].at = x->at;
	memset(x, 0, sizeof(*x));
}

/* Seconds with large answers in the long window, as far as they are known; several answers in one second are no chance either. */
static uint32_t
evidence(const struct watch *x, uint32_t tick)
{
	const struct cell *c = &x->sum[WINDOW_LONG];
	uint32_t seen = c->ticks, before = tick - x->last_tick <= W10 * 10 ? x->drawn + 1u : 0;

	if (seen == 1 && (x->service == SERVICE_DNS ? c->large : c->answers) > 1)
		seen = 2;
	return seen > before ? seen : before;
}

enum { ANY_CLAIM = UINT8_MAX };

/* A free place in the pool.  A full pool gives up the watch of a stretch that has the least evidence, of equals the
 * longest quiet, clock-wise, so that making room stays cheap when many come at once. */
static struct watch *
take_place(struct watches *w, uint32_t tick, uint32_t claim)
{
	struct watch *best = NULL;
	uint32_t least = UINT32_MAX;

	if (w->used < w->cap) {
		while (w->pool[w->rover].key != 0)
			w->rover = (w->rover + 1) % w->cap;
		return &w->pool[w->rover];
	}
	for (uint32_t i = 0; i < 64; i++) {
		struct watch *x = &w->pool[w->rover];

		w->rover = (w->rover + 1) % w->cap;
		if (x->life.alert != 0 || x->touched == tick)
			continue;
		uint32_t worth = evidence(x, tick);

		if (worth < least || (worth == least && x->last_tick < best->last_tick)) {
			best = x;
			least = worth;
		}
	}
	if (best != NULL && least > 1 && least >= claim)
		best = NULL;
	if (best != NULL) {
		w->evicted++;
		watches_free(w, best);
	}
	return best;
}

static struct watch *
find_or_make(struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side, uint8_t service, uint32_t tick,
    uint32_t claim)
{
	uint64_t key = watch_key(seed, a, side, service);
	uint32_t i = slot_for(w, key);
	struct watch *x;

	if (w->slot[i] != 0)
		return &w->pool[w->slot[i] - 1];
	x = take_place(w, tick, claim);
	if (x == NULL)
		return NULL;
	i = slot_for(w, key); /* making room may have moved slots */
	memset(x, 0, sizeof(*x));
	x->key = key;
	x->addr = *a;
	x->side = (uint8_t)side;
	x->service = service;
	x->sampling = 1;
	x->peers_tick = x->born = tick;
	w->slot[i] = (uint32_t)(x - w->pool) + 1;
	x->at = w->used;
	w->order[w->used++] = (uint32_t)(x - w->pool);
	return x;
}

struct watch *
watches_get(struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side, uint8_t service,
    uint32_t tick)
{
	return find_or_make(w, seed, a, side, service, tick, ANY_CLAIM);
}

struct watch *
watches_admit(struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side, uint8_t service, uint32_t tick,
    uint8_t drawn, bool several)
{
	struct watch *x = find_or_make(w, seed, a, side, service, tick, drawn + 1u + several);

	if (x != NULL && x->drawn < drawn)
		x->drawn = drawn;
	return x;
}

void
watch_take_peer(struct watch *w, const struct addr *peer, uint64_t answers, uint64_t bytes)
{
	int least = 0;

	for (int i = 0; i < WATCH_PEERS; i++) {
		if (w->peer[i].answers != 0 && addr_equal(&w->peer[i].addr, peer)) {
			w->peer[i].answers += answers;
			w->peer[i].bytes += bytes;
			return;
		}
		if (w->peer[i].answers < w->peer[least].answers)
			least = i;
	}
	/* Space-Saving with eight counters: the newcomer inherits the smallest */
	w->peer[least].addr = *peer;
	w->peer[least].answers += answers;
	w->peer[least].bytes += bytes;
}

static void
take_name(struct watch *w, const struct name_slot *n, uint64_t count)
{
	int least = 0;

	for (int i = 0; i < WATCH_NAMES; i++) {
		if (w->name[i].hash == n->hash && w->name[i].qtype == n->qtype) {
			w->name[i].count += count;
			return;
		}
		if (w->name[i].count < w->name[least].count)
			least = i;
	}
	w->name[least].hash = n->hash;
	w->name[least].qtype = n->qtype;
	w->name[least].len = n->len;
	memcpy(w->name[least].wire, n->wire, n->len);
	w->name[least].count += count;
}

void
watch_set_name(struct watch *w, const uint8_t *wire, size_t len, uint16_t qtype, uint64_t count)
{
	struct watch_name *n = &w->name[0];

	if (len == 0 || len > sizeof(n->wire))
		return;
	n->hash = 1;
	n->len = (uint8_t)len;
	n->qtype = qtype;
	memcpy(n->wire, wire, len);
	n->count += count;
}

/* --- records ------------------------------------------------------------------------------------- */

/* The part of x that falls into [a, b) of d equal steps; parts that meet add up to x.  Single items lie in the middle
 * of their share, so that neither the beginning nor the end of a record gets more than its own. */
static struct cell
cell_part(const struct cell *x, uint64_t a, uint64_t b, uint64_t d)
{
#define PART(f) ((2 * x->f * b + d) / (2 * d) - (2 * x->f * a + d) / (2 * d))
#define PART32(f) ((uint32_t)((2 * (uint64_t)x->f * b + d) / (2 * d) - (2 * (uint64_t)x->f * a + d) / (2 * d)))
	return (struct cell){
		.queries = PART32(queries), .any_queries = PART32(any_queries), .answers = PART32(answers),
		.answer_packets = PART32(answer_packets), .large = PART32(large), .matched = PART32(matched),
		.repeat = PART32(repeat), .later_packets = PART32(later_packets), .peers = PART32(peers), .amid = PART32(amid),
		.back = PART32(back), .fresh = PART32(fresh),
		.query_bytes = PART(query_bytes), .answer_bytes = PART(answer_bytes), .large_bytes = PART(large_bytes),
		.large_size = PART(large_size), .large_query_bytes = PART(large_query_bytes), .later_bytes = PART(later_bytes),
	};
#undef PART
#undef PART32
}

/* What makes a second an active one. */
static uint32_t
activity(const struct watch *w, const struct cell *c)
{
	return w->service == SERVICE_DNS ? c->large : w->service == SERVICE_NONE ? c->queries : c->answers;
}

/* What counts for the slow ones.  People together draw large answers all the time: of them only those that are odd. */
static uint32_t
slow_count(const struct watch *w, const struct cell *c)
{
	uint32_t any = c->any_queries < c->large ? c->any_queries : c->large;

	if (w->side < SIDE_PREFIX || w->counted)
		return activity(w, c);
	return any > c->repeat ? any : c->repeat;
}

/* Adds a part that covers `seconds` to a slot and its window's sum. */
static void
slot_add(const struct watch *w, struct cell *slot, struct cell *sum, struct cell part, uint32_t seconds, uint32_t most)
{
	uint32_t n = activity(w, &part);

	part.ticks = n < seconds ? n : seconds;
	if (slot->ticks + part.ticks > most)
		part.ticks = slot->ticks < most ? most - slot->ticks : 0;
	cell_add(slot, &part);
	cell_add(sum, &part);
}

enum {
	MS = 1000000,
	COVER_S = 2 * 3600, /* the longest cover that is believed */
};

struct spread {
	struct watch *w;
	const struct cell *c;
	int64_t from, to, now; /* ms; now: the current tick begins */
};

/* The part between two times before the current tick. */
static struct cell
spread_part(const struct spread *s, int64_t a, int64_t b, uint32_t *seconds)
{
	if (a < s->from)
		a = s->from;
	if (b > s->now)
		b = s->now;
	if (b > s->to)
		b = s->to;
	if (b <= a) {
		*seconds = 0;
		return (struct cell){0};
	}
	*seconds = (uint32_t)((b - a + 999) / 1000);
	return cell_part(s->c, (uint64_t)(a - s->from), (uint64_t)(b - s->from), (uint64_t)(s->to - s->from));
}

static void
spread_windows(const struct spread *s, uint32_t tick)
{
	struct watch *w = s->w;
	uint32_t seconds;

	for (uint32_t k = 1; k < W1 && k < tick; k++) {
		struct cell part = spread_part(s, s->now - k * 1000, s->now - (k - 1) * 1000, &seconds);

		if (seconds > 0)
			slot_add(w, &w->w1[(tick - k) % W1], &w->sum[WINDOW_SHORT], part, 1, 1);
	}
	for (uint32_t k = 0; k < W10 && k <= tick / 10; k++) {
		int64_t begin = s->now - (int64_t)(tick - (tick / 10 - k) * 10) * 1000;
		struct cell part = spread_part(s, begin, begin + 10000, &seconds);

		if (seconds > 0)
			slot_add(w, &w->w10[(tick / 10 - k) % W10], &w->sum[WINDOW_LONG], part, seconds, k > 0 ? 10 : tick % 10);
	}
	for (uint32_t k = 0; k < W60 && k <= tick / 60; k++) {
		int64_t begin = s->now - (int64_t)(tick - (tick / 60 - k) * 60) * 1000;
		struct cell part = spread_part(s, begin, begin + 60000, &seconds);

		if (seconds > 0)
			w->w60[(tick / 60 - k) % W60] += slow_count(w, &part);
	}
}

void
watch_spread(struct watch *w, const struct cell *c, int64_t from_ns, int64_t to_ns, uint32_t tick, int64_t begin_ns)
{
	struct spread s = {.w = w, .c = c, .from = from_ns / MS, .to = to_ns / MS, .now = begin_ns / MS};
	struct cell part;
	uint32_t seconds;

	if (s.to > s.now + 1000)
		s.to = s.now + 1000;
	if (s.from < s.to - COVER_S * INT64_C(1000))
		s.from = s.to - COVER_S * INT64_C(1000);
	if (s.to <= s.from)
		s.from = s.to - 1;
	if (s.to > s.now) {
		int64_t a = s.from > s.now ? s.from : s.now;

		part = cell_part(c, (uint64_t)(a - s.from), (uint64_t)(s.to - s.from), (uint64_t)(s.to - s.from));
		cell_add(&w->now, &part);
	}
	spread_windows(&s, tick);
	part = spread_part(&s, s.from, s.now, &seconds);
	part.ticks = activity(w, &part) < seconds ? activity(w, &part) : seconds;
	if (w->total.ticks == 0 && part.ticks > 0)
		w->first_tick = tick > seconds ? tick - seconds : 1;
	cell_add(&w->total, &part);
	w->last_tick = tick;
}

enum { FRAGMENTS_MOST = 6 }; /* of one answer: a DNS message is 8 KiB at most in practice */

struct cell
watch_cell(const struct watch *w, enum watch_sum which)
{
	struct cell c = which == SUM_TOTAL ? w->total : w->sum[which];
	uint32_t small, left, packets = c.large;

	if (!w->counted)
		return c;
	if (w->service != SERVICE_DNS) {
		if (w->service != SERVICE_NONE)
			/* whether a first fragment was there, records do not say */
			c.matched = w->service == SERVICE_FRAGMENT || c.queries > c.answers ? c.answers : c.queries;
		return c;
	}
	small = c.answers > c.large ? c.answers - c.large : 0;
	left = c.queries > small ? c.queries - small : 0;
	if ((uint64_t)left * FRAGMENTS_MOST >= packets && left < packets) {
		if (w->records) {
			c.large = left;
			c.answers -= packets - left;
		} else { /* each sampled answer is one; of the queries the sampling drew fewer */
			left = packets;
		}
	}
	c.matched = left < c.large ? left : c.large;
	c.large_query_bytes = c.queries > 0 ? c.query_bytes * c.matched / c.queries : 0;
	if (packets > 0) {
		uint64_t later = packets - c.large, all = packets + c.later_packets;

		c.later_bytes += c.large_bytes > c.later_bytes ? (c.large_bytes - c.later_bytes) * later / packets : 0;
		c.later_packets += (uint32_t)later;
		/* IP and UDP headers off: what the message itself measures */
		c.large_size = c.large_bytes > 8 * c.large + 20 * all ? c.large_bytes - 8 * c.large - 20 * all : 0;
	}
	return c;
}

/* --- pairs --------------------------------------------------------------------------------------- */

struct cell
cell_of_pair(const struct pair *p)
{
	return (struct cell){
		.queries = p->queries, .any_queries = p->any_queries, .answers = p->answers,
		.answer_packets = p->answer_packets, .large = p->large, .matched = p->matched, .repeat = p->repeat,
		.later_packets = p->later_packets, .peers = (p->service == SERVICE_DNS ? p->large : p->answers) > 0, .query_bytes = p->query_bytes,
		.answer_bytes = p->answer_bytes, .large_bytes = p->large_bytes + (p->large > 0 || p->owned ? p->later_bytes : 0),
		.large_size = p->large_size, .large_query_bytes = p->large_query_bytes, .later_bytes = p->later_bytes,
	};
}

void
watch_take(struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names, uint32_t tick, int64_t begin_ns)
{
	const struct cell c = cell_of_pair(p);

	watch_take_as(w, p, &c, peer, peer_hash, names, tick, begin_ns);
}

void
watch_take_as(struct watch *w, const struct pair *p, const struct cell *c, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names, uint32_t tick, int64_t begin_ns)
{
	uint32_t weight = p->service == SERVICE_DNS ? p->large : p->answers;

	if (p->first_ns != 0 && w->first_ns == 0)
		w->first_ns = p->first_ns;
	w->counted = w->counted || p->counted;
	w->web = w->web || p->web;
	w->records = w->records || p->to_ns != 0;
	if (p->to_ns != 0 && p->from_ns < begin_ns)
		watch_spread(w, c, p->from_ns, p->to_ns, tick, begin_ns);
	else
		cell_add(&w->now, c);
	if (p->one_flow > w->one_flow)
		w->one_flow = p->one_flow;
	size_counts_add(&w->sizes, &p->sizes, tick);
	w->touched = tick;
	if (p->sampling > w->sampling)
		w->sampling = p->sampling;
	if (weight == 0)
		return;
	if (p->to_ns == 0 && begin_ns + p->last_at * INT64_C(3906250) > w->last_ns)
		w->last_ns = begin_ns + p->last_at * INT64_C(3906250);
	else if (p->to_ns > w->last_ns)
		w->last_ns = p->to_ns;
	if (w->recent_ns[0] < begin_ns) {
		w->recent_ns[1] = w->recent_ns[0];
		w->recent_ns[0] = p->first_ns;
	} else if (p->first_ns < w->recent_ns[0]) {
		w->recent_ns[0] = p->first_ns;
	}
	if (peer != NULL) {
		hll_add(&w->peers[0], peer_hash);
		watch_take_peer(w, peer, weight, p->answer_bytes);
	} else {
		/* a crowd, each of it seen a few times at most: as many as it has packets over eight */
		for (uint32_t i = 0; i < weight / 8 && i < 4096; i++) {
			uint64_t h = (peer_hash + i) * UINT64_C(0x9e3779b97f4a7c15);

			/* multiples of a constant spread too evenly for a sketch that expects chance */
			h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
			hll_add(&w->peers[0], h ^ h >> 32);
		}
	}
	for (const struct pair_name *a = names != NULL ? pair_names_next(names, p, NULL) : NULL; a != NULL; a = pair_names_next(names, p, a))
		take_name(w, &names->name[a->name], a->large);
}

/* A server answers for days: who is loud now must not drown in what came before. */
static void
fade_peers(struct watch *w)
{
	for (int i = 0; i < WATCH_PEERS; i++) {
		w->peer[i].answers /= 2;
		w->peer[i].bytes /= 2;
	}
}

void
watch_close_tick(struct watch *w, uint32_t tick)
{
	bool active = activity(w, &w->now) > 0;
	struct cell zero = {0};

	if (tick - w->peers_tick >= 60) {
		w->peers[1] = w->peers[0];
		memset(&w->peers[0], 0, sizeof(w->peers[0]));
		w->peers_tick = tick;
		if (w->side == SIDE_SERVER && w->life.alert == 0)
			fade_peers(w);
	}
	w->now.ticks = active;
	/* each slot is emptied when its time comes round again */
	cell_sub(&w->sum[WINDOW_SHORT], &w->w1[tick % W1]);
	w->w1[tick % W1] = w->now;
	cell_add(&w->sum[WINDOW_SHORT], &w->now);
	if (tick % 10 == 0) {
		cell_sub(&w->sum[WINDOW_LONG], &w->w10[tick / 10 % W10]);
		w->w10[tick / 10 % W10] = zero;
	}
	cell_add(&w->w10[tick / 10 % W10], &w->now);
	cell_add(&w->sum[WINDOW_LONG], &w->now);
	if (tick % 60 == 0)
		w->w60[tick / 60 % W60] = 0;
	w->w60[tick / 60 % W60] += slow_count(w, &w->now);
	if (active && w->total.ticks == 0)
		w->first_tick = tick;
	if (active)
		w->last_tick = tick;
	cell_add(&w->total, &w->now);
	w->now = zero;
}

void
watch_forget_episode(struct watch *w)
{
	w->first_ns = w->last_ns = w->recent_ns[0] = w->recent_ns[1] = 0;
	w->one_flow = 0;
	w->web = false;
	memset(&w->total, 0, sizeof(w->total));
	memset(w->peer, 0, sizeof(w->peer));
	memset(w->name, 0, sizeof(w->name));
}

double
watch_spread_s(const struct watch *w)
{
	return w->recent_ns[1] != 0 ? (double)(w->last_ns - w->recent_ns[1]) / 1e9 : 0;
}

double
watch_top_name_share(const struct watch *w)
{
	uint64_t top = 0, named = 0, of = w->total.large;

	for (int i = 0; i < WATCH_NAMES; i++) {
		named += w->name[i].count;
		if (w->name[i].count > top)
			top = w->name[i].count;
	}
	/* later fragments that were sampled without their first one count as answers, but show no name: of those that
	 * do, unless they are fewer than fragments explain */
	if (w->counted && named < of)
		of = named * FRAGMENTS_MOST > of ? named : of / FRAGMENTS_MOST;
	return of > 0 ? (double)top / (double)of : 0;
}

double
watch_top_peer_share(const struct watch *w)
{
	uint64_t top = 0, least = UINT64_MAX, sum = 0;

	/* the counters add up to all that came: a newcomer takes over the least of them */
	for (int i = 0; i < WATCH_PEERS; i++) {
		sum += w->peer[i].answers;
		top = w->peer[i].answers > top ? w->peer[i].answers : top;
		least = w->peer[i].answers < least ? w->peer[i].answers : least;
	}
	return sum > 0 ? (double)(top - least) / (double)sum : 0;
}

void
watches_skip_time(struct watches *w)
{
	for (uint32_t i = 0; i < w->used; i++)
		memset(w->pool[w->order[i]].w60, 0, sizeof(w->pool[0].w60));
}

uint32_t
watch_active_minutes(const struct watch *w)
{
	uint32_t n = 0;

	for (int i = 0; i < W60; i++)
		n += w->w60[i] > 0;
	return n;
}

bool
watch_still_active(const struct watch *w, uint32_t tick)
{
	uint32_t gap;

	if (w->total.ticks == 0)
		return false;
	gap = 12 * (w->last_tick - w->first_tick + 1) / w->total.ticks;
	return tick - w->last_tick <= (gap > 5 ? gap : 5) + w->report_s;
}

double
watch_peer_count(const struct watch *w)
{
	return hll_count_union(&w->peers[0], &w->peers[1]);
}

bool
watches_in_grace(const struct watches *w, uint32_t tick)
{
	for (uint32_t i = 0; i < w->used; i++) {
		const struct watch *x = &w->pool[w->order[i]];

		if (x->life.alert == 0 && watch_in_grace(x, tick))
			return true;
	}
	return false;
}
