/* Groups of flows: keys, sums, ranking, and what the budget costs; the lines made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "reports/flow_report.h"

#define T0 (INT64_C(1365000000) * NS_PER_S)

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct flow
flow(const char *src, const char *dst, uint16_t sport, uint16_t dport, uint64_t packets, uint64_t bytes)
{
	return (struct flow){.start_ns = T0, .end_ns = T0 + NS_PER_S, .src = address(src), .dst = address(dst), .sport = sport,
		.dport = dport, .proto = FLOW_UDP, .packets = packets, .bytes = bytes, .sampling = 1, .flags = FLOW_RECORD};
}

static struct flow_fields
key_of(const char *list)
{
	struct flow_fields k;
	char why[120];

	if (flow_fields_parse(&k, list, why, sizeof(why)) < 0)
		fail_msg("%s: %s", list, why);
	return k;
}

static struct flow_groups *
groups_of(const struct flow_fields *key, size_t keys, size_t memory)
{
	struct flow_groups_setup s = {.key = key, .keys = keys, .memory = memory, .keep = ORDER_BYTES, .seed = 7};
	struct flow_groups *g = flow_groups_new(&s);

	assert_non_null(g);
	return g;
}

static void
add(struct flow_groups *g, const struct flow *w, const struct flow_extra *x, size_t n)
{
	uint32_t pick[64];

	assert_true(n <= 64);
	for (uint32_t i = 0; i < n; i++)
		pick[i] = i;
	flow_groups_add(g, w, x, pick, n);
}

static void
test_keys(void **state)
{
	struct flow_fields k = key_of("dstport,srcip/24,proto,srcip6/48,dstas,tos,dstip");
	struct flow w = flow("10.53.7.9", "2001:db8:1:2::3", 53, 14068, 1, 65), back = {0};
	struct flow_extra x = {.dst_as = 655361, .tos = 184}, there = {0};
	uint64_t words[FLOW_KEY_WORDS];
	char text[ADDR_TEXT];
	struct addr a;

	(void)state;
	assert_int_equal(k.parts, 6); /* srcip and srcip6 are one, with two masks */
	assert_int_equal(k.words, 2 + 2 + 1);
	memset(words, 0xff, sizeof(words));
	flow_fields_build(&k, &w, &x, words);
	flow_fields_unpack(&k, words, &back, &there);
	a = address("10.53.7.0");
	assert_true(addr_equal(&back.src, &a));
	assert_memory_equal(&back.dst, &w.dst, 16);
	assert_true(back.dport == 14068 && back.proto == FLOW_UDP && there.dst_as == 655361 && there.tos == 184);
	assert_true(back.sport == 0);
	w.src = address("2001:db8:1:2::3");
	flow_fields_build(&k, &w, NULL, words);
	flow_fields_unpack(&k, words, &back, &there);
	a = address("2001:db8:1::");
	assert_true(addr_equal(&back.src, &a));
	assert_true(there.dst_as == 0 && there.tos == 0);
	/* a network by the record's own prefix length */
	k = key_of("srcnet");
	w.src = address("198.51.100.77");
	x.src_mask = 26;
	flow_fields_build(&k, &w, &x, words);
	assert_int_equal(flow_fields_number(&k, 0, words), 26);
	a = flow_fields_addr(&k, 0, words);
	assert_string_equal(addr_text(&a, text), "198.51.100.64");
}

static void
test_bad_keys(void **state)
{
	static const struct { const char *list, *why; } bad[] = {
		{"srcipp", "there is no field 'srcipp'; did you mean 'srcip'?"}, {"srcip,", "there is no field ''; damp(1) lists them"},
		{"srcip/33", "'srcip/33': not a prefix length"}, {"proto/8", "'proto/8': only addresses have masks"},
		{"srcip/x", "'srcip/x': not a prefix length"}, {"srcport4", "there is no field 'srcport4'; did you mean 'srcport'?"},
		{"srcip,dstip,next,router,srcnet,dstnet,exporter,nhip", "too many addresses in one list"},
	};
	struct flow_fields k;
	char why[120];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(flow_fields_parse(&k, bad[i].list, why, sizeof(why)), ERR_INVALID);
		assert_string_equal(why, bad[i].why);
	}
}

static void
test_sums_and_ranks(void **state)
{
	struct flow_fields key[2] = {key_of("srcip"), key_of("dstip")};
	struct flow_groups *g = groups_of(key, 2, 1 << 20);
	struct flow w[3] = {
		flow("10.0.0.1", "10.0.0.2", 53, 1, 10, 13500), flow("10.0.0.1", "10.0.0.3", 53, 1, 1, 2000),
		flow("10.0.0.2", "10.0.0.2", 0, 0, 5, 100),
	};
	struct flow_extra x[3] = {{.flows = 4}, {.flows = 0}, {.flows = 1}};
	const struct flow_row **row;
	size_t n;

	(void)state;
	w[1].end_ns = T0 + 3 * NS_PER_S;
	w[1].start_ns = T0 - NS_PER_S;
	add(g, w, x, 3);
	row = flow_groups_rank(g, ORDER_BYTES, 0, NULL, &n);
	assert_int_equal(n, 3);
	/* the sender of most; then who got it, where a flow to itself counts twice */
	assert_true(row[0]->sums.bytes == 15500 && row[0]->sums.flows == 5 && row[0]->sums.packets == 11);
	assert_int_equal(flow_sums_ms(&row[0]->sums), 4000);
	assert_int_equal(flow_sums_bps(&row[0]->sums), 31000);
	assert_int_equal(flow_sums_pps(&row[0]->sums), 2);
	assert_int_equal(flow_sums_bpp(&row[0]->sums), 1409);
	assert_int_equal(row[0]->sums.duration_ms, 5000);
	assert_true(row[1]->sums.bytes == 13700 && row[1]->sums.flows == 6);
	free(row);
	row = flow_groups_rank(g, ORDER_TSTART, 2, NULL, &n);
	assert_true(n == 2 && row[0]->sums.first_ns == T0 - NS_PER_S && row[1]->sums.bytes == 2000);
	free(row);
	row = flow_groups_rank(g, ORDER_BPP, 1, NULL, &n);
	assert_true(n == 1 && row[0]->sums.bytes == 2000);
	free(row);
	flow_groups_free(g);
}

static void
test_budget(void **state)
{
	struct flow_fields key = key_of("srcip,srcport");
	size_t memory = 4096 * (sizeof(struct flow_row) + 24) * 3 / 2;
	struct flow_groups *g = groups_of(&key, 1, memory);
	uint64_t bytes = 0;
	const struct flow_row **row;
	size_t n;

	(void)state;
	/* two large talkers among 100000 hosts that come once */
	for (uint32_t i = 0; i < 100000; i++) {
		struct flow w[2] = {flow("10.0.0.1", "192.0.2.1", 0, 0, 1, 60 + i % 50), flow("198.51.100.1", "192.0.2.1", 53, 9, 3, 4157)};

		memcpy(w[0].src.b + 12, (uint8_t[]){10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 4);
		w[1].sport = (uint16_t)(53 + i % 2);
		add(g, w, NULL, 2);
		bytes += w[0].bytes + w[1].bytes;
	}
	assert_true(flow_groups_n(g) <= 4096);
	assert_true(flow_groups_folded(g) > 90000);
	row = flow_groups_rank(g, ORDER_BYTES, 0, NULL, &n);
	assert_true(n == flow_groups_n(g) && row[0]->sums.bytes == 50000u * 4157 && row[1]->sums.bytes == 50000u * 4157);
	bytes -= flow_groups_others(g)->bytes;
	for (size_t i = 0; i < n; i++)
		bytes -= row[i]->sums.bytes;
	assert_int_equal(bytes, 0); /* nothing is lost */
	free(row);
	flow_groups_free(g);
}

static void
test_numbers(void **state)
{
	char buf[FLOW_NUMBER_TEXT], time[FLOW_TIME_TEXT], addr[ADDR_TEXT];
	struct addr a = address("2804:3714:4058:1470:1545:dc04:5503:ac0b");

	(void)state;
	assert_string_equal(flow_number_text(999999, false, buf), "999999");
	assert_string_equal(flow_number_text(106604100, false, buf), "106.6 M");
	assert_string_equal(flow_number_text(UINT64_C(2500000000), false, buf), "2.5 G");
	assert_string_equal(flow_number_text(UINT64_C(9100000000000), false, buf), "9.1 T");
	assert_string_equal(flow_number_text(106604100, true, buf), "106604100");
	assert_string_equal(flow_as_text(655361, true, buf), "10.1");
	assert_string_equal(flow_as_text(655361, false, buf), "655361");
	assert_string_equal(flow_as_text(2621441, true, buf), "40.1");
	assert_string_equal(flow_as_text(64500, true, buf), "64500");
	assert_string_equal(flow_as_text(23456, true, buf), "AS_TRANS");
	assert_string_equal(flow_duration_text(1642250, false, time), "00:27:22.250");
	assert_string_equal(flow_duration_text(90061001, false, time), "1d 01:01:01.001");
	assert_string_equal(flow_duration_text(1642250, true, time), "1642.250");
	assert_string_equal(flow_addr_text(&a, false, addr), "2804:37..03:ac0b");
	assert_string_equal(flow_addr_text(&a, true, addr), "2804:3714:4058:1470:1545:dc04:5503:ac0b");
	assert_string_equal(flow_time_text(T0 + 20787000000, false, true, time), "2013-04-03 14:40:20.787");
}

static const char *
text_of(struct buf *b, enum flow_format f, const struct flow *w, const struct flow_extra *x, bool header)
{
	struct flow_style s = {.format = f, .header = true};

	buf_reset(b);
	if (header)
		flow_text_header(b, &s);
	flow_text_row(b, &s, w, x);
	return buf_text(b);
}

static void
test_lines(void **state)
{
	struct flow w = flow("10.53.0.1", "198.51.5.101", 53, 14068, 7430, 9280070);
	struct flow_extra x = {.flows = 187, .in_if = 1, .out_if = 2, .tos = 16};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	w.end_ns = T0 + INT64_C(1589300) * 1000000;
	assert_string_equal(text_of(&b, FORMAT_EXTENDED, &w, &x, true),
	    "Date first seen             Duration     Proto      Src IP Addr:Port          Dst IP Addr:Port     Flags Tos  Packets"
	    "    Bytes      pps      bps    Bpp Flows\n"
	    "2013-04-03 14:40:00.000     00:26:29.300 UDP          10.53.0.1:53    ->     198.51.5.101:14068 ........  16     7430"
	    "    9.3 M        4    46712   1249   187\n");
	assert_string_equal(text_of(&b, FORMAT_PRINT3, &w, &x, true),
	    "srcIP            dstIP            prot  srcPort  dstPort  octets      packets\n"
	    "10.53.0.1        198.51.5.101     17    53       14068    9280070     7430      \n");
	/* the ports of the article: 1016 and 111 in hexadecimal */
	w.sport = 1016;
	w.dport = 111;
	assert_string_equal(text_of(&b, FORMAT_PRINT0, &w, &x, false),
	    "0001 10.53.0.1        0002 198.51.5.101      11 3f8  6f    7430       9280070   \n");
	assert_string_equal(text_of(&b, FORMAT_PRINT1, &w, &x, false),
	    "0001 10.53.0.1        0002 198.51.5.101      11 3f8  6f    7430       9280070   \n"
	    " 0403.14:40:00.000  0403.15:06:29.300   1589.300 1249 10 00\n\n");
	w.proto = FLOW_ICMP;
	w.sport = 0;
	w.dport = 0x0303;
	w.tcp_flags = 0x12;
	assert_non_null(strstr(text_of(&b, FORMAT_LONG, &w, &x, false), " ->     198.51.5.101:3.3   ...A..S.  16     7430"));
	/* columns stay where they are with IPv6 */
	w.src = w.dst = address("2804:3714:4058:1470:1545:dc04:5503:ac0b");
	assert_non_null(strstr(text_of(&b, FORMAT_LINE, &w, NULL, false), "ICMP  2804:37..03:ac0b.0     -> 2804:37..03:ac0b.3.3       7430"));
	buf_done(&b);
}

static void
take_nothing(void *ctx, struct buf *b)
{
	(void)ctx;
	(void)b;
}

static void
test_as_trans_is_not_ranked(void **state)
{
	struct flow_style s = {.format = FORMAT_CSV, .header = true};
	struct flow_sink sink = {.take = take_nothing};
	struct flow w[3] = {
		flow("10.0.0.1", "10.0.0.2", 1, 1, 10, 90000), flow("10.0.0.1", "10.0.0.3", 53, 1, 1, 2000),
		flow("10.0.0.2", "10.0.0.2", 0, 0, 5, 100),
	};
	struct flow_extra x[3] = {{.src_as = AS_TRANS}, {.src_as = 655361}, {.src_as = 64500}};
	struct flow_totals totals = {0};
	struct flow_stat t;
	struct flow_groups *g;
	const char *first, *trans;
	char why[120];

	(void)state;
	buf_init(&sink.buf, 1 << 16);
	assert_int_equal(flow_stat_parse(&t, "srcas/bytes", FLOW_KEY_RECORD, why, sizeof(why)), 0);
	g = groups_of(t.key, t.keys, 1 << 20);
	add(g, w, x, 3);
	for (size_t i = 0; i < 3; i++)
		flow_sums_add(&totals.matched, &w[i], &x[i]);
	assert_int_equal(flow_stat_print(&sink, &s, &t, g, 1, &totals), 0);
	first = strstr(buf_text(&sink.buf), ",any,655361,1,33.3,1,6.2,2000,2.2,1,16000,2000\n");
	trans = strstr(buf_text(&sink.buf), ",any,AS_TRANS (unknown),1,33.3,");
	assert_true(first != NULL && trans != NULL && first < trans);
	assert_null(strstr(buf_text(&sink.buf), "64500")); /* the top is one row */
	flow_groups_free(g);
	buf_done(&sink.buf);
}

static void
test_statistics_by_name(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{"dstpi", "there is no statistic 'dstpi'; did you mean 'dstip'?"},
		{"dstip/byte", "there is no order 'byte'; flows, packets, bytes, pps, bps, bpp, tstart, tend and duration are"},
		{"dstip:q", "only :p, for each protocol, may stand behind dstip"},
		{"ip/flows/bytes/packets/pps/bps", "more than 4 orders"},
	};
	struct flow_stat t;
	char why[120];

	(void)state;
	for (size_t i = 0; flow_stat_name(i) != NULL; i++)
		assert_int_equal(flow_stat_parse(&t, flow_stat_name(i), FLOW_KEY_RECORD, why, sizeof(why)), 0);
	assert_int_equal(flow_stat_parse(&t, "port:p/bytes/bpp", FLOW_KEY_RECORD, why, sizeof(why)), 0);
	assert_true(t.keys == 2 && t.by_proto && t.orders == 2 && t.order[1] == ORDER_BPP && t.key[1].parts == 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(flow_stat_parse(&t, bad[i].text, FLOW_KEY_RECORD, why, sizeof(why)), ERR_INVALID);
		assert_string_equal(why, bad[i].why);
	}
}

static void
test_reports(void **state)
{
	struct flow_style s = {.header = true};
	struct flow_sink sink = {.take = take_nothing};
	struct flow w[2] = {flow("10.0.0.1", "10.0.0.2", 0, 0, 10, 13500), flow("10.0.0.1", "10.0.0.3", 53, 9, 0, 50)};
	struct flow_report r = {.type = flow_report_type("ip-port"), .order = ORDER_BYTES, .records = 2, .filter = "udp\nand any",
		.without_packets = 1};
	struct flow_totals totals = {0};
	struct flow_fields key[2];
	struct flow_groups *g;

	(void)state;
	assert_non_null(r.type);
	key[0] = key_of(r.type->first);
	key[1] = key_of(r.type->second);
	g = groups_of(key, 2, 1 << 20);
	add(g, w, NULL, 2);
	buf_init(&sink.buf, 1 << 16);
	for (size_t i = 0; i < 2; i++)
		flow_sums_add(&totals.matched, &w[i], NULL);
	assert_int_equal(flow_report_print(&sink, &r, &s, g, &totals), 0);
	assert_string_equal(buf_text(&sink.buf),
	    "# type:                ip-port\n# filter:              udp and any\n# sort:                +octets\n"
	    "# records:             2\n# first-flow:          2013-04-03T14:40:00.000Z\n"
	    "# last-flow:           2013-04-03T14:40:01.000Z\n"
	    "# total:               flows 2, octets 13550, packets 10, duration 2000\n"
	    "# without-packets:     1 flows, counted\n# recn: ip-port*,flows,octets,packets,duration\n"
	    "0,2,27000,20,2000\n9,1,50,0,1000\n# stop, hit record limit.\n");
	flow_groups_free(g);
	buf_done(&sink.buf);
	for (size_t i = 0; flow_report_at(i) != NULL; i++)
		(void)key_of(flow_report_at(i)->first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys), cmocka_unit_test(test_bad_keys), cmocka_unit_test(test_sums_and_ranks),
		cmocka_unit_test(test_budget), cmocka_unit_test(test_numbers), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_as_trans_is_not_ranked), cmocka_unit_test(test_statistics_by_name), cmocka_unit_test(test_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
