/* Hosts that are all at work: each asks every one of its two or three resolvers, is answered, and talks to a server.
 *
 * So the number of hosts and of pairs is exact: hosts + resolvers + servers, and five pairs for two hosts. */
#include "tests/gen/hosts.h"
#include "tests/gen/names.h"
#include "tests/gen/packet.h"

enum { RESOLVERS = 3 };

struct active {
	struct prefix net;
	struct addr resolver[RESOLVERS], *server;
	uint32_t hosts, servers, next;
	uint64_t left;   /* turns */
	int64_t gap_ns;
};

static void
fire(struct gen *g, struct event *e)
{
	struct active *a = e->ctx;
	uint32_t i = a->next++ % a->hosts;
	struct addr host = host_customer(&a->net, i);
	struct ends up = {host, a->server[i % a->servers], (uint16_t)(32768 + i % 28000), 443};

	for (uint32_t r = 0; r < 2 + i % 2; r++) {
		struct lookup q = {.client = host, .server = a->resolver[(i / 2 + r) % RESOLVERS],
		    .name = NAME(NAME_SITE, i % 50000), .id = (uint16_t)(i | 1), .sport = (uint16_t)(1024 + i % 64000), .qtype = DNS_A};

		q.ttl = name_ttl_left(q.name, g->now_ns / SECOND);
		lookup_ask(g, &q);
		lookup_answer(g, &q);
	}
	packet_tcp_filled(g, &up, i, i, TCP_ACK | TCP_PSH, 60);
	e->t_ns += a->gap_ns;
	if (--a->left > 0)
		gen_push(g, e);
}

void
scenario_active(struct gen *g, struct opts *o, struct rng rng)
{
	struct active *a = gen_alloc(g, 1, sizeof(*a));
	struct event e = {.t_ns = g->start_ns, .fire = fire, .ctx = a};
	uint64_t rounds = opt_uint(o, "rounds", 1), rate = opt_uint(o, "rate", 20000);

	(void)rng;
	a->net = opt_prefix(o, "net", "10.0.0.0/8");
	a->hosts = (uint32_t)opt_uint(o, "hosts", 1000);
	a->servers = (uint32_t)opt_uint(o, "servers", 4000);
	if (a->hosts == 0 || a->servers == 0 || rounds == 0 || rate == 0)
		gen_fail("active: hosts, servers, rounds and hosts a second above zero");
	a->left = rounds * a->hosts;
	a->gap_ns = (int64_t)(1000000000 / rate);
	a->server = gen_alloc(g, a->servers, sizeof(*a->server));
	for (uint32_t i = 0; i < a->servers; i++)
		a->server[i] = host_internet(0x61637400 + i, false);
	for (uint32_t i = 0; i < RESOLVERS; i++)
		a->resolver[i] = host_server(&a->net, 53 + i);
	gen_push(g, &e);
}
