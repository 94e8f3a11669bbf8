/* Each judge around its thresholds, by watches made by hand; the statistics and the settings they use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "detector/detector.h"
#include "tests/unit/detector_kit.h"

struct bench {
	struct detect_settings settings;
	struct judge_env env;
	struct watch w;
};

static void
sources(struct watch *w, uint32_t n)
{
	uint64_t seed = 1;

	memset(w->peers, 0, sizeof(w->peers));
	for (uint32_t i = 0; i < n; i++)
		hll_add(&w->peers[0], kit_random(&seed));
}

static void
bench_init(struct bench *b, uint8_t service, const struct cell *c, enum watch_window window)
{
	memset(b, 0, sizeof(*b));
	detect_settings_defaults(&b->settings);
	b->env = (struct judge_env){.settings = &b->settings, .tick = 1000, .queries_seen = true};
	b->w.addr = kit_addr(0x0a000001);
	b->w.service = service;
	b->w.sampling = 1;
	b->w.last_tick = 1000;
	b->w.first_tick = 1000 - c->ticks + 1;
	b->w.recent_ns[1] = 1000000000; /* two active seconds are no burst over an edge */
	b->w.last_ns = 2000000000;
	b->w.total = *c;
	b->w.sum[window] = *c;
}

static struct verdict
judge(const struct detector *d, struct bench *b)
{
	struct verdict v = {0};

	d->judge(&b->env, &b->w, &v);
	return v;
}

/* A cell of `large` answers of 4,000 bytes, `matched` of them by queries of 65. */
static struct cell
dns_cell(uint32_t large, uint32_t matched, uint32_t repeat, uint32_t ticks)
{
	return (struct cell){.queries = matched, .answers = large, .answer_packets = large, .large = large, .matched = matched,
		.repeat = repeat, .ticks = ticks, .large_bytes = UINT64_C(4000) * large, .large_size = UINT64_C(3900) * large,
		.large_query_bytes = UINT64_C(65) * matched};
}

static void
check(const struct detector *d, uint8_t service, struct cell c, uint32_t from, enum watch_window window, enum heat want)
{
	struct bench b;
	struct verdict v;

	bench_init(&b, service, &c, window);
	sources(&b.w, from);
	v = judge(d, &b);
	assert_int_equal(v.heat, want);
	if (want == HEAT_HOT)
		for (size_t i = 0; i < v.n; i++)
			assert_true(v.signals[i].met || !v.signals[i].required);
	/* whatever the figures: never for those who shall never be named */
	b.w.flags = HOST_NEVER;
	assert_int_equal(judge(d, &b).heat, HEAT_COLD);
	assert_int_equal(v.role != ROLE_ABUSER, d != &detector_abuser);
}

static void
abuser(struct cell c, enum watch_window window, enum heat want)
{
	check(&detector_abuser, SERVICE_DNS, c, 1, window, want);
}

/* One sample in a second stands for ten answers, but not for ten in that second. */
static void
test_pace_of_samples(void **state)
{
	struct bench b;
	struct cell c = dns_cell(300, 300, 0, 30);
	struct pace pace;

	(void)state;
	bench_init(&b, SERVICE_DNS, &c, WINDOW_LONG);
	pace = pace_of(&b.env, &b.w, 300, 30, 300);
	assert_true(pace.rate == 10 && pace.low == 10);
	b.w.sampling = 10;
	b.w.first_tick = 1000 - 299;
	pace = pace_of(&b.env, &b.w, 300, 30, 300);
	assert_true(pace.rate == 1 && pace.low > 0.5 && pace.low < 0.6); /* 30 seen: 30 - 2.58 * sqrt(30) */
	b.w.first_tick = 1000 - 9;
	pace = pace_of(&b.env, &b.w, 300, 10, 300);
	assert_true(pace.rate == 30 && pace.low > 15);
	assert_true(pace_of(&b.env, &b.w, 10, 1, 300).low == 0);
}

static void
test_abuser(void **state)
{
	struct cell c;
	struct bench b;

	(void)state;
	abuser(dns_cell(10, 10, 10, 2), WINDOW_SHORT, HEAT_HOT);
	abuser(dns_cell(9, 9, 9, 2), WINDOW_SHORT, HEAT_WARM);
	abuser(dns_cell(2, 2, 2, 2), WINDOW_SHORT, HEAT_COLD);
	abuser(dns_cell(10, 10, 10, 1), WINDOW_SHORT, HEAT_WARM);   /* one second, and not much of it */
	abuser(dns_cell(100, 100, 99, 1), WINDOW_SHORT, HEAT_HOT);  /* one second that is enough */
	abuser(dns_cell(10, 10, 8, 2), WINDOW_SHORT, HEAT_WARM);    /* lower bound of 8 in 10 is 0.40 */
	abuser(dns_cell(100, 80, 100, 5), WINDOW_SHORT, HEAT_HOT);
	abuser(dns_cell(100, 79, 100, 5), WINDOW_SHORT, HEAT_WARM);
	abuser(dns_cell(100, 59, 100, 5), WINDOW_SHORT, HEAT_COLD);
	/* ten times the query and just below */
	c = dns_cell(100, 100, 100, 5);
	c.large_bytes = 65000;
	abuser(c, WINDOW_SHORT, HEAT_HOT);
	c.large_bytes = 64999;
	abuser(c, WINDOW_SHORT, HEAT_WARM);
	c.large_bytes = 48749;
	abuser(c, WINDOW_SHORT, HEAT_COLD);
	/* ANY, five times a second, needs no repeats */
	c = dns_cell(25, 25, 0, 5);
	c.any_queries = 25;
	abuser(c, WINDOW_SHORT, HEAT_HOT);
	c.any_queries = 24;
	abuser(c, WINDOW_SHORT, HEAT_WARM);
	/* the long window needs twice as many, and something in the last minute */
	abuser(dns_cell(12, 12, 12, 2), WINDOW_LONG, HEAT_HOT);
	abuser(dns_cell(11, 11, 11, 2), WINDOW_LONG, HEAT_WARM);
	c = dns_cell(20, 20, 20, 20);
	bench_init(&b, SERVICE_DNS, &c, WINDOW_LONG);
	b.w.last_tick = b.env.tick - 12; /* twelve times its mean gap */
	b.w.first_tick = b.w.last_tick - 19;
	assert_int_equal(judge(&detector_abuser, &b).window_s, 300);
	b.w.last_tick--;
	b.w.first_tick--;
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_COLD);
	/* two seconds that are one burst over the edge between them */
	c = dns_cell(10, 10, 10, 2);
	bench_init(&b, SERVICE_DNS, &c, WINDOW_SHORT);
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_HOT);
	b.w.last_ns = b.w.recent_ns[1] + 700000000;
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_WARM);
	/* people behind one address: few large answers, for many names */
	c = dns_cell(20, 20, 20, 5);
	c.answers = 101;
	bench_init(&b, SERVICE_DNS, &c, WINDOW_SHORT);
	b.w.name[0].count = 9;
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_WARM);
	b.w.name[0].count = 10;
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_HOT);
	/* thousands of names in turn, and nothing else: only of our own */
	c = dns_cell(100, 100, 0, 50);
	bench_init(&b, SERVICE_DNS, &c, WINDOW_LONG);
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_WARM);
	b.w.flags = HOST_OURS;
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_HOT);
	b.w.last_tick = b.env.tick;
	b.w.flags = HOST_RESOLVER;
	assert_int_equal(judge(&detector_abuser, &b).heat, HEAT_COLD);
}

static void
victim(struct cell c, uint32_t from, enum watch_window window, enum heat want)
{
	check(&detector_victim, SERVICE_DNS, c, from, window, want);
}

static void
test_victim(void **state)
{
	struct cell c = dns_cell(50, 0, 0, 2);
	struct bench b;

	(void)state;
	victim(c, 12, WINDOW_SHORT, HEAT_HOT);
	victim(c, 12, WINDOW_LONG, HEAT_HOT);
	victim(c, 8, WINDOW_SHORT, HEAT_WARM); /* few sources, nothing repeats */
	victim(dns_cell(50, 0, 40, 2), 1, WINDOW_SHORT, HEAT_WARM);
	victim(dns_cell(49, 0, 0, 2), 12, WINDOW_SHORT, HEAT_WARM);
	victim(dns_cell(12, 0, 0, 2), 12, WINDOW_SHORT, HEAT_COLD);
	victim(dns_cell(50, 0, 0, 1), 12, WINDOW_SHORT, HEAT_WARM);
	victim(dns_cell(500, 0, 0, 1), 12, WINDOW_SHORT, HEAT_HOT);
	victim(dns_cell(100, 10, 0, 2), 12, WINDOW_SHORT, HEAT_HOT);
	victim(dns_cell(100, 11, 0, 2), 12, WINDOW_SHORT, HEAT_WARM);
	victim(dns_cell(100, 33, 0, 2), 12, WINDOW_SHORT, HEAT_COLD);
	bench_init(&b, SERVICE_DNS, &c, WINDOW_SHORT);
	/* where names are seen, the same one must come again; many sources alone are a recursor's */
	sources(&b.w, 12);
	b.w.name[0].count = 50;
	assert_int_equal(judge(&detector_victim, &b).heat, HEAT_WARM);
	b.w.sum[WINDOW_SHORT].repeat = 40;
	assert_int_equal(judge(&detector_victim, &b).heat, HEAT_HOT);
	assert_null(judge(&detector_victim, &b).note);
	b.env.queries_seen = false;
	assert_non_null(judge(&detector_victim, &b).note);
}

static void
test_reflector(void **state)
{
	struct cell c = dns_cell(50, 50, 0, 2);

	(void)state;
	for (int window = 0; window < WATCH_WINDOWS; window++) {
		check(&detector_reflector, SERVICE_DNS, c, 1, (enum watch_window)window, HEAT_HOT);
		check(&detector_reflector, SERVICE_DNS, dns_cell(49, 49, 0, 2), 1, (enum watch_window)window, HEAT_WARM);
	}
	check(&detector_reflector, SERVICE_DNS, c, 40, WINDOW_SHORT, HEAT_COLD); /* many clients, each rarely */
	check(&detector_reflector, SERVICE_DNS, dns_cell(50, 50, 0, 1), 1, WINDOW_SHORT, HEAT_WARM);
	c.large_bytes = 50 * 65 * 5;
	check(&detector_reflector, SERVICE_DNS, c, 1, WINDOW_SHORT, HEAT_WARM); /* 65 kbit/s */
	c.large_bytes = 25000;
	c.large_query_bytes = 5000;
	check(&detector_reflector, SERVICE_DNS, c, 1, WINDOW_SHORT, HEAT_HOT); /* 100 kbit/s, five times */
	c.large_bytes--;
	check(&detector_reflector, SERVICE_DNS, c, 1, WINDOW_SHORT, HEAT_WARM);
}

static void
test_udp(void **state)
{
	uint8_t ntp = service_lookup(123);
	struct cell c = {.answers = 100, .answer_packets = 100, .answer_bytes = 20000, .ticks = 2};
	struct bench b;

	(void)state;
	check(&detector_udp_victim, ntp, c, 12, WINDOW_SHORT, HEAT_HOT);
	check(&detector_udp_victim, ntp, c, 8, WINDOW_SHORT, HEAT_WARM);
	c.answer_bytes = 19999;
	check(&detector_udp_victim, ntp, c, 12, WINDOW_SHORT, HEAT_WARM);
	c.answers = c.answer_packets = 1000; /* small answers, from very many */
	c.answer_bytes = 76000;
	check(&detector_udp_victim, ntp, c, 200, WINDOW_SHORT, HEAT_HOT);
	check(&detector_udp_victim, ntp, c, 50, WINDOW_SHORT, HEAT_WARM);
	c.matched = 101;
	check(&detector_udp_victim, ntp, c, 200, WINDOW_SHORT, HEAT_WARM);
	/* neighbours that answer a multicast question */
	c = (struct cell){.answers = 100, .answer_packets = 100, .answer_bytes = 40000, .ticks = 2};
	bench_init(&b, service_lookup(1900), &c, WINDOW_SHORT);
	sources(&b.w, 12);
	b.w.peer[0].addr = kit_addr(0x08080808);
	assert_int_equal(judge(&detector_udp_victim, &b).heat, HEAT_HOT);
	b.w.peer[0].addr = kit_addr(0x0a000002);
	assert_int_equal(judge(&detector_udp_victim, &b).heat, HEAT_COLD);

	c = (struct cell){.queries = 100, .query_bytes = 4000, .answers = 100, .answer_packets = 100, .answer_bytes = 20000,
		.ticks = 2};
	check(&detector_udp_reflector, ntp, c, 1, WINDOW_SHORT, HEAT_HOT);
	c.query_bytes = 4001;
	check(&detector_udp_reflector, ntp, c, 1, WINDOW_SHORT, HEAT_WARM);
	c.query_bytes = 8000;
	check(&detector_udp_reflector, ntp, c, 1, WINDOW_SHORT, HEAT_COLD);
}

static void
test_fragments(void **state)
{
	struct cell c = {.answers = 100, .answer_packets = 100, .answer_bytes = 40000, .ticks = 2};

	(void)state;
	check(&detector_fragment, SERVICE_FRAGMENT, c, 1, WINDOW_SHORT, HEAT_HOT);
	c.answer_bytes = 39999;
	check(&detector_fragment, SERVICE_FRAGMENT, c, 1, WINDOW_SHORT, HEAT_WARM);
	c.answer_bytes = 40000;
	c.matched = 100; /* heads are there: then many sources are needed */
	check(&detector_fragment, SERVICE_FRAGMENT, c, 1, WINDOW_SHORT, HEAT_COLD);
	check(&detector_fragment, SERVICE_FRAGMENT, c, 60, WINDOW_SHORT, HEAT_HOT);
	c.ticks = 3; /* 33 a second */
	check(&detector_fragment, SERVICE_FRAGMENT, c, 60, WINDOW_SHORT, HEAT_COLD);
}

static void
test_query_flood(void **state)
{
	struct cell c = {.queries = 4000, .large = 3200, .answers = 400, .ticks = 2};

	(void)state;
	check(&detector_query_flood, SERVICE_NONE, c, 0, WINDOW_SHORT, HEAT_HOT);
	c.large = 3199;
	check(&detector_query_flood, SERVICE_NONE, c, 0, WINDOW_SHORT, HEAT_WARM);
	c.large = 3200;
	c.answers = 401;
	check(&detector_query_flood, SERVICE_NONE, c, 0, WINDOW_SHORT, HEAT_WARM);
	c.answers = 0;
	c.queries = 3999;
	check(&detector_query_flood, SERVICE_NONE, c, 0, WINDOW_SHORT, HEAT_WARM);
	c.queries = 2999;
	check(&detector_query_flood, SERVICE_NONE, c, 0, WINDOW_SHORT, HEAT_COLD);
	c = (struct cell){.queries = 8000, .large = 8000, .ticks = 1};
	check(&detector_query_flood, SERVICE_NONE, c, 0, WINDOW_SHORT, HEAT_WARM);
}

static void
test_intervals(void **state)
{
	struct interval i;

	(void)state;
	/* n of n: n / (n + z^2), z = 2.5758 */
	i = wilson99(10, 10);
	assert_true(fabs(i.low - (10 / (10 + 6.6348))) < 1e-4);
	assert_true(fabs(i.high - 1) < 1e-9);
	i = wilson99(0, 10);
	assert_true(fabs(i.low - (0)) < 1e-9);
	assert_true(fabs(i.high - 6.6348 / 16.6348) < 1e-4);
	i = wilson99(50, 100);
	assert_true(fabs(i.low - (0.3753)) < 1e-3);
	assert_true(fabs(i.high - 0.6247) < 1e-3);
	i = wilson99(0, 0);
	assert_true(i.low == 0 && i.high == 1);
	i = ratio99(64, 5, 5, false);
	assert_true(i.low == 64 && i.high == 64);
	i = ratio99(64, 200, 200, true); /* e^(2.5758 * 0.1) = 1.2938 */
	assert_true(fabs(i.low - (64 / 1.29379)) < 1e-2);
	assert_true(fabs(i.high - (64 * 1.29379)) < 1e-2);
	i = ratio99(64, 0, 200, true);
	assert_true(i.low == 0 && isinf(i.high));
}

static void
test_settings(void **state)
{
	struct detect_settings s;
	const char *nearest = "unset";
	char why[200] = "";

	(void)state;
	detect_settings_defaults(&s);
	for (size_t d = 0; detectors[d] != NULL; d++) {
		const char *kind = alert_kind_text(detectors[d]->kind);

		for (size_t k = 0; k < detectors[d]->settings.n; k++) {
			const struct setting *t = &detectors[d]->settings.table[k];
			char *of = (char *)&s + detectors[d]->settings_offset;

			assert_true(t->min < t->max && t->min <= t->def && t->def <= t->max);
			assert_true(t->source[0] != '\0' && t->help[0] != '\0');
			assert_true(settings_value(t, of) == t->def);
			assert_int_equal(detect_settings_set(&s, kind, t->name, t->max, "", why, sizeof(why), &nearest), 0);
			assert_true(settings_value(t, of) == t->max);
			assert_int_equal(detect_settings_set(&s, kind, t->name, t->max * 2, "", why, sizeof(why), &nearest), ERR_INVALID);
			assert_true(settings_value(t, of) == t->max);
			assert_true(why[0] != '\0');
		}
	}
	assert_int_equal(detect_settings_set(&s, "engine", "close-after", 60, "s", why, sizeof(why), &nearest), 0);
	assert_true(s.engine.close_after == 60);
	assert_int_equal(detect_settings_set(&s, "engine", "close-aftr", 60, "s", why, sizeof(why), &nearest), ERR_INVALID);
	assert_string_equal(nearest, "close-after");
	assert_int_equal(detect_settings_set(&s, "dns-amplification-abuser", "any-rat", 6, "", why, sizeof(why), &nearest), ERR_INVALID);
	assert_string_equal(nearest, "any-rate");
	assert_int_equal(detect_settings_set(&s, "no-such", "baf", 6, "", why, sizeof(why), &nearest), ERR_INVALID);
	assert_null(nearest);
	assert_non_null(strstr(why, "no-such"));
	assert_int_equal(detect_settings_set(&s, "dns-amplification-abuser", "baf", 6, "s", why, sizeof(why), &nearest), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace_of_samples),
		cmocka_unit_test(test_abuser),
		cmocka_unit_test(test_victim),
		cmocka_unit_test(test_reflector),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_query_flood),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
