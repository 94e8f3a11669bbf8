#include "detector/cover.h"

#include <stdlib.h>
#include <string.h>

struct second {
	int64_t slope; /* change of the value per second, from this second on */
	int64_t point; /* on top, in this second only */
	int64_t told;
};

struct cover {
	bool begun, news;
	int64_t base_s;                /* the first second that can still change */
	int64_t base[COVER_FIELDS];    /* slope up to and with base_s - 1 */
	struct second at[COVER_SECONDS][COVER_FIELDS];
};

struct cover *
cover_new(void)
{
	return calloc(1, sizeof(struct cover));
}

void
cover_free(struct cover *c)
{
	free(c);
}

void
cover_restart(struct cover *c)
{
	memset(c, 0, sizeof(*c));
}

static struct second *
second_at(struct cover *c, int64_t s)
{
	return c->at[(uint64_t)s % COVER_SECONDS];
}

/* Moves on so that second s can be written: what leaves the ring is final. */
static void
reach(struct cover *c, int64_t s)
{
	if (!c->begun || s - c->base_s >= 2 * COVER_SECONDS) {
		memset(c->at, 0, sizeof(c->at));
		memset(c->base, 0, sizeof(c->base));
		c->begun = true;
		c->base_s = s - COVER_BACK;
	}
	while (c->base_s < s - COVER_BACK) {
		struct second *old = second_at(c, c->base_s);

		for (int f = 0; f < COVER_FIELDS; f++)
			c->base[f] += old[f].slope;
		memset(old, 0, sizeof(c->at[0]));
		c->base_s++;
	}
}

void
cover_add(struct cover *c, enum cover_field f, int64_t from_s, int64_t to_s, uint64_t value)
{
	int64_t n, each;

	if (value == 0 || value > INT64_MAX)
		return;
	/* one second behind `to` is written, too */
	if (!c->begun || to_s + 1 > c->base_s + COVER_BACK)
		reach(c, to_s + 1);
	if (to_s < c->base_s)
		to_s = c->base_s;
	if (from_s < c->base_s)
		from_s = c->base_s;
	if (from_s > to_s)
		from_s = to_s;
	n = to_s - from_s + 1;
	each = (int64_t)value / n;
	second_at(c, to_s)[f].point += (int64_t)value - each * n;
	if (each > 0) {
		second_at(c, from_s)[f].slope += each;
		second_at(c, to_s + 1)[f].slope -= each;
	}
	c->news = true;
}

void
cover_tell(struct cover *c, int64_t until_s, cover_sink *sink, void *ctx)
{
	int64_t slope[COVER_FIELDS];

	if (!c->begun)
		return;
	reach(c, until_s + 1);
	if (!c->news)
		return;
	c->news = false;
	memcpy(slope, c->base, sizeof(slope));
	for (int64_t s = c->base_s; s <= until_s; s++) {
		struct second *at = second_at(c, s);
		uint64_t gain[COVER_FIELDS];
		bool any = false;

		for (int f = 0; f < COVER_FIELDS; f++) {
			int64_t now;

			slope[f] += at[f].slope;
			now = slope[f] + at[f].point;
			gain[f] = now > at[f].told ? (uint64_t)(now - at[f].told) : 0;
			any = any || gain[f] > 0;
			at[f].told = now > at[f].told ? now : at[f].told;
		}
		if (any)
			sink(ctx, s, gain);
	}
}
