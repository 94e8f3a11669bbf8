/* What the files about names share and nobody else needs. */
#ifndef DETECTOR_NAMES_INNER_H
#define DETECTOR_NAMES_INNER_H

#include "detector/tables.h"

static inline uint8_t
name_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* In lower case; nothing when it does not fit. */
static inline void
name_keep(struct name_copy *c, const uint8_t *wire, size_t len)
{
	c->len = len <= sizeof(c->wire) ? (uint8_t)len : 0;
	for (size_t i = 0; i < c->len; i++)
		c->wire[i] = name_lower(wire[i]);
}

/* Types whose answers hold what the owner of the zone likes, and that tunnels prefer. */
bool names_rare_type(uint16_t qtype);

/* carrier.c: an answer to a question that may be new. */
void carrier_answer(struct shard_names *n, struct zone *z, const struct shard_env *env, const struct flow *f,
    const struct flow_key *k, bool fresh);

#endif
