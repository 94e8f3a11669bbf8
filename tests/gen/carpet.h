/* A victim that is a whole prefix: every packet takes another of its hosts, and after a while the next prefix is hit.
 * Options: spread=PREFIX targets=HOSTS move=SECONDS (0: never).
 */
#ifndef TESTS_GEN_CARPET_H
#define TESTS_GEN_CARPET_H

#include "tests/gen/gen.h"

struct carpet;

/* NULL without spread=. */
struct carpet *carpet_new(struct gen *g, struct opts *o);
/* The victim of the next packet, and the label of its prefix. */
struct addr carpet_victim(struct gen *g, struct carpet *c, struct rng *rng, struct label **label);
bool carpet_is_v6(const struct carpet *c);

#endif
