#include "detector/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

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

/* A free place in the pool.  A full pool gives up its longest quiet watch of a stretch, clock-wise,
 * so that making room stays cheap when many come at once. */
static struct watch *
take_place(struct watches *w, uint32_t tick)
{
	struct watch *best = NULL;

	if (w->used < w->cap) {
		while (w->pool[w->rover].key != 0)
			w->rover = (w->rover + 1) % w->cap;
		return &w->pool[w->rover];
	}
	for (uint32_t i = 0; i < 64; i++) {
		struct watch *x = &w->pool[w->rover];

		w->rover = (w->rover + 1) % w->cap;
		if (x->life.alert == 0 && x->touched != tick &&
		    (best == NULL || x->last_tick < best->last_tick))
			best = x;
	}
	if (best != NULL) {
		w->evicted++;
		watches_free(w, best);
	}
	return best;
}

struct watch *
watches_get(struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side, uint8_t service,
    uint32_t tick)
{
	uint64_t key = watch_key(seed, a, side, service);
	uint32_t i = slot_for(w, key);
	struct watch *x;

	if (w->slot[i] != 0)
		return &w->pool[w->slot[i] - 1];
	x = take_place(w, tick);
	if (x == NULL)
		return NULL;
	i = slot_for(w, key); /* making room may have moved slots */
	memset(x, 0, sizeof(*x));
	x->key = key;
	x->addr = *a;
	x->side = (uint8_t)side;
	x->service = service;
	x->sampling = 1;
	x->peers_tick = tick;
	w->slot[i] = (uint32_t)(x - w->pool) + 1;
	x->at = w->used;
	w->order[w->used++] = (uint32_t)(x - w->pool);
	return x;
}

static void
take_peer(struct watch *w, const struct addr *peer, uint64_t answers, uint64_t bytes)
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
watch_take(struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct name_slot *name, uint32_t tick, int64_t begin_ns)
{
	struct cell *c = &w->now;
	uint32_t weight = p->service == SERVICE_DNS ? p->large : p->answers;

	if (p->first_ns != 0 && w->first_ns == 0)
		w->first_ns = p->first_ns;
	c->queries += p->queries;
	c->any_queries += p->any_queries;
	c->answers += p->answers;
	c->answer_packets += p->answer_packets;
	c->large += p->large;
	c->matched += p->matched;
	c->repeat += p->repeat;
	c->later_packets += p->later_packets;
	c->peers++;
	c->query_bytes += p->query_bytes;
	c->answer_bytes += p->answer_bytes;
	c->large_bytes += p->large_bytes + (p->large > 0 ? p->later_bytes : 0);
	c->large_size += p->large_size;
	c->large_query_bytes += p->large_query_bytes;
	c->later_bytes += p->later_bytes;
	w->touched = tick;
	if (p->sampling > w->sampling)
		w->sampling = p->sampling;
	if (weight == 0)
		return;
	if (begin_ns + p->last_at * INT64_C(3906250) > w->last_ns)
		w->last_ns = begin_ns + p->last_at * INT64_C(3906250);
	if (w->recent_ns[0] < begin_ns) {
		w->recent_ns[1] = w->recent_ns[0];
		w->recent_ns[0] = p->first_ns;
	} else if (p->first_ns < w->recent_ns[0]) {
		w->recent_ns[0] = p->first_ns;
	}
	if (peer != NULL) {
		hll_add(&w->peers[0], peer_hash);
		take_peer(w, peer, weight, p->answer_bytes);
	} else {
		/* a crowd, each of it seen a few times at most: as many as it has packets over eight */
		for (uint32_t i = 0; i < weight / 8 && i < 4096; i++) {
			uint64_t h = (peer_hash + i) * UINT64_C(0x9e3779b97f4a7c15);

			/* multiples of a constant spread too evenly for a sketch that expects chance */
			h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
			hll_add(&w->peers[0], h ^ h >> 32);
		}
	}
	if (name != NULL && p->large > 0)
		take_name(w, name, p->large);
}

void
watch_close_tick(struct watch *w, uint32_t tick)
{
	bool active = w->service == SERVICE_DNS ? w->now.large > 0 :
	    w->service == SERVICE_NONE ? w->now.queries > 0 : w->now.answers > 0;
	struct cell zero = {0};

	if (tick - w->peers_tick >= 60) {
		w->peers[1] = w->peers[0];
		memset(&w->peers[0], 0, sizeof(w->peers[0]));
		w->peers_tick = tick;
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
	w->w60[tick / 60 % W60] += w->service == SERVICE_DNS ? w->now.large : w->now.answers;
	if (active && w->total.ticks == 0)
		w->first_tick = tick;
	if (active)
		w->last_tick = tick;
	cell_add(&w->total, &w->now);
	w->now = zero;
}

double
watch_spread_s(const struct watch *w)
{
	return w->recent_ns[1] != 0 ? (double)(w->last_ns - w->recent_ns[1]) / 1e9 : 0;
}

double
watch_top_name_share(const struct watch *w)
{
	uint64_t top = 0;

	for (int i = 0; i < WATCH_NAMES; i++)
		if (w->name[i].count > top)
			top = w->name[i].count;
	return w->total.large > 0 ? (double)top / w->total.large : 0;
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
	return tick - w->last_tick <= (gap > 5 ? gap : 5);
}

double
watch_peer_count(const struct watch *w)
{
	return hll_count_union(&w->peers[0], &w->peers[1]);
}
