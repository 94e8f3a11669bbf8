/* Traffic, one line a packet; what exporters of every kind make of it; and a run of the engine over their records. */
#ifndef TESTS_RECORDS_KIT_H
#define TESTS_RECORDS_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/engine_kit.h"

enum { PACKETS = 400000 };

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


static inline void
packet(struct traffic *x, int64_t t, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint16_t bytes, bool later)
{
	assert_true(x->n < PACKETS);
	x->packet[x->n++] = (struct packet){t, src, dst, sport, dport, bytes, later};
}

/* With a stream that has been there for a while: what an exporter's time-outs are shows in it. */
static inline void
traffic_init(struct traffic *t)
{
	*t = (struct traffic){calloc(PACKETS, sizeof(*t->packet)), 0, 7};
	assert_non_null(t->packet);
	for (int i = -700; i < 700; i += 10)
		packet(t, T0 + i * NS_PER_S, 0x0a430001, 0x08080808, 51820, 51820, 1400, false);
}

/* An answer of so many bytes at IP level, cut at 1500. */
static inline void
answer(struct traffic *x, int64_t t, uint32_t server, uint32_t client, uint16_t port, int bytes)
{
	packet(x, t, server, client, 53, port, (uint16_t)(bytes < 1500 ? bytes : 1500), false);
	for (bytes -= 1500; bytes > 0; bytes -= 1480)
		packet(x, t + 1000, server, client, 53, port, (uint16_t)(bytes + 20 < 1500 ? bytes + 20 : 1500), true);
}

static inline void
ask(struct traffic *x, int64_t t, uint32_t client, uint32_t server, uint16_t port, int bytes)
{
	packet(x, t, client, server, port, 53, 65, false);
	answer(x, t + 3000000, server, client, port, bytes);
}

static inline uint16_t
any_port(struct traffic *x)
{
	return (uint16_t)(1024 + kit_below(&x->seed, 60000));
}

/* `port` 0: another one for each question. */
static inline void
infected(struct traffic *x, uint32_t host, int seconds, double rate, uint16_t port, int bytes)
{
	for (int i = 0; i < (int)(seconds * rate); i++)
		ask(x, T0 + (int64_t)(i / rate * 1e9) + kit_below(&x->seed, 50000000), host, RESOLVER,
		    port != 0 ? port : any_port(x), bytes);
}

/* Look-ups of which a share draws large answers: people, a recursor with DNSSEC. */
static inline void
ordinary(struct traffic *x, uint32_t host, int seconds, double rate, unsigned int large_percent, uint32_t servers)
{
	for (int i = 0; i < (int)(seconds * rate); i++)
		ask(x, T0 + (int64_t)(i / rate * 1e9), host, servers == 1 ? RESOLVER : 0xc0000000 + kit_below(&x->seed, servers),
		    any_port(x), kit_below(&x->seed, 100) < large_percent ? 1300 + (int)kit_below(&x->seed, 700) : 120 + (int)kit_below(&x->seed, 400));
}

static inline void
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

static inline int
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

static inline int
by_seen(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;

	if (x->seen_ns != y->seen_ns)
		return x->seen_ns < y->seen_ns ? -1 : 1;
	return addr_cmp(&x->src, &y->src) != 0 ? addr_cmp(&x->src, &y->src) : addr_cmp(&x->dst, &y->dst);
}

static inline void
finish(struct flow *f, const struct exporter_kind *k, bool active)
{
	f->seen_ns = k->flush_s > 0 ? (f->end_ns / (k->flush_s * NS_PER_S) + 1) * k->flush_s * NS_PER_S :
	    active ? f->start_ns + k->active_s * NS_PER_S : f->end_ns + k->inactive_s * NS_PER_S;
}

static inline bool
goes_on(const struct flow *f, const struct packet *p, const struct exporter_kind *k, bool *active)
{
	*active = k->active_s > 0 && p->t - f->start_ns > k->active_s * NS_PER_S;
	if (k->flush_s > 0)
		return p->t / (k->flush_s * NS_PER_S) == f->start_ns / (k->flush_s * NS_PER_S);
	return !*active && p->t - f->end_ns <= k->inactive_s * NS_PER_S;
}

static inline size_t
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

static inline double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	return e != NULL ? e->value : 0;
}

static inline void
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

static inline void
run(const struct flow *f, size_t n, const struct prefix *network, struct heard *h)
{
	static struct flow_key key[1024];
	struct engine *e = kit_engine(hear, h, (struct engine_config){.network = network, .networks_n = network != NULL});

	memset(h, 0, sizeof(*h));
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

static inline const struct named *
find(const struct heard *h, enum alert_kind kind, uint32_t who)
{
	struct addr a = kit_addr(who);

	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].kind == kind && addr_equal(&h->list[i].who, &a))
			return &h->list[i];
	return NULL;
}

static inline void
network(struct prefix *p)
{
	assert_int_equal(prefix_parse("10.0.0.0/8", p), 0);
}

enum { INFECTED = 5 };
#define HOST(i) (0x0a400010u + (uint32_t)(i))

#endif
