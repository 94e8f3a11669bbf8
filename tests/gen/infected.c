/* Infected customers: genuine addresses, a properly configured resolver, amplified answers.
 *
 * The default is the incident itself: ANY ripe.net is 65 bytes at IP level, its answer 4089
 * bytes of DNS, 4157 at IP level in fragments of 1500 + 1500 + 1157.
 */
#include <stdio.h>

#include "tests/gen/hosts.h"
#include "tests/gen/stub.h"

struct infected {
	struct lookup ask;
	struct rng rng;
	int64_t gap_ns, stop_ns, loaded_s;
	uint32_t ttl;
	bool poisson, random_port;
	uint32_t rotate, asked; /* a new address of the /64 after so many queries; 0: never */
	int64_t rotate_ns, since_ns; /* or after such a time, as temporary addresses do (RFC 8981) */
	struct label *label;
};

static int64_t
gap(struct infected *h)
{
	if (h->poisson)
		return rng_exp(&h->rng, h->gap_ns);
	/* a timer with a fifth of jitter either way */
	return h->gap_ns / 1000 * rng_range(&h->rng, 800, 1200);
}

/* A random interface identifier, not a universal MAC's (RFC 8981 3.3.1). */
static void
move_on(struct infected *h, int64_t now_ns)
{
	uint64_t id = rng_next(&h->rng) & ~(UINT64_C(1) << 57);

	for (unsigned int i = 0; i < 8; i++)
		h->ask.client.b[8 + i] = (uint8_t)(id >> (56 - 8 * i));
	h->asked = 0;
	h->since_ns = now_ns;
}

static void
fire(struct gen *g, struct event *e)
{
	struct infected *h = e->ctx;

	if ((h->rotate > 0 && h->asked == h->rotate) || (h->rotate_ns > 0 && g->now_ns - h->since_ns >= h->rotate_ns))
		move_on(h, g->now_ns);
	h->asked++;

	struct lookup q = h->ask;

	q.id = (uint16_t)rng_next(&h->rng);
	if (h->random_port)
		q.sport = (uint16_t)rng_range(&h->rng, 1024, 65535);
	q.ttl = h->ttl - (uint32_t)((g->now_ns / SECOND - h->loaded_s) % h->ttl);
	lookup_start(g, &q, (int64_t)rng_range(&h->rng, 200, 1500) * 1000);
	label_mark(h->label, g->now_ns);
	e->t_ns += gap(h);
	if (e->t_ns < h->stop_ns)
		gen_push(g, e);
}

static void
start_ordinary(struct gen *g, struct infected *h, uint64_t rate_micro)
{
	struct stub *s = stub_new(g, &h->ask.client, &h->ask.server, &h->rng, 64);

	s->mean_gap_ns = (int64_t)(UINT64_C(1000000000000000) / rate_micro);
	s->end_ns = g->end_ns;
	s->edns = 1232;
	stub_start(g, s, g->start_ns);
}

void
scenario_infected(struct gen *g, struct opts *o, struct rng rng)
{
	struct prefix net = opt_prefix(o, "net", "10.64.0.0/23"), net6 = opt_prefix(o, "net6", "2001:db8:64::/64");
	struct addr resolver = opt_addr(o, "resolver", "10.53.0.53"), resolver6 = opt_addr(o, "resolver6", "2001:db8:53::53");
	const char *qtype = opt_text(o, "qtype", "ANY"), *port = opt_text(o, "ports", "random");
	const struct fixed_name *name = name_fixed(g, opt_text(o, "name", "ripe.net"));
	bool all6 = opt_yes(o, "v6", false), poisson = opt_text(o, "arrival", "regular")[0] == 'p';
	uint32_t hosts = (uint32_t)opt_uint(o, "hosts", 1), hosts6 = (uint32_t)opt_uint(o, "hosts6", 0);
	uint32_t first = (uint32_t)opt_uint(o, "first", 0), ttl = (uint32_t)opt_uint(o, "ttl", 300);
	uint16_t size = (uint16_t)opt_uint(o, "answer", 4089), edns = (uint16_t)opt_uint(o, "edns", 4096);
	bool dnssec_ok = opt_yes(o, "do", false), random_port = port[0] == 'r';
	/* one address that others use as well, such as a NAT's, instead of hosts of the prefix */
	bool shared = opt_text(o, "address", "")[0] != '\0';
	uint16_t sport = random_port ? 0 : (uint16_t)opt_uint(o, "ports", 14068);
	int64_t start = g->start_ns + opt_seconds(o, "start", "0"), stop = opt_seconds(o, "stop", "0");
	int64_t stagger = opt_seconds(o, "stagger", "0");
	const char *together = opt_text(o, "together", ""); /* a link or prefix that is to be named instead of the hosts */
	/* each IPv6 host walks through its /64: a new address after so many queries, or so long */
	uint32_t rotate = (uint32_t)opt_uint(o, "rotate", 0);
	int64_t rotate_ns = opt_seconds(o, "rotate_s", "0");
	struct label *all = NULL;
	uint64_t lo, hi, ordinary = opt_micro(o, "ordinary", "0.05");

	opt_micro_range(o, "rate", "1", &lo, &hi);
	if (lo == 0 || ttl == 0)
		gen_fail("infected: rate and ttl must be above zero");
	stop = stop > 0 ? g->start_ns + stop : g->end_ns;
	for (uint32_t i = 0; i < hosts + hosts6; i++) {
		struct infected *h = gen_alloc(g, 1, sizeof(*h));
		bool six = all6 || i >= hosts;
		const struct prefix *p = six ? &net6 : &net;
		uint64_t rate = lo + (hi > lo ? rng_next(&rng) % (hi - lo + 1) : 0);
		struct event e = {.fire = fire, .ctx = h};

		/* taken from the end, ordinary customers are taken from the front */
		h->ask.client = host_customer(p, host_customers(p) - 1 - first - (six && !all6 ? i - hosts : i));
		if (shared)
			h->ask.client = opt_addr(o, "address", "");
		h->ask.server = six ? resolver6 : resolver;
		h->ask.fixed = name;
		h->ask.qtype = qtype_parse(qtype);
		h->ask.size = size;
		h->ask.edns = edns;
		h->ask.sport = sport;
		h->ask.flags = dnssec_ok ? LOOKUP_DO : 0;
		h->rng = rng_seeded(rng_next(&rng));
		h->gap_ns = (int64_t)(UINT64_C(1000000000000000) / rate);
		h->stop_ns = stop;
		h->loaded_s = start / SECOND;
		h->ttl = ttl;
		h->poisson = poisson;
		h->random_port = random_port;
		h->rotate = six ? rotate : 0;
		h->rotate_ns = six ? rotate_ns : 0;
		h->since_ns = start;
		h->label = all != NULL ? all : gen_label(g, "dns-amplification-abuser", &h->ask.client);
		if (together[0] != '\0' && all == NULL) {
			all = h->label;
			snprintf(all->zone, sizeof(all->zone), "%s", together);
		}
		if (h->rotate > 0 || h->rotate_ns > 0) {
			const struct prefix own = prefix_of(&h->ask.client, 64);

			prefix_text(&own, h->label->zone);
		}
		h->label->rate_micro = rate;
		h->label->qtype = qtype;
		h->label->name = name->text;
		h->label->via = h->ask.server;
		e.t_ns = start + (int64_t)(rng_next(&rng) % (uint64_t)h->gap_ns);
		if (stagger > 0)
			e.t_ns += (int64_t)(rng_next(&rng) % (uint64_t)stagger);
		if (e.t_ns < stop)
			gen_push(g, &e);
		if (ordinary > 0)
			start_ordinary(g, h, ordinary);
	}
}
