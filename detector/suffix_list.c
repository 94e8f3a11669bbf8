/* Reading the Public Suffix List: a rule a line, labels from the left, in UTF-8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "collector/dns.h"
#include "detector/suffix_inner.h"

enum { LABEL_MAX = 63, LABELS_MAX = 32, FIRST_SLOTS = 1 << 10 };

/* --- names in other scripts (RFC 3492) ----------------------------------------------------------------------- */

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 128 };

/* One character of UTF-8 (RFC 3629); UINT32_MAX: it is none. */
static uint32_t
take_character(struct cursor *c)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint8_t b = cursor_u8(c);
	int more = b < 0x80 ? 0 : b >= 0xc2 && b < 0xe0 ? 1 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xf0 && b < 0xf5 ? 3 : -1;
	uint32_t x = more <= 0 ? b : b & (0x3fu >> more);

	if (more < 0)
		return UINT32_MAX;
	for (int i = 0; i < more; i++) {
		b = cursor_u8(c);
		if ((b & 0xc0) != 0x80)
			return UINT32_MAX;
		x = x << 6 | (b & 0x3f);
	}
	return c->bad || x < least[more] || x > 0x10ffff || (x >= 0xd800 && x < 0xe000) ? UINT32_MAX : x;
}

static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

/* A number in digits whose weights depend on the ones before; false: no room. */
static bool
put_number(uint8_t *label, uint32_t q, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
		uint32_t digit = q < t ? q : t + (q - t) % (BASE - t);

		if (label[0] >= LABEL_MAX)
			return false;
		label[++label[0]] = (uint8_t)(digit < 26 ? 'a' + digit : '0' + digit - 26);
		if (q < t)
			return true;
		q = (q - t) / (BASE - t);
	}
}

static bool
put_script(uint8_t *label, const uint32_t *point, uint32_t points)
{
	uint32_t next = FIRST, bias = BIAS, delta = 0, done = 0, plain;

	memcpy(label, "\4xn--", 5);
	for (uint32_t i = 0; i < points; i++)
		if (point[i] < FIRST) {
			label[++label[0]] = (uint8_t)point[i];
			done++;
		}
	plain = done;
	if (plain > 0)
		label[++label[0]] = '-';
	while (done < points) {
		uint32_t least = UINT32_MAX;

		for (uint32_t i = 0; i < points; i++)
			if (point[i] >= next && point[i] < least)
				least = point[i];
		delta += (least - next) * (done + 1); /* at most 0x10ffff * 60 */
		next = least;
		for (uint32_t i = 0; i < points; i++) {
			delta += point[i] < next;
			if (point[i] != next)
				continue;
			if (!put_number(label, delta, bias))
				return false;
			done++;
			bias = adapt(delta, done, done == plain + 1);
			delta = 0;
		}
		delta++;
		next++;
	}
	return true;
}

static bool
plain_letter(uint32_t x)
{
	return (x >= 'a' && x <= 'z') || (x >= '0' && x <= '9') || x == '-' || x == '_';
}

/* A label of text becomes one on the wire; false: it is none. */
static bool
put_label(uint8_t label[LABEL_MAX + 1], struct cursor text)
{
	uint32_t point[LABEL_MAX - 8], n = 0;
	bool script = false;

	label[0] = 0;
	while (cursor_left(&text) > 0) {
		uint32_t x = take_character(&text);

		x = x >= 'A' && x <= 'Z' ? x + 32 : x;
		if (x == UINT32_MAX || n >= LABEL_MAX || (x < FIRST && !plain_letter(x)))
			return false;
		script = script || x >= FIRST;
		if (n < sizeof(point) / sizeof(point[0]))
			point[n] = x;
		else if (script)
			return false;
		label[1 + n++] = (uint8_t)x;
	}
	label[0] = (uint8_t)n;
	return n > 0 && (!script || (n <= sizeof(point) / sizeof(point[0]) && put_script(label, point, n)));
}

/* --- rules ------------------------------------------------------------------------------------------------- */

static bool
grow(struct suffixes *s)
{
	struct suffixes old = *s;

	s->slots = old.slots > 0 ? old.slots * 2 : FIRST_SLOTS;
	s->slot = calloc(s->slots, sizeof(*s->slot));
	if (s->slot == NULL) {
		*s = old;
		return false;
	}
	for (size_t i = 0; i < old.slots; i++)
		if (old.slot[i] != 0)
			*suffix_slot(s, old.slot[i]) = old.slot[i];
	free(old.slot);
	return true;
}

static bool
put_flags(struct suffixes *s, uint64_t hash, uint64_t flags)
{
	uint64_t *slot;

	if (2 * (s->n + 1) > s->slots && !grow(s))
		return false;
	slot = suffix_slot(s, hash);
	s->n += *slot == 0;
	*slot = (hash & ~(uint64_t)SUFFIX_FLAGS) | (*slot & SUFFIX_FLAGS) | flags;
	return true;
}

enum section { NO_SECTION, SECTION_REGISTRIES, SECTION_CUSTOMERS };

struct list {
	struct suffixes *set;
	struct suffix_facts facts;
	enum section section;
	bool full; /* out of memory */
};

/* The labels of a rule, between its dots; how many, 0: it is no rule. */
static unsigned int
split(const uint8_t *text, size_t n, struct cursor part[LABELS_MAX])
{
	unsigned int parts = 0;
	size_t from = 0;

	for (size_t i = 0; i <= n; i++)
		if (i == n || text[i] == '.') {
			if (parts == LABELS_MAX || i == from)
				return 0;
			part[parts++] = cursor_view(text + from, i - from);
			from = i + 1;
		}
	return parts;
}

/* What a rule says of the suffix that it spells. */
static uint64_t
flags_of(const struct list *l, bool except, bool any)
{
	if (l->section == SECTION_CUSTOMERS)
		return except ? SUFFIX_NOT_CUSTOMERS : any ? SUFFIX_ANY_CUSTOMERS | SUFFIX_DEEPER : SUFFIX_CUSTOMERS;
	return except ? SUFFIX_NOT_REGISTRY : any ? SUFFIX_ANY_REGISTRY | SUFFIX_DEEPER : SUFFIX_REGISTRY;
}

/* True when it is one; "*" alone is, and says what holds without any rule. */
static bool
take_rule(struct list *l, const uint8_t *text, size_t n)
{
	uint64_t hash[LABELS_MAX + 1] = {l->set->seed};
	struct cursor part[LABELS_MAX];
	uint8_t label[LABEL_MAX + 1];
	bool except = text[0] == '!';
	unsigned int parts = split(text + except, n - except, part), any, own;

	any = parts > 0 && cursor_left(&part[0]) == 1 && part[0].p[0] == '*';
	own = parts - any;
	if (l->section == NO_SECTION || parts == 0 || (except && (any != 0 || parts < 2)))
		return false;
	for (unsigned int i = 1; i <= own; i++) {
		if (!put_label(label, part[parts - i]))
			return false;
		hash[i] = suffix_hash(hash[i - 1], label);
	}
	for (unsigned int i = 1; i <= own && !l->full; i++)
		l->full = !put_flags(l->set, hash[i], i < own ? SUFFIX_DEEPER : flags_of(l, except, any != 0));
	return true;
}

static bool
starts(const uint8_t *line, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static void
take_comment(struct list *l, const uint8_t *line, size_t n)
{
	static const char version[] = "// VERSION: ";
	size_t at = sizeof(version) - 1, to = 0;

	if (starts(line, n, "// ===BEGIN ICANN DOMAINS==="))
		l->section = SECTION_REGISTRIES;
	else if (starts(line, n, "// ===BEGIN PRIVATE DOMAINS==="))
		l->section = SECTION_CUSTOMERS;
	else if (starts(line, n, "// ===END "))
		l->section = NO_SECTION;
	else if (starts(line, n, version))
		for (; at < n && line[at] > ' ' && line[at] < 0x7f && to < SUFFIX_VERSION - 1; at++)
			l->facts.version[to++] = (char)line[at];
}

static void
take_line(struct list *l, const uint8_t *line, size_t n)
{
	size_t rule = 0;

	while (rule < n && line[rule] > ' ') /* up to the first white space */
		rule++;
	if (starts(line, n, "//"))
		take_comment(l, line, n);
	else if (rule > 0 && !take_rule(l, line, rule))
		l->facts.refused++;
	else if (rule > 0 && l->section == SECTION_CUSTOMERS)
		l->facts.customers++;
	else if (rule > 0)
		l->facts.registry++;
}

struct suffixes *
suffixes_new(const void *text, size_t n, uint64_t seed, struct suffix_facts *facts, char *why, size_t why_size)
{
	struct list l = {.set = calloc(1, sizeof(*l.set))};
	struct cursor c = cursor_view(text, n <= SUFFIX_LIST_MAX ? n : 0);

	l.full = l.set == NULL;
	if (l.set != NULL)
		l.set->seed = seed;
	while (cursor_left(&c) > 0 && !l.full) {
		const uint8_t *end = memchr(c.p, '\n', cursor_left(&c));
		size_t len = end != NULL ? (size_t)(end - c.p) : cursor_left(&c);

		take_line(&l, cursor_take(&c, len), len);
		cursor_skip(&c, end != NULL);
	}
	*facts = l.facts;
	if (!l.full && l.set->n > 0)
		return l.set;
	snprintf(why, why_size, "%s", l.full ? "out of memory" : n > SUFFIX_LIST_MAX ? "is too large for a list of suffixes" :
	    "holds no rules between the marks of a Public Suffix List (its text is wanted)");
	suffixes_free(l.set);
	return NULL;
}

void
suffixes_free(struct suffixes *s)
{
	if (s == NULL)
		return;
	free(s->slot);
	free(s);
}
