/* Bulk transfers at a steady rate, of which nothing is looked up: a backup, the filling of a content cache, an update that
 * everybody fetches, QUIC that fills a link.
 */
#include "tests/gen/hosts.h"
#include "tests/gen/packet.h"

enum { ACK_EVERY = 4 }; /* a receiver with offloads acknowledges rarely */

struct stream {
	struct rng rng;
	struct prefix net;
	struct addr host, server;
	uint32_t hosts, servers, size, sent;
	int64_t gap_ns, stop_ns;
	bool up, quic;
};

static void
fire(struct gen *g, struct event *e)
{
	struct stream *s = e->ctx;
	uint32_t i = rng_below(&s->rng, s->hosts);
	/* a client keeps its port for the whole of it */
	struct ends there = {s->server, s->hosts > 1 ? host_customer(&s->net, i) : s->host, 443, (uint16_t)(40000 + i)};

	if (s->servers > 1)
		there.src = host_internet(0x63646e00 + i % s->servers, !addr_is_v4(&there.dst));
	struct ends back = {there.dst, there.src, there.dport, there.sport};
	const struct ends *data = s->up ? &back : &there, *ack = s->up ? &there : &back;

	if (s->quic)
		packet_udp_filled(g, data, "\x40", 0, s->size);
	else
		packet_tcp_filled(g, data, s->sent * s->size, 1, TCP_ACK, s->size);
	if (s->sent++ % ACK_EVERY == 0) {
		if (s->quic)
			packet_udp_filled(g, ack, NULL, 0, 32);
		else
			packet_tcp_filled(g, ack, 1, s->sent * s->size, TCP_ACK, 0);
	}
	e->t_ns += rng_exp(&s->rng, s->gap_ns);
	if (e->t_ns < s->stop_ns)
		gen_push(g, e);
}

void
scenario_stream(struct gen *g, struct opts *o, struct rng rng)
{
	struct stream *s = gen_alloc(g, 1, sizeof(*s));
	uint64_t pps = opt_uint(o, "pps", 100);
	int64_t start = opt_seconds(o, "start", "0"), stop = opt_seconds(o, "stop", "0");
	struct event e = {.t_ns = g->start_ns + start, .fire = fire, .ctx = s};

	s->rng = rng;
	s->net = opt_prefix(o, "net", "10.64.0.0/23");
	s->host = opt_addr(o, "host", "10.64.0.20");
	s->server = opt_addr(o, "server", "198.18.7.7");
	s->hosts = (uint32_t)opt_uint(o, "hosts", 1);
	s->servers = (uint32_t)opt_uint(o, "servers", 1);
	s->size = (uint32_t)opt_uint(o, "size", 1400);
	s->up = opt_yes(o, "up", false);
	s->quic = opt_yes(o, "quic", false);
	if (pps == 0 || s->hosts == 0 || s->servers == 0 || s->size > 1440)
		gen_fail("stream: packets of at most 1440 bytes, of somebody to somebody");
	s->gap_ns = (int64_t)(1000000000 / pps);
	s->stop_ns = stop > 0 ? g->start_ns + stop : g->end_ns;
	if (e.t_ns < s->stop_ns)
		gen_push(g, &e);
}
