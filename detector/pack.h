/* Numbers of the saved state: written short, read through the cursor with bounds.
 *
 * Unsigned numbers take seven bits a byte, low ones first (LEB128), signed ones are folded (zigzag), fractions are
 * the eight bytes of an IEEE double in network byte order.  What is out of its bound sets the cursor's `bad` and
 * reads as zero, so a reader tests once.
 */
#ifndef DETECTOR_PACK_H
#define DETECTOR_PACK_H

#include <math.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/cursor.h"

enum { PACK_TIME_MAX_S = 2000000000 }; /* seconds of a span: ages, windows */
#define PACK_NS_MAX INT64_C(7258118400000000000) /* the year 2200: later is no time */

static inline void
pack_u(struct buf *b, uint64_t x)
{
	for (; x >= 128; x >>= 7)
		buf_char(b, (char)(x | 128));
	buf_char(b, (char)x);
}

static inline void
pack_i(struct buf *b, int64_t x)
{
	pack_u(b, (uint64_t)x << 1 ^ (x < 0 ? UINT64_MAX : 0));
}

static inline void
pack_fixed(struct buf *b, uint64_t x)
{
	for (int i = 7; i >= 0; i--)
		buf_char(b, (char)(x >> (8 * i)));
}

static inline void
pack_f(struct buf *b, double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	pack_fixed(b, bits);
}

static inline void
pack_addr(struct buf *b, const struct addr *a)
{
	buf_bytes(b, a->b, sizeof(a->b));
}

static inline uint64_t
unpack_u(struct cursor *c)
{
	uint64_t x = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t b = cursor_u8(c);

		if (shift == 63 && b > 1)
			break;
		x |= (uint64_t)(b & 127) << shift;
		if (b < 128)
			return c->bad ? 0 : x;
	}
	c->bad = true;
	return 0;
}

static inline uint64_t
unpack_max(struct cursor *c, uint64_t max)
{
	uint64_t x = unpack_u(c);

	if (x > max)
		c->bad = true;
	return c->bad ? 0 : x;
}

static inline uint32_t
unpack_u32(struct cursor *c)
{
	return (uint32_t)unpack_max(c, UINT32_MAX);
}

static inline int64_t
unpack_i(struct cursor *c)
{
	uint64_t x = unpack_u(c);

	return (int64_t)(x >> 1 ^ ((x & 1) != 0 ? UINT64_MAX : 0));
}

/* A time in ns since 1970. */
static inline int64_t
unpack_ns(struct cursor *c)
{
	return (int64_t)unpack_max(c, (uint64_t)PACK_NS_MAX);
}

/* Finite and not absurdly large: sums and casts of it stay defined. */
static inline double
unpack_f(struct cursor *c)
{
	uint64_t bits = cursor_u64(c);
	double x;

	memcpy(&x, &bits, sizeof(x));
	if (!isfinite(x) || fabs(x) > 1e18)
		c->bad = true;
	return c->bad ? 0 : x;
}

static inline struct addr
unpack_addr(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 16);
	struct addr a = {0};

	if (p != NULL)
		memcpy(a.b, p, sizeof(a.b));
	return a;
}

/* Bytes of a length before them, at most `max`; returns how many. */
static inline size_t
unpack_bytes(struct cursor *c, void *to, size_t max)
{
	size_t n = (size_t)unpack_max(c, max);
	const uint8_t *p = cursor_take(c, n);

	if (p == NULL)
		return 0;
	memcpy(to, p, n);
	return n;
}

#endif
