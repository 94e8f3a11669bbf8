/* The listener, over real sockets of the loopback interface and ports that the kernel chose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
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

static int64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool
six_here(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void
open_list(struct kit *k, const struct source_listen *list, size_t n)
{
	char why[300] = "";

	*k = (struct kit){0};
	k->source = source_open_listen(list, n, NULL, why, sizeof(why));
	if (k->source == NULL)
		print_error("%s\n", why);
	assert_non_null(k->source);
	assert_int_equal(block_init(&k->block), 0);
	k->sockets = source_sockets(k->source, k->socket, SOCKETS);
	assert_int_equal(k->sockets, n);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(k->socket[i].port, 0);
}

static void
open_one(struct kit *k, const char *address, unsigned int threads)
{
	open_list(k, &(struct source_listen){.address = address, .threads = threads}, 1);
}

static void
close_kit(struct kit *k)
{
	block_done(&k->block);
	source_close(k->source);
}

/* Reads until so many flows came, or half a second brought none. */
static void
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

static uint64_t
datagrams(const struct kit *k)
{
	struct source_listen_counts c;

	source_listen_counts(k->source, &c);
	return c.datagrams;
}

/* --- sending ------------------------------------------------------------------------------------ */

static int
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

static size_t
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

static void
send_v5(int fd, uint32_t sequence)
{
	uint8_t p[V5_HEADER + V5_RECORD];
	size_t n = v5(p, sequence, 1);

	assert_int_equal(send(fd, p, n, 0), n);
}

/* --- UDP ---------------------------------------------------------------------------------------- */

static void
test_both_families(void **state)
{
	struct kit k;
	int64_t before = wall_ns();
	int four, six;

	(void)state;
	if (!six_here())
		skip();
	open_one(&k, "0", 1);
	four = sender(false, k.socket[0].port, SOCK_DGRAM);
	six = sender(true, k.socket[0].port, SOCK_DGRAM);
	send_v5(four, 0);
	read_flows(&k, 1);
	assert_int_equal(k.block.flows.flow[0].packets, 10);
	assert_int_equal(k.block.flows.flow[0].sport, 53);
	assert_true(k.block.flows.flow[0].seen_ns >= before);
	assert_true(k.block.now_ns >= k.block.flows.flow[0].seen_ns && k.block.now_ns <= wall_ns());
	assert_int_equal(k.block.flows.flow[0].exporter, 0);
	send_v5(six, 0);
	read_flows(&k, 2);
	assert_int_equal(k.block.flows.flow[0].exporter, 1);
	assert_int_equal(datagrams(&k), 2);
	close(four);
	close(six);
	close_kit(&k);
}

static void
see_addresses(void *ctx, struct export *x)
{
	char (*text)[ADDR_TEXT] = ctx;

	for (size_t i = 0; i < exporters_n(export_exporters(x)) && i < 2; i++)
		addr_text(&exporters_at(export_exporters(x), i)->key.addr, text[i]);
}

static void
test_several_ports(void **state)
{
	static const struct source_listen list[] = {
		{.address = "127.0.0.1:0"}, {.address = "udp://[::1]:0"}, {.address = "*:0"}, {.address = "tcp://localhost:0"},
	};
	char text[2][ADDR_TEXT] = {"", ""};
	struct kit k;
	int a, b, c;

	(void)state;
	if (!six_here())
		skip();
	open_list(&k, list, 4);
	assert_false(k.socket[0].tcp);
	assert_true(k.socket[3].tcp);
	assert_true(k.socket[0].receive_buffer > 0);
	a = sender(false, k.socket[0].port, SOCK_DGRAM);
	b = sender(true, k.socket[1].port, SOCK_DGRAM);
	c = sender(false, k.socket[2].port, SOCK_DGRAM);
	send_v5(a, 0);
	read_flows(&k, 1);
	send_v5(b, 0);
	read_flows(&k, 2);
	send_v5(c, 1); /* the same exporter by address, on another port */
	read_flows(&k, 3);
	source_exports(k.source, see_addresses, text);
	assert_string_equal(text[0], "127.0.0.1");
	assert_string_equal(text[1], "::1");
	close(a), close(b), close(c);
	close_kit(&k);
}

/* [::] takes IPv4 as well, unless that has a line of its own. */
static void
test_any_twins(void **state)
{
	char four[32], six[32];
	struct kit k;
	int fd;

	(void)state;
	if (!six_here())
		skip();
	open_one(&k, "[::]:0", 1);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	send_v5(fd, 0);
	read_flows(&k, 1);
	snprintf(four, sizeof(four), "0.0.0.0:%u", k.socket[0].port);
	snprintf(six, sizeof(six), "[::]:%u", k.socket[0].port);
	close_kit(&k);
	open_list(&k, (const struct source_listen[]){{.address = six}, {.address = four}}, 2);
	send_v5(fd, 1);
	read_flows(&k, 1);
	close(fd);
	close_kit(&k);
}

/* The caller's own exporters, and what only records have. */
static void
test_extra(void **state)
{
	struct export *x = export_new(&(struct export_setup){.exporters.base = 5u << 20});
	struct source_events ev = {.export = x, .want_extra = true};
	char why[300];
	struct kit k = {0};
	int fd;

	(void)state;
	k.source = source_open_listen(&(struct source_listen){.address = "127.0.0.1:0"}, 1, &ev, why, sizeof(why));
	assert_non_null(k.source);
	assert_int_equal(block_init(&k.block), 0);
	source_sockets(k.source, k.socket, 1);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	send_v5(fd, 0);
	read_flows(&k, 1);
	assert_non_null(k.block.flows.extra);
	assert_int_equal(k.block.flows.extra[0].version, 5);
	assert_int_equal(k.block.flows.flow[0].exporter, 5u << 20);
	assert_int_equal(exporters_n(export_exporters(x)), 1);
	close(fd);
	close_kit(&k);
	export_free(x);
}

static void
test_bad_addresses(void **state)
{
	static const char *const bad[] = {
		"", "x", "65536", "127.0.0.1", "127.0.0.1:", "::1:2055", "[::1]", "[]:1", "http://1.2.3.4:5", "127.0.0.1:+5",
		"192.0.2.77:0" /* not ours */, "tcp://",
	};
	char why[300], text[32];
	struct kit k;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_null(source_open_listen(&(struct source_listen){.address = bad[i]}, 1, NULL, why, sizeof(why)));
		assert_true(strncmp(why, bad[i], strlen(bad[i])) == 0 && strlen(why) > strlen(bad[i]) + 5);
	}
	assert_null(source_open_listen(NULL, 0, NULL, why, sizeof(why)));
	open_one(&k, "127.0.0.1:0", 1);
	snprintf(text, sizeof(text), "127.0.0.1:%u", k.socket[0].port);
	assert_null(source_open_listen(&(struct source_listen){.address = text}, 1, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "in use"));
	close_kit(&k);
}

static void
test_quiet(void **state)
{
	struct kit k;
	int64_t before;

	(void)state;
	open_one(&k, "127.0.0.1:0", 1);
	before = wall_ns();
	assert_int_equal(source_read(k.source, &k.block), 0);
	assert_true(k.block.now_ns >= before && k.block.now_ns - before < (int64_t)2000 * 1000000);
	assert_int_equal(k.block.n, 0);
	close_kit(&k);
}

static void
count_unknown(void *ctx, struct export *x)
{
	*(uint64_t *)ctx += export_unknown(x);
}

static void
test_rubbish(void **state)
{
	static uint8_t large[60000];
	struct kit k;
	uint64_t unknown = 0;
	int fd;

	(void)state;
	open_one(&k, "127.0.0.1:0", 1);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	assert_int_equal(send(fd, "", 0, 0), 0);
	assert_int_equal(send(fd, "\0\5", 1, 0), 1);
	assert_int_equal(send(fd, large, sizeof(large), 0), sizeof(large));
	send_v5(fd, 0);
	read_flows(&k, 1);
	source_exports(k.source, count_unknown, &unknown);
	assert_int_equal(unknown, 3);
	assert_int_equal(datagrams(&k), 4);
	close(fd);
	close_kit(&k);
}

/* Sent as one, segmented by the kernel, and perhaps received as one again. */
static void
test_trains(void **state)
{
	uint8_t p[40 * (V5_HEADER + V5_RECORD)];
	int size = V5_HEADER + V5_RECORD;
	struct kit k;
	int fd;

	(void)state;
	open_one(&k, "127.0.0.1:0", 1);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) != 0) {
		close(fd);
		close_kit(&k);
		skip();
	}
	for (uint32_t i = 0; i < 40; i++)
		v5(p + i * (uint32_t)size, i, 1);
	assert_int_equal(send(fd, p, sizeof(p) - 1, 0), sizeof(p) - 1); /* the last one is short, and void */
	read_flows(&k, 39);
	assert_int_equal(datagrams(&k), 40);
	close(fd);
	close_kit(&k);
}

/* A sampled question for a name of one letter. */
static size_t
sflow(uint8_t *p, uint8_t letter, unsigned int samples)
{
	static const uint8_t head[28] = {[3] = 5, [7] = 1, 192, 0, 2, 1};
	static const uint8_t sample[] = {
		0, 0, 0, 1, 0, 0, 0, 112, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2,
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 72, 0, 0, 0, 11, 0, 0, 0, 55, 0, 0, 0, 0, 0, 0, 0, 55,
		0x45, 0, 0, 55, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0, 53, 0, 35, 0, 0,
		0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'x', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1, 0,
	};
	enum { NAME = 8 + 32 + 8 + 16 + 28 + 12 + 1 };

	memcpy(p, head, sizeof(head));
	p[26] = (uint8_t)(samples >> 8);
	p[27] = (uint8_t)samples;
	for (unsigned int i = 0; i < samples; i++) {
		uint8_t *to = p + sizeof(head) + i * sizeof(sample);

		memcpy(to, sample, sizeof(sample));
		to[NAME] = letter;
	}
	return sizeof(head) + samples * sizeof(sample);
}

static void
test_views_borrow(void **state)
{
	static uint8_t p[20000];
	size_t letters[26] = {0}, seen = 0;
	struct kit k;
	int fd;

	(void)state;
	open_one(&k, "127.0.0.1:0", 1);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	for (int i = 0; i < 260; i++) {
		size_t n = sflow(p, (uint8_t)('a' + i % 26), i == 100 ? 75 : 3); /* one of 9 kB */

		assert_int_equal(send(fd, p, n, 0), n);
	}
	while (seen < 259 * 3 + 75) {
		const struct block *b = &k.block;

		assert_true(source_read(k.source, &k.block) > 0);
		for (size_t i = 0; i < b->flows.n; i++) {
			const struct dns_view *v = b->flows.flow[i].dns;

			assert_non_null(v);
			assert_true(v->msg >= b->data && v->msg + v->captured <= b->data + b->cap);
			assert_int_equal(v->name_len, 11);
			letters[v->name[1] - 'a']++;
			seen++;
		}
	}
	assert_int_equal(seen, 259 * 3 + 75);
	for (int i = 0; i < 26; i++)
		assert_int_equal(letters[i], i == 100 % 26 ? 27 + 75 : 30);
	close(fd);
	close_kit(&k);
}

static void
test_kernel_drops(void **state)
{
	struct source_progress progress;
	struct kit k;
	int fd;

	(void)state;
	open_list(&k, &(struct source_listen){.address = "127.0.0.1:0", .receive_buffer = 16384}, 1);
	assert_true(k.socket[0].receive_buffer < 100000);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	for (uint32_t i = 0; i < 1000; i++)
		send_v5(fd, i);
	while (source_read(k.source, &k.block) > 0)
		k.flows += k.block.flows.n;
	source_progress(k.source, &progress);
	assert_true(progress.kernel_drops > 0);
	assert_int_equal(k.flows + progress.kernel_drops, 1000);
	close(fd);
	close_kit(&k);
}

/* --- TCP ---------------------------------------------------------------------------------------- */

/* An IPFIX message of a template, then one of `records` records of it. */
static size_t
ipfix(uint8_t *p, uint8_t records)
{
	static const uint8_t head[16] = {0, 10, 0, 0, 0x69, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t template[] = {
		0, 2, 0, 36, 1, 0, 0, 7, 0, 8, 0, 4, 0, 12, 0, 4, 0, 7, 0, 2, 0, 11, 0, 2, 0, 4, 0, 1, 0, 2, 0, 4, 0, 1, 0, 4,
	};
	static const uint8_t record[] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 1, 2, 17, 0, 0, 0, 3, 0, 0, 1, 0};
	size_t first = sizeof(head) + sizeof(template), n = first + sizeof(head);

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), template, sizeof(template));
	p[3] = (uint8_t)first;
	memcpy(p + first, head, sizeof(head));
	p[n] = 1;
	p[n + 1] = 0;
	p[n + 2] = (uint8_t)((4 + records * sizeof(record)) >> 8);
	p[n + 3] = (uint8_t)(4 + records * sizeof(record));
	n += 4;
	for (uint8_t i = 0; i < records; i++, n += sizeof(record))
		memcpy(p + n, record, sizeof(record));
	p[first + 2] = (uint8_t)((n - first) >> 8);
	p[first + 3] = (uint8_t)(n - first);
	return n;
}

static struct source_listen_counts
counts(const struct kit *k)
{
	struct source_listen_counts c;

	source_listen_counts(k->source, &c);
	return c;
}

static void
test_tcp_pieces(void **state)
{
	uint8_t p[1024];
	struct kit k;
	size_t n;
	int fd;

	(void)state;
	open_one(&k, "tcp://127.0.0.1:0", 1);
	fd = sender(false, k.socket[0].port, SOCK_STREAM);
	n = ipfix(p, 5);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(send(fd, p + i, 1, 0), 1);
		if (i % 7 == 0 && i + 1 < n) {
			assert_int_equal(source_read(k.source, &k.block), 0);
			assert_int_equal(k.flows, 0);
		}
	}
	read_flows(&k, 5);
	assert_int_equal(k.block.flows.flow[4].packets, 3);
	assert_int_equal(k.block.flows.flow[4].bytes, 256);
	for (int i = 0; i < 20; i++)
		assert_int_equal(send(fd, p, n, 0), n); /* and many at once */
	read_flows(&k, 105);
	assert_int_equal(counts(&k).open, 1);
	close(fd);
	source_read(k.source, &k.block);
	assert_int_equal(counts(&k).open, 0);
	assert_int_equal(counts(&k).lied, 0);
	close_kit(&k);
}

/* Templates are a connection's own: what the next one sends without cannot be read. */
static void
test_tcp_templates_end(void **state)
{
	uint8_t p[1024];
	struct kit k;
	size_t n;
	int fd;

	(void)state;
	open_one(&k, "tcp://127.0.0.1:0", 1);
	fd = sender(false, k.socket[0].port, SOCK_STREAM);
	n = ipfix(p, 5);
	assert_int_equal(send(fd, p, n, 0), n);
	read_flows(&k, 5);
	assert_int_equal(send(fd, p + 52, n - 52, 0), n - 52);
	read_flows(&k, 10);
	close(fd);
	assert_int_equal(source_read(k.source, &k.block), 0);
	fd = sender(false, k.socket[0].port, SOCK_STREAM);
	assert_int_equal(send(fd, p + 52, n - 52, 0), n - 52);
	for (int t = 0; t < 4; t++)
		assert_int_equal(source_read(k.source, &k.block), 0);
	assert_int_equal(counts(&k).connections, 2);
	assert_int_equal(datagrams(&k), 4);
	close(fd);
	close_kit(&k);
}

static void
test_tcp_liars(void **state)
{
	static const struct { const char *p; size_t n; } lies[] = {
		{"\0\12\0\17................", 16}, {"\0\12\0\0", 4}, {"\0\11\0\40............................", 32},
		{"GET / HTTP/1.0\r\n\r\n", 18}, {"\0\5\0\1................................", 32},
	};
	struct kit k;

	(void)state;
	open_one(&k, "tcp://127.0.0.1:0", 1);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		int fd = sender(false, k.socket[0].port, SOCK_STREAM);
		struct timeval two = {.tv_sec = 2};
		char c;

		assert_int_equal(send(fd, lies[i].p, lies[i].n, 0), lies[i].n);
		for (int t = 0; t < 5 && counts(&k).lied == i; t++)
			assert_int_equal(source_read(k.source, &k.block), 0);
		assert_int_equal(counts(&k).lied, i + 1);
		assert_int_equal(counts(&k).open, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two, sizeof(two));
		assert_true(recv(fd, &c, 1, 0) == 0 || errno == ECONNRESET);
		close(fd);
	}
	close_kit(&k);
}

static void
test_tcp_bounded(void **state)
{
	enum { N = 300, MAX = 256 };
	static int fd[N];
	struct kit k;

	(void)state;
	open_one(&k, "tcp://127.0.0.1:0", 1);
	for (int i = 0; i < N; i++) {
		fd[i] = sender(false, k.socket[0].port, SOCK_STREAM);
		if (i % 16 == 15)
			source_read(k.source, &k.block);
	}
	for (int t = 0; t < 10 && counts(&k).connections + counts(&k).refused < N; t++)
		source_read(k.source, &k.block);
	assert_int_equal(counts(&k).open, MAX);
	assert_int_equal(counts(&k).connections, MAX);
	assert_int_equal(counts(&k).refused, N - MAX);
	for (int i = 0; i < N; i++)
		close(fd[i]);
	for (int t = 0; t < 20 && counts(&k).open > 0; t++)
		source_read(k.source, &k.block);
	assert_int_equal(counts(&k).open, 0);
	close_kit(&k);
}

/* Without a descriptor left, newcomers are turned away, and do not make us spin. */
static void
test_tcp_no_descriptors(void **state)
{
	enum { N = 5 };
	struct rlimit before, now;
	int fd[N], lowest;
	struct kit k;

	(void)state;
	open_one(&k, "tcp://127.0.0.1:0", 1);
	for (int i = 0; i < N; i++)
		fd[i] = sender(false, k.socket[0].port, SOCK_STREAM);
	lowest = dup(0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	for (int t = 0; t < N && counts(&k).refused < N; t++)
		source_read(k.source, &k.block);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(counts(&k).refused, N);
	assert_int_equal(counts(&k).connections, 0);
	for (int i = 0; i < N; i++)
		close(fd[i]);
	fd[0] = sender(false, k.socket[0].port, SOCK_STREAM);
	source_read(k.source, &k.block);
	assert_int_equal(counts(&k).open, 1);
	close(fd[0]);
	close_kit(&k);
}

/* --- threads and ends --------------------------------------------------------------------------- */

struct sum {
	uint64_t datagrams, rows;
	uint32_t bases; /* one bit for each receiver that heard anything */
};

static void
sum_up(void *ctx, struct export *x)
{
	struct sum *s = ctx;

	for (size_t i = 0; i < exporters_n(export_exporters(x)); i++) {
		const struct exporter *e = exporters_at(export_exporters(x), i);

		s->datagrams += e->count[EXPORTER_DATAGRAMS];
		s->bases |= 1u << (e->index >> 20);
		s->rows++;
	}
}

static void
test_threads(void **state)
{
	enum { SENDERS = 48, EACH = 20 };
	struct sum sum = {0};
	uint32_t bases = 0;
	struct kit k;

	(void)state;
	open_one(&k, "127.0.0.1:0", 3);
	for (int i = 0; i < SENDERS; i++) {
		int fd = sender(false, k.socket[0].port, SOCK_DGRAM);

		for (uint32_t m = 0; m < EACH; m++)
			send_v5(fd, m);
		close(fd);
	}
	for (int quiet = 0; k.flows < SENDERS * EACH && quiet < 10; ) {
		int n = source_read(k.source, &k.block);

		assert_true(n >= 0);
		for (size_t i = 0; i < k.block.flows.n; i++)
			bases |= 1u << (k.block.flows.flow[i].exporter >> 20);
		k.flows += (size_t)n;
		quiet = n > 0 ? 0 : quiet + 1;
	}
	assert_int_equal(k.flows, SENDERS * EACH);
	source_exports(k.source, sum_up, &sum);
	assert_int_equal(sum.datagrams, SENDERS * EACH);
	assert_int_equal(sum.bases, bases);
	assert_int_equal(bases, 7); /* 48 senders on three: all have some */
	assert_true(source_read(k.source, &k.block) == 0 && k.block.now_ns > 0);
	source_stop(k.source);
	assert_int_equal(source_read(k.source, &k.block), ERR_EOF);
	close_kit(&k);
}

/* Nobody reads: the crates fill up, the threads wait, and closing still ends them. */
static void
test_threads_unread(void **state)
{
	struct kit k;
	int fd;

	(void)state;
	open_one(&k, "127.0.0.1:0", 2);
	fd = sender(false, k.socket[0].port, SOCK_DGRAM);
	for (uint32_t i = 0; i < 2000; i++) {
		send_v5(fd, i);
		if (i % 100 == 0)
			usleep(1000);
	}
	close(fd);
	close_kit(&k);
}

static struct source *to_stop;

static void
on_alarm(int sig)
{
	(void)sig;
	source_stop(to_stop);
}

static void
test_stopped_by_signal(void **state)
{
	struct itimerval soon = {.it_value.tv_usec = 30000};
	struct sigaction act = {.sa_handler = on_alarm}, before;
	struct kit k;

	(void)state;
	for (unsigned int threads = 1; threads <= 2; threads++) {
		int n = 0;

		open_one(&k, "127.0.0.1:0", threads);
		to_stop = k.source;
		sigaction(SIGALRM, &act, &before);
		setitimer(ITIMER_REAL, &soon, NULL);
		for (int i = 0; i < 20 && n == 0; i++)
			n = source_read(k.source, &k.block);
		assert_int_equal(n, ERR_EOF);
		assert_int_equal(source_read(k.source, &k.block), ERR_EOF);
		sigaction(SIGALRM, &before, NULL);
		close_kit(&k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_families),
		cmocka_unit_test(test_several_ports),
		cmocka_unit_test(test_any_twins),
		cmocka_unit_test(test_extra),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test(test_trains),
		cmocka_unit_test(test_views_borrow),
		cmocka_unit_test(test_kernel_drops),
		cmocka_unit_test(test_tcp_pieces),
		cmocka_unit_test(test_tcp_templates_end),
		cmocka_unit_test(test_tcp_liars),
		cmocka_unit_test(test_tcp_bounded),
		cmocka_unit_test(test_tcp_no_descriptors),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_unread),
		cmocka_unit_test(test_stopped_by_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
