/* Live interfaces through libpcap.
 *
 * The kernel's ring does not wake a reader while nothing arrives, so this waits by itself, at most
 * TIMEOUT_MS, and then hands over an empty block with the time, which lets the detector's clock go on.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "collector/reader.h"

enum { TIMEOUT_MS = 100, RING_BYTES = 16 << 20, SNAPLEN = 65535 };

/* One interface. */
struct port {
	pcap_t *pcap;
	uint16_t link;
	bool nanoseconds;
};

struct live {
	struct port port[SOURCE_LIVE_MAX];
	size_t n;
	size_t turn;  /* which one is asked first: a busy one must not starve the others */
	int stop_fd;
};

static int
activate(pcap_t *p, const char *filter, char *why, size_t why_size, const char *interface)
{
	struct bpf_program program;
	char err[PCAP_ERRBUF_SIZE] = "";
	int rc;

	pcap_set_snaplen(p, SNAPLEN);
	pcap_set_promisc(p, 1);
	pcap_set_timeout(p, TIMEOUT_MS);
	pcap_set_buffer_size(p, RING_BYTES);
	pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
	rc = pcap_activate(p);
	if (rc < 0) {
		const char *more = pcap_geterr(p);

		snprintf(why, why_size, "%s: %s%s%s", interface, pcap_statustostr(rc), more[0] != '\0' && strstr(more, pcap_statustostr(rc)) == NULL ? ": " : "",
		    strstr(more, pcap_statustostr(rc)) == NULL ? more : "");
		return ERR_IO;
	}
	if (filter != NULL && filter[0] != '\0') {
		if (pcap_compile(p, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
			snprintf(why, why_size, "%s: filter \"%s\": %s", interface, filter, pcap_geterr(p));
			return ERR_INVALID;
		}
		rc = pcap_setfilter(p, &program);
		pcap_freecode(&program);
		if (rc != 0) {
			snprintf(why, why_size, "%s: %s", interface, pcap_geterr(p));
			return ERR_IO;
		}
	}
	if (pcap_setnonblock(p, 1, err) != 0) {
		snprintf(why, why_size, "%s: %s", interface, err);
		return ERR_IO;
	}
	return 0;
}

static int
port_open(struct port *port, const struct source_live *from, char *why, size_t why_size)
{
	char err[PCAP_ERRBUF_SIZE] = "";

	port->pcap = pcap_create(from->interface, err);
	if (port->pcap == NULL) {
		snprintf(why, why_size, "%s: %s", from->interface, err);
		return ERR_IO;
	}
	if (activate(port->pcap, from->filter, why, why_size, from->interface) != 0) {
		pcap_close(port->pcap);
		return ERR_IO;
	}
	port->link = (uint16_t)pcap_datalink(port->pcap);
	port->nanoseconds = pcap_get_tstamp_precision(port->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	return 0;
}

static void
live_free(struct live *l)
{
	for (size_t i = 0; i < l->n; i++)
		pcap_close(l->port[i].pcap);
	free(l);
}

void *
live_open(const struct source_live *list, size_t n, int stop_fd, char *why, size_t why_size)
{
	struct live *l = calloc(1, sizeof(*l));

	if (l == NULL || n > SOURCE_LIVE_MAX) {
		snprintf(why, why_size, "%s: %s", list[0].interface, l == NULL ? "out of memory" : "too many interfaces");
		free(l);
		return NULL;
	}
	l->stop_fd = stop_fd;
	for (size_t i = 0; i < n; i++) {
		if (port_open(&l->port[i], &list[i], why, why_size) < 0) {
			live_free(l);
			return NULL;
		}
		l->n++;
	}
	return l;
}

static void
live_close(struct source *s)
{
	live_free(s->state);
}

struct delivery {
	const struct port *port;
	struct block *b;
	uint16_t input;
};

static void
deliver(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	const struct delivery *d = (const struct delivery *)(void *)user;
	struct block *b = d->b;

	/* the caller asked for no more packets than there is room for; this is a second lock */
	if (b->n == b->packet_cap || h->caplen > b->cap - b->size)
		return;
	memcpy(b->data + b->size, bytes, h->caplen);
	b->packet[b->n++] = (struct raw_packet){
		.t_ns = (int64_t)h->ts.tv_sec * 1000000000 + (int64_t)h->ts.tv_usec * (d->port->nanoseconds ? 1 : 1000),
		.offset = (uint32_t)b->size,
		.caplen = h->caplen,
		.wirelen = h->len > h->caplen ? h->len : h->caplen,
		.link = d->port->link,
		.input = d->input,
	};
	b->size += h->caplen;
}

/* What is there without waiting, on one interface: at most `share` packets.  libpcap bounds a batch by packets
 * only, so each round asks for as many as would fit if all were of the greatest length. */
static int
drain_port(const struct port *port, struct block *b, uint16_t input, size_t share)
{
	struct delivery d = {port, b, input};
	size_t end = b->n + share < b->packet_cap ? b->n + share : b->packet_cap;

	for (;;) {
		size_t fit = (b->cap - b->size) / SNAPLEN, room = end - b->n;
		int n;

		if (fit == 0 || room == 0)
			return 0;
		n = pcap_dispatch(port->pcap, (int)(fit < room ? fit : room), deliver, (u_char *)(void *)&d);
		if (n == PCAP_ERROR)
			return ERR_IO;
		if (n <= 0)
			return 0;
	}
}

static int
drain(struct live *l, struct block *b, uint16_t input)
{
	int err = 0;

	for (size_t k = 0; k < l->n && err == 0; k++) {
		size_t i = (l->turn + k) % l->n;

		err = drain_port(&l->port[i], b, (uint16_t)(input + i), b->packet_cap / l->n);
	}
	l->turn = (l->turn + 1) % l->n;
	return err;
}

/* Packets up to this time have been delivered when a wait ended without any: the kernel keeps a part
 * of its ring back for up to the time-out. */
static int64_t
quiet_until(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)2 * TIMEOUT_MS * 1000000;
}

static int
live_read(struct source *s, struct block *b)
{
	struct live *l = s->state;
	struct pollfd fds[SOURCE_LIVE_MAX + 1];
	struct pcap_stat stat;
	int err;

	for (size_t i = 0; i < l->n; i++)
		fds[i] = (struct pollfd){.fd = pcap_get_selectable_fd(l->port[i].pcap), .events = POLLIN};
	fds[l->n] = (struct pollfd){.fd = l->stop_fd, .events = POLLIN};
	b->n = b->size = 0;
	b->now_ns = 0;
	if (s->stopped)
		return ERR_EOF;
	err = drain(l, b, s->ev.input);
	if (err == 0 && b->n == 0) {
		int64_t quiet = quiet_until();

		if (poll(fds, l->n + 1, TIMEOUT_MS) < 0 && errno != EINTR)
			return ERR_IO;
		err = drain(l, b, s->ev.input);
		if (b->n == 0)
			b->now_ns = quiet;
	}
	s->kernel_drops = 0;
	for (size_t i = 0; i < l->n; i++)
		if (pcap_stats(l->port[i].pcap, &stat) == 0)
			s->kernel_drops += (uint64_t)stat.ps_drop + stat.ps_ifdrop;
	for (size_t i = 0; i < b->n; i++)
		s->offset += b->packet[i].caplen;
	s->packets += b->n;
	return b->n > 0 ? (int)b->n : err;
}

const struct source_format live_format = {.name = "live", .read = live_read, .close = live_close};
