/* Flow records as JSON, writing: see flowjson.h. */
#include "collector/flowjson.h"

#include <math.h>

#include "base/json.h"

#define NS_PER_MS INT64_C(1000000)

static const struct addr no_addr;

/* A member that is left out when it says nothing. */
static void
put(struct json *j, const char *name, uint64_t value)
{
	if (value != 0)
		json_uint(j, name, value);
}

static void
put_addr(struct json *j, const char *v4, const char *v6, const struct addr *a)
{
	char text[ADDR_TEXT];

	json_str(j, addr_is_v4(a) ? v4 : v6, addr_text(a, text));
}

static bool
has_ports(const struct flow *f)
{
	return f->sport != 0 || f->dport != 0 || f->proto == FLOW_TCP || f->proto == FLOW_UDP;
}

static void
put_fragment(struct json *j, const struct flow *f)
{
	if ((f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) == 0)
		return;
	put(j, "fragmentIdentification", f->frag_id);
	if ((f->flags & FLOW_FRAG_FIRST) != 0)
		json_uint(j, "fragmentFlags", 0x20);
	json_uint(j, "fragmentOffset", (f->flags & FLOW_FRAG_LATER) != 0);
}

static void
put_extra(struct json *j, const struct flow *f, const struct flow_extra *x)
{
	bool v4 = addr_is_v4(&f->src);

	put(j, "ipClassOfService", x->tos);
	if (f->proto == FLOW_ICMP || f->proto == FLOW_ICMP6) {
		json_uint(j, v4 ? "icmpTypeIPv4" : "icmpTypeIPv6", x->icmp_type);
		json_uint(j, v4 ? "icmpCodeIPv4" : "icmpCodeIPv6", x->icmp_code);
	}
	put(j, "ingressInterface", x->in_if);
	put(j, "egressInterface", x->out_if);
	put(j, "bgpSourceAsNumber", x->src_as);
	put(j, "bgpDestinationAsNumber", x->dst_as);
	put(j, v4 ? "sourceIPv4PrefixLength" : "sourceIPv6PrefixLength", x->src_mask);
	put(j, v4 ? "destinationIPv4PrefixLength" : "destinationIPv6PrefixLength", x->dst_mask);
	if (!addr_equal(&x->next_hop, &no_addr))
		put_addr(j, "ipNextHopIPv4Address", "ipNextHopIPv6Address", &x->next_hop);
	put(j, "vlanId", x->src_vlan);
	put(j, "postVlanId", x->dst_vlan);
	put(j, "flowDirection", x->direction);
	put(j, "forwardingStatus", x->forwarding);
	if (x->reverse)
		json_uint(j, "biflowDirection", 2);
	if (x->flows > 1)
		json_uint(j, "deltaFlowCount", x->flows);
	put(j, "observationDomainId", x->domain);
	put(j, "exportProtocolVersion", x->version);
}

void
flowjson_row(struct buf *out, const struct flow *f, const struct flow_extra *x)
{
	struct json j = json_to(out);
	char text[ADDR_TEXT];

	json_open(&j, NULL, '{');
	json_int(&j, "flowStartMilliseconds", f->start_ns / NS_PER_MS);
	json_int(&j, "flowEndMilliseconds", f->end_ns / NS_PER_MS);
	put_addr(&j, "sourceIPv4Address", "sourceIPv6Address", &f->src);
	put_addr(&j, "destinationIPv4Address", "destinationIPv6Address", &f->dst);
	json_uint(&j, "protocolIdentifier", f->proto);
	if (has_ports(f)) {
		json_uint(&j, "sourceTransportPort", f->sport);
		json_uint(&j, "destinationTransportPort", f->dport);
	}
	json_uint(&j, "packetDeltaCount", f->packets);
	json_uint(&j, "octetDeltaCount", f->bytes);
	put(&j, "tcpControlBits", f->tcp_flags);
	put_fragment(&j, f);
	put(&j, "ipTTL", f->ttl);
	if (x != NULL)
		put_extra(&j, f, x);
	if (f->seen_ns != 0)
		json_int(&j, "collectionTimeMilliseconds", f->seen_ns / NS_PER_MS);
	json_uint(&j, "samplingInterval", f->sampling > 0 ? f->sampling : 1);
	if (x != NULL && !addr_equal(&x->exporter, &no_addr))
		json_str(&j, "exporter", addr_text(&x->exporter, text));
	else
		json_num(&j, "exporter", NAN, 0); /* null */
	json_close(&j, '}');
	buf_char(out, '\n');
}
