#include "detector/sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int
countmin_init(struct countmin *c, uint32_t width)
{
	c->mask = width - 1;
	c->row[0] = calloc((size_t)width * 2, sizeof(uint16_t));
	if (c->row[0] == NULL)
		return ERR_NOMEM;
	c->row[1] = c->row[0] + width;
	return 0;
}

void
countmin_done(struct countmin *c)
{
	free(c->row[0]);
	c->row[0] = c->row[1] = NULL;
}

void
countmin_halve(struct countmin *c)
{
	if (c->adds == 0 && c->warm == 0)
		return; /* nothing in it: most ticks of most inputs */
	c->warm = c->adds > 0 ? 16 : (uint8_t)(c->warm - 1); /* sixteen halvings empty 16 bits */
	c->adds = 0;
	for (size_t i = 0; i < ((size_t)c->mask + 1) * 2; i++)
		c->row[0][i] >>= 1;
}

static uint8_t
rank_of(uint64_t hash)
{
	uint64_t rest = hash << HLL_BITS;

	return (uint8_t)(rest != 0 ? __builtin_clzll(rest) + 1 : 64 - HLL_BITS + 1);
}

void
hll_add(struct hll *h, uint64_t hash)
{
	unsigned int i = (unsigned int)(hash >> (64 - HLL_BITS));
	uint8_t rank = rank_of(hash);

	if (h->reg[i] < rank)
		h->reg[i] = rank;
}

bool
hll_may_have(const struct hll *h, uint64_t hash)
{
	return h->reg[hash >> (64 - HLL_BITS)] >= rank_of(hash);
}

double
hll_count_union(const struct hll *a, const struct hll *b)
{
	double sum = 0, m = HLL_REGISTERS, est;
	int empty = 0;

	for (int i = 0; i < HLL_REGISTERS; i++) {
		uint8_t r = a->reg[i] > b->reg[i] ? a->reg[i] : b->reg[i];

		sum += ldexp(1.0, -r);
		empty += r == 0;
	}
	est = 0.7213 / (1 + 1.079 / m) * m * m / sum;
	if (est <= 2.5 * m && empty > 0)
		est = m * log(m / empty);
	return est;
}

double
hll_count(const struct hll *h)
{
	return hll_count_union(h, h);
}

void
space_saving_init(struct space_saving *s)
{
	memset(s, 0, sizeof(*s));
}

enum { SLOTS = SPACE_SAVING_K * 4 };

/* The address's own bytes decide its slot, so that the heap needs no hash beside each entry.  Only the top
 * bits of a product depend on every bit of its factors: neighbours in one network must not share a home. */
static uint32_t
home(const struct addr *a)
{
	uint64_t hi, lo;

	memcpy(&hi, a->b, 8);
	memcpy(&lo, a->b + 8, 8);
	lo ^= hi * UINT64_C(0x9e3779b97f4a7c15);
	lo ^= lo >> 32;
	lo *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(lo >> 52) & (SLOTS - 1);
}

static uint32_t
slot_of(const struct space_saving *s, const struct addr *a)
{
	uint32_t i = home(a);

	while (s->slot[i] != 0 && !addr_equal(&s->e[s->slot[i] - 1].addr, a))
		i = (i + 1) & (SLOTS - 1);
	return i;
}

/* Linear probing without tombstones: close the gap behind a removed slot. */
static void
slot_remove(struct space_saving *s, uint32_t i)
{
	uint32_t j = i;

	s->slot[i] = 0;
	for (;;) {
		uint32_t want;

		j = (j + 1) & (SLOTS - 1);
		if (s->slot[j] == 0)
			return;
		want = home(&s->e[s->slot[j] - 1].addr);
		if (((j - want) & (SLOTS - 1)) >= ((j - i) & (SLOTS - 1))) {
			s->slot[i] = s->slot[j];
			s->slot[j] = 0;
			i = j;
		}
	}
}

static void
swap(struct space_saving *s, uint32_t a, uint32_t b)
{
	uint32_t sa = slot_of(s, &s->e[a].addr), sb = slot_of(s, &s->e[b].addr);
	struct space_saving_entry t = s->e[a];

	s->e[a] = s->e[b];
	s->e[b] = t;
	s->slot[sa] = (uint16_t)(b + 1);
	s->slot[sb] = (uint16_t)(a + 1);
}

static void
sift_down(struct space_saving *s, uint32_t i)
{
	for (;;) {
		uint32_t least = i, l = 2 * i + 1, r = l + 1;

		if (l < s->n && s->e[l].weight < s->e[least].weight)
			least = l;
		if (r < s->n && s->e[r].weight < s->e[least].weight)
			least = r;
		if (least == i)
			return;
		swap(s, i, least);
		i = least;
	}
}

static void
sift_up(struct space_saving *s, uint32_t i)
{
	while (i > 0 && s->e[(i - 1) / 2].weight > s->e[i].weight) {
		swap(s, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

void
space_saving_add(struct space_saving *s, const struct addr *a, uint64_t weight, const uint64_t aux[8])
{
	uint32_t slot = slot_of(s, a), i;

	s->total += weight;
	if (s->slot[slot] != 0) {
		i = s->slot[slot] - 1u;
		s->e[i].weight += weight;
		for (int k = 0; k < 8; k++)
			s->e[i].aux[k] += aux[k];
		sift_down(s, i);
		return;
	}
	if (s->n < SPACE_SAVING_K) {
		i = s->n++;
		s->e[i] = (struct space_saving_entry){.addr = *a, .weight = weight};
		memcpy(s->e[i].aux, aux, sizeof(s->e[i].aux));
		s->slot[slot] = (uint16_t)(i + 1);
		sift_up(s, i);
		return;
	}
	/* the smallest makes room, and its weight becomes the newcomer's possible error */
	slot_remove(s, slot_of(s, &s->e[0].addr));
	s->e[0].addr = *a;
	s->e[0].error = s->e[0].weight;
	s->e[0].weight += weight;
	memcpy(s->e[0].aux, aux, sizeof(s->e[0].aux));
	s->slot[slot_of(s, a)] = 1;
	sift_down(s, 0);
}
