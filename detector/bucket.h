/* Where the entries of a large table stand: buckets of sixteen, and two of them for each key.
 *
 * A newcomer goes to its first bucket while that has room to spare, then to the emptier of its two (balanced
 * allocation: Azar, Broder, Karlin and Upfal 1994).  So a table of any size, also one that is no power of two, holds 85 % of its
 * places before anybody is pushed out (one bucket alone: 50 %), and almost every look-up reads the tags of one bucket, 32 bytes.
 * Entries are replaced, never taken out: a bucket fills from the front, and where it was never fuller than BUCKET_ROOMY nobody had
 * to go elsewhere.
 *
 * A tag is 15 bits of the key's hash and a one; 0 stands for an empty place.  Only the top of a shard's hash is alike for all its keys.
 */
#ifndef DETECTOR_BUCKET_H
#define DETECTOR_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { WAYS = 16, BUCKET_ROOMY = WAYS / 2 };

static inline uint16_t
bucket_tag(uint64_t hash)
{
	return (uint16_t)(hash | 1);
}

/* The two buckets of a key among n, as the index of their first places (Lemire 2019: a product instead of a remainder). */
static inline size_t
bucket_first(uint64_t hash, uint32_t n)
{
	return (size_t)((hash >> 28 & UINT32_MAX) * n >> 32) * WAYS;
}

static inline size_t
bucket_second(uint64_t hash, uint32_t n)
{
	return (size_t)((hash * UINT64_C(0xd6e8feb86659fd93) >> 32) * n >> 32) * WAYS;
}

/* Which of eight places hold this tag: bit 8 * i for place i. */
static inline uint64_t
bucket_match(const uint16_t *eight, uint16_t tag)
{
	typedef uint16_t lanes __attribute__((vector_size(16)));
	typedef uint64_t words __attribute__((vector_size(16)));
	typedef int8_t narrow __attribute__((vector_size(8)));
	/* a product spreads the tag; from two bytes in memory, as gcc would do it, the processor cannot forward sixteen */
	const uint64_t four = tag * UINT64_C(0x0001000100010001);
	const words want = {four, four};
	lanes a;
	uint64_t bits;

	memcpy(&a, eight, sizeof(a));
	narrow x = __builtin_convertvector(a == (lanes)want, narrow);
	memcpy(&bits, &x, 8);
	return bits & UINT64_C(0x0101010101010101);
}

/* Its first eight places are taken: whoever is not among them may stand in the others, or in the second bucket. */
static inline bool
bucket_crowded(const uint16_t *bucket)
{
	return bucket[BUCKET_ROOMY - 1] != 0;
}

static inline unsigned int
bucket_used(const uint16_t *bucket)
{
	unsigned int half = bucket_crowded(bucket) ? BUCKET_ROOMY : 0;
	uint64_t empty = bucket_match(bucket + half, 0);

	return empty != 0 ? half + (unsigned int)__builtin_ctzll(empty) / 8 : WAYS;
}

/* A free place for a newcomer; false when both buckets are full. */
static inline bool
bucket_room(const uint16_t *tag, uint32_t n, uint64_t hash, size_t *at)
{
	size_t first = bucket_first(hash, n), second = bucket_second(hash, n);
	unsigned int used = bucket_used(&tag[first]), other;

	*at = first + used;
	if (used < BUCKET_ROOMY)
		return true;
	other = bucket_used(&tag[second]);
	if (other < used)
		*at = second + other;
	return other < used || used < WAYS;
}

#endif
