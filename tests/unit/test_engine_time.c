/* Time as the engine takes it: silence, gaps, times that cannot be, recordings one after the other, late flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/world_kit.h"

static void
test_silence_closes(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	const struct alert *c;

	(void)state;
	world_init(&w, 4000);
	infected(&w, T0, 20, 10, HOST);
	feed(e, w.flow, w.n, 64, 1);
	engine_advance(e, T0 - 5 * NS_PER_S); /* the past is no news */
	assert_null(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_CLOSED));
	for (int s = 20; s < 200; s++)
		engine_advance(e, T0 + s * NS_PER_S);
	c = first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_CLOSED);
	assert_non_null(c);
	assert_string_equal(c->reason, "quiet");
	assert_int_equal(c->end_ns, T0 + 20 * NS_PER_S);
	assert_true(c->t_ns > T0 + 50 * NS_PER_S && c->t_ns < T0 + 150 * NS_PER_S);
	engine_finish(e);
	assert_int_equal(h.alert[h.n - 1].action, ALERT_CLOSED);
	assert_int_equal(opened(&h), 1);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* A day without anything closes the alert at its own time, and the same host is named anew. */
static void
test_gap_of_a_day(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	int64_t day = 86400 * NS_PER_S;

	(void)state;
	world_init(&w, 4000);
	infected(&w, T0, 20, 10, HOST);
	infected(&w, T0 + day, 20, 10, HOST);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(opened(&h), 2);
	assert_int_equal(h.alert[h.n - 1].action, ALERT_CLOSED);
	for (size_t i = 0; i < h.n; i++)
		assert_true(h.alert[i].t_ns < T0 + 200 * NS_PER_S || h.alert[i].t_ns > T0 + day);
	/* the first flows after so long a gap are not believed until enough of them agree */
	assert_int_equal(stats.jumps, 1);
	assert_int_equal(stats.late, 15);
	assert_int_equal(stats.flows, w.n);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

static void
test_impossible_times(void **state)
{
	static const int64_t odd[] = {0, 1, INT64_MAX / 2, T0 - 86400 * NS_PER_S, T0 + 7200 * NS_PER_S, INT64_C(-5000000000)};
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	struct series all;

	(void)state;
	world_init(&w, 4000);
	for (int i = 0; i < 20; i++) {
		infected(&w, T0 + i * NS_PER_S, 1, 10, HOST);
		(void)add(&w, odd[i % 6], 1, 2, 3, 4, 100);
	}
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.late, 20);
	assert_int_equal(stats.jumps, 0);
	assert_int_equal(stats.flows, w.n);
	assert_int_equal(opened(&h), 1);
	assert_int_equal(stats.last_ns / NS_PER_S, T0 / NS_PER_S + 19);
	assert_int_equal(engine_series(e, &all, 1), 1);
	assert_int_equal(all.n, 20);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* Another recording begins an hour earlier: the clock is set back, and detection goes on. */
static void
test_backwards_jump(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;

	(void)state;
	world_init(&w, 4000);
	infected(&w, T0, 20, 10, HOST);
	infected(&w, T0 - 3600 * NS_PER_S, 20, 10, HOST + 1);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.jumps, 1);
	assert_int_equal(opened(&h), 2);
	assert_non_null(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST + 1, ALERT_OPENED));
	assert_true(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST + 1, ALERT_OPENED)->t_ns < T0);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* A few hundred flows that come half a minute late, as an exporter sends them, end nothing. */
static void
test_late_flows(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	uint64_t bytes = 0, points = 0;
	struct series all;

	(void)state;
	world_init(&w, 8000);
	infected(&w, T0, 20, 10, HOST);
	for (uint32_t i = 0; i < 256; i++)
		(void)add(&w, T0 - 15 * NS_PER_S, 0x08080808, 0x0a400200 + i, 443, 5000, 500);
	infected(&w, T0 + 20 * NS_PER_S, 10, 10, HOST);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.jumps, 0);
	assert_int_equal(stats.flows, w.n);
	assert_int_equal(opened(&h), 1);
	for (size_t i = 0; i < w.n; i++)
		bytes += w.flow[i].bytes;
	assert_int_equal(engine_series(e, &all, 1), 1);
	for (size_t i = 0; i < all.n; i++)
		points += all.point[i].bytes;
	assert_int_equal(points, bytes);
	assert_int_equal(stats.bytes, bytes);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_closes),
		cmocka_unit_test(test_gap_of_a_day),
		cmocka_unit_test(test_impossible_times),
		cmocka_unit_test(test_backwards_jump),
		cmocka_unit_test(test_late_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
