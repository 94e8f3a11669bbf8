/* sFlow v5: the samples of flows and what they hold, and datagrams that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/sflow_kit.h"

static void
test_dns_seen(void **state)
{
	struct kit *k = *state;
	const struct flow *f;

	dns_datagram(k, 1, 512);
	assert_int_equal(decode(k), 1);
	f = &k->out.flow[0];
	assert_int_equal(f->packets, 512);
	assert_int_equal(f->bytes, 512 * 1400);
	assert_int_equal(f->sampling, 512);
	assert_int_equal(f->exporter, 7u << 20);
	assert_int_equal(f->flags, FLOW_CUT);
	assert_int_equal(f->start_ns, k->from.seen_ns);
	assert_int_equal(f->end_ns, k->from.seen_ns);
	assert_int_equal(f->seen_ns, k->from.seen_ns);
	assert_int_equal(flow_time(f), k->from.seen_ns);
	assert_addr(&f->src, "198.51.100.7");
	assert_addr(&f->dst, "203.0.113.77");
	assert_int_equal(f->sport, 53);
	assert_int_equal(f->ttl, 64);
	assert_non_null(f->dns);
	assert_true(f->dns->response);
	assert_int_equal(f->dns->qtype, DNS_ANY);
	assert_int_equal(f->dns->size, 1400 - 28);
	assert_true(f->dns->msg > k->b && f->dns->msg < k->b + k->n); /* borrowed, not copied */
	assert_addr(&row(k, 0)->key.addr, "192.0.2.1");
	assert_int_equal(row(k, 0)->key.domain, 3);
	assert_int_equal(row(k, 0)->key.version, EXPORT_SFLOW);
	assert_int_equal(row(k, 0)->sampling, 512);
	assert_int_equal(row(k, 0)->count[EXPORTER_RECORDS], 1);
}

/* The wire length of a frame is told in several ways; the IP header's counts in all of them. */
static void
test_frame_lengths(void **state)
{
	static const uint32_t frame[][2] = {{1414, 0}, {1418, 4}, {1414, 4}, {1400, 0}, {128, 0}, {1422, 8}, {3, 4}};
	struct kit *k = *state;
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at;

	for (size_t i = 0; i < sizeof(frame) / sizeof(frame[0]); i++) {
		head(k, (uint32_t)i, 1);
		at = flow_sample(k, &(struct flow_sample){.rate = 1, .records = 1});
		raw_header(k, 1, frame[i][0], frame[i][1], p, n);
		end(k, at);
		flow_batch_reset(&k->out);
		assert_int_equal(decode(k), 1);
		assert_int_equal(k->out.flow[0].bytes, 1400);
		assert_non_null(k->out.flow[0].dns);
	}
}

/* An offloaded packet has no IP length: the frame's is what there is. */
static void
test_offloaded(void **state)
{
	struct kit *k = *state;
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at;

	p[16] = p[17] = p[23] = 0;
	p[23] = 6;
	head(k, 1, 1);
	at = flow_sample(k, &(struct flow_sample){.rate = 10, .records = 1});
	raw_header(k, 1, 30018, 4, p, n);
	end(k, at);
	assert_int_equal(decode(k), 1);
	assert_int_equal(k->out.flow[0].bytes, 300000);
}

static void
test_header_protocols(void **state)
{
	struct kit *k = *state;
	uint8_t p[256], mpls[256] = {0, 0x01, 0x01, 64}, ppp[256] = {0xff, 0x03, 0x00, 0x21};
	size_t n = dns_answer(p, 400), at;

	memcpy(mpls + 4, p + 14, 200);
	memcpy(ppp + 4, p + 14, 200);
	head(k, 1, 5);
	for (uint32_t i = 0; i < 5; i++) {
		static const uint32_t protocol[] = {11, 13, 7, 14, 2};
		const uint8_t *bytes = i == 1 ? mpls : i == 2 || i == 3 ? ppp : p + 14;

		at = flow_sample(k, &(struct flow_sample){.source = i, .rate = 2, .records = 1});
		raw_header(k, protocol[i], 500, 0, bytes, n - 14);
		end(k, at);
	}
	assert_int_equal(decode(k), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(k->out.flow[i].bytes, 800);
		assert_int_equal(k->out.flow[i].dns->qtype, DNS_ANY);
	}
	assert_int_equal(row(k, 0)->count[EXPORTER_IGNORED], 1); /* a token ring */
}

static void
test_plain_records(void **state)
{
	struct kit *k = *state;
	static const uint8_t six[32] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1, 0x20, 0x01, 0x0d, 0xb8, [31] = 2};
	size_t at, rec;

	assert_int_equal(flow_batch_want_extra(&k->out), 0);
	head(k, 1, 2);
	at = flow_sample(k, &(struct flow_sample){.source = 1, .rate = 100, .records = 2});
	rec = begin(k, 2); /* Ethernet: nothing for us */
	for (int i = 0; i < 6; i++)
		word(k, 0);
	end(k, rec);
	rec = begin(k, 3);
	word(k, 60), word(k, 6), word(k, 0x0a000001), word(k, 0x0a000002), word(k, 1234), word(k, 80), word(k, 0x12), word(k, 0x48);
	end(k, rec);
	end(k, at);
	at = flow_sample(k, &(struct flow_sample){.source = 1, .rate = 100, .records = 1});
	rec = begin(k, 4);
	word(k, 80), word(k, 17);
	raw(k, six, 32);
	word(k, 53), word(k, 5353), word(k, 0x12), word(k, 0);
	end(k, rec);
	end(k, at);
	assert_int_equal(decode(k), 2);
	assert_addr(&k->out.flow[0].src, "10.0.0.1");
	assert_int_equal(k->out.flow[0].dport, 80);
	assert_int_equal(k->out.flow[0].tcp_flags, 0x12);
	assert_int_equal(k->out.flow[0].bytes, 6000);
	assert_int_equal(k->out.extra[0].tos, 0x48);
	assert_addr(&k->out.flow[1].dst, "2001:db8::2");
	assert_int_equal(k->out.flow[1].flags, FLOW_IP6 | FLOW_CUT);
	assert_int_equal(k->out.flow[1].tcp_flags, 0);
	assert_null(k->out.flow[1].dns);
}

/* With both, the packet's own header wins; when that is no IP packet, the record stands. */
static void
test_header_wins(void **state)
{
	struct kit *k = *state;
	uint8_t p[256];
	size_t n = dns_answer(p, 1400);

	head(k, 1, 2);
	for (int i = 0; i < 2; i++) {
		size_t at = flow_sample(k, &(struct flow_sample){.rate = 1, .records = 2}), rec;

		if (i == 1)
			p[12] = p[13] = 0x99; /* some other Ethernet type */
		rec = begin(k, 3);
		word(k, 60), word(k, 6), word(k, 0x0a000001), word(k, 0x0a000002), word(k, 1), word(k, 2), word(k, 0), word(k, 0);
		end(k, rec);
		raw_header(k, 1, 1418, 4, p, n);
		end(k, at);
	}
	assert_int_equal(decode(k), 2);
	assert_addr(&k->out.flow[0].src, "198.51.100.7");
	assert_addr(&k->out.flow[1].src, "10.0.0.1");
	assert_int_equal(row(k, 0)->count[EXPORTER_IGNORED], 0);
}

static void
test_extra(void **state)
{
	struct kit *k = *state;
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at, rec;
	const struct flow_extra *e;

	assert_int_equal(flow_batch_want_extra(&k->out), 0);
	head(k, 1, 1);
	at = begin(k, 3); /* expanded */
	word(k, 1), word(k, 0), word(k, 70000), word(k, 256), word(k, 0), word(k, 0);
	word(k, 0), word(k, 90000), word(k, 0), word(k, 70000);
	word(k, 4);
	raw_header(k, 1, 1418, 4, p, n);
	rec = begin(k, 1001);
	word(k, 100), word(k, 0), word(k, 200), word(k, 0);
	end(k, rec);
	rec = begin(k, 1002);
	word(k, 1), word(k, 0xc0000263), word(k, 24), word(k, 22);
	end(k, rec);
	rec = begin(k, 1003);
	word(k, 1), word(k, 0xc0000264), word(k, 64500), word(k, 64501), word(k, 64502);
	word(k, 2), word(k, 2), word(k, 2), word(k, 64503), word(k, 64504), word(k, 1), word(k, 1), word(k, 64505);
	word(k, 0), word(k, 100);
	end(k, rec);
	end(k, at);
	assert_int_equal(decode(k), 1);
	e = &k->out.extra[0];
	assert_addr(&e->next_hop, "192.0.2.99");
	assert_addr(&e->exporter, "192.0.2.1");
	assert_int_equal(e->in_if, 90000);
	assert_int_equal(e->out_if, 70000);
	assert_int_equal(e->direction, 1);
	assert_int_equal(e->src_vlan, 100);
	assert_int_equal(e->dst_vlan, 200);
	assert_int_equal(e->src_mask, 24);
	assert_int_equal(e->dst_mask, 22);
	assert_int_equal(e->src_as, 64501);
	assert_int_equal(e->dst_as, 64505);
	assert_int_equal(e->domain, 3);
	assert_int_equal(e->uptime_ms, 5000);
	assert_int_equal(e->version, EXPORT_SFLOW);
	assert_int_equal(e->flows, 1);
}

static void
test_interfaces_that_are_none(void **state)
{
	struct kit *k = *state;
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at;

	assert_int_equal(flow_batch_want_extra(&k->out), 0);
	head(k, 1, 2);
	at = flow_sample(k, &(struct flow_sample){.source = 5, .rate = 1, .in = 5, .out = 0x40000102, .records = 1});
	raw_header(k, 1, 1418, 4, p, n);
	end(k, at);
	at = flow_sample(k, &(struct flow_sample){.source = 5, .rate = 1, .in = 0x3fffffff, .out = 0x80000003, .records = 1});
	raw_header(k, 1, 1418, 4, p, n);
	end(k, at);
	assert_int_equal(decode(k), 2);
	assert_int_equal(k->out.extra[0].in_if, 5);
	assert_int_equal(k->out.extra[0].out_if, 0);
	assert_int_equal(k->out.extra[0].forwarding, 0x80); /* dropped by an access list */
	assert_int_equal(k->out.extra[1].in_if, 0);
	assert_int_equal(k->out.extra[1].out_if, 0);
	assert_int_equal(k->out.extra[1].forwarding, 0);
}

/* Two messages in one sampled TCP segment: the second is a flow of no packets, however often it counts. */
static void
test_tcp_messages(void **state)
{
	struct kit *k = *state;
	uint8_t p[256], tcp[20] = {0, 53, 0x9c, 0x40, [12] = 0x50, 0x18}, q[31] = {0, 29};
	size_t n, at;

	dns_answer(p, 20 + 20 + 62);
	memcpy(q + 2, p + 42, 29);
	q[9] = 0; /* no answers: all of it is here */
	p[23] = 6;
	memcpy(p + 34, tcp, 20);
	memcpy(p + 54, q, 31);
	memcpy(p + 85, q, 31);
	n = 14 + 102;
	head(k, 1, 1);
	at = flow_sample(k, &(struct flow_sample){.rate = 64, .records = 1});
	raw_header(k, 1, (uint32_t)n, 0, p, n);
	end(k, at);
	assert_int_equal(decode(k), 2);
	assert_int_equal(k->out.flow[0].packets, 64);
	assert_int_equal(k->out.flow[1].packets, 0);
	assert_int_equal(k->out.flow[1].sampling, 64);
	assert_non_null(k->out.flow[1].dns);
}

/* Views move when the batch grows, and the flows follow. */
static void
test_many_views(void **state)
{
	struct kit *k = *state;

	dns_datagram(k, 1, 1);
	for (uint32_t i = 0; i < 5000; i++) {
		set_word(k, 16, i);
		assert_int_equal(decode(k), 1);
	}
	assert_int_equal(k->out.n, 5000);
	for (size_t i = 0; i < k->out.n; i++) {
		assert_ptr_equal(k->out.flow[i].dns, &k->out.dns[i]);
		assert_int_equal(k->out.flow[i].dns->qtype, DNS_ANY);
	}
}

/* --- lies --------------------------------------------------------------------------------------- */

static void
test_unknown_passed_over(void **state)
{
	struct kit *k = *state;
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at, rec;

	head(k, 1, 3);
	at = begin(k, 4413 << 12 | 1); /* a vendor's own sample */
	word(k, 1), word(k, 2);
	end(k, at);
	at = begin(k, 5);
	end(k, at);
	at = flow_sample(k, &(struct flow_sample){.rate = 1, .records = 2});
	rec = begin(k, 4413 << 12 | 1);
	word(k, 7);
	end(k, rec);
	raw_header(k, 1, 1418, 4, p, n);
	end(k, at);
	assert_int_equal(decode(k), 1);
	assert_int_equal(row(k, 0)->count[EXPORTER_CORRUPT], 0);
	assert_int_equal(row(k, 0)->count[EXPORTER_IGNORED], 2);
}

static void
test_every_cut(void **state)
{
	struct kit *k = *state;
	size_t whole;

	dns_datagram(k, 1, 512);
	whole = k->n;
	for (size_t n = 0; n < whole; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, k->b, n);
		flow_batch_reset(&k->out);
		assert_true(export_datagram(k->x, &k->from, exact, n, &k->out) <= 0);
		free(exact);
	}
	assert_int_equal(row(k, 0)->count[EXPORTER_RECORDS] + row(k, 1)->count[EXPORTER_RECORDS], 0);
	assert_true(row(k, 1)->count[EXPORTER_CORRUPT] > 100);
}

/* Each word of the datagram in turn says "very many": nothing is read past the end, and it ends. */
static void
test_every_lie(void **state)
{
	struct kit *k = *state;
	uint64_t corrupt;

	dns_datagram(k, 1, 512);
	for (size_t at = 8; at < k->n; at += 4) {
		uint8_t *exact = malloc(k->n);

		memcpy(exact, k->b, k->n);
		memset(exact + at, 0xff, 4);
		flow_batch_reset(&k->out);
		export_datagram(k->x, &k->from, exact, k->n, &k->out);
		assert_true(k->out.n <= 1);
		free(exact);
	}
	corrupt = 0;
	for (size_t i = 0; i < exporters_n(export_exporters(k->x)); i++)
		corrupt += row(k, i)->count[EXPORTER_CORRUPT];
	/* samples, their length, records, their length, frame and header lengths */
	assert_true(corrupt >= 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dns_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frame_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_offloaded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_header_protocols, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_header_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extra, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interfaces_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_views, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_lie, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
