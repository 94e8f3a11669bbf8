/* The sockets of damp probe. */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "damp.h"
#include "damp_send.h"

enum { BURST = 8 }; /* datagrams that may follow at once after a pause */

static void
pace(struct sender *s)
{
	int64_t step = NS_PER_S / (int64_t)s->rate, now;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
	if (s->next_ns < now - BURST * step)
		s->next_ns = now - BURST * step;
	if (s->next_ns > now) {
		ts = (struct timespec){s->next_ns / NS_PER_S, s->next_ns % NS_PER_S};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	}
	s->next_ns += step;
}

void
send_datagram(void *ctx, const uint8_t *p, size_t n, size_t records, int64_t now_ns)
{
	struct sender *s = ctx;

	(void)records;
	(void)now_ns;
	if (s->rate > 0)
		pace(s);
	for (size_t i = 0; i < s->n; i++) {
		ssize_t sent = send(s->fd[i], p, n, MSG_NOSIGNAL);

		/* a connected socket tells here that the datagram before was refused */
		if (sent < 0 && errno == ECONNREFUSED) {
			s->failed++;
			s->error = errno;
			sent = send(s->fd[i], p, n, MSG_NOSIGNAL);
		}
		if (sent < 0) {
			s->failed++;
			s->error = errno;
		}
	}
}

/* "host:port" or "[v6]:port". */
static bool
split_to(const char *to, char *host, size_t host_size, const char **port)
{
	const char *end = to[0] == '[' ? strchr(to, ']') : strchr(to, ':');
	size_t n;

	if (end == NULL || (to[0] == '[' && end[1] != ':'))
		return false;
	*port = to[0] == '[' ? end + 2 : end + 1;
	to += to[0] == '[';
	n = (size_t)(end - to);
	if (n == 0 || n >= host_size || **port == '\0' || strspn(*port, "0123456789") != strlen(*port))
		return false;
	memcpy(host, to, n);
	host[n] = '\0';
	return true;
}

static int
connect_to(const char *to)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *list, *a;
	char host[256];
	const char *port;
	int fd = -1, err;

	if (!split_to(to, host, sizeof(host), &port)) {
		complain("--to: '%s' is not HOST:PORT, such as 192.0.2.1:2055 or [2001:db8::1]:4739", to);
		return -1;
	}
	err = getaddrinfo(host, port, &hints, &list);
	if (err != 0) {
		complain("--to %s: %s", to, gai_strerror(err));
		return -1;
	}
	for (a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			err = errno;
			close(fd);
			errno = err;
			fd = -1;
		}
	}
	if (fd < 0)
		complain("--to %s: %s", to, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

bool
sender_add(struct sender *s, const char *to)
{
	int fd = s->n < SEND_MAX ? connect_to(to) : -1;

	if (fd < 0)
		return false;
	s->fd[s->n++] = fd;
	return true;
}

void
sender_done(struct sender *s)
{
	for (size_t i = 0; i < s->n; i++)
		close(s->fd[i]);
	s->n = 0;
}
