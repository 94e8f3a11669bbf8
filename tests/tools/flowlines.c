/* Export datagrams to flows, one JSON object a line under IANA's names, for the checks.
 * usage: flowlines FILE...          each file is one datagram, in this order, of one exporter
 *        flowlines -f FILE          a flow file
 *        flowlines -u PORT SECONDS  what arrives on 127.0.0.1 until nothing did for so long
 * The last line holds the counts of all exporters together, under "counts". */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "collector/export.h"
#include "collector/source.h"

static void
address(const char *name, const struct addr *a)
{
	char text[ADDR_TEXT];

	printf("\"%sIPv%cAddress\":\"%s\",", name, addr_is_v4(a) ? '4' : '6', addr_text(a, text));
}

static void
print(const struct flow *f, const struct flow_extra *x)
{
	bool v4 = addr_is_v4(&f->src);

	printf("{");
	address("source", &f->src);
	address("destination", &f->dst);
	address("ipNextHop", &x->next_hop);
	address("exporter", &x->exporter);
	printf("\"sourceTransportPort\":%u,\"destinationTransportPort\":%u,\"protocolIdentifier\":%u,", f->sport, f->dport, f->proto);
	printf("\"packetDeltaCount\":%" PRIu64 ",\"octetDeltaCount\":%" PRIu64 ",", f->packets, f->bytes);
	printf("\"flowStartMilliseconds\":%" PRId64 ",\"flowEndMilliseconds\":%" PRId64 ",", f->start_ns / 1000000, f->end_ns / 1000000);
	printf("\"flowStartSysUpTime\":%u,\"flowEndSysUpTime\":%u,", x->first_ms, x->last_ms);
	printf("\"tcpControlBits\":%u,\"ipClassOfService\":%u,", f->tcp_flags, x->tos);
	printf("\"ingressInterface\":%u,\"egressInterface\":%u,", x->in_if, x->out_if);
	printf("\"bgpSourceAsNumber\":%u,\"bgpDestinationAsNumber\":%u,", x->src_as, x->dst_as);
	printf("\"sourceIPv%cPrefixLength\":%u,\"destinationIPv%cPrefixLength\":%u,", v4 ? '4' : '6', x->src_mask, v4 ? '4' : '6', x->dst_mask);
	printf("\"vlanId\":%u,\"flowDirection\":%u,\"icmpTypeIPv4\":%u,\"icmpCodeIPv4\":%u,", x->src_vlan, x->direction, x->icmp_type, x->icmp_code);
	printf("\"forwardingStatus\":%u,\"samplingInterval\":%u,\"deltaFlowCount\":%" PRIu64 ",", x->forwarding, f->sampling, x->flows);
	printf("\"observationDomainId\":%u,\"reverse\":%u,\"fragment\":%u,\"exportSeconds\":%" PRId64 "}\n", x->domain,
	    x->reverse, f->flags & FLOW_FRAG_LATER ? 1 : 0, x->export_ns / 1000000000);
}

static void
print_batch(struct flow_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		print(&b->flow[i], &b->extra[i]);
	flow_batch_reset(b);
}

static void
print_counts(struct export *x)
{
	const struct exporters *e = export_exporters(x);
	uint64_t sum[EXPORTER_COUNTS] = {0};

	for (size_t i = 0; i < exporters_n(e); i++)
		for (int k = 0; k < EXPORTER_COUNTS; k++)
			sum[k] += exporters_at(e, i)->count[k];
	printf("{\"counts\":{\"exporters\":%zu", exporters_n(e));
	for (int k = 0; k < EXPORTER_COUNTS; k++)
		printf(",\"%s\":%" PRIu64, exporter_count_name((enum exporter_count)k), sum[k]);
	printf("}}\n");
}

/* A second behind the header's own time, so that no time has to be repaired. */
static int64_t
arrival(const uint8_t *p, size_t n)
{
	size_t at = n > 1 && p[1] == 10 ? 4 : 8;

	if (n < at + 4)
		return 1000000000;
	return (((int64_t)p[at] << 24 | p[at + 1] << 16 | p[at + 2] << 8 | p[at + 3]) + 1) * 1000000000;
}

static int
datagrams(struct export *x, struct flow_batch *b, char **files)
{
	static uint8_t p[65536];

	for (; *files != NULL; files++) {
		FILE *f = fopen(*files, "rb");
		size_t n = f != NULL ? fread(p, 1, sizeof(p), f) : 0;
		struct export_from from = {.addr = addr_v4((uint8_t[]){192, 0, 2, 1}), .seen_ns = arrival(p, n)};

		if (f == NULL) {
			perror(*files);
			return 1;
		}
		fclose(f);
		export_datagram(x, &from, p, n, b);
		print_batch(b);
	}
	return 0;
}

static void
damaged(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	(void)ctx, (void)input, (void)packet;
	printf("{\"damage\":%" PRIu64 ",\"reason\":\"%s\"}\n", offset, reason);
}

static int
flow_file(struct export *x, const char *path)
{
	struct source_events ev = {.damage = damaged, .want_extra = true, .export = x};
	char why[300];
	struct source *s = source_open_file(path, &ev, why, sizeof(why));
	struct block b;

	if (s == NULL || block_init(&b) < 0) {
		printf("{\"error\":\"%s\"}\n", why);
		return 1;
	}
	while (source_read(s, &b) > 0)
		print_batch(&b.flows);
	block_done(&b);
	source_close(s);
	return 0;
}

static int
listen_udp(struct export *x, struct flow_batch *b, const char *port, const char *seconds)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = atoi(seconds)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	static uint8_t p[65536];
	ssize_t n;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		perror("bind");
		return 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((n = recv(fd, p, sizeof(p), 0)) >= 0) {
		struct timespec now;
		struct export_from from = {.addr = addr_v4((uint8_t[]){127, 0, 0, 1})};

		clock_gettime(CLOCK_REALTIME, &now);
		from.seen_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
		export_datagram(x, &from, p, (size_t)n, b);
		print_batch(b);
	}
	close(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	struct export *x = export_new(&(struct export_setup){0});
	struct flow_batch b;
	int status = 2;

	if (x == NULL || flow_batch_init(&b, 64) < 0 || flow_batch_want_extra(&b) < 0)
		return 2;
	if (argc == 3 && strcmp(argv[1], "-f") == 0)
		status = flow_file(x, argv[2]);
	else if (argc == 4 && strcmp(argv[1], "-u") == 0)
		status = listen_udp(x, &b, argv[2], argv[3]);
	else if (argc > 1)
		status = datagrams(x, &b, argv + 1);
	print_counts(x);
	flow_batch_done(&b);
	export_free(x);
	return status;
}
