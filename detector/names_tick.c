/* At the end of a tick: what is remarkable among zones, carriers and failing clients goes into watches.
 *
 * Shards are taken in their order and lists in that of first touch, which is that of the input; so the
 * watches see the same whatever the number of threads.
 */
#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/internal.h"
#include "detector/tables.h"

enum {
	FAILING_FROM = 20,    /* failing answers lately, from which on a client is watched */
	CARRIED_HOUR = 2000,  /* bytes: a part of what is judged */
	CARRIED_DAY = 20000,
	CARRIED_ADDRESSES = 5, /* so many times more where addresses are asked for */
	REVERSE_CLIENTS = 5,  /* fewer list a network's names, or read logs; see docs/calibration.md */
	RESOLVER_CLIENTS = 2, /* who answers so many clients at once asks for others */
	QUIET_S = 900,        /* a tunnel may be silent so long and be the same one */
	SLOW_QUIET_S = 7200,
};

/* A zone has no address: a hash of its name stands in its place, the same in every run. */
static struct addr
zone_addr(const struct name_copy *z)
{
	XXH128_hash_t h = XXH3_128bits(z->wire, z->len);
	struct addr a;

	for (int i = 0; i < 8; i++) {
		a.b[i] = (uint8_t)(h.high64 >> (8 * i));
		a.b[8 + i] = (uint8_t)(h.low64 >> (8 * i));
	}
	a.b[0] = 0xfd; /* no address that traffic could have made a watch of: fd00::/8 ends at its own service */
	return a;
}

static void
begin(struct engine *e, struct watch *w, int64_t first_ns, int64_t last_ns, uint32_t sampling)
{
	w->touched = e->env.tick;
	if (w->first_ns == 0)
		w->first_ns = first_ns;
	if (last_ns > w->last_ns)
		w->last_ns = last_ns;
	if (sampling > w->sampling)
		w->sampling = sampling;
}

static uint64_t
all_queries(const struct engine *e)
{
	uint64_t n = 0;

	for (int i = 0; i < SHARDS; i++)
		n += e->shard[i].sums.dns_queries;
	return n;
}

/* How many ask for new names in a hot zone, now or within the hour; 0: a tunnel of its loudest client would not be named, or
 * nothing was measured of what the names carry. */
static uint32_t
tunnel_clients(const struct engine *e, const struct shard_names *n, const struct hot_zone *h, const struct watch *w)
{
	const struct zone *z = names_zone_peek(n, h->hash);
	const struct name_peer *most = &h->peer[0];
	double now = round(watch_peer_count(w)), hour = z != NULL ? round(bits_count(z->clients | z->clients_before)) : 0;

	for (int i = 1; i < HOT_PEERS; i++)
		if (h->peer[i].n > most->n)
			most = &h->peer[i];
	if ((e->env.names & NAMES_CARRIERS) == 0 || hour < 1 || most->n == 0 ||
	    !names_judged_here(e, &most->addr, place_of(&e->env, &most->addr)))
		return 0;
	return (uint32_t)(hour > now ? hour : now);
}

/* Its cells hold in `matched`, `repeat` and `any_queries` how answers failed, in `large` the new names of these, in
 * `large_query_bytes` how long they are, in `fresh` how many of them were asked for text; in `large_size` all new ones; in `queries`
 * the questions without an answer; and in `later_packets` how much the zone's silent servers were asked for it, in `large_bytes` for
 * anything, in `later_bytes` how much all servers were asked meanwhile. */
static void
take_zone(struct engine *e, struct shard_names *n, struct hot_zone *h)
{
	const struct addr a = zone_addr(&h->zone);
	struct watch *w;

	if (h->zone.len == 0)
		return;
	w = watches_get(&e->watches, e->env.seed, &a, SIDE_SERVER, SERVICE_ZONE, e->env.tick);
	if (w == NULL)
		return;
	begin(e, w, h->first_ns, h->last_ns, h->sampling);
	watch_set_name(w, h->zone.wire, h->zone.len, 0, h->answers);
	const struct cell c = {.answers = h->answers, .answer_bytes = h->bytes, .large = h->fresh_failing,
		.matched = h->nxdomain, .repeat = h->servfail, .any_queries = h->refused, .large_size = h->fresh,
		.answer_packets = h->answers, .queries = h->unanswered, .large_query_bytes = h->labels, .later_packets = (uint32_t)h->asked,
		.fresh = h->texts, .large_bytes = h->servers_asked, .later_bytes = h->servers_asked > 0 ? all_queries(e) : 0};

	cell_add(&w->now, &c);
	w->names.tick = e->env.tick;
	w->names.usual = h->usual;
	if (h->unanswered > 0) {
		w->names.usual = h->usual > h->fresh_usual ? h->usual : h->fresh_usual;
		w->names.watched_s = e->env.tick - e->asked.since;
		if (w->life.alert != 0)
			names_unusual(n, h);
	}
	for (int i = 0; i < HLL_REGISTERS; i++)
		if (w->peers[0].reg[i] < h->clients.reg[i])
			w->peers[0].reg[i] = h->clients.reg[i];
	w->names.clients = tunnel_clients(e, n, h, w);
	h->attacked = subdomain_attacked(&e->settings, w, e->env.tick);
	w->names.reputation = names_is_reputation(h->zone.wire, h->zone.len) ||
	    (names_is_reverse(h->zone.wire, h->zone.len) && watch_peer_count(w) < REVERSE_CLIENTS);
	for (int i = 0; i < HOT_PEERS; i++)
		if (h->peer[i].n > 0)
			watch_take_peer(w, &h->peer[i].addr, h->peer[i].n, 0);
}

static bool
is_resolver(const struct engine *e, const struct addr *a, struct place place)
{
	const struct server *s = engine_find_server(e, a);

	return (place.flags & HOST_RESOLVER) != 0 || (s != NULL && s->clients >= RESOLVER_CLIENTS);
}

bool
names_judged_here(const struct engine *e, const struct addr *a, struct place place)
{
	if (addr_is_special(a) || is_resolver(e, a, place))
		return false;
	/* with known networks, what strangers do to each other is not ours to judge */
	return !e->networks_known || (place.flags & HOST_OURS) != 0;
}

struct names_figures
names_carried(const struct carrier *c, const struct carried *sums, uint32_t tick)
{
	return (struct names_figures){.tick = tick, .hour = sums->hour, .day = sums->day, .hours = sums->hours,
		.answers = c->answers, .fresh = c->fresh, .rare = c->rare, .payload = c->payload, .labels = c->labels,
		.clients = c->clients, .all = c->all, .bytes = c->bytes, .entropy = carrier_entropy(c), .foreign = carrier_foreign(c),
		.reputation = c->zone.len > 0 && names_is_reputation(c->zone.wire, c->zone.len)};
}

/* A zone that others send new names to as well has to be so much louder (see tunnel.c): what a suffix makes of everybody's mistyped
 * names does not hide a tunnel. */
static double
loudness(const struct engine *e, uint32_t hour, uint32_t clients)
{
	return hour / fmax(clients, e->settings.tunnel.clients);
}

static void
take_carrier(struct engine *e, const struct carrier *c)
{
	struct carried sums = carrier_sums(c, e->env.tick);
	uint32_t times = c->rare * 2 >= c->fresh || carrier_foreign(c) >= 0.5 * e->settings.tunnel.foreign_share ? 1 : CARRIED_ADDRESSES;
	struct place place = place_of(&e->env, &c->client);
	struct watch *w;

	if (sums.hour < CARRIED_HOUR * times && sums.day < CARRIED_DAY * times)
		return;
	if (!names_judged_here(e, &c->client, place))
		return;
	w = watches_get(&e->watches, e->env.seed, &c->client, SIDE_CLIENT, SERVICE_TUNNEL, e->env.tick);
	/* of several zones the loudest in this hour speaks for the client */
	if (w == NULL || (w->names.tick == e->env.tick &&
	    loudness(e, w->names.hour, w->names.clients) > loudness(e, sums.hour, c->clients)))
		return;
	w->flags = place.flags;
	w->link = place.link;
	w->group = place.group;
	begin(e, w, c->first_ns, c->last_ns, c->sampling);
	if (w->now.answers == 0) {
		w->now.answers = w->now.answer_packets = 1;
		watch_take_peer(w, &c->server, 1, 0);
	}
	watch_set_name(w, c->zone.wire, c->zone.len, 0, 1);
	w->names = names_carried(c, &sums, e->env.tick);
	w->report_s = sums.hours > 3 ? SLOW_QUIET_S : QUIET_S;
}

/* Worth a watch: many questions failed lately, and that is much of what it asked. */
static bool
fails_much(const struct failer *x)
{
	return x->recent >= FAILING_FROM && x->recent * 5 >= x->recent_all * 2;
}

static void
take_failer(struct engine *e, struct failer *x)
{
	struct place place = place_of(&e->env, &x->client);
	struct watch *w;

	if (!x->watched && !fails_much(x) && !why_is_host(e->why, &x->client))
		return;
	if (!names_judged_here(e, &x->client, place))
		return;
	w = x->watched ? watches_find(&e->watches, e->env.seed, &x->client, SIDE_CLIENT, SERVICE_FAILING) : NULL;
	if (w == NULL) {
		x->watched = fails_much(x);
		w = x->watched ? watches_get(&e->watches, e->env.seed, &x->client, SIDE_CLIENT, SERVICE_FAILING, e->env.tick) :
		    why_watch(e, &x->client, SIDE_CLIENT, SERVICE_FAILING);
	}
	if (w == NULL)
		return;
	w->flags = place.flags;
	w->link = place.link;
	w->group = place.group;
	begin(e, w, x->first_ns, x->last_ns, x->sampling);
	const struct cell c = {.answers = x->answers, .answer_packets = x->answers, .answer_bytes = x->bytes,
		.matched = x->nxdomain, .repeat = x->servfail, .any_queries = x->refused, .large = x->fresh,
		.later_packets = x->like_address};

	cell_add(&w->now, &c);
	if (x->nxdomain + x->servfail + x->refused > 0) {
		watch_take_peer(w, &x->server, x->nxdomain + x->servfail + x->refused, 0);
		watch_set_name(w, x->sample.wire, x->sample.len, 0, 1);
	}
	w->names.tick = e->env.tick;
	w->names.zones = (uint32_t)bits_count(x->zones[0] | x->zones[1]);
}

static unsigned int
failing_bit(const struct addr *a)
{
	uint64_t h = (name_load8(a->b) * UINT64_C(0xd6e8feb86659fd93) ^ name_load8(a->b + 8)) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned int)(h >> 52);
}

void
names_mark_failing(struct engine *e)
{
	bool anew = e->env.tick % 3600 == 0;

	if (anew)
		memset(e->failing, 0, sizeof(e->failing));
	for (int s = 0; s < SHARDS; s++) {
		const struct shard_names *n = &e->shard[s].names;

		for (uint32_t i = 0; i < (anew ? FAILERS : n->failers_n); i++) {
			uint32_t at = anew ? i : n->failer_touched[i];
			unsigned int bit = failing_bit(&n->failer[at].client);

			if (n->failer_key[at] != 0)
				e->failing[bit >> 6] |= UINT64_C(1) << (bit & 63);
		}
	}
}

/* All answers of a client some of whose questions failed. */
static void
count_answers(struct engine *e, const struct pair *p)
{
	unsigned int bit = failing_bit(&p->client);
	struct shard_names *n;
	struct failer *x;
	uint64_t client;

	if ((e->failing[bit >> 6] >> (bit & 63) & 1) == 0)
		return;
	client = addr_hash(e->env.seed, &p->client);
	n = &e->shard[shard_of(client)].names;
	x = names_failer(n, client);
	if (x == NULL)
		return;
	x->answers += p->answers;
	x->bytes += p->answer_bytes;
	x->recent_all += p->answers;
	if (!x->listed) {
		x->listed = true;
		n->failer_touched[n->failers_n++] = (uint32_t)(x - n->failer);
	}
}

void
names_take_pair(struct engine *e, const struct pair *p, bool stranger)
{
	struct place place;
	struct watch *w;

	if (p->answers > 0 && p->crowd != CROWD_OF_CLIENTS && (e->env.names & NAMES_FAILERS) != 0)
		count_answers(e, p);
	if (!stranger || (e->env.names & NAMES_STRANGERS) == 0 || p->crowd != CROWD_NONE || addr_is_special(&p->server) || addr_is_special(&p->client))
		return;
	w = watches_get(&e->watches, e->env.seed, &p->server, SIDE_SERVER, SERVICE_RECURSION, e->env.tick);
	if (w == NULL)
		return;
	place = place_of(&e->env, &p->server);
	w->flags = place.flags;
	w->link = place.link;
	w->group = place.group;
	begin(e, w, e->env.begin_ns, e->env.begin_ns, p->sampling);
	w->now.answers += p->recursed;
	w->now.answer_packets += p->recursed;
	w->now.answer_bytes += p->answer_bytes;
	w->now.queries += p->queries;
	w->now.query_bytes += p->query_bytes;
	hll_add(&w->peers[0], addr_hash(e->env.seed, &p->client));
	watch_take_peer(w, &p->client, p->recursed, p->answer_bytes);
}

void
names_close_tick(struct engine *e)
{
	asked_close_tick(e);
	for (int s = 0; s < SHARDS; s++) {
		struct shard_names *n = &e->shard[s].names;

		for (int i = 0; i < HOT_ZONES; i++)
			if (n->hot[i].hash != 0 && n->hot[i].tick == e->env.tick)
				take_zone(e, n, &n->hot[i]);
		for (uint32_t i = 0; i < n->carriers_n; i++)
			take_carrier(e, &n->carrier[n->carrier_touched[i]]);
		for (uint32_t i = 0; i < n->failers_n; i++)
			take_failer(e, &n->failer[n->failer_touched[i]]);
	}
}

void
names_tick_done(struct engine *e)
{
	for (int s = 0; s < SHARDS; s++) {
		struct shard_names *n = &e->shard[s].names;

		if (e->env.tick % 3600 == 0)
			names_track_anew(n, e->env.tick);
		for (int i = 0; i < HOT_ZONES; i++) {
			struct hot_zone *h = &n->hot[i];

			if (h->hash == 0 || h->tick != e->env.tick)
				continue;
			h->answers = h->nxdomain = h->servfail = h->refused = h->fresh = h->fresh_failing = 0;
			h->unanswered = h->labels = h->texts = h->servers_n = 0;
			h->bytes = h->asked = h->servers_asked = 0;
			memset(&h->clients, 0, sizeof(h->clients));
			memset(h->peer, 0, sizeof(h->peer));
		}
		for (uint32_t i = 0; i < n->carriers_n; i++)
			n->carrier[n->carrier_touched[i]].listed = false;
		for (uint32_t i = 0; i < n->failers_n; i++) {
			struct failer *x = &n->failer[n->failer_touched[i]];

			x->listed = false;
			x->answers = 0;
			x->bytes = 0;
			x->nxdomain = x->servfail = x->refused = x->fresh = x->like_address = 0;
		}
		n->carriers_n = n->failers_n = 0;
	}
}
