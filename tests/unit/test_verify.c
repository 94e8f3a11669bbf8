/* The verifier finds every kind of damage, at its line, whatever the number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/verify.h"
#include "sample_alert.h"

enum { LINES = 2000 }; /* about 3 MiB, so that lines of several blocks meet */

struct stream {
	struct signer *signer;
	struct chain chain;
	struct buf text;
	size_t at[LINES + 1]; /* offset of each line */
};

static struct stream whole; /* made once, read by all tests */

static void
add_line(struct stream *s, size_t i)
{
	struct alert a = sample_alert(i);
	struct line_extra x;
	struct buf b;

	memset(&x, 0, sizeof(x));
	buf_init(&b, LINE_MAX_BYTES);
	s->at[i] = s->text.len;
	assert_int_equal(line_render(&b, &a, &x), 0);
	assert_int_equal(sign_line(s->signer, &s->chain, &b), 0);
	buf_bytes(&s->text, b.p, b.len);
	buf_char(&s->text, '\n');
	buf_done(&b);
	s->at[i + 1] = s->text.len;
}

static int
setup(void **state)
{
	static const uint8_t seed[32] = {1};
	char why[200];

	(void)state;
	if (sign_init() < 0 || (whole.signer = signer_from_seed(seed, why, sizeof(why))) == NULL)
		return -1;
	chain_init(&whole.chain);
	buf_init(&whole.text, 64 << 20);
	for (size_t i = 0; i < LINES; i++)
		add_line(&whole, i);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	signer_free(whole.signer);
	buf_done(&whole.text);
	return 0;
}

static int
verify(const char *p, size_t n, size_t keys_n, unsigned int threads, struct verify_result *r)
{
	struct verify_options o = {.keys = signer_pub(whole.signer), .keys_n = keys_n, .threads = threads};
	int fd = memfd_create("lines", 0), status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	lseek(fd, 0, SEEK_SET);
	status = verify_fd(fd, &o, r);
	close(fd);
	return status;
}

/* Expects the first failure at line `bad`, with these words, for one thread and for three. */
static void
expect_bad(const char *p, size_t n, size_t keys_n, uint64_t bad, const char *words)
{
	struct verify_result r;

	for (unsigned int threads = 1; threads <= 3; threads += 2) {
		assert_int_equal(verify(p, n, keys_n, threads, &r), ERR_SIGNATURE);
		if (r.bad_line != bad || strstr(r.why, words) == NULL)
			fail_msg("line %d: %s", (int)r.bad_line, r.why);
		assert_int_equal(r.lines, bad - 1);
	}
}

static char *
copy(void)
{
	char *p = malloc(whole.text.len);

	assert_non_null(p);
	memcpy(p, whole.text.p, whole.text.len);
	return p;
}

static void
test_good(void **state)
{
	struct verify_result r, rest, without;
	struct buf says;

	(void)state;
	for (unsigned int threads = 1; threads <= 4; threads++) {
		assert_int_equal(verify(whole.text.p, whole.text.len, 1, threads, &r), 0);
		assert_int_equal(r.lines, LINES);
		assert_int_equal(r.bytes, whole.text.len);
		assert_int_equal(r.first_seq, 1);
		assert_int_equal(r.last_seq, LINES);
		assert_string_equal(r.last_hash, whole.chain.prev);
		assert_int_equal(r.kids_n, 1);
		assert_string_equal(r.kid[0].kid, signer_pub(whole.signer)->kid);
		assert_int_equal(r.kid[0].lines, LINES);
	}
	assert_int_equal(verify(whole.text.p, whole.at[70], 1, 1, &r), 0);
	assert_int_equal(verify(whole.text.p + whole.at[70], whole.text.len - whole.at[70], 1, 1, &rest), 0);
	assert_int_equal(rest.first_seq, 71);
	assert_true(verify_follows(&r, &rest));
	assert_false(verify_follows(&rest, &r));
	assert_int_equal(verify(whole.text.p, whole.at[70], 0, 1, &without), 0);
	buf_init(&says, 4000);
	verify_explain(&rest, "x", &says);
	assert_non_null(strstr(says.p, "70 lines before the first"));
	assert_null(strstr(says.p, "NOT checked"));
	verify_explain(&without, "x", &says);
	assert_non_null(strstr(says.p, "signatures were NOT checked"));
	buf_done(&says);
	assert_int_equal(verify("", 0, 1, 1, &r), 0);
	assert_int_equal(r.lines, 0);
	/* without its last newline a line is still whole */
	assert_int_equal(verify(whole.text.p, whole.at[3] - 1, 1, 1, &r), 0);
	assert_int_equal(r.lines, 3);
	assert_int_equal(r.bytes, whole.at[3] - 1);
}

static void
test_every_byte_of_a_line_counts(void **state)
{
	size_t from = whole.at[1], to = whole.at[2];
	struct verify_result r;
	char *p = copy();

	(void)state;
	for (size_t i = from; i < to; i++) {
		char was = p[i];

		p[i] = (char)(was ^ 1);
		if (verify(p, whole.at[4], 1, 1, &r) != ERR_SIGNATURE || r.bad_line != 2)
			fail_msg("byte %zu: line %d %s", i - from, (int)r.bad_line, r.why);
		p[i] = was;
	}
	free(p);
}

static void
test_altered_late_in_the_file(void **state)
{
	char *p = copy(), *digit;

	(void)state;
	digit = strstr(p + whole.at[1500], "4157000");
	*digit = '5';
	expect_bad(p, whole.text.len, 1, 1501, "signature does not match");
	/* without the key only the next line's prev tells */
	expect_bad(p, whole.text.len, 0, 1502, "altered or replaced");
	free(p);
}

static void
test_missing_repeated_swapped(void **state)
{
	/* a cut at every place of a few hundred, so that block borders are among them */
	char *p = copy();

	(void)state;
	for (size_t i = 600; i < 1400; i += 97) {
		memcpy(p, whole.text.p, whole.at[i]);
		memcpy(p + whole.at[i], whole.text.p + whole.at[i + 1], whole.text.len - whole.at[i + 1]);
		expect_bad(p, whole.text.len - (whole.at[i + 1] - whole.at[i]), 1, i + 1, "missing");
	}
	memcpy(p, whole.text.p, whole.at[5]);
	memcpy(p + whole.at[5], whole.text.p + whole.at[4], whole.at[9] - whole.at[4]);
	expect_bad(p, whole.at[5] + whole.at[9] - whole.at[4], 1, 6, "repeated");
	free(p);
}

static void
test_wrong_key(void **state)
{
	char why[200];
	struct signer *other = signer_ephemeral(why, sizeof(why));
	struct sign_pub liar = *signer_pub(other), two[2];
	struct verify_options o = {.keys = &liar, .keys_n = 1};
	struct verify_result r;
	int fd = memfd_create("lines", 0);

	(void)state;
	assert_int_equal(write(fd, whole.text.p, whole.at[3]), whole.at[3]);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(verify_fd(fd, &o, &r), ERR_SIGNATURE);
	assert_int_equal(r.bad_line, 1);
	assert_non_null(strstr(r.why, "not the key given"));
	/* the right name on the wrong key */
	memcpy(liar.kid, signer_pub(whole.signer)->kid, sizeof(liar.kid));
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(verify_fd(fd, &o, &r), ERR_SIGNATURE);
	assert_non_null(strstr(r.why, "signature does not match"));
	two[0] = *signer_pub(other);
	two[1] = *signer_pub(whole.signer);
	o.keys = two;
	o.keys_n = 2;
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(verify_fd(fd, &o, &r), 0);
	close(fd);
	signer_free(other);
}

static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t n = whole.at[2] + 1; n < whole.at[3] - 1; n += 7)
		expect_bad(whole.text.p, n, 1, 3, "cut off");
}

static void
test_not_alert_lines(void **state)
{
	static const char *const bad[] = {"\n", "hello\n", "{}\n", "{\"a\":1}\n", "{\"sig\":\"\"}\n"};
	char *big = malloc(3 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad(bad[i], strlen(bad[i]), 1, 1, "");
	assert_non_null(big);
	memset(big, 'x', 3 << 20);
	expect_bad(big, 3 << 20, 1, 1, "");
	free(big);
}

/* Lines whose last bytes look right, but which a JSON reader would understand otherwise: signed, so
 * that only the shape can refuse them. */
static void
test_tails_that_lie(void **state)
{
	static const struct {
		const char *head;
		bool good;
	} t[] = {
		{"{\"x\":1,\"damp\":{\"a\":1", true},
		{"{\"damp\":{\"a\":{\"seq\":9,\"b\":[{},[],\"]}\",null,-1.5e+3,true]}", true},
		{"{\"seq\":5,\"damp\":{\"a\":1", true}, /* not ours, not in damp */
		{"{\"x\":{\"a\":1", false},
		{"{\"damp\":{\"seq\":7,\"a\":1", false},
		{"{\"damp\":{\"prev\":\"x\",\"a\":1", false},
		{"{\"damp\":{\"kid\":\"x\",\"a\":1", false},
		{"{\"damp\":{\"s\\u0065q\":7,\"a\":1", false},
		{"{\"d\\u0061mp\":{\"a\":1},\"damp\":{\"a\":1", false},
		{"{\"damp\":{},\"damp\":{\"a\":1", false},
		{"{\"sig\":\"\",\"damp\":{\"a\":1", false},
		{"{\"damp\":{\"a\":1},\"x\":{\"a\":1", false},
		{"{\"damp\":{\"a\":\"1", false},
		{"{\"damp\":{\"a\":[1", false},
		{"{\"damp\":{\"a\":1,", false},
		{"{\"damp\": {\"a\":1", false},
		{"{\"damp\":[\"a\",1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct verify_result r;
		struct chain c;
		struct buf b;

		chain_init(&c);
		buf_init(&b, 4000);
		buf_str(&b, t[i].head);
		assert_int_equal(sign_line(whole.signer, &c, &b), 0);
		if ((verify(b.p, b.len, 1, 1, &r) == 0) != t[i].good)
			fail_msg("%s: %s", b.p, r.why);
		buf_done(&b);
	}
}

static void
test_first_line_with_a_past(void **state)
{
	struct verify_result r;
	struct chain c;
	struct buf b;

	(void)state;
	chain_init(&c);
	c.prev[0] = '1';
	buf_init(&b, 4000);
	buf_str(&b, "{\"damp\":{\"a\":1");
	assert_int_equal(sign_line(whole.signer, &c, &b), 0);
	assert_int_equal(verify(b.p, b.len, 1, 1, &r), ERR_SIGNATURE);
	assert_non_null(strstr(r.why, "names a line before it"));
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_every_byte_of_a_line_counts),
		cmocka_unit_test(test_altered_late_in_the_file), cmocka_unit_test(test_missing_repeated_swapped),
		cmocka_unit_test(test_wrong_key), cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_not_alert_lines),
		cmocka_unit_test(test_tails_that_lie), cmocka_unit_test(test_first_line_with_a_past),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
