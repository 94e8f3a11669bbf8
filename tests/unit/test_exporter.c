/* Rows of exporters: finding them, their sequence numbers and their clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "collector/exporter.h"

#define S INT64_C(1000000000)
#define NOW (INT64_C(1700000000) * S)

static struct exporter_key
key(uint32_t host, uint32_t domain, uint16_t version)
{
	const uint8_t b[4] = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};

	return (struct exporter_key){addr_v4(b), domain, version};
}

/* --- rows ------------------------------------------------------------------------------------------------ */

static void
test_rows(void **state)
{
	struct exporters *e = exporters_new(&(struct exporters_setup){.max = 200, .base = 1000, .seed = 7});
	struct exporter *first, *again;
	struct exporter_key k = key(0, 0, EXPORT_V5);
	uint64_t sum[EXPORTER_COUNTS] = {0};

	(void)state;
	assert_non_null(e);
	first = exporters_get(e, &k);
	for (uint32_t i = 0; i < 200; i++) {
		k = key(i, 0, EXPORT_V5);
		exporters_get(e, &k)->count[EXPORTER_LOST] += i;
	}
	k = key(0, 0, EXPORT_V5);
	again = exporters_get(e, &k);
	assert_ptr_equal(first, again);
	assert_int_equal(first->index, 1000);
	assert_int_equal(exporters_n(e), 200);
	assert_int_equal(exporters_full(e), 0);
	/* another engine is another row, but there is none left */
	k = key(0, 1, EXPORT_V5);
	assert_int_equal(exporters_get(e, &k)->index, 1199);
	k = key(0, 0, EXPORT_V9);
	assert_int_equal(exporters_get(e, &k)->index, 1199);
	assert_int_equal(exporters_full(e), 2);
	/* whose numbers and clocks are those of many */
	again = exporters_get(e, &k);
	exporter_sequence(again, 5, 1, 1000);
	exporter_sequence(again, 500000, 1, 1000);
	assert_int_equal(again->count[EXPORTER_RESETS], 0);
	for (int i = 0; i < 10; i++) {
		exporter_clock(again, NOW - (i % 2 == 0 ? 0 : 40 * S), NOW);
		assert_int_equal(again->clock_offset_ns, i % 2 == 0 ? 0 : 40 * S);
	}
	assert_int_equal(exporters_at(e, 5)->count[EXPORTER_LOST], 5);
	exporters_sum(e, sum);
	exporters_sum(e, sum);
	assert_int_equal(sum[EXPORTER_LOST], 2 * 199 * 200 / 2);
	exporters_free(e);
}

static void
test_sampling(void **state)
{
	struct exporter_override o[] = {
		{{addr_v4((const uint8_t[]){10, 0, 0, 0}), 104}, 100},
		{{addr_v4((const uint8_t[]){10, 0, 0, 1}), 128}, 1},
	};
	struct exporters *e = exporters_new(&(struct exporters_setup){.override = o, .overrides_n = 2});
	struct exporter_key k = key(1, 0, EXPORT_V5);
	struct exporter *x = exporters_get(e, &k), plain = {0};

	(void)state;
	exporter_sampling(x, 512);
	assert_int_equal(exporter_scale(x), 1); /* the longer prefix says so */
	k = key(2, 0, EXPORT_V5);
	x = exporters_get(e, &k);
	exporter_sampling(x, 512);
	assert_int_equal(exporter_scale(x), 100);
	assert_int_equal(x->count[EXPORTER_SAMPLING_CHANGED], 0);
	assert_int_equal(exporter_scale(&plain), 1);
	exporter_sampling(&plain, 0);
	exporter_sampling(&plain, 1);
	assert_int_equal(plain.count[EXPORTER_SAMPLING_CHANGED], 0);
	exporter_sampling(&plain, 64);
	assert_int_equal(plain.count[EXPORTER_SAMPLING_CHANGED], 1);
	assert_int_equal(exporter_scale(&plain), 64);
	exporters_free(e);
}

/* --- sequence numbers ------------------------------------------------------------------------------------ */

struct step {
	uint32_t got, step;
};

static struct exporter
fed(const struct step *s, size_t n)
{
	struct exporter e = {0};

	for (size_t i = 0; i < n; i++)
		exporter_sequence(&e, s[i].got, s[i].step, 1000);
	return e;
}
#define FED(...) fed((const struct step[]){__VA_ARGS__}, sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

static void
expect(struct exporter e, unsigned int lost, unsigned int resets, unsigned int duplicates, unsigned int misordered)
{
	assert_int_equal(e.count[EXPORTER_LOST], lost);
	assert_int_equal(e.count[EXPORTER_RESETS], resets);
	assert_int_equal(e.count[EXPORTER_DUPLICATES], duplicates);
	assert_int_equal(e.count[EXPORTER_MISORDERED], misordered);
}

static void
test_sequence(void **state)
{
	(void)state;
	expect(FED({500, 30}, {530, 30}, {560, 1}), 0, 0, 0, 0);
	expect(FED({500, 30}, {540, 30}, {570, 1}), 10, 0, 0, 0);
	/* 999 are lost, 1000 are another sequence */
	expect(FED({0, 1}, {1000, 1}, {1001, 1}), 999, 0, 0, 0);
	expect(FED({0, 1}, {1001, 1}, {1002, 1}), 0, 1, 0, 0);
	/* 2^32 is followed by 0, and a gap may lie across it */
	expect(FED({0xfffffff0, 16}, {0, 16}), 0, 0, 0, 0);
	expect(FED({0xfffffff0, 10}, {4, 16}), 10, 0, 0, 0);
	/* messages without records do not move it */
	expect(FED({9, 0}, {9, 0}, {9, 5}, {14, 0}), 0, 0, 0, 0);
}

static void
test_sequence_disorder(void **state)
{
	(void)state;
	expect(FED({0, 30}, {30, 30}, {30, 30}, {60, 30}), 0, 0, 1, 0);
	expect(FED({0, 30}, {30, 30}, {60, 30}, {0, 30}, {90, 30}), 0, 0, 1, 0);
	/* 30 comes behind 60: nothing is lost in the end */
	expect(FED({0, 30}, {60, 30}, {30, 30}, {90, 30}), 0, 0, 0, 1);
	/* a gap of three, of which the middle, the last and then the first appear; the first twice */
	expect(FED({0, 30}, {120, 30}, {60, 30}, {90, 30}), 30, 0, 0, 2);
	expect(FED({0, 30}, {120, 30}, {60, 30}, {60, 30}), 60, 0, 1, 1);
	expect(FED({0, 10}, {30, 10}, {20, 10}, {10, 10}, {40, 10}), 0, 0, 0, 2);
	/* across the wrap */
	expect(FED({0xffffffe2, 15}, {15, 30}, {0xfffffff1, 30}, {45, 30}), 0, 0, 0, 1);
	/* a straggler from far behind is no restart when the rest goes on */
	expect(FED({0, 30}, {30, 30}, {60, 30}, {90, 30}, {120, 30}, {150, 30}, {180, 30}, {210, 30}, {240, 30}, {270, 30},
	           {0, 30}, {300, 30}, {30, 30}, {330, 30}), 0, 0, 0, 2);
}

static void
test_sequence_restart(void **state)
{
	(void)state;
	/* near the old number the second datagram of the new sequence tells */
	expect(FED({400, 30}, {430, 30}, {0, 30}, {30, 30}, {60, 30}, {90, 10}), 0, 1, 0, 0);
	expect(FED({400, 30}, {0, 30}, {30, 30}, {80, 30}), 20, 1, 0, 0);
	/* far from it the first one does */
	expect(FED({400000, 30}, {0, 30}, {30, 30}), 0, 1, 0, 0);
	/* the gaps of the old sequence are none of the new one */
	expect(FED({500, 10}, {900, 10}, {100, 10}, {110, 10}, {850, 10}, {800, 10}), 390 + 730 - 10, 1, 0, 1);
}

/* IPFIX as softflowd counts: the message's own records are in its number, options are not. */
static struct exporter
counted_by(bool own, bool options, int lose)
{
	static const uint32_t records[] = {24, 32, 32, 30, 33, 28, 0, 28, 31, 10, 17, 32};
	struct exporter e = {0};
	uint32_t sent = 0;

	for (int i = 0; i < 120; i++) {
		uint32_t n = records[i % 12], opt = n > 0 && i % 3 == 0 ? 1 : 0, counts = n + (options ? opt : 0);

		if (i != lose)
			exporter_sequence_records(&e, own ? sent + counts : sent, n + opt, opt, 30000);
		sent += counts;
	}
	return e;
}

static void
test_sequence_counting(void **state)
{
	(void)state;
	for (int own = 0; own < 2; own++)
		for (int options = 0; options < 2; options++) {
			expect(counted_by(own, options, -1), 0, 0, 0, 0);
			/* and a loss stays one, whatever the way: message 100 has 33 records, 99 one more of options */
			expect(counted_by(own, options, 100), 33, 0, 0, 0);
			expect(counted_by(own, options, 99), options ? 31 : 30, 0, 0, 0);
		}
}

/* --- clocks ---------------------------------------------------------------------------------------------- */

struct times {
	int64_t start, end, seen; /* seconds relative to NOW */
};

/* Feeds one record with the exporter's times, and tells what becomes of them. */
static struct times
repaired(struct exporter *e, double start, double end)
{
	int64_t a = NOW + (int64_t)(start * 1e9), b = NOW + (int64_t)(end * 1e9);

	exporter_times(e, &a, &b, NOW);
	assert_true(a <= b && b <= NOW);
	return (struct times){(a - NOW) / S, (b - NOW) / S, 0};
}
#define EXPECT_TIMES(e, from, to, start_s, end_s) do { \
	struct times t_ = repaired(e, from, to); \
	assert_int_equal(t_.start, start_s); \
	assert_int_equal(t_.end, end_s); \
} while (0)

static void
clock_for(struct exporter *e, int64_t offset_s, int n)
{
	for (int i = 0; i < n; i++)
		exporter_clock(e, NOW - offset_s * S, NOW);
}

static void
test_clock_agrees(void **state)
{
	struct exporter e = {0};

	(void)state;
	clock_for(&e, 9, 8);
	assert_int_equal(e.clock_offset_ns, 0);
	EXPECT_TIMES(&e, -100, -20, -100, -20);
	assert_int_equal(e.active_ns, 80 * S);
	/* a clock that is a little ahead: the record is shifted, not shortened, and no mistake */
	EXPECT_TIMES(&e, -1800, 5, -1805, 0);
	assert_int_equal(e.active_ns, 1805 * S);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 0);
	assert_int_equal(e.first_ns, NOW);
	assert_int_equal(e.last_ns, NOW);
}

/* Months behind, hours of a time zone, and ahead: also for the very first datagram. */
static void
test_clock_off(void **state)
{
	static const int64_t off[] = {90 * 86400, 7200, -3600, 16, -86400 * 365};

	(void)state;
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		struct exporter e = {0};
		double shift = -(double)off[i];

		for (int n = 1; n < 10; n++) {
			clock_for(&e, off[i], 1);
			assert_int_equal(e.clock_offset_ns, off[i] * S);
			EXPECT_TIMES(&e, shift - 75, shift - 15, -75, -15);
		}
		assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 0);
	}
}

static void
test_clock_changes(void **state)
{
	struct exporter e = {0};

	(void)state;
	/* steady, a second datagram that waited half a minute is no reason to shift */
	clock_for(&e, 0, 6);
	clock_for(&e, 30, 1);
	assert_int_equal(e.clock_offset_ns, 0);
	clock_for(&e, 0, 4);
	assert_int_equal(e.clock_offset_ns, 0);
	/* slowly off: the four have to agree, and the quickest of them is right */
	clock_for(&e, 33, 1);
	clock_for(&e, 31, 1);
	clock_for(&e, 30, 1);
	assert_int_equal(e.clock_offset_ns, 0);
	clock_for(&e, 34, 1);
	assert_int_equal(e.clock_offset_ns, 30 * S);
	/* set by hand, and set right again: at once */
	clock_for(&e, 86400, 1);
	assert_int_equal(e.clock_offset_ns, 86400 * S);
	clock_for(&e, 0, 1);
	assert_int_equal(e.clock_offset_ns, 0);
	/* no clock at all */
	exporter_clock(&e, 0, NOW + S);
	assert_int_equal(e.clock_offset_ns, 0);
	assert_int_equal(e.last_ns, NOW + S);
}

static void
test_times_repaired(void **state)
{
	struct exporter e = {0};

	(void)state;
	clock_for(&e, 0, 5);
	/* ended too long ago, or in the future: the duration is all there is to believe */
	EXPECT_TIMES(&e, -100000, -99990, -10, 0);
	EXPECT_TIMES(&e, 50e6, 50e6 + 10, -10, 0);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 2);
	assert_int_equal(e.active_ns, 0);
	/* a duration of months, and one below nothing: nothing longer was seen of this exporter */
	EXPECT_TIMES(&e, -4e6, -30, -30, -30);
	EXPECT_TIMES(&e, -30, -31, -31, -31);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 4);
	/* once it was: as long as that, up to a minute */
	EXPECT_TIMES(&e, -60, -20, -60, -20);
	EXPECT_TIMES(&e, -4e6, -30, -70, -30);
	EXPECT_TIMES(&e, -1830, -30, -1830, -30);
	EXPECT_TIMES(&e, -4e6, -30, -90, -30);
	/* all nonsense */
	EXPECT_TIMES(&e, 5e9, -1.6e9, -60, 0);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 7);
	assert_int_equal(e.active_ns, 1800 * S);
	/* the bounds themselves are believed */
	EXPECT_TIMES(&e, -7200, -7200, -7200, -7200);
	EXPECT_TIMES(&e, -86400 - 7200, -7200, -86400 - 7200, -7200);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 7);
	assert_int_equal(e.active_ns, 7200 * S); /* nobody's active timeout is longer */
	EXPECT_TIMES(&e, -7201, -7201, 0, 0);
	EXPECT_TIMES(&e, -86401, 0, -60, 0);
	EXPECT_TIMES(&e, 10, 10, 0, 0);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 9);
	EXPECT_TIMES(&e, 11, 11, 0, 0);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 10);
}

/* The header's clock is months off, the records' own times are not. */
static void
test_times_header_wrong(void **state)
{
	struct exporter e = {0};

	(void)state;
	clock_for(&e, -90 * 86400, 5);
	EXPECT_TIMES(&e, -70, -10, -70, -10);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 1);
	EXPECT_TIMES(&e, 90 * 86400 - 70, 90 * 86400 - 10, -70, -10);
	assert_int_equal(e.count[EXPORTER_TIME_REPAIRED], 1);
}

static void
test_times_extreme(void **state)
{
	static const int64_t far[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 7; j++) {
			struct exporter e = {.clock_offset_ns = -NOW};
			int64_t a = far[i], b = far[j];

			exporter_times(&e, &a, &b, NOW);
			assert_true(a <= b && b <= NOW && b >= NOW - EXPORTER_AGE_MAX_NS);
		}
}

static void
test_names(void **state)
{
	(void)state;
	for (int i = 0; i < EXPORTER_COUNTS; i++) {
		assert_non_null(exporter_count_name((enum exporter_count)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(exporter_count_name((enum exporter_count)i), exporter_count_name((enum exporter_count)j));
	}
	assert_string_equal(exporter_count_name(EXPORTER_NO_ROOM), "no_room");
	assert_string_equal(export_version_name(EXPORT_V7), "NetFlow v7");
	assert_string_equal(export_version_name(77), "?");
}

/* What is told: losses in records, also where datagrams are numbered, and a clock that is off while records come by it. */
static void
test_news(void **state)
{
	static const struct { uint16_t version; uint64_t lost; } cases[] = {{EXPORT_V9, 500}, {EXPORT_SFLOW, 500}, {EXPORT_IPFIX, 20}, {EXPORT_V5, 20}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exporters *e = exporters_new(&(struct exporters_setup){.max = 10, .seed = 7});
		const struct exporter_key k = {.version = cases[i].version};
		struct exporter *x = exporters_get(e, &k);
		struct exporter_news news;

		x->count[EXPORTER_DATAGRAMS] = 40;
		x->count[EXPORTER_RECORDS] = 1000;
		assert_int_equal(exporters_news(e, &news, 1), 0);
		x->count[EXPORTER_LOST] = 20;
		assert_int_equal(exporters_news(e, &news, 1), 1);
		assert_int_equal(news.lost, cases[i].lost);
		assert_int_equal(news.records, 1000);
		assert_int_equal(exporters_news(e, &news, 1), 0);
		x->clock_offset_ns = -EXPORTER_CLOCK_STEP_NS;
		assert_int_equal(exporters_news(e, &news, 1), 0); /* no records came since */
		x->count[EXPORTER_RECORDS] += 5;
		assert_int_equal(exporters_news(e, &news, 1), 1);
		assert_int_equal(news.records, 5);
		assert_true(news.clock_offset_ns == -EXPORTER_CLOCK_STEP_NS);
		x->clock_offset_ns = EXPORTER_CLOCK_AGREES_NS;
		x->count[EXPORTER_RECORDS] += 5;
		assert_int_equal(exporters_news(e, &news, 1), 0);
		exporters_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sampling),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_sequence_disorder),
		cmocka_unit_test(test_sequence_restart),
		cmocka_unit_test(test_sequence_counting),
		cmocka_unit_test(test_clock_agrees),
		cmocka_unit_test(test_clock_off),
		cmocka_unit_test(test_clock_changes),
		cmocka_unit_test(test_times_repaired),
		cmocka_unit_test(test_times_header_wrong),
		cmocka_unit_test(test_times_extreme),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
