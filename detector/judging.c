/* Judging: every watch that did something is asked by the detectors, and its verdict moves its alert.  Called once a tick, after
 * the pairs and all that makes watches of them (tick.c).
 */
#include <stdlib.h>

#include "base/timefmt.h"
#include "detector/internal.h"

static bool
applies(const struct detector *d, const struct watch *w)
{
	return d->side == w->side && w->service >= d->service_from && w->service <= d->service_to;
}

static struct verdict
verdict_of(const struct detector *d, const struct judge_env *env, const struct watch *w)
{
	struct verdict v = {0};

	if (!detect_enabled(env->settings, d->kind)) {
		v.note = ENGINE_OFF; /* what is open of it, from a saved state, ends */
		return v;
	}
	d->judge(env, w, &v);
	if (env->carpet && w->life.alert == 0 && v.role == ROLE_VICTIM) {
		v.heat = HEAT_COLD;
		v.note = "part of an attack on its whole prefix, which has an alert of its own";
	}
	if (env->customer && w->life.alert == 0 && v.role == ROLE_ABUSER) {
		v.heat = HEAT_COLD;
		v.note = "an address of an IPv6 customer that has an alert as a whole";
	}
	return v;
}

/* The detector that counts for a watch: that of its open alert's kind, else the first hot one.  Its verdict is not kept, but asked
 * for again when it is the watch's turn: judges are pure, and verdicts of all would take as much memory as an eighth of the watches. */
static bool
judge(struct engine *e, const struct judge_env *env, const struct detector *const *table, struct watch *w, struct judged *out)
{
	int kind = w->life.alert != 0 ? (int)e->book.alert[w->life.alert - 1].alert.kind : -1;
	bool why = why_about_watch(e, w), found = false;

	for (size_t i = 0; table[i] != NULL; i++) {
		const struct detector *d = table[i];
		struct verdict v;

		if (!applies(d, w) || (kind >= 0 && (int)d->kind != kind && !why))
			continue;
		v = verdict_of(d, env, w);
		if (why && detect_enabled(env->settings, d->kind))
			why_keep(e, d, w, &v);
		if (!found && (kind >= 0 ? (int)d->kind == kind : v.heat == HEAT_HOT)) {
			*out = (struct judged){w, d, NULL};
			found = true;
		}
	}
	return found;
}

static int
by_address(const void *a, const void *b)
{
	const struct watch *x = ((const struct judged *)a)->watch, *y = ((const struct judged *)b)->watch;
	int c = addr_cmp(&x->addr, &y->addr);

	/* hosts first: what they are named for says what their link or prefix suffers from */
	if ((x->side >= SIDE_PREFIX) != (y->side >= SIDE_PREFIX))
		return x->side >= SIDE_PREFIX ? 1 : -1;
	if (c != 0)
		return c;
	return x->side != y->side ? x->side - y->side : x->service - y->service;
}

/* Lines wait until every watch of the tick has had its turn, so that the first of forty alerts that open
 * together already knows of the others. */
static void
queue_line(void *ctx, const struct alert *a)
{
	struct engine *e = ctx;

	e->queue[e->queue_n++] = a;
}

static void
emit_queue(struct engine *e)
{
	for (size_t i = 0; i < e->queue_n; i++) {
		e->stats.alerts++;
		why_alert(e, e->queue[i]);
		if (e->sink.alert != NULL)
			e->sink.alert(e->sink.ctx, e->queue[i]);
	}
	e->queue_n = 0;
}

static struct life_env
life_env(struct engine *e, const struct judge_env *judge_env)
{
	return (struct life_env){.judge = judge_env, .tick = e->env.tick, .tick_end_ns = e->end_ns,
		.tick_ns0 = e->tick0_s * NS_PER_S, .link_name = e->link_name, .link_capacity = e->link_capacity,
		.link_bps = e->link_bps, .emit = queue_line, .ctx = e};
}

static struct judge_env
judge_env(const struct engine *e)
{
	return (struct judge_env){.settings = &e->settings, .tick = e->env.tick, .networks_known = e->networks_known,
		.queries_seen = e->last_query_tick != 0 && e->env.tick - e->last_query_tick <= 300};
}

/* The same with the thresholds of the watch's group, or what its hosts say together. */
static struct judge_env
judge_env_of(const struct engine *e, const struct judge_env *all, const struct watch *w)
{
	struct judge_env env = *all;

	if (w->side >= SIDE_PREFIX) {
		env.facts = &e->facts[w - e->areas.pool];
		env.load = w->side == SIDE_LINK ? &e->link_load[w->link - 1] : NULL;
		if (w->side == SIDE_CUSTOMER && w->group != 0)
			env.settings = &e->group[w->group - 1].settings;
		return env;
	}
	env.customer = customer_speaks(e, w);
	const struct watch *prefix = areas_prefix_of(e, w);

	env.carpet = prefix != NULL && e->facts[prefix - e->areas.pool].carpet;
	if (w->side == SIDE_CLIENT && w->service >= SERVICE_FIRST_UDP && w->service < service_count()) {
		const struct host *h = shard_find_host(e->shard, &e->env, &w->addr);

		env.sends = h != NULL && h->out_packets > 0;
	}
	if (w->service == SERVICE_DNS)
		env.other_end = watches_find(&e->watches, e->env.seed, &w->addr, w->side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT, SERVICE_DNS);
	if (w->group != 0) {
		env.settings = &e->group[w->group - 1].settings;
		env.per_client = e->group[w->group - 1].kind == GROUP_AUTHORITATIVE;
	}
	return env;
}

static void
close_watches(struct watches *w, uint32_t tick)
{
	for (uint32_t i = 0; i < w->used; i++)
		watch_close_tick(&w->pool[w->order[i]], tick);
}

/* Prefixes and links before hosts: what is named of a prefix is not named again of its hosts. */
static size_t
judge_areas(struct engine *e, const struct judge_env *all)
{
	size_t n = 0;

	areas_gather(e);
	for (uint32_t i = 0; i < e->areas.used; i++) {
		struct watch *w = &e->areas.pool[e->areas.order[i]];
		const struct judge_env env = judge_env_of(e, all, w);
		struct area_facts *f = &e->facts[e->areas.order[i]];

		if (!f->made || !judge(e, &env, area_detectors, w, &e->judged[n]))
			continue;
		f->carpet = e->judged[n].detector == &detector_carpet;
		f->speaks = e->judged[n].detector == &detector_customer && verdict_of(&detector_customer, &env, w).heat == HEAT_HOT;
		n++;
	}
	return n;
}

/* A host about to be named may be the next address of a customer whose last one was: then that one is named. */
static void
to_customer(struct engine *e, struct judged *j)
{
	struct watch *x = j->watch->life.alert == 0 && j->detector == &detector_abuser ? customer_instead(e, j->watch) : NULL;

	if (x == NULL)
		return;
	e->facts[x - e->areas.pool].speaks = true;
	*j = (struct judged){x, &detector_customer, j->watch};
}

static struct verdict
verdict_again(const struct engine *e, const struct judge_env *all, const struct judged *j)
{
	struct judge_env env = judge_env_of(e, all, j->host != NULL ? j->host : j->watch);

	if (j->host == NULL)
		return verdict_of(j->detector, &env, j->watch);
	env.customer = false; /* the customer is about to speak for it, by what it says */
	return verdict_of(&detector_abuser, &env, j->host);
}

/* What is asked about and not watched: for the answer alone. */
static void
judge_scratch(struct engine *e, const struct judge_env *all)
{
	struct watch *w;

	for (size_t i = 0; (w = why_scratch(e, i)) != NULL; i++) {
		const struct judge_env env = judge_env_of(e, all, w);

		for (size_t d = 0; detectors[d] != NULL; d++)
			if (applies(detectors[d], w) && w->touched == e->env.tick && detect_enabled(env.settings, detectors[d]->kind))
				why_judge(e, &env, detectors[d], w);
	}
}

void
engine_judge(struct engine *e)
{
	struct judge_env all = judge_env(e), env = all;
	struct life_env life = life_env(e, &env);
	size_t n;

	close_watches(&e->watches, e->env.tick);
	close_watches(&e->areas, e->env.tick);
	judge_scratch(e, &all);
	n = judge_areas(e, &all);
	for (uint32_t i = 0; i < e->watches.used; i++) {
		struct watch *w = &e->watches.pool[e->watches.order[i]];

		if (w->touched != e->env.tick && w->life.alert == 0 && !watch_in_grace(w, e->env.tick))
			continue;
		env = judge_env_of(e, &all, w);
		if (judge(e, &env, detectors, w, &e->judged[n]))
			to_customer(e, &e->judged[n++]);
	}
	if (n > 1)
		qsort(e->judged, n, sizeof(*e->judged), by_address);
	for (size_t i = 0; i < n; i++) {
		const struct judged *j = &e->judged[i];
		const struct verdict v = verdict_again(e, &all, j);

		env = judge_env_of(e, &all, j->watch);
		life_step(&e->book, &life, j->watch, j->detector, &v);
		if (j->detector == &detector_abuser && j->watch->life.alert != 0 && !addr_is_v4(&j->watch->addr))
			customer_host_named(e, j->watch);
	}
	life_storm(&e->book, &life);
	emit_queue(e);
}

/* --- the end of the input -------------------------------------------------------------------------- */

static int
by_watch_address(const void *a, const void *b)
{
	const struct watch *x = *(struct watch *const *)a, *y = *(struct watch *const *)b;
	const struct judged jx = {.watch = (struct watch *)x}, jy = {.watch = (struct watch *)y};

	return by_address(&jx, &jy);
}

static size_t
open_ones(const struct watches *w, struct watch **list, size_t n)
{
	for (uint32_t i = 0; i < w->used; i++)
		if (w->pool[w->order[i]].life.alert != 0)
			list[n++] = &w->pool[w->order[i]];
	return n;
}

void
engine_end_alerts(struct engine *e)
{
	struct judge_env all = judge_env(e), env = all;
	struct life_env life = life_env(e, &env);
	struct watch **list = calloc(e->watches.used + e->areas.used + 1, sizeof(*list));
	size_t n = 0;

	if (list == NULL)
		return;
	life.tick_end_ns -= NS_PER_S; /* the tick just closed is the last one */
	n = open_ones(&e->watches, list, n);
	n = open_ones(&e->areas, list, n);
	qsort(list, n, sizeof(*list), by_watch_address);
	for (size_t i = 0; i < n; i++) {
		env = judge_env_of(e, &all, list[i]);
		life_finish(&e->book, &life, list[i]);
	}
	emit_queue(e);
	free(list);
}
