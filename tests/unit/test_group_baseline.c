/* Weeks of made-up levels: what is ordinary for a host and for its group, in rhythms, holidays, growth and incidents; and
 * through the engine, whose level a host is judged by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/engine.h"
#include "detector/group_baseline.h"
#include "detector/state.h"
#include "tests/unit/detector_kit.h"

enum { HOUR = 3600, DAY = 86400, WEEK = 7 * DAY, MONDAY = 1775433600 /* 2026-04-06 */ };

/* --- a host over weeks ---------------------------------------------------------------------------------------- */

/* Business: workdays from eight to six, twenty times the night and the Sunday. */
static double
business(int64_t t)
{
	int64_t day = (t - MONDAY) / DAY % 7, hour = t % DAY / HOUR;

	return day < 5 && hour >= 8 && hour < 18 ? 100000 : 5000;
}

/* One day off in the fourth week. */
static double
holiday(int64_t t)
{
	return t >= MONDAY + 3 * WEEK + DAY && t < MONDAY + 3 * WEEK + 2 * DAY ? 5000 : business(t);
}

static double
growth(int64_t t)
{
	return business(t) * pow(1.2, (double)((t - MONDAY) / WEEK));
}

/* People's clocks go forward at the end of the third week: everything comes an hour earlier by UTC. */
static double
summer_time(int64_t t)
{
	return business(t < MONDAY + 3 * WEEK ? t : t + HOUR);
}

static void
minute(struct baseline_row *r, int64_t t, double rate, bool frozen)
{
	r->rate[RATE_BYTES] = rate;
	r->rate[RATE_PACKETS] = rate / 200;
	baseline_learn(r, t, 60, frozen);
}

/* The highest multiple of what was expected, from one time to another. */
static double
most(struct baseline_row *r, int64_t from, int64_t to, double (*rate)(int64_t))
{
	double top = 0;

	for (int64_t t = from + 60; t <= to; t += 60) {
		double multiple = rate(t - 1) / baseline_expected(r, t).rate[RATE_BYTES];

		top = multiple > top ? multiple : top;
		minute(r, t, rate(t - 1), false);
	}
	return top;
}

static void
test_weeks(void **state)
{
	struct baseline_row r = {.used = true};
	struct expected x;

	(void)state;
	/* the first Monday is a surprise, no later one is */
	r = (struct baseline_row){.used = true};
	assert_true(most(&r, MONDAY - DAY, MONDAY + 12 * HOUR, business) > 19);
	assert_true(most(&r, MONDAY + 12 * HOUR, MONDAY + WEEK, business) < 20.01);
	assert_true(most(&r, MONDAY + WEEK, MONDAY + 4 * WEEK, business) < 1.01);
	x = baseline_expected(&r, MONDAY + 4 * WEEK + 9 * HOUR);
	assert_int_equal(x.weeks, 4);
	/* a hundred times at its busiest, and by night */
	assert_true(100 * business(MONDAY + 9 * HOUR) / x.rate[RATE_BYTES] > 99);
	assert_true(100 * business(MONDAY + 2 * HOUR) / baseline_expected(&r, MONDAY + 4 * WEEK + 2 * HOUR).rate[RATE_BYTES] > 4.9);
	/* Sunday night is judged as such once the last hour is, too */
	assert_true(most(&r, MONDAY + 4 * WEEK, MONDAY + 5 * WEEK - 12 * HOUR, business) < 1.01);
	assert_true(100 * business(MONDAY - HOUR * 12) / baseline_expected(&r, MONDAY + 5 * WEEK - 12 * HOUR).rate[RATE_BYTES] > 99);
}

static void
test_holiday(void **state)
{
	struct baseline_row r = {.used = true};

	(void)state;
	(void)most(&r, MONDAY, MONDAY + 3 * WEEK, holiday);
	/* neither the quiet day nor the one after it */
	assert_true(most(&r, MONDAY + 3 * WEEK, MONDAY + 5 * WEEK, holiday) < 1.5);
}

static void
test_growth(void **state)
{
	struct baseline_row r = {.used = true};
	double level;

	(void)state;
	(void)most(&r, MONDAY, MONDAY + WEEK, growth);
	assert_true(most(&r, MONDAY + WEEK, MONDAY + 12 * WEEK, growth) < 2);
	level = growth(MONDAY + 12 * WEEK + 9 * HOUR - 1);
	assert_true(100 * level / baseline_expected(&r, MONDAY + 12 * WEEK + 9 * HOUR).rate[RATE_BYTES] > 100);
}

static void
test_summer_time(void **state)
{
	struct baseline_row r = {.used = true};

	(void)state;
	(void)most(&r, MONDAY, MONDAY + 3 * WEEK, summer_time);
	assert_true(most(&r, MONDAY + 3 * WEEK, MONDAY + 6 * WEEK, summer_time) < 1.5);
}

/* --- a group --------------------------------------------------------------------------------------------------- */

enum { HOSTS = 10 };

/* Ten hosts around a level, a factor of 1.1 between neighbours; what they learned goes into the group each hour. */
static void
together(struct baseline_row row[HOSTS], struct group_baseline *g, int64_t from, int64_t to, int attacked)
{
	for (int64_t t = from + 60; t <= to; t += 60) {
		uint16_t level[HOSTS][BASELINE_RATES];
		size_t n = 0;

		for (int i = 0; i < HOSTS; i++)
			minute(&row[i], t, business(t - 1) * pow(1.1, i - HOSTS / 2.0) * (i < attacked ? 300 : 1), i < attacked);
		if (t % HOUR != 60)
			continue;
		for (int i = 0; i < HOSTS; i++)
			if (row[i].closed == t / HOUR - 1)
				memcpy(level[n++], row[i].level, sizeof(level[0]));
		group_baseline_learn(g, (uint32_t)(t / HOUR - 1), level, n);
	}
}

static void
test_group(void **state)
{
	struct baseline_row *row = calloc(HOSTS, sizeof(*row));
	struct group_baseline g = {0}, h = {0}, before;
	struct group_expected x;
	struct cursor c;
	struct buf out;

	(void)state;
	assert_non_null(row);
	assert_int_equal(group_baseline_expected(&g, MONDAY).members, 0);
	together(row, &g, MONDAY, MONDAY + 2 * WEEK, 0);
	x = group_baseline_expected(&g, MONDAY + 2 * WEEK + 9 * HOUR);
	assert_int_equal(x.members, HOSTS);
	assert_int_equal(x.weeks, 2);
	assert_true(fabs(x.rate[RATE_BYTES] / (100000 * pow(1.1, -0.5)) - 1) < 0.01);
	/* the MAD of ten steps of 1.1 is 2.5 of them: six deviations are 1.1 to the 22nd, eight times */
	assert_true(x.limit / x.rate[RATE_BYTES] > 7 && x.limit / x.rate[RATE_BYTES] < 11);
	x = group_baseline_expected(&g, MONDAY + 3 * WEEK - 12 * HOUR); /* Sunday noon */
	assert_true(x.rate[RATE_BYTES] < 5500);
	/* two of ten are under attack for a week: the other eight go on teaching */
	before = g;
	together(row, &g, MONDAY + 2 * WEEK, MONDAY + 2 * WEEK + DAY / 2, 2);
	assert_int_equal(g.members, HOSTS - 2);
	x = group_baseline_expected(&g, MONDAY + 3 * WEEK + 9 * HOUR);
	assert_true(x.rate[RATE_BYTES] < 1.2 * 100000);
	/* three of ten: too few are left, so nothing is learned */
	g = before;
	together(row, &g, MONDAY + 2 * WEEK + DAY / 2 + HOUR, MONDAY + 2 * WEEK + DAY, 3);
	assert_memory_equal(&g, &before, sizeof(g));
	buf_init(&out, 1 << 20);
	group_baseline_save(&g, &out);
	c = cursor_view(out.p, out.len);
	group_baseline_load(&h, &c);
	assert_false(c.bad);
	assert_int_equal(cursor_left(&c), 0);
	assert_memory_equal(&g, &h, sizeof(g));
	for (size_t n = 0; n < out.len; n += 7) { /* cut short anywhere: told, never read past */
		c = cursor_view(out.p, n);
		group_baseline_load(&h, &c);
		assert_true(c.bad);
	}
	buf_done(&out);
	free(row);
}

/* --- through the engine ------------------------------------------------------------------------------------------ */

#define T0 (INT64_C(1775952000) * NS_PER_S)
enum { MEMORY = 64 << 20, FORWARDER = 0x0a400101, POOL = 0x0a400201 };

struct heard {
	size_t opened;
	struct alert first;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (a->action == ALERT_OPENED && h->opened++ == 0)
		h->first = *a;
}

/* Ten forwarders, and a pool of two addresses that 300 people share each. */
static struct engine *
start(struct heard *h, uint64_t seed, bool pool_first)
{
	static struct detect_settings settings;
	const struct addr f = kit_addr(FORWARDER & ~255u), p = kit_addr(POOL & ~255u);
	const struct prefix forwarders = {f, 120}, pool = {p, 120}, ours = {f, 112};
	struct engine_group group[2] = {{.name = "forwarders", .kind = GROUP_FORWARDERS, .member = &forwarders, .members_n = 1},
		{.name = "pool", .kind = GROUP_CGNAT, .subscribers = 300, .member = &pool, .members_n = 1}}, swap;
	const struct engine_sink sink = {hear, h};
	struct engine_config c = {.seed = seed, .memory_bytes = MEMORY, .settings = &settings, .network = &ours, .networks_n = 1,
		.group = group, .groups_n = 2};
	char why[200] = "";
	struct engine *e;

	detect_settings_defaults(&settings);
	settings.anomaly.other_average = settings.anomaly.other_lasting = 60;
	group[0].settings = group[1].settings = settings;
	if (pool_first) {
		swap = group[0];
		group[0] = group[1];
		group[1] = swap;
	}
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	return e;
}

/* A minute in which a host sends so many packets of 1000 bytes, told of when it is over. */
static void
send(struct engine *e, int64_t minute, uint32_t host, uint64_t packets)
{
	int64_t end = T0 + minute * 60 * NS_PER_S + (host & 31) * NS_PER_S;
	const struct flow f = {.start_ns = end - 60 * NS_PER_S, .end_ns = end, .seen_ns = end, .src = kit_addr(host),
		.dst = kit_addr(0xcb007101), .packets = packets, .bytes = packets * 1000, .sampling = 1, .sport = 40000, .dport = 8080,
		.proto = FLOW_UDP, .flags = FLOW_RECORD};
	struct engine_run run;
	struct flow_key key;

	engine_keys(e, &f, 1, &key);
	run = engine_begin(e, &f, 1);
	if (run.n > 0)
		engine_ingest(e, &f, &key, 1);
}

/* Everybody at the level of every day, ten forwarders at 6000 packets a minute. */
static void
ordinary(struct engine *e, int64_t from, int64_t to)
{
	for (int64_t m = from; m < to; m++)
		for (uint32_t i = 0; i < HOSTS; i++)
			send(e, m, FORWARDER + i, 6000);
}

static double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *x = alert_evidence(a, k);

	assert_non_null(x);
	return x->value;
}

/* Two hours of everybody, then one more at a hundred times from its first minute on: it has no level of its own, and does
 * not get this one. */
static void
test_young(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1, false);

	(void)state;
	memset(&h, 0, sizeof(h));
	ordinary(e, 0, 140);
	assert_int_equal(h.opened, 0);
	for (int64_t m = 140; m < 200; m++) {
		ordinary(e, m, m + 1);
		send(e, m, FORWARDER + 20, 600000);
	}
	assert_int_equal(h.opened, 1);
	assert_int_equal(h.first.kind, KIND_TRAFFIC_ANOMALY);
	assert_true(fabs(figure(&h.first, EV_MULTIPLE) - 100) < 5);
	assert_int_equal((int)figure(&h.first, EV_BASELINE_HOSTS), HOSTS);
	assert_non_null(strstr(h.first.message, "for the 10 hosts of its group"));
	engine_finish(e);
	engine_free(e);
}

/* One of the pool of two: too few for a group of their own, so by hosts in general, of whom it is three hundred. */
static void
test_small_group(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1, false);

	(void)state;
	memset(&h, 0, sizeof(h));
	ordinary(e, 0, 140);
	for (int64_t m = 140; m < 200; m++) {
		ordinary(e, m, m + 1);
		send(e, m, POOL, 600000); /* a hundred times one of them: people together */
	}
	assert_int_equal(h.opened, 0);
	for (int64_t m = 200; m < 260; m++) {
		ordinary(e, m, m + 1);
		send(e, m, POOL + 1, 6000 * 300 * 50);
	}
	assert_int_equal(h.opened, 1);
	assert_true(fabs(figure(&h.first, EV_MULTIPLE) - 50) < 3);
	assert_non_null(strstr(h.first.message, "hosts like it"));
	engine_finish(e);
	engine_free(e);
}

/* What a group has learned serves the next run, under another seed and with the groups in another order. */
static void
test_restart(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1, false);
	char why[200] = "";
	struct buf b;

	(void)state;
	memset(&h, 0, sizeof(h));
	ordinary(e, 0, 140);
	engine_pause(e);
	buf_init(&b, STATE_MAX);
	engine_state_save(e, &b);
	engine_free(e);
	e = start(&h, 2, true);
	assert_int_equal(engine_state_load(e, b.p, b.len, why, sizeof(why)), 0);
	buf_done(&b);
	engine_blind(e, T0 + 150 * 60 * NS_PER_S);
	for (int64_t m = 152; m < 220; m++) {
		ordinary(e, m, m + 1);
		send(e, m, FORWARDER + 20, 600000);
	}
	assert_int_equal(h.opened, 1);
	assert_non_null(strstr(h.first.message, "for the 10 hosts of its group"));
	engine_finish(e);
	engine_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weeks), cmocka_unit_test(test_holiday), cmocka_unit_test(test_growth),
		cmocka_unit_test(test_summer_time), cmocka_unit_test(test_group), cmocka_unit_test(test_young),
		cmocka_unit_test(test_small_group), cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
