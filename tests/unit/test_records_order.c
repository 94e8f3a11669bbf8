/* Flow records in the order they come in: all at once, late, another file, mixed within a tick; fragments without ports; an
 * exporter that loses some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/records_kit.h"

/* An exporter that sends everything at once, and nothing after: the victim is named when no query came in the grace, also
 * where the recording ends before. */
static void
test_all_at_once(void **state)
{
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct exporter_kind kind = {"all at once", PORT_0, 0, 0, 100000, 1};
	struct traffic x;
	struct heard h;
	size_t n;

	(void)state;
	assert_non_null(f);
	x = (struct traffic){calloc(PACKETS, sizeof(*x.packet)), 0, 7};
	assert_non_null(x.packet);
	reflection(&x, 0x0a400099, 60, 24);
	for (int i = 0; i < INFECTED; i++)
		infected(&x, HOST(i), 60, 3, 0, 4157);
	for (uint32_t i = 0; i < 40; i++)
		ordinary(&x, 0x0a410000 + i, 60, 0.5, 4, 1);
	n = export(&x, &kind, f);
	for (int later = 0; later < 2; later++) {
		for (size_t i = 0; i < n; i++)
			f[i].seen_ns = T0 + 60 * NS_PER_S;
		/* time goes on, or not */
		if (later == 1)
			f[n++] = (struct flow){.start_ns = T0 + 90 * NS_PER_S, .end_ns = T0 + 90 * NS_PER_S, .seen_ns = T0 + 90 * NS_PER_S,
				.src = kit_addr(0x08080808), .dst = kit_addr(0x0a430001), .proto = FLOW_TCP, .packets = 1, .bytes = 60,
				.sampling = 1, .flags = FLOW_RECORD};
		run(f, n, NULL, &h);
		assert_non_null(find(&h, KIND_DNS_AMPLIFICATION_VICTIM, 0x0a400099));
		for (int i = 0; i < INFECTED; i++)
			assert_non_null(find(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST(i)));
		assert_int_equal(h.n, 1 + INFECTED);
		if (later == 1)
			assert_true(find(&h, KIND_DNS_AMPLIFICATION_VICTIM, 0x0a400099)->t_ns <= T0 + 67 * NS_PER_S);
	}
	free(x.packet);
	free(f);
}

/* Files of five minutes, as nfcapd writes them: the second begins with records that waited for their time-out since the
 * first.  That is one recording, and one alert. */
static void
test_next_file(void **state)
{
	struct flow *f = calloc(PACKETS, sizeof(*f));
	static struct flow_key key[1024];
	struct heard h = {0};
	struct engine *e = kit_engine(hear, &h, (struct engine_config){0});
	struct traffic x;
	size_t n, split = 0;

	(void)state;
	assert_non_null(f);
	x = (struct traffic){calloc(PACKETS, sizeof(*x.packet)), 0, 7};
	assert_non_null(x.packet);
	for (int i = 0; i < INFECTED; i++)
		infected(&x, HOST(i), 120, 5, 0, 4157);
	n = export(&x, &kinds[4], f);
	for (size_t i = 0; i < n; i++)
		f[i].seen_ns = f[i].end_ns;
	qsort(f, n, sizeof(*f), by_seen);
	while (f[split].seen_ns < T0 + 60 * NS_PER_S)
		split++;
	/* more than enough stragglers to look like another recording, were they packets */
	memmove(f + split + 600, f + split, (n - split) * sizeof(*f));
	for (size_t i = 0; i < 600; i++)
		f[split + i] = (struct flow){.start_ns = T0, .end_ns = T0 + NS_PER_S, .seen_ns = T0 + NS_PER_S, .src = kit_addr(0x08080808),
			.dst = kit_addr(0x0a430001), .sport = 443, .dport = (uint16_t)(1024 + i), .proto = FLOW_TCP, .packets = 5, .bytes = 600,
			.sampling = 1, .flags = FLOW_RECORD};
	n += 600;
	for (size_t at = 0; at < n;) {
		struct engine_run r;

		if (at == split)
			engine_restart(e, f[at].seen_ns, true);
		r = engine_begin(e, f + at, (at < split ? split : n) - at < 1024 ? (at < split ? split : n) - at : 1024);
		at += r.skip;
		engine_keys(e, f + at, r.n, key);
		engine_ingest(e, f + at, key, r.n);
		at += r.n;
	}
	engine_finish(e);
	engine_free(e);
	assert_int_equal(h.n, INFECTED);
	free(x.packet);
	free(f);
}

/* Fragments of IPv6 whose protocol an exporter does not know. */
static void
test_fragments_of_ipv6(void **state)
{
	struct flow f = {.packets = 10, .bytes = 14000, .proto = FLOW_FRAG6, .flags = FLOW_RECORD};

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &f.src), 0);
	flow_record_fragment(&f);
	assert_true((f.flags & FLOW_FRAG_LATER) != 0 && flow_whole_fragments(&f));
	f.flags = FLOW_RECORD;
	f.proto = 0;
	flow_record_fragment(&f);
	assert_true((f.flags & FLOW_FRAG_LATER) != 0 && !flow_whole_fragments(&f));
	f.flags = FLOW_RECORD;
	f.src = kit_addr(HOST(1));
	flow_record_fragment(&f);
	assert_true((f.flags & FLOW_FRAG_LATER) == 0);
}

/* The order of the records within a tick means nothing. */
static void
test_order(void **state)
{
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct traffic x;
	struct heard a, b;
	uint64_t seed = 3;
	size_t n;

	(void)state;
	assert_non_null(f);
	traffic_init(&x);
	for (int i = 0; i < INFECTED; i++)
		infected(&x, HOST(i), 120, 5, 0, 4157);
	n = export(&x, &kinds[3], f);
	run(f, n, NULL, &a);
	for (size_t i = 0; i + 1 < n; i++) {
		size_t k = i + 1 + kit_below(&seed, 50);

		if (k < n && f[k].seen_ns / NS_PER_S == f[i].seen_ns / NS_PER_S) {
			struct flow t = f[i];

			f[i] = f[k];
			f[k] = t;
		}
	}
	run(f, n, NULL, &b);
	assert_int_equal(a.n, INFECTED);
	assert_memory_equal(&a, &b, sizeof(a));
	free(x.packet);
	free(f);
}

/* Lost records are told of once, as long as they go on, and not when they are few. */
static void
test_exporter_health(void **state)
{
	static const struct { uint64_t records, lost, undecoded, repaired; int64_t offset_s; size_t alerts; } cases[] = {
		{1000, 10, 0, 0, 0, 0}, {1000, 100, 0, 0, 0, 1}, {1000, 0, 30, 0, 0, 1}, {1000, 0, 3, 0, 0, 0}, {1000, 0, 0, 900, 0, 1},
		{1000, 0, 0, 100, 0, 0}, {1000, 0, 0, 1000, 86400, 1}, {10, 9, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct heard h = {.n = 0};
		struct engine *e = kit_engine(hear, &h, (struct engine_config){0});
		const struct exporter_news news = {.addr = kit_addr(0xc0000201), .records = cases[k].records, .lost = cases[k].lost,
			.undecoded = cases[k].undecoded, .repaired = cases[k].repaired, .clock_offset_ns = cases[k].offset_s * NS_PER_S};

		for (int i = 0; i < 10; i++) {
			struct flow f = {.start_ns = T0 + i * NS_PER_S, .end_ns = T0 + i * NS_PER_S, .seen_ns = T0 + i * NS_PER_S, .packets = 1,
				.bytes = 100, .sampling = 1, .flags = FLOW_RECORD, .proto = FLOW_TCP, .src = kit_addr(1), .dst = kit_addr(2)};

			kit_put(e, &f);
			if (i % 3 == 0 && (cases[k].records > 10 || i == 0))
				engine_exporters(e, &news, 1);
		}
		engine_finish(e);
		engine_free(e);
		if (h.n != cases[k].alerts)
			fail_msg("case %zu: %zu alerts instead of %zu", k, h.n, cases[k].alerts);
		for (size_t i = 0; i < h.n; i++)
			assert_int_equal(h.list[i].kind, KIND_EXPORTER_HEALTH);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_next_file),
		cmocka_unit_test(test_fragments_of_ipv6),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_exporter_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
