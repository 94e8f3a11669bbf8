/* The listener over TCP: messages in pieces, templates that end with their connection, lies, and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/listen_kit.h"

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

/* Where only some may send, nobody else keeps a connection. */
static void
test_tcp_strangers(void **state)
{
	struct prefix known;
	const struct export_setup setup = {.known = &known, .known_n = 1};
	const struct source_events ev = {.export_setup = &setup};
	struct kit k;
	char c;
	int fd;

	(void)state;
	assert_int_equal(prefix_parse("192.0.2.1", &known), 0);
	open_events(&k, &(struct source_listen){.address = "tcp://127.0.0.1:0"}, 1, &ev);
	fd = sender(false, k.socket[0].port, SOCK_STREAM);
	assert_int_equal(source_read(k.source, &k.block), 0);
	assert_int_equal(counts(&k).connections, 0);
	assert_int_equal(counts(&k).refused, 1);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
	close_kit(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_pieces),
		cmocka_unit_test(test_tcp_templates_end),
		cmocka_unit_test(test_tcp_liars),
		cmocka_unit_test(test_tcp_bounded),
		cmocka_unit_test(test_tcp_no_descriptors),
		cmocka_unit_test(test_tcp_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
