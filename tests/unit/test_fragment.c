#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "collector/fragment.h"

/* Four in a set; the high half of the hash tells them apart. */
static uint64_t
hash(uint32_t tag)
{
	return (uint64_t)tag << 32;
}

static void
test_life(void **state)
{
	struct fragment_table t;

	(void)state;
	assert_int_equal(fragment_table_init(&t, 64), 0);
	assert_int_equal(fragment_table_get(&t, hash(1), 100), 0);
	fragment_table_put(&t, hash(1), 100, 53);
	fragment_table_put(&t, hash(0), 100, 54); /* a zero tag is a tag like others */
	assert_int_equal(fragment_table_get(&t, hash(1), 129), 53);
	assert_int_equal(fragment_table_get(&t, hash(0), 100), 54);
	assert_int_equal(fragment_table_get(&t, hash(1), 130), 0);
	fragment_table_put(&t, hash(1), 120, 123); /* seen again: a new life, no second entry */
	assert_int_equal(fragment_table_get(&t, hash(1), 149), 123);
	/* packets a little out of order, and a clock set back by a day */
	assert_int_equal(fragment_table_get(&t, hash(1), 118), 123);
	assert_int_equal(fragment_table_get(&t, hash(1), 120 - 86400), 0);
	assert_int_equal(t.replaced, 0);
	fragment_table_done(&t);
}

static void
test_offer(void **state)
{
	struct fragment_table t;

	(void)state;
	assert_int_equal(fragment_table_init(&t, 64), 0);
	for (uint32_t i = 1; i <= 3; i++)
		fragment_table_put(&t, hash(i), 100, i);
	fragment_table_offer(&t, hash(8), 100, 80);
	assert_int_equal(fragment_table_get(&t, hash(8), 100), 80);
	fragment_table_offer(&t, hash(8), 100, 81); /* what was offered may change */
	assert_int_equal(fragment_table_get(&t, hash(8), 100), 81);
	fragment_table_offer(&t, hash(9), 100, 90); /* the set is full */
	assert_int_equal(fragment_table_get(&t, hash(9), 100), 0);
	assert_int_equal(fragment_table_get(&t, hash(8), 101), 0); /* gone with its second */
	assert_int_equal(fragment_table_get(&t, hash(1), 101), 1);
	fragment_table_offer(&t, hash(9), 101, 91);
	fragment_table_put(&t, hash(4), 101, 4); /* a head takes an offer's place first */
	assert_int_equal(fragment_table_get(&t, hash(9), 101), 0);
	assert_int_equal(fragment_table_get(&t, hash(1), 101), 1);
	fragment_table_done(&t);
}

static void
test_oldest_goes(void **state)
{
	struct fragment_table t;

	(void)state;
	assert_int_equal(fragment_table_init(&t, 64), 0);
	fragment_table_put(&t, hash(1), 105, 1);
	fragment_table_put(&t, hash(2), 101, 2);
	fragment_table_put(&t, hash(3), 102, 3);
	fragment_table_put(&t, hash(4), 103, 4);
	assert_int_equal(t.replaced, 0);
	fragment_table_put(&t, hash(5), 106, 5);
	assert_int_equal(t.replaced, 1);
	assert_int_equal(fragment_table_get(&t, hash(2), 106), 0);
	assert_int_equal(fragment_table_get(&t, hash(1), 106), 1);
	assert_int_equal(fragment_table_get(&t, hash(5), 106), 5);
	/* a dead entry is taken before a live one */
	fragment_table_put(&t, hash(6), 132, 6);
	assert_int_equal(t.replaced, 1);
	assert_int_equal(fragment_table_get(&t, hash(1), 132), 1);
	fragment_table_done(&t);
}

static void
test_second_wrap(void **state)
{
	struct fragment_table t;
	int64_t before = (INT64_C(1) << 32) - 5;

	(void)state;
	assert_int_equal(fragment_table_init(&t, 1), 0);
	fragment_table_put(&t, hash(9), before, 7);
	assert_int_equal(fragment_table_get(&t, hash(9), before + 29), 7);
	assert_int_equal(fragment_table_get(&t, hash(9), before + 30), 0);
	fragment_table_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life), cmocka_unit_test(test_offer), cmocka_unit_test(test_oldest_goes), cmocka_unit_test(test_second_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
