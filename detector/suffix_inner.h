/* Between suffix_list.c, which makes the set, and suffix.c, which asks it. */
#ifndef DETECTOR_SUFFIX_INNER_H
#define DETECTOR_SUFFIX_INNER_H

#include "detector/suffix.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What is known of a suffix: the low bits of its entry. */
enum suffix_flag {
	SUFFIX_DEEPER = 1 << 0,    /* a rule names something below it */
	SUFFIX_REGISTRY = 1 << 1,  /* a rule of the first section ends here */
	SUFFIX_CUSTOMERS = 1 << 2, /* and of the second */
	SUFFIX_ANY_REGISTRY = 1 << 3, SUFFIX_ANY_CUSTOMERS = 1 << 4, /* each label below it is a suffix: "*.ck" */
	SUFFIX_NOT_REGISTRY = 1 << 5, SUFFIX_NOT_CUSTOMERS = 1 << 6, /* but not this one: "!www.ck" */
	SUFFIX_FLAGS = 0xff,
};

struct suffixes {
	uint64_t *slot;  /* hash of the suffix, its low 8 bits taken for flags; 0: free; linear probing, at most half full */
	size_t slots, n; /* slots: a power of two */
	uint64_t seed;
};

/* Hash of a suffix: that of its labels, from the right. */
static inline uint64_t
suffix_hash(uint64_t parent, const uint8_t *label)
{
	return XXH3_64bits_withSeed(label, label[0] + 1u, parent);
}

/* The entry of a hash, or the free one where it would stand. */
static inline uint64_t *
suffix_slot(const struct suffixes *s, uint64_t hash)
{
	size_t i = (size_t)(hash >> 8) & (s->slots - 1);

	while (s->slot[i] != 0 && (s->slot[i] | SUFFIX_FLAGS) != (hash | SUFFIX_FLAGS))
		i = (i + 1) & (s->slots - 1);
	return &s->slot[i];
}

#endif
