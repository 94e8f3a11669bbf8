/* The table of elements, in the order of (enterprise, id). */
#include "collector/element.h"

#include <stddef.h>

#define R PEN_REVERSE

static const struct element table[] = {
	{0, 1, TYPE_UINT, E_OCTETS, 1, "octetDeltaCount"},
	{0, 2, TYPE_UINT, E_PACKETS, 1, "packetDeltaCount"},
	{0, 3, TYPE_UINT, E_FLOWS, 1, "deltaFlowCount"},
	{0, 4, TYPE_UINT, E_PROTO, 1, "protocolIdentifier"},
	{0, 5, TYPE_UINT, E_TOS, 2, "ipClassOfService"},
	{0, 6, TYPE_UINT, E_TCP_FLAGS, 1, "tcpControlBits"},
	{0, 7, TYPE_UINT, E_SPORT, 1, "sourceTransportPort"},
	{0, 8, TYPE_V4, A_SRC4, 1, "sourceIPv4Address"},
	{0, 9, TYPE_UINT, E_SRC_MASK, 1, "sourceIPv4PrefixLength"},
	{0, 10, TYPE_UINT, E_IN_IF, 2, "ingressInterface"},
	{0, 11, TYPE_UINT, E_DPORT, 1, "destinationTransportPort"},
	{0, 12, TYPE_V4, A_DST4, 1, "destinationIPv4Address"},
	{0, 13, TYPE_UINT, E_DST_MASK, 1, "destinationIPv4PrefixLength"},
	{0, 14, TYPE_UINT, E_OUT_IF, 2, "egressInterface"},
	{0, 15, TYPE_V4, A_HOP4, 2, "ipNextHopIPv4Address"},
	{0, 16, TYPE_UINT, E_SRC_AS, 2, "bgpSourceAsNumber"},
	{0, 17, TYPE_UINT, E_DST_AS, 2, "bgpDestinationAsNumber"},
	{0, 18, TYPE_V4, A_HOP4, 1, "bgpNextHopIPv4Address"},
	{0, 21, TYPE_UINT, E_END_UP, 1, "flowEndSysUpTime"},
	{0, 22, TYPE_UINT, E_START_UP, 1, "flowStartSysUpTime"},
	{0, 23, TYPE_UINT, E_OCTETS_POST, 2, "postOctetDeltaCount"},
	{0, 24, TYPE_UINT, E_PACKETS_POST, 2, "postPacketDeltaCount"},
	{0, 27, TYPE_V6, A_SRC6, 1, "sourceIPv6Address"},
	{0, 28, TYPE_V6, A_DST6, 1, "destinationIPv6Address"},
	{0, 29, TYPE_UINT, E_SRC_MASK, 1, "sourceIPv6PrefixLength"},
	{0, 30, TYPE_UINT, E_DST_MASK, 1, "destinationIPv6PrefixLength"},
	{0, 32, TYPE_UINT, E_ICMP, 1, "icmpTypeCodeIPv4"},
	{0, 34, TYPE_UINT, E_SAMPLING, 1, "samplingInterval"},
	{0, 48, TYPE_UINT, E_SAMPLER, 1, "samplerId"},
	{0, 50, TYPE_UINT, E_SAMPLING, 2, "samplerRandomInterval"},
	{0, 54, TYPE_UINT, E_FRAG_ID, 1, "fragmentIdentification"},
	{0, 55, TYPE_UINT, E_TOS, 1, "postIpClassOfService"},
	{0, 58, TYPE_UINT, E_SRC_VLAN, 2, "vlanId"},
	{0, 59, TYPE_UINT, E_DST_VLAN, 2, "postVlanId"},
	{0, 61, TYPE_UINT, E_DIRECTION, 1, "flowDirection"},
	{0, 62, TYPE_V6, A_HOP6, 2, "ipNextHopIPv6Address"},
	{0, 63, TYPE_V6, A_HOP6, 1, "bgpNextHopIPv6Address"},
	{0, 85, TYPE_UINT, E_OCTETS_TOTAL, 1, "octetTotalCount"},
	{0, 86, TYPE_UINT, E_PACKETS_TOTAL, 1, "packetTotalCount"},
	{0, 88, TYPE_UINT, E_FRAG_OFFSET, 1, "fragmentOffset"},
	{0, 89, TYPE_UINT, E_FORWARDING, 1, "forwardingStatus"},
	{0, 128, TYPE_UINT, E_DST_AS, 1, "bgpNextAdjacentAsNumber"},
	{0, 129, TYPE_UINT, E_SRC_AS, 1, "bgpPrevAdjacentAsNumber"},
	{0, 130, TYPE_V4, A_EXPORTER4, 1, "exporterIPv4Address"},
	{0, 131, TYPE_V6, A_EXPORTER6, 1, "exporterIPv6Address"},
	{0, 139, TYPE_UINT, E_ICMP, 1, "icmpTypeCodeIPv6"},
	{0, 150, TYPE_S, E_START, 1, "flowStartSeconds"},
	{0, 151, TYPE_S, E_END, 1, "flowEndSeconds"},
	{0, 152, TYPE_MS, E_START, 2, "flowStartMilliseconds"},
	{0, 153, TYPE_MS, E_END, 2, "flowEndMilliseconds"},
	{0, 154, TYPE_NTP_US, E_START, 3, "flowStartMicroseconds"},
	{0, 155, TYPE_NTP_US, E_END, 3, "flowEndMicroseconds"},
	{0, 156, TYPE_NTP_NS, E_START, 4, "flowStartNanoseconds"},
	{0, 157, TYPE_NTP_NS, E_END, 4, "flowEndNanoseconds"},
	{0, 158, TYPE_UINT, E_START_AGO, 1, "flowStartDeltaMicroseconds"},
	{0, 159, TYPE_UINT, E_END_AGO, 1, "flowEndDeltaMicroseconds"},
	{0, 160, TYPE_MS, E_BOOT, 1, "systemInitTimeMilliseconds"},
	{0, 161, TYPE_UINT, E_DURATION, 1, "flowDurationMilliseconds"},
	{0, 164, TYPE_UINT, E_DROPPED_PACKETS, 2, "ignoredPacketTotalCount"},
	{0, 166, TYPE_UINT, E_DROPPED_FLOWS, 2, "notSentFlowTotalCount"},
	{0, 167, TYPE_UINT, E_DROPPED_PACKETS, 1, "notSentPacketTotalCount"},
	{0, 171, TYPE_UINT, E_OCTETS_POST, 1, "postOctetTotalCount"},
	{0, 172, TYPE_UINT, E_PACKETS_POST, 1, "postPacketTotalCount"},
	{0, 176, TYPE_UINT, E_ICMP_TYPE, 1, "icmpTypeIPv4"},
	{0, 177, TYPE_UINT, E_ICMP_CODE, 1, "icmpCodeIPv4"},
	{0, 178, TYPE_UINT, E_ICMP_TYPE, 1, "icmpTypeIPv6"},
	{0, 179, TYPE_UINT, E_ICMP_CODE, 1, "icmpCodeIPv6"},
	{0, 180, TYPE_UINT, E_SPORT_UDP, 1, "udpSourcePort"},
	{0, 181, TYPE_UINT, E_DPORT_UDP, 1, "udpDestinationPort"},
	{0, 182, TYPE_UINT, E_SPORT_TCP, 1, "tcpSourcePort"},
	{0, 183, TYPE_UINT, E_DPORT_TCP, 1, "tcpDestinationPort"},
	{0, 195, TYPE_UINT, E_DSCP, 1, "ipDiffServCodePoint"},
	{0, 197, TYPE_UINT, E_FRAG_FLAGS, 1, "fragmentFlags"},
	{0, 231, TYPE_UINT, E_OCTETS_FIRST, 1, "initiatorOctets"},
	{0, 232, TYPE_UINT, E_OCTETS_REVERSE, 1, "responderOctets"},
	{0, 243, TYPE_UINT, E_SRC_VLAN, 1, "dot1qVlanId"},
	{0, 252, TYPE_UINT, E_IN_IF, 1, "ingressPhysicalInterface"},
	{0, 253, TYPE_UINT, E_OUT_IF, 1, "egressPhysicalInterface"},
	{0, 254, TYPE_UINT, E_DST_VLAN, 1, "postDot1qVlanId"},
	{0, 258, TYPE_MS, E_COLLECTED, 1, "collectionTimeMilliseconds"},
	{0, 298, TYPE_UINT, E_PACKETS_FIRST, 1, "initiatorPackets"},
	{0, 299, TYPE_UINT, E_PACKETS_REVERSE, 1, "responderPackets"},
	{0, 302, TYPE_UINT, E_SAMPLER, 2, "selectorId"},
	{0, 305, TYPE_UINT, E_SAMPLE_INTERVAL, 1, "samplingPacketInterval"},
	{0, 306, TYPE_UINT, E_SAMPLE_SPACE, 1, "samplingPacketSpace"},
	{0, 309, TYPE_UINT, E_SAMPLE_SIZE, 1, "samplingSize"},
	{0, 310, TYPE_UINT, E_SAMPLE_POPULATION, 1, "samplingPopulation"},
	{0, 311, TYPE_UINT, E_SAMPLE_SIZE, 1, "samplingProbability"},
	{0, 322, TYPE_S, E_OBSERVED, 1, "observationTimeSeconds"},
	{0, 323, TYPE_MS, E_OBSERVED, 2, "observationTimeMilliseconds"},
	{0, 324, TYPE_NTP_US, E_OBSERVED, 3, "observationTimeMicroseconds"},
	{0, 325, TYPE_NTP_NS, E_OBSERVED, 4, "observationTimeNanoseconds"},
	{0, 352, TYPE_UINT, E_OCTETS_L2, 2, "layer2OctetDeltaCount"},
	{0, 353, TYPE_UINT, E_OCTETS_L2, 1, "layer2OctetTotalCount"},
	{0, 403, TYPE_V4, A_EXPORTER4, 2, "originalExporterIPv4Address"},
	{0, 404, TYPE_V6, A_EXPORTER6, 2, "originalExporterIPv6Address"},
	{PEN_CERT, 14, TYPE_UINT, E_TCP_FIRST, 1, "initialTCPFlags"},
	{PEN_CERT, 15, TYPE_UINT, E_TCP_REST, 1, "unionTCPFlags"},
	{PEN_CERT, 21, TYPE_UINT, E_DELAY_REVERSE, 1, "reverseFlowDeltaMilliseconds"},
	{PEN_CERT, 16398, TYPE_UINT, E_TCP_FIRST_REVERSE, 1, "reverseInitialTCPFlags"},
	{PEN_CERT, 16399, TYPE_UINT, E_TCP_FLAGS_REVERSE, 1, "reverseUnionTCPFlags"},
	{R, 1, TYPE_UINT, E_OCTETS_REVERSE, 3, "reverseOctetDeltaCount"},
	{R, 2, TYPE_UINT, E_PACKETS_REVERSE, 3, "reversePacketDeltaCount"},
	{R, 5, TYPE_UINT, E_TOS_REVERSE, 1, "reverseIpClassOfService"},
	{R, 6, TYPE_UINT, E_TCP_FLAGS_REVERSE, 1, "reverseTcpControlBits"},
	{R, 85, TYPE_UINT, E_OCTETS_REVERSE, 2, "reverseOctetTotalCount"},
	{R, 86, TYPE_UINT, E_PACKETS_REVERSE, 2, "reversePacketTotalCount"},
	{R, 150, TYPE_S, E_START_REVERSE, 1, "reverseFlowStartSeconds"},
	{R, 151, TYPE_S, E_END_REVERSE, 1, "reverseFlowEndSeconds"},
	{R, 152, TYPE_MS, E_START_REVERSE, 2, "reverseFlowStartMilliseconds"},
	{R, 153, TYPE_MS, E_END_REVERSE, 2, "reverseFlowEndMilliseconds"},
	{R, 154, TYPE_NTP_US, E_START_REVERSE, 3, "reverseFlowStartMicroseconds"},
	{R, 155, TYPE_NTP_US, E_END_REVERSE, 3, "reverseFlowEndMicroseconds"},
	{R, 156, TYPE_NTP_NS, E_START_REVERSE, 4, "reverseFlowStartNanoseconds"},
	{R, 157, TYPE_NTP_NS, E_END_REVERSE, 4, "reverseFlowEndNanoseconds"},
};

const struct element *
element_find(uint32_t pen, uint16_t id)
{
	size_t low = 0, high = sizeof(table) / sizeof(table[0]);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct element *e = &table[mid];

		if (e->pen == pen && e->id == id)
			return e;
		if (e->pen < pen || (e->pen == pen && e->id < id))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
