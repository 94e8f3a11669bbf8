/* The alert file: appending, half lines, full disks, two writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/file.h"
#include "feeds/verify.h"
#include "sample_alert.h"

static char path[] = "/tmp/damp-file-XXXXXX";
static struct signer *signer;

static int
setup(void **state)
{
	char why[200];
	int fd = mkstemp(path);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (fd < 0 || sign_init() < 0)
		return -1;
	close(fd);
	signer = signer_ephemeral(why, sizeof(why));
	return signer != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	signer_free(signer);
	return unlink(path);
}

static struct file_feed *
open_feed(bool append, struct chain *c)
{
	struct file_options o = {.append = append, .sync = FILE_SYNC_LINE};
	char why[400];
	struct file_feed *f = file_feed_open(path, &o, c, why, sizeof(why));

	if (f == NULL)
		fail_msg("%s", why);
	return f;
}

static int
write_sample(struct file_feed *f, struct chain *c)
{
	struct alert a = sample_alert(c->seq);
	struct line_extra x;
	struct buf b;
	int r;

	memset(&x, 0, sizeof(x));
	buf_init(&b, LINE_MAX_BYTES);
	assert_int_equal(line_render(&b, &a, &x), 0);
	assert_int_equal(sign_line(signer, c, &b), 0);
	r = file_feed_write(f, b.p, b.len);
	buf_done(&b);
	return r;
}

static void
expect_lines(uint64_t lines)
{
	struct verify_options o = {.keys = signer_pub(signer), .keys_n = 1, .threads = 1};
	struct verify_result r;
	int fd = open(path, O_RDONLY);

	if (verify_fd(fd, &o, &r) != 0)
		fail_msg("line %d: %s", (int)r.bad_line, r.why);
	assert_int_equal(r.lines, lines);
	close(fd);
}

static off_t
size_now(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
test_append_and_anew(void **state)
{
	struct chain c;
	struct file_feed *f = open_feed(false, &c);
	char why[400];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
	f = open_feed(true, &c);
	assert_int_equal(c.seq, 3);
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(file_feed_written(f), 1);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
	expect_lines(4);
	f = open_feed(false, &c);
	assert_int_equal(c.seq, 0);
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
	expect_lines(1);
}

static void
test_half_line_of_a_crash(void **state)
{
	struct file_options o = {.append = true};
	struct chain c;
	struct file_feed *f = open_feed(false, &c);
	char why[400];

	(void)state;
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
	assert_int_equal(truncate(path, size_now() - 10), 0);
	f = file_feed_open(path, &o, &c, why, sizeof(why));
	assert_non_null(f);
	assert_non_null(strstr(why, "cut off"));
	assert_int_equal(c.seq, 1);
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
	expect_lines(2);
}

static void
test_somebody_elses_file(void **state)
{
	struct file_options o = {.append = true};
	struct chain c;
	char why[400];
	FILE *f = fopen(path, "w");

	(void)state;
	fputs("precious, without a newline", f);
	fclose(f);
	assert_null(file_feed_open(path, &o, &c, why, sizeof(why)));
	assert_non_null(strstr(why, path));
	assert_int_equal(size_now(), 27);
	assert_null(file_feed_open("/no/such/file", &o, &c, why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
}

static void
test_two_writers(void **state)
{
	struct file_options o = {.append = true};
	struct chain c, d;
	struct file_feed *f = open_feed(false, &c);
	char why[400];

	(void)state;
	assert_null(file_feed_open(path, &o, &d, why, sizeof(why)));
	assert_non_null(strstr(why, "another program"));
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
}

/* A limit on the file's size stands for the disk's: a write goes through in part, then fails. */
static void
set_limit(rlim_t n)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static void
test_no_room(void **state)
{
	struct chain c;
	struct file_feed *f = open_feed(false, &c);
	char why[400];
	off_t two;

	(void)state;
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(write_sample(f, &c), 0);
	two = size_now();
	set_limit((rlim_t)two + 100);
	assert_int_equal(write_sample(f, &c), ERR_IO);
	assert_int_equal(write_sample(f, &c), ERR_IO);
	assert_int_equal(size_now(), two); /* not a hundred bytes of the third */
	assert_non_null(strstr(file_feed_error(f), path));
	expect_lines(2);
	/* room again: everything is there, in order */
	set_limit(RLIM_INFINITY);
	assert_int_equal(write_sample(f, &c), 0);
	assert_string_equal(file_feed_error(f), "");
	expect_lines(5);
	set_limit((rlim_t)size_now() + 100);
	assert_int_equal(write_sample(f, &c), ERR_IO);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), ERR_IO);
	assert_non_null(strstr(why, "1 are missing"));
	set_limit(RLIM_INFINITY);
	expect_lines(5);
}

static void
test_memory_bound(void **state)
{
	struct file_options o = {.spool_lines = 2};
	struct chain c;
	char why[400];
	struct file_feed *f = file_feed_open("/dev/full", &o, &c, why, sizeof(why));

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(write_sample(f, &c), ERR_IO);
	assert_int_equal(file_feed_lost(f), 3);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), ERR_IO);
	assert_non_null(strstr(why, "/dev/full: No space left on device"));
	assert_non_null(strstr(why, "5 are missing"));
}

static void
test_rotated_by_emptying(void **state)
{
	struct chain c;
	struct file_feed *f = open_feed(false, &c);
	char why[400];

	(void)state;
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(write_sample(f, &c), 0);
	assert_int_equal(file_feed_close(f, why, sizeof(why)), 0);
	expect_lines(1); /* seq 2 alone, and no hole in front of it */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_anew), cmocka_unit_test(test_half_line_of_a_crash),
		cmocka_unit_test(test_somebody_elses_file), cmocka_unit_test(test_two_writers), cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_memory_bound), cmocka_unit_test(test_rotated_by_emptying),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
