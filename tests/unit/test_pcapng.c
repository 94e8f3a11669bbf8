/* pcapng: both byte orders, sections, interfaces with their own clocks, and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/source.h"

enum { ROOM = 1 << 20, T0 = 1700000000 };

static uint8_t im[ROOM];
static size_t im_n, block_at;
static bool big;

static struct {
	uint64_t packets, places, packet, offset, sum;
	char reason[200];
	struct raw_packet p[64]; /* the first ones */
	int end;
} s;

static void
put(uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++) {
		int k = big ? bytes - 1 - i : i;

		im[im_n++] = k < 8 ? (uint8_t)(v >> 8 * k) : 0;
	}
}

static void
block_open(uint32_t type)
{
	block_at = im_n;
	put(type, 4);
	put(0, 4);
}

static void
block_close(void)
{
	size_t length, end;

	while (im_n % 4 != 0)
		im[im_n++] = 0;
	length = im_n - block_at + 4;
	put(length, 4);
	end = im_n;
	im_n = block_at + 4;
	put(length, 4);
	im_n = end;
}

static void
section(void)
{
	block_open(0x0a0d0d0a);
	put(0x1a2b3c4d, 4);
	put(1, 2);
	put(0, 2);
	put(UINT64_MAX, 8);
	block_close();
}

/* resolution 0: none given */
static void
interface(uint16_t link, uint32_t snaplen, uint8_t resolution, int64_t offset_s)
{
	block_open(1);
	put(link, 2);
	put(0, 2);
	put(snaplen, 4);
	if (resolution != 0) {
		put(2, 2); /* if_name, to be skipped with its padding */
		put(3, 2);
		put(0x00616161, 4);
		put(9, 2);
		put(1, 2);
		put(resolution, 1);
		put(0, 3);
		put(14, 2);
		put(8, 2);
		put((uint64_t)offset_s, 8);
		put(0, 4);
	}
	block_close();
}

static void
data(uint32_t number, uint32_t caplen)
{
	memset(im + im_n, 0xaa, caplen);
	memcpy(im + im_n, &number, 4);
	im_n += caplen;
}

static void
enhanced(uint32_t number, uint32_t iface, uint64_t t, uint32_t caplen, uint32_t wirelen)
{
	block_open(6);
	put(iface, 4);
	put(t >> 32, 4);
	put(t & UINT32_MAX, 4);
	put(caplen, 4);
	put(wirelen, 4);
	data(number, caplen);
	block_close();
}

static void
damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	(void)ctx;
	(void)input;
	s.places++;
	s.packet = packet;
	s.offset = offset;
	snprintf(s.reason, sizeof(s.reason), "%s", reason);
}

static void
run(void)
{
	char path[] = "/tmp/damp-test-XXXXXX", why[200];
	struct source_events ev = {.damage = damage};
	int fd = mkstemp(path);
	struct source *src;
	struct block b;

	memset(&s, 0, sizeof(s));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, im, im_n), im_n);
	close(fd);
	src = source_open_file(path, &ev, why, sizeof(why));
	unlink(path);
	assert_non_null(src);
	assert_int_equal(block_init(&b), 0);
	while ((s.end = source_read(src, &b)) > 0) {
		for (size_t i = 0; i < b.n; i++) {
			uint32_t number;

			memcpy(&number, b.data + b.packet[i].offset, 4);
			s.sum += number;
			if (s.packets < 64)
				s.p[s.packets] = b.packet[i];
			s.packets++;
		}
	}
	assert_int_equal(s.end, ERR_EOF);
	block_done(&b);
	source_close(src);
}

static void
start(void)
{
	im_n = 0;
	section();
	interface(1, 0, 0, 0);
}

static void
test_blocks(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		big = order == 1;
		start();
		interface(113, 0, 9, 0);
		block_open(5); /* statistics, and a block nobody knows: skipped */
		put(0, 12);
		block_close();
		block_open(0x40000bad);
		put(0, 20);
		block_close();
		enhanced(1, 0, (uint64_t)T0 * 1000000 + 7, 61, 1500);
		enhanced(2, 1, (uint64_t)T0 * 1000000000 + 7, 60, 60);
		block_open(3); /* simple: no time of its own */
		put(100, 4);
		data(3, 100);
		block_close();
		block_open(2); /* the obsolete packet block */
		put(1, 2);
		put(0, 2);
		put((uint64_t)T0 * 1000000000 >> 32, 4);
		put(((uint64_t)T0 * 1000000000 + 9) & UINT32_MAX, 4);
		put(60, 4);
		put(70, 4);
		data(4, 60);
		block_close();
		run();
		assert_int_equal(s.places, 0);
		assert_int_equal(s.packets, 4);
		assert_int_equal(s.sum, 10);
		assert_true(s.p[0].t_ns == T0 * INT64_C(1000000000) + 7000);
		assert_int_equal(s.p[0].caplen, 61);
		assert_int_equal(s.p[0].wirelen, 1500);
		assert_int_equal(s.p[0].link, 1);
		assert_int_equal(s.p[1].link, 113);
		assert_true(s.p[1].t_ns == T0 * INT64_C(1000000000) + 7);
		assert_true(s.p[2].t_ns == s.p[1].t_ns);
		assert_int_equal(s.p[2].caplen, 100);
		assert_int_equal(s.p[3].wirelen, 70);
		assert_true(s.p[3].t_ns == T0 * INT64_C(1000000000) + 9);
	}
	big = false;
}

static void
test_clocks(void **state)
{
	static const struct {
		uint8_t resolution;
		int64_t offset_s;
		uint64_t t;
		int64_t ns;
	} cases[] = {
		{3, 0, UINT64_C(1700000000123), 1700000000123000000},
		{1, 0, UINT64_C(17000000005), 1700000000500000000},
		{12, 0, UINT64_C(1700000000123456789), 1700000000123456 /* a while after 1970 */},
		{6, 1600000000, UINT64_C(100000000000001), 1700000000000001000},
		{6, -3600, UINT64_C(1700000000000001), 1699996400000001000},
		{0x80 | 10, 0, UINT64_C(1700000000) << 10 | 512, 1700000000500000000},
		{0x80 | 32, 0, UINT64_C(1700000000) << 32 | UINT64_C(1) << 31, 1700000000500000000},
		{0x80 | 33, 0, UINT64_C(1700000000) << 33 | UINT64_C(1) << 31, 1700000000250000000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		im_n = 0;
		section();
		interface(1, 0, cases[i].resolution, cases[i].offset_s);
		enhanced(1, 0, cases[i].t, 60, 60);
		run();
		print_message("resolution %u\n", cases[i].resolution);
		assert_int_equal(s.packets, 1);
		assert_true(s.p[0].t_ns == cases[i].ns);
	}
	/* times that no 63 bits of nanoseconds hold are told */
	im_n = 0;
	section();
	interface(1, 0, 6, INT64_MIN);
	enhanced(1, 0, UINT64_MAX, 60, 60);
	run();
	assert_int_equal(s.packets, 0);
	assert_int_equal(s.places, 1);
}

/* A second section starts with interfaces of its own, and may have the other byte order. */
static void
test_sections(void **state)
{
	(void)state;
	start();
	enhanced(1, 0, (uint64_t)T0 * 1000000, 60, 60);
	big = true;
	section();
	interface(101, 64, 0, 0);
	block_open(3);
	put(1500, 4);
	data(2, 64); /* the snaplen says how much there is */
	block_close();
	enhanced(3, 0, (uint64_t)T0 * 1000000, 60, 60);
	big = false;
	section();
	enhanced(4, 0, (uint64_t)T0 * 1000000, 60, 60);
	run();
	assert_int_equal(s.packets, 3);
	assert_int_equal(s.p[0].link, 1);
	assert_int_equal(s.p[1].caplen, 64);
	assert_int_equal(s.p[1].wirelen, 1500);
	assert_int_equal(s.p[2].link, 101);
	assert_int_equal(s.places, 1);
	assert_non_null(strstr(s.reason, "interface that was not described"));
}

static void
test_damage(void **state)
{
	static const uint32_t lengths[] = {0, 8, 91, 1000, 0xfffffff0};
	size_t at[21];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) + 1; i++) {
		start();
		for (uint32_t k = 0; k < 20; k++) {
			at[k] = im_n;
			enhanced(k + 1, 0, (uint64_t)T0 * 1000000 + k, 60, 60);
		}
		at[20] = im_n;
		if (i < sizeof(lengths) / sizeof(lengths[0])) {
			im_n = at[10] + 4;
			put(lengths[i], 4);
		} else {
			im_n = at[11] - 4; /* the length at the end */
			put(1, 4);
		}
		im_n = at[20];
		run();
		assert_int_equal(s.places, 1);
		assert_int_equal(s.packets, 19);
		assert_int_equal(s.sum, 210 - 11);
		assert_int_equal(s.packet, 11);
		assert_int_equal(s.offset, at[10]);
	}
}

static void
test_cut(void **state)
{
	size_t from, whole;

	(void)state;
	start();
	enhanced(1, 0, (uint64_t)T0 * 1000000, 60, 60);
	from = im_n;
	enhanced(2, 0, (uint64_t)T0 * 1000000, 60, 60);
	whole = im_n;
	for (im_n = from; im_n < whole; im_n++) {
		run();
		assert_int_equal(s.packets, 1);
		assert_int_equal(s.places, im_n > from);
		if (s.places > 0) {
			assert_int_equal(s.offset, from);
			assert_non_null(strstr(s.reason, "the file ends inside a block"));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks), cmocka_unit_test(test_clocks), cmocka_unit_test(test_sections),
		cmocka_unit_test(test_damage), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
