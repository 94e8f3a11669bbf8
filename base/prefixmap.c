/* The sweep: sorted by first address and length, an enclosing prefix comes before what it encloses, so
 * a stack of the open ones always has the longest on top.  A range begins where a prefix begins and
 * where one ends.
 */
#include "base/prefixmap.h"

#include <stdlib.h>

#include "base/err.h"

void
prefixmap_init(struct prefixmap *m)
{
	*m = (struct prefixmap){0};
}

void
prefixmap_done(struct prefixmap *m)
{
	for (int i = 0; i < 2; i++) {
		free(m->family[i].entry);
		free(m->family[i].range);
	}
	*m = (struct prefixmap){0};
}

int
prefixmap_add(struct prefixmap *m, const struct prefix *p, uint32_t value)
{
	struct prefixmap_family *f = &m->family[p->bits >= 96 && addr_is_v4(&p->addr)];

	if (value == 0)
		return ERR_INVALID;
	if (f->entries_n == f->entries_cap) {
		size_t cap = f->entries_cap > 0 ? f->entries_cap * 2 : 16;
		struct prefixmap_entry *more = realloc(f->entry, cap * sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		f->entry = more;
		f->entries_cap = cap;
	}
	f->entry[f->entries_n] = (struct prefixmap_entry){*p, value, (uint32_t)f->entries_n};
	f->entries_n++;
	return 0;
}

static int
entry_order(const void *x, const void *y)
{
	const struct prefixmap_entry *a = x, *b = y;
	int d = addr_cmp(&a->prefix.addr, &b->prefix.addr);

	if (d != 0)
		return d;
	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits < b->prefix.bits ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* The address behind the prefix's last one; false when there is none (all ones). */
static bool
end_of(const struct prefix *p, struct addr *end)
{
	int bit = p->bits - 1; /* adding one to the lowest bit of the network part */

	*end = p->addr;
	for (; bit >= 0; bit--) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		end->b[bit / 8] ^= mask;
		if ((end->b[bit / 8] & mask) != 0)
			return true; /* no carry any more */
	}
	return false;
}

/* A later range with the same first address replaces the earlier one: it is the inner one. */
static void
begin(struct prefixmap_family *f, const struct addr *first, uint32_t value)
{
	if (f->ranges_n > 0 && addr_equal(&f->range[f->ranges_n - 1].first, first))
		f->ranges_n--;
	if (f->ranges_n > 0 && f->range[f->ranges_n - 1].value == value)
		return;
	f->range[f->ranges_n++] = (struct prefixmap_range){*first, value};
}

static int
build(struct prefixmap_family *f)
{
	const struct prefixmap_entry *open[130];
	struct addr end;
	size_t depth = 0;

	free(f->range);
	f->ranges_n = 0;
	f->range = f->entries_n > 0 ? calloc(2 * f->entries_n + 1, sizeof(*f->range)) : NULL;
	if (f->entries_n == 0)
		return 0;
	if (f->range == NULL)
		return ERR_NOMEM;
	qsort(f->entry, f->entries_n, sizeof(*f->entry), entry_order);
	for (size_t i = 0; i < f->entries_n; i++) {
		const struct prefixmap_entry *e = &f->entry[i];

		for (; depth > 0 && !prefix_contains(&open[depth - 1]->prefix, &e->prefix.addr); depth--)
			if (end_of(&open[depth - 1]->prefix, &end))
				begin(f, &end, depth > 1 ? open[depth - 2]->value : 0);
		if (depth > 0 && open[depth - 1]->prefix.bits == e->prefix.bits)
			continue; /* the same prefix again */
		open[depth++] = e;
		begin(f, &e->prefix.addr, e->value);
	}
	for (; depth > 0; depth--)
		if (end_of(&open[depth - 1]->prefix, &end))
			begin(f, &end, depth > 1 ? open[depth - 2]->value : 0);
	return 0;
}

int
prefixmap_build(struct prefixmap *m)
{
	int err = build(&m->family[0]);

	return err < 0 ? err : build(&m->family[1]);
}

uint32_t
prefixmap_find(const struct prefixmap *m, const struct addr *a)
{
	const struct prefixmap_family *f = &m->family[addr_is_v4(a)];
	size_t low = 0, high = f->ranges_n;

	while (low < high) { /* ranges before `low` begin at or before a */
		size_t mid = low + (high - low) / 2;

		if (addr_cmp(&f->range[mid].first, a) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 ? f->range[low - 1].value : 0;
}
