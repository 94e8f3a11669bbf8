/* Watches with their windows, as saved.  Sums of windows are made anew from their slots. */
#include <stddef.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/state_inner.h"

/* --- cells: most are empty, most members of the others, too --------------------------------------------- */

#define M(f) {offsetof(struct cell, f), sizeof(((struct cell *)0)->f)}
static const struct {
	size_t at, size;
} members[] = {
	M(queries), M(any_queries), M(answers), M(answer_packets), M(large), M(matched), M(repeat), M(later_packets), M(ticks),
	M(peers), M(amid), M(back), M(fresh), M(query_bytes), M(answer_bytes), M(large_bytes), M(large_size), M(large_query_bytes), M(later_bytes),
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static uint64_t
member(const struct cell *x, unsigned int i)
{
	uint32_t small;
	uint64_t wide;

	if (members[i].size == sizeof(small)) {
		memcpy(&small, (const char *)x + members[i].at, sizeof(small));
		return small;
	}
	memcpy(&wide, (const char *)x + members[i].at, sizeof(wide));
	return wide;
}

static void
save_cell(const struct cell *x, struct buf *out)
{
	unsigned int mask = 0;

	for (unsigned int i = 0; i < MEMBERS; i++)
		mask |= (member(x, i) != 0 ? 1u : 0) << i;
	pack_u(out, mask);
	for (unsigned int i = 0; i < MEMBERS; i++)
		if ((mask >> i & 1) != 0)
			pack_u(out, member(x, i));
}

static void
load_cell(struct cell *x, struct cursor *c)
{
	uint64_t mask = unpack_max(c, (1u << MEMBERS) - 1);

	memset(x, 0, sizeof(*x));
	for (unsigned int i = 0; i < MEMBERS; i++) {
		uint64_t wide;
		uint32_t small;

		if ((mask >> i & 1) == 0)
			continue;
		if (members[i].size == sizeof(small)) {
			small = unpack_u32(c);
			memcpy((char *)x + members[i].at, &small, sizeof(small));
		} else {
			wide = unpack_u(c);
			memcpy((char *)x + members[i].at, &wide, sizeof(wide));
		}
	}
}

static void
save_level(const struct level *l, struct buf *out)
{
	for (int k = 0; k < LEVEL_RATES; k++) {
		pack_f(out, l->rate[k]);
		pack_f(out, l->expected[k]);
	}
	pack_f(out, l->limit);
	pack_f(out, l->group);
	pack_f(out, l->above_s);
	pack_f(out, l->history_s);
	pack_u(out, l->weeks);
	pack_u(out, l->hosts);
	pack_u(out, l->basis);
	pack_u(out, l->server);
	pack_u(out, l->explained);
}

static void
load_level(struct level *l, struct cursor *c)
{
	for (int k = 0; k < LEVEL_RATES; k++) {
		l->rate[k] = unpack_f(c);
		l->expected[k] = unpack_f(c);
	}
	l->limit = unpack_f(c);
	l->group = unpack_f(c);
	l->above_s = unpack_f(c);
	l->history_s = unpack_f(c);
	l->weeks = unpack_u32(c);
	l->hosts = unpack_u32(c);
	l->basis = (uint8_t)unpack_max(c, LEVEL_BASES - 1);
	l->server = unpack_max(c, 1) != 0;
	l->explained = unpack_max(c, 1) != 0;
}

/* --- what names tell ------------------------------------------------------------------------------------------- */

static void
save_figures(const struct names_figures *n, struct buf *out)
{
	const uint64_t u[] = {n->tick, n->hour, n->day, n->hours, n->answers, n->fresh, n->rare, n->payload, n->labels, n->clients, n->zones,
		n->usual, n->watched_s, n->all, n->bytes, n->reputation};

	for (size_t i = 0; i < sizeof(u) / sizeof(u[0]); i++)
		pack_u(out, u[i]);
	pack_f(out, n->entropy);
	pack_f(out, n->foreign);
}

static void
load_figures(struct names_figures *n, uint32_t tick, struct cursor *c)
{
	n->tick = (uint32_t)unpack_max(c, tick);
	n->hour = unpack_u32(c);
	n->day = unpack_u32(c);
	n->hours = unpack_u32(c);
	n->answers = unpack_u32(c);
	n->fresh = unpack_u32(c);
	n->rare = unpack_u32(c);
	n->payload = unpack_u32(c);
	n->labels = unpack_u32(c);
	n->clients = unpack_u32(c);
	n->zones = unpack_u32(c);
	n->usual = unpack_u32(c);
	n->watched_s = unpack_u32(c);
	n->all = unpack_u(c);
	n->bytes = unpack_u(c);
	n->reputation = unpack_max(c, 1) != 0;
	n->entropy = unpack_f(c);
	n->foreign = unpack_f(c);
}

/* --- a watch ------------------------------------------------------------------------------------------------ */

static void
save_sizes(const struct size_counts *s, struct buf *out)
{
	pack_u(out, s->tick);
	for (int k = 0; k < 2 && s->tick != 0; k++) {
		pack_u(out, s->span[k].all);
		for (int i = 0; i < SIZES; i++) {
			pack_u(out, s->span[k].bytes[i]);
			pack_u(out, s->span[k].n[i]);
		}
	}
}

static void
load_sizes(struct size_counts *s, uint32_t tick, struct cursor *c)
{
	s->tick = (uint32_t)unpack_max(c, tick);
	for (int k = 0; k < 2 && s->tick != 0; k++) {
		s->span[k].all = unpack_u32(c);
		for (int i = 0; i < SIZES; i++) {
			s->span[k].bytes[i] = unpack_u32(c);
			s->span[k].n[i] = unpack_u32(c);
		}
	}
}

static void
save_customer(const struct watch *w, struct buf *out)
{
	for (int i = 0; i < WATCH_RECENT; i++)
		pack_u(out, w->recent[i]);
	pack_addr(out, &w->named);
	pack_u(out, w->named_tick);
}

static void
load_customer(struct watch *w, uint32_t tick, struct cursor *c)
{
	for (int i = 0; i < WATCH_RECENT; i++)
		w->recent[i] = unpack_u(c);
	w->named = unpack_addr(c);
	w->named_tick = (uint32_t)unpack_max(c, tick);
}

static void
save_watch(const struct engine *e, const struct watch *w, struct buf *out)
{
	pack_addr(out, &w->addr);
	pack_u(out, w->side);
	pack_u(out, w->service);
	pack_u(out, w->records);
	pack_u(out, w->counted);
	pack_u(out, w->sampling);
	pack_u(out, w->report_s);
	pack_i(out, w->clock_offset_ns);
	if (w->service == SERVICE_LEVEL)
		save_level(&w->level, out);
	if (service_is_names(w->service))
		save_figures(&w->names, out);
	pack_u(out, w->side >= SIDE_PREFIX ? w->link : 0);
	pack_u(out, w->one_flow);
	pack_u(out, w->born);
	pack_u(out, w->first_tick);
	pack_u(out, w->last_tick);
	pack_u(out, w->touched);
	pack_u(out, w->peers_tick);
	pack_u(out, (uint64_t)w->first_ns);
	pack_u(out, (uint64_t)w->recent_ns[0]);
	pack_u(out, (uint64_t)w->recent_ns[1]);
	pack_u(out, (uint64_t)w->last_ns);
	save_cell(&w->now, out);
	save_cell(&w->total, out);
	for (int i = 0; i < W1; i++)
		save_cell(&w->w1[i], out);
	for (int i = 0; i < W10; i++)
		save_cell(&w->w10[i], out);
	for (int i = 0; i < W60; i++)
		pack_u(out, w->w60[i]);
	hll_save(&w->peers[0], out);
	hll_save(&w->peers[1], out);
	for (int i = 0; i < WATCH_PEERS; i++) {
		pack_u(out, w->peer[i].answers);
		if (w->peer[i].answers == 0)
			continue;
		pack_addr(out, &w->peer[i].addr);
		pack_u(out, w->peer[i].bytes);
	}
	for (int i = 0; i < WATCH_NAMES; i++) {
		pack_u(out, w->name[i].count);
		if (w->name[i].count == 0)
			continue;
		pack_u(out, w->name[i].qtype);
		pack_u(out, w->name[i].len);
		buf_bytes(out, w->name[i].wire, w->name[i].len);
	}
	save_sizes(&w->sizes, out);
	if (w->side == SIDE_CUSTOMER)
		save_customer(w, out);
	pack_u(out, w->life.state);
	pack_u(out, w->life.since);
	/* the book is saved in the order of its slots: an alert's number is that of its slot among those saved */
	pack_u(out, w->life.alert != 0 ? e->book.alert[w->life.alert - 1].saved : 0);
}

static void
load_names(const struct engine *e, struct watch *w, struct cursor *c)
{
	for (int i = 0; i < WATCH_NAMES; i++) {
		struct watch_name *n = &w->name[i];

		n->count = unpack_u(c);
		if (n->count == 0)
			continue;
		n->qtype = (uint16_t)unpack_max(c, UINT16_MAX);
		n->len = (uint8_t)unpack_bytes(c, n->wire, DNS_NAME_WIRE);
		if (!name_wire_sound(n->wire, n->len))
			c->bad = true;
		else
			n->hash = XXH3_64bits_withSeed(n->wire, n->len, e->env.seed) | 1; /* as packet.c makes it */
	}
}

static void
load_windows(struct watch *w, struct cursor *c)
{
	for (int i = 0; i < W1; i++) {
		load_cell(&w->w1[i], c);
		cell_add(&w->sum[WINDOW_SHORT], &w->w1[i]);
	}
	for (int i = 0; i < W10; i++) {
		load_cell(&w->w10[i], c);
		cell_add(&w->sum[WINDOW_LONG], &w->w10[i]);
	}
	for (int i = 0; i < W60; i++)
		w->w60[i] = unpack_u32(c);
}

static void
load_watch(const struct engine *e, struct watch *w, struct cursor *c)
{
	uint32_t tick = e->env.tick;

	w->records = unpack_max(c, 1) != 0;
	w->counted = unpack_max(c, 1) != 0;
	w->sampling = unpack_u32(c);
	w->report_s = (uint32_t)unpack_max(c, 7200);
	w->clock_offset_ns = unpack_i(c);
	if (w->sampling == 0 || w->clock_offset_ns > PACK_NS_MAX || w->clock_offset_ns < -PACK_NS_MAX)
		c->bad = true;
	if (w->service == SERVICE_LEVEL)
		load_level(&w->level, c);
	if (service_is_names(w->service))
		load_figures(&w->names, tick, c);
	w->link = (uint16_t)unpack_max(c, LINKS_MAX);
	w->one_flow = unpack_u32(c);
	w->born = (uint32_t)unpack_max(c, tick);
	w->first_tick = (uint32_t)unpack_max(c, tick);
	w->last_tick = (uint32_t)unpack_max(c, tick);
	w->touched = (uint32_t)unpack_max(c, tick);
	w->peers_tick = (uint32_t)unpack_max(c, tick);
	w->first_ns = unpack_ns(c);
	w->recent_ns[0] = unpack_ns(c);
	w->recent_ns[1] = unpack_ns(c);
	w->last_ns = unpack_ns(c);
	if (w->first_tick > w->last_tick)
		c->bad = true;
	load_cell(&w->now, c);
	load_cell(&w->total, c);
	load_windows(w, c);
	hll_load(&w->peers[0], c);
	hll_load(&w->peers[1], c);
	for (int i = 0; i < WATCH_PEERS; i++) {
		w->peer[i].answers = unpack_u(c);
		if (w->peer[i].answers == 0)
			continue;
		w->peer[i].addr = unpack_addr(c);
		w->peer[i].bytes = unpack_u(c);
	}
	load_names(e, w, c);
	load_sizes(&w->sizes, tick, c);
	if (w->side == SIDE_CUSTOMER)
		load_customer(w, tick, c);
	w->life.state = (uint8_t)unpack_max(c, LIFE_STATES - 1);
	w->life.since = (uint32_t)unpack_max(c, tick);
	w->life.alert = (uint32_t)unpack_max(c, e->book.alerts_n);
}

static bool
known_service(uint64_t s)
{
	return s < service_count() || (s <= UINT8_MAX && service_is_names((uint8_t)s)) || s == SERVICE_LEVEL || s == SERVICE_EXPORTER;
}

/* An alert belongs to the one watch of its subject; state and alert go together. */
static bool
fits(struct engine *e, const struct watch *w)
{
	struct book_alert *ba;

	if (w->life.alert == 0)
		return w->life.state == LIFE_IDLE;
	ba = &e->book.alert[w->life.alert - 1];
	if (w->life.state == LIFE_IDLE || !ba->open || ba->watched)
		return false;
	/* zones and links have no address */
	if (ba->alert.subject.type == SUBJECT_HOST && !addr_equal(&ba->alert.subject.prefix.addr, &w->addr))
		return false;
	if (ba->alert.subject.type == SUBJECT_PREFIX && w->side == SIDE_PREFIX) {
		/* a carpet's may be a part of the area */
		const struct prefix around = area_prefix(&ba->alert.subject.prefix.addr);

		if (!addr_equal(&around.addr, &w->addr))
			return false;
	} else if (ba->alert.subject.type == SUBJECT_PREFIX && !addr_equal(&ba->alert.subject.prefix.addr, &w->addr)) {
		return false;
	}
	ba->watched = true;
	return true;
}

static void
save_pool(const struct engine *e, const struct watches *w, struct buf *out)
{
	pack_u(out, w->evicted);
	pack_u(out, w->used);
	for (uint32_t i = 0; i < w->used; i++)
		save_watch(e, &w->pool[w->order[i]], out);
}

void
state_watches_save(const struct engine *e, struct buf *out)
{
	save_pool(e, &e->watches, out);
	save_pool(e, &e->areas, out);
}

/* Alerts whose watch found no place (less memory than before) are no longer followed. */
static void
orphans(struct engine *e)
{
	for (uint32_t i = 0; i < e->book.alerts_n; i++) {
		struct book_alert *ba = &e->book.alert[i];
		struct book_incident *inc = &e->book.incident[ba->incident];

		if (!ba->open || ba->watched)
			continue;
		ba->open = false;
		e->book.dropped++;
		if (inc->open_n > 0)
			inc->open_n--;
		if (!ba->withheld && inc->shown_n > 0)
			inc->shown_n--;
	}
}

/* A link is known by its number: with other links configured, it is another one, or none. */
static bool
same_link(const struct engine *e, const struct watch *w)
{
	if (w->link > e->links_n || (w->side == SIDE_LINK && w->link == 0))
		return false;
	return w->side != SIDE_LINK || w->life.alert == 0 ||
	    strncmp(e->book.alert[w->life.alert - 1].alert.link, e->link_name[w->link - 1], sizeof(e->book.alert[0].alert.link) - 1) == 0;
}

static void
load_one(struct engine *e, struct watches *pool, uint64_t least, uint64_t most, struct cursor *c)
{
	static const struct watch empty;
	struct addr a = unpack_addr(c);
	uint64_t side = unpack_max(c, most), service = unpack_max(c, UINT8_MAX);
	bool fresh = watches_find(pool, e->env.seed, &a, (enum watch_side)side, (uint8_t)service) == NULL;
	struct watch *w, spare = empty;

	if (!known_service(service) || !fresh || side < least)
		c->bad = true;
	w = c->bad || pool->used >= pool->cap ? NULL :
	    watches_get(pool, e->env.seed, &a, (enum watch_side)side, (uint8_t)service, e->env.tick);
	if (w == NULL) {
		spare.service = (uint8_t)service;
		spare.side = (uint8_t)side;
		load_watch(e, &spare, c);
		pool->evicted++;
		return;
	}
	load_watch(e, w, c);
	if (side < SIDE_PREFIX) {
		const struct place p = place_of(&e->env, &a);

		w->flags = p.flags;
		w->link = p.link;
		w->group = p.group;
	} else if (!c->bad && !same_link(e, w)) {
		watches_free(pool, w);
		return;
	}
	if (!c->bad && !fits(e, w))
		c->bad = true;
}

static void
load_pool(struct engine *e, struct watches *pool, uint64_t least, uint64_t most, struct cursor *c)
{
	uint64_t evicted = unpack_u(c), n = unpack_max(c, 1 << 20);

	for (uint64_t i = 0; i < n && !c->bad; i++)
		load_one(e, pool, least, most, c);
	pool->evicted += evicted;
}

void
state_watches_load(struct engine *e, struct cursor *c)
{
	load_pool(e, &e->watches, SIDE_CLIENT, SIDE_SERVER, c);
	load_pool(e, &e->areas, SIDE_PREFIX, SIDE_CUSTOMER, c);
	if (!c->bad)
		orphans(e);
}
