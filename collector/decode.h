/* Inside of the packet decoder: one struct handed from layer to layer.
 *
 * Each header is a step: it reads itself off the cursor and names the step behind it, or rejects the
 * packet.  A tunnel remembers the flow it has found so far; when what is inside turns out not to be
 * an IP packet, that outer flow stands.  So a guess by UDP port costs nothing when it is wrong.
 */
#ifndef COLLECTOR_DECODE_H
#define COLLECTOR_DECODE_H

#include <string.h>

#include "base/cursor.h"
#include "collector/source.h"

enum { DECODE_DEPTH = 16 }; /* headers followed in one packet */

enum decode_link { /* LINKTYPE_ values, tcpdump.org/linktypes.html */
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_PPP = 9, LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50, LINK_PPPOE = 51, LINK_RAW = 101, LINK_C_HDLC = 104, LINK_LOOP = 108,
	LINK_SLL = 113, LINK_PFLOG = 117, LINK_PPP_PPPD = 166, LINK_MPLS = 219, LINK_IPV4 = 228, LINK_IPV6 = 229,
	LINK_NFLOG = 239, LINK_SLL2 = 276,
};

enum decode_step {
	STEP_ETHERNET, STEP_VLAN, STEP_LLC, STEP_PBB, STEP_MPLS, STEP_PPPOE, STEP_PPP, STEP_IP, STEP_IP4, STEP_IP6,
	STEP_UDP, STEP_TCP, STEP_PORTS, STEP_GRE, STEP_ERSPAN2, STEP_ERSPAN3,
	STEP_EMIT, /* the flow is complete */
	STEP_DONE, /* and has been delivered */
};

enum decode_ports {
	PORT_DNS = 53, PORT_GTP_U = 2152, PORT_TEREDO = 3544, PORT_GRE_IN_UDP = 4754, PORT_VXLAN = 4789,
	PORT_GENEVE = 6081, PORT_VXLAN_LINUX = 8472,
};

struct decode {
	struct cursor c;     /* what was captured of the current layer */
	const uint8_t *base; /* the packet's first byte */
	size_t wire_end;     /* where the current layer ended on the wire, from base */
	unsigned int depth;
	bool loose;          /* the wire length is not known inside: mirrored, logged or fragmented */
	bool has_outer;
	bool full;           /* the batch has no room for this packet */
	int rejected;        /* the reason to count, or -1 */
	struct flow flow;    /* of the innermost IP header so far */
	struct flow outer;   /* stands when the inside of a tunnel is not IP */
	struct flow_batch *out;
};

static inline uint16_t
decode_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Steps are >= 0, rejections negative. */
static inline int
decode_reject(enum decode_reject r)
{
	return -1 - (int)r;
}

/* Bytes on the wire from the cursor to the end of the current layer. */
static inline size_t
decode_wire_left(const struct decode *d)
{
	size_t at = (size_t)(d->c.p - d->base);

	return d->wire_end > at ? d->wire_end - at : 0;
}

/* The flow so far stands in for whatever the tunnel's inside may turn out to be. */
static inline void
decode_keep_outer(struct decode *d)
{
	d->outer = d->flow;
	d->has_outer = true;
}

/* Of the IP identification (fragments: and offset) and the first 24 bytes behind the IP header, where sequence numbers, checksums
 * and DNS ids are: two packets between the same hosts differ in it, and copies of one packet do not, whichever
 * link or hop they were taken at.  Never 0. */
static inline uint32_t
decode_digest(const uint8_t *p, size_t have, uint32_t id)
{
	uint64_t word[3] = {0}, h = id;

	memcpy(word, p, have < sizeof(word) ? have : sizeof(word));
	for (int i = 0; i < 3; i++) {
		h = (h ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (uint32_t)h | 1;
}

/* collector/decode.c: any packet.  *d is zero except for `out` and, when p->wirelen is not to be
 * trusted, `loose`.  d->full: the batch had no room for all
 * of it; d->rejected: what to count, or -1. */
void decode_general(struct decode *d, const struct raw_packet *p, const uint8_t *data);

/* collector/link.c: the first step of a link type, and what an Ethernet type leads to. */
int decode_link_first(struct decode *d, unsigned int link);
int decode_ethertype(unsigned int type);
int decode_ethernet(struct decode *d);
int decode_vlan(struct decode *d);
int decode_llc(struct decode *d);
int decode_pbb(struct decode *d);
int decode_mpls(struct decode *d);
int decode_pppoe(struct decode *d);
int decode_ppp(struct decode *d);

/* collector/tunnel.c: what a UDP payload or GRE header leads to. */
int decode_udp_tunnel(struct decode *d, uint16_t sport, uint16_t dport);
int decode_gre(struct decode *d);
int decode_erspan2(struct decode *d);
int decode_erspan3(struct decode *d);

static inline bool
decode_tunnel_port(uint16_t sport, uint16_t dport)
{
	switch (dport) {
	case PORT_GTP_U: case PORT_TEREDO: case PORT_GRE_IN_UDP: case PORT_VXLAN: case PORT_GENEVE: case PORT_VXLAN_LINUX:
		return true;
	default:
		return sport == PORT_GTP_U || sport == PORT_TEREDO;
	}
}

#endif
