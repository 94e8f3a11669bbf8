/* Real captures, where the folder with them is there ($SHARED_DATA): every one must be read to its end
 * and decoded, and the counts must agree with what the folder's MANIFEST.tsv says was verified. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "collector/source.h"

struct counts {
	long packets, queries, responses, fragments; /* -1: not verified */
	long damaged;
};

/* Where the verified counts mean something else than ours, and why. */
static const char icmp[] = "it counts messages quoted in ICMP errors";
static const char mdns[] = "it counts mDNS and LLMNR, which are not port 53";
static const char stream[] = "it reassembles TCP streams";
static const char tunnel[] = "a tunnel's first fragment is the packet inside, not a fragment";
static const char bad[] = "it dissects packets whose IP header lies";

static const struct {
	const char *path;
	struct counts ours; /* queries, responses and fragments; the packets always agree */
	const char *why;
} known[] = {
	{"pcap/dns-benign/compactor-nsd-live.raw.pcap", {0, 10432, 10432, 0, 0}, icmp},
	{"pcap/dns-benign/dns-collector-dnsdump_udp_truncated+tcp_fragmented.pcap", {0, 2, 3, 0, 0}, stream},
	{"pcap/dns-benign/dnscap-dnso1tcp-bighole.pcap", {0, 39, 38, 0, 0}, stream},
	{"pcap/dns-benign/ipfixprobe-dnssd.pcap", {0, 0, 0, 0, 0}, mdns},
	{"pcap/dns-benign/pcpp-DnsPackets.pcap", {0, 216, 212, 0, 0}, mdns},
	{"pcap/link/zeek-erspan.pcap", {0, 5, 5, 39, 0}, tunnel},
	{"pcap/link/zeek-gre-sample.pcap", {0, 2, 0, 0, 0}, icmp},
	{"pcap/link/zeek-gtp1_gn_normal_incl_fragmentation.pcap", {0, 0, 0, 36, 0}, tunnel},
	{"pcap/malformed/compactor-malformed.pcap", {0, 12, 11, 0, 0}, "it counts a message shorter than its header"},
	{"pcap/malformed/dpkt-truncated_dns_2.pcap", {0, 0, 1, 0, 1}, "the file ends inside a record header"},
	{"pcap/malformed/ndpi-fuzz-2006-06-26-2594.pcap", {0, 236, 46, 26, 0}, bad},
	{"pcap/malformed/zeek-mdns-no-assoc.pcap", {0, 0, 0, 0, 0}, mdns},
	{"pcap/malformed/zeek-mdns.pcap", {0, 0, 0, 0, 0}, mdns},
	{"pcap/mixed/ipfixprobe-mixed.pcap", {0, 12, 0, 0, 0}, icmp},
	{"pcap/mixed/joy-firefox58.pcap", {0, 18, 18, 0, 0}, mdns},
	{"pcap/mixed/mercury-dns_packet.capture2.pcap", {0, 397, 384, 0, 0}, mdns},
	{"pcap/mixed/ndpi-wechat.pcap", {0, 27, 6, 0, 0}, mdns},
	{"pcap/mixed/zeek-wikipedia.pcap", {0, 14, 14, 0, 0}, mdns},
	{"pcap/prsd-nx/auto-diagram-NRDelegationAttack_figure1.pcap", {0, 77, 49, 0, 0}, icmp},
	{"pcap/tunnel/pcap-attack-cmds_over_dns_txt_queries_and_reponses.pcap", {0, 100, 99, 0, 0}, icmp},
};

static void
count_flow(const struct flow *f, struct counts *to)
{
	struct dns_records records;
	char text[DNS_NAME_TEXT];

	to->fragments += (f->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0;
	if (f->dns == NULL)
		return;
	*(f->dns->response ? &to->responses : &to->queries) += 1;
	dns_view_records(f->dns, &records);
	if (f->dns->name != NULL)
		dns_name_text(f->dns->name, f->dns->name_len, text);
}

static bool
count_file(const char *path, struct counts *to)
{
	char why[200];
	struct source *src = source_open_file(path, NULL, why, sizeof(why));
	struct decode_stats stats = {0};
	struct source_progress progress;
	struct flow_batch batch;
	struct block b;
	int n;

	*to = (struct counts){0};
	if (src == NULL) {
		print_message("%s\n", why);
		return false;
	}
	assert_int_equal(block_init(&b), 0);
	assert_int_equal(flow_batch_init(&batch, 500), 0);
	while ((n = source_read(src, &b)) > 0) {
		for (size_t i = 0; i < b.n; ) {
			flow_batch_reset(&batch);
			i += packets_decode(&b, i, b.n - i, &batch, &stats);
			for (size_t k = 0; k < batch.n; k++)
				count_flow(&batch.flow[k], to);
		}
	}
	source_progress(src, &progress);
	to->packets = (long)stats.packets;
	to->damaged = (long)progress.damaged;
	flow_batch_done(&batch);
	block_done(&b);
	source_close(src);
	return n == ERR_EOF;
}

/* The number behind " key=" in a line of the manifest, or -1. */
static long
verified(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = line; (p = strstr(p, key)) != NULL; p += n)
		if ((p[-1] == ' ' || p[-1] == '\t') && p[n] == '=')
			return strtol(p + n + 1, NULL, 10);
	return -1;
}

static bool
differs(const char *what, long want, long got)
{
	if (want < 0 || want == got)
		return false;
	print_message("  %s: %ld verified, %ld here\n", what, want, got);
	return true;
}

static int
check_file(const char *folder, const char *line)
{
	char path[4096], name[512];
	struct counts want, got;
	const char *tab = strchr(line, '\t');

	snprintf(name, sizeof(name), "%.*s", (int)(tab - line), line);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	want = (struct counts){verified(line, "pkts"), verified(line, "dnsq"), verified(line, "dnsr"), verified(line, "frags"), 0};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].path, name) == 0) {
			long packets = want.packets;

			print_message("%s: %s\n", name, known[i].why);
			want = known[i].ours;
			want.packets = packets;
		}
	}
	if (!count_file(path, &got)) {
		print_message("%s: not read to its end\n", name);
		return 1;
	}
	if (differs("packets", want.packets, got.packets) + differs("queries", want.queries, got.queries) +
	    differs("responses", want.responses, got.responses) + differs("fragments", want.fragments, got.fragments) +
	    differs("damaged", want.damaged, got.damaged) == 0)
		return 0;
	print_message("%s: the counts above differ\n", name);
	return 1;
}

static void
test_captures(void **state)
{
	const char *folder = getenv("SHARED_DATA");
	char path[4096], line[8192];
	int files = 0, wrong = 0;
	FILE *f;

	(void)state;
	if (folder == NULL || folder[0] == '\0')
		skip();
	snprintf(path, sizeof(path), "%s/MANIFEST.tsv", folder);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "pcap/", 5) != 0 || strchr(line, '\t') == NULL)
			continue;
		files++;
		wrong += check_file(folder, line);
	}
	fclose(f);
	print_message("%d captures\n", files);
	assert_true(files > 100);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_captures)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
