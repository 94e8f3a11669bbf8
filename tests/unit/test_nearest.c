#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "base/nearest.h"

static void
test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned int d;
	} rows[] = {
		{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "xabc", 1},
		{"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"NETWORKS", "networks", 0}, {"ab", "ba", 1},
	};
	char longest[NEAREST_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(nearest_distance(rows[i].a, rows[i].b), rows[i].d);
		assert_int_equal(nearest_distance(rows[i].b, rows[i].a), rows[i].d);
	}
	memset(longest, 'a', sizeof(longest));
	longest[NEAREST_MAX] = '\0';
	assert_int_equal(nearest_distance(longest, ""), NEAREST_MAX);
	longest[NEAREST_MAX] = 'a';
	longest[NEAREST_MAX + 1] = '\0';
	assert_int_equal(nearest_distance(longest, "a"), UINT_MAX);
}

static void
test_names(void **state)
{
	static const char *const names[] = {"replay", "run", "check-config", "rules", "verify", "keygen", "why", "help"};
	static const struct {
		const char *typed, *near;
	} rows[] = {
		{"repaly", "replay"}, {"relpay", "replay"}, {"rule", "rules"}, {"check", "check-config"}, {"chekc-config", "check-config"},
		{"verfy", "verify"}, {"keygne", "keygen"}, {"hlep", "help"}, {"rnu", "run"}, {"Replay", "replay"},
		{"", NULL}, {"x", NULL}, {"xyz", NULL}, {"frobnicate", NULL}, {"incident.pcap", NULL}, {"--", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *near = nearest_name(names, sizeof(names) / sizeof(names[0]), rows[i].typed);

		if (rows[i].near == NULL ? near != NULL : near == NULL || strcmp(near, rows[i].near) != 0)
			fail_msg("%s: %s, expected %s", rows[i].typed, near != NULL ? near : "none",
			    rows[i].near != NULL ? rows[i].near : "none");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_distance), cmocka_unit_test(test_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
