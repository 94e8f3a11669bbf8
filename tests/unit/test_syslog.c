/* Syslog: the message's bytes, URLs, and connections to sockets of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/syslog.h"
#include "sample_alert.h"

#define SECOND INT64_C(1000000000)

static int64_t
clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void
test_message(void **state)
{
	struct alert a = sample_alert(0);
	struct buf b;

	(void)state;
	buf_init(&b, 4000);
	assert_int_equal(syslog_message(&b, &a, "pop 1", "{\"a\":\"]\"}", 9), 0);
	assert_string_equal(b.p, "<163>1 2026-04-12T02:13:41.250Z pop_1 damp - alert [damp@32473 "
	                         "kind=\"dns-amplification-abuser\" action=\"updated\" severity=\"8\" subject=\"10.64.0.17\" "
	                         "incident=\"fedcba9876543210\"] {\"a\":\"]\"}");
	buf_reset(&b);
	a.action = ALERT_CLOSED;
	a.subject.type = SUBJECT_LINK;
	strcpy(a.subject.name, "a\"b\\c]\n");
	assert_int_equal(syslog_message(&b, &a, NULL, "{}", 2), 0);
	assert_int_equal(strncmp(b.p, "<165>1 2026-04-12T02:13:41.250Z - damp - alert [", 48), 0);
	assert_non_null(strstr(b.p, " subject=\"a\\\"b\\\\c\\]?\" "));
	buf_done(&b);
}

static void
test_severities(void **state)
{
	static const char *const pri[] = {"<165>", "<165>", "<165>", "<164>", "<164>", "<164>", "<163>", "<163>", "<162>", "<162>"};

	(void)state;
	for (int s = 1; s <= 10; s++) {
		struct alert a = sample_alert(0);
		struct buf b;

		a.severity = s;
		buf_init(&b, 4000);
		assert_int_equal(syslog_message(&b, &a, "x", "{}", 2), 0);
		assert_int_equal(strncmp(b.p, pri[s - 1], 5), 0);
		buf_done(&b);
	}
}

static void
test_urls(void **state)
{
	static const struct {
		const char *url, *host, *port;
	} t[] = {
		{"unix:///dev/log", "/dev/log", ""}, {"udp://192.0.2.1", "192.0.2.1", "514"},
		{"tcp://log.example.org", "log.example.org", "601"}, {"tcp://[2001:db8::1]", "2001:db8::1", "601"},
		{"udp://[::1]:5514", "::1", "5514"}, {"udp://host:65535", "host", "65535"},
		{"tls://host", NULL, NULL}, {"unix://relative", NULL, NULL}, {"unix://", NULL, NULL}, {"udp://", NULL, NULL},
		{"udp://:514", NULL, NULL}, {"udp://host:", NULL, NULL}, {"udp://host:0", NULL, NULL},
		{"udp://host:65536", NULL, NULL}, {"udp://host:5x", NULL, NULL}, {"udp://2001:db8::1", NULL, NULL},
		{"tcp://[::1", NULL, NULL}, {"tcp://[::1]5", NULL, NULL}, {"tcp://[]", NULL, NULL}, {"", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct feed_setup setup = {.sensor = "x"};
		struct syslog_target target;
		char why[400] = "";
		int r = syslog_url_parse(t[i].url, &target, why, sizeof(why));

		if ((r == 0) != (t[i].host != NULL))
			fail_msg("%s: %s", t[i].url, why);
		if (r == 0) {
			assert_string_equal(target.host, t[i].host);
			assert_string_equal(target.port, t[i].port);
		} else {
			assert_true(why[0] != '\0');
			assert_null(feed_open(t[i].url, &setup, why, sizeof(why)));
		}
	}
}

/* A listening or receiving socket of this process on loopback; its port in *port. */
static int
peer(int type, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, type, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static struct feed *
feed_to(const char *scheme, uint16_t port, size_t spool_lines)
{
	struct feed_setup setup = {.sensor = "s", .spool_lines = spool_lines};
	char url[100], why[400];
	struct feed *f;

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u", scheme, port);
	f = feed_open(url, &setup, why, sizeof(why));
	if (f == NULL)
		fail_msg("%s", why);
	assert_string_equal(feed_url(f), url);
	return f;
}

static void
send_text(struct feed *f, const char *text, int64_t now)
{
	struct alert a = sample_alert(0);

	feed_send(f, &a, text, strlen(text), now);
}

/* What arrives within a second or two, up to n bytes. */
static size_t
receive(int fd, char *p, size_t n)
{
	struct pollfd w = {.fd = fd, .events = POLLIN};
	ssize_t got;

	assert_int_equal(poll(&w, 1, 2000), 1);
	got = recv(fd, p, n - 1, 0);
	assert_true(got >= 0);
	p[got] = '\0';
	return (size_t)got;
}

static void
test_udp(void **state)
{
	uint16_t port = 0;
	int fd = peer(SOCK_DGRAM, &port);
	struct feed *f = feed_to("udp", port, 0);
	char got[2000], *big = malloc(70001);

	(void)state;
	send_text(f, "{\"x\":1}", 0);
	receive(fd, got, sizeof(got));
	assert_string_equal(strstr(got, "] ") + 2, "{\"x\":1}");
	memset(big, 'x', 70000);
	big[70000] = '\0';
	send_text(f, big, 0);
	send_text(f, "{}", 0);
	assert_int_equal(feed_counts(f).too_long, 1);
	assert_int_equal(feed_counts(f).sent, 2);
	assert_int_equal(feed_counts(f).spooled, 0);
	free(big);
	feed_free(f);
	close(fd);
}

/* A burst is held back, and goes on as time passes. */
static void
test_udp_is_paced(void **state)
{
	uint16_t port = 0;
	int fd = peer(SOCK_DGRAM, &port);
	struct feed *f = feed_to("udp", port, 0);
	char line[10001], got[16000];
	uint64_t first;

	(void)state;
	memset(line, 'z', 10000);
	line[10000] = '\0';
	for (int i = 0; i < 20; i++)
		send_text(f, line, 0);
	first = feed_counts(f).sent;
	assert_in_range(first, 3, 7);
	feed_poll(f, SECOND / 100); /* 20 KiB more */
	assert_in_range(feed_counts(f).sent - first, 1, 2);
	for (uint64_t i = 0; i < feed_counts(f).sent; i++)
		receive(fd, got, sizeof(got));
	feed_poll(f, SECOND);
	feed_poll(f, 2 * SECOND);
	feed_poll(f, 3 * SECOND);
	assert_int_equal(feed_counts(f).sent, 20);
	feed_free(f);
	close(fd);
}

/* "LENGTH MESSAGE" (RFC 6587), also for a message with newlines and digits in it. */
static void
test_tcp_frames(void **state)
{
	uint16_t port = 0;
	int fd = peer(SOCK_STREAM, &port), conn;
	struct feed *f = feed_to("tcp", port, 0);
	char got[4000], *at = got;

	(void)state;
	send_text(f, "first", 0);
	send_text(f, "second 12 x", 0);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	assert_int_equal(feed_flush(f, clock_now, 2000), 0);
	feed_free(f);
	for (size_t n = 0, k = 1; k > 0; n += k)
		k = receive(conn, got + n, sizeof(got) - n);
	for (int i = 0; i < 2; i++) {
		size_t n = strtoul(at, &at, 10);

		assert_int_equal(*at++, ' ');
		assert_memory_equal(at, "<163>1 ", 7);
		assert_memory_equal(at + n - (i == 0 ? 7 : 13), i == 0 ? "] first" : "] second 12 x", i == 0 ? 7 : 13);
		at += n;
	}
	assert_int_equal(*at, '\0');
	close(conn);
	close(fd);
}

/* Nobody there, then somebody: time passes only as an argument. */
static void
test_backoff_and_spool(void **state)
{
	uint16_t port = 0;
	int fd = peer(SOCK_STREAM, &port), conn;
	struct feed *f;
	char got[4000];
	uint64_t failed;
	int64_t now = 0;

	(void)state;
	close(fd); /* the port is free again, and refuses */
	f = feed_to("tcp", port, 3);
	for (int i = 0; i < 5; i++)
		send_text(f, "line", now);
	for (int i = 0; i < 50 && feed_counts(f).failed == 0; i++) {
		usleep(2000);
		feed_poll(f, now);
	}
	assert_int_equal(feed_counts(f).failed, 1);
	assert_int_equal(feed_counts(f).spooled, 3);
	assert_int_equal(feed_counts(f).dropped, 2);
	assert_non_null(strstr(feed_error(f), "refused"));
	feed_poll(f, now + SECOND / 5); /* too early */
	assert_int_equal(feed_counts(f).failed, 1);
	/* each wait is twice the one before, and never longer than half a minute */
	for (now = 0; now < 300 * SECOND; now += SECOND / 4) {
		feed_poll(f, now);
		feed_poll(f, now);
	}
	failed = feed_counts(f).failed;
	assert_in_range(failed, 12, 20);
	fd = peer(SOCK_STREAM, &port);
	feed_poll(f, now + 31 * SECOND);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	for (int i = 0; i < 100 && feed_counts(f).spooled > 0; i++) {
		usleep(2000);
		feed_poll(f, now + 31 * SECOND);
	}
	assert_int_equal(feed_counts(f).sent, 3);
	assert_string_equal(feed_error(f), "");
	assert_true(receive(conn, got, sizeof(got)) > 3 * 150);
	feed_free(f);
	close(conn);
	close(fd);
}

/* A receiver that goes away is noticed before a line is given to a dead connection. */
static void
test_peer_restarts(void **state)
{
	uint16_t port = 0;
	int fd = peer(SOCK_STREAM, &port), conn;
	struct feed *f = feed_to("tcp", port, 0);
	char got[4000];

	(void)state;
	send_text(f, "one", 0);
	conn = accept(fd, NULL, NULL);
	assert_int_equal(feed_flush(f, clock_now, 2000), 0);
	receive(conn, got, sizeof(got));
	close(conn);
	usleep(20000);
	send_text(f, "two", clock_now());
	assert_int_equal(feed_counts(f).sent, 1);
	assert_int_equal(feed_counts(f).spooled, 1);
	assert_int_equal(feed_flush(f, clock_now, 3000), 0);
	conn = accept(fd, NULL, NULL);
	receive(conn, got, sizeof(got));
	assert_non_null(strstr(got, "] two"));
	feed_free(f);
	close(conn);
	close(fd);
}

/* A receiver that does not read: the spool fills, nothing waits, flush gives up in time. */
static void
test_slow_receiver(void **state)
{
	uint16_t port = 0;
	int fd = peer(SOCK_STREAM, &port), conn;
	struct feed *f = feed_to("tcp", port, 100);
	char *line = malloc(60001), got[65536];
	int64_t start = clock_now();
	size_t total = 0;

	(void)state;
	memset(line, 'y', 60000);
	line[60000] = '\0';
	send_text(f, line, start);
	conn = accept(fd, NULL, NULL);
	for (int i = 1; i < 400; i++)
		send_text(f, line, start);
	assert_int_equal(feed_counts(f).spooled, 100);
	assert_int_equal(feed_counts(f).sent + feed_counts(f).dropped, 300);
	assert_true(feed_counts(f).dropped > 0);
	assert_int_equal(feed_flush(f, clock_now, 200), ERR_IO);
	assert_true(clock_now() - start < 5 * SECOND);
	/* now it reads: frames come whole, in order, none torn by the wait */
	while (feed_counts(f).spooled > 0) {
		total += receive(conn, got, sizeof(got));
		feed_poll(f, clock_now());
	}
	feed_free(f);
	while (recv(conn, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	assert_true(total > 0);
	free(line);
	close(conn);
	close(fd);
}

static void
unix_case(int type)
{
	struct feed_setup setup = {.sensor = "s"};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/damp-syslog-XXXXXX", url[200], why[400], got[4000];
	int fd = socket(AF_UNIX, type, 0), conn;
	struct feed *f;

	assert_non_null(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/log", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	snprintf(url, sizeof(url), "unix://%s", sa.sun_path);
	f = feed_open(url, &setup, why, sizeof(why));
	assert_non_null(f);
	send_text(f, "{}", 0);
	assert_int_equal(feed_counts(f).sent, 1);
	conn = type == SOCK_STREAM ? accept(fd, NULL, NULL) : dup(fd);
	receive(conn, got, sizeof(got));
	assert_string_equal(strstr(got, "] "), "] {}\n");
	feed_free(f);
	close(conn);
	close(fd);
	unlink(sa.sun_path);
	rmdir(dir);
}

static void
test_unix_datagram(void **state)
{
	(void)state;
	unix_case(SOCK_DGRAM);
}

static void
test_unix_stream(void **state)
{
	(void)state;
	unix_case(SOCK_STREAM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message), cmocka_unit_test(test_severities), cmocka_unit_test(test_urls),
		cmocka_unit_test(test_udp), cmocka_unit_test(test_udp_is_paced),
		cmocka_unit_test(test_tcp_frames), cmocka_unit_test(test_backoff_and_spool),
		cmocka_unit_test(test_peer_restarts), cmocka_unit_test(test_slow_receiver), cmocka_unit_test(test_unix_datagram),
		cmocka_unit_test(test_unix_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
