#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "collector/meter.h"

#define T0 (INT64_C(1775960014) * NS_PER_S)
#define S NS_PER_S

enum { KEPT = 4096, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct records {
	struct flow f[KEPT];
	size_t n;
	uint64_t packets, bytes;
	int64_t seen_ns;
};

static void
collect(void *ctx, const struct flow *f)
{
	struct records *r = ctx;

	if (r->n < KEPT)
		r->f[r->n] = *f;
	r->n++;
	r->packets += f->packets;
	r->bytes += f->bytes;
	assert_true(f->seen_ns >= f->end_ns && f->end_ns >= f->start_ns);
	assert_true(f->seen_ns >= r->seen_ns); /* in the order of time */
	assert_true((f->flags & FLOW_RECORD) != 0);
	r->seen_ns = f->seen_ns;
}

static struct flow
packet(int64_t t_ns, uint32_t host, uint16_t sport, uint8_t proto)
{
	uint8_t src[4] = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host}, dst[4] = {192, 0, 2, 1};

	return (struct flow){.start_ns = t_ns, .end_ns = t_ns, .src = addr_v4(src), .dst = addr_v4(dst), .packets = 1,
		.bytes = 65, .sampling = 1, .sport = sport, .dport = 53, .proto = proto};
}

static void
put(struct meter *m, struct flow f)
{
	meter_flows(m, &f, 1);
}

static struct meter *
start(struct records *r, const struct meter_setup *s)
{
	struct meter *m = meter_new(s, collect, r);

	memset(r, 0, sizeof(*r));
	assert_non_null(m);
	return m;
}

static struct records r;

static void
test_sums(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){0});
	struct flow view = packet(T0 + 3 * S, 1, 1000, FLOW_UDP), other = packet(T0, 1, 1000, FLOW_UDP);

	(void)state;
	view.packets = view.bytes = 0; /* a second DNS message in one segment is no packet */
	other.exporter = 1;            /* the same on another interface is another flow */
	put(m, packet(T0, 1, 1000, FLOW_UDP));
	put(m, other);
	put(m, packet(T0 + 2 * S, 1, 1000, FLOW_UDP));
	put(m, view);
	assert_int_equal(meter_stats_of(m)->flows, 2);
	assert_int_equal(r.n, 0);
	meter_flush(m);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.packets, 3);
	assert_int_equal(r.bytes, 3 * 65);
	assert_int_equal(r.f[0].exporter + r.f[1].exporter, 1);
	for (size_t i = 0; i < 2; i++)
		if (r.f[i].exporter == 0) {
			assert_int_equal(r.f[i].packets, 2);
			assert_true(r.f[i].start_ns == T0 && r.f[i].end_ns == T0 + 2 * S);
			assert_int_equal(r.f[i].sport, 1000);
			assert_int_equal(r.f[i].dport, 53);
			assert_int_equal(r.f[i].proto, FLOW_UDP);
		}
	meter_flush(m);
	assert_int_equal(r.n, 2);
	meter_free(m);
}

static void
test_inactive(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){.inactive_ns = 15 * S});

	(void)state;
	put(m, packet(T0, 1, 1, FLOW_UDP));
	put(m, packet(T0 + 15 * S, 1, 1, FLOW_UDP)); /* just not */
	assert_int_equal(r.n, 0);
	put(m, packet(T0 + 30 * S + 1, 1, 1, FLOW_UDP)); /* a nanosecond too long */
	assert_int_equal(r.n, 1);
	assert_int_equal(r.f[0].packets, 2);
	assert_true(r.f[0].end_ns == T0 + 15 * S);
	/* time passes without packets */
	meter_time(m, T0 + 45 * S);
	assert_int_equal(r.n, 1);
	meter_time(m, T0 + 46 * S);
	assert_int_equal(r.n, 2);
	assert_true(r.f[1].seen_ns > T0 + 45 * S && r.f[1].seen_ns <= T0 + 46 * S);
	assert_int_equal(meter_stats_of(m)->flows, 0);
	/* a pause of a day, seen by another flow's packet: ended when it was due */
	put(m, packet(T0 + 50 * S, 2, 2, FLOW_UDP));
	put(m, packet(T0 + 86400 * S, 3, 3, FLOW_UDP));
	assert_int_equal(r.n, 3);
	assert_true(r.f[2].seen_ns >= T0 + 65 * S && r.f[2].seen_ns < T0 + 66 * S);
	meter_free(m);
}

static void
test_active(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){.active_ns = 60 * S, .inactive_ns = 15 * S});

	(void)state;
	for (int i = 0; i < 200; i++)
		put(m, packet(T0 + i * S, 1, 1, FLOW_UDP));
	assert_int_equal(r.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(r.f[i].start_ns == T0 + (int64_t)i * 60 * S);
		assert_int_equal(r.f[i].packets, 60);
		assert_true(r.f[i].end_ns == r.f[i].start_ns + 59 * S);
	}
	meter_flush(m);
	assert_int_equal(r.packets, 200);
	meter_free(m);
}

static void
test_closing(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){0});
	struct flow f = packet(T0, 1, 40000, FLOW_TCP);

	(void)state;
	f.tcp_flags = SYN;
	put(m, f);
	f.start_ns = f.end_ns = T0 + S;
	f.tcp_flags = FIN | ACK;
	put(m, f);
	f.start_ns = f.end_ns = T0 + S + S / 10; /* the last ACK belongs to it */
	f.tcp_flags = ACK;
	put(m, f);
	meter_time(m, T0 + 2 * S);
	assert_int_equal(r.n, 0);
	meter_time(m, T0 + 3 * S);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.f[0].packets, 3);
	assert_int_equal(r.f[0].tcp_flags, SYN | FIN | ACK);
	/* the same ports at once again: a new flow */
	f.start_ns = f.end_ns = T0 + 10 * S;
	f.tcp_flags = RST;
	put(m, f);
	f.tcp_flags = SYN;
	put(m, f);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.f[1].tcp_flags, RST);
	meter_flush(m);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.f[2].tcp_flags, SYN);
	/* UDP has no such flags, whatever stands there */
	f = packet(T0 + 20 * S, 1, 1, FLOW_UDP);
	f.tcp_flags = FIN;
	put(m, f);
	meter_time(m, T0 + 30 * S);
	assert_int_equal(r.n, 3);
	meter_free(m);
}

static void
fragments(enum meter_fragments how, bool head)
{
	struct meter *m = start(&r, &(struct meter_setup){.fragments = how});
	struct flow first = packet(T0, 1, 53, FLOW_UDP), later = packet(T0, 1, 0, FLOW_UDP);

	first.dport = 14068;
	first.flags = FLOW_FRAG_FIRST;
	later.flags = FLOW_FRAG_LATER;
	later.dport = 0;
	first.frag_id = later.frag_id = 77;
	first.bytes = later.bytes = 1500;
	if (head)
		put(m, first);
	put(m, later);
	later.bytes = 1157;
	put(m, later);
	meter_flush(m);
	assert_int_equal(meter_stats_of(m)->orphans, how == METER_SERVICE && !head ? 2 : 0);
	meter_free(m);
}

static void
test_fragments(void **state)
{
	(void)state;
	fragments(METER_SERVICE, true);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.f[0].packets, 3);
	assert_int_equal(r.f[0].bytes, 4157);
	assert_int_equal(r.f[0].sport, 53);
	assert_int_equal(r.f[0].dport, 14068);
	fragments(METER_SERVICE, false);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.f[0].sport, 0);
	fragments(METER_PORT0, true);
	assert_int_equal(r.n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(r.f[i].bytes, r.f[i].sport == 53 ? 1500 : 2657);
}

static void
test_sampling(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){.sampling = 10, .sampling_seed = 1});
	const struct meter_stats *s;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		put(m, packet(T0 + i, i % 10, 1, FLOW_UDP)); /* as regular as the sampling */
	meter_flush(m);
	s = meter_stats_of(m);
	assert_int_equal(s->packets, 10000);
	assert_int_equal(s->taken, 1000);
	assert_int_equal(r.packets, 10000);
	assert_int_equal(r.bytes, 650000);
	assert_int_equal(r.n, 10); /* each host was met */
	for (size_t i = 0; i < r.n; i++) {
		assert_int_equal(r.f[i].sampling, 10);
		assert_int_equal(r.f[i].packets % 10, 0);
		assert_in_range(r.f[i].packets, 700, 1300);
	}
	meter_free(m);
}

/* When the cache is full, the flow that was idle longest goes. */
static void
test_full(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){.max_flows = 16});

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		put(m, packet(T0 + i * S / 4, i, 1, FLOW_UDP));
	put(m, packet(T0 + 5 * S, 0, 1, FLOW_UDP)); /* busy again */
	put(m, packet(T0 + 6 * S, 100, 1, FLOW_UDP));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.f[0].src.b[15], 1);
	put(m, packet(T0 + 6 * S, 101, 1, FLOW_UDP));
	assert_int_equal(r.n, 2);
	assert_int_equal(r.f[1].src.b[15], 2);
	assert_int_equal(meter_stats_of(m)->early, 2);
	assert_int_equal(meter_stats_of(m)->flows, 16);
	meter_flush(m);
	assert_int_equal(r.packets, 19);
	meter_free(m);
}

static void
test_clock_back(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){0});

	(void)state;
	put(m, packet(T0 + 10 * S, 1, 1, FLOW_UDP));
	put(m, packet(T0, 1, 1, FLOW_UDP)); /* out of order */
	assert_int_equal(r.n, 0);
	put(m, packet(T0 - 3600 * S, 2, 2, FLOW_UDP)); /* another recording */
	assert_int_equal(r.n, 1);
	assert_int_equal(meter_stats_of(m)->jumps, 1);
	assert_true(r.f[0].start_ns == T0 && r.f[0].end_ns == T0 + 10 * S);
	r.seen_ns = 0;
	meter_time(m, T0 - 3000 * S);
	assert_int_equal(r.n, 2);
	assert_true(r.f[1].seen_ns < T0 - 3000 * S);
	meter_free(m);
}

/* Thousands of flows through a small cache, by a plain model: nothing is lost or counted twice, and the
 * index holds through insertion and deletion in any order. */
static void
test_many(void **state)
{
	struct meter *m = start(&r, &(struct meter_setup){.max_flows = 200, .inactive_ns = S, .active_ns = 5 * S, .seed = 99});
	uint64_t x = 1, bytes = 0;
	int64_t t = T0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct flow f;

		x = x * 6364136223846793005u + 1442695040888963407u;
		t += (int64_t)(x >> 40) % (S / 100);
		f = packet(t - (int64_t)((x >> 20) % 3 == 0 ? S / 50 : 0), (uint32_t)(x >> 33) % ((i / 20000) % 2 ? 50 : 1000), 5, x >> 63 ? FLOW_TCP : FLOW_UDP);
		f.tcp_flags = (x >> 50) % 16 == 0 ? FIN : ACK;
		f.bytes = x >> 54;
		bytes += f.bytes;
		put(m, f);
		assert_true(meter_stats_of(m)->flows <= 200);
	}
	meter_flush(m);
	assert_int_equal(r.packets, 200000);
	assert_int_equal(r.bytes, bytes);
	assert_int_equal(meter_stats_of(m)->flows, 0);
	assert_int_equal(meter_stats_of(m)->records, r.n);
	assert_true(meter_stats_of(m)->early > 1000);
	assert_int_equal(meter_stats_of(m)->flows_most, 200);
	meter_free(m);
}

/* The records do not depend on the secret of the hash. */
static void
test_order(void **state)
{
	static struct records first;

	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct meter *m = start(&r, &(struct meter_setup){.max_flows = 100, .seed = seed * 12345});

		for (uint32_t i = 0; i < 3000; i++)
			put(m, packet(T0 + i * S / 50, i * i % 150, (uint16_t)(i % 3), FLOW_UDP));
		meter_flush(m);
		meter_free(m);
		assert_true(r.n < KEPT);
		if (seed == 0)
			first = r;
		assert_int_equal(r.n, first.n);
		assert_memory_equal(r.f, first.f, r.n * sizeof(r.f[0]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums), cmocka_unit_test(test_inactive), cmocka_unit_test(test_active),
		cmocka_unit_test(test_closing), cmocka_unit_test(test_fragments), cmocka_unit_test(test_sampling),
		cmocka_unit_test(test_full), cmocka_unit_test(test_clock_back), cmocka_unit_test(test_many),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
