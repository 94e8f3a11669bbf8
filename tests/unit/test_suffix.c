/* Public suffixes: rules of every form, names in other scripts, what is no list, no list at all; and every rule of the
 * system's list as libpsl understands it, where both are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBPSL
#include <libpsl.h>
#endif

#include "collector/dns.h"
#include "detector/suffix.h"

#define SYSTEM_LIST "/usr/share/publicsuffix/public_suffix_list.dat"

static const char list[] =
    "// VERSION: 2031-04-05_06-07-08_UTC\n"
    "outside.example\n"
    "// ===BEGIN ICANN DOMAINS===\n"
    "\n"
    "com\nuk\nco.uk  a rule ends at white space\nCN\n\xe5\x85\xac\xe5\x8f\xb8.cn\r\n"
    "*.ck\n!www.ck\njp\ntokyo.jp\n*.kobe.jp\n!city.kobe.jp\nio\norg\n*\n"
    "\xd1\x80\xd1\x84\n"
    "// ===END ICANN DOMAINS===\n"
    "// ===BEGIN PRIVATE DOMAINS===\n"
    "github.io\nduckdns.org\n*.compute.amazonaws.com\ns3.amazonaws.com\nblogspot.com\nx.y.z.blogspot.com\n*.free.org\n!paid.free.org\n"
    "// ===END PRIVATE DOMAINS===";

struct parted {
	char zone[DNS_NAME_TEXT], customer[DNS_NAME_TEXT];
};

/* What a name's zones are, as text; both "" for a name without two labels. */
static struct parted
part(const struct suffixes *s, const char *text)
{
	uint8_t wire[DNS_NAME_WIRE], label[DNS_NAME_WIRE / 2];
	struct parted p = {"", ""};
	unsigned int labels = 0;
	struct suffix_cut cut;
	int n = dns_name_parse(text, wire);

	assert_true(n > 0);
	for (int i = 0; wire[i] != 0; i += wire[i] + 1)
		label[labels++] = (uint8_t)i;
	if (labels < 2)
		return p;
	cut = suffixes_cut(s, wire, label, labels);
	dns_name_text(wire + cut.zone, (size_t)n - cut.zone, p.zone);
	dns_name_text(wire + cut.customer, (size_t)n - cut.customer, p.customer);
	return p;
}

static struct suffixes *
compile(const void *text, size_t n, struct suffix_facts *facts)
{
	char why[160] = "";

	return suffixes_new(text, n, 42, facts, why, sizeof(why));
}

static void
test_rules(void **state)
{
	static const struct {
		const char *name, *zone, *customer; /* customer NULL: the same */
	} c[] = {
		{"www.example.com", "example.com", NULL}, {"example.com", "example.com", NULL}, {"a.b.c.example.com", "example.com", NULL},
		{"www.shop.co.uk", "shop.co.uk", NULL}, {"shop.co.uk", "shop.co.uk", NULL}, {"co.uk", "co.uk", NULL},
		{"www.shop.me.uk", "me.uk", NULL},
		/* wildcards and exceptions */
		{"a.b.c.ck", "b.c.ck", NULL}, {"b.c.ck", "b.c.ck", NULL}, {"c.ck", "c.ck", NULL}, {"www.ck", "www.ck", NULL},
		{"a.www.ck", "www.ck", NULL}, {"a.b.www.ck", "www.ck", NULL},
		{"a.b.kobe.jp", "a.b.kobe.jp", NULL}, {"z.a.b.kobe.jp", "a.b.kobe.jp", NULL}, {"b.kobe.jp", "b.kobe.jp", NULL},
		{"kobe.jp", "kobe.jp", NULL}, {"city.kobe.jp", "city.kobe.jp", NULL}, {"x.y.city.kobe.jp", "city.kobe.jp", NULL},
		{"a.b.tokyo.jp", "b.tokyo.jp", NULL}, {"a.b.jp", "b.jp", NULL},
		/* the second section */
		{"a.foo.github.io", "github.io", "foo.github.io"}, {"foo.github.io", "github.io", "foo.github.io"},
		{"github.io", "github.io", NULL}, {"a.b.foo.duckdns.org", "duckdns.org", "foo.duckdns.org"},
		{"r.vm1.eu.compute.amazonaws.com", "amazonaws.com", "vm1.eu.compute.amazonaws.com"},
		{"eu.compute.amazonaws.com", "amazonaws.com", "eu.compute.amazonaws.com"},
		{"compute.amazonaws.com", "amazonaws.com", NULL}, {"a.b.s3.amazonaws.com", "amazonaws.com", "b.s3.amazonaws.com"},
		{"a.b.other.amazonaws.com", "amazonaws.com", NULL}, {"a.z.blogspot.com", "blogspot.com", "z.blogspot.com"},
		{"b.a.x.y.z.blogspot.com", "blogspot.com", "a.x.y.z.blogspot.com"},
		{"c.b.a.free.org", "free.org", "b.a.free.org"}, {"a.paid.free.org", "free.org", "paid.free.org"},
		/* no rule: the last label */
		{"a.b.example", "b.example", NULL}, {"host.lan", "host.lan", NULL}, {"x.outside.example", "outside.example", NULL},
		/* scripts: on the wire they are letters, and bytes that are none are no rule */
		{"a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn", NULL}, {"a.b.\\229\\133\\172\\229\\143\\184.cn", "\\229\\133\\172\\229\\143\\184.cn", NULL},
		{"a.b.xn--p1ai", "b.xn--p1ai", NULL}, {"\\000.\\255.a\\.b.com", "a\\.b.com", NULL},
	};
	struct suffix_facts facts;
	struct suffixes *s = compile(list, sizeof(list) - 1, &facts);

	(void)state;
	assert_non_null(s);
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct parted p = part(s, c[i].name);

		assert_string_equal(p.zone, c[i].zone);
		assert_string_equal(p.customer, c[i].customer != NULL ? c[i].customer : c[i].zone);
	}
	assert_int_equal(facts.registry, 15);
	assert_int_equal(facts.customers, 8);
	assert_int_equal(facts.refused, 1);
	assert_string_equal(facts.version, "2031-04-05_06-07-08_UTC");
	suffixes_free(s);
}

static void
test_without_list(void **state)
{
	static const char *const c[][2] = {
		{"www.example.com", "example.com"}, {"www.shop.co.uk", "shop.co.uk"}, {"x.y.shop.com.au", "shop.com.au"}, {"co.uk", "co.uk"},
		{"www.hbo.de", "hbo.de"}, {"www.t.co", "t.co"}, {"a.foo.github.io", "github.io"}, {"a.co.museum", "co.museum"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct parted p = part(NULL, c[i][0]);

		assert_string_equal(p.zone, c[i][1]);
		assert_string_equal(p.customer, c[i][1]);
	}
}

/* A name may have 127 labels, a rule deeper than any name is only ever reached in part. */
static void
test_long(void **state)
{
	char name[256] = "", text[512] = "// ===BEGIN ICANN DOMAINS===\n";
	struct suffix_facts facts;
	struct suffixes *s;

	(void)state;
	for (int i = 0; i < 31; i++)
		strcat(text, "a.");
	strcat(text, "a\n");
	s = compile(text, strlen(text), &facts);
	assert_non_null(s);
	for (int i = 0; i < 126; i++)
		strcat(name, i == 93 ? "b." : "a.");
	strcat(name, "a");
	assert_int_equal(strlen(part(s, name).zone), 2 * 33 - 1);
	assert_string_equal(part(s, "a.a.a").zone, "a.a"); /* within the rule, but only "*" holds */
	suffixes_free(s);
}

static void
test_refused(void **state)
{
	static const char *const none[] = {
		"", "com\nnet\n", "<html>// ===BEGIN ICANN DOMAINS===\ncom\n", "// ===BEGIN ICANN DOMAINS===\n", "// ===BEGIN ICANN DOMAINS===\n!x\n",
	};
	static const char *const bad[] = {
		"a..b", ".a", "a.", "!*.a", "!a", "a.*.b", "a.*", "a*.b", "<p>", "a/b", "\xff\xfe.a", "\xc0\xaf", "\xed\xa0\x80", "\xe5\x85.cn", "a\\b",
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg",                 /* 64 letters */
		"\xd1\x80zaaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffff", /* 55 characters, too long once they are letters */
		"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25.26.27.28.29.30.31.32.33",
	};
	struct suffix_facts facts;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(compile(none[i], strlen(none[i]), &facts));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = snprintf(text, sizeof(text), "// ===BEGIN ICANN DOMAINS===\ncom\n%s\nnet\n", bad[i]);
		struct suffixes *s = compile(text, (size_t)n, &facts);

		assert_non_null(s);
		assert_int_equal(facts.refused, 1);
		assert_int_equal(facts.registry, 2);
		suffixes_free(s);
	}
	char *large = calloc(1, SUFFIX_LIST_MAX + 1);

	assert_non_null(large);
	memset(large, '\n', SUFFIX_LIST_MAX);
	memcpy(large, list, sizeof(list) - 1);
	assert_null(compile(large, SUFFIX_LIST_MAX + 1, &facts));
	free(large);
}

/* --- the system's list -------------------------------------------------------------------------------------- */

static char *
read_list(size_t *n)
{
	FILE *f = fopen(SYSTEM_LIST, "rb");
	char *text = malloc(SUFFIX_LIST_MAX + 1);

	assert_non_null(text);
	*n = f != NULL ? fread(text, 1, SUFFIX_LIST_MAX, f) : 0;
	text[*n] = '\0';
	if (f != NULL)
		fclose(f);
	return text;
}

/* A comment before a top-level domain in another script says how it is written on the wire. */
static void
test_scripts(void **state)
{
	struct suffix_facts facts;
	size_t n, seen = 0;
	char *text = read_list(&n), *save = NULL, wire[80] = "", name[200];
	struct suffixes *s = n > 0 ? compile(text, n, &facts) : NULL;

	(void)state;
	if (n == 0) {
		free(text);
		skip();
	}
	assert_non_null(s);
	assert_int_equal(facts.refused, 0);
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "// xn--%63[a-z0-9-]", wire) == 1)
			continue;
		if (wire[0] != '\0' && (line[0] & 0x80) != 0 && strchr(line, '.') == NULL) {
			/* "co" below it is somebody's name; without the rule it would be no zone's */
			snprintf(name, sizeof(name), "a.b.xn--%s", wire);
			assert_string_equal(part(s, name).zone, name + 2);
			seen++;
		}
		if (strncmp(line, "//", 2) != 0)
			wire[0] = '\0';
	}
	assert_true(seen > 40);
	suffixes_free(s);
	free(text);
}

#ifdef HAVE_LIBPSL
static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((*s & 0x80) != 0)
			return false;
	return true;
}

/* One label below the longest suffix of the first section. */
static const char *
registry_zone(const psl_ctx_t *psl, const char *name)
{
	const char *before = name;

	for (const char *p = name; p != NULL; p = strchr(p, '.') != NULL ? strchr(p, '.') + 1 : NULL) {
		if (psl_is_public_suffix2(psl, p, PSL_TYPE_ICANN))
			return before;
		before = p;
	}
	return before;
}

static void
agree(const psl_ctx_t *psl, const struct suffixes *s, const char *name)
{
	const char *customer = psl_registrable_domain(psl, name);
	struct parted p = part(s, name);

	if (p.zone[0] == '\0')
		return;
	assert_string_equal(p.customer, customer != NULL ? customer : name);
	assert_string_equal(p.zone, registry_zone(psl, name));
}

static void
test_libpsl(void **state)
{
	struct suffix_facts facts;
	size_t n, seen = 0;
	char *text = read_list(&n), *save = NULL, rule[256], name[300];
	psl_ctx_t *psl = psl_load_file(SYSTEM_LIST);
	struct suffixes *s = n > 0 ? compile(text, n, &facts) : NULL;

	(void)state;
	if (psl == NULL || n == 0) {
		free(text);
		psl_free(psl);
		skip();
	}
	assert_non_null(s);
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '/' || sscanf(line, "%250s", rule) != 1 || !is_ascii(rule))
			continue;
		const char *plain = rule + (rule[0] == '!');

		/* the parent of a wildcard is left out: libpsl takes it for a suffix, by publicsuffix.org's algorithm it matches no rule */
		if (rule[0] == '*')
			rule[0] = 'w';
		for (int i = 0; i < 4; i++) {
			static const char *const below[] = {"", "x.", "y.x.", "z.y.x."};

			snprintf(name, sizeof(name), "%s%s", below[i], plain);
			agree(psl, s, name);
		}
		seen++;
	}
	assert_true(seen > 5000);
	assert_int_equal((int)(facts.registry + facts.customers), psl_suffix_count(psl) + psl_suffix_exception_count(psl));
	suffixes_free(s);
	psl_free(psl);
	free(text);
}
#else
static void
test_libpsl(void **state)
{
	(void)state;
	skip();
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules), cmocka_unit_test(test_without_list), cmocka_unit_test(test_long), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_scripts), cmocka_unit_test(test_libpsl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
