/* Ordinary hosts' look-ups; see stub.h. */
#include "tests/gen/stub.h"

#include "tests/gen/hosts.h"

struct stub *
stub_new(struct gen *g, const struct addr *a, const struct addr *resolver, struct rng *rng, uint32_t cache_n)
{
	struct stub *s = gen_alloc(g, 1, sizeof(*s));

	s->addr = *a;
	s->resolver = *resolver;
	s->rng = rng_seeded(rng_next(rng));
	s->cache_n = cache_n;
	if (cache_n > 0)
		s->cache = gen_alloc(g, cache_n, sizeof(s->cache[0]));
	return s;
}

/* The resolver asks an authoritative server when its own copy has run out. */
static int64_t
recurse(struct gen *g, struct stub *s, const struct lookup *q)
{
	uint64_t site = q->name & 0xffffff;
	uint32_t ttl, epoch;
	struct lookup r = *q;

	if (s->recursion == NULL || q->name >> 56 != NAME_SITE || site >= STUB_SITES)
		return 0;
	ttl = name_ttl(q->name);
	epoch = (uint32_t)(((uint64_t)(g->now_ns / SECOND) + mix64(q->name ^ 0x1234)) / ttl);
	if (s->recursion->epoch[site] == epoch)
		return 0;
	s->recursion->epoch[site] = epoch;
	if (s->recursion->visible) {
		r.client = s->recursion->resolver;
		r.server = host_internet(0x61757468 + site % 997, false);
		r.flags = LOOKUP_NO_RD | LOOKUP_AA | LOOKUP_DO;
		r.edns = 1232;
		r.id = (uint16_t)rng_next(&s->rng);
		r.sport = (uint16_t)rng_range(&s->rng, 1024, 65535);
		r.ttl = ttl;
		r.size = site % 4 == 0 ? (uint16_t)(420 + site % 300) : 0; /* a quarter of the zones is signed */
		lookup_start(g, &r, 8 * MS + (int64_t)(site % 40) * MS);
	}
	return 9 * MS + (int64_t)(site % 40) * MS;
}

bool
stub_cached(struct stub *s, uint64_t name, uint16_t qtype, int64_t now_ns)
{
	uint64_t key = mix64(name ^ (uint64_t)qtype << 40);
	size_t at = s->cache_n > 0 ? key % s->cache_n : 0;
	int64_t now_s = now_ns / SECOND;

	if (s->cache_n == 0)
		return false;
	if (s->cache[at].key == key && s->cache[at].until_s > now_s)
		return true;
	s->cache[at].key = key;
	s->cache[at].until_s = now_s + name_ttl_left(name, now_s);
	return false;
}

void
stub_lookup(struct gen *g, struct stub *s, struct lookup *q)
{
	int64_t delay_ns;

	q->client = s->addr;
	q->server = s->resolver;
	q->id = (uint16_t)rng_next(&s->rng);
	q->sport = (uint16_t)rng_range(&s->rng, 1024, 65535);
	q->ttl = name_ttl_left(q->name, g->now_ns / SECOND);
	q->edns = s->edns;
	delay_ns = recurse(g, s, q);
	delay_ns += (int64_t)rng_range(&s->rng, 150, 900) * 1000;
	lookup_start(g, q, delay_ns);
}

static uint16_t
stub_type(struct rng *r, uint64_t *name)
{
	uint32_t p = rng_below(r, 1000);

	if (p < 40) {
		*name = NAME(NAME_ABSENT, rng_below(r, 100000));
		return DNS_A;
	}
	if (p < 90) {
		*name = NAME(NAME_REVERSE, rng_next(r) & 0xdfffffff);
		return DNS_PTR;
	}
	*name = NAME(NAME_SITE, rng_zipf(r, STUB_SITES));
	return p < 520 ? DNS_A : p < 830 ? DNS_AAAA : p < 970 ? DNS_HTTPS : DNS_TXT;
}

static void
fire_stub(struct gen *g, struct event *e)
{
	struct stub *s = e->ctx;
	struct lookup q = {0};

	q.qtype = stub_type(&s->rng, &q.name);
	if (q.name >> 56 == NAME_ABSENT)
		q.rcode = DNS_NXDOMAIN;
	if (q.qtype == DNS_TXT) {
		/* an old client without EDNS is told to come back over TCP */
		q.size = (uint16_t)(120 + mix64(q.name) % 900);
		q.flags = s->edns == 0 ? LOOKUP_RETRY_TCP : 0;
	}
	if (!stub_cached(s, q.name, q.qtype, g->now_ns)) {
		stub_lookup(g, s, &q);
		/* dual stack asks for both addresses at once */
		if (q.qtype == DNS_A && rng_chance(&s->rng, 600)) {
			q.qtype = DNS_AAAA;
			if (!stub_cached(s, q.name, q.qtype, g->now_ns))
				stub_lookup(g, s, &q);
		}
	}
	e->t_ns += rng_exp(&s->rng, s->mean_gap_ns);
	if (e->t_ns < s->end_ns)
		gen_push(g, e);
}

void
stub_start(struct gen *g, struct stub *s, int64_t from_ns)
{
	struct event e = {.t_ns = from_ns + rng_exp(&s->rng, s->mean_gap_ns), .fire = fire_stub, .ctx = s};

	if (e.t_ns < s->end_ns)
		gen_push(g, &e);
}
