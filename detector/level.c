/* Looks at the hosts that have a baseline, and finds those that should have one.
 *
 * Every ten seconds the counters of each row's host are read; what they grew by is a rate, which is judged and then
 * learned.  Records tell of minutes at once and late: with them a look comes only when the longest record has had its
 * time, so that every look covers as much as is told at a time.
 *
 * A host that is too young to have a level of its own is judged by that of its configured group, and where that has too
 * few members by that of all DNS servers, or of all others: only a host that somebody has put into a group, as it is then
 * known what it is.  When an hour is over, its groups learn from those who learned in it (group_baseline.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/internal.h"

enum {
	LOOK_S = 10,
	GAP_S = 120,              /* after a longer time without a look the counters tell nothing */
	CLIENTS_LEAST = 3,        /* clients answered in one second: a server, not a peer */
	CANDIDATE_BYTES = 20000000, /* sent since the host entered the tables */
	GROUPED_BYTES = 1000000,  /* the same of a host in a configured group */
};

/* --- whom to look at --------------------------------------------------------------------------------------- */

static bool
ours(const struct engine *e, uint8_t flags)
{
	return !e->networks_known || (flags & HOST_OURS) != 0;
}

/* Resolvers and authoritative servers are DNS servers because somebody says so. */
static bool
server_by_trade(const struct engine *e, struct place p)
{
	return (p.flags & HOST_RESOLVER) != 0 || (p.group != 0 && e->group[p.group - 1].kind == GROUP_AUTHORITATIVE);
}

static void
add_row(struct engine *e, const struct addr *a, double rate, bool server)
{
	struct place p = place_of(&e->env, a);
	struct baseline_row *r;

	server = server || server_by_trade(e, p);

	/* a DNS server that several of ours ask matters wherever it stands */
	if ((!server && !ours(e, p.flags)) || (p.flags & HOST_NEVER) != 0 || addr_is_special(a))
		return;
	r = baseline_get(&e->baselines, a, rate);
	if (r == NULL)
		return;
	r->server = r->server || server;
	r->flags = p.flags;
	r->link = p.link;
	r->group = p.group;
}

static bool
candidate(const struct engine *e, const struct host *h)
{
	if (h->out_bytes < GROUPED_BYTES || h->tick + GAP_S <= e->env.tick || baseline_find(&e->baselines, &h->addr) != NULL)
		return false;
	return h->out_bytes >= CANDIDATE_BYTES || place_of(&e->env, &h->addr).group != 0;
}

static void
find_servers(struct engine *e)
{
	for (size_t i = 0; i < SERVERS; i++) {
		const struct server *x = &e->server[i];

		if (x->used && (x->clients >= CLIENTS_LEAST || server_by_trade(e, place_of(&e->env, &x->addr))))
			add_row(e, &x->addr, 1e12, true);
	}
}

static void
find_hosts(struct engine *e, const struct shard *s)
{
	for (size_t i = 0; i < (size_t)s->host_buckets * WAYS; i++)
		if (s->host_tag[i] != 0 && candidate(e, &s->host[i]))
			add_row(e, &s->host[i].addr, (double)s->host[i].out_bytes / 3600, false);
}

/* Servers once a minute; of the other hosts one shard for every look, so that all have had their turn after 160 s.  Where
 * nothing happens ticks are left out, and the looks with them: they are made up for. */
static void
find_rows(struct engine *e)
{
	uint32_t look = e->env.tick / LOOK_S, from = e->levels_tick / LOOK_S + 1;

	if (look / 6 * 6 >= from)
		find_servers(e);
	for (uint32_t i = look - from < SHARDS ? from : look - SHARDS + 1; i <= look; i++)
		find_hosts(e, &e->shard[i % SHARDS]);
	e->levels_tick = e->env.tick;
}

/* --- how much it sends ---------------------------------------------------------------------------------------- */

/* What the counters grew by; a host that has left the tables and come back counts from zero. */
static void
read_counters(const struct engine *e, struct baseline_row *r, uint64_t gain[BASELINE_RATES])
{
	const struct host *h = shard_find_host(e->shard, &e->env, &r->addr);
	const struct server *s = engine_find_server(e, &r->addr);
	const uint64_t now[BASELINE_RATES] = {h != NULL ? h->out_bytes : 0, h != NULL ? h->out_packets : 0, s != NULL ? s->answers_all : 0};

	for (int k = 0; k < BASELINE_RATES; k++) {
		/* a counter below zero carries what was sent before a restart */
		gain[k] = (int64_t)r->counter[k] < 0 || now[k] >= r->counter[k] ? now[k] - r->counter[k] : now[k];
		r->counter[k] = now[k];
	}
}

/* What an alert is about, or goes through, sorted. */
struct named {
	struct addr *list;
	size_t n;
};

static int
by_addr(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

static struct named
collect_named(const struct engine *e)
{
	struct named n = {.list = calloc((size_t)e->book.alerts_n + e->book.incidents_n + 1, sizeof(struct addr))};

	for (uint32_t i = 0; n.list != NULL && i < e->book.alerts_n; i++)
		if (e->book.alert[i].open && e->book.alert[i].alert.kind != KIND_TRAFFIC_ANOMALY)
			n.list[n.n++] = e->book.alert[i].alert.subject.prefix.addr;
	for (uint32_t i = 0; n.list != NULL && i < e->book.incidents_n; i++)
		if (e->book.incident[i].used && e->book.incident[i].open_n > 0 && e->book.incident[i].view.has_through &&
		    e->book.incident[i].view.kind != KIND_TRAFFIC_ANOMALY)
			n.list[n.n++] = e->book.incident[i].view.through;
	if (n.n > 1)
		qsort(n.list, n.n, sizeof(*n.list), by_addr);
	return n;
}

static bool
is_named(const struct named *n, const struct addr *a)
{
	return n->n > 0 && bsearch(a, n->list, n->n, sizeof(*n->list), by_addr) != NULL;
}

/* --- hosts like it --------------------------------------------------------------------------------------------- */

enum { LIKES = LINKS_MAX * 2 + GROUPS_MAX }; /* of each link DNS servers and others, then the configured groups */

/* One multiple, and whom it speaks for. */
struct like {
	unsigned int of;
	double multiple;
};

static unsigned int
like_by_link(const struct baseline_row *r)
{
	return r->link * 2u + r->server;
}

static unsigned int
like_by_group(const struct baseline_row *r)
{
	return LINKS_MAX * 2u + r->group - 1u;
}

static int
by_like(const void *a, const void *b)
{
	const struct like *x = a, *y = b;

	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return x->multiple < y->multiple ? -1 : x->multiple > y->multiple;
}

/* The median multiple of each kind: who rises with all others does nothing of its own.  0: too few to say. */
static bool
likes_find(const struct engine *e, double out[LIKES])
{
	struct like *v = calloc((size_t)e->baselines.n * 2 + 1, sizeof(*v));
	size_t n = 0;

	memset(out, 0, LIKES * sizeof(*out));
	if (v == NULL)
		return false;
	for (uint32_t i = 0; i < e->baselines.n; i++) {
		const struct baseline_row *r = &e->baselines.row[i];

		if (r->multiple <= 0)
			continue;
		v[n++] = (struct like){like_by_link(r), r->multiple};
		if (r->group != 0)
			v[n++] = (struct like){like_by_group(r), r->multiple};
	}
	qsort(v, n, sizeof(*v), by_like);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && v[end].of == v[i].of; end++)
			;
		if (end - i >= GROUP_BASELINE_LEAST)
			out[v[i].of] = v[i + (end - i) / 2].multiple;
	}
	free(v);
	return true;
}

/* Of its configured group, or of those like it on its link where that has too few members. */
static double
like_multiple(const struct baseline_row *r, const double likes[LIKES])
{
	double m = r->group != 0 ? likes[like_by_group(r)] : 0;

	m = m > 0 ? m : likes[like_by_link(r)];
	return m > 0 ? m : 1;
}

/* --- what groups learn ------------------------------------------------------------------------------------------- */

/* People behind one address, where that is known. */
static double
subscribers_of(const struct engine *e, const struct baseline_row *r)
{
	unsigned int n = r->group != 0 ? e->group[r->group - 1].subscribers : 0;

	return n > 0 ? n : 1;
}

/* Of each subscriber, in the general ones: an address that many share compares with others by its people. */
static void
group_learn(struct engine *e, size_t which, uint32_t hour, uint16_t (*level)[BASELINE_RATES])
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->baselines.n; i++) {
		const struct baseline_row *r = &e->baselines.row[i];
		double people = which < LEVEL_GENERAL ? subscribers_of(e, r) : 1;

		if (r->closed != hour || (which < LEVEL_GENERAL ? r->server != which : r->group + LEVEL_GENERAL - 1u != which))
			continue;
		for (int k = 0; k < BASELINE_RATES; k++)
			level[n][k] = rate_code(rate_of_code(r->level[k]) / people);
		n++;
	}
	group_baseline_learn(&e->group_level[which], hour, level, n);
}

/* An hour is over when the last look that belongs to it has been. */
static void
groups_learn(struct engine *e, uint32_t every)
{
	int64_t told = time_seconds(e->end_ns) - every - 2 * LOOK_S;
	uint32_t hour = told > 0 ? (uint32_t)(told / 3600) : 0;
	uint16_t (*level)[BASELINE_RATES];

	if (hour <= e->levels_hour)
		return;
	level = e->levels_hour != 0 ? calloc(e->baselines.n, sizeof(*level)) : NULL;
	e->levels_hour = hour;
	for (size_t i = 0; level != NULL && i < LEVEL_GENERAL + e->groups_n; i++)
		group_learn(e, i, hour - 1, level);
	free(level);
}

/* --- a look ------------------------------------------------------------------------------------------------------ */

/* Into the watch, which is made when there is something to watch. */
static void
watch_level(struct engine *e, struct baseline_row *r, const struct level *l, const uint64_t gain[BASELINE_RATES], bool suspicious,
    uint32_t every)
{
	struct watch *w = suspicious ? watches_get(&e->watches, e->env.seed, &r->addr, SIDE_SERVER, SERVICE_LEVEL, e->env.tick) :
	    watches_find(&e->watches, e->env.seed, &r->addr, SIDE_SERVER, SERVICE_LEVEL);

	if (w == NULL)
		return;
	w->level = *l;
	w->flags = r->flags;
	w->link = r->link;
	w->group = r->group;
	w->touched = e->env.tick;
	w->report_s = every > LOOK_S ? every : 0;
	if (!suspicious)
		return;
	const struct cell c = {.answers = (uint32_t)gain[RATE_PACKETS], .answer_packets = (uint32_t)gain[RATE_PACKETS],
		.answer_bytes = gain[RATE_BYTES], .large = (uint32_t)gain[RATE_ANSWERS]};

	cell_add(&w->now, &c);
	if (w->first_ns == 0)
		w->first_ns = r->looked_ns;
	w->last_ns = e->end_ns;
}

/* What is ordinary for it, and whose level that is. */
static void
ordinary(const struct engine *e, const struct baseline_row *r, const struct anomaly_settings *set, struct level *l)
{
	const struct expected x = baseline_expected(r, time_seconds(e->end_ns));
	bool young = 60.0 * r->minutes < set->min_history;
	struct group_expected g = {.members = 0};
	double people = 1, spread = x.rate[RATE_BYTES] + x.spread[RATE_BYTES];

	*l = (struct level){.history_s = 60.0 * r->minutes, .server = r->server, .weeks = x.weeks, .hosts = 1,
		.basis = x.weeks > 0 ? BASIS_HOUR : BASIS_AVERAGE};
	memcpy(l->expected, x.rate, sizeof(l->expected));
	if (young && r->group != 0) {
		l->basis = BASIS_GROUP;
		g = group_baseline_expected(&e->group_level[LEVEL_GENERAL + r->group - 1], time_seconds(e->end_ns));
		if (g.members == 0) {
			l->basis = BASIS_GENERAL;
			people = subscribers_of(e, r);
			g = group_baseline_expected(&e->group_level[r->server], time_seconds(e->end_ns));
		}
	}
	if (g.members > 0) {
		for (int k = 0; k < BASELINE_RATES; k++)
			l->expected[k] = g.rate[k] * people;
		spread = g.limit * people;
		l->history_s = 3600.0 * (g.weeks > 0 ? g.weeks : 1);
		l->weeks = g.weeks;
		l->hosts = g.members;
	} else if (young) {
		l->basis = BASIS_AVERAGE;
	}
	l->limit = set->multiple * (l->expected[RATE_BYTES] > 1 ? l->expected[RATE_BYTES] : 1);
	l->limit = l->limit > spread ? l->limit : spread;
}

static void
look(struct engine *e, struct baseline_row *r, const struct named *named, double like, uint32_t every)
{
	const struct anomaly_settings *set = r->group != 0 ? &e->group[r->group - 1].settings.anomaly : &e->settings.anomaly;
	double seconds = (double)(e->end_ns - r->looked_ns) / 1e9, bytes;
	bool known, far, fresh = r->looked_ns == 0 || seconds > GAP_S + 2.0 * every || seconds <= 0;
	uint64_t gain[BASELINE_RATES];
	struct level l;

	read_counters(e, r, gain);
	if (fresh) {
		r->looked_ns = e->end_ns;
		return;
	}
	ordinary(e, r, set, &l);
	for (int k = 0; k < BASELINE_RATES; k++)
		l.rate[k] = r->rate[k] = (double)gain[k] / seconds;
	bytes = r->rate[RATE_BYTES];
	known = l.basis >= BASIS_GROUP || r->minutes > 0;
	far = known && bytes >= l.limit / 2 && bytes * 8 >= set->rate / 2;
	r->above_s = far && bytes >= l.limit ? r->above_s + seconds : 0;
	r->multiple = known ? bytes / (l.expected[RATE_BYTES] > 1 ? l.expected[RATE_BYTES] : 1) : 0;
	l.group = like;
	l.above_s = r->above_s;
	l.explained = is_named(named, &r->addr);
	far = far && l.history_s >= set->min_history;
	watch_level(e, r, &l, gain, far, every);
	why_level(e, &r->addr, &l);
	if (l.explained) /* what an alert names never becomes ordinary, however long it goes on */
		r->frozen_s = 0;
	baseline_learn(r, time_seconds(e->end_ns), seconds, l.explained || far);
	r->looked_ns = e->end_ns;
}

void
engine_levels(struct engine *e)
{
	uint32_t report = engine_report_s(e), every = report > 0 ? (report / 60 + 2) * 60 : LOOK_S;
	double likes[LIKES];
	struct named named;

	if (e->env.tick / LOOK_S == e->levels_tick / LOOK_S)
		return;
	find_rows(e);
	if (e->baselines.n == 0 || !likes_find(e, likes))
		return;
	named = collect_named(e);
	for (uint32_t i = 0; i < e->baselines.n; i++) {
		struct baseline_row *r = &e->baselines.row[i];

		if (e->end_ns - r->looked_ns >= (int64_t)every * NS_PER_S || e->end_ns < r->looked_ns)
			look(e, r, &named, like_multiple(r, likes), every);
	}
	groups_learn(e, every);
	free(named.list);
}
