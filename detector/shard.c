/* Who is in the tables: setting up, admission and eviction of hosts and pairs. */
#include "detector/shard.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "detector/tables.h"

enum { KEYS_AHEAD = 16 }; /* flows */
enum { ADMIT = 8 }; /* weight in the sketch from which a host may push another one out */

static const struct addr nobody;

/* --- setting up ------------------------------------------------------------------------------- */

/* aligned_alloc wants whole multiples of the alignment. */
static void *
lines(size_t n, size_t size)
{
	return aligned_alloc(64, (n * size + 63) & ~(size_t)63);
}

int
shard_init(struct shard *s, uint32_t hosts, uint32_t pairs, uint32_t links)
{
	memset(s, 0, sizeof(*s));
	s->host_buckets = hosts / WAYS;
	s->pair_buckets = pairs / WAYS;
	s->host_tag = lines(hosts, sizeof(*s->host_tag));
	s->host = lines(hosts, sizeof(*s->host));
	s->pair_tag = lines(pairs, sizeof(*s->pair_tag));
	s->pair_slot = calloc(pairs, sizeof(*s->pair_slot));
	s->pair = lines(TICK_PAIRS + TICK_CROWDS + 2, sizeof(*s->pair));
	s->open = calloc(OPEN_QUERIES, sizeof(*s->open));
	s->held = calloc(HELD_ANSWERS, sizeof(*s->held));
	s->name = calloc(NAME_SLOTS, sizeof(*s->name));
	s->log = calloc(QUERY_LOG, sizeof(*s->log));
	s->link_down = calloc(links + 1, sizeof(*s->link_down));
	s->gone = calloc(3, sizeof(*s->gone));
	if (s->host_tag == NULL || s->host == NULL || s->pair_tag == NULL || s->pair == NULL ||
	    s->pair_slot == NULL || s->open == NULL || s->held == NULL || s->name == NULL || s->log == NULL ||
	    s->link_down == NULL || s->gone == NULL || countmin_init(&s->seen, 1 << 16) < 0 ||
	    fragment_table_init(&s->fragments, FRAGMENTS) < 0 || names_init(&s->names) < 0 ||
	    asked_list_init(&s->asked) < 0) {
		shard_done(s);
		return ERR_NOMEM;
	}
	/* Only the tags say what is occupied: records are written before they are read, so their
	 * pages are not touched until they are needed. */
	memset(s->host_tag, 0, (size_t)hosts * sizeof(*s->host_tag));
	memset(s->pair_tag, 0, (size_t)pairs * sizeof(*s->pair_tag));
	for (int i = 0; i < 3; i++)
		space_saving_init(&s->gone[i]);
	return 0;
}

void
shard_done(struct shard *s)
{
	free(s->host_tag);
	free(s->host);
	free(s->pair_tag);
	free(s->pair);
	free(s->pair_slot);
	free(s->open);
	free(s->held);
	free(s->name);
	free(s->log);
	free(s->link_down);
	free(s->gone);
	countmin_done(&s->seen);
	fragment_table_done(&s->fragments);
	names_done(&s->names);
	asked_list_done(&s->asked);
	memset(s, 0, sizeof(*s));
}

void
shard_forget(struct shard *s)
{
	memset(s->pair_tag, 0, (size_t)s->pair_buckets * WAYS * sizeof(*s->pair_tag));
	memset(s->open, 0, OPEN_QUERIES * sizeof(*s->open));
	memset(s->held, 0, HELD_ANSWERS * sizeof(*s->held));
	memset(s->name, 0, NAME_SLOTS * sizeof(*s->name));
	memset(s->fragments.e, 0, (size_t)s->fragments.sets * 4 * sizeof(*s->fragments.e));
	s->log_n = s->log_next = 0;
	s->asked.n = 0;
	s->watch_common = false;
	s->count.pairs = 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

uint64_t
addr_hash(uint64_t seed, const struct addr *a)
{
	uint64_t h = XXH3_64bits_withSeed(a->b, sizeof(a->b), seed);

	return h != 0 ? h : 1;
}

/* Which service a flow belongs to, and who is the client.  Later fragments have no ports: their
 * shard asks the fragment table. */
static void
classify(const struct shard_env *env, const struct flow *f, struct flow_key *k)
{
	uint8_t s, d;

	k->service = SERVICE_NONE;
	k->dir = 0;
	if ((f->proto != FLOW_UDP && f->proto != FLOW_TCP) || (f->flags & FLOW_FRAG_LATER) != 0)
		return;
	if (f->proto == FLOW_TCP) {
		if (f->dns != NULL) {
			k->service = SERVICE_DNS;
			k->dir = f->dns->response ? FLOW_ANSWERS : FLOW_ASKS;
		}
		return;
	}
	s = service_by_port(&env->services, f->sport);
	d = service_by_port(&env->services, f->dport);
	if ((s | d) == 0)
		return;
	if (s == SERVICE_DNS || d == SERVICE_DNS) {
		k->service = SERVICE_DNS;
		if (f->dns != NULL)
			k->dir = f->dns->response ? FLOW_ANSWERS : FLOW_ASKS;
		else
			k->dir = s == SERVICE_DNS ? FLOW_ANSWERS : FLOW_ASKS;
		return;
	}
	/* the same port at both ends (NTP peers, IKE): each asks and answers the other */
	k->service = s != SERVICE_NONE ? s : d;
	k->dir = (uint8_t)((s != SERVICE_NONE ? FLOW_ANSWERS : 0) | (d == k->service ? FLOW_ASKS : 0));
}

/* Everything but names. */
static inline void
address_key(const struct shard_env *env, const struct flow *f, struct flow_key *k)
{
	k->src = addr_hash(env->seed, &f->src);
	k->dst = addr_hash(env->seed, &f->dst);
	k->pair_shard = (uint8_t)shard_of((k->src + k->dst) * UINT64_C(0x9e3779b97f4a7c15));
	classify(env, f, k);
	k->bad = k->fails = k->named = false;
	k->zone = 0;
}

void
flow_keys(const struct shard_env *env, const struct flow *f, size_t n, struct names_memo *memo, struct flow_key *k)
{
	struct memo_row *row[KEYS_AHEAD];
	uint8_t at[KEYS_AHEAD];

	/* rows of the memo are asked for while other keys are made */
	for (size_t first = 0; first < n; first += KEYS_AHEAD) {
		size_t end = n - first < KEYS_AHEAD ? n : first + KEYS_AHEAD, told = 0;

		for (size_t i = first; i < end; i++) {
			address_key(env, &f[i], &k[i]);
			if (env->names == 0 || k[i].service != SERVICE_DNS || k[i].dir != FLOW_ANSWERS || f[i].dns == NULL || !names_tell(f[i].dns))
				continue;
			row[told] = names_memo_row(memo, f[i].dns);
			__builtin_prefetch(row[told]);
			at[told++] = (uint8_t)(i - first);
		}
		for (size_t i = 0; i < told; i++)
			names_key(&f[first + at[i]], env->seed, env->names, row[i], &k[first + at[i]]);
	}
}

struct place
place_of(const struct shard_env *env, const struct addr *a)
{
	uint32_t i = env->places_map != NULL ? prefixmap_find(env->places_map, a) : 0;

	return i != 0 ? env->places[i - 1] : (struct place){0};
}

/* --- hosts ------------------------------------------------------------------------------------ */

static void
host_leaves(struct shard *s, const struct host *h)
{
	const uint64_t aux[8] = {h->in_bytes, h->out_bytes, h->in_packets, h->out_packets, h->fragments,
		h->fragment_bytes, 0, 0};

	space_saving_add(&s->gone[0], &h->addr, h->in_bytes + h->out_bytes, aux);
	space_saving_add(&s->gone[1], &h->addr, h->in_packets + h->out_packets, aux);
	if (h->fragments > 0)
		space_saving_add(&s->gone[2], &h->addr, h->fragments, aux);
	s->count.evicted_hosts++;
}

/* The way of a full bucket that may be given away: not seen in this tick, strangers before our own,
 * then the longest unseen, then the smallest. */
static int
coldest_host(const struct shard *s, const uint64_t *tag, uint32_t tick)
{
	const struct host *h = &s->host[tag - s->host_tag];
	int best = -1;

	for (int i = 0; i < WAYS; i++) {
		if (h[i].tick == tick)
			continue;
		if (best < 0) {
			best = i;
			continue;
		}
		bool ours = (h[i].flags & HOST_OURS) != 0, best_ours = (h[best].flags & HOST_OURS) != 0;

		if (ours != best_ours ? best_ours :
		    h[i].tick != h[best].tick ? h[i].tick < h[best].tick :
		    h[i].in_bytes + h[i].out_bytes < h[best].in_bytes + h[best].out_bytes)
			best = i;
	}
	return best;
}

static struct host *
host_enter(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f)
{
	uint64_t *tag = host_bucket(s, hash);
	struct place place;
	int way = -1;

	for (int i = 0; i < WAYS && way < 0; i++)
		if (tag[i] == 0)
			way = i;
	if (way < 0) {
		/* weight: packets plus half kilobytes, so that one amplified answer is enough */
		uint64_t w = f->packets + (f->bytes >> 9);
		uint32_t est = countmin_add(&s->seen, hash, w < UINT16_MAX ? (uint32_t)w : UINT16_MAX);

		place = place_of(env, a);
		if (est >= ADMIT || (place.flags & HOST_OURS) != 0)
			way = coldest_host(s, tag, env->tick);
		if (way < 0) {
			s->count.unadmitted_packets += f->packets;
			s->count.unadmitted_bytes += f->bytes;
			return NULL;
		}
		host_leaves(s, &s->host[(size_t)(tag - s->host_tag) + (size_t)way]);
	} else {
		place = place_of(env, a);
		s->count.hosts++;
	}
	tag[way] = hash;
	struct host *h = &s->host[(size_t)(tag - s->host_tag) + (size_t)way];

	*h = (struct host){.addr = *a, .tick = env->tick};
	h->link = place.link;
	h->flags = place.flags;
	return h;
}

void
host_count(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f,
    bool receives)
{
	struct host *h = host_peek(s, hash);

	if (!receives) { /* each flow once, whether or not its hosts are kept */
		s->sums.bytes += f->bytes;
		s->sums.packets += f->packets;
		if ((f->flags & FLOW_RECORD) != 0) {
			s->sums.record_bytes += f->bytes;
			s->sums.record_packets += f->packets;
		}
		if ((f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0)
			s->sums.fragments += f->packets;
	}
	if (h == NULL && (h = host_enter(s, env, hash, a, f)) == NULL)
		return;
	h->tick = env->tick;
	if (receives) {
		h->in_bytes += f->bytes;
		h->in_packets += f->packets;
		if ((f->flags & FLOW_FRAG_LATER) != 0) {
			h->fragments += (uint32_t)f->packets;
			h->fragment_bytes = (h->fragment_bytes + f->bytes) & ((UINT64_C(1) << 40) - 1);
		}
		if (h->link != 0 && (f->flags & FLOW_RECORD) == 0)
			s->link_down[h->link] += f->bytes;
	} else {
		h->out_bytes += f->bytes;
		h->out_packets += f->packets;
	}
}

const struct host *
shard_find_host(const struct shard *shards, const struct shard_env *env, const struct addr *a)
{
	uint64_t h = addr_hash(env->seed, a);

	return host_peek(&shards[shard_of(h)], h);
}

/* --- pairs ------------------------------------------------------------------------------------ */

static int
coldest_pair(const struct shard *s, const uint64_t *tag, uint32_t tick)
{
	const struct pair_slot *p = &s->pair_slot[tag - s->pair_tag];
	int best = -1;

	for (int i = 0; i < WAYS; i++)
		if (p[i].tick != tick && (best < 0 || p[i].tick < p[best].tick))
			best = i;
	return best;
}

/* A slot for a new pair, its tick not yet set.  Collective pairs need no admission.  NULL: refused. */
static struct pair_slot *
pair_enter(struct shard *s, const struct shard_env *env, uint64_t hash, uint32_t weight, bool crowd)
{
	uint64_t *tag = pair_bucket(s, hash);
	struct pair_slot *p;
	int way = -1;

	for (int i = 0; i < WAYS && way < 0; i++)
		if (tag[i] == 0)
			way = i;
	if (way < 0) {
		if (!crowd && countmin_add(&s->seen, hash, weight) < ADMIT)
			return NULL;
		way = coldest_pair(s, tag, env->tick);
		if (way < 0)
			return NULL;
		s->count.evicted_pairs++;
	} else {
		s->count.pairs++;
	}
	tag[way] = hash;
	p = &s->pair_slot[(size_t)(tag - s->pair_tag) + (size_t)way];
	*p = (struct pair_slot){0, 0, 0};
	return p;
}

/* The record of this tick for a slot, begun when there is none yet. */
static struct pair *
pair_now(struct shard *s, const struct shard_env *env, struct pair_slot *slot, const struct addr *client,
    const struct addr *server, uint8_t service, enum pair_crowd crowd)
{
	struct pair *p;

	if (slot->tick == env->tick)
		return &s->pair[slot->now];
	if (s->pair_n >= (crowd != CROWD_NONE ? TICK_PAIRS + TICK_CROWDS : TICK_PAIRS)) {
		s->count.lost_pairs++;
		return NULL;
	}
	p = &s->pair[s->pair_n];
	*p = (struct pair){.client = *client, .server = *server, .slot = (uint32_t)(slot - s->pair_slot),
		.service = service, .crowd = (uint8_t)crowd, .fresh = slot->tick == 0};
	slot->tick = env->tick;
	slot->now = s->pair_n++;
	/* sixteen of these lists grow in turns, which no hardware foresees */
	__builtin_prefetch(&s->pair[s->pair_n + 1], 1);
	__builtin_prefetch((const char *)&s->pair[s->pair_n + 1] + 64, 1);
	return p;
}

/* Records are summed with the time they cover together; what ends up in one tick is no burst. */
static void
pair_counted(struct pair *p, const struct flow *f)
{
	p->counted = true;
	if ((f->flags & FLOW_RECORD) == 0)
		return;
	if (p->to_ns == 0 || f->start_ns < p->from_ns)
		p->from_ns = f->start_ns;
	if (f->end_ns > p->to_ns)
		p->to_ns = f->end_ns;
}

struct pair *
pair_get(struct shard *s, const struct shard_env *env, const struct ends *e, uint8_t service, bool asks,
    const struct flow *f)
{
	uint64_t hash = pair_hash(e->client_hash, e->server_hash, service);
	struct pair_slot *slot = pair_peek(s, hash);
	struct pair *p = NULL;
	uint64_t w = f->packets + (f->bytes >> 9);

	if (slot == NULL)
		slot = pair_enter(s, env, hash, w < UINT16_MAX ? (uint32_t)w : UINT16_MAX, false);
	if (slot != NULL)
		p = pair_now(s, env, slot, e->client, e->server, service, CROWD_NONE);
	if (p == NULL) {
		s->count.unadmitted_flows++;
		hash = pair_hash(asks ? 1 : e->client_hash, asks ? e->server_hash : 1, service);
		slot = pair_peek(s, hash);
		if (slot == NULL)
			slot = pair_enter(s, env, hash, 0, true);
		if (slot == NULL)
			return NULL;
		p = pair_now(s, env, slot, asks ? &nobody : e->client, asks ? e->server : &nobody, service,
		    asks ? CROWD_OF_CLIENTS : CROWD_OF_SERVERS);
		if (p == NULL)
			return NULL;
	}
	if (f->sampling > p->sampling)
		p->sampling = f->sampling;
	if ((f->flags & FLOW_RECORD) != 0 || f->sampling > 1) {
		pair_counted(p, f);
		s->counted = true;
	}
	return p;
}

void
shard_tick_done(struct shard *s, const struct shard_env *env)
{
	s->pair_n = 0;
	s->counted = false;
	s->sums = (struct tick_sums){0};
	if (env->links_n > 0)
		memset(s->link_down, 0, sizeof(*s->link_down) * (env->links_n + 1));
	/* Who is new is judged over the last few seconds: one amplified answer is enough to be admitted, and
	 * a longer memory would let the sum of a flood of strangers pass for one of them. */
	if (env->tick % 2 == 0)
		countmin_halve(&s->seen);
}
