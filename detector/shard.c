/* The per-packet work.  Everything here is written around cache misses: the tables are far
 * larger than the caches and a packet touches two hosts and often a pair, so flows go in chunks
 * and each pass over a chunk only asks for the memory that the next one needs.  The last pass
 * decides everything anew and in input order, so chunks never show in a result.
 */
#include "detector/shard.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"

enum {
	CHUNK = 32,
	ADMIT = 8,           /* weight in the sketch from which a host may push another one out */
	QUERY_LIFE = 10,     /* ticks for which a query explains answers */
	TTL_UNKNOWN = 30,    /* ticks a client is taken to hold an answer whose records were cut off */
	TTL_LEAST = 2,       /* asking again so soon is no use of an answer, whatever its TTL */
	TTL_MOST = 3600,
};

static const struct addr nobody;

/* --- setting up ------------------------------------------------------------------------------- */

int
shard_init(struct shard *s, uint32_t hosts, uint32_t pairs, uint32_t links)
{
	memset(s, 0, sizeof(*s));
	s->host_buckets = hosts / WAYS;
	s->pair_buckets = pairs / WAYS;
	s->host_tag = aligned_alloc(64, (size_t)hosts * sizeof(*s->host_tag));
	s->host = aligned_alloc(64, (size_t)hosts * sizeof(*s->host));
	s->pair_tag = aligned_alloc(64, (size_t)pairs * sizeof(*s->pair_tag));
	s->pair_slot = calloc(pairs, sizeof(*s->pair_slot));
	s->pair = aligned_alloc(64, (TICK_PAIRS + TICK_CROWDS + 2) * sizeof(*s->pair));
	s->open = calloc(OPEN_QUERIES, sizeof(*s->open));
	s->held = calloc(HELD_ANSWERS, sizeof(*s->held));
	s->name = calloc(NAME_SLOTS, sizeof(*s->name));
	s->log = calloc(QUERY_LOG, sizeof(*s->log));
	s->link_down = calloc(links + 1, sizeof(*s->link_down));
	s->gone = calloc(3, sizeof(*s->gone));
	if (s->host_tag == NULL || s->host == NULL || s->pair_tag == NULL || s->pair == NULL ||
	    s->pair_slot == NULL || s->open == NULL || s->held == NULL || s->name == NULL || s->log == NULL ||
	    s->link_down == NULL || s->gone == NULL || countmin_init(&s->seen, 1 << 15) < 0 ||
	    fragment_table_init(&s->fragments, FRAGMENTS) < 0) {
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
	memset(s, 0, sizeof(*s));
}

/* --- keys ------------------------------------------------------------------------------------- */

uint64_t
addr_hash(uint64_t seed, const struct addr *a)
{
	uint64_t h = XXH3_64bits_withSeed(a->b, sizeof(a->b), seed);

	return h != 0 ? h : 1;
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
	a = (a ^ b >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	b = (b ^ a >> 29) * UINT64_C(0xd6e8feb86659fd93);
	return a ^ b ^ b >> 32;
}

static unsigned int
shard_of(uint64_t hash)
{
	return (unsigned int)(hash >> 60);
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

void
flow_keys(const struct shard_env *env, const struct flow *f, size_t n, struct flow_key *k)
{
	for (size_t i = 0; i < n; i++) {
		k[i].src = addr_hash(env->seed, &f[i].src);
		k[i].dst = addr_hash(env->seed, &f[i].dst);
		k[i].pair_shard = (uint8_t)shard_of((k[i].src + k[i].dst) * UINT64_C(0x9e3779b97f4a7c15));
		classify(env, &f[i], &k[i]);
	}
}

struct place
place_of(const struct shard_env *env, const struct addr *a)
{
	uint32_t i = env->places_map != NULL ? prefixmap_find(env->places_map, a) : 0;

	return i != 0 ? env->places[i - 1] : (struct place){0, 0};
}

/* --- hosts ------------------------------------------------------------------------------------ */

static uint64_t *
host_bucket(const struct shard *s, uint64_t hash)
{
	return &s->host_tag[(size_t)(hash & (s->host_buckets - 1)) * WAYS];
}

static struct host *
host_peek(const struct shard *s, uint64_t hash)
{
	uint64_t *tag = host_bucket(s, hash);

	for (unsigned int i = 0; i < WAYS; i++)
		if (tag[i] == hash)
			return &s->host[(size_t)(tag - s->host_tag) + i];
	return NULL;
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

static void
host_count(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f,
    bool receives)
{
	struct host *h = host_peek(s, hash);

	if (!receives) { /* each flow once, whether or not its hosts are kept */
		s->sums.bytes += f->bytes;
		s->sums.packets += f->packets;
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
		if (h->link != 0)
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

static uint64_t
pair_hash(uint64_t client, uint64_t server, uint8_t service)
{
	uint64_t h = mix(client + service, server);

	return h != 0 ? h : 1;
}

static uint64_t *
pair_bucket(const struct shard *s, uint64_t hash)
{
	return &s->pair_tag[(size_t)(hash & (s->pair_buckets - 1)) * WAYS];
}

static struct pair_slot *
pair_peek(const struct shard *s, uint64_t hash)
{
	uint64_t *tag = pair_bucket(s, hash);

	for (unsigned int i = 0; i < WAYS; i++)
		if (tag[i] == hash)
			return &s->pair_slot[(size_t)(tag - s->pair_tag) + i];
	return NULL;
}

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

struct ends {
	uint64_t client_hash, server_hash;
	const struct addr *client, *server;
};

static struct ends
ends_of(const struct flow *f, const struct flow_key *k, bool asks)
{
	return asks ? (struct ends){k->src, k->dst, &f->src, &f->dst} : (struct ends){k->dst, k->src, &f->dst, &f->src};
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

/* The pair of a flow; when the table is full of livelier ones, the collective pair of the end that
 * is being asked or hit: its sums stay exact while the other end is a crowd.  NULL: not even that. */
static struct pair *
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
		p->sampling = (uint16_t)(f->sampling < UINT16_MAX ? f->sampling : UINT16_MAX);
	return p;
}

static bool
asked_lately(const struct shard *s, const struct shard_env *env, const struct pair *p)
{
	uint32_t last = s->pair_slot[p->slot].last_query;

	return last != 0 && env->tick + 1 - last <= QUERY_LIFE;
}

/* --- DNS -------------------------------------------------------------------------------------- */

static uint64_t
name_hash(const struct dns_view *v, uint64_t seed)
{
	uint8_t low[DNS_NAME_WIRE + 1];
	size_t n = v->name_len;

	if (n == 0)
		return 0;
	/* label lengths are below 64 and never letters, so the whole name can be folded blindly
	 * (0x20 randomisation must not make new names) */
	for (size_t i = 0; i < n; i++)
		low[i] = (uint8_t)(v->name[i] >= 'A' && v->name[i] <= 'Z' ? v->name[i] + 32 : v->name[i]);
	return XXH3_64bits_withSeed(low, n, seed) | 1;
}

static void
open_put(struct shard *s, uint64_t hash, uint32_t bytes, uint32_t tick)
{
	struct open_query *set = &s->open[hash & (OPEN_QUERIES - 1) & ~3u], *o = set;

	for (int i = 0; i < 4; i++) {
		if (set[i].tag == (uint32_t)(hash >> 32) || set[i].bytes == 0) {
			o = &set[i];
			break;
		}
		if ((uint16_t)(tick - set[i].tick) > (uint16_t)(tick - o->tick))
			o = &set[i];
	}
	*o = (struct open_query){(uint32_t)(hash >> 32), (uint16_t)(bytes < UINT16_MAX ? bytes : UINT16_MAX), (uint16_t)tick};
}

/* Bytes of the query that this answer belongs to; 0: none was seen lately.  One query explains one answer. */
static uint32_t
open_take(struct shard *s, uint64_t hash, uint32_t tick)
{
	struct open_query *set = &s->open[hash & (OPEN_QUERIES - 1) & ~3u];

	for (int i = 0; i < 4; i++)
		if (set[i].bytes != 0 && set[i].tag == (uint32_t)(hash >> 32)) {
			uint32_t bytes = set[i].bytes;
			bool young = (uint16_t)(tick - set[i].tick) <= QUERY_LIFE;

			set[i].bytes = 0;
			return young ? bytes : 0;
		}
	return 0;
}

/* Does the client still hold an answer to this question?  Then it has it for `ttl` more seconds. */
static bool
held_again(struct shard *s, uint64_t hash, uint32_t tick, uint32_t ttl)
{
	struct held_answer *set = &s->held[hash & (HELD_ANSWERS - 1) & ~3u], *h = set;
	bool held = false;

	for (int i = 0; i < 4; i++) {
		if (set[i].tag == (uint32_t)(hash >> 32)) {
			h = &set[i];
			held = h->expires > tick;
			break;
		}
		if (set[i].expires < h->expires)
			h = &set[i];
	}
	*h = (struct held_answer){(uint32_t)(hash >> 32), tick + ttl};
	return held;
}

static uint32_t
name_keep(struct shard *s, const struct dns_view *v, uint64_t hash, uint32_t tick)
{
	struct name_slot *set = &s->name[hash & (NAME_SLOTS - 1) & ~3u], *n = set;

	if (v->name_len == 0)
		return 0;
	for (int i = 0; i < 4; i++) {
		if (set[i].hash == hash && set[i].qtype == v->qtype) {
			set[i].tick = tick;
			return (uint32_t)(&set[i] - s->name) + 1;
		}
		if (set[i].tick < n->tick)
			n = &set[i];
	}
	*n = (struct name_slot){.hash = hash, .tick = tick, .qtype = v->qtype, .len = v->name_len};
	for (size_t i = 0; i < v->name_len; i++)
		n->wire[i] = (uint8_t)(v->name[i] >= 'A' && v->name[i] <= 'Z' ? v->name[i] + 32 : v->name[i]);
	return (uint32_t)(n - s->name) + 1;
}

static bool
common_type(uint16_t qtype)
{
	switch (qtype) {
	case DNS_A: case DNS_AAAA: case DNS_PTR: case DNS_NS: case DNS_CNAME: case DNS_SOA: case DNS_MX:
	case DNS_SRV: case DNS_DS: case DNS_HTTPS: case 64: return true;
	default: return false;
	}
}

/* Queries that a rule could match are remembered for its back-test. */
static void
log_query(struct shard *s, const struct shard_env *env, const struct flow *f, const struct dns_view *v)
{
	if (common_type(v->qtype) && !s->watch_common)
		return;
	struct logged_query *q = &s->log[s->log_next];

	*q = (struct logged_query){.t_ns = f->start_ns, .client = f->src, .server = f->dst,
		.name_hash = name_hash(v, env->seed), .qtype = v->qtype,
		.ip_bytes = (uint16_t)(f->bytes < UINT16_MAX ? f->bytes : UINT16_MAX)};
	s->log_next = (s->log_next + 1) % QUERY_LOG;
	if (s->log_n < QUERY_LOG)
		s->log_n++;
}

static void
dns_query(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	const struct ends e = ends_of(f, k, true);
	struct pair *p = pair_get(s, env, &e, SERVICE_DNS, true, f);

	s->sums.dns_queries++;
	if (f->dns != NULL) {
		if (f->dns->qtype == DNS_ANY) {
			s->sums.any_queries++;
			if (p != NULL)
				p->any_queries += (uint32_t)f->packets;
		}
		log_query(s, env, f, f->dns);
	}
	if (p == NULL)
		return;
	p->queries += (uint32_t)f->packets;
	p->query_bytes += f->bytes;
	s->pair_slot[p->slot].last_query = env->tick + 1;
	if (f->dns != NULL && p->crowd == CROWD_NONE)
		open_put(s, mix(pair_hash(k->src, k->dst, SERVICE_DNS), f->dns->id), (uint32_t)f->bytes, env->tick);
}

static void
large_answer(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    struct pair *p)
{
	const struct dns_view *v = f->dns;
	uint64_t name = v != NULL ? name_hash(v, env->seed) : 0;
	uint32_t asked = 0, ttl = TTL_UNKNOWN;

	p->large++;
	p->large_bytes += f->bytes;
	if (p->first_ns == 0)
		p->first_ns = f->start_ns;
	if (v == NULL) {
		p->large_size += (uint32_t)f->bytes;
		if (asked_lately(s, env, p))
			p->matched++;
		return;
	}
	p->large_size += v->size;
	asked = open_take(s, mix(pair_hash(k->dst, k->src, SERVICE_DNS), v->id), env->tick);
	if (asked != 0) {
		p->matched++;
		p->large_query_bytes += asked;
	}
	if (name != 0) {
		struct dns_records r;

		dns_view_records(v, &r);
		if (r.min_ttl != UINT32_MAX)
			ttl = r.min_ttl < TTL_LEAST ? TTL_LEAST : r.min_ttl < TTL_MOST ? r.min_ttl : TTL_MOST;
		if (held_again(s, mix(k->dst, name + v->qtype), env->tick, ttl))
			p->repeat++;
		p->name = name_keep(s, v, name, env->tick);
		if (common_type(v->qtype))
			s->watch_common = true;
	}
}

static void
dns_answer(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	const struct ends e = ends_of(f, k, false);
	struct pair *p;
	uint32_t size;

	s->sums.dns_answers++;
	s->sums.dns_answer_bytes += f->bytes;
	/* what is no DNS at all but comes from port 53 is judged by its size on the wire */
	size = f->dns != NULL ? f->dns->size : (uint32_t)(f->packets > 0 ? f->bytes / f->packets : 0) > 28 ?
	    (uint32_t)(f->bytes / f->packets) - 28 : 0;
	p = pair_get(s, env, &e, SERVICE_DNS, false, f);
	if (p == NULL)
		return;
	p->answers++;
	p->answer_packets += (uint32_t)f->packets;
	p->answer_bytes += f->bytes;
	if (size >= env->large_answer)
		large_answer(s, env, f, k, p);
}

/* --- other services and fragments --------------------------------------------------------------- */

static void
other_service(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	if ((k->dir & FLOW_ASKS) != 0) {
		const struct ends e = ends_of(f, k, true);
		struct pair *p = pair_get(s, env, &e, k->service, true, f);

		if (p != NULL) {
			p->queries += (uint32_t)f->packets;
			p->query_bytes += f->bytes;
			s->pair_slot[p->slot].last_query = env->tick + 1;
		}
	}
	if ((k->dir & FLOW_ANSWERS) != 0) {
		const struct ends e = ends_of(f, k, false);
		struct pair *p = pair_get(s, env, &e, k->service, false, f);

		if (p == NULL)
			return;
		p->answers += (uint32_t)f->packets;
		p->answer_packets += (uint32_t)f->packets;
		p->answer_bytes += f->bytes;
		if (p->first_ns == 0)
			p->first_ns = f->start_ns;
		if (asked_lately(s, env, p))
			p->matched += (uint32_t)f->packets;
	}
}

/* Value in the fragment table: service and direction of the first fragment. */
enum { HEAD_OTHER = 0xff };

static void
later_fragment(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	uint32_t head = fragment_table_get(&s->fragments, mix(k->src, k->dst + f->frag_id), env->tick);
	uint8_t service = (uint8_t)(head >> 8);
	bool asks = (head & FLOW_ASKS) != 0 && (head & FLOW_ANSWERS) == 0;
	struct pair *p;

	if (head == 0 || service == HEAD_OTHER) {
		service = SERVICE_FRAGMENT;
		asks = false;
	}
	const struct ends e = ends_of(f, k, asks);

	p = pair_get(s, env, &e, service, asks, f);
	if (p == NULL)
		return;
	if (service == SERVICE_FRAGMENT) {
		p->answers += (uint32_t)f->packets;
		if (p->first_ns == 0)
			p->first_ns = f->start_ns;
		p->matched += head != 0 ? (uint32_t)f->packets : 0; /* a head was seen */
	}
	if (asks) {
		p->query_bytes += f->bytes;
		return;
	}
	if (service == SERVICE_DNS)
		s->sums.dns_answer_bytes += f->bytes;
	p->answer_packets += (uint32_t)f->packets;
	p->answer_bytes += f->bytes;
	p->later_packets += (uint32_t)f->packets;
	p->later_bytes += f->bytes;
}

static void
first_fragment(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	uint32_t value = k->service != SERVICE_NONE ? (uint32_t)k->service << 8 | k->dir : (uint32_t)HEAD_OTHER << 8;

	fragment_table_put(&s->fragments, mix(k->src, k->dst + f->frag_id), env->tick, value);
}

/* --- a chunk ------------------------------------------------------------------------------------ */

static inline bool
needs_pair(const struct flow *f, const struct flow_key *k)
{
	return k->service != SERVICE_NONE ||
	    (f->proto == FLOW_UDP && (f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0);
}

static void
pair_work(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	if ((f->flags & FLOW_FRAG_LATER) != 0) {
		later_fragment(s, env, f, k);
		return;
	}
	if ((f->flags & FLOW_FRAG_FIRST) != 0 && f->proto == FLOW_UDP)
		first_fragment(s, env, f, k);
	if (k->service == SERVICE_NONE)
		return;
	if (f->proto == FLOW_TCP) {
		/* over TCP nothing is spoofed and a zone transfer is large by nature: counted, not judged */
		if (k->dir == FLOW_ASKS)
			s->sums.dns_queries++;
		else
			s->sums.dns_answers++;
	} else if (k->service != SERVICE_DNS) {
		other_service(s, env, f, k);
	} else if (k->dir == FLOW_ASKS) {
		dns_query(s, env, f, k);
	} else {
		dns_answer(s, env, f, k);
	}
}

static uint64_t
likely_pair(const struct flow_key *k)
{
	return (k->dir & FLOW_ASKS) != 0 ? pair_hash(k->src, k->dst, k->service) : pair_hash(k->dst, k->src, k->service);
}

void
shards_ingest(struct shard *shards, const struct shard_env *env, const struct flow *flow, const struct flow_key *key,
    size_t total, uint32_t mask)
{
	for (size_t at = 0; at < total; at += CHUNK) {
		const struct flow *f = flow + at;
		const struct flow_key *k = key + at;
		size_t n = total - at < CHUNK ? total - at : CHUNK;

		for (size_t i = 0; i < n; i++) {
			__builtin_prefetch(host_bucket(&shards[shard_of(k[i].src)], k[i].src));
			__builtin_prefetch(host_bucket(&shards[shard_of(k[i].dst)], k[i].dst));
			if (k[i].service != SERVICE_NONE)
				__builtin_prefetch(pair_bucket(&shards[k[i].pair_shard], likely_pair(&k[i])));
		}
		for (size_t i = 0; i < n; i++) {
			struct shard *a = &shards[shard_of(k[i].src)], *b = &shards[shard_of(k[i].dst)];

			const struct host *h = host_peek(a, k[i].src);

			if (h != NULL)
				__builtin_prefetch(h, 1);
			else
				countmin_prefetch(&a->seen, k[i].src);
			h = host_peek(b, k[i].dst);
			if (h != NULL)
				__builtin_prefetch(h, 1);
			if (k[i].service != SERVICE_NONE) {
				struct shard *s = &shards[k[i].pair_shard];
				uint64_t hash = likely_pair(&k[i]);
				const struct pair_slot *slot = pair_peek(s, hash);

				if (slot != NULL)
					__builtin_prefetch(slot, 1);
				else
					countmin_prefetch(&s->seen, hash);
			}
		}
		for (size_t i = 0; i < n; i++) {
			unsigned int a = shard_of(k[i].src), b = shard_of(k[i].dst);

			if ((mask >> a & 1) != 0)
				host_count(&shards[a], env, k[i].src, &f[i].src, &f[i], false);
			if ((mask >> b & 1) != 0)
				host_count(&shards[b], env, k[i].dst, &f[i].dst, &f[i], true);
			if ((mask >> k[i].pair_shard & 1) != 0 && needs_pair(&f[i], &k[i]))
				pair_work(&shards[k[i].pair_shard], env, &f[i], &k[i]);
		}
	}
}

void
shard_tick_done(struct shard *s, const struct shard_env *env)
{
	s->pair_n = 0;
	s->sums = (struct tick_sums){0};
	if (env->links_n > 0)
		memset(s->link_down, 0, sizeof(*s->link_down) * (env->links_n + 1));
	/* what is new is judged over the last half minute or so, not over the whole run */
	if (env->tick % 8 == 0)
		countmin_halve(&s->seen);
}
