/* Tunnels: GRE and what rides in it, and the ones that are known only by a UDP port.
 *
 * A port is a hint, not a fact: a step here checks its header's fixed bits, and the IP step behind it
 * the version and the lengths; if either disagrees, the outer flow stands.
 */
#include "collector/decode.h"

static int
not_this(struct decode *d)
{
	return decode_reject(d->c.bad ? REJECT_TRUNCATED : REJECT_NOT_IP);
}

/* RFC 7348 */
static int
vxlan(struct decode *d)
{
	const uint8_t *h = cursor_take(&d->c, 8);

	return h != NULL && (h[0] & 0x08) != 0 && h[7] == 0 ? STEP_ETHERNET : not_this(d);
}

/* RFC 8926 */
static int
geneve(struct decode *d)
{
	const uint8_t *h = cursor_take(&d->c, 8);

	if (h == NULL || h[0] >> 6 != 0 || h[7] != 0)
		return not_this(d);
	cursor_skip(&d->c, (size_t)(h[0] & 0x3f) * 4);
	return d->c.bad ? not_this(d) : decode_ethertype(decode_be16(h + 2));
}

/* 3GPP TS 29.281 section 5: G-PDUs only; the signalling stays the outer flow. */
static int
gtp(struct decode *d)
{
	enum { G_PDU = 255, VERSION_1 = 0x30, ANY_OPTION = 0x07 };
	size_t wire = decode_wire_left(d);
	uint8_t flags = cursor_u8(&d->c), type = cursor_u8(&d->c);
	size_t length = cursor_u16(&d->c);

	cursor_skip(&d->c, 4);
	if (d->c.bad || (flags & 0xf0) != VERSION_1 || type != G_PDU || (length + 8 > wire && !d->loose))
		return not_this(d);
	if ((flags & ANY_OPTION) != 0) {
		uint8_t next;

		cursor_skip(&d->c, 3);
		next = cursor_u8(&d->c);
		while ((flags & 0x04) != 0 && next != 0 && !d->c.bad) {
			size_t n = (size_t)cursor_u8(&d->c) * 4;

			if (n == 0 || ++d->depth >= DECODE_DEPTH)
				return decode_reject(n == 0 ? REJECT_NOT_IP : REJECT_TOO_DEEP);
			cursor_skip(&d->c, n - 2);
			next = cursor_u8(&d->c);
		}
	}
	return d->c.bad ? not_this(d) : STEP_IP;
}

/* RFC 4380 section 5.1.1: authentication and origin indication may come before the IPv6 packet. */
static int
teredo(struct decode *d)
{
	struct cursor ahead = d->c;
	uint16_t mark = cursor_u16(&ahead);

	if (mark == 1) {
		size_t n = cursor_u8(&ahead);

		n += cursor_u8(&ahead);
		cursor_skip(&ahead, n + 9);
		d->c = ahead;
		mark = cursor_u16(&ahead);
	}
	if (mark == 0) {
		cursor_skip(&ahead, 6);
		d->c = ahead;
	}
	return d->c.bad ? not_this(d) : STEP_IP6;
}

int
decode_udp_tunnel(struct decode *d, uint16_t sport, uint16_t dport)
{
	switch (dport) {
	case PORT_VXLAN: case PORT_VXLAN_LINUX: return vxlan(d);
	case PORT_GENEVE: return geneve(d);
	case PORT_GRE_IN_UDP: return STEP_GRE;
	case PORT_GTP_U: return gtp(d);
	case PORT_TEREDO: return teredo(d);
	default: return sport == PORT_GTP_U ? gtp(d) : teredo(d);
	}
}

/* --- GRE ---------------------------------------------------------------------------------------- */

enum gre_bits {
	GRE_CHECKSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000, GRE_ACK = 0x0080,
	GRE_VERSION = 0x0007, GRE_PROTO_PPP = 0x880b, GRE_PROTO_ERSPAN = 0x88be, GRE_PROTO_ERSPAN3 = 0x22eb,
};

/* RFC 2784, 2890; version 1 is PPTP's (RFC 2637), where a packet without a sequence number carries
 * only an acknowledgement.  The source routing of RFC 1701 is not followed. */
int
decode_gre(struct decode *d)
{
	unsigned int flags = cursor_u16(&d->c), type = cursor_u16(&d->c);
	bool pptp = (flags & GRE_VERSION) == 1;

	if (d->c.bad || (flags & GRE_VERSION) > 1 || (flags & GRE_ROUTING) != 0)
		return not_this(d);
	if (pptp && (type != GRE_PROTO_PPP || (flags & GRE_SEQUENCE) == 0))
		return decode_reject(REJECT_NOT_IP);
	cursor_skip(&d->c, ((flags & GRE_CHECKSUM) != 0 ? 4u : 0u) + ((flags & GRE_KEY) != 0 ? 4u : 0u) +
	    ((flags & GRE_SEQUENCE) != 0 ? 4u : 0u) + (pptp && (flags & GRE_ACK) != 0 ? 4u : 0u));
	if (d->c.bad)
		return not_this(d);
	if (type == GRE_PROTO_ERSPAN) {
		d->loose = true; /* a mirror may cut what it copies */
		return (flags & GRE_SEQUENCE) != 0 ? STEP_ERSPAN2 : STEP_ETHERNET;
	}
	if (type == GRE_PROTO_ERSPAN3) {
		d->loose = true;
		return STEP_ERSPAN3;
	}
	return type > 1500 ? decode_ethertype(type) : decode_reject(REJECT_NOT_IP);
}

/* draft-foschiano-erspan: 8 bytes, version 1 */
int
decode_erspan2(struct decode *d)
{
	const uint8_t *h = cursor_take(&d->c, 8);

	return h != NULL && h[0] >> 4 == 1 ? STEP_ETHERNET : not_this(d);
}

/* 12 bytes, version 2; a platform's own 8 bytes behind them when the O bit is set */
int
decode_erspan3(struct decode *d)
{
	const uint8_t *h = cursor_take(&d->c, 12);

	if (h == NULL || h[0] >> 4 != 2)
		return not_this(d);
	if ((h[11] & 0x01) != 0)
		cursor_skip(&d->c, 8);
	if (d->c.bad)
		return not_this(d);
	return (h[10] >> 2 & 0x1f) == 2 ? STEP_IP : STEP_ETHERNET;
}
