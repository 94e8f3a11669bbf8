/* Datagrams: many in one system call, and each of those perhaps a train of several (UDP_GRO), which the
 * network stack then handles as one.
 *
 * Drops are asked for by SO_MEMINFO, once a block: SO_RXQ_OVFL would put the same number beside each
 * datagram, and tell nothing as long as nothing arrives any more.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "collector/listen.h"

enum { ROUNDS = 8 };

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

struct udp_receiver {
	struct mmsghdr msg[LISTEN_SLOTS];
	struct iovec iov[LISTEN_SLOTS];
	struct sockaddr_storage from[LISTEN_SLOTS];
	struct control control[LISTEN_SLOTS];
	size_t want; /* messages asked for at once: about a block's worth of flows */
};

struct udp_receiver *
udp_receiver_new(void)
{
	struct udp_receiver *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	for (size_t i = 0; i < LISTEN_SLOTS; i++) {
		u->iov[i].iov_len = LISTEN_STRIDE;
		u->msg[i].msg_hdr = (struct msghdr){.msg_iov = &u->iov[i], .msg_iovlen = 1, .msg_name = &u->from[i],
			.msg_control = &u->control[i]};
	}
	u->want = LISTEN_SLOTS;
	return u;
}

void
udp_receiver_free(struct udp_receiver *u)
{
	free(u);
}

void
udp_prepare(int fd)
{
	/* kernels before 5.0 do not have it, which costs speed alone */
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &(int){1}, sizeof(int));
}

uint32_t
udp_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t n = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

/* The size of a train's datagrams; only the last may be smaller. */
static size_t
train(struct msghdr *h, size_t n)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		int size;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 ? (size_t)size : n;
	}
	return n;
}

static void
decode(struct mmsghdr *m, const uint8_t *p, int64_t now, const struct listen_sink *to)
{
	struct export_from from = {.seen_ns = now};
	size_t n = m->msg_len, size = train(&m->msg_hdr, n), datagrams = 0;

	from.addr = listen_addr(m->msg_hdr.msg_name, &from.port);
	do {
		size_t part = size < n ? size : n;

		export_datagram(to->export, &from, p, part, &to->block->flows);
		datagrams++;
		p += part;
		n -= part;
	} while (n > 0);
	listen_count(&to->counts->datagrams, datagrams);
	listen_count(&to->counts->bytes, m->msg_len);
}

/* Messages that carry many flows each are asked for in smaller numbers. */
static void
adapt(struct udp_receiver *u, size_t messages, size_t flows)
{
	size_t each = flows / messages + 1, want = LISTEN_FLOWS / each;

	u->want = want < 1 ? 1 : want > LISTEN_SLOTS ? LISTEN_SLOTS : want;
}

void
udp_receive(struct udp_receiver *u, int fd, const struct listen_sink *to)
{
	struct block *b = to->block;

	for (int round = 0; round < ROUNDS && !listen_full(to); round++) {
		size_t room = (LISTEN_BYTES - b->size) / LISTEN_STRIDE, ask = room < u->want ? room : u->want;
		size_t views = b->flows.dns_n, flows = b->flows.n;
		int64_t now;
		int n;

		for (size_t i = 0; i < ask; i++) {
			u->iov[i].iov_base = b->data + b->size + i * LISTEN_STRIDE;
			u->msg[i].msg_hdr.msg_namelen = sizeof(u->from[i]);
			u->msg[i].msg_hdr.msg_controllen = sizeof(u->control[i]);
		}
		n = recvmmsg(fd, u->msg, (unsigned int)ask, MSG_DONTWAIT, NULL);
		if (n <= 0)
			return; /* nothing there; an error of one datagram went with it */
		now = listen_now();
		for (size_t i = 0; i < (size_t)n; i++)
			decode(&u->msg[i], u->iov[i].iov_base, now, to);
		if (b->flows.dns_n > views)
			b->size += (size_t)n * LISTEN_STRIDE;
		adapt(u, (size_t)n, b->flows.n - flows);
		if ((size_t)n < ask)
			return;
	}
}
