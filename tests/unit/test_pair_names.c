/* Names that draw large answers: each counts its own, also when a client asks for several within a second, and how often
 * they are asked for while the client still holds the answer, whatever type they are of. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "detector/pair_names.h"
#include "tests/unit/dns_kit.h"

enum { HOST = 0x0a400011 };

static void
deaf(void *ctx, const struct alert *a)
{
	(void)ctx;
	(void)a;
}

static struct engine *
start(void)
{
	return kit_engine(deaf, NULL, (struct engine_config){0});
}

/* A question and its answer; what the first fragment lacks comes in one more. */
static void
ask(struct engine *e, int64_t t_ns, uint32_t client, const struct kit_message *m)
{
	struct kit_message question = *m;
	struct kit_packet k;

	question.response = false;
	question.rcode = 0;
	question.records = 0;
	question.soa = false;
	question.size = question.first = 0;
	engine_advance(e, t_ns); /* a silence of hours is not believed of a single packet */
	kit_say(&k, &question, t_ns, client, RESOLVER);
	kit_put(e, &k.flow);
	kit_say(&k, m, t_ns + 1000, client, RESOLVER);
	kit_put(e, &k.flow);
	if (m->first != 0) {
		k.flow = (struct flow){.start_ns = t_ns + 2000, .end_ns = t_ns + 2000, .src = k.flow.src, .dst = k.flow.dst, .packets = 1,
			.bytes = m->size + 28u - m->first + 20u, .sampling = 1, .proto = FLOW_UDP, .ttl = 60, .frag_id = m->id,
			.flags = FLOW_FRAG_LATER};
		kit_put(e, &k.flow);
	}
}

static const struct drawn_name *
named(const struct drawn_name *d, size_t n, const char *name, uint16_t qtype)
{
	uint8_t wire[DNS_NAME_WIRE];
	int len = dns_name_parse(name, wire);

	for (size_t i = 0; i < n; i++)
		if (d[i].len == len && memcmp(d[i].wire, wire, d[i].len) == 0 && d[i].qtype == qtype)
			return &d[i];
	return NULL;
}

/* Two names and two types of one of them, in every second, in turn and in bursts. */
static void
test_several(void **state)
{
	static const struct kit_message big = {.name = "Big.example", .qtype = DNS_ANY, .response = true, .records = 2, .ttl = {300, 300},
		.size = 4000, .first = 1500};
	static const struct kit_message keys = {.name = "keys.example", .qtype = DNS_DNSKEY, .response = true, .records = 1, .ttl = {3600},
		.size = 1400};
	static const struct kit_message text = {.name = "keys.example", .qtype = DNS_TXT, .response = true, .records = 1, .ttl = {3600},
		.size = 3000, .first = 1500};
	struct engine *e = start();
	static struct drawn_name d[16];
	struct kit_message m;
	uint16_t id = 0;
	size_t n;

	(void)state;
	for (int s = 0; s < 60; s++)
		for (int i = 0; i < 10; i++) {
			m = i % 5 == 4 ? keys : i == 7 ? text : big; /* 7 times big, twice keys, once text */
			m.id = ++id;
			ask(e, T0 + s * NS_PER_S + i * (NS_PER_S / 20), HOST, &m);
		}
	engine_finish(e);
	n = engine_names(e, d, 16);
	assert_int_equal(n, 3);
	const struct drawn_name *a = named(d, n, "big.example", DNS_ANY), *b = named(d, n, "keys.example", DNS_DNSKEY),
	    *c = named(d, n, "keys.example", DNS_TXT);

	assert_true(a != NULL && b != NULL && c != NULL);
	assert_int_equal(a->answers, 7 * 60);
	assert_int_equal(b->answers, 2 * 60);
	assert_int_equal(c->answers, 60);
	/* their own sizes and bytes, fragments with them */
	assert_true(fabs(a->mean_size - 4000) < 1e-9 && fabs(b->mean_size - 1400) < 1e-9 && fabs(c->mean_size - 3000) < 1e-9);
	assert_in_range(a->bytes, 7 * 60 * (4000 + 48) - 60, 7 * 60 * (4000 + 48) + 7 * 60 * 4);
	assert_int_equal(b->bytes, 2 * 60 * (1400 + 28));
	assert_in_range(c->bytes, 60 * (3000 + 48) - 7 * 60 * 4, 60 * (3000 + 48) + 60);
	assert_true(fabs(a->matched_share - 1) < 1e-9 && fabs(b->matched_share - 1) < 1e-9 && fabs(c->matched_share - 1) < 1e-9);
	assert_true(fabs(b->baf - 1428.0 / (12 + 14 + 4 + 11 + 28)) < 1e-9);
	assert_true(fabs(b->repeat_share - 118.0 / 120) < 1e-9); /* not the first two */
	assert_true(a->misused && b->misused && c->misused);
	engine_free(e);
}

/* More names a second than a pair has rows, than a shard has: each answer counts for its own name or for none. */
static void
test_bounds(void **state)
{
	struct engine *e = start();
	static struct drawn_name d[4096];
	size_t n, answers = 0;
	char name[64];
	uint16_t id = 0;

	(void)state;
	for (int s = 0; s < 10; s++)
		for (int i = 0; i < 1000; i++) {
			const struct kit_message m = {.name = name, .qtype = DNS_ANY, .id = ++id, .response = true, .records = 1, .ttl = {300},
				.size = (uint16_t)(1200 + i % 20)};

			snprintf(name, sizeof(name), "n%d.example", i % 20);
			ask(e, T0 + s * NS_PER_S + i * (NS_PER_S / 1100), HOST + (uint32_t)i / 20 % 2, &m);
		}
	engine_finish(e);
	n = engine_names(e, d, 4096);
	assert_in_range(n, 8, 20);
	for (size_t i = 0; i < n; i++) {
		int k = atoi((const char *)d[i].wire + 2);

		assert_true(fabs(d[i].mean_size - (1200 + k)) < 1e-9);
		assert_int_equal(d[i].answers % 10, 0);
		answers += d[i].answers;
	}
	assert_in_range(answers, 10 * 2 * 8 * 20, 10000);
	struct engine_stats stats;

	engine_stats(e, &stats);
	assert_int_equal(answers + stats.names_unnamed, 10000);
	engine_free(e);
}

/* --- asked for again while it is held -------------------------------------------------------------------------- */

struct habit {
	const char *what;
	uint16_t qtype;
	uint32_t ttl[2];         /* of its two records */
	uint32_t gap_s;          /* between questions */
	uint32_t hosts;          /* that ask in turn */
	uint32_t caches;         /* behind the address, that ask at one time; 0 and 1: one */
	bool counts_down;        /* a forwarder's answer: its cache's TTL begins anew when it is over */
	bool waits;              /* asks when the TTL it was told is over, not every gap_s */
	bool negative;           /* NXDOMAIN, SOA TTL 900, minimum 60 */
	bool repeats;
};

static void
test_repeat(void **state)
{
	static const struct habit h[] = {
		{"keys", DNS_DNSKEY, {3600, 3600}, 60, 1, 0, false, false, false, true},
		{"signatures", DNS_RRSIG, {3600, 3600}, 60, 1, 0, false, false, false, true},
		{"delegations", DNS_DS, {3600, 3600}, 60, 1, 0, false, false, false, true},
		{"text", DNS_TXT, {300, 300}, 60, 1, 0, false, false, false, true},
		{"anything", DNS_ANY, {300, 300}, 60, 1, 0, false, false, false, true},
		{"a type nobody knows", 65280, {300, 300}, 60, 1, 0, false, false, false, true},
		{"held for as long as its shortest record", DNS_DNSKEY, {3600, 50}, 60, 1, 0, false, false, false, false},
		{"and no longer", DNS_DNSKEY, {50, 3600}, 40, 1, 0, false, false, false, true},
		{"a cache", DNS_DNSKEY, {120, 120}, 0, 1, 0, false, true, false, false},
		{"a cache behind a forwarder", DNS_DNSKEY, {300, 300}, 0, 1, 0, true, true, false, false},
		{"no cache behind a forwarder", DNS_DNSKEY, {300, 300}, 20, 1, 0, true, false, false, true},
		{"two caches behind one address and a forwarder", DNS_DNSKEY, {300, 300}, 0, 1, 2, true, true, false, false},
		/* they cannot be told from one host that keeps nothing, as nobody counts down for both */
		{"two recursors behind one address, out of step", DNS_DNSKEY, {300, 300}, 150, 1, 0, false, false, false, true},
		{"two caches", DNS_DNSKEY, {300, 300}, 160, 2, 0, false, false, false, false},
		{"not to be kept", DNS_TXT, {0, 0}, 60, 1, 0, false, false, false, false},
		{"so soon that keeping does not matter", DNS_TXT, {0, 0}, 5, 1, 0, false, false, false, true},
		{"a day, forgotten within it", DNS_DNSKEY, {86400, 86400}, 7200, 1, 0, false, false, false, false},
		{"a day, asked for every quarter of an hour", DNS_DNSKEY, {86400, 86400}, 900, 1, 0, false, false, false, true},
		{"what does not exist, once that is forgotten", DNS_TXT, {0, 0}, 70, 1, 0, false, false, true, false},
		{"what does not exist, told just now", DNS_TXT, {0, 0}, 50, 1, 0, false, false, true, true},
	};
	static struct drawn_name d[4];

	(void)state;
	for (size_t k = 0; k < sizeof(h) / sizeof(h[0]); k++) {
		struct engine *e = start();
		uint32_t at = 0, questions = 30;

		for (uint32_t i = 0; i < questions; i++) {
			struct kit_message m = {.name = "zone.example", .qtype = h[k].qtype, .id = (uint16_t)(i + 1), .response = true,
				.rcode = h[k].negative ? DNS_NXDOMAIN : 0, .records = h[k].negative ? 0 : 2, .ttl = {h[k].ttl[0], h[k].ttl[1]},
				.soa = h[k].negative, .size = 2000};

			if (h[k].counts_down)
				m.ttl[0] = m.ttl[1] = h[k].ttl[0] - (at + 137) % h[k].ttl[0];
			ask(e, T0 + at * NS_PER_S, HOST + i % h[k].hosts, &m);
			if (h[k].caches <= 1 || i % h[k].caches == h[k].caches - 1)
				at += h[k].waits ? m.ttl[0] : h[k].gap_s;
		}
		engine_finish(e);
		assert_int_equal(engine_names(e, d, 4), 1);
		assert_int_equal(d[0].answers, questions);
		/* the first was not given before, the second once: a stub whose answer was lost asks so, too */
		if (fabs(d[0].repeat_share - (h[k].repeats ? (questions - 2.0) / questions : 0)) > 1e-9)
			fail_msg("%s: %.3f", h[k].what, d[0].repeat_share);
		assert_int_equal(d[0].misused, h[k].repeats);
		engine_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several), cmocka_unit_test(test_bounds), cmocka_unit_test(test_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
