/* The packet decoder's fast way.
 *
 * Most packets are Ethernet, an IP header without options, and TCP or UDP: those are read here, by hand
 * and with one bounds test each.  Whatever is declined, for any reason, goes the general way; both give
 * the same flow, which tests/fuzz/fuzz_packet.c holds them to.
 */
#include "collector/decode.h"

/* TCP and UDP headers and the DNS view; false: something is unusual.  The caller has checked that
 * `have` >= 8; `wire` is what the IP header says follows it. */
static inline bool
fast_transport(struct flow *f, const uint8_t *h, size_t have, size_t wire, struct flow_batch *out)
{
	uint16_t sport = decode_be16(h), dport = decode_be16(h + 2);
	bool dns = sport == PORT_DNS || dport == PORT_DNS;
	size_t length;

	f->sport = sport;
	f->dport = dport;
	if (f->proto == FLOW_TCP) {
		if (dns || have < 20 || h[12] < 0x50 || (size_t)(h[12] >> 4) * 4 > wire)
			return false;
		f->tcp_flags = h[13];
		return true;
	}
	length = decode_be16(h + 4);
	if (length < 8 || length > wire || (!dns && decode_tunnel_port(sport, dport)))
		return false;
	if (dns) {
		struct dns_view *v = &out->dns[out->dns_n];

		length -= 8;
		have -= 8;
		if (dns_view_parse(v, h + 8, have < length ? have : length, length) != 0)
			return false;
		f->dns = v;
		out->dns_n++;
	}
	return true;
}

/* Ethernet, at most one VLAN tag, IPv4 without options or IPv6 without extensions, no fragment, TCP or
 * UDP.  The first test of each branch covers every byte read below it. */
static inline bool
fast_packet(const struct raw_packet *p, const uint8_t *data, struct flow_batch *out)
{
	size_t have = p->caplen, wire = p->wirelen, total, header;
	uint32_t id = 0;
	const uint8_t *h = data + 14;
	unsigned int type;
	struct flow *f = &out->flow[out->n];

	if (have < 46 || wire < have) /* 18 of Ethernet and VLAN, 20 of IPv4, 8 of UDP */
		return false;
	have -= 14;
	wire -= 14;
	type = decode_be16(data + 12);
	if (type == 0x8100) {
		type = decode_be16(data + 16);
		h += 4;
		have -= 4;
		wire -= 4;
	}
	*f = (struct flow){.start_ns = p->t_ns, .end_ns = p->t_ns, .packets = 1, .sampling = 1, .exporter = p->input};
	if (type == 0x0800) {
		total = decode_be16(h + 2);
		if (h[0] != 0x45 || total < 28 || total > wire || (decode_be16(h + 6) & 0x3fff) != 0)
			return false;
		header = 20;
		id = (uint32_t)decode_be16(h + 4) << 16;
		f->src = addr_v4(h + 12);
		f->dst = addr_v4(h + 16);
		f->proto = h[9];
		f->ttl = h[8];
	} else if (type == 0x86dd) {
		if (have < 48)
			return false;
		total = 40 + (size_t)decode_be16(h + 4);
		if (h[0] >> 4 != 6 || total < 48 || total > wire)
			return false;
		header = 40;
		f->src = addr_v6(h + 8);
		f->dst = addr_v6(h + 24);
		f->proto = h[6];
		f->ttl = h[7];
		f->flags = FLOW_IP6;
	} else {
		return false;
	}
	if (f->proto != FLOW_UDP && f->proto != FLOW_TCP)
		return false;
	f->bytes = total;
	if (have < total)
		f->flags |= FLOW_CUT;
	else
		have = total;
	f->digest = decode_digest(h + header, have - header, id);
	if (!fast_transport(f, h + header, have - header, total - header, out))
		return false;
	out->n++;
	return true;
}

enum { AHEAD = 8 };

size_t
packets_decode(const struct block *b, size_t first, size_t count, struct flow_batch *out, struct decode_stats *stats)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = first; i < first + count && out->n < out->cap && out->dns_n < out->dns_cap; i++) {
		const struct raw_packet *p = &b->packet[i];
		const uint8_t *data = b->data + p->offset;
		size_t n = out->n, dns_n = out->dns_n;

		/* another thread may have read the block: its headers wait in another core's cache */
		if (i + AHEAD < first + count) {
			__builtin_prefetch(b->data + p[AHEAD].offset);
			__builtin_prefetch(b->data + p[AHEAD].offset + 64);
		}
		if (p->link != LINK_ETHERNET || !fast_packet(p, data, out)) {
			struct decode d = {.out = out};

			decode_general(&d, p, data);
			if (d.full && n > 0) {
				/* the next batch takes this packet; an empty batch keeps what fits of it */
				out->n = n;
				out->dns_n = dns_n;
				break;
			}
			if (d.rejected >= 0)
				stats->rejected[d.rejected]++;
		}
		bytes += p->wirelen;
	}
	stats->packets += i - first;
	stats->bytes += bytes;
	return i - first;
}
