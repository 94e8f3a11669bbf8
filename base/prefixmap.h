/* Longest-prefix match: address -> uint32_t.
 *
 * Prefixes are cut into disjoint address ranges once (prefixmap_build), each with the value of its
 * longest prefix; a find is one binary search: 20 bytes a range, at most 2n + 1 ranges, n log n to
 * build.  IPv4 and IPv6 are apart: ::/0 says nothing about 10.0.0.1.
 * Owns its arrays.  Any number of threads may call prefixmap_find after prefixmap_build.
 */
#ifndef BASE_PREFIXMAP_H
#define BASE_PREFIXMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct prefixmap_entry {
	struct prefix prefix;
	uint32_t value;
	uint32_t order; /* of adding */
};

struct prefixmap_range {
	struct addr first; /* up to the next range's first */
	uint32_t value;
};

struct prefixmap_family {
	struct prefixmap_entry *entry; /* until built */
	size_t entries_n, entries_cap;
	struct prefixmap_range *range;
	size_t ranges_n;
};

struct prefixmap {
	struct prefixmap_family family[2]; /* IPv6, IPv4 */
};

void prefixmap_init(struct prefixmap *m);
void prefixmap_done(struct prefixmap *m);
/* 0, ERR_NOMEM, or ERR_INVALID for value 0.  Of equal prefixes the one added first counts. */
int prefixmap_add(struct prefixmap *m, const struct prefix *p, uint32_t value);
/* 0 or ERR_NOMEM.  May be called again after further adds. */
int prefixmap_build(struct prefixmap *m);
/* The value of the longest prefix around the address, 0: none. */
uint32_t prefixmap_find(const struct prefixmap *m, const struct addr *a);

#endif
