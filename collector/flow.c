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

void
flow_batch_done(struct flow_batch *b)
{
	free(b->flow);
	free(b->dns);
	*b = (struct flow_batch){0};
}
