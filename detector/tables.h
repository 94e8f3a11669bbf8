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

static inline uint64_t *
host_bucket(const struct shard *s, uint64_t hash)
{
	return &s->host_tag[(size_t)(hash & (s->host_buckets - 1)) * WAYS];
}

static inline struct host *
host_peek(const struct shard *s, uint64_t hash)
{
	uint64_t *tag = host_bucket(s, hash);

	for (unsigned int i = 0; i < WAYS; i++)
		if (tag[i] == hash)
			return &s->host[(size_t)(tag - s->host_tag) + i];
	return NULL;
}

static inline uint64_t
pair_hash(uint64_t client, uint64_t server, uint8_t service)
{
	uint64_t h = mix(client + service, server);

	return h != 0 ? h : 1;
}

static inline uint64_t *
pair_bucket(const struct shard *s, uint64_t hash)
{
	return &s->pair_tag[(size_t)(hash & (s->pair_buckets - 1)) * WAYS];
}

static inline struct pair_slot *
pair_peek(const struct shard *s, uint64_t hash)
{
	uint64_t *tag = pair_bucket(s, hash);

	for (unsigned int i = 0; i < WAYS; i++)
		if (tag[i] == hash)
			return &s->pair_slot[(size_t)(tag - s->pair_tag) + i];
	return NULL;
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

/* Counts a flow at one of its ends; enters the host if it may. */
void host_count(struct shard *s, const struct shard_env *env, uint64_t hash, const struct addr *a, const struct flow *f,
    bool receives);
/* The record of this tick for the pair of a flow; when the table is full of livelier ones, that of the
 * crowd at the end that is being asked or hit: its sums stay exact.  NULL: not even that. */
struct pair *pair_get(struct shard *s, const struct shard_env *env, const struct ends *e, uint8_t service, bool asks,
    const struct flow *f);

#endif
