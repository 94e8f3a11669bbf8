/* A listener over real sockets of the loopback interface and ports that the kernel chose, and senders to it. */
#ifndef TESTS_LISTEN_KIT_H
#define TESTS_LISTEN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/export.h"
#include "collector/source.h"

enum { SOCKETS = 4, V5_HEADER = 24, V5_RECORD = 48 };

struct kit {
	struct source *source;
	struct block block;
	struct source_socket socket[SOCKETS];
	size_t sockets;
	size_t flows; /* read so far */
};

static inline int64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline bool
six_here(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static inline void
open_events(struct kit *k, const struct source_listen *list, size_t n, const struct source_events *ev)
{
	char why[300] = "";

	*k = (struct kit){0};
	k->source = source_open_listen(list, n, ev, why, sizeof(why));
	if (k->source == NULL)
		print_error("%s\n", why);
	assert_non_null(k->source);
	assert_int_equal(block_init(&k->block), 0);
	k->sockets = source_sockets(k->source, k->socket, SOCKETS);
	assert_int_equal(k->sockets, n);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(k->socket[i].port, 0);
}

static inline void
open_list(struct kit *k, const struct source_listen *list, size_t n)
{
	open_events(k, list, n, NULL);
}

static inline void
open_one(struct kit *k, const char *address, unsigned int threads)
{
	open_list(k, &(struct source_listen){.address = address, .threads = threads}, 1);
}

static inline void
close_kit(struct kit *k)
{
	block_done(&k->block);
	source_close(k->source);
}

/* Reads until so many flows came, or half a second brought none. */
static inline void
read_flows(struct kit *k, size_t want)
{
	for (int quiet = 0; k->flows < want && quiet < 5; ) {
		int n = source_read(k->source, &k->block);

		assert_true(n >= 0);
		assert_int_equal(n, (int)k->block.flows.n);
		k->flows += (size_t)n;
		quiet = n > 0 ? 0 : quiet + 1;
	}
	assert_int_equal(k->flows, want);
}

static inline uint64_t
datagrams(const struct kit *k)
{
	struct source_listen_counts c;

	source_listen_counts(k->source, &c);
	return c.datagrams;
}

/* --- sending ------------------------------------------------------------------------------------ */

static inline int
sender(bool six, uint16_t port, int type)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(six ? AF_INET6 : AF_INET, type, 0);

	assert_true(fd >= 0);
	if (six)
		assert_int_equal(connect(fd, (struct sockaddr *)&to6, sizeof(to6)), 0);
	else
		assert_int_equal(connect(fd, (struct sockaddr *)&to4, sizeof(to4)), 0);
	return fd;
}

static inline size_t
v5(uint8_t *p, uint32_t sequence, unsigned int records)
{
	time_t now = time(NULL);

	memset(p, 0, V5_HEADER + records * V5_RECORD);
	p[1] = 5;
	p[3] = (uint8_t)records;
	p[6] = 0x10; /* an uptime of a million milliseconds */
	for (int i = 0; i < 4; i++) {
		p[8 + i] = (uint8_t)(now >> (24 - 8 * i));
		p[16 + i] = (uint8_t)(sequence >> (24 - 8 * i));
	}
	for (unsigned int i = 0; i < records; i++) {
		uint8_t *r = p + V5_HEADER + i * V5_RECORD;

		memcpy(r, "\x0a\1\2\3\x0a\4\5\6", 8);
		r[19] = 10;                  /* packets */
		r[22] = 0x10;                /* bytes: 4096 */
		r[25] = r[29] = 0x0f;        /* first, last */
		r[33] = 53;
		r[38] = 17;
	}
	return V5_HEADER + records * V5_RECORD;
}

static inline void
send_v5(int fd, uint32_t sequence)
{
	uint8_t p[V5_HEADER + V5_RECORD];
	size_t n = v5(p, sequence, 1);

	assert_int_equal(send(fd, p, n, 0), n);
}

static inline struct source_listen_counts
counts(const struct kit *k)
{
	struct source_listen_counts c;

	source_listen_counts(k->source, &c);
	return c;
}

#endif
