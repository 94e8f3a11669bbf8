/* Where damp probe sends: connected UDP sockets, each of which gets every datagram, at a pace. */
#ifndef DAMP_SEND_H
#define DAMP_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEND_MAX = 16 };

/* Owns its sockets; begins as zeros. */
struct sender {
	int fd[SEND_MAX];
	size_t n;
	uint64_t rate;      /* datagrams a second; 0: no limit */
	int64_t next_ns;    /* of the monotonic clock: when the next may go */
	uint64_t failed;    /* datagrams, of all destinations */
	int error;          /* errno of the last of them */
};

/* "HOST:PORT" or "[V6]:PORT".  False: told. */
bool sender_add(struct sender *s, const char *to);
void sender_done(struct sender *s);
/* A netflow_send; ctx is the sender.  Waits for its turn. */
void send_datagram(void *ctx, const uint8_t *p, size_t n, size_t records, int64_t now_ns);

#endif
