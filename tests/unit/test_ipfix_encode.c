/* IPFIX messages, read back by a decoder of the test's own that knows RFC 7011 and nothing of the encoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/ipfix_encode.h"
#include "ipfix_reader.h"

static uint8_t buffer[IPFIX_MESSAGE_MAX];

static struct flow
sample_flow(bool v6)
{
	static const uint8_t a4[4] = {192, 0, 2, 1}, b4[4] = {198, 51, 100, 7};
	static const uint8_t a6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1}, b6[16] = {0x20, 1, 0xd, 0xb8, [7] = 9, [15] = 2};

	return (struct flow){.start_ns = 1776000000123999999, .end_ns = 1776000060456000000,
	    .seen_ns = 1776000100789000000, .src = v6 ? addr_v6(a6) : addr_v4(a4), .dst = v6 ? addr_v6(b6) : addr_v4(b4),
	    .packets = 4000, .bytes = 5000000000000, .sampling = 1000, .sport = 53, .dport = 40000, .proto = FLOW_UDP,
	    .tcp_flags = 0x1b, .flags = FLOW_RECORD};
}

static struct flow_extra
sample_extra(bool from6)
{
	static const uint8_t r4[4] = {10, 9, 8, 7}, h4[4] = {10, 1, 1, 1}, r6[16] = {0xfd, [15] = 3};

	return (struct flow_extra){.next_hop = addr_v4(h4), .exporter = from6 ? addr_v6(r6) : addr_v4(r4), .flows = 3,
	    .domain = 0x01020304, .in_if = 70000, .out_if = 5, .src_as = 4200000001, .dst_as = 23456, .src_vlan = 100,
	    .dst_vlan = 200, .version = 9, .src_mask = 24, .dst_mask = 17, .tos = 0xb8, .direction = 1, .icmp_type = 3,
	    .icmp_code = 1, .forwarding = 64};
}

struct seen {
	size_t n;
	struct ipfix_record record[8];
};

static void
keep(void *ctx, const struct ipfix_record *r)
{
	struct seen *s = ctx;

	assert_true(s->n < 8);
	s->record[s->n++] = *r;
}

static size_t
encode(enum ipfix_set which, const struct flow *f, const struct flow_extra *x)
{
	struct ipfix_encoder e;

	assert_int_equal(ipfix_encode_init(&e, which, 77, buffer, IPFIX_MESSAGE_UDP), 0);
	ipfix_encode_begin(&e, 1776000100, 5, true);
	assert_true(ipfix_encode_add(&e, f, x));
	assert_int_equal(e.records, 1);
	return ipfix_encode_finish(&e);
}

static void
decode(struct seen *s, size_t n)
{
	struct ipfix_reader r = {0};

	*s = (struct seen){0};
	assert_int_equal(ipfix_reader_message(&r, buffer, n, keep, s), (int)n);
	assert_int_equal(r.domain, 77);
	assert_int_equal(r.sequence, 5);
	assert_int_equal(r.export_s, 1776000100);
}

static void
archive_keeps_every_field(void **state)
{
	struct flow f = sample_flow(false);
	struct flow_extra x = sample_extra(false);
	struct seen s;
	const struct ipfix_record *r = &s.record[0];

	(void)state;
	decode(&s, encode(IPFIX_ARCHIVE, &f, &x));
	assert_int_equal(s.n, 1);
	assert_int_equal(r->v[8], 0xc0000201);
	assert_int_equal(r->v[12], 0xc6336407);
	assert_int_equal(r->v[152], 1776000000123);
	assert_int_equal(r->v[153], 1776000060456);
	assert_int_equal(r->v[258], 1776000100789);
	assert_int_equal(r->v[1], 5000000000000);
	assert_int_equal(r->v[2], 4000);
	assert_int_equal(r->v[3], 3);
	assert_int_equal(r->v[7], 53);
	assert_int_equal(r->v[11], 40000);
	assert_int_equal(r->v[4], 17);
	assert_int_equal(r->v[5], 0xb8);
	assert_int_equal(r->v[6], 0x1b);
	assert_int_equal(r->v[32], 0x301);
	assert_int_equal(r->v[10], 70000);
	assert_int_equal(r->v[14], 5);
	assert_int_equal(r->v[58], 100);
	assert_int_equal(r->v[59], 200);
	assert_int_equal(r->v[61], 1);
	assert_int_equal(r->v[16], 4200000001);
	assert_int_equal(r->v[17], 23456);
	assert_int_equal(r->v[15], 0x0a010101);
	assert_int_equal(r->v[9], 24);
	assert_int_equal(r->v[13], 17);
	assert_int_equal(r->v[89], 64);
	assert_int_equal(r->v[214], 9);
	assert_int_equal(r->v[149], 0x01020304);
	assert_int_equal(r->v[130], 0x0a090807);
	assert_false(r->has[131] || r->has[27] || r->has[34]);
	assert_int_equal(r->v[311], 0x3f50624dd2f1a9fc); /* 0.001 in IEEE 754 */
}

static void
families_of_flow_and_exporter_are_apart(void **state)
{
	struct seen s;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct flow f = sample_flow((i & 1) != 0);
		struct flow_extra x = sample_extra((i & 2) != 0);
		const struct ipfix_record *r = &s.record[0];

		decode(&s, encode(IPFIX_ARCHIVE, &f, &x));
		assert_int_equal(s.n, 1);
		assert_int_equal(r->has[8], (i & 1) == 0);
		assert_int_equal(r->has[27], (i & 1) != 0);
		assert_int_equal(r->has[130], (i & 2) == 0);
		assert_int_equal(r->has[131], (i & 2) != 0);
		if ((i & 1) != 0) {
			assert_memory_equal(r->a6[27].b, f.src.b, 16);
			assert_memory_equal(r->a6[28].b, f.dst.b, 16);
			assert_int_equal(r->v[29], 24);
			assert_int_equal(r->v[139], 0x301);
			assert_true(addr_equal(&r->a6[62], &(struct addr){{0}})); /* the hop was an IPv4 one */
		}
		if ((i & 2) != 0)
			assert_memory_equal(r->a6[131].b, x.exporter.b, 16);
	}
}

static void
probe_gives_the_counts_as_counted(void **state)
{
	struct flow f = sample_flow(false);
	struct seen s;

	(void)state;
	decode(&s, encode(IPFIX_PROBE, &f, NULL));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.record[0].v[2], 4);
	assert_int_equal(s.record[0].v[1], 5000000000);
	assert_int_equal(s.record[0].v[34], 1000);
	assert_false(s.record[0].has[311] || s.record[0].has[130] || s.record[0].has[258]);
	assert_int_equal(s.record[0].v[153], 1776000060456);
}

static void
fragments(void **state)
{
	static const struct { uint8_t flags; uint64_t id, offset, bits; } want[] = {
		{FLOW_RECORD, 0, 0, 0},
		{FLOW_FRAG_FIRST, 9000, 0, 0x20},
		{FLOW_FRAG_LATER, 9000, 1, 0},
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct flow f = sample_flow(false);

		f.flags = want[i].flags;
		f.frag_id = 9000;
		decode(&s, encode(IPFIX_PROBE, &f, NULL));
		assert_int_equal(s.record[0].v[54], want[i].id);
		assert_int_equal(s.record[0].v[88], want[i].offset);
		assert_int_equal(s.record[0].v[197], want[i].bits);
	}
}

static void
sum(void *ctx, const struct ipfix_record *r)
{
	uint64_t *total = ctx;

	total[0]++;
	total[1] += r->v[2];
}

/* Messages of every size are full but for less than a record, never longer, and lose nothing. */
static void
messages_are_bounded(void **state)
{
	static const size_t caps[] = {IPFIX_MESSAGE_MIN, IPFIX_MESSAGE_UDP, 16384, IPFIX_MESSAGE_MAX};

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		struct ipfix_encoder e;
		struct ipfix_reader r = {0};
		uint64_t total[2] = {0}, packets = 0;
		uint32_t sequence = 0;

		assert_int_equal(ipfix_encode_init(&e, IPFIX_ARCHIVE, 1, buffer, caps[c]), 0);
		for (unsigned int i = 0; i < 3000;) {
			size_t n;

			ipfix_encode_begin(&e, 1, sequence, i == 0);
			for (; i < 3000; i++) {
				struct flow f = sample_flow(i % 7 == 0);
				struct flow_extra x = sample_extra(i % 11 == 0);

				f.packets = i;
				if (!ipfix_encode_add(&e, &f, &x))
					break;
				packets += i;
			}
			n = ipfix_encode_finish(&e);
			assert_true(n <= caps[c] && (i == 3000 || n > caps[c] - IPFIX_RECORD_MAX - 4));
			assert_int_equal(ipfix_reader_message(&r, buffer, n, sum, total), (int)n);
			assert_int_equal(r.sequence, sequence);
			sequence += e.records;
		}
		assert_int_equal(total[0], 3000);
		assert_int_equal(sequence, 3000);
		assert_int_equal(total[1], packets);
	}
	assert_int_equal(ipfix_encode_init(&(struct ipfix_encoder){0}, IPFIX_PROBE, 1, buffer, 1023), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archive_keeps_every_field),
		cmocka_unit_test(families_of_flow_and_exporter_are_apart),
		cmocka_unit_test(probe_gives_the_counts_as_counted),
		cmocka_unit_test(fragments),
		cmocka_unit_test(messages_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
