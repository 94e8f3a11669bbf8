/* Files of records in the order of time.
 *
 * A replay runs in traffic time, but files are sorted by export, by start, by host, or not at all.  A sorted stretch of
 * 65,536 records goes out half by half: what is out of order by less than that comes out right, whatever
 * the file.  A record counts as known one minute after its end at the latest, even where a file says it was
 * exported hours later: then everything would happen in one second.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/reader.h"

enum { ORDER_RECORDS = 1 << 16, ORDER_OUT = 8192 };
#define KNOWN_NS (60 * INT64_C(1000000000))

struct order {
	struct flow *flow;      /* n of cap; the first `ready` are sorted, `out` of them delivered */
	size_t n, cap, ready, out;
	struct order_key *key;
	struct flow *sorted;
	int last;               /* how the format answered last */
};

struct order_key {
	int64_t t;
	uint32_t at;
};

void
order_free(struct order *o)
{
	if (o == NULL)
		return;
	free(o->flow);
	free(o->key);
	free(o->sorted);
	free(o);
}

static int
by_time(const void *a, const void *b)
{
	const struct order_key *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return x->at < y->at ? -1 : 1; /* equal ones as they came */
}

static int
take(struct order *o, const struct flow_batch *b)
{
	if (o->n + b->n > o->cap) {
		size_t cap = o->n + b->n > ORDER_RECORDS ? o->n + b->n : ORDER_RECORDS;
		struct flow *flow = realloc(o->flow, cap * sizeof(*flow));
		struct flow *sorted = flow != NULL ? realloc(o->sorted, cap * sizeof(*sorted)) : NULL;
		struct order_key *key = sorted != NULL ? realloc(o->key, cap * sizeof(*key)) : NULL;

		o->flow = flow != NULL ? flow : o->flow;
		o->sorted = sorted != NULL ? sorted : o->sorted;
		o->key = key != NULL ? key : o->key;
		if (key == NULL)
			return ERR_NOMEM;
		o->cap = cap;
	}
	for (size_t i = 0; i < b->n; i++) {
		struct flow *f = &o->flow[o->n++];

		*f = b->flow[i];
		if (f->seen_ns > f->end_ns + KNOWN_NS)
			f->seen_ns = f->end_ns + KNOWN_NS;
	}
	return 0;
}

static void
sort(struct order *o)
{
	struct flow *swap = o->flow;
	bool sorted = true;

	for (size_t i = 0; i < o->n; i++) {
		o->key[i] = (struct order_key){flow_time(&o->flow[i]), (uint32_t)i};
		sorted = sorted && (i == 0 || o->key[i].t >= o->key[i - 1].t);
	}
	if (sorted)
		return;
	qsort(o->key, o->n, sizeof(*o->key), by_time);
	for (size_t i = 0; i < o->n; i++)
		o->sorted[i] = o->flow[o->key[i].at];
	o->flow = o->sorted;
	o->sorted = swap;
}

/* Fills the stretch again and sorts it. */
static int
refill(struct source *s, struct block *b, struct order *o, int (*read)(struct source *s, struct block *b))
{
	memmove(o->flow, o->flow + o->out, (o->n - o->out) * sizeof(*o->flow));
	o->n -= o->out;
	o->out = o->ready = 0;
	while (o->last >= 0 && o->n < ORDER_RECORDS) {
		int err;

		o->last = read(s, b);
		err = o->last >= 0 ? take(o, &b->flows) : 0;
		if (err < 0)
			return err;
	}
	sort(o);
	o->ready = o->last < 0 ? o->n : o->n / 2;
	return 0;
}

int
order_read(struct source *s, struct block *b, int (*read)(struct source *s, struct block *b))
{
	struct order *o = s->order;
	size_t n;
	int err;

	if (o == NULL) {
		o = s->order = calloc(1, sizeof(*o));
		if (o == NULL || (o->flow = calloc(1, sizeof(*o->flow))) == NULL)
			return ERR_NOMEM;
	}
	if (o->out == o->ready) {
		err = refill(s, b, o, read);
		if (err < 0)
			return err;
		if (o->ready == 0)
			return o->last;
	}
	err = source_empty(s, b);
	n = o->ready - o->out < ORDER_OUT ? o->ready - o->out : ORDER_OUT;
	for (size_t i = 0; err == 0 && i < n; i++) {
		struct flow *f = flow_batch_room(&b->flows);

		if (f == NULL)
			return ERR_NOMEM;
		*f = o->flow[o->out + i];
		b->flows.n++;
	}
	o->out += n;
	return err < 0 ? err : (int)n;
}
