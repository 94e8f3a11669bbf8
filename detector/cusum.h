/* The one-sided Poisson CUSUM: finds what is too slow for any window.
 *
 * Of counts a minute, S = max(0, S + min(x, CUSUM_CAP) - 1/3); a rise to 7 is a signal.  Kept in thirds, so it is exact.
 * Each minute pays 1/3 back, so what comes once in a while never adds up, and what comes regularly does however slow:
 * one a minute in 10 or 11 minutes, three a minute in 3.  In 100 000 hosts with 0.05 events a minute each it
 * happens by chance once in two months (Brook & Evans, Biometrika 59, 1972; test_cusum.c computes it).
 *
 * It is computed anew from the ring of the last hour's minutes: records that tell of an earlier minute count there.
 * Pure; no state of its own.
 */
#ifndef DETECTOR_CUSUM_H
#define DETECTOR_CUSUM_H

#include <stdint.h>

enum {
	CUSUM_CAP = 10,   /* counts of one minute above this are one burst, however long */
	CUSUM_SHARES = 3, /* a minute pays back one of so many shares of an event */
};

/* S in thirds after one more minute. */
static inline uint32_t
cusum_step(uint32_t thirds, uint32_t x)
{
	thirds += CUSUM_SHARES * (x < CUSUM_CAP ? x : CUSUM_CAP);
	return thirds > 0 ? thirds - 1 : 0;
}

struct cusum {
	double sum;       /* S now */
	uint32_t active;  /* minutes with events since S was last zero */
};

/* Over a ring of n minutes whose newest stands at `newest`; each counted event stands for `sampling`, and only what was
 * counted is evidence. */
struct cusum cusum_of(const uint32_t *ring, uint32_t n, uint32_t newest, uint32_t sampling);

#endif
