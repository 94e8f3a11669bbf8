/* struct flow: the one shape that crosses from the collector to the detector.
 *
 * A packet is a flow of one packet; a NetFlow record is a flow of many.  Bytes
 * are counted at IP level (from the IP header on, as NetFlow does), by the length
 * on the wire, also where the capture cut the packet.  For a tunnel the inner
 * packet is the flow.
 *
 * A flow with packets == 0 carries only a DNS view: a second message in the same
 * TCP segment.
 */
#ifndef COLLECTOR_FLOW_H
#define COLLECTOR_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "collector/dns.h"

enum flow_proto { FLOW_ICMP = 1, FLOW_TCP = 6, FLOW_UDP = 17, FLOW_ICMP6 = 58 };

enum flow_flags {
	FLOW_FRAG_FIRST = 1 << 0, /* a fragment with offset 0 and more to come: has ports */
	FLOW_FRAG_LATER = 1 << 1, /* a fragment with offset > 0: no ports (0), tied by frag_id */
	FLOW_IP6 = 1 << 2,
	FLOW_CUT = 1 << 3,        /* the capture holds less than the packet had */
	FLOW_RECORD = 1 << 4,     /* from a flow exporter, not a packet */
};

struct flow {
	int64_t start_ns, end_ns; /* equal for a packet */
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
	const struct dns_view *dns; /* NULL: not a readable DNS message; borrowed from the batch */
};

/* A batch owns its flows and views; the views borrow the packets' bytes from the block the
 * batch was decoded from.  Both stay valid until the batch is reset. */
struct flow_batch {
	struct flow *flow;
	size_t n, cap;
	struct dns_view *dns;
	size_t dns_n, dns_cap;
};

int flow_batch_init(struct flow_batch *b, size_t cap); /* 0 or ERR_NOMEM */
void flow_batch_done(struct flow_batch *b);

static inline void
flow_batch_reset(struct flow_batch *b)
{
	b->n = b->dns_n = 0;
}

#endif
