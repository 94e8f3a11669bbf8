/* Looks at the hosts that have a baseline, and finds those that should have one.
 *
 * Every ten ticks the counters of each row's host are read; what they grew by is a rate, which is judged and then
 * learned.  Records tell of minutes at once and late: with them a look comes only when the longest record has had its
 * time, so that every look covers as much as is told at a time.
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
	GROUP_LEAST = 8,          /* members for a group to say something */
	GROUPS = 64,
};

/* --- whom to look at --------------------------------------------------------------------------------------- */

static bool
ours(const struct engine *e, uint8_t flags)
{
	return !e->networks_known || (flags & HOST_OURS) != 0;
}

static void
add_row(struct engine *e, const struct addr *a, double rate, bool server)
{
	struct place p = place_of(&e->env, a);
	struct baseline_row *r;

	/* a DNS server that several of ours ask matters wherever it stands */
	if ((!server && !ours(e, p.flags)) || (p.flags & HOST_NEVER) != 0 || addr_is_special(a))
		return;
	r = baseline_get(&e->baselines, a, rate);
	if (r == NULL)
		return;
	r->server = r->server || server;
	r->flags = p.flags;
	r->link = p.link;
}

/* Servers once a minute; of the other hosts one shard a look, so that all have had their turn after 160 s. */
static void
find_rows(struct engine *e)
{
	uint32_t look = e->env.tick / LOOK_S;
	const struct shard *s = &e->shard[look % SHARDS];

	for (size_t i = 0; i < SERVERS && look % 6 == 0; i++) {
		const struct server *x = &e->server[i];

		if (x->used && (x->clients >= CLIENTS_LEAST || (place_of(&e->env, &x->addr).flags & HOST_RESOLVER) != 0))
			add_row(e, &x->addr, 1e12, true);
	}
	for (size_t i = 0; i < (size_t)s->host_buckets * WAYS; i++)
		if (s->host_tag[i] != 0 && s->host[i].out_bytes >= CANDIDATE_BYTES && s->host[i].tick + GAP_S > e->env.tick &&
		    baseline_find(&e->baselines, &s->host[i].addr) == NULL)
			add_row(e, &s->host[i].addr, (double)s->host[i].out_bytes / 3600, false);
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

static unsigned int
group_of(const struct baseline_row *r)
{
	return (r->link * 2u + r->server) % GROUPS;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median multiple of each group: who rises with all others does nothing of its own. */
static void
group_multiples(const struct engine *e, double out[GROUPS])
{
	double *v = calloc(e->baselines.n + 1, sizeof(*v));

	for (unsigned int g = 0; g < GROUPS; g++) {
		size_t n = 0;

		for (uint32_t i = 0; v != NULL && i < e->baselines.n; i++)
			if (group_of(&e->baselines.row[i]) == g && e->baselines.row[i].multiple > 0)
				v[n++] = e->baselines.row[i].multiple;
		out[g] = 1;
		if (n >= GROUP_LEAST) {
			qsort(v, n, sizeof(*v), by_value);
			out[g] = v[n / 2];
		}
	}
	free(v);
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

static void
look(struct engine *e, struct baseline_row *r, const struct named *named, double group, uint32_t every)
{
	const struct anomaly_settings *set = &e->settings.anomaly;
	double seconds = (double)(e->end_ns - r->looked_ns) / 1e9, multiple, limit;
	bool explained, far, fresh = r->looked_ns == 0 || seconds > GAP_S + every || seconds <= 0;
	uint64_t gain[BASELINE_RATES];
	struct expected x;
	struct level l;

	read_counters(e, r, gain);
	if (fresh) {
		r->looked_ns = e->end_ns;
		return;
	}
	x = baseline_expected(r, time_seconds(e->end_ns));
	for (int k = 0; k < BASELINE_RATES; k++)
		r->rate[k] = (double)gain[k] / seconds;
	limit = set->multiple * (x.rate[RATE_BYTES] > 1 ? x.rate[RATE_BYTES] : 1);
	if (limit < x.rate[RATE_BYTES] + x.spread[RATE_BYTES])
		limit = x.rate[RATE_BYTES] + x.spread[RATE_BYTES];
	multiple = r->rate[RATE_BYTES] / (x.rate[RATE_BYTES] > 1 ? x.rate[RATE_BYTES] : 1);
	far = r->minutes > 0 && r->rate[RATE_BYTES] >= limit / 2 && r->rate[RATE_BYTES] * 8 >= set->rate / 2;
	explained = is_named(named, &r->addr);
	r->above_s = far && r->rate[RATE_BYTES] >= limit ? r->above_s + seconds : 0;
	r->multiple = r->minutes > 0 ? multiple : 0;
	l = (struct level){.rate = {r->rate[0], r->rate[1], r->rate[2]}, .expected = {x.rate[0], x.rate[1], x.rate[2]}, .limit = limit,
		.group = group, .above_s = r->above_s, .history_s = 60.0 * r->minutes, .server = r->server, .explained = explained};
	watch_level(e, r, &l, gain, far && 60.0 * r->minutes >= set->min_history, every);
	why_level(e, &r->addr, &l);
	baseline_learn(r, time_seconds(e->end_ns), seconds, explained || (far && 60.0 * r->minutes >= set->min_history));
	r->looked_ns = e->end_ns;
}

void
engine_levels(struct engine *e)
{
	uint32_t report = e->report_s[0] > e->report_s[1] ? e->report_s[0] : e->report_s[1];
	uint32_t every = report > 0 ? (report / 60 + 2) * 60 : LOOK_S;
	double group[GROUPS];
	struct named named;

	if (e->env.tick % LOOK_S != 0)
		return;
	find_rows(e);
	if (e->baselines.n == 0)
		return;
	named = collect_named(e);
	group_multiples(e, group);
	for (uint32_t i = 0; i < e->baselines.n; i++) {
		struct baseline_row *r = &e->baselines.row[i];

		if (e->end_ns - r->looked_ns >= (int64_t)every * NS_PER_S || e->end_ns < r->looked_ns)
			look(e, r, &named, group[group_of(r)], every);
	}
	free(named.list);
}
