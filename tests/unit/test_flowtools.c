/* flow-tools files: every version and byte order, what stands in the header, damage. */
#include "tests/unit/flowfile_kit.h"

#include <zlib.h>

enum { T0 = 1365000000, HEADER = 0x50 };

static void
put_tlv(unsigned int type, uint64_t value, int bytes)
{
	put(type, 2);
	put((uint64_t)bytes, 2);
	put(value, bytes);
}

static void
start(bool big, unsigned int version, uint32_t flags)
{
	im.n = 0;
	im.big = big;
	put_bytes(big ? "\xcf\x10\x02\x03" : "\xcf\x10\x01\x03", 4);
	put(HEADER, 4);
	put_tlv(2, version, 2);
	put_tlv(8, flags, 4);
}

static void
end_header(void)
{
	assert_true(im.n <= HEADER);
	put_zeros(HEADER - im.n);
}

struct rec {
	uint32_t uptime, first, last, packets, bytes;
	uint16_t sport, dport;
	uint8_t proto;
};

static void
put_record(unsigned int version, const struct rec *r)
{
	put(T0, 4);
	put(250000000, 4);
	put(r->uptime, 4);
	put(0x0a0000fe, 4); /* exporter */
	put(0x0a010203, 4);
	put(0xc6330199, 4);
	put(0x0a0000fd, 4); /* next hop */
	put(7, 2);
	put(9, 2);
	put(r->packets, 4);
	put(r->bytes, 4);
	put(r->first, 4);
	put(r->last, 4);
	put(r->sport, 2);
	put(r->dport, 2);
	put(r->proto, 1);
	put(0x28, 1);
	put(0x1b, 1);
	put(0, 1);
	if (version == 1) {
		put(0, 4);
		return;
	}
	put(3, 1); /* engine */
	put(5, 1);
	put(24, 1);
	put(16, 1);
	put(65001, 2);
	put(23456, 2);
	if (version == 6 || version == 1005)
		put_zeros(8);
	if (version == 7)
		put_zeros(4);
}

static const struct rec plain = {.uptime = 600000, .first = 540000, .last = 590000, .packets = 10, .bytes = 4000,
    .sport = 53, .dport = 1234, .proto = 17};

static void
check_record(unsigned int version)
{
	const struct flow *f = &got.flow[0];
	const struct flow_extra *x = &got.extra[0];
	int64_t export_ns = INT64_C(1000000000) * T0 + 250000000;
	char text[ADDR_TEXT];

	assert_int_equal(got.n, 2);
	assert_int_equal(f->end_ns, export_ns - INT64_C(10) * 1000000000);
	assert_int_equal(f->start_ns, export_ns - INT64_C(60) * 1000000000);
	assert_int_equal(f->seen_ns, export_ns);
	assert_string_equal(addr_text(&f->src, text), "10.1.2.3");
	assert_string_equal(addr_text(&f->dst, text), "198.51.1.153");
	assert_string_equal(addr_text(&x->exporter, text), "10.0.0.254");
	assert_string_equal(addr_text(&x->next_hop, text), "10.0.0.253");
	assert_int_equal(f->packets, 10);
	assert_int_equal(f->bytes, 4000);
	assert_int_equal(f->sport, 53);
	assert_int_equal(f->dport, 1234);
	assert_int_equal(f->proto, 17);
	assert_int_equal(f->tcp_flags, 0x1b);
	assert_int_equal(f->flags, FLOW_RECORD);
	assert_int_equal(f->sampling, 1);
	assert_null(f->dns);
	assert_int_equal(x->uptime_ms, 600000);
	assert_int_equal(x->first_ms, 540000);
	assert_int_equal(x->last_ms, 590000);
	assert_int_equal(x->export_ns, export_ns);
	assert_int_equal(x->in_if, 7);
	assert_int_equal(x->out_if, 9);
	assert_int_equal(x->tos, 0x28);
	assert_int_equal(x->flows, 1);
	assert_int_equal(x->version, version == 1005 ? 5 : version);
	assert_int_equal(x->domain, version == 1 ? 0 : 3 << 8 | 5);
	assert_int_equal(x->src_as, version == 1 ? 0 : 65001);
	assert_int_equal(x->dst_as, version == 1 ? 0 : 23456);
	assert_int_equal(x->src_mask, version == 1 ? 0 : 24);
	assert_int_equal(x->dst_mask, version == 1 ? 0 : 16);
	assert_int_equal(got.flow[1].packets, 10); /* the second one begins where it should */
}

static void
every_version(void **state)
{
	static const unsigned int versions[] = {1, 5, 6, 7, 1005};

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		start(i >= 5, versions[i % 5], 1);
		end_header();
		put_record(versions[i % 5], &plain);
		put_record(versions[i % 5], &plain);
		read_image();
		check_record(versions[i % 5]);
		assert_int_equal(got.damaged, 0);
		assert_int_equal(got.done, im.n);
	}
}

static void
counts_of_the_header(void **state)
{
	(void)state;
	start(false, 5, 1);
	put_tlv(0xb, 10, 4);
	put_tlv(0xc, 4, 4);
	put_tlv(0xd, 2, 4);
	put_tlv(0xe, 1, 4);
	put_tlv(0x77, 99, 4); /* unknown */
	end_header();
	put_record(5, &plain);
	read_image();
	assert_int_equal(got.n, 1);
	assert_int_equal(got.exporters, 1);
	assert_int_equal(got.count[EXPORTER_LOST], 10);
	assert_int_equal(got.count[EXPORTER_MISORDERED], 4);
	assert_int_equal(got.count[EXPORTER_CORRUPT], 2);
	assert_int_equal(got.count[EXPORTER_RESETS], 1);
	assert_int_equal(got.count[EXPORTER_RECORDS], 1);
	/* and without a record that would name the exporter */
	read_part(HEADER);
	assert_int_equal(got.n, 0);
	assert_int_equal(got.count[EXPORTER_LOST], 10);
	assert_int_equal(got.end, ERR_EOF);
}

static void
uptime_wraps(void **state)
{
	struct rec r = plain;
	int64_t export_ns = INT64_C(1000000000) * T0 + 250000000;

	(void)state;
	start(false, 5, 1);
	end_header();
	r.uptime = 1000; /* a second after the counter began anew */
	r.first = UINT32_MAX - 8999;
	r.last = UINT32_MAX - 999;
	put_record(5, &r);
	r.last = 1400; /* a little behind the export: clocks are not exact */
	put_record(5, &r);
	r.first = 900;
	r.last = 500; /* exchanged */
	put_record(5, &r);
	read_image();
	assert_int_equal(got.flow[0].start_ns, export_ns - INT64_C(10000) * 1000000);
	assert_int_equal(got.flow[0].end_ns, export_ns - INT64_C(2000) * 1000000);
	assert_int_equal(got.flow[1].end_ns, export_ns + INT64_C(400) * 1000000);
	assert_int_equal(got.flow[1].seen_ns, got.flow[1].end_ns);
	assert_int_equal(got.flow[2].start_ns, export_ns - INT64_C(500) * 1000000);
	assert_int_equal(got.flow[2].end_ns, export_ns - INT64_C(100) * 1000000);
	assert_int_equal(got.count[EXPORTER_TIME_REPAIRED], 1);
}

static void
ports_of_fragments_and_icmp(void **state)
{
	struct rec r = plain;

	(void)state;
	start(false, 5, 1);
	end_header();
	r.sport = r.dport = 0;
	r.packets = 1000;
	r.bytes = 1350000;
	put_record(5, &r);
	r.bytes = 99 * 1000; /* small: whole datagrams from port 0 */
	put_record(5, &r);
	r.packets = 0;
	put_record(5, &r);
	r = plain;
	r.proto = 1;
	r.sport = 0;
	r.dport = 3 << 8 | 4;
	put_record(5, &r);
	read_image();
	assert_int_equal(got.flow[0].flags, FLOW_RECORD | FLOW_FRAG_LATER);
	assert_int_equal(got.flow[1].flags, FLOW_RECORD);
	assert_int_equal(got.flow[2].flags, FLOW_RECORD);
	assert_int_equal(got.flow[2].packets, 0);
	assert_int_equal(got.flow[2].bytes, 99000);
	assert_int_equal(got.flow[3].dport, 0);
	assert_int_equal(got.extra[3].icmp_type, 3);
	assert_int_equal(got.extra[3].icmp_code, 4);
}

/* A fixed rate for the exporter is not in the file's counters. */
static void
sampling_by_configuration(void **state)
{
	struct exporter_override o = {.sampling = 100};
	struct export_setup setup = {.exporters = {.override = &o, .overrides_n = 1}};

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.254", &o.from), 0);
	start(false, 5, 1);
	end_header();
	put_record(5, &plain);
	read_part_with(im.n, false, &setup);
	assert_int_equal(got.flow[0].packets, 1000);
	assert_int_equal(got.flow[0].bytes, 400000);
	assert_int_equal(got.flow[0].sampling, 100);
}

/* `records` records behind a compressed header; the image's size without the stream's end. */
static void
compressed(size_t records)
{
	static uint8_t packed[IMAGE_ROOM];
	uLongf n = sizeof(packed);
	struct rec r = plain;

	start(false, 5, 3);
	end_header();
	for (size_t i = 0; i < records; i++) {
		r.sport = (uint16_t)(i * 7919);
		r.bytes = (uint32_t)(i * 2654435761u % 100000);
		put_record(5, &r);
	}
	assert_int_equal(compress2(packed, &n, im.p + HEADER, im.n - HEADER, 6), Z_OK);
	im.n = HEADER;
	put_bytes(packed, n);
}

static void
zlib_stream(void **state)
{
	size_t n;

	(void)state;
	compressed(15000); /* many times what a block holds */
	read_image();
	assert_int_equal(got.n, 15000);
	assert_int_equal(got.packets, 150000);
	assert_int_equal(got.flow[14999].sport, (uint16_t)(14999 * 7919));
	assert_int_equal(got.damaged, 0);
	n = got.bytes;
	read_pipe(1000);
	assert_int_equal(got.n, 15000);
	assert_int_equal(got.bytes, n);
	/* cut: whole records, in order, and a word about it */
	read_part(im.n / 2);
	assert_in_range(got.n, 4000, 11000);
	for (size_t i = 0; i < got.n; i++)
		assert_int_equal(got.flow[i].sport, (uint16_t)(i * 7919));
	assert_int_equal(got.damaged, 1);
	assert_non_null(strstr(got.first, "cut off"));
	assert_int_equal(got.end, ERR_EOF);
	/* damaged in the middle */
	memset(im.p + im.n / 2, 0xff, 40);
	read_image();
	assert_true(got.n >= 4000); /* the checksum may be the first to notice */
	for (size_t i = 0; i < 4000; i++)
		assert_int_equal(got.flow[i].sport, (uint16_t)(i * 7919));
	assert_int_equal(got.damaged, 1);
	assert_non_null(strstr(got.first, "damaged"));
	assert_in_range(got.offset, im.n / 2, im.n);
	/* nothing but a stream's end: a capture without flows */
	compressed(0);
	assert_int_equal(im.n, HEADER + 8);
	read_image();
	assert_int_equal(got.n, 0);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.end, ERR_EOF);
}

static void
cut_and_wrong(void **state)
{
	(void)state;
	start(true, 5, 1);
	end_header();
	for (int i = 0; i < 10000; i++)
		put_record(5, &plain);
	read_pipe(777);
	assert_int_equal(got.n, 10000);
	assert_int_equal(got.damaged, 0);
	read_part(im.n - 1);
	assert_int_equal(got.n, 9999);
	assert_int_equal(got.damaged, 1);
	assert_string_equal(got.first, "a record cut off after 63 of 64 bytes");
	read_part(HEADER - 3);
	assert_int_equal(got.n, 0);
	assert_int_equal(got.damaged, 1);
	assert_non_null(strstr(got.first, "inside its header"));
	read_part(6);
	assert_int_equal(got.end, 1);
	assert_non_null(strstr(got.why, "ends inside its header"));
	start(true, 8, 1);
	end_header();
	read_image();
	assert_int_equal(got.end, 1);
	assert_non_null(strstr(got.why, "export version 8"));
	im.p[3] = 1;
	read_image();
	assert_non_null(strstr(got.why, "stream version 1"));
	im.p[3] = 3;
	put_at(4, 1 << 20, 4);
	read_image();
	assert_non_null(strstr(got.why, "header has 1048576 bytes"));
	im.p[0] = 'x';
	read_image();
	assert_non_null(strstr(got.why, "not a capture or flow file"));
}

static void
golden(const char *name, uint64_t flows, uint64_t bytes, uint64_t packets)
{
	char path[200];

	snprintf(path, sizeof(path), "tests/golden/flows/%s", name);
	read_path(path);
	assert_int_equal(got.end, ERR_EOF);
	assert_int_equal(got.n, flows);
	assert_int_equal(got.bytes, bytes);
	assert_int_equal(got.packets, packets);
	assert_int_equal(got.damaged, 0);
}

static void
written_by_flowtools(void **state)
{
	char text[ADDR_TEXT];
	uint64_t fragments = 0, duration_ms = 0;

	(void)state;
	golden("flowgen_v1.ft", 3, 6, 6);
	golden("flowgen_v5.ft", 3, 6, 6);
	golden("flowgen_v5_big.ft", 3, 6, 6);
	golden("flowgen_v6.ft", 3, 6, 6);
	golden("flowgen_v7.ft", 3, 6, 6);
	golden("pfflowd_split_lost_corrupt.ft-v05", 5, 10000000200, 7000002);
	assert_int_equal(got.count[EXPORTER_LOST], 10);
	assert_int_equal(got.count[EXPORTER_CORRUPT], 2);
	assert_int_equal(got.count[EXPORTER_RESETS], 1);
	golden("ng_netflow_seed.ft-v05", 1, 84, 1);
	assert_int_equal(got.flow[0].start_ns / 1000000, INT64_C(1073654155981)); /* 2004-01-09 13:15:55.981 */
	assert_string_equal(addr_text(&got.flow[0].src, text), "192.168.1.2");
	golden("seed_rows.ft-v05", 304, 164211470, 122194);
	for (size_t i = 0; i < got.n; i++) {
		fragments += (got.flow[i].flags & FLOW_FRAG_LATER) != 0;
		duration_ms += (uint64_t)(got.flow[i].end_ns - got.flow[i].start_ns) / 1000000;
	}
	assert_int_equal(fragments, 117);
	assert_int_equal(duration_ms, 4641749);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version),
		cmocka_unit_test(counts_of_the_header),
		cmocka_unit_test(uptime_wraps),
		cmocka_unit_test(ports_of_fragments_and_icmp),
		cmocka_unit_test(sampling_by_configuration),
		cmocka_unit_test(zlib_stream),
		cmocka_unit_test(cut_and_wrong),
		cmocka_unit_test(written_by_flowtools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
