/* sFlow v5: datagrams written here word by word, after sflow.org/sflow_version_5.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "collector/sflow.h"

#define SECOND ((int64_t)1000000000)

struct kit {
	uint8_t b[4096];
	size_t n;
	struct export *x;
	struct export_from from;
	struct flow_batch out;
};

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	k->x = export_new(&(struct export_setup){.exporters.base = 7u << 20});
	assert_non_null(k->x);
	assert_int_equal(addr_parse("203.0.113.9", &k->from.addr), 0);
	k->from.seen_ns = 1000 * SECOND;
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	struct kit *k = *state;

	flow_batch_done(&k->out);
	export_free(k->x);
	free(k);
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------ */

static void
word(struct kit *k, uint32_t v)
{
	assert_true(k->n + 4 <= sizeof(k->b));
	k->b[k->n++] = (uint8_t)(v >> 24);
	k->b[k->n++] = (uint8_t)(v >> 16);
	k->b[k->n++] = (uint8_t)(v >> 8);
	k->b[k->n++] = (uint8_t)v;
}

static void
set_word(struct kit *k, size_t at, uint32_t v)
{
	size_t n = k->n;

	k->n = at;
	word(k, v);
	k->n = n;
}

static void
raw(struct kit *k, const void *p, size_t n)
{
	assert_true(k->n + n + 3 <= sizeof(k->b));
	memcpy(k->b + k->n, p, n);
	memset(k->b + k->n + n, 0, 3);
	k->n += (n + 3) / 4 * 4;
}

/* A tag and a length to be filled in by `end`. */
static size_t
begin(struct kit *k, uint32_t format)
{
	word(k, format);
	word(k, 0);
	return k->n;
}

static void
end(struct kit *k, size_t at)
{
	set_word(k, at - 4, (uint32_t)(k->n - at));
}

static void
head(struct kit *k, uint32_t sequence, uint32_t samples)
{
	k->n = 0;
	word(k, 5);
	word(k, 1);
	word(k, 0xc0000201); /* 192.0.2.1 */
	word(k, 3);          /* sub-agent */
	word(k, sequence);
	word(k, 5000);       /* uptime */
	word(k, samples);
}

struct flow_sample {
	uint32_t sequence, source, rate, drops, in, out, records;
};

static size_t
flow_sample(struct kit *k, const struct flow_sample *s)
{
	size_t at = begin(k, 1);

	word(k, s->sequence);
	word(k, s->source);
	word(k, s->rate);
	word(k, 1000);
	word(k, s->drops);
	word(k, s->in);
	word(k, s->out);
	word(k, s->records);
	return at;
}

static void
raw_header(struct kit *k, uint32_t protocol, uint32_t frame, uint32_t stripped, const uint8_t *p, size_t n)
{
	size_t at = begin(k, 1);

	word(k, protocol);
	word(k, frame);
	word(k, stripped);
	word(k, (uint32_t)n);
	raw(k, p, n);
	end(k, at);
}

/* An answer of `total` bytes at IP level from port 53, of which only the head was sampled. */
static size_t
dns_answer(uint8_t p[256], uint16_t total)
{
	static const uint8_t message[] = {
		0x12, 0x34, 0x81, 0x80, 0, 1, 0, 5, 0, 0, 0, 0,
		7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 255, 0, 1,
	};
	static const uint8_t head[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 198, 51, 100, 7, 203, 0, 113, 77,
		0, 53, 0x9c, 0x40, 0, 0, 0, 0,
	};

	memset(p, 0xaa, 256);
	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), message, sizeof(message));
	p[16] = (uint8_t)(total >> 8);
	p[17] = (uint8_t)total;
	p[38] = (uint8_t)((total - 20) >> 8);
	p[39] = (uint8_t)(total - 20);
	return 128;
}

static int
decode(struct kit *k)
{
	return export_datagram(k->x, &k->from, k->b, k->n, &k->out);
}

static const struct exporter *
row(const struct kit *k, size_t i)
{
	assert_true(i < exporters_n(export_exporters(k->x)));
	return exporters_at(export_exporters(k->x), i);
}

static void
assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_TEXT];

	assert_string_equal(addr_text(a, buf), text);
}

/* --- flow samples ------------------------------------------------------------------------------- */

static void
dns_datagram(struct kit *k, uint32_t sequence, uint32_t rate)
{
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at;

	head(k, sequence, 1);
	at = flow_sample(k, &(struct flow_sample){.sequence = sequence, .source = 17, .rate = rate, .in = 17, .out = 18, .records = 1});
	raw_header(k, 1, 1418, 4, p, n);
	end(k, at);
}

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

/* --- what exporters say of themselves ------------------------------------------------------------ */

static void
test_rates_and_drops(void **state)
{
	struct kit *k = *state;
	static const struct flow_sample samples[] = {
		{.sequence = 10, .source = 1, .rate = 100, .drops = 5}, {.sequence = 10, .source = 2, .rate = 2000, .drops = 1},
		{.sequence = 11, .source = 1, .rate = 100, .drops = 8}, {.sequence = 11, .source = 2, .rate = 2000, .drops = 1},
		{.sequence = 9, .source = 1, .rate = 100, .drops = 4},   /* late: nothing to learn from it */
		{.sequence = 12, .source = 1, .rate = 200, .drops = 9},  /* the one change */
		{.sequence = 1, .source = 2, .rate = 2000, .drops = 0},  /* late or begun anew: too near to tell */
	};
	uint8_t p[256];
	size_t n = dns_answer(p, 1400);

	head(k, 1, sizeof(samples) / sizeof(samples[0]));
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct flow_sample s = samples[i];
		size_t at;

		s.records = 1;
		at = flow_sample(k, &s);
		raw_header(k, 1, 1418, 4, p, n);
		end(k, at);
	}
	assert_int_equal(decode(k), 7);
	assert_int_equal(k->out.flow[0].sampling, 100);
	assert_int_equal(k->out.flow[1].sampling, 2000);
	assert_int_equal(k->out.flow[1].packets, 2000);
	assert_int_equal(row(k, 0)->count[EXPORTER_SAMPLING_CHANGED], 1);
	assert_int_equal(row(k, 0)->count[EXPORTER_DROPPED], 4);
}

static void
test_override(void **state)
{
	struct kit *k = *state;
	struct exporter_override o = {.sampling = 4096};

	assert_int_equal(prefix_parse("192.0.2.0/24", &o.from), 0);
	export_free(k->x);
	k->x = export_new(&(struct export_setup){.exporters = {.override = &o, .overrides_n = 1}});
	dns_datagram(k, 1, 7);
	assert_int_equal(decode(k), 1);
	assert_int_equal(k->out.flow[0].packets, 4096);
	assert_int_equal(k->out.flow[0].sampling, 4096);
}

static void
test_sequence(void **state)
{
	struct kit *k = *state;

	dns_datagram(k, 100, 1);
	decode(k);
	dns_datagram(k, 104, 1);
	decode(k);
	assert_int_equal(row(k, 0)->count[EXPORTER_LOST], 3);
	assert_int_equal(row(k, 0)->count[EXPORTER_DATAGRAMS], 2);
	assert_int_equal(row(k, 0)->count[EXPORTER_BYTES], 2 * k->n);
}

static void
test_agent_unnamed(void **state)
{
	struct kit *k = *state;

	dns_datagram(k, 1, 1);
	set_word(k, 8, 0);
	assert_int_equal(decode(k), 1);
	assert_addr(&row(k, 0)->key.addr, "203.0.113.9");
}

static void
test_agent_v6(void **state)
{
	struct kit *k = *state;
	static const uint8_t agent[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};

	k->n = 0;
	word(k, 5), word(k, 2);
	raw(k, agent, 16);
	word(k, 0), word(k, 1), word(k, 1), word(k, 0);
	assert_int_equal(decode(k), 0);
	assert_addr(&row(k, 0)->key.addr, "2001:db8::9");
	assert_int_equal(row(k, 0)->count[EXPORTER_CORRUPT], 0);
}

/* --- counters ----------------------------------------------------------------------------------- */

static void
counters(struct kit *k, uint32_t uptime, uint64_t in, uint64_t out, uint32_t packets)
{
	size_t at, rec;

	head(k, uptime, 1);
	set_word(k, 20, uptime);
	at = begin(k, 2);
	word(k, 1), word(k, 17), word(k, 1);
	rec = begin(k, 1);
	word(k, 17), word(k, 6), word(k, 2), word(k, 0x540be400), word(k, 1), word(k, 3); /* 10 Gbit/s */
	word(k, (uint32_t)(in >> 32)), word(k, (uint32_t)in), word(k, packets), word(k, 0), word(k, UINT32_MAX);
	word(k, 1), word(k, 2), word(k, 0);
	word(k, (uint32_t)(out >> 32)), word(k, (uint32_t)out), word(k, packets), word(k, 0), word(k, UINT32_MAX);
	word(k, 3), word(k, 4), word(k, 0);
	end(k, rec);
	end(k, at);
	assert_int_equal(decode(k), 0);
	k->from.seen_ns += 20 * SECOND;
}

static void
test_counters(void **state)
{
	struct kit *k = *state;
	const struct sflow_interface *i;
	struct sflow *s = export_sflow(k->x);

	assert_null(sflow_counters(s, 7u << 20, 17));
	counters(k, 1000, 5000, 0xfffffff0, 0xfffffffa);
	i = sflow_counters(s, 7u << 20, 17);
	assert_non_null(i);
	assert_int_equal(i->speed_bps, 10000000000);
	assert_true(i->full_duplex && i->up);
	assert_int_equal(i->delta_ns, 0);
	counters(k, 21000, 1005000, 0x10, 4); /* the second and third are 32-bit counters that wrapped */
	i = sflow_counters(s, 7u << 20, 17);
	assert_int_equal(i->delta_ns, 20 * SECOND);
	assert_int_equal(i->delta.in_octets, 1000000);
	assert_int_equal(i->delta.out_octets, 0x20);
	assert_int_equal(i->delta.in_packets, 10);
	counters(k, 41000, 2005000, 0x20, 5);
	assert_int_equal(sflow_counters(s, 7u << 20, 17)->total.in_octets, 2000000);
	counters(k, 100, 7, 7, 7); /* the agent was restarted */
	i = sflow_counters(s, 7u << 20, 17);
	assert_int_equal(i->restarts, 1);
	assert_int_equal(i->delta_ns, 0);
	assert_int_equal(i->total.in_octets, 2000000);
	counters(k, 20100, 107, 7, 7);
	assert_int_equal(sflow_counters(s, 7u << 20, 17)->total.in_octets, 2000100);
	assert_int_equal(sflow_interfaces_n(s), 1);
	assert_int_equal(row(k, 0)->count[EXPORTER_COUNTERS], 5);
}

static void
test_tables_bounded(void **state)
{
	struct sflow *s = sflow_new(1);
	bool known;

	(void)state;
	for (uint32_t i = 0; i < SFLOW_SOURCES; i++)
		assert_non_null(sflow_source(s, i % 7, i, &known));
	assert_null(sflow_source(s, 8, 1, &known));
	assert_int_equal(sflow_full(s), 1);
	for (uint32_t i = 0; i < SFLOW_SOURCES; i++) {
		struct sflow_source *source = sflow_source(s, i % 7, i, &known);

		assert_true(known);
		assert_int_equal(source->key, i);
	}
	sflow_free(s);
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
		cmocka_unit_test_setup_teardown(test_rates_and_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_override, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sequence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_unnamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
		cmocka_unit_test(test_tables_bounded),
		cmocka_unit_test_setup_teardown(test_unknown_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_lie, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
