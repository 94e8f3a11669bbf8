/* Names that draw amplified answers, across all clients: which (name, type) is being misused, by how many, and what it
 * yields.
 *
 * Fed from the pairs of a closing tick (pair_names.h), so a packet costs nothing here.  A bounded table: a full bucket of eight gives
 * up the name with the fewest large answers, halved for every day without any; counted.  Clients are
 * counted with HyperLogLog (9 %), under a salt that is saved with them, so that they go on counting after a restart.
 *
 * A name is large by nature (a DNSKEY of a signed zone) or misused; what tells is how it is asked for: again by clients who still
 * hold it, or by nobody who gets it.  See name_misused.
 *
 * RAM: DRAWN_ROWS x 480 bytes, in pages touched when needed.
 */
#ifndef DETECTOR_DRAWN_H
#define DETECTOR_DRAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "detector/shard.h"
#include "detector/sketch.h"

enum { DRAWN_ROWS = 1 << 12, DRAWN_WAYS = 8 };

struct name_row {
	bool used;
	uint8_t len;
	uint16_t qtype;
	uint8_t wire[DNS_NAME_WIRE]; /* lower case */
	struct hll clients;
	int64_t first_s, last_s;
	uint64_t large, matched, repeat; /* large answers; those a query explains; those asked for again while held */
	uint64_t bytes, query_bytes;     /* of the large answers with their fragments; of the queries that explain them */
	uint64_t size;                   /* sum of DNS sizes */
	double worth;                    /* large answers, decayed, as of last_s */
};

struct drawn {
	struct name_row *row;
	uint64_t seed, salt; /* of the buckets; of the clients */
	size_t n;
	uint64_t evicted;
};

int drawn_init(struct drawn *t, uint64_t seed); /* 0 or ERR_NOMEM */
void drawn_done(struct drawn *t);
void drawn_clear(struct drawn *t);

/* What a client (NULL: a crowd) was answered about one name in a tick. */
void drawn_take(struct drawn *t, const struct addr *client, const struct pair_name *a, const struct name_slot *name, int64_t now_s);

/* At least 20 large answers, most of them asked for again within the TTL or by nobody. */
bool name_misused(const struct name_row *r);
double name_clients(const struct name_row *r);
double name_baf(const struct name_row *r); /* bytes at IP level; 0: unknown */
/* Misused ones first, then by worth at now_s, then by name; returns how many (at most max). */
size_t drawn_list(const struct drawn *t, int64_t now_s, const struct name_row **out, size_t max);

void drawn_save(const struct drawn *t, struct buf *out);
void drawn_load(struct drawn *t, struct cursor *c);

/* HyperLogLog registers as they are saved: runs of zeros are short. */
void hll_save(const struct hll *h, struct buf *out);
void hll_load(struct hll *h, struct cursor *c);
/* Whether n bytes are a name on the wire, without compression. */
bool name_wire_sound(const uint8_t *wire, size_t n);

#endif
