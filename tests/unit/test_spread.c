/* What a record covers, spread over the curves of links and the windows of a watch: every count is conserved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/timefmt.h"
#include "detector/cover.h"
#include "detector/watch.h"
#include "tests/unit/detector_kit.h"

struct told {
	uint64_t bytes[4096];
	int64_t first;
};

static void
on_told(void *ctx, int64_t second, const uint64_t gain[COVER_FIELDS])
{
	struct told *t = ctx;

	assert_true(second >= t->first && second - t->first < 4096);
	t->bytes[second - t->first] += gain[COVER_BYTES];
}

/* 1000 bytes in 1000 seconds from the edge of a 600 s bucket on: 600 and 400. */
static void
test_cover(void **state)
{
	static struct told told;
	struct cover *c = cover_new();
	uint64_t sum = 0, expect = 0, seed = 5;

	(void)state;
	assert_non_null(c);
	told = (struct told){.first = 600000};
	cover_add(c, COVER_BYTES, 600000, 600999, 1000);
	cover_tell(c, 601000, on_told, &told);
	for (int i = 0; i < 600; i++)
		sum += told.bytes[i];
	assert_int_equal(sum, 600);
	for (int i = 600; i < 1200; i++)
		sum += told.bytes[i];
	assert_int_equal(sum, 1000);
	/* whatever comes, in any order, told in between or not: nothing is lost */
	told = (struct told){.first = 600000};
	cover_restart(c);
	for (int i = 0; i < 3000; i++) {
		int64_t to = 600300 + i, from = to - kit_below(&seed, 3000);
		uint64_t v = kit_below(&seed, 100000);

		cover_add(c, COVER_BYTES, from > 600000 ? from : 600000, to, v);
		expect += v;
		if (i % 7 == 0)
			cover_tell(c, to, on_told, &told);
	}
	cover_tell(c, 604000, on_told, &told);
	sum = 0;
	for (int i = 0; i < 4096; i++)
		sum += told.bytes[i];
	assert_int_equal(sum, expect);
	cover_free(c);
}

/* Sums of a watch's windows after records of every length. */
static void
test_watch_spread(void **state)
{
	struct watches ws;
	struct watch *w;
	uint64_t seed = 11, total = 0;
	struct addr a = kit_addr(1);

	(void)state;
	assert_int_equal(watches_init(&ws, 4), 0);
	w = watches_get(&ws, 1, &a, SIDE_CLIENT, SERVICE_DNS, 1);
	assert_non_null(w);
	for (uint32_t tick = 1; tick < 2000; tick++) {
		int64_t begin = (int64_t)(5000 + tick) * NS_PER_S;
		struct cell brief = {0}, longer = {0};

		if (tick % 3 == 0) {
			struct cell c = {.large = kit_below(&seed, 500), .large_bytes = kit_below(&seed, 1000000)};
			int64_t to = begin + kit_below(&seed, 1000) * INT64_C(1000000) - kit_below(&seed, 70) * NS_PER_S;

			watch_spread(w, &c, to - kit_below(&seed, 400) * NS_PER_S, to, tick, begin);
			total += c.large_bytes;
		}
		watch_close_tick(w, tick);
		for (int i = 0; i < W1; i++)
			cell_add(&brief, &w->w1[i]);
		for (int i = 0; i < W10; i++)
			cell_add(&longer, &w->w10[i]);
		assert_memory_equal(&brief, &w->sum[WINDOW_SHORT], sizeof(brief));
		assert_memory_equal(&longer, &w->sum[WINDOW_LONG], sizeof(longer));
		assert_int_equal(w->total.large_bytes, total);
		assert_true(brief.ticks <= W1 && longer.ticks <= W10 * 10);
	}
	watches_done(&ws);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cover),
		cmocka_unit_test(test_watch_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
