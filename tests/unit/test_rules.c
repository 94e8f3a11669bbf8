/* Rules: what is matched, how the limiter is sized, what the replay says, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "rules/backtest.h"
#include "rules/match.h"
#include "rules/rules.h"

enum { ALERTS = 2000, LOG = 20000 };

struct bench {
	struct alert *alert;
	const struct alert **list;
	struct logged_query *log;
	struct rule_request q;
};

static const uint8_t name_txt[] = "\3Big\4test";

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->alert = calloc(ALERTS, sizeof(*b->alert));
	b->list = calloc(ALERTS, sizeof(const struct alert *));
	b->log = calloc(LOG, sizeof(*b->log));
	for (size_t i = 0; i < ALERTS; i++)
		b->list[i] = &b->alert[i];
	b->q = (struct rule_request){.alerts = b->list, .policy = rule_policy_default(), .log = b->log};
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	free(b->alert);
	free(b->list);
	free(b->log);
	free(b);
	return 0;
}

static struct addr
v4(unsigned int host)
{
	return addr_v4((uint8_t[4]){10, 9, (uint8_t)(host >> 8), (uint8_t)host});
}

static struct addr
v6(unsigned int net, unsigned int host)
{
	return addr_v6((uint8_t[16]){0x20, 1, 0x0d, 0xb8, 0, 9, (uint8_t)(net >> 8), (uint8_t)net, [15] = (uint8_t)host});
}

static struct alert *
abuser(struct bench *b, struct addr host, uint16_t qtype)
{
	struct alert *a = &b->alert[b->q.alerts_n++];

	*a = (struct alert){.kind = KIND_DNS_AMPLIFICATION_ABUSER, .role = ROLE_ABUSER, .incident = 7, .qtype = qtype,
		.vector_port = 53, .subject = {.type = SUBJECT_HOST, .prefix = {host, 128}}};
	if (qtype != DNS_ANY) {
		a->qname_len = sizeof(name_txt);
		memcpy(a->qname, name_txt, sizeof(name_txt));
	}
	return a;
}

static void
ask(struct bench *b, double at, struct addr client, uint16_t qtype, uint64_t name, bool offender)
{
	b->log[b->q.log_n++] = (struct logged_query){.t_ns = (int64_t)(at * 1e9), .client = client, .name_hash = name,
		.qtype = qtype, .offender = offender};
}

static int
generate(struct bench *b, const char *format, struct rule_text *t)
{
	rule_text_init(t);
	return rule_format_find(format)->generate(&b->q, t);
}

static struct rule_sizing
replay(struct bench *b, struct backtest *e)
{
	struct rule_plan plan;
	struct rule_sizing s;

	assert_int_equal(rule_plan_make(&plan, b->list, b->q.alerts_n), RULE_OK);
	assert_int_equal(rule_backtest(&b->q, &plan, &s, e), 0);
	return s;
}

/* A customer with a /56 who walks through it is one source; without the alert's word each /64 would be. */
static void
customer_is_one_source(void **state)
{
	struct bench *b = *state;
	struct backtest e;
	struct alert *a = abuser(b, v6(0x100, 0), DNS_ANY);

	a->subject.type = SUBJECT_PREFIX;
	a->subject.prefix = prefix_of(&a->subject.prefix.addr, 56);
	alert_evidence_add(a, EV_ADDRESSES, 40, 40);
	for (unsigned int i = 0; i < 40; i++)
		ask(b, i * 0.25, v6(0x100 + i, i), DNS_ANY, 1, true);
	ask(b, 1, v6(0x200, 1), DNS_ANY, 1, false);
	struct rule_sizing s = replay(b, &e);

	assert_int_equal(s.v6_bits, 56);
	assert_int_equal(s.v6.sources, 2);
	assert_int_equal(e.attack_dropped, 38);
	assert_int_equal(e.legitimate_dropped, 0);
	a->subject.prefix = prefix_of(&a->subject.prefix.addr, 64);
	s = replay(b, &e);
	assert_int_equal(s.v6_bits, 64);
	assert_int_equal(e.attack_dropped, 0);
}

static void
replay_drops_the_attack_only(void **state)
{
	struct bench *b = *state;
	struct backtest e;

	abuser(b, v4(1), DNS_ANY);
	for (int i = 0; i < 40; i++) {
		ask(b, i * 0.25, v4(1), DNS_ANY, 1, true);      /* 2 of 40 pass */
		ask(b, i * 0.25, v4(1), DNS_A, 2, true);        /* its own look-ups */
		ask(b, i * 0.25, v4(2), DNS_A, 3, false);
		if (i % 12 == 0)
			ask(b, i * 0.25, v4(3), DNS_ANY, 3, false); /* polite: every 3 s */
	}
	struct rule_sizing s = replay(b, &e);

	assert_true(e.known);
	assert_int_equal(s.v4.kind, LIMIT_LIST);
	assert_int_equal(s.v4.sources, 2);
	assert_int_equal(e.attack, 40);
	assert_int_equal(e.attack_dropped, 38);
	assert_int_equal(e.legitimate, 84);
	assert_int_equal(e.legitimate_dropped, 0);
	assert_int_equal(e.sources_hit, 1);
}

static void
update_keeps_out_until_quiet(void **state)
{
	struct bench *b = *state;
	struct backtest e;

	abuser(b, v4(1), DNS_ANY);
	for (int i = 0; i < 60; i++) /* once a second: never let in again ... */
		ask(b, i, v4(1), DNS_ANY, 1, true);
	ask(b, 70, v4(1), DNS_ANY, 1, true); /* ... until it was quiet for longer than 5 s */
	replay(b, &e);
	assert_int_equal(e.attack - e.attack_dropped, 3);
}

static void
rate_lets_the_policy_through(void **state)
{
	struct bench *b = *state;
	struct backtest e;

	b->q.policy.list_size = 1; /* nothing fits a list */
	for (unsigned int h = 1; h <= 70; h++)
		abuser(b, v4(h), DNS_ANY);
	for (int i = 0; i < 100; i++)
		ask(b, i * 0.1, v4(1), DNS_ANY, 1, true);
	struct rule_sizing s = replay(b, &e);

	assert_int_equal(s.v4.kind, LIMIT_HASH);
	assert_in_range(e.attack - e.attack_dropped, 5, 6); /* 2 at once and 0.4/s over 9.9 s */
}

static void
limiter_follows_the_sources(void **state)
{
	struct bench *b = *state;
	struct backtest e;
	static const struct {
		unsigned int hosts;
		enum limiter kind;
		unsigned int shards;
	} want[] = {{1, LIMIT_LIST, 1}, {90, LIMIT_LIST, 1}, {91, LIMIT_SHARDS, 16}, {960, LIMIT_SHARDS, 16},
		{961, LIMIT_SHARDS, 64}, {2000, LIMIT_SHARDS, 64}};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		b->q.alerts_n = 0;
		for (unsigned int h = 0; h < want[i].hosts; h++)
			abuser(b, v4(h), DNS_ANY);
		struct rule_sizing s = replay(b, &e);

		assert_int_equal(s.v4.kind, want[i].kind);
		assert_int_equal(s.v4.shards, want[i].shards);
		assert_int_equal(s.v6.sources, 0);
		assert_false(e.known);
	}
}

static void
polite_sources_take_entries_too(void **state)
{
	struct bench *b = *state;
	struct backtest e;

	abuser(b, v4(1), DNS_ANY);
	for (unsigned int h = 2; h <= 101; h++)
		ask(b, h, v4(h), DNS_ANY, 5, false);
	assert_int_equal(replay(b, &e).v4.kind, LIMIT_SHARDS);
}

/* Customers with a /56 each use its first /64: the low bits are all the same. */
static void
shards_use_bits_that_spread(void **state)
{
	struct bench *b = *state;
	struct backtest e;

	for (unsigned int h = 0; h < 160; h++)
		abuser(b, v6(h << 8, 1), DNS_ANY);
	struct rule_sizing s = replay(b, &e);

	assert_int_equal(s.v6.kind, LIMIT_SHARDS);
	assert_int_equal(s.v6.shift, 8);
	assert_int_equal(s.v6.fullest, 10);
}

static void
a_slash_64_is_one_source(void **state)
{
	struct bench *b = *state;
	struct backtest e;

	abuser(b, v6(1, 1), DNS_ANY);
	for (unsigned int i = 0; i < 20; i++)
		ask(b, i, v6(1, i), DNS_ANY, 1, true);
	assert_int_equal(replay(b, &e).v6.sources, 1);
	assert_int_equal(e.attack_dropped, 18);
}

static void
names_bind_other_types(void **state)
{
	struct bench *b = *state;
	struct backtest e;
	struct rule_text t;

	abuser(b, v4(1), DNS_TXT);
	for (int i = 0; i < 20; i++) {
		ask(b, i, v4(1), DNS_TXT, 77, true);
		ask(b, i, v4(2), DNS_TXT, 78, false); /* another name: nobody's business */
	}
	replay(b, &e);
	assert_int_equal(e.attack_dropped, 18);
	assert_int_equal(e.legitimate_dropped, 0);
	assert_int_equal(generate(b, "iptables", &t), RULE_OK);
	assert_non_null(strstr(buf_text(&t.text), "|03626967047465737400" "00100001|"));
	assert_non_null(strstr(buf_text(&t.text), "@30=0x00100001"));
	assert_non_null(strstr(buf_text(&t.text), "attack dropped 90.0 % (18 of 20)"));
	rule_text_done(&t);
	b->alert[0].qname_len = 0;
	assert_int_equal(generate(b, "iptables", &t), RULE_UNSUPPORTED);
	assert_non_null(strstr(t.why, "name"));
	rule_text_done(&t);
}

static void
more_types_than_fit(void **state)
{
	struct bench *b = *state;
	struct rule_plan p;

	for (uint16_t type = 1; type <= 10; type++)
		abuser(b, v4(1), type);
	assert_int_equal(rule_plan_make(&p, b->list, b->q.alerts_n), RULE_OK);
	assert_int_equal(p.matches, MATCH_MAX);
	assert_int_equal(p.matches_left, 2);
}

static void
order_of_alerts_does_not_matter(void **state)
{
	struct bench *b = *state;
	struct rule_plan p, r;

	abuser(b, v4(1), DNS_TXT);
	abuser(b, v4(2), DNS_ANY);
	abuser(b, v4(3), DNS_DNSKEY);
	assert_int_equal(rule_plan_make(&p, b->list, 3), RULE_OK);
	assert_int_equal(rule_plan_make(&r, (const struct alert *[]){b->list[2], b->list[0], b->list[1]}, 3), RULE_OK);
	assert_int_equal(p.matches, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(p.match[i].qtype, r.match[i].qtype);
	assert_int_equal(p.match[0].qtype, DNS_ANY);
}

static void
policies_refused(void **state)
{
	struct bench *b = *state;
	struct rule_text t;
	static const struct rule_policy bad[] = {
		{.queries = 21, .seconds = 5, .ttl_s = 60, .list_size = 100, .old_kernel = true},
		{.queries = 0, .seconds = 5, .ttl_s = 60, .list_size = 100},
		{.queries = 2, .seconds = 0, .ttl_s = 60, .list_size = 100},
		{.queries = 70000, .seconds = 5, .ttl_s = 60, .list_size = 100},
		{.queries = 2, .seconds = 5, .ttl_s = 60, .list_size = 0},
		{.queries = 3, .seconds = 7, .ttl_s = 60, .list_size = 1}, /* 3/7 per s: no unit of hashlimit */
	};

	for (unsigned int h = 1; h <= 70; h++)
		abuser(b, v4(h), DNS_ANY);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b->q.policy = bad[i];
		assert_int_equal(generate(b, "iptables", &t), RULE_UNSUPPORTED);
		assert_true(t.why[0] != '\0');
		assert_int_equal(t.text.len, 0);
		rule_text_done(&t);
	}
	b->q.policy = (struct rule_policy){.queries = 21, .seconds = 5, .ttl_s = 60, .list_size = 100};
	assert_int_equal(generate(b, "iptables", &t), RULE_OK);
	assert_int_equal(t.ttl_s, 60);
	rule_text_done(&t);
}

static void
no_alerts_no_rule(void **state)
{
	struct rule_text t;

	for (const struct rule_format *const *f = rule_formats; *f != NULL; f++) {
		rule_text_init(&t);
		assert_int_equal((*f)->generate(&((struct bench *)*state)->q, &t), RULE_UNSUPPORTED);
		rule_text_done(&t);
		assert_ptr_equal(rule_format_find((*f)->name), *f);
	}
	assert_null(rule_format_find("nosuch"));
}

static void
a_victim_of_one_family(void **state)
{
	struct bench *b = *state;
	struct rule_text t;

	abuser(b, v4(9), DNS_ANY)->kind = KIND_DNS_AMPLIFICATION_VICTIM;
	assert_int_equal(generate(b, "iptables", &t), RULE_OK);
	assert_non_null(strstr(buf_text(&t.text), "-I FORWARD"));
	assert_null(strstr(buf_text(&t.text), "-I INPUT"));
	rule_text_done(&t);
	assert_int_equal(generate(b, "ip6tables", &t), RULE_UNSUPPORTED);
	rule_text_done(&t);
}

static void
hostile_names_stay_inside(void **state)
{
	struct rule_match m = {.qtype = DNS_TXT};
	char text[MATCH_NAME_TEXT];

	(void)state;
	for (int c = 0; c < 256; c++) {
		m.name_len = 3;
		memcpy(m.name, (uint8_t[]){1, (uint8_t)c, 0}, 3);
		match_name_text(&m, text);
		assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-\\"), strlen(text));
		assert_true(strchr(text, '\\') == NULL || strlen(text) == 5);
	}
	m.name_len = 255; /* the longest text there is, and no label where one is claimed */
	memset(m.name, 0x0a, sizeof(m.name));
	assert_true(strlen(match_name_text(&m, text)) < MATCH_NAME_TEXT);
	memset(m.name, 0xff, sizeof(m.name));
	assert_int_equal(strlen(match_name_text(&m, text)), 254 * 4);
}

static void
rates_are_exact_or_none(void **state)
{
	char text[24];
	struct rule_policy p = {.queries = 2, .seconds = 5};

	(void)state;
	assert_string_equal(rule_rate_text(&p, text), "24/min");
	p.seconds = 1;
	assert_string_equal(rule_rate_text(&p, text), "2/sec");
	p.seconds = 7;
	assert_null(rule_rate_text(&p, text));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(replay_drops_the_attack_only), T(update_keeps_out_until_quiet), T(rate_lets_the_policy_through),
		T(limiter_follows_the_sources), T(polite_sources_take_entries_too), T(shards_use_bits_that_spread),
		T(a_slash_64_is_one_source), T(customer_is_one_source), T(names_bind_other_types), T(more_types_than_fit),
		T(order_of_alerts_does_not_matter), T(policies_refused), T(no_alerts_no_rule), T(a_victim_of_one_family),
		T(hostile_names_stay_inside), T(rates_are_exact_or_none),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
