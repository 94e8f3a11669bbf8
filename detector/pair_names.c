#include "detector/pair_names.h"

enum { NAMES_OF_PAIR = 8 };

/* The slot of a name + 1; 0: all four of its set are names of this tick, to which rows point. */
static uint32_t
slot_of(struct shard *s, const struct dns_view *v, uint64_t hash, uint32_t tick)
{
	struct name_slot *set = &s->name[hash & (NAME_SLOTS - 1) & ~3u], *n = set;

	for (int i = 0; i < 4; i++) {
		if (set[i].hash == hash && set[i].qtype == v->qtype) {
			set[i].tick = tick;
			return (uint32_t)(&set[i] - s->name) + 1;
		}
		if (set[i].tick < n->tick)
			n = &set[i];
	}
	if (n->tick == tick)
		return 0;
	*n = (struct name_slot){.hash = hash, .tick = tick, .qtype = v->qtype, .len = v->name_len};
	for (size_t i = 0; i < v->name_len; i++)
		n->wire[i] = (uint8_t)(v->name[i] >= 'A' && v->name[i] <= 'Z' ? v->name[i] + 32 : v->name[i]);
	return (uint32_t)(n - s->name) + 1;
}

/* Finds or makes, and puts it first. */
static struct pair_name *
row_of(struct shard *s, struct pair *p, uint32_t name)
{
	uint32_t *link = &p->names, n = 0, at;

	for (; *link != 0; link = &s->pair_name[*link - 1].next, n++)
		if (s->pair_name[*link - 1].name == name)
			break;
	if (*link == 0 && (n == NAMES_OF_PAIR || s->pair_names_n == TICK_NAMES))
		return NULL;
	at = *link;
	if (at != 0) {
		*link = s->pair_name[at - 1].next;
	} else {
		at = ++s->pair_names_n;
		s->pair_name[at - 1] = (struct pair_name){.name = name};
	}
	s->pair_name[at - 1].next = p->names;
	p->names = at;
	return &s->pair_name[at - 1];
}

void
pair_names_add(struct shard *s, struct pair *p, const struct dns_view *v, uint64_t name_hash, uint32_t tick, const struct pair_name *a)
{
	uint32_t slot = slot_of(s, v, name_hash, tick);
	struct pair_name *r = slot != 0 ? row_of(s, p, slot - 1) : NULL;

	if (r == NULL) {
		s->count.unnamed += a->large;
		return;
	}
	r->large += a->large;
	r->matched += a->matched;
	r->repeat += a->repeat;
	r->size += a->size;
	r->query_bytes += a->query_bytes;
	r->bytes += a->bytes;
	r->missing += a->missing;
	r->ttl = a->ttl;
}

void
pair_names_settle(struct shard *s, const struct pair *p)
{
	uint64_t missing = 0, size = 0;

	for (const struct pair_name *a = pair_names_next(s, p, NULL); a != NULL; a = pair_names_next(s, p, a)) {
		missing += a->missing;
		size += a->size;
	}
	for (uint32_t i = p->names; i != 0 && size > 0; i = s->pair_name[i - 1].next) {
		struct pair_name *a = &s->pair_name[i - 1];
		double part = missing > 0 ? (double)a->missing / (double)missing : (double)a->size / (double)size;

		a->bytes += (uint64_t)(part * (double)p->later_bytes + 0.5);
	}
}
