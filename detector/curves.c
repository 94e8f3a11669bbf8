/* Curves: what each second held, of everything and of each link; records add to seconds long gone. */
#include <string.h>

#include "base/timefmt.h"
#include "detector/internal.h"
#include "detector/tables.h"

static void
point_add(struct series_point *s, const struct series_point *p)
{
	s->bytes += p->bytes;
	s->packets += p->packets;
	s->dns_queries += p->dns_queries;
	s->dns_answers += p->dns_answers;
	s->dns_answer_bytes += p->dns_answer_bytes;
	s->amplified_first_bytes += p->amplified_first_bytes;
	s->amplified_later_bytes += p->amplified_later_bytes;
	s->amplified_answers += p->amplified_answers;
	s->any_queries += p->any_queries;
	s->fragments += p->fragments;
	if (p->offenders > s->offenders)
		s->offenders = p->offenders;
	if (p->max_bytes > s->max_bytes)
		s->max_bytes = p->max_bytes;
}

void
curve_add(struct curve *c, int64_t second, const struct series_point *p)
{
	size_t i;

	if (c->n == 0)
		c->start_s = second;
	/* the input's clock was set back, or a record began before the first one: the curve keeps its order */
	if (second < c->start_s)
		second = c->start_s;
	while ((uint64_t)(second - c->start_s) / c->width_s >= SERIES_POINTS) {
		for (i = 0; i < c->n / 2; i++) {
			struct series_point sum = c->point[2 * i];

			point_add(&sum, &c->point[2 * i + 1]);
			c->point[i] = sum;
		}
		if (c->n % 2 != 0)
			c->point[i++] = c->point[c->n - 1];
		memset(&c->point[i], 0, (c->n - i) * sizeof(*c->point));
		c->n = i;
		c->width_s *= 2;
	}
	i = (size_t)((uint64_t)(second - c->start_s) / c->width_s);
	if (i >= c->n)
		c->n = i + 1;
	point_add(&c->point[i], p);
	/* what records tell of a second comes bit by bit */
	if (c->width_s == 1)
		c->point[i].max_bytes = c->point[i].bytes;
}

/* Not a server under queries, whose few answers are not amplified, or are its clients' already. */
static bool
judged_by_answers(const struct watch *w)
{
	return w->service != SERVICE_NONE && !service_is_names(w->service) && w->service < SERVICE_LEVEL &&
	    (w->now.large > 0 || w->now.answers > 0);
}

/* Adds a watch's tick to the curves of everything and of its link. */
static void
amplified(const struct engine *e, struct series_point *p, const struct watch *w)
{
	const struct cell *c = &w->now;

	if (!judged_by_answers(w))
		return;
	p->offenders += w->life.alert != 0;
	if (w->records)
		return; /* counted in the seconds they covered */
	if (w->service == SERVICE_DNS) {
		uint64_t later = c->later_bytes < c->large_bytes ? c->later_bytes : 0;

		p->amplified_first_bytes += c->large_bytes - later;
		p->amplified_later_bytes += later;
		p->amplified_answers += c->large;
	} else if (engine_is_hit(e, w)) {
		p->amplified_first_bytes += c->answer_bytes - c->later_bytes;
		p->amplified_later_bytes += c->later_bytes;
		p->amplified_answers += c->answers;
	}
}

struct covered {
	struct engine *engine;
	size_t link;
};

static void
on_covered(void *ctx, int64_t second, const uint64_t gain[COVER_FIELDS])
{
	const struct covered *c = ctx;
	struct series_point p = {
		.bytes = gain[COVER_BYTES], .packets = gain[COVER_PACKETS], .dns_queries = gain[COVER_QUERIES],
		.dns_answers = gain[COVER_ANSWERS], .dns_answer_bytes = gain[COVER_ANSWER_BYTES],
		.amplified_first_bytes = gain[COVER_FIRST], .amplified_later_bytes = gain[COVER_LATER],
		.amplified_answers = gain[COVER_LARGE], .max_bytes = gain[COVER_BYTES],
	};

	curve_add(&c->engine->curve[c->link], second, &p);
	if (c->link > 0)
		link_load_add(&c->engine->link_load[c->link - 1], second, &p);
}

void
engine_grow_curves(struct engine *e)
{
	struct series_point all = {0};
	int64_t second = e->tick0_s + e->env.tick;

	struct tick_sums sum = {0};

	for (int i = 0; i < SHARDS; i++) {
		const struct tick_sums *s = &e->shard[i].sums;

		sum.bytes += s->bytes;
		sum.packets += s->packets;
		sum.dns_queries += s->dns_queries;
		sum.dns_answers += s->dns_answers;
		sum.dns_answer_bytes += s->dns_answer_bytes;
		sum.record_bytes += s->record_bytes;
		sum.record_packets += s->record_packets;
		sum.record_queries += s->record_queries;
		sum.record_answers += s->record_answers;
		sum.record_answer_bytes += s->record_answer_bytes;
		all.any_queries += s->any_queries;
		all.fragments += s->fragments;
	}
	if (sum.dns_queries > 0)
		e->last_query_tick = e->env.tick;
	e->stats.packets += sum.packets;
	e->stats.bytes += sum.bytes;
	e->stats.dns_queries += sum.dns_queries;
	e->stats.dns_responses += sum.dns_answers;
	e->stats.fragments += all.fragments;
	/* what records told of is in the curves already, in its own seconds */
	all.bytes = sum.bytes - sum.record_bytes;
	all.packets = sum.packets - sum.record_packets;
	all.dns_queries = sum.dns_queries - sum.record_queries;
	all.dns_answers = sum.dns_answers - sum.record_answers;
	all.dns_answer_bytes = sum.dns_answer_bytes - sum.record_answer_bytes;
	all.max_bytes = all.bytes;
	for (size_t l = 0; l <= e->links_n && e->cover[l] != NULL; l++)
		cover_tell(e->cover[l], second, on_covered, &(struct covered){e, l});
	for (size_t l = 1; l <= e->links_n; l++) {
		struct series_point p = e->link_dns[l];

		e->link_dns[l] = (struct series_point){0};
		for (int i = 0; i < SHARDS; i++)
			p.bytes += e->shard[i].link_down[l];
		p.max_bytes = p.bytes;
		e->link_bps[l - 1] = p.bytes * 8;
		for (uint32_t i = 0; i < e->watches.used; i++) {
			const struct watch *w = &e->watches.pool[e->watches.order[i]];

			if (w->link != l || w->touched != e->env.tick)
				continue;
			if (w->side == SIDE_CLIENT)
				amplified(e, &p, w);
			else /* what a reflector sends leaves by the other direction */
				p.offenders += judged_by_answers(w) && w->life.alert != 0;
		}
		curve_add(&e->curve[l], second, &p);
		link_load_add(&e->link_load[l - 1], second, &p);
	}
	areas_links(e, second, e->cover[0] != NULL ? engine_report_s(e) : 0);
	for (uint32_t i = 0; i < e->watches.used; i++) {
		const struct watch *w = &e->watches.pool[e->watches.order[i]];

		if (w->touched == e->env.tick)
			amplified(e, &all, w);
	}
	curve_add(&e->curve[0], second, &all);
}
