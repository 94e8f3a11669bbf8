/* Blocks of nfcapd files: every compression, damage, and files that are refused. */
#include "tests/unit/nfcapd_kit.h"

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef HAVE_LZ4
#include <lz4.h>
#endif
#ifdef HAVE_LZO
#include <lzo/lzo1x.h>
#endif

/* Compresses the open block's contents in place, as the file's header says. */
static void
pack_block(unsigned int packing)
{
	static uint8_t out[IMAGE_ROOM];
	size_t in = im.n - block - 12, n = 0;
	const uint8_t *p = im.p + block + 12;

	switch (packing) {
#ifdef HAVE_LZO
	case 1: {
		lzo_uint len = sizeof(out);
		void *work = malloc(LZO1X_1_MEM_COMPRESS);

		assert_int_equal(lzo_init(), LZO_E_OK);
		assert_int_equal(lzo1x_1_compress(p, in, out, &len, work), LZO_E_OK);
		free(work);
		n = len;
		break;
	}
#endif
#ifdef HAVE_BZ2
	case 2: {
		unsigned int len = sizeof(out);

		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out, &len, (char *)(uintptr_t)p, (unsigned int)in, 9, 0, 0), BZ_OK);
		n = len;
		break;
	}
#endif
#ifdef HAVE_LZ4
	case 3: n = (size_t)LZ4_compress_default((const char *)p, (char *)out, (int)in, sizeof(out)); break;
#endif
#ifdef HAVE_ZSTD
	case 4: n = ZSTD_compress(out, sizeof(out), p, in, 3); break;
#endif
	default: break;
	}
	im.n = block + 12;
	put_bytes(out, n);
	close_block();
}

/* Blocks of 6000 records each; the ports number them. */
static void
many(unsigned int packing, unsigned int blocks, size_t at[])
{
	struct v3 r = plain;
	unsigned int k = 0;

	start(2, packing, blocks);
	for (unsigned int i = 0; i < blocks; i++) {
		at[i] = im.n;
		open_block(3);
		for (unsigned int j = 0; j < 6000; j++) {
			r.sport = (uint16_t)k++;
			put_v3(&r);
		}
		if (packing != 0)
			pack_block(packing);
		else
			close_block();
	}
	at[blocks] = im.n;
}

static bool
built(unsigned int packing)
{
	switch (packing) {
	case 0: return true;
#ifdef HAVE_LZO
	case 1: return true;
#endif
#ifdef HAVE_BZ2
	case 2: return true;
#endif
#ifdef HAVE_LZ4
	case 3: return true;
#endif
#ifdef HAVE_ZSTD
	case 4: return true;
#endif
	default: return false;
	}
}

static void
every_compression(void **state)
{
	static const uint32_t flags1[] = {0, 1, 8, 16};
	size_t at[4];
	size_t blocks = 0;

	(void)state;
	for (unsigned int packing = 0; packing <= 4; packing++) {
		many(packing, 3, at);
		read_image();
		if (!built(packing)) {
			assert_non_null(strstr(got.why, "built without"));
			continue;
		}
		assert_int_equal(got.n, 18000);
		assert_int_equal(got.damaged, 0);
		assert_int_equal(got.done, im.n);
		assert_true(got.most <= 4096);
		for (unsigned int i = 0; i < 18000; i++)
			assert_int_equal(got.flow[i].sport, i);
		read_pipe(5000);
		assert_int_equal(got.n, 18000);
		assert_int_equal(got.damaged, 0);
		blocks += 3;
		/* the same compression in the older layout has another name */
		if (packing == 4)
			continue;
		start(1, flags1[packing], 1);
		open_block(2);
		put_common(1, 0, 1);
		end_common();
		put_common(1, 0, 1);
		end_common();
		close_block();
		if (packing != 0)
			pack_block(packing);
		read_image();
		assert_int_equal(got.n, 2);
		/* a block that says it is not compressed */
		start(1, flags1[packing], 1);
		open_block(2);
		put_common(1, 0, 1);
		end_common();
		close_block();
		put_at(block + 10, 1, 2);
		read_image();
		assert_int_equal(got.n, 1);
	}
	assert_true(blocks >= 3);
}

static void
damaged_compressed_block(void **state)
{
	size_t at[4];

	(void)state;
	for (unsigned int packing = 1; packing <= 4; packing++) {
		if (!built(packing))
			continue;
		many(packing, 3, at);
		memset(im.p + at[1] + 12, 0xee, 200);
		read_image();
		assert_int_equal(got.n, 12000);
		assert_int_equal(got.flow[6000].sport, 12000);
		assert_int_equal(got.damaged, 1);
		assert_int_equal(got.offset, at[1]);
		assert_non_null(strstr(got.first, "cannot be decompressed"));
		/* cut inside the last block */
		many(packing, 3, at);
		read_part(at[2] + 100);
		assert_int_equal(got.n, 12000);
		assert_int_equal(got.damaged, 1);
		assert_int_equal(got.offset, at[2]);
		assert_non_null(strstr(got.first, "cut off"));
	}
}

static void
damaged_plain_block(void **state)
{
	size_t at[4], record;

	(void)state;
	many(0, 3, at);
	record = (at[1] - at[0] - 12) / 6000;
	put_at(at[1] + 12 + 10 * record + 2, 2, 2); /* a record shorter than its header */
	read_image();
	assert_int_equal(got.n, 12010);
	assert_int_equal(got.flow[12009].sport, 17999);
	assert_int_equal(got.damaged, 1);
	assert_int_equal(got.offset, at[1]);
	assert_non_null(strstr(got.first, "malformed"));
	/* an element longer than its record */
	many(0, 3, at);
	put_at(at[1] + 12 + 10 * record + 14, 60000, 2);
	read_pipe(3000);
	assert_int_equal(got.n, 12010);
	assert_int_equal(got.damaged, 1);
	/* a block header of rubbish: the next block is found */
	many(0, 3, at);
	memset(im.p + at[1], 0xee, 12);
	read_image();
	assert_int_equal(got.n, 12000);
	assert_int_equal(got.flow[6000].sport, 12000);
	assert_int_equal(got.damaged, 1);
	assert_int_equal(got.offset, at[1]);
	assert_non_null(strstr(got.first, "searched for"));
	/* cut inside a record, inside a block header, and between blocks */
	many(0, 3, at);
	read_part(at[2] + 12 + 5 * record + 7);
	assert_int_equal(got.n, 12005);
	assert_int_equal(got.damaged, 1);
	assert_int_equal(got.offset, at[2]);
	read_part(at[2] + 5);
	assert_int_equal(got.n, 12000);
	assert_int_equal(got.damaged, 1);
	assert_int_equal(got.offset, at[2]);
	read_part(at[2]);
	assert_int_equal(got.n, 12000);
	assert_int_equal(got.damaged, 1);
	assert_string_equal(got.first, "2 of 3 blocks are there: the file is cut off");
	assert_int_equal(got.end, ERR_EOF);
}

static void
refused(const char *reason)
{
	read_image();
	assert_int_equal(got.end, 1);
	assert_non_null(strstr(got.why, reason));
}

static void
wrong_files(void **state)
{
	(void)state;
	start(2, 0, 1);
	im.big = true;
	put_at(0, 0xa50c, 2);
	put_at(2, 2, 2);
	refused("big-endian");
	start(2, 0, 1);
	put_at(2, 3, 2);
	refused("layout 3");
	start(2, 9, 1);
	refused("unknown way");
	start(2, 0, 1);
	im.p[17] = 1;
	refused("encrypted");
	start(2, 0, 1);
	im.n = 30;
	refused("ends inside its header");
	start(1, 0, 0);
	im.n = 100;
	read_image();
	assert_int_equal(got.n, 0);
	assert_int_equal(got.damaged, 1);
	assert_non_null(strstr(got.first, "ends inside its header"));
	/* nfdump 1.5 */
	start(1, 0, 1);
	open_block(1);
	put_zeros(52);
	records = 1;
	close_block();
	read_image();
	assert_int_equal(got.damaged, 1);
	assert_non_null(strstr(got.first, "nfdump 1.5"));
	/* no flows at all */
	start(2, 0, 0);
	read_image();
	assert_int_equal(got.n, 0);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.end, ERR_EOF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_compression),
		cmocka_unit_test(damaged_compressed_block),
		cmocka_unit_test(damaged_plain_block),
		cmocka_unit_test(wrong_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
