/* struct flow: the one shape that crosses from the collector to the detector.
 *
 * A packet is a flow of one packet; a NetFlow record is a flow of many.  Bytes
 * are counted at IP level (from the IP header on, as NetFlow does), by the length
 * on the wire, also where the capture cut the packet.  For a tunnel the inner
 * packet is the flow.
 *
 * A packet's flow with packets == 0 carries only a DNS view: a second message in the same TCP segment.  A record with
 * packets == 0 has bytes: a counter beyond 32 bits that its exporter split over several records.
 *
 * A record covers [start_ns, end_ns] and becomes known at seen_ns >= end_ns, often minutes after its
 * first packet: the engine's time is flow_time, and what a record covers is spread over the windows.
 * Records carry what packets have not (AS, interfaces, ...) in a struct flow_extra beside the flow.
 */
#ifndef COLLECTOR_FLOW_H
#define COLLECTOR_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "collector/dns.h"

enum flow_proto { FLOW_ICMP = 1, FLOW_TCP = 6, FLOW_UDP = 17, FLOW_FRAG6 = 44, FLOW_ICMP6 = 58 };

enum flow_flags {
	FLOW_FRAG_FIRST = 1 << 0, /* a fragment with offset 0 and more to come: has ports */
	FLOW_FRAG_LATER = 1 << 1, /* a fragment with offset > 0: no ports (0), tied by frag_id */
	FLOW_IP6 = 1 << 2,
	FLOW_CUT = 1 << 3,        /* the capture holds less than the packet had */
	FLOW_RECORD = 1 << 4,     /* from a flow exporter, not a packet */
	FLOW_COPY = 1 << 5,       /* a packet that a mirror showed before: counts nowhere (detector/copies.h) */
};

struct flow {
	int64_t start_ns, end_ns; /* equal for a packet */
	int64_t seen_ns;          /* records: when it became known to the collector, on the clock of start and end */
	struct addr src, dst;
	uint64_t packets, bytes;  /* scaled by `sampling` */
	uint32_t sampling;        /* 1: unsampled; n: each counted packet stands for n */
	uint32_t exporter;        /* index of the input it came from */
	uint32_t frag_id;         /* IPv4 identification or IPv6 fragment id; with a FRAG flag */
	uint16_t sport, dport;    /* host order; 0 where the protocol has none */
	uint8_t proto;
	uint8_t tcp_flags;
	uint8_t flags;            /* enum flow_flags */
	uint8_t ttl;              /* hop limit as seen; 0 for records */
	uint32_t digest;          /* of what tells a packet from others between the same hosts, see decode_digest; 0 for records */
	const struct dns_view *dns; /* NULL: not a readable DNS message; borrowed from the batch */
};

/* When the flow counts: packets when they passed, records when they became known. */
static inline int64_t
flow_time(const struct flow *f)
{
	return (f->flags & FLOW_RECORD) != 0 ? f->seen_ns : f->start_ns;
}

/* Exporters that look at single packets know no ports of later fragments and write UDP 0 -> 0; mean sizes below
 * 100 bytes are probes to port 0 instead.  Of IPv6 some do not even see the protocol: softflowd writes 0 then, and
 * nfpcapd 44, the fragment header, for all fragments of a packet, its first one too (flow_whole_fragments).
 * For every decoder of records, on a flow whose fields are final. */
static inline void
flow_record_fragment(struct flow *f)
{
	bool kind = f->proto == FLOW_UDP || f->proto == FLOW_FRAG6 || (f->proto == 0 && !addr_is_v4(&f->src));

	if (kind && f->sport == 0 && f->dport == 0 && f->packets > 0 && f->bytes / f->packets >= 100)
		f->flags |= FLOW_FRAG_LATER;
}

/* Nothing else tells of the packets that these fragments make up. */
static inline bool
flow_whole_fragments(const struct flow *f)
{
	return f->proto == FLOW_FRAG6 && (f->flags & FLOW_RECORD) != 0;
}

/* What only records have, and only people and archives want to see.  Zero where the exporter did not say. */
struct flow_extra {
	struct addr next_hop;     /* all zeros: none */
	struct addr exporter;     /* who sent it, or wrote it into the file; all zeros: unknown */
	uint64_t flows;           /* aggregated flows; 1 for most */
	int64_t export_ns;        /* of the exporter's own clock, as its header says */
	uint32_t uptime_ms;       /* of the exporter at export_ns */
	uint32_t first_ms, last_ms; /* start and end as uptimes, where the format has them (v1 to v9) */
	uint32_t domain;          /* observation domain, source id, or engine type << 8 | id */
	uint32_t in_if, out_if;   /* SNMP ifIndex */
	uint32_t src_as, dst_as;  /* 32 bit; 23456 is AS_TRANS (RFC 6793): a placeholder, no network */
	uint16_t src_vlan, dst_vlan;
	uint16_t version;         /* of the export: 1, 5, 6, 7, 9, 10; see enum export_version */
	uint8_t src_mask, dst_mask; /* prefix lengths in bits of their own family */
	uint8_t tos;
	uint8_t direction;        /* 0 ingress, 1 egress (IE 61) */
	uint8_t icmp_type, icmp_code;
	uint8_t reverse;          /* 1: the answering direction of a biflow or NSEL record */
	uint8_t forwarding;       /* forwardingStatus (IE 89, RFC 7270) */
};

/* A batch owns its flows and views; the views borrow the packets' bytes from the block the
 * batch was decoded from.  Both stay valid until the batch is reset. */
struct flow_batch {
	struct flow *flow;
	size_t n, cap;
	struct flow_extra *extra; /* beside flow[]; NULL: nobody wants them */
	struct dns_view *dns;
	size_t dns_n, dns_cap;
};

int flow_batch_init(struct flow_batch *b, size_t cap); /* 0 or ERR_NOMEM */
void flow_batch_done(struct flow_batch *b);

/* For records: room for one more behind n, growing the batch (at most to FLOW_BATCH_MAX).  The flow is NOT
 * cleared, n not raised: fill flow[n], and extra[n] when extra is not NULL, then n++.  NULL: no room, counted by the caller. */
enum { FLOW_BATCH_MAX = 1 << 20 };
struct flow *flow_batch_room(struct flow_batch *b);
/* For sampled packets, which may bring views: room for `n` more flows and as many more views, growing both.  Views
 * move, and the batch's flows are made to follow; nobody else may hold on to one meanwhile.  0, ERR_NOMEM, or
 * ERR_FULL at FLOW_BATCH_MAX. */
int flow_batch_reserve(struct flow_batch *b, size_t n);
/* Has extras kept from now on; 0 or ERR_NOMEM.  On an empty batch. */
int flow_batch_want_extra(struct flow_batch *b);

static inline void
flow_batch_reset(struct flow_batch *b)
{
	b->n = b->dns_n = 0;
}

#endif
