/* Setting up, event time, and handing flows to the shards.  Closing a tick is in tick.c. */
#include "detector/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "detector/internal.h"
#include "detector/state.h"
#include "detector/tables.h"

enum {
	LATE_S = 10,      /* older than the current tick by less than this is the ordinary disorder of a capture */
	BACK_S = 300,     /* older by less than this counts in the current tick all the same (the long window) */
	BELIEVE_LATE = 256, /* so many late flows in a row: another recording has begun */
	AHEAD_S = 3600,   /* a single flow further ahead is no reason to believe it */
	BELIEVE = 16,     /* but so many impossible times in a row that agree are */
	FIRST_TICK = 7201, /* the longest record, and 1 modulo the lengths of all slots */
	BLIND_MOST = 366 * 86400, /* after a longer time without a look, alerts are not the same any more */
	SILENT_TICKS = 86400, /* so much of a longer silence counts: no answer is held, no name carried for longer */
	LIVE_TICKS = 700, /* after so many ticks without traffic every window is empty and every alert closed */
};

struct region {
	struct prefix prefix;
	struct place place;
};

static size_t
regions(const struct engine_config *c, struct region *r)
{
	size_t n = 0;

	for (size_t i = 0; i < c->networks_n; i++)
		r[n++] = (struct region){c->network[i], {0, HOST_OURS, 0}};
	for (size_t i = 0; i < c->resolvers_n; i++)
		r[n++] = (struct region){{c->resolver[i], 128}, {0, HOST_RESOLVER | HOST_OURS, 0}};
	for (size_t i = 0; i < c->never_n; i++)
		r[n++] = (struct region){c->never[i], {0, HOST_NEVER, 0}};
	for (size_t l = 0; l < c->links_n; l++)
		for (size_t i = 0; i < c->link[l].prefixes_n; i++)
			r[n++] = (struct region){c->link[l].prefix[i], {(uint16_t)(l + 1), HOST_OURS, 0}};
	for (size_t g = 0; g < c->groups_n; g++)
		for (size_t i = 0; i < c->group[g].members_n; i++)
			r[n++] = (struct region){c->group[g].member[i], {0, (uint8_t)((c->group[g].never ? HOST_NEVER : 0) |
				(c->group[g].kind == GROUP_RESOLVERS ? HOST_RESOLVER : 0)), (uint8_t)(g + 1)}};
	return n;
}

/* One map answers everything the configuration says of an address: each prefix carries what all
 * prefixes around it say. */
static int
make_places(struct engine *e, const struct engine_config *c)
{
	size_t most = c->networks_n + c->resolvers_n + c->never_n, n;
	struct region *r;
	int err = 0;

	for (size_t l = 0; l < c->links_n; l++)
		most += c->link[l].prefixes_n;
	for (size_t g = 0; g < c->groups_n; g++)
		most += c->group[g].members_n;
	prefixmap_init(&e->places_map);
	if (most == 0)
		return 0;
	r = calloc(most, sizeof(*r));
	e->places = calloc(most, sizeof(*e->places));
	if (r == NULL || e->places == NULL) {
		free(r);
		return ERR_NOMEM;
	}
	n = regions(c, r);
	for (size_t i = 0; i < n && err == 0; i++) {
		unsigned int group_bits = 0;

		for (size_t k = 0; k < n; k++)
			if (r[k].prefix.bits <= r[i].prefix.bits && prefix_contains(&r[k].prefix, &r[i].prefix.addr)) {
				e->places[i].flags |= r[k].place.flags;
				if (r[k].place.link != 0)
					e->places[i].link = r[k].place.link;
				if (r[k].place.group != 0 && r[k].prefix.bits >= group_bits) {
					e->places[i].group = r[k].place.group;
					group_bits = r[k].prefix.bits;
				}
			}
		err = prefixmap_add(&e->places_map, &r[i].prefix, (uint32_t)i + 1);
	}
	free(r);
	return err < 0 ? err : prefixmap_build(&e->places_map);
}

static int
make_links(struct engine *e, const struct engine_config *c)
{
	e->links_n = c->links_n;
	e->env.links_n = (uint32_t)c->links_n;
	e->link_name = calloc(c->links_n + 1, sizeof(*e->link_name));
	e->link_capacity = calloc(c->links_n + 1, sizeof(*e->link_capacity));
	e->link_bps = calloc(c->links_n + 1, sizeof(*e->link_bps));
	e->curve = calloc(c->links_n + 1, sizeof(*e->curve));
	e->link_dns = calloc(c->links_n + 1, sizeof(*e->link_dns));
	e->cover = calloc(c->links_n + 1, sizeof(struct cover *));
	e->link_load = calloc(c->links_n + 1, sizeof(*e->link_load));
	if (e->link_name == NULL || e->link_capacity == NULL || e->link_bps == NULL || e->curve == NULL ||
	    e->link_dns == NULL || e->cover == NULL || e->link_load == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->links_n; i++) {
		e->link_name[i] = c->link[i].name;
		e->link_capacity[i] = e->link_load[i].capacity_bps = c->link[i].down_bps;
	}
	for (size_t i = 0; i <= c->links_n; i++) {
		e->curve[i].point = calloc(SERIES_POINTS, sizeof(struct series_point));
		e->curve[i].width_s = 1;
		if (e->curve[i].point == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

static int
make_groups(struct engine *e, const struct engine_config *c)
{
	e->groups_n = c->groups_n;
	e->group = calloc(c->groups_n + 1, sizeof(*e->group));
	if (e->group == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->groups_n; i++) {
		e->group[i] = c->group[i];
		e->group[i].member = NULL;
	}
	return 0;
}

static int
make_tables(struct engine *e, const struct engine_config *c)
{
	const struct budget b = budget_split(c->memory_bytes, c->links_n);

	e->budget = b;
	e->seed_kept = c->seed_kept;
	for (int i = 0; i < SHARDS; i++)
		if (shard_init(&e->shard[i], b.hosts, b.pairs, (uint32_t)c->links_n) < 0)
			return ERR_NOMEM;
	e->server = calloc(SERVERS, sizeof(*e->server));
	e->server_touched = calloc(SERVERS, sizeof(*e->server_touched));
	e->judged = calloc(b.watches + b.areas, sizeof(*e->judged));
	e->queue = calloc((size_t)b.watches + b.areas + BOOK_INCIDENTS, sizeof(*e->queue));
	e->facts = calloc(b.areas, sizeof(*e->facts));
	e->group_level = calloc(LEVEL_GENERAL + c->groups_n, sizeof(*e->group_level));
	if (e->facts == NULL || e->group_level == NULL || e->server == NULL || e->server_touched == NULL || e->judged == NULL || e->queue == NULL)
		return ERR_NOMEM;
	if (watches_init(&e->watches, b.watches) < 0 || watches_init(&e->areas, b.areas) < 0 || book_init(&e->book) < 0 ||
	    copies_init(&e->copies) < 0 || ledger_init(&e->ledger, c->seed) < 0 || drawn_init(&e->drawn, c->seed) < 0 ||
	    customers_init(&e->customers) < 0 || baselines_init(&e->baselines, c->seed) < 0 ||
	    asked_init(&e->asked, (e->env.names & NAMES_ZONES) != 0) < 0)
		return ERR_NOMEM;
	e->book.ledger = &e->ledger;
	e->env.answering = e->asked.answering;
	return 0;
}

/* What names are looked at for, everybody's or a group's. */
static uint8_t
names_parts(const struct detect_settings *s)
{
	return (uint8_t)((detect_enabled(s, KIND_DNS_RANDOM_SUBDOMAIN) ? NAMES_ZONES : 0) |
	    (detect_enabled(s, KIND_DNS_TUNNEL) ? NAMES_CARRIERS : 0) | (detect_enabled(s, KIND_DNS_NXDOMAIN_FLOOD) ? NAMES_FAILERS : 0) |
	    (detect_enabled(s, KIND_OPEN_RESOLVER) ? NAMES_STRANGERS : 0));
}

struct engine *
engine_new(const struct engine_config *c, const struct engine_sink *sink, char *why, size_t why_size)
{
	struct engine *e;

	if (c->memory_bytes < ENGINE_LEAST_MEMORY) {
		snprintf(why, why_size, "%zu bytes of memory are too few, at least %d are needed", c->memory_bytes,
		    ENGINE_LEAST_MEMORY);
		return NULL;
	}
	if (c->groups_n > GROUPS_MAX) {
		snprintf(why, why_size, "%zu groups with thresholds are too many, at most %d", c->groups_n, GROUPS_MAX);
		return NULL;
	}
	if (c->links_n >= LINKS_MAX) {
		snprintf(why, why_size, "%zu links are too many, at most %d", c->links_n, LINKS_MAX - 1);
		return NULL;
	}
	e = aligned_alloc(_Alignof(struct engine), sizeof(*e));
	if (e == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	e->env.seed = c->seed;
	e->env.suffixes = c->suffixes;
	e->env.large_answer = (uint32_t)c->settings->engine.large_answer;
	/* records of the first tick cover earlier ones, which need numbers, too */
	e->env.tick = e->env.first_tick = FIRST_TICK;
	service_map_init(&e->env.services);
	e->settings = *c->settings;
	e->env.names = names_parts(c->settings);
	for (size_t i = 0; i < c->groups_n; i++)
		e->env.names |= names_parts(&c->group[i].settings);
	e->sink = *sink;
	e->networks_known = c->networks_n + c->resolvers_n + c->links_n > 0;
	e->why = c->why != NULL ? why_new(c->why, c->suffixes, c->seed) : NULL;
	if ((c->why != NULL && e->why == NULL) || make_places(e, c) < 0 || make_groups(e, c) < 0 || make_links(e, c) < 0 || make_tables(e, c) < 0) {
		snprintf(why, why_size, "out of memory: the tables take %zu bytes",
		    budget_split(c->memory_bytes, c->links_n).table_bytes);
		engine_free(e);
		return NULL;
	}
	e->env.places_map = e->places != NULL ? &e->places_map : NULL;
	e->env.places = e->places;
	return e;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	for (int i = 0; i < SHARDS; i++)
		shard_done(&e->shard[i]);
	for (size_t i = 0; e->curve != NULL && i <= e->links_n; i++)
		free(e->curve[i].point);
	for (size_t i = 0; e->cover != NULL && i <= e->links_n; i++)
		cover_free(e->cover[i]);
	free(e->cover);
	watches_done(&e->watches);
	watches_done(&e->areas);
	free(e->facts);
	free(e->group_level);
	free(e->link_load);
	book_done(&e->book);
	copies_done(&e->copies);
	ledger_done(&e->ledger);
	drawn_done(&e->drawn);
	customers_done(&e->customers);
	why_free(e->why);
	baselines_done(&e->baselines);
	asked_done(&e->asked);
	for (size_t i = 0; i < e->words_n; i++)
		free(e->words[i]);
	prefixmap_done(&e->places_map);
	free(e->places);
	free(e->group);
	free(e->link_name);
	free(e->link_capacity);
	free(e->link_bps);
	free(e->link_dns);
	free(e->curve);
	free(e->server);
	free(e->server_touched);
	free(e->judged);
	free(e->queue);
	free(e);
}

void
engine_keys(const struct engine *e, const struct flow *f, size_t n, struct flow_key *k)
{
	flow_keys(&e->env, f, n, NULL, k);
}

void
engine_keys_memo(const struct engine *e, const struct flow *f, size_t n, struct names_memo *memo, struct flow_key *k)
{
	flow_keys(&e->env, f, n, memo, k);
}

void
engine_copies(struct engine *e, struct flow *f, const struct flow_key *k, size_t n)
{
	bool copy = false;

	for (size_t i = 0; i < n; i++) {
		if (f[i].digest == 0 || f[i].sampling != 1 || (f[i].flags & FLOW_RECORD) != 0)
			continue;
		/* a second message of a packet goes where its first one went */
		if (f[i].packets != 0) {
			uint64_t hash = mix(k[i].src - k[i].dst, f[i].digest);

			copy = copies_look(&e->copies, hash) && copies_seen(&e->copies, hash, f[i].start_ns);
			e->stats.copies += copy;
		}
		if (copy)
			f[i].flags |= FLOW_COPY;
	}
}

void
engine_ingest(struct engine *e, const struct flow *f, const struct flow_key *k, size_t n)
{
	shards_ingest(e->shard, &e->env, f, k, n);
}

void
engine_work(struct engine *e, const struct flow *f, const struct flow_key *k, size_t from, size_t to,
    struct shard_items *items)
{
	shards_work(e->shard, &e->env, f, k, from, to, items);
}

/* --- event time ---------------------------------------------------------------------------------- */

static void
set_second(struct engine *e, int64_t second)
{
	e->tick0_s = second - e->env.tick;
	e->env.begin_ns = second * NS_PER_S;
	e->end_ns = e->env.begin_ns + NS_PER_S;
}

/* Closes up to n ticks, fewer when nothing is left that the passing of time could change. */
static int64_t
pass_time(struct engine *e, int64_t n)
{
	int64_t done = 0;

	while (done < n && done < LIVE_TICKS && (done == 0 || e->watches.used + e->areas.used > 0)) {
		engine_close_tick(e);
		done++;
	}
	return done;
}

/* Closes ticks until `second` is the current one.  The rest of a long silence is one step, which
 * still makes everything in the tables old. */
static void
move_to(struct engine *e, int64_t second)
{
	int64_t ahead = second - (e->tick0_s + e->env.tick), left = ahead - pass_time(e, ahead);

	if (left > 0) {
		watches_skip_time(&e->watches);
		watches_skip_time(&e->areas);
		e->env.tick += (uint32_t)(left < SILENT_TICKS ? left : SILENT_TICKS);
		set_second(e, second);
	}
}

/* The input's clock was wrong, or another recording begins: end what is open, start anew at `second`. */
static void
jump_to(struct engine *e, int64_t second)
{
	pass_time(e, LIVE_TICKS);
	watches_skip_time(&e->watches);
	watches_skip_time(&e->areas);
	for (size_t i = 0; i < e->links_n; i++)
		link_load_restart(&e->link_load[i]);
	for (size_t i = 0; i <= e->links_n && e->cover[i] != NULL; i++)
		cover_restart(e->cover[i]);
	e->env.tick += LIVE_TICKS;
	e->env.first_tick = e->env.tick;
	set_second(e, second);
	e->stats.jumps++;
	e->strange_n = 0;
	e->late_n = 0;
}

/* A flow whose time cannot be believed is left out of the ticks, but not out of the totals. */
static void
count_strange(struct engine *e, const struct flow *f)
{
	e->stats.late++;
	e->stats.flows++;
	e->stats.packets += f->packets;
	e->stats.bytes += f->bytes;
	if (f->dns != NULL && f->dns->response)
		e->stats.dns_responses++;
	else if (f->dns != NULL)
		e->stats.dns_queries++;
	if ((f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0)
		e->stats.fragments += f->packets;
}

/* Between 1970 and 2200: what lies outside is no time, and sums with it could overflow. */
static bool
sane(int64_t t)
{
	return t >= 0 && t / NS_PER_S < INT64_C(7258118400);
}

static bool
believable(const struct engine *e, int64_t t)
{
	return sane(t) && t < e->end_ns + AHEAD_S * NS_PER_S && t >= e->env.begin_ns - BACK_S * NS_PER_S;
}

/* Curves are made of what passed in a second: a record belongs to all seconds it covers. */
static void
take_record(struct engine *e, const struct flow *f)
{
	int64_t from = time_seconds(f->start_ns), to = time_seconds(f->end_ns);
	uint16_t link;

	if (e->env.tick - e->report_tick >= 3600) {
		e->report_tick = e->env.tick;
		e->report_s[1] = e->report_s[0];
		e->report_s[0] = 0;
	}
	if (f->seen_ns - f->start_ns > e->report_s[0] * NS_PER_S)
		e->report_s[0] = (uint32_t)((f->seen_ns - f->start_ns < 3600 * NS_PER_S ? f->seen_ns - f->start_ns : 3600 * NS_PER_S) / NS_PER_S);
	if (f->start_ns > 0 && f->start_ns < e->stats.first_ns)
		e->stats.first_ns = f->start_ns;
	if (to < time_seconds(e->env.begin_ns) - LATE_RECORD_S) {
		e->stats.late++;
		return;
	}
	for (size_t i = 0; i <= e->links_n && e->cover[i] == NULL; i++) {
		e->cover[i] = cover_new();
		if (e->cover[i] == NULL)
			return; /* the curves lack it; everything else counts */
	}
	if (e->cover[e->links_n] == NULL)
		return;
	cover_add(e->cover[0], COVER_BYTES, from, to, f->bytes);
	cover_add(e->cover[0], COVER_PACKETS, from, to, f->packets);
	link = e->links_n > 0 ? place_of(&e->env, &f->dst).link : 0;
	if (link != 0) {
		cover_add(e->cover[link], COVER_BYTES, from, to, f->bytes);
		cover_add(e->cover[link], COVER_PACKETS, from, to, f->packets);
	}
}

struct engine_run
engine_begin(struct engine *e, const struct flow *f, size_t n)
{
	struct engine_run run = {0, 0};
	int64_t t;

	if (n == 0)
		return run;
	t = flow_time(&f[0]);
	if (!sane(t)) {
		count_strange(e, &f[0]);
		run.skip = 1;
		return run;
	}
	if (!e->started) {
		e->started = true;
		e->stats.first_ns = e->stats.last_ns = t;
		set_second(e, time_seconds(t));
	}
	if (e->stats.first_ns == 0) {
		/* restored: time goes on from the traffic of this run, days later perhaps */
		e->stats.first_ns = e->stats.last_ns = t;
		if (t >= e->end_ns)
			move_to(e, time_seconds(t));
		e->env.first_tick = e->env.tick;
	}
	if (!believable(e, t)) {
		bool agrees = e->strange_n > 0 && t - e->strange_ns < AHEAD_S * NS_PER_S &&
		    e->strange_ns - t < AHEAD_S * NS_PER_S;

		e->strange_n = agrees ? e->strange_n + 1 : 1;
		e->strange_ns = t;
		if (e->strange_n < BELIEVE) {
			count_strange(e, &f[0]);
			run.skip = 1;
			return run;
		}
		jump_to(e, time_seconds(t));
	} else if (t < e->env.begin_ns - LATE_S * NS_PER_S) {
		if (e->late_n >= BELIEVE_LATE)
			jump_to(e, time_seconds(t));
	} else {
		e->late_n = 0; /* an old batch came in between, and the clock was right after all */
		if (t >= e->end_ns)
			move_to(e, time_seconds(t));
	}
	e->strange_n = 0;
	for (int64_t late = e->env.begin_ns - LATE_S * NS_PER_S; run.n < n && engine_same_tick(e, &f[run.n]); run.n++) {
		/* records of one exporter come late by its time-outs, and are spread over what they covered */
		e->late_n = flow_time(&f[run.n]) < late && (f[run.n].flags & FLOW_RECORD) == 0 ? e->late_n + 1 : 0;
		if ((f[run.n].flags & FLOW_RECORD) != 0)
			take_record(e, &f[run.n]);
		if (f[run.n].end_ns > e->stats.last_ns)
			e->stats.last_ns = f[run.n].end_ns;
		if (f[run.n].sampling > e->stats.sampling)
			e->stats.sampling = f[run.n].sampling;
	}
	e->stats.flows += run.n;
	return run;
}

bool
engine_same_tick(const struct engine *e, const struct flow *f)
{
	int64_t t = flow_time(f);

	return e->started && t < e->end_ns && t >= e->env.begin_ns - BACK_S * NS_PER_S && e->late_n < BELIEVE_LATE;
}

void
engine_exporters(struct engine *e, const struct exporter_news *news, size_t n)
{
	for (size_t i = 0; i < n && e->started; i++) {
		struct watch *w = watches_get(&e->watches, e->env.seed, &news[i].addr, SIDE_SERVER, SERVICE_EXPORTER, e->env.tick);

		if (w != NULL)
			exporter_take(w, &news[i], e->env.tick, e->env.begin_ns);
	}
}

void
engine_restart(struct engine *e, int64_t t_ns, bool records)
{
	if (e->started && sane(t_ns) && t_ns < e->env.begin_ns - (records ? BACK_S : LATE_S) * NS_PER_S)
		jump_to(e, time_seconds(t_ns));
}

void
engine_blind(struct engine *e, int64_t t_ns)
{
	int64_t gap;
	uint32_t n;

	if (!e->started || !sane(t_ns) || t_ns <= e->end_ns)
		return;
	gap = time_seconds(t_ns) - (e->tick0_s + e->env.tick);
	if (gap > BLIND_MOST) {
		jump_to(e, time_seconds(t_ns));
		return;
	}
	/* the last hour before now is all that windows hold */
	n = (uint32_t)(gap < W60 * 60 ? gap : W60 * 60);
	watches_blind(&e->watches, e->env.tick + (uint32_t)gap - n, n);
	e->env.tick += (uint32_t)gap;
	set_second(e, time_seconds(t_ns));
	/* silence counts from now on */
	for (uint32_t i = 0; i < e->watches.used; i++)
		if (e->watches.pool[e->watches.order[i]].life.alert != 0)
			e->watches.pool[e->watches.order[i]].life.since = e->env.tick;
	for (uint32_t i = 0; i < e->book.incidents_n; i++)
		if (e->book.incident[i].used && e->book.incident[i].open_n > 0)
			e->book.incident[i].joined_tick += (uint32_t)gap;
}

void
engine_advance(struct engine *e, int64_t t_ns)
{
	if (e->started && sane(t_ns) && t_ns >= e->end_ns)
		move_to(e, time_seconds(t_ns));
}
