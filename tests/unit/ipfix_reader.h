/* A small IPFIX decoder for tests, written from RFC 7011 and sharing no code with the encoder. */
#ifndef TESTS_IPFIX_READER_H
#define TESTS_IPFIX_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"

enum { IPFIX_READER_IDS = 320, IPFIX_READER_FIELDS = 64 };

struct ipfix_record {
	uint64_t v[IPFIX_READER_IDS]; /* by element */
	struct addr a6[IPFIX_READER_IDS];
	bool has[IPFIX_READER_IDS];
};

struct ipfix_reader {
	uint32_t export_s, sequence, domain; /* of the latest message */
	struct { uint16_t n, id[IPFIX_READER_FIELDS], length[IPFIX_READER_FIELDS]; } template[16]; /* from 256 on */
};

static inline void
ipfix_reader_template(struct ipfix_reader *r, struct cursor *c)
{
	while (cursor_left(c) >= 4 && !c->bad) {
		unsigned int id = cursor_u16(c), n = cursor_u16(c);

		if (id < 256 || id >= 256 + 16 || n > IPFIX_READER_FIELDS) {
			c->bad = true;
			return;
		}
		r->template[id - 256].n = (uint16_t)n;
		for (unsigned int i = 0; i < n; i++) {
			r->template[id - 256].id[i] = cursor_u16(c);
			r->template[id - 256].length[i] = cursor_u16(c);
			if (r->template[id - 256].id[i] >= IPFIX_READER_IDS)
				c->bad = true;
		}
	}
}

static inline void
ipfix_reader_record(const struct ipfix_reader *r, unsigned int t, struct cursor *c, struct ipfix_record *out)
{
	*out = (struct ipfix_record){0};
	for (unsigned int i = 0; i < r->template[t].n; i++) {
		unsigned int id = r->template[t].id[i], n = r->template[t].length[i];
		const uint8_t *p = cursor_take(c, n);

		out->has[id] = p != NULL;
		if (p != NULL && n == 16)
			out->a6[id] = addr_v6(p);
		for (unsigned int k = 0; p != NULL && n <= 8 && k < n; k++)
			out->v[id] = out->v[id] << 8 | p[k];
	}
}

/* The length of the message at p; 0: cut (fewer than n bytes hold), -1: malformed.  Calls `each` per record. */
static inline int
ipfix_reader_message(struct ipfix_reader *r, const uint8_t *p, size_t n,
    void (*each)(void *ctx, const struct ipfix_record *record), void *ctx)
{
	struct cursor c = cursor_view(p, n);
	unsigned int version = cursor_u16(&c), length = cursor_u16(&c);
	struct ipfix_record record;

	if (c.bad || length > n)
		return 0;
	if (version != 10 || length < 16)
		return -1;
	c = cursor_view(p + 4, length - 4);
	r->export_s = cursor_u32(&c);
	r->sequence = cursor_u32(&c);
	r->domain = cursor_u32(&c);
	while (cursor_left(&c) > 0 && !c.bad) {
		unsigned int id = cursor_u16(&c), bytes = cursor_u16(&c);
		struct cursor set = cursor_sub(&c, bytes - 4);

		if (id == 2)
			ipfix_reader_template(r, &set);
		while (id >= 256 && id < 256 + 16 && cursor_left(&set) > 0 && !set.bad) {
			if (r->template[id - 256].n == 0)
				return -1;
			ipfix_reader_record(r, id - 256, &set, &record);
			if (!set.bad)
				each(ctx, &record);
		}
		if (set.bad || (id != 2 && id < 256))
			return -1;
	}
	return c.bad ? -1 : (int)length;
}

#endif
