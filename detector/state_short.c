/* Short memory as saved: what the next few seconds and minutes ask for, in keyed hashes.  Worth something only under
 * the same seed and with tables of the same sizes; otherwise it is left alone, and the first answers after the restart look a
 * little newer than they are. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/state_inner.h"

/* Tells seeds apart without showing them. */
static uint64_t
fingerprint(const struct engine *e)
{
	static const char text[] = "damp: short memory, 2";

	return XXH3_64bits_withSeed(text, sizeof(text), e->env.seed);
}

static void
save_queries(const struct shard *s, struct buf *out)
{
	uint32_t n = 0, m = 0;

	for (uint32_t i = 0; i < OPEN_QUERIES; i++)
		n += s->open[i].bytes != 0;
	pack_u(out, n);
	for (uint32_t i = 0; i < OPEN_QUERIES; i++) {
		const struct open_query *o = &s->open[i];

		if (o->bytes == 0)
			continue;
		pack_u(out, i);
		pack_u(out, o->tag);
		pack_u(out, o->bytes);
		pack_u(out, o->tick);
	}
	for (uint32_t i = 0; i < HELD_ANSWERS; i++)
		m += s->held[i].times != 0;
	pack_u(out, m);
	for (uint32_t i = 0; i < HELD_ANSWERS; i++) {
		const struct held_answer *h = &s->held[i];

		if (h->times == 0)
			continue;
		pack_u(out, i);
		pack_u(out, h->tag);
		pack_u(out, h->expires);
		pack_u(out, (uint64_t)(h->known << 3 | h->times));
	}
}

static void
load_queries(struct shard *s, struct cursor *c)
{
	uint64_t n = unpack_max(c, OPEN_QUERIES);

	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct open_query *o = &s->open[unpack_max(c, OPEN_QUERIES - 1)];

		o->tag = unpack_u32(c);
		o->bytes = (uint16_t)unpack_max(c, UINT16_MAX);
		o->tick = (uint16_t)unpack_max(c, UINT16_MAX);
	}
	n = unpack_max(c, HELD_ANSWERS);
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct held_answer *h = &s->held[unpack_max(c, HELD_ANSWERS - 1)];
		uint64_t bits;

		h->tag = unpack_u32(c);
		h->expires = unpack_max(c, (1u << 28) - 1) & 0xfffffff;
		bits = unpack_max(c, 15);
		h->times = bits & 7u;
		h->known = bits >> 3 & 1u;
	}
}

static void
save_names(const struct shard *s, struct buf *out)
{
	for (uint32_t i = 0; i < NAME_SLOTS; i++) {
		const struct name_slot *n = &s->name[i];

		pack_u(out, n->len);
		if (n->len == 0)
			continue;
		buf_bytes(out, n->wire, n->len);
		pack_fixed(out, n->hash);
		pack_u(out, n->tick);
		pack_u(out, n->qtype);
	}
	pack_u(out, s->watch_common);
	pack_u(out, s->log_n);
	for (uint32_t i = 0; i < s->log_n; i++) {
		const struct logged_query *q = &s->log[(s->log_next + QUERY_LOG - s->log_n + i) % QUERY_LOG];

		pack_u(out, (uint64_t)q->t_ns);
		pack_addr(out, &q->client);
		pack_addr(out, &q->server);
		pack_fixed(out, q->name_hash);
		pack_u(out, q->qtype);
		pack_u(out, q->ip_bytes);
	}
}

static void
load_names(struct shard *s, uint32_t tick, struct cursor *c)
{
	for (uint32_t i = 0; i < NAME_SLOTS && !c->bad; i++) {
		struct name_slot *n = &s->name[i];

		n->len = (uint8_t)unpack_bytes(c, n->wire, DNS_NAME_WIRE);
		if (n->len == 0)
			continue;
		n->hash = cursor_u64(c);
		n->tick = (uint32_t)unpack_max(c, tick);
		n->qtype = (uint16_t)unpack_max(c, UINT16_MAX);
		if (!name_wire_sound(n->wire, n->len))
			c->bad = true;
	}
	s->watch_common = unpack_max(c, 1) != 0;
	s->log_n = (uint32_t)unpack_max(c, QUERY_LOG);
	for (uint32_t i = 0; i < s->log_n && !c->bad; i++) {
		struct logged_query *q = &s->log[i];

		q->t_ns = unpack_ns(c);
		q->client = unpack_addr(c);
		q->server = unpack_addr(c);
		q->name_hash = cursor_u64(c);
		q->qtype = (uint16_t)unpack_max(c, UINT16_MAX);
		q->ip_bytes = (uint16_t)unpack_max(c, UINT16_MAX);
	}
	s->log_next = s->log_n % QUERY_LOG;
}

/* What came before its first fragment is known for this tick alone. */
static bool
head_known(const struct fragment_entry *f)
{
	return f->value != 0 && f->value <= UINT16_MAX;
}

static void
save_pairs(const struct shard *s, struct buf *out)
{
	uint32_t slots = s->pair_buckets * WAYS, n = 0;

	for (uint32_t i = 0; i < slots; i++)
		n += s->pair_tag[i] != 0;
	pack_u(out, n);
	for (uint32_t i = 0; i < slots; i++) {
		if (s->pair_tag[i] == 0)
			continue;
		const struct pair_slot *p = &s->pair_slot[i];

		pack_u(out, i);
		pack_u(out, s->pair_tag[i]);
		pack_u(out, p->more);
		pack_u(out, p->tick);
		pack_u(out, (uint64_t)(p->server_began << 8 | p->asked << 4 | p->known << 3 | p->drawn));
	}
	n = 0;
	for (uint32_t i = 0; i < s->fragments.sets * 4; i++)
		n += head_known(&s->fragments.e[i]);
	pack_u(out, n);
	for (uint32_t i = 0; i < s->fragments.sets * 4; i++) {
		const struct fragment_entry *f = &s->fragments.e[i];

		if (!head_known(f))
			continue;
		pack_u(out, i);
		pack_u(out, f->value);
		pack_u(out, f->tag);
		pack_u(out, f->expires_s);
	}
}

static void
load_pairs(struct shard *s, uint32_t tick, struct cursor *c)
{
	uint32_t slots = s->pair_buckets * WAYS;
	uint64_t n = unpack_max(c, slots);

	for (uint64_t i = 0; i < n && !c->bad; i++) {
		uint64_t k = unpack_max(c, slots - 1), bits;
		struct pair_slot *p = &s->pair_slot[k];

		s->pair_tag[k] = (uint16_t)unpack_max(c, UINT16_MAX);
		*p = (struct pair_slot){.more = unpack_max(c, PAIR_MORE) & PAIR_MORE};
		p->tick = unpack_max(c, PAIR_TICKS) & PAIR_TICKS;
		if (p->tick == (tick & PAIR_TICKS)) /* this tick has no records yet */
			c->bad = true;
		bits = unpack_max(c, 0x1ff);
		p->server_began = bits >> 8 & 1;
		p->asked = bits >> 4 & 15;
		p->known = bits >> 3 & 1;
		p->drawn = bits & 7;
	}
	s->count.pairs = n;
	n = unpack_max(c, s->fragments.sets * 4);
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct fragment_entry *f = &s->fragments.e[unpack_max(c, s->fragments.sets * 4 - 1)];

		f->value = (uint32_t)unpack_max(c, UINT16_MAX);
		f->tag = unpack_u32(c);
		f->expires_s = unpack_u32(c);
	}
}

void
short_save(const struct engine *e, struct buf *out)
{
	pack_u(out, e->seed_kept);
	if (!e->seed_kept)
		return;
	pack_fixed(out, fingerprint(e));
	pack_u(out, e->shard[0].pair_buckets);
	pack_u(out, e->shard[0].fragments.sets);
	customers_save(&e->customers, out);
	for (int i = 0; i < SHARDS; i++) {
		save_queries(&e->shard[i], out);
		save_names(&e->shard[i], out);
		save_pairs(&e->shard[i], out);
	}
}

void
short_load(struct engine *e, struct cursor *c)
{
	bool there = unpack_max(c, 1) != 0;

	if (!there || c->bad)
		return;
	if (cursor_u64(c) != fingerprint(e) || unpack_u(c) != e->shard[0].pair_buckets || unpack_u(c) != e->shard[0].fragments.sets ||
	    c->bad) {
		cursor_skip(c, cursor_left(c));
		return;
	}
	customers_load(&e->customers, c);
	for (int i = 0; i < SHARDS && !c->bad; i++) {
		load_queries(&e->shard[i], c);
		load_names(&e->shard[i], e->env.tick, c);
		load_pairs(&e->shard[i], e->env.tick, c);
	}
	for (int i = 0; i < SHARDS && c->bad; i++)
		shard_forget(&e->shard[i]);
}
