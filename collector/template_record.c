/* Records: running a template's operations, and making flows of the numbers they found. */
#include <string.h>

#include "collector/template_inner.h"

enum { NS_PER_MS = 1000000, MTU = 1500, ETHERNET = 14 };
static const int64_t NS = 1000000000;
static const uint64_t NTP_1970_S = 2208988800; /* NTP counts from 1900 */

void
record_init(struct record *r, const struct template *t)
{
	static const struct addr none4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	memset(r->v, 0, sizeof(r->v));
	for (int i = 0; i < A_TARGETS; i += 2) {
		r->a[i] = none4;
		r->a[i + 1] = (struct addr){0};
	}
	r->has = t->has;
	r->addresses = t->addresses;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static inline uint64_t
be16(const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, sizeof(x));
	return __builtin_bswap16(x);
}

static inline uint64_t
be32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return __builtin_bswap32(x);
}

static inline uint64_t
be64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return __builtin_bswap64(x);
}

/* n is 0 to 8 */
static uint64_t
be_any(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x = x << 8 | p[i];
	return x;
}

/* Times behind 2116 are none: so sums with them stay within 64 bits. */
static uint64_t
scaled(uint64_t x, uint64_t ns)
{
	return x <= (uint64_t)INT64_MAX / 2 / ns ? x * ns : 0;
}

/* RFC 7011 6.1.9: of microseconds the lower 11 bits of the fraction mean nothing. */
static uint64_t
ntp_ns(const uint8_t *p, uint64_t fraction_mask)
{
	uint64_t x = be64(p), s = x >> 32, fraction = x & fraction_mask;

	if (x == 0)
		return 0;
	/* the second era begins in 2036 (RFC 5905 6) */
	if (s < NTP_1970_S)
		s += (uint64_t)1 << 32;
	return (s - NTP_1970_S) * (uint64_t)NS + (fraction * (uint64_t)NS >> 32);
}

/* The length in front of a variable field (RFC 7011 7), and the field. */
static const uint8_t *
variable(struct cursor *c, size_t *n)
{
	*n = cursor_u8(c);
	if (*n == 255)
		*n = cursor_u16(c);
	return cursor_take(c, *n);
}

static void
run(struct record *r, const struct op *op, const uint8_t *p)
{
	switch (op->code) {
	case OP_U8: r->v[op->target] = *p; break;
	case OP_U16: r->v[op->target] = be16(p); break;
	case OP_U32: r->v[op->target] = be32(p); break;
	case OP_U64: r->v[op->target] = be64(p); break;
	case OP_UINT: r->v[op->target] = be_any(p, op->n); break;
	case OP_S: r->v[op->target] = scaled(be_any(p, op->n), (uint64_t)NS); break;
	case OP_MS: r->v[op->target] = scaled(op->n == 8 ? be64(p) : be_any(p, op->n), NS_PER_MS); break;
	case OP_NTP_US: r->v[op->target] = ntp_ns(p, 0xfffff800); break;
	case OP_NTP_NS: r->v[op->target] = ntp_ns(p, 0xffffffff); break;
	case OP_V4: memcpy(r->a[op->target].b + 12, p, 4); break;
	case OP_V6: memcpy(r->a[op->target].b, p, 16); break;
	default: break;
	}
}

static bool
read_variable(struct record *r, const struct template *t, struct cursor *c)
{
	const uint8_t *p = NULL, *field;
	size_t n;

	for (uint16_t i = 0; i < t->ops_n && !c->bad; i++) {
		const struct op *op = &t->op[i];

		switch (op->code) {
		case OP_SEGMENT:
			p = cursor_take(c, op->n);
			break;
		case OP_VARIABLE:
			variable(c, &n);
			break;
		case OP_VARIABLE_UINT:
			field = variable(c, &n);
			r->v[op->target] = field != NULL && n <= 8 ? be_any(field, n) : 0;
			break;
		default:
			run(r, op, p + op->at);
		}
	}
	return !c->bad;
}

bool
record_read(struct record *r, const struct template *t, struct cursor *c)
{
	const uint8_t *p;

	if (!t->fixed)
		return read_variable(r, t, c);
	p = cursor_take(c, t->length);
	if (p == NULL)
		return false;
	for (const struct op *op = t->op, *end = op + t->ops_n; op < end; op++)
		run(r, op, p + op->at);
	return true;
}

/* --- counts ----------------------------------------------------------------------------------------- */

struct counts {
	uint64_t octets, packets;
};

/* Some split what exceeds a counter and leave the other at zero; some count no packets at all.  A record that
 * carried bytes had as many packets as those need at least. */
static struct counts
completed(struct counts c, bool has_packets)
{
	if (c.packets == 0 && c.octets > 0)
		c.packets = has_packets ? 1 : c.octets / MTU + (c.octets % MTU != 0);
	return c;
}

/* The first of delta, total, initiator's and post counts that says anything: those that follow count the same
 * packets again, elsewhere. */
static struct counts
forward_counts(const struct record *r)
{
	static const uint8_t kinds[][2] = {
		{E_OCTETS, E_PACKETS}, {E_OCTETS_TOTAL, E_PACKETS_TOTAL}, {E_OCTETS_FIRST, E_PACKETS_FIRST},
		{E_OCTETS_POST, E_PACKETS_POST},
	};
	struct counts c = {0, 0};
	bool has_packets = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (c.octets == 0)
			c.octets = r->v[kinds[i][0]];
		if (c.packets == 0)
			c.packets = r->v[kinds[i][1]];
		has_packets = has_packets || (r->has & BIT(kinds[i][1])) != 0;
		if (c.octets > 0 && c.packets > 0)
			return c;
	}
	if (c.octets == 0 && r->v[E_OCTETS_L2] / ETHERNET > c.packets)
		c.octets = r->v[E_OCTETS_L2] - c.packets * ETHERNET;
	return completed(c, has_packets);
}

static struct counts
reverse_counts(const struct record *r)
{
	struct counts c = {r->v[E_OCTETS_REVERSE], r->v[E_PACKETS_REVERSE]};

	return completed(c, (r->has & BIT(E_PACKETS_REVERSE)) != 0);
}

/* --- flows ------------------------------------------------------------------------------------------ */

static inline uint64_t
times_n(uint64_t x, uint32_t n)
{
	return n <= 1 ? x : x <= UINT64_MAX / n ? x * n : UINT64_MAX;
}

static bool
nothing(const struct addr *a)
{
	static const struct addr none;

	return memcmp(a->b, none.b, 16) == 0;
}

static bool
nothing4(const struct addr *a)
{
	return a->b[12] == 0 && a->b[13] == 0 && a->b[14] == 0 && a->b[15] == 0;
}

/* Of a pair of address fields the one that is filled; the IPv4 one (at `i`) when neither is. */
static const struct addr *
pick(const struct record *r, unsigned int i)
{
	if ((r->addresses >> i & 2u) != 0 && ((r->addresses >> i & 1u) == 0 || nothing4(&r->a[i])) &&
	    ((r->addresses >> i & 1u) == 0 || !nothing(&r->a[i + 1])))
		return &r->a[i + 1];
	return &r->a[i];
}

static bool
unspecified(const struct addr *a)
{
	return nothing4(a) && (addr_is_v4(a) || nothing(a));
}

/* A side that the record does not name gets the family of the other. */
static void
one_family(struct flow *f)
{
	f->flags |= FLOW_IP6;
	if (unspecified(&f->src))
		f->src = (struct addr){0};
	if (unspecified(&f->dst))
		f->dst = (struct addr){0};
}

static bool
has_ports(uint8_t proto)
{
	/* TCP, UDP, DCCP, SCTP, UDP-Lite */
	return proto == FLOW_TCP || proto == FLOW_UDP || proto == 33 || proto == 132 || proto == 136;
}

static uint16_t
port(const struct record *r, unsigned int any, unsigned int udp, unsigned int tcp)
{
	if ((r->has & BIT(any)) != 0)
		return (uint16_t)r->v[any];
	return (uint16_t)(r->v[E_PROTO] == FLOW_TCP ? r->v[tcp] : r->v[udp]);
}

/* What the record says of fragments by itself; a first fragment says it only with the More Fragments bit. */
static void
fragments(const struct record *r, struct flow *f)
{
	if ((r->v[E_FRAG_OFFSET] & 0x1fff) != 0)
		f->flags |= FLOW_FRAG_LATER;
	else if ((r->has & BIT(E_FRAG_OFFSET)) != 0 && (r->v[E_FRAG_FLAGS] & 0x20) != 0)
		f->flags |= FLOW_FRAG_FIRST;
	if ((f->flags & (FLOW_FRAG_LATER | FLOW_FRAG_FIRST)) != 0)
		f->frag_id = (uint32_t)r->v[E_FRAG_ID];
}

static void
fill_extra(const struct record *r, const struct message *m, struct flow_extra *x)
{
	const uint64_t *v = r->v;
	const struct addr *hop = pick(r, A_HOP4), *exporter = pick(r, A_EXPORTER4);
	bool icmp = v[E_PROTO] == FLOW_ICMP || v[E_PROTO] == FLOW_ICMP6;
	uint64_t type_code = v[E_ICMP];

	/* old practice: type and code in the destination port */
	if (icmp && (r->has & (BIT(E_ICMP) | BIT(E_ICMP_TYPE))) == 0)
		type_code = v[E_DPORT];
	*x = (struct flow_extra){
		.exporter = m->row->key.addr,
		.flows = v[E_FLOWS] > 0 ? v[E_FLOWS] : 1,
		.export_ns = m->export_ns,
		.uptime_ms = m->uptime_ms,
		.first_ms = (uint32_t)v[E_START_UP],
		.last_ms = (uint32_t)v[E_END_UP],
		.domain = m->row->key.domain,
		.in_if = (uint32_t)v[E_IN_IF],
		.out_if = (uint32_t)v[E_OUT_IF],
		.src_as = (uint32_t)v[E_SRC_AS],
		.dst_as = (uint32_t)v[E_DST_AS],
		.src_vlan = (uint16_t)v[E_SRC_VLAN],
		.dst_vlan = (uint16_t)v[E_DST_VLAN],
		.version = m->row->key.version,
		.src_mask = (uint8_t)v[E_SRC_MASK],
		.dst_mask = (uint8_t)v[E_DST_MASK],
		.tos = (uint8_t)((r->has & BIT(E_TOS)) != 0 ? v[E_TOS] : v[E_DSCP] << 2),
		.direction = (uint8_t)v[E_DIRECTION],
		.icmp_type = (uint8_t)((r->has & BIT(E_ICMP_TYPE)) != 0 ? v[E_ICMP_TYPE] : icmp ? type_code >> 8 : 0),
		.icmp_code = (uint8_t)((r->has & BIT(E_ICMP_TYPE)) != 0 ? v[E_ICMP_CODE] : icmp ? type_code : 0),
		.forwarding = (uint8_t)v[E_FORWARDING],
	};
	if ((r->addresses & (1u << A_HOP4 | 1u << A_HOP6)) != 0 && !unspecified(hop))
		x->next_hop = *hop;
	if ((r->addresses & (1u << A_EXPORTER4 | 1u << A_EXPORTER6)) != 0 && !unspecified(exporter))
		x->exporter = *exporter;
}

static void
turn_around(const struct record *r, struct flow *f, struct flow_extra *x)
{
	struct addr a = f->src;
	uint16_t p = f->sport;
	struct flow_extra was;

	f->src = f->dst;
	f->dst = a;
	f->sport = f->dport;
	f->dport = p;
	f->tcp_flags = (uint8_t)(r->v[E_TCP_FLAGS_REVERSE] | r->v[E_TCP_FIRST_REVERSE]);
	if (x == NULL)
		return;
	was = *x;
	x->reverse = 1;
	x->next_hop = (struct addr){0}; /* that was the way there */
	x->in_if = was.out_if;
	x->out_if = was.in_if;
	x->src_as = was.dst_as;
	x->dst_as = was.src_as;
	x->src_mask = was.dst_mask;
	x->dst_mask = was.src_mask;
	x->src_vlan = was.dst_vlan != 0 ? was.dst_vlan : was.src_vlan;
	x->dst_vlan = was.dst_vlan != 0 ? was.src_vlan : 0;
	x->tos = (uint8_t)r->v[E_TOS_REVERSE];
}

/* samplingProbability's bits; 0: it was not said. */
static uint64_t
probability(const struct record *r)
{
	return (r->has & BIT(E_SAMPLE_POPULATION)) == 0 ? r->v[E_SAMPLE_SIZE] : 0;
}

/* Puts one direction into the batch. */
static void
append(const struct record *r, struct message *m, const struct flow *flow, struct counts c, bool reverse)
{
	struct flow *f = flow_batch_room(m->out);
	struct flow_extra *x = m->out->extra != NULL && f != NULL ? &m->out->extra[m->out->n] : NULL;

	if (f == NULL) {
		m->row->count[EXPORTER_NO_ROOM]++;
		return;
	}
	*f = *flow;
	if (probability(r) == 0) {
		f->packets = times_n(c.packets, f->sampling);
		f->bytes = times_n(c.octets, f->sampling);
	} else { /* of an archive: scaled when it was written */
		f->packets = c.packets;
		f->bytes = c.octets;
	}
	flow_record_fragment(f);
	if (x != NULL)
		fill_extra(r, m, x);
	if (reverse)
		turn_around(r, f, x);
	m->out->n++;
	m->appended++;
	m->row->count[EXPORTER_RECORDS]++;
}

static void
append_reverse(const struct record *r, struct message *m, struct flow *f, struct counts c, int64_t start, int64_t end)
{
	if (r->v[E_START_REVERSE] != 0)
		start = (int64_t)r->v[E_START_REVERSE];
	else if (end >= start && r->v[E_DELAY_REVERSE] <= (uint64_t)((end - start) / NS_PER_MS))
		start += (int64_t)r->v[E_DELAY_REVERSE] * NS_PER_MS;
	if (r->v[E_END_REVERSE] != 0)
		end = (int64_t)r->v[E_END_REVERSE];
	f->start_ns = start;
	f->end_ns = end;
	exporter_times(m->row, &f->start_ns, &f->end_ns, f->seen_ns);
	append(r, m, f, c, true);
}

/* 1 / p, of a float of four or eight bytes (IEEE 754); 1 for what is no probability. */
static uint32_t
rate_of(uint64_t bits)
{
	double p;

	if (bits <= UINT32_MAX) {
		uint32_t half = (uint32_t)bits;
		float f;

		memcpy(&f, &half, sizeof(f));
		p = (double)f;
	} else {
		memcpy(&p, &bits, sizeof(p));
	}
	return p > 1e-9 && p < 1 ? (uint32_t)(1 / p + 0.5) : 1;
}

static uint32_t
sampling_of(const struct record *r, struct message *m)
{
	static const uint64_t said = BIT(E_SAMPLING) | BIT(E_SAMPLER) | BIT(E_SAMPLE_INTERVAL) | BIT(E_SAMPLE_POPULATION);
	uint32_t n = 0;

	if (probability(r) != 0)
		return rate_of(probability(r));
	if ((r->has & said) != 0 && !m->row->sampling_fixed) {
		n = record_sampling(r, m->domain);
		if (n != 0 && (r->has & BIT(E_SAMPLER)) == 0 && n != m->row->sampling)
			exporter_sampling(m->row, n);
	}
	if (n == 0)
		n = m->row->sampling;
	return n > 0 ? n : 1;
}

void
record_flows(const struct record *r, struct message *m)
{
	const uint64_t *v = r->v;
	const struct addr *src = pick(r, A_SRC4), *dst = pick(r, A_DST4);
	struct counts there = {v[E_OCTETS], v[E_PACKETS]}, back = reverse_counts(r);
	struct flow f;
	int64_t start, end;

	if (there.octets == 0 || there.packets == 0)
		there = forward_counts(r);
	if (there.packets + back.packets == 0 || (unspecified(src) && unspecified(dst))) {
		m->row->count[EXPORTER_IGNORED]++;
		return;
	}
	record_times(r, m, &start, &end);
	f = (struct flow){
		.start_ns = start,
		.end_ns = end,
		.seen_ns = v[E_COLLECTED] != 0 ? (int64_t)v[E_COLLECTED] : m->seen_ns,
		.src = *src,
		.dst = *dst,
		.sampling = sampling_of(r, m),
		.exporter = m->row->index,
		.proto = (uint8_t)v[E_PROTO],
		.flags = FLOW_RECORD,
	};
	f.tcp_flags = (uint8_t)(v[E_TCP_FLAGS] | v[E_TCP_FIRST] | v[E_TCP_REST]);
	if (!addr_is_v4(src) || !addr_is_v4(dst))
		one_family(&f);
	if (has_ports(f.proto)) {
		f.sport = port(r, E_SPORT, E_SPORT_UDP, E_SPORT_TCP);
		f.dport = port(r, E_DPORT, E_DPORT_UDP, E_DPORT_TCP);
	}
	if ((r->has & (BIT(E_FRAG_OFFSET) | BIT(E_FRAG_FLAGS))) != 0)
		fragments(r, &f);
	exporter_times(m->row, &f.start_ns, &f.end_ns, f.seen_ns);
	if (there.packets > 0)
		append(r, m, &f, there, false);
	if (back.packets > 0)
		append_reverse(r, m, &f, back, start, end);
}
