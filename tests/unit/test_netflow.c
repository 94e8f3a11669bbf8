/* NetFlow with fixed records: every field of every version, lengths that lie, and who counts what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "collector/export.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

/* One ping, as a FreeBSD router of 2004 reported it. */
static const uint8_t ping[72] = {
	0x00, 0x05, 0x00, 0x01, 0x00, 0x00, 0x03, 0xc5, 0x3f, 0xfe, 0xa9, 0x8c, 0x00, 0x04, 0xdf, 0x9c, /* 965 ms */
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	192, 168, 1, 2, 192, 168, 1, 1, 0, 0, 0, 0, 0x00, 0x01, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x54, 0x00, 0x00, 0x03, 0xb2, 0x00, 0x00, 0x03, 0xb2,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x18, 0x00, 0x00,
};

/* Sent at 1700000000.25 after 1000 s of uptime. */
#define HEADER(version, count) 0, version, 0, count, 0x00, 0x0f, 0x42, 0x40, 0x65, 0x53, 0xf1, 0x00, 0x0e, 0xe6, 0xb2, 0x80
#define SENT (INT64_C(1700000000250) * MS)
/* 10.0.0.1:53 -> 10.0.0.2:4242, next hop 10.0.0.9, interfaces 258 -> 3, 1000 packets of 1400000 bytes from
 * uptime 990 s to 999.5 s. */
#define FLOW 10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 9, 1, 2, 0, 3, 0, 0, 0x03, 0xe8, 0x00, 0x15, 0x5c, 0xc0, \
	0x00, 0x0f, 0x1b, 0x30, 0x00, 0x0f, 0x40, 0x4c, 0, 53, 0x10, 0x92
/* AS 64496 -> 4660, masks 24 and 16 */
#define NETWORKS 0xfb, 0xf0, 0x12, 0x34, 24, 16

static const uint8_t v1[64] = {HEADER(1, 1), FLOW, 0, 0, 17, 0xb8, 0x1b};
static const uint8_t v5[72] = {HEADER(5, 1), 0, 0, 0, 7, 2, 9, 0x40, 100, FLOW, 0, 0x1b, 17, 0xb8, NETWORKS};
static const uint8_t v6[76] = {HEADER(6, 1), 0, 0, 0, 7, 2, 9, 0x40, 100, FLOW, 0, 0x1b, 17, 0xb8, NETWORKS, 1, 2, 10, 9, 9, 9};
static const uint8_t v7[76] = {HEADER(7, 1), 0, 0, 0, 7, 2, 9, 0x40, 100, FLOW, 0, 0x1b, 17, 0xb8, NETWORKS, 0, 0, 10, 9, 9, 9};

static struct export *x;
static struct flow_batch batch;
static struct export_from from;

static int
setup(void **state)
{
	(void)state;
	x = export_new(&(struct export_setup){0});
	from = (struct export_from){.addr = addr_v4((const uint8_t[]){192, 0, 2, 1}), .port = 9, .seen_ns = SENT + 200 * MS};
	return x != NULL && flow_batch_init(&batch, 4) == 0 && flow_batch_want_extra(&batch) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	export_free(x);
	flow_batch_done(&batch);
	return 0;
}

/* An exact-size copy, so that a sanitizer sees every byte past the end. */
static int
feed(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	int got;

	assert_non_null(copy);
	memcpy(copy, p, n);
	got = export_datagram(x, &from, copy, n, &batch);
	free(copy);
	return got;
}

static uint64_t
counted(enum exporter_count c)
{
	uint64_t sum[EXPORTER_COUNTS] = {0};

	exporters_sum(export_exporters(x), sum);
	return sum[c];
}

static bool
is_addr(const struct addr *a, const char *text)
{
	struct addr want;

	assert_int_equal(addr_parse(text, &want), 0);
	return addr_equal(a, &want);
}

/* --- fields ---------------------------------------------------------------------------------------------- */

static void
test_ping(void **state)
{
	const struct flow *f = batch.flow;

	(void)state;
	from.seen_ns = INT64_C(1073654156) * S + 319388000;
	assert_int_equal(feed(ping, sizeof(ping)), 1);
	/* 2004-01-09 13:15:55.981 to the millisecond; the header's fraction is below one */
	assert_int_equal(f->start_ns / MS, INT64_C(1073654156000) - 19);
	assert_int_equal(f->end_ns, f->start_ns);
	assert_true(is_addr(&f->src, "192.168.1.2") && is_addr(&f->dst, "192.168.1.1"));
	assert_int_equal(f->packets, 1);
	assert_int_equal(f->bytes, 84);
	assert_int_equal(f->proto, FLOW_ICMP);
	assert_int_equal(f->flags, FLOW_RECORD);
	assert_int_equal(batch.extra[0].src_mask, 24);
	assert_int_equal(batch.extra[0].dst_mask, 24);
	assert_int_equal(batch.extra[0].in_if, 1);
	assert_int_equal(counted(EXPORTER_TIME_REPAIRED), 0);
}

static void
expect_flow(const uint8_t *p, size_t n, uint32_t sampling)
{
	const struct flow *f = batch.flow;
	const struct flow_extra *e = batch.extra;
	unsigned int version = p[1];

	assert_int_equal(feed(p, n), 1);
	assert_int_equal(f->start_ns, SENT - 10 * S);
	assert_int_equal(f->end_ns, SENT - 500 * MS);
	assert_int_equal(f->seen_ns, from.seen_ns);
	assert_true(is_addr(&f->src, "10.0.0.1") && is_addr(&f->dst, "10.0.0.2"));
	assert_int_equal(f->packets, 1000 * sampling);
	assert_int_equal(f->bytes, 1400000 * sampling);
	assert_int_equal(f->sampling, sampling);
	assert_int_equal(f->exporter, 0);
	assert_int_equal(f->sport, 53);
	assert_int_equal(f->dport, 4242);
	assert_int_equal(f->proto, FLOW_UDP);
	assert_int_equal(f->tcp_flags, 0x1b);
	assert_int_equal(f->flags, FLOW_RECORD);
	assert_int_equal(f->frag_id, 0);
	assert_int_equal(f->ttl, 0);
	assert_null(f->dns);
	assert_true(is_addr(&e->next_hop, "10.0.0.9") && is_addr(&e->exporter, "192.0.2.1"));
	assert_int_equal(e->flows, 1);
	assert_int_equal(e->export_ns, SENT);
	assert_int_equal(e->uptime_ms, 1000000);
	assert_int_equal(e->first_ms, 990000);
	assert_int_equal(e->last_ms, 999500);
	assert_int_equal(e->in_if, 258);
	assert_int_equal(e->out_if, 3);
	assert_int_equal(e->version, version);
	assert_int_equal(e->tos, 0xb8);
	assert_int_equal(e->domain, version == 1 ? 0 : 2 << 8 | 9);
	assert_int_equal(e->src_as, version == 1 ? 0 : 64496);
	assert_int_equal(e->dst_as, version == 1 ? 0 : 4660);
	assert_int_equal(e->src_mask, version == 1 ? 0 : 24);
	assert_int_equal(e->dst_mask, version == 1 ? 0 : 16);
	assert_int_equal(counted(EXPORTER_RECORDS), 1);
	assert_int_equal(counted(EXPORTER_BYTES), n);
	assert_int_equal(counted(EXPORTER_CORRUPT), 0);
	assert_int_equal(exporters_at(export_exporters(x), 0)->key.version, version);
}

static void test_v1(void **state) { (void)state; expect_flow(v1, sizeof(v1), 1); }
static void test_v5(void **state) { (void)state; expect_flow(v5, sizeof(v5), 100); }
static void test_v6(void **state) { (void)state; expect_flow(v6, sizeof(v6), 1); }
static void test_v7(void **state) { (void)state; expect_flow(v7, sizeof(v7), 1); }

static void
test_icmp_and_fragments(void **state)
{
	uint8_t d[24 + 4 * 48];

	(void)state;
	memcpy(d, v5, 24);
	d[3] = 4;
	d[22] = d[23] = 0;
	for (int i = 0; i < 4; i++)
		memcpy(d + 24 + 48 * i, v5 + 24, 48);
	/* unreachable, fragmentation needed */
	memcpy(d + 24 + 32, "\0\0\3\4", 4);
	d[24 + 38] = FLOW_ICMP;
	/* no ports: a fragment, a probe, and no UDP at all */
	memset(d + 72 + 32, 0, 4);
	memset(d + 120 + 32, 0, 4);
	memcpy(d + 120 + 16, "\0\0\0\12\0\0\3\347", 8); /* 10 packets of 999 bytes */
	memset(d + 168 + 32, 0, 4);
	d[168 + 38] = 50;
	assert_int_equal(feed(d, sizeof(d)), 4);
	assert_int_equal(batch.flow[0].sport, 0);
	assert_int_equal(batch.flow[0].dport, 0);
	assert_int_equal(batch.extra[0].icmp_type, 3);
	assert_int_equal(batch.extra[0].icmp_code, 4);
	assert_int_equal(batch.flow[0].flags, FLOW_RECORD);
	assert_int_equal(batch.flow[1].flags, FLOW_RECORD | FLOW_FRAG_LATER);
	assert_int_equal(batch.extra[1].icmp_type, 0);
	assert_int_equal(batch.flow[2].flags, FLOW_RECORD);
	assert_int_equal(batch.flow[3].flags, FLOW_RECORD);
	/* exactly 100 bytes each */
	d[120 + 23] = 0xe8;
	assert_int_equal(feed(d, sizeof(d)), 4);
	assert_int_equal(batch.flow[6].flags, FLOW_RECORD | FLOW_FRAG_LATER);
}

/* First and Last before the uptime wrapped, and a record from before the exporter started. */
static void
test_uptime(void **state)
{
	uint8_t d[72];

	(void)state;
	memcpy(d, v5, 72);
	memcpy(d + 4, "\0\0\x10\0", 4);                       /* up 4.096 s after the wrap */
	memcpy(d + 24 + 24, "\xff\xff\xf0\0\0\0\x08\0", 8); /* 4.096 s before it to 2.048 s behind */
	assert_int_equal(feed(d, 72), 1);
	assert_int_equal(batch.flow[0].start_ns, SENT - 8192 * MS);
	assert_int_equal(batch.flow[0].end_ns, SENT - 2048 * MS);
	/* ends after the header's time: the clock of the header is coarser */
	memcpy(d + 24 + 24, "\0\0\x08\0\0\0\x14\0", 8);
	assert_int_equal(feed(d, 72), 1);
	assert_int_equal(batch.flow[1].end_ns, from.seen_ns);
	assert_int_equal(batch.flow[1].start_ns, from.seen_ns - 3072 * MS);
	assert_int_equal(counted(EXPORTER_TIME_REPAIRED), 0);
	/* a replay without an uptime: only the 3 s are worth keeping */
	memcpy(d + 4, "\0\0\0\0", 4);
	memcpy(d + 24 + 24, "\xd4\x9c\x19\x6c\xd4\x9c\x25\x24", 8);
	assert_int_equal(feed(d, 72), 1);
	assert_int_equal(batch.flow[2].end_ns, from.seen_ns);
	assert_int_equal(batch.flow[2].start_ns, from.seen_ns - 3000 * MS);
	assert_int_equal(counted(EXPORTER_TIME_REPAIRED), 1);
	/* a fraction of a second that is none */
	memcpy(d, v5, 72);
	memset(d + 12, 0xff, 4);
	assert_int_equal(feed(d, 72), 1);
	assert_int_equal(batch.extra[3].export_ns, SENT - 250 * MS);
}

static void
test_no_arrival(void **state)
{
	(void)state;
	from.seen_ns = 0;
	assert_int_equal(feed(v5, sizeof(v5)), 1);
	assert_int_equal(batch.flow[0].seen_ns, SENT);
	assert_int_equal(batch.flow[0].end_ns, SENT - 500 * MS);
	assert_int_equal(counted(EXPORTER_TIME_REPAIRED), 0);
}

/* A counter beyond 32 bits comes as several records, some with zero in the other counter. */
static void
test_split_counters(void **state)
{
	uint8_t d[24 + 3 * 48];

	(void)state;
	memcpy(d, v5, 24);
	d[3] = 3;
	d[22] = d[23] = 0;
	for (int i = 0; i < 3; i++)
		memcpy(d + 24 + 48 * i, v5 + 24, 48);
	memset(d + 72 + 16, 0, 4);  /* no packets, but bytes */
	memset(d + 120 + 16, 0, 8); /* nothing */
	assert_int_equal(feed(d, sizeof(d)), 2);
	assert_int_equal(batch.flow[1].packets, 0);
	assert_int_equal(batch.flow[1].bytes, 1400000);
	assert_int_equal(counted(EXPORTER_IGNORED), 1);
	assert_int_equal(counted(EXPORTER_RECORDS), 2);
}

/* --- damage ---------------------------------------------------------------------------------------------- */

static void
test_lengths(void **state)
{
	uint8_t d[24 + 31 * 52] = {0};

	(void)state;
	memcpy(d, v5, 72);
	for (size_t n = 2; n < 72; n++)
		assert_int_equal(feed(d, n), 0);
	assert_int_equal(counted(EXPORTER_CORRUPT), 70);
	assert_int_equal(counted(EXPORTER_DATAGRAMS), 70);
	assert_int_equal(feed(d, 1), ERR_INVALID);
	assert_int_equal(feed(d, 0), ERR_INVALID);
	assert_int_equal(export_unknown(x), 2);
	/* padding is no damage, anything else behind the records is, and does them no harm */
	assert_int_equal(feed(d, 200), 1);
	assert_int_equal(counted(EXPORTER_CORRUPT), 70);
	d[199] = 1;
	assert_int_equal(feed(d, 200), 1);
	assert_int_equal(counted(EXPORTER_CORRUPT), 71);
	assert_int_equal(batch.n, 2);
}

/* Where only some may send, the others get no row. */
static void
test_strangers(void **state)
{
	struct prefix known[2];

	(void)state;
	assert_int_equal(prefix_parse("192.0.2.0/30", &known[0]), 0);
	assert_int_equal(prefix_parse("2001:db8::1", &known[1]), 0);
	export_free(x);
	x = export_new(&(struct export_setup){.known = known, .known_n = 2});
	assert_non_null(x);
	assert_int_equal(feed(v5, sizeof(v5)), 1);
	from.addr.b[15] = 4;
	assert_int_equal(feed(v5, sizeof(v5)), ERR_INVALID);
	assert_int_equal(feed(v5, 0), ERR_INVALID);
	assert_int_equal(export_strangers(x), 2);
	assert_int_equal(export_unknown(x), 0);
	assert_int_equal(exporters_n(export_exporters(x)), 1);
	assert_int_equal(addr_parse("2001:db8::1", &from.addr), 0);
	assert_int_equal(feed(v5, sizeof(v5)), 1);
	assert_int_equal(export_strangers(x), 2);
}

static void
test_counts(void **state)
{
	static const struct { uint8_t version, header, record, max; } k[] = {
		{1, 16, 48, 30}, {5, 24, 48, 30}, {6, 24, 52, 27}, {7, 24, 52, 27},
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t d[24 + 31 * 52] = {0};
		size_t full = (size_t)k[i].header + (size_t)k[i].max * k[i].record;

		memcpy(d, v5, 16);
		d[1] = k[i].version;
		d[3] = k[i].max;
		for (int r = 0; r < k[i].max; r++)
			d[k[i].header + r * k[i].record + 19] = 1;
		batch.n = 0;
		assert_int_equal(feed(d, full), k[i].max);
		assert_true(export_plausible(d, full));
		assert_false(export_plausible(d, full - 1));
		assert_false(export_plausible(d, full + 1));
		assert_int_equal(counted(EXPORTER_CORRUPT), 2 * i);
		d[3]++;
		assert_int_equal(feed(d, full + k[i].record), 0);
		assert_false(export_plausible(d, full + k[i].record));
		d[3] = 0;
		assert_int_equal(feed(d, full), 0);
		assert_false(export_plausible(d, k[i].header));
		assert_int_equal(counted(EXPORTER_CORRUPT), 2 * i + 2);
	}
	/* no version of this decoder */
	assert_int_equal(netflow_decode(x, &from, (const uint8_t[]){0, 9, 0, 1, 0}, 5, &batch), 0);
	assert_int_equal(counted(EXPORTER_CORRUPT), 9);
}

static void
number(uint8_t *d, uint32_t sequence)
{
	for (int i = 0; i < 4; i++)
		d[16 + i] = (uint8_t)(sequence >> 8 * (3 - i));
}

/* A gap of ten, a datagram cut short, one of two bytes, and a jump. */
static void
test_losses(void **state)
{
	uint8_t d[72];

	(void)state;
	memcpy(d, v5, 72);
	for (uint32_t i = 0; i < 5; i++) {
		number(d, 100 + i);
		assert_int_equal(feed(d, 72), 1);
	}
	number(d, 115);
	assert_int_equal(feed(d, 72), 1);
	number(d, 116);
	assert_int_equal(feed(d, 71), 0);
	assert_int_equal(feed(d, 2), 0);
	assert_int_equal(feed(d, 72), 1);
	number(d, 5000);
	assert_int_equal(feed(d, 72), 1);
	number(d, 5001);
	assert_int_equal(feed(d, 72), 1);
	assert_int_equal(counted(EXPORTER_LOST), 10);
	assert_int_equal(counted(EXPORTER_CORRUPT), 2);
	assert_int_equal(counted(EXPORTER_RESETS), 1);
	assert_int_equal(counted(EXPORTER_DUPLICATES), 0);
	assert_int_equal(counted(EXPORTER_MISORDERED), 0);
	/* another engine and another version count for themselves */
	d[21]++;
	number(d, 77);
	assert_int_equal(feed(d, 72), 1);
	assert_int_equal(feed(v6, sizeof(v6)), 1);
	assert_int_equal(counted(EXPORTER_LOST), 10);
	assert_int_equal(counted(EXPORTER_RESETS), 1);
}

static void
test_no_room(void **state)
{
	struct flow_batch full = {.flow = batch.flow, .n = FLOW_BATCH_MAX, .cap = FLOW_BATCH_MAX};

	(void)state;
	assert_int_equal(netflow_decode(x, &from, v5, sizeof(v5), &full), 0);
	assert_int_equal(counted(EXPORTER_NO_ROOM), 1);
	assert_int_equal(counted(EXPORTER_RECORDS), 0);
}

static void
test_override(void **state)
{
	struct exporter_override o = {{addr_v4((const uint8_t[]){192, 0, 2, 0}), 120}, 7};

	(void)state;
	export_free(x);
	x = export_new(&(struct export_setup){.exporters = {.override = &o, .overrides_n = 1}});
	assert_non_null(x);
	expect_flow(v5, sizeof(v5), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v1, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v5, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v7, setup, teardown),
		cmocka_unit_test_setup_teardown(test_icmp_and_fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uptime, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_arrival, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_losses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_override, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
