#include "reports/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reports/story.h"
#include "reports/text.h"

static const char *const inks[] = {"", "\033[1;31m", "\033[32m", "\033[33m", "\033[2m", "\033[1m"};

void
lines_init(struct lines *l, struct buf *out, const struct summary_options *o)
{
	*l = (struct lines){.out = out, .o = *o};
	if (l->o.width == 0)
		l->o.width = 80;
	if (l->o.width < 40)
		l->o.width = 40;
}

void
lines_end(struct lines *l)
{
	if (l->column > 0)
		buf_char(l->out, '\n');
	l->column = 0;
}

void
lines_start(struct lines *l, size_t indent)
{
	lines_end(l);
	l->indent = indent;
	lines_to(l, indent);
}

void
lines_to(struct lines *l, size_t column)
{
	if (l->column > 0 && l->column >= column)
		column = l->column + 1;
	for (; l->column < column; l->column++)
		buf_char(l->out, ' ');
}

static size_t
columns_of(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static void
put(struct lines *l, enum ink ink, const char *s, size_t len)
{
	if (l->o.color && ink != INK_PLAIN)
		buf_str(l->out, inks[ink]);
	buf_bytes(l->out, s, len);
	if (l->o.color && ink != INK_PLAIN)
		buf_str(l->out, "\033[0m");
	l->column += columns_of(s, len);
}

/* The longest head of s that has at most n columns, in bytes. */
static size_t
head(const char *s, size_t len, size_t n)
{
	size_t i = 0;

	for (size_t seen = 0; i < len; i++) {
		seen += ((unsigned char)s[i] & 0xc0) != 0x80;
		if (seen > n)
			break;
	}
	return i;
}

static void
word(struct lines *l, enum ink ink, const char *s, size_t len)
{
	size_t width = (size_t)l->o.width;

	if (l->column + columns_of(s, len) > width && l->column > l->indent) {
		lines_end(l);
		lines_to(l, l->indent);
	}
	while (l->column + columns_of(s, len) > width && l->indent + 8 < width) {
		size_t piece = head(s, len, width - l->column);

		put(l, ink, s, piece);
		lines_end(l);
		lines_to(l, l->indent);
		s += piece;
		len -= piece;
	}
	put(l, ink, s, len);
}

void
lines_words(struct lines *l, enum ink ink, const char *text)
{
	struct buf plain;
	bool first = true;

	buf_init(&plain, 1 << 16);
	story_plain(&plain, text, l->o.utf8);
	for (const char *p = buf_text(&plain); *p != '\0';) {
		size_t space = strspn(p, " "), len = strcspn(p + space, " ");

		if (len == 0) {
			if (l->column < (size_t)l->o.width)
				put(l, INK_PLAIN, " ", 1);
			break;
		}
		/* a gap only where both words stand on one line */
		if (space > 0 && (!first || l->column > l->indent) &&
		    l->column + 1 + columns_of(p + space, len) <= (size_t)l->o.width)
			put(l, INK_PLAIN, " ", 1);
		else if (space > 0 && !first && l->column > l->indent)
			lines_end(l), lines_to(l, l->indent);
		word(l, ink, p + space, len);
		first = false;
		p += space + len;
	}
	buf_done(&plain);
}

void
lines_wordsf(struct lines *l, enum ink ink, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 1 << 16);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	lines_words(l, ink, buf_text(&b));
	buf_done(&b);
}

void
lines_right(struct lines *l, enum ink ink, size_t end, const char *text)
{
	struct buf plain;
	size_t n;

	buf_init(&plain, 1 << 12);
	text_plain(&plain, text, l->o.utf8);
	n = columns_of(buf_text(&plain), plain.len);
	lines_to(l, end > n ? end - n : 0);
	put(l, ink, buf_text(&plain), plain.len);
	buf_done(&plain);
}
