/* Flow records as text: lines, fields, last steps; see lines.h. */
#include "collector/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/export.h"

/* Beyond: no time of any recording, as the detector holds it too. */
#define LATEST_NS (INT64_C(7258118400) * NS_PER_S) /* 2200 */
#define APART_NS (3600 * NS_PER_S)

/* --- fields ---------------------------------------------------------------------------------------------- */

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool
span_next(struct span *line, char separator, struct span *field)
{
	const char *end;

	if (line->p == NULL)
		return false;
	end = line->n > 0 ? memchr(line->p, separator, line->n) : NULL;
	field->p = line->p;
	field->n = end != NULL ? (size_t)(end - line->p) : line->n;
	if (end != NULL)
		*line = (struct span){end + 1, line->n - field->n - 1};
	else
		*line = (struct span){NULL, 0};
	while (field->n > 0 && blank(field->p[0])) {
		field->p++;
		field->n--;
	}
	while (field->n > 0 && blank(field->p[field->n - 1]))
		field->n--;
	if (field->n >= 2 && field->p[0] == '"' && field->p[field->n - 1] == '"')
		*field = (struct span){field->p + 1, field->n - 2};
	return true;
}

bool
span_is(struct span f, const char *text)
{
	return f.n == strlen(text) && strncasecmp(f.p, text, f.n) == 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

bool
span_uint(struct span f, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;
	int base = 10;

	if (f.n > 2 && f.p[0] == '0' && (f.p[1] == 'x' || f.p[1] == 'X')) {
		base = 16;
		f = (struct span){f.p + 2, f.n - 2};
	}
	if (f.n == 0)
		return false;
	for (size_t i = 0; i < f.n; i++) {
		int d = digit(f.p[i]);

		if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	if (v > max)
		return false;
	*value = v;
	return true;
}

bool
span_seconds(struct span f, int64_t *ns)
{
	const char *point = f.n > 0 ? memchr(f.p, '.', f.n) : NULL;
	struct span whole = {f.p, point != NULL ? (size_t)(point - f.p) : f.n};
	uint64_t s, frac = 0, unit = NS_PER_S;

	if (!span_uint(whole, (uint64_t)(LATEST_NS / NS_PER_S), &s) || (whole.n > 1 && digit(whole.p[1]) > 9))
		return false;
	for (size_t i = whole.n + 1; i < f.n; i++) {
		if (digit(f.p[i]) > 9)
			return false;
		unit /= 10;
		frac += (uint64_t)digit(f.p[i]) * unit;
	}
	*ns = (int64_t)s * NS_PER_S + (int64_t)frac;
	return true;
}

bool
span_addr(struct span f, struct addr *a)
{
	char text[ADDR_TEXT];

	if (f.n == 0 || f.n >= sizeof(text))
		return false;
	memcpy(text, f.p, f.n);
	text[f.n] = '\0';
	return strlen(text) == f.n && addr_parse(text, a) == 0;
}

/* --- lines ----------------------------------------------------------------------------------------------- */

static void
tell(struct source *s, const struct lines *l, const struct block *b, size_t at, const char *reason)
{
	char text[200];

	snprintf(text, sizeof(text), "line %" PRIu64 ": %s", l->number, reason);
	source_damage(s, source_offset(s, b, at), text);
	lines_exporter(s, NULL)->count[EXPORTER_CORRUPT]++;
}

static void
read_line(struct source *s, struct lines *l, struct block *b, size_t at, size_t n, line_reader *read)
{
	struct span line = {(const char *)b->data + at, n};
	const char *reason;

	l->number++;
	if (l->skipping) {
		l->skipping = false;
		return;
	}
	if (n > 0 && line.p[n - 1] == '\r')
		line.n--;
	if (line.n == 0)
		return;
	reason = line.n > LINES_LONGEST ? "too long" : memchr(line.p, '\0', line.n) != NULL ? "a byte of zero in text" :
	    read(s, l, b, line);
	if (reason != NULL)
		tell(s, l, b, at, reason);
}

/* All lines of the block that end in it; returns where the unfinished one starts. */
static size_t
walk(struct source *s, struct lines *l, struct block *b, line_reader *read)
{
	size_t at = 0;

	while (at < b->size && !l->unusable) {
		const uint8_t *end = memchr(b->data + at, '\n', b->size - at);
		size_t n = end != NULL ? (size_t)(end - b->data) - at : b->size - at;

		if (end == NULL && !s->eof) {
			if (n <= LINES_LONGEST)
				break;
			if (!l->skipping) {
				l->number++;
				tell(s, l, b, at, "too long");
				l->number--; /* counted when its end is found */
			}
			l->skipping = true;
			return b->size;
		}
		/* a stop is no end of file: the line may have more to it */
		if (end == NULL && s->stopped)
			return b->size;
		read_line(s, l, b, at, n, read);
		at += n + (end != NULL);
	}
	return l->unusable ? b->size : at;
}

int
lines_read(struct source *s, struct lines *l, struct block *b, line_reader *read)
{
	for (;;) {
		uint64_t before = s->packets;
		int err = l->unusable ? ERR_IO : source_fill(s, b, 0);

		if (err != 0)
			return err;
		err = source_keep(s, b, walk(s, l, b, read));
		s->packets = before + b->flows.n;
		if (err != 0 || b->flows.n > 0)
			return err != 0 ? err : (int)b->flows.n;
	}
}

/* --- records --------------------------------------------------------------------------------------------- */

struct exporter *
lines_exporter(struct source *s, const struct flow_extra *x)
{
	struct exporter_key key = {.version = EXPORT_FILE};

	if (x != NULL) {
		key.addr = x->exporter;
		key.domain = x->domain;
		if ((x->version >= EXPORT_V1 && x->version <= EXPORT_IPFIX) || x->version == EXPORT_SFLOW)
			key.version = x->version;
	}
	return exporters_get(export_exporters(s->export), &key);
}

static int64_t
seen(struct lines *l, int64_t end_ns)
{
	if (l->latest_ns == 0 || end_ns - l->latest_ns < APART_NS) {
		if (end_ns > l->latest_ns)
			l->latest_ns = end_ns;
	} else if (l->doubtful_ns != 0 && end_ns - l->doubtful_ns < APART_NS && l->doubtful_ns - end_ns < APART_NS) {
		l->latest_ns = end_ns > l->doubtful_ns ? end_ns : l->doubtful_ns;
	} else {
		l->doubtful_ns = end_ns;
		return end_ns;
	}
	l->doubtful_ns = 0;
	return l->latest_ns;
}

static uint64_t
times(uint64_t a, uint32_t n)
{
	return a > UINT64_MAX / n ? UINT64_MAX : a * n;
}

const char *
lines_add(struct source *s, struct lines *l, struct block *b, struct flow *f, const struct flow_extra *x)
{
	struct exporter *e;
	struct flow *to;

	if (f->start_ns <= 0 || f->end_ns > LATEST_NS || f->seen_ns > LATEST_NS)
		return "the time is not between 1970 and 2200";
	if (f->end_ns < f->start_ns)
		return "it ends before it starts";
	if (addr_is_v4(&f->src) != addr_is_v4(&f->dst))
		return "addresses of two families";
	e = lines_exporter(s, x);
	to = flow_batch_room(&b->flows);
	if (to == NULL) {
		e->count[EXPORTER_NO_ROOM]++;
		return NULL;
	}
	f->seen_ns = f->seen_ns == 0 ? seen(l, f->end_ns) : f->seen_ns < f->end_ns ? f->end_ns : f->seen_ns;
	f->flags |= FLOW_RECORD | (addr_is_v4(&f->src) ? 0 : FLOW_IP6);
	f->exporter = e->index;
	if (f->sampling <= 1) {
		f->sampling = e->sampling_fixed ? exporter_scale(e) : 1;
		f->packets = times(f->packets, f->sampling);
		f->bytes = times(f->bytes, f->sampling);
	}
	exporter_sampling(e, f->sampling);
	if ((f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) == 0)
		flow_record_fragment(f);
	if (e->first_ns == 0)
		e->first_ns = f->seen_ns;
	e->last_ns = f->seen_ns;
	e->count[EXPORTER_RECORDS]++;
	if (b->flows.extra != NULL)
		b->flows.extra[b->flows.n] = *x;
	*to = *f;
	b->flows.n++;
	return NULL;
}
