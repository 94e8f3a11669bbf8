/* Two looks at a signed line: from its end at fixed distances, and once from its start as JSON.
 * The second is a plain state machine over brackets and strings, without recursion, so that depth
 * is bounded by a 64-bit stack of bracket kinds. */
#include "feeds/tail.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"

static const char seq_mark[] = ",\"seq\":";
static const char prev_mark[] = ",\"prev\":\"";
static const char kid_mark[] = "\",\"kid\":\"";
static const char damp_end[] = "\"}";
static const char sig_mark[] = ",\"sig\":\"";
static const char line_end[] = "\"}";

#define LEN(mark) (sizeof(mark) - 1)

enum {
	SIG_PART = LEN(sig_mark) + TAIL_SIG_BASE64 + LEN(line_end),
	FIXED = LEN(prev_mark) + TAIL_HASH_HEX + LEN(kid_mark) + TAIL_KID_HEX + LEN(damp_end) + SIG_PART,
	DIGITS_MAX = 20,
};

static int
refuse(const char **why, const char *reason)
{
	*why = reason;
	return ERR_MALFORMED;
}

static bool
expect(struct cursor *c, const char *mark, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	return p != NULL && memcmp(p, mark, n) == 0;
}

/* n lower-case hex digits, or NULL. */
static const char *
hex(struct cursor *c, size_t n)
{
	const char *p = (const char *)cursor_take(c, n);

	for (size_t i = 0; p != NULL && i < n; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
			return NULL;
	return p;
}

/* The number that ends at line[end]; sets seq and seq_at. */
static int
scan_seq(const char *line, size_t end, struct tail *t)
{
	size_t at = end;

	while (at > 0 && end - at <= DIGITS_MAX && line[at - 1] >= '0' && line[at - 1] <= '9')
		at--;
	if (at == end || end - at > DIGITS_MAX || line[at] == '0' || at < LEN(seq_mark) ||
	    memcmp(line + at - LEN(seq_mark), seq_mark, LEN(seq_mark)) != 0)
		return ERR_MALFORMED;
	t->seq_at = at - LEN(seq_mark);
	t->seq = 0;
	for (; at < end; at++) {
		unsigned int digit = (unsigned int)(line[at] - '0');

		if (t->seq > (UINT64_MAX - digit) / 10)
			return ERR_MALFORMED;
		t->seq = t->seq * 10 + digit;
	}
	return 0;
}

int
tail_scan(const char *line, size_t n, struct tail *t, const char **why)
{
	struct cursor c;
	const uint8_t *base64;
	size_t len;

	if (n < 2 || line[0] != '{' || line[n - 1] != '}')
		return refuse(why, "not a JSON object (cut off?)");
	if (n < SIG_PART)
		return refuse(why, "no signature (sig) at its end");
	c = cursor_view(line + n - SIG_PART, SIG_PART);
	if (!expect(&c, sig_mark, LEN(sig_mark)) || (base64 = cursor_take(&c, TAIL_SIG_BASE64)) == NULL ||
	    !expect(&c, line_end, LEN(line_end)))
		return refuse(why, "no signature (sig) at its end");
	if (sodium_base642bin(t->sig, sizeof(t->sig), (const char *)base64, TAIL_SIG_BASE64, NULL, &len, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0 || len != sizeof(t->sig))
		return refuse(why, "sig is not the base64 of 64 bytes");
	t->sig_at = n - SIG_PART;
	if (n < FIXED)
		return refuse(why, "no damp.seq, prev and kid before sig");
	c = cursor_view(line + n - FIXED, FIXED - SIG_PART);
	if (!expect(&c, prev_mark, LEN(prev_mark)) || (t->prev = hex(&c, TAIL_HASH_HEX)) == NULL ||
	    !expect(&c, kid_mark, LEN(kid_mark)) || (t->kid = hex(&c, TAIL_KID_HEX)) == NULL ||
	    !expect(&c, damp_end, LEN(damp_end)) || scan_seq(line, n - FIXED, t) < 0)
		return refuse(why, "no damp.seq, prev and kid before sig");
	return 0;
}

enum state { S_VALUE, S_FIRST_VALUE, S_FIRST_KEY, S_KEY, S_NEXT };

struct walk {
	struct cursor c;
	const char *line;
	const struct tail *t;
	uint64_t objects;     /* bit i: the bracket at depth i + 1 is an object */
	unsigned int depth;
	bool in_damp;         /* the member being read at depth 1 is `damp` */
	unsigned int damps;
	bool seq_met, sig_met; /* at the very places of the tail */
};

/* The rest of a string whose opening quote was read; false when it does not end. */
static bool
string_rest(struct cursor *c, bool *escaped)
{
	*escaped = false;
	for (;;) {
		uint8_t ch = cursor_u8(c);

		if (c->bad || ch < 0x20)
			return false;
		if (ch == '"')
			return true;
		if (ch == '\\') {
			*escaped = true;
			cursor_skip(c, 1);
		}
	}
}

static bool
same(const char *key, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(key, name, n) == 0;
}

/* Looks at a member's name where it matters: at the top, and directly in `damp`. */
static bool
key_fits(struct walk *w, const char *key, size_t n)
{
	size_t comma = (size_t)(key - w->line) - 2; /* of the ," before the name */

	if (w->depth == 1) {
		w->in_damp = same(key, n, "damp");
		w->damps += w->in_damp ? 1 : 0;
		if (same(key, n, "sig")) {
			w->sig_met = comma == w->t->sig_at;
			return w->sig_met;
		}
	} else if (w->depth == 2 && w->in_damp) {
		if (same(key, n, "seq")) {
			w->seq_met = comma == w->t->seq_at;
			return w->seq_met;
		}
		if (same(key, n, "prev"))
			return key + n + 3 == w->t->prev;
		if (same(key, n, "kid"))
			return key + n + 3 == w->t->kid;
	}
	return true;
}

static bool
read_key(struct walk *w)
{
	const char *key = (const char *)w->c.p;
	bool escaped;

	if (!string_rest(&w->c, &escaped))
		return false;
	if (escaped && w->depth <= 2)
		return false;
	return key_fits(w, key, (size_t)((const char *)w->c.p - 1 - key)) && cursor_u8(&w->c) == ':';
}

/* Numbers, true, false, null: bytes up to the next separator. */
static bool
scalar_rest(struct cursor *c)
{
	while (cursor_left(c) > 0) {
		uint8_t ch = *c->p;

		if (ch == ',' || ch == '}' || ch == ']')
			return true;
		if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || ch == 'E' || ch == '+' || ch == '-' || ch == '.'))
			return false;
		cursor_skip(c, 1);
	}
	return false;
}

static bool
open_bracket(struct walk *w, bool object, enum state *s)
{
	if (w->depth >= 64)
		return false;
	w->objects = (w->objects & ~(UINT64_C(1) << w->depth)) | (uint64_t)object << w->depth;
	w->depth++;
	*s = object ? S_FIRST_KEY : S_FIRST_VALUE;
	return true;
}

static bool
close_bracket(struct walk *w, uint8_t ch, enum state *s)
{
	if (w->depth == 0 || ch != (w->objects >> (w->depth - 1) & 1 ? '}' : ']'))
		return false;
	w->depth--;
	*s = S_NEXT;
	return true;
}

static bool
step(struct walk *w, enum state *s)
{
	uint8_t ch = cursor_u8(&w->c);
	bool escaped;

	switch (*s) {
	case S_FIRST_KEY:
		if (ch == '}')
			return close_bracket(w, ch, s);
		/* fall through */
	case S_KEY:
		*s = S_VALUE;
		return ch == '"' && read_key(w);
	case S_FIRST_VALUE:
		if (ch == ']')
			return close_bracket(w, ch, s);
		/* fall through */
	case S_VALUE:
		if (ch == '{' || ch == '[')
			return open_bracket(w, ch == '{', s);
		*s = S_NEXT;
		if (ch == '"')
			return string_rest(&w->c, &escaped);
		return (ch == '-' || ch == 't' || ch == 'f' || ch == 'n' || (ch >= '0' && ch <= '9')) && scalar_rest(&w->c);
	case S_NEXT:
		if (ch != ',')
			return close_bracket(w, ch, s);
		*s = (w->objects >> (w->depth - 1) & 1) != 0 ? S_KEY : S_VALUE;
		return true;
	}
	return false;
}

int
tail_shape(const char *line, size_t n, const struct tail *t, const char **why)
{
	struct walk w = {.c = cursor_view(line, n), .line = line, .t = t};
	enum state s = S_VALUE;

	do {
		if (!step(&w, &s) || w.c.bad)
			return refuse(why, "not one JSON object as damp writes it");
	} while (w.depth > 0);
	if (cursor_left(&w.c) > 0)
		return refuse(why, "something follows its JSON object");
	if (w.damps != 1 || !w.seq_met || !w.sig_met)
		return refuse(why, "seq, prev and kid do not stand in damp");
	return 0;
}
