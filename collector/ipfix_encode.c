/* The templates are tables; a record is written by straight code in the same order, as it is done for every flow.  A
 * record's length follows from its template, and a test holds the two together. */
#include "collector/ipfix_encode.h"

#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"

enum {
	VERSION = 10,
	TEMPLATE_SET = 2,
	FIRST_ID = 256,
	/* who has an element: bits of a variant, and of a set */
	FLOW4 = 1 << 0, FLOW6 = 1 << 1, FROM4 = 1 << 2, FROM6 = 1 << 3, FULL = 1 << 4,
	VARIANTS = 4,
	FRAGMENT_MORE = 0x20, /* bit 2 of fragmentFlags (element 197) */
};

struct field {
	uint16_t id, length;
	uint8_t of;
};

/* In the order put_record writes. */
static const struct field fields[] = {
	{8, 4, FLOW4}, {12, 4, FLOW4},   /* sourceIPv4Address, destinationIPv4Address */
	{27, 16, FLOW6}, {28, 16, FLOW6}, /* sourceIPv6Address, destinationIPv6Address */
	{152, 8, 0}, {153, 8, 0},        /* flowStartMilliseconds, flowEndMilliseconds */
	{1, 8, 0}, {2, 8, 0},            /* octetDeltaCount, packetDeltaCount */
	{7, 2, 0}, {11, 2, 0},           /* sourceTransportPort, destinationTransportPort */
	{4, 1, 0}, {5, 1, 0}, {6, 2, 0}, /* protocolIdentifier, ipClassOfService, tcpControlBits */
	{32, 2, FLOW4}, {139, 2, FLOW6}, /* icmpTypeCodeIPv4, icmpTypeCodeIPv6 */
	{10, 4, 0}, {14, 4, 0},          /* ingressInterface, egressInterface */
	{58, 2, 0}, {59, 2, 0},          /* vlanId, postVlanId */
	{61, 1, 0},                      /* flowDirection */
	{54, 4, 0}, {88, 2, 0}, {197, 1, 0}, /* fragmentIdentification, fragmentOffset, fragmentFlags */
	{16, 4, FULL}, {17, 4, FULL},    /* bgpSourceAsNumber, bgpDestinationAsNumber */
	{15, 4, FULL | FLOW4}, {62, 16, FULL | FLOW6}, /* ipNextHopIPv4Address, ipNextHopIPv6Address */
	{9, 1, FULL | FLOW4}, {13, 1, FULL | FLOW4},  /* source- and destinationIPv4PrefixLength */
	{29, 1, FULL | FLOW6}, {30, 1, FULL | FLOW6}, /* source- and destinationIPv6PrefixLength */
	{89, 1, FULL},                   /* forwardingStatus */
	{214, 1, FULL},                  /* exportProtocolVersion */
	{3, 8, FULL},                    /* deltaFlowCount */
	{149, 4, FULL},                  /* observationDomainId */
	{258, 8, FULL},                  /* collectionTimeMilliseconds */
	{311, 8, FULL},                  /* samplingProbability */
	{130, 4, FULL | FROM4}, {131, 16, FULL | FROM6}, /* exporterIPv4Address, exporterIPv6Address */
};

static unsigned int
variants(enum ipfix_set which)
{
	return which == IPFIX_ARCHIVE ? VARIANTS : VARIANTS / 2;
}

static uint16_t
template_id(enum ipfix_set which, unsigned int variant)
{
	return (uint16_t)((which == IPFIX_PROBE ? FIRST_ID + VARIANTS : FIRST_ID) + (int)variant);
}

static bool
has_field(const struct field *f, enum ipfix_set which, unsigned int variant)
{
	unsigned int lacks = (variant & 1) != 0 ? FLOW4 : FLOW6;

	lacks |= (variant & 2) != 0 ? FROM4 : FROM6;
	if (which != IPFIX_ARCHIVE)
		lacks |= FULL;
	return (f->of & lacks) == 0;
}

static uint8_t *
put8(uint8_t *p, unsigned int v)
{
	*p = (uint8_t)v;
	return p + 1;
}

static uint8_t *
put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

static uint8_t *
put64(uint8_t *p, uint64_t v)
{
	return put32(put32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

static uint8_t *
put_ms(uint8_t *p, int64_t t_ns)
{
	return put64(p, t_ns > 0 ? (uint64_t)t_ns / (NS_PER_S / 1000) : 0);
}

static uint8_t *
put_addr(uint8_t *p, const struct addr *a, bool v6)
{
	if (v6)
		memcpy(p, a->b, 16);
	else
		memcpy(p, a->b + 12, 4);
	return p + (v6 ? 16 : 4);
}

/* RFC 7011 6.1.4: IEEE 754 in network order. */
static uint8_t *
put_double(uint8_t *p, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return put64(p, bits);
}

/* A next hop of the other family has no place and becomes none. */
static uint8_t *
put_hop(uint8_t *p, const struct addr *hop, bool v6)
{
	static const struct addr none;
	struct addr v4_none = {{0}};

	if (v6)
		return put_addr(p, addr_is_v4(hop) ? &none : hop, true);
	return put_addr(p, addr_is_v4(hop) ? hop : &v4_none, false);
}

static uint8_t *
put_full(uint8_t *p, const struct flow *f, const struct flow_extra *x, unsigned int variant)
{
	bool v6 = (variant & 1) != 0;

	p = put32(put32(p, x->src_as), x->dst_as);
	p = put_hop(p, &x->next_hop, v6);
	p = put8(put8(p, x->src_mask), x->dst_mask);
	p = put8(p, x->forwarding);
	p = put8(p, x->version <= UINT8_MAX ? x->version : 0);
	p = put64(p, x->flows != 0 ? x->flows : 1);
	p = put32(p, x->domain);
	p = put_ms(p, f->seen_ns);
	p = put_double(p, f->sampling > 1 ? 1.0 / f->sampling : 1.0);
	return put_addr(p, &x->exporter, (variant & 2) != 0);
}

static uint8_t *
put_record(uint8_t *p, enum ipfix_set which, const struct flow *f, const struct flow_extra *x, unsigned int variant)
{
	bool v6 = (variant & 1) != 0;
	uint64_t n = which == IPFIX_PROBE && f->sampling > 1 ? f->sampling : 1;
	unsigned int later = (f->flags & FLOW_FRAG_LATER) != 0, first = (f->flags & FLOW_FRAG_FIRST) != 0;

	p = put_addr(p, &f->src, v6);
	p = put_addr(p, &f->dst, v6);
	p = put_ms(p, f->start_ns);
	p = put_ms(p, f->end_ns);
	p = put64(p, n > 1 ? f->bytes / n : f->bytes);
	p = put64(p, n > 1 ? f->packets / n : f->packets);
	p = put16(put16(p, f->sport), f->dport);
	p = put16(put8(put8(p, f->proto), x->tos), f->tcp_flags);
	p = put16(p, (unsigned int)x->icmp_type << 8 | x->icmp_code);
	p = put32(put32(p, x->in_if), x->out_if);
	p = put16(put16(p, x->src_vlan), x->dst_vlan);
	p = put8(p, x->direction);
	/* where in the datagram it lies is not known, only that it is not the beginning */
	p = put32(p, first || later ? f->frag_id : 0);
	p = put16(p, later);
	p = put8(p, first ? FRAGMENT_MORE : 0);
	if (which == IPFIX_ARCHIVE)
		p = put_full(p, f, x, variant);
	else
		p = put32(p, (uint32_t)n);
	return p;
}

/* samplingInterval is the probe's last element; the archive must not have it. */
static const struct field probe_last = {34, 4, 0};

static uint8_t *
put_template(uint8_t *p, enum ipfix_set which, unsigned int variant)
{
	uint8_t *count;
	unsigned int n = 0;

	p = put16(p, template_id(which, variant));
	count = p;
	p += 2;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!has_field(&fields[i], which, variant))
			continue;
		p = put16(put16(p, fields[i].id), fields[i].length);
		n++;
	}
	if (which == IPFIX_PROBE) {
		p = put16(put16(p, probe_last.id), probe_last.length);
		n++;
	}
	put16(count, n);
	return p;
}

int
ipfix_encode_init(struct ipfix_encoder *e, enum ipfix_set which, uint32_t domain, uint8_t *buffer, size_t cap)
{
	if (cap < IPFIX_MESSAGE_MIN || cap > IPFIX_MESSAGE_MAX)
		return ERR_INVALID;
	*e = (struct ipfix_encoder){.p = buffer, .cap = cap, .which = which, .domain = domain};
	return 0;
}

void
ipfix_encode_begin(struct ipfix_encoder *e, uint32_t export_s, uint32_t sequence, bool templates)
{
	uint8_t *p = put16(put16(e->p, VERSION), 0);

	p = put32(put32(put32(p, export_s), sequence), e->domain);
	if (templates) {
		uint8_t *set = p;

		p = put16(put16(p, TEMPLATE_SET), 0);
		for (unsigned int v = 0; v < variants(e->which); v++)
			p = put_template(p, e->which, v);
		put16(set + 2, (unsigned int)(p - set));
	}
	e->n = (size_t)(p - e->p);
	e->set = 0;
	e->records = 0;
}

static void
close_set(struct ipfix_encoder *e)
{
	if (e->set != 0)
		put16(e->p + e->set + 2, (unsigned int)(e->n - e->set));
	e->set = 0;
}

bool
ipfix_encode_add(struct ipfix_encoder *e, const struct flow *f, const struct flow_extra *x)
{
	static const struct flow_extra nothing;
	static const struct addr unknown;
	unsigned int variant = !addr_is_v4(&f->src) || !addr_is_v4(&f->dst);
	uint16_t id;
	uint8_t *p;

	if (x == NULL)
		x = &nothing;
	if (e->which == IPFIX_ARCHIVE && !addr_is_v4(&x->exporter) && !addr_equal(&x->exporter, &unknown))
		variant |= 2;
	id = template_id(e->which, variant);
	/* a bound for all records, not this one's length: it costs a few bytes at the end of a message */
	if (e->cap - e->n < IPFIX_RECORD_MAX + 4)
		return false;
	if (e->set == 0 || e->set_id != id) {
		close_set(e);
		e->set = e->n;
		e->set_id = id;
		e->n += 4;
		put16(e->p + e->set, id);
	}
	p = put_record(e->p + e->n, e->which, f, x, variant);
	e->n = (size_t)(p - e->p);
	e->records++;
	return true;
}

size_t
ipfix_encode_finish(struct ipfix_encoder *e)
{
	close_set(e);
	put16(e->p + 2, (unsigned int)e->n);
	return e->n;
}
