/* The population of ordinary traffic; see benign.h.  None of it may raise an alert. */
#include "tests/gen/benign.h"

#include "tests/gen/hosts.h"

static void
fire_process(struct gen *g, struct event *e)
{
	struct process *p = e->ctx;

	p->act(g, p);
	e->t_ns += rng_exp(&p->rng, p->mean_ns);
	if (e->t_ns < p->town->end_ns)
		gen_push(g, e);
}

void
process_start(struct gen *g, struct town *t, struct stub *s, uint64_t rate_micro,
    void (*act)(struct gen *g, struct process *p))
{
	struct process *p;
	struct event e = {.fire = fire_process};

	if (rate_micro == 0)
		return;
	p = gen_alloc(g, 1, sizeof(*p));
	p->town = t;
	p->rng = rng_seeded(rng_next(&t->rng));
	p->mean_ns = (int64_t)(UINT64_C(1000000000000000) / rate_micro);
	p->stub = s;
	p->act = act;
	e.ctx = p;
	e.t_ns = g->start_ns + rng_exp(&p->rng, p->mean_ns);
	if (e.t_ns < t->end_ns)
		gen_push(g, &e);
}

static struct stub *
resident(struct gen *g, struct town *t, const struct addr *a, uint32_t cache_n, uint16_t edns)
{
	struct stub *s = stub_new(g, a, addr_is_v4(a) ? &t->recursion.resolver : &t->recursion.resolver6, &t->rng, cache_n);

	s->recursion = &t->recursion;
	s->edns = edns;
	s->end_ns = t->end_ns;
	return s;
}

/* `subs` people behind one address, each with a device of their own; a quarter without a cache. */
static void
behind_one(struct gen *g, struct town *t, const struct addr *a, uint32_t subs, uint64_t dns_micro)
{
	for (uint32_t i = 0; i < subs; i++) {
		struct stub *s = resident(g, t, a, i % 4 == 3 ? 0 : 64, 1232);

		s->mean_gap_ns = (int64_t)(UINT64_C(1000000000000000) / dns_micro);
		stub_start(g, s, g->start_ns);
	}
}

static void
settle(struct gen *g, struct opts *o, struct town *t, uint64_t dns_micro)
{
	uint32_t clients4 = (uint32_t)opt_uint(o, "clients", 100), clients6 = (uint32_t)opt_uint(o, "clients6", 20);
	uint32_t nocache = (uint32_t)opt_uint(o, "nocache", 5) * 10;

	t->clients = clients4 + clients6;
	if (t->clients == 0 || clients4 > host_customers(&t->net))
		gen_fail("benign: clients must fit into the prefix, and there must be some");
	t->client = gen_alloc(g, t->clients, sizeof(*t->client));
	for (uint32_t i = 0; i < t->clients; i++) {
		struct stub *s;

		t->client[i] = i < clients4 ? host_customer(&t->net, i) : host_customer(&t->net6, i - clients4);
		if (dns_micro == 0)
			continue;
		s = resident(g, t, &t->client[i], rng_chance(&t->rng, nocache) ? 0 : 64, i % 10 < 3 ? 0 : 1232);
		s->mean_gap_ns = (int64_t)(UINT64_C(1000000000000000) / dns_micro);
		stub_start(g, s, g->start_ns);
	}
}

/* Hosts that ask a lot, and rightly so. */
static void
servers(struct gen *g, struct opts *o, struct town *t, uint64_t dns_micro)
{
	uint32_t mail = (uint32_t)opt_uint(o, "mail", 1), forwarders = (uint32_t)opt_uint(o, "forwarders", 5);
	uint32_t cgnat = (uint32_t)opt_uint(o, "cgnat", 1), validators = (uint32_t)opt_uint(o, "validators", 1);
	uint32_t antivirus = (uint32_t)opt_uint(o, "antivirus", 1), subs = (uint32_t)opt_uint(o, "subs", 50);
	uint64_t mailrate = opt_micro(o, "mailrate", "6"), validatorrate = opt_micro(o, "validatorrate", "3"), authrate = opt_micro(o, "authrate", "20");
	uint32_t authoritative = (uint32_t)opt_uint(o, "authoritative", 0), first = t->clients;
	uint32_t validators6 = (uint32_t)opt_uint(o, "validators6", 0), mail6 = (uint32_t)opt_uint(o, "mail6", 0);
	uint32_t office = (uint32_t)opt_uint(o, "office", 0);
	struct addr a;

	if (mail > 16 || validators > 8 || cgnat > 8)
		gen_fail("benign: at most 16 mail servers, 8 validators, 8 CGNAT addresses");
	for (uint32_t i = 0; i < mail; i++) {
		a = host_server(&t->net, 25 + i);
		process_start(g, t, resident(g, t, &a, 8192, i % 2 == 0 ? 1232 : 4096), mailrate, act_mail);
	}
	for (uint32_t i = 0; i < validators; i++) {
		a = host_server(&t->net, 44 + i);
		process_start(g, t, resident(g, t, &a, 32768, 4096), validatorrate, act_validator);
	}
	/* an office behind one address: validators and mail servers, each with a cache of its own */
	a = host_server(&t->net, 62);
	for (uint32_t i = 0; i < office; i++) {
		process_start(g, t, resident(g, t, &a, 1024, 4096), validatorrate, act_validator);
		process_start(g, t, resident(g, t, &a, 1024, 1232), mailrate, act_mail);
	}
	/* racks in one /64: each has a cache of its own */
	for (uint32_t i = 0; i < validators6 + mail6; i++) {
		a = host_customer(&t->net6, first + i);
		if (i < validators6)
			process_start(g, t, resident(g, t, &a, 1024, 4096), validatorrate, act_validator);
		else
			process_start(g, t, resident(g, t, &a, 1024, 1232), mailrate, act_mail);
	}
	for (uint32_t i = 0; i < cgnat && dns_micro > 0; i++) {
		a = host_server(&t->net, 54 + i);
		behind_one(g, t, &a, subs, dns_micro);
	}
	for (uint32_t i = 0; i < forwarders && dns_micro > 0; i++) {
		a = host_customer(&t->net, first + i);
		behind_one(g, t, &a, 5, dns_micro);
	}
	for (uint32_t i = 0; i < antivirus; i++) {
		a = t->client[i % t->clients];
		process_start(g, t, resident(g, t, &a, 0, 1232), 100000, act_antivirus);
	}
	if (authoritative > 0) {
		a = host_server(&t->net, 10);
		process_start(g, t, resident(g, t, &a, 1 << 17, 1232), authrate, act_authoritative);
	}
}

/* So many over the whole duration, as a rate. */
static uint64_t
spread(const struct gen *g, uint64_t count)
{
	return count * 1000000 / (uint64_t)((g->end_ns - g->start_ns) / SECOND);
}

void
scenario_benign(struct gen *g, struct opts *o, struct rng rng)
{
	struct town *t = gen_alloc(g, 1, sizeof(*t));
	uint64_t dns = opt_micro(o, "dns", "0.1");

	t->rng = rng;
	t->net = opt_prefix(o, "net", "10.64.0.0/23");
	t->net6 = opt_prefix(o, "net6", "2001:db8:64::/64");
	t->recursion.resolver = opt_addr(o, "resolver", "10.53.0.53");
	t->recursion.resolver6 = opt_addr(o, "resolver6", "2001:db8:53::53");
	t->recursion.visible = opt_yes(o, "recursion", false);
	t->translated = opt_yes(o, "translated", false);
	t->recursion.epoch = gen_alloc(g, STUB_SITES, sizeof(uint32_t));
	t->end_ns = g->end_ns;
	settle(g, o, t, dns);
	servers(g, o, t, dns);
	process_start(g, t, NULL, opt_micro(o, "web", "0.01") * t->clients, act_web);
	process_start(g, t, NULL, opt_micro(o, "quic", "0.005") * t->clients, act_quic);
	process_start(g, t, NULL, opt_micro(o, "ntp", "0.01") * t->clients, act_ntp);
	process_start(g, t, NULL, opt_micro(o, "icmp", "0.01") * t->clients, act_ping);
	process_start(g, t, NULL, spread(g, opt_uint(o, "calls", 1)), act_call);
	process_start(g, t, NULL, spread(g, opt_uint(o, "vpn", 1)), act_vpn);
	process_start(g, t, NULL, spread(g, opt_uint(o, "speedtests", 0)), act_speedtest);
	process_start(g, t, NULL, spread(g, opt_uint(o, "transfers", 0)), act_transfer);
}
