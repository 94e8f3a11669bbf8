/* Flow records through the engine: whatever an exporter makes of the same traffic, the same hosts are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/cover.h"
#include "detector/engine.h"
#include "detector/watch.h"
#include "tests/unit/detector_kit.h"

#define T0 (INT64_C(1775960000) * NS_PER_S)
enum { MEMORY = 64 << 20, RESOLVER = 0x0a350035, PACKETS = 400000 };

/* --- traffic: one line a packet ------------------------------------------------------------------------- */

struct packet {
	int64_t t;
	uint32_t src, dst;
	uint16_t sport, dport, bytes;
	uint8_t later; /* a later fragment: its ports are those of its first one */
};

struct traffic {
	struct packet *packet;
	size_t n;
	uint64_t seed;
};


static void
packet(struct traffic *x, int64_t t, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint16_t bytes, bool later)
{
	assert_true(x->n < PACKETS);
	x->packet[x->n++] = (struct packet){t, src, dst, sport, dport, bytes, later};
}

/* With a stream that has been there for a while: what an exporter's time-outs are shows in it. */
static void
traffic_init(struct traffic *t)
{
	*t = (struct traffic){calloc(PACKETS, sizeof(*t->packet)), 0, 7};
	assert_non_null(t->packet);
	for (int i = -700; i < 700; i += 10)
		packet(t, T0 + i * NS_PER_S, 0x0a430001, 0x08080808, 51820, 51820, 1400, false);
}

/* An answer of so many bytes at IP level, cut at 1500. */
static void
answer(struct traffic *x, int64_t t, uint32_t server, uint32_t client, uint16_t port, int bytes)
{
	packet(x, t, server, client, 53, port, (uint16_t)(bytes < 1500 ? bytes : 1500), false);
	for (bytes -= 1500; bytes > 0; bytes -= 1480)
		packet(x, t + 1000, server, client, 53, port, (uint16_t)(bytes + 20 < 1500 ? bytes + 20 : 1500), true);
}

static void
ask(struct traffic *x, int64_t t, uint32_t client, uint32_t server, uint16_t port, int bytes)
{
	packet(x, t, client, server, port, 53, 65, false);
	answer(x, t + 3000000, server, client, port, bytes);
}

static uint16_t
any_port(struct traffic *x)
{
	return (uint16_t)(1024 + kit_below(&x->seed, 60000));
}

/* `port` 0: another one for each question. */
static void
infected(struct traffic *x, uint32_t host, int seconds, double rate, uint16_t port, int bytes)
{
	for (int i = 0; i < (int)(seconds * rate); i++)
		ask(x, T0 + (int64_t)(i / rate * 1e9) + kit_below(&x->seed, 50000000), host, RESOLVER,
		    port != 0 ? port : any_port(x), bytes);
}

/* Look-ups of which a share draws large answers: people, a recursor with DNSSEC. */
static void
ordinary(struct traffic *x, uint32_t host, int seconds, double rate, unsigned int large_percent, uint32_t servers)
{
	for (int i = 0; i < (int)(seconds * rate); i++)
		ask(x, T0 + (int64_t)(i / rate * 1e9), host, servers == 1 ? RESOLVER : 0xc0000000 + kit_below(&x->seed, servers),
		    any_port(x), kit_below(&x->seed, 100) < large_percent ? 1300 + (int)kit_below(&x->seed, 700) : 120 + (int)kit_below(&x->seed, 400));
}

static void
reflection(struct traffic *x, uint32_t victim, int seconds, int rate)
{
	for (int i = 0; i < seconds * rate; i++)
		answer(x, T0 + (int64_t)i * NS_PER_S / rate, 0xcb007100 + kit_below(&x->seed, 60), victim, (uint16_t)(1024 + i % 7), 4157);
}

/* --- exporters ---------------------------------------------------------------------------------------------- */

enum fragments { PORT_0, REJOINED, REASSEMBLED };

struct exporter_kind {
	const char *name;
	enum fragments fragments;
	int active_s, inactive_s, flush_s; /* flush: everything at its multiples */
	unsigned int sampling;
};

struct record {
	struct packet key;
	struct flow flow;
};

static int
by_key(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;
	const uint64_t kx[4] = {(uint64_t)x->src << 32 | x->dst, (uint64_t)x->sport << 16 | x->dport, x->later, (uint64_t)x->t};
	const uint64_t ky[4] = {(uint64_t)y->src << 32 | y->dst, (uint64_t)y->sport << 16 | y->dport, y->later, (uint64_t)y->t};

	for (int i = 0; i < 4; i++)
		if (kx[i] != ky[i])
			return kx[i] < ky[i] ? -1 : 1;
	return 0;
}

static int
by_seen(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;

	if (x->seen_ns != y->seen_ns)
		return x->seen_ns < y->seen_ns ? -1 : 1;
	return addr_cmp(&x->src, &y->src) != 0 ? addr_cmp(&x->src, &y->src) : addr_cmp(&x->dst, &y->dst);
}

static void
finish(struct flow *f, const struct exporter_kind *k, bool active)
{
	f->seen_ns = k->flush_s > 0 ? (f->end_ns / (k->flush_s * NS_PER_S) + 1) * k->flush_s * NS_PER_S :
	    active ? f->start_ns + k->active_s * NS_PER_S : f->end_ns + k->inactive_s * NS_PER_S;
}

static bool
goes_on(const struct flow *f, const struct packet *p, const struct exporter_kind *k, bool *active)
{
	*active = k->active_s > 0 && p->t - f->start_ns > k->active_s * NS_PER_S;
	if (k->flush_s > 0)
		return p->t / (k->flush_s * NS_PER_S) == f->start_ns / (k->flush_s * NS_PER_S);
	return !*active && p->t - f->end_ns <= k->inactive_s * NS_PER_S;
}

static size_t
export(const struct traffic *x, const struct exporter_kind *k, struct flow *out)
{
	struct packet *p = calloc(x->n, sizeof(*p));
	size_t n = 0, records = 0;
	uint64_t seed = 99;

	assert_non_null(p);
	for (size_t i = 0; i < x->n; i++) {
		p[n] = x->packet[i];
		if (k->sampling > 1 && kit_below(&seed, k->sampling) != 0)
			continue;
		if (k->fragments == PORT_0 && p[n].later)
			p[n].sport = p[n].dport = 0;
		else if (k->fragments == REASSEMBLED && p[n].later && n > 0 && p[n - 1].src == p[n].src) {
			p[n - 1].bytes = (uint16_t)(p[n - 1].bytes + p[n].bytes - 20);
			continue;
		} else
			p[n].later = 0;
		n++;
	}
	qsort(p, n, sizeof(*p), by_key);
	for (size_t i = 0; i < n; i++) {
		struct flow *f = records > 0 ? &out[records - 1] : NULL;
		bool same = f != NULL && p[i].src == p[i - 1].src && p[i].dst == p[i - 1].dst && p[i].sport == p[i - 1].sport &&
		    p[i].dport == p[i - 1].dport && p[i].later == p[i - 1].later, active = false;

		if (!same || !goes_on(f, &p[i], k, &active)) {
			if (f != NULL)
				finish(f, k, active && same);
			f = &out[records++];
			*f = (struct flow){.start_ns = p[i].t, .src = kit_addr(p[i].src), .dst = kit_addr(p[i].dst), .sport = p[i].sport,
				.dport = p[i].dport, .proto = FLOW_UDP, .sampling = k->sampling, .flags = (uint8_t)(FLOW_RECORD | (p[i].later ? FLOW_FRAG_LATER : 0))};
		}
		f->end_ns = p[i].t;
		f->packets += k->sampling;
		f->bytes += (uint64_t)p[i].bytes * k->sampling;
	}
	if (records > 0)
		finish(&out[records - 1], k, false);
	free(p);
	qsort(out, records, sizeof(*out), by_seen);
	return records;
}

static const struct exporter_kind kinds[] = {
	{"softflowd", PORT_0, 60, 15, 0, 1}, {"a router", PORT_0, 300, 15, 0, 1}, {"fprobe", REJOINED, 60, 15, 0, 1},
	{"pmacct", REJOINED, 0, 0, 60, 1}, {"nfpcapd", REASSEMBLED, 300, 60, 0, 1}, {"argus", REJOINED, 0, 0, 5, 1},
	{"files of five minutes", REASSEMBLED, 0, 0, 300, 1},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* --- the engine --------------------------------------------------------------------------------------------- */

struct named {
	enum alert_kind kind;
	struct addr who;
	int64_t t_ns;
	double responses, packets, baf;
};

struct heard {
	struct named list[64];
	size_t n, closed;
};

static double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	return e != NULL ? e->value : 0;
}

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (getenv("RECORDS_SHOW") != NULL)
		printf("   %d %s\n", a->action, a->message);
	h->closed += a->action == ALERT_CLOSED;
	for (size_t i = 0; a->action == ALERT_CLOSED && i < h->n; i++)
		if (h->list[i].kind == a->kind && addr_equal(&h->list[i].who, &a->subject.prefix.addr)) {
			h->list[i].responses = figure(a, EV_RESPONSES);
			h->list[i].packets = figure(a, EV_RESPONSE_PACKETS);
			h->list[i].baf = figure(a, EV_BAF);
		}
	if (a->action == ALERT_OPENED && h->n < 64)
		h->list[h->n++] = (struct named){a->kind, a->subject.prefix.addr, a->t_ns, 0, 0, 0};
}

static void
run(const struct flow *f, size_t n, const struct prefix *network, struct heard *h)
{
	static struct flow_key key[1024];
	struct detect_settings settings;
	const struct engine_sink sink = {hear, h};
	struct engine_config c = {.seed = 42, .memory_bytes = MEMORY, .settings = &settings, .network = network,
		.networks_n = network != NULL};
	struct engine *e;
	char why[200];

	memset(h, 0, sizeof(*h));
	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	for (size_t at = 0; at < n;) {
		struct engine_run r = engine_begin(e, f + at, n - at < 1024 ? n - at : 1024);

		at += r.skip;
		engine_keys(e, f + at, r.n, key);
		engine_ingest(e, f + at, key, r.n);
		at += r.n;
	}
	engine_finish(e);
	engine_free(e);
}

static const struct named *
find(const struct heard *h, enum alert_kind kind, uint32_t who)
{
	struct addr a = kit_addr(who);

	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].kind == kind && addr_equal(&h->list[i].who, &a))
			return &h->list[i];
	return NULL;
}

static void
network(struct prefix *p)
{
	assert_int_equal(prefix_parse("10.0.0.0/8", p), 0);
}

/* --- the verdicts ------------------------------------------------------------------------------------------- */

enum { INFECTED = 5 };
#define HOST(i) (0x0a400010u + (uint32_t)(i))

static void
check_infected(const struct traffic *x, const struct exporter_kind *k, struct flow *f, const struct prefix *net,
    double answers, int delay_s, const char *what)
{
	struct heard h;
	size_t n = export(x, k, f);

	run(f, n, net, &h);
	for (int i = 0; i < INFECTED; i++) {
		const struct named *a = find(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST(i));

		if (a == NULL)
			fail_msg("%s, %s: host %d is not named (%zu alerts)", k->name, what, i, h.n);
		if (a->t_ns - T0 > (delay_s + (k->flush_s > 0 ? k->flush_s : k->active_s) + 10) * NS_PER_S)
			fail_msg("%s, %s: named after %.1f s", k->name, what, (double)(a->t_ns - T0) / 1e9);
		if (a->responses < 0.99 * answers || a->responses > 1.01 * answers || a->baf < 63 || a->baf > 65)
			fail_msg("%s, %s: %.0f answers instead of %.0f, %.2fx", k->name, what, a->responses, answers, a->baf);
	}
	if (h.n != INFECTED)
		fail_msg("%s, %s: %zu alerts instead of %d", k->name, what, h.n, INFECTED);
}

/* The same five customers through every exporter, with one port or many, fast and at one question a second, with
 * and without configuration, beside people and a recursor. */
static void
test_same_verdict(void **state)
{
	static const struct { double rate; uint16_t port; int seconds, delay; } cases[] = {
		{10, 14068, 120, 5}, {10, 0, 120, 5}, {1, 14068, 400, 60}, {1, 0, 400, 60},
	};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct traffic x;
		char what[64];

		traffic_init(&x);
		for (int i = 0; i < INFECTED; i++)
			infected(&x, HOST(i), cases[c].seconds, cases[c].rate, cases[c].port, 4157);
		for (uint32_t i = 0; i < 40; i++)
			ordinary(&x, 0x0a410000 + i, cases[c].seconds, 0.5, 4, 1);
		ordinary(&x, 0x0a420001, cases[c].seconds, 20, 33, 500);
		snprintf(what, sizeof(what), "%g a second from %s", cases[c].rate, cases[c].port != 0 ? "one port" : "many ports");
		for (size_t k = 0; k < KINDS; k++) {
			check_infected(&x, &kinds[k], f, &net, cases[c].rate * cases[c].seconds, cases[c].delay, what);
			check_infected(&x, &kinds[k], f, NULL, cases[c].rate * cases[c].seconds, cases[c].delay, what);
		}
		free(x.packet);
	}
	free(f);
}

static void
test_victim(void **state)
{
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct traffic x;
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	traffic_init(&x);
	reflection(&x, 0x0a400099, 120, 24);
	for (uint32_t i = 0; i < 40; i++)
		ordinary(&x, 0x0a410000 + i, 120, 0.5, 4, 1);
	for (size_t k = 0; k < KINDS; k++) {
		struct heard h;
		size_t n = export(&x, &kinds[k], f);

		run(f, n, &net, &h);
		if (find(&h, KIND_DNS_AMPLIFICATION_VICTIM, 0x0a400099) == NULL)
			fail_msg("%s: the victim is not named", kinds[k].name);
		if (h.n != 1)
			fail_msg("%s: %zu alerts instead of one", kinds[k].name, h.n);
	}
	free(x.packet);
	free(f);
}

/* People, a CGNAT pool, recursors with DNSSEC, one of which is seen one way only: through every exporter, sampled or not. */
static void
test_silent(void **state)
{
	static const unsigned int sampling[] = {1, 10, 100, 1000};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct traffic x;
	struct prefix net;
	size_t from;

	(void)state;
	assert_non_null(f);
	network(&net);
	traffic_init(&x);
	for (uint32_t i = 0; i < 50; i++)
		ordinary(&x, 0x0a410000 + i, 400, 0.5, 4, 1);
	ordinary(&x, 0x0a420001, 400, 60, 5, 1);
	ordinary(&x, 0x0a420002, 400, 40, 34, 800);
	from = x.n;
	ordinary(&x, 0x0a420003, 400, 40, 34, 800);
	for (size_t i = from; i < x.n; i++) /* its queries leave by another way */
		while (i < x.n && x.packet[i].dport == 53)
			x.packet[i] = x.packet[--x.n];
	for (size_t k = 0; k < KINDS; k++)
		for (size_t s = 0; s < 4; s++) {
			struct exporter_kind kind = kinds[k];
			struct heard h;
			size_t n;

			kind.sampling = sampling[s];
			n = export(&x, &kind, f);
			run(f, n, &net, &h);
			if (h.n != 0)
				fail_msg("%s, 1 in %u: %zu false alerts", kind.name, kind.sampling, h.n);
			run(f, n, NULL, &h);
			if (h.n != 0)
				fail_msg("%s, 1 in %u, not configured: %zu false alerts", kind.name, kind.sampling, h.n);
		}
	free(x.packet);
	free(f);
}

/* What is fast enough for its sampling is named all the same. */
static void
test_sampled(void **state)
{
	static const struct { unsigned int sampling; double rate; } cases[] = {{10, 5}, {100, 60}};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	for (size_t c = 0; c < 2; c++)
		for (size_t k = 0; k < KINDS; k++) {
			struct exporter_kind kind = kinds[k];
			struct traffic x;
			struct heard h;
			size_t n;

			kind.sampling = cases[c].sampling;
			traffic_init(&x);
			for (int i = 0; i < 2; i++)
				infected(&x, HOST(i), 300, cases[c].rate, 0, 4157);
			n = export(&x, &kind, f);
			run(f, n, &net, &h);
			for (int i = 0; i < 2; i++)
				if (find(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST(i)) == NULL)
					fail_msg("%s, 1 in %u: host %d is not named", kind.name, kind.sampling, i);
			if (h.n != 2)
				fail_msg("%s, 1 in %u: %zu alerts", kind.name, kind.sampling, h.n);
			free(x.packet);
		}
	free(f);
}

/* What the statistics call the slowest visible abuse, 20 large answers in five minutes as they were sampled: half as much
 * again is named, and what is slower is nobody else but them: unsampled, the hour finds it. */
static void
test_slowest(void **state)
{
	static const unsigned int sampling[] = {1, 10, 100};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	for (size_t k = 0; k < KINDS; k++)
		for (int c = 0; c < 6; c++) {
			struct exporter_kind kind = kinds[k];
			bool fast = c % 2 == 0;
			struct traffic x;
			struct heard h;
			size_t n;

			kind.sampling = sampling[c / 2];
			traffic_init(&x);
			for (int i = 0; i < INFECTED; i++)
				infected(&x, HOST(i), 600, (fast ? 1.5 : 0.5) * kind.sampling * 20 / 300, 0, 4157);
			n = export(&x, &kind, f);
			run(f, n, &net, &h);
			if (fast || kind.sampling == 1 ? h.n != INFECTED : h.n > INFECTED)
				fail_msg("%s, 1 in %u: %zu alerts %s the limit", kind.name, kind.sampling, h.n, fast ? "above" : "below");
			free(x.packet);
		}
	free(f);
}

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
	struct detect_settings settings;
	struct heard h = {0};
	const struct engine_sink sink = {hear, &h};
	struct engine_config c = {.seed = 42, .memory_bytes = MEMORY, .settings = &settings};
	struct engine *e;
	struct traffic x;
	char why[200];
	size_t n, split = 0;

	(void)state;
	assert_non_null(f);
	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
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

/* --- spreading ---------------------------------------------------------------------------------------------- */

struct told {
	uint64_t bytes[4096];
	int64_t first;
};

static void
on_told(void *ctx, int64_t second, const uint64_t gain[COVER_FIELDS])
{
	struct told *t = ctx;

	assert_true(second >= t->first && second - t->first < 4096);
	t->bytes[second - t->first] += gain[COVER_BYTES];
}

/* 1000 bytes in 1000 seconds from the edge of a 600 s bucket on: 600 and 400. */
static void
test_cover(void **state)
{
	static struct told told;
	struct cover *c = cover_new();
	uint64_t sum = 0, expect = 0, seed = 5;

	(void)state;
	assert_non_null(c);
	told = (struct told){.first = 600000};
	cover_add(c, COVER_BYTES, 600000, 600999, 1000);
	cover_tell(c, 601000, on_told, &told);
	for (int i = 0; i < 600; i++)
		sum += told.bytes[i];
	assert_int_equal(sum, 600);
	for (int i = 600; i < 1200; i++)
		sum += told.bytes[i];
	assert_int_equal(sum, 1000);
	/* whatever comes, in any order, told in between or not: nothing is lost */
	told = (struct told){.first = 600000};
	cover_restart(c);
	for (int i = 0; i < 3000; i++) {
		int64_t to = 600300 + i, from = to - kit_below(&seed, 3000);
		uint64_t v = kit_below(&seed, 100000);

		cover_add(c, COVER_BYTES, from > 600000 ? from : 600000, to, v);
		expect += v;
		if (i % 7 == 0)
			cover_tell(c, to, on_told, &told);
	}
	cover_tell(c, 604000, on_told, &told);
	sum = 0;
	for (int i = 0; i < 4096; i++)
		sum += told.bytes[i];
	assert_int_equal(sum, expect);
	cover_free(c);
}

/* Sums of a watch's windows after records of every length. */
static void
test_watch_spread(void **state)
{
	struct watches ws;
	struct watch *w;
	uint64_t seed = 11, total = 0;
	struct addr a = kit_addr(1);

	(void)state;
	assert_int_equal(watches_init(&ws, 4), 0);
	w = watches_get(&ws, 1, &a, SIDE_CLIENT, SERVICE_DNS, 1);
	assert_non_null(w);
	for (uint32_t tick = 1; tick < 2000; tick++) {
		int64_t begin = (int64_t)(5000 + tick) * NS_PER_S;
		struct cell brief = {0}, longer = {0};

		if (tick % 3 == 0) {
			struct cell c = {.large = kit_below(&seed, 500), .large_bytes = kit_below(&seed, 1000000)};
			int64_t to = begin + kit_below(&seed, 1000) * INT64_C(1000000) - kit_below(&seed, 70) * NS_PER_S;

			watch_spread(w, &c, to - kit_below(&seed, 400) * NS_PER_S, to, tick, begin);
			total += c.large_bytes;
		}
		watch_close_tick(w, tick);
		for (int i = 0; i < W1; i++)
			cell_add(&brief, &w->w1[i]);
		for (int i = 0; i < W10; i++)
			cell_add(&longer, &w->w10[i]);
		assert_memory_equal(&brief, &w->sum[WINDOW_SHORT], sizeof(brief));
		assert_memory_equal(&longer, &w->sum[WINDOW_LONG], sizeof(longer));
		assert_int_equal(w->total.large_bytes, total);
		assert_true(brief.ticks <= W1 && longer.ticks <= W10 * 10);
	}
	watches_done(&ws);
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
		struct detect_settings settings;
		struct heard h = {.n = 0};
		const struct engine_sink sink = {hear, &h};
		struct engine_config c = {.seed = 42, .memory_bytes = MEMORY, .settings = &settings};
		const struct exporter_news news = {.addr = kit_addr(0xc0000201), .records = cases[k].records, .lost = cases[k].lost,
			.undecoded = cases[k].undecoded, .repaired = cases[k].repaired, .clock_offset_ns = cases[k].offset_s * NS_PER_S};
		struct engine *e;
		char why[200];

		detect_settings_defaults(&settings);
		e = engine_new(&c, &sink, why, sizeof(why));
		assert_non_null(e);
		for (int i = 0; i < 10; i++) {
			struct flow f = {.start_ns = T0 + i * NS_PER_S, .end_ns = T0 + i * NS_PER_S, .seen_ns = T0 + i * NS_PER_S, .packets = 1,
				.bytes = 100, .sampling = 1, .flags = FLOW_RECORD, .proto = FLOW_TCP, .src = kit_addr(1), .dst = kit_addr(2)};
			struct flow_key key;

			assert_int_equal(engine_begin(e, &f, 1).n, 1);
			engine_keys(e, &f, 1, &key);
			engine_ingest(e, &f, &key, 1);
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
		cmocka_unit_test(test_cover), cmocka_unit_test(test_watch_spread), cmocka_unit_test(test_same_verdict),
		cmocka_unit_test(test_victim), cmocka_unit_test(test_silent), cmocka_unit_test(test_sampled),
		cmocka_unit_test(test_slowest),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_next_file),
		cmocka_unit_test(test_fragments_of_ipv6),
		cmocka_unit_test(test_order), cmocka_unit_test(test_exporter_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
