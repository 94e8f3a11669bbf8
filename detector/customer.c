#include "detector/customer.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "detector/cusum.h"
#include "detector/internal.h"
#include "detector/pack.h"
#include "detector/pair_names.h"
#include "detector/tables.h"

enum {
	FORGET_S = 600,       /* an address that drew longer ago says nothing of the next */
	SILENT_GAPS = 8,
	HANDOVER_S = 120,     /* between the last answer of one address and the first of the next */
};

int
customers_init(struct customers *c)
{
	c->last = calloc(CUSTOMER_LAST, sizeof(*c->last));
	c->held = calloc(CUSTOMER_HELD, sizeof(*c->held));
	return c->last != NULL && c->held != NULL ? 0 : ERR_NOMEM;
}

void
customers_done(struct customers *c)
{
	free(c->last);
	free(c->held);
	*c = (struct customers){0};
}

void
customers_clear(struct customers *c)
{
	memset(c->last, 0, CUSTOMER_LAST * sizeof(*c->last));
	memset(c->held, 0, CUSTOMER_HELD * sizeof(*c->held));
}

/* --- who belongs to whom ----------------------------------------------------------------------------- */

static const struct abuser_settings *
settings_of(const struct engine *e, uint8_t group)
{
	return group != 0 ? &e->group[group - 1].settings.abuser : &e->settings.abuser;
}

struct prefix
customer_prefix(const struct engine *e, const struct addr *a, uint8_t group)
{
	return prefix_of(a, addr_is_v4(a) ? 128 : (unsigned int)settings_of(e, group)->customer_bits);
}

static struct watch *
find(const struct engine *e, const struct addr *a, uint8_t group)
{
	struct prefix p;

	if (addr_is_v4(a) || e->areas.used == 0)
		return NULL;
	p = customer_prefix(e, a, group);
	return p.bits == 128 ? NULL : watches_find(&e->areas, e->env.seed, &p.addr, SIDE_CUSTOMER, SERVICE_DNS);
}

struct watch *
customer_of(const struct engine *e, const struct watch *w)
{
	return w->side == SIDE_CLIENT && w->service == SERVICE_DNS ? find(e, &w->addr, w->group) : NULL;
}

/* The number of an address inside its prefix; the same in every run. */
static uint64_t
number_of(const struct addr *a)
{
	uint64_t half[2];

	memcpy(half, a->b, sizeof(half));
	return mix(half[0], half[1]) | 1;
}

/* --- small memory ---------------------------------------------------------------------------------------- */

/* Another address than before draws: how often that happened. */
static uint32_t
changes(struct customers *c, uint64_t prefix, uint32_t who, uint32_t tick)
{
	struct customer_last *set = &c->last[prefix & (CUSTOMER_LAST - 1) & ~(uint64_t)3], *l = set;

	for (int i = 0; i < 4; i++) {
		if (set[i].tag == (uint32_t)(prefix >> 32)) {
			l = &set[i];
			break;
		}
		if (set[i].tick < l->tick)
			l = &set[i];
	}
	if (l->tag != (uint32_t)(prefix >> 32) || tick - l->tick > FORGET_S)
		*l = (struct customer_last){.tag = (uint32_t)(prefix >> 32), .who = who};
	l->changes += l->who != who && l->changes < UINT32_MAX;
	l->who = who;
	l->tick = tick;
	return l->changes;
}

/* Was the prefix given this answer at least twice, and holds it still?  As packet.c asks of a host. */
static bool
held_again(struct customers *c, uint64_t hash, uint32_t tick, uint32_t ttl)
{
	struct customer_held *set = &c->held[hash & (CUSTOMER_HELD - 1) & ~(uint64_t)3], *h = set;
	uint32_t times = 0;

	for (int i = 0; i < 4; i++) {
		if (set[i].tag == (uint32_t)(hash >> 32)) {
			h = &set[i];
			times = h->expires > tick ? h->times : 0;
			break;
		}
		if (set[i].expires < h->expires)
			h = &set[i];
	}
	*h = (struct customer_held){(uint32_t)(hash >> 32), tick + ttl, times < UINT16_MAX ? times + 1 : times};
	return times >= 2;
}

/* --- pairs into watches ------------------------------------------------------------------------------------- */

static struct watch *
make(struct engine *e, const struct addr *prefix, struct place place)
{
	struct watch *x = watches_get(&e->areas, e->env.seed, prefix, SIDE_CUSTOMER, SERVICE_DNS, e->env.tick);

	if (x != NULL) {
		x->link = place.link;
		x->flags = place.flags;
		x->group = place.group;
	}
	return x;
}

/* The address drew now; true when it comes back after others. */
static bool
comes_back(struct watch *x, uint64_t who, bool known)
{
	int at = 0;

	while (at < WATCH_RECENT - 1 && x->recent[at] != who)
		at++;
	bool back = known && x->recent[at] != who;

	memmove(&x->recent[1], &x->recent[0], (size_t)at * sizeof(x->recent[0]));
	x->recent[0] = who;
	return back;
}

/* Large answers now known to have gone to an address that gets others, too: with its first other one, all before. */
static uint32_t
amid(const struct watch *w, const struct pair *p)
{
	uint32_t large = w != NULL ? w->total.large + w->now.large : p->large;
	uint32_t all = w != NULL ? w->total.answers + w->now.answers : p->answers;
	bool before = w != NULL && large - p->large < all - p->answers;

	return large >= all ? 0 : before ? p->large : large;
}

static bool
skipped(const struct engine *e, const struct pair *p)
{
	return addr_is_v4(&p->client) || p->service != SERVICE_DNS || p->crowd == CROWD_OF_CLIENTS ||
	    engine_asks_by_trade(e, &p->client, place_of(&e->env, &p->client));
}

void
customers_take(struct engine *e, const struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names)
{
	const struct place place = place_of(&e->env, &p->client);
	const struct prefix prefix = customer_prefix(e, &p->client, place.group);
	struct cell c = cell_of_pair(p);
	uint64_t hash, who = number_of(&p->client);
	struct watch *x;

	if (prefix.bits == 128 || (w != NULL && w->life.alert != 0) || skipped(e, p))
		return;
	hash = addr_hash(e->env.seed, &prefix.addr);
	for (const struct pair_name *a = pair_names_next(names, p, NULL); a != NULL; a = pair_names_next(names, p, a)) {
		const struct name_slot *name = &names->name[a->name];

		/* what its host repeated is in c already */
		if (held_again(&e->customers, mix(hash, name->hash + name->qtype), e->env.tick, a->ttl))
			c.repeat += a->large - a->repeat;
	}
	x = watches_find(&e->areas, e->env.seed, &prefix.addr, SIDE_CUSTOMER, SERVICE_DNS);
	if (x == NULL && p->large > 0 && changes(&e->customers, hash, (uint32_t)who, e->env.tick) >= CUSTOMER_CHANGES)
		x = make(e, &prefix.addr, place);
	if (x == NULL)
		return;
	if (p->large > 0) {
		bool known = w != NULL && w->total.large + w->now.large > p->large;

		c.fresh = !known;
		c.back = comes_back(x, who, known) ? p->large : 0;
	}
	c.amid = amid(w, p);
	if (w != NULL && w->report_s > x->report_s)
		x->report_s = w->report_s;
	watch_take_as(x, p, &c, peer, peer_hash, names, e->env.tick, e->env.begin_ns);
}

void
customers_besides(struct engine *e, const struct watch *w, const struct pair *p)
{
	struct watch *x;

	if (addr_is_v4(&p->client) || p->service != SERVICE_DNS || p->crowd == CROWD_OF_CLIENTS || e->areas.used == 0)
		return;
	x = find(e, &p->client, place_of(&e->env, &p->client).group);
	if (x == NULL || (w != NULL && w->life.alert != 0) || skipped(e, p))
		return;
	struct cell c = cell_of_pair(p);

	c.amid = w != NULL ? amid(w, p) : 0;
	watch_take_as(x, p, &c, p->crowd == CROWD_OF_SERVERS ? NULL : &p->server, 0, NULL, e->env.tick, e->env.begin_ns);
}

bool
customers_cover(const struct engine *e, const struct pair *p)
{
	const struct watch *x;

	if (addr_is_v4(&p->client) || p->service != SERVICE_DNS || !p->fresh)
		return false;
	x = find(e, &p->client, place_of(&e->env, &p->client).group);
	return x != NULL && x->life.alert != 0 &&
	    watches_find(&e->watches, e->env.seed, &p->client, SIDE_CLIENT, SERVICE_DNS) == NULL;
}

/* --- host or customer ----------------------------------------------------------------------------------------- */

/* Of all that was drawn so far, the part that came back: several hosts after all. */
static bool
several(const struct watch *x)
{
	return (uint64_t)x->sum[WINDOW_LONG].back * 2 > x->sum[WINDOW_LONG].large;
}

static bool
speaks(const struct engine *e, const struct watch *x)
{
	return x != NULL && (x->life.alert != 0 || e->facts[x - e->areas.pool].speaks) && !several(x);
}

bool
customer_speaks(const struct engine *e, const struct watch *w)
{
	return speaks(e, customer_of(e, w));
}

bool
customer_speaks_for(const struct engine *e, const struct addr *client, uint8_t group)
{
	return speaks(e, find(e, client, group));
}

/* It drew nothing for so many times its mean gap that it is not by chance (8 of a Poisson process: once in 3000). */
static bool
silent(const struct watch *w, int64_t now_ns)
{
	const struct cell c = watch_cell(w, SUM_TOTAL);
	double n = (double)c.large / w->sampling;

	return (double)(now_ns - w->last_ns) >= SILENT_GAPS * (double)(w->last_ns - w->first_ns) / (n > 1 ? n : 1);
}

struct watch *
customer_instead(const struct engine *e, const struct watch *w)
{
	struct watch *x = customer_of(e, w);
	const struct watch *before;

	if (x == NULL || x->named_tick == 0 || addr_equal(&x->named, &w->addr) || x->life.alert != 0)
		return NULL;
	before = watches_find(&e->watches, e->env.seed, &x->named, SIDE_CLIENT, SERVICE_DNS);
	if (before == NULL)
		return NULL;
	/* by the time of the traffic: records come late.  Answers on their way arrive at the old address a moment longer. */
	int64_t gap = w->first_ns - before->last_ns;

	return gap >= -NS_PER_S / 2 && gap <= HANDOVER_S * NS_PER_S && silent(before, w->last_ns) ? x : NULL;
}

void
customer_host_named(struct engine *e, const struct watch *w)
{
	const struct place place = place_of(&e->env, &w->addr);
	const struct prefix prefix = customer_prefix(e, &w->addr, place.group);
	struct watch *x = prefix.bits == 128 ? NULL : make(e, &prefix.addr, place);

	if (x == NULL || w->last_tick < x->named_tick)
		return;
	x->named = w->addr;
	x->named_tick = w->last_tick;
	x->touched = e->env.tick;
}

/* --- judging ----------------------------------------------------------------------------------------------------- */

struct need {
	double answers, repeat;
	uint32_t window_s;
};

/* Does what it draws look like abuse, however many hosts there are?  Packets: the same question again and again, among many
 * large answers; or nothing but large ones.  Records show neither names nor repeats. */
static bool
odd(const struct judge_env *env, const struct watch *w, const struct cell *c, const struct need *need, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	double n = c->large, seen = n / w->sampling, large = c->answers > 0 ? n / c->answers : 0, top = watch_top_name_share(w);
	struct interval part = wilson99(seen, c->answers / (double)w->sampling), again = wilson99(c->repeat / (double)w->sampling, seen);
	bool ours = (w->flags & HOST_OURS) != 0;

	if (w->counted) {
		struct signal *s = verdict_signal(v, "record_share", "Large answers among all, at least 20", "persistence", "%", large, part.low,
		    part.high, set->record_share);

		s->met = s->met && seen >= (env->networks_known && ours ? 20 : 50);
		return s->met;
	}
	bool repeats = verdict_signal(v, "repeat_share", "Asks again while it still holds the answer (TTL left)", "names", "%",
	    n > 0 ? c->repeat / n : 0, again.low, again.high, need->repeat)->met;
	bool focus = top / set->name_share > large / set->record_share ?
	    verdict_signal(v, "name_share", "One question among its large answers", "names", "%", top, top, top, set->name_share)->met :
	    verdict_signal(v, "large_share", "Large answers among all it gets", "size", "%", large, large, large, set->record_share)->met;
	struct signal *all = verdict_signal(v, "all_large", "Nearly all it gets is large, at least 100 in 5 minutes", "persistence", "%",
	    large, part.low, part.high, set->all_large);

	all->met = all->met && seen >= 100 && need->window_s == watch_window_s[WINDOW_LONG] && ours;
	return (repeats && focus) || all->met;
}

static void
judge_window(const struct judge_env *env, const struct watch *w, enum watch_sum which, struct need need, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	const struct cell sums = watch_cell(w, which), *c = &sums, *raw = which == SUM_TOTAL ? &w->total : &w->sum[which];
	double n = c->large, seen = n / w->sampling, share = n > 0 ? c->matched / n : 0;
	double query = c->matched > 0 ? (double)c->large_query_bytes / c->matched : 0;
	double baf = query > 0 && n > 0 ? (double)c->large_bytes / n / query : 0;
	/* of records the large ones are packets, of which there are more than answers: shares hold for both */
	double alone = raw->large > raw->amid ? 1 - (double)raw->amid / raw->large : 0, back = raw->large > 0 ? (double)raw->back / raw->large : 0;
	struct interval by_itself = wilson99(alone * seen, seen);
	bool all = true;

	*v = (struct verdict){.role = ROLE_ABUSER, .window_s = need.window_s};
	struct signal *s = verdict_signal(v, "baf", "Answers \xc3\xb7 queries, bytes at IP level", "size", "x", baf, baf, baf, set->baf);
	s->required = true;
	s = verdict_signal(v, "matched_share", "Its own queries explain the answers", "mismatch", "%", share, share, share, set->matched_share);
	s->required = true;
	verdict_signal(v, "large_answers", "Large answers drawn", "persistence", "", n, seen, seen, need.answers)->required = true;
	verdict_signal(v, "addresses", "Addresses of the prefix that drew them for the first time", "mismatch", "", raw->fresh, raw->fresh,
	    raw->fresh, set->addresses)->required = true;
	verdict_signal(v, "alone_share", "Large answers to addresses that get nothing else", "mismatch", "%", alone, by_itself.low,
	    by_itself.high, set->alone_share)->required = true;
	s = verdict_signal(v, "return_share", "Large answers to addresses that come back after others", "persistence", "%", back, back, back,
	    set->return_share);
	s->below = s->required = true;
	s->met = back <= set->return_share;
	for (size_t i = 0; i < v->n; i++)
		all = all && v->signals[i].met;
	bool lasts = c->ticks >= 3 || (w->counted && c->ticks == 2) || (c->ticks == 2 && watch_spread_s(w) >= 0.8) || seen >= 10 * need.answers;

	/* hosts that come back have done so by then: what one batch of records tells is all new */
	lasts = lasts && watch_settled(w, env->tick);
	if (odd(env, w, c, &need, v) && all && lasts)
		v->heat = HEAT_HOT;
	else if (baf >= 0.75 * set->baf && share >= 0.75 * set->matched_share && seen >= need.answers / 4 && back <= 0.5 && alone >= 0.5 * set->alone_share)
		v->heat = HEAT_WARM;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	struct verdict slow;

	judge_window(env, w, SUM_SHORT, (struct need){set->min_repeats, set->repeat_share, watch_window_s[WINDOW_SHORT]}, v);
	judge_window(env, w, SUM_LONG, (struct need){set->slow_repeats, set->repeat_share, watch_window_s[WINDOW_LONG]}, &slow);
	if (slow.heat > v->heat && watch_still_active(w, env->tick))
		*v = slow;
	judge_window(env, w, SUM_TOTAL, (struct need){set->slow_repeats, set->slow_share, W60 * 60}, &slow);
	const struct cusum sum = cusum_of(w->w60, W60, env->tick / 60 % W60, w->sampling);
	struct signal *s = verdict_signal(&slow, "slow_sum", "Large answers minute after minute, beyond one in three", "persistence", "",
	    sum.sum, sum.sum, sum.sum, set->slow_sum);

	s->met = s->met && sum.active >= set->active_minutes;
	if (slow.heat > v->heat && s->met && watch_still_active(w, env->tick))
		*v = slow;
}

const struct detector detector_customer = {
	.kind = KIND_DNS_AMPLIFICATION_ABUSER,
	.side = SIDE_CUSTOMER,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_DNS,
	.judge = judge,
};

void
customer_figures(struct alert *a, const struct watch *w, const struct judge_env *env)
{
	uint32_t n = w->total.fresh > 0 ? w->total.fresh : 1;

	a->subject.type = SUBJECT_PREFIX;
	a->subject.prefix = (struct prefix){w->addr, (uint8_t)env->settings->abuser.customer_bits};
	a->has_source = false; /* none of its addresses lasts */
	a->has_destination = a->peers_n > 0;
	a->destination = a->peers[0].addr;
	/* and the one that had an alert of its own */
	alert_evidence_add(a, EV_ADDRESSES, n + (w->named_tick != 0 ? 1 : 0), n);
}

/* --- state ---------------------------------------------------------------------------------------------------------- */

void
customers_save(const struct customers *c, struct buf *out)
{
	uint32_t n = 0, m = 0;

	for (uint32_t i = 0; i < CUSTOMER_LAST; i++)
		n += c->last[i].tick != 0;
	pack_u(out, n);
	for (uint32_t i = 0; i < CUSTOMER_LAST; i++) {
		const struct customer_last *l = &c->last[i];

		if (l->tick == 0)
			continue;
		pack_u(out, i);
		pack_u(out, l->tag);
		pack_u(out, l->tick);
		pack_u(out, l->changes);
		pack_u(out, l->who);
	}
	for (uint32_t i = 0; i < CUSTOMER_HELD; i++)
		m += c->held[i].times != 0;
	pack_u(out, m);
	for (uint32_t i = 0; i < CUSTOMER_HELD; i++) {
		const struct customer_held *h = &c->held[i];

		if (h->times == 0)
			continue;
		pack_u(out, i);
		pack_u(out, h->tag);
		pack_u(out, h->expires);
		pack_u(out, h->times);
	}
}

void
customers_load(struct customers *c, struct cursor *in)
{
	uint64_t n = unpack_max(in, CUSTOMER_LAST);

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct customer_last *l = &c->last[unpack_max(in, CUSTOMER_LAST - 1)];

		l->tag = unpack_u32(in);
		l->tick = unpack_u32(in);
		l->changes = unpack_u32(in);
		l->who = unpack_u32(in);
	}
	n = unpack_max(in, CUSTOMER_HELD);
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct customer_held *h = &c->held[unpack_max(in, CUSTOMER_HELD - 1)];

		h->tag = unpack_u32(in);
		h->expires = unpack_u32(in);
		h->times = unpack_u32(in);
	}
	if (in->bad)
		customers_clear(c);
}
