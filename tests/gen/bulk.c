/* Mixed traffic in quantity, for timing: one event is one packet, nothing is looked up.
 *
 * A tenth of the packets is DNS (queries and their answers a little later); the rest is TCP data and
 * acknowledgements, QUIC and something in between, in the proportion that gives the asked mean size.
 */
#include "tests/gen/hosts.h"
#include "tests/gen/names.h"
#include "tests/gen/packet.h"

enum { PENDING = 64, DNS_MEAN = 100, SMALL_MEAN = 52, MIDDLE_MEAN = 400, LARGE_MEAN = 1420 };

struct bulk {
	struct rng rng;
	struct prefix net, net6;
	struct addr resolver, resolver6;
	struct addr *host, *server;
	uint32_t hosts, servers, six_permille, dns_permille, large_permille, middle_permille;
	uint32_t asked;   /* of the ring below */
	struct lookup pending[PENDING];
	int64_t gap_ns, stop_ns;
	uint64_t left;
};

static struct addr
host(const struct bulk *b, uint32_t i)
{
	return b->host[i];
}

static void
dns(struct gen *g, struct bulk *b)
{
	struct lookup *q = &b->pending[b->asked % PENDING];
	uint64_t r;

	/* every second DNS packet is the answer to what was asked PENDING / 2 DNS packets ago */
	if (b->asked++ % 2 == 1) {
		q = &b->pending[(b->asked - PENDING) % PENDING];
		if (q->id != 0)
			lookup_answer(g, q);
		else
			packet_echo(g, &b->resolver, &b->host[0], false, 1, (uint16_t)b->asked, 56);
		return;
	}
	r = rng_next(&b->rng);
	*q = (struct lookup){.name = NAME(NAME_SITE, rng_zipf(&b->rng, 1 << 16)), .id = (uint16_t)(r | 1),
	    .sport = (uint16_t)(1024 + (r >> 16) % 64000), .qtype = (r >> 40 & 3) != 0 ? DNS_A : DNS_AAAA};
	q->client = host(b, (uint32_t)(r >> 32) % b->hosts);
	q->server = addr_is_v4(&q->client) ? b->resolver : b->resolver6;
	q->edns = (r >> 42 & 1) != 0 ? 1232 : 0;
	q->ttl = name_ttl_left(q->name, g->now_ns / SECOND);
	lookup_ask(g, q);
}

static void
fire(struct gen *g, struct event *e)
{
	struct bulk *b = e->ctx;
	uint64_t r = rng_next(&b->rng);
	uint32_t kind = (uint32_t)(r % 1000), i = (uint32_t)(r >> 32) % b->hosts;
	bool v4 = addr_is_v4(&b->host[i]);
	const struct addr *server = &b->server[(r >> 12) % b->servers * 2 + (v4 ? 0 : 1)];
	uint16_t port = (uint16_t)(32768 + (r >> 48 & 0x7fff));
	struct ends down = {*server, b->host[i], 443, port}, up = {b->host[i], *server, port, 443};

	if (kind < b->dns_permille)
		dns(g, b);
	else if ((kind -= b->dns_permille) < b->large_permille / 3)
		packet_udp_filled(g, &down, NULL, 0, 1200 + (r >> 20 & 63)); /* QUIC */
	else if (kind < b->large_permille)
		packet_tcp_filled(g, &down, (uint32_t)r, (uint32_t)(r >> 16), TCP_ACK, 1460);
	else if (kind < b->large_permille + b->middle_permille)
		packet_tcp_filled(g, (r >> 11 & 1) != 0 ? &down : &up, (uint32_t)r, (uint32_t)(r >> 16), TCP_ACK | TCP_PSH,
		    60 + (r >> 20) % 600);
	else
		packet_tcp_filled(g, &up, (uint32_t)r, (uint32_t)(r >> 16), TCP_ACK, 0);
	e->t_ns += b->gap_ns;
	if (--b->left > 0 && e->t_ns < b->stop_ns)
		gen_push(g, e);
}

/* Shares for the mean: a tenth of the packets in the middle, large against small makes up the rest. */
static void
shares(struct bulk *b, uint32_t mean)
{
	int64_t rest = 1000 - b->dns_permille, middle = mean > 150 ? 100 : 0, large;

	rest -= middle;
	large = (int64_t)mean * 1000 - (int64_t)b->dns_permille * DNS_MEAN - middle * MIDDLE_MEAN - rest * SMALL_MEAN;
	large /= LARGE_MEAN - SMALL_MEAN;
	b->middle_permille = (uint32_t)middle;
	b->large_permille = (uint32_t)(large < 0 ? 0 : large > rest ? rest : large);
}

void
scenario_bulk(struct gen *g, struct opts *o, struct rng rng)
{
	struct bulk *b = gen_alloc(g, 1, sizeof(*b));
	uint64_t pps = opt_uint(o, "pps", g->default_pps), packets = opt_uint(o, "packets", 0);
	struct event e = {.t_ns = g->start_ns, .fire = fire, .ctx = b};

	b->rng = rng;
	b->net = opt_prefix(o, "net", "100.64.0.0/12");
	b->net6 = opt_prefix(o, "net6", "2001:db8:100::/48");
	b->resolver = opt_addr(o, "resolver", "10.53.0.53");
	b->resolver6 = opt_addr(o, "resolver6", "2001:db8:53::53");
	b->hosts = (uint32_t)opt_uint(o, "hosts", 20000);
	b->servers = (uint32_t)opt_uint(o, "servers", 4000);
	b->six_permille = (uint32_t)opt_uint(o, "v6", 20) * 10;
	b->dns_permille = (uint32_t)opt_uint(o, "dns", 10) * 10;
	shares(b, (uint32_t)opt_uint(o, "size", 500));
	if (pps == 0 || b->hosts == 0 || b->servers == 0 || b->dns_permille > 1000 || b->six_permille > 1000)
		gen_fail("bulk: pps, hosts and servers above zero, dns and v6 in per cent");
	b->gap_ns = (int64_t)(1000000000 / pps);
	b->left = packets > 0 ? packets : UINT64_MAX;
	b->stop_ns = packets > 0 ? INT64_MAX : g->end_ns;
	b->host = gen_alloc(g, b->hosts, sizeof(*b->host));
	b->server = gen_alloc(g, (size_t)b->servers * 2, sizeof(*b->server));
	for (uint32_t i = 0; i < b->hosts; i++)
		b->host[i] = host_customer(mix64(i) % 1000 < b->six_permille ? &b->net6 : &b->net, i);
	for (uint32_t i = 0; i < b->servers; i++) {
		b->server[2 * i] = host_internet(0x73727600 + i, false);
		b->server[2 * i + 1] = host_internet(0x73727600 + i, true);
	}
	gen_push(g, &e);
}
