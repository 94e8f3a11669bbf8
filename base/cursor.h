/* A bounds-checked reading cursor over borrowed bytes, network byte order.
 *
 * The error is sticky: reading past the end yields zero, leaves the position
 * where it is and sets `bad`; one test after a group of reads is enough.  All
 * bytes from outside pass through here.  The cursor owns nothing; it is valid
 * as long as the bytes are.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *p;   /* next byte */
	const uint8_t *end; /* one past the last */
	bool bad;
};

static inline struct cursor
cursor_view(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	return (struct cursor){p, n > 0 ? p + n : p, false};
}

static inline size_t
cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next n bytes, borrowed, or NULL (and bad) when fewer are left. */
static inline const uint8_t *
cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || cursor_left(c) < n) {
		c->bad = true;
		return NULL;
	}
	c->p = n > 0 ? p + n : p;
	return p;
}

static inline void
cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

static inline uint8_t
cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p != NULL ? p[0] : 0;
}

static inline uint16_t
cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t
cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t
cursor_u64(struct cursor *c)
{
	uint64_t hi = cursor_u32(c);

	return hi << 32 | cursor_u32(c);
}

/* A fenced cursor over the next n bytes; the outer one moves past them.  When
 * fewer are left, the inner one is empty and bad, and so is the outer one. */
static inline struct cursor
cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (p == NULL)
		return (struct cursor){c->end, c->end, true};
	return cursor_view(p, n);
}

#endif
