/* Export datagrams as JSON lines, a flow each, for comparing with other decoders.
 * usage: exportdump FILE...   captures, or files that hold one datagram each, in that order to one collector
 * Counters stand as the exporter sent them, before scaling by its sampling. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "collector/export.h"
#include "collector/source.h"

static void
print_flows(const struct flow_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct flow *f = &b->flow[i];
		const struct flow_extra *x = &b->extra[i];
		char src[ADDR_TEXT], dst[ADDR_TEXT], hop[ADDR_TEXT];
		bool icmp = f->proto == FLOW_ICMP || f->proto == FLOW_ICMP6;

		printf("{\"version\":%u,\"src\":\"%s\",\"dst\":\"%s\",\"next_hop\":\"%s\",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64,
		    x->version, addr_text(&f->src, src), addr_text(&f->dst, dst), addr_text(&x->next_hop, hop),
		    f->packets / f->sampling, f->bytes / f->sampling);
		printf(",\"sampling\":%" PRIu32 ",\"proto\":%u,\"sport\":%u,\"dport\":%u,\"tcp_flags\":%u,\"tos\":%u", f->sampling, f->proto,
		    f->sport, icmp ? (unsigned int)x->icmp_type << 8 | x->icmp_code : f->dport, f->tcp_flags, x->tos);
		printf(",\"in_if\":%" PRIu32 ",\"out_if\":%" PRIu32 ",\"src_as\":%" PRIu32 ",\"dst_as\":%" PRIu32 ",\"src_mask\":%u,\"dst_mask\":%u",
		    x->in_if, x->out_if, x->src_as, x->dst_as, x->src_mask, x->dst_mask);
		printf(",\"domain\":%" PRIu32 ",\"export_ns\":%" PRId64 ",\"start_ns\":%" PRId64 ",\"end_ns\":%" PRId64 "}\n", x->domain, x->export_ns,
		    f->start_ns, f->end_ns);
	}
}

static void
print_counts(struct export *x)
{
	uint64_t sum[EXPORTER_COUNTS] = {0};

	exporters_sum(export_exporters(x), sum);
	printf("{\"unknown\":%" PRIu64, export_unknown(x));
	for (int i = 0; i < EXPORTER_COUNTS; i++)
		printf(",\"%s\":%" PRIu64, exporter_count_name((enum exporter_count)i), sum[i]);
	printf("}\n");
}

static int
datagram(struct export *x, const char *path, struct flow_batch *out)
{
	static uint8_t p[65536];
	FILE *f = fopen(path, "rb");
	size_t n = f != NULL ? fread(p, 1, sizeof(p), f) : 0;
	struct export_from from = {.addr = addr_v4((const uint8_t[]){192, 0, 2, 1})};
	size_t at;

	if (f == NULL)
		return -1;
	fclose(f);
	/* as if it had arrived when its header says: seconds since 1970 */
	at = n > 2 && p[1] == EXPORT_IPFIX ? 4 : 8;
	if (n >= at + 4)
		from.seen_ns = ((int64_t)p[at] << 24 | p[at + 1] << 16 | p[at + 2] << 8 | p[at + 3]) * 1000000000 + 999999999;
	flow_batch_reset(out);
	(void)export_datagram(x, &from, p, n, out);
	print_flows(out);
	return 0;
}

static int
input(struct export *x, const char *path, struct block *b, struct flow_batch *out)
{
	struct source_events ev = {.export = x, .want_extra = true, .reading = READ_EXPORTS};
	char why[200];
	struct source *s = source_open_file(path, &ev, why, sizeof(why));

	if (s == NULL)
		return datagram(x, path, out);
	while (source_read(s, b) > 0)
		print_flows(&b->flows);
	source_close(s);
	return 0;
}

int
main(int argc, char **argv)
{
	struct export_setup setup = {.exporters.max = 0};
	struct export *x = export_new(&setup);
	struct flow_batch out;
	struct block b;
	int status = 0;

	if (x == NULL || block_init(&b) < 0 || flow_batch_init(&out, 64) < 0 || flow_batch_want_extra(&out) < 0)
		return 2;
	for (int i = 1; i < argc; i++)
		if (input(x, argv[i], &b, &out) < 0) {
			fprintf(stderr, "%s: cannot read\n", argv[i]);
			status = 1;
		}
	print_counts(x);
	flow_batch_done(&out);
	block_done(&b);
	export_free(x);
	return status;
}
