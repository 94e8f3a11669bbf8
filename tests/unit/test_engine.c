/* Flows made by hand through the whole engine. */
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
#include "detector/engine.h"
#include "tests/unit/detector_kit.h"

enum { MESSAGE = 64, KEYS = 4096, MEMORY = 64 << 20 };
#define T0 (INT64_C(1775960000) * NS_PER_S)

/* --- a made-up input ---------------------------------------------------------------------------------- */

struct world {
	struct flow *flow;
	struct dns_view *view;
	uint8_t (*message)[MESSAGE];
	size_t n, cap;
};

static void
world_init(struct world *w, size_t cap)
{
	*w = (struct world){calloc(cap, sizeof(*w->flow)), calloc(cap, sizeof(*w->view)), calloc(cap, MESSAGE), 0, cap};
	assert_non_null(w->flow);
	assert_non_null(w->view);
	assert_non_null(w->message);
}

static void
world_done(struct world *w)
{
	free(w->flow);
	free(w->view);
	free(w->message);
}

static struct flow *
add(struct world *w, int64_t t, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint64_t bytes)
{
	struct flow *f;

	assert_true(w->n < w->cap);
	f = &w->flow[w->n++];
	*f = (struct flow){.start_ns = t, .end_ns = t, .src = kit_addr(src), .dst = kit_addr(dst), .packets = 1,
		.bytes = bytes, .sampling = 1, .sport = sport, .dport = dport, .proto = FLOW_UDP, .ttl = 60};
	return f;
}

/* ANY ripe.net, as a query or the beginning of an answer whose first record lives for 300 s. */
static void
say(struct world *w, struct flow *f, bool response, uint16_t id, uint16_t size)
{
	static const uint8_t question[] = "\4ripe\3net\0\0\xff\0\1";
	static const uint8_t record[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 0x0f, 0};
	size_t i = (size_t)(f - w->flow), n = 12;
	uint8_t *m = w->message[i];

	m[0] = (uint8_t)(id >> 8);
	m[1] = (uint8_t)id;
	m[2] = response ? 0x81 : 0x01;
	m[5] = 1;
	m[7] = response;
	memcpy(m + n, question, sizeof(question) - 1);
	n += sizeof(question) - 1;
	if (response) {
		memcpy(m + n, record, sizeof(record));
		n += sizeof(record);
	}
	assert_int_equal(dns_view_parse(&w->view[i], m, n, size > n ? size : n), 0);
	f->dns = &w->view[i];
}

static void
query(struct world *w, int64_t t, uint32_t client, uint32_t server, uint16_t id)
{
	say(w, add(w, t, client, server, 40000, 53, 65), false, id, 37);
}

/* 4,157 bytes in three fragments: 63.95 times the query, at IP level. */
static void
answer(struct world *w, int64_t t, uint32_t client, uint32_t server, uint16_t id)
{
	struct flow *f = add(w, t, server, client, 53, 40000, 1500);

	f->flags = FLOW_FRAG_FIRST;
	f->frag_id = id;
	say(w, f, true, id, 4157 - 28 - 2 * 20);
	for (int i = 0; i < 2; i++) {
		f = add(w, t + 1000 * (i + 1), server, client, 0, 0, i == 0 ? 1500 : 1157);
		f->flags = FLOW_FRAG_LATER;
		f->frag_id = id;
	}
}

enum { HOST = 0x0a400011, RESOLVER = 0x0a350035 };
#define STRANGER 0xc6336401u

/* Pairs of query and answer, `rate` a second, none of which crosses the end of a second. */
static void
infected(struct world *w, int64_t from, int seconds, int rate, uint32_t host)
{
	for (int i = 0; i < seconds * rate; i++) {
		int64_t t = from + i / rate * NS_PER_S + (i % rate) * (NS_PER_S / rate);

		query(w, t, host, RESOLVER, (uint16_t)(i + 1));
		answer(w, t + 2000000, host, RESOLVER, (uint16_t)(i + 1));
	}
}

/* Answers from many servers to a host that asked for none. */
static void
reflection(struct world *w, int64_t from, int seconds, int rate, uint32_t victim)
{
	for (int i = 0; i < seconds * rate; i++)
		answer(w, from + (int64_t)i * (NS_PER_S / rate), victim, 0xcb007100 + (uint32_t)i % 60, (uint16_t)(i + 1));
}

/* What everybody does: small look-ups, and bytes of no interest. */
static void
ordinary(struct world *w, int64_t from, int seconds, uint64_t seed)
{
	for (int i = 0; i < seconds * 20; i++) {
		int64_t t = from + (int64_t)i * (NS_PER_S / 20);
		uint32_t host = 0x0a400100 + kit_below(&seed, 200);

		query(w, t, host, RESOLVER, (uint16_t)i);
		say(w, add(w, t + 1000000, RESOLVER, host, 53, 40000, 160), true, (uint16_t)i, 132);
		(void)add(w, t + 2000000, 0x08080000 + kit_below(&seed, 5000), host, 443, 50000, 1400);
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	/* fragments behind their head, and one order for all */
	return x->flags != y->flags ? (x->flags < y->flags ? -1 : 1) : addr_cmp(&x->src, &y->src);
}

static void
sort(struct world *w)
{
	qsort(w->flow, w->n, sizeof(*w->flow), by_time);
}

/* --- running it --------------------------------------------------------------------------------------- */

struct heard {
	struct alert *alert;
	size_t n, cap;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (h->n == h->cap) {
		h->cap = h->cap != 0 ? h->cap * 2 : 64;
		h->alert = realloc(h->alert, h->cap * sizeof(*h->alert));
		assert_non_null(h->alert);
	}
	h->alert[h->n++] = *a;
}

static struct engine *
start(struct heard *h, const struct prefix *network)
{
	static struct detect_settings settings;
	const struct engine_sink sink = {hear, h};
	struct engine_config c = {.seed = 42, .memory_bytes = MEMORY, .settings = &settings, .network = network,
		.networks_n = network != NULL};
	char why[200] = "";
	struct engine *e;

	memset(h, 0, sizeof(*h));
	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	return e;
}

/* Batches of `batch` flows, the shards dealt out to `groups` of them; 1: all at once. */
static void
feed(struct engine *e, const struct flow *f, size_t n, size_t batch, unsigned int groups)
{
	static struct flow_key key[KEYS];
	static uint16_t room[SHARDS][KEYS * 4];
	struct shard_items items[SHARDS];

	assert_true(batch <= KEYS);
	for (size_t at = 0; at < n; at += batch) {
		size_t part = n - at < batch ? n - at : batch, done = 0;

		for (unsigned int g = 0; g < groups; g++)
			items[g].item = room[g];
		engine_keys(e, f + at, part, key);
		if (groups > 1)
			shards_split(f + at, key, part, groups, items);
		while (done < part) {
			struct engine_run run = engine_begin(e, f + at + done, part - done);

			assert_true(run.skip + run.n > 0); /* else this loop would never end */
			done += run.skip;
			if (groups == 1)
				engine_ingest(e, f + at + done, key + done, run.n);
			for (unsigned int g = 0; groups > 1 && g < groups; g++)
				engine_work(e, f + at, key, done, done + run.n, &items[g]);
			done += run.n;
		}
	}
}

static void
run(const struct world *w, size_t batch, unsigned int groups, const struct prefix *network, struct heard *h)
{
	struct engine *e = start(h, network);

	feed(e, w->flow, w->n, batch, groups);
	engine_finish(e);
	engine_free(e);
}

static const struct alert *
first(const struct heard *h, enum alert_kind kind, uint32_t subject, enum alert_action action)
{
	struct addr a = kit_addr(subject);

	for (size_t i = 0; i < h->n; i++)
		if (h->alert[i].kind == kind && h->alert[i].action == action && addr_equal(&h->alert[i].subject.prefix.addr, &a))
			return &h->alert[i];
	return NULL;
}

static size_t
opened(const struct heard *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += h->alert[i].action == ALERT_OPENED;
	return n;
}

static double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	assert_non_null(e);
	return e->value;
}

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

/* --- time --------------------------------------------------------------------------------------------- */

static void
test_silence_closes(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	const struct alert *c;

	(void)state;
	world_init(&w, 4000);
	infected(&w, T0, 20, 10, HOST);
	feed(e, w.flow, w.n, 64, 1);
	engine_advance(e, T0 - 5 * NS_PER_S); /* the past is no news */
	assert_null(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_CLOSED));
	for (int s = 20; s < 200; s++)
		engine_advance(e, T0 + s * NS_PER_S);
	c = first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST, ALERT_CLOSED);
	assert_non_null(c);
	assert_string_equal(c->reason, "quiet");
	assert_int_equal(c->end_ns, T0 + 20 * NS_PER_S);
	assert_true(c->t_ns > T0 + 50 * NS_PER_S && c->t_ns < T0 + 150 * NS_PER_S);
	engine_finish(e);
	assert_int_equal(h.alert[h.n - 1].action, ALERT_CLOSED);
	assert_int_equal(opened(&h), 1);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* A day without anything closes the alert at its own time, and the same host is named anew. */
static void
test_gap_of_a_day(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	int64_t day = 86400 * NS_PER_S;

	(void)state;
	world_init(&w, 4000);
	infected(&w, T0, 20, 10, HOST);
	infected(&w, T0 + day, 20, 10, HOST);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(opened(&h), 2);
	assert_int_equal(h.alert[h.n - 1].action, ALERT_CLOSED);
	for (size_t i = 0; i < h.n; i++)
		assert_true(h.alert[i].t_ns < T0 + 200 * NS_PER_S || h.alert[i].t_ns > T0 + day);
	/* the first flows after so long a gap are not believed until enough of them agree */
	assert_int_equal(stats.jumps, 1);
	assert_int_equal(stats.late, 15);
	assert_int_equal(stats.flows, w.n);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

static void
test_impossible_times(void **state)
{
	static const int64_t odd[] = {0, 1, INT64_MAX / 2, T0 - 86400 * NS_PER_S, T0 + 7200 * NS_PER_S, INT64_C(-5000000000)};
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	struct series all;

	(void)state;
	world_init(&w, 4000);
	for (int i = 0; i < 20; i++) {
		infected(&w, T0 + i * NS_PER_S, 1, 10, HOST);
		(void)add(&w, odd[i % 6], 1, 2, 3, 4, 100);
	}
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.late, 20);
	assert_int_equal(stats.jumps, 0);
	assert_int_equal(stats.flows, w.n);
	assert_int_equal(opened(&h), 1);
	assert_int_equal(stats.last_ns / NS_PER_S, T0 / NS_PER_S + 19);
	assert_int_equal(engine_series(e, &all, 1), 1);
	assert_int_equal(all.n, 20);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* Another recording begins an hour earlier: the clock is set back, and detection goes on. */
static void
test_backwards_jump(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;

	(void)state;
	world_init(&w, 4000);
	infected(&w, T0, 20, 10, HOST);
	infected(&w, T0 - 3600 * NS_PER_S, 20, 10, HOST + 1);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.jumps, 1);
	assert_int_equal(opened(&h), 2);
	assert_non_null(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST + 1, ALERT_OPENED));
	assert_true(first(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST + 1, ALERT_OPENED)->t_ns < T0);
	engine_free(e);
	free(h.alert);
	world_done(&w);
}

/* A few hundred flows that come half a minute late, as an exporter sends them, end nothing. */
static void
test_late_flows(void **state)
{
	struct world w;
	struct heard h;
	struct engine *e = start(&h, NULL);
	struct engine_stats stats;
	uint64_t bytes = 0, points = 0;
	struct series all;

	(void)state;
	world_init(&w, 8000);
	infected(&w, T0, 20, 10, HOST);
	for (uint32_t i = 0; i < 256; i++)
		(void)add(&w, T0 - 15 * NS_PER_S, 0x08080808, 0x0a400200 + i, 443, 5000, 500);
	infected(&w, T0 + 20 * NS_PER_S, 10, 10, HOST);
	feed(e, w.flow, w.n, 64, 1);
	engine_finish(e);
	engine_stats(e, &stats);
	assert_int_equal(stats.jumps, 0);
	assert_int_equal(stats.flows, w.n);
	assert_int_equal(opened(&h), 1);
	for (size_t i = 0; i < w.n; i++)
		bytes += w.flow[i].bytes;
	assert_int_equal(engine_series(e, &all, 1), 1);
	for (size_t i = 0; i < all.n; i++)
		points += all.point[i].bytes;
	assert_int_equal(points, bytes);
	assert_int_equal(stats.bytes, bytes);
	engine_free(e);
	free(h.alert);
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
	struct detect_settings settings;
	struct heard h = {0};
	const struct engine_sink sink = {hear, &h};
	struct engine_config c = {.seed = 1, .memory_bytes = ENGINE_LEAST_MEMORY, .settings = &settings};
	char why[200];
	struct engine *e;
	struct world w;

	(void)state;
	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
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
		cmocka_unit_test(test_silence_closes),
		cmocka_unit_test(test_gap_of_a_day),
		cmocka_unit_test(test_impossible_times),
		cmocka_unit_test(test_backwards_jump),
		cmocka_unit_test(test_late_flows),
		cmocka_unit_test(test_too_little_memory),
		cmocka_unit_test(test_least_memory_works),
		cmocka_unit_test(test_headless_fragments),
		cmocka_unit_test(test_spoofed_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
