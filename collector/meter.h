/* Metering: packets to flow records, what a router's flow cache does.
 *
 * Packets of one (source, destination, ports, protocol, input) add up to a flow.  It ends, and goes to the sink,
 * when it was idle for `inactive`, when it has lasted for `active` (it then goes on as a new one), a second
 * after FIN or RST, when the cache is full (the longest idle first, counted), or at meter_flush.
 *
 * Time is that of the packets: there is no clock inside.  Live, meter_time says that it passes without packets.
 * The order of records follows from the packets alone, not from the seed of the hash.
 *
 * Ownership: the meter owns its cache, one block from the start: 96 bytes a flow, and 16 to 32 of index; pages that
 * were never needed cost nothing.  Nothing is allocated per packet.  Not for several threads at once.
 */
#ifndef COLLECTOR_METER_H
#define COLLECTOR_METER_H

#include "collector/flow.h"

enum meter_fragments {
	METER_SERVICE, /* a later fragment counts for the ports of its first one (RFC 791 gives it none itself) */
	METER_PORT0,   /* and for port 0, as routers do that keep no memory of fragments */
};

enum { METER_FLOWS_MIN = 16, METER_FLOWS_MAX = 1 << 24, METER_FLOWS = 1 << 18 };

struct meter_setup {
	size_t max_flows;             /* 0: METER_FLOWS; kept within METER_FLOWS_MIN and _MAX */
	int64_t active_ns, inactive_ns; /* 0: 300 s and 15 s; at least a millisecond */
	uint32_t sampling;            /* one packet of each n, its place drawn anew for each n; 0 and 1: every packet */
	enum meter_fragments fragments;
	uint64_t seed;                /* of the hash: a secret where strangers choose addresses */
	uint64_t sampling_seed;       /* of the places drawn */
};

struct meter_stats {
	uint64_t packets, bytes; /* seen */
	uint64_t taken;          /* packets of those that the sampling took */
	uint64_t records;        /* given to the sink */
	uint64_t early;          /* of these, because the cache was full */
	uint64_t orphans;        /* later fragments without their first one; counted with METER_SERVICE only */
	uint64_t jumps;          /* times that the packets' clock went back so far that all was ended */
	size_t flows;            /* in the cache now */
	size_t flows_most;       /* at most so far */
};

/* A record: flags FLOW_RECORD, seen_ns the moment of its end in packet time; records come in that order, except
 * across a jump of the clock.  packets and bytes are scaled by `sampling`, so they divide by it without rest. */
typedef void meter_sink(void *ctx, const struct flow *f);

struct meter;

struct meter *meter_new(const struct meter_setup *s, meter_sink *sink, void *ctx); /* NULL: out of memory */
void meter_free(struct meter *m); /* what is in the cache is gone: flush first */
/* Packets as packets_decode made them; what is no packet (a second DNS message) is left out. */
void meter_flows(struct meter *m, const struct flow *f, size_t n);
/* Packet time has reached this without packets. */
void meter_time(struct meter *m, int64_t now_ns);
/* Ends all flows. */
void meter_flush(struct meter *m);
/* Latest packet time; 0 before the first packet. */
int64_t meter_now(const struct meter *m);
const struct meter_stats *meter_stats_of(const struct meter *m);

#endif
