/* The syslog feed's connection: three states, sockets that never block, a spool in front.
 *
 *   DOWN --(due)--> CONNECTING --(writable, no error)--> UP --(error, peer closed)--> DOWN
 *
 * Datagram sockets go from DOWN to UP at once.  The wait before the next attempt doubles from a quarter of
 * a second to 30 seconds and falls back when something was sent.
 */
#include "feeds/syslog.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "feeds/line.h"
#include "feeds/spool.h"

enum { SPOOL_LINES = 10000, SPOOL_BYTES = 16 << 20, ADDRESSES = 8, HEAD_MAX = 1024 };
#define BACKOFF_MIN INT64_C(250000000)
#define BACKOFF_MAX INT64_C(30000000000)
/* An incident opens dozens of alerts at once, and a receiver's default buffer holds about fifty datagrams:
 * UDP goes out in bursts of at most this many bytes, then at this rate. */
enum { UDP_BURST = 64 << 10, UDP_BYTES_PER_S = 2 << 20 };
/* A connection that is not accepted by then is given up. */
#define CONNECT_MAX INT64_C(5000000000)

enum conn { DOWN, CONNECTING, UP };

struct syslog {
	struct syslog_target target;
	struct {
		struct sockaddr_storage sa;
		socklen_t len;
	} address[ADDRESSES];
	size_t addresses, next; /* next: which one to try */
	char sensor[256];
	enum conn conn;
	bool stream;            /* of the open socket */
	int fd;
	int64_t due_ns, backoff_ns, give_up_ns;
	size_t written;         /* of the spool's first item, on a stream */
	int64_t credit, credit_ns; /* UDP: bytes that may go now, and when that was reckoned */
	bool waits_for_credit;
	struct spool spool;
	struct buf message, framed;
	struct feed_counts counts;
	char error[400];
};

static void
go_down(struct syslog *s, const char *doing, int err, int64_t now_ns)
{
	snprintf(s->error, sizeof(s->error), "%s %s: %s", doing, s->target.host, strerror(err));
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->conn = DOWN;
	s->written = 0; /* the receiver throws half a message away */
	s->counts.failed++;
	s->due_ns = now_ns + s->backoff_ns;
	s->backoff_ns = s->backoff_ns * 2 < BACKOFF_MAX ? s->backoff_ns * 2 : BACKOFF_MAX;
	s->next = (s->next + 1) % s->addresses;
}

static void
came_up(struct syslog *s)
{
	s->conn = UP;
	s->error[0] = '\0';
}

static int
new_socket(const struct syslog *s, int type)
{
	int fd = socket(s->address[s->next].sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int room = LINE_MAX_BYTES + HEAD_MAX;

	/* a unix datagram cannot be longer than the send buffer; failure shows as EMSGSIZE later */
	if (fd >= 0 && s->target.transport == SYSLOG_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return fd;
}

static void
go_up(struct syslog *s, int64_t now_ns)
{
	const struct sockaddr *sa = (const struct sockaddr *)&s->address[s->next].sa;
	socklen_t len = s->address[s->next].len;
	int r;

	s->stream = s->target.transport == SYSLOG_TCP;
	s->fd = new_socket(s, s->stream ? SOCK_STREAM : SOCK_DGRAM);
	r = s->fd >= 0 ? connect(s->fd, sa, len) : -1;
	if (r < 0 && s->fd >= 0 && errno == EPROTOTYPE && s->target.transport == SYSLOG_UNIX) {
		close(s->fd);
		s->stream = true;
		s->fd = new_socket(s, SOCK_STREAM);
		r = s->fd >= 0 ? connect(s->fd, sa, len) : -1;
	}
	if (r == 0) {
		came_up(s);
	} else if (s->fd >= 0 && errno == EINPROGRESS) {
		s->conn = CONNECTING;
		s->give_up_ns = now_ns + CONNECT_MAX;
	} else {
		go_down(s, "connecting to", errno, now_ns);
	}
}

static void
finish_connecting(struct syslog *s, int64_t now_ns)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);

	if (poll(&p, 1, 0) <= 0) {
		if (now_ns >= s->give_up_ns)
			go_down(s, "connecting to", ETIMEDOUT, now_ns);
		return;
	}
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0)
		go_down(s, "connecting to", err, now_ns);
	else
		came_up(s);
}

/* A stream's peer that has gone would still swallow one write; syslog receivers never say
 * anything, so whatever can be read is an end or an error. */
static bool
peer_gone(struct syslog *s, int64_t now_ns)
{
	char byte;
	ssize_t got;

	if (!s->stream)
		return false;
	got = recv(s->fd, &byte, 1, MSG_DONTWAIT);
	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return false;
	go_down(s, "talking to", got == 0 ? ECONNRESET : errno, now_ns);
	return true;
}

static void
earn_credit(struct syslog *s, int64_t now_ns)
{
	int64_t ns = now_ns - s->credit_ns;

	if (ns > NS_PER_S)
		ns = NS_PER_S;
	if (ns > 0)
		s->credit += ns * UDP_BYTES_PER_S / NS_PER_S;
	if (s->credit > UDP_BURST)
		s->credit = UDP_BURST;
	s->credit_ns = now_ns;
}

/* Sends the spool's first item, or as much of it as goes; false when that is all for now. */
static bool
send_first(struct syslog *s, const struct spool_item *i, int64_t now_ns)
{
	ssize_t put;

	/* longer than any burst is longer than any datagram, which send will say */
	s->waits_for_credit = s->target.transport == SYSLOG_UDP && s->credit < (int64_t)i->n && i->n <= UDP_BURST;
	if (s->waits_for_credit)
		return false;
	put = send(s->fd, i->data + s->written, i->n - s->written, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (put < 0 && errno == EINTR)
		return true;
	if (put < 0 && errno == EMSGSIZE && !s->stream) {
		s->counts.too_long++;
		spool_drop(&s->spool);
		return true;
	}
	if (put < 0) {
		/* ENOBUFS: the interface's queue is full, which passes like EAGAIN */
		if (errno != EAGAIN && errno != ENOBUFS)
			go_down(s, "sending to", errno, now_ns);
		return false;
	}
	s->credit -= put;
	s->written += (size_t)put;
	if (s->written == i->n) {
		s->written = 0;
		s->backoff_ns = BACKOFF_MIN;
		s->counts.sent++;
		spool_drop(&s->spool);
	}
	return true;
}

static void
syslog_poll(void *state, int64_t now_ns)
{
	struct syslog *s = state;
	const struct spool_item *i;

	if (s->conn == DOWN && now_ns >= s->due_ns)
		go_up(s, now_ns);
	if (s->conn == CONNECTING)
		finish_connecting(s, now_ns);
	if (s->conn == UP && peer_gone(s, now_ns))
		return;
	earn_credit(s, now_ns);
	while (s->conn == UP && (i = spool_first(&s->spool)) != NULL && send_first(s, i, now_ns))
		;
}

static void
syslog_send(void *state, const struct alert *a, const char *line, size_t n, int64_t now_ns)
{
	struct syslog *s = state;
	bool stream = s->target.transport != SYSLOG_UDP;
	struct buf *out = &s->message;

	buf_reset(&s->message);
	buf_reset(&s->framed);
	if (syslog_message(&s->message, a, s->sensor, line, n) < 0) {
		s->counts.too_long++;
		return;
	}
	if (s->target.transport == SYSLOG_TCP) {
		buf_printf(&s->framed, "%zu ", s->message.len);
		buf_bytes(&s->framed, s->message.p, s->message.len);
		out = &s->framed;
	} else if (stream) {
		/* datagram or stream shows when connected; receivers of datagrams cut a last newline off */
		buf_char(&s->message, '\n');
	}
	if (out->full)
		s->counts.too_long++;
	else if (spool_put(&s->spool, out->p, out->len) < 0)
		s->counts.dropped++;
	syslog_poll(s, now_ns);
}

static int
resolve(struct syslog *s, char *why, size_t why_size)
{
	struct addrinfo hints = {.ai_socktype = s->target.transport == SYSLOG_TCP ? SOCK_STREAM : SOCK_DGRAM}, *list;
	struct sockaddr_un *un = (struct sockaddr_un *)&s->address[0].sa;
	int r;

	if (s->target.transport == SYSLOG_UNIX) {
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, s->target.host, strlen(s->target.host) + 1);
		s->address[0].len = sizeof(*un);
		s->addresses = 1;
		return 0;
	}
	r = getaddrinfo(s->target.host, s->target.port, &hints, &list);
	if (r != 0) {
		snprintf(why, why_size, "%s: %s", s->target.host, gai_strerror(r));
		return ERR_IO;
	}
	for (const struct addrinfo *i = list; i != NULL && s->addresses < ADDRESSES; i = i->ai_next) {
		memcpy(&s->address[s->addresses].sa, i->ai_addr, i->ai_addrlen);
		s->address[s->addresses++].len = i->ai_addrlen;
	}
	freeaddrinfo(list);
	return 0;
}

static void
syslog_free(void *state)
{
	struct syslog *s = state;

	if (s->fd >= 0)
		close(s->fd);
	spool_done(&s->spool);
	buf_done(&s->message);
	buf_done(&s->framed);
	free(s);
}

static void *
syslog_open(const char *url, const struct feed_setup *setup, char *why, size_t why_size)
{
	struct syslog *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	s->fd = -1;
	s->due_ns = INT64_MIN;
	s->backoff_ns = BACKOFF_MIN;
	s->credit = UDP_BURST;
	spool_init(&s->spool, setup->spool_lines > 0 ? setup->spool_lines : SPOOL_LINES,
	           setup->spool_bytes > 0 ? setup->spool_bytes : SPOOL_BYTES);
	buf_init(&s->message, LINE_MAX_BYTES + HEAD_MAX);
	buf_init(&s->framed, LINE_MAX_BYTES + HEAD_MAX + 16);
	snprintf(s->sensor, sizeof(s->sensor), "%s", setup->sensor != NULL ? setup->sensor : "");
	if (syslog_url_parse(url, &s->target, why, why_size) < 0 || resolve(s, why, why_size) < 0) {
		syslog_free(s);
		return NULL;
	}
	return s;
}

static int
syslog_wait_fd(const void *state, short *events)
{
	const struct syslog *s = state;

	*events = POLLOUT;
	return s->conn == DOWN || s->waits_for_credit ? -1 : s->fd;
}

static struct feed_counts
syslog_counts(const void *state)
{
	const struct syslog *s = state;
	struct feed_counts c = s->counts;

	c.spooled = s->spool.n;
	return c;
}

static const char *
syslog_error(const void *state)
{
	return ((const struct syslog *)state)->error;
}

#define SYSLOG_KIND(name, text) \
	{.scheme = (name), .what = (text), .open = syslog_open, .send = syslog_send, .poll = syslog_poll, \
	 .wait_fd = syslog_wait_fd, .counts = syslog_counts, .error = syslog_error, .free = syslog_free}

const struct feed_kind feed_syslog_unix = SYSLOG_KIND("unix", "syslog to a unix socket, unix:///dev/log");
const struct feed_kind feed_syslog_udp = SYSLOG_KIND("udp", "syslog over UDP, udp://HOST[:514]");
const struct feed_kind feed_syslog_tcp = SYSLOG_KIND("tcp", "syslog over TCP, octet-counted, tcp://HOST[:601]");
