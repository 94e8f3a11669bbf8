/* IPFIX over TCP (RFC 7011 section 10.4): messages one behind the other, each with its length in front.
 *
 * A peer is a stranger until it has sent a message.  The number of connections is bounded; when all are taken, the
 * one silent for longest gives way if it was silent for long, and much sooner if it never said anything.
 * What is no IPFIX is disconnected at once: behind a wrong length nothing can be found again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cursor.h"
#include "collector/listen.h"
#include "collector/template.h"

#define SECOND ((int64_t)1000000000)
#define SILENT_NS (600 * SECOND)
#define STRANGER_NS (10 * SECOND)

enum { MESSAGE_MAX = 65535, HEADER = 16, ACCEPTS = 16 };

struct connection {
	int fd; /* -1: free */
	struct export_from from;
	uint8_t *buf; /* MESSAGE_MAX, kept for the next connection */
	size_t have;
	int64_t heard_ns;
	bool spoke;
};

struct tcp_receiver {
	struct connection connection[LISTEN_CONNECTIONS];
	int epoll_fd, spare_fd;
	uint64_t tag;
};

struct tcp_receiver *
tcp_receiver_new(int epoll_fd, uint64_t tag)
{
	struct tcp_receiver *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->epoll_fd = epoll_fd;
	t->tag = tag;
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < LISTEN_CONNECTIONS; i++)
		t->connection[i].fd = -1;
	return t;
}

void
tcp_receiver_free(struct tcp_receiver *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < LISTEN_CONNECTIONS; i++) {
		if (t->connection[i].fd >= 0)
			close(t->connection[i].fd);
		free(t->connection[i].buf);
	}
	if (t->spare_fd >= 0)
		close(t->spare_fd);
	free(t);
}

static void
hang_up(struct connection *c, const struct listen_sink *to)
{
	close(c->fd); /* which takes it out of the epoll set */
	c->fd = -1;
	atomic_fetch_sub_explicit(&to->counts->open, 1, memory_order_relaxed);
}

/* A place for a newcomer, or NULL. */
static struct connection *
place(struct tcp_receiver *t, int64_t now, const struct listen_sink *to)
{
	struct connection *longest = NULL;

	for (size_t i = 0; i < LISTEN_CONNECTIONS; i++) {
		struct connection *c = &t->connection[i];
		int64_t silent = now - c->heard_ns;

		if (c->fd < 0)
			return c;
		if (silent > (c->spoke ? SILENT_NS : STRANGER_NS) && (longest == NULL || c->heard_ns < longest->heard_ns))
			longest = c;
	}
	if (longest != NULL) {
		hang_up(longest, to);
		listen_count(&to->counts->evicted, 1);
	}
	return longest;
}

static bool
known_peer(const struct tcp_receiver *t, const struct addr *a)
{
	for (size_t i = 0; i < LISTEN_CONNECTIONS; i++)
		if (t->connection[i].fd >= 0 && addr_equal(&t->connection[i].from.addr, a))
			return true;
	return false;
}

static bool
admit(struct tcp_receiver *t, int fd, const struct sockaddr_storage *peer, const struct listen_sink *to)
{
	struct export_from from = {.stream = true};
	int64_t now = listen_now();
	struct epoll_event ev = {.events = EPOLLIN};
	struct connection *c;

	from.addr = listen_addr(peer, &from.port);
	c = export_knows(to->export, &from.addr) ? place(t, now, to) : NULL;
	if (c == NULL)
		return false;
	if (c->buf == NULL)
		c->buf = malloc(MESSAGE_MAX);
	ev.data.u64 = t->tag + (uint64_t)(c - t->connection);
	if (c->buf == NULL || epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	c->from = from;
	/* templates end with their connection; two of one peer know them together */
	if (!known_peer(t, &c->from.addr))
		templates_forget(to->export, &c->from.addr);
	c->fd = fd;
	c->have = 0;
	c->spoke = false;
	c->heard_ns = now;
	listen_count(&to->counts->connections, 1);
	listen_count(&to->counts->open, 1);
	return true;
}

/* Out of descriptors, a waiting connection would wake us again and again: the spare one takes it, to close it. */
static void
turn_away(struct tcp_receiver *t, int fd, const struct listen_sink *to)
{
	int peer;

	if (t->spare_fd >= 0)
		close(t->spare_fd);
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (peer >= 0)
		close(peer);
	t->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	listen_count(&to->counts->refused, 1);
}

void
tcp_accept(struct tcp_receiver *t, int fd, const struct listen_sink *to)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage peer;
		socklen_t n = sizeof(peer);
		int conn = accept4(fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn < 0 && (errno == EMFILE || errno == ENFILE))
			turn_away(t, fd, to);
		if (conn < 0)
			return;
		if (!admit(t, conn, &peer, to)) {
			close(conn);
			listen_count(&to->counts->refused, 1);
		}
	}
}

/* Decodes the whole messages among what was received; false: not IPFIX. */
static bool
messages(struct connection *c, const struct listen_sink *to)
{
	size_t at = 0;

	while (c->have - at >= 4) {
		struct cursor head = cursor_view(c->buf + at, 4);
		unsigned int version = cursor_u16(&head);
		size_t n = cursor_u16(&head);

		if (version != EXPORT_IPFIX || n < HEADER)
			return false;
		if (c->have - at < n)
			break;
		export_datagram(to->export, &c->from, c->buf + at, n, &to->block->flows);
		listen_count(&to->counts->datagrams, 1);
		c->spoke = true;
		at += n;
	}
	c->have -= at;
	memmove(c->buf, c->buf + at, c->have);
	return true;
}

void
tcp_receive(struct tcp_receiver *t, size_t connection, const struct listen_sink *to)
{
	struct connection *c = &t->connection[connection];
	ssize_t got;

	if (c->fd < 0)
		return; /* hung up since it was reported */
	/* a message is at most MESSAGE_MAX, and whole ones are taken out: there is always room */
	got = recv(c->fd, c->buf + c->have, MESSAGE_MAX - c->have, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		hang_up(c, to);
		return;
	}
	c->have += (size_t)got;
	c->heard_ns = c->from.seen_ns = listen_now();
	listen_count(&to->counts->bytes, (uint64_t)got);
	if (!messages(c, to)) {
		listen_count(&to->counts->lied, 1);
		hang_up(c, to);
	}
}
