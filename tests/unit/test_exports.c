/* Captures of export datagrams: when a capture is taken for one, and what its packets become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/export.h"
#include "collector/source.h"

enum { T0 = 1700000000, ROOM = 4 << 20, UDP = 17, TCP = 6 };

/* A capture in the making. */
static struct {
	uint8_t *p;
	size_t n;
	unsigned int packets;
} im;

/* What reading it gave. */
static struct {
	uint64_t packets, flows, bytes, places;
	uint64_t sum[EXPORTER_COUNTS], unknown;
	uint64_t damaged_packet;
	size_t exporters;
	struct addr first_src, exporter;
	int64_t first_seen;
	char reason[200];
	int end;
} got;

static void
put(uint64_t v, int bytes)
{
	assert_true(im.n + 8 < ROOM);
	for (int i = bytes - 1; i >= 0; i--)
		im.p[im.n++] = (uint8_t)(v >> 8 * i);
}

static int
setup(void **state)
{
	(void)state;
	memset(&im, 0, sizeof(im));
	im.p = malloc(ROOM);
	if (im.p == NULL)
		return -1;
	put(0xa1b2c3d4, 4);
	put(0x00020004, 4);
	put(0, 8);
	put(65535, 4);
	put(1, 4);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(im.p);
	return 0;
}

struct packet {
	uint8_t proto, flags, host; /* from 10.0.0.host */
	uint16_t sport, dport;
	uint32_t sequence;
	uint16_t fragment;          /* flags and offset of the IP header */
	bool vlan;
};

/* One packet a second, to 10.0.1.1. */
static void
put_packet(const struct packet *k, const uint8_t *payload, size_t n)
{
	size_t header = k->proto == UDP ? 8 : k->proto == TCP ? 20 : 0, frame = (k->vlan ? 38u : 34u) + header + n;

	put(T0 + im.packets++, 4);
	put(0, 4);
	put(frame, 4);
	put(frame, 4);
	put(0, 8);
	put(0, 4);
	if (k->vlan)
		put(0x8100002a, 4);
	put(0x0800, 2);
	put(0x4500, 2);
	put(20 + header + n, 2);
	put(im.packets, 2);
	put(k->fragment, 2);
	put(64, 1);
	put(k->proto, 1);
	put(0, 2);
	put(0x0a000000 + k->host, 4);
	put(0x0a000101, 4);
	if (header > 0) {
		put(k->sport, 2);
		put(k->dport, 2);
	}
	if (k->proto == UDP) {
		put(8 + n, 2);
		put(0, 2);
	} else if (k->proto == TCP) {
		put(k->sequence, 4);
		put(0, 4);
		put(0x50, 1);
		put(k->flags, 1);
		put(0, 6);
	}
	assert_true(im.n + n < ROOM);
	memcpy(im.p + im.n, payload, n);
	im.n += n;
}

/* NetFlow v5 with `count` records of 3 packets and 300 bytes. */
static size_t
v5(uint8_t *d, unsigned int count, uint32_t sequence)
{
	uint32_t secs = T0 + im.packets;

	memset(d, 0, 24 + (size_t)count * 48);
	d[1] = 5;
	d[3] = (uint8_t)count;
	for (int i = 0; i < 4; i++) {
		d[8 + i] = (uint8_t)(secs >> 8 * (3 - i));
		d[16 + i] = (uint8_t)(sequence >> 8 * (3 - i));
	}
	for (unsigned int r = 0; r < count; r++) {
		uint8_t *f = d + 24 + (size_t)r * 48;

		memcpy(f, (const uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2}, 8);
		f[19] = 3;
		f[22] = 1;
		f[23] = 44;
		f[38] = 6;
	}
	return 24 + (size_t)count * 48;
}

static uint32_t sequence;

static void
put_v5(uint16_t port, unsigned int count)
{
	uint8_t d[24 + 30 * 48];
	size_t n = v5(d, count, sequence);

	sequence += count;
	put_packet(&(struct packet){.proto = UDP, .host = 9, .sport = 5000, .dport = port}, d, n);
}

static void
put_udp(uint16_t port, const char *text)
{
	put_packet(&(struct packet){.proto = UDP, .host = 7, .sport = 4000, .dport = port}, (const uint8_t *)text, strlen(text));
}

static void
damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	(void)ctx, (void)input, (void)offset;
	got.places++;
	got.damaged_packet = packet;
	snprintf(got.reason, sizeof(got.reason), "%s", reason);
}

static void
read_all(const char *path, enum source_reading reading)
{
	struct source_events ev = {.damage = damage, .reading = reading, .want_extra = true};
	struct source_progress progress;
	struct source *s;
	struct block b;
	char why[200];

	memset(&got, 0, sizeof(got));
	ev.export = export_new(&(struct export_setup){0});
	assert_non_null(ev.export);
	assert_int_equal(block_init(&b), 0);
	s = source_open_file(path, &ev, why, sizeof(why));
	assert_non_null(s);
	while ((got.end = source_read(s, &b)) > 0) {
		assert_int_equal(got.end, b.n > 0 ? b.n : b.flows.n);
		if (b.flows.n > 0 && got.flows == 0) {
			got.first_src = b.flows.flow[0].src;
			got.first_seen = b.flows.flow[0].seen_ns;
			got.exporter = b.flows.extra[0].exporter;
		}
		got.packets += b.n;
		got.flows += b.flows.n;
		for (size_t i = 0; i < b.flows.n; i++)
			got.bytes += b.flows.flow[i].bytes;
	}
	source_progress(s, &progress);
	assert_true(progress.damaged >= got.places);
	got.exporters = exporters_n(export_exporters(ev.export));
	exporters_sum(export_exporters(ev.export), got.sum);
	got.unknown = export_unknown(ev.export);
	source_close(s);
	block_done(&b);
	export_free(ev.export);
}

static void
run(enum source_reading reading)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	char path[40];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, im.p, im.n), im.n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_all(path, reading);
	close(fd);
	assert_int_equal(got.end, ERR_EOF);
}

static void *
feed_pipe(void *arg)
{
	int fd = *(int *)arg;

	for (size_t at = 0; at < im.n; ) {
		ssize_t n = write(fd, im.p + at, im.n - at < 70 ? im.n - at : 70);

		if (n <= 0)
			break;
		at += (size_t)n;
		usleep(50);
	}
	close(fd);
	return NULL;
}

/* The same capture through a pipe, in pieces. */
static void
run_pipe(void)
{
	pthread_t thread;
	char path[40];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &fd[1]), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd[0]);
	read_all(path, READ_AUTO);
	pthread_join(thread, NULL);
	close(fd[0]);
}

/* --- UDP ------------------------------------------------------------------------------------------------- */

static void
test_datagrams(void **state)
{
	struct addr want;

	(void)state;
	sequence = 0;
	for (int i = 0; i < 20; i++)
		put_v5(40000, 30);
	run(READ_AUTO);
	assert_int_equal(got.packets, 0);
	assert_int_equal(got.flows, 600);
	assert_int_equal(got.bytes, 600 * 300);
	assert_int_equal(got.exporters, 1);
	assert_int_equal(got.sum[EXPORTER_DATAGRAMS], 20);
	assert_int_equal(got.sum[EXPORTER_LOST], 0);
	assert_int_equal(got.places, 0);
	assert_int_equal(addr_parse("192.0.2.1", &want), 0);
	assert_true(addr_equal(&got.first_src, &want));
	assert_int_equal(addr_parse("10.0.0.9", &want), 0);
	assert_true(addr_equal(&got.exporter, &want));
	assert_int_equal(got.first_seen, INT64_C(1000000000) * T0);
	run(READ_PACKETS);
	assert_int_equal(got.packets, 20);
	assert_int_equal(got.flows, 0);
	run(READ_EXPORTS);
	assert_int_equal(got.flows, 600);
}

/* The collector may sit behind a VLAN; datagrams without flows still count. */
static void
test_vlan_and_empty(void **state)
{
	uint8_t d[72];

	(void)state;
	v5(d, 1, 0);
	memset(d + 24 + 16, 0, 8);
	put_packet(&(struct packet){.proto = UDP, .host = 9, .dport = 7777, .vlan = true}, d, 72);
	run(READ_AUTO);
	assert_int_equal(got.packets + got.flows, 0);
	assert_int_equal(got.sum[EXPORTER_IGNORED], 1);
}

/* From a file and from a pipe; there, what comes ahead of the first datagram need not wait for it. */
static void
expect_kind(bool exports, unsigned int ahead)
{
	uint64_t flows, packets;

	run(READ_AUTO);
	assert_int_equal(got.flows > 0, exports);
	assert_int_equal(got.packets > 0, !exports);
	flows = got.flows;
	packets = got.packets;
	run_pipe();
	assert_int_equal(got.flows, flows);
	assert_in_range(got.packets, packets, packets + ahead);
}

static void
test_stray_packets(void **state)
{
	(void)state;
	put_v5(40000, 2);
	put_udp(514, "<30>a line of syslog");
	put_packet(&(struct packet){.proto = 1, .host = 1}, (const uint8_t *)"\3\3\0\0", 4);
	for (int i = 0; i < 12; i++)
		put_v5(40000, 2);
	put_udp(514, "<30>another");
	expect_kind(true, 0);
	assert_int_equal(got.flows, 26);
	assert_int_equal(got.unknown, 0);
}

static void
test_mostly_others(void **state)
{
	(void)state;
	put_v5(40000, 2);
	put_v5(40000, 2);
	for (int i = 0; i < 5; i++)
		put_udp(443, "neither here nor there");
	for (int i = 0; i < 100; i++)
		put_v5(40000, 2);
	expect_kind(false, 0);
	/* unless somebody says so */
	run(READ_EXPORTS);
	assert_int_equal(got.flows, 204);
	assert_int_equal(got.unknown, 0);
}

/* Short captures, and those without a clear lead, go by the majority of two thirds. */
static void
test_majority(void **state)
{
	(void)state;
	for (int i = 0; i < 15; i++) {
		put_v5(40000, 1);
		put_v5(40000, 1);
		if (i % 2 == 0)
			put_udp(443, "neither");
	}
	run(READ_AUTO);
	assert_true(got.flows > 0);
	teardown(NULL);
	setup(NULL);
	put_v5(40000, 1);
	put_udp(443, "neither");
	expect_kind(false, 0);
	teardown(NULL);
	setup(NULL);
	for (int i = 0; i < 20; i++) {
		put_v5(40000, 1);
		put_udp(443, "neither");
	}
	expect_kind(false, 0);
}

/* Where datagrams went before, what is none counts; elsewhere it is other traffic. */
static void
test_damaged_datagrams(void **state)
{
	uint8_t d[72];

	(void)state;
	for (int i = 0; i < 9; i++)
		put_v5(40000, 1);
	v5(d, 1, 0);
	put_packet(&(struct packet){.proto = UDP, .host = 9, .dport = 40000}, d, 71);
	put_packet(&(struct packet){.proto = UDP, .host = 9, .dport = 40000}, d, 2);
	put_udp(40000, "hello");
	put_packet(&(struct packet){.proto = UDP, .host = 9, .dport = 40001}, d, 71);
	put_udp(40001, "hello");
	put_packet(&(struct packet){.proto = UDP, .host = 9, .dport = 40000}, d, 0);
	run(READ_AUTO);
	assert_int_equal(got.flows, 9);
	assert_int_equal(got.sum[EXPORTER_CORRUPT], 2);
	assert_int_equal(got.unknown, 2); /* "hello", and nothing at all */
}

static void
test_fragments(void **state)
{
	uint8_t d[200] = {0};

	(void)state;
	for (int i = 0; i < 9; i++)
		put_v5(2055, 1);
	for (int i = 0; i < 3; i++)
		put_packet(&(struct packet){.proto = UDP, .host = 9, .fragment = 0x00b9}, d, sizeof(d));
	run(READ_AUTO);
	assert_int_equal(got.flows, 9);
	assert_int_equal(got.places, 1);
	assert_int_equal(got.damaged_packet, 10);
	assert_non_null(strstr(got.reason, "fragment"));
}

/* --- IPFIX over TCP -------------------------------------------------------------------------------------- */

/* A message with a template of seven fields, and one with `records` of it; both appended to d. */
static size_t
messages(uint8_t *d, unsigned int records, uint32_t at)
{
	static const uint16_t field[7][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2}, {4, 1}, {2, 4}, {1, 4}};
	uint8_t *p = im.p, *to = d;
	size_t n = im.n;

	/* put() writes there for a while */
	im.p = d;
	im.n = 0;
	put(10, 2);
	put(16 + 8 + 28, 2);
	put(T0, 4);
	put(at, 4);
	put(77, 4);
	put(2, 2);
	put(8 + 28, 2);
	put(300, 2);
	put(7, 2);
	for (int i = 0; i < 7; i++) {
		put(field[i][0], 2);
		put(field[i][1], 2);
	}
	put(10, 2);
	put(16 + 4 + 21 * records, 2);
	put(T0, 4);
	put(at, 4);
	put(77, 4);
	put(300, 2);
	put(4 + 21 * records, 2);
	for (unsigned int i = 0; i < records; i++) {
		put(0xc0000201, 4);
		put(0xc0000202, 4);
		put(53, 2);
		put(4242, 2);
		put(17, 1);
		put(2, 4);
		put(900, 4);
	}
	to += im.n;
	im.p = p;
	im.n = n;
	return (size_t)(to - d);
}

static void
put_tcp(const uint8_t *stream, size_t from, size_t to)
{
	put_packet(&(struct packet){.proto = TCP, .host = 9, .sport = 33000, .dport = 4739, .flags = 0x18,
	    .sequence = 0xfffffff0u + (uint32_t)from}, stream + from, to - from);
}

static void
test_tcp(void **state)
{
	uint8_t *d = malloc(100000);
	size_t n;

	(void)state;
	assert_non_null(d);
	n = messages(d, 100, 0);
	n += messages(d + n, 100, 100);
	/* handshakes say nothing */
	put_packet(&(struct packet){.proto = TCP, .host = 9, .sport = 33000, .dport = 4739, .flags = 2, .sequence = 0xffffffef}, d, 0);
	put_tcp(d, 0, 30);
	put_tcp(d, 30, 53);
	put_tcp(d, 0, 30);     /* again */
	put_tcp(d, 40, 1000);  /* overlapping what came */
	for (size_t i = 1000; i < n; i += 700)
		put_tcp(d, i, i + 700 < n ? i + 700 : n);
	expect_kind(true, 1);
	assert_int_equal(got.flows, 200);
	assert_int_equal(got.bytes, 200 * 900);
	assert_int_equal(got.places, 0);
	assert_int_equal(got.sum[EXPORTER_CORRUPT], 0);
	free(d);
}

/* A segment is missing: the rest goes on at the next message that starts a segment. */
static void
test_tcp_gap(void **state)
{
	uint8_t *d = malloc(100000);
	size_t n, m;

	(void)state;
	assert_non_null(d);
	n = messages(d, 10, 0);
	put_tcp(d, 0, n);
	m = n + messages(d + n, 10, 10);
	put_tcp(d, n + 40, m);
	n = m + messages(d + m, 10, 20);
	put_tcp(d, m, n);
	/* then rubbish, where a message should start */
	put_tcp((const uint8_t *)memset(d, 'x', n + 50), n, n + 50);
	run(READ_AUTO);
	assert_int_equal(got.flows, 20);
	assert_int_equal(got.places, 2);
	assert_int_equal(got.damaged_packet, 4);
	assert_non_null(strstr(got.reason, "boundaries"));
	free(d);
}

/* More connections than are kept, each of them half way through a message. */
static void
test_tcp_many(void **state)
{
	uint8_t *d = malloc(100000);
	size_t n;

	(void)state;
	assert_non_null(d);
	n = messages(d, 10, 0);
	for (int half = 0; half < 2; half++)
		for (uint16_t i = 0; i < 40; i++)
			put_packet(&(struct packet){.proto = TCP, .host = 9, .sport = (uint16_t)(33000 + i), .dport = 4739,
			    .sequence = half == 0 ? 0 : 100}, half == 0 ? d : d + 100, half == 0 ? 100 : n - 100);
	run(READ_AUTO);
	/* the first eight had to make room */
	assert_int_equal(got.flows, 32 * 10);
	free(d);
}

/* --- captures of others ---------------------------------------------------------------------------------- */

/* softflowd v1 and v5, fprobe v7 and v1, of one attack: 100 questions and 100 answers in three fragments each. */
static void
test_golden(void **state)
{
	(void)state;
	read_all("tests/golden/netflow_v1_v5_v7_wire.pcap", READ_AUTO);
	assert_int_equal(got.end, ERR_EOF);
	assert_int_equal(got.packets, 0);
	assert_int_equal(got.flows, 10);
	assert_int_equal(got.exporters, 3);
	assert_int_equal(got.bytes, 2 * (6500 + 150000 + 265700) + 415700 + 65 + 415700 + 6500);
	assert_int_equal(got.sum[EXPORTER_CORRUPT], 0);
	/* replayed long after: their uptimes lie 8 days back */
	assert_int_equal(got.sum[EXPORTER_TIME_REPAIRED], 10);
}

static void
none_is_exports(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	char path[1024];

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (e->d_name[0] == '.')
			continue;
		if (e->d_type == DT_DIR) {
			none_is_exports(path);
			continue;
		}
		read_all(path, READ_AUTO);
		if (got.flows > 0)
			print_error("%s\n", path);
		assert_int_equal(got.flows, 0);
	}
	closedir(dir);
}

static void
test_shared(void **state)
{
	static const struct { const char *name; unsigned int v5_flows, bytes; } k[] = {
		{"netflow/graylog-plugin-netflow-netflow5.pcap", 4, 81700},
		{"netflow/graylog-plugin-netflow-netgraph-netflow5.pcap", 120, 6765997},
		{"netflow/graylog-plugin-netflow-pmacctd-netflow5.pcap", 42, 18391},
		{"sflow/tcpdump-sflow_multiple_counter_30_pdus.pcap", 7, 1953},
		{"sflow/tcpdump-sflow-print-v6.pcap", 0, 0},
		{"sflow/tcpdump-sflow_expanded.pcap", 0, 0},
		{"sflow/tcpdump-sflow_print-segv.pcap", 0, 0},
		{"netflow/graylog-plugin-netflow-nprobe-netflow9.pcap", 0, 0},
		{"netflow/graylog-plugin-netflow-nprobe-netflow9-3.pcap", 0, 0},
		{"netflow/graylog-plugin-netflow-pmacctd-netflow9.pcap", 0, 0},
	};
	const char *root = getenv("SHARED_DATA");
	char path[1024];

	(void)state;
	if (root == NULL || root[0] == '\0')
		skip();
	for (size_t i = 0; i < sizeof(k) / sizeof(k[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, k[i].name);
		read_all(path, READ_AUTO);
		assert_int_equal(got.packets, 0);
		assert_true(got.sum[EXPORTER_DATAGRAMS] > 0);
		if (k[i].bytes == 0)
			continue;
		assert_int_equal(got.flows, k[i].v5_flows);
		assert_int_equal(got.bytes, k[i].bytes);
		assert_int_equal(got.sum[EXPORTER_CORRUPT] + got.sum[EXPORTER_LOST] + got.sum[EXPORTER_RESETS], 0);
		assert_int_equal(got.sum[EXPORTER_TIME_REPAIRED], 0);
	}
	snprintf(path, sizeof(path), "%s/pcap", root);
	none_is_exports(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_datagrams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vlan_and_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stray_packets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mostly_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_majority, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_datagrams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_many, setup, teardown),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
