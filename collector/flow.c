#include "collector/flow.h"

#include <stdlib.h>

#include "base/err.h"

int
flow_batch_init(struct flow_batch *b, size_t cap)
{
	*b = (struct flow_batch){0};
	if (cap == 0)
		cap = 1;
	b->flow = calloc(cap, sizeof(*b->flow));
	/* as many views as flows: no batch can run out of one before the other */
	b->dns = calloc(cap, sizeof(*b->dns));
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
