/* Export datagrams like a busy router's, for the bench of the collector: NetFlow v5 and v9, IPFIX, sFlow.
 *
 * Many hosts, some of them busy and most of them hardly seen; one record in ten is DNS; flows last up to a minute
 * and are told within two seconds of their end; v9 and IPFIX have templates of twenty fields, told again every
 * twenty datagrams.  The same arguments give the same records.
 *
 * usage: records v5|v9|ipfix|sflow [options]
 *   --to PORT      send to 127.0.0.1:PORT, at --rate; datagrams are prepared and go round, with new times
 *   --capture      write a capture to standard output instead, each datagram new, its clock by --rate
 *   --records N    in all (default 1,000,000)     --rate N  records a second (default 200,000)
 *   --hosts N      a fifth of them in 10.0.0.0/8 (default 100,000)
 *   --new          every record has a host that was never seen before
 *   --exporters N  (with --capture) the datagrams come from so many addresses in turn, each with its template
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/gen/rng.h"

enum { POOL = 16384, BYTES = 1472, BATCH = 8, TEMPLATE_EVERY = 20, UPTIME_MS = 1000000000, SAMPLE_HEADER = 128 };

enum kind { V5, V9, IPFIX, SFLOW, KINDS };

static const struct shape {
	const char *name;
	unsigned int records; /* in a datagram */
	unsigned int sequence_at, secs_at;
} shape[KINDS] = {
	{"v5", 30, 16, 8}, {"v9", 25, 12, 8}, {"ipfix", 19, 8, 4}, {"sflow", 6, 16, 0},
};

struct record {
	uint32_t src, dst, packets, bytes, ended_ms, lasted_ms;
	uint16_t sport, dport;
	uint8_t proto, tcp_flags;
};

struct options {
	enum kind kind;
	uint16_t port;
	bool capture, fresh;
	uint64_t records, rate;
	uint32_t hosts, exporters;
};

struct state {
	struct options o;
	struct rng rng;
	uint64_t fresh;    /* hosts given out */
	uint64_t made;     /* data records */
	uint32_t sequence; /* as the kind counts */
};

struct datagram {
	uint8_t p[BYTES];
	size_t n;
	unsigned int records;
	uint32_t told_s;   /* when its times were written */
};

/* --- what is told --------------------------------------------------------------------------------- */

/* A few are met often: the square of an even chance. */
static uint32_t
skewed(struct rng *r, uint32_t n)
{
	uint64_t u = rng_next(r) >> 40;

	return (uint32_t)(u * u * n >> 48);
}

static uint32_t
inside(struct state *s)
{
	return 0x0a000100 + skewed(&s->rng, s->o.hosts / 5 + 1);
}

static uint32_t
outside(struct state *s)
{
	uint64_t i = s->o.fresh ? s->fresh++ + ((uint64_t)1 << 32) : skewed(&s->rng, s->o.hosts - s->o.hosts / 5);

	/* an odd factor: no two alike; 64.0.0.0/2 and some of its neighbours */
	return 0x40000000 + (uint32_t)((i * UINT64_C(2654435761)) & 0x3fffffff);
}

static void
dns_record(struct state *s, struct record *r, uint32_t x)
{
	bool answer = (x & 1) != 0, large = (x >> 8) % 20 == 0;
	uint32_t client = inside(s), server = s->o.fresh ? outside(s) : 0x08080800 + (x >> 16) % 64;

	*r = (struct record){.src = answer ? server : client, .dst = answer ? client : server, .packets = 1, .proto = 17,
		.sport = answer ? 53 : (uint16_t)(1024 + (x >> 12) % 60000), .dport = answer ? (uint16_t)(1024 + (x >> 12) % 60000) : 53,
		.bytes = answer ? (large ? 1200 : 90) + (x >> 4) % 200 : 60 + (x >> 4) % 30};
}

static void
next_record(struct state *s, struct record *r)
{
	uint64_t x = rng_next(&s->rng);
	uint32_t low = (uint32_t)x, high = (uint32_t)(x >> 32), a, b;
	uint16_t service = low % 8 < 6 ? 443 : low % 8 == 6 ? 80 : (uint16_t)(1024 + (low >> 8) % 30000);
	bool out = (low & 8) != 0;

	if (high % 10 == 0) {
		dns_record(s, r, low);
	} else {
		a = inside(s);
		b = outside(s);
		*r = (struct record){.src = out ? a : b, .dst = out ? b : a, .proto = high % 10 < 3 ? 17 : 6,
			.sport = out ? (uint16_t)(1024 + (low >> 4) % 60000) : service,
			.dport = out ? service : (uint16_t)(1024 + (low >> 4) % 60000),
			.packets = 1 + ((high >> 8 & 0xff) * (high >> 16 & 0xff) >> 6), .lasted_ms = (low >> 4) % 60000};
		r->bytes = r->packets * (40 + (high >> 20) % 1400);
		r->tcp_flags = r->proto == 6 ? 0x1b : 0;
	}
	r->ended_ms = (uint32_t)(rng_next(&s->rng) % 2000);
}

/* --- writing -------------------------------------------------------------------------------------- */

static uint8_t *
put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	return p + n;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *
put_v5(uint8_t *p, const struct record *r)
{
	p = put(put(put(p, r->src, 4), r->dst, 4), 0x0a000001, 4);
	p = put(put(p, 12, 2), 17, 2);
	p = put(put(p, r->packets, 4), r->bytes, 4);
	p = put(put(p, UPTIME_MS - r->ended_ms - r->lasted_ms, 4), UPTIME_MS - r->ended_ms, 4);
	p = put(put(p, r->sport, 2), r->dport, 2);
	p = put(put(put(put(p, 0, 1), r->tcp_flags, 1), r->proto, 1), 0, 1);
	return put(put(put(put(put(p, 64500, 2), 64501, 2), 24, 1), 16, 1), 0, 2);
}

struct field {
	uint16_t id, n9, n10; /* its length in v9 and in IPFIX */
};

/* 22 and 21 are uptimes; IPFIX has them in milliseconds since 1970 (152 and 153), at IPFIX_TIMES. */
enum { FIELDS = 20, IPFIX_TIMES = 36, IPFIX_RECORD = 71 };
static const struct field fields[FIELDS] = {
	{8, 4, 4}, {12, 4, 4}, {15, 4, 4}, {10, 4, 4}, {14, 4, 4}, {2, 4, 8}, {1, 4, 8}, {22, 4, 8}, {21, 4, 8}, {7, 2, 2},
	{11, 2, 2}, {4, 1, 1}, {6, 1, 1}, {5, 1, 1}, {16, 4, 4}, {17, 4, 4}, {9, 1, 1}, {13, 1, 1}, {61, 1, 1}, {89, 1, 1},
};

static uint8_t *
put_fields(uint8_t *p, const struct record *r, bool ipfix, uint64_t now_ms)
{
	size_t n = ipfix ? 8 : 4;
	uint64_t end = (ipfix ? now_ms : UPTIME_MS) - r->ended_ms;

	p = put(put(put(p, r->src, 4), r->dst, 4), 0x0a000001, 4);
	p = put(put(p, 12, 4), 17, 4);
	p = put(put(p, r->packets, n), r->bytes, n);
	p = put(put(p, end - r->lasted_ms, n), end, n);
	p = put(put(p, r->sport, 2), r->dport, 2);
	p = put(put(put(p, r->proto, 1), r->tcp_flags, 1), 0, 1);
	return put(put(put(put(put(put(p, 64500, 4), 64501, 4), 24, 1), 16, 1), 0, 1), 64, 1);
}

static uint8_t *
put_template(uint8_t *p, bool ipfix)
{
	p = put(put(p, ipfix ? 2 : 0, 2), 8 + 4 * FIELDS, 2);
	p = put(put(p, 256, 2), FIELDS, 2);
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];

		p = put(p, ipfix && (f->id == 22 || f->id == 21) ? (f->id == 22 ? 152 : 153) : f->id, 2);
		p = put(p, ipfix ? f->n10 : f->n9, 2);
	}
	return p;
}

/* The first bytes of a frame, and a DNS message in it where it is one. */
static void
put_frame(uint8_t *p, const struct record *r, uint32_t length)
{
	static const uint8_t name[] = "\3www\7example\3com\0\0\1\0\1";
	uint8_t *q = p;

	memset(p, 0, SAMPLE_HEADER);
	q = put(put(put(q, 0x020000000001, 6), 0x020000000002, 6), 0x0800, 2);
	q = put(put(put(q, 0x4500, 2), length - 18, 2), r->src & 0xffff, 2);
	q = put(put(put(put(put(q, 0x4000, 2), 60, 1), r->proto, 1), 0, 2), r->src, 4);
	q = put(put(put(q, r->dst, 4), r->sport, 2), r->dport, 2);
	if (r->proto == 6) {
		put(put(q, r->bytes, 8), 0x5010ffff, 4);
		return;
	}
	q = put(q, (uint64_t)(length - 38) << 16, 4);
	if (r->sport != 53 && r->dport != 53)
		return;
	q = put(put(q, r->bytes, 2), r->sport == 53 ? 0x8180 : 0x0100, 2);
	q = put(put(put(q, 1, 2), r->sport == 53, 2), 0, 4);
	memcpy(q, name, sizeof(name) - 1);
	q += sizeof(name) - 1;
	if (r->sport == 53)
		put(put(put(q, 0xc00c00010001, 6), 300, 4), 4, 2);
}

static uint8_t *
put_sample(uint8_t *p, const struct record *r, uint32_t sequence)
{
	uint32_t length = r->bytes / r->packets + 18;

	if (length < 64)
		length = 64;
	p = put(put(p, 1, 4), 32 + 16 + 8 + SAMPLE_HEADER + 8 + 16, 4);
	p = put(put(p, sequence, 4), 12, 4);
	p = put(put(put(p, 1000, 4), (uint64_t)sequence * 1000, 4), 0, 4);
	p = put(put(put(p, 12, 4), 17, 4), 2, 4);
	p = put(put(p, 1, 4), 16 + SAMPLE_HEADER, 4);
	p = put(put(put(put(p, 1, 4), length, 4), 4, 4), SAMPLE_HEADER, 4);
	put_frame(p, r, length);
	p = put(put(p + SAMPLE_HEADER, 1001, 4), 16, 4);
	return put(put(put(put(p, 100, 4), 0, 4), 200, 4), 0, 4);
}

static uint8_t *
put_header(uint8_t *p, const struct state *s, unsigned int records, bool template, uint64_t now_ms)
{
	uint64_t secs = now_ms / 1000;

	switch (s->o.kind) {
	case V5:
		p = put(put(put(put(p, 5, 2), records, 2), UPTIME_MS, 4), secs, 4);
		return put(put(put(p, now_ms % 1000 * 1000000, 4), s->sequence, 4), 0, 4);
	case V9:
		p = put(put(put(put(p, 9, 2), records + template, 2), UPTIME_MS, 4), secs, 4);
		return put(put(p, s->sequence, 4), 1, 4);
	case IPFIX:
		return put(put(put(put(p, 10, 2), 0, 2), secs, 4), (uint64_t)s->sequence << 32 | 1, 8);
	default:
		p = put(put(put(put(p, 5, 4), 1, 4), 0x7f000001, 4), 0, 4);
		return put(put(put(p, s->sequence, 4), UPTIME_MS, 4), records, 4);
	}
}

static void
make(struct state *s, struct datagram *d, bool template, uint64_t now_ms)
{
	bool ipfix = s->o.kind == IPFIX, set = ipfix || s->o.kind == V9;
	uint8_t *p, *data = NULL;
	struct record r;

	template = template && set;
	d->records = shape[s->o.kind].records - (template ? 2 : 0);
	d->told_s = (uint32_t)(now_ms / 1000);
	p = put_header(d->p, s, d->records, template, now_ms);
	if (template)
		p = put_template(p, ipfix);
	if (set)
		p = put((data = p), (uint64_t)256 << 16, 4);
	for (unsigned int i = 0; i < d->records; i++) {
		next_record(s, &r);
		switch (s->o.kind) {
		case V5: p = put_v5(p, &r); break;
		case SFLOW: p = put_sample(p, &r, (uint32_t)s->made + i); break;
		default: p = put_fields(p, &r, ipfix, now_ms); break;
		}
	}
	while (set && ((p - data) & 3) != 0)
		*p++ = 0;
	if (set)
		put(data + 2, (uint64_t)(p - data), 2);
	d->n = (size_t)(p - d->p);
	if (ipfix)
		put(d->p + 2, d->n, 2);
	s->made += d->records;
	s->sequence += s->o.kind == V9 || s->o.kind == SFLOW ? 1 : d->records;
}

/* A prepared datagram goes out again: its times and its number are those of now. */
static void
renew(struct state *s, struct datagram *d, uint32_t now_s)
{
	const struct shape *h = &shape[s->o.kind];
	uint64_t moved_ms = (uint64_t)(now_s - d->told_s) * 1000;

	put(d->p + h->sequence_at, s->sequence, 4);
	s->sequence += s->o.kind == V9 || s->o.kind == SFLOW ? 1 : d->records;
	if (h->secs_at > 0)
		put(d->p + h->secs_at, now_s, 4);
	for (unsigned int i = 0; s->o.kind == IPFIX && moved_ms > 0 && i < d->records; i++) {
		/* the data set is the last, padded to four bytes */
		uint8_t *p = d->p + d->n - (4 - IPFIX_RECORD * d->records % 4) % 4 - (size_t)IPFIX_RECORD * (d->records - i);

		for (int k = 0; k < 2; k++) {
			uint8_t *t = p + IPFIX_TIMES + 8 * k;

			put(t, ((uint64_t)get32(t) << 32 | get32(t + 4)) + moved_ms, 8);
		}
	}
	d->told_s = now_s;
}

/* --- sending -------------------------------------------------------------------------------------- */

static double
seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t
send_batch(int fd, struct datagram **d, unsigned int n)
{
	struct mmsghdr msg[BATCH] = {0};
	struct iovec iov[BATCH];
	uint64_t records = 0;

	for (unsigned int i = 0; i < n; i++) {
		iov[i] = (struct iovec){d[i]->p, d[i]->n};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		records += d[i]->records;
	}
	for (unsigned int done = 0; done < n;) {
		int got = sendmmsg(fd, msg + done, n - done, 0);

		if (got < 0)
			fail("sendmmsg");
		done += (unsigned int)got;
	}
	return records;
}

static void
send_all(struct state *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct datagram *pool = calloc(POOL, sizeof(*pool)), *batch[BATCH];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t sent = 0, datagrams = 0, bytes = 0;
	double started, elapsed = 0;

	if (pool == NULL || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("127.0.0.1");
	for (size_t i = 0; i < POOL; i++)
		make(s, &pool[i], i % TEMPLATE_EVERY == 0, (uint64_t)(seconds(CLOCK_REALTIME) * 1000));
	s->sequence = 0;
	for (started = seconds(CLOCK_MONOTONIC); sent < s->o.records;) {
		uint32_t now_s = (uint32_t)seconds(CLOCK_REALTIME);
		double ahead;

		for (unsigned int i = 0; i < BATCH; i++) {
			batch[i] = &pool[datagrams++ % POOL];
			renew(s, batch[i], now_s);
			bytes += batch[i]->n;
		}
		sent += send_batch(fd, batch, BATCH);
		elapsed = seconds(CLOCK_MONOTONIC) - started;
		ahead = (double)sent / (double)s->o.rate - elapsed;
		if (ahead > 0)
			nanosleep(&(struct timespec){(time_t)ahead, (long)((ahead - (double)(time_t)ahead) * 1e9)}, NULL);
	}
	elapsed = seconds(CLOCK_MONOTONIC) - started;
	printf("%llu records %llu datagrams %llu bytes %.3f s\n", (unsigned long long)sent, (unsigned long long)datagrams,
	    (unsigned long long)bytes, elapsed);
}

/* --- a capture ------------------------------------------------------------------------------------ */

static void
little(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static void
write_packet(const struct datagram *d, uint32_t from, uint16_t port, uint64_t t_us)
{
	uint8_t h[16 + 28], *p = h + 16;
	size_t n = d->n + 28;

	little(h, (uint32_t)(t_us / 1000000));
	little(h + 4, (uint32_t)(t_us % 1000000));
	little(h + 8, (uint32_t)n);
	little(h + 12, (uint32_t)n);
	p = put(put(put(p, 0x4500, 2), n, 2), 0, 4);
	p = put(put(put(put(p, 64, 1), 17, 1), 0, 2), from, 4);
	p = put(put(put(p, 0x0a000001, 4), 50000, 2), port, 2);
	put(p, (uint64_t)(d->n + 8) << 16, 4);
	if (fwrite(h, sizeof(h), 1, stdout) != 1 || fwrite(d->p, d->n, 1, stdout) != 1)
		fail("standard output");
}

static void
write_all(struct state *s)
{
	static const uint16_t port[KINDS] = {2055, 2055, 4739, 6343};
	static char buffer[1 << 20];
	uint64_t begin_us = UINT64_C(1772366400000000), datagrams = 0;
	uint8_t head[24] = {0};
	struct datagram d;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	little(head, 0xa1b2c3d4);
	little(head + 4, 4 << 16 | 2);
	little(head + 16, 65535);
	little(head + 20, 101); /* raw IP */
	if (fwrite(head, sizeof(head), 1, stdout) != 1)
		fail("standard output");
	while (s->made < s->o.records) {
		uint64_t t_us = begin_us + s->made * 1000000 / s->o.rate, round = datagrams / s->o.exporters;

		if (s->o.exporters > 1)
			s->sequence = (uint32_t)round * (s->o.kind == V9 || s->o.kind == SFLOW ? 1 : shape[s->o.kind].records);
		make(s, &d, round % TEMPLATE_EVERY == 0, t_us / 1000);
		write_packet(&d, 0xc0000201 + (uint32_t)(datagrams % s->o.exporters), port[s->o.kind], t_us);
		datagrams++;
	}
	if (fflush(stdout) != 0)
		fail("standard output");
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"to", 1, NULL, 't'}, {"capture", 0, NULL, 'c'}, {"records", 1, NULL, 'n'}, {"rate", 1, NULL, 'r'},
		{"hosts", 1, NULL, 'h'}, {"new", 0, NULL, 'f'}, {"exporters", 1, NULL, 'e'}, {0},
	};
	struct state s = {.o = {.kind = KINDS, .records = 1000000, .rate = 200000, .hosts = 100000, .exporters = 1},
		.rng = rng_seeded(7)};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't': s.o.port = (uint16_t)atoi(optarg); break;
		case 'c': s.o.capture = true; break;
		case 'n': s.o.records = strtoull(optarg, NULL, 10); break;
		case 'r': s.o.rate = strtoull(optarg, NULL, 10); break;
		case 'h': s.o.hosts = (uint32_t)atoi(optarg); break;
		case 'f': s.o.fresh = true; break;
		case 'e': s.o.exporters = (uint32_t)atoi(optarg); break;
		default: return 2;
		}
	}
	for (int k = 0; k < KINDS && optind < argc; k++)
		if (strcmp(argv[optind], shape[k].name) == 0)
			s.o.kind = (enum kind)k;
	if (s.o.kind == KINDS || s.o.rate == 0 || s.o.hosts < 5 || s.o.exporters == 0 || s.o.capture == (s.o.port != 0)) {
		fprintf(stderr, "usage: records v5|v9|ipfix|sflow --to PORT | --capture [options]\n");
		return 2;
	}
	if (s.o.capture)
		write_all(&s);
	else
		send_all(&s);
	return 0;
}
