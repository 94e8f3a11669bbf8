/* The tables of days: ledger, names, baselines; each alone. */
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
#include "detector/baseline.h"
#include "detector/detector.h"
#include "detector/ledger.h"
#include "detector/drawn.h"
#include "tests/unit/detector_kit.h"

enum { DAY = 86400, T0 = 1775952000 }; /* midnight, a Sunday */

/* --- ledger --------------------------------------------------------------------------------------------- */

static struct alert
abuse(uint32_t host)
{
	struct alert a = {.kind = KIND_DNS_AMPLIFICATION_ABUSER, .role = ROLE_ABUSER};

	a.subject.prefix = (struct prefix){kit_addr(host), 128};
	return a;
}

static const struct ledger_row *
gain(struct ledger *l, uint32_t host, int64_t from, int64_t to, uint64_t queries, bool opened)
{
	const struct alert a = abuse(host);
	const struct ledger_gain g = {.from_s = from, .to_s = to, .queries = queries, .bytes = queries * 4000, .opened = opened};

	return ledger_add(l, &a, &g);
}

static void
test_ledger_counts(void **state)
{
	const struct ledger_row *r;
	struct ledger l;
	struct alert a = abuse(1);

	(void)state;
	assert_int_equal(ledger_init(&l, 1), 0);
	r = gain(&l, 1, T0 + 10, T0 + 20, 5, true);
	assert_int_equal(r->hours, 1);
	assert_int_equal(r->days, 1);
	/* within the hour, over its end, over midnight */
	gain(&l, 1, T0 + 20, T0 + 3599, 5, false);
	assert_int_equal(r->hours, 1);
	gain(&l, 1, T0 + 3599, T0 + 3600, 5, false);
	assert_int_equal(r->hours, 2);
	gain(&l, 1, T0 + DAY - 100, T0 + DAY + 3700, 5, true);
	assert_int_equal(r->hours, 5);
	assert_int_equal(r->days, 2);
	/* a late line of an hour that was counted */
	gain(&l, 1, T0 + DAY, T0 + DAY + 10, 5, false);
	assert_int_equal(r->hours, 5);
	assert_int_equal(r->days, 2);
	assert_int_equal(r->alerts, 2);
	assert_int_equal(r->queries, 25);
	assert_int_equal(r->bytes, 100000);
	assert_int_equal(r->first_s, T0 + 10);
	assert_int_equal(r->last_s, T0 + DAY + 3700);
	/* a week later it is worth half */
	assert_true(fabs(ledger_worth(r, r->last_s + 7 * DAY) - ledger_worth(r, r->last_s) / 2) < 1e-9);
	/* what is no amplification, or about no host, is not in it */
	a.kind = KIND_EXPORTER_HEALTH;
	assert_null(ledger_add(&l, &a, &(struct ledger_gain){.from_s = T0, .to_s = T0}));
	/* an IPv6 customer is one, whatever the address; hosts of a prefix together are none */
	a = abuse(2);
	a.subject = (struct subject){.type = SUBJECT_PREFIX, .prefix = {kit_addr(2), 64}};
	assert_null(ledger_add(&l, &a, &(struct ledger_gain){.from_s = T0, .to_s = T0}));
	alert_evidence_add(&a, EV_ADDRESSES, 12, 12);
	r = ledger_add(&l, &a, &(struct ledger_gain){.from_s = T0, .to_s = T0, .queries = 3});
	assert_non_null(r);
	assert_int_equal(r->bits, 64);
	a = abuse(1);
	a.subject.type = SUBJECT_LINK;
	assert_null(ledger_add(&l, &a, &(struct ledger_gain){.from_s = T0, .to_s = T0}));
	ledger_done(&l);
}

/* Many more than it holds: those who cost most are still there. */
static void
test_ledger_bound(void **state)
{
	const struct ledger_row *list[64];
	struct ledger l, m;
	struct cursor c;
	struct buf b;
	size_t n;

	(void)state;
	assert_int_equal(ledger_init(&l, 1), 0);
	assert_int_equal(ledger_init(&m, 77), 0);
	for (uint32_t i = 0; i < 50; i++)
		gain(&l, 0x0a000000 + i, T0, T0 + 60, 1000000 + i, true);
	for (uint32_t i = 0; i < 300000; i++)
		gain(&l, 0x0b000000 + i, T0 + 60 + i / 1000, T0 + 61 + i / 1000, 1 + i % 7, true);
	assert_in_range(l.n, 1, LEDGER_ROWS);
	assert_int_equal(l.n + l.evicted, 300050);
	n = ledger_list(&l, T0 + 1000, list, 64);
	assert_int_equal(n, 64);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(list[i]->queries, 1000049 - i);
	/* saved and loaded under another seed: the same rows, in the same bytes when nothing had to leave */
	buf_init(&b, 64 << 20);
	ledger_save(&l, T0 + 1000, &b);
	c = cursor_view(b.p, b.len);
	ledger_load(&m, &c);
	assert_false(c.bad);
	assert_int_equal(cursor_left(&c), 0);
	n = ledger_list(&m, T0 + 1000, list, 64);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(list[i]->queries, 1000049 - i);
	/* and after a year of silence nothing is saved */
	buf_reset(&b);
	ledger_save(&l, T0 + 366 * (int64_t)DAY + 1000, &b);
	assert_in_range(b.len, 1, 8);
	buf_done(&b);
	ledger_done(&l);
	ledger_done(&m);
}

/* --- names -------------------------------------------------------------------------------------------------- */

static struct name_slot
name_of(uint32_t i)
{
	struct name_slot s = {.qtype = DNS_ANY, .len = 10};

	memcpy(s.wire, "\10aaaaaaaa", 10); /* the root label is the zero behind it */
	for (int k = 0; k < 8; k++)
		s.wire[1 + k] = (uint8_t)('a' + (i >> (4 * k) & 15));
	return s;
}

static void
test_names(void **state)
{
	const struct name_row *list[DRAWN_ROWS];
	struct drawn t, u;
	struct name_slot big = name_of(0xabcdef);
	struct cursor c;
	struct buf b;
	size_t n;

	(void)state;
	assert_int_equal(drawn_init(&t, 3), 0);
	assert_int_equal(drawn_init(&u, 4), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct pair_name a = {.large = 2, .matched = 2, .repeat = 2, .bytes = 8314, .query_bytes = 130, .size = 8178};
		const struct addr client = kit_addr(0x0a000000 + i % 40);

		drawn_take(&t, &client, &a, &big, T0 + i);
	}
	for (uint32_t i = 0; i < 20000; i++) {
		const struct pair_name a = {.large = 1, .matched = 1, .bytes = 1200, .query_bytes = 60, .size = 1170};
		const struct addr client = kit_addr(0x0a000000 + i);
		const struct name_slot s = name_of(i);

		drawn_take(&t, &client, &a, &s, T0 + 1000 + i / 100);
	}
	assert_in_range(t.n, 1, DRAWN_ROWS);
	assert_int_equal(t.n + t.evicted, 20001);
	n = drawn_list(&t, T0 + 2000, list, DRAWN_ROWS);
	assert_int_equal(n, t.n);
	assert_true(name_misused(list[0]));
	assert_false(name_misused(list[1]));
	assert_int_equal(list[0]->large, 2000);
	assert_true(fabs(name_clients(list[0]) - 40) <= 3);
	assert_true(fabs(name_baf(list[0]) - 8314.0 / 130) < 1e-9);
	buf_init(&b, 16 << 20);
	drawn_save(&t, &b);
	c = cursor_view(b.p, b.len);
	drawn_load(&u, &c);
	assert_false(c.bad);
	/* the same clients again, in another process: still forty */
	for (uint32_t i = 0; i < 40; i++) {
		const struct pair_name a = {.large = 1};
		const struct addr client = kit_addr(0x0a000000 + i);

		drawn_take(&u, &client, &a, &big, T0 + 3000);
	}
	drawn_list(&u, T0 + 3000, list, DRAWN_ROWS);
	assert_true(fabs(name_clients(list[0]) - 40) <= 3);
	buf_done(&b);
	drawn_done(&t);
	drawn_done(&u);
}

static void
test_wire(void **state)
{
	(void)state;
	assert_true(name_wire_sound((const uint8_t *)"", 1));
	assert_true(name_wire_sound((const uint8_t *)"\3net", 5));
	assert_false(name_wire_sound((const uint8_t *)"\3net", 4));
	assert_false(name_wire_sound((const uint8_t *)"\4net", 5));
	assert_false(name_wire_sound((const uint8_t *)"\300\0", 2));
	assert_false(name_wire_sound((const uint8_t *)"\0\0", 2));
	assert_false(name_wire_sound((const uint8_t *)"", 0));
}

/* --- baselines ----------------------------------------------------------------------------------------------- */

static void
test_codes(void **state)
{
	(void)state;
	assert_int_equal(rate_code(0), 0);
	for (double r = 1; r < 1e12; r *= 1.7)
		assert_true(fabs(rate_of_code(rate_code(r)) / r - 1) < 0.001);
	assert_int_equal(week_hour(T0), 6 * 24); /* Sunday, Monday being the first day */
	assert_int_equal(week_hour(T0 + DAY), 0);
	assert_int_equal(week_hour(T0 + DAY - 1), WEEK_HOURS - 1);
}

static double
daily(int64_t t)
{
	double hour = (double)(t % DAY) / 3600;

	return 100000 * (1.2 + sin((hour - 9) / 24 * 2 * 3.14159265));
}

static void
pass(struct baseline_row *r, int64_t from, int64_t to, double (*rate)(int64_t), double factor, bool frozen)
{
	for (int64_t t = from + 10; t <= to; t += 10) {
		r->rate[RATE_BYTES] = rate(t) * factor;
		r->rate[RATE_PACKETS] = r->rate[RATE_BYTES] / 200;
		baseline_learn(r, t, 10, frozen);
	}
}

/* Two weeks of a daily rhythm: what is expected is right at every hour, and a night does not make the morning a surprise. */
static void
test_rhythm(void **state)
{
	struct baseline_row r = {.used = true};
	double most = 0;

	(void)state;
	pass(&r, T0, T0 + 14 * DAY, daily, 1, false);
	for (int64_t t = T0 + 14 * DAY + 1800; t < T0 + 15 * DAY; t += 3600) {
		struct expected x = baseline_expected(&r, t);

		/* never below what comes, and at most what the neighbouring hours and the last hour hold */
		assert_true(daily(t) / x.rate[RATE_BYTES] < 1.1);
		if (daily(t) / x.rate[RATE_BYTES] > most)
			most = daily(t) / x.rate[RATE_BYTES];
		assert_true(x.spread[RATE_BYTES] < 0.5 * x.rate[RATE_BYTES] + 20000);
		pass(&r, t - 1800, t + 1800, daily, 1, false);
	}
	assert_true(most > 0.3);
}

/* An hour at three hundred times moves nothing while it is frozen; after a day of it, it is ordinary. */
static void
test_frozen(void **state)
{
	struct baseline_row r = {.used = true};
	double before, after;
	int64_t t = T0 + 3 * DAY;

	(void)state;
	pass(&r, T0, t, daily, 1, false);
	before = baseline_expected(&r, t).rate[RATE_BYTES];
	pass(&r, t, t + 3600, daily, 300, true);
	after = baseline_expected(&r, t).rate[RATE_BYTES];
	assert_true(fabs(after / before - 1) < 1e-9);
	pass(&r, t + 3600, t + DAY, daily, 300, true);
	assert_in_range(r.minutes, 0, 1);
	/* nothing is known of it any more, so nobody holds it down */
	pass(&r, t + DAY, t + DAY + 1200, daily, 300, false);
	assert_true(baseline_expected(&r, t + DAY + 1200).rate[RATE_BYTES] > 50 * before);
}

/* More hosts than rows: those that send most stay, servers before others. */
static void
test_rows(void **state)
{
	struct baselines b, c;
	struct cursor cur;
	struct addr a;
	struct buf out;

	(void)state;
	assert_int_equal(baselines_init(&b, 1), 0);
	assert_int_equal(baselines_init(&c, 2), 0);
	for (uint32_t i = 0; i < BASELINE_ROWS; i++) {
		struct baseline_row *r;

		a = kit_addr(0x0a000000 + i);
		r = baseline_get(&b, &a, 10);
		assert_non_null(r);
		r->mean[RATE_BYTES] = 1000 + i;
		r->server = i < 10;
	}
	a = kit_addr(0x0b000001);
	assert_null(baseline_get(&b, &a, 500));
	assert_non_null(baseline_get(&b, &a, 5000));
	assert_int_equal(b.evicted, 1);
	a = kit_addr(0x0a000000);
	assert_non_null(baseline_find(&b, &a)); /* a server, though it sends least */
	a = kit_addr(0x0a00000a);
	assert_null(baseline_find(&b, &a));
	buf_init(&out, 64 << 20);
	baselines_save(&b, &out);
	cur = cursor_view(out.p, out.len);
	baselines_load(&c, &cur);
	assert_false(cur.bad);
	assert_int_equal(c.n, BASELINE_ROWS);
	a = kit_addr(0x0a000123);
	assert_true(baseline_find(&c, &a)->mean[RATE_BYTES] == 1000 + 0x123);
	buf_done(&out);
	baselines_done(&b);
	baselines_done(&c);
}

/* --- the judge -------------------------------------------------------------------------------------------------- */

static enum heat
judged(const struct level *l)
{
	static struct detect_settings settings;
	const struct judge_env env = {.settings = &settings};
	const struct watch w = {.service = SERVICE_LEVEL, .side = SIDE_SERVER, .sampling = 1, .level = *l};
	struct verdict v;

	detect_settings_defaults(&settings);
	detector_anomaly.judge(&env, &w, &v);
	return v.heat;
}

static void
test_judge(void **state)
{
	const struct level resolver = {.rate = {2500000, 3000, 3000}, .expected = {25000, 30, 30}, .group = 1, .above_s = 60,
		.history_s = 600, .server = true};
	struct level l = resolver;

	(void)state;
	assert_int_equal(judged(&l), HEAT_HOT);
	l.above_s = 50; /* a rush of a minute */
	assert_int_equal(judged(&l), HEAT_WARM);
	l = resolver;
	l.history_s = 540;
	assert_int_equal(judged(&l), HEAT_WARM);
	l = resolver;
	l.group = 30; /* all of them rose, but more than eight times is no day's doing */
	assert_int_equal(judged(&l), HEAT_HOT);
	l.group = 8;
	l.expected[0] = 2500000 / 39;
	assert_int_equal(judged(&l), HEAT_WARM);
	l.expected[0] = 2500000 / 41;
	assert_int_equal(judged(&l), HEAT_HOT);
	l = resolver;
	l.explained = true;
	assert_int_equal(judged(&l), HEAT_COLD);
	l = resolver;
	l.rate[0] = 19 * 25000;
	assert_int_equal(judged(&l), HEAT_WARM);
	l.rate[0] = 10 * 25000;
	assert_int_equal(judged(&l), HEAT_COLD);
	l = (struct level){.rate = {2500, 40, 40}, .expected = {25, 0.3, 0.3}, .group = 1, .above_s = 600, .history_s = 6000, .server = true};
	assert_int_equal(judged(&l), HEAT_COLD); /* a hundred times next to nothing */
	/* no DNS server: a speed test on a quiet line, and a file server gone wild */
	l = resolver;
	l.server = false;
	l.above_s = 3600;
	assert_int_not_equal(judged(&l), HEAT_HOT);
	l.expected[0] = 200000;
	l.rate[0] = 20000000;
	assert_int_equal(judged(&l), HEAT_HOT);
	l.above_s = 300;
	assert_int_equal(judged(&l), HEAT_WARM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ledger_counts), cmocka_unit_test(test_ledger_bound), cmocka_unit_test(test_names),
		cmocka_unit_test(test_wire), cmocka_unit_test(test_codes), cmocka_unit_test(test_rhythm), cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_rows), cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
