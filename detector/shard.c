/* Who is in the tables: setting up, admission and eviction of hosts and pairs. */
#include "detector/shard.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "detector/tables.h"

enum { KEYS_AHEAD = 16 }; /* flows */
/* Weights in the sketch, which remembers the last few seconds: packets plus half kilobytes. */
enum {
	ADMIT = 8,      /* one amplified answer: may push out who was seen once, or is forgotten */
	HEAVY = 64,     /* eight of them: may push out anybody who is quiet in this tick */
	KNOWN_S = 300,  /* who was seen in more than one tick stays at least so long: the long window */
};

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
	s->pair_slot = lines(pairs, sizeof(*s->pair_slot));
	s->pair = lines(TICK_PAIRS + TICK_CROWDS + 2, sizeof(*s->pair));
	s->pair_name = calloc(TICK_NAMES, sizeof(*s->pair_name));
	s->open = calloc(OPEN_QUERIES, sizeof(*s->open));
	s->held = calloc(HELD_ANSWERS, sizeof(*s->held));
	s->name = calloc(NAME_SLOTS, sizeof(*s->name));
	s->log = calloc(QUERY_LOG, sizeof(*s->log));
	s->link_down = calloc(links + 1, sizeof(*s->link_down));
	s->gone = calloc(3, sizeof(*s->gone));
	if (s->host_tag == NULL || s->host == NULL || s->pair_tag == NULL || s->pair == NULL ||
	    s->pair_slot == NULL || s->pair_name == NULL || s->open == NULL || s->held == NULL || s->name == NULL || s->log == NULL ||
	    s->link_down == NULL || s->gone == NULL || countmin_init(&s->seen, SEEN_WIDTH) < 0 ||
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
	free(s->pair_name);
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

/* What another service sends to port 53: attackers aim there because filters let it pass.  It is no question, or larger
 * than questions are: 28 bytes of headers, a name of 255, an OPT record with a cookie and a client subnet. */
static bool
aimed_at_dns(const struct flow *f, uint8_t source_service)
{
	enum { QUESTION_MOST = 400 };

	if (source_service == SERVICE_NONE || source_service == SERVICE_DNS)
		return false;
	if (f->dns != NULL && (f->dns->malformed || f->dns->response || f->dns->questions != 1))
		return true;
	return f->bytes > f->packets * QUESTION_MOST;
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
	if (s == SERVICE_DNS || (d == SERVICE_DNS && !aimed_at_dns(f, s))) {
		k->service = SERVICE_DNS;
		/* between two servers the message says it; else the port does: a tunnel on port 53 is no DNS, whatever its bits say */
		if (s == d && f->dns != NULL)
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
			names_key(&f[first + at[i]], env->suffixes, env->seed, env->names, row[i], &k[first + at[i]]);
	}
}

struct place
place_of(const struct shard_env *env, const struct addr *a)
{
	uint32_t i = env->places_map != NULL ? prefixmap_find(env->places_map, a) : 0;

	return i != 0 ? env->places[i - 1] : (struct place){0};
}

/* --- hosts ------------------------------------------------------------------------------------ */

struct host *
host_further(const struct shard *s, uint64_t hash, const struct addr *a)
{
	size_t first = bucket_first(hash, s->host_buckets), second = bucket_second(hash, s->host_buckets);
	uint16_t tag = bucket_tag(hash);
	struct host *h = host_among(s, first + BUCKET_ROOMY, tag, a);

	if (h == NULL)
		h = host_among(s, second, tag, a);
	return h == NULL ? host_among(s, second + BUCKET_ROOMY, tag, a) : h;
}

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

/* --- who may push out whom ---
 *
 * Strangers choose source addresses, and inside our own networks, too: ten million of them come by, each once or twice, while
 * a host worth knowing comes again.  So who was seen in a second tick is known, and for five minutes after its last
 * packet gives way only to the heavy; the others give way to each other. */

static unsigned int
host_class(const struct host *h, uint32_t tick)
{
	return h->known && tick - h->tick <= KNOWN_S;
}

/* Of two that are not seen in this tick: the unknown before the known, strangers before our own, the longest unseen, the
 * smallest. */
static bool
colder_host(const struct host *a, const struct host *b, uint32_t tick)
{
	unsigned int x = host_class(a, tick), y = host_class(b, tick);
	bool ours = (a->flags & HOST_OURS) != 0, other_ours = (b->flags & HOST_OURS) != 0;

	if (x != y)
		return x < y;
	if (ours != other_ours)
		return other_ours;
	if (a->tick != b->tick)
		return a->tick < b->tick;
	return a->in_bytes + a->out_bytes < b->in_bytes + b->out_bytes;
}

/* One of eight of a full bucket that makes room, or NULL: reading all sixteen would cost their cache lines. */
static struct host *
coldest_host(const struct shard *s, uint64_t hash, uint32_t tick, bool heavy)
{
	struct host *h = &s->host[bucket_first(hash, s->host_buckets) + (hash >> 20 & 1) * (WAYS / 2)], *best = NULL;

	for (int i = 0; i < WAYS / 2; i++)
		if (h[i].tick != tick && (heavy || host_class(&h[i], tick) == 0) && (best == NULL || colder_host(&h[i], best, tick)))
			best = &h[i];
	return best;
}

/* Packets plus half kilobytes, so that one amplified answer is enough. */
static uint32_t
weight(const struct flow *f)
{
	uint64_t w = f->packets + (f->bytes >> 9);

	return w < UINT16_MAX ? (uint32_t)w : UINT16_MAX;
}

/* Moves one of the thirty-two who stand in a key's two full buckets to the other one of its own (cuckoo hashing, Pagh and
 * Rodler 2001; one step of it is enough).  Up to 94 % of the table nobody is pushed out; in a table that is full it is no use looking. */
static struct host *
host_moves(struct shard *s, const struct shard_env *env, uint64_t hash)
{
	const size_t bucket[2] = {bucket_first(hash, s->host_buckets), bucket_second(hash, s->host_buckets)};

	if (s->count.hosts > (size_t)s->host_buckets * WAYS / 64 * 63)
		return NULL;
	for (size_t i = 0; i < 2 * WAYS; i++) {
		size_t at = bucket[i / WAYS] + i % WAYS;
		uint64_t h = addr_hash(env->seed, &s->host[at].addr);
		size_t first = bucket_first(h, s->host_buckets), second = bucket_second(h, s->host_buckets);
		size_t other = bucket[i / WAYS] == first ? second : first;
		unsigned int used = bucket_used(&s->host_tag[other]);

		if (used == WAYS)
			continue;
		s->host[other + used] = s->host[at];
		s->host_tag[other + used] = s->host_tag[at];
		return &s->host[at];
	}
	return NULL;
}

/* Rare: kept out of the way of those who are known. */
__attribute__((noinline)) static struct host *
host_enter(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f)
{
	struct host *h = NULL;
	struct place place;
	size_t at;

	if (bucket_room(s->host_tag, s->host_buckets, hash, &at))
		h = &s->host[at];
	else
		h = host_moves(s, env, hash);
	if (h != NULL) {
		place = place_of(env, a);
		s->count.hosts++;
	} else {
		uint32_t est = countmin_add(&s->seen, hash, weight(f));

		place = place_of(env, a);
		if (est >= ADMIT || (place.flags & HOST_OURS) != 0)
			h = coldest_host(s, hash, env->tick, est >= HEAVY);
		if (h == NULL) {
			s->count.unadmitted_packets += f->packets;
			s->count.unadmitted_bytes += f->bytes;
			return NULL;
		}
		host_leaves(s, h);
	}
	s->host_tag[h - s->host] = bucket_tag(hash);
	*h = (struct host){.addr = *a, .tick = env->tick};
	h->link = place.link & 0x7fffu;
	h->flags = place.flags;
	return h;
}

void
host_count(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f,
    bool receives, uint32_t likely)
{
	struct host *h = likely != PLACE_NONE && addr_equal(&s->host[likely].addr, a) ? &s->host[likely] : host_peek(s, hash, a);

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
	if (h->tick != env->tick) {
		h->tick = env->tick;
		h->known = 1;
	}
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

	return host_peek(&shards[shard_of(h)], h, a);
}

/* --- pairs ------------------------------------------------------------------------------------ */

struct pair_slot *
pair_further(const struct shard *s, uint64_t hash)
{
	size_t first = bucket_first(hash, s->pair_buckets), second = bucket_second(hash, s->pair_buckets);
	struct pair_slot *p = pair_among(s, first + BUCKET_ROOMY, hash);

	if (p == NULL)
		p = pair_among(s, second, hash);
	return p == NULL ? pair_among(s, second + BUCKET_ROOMY, hash) : p;
}

static struct pair_slot *
coldest_pair(const struct shard *s, uint64_t hash, uint32_t tick, bool heavy)
{
	struct pair_slot *p = &s->pair_slot[bucket_first(hash, s->pair_buckets)], *best = NULL;
	uint32_t best_rank = 0;

	for (int i = 0; i < WAYS; i++) {
		uint32_t age = pair_age(&p[i], tick);
		bool known = p[i].known && age <= KNOWN_S;
		uint32_t rank = known ? age : age + KNOWN_S + 1;

		if (age != 0 && (heavy || !known) && (best == NULL || rank > best_rank)) {
			best = &p[i];
			best_rank = rank;
		}
	}
	return best;
}

/* A slot for a new pair, its tick not yet set.  A crowd needs no admission, but the right to push out others as anybody
 * does: a flood makes a crowd of its target, which is soon heavy, and one of each address it hits, which is not.  NULL: refused. */
static struct pair_slot *
pair_enter(struct shard *s, const struct shard_env *env, uint64_t hash, uint32_t w, bool crowd)
{
	struct pair_slot *p = NULL;
	size_t at;

	if (bucket_room(s->pair_tag, s->pair_buckets, hash, &at)) {
		p = &s->pair_slot[at];
		s->count.pairs++;
	} else {
		uint32_t est = countmin_add(&s->seen, hash, w);

		if (est >= ADMIT || crowd)
			p = coldest_pair(s, hash, env->tick, est >= HEAVY);
		if (p == NULL)
			return NULL;
		s->count.evicted_pairs++;
	}
	s->pair_tag[p - s->pair_slot] = bucket_tag(hash);
	*p = (struct pair_slot){.asked = PAIR_NOT_ASKED, .more = pair_more(hash) & 0x1fffu};
	return p;
}

/* The slot's pair was seen in this tick, for the first time. */
static void
slot_advance(struct pair_slot *slot, uint32_t tick)
{
	uint32_t age = pair_age(slot, tick), asked = slot->asked + age, halvings = (tick >> 8) - (slot->tick >> 8);

	slot->asked = (age < PAIR_NOT_ASKED && asked < PAIR_NOT_ASKED ? asked : PAIR_NOT_ASKED) & 15;
	slot->drawn = (halvings < 3 ? slot->drawn >> halvings : 0) & 7;
	slot->known = slot->tick != 0;
	slot->tick = tick & PAIR_TICKS;
}

/* The record of this tick for a slot, begun when there is none yet. */
static struct pair *
pair_now(struct shard *s, const struct shard_env *env, struct pair_slot *slot, const struct addr *client,
    const struct addr *server, uint8_t service, enum pair_crowd crowd)
{
	struct pair *p;
	bool fresh = slot->tick == 0;

	if (slot->tick == (env->tick & PAIR_TICKS))
		return &s->pair[slot->now];
	/* the last quarter is for those that were here before: a flood of new ones must not hide what they do */
	if (s->pair_n >= (crowd != CROWD_NONE ? TICK_PAIRS + TICK_CROWDS : fresh ? TICK_PAIRS / 4 * 3 : TICK_PAIRS)) {
		s->count.lost_pairs++;
		return NULL;
	}
	p = &s->pair[s->pair_n];
	slot_advance(slot, env->tick);
	*p = (struct pair){.client = *client, .server = *server, .slot = (uint32_t)(slot - s->pair_slot),
		.service = service, .crowd = (uint8_t)crowd, .fresh = fresh, .drawn = slot->drawn,
		.server_began = slot->server_began};
	slot->now = s->pair_n++ & 0x3fff;
	/* sixteen of these lists grow in turns, which no hardware foresees */
	__builtin_prefetch(&s->pair[s->pair_n + 1], 1);
	__builtin_prefetch((const char *)&s->pair[s->pair_n + 1] + 64, 1);
	__builtin_prefetch((const char *)&s->pair[s->pair_n + 1] + 128, 1);
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

	if (slot == NULL)
		slot = pair_enter(s, env, hash, weight(f), false);
	if (slot != NULL)
		p = pair_now(s, env, slot, e->client, e->server, service, CROWD_NONE);
	if (p == NULL) {
		s->count.unadmitted_flows++;
		hash = pair_hash(asks ? 1 : e->client_hash, asks ? e->server_hash : 1, service);
		slot = pair_peek(s, hash);
		/* a place in the table is of no use without a record in this tick */
		if (slot == NULL && s->pair_n < TICK_PAIRS + TICK_CROWDS)
			slot = pair_enter(s, env, hash, weight(f), true);
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
	s->pair_n = s->pair_names_n = 0;
	s->counted = false;
	s->sums = (struct tick_sums){0};
	if (env->links_n > 0)
		memset(s->link_down, 0, sizeof(*s->link_down) * (env->links_n + 1));
	/* Who is new is judged over the last few seconds: one amplified answer is enough to be admitted, and
	 * a longer memory would let the sum of a flood of strangers pass for one of them. */
	if (env->tick % 2 == 0)
		countmin_halve(&s->seen);
}
