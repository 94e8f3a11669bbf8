/* A victim that is a whole prefix: every packet takes another of its hosts, and after a while the next prefix is hit.
 * Options: spread=PREFIX (a /16 or /40 at most; the labels name its /24s or /48s) targets=HOSTS move=SECONDS (0: never).
 */
#ifndef TESTS_GEN_CARPET_H
#define TESTS_GEN_CARPET_H

#include "tests/gen/gen.h"

struct carpet;

/* NULL without spread=.  `rate_micro`: millionths of answers a second, onto all of it. */
struct carpet *carpet_new(struct gen *g, struct opts *o, uint64_t rate_micro);
/* The victim of the next packet, and the label of its prefix. */
struct addr carpet_victim(struct gen *g, struct carpet *c, struct rng *rng, struct label **label);
bool carpet_is_v6(const struct carpet *c);

#endif
