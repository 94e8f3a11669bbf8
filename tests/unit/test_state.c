/* Saving and restoring the engine: nothing is lost, nothing is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/state.h"
#include "tests/unit/engine_kit.h"

enum { HOST = 0x0a400011, LINES = 256 };

struct line {
	enum alert_action action;
	uint64_t id, incident;
	int64_t t_ns;
	enum alert_kind kind;
	char reason[16], message[ALERT_MESSAGE];
	uint64_t bytes;
};

struct heard {
	struct line line[LINES];
	size_t n;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;
	struct line *l = &h->line[h->n++];

	assert_true(h->n < LINES);
	*l = (struct line){.action = a->action, .id = a->id, .incident = a->incident, .t_ns = a->t_ns, .kind = a->kind, .bytes = a->bytes};
	snprintf(l->reason, sizeof(l->reason), "%s", a->reason != NULL ? a->reason : "");
	snprintf(l->message, sizeof(l->message), "%s", a->message);
}

static struct engine *
start(struct heard *h, uint64_t seed)
{
	return kit_engine(hear, h, (struct engine_config){.seed = seed, .seed_kept = true});
}

static void
message(struct engine *e, int64_t t, bool response, uint32_t host, uint16_t id)
{
	struct flow f = {.start_ns = t, .end_ns = t, .src = kit_addr(response ? RESOLVER : host),
		.dst = kit_addr(response ? host : RESOLVER), .packets = 1, .bytes = response ? 1260 : 65, .sampling = 1,
		.sport = response ? 53 : 40000, .dport = response ? 40000 : 53, .proto = FLOW_UDP, .ttl = 60};
	uint8_t m[KIT_MESSAGE];
	struct dns_view v;

	kit_any_ripe(m, &v, response, id, response ? 1232 : 0);
	f.dns = &v;
	kit_put(e, &f);
}

/* `rate` amplified look-ups a second of one host. */
static void
infected(struct engine *e, int64_t from_s, int seconds, int rate, uint32_t host)
{
	for (int i = 0; i < seconds * rate; i++) {
		int64_t t = T0 + (from_s + i / rate) * NS_PER_S + (i % rate) * (NS_PER_S / rate);

		message(e, t, false, host, (uint16_t)(i + 1));
		message(e, t + 2000000, true, host, (uint16_t)(i + 1));
	}
}

static struct buf
saved(const struct engine *e)
{
	struct buf b;

	buf_init(&b, STATE_MAX);
	engine_state_save(e, &b);
	assert_false(b.full);
	return b;
}

static void
load(struct engine *e, const struct buf *b)
{
	char why[200] = "";

	if (engine_state_load(e, b->p, b->len, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

static void
same_lines(const struct heard *a, const struct heard *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->line[i].action, b->line[i].action);
		assert_int_equal(a->line[i].id, b->line[i].id);
		assert_int_equal(a->line[i].incident, b->line[i].incident);
		assert_int_equal(a->line[i].t_ns, b->line[i].t_ns);
		assert_int_equal(a->line[i].bytes, b->line[i].bytes);
		assert_string_equal(a->line[i].message, b->line[i].message);
	}
}

/* One run, and the same cut at any second: the same lines. */
static void
test_halves(void **state)
{
	static struct heard one, two;
	struct engine *e = start(&one, 1), *f;

	(void)state;
	one.n = 0;
	infected(e, 0, 60, 3, HOST);
	engine_advance(e, T0 + 200 * NS_PER_S);
	engine_finish(e);
	engine_free(e);
	assert_true(one.n >= 3);
	for (int cut = 1; cut < 60; cut += 7) {
		struct buf b;

		two.n = 0;
		e = start(&two, 1);
		infected(e, 0, cut, 3, HOST);
		engine_pause(e);
		b = saved(e);
		engine_free(e);
		f = start(&two, 1);
		load(f, &b);
		buf_done(&b);
		for (int i = cut * 3; i < 180; i++) {
			int64_t t = T0 + i / 3 * NS_PER_S + (i % 3) * (NS_PER_S / 3);

			message(f, t, false, HOST, (uint16_t)(i + 1));
			message(f, t + 2000000, true, HOST, (uint16_t)(i + 1));
		}
		engine_advance(f, T0 + 200 * NS_PER_S);
		engine_finish(f);
		engine_free(f);
		same_lines(&one, &two);
	}
}

/* Another seed, and nobody looked for a minute: what was open goes on under its id. */
static void
test_restart(void **state)
{
	static struct heard h;
	struct engine *e;
	uint64_t id, incident;
	struct buf b;
	size_t n;

	(void)state;
	for (int quiet = 0; quiet < 2; quiet++) {
		h.n = 0;
		e = start(&h, 1);
		infected(e, 0, 30, 3, HOST);
		b = saved(e); /* as a kill finds it: no pause */
		engine_free(e);
		assert_int_equal(h.line[0].action, ALERT_OPENED);
		id = h.line[0].id;
		incident = h.line[0].incident;
		n = h.n;
		e = start(&h, 99);
		load(e, &b);
		buf_done(&b);
		engine_blind(e, T0 + 90 * NS_PER_S);
		assert_int_equal(h.n, n);
		if (!quiet)
			infected(e, 90, 90, 3, HOST);
		engine_advance(e, T0 + 300 * NS_PER_S);
		assert_true(h.n > n);
		assert_int_equal(h.line[n].action, quiet ? ALERT_CLOSED : ALERT_UPDATED);
		for (size_t i = n; i < h.n; i++) {
			assert_int_equal(h.line[i].id, id);
			assert_int_equal(h.line[i].incident, incident);
			assert_int_not_equal(h.line[i].action, ALERT_OPENED);
		}
		assert_string_equal(h.line[h.n - 1].reason, "quiet");
		assert_true(h.line[n].t_ns > T0 + 90 * NS_PER_S);
		engine_finish(e);
		engine_free(e);
	}
}

/* Days of it, one restart a day: the ledger counts days, the line says so. */
static void
test_days(void **state)
{
	static struct heard h;
	struct offender o[4];
	struct drawn_name d[4];
	struct engine *e = NULL;
	struct buf b;

	(void)state;
	h.n = 0;
	for (int day = 0; day < 3; day++) {
		struct engine *next = start(&h, (uint64_t)day + 1);

		if (e != NULL) {
			engine_pause(e);
			b = saved(e);
			engine_free(e);
			load(next, &b);
			buf_done(&b);
		}
		e = next;
		infected(e, day * 86400, 40, 2, HOST);
	}
	engine_finish(e);
	assert_int_equal(engine_offenders(e, o, 4), 1);
	assert_int_equal(o[0].alerts, 3);
	assert_int_equal(o[0].days, 3);
	assert_int_equal(o[0].hours, 3);
	assert_int_equal(o[0].queries, 240);
	assert_int_equal(o[0].bytes, 240 * (1260 + 65));
	assert_int_equal(o[0].first_s, T0 / NS_PER_S);
	assert_non_null(strstr(h.line[h.n - 1].message, "seen for 3 days"));
	assert_int_equal(engine_names(e, d, 4), 1);
	assert_int_equal(d[0].answers, 240);
	assert_true(d[0].misused);
	/* one client, though each day had another seed */
	assert_true(d[0].clients == 1);
	engine_free(e);
}

static void
refuse(const void *p, size_t n, const char *want)
{
	static struct heard h;
	struct engine *e = start(&h, 1);
	char why[200] = "";
	struct engine_stats s;

	assert_true(engine_state_load(e, p, n, why, sizeof(why)) < 0);
	if (strstr(why, want) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", why, want);
	engine_stats(e, &s);
	assert_int_equal(s.watches, 0);
	assert_int_equal(s.ledger + s.names + s.baselines, 0);
	assert_int_equal(engine_time(e), 0);
	/* and it works */
	h.n = 0;
	infected(e, 0, 20, 10, HOST);
	engine_finish(e);
	assert_int_equal(h.line[0].action, ALERT_OPENED);
	engine_free(e);
}

static void
seal(struct buf *b)
{
	uint64_t sum = XXH3_64bits(b->p, b->len - 8);

	for (size_t i = 0; i < 8; i++)
		b->p[b->len - 8 + i] = (char)(sum >> (8 * (7 - i)));
}

static void
test_damage(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, 1);
	uint64_t seed = 5;
	struct buf b;
	char keep;

	(void)state;
	h.n = 0;
	infected(e, 0, 30, 3, HOST);
	b = saved(e);
	engine_free(e);
	refuse("", 0, "no state");
	refuse("hello, this is not a state at all", 33, "no state");
	refuse(b.p, b.len - 1, "checksum");
	refuse(b.p, 40, "checksum");
	b.p[b.len / 2] ^= 1;
	refuse(b.p, b.len, "checksum");
	b.p[b.len / 2] ^= 1;
	keep = b.p[7];
	b.p[7] = 9;
	refuse(b.p, b.len, "version 9");
	b.p[7] = keep;
	/* a length that points behind the end, under a right checksum */
	keep = b.p[8];
	b.p[8] = 1;
	seal(&b);
	refuse(b.p, b.len, "time");
	b.p[8] = keep;
	/* any byte may lie: the engine takes it or starts afresh, and lives on either way */
	for (int i = 0; i < 60; i++) {
		size_t at = 8 + kit_below(&seed, (uint32_t)(b.len - 16 < 4000 ? b.len - 16 : 4000));
		char why[200];

		keep = b.p[at];
		b.p[at] = (char)kit_random(&seed);
		seal(&b);
		h.n = 0;
		e = start(&h, 1);
		(void)engine_state_load(e, b.p, b.len, why, sizeof(why));
		infected(e, 40, 5, 3, HOST);
		engine_finish(e);
		engine_free(e);
		b.p[at] = keep;
	}
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
