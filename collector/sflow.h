/* What sFlow needs to remember between datagrams: data sources and interface counters.
 *
 * A data source (a port of a switch, mostly) has a sampling rate, a sequence and a cumulative count of samples it
 * had to drop; several rates in one exporter are normal, so a change is one only within a source.
 * An interface's counters arrive every 20 seconds or so; kept is the latest sample, the difference to the one
 * before, and the sums since it was first heard, for comparing with what the flows add up to.
 *
 * Owned by struct export, and used by its thread.  Both tables grow by need up to SFLOW_SOURCES and SFLOW_INTERFACES
 * (about 3 and 13 MB); newcomers beyond that are counted, not kept.
 */
#ifndef COLLECTOR_SFLOW_H
#define COLLECTOR_SFLOW_H

#include "collector/export.h"

enum { SFLOW_SOURCES = 1 << 16, SFLOW_INTERFACES = 1 << 16 };

struct sflow_traffic {
	uint64_t in_octets, out_octets;
	uint64_t in_packets, out_packets; /* unicast, multicast and broadcast */
};

struct sflow_interface {
	uint32_t exporter;      /* flow.exporter of its exporter */
	uint32_t if_index, if_type;
	uint64_t speed_bps;     /* as configured or negotiated; 0: unknown */
	bool full_duplex, up;
	int64_t first_ns, last_ns; /* of the samples, on our clock */
	uint32_t samples, restarts; /* counters that began anew: the sums leave that interval out */
	struct sflow_traffic total; /* since first_ns */
	struct sflow_traffic delta; /* between the last two samples */
	int64_t delta_ns;       /* their distance; 0: no delta (the first sample, or a restart) */
	uint64_t in_discards, out_discards, in_errors, out_errors; /* since first_ns */
	/* the latest sample as it was, for the next difference */
	uint64_t raw_octets[2];
	uint32_t raw_packets[6], raw_faults[4];
	uint32_t uptime_ms;
};

struct sflow_source {
	uint64_t key;           /* class << 32 | index */
	uint32_t exporter;
	uint32_t sequence, rate, drops; /* of the latest sample */
};

struct sflow;

struct sflow *sflow_new(uint64_t seed); /* NULL: out of memory */
void sflow_free(struct sflow *s);

/* One interface of an exporter, or NULL; valid until the next datagram. */
const struct sflow_interface *sflow_counters(const struct sflow *s, uint32_t exporter, uint32_t if_index);
size_t sflow_interfaces_n(const struct sflow *s);
uint64_t sflow_full(const struct sflow *s); /* look-ups that found no room */

/* For the decoder: finds or makes; NULL when there is no room.  `*known` says whether it was there.  The pointer is
 * valid until the next call. */
struct sflow_source *sflow_source(struct sflow *s, uint32_t exporter, uint64_t key, bool *known);
struct sflow_interface *sflow_interface(struct sflow *s, uint32_t exporter, uint32_t if_index, bool *known);

/* One counter sample as it came; all ones: the agent does not count that. */
struct sflow_sample {
	int64_t seen_ns;
	uint32_t uptime_ms;
	uint64_t octets[2];  /* in, out */
	uint32_t packets[6]; /* in: unicast, multicast, broadcast; out: the same */
	uint32_t faults[4];  /* in: discards, errors; out: the same */
};
/* collector/sflow_counters.c: adds a sample to its interface. */
void sflow_keep(struct sflow_interface *i, const struct sflow_sample *now);

#endif
