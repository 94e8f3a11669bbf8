/* Questions without an answer: which are kept, whose count, and what a zone under them is taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/asked.h"
#include "detector/engine.h"
#include "tests/unit/detector_kit.h"

enum { MEMORY = 64 << 20, RESOLVER = 0x0a350035, AUTHORITY = 0x08336435, HOST = 0x0a400011 };
#define T0 (INT64_C(1775960000) * NS_PER_S)

struct said {
	struct flow flow;
	struct dns_view view;
	uint8_t message[300];
};

static void
say(struct said *s, const char *name, uint16_t qtype, bool response, int64_t t_ns, uint32_t from, uint32_t to)
{
	uint8_t *m = s->message, *p = m + 12;
	size_t n;

	memset(s, 0, sizeof(*s));
	m[2] = response ? 0x81 : 1;
	m[5] = 1;
	p += dns_name_parse(name, p);
	*p++ = (uint8_t)(qtype >> 8);
	*p++ = (uint8_t)qtype;
	*p++ = 0;
	*p++ = 1;
	n = (size_t)(p - m);
	assert_int_equal(dns_view_parse(&s->view, m, n, n), 0);
	s->flow = (struct flow){.start_ns = t_ns, .end_ns = t_ns, .src = kit_addr(from), .dst = kit_addr(to), .packets = 1, .bytes = n + 28,
		.sampling = 1, .sport = response ? 53 : 40000, .dport = response ? 40000 : 53, .proto = FLOW_UDP, .ttl = 60, .dns = &s->view};
}

/* --- the list ----------------------------------------------------------------------------------------- */

static void
test_list(void **state)
{
	static const uint32_t many[] = {1, 511, 512, 513, 1024, 1025, 5000, 100000};
	struct asked_list l;
	struct said s;
	char name[60];

	(void)state;
	assert_int_equal(asked_list_init(&l), 0);
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		l.n = l.mask = 0;
		l.all = 0;
		for (uint32_t k = 0; k < many[i]; k++) {
			snprintf(name, sizeof(name), "a%u.example.org", k);
			say(&s, name, DNS_A, false, k, HOST, RESOLVER);
			asked_note(&l, &s.flow, k);
		}
		/* each power of two from the first on, and as many as they stand for */
		assert_true(l.n <= ASKED_KEPT && (l.mask == 0 || l.n > ASKED_KEPT / 2 - 1));
		assert_int_equal(l.n, (many[i] + l.mask) / (l.mask + 1));
		for (uint32_t k = 0; k < l.n; k++)
			assert_int_equal(l.kept[k].client_hash, (uint64_t)k * (l.mask + 1));
	}
	/* longer names, and what is no question, are none of its business */
	l.n = l.mask = 0;
	l.all = 0;
	memset(name, 'x', 50);
	snprintf(name + 50, sizeof(name) - 50, ".x.org");
	say(&s, name, DNS_A, false, 0, HOST, RESOLVER);
	asked_note(&l, &s.flow, 1);
	assert_int_equal(l.n, 1);
	s.view.opcode = 5;
	asked_note(&l, &s.flow, 1);
	s.view.opcode = 0;
	s.view.name_len = NAME_COPY;
	asked_note(&l, &s.flow, 1);
	s.view.name_len = 0;
	asked_note(&l, &s.flow, 1);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.all, 1);
	asked_list_done(&l);
}

/* --- through the engine ---------------------------------------------------------------------------------- */

struct heard {
	struct alert opened[8];
	size_t n;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (a->action == ALERT_OPENED && h->n < 8)
		h->opened[h->n++] = *a;
}

static struct engine *
start(struct heard *h)
{
	static struct detect_settings settings;
	const struct engine_sink sink = {hear, h};
	struct engine_config c = {.seed = 42, .memory_bytes = MEMORY, .settings = &settings};
	char why[200] = "";
	struct engine *e;

	memset(h, 0, sizeof(*h));
	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	return e;
}

static void
feed(struct engine *e, struct said *s)
{
	struct flow_key k;

	assert_int_equal(engine_begin(e, &s->flow, 1).n, 1);
	engine_keys(e, &s->flow, 1, &k);
	engine_ingest(e, &s->flow, &k, 1);
}

enum what { RANDOM = 1, TEXT = 2, FEW = 4, LONG = 8, ANSWERED = 16, RETRIED = 32, ORDINARY = 64 };

/* One second of questions for one zone, `rate` of them, and what `how` says. */
static void
second(struct engine *e, uint64_t *seed, int at, uint32_t rate, unsigned int how)
{
	struct said s;
	char name[120], label[60];

	for (uint32_t i = 0; i < rate; i++) {
		int64_t t = T0 + at * NS_PER_S + (int64_t)(i * (NS_PER_S / rate));
		uint32_t client = HOST + kit_below(seed, 50), n = (how & LONG) != 0 ? 45 : 10;

		for (uint32_t k = 0; k < n; k++)
			label[k] = (char)('a' + kit_below(seed, 26));
		label[n] = '\0';
		if ((how & FEW) != 0)
			snprintf(label, sizeof(label), "www%u", kit_below(seed, 400));
		snprintf(name, sizeof(name), "%s.victim.example", label);
		for (int again = (how & RETRIED) != 0 ? 3 : 1; again > 0; again--) {
			say(&s, name, (how & TEXT) != 0 ? DNS_TXT : DNS_A, false, t, client, AUTHORITY);
			feed(e, &s);
		}
		if ((how & ANSWERED) != 0) {
			say(&s, name, DNS_A, true, t + 1000, AUTHORITY, client);
			feed(e, &s);
		}
		/* people ask their resolver for this and that, and are answered */
		for (int k = 0; (how & ORDINARY) != 0 && k < 4; k++) {
			snprintf(name, sizeof(name), "www.site%u.example", kit_below(seed, 3000));
			say(&s, name, DNS_A, false, t, client, RESOLVER);
			feed(e, &s);
			say(&s, name, DNS_A, true, t + 1000, RESOLVER, client);
			feed(e, &s);
		}
	}
}

/* `quiet` seconds of one kind, then a minute of another; the zone's alerts. */
static size_t
run(struct heard *h, int quiet, uint32_t before, unsigned int how_before, uint32_t rate, unsigned int how)
{
	struct engine *e = start(h);
	uint64_t seed = 11;

	for (int i = 0; i < quiet; i++)
		second(e, &seed, i, before, how_before);
	for (int i = 0; i < 60; i++)
		second(e, &seed, quiet + i, rate, how);
	engine_finish(e);
	for (size_t i = 0; i < h->n; i++) {
		assert_int_equal(h->opened[i].kind, KIND_DNS_RANDOM_SUBDOMAIN);
		assert_string_equal(h->opened[i].subject.name, "victim.example");
	}
	engine_free(e);
	return h->n;
}

static void
test_attack(void **state)
{
	static struct heard h;

	(void)state;
	assert_int_equal(run(&h, 0, 0, 0, 100, RANDOM), 1);
	assert_true(h.opened[0].t_ns <= T0 + 7 * NS_PER_S);
	assert_non_null(strstr(h.opened[0].message, "answers not seen"));
	assert_true(alert_evidence(&h.opened[0], EV_UNANSWERED)->value >= 490);
	assert_true(alert_evidence(&h.opened[0], EV_RESPONSES)->value < 1);
	/* three of each, and beside ordinary traffic that is answered: the dead server of one zone */
	assert_int_equal(run(&h, 200, 5, ANSWERED | FEW | ORDINARY, 60, RANDOM | RETRIED | ORDINARY), 1);
	assert_true(alert_evidence(&h.opened[0], EV_DISTINCT_SHARE)->value > 0.95);
	assert_true(alert_evidence(&h.opened[0], EV_UNANSWERED)->value < 650);
	/* as fast as a list can take, and a hundred times faster */
	assert_int_equal(run(&h, 0, 0, 0, 20000, RANDOM), 1);
	assert_true(alert_evidence(&h.opened[0], EV_DISTINCT_NAMES)->value >= 19000);
	assert_true(alert_evidence(&h.opened[0], EV_DISTINCT_NAMES)->value <= 21000);
}

static void
test_ordinary(void **state)
{
	static struct heard h;

	(void)state;
	assert_int_equal(run(&h, 0, 0, 0, 100, RANDOM | ANSWERED), 0);          /* they exist */
	assert_int_equal(run(&h, 0, 0, 0, 100, FEW), 0);                        /* the same ones again and again */
	assert_int_equal(run(&h, 0, 0, 0, 100, RANDOM | TEXT), 0);              /* may be a tunnel */
	assert_int_equal(run(&h, 0, 0, 0, 100, RANDOM | LONG), 0);              /* likewise */
	assert_int_equal(run(&h, 200, 100, RANDOM | ANSWERED, 100, RANDOM), 0); /* names nobody repeats; then the answers are lost */
	assert_int_equal(run(&h, 200, 400, FEW | ANSWERED, 400, FEW), 0);       /* a server that dies of something else */
	assert_int_equal(run(&h, 0, 0, 0, 8, RANDOM), 0);                       /* 480 in a minute */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list), cmocka_unit_test(test_attack), cmocka_unit_test(test_ordinary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
