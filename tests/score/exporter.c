/* A capture as an exporter would tell of it: NetFlow v5 or v9, IPFIX or sFlow datagrams as a capture on standard
 * output, each at the moment (of the packets' own clock) at which it would have been sent.
 *
 * usage: exporter v5|v9|ipfix|sflow [--sampling N] [--active SECONDS] [--inactive SECONDS] [--port0] [--seed N]
 *        [--lose N] [--skew SECONDS] FILE|-
 *
 * --lose drops one datagram in N on the way, --skew sets the exporter's clock that far ahead of the capture's.
 *
 * NetFlow and IPFIX come from the meter and the encoders of `damp probe`.  An sFlow agent samples one packet in n at
 * random and sends its first 128 bytes within a second (sFlow version 5, section 4).  The same arguments give the
 * same bytes: no clock, no port, no daemon.
 */
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/meter.h"
#include "collector/netflow_encode.h"
#include "collector/source.h"
#include "tests/gen/rng.h"

enum { SLICE = 1024, SFLOW_SAMPLES = 6, SFLOW_HEADER = 128, LINK_ETHERNET = 1, LINK_RAW = 101 };

struct options {
	unsigned int version; /* 0: sFlow */
	double active_s, inactive_s;
	uint32_t sampling;
	bool port0;
	uint64_t seed;
	uint32_t lose;        /* 0: nothing */
	int64_t skew_ns;
};

struct exporter_run {
	struct options o;
	struct netflow_encoder netflow;
	struct meter *meter;
	struct flow_batch batch;
	struct decode_stats decode;
	bool booted;
	/* sFlow */
	struct rng rng;
	uint32_t skip;        /* packets until the next sample */
	uint64_t pool;        /* packets seen */
	uint32_t sequence, samples;
	uint32_t sent;        /* datagrams */
	uint8_t datagram[1500];
	size_t n;
	unsigned int in_it;   /* samples in the datagram */
	int64_t first_ns;     /* of its first sample */
};

static void
fail(const char *what)
{
	fprintf(stderr, "exporter: %s\n", what);
	exit(2);
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static uint8_t *
put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	return p + n;
}

static void
write_capture_header(void)
{
	const uint32_t word[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, LINK_RAW};

	if (fwrite(word, sizeof(word), 1, stdout) != 1)
		fail("cannot write");
}

static void
write_datagram(void *ctx, const uint8_t *data, size_t n, size_t records, int64_t now_ns)
{
	struct exporter_run *r = ctx;
	uint16_t port = r->o.version == 0 ? 6343 : r->o.version == 10 ? 4739 : 2055;
	uint32_t length = (uint32_t)n + 28;
	uint32_t head[4] = {0, 0, length, length};
	uint8_t ip[28], *p = ip;

	(void)records;
	if (r->o.lose > 0 && ++r->sent % r->o.lose == 0)
		return;
	now_ns -= r->o.skew_ns;
	head[0] = (uint32_t)(now_ns / 1000000000);
	head[1] = (uint32_t)(now_ns % 1000000000 / 1000);
	p = put(put(put(p, 0x4500, 2), length, 2), 0, 4);
	p = put(put(put(put(p, 64, 1), 17, 1), 0, 2), 0xc0000201, 4);
	p = put(put(put(p, 0xc0000202, 4), 50000, 2), port, 2);
	put(p, (uint64_t)(n + 8) << 16, 4);
	if (fwrite(head, sizeof(head), 1, stdout) != 1 || fwrite(ip, sizeof(ip), 1, stdout) != 1 ||
	    fwrite(data, n, 1, stdout) != 1)
		fail("cannot write");
}

/* --- NetFlow and IPFIX ----------------------------------------------------------------------------------------- */

static void
on_record(void *ctx, const struct flow *f)
{
	struct exporter_run *r = ctx;

	(void)netflow_encode_flow(&r->netflow, f, f->seen_ns);
}

static void
boot(struct exporter_run *r, int64_t first_ns)
{
	const struct netflow_encode_setup s = {.version = r->o.version, .domain = 1, .sampling = r->o.sampling,
		.boot_ns = first_ns - INT64_C(60000000000)};

	netflow_encode_init(&r->netflow, &s, write_datagram, r);
	r->booted = true;
}

static void
meter_block(struct exporter_run *r, const struct block *b)
{
	for (size_t at = 0; at < b->n;) {
		size_t n = b->n - at < SLICE ? b->n - at : SLICE;

		flow_batch_reset(&r->batch);
		at += packets_decode(b, at, n, &r->batch, &r->decode);
		if (!r->booted && r->batch.n > 0)
			boot(r, r->batch.flow[0].start_ns);
		meter_flows(r->meter, r->batch.flow, r->batch.n);
		if (r->booted)
			netflow_encode_time(&r->netflow, meter_now(r->meter));
	}
}

/* --- sFlow ------------------------------------------------------------------------------------------------------- */

static void
sflow_flush(struct exporter_run *r, int64_t now_ns)
{
	uint8_t *p = r->datagram;

	if (r->in_it == 0)
		return;
	p = put(put(put(put(p, 5, 4), 1, 4), 0xc0000201, 4), 0, 4);
	put(put(put(p, ++r->sequence, 4), (uint64_t)(now_ns / 1000000) & 0xffffffff, 4), r->in_it, 4);
	write_datagram(r, r->datagram, r->n, r->in_it, now_ns);
	r->in_it = 0;
}

static void
sflow_sample(struct exporter_run *r, const uint8_t *frame, uint32_t caplen, uint32_t wirelen)
{
	uint32_t n = caplen < SFLOW_HEADER ? caplen : SFLOW_HEADER, padded = (n + 3) & ~3u;
	uint8_t *p = r->datagram + r->n;

	p = put(put(p, 1, 4), 32 + 8 + 16 + padded, 4);
	p = put(put(p, ++r->samples, 4), 12, 4);
	p = put(put(put(p, r->o.sampling, 4), r->pool, 4), 0, 4);
	p = put(put(put(p, 12, 4), 17, 4), 1, 4);
	p = put(put(p, 1, 4), 16 + padded, 4);
	p = put(put(put(put(p, 1, 4), wirelen + 4, 4), 4, 4), n, 4);
	memcpy(p, frame, n);
	memset(p + n, 0, padded - n);
	r->n = (size_t)(p - r->datagram) + padded;
	r->in_it++;
}

static void
sflow_block(struct exporter_run *r, const struct block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct raw_packet *k = &b->packet[i];

		if (k->link != LINK_ETHERNET)
			fail("sFlow is made of Ethernet captures only");
		if (r->in_it > 0 && k->t_ns - r->first_ns >= INT64_C(1000000000))
			sflow_flush(r, r->first_ns + INT64_C(1000000000));
		r->pool++;
		if (r->skip-- > 0)
			continue;
		/* uniform gaps with the right mean (section 4.2.1 asks for a random skip) */
		r->skip = r->o.sampling > 1 ? rng_below(&r->rng, 2 * r->o.sampling - 1) : 0;
		if (r->in_it == 0) {
			r->n = 28;
			r->first_ns = k->t_ns;
		}
		sflow_sample(r, b->data + k->offset, k->caplen, k->wirelen);
		if (r->in_it == SFLOW_SAMPLES)
			sflow_flush(r, k->t_ns);
	}
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static int
run(struct exporter_run *r, const char *path)
{
	const struct source_events ev = {.reading = READ_PACKETS};
	const struct meter_setup m = {.active_ns = (int64_t)(r->o.active_s * 1e9), .inactive_ns = (int64_t)(r->o.inactive_s * 1e9),
		.sampling = r->o.sampling, .fragments = r->o.port0 ? METER_PORT0 : METER_SERVICE, .sampling_seed = r->o.seed};
	char why[256];
	struct source *s = source_open_file(path, &ev, why, sizeof(why));
	struct block b;
	int n;

	if (s == NULL)
		fail(why);
	r->meter = meter_new(&m, on_record, r);
	if (r->meter == NULL || block_init(&b) < 0 || flow_batch_init(&r->batch, SLICE + 256) < 0)
		fail("out of memory");
	write_capture_header();
	while ((n = source_read(s, &b)) >= 0)
		if (r->o.version == 0)
			sflow_block(r, &b);
		else
			meter_block(r, &b);
	meter_flush(r->meter);
	if (r->booted)
		netflow_encode_flush(&r->netflow, meter_now(r->meter));
	sflow_flush(r, r->first_ns);
	meter_free(r->meter);
	flow_batch_done(&r->batch);
	block_done(&b);
	source_close(s);
	return n == ERR_EOF && fflush(stdout) == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static const struct option list[] = {{"sampling", 1, NULL, 's'}, {"active", 1, NULL, 'a'}, {"inactive", 1, NULL, 'i'},
		{"port0", 0, NULL, '0'}, {"seed", 1, NULL, 'd'}, {"lose", 1, NULL, 'l'}, {"skew", 1, NULL, 'k'}, {0}};
	static char buffer[1 << 18];
	static struct exporter_run r = {.o = {.active_s = 60, .inactive_s = 15, .sampling = 1, .seed = 1}};
	const char *kind;
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1)
		switch (c) {
		case 's': r.o.sampling = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'a': r.o.active_s = strtod(optarg, NULL); break;
		case 'i': r.o.inactive_s = strtod(optarg, NULL); break;
		case '0': r.o.port0 = true; break;
		case 'l': r.o.lose = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'k': r.o.skew_ns = (int64_t)(strtod(optarg, NULL) * 1e9); break;
		case 'd': r.o.seed = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	if (argc - optind != 2 || r.o.sampling == 0)
		fail("usage: exporter v5|v9|ipfix|sflow [options] FILE|-");
	kind = argv[optind];
	r.o.version = strcmp(kind, "v5") == 0 ? 5 : strcmp(kind, "v9") == 0 ? 9 : strcmp(kind, "ipfix") == 0 ? 10 : 0;
	if (r.o.version == 0 && strcmp(kind, "sflow") != 0)
		fail("v5, v9, ipfix or sflow");
	r.rng = rng_seeded(r.o.seed);
	r.skip = r.o.sampling > 1 ? rng_below(&r.rng, r.o.sampling) : 0;
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	return run(&r, argv[optind + 1]);
}
