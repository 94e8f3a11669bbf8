/* A link's load: known slots, what is usual, the trend, and what is judged of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "detector/detector.h"
#include "detector/link_load.h"

enum { DAY0 = 1775952000 }; /* midnight */

static struct link_load *
link_of(uint64_t capacity_bps)
{
	struct link_load *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->capacity_bps = capacity_bps;
	return l;
}

/* So many seconds of a steady load, part of it amplified. */
static int64_t
carry(struct link_load *l, int64_t from, int seconds, uint64_t bytes, double amplified)
{
	for (int64_t s = from; s < from + seconds; s++) {
		const struct series_point p = {.bytes = bytes, .dns_answer_bytes = (uint64_t)((double)bytes * amplified),
			.amplified_first_bytes = (uint64_t)((double)bytes * amplified), .amplified_answers = 1};

		link_load_add(l, s, &p);
		(void)link_load_known(l, s, false);
	}
	return from + seconds;
}

static enum heat
judge_sampled(const struct link_load *l, uint32_t sampling)
{
	struct detect_settings s = {0};
	struct judge_env env = {.settings = &s, .load = l};
	struct watch w = {.side = SIDE_LINK, .sampling = sampling};
	struct verdict v = {0};

	detect_settings_defaults(&s);
	detector_link_load.judge(&env, &w, &v);
	return v.heat;
}

static enum heat
judge(const struct link_load *l)
{
	return judge_sampled(l, 1);
}

static void
test_known(void **state)
{
	struct link_load *l = link_of(1000000);
	const struct series_point p = {.bytes = 100};

	(void)state;
	link_load_add(l, DAY0, &p);
	assert_false(link_load_known(l, DAY0 + 8, false));
	assert_true(link_load_known(l, DAY0 + 9, false));
	assert_false(link_load_known(l, DAY0 + 9, false));
	assert_int_equal(link_load_now(l)->bytes, 100);
	/* records tell of the next slot half an hour later */
	link_load_add(l, DAY0 + 1900, &p);
	link_load_add(l, DAY0 + 15, &p);
	assert_true(link_load_known(l, DAY0 + 19, false));
	assert_int_equal(link_load_now(l)->bytes, 100);
	free(l);
}

/* People fill it: hot only when amplified answers do. */
static void
test_people(void **state)
{
	struct link_load *l = link_of(8000000);

	(void)state;
	carry(l, DAY0, 60, 950000, 0.02);
	assert_int_equal(judge(l), HEAT_COLD);
	carry(l, DAY0 + 60, 30, 950000, 0.3);
	assert_int_equal(judge(l), HEAT_HOT);
	carry(l, DAY0 + 90, 30, 400000, 0.3); /* and not on a half empty link */
	assert_int_equal(judge(l), HEAT_COLD);
	free(l);
}

/* Four percent is usual here: five times as much is needed; an attack does not become usual. */
static void
test_usual(void **state)
{
	struct link_load *l = link_of(8000000);
	int64_t t = carry(l, DAY0, 1200, 950000, 0.04);
	double usual = link_load_state(l).usual;

	(void)state;
	assert_true(usual > 0.03 && usual < 0.05);
	t = carry(l, t, 30, 950000, 0.15);
	assert_int_equal(judge(l), HEAT_WARM);
	t = carry(l, t, 30, 950000, 0.3);
	assert_int_equal(judge(l), HEAT_HOT);
	for (int64_t s = t; s < t + 3000; s++) {
		const struct series_point p = {.bytes = 950000, .amplified_first_bytes = 300000};

		link_load_add(l, s, &p);
		(void)link_load_known(l, s, true);
	}
	assert_true(link_load_state(l).usual < 0.05);
	assert_int_equal(judge(l), HEAT_HOT);
	free(l);
}

/* The hour of the day decides: what is usual at night is not at noon. */
static void
test_hours(void **state)
{
	struct link_load *l = link_of(8000000);

	(void)state;
	carry(l, DAY0, 3600, 500000, 0.2);
	carry(l, DAY0 + 12 * 3600, 3600, 500000, 0.01);
	assert_true(link_load_state(l).usual < 0.02);
	carry(l, DAY0 + 24 * 3600, 40, 500000, 0.2);
	assert_true(link_load_state(l).usual > 0.15);
	free(l);
}

/* Two percent of the capacity more every ten seconds: full in five minutes; a burst alone is no trend. */
static void
test_trend(void **state)
{
	struct link_load *l = link_of(8000000);
	struct load_state s;
	int64_t t = DAY0;

	(void)state;
	for (int i = 0; i < 25; i++)
		t = carry(l, t, 10, 200000 + 20000 * (uint64_t)i, 0.5);
	s = link_load_state(l);
	assert_true(s.load > 0.6 && s.load < 0.72);
	assert_true(s.full_in_s > 150 && s.full_in_s < 190);
	assert_int_equal(judge(l), HEAT_HOT);
	link_load_restart(l);
	t = carry(l, t + 10, 290, 400000, 0.5);
	carry(l, t, 10, 700000, 0.5);
	assert_true(link_load_state(l).full_in_s < 0);
	assert_int_equal(judge(l), HEAT_COLD);
	free(l);
}

static void
test_no_capacity(void **state)
{
	struct link_load *l = link_of(0);

	(void)state;
	carry(l, DAY0, 60, 950000, 0.9);
	assert_null(link_load_now(l));
	assert_int_equal(judge(l), HEAT_COLD);
	free(l);
}

/* Of samples a share of 30 % must rest on some: 20 answers in 20 s, of 1 in 2 ten, of 1 in 5 four. */
static void
test_sampled(void **state)
{
	struct link_load *l = link_of(8000000);

	(void)state;
	carry(l, DAY0, 30, 950000, 0.3);
	assert_int_equal(judge_sampled(l, 1), HEAT_HOT);
	assert_int_equal(judge_sampled(l, 2), HEAT_HOT);
	assert_int_equal(judge_sampled(l, 5), HEAT_WARM);
	free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known), cmocka_unit_test(test_people), cmocka_unit_test(test_usual),
		cmocka_unit_test(test_hours), cmocka_unit_test(test_trend), cmocka_unit_test(test_no_capacity),
		cmocka_unit_test(test_sampled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
