/* IPFIX files (RFC 5655): messages back to back, nothing around them.
 *
 * A message names its own length, so damage is found where the next one should begin.  Then every position is tried
 * until one starts a plausible message that is followed by another, or by the end.  The time at which a record
 * became known is its message's export time, unless the record says itself when it was collected.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/err.h"
#include "collector/reader.h"
#include "collector/template.h"

enum { HEADER = 16, SET_HEADER = 4, MESSAGE_MAX = 65535, TEMPLATES = 2, OPTIONS = 3, DATA_MIN = 256 };

struct ipfixfile {
	size_t want;    /* bytes the next fill should bring */
	bool searching; /* behind damage, for the next plausible message */
};

struct header {
	uint16_t length;
	uint32_t export_s, domain;
	uint16_t set_id, set_length; /* zeros when there is none */
};

/* False: no header of a message. */
static bool
read_header(const uint8_t *p, size_t n, struct header *h)
{
	struct cursor c = cursor_view(p, n);
	uint16_t version = cursor_u16(&c);

	h->length = cursor_u16(&c);
	h->export_s = cursor_u32(&c);
	cursor_skip(&c, 4);
	h->domain = cursor_u32(&c);
	if (c.bad || version != EXPORT_IPFIX || h->length < HEADER)
		return false;
	h->set_id = cursor_u16(&c);
	h->set_length = cursor_u16(&c);
	return true;
}

/* Also the first set makes sense. */
static bool
plausible(const uint8_t *p, size_t n)
{
	struct header h;

	if (!read_header(p, n, &h))
		return false;
	if (h.length == HEADER)
		return true;
	return n >= HEADER + SET_HEADER && h.set_length >= SET_HEADER && h.set_length <= h.length - HEADER &&
	    (h.set_id == TEMPLATES || h.set_id == OPTIONS || h.set_id >= DATA_MIN);
}

static bool
ipfixfile_probe(const uint8_t *head, size_t n)
{
	struct header h;

	/* one whose first set is damaged is still a message when everything else is */
	return plausible(head, n) || (read_header(head, n, &h) && h.length > HEADER && h.export_s > 0 && h.set_id == 0);
}

static int
ipfixfile_open(struct source *s, char *why, size_t why_size)
{
	static const struct addr nobody;
	struct ipfixfile *f = calloc(1, sizeof(*f));

	s->state = f;
	if (f == NULL) {
		snprintf(why, why_size, "%s: out of memory", s->name);
		return ERR_NOMEM;
	}
	f->want = HEADER;
	/* each file brings its templates along */
	templates_forget(s->export, &nobody);
	return 0;
}

static void
ipfixfile_close(struct source *s)
{
	free(s->state);
}

/* Whether what the message says of itself holds; tells it when not. */
static bool
decode(struct source *s, struct block *b, size_t at, size_t n, const struct header *h)
{
	struct export_from from = {.stream = true, .seen_ns = (int64_t)h->export_s * 1000000000};
	const struct exporter *row = exporters_get(export_exporters(s->export),
	    &(struct exporter_key){.domain = h->domain, .version = EXPORT_IPFIX});
	uint64_t corrupt = row->count[EXPORTER_CORRUPT];
	int got = template_decode(s->export, &from, b->data + at, n, &b->flows);
	bool sound = row->count[EXPORTER_CORRUPT] == corrupt;

	if (!sound)
		source_damage(s, source_offset(s, b, at), n < h->length ? "the file ends inside a message, or its length lies" :
		    "a set or template that contradicts its lengths");
	s->packets += (uint64_t)got;
	return sound;
}

/* Looks at one position while searching: a message that another follows, or the end. */
static bool
found(const uint8_t *p, size_t left, const struct header *h)
{
	return h->length <= left && plausible(p, left) && (h->length == left || plausible(p + h->length, left - h->length));
}

/* What begins at `at`: 0 a message that was decoded, or nothing that could be one (searching now); 1: more bytes
 * are needed. */
static int
message(struct source *s, struct block *b, size_t *at)
{
	struct ipfixfile *f = s->state;
	const uint8_t *p = b->data + *at;
	size_t left = b->size - *at, n;
	struct header h, next;
	bool good = read_header(p, left, &h), sound;

	if (good && (size_t)h.length + HEADER + SET_HEADER > left && !s->eof) {
		/* with a view of what follows */
		f->want = (size_t)h.length + HEADER + SET_HEADER;
		return 1;
	}
	if (!good || (f->searching && !found(p, left, &h))) {
		if (!f->searching)
			source_damage(s, source_offset(s, b, *at), "no IPFIX message where one should begin");
		f->searching = true;
		++*at;
		return 0;
	}
	n = h.length <= left ? h.length : left;
	sound = decode(s, b, *at, n, &h);
	/* A length that lies has hidden the next message inside this one, where it passed for a set that nobody
	 * knows: look for it there. */
	f->searching = h.length > left || (!sound && left - n >= HEADER && !read_header(p + n, left - n, &next));
	*at += f->searching ? HEADER : n;
	return 0;
}

static int
walk(struct source *s, struct block *b)
{
	struct ipfixfile *f = s->state;
	size_t at = 0;

	f->want = HEADER;
	while (b->size - at >= HEADER || (s->eof && at < b->size)) {
		if (b->size - at < HEADER) {
			if (!f->searching)
				source_damage(s, source_offset(s, b, at), "the file ends inside a message header");
			at = b->size;
			break;
		}
		if (message(s, b, &at) != 0)
			break;
	}
	return source_keep(s, b, at);
}

static int
ipfixfile_read(struct source *s, struct block *b)
{
	struct ipfixfile *f = s->state;
	int err;

	/* blocks of templates only are no reason to come back */
	do {
		err = source_fill(s, b, f->want);
		if (err == 0)
			err = walk(s, b);
		if (err != 0)
			return err;
	} while (b->flows.n == 0);
	return (int)b->flows.n;
}

const struct source_format ipfixfile_format = {
	.name = "ipfix",
	.probe = ipfixfile_probe,
	.open = ipfixfile_open,
	.read = ipfixfile_read,
	.close = ipfixfile_close,
};
