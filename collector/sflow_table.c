/* The two tables of collector/sflow.h: rows in an array by order of appearance, found through a hash of indices. */
#include "collector/sflow.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct key {
	uint64_t id;
	uint32_t exporter;
};

/* Which row a key has.  Knows nothing of the rows but that they begin at 0 and are numbered by appearance. */
struct finder {
	uint32_t *slot; /* row + 1; open addressing, half full at most */
	struct key *key; /* by row */
	uint32_t slots, n, cap, max;
	uint64_t seed;
};

struct sflow {
	struct finder sources, interfaces;
	struct sflow_source *source;
	struct sflow_interface *interface;
	uint64_t full;
};

#define NO_ROW UINT32_MAX
enum { ROWS_FIRST = 64 };

/* The slot of a key, or the free one where it belongs. */
static uint32_t
slot_of(const struct finder *f, uint32_t exporter, uint64_t id)
{
	uint64_t bytes[2] = {id, exporter};
	uint32_t at = (uint32_t)XXH3_64bits_withSeed(bytes, sizeof(bytes), f->seed) & (f->slots - 1);

	for (; f->slot[at] != 0; at = (at + 1) & (f->slots - 1)) {
		const struct key *k = &f->key[f->slot[at] - 1];

		if (k->id == id && k->exporter == exporter)
			break;
	}
	return at;
}

static bool
finder_grow(struct finder *f)
{
	uint32_t cap = f->cap > 0 ? f->cap * 2 : ROWS_FIRST;
	struct key *key = realloc(f->key, cap * sizeof(*key));
	uint32_t *slot;

	if (key == NULL)
		return false;
	f->key = key;
	slot = calloc((size_t)cap * 2, sizeof(*slot));
	if (slot == NULL)
		return false;
	free(f->slot);
	f->slot = slot;
	f->slots = cap * 2;
	f->cap = cap;
	for (uint32_t i = 0; i < f->n; i++)
		f->slot[slot_of(f, key[i].exporter, key[i].id)] = i + 1;
	return true;
}

static uint32_t
finder_get(const struct finder *f, uint32_t exporter, uint64_t id)
{
	return f->slots > 0 ? f->slot[slot_of(f, exporter, id)] - 1 : NO_ROW;
}

static uint32_t
finder_add(struct finder *f, uint32_t exporter, uint64_t id)
{
	f->slot[slot_of(f, exporter, id)] = f->n + 1;
	f->key[f->n] = (struct key){id, exporter};
	return f->n++;
}

/* Has `*rows` hold as many as the finder does; they are zero. */
static bool
make_room(struct finder *f, void **rows, size_t row_size)
{
	uint8_t *p;

	if (f->n < f->cap)
		return true;
	if (f->n == f->max)
		return false;
	p = realloc(*rows, (f->cap > 0 ? (size_t)f->cap * 2 : ROWS_FIRST) * row_size);
	if (p == NULL)
		return false;
	*rows = p;
	if (!finder_grow(f))
		return false;
	memset(p + f->n * row_size, 0, (f->cap - f->n) * row_size);
	return true;
}

struct sflow *
sflow_new(uint64_t seed)
{
	struct sflow *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sources.max = SFLOW_SOURCES;
	s->interfaces.max = SFLOW_INTERFACES;
	s->sources.seed = s->interfaces.seed = seed;
	return s;
}

void
sflow_free(struct sflow *s)
{
	if (s == NULL)
		return;
	free(s->sources.slot);
	free(s->sources.key);
	free(s->interfaces.slot);
	free(s->interfaces.key);
	free(s->source);
	free(s->interface);
	free(s);
}

struct sflow_source *
sflow_source(struct sflow *s, uint32_t exporter, uint64_t key, bool *known)
{
	uint32_t row = finder_get(&s->sources, exporter, key);
	void *rows = s->source;

	*known = row != NO_ROW;
	if (row == NO_ROW) {
		bool room = make_room(&s->sources, &rows, sizeof(*s->source));

		s->source = rows;
		if (!room) {
			s->full++;
			return NULL;
		}
		row = finder_add(&s->sources, exporter, key);
		s->source[row].exporter = exporter;
		s->source[row].key = key;
	}
	return &s->source[row];
}

struct sflow_interface *
sflow_interface(struct sflow *s, uint32_t exporter, uint32_t if_index, bool *known)
{
	uint32_t row = finder_get(&s->interfaces, exporter, if_index);
	void *rows = s->interface;

	*known = row != NO_ROW;
	if (row == NO_ROW) {
		bool room = make_room(&s->interfaces, &rows, sizeof(*s->interface));

		s->interface = rows;
		if (!room) {
			s->full++;
			return NULL;
		}
		row = finder_add(&s->interfaces, exporter, if_index);
		s->interface[row].exporter = exporter;
		s->interface[row].if_index = if_index;
	}
	return &s->interface[row];
}

const struct sflow_interface *
sflow_counters(const struct sflow *s, uint32_t exporter, uint32_t if_index)
{
	uint32_t row = finder_get(&s->interfaces, exporter, if_index);

	return row != NO_ROW ? &s->interface[row] : NULL;
}

size_t
sflow_interfaces_n(const struct sflow *s)
{
	return s->interfaces.n;
}

uint64_t
sflow_full(const struct sflow *s)
{
	return s->full;
}
