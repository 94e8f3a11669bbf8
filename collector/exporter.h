/* Exporters: who sends flow records, and how well we hear them.
 *
 * One row for each (address, observation domain, export version), found by hashing; rows never move or leave, so
 * an index stays good and is what flow.exporter holds.  The table is bounded: beyond it, all newcomers share
 * the last row, and `full` says how many asked.  Sequence numbers, clocks and sampling belong to the row;
 * what templates mean is in template.h.
 *
 * RAM: about 550 bytes a row, allocated in steps.  Not for several threads at once: each receiving thread has its own.
 */
#ifndef COLLECTOR_EXPORTER_H
#define COLLECTOR_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum export_version {
	EXPORT_V1 = 1, EXPORT_V5 = 5, EXPORT_V6 = 6, EXPORT_V7 = 7, EXPORT_V9 = 9, EXPORT_IPFIX = 10,
	EXPORT_SFLOW = 0x100,  /* version 5 of its own */
	EXPORT_FILE = 0x200,   /* a file that names no exporter, or a queue */
};
const char *export_version_name(unsigned int version); /* "NetFlow v5", "IPFIX", "sFlow v5"; "?" */

struct exporter_key {
	struct addr addr;
	uint32_t domain;  /* source id, observation domain, sub-agent, or engine type << 8 | engine id */
	uint16_t version; /* enum export_version */
};

/* Counted for each exporter; exporter_count_name gives the word that statistics use. */
enum exporter_count {
	EXPORTER_DATAGRAMS, EXPORTER_BYTES,
	EXPORTER_RECORDS,        /* flow records delivered */
	EXPORTER_LOST,           /* records (v9, sFlow: datagrams) missing by sequence number */
	EXPORTER_RESETS,         /* the sequence began anew */
	EXPORTER_DUPLICATES,     /* the same sequence number again */
	EXPORTER_MISORDERED,     /* one from before */
	EXPORTER_CORRUPT,        /* short, lying or impossible datagrams, sets and records */
	EXPORTER_TEMPLATES, EXPORTER_TEMPLATES_CHANGED, EXPORTER_TEMPLATES_WITHDRAWN, EXPORTER_TEMPLATES_EXPIRED,
	EXPORTER_TEMPLATES_REFUSED, /* beyond a bound */
	EXPORTER_OPTIONS,        /* options records read */
	EXPORTER_WAITED,         /* data sets that came before their template and were decoded later */
	EXPORTER_NO_TEMPLATE,    /* and those that never were, or found no room to wait */
	EXPORTER_IGNORED,        /* records without addresses or counters: nothing for flow analysis */
	EXPORTER_TIME_REPAIRED,  /* records with times that could not be: see below */
	EXPORTER_SAMPLING_CHANGED,
	EXPORTER_COUNTERS,       /* interface counter samples (sFlow) */
	EXPORTER_DROPPED,        /* what the exporter itself says it lost */
	EXPORTER_NO_ROOM,        /* records that found no room in a batch */
	EXPORTER_COUNTS
};
const char *exporter_count_name(enum exporter_count c);

enum { EXPORTER_RECENT = 8, EXPORTER_HOLES = 4, EXPORTER_CLOCKS = 4 };

struct exporter {
	struct exporter_key key;
	uint32_t index;           /* what flow.exporter holds */
	uint32_t sampling;        /* 1 in n, of the latest record; 0: nothing known */
	bool sampling_fixed;      /* by configuration */
	/* state of the sequence rule, see exporter_sequence */
	bool sequence_known;
	uint32_t sequence;        /* expected next */
	uint32_t sequence_recent[EXPORTER_RECENT]; /* numbers of the latest datagrams, a ring */
	struct exporter_hole {
		uint32_t from, n;     /* units counted as lost */
	} sequence_hole[EXPORTER_HOLES]; /* the latest, a ring */
	uint32_t sequence_restart; /* would follow, had the exporter begun anew with the latest odd number */
	uint8_t recent_n, recent_at, hole_at;
	uint8_t counting;         /* enum exporter_counting, as found */
	uint32_t sequence_got;    /* the latest number, as it came */
	uint32_t sequence_n[2];   /* data records behind it: all, and without those of options */
	bool restart_known;
	bool shared;              /* the last row of a full table: of several exporters, without sequence and clock */
	int64_t first_ns, last_ns; /* when it was heard; 0: never */
	int64_t clock_offset_ns;  /* to be added to its times; 0 while it agrees with ours */
	int64_t active_ns;        /* the longest record it sent: its active timeout, as far as seen */
	uint64_t count[EXPORTER_COUNTS];
	uint64_t told[EXPORTER_COUNTS]; /* what of it exporters_news has told */
	/* state of the clock rule, see exporter_times */
	int64_t clock_seen_ns[EXPORTER_CLOCKS]; /* the latest differences between our clock and its, a ring */
	unsigned int clock_n;     /* datagrams looked at, up to 2 * EXPORTER_CLOCKS */
};

struct exporters;

struct exporter_override {
	struct prefix from;
	uint32_t sampling; /* replaces what the exporter says */
};

struct exporters_setup {
	uint32_t max;     /* rows; 0: 16384 */
	uint32_t base;    /* added to every index */
	uint64_t seed;    /* of the hash */
	const struct exporter_override *override; /* copied; of several that fit, the longest prefix */
	size_t overrides_n;
};

struct exporters *exporters_new(const struct exporters_setup *s); /* NULL: out of memory */
void exporters_free(struct exporters *e);
/* Finds or makes the row; never NULL. */
struct exporter *exporters_get(struct exporters *e, const struct exporter_key *k);
size_t exporters_n(const struct exporters *e);
const struct exporter *exporters_at(const struct exporters *e, size_t i); /* by order of appearance */
uint64_t exporters_full(const struct exporters *e); /* look-ups that ended in the shared last row */

/* The counters of all rows together; adds to `sum`. */
void exporters_sum(const struct exporters *e, uint64_t sum[EXPORTER_COUNTS]);

/* What happened to an exporter's records since it was last told of; told only when something was wrong.  `lost` is in
 * records: estimated where the version numbers its datagrams. */
struct exporter_news {
	struct addr addr;
	uint64_t records, lost, undecoded, corrupt, repaired, sampling_changed;
	int64_t clock_offset_ns;
	uint32_t sampling;
};
/* At most `max` of them; the rest comes with the next call. */
size_t exporters_news(struct exporters *e, struct exporter_news *out, size_t max);

/* Takes a sequence number `got` that stands for `step` units (records, datagrams, samples).
 *   ahead by less than `reset_gap`: so many units are lost; by more: a reset (flow-tools draws the line at 1000);
 *   behind, and one of the last EXPORTER_RECENT numbers: a duplicate;
 *   behind, and inside a gap counted before: misordered, and its units are lost no longer;
 *   otherwise behind: misordered, or a reset once a second datagram follows on from it or it lies `reset_gap` back.
 * Numbers wrap at 2^32.  Datagrams that are corrupt have no number worth taking. */
void exporter_sequence(struct exporter *e, uint32_t got, uint32_t step, uint32_t reset_gap);
/* The same for IPFIX, whose number is that of the data records sent before (RFC 7011 3.1).  Not everybody counts so:
 * softflowd's has the message's own records in it already, and leaves out what describes itself (options).  A number
 * that fits another way of counting to the record, and the present one not, changes the way instead of being a loss.
 * `records`: data records of the message, `options` of them. */
enum exporter_counting {
	EXPORTER_COUNTS_OWN = 1,     /* the message's own records, too */
	EXPORTER_SKIPS_OPTIONS = 2,
	EXPORTER_COUNTINGS = 4,
};
void exporter_sequence_records(struct exporter *e, uint32_t got, uint32_t records, uint32_t options, uint32_t reset_gap);
/* The exporter said "1 in n" (n 0 and 1: unsampled).  Ignored when fixed by configuration. */
void exporter_sampling(struct exporter *e, uint32_t n);
/* What each counted packet stands for: at least 1. */
static inline uint32_t
exporter_scale(const struct exporter *e)
{
	return e->sampling > 1 ? e->sampling : 1;
}

/* --- clocks -----------------------------------------------------------------------------------------------
 * The anchor is seen_ns, our own clock at the arrival: a record ended shortly before it.  An exporter's clock may be
 * months off, so its times are shifted by what its header's time differs from the arrival.  The shift is 0 while they
 * agree within CLOCK_AGREES; that much is delay, buffering and whole seconds.  The first datagram's difference is
 * used at once: the header is wrong in the same way as its records.  Later ones change the shift when
 * EXPORTER_CLOCKS in a row agree with each other (the smallest of them: the others waited somewhere), or for
 * themselves when they are off by more than CLOCK_STEP: a clock that was set, a replay.
 *
 * An export that is replayed faster than it was recorded is therefore compressed: each datagram's records end shortly
 * before it arrived, and so half an hour sent in a second lies in the last minutes.  A live collector cannot do better,
 * for its time is that of all exporters, and one that runs ahead would make the others late.  Durations stay right, and
 * ordinary traffic stays silent even so (tests/check/exporters.sh).
 * `damp replay` of the recording has its true times.
 *
 * A record is then believed when it ended at most AGE_MAX before it arrived and CLOCK_AGREES after, and lasted at most
 * LASTS_MAX (exporters that report a connection when it is over have no active timeout).  What is not believed is
 * counted in EXPORTER_TIME_REPAIRED: an impossible end is taken without the shift, for only the header may be wrong, and
 * becomes seen_ns if that is no better; an impossible duration becomes the longest
 * believed one of that exporter, a minute at most, so that a long flow is no burst and a burst no trickle.
 * Never is start > end or end > seen_ns afterwards. */
#define EXPORTER_CLOCK_AGREES_NS (INT64_C(10) * 1000000000)
#define EXPORTER_CLOCK_STEP_NS   (INT64_C(60) * 1000000000)
#define EXPORTER_AGE_MAX_NS      (INT64_C(7200) * 1000000000)
#define EXPORTER_LASTS_MAX_NS    (INT64_C(86400) * 1000000000)
#define EXPORTER_LASTS_GUESS_NS  (INT64_C(60) * 1000000000)
#define EXPORTER_ACTIVE_MAX_NS   (INT64_C(7200) * 1000000000)

/* Takes note of a record longer than any before; active_ns stays at what may be an active timeout. */
static inline void
exporter_active(struct exporter *e, int64_t lasts_ns)
{
	e->active_ns = lasts_ns < EXPORTER_ACTIVE_MAX_NS ? lasts_ns : EXPORTER_ACTIVE_MAX_NS;
}

/* Once a datagram, before its records.  `header_ns`: the exporter's own time of export; 0 or less: it has none. */
void exporter_clock(struct exporter *e, int64_t header_ns, int64_t seen_ns);
/* The rare rest of exporter_times; takes the times as the exporter gave them. */
void exporter_times_repair(struct exporter *e, int64_t *start_ns, int64_t *end_ns, int64_t seen_ns);

/* Makes a record's times believable, on our clock. */
static inline void
exporter_times(struct exporter *e, int64_t *start_ns, int64_t *end_ns, int64_t seen_ns)
{
	/* unsigned: nonsense wraps instead of overflowing, and then is too large */
	uint64_t lasts = (uint64_t)*end_ns - (uint64_t)*start_ns;
	uint64_t end = (uint64_t)*end_ns + (uint64_t)e->clock_offset_ns;

	if ((uint64_t)seen_ns - end <= (uint64_t)EXPORTER_AGE_MAX_NS && lasts <= (uint64_t)EXPORTER_LASTS_MAX_NS) {
		*end_ns = (int64_t)end;
		*start_ns = (int64_t)(end - lasts);
		if ((int64_t)lasts > e->active_ns)
			exporter_active(e, (int64_t)lasts);
	} else {
		exporter_times_repair(e, start_ns, end_ns, seen_ns);
	}
}

#endif
