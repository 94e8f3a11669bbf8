/* The packet decoder's general way: IP, transport and DNS, and the loop over the steps of
 * collector/decode.h.
 *
 * What is wrong above a sound IP header (a lying UDP length, rubbish on port 53) is counted, and the
 * flow is still delivered without a DNS view: the packet did use the link.
 */
#include <string.h>

#include "base/err.h"
#include "collector/decode.h"

static const char *const reject_names[REJECT_KINDS] = {
	[REJECT_LINK_TYPE] = "link_type", [REJECT_NOT_IP] = "not_ip", [REJECT_TRUNCATED] = "truncated",
	[REJECT_BAD_IP] = "bad_ip", [REJECT_BAD_TRANSPORT] = "bad_transport", [REJECT_BAD_DNS] = "bad_dns",
	[REJECT_TOO_DEEP] = "too_deep",
};

const char *
decode_reject_name(enum decode_reject r)
{
	return (unsigned int)r < REJECT_KINDS ? reject_names[r] : "unknown";
}

/* --- delivering --------------------------------------------------------------------------------- */

static void
emit(struct decode *d, const struct flow *f, const struct dns_view *v)
{
	struct flow_batch *out = d->out;
	struct flow *to;

	if (out->n == out->cap || (v != NULL && out->dns_n == out->dns_cap)) {
		d->full = true;
		return;
	}
	to = &out->flow[out->n++];
	*to = *f;
	if (v != NULL) {
		out->dns[out->dns_n] = *v;
		to->dns = &out->dns[out->dns_n++];
	}
}

static int
emit_counted(struct decode *d, enum decode_reject r)
{
	d->rejected = (int)r;
	return STEP_EMIT;
}

/* --- DNS ---------------------------------------------------------------------------------------- */

static void
udp_message(struct decode *d, size_t size)
{
	size_t have = cursor_left(&d->c);
	struct dns_view v;

	if (have > size)
		have = size;
	switch (dns_view_parse(&v, d->c.p, have, size)) {
	case 0:
		emit(d, &d->flow, &v);
		break;
	case ERR_MALFORMED: /* the header is readable, and says query or response */
		d->rejected = REJECT_BAD_DNS;
		emit(d, &d->flow, &v);
		break;
	default:
		if (have == size)
			d->rejected = REJECT_BAD_DNS;
		emit(d, &d->flow, NULL);
		break;
	}
}

/* A message of a zone transfer may come without a question; its first record must then do. */
static bool
first_record_plausible(const struct dns_view *v)
{
	struct cursor c = cursor_view(v->msg, v->captured);
	uint16_t type, class;
	size_t length;
	uint8_t n;

	cursor_skip(&c, 12);
	while ((n = cursor_u8(&c)) != 0 && n <= 63)
		cursor_skip(&c, n);
	if (n > 63)
		return false;
	type = cursor_u16(&c);
	class = cursor_u16(&c);
	cursor_skip(&c, 4);
	length = cursor_u16(&c);
	return !c.bad && type != 0 && class >= 1 && class <= 4 && length < v->size;
}

/* The middle of a stream is arbitrary bytes.  These tests let about one such place in 2^30 pass:
 * exactly one question, a known opcode, a class in use, counts that fit query or response. */
static bool
tcp_message_plausible(const struct dns_view *v)
{
	bool update = v->opcode == 5;

	if (v->malformed || v->opcode == 3 || v->opcode > 6 || (v->msg[3] & 0x40) != 0)
		return false;
	if (v->questions == 0)
		return v->response && v->answers > 0 && first_record_plausible(v);
	if (v->questions != 1 || v->name == NULL || v->qtype == 0)
		return false;
	if ((v->qclass < 1 || v->qclass > 4) && v->qclass != 254 && v->qclass != 255)
		return false;
	/* a query carries no answers; IXFR and NOTIFY bring a SOA along, updates carry anything */
	return v->response || update || (v->answers <= 1 && v->authority <= 1 && v->additional <= 8);
}

/* Some stubs write the two bytes of length in a segment of their own (RFC 7766 section 8 advises
 * against it): the next segment is then a message from its first byte to its last. */
static bool
tcp_bare_message(const struct decode *d, struct dns_view *v)
{
	size_t have = cursor_left(&d->c);
	struct dns_records r;

	if (have < 17 || have != decode_wire_left(d) || dns_view_parse(v, d->c.p, have, have) != 0 ||
	    !tcp_message_plausible(v))
		return false;
	dns_view_records(v, &r);
	return r.complete && !r.malformed;
}

/* Messages of one segment (RFC 1035 4.2.2).  The first rides on the packet's flow, each further one
 * on a flow of no packets. */
static void
tcp_messages(struct decode *d)
{
	struct flow f = d->flow;
	struct dns_view v;

	if (tcp_bare_message(d, &v)) {
		emit(d, &f, &v);
		return;
	}
	for (;;) {
		size_t size = cursor_u16(&d->c), have = cursor_left(&d->c);

		if (d->c.bad)
			break;
		if (have > size)
			have = size;
		if (dns_view_parse(&v, d->c.p, have, size) != 0 || !tcp_message_plausible(&v))
			break;
		emit(d, &f, &v);
		f.packets = f.bytes = 0;
		cursor_skip(&d->c, have);
	}
	if (f.packets != 0)
		emit(d, &f, NULL);
}

/* --- transport ---------------------------------------------------------------------------------- */

static int
step_ports(struct decode *d)
{
	d->flow.sport = cursor_u16(&d->c);
	d->flow.dport = cursor_u16(&d->c);
	if (!d->c.bad)
		return STEP_EMIT;
	d->flow.sport = d->flow.dport = 0;
	return decode_wire_left(d) < 4 ? emit_counted(d, REJECT_BAD_TRANSPORT) : decode_reject(REJECT_TRUNCATED);
}

static int
step_udp(struct decode *d)
{
	size_t wire = decode_wire_left(d), length;
	bool first = (d->flow.flags & FLOW_FRAG_FIRST) != 0;
	int step = step_ports(d);

	if (step != STEP_EMIT || d->rejected >= 0)
		return step;
	if (wire < 8)
		return emit_counted(d, REJECT_BAD_TRANSPORT);
	length = cursor_u16(&d->c);
	cursor_skip(&d->c, 2);
	if (d->c.bad)
		return STEP_EMIT;
	if (length == 0 && wire > UINT16_MAX)
		length = wire; /* RFC 2675; also what segmentation offload leaves */
	/* a first fragment announces the whole datagram, all others must fit */
	if (length < 8 || (first ? length < wire : length > wire))
		return emit_counted(d, REJECT_BAD_TRANSPORT);
	if (d->flow.sport == PORT_DNS || d->flow.dport == PORT_DNS) {
		udp_message(d, length - 8);
		return STEP_DONE;
	}
	if (!decode_tunnel_port(d->flow.sport, d->flow.dport))
		return STEP_EMIT;
	decode_keep_outer(d);
	return decode_udp_tunnel(d, d->flow.sport, d->flow.dport);
}

static int
step_tcp(struct decode *d)
{
	size_t wire = decode_wire_left(d), header;
	int step = step_ports(d);

	if (step != STEP_EMIT || d->rejected >= 0)
		return step;
	cursor_skip(&d->c, 8);
	header = (size_t)(cursor_u8(&d->c) >> 4) * 4;
	d->flow.tcp_flags = cursor_u8(&d->c);
	if (wire < 20 || (!d->c.bad && (header < 20 || header > wire)))
		return (d->flow.flags & FLOW_FRAG_FIRST) != 0 ? STEP_EMIT : emit_counted(d, REJECT_BAD_TRANSPORT);
	if (d->flow.sport != PORT_DNS && d->flow.dport != PORT_DNS)
		return STEP_EMIT;
	cursor_skip(&d->c, header - 14);
	if (d->c.bad)
		return STEP_EMIT;
	tcp_messages(d);
	return STEP_DONE;
}

/* --- IP ----------------------------------------------------------------------------------------- */

enum {
	NEXT_HOP_BY_HOP = 0, NEXT_IP4 = 4, NEXT_IP6 = 41, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_GRE = 47,
	NEXT_AH = 51, NEXT_NONE = 59, NEXT_DESTINATION = 60, NEXT_DCCP = 33, NEXT_SCTP = 132, NEXT_MOBILITY = 135,
	NEXT_UDPLITE = 136, NEXT_MPLS = 137, NEXT_HIP = 139, NEXT_SHIM6 = 140,
};

/* Everything up to the IP header's own total length is the packet; Ethernet's padding is not.
 * `at` is where the IP header began. */
static void
fence(struct decode *d, size_t at, size_t total)
{
	size_t captured = (size_t)(d->c.end - d->base);

	d->wire_end = at + total;
	if (captured > d->wire_end)
		d->c.end = d->base + d->wire_end;
	else if (captured < d->wire_end)
		d->flow.flags |= FLOW_CUT;
}

static int
step_transport(struct decode *d)
{
	d->flow.digest = decode_digest(d->c.p, cursor_left(&d->c), d->flow.digest);
	if ((d->flow.flags & FLOW_FRAG_LATER) != 0)
		return STEP_EMIT;
	if ((d->flow.flags & FLOW_FRAG_FIRST) != 0)
		d->loose = true;
	switch (d->flow.proto) {
	case FLOW_UDP: return STEP_UDP;
	case FLOW_TCP: return STEP_TCP;
	case NEXT_DCCP: case NEXT_SCTP: case NEXT_UDPLITE: return STEP_PORTS;
	case NEXT_IP4: decode_keep_outer(d); return STEP_IP4;
	case NEXT_IP6: decode_keep_outer(d); return STEP_IP6;
	case NEXT_GRE: decode_keep_outer(d); return STEP_GRE;
	case NEXT_MPLS: decode_keep_outer(d); return STEP_MPLS;
	default: return STEP_EMIT;
	}
}

static void
fragment(struct flow *f, uint32_t id, bool later, bool more)
{
	if (!later && !more)
		return; /* RFC 6946: an atomic fragment is a whole packet */
	f->flags |= later ? FLOW_FRAG_LATER : FLOW_FRAG_FIRST;
	f->frag_id = id;
}

/* Extension headers (RFC 8200 section 4; AH also behind IPv4).  Ends at the transport header or at
 * the fragment header of a later fragment. */
static int
step_extensions(struct decode *d, uint8_t next, bool six)
{
	for (; ++d->depth < DECODE_DEPTH; ) {
		const uint8_t *h;
		bool ah = next == NEXT_AH, known = next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING ||
		    next == NEXT_FRAGMENT || next == NEXT_DESTINATION || next == NEXT_MOBILITY || next == NEXT_HIP ||
		    next == NEXT_SHIM6;

		d->flow.proto = next;
		if ((d->flow.flags & FLOW_FRAG_LATER) != 0 || (!ah && !(six && known)))
			return step_transport(d);
		h = cursor_take(&d->c, 8);
		if (h == NULL)
			return decode_reject(decode_wire_left(d) < 8 ? REJECT_BAD_IP : REJECT_TRUNCATED);
		if (next == NEXT_FRAGMENT) {
			uint32_t offset = decode_be16(h + 2) & 0xfff8u;

			d->flow.digest = ((uint32_t)decode_be16(h + 4) << 16 | decode_be16(h + 6)) + offset;
			fragment(&d->flow, (uint32_t)decode_be16(h + 4) << 16 | decode_be16(h + 6), offset != 0, (h[3] & 1) != 0);
		} else {
			size_t rest = ah ? ((size_t)h[1] + 2) * 4 : ((size_t)h[1] + 1) * 8;

			rest = rest > 8 ? rest - 8 : 0;
			if (rest > decode_wire_left(d) && !d->loose)
				return decode_reject(REJECT_BAD_IP);
			cursor_skip(&d->c, rest);
			if (d->c.bad)
				return decode_reject(REJECT_TRUNCATED);
		}
		/* in mobility, HIP and shim6 headers nothing follows (next: 59) */
		next = h[0];
	}
	return decode_reject(REJECT_TOO_DEEP);
}

/* A tunnel's inner flow takes only the packet's time and input from the outer one. */
static struct flow *
new_flow(struct decode *d, size_t bytes)
{
	struct flow f = {.start_ns = d->flow.start_ns, .end_ns = d->flow.end_ns, .packets = 1, .bytes = bytes,
		.sampling = 1, .exporter = d->flow.exporter};

	d->flow = f;
	return &d->flow;
}

static int
step_ip4(struct decode *d)
{
	size_t wire = decode_wire_left(d), at = (size_t)(d->c.p - d->base), header, total;
	const uint8_t *h = cursor_take(&d->c, 20);
	unsigned int frag;
	struct flow *f;

	if (h == NULL)
		return decode_reject(wire < 20 && !d->loose ? REJECT_BAD_IP : REJECT_TRUNCATED);
	header = (size_t)(h[0] & 0x0f) * 4;
	total = decode_be16(h + 2);
	if (total == 0)
		total = wire; /* segmentation offload at the capturing host */
	if (h[0] >> 4 != 4 || header < 20 || total < header || (total > wire && !d->loose))
		return decode_reject(REJECT_BAD_IP);
	f = new_flow(d, total);
	f->src = addr_v4(h + 12);
	f->dst = addr_v4(h + 16);
	f->ttl = h[8];
	frag = decode_be16(h + 6);
	f->digest = (uint32_t)decode_be16(h + 4) << 16 | (frag & 0x3fff); /* until the bytes behind are known */
	fragment(f, decode_be16(h + 4), (frag & 0x1fff) != 0, (frag & 0x2000) != 0);
	fence(d, at, total);
	cursor_skip(&d->c, header - 20);
	if (d->c.bad)
		return decode_reject(REJECT_TRUNCATED);
	if (h[9] == NEXT_AH)
		return step_extensions(d, h[9], false);
	f->proto = h[9];
	return step_transport(d);
}

static int
step_ip6(struct decode *d)
{
	size_t wire = decode_wire_left(d), at = (size_t)(d->c.p - d->base), total;
	const uint8_t *h = cursor_take(&d->c, 40);
	struct flow *f;

	if (h == NULL)
		return decode_reject(wire < 40 && !d->loose ? REJECT_BAD_IP : REJECT_TRUNCATED);
	total = 40 + (size_t)decode_be16(h + 4);
	if (total == 40 && h[6] != NEXT_NONE)
		total = wire; /* a jumbogram (RFC 2675), or segmentation offload */
	if (h[0] >> 4 != 6 || total < 40 || (total > wire && !d->loose))
		return decode_reject(REJECT_BAD_IP);
	f = new_flow(d, total);
	f->flags = FLOW_IP6;
	f->src = addr_v6(h + 8);
	f->dst = addr_v6(h + 24);
	f->ttl = h[7];
	fence(d, at, total);
	return step_extensions(d, h[6], true);
}

static int
step_ip(struct decode *d)
{
	if (cursor_left(&d->c) == 0)
		return decode_reject(REJECT_TRUNCATED);
	switch (*d->c.p >> 4) {
	case 4: return STEP_IP4;
	case 6: return STEP_IP6;
	default: return decode_reject(REJECT_BAD_IP);
	}
}

/* --- the loop ----------------------------------------------------------------------------------- */

static int (*const steps[STEP_EMIT])(struct decode *) = {
	[STEP_ETHERNET] = decode_ethernet, [STEP_VLAN] = decode_vlan, [STEP_LLC] = decode_llc, [STEP_PBB] = decode_pbb,
	[STEP_MPLS] = decode_mpls, [STEP_PPPOE] = decode_pppoe, [STEP_PPP] = decode_ppp, [STEP_IP] = step_ip,
	[STEP_IP4] = step_ip4, [STEP_IP6] = step_ip6, [STEP_UDP] = step_udp, [STEP_TCP] = step_tcp,
	[STEP_PORTS] = step_ports, [STEP_GRE] = decode_gre, [STEP_ERSPAN2] = decode_erspan2,
	[STEP_ERSPAN3] = decode_erspan3,
};

void
decode_general(struct decode *d, const struct raw_packet *p, const uint8_t *data)
{
	int step;

	d->c = cursor_view(data, p->caplen);
	d->base = data;
	d->wire_end = p->wirelen > p->caplen ? p->wirelen : p->caplen;
	d->rejected = -1;
	d->flow = (struct flow){.start_ns = p->t_ns, .end_ns = p->t_ns, .exporter = p->input};
	step = decode_link_first(d, p->link);
	while (step >= 0 && step < STEP_EMIT) {
		if (d->depth >= DECODE_DEPTH)
			step = decode_reject(REJECT_TOO_DEEP);
		else
			step = steps[step](d);
		d->depth++;
	}
	if (step == STEP_EMIT)
		emit(d, &d->flow, NULL);
	if (step >= 0)
		return;
	if (d->has_outer)
		emit(d, &d->outer, NULL);
	if (!d->has_outer || step == decode_reject(REJECT_TOO_DEEP))
		d->rejected = -1 - step;
}
