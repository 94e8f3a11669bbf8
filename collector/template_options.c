/* Options records: what an exporter says of itself. */
#include <stdlib.h>

#include "collector/template_inner.h"

#define BIT(x) ((uint64_t)1 << (x))

static uint32_t
bounded(uint64_t n)
{
	return n <= UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static struct sampler *
sampler_find(struct domain *d, uint64_t id)
{
	/* records of one sampler come in runs */
	if (d->sampler_hint < d->samplers_n && d->sampler[d->sampler_hint].id == id)
		return &d->sampler[d->sampler_hint];
	for (uint32_t i = 0; i < d->samplers_n; i++) {
		if (d->sampler[i].id == id) {
			d->sampler_hint = i;
			return &d->sampler[i];
		}
	}
	return NULL;
}

/* 1 in n by the elements of the record alone (RFC 5477 6, 8); 0: it does not say. */
static uint32_t
plain_sampling(const struct record *r)
{
	uint64_t interval = r->v[E_SAMPLE_INTERVAL], space = r->v[E_SAMPLE_SPACE], size = r->v[E_SAMPLE_SIZE];

	if (r->v[E_SAMPLING] != 0)
		return bounded(r->v[E_SAMPLING]);
	/* `interval` packets are taken, then `space` left out; some send their n as an interval without a space */
	if (interval != 0 && (r->has & BIT(E_SAMPLE_SPACE)) == 0)
		return bounded(interval);
	if (interval != 0)
		return bounded((bounded(interval) + (uint64_t)bounded(space)) / bounded(interval));
	if (size != 0)
		return bounded(r->v[E_SAMPLE_POPULATION] / size);
	return 0;
}

uint32_t
record_sampling(const struct record *r, struct domain *d)
{
	uint32_t n = plain_sampling(r);
	const struct sampler *s;

	if (n == 0 && (r->has & BIT(E_SAMPLER)) != 0) {
		s = sampler_find(d, r->v[E_SAMPLER]);
		if (s != NULL)
			n = s->n;
	}
	return n;
}

void
domain_sampler(struct templates *all, struct domain *d, struct exporter *row, uint64_t id, uint32_t n)
{
	struct sampler *s = sampler_find(d, id);

	if (s == NULL) {
		if (d->samplers_n == SAMPLERS_PER_EXPORTER)
			return;
		if (d->samplers_n == d->samplers_cap) {
			uint32_t cap = d->samplers_cap == 0 ? 2 : d->samplers_cap * 2;

			s = keep_grow(all, d->sampler, d->samplers_cap * sizeof(*s), cap * sizeof(*s));
			if (s == NULL)
				return;
			d->sampler = s;
			d->samplers_cap = cap;
		}
		s = &d->sampler[d->samplers_n++];
		*s = (struct sampler){.id = id, .n = n};
		/* records that name no sampler: the only one is meant; of several, none is to be preferred */
		if (d->samplers_n == 1 || row->sampling == 0)
			exporter_sampling(row, n);
		return;
	}
	if (s->n == n)
		return;
	s->n = n;
	if (d->samplers_n == 1)
		exporter_sampling(row, n);
	else
		row->count[EXPORTER_SAMPLING_CHANGED]++;
}

/* Totals of several processes may come in turns: only what exceeds all before is new.  So this is the least that
 * was lost. */
static void
dropped(struct exporter *row, uint64_t *known, uint64_t total)
{
	if (total <= *known)
		return;
	row->count[EXPORTER_DROPPED] += total - *known;
	*known = total;
}

void
record_options(const struct record *r, struct message *m)
{
	struct domain *d = m->domain;
	uint32_t n = plain_sampling(r);

	m->row->count[EXPORTER_OPTIONS]++;
	if (r->v[E_BOOT] != 0) {
		int64_t boot = (int64_t)r->v[E_BOOT];

		if (!d->boot_guessed && d->boot_ns != 0 && d->boot_ns != boot)
			d->dropped_packets = d->dropped_flows = 0;
		d->boot_ns = boot;
		d->boot_guessed = false;
	}
	dropped(m->row, &d->dropped_packets, r->v[E_DROPPED_PACKETS]);
	dropped(m->row, &d->dropped_flows, r->v[E_DROPPED_FLOWS]);
	if ((r->has & BIT(E_SAMPLER)) != 0 && n != 0)
		domain_sampler(m->all, d, m->row, r->v[E_SAMPLER], n);
	else if ((r->has & BIT(E_SAMPLER)) == 0 && n != 0)
		exporter_sampling(m->row, n);
}
