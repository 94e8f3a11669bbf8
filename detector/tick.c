/* Closing a tick: pairs go into watches.  What is then judged is in judging.c, curves are in curves.c. */
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/internal.h"
#include "detector/pair_names.h"
#include "detector/tables.h"

enum { OWNER_S = 300 }; /* the two have used the service so lately: the long window */

bool
engine_stranger(const struct engine *e, const struct pair *p, struct place client, struct place server)
{
	if (e->networks_known)
		return (server.flags & HOST_OURS) != 0 && (client.flags & HOST_OURS) == 0;
	/* nothing is configured: who asks and is answered as nobody is in good faith tells of the server, be it whose it may */
	if (p->queries > 0 && service_info(p->service)->abuse)
		return true;
	/* a private server with a public client can only be ours with a stranger */
	return p->crowd == CROWD_NONE && addr_is_private(&p->server) && !addr_is_private(&p->client);
}

/* What the configuration says of its address. */
static void
watch_place(struct watch *w, struct place place)
{
	w->flags = place.flags;
	w->link = place.link;
	w->group = place.group;
}

/* Servers with many queries get a watch of their own: service "none", fresh queries in `large`. */
static void
watch_floods(struct engine *e)
{
	double least = e->settings.query_flood.rate / 4;

	for (uint32_t i = 0; i < e->server_touched_n; i++) {
		struct server *s = &e->server[e->server_touched[i]];
		struct watch *w;

		w = s->queries < least ? why_watch(e, &s->addr, SIDE_SERVER, SERVICE_NONE) :
		    watches_get(&e->watches, e->env.seed, &s->addr, SIDE_SERVER, SERVICE_NONE, e->env.tick);
		if (w == NULL)
			continue;
		watch_place(w, place_of(&e->env, &s->addr));
		const struct cell c = {.queries = s->queries, .query_bytes = s->query_bytes, .answers = s->answers,
			.large = s->fresh};

		if (s->to_ns != 0 && s->from_ns < e->env.begin_ns)
			watch_spread(w, &c, s->from_ns, s->to_ns, e->env.tick, e->env.begin_ns);
		else
			cell_add(&w->now, &c);
		w->records = w->records || s->to_ns != 0;
		if (s->sampling > w->sampling)
			w->sampling = s->sampling;
		w->touched = e->env.tick;
		if (w->first_ns == 0)
			w->first_ns = e->env.begin_ns;
	}
	e->server_touched_n = 0;
}

/* --- pairs to watches ----------------------------------------------------------------------------- */

enum { QUERIES_AHEAD = 30 }; /* of one client within a tick: more than a stub asks */

static bool
remarkable(const struct pair *p)
{
	/* records of many queries may come a tick before those of their answers, and would be forgotten */
	if (p->service == SERVICE_DNS)
		return p->large > 0 || (p->counted && p->answers == 0 && p->queries >= p->sampling * QUERIES_AHEAD);
	if (p->service == SERVICE_FRAGMENT)
		return p->answers > 0;
	/* another service: answers that nothing asked for, or that are larger than its ordinary ones */
	return p->answers > 0 && (p->matched < p->answers ||
	    p->answer_bytes >= (uint64_t)service_info(p->service)->min_answer * p->answer_packets);
}

/* What DNS puts on the link that the client sits behind. */
static void
count_link(struct engine *e, const struct pair *p)
{
	struct series_point *sum;

	if (p->service != SERVICE_DNS || p->crowd == CROWD_OF_CLIENTS)
		return;
	sum = &e->link_dns[place_of(&e->env, &p->client).link];
	sum->dns_queries += p->queries;
	sum->any_queries += p->any_queries;
	sum->dns_answers += p->answers;
	sum->dns_answer_bytes += p->answer_bytes;
	sum->fragments += p->later_packets;
}

/* Another service's answers are amplified when their receiver, or the prefix around it, has an alert. */
bool
engine_is_hit(const struct engine *e, const struct watch *w)
{
	const struct watch *prefix;

	if (w == NULL || w->life.alert != 0)
		return w != NULL;
	prefix = areas_prefix_of(e, w);
	return prefix != NULL && e->facts[prefix - e->areas.pool].carpet;
}

static void
cover_amplified(struct cover *c, const struct pair *p)
{
	int64_t from = time_seconds(p->from_ns), to = time_seconds(p->to_ns);
	uint64_t later = p->later_bytes < p->answer_bytes ? p->later_bytes : 0;

	cover_add(c, COVER_FIRST, from, to, p->answer_bytes - later);
	cover_add(c, COVER_LATER, from, to, later);
	cover_add(c, COVER_LARGE, from, to, p->answers);
}

static void
cover_other(struct engine *e, const struct pair *p)
{
	const struct watch *w = watches_find(&e->watches, e->env.seed, &p->client, SIDE_CLIENT, p->service);
	uint16_t link = place_of(&e->env, &p->client).link;

	if (p->crowd != CROWD_NONE || p->answers == 0 || !engine_is_hit(e, w))
		return;
	cover_amplified(e->cover[0], p);
	if (link > 0)
		cover_amplified(e->cover[link], p);
}

/* What the records of a pair tell of DNS goes to the seconds they cover. */
static void
cover_pair(struct engine *e, const struct pair *p)
{
	int64_t from = time_seconds(p->from_ns), to = time_seconds(p->to_ns);

	if (p->service != SERVICE_DNS && e->cover[0] != NULL)
		cover_other(e, p);
	if (p->service != SERVICE_DNS || e->cover[0] == NULL)
		return;
	for (size_t l = 0; l <= e->links_n; l++) {
		struct cover *c = e->cover[l];

		if (l > 0 && (p->crowd == CROWD_OF_CLIENTS || place_of(&e->env, &p->client).link != l))
			continue;
		cover_add(c, COVER_QUERIES, from, to, p->queries);
		cover_add(c, COVER_ANSWERS, from, to, p->answers);
		cover_add(c, COVER_ANSWER_BYTES, from, to, p->answer_bytes);
		cover_add(c, COVER_FIRST, from, to, p->large_bytes);
		cover_add(c, COVER_LATER, from, to, p->later_bytes);
		cover_add(c, COVER_LARGE, from, to, p->large);
	}
}

/* What an already watched client does besides belongs to its picture. */
static void
take_besides(struct engine *e, const struct pair *p)
{
	struct watch *w = p->crowd == CROWD_OF_CLIENTS || e->watches.used == 0 ? NULL :
	    watches_find(&e->watches, e->env.seed, &p->client, SIDE_CLIENT, p->service);

	if (w == NULL) {
		areas_besides(e, p);
		customers_besides(e, NULL, p);
		return;
	}
	watch_take(w, p, p->crowd == CROWD_OF_SERVERS ? NULL : &p->server, 0, NULL, e->env.tick, e->env.begin_ns);
	areas_take(e, w, p, p->crowd == CROWD_OF_SERVERS ? NULL : &p->server, 0, NULL);
	customers_besides(e, w, p);
}

static bool
asked_about(const struct engine *e, const struct pair *p)
{
	return why_is_host(e->why, &p->client) || why_is_host(e->why, &p->server);
}

/* New addresses of an IPv6 prefix that is named already count for it, and take no room of their own. */
static bool
covered(struct engine *e, const struct shard *s, const struct pair *p, const struct addr *peer)
{
	uint64_t hash = addr_hash(e->drawn.salt, peer != NULL ? peer : &p->client);

	if (addr_is_v4(&p->client))
		return false;
	if (customers_cover(e, p)) {
		customers_take(e, NULL, p, peer, hash, s);
		return true;
	}
	return areas_cover(e, p, peer, hash, s);
}

/* Into the curves: the seconds that records cover, or this one. */
static void
count_pair(struct engine *e, const struct pair *p)
{
	if (p->to_ns != 0)
		cover_pair(e, p);
	else if (e->links_n > 0)
		count_link(e, p);
}

static void
take_pair(struct engine *e, struct shard *s, const struct pair *p)
{
	bool crowd_client = p->crowd == CROWD_OF_CLIENTS, crowd_server = p->crowd == CROWD_OF_SERVERS;
	struct place client = {0}, server = {0};
	enum watch_side side;
	const struct addr *a, *peer;
	struct watch *w;

	engine_count_server(e, p);
	if (p->service == SERVICE_DNS && p->answers > 0)
		names_take_pair(e, p, p->recursed > 0 &&
		    engine_stranger(e, p, place_of(&e->env, &p->client), place_of(&e->env, &p->server)));
	count_pair(e, p);
	if (!remarkable(p)) {
		if (!p->counted)
			take_besides(e, p);
		if (!asked_about(e, p))
			return;
	}
	client = place_of(&e->env, &p->client);
	server = place_of(&e->env, &p->server);
	side = engine_stranger(e, p, client, server) ? SIDE_SERVER : SIDE_CLIENT;
	a = side == SIDE_CLIENT ? &p->client : &p->server;
	peer = side == SIDE_CLIENT ? crowd_server ? NULL : &p->server : crowd_client ? NULL : &p->client;
	if (addr_is_special(a) || (side == SIDE_CLIENT && crowd_client) || (side == SIDE_SERVER && crowd_server))
		return;
	/* a group that is multicast to is no stranger, and who began a conversation is no server of it */
	if (side == SIDE_SERVER && (p->server_began || (!crowd_client && addr_is_special(&p->client))))
		return;
	/* with known networks, what strangers do to each other is not ours to judge */
	if (e->networks_known && ((client.flags | server.flags) & HOST_OURS) == 0)
		return;
	pair_names_settle(s, p);
	for (const struct pair_name *x = pair_names_next(s, p, NULL); x != NULL; x = pair_names_next(s, p, x))
		drawn_take(&e->drawn, crowd_client ? NULL : &p->client, x, &s->name[x->name], time_seconds(e->env.begin_ns));
	if (side == SIDE_CLIENT && remarkable(p) && covered(e, s, p, peer))
		return;
	w = remarkable(p) ? watches_admit(&e->watches, e->env.seed, a, side, p->service, e->env.tick, p->drawn,
	    (p->service == SERVICE_DNS ? p->large : p->answers) > 1) : why_watch(e, a, side, p->service);
	if (w == NULL)
		return;
	watch_place(w, side == SIDE_CLIENT ? client : server);
	if (p->to_ns != 0)
		w->report_s = engine_report_s(e);
	/* peers are counted under a salt that outlives a restart, unlike the seed */
	watch_take(w, p, peer, addr_hash(e->drawn.salt, peer != NULL ? peer : a), s, e->env.tick, e->env.begin_ns);
	if (!remarkable(p))
		return;
	areas_take(e, w, p, peer, addr_hash(e->env.seed, peer != NULL ? peer : a), s);
	if (side == SIDE_CLIENT && !addr_is_v4(a))
		customers_take(e, w, p, peer, addr_hash(e->drawn.salt, peer != NULL ? peer : a), s);
}

enum { FRAGMENTS_OF_ANSWER = 6 }; /* at most, a DNS message being 8 KiB in practice */

/* The host gets so many large answers of this service that they explain its fragments, whoever sends them: of
 * samples the first fragments from one of many reflectors were mostly not taken. */
static bool
explains_fragments(const struct engine *e, const struct pair *p, uint8_t service)
{
	const struct watch *w = watches_find(&e->watches, e->env.seed, &p->client, SIDE_CLIENT, service);
	const struct watch *f = watches_find(&e->watches, e->env.seed, &p->client, SIDE_CLIENT, SERVICE_FRAGMENT);
	uint64_t answers, later = p->answer_packets;

	if (w == NULL || p->sampling <= 1)
		return false;
	answers = (uint64_t)w->sum[WINDOW_SHORT].large + w->now.large;
	if (f != NULL)
		later += (uint64_t)f->sum[WINDOW_SHORT].answers + f->now.answers;
	return answers * FRAGMENTS_OF_ANSWER >= later;
}

/* Which service later fragments between two hosts belong to, where records gave them no ports: the one that the two
 * used lately; DNS before others. */
static uint8_t
fragment_owner(const struct engine *e, const struct shard *s, const struct pair *p)
{
	uint64_t client = addr_hash(e->env.seed, &p->client), server = addr_hash(e->env.seed, &p->server);

	for (unsigned int i = SERVICE_DNS; i < service_count(); i++) {
		const struct pair_slot *slot = i != SERVICE_FRAGMENT ? pair_peek(s, pair_hash(client, server, (uint8_t)i)) : NULL;

		if (slot != NULL && pair_age(slot, e->env.tick) <= OWNER_S)
			return (uint8_t)i;
	}
	return explains_fragments(e, p, SERVICE_DNS) ? SERVICE_DNS : SERVICE_FRAGMENT;
}

/* Nothing but fragments from a DNS server: an exporter that shows one direction, loses much, or knows no ports of any
 * fragment leaves no more of its large answers.  As many answers as packets, for want of a better number. */
static bool
dns_orphans(const struct engine *e, const struct pair *p, uint8_t owner)
{
	const struct server *s = engine_find_server(e, &p->server);

	if (owner != SERVICE_FRAGMENT)
		return owner == SERVICE_DNS && p->whole && p->answer_bytes >= (uint64_t)e->env.large_answer * p->answer_packets;

	return p->crowd == CROWD_NONE && p->answer_bytes >= (uint64_t)e->env.large_answer * p->answer_packets &&
	    ((place_of(&e->env, &p->server).flags & HOST_RESOLVER) != 0 ||
	    (s != NULL && s->answered_tick != 0 && e->env.tick - s->answered_tick <= OWNER_S));
}

/* Fragments of records, after all other pairs of the tick: in whatever order the records came, their service is known. */
static void
take_fragments(struct engine *e, struct shard *s, const struct pair *p)
{
	struct pair q = *p;
	struct place client, server;
	enum watch_side side;
	struct watch *w;

	q.service = p->crowd == CROWD_NONE ? fragment_owner(e, s, p) : SERVICE_FRAGMENT;
	if (dns_orphans(e, p, q.service)) {
		q.service = SERVICE_DNS;
		q.answers = q.large = q.answer_packets;
		q.large_bytes = q.answer_bytes;
		q.later_packets = 0;
		q.later_bytes = 0;
		take_pair(e, s, &q);
		return;
	}
	if (q.service == SERVICE_FRAGMENT) {
		take_pair(e, s, &q);
		return;
	}
	q.owned = true;
	q.one_flow = 0; /* one row of fragments for all flows of the two */
	if (q.service == SERVICE_DNS)
		q.answers = 0; /* no messages of their own */
	count_pair(e, &q);
	client = place_of(&e->env, &p->client);
	server = place_of(&e->env, &p->server);
	side = engine_stranger(e, p, client, server) ? SIDE_SERVER : SIDE_CLIENT;
	w = watches_find(&e->watches, e->env.seed, side == SIDE_CLIENT ? &p->client : &p->server, side, q.service);
	if (w == NULL)
		return;
	watch_take(w, &q, side == SIDE_CLIENT ? &p->server : &p->client, 0, NULL, e->env.tick, e->env.begin_ns);
	areas_take(e, w, &q, &p->server, 0, NULL);
}

static bool
waits(const struct pair *p)
{
	return p->service == SERVICE_FRAGMENT && p->counted;
}

/* Records of minutes may end up in one tick, in any order: first those that make watches, then what the watched did
 * besides, then the fragments. */
static void
take_pairs(struct engine *e)
{
	for (int i = 0; i < SHARDS; i++)
		for (uint32_t k = 0; k < e->shard[i].pair_n; k++)
			if (!waits(&e->shard[i].pair[k]))
				take_pair(e, &e->shard[i], &e->shard[i].pair[k]);
	for (int i = 0; i < SHARDS; i++)
		for (uint32_t k = 0; e->shard[i].counted && k < e->shard[i].pair_n; k++) {
			const struct pair *p = &e->shard[i].pair[k];

			if (p->counted && !waits(p) && !remarkable(p))
				take_besides(e, p);
		}
	for (int i = 0; i < SHARDS; i++)
		for (uint32_t k = 0; e->shard[i].counted && k < e->shard[i].pair_n; k++)
			if (waits(&e->shard[i].pair[k]))
				take_fragments(e, &e->shard[i], &e->shard[i].pair[k]);
}

/* --- the tick ---------------------------------------------------------------------------------------- */

/* Watches that have been quiet for the length of the long window make room, those that repeated themselves for the
 * hour's; one pass a minute. */
static void
drop_quiet(struct engine *e)
{
	if (e->env.tick % 60 != 0)
		return;
	for (uint32_t i = e->watches.used; i-- > 0;) {
		struct watch *w = &e->watches.pool[e->watches.order[i]];

		if (w->life.alert == 0 && e->env.tick - w->last_tick > (w->total.repeat > 0 ? W60 * 60 : W10 * 10))
			watches_free(&e->watches, w);
	}
	for (uint32_t i = e->areas.used; i-- > 0;) {
		struct watch *w = &e->areas.pool[e->areas.order[i]];

		if (w->life.alert == 0 && e->env.tick - w->touched > W60 * 60)
			watches_free(&e->areas, w);
		else if (w->life.alert == 0 && e->env.tick % (w->side == SIDE_CUSTOMER ? W60 * 60 : AREA_ROTATE_S) == 0)
			watch_forget_episode(w);
	}
}

void
engine_close_tick(struct engine *e)
{
	names_mark_failing(e);
	take_pairs(e);
	names_close_tick(e);
	why_names(e);
	watch_floods(e);
	engine_levels(e);
	engine_grow_curves(e);
	engine_judge(e);
	drop_quiet(e);
	for (int i = 0; i < SHARDS; i++)
		shard_tick_done(&e->shard[i], &e->env);
	names_tick_done(e);
	e->env.tick++;
	e->env.begin_ns += NS_PER_S;
	e->end_ns += NS_PER_S;
}

void
engine_pause(struct engine *e)
{
	if (e->started)
		engine_close_tick(e);
}

void
engine_finish(struct engine *e)
{
	if (!e->started)
		return;
	engine_close_tick(e);
	/* at the end nothing comes that could still explain it */
	while (watches_in_grace(&e->watches, e->env.tick))
		engine_close_tick(e);
	engine_end_alerts(e);
}
