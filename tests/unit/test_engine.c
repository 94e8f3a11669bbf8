/* Flows made by hand through the whole engine: who is named, one result for one input, the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/world_kit.h"

/* Every member that means something, as text; padding has no say. */
static void
write_alert(FILE *f, const struct alert *a)
{
	char who[ADDR_TEXT];

	fprintf(f, "%d %d %d %s %u %" PRIx64 " %" PRIx64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d %s/%u", a->action, a->kind,
	    a->role, a->vector, a->vector_port, a->id, a->incident, a->t_ns, a->start_ns, a->end_ns, a->severity,
	    a->subject.type, addr_text(&a->subject.prefix.addr, who), a->subject.prefix.bits);
	fprintf(f, " %d %s", a->has_source, addr_text(&a->source, who));
	fprintf(f, " %d %s", a->has_destination, addr_text(&a->destination, who));
	fprintf(f, " %u %" PRIu64 " %" PRIu64 " %u %u ", a->proto, a->bytes, a->packets, a->qtype, a->window_s);
	fwrite(a->qname, 1, a->qname_len, f);
	for (size_t i = 0; i < a->evidence_n; i++)
		fprintf(f, " e%u=%a/%" PRIu64, a->evidence[i].key, a->evidence[i].value, a->evidence[i].sampled);
	for (size_t i = 0; i < a->signals_n; i++)
		fprintf(f, " %s=%a,%a,%a,%a%d%d%d", a->signals[i].name, a->signals[i].value, a->signals[i].low, a->signals[i].high,
		    a->signals[i].threshold, a->signals[i].below, a->signals[i].required, a->signals[i].met);
	for (size_t i = 0; i < a->peers_n; i++)
		fprintf(f, " p%s=%" PRIu64 "/%" PRIu64, addr_text(&a->peers[i].addr, who), a->peers[i].responses, a->peers[i].bytes);
	fprintf(f, " %s %" PRIu64 " %s %s\n", a->link, a->link_capacity_bps, a->reason != NULL ? a->reason : "-", a->message);
}

static char *
all_text(struct heard *h, size_t *n)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	assert_non_null(f);
	for (size_t i = 0; i < h->n; i++)
		write_alert(f, &h->alert[i]);
	fclose(f);
	free(h->alert);
	h->alert = NULL;
	return text;
}

/* --- who is named -------------------------------------------------------------------------------------- */

static void
test_infected_host(void **state)
{
	static const int rates[] = {1, 10, 100};

	(void)state;
	for (int r = 0; r < 3; r++) {
		int seconds = rates[r] == 1 ? 60 : 20;
		const struct alert *o, *c;
		struct world w;
		struct heard h;

		world_init(&w, 40000);
		infected(&w, T0, seconds, rates[r], HOST);
		run(&w, 64, 1, NULL, &h);
		assert_int_equal(opened(&h), 1);
		o = first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_OPENED);
		c = first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_CLOSED);
		assert_non_null(o);
		assert_non_null(c);
		assert_int_equal(o->role, ROLE_ABUSER);
		assert_int_equal(o->start_ns, T0 + 2000000);
		assert_true(o->t_ns - T0 <= 30 * NS_PER_S);
		assert_int_equal(o->qtype, DNS_ANY);
		assert_memory_equal(o->qname, "\4ripe\3net", 10);
		assert_true(addr_equal(&o->source, &o->subject.prefix.addr));
		struct addr resolver = kit_addr(RESOLVER);

		assert_true(addr_equal(&o->destination, &resolver));
		int n = seconds * rates[r];

		assert_string_equal(c->reason, "end-of-input");
		assert_int_equal(c->id, o->id);
		assert_true(figure(c, EV_QUERY_PACKETS) == n);
		assert_true(figure(c, EV_QUERY_BYTES) == 65.0 * n);
		assert_true(figure(c, EV_RESPONSES) == n);
		assert_true(figure(c, EV_RESPONSE_PACKETS) == 3.0 * n);
		assert_true(figure(c, EV_RESPONSE_BYTES) == 4157.0 * n);
		assert_true(figure(c, EV_MEAN_RESPONSE) == 4089);
		assert_true(figure(c, EV_FRAGMENT_PACKETS) == 2.0 * n);
		assert_true(figure(c, EV_FRAGMENT_BYTES) == 2657.0 * n);
		assert_true(figure(c, EV_ANY_QUERIES) == n);
		assert_true(figure(c, EV_MATCHED_SHARE) == 1);
		assert_true(figure(c, EV_REPEAT_WITHIN_TTL) == n - 2);
		assert_true(figure(c, EV_PAF) == 3);
		assert_true(figure(c, EV_PEERS) == 1);
		assert_true(figure(c, EV_QPS) == rates[r]);
		assert_true(figure(c, EV_BAF) == 4157.0 / 65);
		assert_int_equal(c->bytes, (4157 + 65) * n);
		assert_int_equal(c->packets, 4 * n);
		free(h.alert);
		world_done(&w);
	}
}

static void
test_victim_and_reflector(void **state)
{
	struct prefix ours;
	struct world w;
	struct heard h;
	const struct alert *a;

	(void)state;
	world_init(&w, 40000);
	assert_int_equal(prefix_parse("10.0.0.0/8", &ours), 0);
	ordinary(&w, T0, 20, 3);
	reflection(&w, T0 + 2 * NS_PER_S, 15, 100, HOST);
	sort(&w);
	for (int known = 0; known < 2; known++) {
		run(&w, 64, 1, known ? &ours : NULL, &h);
		assert_int_equal(opened(&h), 1);
		a = first(&h, KIND_DNS_AMPLIFICATION_VICTIM, HOST, ALERT_OPENED);
		assert_non_null(a);
		assert_int_equal(a->role, ROLE_VICTIM);
		assert_true(figure(a, EV_MATCHED_SHARE) == 0);
		free(h.alert);
	}
	/* our server answers a stranger's queries */
	w.n = 0;
	for (int i = 0; i < 2000; i++) {
		query(&w, T0 + i * INT64_C(10000000), STRANGER, 0x0a350001, (uint16_t)(i + 1));
		answer(&w, T0 + i * INT64_C(10000000) + 2000000, STRANGER, 0x0a350001, (uint16_t)(i + 1));
	}
	run(&w, 64, 1, &ours, &h);
	assert_int_equal(opened(&h), 1);
	a = first(&h, KIND_DNS_AMPLIFICATION_REFLECTOR, 0x0a350001, ALERT_OPENED);
	assert_non_null(a);
	assert_int_equal(a->role, ROLE_REFLECTOR);
	struct addr stranger = kit_addr(STRANGER);

	assert_true(addr_equal(&a->destination, &stranger));
	free(h.alert);
	world_done(&w);
}

/* --- one input, one result ------------------------------------------------------------------------------ */

static void
test_same_result(void **state)
{
	static const unsigned int groups[] = {1, 1, 2, 5, 16};
	static const size_t batch[] = {1, 33, 2048};
	struct world w;
	struct heard h;
	char *want;
	size_t want_n;

	(void)state;
	world_init(&w, 60000);
	ordinary(&w, T0, 50, 4);
	for (uint32_t i = 0; i < 12; i++)
		infected(&w, T0 + (5 + i) * NS_PER_S, 20, 5, HOST + i);
	reflection(&w, T0 + 10 * NS_PER_S, 10, 100, HOST + 100);
	sort(&w);
	run(&w, 256, 1, NULL, &h);
	assert_int_equal(opened(&h), 13);
	want = all_text(&h, &want_n);
	for (size_t m = 0; m < sizeof(groups) / sizeof(groups[0]); m++) {
		for (size_t b = 0; b < 3; b++) {
			size_t n;
			char *text;

			run(&w, batch[b], groups[m], NULL, &h);
			text = all_text(&h, &n);
			assert_int_equal(n, want_n);
			assert_memory_equal(text, want, n);
			free(text);
		}
	}
	free(want);
	world_done(&w);
}

/* --- bounds ------------------------------------------------------------------------------------------- */

static void
test_too_little_memory(void **state)
{
	struct detect_settings settings;
	const struct engine_sink sink = {NULL, NULL};
	struct engine_config c = {.seed = 1, .memory_bytes = ENGINE_LEAST_MEMORY - 1, .settings = &settings};
	char why[200] = "";
	struct engine *e;

	(void)state;
	detect_settings_defaults(&settings);
	assert_null(engine_new(&c, &sink, why, sizeof(why)));
	assert_non_null(strstr(why, "64000000"));
	c.memory_bytes = ENGINE_LEAST_MEMORY;
	c.links_n = LINKS_MAX;
	assert_null(engine_new(&c, &sink, why, sizeof(why)));
	assert_non_null(strstr(why, "links"));
	c.links_n = 0;
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	engine_free(e);
}

/* The least memory that is accepted still names an attack. */
static void
test_least_memory_works(void **state)
{
	struct heard h = {0};
	struct engine *e = kit_engine(hear, &h, (struct engine_config){.memory_bytes = ENGINE_LEAST_MEMORY});
	struct world w;

	(void)state;
	world_init(&w, 8000);
	ordinary(&w, T0, 20, 1);
	infected(&w, T0, 20, 10, HOST);
	sort(&w);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	assert_non_null(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_OPENED));
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

static void
test_headless_fragments(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	uint64_t seed = 6;

	(void)state;
	world_init(&w, 1000);
	for (int round = 0; round < 1000; round++) {
		w.n = 0;
		for (int i = 0; i < 1000; i++) {
			struct flow *f = add(&w, T0 + round * INT64_C(10000000) + i, kit_below(&seed, 1 << 24) + (11u << 24), HOST, 0, 0, 1500);

			f->flags = FLOW_FRAG_LATER;
			f->frag_id = (uint32_t)kit_random(&seed);
		}
		feed(e, w.flow, w.n, 500, 1);
	}
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.fragments, 1000000);
	assert_int_equal(stats.packets, 1000000);
	assert_int_equal(stats.bytes, UINT64_C(1500000000));
	assert_true(stats.watches <= 16);
	assert_non_null(first(&h, KIND_UDP_FRAGMENT_FLOOD, HOST, ALERT_OPENED));
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* A million forged clients fill every table; the resolver under them and the one infected host are named. */
static void
test_spoofed_flood(void **state)
{
	enum { SECONDS = 20, RATE = 50000 };
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	uint64_t bytes = 0, points = 0;
	struct series all;
	uint32_t client = 0;

	(void)state;
	world_init(&w, 2000);
	for (int s = 0; s < SECONDS; s++) {
		for (int part = 0; part < 100; part++) {
			int64_t t = T0 + s * NS_PER_S + part * (NS_PER_S / 100);

			w.n = 0;
			for (int i = 0; i < RATE / 100; i++)
				query(&w, t + i, (12u << 24) + client++ * 211, RESOLVER, (uint16_t)i);
			if (part % 10 == 0)
				infected(&w, t + 1000000, 1, 1, HOST);
			sort(&w);
			for (size_t i = 0; i < w.n; i++)
				bytes += w.flow[i].bytes;
			feed(e, w.flow, w.n, 512, 1);
		}
	}
	engine_finish(e);
	engine_stats(e, &stats);
	assert_true(stats.hosts <= MEMORY / 72);
	assert_true(stats.unadmitted_packets > 0);
	assert_non_null(first(&h, KIND_DNS_QUERY_FLOOD, RESOLVER, ALERT_OPENED));
	assert_non_null(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_OPENED));
	assert_int_equal(opened(&h), 2);
	assert_int_equal(engine_series(e, &all, 1), 1);
	for (size_t i = 0; i < all.n; i++)
		points += all.point[i].bytes;
	assert_int_equal(points, bytes);
	/* queries are no amplification, whoever is flooded with them */
	for (size_t i = 0; i < all.n; i++)
		assert_in_range(all.point[i].amplified_answers, 0, 10);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_infected_host),
		cmocka_unit_test(test_victim_and_reflector),
		cmocka_unit_test(test_same_result),
		cmocka_unit_test(test_too_little_memory),
		cmocka_unit_test(test_least_memory_works),
		cmocka_unit_test(test_headless_fragments),
		cmocka_unit_test(test_spoofed_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
