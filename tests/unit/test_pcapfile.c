/* Capture files: the formats, pipes, growth over blocks, and damage in every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/source.h"

enum { T0 = 1700000000, ROOM = 8 << 20 };

struct image {
	uint8_t *p;
	size_t n;
	bool big;        /* byte order of what is written */
	size_t at[2000]; /* where each record starts */
	size_t records;
};

struct seen {
	uint64_t packets, places, packet, offset;
	char reason[200], why[200];
	int64_t first_ns, last_ns;
	uint32_t caplen, wirelen; /* of the last one */
	uint16_t link;
	uint64_t sum;    /* of every packet's first four bytes: which ones came */
	int end;
};

static struct image im;
static struct seen s;

static int
setup(void **state)
{
	(void)state;
	im = (struct image){.p = malloc(ROOM)};
	return im.p != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(im.p);
	return 0;
}

static void
put(uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		im.p[im.n++] = (uint8_t)(v >> 8 * (im.big ? bytes - 1 - i : i));
}

static void
put_header(uint32_t magic, uint32_t snaplen, uint32_t link)
{
	put(magic, 4);
	put(2, 2);
	put(4, 2);
	put(0, 4);
	put(0, 4);
	put(snaplen, 4);
	put(link, 4);
}

static void
put_data(uint32_t number, uint32_t caplen)
{
	memset(im.p + im.n, 0xaa, caplen);
	if (caplen >= 4)
		memcpy(im.p + im.n, &number, 4);
	im.n += caplen;
}

static void
put_record(uint32_t sec, uint32_t frac, uint32_t caplen, uint32_t wirelen)
{
	im.at[im.records++] = im.n;
	put(sec, 4);
	put(frac, 4);
	put(caplen, 4);
	put(wirelen, 4);
	put_data((uint32_t)im.records, caplen);
}

static void
put_plain(uint32_t n)
{
	put_header(0xa1b2c3d4, 65535, 1);
	for (uint32_t i = 0; i < n; i++)
		put_record(T0 + i / 10, i % 10 * 1000, 60 + i % 40, 60 + i % 40);
}

static void
damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct seen *to = ctx;

	assert_non_null(input);
	to->places++;
	to->packet = packet;
	to->offset = offset;
	snprintf(to->reason, sizeof(to->reason), "%s", reason);
}

static void
read_all(struct source *src)
{
	struct block b;
	struct source_progress progress;

	assert_int_equal(block_init(&b), 0);
	while ((s.end = source_read(src, &b)) > 0) {
		assert_int_equal(s.end, b.n);
		for (size_t i = 0; i < b.n; i++) {
			const struct raw_packet *p = &b.packet[i];
			uint32_t number;

			assert_true((size_t)p->offset + p->caplen <= b.size);
			memcpy(&number, b.data + p->offset, 4);
			s.sum += p->caplen >= 4 ? number : 0;
			if (s.packets++ == 0)
				s.first_ns = p->t_ns;
			s.last_ns = p->t_ns;
			s.caplen = p->caplen;
			s.wirelen = p->wirelen;
			s.link = p->link;
			assert_int_equal(p->input, 5);
		}
	}
	source_progress(src, &progress);
	assert_int_equal(progress.done, im.n);
	assert_int_equal(progress.damaged, s.places);
	block_done(&b);
}

/* Reads the image as a file; false when it does not open. */
static bool
run(void)
{
	char path[] = "/tmp/damp-test-XXXXXX";
	struct source_events ev = {.damage = damage, .ctx = &s, .input = 5};
	int fd = mkstemp(path);
	struct source *src;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, im.p, im.n), im.n);
	close(fd);
	memset(&s, 0, sizeof(s));
	src = source_open_file(path, &ev, s.why, sizeof(s.why));
	if (src != NULL)
		read_all(src);
	source_close(src);
	unlink(path);
	return src != NULL;
}

static void
assert_clean(uint64_t packets)
{
	assert_int_equal(s.places, 0);
	assert_int_equal(s.packets, packets);
	assert_int_equal(s.end, ERR_EOF);
	assert_int_equal(s.sum, packets * (packets + 1) / 2);
}

/* --- formats ------------------------------------------------------------------------------------ */

static void
test_classic(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		for (int nano = 0; nano < 2; nano++) {
			im.n = im.records = 0;
			im.big = big;
			put_header(nano ? 0xa1b23c4d : 0xa1b2c3d4, 65535, 0x10000000 | 113);
			put_record(T0, 5, 60, 60);
			put_record(T0 + 1, 999999, 96, 1500);
			assert_true(run());
			assert_clean(2);
			assert_true(s.first_ns == T0 * INT64_C(1000000000) + (nano ? 5 : 5000));
			assert_true(s.last_ns == (T0 + 1) * INT64_C(1000000000) + (nano ? 999999 : 999999000));
			assert_int_equal(s.caplen, 96);
			assert_int_equal(s.wirelen, 1500);
			assert_int_equal(s.link, 113);
		}
	}
}

static void
test_modified(void **state)
{
	(void)state;
	put_header(0xa1b2cd34, 65535, 1);
	for (uint32_t i = 0; i < 3; i++) {
		put(T0, 4);
		put(i, 4);
		put(60, 4);
		put(60, 4);
		put(7, 4);
		put(0x0800, 4);
		put_data(i + 1, 60);
	}
	assert_true(run());
	assert_clean(3);
}

static void
test_many_blocks(void **state)
{
	enum { N = 60000 };

	(void)state;
	put_header(0xa1b2c3d4, 65535, 1);
	for (uint32_t i = 0; i < N; i++) {
		im.records = i % 1000;
		put(T0, 4);
		put(i, 4);
		put(40 + i % 90, 4);
		put(1500, 4);
		put_data(i + 1, 40 + i % 90);
	}
	assert_true(run());
	assert_clean(N);
}

/* Larger than a block, as jumbo captures of offloaded segments with a large snaplen may be. */
static void
test_large_record(void **state)
{
	(void)state;
	put_header(0xa1b2c3d4, 4 << 20, 1);
	put_record(T0, 0, 100, 100);
	put_record(T0, 1, 3 << 20, 3 << 20);
	put_record(T0, 2, 100, 100);
	assert_true(run());
	assert_clean(3);
}

/* Odd, but borne out by the records behind: more bytes than on the wire, a long silence, more than
 * the snaplen, an empty packet. */
static void
test_odd_records(void **state)
{
	(void)state;
	put_header(0xa1b2c3d4, 96, 1);
	put_record(T0, 0, 90, 60);
	put_record(T0, 1, 70000, 70000);
	put_record(T0, 1, 80, 80);
	put_record(T0 + 400000, 2, 70, 70);
	put_record(T0 + 400001, 2, 70, 70);
	assert_true(run());
	assert_clean(5);
	im.n = im.records = 0;
	put_plain(2);
	put_record(T0, 1, 0, 60);
	put_record(T0, 1, 60, 60);
	assert_true(run());
	assert_int_equal(s.packets, 4);
	assert_int_equal(s.places, 0);
}

static void
test_not_captures(void **state)
{
	(void)state;
	assert_false(run());
	assert_non_null(strstr(s.why, "empty"));
	put_header(0xa1b2c3d4, 65535, 1);
	assert_true(run()); /* tcpdump that saw nothing */
	assert_clean(0);
	im.n = 20;
	assert_false(run());
	assert_non_null(strstr(s.why, "ends inside its file header"));
	im.n = 3;
	assert_false(run());
	assert_non_null(strstr(s.why, "not a capture"));
	im.n = 0;
	put(0x00088b1f, 4);
	assert_false(run());
	assert_non_null(strstr(s.why, "gzip"));
	assert_null(source_open_file("/nonexistent/file", NULL, s.why, sizeof(s.why)));
	assert_non_null(strstr(s.why, "No such file"));
	assert_null(source_open_file("/tmp", NULL, s.why, sizeof(s.why)));
	assert_non_null(strstr(s.why, "directory"));
}

/* A pipe that is fed in small pieces: whole packets come out without waiting for a full block. */
static void
test_pipe(void **state)
{
	struct source_events ev = {.damage = damage, .ctx = &s, .input = 5};
	struct source *src;
	struct block b;
	char path[32];
	int fd[2];

	(void)state;
	put_plain(3);
	assert_int_equal(pipe(fd), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd[0]);
	assert_int_equal(write(fd[1], im.p, 24), 24);
	memset(&s, 0, sizeof(s));
	src = source_open_file(path, &ev, s.why, sizeof(s.why));
	assert_non_null(src);
	assert_int_equal(block_init(&b), 0);
	/* one packet and half of the next */
	assert_true(write(fd[1], im.p + 24, im.at[1] - 24 + 30) > 0);
	assert_int_equal(source_read(src, &b), 1);
	assert_int_equal(b.packet[0].caplen, 60);
	assert_true(write(fd[1], im.p + im.at[1] + 30, im.n - im.at[1] - 30) > 0);
	assert_int_equal(source_read(src, &b), 2);
	source_stop(src);
	assert_int_equal(source_read(src, &b), ERR_EOF);
	assert_int_equal(s.places, 0);
	block_done(&b);
	source_close(src);
	close(fd[0]);
	close(fd[1]);
}

/* --- damage ------------------------------------------------------------------------------------- */

static void
test_cut_at_every_byte(void **state)
{
	size_t whole;

	(void)state;
	put_plain(6);
	whole = im.n;
	for (im.n = 24; im.n < whole; im.n++) {
		size_t k = 0;

		while (k < 6 && (k + 1 < 6 ? im.at[k + 1] : whole) <= im.n)
			k++;
		assert_true(run());
		assert_int_equal(s.packets, k);
		assert_int_equal(s.places, im.n != im.at[k]);
		if (s.places > 0) {
			assert_int_equal(s.offset, im.at[k]);
			assert_int_equal(s.packet, k + 1);
			assert_non_null(strstr(s.reason, "the file ends inside"));
		}
	}
}

/* Each word of a header overwritten: one record is lost, told, and no other. */
static void
test_one_bad_header(void **state)
{
	static const struct {
		size_t offset;
		uint8_t bytes[16];
		size_t n;
	} cases[] = {
		{0, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 16},
		{0, {0}, 16},                      /* wiped */
		{0, {1, 2, 3, 4}, 4},              /* time */
		{4, {0xff, 0xff, 0xff, 0x7f}, 4},  /* microseconds */
		{8, {0xff, 0xff, 0xff, 0xff}, 4},  /* captured length */
		{8, {200, 0, 0, 0}, 4},            /* a plausible one, over the next records */
		{8, {0x50, 0xc3, 0, 0, 0x50, 0xc3, 0, 0}, 8},
		{8, {1, 0, 0, 0}, 4},              /* too short: a stub of the packet comes through */
		{12, {0xff, 0xff, 0xff, 0xff}, 4}, /* length on the wire */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t bad = 1; bad < 999; bad += 331) {
			bool stub;

			im.n = im.records = 0;
			put_plain(1000);
			memcpy(im.p + im.at[bad] + cases[i].offset, cases[i].bytes, cases[i].n);
			assert_true(run());
			print_message("case %zu, record %u: %s at %llu\n", i, bad + 1, s.reason, (unsigned long long)s.offset);
			assert_int_equal(s.places, 1);
			/* a length too short shows only where the next header should be */
			stub = s.offset == im.at[bad] + 17;
			assert_true(stub || s.offset == im.at[bad]);
			assert_int_equal(stub, cases[i].bytes[0] == 1 && cases[i].offset == 8);
			assert_int_equal(s.packet, bad + 1 + stub);
			assert_int_equal(s.packets, 999 + stub);
			assert_int_equal(s.sum, 1000 * 1001 / 2 - (bad + 1));
		}
	}
}

static void
test_hole_across_blocks(void **state)
{
	uint32_t n = 20000;
	size_t from, to;

	(void)state;
	put_header(0xa1b2c3d4, 65535, 1);
	for (uint32_t i = 0; i < n; i++) {
		im.records = i % 100;
		put_record(T0, i, 100, 100);
	}
	/* everything is 116 bytes; wipe two megabytes from the middle of one record to that of another */
	from = 24 + 116 * 500 + 50;
	to = 24 + 116 * 18500 + 50;
	for (size_t i = from; i < to; i++)
		im.p[i] = (uint8_t)(i * 2654435761u >> 13);
	assert_true(run());
	assert_int_equal(s.places, 1);
	assert_int_equal(s.offset, 24 + 116 * 501);
	assert_int_equal(s.packets, 501 + (n - 18501));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_classic), T(test_modified), T(test_many_blocks), T(test_large_record), T(test_odd_records),
		T(test_not_captures), T(test_pipe), T(test_cut_at_every_byte), T(test_one_bad_header),
		T(test_hole_across_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
