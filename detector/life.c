#include "detector/life.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"

/* Every state meets every event.  A warm signal keeps an alert open but never opens one. */
static const uint8_t next[LIFE_STATES][LIFE_EVENTS] = {
	/*               COLD         WARM         HOT        QUIET */
	[LIFE_IDLE] =   {LIFE_IDLE,   LIFE_IDLE,   LIFE_OPEN, LIFE_IDLE},
	[LIFE_OPEN] =   {LIFE_FADING, LIFE_OPEN,   LIFE_OPEN, LIFE_IDLE},
	[LIFE_FADING] = {LIFE_FADING, LIFE_OPEN,   LIFE_OPEN, LIFE_IDLE},
};

enum life_state
life_next(enum life_state s, enum life_event e)
{
	return next[s][e];
}

int
book_init(struct book *b)
{
	memset(b, 0, sizeof(*b));
	b->alert = calloc(BOOK_ALERTS, sizeof(*b->alert));
	b->incident = calloc(BOOK_INCIDENTS, sizeof(*b->incident));
	b->shown = calloc(BOOK_ALERTS, sizeof(*b->shown));
	if (b->alert == NULL || b->incident == NULL || b->shown == NULL) {
		book_done(b);
		return ERR_NOMEM;
	}
	return 0;
}

void
book_done(struct book *b)
{
	free(b->alert);
	free(b->incident);
	free(b->shown);
	memset(b, 0, sizeof(*b));
}

/* FNV-1a over content: ids must be the same in every replay and on every machine. */
static uint64_t
fold(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(1099511628211);
	return h;
}

static uint64_t
content_id(uint64_t start, enum alert_kind kind, const struct addr *a, const char *vector, int64_t t_s)
{
	uint8_t number[9];
	uint64_t h = start;

	for (int i = 0; i < 8; i++)
		number[i] = (uint8_t)((uint64_t)t_s >> (8 * i));
	number[8] = (uint8_t)kind;
	h = fold(h, number, sizeof(number));
	h = fold(h, a->b, sizeof(a->b));
	h = fold(h, vector, strlen(vector));
	h ^= h >> 29;
	return h * UINT64_C(0xd6e8feb86659fd93);
}

/* A free slot: never used, or that of the alert that closed longest ago (not in this tick: its line
 * is still to be written). */
static struct book_alert *
take_alert(struct book *b, uint32_t tick)
{
	struct book_alert *old = NULL;

	if (b->alerts_n < BOOK_ALERTS)
		return &b->alert[b->alerts_n++];
	for (uint32_t i = 0; i < BOOK_ALERTS; i++)
		if (!b->alert[i].open && b->alert[i].line_tick != tick && (old == NULL || b->alert[i].line_tick < old->line_tick))
			old = &b->alert[i];
	if (old != NULL) {
		/* its incident forgets it, but keeps its sums */
		struct book_incident *inc = &b->incident[old->incident];
		uint32_t slot = (uint32_t)(old - b->alert);

		for (size_t i = 0; i < inc->view.alerts_kept; i++)
			if (inc->alert[i] == slot) {
				inc->alert[i] = inc->alert[--inc->view.alerts_kept];
				break;
			}
	}
	return old;
}

static bool
same_name(const struct incident *i, const struct alert *a)
{
	return i->qname_len > 0 && i->qname_len == a->qname_len && i->qtype == a->qtype &&
	    memcmp(i->qname, a->qname, a->qname_len) == 0;
}

static bool
eats_links(enum alert_kind k)
{
	return k == KIND_DNS_AMPLIFICATION_ABUSER || k == KIND_DNS_AMPLIFICATION_VICTIM || k == KIND_UDP_AMPLIFICATION_VICTIM ||
	    k == KIND_UDP_FRAGMENT_FLOOD || k == KIND_CARPET_BOMBING;
}

/* A full link and those who fill it. */
static bool
fills(const struct incident *i, const struct alert *a)
{
	return strcmp(i->link, a->link) == 0 && a->link[0] != '\0' &&
	    ((a->kind == KIND_LINK_SATURATION && eats_links(i->kind)) || (i->kind == KIND_LINK_SATURATION && eats_links(a->kind)));
}

/* An attack that moves on to the next prefix is the same attack: within the same /16, or /32 of IPv6. */
static bool
next_door(const struct book *b, const struct book_incident *inc, const struct alert *a)
{
	if (a->kind != KIND_CARPET_BOMBING || inc->view.kind != a->kind)
		return false;
	for (size_t i = 0; i < inc->view.alerts_kept; i++) {
		const struct prefix *p = &b->alert[inc->alert[i]].alert.subject.prefix;
		const struct prefix around = prefix_of(&p->addr, addr_is_v4(&p->addr) ? 112 : 32);

		if (prefix_contains(&around, &a->subject.prefix.addr))
			return true;
	}
	return false;
}

/* Do they belong together?  Same kind and service, close in time, and one thing in common. */
static bool
belongs(const struct book *b, const struct book_incident *inc, const struct alert *a, uint32_t tick)
{
	const struct incident *i = &inc->view;

	if (!inc->used || (inc->open_n == 0 && tick - inc->joined_tick > JOIN_TICKS))
		return false;
	/* a carpet of several services is one, too */
	if (fills(i, a) || next_door(b, inc, a))
		return true;
	if (i->kind != a->kind || strcmp(i->vector, a->vector) != 0)
		return false;
	if (strcmp(i->link, a->link) != 0 && a->link[0] != '\0' && i->link[0] != '\0')
		return false;
	if (same_name(i, a))
		return true;
	if (a->role == ROLE_VICTIM)
		return false; /* two victims of one service are two attacks unless the name ties them */
	/* where names are not seen, one link is enough: its customers ask one resolver over IPv4 and another over IPv6 */
	if (a->role == ROLE_ABUSER && a->link[0] != '\0' && strcmp(i->link, a->link) == 0 && a->qname_len == 0 && i->qname_len == 0)
		return true;
	return i->has_through && a->peers_n > 0 && addr_equal(&i->through, &a->peers[0].addr);
}

static struct book_incident *
find_incident(struct book *b, const struct alert *a, uint32_t tick)
{
	struct book_incident *old = NULL;

	for (uint32_t i = 0; i < b->incidents_n; i++)
		if (belongs(b, &b->incident[i], a, tick))
			return &b->incident[i];
	if (b->incidents_n < BOOK_INCIDENTS) {
		old = &b->incident[b->incidents_n++];
	} else {
		for (uint32_t i = 0; i < BOOK_INCIDENTS; i++)
			if (b->incident[i].open_n == 0 &&
			    (old == NULL || b->incident[i].joined_tick < old->joined_tick))
				old = &b->incident[i];
		if (old == NULL)
			old = &b->incident[BOOK_INCIDENTS - 1]; /* a thousand open ones: the last takes the rest */
		else
			old->used = false;
	}
	return old;
}

/* What an incident is about. */
static void
incident_topic(struct incident *i, const struct alert *a)
{
	i->kind = a->kind;
	i->vector = a->vector;
	i->qname_len = a->qname_len;
	memcpy(i->qname, a->qname, a->qname_len);
	i->qtype = a->qtype;
	/* clients of a zone and strangers at an open resolver are many, and what a prefix or a link draws comes from many: none of
	 * them is the way it went */
	i->has_through = a->peers_n > 0 && a->role != ROLE_ZONE && a->kind != KIND_OPEN_RESOLVER && a->kind != KIND_LINK_SATURATION &&
	    !(a->role == ROLE_ABUSER && a->subject.type != SUBJECT_HOST && !alert_of_customer(a));
	if (i->has_through)
		i->through = a->peers[0].addr;
}

static void
incident_begin(struct book_incident *inc, const struct alert *a)
{
	struct incident *i = &inc->view;

	/* the link was full before it was known who fills it */
	if (inc->used && i->kind == KIND_LINK_SATURATION && a->kind != i->kind)
		incident_topic(i, a);
	if (inc->used)
		return;
	memset(inc, 0, sizeof(*inc));
	inc->used = true;
	i->id = content_id(UINT64_C(0x9ae16a3b2f90404f), a->kind, &a->subject.prefix.addr, a->vector, time_seconds(a->t_ns));
	incident_topic(i, a);
	i->first_ns = a->start_ns;
	i->named_ns = a->t_ns;
	memcpy(i->link, a->link, sizeof(i->link));
}

static double
figure(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	return e != NULL ? e->value : 0;
}

/* A sum with what a figure grew by; one that fell (an estimate did) takes from it. */
static uint64_t
changed(uint64_t sum, const struct alert *now, const struct alert *before, enum evidence_key k)
{
	double by = figure(now, k) - figure(before, k);

	if (by >= 0)
		return by < 1e18 ? sum + (uint64_t)by : sum;
	return -by < (double)sum ? sum - (uint64_t)-by : 0;
}

/* Brings the incident's sums up to date with one alert: what it was before is taken off. */
static void
incident_account(struct book_incident *inc, const struct alert *before, const struct alert *now)
{
	struct incident *i = &inc->view;

	/* what a link carries is what its hosts account for already */
	if (now->kind != KIND_LINK_SATURATION) {
		i->bytes += now->bytes - before->bytes;
		i->packets += now->packets - before->packets;
		i->queries = changed(i->queries, now, before, EV_QUERY_PACKETS);
		i->query_bytes = changed(i->query_bytes, now, before, EV_QUERY_BYTES);
		i->responses = changed(i->responses, now, before, EV_RESPONSES);
		i->bps += figure(now, EV_BPS) - figure(before, EV_BPS);
	}
	if (now->start_ns < i->first_ns)
		i->first_ns = now->start_ns;
	if (now->end_ns > i->last_ns)
		i->last_ns = now->end_ns;
	int all = alert_severity(i->bps, now->link_capacity_bps);

	all = now->severity > all ? now->severity : all;
	if (all > i->severity)
		i->severity = all;
}

/* Queries where they are known, else what they must have been. */
static double
asked(const struct alert *a)
{
	double n = figure(a, EV_QUERY_PACKETS);

	if (n <= 0)
		n = figure(a, EV_RESPONSES);
	return n > 0 ? n : figure(a, EV_RESPONSE_PACKETS);
}

static void
account_ledger(struct book *b, struct book_alert *ba, const struct alert *before)
{
	struct alert *a = &ba->alert;
	double queries = asked(a) - asked(before);
	const struct ledger_gain gain = {
		.from_s = time_seconds(ba->told_ns != 0 ? ba->told_ns : a->start_ns), .to_s = time_seconds(a->end_ns),
		.queries = queries > 0 ? (uint64_t)queries : 0, .bytes = a->bytes > before->bytes ? a->bytes - before->bytes : 0,
		.opened = a->incident == 0,
	};
	const struct ledger_row *r;

	if (b->ledger == NULL || (ba->told_ns != 0 && gain.queries + gain.bytes == 0))
		return;
	r = ledger_add(b->ledger, a, &gain);
	ba->told_ns = a->end_ns;
	if (r != NULL)
		a->ledger = (struct alert_ledger){true, r->first_s, r->last_s, r->alerts, r->days, r->hours, r->queries, r->bytes};
}

/* The latest figures of a watch into its alert. */
static void
refresh(struct book *b, const struct life_env *env, struct book_alert *ba, struct watch *w, const struct verdict *v)
{
	static const struct alert none; /* scratch for "before"; copied, never written */
	struct alert before = none;

	before.bytes = ba->alert.bytes;
	before.packets = ba->alert.packets;
	before.evidence_n = ba->alert.evidence_n;
	memcpy(before.evidence, ba->alert.evidence, sizeof(before.evidence));
	ba->alert.t_ns = env->tick_end_ns;
	if (w->link != 0) {
		const char *name = env->link_name[w->link - 1];

		strncpy(ba->alert.link, name, sizeof(ba->alert.link) - 1);
		ba->alert.link_capacity_bps = env->link_capacity[w->link - 1];
	}
	alert_describe(&ba->alert, w, v, env->judge);
	ba->message_n = strlen(ba->alert.message);
	ba->alert.end_ns = env->tick_ns0 + (int64_t)(w->last_tick + 1) * NS_PER_S;
	if (ba->alert.end_ns > env->tick_end_ns)
		ba->alert.end_ns = env->tick_end_ns;
	account_ledger(b, ba, &before);
	if (ba->alert.incident != 0) {
		struct incident *i = &b->incident[ba->incident].view;

		incident_account(&b->incident[ba->incident], &before, &ba->alert);
		/* the loudest at the beginning need not stay so; of many alerts the first named it */
		if (i->alerts_n == 1 && i->has_through && ba->alert.peers_n > 0)
			i->through = ba->alert.peers[0].addr;
	}
}

enum { DAY_S = 86400 };

/* What a line says beside its sentence: that the subject is an old acquaintance, and who else there is. */
static void
remarks(struct book_alert *ba, const struct book_incident *inc)
{
	struct alert *a = &ba->alert;
	const struct alert_ledger *l = &a->ledger;
	char *to = a->message + ba->message_n;
	size_t room = sizeof(a->message) - ba->message_n;
	int n = 0;

	*to = '\0';
	if (l->known && l->days > 1)
		n = snprintf(to, room, "; seen for %lld days", (long long)(l->last_s / DAY_S - l->first_s / DAY_S + 1));
	a->withheld = inc->view.withheld;
	a->incident_alerts = a->withheld > 0 ? inc->view.alerts_n : 0;
	if (a->withheld > 0 && n >= 0 && (size_t)n < room)
		snprintf(to + n, room - (size_t)n, "; one of %zu alerts of its incident, %zu of which have no lines of their own",
		    inc->view.alerts_n, inc->view.withheld);
}

static void
emit(struct book *b, const struct life_env *env, struct book_alert *ba, enum alert_action action, const char *reason)
{
	struct book_incident *inc = &b->incident[ba->incident];

	if (ba->withheld) {
		ba->line_tick = env->tick;
		return;
	}
	remarks(ba, inc);
	if (inc->view.withheld > 0) {
		inc->storm_tick = env->tick;
		inc->storm_told = inc->view.withheld;
	}
	/* forty customers who fill a link together are as bad as one who does */
	if (b->incident[ba->incident].view.severity > ba->alert.severity)
		ba->alert.severity = b->incident[ba->incident].view.severity;
	ba->alert.action = action;
	ba->alert.reason = reason;
	ba->line_tick = env->tick;
	ba->line_severity = ba->alert.severity;
	b->lines++;
	env->emit(env->ctx, &ba->alert);
}

/* Has this alert lines of its own?  The first one of an incident always has. */
static void
storm(struct book *b, const struct life_env *env, struct book_alert *ba, struct book_incident *inc)
{
	double most = env->judge->settings->engine.storm;

	if (b->storm_n == 0 || env->tick - b->storm_tick >= 60) {
		b->storm_tick = env->tick;
		b->storm_n = 0;
	}
	ba->withheld = inc->shown_n > 0 && (b->storm_n >= most || inc->shown_n >= most);
	if (ba->withheld) {
		b->withheld++;
		inc->view.withheld++;
	} else {
		b->storm_n++;
		inc->shown_n++;
	}
}

const char *
watch_vector(const struct watch *w, uint16_t *port)
{
	bool dns = w->service == SERVICE_NONE || service_is_names(w->service) || (w->service == SERVICE_LEVEL && w->level.server);

	*port = 0;
	if (w->service == SERVICE_EXPORTER)
		return "flow-export";
	if (w->service == SERVICE_LEVEL && !dns)
		return "none";
	*port = dns ? 53 : service_info(w->service)->port;
	return dns ? "dns" : service_info(w->service)->name;
}

static void
open_alert(struct book *b, const struct life_env *env, struct watch *w, const struct detector *d, const struct verdict *v)
{
	struct book_alert *ba = take_alert(b, env->tick);
	struct book_incident *inc;
	struct addr who;

	if (ba == NULL) {
		b->dropped++;
		w->life.state = LIFE_IDLE;
		return;
	}
	memset(ba, 0, sizeof(*ba));
	ba->used = ba->open = true;
	ba->opened_tick = env->tick;
	ba->alert.kind = d->kind;
	ba->alert.role = v->role;
	ba->alert.vector = watch_vector(w, &ba->alert.vector_port);
	ba->alert.start_ns = w->first_ns != 0 ? w->first_ns : env->tick_end_ns - NS_PER_S;
	w->life.alert = (uint32_t)(ba - b->alert) + 1;
	refresh(b, env, ba, w, v);
	who = w->addr;
	if (w->side >= SIDE_PREFIX) /* 10.0.0.0 and 10.0.0.0/24 are two */
		who.b[0] ^= w->side;
	ba->alert.id = content_id(UINT64_C(14695981039346656037), d->kind, &who, ba->alert.vector,
	    time_seconds(env->tick_end_ns));
	inc = find_incident(b, &ba->alert, env->tick);
	incident_begin(inc, &ba->alert);
	ba->incident = (uint32_t)(inc - b->incident);
	ba->alert.incident = inc->view.id;
	inc->joined_tick = env->tick;
	inc->open_n++;
	inc->view.closed_ns = 0;
	inc->view.alerts_n++;
	if (inc->view.alerts_kept < INCIDENT_ALERTS)
		inc->alert[inc->view.alerts_kept++] = (uint16_t)(ba - b->alert);
	static const struct alert zero;
	incident_account(inc, &zero, &ba->alert);
	storm(b, env, ba, inc);
	b->opened++;
	emit(b, env, ba, ALERT_OPENED, NULL);
}

/* After an alert the watch starts a new episode. */
static void
forget_episode(struct watch *w)
{
	w->life.alert = 0;
	watch_forget_episode(w);
}

static void
close_alert(struct book *b, const struct life_env *env, struct watch *w, const struct verdict *v, const char *reason)
{
	struct book_alert *ba = &b->alert[w->life.alert - 1];
	struct book_incident *inc = &b->incident[ba->incident];

	refresh(b, env, ba, w, v);
	ba->open = false;
	b->closed++;
	if (!ba->withheld && inc->shown_n > 0)
		inc->shown_n--;
	if (ba->alert.kind != KIND_LINK_SATURATION)
		inc->view.bps -= figure(&ba->alert, EV_BPS);
	if (inc->open_n > 0 && --inc->open_n == 0)
		inc->view.closed_ns = env->tick_end_ns;
	emit(b, env, ba, ALERT_CLOSED, reason);
	forget_episode(w);
}

void
life_step(struct book *b, const struct life_env *env, struct watch *w, const struct detector *d, const struct verdict *v)
{
	static const enum life_event of_heat[] = {
		[HEAT_COLD] = EVENT_COLD, [HEAT_WARM] = EVENT_WARM, [HEAT_HOT] = EVENT_HOT};
	enum life_event event = of_heat[v->heat];
	enum life_state before = w->life.state, after;

	if (before == LIFE_FADING && event == EVENT_COLD &&
	    env->tick - w->life.since >= (uint32_t)env->judge->settings->engine.close_after + w->report_s)
		event = EVENT_QUIET;
	after = life_next(before, event);
	if (after != before) {
		w->life.state = (uint8_t)after;
		w->life.since = env->tick;
	}
	if (before == LIFE_IDLE && after == LIFE_OPEN) {
		open_alert(b, env, w, d, v);
	} else if (before != LIFE_IDLE && after == LIFE_IDLE) {
		close_alert(b, env, w, v, "quiet");
	} else if (after == LIFE_OPEN && w->life.alert != 0) {
		struct book_alert *ba = &b->alert[w->life.alert - 1];
		uint32_t age = env->tick - ba->line_tick, every = (uint32_t)env->judge->settings->engine.update_every;

		if (age >= every || (age >= 10 && ba->line_tick == ba->opened_tick)) {
			refresh(b, env, ba, w, v);
			emit(b, env, ba, ALERT_UPDATED, NULL);
		}
	}
}

/* An open alert of an incident, with lines or without. */
static struct book_alert *
open_one(struct book *b, const struct book_incident *inc, bool withheld)
{
	for (size_t i = 0; i < inc->view.alerts_kept; i++) {
		struct book_alert *ba = &b->alert[inc->alert[i]];

		if (ba->open && ba->withheld == withheld)
			return ba;
	}
	return NULL;
}

void
life_storm(struct book *b, const struct life_env *env)
{
	uint32_t every = (uint32_t)env->judge->settings->engine.update_every;

	for (uint32_t i = 0; i < b->incidents_n && b->withheld > 0; i++) {
		struct book_incident *inc = &b->incident[i];
		struct book_alert *ba;

		if (!inc->used || inc->view.withheld == 0 || inc->open_n == 0)
			continue;
		if (inc->shown_n == 0 && (ba = open_one(b, inc, true)) != NULL) {
			/* those with lines have closed, but it goes on */
			ba->withheld = false;
			ba->alert.t_ns = env->tick_end_ns;
			inc->shown_n++;
			inc->view.withheld--;
			emit(b, env, ba, ALERT_OPENED, NULL);
		} else if (inc->storm_told != inc->view.withheld && (inc->storm_told == 0 || env->tick - inc->storm_tick >= every) &&
		    (ba = open_one(b, inc, false)) != NULL && ba->line_tick != env->tick) {
			ba->alert.t_ns = env->tick_end_ns;
			emit(b, env, ba, ALERT_UPDATED, NULL);
		}
	}
}

void
life_finish(struct book *b, const struct life_env *env, struct watch *w)
{
	struct verdict v = {.heat = HEAT_COLD};

	if (w->life.alert == 0)
		return;
	v.role = b->alert[w->life.alert - 1].alert.role;
	close_alert(b, env, w, &v, "end-of-input");
	w->life.state = LIFE_IDLE;
}
