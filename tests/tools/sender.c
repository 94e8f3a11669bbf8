/* Sends export datagrams over loopback, from a prepared set, as fast as asked: for tests and benches of the
 * listener.  Ends by itself after --count datagrams (or --seconds) and prints what it sent.
 *
 * usage: sender [options] ADDRESS PORT [FILE...]
 *   FILE      a capture (its UDP payloads, each once a round) or a file that is one datagram
 *   --v5 N    instead of files: NetFlow v5 of N records, numbered in sequence
 *   --bad     instead of files: 1464 bytes that are no export at all
 *   --count N datagrams in all (default: the set once; at most 2^26)   --seconds S  at most so long (default 30)
 *   --rate N  datagrams a second (default: no pause)      --sockets N  senders, in turn (default 1)
 *   --train N  (with --v5) hand N datagrams to the kernel as one (UDP_SEGMENT)
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SET = 1 << 16, BATCH = 64, SOCKETS = 256, V5_MAX = 30, BYTES = 24 + V5_MAX * 48, TRAIN = 44 };

struct datagram {
	uint8_t *p;
	size_t n;
};

struct sender {
	struct sockaddr_storage to;
	socklen_t to_n;
	int fd[SOCKETS];
	size_t sockets;
	uint64_t count, rate, sent, bytes;
	double seconds;
	unsigned int v5, train;
	bool bad;
	struct datagram *set;
	size_t set_n;
	uint32_t sequence[SOCKETS];
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

/* --- the set ------------------------------------------------------------------------------------ */

static void
add(struct sender *s, const uint8_t *p, size_t n)
{
	if (s->set_n == SET)
		return;
	s->set[s->set_n].p = malloc(n + 1);
	memcpy(s->set[s->set_n].p, p, n);
	s->set[s->set_n++].n = n;
}

/* Ethernet, whole IPv4 or IPv6 without options, UDP: what such captures are. */
static void
add_packet(struct sender *s, const uint8_t *p, size_t n)
{
	size_t ip, at, length;

	for (ip = 14; n >= ip + 48 && p[ip - 2] == 0x81 && p[ip - 1] == 0; ip += 4)
		;
	if (n < ip + 28)
		return;
	if (p[ip] == 0x45 && p[ip + 9] == 17)
		at = ip + 20;
	else if (p[ip] >> 4 == 6 && p[ip + 6] == 17)
		at = ip + 40;
	else
		return;
	if (n < at + 8)
		return;
	length = (size_t)(p[at + 4] << 8 | p[at + 5]);
	if (length > 8 && at + length <= n)
		add(s, p + at + 8, length - 8);
}

static void
add_file(struct sender *s, const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, why);
	struct pcap_pkthdr *h;
	const u_char *p;
	uint8_t raw[65536];
	FILE *f;

	if (pcap != NULL) {
		while (pcap_next_ex(pcap, &h, &p) == 1)
			add_packet(s, p, h->caplen);
		pcap_close(pcap);
		return;
	}
	f = fopen(path, "rb");
	if (f == NULL)
		fail(path);
	add(s, raw, fread(raw, 1, sizeof(raw), f));
	fclose(f);
}

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Addresses, ports and sizes differ, so that nothing downstream is too easy. */
static size_t
v5(uint8_t *p, unsigned int records, uint32_t seed)
{
	memset(p, 0, 24 + records * 48);
	p[1] = 5;
	p[3] = (uint8_t)records;
	put32(p + 4, 100000000);
	put32(p + 8, (uint32_t)time(NULL));
	for (unsigned int i = 0; i < records; i++) {
		uint8_t *r = p + 24 + i * 48;
		uint32_t x = (seed * records + i) * 2654435761u;

		put32(r, 0x0a000000 | (x >> 8));
		put32(r + 4, 0xc6336400 | (x & 0xff));
		put32(r + 16, 1 + (x & 7));
		put32(r + 20, 80 * (1 + (x & 15)));
		put32(r + 24, 99990000);
		put32(r + 28, 99999000);
		put32(r + 32, x);
		r[38] = 17;
	}
	return 24 + records * 48;
}

static void
make_set(struct sender *s, char **files)
{
	uint8_t p[BYTES];

	s->set = calloc(SET, sizeof(*s->set));
	if (s->v5 > 0)
		for (uint32_t i = 0; i < 256; i++)
			add(s, p, v5(p, s->v5, i));
	else if (s->bad)
		for (int i = 0; i < 64; i++) {
			memset(p, 0xff, sizeof(p));
			add(s, p, sizeof(p));
		}
	for (; *files != NULL; files++)
		add_file(s, *files);
	if (s->set_n == 0) {
		fprintf(stderr, "nothing to send\n");
		exit(1);
	}
}

/* --- sending ------------------------------------------------------------------------------------ */

static void
open_sockets(struct sender *s, const char *address, const char *port)
{
	struct sockaddr_in6 *six = (void *)&s->to;
	struct sockaddr_in *four = (void *)&s->to;

	if (inet_pton(AF_INET, address, &four->sin_addr) == 1 && ntohl(four->sin_addr.s_addr) >> 24 == 127) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)atoi(port));
		s->to_n = sizeof(*four);
	} else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)atoi(port));
		s->to_n = sizeof(*six);
	} else {
		fprintf(stderr, "%s: loopback only\n", address);
		exit(2);
	}
	for (size_t i = 0; i < s->sockets; i++) {
		s->fd[i] = socket(s->to.ss_family, SOCK_DGRAM, 0);
		if (s->fd[i] < 0 || connect(s->fd[i], (struct sockaddr *)&s->to, s->to_n) < 0)
			fail(address);
	}
}

/* Up to BATCH datagrams, or trains of them, from one socket. */
static void
send_batch(struct sender *s, size_t which, size_t *next)
{
	static uint8_t copy[BATCH][TRAIN * BYTES];
	struct mmsghdr msg[BATCH] = {0};
	struct iovec iov[BATCH];
	uint64_t left = s->count - s->sent;
	unsigned int n = 0;
	size_t datagrams = 0;

	for (; n < BATCH / s->train + 1 && n < BATCH && datagrams < left; n++) {
		const struct datagram *d = &s->set[*next];
		size_t at = 0;

		iov[n] = (struct iovec){d->p, d->n};
		for (unsigned int k = 0; s->v5 > 0 && k < s->train && datagrams < left; k++, datagrams++) {
			d = &s->set[*next];
			memcpy(copy[n] + at, d->p, d->n);
			put32(copy[n] + at + 16, s->sequence[which]);
			s->sequence[which] += s->v5;
			at += d->n;
			iov[n] = (struct iovec){copy[n], at};
			*next = (*next + 1) % s->set_n;
		}
		if (s->v5 == 0) {
			*next = (*next + 1) % s->set_n;
			datagrams++;
		}
		msg[n].msg_hdr = (struct msghdr){.msg_iov = &iov[n], .msg_iovlen = 1};
		s->bytes += iov[n].iov_len;
	}
	for (unsigned int done = 0; done < n; ) {
		int got = sendmmsg(s->fd[which], msg + done, n - done, 0);

		if (got < 0)
			fail("sendmmsg");
		done += (unsigned int)got;
	}
	s->sent += datagrams;
}

static void
run(struct sender *s)
{
	double started = now(), elapsed = 0;
	size_t which = 0, next = 0;

	while (s->sent < s->count && elapsed < s->seconds) {
		send_batch(s, which, &next);
		which = (which + 1) % s->sockets;
		elapsed = now() - started;
		if (s->rate > 0 && (double)s->sent > elapsed * (double)s->rate) {
			double pause = (double)s->sent / (double)s->rate - elapsed;

			nanosleep(&(struct timespec){(time_t)pause, (long)((pause - (double)(time_t)pause) * 1e9)}, NULL);
			elapsed = now() - started;
		}
	}
	printf("sent %llu datagrams %llu bytes in %.3f s\n", (unsigned long long)s->sent, (unsigned long long)s->bytes, elapsed);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"v5", 1, NULL, 'v'}, {"bad", 0, NULL, 'b'}, {"count", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
		{"rate", 1, NULL, 'r'}, {"sockets", 1, NULL, 'k'}, {"train", 1, NULL, 't'}, {0},
	};
	static struct sender s = {.sockets = 1, .train = 1, .seconds = 30};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'v': s.v5 = (unsigned int)atoi(optarg); break;
		case 'b': s.bad = true; break;
		case 'c': s.count = strtoull(optarg, NULL, 10); break;
		case 's': s.seconds = atof(optarg); break;
		case 'r': s.rate = strtoull(optarg, NULL, 10); break;
		case 'k': s.sockets = (size_t)atoi(optarg); break;
		case 't': s.train = (unsigned int)atoi(optarg); break;
		default: return 2;
		}
	}
	if (argc - optind < 2 || s.v5 > V5_MAX || s.sockets < 1 || s.sockets > SOCKETS || s.train < 1 || s.train > TRAIN) {
		fprintf(stderr, "usage: sender [options] ADDRESS PORT [FILE...]\n");
		return 2;
	}
	make_set(&s, argv + optind + 2);
	open_sockets(&s, argv[optind], argv[optind + 1]);
	if (s.count == 0)
		s.count = s.set_n;
	if (s.count > 1 << 26)
		s.count = 1 << 26;
	if (s.train > 1 && s.v5 > 0)
		for (size_t i = 0; i < s.sockets; i++)
			if (setsockopt(s.fd[i], IPPROTO_UDP, UDP_SEGMENT, &(int){(int)s.set[0].n}, sizeof(int)) < 0)
				fail("UDP_SEGMENT");
	run(&s);
	return 0;
}
