/* Exporters: who sends flow records, and how well we hear them.
 *
 * One row for each (address, observation domain, export version), found by hashing; rows never move or leave, so
 * an index stays good and is what flow.exporter holds.  The table is bounded: beyond it, all newcomers share
 * the last row, and `full` says how many asked.  Sequence numbers, clocks and sampling belong to the row;
 * what templates mean is in template.h.
 *
 * RAM: about 400 bytes a row, allocated in steps.  Not for several threads at once: each receiving thread has its own.
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
	EXPORTER_LOST,           /* records (v9: datagrams, sFlow: samples) missing by sequence number */
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
	EXPORTER_TIME_REPAIRED,  /* records whose times could not be: see exporter_times */
	EXPORTER_SAMPLING_CHANGED,
	EXPORTER_COUNTERS,       /* interface counter samples (sFlow) */
	EXPORTER_DROPPED,        /* what the exporter itself says it lost */
	EXPORTER_NO_ROOM,        /* records that found no room in a batch */
	EXPORTER_COUNTS
};
const char *exporter_count_name(enum exporter_count c);

struct exporter {
	struct exporter_key key;
	uint32_t index;           /* what flow.exporter holds */
	uint32_t sampling;        /* 1 in n, of the latest record; 0: nothing known */
	bool sampling_fixed;      /* by configuration */
	bool sequence_known;
	uint32_t sequence;        /* expected next */
	int64_t first_ns, last_ns; /* when it was heard; 0: never */
	int64_t clock_offset_ns;  /* to be added to its times; 0 while it agrees with ours */
	int64_t active_ns;        /* the longest record it sent: its active timeout, as far as seen */
	uint64_t count[EXPORTER_COUNTS];
	/* state of the clock rule, see exporter_times */
	int64_t clock_seen_ns[4];
	unsigned int clock_n;
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

/* Takes a sequence number `got` that stands for `step` units (records, datagrams, samples); counts gaps, resets,
 * duplicates, disorder.  A gap of `reset_gap` or more is a reset, as flow-tools counts it (1000). */
void exporter_sequence(struct exporter *e, uint32_t got, uint32_t step, uint32_t reset_gap);
/* The exporter said "1 in n" (n 0 and 1: unsampled).  Ignored when fixed by configuration. */
void exporter_sampling(struct exporter *e, uint32_t n);

/* Makes a record's times believable, on our clock: adds the learned offset, puts end behind start, and neither
 * behind seen_ns; a time that cannot be repaired becomes seen_ns.  `header_ns` is the exporter's own time of
 * export.  Learns the offset from header_ns and seen_ns first: call exporter_clock once a datagram. */
void exporter_clock(struct exporter *e, int64_t header_ns, int64_t seen_ns);
void exporter_times(struct exporter *e, int64_t *start_ns, int64_t *end_ns, int64_t seen_ns);

#endif
