/* Compressed inputs: files and pipes, several streams, padding, cuts and damage. */
#include "tests/unit/flowfile_kit.h"

#include <sys/wait.h>

#include "collector/unpack.h"

static const struct {
	enum unpack_kind kind;
	const char *tool, *suffix;
} tools[] = {
	{UNPACK_GZIP, "gzip", "gz"}, {UNPACK_ZSTD, "zstd", "zst"}, {UNPACK_BZ2, "bzip2", "bz2"}, {UNPACK_LZ4, "lz4", "lz4"},
};
enum { KINDS = 4, PACKETS = 3000 };

static uint64_t random_state = 7;

static uint8_t
random_byte(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint8_t)(random_state >> 56);
}

/* A capture that does not compress to nothing. */
static void
capture(void)
{
	im.n = 0;
	im.big = false;
	put(0xa1b2c3d4, 4);
	put(2, 2);
	put(4, 2);
	put(0, 8);
	put(65535, 4);
	put(1, 4);
	for (int i = 0; i < PACKETS; i++) {
		put((uint64_t)1700000000 + (uint64_t)i / 100, 4);
		put((uint64_t)i % 100, 4);
		put(200, 4);
		put(200, 4);
		for (int k = 0; k < 200; k++)
			im.p[im.n++] = k < 100 ? random_byte() : 0;
	}
}

/* The image through a tool; false when the machine does not have it. */
static bool
compress_with(const char *tool)
{
	char in[] = "/tmp/test_unpack.XXXXXX", command[200];
	int fd = mkstemp(in);
	FILE *p;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, im.p, im.n), im.n);
	close(fd);
	snprintf(command, sizeof(command), "%s -c <%s 2>/dev/null", tool, in);
	p = popen(command, "r");
	assert_non_null(p);
	im.n = fread(im.p, 1, IMAGE_ROOM, p);
	unlink(in);
	return pclose(p) == 0 && im.n > 0;
}

static uint64_t packets;

static void
count_packets(const char *path)
{
	struct source_events ev = {.damage = on_damage};
	struct source_progress progress;
	struct block b;
	struct source *s;
	int n;

	memset(&got, 0, sizeof(got));
	packets = 0;
	assert_int_equal(block_init(&b), 0);
	s = source_open_file(path, &ev, got.why, sizeof(got.why));
	got.end = 1;
	if (s != NULL) {
		while ((n = source_read(s, &b)) > 0)
			packets += b.n;
		got.end = n;
		source_progress(s, &progress);
		got.done = progress.done;
		got.total = progress.total;
	}
	source_close(s);
	block_done(&b);
}

static void
count_part(size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char path[40];

	assert_int_equal(write(fd, im.p, n), n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	count_packets(path);
	close(fd);
}

static void
count_pipe(size_t piece)
{
	int fd[2], status;
	char path[40];
	pid_t child;

	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (child == 0) {
		close(fd[0]);
		for (size_t at = 0; at < im.n; at += piece) {
			size_t n = im.n - at < piece ? im.n - at : piece;

			if (write(fd[1], im.p + at, n) != (ssize_t)n)
				_exit(1);
		}
		_exit(0);
	}
	close(fd[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	count_packets(path);
	close(fd[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void
each_kind(void **state)
{
	unsigned int tried = 0;

	(void)state;
	for (int i = 0; i < KINDS; i++) {
		capture();
		if (!unpack_built(tools[i].kind) || !compress_with(tools[i].tool))
			continue;
		tried++;
		assert_int_equal(unpack_probe(im.p, im.n), tools[i].kind);
		count_part(im.n);
		assert_int_equal(packets, PACKETS);
		assert_int_equal(got.damaged, 0);
		assert_int_equal(got.end, ERR_EOF);
		assert_int_equal(got.total, im.n);
		assert_int_equal(got.done, im.n);
		count_pipe(333);
		assert_int_equal(packets, PACKETS);
		assert_int_equal(got.damaged, 0);
		/* the padding of a tape */
		put_zeros(10240);
		count_part(im.n);
		assert_int_equal(packets, PACKETS);
		assert_int_equal(got.damaged, 0);
		/* somebody else's bytes */
		put_bytes("unexpected!!", 12);
		count_part(im.n);
		assert_int_equal(packets, PACKETS);
		assert_int_equal(got.damaged, 1);
		assert_int_equal(got.done, im.n);
	}
	assert_true(tried > 0);
}

/* A file written in pieces is one stream behind another. */
static void
several_streams(void **state)
{
	static uint8_t second[IMAGE_ROOM];
	size_t n;

	(void)state;
	for (int i = 0; i < KINDS; i++) {
		if (!unpack_built(tools[i].kind))
			continue;
		capture();
		n = im.n / 3;
		memcpy(second, im.p + n, im.n - n);
		n = im.n - n;
		im.n -= n;
		if (!compress_with(tools[i].tool))
			continue;
		{
			static uint8_t first[IMAGE_ROOM];
			size_t first_n = im.n;

			memcpy(first, im.p, first_n);
			memcpy(im.p, second, n);
			im.n = n;
			assert_true(compress_with(tools[i].tool));
			memmove(im.p + first_n, im.p, im.n);
			memcpy(im.p, first, first_n);
			im.n += first_n;
		}
		count_part(im.n);
		assert_int_equal(packets, PACKETS);
		assert_int_equal(got.damaged, 0);
	}
}

static void
cut_off(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		size_t n;

		capture();
		if (!unpack_built(tools[i].kind) || !compress_with(tools[i].tool))
			continue;
		n = im.n * 9 / 10;
		count_part(n);
		/* a block of the other two holds all of this, and nothing comes of half a block */
		if (tools[i].kind == UNPACK_GZIP || tools[i].kind == UNPACK_ZSTD)
			assert_in_range(packets, PACKETS / 2, PACKETS * 95 / 100);
		else
			assert_int_equal(packets, 0);
		assert_true(got.damaged >= 1 || strstr(got.why, "cut off") != NULL);
		if (got.end != 1) {
			assert_string_equal(got.first, "the compressed stream is cut off");
			assert_int_equal(got.offset, n);
		}
		/* not even one byte of what is inside */
		count_part(12);
		assert_int_equal(got.end, 1);
		assert_non_null(strstr(got.why, "the compressed stream is cut off"));
		assert_non_null(strstr(got.why, unpack_name(tools[i].kind)));
	}
}

static void
damaged(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		capture();
		if (!unpack_built(tools[i].kind) || !compress_with(tools[i].tool))
			continue;
		memset(im.p + im.n * 3 / 4, 0, 64);
		count_part(im.n);
		if (tools[i].kind == UNPACK_BZ2) { /* one block, which came out as rubbish */
			assert_int_equal(packets, 0);
			assert_int_not_equal(got.why[0], '\0');
			continue;
		}
		assert_true(got.damaged >= 1);
		assert_non_null(strstr(got.first, "stream is damaged"));
		assert_int_equal(got.done, im.n);
	}
}

static void
what_is_inside(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		if (!unpack_built(tools[i].kind))
			continue;
		im.n = 0;
		put_bytes("just a letter to a friend\n", 26);
		if (!compress_with(tools[i].tool))
			continue;
		count_part(im.n);
		assert_int_equal(got.end, 1);
		assert_non_null(strstr(got.why, "not a capture or flow file inside its compression (it starts with 6a 75 73 74)"));
		im.n = 0;
		assert_true(compress_with(tools[i].tool));
		count_part(im.n);
		assert_int_equal(got.end, 1);
		assert_non_null(strstr(got.why, "empty inside its compression"));
	}
	assert_int_equal(unpack_probe((const uint8_t *)"BZh9hello, world", 16), UNPACK_NONE);
	assert_int_equal(unpack_probe((const uint8_t *)"\x1f\x8b", 2), UNPACK_NONE);
	assert_string_equal(unpack_name(UNPACK_BZ2), "bzip2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(several_streams),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(damaged),
		cmocka_unit_test(what_is_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
