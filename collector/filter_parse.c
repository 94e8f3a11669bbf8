/* From the text of a filter to a tree of tests: a lexer, and one function for each level of the grammar.
 *
 *	or:    and { "or" and }
 *	and:   not { "and" not }
 *	not:   "not" not | "(" or ")" | test
 *	test:  [side] word [comparator] value | [side] word "in" "[" value { value } "]" | word | [side] address
 *	side:  src | dst | src or dst | src and dst | in | out
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "collector/filter_program.h"

enum { TOKEN_TEXT = 128 };
enum token { TOKEN_END, TOKEN_WORD, TOKEN_COMPARE, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_LIST, TOKEN_LIST_END, TOKEN_COMMA, TOKEN_BAD };
enum compare { IS, IS_NOT, LESS, MORE, LESS_IS, MORE_IS };

struct parse {
	struct filter_tree *tree;
	const struct filter_setup *setup;
	const char *text, *p;     /* p: behind the token */
	size_t at;                /* column of the token, from 0 */
	enum token token;
	enum compare compare;
	char word[TOKEN_TEXT];
	unsigned int depth;
	char *why;
	size_t why_size;
	bool failed;
};

enum { BOTH_OR = 0, FIRST_ONLY = 1, SECOND_ONLY = 2, BOTH_AND = 3 };
struct side {
	uint8_t which;
	uint8_t kind; /* enum filter_sides of the words used; SIDES_NONE: none was */
};

static int64_t parse_or(struct parse *s);

static int64_t fail(struct parse *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int64_t
fail(struct parse *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->failed)
		return -1;
	s->failed = true;
	n = snprintf(s->why, s->why_size, "column %zu: ", s->at + 1);
	va_start(ap, fmt);
	if (n > 0 && (size_t)n < s->why_size)
		vsnprintf(s->why + n, s->why_size - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* --- tokens -------------------------------------------------------------------------------------------------- */

static enum token
take_compare(struct parse *s)
{
	static const struct { const char *text; enum compare compare; } table[] = {
		{"==", IS}, {"!=", IS_NOT}, {"<>", IS_NOT}, {"<=", LESS_IS}, {">=", MORE_IS}, {"=", IS}, {"<", LESS}, {">", MORE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(s->p, table[i].text, strlen(table[i].text)) == 0) {
			s->compare = table[i].compare;
			s->p += strlen(table[i].text);
			return TOKEN_COMPARE;
		}
	return TOKEN_BAD;
}

static enum token
word_compare(struct parse *s)
{
	static const char *const table[] = {"eq", "ne", "lt", "gt", "le", "ge"};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcasecmp(s->word, table[i]) == 0) {
			s->compare = (enum compare)i;
			return TOKEN_COMPARE;
		}
	return TOKEN_WORD;
}

static enum token
take_word(struct parse *s)
{
	char quote = *s->p == '"' || *s->p == '\'' ? *s->p : '\0';
	size_t n;

	s->p += quote != '\0';
	n = quote != '\0' ? strcspn(s->p, (const char[]){quote, '\0'}) : strcspn(s->p, " \t\r\n()[],=<>!&|#\"'");
	if (n >= sizeof(s->word) || (quote != '\0' && s->p[n] == '\0')) {
		fail(s, "%s", n >= sizeof(s->word) ? "a word of more than 127 letters" : "the quote has no end");
		return TOKEN_BAD;
	}
	memcpy(s->word, s->p, n);
	s->word[n] = '\0';
	s->p += n + (quote != '\0');
	return quote != '\0' ? TOKEN_WORD : word_compare(s);
}

static void
next(struct parse *s)
{
	static const char single[] = "()[],";
	static const enum token kind[] = {TOKEN_OPEN, TOKEN_CLOSE, TOKEN_LIST, TOKEN_LIST_END, TOKEN_COMMA};
	const char *at;

	for (;;) {
		s->p += strspn(s->p, " \t\r\n");
		if (*s->p != '#')
			break;
		s->p += strcspn(s->p, "\n");
	}
	s->at = (size_t)(s->p - s->text);
	s->word[0] = '\0';
	if (*s->p == '\0') {
		s->token = TOKEN_END;
	} else if ((at = strchr(single, *s->p)) != NULL) {
		s->token = kind[at - single];
		s->p++;
	} else if ((s->p[0] == '&' && s->p[1] == '&') || (s->p[0] == '|' && s->p[1] == '|')) {
		snprintf(s->word, sizeof(s->word), "%s", *s->p == '&' ? "and" : "or");
		s->token = TOKEN_WORD;
		s->p += 2;
	} else if (*s->p == '!' && s->p[1] != '=') {
		snprintf(s->word, sizeof(s->word), "not");
		s->token = TOKEN_WORD;
		s->p++;
	} else if (strchr("=!<>", *s->p) != NULL) {
		s->token = take_compare(s);
	} else if (*s->p == '&' || *s->p == '|') {
		s->token = TOKEN_BAD;
	} else {
		s->token = take_word(s);
	}
}

static bool
is(const struct parse *s, const char *word)
{
	return s->token == TOKEN_WORD && strcasecmp(s->word, word) == 0;
}

static bool
accept(struct parse *s, const char *word)
{
	bool yes = is(s, word);

	if (yes)
		next(s);
	return yes;
}

/* --- nodes ---------------------------------------------------------------------------------------------------- */

static int64_t
add_node(struct parse *s, const struct filter_node *n)
{
	if (s->tree->n == FILTER_TESTS)
		return fail(s, "more than %d tests", FILTER_TESTS);
	s->tree->node[s->tree->n] = *n;
	return s->tree->n++;
}

static int64_t
join(struct parse *s, enum filter_node_kind kind, int64_t left, int64_t right)
{
	if (left < 0 || right < 0)
		return -1;
	return add_node(s, &(struct filter_node){.kind = (uint8_t)kind, .left = (uint32_t)left, .right = (uint32_t)right});
}

static int64_t
negate(struct parse *s, int64_t node)
{
	return node < 0 ? -1 : add_node(s, &(struct filter_node){.kind = NODE_NOT, .left = (uint32_t)node});
}

/* The same test at the places that the side names. */
static int64_t
add_test(struct parse *s, const struct filter_word *w, struct side side, const struct filter_test *test)
{
	struct filter_node n = {.kind = NODE_TEST, .test = *test};
	int64_t first = -1, second = -1;

	if (w->at[0].extra)
		s->tree->f->wants_extra = true;
	if (w->sides == SIDES_NONE || side.which != SECOND_ONLY) {
		n.test.at = w->at[0];
		first = add_node(s, &n);
	}
	if (w->sides != SIDES_NONE && side.which != FIRST_ONLY) {
		n.test.at = w->at[1];
		second = add_node(s, &n);
	}
	if (w->sides == SIDES_NONE || side.which == FIRST_ONLY)
		return first;
	return side.which == SECOND_ONLY ? second : join(s, side.which == BOTH_AND ? NODE_AND : NODE_OR, first, second);
}

static int64_t
range_test(struct parse *s, const struct filter_word *w, struct side side, uint64_t low, uint64_t high)
{
	struct filter_test t = {.kind = TEST_RANGE, .a = low, .b = high - low};

	if (low > high)
		t = (struct filter_test){.kind = TEST_CONST};
	return add_test(s, w, side, &t);
}

/* --- addresses ------------------------------------------------------------------------------------------------- */

static int
take_prefix(struct parse *s, struct prefix *p)
{
	if (prefix_parse(s->word, p) == 0)
		return 0;
	if (strchr(s->word, '/') != NULL)
		fail(s, "'%.60s' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32 (bits behind its length must be zero)", s->word);
	else
		fail(s, "'%.60s' is not an address such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::1", s->word);
	return ERR_INVALID;
}

static void
net_words(const struct prefix *p, struct filter_test *t)
{
	uint8_t mask[16];

	for (unsigned int i = 0; i < 16; i++)
		mask[i] = p->bits >= 8 * (i + 1) ? 0xff : p->bits <= 8 * i ? 0 : (uint8_t)(0xff00 >> (p->bits - 8 * i));
	memcpy(&t->a, p->addr.b, 8);
	memcpy(&t->b, p->addr.b + 8, 8);
	memcpy(&t->mask_a, mask, 8);
	memcpy(&t->mask_b, mask + 8, 8);
}

static int64_t
net_test(struct parse *s, const struct filter_word *w, struct side side, const struct prefix *p)
{
	static const struct prefix v4 = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 96};
	static const struct filter_word family = {"ipv4", VALUE_WORD, SIDES_NONE, {{LOAD_FAMILY, 0, 0}}, 4};
	struct filter_test t = {.kind = TEST_NET};
	int64_t node;

	net_words(p, &t);
	node = add_test(s, w, side, &t);
	/* an IPv6 prefix so short that it holds the place of the IPv4 addresses does not mean those */
	if (node >= 0 && p->bits < 96 && prefix_contains(p, &v4.addr))
		node = join(s, NODE_AND, node, negate(s, range_test(s, &family, side, 4, 4)));
	return node;
}

static int64_t
net_list(struct parse *s, const struct filter_word *w, struct side side)
{
	struct filter *f = s->tree->f;
	struct prefixmap *map = realloc(f->map, (f->maps_n + 1) * sizeof(*map));
	struct prefix p;

	if (map == NULL)
		return fail(s, "out of memory");
	f->map = map;
	map = &f->map[f->maps_n++];
	prefixmap_init(map);
	for (; s->token != TOKEN_LIST_END; next(s)) {
		if (s->token == TOKEN_COMMA)
			continue;
		if (s->token != TOKEN_WORD)
			return fail(s, "a list holds values and ends with ]");
		if (take_prefix(s, &p) < 0)
			return -1;
		if (prefixmap_add(map, &p, 1) < 0)
			return fail(s, "out of memory");
	}
	next(s);
	if (prefixmap_build(map) < 0)
		return fail(s, "out of memory");
	return add_test(s, w, side, &(struct filter_test){.kind = TEST_NETS, .list = (uint32_t)(f->maps_n - 1)});
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

static int
take_number(struct parse *s, const struct filter_word *w, struct filter_range *r)
{
	char why[160];

	if (s->token != TOKEN_WORD) {
		fail(s, "%s needs a value", w->name);
		return ERR_INVALID;
	}
	if (filter_number(w, s->word, s->setup->local, r, why, sizeof(why)) < 0) {
		fail(s, "%s", why);
		return ERR_INVALID;
	}
	return 0;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct filter_range *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

/* Sorted, and those that touch made one. */
static size_t
merge_ranges(struct filter_range *r, size_t n)
{
	size_t out = 0;

	qsort(r, n, sizeof(*r), compare_ranges);
	for (size_t i = 1; i < n; i++)
		if (r[i].low <= r[out].high)
			r[out].high = r[i].high > r[out].high ? r[i].high : r[out].high;
		else
			r[++out] = r[i];
	return n > 0 ? out + 1 : 0;
}

static int64_t
number_list(struct parse *s, const struct filter_word *w, struct side side)
{
	struct filter *f = s->tree->f;
	size_t from = f->ranges_n;
	struct filter_test t = {.kind = TEST_LIST, .list = (uint32_t)from};

	for (; s->token != TOKEN_LIST_END; next(s)) {
		if (s->token == TOKEN_COMMA)
			continue;
		if (s->token != TOKEN_WORD)
			return fail(s, "a list holds values and ends with ]");
		if (f->ranges_n == f->ranges_cap) {
			size_t cap = f->ranges_cap > 0 ? f->ranges_cap * 2 : 64;
			struct filter_range *r = realloc(f->range, cap * sizeof(*r));

			if (r == NULL)
				return fail(s, "out of memory");
			f->range = r;
			f->ranges_cap = cap;
		}
		if (take_number(s, w, &f->range[f->ranges_n]) < 0)
			return -1;
		f->ranges_n++;
	}
	next(s);
	t.list_n = f->ranges_n > from ? (uint32_t)merge_ranges(f->range + from, f->ranges_n - from) : 0;
	f->ranges_n = from + t.list_n;
	return add_test(s, w, side, &t);
}

/* "last 10m", "last 600 seconds": behind that time. */
static int64_t
last_test(struct parse *s, const struct filter_word *w, struct side side)
{
	char text[TOKEN_TEXT + 16];
	uint64_t ns, from;
	size_t n;

	next(s);
	snprintf(text, sizeof(text), "%s", s->word);
	n = strlen(text);
	if (n > 0 && strspn(text, "0123456789") == n) {
		next(s);
		snprintf(text + n, sizeof(text) - n, "%.15s", s->word);
	}
	if (s->token != TOKEN_WORD || filter_duration(text, &ns) < 0)
		return fail(s, "last needs a time with its unit, such as last 10m or last 600 seconds");
	next(s);
	s->tree->f->uses_now = true;
	from = s->setup->now_ns > (int64_t)ns ? (uint64_t)s->setup->now_ns - ns : 0;
	return range_test(s, w, side, from, FILTER_NONE - 1);
}

static int64_t
compared(struct parse *s, const struct filter_word *w, struct side side, enum compare c)
{
	struct filter_range r;
	int64_t node;

	if (take_number(s, w, &r) < 0)
		return -1;
	if (c != IS && c != IS_NOT && r.low != r.high && w->value != VALUE_TIME)
		return fail(s, "a range is compared with = or != only");
	next(s);
	if (w->value == VALUE_FLAGS && c != IS && c != IS_NOT)
		return fail(s, "flags are compared with = or != only; \"flags SA\" means that S and A are set");
	switch (c) {
	case LESS: return range_test(s, w, side, r.low == 0, r.low == 0 ? 0 : r.low - 1);
	case LESS_IS: return range_test(s, w, side, 0, r.low);
	case MORE: return range_test(s, w, side, r.low + 1, FILTER_NONE - 1);
	case MORE_IS: return range_test(s, w, side, r.low, FILTER_NONE - 1);
	default: break;
	}
	node = range_test(s, w, side, r.low, r.high);
	return c == IS_NOT ? negate(s, node) : node;
}

/* --- the grammar ------------------------------------------------------------------------------------------------ */

static int64_t
flags_set(struct parse *s, const struct filter_word *w, struct side side)
{
	struct filter_range r;

	if (take_number(s, w, &r) < 0)
		return -1;
	next(s);
	return add_test(s, w, side, &(struct filter_test){.kind = TEST_BITS, .a = r.low, .b = r.low});
}

static int64_t
parse_value(struct parse *s, const struct filter_word *w, struct side side)
{
	enum compare c = IS;
	bool given = s->token == TOKEN_COMPARE;
	struct prefix p;
	int64_t node;

	if (w->value == VALUE_WORD)
		return w->max == FILTER_NONE ? add_test(s, w, side, &(struct filter_test){.kind = TEST_CONST, .a = 1}) :
		    range_test(s, w, side, w->max, w->max);
	if (is(s, "in")) {
		next(s);
		if (s->token != TOKEN_LIST)
			return fail(s, "in needs a list: in [ a b c ]");
	}
	if (s->token == TOKEN_LIST) {
		next(s);
		return w->value == VALUE_ADDR ? net_list(s, w, side) : number_list(s, w, side);
	}
	if (given) {
		c = s->compare;
		next(s);
	}
	if (w->value == VALUE_TIME && is(s, "last"))
		return last_test(s, w, side);
	if (w->value == VALUE_FLAGS && !given)
		return flags_set(s, w, side);
	if (w->value != VALUE_ADDR)
		return compared(s, w, side, c);
	if (s->token != TOKEN_WORD)
		return fail(s, "%s needs an address", w->name);
	if (c != IS && c != IS_NOT)
		return fail(s, "addresses are compared with = or != only");
	if (take_prefix(s, &p) < 0)
		return -1;
	next(s);
	node = net_test(s, w, side, &p);
	return c == IS_NOT ? negate(s, node) : node;
}

static struct side
parse_side(struct parse *s)
{
	struct side side = {BOTH_OR, SIDES_NONE};

	if (!is(s, "src") && !is(s, "dst") && !is(s, "in") && !is(s, "out"))
		return side;
	side.kind = is(s, "src") || is(s, "dst") ? SIDES_SRC_DST : SIDES_IN_OUT;
	side.which = is(s, "src") || is(s, "in") ? FIRST_ONLY : SECOND_ONLY;
	next(s);
	if (side.which == FIRST_ONLY && (is(s, "or") || is(s, "and"))) {
		side.which = is(s, "or") ? BOTH_OR : BOTH_AND;
		next(s);
		if (!accept(s, side.kind == SIDES_SRC_DST ? "dst" : "out"))
			fail(s, "'%s' expected", side.kind == SIDES_SRC_DST ? "dst" : "out");
	}
	return side;
}

/* Two words that are one: "next ip", "engine id", "icmp type". */
static void
join_words(struct parse *s, char name[TOKEN_TEXT])
{
	static const struct { const char *first, *second, *one; } pairs[] = {
		{"next", "ip", "next-hop"}, {"next", "hop", "next-hop"}, {"router", "ip", "router"}, {"exporter", "ip", "exporter"},
		{"engine", "id", "engine-id"}, {"engine", "type", "engine-type"}, {"icmp", "type", "icmp-type"},
		{"icmp", "code", "icmp-code"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strcasecmp(name, pairs[i].first) == 0 && is(s, pairs[i].second)) {
			snprintf(name, TOKEN_TEXT, "%s", pairs[i].one);
			next(s);
			return;
		}
}

static int64_t
unknown_word(struct parse *s, const char *name, size_t at)
{
	const char *near = filter_nearest(name);

	s->at = at;
	if (near != NULL)
		return fail(s, "there is no '%.40s'; did you mean '%s'?", name, near);
	return fail(s, "there is no '%.40s'; damp(1) lists the words of a filter", name);
}

static int64_t
parse_test(struct parse *s)
{
	struct side side = parse_side(s);
	const struct filter_word *w;
	char name[TOKEN_TEXT];
	size_t at = s->at;
	struct prefix p;

	if (s->failed)
		return -1;
	if (s->token == TOKEN_BAD)
		return fail(s, "'%c' is not understood", *s->p);
	if (s->token != TOKEN_WORD)
		return fail(s, "%s", s->token == TOKEN_END ? "something is missing at the end" :
		    "a word such as proto or src expected");
	memcpy(name, s->word, sizeof(name));
	w = filter_word("ip", 2);
	/* "src 10.0.0.1": an address needs no word */
	if (prefix_parse(name, &p) == 0 || (filter_word(name, strlen(name)) == NULL && strpbrk(name, "/") != NULL))
		return parse_value(s, w, side);
	next(s);
	join_words(s, name);
	w = filter_word(name, strlen(name));
	if (w == NULL)
		return unknown_word(s, name, at);
	if (side.kind != SIDES_NONE && side.kind != w->sides) {
		s->at = at;
		return fail(s, "%s %s", w->name, w->sides == SIDES_NONE ? "has no sides" : w->sides == SIDES_IN_OUT ?
		    "is either in or out" : "is either src or dst");
	}
	return parse_value(s, w, side);
}

static int64_t
parse_not(struct parse *s)
{
	int64_t node;

	if (s->failed)
		return -1;
	if (++s->depth > FILTER_NESTING)
		return fail(s, "nested more than %d deep", FILTER_NESTING);
	if (accept(s, "not")) {
		node = negate(s, parse_not(s));
	} else if (s->token == TOKEN_OPEN) {
		next(s);
		node = parse_or(s);
		if (node >= 0 && s->token != TOKEN_CLOSE)
			node = fail(s, "%s", s->token == TOKEN_END ? "a ) is missing" : "'and', 'or' or ) expected");
		next(s);
	} else {
		node = parse_test(s);
	}
	s->depth--;
	return node;
}

static int64_t
parse_and(struct parse *s)
{
	int64_t node = parse_not(s);

	while (node >= 0 && accept(s, "and"))
		node = join(s, NODE_AND, node, parse_not(s));
	return node;
}

static int64_t
parse_or(struct parse *s)
{
	int64_t node = parse_and(s);

	while (node >= 0 && accept(s, "or"))
		node = join(s, NODE_OR, node, parse_and(s));
	return node;
}

int64_t
filter_parse(struct filter_tree *t, const char *text, const struct filter_setup *setup, char *why, size_t why_size)
{
	struct parse s = {.tree = t, .setup = setup, .text = text, .p = text, .why = why, .why_size = why_size};
	int64_t root;

	next(&s);
	if (s.token == TOKEN_END)
		return add_node(&s, &(struct filter_node){.kind = NODE_TEST, .test = {.kind = TEST_CONST, .a = 1}});
	root = parse_or(&s);
	if (root >= 0 && s.token != TOKEN_END)
		return s.token == TOKEN_CLOSE ? fail(&s, "a ) without its (") :
		    fail(&s, "'and' or 'or' expected before '%.40s'", s.word[0] != '\0' ? s.word : "this");
	return root;
}
