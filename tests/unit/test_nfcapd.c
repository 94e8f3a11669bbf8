/* Records of nfcapd files: both layouts, exporters, samplers, two directions. */
#include "tests/unit/nfcapd_kit.h"

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
		cmocka_unit_test(written_by_nfcapd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
