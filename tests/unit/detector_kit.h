/* What the tests of detector/ share: seeded numbers and addresses made from numbers. */
#ifndef TESTS_DETECTOR_KIT_H
#define TESTS_DETECTOR_KIT_H

#include <stdint.h>

#include "base/addr.h"

/* splitmix64 (Steele et al. 2014) */
static inline uint64_t
kit_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint32_t
kit_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(kit_random(state) % n);
}

/* IPv4 from a number: 0x0a000001 is 10.0.0.1. */
static inline struct addr
kit_addr(uint32_t n)
{
	const uint8_t b[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return addr_v4(b);
}

#endif
