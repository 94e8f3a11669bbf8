/* The flow queue against a real redis-server, started here on a unix socket in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/flowjson.h"
#include "collector/queue.h"

static char folder[] = "/tmp/damp-queue-XXXXXX";
static char url[200];
static pid_t server;
static unsigned int told;
static bool absent; /* no redis-server, or built without hiredis */

static void
nap(int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
start_server(void)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/s", folder);
	server = fork();
	if (server == 0) {
		if (freopen("/dev/null", "w", stdout) != NULL)
			execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no",
			    "--dir", folder, "--requirepass", "a:word@", (char *)NULL);
		_exit(127);
	}
}

static int
stop_server(void)
{
	int status = 0;

	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, &status, 0);
		server = 0;
	}
	return status;
}

/* A source or NULL, waiting for the server to come up. */
static struct source *
open_source(const char *from, const struct source_events *ev)
{
	char why[300] = "";
	struct source *s = NULL;
	int status;

	for (int i = 0; i < 200 && s == NULL; i++) {
		s = source_open_queue(from, ev, why, sizeof(why));
		if (s == NULL)
			nap(50);
		if (s == NULL && waitpid(server, &status, WNOHANG) == server)
			server = 0;
		if (s == NULL && (server == 0 || strstr(why, "hiredis") != NULL))
			break;
	}
	return s;
}

static int
setup(void **state)
{
	struct source *s;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(url, sizeof(url), "unix://%s/s?password=a%%3aword@", folder);
	start_server();
	s = open_source(url, NULL);
	absent = s == NULL;
	source_close(s);
	return 0;
}

static int
teardown(void **state)
{
	char path[100];

	(void)state;
	stop_server();
	snprintf(path, sizeof(path), "%s/s", folder);
	unlink(path);
	return rmdir(folder);
}

static void
on_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	(void)ctx;
	(void)packet;
	(void)offset;
	assert_null(strstr(input, "word"));
	assert_true(reason[0] != '\0');
	told++;
}

/* Runs redis-cli with the arguments, which it reads from a pipe as one command a line; what it printed. */
static void
cli(const char *commands, char *out, size_t size)
{
	char line[400], path[100];
	FILE *in, *p;
	size_t n;

	snprintf(path, sizeof(path), "%s/in", folder);
	in = fopen(path, "w");
	assert_non_null(in);
	fputs(commands, in);
	fclose(in);
	snprintf(line, sizeof(line), "redis-cli -s %s/s -a a:word@ --no-auth-warning <%s", folder, path);
	p = popen(line, "r");
	assert_non_null(p);
	n = fread(out, 1, size - 1, p);
	out[n] = '\0';
	pclose(p);
	unlink(path);
}

static void
list_url(char *to, size_t size, const char *list)
{
	snprintf(to, size, "%s&list=%s", url, list);
}

static struct flow
sample(unsigned int i)
{
	struct flow f = {.start_ns = (INT64_C(1700000000) + i) * NS_PER_S, .end_ns = (INT64_C(1700000005) + i) * NS_PER_S,
		.packets = 1 + i, .bytes = 100, .sampling = 1, .sport = 53, .dport = 4000, .proto = FLOW_UDP};
	uint8_t src[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, dst[4] = {192, 0, 2, 1};

	f.src = addr_v4(src);
	f.dst = addr_v4(dst);
	return f;
}

static void
push(const char *to, unsigned int from, unsigned int n, bool end)
{
	char why[300];
	struct queue_out *q = queue_out_open(to, why, sizeof(why));

	if (q == NULL)
		fail_msg("%s", why);
	for (unsigned int i = 0; i < n; i++) {
		struct flow f = sample(from + i);

		assert_int_equal(queue_out_put(q, &f, NULL, 0), 0);
	}
	assert_int_equal(end ? queue_out_end(q) : queue_out_flush(q), 0);
	queue_out_close(q);
}

#define NEEDS_SERVER \
	do { \
		if (absent) { \
			print_message("skip: no redis-server\n"); \
			skip(); \
		} \
	} while (0)

/* N records, three malformed, one that lacks a sum, END; and what stands behind END. */
static void
drained(void **state)
{
	struct source_events ev = {.damage = on_damage, .want_extra = true};
	struct queue_stats stats;
	struct block b;
	struct source *s;
	char list[300], out[400];
	unsigned int n = 0;
	uint64_t packets = 0;
	int got;

	(void)state;
	NEEDS_SERVER;
	list_url(list, sizeof(list), "drained");
	push(list, 0, 1300, false);
	/* VERMONT's two: a number and its value run together, a comma that is not there; and a plain cut */
	cli("RPUSH drained '{\"flowStartSeconds\" : 1, 25817 : 3}'\nRPUSH drained '{\"sourceIPv4Address\" : 1 \"flowStartSeconds\" : 1}'\n"
	    "RPUSH drained '{\"sourceIPv4Add'\n"
	    "RPUSH drained '{\"flowStartSeconds\":1,\"flowEndSeconds\":2,\"sourceIPv4Address\":1,\"destinationIPv4Address\":2,\"protocolIdentifier\":17,\"octetDeltaCount\":3}'\n",
	    out, sizeof(out));
	push(list, 1300, 1, true);
	cli("RPUSH drained a\nRPUSH drained b\n", out, sizeof(out));
	assert_int_equal(block_init(&b), 0);
	s = open_source(list, &ev);
	assert_non_null(s);
	told = 0;
	while ((got = source_read(s, &b)) >= 0)
		for (size_t i = 0; i < b.flows.n; i++, n++) {
			struct flow want = sample(n);

			want.flags = FLOW_RECORD;
			want.seen_ns = want.end_ns;
			assert_memory_equal(&b.flows.flow[i], &want, offsetof(struct flow, ttl) + 1);
			packets += want.packets;
			assert_int_equal(b.now_ns, 0);
		}
	assert_int_equal(got, ERR_EOF);
	assert_int_equal(source_read(s, &b), ERR_EOF);
	source_queue_stats(s, &stats);
	assert_int_equal(n, 1301);
	assert_int_equal(packets, 1301 * 1302 / 2);
	assert_int_equal(stats.records, 1301);
	assert_int_equal(stats.malformed, 3);
	assert_int_equal(told, 3);
	assert_int_equal(stats.skipped, 1);
	assert_int_equal(stats.entries, 1301 + 4 + 1);
	assert_int_equal(stats.put_back, 2);
	cli("LRANGE drained 0 -1\n", out, sizeof(out));
	assert_string_equal(out, "a\nb\n");
	source_close(s);
	block_done(&b);
}

/* Stopped midway: what came out and what is left is everything. */
static void
stopped(void **state)
{
	struct block b;
	struct source *s;
	char list[300], out[100];
	size_t n = 0;
	int got;

	(void)state;
	NEEDS_SERVER;
	list_url(list, sizeof(list), "stopped");
	push(list, 0, 5000, false);
	assert_int_equal(block_init(&b), 0);
	s = open_source(list, NULL);
	assert_non_null(s);
	while ((got = source_read(s, &b)) >= 0) {
		n += b.flows.n;
		if (n > 1500)
			source_stop(s);
	}
	assert_int_equal(got, ERR_EOF);
	source_close(s);
	block_done(&b);
	cli("LLEN stopped\n", out, sizeof(out));
	assert_true(n > 1500 && n < 5000);
	assert_int_equal(n + (size_t)atoi(out), 5000);
}

/* Stopped while a blocking pop is under way, and records come at that very time. */
static void
stopped_while_waiting(void **state)
{
	struct block b;
	struct source *s;
	char list[300], out[100];
	size_t n = 0;
	int64_t since;
	int got;

	(void)state;
	NEEDS_SERVER;
	list_url(list, sizeof(list), "waiting");
	assert_int_equal(block_init(&b), 0);
	s = open_source(list, NULL);
	assert_non_null(s);
	assert_int_equal(source_read(s, &b), 0);
	push(list, 0, 3, false);
	source_stop(s);
	since = now_ms();
	while ((got = source_read(s, &b)) >= 0)
		n += b.flows.n;
	assert_true(now_ms() - since < 3000);
	cli("LLEN waiting\n", out, sizeof(out));
	assert_int_equal(n, 1); /* which the pop had already */
	assert_int_equal(atoi(out), 2);
	source_close(s);
	/* and an idle one stops within the pop's second */
	cli("DEL waiting\n", out, sizeof(out));
	s = open_source(list, NULL);
	assert_non_null(s);
	assert_int_equal(source_read(s, &b), 0);
	source_stop(s);
	since = now_ms();
	while (source_read(s, &b) >= 0)
		;
	assert_true(now_ms() - since < 3000);
	source_close(s);
	block_done(&b);
}

/* A full list makes the producer wait, or say so. */
static void
producer_pauses(void **state)
{
	char list[300], out[100], why[300];
	struct queue_out *q;
	struct flow f = sample(0);
	int got = 0;
	unsigned int n = 0;

	(void)state;
	NEEDS_SERVER;
	list_url(list, sizeof(list), "full");
	q = queue_out_open(list, why, sizeof(why));
	assert_non_null(q);
	while (n < 110000 && (got = queue_out_put(q, &f, NULL, 0)) == 0)
		n++;
	assert_int_equal(got, ERR_FULL);
	assert_true(n > QUEUE_FULL && n <= QUEUE_FULL + 2 * QUEUE_BATCH);
	assert_int_equal(queue_out_put(q, &f, NULL, 100), ERR_FULL);
	cli("LTRIM full 0 10\n", out, sizeof(out));
	assert_int_equal(queue_out_put(q, &f, NULL, 0), 0);
	assert_int_equal(queue_out_flush(q), 0);
	cli("LLEN full\n", out, sizeof(out));
	/* 11 left, the batch that had waited, the one */
	assert_int_equal(atoi(out), 11 + QUEUE_BATCH + 1);
	queue_out_close(q);
	cli("DEL full\n", out, sizeof(out));
}

/* The server goes away and comes back. */
static void
server_restarts(void **state)
{
	struct queue_stats stats = {0};
	struct block b;
	struct source *s;
	char list[300];
	size_t n = 0;
	int got = 0;

	(void)state;
	NEEDS_SERVER;
	list_url(list, sizeof(list), "again");
	assert_int_equal(block_init(&b), 0);
	s = open_source(list, NULL);
	assert_non_null(s);
	assert_int_equal(source_read(s, &b), 0);
	stop_server();
	for (int i = 0; i < 5 && got >= 0; i++)
		got = source_read(s, &b);
	assert_int_equal(got, 0);
	start_server();
	for (int i = 0; i < 200 && got >= 0 && stats.reconnects == 0; i++) {
		got = source_read(s, &b);
		source_queue_stats(s, &stats);
	}
	assert_int_equal(stats.reconnects, 1);
	push(list, 0, 700, true);
	while ((got = source_read(s, &b)) >= 0)
		n += b.flows.n;
	assert_int_equal(n, 700);
	source_close(s);
	block_done(&b);
}

static void
refused(void **state)
{
	static const char *const bad[] = {
		"", "redis://", "redis://host:port", "redis://host:99999", "redis://[::1", "rediss://host", "http://host",
		"unix:relative", "/path?color=red", "/path?list=", "/path?db=x", "/path?list=%zz", "redis://u:%@h",
	};
	struct source *s;
	char why[300], list[300], out[100];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_null(source_open_queue(bad[i], NULL, why, sizeof(why)));
		assert_true(why[0] != '\0');
		assert_null(queue_out_open(bad[i], why, sizeof(why)));
	}
	assert_null(source_open_queue("redis://user:secret@127.0.0.1:1/3", NULL, why, sizeof(why)));
	assert_null(strstr(why, "secret"));
	NEEDS_SERVER;
	snprintf(list, sizeof(list), "unix://%s/s?password=wrong", folder);
	assert_null(source_open_queue(list, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "AUTH"));
	cli("SET text x\n", out, sizeof(out));
	list_url(list, sizeof(list), "text");
	assert_null(source_open_queue(list, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "no list"));
	list_url(list, sizeof(list), "text&db=3");
	s = source_open_queue(list, NULL, why, sizeof(why));
	assert_non_null(s);
	source_close(s);
}

/* IPv6 as text, sub-second times beside the seconds: it reads back. */
static void
entry(void **state)
{
	struct flow f = sample(7), g;
	struct flow_extra x;
	const char *why;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	queue_entry(&out, &f, NULL);
	assert_non_null(strstr(buf_text(&out), "\"flowStartSeconds\":1700000007,"));
	assert_non_null(strstr(buf_text(&out), "\"sourceIPv4Address\":167772167,"));
	buf_reset(&out);
	f.start_ns += 5000000;
	assert_int_equal(addr_parse("2001:db8::1", &f.src) + addr_parse("2001:db8::2", &f.dst), 0);
	queue_entry(&out, &f, NULL);
	assert_int_equal(flowjson_parse(buf_text(&out), out.len, &g, &x, &why), 0);
	f.flags = FLOW_RECORD | FLOW_IP6;
	f.seen_ns = f.end_ns;
	assert_memory_equal(&f, &g, offsetof(struct flow, ttl) + 1); /* padding follows */
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drained), cmocka_unit_test(stopped), cmocka_unit_test(stopped_while_waiting),
		cmocka_unit_test(producer_pauses), cmocka_unit_test(server_restarts), cmocka_unit_test(refused),
		cmocka_unit_test(entry),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
