/* Builds packets from the inside out: start with a payload, then put headers before it. */
#ifndef TESTS_UNIT_PACKET_H
#define TESTS_UNIT_PACKET_H

#include <stdint.h>
#include <string.h>

enum { PACKET_ROOM = 4096 };

struct packet {
	uint8_t room[2 * PACKET_ROOM];
	uint8_t *p; /* first byte */
	size_t n;
};

static inline void
packet_payload(struct packet *k, const void *bytes, size_t n)
{
	k->p = k->room + PACKET_ROOM;
	k->n = n;
	memcpy(k->p, bytes, n);
}

static inline void
packet_wrap(struct packet *k, const void *header, size_t n)
{
	k->p -= n;
	k->n += n;
	memcpy(k->p, header, n);
}

static inline void
packet_append(struct packet *k, const void *bytes, size_t n)
{
	memcpy(k->p + k->n, bytes, n);
	k->n += n;
}

static inline void
packet_set16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
packet_udp(struct packet *k, unsigned int sport, unsigned int dport)
{
	uint8_t h[8] = {0};

	packet_set16(h, sport);
	packet_set16(h + 2, dport);
	packet_set16(h + 4, k->n + 8);
	packet_wrap(k, h, sizeof(h));
}

static inline void
packet_tcp(struct packet *k, unsigned int sport, unsigned int dport, uint8_t flags)
{
	uint8_t h[20] = {[12] = 0x50, [13] = flags};

	packet_set16(h, sport);
	packet_set16(h + 2, dport);
	packet_wrap(k, h, sizeof(h));
}

/* 192.0.2.N to 198.51.100.N, ttl 61, identification 0x1234 */
static inline void
packet_ip4(struct packet *k, uint8_t proto, uint8_t host, unsigned int frag)
{
	uint8_t h[20] = {0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 61, proto, 0, 0, 192, 0, 2, host, 198, 51, 100, host};

	packet_set16(h + 2, k->n + 20);
	packet_set16(h + 6, frag);
	packet_wrap(k, h, sizeof(h));
}

/* 2001:db8::1:N to 2001:db8::2:N, hop limit 62 */
static inline void
packet_ip6(struct packet *k, uint8_t next, uint8_t host)
{
	uint8_t h[40] = {0x60, 0, 0, 0, 0, 0, next, 62, 0x20, 1, 0x0d, 0xb8, [21] = 1, [23] = host, 0x20, 1, 0x0d, 0xb8,
		[37] = 2, [39] = host};

	packet_set16(h + 4, k->n);
	packet_wrap(k, h, sizeof(h));
}

static inline void
packet_ether(struct packet *k, unsigned int type)
{
	uint8_t h[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	packet_set16(h + 12, type);
	packet_wrap(k, h, sizeof(h));
}

/* ANY? example.com, id 0xbeef, RD */
static const uint8_t packet_query[] = {
	0xbe, 0xef, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0,
	7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 255, 0, 1,
};

#endif
