/* The table of exporters: rows in pages that never move, found through a hash of indices. */
#include "collector/exporter.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PAGE = 64, ROWS_DEFAULT = 16384 };

struct exporters {
	uint32_t max, base, n, slots;
	uint64_t seed, full;
	uint32_t *slot;         /* index + 1; open addressing, half full at most */
	struct exporter **page;
	struct exporter_override *override;
	size_t overrides_n;
};

const char *
export_version_name(unsigned int version)
{
	switch (version) {
	case EXPORT_V1: return "NetFlow v1";
	case EXPORT_V5: return "NetFlow v5";
	case EXPORT_V6: return "NetFlow v6";
	case EXPORT_V7: return "NetFlow v7";
	case EXPORT_V9: return "NetFlow v9";
	case EXPORT_IPFIX: return "IPFIX";
	case EXPORT_SFLOW: return "sFlow v5";
	case EXPORT_FILE: return "file";
	default: return "?";
	}
}

const char *
exporter_count_name(enum exporter_count c)
{
	static const char *const names[EXPORTER_COUNTS] = {
		"datagrams", "bytes", "records", "lost", "resets", "duplicates", "misordered", "corrupt", "templates",
		"templates_changed", "templates_withdrawn", "templates_expired", "templates_refused", "options", "waited",
		"no_template", "ignored", "time_repaired", "sampling_changed", "counters", "dropped", "no_room",
	};

	return names[c];
}

struct exporters *
exporters_new(const struct exporters_setup *s)
{
	struct exporters *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->max = s->max > 0 ? s->max : ROWS_DEFAULT;
	e->base = s->base;
	e->seed = s->seed;
	for (e->slots = 16; e->slots < 2 * e->max; e->slots *= 2)
		;
	e->slot = calloc(e->slots, sizeof(*e->slot));
	e->page = calloc(e->max / PAGE + 1, sizeof(struct exporter *));
	e->override = calloc(s->overrides_n + 1, sizeof(*e->override));
	/* the first page is there from the start: exporters_get never fails */
	if (e->page != NULL)
		e->page[0] = calloc(PAGE, sizeof(struct exporter));
	if (e->slot == NULL || e->page == NULL || e->override == NULL || e->page[0] == NULL) {
		exporters_free(e);
		return NULL;
	}
	if (s->overrides_n > 0)
		memcpy(e->override, s->override, s->overrides_n * sizeof(*s->override));
	e->overrides_n = s->overrides_n;
	return e;
}

void
exporters_free(struct exporters *e)
{
	if (e == NULL)
		return;
	for (uint32_t i = 0; e->page != NULL && i <= e->max / PAGE; i++)
		free(e->page[i]);
	free(e->page);
	free(e->slot);
	free(e->override);
	free(e);
}

static struct exporter *
row(const struct exporters *e, uint32_t i)
{
	return &e->page[i / PAGE][i % PAGE];
}

static bool
same_key(const struct exporter_key *a, const struct exporter_key *b)
{
	return addr_equal(&a->addr, &b->addr) && a->domain == b->domain && a->version == b->version;
}

static struct exporter *
shared(struct exporters *e)
{
	e->full++;
	return row(e, e->n - 1);
}

static void
configure(const struct exporters *e, struct exporter *x)
{
	unsigned int best = 0;

	for (size_t i = 0; i < e->overrides_n; i++) {
		const struct exporter_override *o = &e->override[i];

		if (prefix_contains(&o->from, &x->key.addr) && (!x->sampling_fixed || o->from.bits >= best)) {
			x->sampling = o->sampling;
			x->sampling_fixed = true;
			best = o->from.bits;
		}
	}
}

struct exporter *
exporters_get(struct exporters *e, const struct exporter_key *k)
{
	uint64_t h = XXH3_64bits_withSeed(k->addr.b, sizeof(k->addr.b), e->seed ^ ((uint64_t)k->domain << 16 | k->version));
	uint32_t at = (uint32_t)h & (e->slots - 1);
	struct exporter *x;

	for (; e->slot[at] != 0; at = (at + 1) & (e->slots - 1)) {
		x = row(e, e->slot[at] - 1);
		if (same_key(&x->key, k))
			return x;
	}
	if (e->n == e->max)
		return shared(e);
	if (e->page[e->n / PAGE] == NULL) {
		e->page[e->n / PAGE] = calloc(PAGE, sizeof(struct exporter));
		if (e->page[e->n / PAGE] == NULL)
			return shared(e);
	}
	x = row(e, e->n);
	x->key = *k;
	x->index = e->base + e->n;
	configure(e, x);
	e->slot[at] = ++e->n;
	return x;
}

size_t
exporters_n(const struct exporters *e)
{
	return e->n;
}

const struct exporter *
exporters_at(const struct exporters *e, size_t i)
{
	return row(e, (uint32_t)i);
}

uint64_t
exporters_full(const struct exporters *e)
{
	return e->full;
}

void
exporter_sequence(struct exporter *e, uint32_t got, uint32_t step, uint32_t reset_gap)
{
	uint32_t gap = got - e->sequence;

	if (e->sequence_known && gap != 0) {
		if (gap < reset_gap)
			e->count[EXPORTER_LOST] += gap;
		else
			e->count[EXPORTER_RESETS]++;
	}
	e->sequence_known = true;
	e->sequence = got + step;
}

void
exporter_sampling(struct exporter *e, uint32_t n)
{
	if (e->sampling_fixed)
		return;
	if (n == 0)
		n = 1;
	if (e->sampling != 0 && e->sampling != n)
		e->count[EXPORTER_SAMPLING_CHANGED]++;
	e->sampling = n;
}

void
exporter_clock(struct exporter *e, int64_t header_ns, int64_t seen_ns)
{
	(void)header_ns;
	if (e->first_ns == 0)
		e->first_ns = seen_ns;
	e->last_ns = seen_ns;
}

void
exporter_times(struct exporter *e, int64_t *start_ns, int64_t *end_ns, int64_t seen_ns)
{
	(void)e;
	if (*end_ns > seen_ns)
		*end_ns = seen_ns;
	if (*start_ns > *end_ns)
		*start_ns = *end_ns;
}
