/* A resolver and other hosts through the whole engine: what is far above ordinary, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detector/state.h"
#include "tests/unit/engine_kit.h"

struct heard {
	size_t opened, closed;
	struct alert first, last;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (a->action == ALERT_OPENED && h->opened++ == 0)
		h->first = *a;
	h->closed += a->action == ALERT_CLOSED;
	h->last = *a;
}

static struct engine *
start(struct heard *h, uint64_t seed)
{
	return kit_engine(hear, h, (struct engine_config){.seed = seed});
}

/* A second of a resolver that answers so many questions, all small, of very many clients. */
static void
answers(struct engine *e, int64_t second, int rate)
{
	for (int i = 0; i < rate; i++) {
		int64_t t = T0 + second * NS_PER_S + (int64_t)i * (NS_PER_S / rate);
		struct flow f = {.start_ns = t, .end_ns = t, .src = kit_addr(0x0a400000 + (uint32_t)i % 2000), .dst = kit_addr(RESOLVER),
			.packets = 1, .bytes = 70, .sampling = 1, .sport = 40000, .dport = 53, .proto = FLOW_UDP, .ttl = 60};

		kit_put(e, &f);
		f = (struct flow){.start_ns = t + 1000, .end_ns = t + 1000, .src = f.dst, .dst = f.src, .packets = 1, .bytes = 180,
			.sampling = 1, .sport = 53, .dport = 40000, .proto = FLOW_UDP, .ttl = 60};
		kit_put(e, &f);
	}
}

static void
run(struct engine *e, int64_t from, int64_t to, int rate)
{
	for (int64_t s = from; s < to; s++)
		answers(e, s, rate);
}

static double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *x = alert_evidence(a, k);

	assert_non_null(x);
	return x->value;
}

static void
test_resolver(void **state)
{
	static const int times[] = {100, 300};
	static struct heard h;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct engine *e = start(&h, 1);

		memset(&h, 0, sizeof(h));
		run(e, 0, 900, 4);
		run(e, 900, 1020, 4 * times[i]);
		assert_int_equal(h.opened, 1);
		assert_int_equal(h.first.kind, KIND_TRAFFIC_ANOMALY);
		assert_int_equal(h.first.role, ROLE_RESOLVER);
		assert_in_range(h.first.t_ns - T0, 960 * NS_PER_S, 980 * NS_PER_S);
		assert_true(figure(&h.last, EV_MULTIPLE) > 0.95 * times[i] && figure(&h.last, EV_MULTIPLE) < 1.05 * times[i]);
		/* and what was learned is still there when it is over */
		run(e, 1020, 1120, 4);
		assert_int_equal(h.closed, 1);
		assert_string_equal(h.last.reason, "quiet");
		run(e, 1120, 1240, 4 * times[i]);
		assert_int_equal(h.opened, 2);
		engine_finish(e);
		engine_free(e);
	}
}

/* Neither in the first ten minutes, nor for forty seconds, nor tenfold, nor a hundred times next to nothing. */
static void
test_silence(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1);

	(void)state;
	memset(&h, 0, sizeof(h));
	run(e, 0, 300, 4);
	run(e, 300, 420, 400);
	run(e, 420, 4020, 4);
	run(e, 4020, 4060, 400);
	run(e, 4060, 4200, 4);
	run(e, 4200, 4500, 40);
	engine_finish(e);
	engine_free(e);
	assert_int_equal(h.opened, 0);
	e = start(&h, 1);
	run(e, 0, 60, 4); /* a server, once */
	for (int64_t s = 60; s < 1200; s += 10)
		answers(e, s, 1);
	run(e, 1200, 1400, 12);
	engine_finish(e);
	engine_free(e);
	assert_int_equal(h.opened, 0);
}

/* The baseline of one run serves the next, under another seed, from its first minute on. */
static void
test_restart(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1);
	char why[200] = "";
	struct buf b;

	(void)state;
	memset(&h, 0, sizeof(h));
	run(e, 0, 900, 4);
	engine_pause(e);
	buf_init(&b, STATE_MAX);
	engine_state_save(e, &b);
	engine_free(e);
	e = start(&h, 2);
	assert_int_equal(engine_state_load(e, b.p, b.len, why, sizeof(why)), 0);
	buf_done(&b);
	engine_blind(e, T0 + 1000 * NS_PER_S);
	run(e, 1000, 1100, 400);
	assert_int_equal(h.opened, 1);
	assert_int_equal(h.first.kind, KIND_TRAFFIC_ANOMALY);
	engine_finish(e);
	engine_free(e);
}

/* Records of five minutes, told when they end: bursts of telling are no bursts of traffic. */
static void
records(struct engine *e, int64_t minute, unsigned int clients, uint64_t each)
{
	for (unsigned int i = 0; i < clients; i++) {
		/* every client's flow ends at its own time of each five minutes */
		int64_t end = T0 + (minute * 60 + i % 60) * NS_PER_S;
		struct flow f = {.start_ns = end - 300 * NS_PER_S, .end_ns = end, .seen_ns = end, .src = kit_addr(RESOLVER),
			.dst = kit_addr(0x0a400000 + i), .packets = each, .bytes = each * 180, .sampling = 1, .sport = 53, .dport = 40000,
			.proto = FLOW_UDP, .flags = FLOW_RECORD};

		struct flow q = f;

		q.src = f.dst;
		q.dst = f.src;
		q.sport = 40000;
		q.dport = 53;
		q.bytes = each * 70;
		if (i % 5 != (unsigned int)minute % 5)
			continue;
		kit_put(e, &q);
		kit_put(e, &f);
	}
}

static void
test_records(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1);

	(void)state;
	memset(&h, 0, sizeof(h));
	for (int64_t m = 6; m < 120; m++)
		records(e, m, 200, 30);
	engine_advance(e, T0 + 120 * 60 * NS_PER_S);
	assert_int_equal(h.opened, 0);
	for (int64_t m = 120; m < 160; m++)
		records(e, m, 200, 3000);
	assert_int_equal(h.opened, 1);
	assert_int_equal(h.first.kind, KIND_TRAFFIC_ANOMALY);
	engine_finish(e);
	engine_free(e);
}

/* Everything at once every five minutes, and nothing between: the ticks in between are never closed. */
static void
burst(struct engine *e, int64_t number, uint64_t each)
{
	int64_t seen = T0 + number * 300 * NS_PER_S + 3 * NS_PER_S;

	for (unsigned int i = 0; i < 50; i++) {
		struct flow f = {.start_ns = seen - 300 * NS_PER_S, .end_ns = seen - NS_PER_S, .seen_ns = seen, .src = kit_addr(RESOLVER),
			.dst = kit_addr(0x0a400000 + i), .packets = each, .bytes = each * 180, .sampling = 1, .sport = 53, .dport = 40000,
			.proto = FLOW_UDP, .flags = FLOW_RECORD};
		struct flow q = f;

		q.src = f.dst;
		q.dst = f.src;
		q.sport = 40000;
		q.dport = 53;
		q.bytes = each * 70;
		kit_put(e, &q);
		kit_put(e, &f);
	}
}

static void
test_bursts(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1);

	(void)state;
	memset(&h, 0, sizeof(h));
	for (int64_t n = 1; n < 24; n++)
		burst(e, n, 100);
	assert_int_equal(h.opened, 0);
	for (int64_t n = 24; n < 32; n++)
		burst(e, n, 10000);
	assert_int_equal(h.opened, 1);
	assert_int_equal(h.first.kind, KIND_TRAFFIC_ANOMALY);
	/* a look holds one burst or two */
	assert_true(figure(&h.last, EV_MULTIPLE) > 60 && figure(&h.last, EV_MULTIPLE) < 150);
	engine_finish(e);
	engine_free(e);
}

/* An incident in the first hour is not learned: neither while another alert explains it, nor when it is far above. */
static void
test_incident_while_learning(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1);

	(void)state;
	memset(&h, 0, sizeof(h));
	run(e, 0, 700, 4);
	run(e, 700, 1500, 400);
	run(e, 1500, 1700, 4);
	assert_int_equal(h.opened, 1);
	assert_int_equal(h.closed, 1);
	run(e, 1700, 1900, 400);
	assert_int_equal(h.opened, 2);
	assert_true(figure(&h.last, EV_MULTIPLE) > 95);
	engine_finish(e);
	engine_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolver),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_incident_while_learning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
