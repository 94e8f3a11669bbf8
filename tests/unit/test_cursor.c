#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/cursor.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void
test_reads(void **state)
{
	struct cursor c = cursor_view(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.bad);
}

static void
test_end_is_sticky(void **state)
{
	struct cursor c = cursor_view(bytes, 3);

	(void)state;
	assert_int_equal(cursor_u16(&c), 0x0102);
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_left(&c), 1);
	assert_int_equal(cursor_u8(&c), 0); /* one byte is left, but the error stays */
	assert_int_equal(cursor_left(&c), 1);
	assert_null(cursor_take(&c, 0));
}

static void
test_wide_read_over_the_end(void **state)
{
	struct cursor c = cursor_view(bytes, 6);

	(void)state;
	cursor_u64(&c);
	assert_true(c.bad);
}

static void
test_sub(void **state)
{
	struct cursor c = cursor_view(bytes, 6), in = cursor_sub(&c, 2), out;

	(void)state;
	assert_int_equal(cursor_u16(&in), 0x0102);
	assert_int_equal(cursor_u8(&in), 0);
	assert_true(in.bad);
	assert_false(c.bad);
	assert_int_equal(cursor_u8(&c), 3);
	out = cursor_sub(&c, 4);
	assert_true(out.bad);
	assert_true(c.bad);
	assert_int_equal(cursor_left(&out), 0);
}

static void
test_empty(void **state)
{
	struct cursor c = cursor_view(NULL, 0);

	(void)state;
	assert_int_equal(cursor_left(&c), 0);
	cursor_skip(&c, 0);
	assert_false(c.bad);
	cursor_skip(&c, 1);
	assert_true(c.bad);
	c = cursor_view(bytes, 4);
	cursor_skip(&c, SIZE_MAX);
	assert_true(c.bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads), cmocka_unit_test(test_end_is_sticky),
		cmocka_unit_test(test_wide_read_over_the_end), cmocka_unit_test(test_sub), cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
