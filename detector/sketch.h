/* The bounded summaries: who is new (Count-Min), how many different (HyperLogLog), who is
 * largest (Space-Saving).  Each is plain memory without pointers into anything, deterministic,
 * and states its error.
 */
#ifndef DETECTOR_SKETCH_H
#define DETECTOR_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Count-Min with conservative update (Estan and Varghese, SIGCOMM 2002): never under-estimates
 * what came since the last halving; over-estimates by at most e/width of the total with probability 1 - e^-2.
 * 2 rows of 16-bit counters, 4 * width bytes. */
struct countmin {
	uint16_t *row[2];
	uint32_t mask; /* width - 1 */
	uint32_t adds; /* since the last halving */
	uint8_t warm;  /* halvings until it is surely empty */
};

int countmin_init(struct countmin *c, uint32_t width); /* power of two; 0 or ERR_NOMEM */
void countmin_done(struct countmin *c);
void countmin_halve(struct countmin *c);
static inline __attribute__((always_inline)) void
countmin_prefetch(const struct countmin *c, uint64_t hash)
{
	__builtin_prefetch(&c->row[0][hash & c->mask], 1);
	__builtin_prefetch(&c->row[1][hash >> 32 & c->mask], 1);
}
/* Adds and returns the new estimate. */
static inline uint32_t
countmin_add(struct countmin *c, uint64_t hash, uint32_t weight)
{
	uint16_t *a = &c->row[0][hash & c->mask], *b = &c->row[1][hash >> 32 & c->mask];
	uint32_t est = (*a < *b ? *a : *b) + weight;

	c->adds++;
	if (est > UINT16_MAX)
		est = UINT16_MAX;
	if (*a < est)
		*a = (uint16_t)est;
	if (*b < est)
		*b = (uint16_t)est;
	return est;
}

/* HyperLogLog (Flajolet et al. 2007) with linear counting for small sets; p = 7: 128 bytes,
 * standard error 1.04 / sqrt(128) = 9 %, near exact below 50. */
enum { HLL_BITS = 7, HLL_REGISTERS = 1 << HLL_BITS };
struct hll {
	uint8_t reg[HLL_REGISTERS];
};
void hll_add(struct hll *h, uint64_t hash);
/* May it have been added?  Never wrong about one that was; of others right while few were: of k hardly k in 128 pass. */
bool hll_may_have(const struct hll *h, uint64_t hash);
double hll_count(const struct hll *h);
double hll_count_union(const struct hll *a, const struct hll *b);

/* Space-Saving (Metwally et al. 2005) over addresses: any address whose true weight exceeds
 * total / SPACE_SAVING_K is in it, and no figure is too high by more than its `error`.  (Each of sixteen shards has its own, so
 * of all traffic that is one part in 4096 where it is spread evenly.) */
enum { SPACE_SAVING_K = 256 };
struct space_saving_entry {
	struct addr addr;
	uint64_t weight, error;
	uint64_t aux[8]; /* the other counters that travel with the address, since it entered */
};
struct space_saving {
	struct space_saving_entry e[SPACE_SAVING_K]; /* a min-heap on weight */
	uint16_t slot[SPACE_SAVING_K * 4];           /* hash -> heap index + 1 */
	uint32_t n;
	uint64_t total;
};
void space_saving_init(struct space_saving *s);
void space_saving_add(struct space_saving *s, const struct addr *a, uint64_t weight,
    const uint64_t aux[8]);

#endif
