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
	struct exporter *x = row(e, e->n - 1);

	e->full++;
	x->shared = true;
	return x;
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

static uint64_t
since(struct exporter *x, enum exporter_count c)
{
	uint64_t n = x->count[c] > x->told[c] ? x->count[c] - x->told[c] : 0; /* what was lost may turn up again */

	x->told[c] = x->count[c];
	return n;
}

static bool
troubled(const struct exporter *x)
{
	static const enum exporter_count trouble[] = {EXPORTER_LOST, EXPORTER_NO_TEMPLATE, EXPORTER_CORRUPT, EXPORTER_TIME_REPAIRED,
		EXPORTER_SAMPLING_CHANGED};

	for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++)
		if (x->count[trouble[i]] > x->told[trouble[i]])
			return true;
	/* a clock that is off is trouble for as long as records come by it */
	return (x->clock_offset_ns >= EXPORTER_CLOCK_STEP_NS || x->clock_offset_ns <= -EXPORTER_CLOCK_STEP_NS) &&
	    x->count[EXPORTER_RECORDS] > x->told[EXPORTER_RECORDS];
}

/* What was lost, in records: of versions that number datagrams, as many as a datagram holds on average. */
static uint64_t
lost_records(struct exporter *x)
{
	uint64_t lost = since(x, EXPORTER_LOST), datagrams = x->count[EXPORTER_DATAGRAMS], records = x->count[EXPORTER_RECORDS];

	if ((x->key.version != EXPORT_V9 && x->key.version != EXPORT_SFLOW) || datagrams == 0 || records <= datagrams)
		return lost;
	return (uint64_t)((double)lost * ((double)records / (double)datagrams));
}

size_t
exporters_news(struct exporters *e, struct exporter_news *out, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->n && n < max; i++) {
		struct exporter *x = row(e, i);

		if (!troubled(x))
			continue;
		out[n++] = (struct exporter_news){.addr = x->key.addr, .records = since(x, EXPORTER_RECORDS),
			.lost = lost_records(x), .undecoded = since(x, EXPORTER_NO_TEMPLATE), .corrupt = since(x, EXPORTER_CORRUPT),
			.repaired = since(x, EXPORTER_TIME_REPAIRED), .sampling_changed = since(x, EXPORTER_SAMPLING_CHANGED),
			.clock_offset_ns = x->clock_offset_ns, .sampling = x->sampling};
	}
	return n;
}

uint64_t
exporters_full(const struct exporters *e)
{
	return e->full;
}

void
exporters_sum(const struct exporters *e, uint64_t sum[EXPORTER_COUNTS])
{
	for (uint32_t i = 0; i < e->n; i++)
		for (int c = 0; c < EXPORTER_COUNTS; c++)
			sum[c] += row(e, i)->count[c];
}

/* --- sequence numbers ------------------------------------------------------------------------------------ */

static bool
sequence_is_recent(const struct exporter *e, uint32_t got)
{
	for (unsigned int i = 0; i < e->recent_n; i++)
		if (e->sequence_recent[i] == got)
			return true;
	return false;
}

static void
sequence_remember(struct exporter *e, uint32_t got)
{
	e->sequence_recent[e->recent_at] = got;
	e->recent_at = (uint8_t)((e->recent_at + 1) % EXPORTER_RECENT);
	if (e->recent_n < EXPORTER_RECENT)
		e->recent_n++;
}

static void
sequence_hole(struct exporter *e, uint32_t from, uint32_t n)
{
	e->sequence_hole[e->hole_at] = (struct exporter_hole){from, n};
	e->hole_at = (uint8_t)((e->hole_at + 1) % EXPORTER_HOLES);
}

/* Takes units back that were counted as lost; false: there is no gap at `got`. */
static bool
sequence_fill_hole(struct exporter *e, uint32_t got, uint32_t step)
{
	for (int i = 0; i < EXPORTER_HOLES; i++) {
		struct exporter_hole *h = &e->sequence_hole[i];
		uint32_t at = got - h->from, behind;

		if (at >= h->n)
			continue;
		if (step > h->n - at)
			step = h->n - at;
		e->count[EXPORTER_LOST] -= step;
		behind = h->n - at - step;
		h->n = at;
		if (behind > 0)
			sequence_hole(e, got + step, behind);
		return true;
	}
	return false;
}

static void
sequence_begin(struct exporter *e, uint32_t got, uint32_t step)
{
	e->sequence_known = true;
	e->restart_known = false;
	e->recent_n = e->recent_at = 0;
	memset(e->sequence_hole, 0, sizeof(e->sequence_hole));
	e->sequence = got + step;
	sequence_remember(e, got);
}

static void
sequence_behind(struct exporter *e, uint32_t got, uint32_t step)
{
	if (e->restart_known && got == e->sequence_restart && step > 0) {
		e->count[EXPORTER_MISORDERED]--; /* the one before was no straggler but the first of the new sequence */
		e->count[EXPORTER_RESETS]++;
		sequence_begin(e, got, step);
	} else if (sequence_is_recent(e, got)) {
		e->count[EXPORTER_DUPLICATES]++;
	} else {
		e->count[EXPORTER_MISORDERED]++;
		e->restart_known = !sequence_fill_hole(e, got, step);
		e->sequence_restart = got + step;
		sequence_remember(e, got);
	}
}

void
exporter_sequence(struct exporter *e, uint32_t got, uint32_t step, uint32_t reset_gap)
{
	uint32_t ahead = got - e->sequence, behind = e->sequence - got;

	if (e->shared)
		return; /* the numbers of several make none */
	if (!e->sequence_known) {
		sequence_begin(e, got, step);
		return;
	}
	if (behind != 0 && behind < reset_gap) {
		sequence_behind(e, got, step);
		return;
	}
	if (ahead >= reset_gap) {
		e->count[EXPORTER_RESETS]++;
		sequence_begin(e, got, step);
		return;
	}
	if (ahead > 0) {
		e->count[EXPORTER_LOST] += ahead;
		sequence_hole(e, e->sequence, ahead);
	}
	e->restart_known = false;
	e->sequence = got + step;
	sequence_remember(e, got);
}

/* The number that a message of n records would have, counted one way, behind the latest one. */
static uint32_t
counted_on(const struct exporter *e, unsigned int counting, const uint32_t n[2])
{
	bool bare = (counting & EXPORTER_SKIPS_OPTIONS) != 0;

	return e->sequence_got + ((counting & EXPORTER_COUNTS_OWN) != 0 ? n[bare] : e->sequence_n[bare]);
}

void
exporter_sequence_records(struct exporter *e, uint32_t got, uint32_t records, uint32_t options, uint32_t reset_gap)
{
	const uint32_t n[2] = {records, records - options};
	uint32_t own, step;
	bool changed = false;

	if (e->shared)
		return;
	if (e->sequence_known && records > 0 && counted_on(e, e->counting, n) != got)
		for (unsigned int way = 0; way < EXPORTER_COUNTINGS && !changed; way++)
			if (counted_on(e, way, n) == got) {
				e->counting = (uint8_t)way;
				changed = true;
			}
	step = n[(e->counting & EXPORTER_SKIPS_OPTIONS) != 0];
	own = (e->counting & EXPORTER_COUNTS_OWN) != 0 ? step : 0;
	if (changed)
		e->sequence = got - own;
	e->sequence_got = got;
	memcpy(e->sequence_n, n, sizeof(n));
	exporter_sequence(e, got - own, step, reset_gap);
}

/* --- sampling and clocks --------------------------------------------------------------------------------- */

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
	int64_t differs = seen_ns - header_ns, least, most, off;

	if (e->first_ns == 0)
		e->first_ns = seen_ns;
	e->last_ns = seen_ns;
	if (header_ns <= 0 || seen_ns <= 0)
		return;
	if (e->shared) {
		e->clock_n = 0; /* each datagram for itself */
		e->clock_offset_ns = 0;
	}
	e->clock_seen_ns[e->clock_n % EXPORTER_CLOCKS] = differs;
	if (++e->clock_n == 2 * EXPORTER_CLOCKS)
		e->clock_n = EXPORTER_CLOCKS;
	least = most = differs;
	for (unsigned int i = 0; i < EXPORTER_CLOCKS && i < e->clock_n; i++) {
		least = e->clock_seen_ns[i] < least ? e->clock_seen_ns[i] : least;
		most = e->clock_seen_ns[i] > most ? e->clock_seen_ns[i] : most;
	}
	off = llabs(differs - e->clock_offset_ns);
	if (e->clock_n >= EXPORTER_CLOCKS && most - least <= EXPORTER_CLOCK_AGREES_NS)
		off = llabs((differs = least) - e->clock_offset_ns);
	else if (e->clock_n > 1 && off <= EXPORTER_CLOCK_STEP_NS)
		return;
	if (llabs(differs) <= EXPORTER_CLOCK_AGREES_NS)
		e->clock_offset_ns = 0;
	else if (off > EXPORTER_CLOCK_AGREES_NS / 2)
		e->clock_offset_ns = differs;
}

/* An end so much after our own clock (before it: wrapped). */
static bool
believable_end(uint64_t early)
{
	return -early <= (uint64_t)EXPORTER_AGE_MAX_NS || early <= (uint64_t)EXPORTER_CLOCK_AGREES_NS;
}

void
exporter_times_repair(struct exporter *e, int64_t *start_ns, int64_t *end_ns, int64_t seen_ns)
{
	uint64_t lasts = (uint64_t)*end_ns - (uint64_t)*start_ns;
	uint64_t plain = (uint64_t)*end_ns - (uint64_t)seen_ns, early = plain + (uint64_t)e->clock_offset_ns;
	bool repaired = false;

	if (lasts > (uint64_t)EXPORTER_LASTS_MAX_NS) {
		lasts = (uint64_t)(e->active_ns < EXPORTER_LASTS_GUESS_NS ? e->active_ns : EXPORTER_LASTS_GUESS_NS);
		repaired = true;
	}
	if (!believable_end(early)) {
		early = believable_end(plain) ? plain : 0;
		repaired = true;
	}
	/* within the tolerance after our clock is no mistake, but no time to come either */
	*end_ns = -early <= (uint64_t)EXPORTER_AGE_MAX_NS ? (int64_t)((uint64_t)seen_ns + early) : seen_ns;
	*start_ns = *end_ns - (int64_t)lasts;
	if (repaired)
		e->count[EXPORTER_TIME_REPAIRED]++;
	else if ((int64_t)lasts > e->active_ns)
		exporter_active(e, (int64_t)lasts);
}
