/* Flows to export datagrams: NetFlow version 5 (Cisco) and 9 (RFC 3954), and IPFIX (RFC 7011) by way of
 * collector/ipfix_encode.h.
 *
 * Records gather in one datagram, which goes to `send` when it is full, when a second has passed since its first
 * record, and at netflow_encode_flush.  There is no clock inside: now_ns is the time on the flows' own clock,
 * so an old capture gives datagrams that were, by their headers, sent back then.
 *
 * Times in records of versions 5 and 9 are milliseconds since the exporter's boot.  boot_ns should lie before the first flow; a flow from
 * before it, or 49 days behind it, makes the encoder boot anew around it (its own kind of exporter restart).
 *
 * Ownership: the struct lives in the caller's memory, where it must stay, and owns nothing.  One thread.
 */
#ifndef COLLECTOR_NETFLOW_ENCODE_H
#define COLLECTOR_NETFLOW_ENCODE_H

#include "collector/flow.h"
#include "collector/ipfix_encode.h"

enum {
	NETFLOW_ENCODE_BYTES = 1464,       /* the largest datagram: 30 records of version 5; fits an Ethernet frame */
	NETFLOW_ENCODE_V5_SAMPLING = 16383, /* the header has 14 bits */
};

/* `records`: flow records in it. */
typedef void netflow_send(void *ctx, const uint8_t *p, size_t n, size_t records, int64_t now_ns);

struct netflow_encode_setup {
	unsigned int version; /* 5, 9 or 10 */
	uint32_t domain;      /* observation domain, v9: source id; v5: engine type << 8 | engine id */
	uint32_t sampling;    /* 1 packet in n was counted; 0 and 1: all of them */
	int64_t boot_ns;
	const uint32_t *in_if; /* ifIndex by flow.exporter, in_if_n of them; borrowed */
	size_t in_if_n;
	unsigned int template_datagrams, template_s; /* templates again after so many; 0: 20 and 60 */
};

struct netflow_encoder {
	struct netflow_encode_setup setup;
	netflow_send *send;
	void *ctx;
	int64_t boot_ns;
	struct ipfix_encoder ipfix; /* writes to out */
	uint8_t out[NETFLOW_ENCODE_BYTES];
	size_t n;              /* bytes in it; 0: no datagram begun */
	unsigned int count;    /* records for the header, with those of templates */
	unsigned int flows;    /* flow records only */
	size_t set;            /* v9: where the open data set begins; 0: none */
	unsigned int set_id;
	int64_t first_ns, latest_ns; /* of the datagram: when its first record came, and the latest time in it */
	uint32_t sequence;     /* v5, IPFIX: flows before this datagram; v9: datagrams */
	unsigned int since_template;
	int64_t template_ns;
	bool templates_sent;
	uint64_t records, datagrams, bytes; /* sent */
	uint64_t split;        /* v5: further records that counters beyond 32 bits took */
	uint64_t no_v6;        /* v5: IPv6 flows, which it cannot carry */
};

void netflow_encode_init(struct netflow_encoder *e, const struct netflow_encode_setup *s, netflow_send *send, void *ctx);
/* One flow, counters scaled by f->sampling as in struct flow; the export holds them unscaled.  0, or ERR_UNSUPPORTED
 * for IPv6 in version 5 (counted in no_v6).  now_ns at least f->end_ns; not going back but to follow the flows' clock. */
int netflow_encode_flow(struct netflow_encoder *e, const struct flow *f, int64_t now_ns);
/* Sends what waits if it has waited for a second, or at once. */
void netflow_encode_time(struct netflow_encoder *e, int64_t now_ns);
void netflow_encode_flush(struct netflow_encoder *e, int64_t now_ns);

#endif
