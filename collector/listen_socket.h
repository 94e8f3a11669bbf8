/* Addresses to listen on, as people write them, and the sockets they become. */
#ifndef COLLECTOR_LISTEN_SOCKET_H
#define COLLECTOR_LISTEN_SOCKET_H

#include <stdbool.h>

#include "collector/source.h"

enum { LISTEN_HOST = 256 };

struct listen_address {
	const char *text;       /* as written; borrowed */
	char host[LISTEN_HOST]; /* "": any */
	uint16_t port;
	bool tcp;
	bool only6;             /* its IPv4 twin is in the list too */
	size_t receive_buffer;  /* wanted */
};

struct listen_socket {
	int fd;
	bool tcp;
	struct addr addr;
	uint16_t port;
	size_t receive_buffer; /* granted; 0 for TCP */
};

/* Reads the whole list; 0, or ERR_INVALID and why. */
int listen_addresses(struct listen_address *out, const struct source_listen *list, size_t n, char *why, size_t why_size);
/* A bound, nonblocking socket; TCP ones listen.  `shared`: others will be bound to the same port, and the kernel
 * shares the senders out among them (SO_REUSEPORT).  0, or ERR_INVALID or ERR_IO and why. */
int listen_bind(struct listen_socket *out, const struct listen_address *a, bool shared, char *why, size_t why_size);

#endif
