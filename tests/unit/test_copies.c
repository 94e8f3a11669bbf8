/* What a mirror shows twice counts once, what a sender repeats counts as often as it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/copies.h"

enum { PACKETS = 20000 };
#define US INT64_C(1000)
#define BEGIN INT64_C(1700000000000000000)

static uint64_t
hash_of(uint32_t i)
{
	return XXH3_64bits(&i, sizeof(i));
}

/* Packets 100 us apart, `times` of each with `gap` between them; how many of the copies were left out, and how many of the
 * packets that were none. */
static void
mirror(unsigned int times, int64_t gap, uint32_t one_in, uint32_t *found, uint32_t *wrong)
{
	struct copies c;

	assert_int_equal(copies_init(&c), 0);
	*found = *wrong = 0;
	for (uint32_t i = 0; i < PACKETS; i++) {
		int64_t t = BEGIN + i * 100 * US;

		*wrong += copies_seen(&c, hash_of(i), t);
		for (unsigned int k = 1; k < times && i % one_in == 0; k++)
			*found += copies_seen(&c, hash_of(i), t + (int64_t)k * gap);
	}
	copies_done(&c);
}

static void
test_mirrored(void **state)
{
	static const struct { unsigned int times; int64_t gap; uint32_t one_in; } mirrors[] = {
		{2, 0, 1}, {2, 50 * US, 1}, {2, 10000 * US, 1}, {2, -3000 * US, 1}, {3, 20 * US, 1}, {4, 20 * US, 1}, {2, 30 * US, 4},
	};
	uint32_t found, wrong;

	(void)state;
	for (size_t i = 0; i < sizeof(mirrors) / sizeof(mirrors[0]); i++) {
		uint32_t copies = (mirrors[i].times - 1) * (PACKETS / mirrors[i].one_in);

		mirror(mirrors[i].times, mirrors[i].gap, mirrors[i].one_in, &found, &wrong);
		/* the first ones are needed to know that there is a mirror */
		assert_true(found > copies - copies / 10);
		assert_int_equal(wrong, 0);
	}
}

/* A few copies are chance, or somebody's fault; so is what comes again later. */
static void
test_few(void **state)
{
	uint32_t found, wrong;

	(void)state;
	mirror(2, 20 * US, 50, &found, &wrong);
	assert_int_equal(found, 0);
	mirror(2, 100000 * US, 1, &found, &wrong);
	assert_int_equal(found + wrong, 0);
	mirror(1, 0, 1, &found, &wrong);
	assert_int_equal(wrong, 0);
}

/* A flood of one packet is not a mirror's doing, and in a mirror it stays a flood. */
static void
test_same_packet(void **state)
{
	static const int64_t gaps[] = {1 * US, 100 * US, 1000 * US, 15000 * US, 50000 * US};
	struct copies c;

	(void)state;
	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		uint32_t left_out = 0;

		assert_int_equal(copies_init(&c), 0);
		for (uint32_t i = 0; i < PACKETS; i++)
			left_out += copies_seen(&c, hash_of(7), BEGIN + i * gaps[g]);
		assert_int_equal(left_out, 0);
		for (uint32_t i = 100; i < 1100; i++) {
			copies_seen(&c, hash_of(i), BEGIN + i * 100 * US);
			copies_seen(&c, hash_of(i), BEGIN + i * 100 * US);
		}
		assert_true(c.mirrored);
		left_out = 0;
		for (uint32_t i = 0; i < PACKETS; i++)
			left_out += copies_seen(&c, hash_of(8), BEGIN + 5000000 * US + i * gaps[g]);
		assert_in_range(left_out, 0, COPIES_MOST - 1);
		copies_done(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mirrored),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_same_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
