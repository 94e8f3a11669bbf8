/* The bounded summaries against exact counts, on seeded streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/sketch.h"
#include "tests/unit/detector_kit.h"

enum { WIDTH = 1 << 12, KEYS = 20000 };

/* Number `rank` of a stream in which rank r comes about 1 / r as often as the first. */
static uint32_t
zipf(uint64_t *seed, uint32_t n)
{
	double u = (double)(kit_random(seed) >> 11) / 9007199254740992.0;

	return (uint32_t)(exp(u * log((double)n)) - 1);
}

static uint64_t
key_hash(uint32_t key)
{
	uint64_t s = key;

	return kit_random(&s);
}

/* An estimate without adding anything. */
static uint32_t
estimate(struct countmin *c, uint32_t key)
{
	return countmin_add(c, key_hash(key), 0);
}

static void
check_countmin(uint64_t seed, int skewed)
{
	uint32_t *exact = calloc(KEYS, sizeof(*exact));
	struct countmin c = {0};
	uint64_t total = 0, over = 0;

	assert_non_null(exact);
	assert_int_equal(countmin_init(&c, WIDTH), 0);
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t key = skewed ? zipf(&seed, KEYS) : i, weight = 1 + kit_below(&seed, 3);

		exact[key] += weight;
		total += weight;
		assert_true(countmin_add(&c, key_hash(key), weight) >= exact[key]);
	}
	for (uint32_t k = 0; k < KEYS; k++) {
		uint32_t est = estimate(&c, k);

		assert_true(est >= exact[k]);
		over += est > exact[k] + exp(1) / WIDTH * (double)total;
	}
	assert_true((double)over <= exp(-2) * KEYS);

	/* a halving keeps half of everything, and what comes then is counted in full */
	countmin_halve(&c);
	for (uint32_t k = 0; k < KEYS; k += 7) {
		assert_true(estimate(&c, k) >= exact[k] / 2);
		assert_true(countmin_add(&c, key_hash(k), 5) >= exact[k] / 2 + 5);
	}
	free(exact);
	countmin_done(&c);
}

static void
test_countmin_bounds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		check_countmin(seed, 1);
		check_countmin(seed, 0);
	}
}

static void
test_countmin_saturates_and_empties(void **state)
{
	struct countmin c = {0};

	(void)state;
	assert_int_equal(countmin_init(&c, WIDTH), 0);
	assert_int_equal(countmin_add(&c, key_hash(1), 65000), 65000);
	assert_int_equal(countmin_add(&c, key_hash(1), 65000), UINT16_MAX);
	for (int i = 0; i < 17; i++)
		countmin_halve(&c);
	assert_int_equal(c.warm, 0);
	for (uint32_t i = 0; i < WIDTH * 2; i++)
		assert_int_equal(c.row[0][i], 0);
	countmin_done(&c);
}

/* The stated standard error, and hardly anything beyond three of them. */
static void
test_hll(void **state)
{
	const double standard = 1.04 / sqrt(HLL_REGISTERS);

	(void)state;
	for (uint32_t n = 10; n <= 1000000; n *= 10) {
		int runs = n < 100000 ? 200 : n < 1000000 ? 40 : 8, far = 0;
		double squares = 0;

		for (int run = 1; run <= runs; run++) {
			struct hll h = {{0}};
			uint64_t s = (uint64_t)run * UINT64_C(0x12345678912345);
			double error;

			for (uint32_t i = 0; i < n; i++)
				hll_add(&h, kit_random(&s));
			error = hll_count(&h) / n - 1;
			squares += error * error;
			far += fabs(error) > 3 * standard;
		}
		assert_true(sqrt(squares / runs) <= 1.2 * standard);
		assert_true(far <= runs / 50);
	}
}

static void
test_hll_may_have(void **state)
{
	struct hll h = {{0}};
	uint64_t s = 5, added = s;
	int false_ones = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		hll_add(&h, kit_random(&s));
	for (int i = 0; i < 10; i++)
		assert_true(hll_may_have(&h, kit_random(&added)));
	for (int i = 0; i < 10000; i++)
		false_ones += hll_may_have(&h, kit_random(&s));
	assert_in_range(false_ones, 1, 10000 * 10 / 128);
}

static void
test_hll_small_and_union(void **state)
{
	struct hll none = {{0}};

	(void)state;
	assert_true(hll_count(&none) < 0.001);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct hll h = {{0}}, other = {{0}};
		uint64_t s = seed;

		for (int i = 1; i <= 50; i++) {
			uint64_t x = kit_random(&s);

			hll_add(&h, x);
			hll_add(&h, x); /* twice is once */
			hll_add(i % 2 != 0 ? &other : &none, x);
			/* "near exact": linear counting at load below 0.4 errs by 4.1 % or so; five times that */
			assert_true(fabs(hll_count(&h) - i) <= 1 + 0.2 * i);
		}
		assert_true(hll_count_union(&other, &none) == hll_count(&h));
		memset(&none, 0, sizeof(none));
	}
}

/* --- Space-Saving ------------------------------------------------------------------------------- */

static void
check_heap(const struct space_saving *s)
{
	uint32_t used = 0;

	for (uint32_t i = 1; i < s->n; i++)
		assert_true(s->e[(i - 1) / 2].weight <= s->e[i].weight);
	for (uint32_t i = 0; i < SPACE_SAVING_K * 4; i++)
		used += s->slot[i] != 0;
	assert_int_equal(used, s->n);
}

static const struct space_saving_entry *
kept(const struct space_saving *s, const struct addr *a)
{
	const struct space_saving_entry *e = NULL;

	for (uint32_t i = 0; i < s->n; i++)
		if (addr_equal(&s->e[i].addr, a)) {
			assert_null(e); /* nobody stands in it twice */
			e = &s->e[i];
		}
	return e;
}

enum { PEOPLE = 1 << 16 };

static void
check_space_saving(uint64_t seed, int skewed, uint32_t adds, struct space_saving *s)
{
	uint64_t *exact = calloc(PEOPLE, sizeof(*exact)), total = 0;

	assert_non_null(exact);
	space_saving_init(s);
	for (uint32_t i = 0; i < adds; i++) {
		uint32_t key = skewed ? zipf(&seed, PEOPLE) : kit_below(&seed, PEOPLE);
		uint64_t weight = 1 + kit_below(&seed, 1500);
		const uint64_t aux[8] = {weight, 1};
		struct addr a = kit_addr(key);

		exact[key] += weight;
		total += weight;
		space_saving_add(s, &a, weight, aux);
	}
	assert_int_equal(s->total, total);
	check_heap(s);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct space_saving_entry *e = &s->e[i];
		uint32_t key = (uint32_t)e->addr.b[12] << 24 | (uint32_t)e->addr.b[13] << 16 |
		    (uint32_t)e->addr.b[14] << 8 | e->addr.b[15];

		assert_true(e->error <= total / SPACE_SAVING_K);
		assert_true(e->weight >= exact[key]);
		assert_true(e->weight - e->error <= exact[key]);
		assert_true(e->aux[0] == e->weight - e->error); /* what came since it entered */
	}
	for (uint32_t k = 0; k < PEOPLE; k++) {
		struct addr a = kit_addr(k);

		if (exact[k] > total / SPACE_SAVING_K)
			assert_non_null(kept(s, &a));
	}
	free(exact);
}

static void
test_space_saving(void **state)
{
	struct space_saving *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	check_space_saving(11, 1, 1000000, a);
	check_space_saving(12, 0, 200000, a);
	check_space_saving(13, 1, 200, a); /* not full: exact */
	for (uint32_t i = 0; i < a->n; i++)
		assert_int_equal(a->e[i].error, 0);
	check_space_saving(14, 1, 50000, a);
	check_space_saving(14, 1, 50000, b);
	assert_memory_equal(a, b, sizeof(*a));
	free(a);
	free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_countmin_bounds),
		cmocka_unit_test(test_countmin_saturates_and_empties),
		cmocka_unit_test(test_hll),
		cmocka_unit_test(test_hll_may_have),
		cmocka_unit_test(test_hll_small_and_union),
		cmocka_unit_test(test_space_saving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
