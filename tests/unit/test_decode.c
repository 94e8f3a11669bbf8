#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "collector/source.h"
#include "tests/unit/packet.h"

enum { ETHERNET = 1, RAW = 101 };

struct result {
	struct flow_batch batch;
	struct decode_stats stats;
};

static struct result r;
static struct packet k;

static int
setup(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	return flow_batch_init(&r.batch, 64);
}

static int
teardown(void **state)
{
	(void)state;
	flow_batch_done(&r.batch);
	return 0;
}

/* Decodes an exact-size copy, so that the sanitizers see a read past the captured bytes. */
static void
decode(uint16_t link, size_t caplen, size_t wirelen)
{
	uint8_t *copy = malloc(caplen > 0 ? caplen : 1);
	struct raw_packet p = {.t_ns = 77, .caplen = (uint32_t)caplen, .wirelen = (uint32_t)wirelen, .link = link, .input = 3};
	struct block b = {.data = copy, .size = caplen, .packet = &p, .n = 1};

	memcpy(copy, k.p, caplen);
	flow_batch_reset(&r.batch);
	memset(&r.stats, 0, sizeof(r.stats));
	assert_int_equal(packets_decode(&b, 0, 1, &r.batch, &r.stats), 1);
	assert_int_equal(r.stats.packets, 1);
	assert_int_equal(r.stats.bytes, wirelen);
	free(copy); /* what a view borrows is not looked at below */
}

static void
assert_one(uint8_t proto, uint64_t bytes, uint16_t sport, uint16_t dport)
{
	const struct flow *f = r.batch.flow;

	assert_int_equal(r.batch.n, 1);
	assert_int_equal(f->proto, proto);
	assert_int_equal(f->bytes, bytes);
	assert_int_equal(f->packets, 1);
	assert_int_equal(f->sampling, 1);
	assert_int_equal(f->exporter, 3);
	assert_int_equal(f->start_ns, 77);
	assert_int_equal(f->end_ns, 77);
	assert_int_equal(f->sport, sport);
	assert_int_equal(f->dport, dport);
}

static void
assert_rejected(enum decode_reject why)
{
	for (int i = 0; i < REJECT_KINDS; i++)
		assert_int_equal(r.stats.rejected[i], i == (int)why);
}

static void
assert_host(uint8_t host)
{
	assert_int_equal(r.batch.flow[0].src.b[15], host);
	assert_int_equal(r.batch.flow[0].dst.b[15], host);
}

/* the packet inside every tunnel below: 57 bytes of IPv4 from host 1 */
static void
inner(void)
{
	packet_payload(&k, packet_query, sizeof(packet_query));
	packet_udp(&k, 4000, 53);
	packet_ip4(&k, 17, 1, 0x4000);
}

static void
inner6(void)
{
	packet_payload(&k, packet_query, sizeof(packet_query));
	packet_udp(&k, 53, 4000);
	packet_ip6(&k, 17, 1);
}

static void
assert_inner(void)
{
	assert_one(17, 57, 4000, 53);
	assert_host(1);
	assert_int_equal(r.batch.flow[0].ttl, 61);
	assert_int_equal(r.batch.flow[0].flags, 0);
	assert_non_null(r.batch.flow[0].dns);
	assert_int_equal(r.batch.flow[0].dns->qtype, DNS_ANY);
	assert_int_equal(r.batch.flow[0].dns->size, sizeof(packet_query));
	assert_int_equal(r.batch.flow[0].dns->name_len, 13);
	assert_rejected(REJECT_KINDS);
}

static void
assert_inner6(void)
{
	assert_one(17, 77, 53, 4000);
	assert_host(1);
	assert_int_equal(r.batch.flow[0].flags, FLOW_IP6);
	assert_int_equal(r.batch.flow[0].ttl, 62);
	assert_non_null(r.batch.flow[0].dns);
	assert_rejected(REJECT_KINDS);
}

/* --- links -------------------------------------------------------------------------------------- */

struct prefix_case {
	const char *name;
	uint16_t link;
	uint8_t n;
	uint8_t header[48];
};

#define MACS 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2

/* whole headers to put before the IPv4 packet */
static const struct prefix_case links[] = {
	{"ethernet", 1, 14, {MACS, 8, 0}},
	{"vlan", 1, 18, {MACS, 0x81, 0, 0, 5, 8, 0}},
	{"qinq", 1, 22, {MACS, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0}},
	{"three tags", 1, 26, {MACS, 0x91, 0, 0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7, 8, 0}},
	{"mpls", 1, 22, {MACS, 0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64}},
	{"mpls pseudowire with control word", 1, 36,
	    {MACS, 0x88, 0x47, 0, 0, 0x11, 64, 0, 0, 0, 0, MACS, 8, 0}},
	{"mpls pseudowire", 1, 32, {MACS, 0x88, 0x47, 0, 0, 0x11, 64, MACS, 8, 0}},
	{"pppoe", 1, 22, {MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 59, 0, 0x21}},
	{"pppoe in vlan", 1, 26, {MACS, 0x81, 0, 0, 9, 0x88, 0x64, 0x11, 0, 0, 1, 0, 59, 0, 0x21}},
	{"llc snap", 1, 22, {MACS, 0, 65, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}},
	{"provider backbone", 1, 32, {MACS, 0x88, 0xe7, 0, 0, 0, 1, MACS, 8, 0}},
	{"raw", 101, 0, {0}}, {"raw, bsd", 12, 0, {0}}, {"raw, openbsd", 14, 0, {0}}, {"ipv4", 228, 0, {0}},
	{"null, little", 0, 4, {2, 0, 0, 0}}, {"null, big", 0, 4, {0, 0, 0, 2}}, {"loop", 108, 4, {0, 0, 0, 2}},
	{"ppp", 9, 4, {0xff, 3, 0, 0x21}}, {"ppp, bare", 9, 2, {0, 0x21}}, {"ppp, short protocol", 9, 1, {0x21}},
	{"ppp hdlc", 50, 4, {0xff, 3, 0, 0x21}}, {"cisco hdlc", 104, 4, {0x0f, 0, 8, 0}},
	{"pppd", 166, 4, {1, 3, 0, 0x21}}, {"pppoe link", 51, 8, {0x11, 0, 0, 1, 0, 59, 0, 0x21}},
	{"cooked", 113, 16, {0, 0, 0, 1, 0, 6, MACS, 0, 0}},
	{"cooked 2", 276, 20, {8, 0}},
	{"pflog", 117, 48, {45, 2}},
	{"nflog", 239, 16, {2, 0, 0, 0, 5, 0, 10, 0, 7, 0, 0, 0, 61, 0, 9, 0}},
	{"nflog, big-endian", 239, 16, {2, 0, 0, 0, 0, 5, 0, 10, 7, 0, 0, 0, 0, 61, 0, 9}},
};

static void
test_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		uint8_t h[48];

		print_message("%s\n", links[i].name);
		memcpy(h, links[i].header, sizeof(h));
		if (links[i].link == 113)
			packet_set16(h + 14, 0x0800);
		inner();
		packet_wrap(&k, h, links[i].n);
		decode(links[i].link, k.n, k.n);
		assert_inner();
		/* the capture may stop at any byte of it without anything being read behind */
		for (size_t cut = 0; cut < k.n; cut++) {
			decode(links[i].link, cut, k.n);
			if (r.batch.n == 1)
				assert_true((r.batch.flow[0].flags & FLOW_CUT) != 0);
			else
				assert_rejected(REJECT_TRUNCATED);
		}
	}
}

static void
test_links_without_ip(void **state)
{
	static const uint8_t arp[46] = {0, 1, 8, 0, 6, 4, 0, 1};

	(void)state;
	packet_payload(&k, arp, sizeof(arp));
	packet_ether(&k, 0x0806);
	decode(ETHERNET, k.n, k.n);
	assert_int_equal(r.batch.n, 0);
	assert_rejected(REJECT_NOT_IP);
	decode(9999, k.n, k.n);
	assert_rejected(REJECT_LINK_TYPE);
	for (int i = 0; i < 20; i++)
		packet_wrap(&k, "\x81\x00\x00\x01", 4);
	packet_wrap(&k, (const uint8_t[]){MACS}, 12);
	decode(ETHERNET, k.n, k.n);
	assert_rejected(REJECT_TOO_DEEP);
}

/* --- tunnels ------------------------------------------------------------------------------------ */

#define ETHER_IP4 MACS, 8, 0

/* headers between the outer IPv4 (GRE) or UDP header and the inner packet */
static const struct {
	const char *name;
	uint16_t port; /* 0: GRE */
	uint8_t n;
	uint8_t header[40];
} tunnels[] = {
	{"gre", 0, 4, {0, 0, 8, 0}},
	{"gre, checksum key sequence", 0, 16, {0xb0, 0, 8, 0}},
	{"gre, ethernet", 0, 18, {0, 0, 0x65, 0x58, ETHER_IP4}},
	{"pptp", 0, 20, {0x30, 0x81, 0x88, 0x0b, 0, 61, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21}},
	{"erspan 1", 0, 18, {0, 0, 0x88, 0xbe, ETHER_IP4}},
	{"erspan 2", 0, 30, {0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0, ETHER_IP4}},
	{"erspan 3", 0, 34, {0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ETHER_IP4}},
	{"gre, mpls", 0, 8, {0, 0, 0x88, 0x47, 0, 0, 1, 64}},
	{"vxlan", 4789, 22, {8, 0, 0, 0, 0, 0, 7, 0, ETHER_IP4}},
	{"vxlan, linux", 8472, 22, {8, 0, 0, 0, 0, 0, 7, 0, ETHER_IP4}},
	{"geneve with an option", 6081, 26, {1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0, ETHER_IP4}},
	{"gtp", 2152, 8, {0x30, 255, 0, 57, 0, 0, 0, 1}},
	{"gtp, sequence", 2152, 12, {0x32, 255, 0, 61, 0, 0, 0, 1, 0, 1, 0, 0}},
	{"gtp, extension", 2152, 16, {0x34, 255, 0, 65, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 0, 0}},
	{"gre in udp", 4754, 4, {0, 0, 8, 0}},
};

static void
outer(uint16_t port)
{
	if (port != 0)
		packet_udp(&k, 40000, port);
	packet_ip4(&k, port != 0 ? 17 : 47, 9, 0);
}

static void
test_tunnels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		print_message("%s\n", tunnels[i].name);
		inner();
		packet_wrap(&k, tunnels[i].header, tunnels[i].n);
		outer(tunnels[i].port);
		packet_ether(&k, 0x0800);
		decode(ETHERNET, k.n, k.n);
		assert_inner();
		for (size_t cut = 0; cut < k.n; cut++)
			decode(ETHERNET, cut, k.n);
		/* an inner packet that is none leaves the outer flow as it is */
		inner();
		k.p[0] = 0x95;
		packet_wrap(&k, tunnels[i].header, tunnels[i].n);
		outer(tunnels[i].port);
		decode(RAW, k.n, k.n);
		assert_one(tunnels[i].port != 0 ? 17 : 47, k.n, tunnels[i].port != 0 ? 40000 : 0, tunnels[i].port);
		assert_host(9);
		assert_rejected(REJECT_KINDS);
	}
}

static void
test_ip_in_ip(void **state)
{
	(void)state;
	inner();
	packet_ip4(&k, 4, 9, 0);
	decode(RAW, k.n, k.n);
	assert_inner();
	inner();
	packet_ip6(&k, 4, 9);
	decode(RAW, k.n, k.n);
	assert_inner();
	inner6();
	packet_ip4(&k, 41, 9, 0);
	decode(RAW, k.n, k.n);
	assert_inner6();
	for (int i = 0; i < 20; i++)
		packet_ip4(&k, 4, 9, 0);
	decode(RAW, k.n, k.n);
	assert_one(4, r.batch.flow[0].bytes, 0, 0);
	assert_rejected(REJECT_TOO_DEEP);
}

static void
test_teredo(void **state)
{
	static const uint8_t origin[] = {0, 0, 1, 2, 3, 4, 5, 6}, auth[] = {0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0};

	(void)state;
	inner6();
	packet_udp(&k, 3544, 50000);
	packet_ip4(&k, 17, 9, 0);
	decode(RAW, k.n, k.n);
	assert_inner6();
	inner6();
	packet_wrap(&k, origin, sizeof(origin));
	packet_wrap(&k, auth, sizeof(auth));
	packet_udp(&k, 50000, 3544);
	packet_ip4(&k, 17, 9, 0);
	decode(RAW, k.n, k.n);
	assert_inner6();
}

/* A tunnel in fragments: what the first one holds of the inside is read, at its full length. */
static void
test_fragmented_tunnel(void **state)
{
	(void)state;
	inner();
	k.n -= 8;
	packet_wrap(&k, "\0\0\x08\0", 4);
	packet_ip4(&k, 47, 9, 0x2000);
	decode(RAW, k.n, k.n);
	assert_one(17, 57, 4000, 53);
	assert_host(1);
	assert_int_equal(r.batch.flow[0].flags, FLOW_CUT);
}

/* --- IP ----------------------------------------------------------------------------------------- */

static void
test_fragments(void **state)
{
	static const uint8_t first[] = {17, 0, 0, 1, 0, 0, 0xab, 0xcd}, later[] = {17, 0, 0, 8, 0, 0, 0xab, 0xcd};

	(void)state;
	packet_payload(&k, packet_query, sizeof(packet_query));
	packet_udp(&k, 53, 4000);
	packet_set16(k.p + 4, 4097); /* the datagram goes on in later fragments */
	packet_ip4(&k, 17, 1, 0x2000);
	packet_ether(&k, 0x0800);
	decode(ETHERNET, k.n, k.n);
	assert_one(17, 57, 53, 4000);
	assert_int_equal(r.batch.flow[0].flags, FLOW_FRAG_FIRST);
	assert_int_equal(r.batch.flow[0].frag_id, 0x1234);
	assert_int_equal(r.batch.flow[0].dns->size, 4089);
	assert_int_equal(r.batch.flow[0].dns->captured, sizeof(packet_query));

	packet_payload(&k, packet_query, sizeof(packet_query));
	packet_ip4(&k, 17, 1, 185);
	decode(RAW, k.n, k.n);
	assert_one(17, 49, 0, 0);
	assert_int_equal(r.batch.flow[0].flags, FLOW_FRAG_LATER);
	assert_int_equal(r.batch.flow[0].frag_id, 0x1234);

	inner6();
	k.p += 40;
	k.n -= 40;
	packet_set16(k.p + 4, 2000);
	packet_wrap(&k, first, sizeof(first));
	packet_ip6(&k, 44, 1);
	decode(RAW, k.n, k.n);
	assert_one(17, 85, 53, 4000);
	assert_int_equal(r.batch.flow[0].flags, FLOW_IP6 | FLOW_FRAG_FIRST);
	assert_int_equal(r.batch.flow[0].frag_id, 0xabcd);
	memcpy(k.p + 40, later, sizeof(later));
	decode(RAW, k.n, k.n);
	assert_one(17, 85, 0, 0);
	assert_int_equal(r.batch.flow[0].flags, FLOW_IP6 | FLOW_FRAG_LATER);
}

static void
test_extension_headers(void **state)
{
	static const uint8_t options[8] = {17, 0}, ah[12] = {60, 1};

	(void)state;
	inner6();
	k.p += 40;
	k.n -= 40;
	packet_wrap(&k, options, 8);
	packet_wrap(&k, ah, 12);
	packet_wrap(&k, (const uint8_t[8]){51}, 8);
	packet_ip6(&k, 0, 1);
	packet_ether(&k, 0x86dd);
	decode(ETHERNET, k.n, k.n);
	assert_one(17, 77 + 28, 53, 4000);
	assert_non_null(r.batch.flow[0].dns);
	/* a header that runs over the packet */
	k.p[14 + 40 + 1] = 40;
	decode(ETHERNET, k.n, k.n);
	assert_rejected(REJECT_BAD_IP);
}

static void
test_lengths(void **state)
{
	static const uint8_t padding[64] = {0};

	(void)state;
	/* padding behind a short packet is not traffic */
	inner();
	packet_ether(&k, 0x0800);
	packet_append(&k, padding, 20);
	decode(ETHERNET, k.n, k.n);
	assert_inner();
	/* segmentation offload leaves no total length */
	packet_payload(&k, padding, 40);
	packet_tcp(&k, 80, 4000, 0x18);
	packet_ip4(&k, 6, 1, 0);
	packet_set16(k.p + 2, 0);
	packet_ether(&k, 0x0800);
	decode(ETHERNET, k.n, 60000);
	assert_one(6, 60000 - 14, 80, 4000);
	assert_int_equal(r.batch.flow[0].tcp_flags, 0x18);
	/* a total length beyond the wire, below the header, and a wrong version */
	packet_set16(k.p + 16, 1000);
	decode(ETHERNET, k.n, k.n);
	assert_rejected(REJECT_BAD_IP);
	packet_set16(k.p + 16, 19);
	decode(ETHERNET, k.n, k.n);
	assert_rejected(REJECT_BAD_IP);
	k.p[14] = 0x65;
	decode(ETHERNET, k.n, k.n);
	assert_rejected(REJECT_BAD_IP);
	/* a UDP length that lies: the packet was there, the message is not */
	inner();
	packet_set16(k.p + 24, 38);
	decode(RAW, k.n, k.n);
	assert_one(17, 57, 4000, 53);
	assert_null(r.batch.flow[0].dns);
	assert_rejected(REJECT_BAD_TRANSPORT);
	packet_set16(k.p + 24, 7);
	decode(RAW, k.n, k.n);
	assert_rejected(REJECT_BAD_TRANSPORT);
	/* IPv4 options */
	inner();
	k.p += 20;
	k.n -= 20;
	packet_wrap(&k, padding, 8);
	packet_ip4(&k, 17, 1, 0);
	k.p[0] = 0x47;
	packet_ether(&k, 0x0800);
	decode(ETHERNET, k.n, k.n);
	assert_one(17, 65, 4000, 53);
	assert_non_null(r.batch.flow[0].dns);
}

static void
test_icmp(void **state)
{
	(void)state;
	inner();
	packet_wrap(&k, "\x03\x03\0\0\0\0\0\0", 8);
	packet_ip4(&k, 1, 2, 0);
	packet_ether(&k, 0x0800);
	decode(ETHERNET, k.n, k.n);
	assert_one(1, 85, 0, 0);
}

/* --- DNS over TCP ------------------------------------------------------------------------------- */

static void
put_message(uint8_t *to, size_t *n, uint8_t id)
{
	packet_set16(to + *n, sizeof(packet_query));
	memcpy(to + *n + 2, packet_query, sizeof(packet_query));
	to[*n + 2] = id;
	*n += 2 + sizeof(packet_query);
}

static void
segment(const uint8_t *bytes, size_t n)
{
	packet_payload(&k, bytes, n);
	packet_tcp(&k, 4000, 53, 0x18);
	packet_ip4(&k, 6, 1, 0);
	packet_ether(&k, 0x0800);
	decode(ETHERNET, k.n, k.n);
}

static void
test_tcp_messages(void **state)
{
	uint8_t bytes[200];
	size_t n = 0;

	(void)state;
	put_message(bytes, &n, 1);
	put_message(bytes, &n, 2);
	put_message(bytes, &n, 3);
	segment(bytes, n);
	assert_int_equal(r.batch.n, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(r.batch.flow[i].packets, i == 0);
		assert_int_equal(r.batch.flow[i].bytes, i == 0 ? 40 + n : 0);
		assert_int_equal(r.batch.flow[i].dns->id >> 8, i + 1);
		assert_int_equal(r.batch.flow[i].dns->size, sizeof(packet_query));
	}
	/* only the start of a long message */
	packet_set16(bytes, 3000);
	segment(bytes, 40);
	assert_int_equal(r.batch.n, 1);
	assert_int_equal(r.batch.flow[0].dns->size, 3000);
	/* the question not whole, the prefix alone, the middle of something */
	segment(bytes, 20);
	assert_int_equal(r.batch.n, 1);
	assert_null(r.batch.flow[0].dns);
	segment(bytes, 2);
	assert_null(r.batch.flow[0].dns);
	segment(bytes + 5, 30);
	assert_null(r.batch.flow[0].dns);
	assert_rejected(REJECT_KINDS);
	/* an acknowledgement */
	segment(bytes, 0);
	assert_int_equal(r.batch.n, 1);
	assert_int_equal(r.batch.flow[0].bytes, 40);
}

static void
test_bad_dns(void **state)
{
	(void)state;
	packet_payload(&k, "hello", 5);
	packet_udp(&k, 4000, 53);
	packet_ip4(&k, 17, 1, 0);
	decode(RAW, k.n, k.n);
	assert_one(17, 33, 4000, 53);
	assert_null(r.batch.flow[0].dns);
	assert_rejected(REJECT_BAD_DNS);
	inner();
	k.p[28 + 12] = 0xc0;
	decode(RAW, k.n, k.n);
	assert_true(r.batch.flow[0].dns->malformed);
	assert_rejected(REJECT_BAD_DNS);
}

/* A batch that fills up stops before the packet that does not fit whole. */
static void
test_full_batch(void **state)
{
	uint8_t bytes[200];
	size_t n = 0;
	struct raw_packet p[3];
	struct block b = {.packet = p, .n = 3};
	struct flow_batch small;
	struct decode_stats stats = {0};

	(void)state;
	put_message(bytes, &n, 1);
	put_message(bytes, &n, 2);
	segment(bytes, n);
	for (int i = 0; i < 3; i++)
		p[i] = (struct raw_packet){.caplen = (uint32_t)k.n, .wirelen = (uint32_t)k.n, .link = ETHERNET};
	b.data = k.p;
	b.size = k.n;
	assert_int_equal(flow_batch_init(&small, 3), 0);
	assert_int_equal(packets_decode(&b, 0, 3, &small, &stats), 1);
	assert_int_equal(small.n, 2);
	assert_int_equal(small.dns_n, 2);
	assert_int_equal(stats.packets, 1);
	flow_batch_reset(&small);
	assert_int_equal(packets_decode(&b, 1, 2, &small, &stats), 1);
	assert_int_equal(stats.packets, 2);
	flow_batch_done(&small);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_links), T(test_links_without_ip), T(test_tunnels), T(test_ip_in_ip), T(test_teredo),
		T(test_fragmented_tunnel), T(test_fragments), T(test_extension_headers), T(test_lengths), T(test_icmp),
		T(test_tcp_messages), T(test_bad_dns), T(test_full_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
