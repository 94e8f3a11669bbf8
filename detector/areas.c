#include "detector/areas.h"

#include <math.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/internal.h"
#include "detector/tables.h"

struct prefix
area_prefix(const struct addr *a)
{
	return prefix_of(a, addr_is_v4(a) ? AREA_V4_BITS : AREA_V6_BITS);
}

/* A link has no address: the watch's key is its number, in a range that is nobody's. */
static struct addr
link_addr(uint16_t link)
{
	struct addr a = {{0}};

	a.b[14] = (uint8_t)(link >> 8);
	a.b[15] = (uint8_t)link;
	return a;
}

struct watch *
areas_prefix_of(const struct engine *e, const struct watch *w)
{
	const struct prefix p = area_prefix(&w->addr);

	return w->side != SIDE_CLIENT || e->areas.used == 0 ? NULL :
	    watches_find(&e->areas, e->env.seed, &p.addr, SIDE_PREFIX, w->service);
}

enum { LOUD = 12 }; /* large answers in five minutes: enough for the host to be judged by itself (slow-repeats) */

/* One whose own queries draw many large answers: a mail server, a validator, or an abuser that is about to be named. */
static bool
loud(const struct watch *w)
{
	const struct cell c = watch_cell(w, SUM_LONG);

	return w->service == SERVICE_DNS && c.large > LOUD && c.matched * UINT64_C(10) >= c.large * UINT64_C(8);
}

/* Whether what a host does counts in its areas: what is named already, or is judged by itself, or is its trade, does not. */
static bool
counts(const struct engine *e, const struct watch *w)
{
	const struct server *s;

	if (w->side != SIDE_CLIENT || w->life.alert != 0 || (w->flags & (HOST_RESOLVER | HOST_NEVER)) != 0 || w->service == SERVICE_NONE)
		return false;
	if (w->group != 0 && e->group[w->group - 1].kind == GROUP_MAIL)
		return false;
	if (loud(w) || customer_speaks(e, w))
		return false;
	s = w->service == SERVICE_DNS ? engine_find_server(e, &w->addr) : NULL;
	return s == NULL || s->clients < 3;
}

static struct watch *
area_get(struct engine *e, const struct addr *key, enum watch_side side, uint8_t service, const struct watch *host)
{
	struct watch *a = watches_get(&e->areas, e->env.seed, key, side, service, e->env.tick);

	if (a == NULL)
		return NULL;
	if (a->born == e->env.tick && a->touched != e->env.tick) {
		a->link = host->link;
		e->facts[a - e->areas.pool] = (struct area_facts){.pairs_tick = e->env.tick};
	} else if (a->link != host->link)
		a->link = 0; /* a prefix behind several links is behind none */
	a->flags = host->flags;
	if (host->report_s > a->report_s)
		a->report_s = host->report_s;
	return a;
}

static void
count_pair(struct engine *e, const struct watch *area, const struct watch *host, uint64_t peer_hash)
{
	struct area_facts *f = &e->facts[area - e->areas.pool];
	uint64_t h = addr_hash(e->env.seed, &host->addr) * UINT64_C(0x9e3779b97f4a7c15) + peer_hash;

	if (host->service < SERVICE_FIRST_UDP || service_info(host->service)->session_request == 0)
		return;
	if (e->env.tick - f->pairs_tick >= 60) {
		f->pairs[1] = f->pairs[0];
		f->pairs[0] = (struct hll){{0}};
		f->pairs_tick = e->env.tick;
	}
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	hll_add(&f->pairs[0], h ^ h >> 32);
}

void
areas_take(struct engine *e, const struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names)
{
	const struct prefix prefix = area_prefix(&w->addr);
	const struct addr link = link_addr(w->link);
	struct watch *a;

	if (!counts(e, w))
		return;
	a = area_get(e, &prefix.addr, SIDE_PREFIX, w->service, w);
	if (a != NULL) {
		count_pair(e, a, w, peer_hash);
		watch_take(a, p, peer, peer_hash, names, e->env.tick, e->env.begin_ns);
	}
	a = w->link != 0 && w->service == SERVICE_DNS ? area_get(e, &link, SIDE_LINK, SERVICE_DNS, w) : NULL;
	if (a != NULL)
		watch_take(a, p, peer, peer_hash, names, e->env.tick, e->env.begin_ns);
}

void
areas_besides(struct engine *e, const struct pair *p)
{
	const struct prefix prefix = area_prefix(&p->client);
	const uint64_t peer_hash = addr_hash(e->env.seed, &p->server);
	struct place place;
	struct watch *a;

	if (!p->counted || p->service != SERVICE_DNS || p->crowd != CROWD_NONE || e->areas.used == 0)
		return;
	a = watches_find(&e->areas, e->env.seed, &prefix.addr, SIDE_PREFIX, SERVICE_DNS);
	if (a == NULL || !(hll_may_have(&a->peers[0], peer_hash) || hll_may_have(&a->peers[1], peer_hash)))
		return;
	place = place_of(&e->env, &p->client);
	/* whose answers do not count, their queries do not either */
	if (!engine_asks_by_trade(e, &p->client, place) && !customer_speaks_for(e, &p->client, place.group))
		watch_take(a, p, &p->server, peer_hash, NULL, e->env.tick, e->env.begin_ns);
}

bool
areas_cover(struct engine *e, const struct pair *p, const struct addr *peer, uint64_t peer_hash, const struct shard *names)
{
	const struct prefix prefix = area_prefix(&p->client);
	struct watch *a;

	if (addr_is_v4(&p->client) || !p->fresh || e->areas.used == 0)
		return false;
	a = watches_find(&e->areas, e->env.seed, &prefix.addr, SIDE_PREFIX, p->service);
	if (a == NULL || a->life.alert == 0 || e->book.alert[a->life.alert - 1].alert.kind != KIND_CARPET_BOMBING ||
	    watches_find(&e->watches, e->env.seed, &p->client, SIDE_CLIENT, p->service) != NULL)
		return false;
	watch_take(a, p, peer, peer_hash, names, e->env.tick, e->env.begin_ns);
	return true;
}

enum { LOAD_WATCHED = 4 }; /* links below one part in so many of their capacity need no watch */

void
areas_links(struct engine *e, int64_t second, uint32_t lag_s)
{
	for (size_t l = 0; l < e->links_n; l++) {
		const struct addr key = link_addr((uint16_t)(l + 1));
		struct watch *w = watches_find(&e->areas, e->env.seed, &key, SIDE_LINK, SERVICE_NONE);
		const struct load_slot *s;

		if (!link_load_known(&e->link_load[l], second - lag_s, w != NULL && w->life.alert != 0))
			continue;
		s = link_load_now(&e->link_load[l]);
		if (w == NULL && !why_is_link(e->why, l + 1) &&
		    (double)s->bytes * 8 / LOAD_SLOT_S * LOAD_WATCHED < (double)e->link_capacity[l])
			continue;
		if (w == NULL)
			w = watches_get(&e->areas, e->env.seed, &key, SIDE_LINK, SERVICE_NONE, e->env.tick);
		if (w == NULL)
			continue;
		w->link = (uint16_t)(l + 1);
		w->touched = e->env.tick;
		w->report_s = lag_s;
		w->sampling = e->stats.sampling > 1 ? e->stats.sampling : 1;
		if (w->life.alert == 0) { /* the episode begins with its alert */
			memset(&w->total, 0, sizeof(w->total));
			w->first_ns = s->number * LOAD_SLOT_S * NS_PER_S;
		}
		const struct cell c = {.queries = (uint32_t)s->amplified_answers, .answers = (uint32_t)s->amplified_answers,
			.answer_packets = (uint32_t)s->amplified_answers, .answer_bytes = s->amplified_bytes, .later_bytes = s->later_bytes};

		cell_add(&w->now, &c);
	}
}

/* --- what the hosts say together ---------------------------------------------------------------------- */

static double
activity(const struct cell *c, uint8_t service)
{
	return service == SERVICE_DNS ? c->large : c->answers;
}

/* Whether an area may come near its thresholds: most never do, and cost nothing more. */
static bool
worth_it(const struct engine *e, const struct watch *w)
{
	enum { LEAST = 16, LEAST_OF_CUSTOMER = 5 }; /* answers: fewer than any sum that is judged */

	if (w->life.alert != 0 || (w->side == SIDE_LINK && w->service == SERVICE_NONE))
		return true;
	if (w->side == SIDE_CUSTOMER)
		return w->touched == e->env.tick && w->sum[WINDOW_LONG].large >= LEAST_OF_CUSTOMER;
	return w->touched == e->env.tick && activity(&w->sum[WINDOW_LONG], w->service) >= LEAST;
}

static void
add_top(struct area_facts *f, const struct watch *w, double value, uint64_t bytes)
{
	struct alert_peer p = {w->addr, (uint64_t)value, bytes};
	size_t i = f->top_n;

	while (i > 0 && (p.bytes > f->top[i - 1].bytes || (p.bytes == f->top[i - 1].bytes && addr_cmp(&p.addr, &f->top[i - 1].addr) < 0)))
		i--;
	if (i == ALERT_PEERS)
		return;
	if (f->top_n < ALERT_PEERS)
		f->top_n++;
	memmove(&f->top[i + 1], &f->top[i], (f->top_n - 1 - i) * sizeof(p));
	f->top[i] = p;
}

/* One that is named by itself no longer counts, but what it took before does stand in the sums: it is their loudest. */
static void
add_named(struct area_facts *f, const struct watch *w)
{
	for (int k = 0; k < WATCH_WINDOWS; k++) {
		const struct cell c = watch_cell(w, (enum watch_sum)k);
		double n = activity(&c, w->service);

		f->largest[k] = n > f->largest[k] ? n : f->largest[k];
	}
}

/* So many first bits two addresses share. */
static unsigned int
common_bits(const struct addr *a, const struct addr *b)
{
	unsigned int n = 0;

	while (n < 128 && a->b[n / 8] == b->b[n / 8])
		n += 8;
	while (n > 0 && n < 128 && prefix_of(a, n + 1).addr.b[n / 8] == prefix_of(b, n + 1).addr.b[n / 8])
		n++;
	return n;
}

/* Where those are that did not ask. */
static void
add_place(struct area_facts *f, const struct watch *w)
{
	const struct cell c = watch_cell(w, SUM_LONG);
	unsigned int shared = f->common > 0 ? common_bits(&f->one, &w->addr) : 128;

	if (c.matched * 2.0 >= activity(&c, w->service))
		return;
	f->one = w->addr;
	if (f->common == 0 || shared < f->common)
		f->common = shared;
}

static void
add_host(struct area_facts *f, const struct watch *w)
{
	const struct cell *longer = &w->sum[WINDOW_LONG];

	for (int k = 0; k < WATCH_WINDOWS; k++) {
		const struct cell c = watch_cell(w, (enum watch_sum)k);
		double n = activity(&c, w->service);

		f->hosts[k] += n > 0;
		f->largest[k] = n > f->largest[k] ? n : f->largest[k];
	}
	add_place(f, w);
	if (activity(longer, w->service) > 0)
		add_top(f, w, activity(longer, w->service), w->service == SERVICE_DNS ? longer->large_bytes : longer->answer_bytes);
}

/* Whom to look at first when a link is full: hosts with alerts before others. */
static void
add_offender(struct area_facts *f, const struct watch *w)
{
	enum watch_window which = w->records ? WINDOW_LONG : WINDOW_SHORT;
	const struct cell *c = &w->sum[which];
	uint64_t bytes = w->service == SERVICE_DNS ? c->large_bytes : c->answer_bytes;
	double seconds = watch_window_s[which], covered = (double)(w->last_ns - w->first_ns) / 1e9 + 1;

	if (w->life.alert == 0) {
		if (f->offenders == 0 && bytes > 0)
			add_top(f, w, activity(c, w->service), bytes);
		return;
	}
	if (f->offenders++ == 0)
		f->top_n = 0;
	/* records of an attack that began just now do not fill the window yet */
	f->offender_bps += (double)bytes * 8 / (w->records && covered < seconds && covered >= 1 ? covered : seconds);
	add_top(f, w, activity(c, w->service), bytes);
}

static struct area_facts *
facts_of(struct engine *e, const struct watch *area)
{
	struct area_facts *f = area != NULL ? &e->facts[area - e->areas.pool] : NULL;

	return f != NULL && f->made ? f : NULL;
}

/* At the end of an alert its hosts are quiet: the figures remember. */
static void
keep_most(struct area_facts *f, const struct watch *w)
{
	const struct cell *c = &w->sum[WINDOW_LONG];
	double n = activity(c, w->service);

	if (f->hosts[WINDOW_LONG] < f->most || n <= 0)
		return;
	f->most = f->hosts[WINDOW_LONG];
	f->share = f->largest[WINDOW_LONG] < n ? f->largest[WINDOW_LONG] / n : 1;
}

void
areas_gather(struct engine *e)
{
	bool any = false;

	for (uint32_t i = 0; i < e->areas.used; i++) {
		const struct watch *w = &e->areas.pool[e->areas.order[i]];
		struct area_facts *f = &e->facts[e->areas.order[i]];
		uint32_t most = w->life.alert != 0 ? f->most : 0;
		double share = f->share;

		memset(f, 0, offsetof(struct area_facts, pairs_tick));
		f->most = most;
		f->share = share;
		f->made = worth_it(e, w) || why_about_watch(e, w);
		any = any || (f->made && w->side != SIDE_CUSTOMER);
	}
	for (uint32_t i = 0; any && i < e->watches.used; i++) {
		const struct watch *w = &e->watches.pool[e->watches.order[i]];
		const struct addr link = link_addr(w->link);
		struct area_facts *f = counts(e, w) ? facts_of(e, areas_prefix_of(e, w)) : NULL;

		if (f != NULL)
			add_host(f, w);
		else if (w->life.alert != 0 && w->side == SIDE_CLIENT && (f = facts_of(e, areas_prefix_of(e, w))) != NULL)
			add_named(f, w);
		if (w->link == 0)
			continue;
		f = counts(e, w) && w->service == SERVICE_DNS ?
		    facts_of(e, watches_find(&e->areas, e->env.seed, &link, SIDE_LINK, SERVICE_DNS)) : NULL;
		if (f != NULL)
			add_host(f, w);
		f = w->life.alert != 0 || counts(e, w) ? facts_of(e, watches_find(&e->areas, e->env.seed, &link, SIDE_LINK, SERVICE_NONE)) : NULL;
		if (f != NULL)
			add_offender(f, w);
	}
	for (uint32_t i = 0; any && i < e->areas.used; i++) {
		const struct watch *w = &e->areas.pool[e->areas.order[i]];
		const struct addr link = link_addr(w->link);
		struct area_facts *f = w->side == SIDE_CUSTOMER && w->link != 0 && w->life.alert != 0 ?
		    facts_of(e, watches_find(&e->areas, e->env.seed, &link, SIDE_LINK, SERVICE_NONE)) : NULL;

		if (f != NULL)
			add_offender(f, w);
	}
	for (uint32_t i = 0; any && i < e->areas.used; i++)
		keep_most(&e->facts[e->areas.order[i]], &e->areas.pool[e->areas.order[i]]);
}

/* --- alerts -------------------------------------------------------------------------------------------- */

static void
load_figures(struct alert *a, const struct watch *w, const struct judge_env *env)
{
	const struct load_state s = link_load_state(env->load);
	double offenders = s.bps > 0 ? env->facts->offender_bps / s.bps : 0;
	uint64_t seen = (uint64_t)(s.answers / w->sampling), total = w->total.answers / w->sampling;

	alert_evidence_add(a, EV_RESPONSE_BYTES, (double)w->total.answer_bytes, total);
	alert_evidence_add(a, EV_BPS, s.bps * s.amplified, seen);
	alert_evidence_add(a, EV_LINK_BPS, s.bps, seen);
	alert_evidence_add(a, EV_LINK_LOAD, s.load, seen);
	alert_evidence_add(a, EV_DNS_SHARE, s.dns, seen);
	alert_evidence_add(a, EV_AMPLIFIED_SHARE, s.amplified, seen);
	alert_evidence_add(a, EV_USUAL_SHARE, s.usual, seen);
	alert_evidence_add(a, EV_OFFENDERS, env->facts->offenders, env->facts->offenders);
	alert_evidence_add(a, EV_OFFENDER_SHARE, offenders < 1 ? offenders : 1, env->facts->offenders);
	if (s.full_in_s >= 0)
		alert_evidence_add(a, EV_FULL_IN, s.full_in_s, seen);
	a->bytes = w->total.answer_bytes;
	a->packets = w->total.answers;
}

/* How far a rate of samples may be off: 2.58 standard deviations of their number (Poisson). */
static void
rate_error(struct alert *a, const struct watch *w, enum evidence_key rate)
{
	const struct evidence *e = alert_evidence(a, rate);

	if (w->sampling > 1 && e != NULL && e->sampled > 0)
		alert_evidence_add(a, EV_RATE_ERROR, 2.5758 / sqrt((double)e->sampled), e->sampled);
}

void
area_figures(struct alert *a, const struct watch *w, const struct judge_env *env)
{
	const struct area_facts *f = env->facts;

	a->subject.type = w->side == SIDE_PREFIX ? SUBJECT_PREFIX : SUBJECT_LINK;
	a->subject.prefix = w->side == SIDE_PREFIX ? area_prefix(&w->addr) : (struct prefix){w->addr, 128};
	/* of an IPv6 prefix one customer's network alone may be hit: its neighbours are to stay reachable */
	if (w->side == SIDE_PREFIX && !addr_is_v4(&w->addr) && a->role == ROLE_VICTIM && f->common >= CUSTOMER_V6_BITS)
		a->subject.prefix = prefix_of(&f->one, CUSTOMER_V6_BITS);
	if (w->side == SIDE_LINK)
		memcpy(a->subject.name, a->link, sizeof(a->link));
	if (a->kind == KIND_LINK_SATURATION) {
		load_figures(a, w, env);
	} else {
		alert_evidence_add(a, a->role == ROLE_VICTIM ? EV_DESTINATIONS : EV_OFFENDERS, f->most, f->most);
		alert_evidence_add(a, EV_LARGEST_SHARE, f->share, f->most);
	}
	rate_error(a, w, EV_BPS);
	if (a->role == ROLE_VICTIM || f->top_n == 0)
		return; /* the other ends are those that answer */
	a->peers_n = f->top_n;
	memcpy(a->peers, f->top, f->top_n * sizeof(f->top[0]));
}
