/* Replay of logged queries.
 *
 * xt_recent as the kernel has it: a query is dropped when the source sent at least N matching ones
 * in the last S seconds, dropped ones included (--update refreshes on a drop, --set on a pass).
 * So a source's state is only the time of its Nth last query: the log itself, chained per source,
 * holds it.  A full list would push out the source heard longest ago; the lists are sized here from
 * all sources of the same log, so that none is ever full.
 */
#include "rules/backtest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/timefmt.h"

enum { SHARDS_MAX = 64 };

struct source {
	struct addr key;
	int32_t oldest, newest; /* the last `held` queries, a chain through the log */
	uint32_t held;
	bool seen, lost;
	double tokens;
	int64_t last_ns;
};

struct replay {
	const struct rule_request *q;
	const struct rule_plan *plan;
	struct rule_sizing *sizing;
	struct source *source;
	size_t sources;
	int32_t *next;    /* per log entry: the same source's following query */
	uint64_t *hash;   /* scratch for names */
	uint64_t name[MATCH_MAX]; /* per match: the hash its name goes by in the log */
	bool name_known[MATCH_MAX];
};

struct addr
rule_key(const struct rule_sizing *s, const struct addr *a)
{
	return addr_is_v4(a) ? *a : prefix_of(a, s->v6_bits).addr;
}

/* The shortest of what the customers in question have, but a /64 at least. */
static unsigned int
source_bits(const struct rule_request *q)
{
	unsigned int bits = 64;

	for (size_t i = 0; i < q->alerts_n; i++)
		if (alert_of_customer(q->alerts[i]) && q->alerts[i]->subject.prefix.bits < bits)
			bits = q->alerts[i]->subject.prefix.bits;
	return bits;
}

unsigned int
rule_shard(const struct rule_layout *l, const struct addr *key)
{
	size_t at = addr_is_v4(key) ? 12 : 4;
	uint32_t word = (uint32_t)key->b[at] << 24 | (uint32_t)key->b[at + 1] << 16 | (uint32_t)key->b[at + 2] << 8 |
		key->b[at + 3];

	return l->kind == LIMIT_SHARDS ? word >> l->shift & (l->shards - 1) : 0;
}

const char *
rule_rate_text(const struct rule_policy *p, char buf[24])
{
	static const struct {
		unsigned int seconds;
		const char *name;
	} unit[] = {{1, "sec"}, {60, "min"}, {3600, "hour"}, {86400, "day"}};

	for (size_t i = 0; i < 4 && p->seconds > 0; i++) {
		uint64_t total = (uint64_t)p->queries * unit[i].seconds;

		if (total > 0 && total % p->seconds == 0 && total / p->seconds <= 10000) {
			snprintf(buf, 24, "%" PRIu64 "/%s", total / p->seconds, unit[i].name);
			return buf;
		}
	}
	return NULL;
}

static int
key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr));
}

static int
hash_cmp(const void *pa, const void *pb)
{
	uint64_t a, b;

	memcpy(&a, pa, sizeof(a));
	memcpy(&b, pb, sizeof(b));
	return a < b ? -1 : a > b;
}

/* A log entry knows its name only as a hash of the engine's own making: the attack's names are
 * those the offenders asked for most, as many as there are matches of the type. */
static void
learn_names(struct replay *r)
{
	const struct rule_request *q = r->q;

	for (size_t m = 0; m < r->plan->matches; m++) {
		size_t n = 0, best = 0;

		if (r->plan->match[m].name_len == 0)
			continue;
		for (size_t i = 0; i < q->log_n; i++) {
			bool taken = false;

			for (size_t k = 0; k < m; k++)
				taken |= r->name_known[k] && r->plan->match[k].qtype == q->log[i].qtype &&
					r->name[k] == q->log[i].name_hash;
			if (q->log[i].offender && q->log[i].qtype == r->plan->match[m].qtype && !taken)
				r->hash[n++] = q->log[i].name_hash;
		}
		qsort(r->hash, n, sizeof(r->hash[0]), hash_cmp);
		for (size_t i = 0, run = 1; i < n; i++, run++) {
			if (i > 0 && r->hash[i] != r->hash[i - 1])
				run = 1;
			if (run > best) {
				best = run;
				r->name[m] = r->hash[i];
				r->name_known[m] = true;
			}
		}
	}
}

static bool
matches(const struct replay *r, const struct logged_query *l)
{
	for (size_t m = 0; m < r->plan->matches; m++)
		if (r->plan->match[m].qtype == l->qtype &&
			(r->plan->match[m].name_len == 0 || (r->name_known[m] && r->name[m] == l->name_hash)))
			return true;
	return false;
}

static void
collect_sources(struct replay *r)
{
	struct addr *key = (void *)r->source; /* gathered in place: a key is smaller than a source */
	const struct rule_request *q = r->q;
	size_t n = 0, unique = 0;

	for (size_t i = 0; i < q->alerts_n; i++)
		if (rule_is_offender(q->alerts[i]))
			key[n++] = rule_key(r->sizing, &q->alerts[i]->subject.prefix.addr);
	for (size_t i = 0; i < q->log_n; i++)
		if (matches(r, &q->log[i]))
			key[n++] = rule_key(r->sizing, &q->log[i].client);
	if (n > 0)
		qsort(key, n, sizeof(*key), key_cmp);
	for (size_t i = 0; i < n; i++)
		if (unique == 0 || key_cmp(&key[unique - 1], &key[i]) != 0)
			key[unique++] = key[i];
	r->sources = unique;
	while (unique-- > 0) { /* backwards, so that no key is overwritten before it is read */
		struct addr k = key[unique];

		r->source[unique] = (struct source){.key = k};
	}
}

static size_t
fullest(const struct replay *r, const struct rule_layout *l, bool v4)
{
	size_t load[SHARDS_MAX] = {0}, most = 0;

	for (size_t i = 0; i < r->sources; i++)
		if (addr_is_v4(&r->source[i].key) == v4) {
			size_t *n = &load[rule_shard(l, &r->source[i].key)];

			if (++*n > most)
				most = *n;
		}
	return most;
}

/* One list while it holds everybody with a tenth to spare; else the fewest shards that are at
 * most 60 % full (an attack grows after its rule was written), by the bits that spread best. */
static struct rule_layout
choose(const struct replay *r, bool v4)
{
	size_t size = r->q->policy.list_size;
	struct rule_layout l = {.kind = LIMIT_LIST, .shards = 1};

	for (size_t i = 0; i < r->sources; i++)
		l.sources += addr_is_v4(&r->source[i].key) == v4;
	l.fullest = l.sources;
	if (l.sources * 10 <= size * 9)
		return l;
	for (unsigned int shards = 16; shards <= SHARDS_MAX; shards *= 4) {
		struct rule_layout best = {.kind = LIMIT_HASH, .fullest = SIZE_MAX};

		for (unsigned int shift = 0; shift <= 24; shift += 4) {
			struct rule_layout t = {LIMIT_SHARDS, shards, shift, l.sources, 0};

			t.fullest = fullest(r, &t, v4);
			if (t.fullest < best.fullest)
				best = t;
		}
		if (best.fullest * 10 <= size * 6)
			return best;
	}
	l.kind = LIMIT_HASH;
	return l;
}

/* One query through a `recent` list; true when it is dropped. */
static bool
recent(struct replay *r, struct source *s, int32_t entry)
{
	const struct rule_policy *p = &r->q->policy;
	const struct logged_query *log = r->q->log;
	bool drop = s->held == p->queries && log[s->oldest].t_ns >= log[entry].t_ns - (int64_t)p->seconds * NS_PER_S;

	if (s->held == 0)
		s->oldest = entry;
	else
		r->next[s->newest] = entry;
	s->newest = entry;
	if (s->held < p->queries)
		s->held++;
	else
		s->oldest = r->next[s->oldest];
	return drop;
}

/* xt_hashlimit: a bucket of N tokens, N per S seconds; true when there is none left. */
static bool
bucket(struct replay *r, struct source *s, int64_t t_ns)
{
	const struct rule_policy *p = &r->q->policy;
	double n = p->queries;

	s->tokens = s->seen ? s->tokens + (double)(t_ns - s->last_ns) / 1e9 * n / p->seconds : n;
	s->tokens = s->tokens > n ? n : s->tokens;
	s->seen = true;
	s->last_ns = t_ns;
	if (s->tokens < 1)
		return true;
	s->tokens -= 1;
	return false;
}

static bool
dropped(struct replay *r, int32_t entry)
{
	const struct logged_query *l = &r->q->log[entry];
	struct addr key = rule_key(r->sizing, &l->client);
	struct source *s = bsearch(&key, r->source, r->sources, sizeof(*s), key_cmp);
	const struct rule_layout *lay = addr_is_v4(&key) ? &r->sizing->v4 : &r->sizing->v6;
	bool drop = false;

	if (s == NULL)
		return false;
	if (lay->kind != LIMIT_HASH)
		drop = recent(r, s, entry);
	if (!drop && (lay->kind == LIMIT_HASH || r->sizing->backstop))
		drop = bucket(r, s, l->t_ns);
	s->lost |= drop;
	return drop;
}

static void
run(struct replay *r, struct backtest *e)
{
	e->known = r->q->log_n > 0 && r->plan->matches > 0;
	for (size_t i = 0; e->known && i < r->q->log_n; i++) {
		const struct logged_query *l = &r->q->log[i];
		bool match = matches(r, l), drop = match && dropped(r, (int32_t)i);

		/* What an offender asks besides the attack is as legitimate as anybody's. */
		if (match && l->offender) {
			e->attack++;
			e->attack_dropped += drop;
		} else {
			e->legitimate++;
			e->legitimate_dropped += drop;
		}
	}
	for (size_t i = 0; i < r->sources; i++)
		e->sources_hit += r->source[i].lost;
}

int
rule_backtest(const struct rule_request *q, const struct rule_plan *plan, struct rule_sizing *sizing,
	struct backtest *effect)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct rule_request request = *q;
	char text[24];
	int err = ERR_NOMEM;

	*effect = (struct backtest){0};
	*sizing = (struct rule_sizing){.v6_bits = source_bits(q)};
	if (request.log == NULL)
		request.log_n = 0;
	if (r == NULL)
		return ERR_NOMEM;
	if (request.log_n > INT32_MAX || request.alerts_n > INT32_MAX - request.log_n) {
		free(r);
		return ERR_FULL;
	}
	r->q = &request;
	r->plan = plan;
	r->sizing = sizing;
	r->source = calloc(request.log_n + request.alerts_n + 1, sizeof(*r->source));
	r->next = calloc(request.log_n + 1, sizeof(*r->next));
	r->hash = calloc(request.log_n + 1, sizeof(*r->hash));
	if (r->source != NULL && r->next != NULL && r->hash != NULL) {
		sizing->backstop = rule_rate_text(&q->policy, text) != NULL;
		learn_names(r);
		collect_sources(r);
		sizing->v4 = choose(r, true);
		sizing->v6 = choose(r, false);
		run(r, effect);
		err = 0;
	}
	free(r->source);
	free(r->next);
	free(r->hash);
	free(r);
	return err;
}
