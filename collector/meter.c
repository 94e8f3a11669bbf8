/* The flow cache: entries in one array, found through an open hash index, ended by a timer wheel.
 *
 * The wheel is lazy.  An entry hangs in the slot at which it could end at the earliest, and packets do not move it;
 * when its slot comes up and it has been busy since, it is hung further on.  So a packet touches its own entry and
 * one line of the index, no lists.  The slots are rounded up, and what a late slot would miss is tested at the
 * next packet: a gap longer than `inactive` always parts two flows.
 *
 * Packets are worked on in chunks of several passes: each asks for the memory that the next one needs.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/timefmt.h"
#include "collector/fragment.h"
#include "collector/meter.h"

enum {
	CHUNK = 32,
	WHEEL = 1024,         /* slots; a power of two */
	WHEEL_SPAN = 512,     /* slots of one inactive timeout */
	FRAGMENTS = 1 << 16,  /* first fragments remembered: 768 kB */
	FIN = 1, SYN = 2, RST = 4,
	SEARCH = 64,          /* entries looked at for the longest idle */
};
#define CLOSE_NS NS_PER_S          /* the last ACKs of a closed connection still belong to it */
#define BACK_NS (60 * NS_PER_S)    /* packets this late are only out of order */

struct meter_key {
	struct addr src, dst;
	uint16_t sport, dport;
	uint16_t input;
	uint8_t proto, zero;
};

struct entry {
	struct meter_key key;
	int64_t last_ns, start_ns;
	uint64_t packets, bytes;
	uint32_t tag;
	uint32_t next, prev; /* in its slot, or among the free; 0: none */
	uint16_t slot;
	uint8_t tcp_flags;
	bool closing;
};

struct place {
	uint32_t tag;   /* its low bits are where the search begins */
	uint32_t entry; /* 0: free */
};

struct meter {
	struct entry *entry; /* from 1 */
	struct place *place;
	uint32_t mask;       /* of places */
	uint32_t max, used, free;
	int64_t active_ns, inactive_ns, width_ns;
	int64_t now_ns, next_ns; /* next_ns: when the wheel's next slot comes up */
	int64_t tick;            /* slots passed since 1970 */
	int64_t first_tick;      /* no entry hangs before it */
	uint32_t slot[WHEEL];
	bool started;            /* the clock runs */
	uint32_t sampling, countdown, left;
	uint64_t window;
	uint64_t seed, sampling_seed;
	enum meter_fragments fragments;
	struct fragment_table heads;
	meter_sink *sink;
	void *ctx;
	struct meter_stats stats;
};

/* --- the index -------------------------------------------------------------------------------------------- */

static struct place *
find(const struct meter *m, const struct meter_key *key, uint32_t tag)
{
	uint32_t i = tag & m->mask;

	for (; m->place[i].entry != 0; i = (i + 1) & m->mask)
		if (m->place[i].tag == tag && memcmp(&m->entry[m->place[i].entry].key, key, sizeof(*key)) == 0)
			break;
	return &m->place[i];
}

/* Closes the hole, so that no search ends at it too early. */
static void
forget(struct meter *m, uint32_t index)
{
	uint32_t hole = m->entry[index].tag & m->mask, i;

	while (m->place[hole].entry != index)
		hole = (hole + 1) & m->mask;
	for (i = (hole + 1) & m->mask; m->place[i].entry != 0; i = (i + 1) & m->mask) {
		uint32_t home = m->place[i].tag & m->mask;

		if (((i - home) & m->mask) < ((i - hole) & m->mask))
			continue;
		m->place[hole] = m->place[i];
		hole = i;
	}
	m->place[hole].entry = 0;
}

/* --- the wheel -------------------------------------------------------------------------------------------- */

static int64_t
due_ns(const struct meter *m, const struct entry *e)
{
	int64_t idle = e->closing && m->inactive_ns > CLOSE_NS ? CLOSE_NS : m->inactive_ns;
	int64_t end = e->last_ns + idle, last = e->start_ns + m->active_ns;

	return end < last ? end : last;
}

/* Rounded towards plus infinity. */
static int64_t
tick_of(const struct meter *m, int64_t t_ns)
{
	int64_t q = t_ns / m->width_ns;

	return q * m->width_ns < t_ns ? q + 1 : q;
}

static void
hang(struct meter *m, uint32_t index)
{
	struct entry *e = &m->entry[index];
	int64_t tick = tick_of(m, due_ns(m, e));
	uint32_t *head;

	if (tick <= m->tick)
		tick = m->tick + 1;
	if (tick >= m->tick + WHEEL)
		tick = m->tick + WHEEL - 1;
	if (tick < m->first_tick)
		m->first_tick = tick;
	e->slot = (uint16_t)(tick & (WHEEL - 1));
	head = &m->slot[e->slot];
	e->prev = 0;
	e->next = *head;
	if (*head != 0)
		m->entry[*head].prev = index;
	*head = index;
}

static void
unhang(struct meter *m, uint32_t index)
{
	const struct entry *e = &m->entry[index];

	if (e->prev != 0)
		m->entry[e->prev].next = e->next;
	else
		m->slot[e->slot] = e->next;
	if (e->next != 0)
		m->entry[e->next].prev = e->prev;
}

/* --- the end of a flow -------------------------------------------------------------------------------------- */

static void
deliver(struct meter *m, const struct entry *e, int64_t now_ns)
{
	struct flow f = {
		.start_ns = e->start_ns, .end_ns = e->last_ns, .seen_ns = now_ns > e->last_ns ? now_ns : e->last_ns,
		.src = e->key.src, .dst = e->key.dst, .sport = e->key.sport, .dport = e->key.dport,
		.packets = e->packets * m->sampling, .bytes = e->bytes * m->sampling, .sampling = m->sampling,
		.exporter = e->key.input, .proto = e->key.proto, .tcp_flags = e->tcp_flags,
		.flags = (uint8_t)(FLOW_RECORD | (addr_is_v4(&e->key.src) ? 0 : FLOW_IP6)),
	};

	m->stats.records++;
	m->sink(m->ctx, &f);
}

static void
end(struct meter *m, uint32_t index, int64_t now_ns)
{
	deliver(m, &m->entry[index], now_ns);
	unhang(m, index);
	forget(m, index);
	m->entry[index].next = m->free;
	m->free = index;
	m->stats.flows--;
}

/* The slot that comes up at `tick`: the time is then tick * width. */
static void
turn(struct meter *m, int64_t tick)
{
	uint32_t index = m->slot[tick & (WHEEL - 1)], next;
	int64_t now_ns = tick * m->width_ns;

	m->tick = tick;
	for (; index != 0; index = next) {
		next = m->entry[index].next;
		if (due_ns(m, &m->entry[index]) <= now_ns) {
			end(m, index, now_ns);
		} else {
			unhang(m, index);
			hang(m, index);
		}
	}
}

/* However long the pause, one turn of the wheel ends every flow that was idle all the while. */
static void
advance(struct meter *m, int64_t t_ns)
{
	int64_t to = t_ns / m->width_ns, stop = to < m->tick + WHEEL ? to : m->tick + WHEEL;

	for (int64_t tick = m->tick + 1; tick <= stop; tick++)
		turn(m, tick);
	m->tick = to;
	if (m->first_tick <= to)
		m->first_tick = to + 1;
	m->next_ns = (to + 1) * m->width_ns;
}

static void
start_clock(struct meter *m, int64_t t_ns)
{
	m->tick = t_ns / m->width_ns;
	m->first_tick = m->tick + WHEEL;
	m->next_ns = (m->tick + 1) * m->width_ns;
	m->now_ns = t_ns;
	m->started = true;
}

/* Called when a slot comes up, or time went back. */
static void
move_clock(struct meter *m, int64_t t_ns)
{
	if (!m->started) {
		start_clock(m, t_ns);
	} else if (t_ns < m->now_ns - BACK_NS) {
		m->stats.jumps++;
		meter_flush(m);
		start_clock(m, t_ns);
	} else if (t_ns >= m->next_ns) {
		advance(m, t_ns);
	}
}

/* The longest idle flow: the first of the earliest slot whose entry has not been busy since it was hung there. */
static void
make_room(struct meter *m)
{
	uint32_t best = 0;
	int64_t tick = m->first_tick;

	for (int seen = 0; seen < SEARCH && tick < m->tick + WHEEL; tick++) {
		uint32_t index = m->slot[tick & (WHEEL - 1)], next;

		for (; index != 0 && seen < SEARCH; index = next, seen++) {
			const struct entry *e = &m->entry[index];
			bool idle = tick_of(m, due_ns(m, e)) <= tick;

			next = e->next;
			if (best == 0 || e->last_ns < m->entry[best].last_ns)
				best = index;
			if (!idle) {
				unhang(m, index);
				hang(m, index);
			} else {
				best = index;
				seen = SEARCH;
			}
		}
		if (index == 0 && seen < SEARCH)
			m->first_tick = tick + 1;
	}
	m->stats.early++;
	end(m, best, m->now_ns);
}

/* --- packets ------------------------------------------------------------------------------------------------- */

static uint32_t
new_entry(struct meter *m)
{
	uint32_t index = m->free;

	if (index == 0 && m->used == m->max) {
		make_room(m);
		index = m->free;
	}
	if (index != 0)
		m->free = m->entry[index].next;
	else
		index = ++m->used;
	if (++m->stats.flows > m->stats.flows_most)
		m->stats.flows_most = m->stats.flows;
	return index;
}

static void
add(struct entry *e, const struct flow *f)
{
	e->packets += f->packets;
	e->bytes += f->bytes;
	e->tcp_flags |= f->tcp_flags;
	if (f->start_ns < e->start_ns)
		e->start_ns = f->start_ns;
	if (f->end_ns > e->last_ns)
		e->last_ns = f->end_ns;
}

static void
begin(struct entry *e, const struct flow *f)
{
	e->packets = e->bytes = 0;
	e->tcp_flags = 0;
	e->closing = false;
	e->start_ns = f->start_ns;
	e->last_ns = f->end_ns;
	add(e, f);
}

/* Whether the packet belongs to a new flow of the same key. */
static bool
parted(const struct meter *m, const struct entry *e, const struct flow *f)
{
	return f->start_ns - e->last_ns > m->inactive_ns || f->start_ns - e->start_ns >= m->active_ns ||
	    (e->closing && (f->tcp_flags & SYN) != 0);
}

static void
take(struct meter *m, const struct flow *f, const struct meter_key *key, uint32_t tag)
{
	struct place *p;
	struct entry *e;
	uint32_t index;

	p = find(m, key, tag);
	index = p->entry;
	if (index == 0) {
		index = new_entry(m);
		e = &m->entry[index];
		e->key = *key;
		e->tag = tag;
		begin(e, f);
		p = find(m, key, tag); /* making room may have moved places */
		*p = (struct place){tag, index};
		hang(m, index);
	} else {
		e = &m->entry[index];
		if (parted(m, e, f)) {
			deliver(m, e, m->now_ns);
			begin(e, f);
		} else {
			add(e, f);
		}
	}
	if (f->proto == FLOW_TCP && (f->tcp_flags & (FIN | RST)) != 0 && !e->closing) {
		e->closing = true;
		unhang(m, index);
		hang(m, index);
	}
}

/* Each window of n packets gives one, at a place drawn for this window: traffic that comes in a
 * regular pattern cannot hide between the samples. */
static bool
sampled(struct meter *m)
{
	if (m->sampling == 1)
		return true;
	if (m->left == 0) {
		m->left = m->sampling;
		m->countdown = (uint32_t)(XXH3_64bits_withSeed(&m->window, sizeof(m->window), m->sampling_seed) % m->sampling);
		m->window++;
	}
	m->left--;
	return m->countdown-- == 0;
}

/* Ports of a fragment: the first one leaves them behind, whether it is sampled or not. */
static void
fragment_ports(struct meter *m, const struct flow *f, struct meter_key *key)
{
	struct {
		struct addr src, dst;
		uint32_t id;
		uint16_t input, proto;
	} k = {f->src, f->dst, f->frag_id, (uint16_t)f->exporter, f->proto};
	uint64_t hash = XXH3_64bits_withSeed(&k, sizeof(k), m->seed);
	int64_t s = time_seconds(f->start_ns);
	uint32_t value;

	if ((f->flags & FLOW_FRAG_FIRST) != 0) {
		value = (uint32_t)f->sport << 16 | f->dport;
		if (value != 0)
			fragment_table_put(&m->heads, hash, s, value);
		return;
	}
	value = fragment_table_get(&m->heads, hash, s);
	if (value == 0 && (f->proto == FLOW_UDP || f->proto == FLOW_TCP))
		m->stats.orphans++;
	key->sport = (uint16_t)(value >> 16);
	key->dport = (uint16_t)value;
}

struct work {
	const struct flow *flow;
	struct meter_key key;
	uint32_t tag;
};

/* Which packets count, and under which key. */
static size_t
prepare(struct meter *m, const struct flow *f, size_t n, struct work *w)
{
	size_t taken = 0;

	for (size_t i = 0; i < n; i++, f++) {
		struct meter_key *k = &w[taken].key;

		if (f->packets == 0)
			continue;
		*k = (struct meter_key){f->src, f->dst, f->sport, f->dport, (uint16_t)f->exporter, f->proto, 0};
		m->stats.packets += f->packets;
		m->stats.bytes += f->bytes;
		if ((f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0 && m->fragments == METER_SERVICE)
			fragment_ports(m, f, k);
		if (!sampled(m))
			continue;
		w[taken].flow = f;
		w[taken].tag = (uint32_t)XXH3_64bits_withSeed(k, sizeof(*k), m->seed);
		__builtin_prefetch(&m->place[w[taken].tag & m->mask]);
		taken++;
	}
	return taken;
}

void
meter_flows(struct meter *m, const struct flow *f, size_t n)
{
	struct work w[CHUNK];

	for (size_t at = 0; at < n; at += CHUNK) {
		size_t taken = prepare(m, f + at, n - at < CHUNK ? n - at : CHUNK, w);

		m->stats.taken += taken;
		for (size_t i = 0; i < taken; i++) {
			const struct place *p = &m->place[w[i].tag & m->mask];

			if (p->entry != 0) {
				__builtin_prefetch(&m->entry[p->entry], 1);
				__builtin_prefetch((const char *)&m->entry[p->entry] + 64, 1);
			}
		}
		for (size_t i = 0; i < taken; i++) {
			int64_t t = w[i].flow->start_ns;

			if (t >= m->next_ns || t < m->now_ns - BACK_NS || !m->started)
				move_clock(m, t);
			if (t > m->now_ns)
				m->now_ns = t;
			take(m, w[i].flow, &w[i].key, w[i].tag);
		}
	}
}

void
meter_time(struct meter *m, int64_t now_ns)
{
	if (!m->started || now_ns <= m->now_ns)
		return;
	m->now_ns = now_ns;
	if (now_ns >= m->next_ns)
		advance(m, now_ns);
}

void
meter_flush(struct meter *m)
{
	for (int64_t tick = m->tick + 1; tick <= m->tick + WHEEL; tick++)
		while (m->slot[tick & (WHEEL - 1)] != 0)
			end(m, m->slot[tick & (WHEEL - 1)], m->now_ns);
}

int64_t
meter_now(const struct meter *m)
{
	return m->now_ns;
}

const struct meter_stats *
meter_stats_of(const struct meter *m)
{
	return &m->stats;
}

/* --- life ----------------------------------------------------------------------------------------------------- */

static size_t
within(size_t n, size_t lo, size_t hi)
{
	return n < lo ? lo : n > hi ? hi : n;
}

struct meter *
meter_new(const struct meter_setup *s, meter_sink *sink, void *ctx)
{
	struct meter *m = calloc(1, sizeof(*m));
	size_t max = within(s->max_flows > 0 ? s->max_flows : METER_FLOWS, METER_FLOWS_MIN, METER_FLOWS_MAX), places = 32;

	if (m == NULL)
		return NULL;
	while (places < 2 * max)
		places *= 2;
	m->max = (uint32_t)max;
	m->mask = (uint32_t)(places - 1);
	m->active_ns = s->active_ns > 0 ? s->active_ns : 300 * NS_PER_S;
	m->inactive_ns = s->inactive_ns > 0 ? s->inactive_ns : 15 * NS_PER_S;
	if (m->active_ns < NS_PER_S / 1000)
		m->active_ns = NS_PER_S / 1000;
	if (m->inactive_ns < NS_PER_S / 1000)
		m->inactive_ns = NS_PER_S / 1000;
	m->width_ns = m->inactive_ns / WHEEL_SPAN + 1;
	m->sampling = s->sampling > 1 ? s->sampling : 1;
	m->seed = s->seed;
	m->sampling_seed = s->sampling_seed;
	m->fragments = s->fragments;
	m->sink = sink;
	m->ctx = ctx;
	m->entry = calloc(max + 1, sizeof(*m->entry));
	m->place = calloc(places, sizeof(*m->place));
	if (m->entry == NULL || m->place == NULL || fragment_table_init(&m->heads, FRAGMENTS) < 0) {
		meter_free(m);
		return NULL;
	}
	return m;
}

void
meter_free(struct meter *m)
{
	if (m == NULL)
		return;
	fragment_table_done(&m->heads);
	free(m->entry);
	free(m->place);
	free(m);
}
