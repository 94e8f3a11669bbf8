/* A stub resolver: what an ordinary host asks, with a cache that respects TTLs. */
#ifndef TESTS_GEN_STUB_H
#define TESTS_GEN_STUB_H

#include "tests/gen/names.h"

enum { STUB_SITES = 20000 };

/* What all the customers of one resolver share: when it last fetched each popular name. */
struct recursion {
	struct addr resolver, resolver6;
	bool visible;        /* its own questions to authoritative servers are in sight */
	uint32_t *epoch;     /* per site */
};

struct stub {
	struct addr addr, resolver;
	struct recursion *recursion; /* NULL: everything comes from the cache */
	struct rng rng;
	int64_t mean_gap_ns, end_ns;
	uint16_t edns;       /* 0: no OPT */
	uint32_t cache_n;    /* entries; 0: asks anew each time */
	struct {
		uint64_t key;
		int64_t until_s;
	} *cache;
};

/* A host with a cache of that many entries (a browser's holds dozens, a mail server's thousands). */
struct stub *stub_new(struct gen *g, const struct addr *a, const struct addr *resolver, struct rng *rng, uint32_t cache_n);

/* Begins to ask at a random moment within the first mean gap after from_ns. */
void stub_start(struct gen *g, struct stub *s, int64_t from_ns);
/* True when the host has been told and the time is not up; else remembers it now. */
bool stub_cached(struct stub *s, uint64_t name, uint16_t qtype, int64_t now_ns);
/* One look-up of the host, now. */
void stub_lookup(struct gen *g, struct stub *s, struct lookup *q);

#endif
