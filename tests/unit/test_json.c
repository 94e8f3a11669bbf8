/* base/json.c: what comes out is JSON whatever goes in. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void
test_members_and_order(void **state)
{
	struct buf b;
	struct json j;

	(void)state;
	buf_init(&b, 1000);
	j = json_to(&b);
	json_open(&j, NULL, '{');
	json_str(&j, "b", "x");
	json_open(&j, "a", '[');
	json_int(&j, NULL, -5);
	json_uint(&j, NULL, UINT64_MAX);
	json_close(&j, ']');
	json_open(&j, "empty", '{');
	json_close(&j, '}');
	json_bool(&j, "t", true);
	json_close(&j, '}');
	assert_string_equal(buf_text(&b), "{\"b\":\"x\",\"a\":[-5,18446744073709551615],\"empty\":{},\"t\":true}");
	buf_done(&b);
}

static void
test_strings(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"a\"b\\c", "[\"a\\\"b\\\\c\"]"},
		{"\n\t\r\x01\x7f", "[\"\\n\\t\\r\\u0001\\u007f\"]"},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "[\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"]"},
		{"\xff", "[\"\xef\xbf\xbd\"]"},
		{"\xc0\xaf", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]"},             /* overlong */
		{"\xed\xa0\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"}, /* a surrogate */
		{"\xe2\x82", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]"},             /* cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b;
		struct json j;
		json_t *back;

		buf_init(&b, 1000);
		j = json_to(&b);
		json_open(&j, NULL, '[');
		json_str(&j, NULL, t[i].in);
		json_close(&j, ']');
		assert_string_equal(buf_text(&b), t[i].out);
		back = json_loads(buf_text(&b), 0, NULL);
		assert_non_null(back);
		json_decref(back);
		buf_done(&b);
	}
}

static void
test_every_byte_pair_is_json(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (unsigned int i = 0; i < 65536; i++) {
		char in[2] = {(char)(i >> 8), (char)(i & 255)};
		struct json j = json_to(&b);
		json_t *back;

		buf_reset(&b);
		json_open(&j, NULL, '[');
		json_strn(&j, NULL, in, 2);
		json_close(&j, ']');
		assert_null(memchr(b.p, '\n', b.len));
		back = json_loadb(b.p, b.len, JSON_ALLOW_NUL, NULL);
		assert_non_null(back);
		json_decref(back);
	}
	buf_done(&b);
}

static void
test_numbers(void **state)
{
	static const struct {
		double v;
		int decimals;
		const char *out;
	} t[] = {
		{1.5, 2, "1.5"}, {1, 2, "1"}, {63.954, 2, "63.95"}, {-0.001, 2, "0"}, {100, 0, "100"}, {0.1, 3, "0.1"},
		{-2.25, 2, "-2.25"}, {NAN, 2, "null"}, {INFINITY, 0, "null"}, {1e21, 0, "1000000000000000000000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b;
		struct json j;

		buf_init(&b, 1000);
		j = json_to(&b);
		json_num(&j, NULL, t[i].v, t[i].decimals);
		assert_string_equal(buf_text(&b), t[i].out);
		buf_done(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_and_order), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_every_byte_pair_is_json), cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
