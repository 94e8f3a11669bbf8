/* A made-up input, flow by flow, and a whole run of the engine over it. */
#ifndef TESTS_WORLD_KIT_H
#define TESTS_WORLD_KIT_H

#include <stdlib.h>

#include "tests/unit/engine_kit.h"

enum { KEYS = 4096 };

/* --- a made-up input ---------------------------------------------------------------------------------- */

struct world {
	struct flow *flow;
	struct dns_view *view;
	uint8_t (*message)[KIT_MESSAGE];
	size_t n, cap;
};

static inline void
world_init(struct world *w, size_t cap)
{
	*w = (struct world){calloc(cap, sizeof(*w->flow)), calloc(cap, sizeof(*w->view)), calloc(cap, KIT_MESSAGE), 0, cap};
	assert_non_null(w->flow);
	assert_non_null(w->view);
	assert_non_null(w->message);
}

static inline void
world_done(struct world *w)
{
	free(w->flow);
	free(w->view);
	free(w->message);
}

static inline struct flow *
add(struct world *w, int64_t t, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint64_t bytes)
{
	struct flow *f;

	assert_true(w->n < w->cap);
	f = &w->flow[w->n++];
	*f = (struct flow){.start_ns = t, .end_ns = t, .src = kit_addr(src), .dst = kit_addr(dst), .packets = 1,
		.bytes = bytes, .sampling = 1, .sport = sport, .dport = dport, .proto = FLOW_UDP, .ttl = 60};
	return f;
}

/* ANY ripe.net */
static inline void
say(struct world *w, struct flow *f, bool response, uint16_t id, uint16_t size)
{
	size_t i = (size_t)(f - w->flow);

	kit_any_ripe(w->message[i], &w->view[i], response, id, size);
	f->dns = &w->view[i];
}

static inline void
query(struct world *w, int64_t t, uint32_t client, uint32_t server, uint16_t id)
{
	say(w, add(w, t, client, server, 40000, 53, 65), false, id, 37);
}

/* 4,157 bytes in three fragments: 63.95 times the query, at IP level. */
static inline void
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

enum { HOST = 0x0a400011 };
#define STRANGER 0xc6336401u

/* Pairs of query and answer, `rate` a second, none of which crosses the end of a second. */
static inline void
infected(struct world *w, int64_t from, int seconds, int rate, uint32_t host)
{
	for (int i = 0; i < seconds * rate; i++) {
		int64_t t = from + i / rate * NS_PER_S + (i % rate) * (NS_PER_S / rate);

		query(w, t, host, RESOLVER, (uint16_t)(i + 1));
		answer(w, t + 2000000, host, RESOLVER, (uint16_t)(i + 1));
	}
}

/* Answers from many servers to a host that asked for none. */
static inline void
reflection(struct world *w, int64_t from, int seconds, int rate, uint32_t victim)
{
	for (int i = 0; i < seconds * rate; i++)
		answer(w, from + (int64_t)i * (NS_PER_S / rate), victim, 0xcb007100 + (uint32_t)i % 60, (uint16_t)(i + 1));
}

/* What everybody does: small look-ups, and bytes of no interest. */
static inline void
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

static inline int
by_time(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	/* fragments behind their head, and one order for all */
	return x->flags != y->flags ? (x->flags < y->flags ? -1 : 1) : addr_cmp(&x->src, &y->src);
}

static inline void
sort(struct world *w)
{
	qsort(w->flow, w->n, sizeof(*w->flow), by_time);
}

/* --- running it --------------------------------------------------------------------------------------- */

struct heard {
	struct alert *alert;
	size_t n, cap;
};

static inline void
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

static inline struct engine *
start(struct heard *h, const struct prefix *network)
{
	memset(h, 0, sizeof(*h));
	return kit_engine(hear, h, (struct engine_config){.network = network, .networks_n = network != NULL});
}

/* Batches of `batch` flows, the shards dealt out to `groups` of them; 1: all at once. */
static inline void
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

static inline void
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

static inline size_t
opened(const struct heard *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += h->alert[i].action == ALERT_OPENED;
	return n;
}

static inline double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	assert_non_null(e);
	return e->value;
}

#endif
