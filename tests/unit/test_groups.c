/* Groups: what the kinds mean, and thresholds that nothing could reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "detector/groups.h"

static struct detect_settings
settings_of(enum config_group_kind kind, unsigned int subscribers)
{
	struct detect_settings s = {0};

	detect_settings_defaults(&s);
	group_settings(&s, kind, subscribers);
	return s;
}

static void
test_plain(void **state)
{
	struct detect_settings a = settings_of(GROUP_PLAIN, 0), b = {0};

	(void)state;
	detect_settings_defaults(&b);
	assert_memory_equal(&a, &b, sizeof(a));
	a = settings_of(GROUP_AUTHORITATIVE, 0);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void
test_kinds(void **state)
{
	struct detect_settings all = settings_of(GROUP_PLAIN, 0);
	struct detect_settings mail = settings_of(GROUP_MAIL, 0), forwarders = settings_of(GROUP_FORWARDERS, 0);

	(void)state;
	assert_true(mail.abuser.any_rate == 4 * all.abuser.any_rate && mail.abuser.min_repeats == 2 * all.abuser.min_repeats);
	assert_true(mail.victim.min_answers == all.victim.min_answers);
	assert_true(forwarders.abuser.large_share == 1 && forwarders.abuser.all_large == 1);
	assert_true(forwarders.abuser.name_share == all.abuser.name_share);
}

/* What people add up to is divided; what makes a bound meaningful is not. */
static void
test_cgnat(void **state)
{
	struct detect_settings all = settings_of(GROUP_PLAIN, 0), many = settings_of(GROUP_CGNAT, 300);

	(void)state;
	assert_true(many.abuser.any_rate == 300 * all.abuser.any_rate);
	assert_true(many.udp_victim.min_packets == 300 * all.udp_victim.min_packets);
	assert_true(many.fragment.rate == 300 * all.fragment.rate);
	assert_true(many.abuser.min_repeats == all.abuser.min_repeats);
	assert_true(many.abuser.large_share == all.abuser.large_share);
}

static int
reach(const char *kind, const char *name, double value, double bps, double sampling)
{
	struct detect_settings s = settings_of(GROUP_PLAIN, 0);
	const struct group_limits limits = {bps, sampling};
	char why[160];

	return group_reachable(&s, kind, name, value, &limits, why, sizeof(why));
}

static void
test_reach(void **state)
{
	const char *abuser = "dns-amplification-abuser", *victim = "dns-amplification-victim";

	(void)state;
	assert_int_equal(reach(abuser, "repeat-share", 1, 0, 1), ERR_INVALID);
	assert_int_equal(reach(abuser, "repeat-share", 0.99, 0, 1), 0);
	assert_int_equal(reach(abuser, "matched-share", 1, 0, 1), 0); /* the share itself decides */
	assert_int_equal(reach(abuser, "slow-sum", 300, 0, 1), 0);
	assert_int_equal(reach(abuser, "slow-sum", 600, 0, 1), ERR_INVALID);
	/* 10 s of 1 Mbit/s hold 1250 answers of 1000 bytes */
	assert_int_equal(reach(abuser, "min-repeats", 1250, 1e6, 1), 0);
	assert_int_equal(reach(abuser, "min-repeats", 1251, 1e6, 1), ERR_INVALID);
	assert_int_equal(reach(abuser, "min-repeats", 10000, 0, 1), 0); /* no capacity is known */
	/* of 1 in 1000, one */
	assert_int_equal(reach(abuser, "min-repeats", 10, 1e6, 1000), ERR_INVALID);
	assert_int_equal(reach(victim, "min-answers", 37500, 1e6, 1), 0);
	assert_int_equal(reach(victim, "min-answers", 37501, 1e6, 1), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_kinds), cmocka_unit_test(test_cgnat), cmocka_unit_test(test_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
