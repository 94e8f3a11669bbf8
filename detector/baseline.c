#include "detector/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "detector/pack.h"
#include "detector/shard.h"

enum {
	SLOTS = BASELINE_ROWS * 2,
	HOUR_LEAST = 15,   /* learned minutes that make an hour */
	WEEKS_MEMORY = 4,  /* a later week counts a quarter */
	MONDAY_S = 4 * 86400, /* 1970-01-05 */
};

/* --- rows ----------------------------------------------------------------------------------------------- */

int
baselines_init(struct baselines *b, uint64_t seed)
{
	*b = (struct baselines){.seed = seed};
	b->row = calloc(BASELINE_ROWS, sizeof(*b->row));
	b->slot = calloc(SLOTS, sizeof(*b->slot));
	if (b->row == NULL || b->slot == NULL) {
		baselines_done(b);
		return ERR_NOMEM;
	}
	return 0;
}

void
baselines_done(struct baselines *b)
{
	free(b->row);
	free(b->slot);
	*b = (struct baselines){0};
}

void
baselines_clear(struct baselines *b)
{
	memset(b->row, 0, b->n * sizeof(*b->row));
	memset(b->slot, 0, SLOTS * sizeof(*b->slot));
	b->n = 0;
	b->evicted = 0;
}

static uint32_t
slot_for(const struct baselines *b, const struct addr *a)
{
	uint64_t h = addr_hash(b->seed, a);
	uint32_t i = (uint32_t)(h ^ h >> 32) & (SLOTS - 1);

	while (b->slot[i] != 0 && !addr_equal(&b->row[b->slot[i] - 1].addr, a))
		i = (i + 1) & (SLOTS - 1);
	return i;
}

struct baseline_row *
baseline_find(const struct baselines *b, const struct addr *a)
{
	uint32_t i = slot_for(b, a);

	return b->slot[i] != 0 ? &b->row[b->slot[i] - 1] : NULL;
}

/* Rare (a full table met somebody larger), so all slots are simply set anew. */
static void
rehash(struct baselines *b)
{
	memset(b->slot, 0, SLOTS * sizeof(*b->slot));
	for (uint32_t i = 0; i < b->n; i++)
		if (b->row[i].used)
			b->slot[slot_for(b, &b->row[i].addr)] = i + 1;
}

/* The one that sends least; a DNS server stays before any other host. */
static struct baseline_row *
least(struct baselines *b)
{
	struct baseline_row *best = &b->row[0];

	for (uint32_t i = 1; i < b->n; i++) {
		struct baseline_row *r = &b->row[i];

		if (r->server != best->server ? best->server : r->mean[RATE_BYTES] < best->mean[RATE_BYTES])
			best = r;
	}
	return best;
}

struct baseline_row *
baseline_get(struct baselines *b, const struct addr *a, double rate)
{
	struct baseline_row *r = baseline_find(b, a);

	if (r != NULL)
		return r;
	if (b->n < BASELINE_ROWS) {
		r = &b->row[b->n++];
	} else {
		r = least(b);
		if (r->mean[RATE_BYTES] >= rate || r->multiple >= 2)
			return NULL;
		b->evicted++;
		r->used = false;
		rehash(b);
	}
	*r = (struct baseline_row){.addr = *a, .used = true};
	b->slot[slot_for(b, a)] = (uint32_t)(r - b->row) + 1;
	return r;
}

/* --- what is expected --------------------------------------------------------------------------------------- */

uint16_t
rate_code(double rate)
{
	double x = rate > 0 ? log2(1 + rate * 16) * 1024 : 0;

	return (uint16_t)(x < UINT16_MAX ? lround(x) : UINT16_MAX);
}

double
rate_of_code(uint16_t code)
{
	return (exp2(code / 1024.0) - 1) / 16;
}

unsigned int
week_hour(int64_t t_s)
{
	int64_t h = (t_s - MONDAY_S) / 3600 % WEEK_HOURS;

	return (unsigned int)(h < 0 ? h + WEEK_HOURS : h);
}

struct expected
baseline_expected(const struct baseline_row *r, int64_t t_s)
{
	unsigned int hour = week_hour(t_s);
	struct expected e = {.weeks = 0};

	for (int k = 0; k < BASELINE_RATES; k++) {
		e.rate[k] = r->mean[k];
		for (unsigned int d = 0; d < 3; d++) {
			unsigned int h = (hour + WEEK_HOURS + d - 1) % WEEK_HOURS;
			double m = rate_of_code(r->median[h][k]);

			if (r->weeks[h] == 0)
				continue;
			if (m > e.rate[k]) {
				e.rate[k] = m;
				e.weeks = k == RATE_BYTES ? r->weeks[h] : e.weeks;
			}
			if (d == 1)
				e.spread[k] = 6 * 1.4826 * rate_of_code(r->mad[h][k]);
		}
	}
	return e;
}

/* --- learning ------------------------------------------------------------------------------------------------- */

static int
by_code(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static double
median_of(uint16_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_code);
	return n % 2 != 0 ? rate_of_code(v[n / 2]) : (rate_of_code(v[n / 2 - 1]) + rate_of_code(v[n / 2])) / 2;
}

static uint16_t
moved(uint16_t code, double to, unsigned int weeks)
{
	double before = rate_of_code(code);
	unsigned int n = weeks + 1 < WEEKS_MEMORY ? weeks + 1 : WEEKS_MEMORY;

	return rate_code(before + (to - before) / n);
}

/* The hour is over: its minutes become a median and a spread. */
static void
close_hour(struct baseline_row *r)
{
	uint16_t v[HOUR_MINUTES];
	unsigned int h = week_hour((int64_t)r->hour * 3600), n = r->minute_n;

	for (int k = 0; k < BASELINE_RATES && n >= HOUR_LEAST; k++) {
		double m;

		memcpy(v, r->minute[k], n * sizeof(v[0]));
		m = median_of(v, n);
		for (unsigned int i = 0; i < n; i++)
			v[i] = rate_code(fabs(rate_of_code(r->minute[k][i]) - m));
		r->closed = r->hour;
		r->level[k] = rate_code(m);
		r->median[h][k] = moved(r->median[h][k], m, r->weeks[h]);
		r->mad[h][k] = moved(r->mad[h][k], median_of(v, n), r->weeks[h]);
	}
	if (n >= HOUR_LEAST && r->weeks[h] < UINT8_MAX)
		r->weeks[h]++;
	r->minute_n = 0;
}

static void
close_minute(struct baseline_row *r)
{
	unsigned int n = r->minutes + 1 < HOUR_MINUTES ? r->minutes + 1 : HOUR_MINUTES;

	for (int k = 0; k < BASELINE_RATES; k++) {
		double x = r->sum[k] / r->sum_s;

		r->mean[k] += (x - r->mean[k]) / n;
		if (r->minute_n < HOUR_MINUTES)
			r->minute[k][r->minute_n] = rate_code(x);
		r->sum[k] = 0;
	}
	if (r->minute_n < HOUR_MINUTES)
		r->minute_n++;
	if (r->minutes < UINT32_MAX)
		r->minutes++;
	r->sum_s = 0;
}

void
baseline_learn(struct baseline_row *r, int64_t t_s, double seconds, bool frozen)
{
	uint32_t hour = (uint32_t)((t_s - 1) / 3600);

	if (hour != r->hour) {
		close_hour(r);
		r->hour = hour;
	}
	r->frozen_s = frozen ? r->frozen_s + seconds : 0;
	if (frozen && r->frozen_s < RELEARN_S)
		return;
	if (r->frozen_s >= RELEARN_S) {
		/* a day of it is no incident any more: what is now is the new ordinary level */
		r->frozen_s = r->above_s = 0;
		r->minutes = 0;
		memset(r->weeks, 0, sizeof(r->weeks));
	}
	for (int k = 0; k < BASELINE_RATES; k++)
		r->sum[k] += r->rate[k] * seconds;
	r->sum_s += seconds;
	/* a look that covers several minutes (records) counts for each of them */
	for (double covers = seconds; r->sum_s >= 60; covers -= 60) {
		struct baseline_row whole = *r;

		close_minute(r);
		if (covers < 120)
			break;
		memcpy(r->sum, whole.sum, sizeof(r->sum));
		r->sum_s = whole.sum_s;
	}
}

/* --- saving ------------------------------------------------------------------------------------------------------ */

static int
by_address(const void *a, const void *b)
{
	return addr_cmp(&(*(const struct baseline_row *const *)a)->addr, &(*(const struct baseline_row *const *)b)->addr);
}

static void
save_row(const struct baseline_row *r, struct buf *out)
{
	pack_addr(out, &r->addr);
	pack_u(out, r->server);
	pack_u(out, (uint64_t)r->looked_ns);
	for (int k = 0; k < BASELINE_RATES; k++) {
		pack_u(out, r->counter[k]);
		pack_f(out, r->sum[k]);
		pack_f(out, r->mean[k]);
		pack_f(out, r->rate[k]);
	}
	pack_f(out, r->sum_s);
	pack_f(out, r->above_s);
	pack_f(out, r->frozen_s);
	pack_f(out, r->multiple);
	pack_u(out, r->minutes);
	pack_u(out, r->hour);
	pack_u(out, r->closed);
	for (int k = 0; k < BASELINE_RATES; k++)
		pack_u(out, r->level[k]);
	pack_u(out, r->minute_n);
	for (unsigned int i = 0; i < r->minute_n; i++)
		for (int k = 0; k < BASELINE_RATES; k++)
			pack_u(out, r->minute[k][i]);
	for (unsigned int h = 0; h < WEEK_HOURS; h++) {
		pack_u(out, r->weeks[h]);
		for (int k = 0; k < BASELINE_RATES && r->weeks[h] > 0; k++) {
			pack_u(out, r->median[h][k]);
			pack_u(out, r->mad[h][k]);
		}
	}
}

void
baselines_save(const struct baselines *b, struct buf *out)
{
	const struct baseline_row **list = calloc(b->n + 1, sizeof(*list));
	uint32_t n = 0;

	for (uint32_t i = 0; list != NULL && i < b->n; i++)
		if (b->row[i].used)
			list[n++] = &b->row[i];
	if (n > 1)
		qsort(list, n, sizeof(*list), by_address);
	pack_u(out, b->evicted);
	pack_u(out, n);
	for (uint32_t i = 0; i < n; i++)
		save_row(list[i], out);
	free(list);
}

static void
load_row(struct baseline_row *r, struct cursor *c)
{
	r->server = unpack_max(c, 1) != 0;
	r->looked_ns = unpack_ns(c);
	for (int k = 0; k < BASELINE_RATES; k++) {
		r->counter[k] = unpack_u(c);
		r->sum[k] = unpack_f(c);
		r->mean[k] = unpack_f(c);
		r->rate[k] = unpack_f(c);
	}
	r->sum_s = unpack_f(c);
	r->above_s = unpack_f(c);
	r->frozen_s = unpack_f(c);
	r->multiple = unpack_f(c);
	if (r->sum_s < 0 || r->sum_s > 60)
		c->bad = true;
	r->minutes = unpack_u32(c);
	r->hour = unpack_u32(c);
	r->closed = unpack_u32(c);
	for (int k = 0; k < BASELINE_RATES; k++)
		r->level[k] = (uint16_t)unpack_max(c, UINT16_MAX);
	r->minute_n = (uint8_t)unpack_max(c, HOUR_MINUTES);
	for (unsigned int i = 0; i < r->minute_n; i++)
		for (int k = 0; k < BASELINE_RATES; k++)
			r->minute[k][i] = (uint16_t)unpack_max(c, UINT16_MAX);
	for (unsigned int h = 0; h < WEEK_HOURS && !c->bad; h++) {
		r->weeks[h] = (uint8_t)unpack_max(c, UINT8_MAX);
		for (int k = 0; k < BASELINE_RATES && r->weeks[h] > 0; k++) {
			r->median[h][k] = (uint16_t)unpack_max(c, UINT16_MAX);
			r->mad[h][k] = (uint16_t)unpack_max(c, UINT16_MAX);
		}
	}
}

void
baselines_load(struct baselines *b, struct cursor *c)
{
	uint64_t evicted = unpack_u(c), n = unpack_max(c, BASELINE_ROWS);

	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct addr a = unpack_addr(c);
		struct baseline_row *r = c->bad ? NULL : baseline_get(b, &a, 0);

		if (r != NULL)
			load_row(r, c);
	}
	b->evicted += evicted;
}
