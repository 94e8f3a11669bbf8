/* DNS at the shard of the pair: which query explains an answer, what its receiver holds still, what a rule could match. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/packet_inner.h"
#include "detector/pair_names.h"

enum {
	TTL_UNKNOWN = 30,    /* ticks a client is taken to hold an answer whose records were cut off */
	TTL_LEAST = 30,      /* asking again so soon for so much is no use of it, whatever its TTL */
	TTL_MOST = 3600,
};

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

/* Two taps whose clocks differ, or a capture's several queues, show answers before their queries, by milliseconds. */
enum { EARLY = 1 }; /* in open_query.bytes: the answer came first.  No query is so short */

/* Takes no place from a query that is still open. */
static void
open_put_early(struct shard *s, uint64_t hash, uint32_t tick)
{
	struct open_query *set = &s->open[hash & (OPEN_QUERIES - 1) & ~3u];

	for (int i = 0; i < 4; i++)
		if (set[i].bytes <= EARLY || (uint16_t)(tick - set[i].tick) > QUERY_LIFE) {
			set[i] = (struct open_query){(uint32_t)(hash >> 32), EARLY, (uint16_t)tick};
			return;
		}
}

/* Whether this query's large answer came before it, within this tick or the one before. */
static bool
open_take_early(struct shard *s, uint64_t hash, uint32_t tick)
{
	struct open_query *set = &s->open[hash & (OPEN_QUERIES - 1) & ~3u];

	for (int i = 0; i < 4; i++)
		if (set[i].bytes == EARLY && set[i].tag == (uint32_t)(hash >> 32)) {
			set[i].bytes = 0;
			return (uint16_t)(tick - set[i].tick) <= 1;
		}
	return false;
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
		if (set[i].bytes > EARLY && set[i].tag == (uint32_t)(hash >> 32)) {
			uint32_t bytes = set[i].bytes;
			bool young = (uint16_t)(tick - set[i].tick) <= QUERY_LIFE;

			set[i].bytes = 0;
			return young ? bytes : 0;
		}
	return 0;
}

/* Which of two leaves: what nobody holds any more, then what was given to somebody for the first time, then what expires first.  So
 * the answers to addresses that come by once replace each other, not those of who keeps asking. */
static bool
held_leaves(const struct held_answer *a, const struct held_answer *b, uint32_t tick)
{
	bool x = a->known && a->expires > tick, y = b->known && b->expires > tick;

	return x != y ? y : a->expires < b->expires;
}

/* Was it given this answer at least twice, and holds it still?  (A stub whose answers get lost asks two or
 * three times.)  Now it holds it for `ttl` more seconds. */
static bool
held_again(struct shard *s, uint64_t hash, uint32_t tick, uint32_t ttl, bool known)
{
	struct held_answer *set = &s->held[hash & (HELD_ANSWERS - 1) & ~3u], *h = set;
	unsigned int times = 0;
	bool found = false;

	for (int i = 0; i < 4; i++) {
		if (set[i].tag == (uint32_t)(hash >> 32)) {
			h = &set[i];
			times = h->expires > tick ? h->times : 0;
			found = true;
			break;
		}
		if (held_leaves(&set[i], h, tick))
			h = &set[i];
	}
	if (!found && !known && h->known && h->expires > tick)
		return false;
	*h = (struct held_answer){.tag = (uint32_t)(hash >> 32), .expires = (tick + ttl) & 0xfffffff,
		.times = (times < 7 ? times + 1 : 7) & 7u, .known = known};
	return times >= 2;
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

void
packet_dns_query(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	const struct ends e = ends_of(f, k, true);
	struct pair *p = pair_get(s, env, &e, SERVICE_DNS, true, f);

	s->sums.dns_queries += f->packets;
	if ((f->flags & FLOW_RECORD) != 0)
		s->sums.record_queries += f->packets;
	if (f->dns != NULL && !f->dns->response) {
		if (f->dns->qtype == DNS_ANY) {
			s->sums.any_queries += f->packets;
			if (p != NULL)
				p->any_queries += (uint32_t)f->packets;
		}
		log_query(s, env, f, f->dns);
		if (!asked_answers(env->answering, k->dst))
			asked_note(&s->asked, f, k->src);
	}
	if (p == NULL)
		return;
	p->queries += (uint32_t)f->packets;
	p->query_bytes += f->bytes;
	s->pair_slot[p->slot].asked = 0;
	if (f->dns == NULL || f->dns->response || p->crowd != CROWD_NONE || f->sampling > 1)
		return;
	const uint64_t open = mix(pair_hash(k->src, k->dst, SERVICE_DNS), f->dns->id);

	if (open_take_early(s, open, env->tick)) {
		p->matched++;
		p->large_query_bytes += (uint32_t)f->bytes;
	} else {
		open_put(s, open, (uint32_t)f->bytes, env->tick);
	}
}

/* What comes from port 53 as a message, or NULL. */
static const struct dns_view *
answer_view(const struct flow *f)
{
	return f->dns != NULL && f->dns->response && !f->dns->malformed ? f->dns : NULL;
}

/* A tunnel on port 53 that is no DNS at all: what a conversation carries is no answer to anything.  (What nobody
 * asked for is judged by its size, whatever it is.) */
static bool
no_answer(const struct shard *s, const struct flow *f, const struct pair *p)
{
	return answer_view(f) == NULL && (f->flags & (FLOW_CUT | FLOW_RECORD)) == 0 && asked_lately(s, p);
}

/* Seconds for which its receiver holds an answer. */
static uint32_t
held_for(const struct dns_view *v)
{
	struct dns_records r;

	dns_view_records(v, &r);
	return r.min_ttl == UINT32_MAX ? TTL_UNKNOWN : r.min_ttl < TTL_LEAST ? TTL_LEAST : r.min_ttl < TTL_MOST ? r.min_ttl : TTL_MOST;
}

static void
large_answer(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    struct pair *p)
{
	const struct dns_view *v = answer_view(f);
	uint64_t name = v != NULL ? name_hash(v, env->seed) : 0;
	struct pair_name a = {.large = (uint32_t)f->packets, .bytes = f->bytes};

	p->large += a.large;
	p->large_bytes += f->bytes;
	answered(s, env, p, f->start_ns);
	if ((f->flags & FLOW_RECORD) != 0) {
		if (a.large / f->sampling > p->one_flow)
			p->one_flow = a.large / f->sampling;
		if (f->sampling <= 1)
			size_vote_add(&p->sizes, f->bytes, f->packets);
		return;
	}
	if (v == NULL) {
		p->large_size += (uint32_t)f->bytes;
		if (asked_lately(s, p))
			p->matched += a.large;
		return;
	}
	a.size = v->size * a.large;
	if ((f->flags & FLOW_FRAG_FIRST) != 0 && a.size > f->bytes)
		a.missing = a.size - f->bytes;
	const uint64_t open = mix(pair_hash(k->dst, k->src, SERVICE_DNS), v->id);

	a.query_bytes = f->sampling > 1 ? 0 : open_take(s, open, env->tick);
	a.matched = a.query_bytes != 0;
	if (a.query_bytes == 0 && f->sampling <= 1)
		open_put_early(s, open, env->tick);
	if (name != 0) {
		a.ttl = held_for(v);
		a.repeat = held_again(s, mix(k->dst, name + v->qtype), env->tick, a.ttl, p->drawn > 0) ? a.large : 0;
		pair_names_add(s, p, v, name, env->tick, &a);
		if (common_type(v->qtype))
			s->watch_common = true;
	}
	p->large_size += a.size;
	p->matched += a.matched;
	p->repeat += a.repeat;
	p->large_query_bytes += a.query_bytes;
}

void
packet_dns_answer(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	const struct ends e = ends_of(f, k, false);
	struct pair *p;
	uint32_t size;

	s->sums.dns_answers += f->packets;
	s->sums.dns_answer_bytes += f->bytes;
	if ((f->flags & FLOW_RECORD) != 0) {
		s->sums.record_answers += f->packets;
		s->sums.record_answer_bytes += f->bytes;
	}
	/* what is no DNS at all but comes from port 53 is judged by its size on the wire */
	size = f->dns != NULL ? f->dns->size : (uint32_t)(f->packets > 0 ? f->bytes / f->packets : 0) > 28 ?
	    (uint32_t)(f->bytes / f->packets) - 28 : 0;
	p = pair_get(s, env, &e, SERVICE_DNS, false, f);
	if (p == NULL)
		return;
	p->answers += (uint32_t)f->packets;
	p->answer_packets += (uint32_t)f->packets;
	p->answer_bytes += f->bytes;
	if (f->dns != NULL && f->dns->response && f->dns->recursion_available && f->dns->recursion_desired && !f->dns->authoritative &&
	    f->dns->rcode == DNS_NOERROR && f->dns->answers > 0)
		p->recursed += (uint32_t)f->packets;
	if (size >= env->large_answer && !no_answer(s, f, p))
		large_answer(s, env, f, k, p);
}
