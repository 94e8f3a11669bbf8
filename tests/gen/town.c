/* A large town over days: subscribers behind home routers who come and go with the hour, devices that never sleep,
 * a software update that everybody fetches the same evening, monitors that ask the same every minute.
 *
 * People come in sessions.  Who has one behaves at full intensity (pages of a dozen look-ups within a second or two, a cache
 * of their own, now and then a virus scanner's burst of names never seen before); how many sessions there are is a
 * key, so that days fit into minutes without making anybody look quieter than he is.  Memory is that of the sessions
 * which are open, not of the subscribers.
 */
#include <stdio.h>
#include <string.h>

#include "tests/gen/benign.h"
#include "tests/gen/hosts.h"

enum { CACHE = 128, HOUR_S = 3600, DAY_S = 24 * HOUR_S, MONITORS_MAX = 16, MONITOR_NAMES = 40, UPDATE_NAMES = 6 };

/* Sessions that begin, by the hour (UTC): permille of the busiest. */
static const uint16_t rhythm[24] = {
	340, 200, 120, 90, 80, 110, 220, 420, 560, 600, 620, 650, 680, 640, 620, 640, 700, 800, 900, 980, 1000, 950, 780, 540,
};

struct big;

/* One household while it is active. */
struct session {
	struct big *big;
	struct session *next;    /* of the free ones */
	struct stub stub;
	struct town house;       /* of one client: what benign_web.c takes its hosts from */
	struct process act;
	uint32_t pages;
};

struct big {
	struct rng rng;
	struct prefix net, net6;
	struct recursion recursion;
	struct session *idle;
	int64_t end_ns, gap_ns;  /* between sessions at the busiest hour */
	int64_t rush_gap_ns;     /* between fetchers of the update */
	uint32_t subs, web_permille, rush_hour, fetch_permille;
	uint64_t sessions;       /* begun so far */
	bool progress;
};

static unsigned int
hour_of(int64_t t_ns)
{
	return (unsigned int)(t_ns / SECOND % DAY_S / HOUR_S);
}

static struct addr
subscriber(const struct big *b, uint32_t i)
{
	/* a third has IPv6 as well and prefers it */
	return i % 3 == 0 ? host_customer(&b->net6, i) : host_customer(&b->net, i);
}

static struct session *
session_begin(struct gen *g, struct big *b)
{
	struct session *s = b->idle;
	void *cache;

	if (s != NULL) {
		b->idle = s->next;
	} else {
		s = gen_alloc(g, 1, sizeof(*s));
		s->stub.cache = gen_alloc(g, CACHE, sizeof(s->stub.cache[0]));
		s->stub.cache_n = CACHE;
	}
	cache = s->stub.cache;
	memset(cache, 0, CACHE * sizeof(s->stub.cache[0]));
	s->big = b;
	s->stub.addr = subscriber(b, rng_below(&b->rng, b->subs));
	s->stub.resolver = addr_is_v4(&s->stub.addr) ? b->recursion.resolver : b->recursion.resolver6;
	s->stub.recursion = &b->recursion;
	s->stub.rng = rng_seeded(rng_next(&b->rng));
	s->stub.edns = rng_chance(&b->rng, 300) ? 0 : 1232;
	s->stub.end_ns = b->end_ns;
	s->house = (struct town){.rng = rng_seeded(rng_next(&b->rng)), .client = &s->stub.addr, .clients = 1, .end_ns = b->end_ns};
	s->act = (struct process){.town = &s->house, .rng = rng_seeded(rng_next(&b->rng)), .stub = &s->stub};
	b->sessions++;
	return s;
}

static void
session_end(struct session *s)
{
	s->next = s->big->idle;
	s->big->idle = s;
}

static void
ask(struct gen *g, struct stub *s, uint64_t name, uint16_t qtype)
{
	struct lookup q = {.name = name, .qtype = qtype};

	if (!stub_cached(s, name, qtype, g->now_ns))
		stub_lookup(g, s, &q);
}

/* One name of a page; the next follows within a fifth of a second. */
static void
fire_page(struct gen *g, struct event *e)
{
	struct session *s = e->ctx;
	struct rng *r = &s->stub.rng;
	uint64_t name = NAME(NAME_SITE, rng_zipf(r, STUB_SITES));

	if (rng_chance(r, 30))
		name = NAME(NAME_HASH, rng_next(r)); /* a name made for this visit: a CDN's, an advertiser's */
	ask(g, &s->stub, name, DNS_A);
	ask(g, &s->stub, name, DNS_AAAA);
	if (rng_chance(r, 400))
		ask(g, &s->stub, name, DNS_HTTPS);
	if (rng_chance(r, s->big->web_permille))
		(rng_chance(r, 500) ? act_web : act_quic)(g, &s->act);
	if (--e->u.n > 0) {
		e->t_ns += rng_exp(r, 120 * MS);
		gen_push(g, e);
	} else if (--s->pages > 0) {
		e->u.n = rng_range(r, 3, 14);
		e->t_ns += rng_exp(r, 25 * SECOND);
		gen_push(g, e);
	} else {
		session_end(s);
	}
}

static void
fire_arrival(struct gen *g, struct event *e)
{
	struct big *b = e->ctx;
	struct event page = {.t_ns = g->now_ns, .fire = fire_page};

	if (rng_chance(&b->rng, rhythm[hour_of(g->now_ns)])) {
		struct session *s = session_begin(g, b);

		s->pages = rng_range(&b->rng, 2, 20);
		if (rng_chance(&b->rng, 60))
			act_antivirus(g, &s->act);
		if (rng_chance(&b->rng, 20))
			act_ntp(g, &s->act);
		page.ctx = s;
		page.u.n = rng_range(&b->rng, 3, 14);
		gen_push(g, &page);
	}
	e->t_ns += rng_exp(&b->rng, b->gap_ns);
	if (e->t_ns < b->end_ns)
		gen_push(g, e);
}

/* The update's evening: everybody asks for the same six names, some fetch it at once. */
static void
fire_rush(struct gen *g, struct event *e)
{
	struct big *b = e->ctx;

	if (hour_of(g->now_ns) == b->rush_hour) {
		struct session *s = session_begin(g, b);

		for (uint32_t i = 0; i < UPDATE_NAMES; i++) {
			ask(g, &s->stub, NAME(NAME_SITE, 40 + i), DNS_A);
			ask(g, &s->stub, NAME(NAME_SITE, 40 + i), DNS_AAAA);
		}
		if (rng_chance(&b->rng, b->fetch_permille))
			act_quic(g, &s->act);
		session_end(s);
	}
	e->t_ns += rng_exp(&b->rng, b->rush_gap_ns);
	if (e->t_ns < b->end_ns)
		gen_push(g, e);
}

/* --- what never sleeps ------------------------------------------------------------------------------------- */

/* A thing that asks for its server's address again and again, whatever the TTL says. */
struct device {
	struct stub *stub;
	uint64_t name;
	int64_t every_ns;
};

static void
fire_device(struct gen *g, struct event *e)
{
	struct device *d = e->ctx;
	struct lookup q = {.name = d->name, .qtype = DNS_A};

	stub_lookup(g, d->stub, &q);
	e->t_ns += d->every_ns / 1000 * rng_range(&d->stub->rng, 900, 1100);
	if (e->t_ns < d->stub->end_ns)
		gen_push(g, e);
}

/* Availability checks: forty names a minute, and every fifth minute keys, SOA and addresses of five signed zones. */
static void
fire_monitor(struct gen *g, struct event *e)
{
	struct stub *s = e->ctx;
	uint64_t minute = e->u.n++;

	for (uint32_t i = 0; i < MONITOR_NAMES; i++) {
		struct lookup q = {.name = NAME(NAME_SITE, 100 + i * 7), .qtype = i % 2 == 0 ? DNS_A : DNS_AAAA};

		stub_lookup(g, s, &q);
	}
	for (uint32_t i = 0; i < 5 && minute % 5 == 0; i++) {
		struct lookup q = {.name = NAME(NAME_ZONE, 10 + i), .qtype = DNS_DNSKEY, .flags = LOOKUP_DO,
			.size = (uint16_t)(500 + mix64(10 + i) % 1200)};

		stub_lookup(g, s, &q);
	}
	e->t_ns += 60 * SECOND;
	if (e->t_ns < s->end_ns)
		gen_push(g, e);
}

static struct stub *
sleepless(struct gen *g, struct big *b, const struct addr *a)
{
	struct stub *s = stub_new(g, a, addr_is_v4(a) ? &b->recursion.resolver : &b->recursion.resolver6, &b->rng, 0);

	s->recursion = &b->recursion;
	s->edns = 1232;
	s->end_ns = b->end_ns;
	return s;
}

static void
start_sleepless(struct gen *g, struct big *b, uint32_t devices, uint32_t monitors)
{
	for (uint32_t i = 0; i < devices; i++) {
		struct device *d = gen_alloc(g, 1, sizeof(*d));
		struct addr a = subscriber(b, b->subs - 1 - i);
		struct event e = {.fire = fire_device, .ctx = d};

		d->stub = sleepless(g, b, &a);
		d->name = NAME(NAME_SITE, 1000 + rng_below(&b->rng, 50));
		d->every_ns = (int64_t)rng_range(&b->rng, 5, 120) * SECOND;
		e.t_ns = g->start_ns + (int64_t)(rng_next(&b->rng) % (uint64_t)d->every_ns);
		gen_push(g, &e);
	}
	for (uint32_t i = 0; i < monitors; i++) {
		struct addr a = host_server(&b->net, 30 + i);
		struct event e = {.t_ns = g->start_ns + i * SECOND, .fire = fire_monitor, .ctx = sleepless(g, b, &a)};

		gen_push(g, &e);
	}
}

/* Whoever watches a long run learns from standard error where it is. */
static void
fire_progress(struct gen *g, struct event *e)
{
	const struct big *b = e->ctx;

	fprintf(stderr, "hour %lld, %llu sessions\n", (long long)((g->now_ns - g->start_ns) / SECOND / HOUR_S),
	    (unsigned long long)b->sessions);
	e->t_ns += HOUR_S * SECOND;
	if (e->t_ns <= b->end_ns)
		gen_push(g, e);
}

void
scenario_town(struct gen *g, struct opts *o, struct rng rng)
{
	struct big *b = gen_alloc(g, 1, sizeof(*b));
	struct event e = {.ctx = b};
	uint64_t sessions = opt_micro(o, "sessions", "0.5"), rush = opt_uint(o, "rush", 5), a_day;
	uint32_t monitors = (uint32_t)opt_uint(o, "monitors", 3);

	b->rng = rng;
	b->net = opt_prefix(o, "net", "10.128.0.0/15");
	b->net6 = opt_prefix(o, "net6", "2001:db8:8000::/40");
	b->recursion.resolver = opt_addr(o, "resolver", "10.53.0.53");
	b->recursion.resolver6 = opt_addr(o, "resolver6", "2001:db8:53::53");
	b->recursion.visible = opt_yes(o, "recursion", false);
	b->recursion.epoch = gen_alloc(g, STUB_SITES, sizeof(uint32_t));
	b->subs = (uint32_t)opt_uint(o, "subs", 100000);
	b->web_permille = (uint32_t)opt_uint(o, "web", 3);
	b->fetch_permille = (uint32_t)opt_uint(o, "fetch", 50);
	b->rush_hour = (uint32_t)opt_uint(o, "rush_hour", 19);
	b->progress = opt_yes(o, "progress", false);
	b->end_ns = g->end_ns;
	a_day = b->subs * sessions / 1000000;
	if (b->subs == 0 || b->subs > host_customers(&b->net) || a_day == 0 || monitors > MONITORS_MAX)
		gen_fail("town: subs must fit into the prefix, sessions a day be some, monitors at most %d", MONITORS_MAX);
	start_sleepless(g, b, (uint32_t)opt_uint(o, "devices", 200), monitors);
	/* the rhythm's mean is 0.58 of its peak */
	b->gap_ns = (int64_t)(DAY_S * SECOND / (int64_t)a_day * 58 / 100);
	e.t_ns = g->start_ns;
	e.fire = fire_arrival;
	gen_push(g, &e);
	if (rush > 0) { /* so many of a hundred subscribers within the hour */
		b->rush_gap_ns = (int64_t)(HOUR_S * SECOND / (int64_t)(b->subs * rush / 100 + 1));
		e.fire = fire_rush;
		gen_push(g, &e);
	}
	if (b->progress) {
		e.fire = fire_progress;
		gen_push(g, &e);
	}
}
