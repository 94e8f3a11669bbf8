/* A load of DNS queries from many addresses at once, for the lab: one socket per source address, so that one
 * process looks like a town.  Prints one line of what was sent and answered.
 *
 * The kernel must let it bind to the addresses (a local route for their prefix is enough).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOURCES = 1024, PENDING = 64, LATENCIES = 1 << 18, REPLY_BYTES = 65535 };

struct source {
	int64_t next_us;
	int64_t sent_us[PENDING]; /* by the low bits of the id; 0: nothing is open */
	uint16_t id;
};

struct load {
	const char *name, *server4, *server6;
	unsigned int qtype, edns, names;
	double rate, duration_s, timeout_s;
	uint64_t random;
	size_t n;
	struct source source[SOURCES];
	struct pollfd poll[SOURCES];
	uint64_t sent, answered, truncated, bytes, errors;
	uint32_t latency_us[LATENCIES];
	uint8_t reply[REPLY_BYTES];
	size_t latencies;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t
draw(struct load *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

static void
fail(const char *what, const char *which)
{
	fprintf(stderr, "dnsload: %s %s: %s\n", what, which, strerror(errno));
	exit(1);
}

/* A socket bound to the source and connected to the server of its family. */
static void
add_source(struct load *l, const char *address)
{
	bool six = strchr(address, ':') != NULL;
	struct sockaddr_in a4 = {.sin_family = AF_INET}, s4 = {.sin_family = AF_INET, .sin_port = htons(53)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6}, s6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
	int on = 1, fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (l->n == SOURCES || fd < 0)
		fail("socket for", address);
	if (six) {
		/* 78: IPV6_FREEBIND */
		if (inet_pton(AF_INET6, address, &a6.sin6_addr) != 1 || inet_pton(AF_INET6, l->server6, &s6.sin6_addr) != 1 ||
		    setsockopt(fd, IPPROTO_IPV6, 78, &on, sizeof(on)) != 0 || bind(fd, (struct sockaddr *)&a6, sizeof(a6)) != 0 ||
		    connect(fd, (struct sockaddr *)&s6, sizeof(s6)) != 0)
			fail("bind", address);
	} else if (inet_pton(AF_INET, address, &a4.sin_addr) != 1 || inet_pton(AF_INET, l->server4, &s4.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&a4, sizeof(a4)) != 0 || connect(fd, (struct sockaddr *)&s4, sizeof(s4)) != 0) {
		fail("bind", address);
	}
	l->poll[l->n] = (struct pollfd){fd, POLLIN, 0};
	l->source[l->n++].id = (uint16_t)draw(l);
}

static size_t
query(struct load *l, uint16_t id, uint8_t *q)
{
	char name[256];
	size_t n = 12;

	memset(q, 0, 12);
	q[0] = (uint8_t)(id >> 8);
	q[1] = (uint8_t)id;
	q[2] = 1; /* recursion desired */
	q[5] = 1;
	q[11] = l->edns > 0;
	if (l->names > 0)
		snprintf(name, sizeof(name), "h%u.%s", (unsigned int)(draw(l) % l->names), l->name);
	else
		snprintf(name, sizeof(name), "%s", l->name);
	for (const char *p = name; *p != '\0';) {
		size_t len = strcspn(p, ".");

		q[n++] = (uint8_t)len;
		memcpy(q + n, p, len);
		n += len;
		p += len + (p[len] == '.');
	}
	memcpy(q + n, (const uint8_t[5]){0, (uint8_t)(l->qtype >> 8), (uint8_t)l->qtype, 0, 1}, 5);
	n += 5;
	if (l->edns > 0) {
		memcpy(q + n, (const uint8_t[11]){0, 0, 41, (uint8_t)(l->edns >> 8), (uint8_t)l->edns}, 11);
		n += 11;
	}
	return n;
}

static void
ask(struct load *l, size_t i, int64_t now)
{
	struct source *s = &l->source[i];
	uint8_t q[300];
	size_t n;

	s->id++;
	n = query(l, s->id, q);
	if (send(l->poll[i].fd, q, n, 0) != (ssize_t)n)
		l->errors++;
	s->sent_us[s->id % PENDING] = now;
	l->sent++;
}

static void
receive(struct load *l, size_t i, int64_t now)
{
	struct source *s = &l->source[i];
	const uint8_t *reply = l->reply;
	ssize_t n;

	while ((n = recv(l->poll[i].fd, l->reply, sizeof(l->reply), 0)) > 0) {
		unsigned int id = n >= 12 ? (unsigned int)reply[0] << 8 | reply[1] : 0;
		int64_t *sent = &s->sent_us[id % PENDING];

		if (n < 12 || (reply[2] & 0x80) == 0 || *sent == 0 || (uint16_t)(s->id - id) >= PENDING)
			continue;
		if (now - *sent <= (int64_t)(l->timeout_s * 1e6)) {
			l->answered++;
			l->truncated += (reply[2] & 2) != 0;
			l->bytes += (uint64_t)n;
			if (l->latencies < LATENCIES)
				l->latency_us[l->latencies++] = (uint32_t)(now - *sent);
		}
		*sent = 0;
	}
}

static void
run(struct load *l)
{
	int64_t start = now_us(), gap = (int64_t)(1e6 / l->rate), stop = start + (int64_t)(l->duration_s * 1e6);
	int64_t end = stop + (int64_t)(l->timeout_s * 1e6);

	for (size_t i = 0; i < l->n; i++)
		l->source[i].next_us = start + (int64_t)(draw(l) % (uint64_t)gap);
	for (int64_t now = start; now < end && !stopped; now = now_us()) {
		for (size_t i = 0; i < l->n && now < stop; i++)
			if (l->source[i].next_us <= now) {
				ask(l, i, now);
				/* a fifth of jitter either way */
				l->source[i].next_us += gap * 4 / 5 + (int64_t)(draw(l) % (uint64_t)(gap * 2 / 5 + 1));
			}
		if (poll(l->poll, l->n, 2) > 0)
			for (size_t i = 0; i < l->n; i++)
				if (l->poll[i].revents != 0)
					receive(l, i, now_us());
		if (now >= stop && l->answered == l->sent)
			break;
	}
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(struct load *l)
{
	double p50 = 0, p95 = 0;

	qsort(l->latency_us, l->latencies, sizeof(l->latency_us[0]), by_value);
	if (l->latencies > 0) {
		p50 = l->latency_us[l->latencies / 2] / 1e3;
		p95 = l->latency_us[l->latencies * 95 / 100] / 1e3;
	}
	printf("sent=%llu answered=%llu percent=%.2f truncated=%llu bytes=%llu errors=%llu p50_ms=%.2f p95_ms=%.2f\n",
	    (unsigned long long)l->sent, (unsigned long long)l->answered,
	    l->sent > 0 ? 100.0 * (double)l->answered / (double)l->sent : 0.0, (unsigned long long)l->truncated,
	    (unsigned long long)l->bytes, (unsigned long long)l->errors, p50, p95);
}

static const char usage[] = "usage: dnsload [-4 SERVER] [-6 SERVER] [-n NAME] [-k HOSTS below it] [-q QTYPE] "
	"[-e EDNS] [-r QUERIES/S each] [-d SECONDS] [-t TIMEOUT] [-s SEED] <ADDRESSES\n";

static int
options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "4:6:n:q:e:r:d:t:k:s:")) != -1) {
		switch (c) {
		case '4': l->server4 = optarg; break;
		case '6': l->server6 = optarg; break;
		case 'n': l->name = optarg; break;
		case 'q': l->qtype = (unsigned int)atoi(optarg); break;
		case 'e': l->edns = (unsigned int)atoi(optarg); break;
		case 'r': l->rate = atof(optarg); break;
		case 'd': l->duration_s = atof(optarg); break;
		case 't': l->timeout_s = atof(optarg); break;
		case 'k': l->names = (unsigned int)atoi(optarg); break;
		case 's': l->random ^= strtoull(optarg, NULL, 10) * 2654435761u; break;
		default: return -1;
		}
	}
	return l->rate > 0 && strlen(l->name) <= 200 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	struct sigaction act = {.sa_handler = on_signal};
	char line[128];

	if (l == NULL)
		return 1;
	l->name = "ripe.net";
	l->server4 = "10.53.0.53";
	l->server6 = "2001:db8:53::53";
	l->qtype = 255;
	l->edns = 4096;
	l->rate = 1;
	l->duration_s = 5;
	l->timeout_s = 2;
	l->random = 88172645463325252ULL;
	if (options(l, argc, argv) < 0) {
		fputs(usage, stderr);
		free(l);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0')
			add_source(l, line);
	}
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	run(l);
	report(l);
	free(l);
	return 0;
}
