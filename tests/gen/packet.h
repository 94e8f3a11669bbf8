/* Packets with correct lengths and checksums, written to a classic pcap file (Ethernet, µs).
 *
 * Times are those of the event being fired.  Datagrams above the MTU leave in
 * fragments (RFC 791, RFC 8200 4.5) that share one identification.
 */
#ifndef TESTS_GEN_PACKET_H
#define TESTS_GEN_PACKET_H

#include "tests/gen/gen.h"

enum { MTU = 1500, FILLER_BYTES = 1 << 16 };

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct ends {
	struct addr src, dst;
	uint16_t sport, dport;
};

/* path "-": standard output.  snaplen cuts what is stored, never the length on the wire;
 * later fragments are cut at fragment_snaplen. */
struct packet_writer *packet_writer_open(struct gen *g, const char *path, uint32_t snaplen, uint32_t fragment_snaplen);
/* Returns the number of packets; ends the program when the file could not be written. */
uint64_t packet_writer_close(struct packet_writer *w);

void packet_udp(struct gen *g, const struct ends *e, const void *payload, size_t n);
/* The same with n bytes of filler behind the first `head_n`; the filler is a prepared buffer whose
 * sums are known, so this costs one copy.  Never fragmented: n at most MTU. */
void packet_udp_filled(struct gen *g, const struct ends *e, const void *head, size_t head_n, size_t n);
void packet_tcp(struct gen *g, const struct ends *e, uint32_t seq, uint32_t ack, unsigned int flags,
    const void *payload, size_t n);
void packet_tcp_filled(struct gen *g, const struct ends *e, uint32_t seq, uint32_t ack, unsigned int flags,
    size_t n);
void packet_echo(struct gen *g, const struct addr *src, const struct addr *dst, bool reply, uint16_t id, uint16_t seq,
    size_t n);
/* One IPv4 or IPv6 fragment of nothing: `bytes` of filler at `offset` (a multiple of 8). */
void packet_fragment(struct gen *g, const struct addr *src, const struct addr *dst, uint32_t id, uint32_t offset,
    bool more, size_t bytes);

#endif
