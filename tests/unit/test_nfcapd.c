/* nfcapd files: both layouts, every compression, exporters, samplers, two directions, damage. */
#include "tests/unit/flowfile_kit.h"

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

enum { MS = 1365000000 };

static size_t block; /* where the open block's header is */
static uint32_t records;

static void
start(unsigned int layout, unsigned int compression, uint32_t blocks)
{
	im.n = 0;
	im.big = false;
	put(0xa50c, 2);
	put(layout, 2);
	if (layout == 1) {
		put(compression, 4);
		put(blocks, 4);
		put_zeros(276 - im.n);
		return;
	}
	put(0x1070100, 4);
	put(MS, 8);
	put(compression, 1);
	put_zeros(15);
	put(0, 4);
	put(blocks, 4);
}

static void
open_block(unsigned int type)
{
	block = im.n;
	records = 0;
	put_zeros(8);
	put(type, 2);
	put(0, 2);
}

static void
close_block(void)
{
	put_at(block, records, 4);
	put_at(block + 4, im.n - block - 12, 4);
}

static void
put_exporter(unsigned int id, uint32_t version, uint32_t addr, uint32_t domain)
{
	put(7, 2);
	put(32, 2);
	put(version, 4);
	put(0, 8);
	put(addr, 8);
	put(2, 2);
	put(id, 2);
	put(domain, 4);
	records++;
}

static void
put_sampler(unsigned int id, uint32_t taken, uint32_t passed)
{
	put(15, 2);
	put(24, 2);
	put(id, 2);
	put(1, 2);
	put(UINT64_MAX, 8);
	put(taken, 4);
	put(passed, 4);
	records++;
}

static void
put_stats(unsigned int id, uint32_t gaps, uint64_t datagrams)
{
	put(8, 2);
	put(32, 2);
	put(1, 4);
	put(id, 4);
	put(gaps, 4);
	put(datagrams, 8);
	put(5, 8);
	records++;
}

struct v3 {
	uint64_t first_ms, last_ms, received_ms, packets, bytes, out_packets, out_bytes;
	uint16_t sport, dport, exporter;
	uint8_t proto, flags;
	bool six, misc;
};

static const struct v3 plain = {.first_ms = MS * UINT64_C(1000) + 100, .last_ms = MS * UINT64_C(1000) + 900,
    .received_ms = MS * UINT64_C(1000) + 5000, .packets = 10, .bytes = 4000, .sport = 53, .dport = 1234, .proto = 17, .exporter = 1};

static size_t last_record;

static void
element(unsigned int type, unsigned int size, unsigned int *n)
{
	put(type, 2);
	put(size + 4, 2);
	(*n)++;
}

static void
put_v3(const struct v3 *r)
{
	unsigned int n = 0;
	size_t at = im.n;

	last_record = at;
	put(11, 2);
	put(0, 2);
	put(0, 2);
	put(3, 1);
	put(7, 1);
	put(r->exporter, 2);
	put(r->flags, 1);
	put(9, 1);
	element(1, 48, &n);
	put(r->first_ms, 8);
	put(r->last_ms, 8);
	put(r->received_ms, 8);
	put(r->packets, 8);
	put(r->bytes, 8);
	put(r->sport, 2);
	put(r->dport, 2);
	put(r->proto, 1);
	put(0x12, 1);
	put(64, 1);
	put(0x28, 1);
	element(99, 6, &n); /* unknown */
	put_zeros(6);
	if (r->six) {
		element(3, 32, &n);
		put(0x20010db8000a000b, 8);
		put(0x0000000000000001, 8);
		put(0x20010db800000000, 8);
		put(0x1122334455667788, 8);
	} else {
		element(2, 8, &n);
		put(0x0a010203, 4);
		put(0xc6330199, 4);
	}
	if (r->misc) {
		element(4, 16, &n);
		put(7, 4);
		put(9, 4);
		put(24, 1);
		put(16, 1);
		put(1, 1);
		put_zeros(5);
		element(6, 8, &n);
		put(100, 4);
		put(200, 4);
		element(7, 8, &n);
		put(4200000001, 4);
		put(64512, 4);
		element(10, 4, &n);
		put(0x0a0000fd, 4);
		element(12, 4, &n);
		put(0x0a0000aa, 4);
	}
	if (r->out_packets + r->out_bytes > 0) {
		element(5, 24, &n);
		put(3, 8);
		put(r->out_packets, 8);
		put(r->out_bytes, 8);
	}
	put_at(at + 2, im.n - at, 2);
	put_at(at + 4, n, 2);
	records++;
}

static void
one_record(const struct v3 *r)
{
	start(2, 0, 1);
	open_block(3);
	put_exporter(1, 9, 0x0a0000fe, 77);
	put_v3(r);
	close_block();
}

static void
layout2_fields(void **state)
{
	struct v3 r = plain;
	const struct flow *f = &got.flow[0];
	const struct flow_extra *x = &got.extra[0];
	char text[ADDR_TEXT];

	(void)state;
	r.misc = true;
	one_record(&r);
	read_image();
	assert_int_equal(got.n, 1);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(f->start_ns, (int64_t)r.first_ms * 1000000);
	assert_int_equal(f->end_ns, (int64_t)r.last_ms * 1000000);
	assert_int_equal(f->seen_ns, (int64_t)r.received_ms * 1000000);
	assert_string_equal(addr_text(&f->src, text), "10.1.2.3");
	assert_string_equal(addr_text(&f->dst, text), "198.51.1.153");
	assert_int_equal(f->packets, 10);
	assert_int_equal(f->bytes, 4000);
	assert_int_equal(f->sport, 53);
	assert_int_equal(f->dport, 1234);
	assert_int_equal(f->proto, 17);
	assert_int_equal(f->tcp_flags, 0x12);
	assert_int_equal(f->flags, FLOW_RECORD);
	assert_int_equal(f->sampling, 1);
	assert_string_equal(addr_text(&x->exporter, text), "10.0.0.170"); /* the record's own word */
	assert_string_equal(addr_text(&x->next_hop, text), "10.0.0.253");
	assert_int_equal(x->version, 9);
	assert_int_equal(x->domain, 3 << 8 | 7);
	assert_int_equal(x->in_if, 7);
	assert_int_equal(x->out_if, 9);
	assert_int_equal(x->src_mask, 24);
	assert_int_equal(x->dst_mask, 16);
	assert_int_equal(x->direction, 1);
	assert_int_equal(x->src_vlan, 100);
	assert_int_equal(x->dst_vlan, 200);
	assert_int_equal(x->src_as, 4200000001);
	assert_int_equal(x->dst_as, 64512);
	assert_int_equal(x->tos, 0x28);
	assert_int_equal(x->forwarding, 64);
	assert_int_equal(x->flows, 1);
	r.six = true;
	one_record(&r);
	read_image();
	assert_int_equal(f->flags, FLOW_RECORD | FLOW_IP6);
	assert_string_equal(addr_text(&f->src, text), "2001:db8:a:b::1");
	assert_string_equal(addr_text(&f->dst, text), "2001:db8::1122:3344:5566:7788");
}

static void
when_it_was_seen(void **state)
{
	struct v3 r = plain;

	(void)state;
	r.received_ms = 0;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].seen_ns, got.flow[0].end_ns);
	r.received_ms = r.last_ms - 1; /* clocks that disagree */
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].seen_ns, got.flow[0].end_ns);
	r.received_ms = r.last_ms + 86400000; /* an old capture played to a collector of today */
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].seen_ns, (int64_t)r.last_ms * 1000000);
	r = plain;
	r.first_ms = r.last_ms + 10000;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].start_ns, (int64_t)r.last_ms * 1000000);
	assert_int_equal(got.flow[0].end_ns, (int64_t)r.first_ms * 1000000);
	assert_int_equal(got.count[EXPORTER_TIME_REPAIRED], 1);
	r.last_ms = 0;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].start_ns, (int64_t)r.first_ms * 1000000);
	assert_int_equal(got.flow[0].end_ns, (int64_t)r.first_ms * 1000000);
	r.first_ms = r.last_ms = UINT64_MAX;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].start_ns, 0);
}

static void
two_directions(void **state)
{
	struct v3 r = plain;
	char text[ADDR_TEXT];

	(void)state;
	r.misc = true;
	r.out_packets = 30;
	r.out_bytes = 45000;
	one_record(&r);
	read_image();
	assert_int_equal(got.n, 2);
	assert_int_equal(got.extra[0].reverse, 0);
	assert_int_equal(got.extra[0].flows, 3);
	assert_int_equal(got.extra[1].reverse, 1);
	assert_string_equal(addr_text(&got.flow[1].src, text), "198.51.1.153");
	assert_int_equal(got.flow[1].sport, 1234);
	assert_int_equal(got.flow[1].dport, 53);
	assert_int_equal(got.flow[1].packets, 30);
	assert_int_equal(got.flow[1].bytes, 45000);
	assert_int_equal(got.extra[1].in_if, 9);
	assert_int_equal(got.extra[1].src_as, 64512);
	assert_int_equal(got.extra[1].src_mask, 16);
	/* only the answers counted */
	r.packets = r.bytes = 0;
	one_record(&r);
	read_image();
	assert_int_equal(got.n, 1);
	assert_int_equal(got.extra[0].reverse, 1);
	assert_int_equal(got.flow[0].packets, 30);
	/* an event of a firewall counts nothing; a record of zeros that is none stays */
	r.out_packets = r.out_bytes = 0;
	r.flags = 1;
	one_record(&r);
	read_image();
	assert_int_equal(got.n, 0);
	assert_int_equal(got.count[EXPORTER_IGNORED], 1);
	r.flags = 0;
	one_record(&r);
	read_image();
	assert_int_equal(got.n, 1);
}

static void
exporters_and_samplers(void **state)
{
	struct v3 r = plain;
	struct exporter_override o = {.sampling = 100};
	struct export_setup setup = {.exporters = {.override = &o, .overrides_n = 1}};

	(void)state;
	start(2, 0, 1);
	open_block(3);
	put_exporter(1, 9, 0x0a0000fe, 77);
	put_exporter(2, 9999, 0x0a0000ff, 1);
	put_exporter(3, 10, 0x0a000001, 1); /* never heard of again */
	put_sampler(1, 1, 99);
	r.flags = 2;
	put_v3(&r);
	r.exporter = 2;
	put_v3(&r);
	r.exporter = 500; /* unknown */
	r.flags = 0;
	put_v3(&r);
	put_stats(1, 4, 12);
	close_block();
	read_image();
	assert_int_equal(got.n, 3);
	assert_int_equal(got.packets, 30); /* multiplied already by whoever wrote the file */
	assert_int_equal(got.flow[0].sampling, 100);
	assert_int_equal(got.flow[1].sampling, 1);
	assert_int_equal(got.extra[0].version, 9);
	assert_int_equal(got.extra[1].version, EXPORT_SFLOW);
	assert_int_not_equal(got.flow[0].exporter, got.flow[1].exporter);
	assert_int_equal(got.exporters, 3);
	assert_int_equal(got.count[EXPORTER_RECORDS], 3);
	assert_int_equal(got.count[EXPORTER_LOST], 4);
	assert_int_equal(got.count[EXPORTER_DATAGRAMS], 12);
	/* a rate by configuration multiplies what is not yet */
	assert_int_equal(prefix_parse("10.0.0.255", &o.from), 0);
	start(2, 0, 1);
	open_block(3);
	put_exporter(2, 9, 0x0a0000ff, 1);
	r.exporter = 2;
	put_v3(&r);
	r.flags = 2;
	put_v3(&r);
	r.flags = 0;
	r.bytes = UINT64_MAX / 2;
	put_v3(&r);
	close_block();
	read_part_with(im.n, true, &setup);
	assert_int_equal(got.flow[0].packets, 1000);
	assert_int_equal(got.flow[1].packets, 10);
	assert_int_equal(got.flow[2].bytes, UINT64_MAX);
}

static void
ports_of_fragments_and_icmp(void **state)
{
	struct v3 r = plain;

	(void)state;
	r.sport = r.dport = 0;
	r.bytes = 13500;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].flags, FLOW_RECORD | FLOW_FRAG_LATER);
	r.packets = 0;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].flags, FLOW_RECORD);
	r = plain;
	r.proto = 58;
	r.dport = 128 << 8 | 1;
	one_record(&r);
	read_image();
	assert_int_equal(got.flow[0].dport, 0);
	assert_int_equal(got.extra[0].icmp_type, 128);
	assert_int_equal(got.extra[0].icmp_code, 1);
}

/* --- layout 1 --- */

static void
put_map(unsigned int id, const uint16_t *ext, size_t n)
{
	put(2, 2);
	put(8 + 2 * (n + 1), 2);
	put(id, 2);
	put(0, 2);
	for (size_t i = 0; i < n; i++)
		put(ext[i], 2);
	put(0, 2);
	records++;
}

static void
put_common(unsigned int type, unsigned int flags, unsigned int map)
{
	last_record = im.n;
	put(type, 2);
	put(0, 2);
	if (type == 1) {
		put(flags, 1);
		put(1, 1); /* exporter */
	} else {
		put(flags, 2);
	}
	put(map, 2);
	put(100, 2);
	put(900, 2);
	put(MS, 4);
	put(MS, 4);
	put(64, 1);
	put(0x12, 1);
	put(17, 1);
	put(0x28, 1);
	put(53, 2);
	put(1234, 2);
	if (type == 10) {
		put(1, 2);
		put(0, 2);
	}
	if ((flags & 1) != 0) {
		put(0x20010db8000a000b, 8);
		put(1, 8);
		put(0x20010db800000000, 8);
		put(2, 8);
	} else {
		put(0x0a010203, 4);
		put(0xc6330199, 4);
	}
	put(10, (flags & 2) != 0 ? 8 : 4);
	put((flags & 4) != 0 ? UINT64_C(5000000000) : 4000, (flags & 4) != 0 ? 8 : 4);
	records++;
}

static void
end_common(void)
{
	put_at(last_record + 2, im.n - last_record, 2);
}

static void
check_common(size_t i, uint64_t bytes)
{
	const struct flow *f = &got.flow[i];

	assert_int_equal(f->start_ns, MS * INT64_C(1000000000) + 100000000);
	assert_int_equal(f->end_ns, MS * INT64_C(1000000000) + 900000000);
	assert_int_equal(f->sport, 53);
	assert_int_equal(f->dport, 1234);
	assert_int_equal(f->proto, 17);
	assert_int_equal(f->tcp_flags, 0x12);
	assert_int_equal(f->packets, 10);
	assert_int_equal(f->bytes, bytes);
	assert_int_equal(got.extra[i].tos, 0x28);
}

static void
layout1(void **state)
{
	static const uint16_t small[] = {4, 6, 8, 9, 13, 18, 23, 25, 27}, large[] = {5, 7, 10, 20, 21, 22, 11, 26, 17, 15, 24},
	    odd[] = {4, 200, 6};
	char text[ADDR_TEXT];

	(void)state;
	start(1, 0, 1);
	open_block(2);
	put_exporter(1, 5, 0x0a0000fe, 775);
	put_map(4, small, 9);
	put_map(65535, large, 11);
	put_map(9, odd, 3);
	put_common(1, 0, 4);
	put(7, 2);
	put(9, 2);
	put(65001, 2);
	put(23456, 2);
	put(0x18100100, 4); /* dst tos, direction, masks: 0, 1, 16, 24 */
	put(0x0a0000fd, 4);
	put(100, 2);
	put(200, 2);
	put(3, 4);
	put(0x0a0000aa, 4);
	put(0x07030000, 4);
	put(MS * UINT64_C(1000) + 5000, 8);
	end_common();
	put_common(10, 1 | 2 | 4 | 128, 65535);
	put(70000, 4);
	put(90000, 4);
	put(4200000001, 4);
	put(64512, 4);
	put(0x20010db800000000, 8);
	put(0xfd, 8);
	put_zeros(16 + 16 + 40 + 4 + 8);
	put(77777, 8); /* bytes and packets of the other direction */
	put(55, 8);
	put(0x20010db800000000, 8);
	put(0xaa, 8);
	end_common();
	put_common(1, 0, 9); /* what is behind the unknown extension is not read */
	put(7, 2);
	put(9, 2);
	put_zeros(20);
	end_common();
	put_common(1, 0, 500); /* no such map */
	end_common();
	close_block();
	read_image();
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.n, 5);
	check_common(0, 4000);
	check_common(1, 5000000000);
	check_common(3, 4000);
	check_common(4, 4000);
	assert_int_equal(got.flow[0].seen_ns, MS * INT64_C(1000000000) + 5000000000);
	assert_int_equal(got.extra[0].in_if, 7);
	assert_int_equal(got.extra[0].out_if, 9);
	assert_int_equal(got.extra[0].src_as, 65001);
	assert_int_equal(got.extra[0].dst_as, 23456);
	assert_int_equal(got.extra[0].direction, 1);
	assert_int_equal(got.extra[0].src_mask, 16);
	assert_int_equal(got.extra[0].dst_mask, 24);
	assert_int_equal(got.extra[0].src_vlan, 100);
	assert_int_equal(got.extra[0].flows, 3);
	assert_int_equal(got.extra[0].domain, 775);
	assert_string_equal(addr_text(&got.extra[0].next_hop, text), "10.0.0.253");
	assert_string_equal(addr_text(&got.extra[0].exporter, text), "10.0.0.170");
	assert_int_equal(got.extra[1].in_if, 70000);
	assert_int_equal(got.extra[1].src_as, 4200000001);
	assert_string_equal(addr_text(&got.extra[1].next_hop, text), "2001:db8::fd");
	assert_string_equal(addr_text(&got.extra[1].exporter, text), "2001:db8::aa");
	assert_string_equal(addr_text(&got.flow[1].src, text), "2001:db8:a:b::1");
	assert_int_equal(got.extra[2].reverse, 1);
	assert_int_equal(got.flow[2].bytes, 77777);
	assert_int_equal(got.flow[2].packets, 55);
	assert_int_equal(got.extra[3].out_if, 9);
	assert_int_equal(got.extra[3].src_as, 0);
}

/* --- blocks --- */

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

static void
written_by_nfcapd(void **state)
{
	(void)state;
	read_path("tests/golden/flows/seed_rows.nfcapd");
	assert_int_equal(got.n, 304);
	assert_int_equal(got.bytes, 164211470);
	assert_int_equal(got.packets, 122194);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.flow[0].start_ns, INT64_C(1365000000) * 1000000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout2_fields),
		cmocka_unit_test(when_it_was_seen),
		cmocka_unit_test(two_directions),
		cmocka_unit_test(exporters_and_samplers),
		cmocka_unit_test(ports_of_fragments_and_icmp),
		cmocka_unit_test(layout1),
		cmocka_unit_test(every_compression),
		cmocka_unit_test(damaged_compressed_block),
		cmocka_unit_test(damaged_plain_block),
		cmocka_unit_test(wrong_files),
		cmocka_unit_test(written_by_nfcapd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
