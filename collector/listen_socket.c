#include "collector/listen_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/listen.h"

enum { BUFFER_DEFAULT = 32 << 20, BACKLOG = 128 };

struct addr
listen_addr(const struct sockaddr_storage *from, uint16_t *port)
{
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;

	if (from->ss_family == AF_INET6) {
		*port = ntohs(six->sin6_port);
		return addr_v6(six->sin6_addr.s6_addr);
	}
	*port = ntohs(four->sin_port);
	return addr_v4((const uint8_t *)&four->sin_addr.s_addr);
}

/* --- reading addresses -------------------------------------------------------------------------- */

static bool
parse_port(const char *s, uint16_t *port)
{
	char *end;
	unsigned long v;

	if (*s < '0' || *s > '9')
		return false;
	v = strtoul(s, &end, 10);
	*port = (uint16_t)v;
	return *end == '\0' && v <= UINT16_MAX;
}

/* [udp://|tcp://][HOST:]PORT, an IPv6 address in brackets. */
static bool
parse(struct listen_address *a, const char *s)
{
	const char *host, *colon;
	size_t n;

	if (strncmp(s, "tcp://", 6) == 0)
		a->tcp = true;
	if (a->tcp || strncmp(s, "udp://", 6) == 0)
		s += 6;
	if (parse_port(s, &a->port))
		return true;
	colon = strrchr(s, ':');
	if (colon == NULL || !parse_port(colon + 1, &a->port))
		return false;
	host = s;
	n = (size_t)(colon - s);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
		if (n == 0)
			return false;
	} else if (memchr(host, ':', n) != NULL) {
		return false; /* where the address ends and the port begins, nobody could say */
	}
	if (n >= sizeof(a->host))
		return false;
	if (n != 1 || *host != '*')
		memcpy(a->host, host, n);
	return true;
}

static bool
any4(const struct listen_address *a)
{
	return strcmp(a->host, "0.0.0.0") == 0;
}

static bool
any6(const struct listen_address *a)
{
	return a->host[0] == '\0' || strcmp(a->host, "::") == 0;
}

int
listen_addresses(struct listen_address *out, const struct source_listen *list, size_t n, char *why, size_t why_size)
{
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct listen_address){.text = list[i].address, .receive_buffer = list[i].receive_buffer};
		if (!parse(&out[i], list[i].address)) {
			snprintf(why, why_size, "%s: not an address to listen on; write PORT, ADDRESS:PORT or [ADDRESS]:PORT, "
			    "with tcp:// in front for TCP", list[i].address);
			return ERR_INVALID;
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (any6(&out[i]) && any4(&out[k]) && out[i].tcp == out[k].tcp && out[i].port == out[k].port)
				out[i].only6 = true;
	return 0;
}

/* --- sockets ------------------------------------------------------------------------------------ */

/* Beyond net.core.rmem_max only with CAP_NET_ADMIN.  The kernel doubles what is asked, for its own overhead. */
static size_t
receive_buffer(int fd, size_t want)
{
	int bytes = want > 0 && want <= INT32_MAX / 2 ? (int)want : BUFFER_DEFAULT;
	socklen_t n = sizeof(bytes);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &n) < 0)
		return 0;
	return (size_t)bytes / 2;
}

static int
set_up(struct listen_socket *k, const struct listen_address *a, const struct addrinfo *ai, bool shared)
{
	struct sockaddr_storage bound = {0};
	socklen_t n = sizeof(bound);
	int only6 = a->only6 || !any6(a);

	k->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
	if (k->fd < 0)
		return -1;
	if (ai->ai_family == AF_INET6 && setsockopt(k->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)) < 0)
		return -1;
	/* for TCP: connections of an earlier run may still be closing */
	if (a->tcp && setsockopt(k->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
		return -1;
	if (shared && !a->tcp && setsockopt(k->fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) < 0)
		return -1;
	k->tcp = a->tcp;
	k->receive_buffer = a->tcp ? 0 : receive_buffer(k->fd, a->receive_buffer);
	if (bind(k->fd, ai->ai_addr, ai->ai_addrlen) < 0 || (a->tcp && listen(k->fd, BACKLOG) < 0) ||
	    getsockname(k->fd, (struct sockaddr *)&bound, &n) < 0)
		return -1;
	k->addr = listen_addr(&bound, &k->port);
	return 0;
}

/* "Any" is the IPv6 socket that takes both, or IPv4's where the machine has no IPv6. */
int
listen_bind(struct listen_socket *out, const struct listen_address *a, bool shared, char *why, size_t why_size)
{
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = a->tcp ? SOCK_STREAM : SOCK_DGRAM};
	const char *host[2] = {a->host[0] != '\0' ? a->host : "::", "0.0.0.0"};
	struct addrinfo *list;
	char port[8];
	bool no_six;
	int err = 0;

	snprintf(port, sizeof(port), "%u", a->port);
	for (int i = 0; i < (a->host[0] == '\0' ? 2 : 1); i++) {
		err = getaddrinfo(host[i], port, &hints, &list);
		if (err != 0)
			continue;
		if (set_up(out, a, list, shared) == 0) {
			freeaddrinfo(list);
			return 0;
		}
		snprintf(why, why_size, "%s: %s", a->text, strerror(errno));
		no_six = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
		freeaddrinfo(list);
		if (out->fd >= 0)
			close(out->fd);
		if (!no_six)
			break;
	}
	if (err != 0)
		snprintf(why, why_size, "%s: %s", a->text, gai_strerror(err));
	return ERR_IO;
}
