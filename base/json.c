#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at s (RFC 3629 section 4), 0 if none. */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	size_t want;
	unsigned int lo = 0x80, hi = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		want = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		want = 3;
		lo = s[0] == 0xe0 ? 0xa0 : 0x80;
		hi = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		want = 4;
		lo = s[0] == 0xf0 ? 0x90 : 0x80;
		hi = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (n < want || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < want; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

static void
quoted(struct buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;

	buf_char(b, '"');
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(s + i, n - i);

		if (len == 0) {
			buf_str(b, "\xef\xbf\xbd");
			i++;
		} else if (len > 1) {
			buf_bytes(b, s + i, len);
			i += len;
		} else {
			unsigned char c = s[i++];

			if (c == '"' || c == '\\')
				buf_printf(b, "\\%c", c);
			else if (c == '\n')
				buf_str(b, "\\n");
			else if (c == '\t')
				buf_str(b, "\\t");
			else if (c == '\r')
				buf_str(b, "\\r");
			else if (c < 0x20 || c == 0x7f)
				buf_printf(b, "\\u%04x", c);
			else
				buf_char(b, (char)c);
		}
	}
	buf_char(b, '"');
}

static void
member(struct json *j, const char *name)
{
	if (j->comma)
		buf_char(j->out, ',');
	j->comma = true;
	if (name != NULL) {
		quoted(j->out, name, strlen(name));
		buf_char(j->out, ':');
	}
}

void
json_open(struct json *j, const char *name, char bracket)
{
	member(j, name);
	buf_char(j->out, bracket);
	j->comma = false;
}

void
json_close(struct json *j, char bracket)
{
	buf_char(j->out, bracket);
	j->comma = true;
}

void
json_strn(struct json *j, const char *name, const char *value, size_t n)
{
	member(j, name);
	quoted(j->out, value, n);
}

void
json_str(struct json *j, const char *name, const char *value)
{
	json_strn(j, name, value, strlen(value));
}

void
json_int(struct json *j, const char *name, int64_t value)
{
	member(j, name);
	buf_printf(j->out, "%" PRId64, value);
}

void
json_uint(struct json *j, const char *name, uint64_t value)
{
	member(j, name);
	buf_printf(j->out, "%" PRIu64, value);
}

void
json_num(struct json *j, const char *name, double value, int decimals)
{
	char text[400];
	size_t n;

	member(j, name);
	if (!isfinite(value)) {
		buf_str(j->out, "null");
		return;
	}
	n = (size_t)snprintf(text, sizeof(text), "%.*f", decimals, value);
	if (decimals > 0) {
		while (text[n - 1] == '0')
			n--;
		if (text[n - 1] == '.')
			n--;
	}
	if (n == 2 && text[0] == '-' && text[1] == '0')
		buf_char(j->out, '0');
	else
		buf_bytes(j->out, text, n);
}

void
json_bool(struct json *j, const char *name, bool value)
{
	member(j, name);
	buf_str(j->out, value ? "true" : "false");
}
