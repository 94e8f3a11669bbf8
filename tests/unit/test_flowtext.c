/* Flow records as text: argus' CSV, flow-export's CSV, JSON; written and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/export.h"
#include "collector/flowcsv.h"
#include "collector/flowjson.h"
#include "collector/source.h"

enum { MOST = 64 };

/* What came out of a text. */
struct got {
	struct flow f[MOST];
	struct flow_extra x[MOST];
	size_t n;
	unsigned int damaged;
	char reason[200];        /* of the first damage */
	uint64_t ignored;
	int last;                /* what source_read ended with */
};

static void
on_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct got *g = ctx;

	(void)input;
	(void)packet;
	(void)offset;
	if (g->damaged++ == 0)
		snprintf(g->reason, sizeof(g->reason), "%s", reason);
}

static void
collect(struct got *g, const struct block *b)
{
	assert_int_equal(b->n, 0);
	for (size_t i = 0; i < b->flows.n && g->n < MOST; i++, g->n++) {
		g->f[g->n] = b->flows.flow[i];
		g->x[g->n] = b->flows.extra[i];
	}
}

static void
read_n(struct got *g, const char *text, size_t n)
{
	struct export *export = export_new(&(struct export_setup){0});
	struct source_events ev = {.damage = on_damage, .ctx = g, .want_extra = true, .export = export};
	int fd = memfd_create("text", MFD_CLOEXEC);
	char path[40], why[200];
	struct source *s;
	struct block b;

	memset(g, 0, sizeof(*g));
	assert_int_equal(write(fd, text, n), n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	s = source_open_file(path, &ev, why, sizeof(why));
	if (s == NULL)
		fail_msg("%s", why);
	assert_int_equal(block_init(&b), 0);
	while ((g->last = source_read(s, &b)) > 0)
		collect(g, &b);
	for (size_t i = 0; i < exporters_n(export_exporters(export)); i++)
		g->ignored += exporters_at(export_exporters(export), i)->count[EXPORTER_IGNORED];
	source_close(s);
	block_done(&b);
	export_free(export);
	close(fd);
}

static struct got got;

static void
read_text(const char *text)
{
	read_n(&got, text, strlen(text));
}

static void
assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_TEXT];

	assert_string_equal(addr_text(a, buf), text);
}

/* --- argus ----------------------------------------------------------------------------------------------- */

#define RA_HEADER "StartTime,Dur,Proto,SrcAddr,Sport,DstAddr,Dport,SrcPkts,DstPkts,SrcBytes,DstBytes\n"
#define RA_LINE "1365000000.000000,0.010200,udp,10.9.1.155,14068,10.53.0.1,53,1,3,79,4199\n"

static void
check_ra_pair(size_t at)
{
	const struct flow *q = &got.f[at], *a = &got.f[at + 1];

	assert_true(got.n >= at + 2);
	assert_addr(&q->src, "10.9.1.155");
	assert_addr(&a->src, "10.53.0.1");
	assert_int_equal(q->sport, 14068);
	assert_int_equal(a->sport, 53);
	assert_int_equal(a->dport, 14068);
	assert_int_equal(q->packets, 1);
	assert_int_equal(q->bytes, 65);
	assert_int_equal(a->packets, 3);
	assert_int_equal(a->bytes, 4157);
	assert_int_equal(q->proto, FLOW_UDP);
	assert_int_equal(q->start_ns, INT64_C(1365000000000000000));
	assert_int_equal(q->end_ns, INT64_C(1365000000010200000));
	assert_int_equal(q->seen_ns, q->end_ns);
	assert_true((q->flags & FLOW_RECORD) != 0);
	assert_int_equal(got.x[at].reverse, 0);
	assert_int_equal(got.x[at + 1].reverse, 1);
}

static void
ra_two_directions(void **state)
{
	(void)state;
	read_text(RA_HEADER "1795243647.786202,0.001304,man,0,0,0,0,0,0,0,0\n" RA_LINE);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.ignored, 1);
	check_ra_pair(0);
}

static void
ra_without_header(void **state)
{
	(void)state;
	read_text(RA_LINE);
	check_ra_pair(0);
	read_text("1795243647.786202,0.001304,man,0,0,0,0,0,0,0,0\n" RA_LINE);
	check_ra_pair(0);
}

/* As `mysql --batch` prints the table of rasqlinsert. */
static void
ra_table(void **state)
{
	(void)state;
	read_text("stime\tdur\tproto\tsaddr\tsport\tdaddr\tdport\tspkts\tdpkts\tsbytes\tdbytes\n"
	    "1365000000.000000\t0.010200\t17\t10.9.1.155\t0x36f4\t10.53.0.1\t0x0035\t1\t3\t79\t4199\n"
	    "1365000000.000000\t0.010200\tudp\t10.9.1.155\t1\t10.53.0.1\t2\t1\tNULL\t79\tNULL\n");
	assert_int_equal(got.n, 3);
	check_ra_pair(0);
	read_text("1365000000.000000\t0.010200\tudp\t10.9.1.155\t14068\t10.53.0.1\t53\t1\t3\t79\t4199\n");
	check_ra_pair(0);
}

static void
ra_columns_by_name(void **state)
{
	(void)state;
	read_text("DstBytes,Flgs,StartTime,LastTime,Proto,DstAddr,Dport,SrcAddr,Sport,SrcPkts,DstPkts,SrcBytes,State\n"
	    "4199, e ,1365000000.000000,1365000000.010200,udp,10.53.0.1,53,10.9.1.155,14068,1,3,79,CON\n");
	assert_int_equal(got.n, 2);
	check_ra_pair(0);
	/* a header in the middle counts from there on */
	read_text(RA_HEADER "StartTime,Dur,Proto,DstAddr,Dport,SrcAddr,Sport,SrcPkts,DstPkts,SrcBytes,DstBytes\n"
	    "1365000000.000000,0.010200,udp,10.53.0.1,53,10.9.1.155,14068,1,3,79,4199\n");
	check_ra_pair(0);
}

static void
ra_columns_missing(void **state)
{
	(void)state;
	read_text("StartTime,Dur,Proto,SrcAddr,Sport,DstAddr,Dport,TotPkts,TotBytes\n1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,65\n");
	assert_int_equal(got.n, 0);
	assert_int_equal(got.damaged, 1);
	assert_non_null(strstr(got.reason, "columns are missing"));
	assert_int_equal(got.last, ERR_IO);
}

static void
ra_other_protocols(void **state)
{
	(void)state;
	read_text(RA_HEADER "1156534333.866448,0.000000,icmp,86.128.163.125,0x0303,192.168.1.2,0x3265,1,0,70,0\n"
	    "1490976022.731312,0.000062,ipv6-icmp,::,135,ff02::1:ffd3:fbc2,0,2,0,156,0\n"
	    "1492167338.426352,3.001086,udp,fe80::7a92:9cff:fe0f:a88e,5353,ff02::fb,5353,4,0,408,0\n"
	    "1516683618.824304,0.000000,arp,10.225.201.102,,10.225.201.162,,1,0,60,0\n"
	    "1156534277.304853,0.000000,aoe,00:04:76:96:7b:da,0,ff:ff:ff:ff:ff:ff,0,1,0,32,0\n");
	assert_int_equal(got.n, 3);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.ignored, 2);
	assert_int_equal(got.x[0].icmp_type, 3);
	assert_int_equal(got.x[0].icmp_code, 3);
	assert_int_equal(got.f[0].sport, 0);
	assert_int_equal(got.x[1].icmp_type, 135);
	assert_int_equal(got.f[1].proto, FLOW_ICMP6);
	assert_int_equal(got.f[2].bytes, 408 - 4 * 14);
	assert_true((got.f[2].flags & FLOW_IP6) != 0);
	assert_int_equal(got.f[2].end_ns - got.f[2].start_ns, 3001086000);
}

static void
ra_bytes_without_ethernet(void **state)
{
	(void)state;
	read_text("1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,2,0,67,0\n1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,2,0,68,0\n");
	assert_int_equal(got.f[0].bytes, 67);
	assert_int_equal(got.f[1].bytes, 40);
}

static void
ra_damage(void **state)
{
	static const struct {
		const char *line, *reason;
	} bad[] = {
		{"14:40:00.000000,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0", "line 2: StartTime"},
		{"1365000000.0,x,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0", "line 2: Dur"},
		{"1365000000.0,0.0,udp,10.0.0.300,1,10.0.0.2,2,1,0,79,0", "line 2: SrcAddr"},
		{"1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2/24,2,1,0,79,0", "line 2: DstAddr"},
		{"1365000000.0,0.0,udp,10.0.0.1,domain,10.0.0.2,2,1,0,79,0", "line 2: Sport"},
		{"1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,65536,1,0,79,0", "line 2: Dport"},
		{"1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,-1,0,79,0", "line 2: packets or bytes"},
		{"1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0", "line 2: fields are missing"},
		{"9365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0", "line 2: StartTime"},
		{"1365000000.0,0.0,udp,10.0.0.1,1,::2,2,1,0,79,0", "line 2: addresses of two families"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[600];

		snprintf(text, sizeof(text), RA_HEADER "%s\n\r\n" RA_LINE, bad[i].line);
		read_text(text);
		assert_int_equal(got.damaged, 1);
		if (strncmp(got.reason, bad[i].reason, strlen(bad[i].reason)) != 0)
			fail_msg("\"%s\" instead of \"%s\"", got.reason, bad[i].reason);
		assert_int_equal(got.n, 2);
		check_ra_pair(0);
	}
}

/* Longer than a line may be, and than a block is. */
static void
long_lines(void **state)
{
	static const size_t sizes[] = {65536 + 1, 300000, 700000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t head = strlen(RA_HEADER), tail = strlen(RA_LINE), n = head + sizes[i] + 1 + tail;
		char *text = malloc(n);

		assert_non_null(text);
		memset(text, '7', n);
		memcpy(text, RA_HEADER, head);
		text[head + sizes[i]] = '\n';
		memcpy(text + head + sizes[i] + 1, RA_LINE, tail);
		read_n(&got, text, n);
		assert_int_equal(got.damaged, 1);
		assert_string_equal(got.reason, "line 2: too long");
		assert_int_equal(got.n, 2);
		free(text);
	}
}

/* One record from the far future does not drag the others along. */
static void
clock_of_a_file(void **state)
{
	(void)state;
	read_text("1365000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n1365000010.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n"
	    "1965000000.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n1365000005.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n"
	    "1465000005.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n1465000006.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n"
	    "1365000005.0,0.0,udp,10.0.0.1,1,10.0.0.2,2,1,0,79,0\n");
	assert_int_equal(got.n, 7);
	assert_int_equal(got.f[1].seen_ns, 1365000010 * NS_PER_S);
	assert_int_equal(got.f[2].seen_ns, 1965000000 * NS_PER_S);
	assert_int_equal(got.f[3].seen_ns, 1365000010 * NS_PER_S);
	assert_int_equal(got.f[4].seen_ns, 1465000005 * NS_PER_S);
	assert_int_equal(got.f[6].seen_ns, 1465000006 * NS_PER_S);
}

/* --- flow-export ----------------------------------------------------------------------------------------- */

#define CSV_HEADER \
	"#:unix_secs,unix_nsecs,sysuptime,exaddr,dpkts,doctets,first,last,engine_type,engine_id,srcaddr,dstaddr," \
	"nexthop,input,output,srcport,dstport,prot,tos,tcp_flags,src_mask,dst_mask,src_as,dst_as\n"
/* the datagram that ng_netflow's documentation shows, as flow-export prints it */
#define CSV_ROW "1073654156,319388,965,192.0.2.7,1,84,946,946,1,2,192.168.1.2,192.168.1.1,0.0.0.0,1,1,0,2048,1,0,0,24,24,65001,4200000000\n"

static void
csv_reads_and_writes_the_same(void **state)
{
	struct buf out;

	(void)state;
	read_text(CSV_HEADER CSV_ROW);
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.n, 1);
	/* start = unix time - uptime + first: 2004-01-09 13:15:55.981 */
	assert_int_equal(got.f[0].start_ns, INT64_C(1073654156000319388) - 19000000);
	assert_int_equal(got.f[0].seen_ns, INT64_C(1073654156000319388));
	assert_int_equal(got.f[0].dport, 0);
	assert_int_equal(got.x[0].icmp_type, 8);
	assert_int_equal(got.x[0].domain, 0x102);
	assert_int_equal(got.x[0].dst_as, 4200000000);
	buf_init(&out, 1 << 16);
	flowcsv_header(&out);
	flowcsv_row(&out, &got.f[0], &got.x[0]);
	assert_string_equal(buf_text(&out), CSV_HEADER CSV_ROW);
	buf_done(&out);
}

/* A record of IPFIX has no uptimes; they are made so that its times come back. */
static void
csv_makes_uptimes(void **state)
{
	struct flow f = {
		.start_ns = INT64_C(1700000000123456789), .end_ns = INT64_C(1700000007123456789), .seen_ns = INT64_C(1700000060000000000),
		.packets = 5000000000, .bytes = 6000000000000, .sampling = 1, .sport = 53, .dport = 4000, .proto = FLOW_UDP,
		.flags = FLOW_RECORD | FLOW_IP6,
	};
	struct flow_extra x = {.version = EXPORT_IPFIX, .export_ns = INT64_C(1700000050000000000), .src_as = 4200000001, .src_mask = 64};
	struct buf out;

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &f.src) + addr_parse("2001:db8::2", &f.dst), 0);
	buf_init(&out, 1 << 16);
	flowcsv_header(&out);
	flowcsv_row(&out, &f, &x);
	flowcsv_row(&out, &f, NULL);
	f.end_ns = f.start_ns + INT64_C(90) * 86400 * NS_PER_S;
	f.seen_ns = f.end_ns;
	flowcsv_row(&out, &f, NULL);
	read_text(buf_text(&out));
	assert_int_equal(got.damaged, 0);
	assert_int_equal(got.n, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(got.f[i].start_ns, f.start_ns);
		assert_int_equal(got.f[i].end_ns, INT64_C(1700000007123456789));
		assert_int_equal(got.f[i].packets, 5000000000);
		assert_int_equal(got.f[i].bytes, 6000000000000);
		assert_addr(&got.f[i].src, "2001:db8::1");
	}
	assert_true(x.export_ns >= got.f[0].seen_ns && x.export_ns - got.f[0].seen_ns < 1000000);
	assert_int_equal(got.x[0].src_as, 4200000001);
	assert_int_equal(got.x[0].src_mask, 64);
	assert_int_equal(got.f[2].start_ns, f.start_ns);
	assert_int_equal(got.f[2].end_ns - f.start_ns, FLOWCSV_LONGEST_MS * 1000000);
	buf_done(&out);
}

static void
csv_columns(void **state)
{
	(void)state;
	read_text("#:dstaddr,srcaddr,colour,unix_secs,sysuptime,first,last,prot,dpkts,doctets\n"
	    "10.0.0.1,10.0.0.2,red,1700000000,1000,4294967196,1000,17,2,130\n");
	assert_int_equal(got.n, 1);
	/* the uptime wrapped in between */
	assert_int_equal(got.f[0].end_ns - got.f[0].start_ns, INT64_C(1100) * 1000000);
	read_text("#:unix_secs,unix_nsecs,sysuptime\n1,2,3\n");
	assert_int_equal(got.n, 0);
	assert_int_equal(got.damaged, 1);
	assert_string_equal(got.reason, "line 1: the header has no column dpkts");
	read_text(CSV_HEADER "1,2\n" "x" CSV_ROW CSV_ROW);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.damaged, 2);
}

/* --- JSON ------------------------------------------------------------------------------------------------ */

static struct flow
json_back(const struct flow *f, const struct flow_extra *x, struct flow_extra *back)
{
	struct buf out;
	struct flow g;
	const char *why = NULL;

	buf_init(&out, 1 << 16);
	flowjson_row(&out, f, x);
	assert_int_equal(buf_text(&out)[out.len - 1], '\n');
	if (flowjson_parse(buf_text(&out), out.len, &g, back, &why) != 0)
		fail_msg("%s: %s", why, buf_text(&out));
	buf_done(&out);
	return g;
}

static void
json_round_trip(void **state)
{
	struct flow f = {
		.start_ns = INT64_C(1700000000123000000), .end_ns = INT64_C(1700000007456000000), .seen_ns = INT64_C(1700000060000000000),
		.packets = 5000000000, .bytes = 6000000000000, .sampling = 100, .sport = 53, .dport = 4000, .proto = FLOW_TCP,
		.tcp_flags = 0x1b, .flags = FLOW_RECORD | FLOW_IP6 | FLOW_FRAG_FIRST, .frag_id = 0xdeadbeef, .ttl = 60,
	};
	struct flow_extra x = {
		.flows = 3, .domain = 0x80000001, .in_if = 4000000000, .out_if = 2, .src_as = 4200000001, .dst_as = 23456, .src_vlan = 5,
		.dst_vlan = 6, .version = EXPORT_IPFIX, .src_mask = 64, .dst_mask = 48, .tos = 0xb8, .direction = 1,
		.reverse = 1, .forwarding = 64,
	}, y;
	struct flow g;

	(void)state;
	assert_int_equal(addr_parse("2001:db8::1", &f.src) + addr_parse("2001:db8::2", &f.dst), 0);
	assert_int_equal(addr_parse("2001:db8::3", &x.next_hop) + addr_parse("192.0.2.1", &x.exporter), 0);
	g = json_back(&f, &x, &y);
	assert_memory_equal(&f, &g, offsetof(struct flow, ttl) + 1); /* padding follows */
	assert_memory_equal(&x, &y, offsetof(struct flow_extra, forwarding) + 1);
	/* a later fragment of IPv4, ICMP behind it */
	f.flags = FLOW_RECORD | FLOW_FRAG_LATER;
	assert_int_equal(addr_parse("10.0.0.1", &f.src) + addr_parse("10.0.0.2", &f.dst), 0);
	assert_int_equal(addr_parse("10.0.0.3", &x.next_hop), 0);
	f.proto = FLOW_ICMP;
	f.sport = f.dport = 0;
	x.src_mask = x.dst_mask = 24;
	x.icmp_type = 3;
	x.icmp_code = 4;
	g = json_back(&f, &x, &y);
	assert_memory_equal(&f, &g, offsetof(struct flow, ttl) + 1); /* padding follows */
	assert_memory_equal(&x, &y, offsetof(struct flow_extra, forwarding) + 1);
}

static void
json_text(void **state)
{
	struct flow f = {.start_ns = INT64_C(1700000000123456789), .end_ns = INT64_C(1700000000123456789), .packets = 1, .bytes = 65,
		.sampling = 1, .sport = 4000, .dport = 53, .proto = FLOW_UDP};
	struct buf out;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.1", &f.src) + addr_parse("10.0.0.2", &f.dst), 0);
	buf_init(&out, 1 << 16);
	flowjson_row(&out, &f, NULL);
	assert_string_equal(buf_text(&out),
	    "{\"flowStartMilliseconds\":1700000000123,\"flowEndMilliseconds\":1700000000123,\"sourceIPv4Address\":\"10.0.0.1\","
	    "\"destinationIPv4Address\":\"10.0.0.2\",\"protocolIdentifier\":17,\"sourceTransportPort\":4000,"
	    "\"destinationTransportPort\":53,\"packetDeltaCount\":1,\"octetDeltaCount\":65,\"samplingInterval\":1,"
	    "\"exporter\":null}\n");
	buf_done(&out);
}

#define JSON_REST ", \"destinationIPv4Address\" : 167772162, \"protocolIdentifier\" : 17, \"packetDeltaCount\" : 2, \"octetDeltaCount\" : 130}\n"

static void
json_other_spellings(void **state)
{
	static const struct {
		const char *times;
		int64_t start_ns, end_ns;
	} spelled[] = {
		{"\"flowStartSeconds\" : 1365000000, \"flowEndSeconds\" : 1365000001", INT64_C(1365000000000000000), INT64_C(1365000001000000000)},
		{"\"flowStartSeconds\" : 1365000000.25, \"flowEndSeconds\" : 1365000001", INT64_C(1365000000250000000), INT64_C(1365000001000000000)},
		{"\"flowStartMicroseconds\" : 1365000000000001, \"flowEndMicroseconds\" : 1365000000000002", INT64_C(1365000000000001000), INT64_C(1365000000000002000)},
		{"\"flowStartNanoseconds\" : 1365000000000000001, \"flowEndNanoseconds\" : 1365000000000000002", INT64_C(1365000000000000001), INT64_C(1365000000000000002)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++) {
		char text[600];

		snprintf(text, sizeof(text), "{ %s, \"sourceIPv4Address\" : 167772161" JSON_REST, spelled[i].times);
		read_text(text);
		if (got.n != 1)
			fail_msg("%s", got.reason);
		assert_int_equal(got.f[0].start_ns, spelled[i].start_ns);
		assert_int_equal(got.f[0].end_ns, spelled[i].end_ns);
		assert_addr(&got.f[0].src, "10.0.0.1");
		assert_int_equal(got.f[0].bytes, 130);
	}
	/* NTP's 64 bits: 1365000000.5 and 1365000001, to within half a microsecond */
	read_text("{\"flowStartMicroseconds\":15350165014417768448,\"flowEndMicroseconds\":15350165016565252096,\"sourceIPv4Address\":1" JSON_REST);
	assert_int_equal(got.n, 1);
	assert_true(llabs(got.f[0].start_ns - INT64_C(1365000000500000000)) < 1000);
	assert_true(llabs(got.f[0].end_ns - INT64_C(1365000001000000000)) < 1000);
}

static void
json_damage(void **state)
{
	static const char *const bad[] = {
		"{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":1,", /* cut */
		"{\"flowStartSeconds\" : 1365000000 \"flowEndSeconds\" : 1365000001, \"sourceIPv4Address\" : 1" JSON_REST,
		"{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":\"10.0.0\"" JSON_REST,
		"{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":4294967296" JSON_REST,
		"{\"flowStartSeconds\":2,\"flowEndSeconds\":1,\"sourceIPv4Address\":1" JSON_REST,
		"{\"flowStartSeconds\":1,\"sourceIPv4Address\":1" JSON_REST,
		"{\"flowStartSeconds\":1,\"flowEndSeconds\":1" JSON_REST,
		"{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":1,\"sourceTransportPort\":65536" JSON_REST,
		"{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":1,\"sourceIPv4Address\":2" JSON_REST,
		"[]\n", "7\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[1200];

		snprintf(text, sizeof(text), "{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":1" JSON_REST "%s%s"
		    "{\"flowStartSeconds\":1,\"flowEndSeconds\":1,\"sourceIPv4Address\":1" JSON_REST, bad[i], strchr(bad[i], '\n') != NULL ? "" : "\n");
		read_text(text);
		if (got.damaged != 1 || got.n != 2)
			fail_msg("%u damaged, %zu records: %s", got.damaged, got.n, bad[i]);
		assert_non_null(strstr(got.reason, "line 2: "));
	}
}

/* A line without its line feed is whole at the end of a file. */
static void
last_line(void **state)
{
	(void)state;
	read_n(&got, RA_HEADER RA_LINE, strlen(RA_HEADER RA_LINE) - 1);
	assert_int_equal(got.damaged, 0);
	check_ra_pair(0);
	assert_int_equal(got.last, ERR_EOF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ra_two_directions), cmocka_unit_test(ra_without_header), cmocka_unit_test(ra_table),
		cmocka_unit_test(ra_columns_by_name), cmocka_unit_test(ra_columns_missing), cmocka_unit_test(ra_other_protocols),
		cmocka_unit_test(ra_bytes_without_ethernet), cmocka_unit_test(ra_damage), cmocka_unit_test(long_lines),
		cmocka_unit_test(clock_of_a_file), cmocka_unit_test(csv_reads_and_writes_the_same),
		cmocka_unit_test(csv_makes_uptimes), cmocka_unit_test(csv_columns), cmocka_unit_test(json_round_trip),
		cmocka_unit_test(json_text), cmocka_unit_test(json_other_spellings), cmocka_unit_test(json_damage),
		cmocka_unit_test(last_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
