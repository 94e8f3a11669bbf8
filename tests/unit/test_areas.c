/* Carpets and slow crowds, judged from watches and facts made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "detector/areas.h"
#include "tests/unit/detector_kit.h"

struct bench {
	struct detect_settings settings;
	struct area_facts facts;
	struct judge_env env;
	struct watch w;
	struct verdict v;
};

/* A prefix whose 100 hosts get 1000 large answers to one question in ten seconds that none of them asked for. */
static void
carpet(struct bench *b)
{
	const struct cell c = {.answers = 1000, .answer_packets = 1000, .large = 1000, .ticks = 10, .large_bytes = 4000000,
		.answer_bytes = 4000000};

	memset(b, 0, sizeof(*b));
	detect_settings_defaults(&b->settings);
	b->env = (struct judge_env){.settings = &b->settings, .facts = &b->facts, .tick = 1000, .queries_seen = true};
	b->w = (struct watch){.addr = kit_addr(0x0a400100), .side = SIDE_PREFIX, .service = SERVICE_DNS, .sampling = 1,
		.last_tick = 1000, .first_tick = 991, .sum = {c, c}, .total = c, .name = {{.hash = 1, .count = 900}}};
	for (int i = 0; i < WATCH_WINDOWS; i++) {
		b->facts.hosts[i] = 100;
		b->facts.largest[i] = 20;
	}
}

static enum heat
judged(struct bench *b)
{
	detector_carpet.judge(&b->env, &b->w, &b->v);
	return b->v.heat;
}

static void
set_cells(struct bench *b, const struct cell *c)
{
	b->w.sum[0] = b->w.sum[1] = b->w.total = *c;
}

static void
test_carpet(void **state)
{
	struct bench b;
	struct cell c;

	(void)state;
	carpet(&b);
	assert_int_equal(judged(&b), HEAT_HOT);
	assert_int_equal(b.v.role, ROLE_VICTIM);
	/* 8 x 50 answers are needed */
	c = b.w.sum[0];
	c.large = c.answers = 399;
	set_cells(&b, &c);
	b.w.name[0].count = 390;
	assert_int_not_equal(judged(&b), HEAT_HOT);
	c.large = c.answers = 400;
	set_cells(&b, &c);
	assert_int_equal(judged(&b), HEAT_HOT);
	/* their own queries explain them */
	c.matched = 300;
	set_cells(&b, &c);
	assert_int_not_equal(judged(&b), HEAT_HOT);
}

/* Sixteen hosts, none with a fifth, and one question. */
static void
test_spread(void **state)
{
	struct bench b;

	(void)state;
	carpet(&b);
	b.facts.hosts[0] = b.facts.hosts[1] = 15;
	assert_int_not_equal(judged(&b), HEAT_HOT);
	b.facts.hosts[0] = b.facts.hosts[1] = 16;
	assert_int_equal(judged(&b), HEAT_HOT);
	b.facts.largest[0] = b.facts.largest[1] = 201;
	assert_int_not_equal(judged(&b), HEAT_HOT);
	b.facts.largest[0] = b.facts.largest[1] = 200;
	assert_int_equal(judged(&b), HEAT_HOT);
	b.w.name[0].count = 400; /* people whose queries take another way ask for this and that */
	assert_int_not_equal(judged(&b), HEAT_HOT);
}

static void
fill(struct hll *h, unsigned int n)
{
	uint64_t seed = 1;

	memset(h, 0, sizeof(*h));
	for (unsigned int i = 0; i < n; i++)
		hll_add(h, kit_random(&seed));
}

/* Half of many people's sessions looks like a carpet, but each of them talks with few. */
static void
test_services(void **state)
{
	struct bench b;

	(void)state;
	carpet(&b);
	for (unsigned int s = SERVICE_FIRST_UDP; s < service_count(); s++) {
		bool sessions = service_info((uint8_t)s)->session_request != 0;

		b.w.service = (uint8_t)s;
		fill(&b.w.peers[0], 300);
		fill(&b.facts.pairs[0], 450); /* of 100 hosts with 300 others */
		assert_int_equal(judged(&b), sessions ? HEAT_WARM : HEAT_HOT);
		fill(&b.facts.pairs[0], 2000);
		assert_int_equal(judged(&b), HEAT_HOT);
		fill(&b.w.peers[0], 5); /* five gateways, whoever talks with them */
		fill(&b.facts.pairs[0], 500);
		assert_int_equal(judged(&b), sessions ? HEAT_WARM : HEAT_HOT);
	}
}

/* Of samples the sum must be sure, and so many of them seen as one host's detector asks for: 50. */
static void
test_sampled(void **state)
{
	static const struct { unsigned int sampling, seen; enum heat heat; } cases[] = {
		{1000, 49, HEAT_WARM}, {1000, 50, HEAT_HOT}, {10, 50, HEAT_WARM}, {10, 59, HEAT_WARM}, {10, 60, HEAT_HOT}, {2, 239, HEAT_WARM},
		{2, 240, HEAT_HOT},
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t n = cases[i].sampling * cases[i].seen;
		const struct cell c = {.answers = n, .answer_packets = n, .large = n, .ticks = 10, .large_bytes = n * UINT64_C(4000),
			.answer_bytes = n * UINT64_C(4000)};

		carpet(&b);
		b.w.sampling = cases[i].sampling;
		b.w.counted = true;
		set_cells(&b, &c);
		memset(b.w.name, 0, sizeof(b.w.name));
		assert_int_equal(judged(&b), cases[i].heat);
	}
}

static const struct detector *
abuse(enum watch_side side)
{
	for (size_t i = 0; area_detectors[i] != NULL; i++)
		if (area_detectors[i]->kind == KIND_DNS_AMPLIFICATION_ABUSER && area_detectors[i]->side == side)
			return area_detectors[i];
	return NULL;
}

/* Fifty hosts that ask once in ten minutes: five a minute together. */
static void
crowd(struct bench *b)
{
	const struct cell c = {.queries = 50, .any_queries = 50, .answers = 50, .large = 50, .matched = 50, .ticks = 50,
		.large_bytes = 50 * 4157, .large_query_bytes = 50 * 65};

	carpet(b);
	set_cells(b, &c);
	b->w.sum[WINDOW_LONG].large = 25;
	b->w.side = SIDE_LINK;
	b->w.link = 1;
	b->w.name[0].count = 48;
	for (uint32_t i = 0; i < 10; i++)
		b->w.w60[(b->env.tick / 60 + W60 - i) % W60] = 5;
	b->facts.hosts[WINDOW_LONG] = 25;
}

static void
test_crowd(void **state)
{
	struct bench b;

	(void)state;
	crowd(&b);
	abuse(SIDE_LINK)->judge(&b.env, &b.w, &b.v);
	assert_int_equal(b.v.heat, HEAT_HOT);
	assert_int_equal(b.v.role, ROLE_ABUSER);
	crowd(&b);
	b.facts.hosts[WINDOW_LONG] = 8; /* three of each: they are found by themselves */
	abuse(SIDE_LINK)->judge(&b.env, &b.w, &b.v);
	assert_int_not_equal(b.v.heat, HEAT_HOT);
	crowd(&b);
	b.w.total.any_queries = 0; /* people's question, asked once each */
	abuse(SIDE_LINK)->judge(&b.env, &b.w, &b.v);
	assert_int_not_equal(b.v.heat, HEAT_HOT);
	crowd(&b);
	memset(b.w.w60, 0, sizeof(b.w.w60));
	b.w.w60[b.env.tick / 60 % W60] = 50; /* all in one minute */
	abuse(SIDE_LINK)->judge(&b.env, &b.w, &b.v);
	assert_int_not_equal(b.v.heat, HEAT_HOT);
	/* of a prefix behind a link the link speaks */
	crowd(&b);
	b.w.side = SIDE_PREFIX;
	abuse(SIDE_PREFIX)->judge(&b.env, &b.w, &b.v);
	assert_int_equal(b.v.heat, HEAT_COLD);
	b.w.link = 0;
	abuse(SIDE_PREFIX)->judge(&b.env, &b.w, &b.v);
	assert_int_equal(b.v.heat, HEAT_HOT);
}

static void
test_prefix(void **state)
{
	const struct addr v4 = kit_addr(0x0a400137);
	struct addr v6;
	char text[PREFIX_TEXT];
	struct prefix p = area_prefix(&v4);

	(void)state;
	assert_string_equal(prefix_text(&p, text), "10.64.1.0/24");
	assert_int_equal(addr_parse("2001:db8:64:7::1", &v6), 0);
	p = area_prefix(&v6);
	assert_string_equal(prefix_text(&p, text), "2001:db8:64::/48");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carpet), cmocka_unit_test(test_spread), cmocka_unit_test(test_services),
		cmocka_unit_test(test_sampled), cmocka_unit_test(test_crowd), cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
