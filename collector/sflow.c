/* sFlow v5 datagrams (sflow.org/sflow_version_5.txt).
 *
 * A flow sample is one packet out of `rate`: its first bytes go through the packet decoder, so it is a flow as
 * a captured packet is one, DNS view and all, only counted `rate` times.  The time of a sample is the
 * time of its datagram: sFlow has no other, and agents hold samples back for a second at most.
 * Everything is a length and bytes of that length, so what is not known is passed over.
 */
#include "collector/sflow.h"

#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "collector/decode.h"

enum sample_format { SAMPLE_FLOW = 1, SAMPLE_COUNTERS = 2, SAMPLE_FLOW_EXPANDED = 3, SAMPLE_COUNTERS_EXPANDED = 4 };

enum record_format {
	RECORD_HEADER = 1, RECORD_ETHERNET = 2, RECORD_IP4 = 3, RECORD_IP6 = 4,
	RECORD_SWITCH = 1001, RECORD_ROUTER = 1002, RECORD_GATEWAY = 1003,
	COUNTERS_INTERFACE = 1,
};

enum {
	RESET_GAP = 1000,
	FRAME_MAX = 262144,        /* no frame is longer, offloaded or not: libpcap's limit too */
	MESSAGE_MIN = 14,          /* of DNS over TCP: what one more flow takes of a header's bytes */
	IF_UNKNOWN = 0x3fffffff,
	FORWARDING_DROPPED = 0x80, /* RFC 7270, status dropped, reason unknown */
};

/* One datagram. */
struct reading {
	struct sflow *tables;
	struct exporter *row;
	const struct export_from *from;
	struct flow_batch *out;
	struct addr agent;
	uint32_t uptime_ms;
};

/* One flow sample: what its records said, until all are read. */
struct sample {
	uint64_t source;     /* class << 32 | index */
	uint32_t sequence, rate, drops;
	struct cursor header; /* the packet's first bytes */
	uint32_t wirelen;
	uint16_t link;
	bool has_header, has_plain;
	struct flow plain;   /* from a sampled IPv4 or IPv6 record */
	uint8_t plain_tos;
	struct flow_extra extra;
};

/* An address with its type in front: 1 IPv4, 2 IPv6, 0 unknown (and no bytes).  All zeros: none. */
static struct addr
read_address(struct cursor *c)
{
	struct addr a = {{0}};
	const uint8_t *p;

	switch (cursor_u32(c)) {
	case 0:
		break;
	case 1:
		p = cursor_take(c, 4);
		/* 0.0.0.0 is no address either */
		if (p != NULL && (p[0] | p[1] | p[2] | p[3]) != 0)
			a = addr_v4(p);
		break;
	case 2:
		p = cursor_take(c, 16);
		if (p != NULL)
			a = addr_v6(p);
		break;
	default:
		c->bad = true;
	}
	return a;
}

static bool
no_address(const struct addr *a)
{
	static const struct addr none;

	return addr_equal(a, &none);
}

/* --- flow records ------------------------------------------------------------------------------- */

static bool
link_of_header(uint32_t protocol, uint16_t *link)
{
	switch (protocol) {
	case 1: *link = LINK_ETHERNET; return true;
	case 7: *link = LINK_PPP; return true;
	case 11: *link = LINK_IPV4; return true;
	case 12: *link = LINK_IPV6; return true;
	case 13: *link = LINK_MPLS; return true;
	case 14: *link = LINK_PPP_HDLC; return true;
	default: return false; /* token ring, FDDI, frame relay, ATM, 802.11 */
	}
}

static void
read_header(struct sample *s, struct cursor *c)
{
	uint32_t protocol = cursor_u32(c), frame = cursor_u32(c), stripped = cursor_u32(c), n = cursor_u32(c);
	struct cursor bytes = cursor_sub(c, n);

	if (c->bad)
		return;
	if (frame > FRAME_MAX) {
		c->bad = true;
		return;
	}
	if (!link_of_header(protocol, &s->link))
		return;
	s->header = bytes;
	/* stripped is the FCS and tags that the header does not hold either */
	s->wirelen = stripped < frame && frame - stripped > n ? frame - stripped : n;
	s->has_header = true;
}

static void
read_ip(struct sample *s, struct cursor *c, bool six)
{
	size_t size = six ? 16 : 4;
	uint32_t bytes = cursor_u32(c), proto = cursor_u32(c);
	const uint8_t *src = cursor_take(c, size), *dst = cursor_take(c, size);
	uint32_t sport = cursor_u32(c), dport = cursor_u32(c), tcp_flags = cursor_u32(c);

	if (c->bad)
		return;
	if (bytes > FRAME_MAX || proto > UINT8_MAX || sport > UINT16_MAX || dport > UINT16_MAX) {
		c->bad = true;
		return;
	}
	/* none of its payload is known: it counts as a cut packet */
	s->plain = (struct flow){.src = six ? addr_v6(src) : addr_v4(src), .dst = six ? addr_v6(dst) : addr_v4(dst),
		.packets = 1, .bytes = bytes, .sport = (uint16_t)sport, .dport = (uint16_t)dport, .proto = (uint8_t)proto,
		.tcp_flags = (uint8_t)tcp_flags, .flags = (uint8_t)((six ? FLOW_IP6 : 0) | FLOW_CUT)};
	if (proto != FLOW_TCP)
		s->plain.tcp_flags = 0;
	s->plain_tos = (uint8_t)cursor_u32(c);
	s->has_plain = !c->bad;
}

static void
read_switch(struct flow_extra *e, struct cursor *c)
{
	uint32_t src = cursor_u32(c), dst;

	cursor_skip(c, 4);
	dst = cursor_u32(c);
	if (c->bad)
		return;
	e->src_vlan = src < 4096 ? (uint16_t)src : 0;
	e->dst_vlan = dst < 4096 ? (uint16_t)dst : 0;
}

static void
read_router(struct flow_extra *e, struct cursor *c)
{
	struct addr hop = read_address(c);
	uint32_t src = cursor_u32(c), dst = cursor_u32(c);

	if (c->bad)
		return;
	e->next_hop = hop;
	e->src_mask = src <= 128 ? (uint8_t)src : 0;
	e->dst_mask = dst <= 128 ? (uint8_t)dst : 0;
}

/* The path's last AS is the destination's; a path without one is a route of the router's own AS. */
static void
read_gateway(struct flow_extra *e, struct cursor *c)
{
	struct addr hop = read_address(c);
	uint32_t own = cursor_u32(c), src = cursor_u32(c), last = 0, segments;

	cursor_skip(c, 4); /* the peer the packet came from */
	segments = cursor_u32(c);
	for (; segments > 0 && !c->bad; segments--) {
		uint32_t n;

		cursor_skip(c, 4); /* a set or a sequence */
		n = cursor_u32(c);
		if (n == 0 || n > cursor_left(c) / 4) {
			c->bad |= n != 0;
			continue;
		}
		cursor_skip(c, ((size_t)n - 1) * 4);
		last = cursor_u32(c);
	}
	if (c->bad)
		return;
	if (no_address(&e->next_hop))
		e->next_hop = hop;
	e->src_as = src != 0 ? src : own;
	e->dst_as = last != 0 ? last : own;
}

static void
read_record(struct reading *r, struct sample *s, uint32_t format, struct cursor *c)
{
	switch (format) {
	case RECORD_HEADER: read_header(s, c); break;
	case RECORD_IP4: read_ip(s, c, false); break;
	case RECORD_IP6: read_ip(s, c, true); break;
	case RECORD_SWITCH: read_switch(&s->extra, c); break;
	case RECORD_ROUTER: read_router(&s->extra, c); break;
	case RECORD_GATEWAY: read_gateway(&s->extra, c); break;
	default: return; /* an Ethernet record has no addresses, all others are somebody's own */
	}
	if (c->bad)
		r->row->count[EXPORTER_CORRUPT]++;
}

/* --- flow samples ------------------------------------------------------------------------------- */

/* The sample's packet as flows behind out->n; false when it is none or found no room. */
static bool
decode_sampled(struct reading *r, struct sample *s)
{
	size_t have = cursor_left(&s->header), n = r->out->n;
	struct raw_packet p = {.t_ns = r->from->seen_ns, .caplen = (uint32_t)have, .wirelen = s->wirelen, .link = s->link};
	/* exporters disagree on what a frame's length counts, so only the IP header's word is taken */
	struct decode d = {.out = r->out, .loose = true};

	if (flow_batch_reserve(r->out, have / MESSAGE_MIN + 2) < 0) {
		r->row->count[EXPORTER_NO_ROOM]++;
		return true;
	}
	decode_general(&d, &p, s->header.p);
	return r->out->n > n;
}

static void
deliver_plain(struct reading *r, const struct sample *s)
{
	struct flow *f = flow_batch_room(r->out);

	if (f == NULL) {
		r->row->count[EXPORTER_NO_ROOM]++;
		return;
	}
	*f = s->plain;
	f->start_ns = f->end_ns = r->from->seen_ns;
	r->out->n++;
}

/* One sample stands for `rate` packets; what is the exporter's and not the packet's is filled in here. */
static void
finish(struct reading *r, const struct sample *s, size_t first, uint8_t tos)
{
	for (size_t i = first; i < r->out->n; i++) {
		struct flow *f = &r->out->flow[i];

		f->packets *= s->rate;
		f->bytes *= s->rate;
		f->sampling = s->rate;
		f->seen_ns = r->from->seen_ns;
		f->exporter = r->row->index;
		if (r->out->extra == NULL)
			continue;
		r->out->extra[i] = s->extra;
		r->out->extra[i].tos = tos;
		r->out->extra[i].flows = f->packets > 0;
	}
	r->row->count[EXPORTER_RECORDS] += r->out->n - first;
}

/* What the source says of itself: its rate, and how many samples it lost before they were sent. */
static void
learn_source(struct reading *r, struct sample *s)
{
	struct exporter *row = r->row;
	bool known, later;
	struct sflow_source *source = sflow_source(r->tables, row->index, s->source, &known);

	/* not exporter_sampling: interfaces that differ would each look like a change */
	if (!row->sampling_fixed) {
		if (source != NULL && known && source->rate != s->rate)
			row->count[EXPORTER_SAMPLING_CHANGED]++;
		row->sampling = s->rate;
	}
	if (source == NULL)
		return;
	later = !known || (int32_t)(s->sequence - source->sequence) > 0 || source->sequence - s->sequence >= RESET_GAP;
	if (known && later && s->drops - source->drops <= INT32_MAX)
		row->count[EXPORTER_DROPPED] += s->drops - source->drops;
	if (later) {
		source->sequence = s->sequence;
		source->drops = s->drops;
	}
	source->rate = s->rate;
}

/* Format 0 is an ifIndex, 1 the reason a packet was not forwarded, 2 a number of output ports. */
static uint32_t
interface_of(struct cursor *c, bool expanded, uint32_t *format)
{
	uint32_t value = cursor_u32(c);

	*format = value >> 30;
	if (expanded) {
		*format = value;
		value = cursor_u32(c);
	}
	return *format == 0 && value != UINT32_MAX && (value & IF_UNKNOWN) != IF_UNKNOWN ? value : 0;
}

static uint64_t
source_of(struct cursor *c, bool expanded)
{
	uint32_t id = cursor_u32(c);

	if (expanded)
		return (uint64_t)id << 32 | cursor_u32(c);
	return (uint64_t)(id >> 24) << 32 | (id & 0xffffff);
}

static void
read_sample_head(struct reading *r, struct sample *s, struct cursor *c, bool expanded)
{
	struct flow_extra *e = &s->extra;
	uint32_t in_format, out_format;

	s->sequence = cursor_u32(c);
	s->source = source_of(c, expanded);
	s->rate = cursor_u32(c);
	cursor_skip(c, 4); /* the pool: packets that could have been sampled */
	s->drops = cursor_u32(c);
	e->in_if = interface_of(c, expanded, &in_format);
	e->out_if = interface_of(c, expanded, &out_format);
	e->forwarding = out_format == 1 ? FORWARDING_DROPPED : 0;
	/* a source that is the packet's output, and not its input, sampled on the way out */
	e->direction = s->source == e->out_if && e->out_if != 0 && e->in_if != e->out_if;
	e->exporter = r->agent;
	e->uptime_ms = r->uptime_ms;
	e->domain = r->row->key.domain;
	e->version = EXPORT_SFLOW;
	if (s->rate == 0)
		s->rate = 1;
}

static void
read_flow_sample(struct reading *r, struct cursor *c, bool expanded)
{
	struct sample s = {0};
	size_t first = r->out->n;
	uint32_t records;
	bool plain = false;

	read_sample_head(r, &s, c, expanded);
	records = cursor_u32(c);
	if (c->bad) {
		r->row->count[EXPORTER_CORRUPT]++;
		return;
	}
	learn_source(r, &s);
	if (r->row->sampling_fixed)
		s.rate = r->row->sampling > 0 ? r->row->sampling : 1;
	for (; records > 0; records--) {
		uint32_t format = cursor_u32(c), n = cursor_u32(c);
		struct cursor record = cursor_sub(c, n);

		if (c->bad) {
			r->row->count[EXPORTER_CORRUPT]++;
			break;
		}
		read_record(r, &s, format, &record);
	}
	if (!s.has_header || !decode_sampled(r, &s)) {
		plain = s.has_plain;
		if (plain)
			deliver_plain(r, &s);
		else
			r->row->count[EXPORTER_IGNORED]++;
	}
	finish(r, &s, first, plain ? s.plain_tos : 0);
}

/* --- counters ----------------------------------------------------------------------------------- */

/* A counter of 32 bits wraps; one that the agent does not have is all ones. */
static uint64_t
delta32(uint32_t now, uint32_t before)
{
	return now == UINT32_MAX || before == UINT32_MAX ? 0 : now - before;
}

/* Some agents fill a 64-bit counter from a 32-bit one, which then wraps as that. */
static uint64_t
delta64(uint64_t now, uint64_t before)
{
	if (now == UINT64_MAX || before == UINT64_MAX)
		return 0;
	return now < before && before <= UINT32_MAX ? (uint32_t)(now - before) : now - before;
}

struct counters {
	uint64_t octets[2];  /* in, out */
	uint32_t packets[6]; /* in: unicast, multicast, broadcast; out: the same */
	uint32_t faults[4];  /* in: discards, errors; out: the same */
};

static void
add_counters(struct sflow_interface *i, const struct counters *now)
{
	struct sflow_traffic *d = &i->delta;

	*d = (struct sflow_traffic){delta64(now->octets[0], i->raw_octets[0]), delta64(now->octets[1], i->raw_octets[1]), 0, 0};
	for (size_t k = 0; k < 3; k++) {
		d->in_packets += delta32(now->packets[k], i->raw_packets[k]);
		d->out_packets += delta32(now->packets[k + 3], i->raw_packets[k + 3]);
	}
	i->total.in_octets += d->in_octets;
	i->total.out_octets += d->out_octets;
	i->total.in_packets += d->in_packets;
	i->total.out_packets += d->out_packets;
	i->in_discards += delta32(now->faults[0], i->raw_faults[0]);
	i->in_errors += delta32(now->faults[1], i->raw_faults[1]);
	i->out_discards += delta32(now->faults[2], i->raw_faults[2]);
	i->out_errors += delta32(now->faults[3], i->raw_faults[3]);
}

/* Whether the counters began anew: the agent's uptime went back, or a counter of 64 bits did. */
static bool
restarted(const struct reading *r, const struct sflow_interface *i, const struct counters *now)
{
	/* an uptime of 32 bits of milliseconds goes back by itself after 49 days, to nearly nothing from nearly all */
	if (r->uptime_ms < i->uptime_ms && i->uptime_ms - r->uptime_ms < UINT32_MAX / 2)
		return true;
	for (size_t k = 0; k < 2; k++)
		if (now->octets[k] < i->raw_octets[k] && i->raw_octets[k] > UINT32_MAX && i->raw_octets[k] != UINT64_MAX)
			return true;
	return false;
}

static void
keep_counters(struct reading *r, struct sflow_interface *i, bool known, const struct counters *now)
{
	int64_t seen = r->from->seen_ns;

	if (!known)
		i->first_ns = seen;
	i->delta_ns = 0;
	i->delta = (struct sflow_traffic){0};
	if (known && restarted(r, i, now)) {
		i->restarts++;
	} else if (known && seen > i->last_ns) {
		i->delta_ns = seen - i->last_ns;
		add_counters(i, now);
	} else if (known) {
		add_counters(i, now); /* two at once: nothing to divide by, but bytes all the same */
	}
	memcpy(i->raw_octets, now->octets, sizeof(now->octets));
	memcpy(i->raw_packets, now->packets, sizeof(now->packets));
	memcpy(i->raw_faults, now->faults, sizeof(now->faults));
	i->uptime_ms = r->uptime_ms;
	i->last_ns = seen;
	i->samples++;
}

/* if_counters of the specification, after RFC 2233's ifTable */
static void
read_interface(struct reading *r, struct cursor *c)
{
	uint32_t if_index = cursor_u32(c), type = cursor_u32(c);
	uint64_t speed = cursor_u64(c);
	uint32_t direction = cursor_u32(c), status = cursor_u32(c);
	struct counters now;
	struct sflow_interface *i;
	bool known;

	for (size_t k = 0; k < 2; k++) {
		now.octets[k] = cursor_u64(c);
		for (size_t m = 0; m < 3; m++)
			now.packets[k * 3 + m] = cursor_u32(c);
		now.faults[k * 2] = cursor_u32(c);
		now.faults[k * 2 + 1] = cursor_u32(c);
		if (k == 0)
			cursor_skip(c, 4); /* unknown protocols */
	}
	if (c->bad) {
		r->row->count[EXPORTER_CORRUPT]++;
		return;
	}
	i = sflow_interface(r->tables, r->row->index, if_index, &known);
	if (i == NULL)
		return;
	i->if_type = type;
	i->speed_bps = speed;
	i->full_duplex = direction == 1;
	i->up = (status & 2) != 0; /* bit 0: wanted up, bit 1: is up */
	keep_counters(r, i, known, &now);
}

static void
read_counter_sample(struct reading *r, struct cursor *c, bool expanded)
{
	uint32_t records;

	cursor_skip(c, 4);
	(void)source_of(c, expanded);
	records = cursor_u32(c);
	for (; records > 0 && !c->bad; records--) {
		uint32_t format = cursor_u32(c), n = cursor_u32(c);
		struct cursor record = cursor_sub(c, n);

		if (!c->bad && format == COUNTERS_INTERFACE)
			read_interface(r, &record);
	}
	if (c->bad)
		r->row->count[EXPORTER_CORRUPT]++;
	r->row->count[EXPORTER_COUNTERS]++;
}

/* --- datagrams ---------------------------------------------------------------------------------- */

static void
read_samples(struct reading *r, struct cursor *c, uint32_t samples)
{
	for (; samples > 0; samples--) {
		uint32_t format = cursor_u32(c), n = cursor_u32(c);
		struct cursor sample = cursor_sub(c, n);

		if (c->bad) {
			r->row->count[EXPORTER_CORRUPT]++;
			return;
		}
		switch (format) { /* enterprise << 12 | format; the standard's own enterprise is 0 */
		case SAMPLE_FLOW: read_flow_sample(r, &sample, false); break;
		case SAMPLE_FLOW_EXPANDED: read_flow_sample(r, &sample, true); break;
		case SAMPLE_COUNTERS: read_counter_sample(r, &sample, false); break;
		case SAMPLE_COUNTERS_EXPANDED: read_counter_sample(r, &sample, true); break;
		default: r->row->count[EXPORTER_IGNORED]++; break;
		}
	}
}

int
sflow_decode(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out)
{
	struct reading r = {.tables = export_sflow(x), .from = from, .out = out};
	struct cursor c = cursor_view(p, n);
	struct exporter_key key = {.version = EXPORT_SFLOW};
	uint32_t sequence, samples;
	size_t first = out->n;

	cursor_skip(&c, 4);
	key.addr = read_address(&c);
	key.domain = cursor_u32(&c);
	sequence = cursor_u32(&c);
	r.uptime_ms = cursor_u32(&c);
	samples = cursor_u32(&c);
	if (c.bad || no_address(&key.addr))
		key.addr = from->addr;
	if (c.bad)
		key.domain = 0;
	r.agent = key.addr;
	r.row = exporters_get(export_exporters(x), &key);
	r.row->count[EXPORTER_DATAGRAMS]++;
	r.row->count[EXPORTER_BYTES] += n;
	exporter_clock(r.row, 0, from->seen_ns);
	if (c.bad) {
		r.row->count[EXPORTER_CORRUPT]++;
		return 0;
	}
	exporter_sequence(r.row, sequence, 1, RESET_GAP);
	read_samples(&r, &c, samples);
	return (int)(out->n - first);
}
