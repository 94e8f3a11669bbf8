/* Sizes of answers that repeat, and sizes that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "detector/answer_size.h"
#include "tests/unit/detector_kit.h"

/* `same` of `all` records a tick have one size, the others another each. */
static void
feed(struct size_counts *c, uint32_t from, uint32_t ticks, uint32_t same, uint32_t all, uint64_t *seed)
{
	for (uint32_t t = from; t < from + ticks; t++) {
		struct size_vote v = {0};

		for (uint32_t i = 0; i < all; i++)
			size_vote_add(&v, i < same ? 4157 : 4200 + kit_below(seed, 5000), 3);
		size_counts_add(c, &v, t);
	}
}

static void
test_share(void **state)
{
	struct size_counts c = {0};
	uint64_t seed = 1;
	uint32_t all, top;

	(void)state;
	assert_int_equal(size_counts_top(&c, 1000, &all), 0);
	assert_int_equal(all, 0);
	feed(&c, 1000, 100, 3, 3, &seed);
	assert_int_equal(size_counts_top(&c, 1100, &all), 300);
	assert_int_equal(all, 300);
	/* never more than there are; three of four still a clear majority */
	c = (struct size_counts){0};
	feed(&c, 1000, 100, 3, 4, &seed);
	top = size_counts_top(&c, 1100, &all);
	assert_in_range(top, 150, 300);
	assert_int_equal(all, 400);
	c = (struct size_counts){0};
	feed(&c, 1000, 200, 1, 4, &seed);
	assert_true(size_counts_top(&c, 1200, &all) * 3 < all);
}

/* Five to ten minutes later it is forgotten. */
static void
test_time(void **state)
{
	struct size_counts c = {0};
	uint64_t seed = 2;
	uint32_t all;

	(void)state;
	feed(&c, 1000, 60, 2, 2, &seed);
	assert_int_equal(size_counts_top(&c, 1000 + 2 * SIZE_SPAN_S, &all), 0);
	feed(&c, 1000 + SIZE_SPAN_S, 1, 1, 1, &seed);
	assert_int_equal(size_counts_top(&c, 1001 + SIZE_SPAN_S, &all), 121);
	assert_int_equal(all, 121);
	feed(&c, 1000 + 2 * SIZE_SPAN_S, 1, 1, 1, &seed);
	assert_int_equal(size_counts_top(&c, 1001 + 2 * SIZE_SPAN_S, &all), 2);
	feed(&c, 1000 + 5 * SIZE_SPAN_S, 1, 1, 1, &seed);
	assert_int_equal(size_counts_top(&c, 1001 + 5 * SIZE_SPAN_S, &all), 1);
}

/* Cut at the limit of a mail server's queries, or the first fragment of whatever: all alike, and counted as different. */
static void
test_cut(void **state)
{
	static const uint64_t sizes[] = {1260, 1280, 1248, 1268, 1400, 1500};
	uint32_t all;

	(void)state;
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		struct size_counts c = {0};
		struct size_vote v = {0};

		for (int i = 0; i < 100; i++)
			size_vote_add(&v, sizes[k], 1);
		size_counts_add(&c, &v, 1000);
		assert_int_equal(size_counts_top(&c, 1000, &all), 0);
		assert_int_equal(all, 100);
		/* two packets of it are no limit */
		size_vote_add(&v, 2 * sizes[k], 2);
		size_counts_add(&c, &v, 1001);
		assert_int_equal(size_counts_top(&c, 1001, &all), 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share), cmocka_unit_test(test_time), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
