/* What one flow does to the record of its pair, shared by packet.c (who goes where, other services, fragments) and
 * packet_dns.c (queries and answers). */
#ifndef DETECTOR_PACKET_INNER_H
#define DETECTOR_PACKET_INNER_H

#include "detector/tables.h"

enum { QUERY_LIFE = 10 }; /* ticks for which a query explains answers */

static inline bool
asked_lately(const struct shard *s, const struct pair *p)
{
	return s->pair_slot[p->slot].asked <= QUERY_LIFE;
}

/* Remembers when in the tick the answers that count came. */
static inline void
answered(struct shard *s, const struct shard_env *env, struct pair *p, int64_t t_ns)
{
	int64_t into = t_ns - env->begin_ns;

	if (p->first_ns == 0 && s->pair_slot[p->slot].drawn < PAIR_DRAWN)
		s->pair_slot[p->slot].drawn++;
	if (p->first_ns == 0 || (p->to_ns != 0 && t_ns < p->first_ns))
		p->first_ns = t_ns;
	if (into > 0 && into < 1000000000)
		p->last_at = (uint8_t)(into / 3906250);
}

/* The set of four where a question of a pair waits for its answer. */
static inline struct open_query *
packet_dns_open(const struct shard *s, uint64_t pair, uint16_t id)
{
	return &s->open[mix(pair, id) & (OPEN_QUERIES - 1) & ~3u];
}

/* A flow of DNS over UDP, at the shard of its pair. */
void packet_dns_query(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k);
void packet_dns_answer(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k);

#endif
