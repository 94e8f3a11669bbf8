#include "detector/copies.h"

#include <stdlib.h>

#include "base/err.h"

int
copies_init(struct copies *c)
{
	*c = (struct copies){.first = COPIES_FIRST};
	c->row = calloc(COPIES_ROWS, sizeof(*c->row));
	return c->row != NULL ? 0 : ERR_NOMEM;
}

void
copies_done(struct copies *c)
{
	free(c->row);
	*c = (struct copies){0};
}

/* Clocks of two taps differ: a copy may be the earlier one. */
static bool
same_moment(uint32_t a, uint32_t b)
{
	int32_t gap = (int32_t)(a - b);

	return gap <= COPIES_GAP_US && gap >= -COPIES_GAP_US;
}

bool
copies_seen(struct copies *c, uint64_t hash, int64_t t_ns)
{
	struct copy_row *r = &c->row[hash & (COPIES_ROWS - 1)];
	uint32_t tag = (uint32_t)(hash >> 32), t = (uint32_t)((uint64_t)t_ns / 1000);
	bool look = copies_sampled(c, hash), copy;

	c->first -= c->first > 0;
	if (r->times == 0 || r->tag != tag || !same_moment(t, r->time_us))
		r->times = 0;
	r->tag = tag;
	r->time_us = t;
	if (r->times <= COPIES_MOST)
		r->times++;
	copy = r->times > 1 && r->times <= COPIES_MOST;
	if (look) {
		c->looked++;
		c->found += copy;
		if (c->looked == COPIES_LOOK) {
			c->mirrored = c->found * COPIES_SHARE >= c->looked;
			c->looked /= 2;
			c->found /= 2;
		}
	}
	return copy && c->mirrored;
}
