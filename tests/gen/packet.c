/* Packets and the capture file they go to; see packet.h.
 *
 * A frame is composed in place in the writer's output buffer.  Filler payload is a slice of one
 * prepared buffer with prefix sums, so that its share of a checksum is a subtraction.
 */
#include "tests/gen/packet.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	OUT_BYTES = 4 << 20, FRAME_ROOM = 16 + 14 + 48 + MTU + 64, ETHER = 14, IP4 = 20, IP6 = 40, FRAG6 = 8,
	PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_FRAGMENT6 = 44, PROTO_ICMP6 = 58,
};

struct packet_writer {
	int fd;
	uint32_t snaplen, fragment_snaplen;
	uint64_t packets;
	size_t used;
	uint8_t out[OUT_BYTES + FRAME_ROOM];
	uint8_t filler[FILLER_BYTES];
	uint64_t sums[FILLER_BYTES / 2 + 1]; /* of the big-endian words before */
	uint8_t datagram[FILLER_BYTES];      /* one that must be fragmented */
};

struct piece {
	const uint8_t *p;
	size_t n;
};

/* Where a frame sits in its datagram. */
struct part {
	uint32_t id, offset;
	bool fragment, more;
};

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* pcap's own header is written little-endian, whatever the machine */
static void
put32le(uint8_t *p, uint32_t v)
{
	for (unsigned int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t
sum_words(const uint8_t *p, size_t n)
{
	uint64_t s = 0;

	for (; n > 1; p += 2, n -= 2)
		s += (uint64_t)p[0] << 8 | p[1];
	return n > 0 ? s + ((uint64_t)p[0] << 8) : s;
}

static uint16_t
sum_fold(uint64_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void
flush(struct packet_writer *w)
{
	for (size_t done = 0; done < w->used;) {
		ssize_t n = write(w->fd, w->out + done, w->used - done);

		if (n <= 0)
			gen_fail("the output could not be written");
		done += (size_t)n;
	}
	w->used = 0;
}

struct packet_writer *
packet_writer_open(struct gen *g, const char *path, uint32_t snaplen, uint32_t fragment_snaplen)
{
	struct packet_writer *w = gen_alloc(g, 1, sizeof(*w));
	struct rng r = rng_seeded(0x66696c6c);

	w->fd = strcmp(path, "-") == 0 ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (w->fd < 0)
		gen_fail("cannot write %s", path);
	w->snaplen = snaplen;
	w->fragment_snaplen = fragment_snaplen;
	for (size_t i = 0; i < FILLER_BYTES; i++)
		w->filler[i] = (uint8_t)rng_next(&r);
	for (size_t i = 0; i < FILLER_BYTES / 2; i++)
		w->sums[i + 1] = w->sums[i] + sum_words(w->filler + 2 * i, 2);
	put32le(w->out, 0xa1b2c3d4);
	put32le(w->out + 4, 4 << 16 | 2);
	put32le(w->out + 16, snaplen);
	put32le(w->out + 20, 1);
	w->used = 24;
	return w;
}

uint64_t
packet_writer_close(struct packet_writer *w)
{
	flush(w);
	if (w->fd != STDOUT_FILENO && close(w->fd) != 0)
		gen_fail("the output could not be written");
	return w->packets;
}

/* A slice of the filler and its sum. */
static struct piece
filler(struct packet_writer *w, size_t n, uint64_t *sum)
{
	size_t at = (size_t)(w->packets * 74) % (FILLER_BYTES - 2 * MTU) & ~(size_t)1;

	*sum = w->sums[(at + n) / 2] - w->sums[at / 2];
	if (n % 2 != 0)
		*sum += (uint64_t)w->filler[at + n - 1] << 8;
	return (struct piece){w->filler + at, n};
}

static uint8_t *
ip4_header(uint8_t *p, const struct addr *src, const struct addr *dst, unsigned int proto, const struct part *part,
    size_t n)
{
	memset(p, 0, IP4);
	p[0] = 0x45;
	put16(p + 2, (uint32_t)(IP4 + n));
	put16(p + 4, part->id & 0xffff);
	put16(p + 6, part->offset / 8 | (part->more ? 0x2000 : 0) | (part->fragment ? 0 : 0x4000));
	p[8] = (uint8_t)(64 - (src->b[14] & 7));
	p[9] = (uint8_t)proto;
	memcpy(p + 12, src->b + 12, 4);
	memcpy(p + 16, dst->b + 12, 4);
	put16(p + 10, sum_fold(sum_words(p, IP4)));
	return p + IP4;
}

static uint8_t *
ip6_header(uint8_t *p, const struct addr *src, const struct addr *dst, unsigned int proto, const struct part *part,
    size_t n)
{
	memset(p, 0, IP6 + FRAG6);
	p[0] = 0x60;
	put16(p + 4, (uint32_t)(n + (part->fragment ? FRAG6 : 0)));
	p[6] = (uint8_t)(part->fragment ? PROTO_FRAGMENT6 : proto);
	p[7] = (uint8_t)(64 - (src->b[14] & 7));
	memcpy(p + 8, src->b, 16);
	memcpy(p + 24, dst->b, 16);
	if (!part->fragment)
		return p + IP6;
	p[IP6] = (uint8_t)proto;
	put16(p + IP6 + 2, part->offset | (part->more ? 1 : 0));
	put32(p + IP6 + 4, part->id);
	return p + IP6 + FRAG6;
}

static void
frame(struct gen *g, const struct addr *src, const struct addr *dst, unsigned int proto, const struct part *part,
    const struct piece *piece, size_t pieces)
{
	struct packet_writer *w = g->out;
	uint8_t *record = w->out + w->used, *start = record + 16, *p = start;
	uint32_t wirelen, caplen = part->offset > 0 ? w->fragment_snaplen : w->snaplen;
	bool v4 = addr_is_v4(src);
	size_t n = 0;

	for (size_t i = 0; i < pieces; i++)
		n += piece[i].n;
	/* locally administered MAC addresses: everything arrives through one router port */
	memcpy(p, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	put16(p + 12, v4 ? 0x0800 : 0x86dd);
	p += ETHER;
	p = v4 ? ip4_header(p, src, dst, proto, part, n) : ip6_header(p, src, dst, proto, part, n);
	for (size_t i = 0; i < pieces; i++) {
		if (piece[i].n > 0)
			memcpy(p, piece[i].p, piece[i].n);
		p += piece[i].n;
	}
	wirelen = (uint32_t)(p - start);
	caplen = wirelen < caplen ? wirelen : caplen;
	put32le(record, (uint32_t)(g->now_ns / SECOND));
	put32le(record + 4, (uint32_t)(g->now_ns % SECOND / 1000));
	put32le(record + 8, caplen);
	put32le(record + 12, wirelen);
	w->used += 16 + caplen;
	w->packets++;
	if (w->used >= OUT_BYTES)
		flush(w);
}

static uint64_t
pseudo_sum(const struct addr *src, const struct addr *dst, unsigned int proto, size_t n)
{
	size_t from = addr_is_v4(src) ? 12 : 0;

	return sum_words(src->b + from, 16 - from) + sum_words(dst->b + from, 16 - from) + proto + n;
}

static void
udp_header(uint8_t h[8], const struct ends *e, size_t n, uint64_t payload_sum)
{
	uint16_t sum;

	put16(h, e->sport);
	put16(h + 2, e->dport);
	put16(h + 4, (uint32_t)(8 + n));
	put16(h + 6, 0);
	sum = sum_fold(payload_sum + sum_words(h, 8) + pseudo_sum(&e->src, &e->dst, PROTO_UDP, 8 + n));
	put16(h + 6, sum == 0 ? 0xffff : sum); /* RFC 768: zero would mean "none" */
}

static void
fragments(struct gen *g, const struct ends *e, const uint8_t h[8], const uint8_t *payload, size_t n)
{
	struct packet_writer *w = g->out;
	bool v4 = addr_is_v4(&e->src);
	size_t room = (size_t)(MTU - (v4 ? IP4 : IP6 + FRAG6)) & ~(size_t)7, total = 8 + n;
	struct part part = {.id = ++g->ip_id, .fragment = true};

	memcpy(w->datagram, h, 8);
	memcpy(w->datagram + 8, payload, n);
	for (size_t at = 0; at < total; at += room) {
		struct piece piece = {w->datagram + at, total - at < room ? total - at : room};

		part.offset = (uint32_t)at;
		part.more = at + room < total;
		frame(g, &e->src, &e->dst, PROTO_UDP, &part, &piece, 1);
	}
}

void
packet_udp(struct gen *g, const struct ends *e, const void *payload, size_t n)
{
	uint8_t h[8];
	size_t head = addr_is_v4(&e->src) ? IP4 : IP6;

	if (8 + n > FILLER_BYTES - 1)
		gen_fail("a datagram of %zu bytes is too long", n);
	udp_header(h, e, n, sum_words(payload, n));
	if (head + 8 + n > MTU) {
		fragments(g, e, h, payload, n);
	} else {
		struct piece piece[2] = {{h, 8}, {payload, n}};
		struct part whole = {.id = ++g->ip_id};

		frame(g, &e->src, &e->dst, PROTO_UDP, &whole, piece, 2);
	}
}

void
packet_udp_filled(struct gen *g, const struct ends *e, const void *head, size_t head_n, size_t n)
{
	uint8_t h[8];
	uint64_t sum;
	size_t room = (size_t)MTU - 8 - (addr_is_v4(&e->src) ? IP4 : IP6);
	size_t fill = head_n + n > room ? room - head_n : n;
	struct piece piece[3] = {{h, 8}, {head, head_n}, filler(g->out, fill, &sum)};
	struct part whole = {.id = ++g->ip_id};

	/* an even head keeps the filler's words aligned */
	udp_header(h, e, head_n + fill, sum + (head_n > 0 ? sum_words(head, head_n) : 0));
	frame(g, &e->src, &e->dst, PROTO_UDP, &whole, piece + 0, 3);
}

static void
tcp_header(uint8_t h[20], const struct ends *e, uint32_t seq, uint32_t ack, unsigned int flags, size_t n,
    uint64_t payload_sum)
{
	memset(h, 0, 20);
	put16(h, e->sport);
	put16(h + 2, e->dport);
	put32(h + 4, seq);
	put32(h + 8, (flags & TCP_ACK) != 0 ? ack : 0);
	h[12] = 5 << 4;
	h[13] = (uint8_t)flags;
	put16(h + 14, 0xfaf0);
	put16(h + 16, sum_fold(payload_sum + sum_words(h, 20) + pseudo_sum(&e->src, &e->dst, PROTO_TCP, 20 + n)));
}

void
packet_tcp(struct gen *g, const struct ends *e, uint32_t seq, uint32_t ack, unsigned int flags,
    const void *payload, size_t n)
{
	uint8_t h[20];
	struct piece piece[2] = {{h, 20}, {payload, n}};
	struct part whole = {.id = ++g->ip_id};

	if (n > MTU - IP6 - 20)
		gen_fail("a TCP segment of %zu bytes is too long", n);
	tcp_header(h, e, seq, ack, flags, n, n > 0 ? sum_words(payload, n) : 0);
	frame(g, &e->src, &e->dst, PROTO_TCP, &whole, piece, n > 0 ? 2 : 1);
}

void
packet_tcp_filled(struct gen *g, const struct ends *e, uint32_t seq, uint32_t ack, unsigned int flags,
    size_t n)
{
	uint8_t h[20];
	uint64_t sum;
	size_t room = (size_t)MTU - 20 - (addr_is_v4(&e->src) ? IP4 : IP6);
	struct piece piece[2] = {{h, 20}, filler(g->out, n > room ? room : n, &sum)};
	struct part whole = {.id = ++g->ip_id};

	tcp_header(h, e, seq, ack, flags, piece[1].n, sum);
	frame(g, &e->src, &e->dst, PROTO_TCP, &whole, piece, 2);
}

void
packet_echo(struct gen *g, const struct addr *src, const struct addr *dst, bool reply, uint16_t id, uint16_t seq,
    size_t n)
{
	bool v4 = addr_is_v4(src);
	unsigned int proto = v4 ? PROTO_ICMP : PROTO_ICMP6;
	uint8_t h[8] = {0};
	uint64_t sum;
	struct piece piece[2] = {{h, 8}, filler(g->out, n, &sum)};
	struct part whole = {.id = ++g->ip_id};

	h[0] = (uint8_t)(v4 ? (reply ? 0 : 8) : (reply ? 129 : 128));
	put16(h + 4, id);
	put16(h + 6, seq);
	sum += sum_words(h, 8);
	put16(h + 2, sum_fold(v4 ? sum : sum + pseudo_sum(src, dst, proto, 8 + n)));
	frame(g, src, dst, proto, &whole, piece, 2);
}

void
packet_fragment(struct gen *g, const struct addr *src, const struct addr *dst, uint32_t id, uint32_t offset,
    bool more, size_t bytes)
{
	uint64_t sum;
	size_t room = (size_t)(MTU - (addr_is_v4(src) ? IP4 : IP6 + FRAG6)) & ~(size_t)7;
	struct piece piece = filler(g->out, bytes > room ? room : bytes, &sum);
	struct part part = {id, offset & ~(uint32_t)7, true, more};

	frame(g, src, dst, PROTO_UDP, &part, &piece, 1);
}
