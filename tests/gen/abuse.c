/* Abuse that only names show, and ordinary use that looks like it: tunnels, generated domains, an open resolver;
 * disposable names, block lists, reverse look-ups, a browser's probes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gen/hosts.h"
#include "tests/gen/names.h"

struct asker {
	struct rng rng;
	struct lookup ask;
	int64_t gap_ns, stop_ns;
	struct addr *client;
	struct label **label;      /* one a client; NULL: ordinary */
	uint32_t clients, bytes, kind, n;
	char zone[128];
};

static struct asker *
asker_new(struct gen *g, struct opts *o, struct rng *rng, uint64_t rate_micro, struct event *e)
{
	struct asker *a = gen_alloc(g, 1, sizeof(*a));
	int64_t start = g->start_ns + opt_seconds(o, "start", "0"), stop = opt_seconds(o, "stop", "0");

	if (rate_micro == 0)
		gen_fail("%s: the rate must be above zero", o->scenario);
	a->rng = rng_seeded(rng_next(rng));
	a->gap_ns = (int64_t)(UINT64_C(1000000000000000) / rate_micro);
	a->stop_ns = stop > 0 ? g->start_ns + stop : g->end_ns;
	a->ask.server = opt_addr(o, "resolver", "10.53.0.53");
	a->ask.ttl = 60;
	e->ctx = a;
	e->t_ns = start + a->gap_ns;
	return a;
}

static void
customers(struct gen *g, struct opts *o, struct asker *a, const char *count, const char *kind, uint32_t from)
{
	struct prefix net = opt_prefix(o, "net", "10.64.0.0/23");

	a->clients = (uint32_t)opt_uint(o, "clients", strtoull(count, NULL, 10));
	if (a->clients == 0)
		gen_fail("%s: no clients", o->scenario);
	a->client = gen_alloc(g, a->clients, sizeof(*a->client));
	a->label = kind != NULL ? gen_alloc(g, a->clients, sizeof(struct label *)) : NULL;
	for (uint32_t i = 0; i < a->clients; i++) {
		a->client[i] = host_customer(&net, host_customers(&net) - 1 - from - i);
		if (kind != NULL)
			a->label[i] = gen_label(g, kind, &a->client[i]);
	}
}

/* Question and answer, at once: the name lives on the caller's stack only. */
static void
exchange(struct gen *g, struct asker *a, struct lookup *q, const char *text)
{
	struct fixed_name name = {.text = text};
	const char *p = text;

	while (*p != '\0') {
		size_t n = strcspn(p, ".");

		name.wire[name.wire_n++] = (uint8_t)n;
		memcpy(name.wire + name.wire_n, p, n);
		name.wire_n = (uint8_t)(name.wire_n + n);
		p += n + (p[n] == '.');
	}
	name.wire_n++;
	q->fixed = &name;
	q->id = (uint16_t)rng_next(&a->rng);
	q->sport = (uint16_t)rng_range(&a->rng, 1024, 65535);
	lookup_ask(g, q);
	lookup_answer(g, q);
}

static void
again(struct gen *g, struct event *e)
{
	struct asker *a = e->ctx;

	e->t_ns += a->gap_ns / 1000 * rng_range(&a->rng, 800, 1200);
	if (e->t_ns < a->stop_ns)
		gen_push(g, e);
}

static char *
letters(struct asker *a, char *p, uint32_t n, const char *alphabet)
{
	uint32_t many = (uint32_t)strlen(alphabet);

	for (uint32_t i = 0; i < n; i++)
		*p++ = alphabet[rng_below(&a->rng, many)];
	*p = '\0';
	return p;
}

static const char hex[] = "0123456789abcdef", base32[] = "abcdefghijklmnopqrstuvwxyz234567", abc[] = "abcdefghijklmnopqrstuvwxyz";

/* --- a tunnel ------------------------------------------------------------------------------------ */

static void
fire_tunnel(struct gen *g, struct event *e)
{
	struct asker *a = e->ctx;
	struct lookup q = a->ask;
	char text[256], *p = text;
	uint32_t i = a->n++ % a->clients;

	q.client = a->client[i];
	for (uint32_t left = a->bytes * 8 / 5; left > 0;) {
		uint32_t n = left < 60 ? left : 60;

		p = letters(a, p, n, base32);
		*p++ = '.';
		left -= n;
	}
	snprintf(p, sizeof(text) - (size_t)(p - text), "%s", a->zone);
	exchange(g, a, &q, text);
	label_mark(a->label[i], g->now_ns);
	again(g, e);
}

void
scenario_tunnel(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_tunnel};
	uint64_t bytes = opt_uint(o, "chunk", 30), rate = opt_micro(o, "rate", "1");
	struct asker *a = asker_new(g, o, &rng, rate / bytes, &e);
	const char *qtype = opt_text(o, "qtype", "TXT");

	if (bytes < 1 || bytes > 100)
		gen_fail("tunnel: chunks of 1 to 100 bytes, please");
	a->bytes = (uint32_t)bytes;
	a->ask.qtype = qtype_parse(qtype);
	a->ask.size = (uint16_t)opt_uint(o, "answer", 0);
	a->ask.rcode = (uint8_t)opt_uint(o, "rcode", DNS_NOERROR);
	snprintf(a->zone, sizeof(a->zone), "%s", opt_text(o, "zone", "t.exfil.example"));
	customers(g, o, a, "1", "dns-tunnel", 20);
	a->gap_ns /= a->clients;
	for (uint32_t i = 0; i < a->clients; i++) {
		a->label[i]->rate_micro = rate / bytes;
		a->label[i]->qtype = qtype;
		a->label[i]->name = a->zone;
		a->label[i]->via = a->ask.server;
	}
	if (e.t_ns < a->stop_ns)
		gen_push(g, &e);
}

/* --- generated domains ----------------------------------------------------------------------------- */

static void
fire_dga(struct gen *g, struct event *e)
{
	static const char *const tops[] = {"com", "net", "org", "info", "biz", "ru", "top", "xyz"};
	struct asker *a = e->ctx;
	struct lookup q = a->ask;
	char text[80], *p;
	uint32_t i = a->n++ % a->clients;

	q.client = a->client[i];
	p = letters(a, text, rng_range(&a->rng, 9, 18), abc);
	snprintf(p, sizeof(text) - (size_t)(p - text), ".%s", tops[rng_below(&a->rng, 8)]);
	exchange(g, a, &q, text);
	label_mark(a->label[i], g->now_ns);
	again(g, e);
}

void
scenario_dga(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_dga};
	uint64_t rate = opt_micro(o, "rate", "2");
	struct asker *a = asker_new(g, o, &rng, rate, &e);

	a->ask.qtype = DNS_A;
	a->ask.rcode = (uint8_t)opt_uint(o, "rcode", DNS_NXDOMAIN);
	customers(g, o, a, "3", "dns-nxdomain-flood", 30);
	a->gap_ns /= a->clients;
	for (uint32_t i = 0; i < a->clients; i++) {
		a->label[i]->rate_micro = rate;
		a->label[i]->qtype = "A";
		a->label[i]->via = a->ask.server;
	}
	if (e.t_ns < a->stop_ns)
		gen_push(g, &e);
}

/* --- an open resolver --------------------------------------------------------------------------------- */

static void
fire_strangers(struct gen *g, struct event *e)
{
	struct asker *a = e->ctx;
	struct lookup q = a->ask;

	q.client = host_internet(0x6f70656e + rng_below(&a->rng, a->n), false);
	q.name = NAME(NAME_SITE, rng_below(&a->rng, 500));
	q.id = (uint16_t)rng_next(&a->rng);
	q.sport = (uint16_t)rng_range(&a->rng, 1024, 65535);
	lookup_start(g, &q, 20 * MS);
	if (a->label != NULL)
		label_mark(a->label[0], g->now_ns);
	again(g, e);
}

void
scenario_strangers(struct gen *g, struct opts *o, struct rng rng)
{
	struct event e = {.fire = fire_strangers};
	struct asker *a = asker_new(g, o, &rng, opt_micro(o, "rate", "0.5"), &e);
	struct prefix net = opt_prefix(o, "net", "10.64.0.0/23");
	bool ordinary = opt_yes(o, "authoritative", false);
	const char *kind;

	a->ask.server = opt_addr(o, "server", "0.0.0.0");
	if (!opt_yes(o, "given", false))
		a->ask.server = host_customer(&net, host_customers(&net) - 1 - 40);
	a->ask.qtype = DNS_A;
	a->n = (uint32_t)opt_uint(o, "strangers", 20);
	/* a public server of a zone tells strangers, too, but what is its own */
	a->ask.flags = ordinary ? LOOKUP_AA : 0;
	if (a->n == 0)
		gen_fail("strangers: none");
	kind = opt_text(o, "kind", ordinary ? "" : "open-resolver");
	if (kind[0] != '\0' && strcmp(kind, "none") != 0) {
		a->label = gen_alloc(g, 1, sizeof(struct label *));
		a->label[0] = gen_label(g, kind, &a->ask.server);
		a->label[0]->rate_micro = opt_micro(o, "rate", "0.5");
	}
	if (e.t_ns < a->stop_ns)
		gen_push(g, &e);
}

/* --- ordinary ------------------------------------------------------------------------------------------- */

enum { LIKE_DISPOSABLE, LIKE_SCANNER, LIKE_BLOCKLIST, LIKE_REVERSE, LIKE_PROBES, LIKE_SUFFIX, LIKES };

static void
like_text(struct asker *a, struct lookup *q, char *text, size_t size)
{
	uint64_t r = rng_next(&a->rng);
	unsigned int b[4] = {r & 255, r >> 8 & 255, r >> 16 & 255, r >> 24 & 255};
	char *p = text;

	switch (a->kind) {
	case LIKE_DISPOSABLE: /* a content network's measuring names: each once, all of them exist */
		p = letters(a, p, 22, base32);
		snprintf(p, size - (size_t)(p - text), ".%s.cdn.example", r & 1 ? "eu" : "us");
		break;
	case LIKE_SCANNER: /* a file's hash */
		p = letters(a, p, 32, hex);
		snprintf(p, size - (size_t)(p - text), ".files.scan.example");
		break;
	case LIKE_BLOCKLIST:
		snprintf(text, size, "%u.%u.%u.%u.zen.blocklist.example", b[0], b[1], b[2], b[3]);
		q->rcode = r % 7 == 0 ? DNS_NOERROR : DNS_NXDOMAIN;
		break;
	case LIKE_REVERSE:
		snprintf(text, size, "%u.%u.%u.%u.in-addr.arpa", b[0], b[1], b[2], b[3]);
		q->qtype = DNS_PTR;
		q->rcode = r % 3 == 0 ? DNS_NOERROR : DNS_NXDOMAIN;
		break;
	case LIKE_PROBES: /* three random names when a browser starts, to learn whether somebody lies about them */
		letters(a, p, 7 + (uint32_t)(r % 9), abc);
		q->rcode = DNS_NXDOMAIN;
		break;
	default: /* a computer taken home asks for the names of work, again and again */
		snprintf(text, size, "srv%u.corp-%u.example", b[0] % 12, b[1] % 4);
		q->rcode = DNS_NXDOMAIN;
		break;
	}
}

static void
fire_like(struct gen *g, struct event *e)
{
	struct asker *a = e->ctx;
	struct lookup q = a->ask;
	char text[128];

	q.client = a->client[a->n++ / (a->kind == LIKE_PROBES ? 3 : 1) % a->clients];
	q.qtype = DNS_A;
	like_text(a, &q, text, sizeof(text));
	exchange(g, a, &q, text);
	again(g, e);
}

void
scenario_lookalikes(struct gen *g, struct opts *o, struct rng rng)
{
	static const struct {
		const char *key, *rate, *clients;
	} like[LIKES] = {{"disposable", "20", "60"}, {"scanner", "12", "40"}, {"blocklist", "30", "1"}, {"reverse", "30", "1"},
		{"probes", "3", "100"}, {"suffix", "5", "2"}};

	for (uint32_t i = 0; i < LIKES; i++) {
		struct event e = {.fire = fire_like};
		uint64_t rate = opt_micro(o, like[i].key, like[i].rate);
		struct asker *a;

		if (rate == 0)
			continue;
		a = asker_new(g, o, &rng, rate, &e);
		a->kind = i;
		customers(g, o, a, like[i].clients, NULL, 60 + 10 * i);
		gen_push(g, &e);
	}
}
