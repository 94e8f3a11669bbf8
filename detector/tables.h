/* Look-ups in a shard's tables, shared by shard.c (who is in them) and packet.c (what flows do to
 * them); inline, as they run several times a packet.
 */
#ifndef DETECTOR_TABLES_H
#define DETECTOR_TABLES_H

#include "detector/shard.h"

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	a = (a ^ b >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	b = (b ^ a >> 29) * UINT64_C(0xd6e8feb86659fd93);
	return a ^ b ^ b >> 32;
}

static inline unsigned int
shard_of(uint64_t hash)
{
	return (unsigned int)(hash >> 60);
}

static inline struct host *
host_among(const struct shard *s, size_t at, uint16_t tag, const struct addr *a)
{
	for (uint64_t m = bucket_match(&s->host_tag[at], tag); m != 0; m &= m - 1) {
		struct host *h = &s->host[at + (unsigned int)__builtin_ctzll(m) / 8];

		if (addr_equal(&h->addr, a))
			return h;
	}
	return NULL;
}

/* Behind the first eight places. */
struct host *host_further(const struct shard *s, uint64_t hash, const struct addr *a);

static inline struct host *
host_peek(const struct shard *s, uint64_t hash, const struct addr *a)
{
	size_t first = bucket_first(hash, s->host_buckets);
	struct host *h = host_among(s, first, bucket_tag(hash), a);

	return h == NULL && bucket_crowded(&s->host_tag[first]) ? host_further(s, hash, a) : h;
}

static inline uint64_t
pair_hash(uint64_t client, uint64_t server, uint8_t service)
{
	uint64_t h = mix(client + service, server);

	return h != 0 ? h : 1;
}

/* More of a pair's hash, kept in its slot: with the tag 29 bits, so that a stranger is taken for one of those in its two buckets once
 * in sixteen million times. */
static inline uint16_t
pair_more(uint64_t hash)
{
	return (uint16_t)(hash >> 16 & PAIR_MORE);
}

static inline struct pair_slot *
pair_among(const struct shard *s, size_t at, uint64_t hash)
{
	for (uint64_t m = bucket_match(&s->pair_tag[at], bucket_tag(hash)); m != 0; m &= m - 1) {
		struct pair_slot *p = &s->pair_slot[at + (unsigned int)__builtin_ctzll(m) / 8];

		if (p->more == pair_more(hash))
			return p;
	}
	return NULL;
}

struct pair_slot *pair_further(const struct shard *s, uint64_t hash);

static inline struct pair_slot *
pair_peek(const struct shard *s, uint64_t hash)
{
	size_t first = bucket_first(hash, s->pair_buckets);
	struct pair_slot *p = pair_among(s, first, hash);

	return p == NULL && bucket_crowded(&s->pair_tag[first]) ? pair_further(s, hash) : p;
}

static inline uint32_t
pair_age(const struct pair_slot *p, uint32_t tick)
{
	return (tick - p->tick) & PAIR_TICKS;
}

struct ends {
	uint64_t client_hash, server_hash;
	const struct addr *client, *server;
};

static inline struct ends
ends_of(const struct flow *f, const struct flow_key *k, bool asks)
{
	return asks ? (struct ends){k->src, k->dst, &f->src, &f->dst} : (struct ends){k->dst, k->src, &f->dst, &f->src};
}

/* Counts a flow at one of its ends; enters the host if it may.  `likely` is where its tag was found when its record was asked
 * for, or PLACE_NONE: mostly it stands there still. */
enum { PLACE_NONE = INT32_MAX };
void host_count(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f,
    bool receives, uint32_t likely);
/* The record of this tick for the pair of a flow; when the table is full of livelier ones, that of the
 * crowd at the end that is being asked or hit: its sums stay exact.  NULL: not even that. */
struct pair *pair_get(struct shard *s, const struct shard_env *env, const struct ends *e, uint8_t service, bool asks,
    const struct flow *f);

#endif
