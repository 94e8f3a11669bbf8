#include "detector/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/internal.h"
#include "detector/names_inner.h"
#include "detector/tables.h"

/* --- what is asked about -------------------------------------------------------------------------------- */

struct why *
why_new(const struct why_subject *s, const struct suffixes *suffixes, uint64_t seed)
{
	struct why *y = calloc(1, sizeof(*y));
	struct dns_view view = {.recursion_desired = true};
	struct flow f = {.dns = &view};
	struct flow_key k = {0};
	size_t cut;

	if (y == NULL)
		return NULL;
	y->points = calloc((size_t)WHY_ROWS * WHY_POINTS, sizeof(*y->points));
	if (y->points == NULL) {
		free(y);
		return NULL;
	}
	y->subject = *s;
	if (s->zone_len > 0) {
		view.name = s->zone;
		view.name_len = s->zone_len;
		names_key(&f, suffixes, seed, NAMES_ZONES, NULL, &k);
		/* what somebody registered, a domain or a customer's name below one, is counted; a name below it is not */
		cut = names_registered_at(suffixes, s->zone, s->zone_len);
		y->subject.zone_len = (uint8_t)(s->zone_len - cut);
		memcpy(y->subject.zone, s->zone + cut, y->subject.zone_len);
		y->zone_hash = s->type == WHY_ZONE ? k.customer : 0;
	}
	return y;
}

void
why_free(struct why *y)
{
	if (y != NULL)
		free(y->points);
	free(y);
}

bool
why_is_host(const struct why *y, const struct addr *a)
{
	return y != NULL && y->subject.type == WHY_HOST && addr_equal(&y->subject.prefix.addr, a);
}

bool
why_is_link(const struct why *y, size_t link)
{
	return y != NULL && y->subject.type == WHY_LINK && y->subject.link == link;
}

static bool
in_zone(const struct why_subject *s, const uint8_t *wire, size_t len)
{
	size_t p = 0;

	while (p < len && len - p > s->zone_len && wire[p] != 0)
		p += wire[p] + 1u;
	if (len < s->zone_len || p != len - s->zone_len)
		return false;
	for (size_t i = 0; i < s->zone_len; i++)
		if (name_lower(wire[p + i]) != s->zone[i])
			return false;
	return true;
}

static bool
about_addr(const struct engine *e, const struct addr *a)
{
	const struct why_subject *s = &e->why->subject;

	switch (s->type) {
	case WHY_HOST:
	case WHY_PREFIX: return prefix_contains(&s->prefix, a);
	case WHY_LINK: return place_of(&e->env, a).link == s->link;
	case WHY_ZONE: return true; /* the name decides */
	case WHY_GROUP: break;
	}
	for (size_t i = 0; i < s->members_n; i++)
		if (prefix_contains(&s->member[i], a))
			return true;
	return false;
}

static bool
overlap(const struct prefix *a, const struct prefix *b)
{
	return a->bits <= b->bits ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

static struct prefix
prefix_of_area(const struct engine *e, const struct watch *w)
{
	return w->side == SIDE_CUSTOMER ? customer_prefix(e, &w->addr, w->group) : area_prefix(&w->addr);
}

/* Prefixes and links are no hosts: one whole prefix, not each of its hosts, answers for a part of it. */
static bool
about_area(const struct engine *e, const struct watch *w)
{
	const struct why_subject *s = &e->why->subject;
	const struct prefix p = prefix_of_area(e, w);

	if (s->type == WHY_LINK)
		return w->link == s->link;
	/* what an IPv6 customer does may explain each of its addresses */
	if (w->side == SIDE_CUSTOMER && s->type == WHY_HOST)
		return prefix_contains(&p, &s->prefix.addr);
	return s->type == WHY_ZONE || (s->type == WHY_PREFIX && w->side != SIDE_LINK && overlap(&s->prefix, &p));
}

bool
why_about_watch(const struct engine *e, const struct watch *w)
{
	const struct why_subject *s;

	if (e->why == NULL)
		return false;
	s = &e->why->subject;
	if (w->side >= SIDE_PREFIX ? !about_area(e, w) : s->type != WHY_ZONE && (w->service == SERVICE_ZONE || !about_addr(e, &w->addr)))
		return false;
	for (size_t i = 0; s->zone_len > 0 && i < WATCH_NAMES; i++)
		if (w->name[i].len > 0 && in_zone(s, w->name[i].wire, w->name[i].len))
			return true;
	return s->zone_len == 0;
}

/* --- judgements ------------------------------------------------------------------------------------------- */

/* How much of its threshold a signal reached, 1 at most. */
static double
reached(const struct signal *g)
{
	double share = g->met ? 1 : g->below ? (g->value > 0 ? g->threshold / g->value : 0) : g->threshold > 0 ? g->low / g->threshold : 0;

	return share > 0 ? share < 1 ? share : 1 : 0;
}

static bool
closer(enum why_heat heat, double closeness, enum why_heat than, double than_closeness)
{
	/* of equals the latest: its windows hold more */
	return heat != than ? heat > than : closeness >= than_closeness;
}

static struct why_row *
row_of(struct why *y, const struct detector *d, const struct watch *w)
{
	struct why_row *r;
	uint16_t port;

	for (size_t i = 0; i < y->rows_n; i++)
		if (y->detector[i] == d && y->service[i] == w->service)
			return &y->row[i];
	if (y->rows_n == WHY_ROWS) {
		y->rows_lost++;
		return NULL;
	}
	y->detector[y->rows_n] = d;
	y->service[y->rows_n] = w->service;
	r = &y->row[y->rows_n];
	*r = (struct why_row){.kind = d->kind, .vector = watch_vector(w, &port), .point = &y->points[y->rows_n * WHY_POINTS], .width_s = 1};
	y->rows_n++;
	return r;
}

static size_t
column_of(struct why_row *r, const struct signal *g)
{
	size_t i = 0;

	while (i < r->columns_n && strcmp(r->column[i].name, g->name) != 0)
		i++;
	if (i == r->columns_n && i < WHY_COLUMNS)
		r->column[r->columns_n++] = (struct why_column){g->name, g->label, g->unit, g->below};
	return i;
}

/* Two stretches become one. */
static void
halve(struct why_row *r)
{
	size_t n = 0;

	r->width_s *= 2;
	for (size_t i = 0; i < r->points_n; i++) {
		const struct why_point *p = &r->point[i];
		struct why_point *last = n > 0 ? &r->point[n - 1] : NULL;

		if (last == NULL || last->tick / r->width_s != p->tick / r->width_s)
			r->point[n++] = *p;
		else if (closer(p->heat, p->closeness, last->heat, last->closeness))
			*last = *p;
	}
	r->points_n = n;
}

static void
add_point(struct why_row *r, const struct why_point *p)
{
	struct why_point *last = r->points_n > 0 ? &r->point[r->points_n - 1] : NULL;

	if (last != NULL && last->tick / r->width_s == p->tick / r->width_s) {
		if (closer(p->heat, p->closeness, last->heat, last->closeness))
			*last = *p;
		return;
	}
	while (r->points_n == WHY_POINTS)
		halve(r);
	r->point[r->points_n++] = *p;
}

static void
who_of(const struct engine *e, const struct watch *w, struct subject *s)
{
	char text[DNS_NAME_TEXT];

	*s = (struct subject){.type = SUBJECT_HOST, .prefix = {w->addr, 128}};
	if (w->side == SIDE_PREFIX || w->side == SIDE_CUSTOMER) {
		s->type = SUBJECT_PREFIX;
		s->prefix = prefix_of_area(e, w);
	} else if (w->side == SIDE_LINK) {
		s->type = SUBJECT_LINK;
		snprintf(s->name, sizeof(s->name), "%.63s", w->link != 0 ? e->link_name[w->link - 1] : "");
	} else if (w->service == SERVICE_ZONE) {
		s->type = SUBJECT_ZONE;
		snprintf(s->name, sizeof(s->name), "%.255s", dns_name_text(w->name[0].wire, w->name[0].len, text));
	}
}

void
why_keep(struct engine *e, const struct detector *d, const struct watch *w, const struct verdict *v)
{
	struct why_point p = {.t_ns = e->end_ns, .tick = e->env.tick, .heat = (uint8_t)v->heat};
	struct why_row *r = row_of(e->why, d, w);
	double sum = 0;

	if (r == NULL)
		return;
	for (size_t i = 0; i < v->n; i++) {
		size_t c = column_of(r, &v->signals[i]);

		sum += reached(&v->signals[i]);
		if (c == WHY_COLUMNS)
			continue;
		p.has |= (uint16_t)(1u << c);
		p.met |= (uint16_t)((unsigned int)v->signals[i].met << c);
		p.value[c] = (float)v->signals[i].value;
		p.threshold[c] = (float)v->signals[i].threshold;
	}
	p.closeness = v->n > 0 ? (float)(sum / (double)v->n) : 0;
	add_point(r, &p);
	if (r->t_ns != 0 && !closer((enum why_heat)v->heat, sum / (double)(v->n + !v->n), r->heat, r->closeness))
		return;
	r->t_ns = e->end_ns;
	r->heat = (enum why_heat)v->heat;
	r->closeness = v->n > 0 ? sum / (double)v->n : 0;
	r->window_s = v->window_s;
	r->signals_n = v->n;
	memcpy(r->signal, v->signals, v->n * sizeof(v->signals[0]));
	r->note = v->note;
	who_of(e, w, &r->who);
}

/* --- alerts ----------------------------------------------------------------------------------------------- */

static bool
about_alert(const struct engine *e, const struct alert *a)
{
	const struct why_subject *s = &e->why->subject;

	if (s->type == WHY_LINK)
		return strcmp(a->link, e->link_name[s->link - 1]) == 0;
	if (s->type == WHY_ZONE || s->zone_len > 0) {
		if (a->qname_len == 0 || !in_zone(s, a->qname, a->qname_len))
			return false;
		if (s->type == WHY_ZONE)
			return true;
	}
	if (a->subject.type == SUBJECT_PREFIX)
		return s->type == WHY_PREFIX && overlap(&s->prefix, &a->subject.prefix);
	return a->subject.type == SUBJECT_HOST && about_addr(e, &a->subject.prefix.addr);
}

void
why_alert(struct engine *e, const struct alert *a)
{
	struct why *y = e->why;
	size_t i = 0;

	if (y == NULL || a->action == ALERT_UPDATED || !about_alert(e, a))
		return;
	while (i < y->alerts_n && y->alert[i].id != a->id)
		i++;
	if (a->action == ALERT_OPENED && i == y->alerts_n) {
		y->alerts_all++;
		if (i < WHY_ALERTS)
			y->alert[y->alerts_n++] = (struct why_alert){.id = a->id, .incident = a->incident, .kind = a->kind, .vector = a->vector, .who = a->subject,
				.opened_ns = a->t_ns, .severity = a->severity};
	} else if (i < y->alerts_n) {
		y->alert[i].closed_ns = a->t_ns;
		y->alert[i].reason = a->reason;
		y->alert[i].severity = a->severity;
	}
}

/* --- what is too small to be watched --------------------------------------------------------------------- */

/* After a leap of time, or at its first look, the windows begin anew. */
static void
scratch_begin(struct watch *w, uint32_t tick, uint32_t *looked)
{
	const struct watch old = *w;

	if (*looked == 0 || tick - *looked > 1)
		*w = (struct watch){.key = 1, .addr = old.addr, .side = old.side, .service = old.service, .flags = old.flags, .link = old.link,
			.group = old.group, .sampling = 1, .born = tick, .peers_tick = tick};
	*looked = tick;
}

struct watch *
why_watch(struct engine *e, const struct addr *a, enum watch_side side, uint8_t service)
{
	struct why *y = e->why;
	size_t i = 0;

	if (!why_is_host(y, a) || y->subject.zone_len > 0 || watches_find(&e->watches, e->env.seed, a, side, service) != NULL)
		return NULL;
	while (i < WHY_SCRATCH && y->scratch[i].key != 0 && (y->scratch[i].side != side || y->scratch[i].service != service))
		i++;
	if (i == WHY_SCRATCH)
		return NULL;
	if (y->scratch[i].key == 0) {
		y->scratch[i] = (struct watch){.addr = *a, .side = (uint8_t)side, .service = service};
		y->scratch_tick[i] = 0;
	}
	if (y->scratch_tick[i] == 0 || e->env.tick - y->scratch_tick[i] > 1)
		scratch_begin(&y->scratch[i], e->env.tick, &y->scratch_tick[i]);
	return &y->scratch[i];
}

struct watch *
why_scratch(struct engine *e, size_t i)
{
	struct watch *w = e->why != NULL && i < WHY_SCRATCH && e->why->scratch[i].key != 0 ? &e->why->scratch[i] : NULL;

	if (w == NULL)
		return NULL;
	e->why->scratch_tick[i] = e->env.tick;
	watch_close_tick(w, e->env.tick);
	if (watches_find(&e->watches, e->env.seed, &w->addr, (enum watch_side)w->side, w->service) != NULL)
		w->touched = 0; /* it is watched now, and judged there */
	return w;
}

void
why_judge(struct engine *e, const struct judge_env *env, const struct detector *d, const struct watch *w)
{
	struct verdict v = {0};

	d->judge(env, w, &v);
	v.heat = v.heat == HEAT_HOT ? HEAT_WARM : v.heat;
	why_keep(e, d, w, &v);
}

static void
judge_scratch(struct engine *e, const struct detector *d, const struct watch *w, const char *unjudged)
{
	const struct judge_env env = {.settings = w->group != 0 ? &e->group[w->group - 1].settings : &e->settings, .tick = e->env.tick,
		.networks_known = e->networks_known, .queries_seen = true};
	struct verdict v = {0};

	d->judge(&env, w, &v);
	v.heat = v.heat == HEAT_HOT ? HEAT_WARM : v.heat;
	if (unjudged != NULL) {
		v.heat = HEAT_COLD;
		v.note = unjudged;
	}
	why_keep(e, d, w, &v);
}

static void
judge_carrier(struct engine *e, const struct carrier *c)
{
	const struct why_subject *s = &e->why->subject;
	struct carried sums = carrier_sums(c, e->env.tick);
	struct place place = place_of(&e->env, &c->client);
	struct watch w = {.addr = c->client, .side = SIDE_CLIENT, .service = SERVICE_TUNNEL, .flags = place.flags, .group = place.group,
		.link = place.link, .sampling = c->sampling > 0 ? c->sampling : 1, .report_s = e->env.tick};

	if (!about_addr(e, &c->client) || (s->zone_len > 0 && !in_zone(s, c->zone.wire, c->zone.len)))
		return;
	w.names = names_carried(c, &sums, e->env.tick);
	judge_scratch(e, &detector_tunnel, &w, names_judged_here(e, &c->client, place) ? NULL :
	    "not judged: it asks for others, or is none of ours");
}

/* What a zone's counters grew by since the last look; they start anew with each minute. */
static struct cell
zone_gain(struct why *y, const struct zone *z)
{
	const struct zone *b = &y->before;
	bool same = b->hash == z->hash && b->tick / 60 == z->tick / 60 && b->answers <= z->answers;
	const struct zone none = {0};

	b = same ? b : &none;
	const struct cell c = {.answers = z->answers - b->answers, .answer_packets = z->answers - b->answers,
		.matched = z->failing - b->failing, .large_size = z->fresh - b->fresh, .large = z->fresh_failing - b->fresh_failing};

	y->before = *z;
	y->answers += c.answers;
	y->failing += c.matched;
	y->fresh += c.large_size;
	return c;
}

static void
judge_zone(struct engine *e)
{
	struct why *y = e->why;
	const struct shard_names *n = &e->shard[shard_of(y->zone_hash)].names;
	const struct zone *z = names_zone_peek(n, y->zone_hash);
	struct watch *w = &y->zone;
	struct cell c;

	if (z == NULL)
		return;
	w->side = SIDE_SERVER;
	w->service = SERVICE_ZONE;
	scratch_begin(w, e->env.tick, &y->zone_tick);
	watch_set_name(w, y->subject.zone, y->subject.zone_len, 0, 0);
	c = zone_gain(y, z);
	cell_add(&w->now, &c);
	w->sampling = e->stats.sampling > 0 ? e->stats.sampling : 1;
	w->names.usual = z->usual / 16;
	w->names.reputation = names_is_reputation(y->subject.zone, y->subject.zone_len);
	watch_close_tick(w, e->env.tick);
	/* one that is watched is judged there, by the same figures */
	if ((z->hot != 0 && n->hot[z->hot - 1].hash == z->hash) || w->sum[WINDOW_LONG].answers == 0)
		return;
	judge_scratch(e, &detector_subdomain, w, w->names.reputation ? "names below it are data by design" : NULL);
}

void
why_names(struct engine *e)
{
	if (e->why == NULL)
		return;
	for (int s = 0; s < SHARDS; s++)
		for (uint32_t i = 0; i < e->shard[s].names.carriers_n; i++)
			judge_carrier(e, &e->shard[s].names.carrier[e->shard[s].names.carrier_touched[i]]);
	if (e->why->zone_hash != 0)
		judge_zone(e);
}

void
why_level(struct engine *e, const struct addr *a, const struct level *l)
{
	struct place place;
	struct watch w;

	if (e->why == NULL || e->why->subject.zone_len > 0 || !about_addr(e, a))
		return;
	place = place_of(&e->env, a);
	w = (struct watch){.addr = *a, .side = SIDE_SERVER, .service = SERVICE_LEVEL, .flags = place.flags, .group = place.group,
		.link = place.link, .sampling = 1, .level = *l};
	judge_scratch(e, &detector_anomaly, &w, NULL);
}
