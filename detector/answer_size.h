/* Large answers of one size: what flow records tell instead of a name.
 *
 * An abuser asks the same question, so that its answers are the same to the byte, again and again; the large answers of many people
 * behind one address spread over many sizes (docs/calibration.md).  A pair votes within a tick (Boyer and Moore 1981: the votes are at
 * most what the winner has, so that a share is never overrated), a watch keeps four sizes for two spans of five minutes
 * (Space-Saving, Metwally et al. 2005).
 *
 * Sizes that many different answers have do not count: full first fragments, and messages cut at the limit that clients offer.
 */
#ifndef DETECTOR_ANSWER_SIZE_H
#define DETECTOR_ANSWER_SIZE_H

#include <stdint.h>

enum { SIZE_SPAN_S = 300, SIZES = 4 };

/* Of a pair, within a tick. */
struct size_vote {
	uint32_t bytes, votes; /* of one record, IP level */
	uint32_t all;          /* records with large answers */
};

struct size_span {
	uint32_t bytes[SIZES], n[SIZES];
	uint32_t all;
};

struct size_counts {
	struct size_span span[2]; /* this one and the one before */
	uint32_t tick;            /* in which this one began; 0: not yet */
};

void size_vote_add(struct size_vote *v, uint64_t bytes, uint64_t packets);
void size_counts_add(struct size_counts *c, const struct size_vote *v, uint32_t tick);
/* Records with the commonest size of the last five to ten minutes, at least; `all`: those with large answers. */
uint32_t size_counts_top(const struct size_counts *c, uint32_t tick, uint32_t *all);

#endif
