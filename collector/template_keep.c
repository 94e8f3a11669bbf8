/* The store: what is known of each exporter, within one budget of bytes. */
#include <stdlib.h>
#include <string.h>

#include "collector/template_inner.h"

/* Of malloc for each piece, about. */
enum { OVERHEAD = 16, BUDGET_DEFAULT = 96 << 20, TIMEOUT_DEFAULT_S = 1800 };
static const int64_t NS = 1000000000, SWEEP_EVERY_NS = 60 * (int64_t)1000000000;

static void sweep(struct templates *all, int64_t now_ns);

struct templates *
templates_new(const struct export_setup *s)
{
	struct templates *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->budget = s->template_bytes > 0 ? s->template_bytes : BUDGET_DEFAULT;
	t->timeout_ns = (s->template_timeout_s > 0 ? s->template_timeout_s : TIMEOUT_DEFAULT_S) * NS;
	t->base = s->exporters.base;
	t->used = sizeof(*t);
	return t;
}

/* --- memory ----------------------------------------------------------------------------------------- */

void *
keep_grow(struct templates *all, void *p, size_t old, size_t size)
{
	size_t cost = size + (p == NULL ? OVERHEAD : 0);
	void *q;

	/* the old piece is still there while the new one is made */
	if (all->used + cost > all->budget)
		return NULL;
	q = realloc(p, size);
	if (q != NULL)
		all->used += cost - old;
	return q;
}

static void
keep_release(struct templates *all, void *p, size_t size)
{
	if (p == NULL)
		return;
	all->used -= size + OVERHEAD;
	free(p);
}

static size_t
template_size(const struct template *t)
{
	return sizeof(*t) + t->ops_n * sizeof(struct op) + t->raw_n;
}

/* --- rows ------------------------------------------------------------------------------------------- */

struct domain *
keep_domain(struct templates *all, const struct exporter *row, bool make)
{
	uint32_t i = row->index - all->base;

	if (i >= all->domains_cap) {
		uint32_t cap = all->domains_cap == 0 ? 16 : all->domains_cap;
		struct domain **p;

		if (!make)
			return NULL;
		while (cap <= i)
			cap *= 2;
		p = keep_grow(all, all->domain, all->domains_cap * sizeof(struct domain *), cap * sizeof(struct domain *));
		if (p == NULL)
			return NULL;
		memset(p + all->domains_cap, 0, (cap - all->domains_cap) * sizeof(struct domain *));
		all->domain = p;
		all->domains_cap = cap;
	}
	if (all->domain[i] == NULL && make) {
		all->domain[i] = keep_grow(all, NULL, 0, sizeof(struct domain));
		if (all->domain[i] != NULL)
			*all->domain[i] = (struct domain){0};
	}
	return all->domain[i];
}

/* The place of `id` in the list, or where it belongs. */
static uint32_t
place(const struct domain *d, uint16_t id)
{
	uint32_t low = 0, high = d->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (d->list[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct template *
keep_peek(const struct domain *d, uint16_t id)
{
	uint32_t at = place(d, id);

	return at < d->n && d->list[at]->id == id ? d->list[at] : NULL;
}

static void
drop_at(struct templates *all, struct domain *d, uint32_t at)
{
	struct template *t = d->list[at];

	keep_release(all, t, template_size(t));
	d->n--;
	memmove(&d->list[at], &d->list[at + 1], (d->n - at) * sizeof(d->list[0]));
	all->templates--;
}

void
keep_drop(struct templates *all, struct domain *d, uint16_t id)
{
	uint32_t at = place(d, id);

	if (at < d->n && d->list[at]->id == id)
		drop_at(all, d, at);
}

unsigned int
keep_drop_kind(struct templates *all, struct domain *d, bool options)
{
	unsigned int n = 0;

	for (uint32_t i = d->n; i > 0; i--) {
		if (d->list[i - 1]->options == options) {
			drop_at(all, d, i - 1);
			n++;
		}
	}
	return n;
}

static bool
expired(const struct templates *all, const struct template *t, int64_t now_ns)
{
	return !t->stream && now_ns - t->seen_ns > all->timeout_ns;
}

struct template *
keep_find(struct templates *all, struct domain *d, struct exporter *row, uint16_t id, int64_t now_ns)
{
	struct template *t = keep_peek(d, id);

	if (t == NULL || !expired(all, t, now_ns))
		return t;
	keep_drop(all, d, id);
	row->count[EXPORTER_TEMPLATES_EXPIRED]++;
	return NULL;
}

/* --- templates -------------------------------------------------------------------------------------- */

static bool
same_text(const struct template *t, const struct template_text *text)
{
	return t->options == text->options && t->fields == text->fields && t->scopes == text->scopes &&
	    t->raw_n == text->raw_n && memcmp(template_raw(t), text->raw, text->raw_n) == 0;
}

static bool
list_room(struct templates *all, struct domain *d)
{
	uint32_t cap = d->cap == 0 ? 4 : d->cap * 2;
	struct template **p;

	if (d->n < d->cap)
		return true;
	if (d->n >= TEMPLATES_PER_EXPORTER)
		return false;
	p = keep_grow(all, d->list, d->cap * sizeof(d->list[0]), cap * sizeof(d->list[0]));
	if (p == NULL)
		return false;
	d->list = p;
	d->cap = cap;
	return true;
}

/* A compiled template of its own, cut to size; NULL and the count of why. */
static struct template *
compiled(struct templates *all, struct exporter *row, const struct template_text *text, int64_t now_ns)
{
	size_t room = template_room(text), size;
	struct template *t, *cut;

	if (text->fields > TEMPLATE_FIELDS_MAX) {
		row->count[EXPORTER_TEMPLATES_REFUSED]++;
		return NULL;
	}
	if (all->used + room + OVERHEAD > all->budget)
		sweep(all, now_ns);
	t = keep_grow(all, NULL, 0, room);
	if (t == NULL) {
		row->count[EXPORTER_TEMPLATES_REFUSED]++;
		return NULL;
	}
	if (template_compile(text, t) != 0) {
		row->count[EXPORTER_CORRUPT]++;
		keep_release(all, t, room);
		return NULL;
	}
	size = template_size(t);
	cut = realloc(t, size);
	all->used -= room - size;
	return cut != NULL ? cut : t;
}

bool
keep_template(struct templates *all, struct domain *d, struct exporter *row, const struct template_text *text,
    int64_t now_ns, bool stream)
{
	struct template *old = keep_peek(d, text->id), *t;
	bool known = old != NULL;
	uint32_t at;

	if (known && same_text(old, text)) {
		old->seen_ns = now_ns;
		old->stream = stream;
		return true;
	}
	/* even when the new one cannot be kept: the old one is no longer what is meant */
	if (known) {
		keep_drop(all, d, text->id);
		row->count[EXPORTER_TEMPLATES_CHANGED]++;
	}
	t = compiled(all, row, text, now_ns);
	if (t == NULL)
		return false;
	if (!list_room(all, d)) {
		row->count[EXPORTER_TEMPLATES_REFUSED]++;
		keep_release(all, t, template_size(t));
		return false;
	}
	t->seen_ns = now_ns;
	t->stream = stream;
	at = place(d, t->id);
	memmove(&d->list[at + 1], &d->list[at], (d->n - at) * sizeof(d->list[0]));
	d->list[at] = t;
	d->n++;
	all->templates++;
	if (!known)
		row->count[EXPORTER_TEMPLATES]++;
	return true;
}

/* Makes room by what has expired anyway; not often, since a full budget may last. */
static void
sweep(struct templates *all, int64_t now_ns)
{
	if (all->swept_ns != 0 && now_ns - all->swept_ns < SWEEP_EVERY_NS)
		return;
	all->swept_ns = now_ns;
	for (uint32_t i = 0; i < all->domains_cap; i++) {
		struct domain *d = all->domain[i];

		for (uint32_t k = d != NULL ? d->n : 0; k > 0; k--) {
			if (expired(all, d->list[k - 1], now_ns))
				drop_at(all, d, k - 1);
		}
	}
}

/* --- data that waits -------------------------------------------------------------------------------- */

static void
unlink_waiting(struct templates *all, struct domain *d, struct waiting *before, struct waiting *w)
{
	*(before != NULL ? &before->next : &d->first) = w->next;
	if (d->last == w)
		d->last = before;
	*(w->older != NULL ? &w->older->newer : &all->oldest) = w->newer;
	*(w->newer != NULL ? &w->newer->older : &all->newest) = w->older;
	d->waiting_bytes -= w->n;
	all->waiting_bytes -= w->n;
	all->waiting_sets--;
}

void
keep_waited(struct templates *all, struct waiting *w)
{
	keep_release(all, w, sizeof(*w) + w->n);
}

/* An exporter's sets stand in the same order in its own list and in the list of all. */
static void
drop_oldest(struct templates *all, struct domain *d)
{
	struct waiting *w = d->first;

	unlink_waiting(all, d, NULL, w);
	keep_waited(all, w);
}

bool
keep_wait(const struct message *m, uint16_t id, const uint8_t *p, size_t n)
{
	struct templates *all = m->all;
	struct domain *d = m->domain;
	struct waiting *w;

	while (d->first != NULL && d->waiting_bytes + n > WAITING_BYTES_PER_EXPORTER)
		drop_oldest(all, d);
	while (all->oldest != NULL && all->waiting_bytes + n > all->budget / WAITING_SHARE)
		drop_oldest(all, keep_domain(all, all->oldest->row, false));
	if (all->waiting_bytes + n > all->budget / WAITING_SHARE)
		return false;
	w = keep_grow(all, NULL, 0, sizeof(*w) + n);
	if (w == NULL)
		return false;
	*w = (struct waiting){.older = all->newest, .row = m->row, .seen_ns = m->seen_ns, .export_ns = m->export_ns,
		.uptime_ms = m->uptime_ms, .n = (uint32_t)n, .id = id, .stream = m->stream};
	memcpy(w->bytes, p, n);
	*(all->newest != NULL ? &all->newest->newer : &all->oldest) = w;
	all->newest = w;
	*(d->last != NULL ? &d->last->next : &d->first) = w;
	d->last = w;
	d->waiting_bytes += n;
	all->waiting_bytes += n;
	all->waiting_sets++;
	return true;
}

struct waiting *
keep_waiting(struct templates *all, struct domain *d, uint16_t id)
{
	struct waiting *before = NULL;

	for (struct waiting *w = d->first; w != NULL; before = w, w = w->next) {
		if (w->id == id) {
			unlink_waiting(all, d, before, w);
			return w;
		}
	}
	return NULL;
}

/* --- the whole -------------------------------------------------------------------------------------- */

static void
domain_free(struct templates *all, struct domain *d)
{
	if (d == NULL)
		return;
	while (d->first != NULL)
		drop_oldest(all, d);
	while (d->n > 0)
		drop_at(all, d, d->n - 1);
	free(d->list);
	free(d->sampler);
	free(d);
}

void
templates_free(struct templates *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->domains_cap; i++)
		domain_free(t, t->domain[i]);
	free(t->domain);
	free(t);
}

void
templates_forget(struct export *x, const struct addr *from)
{
	struct templates *all = export_templates(x);
	const struct exporters *e = export_exporters(x);

	for (size_t i = 0; i < exporters_n(e); i++) {
		const struct exporter *row = exporters_at(e, i);
		struct domain *d = addr_equal(&row->key.addr, from) ? keep_domain(all, row, false) : NULL;

		if (d == NULL)
			continue;
		for (uint32_t k = d->n; k > 0; k--) {
			if (d->list[k - 1]->stream)
				drop_at(all, d, k - 1);
		}
		while (d->first != NULL && d->first->stream)
			drop_oldest(all, d);
	}
}

void
templates_figures(struct export *x, struct templates_figures *f)
{
	const struct templates *all = export_templates(x);

	*f = (struct templates_figures){all->used, all->budget, all->templates, all->waiting_sets, all->waiting_bytes};
}
