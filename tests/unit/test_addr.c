#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/addr.h"
#include "base/err.h"

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void
test_text(void **state)
{
	static const char *const same[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
		"2001:db8:0:1:1:1:1:1", "fe80::1:2"};
	char buf[ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct addr a = addr(same[i]);

		assert_string_equal(addr_text(&a, buf), same[i]);
		assert_int_equal(addr_is_v4(&a), strchr(same[i], '.') != NULL);
	}
}

static void
test_bad_text(void **state)
{
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "2001:db8", ":::", "host", "1.2.3.4 "};
	struct addr a;
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(addr_parse(bad[i], &a), ERR_INVALID);
		assert_int_equal(prefix_parse(bad[i], &p), ERR_INVALID);
	}
}

static void
test_prefix(void **state)
{
	static const struct {
		const char *text;
		int bits; /* negative: an error */
	} cases[] = {
		{"10.0.0.0/8", 104}, {"10.1.2.3/32", 128}, {"0.0.0.0/0", 96}, {"2001:db8::/32", 32}, {"::/0", 0},
		{"10.0.0.1/8", -1}, {"10.0.0.0/33", -1}, {"2001:db8::/129", -1}, {"10.0.0.0/", -1}, {"10.0.0.0/x", -1},
		{"10.0.0.0/-1", -1}, {"2001:db8::1/32", -1},
	};
	char buf[PREFIX_TEXT];
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = prefix_parse(cases[i].text, &p);

		print_message("%s\n", cases[i].text);
		assert_int_equal(err, cases[i].bits < 0 ? ERR_INVALID : 0);
		if (err != 0)
			continue;
		assert_int_equal(p.bits, cases[i].bits);
		assert_string_equal(prefix_text(&p, buf), cases[i].text);
	}
	assert_int_equal(prefix_parse("192.0.2.7", &p), 0);
	assert_int_equal(p.bits, 128);
}

static void
test_contains(void **state)
{
	struct prefix p;
	struct addr in = addr("10.63.255.255"), out = addr("10.64.0.0"), six = addr("2001:db8::1");

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.0/10", &p), 0);
	assert_true(prefix_contains(&p, &in));
	assert_false(prefix_contains(&p, &out));
	assert_false(prefix_contains(&p, &six));
	p = prefix_of(&out, 96 + 10);
	assert_true(prefix_contains(&p, &out));
	assert_false(prefix_contains(&p, &in));
	p = prefix_of(&six, 0);
	assert_true(prefix_contains(&p, &in));
}

static void
test_kinds(void **state)
{
	static const struct {
		const char *text;
		bool special, inside;
	} cases[] = {
		{"0.0.0.0", true, false}, {"224.0.0.251", true, false}, {"255.255.255.255", true, false},
		{"ff02::fb", true, false}, {"::", true, false}, {"10.9.8.7", false, true}, {"172.31.0.1", false, true},
		{"172.32.0.1", false, false}, {"192.168.1.1", false, true}, {"100.64.0.1", false, true},
		{"100.128.0.1", false, false}, {"127.0.0.1", false, true}, {"169.254.1.1", false, true},
		{"fd00::1", false, true}, {"fe80::1", false, true}, {"::1", false, true}, {"8.8.8.8", false, false},
		{"2001:db8::1", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a = addr(cases[i].text);

		print_message("%s\n", cases[i].text);
		assert_int_equal(addr_is_special(&a), cases[i].special);
		assert_int_equal(addr_is_private(&a), cases[i].inside);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_bad_text), cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_contains), cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
