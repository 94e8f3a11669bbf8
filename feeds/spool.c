/* A singly linked queue; an item is one allocation. */
#include "feeds/spool.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void
spool_init(struct spool *s, size_t n_max, size_t bytes_max)
{
	*s = (struct spool){.n_max = n_max, .bytes_max = bytes_max};
	s->end = &s->first;
}

void
spool_done(struct spool *s)
{
	while (s->first != NULL)
		spool_drop(s);
}

int
spool_put(struct spool *s, const char *data, size_t n)
{
	struct spool_item *i;

	if (s->n >= s->n_max || n > s->bytes_max - s->bytes)
		return ERR_FULL;
	i = malloc(sizeof(*i) + n);
	if (i == NULL)
		return ERR_NOMEM;
	i->next = NULL;
	i->n = n;
	memcpy(i->data, data, n);
	*s->end = i;
	s->end = &i->next;
	s->n++;
	s->bytes += n;
	return 0;
}

const struct spool_item *
spool_first(const struct spool *s)
{
	return s->first;
}

void
spool_drop(struct spool *s)
{
	struct spool_item *i = s->first;

	s->first = i->next;
	if (s->first == NULL)
		s->end = &s->first;
	s->n--;
	s->bytes -= i->n;
	free(i);
}
