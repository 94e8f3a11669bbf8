/* What arrives from outside: reflected DNS answers, spoofed queries, random names, bare fragments. */
#include <stdio.h>
#include <string.h>

#include "tests/gen/carpet.h"
#include "tests/gen/hosts.h"
#include "tests/gen/names.h"
#include "tests/gen/packet.h"

/* One flood: `rate` events a second between start and stop. */
struct flood {
	struct rng rng;
	int64_t gap_ns, stop_ns;
	uint64_t left;             /* events still to come; UINT64_MAX: until stop */
	struct lookup ask;         /* what is asked or answered */
	struct addr target, target6;
	struct addr *peer;         /* reflectors or clients */
	struct label **peer_label; /* NULL: peers are not what is alerted about */
	uint32_t peers, targets, six_permille, size, lo, hi;
	bool two_sided, random_port, random_name, headless, unanswered;
	uint32_t retries;
	struct label *label;
	struct carpet *carpet;     /* NULL: one target */
	struct prefix inside, inside6; /* sources lie in these; no bits: anywhere */
	bool answered;
};

static struct flood *
flood_new(struct gen *g, struct opts *o, struct rng *rng, uint64_t rate_micro, struct event *e)
{
	struct flood *f = gen_alloc(g, 1, sizeof(*f));
	int64_t start = g->start_ns + opt_seconds(o, "start", "0"), stop = opt_seconds(o, "stop", "0");

	if (rate_micro == 0)
		gen_fail("%s: the rate must be above zero", o->scenario);
	f->rng = rng_seeded(rng_next(rng));
	f->gap_ns = (int64_t)(UINT64_C(1000000000000000) / rate_micro);
	f->stop_ns = stop > 0 ? g->start_ns + stop : g->end_ns;
	f->left = UINT64_MAX;
	e->ctx = f;
	e->t_ns = start + f->gap_ns;
	return f;
}

static void
flood_label(struct gen *g, struct flood *f, const char *kind, const struct addr *subject, uint64_t rate_micro)
{
	f->label = gen_label(g, kind, subject);
	f->label->rate_micro = rate_micro;
}

static void
again(struct gen *g, struct event *e)
{
	struct flood *f = e->ctx;

	/* below 1 µs the exponential would only add zeros */
	e->t_ns += f->gap_ns > 20000 ? rng_exp(&f->rng, f->gap_ns) : f->gap_ns;
	if (e->t_ns < f->stop_ns && --f->left > 0)
		gen_push(g, e);
}

/* --- reflection --- */

static void
fire_reflection(struct gen *g, struct event *e)
{
	struct flood *f = e->ctx;
	struct lookup q = f->ask;
	uint32_t peer = rng_below(&f->rng, f->peers);

	q.client = f->carpet != NULL ? carpet_victim(g, f->carpet, &f->rng, &f->label) : f->target;
	if (f->targets > 1)
		q.client.b[15] = (uint8_t)(q.client.b[15] + rng_below(&f->rng, f->targets));
	q.server = f->peer[peer];
	q.id = (uint16_t)rng_next(&f->rng);
	if (f->random_port)
		q.sport = (uint16_t)rng_range(&f->rng, 1024, 65535);
	/* every reflector cached it at its own time */
	q.ttl = 1 + (uint32_t)(((uint64_t)(g->now_ns / SECOND) + mix64(peer)) % 300);
	q.ttl = 301 - q.ttl;
	if (f->two_sided)
		lookup_start(g, &q, (int64_t)rng_range(&f->rng, 300, 3000) * 1000);
	else
		lookup_answer(g, &q);
	if (f->peer_label != NULL)
		label_mark(f->peer_label[peer], g->now_ns);
	label_mark(f->label, g->now_ns);
	again(g, e);
}

void
scenario_reflection(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_reflection};
	uint64_t rate = opt_micro(o, "rate", "100");
	struct flood *f = flood_new(g, o, &rng, rate, &e);
	const char *qtype = opt_text(o, "qtype", "ANY"), *port = opt_text(o, "port", "random"), *server = opt_text(o, "server", "");
	struct prefix net = opt_prefix(o, "net", "10.64.0.0/23");
	bool six;

	f->two_sided = opt_yes(o, "two_sided", false);
	/* at the reflectors' side the victim is a stranger, else one of ours */
	f->target = opt_addr(o, "victim", f->two_sided ? "203.0.113.77" : "10.64.1.77");
	f->carpet = carpet_new(g, o, rate);
	six = f->carpet != NULL ? carpet_is_v6(f->carpet) : !addr_is_v4(&f->target);
	f->targets = (uint32_t)opt_uint(o, "victims", 1);
	f->peers = server[0] != '\0' ? 1 : (uint32_t)opt_uint(o, "reflectors", 200);
	f->ask.flags = server[0] != '\0' ? LOOKUP_AA : 0;
	f->peer = gen_alloc(g, f->peers, sizeof(*f->peer));
	f->ask.fixed = name_fixed(g, opt_text(o, "name", "ripe.net"));
	f->ask.qtype = qtype_parse(qtype);
	f->ask.size = (uint16_t)opt_uint(o, "answer", 3930);
	f->ask.edns = 4096;
	f->random_port = port[0] == 'r';
	f->ask.sport = f->random_port ? 0 : (uint16_t)opt_uint(o, "port", 80);
	if (f->peers == 0)
		gen_fail("reflection: no reflectors");
	flood_label(g, f, "dns-amplification-victim", &f->target, rate);
	f->label->qtype = qtype;
	f->label->name = f->ask.fixed->text;
	if (f->two_sided)
		f->peer_label = gen_alloc(g, f->peers, sizeof(*f->peer_label));
	for (uint32_t i = 0; i < f->peers; i++) {
		f->peer[i] = server[0] != '\0' ? opt_addr(o, "server", server) : f->two_sided ? host_customer(&net, i) : host_internet(0x7265666c + i, six);
		if (f->two_sided) {
			f->peer_label[i] = gen_label(g, "dns-amplification-reflector", &f->peer[i]);
			f->peer_label[i]->rate_micro = rate / f->peers;
			f->peer_label[i]->qtype = qtype;
			f->peer_label[i]->name = f->ask.fixed->text;
		}
	}
	if (e.t_ns < f->stop_ns)
		gen_push(g, &e);
}

/* --- spoofed queries --- */

static void
fire_spoofed(struct gen *g, struct event *e)
{
	struct flood *f = e->ctx;
	struct fixed_name name;
	struct lookup q = f->ask;
	uint64_t r = rng_next(&f->rng);
	bool six = f->six_permille > 0 && rng_chance(&f->rng, f->six_permille);

	q.client = f->inside.bits == 0 ? host_internet(r, six) : host_customer(six ? &f->inside6 : &f->inside, (uint32_t)(r >> 24));
	q.server = six ? f->target6 : f->target;
	q.id = (uint16_t)r;
	q.sport = (uint16_t)(1024 + (r >> 16) % 64000);
	if (f->random_name) {
		/* ten letters below "example": 36 bytes of DNS without OPT, 64 at IP level */
		memcpy(name.wire, "\x0a__________\x07" "example", 20);
		name.wire_n = 20;
		for (unsigned int i = 0; i < 10; i++)
			name.wire[1 + i] = (uint8_t)('a' + (r >> 4 * i) % 26);
		q.fixed = &name;
	}
	lookup_ask(g, &q);
	if (f->answered) /* the name may live on this stack only, so the answer is written at once */
		lookup_answer(g, &q);
	label_mark(f->label, g->now_ns);
	again(g, e);
}

void
scenario_spoofed(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_spoofed};
	uint64_t pps = opt_uint(o, "pps", g->default_pps), packets = opt_uint(o, "packets", 0);
	struct flood *f = flood_new(g, o, &rng, pps * 1000000, &e);
	const char *name = opt_text(o, "name", "random"), *net = opt_text(o, "net", ""), *net6 = opt_text(o, "net6", "");

	if ((net[0] != 0 && prefix_parse(net, &f->inside) < 0) || (net6[0] != 0 && prefix_parse(net6, &f->inside6) < 0))
		gen_fail("spoofed: net and net6 are prefixes");
	if ((f->inside.bits != 0) != (f->inside6.bits != 0))
		gen_fail("spoofed: net and net6 together");
	f->ask.size = (uint16_t)opt_uint(o, "answer", 0);
	f->answered = f->ask.size > 0;
	f->target = opt_addr(o, "target", "10.53.0.53");
	f->target6 = opt_addr(o, "target6", "2001:db8:53::53");
	f->six_permille = opt_yes(o, "v6", false) ? 500 : 0;
	f->random_name = strcmp(name, "random") == 0;
	f->ask.qtype = DNS_A;
	if (!f->random_name) {
		/* "isc.org" with OPT is 64 bytes at IP level too */
		f->ask.fixed = name_fixed(g, name);
		f->ask.edns = 4096;
		f->ask.qtype = DNS_ANY;
	}
	if (packets > 0) {
		f->left = packets;
		f->stop_ns = INT64_MAX;
	}
	flood_label(g, f, "dns-query-flood", &f->target, pps * 1000000);
	gen_push(g, &e);
}

/* --- random names below a zone --- */

static void
fire_subdomain(struct gen *g, struct event *e)
{
	struct flood *f = e->ctx;
	struct lookup q = f->ask;
	struct fixed_name name;
	uint32_t letters = rng_range(&f->rng, f->lo, f->hi);

	name.wire[0] = (uint8_t)letters;
	for (uint32_t i = 0; i < letters; i++)
		name.wire[1 + i] = (uint8_t)('a' + rng_below(&f->rng, 26));
	memcpy(name.wire + 1 + letters, f->ask.fixed->wire, f->ask.fixed->wire_n);
	name.wire_n = (uint8_t)(1 + letters + f->ask.fixed->wire_n);
	q.fixed = &name;
	q.client = f->peer[rng_below(&f->rng, f->peers)];
	q.id = (uint16_t)rng_next(&f->rng);
	q.sport = (uint16_t)rng_range(&f->rng, 1024, 65535);
	for (uint32_t i = 0; i <= f->retries; i++)
		lookup_ask(g, &q);
	/* the name lives on this stack only, so the answer is written at once */
	if (!f->unanswered)
		lookup_answer(g, &q);
	label_mark(f->label, g->now_ns);
	again(g, e);
}

void
scenario_subdomain(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_subdomain};
	uint64_t rate = opt_micro(o, "rate", "200");
	struct flood *f = flood_new(g, o, &rng, rate, &e);
	struct prefix net = opt_prefix(o, "net", "10.64.0.0/23");
	uint64_t lo, hi;

	opt_micro_range(o, "labels", "8-16", &lo, &hi);
	f->lo = (uint32_t)(lo / 1000000);
	f->hi = (uint32_t)(hi / 1000000);
	f->ask.fixed = name_fixed(g, opt_text(o, "zone", "victim-shop.example"));
	if (f->lo < 1 || f->hi > 63 || f->hi + f->ask.fixed->wire_n > 254)
		gen_fail("subdomain: labels of 1 to 63 letters, please");
	f->ask.server = opt_addr(o, "resolver", "10.53.0.53");
	f->ask.qtype = DNS_A;
	f->ask.ttl = 900;
	f->ask.rcode = (uint8_t)opt_uint(o, "rcode", DNS_NXDOMAIN);
	f->unanswered = !opt_yes(o, "answers", true);
	f->retries = (uint32_t)opt_uint(o, "retries", 0);
	f->peers = (uint32_t)opt_uint(o, "clients", 100);
	f->peer = gen_alloc(g, f->peers, sizeof(*f->peer));
	for (uint32_t i = 0; i < f->peers; i++)
		f->peer[i] = host_customer(&net, i);
	flood_label(g, f, "dns-random-subdomain", &f->ask.server, rate);
	snprintf(f->label->zone, sizeof(f->label->zone), "%s", f->ask.fixed->text);
	f->label->qtype = "A";
	f->label->name = f->ask.fixed->text;
	f->label->via = f->ask.server;
	if (f->peers > 0 && e.t_ns < f->stop_ns)
		gen_push(g, &e);
}

/* --- fragments --- */

static void
fire_fragments(struct gen *g, struct event *e)
{
	struct flood *f = e->ctx;
	const struct addr *from = &f->peer[rng_below(&f->rng, f->peers)];
	uint32_t id = (uint32_t)rng_next(&f->rng);
	uint8_t payload[4089];

	label_mark(f->label, g->now_ns);
	if (f->headless) {
		uint32_t offset = 1480 * rng_range(&f->rng, 1, 4);

		packet_fragment(g, from, &f->target, id, offset, (id & 1) != 0, f->size);
	} else {
		struct ends ends = {*from, f->target, (uint16_t)(1024 + id % 64000), (uint16_t)(1024 + (id >> 12) % 64000)};

		memset(payload, 0x5a, sizeof(payload));
		packet_udp(g, &ends, payload, sizeof(payload));
	}
	again(g, e);
}

void
scenario_fragflood(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_fragments};
	bool headless = opt_yes(o, "headless", true);
	uint64_t pps = opt_uint(o, "pps", 2000);
	/* with heads, one event is a datagram of three fragments */
	struct flood *f = flood_new(g, o, &rng, pps * 1000000 / (headless ? 1 : 3), &e);

	f->headless = headless;
	f->target = opt_addr(o, "victim", "10.64.1.77");
	f->size = (uint32_t)opt_uint(o, "size", 1480);
	f->peers = (uint32_t)opt_uint(o, "sources", 50);
	if (f->peers == 0)
		gen_fail("fragflood: no sources");
	f->peer = gen_alloc(g, f->peers, sizeof(*f->peer));
	for (uint32_t i = 0; i < f->peers; i++)
		f->peer[i] = host_internet(0x66726167 + i, !addr_is_v4(&f->target));
	flood_label(g, f, "udp-fragment-flood", &f->target, pps * 1000000);
	if (e.t_ns < f->stop_ns)
		gen_push(g, &e);
}
