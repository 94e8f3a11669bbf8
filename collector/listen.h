/* Inside of the listener: what its parts share.
 *
 * A receiver is one thread's worth: an epoll set of its own, sockets of its own, one struct export.  It fills blocks:
 * datagrams are received into slots of block->data, decoded at once, and the slots are used again unless a DNS view
 * borrows from them.  The slots are as large as a datagram can be, so none is ever cut or copied; of a
 * slot's memory only what was once written is ever resident.
 */
#ifndef COLLECTOR_LISTEN_H
#define COLLECTOR_LISTEN_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "collector/export.h"
#include "collector/source.h"

enum {
	LISTEN_SLOTS = 64,
	/* 65535 and some: slots at multiples of 4096 would all want the same lines of the cache */
	LISTEN_STRIDE = 65536 + 1600,
	LISTEN_BYTES = LISTEN_SLOTS * LISTEN_STRIDE,
	LISTEN_FLOWS = 4096,       /* enough for a block */
	LISTEN_CONNECTIONS = 256,  /* of TCP, in all */
};

/* Written by the receiver, read by anyone. */
struct listen_counts {
	atomic_uint_fast64_t datagrams, bytes, kernel_drops;
	atomic_uint_fast64_t connections, open, refused, evicted, lied;
};

static inline void
listen_count(atomic_uint_fast64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* What is received goes here. */
struct listen_sink {
	struct export *export;
	struct block *block; /* block->size: bytes of slots that are borrowed from */
	struct listen_counts *counts;
};

static inline bool
listen_full(const struct listen_sink *to)
{
	return to->block->flows.n >= LISTEN_FLOWS || to->block->size + LISTEN_STRIDE > LISTEN_BYTES;
}

/* The wall clock. */
int64_t listen_now(void);
/* Of a peer. */
struct addr listen_addr(const struct sockaddr_storage *from, uint16_t *port);

/* --- collector/udplisten.c ------------------------------------------------------------------------------ */

struct udp_receiver;
struct udp_receiver *udp_receiver_new(void); /* NULL: out of memory */
void udp_receiver_free(struct udp_receiver *u);
/* Has the kernel hand over several datagrams of one sender at once, where it can. */
void udp_prepare(int fd);
/* Takes what waits in a socket, until it is empty or the block is full. */
void udp_receive(struct udp_receiver *u, int fd, const struct listen_sink *to);
/* What the kernel dropped for want of room, since the socket was made (modulo 2^32). */
uint32_t udp_drops(int fd);

/* --- collector/tcplisten.c ------------------------------------------------------------------------------ */

struct tcp_receiver;
/* Connections join the epoll set with `tag` + their number as data.  NULL: out of memory. */
struct tcp_receiver *tcp_receiver_new(int epoll_fd, uint64_t tag);
void tcp_receiver_free(struct tcp_receiver *t);
void tcp_accept(struct tcp_receiver *t, int fd, const struct listen_sink *to);
void tcp_receive(struct tcp_receiver *t, size_t connection, const struct listen_sink *to);

#endif
