/* pcapng files (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces with their own
 * link type, time resolution and offset; enhanced, simple and the obsolete packet blocks.
 *
 * Every block gives its length at both ends, so a damaged place is found when the two differ, and the
 * search behind it looks for a known block type whose two lengths agree.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "collector/reader.h"

enum block_type {
	BLOCK_INTERFACE = 1, BLOCK_PACKET_OLD = 2, BLOCK_SIMPLE = 3, BLOCK_NAMES = 4, BLOCK_STATISTICS = 5,
	BLOCK_ENHANCED = 6, BLOCK_SECRETS = 10, BLOCK_SECTION = 0x0a0d0d0a,
};

enum { BLOCK_MIN = 12, BYTE_ORDER_MAGIC = 0x1a2b3c4d, INTERFACES_MAX = 65536, SEARCH_BLOCK_MAX = SOURCE_PACKET_MAX + 4096 };

struct interface {
	uint16_t link;
	uint8_t resolution; /* as in if_tsresol: 10^-n, or 2^-n with the top bit */
	uint32_t snaplen;
	int64_t offset_s;
};

struct pcapng {
	bool swap, searching;
	struct interface *interface;
	size_t interfaces, interface_cap;
	int64_t last_ns;
	size_t want;
};

static bool
pcapng_probe(const uint8_t *head, size_t n)
{
	struct cursor c = cursor_view(head, n);
	uint32_t type = cursor_u32(&c), magic;

	cursor_skip(&c, 4);
	magic = cursor_u32(&c);
	return !c.bad && type == BLOCK_SECTION && (magic == BYTE_ORDER_MAGIC || magic == 0x4d3c2b1a);
}

static int
pcapng_open(struct source *s, char *why, size_t why_size)
{
	s->state = calloc(1, sizeof(struct pcapng));
	if (s->state != NULL)
		return 0;
	snprintf(why, why_size, "%s: out of memory", s->name);
	return ERR_NOMEM;
}

static void
pcapng_close(struct source *s)
{
	struct pcapng *g = s->state;

	free(g->interface);
	free(g);
}

static uint32_t
get32(const struct pcapng *g, struct cursor *c)
{
	uint32_t v = cursor_u32(c);

	return g->swap ? __builtin_bswap32(v) : v;
}

static uint16_t
get16(const struct pcapng *g, struct cursor *c)
{
	uint16_t v = cursor_u16(c);

	return g->swap ? __builtin_bswap16(v) : v;
}

/* --- blocks ------------------------------------------------------------------------------------- */

/* Each reads one block's body and returns NULL, or what is wrong with it. */

static const char *
read_options(const struct pcapng *g, struct cursor *c, struct interface *i)
{
	enum { OPTION_END = 0, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };

	while (cursor_left(c) >= 4) {
		uint16_t code = get16(g, c), length = get16(g, c);
		struct cursor value = cursor_sub(c, length);

		if (value.bad)
			return "an interface's option runs over its block";
		if (code == OPTION_END)
			break;
		if (code == OPTION_RESOLUTION && length == 1) {
			i->resolution = cursor_u8(&value);
		} else if (code == OPTION_OFFSET && length == 8) {
			uint64_t v = cursor_u64(&value);

			i->offset_s = (int64_t)(g->swap ? __builtin_bswap64(v) : v);
		}
		if (cursor_left(c) >= (4u - length % 4u) % 4u)
			cursor_skip(c, (4u - length % 4u) % 4u);
	}
	return NULL;
}

static const char *
read_interface(struct pcapng *g, struct cursor *c)
{
	struct interface i = {.resolution = 6};
	const char *wrong;

	i.link = get16(g, c);
	cursor_skip(c, 2);
	i.snaplen = get32(g, c);
	if (c->bad)
		return "an interface block is too short";
	wrong = read_options(g, c, &i);
	if (g->interfaces == INTERFACES_MAX)
		return "more interfaces than 65536 in a section";
	if (g->interfaces == g->interface_cap) {
		size_t cap = g->interface_cap > 0 ? g->interface_cap * 2 : 4;
		struct interface *p = realloc(g->interface, cap * sizeof(*p));

		if (p == NULL)
			return "out of memory for an interface";
		g->interface = p;
		g->interface_cap = cap;
	}
	g->interface[g->interfaces++] = i;
	return wrong;
}

/* Nanoseconds since the epoch, or -1 when outside what 63 bits of them hold. */
static int64_t
time_ns(const struct interface *i, uint64_t t)
{
	unsigned int n = i->resolution & 0x7f;
	uint64_t sec, ns;

	if ((i->resolution & 0x80) != 0) {
		uint64_t fraction = n == 0 ? 0 : n < 64 ? t & ((UINT64_C(1) << n) - 1) : t;

		sec = n < 64 ? t >> n : 0;
		if (n > 32) /* 32 bits of fraction are finer than a nanosecond */
			fraction = n - 32 < 64 ? fraction >> (n - 32) : 0;
		ns = fraction * 1000000000 >> (n < 32 ? n : 32);
	} else {
		uint64_t units = 1;

		for (unsigned int k = 0; k < n && k < 19; k++)
			units *= 10;
		sec = n <= 19 ? t / units : 0;
		ns = n <= 19 ? t % units : 0;
		for (; n < 9; n++)
			ns *= 10;
		for (; n > 9 && ns > 0; n--)
			ns /= 10;
	}
	if (sec > INT64_MAX / 2000000000 || i->offset_s > INT64_MAX / 2000000000 || i->offset_s < -(int64_t)sec)
		return -1;
	return ((int64_t)sec + i->offset_s) * 1000000000 + (int64_t)ns;
}

struct packet_head {
	uint32_t interface, caplen, wirelen;
	uint64_t time;
	bool has_time;
};

static const char *
deliver(struct source *s, struct pcapng *g, struct block *b, struct cursor *c, const struct packet_head *h)
{
	const struct interface *i;
	const uint8_t *data = cursor_take(c, h->caplen);
	int64_t t_ns;

	if (data == NULL)
		return "a packet runs over its block";
	if (h->interface >= g->interfaces)
		return "a packet of an interface that was not described";
	i = &g->interface[h->interface];
	t_ns = h->has_time ? time_ns(i, h->time) : g->last_ns;
	if (t_ns < 0)
		return "implausible packet time";
	g->last_ns = t_ns;
	b->packet[b->n++] = (struct raw_packet){
		.t_ns = t_ns,
		.offset = (uint32_t)(data - b->data),
		.caplen = h->caplen,
		.wirelen = h->wirelen > h->caplen ? h->wirelen : h->caplen,
		.link = i->link,
		.input = s->ev.input,
	};
	s->packets++;
	return NULL;
}

static const char *
read_packet(struct source *s, struct pcapng *g, struct block *b, uint32_t type, struct cursor *c)
{
	struct packet_head h = {.has_time = true};

	if (type == BLOCK_SIMPLE) {
		size_t most;

		h.wirelen = get32(g, c);
		h.has_time = false;
		most = cursor_left(c);
		if (g->interfaces > 0 && g->interface[0].snaplen > 0 && g->interface[0].snaplen < most)
			most = g->interface[0].snaplen;
		h.caplen = h.wirelen < most ? h.wirelen : (uint32_t)most;
	} else {
		if (type == BLOCK_ENHANCED) {
			h.interface = get32(g, c);
		} else {
			h.interface = get16(g, c);
			cursor_skip(c, 2); /* drops */
		}
		h.time = (uint64_t)get32(g, c) << 32;
		h.time |= get32(g, c);
		h.caplen = get32(g, c);
		h.wirelen = get32(g, c);
	}
	if (c->bad)
		return "a packet block is too short";
	return deliver(s, g, b, c, &h);
}

static const char *
read_block(struct source *s, struct pcapng *g, struct block *b, uint32_t type, struct cursor *c)
{
	switch (type) {
	case BLOCK_SECTION:
		cursor_skip(c, 4);
		g->interfaces = 0;
		return get16(g, c) == 1 && !c->bad ? NULL : "a section of an unknown version";
	case BLOCK_INTERFACE:
		return read_interface(g, c);
	case BLOCK_PACKET_OLD: case BLOCK_SIMPLE: case BLOCK_ENHANCED:
		return read_packet(s, g, b, type, c);
	default:
		return NULL;
	}
}

/* --- walking ------------------------------------------------------------------------------------ */

enum verdict { GOOD, BAD, MORE };

struct frame {
	uint32_t type, length;
	bool swap; /* the byte order from here on */
};

/* Is there a whole block at pos?  At least BLOCK_MIN bytes are there. */
static enum verdict
frame_at(struct pcapng *g, const struct source *s, const struct block *b, size_t pos, uint32_t longest, struct frame *out)
{
	struct cursor c = cursor_view(b->data + pos, b->size - pos);
	struct pcapng order = {.swap = g->swap};
	uint32_t type = cursor_u32(&c), length;

	if (type == BLOCK_SECTION) { /* reads the same in both orders, and sets the order of what follows */
		struct cursor magic = c;

		cursor_skip(&magic, 4);
		switch (cursor_u32(&magic)) {
		case BYTE_ORDER_MAGIC: order.swap = false; break;
		case 0x4d3c2b1a: order.swap = true; break;
		default: return BAD;
		}
	} else if (g->swap) {
		type = __builtin_bswap32(type);
	}
	length = get32(&order, &c);
	*out = (struct frame){type, length, order.swap};
	if (length < BLOCK_MIN || length % 4 != 0 || length > longest)
		return BAD;
	if (length > b->size - pos) {
		if (s->eof)
			return BAD;
		g->want = length;
		return MORE;
	}
	cursor_skip(&c, length - BLOCK_MIN);
	return get32(&order, &c) == length ? GOOD : BAD;
}

static bool
known_type(uint32_t type)
{
	return (type >= BLOCK_INTERFACE && type <= BLOCK_ENHANCED) || type == BLOCK_SECRETS || type == BLOCK_SECTION;
}

static size_t
search(struct pcapng *g, const struct source *s, const struct block *b, size_t pos, enum verdict *v)
{
	struct frame f;

	*v = BAD;
	for (; pos + BLOCK_MIN <= b->size; pos++) {
		*v = frame_at(g, s, b, pos, SEARCH_BLOCK_MAX, &f);
		if (*v != BAD && known_type(f.type))
			break;
		*v = BAD;
	}
	return pos;
}

static void
tell_bad_frame(struct source *s, const struct block *b, size_t pos, const struct frame *f)
{
	char reason[120];

	if (s->eof && f->length >= BLOCK_MIN && f->length % 4 == 0 && f->length > b->size - pos)
		snprintf(reason, sizeof(reason), "the file ends inside a block (%zu of %" PRIu32 " bytes)", b->size - pos, f->length);
	else
		snprintf(reason, sizeof(reason), "implausible block (type %" PRIu32 ", length %" PRIu32 ")", f->type, f->length);
	source_damage(s, source_offset(s, b, pos), reason);
}

/* Walks the blocks; returns where the unfinished rest starts. */
static size_t
walk(struct source *s, struct pcapng *g, struct block *b)
{
	size_t pos = 0;

	while (b->n < b->packet_cap && b->size - pos >= BLOCK_MIN) {
		struct frame f;
		enum verdict v;
		struct cursor body;
		const char *wrong;

		if (g->searching) {
			pos = search(g, s, b, pos, &v);
			if (v != GOOD)
				break;
			g->searching = false;
		}
		v = frame_at(g, s, b, pos, SOURCE_RECORD_MAX, &f);
		if (v == MORE)
			break;
		if (v == BAD) {
			tell_bad_frame(s, b, pos, &f);
			g->searching = true;
			pos++;
			continue;
		}
		g->swap = f.swap;
		body = cursor_view(b->data + pos + 8, f.length - BLOCK_MIN);
		wrong = read_block(s, g, b, f.type, &body);
		if (wrong != NULL)
			source_damage(s, source_offset(s, b, pos), wrong);
		pos += f.length;
	}
	return pos;
}

static int
pcapng_read(struct source *s, struct block *b)
{
	struct pcapng *g = s->state;
	int err;

	for (;;) {
		size_t rest;

		err = source_fill(s, b, g->want);
		if (err != 0)
			return err;
		g->want = 0;
		rest = walk(s, g, b);
		if (s->eof && b->n < b->packet_cap && b->size - rest < BLOCK_MIN) {
			if (b->size > rest && !g->searching)
				source_damage(s, source_offset(s, b, rest), "the file ends inside a block header");
			rest = b->size;
		}
		err = source_keep(s, b, rest);
		if (err != 0)
			return err;
		if (b->n > 0)
			return (int)b->n;
	}
}

const struct source_format pcapng_format = {"pcapng", pcapng_probe, pcapng_open, pcapng_read, pcapng_close};
