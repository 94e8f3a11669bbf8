/* Where the entries of a large table stand: buckets of sixteen, and two of them for each key.
 *
 * A newcomer goes to its first bucket while that has room to spare, then to the emptier of its two (balanced
 * allocation: Azar, Broder, Karlin and Upfal 1994).  So a table of any size, also one that is no power of two, holds 85 % of its
 * places before anybody is pushed out (one bucket alone: 50 %), and almost every look-up reads the tags of one bucket, 32 bytes.
 * Entries are replaced, never taken out: a bucket fills from the front, and where it was never fuller than BUCKET_ROOMY nobody had
 * to go elsewhere.
 *
 * A tag is 16 bits of the key's hash, 0 standing for an empty place.  Only the top of a shard's hash is alike for all its keys.
 */
#ifndef DETECTOR_BUCKET_H
#define DETECTOR_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { WAYS = 16, BUCKET_ROOMY = 8 };

static inline uint16_t
bucket_tag(uint64_t hash)
{
	return (uint16_t)hash != 0 ? (uint16_t)hash : 1;
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

/* Bit i: place i of the bucket holds this tag. */
static inline uint32_t
bucket_match(const uint16_t *bucket, uint16_t tag)
{
	typedef uint16_t lanes __attribute__((vector_size(16)));
	typedef int8_t narrow __attribute__((vector_size(8)));
	const lanes want = (lanes){0} + tag;
	lanes a, b;
	uint64_t lo, hi;

	memcpy(&a, bucket, sizeof(a));
	memcpy(&b, bucket + 8, sizeof(b));
	narrow x = __builtin_convertvector(a == want, narrow), y = __builtin_convertvector(b == want, narrow);
	memcpy(&lo, &x, 8);
	memcpy(&hi, &y, 8);
	/* eight bytes of zeros or ones to eight bits */
	lo = (lo & UINT64_C(0x8040201008040201)) * UINT64_C(0x0101010101010101) >> 56;
	hi = (hi & UINT64_C(0x8040201008040201)) * UINT64_C(0x0101010101010101) >> 56;
	return (uint32_t)(lo | hi << 8);
}

/* Whether somebody whose first bucket this is may stand in the second one. */
static inline bool
bucket_crowded(const uint16_t *bucket)
{
	return bucket[BUCKET_ROOMY - 1] != 0;
}

static inline unsigned int
bucket_used(const uint16_t *bucket)
{
	uint32_t empty = bucket_match(bucket, 0);

	return empty != 0 ? (unsigned int)__builtin_ctz(empty) : WAYS;
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
