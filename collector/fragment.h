/* Ties later fragments to the service of their first one.
 *
 * A small set-associative table keyed by a hash of (source, destination, protocol,
 * id), remembering a value for 30 s of event time.  Bounded: the oldest entry of
 * a full set is replaced and counted.  No thread safety; one per shard.
 */
#ifndef COLLECTOR_FRAGMENT_H
#define COLLECTOR_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

struct fragment_entry {
	uint32_t tag;
	uint32_t expires_s; /* low 32 bits of event seconds */
	uint32_t value;     /* 0: empty */
};

struct fragment_table {
	struct fragment_entry *e; /* sets of 4 */
	uint32_t sets;            /* power of two */
	uint64_t replaced;        /* live entries pushed out */
};

int fragment_table_init(struct fragment_table *t, uint32_t entries); /* 0 or ERR_NOMEM; 12 bytes an entry */
void fragment_table_done(struct fragment_table *t);
/* hash: 64 well-mixed bits; value > 0. */
void fragment_table_put(struct fragment_table *t, uint64_t hash, int64_t now_s, uint32_t value);
/* The same for what is known only by half: for the rest of this second, and only where no other entry has to go. */
void fragment_table_offer(struct fragment_table *t, uint64_t hash, int64_t now_s, uint32_t value);
/* The value, or 0 when no head is known. */
uint32_t fragment_table_get(const struct fragment_table *t, uint64_t hash, int64_t now_s);

#endif
