/* The words of the filter language in tables: fields and where they lie, protocols, services. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "collector/filter_program.h"

#define FLOW(load, member) {load, 0, offsetof(struct flow, member)}
#define EXTRA(load, member) {load, 1, offsetof(struct flow_extra, member)}

#define ADDRESSES {FLOW(LOAD_ADDR, src), FLOW(LOAD_ADDR, dst)}

static const struct filter_word words[] = {
	{"proto", VALUE_PROTO, SIDES_NONE, {FLOW(LOAD_U8, proto)}, 255},
	{"ip", VALUE_ADDR, SIDES_SRC_DST, ADDRESSES, 0},
	{"host", VALUE_ADDR, SIDES_SRC_DST, ADDRESSES, 0},
	{"net", VALUE_ADDR, SIDES_SRC_DST, ADDRESSES, 0},
	{"port", VALUE_PORT, SIDES_SRC_DST, {FLOW(LOAD_U16, sport), FLOW(LOAD_U16, dport)}, 65535},
	{"protocol", VALUE_PROTO, SIDES_NONE, {FLOW(LOAD_U8, proto)}, 255},
	{"packets", VALUE_COUNT, SIDES_NONE, {FLOW(LOAD_U64, packets)}, 0},
	{"bytes", VALUE_COUNT, SIDES_NONE, {FLOW(LOAD_U64, bytes)}, 0},
	{"octets", VALUE_COUNT, SIDES_NONE, {FLOW(LOAD_U64, bytes)}, 0},
	{"flows", VALUE_COUNT, SIDES_NONE, {{LOAD_FLOWS, 1, 0}}, 0},
	{"bpp", VALUE_COUNT, SIDES_NONE, {{LOAD_BPP, 0, 0}}, 0},
	{"pps", VALUE_COUNT, SIDES_NONE, {{LOAD_PPS, 0, 0}}, 0},
	{"bps", VALUE_COUNT, SIDES_NONE, {{LOAD_BPS, 0, 0}}, 0},
	{"duration", VALUE_DURATION, SIDES_NONE, {{LOAD_DURATION, 0, 0}}, 0},
	{"time", VALUE_TIME, SIDES_NONE, {FLOW(LOAD_TIME, start_ns)}, 0},
	{"start", VALUE_TIME, SIDES_NONE, {FLOW(LOAD_TIME, start_ns)}, 0},
	{"end", VALUE_TIME, SIDES_NONE, {FLOW(LOAD_TIME, end_ns)}, 0},
	{"flags", VALUE_FLAGS, SIDES_NONE, {FLOW(LOAD_U8, tcp_flags)}, 255},
	{"tos", VALUE_NUMBER, SIDES_NONE, {EXTRA(LOAD_U8, tos)}, 255},
	{"ttl", VALUE_NUMBER, SIDES_NONE, {FLOW(LOAD_U8, ttl)}, 255},
	{"as", VALUE_AS, SIDES_SRC_DST, {EXTRA(LOAD_U32, src_as), EXTRA(LOAD_U32, dst_as)}, UINT32_MAX},
	{"if", VALUE_NUMBER, SIDES_IN_OUT, {EXTRA(LOAD_U32, in_if), EXTRA(LOAD_U32, out_if)}, UINT32_MAX},
	{"mask", VALUE_NUMBER, SIDES_SRC_DST, {EXTRA(LOAD_U8, src_mask), EXTRA(LOAD_U8, dst_mask)}, 128},
	{"vlan", VALUE_NUMBER, SIDES_SRC_DST, {EXTRA(LOAD_U16, src_vlan), EXTRA(LOAD_U16, dst_vlan)}, 65535},
	{"next-hop", VALUE_ADDR, SIDES_NONE, {EXTRA(LOAD_ADDR, next_hop)}, 0},
	{"exporter", VALUE_ADDR, SIDES_NONE, {EXTRA(LOAD_ADDR, exporter)}, 0},
	{"router", VALUE_ADDR, SIDES_NONE, {EXTRA(LOAD_ADDR, exporter)}, 0},
	{"domain", VALUE_NUMBER, SIDES_NONE, {EXTRA(LOAD_U32, domain)}, UINT32_MAX},
	{"engine-type", VALUE_NUMBER, SIDES_NONE, {{LOAD_ENGINE_TYPE, 1, 0}}, 255},
	{"engine-id", VALUE_NUMBER, SIDES_NONE, {{LOAD_ENGINE_ID, 1, 0}}, 255},
	{"icmp-type", VALUE_NUMBER, SIDES_NONE, {{LOAD_ICMP_TYPE, 1, 0}}, 255},
	{"icmp-code", VALUE_NUMBER, SIDES_NONE, {{LOAD_ICMP_CODE, 1, 0}}, 255},
	{"sampling", VALUE_COUNT, SIDES_NONE, {FLOW(LOAD_U32, sampling)}, 0},
	{"version", VALUE_NUMBER, SIDES_NONE, {EXTRA(LOAD_U16, version)}, 65535},
	{"direction", VALUE_NUMBER, SIDES_NONE, {EXTRA(LOAD_U8, direction)}, 255},
	{"forwarding", VALUE_NUMBER, SIDES_NONE, {EXTRA(LOAD_U8, forwarding)}, 255},
	{"qtype", VALUE_QTYPE, SIDES_NONE, {{LOAD_QTYPE, 0, 0}}, 65535},
	{"any", VALUE_WORD, SIDES_NONE, {FLOW(LOAD_U8, proto)}, FILTER_NONE},
	{"ipv4", VALUE_WORD, SIDES_NONE, {{LOAD_FAMILY, 0, 0}}, 4},
	{"ipv6", VALUE_WORD, SIDES_NONE, {{LOAD_FAMILY, 0, 0}}, 6},
	{"inet", VALUE_WORD, SIDES_NONE, {{LOAD_FAMILY, 0, 0}}, 4},
	{"inet6", VALUE_WORD, SIDES_NONE, {{LOAD_FAMILY, 0, 0}}, 6},
	{"fragment", VALUE_WORD, SIDES_NONE, {{LOAD_FRAGMENT, 0, 0}}, 1},
	{"dns", VALUE_WORD, SIDES_NONE, {{LOAD_DNS, 0, 0}}, 1},
	{"reverse", VALUE_WORD, SIDES_NONE, {EXTRA(LOAD_U8, reverse)}, 1},
	{"udp", VALUE_WORD, SIDES_NONE, {FLOW(LOAD_U8, proto)}, 17},
	{"tcp", VALUE_WORD, SIDES_NONE, {FLOW(LOAD_U8, proto)}, 6},
	{"icmp", VALUE_WORD, SIDES_NONE, {FLOW(LOAD_U8, proto)}, 1},
	{"icmp6", VALUE_WORD, SIDES_NONE, {FLOW(LOAD_U8, proto)}, 58},
};

static const char *const grammar[] = {"and", "or", "not", "src", "dst", "in", "out", "next", "last", "engine"};

enum { WORDS = sizeof(words) / sizeof(words[0]), GRAMMAR = sizeof(grammar) / sizeof(grammar[0]) };

const struct filter_word *
filter_word(const char *name, size_t n)
{
	for (size_t i = 0; i < WORDS; i++)
		if (strlen(words[i].name) == n && strncasecmp(words[i].name, name, n) == 0)
			return &words[i];
	return NULL;
}

const char *
filter_nearest(const char *text)
{
	struct nearest near;

	nearest_init(&near, text);
	for (size_t i = 0; i < WORDS; i++)
		nearest_try(&near, words[i].name);
	for (size_t i = 0; i < GRAMMAR; i++)
		nearest_try(&near, grammar[i]);
	return nearest_found(&near);
}

struct named {
	const char *name;
	int number;
};

static const struct named protocols[] = {
	{"icmp", 1}, {"igmp", 2}, {"ipip", 4}, {"tcp", 6}, {"egp", 8}, {"igp", 9}, {"udp", 17}, {"dccp", 33}, {"ipv6", 41},
	{"rsvp", 46}, {"gre", 47}, {"esp", 50}, {"ah", 51}, {"icmp6", 58}, {"ipv6-icmp", 58}, {"eigrp", 88}, {"ospf", 89},
	{"pim", 103}, {"ipcomp", 108}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136},
};

static const struct named services[] = {
	{"ftp", 21}, {"ssh", 22}, {"telnet", 23}, {"smtp", 25}, {"domain", 53}, {"dns", 53}, {"bootps", 67}, {"bootpc", 68},
	{"tftp", 69}, {"http", 80}, {"chargen", 19}, {"qotd", 17}, {"echo", 7}, {"discard", 9}, {"pop3", 110},
	{"sunrpc", 111}, {"portmap", 111}, {"ntp", 123}, {"netbios-ns", 137}, {"imap", 143}, {"snmp", 161},
	{"snmptrap", 162}, {"bgp", 179}, {"ldap", 389}, {"cldap", 389}, {"https", 443}, {"smb", 445}, {"syslog", 514},
	{"rip", 520}, {"submission", 587}, {"ipp", 631}, {"dot", 853}, {"ldaps", 636}, {"imaps", 993}, {"openvpn", 1194},
	{"l2tp", 1701}, {"ssdp", 1900}, {"rdp", 3389}, {"wsd", 3702}, {"sip", 5060}, {"mdns", 5353}, {"coap", 5683},
	{"vxlan", 4789}, {"http-alt", 8080}, {"memcached", 11211},
};

static int
find_named(const struct named *t, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(t[i].name, name) == 0)
			return t[i].number;
	return -1;
}

int
filter_proto(const char *name)
{
	return find_named(protocols, sizeof(protocols) / sizeof(protocols[0]), name);
}

int
filter_service(const char *name)
{
	return find_named(services, sizeof(services) / sizeof(services[0]), name);
}
