#include "detector/group_baseline.h"

#include <math.h>
#include <stdlib.h>

#include "detector/pack.h"

enum { WEEKS_MEMORY = 4 };    /* as for a host */
#define DEVIATIONS (6 * 1.4826) /* six standard deviations, from the MAD of a normal distribution */

static int
by_code(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static uint16_t
median(uint16_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_code);
	return n % 2 != 0 ? v[n / 2] : (uint16_t)((v[n / 2 - 1] + v[n / 2]) / 2);
}

static uint16_t
moved(uint16_t from, uint16_t to, unsigned int weeks)
{
	int n = weeks + 1 < WEEKS_MEMORY ? (int)weeks + 1 : WEEKS_MEMORY;

	return (uint16_t)(from + (to - from) / n);
}

void
group_baseline_learn(struct group_baseline *g, uint32_t hour, uint16_t (*level)[BASELINE_RATES], size_t n)
{
	unsigned int h = week_hour((int64_t)hour * 3600);
	uint16_t *v = n >= GROUP_BASELINE_LEAST ? malloc(n * sizeof(*v)) : NULL;

	if (v == NULL)
		return;
	for (int k = 0; k < BASELINE_RATES; k++) {
		uint16_t middle;

		for (size_t i = 0; i < n; i++)
			v[i] = level[i][k];
		middle = g->latest.median[k] = median(v, n);
		for (size_t i = 0; i < n; i++)
			v[i] = (uint16_t)abs(level[i][k] - middle);
		g->latest.mad[k] = median(v, n);
		g->week[h].median[k] = moved(g->week[h].median[k], middle, g->weeks[h]);
		g->week[h].mad[k] = moved(g->week[h].mad[k], g->latest.mad[k], g->weeks[h]);
	}
	g->hour = hour;
	g->members = n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
	if (g->weeks[h] < UINT8_MAX)
		g->weeks[h]++;
	free(v);
}

static void
take(struct group_expected *e, const struct group_hour *h, unsigned int weeks)
{
	double limit = h->median[RATE_BYTES] + DEVIATIONS * h->mad[RATE_BYTES];

	for (int k = 0; k < BASELINE_RATES; k++) {
		double rate = rate_of_code(h->median[k]);

		if (rate <= e->rate[k])
			continue;
		e->rate[k] = rate;
		if (k == RATE_BYTES)
			e->weeks = weeks;
	}
	limit = rate_of_code(limit < UINT16_MAX ? (uint16_t)limit : UINT16_MAX);
	e->limit = limit > e->limit ? limit : e->limit;
}

struct group_expected
group_baseline_expected(const struct group_baseline *g, int64_t t_s)
{
	unsigned int hour = week_hour(t_s);
	struct group_expected e = {.members = g->hour != 0 ? g->members : 0};

	if (g->hour == 0)
		return e;
	for (unsigned int d = WEEK_HOURS - 1; d <= WEEK_HOURS + 1; d++) {
		unsigned int h = (hour + d) % WEEK_HOURS;

		if (g->weeks[h] > 0)
			take(&e, &g->week[h], g->weeks[h]);
	}
	take(&e, &g->latest, 0);
	return e;
}

/* --- saving ------------------------------------------------------------------------------------------------------ */

static void
save_hour(const struct group_hour *h, struct buf *out)
{
	for (int k = 0; k < BASELINE_RATES; k++) {
		pack_u(out, h->median[k]);
		pack_u(out, h->mad[k]);
	}
}

static void
load_hour(struct group_hour *h, struct cursor *c)
{
	for (int k = 0; k < BASELINE_RATES; k++) {
		h->median[k] = (uint16_t)unpack_max(c, UINT16_MAX);
		h->mad[k] = (uint16_t)unpack_max(c, UINT16_MAX);
	}
}

void
group_baseline_save(const struct group_baseline *g, struct buf *out)
{
	pack_u(out, g->hour);
	if (g->hour == 0)
		return;
	pack_u(out, g->members);
	save_hour(&g->latest, out);
	for (unsigned int h = 0; h < WEEK_HOURS; h++) {
		pack_u(out, g->weeks[h]);
		if (g->weeks[h] > 0)
			save_hour(&g->week[h], out);
	}
}

void
group_baseline_load(struct group_baseline *g, struct cursor *c)
{
	*g = (struct group_baseline){.hour = unpack_u32(c)};
	if (g->hour == 0)
		return;
	g->members = (uint16_t)unpack_max(c, UINT16_MAX);
	load_hour(&g->latest, c);
	for (unsigned int h = 0; h < WEEK_HOURS && !c->bad; h++) {
		g->weeks[h] = (uint8_t)unpack_max(c, UINT8_MAX);
		if (g->weeks[h] > 0)
			load_hour(&g->week[h], c);
	}
}
