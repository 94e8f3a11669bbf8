#include "detector/answer_size.h"

#include <stdbool.h>
#include <string.h>

/* EDNS limits in use (1232: DNS flag day 2020) with their headers, and what fills a packet. */
static bool
cut(uint64_t bytes, uint64_t packets)
{
	return packets <= 1 && (bytes == 1232 + 28 || bytes == 1232 + 48 || bytes == 1220 + 28 || bytes == 1220 + 48 || bytes >= 1400);
}

void
size_vote_add(struct size_vote *v, uint64_t bytes, uint64_t packets)
{
	v->all++;
	if (cut(bytes, packets) || bytes > UINT32_MAX)
		return;
	if (v->votes == 0)
		v->bytes = (uint32_t)bytes;
	if (v->bytes == bytes)
		v->votes++;
	else
		v->votes--;
}

void
size_counts_add(struct size_counts *c, const struct size_vote *v, uint32_t tick)
{
	struct size_span *s = &c->span[0];
	int at = 0;

	if (v->all == 0)
		return;
	if (c->tick == 0 || tick - c->tick >= SIZE_SPAN_S) {
		if (tick - c->tick < 2 * SIZE_SPAN_S && c->tick != 0)
			c->span[1] = *s;
		else
			memset(&c->span[1], 0, sizeof(c->span[1]));
		memset(s, 0, sizeof(*s));
		c->tick = tick;
	}
	s->all += v->all;
	if (v->votes == 0)
		return;
	for (int i = 0; i < SIZES && s->bytes[at] != v->bytes; i++)
		if (s->bytes[i] == v->bytes || s->n[i] < s->n[at])
			at = i;
	if (s->bytes[at] != v->bytes)
		s->n[at] = 0; /* no inheritance: too few rather than too many */
	s->bytes[at] = v->bytes;
	s->n[at] += v->votes;
}

static uint32_t
count_of(const struct size_span *s, uint32_t bytes)
{
	for (int i = 0; i < SIZES; i++)
		if (s->bytes[i] == bytes)
			return s->n[i];
	return 0;
}

uint32_t
size_counts_top(const struct size_counts *c, uint32_t tick, uint32_t *all)
{
	uint32_t top = 0;

	*all = 0;
	if (c->tick == 0 || tick - c->tick >= 2 * SIZE_SPAN_S)
		return 0;
	*all = c->span[0].all + c->span[1].all;
	for (int i = 0; i < SIZES; i++) {
		uint32_t n = c->span[0].n[i] > 0 ? c->span[0].n[i] + count_of(&c->span[1], c->span[0].bytes[i]) : 0;

		top = n > top ? n : top;
	}
	return top;
}
