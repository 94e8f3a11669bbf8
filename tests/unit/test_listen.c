/* The listener: datagrams of both families, several ports and threads, rubbish, loss, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/listen_kit.h"

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
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_unread),
		cmocka_unit_test(test_stopped_by_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
