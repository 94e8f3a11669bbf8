#include "collector/fragment.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

enum { WAYS = 4, LIFE_S = 30, OFFER_S = 1 };

int
fragment_table_init(struct fragment_table *t, uint32_t entries)
{
	uint32_t sets = 1;

	while (sets < (1u << 28) && sets * WAYS < entries)
		sets *= 2;
	*t = (struct fragment_table){.sets = sets};
	t->e = calloc((size_t)sets * WAYS, sizeof(*t->e));
	if (t->e == NULL) {
		t->sets = 0;
		return ERR_NOMEM;
	}
	return 0;
}

void
fragment_table_done(struct fragment_table *t)
{
	free(t->e);
	*t = (struct fragment_table){0};
}

/* The low bits choose the set, the high ones tell its entries apart. */
static struct fragment_entry *
set_of(const struct fragment_table *t, uint64_t hash)
{
	return t->e + (size_t)(hash & (t->sets - 1)) * WAYS;
}

/* Seconds are compared modulo 2^32.  An entry far in the future is a leftover from before event
 * time was set back; it is dead, or it would sit there for years. */
static bool
alive(const struct fragment_entry *e, uint32_t now)
{
	int32_t left = (int32_t)(e->expires_s - now);

	return e->value != 0 && left > 0 && left <= 2 * LIFE_S;
}

void
fragment_table_put(struct fragment_table *t, uint64_t hash, int64_t now_s, uint32_t value)
{
	struct fragment_entry *set = set_of(t, hash), *best = NULL;
	uint32_t now = (uint32_t)now_s, tag = (uint32_t)(hash >> 32);

	for (int i = 0; i < WAYS; i++)
		if (alive(&set[i], now) && set[i].tag == tag)
			best = &set[i];
	for (int i = 0; best == NULL && i < WAYS; i++)
		if (!alive(&set[i], now))
			best = &set[i];
	if (best == NULL) {
		best = set;
		for (int i = 1; i < WAYS; i++)
			if ((int32_t)(set[i].expires_s - best->expires_s) < 0)
				best = &set[i];
		t->replaced++;
	}
	*best = (struct fragment_entry){tag, now + LIFE_S, value};
}

void
fragment_table_offer(struct fragment_table *t, uint64_t hash, int64_t now_s, uint32_t value)
{
	struct fragment_entry *set = set_of(t, hash), *best = NULL;
	uint32_t now = (uint32_t)now_s, tag = (uint32_t)(hash >> 32);

	for (int i = WAYS - 1; i >= 0; i--)
		if (!alive(&set[i], now) || set[i].tag == tag)
			best = best == NULL || set[i].tag == tag ? &set[i] : best;
	if (best != NULL)
		*best = (struct fragment_entry){tag, now + OFFER_S, value};
}

uint32_t
fragment_table_get(const struct fragment_table *t, uint64_t hash, int64_t now_s)
{
	const struct fragment_entry *set = set_of(t, hash);
	uint32_t now = (uint32_t)now_s, tag = (uint32_t)(hash >> 32);

	for (int i = 0; i < WAYS; i++)
		if (set[i].tag == tag && alive(&set[i], now))
			return set[i].value;
	return 0;
}
