/* Classic capture files (draft-ietf-opsawg-pcap): both byte orders, micro- and nanoseconds, and
 * Kuznetzov's modified format with its longer record header.
 *
 * A record header has no mark of its own, so damage is found by its contents: lengths within limits,
 * a fraction below a second, a time near the last one, and another such header behind it.  A header
 * that fails is told once; then every byte position is tried until one starts a plausible record
 * followed by another (or by the exact end).  When the search finds one inside the record before, it
 * was that one's length that lied, and it is taken back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "collector/reader.h"

enum { FILE_HEADER = 24, RECORD = 16, RECORD_MODIFIED = 24, NEAR_S = 3600, WIRE_MAX = SOURCE_RECORD_MAX };

struct record {
	uint32_t sec, frac, caplen, wirelen;
};

struct pcapfile {
	bool swap, searching; /* searching: behind damage, for the next plausible record */
	bool have_last;
	uint16_t link, input;
	uint64_t before;      /* packets delivered before this block */
	size_t header;        /* bytes of a record header */
	uint32_t units;       /* fractions in a second: 10^6 or 10^9 */
	uint32_t caplen_max;  /* usual limit */
	uint32_t caplen_hard; /* what is believed when the following record agrees */
	int64_t last_s;       /* time of the last good record */
	size_t want;          /* bytes the next fill should bring */
};

enum verdict { GOOD, SKIP, BAD, MORE };

static bool
pcapfile_probe(const uint8_t *head, size_t n)
{
	struct cursor c = cursor_view(head, n);

	switch (cursor_u32(&c)) {
	case 0xa1b2c3d4: case 0xd4c3b2a1: case 0xa1b23c4d: case 0x4d3cb2a1: case 0xa1b2cd34: case 0x34cdb2a1:
		return !c.bad;
	default:
		return false;
	}
}

static uint32_t
order(const struct pcapfile *f, uint32_t big_endian)
{
	return f->swap ? __builtin_bswap32(big_endian) : big_endian;
}

static int
pcapfile_open(struct source *s, char *why, size_t why_size)
{
	size_t n;
	const uint8_t *head = source_head(s, &n);
	struct cursor c = cursor_view(head, n);
	struct pcapfile *f = calloc(1, sizeof(*f));
	uint32_t magic, snaplen;

	s->state = f;
	if (f == NULL) {
		snprintf(why, why_size, "%s: out of memory", s->name);
		return ERR_NOMEM;
	}
	magic = cursor_u32(&c);
	f->swap = (magic & 0xff) == 0xa1;
	magic = order(f, magic);
	cursor_skip(&c, 12);
	snaplen = order(f, cursor_u32(&c));
	f->link = (uint16_t)order(f, cursor_u32(&c)); /* the upper half tells of frame check sequences */
	if (c.bad) {
		snprintf(why, why_size, "%s: the capture ends inside its file header (%zu of %d bytes)", s->name, n, FILE_HEADER);
		return ERR_TRUNCATED;
	}
	f->input = s->ev.input;
	f->header = magic == 0xa1b2cd34 ? RECORD_MODIFIED : RECORD;
	f->units = magic == 0xa1b23c4d ? 1000000000 : 1000000;
	f->caplen_max = snaplen - 1 >= SOURCE_PACKET_MAX ? SOURCE_PACKET_MAX : snaplen < UINT16_MAX ? UINT16_MAX : snaplen;
	f->caplen_hard = SOURCE_PACKET_MAX;
	if (snaplen > SOURCE_PACKET_MAX && snaplen <= SOURCE_RECORD_MAX - 2 * RECORD_MODIFIED)
		f->caplen_hard = snaplen;
	source_skip_head(s, FILE_HEADER);
	return 0;
}

static void
pcapfile_close(struct source *s)
{
	free(s->state);
}

static inline uint32_t
word_at(const struct pcapfile *f, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return f->swap ? v : __builtin_bswap32(v);
#else
	return f->swap ? __builtin_bswap32(v) : v;
#endif
}

/* The caller has checked that a record header's bytes are there. */
static inline struct record
record_at(const struct pcapfile *f, const uint8_t *p)
{
	return (struct record){word_at(f, p), word_at(f, p + 4), word_at(f, p + 8), word_at(f, p + 12)};
}

static inline bool
near(int64_t a, int64_t b)
{
	return (uint64_t)(a - b + NEAR_S) <= 2 * NEAR_S;
}

static inline bool
lengths_plausible(const struct pcapfile *f, const struct record *r)
{
	return r->caplen <= f->caplen_max && r->caplen <= r->wirelen && r->wirelen - 1 < WIRE_MAX && r->frac < f->units;
}

/* A record that is unusual: it may stay when the one behind it bears it out. */
static enum verdict
doubtful(struct pcapfile *f, const struct source *s, const struct block *b, size_t pos, const struct record *r, char *reason,
    size_t reason_size)
{
	size_t next = pos + f->header + r->caplen;
	struct record n = {0};

	snprintf(reason, reason_size, "implausible record header (captured %" PRIu32 ", original %" PRIu32 " bytes, time %" PRIu32
	    ".%" PRIu32 ")", r->caplen, r->wirelen, r->sec, r->frac);
	if (r->caplen > f->caplen_hard || (r->caplen == 0 && r->wirelen == 0))
		return BAD;
	if (next + f->header <= b->size) {
		n = record_at(f, b->data + next);
		if (n.caplen > f->caplen_hard || (n.caplen == 0 && n.wirelen == 0))
			return BAD;
		/* fractions beyond a second are bad, unless the file writes them so throughout */
		if (r->frac >= f->units && n.frac < f->units)
			return SKIP;
		if (f->have_last && !near(r->sec, f->last_s) && near(n.sec, f->last_s))
			return SKIP;
	} else if (!s->eof) {
		f->want = next + f->header - pos;
		return MORE;
	} else if (next != b->size) {
		return BAD;
	}
	return r->wirelen > WIRE_MAX ? SKIP : GOOD;
}

/* Does a record start here?  Only for the search behind damage. */
static enum verdict
candidate(struct pcapfile *f, const struct source *s, const struct block *b, size_t pos)
{
	struct record r = record_at(f, b->data + pos), n;
	int64_t last = f->have_last ? f->last_s : r.sec;
	size_t next = pos + f->header + r.caplen;

	if (!lengths_plausible(f, &r) || r.caplen == 0 || !near(r.sec, last))
		return BAD;
	if (next + f->header <= b->size) {
		n = record_at(f, b->data + next);
		return lengths_plausible(f, &n) && near(n.sec, last) ? GOOD : BAD;
	}
	if (s->eof)
		return next == b->size ? GOOD : BAD;
	f->want = next + f->header - pos;
	return MORE;
}

/* The first position from pos on where a record starts, or the first that needs more bytes to tell. */
static size_t
search(struct pcapfile *f, const struct source *s, const struct block *b, size_t pos, enum verdict *v)
{
	*v = BAD;
	for (; pos + f->header <= b->size; pos++) {
		*v = candidate(f, s, b, pos);
		if (*v != BAD)
			break;
	}
	return pos;
}

/* The same between two positions, with the bytes at hand; `end` when there is none. */
static size_t
search_inside(struct pcapfile *f, const struct source *s, const struct block *b, size_t pos, size_t end)
{
	size_t want = f->want;

	while (pos < end && (pos + f->header > b->size || candidate(f, s, b, pos) != GOOD))
		pos++;
	f->want = want;
	return pos;
}

static void
tell(struct source *s, const struct pcapfile *f, const struct block *b, size_t pos, const char *reason)
{
	s->packets = f->before + b->n;
	source_damage(s, source_offset(s, b, pos), reason);
}

/* Tells the damage at pos and says where to search on.  The record before pos is taken back when a
 * plausible one starts inside it. */
static size_t
damaged(struct source *s, struct pcapfile *f, struct block *b, size_t pos, const char *reason)
{
	size_t start, inside;

	f->searching = true;
	if (b->n > 0) {
		start = b->packet[b->n - 1].offset - f->header;
		inside = search_inside(f, s, b, start + 1, pos);
		if (inside < pos) {
			b->n--;
			tell(s, f, b, start, "the record's length runs over the records behind it");
			return inside;
		}
	}
	tell(s, f, b, pos, reason);
	return pos + 1;
}

static inline struct raw_packet
packet_of(const struct pcapfile *f, size_t pos, const struct record *r)
{
	return (struct raw_packet){
		.t_ns = (int64_t)r->sec * 1000000000 + (int64_t)r->frac * (f->units == 1000000 ? 1000 : 1),
		.offset = (uint32_t)(pos + f->header),
		.caplen = r->caplen,
		.wirelen = r->wirelen > r->caplen ? r->wirelen : r->caplen,
		.link = f->link,
		.input = f->input,
	};
}

/* The usual run of records: plausible, and with the header behind each in sight.  Works on copies, so
 * that the compiler keeps them in registers across the stores.  Returns where it stopped. */
static size_t
walk_plain(struct pcapfile *to, struct block *b, size_t pos)
{
	const struct pcapfile f = *to;
	const uint8_t *data = b->data;
	struct raw_packet *packet = b->packet;
	size_t n = b->n, cap = b->packet_cap, size = b->size;
	int64_t last_s = f.last_s;

	while (n < cap && size - pos >= 2 * f.header) {
		struct record r = record_at(&f, data + pos);

		if (!lengths_plausible(&f, &r) || !near(r.sec, last_s) || r.caplen > size - pos - 2 * f.header)
			break;
		packet[n++] = packet_of(&f, pos, &r);
		last_s = r.sec;
		pos += f.header + r.caplen;
	}
	b->n = n;
	to->last_s = last_s;
	return pos;
}

/* Walks the block's records; returns where the unfinished rest starts. */
static size_t
walk(struct source *s, struct pcapfile *f, struct block *b)
{
	size_t pos = 0;
	char reason[120];

	f->before = s->packets;
	while (b->n < b->packet_cap && b->size - pos >= f->header) {
		struct record r;
		enum verdict v = GOOD;
		size_t next;

		if (f->searching) {
			pos = search(f, s, b, pos, &v);
			if (v != GOOD)
				break;
			f->searching = false;
		}
		if (f->have_last) {
			pos = walk_plain(f, b, pos);
			if (b->n == b->packet_cap || b->size - pos < f->header)
				break;
		}
		r = record_at(f, b->data + pos);
		next = pos + f->header + r.caplen;
		if (!lengths_plausible(f, &r) || (f->have_last && !near(r.sec, f->last_s)))
			v = doubtful(f, s, b, pos, &r, reason, sizeof(reason));
		else if (s->eof && next > b->size) {
			v = BAD;
			snprintf(reason, sizeof(reason), "the file ends inside a record (%zu of %zu bytes)", b->size - pos, next - pos);
		} else if (next > b->size || (s->regular && !s->eof && next + f->header > b->size)) {
			/* in a file, a record is only taken once the one behind it can be seen */
			f->want = next + f->header - pos;
			v = MORE;
		}
		if (v == MORE)
			break;
		if (v == BAD) {
			pos = damaged(s, f, b, pos, reason);
			continue;
		}
		if (v == SKIP) {
			tell(s, f, b, pos, reason);
		} else {
			b->packet[b->n++] = packet_of(f, pos, &r);
			f->last_s = r.sec;
			f->have_last = true;
		}
		pos = next;
	}
	s->packets = f->before + b->n;
	return pos;
}

static int
pcapfile_read(struct source *s, struct block *b)
{
	struct pcapfile *f = s->state;
	int err;

	for (;;) {
		size_t rest;

		err = source_fill(s, b, f->want);
		if (err != 0)
			return err;
		f->want = 0;
		rest = walk(s, f, b);
		/* behind the last record: fewer bytes than a header */
		if (s->eof && b->n < b->packet_cap && b->size - rest < f->header) {
			if (b->size > rest && !f->searching)
				source_damage(s, source_offset(s, b, rest), "the file ends inside a record header");
			rest = b->size;
		}
		err = source_keep(s, b, rest);
		if (err != 0)
			return err;
		if (b->n > 0)
			return (int)b->n;
	}
}

const struct source_format pcapfile_format = {"pcap", pcapfile_probe, pcapfile_open, pcapfile_read, pcapfile_close};
