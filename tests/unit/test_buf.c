#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/buf.h"

static void
test_grows(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	assert_string_equal(buf_text(&b), "");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%04d ", i);
	assert_int_equal(b.len, 50000);
	assert_false(b.full);
	assert_memory_equal(b.p + 5 * 1234, "1234 ", 5);
	assert_int_equal(strlen(buf_text(&b)), b.len);
	buf_reset(&b);
	assert_string_equal(buf_text(&b), "");
	buf_char(&b, 'x');
	buf_str(&b, "yz");
	buf_bytes(&b, "", 0);
	assert_string_equal(buf_text(&b), "xyz");
	buf_done(&b);
	assert_string_equal(buf_text(&b), "");
}

static void
test_bound(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_str(&b, "12345");
	assert_false(b.full);
	buf_char(&b, '6');
	assert_true(b.full);
	assert_string_equal(buf_text(&b), "12345");
	buf_reset(&b);
	buf_str(&b, "1234");
	buf_printf(&b, "%d", 56);
	assert_true(b.full); /* all or nothing, and sticky */
	buf_char(&b, '5');
	assert_string_equal(buf_text(&b), "1234");
	buf_done(&b);
	buf_init(&b, 0);
	buf_char(&b, 'x');
	assert_true(b.full);
	assert_string_equal(buf_text(&b), "");
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_grows), cmocka_unit_test(test_bound)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
