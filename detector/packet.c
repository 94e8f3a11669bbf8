/* The per-packet work.  Everything here is written around cache misses: the tables are far
 * larger than the caches and a packet touches two hosts and often a pair, so flows go in chunks
 * and each pass over a chunk only asks for the memory that the next one needs.  The last pass
 * decides everything anew and in input order, so chunks never show in a result.
 */
#include <string.h>

#include "detector/packet_inner.h"

enum {
	CHUNK = 32,
	WEB = 443,
	SETTLED = 2,         /* ticks after which a conversation that is new to us is new */
};

/* --- other services and fragments --------------------------------------------------------------- */

/* Who speaks first is the client.  At the start of a capture nobody knows who did, and of records and samples the
 * order is lost: there the port of the other end must do. */
static bool
server_begins(const struct shard *s, const struct shard_env *env, const struct flow *f, const struct pair *p)
{
	if (f->sport < SERVICE_PORTS_DRAWN)
		return false;
	if (p->counted)
		return f->dport == WEB;
	return p->fresh && p->answers == 0 && s->pair_slot[p->slot].asked == PAIR_NOT_ASKED &&
	    (env->tick - env->first_tick >= SETTLED || f->dport == WEB);
}

static void
other_service(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	if ((k->dir & FLOW_ASKS) != 0) {
		const struct ends e = ends_of(f, k, true);
		struct pair *p = pair_get(s, env, &e, k->service, true, f);

		if (p != NULL) {
			p->queries += (uint32_t)f->packets;
			p->query_bytes += f->bytes;
			s->pair_slot[p->slot].asked = 0;
		}
	}
	if ((k->dir & FLOW_ANSWERS) != 0) {
		const struct ends e = ends_of(f, k, false);
		struct pair *p = pair_get(s, env, &e, k->service, false, f);

		if (p == NULL)
			return;
		if (p->crowd == CROWD_NONE && server_begins(s, env, f, p))
			s->pair_slot[p->slot].server_began = p->server_began = true;
		p->web = p->web || f->dport == WEB;
		p->answers += (uint32_t)f->packets;
		p->answer_packets += (uint32_t)f->packets;
		p->answer_bytes += f->bytes;
		answered(s, env, p, f->start_ns);
		if (asked_lately(s, p))
			p->matched += (uint32_t)f->packets;
	}
}

/* Value in the fragment table: service and direction of the first fragment.  Or, until it comes, how many later ones came
 * before it, and their bytes: several paths and queues reorder fragments, some systems send the last one first. */
enum { HEAD_OTHER = 0xff, ORPHANS_MOST = 0x7f };
#define ORPHANS UINT32_C(0x80000000)
#define ORPHANS_PACKETS(value) ((value) >> 24 & ORPHANS_MOST)
#define ORPHANS_BYTES(value) ((value) & 0xffffff)

static void
remember_orphan(struct shard *s, const struct shard_env *env, const struct flow *f, uint64_t key, uint32_t known)
{
	uint32_t n = ORPHANS_PACKETS(known) + 1;
	uint64_t bytes = ORPHANS_BYTES(known) + f->bytes;

	if (n <= ORPHANS_MOST && bytes <= 0xffffff)
		fragment_table_offer(&s->fragments, key, env->tick, ORPHANS | n << 24 | (uint32_t)bytes);
}

/* The first fragment has come: those of this tick that came before it are its service's, not the fragments' own. */
static void
adopt_orphans(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k, uint32_t known)
{
	const struct ends e = ends_of(f, k, false);
	struct pair *from = pair_get(s, env, &e, SERVICE_FRAGMENT, false, f), *to;
	uint32_t n = ORPHANS_PACKETS(known), bytes = ORPHANS_BYTES(known);

	if (from == NULL || from->later_packets < n || from->later_bytes < bytes || from->answers < n)
		return;
	if (k->service == SERVICE_NONE) {
		from->matched += n; /* a head was seen */
		return;
	}
	if (k->dir == FLOW_ASKS)
		return;
	from->answers -= n;
	from->answer_packets -= n;
	from->later_packets -= n;
	from->answer_bytes -= bytes;
	from->later_bytes -= bytes;
	to = pair_get(s, env, &e, k->service, false, f);
	if (to == NULL)
		return;
	if (k->service == SERVICE_DNS)
		s->sums.dns_answer_bytes += bytes;
	to->answer_packets += n;
	to->later_packets += n;
	to->answer_bytes += bytes;
	to->later_bytes += bytes;
}

static void
later_fragment(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	/* records name no datagram, of samples the first fragment was hardly one: the pair tells, at the end of the tick */
	bool counted = (f->flags & FLOW_RECORD) != 0 || f->sampling > 1;
	const uint64_t key = mix(k->src, k->dst + f->frag_id);
	uint32_t head = counted ? 0 : fragment_table_get(&s->fragments, key, env->tick);
	uint8_t service = (uint8_t)(head >> 8);
	bool asks = (head & FLOW_ASKS) != 0 && (head & FLOW_ANSWERS) == 0;
	struct pair *p;

	if ((head == 0 || (head & ORPHANS) != 0) && !counted) {
		remember_orphan(s, env, f, key, head);
		head = 0;
	}
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
		answered(s, env, p, f->start_ns);
		p->matched += head != 0 ? (uint32_t)f->packets : 0; /* a head was seen */
		if (counted && f->packets / f->sampling > p->one_flow)
			p->one_flow = (uint32_t)(f->packets / f->sampling);
	}
	if (asks) {
		p->query_bytes += f->bytes;
		return;
	}
	if (service == SERVICE_DNS)
		s->sums.dns_answer_bytes += f->bytes;
	p->whole = p->whole || flow_whole_fragments(f);
	p->answer_packets += (uint32_t)f->packets;
	p->answer_bytes += f->bytes;
	p->later_packets += (uint32_t)f->packets;
	p->later_bytes += f->bytes;
}

static void
first_fragment(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	uint32_t value = k->service != SERVICE_NONE ? (uint32_t)k->service << 8 | k->dir : (uint32_t)HEAD_OTHER << 8;

	const uint64_t key = mix(k->src, k->dst + f->frag_id);
	uint32_t known = fragment_table_get(&s->fragments, key, env->tick);

	if ((known & ORPHANS) != 0)
		adopt_orphans(s, env, f, k, known);
	fragment_table_put(&s->fragments, key, env->tick, value);
}

/* --- a chunk ------------------------------------------------------------------------------------ */

static inline bool
needs_pair(const struct flow *f, const struct flow_key *k)
{
	return k->service != SERVICE_NONE ||
	    (f->proto == FLOW_UDP && (f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0) ||
	    (f->flags & (FLOW_RECORD | FLOW_FRAG_LATER)) == (FLOW_RECORD | FLOW_FRAG_LATER);
}

static void
pair_work(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	if ((f->flags & FLOW_RECORD) != 0 && f->end_ns < env->begin_ns - LATE_RECORD_S * INT64_C(1000000000))
		return; /* no window reaches back so far */
	if ((f->flags & FLOW_FRAG_LATER) != 0) {
		later_fragment(s, env, f, k);
		return;
	}
	if ((f->flags & FLOW_FRAG_FIRST) != 0 && f->proto == FLOW_UDP && f->sampling <= 1)
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
		packet_dns_query(s, env, f, k);
	} else {
		packet_dns_answer(s, env, f, k);
	}
}

static uint64_t
likely_pair(const struct flow_key *k)
{
	return (k->dir & FLOW_ASKS) != 0 ? pair_hash(k->src, k->dst, k->service) : pair_hash(k->dst, k->src, k->service);
}

/* gcc takes a function that only prefetches for one without effect and drops its calls (seen with 12.2);
 * inlined for sure, its body stays. */
#define PREFETCHER static inline __attribute__((always_inline)) void

/* entries: in the table; from half of it on the first bucket of a key alone seldom tells. */
PREFETCHER
prefetch_bucket(const uint16_t *tag, uint32_t buckets, uint64_t entries, uint64_t hash)
{
	__builtin_prefetch(&tag[bucket_first(hash, buckets)]);
	if (entries > (uint64_t)buckets * (WAYS / 2))
		__builtin_prefetch(&tag[bucket_second(hash, buckets)]);
}

PREFETCHER
prefetch_host_bucket(const struct shard *s, uint64_t hash)
{
	prefetch_bucket(s->host_tag, s->host_buckets, s->count.hosts, hash);
}

/* Asks for the tags of one part of a flow. */
PREFETCHER
prefetch_tags(struct shard *shards, const struct flow_key *k, enum shard_part part)
{
	if (part == PART_SOURCE)
		prefetch_host_bucket(&shards[shard_of(k->src)], k->src);
	else if (part == PART_DESTINATION)
		prefetch_host_bucket(&shards[shard_of(k->dst)], k->dst);
	else if (part == PART_NAME)
		names_prefetch(&shards[shard_of(k->zone)].names, k->zone, k->question, k->bad);
	else if (k->service != SERVICE_NONE)
		prefetch_bucket(shards[k->pair_shard].pair_tag, shards[k->pair_shard].pair_buckets, shards[k->pair_shard].count.pairs, likely_pair(k));
}

/* By its tag alone; PLACE_NONE: surely not in the table. */
static uint32_t
likely_further(const uint16_t *tag, uint32_t buckets, uint64_t hash)
{
	size_t second = bucket_second(hash, buckets);
	const size_t at[3] = {bucket_first(hash, buckets) + BUCKET_ROOMY, second, second + BUCKET_ROOMY};

	for (int i = 0; i < 3; i++) {
		uint64_t m = bucket_match(&tag[at[i]], bucket_tag(hash));

		if (m != 0)
			return (uint32_t)at[i] + (unsigned int)__builtin_ctzll(m) / 8;
	}
	return PLACE_NONE;
}

static inline uint32_t
likely_place(const uint16_t *tag, uint32_t buckets, uint64_t hash)
{
	size_t first = bucket_first(hash, buckets);
	uint64_t m = bucket_match(&tag[first], bucket_tag(hash));

	if (m != 0)
		return (uint32_t)first + (unsigned int)__builtin_ctzll(m) / 8;
	return bucket_crowded(&tag[first]) ? likely_further(tag, buckets, hash) : PLACE_NONE;
}

static inline __attribute__((always_inline)) uint32_t
prefetch_host(struct shard *s, uint64_t hash)
{
	uint32_t at = likely_place(s->host_tag, s->host_buckets, hash);
	size_t room;

	if (at != PLACE_NONE)
		__builtin_prefetch(&s->host[at], 1);
	else if (bucket_room(s->host_tag, s->host_buckets, hash, &room)) /* where it will stand */
		__builtin_prefetch(&s->host[room], 1);
	else
		countmin_prefetch(&s->seen, hash);
	return at;
}

/* The tags have arrived: asks for the records behind them, and tells where that of a host is likely to be. */
static inline __attribute__((always_inline)) uint32_t
prefetch_records(struct shard *shards, const struct flow *f, const struct flow_key *k, enum shard_part part)
{
	if (part == PART_SOURCE)
		return prefetch_host(&shards[shard_of(k->src)], k->src);
	if (part == PART_DESTINATION)
		return prefetch_host(&shards[shard_of(k->dst)], k->dst);
	if (part == PART_PAIR && k->service != SERVICE_NONE) {
		struct shard *s = &shards[k->pair_shard];
		uint64_t hash = likely_pair(k);
		uint32_t at = likely_place(s->pair_tag, s->pair_buckets, hash);
		size_t room;

		if (k->service == SERVICE_DNS && k->dir == FLOW_ASKS && f->dns != NULL)
			__builtin_prefetch(packet_dns_open(s, hash, f->dns->id), 1);

		if (at != PLACE_NONE)
			__builtin_prefetch(&s->pair_slot[at], 1);
		else if (bucket_room(s->pair_tag, s->pair_buckets, hash, &room))
			__builtin_prefetch(&s->pair_slot[room], 1);
		else
			countmin_prefetch(&s->seen, hash);
	}
	return PLACE_NONE;
}

/* One flow at one place: its source's host, its destination's host, its pair, or the zone of its question. */
static inline void
client_work(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k, uint32_t likely)
{
	host_count(s, env, k->dst, &f->dst, f, true, likely);
	if (k->fails)
		names_failed(s, env, f, k);
}

/* Most answers are done here: they exist, and were asked for a moment ago. */
static inline void
name_work(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	struct shard_names *n = &s->names;
	bool seen = !k->bad && (name_filter_young(&n->seen, k->question, env->tick) || !name_filter_add(&n->seen, k->question, env->tick));

	if (!seen || names_tracked(n, k->zone) || names_tracked(n, k->customer))
		names_new(n, env, f, k, seen);
}

static inline void
work_flow(struct shard *shards, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    enum shard_part part, uint32_t likely)
{
	if ((f->flags & FLOW_COPY) != 0)
		return;
	if (part == PART_SOURCE)
		host_count(&shards[shard_of(k->src)], env, k->src, &f->src, f, false, likely);
	else if (part == PART_DESTINATION)
		client_work(&shards[shard_of(k->dst)], env, f, k, likely);
	else if (part == PART_NAME)
		name_work(&shards[shard_of(k->zone)], env, f, k);
	else
		pair_work(&shards[k->pair_shard], env, f, k);
}

void
shards_ingest(struct shard *shards, const struct shard_env *env, const struct flow *flow, const struct flow_key *key,
    size_t total)
{
	for (size_t at = 0; at < total; at += CHUNK) {
		const struct flow *f = flow + at;
		const struct flow_key *k = key + at;
		size_t n = total - at < CHUNK ? total - at : CHUNK, names = 0;
		uint8_t name[CHUNK]; /* the few with a question */
		uint32_t likely[CHUNK][PART_PAIR + 1];

		for (size_t i = 0; i < n; i++) {
			name[names] = (uint8_t)i;
			names += k[i].named;
			for (enum shard_part part = PART_SOURCE; part <= PART_PAIR; part++)
				prefetch_tags(shards, &k[i], part);
		}
		for (size_t i = 0; i < names; i++)
			prefetch_tags(shards, &k[name[i]], PART_NAME);
		for (size_t i = 0; i < n; i++)
			for (enum shard_part part = PART_SOURCE; part <= PART_PAIR; part++)
				likely[i][part] = prefetch_records(shards, &f[i], &k[i], part);
		for (size_t i = 0; i < n; i++) {
			work_flow(shards, env, &f[i], &k[i], PART_SOURCE, likely[i][PART_SOURCE]);
			work_flow(shards, env, &f[i], &k[i], PART_DESTINATION, likely[i][PART_DESTINATION]);
			if (needs_pair(&f[i], &k[i]))
				work_flow(shards, env, &f[i], &k[i], PART_PAIR, PLACE_NONE);
		}
		for (size_t i = 0; i < names; i++)
			work_flow(shards, env, &f[name[i]], &k[name[i]], PART_NAME, PLACE_NONE);
	}
}

void
shards_split(const struct flow *f, const struct flow_key *k, size_t n, unsigned int groups, struct shard_items *items)
{
	uint8_t group[SHARDS];

	for (unsigned int i = 0; i < SHARDS; i++)
		group[i] = (uint8_t)(i % groups);
	for (unsigned int g = 0; g < groups; g++)
		items[g].n = items[g].next = 0;
	for (size_t i = 0; i < n; i++) {
		struct shard_items *a = &items[group[shard_of(k[i].src)]];
		struct shard_items *b = &items[group[shard_of(k[i].dst)]];
		struct shard_items *c = &items[group[k[i].pair_shard]];

		a->item[a->n++] = (uint16_t)(i << 2 | PART_SOURCE);
		b->item[b->n++] = (uint16_t)(i << 2 | PART_DESTINATION);
		if (needs_pair(&f[i], &k[i]))
			c->item[c->n++] = (uint16_t)(i << 2 | PART_PAIR);
		if (k[i].named) {
			struct shard_items *d = &items[group[shard_of(k[i].zone)]];

			d->item[d->n++] = (uint16_t)(i << 2 | PART_NAME);
		}
	}
}

void
shards_work(struct shard *shards, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    size_t from, size_t to, struct shard_items *items)
{
	while (items->next < items->n && items->item[items->next] >> 2 < from)
		items->next++; /* flows that were left out */
	while (items->next < items->n && items->item[items->next] >> 2 < to) {
		const uint16_t *item = &items->item[items->next];
		size_t n = items->n - items->next < CHUNK ? items->n - items->next : CHUNK;
		uint32_t likely[CHUNK];

		while (item[n - 1] >> 2 >= to)
			n--;
		for (size_t i = 0; i < n; i++)
			prefetch_tags(shards, &k[item[i] >> 2], item[i] & 3);
		for (size_t i = 0; i < n; i++)
			likely[i] = prefetch_records(shards, &f[item[i] >> 2], &k[item[i] >> 2], item[i] & 3);
		for (size_t i = 0; i < n; i++)
			work_flow(shards, env, &f[item[i] >> 2], &k[item[i] >> 2], item[i] & 3, likely[i]);
		items->next += (uint32_t)n;
	}
}
