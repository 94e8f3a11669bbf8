/* Deterministic randomness for the traffic generator: xoshiro256** (Blackman, Vigna 2018), seeded
 * by splitmix64.  Integers only: floating point and libm may differ between machines, and the
 * output must not.  Draw once per statement: C leaves the order of operands and arguments open.
 */
#ifndef TESTS_GEN_RNG_H
#define TESTS_GEN_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* splitmix64's output function: a good 64-bit mixer, used to derive stable properties. */
static inline uint64_t
mix64(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline struct rng
rng_seeded(uint64_t seed)
{
	struct rng r;

	for (unsigned int i = 0; i < 4; i++) {
		r.s[i] = mix64(seed);
		seed += UINT64_C(0x9e3779b97f4a7c15);
	}
	return r;
}

static inline uint64_t
rng_next(struct rng *r)
{
	uint64_t x = r->s[1] * 5, t = r->s[1] << 17, out = (x << 7 | x >> 57) * 9;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = r->s[3] << 45 | r->s[3] >> 19;
	return out;
}

/* 0..n-1; n > 0.  The bias of the multiply method is below 2^-32. */
static inline uint32_t
rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

/* lo..hi, both included */
static inline uint32_t
rng_range(struct rng *r, uint32_t lo, uint32_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

static inline bool
rng_chance(struct rng *r, uint32_t permille)
{
	return rng_below(r, 1000) < permille;
}

/* Exponentially distributed with the given mean (a Poisson process's gaps).
 * -log2(u) in 16.16 fixed point by repeated squaring, times ln 2. */
static inline int64_t
rng_exp(struct rng *r, int64_t mean)
{
	uint64_t u = rng_next(r) | 1;
	unsigned int zeros = (unsigned int)__builtin_clzll(u);
	uint64_t m = (u << zeros) >> 32, frac = 0; /* 1.31 fixed point: 1 <= m < 2 */
	uint64_t minus_log2;

	for (unsigned int i = 0; i < 16; i++) {
		m = m * m >> 31;
		frac <<= 1;
		if (m >> 32 != 0) {
			m >>= 1;
			frac |= 1;
		}
	}
	minus_log2 = ((uint64_t)(zeros + 1) << 16) - frac;
	/* ln 2 = 45426 / 65536; then 16.16 times the mean, in two halves to stay within 64 bits */
	minus_log2 = minus_log2 * 45426 >> 16;
	return (int64_t)(((uint64_t)mean >> 16) * minus_log2 + (((uint64_t)mean & 0xffff) * minus_log2 >> 16));
}

/* A rank 0..n-1 with probability about 1/(rank+1), Zipf's law with exponent 1: uniform in the
 * logarithm (which octave), then uniform inside the octave. */
static inline uint32_t
rng_zipf(struct rng *r, uint32_t n)
{
	uint32_t octaves = 32 - (uint32_t)__builtin_clz(n), rank;

	do {
		uint32_t o = rng_below(r, octaves);

		rank = ((uint32_t)1 << o) - 1 + rng_below(r, (uint32_t)1 << o);
	} while (rank >= n);
	return rank;
}

#endif
