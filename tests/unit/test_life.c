/* The life of alerts and incidents, by scripted verdicts: one letter a tick, C(old), W(arm), H(ot). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/life.h"
#include "tests/unit/detector_kit.h"

enum { LINES = 4096, T0 = 1000000 };

struct line {
	uint32_t tick;
	enum alert_action action;
	char reason[16];
	uint64_t id, incident;
};

struct scene {
	struct book book;
	struct detect_settings settings;
	struct judge_env judge;
	struct life_env env;
	struct line line[LINES];
	size_t n;
};

static void
take_line(void *ctx, const struct alert *a)
{
	struct scene *s = ctx;
	struct line *l = &s->line[s->n < LINES ? s->n++ : LINES - 1];

	*l = (struct line){s->env.tick, a->action, "", a->id, a->incident};
	snprintf(l->reason, sizeof(l->reason), "%s", a->reason != NULL ? a->reason : "");
	assert_int_equal(a->t_ns, s->env.tick_end_ns);
	assert_true(a->start_ns <= a->end_ns && a->end_ns <= a->t_ns);
	assert_true(a->message[0] != '\0');
}

static void
at_tick(struct scene *s, uint32_t tick)
{
	s->env.tick = s->judge.tick = tick;
	s->env.tick_end_ns = (int64_t)(T0 + tick + 1) * NS_PER_S;
}

static struct scene *
scene_new(void)
{
	static const char *const link[] = {"north", "south"};
	static const uint64_t capacity[] = {10000000, 20000000}, bps[] = {0, 0};
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(book_init(&s->book), 0);
	detect_settings_defaults(&s->settings);
	s->judge.settings = &s->settings;
	s->env = (struct life_env){.judge = &s->judge, .tick_ns0 = T0 * NS_PER_S, .link_name = link,
		.link_capacity = capacity, .link_bps = bps, .emit = take_line, .ctx = s};
	at_tick(s, 1);
	return s;
}

static void
scene_free(struct scene *s)
{
	book_done(&s->book);
	free(s);
}

/* A client that drew large answers to one question through one resolver. */
static struct watch
watch_of(uint32_t host, char name, uint32_t resolver, uint16_t link)
{
	struct watch w = {.addr = kit_addr(host), .side = SIDE_CLIENT, .service = SERVICE_DNS, .sampling = 1, .link = link};

	w.total = (struct cell){.queries = 20, .answers = 20, .large = 20, .matched = 20, .ticks = 2, .large_bytes = 80000,
		.large_size = 78000, .large_query_bytes = 1300};
	w.sum[WINDOW_SHORT] = w.total;
	w.peer[0] = (struct watch_peer){kit_addr(resolver), 20, 80000};
	if (name != '\0')
		w.name[0] = (struct watch_name){.hash = (uint64_t)name, .count = 20, .qtype = DNS_ANY, .len = 3,
			.wire = {1, (uint8_t)name, 0}};
	return w;
}

static void
step(struct scene *s, struct watch *w, const struct detector *d, enum heat heat)
{
	const struct verdict v = {.heat = heat, .role = d == &detector_victim ? ROLE_VICTIM : ROLE_ABUSER, .window_s = 10};

	if (heat != HEAT_COLD)
		w->last_tick = s->env.tick;
	life_step(&s->book, &s->env, w, d, &v);
}

static void
play(struct scene *s, struct watch *w, const char *script)
{
	for (; *script != '\0'; script++) {
		step(s, w, &detector_abuser, *script == 'H' ? HEAT_HOT : *script == 'W' ? HEAT_WARM : HEAT_COLD);
		at_tick(s, s->env.tick + 1);
	}
}

/* "opened@3 closed(quiet)@35" */
static const char *
told(const struct scene *s, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < s->n && at < size; i++) {
		const struct line *l = &s->line[i];

		at += (size_t)snprintf(buf + at, size - at, "%s%s%s%s%s@%u", i > 0 ? " " : "", alert_action_text(l->action),
		    l->reason[0] != '\0' ? "(" : "", l->reason, l->reason[0] != '\0' ? ")" : "", l->tick);
	}
	return buf;
}

/* `n` times a letter. */
static char *
times(char letter, int n, char *into)
{
	memset(into, letter, (size_t)n);
	into[n] = '\0';
	return into;
}

static void
test_table(void **state)
{
	/*                                        COLD         WARM       HOT        QUIET */
	static const int want[LIFE_STATES][LIFE_EVENTS] = {
		[LIFE_IDLE] =   {LIFE_IDLE,   LIFE_IDLE, LIFE_OPEN, LIFE_IDLE},
		[LIFE_OPEN] =   {LIFE_FADING, LIFE_OPEN, LIFE_OPEN, LIFE_IDLE},
		[LIFE_FADING] = {LIFE_FADING, LIFE_OPEN, LIFE_OPEN, LIFE_IDLE},
	};

	(void)state;
	for (int s = 0; s < LIFE_STATES; s++)
		for (int e = 0; e < LIFE_EVENTS; e++)
			assert_int_equal(life_next((enum life_state)s, (enum life_event)e), want[s][e]);
}

static void
check_script(const char *script, const char *want)
{
	struct scene *s = scene_new();
	struct watch w = watch_of(0x0a000001, 'a', 0x35, 0);
	char buf[4096];

	play(s, &w, script);
	assert_string_equal(told(s, buf, sizeof(buf)), want);
	for (size_t i = 1; i < s->n; i++)
		if (s->line[i].action != ALERT_OPENED)
			assert_int_equal(s->line[i].id, s->line[i - 1].id);
	scene_free(s);
}

static void
test_scripts(void **state)
{
	char a[256], b[256], text[1024];

	(void)state;
	check_script("CWCWWWC", "");
	check_script("CCH", "opened@3");
	check_script(times('H', 11, a), "opened@1 updated@11");
	check_script(times('H', 10, a), "opened@1");
	check_script(times('H', 132, a), "opened@1 updated@11 updated@71 updated@131");
	check_script(times('W', 20, a), "");
	/* cold at tick 2: quiet when thirty seconds have passed since */
	snprintf(text, sizeof(text), "H%s", times('C', 30, a));
	check_script(text, "opened@1");
	snprintf(text, sizeof(text), "H%s", times('C', 31, a));
	check_script(text, "opened@1 closed(quiet)@32");
	/* warmth in between begins the wait anew, but a warm signal opens nothing afterwards */
	snprintf(text, sizeof(text), "H%sW%sWWW", times('C', 20, a), times('C', 31, b));
	check_script(text, "opened@1 updated@22 closed(quiet)@53");
	/* and again: another alert */
	snprintf(text, sizeof(text), "H%sH", times('C', 31, a));
	check_script(text, "opened@1 closed(quiet)@32 opened@33");
}

static void
test_settings_of_life(void **state)
{
	struct scene *s = scene_new();
	struct watch w = watch_of(1, 'a', 0x35, 0);
	char buf[4096], script[64];

	(void)state;
	s->settings.engine.close_after = 5;
	s->settings.engine.update_every = 20;
	play(s, &w, times('H', 32, script));
	play(s, &w, "CCCCCC");
	assert_string_equal(told(s, buf, sizeof(buf)), "opened@1 updated@11 updated@31 closed(quiet)@38");
	scene_free(s);
}

static void
test_end_of_input(void **state)
{
	struct scene *s = scene_new();
	struct watch w = watch_of(1, 'a', 0x35, 0), idle = watch_of(2, 'a', 0x35, 0);
	char buf[4096];

	(void)state;
	play(s, &w, "HH");
	life_finish(&s->book, &s->env, &idle);
	life_finish(&s->book, &s->env, &w);
	life_finish(&s->book, &s->env, &w); /* once is enough */
	assert_string_equal(told(s, buf, sizeof(buf)), "opened@1 closed(end-of-input)@3");
	assert_int_equal(w.life.state, LIFE_IDLE);
	assert_int_equal(w.life.alert, 0);
	assert_int_equal(w.total.large, 0);
	assert_true(s->book.incident[0].view.closed_ns == s->env.tick_end_ns);
	scene_free(s);
}

static void
test_ids(void **state)
{
	uint64_t id[2][6];

	(void)state;
	for (int run = 0; run < 2; run++) {
		struct scene *s = scene_new();
		struct watch w[5];

		for (uint32_t i = 0; i < 5; i++)
			w[i] = watch_of(i + 1, 'a', 0x35, 0);
		for (int i = 0; i < 4; i++)
			step(s, &w[i], i == 3 ? &detector_victim : &detector_abuser, HEAT_HOT);
		w[4] = watch_of(4, 'a', 0x35, 0); /* the victim's address, as an abuser */
		step(s, &w[4], &detector_abuser, HEAT_HOT);
		at_tick(s, 2);
		w[0] = watch_of(1, 'a', 0x35, 0); /* the first one, a second later */
		step(s, &w[0], &detector_abuser, HEAT_HOT);
		assert_int_equal(s->n, 6);
		for (int i = 0; i < 6; i++)
			id[run][i] = s->line[i].id;
		scene_free(s);
	}
	assert_memory_equal(id[0], id[1], sizeof(id[0]));
	for (int i = 0; i < 6; i++)
		for (int k = 0; k < i; k++)
			assert_true(id[0][i] != id[0][k]);
}

/* --- incidents ------------------------------------------------------------------------------------- */

static uint64_t
open_one(struct scene *s, const struct detector *d, uint32_t host, char name, uint32_t resolver, uint16_t link)
{
	struct watch w = watch_of(host, name, resolver, link);

	step(s, &w, d, HEAT_HOT);
	assert_int_equal(s->line[s->n - 1].action, ALERT_OPENED);
	return s->line[s->n - 1].incident;
}

static void
test_incident_of_forty(void **state)
{
	struct scene *s = scene_new();
	uint64_t incident = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		uint64_t now;

		at_tick(s, 1 + i);
		now = open_one(s, &detector_abuser, 100 + i, 'a', 0x35 + i, 0); /* the name alone ties them */
		if (i > 0)
			assert_int_equal(now, incident);
		incident = now;
	}
	assert_int_equal(s->book.incidents_n, 1);
	const struct incident *view = &s->book.incident[0].view;

	assert_int_equal(view->alerts_n, 40);
	assert_int_equal(view->alerts_kept, 40);
	assert_int_equal(view->queries, 40 * 20);
	assert_int_equal(view->query_bytes, 40 * 1300);
	assert_int_equal(view->responses, 40 * 20);
	assert_int_equal(view->bytes, 40 * 81300);
	assert_int_equal(view->closed_ns, 0);
	scene_free(s);
}

static void
test_incidents_apart(void **state)
{
	struct scene *s = scene_new();
	uint64_t first = open_one(s, &detector_abuser, 1, 'a', 0x35, 1);

	(void)state;
	assert_int_equal(open_one(s, &detector_abuser, 2, 'b', 0x35, 1), first);      /* one resolver ties as well */
	assert_int_equal(open_one(s, &detector_abuser, 3, 'a', 0x36, 0), first);      /* behind no known link */
	assert_true(open_one(s, &detector_abuser, 4, 'b', 0x36, 1) != first);         /* neither name nor resolver */
	assert_true(open_one(s, &detector_abuser, 5, 'a', 0x35, 2) != first);         /* another link */
	assert_true(open_one(s, &detector_victim, 6, 'a', 0x35, 1) != first);         /* another kind */
	scene_free(s);
}

static void
test_victims_apart(void **state)
{
	struct scene *s = scene_new();
	uint64_t first = open_one(s, &detector_victim, 1, 'a', 0x35, 0);

	(void)state;
	assert_true(open_one(s, &detector_victim, 2, 'b', 0x35, 0) != first); /* a common reflector is chance */
	assert_true(open_one(s, &detector_victim, 3, '\0', 0x35, 0) != first);
	assert_int_equal(open_one(s, &detector_victim, 4, 'a', 0x99, 0), first); /* a common name is not */
	scene_free(s);
}

/* Ends the alert in a slot of the book, whoever's it is. */
static void
end_slot(struct scene *s, uint32_t slot)
{
	struct watch w = watch_of(1, 'a', 0x35, 0);

	w.last_tick = s->env.tick;
	w.life = (struct alert_state){LIFE_OPEN, s->env.tick, slot};
	life_finish(&s->book, &s->env, &w);
}

static void
test_newcomers(void **state)
{
	struct scene *s = scene_new();
	struct watch w = watch_of(1, 'a', 0x35, 0);
	uint64_t first;

	(void)state;
	step(s, &w, &detector_abuser, HEAT_HOT);
	first = s->line[0].incident;
	/* open: however late */
	at_tick(s, 5000);
	assert_int_equal(open_one(s, &detector_abuser, 2, 'a', 0x35, 0), first);
	life_finish(&s->book, &s->env, &w);
	assert_int_equal(s->book.incident[0].view.closed_ns, 0); /* the second is still open */

	/* closed: two minutes after the last newcomer, and no later */
	end_slot(s, 2);
	assert_true(s->book.incident[0].view.closed_ns != 0);
	at_tick(s, 5120);
	assert_int_equal(open_one(s, &detector_abuser, 3, 'a', 0x35, 0), first);
	assert_int_equal(s->book.incident[0].view.closed_ns, 0);
	end_slot(s, 3);
	at_tick(s, 5241);
	assert_true(open_one(s, &detector_abuser, 4, 'a', 0x35, 0) != first);
	scene_free(s);
}

static void
test_book_full(void **state)
{
	struct scene *s = scene_new();
	struct watch w;

	(void)state;
	for (uint32_t i = 0; i < BOOK_ALERTS; i++)
		(void)open_one(s, &detector_abuser, i, 'a', 0x35, 0);
	assert_int_equal(s->book.incidents_n, 1);
	assert_int_equal(s->book.incident[0].view.alerts_n, BOOK_ALERTS);
	assert_int_equal(s->book.incident[0].view.alerts_kept, INCIDENT_ALERTS);
	w = watch_of(99999, 'a', 0x35, 0);
	step(s, &w, &detector_abuser, HEAT_HOT);
	assert_int_equal(s->book.dropped, 1);
	assert_int_equal(w.life.state, LIFE_IDLE);
	assert_int_equal(w.life.alert, 0);

	/* the slot of one that closed is used again, and its incident forgets it but not its sums */
	uint64_t bytes = s->book.incident[0].view.bytes;

	end_slot(s, 8);
	s->env.tick++; /* its last line is out */
	step(s, &w, &detector_abuser, HEAT_HOT);
	assert_int_equal(w.life.alert, 8);
	assert_int_equal(s->book.incident[0].view.alerts_kept, INCIDENT_ALERTS);
	assert_int_equal(s->book.incident[0].view.bytes, bytes + 81300);
	assert_int_equal(s->book.dropped, 1);
	scene_free(s);
}

static void
test_incidents_full(void **state)
{
	struct scene *s = scene_new();
	uint64_t last = 0;

	(void)state;
	/* victims without a name never join: one incident each, until there is no room for another */
	for (uint32_t i = 0; i < BOOK_INCIDENTS + 50; i++) {
		uint64_t now = open_one(s, &detector_victim, i, '\0', 0x35, 0);

		if (i >= BOOK_INCIDENTS)
			assert_int_equal(now, last);
		last = now;
	}
	assert_int_equal(s->book.incidents_n, BOOK_INCIDENTS);
	assert_int_equal(s->book.incident[BOOK_INCIDENTS - 1].view.alerts_n, 51);
	scene_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_settings_of_life),
		cmocka_unit_test(test_end_of_input),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_incident_of_forty),
		cmocka_unit_test(test_incidents_apart),
		cmocka_unit_test(test_victims_apart),
		cmocka_unit_test(test_newcomers),
		cmocka_unit_test(test_book_full),
		cmocka_unit_test(test_incidents_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
