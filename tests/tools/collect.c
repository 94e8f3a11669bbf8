/* Listens for export datagrams and adds them up, for tests and benches: no detector behind it.
 *
 * usage: collect [--threads N] [--seconds S] [--datagrams N] [--buffer BYTES] [--lines] ADDRESS...
 * Prints "port N" for each address, then collects until N datagrams were received or lost, S seconds
 * passed or a signal came, and prints the totals, one "name value" to a line.
 * --lines: each flow as src,dst,sport,dport,proto,packets,bytes,sampling,qname
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "collector/export.h"
#include "collector/source.h"

enum { ADDRESSES = 8 };

static struct source *source;

static void
on_signal(int sig)
{
	(void)sig;
	source_stop(source);
}

static double
seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
print_flow(const struct flow *f)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT], name[DNS_NAME_TEXT] = "";

	if (f->dns != NULL && f->dns->name != NULL)
		dns_name_text(f->dns->name, f->dns->name_len, name);
	printf("%s,%s,%u,%u,%u,%llu,%llu,%u,%s\n", addr_text(&f->src, src), addr_text(&f->dst, dst), f->sport, f->dport, f->proto,
	    (unsigned long long)f->packets, (unsigned long long)f->bytes, f->sampling, name);
}

static void
add_counts(void *ctx, struct export *x)
{
	uint64_t *sum = ctx;

	exporters_sum(export_exporters(x), sum);
	sum[EXPORTER_COUNTS] += export_unknown(x);
	sum[EXPORTER_COUNTS + 1] += exporters_n(export_exporters(x));
}

static void
print_totals(uint64_t packets, uint64_t bytes, double cpu)
{
	uint64_t sum[EXPORTER_COUNTS + 2] = {0};
	struct source_listen_counts c;
	struct source_progress p;
	struct rusage u;

	source_listen_counts(source, &c);
	source_progress(source, &p);
	source_exports(source, add_counts, sum);
	getrusage(RUSAGE_SELF, &u);
	printf("received %llu\nkernel_drops %llu\nflow_packets %llu\nflow_bytes %llu\n", (unsigned long long)c.datagrams,
	    (unsigned long long)p.kernel_drops, (unsigned long long)packets, (unsigned long long)bytes);
	for (int i = 0; i < EXPORTER_COUNTS; i++)
		printf("%s %llu\n", exporter_count_name((enum exporter_count)i), (unsigned long long)sum[i]);
	printf("unknown %llu\nexporters %llu\n", (unsigned long long)sum[EXPORTER_COUNTS], (unsigned long long)sum[EXPORTER_COUNTS + 1]);
	printf("cpu_seconds %.3f\nuser_seconds %.3f\nrss_kb %ld\n", cpu, (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6, u.ru_maxrss);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"threads", 1, NULL, 't'}, {"seconds", 1, NULL, 's'}, {"datagrams", 1, NULL, 'd'}, {"buffer", 1, NULL, 'b'},
		{"lines", 0, NULL, 'l'}, {0},
	};
	struct source_listen list[ADDRESSES] = {0};
	struct source_socket sockets[ADDRESSES];
	unsigned int threads = 1;
	size_t n = 0, buffer = 0;
	uint64_t want = 0, packets = 0, bytes = 0;
	double limit = 10, end, cpu;
	bool lines = false;
	struct block b;
	char why[300];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't': threads = (unsigned int)atoi(optarg); break;
		case 's': limit = atof(optarg); break;
		case 'd': want = strtoull(optarg, NULL, 10); break;
		case 'b': buffer = strtoull(optarg, NULL, 10); break;
		case 'l': lines = true; break;
		default: return 2;
		}
	}
	for (; optind < argc && n < ADDRESSES; optind++)
		list[n++] = (struct source_listen){argv[optind], threads, buffer};
	source = source_open_listen(list, n, NULL, why, sizeof(why));
	if (source == NULL || block_init(&b) < 0) {
		fprintf(stderr, "%s\n", source == NULL ? why : "out of memory");
		return 1;
	}
	n = source_sockets(source, sockets, ADDRESSES);
	for (size_t i = 0; i < n; i++)
		printf("port %u\n", sockets[i].port);
	fflush(stdout);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	end = seconds(CLOCK_MONOTONIC) + limit;
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	while (seconds(CLOCK_MONOTONIC) < end && source_read(source, &b) >= 0) {
		struct source_listen_counts now;
		struct source_progress p;

		for (size_t i = 0; i < b.flows.n; i++) {
			packets += b.flows.flow[i].packets;
			bytes += b.flows.flow[i].bytes;
			if (lines)
				print_flow(&b.flows.flow[i]);
		}
		source_listen_counts(source, &now);
		source_progress(source, &p);
		/* with threads, an empty block: nothing decoded waits any more */
		if (want > 0 && now.datagrams + p.kernel_drops >= want && (threads < 2 || b.flows.n == 0))
			break;
	}
	print_totals(packets, bytes, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	block_done(&b);
	source_close(source);
	return 0;
}
