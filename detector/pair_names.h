/* Which names a pair's large answers of one tick were for, so that what is remembered of names (drawn.h), and what an alert
 * says was asked for, counts each answer for its own.
 *
 * Rows of a shard, emptied with every tick: a chain for each pair, the last one touched first, as mostly the same name is
 * asked for again.  At most NAMES_OF_PAIR names a pair; answers beyond that, beyond the rows, or whose name found no room
 * among the shard's are of no name, which is counted.  Names that differ each time have nothing to remember.
 */
#ifndef DETECTOR_PAIR_NAMES_H
#define DETECTOR_PAIR_NAMES_H

#include "detector/shard.h"

/* One large answer: `a` holds its counts, its link and name are filled here.  name_hash as in struct name_slot. */
void pair_names_add(struct shard *s, struct pair *p, const struct dns_view *v, uint64_t name_hash, uint32_t tick, const struct pair_name *a);

/* At the end of the tick, once: fragments behind the first name nothing, so each row gets its part of theirs, by what its
 * own first ones announced; by size where none did. */
void pair_names_settle(struct shard *s, const struct pair *p);

/* The rows of a pair.  NULL behind the last one. */
static inline const struct pair_name *
pair_names_next(const struct shard *s, const struct pair *p, const struct pair_name *a)
{
	uint32_t i = a != NULL ? a->next : p->names;

	return i != 0 ? &s->pair_name[i - 1] : NULL;
}

#endif
