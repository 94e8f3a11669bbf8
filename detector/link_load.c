/* link-saturation: abuse is eating a backhaul link's capacity.
 *
 * A full link alone is no abuse: people fill links, too.  The share of amplified answers (DNS and other services) must
 * be out of the ordinary for this hour, and the load near the capacity or on its way there.  The other ends that the
 * alert names are the hosts behind the link with open alerts.
 *
 * The trend is Theil and Sen's: the median of the slopes of all pairs of slots; one burst does not bend it.
 */
#include "detector/link_load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/areas.h"
#include "detector/detector.h"

#define F(field) offsetof(struct link_settings, field)
static const struct setting table[] = {
	{"load", "%", 0.1, 1, 0.8, "links are upgraded at 80 %", F(load), "of the capacity, over 20 seconds"},
	{"amplified-share", "%", 0.001, 1, 0.05, "docs/calibration.md", F(amplified_share),
	    "amplified answers among all that the link carries"},
	{"times-usual", "x", 1, 1000, 5, "docs/calibration.md", F(times_usual),
	    "and so many times what is usual at this hour"},
	{"full-within", "s", 10, 3600, 300, "time enough to act", F(full_within),
	    "at half of the load and more, when the trend of five minutes says that it is full so soon"},
};

enum { SIGNAL_LOAD, SIGNAL_AMPLIFIED, SIGNAL_USUAL, SIGNAL_TREND };
enum {
	USUAL_LEAST = 30,  /* slots that make a median */
	TREND_LEAST = 12,
	SHARE_STEPS = 3,   /* steps of the histogram for a factor of two */
};

/* 0: none at all; then from 2^-10 on in steps of a third of a doubling. */
static unsigned int
share_step(double share)
{
	double step = share > 0 ? 1 + (log2(share) + 10) * SHARE_STEPS : 0;

	return step < 0 ? 0 : step >= LOAD_SHARES ? LOAD_SHARES - 1 : (unsigned int)step;
}

static double
share_of_step(unsigned int step)
{
	return step == 0 ? 0 : exp2((step - 0.5) / SHARE_STEPS - 10);
}

static const struct load_slot *
slot_of(const struct link_load *l, int64_t number)
{
	const struct load_slot *s = &l->slot[(uint64_t)number % LOAD_SLOTS];
	static const struct load_slot empty;

	return s->number == number ? s : &empty;
}

void
link_load_add(struct link_load *l, int64_t second, const struct series_point *p)
{
	int64_t number = second / LOAD_SLOT_S;
	struct load_slot *s = &l->slot[(uint64_t)number % LOAD_SLOTS];

	if (l->capacity_bps == 0 || second < 0 || number < s->number)
		return;
	if (s->number != number)
		*s = (struct load_slot){.number = number};
	if (l->first == 0)
		l->first = number;
	s->bytes += p->bytes;
	s->dns_bytes += p->dns_answer_bytes;
	s->amplified_bytes += p->amplified_first_bytes + p->amplified_later_bytes;
	s->later_bytes += p->amplified_later_bytes;
	s->amplified_answers += p->amplified_answers;
}

void
link_load_restart(struct link_load *l)
{
	memset(l->slot, 0, sizeof(l->slot));
	l->judged = l->first = 0;
}

static unsigned int
hour_of(int64_t number)
{
	return (unsigned int)((uint64_t)number / (3600 / LOAD_SLOT_S) % 24);
}

/* Counts are halved when they reach the end of their type: what was usual long ago fades. */
static void
learn(struct link_load *l, const struct load_slot *s)
{
	uint16_t *n = l->share[hour_of(s->number)];
	unsigned int step = share_step(s->bytes > 0 ? (double)s->amplified_bytes / (double)s->bytes : 0);

	if (++n[step] == UINT16_MAX)
		for (int i = 0; i < LOAD_SHARES; i++)
			n[i] /= 2;
}

bool
link_load_known(struct link_load *l, int64_t second, bool frozen)
{
	int64_t newest = (second + 1) / LOAD_SLOT_S - 1;

	if (l->capacity_bps == 0 || l->first == 0 || newest < l->first || newest <= l->judged)
		return false;
	/* what is judged now is not yet usual: the one before is */
	if (l->judged != 0 && !frozen && slot_of(l, l->judged)->bytes > 0)
		learn(l, slot_of(l, l->judged));
	l->judged = newest;
	return true;
}

const struct load_slot *
link_load_now(const struct link_load *l)
{
	return l->judged != 0 ? slot_of(l, l->judged) : NULL;
}

static double
median_share(const uint32_t n[LOAD_SHARES], uint32_t total)
{
	uint32_t sum = 0;
	unsigned int i = 0;

	while (i < LOAD_SHARES - 1 && (sum += n[i]) * 2 < total)
		i++;
	return share_of_step(i);
}

/* Of this hour, or else of all that is known; 0: too little is. */
static double
usual_share(const struct link_load *l)
{
	uint32_t here[LOAD_SHARES] = {0}, all[LOAD_SHARES] = {0}, here_n = 0, all_n = 0;

	for (unsigned int h = 0; h < 24; h++)
		for (int i = 0; i < LOAD_SHARES; i++) {
			all[i] += l->share[h][i];
			all_n += l->share[h][i];
			if (h == hour_of(l->judged)) {
				here[i] = l->share[h][i];
				here_n += here[i];
			}
		}
	if (here_n >= USUAL_LEAST)
		return median_share(here, here_n);
	return all_n >= USUAL_LEAST ? median_share(all, all_n) : 0;
}

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Bits per second of change per second; 0 unless three of four pairs rise. */
static double
trend(const struct link_load *l)
{
	double slope[LOAD_TREND * (LOAD_TREND - 1) / 2];
	size_t n = 0, rising = 0;
	int64_t from = l->judged - LOAD_TREND + 1 > l->first ? l->judged - LOAD_TREND + 1 : l->first;

	if (l->judged - from + 1 < TREND_LEAST)
		return 0;
	for (int64_t a = from; a < l->judged; a++)
		for (int64_t b = a + 1; b <= l->judged; b++) {
			double rise = ((double)slot_of(l, b)->bytes - (double)slot_of(l, a)->bytes) * 8 / LOAD_SLOT_S;

			slope[n++] = rise / (double)((b - a) * LOAD_SLOT_S);
			rising += rise > 0;
		}
	if (rising * 4 < n * 3)
		return 0;
	qsort(slope, n, sizeof(slope[0]), by_value);
	return slope[n / 2];
}

struct load_state
link_load_state(const struct link_load *l)
{
	struct load_state s = {.full_in_s = -1};
	const struct load_slot *a = slot_of(l, l->judged), *b = slot_of(l, l->judged - 1);
	double bytes = (double)(a->bytes + b->bytes), capacity = (double)l->capacity_bps, rise;

	if (l->judged == 0 || capacity <= 0)
		return s;
	s.bps = bytes * 8 / (2 * LOAD_SLOT_S);
	s.load = s.bps / capacity;
	s.answers = (double)(a->amplified_answers + b->amplified_answers);
	if (bytes > 0) {
		s.dns = (double)(a->dns_bytes + b->dns_bytes) / bytes;
		s.amplified = (double)(a->amplified_bytes + b->amplified_bytes) / bytes;
		s.amplified = s.amplified < 1 ? s.amplified : 1;
	}
	s.usual = usual_share(l);
	rise = trend(l);
	if (s.load >= 1)
		s.full_in_s = 0;
	else if (rise > 0)
		s.full_in_s = (capacity - s.bps) / rise;
	return s;
}

/* The lower 99 % bound of the amplified share: of samples it is known as well as their number of answers allows. */
static double
amplified_least(const struct load_state *s, double sampling)
{
	double seen = s->answers / sampling;

	return sampling <= 1 ? s->amplified : seen > 0 ? fmax(0, s->amplified * (1 - 2.5758 / sqrt(seen))) : 0;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct link_settings *set = &env->settings->link;
	const struct load_state s = link_load_state(env->load);
	double least = s.usual * set->times_usual, low = amplified_least(&s, w->sampling), high = fmin(1, 2 * s.amplified - low);
	bool near, share;

	*v = (struct verdict){.role = ROLE_LINK, .window_s = 2 * LOAD_SLOT_S};
	verdict_signal(v, "load", "Share of the link's capacity", "rate", "%", s.load, s.load, s.load, set->load);
	verdict_signal(v, "amplified_share", "Amplified answers among all that it carries", "size", "%", s.amplified, low,
	    high, set->amplified_share)->required = true;
	verdict_signal(v, "above_usual", "And above what is usual at this hour", "mismatch", "%", s.amplified, low, high,
	    least)->required = true;
	struct signal *t = verdict_signal(v, "full_in", "Time until it is full, by its trend", "rate", "s", s.full_in_s < 0 ? set->full_within * 10 :
	    s.full_in_s, s.full_in_s, s.full_in_s, set->full_within);

	t->low = t->high = t->value;
	t->below = true;
	t->met = s.full_in_s >= 0 && s.full_in_s <= set->full_within && s.load >= set->load / 2;
	near = v->signals[SIGNAL_LOAD].met || t->met;
	share = v->signals[SIGNAL_AMPLIFIED].met && v->signals[SIGNAL_USUAL].met;
	if (near && share)
		v->heat = HEAT_HOT;
	else if (s.load >= 0.75 * set->load && s.amplified >= 0.75 * set->amplified_share)
		v->heat = HEAT_WARM;
}

const struct detector detector_link_load = {
	.kind = KIND_LINK_SATURATION,
	.side = SIDE_LINK,
	.service_from = SERVICE_NONE,
	.service_to = SERVICE_NONE,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, link),
};
