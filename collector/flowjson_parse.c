/* Flow records as JSON, reading: see flowjson.h.
 *
 * The members of an object are looked up in a sorted table and their values kept by name; then the record
 * is made of them, so their order does not matter.
 */
#include "collector/flowjson.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/exporter.h"
#include "collector/lines.h"

#define NS_PER_MS INT64_C(1000000)
#define NTP_TO_UNIX_S 2208988800.0 /* RFC 5905: NTP counts from 1900 */

enum value {
	DST_AS, SRC_AS, BIFLOW, COLLECTED_MS, FLOWS, DST_V4, DST_MASK4, DST_V6, DST_MASK6, DST_PORT, OUT_IF, EXPORT_VERSION,
	EXPORTER, EXPORTER_V4, EXPORTER_V6, DIRECTION, END_US, END_MS, END_NS, END_S, START_US, START_MS, START_NS, START_S,
	FORWARDING, FRAG_FLAGS, FRAG_ID, FRAG_OFFSET, ICMP4_CODE, ICMP6_CODE, ICMP4_BOTH, ICMP6_BOTH, ICMP4_TYPE,
	ICMP6_TYPE, IN_IF, TOS, HOP_V4, HOP_V6, TTL, DOMAIN, BYTES, BYTES_TOTAL, PACKETS, PACKETS_TOTAL, DST_VLAN, PROTO,
	SAMPLING, SRC_V4, SRC_MASK4, SRC_V6, SRC_MASK6, SRC_PORT, TCP_FLAGS, TCP_DST, TCP_SRC, UDP_DST, UDP_SRC, VLAN,
	VALUES
};

enum kind { INTEGER, COUNT, TIME, ADDRESS };

/* In the order of strcmp.  Prefix lengths are as the exporter wrote them, which need not make sense. */
static const struct member {
	const char *name;
	enum value value;
	enum kind kind;
	uint64_t max; /* of an integer */
} members[] = {
	{"bgpDestinationAsNumber", DST_AS, INTEGER, UINT32_MAX},
	{"bgpSourceAsNumber", SRC_AS, INTEGER, UINT32_MAX},
	{"biflowDirection", BIFLOW, INTEGER, UINT8_MAX},
	{"collectionTimeMilliseconds", COLLECTED_MS, TIME, 0},
	{"deltaFlowCount", FLOWS, COUNT, 0},
	{"destinationIPv4Address", DST_V4, ADDRESS, 0},
	{"destinationIPv4PrefixLength", DST_MASK4, INTEGER, UINT8_MAX},
	{"destinationIPv6Address", DST_V6, ADDRESS, 0},
	{"destinationIPv6PrefixLength", DST_MASK6, INTEGER, UINT8_MAX},
	{"destinationTransportPort", DST_PORT, INTEGER, UINT16_MAX},
	{"egressInterface", OUT_IF, INTEGER, UINT32_MAX},
	{"exportProtocolVersion", EXPORT_VERSION, INTEGER, UINT16_MAX},
	{"exporter", EXPORTER, ADDRESS, 0},
	{"exporterIPv4Address", EXPORTER_V4, ADDRESS, 0},
	{"exporterIPv6Address", EXPORTER_V6, ADDRESS, 0},
	{"flowDirection", DIRECTION, INTEGER, UINT8_MAX},
	{"flowEndMicroseconds", END_US, TIME, 0},
	{"flowEndMilliseconds", END_MS, TIME, 0},
	{"flowEndNanoseconds", END_NS, TIME, 0},
	{"flowEndSeconds", END_S, TIME, 0},
	{"flowStartMicroseconds", START_US, TIME, 0},
	{"flowStartMilliseconds", START_MS, TIME, 0},
	{"flowStartNanoseconds", START_NS, TIME, 0},
	{"flowStartSeconds", START_S, TIME, 0},
	{"forwardingStatus", FORWARDING, INTEGER, UINT8_MAX},
	{"fragmentFlags", FRAG_FLAGS, INTEGER, UINT8_MAX},
	{"fragmentIdentification", FRAG_ID, INTEGER, UINT32_MAX},
	{"fragmentOffset", FRAG_OFFSET, INTEGER, UINT16_MAX},
	{"icmpCodeIPv4", ICMP4_CODE, INTEGER, UINT8_MAX},
	{"icmpCodeIPv6", ICMP6_CODE, INTEGER, UINT8_MAX},
	{"icmpTypeCodeIPv4", ICMP4_BOTH, INTEGER, UINT16_MAX},
	{"icmpTypeCodeIPv6", ICMP6_BOTH, INTEGER, UINT16_MAX},
	{"icmpTypeIPv4", ICMP4_TYPE, INTEGER, UINT8_MAX},
	{"icmpTypeIPv6", ICMP6_TYPE, INTEGER, UINT8_MAX},
	{"ingressInterface", IN_IF, INTEGER, UINT32_MAX},
	{"ipClassOfService", TOS, INTEGER, UINT8_MAX},
	{"ipNextHopIPv4Address", HOP_V4, ADDRESS, 0},
	{"ipNextHopIPv6Address", HOP_V6, ADDRESS, 0},
	{"ipTTL", TTL, INTEGER, UINT8_MAX},
	{"observationDomainId", DOMAIN, INTEGER, UINT32_MAX},
	{"octetDeltaCount", BYTES, COUNT, 0},
	{"octetTotalCount", BYTES_TOTAL, COUNT, 0},
	{"packetDeltaCount", PACKETS, COUNT, 0},
	{"packetTotalCount", PACKETS_TOTAL, COUNT, 0},
	{"postVlanId", DST_VLAN, INTEGER, UINT16_MAX},
	{"protocolIdentifier", PROTO, INTEGER, UINT8_MAX},
	{"samplingInterval", SAMPLING, INTEGER, UINT32_MAX},
	{"sourceIPv4Address", SRC_V4, ADDRESS, 0},
	{"sourceIPv4PrefixLength", SRC_MASK4, INTEGER, UINT8_MAX},
	{"sourceIPv6Address", SRC_V6, ADDRESS, 0},
	{"sourceIPv6PrefixLength", SRC_MASK6, INTEGER, UINT8_MAX},
	{"sourceTransportPort", SRC_PORT, INTEGER, UINT16_MAX},
	{"tcpControlBits", TCP_FLAGS, INTEGER, UINT16_MAX},
	{"tcpDestinationPort", TCP_DST, INTEGER, UINT16_MAX},
	{"tcpSourcePort", TCP_SRC, INTEGER, UINT16_MAX},
	{"udpDestinationPort", UDP_DST, INTEGER, UINT16_MAX},
	{"udpSourcePort", UDP_SRC, INTEGER, UINT16_MAX},
	{"vlanId", VLAN, INTEGER, UINT16_MAX},
};

_Static_assert(sizeof(members) / sizeof(members[0]) == VALUES, "every value has one name");

struct record {
	bool have[VALUES];
	union {
		uint64_t n;
		double time; /* as it stands, in the unit of its name; integers below 2^53 ms are exact */
		struct addr addr;
	} v[VALUES];
	int64_t whole[VALUES]; /* a TIME that was an integer; -1: use the double */
};

static int
compare(const void *name, const void *m)
{
	return strcmp(name, ((const struct member *)m)->name);
}

/* --- values ---------------------------------------------------------------------------------------------- */

/* Counts may be fractions: who cuts flows into slices of time has them. */
static bool
count_of(const json_t *value, uint64_t max, bool fractions, uint64_t *n)
{
	double real;

	if (json_is_string(value))
		return span_uint((struct span){json_string_value(value), json_string_length(value)}, max, n);
	if (json_is_integer(value)) {
		*n = (uint64_t)json_integer_value(value);
		return json_integer_value(value) >= 0 && *n <= max;
	}
	real = json_real_value(value);
	if (!json_is_real(value) || !(real >= 0) || real > 9e18 || (!fractions && real != floor(real)))
		return false;
	*n = (uint64_t)(real + 0.5);
	return *n <= max;
}

static bool
address_of(const json_t *value, bool v4, struct addr *a)
{
	uint64_t n;

	if (json_is_string(value))
		return span_addr((struct span){json_string_value(value), json_string_length(value)}, a);
	/* VERMONT writes numbers, the first byte being the highest; an IPv6 address fits into none */
	if (!v4 || json_is_string(value) || !count_of(value, UINT32_MAX, false, &n))
		return false;
	*a = addr_v4((const uint8_t[]){(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n});
	return true;
}

static bool
take(struct record *r, const struct member *m, const json_t *value)
{
	r->whole[m->value] = -1;
	switch (m->kind) {
	case ADDRESS:
		return address_of(value, strstr(m->name, "IPv6") == NULL, &r->v[m->value].addr);
	case COUNT:
		return count_of(value, INT64_MAX, true, &r->v[m->value].n);
	case INTEGER:
		return count_of(value, m->max, false, &r->v[m->value].n);
	case TIME:
		break;
	}
	if (json_is_integer(value))
		r->whole[m->value] = json_integer_value(value);
	r->v[m->value].time = json_number_value(value);
	return json_is_number(value) && r->v[m->value].time >= 0;
}

/* The value as nanoseconds, being in units of `unit_ns`; 0: out of range. */
static int64_t
to_ns(const struct record *r, enum value v, int64_t unit_ns)
{
	double t = r->v[v].time;

	/* RFC 7011 6.1.9, 6.1.10: micro- and nanoseconds travel as NTP's 64 bits, and some print those */
	if (unit_ns < NS_PER_MS && t > 9.2e18)
		t = (t / 4294967296.0 - NTP_TO_UNIX_S) * 1e9;
	else if (r->whole[v] >= 0)
		return r->whole[v] <= INT64_MAX / unit_ns ? r->whole[v] * unit_ns : 0;
	else if (t < 9.2e18 / (double)unit_ns)
		/* apart, as the product has more digits than a double */
		return (int64_t)t * unit_ns + (int64_t)((t - floor(t)) * (double)unit_ns);
	return t > 0 && t < 9.2e18 ? (int64_t)t : 0;
}

/* The finest of those given: seconds, milli, micro, nano.  0: none. */
static int64_t
time_of(const struct record *r, enum value s, enum value ms, enum value us, enum value ns)
{
	if (r->have[ns])
		return to_ns(r, ns, 1);
	if (r->have[us])
		return to_ns(r, us, 1000);
	if (r->have[ms])
		return to_ns(r, ms, NS_PER_MS);
	return r->have[s] ? to_ns(r, s, NS_PER_S) : 0;
}

/* The first that is there of two, or 0. */
static uint64_t
either(const struct record *r, enum value a, enum value b)
{
	return r->have[a] ? r->v[a].n : r->have[b] ? r->v[b].n : 0;
}

static struct addr
either_addr(const struct record *r, enum value a, enum value b)
{
	return r->have[a] ? r->v[a].addr : r->have[b] ? r->v[b].addr : (struct addr){{0}};
}

/* --- the record ------------------------------------------------------------------------------------------ */

static void
make_icmp(const struct record *r, struct flow *f, struct flow_extra *x)
{
	uint64_t both = either(r, ICMP4_BOTH, ICMP6_BOTH);

	if (f->proto != FLOW_ICMP && f->proto != FLOW_ICMP6)
		return;
	if (!r->have[ICMP4_BOTH] && !r->have[ICMP6_BOTH])
		both = f->dport; /* where NetFlow has it */
	x->icmp_type = (uint8_t)(both >> 8);
	x->icmp_code = (uint8_t)both;
	if (r->have[ICMP4_TYPE] || r->have[ICMP6_TYPE]) {
		x->icmp_type = (uint8_t)either(r, ICMP4_TYPE, ICMP6_TYPE);
		x->icmp_code = (uint8_t)either(r, ICMP4_CODE, ICMP6_CODE);
	}
	f->sport = f->dport = 0;
}

static void
make_extra(const struct record *r, struct flow_extra *x)
{
	x->next_hop = either_addr(r, HOP_V4, HOP_V6);
	x->exporter = r->have[EXPORTER] ? r->v[EXPORTER].addr : either_addr(r, EXPORTER_V4, EXPORTER_V6);
	x->flows = r->have[FLOWS] ? r->v[FLOWS].n : 1;
	x->domain = (uint32_t)r->v[DOMAIN].n;
	x->in_if = (uint32_t)r->v[IN_IF].n;
	x->out_if = (uint32_t)r->v[OUT_IF].n;
	x->src_as = (uint32_t)r->v[SRC_AS].n;
	x->dst_as = (uint32_t)r->v[DST_AS].n;
	x->src_vlan = (uint16_t)r->v[VLAN].n;
	x->dst_vlan = (uint16_t)r->v[DST_VLAN].n;
	x->version = r->have[EXPORT_VERSION] ? (uint16_t)r->v[EXPORT_VERSION].n : EXPORT_FILE;
	x->src_mask = (uint8_t)either(r, SRC_MASK4, SRC_MASK6);
	x->dst_mask = (uint8_t)either(r, DST_MASK4, DST_MASK6);
	x->tos = (uint8_t)r->v[TOS].n;
	x->direction = (uint8_t)r->v[DIRECTION].n;
	x->forwarding = (uint8_t)r->v[FORWARDING].n;
	x->reverse = r->have[BIFLOW] && r->v[BIFLOW].n == 2;
}

static void
make_flow(const struct record *r, struct flow *f)
{
	f->src = either_addr(r, SRC_V4, SRC_V6);
	f->dst = either_addr(r, DST_V4, DST_V6);
	f->packets = either(r, PACKETS, PACKETS_TOTAL);
	f->bytes = either(r, BYTES, BYTES_TOTAL);
	f->sampling = r->v[SAMPLING].n > 1 ? (uint32_t)r->v[SAMPLING].n : 1;
	f->proto = (uint8_t)r->v[PROTO].n;
	f->sport = (uint16_t)(r->have[SRC_PORT] ? r->v[SRC_PORT].n : either(r, UDP_SRC, TCP_SRC));
	f->dport = (uint16_t)(r->have[DST_PORT] ? r->v[DST_PORT].n : either(r, UDP_DST, TCP_DST));
	f->tcp_flags = (uint8_t)r->v[TCP_FLAGS].n;
	f->ttl = (uint8_t)r->v[TTL].n;
	f->flags = FLOW_RECORD | (addr_is_v4(&f->src) ? 0 : FLOW_IP6);
	f->frag_id = (uint32_t)r->v[FRAG_ID].n;
	if (r->v[FRAG_OFFSET].n > 0)
		f->flags |= FLOW_FRAG_LATER;
	else if (r->have[FRAG_FLAGS] && (r->v[FRAG_FLAGS].n & 0x20) != 0)
		f->flags |= FLOW_FRAG_FIRST;
	f->start_ns = time_of(r, START_S, START_MS, START_US, START_NS);
	f->end_ns = time_of(r, END_S, END_MS, END_US, END_NS);
	f->seen_ns = r->have[COLLECTED_MS] ? to_ns(r, COLLECTED_MS, NS_PER_MS) : f->end_ns;
	if (f->seen_ns < f->end_ns)
		f->seen_ns = f->end_ns;
}

static const char *
missing(const struct record *r)
{
	if (!r->have[SRC_V4] && !r->have[SRC_V6])
		return "no source address";
	if (!r->have[DST_V4] && !r->have[DST_V6])
		return "no destination address";
	if (!r->have[PACKETS] && !r->have[PACKETS_TOTAL])
		return "no packetDeltaCount";
	if (!r->have[BYTES] && !r->have[BYTES_TOTAL])
		return "no octetDeltaCount";
	if (!r->have[START_S] && !r->have[START_MS] && !r->have[START_US] && !r->have[START_NS])
		return "no time of its start";
	if (!r->have[END_S] && !r->have[END_MS] && !r->have[END_US] && !r->have[END_NS])
		return "no time of its end";
	return r->have[PROTO] ? NULL : "no protocolIdentifier";
}

static int
read_members(json_t *object, struct record *r, const char **why)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		const struct member *m = bsearch(name, members, VALUES, sizeof(members[0]), compare);

		if (m == NULL || json_is_null(value))
			continue;
		if (!take(r, m, value)) {
			*why = m->kind == ADDRESS ? "an address is none" : "a number is none, or out of its range";
			return ERR_MALFORMED;
		}
		r->have[m->value] = true;
	}
	*why = missing(r);
	return *why != NULL ? ERR_UNSUPPORTED : 0;
}

int
flowjson_parse(const char *text, size_t n, struct flow *f, struct flow_extra *x, const char **why)
{
	json_error_t err;
	struct record r;
	json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &err);
	int rc = ERR_MALFORMED;

	*f = (struct flow){.sampling = 1};
	*x = (struct flow_extra){.flows = 1, .version = EXPORT_FILE};
	/* NTP's 64 bits of these days are beyond a signed integer */
	if (object == NULL && json_error_code(&err) == json_error_numeric_overflow)
		object = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &err);
	memset(&r, 0, sizeof(r));
	if (!json_is_object(object))
		*why = "not a JSON object";
	else
		rc = read_members(object, &r, why);
	json_decref(object);
	if (rc != 0)
		return rc;
	make_flow(&r, f);
	make_extra(&r, x);
	make_icmp(&r, f, x);
	return 0;
}

/* --- the format ------------------------------------------------------------------------------------------ */

/* seen_ns of a record that does not say when it was collected is the file's matter. */
static const char *
take_line(struct source *s, struct lines *l, struct block *b, struct span line)
{
	struct flow f;
	struct flow_extra x;
	const char *why;

	if (flowjson_parse(line.p, line.n, &f, &x, &why) != 0)
		return why;
	if (f.seen_ns == f.end_ns)
		f.seen_ns = 0;
	return lines_add(s, l, b, &f, &x);
}

static bool
blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* An object's beginning: a brace, and a name or the end of it. */
static bool
flowjson_probe(const uint8_t *head, size_t n)
{
	size_t i = 0;

	while (i < n && blank(head[i]))
		i++;
	if (i == n || head[i++] != '{')
		return false;
	while (i < n && blank(head[i]))
		i++;
	return i < n && head[i] == '"';
}

static int
flowjson_open(struct source *s, char *why, size_t why_size)
{
	s->state = calloc(1, sizeof(struct lines));
	if (s->state != NULL)
		return 0;
	snprintf(why, why_size, "%s: out of memory", s->name);
	return ERR_NOMEM;
}

static void
flowjson_close(struct source *s)
{
	free(s->state);
}

static int
flowjson_read(struct source *s, struct block *b)
{
	return lines_read(s, s->state, b, take_line);
}

const struct source_format flowjson_format = {"flow JSON", flowjson_probe, flowjson_open, flowjson_read, flowjson_close};
