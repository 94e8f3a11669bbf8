/* IPv6 customers who change the address: flows made by hand through the whole engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/customer.h"
#include "detector/engine.h"
#include "detector/state.h"
#include "tests/unit/detector_kit.h"

#define T0 (INT64_C(1775960000) * NS_PER_S)
enum { MEMORY = 64 << 20, LINES = 64, SMALL = 132, LARGE = 1232 };

struct heard {
	struct alert line[LINES];
	size_t n;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (a->action != ALERT_OPENED)
		return;
	assert_true(h->n < LINES);
	h->line[h->n++] = *a;
}

static struct engine *
start(struct heard *h, unsigned int bits, const struct engine_group *group)
{
	struct detect_settings settings;
	const struct engine_sink sink = {hear, h};
	struct engine_config c = {.seed = 7, .seed_kept = true, .memory_bytes = MEMORY, .settings = &settings, .group = group,
		.groups_n = group != NULL};
	char why[200] = "";
	struct engine *e;

	h->n = 0;
	detect_settings_defaults(&settings);
	if (bits != 0)
		settings.abuser.customer_bits = bits;
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	return e;
}

static void
put(struct engine *e, const struct flow *f)
{
	struct engine_run run;
	struct flow_key key;

	engine_keys(e, f, 1, &key);
	run = engine_begin(e, f, 1);
	if (run.n > 0)
		engine_ingest(e, f, &key, 1);
}

/* The n-th address of the net-th /64 in 2001:db8::/48. */
static struct addr
address(unsigned int net, uint32_t n)
{
	const uint8_t b[16] = {0x20, 1, 0x0d, 0xb8, 0, 0, (uint8_t)(net >> 8), (uint8_t)net, 2, 3, 4, 5, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n};

	return addr_v6(b);
}

static void
message(struct engine *e, int64_t t, bool response, const struct addr *client, uint16_t id, uint16_t size)
{
	static const uint8_t question[] = "\4ripe\3net\0\0\xff\0\1";
	static const uint8_t record[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 0x0f, 0};
	const struct addr resolver = address(53, 53);
	struct flow f = {.start_ns = t, .end_ns = t, .src = response ? resolver : *client, .dst = response ? *client : resolver, .packets = 1,
		.bytes = response ? size + 48u : 85, .sampling = 1, .sport = response ? 53 : 40000, .dport = response ? 40000 : 53,
		.proto = FLOW_UDP, .ttl = 60};
	uint8_t m[64] = {0};
	size_t n = 12;
	struct dns_view v;

	m[0] = (uint8_t)(id >> 8);
	m[1] = (uint8_t)id;
	m[2] = response ? 0x81 : 0x01;
	m[5] = 1;
	m[7] = response;
	memcpy(m + n, question, sizeof(question) - 1);
	if (size < LARGE)
		m[n + 1] = (uint8_t)('a' + id % 26); /* another name */
	n += sizeof(question) - 1;
	if (response) {
		memcpy(m + n, record, sizeof(record));
		n += sizeof(record);
	}
	assert_int_equal(dns_view_parse(&v, m, n, response ? size : n), 0);
	f.dns = &v;
	put(e, &f);
}

static void
look_up(struct engine *e, int64_t t, const struct addr *client, uint32_t id, uint16_t size)
{
	message(e, t, false, client, (uint16_t)id, size);
	message(e, t + 2000000, true, client, (uint16_t)id, size);
}

/* `rate` amplified look-ups a second, the address a new one after `each` of them; `nets` /64s in turn. */
static void
walk(struct engine *e, int from_s, int seconds, uint32_t rate, uint32_t each, unsigned int nets)
{
	for (uint32_t i = 0; i < (uint32_t)seconds * rate; i++) {
		const uint32_t n = (uint32_t)from_s * rate + i;
		const struct addr a = address(256 + n / each % nets, n / each);

		look_up(e, T0 + (int64_t)(from_s + (int)(i / rate)) * NS_PER_S + i % rate * (NS_PER_S / rate), &a, n + 1, LARGE);
	}
}

static void
assert_prefix(const struct alert *a, unsigned int bits)
{
	const struct addr first = address(256, 0);
	const struct prefix p = prefix_of(&first, bits);

	assert_int_equal(a->kind, KIND_DNS_AMPLIFICATION_ABUSER);
	assert_int_equal(a->role, ROLE_ABUSER);
	assert_int_equal(a->subject.type, SUBJECT_PREFIX);
	assert_int_equal(a->subject.prefix.bits, bits);
	assert_true(addr_equal(&a->subject.prefix.addr, &p.addr));
	assert_true(alert_of_customer(a));
}

/* One alert, the prefix's, whose addresses take no room any more. */
static void
test_new_each_time(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 0, NULL);
	struct engine_stats s;

	(void)state;
	walk(e, 1, 60, 20, 1, 1);
	engine_finish(e);
	assert_int_equal(h.n, 1);
	assert_prefix(&h.line[0], 64);
	assert_in_range(h.line[0].t_ns - T0, 1, 4 * NS_PER_S);
	assert_true(alert_evidence(&h.line[0], EV_ADDRESSES)->value >= 12);
	engine_stats(e, &s);
	assert_true(s.watches < 100); /* of 1200 addresses */
	engine_free(e);
}

static void
test_every_third(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 0, NULL);

	(void)state;
	walk(e, 1, 60, 2, 3, 1);
	engine_finish(e);
	assert_int_equal(h.n, 1);
	assert_prefix(&h.line[0], 64);
	engine_free(e);
}

/* Who walks through a /56 is found by those who say that it is one customer's. */
static void
test_length(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 56, NULL);

	(void)state;
	walk(e, 1, 30, 20, 1, 200);
	engine_finish(e);
	assert_int_equal(h.n, 1);
	assert_prefix(&h.line[0], 56);
	engine_free(e);
	e = start(&h, 128, NULL);
	walk(e, 1, 60, 20, 1, 1);
	engine_finish(e);
	assert_int_equal(h.n, 0);
	engine_free(e);
}

/* And groups may say otherwise: addresses that are people's, all of them. */
static void
test_group(void **state)
{
	const struct addr first = address(256, 0);
	const struct prefix member = prefix_of(&first, 64);
	struct engine_group group = {.name = "translated", .member = &member, .members_n = 1};
	struct heard h;
	struct engine *e;

	(void)state;
	detect_settings_defaults(&group.settings);
	group.settings.abuser.customer_bits = 128;
	e = start(&h, 0, &group);
	walk(e, 1, 60, 20, 1, 1);
	engine_finish(e);
	assert_int_equal(h.n, 0);
	engine_free(e);
}

/* One host explains it: it is named, and its prefix is not. */
static void
test_one_host(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 0, NULL);

	(void)state;
	walk(e, 0, 60, 10, 1000, 1);
	engine_finish(e);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.line[0].subject.type, SUBJECT_HOST);
	engine_free(e);
}

/* One after the other: the first as a host, as nobody can know, then the prefix, then nobody; one incident. */
static void
test_in_turn(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 0, NULL);

	(void)state;
	walk(e, 0, 200, 10, 400, 1);
	engine_finish(e);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.line[0].subject.type, SUBJECT_HOST);
	assert_prefix(&h.line[1], 64);
	assert_in_range(h.line[1].t_ns - T0, 40 * NS_PER_S, 43 * NS_PER_S);
	assert_true(h.line[0].incident == h.line[1].incident);
	engine_free(e);
}

/* Three at the same time are three hosts. */
static void
test_side_by_side(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 0, NULL);

	(void)state;
	for (uint32_t i = 0; i < 600; i++) {
		const struct addr a = address(256, i % 3);

		look_up(e, T0 + i * (NS_PER_S / 10), &a, i + 1, LARGE);
	}
	engine_finish(e);
	assert_int_equal(h.n, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(h.line[i].subject.type, SUBJECT_HOST);
	engine_free(e);
}

/* A rack that starts: each of its hosts asks the same once, and for other things as well. */
static void
test_rack(void **state)
{
	struct heard h;
	struct engine *e = start(&h, 0, NULL);

	(void)state;
	for (uint32_t i = 0; i < 900; i++) {
		const struct addr a = address(256, i / 3);

		look_up(e, T0 + i * (NS_PER_S / 30), &a, i + 1, i % 3 == 0 ? LARGE : SMALL);
	}
	engine_finish(e);
	assert_int_equal(h.n, 0);
	engine_free(e);
}

/* In two parts: the same, and hosts that are watched in the first are known in the second. */
static void
test_halves(void **state)
{
	struct heard whole, first, second;
	struct engine *e = start(&whole, 0, NULL);
	struct buf b;
	char why[200] = "";

	(void)state;
	walk(e, 0, 120, 10, 400, 1);
	engine_finish(e);
	engine_free(e);
	e = start(&first, 0, NULL);
	walk(e, 0, 40, 10, 400, 1);
	engine_pause(e);
	buf_init(&b, (size_t)1 << 30);
	engine_state_save(e, &b);
	engine_free(e);
	e = start(&second, 0, NULL);
	assert_int_equal(engine_state_load(e, b.p, b.len, why, sizeof(why)), 0);
	buf_done(&b);
	walk(e, 40, 80, 10, 400, 1);
	engine_finish(e);
	engine_free(e);
	assert_int_equal(whole.n, 2);
	assert_int_equal(first.n + second.n, whole.n);
	assert_true(second.line[0].id == whole.line[1].id && second.line[0].t_ns == whole.line[1].t_ns);
	assert_string_equal(second.line[0].message, whole.line[1].message);
}

/* --- the judge alone -------------------------------------------------------------------------------------- */

struct bench {
	struct detect_settings settings;
	struct judge_env env;
	struct watch w;
	struct verdict v;
};

static enum heat
judged(struct bench *b)
{
	detector_customer.judge(&b->env, &b->w, &b->v);
	return b->v.heat;
}

static void
bench_init(struct bench *b, struct cell c)
{
	memset(b, 0, sizeof(*b));
	detect_settings_defaults(&b->settings);
	b->env = (struct judge_env){.settings = &b->settings, .tick = 1000, .networks_known = true};
	b->w = (struct watch){.addr = address(256, 0), .side = SIDE_CUSTOMER, .service = SERVICE_DNS, .sampling = 1, .first_tick = 991,
		.last_tick = 1000, .sum = {c, c}, .total = c, .name = {{.hash = 1, .count = c.large}}, .flags = HOST_OURS};
}

static const struct cell drawn = {.queries = 40, .any_queries = 40, .answers = 40, .large = 40, .matched = 40, .repeat = 38, .ticks = 10,
	.large_bytes = 40 * 4157, .large_query_bytes = 40 * 85, .query_bytes = 40 * 85, .fresh = 40};

static void
test_judge(void **state)
{
	struct bench b;
	struct cell c = drawn;

	(void)state;
	bench_init(&b, c);
	assert_int_equal(judged(&b), HEAT_HOT);
	c.fresh = 11; /* hosts, rather */
	bench_init(&b, c);
	assert_int_not_equal(judged(&b), HEAT_HOT);
	c.fresh = 12;
	bench_init(&b, c);
	assert_int_equal(judged(&b), HEAT_HOT);
	c.back = 9; /* of 40: above a fifth */
	bench_init(&b, c);
	assert_int_not_equal(judged(&b), HEAT_HOT);
	c.back = 8;
	bench_init(&b, c);
	assert_int_equal(judged(&b), HEAT_HOT);
	c.amid = 14; /* its lower bound with 26 of 40: 0.45 */
	bench_init(&b, c);
	assert_int_not_equal(judged(&b), HEAT_HOT);
	c.amid = 0;
	c.repeat = 20;
	bench_init(&b, c);
	assert_int_not_equal(judged(&b), HEAT_HOT);
}

/* People ask for this and that, and get mostly small answers. */
static void
test_focus(void **state)
{
	struct bench b;
	struct cell c = drawn;

	(void)state;
	c.answers = c.queries = 400;
	bench_init(&b, c);
	assert_int_equal(judged(&b), HEAT_HOT); /* one question */
	b.w.name[0].count = 16;
	assert_int_not_equal(judged(&b), HEAT_HOT);
	/* records have no names: nearly all must be large */
	b.w.counted = b.w.records = true;
	assert_int_not_equal(judged(&b), HEAT_HOT);
	c.answers = c.queries = 45;
	c.repeat = 0;
	bench_init(&b, c);
	b.w.counted = b.w.records = true;
	assert_int_equal(judged(&b), HEAT_HOT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_each_time), cmocka_unit_test(test_every_third), cmocka_unit_test(test_length),
		cmocka_unit_test(test_group), cmocka_unit_test(test_one_host), cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_rack), cmocka_unit_test(test_halves),
		cmocka_unit_test(test_judge), cmocka_unit_test(test_focus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
