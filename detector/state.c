#include "detector/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "detector/state_inner.h"

static const uint8_t magic[8] = {'d', 'a', 'm', 'p', 's', 't', 'a', 2};
enum { CHECKSUM = 8, TICK_MAX = INT32_MAX, GROUP_NAME = 255 };

/* --- time ------------------------------------------------------------------------------------------------ */

static void
time_save(const struct engine *e, struct buf *out)
{
	pack_u(out, e->started);
	pack_u(out, e->env.tick);
	pack_u(out, (uint64_t)e->env.begin_ns);
	pack_u(out, e->report_s[0]);
	pack_u(out, e->report_s[1]);
	pack_u(out, e->report_tick);
	pack_u(out, e->last_query_tick);
}

static void
time_load(struct engine *e, struct cursor *c)
{
	bool started = unpack_max(c, 1) != 0;
	uint32_t tick = (uint32_t)unpack_max(c, TICK_MAX);
	int64_t begin = unpack_ns(c);
	uint32_t report[2];

	report[0] = (uint32_t)unpack_max(c, 3600);
	report[1] = (uint32_t)unpack_max(c, 3600);
	uint32_t report_tick = (uint32_t)unpack_max(c, tick), query_tick = (uint32_t)unpack_max(c, tick);

	if (tick < e->env.tick || begin % NS_PER_S != 0)
		c->bad = true;
	if (c->bad)
		return;
	e->started = started;
	e->env.tick = tick;
	e->env.begin_ns = begin;
	e->end_ns = begin + NS_PER_S;
	e->tick0_s = begin / NS_PER_S - tick;
	e->report_s[0] = report[0];
	e->report_s[1] = report[1];
	e->report_tick = report_tick;
	e->last_query_tick = query_tick;
}

/* --- servers ----------------------------------------------------------------------------------------------- */

static void
servers_save(const struct engine *e, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < SERVERS; i++)
		n += e->server[i].used;
	pack_u(out, n);
	for (size_t i = 0; i < SERVERS; i++) {
		const struct server *s = &e->server[i];

		if (!s->used)
			continue;
		pack_addr(out, &s->addr);
		pack_u(out, s->tick);
		pack_u(out, s->clients);
		pack_u(out, s->answered_tick);
	}
}

static void
servers_load(struct engine *e, struct cursor *c)
{
	uint64_t n = unpack_max(c, SERVERS);

	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct addr a = unpack_addr(c);
		uint32_t tick = (uint32_t)unpack_max(c, e->env.tick), clients = unpack_u32(c);
		uint32_t answered = (uint32_t)unpack_max(c, e->env.tick);
		struct server *s = c->bad ? NULL : engine_server(e, &a);

		if (s == NULL)
			continue;
		s->tick = tick;
		s->clients = clients;
		s->answered_tick = answered;
	}
	e->server_touched_n = 0;
}

/* --- counters of hosts: a new process counts from zero --------------------------------------------------------- */

/* What was sent since the last look would be lost with the hosts: it goes into the saved counter, below zero. */
static void
baselines_part_save(const struct engine *e, struct buf *out)
{
	struct baselines copy = e->baselines;

	copy.row = calloc(copy.n + 1, sizeof(*copy.row));
	if (copy.row == NULL) {
		out->full = true;
		return;
	}
	if (copy.n > 0)
		memcpy(copy.row, e->baselines.row, copy.n * sizeof(*copy.row));
	for (uint32_t i = 0; i < copy.n; i++) {
		struct baseline_row *r = &copy.row[i];
		const struct host *h = shard_find_host(e->shard, &e->env, &r->addr);
		const struct server *s = engine_find_server(e, &r->addr);
		const uint64_t now[BASELINE_RATES] = {h != NULL ? h->out_bytes : 0, h != NULL ? h->out_packets : 0,
			s != NULL ? s->answers_all : 0};

		for (int k = 0; k < BASELINE_RATES; k++)
			r->counter[k] = (int64_t)r->counter[k] < 0 || now[k] >= r->counter[k] ? r->counter[k] - now[k] : (uint64_t)0 - now[k];
	}
	baselines_save(&copy, out);
	free(copy.row);
}

static void
baselines_part_load(struct engine *e, struct cursor *c)
{
	baselines_load(&e->baselines, c);
	for (uint32_t i = 0; i < e->baselines.n; i++) {
		struct baseline_row *r = &e->baselines.row[i];
		struct place p = place_of(&e->env, &r->addr);

		r->flags = p.flags;
		r->link = p.link;
		r->group = p.group;
	}
}

/* Groups go by their names: the next run may have others, or in another order. */
static void
groups_save(const struct engine *e, struct buf *out)
{
	pack_u(out, e->levels_tick);
	pack_u(out, e->levels_hour);
	for (size_t i = 0; i < LEVEL_GENERAL; i++)
		group_baseline_save(&e->group_level[i], out);
	pack_u(out, e->groups_n);
	for (size_t i = 0; i < e->groups_n; i++) {
		size_t n = strlen(e->group[i].name);

		pack_u(out, n < GROUP_NAME ? n : GROUP_NAME);
		buf_bytes(out, e->group[i].name, n < GROUP_NAME ? n : GROUP_NAME);
		group_baseline_save(&e->group_level[LEVEL_GENERAL + i], out);
	}
}

static void
groups_load(struct engine *e, struct cursor *c)
{
	uint64_t n;

	e->levels_tick = (uint32_t)unpack_max(c, e->env.tick);
	e->levels_hour = unpack_u32(c);
	for (size_t i = 0; i < LEVEL_GENERAL; i++)
		group_baseline_load(&e->group_level[i], c);
	n = unpack_max(c, GROUPS_MAX);
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		char name[GROUP_NAME + 1];
		struct group_baseline g;

		name[unpack_bytes(c, name, GROUP_NAME)] = '\0';
		group_baseline_load(&g, c);
		for (size_t k = 0; k < e->groups_n && !c->bad; k++)
			if (strncmp(e->group[k].name, name, GROUP_NAME) == 0)
				e->group_level[LEVEL_GENERAL + k] = g;
	}
}

/* --- the parts --------------------------------------------------------------------------------------------------- */

static void
ledger_part_save(const struct engine *e, struct buf *out)
{
	ledger_save(&e->ledger, time_seconds(e->env.begin_ns), out);
}

static void
ledger_part_load(struct engine *e, struct cursor *c)
{
	ledger_load(&e->ledger, c);
}

static void
names_part_save(const struct engine *e, struct buf *out)
{
	drawn_save(&e->drawn, out);
}

static void
names_part_load(struct engine *e, struct cursor *c)
{
	drawn_load(&e->drawn, c);
}

static const struct part {
	void (*save)(const struct engine *e, struct buf *out);
	void (*load)(struct engine *e, struct cursor *c);
	const char *name;
} parts[] = {
	{time_save, time_load, "time"},
	{names_part_save, names_part_load, "names"},
	{book_save, book_load, "alerts"},
	{state_watches_save, state_watches_load, "watches"},
	{servers_save, servers_load, "servers"},
	{ledger_part_save, ledger_part_load, "ledger"},
	{baselines_part_save, baselines_part_load, "baselines"},
	{groups_save, groups_load, "groups"},
	{short_save, short_load, "short memory"},
};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

void
engine_state_save(const struct engine *e, struct buf *out)
{
	struct buf part;
	size_t from = out->len;

	buf_bytes(out, magic, sizeof(magic));
	for (size_t i = 0; i < PARTS; i++) {
		buf_init(&part, out->max);
		parts[i].save(e, &part);
		pack_fixed(out, part.len);
		if (part.len > 0)
			buf_bytes(out, part.p, part.len);
		out->full = out->full || part.full;
		buf_done(&part);
	}
	if (!out->full)
		pack_fixed(out, XXH3_64bits(out->p + from, out->len - from));
}

/* Everything that may have been loaded, away again. */
static void
forget(struct engine *e, const struct engine *before)
{
	watches_clear(&e->watches);
	watches_clear(&e->areas);
	memset(e->book.alert, 0, e->book.alerts_n * sizeof(*e->book.alert));
	memset(e->book.incident, 0, e->book.incidents_n * sizeof(*e->book.incident));
	e->book.alerts_n = e->book.incidents_n = 0;
	ledger_clear(&e->ledger);
	drawn_clear(&e->drawn);
	customers_clear(&e->customers);
	baselines_clear(&e->baselines);
	memset(e->group_level, 0, (LEVEL_GENERAL + e->groups_n) * sizeof(*e->group_level));
	e->levels_hour = e->levels_tick = 0;
	memset(e->server, 0, SERVERS * sizeof(*e->server));
	e->server_touched_n = 0;
	e->started = false;
	e->env.tick = before->env.tick;
	e->env.begin_ns = before->env.begin_ns;
	e->end_ns = before->end_ns;
	e->tick0_s = before->tick0_s;
	memset(e->report_s, 0, sizeof(e->report_s));
	e->report_tick = e->last_query_tick = 0;
}

int
engine_state_load(struct engine *e, const void *bytes, size_t n, char *why, size_t why_size)
{
	const uint8_t *p = bytes;
	struct cursor c, sum;
	struct engine *before;

	if (n < sizeof(magic) + CHECKSUM || memcmp(p, magic, sizeof(magic) - 1) != 0) {
		snprintf(why, why_size, "no state of damp (%zu bytes)", n);
		return ERR_INVALID;
	}
	if (p[7] != magic[7]) {
		snprintf(why, why_size, "a state in version %u of the format; this program reads %u", p[7], magic[7]);
		return ERR_INVALID;
	}
	sum = cursor_view(p + n - CHECKSUM, CHECKSUM);
	if (cursor_u64(&sum) != XXH3_64bits(p, n - CHECKSUM)) {
		snprintf(why, why_size, "the state is damaged: the checksum of %zu bytes does not fit", n);
		return ERR_INVALID;
	}
	before = malloc(sizeof(*before));
	if (before == NULL) {
		snprintf(why, why_size, "out of memory");
		return ERR_INVALID;
	}
	before->env = e->env;
	before->end_ns = e->end_ns;
	before->tick0_s = e->tick0_s;
	c = cursor_view(p + sizeof(magic), n - sizeof(magic) - CHECKSUM);
	for (size_t i = 0; i < PARTS && !c.bad; i++) {
		uint64_t len = cursor_u64(&c);
		struct cursor part = cursor_sub(&c, len <= cursor_left(&c) ? (size_t)len : cursor_left(&c) + 1);

		parts[i].load(e, &part);
		if (part.bad || cursor_left(&part) > 0) {
			snprintf(why, why_size, "the state is damaged: its part \"%s\" cannot be read", parts[i].name);
			c.bad = true;
		}
	}
	if (!c.bad && cursor_left(&c) > 0) {
		snprintf(why, why_size, "the state is damaged: %zu bytes too many", cursor_left(&c));
		c.bad = true;
	}
	if (c.bad)
		forget(e, before);
	free(before);
	return c.bad ? ERR_INVALID : 0;
}

int64_t
engine_time(const struct engine *e)
{
	return e->started ? e->end_ns : 0;
}

uint64_t
engine_changes(const struct engine *e)
{
	return e->book.opened + e->book.closed;
}

bool
state_is_ours(const uint8_t *p, size_t n)
{
	return n >= sizeof(magic) - 1 && memcmp(p, magic, sizeof(magic) - 1) == 0;
}
