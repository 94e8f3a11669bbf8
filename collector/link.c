/* Link layers: everything between the capture's first byte and the IP header. */
#include "collector/decode.h"

enum ethertype {
	ETHER_IP4 = 0x0800, ETHER_TEB = 0x6558, ETHER_VLAN = 0x8100, ETHER_IP6 = 0x86dd, ETHER_PPP = 0x880b,
	ETHER_MPLS = 0x8847, ETHER_MPLS_MC = 0x8848, ETHER_PPPOE = 0x8864, ETHER_QINQ = 0x88a8, ETHER_PBB = 0x88e7,
	ETHER_QINQ_OLD = 0x9100, ETHER_QINQ_OLD2 = 0x9200, ETHER_QINQ_OLD3 = 0x9300,
	ETHER_LENGTH_MAX = 1500, /* up to here the field is an 802.3 length */
};

static int
truncated(void)
{
	return decode_reject(REJECT_TRUNCATED);
}

int
decode_ethertype(unsigned int type)
{
	switch (type) {
	case ETHER_IP4: return STEP_IP4;
	case ETHER_IP6: return STEP_IP6;
	case ETHER_VLAN: case ETHER_QINQ: case ETHER_QINQ_OLD: case ETHER_QINQ_OLD2: case ETHER_QINQ_OLD3: return STEP_VLAN;
	case ETHER_MPLS: case ETHER_MPLS_MC: return STEP_MPLS;
	case ETHER_PPPOE: return STEP_PPPOE;
	case ETHER_PPP: return STEP_PPP;
	case ETHER_TEB: return STEP_ETHERNET;
	case ETHER_PBB: return STEP_PBB;
	default: return type <= ETHER_LENGTH_MAX ? STEP_LLC : decode_reject(REJECT_NOT_IP);
	}
}

/* Skips n bytes and follows the Ethernet type behind them. */
static int
skip_to_ethertype(struct decode *d, size_t n)
{
	unsigned int type;

	cursor_skip(&d->c, n);
	type = cursor_u16(&d->c);
	return d->c.bad ? truncated() : decode_ethertype(type);
}

int
decode_ethernet(struct decode *d)
{
	return skip_to_ethertype(d, 12);
}

int
decode_vlan(struct decode *d)
{
	return skip_to_ethertype(d, 2);
}

/* 802.1ah: a service tag, then the customer's whole frame. */
int
decode_pbb(struct decode *d)
{
	cursor_skip(&d->c, 4);
	return d->c.bad ? truncated() : STEP_ETHERNET;
}

/* 802.2: only SNAP carries IP that is worth following (RFC 1042). */
int
decode_llc(struct decode *d)
{
	uint16_t sap = cursor_u16(&d->c);
	uint32_t control_oui = cursor_u32(&d->c);
	uint16_t type = cursor_u16(&d->c);

	if (d->c.bad)
		return truncated();
	if (sap != 0xaaaa || control_oui >> 24 != 0x03 || type <= ETHER_LENGTH_MAX)
		return decode_reject(REJECT_NOT_IP);
	return decode_ethertype(type);
}

/* A pseudowire's control word starts with a zero nibble (RFC 4385), but so do many MAC addresses:
 * there is one if behind it the frame has an Ethernet type worth following. */
static int
pseudowire(struct decode *d)
{
	struct cursor ahead = d->c;
	bool control = (*d->c.p & 0xf0) == 0;
	uint16_t type;

	cursor_skip(&ahead, 4 + 12);
	type = cursor_u16(&ahead);
	if (control && !ahead.bad && type > ETHER_LENGTH_MAX && decode_ethertype(type) >= 0)
		cursor_skip(&d->c, 4);
	return STEP_ETHERNET;
}

/* RFC 3032: nothing names the payload; IP tells itself by its version. */
int
decode_mpls(struct decode *d)
{
	uint32_t label;

	do {
		label = cursor_u32(&d->c);
		if (d->c.bad)
			return truncated();
	} while ((label & 0x100) == 0 && ++d->depth < DECODE_DEPTH);
	if ((label & 0x100) == 0)
		return decode_reject(REJECT_TOO_DEEP);
	if (cursor_left(&d->c) == 0)
		return truncated();
	switch (*d->c.p >> 4) {
	case 4: return STEP_IP4;
	case 6: return STEP_IP6;
	default: return pseudowire(d);
	}
}

/* RFC 2516, session stage */
int
decode_pppoe(struct decode *d)
{
	uint16_t version_code = cursor_u16(&d->c);

	cursor_skip(&d->c, 4);
	if (d->c.bad)
		return truncated();
	return version_code == 0x1100 ? STEP_PPP : decode_reject(REJECT_NOT_IP);
}

/* RFC 1661, 1662: address and control may be left out, and so may the protocol's high byte. */
int
decode_ppp(struct decode *d)
{
	struct cursor ahead = d->c;
	uint16_t protocol;

	if (cursor_u16(&ahead) == 0xff03)
		d->c = ahead;
	protocol = cursor_u8(&d->c);
	if ((protocol & 1) == 0)
		protocol = (uint16_t)(protocol << 8 | cursor_u8(&d->c));
	if (d->c.bad || cursor_left(&d->c) == 0)
		return truncated();
	switch (protocol) {
	case 0x0021: return STEP_IP4;
	case 0x0057: return STEP_IP6;
	case 0x0281: case 0x0283: return STEP_MPLS;
	default: return decode_reject(REJECT_NOT_IP);
	}
}

/* 50: PPP in HDLC framing, or Cisco's HDLC, told apart by the address byte. */
static int
hdlc(struct decode *d)
{
	struct cursor ahead = d->c;
	uint8_t address = cursor_u8(&ahead);

	if (ahead.bad)
		return truncated();
	if (address == 0x0f || address == 0x8f)
		return skip_to_ethertype(d, 2);
	return STEP_PPP;
}

/* Linux pppd puts the direction where HDLC's address would be. */
static int
pppd(struct decode *d)
{
	struct cursor ahead = d->c;

	cursor_skip(&ahead, 1);
	if (cursor_u8(&ahead) == 0x03)
		d->c = ahead;
	else
		cursor_skip(&d->c, 1);
	return STEP_PPP;
}

/* BSD loopback: the address family, in the byte order of whoever captured. */
static int
loopback(struct decode *d)
{
	uint32_t family = cursor_u32(&d->c);

	if (d->c.bad)
		return truncated();
	if (family > 0xffff)
		family = family >> 24 | (family >> 8 & 0xff00);
	switch (family) {
	case 2: case 10: case 24: case 28: case 30: return STEP_IP;
	default: return decode_reject(REJECT_NOT_IP);
	}
}

/* OpenBSD's packet filter log: a header that gives its own length. */
static int
pflog(struct decode *d)
{
	uint8_t n = cursor_u8(&d->c);

	cursor_skip(&d->c, n > 0 ? ((size_t)n + 3) / 4 * 4 - 1 : 0);
	return d->c.bad ? truncated() : STEP_IP;
}

static uint16_t
ordered16(struct cursor *c, bool little)
{
	uint16_t v = cursor_u16(c);

	return little ? (uint16_t)(v << 8 | v >> 8) : v;
}

/* Linux netfilter log: TLVs in the byte order of whoever captured, the packet in one of them.
 * The kernel may have copied less than the packet, so the wire length says nothing here. */
static int
nflog(struct decode *d)
{
	enum { NFULA_PAYLOAD = 9, TYPES = 64 };
	struct cursor ahead;
	bool little;

	cursor_skip(&d->c, 4);
	ahead = d->c;
	/* attribute types are small, so the high byte is the empty one */
	cursor_skip(&ahead, 2);
	little = cursor_u16(&ahead) >> 8 != 0;
	for (unsigned int n = 0; n < TYPES; n++) {
		size_t length = ordered16(&d->c, little);
		unsigned int type = ordered16(&d->c, little) & 0x7fff;

		if (d->c.bad || length < 4)
			return truncated();
		length -= 4;
		if (type == NFULA_PAYLOAD) {
			if (length < cursor_left(&d->c))
				d->c.end = d->c.p + length;
			d->wire_end = (size_t)(d->c.p - d->base) + length;
			d->loose = true;
			return STEP_IP;
		}
		cursor_skip(&d->c, (length + 3) / 4 * 4);
	}
	return decode_reject(REJECT_NOT_IP);
}

/* Linux cooked capture v2: the protocol comes first. */
static int
cooked2(struct decode *d)
{
	unsigned int type = cursor_u16(&d->c);

	cursor_skip(&d->c, 18);
	return d->c.bad ? truncated() : decode_ethertype(type);
}

int
decode_link_first(struct decode *d, unsigned int link)
{
	switch (link) {
	case LINK_ETHERNET: return STEP_ETHERNET;
	case LINK_RAW: case LINK_RAW_BSD: case LINK_RAW_OPENBSD: return STEP_IP;
	case LINK_IPV4: return STEP_IP4;
	case LINK_IPV6: return STEP_IP6;
	case LINK_NULL: case LINK_LOOP: return loopback(d);
	case LINK_SLL: return skip_to_ethertype(d, 14);
	case LINK_SLL2: return cooked2(d);
	case LINK_PPP: return STEP_PPP;
	case LINK_PPP_HDLC: return hdlc(d);
	case LINK_C_HDLC: return skip_to_ethertype(d, 2);
	case LINK_PPP_PPPD: return pppd(d);
	case LINK_PPPOE: return STEP_PPPOE;
	case LINK_MPLS: return STEP_MPLS;
	case LINK_PFLOG: return pflog(d);
	case LINK_NFLOG: return nflog(d);
	default: return decode_reject(REJECT_LINK_TYPE);
	}
}
