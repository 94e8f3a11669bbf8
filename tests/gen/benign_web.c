/* What is not DNS: web, QUIC, calls, tunnels, speed tests, NTP, pings. */
#include <string.h>

#include "tests/gen/benign.h"
#include "tests/gen/hosts.h"
#include "tests/gen/packet.h"

static const struct addr *
someone(struct process *p)
{
	return &p->town->client[rng_below(&p->rng, p->town->clients)];
}

static struct event
begin(struct gen *g, struct process *p, event_fn *fire, uint16_t port)
{
	struct event e = {.t_ns = g->now_ns, .fire = fire};
	struct transfer *t = &e.u.transfer;

	t->client = *someone(p);
	t->server = host_internet(0x77656200 + rng_zipf(&p->rng, 5000), !addr_is_v4(&t->client));
	t->cport = (uint16_t)rng_range(&p->rng, 32768, 60000);
	t->sport = port;
	t->seq = (uint32_t)rng_next(&p->rng);
	t->ack = (uint32_t)rng_next(&p->rng);
	return e;
}

/* Bytes, log-uniform: many small things, few large ones. */
static uint32_t
amount(struct process *p, uint32_t lo_bits, uint32_t hi_bits)
{
	uint32_t bits = rng_range(&p->rng, lo_bits, hi_bits - 1);

	return ((uint32_t)1 << bits) + rng_below(&p->rng, (uint32_t)1 << bits);
}

static void
fire_web(struct gen *g, struct event *e)
{
	struct transfer *t = &e->u.transfer;
	struct ends up = {t->client, t->server, t->cport, t->sport}, down = {t->server, t->client, t->sport, t->cport};
	uint32_t n = t->left < 1440 ? t->left : 1440;

	if (t->step == 0) {
		packet_tcp(g, &up, t->ack, 0, TCP_SYN, NULL, 0);
		e->t_ns += 15 * MS;
	} else if (t->step == 1) {
		packet_tcp(g, &down, t->seq, t->ack + 1, TCP_SYN | TCP_ACK, NULL, 0);
		t->seq++;
		t->ack++;
		packet_tcp(g, &up, t->ack, t->seq, TCP_ACK, NULL, 0);
		packet_tcp_filled(g, &up, t->ack, t->seq, TCP_ACK | TCP_PSH, 517); /* a client hello */
		t->ack += 517;
		e->t_ns += 15 * MS;
	} else if (t->left > 0) {
		packet_tcp_filled(g, &down, t->seq, t->ack, TCP_ACK, n);
		t->seq += n;
		t->left -= n;
		if (t->step % 2 == 0)
			packet_tcp(g, &up, t->ack, t->seq, TCP_ACK, NULL, 0);
		e->t_ns += (int64_t)t->gap_us * 1000;
	} else {
		packet_tcp(g, &up, t->ack, t->seq, TCP_ACK | TCP_FIN, NULL, 0);
		return;
	}
	t->step = (uint16_t)(t->step < 65534 ? t->step + 1 : 2);
	gen_push(g, e);
}

void
act_web(struct gen *g, struct process *p)
{
	struct event e = begin(g, p, fire_web, 443);

	e.u.transfer.left = amount(p, 11, 20);
	e.u.transfer.gap_us = rng_range(&p->rng, 300, 3000);
	gen_push(g, &e);
}

/* UDP in both directions: `size` down, an answer of 60 bytes up every few packets. */
static void
fire_udp(struct gen *g, struct event *e)
{
	struct transfer *t = &e->u.transfer;
	struct ends up = {t->client, t->server, t->cport, t->sport}, down = {t->server, t->client, t->sport, t->cport};

	if (t->step == 0)
		packet_udp_filled(g, &up, NULL, 0, t->size < 1200 ? t->size : 1200);
	packet_udp_filled(g, &down, NULL, 0, t->size - (t->left & 63));
	if (t->step % 4 == 3)
		packet_udp_filled(g, &up, NULL, 0, 40 + (t->left & 31));
	t->step++;
	e->t_ns += (int64_t)t->gap_us * 1000;
	if (--t->left > 0)
		gen_push(g, e);
}

/* The same the other way: a picture or a film on its way up. */
static void
fire_upload(struct gen *g, struct event *e)
{
	struct transfer *t = &e->u.transfer;
	struct ends up = {t->client, t->server, t->cport, t->sport}, down = {t->server, t->client, t->sport, t->cport};

	packet_udp_filled(g, &up, NULL, 0, t->size - (t->left & 63));
	if (t->step % 4 == 3)
		packet_udp_filled(g, &down, NULL, 0, 30 + (t->left & 15));
	t->step++;
	e->t_ns += (int64_t)t->gap_us * 1000;
	if (--t->left > 0)
		gen_push(g, e);
}

void
act_quic(struct gen *g, struct process *p)
{
	struct event e = begin(g, p, fire_udp, 443);

	if (p->town->translated) {
		if (e.u.transfer.seq % 8 == 0)
			e.fire = fire_upload;
		/* a translator draws from all ports above the system's (RFC 4787), those of services among them */
		e.u.transfer.cport = (uint16_t)(1024 + e.u.transfer.ack % (65536 - 1024));
	}
	e.u.transfer.size = (uint16_t)rng_range(&p->rng, 1263, 1350);
	e.u.transfer.left = amount(p, 2, 10);
	/* some senders empty their window at line speed */
	e.u.transfer.gap_us = rng_chance(&p->rng, 200) ? 60 : rng_range(&p->rng, 500, 3000);
	gen_push(g, &e);
}

void
act_speedtest(struct gen *g, struct process *p)
{
	struct event e = begin(g, p, rng_chance(&p->rng, 500) ? fire_udp : fire_web, 8080);

	e.u.transfer.size = 1400;
	e.u.transfer.left = e.fire == fire_udp ? 30000 : 40000000;
	e.u.transfer.gap_us = 150; /* about 75 Mbit/s */
	gen_push(g, &e);
}

static void
fire_call(struct gen *g, struct event *e)
{
	struct transfer *t = &e->u.transfer;
	struct ends up = {t->client, t->server, t->cport, t->sport}, down = {t->server, t->client, t->sport, t->cport};

	packet_udp_filled(g, &up, NULL, 0, t->left % 3 == 0 ? 172 : 900 + t->left % 200);
	packet_udp_filled(g, &down, NULL, 0, t->left % 3 == 1 ? 172 : 1000 + t->left % 150);
	e->t_ns += 10 * MS;
	if (--t->left > 0)
		gen_push(g, e);
}

void
act_call(struct gen *g, struct process *p)
{
	struct event e = begin(g, p, fire_call, 3478);

	e.u.transfer.left = rng_range(&p->rng, 2000, 6000);
	gen_push(g, &e);
}

/* ESP in UDP (RFC 3948); what was full-sized before the tunnel leaves in two fragments. */
static void
fire_vpn(struct gen *g, struct event *e)
{
	struct transfer *t = &e->u.transfer;
	struct ends up = {t->client, t->server, 4500, 4500}, down = {t->server, t->client, 4500, 4500};
	uint8_t esp[1532];

	memset(esp, (int)(t->seq & 0xff), sizeof(esp));
	memcpy(esp, &(const uint8_t[8]){0xc5, 0x01, 0x02, 0x03, 0, 0, (uint8_t)(t->left >> 8), (uint8_t)t->left}, 8);
	packet_udp(g, t->left % 3 == 0 ? &up : &down, esp, t->left % 5 == 0 ? sizeof(esp) : 200 + t->left % 1100);
	e->t_ns += (int64_t)t->gap_us * 1000;
	if (--t->left > 0)
		gen_push(g, e);
}

void
act_vpn(struct gen *g, struct process *p)
{
	struct event e = begin(g, p, fire_vpn, 4500);

	e.u.transfer.left = rng_range(&p->rng, 2000, 8000);
	e.u.transfer.gap_us = rng_range(&p->rng, 4000, 9000);
	gen_push(g, &e);
}

void
act_ntp(struct gen *g, struct process *p)
{
	const struct addr *client = someone(p);
	uint32_t server = rng_below(&p->rng, 8), port = rng_range(&p->rng, 32768, 60000);
	struct ends up = {*client, host_internet(0x6e747000 + server, !addr_is_v4(client)),
	    port % 3 == 0 ? 123 : (uint16_t)port, 123};
	struct ends down = {up.dst, up.src, 123, up.sport};

	packet_udp_filled(g, &up, "\x23\x00\x06\xec", 4, 44);   /* version 4, client: 48 bytes, 90 on the wire */
	packet_udp_filled(g, &down, "\x24\x02\x06\xec", 4, 44); /* server, stratum 2 */
}

void
act_ping(struct gen *g, struct process *p)
{
	const struct addr *client = someone(p);
	struct addr server = host_internet(0x77656200 + rng_zipf(&p->rng, 5000), !addr_is_v4(client));
	uint16_t id = (uint16_t)rng_next(&p->rng);

	packet_echo(g, client, &server, false, id, 1, 56);
	packet_echo(g, &server, client, true, id, 1, 56);
}
