#include "collector/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int
flow_batch_init(struct flow_batch *b, size_t cap)
{
	*b = (struct flow_batch){0};
	if (cap == 0)
		cap = 1;
	/* not cleared: n and dns_n say what there is, and pages that are never written cost nothing */
	b->flow = malloc(cap * sizeof(*b->flow));
	/* as many views as flows: no batch can run out of one before the other */
	b->dns = malloc(cap * sizeof(*b->dns));
	if (b->flow == NULL || b->dns == NULL) {
		flow_batch_done(b);
		return ERR_NOMEM;
	}
	b->cap = b->dns_cap = cap;
	return 0;
}

static int
grow(struct flow_batch *b)
{
	size_t cap = b->cap < 512 ? 1024 : b->cap * 2;
	struct flow *flow = realloc(b->flow, cap * sizeof(*flow));
	struct flow_extra *extra = b->extra;

	if (flow == NULL)
		return ERR_NOMEM;
	b->flow = flow;
	if (extra != NULL) {
		extra = realloc(extra, cap * sizeof(*extra));
		if (extra == NULL)
			return ERR_NOMEM;
		b->extra = extra;
	}
	b->cap = cap;
	return 0;
}

struct flow *
flow_batch_room(struct flow_batch *b)
{
	if (b->n == b->cap && (b->cap >= FLOW_BATCH_MAX || grow(b) < 0))
		return NULL;
	return &b->flow[b->n];
}

/* Not realloc: how far each flow's view is into the old array must be known when it has moved. */
static int
grow_views(struct flow_batch *b, size_t want)
{
	size_t cap = b->dns_cap < 128 ? 256 : b->dns_cap * 2;
	struct dns_view *dns;

	while (cap < want)
		cap *= 2;
	dns = malloc(cap * sizeof(*dns));
	if (dns == NULL)
		return ERR_NOMEM;
	if (b->dns_n > 0)
		memcpy(dns, b->dns, b->dns_n * sizeof(*dns));
	for (size_t i = 0; i < b->n; i++)
		if (b->flow[i].dns != NULL)
			b->flow[i].dns = dns + (b->flow[i].dns - b->dns);
	free(b->dns);
	b->dns = dns;
	b->dns_cap = cap;
	return 0;
}

int
flow_batch_reserve(struct flow_batch *b, size_t n)
{
	int err = 0;

	if (n > FLOW_BATCH_MAX || b->n > FLOW_BATCH_MAX - n || b->dns_n > FLOW_BATCH_MAX - n)
		return ERR_FULL;
	while (err == 0 && b->cap - b->n < n)
		err = grow(b);
	if (err == 0 && b->dns_cap - b->dns_n < n)
		err = grow_views(b, b->dns_n + n);
	return err;
}

int
flow_batch_want_extra(struct flow_batch *b)
{
	if (b->extra == NULL)
		b->extra = calloc(b->cap > 0 ? b->cap : 1, sizeof(*b->extra));
	return b->extra != NULL ? 0 : ERR_NOMEM;
}

void
flow_batch_done(struct flow_batch *b)
{
	free(b->flow);
	free(b->extra);
	free(b->dns);
	*b = (struct flow_batch){0};
}
