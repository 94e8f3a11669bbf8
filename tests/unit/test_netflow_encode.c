#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "collector/netflow_encode.h"

#define S NS_PER_S
#define MS (NS_PER_S / 1000)
/* 2004-01-09 13:15:56 UTC */
#define T0 (INT64_C(1073654156) * S)

enum { KEPT = 64 };

struct sent {
	uint8_t p[KEPT][NETFLOW_ENCODE_BYTES];
	size_t bytes[KEPT], records[KEPT], n, records_all;
	int64_t now_ns[KEPT];
};

static struct sent out;

static void
keep(void *ctx, const uint8_t *p, size_t n, size_t records, int64_t now_ns)
{
	struct sent *s = ctx;

	assert_true(n <= NETFLOW_ENCODE_BYTES);
	s->records_all += records;
	if (s->n < KEPT) {
		memcpy(s->p[s->n], p, n);
		s->bytes[s->n] = n;
		s->records[s->n] = records;
		s->now_ns[s->n] = now_ns;
	}
	s->n++;
}

static const uint32_t interfaces[2] = {7, 9};

static void
start(struct netflow_encoder *e, unsigned int version, uint32_t sampling)
{
	const struct netflow_encode_setup s = {.version = version, .domain = 0x0102, .sampling = sampling,
		.boot_ns = T0 - 60 * S, .in_if = interfaces, .in_if_n = 2};

	memset(&out, 0, sizeof(out));
	netflow_encode_init(e, &s, keep, &out);
}

static struct flow
query(void)
{
	return (struct flow){.start_ns = T0 + 5 * MS, .end_ns = T0 + 1005 * MS, .seen_ns = T0 + 16 * S,
		.src = addr_v4((const uint8_t[]){10, 64, 0, 5}), .dst = addr_v4((const uint8_t[]){10, 53, 0, 53}),
		.packets = 100, .bytes = 6500, .sampling = 1, .exporter = 1, .sport = 14068, .dport = 53, .proto = FLOW_UDP,
		.tcp_flags = 0x1b, .flags = FLOW_RECORD};
}

static struct flow
query6(void)
{
	struct flow f = query();

	f.src = addr_v6((const uint8_t[]){0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5});
	f.dst = addr_v6((const uint8_t[]){0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53});
	f.flags |= FLOW_IP6;
	return f;
}

static void
same_bytes(size_t i, const uint8_t *want, size_t n)
{
	assert_int_equal(out.bytes[i], n);
	for (size_t k = 0; k < n; k++)
		if (out.p[i][k] != want[k])
			fail_msg("byte %zu is %02x, not %02x", k, out.p[i][k], want[k]);
}

static void
test_v5_bytes(void **state)
{
	static const uint8_t want[72] = {
		0, 5, 0, 1, 0, 1, 0x28, 0xe0,               /* uptime 76000 ms */
		0x3f, 0xfe, 0xa9, 0x9c, 0, 0, 0, 0,         /* 16 s later */
		0, 0, 0, 0, 1, 2, 0x80, 100,                /* sequence, engine, random 1 in 100 */
		10, 64, 0, 5, 10, 53, 0, 53, 0, 0, 0, 0,
		0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 65,        /* interface, packets, bytes: unscaled */
		0, 0, 0xea, 0x65, 0, 0, 0xee, 0x4d,         /* 60005 and 61005 ms */
		0x36, 0xf4, 0, 53, 0, 0x1b, 17, 0,
		0, 0, 0, 0, 0, 0, 0, 0,
	};
	struct netflow_encoder e;
	struct flow f = query();

	(void)state;
	start(&e, 5, 100);
	f.sampling = 100;
	assert_int_equal(netflow_encode_flow(&e, &f, f.seen_ns), 0);
	assert_int_equal(out.n, 0);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(out.n, 1);
	same_bytes(0, want, sizeof(want));
	netflow_encode_flush(&e, f.seen_ns); /* nothing more */
	assert_int_equal(out.n, 1);
}

static void
test_v9_bytes(void **state)
{
	static const uint8_t want[] = {
		0, 9, 0, 6, 0, 1, 0x2c, 0xc8, 0x3f, 0xfe, 0xa9, 0x9d, /* 77 s: the second after 16.25 s */
		0, 0, 0, 0, 0, 0, 1, 2,
		0, 0, 0, 116,
		1, 0, 0, 13, 0, 8, 0, 4, 0, 12, 0, 4, 0, 7, 0, 2, 0, 11, 0, 2, 0, 4, 0, 1, 0, 6, 0, 1, 0, 60, 0, 1, 0, 61, 0, 1,
		0, 10, 0, 4, 0, 2, 0, 8, 0, 1, 0, 8, 0, 22, 0, 4, 0, 21, 0, 4,
		1, 1, 0, 13, 0, 27, 0, 16, 0, 28, 0, 16, 0, 7, 0, 2, 0, 11, 0, 2, 0, 4, 0, 1, 0, 6, 0, 1, 0, 60, 0, 1, 0, 61, 0, 1,
		0, 10, 0, 4, 0, 2, 0, 8, 0, 1, 0, 8, 0, 22, 0, 4, 0, 21, 0, 4,
		0, 1, 0, 24, 1, 2, 0, 4, 0, 8, 0, 1, 0, 4, 0, 34, 0, 4, 0, 35, 0, 1, 0, 0,
		1, 2, 0, 16, 0, 0, 1, 2, 0, 0, 0, 1, 1, 0, 0, 0,
		1, 0, 0, 48, 10, 64, 0, 5, 10, 53, 0, 53, 0x36, 0xf4, 0, 53, 17, 0x1b, 4, 0, 0, 0, 0, 9,
		0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0x19, 0x64, 0, 0, 0xea, 0x65, 0, 0, 0xee, 0x4d,
		1, 1, 0, 72, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5,
		0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, 0x36, 0xf4, 0, 53, 17, 0x1b, 6, 0, 0, 0, 0, 9,
		0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0x19, 0x64, 0, 0, 0xea, 0x65, 0, 0, 0xee, 0x4d,
	};
	struct netflow_encoder e;
	struct flow f = query(), f6 = query6();

	(void)state;
	start(&e, 9, 1);
	assert_int_equal(netflow_encode_flow(&e, &f, T0 + 16 * S), 0);
	assert_int_equal(netflow_encode_flow(&e, &f6, T0 + 16 * S + 250 * MS), 0);
	netflow_encode_flush(&e, T0 + 16 * S + 250 * MS);
	assert_int_equal(out.n, 1);
	assert_int_equal(out.records[0], 2);
	same_bytes(0, want, sizeof(want));
	assert_true(out.p[0][3] == 6); /* two templates, one of options, its record, two flows */
}

/* A 10 GB flow: several records that are all believable, and together the flow. */
static void
test_v5_split(void **state)
{
	struct netflow_encoder e;
	struct flow f = query();
	uint64_t packets = 0, bytes = 0;

	(void)state;
	start(&e, 5, 1);
	f.packets = 7000000;
	f.bytes = 10000000000;
	assert_int_equal(netflow_encode_flow(&e, &f, f.seen_ns), 0);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(out.records[0], 3);
	assert_int_equal(e.split, 2);
	for (size_t i = 0; i < 3; i++) {
		struct cursor c = cursor_view(out.p[0] + 24 + i * 48 + 16, 8);
		uint32_t p = cursor_u32(&c), b = cursor_u32(&c);

		assert_int_equal(b / p, 1428);
		packets += p;
		bytes += b;
	}
	assert_int_equal(packets, 7000000);
	assert_int_equal(bytes, 10000000000);
	/* the bounds: exactly 32 bits, one more, and all there is */
	f.bytes = UINT32_MAX;
	netflow_encode_flow(&e, &f, f.seen_ns);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(out.records[1], 1);
	f.bytes++;
	netflow_encode_flow(&e, &f, f.seen_ns);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(out.records[2], 2);
	assert_int_equal(e.sequence, 6);
}

static void
test_v5_no_v6(void **state)
{
	struct netflow_encoder e;
	struct flow f = query6();

	(void)state;
	start(&e, 5, 1);
	assert_int_equal(netflow_encode_flow(&e, &f, f.seen_ns), ERR_UNSUPPORTED);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(e.no_v6, 1);
	assert_int_equal(out.n, 0);
}

static uint32_t
at32(size_t i, size_t offset)
{
	struct cursor c = cursor_view(out.p[i] + offset, 4);

	return cursor_u32(&c);
}

static void
test_v5_sequence(void **state)
{
	struct netflow_encoder e;
	struct flow f = query();

	(void)state;
	start(&e, 5, 1);
	for (int i = 0; i < 70; i++)
		netflow_encode_flow(&e, &f, f.seen_ns);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(out.n, 3);
	assert_int_equal(out.bytes[0], 24 + 30 * 48);
	assert_int_equal(out.records[2], 10);
	assert_int_equal(at32(0, 16), 0);
	assert_int_equal(at32(1, 16), 30);
	assert_int_equal(at32(2, 16), 60);
	assert_int_equal(e.records, 70);
	assert_int_equal(e.datagrams, 3);
}

static bool
has_templates(size_t i)
{
	return out.p[i][20] == 0 && out.p[i][21] == 0;
}

static void
test_v9_templates(void **state)
{
	struct netflow_encoder e;
	struct flow f = query();

	(void)state;
	start(&e, 9, 1);
	for (int i = 0; i < 45; i++) { /* one datagram each */
		netflow_encode_flow(&e, &f, f.seen_ns);
		netflow_encode_flush(&e, f.seen_ns);
	}
	for (size_t i = 0; i < 45; i++) {
		assert_int_equal(at32(i, 12), i);
		assert_int_equal(has_templates(i), i % 20 == 0);
	}
	netflow_encode_flow(&e, &f, f.seen_ns + 61 * S); /* and after a minute */
	netflow_encode_flush(&e, f.seen_ns + 61 * S);
	assert_true(has_templates(45));
	/* a full datagram */
	for (int i = 0; i < 100; i++)
		netflow_encode_flow(&e, &f, f.seen_ns + 61 * S);
	assert_true(out.n > 46);
	assert_in_range(out.bytes[46], 1300, 1400);
}

/* A record waits a second at most, by the flows' clock. */
static void
test_waiting(void **state)
{
	struct netflow_encoder e;
	struct flow f = query();

	(void)state;
	start(&e, 5, 1);
	netflow_encode_flow(&e, &f, f.seen_ns);
	netflow_encode_time(&e, f.seen_ns + S - 1);
	assert_int_equal(out.n, 0);
	netflow_encode_time(&e, f.seen_ns + S);
	assert_int_equal(out.n, 1);
	netflow_encode_flow(&e, &f, f.seen_ns + 2 * S);
	netflow_encode_flow(&e, &f, f.seen_ns + 4 * S); /* another's coming is as good */
	assert_int_equal(out.n, 2);
	assert_int_equal(out.records[1], 1);
}

/* Before the boot, and 49 days behind it: another boot, and the same times. */
static void
test_boot(void **state)
{
	static const int64_t shift[] = {-3600 * S, INT64_C(60) * 86400 * S, 0};
	struct netflow_encoder e;

	(void)state;
	start(&e, 5, 1);
	for (size_t i = 0; i < 3; i++) {
		struct flow f = query();

		f.start_ns += shift[i];
		f.end_ns += shift[i];
		f.seen_ns += shift[i];
		netflow_encode_flow(&e, &f, f.seen_ns);
		netflow_encode_flush(&e, f.seen_ns);
		assert_int_equal(out.n, i + 1);
		/* what a receiver makes of it: seconds - uptime + first */
		assert_true((int64_t)at32(i, 8) * S + (int64_t)at32(i, 12) - ((int64_t)at32(i, 4) - (int64_t)at32(i, 48)) * MS == f.start_ns);
		assert_true((int64_t)at32(i, 8) * S + (int64_t)at32(i, 12) - ((int64_t)at32(i, 4) - (int64_t)at32(i, 52)) * MS == f.end_ns);
		assert_true(at32(i, 52) <= at32(i, 4));
		assert_int_equal(at32(i, 16), 0);
	}
}

/* A record of a hundred days cannot be told by uptimes: it begins at the boot, nothing wraps. */
static void
test_long(void **state)
{
	struct netflow_encoder e;
	struct flow f = query();

	(void)state;
	start(&e, 5, 1);
	f.start_ns -= INT64_C(100) * 86400 * S;
	netflow_encode_flow(&e, &f, f.seen_ns);
	netflow_encode_flush(&e, f.seen_ns);
	assert_int_equal(out.n, 1);
	assert_int_equal(at32(0, 48), 0);
	assert_true(at32(0, 52) <= at32(0, 4));
	assert_true((int64_t)at32(0, 8) * S + (int64_t)at32(0, 12) - ((int64_t)at32(0, 4) - (int64_t)at32(0, 52)) * MS == f.end_ns);
}

/* IPFIX: sequence by records, the time of sending in the header, templates at once and again. */
static void
test_ipfix(void **state)
{
	struct netflow_encoder e;
	size_t records = 0, with_templates = 0;

	(void)state;
	start(&e, 10, 1);
	for (int i = 0; i < 700; i++) {
		struct flow f = i % 3 == 0 ? query6() : query();

		f.start_ns -= 86400 * S; /* before any boot: no matter here */
		assert_int_equal(netflow_encode_flow(&e, &f, f.seen_ns), 0);
	}
	netflow_encode_flush(&e, T0 + 17 * S + 2 * MS);
	assert_in_range(out.n, 21, KEPT);
	for (size_t i = 0; i < out.n; i++) {
		struct cursor c = cursor_view(out.p[i], out.bytes[i]);

		assert_in_range(out.bytes[i], 100, 1400);
		assert_int_equal(cursor_u16(&c), 10);
		assert_int_equal(cursor_u16(&c), out.bytes[i]);
		assert_int_equal(cursor_u32(&c), T0 / S + (i + 1 < out.n ? 16 : 18));
		assert_int_equal(cursor_u32(&c), records);
		assert_int_equal(cursor_u32(&c), 0x0102);
		assert_int_equal(cursor_u16(&c) == 2, i % 20 == 0);
		with_templates += i % 20 == 0;
		records += out.records[i];
	}
	assert_int_equal(records, 700);
	assert_true(with_templates >= 2);
	assert_int_equal(e.records, 700);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v5_bytes), cmocka_unit_test(test_v9_bytes), cmocka_unit_test(test_v5_split),
		cmocka_unit_test(test_v5_no_v6), cmocka_unit_test(test_v5_sequence), cmocka_unit_test(test_v9_templates),
		cmocka_unit_test(test_waiting), cmocka_unit_test(test_boot), cmocka_unit_test(test_long),
		cmocka_unit_test(test_ipfix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
