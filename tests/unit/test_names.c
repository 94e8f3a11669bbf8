/* What names tell: keys and zones, filters and windows, each judge around its thresholds, and made-up answers through
 * the whole engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/engine.h"
#include "detector/names.h"
#include "tests/unit/detector_kit.h"

enum { MEMORY = 64 << 20, RESOLVER = 0x0a350035, HOST = 0x0a400011 };
#define T0 (INT64_C(1775960000) * NS_PER_S)
#define STRANGER 0xc6336401u

/* --- an answer ------------------------------------------------------------------------------------- */

struct said {
	struct flow flow;
	struct dns_view view;
	uint8_t message[512];
};

enum { SAY_AA = 1, SAY_NO_RD = 2, SAY_NO_RA = 4 };

static void
say(struct said *s, const char *name, uint16_t qtype, uint8_t rcode, uint16_t payload, unsigned int how)
{
	uint8_t *m = s->message, *p = m + 12;
	size_t n;

	memset(s, 0, sizeof(*s));
	m[2] = (uint8_t)(0x80 | ((how & SAY_AA) != 0 ? 4 : 0) | ((how & SAY_NO_RD) != 0 ? 0 : 1));
	m[3] = (uint8_t)(((how & SAY_NO_RA) != 0 ? 0 : 0x80) | rcode);
	m[5] = 1;
	m[7] = rcode == 0;
	n = (size_t)dns_name_parse(name, p);
	p += n;
	*p++ = (uint8_t)(qtype >> 8);
	*p++ = (uint8_t)qtype;
	*p++ = 0;
	*p++ = 1;
	n = (size_t)(p - m);
	assert_int_equal(dns_view_parse(&s->view, m, n, n + 23 + payload), 0);
	s->flow = (struct flow){.packets = 1, .bytes = n + 28 + payload, .sampling = 1, .sport = 53, .dport = 40000,
		.proto = FLOW_UDP, .ttl = 60, .dns = &s->view};
}

/* --- keys -------------------------------------------------------------------------------------------- */

static struct flow_key
key_of(const char *name)
{
	struct said s;
	struct flow_key k = {0};

	say(&s, name, DNS_A, DNS_NXDOMAIN, 0, 0);
	names_key(&s.flow, NULL, 42, 0xff, NULL, &k);
	return k;
}

static void
test_zone(void **state)
{
	static const struct {
		const char *name, *zone; /* zone NULL: none is counted */
	} c[] = {
		{"www.example.com", "example.com"}, {"example.com", "example.com"}, {"a.b.c.d.example.com", "example.com"},
		{"www.shop.co.uk", "shop.co.uk"}, {"x.y.shop.com.au", "shop.com.au"}, {"co.uk", "co.uk"},
		{"www.hbo.de", "hbo.de"}, {"www.t.co", "t.co"}, {"com", NULL}, {"random", NULL}, {"1.2.3.4.in-addr.arpa", "3.4.in-addr.arpa"},
		{"4.3.64.10.in-addr.arpa", NULL}, {"lb._dns-sd._udp.0.1.168.192.in-addr.arpa", NULL}, {"203.in-addr.arpa", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct flow_key k = key_of(c[i].name);

		if (c[i].zone == NULL) {
			assert_int_equal(k.zone, 0);
			continue;
		}
		assert_int_not_equal(k.zone, 0);
		assert_int_equal(k.zone, key_of(c[i].zone).zone);
		assert_int_equal(k.sub, strlen(c[i].name) - strlen(c[i].zone));
		assert_int_equal(k.fails, 1);
	}
	/* the same name in whatever case, and different ones */
	assert_int_equal(key_of("WwW.eXAMple.com").question, key_of("www.example.com").question);
	assert_int_equal(key_of("WwW.eXAMple.com").zone, key_of("www.example.com").zone);
	assert_int_not_equal(key_of("ww[.example.com").question, key_of("ww{.example.com").question);
	assert_int_not_equal(key_of("a.example.com").question, key_of("b.example.com").question);
	assert_int_not_equal(key_of("a.example.com").zone, key_of("a.example.net").zone);
	/* addresses written backwards */
	assert_true(key_of("4.3.2.1.zen.example.org").like_address);
	assert_true(key_of("4.3.2.1.in-addr.arpa").like_address);
	assert_true(key_of("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example.org").like_address);
	assert_false(key_of("4.3.2.example.org").like_address);
	assert_false(key_of("1234.3.2.1.example.org").like_address);
	assert_true(names_is_reputation((const uint8_t *)"\x08Spamhaus\x03org", 14));
	assert_false(names_is_reputation((const uint8_t *)"\x0aspamhauses\x03org", 16));
}

/* What the memory of names says is what taking the name apart says. */
static void
test_memo(void **state)
{
	static struct names_memo memo;
	uint64_t seed = 5;
	uint32_t hits = 0;
	struct said s;
	char name[80];

	(void)state;
	memset(&memo, 0, sizeof(memo));
	for (int i = 0; i < 20000; i++) {
		struct flow_key plain = {0}, quick = {0};
		const struct memo_row *row;
		uint32_t kind = kit_below(&seed, 5), x = kit_below(&seed, 30);

		/* short and long ones, addresses, different only in the middle or in case */
		snprintf(name, sizeof(name), kind == 0 ? "w%u.example.com" : kind == 1 ? "4.3.2.%u.zen.example.org" : kind == 2 ? "A%u.cO.uk" :
		    kind == 3 ? "aaaaaaaa.b%u.cccccccccccccccccccc.example.net" : "%u.1.168.192.in-addr.arpa", x);
		if (kit_below(&seed, 2) == 0)
			name[0] = (char)(name[0] >= 'a' ? name[0] - 32 : name[0]);
		say(&s, name, kit_below(&seed, 2) == 0 ? DNS_A : DNS_AAAA, DNS_NXDOMAIN, 0, kit_below(&seed, 2) == 0 ? SAY_NO_RD : 0);
		names_key(&s.flow, NULL, 42, 0xff, NULL, &plain);
		row = names_memo_row(&memo, &s.view);
		hits += row != NULL && row->len == s.view.name_len && memcmp(row->wire, s.view.name, row->len) == 0;
		names_key(&s.flow, NULL, 42, 0xff, names_memo_row(&memo, &s.view), &quick);
		assert_int_equal(plain.zone, quick.zone);
		assert_int_equal(plain.question, quick.question);
		assert_int_equal(plain.customer, quick.customer);
		assert_int_equal(plain.sub, quick.sub);
		assert_int_equal(plain.customer_sub, quick.customer_sub);
		assert_int_equal(plain.block_list, quick.block_list);
		assert_int_equal(plain.like_address, quick.like_address);
		assert_int_equal(plain.named, quick.named);
		assert_int_equal(plain.fails, quick.fails);
	}
	assert_true(hits > 8000); /* a fifth do not fit, one in eight comes for the first time */
	/* what does not fit has no row */
	say(&s, "a.bc", DNS_A, 0, 0, 0);
	assert_null(names_memo_row(&memo, &s.view));
	memset(name, 'x', 50);
	snprintf(name + 50, sizeof(name) - 50, ".example.com");
	say(&s, name, DNS_A, 0, 0, 0);
	assert_null(names_memo_row(&memo, &s.view));
	assert_null(names_memo_row(NULL, &s.view));
}

static void
test_filter(void **state)
{
	static uint64_t word[2 * 1024];
	struct name_filter f = {.word = word, .words = 1024, .most = 4000};
	uint64_t seed = 7, seen = 0, h[3000];
	uint32_t missed = 0;

	(void)state;
	memset(word, 0, sizeof(word));
	for (int i = 0; i < 3000; i++) {
		h[i] = kit_random(&seed);
		missed += !name_filter_add(&f, h[i], 1);
	}
	assert_true(missed < 30); /* new ones that pass for seen */
	for (int i = 0; i < 3000; i++)
		assert_false(name_filter_add(&f, h[i], 2));
	/* a generation later they are still known, as long as the older one lasts */
	for (int i = 0; i < 2000; i++)
		(void)name_filter_add(&f, kit_random(&seed), 3);
	for (int i = 0; i < 100; i++)
		assert_false(name_filter_add(&f, h[i], 3));
	for (int i = 0; i < 12000; i++)
		(void)name_filter_add(&f, kit_random(&seed), 4);
	for (int i = 1000; i < 2000; i++)
		seen += !name_filter_add(&f, h[i], 4);
	assert_true(seen < 100);
	/* age empties it, too */
	(void)name_filter_add(&f, 77, 10000);
	assert_true(name_filter_add(&f, 77, 10000 + 2 * 3600));
}

static void
test_sums(void **state)
{
	static struct carrier c;
	struct carried s;

	(void)state;
	memset(&c, 0, sizeof(c));
	c.slot = 100;
	c.hour = 50;
	c.part[100 % CARRIER_SLOTS] = 5;
	c.part[99 % CARRIER_SLOTS] = 7;
	c.hours[50 % CARRIER_HOURS] = 12;
	c.hours[49 % CARRIER_HOURS] = 1;
	s = carrier_sums(&c, 100 * 300);
	assert_int_equal(s.hour, 12);
	s = carrier_sums(&c, 110 * 300); /* the older slot is just in */
	assert_int_equal(s.hour, 12);
	s = carrier_sums(&c, 111 * 300);
	assert_int_equal(s.hour, 5);
	s = carrier_sums(&c, 50 * 3600);
	assert_int_equal(s.day, 13);
	assert_int_equal(s.hours, 2);
	s = carrier_sums(&c, 73 * 3600);
	assert_int_equal(s.day, 12);
	assert_int_equal(s.hours, 1);
	assert_int_equal(carrier_sums(&c, 80 * 3600).day, 0);
	for (int i = 0; i < 16; i++)
		c.letters[i] = 3;
	assert_true(fabs(carrier_entropy(&c) - 4) < 1e-9);
	assert_true(fabs(bits_count(0)) < 1e-9);
	assert_true(bits_count(0xffff) > 16 && bits_count(0xffff) < 20);
	assert_true(bits_count(UINT64_MAX) > 250);
}

/* --- judges ------------------------------------------------------------------------------------------- */

struct bench {
	struct detect_settings settings;
	struct judge_env env;
	struct watch w;
};

static void
bench_init(struct bench *b, uint8_t service)
{
	memset(b, 0, sizeof(*b));
	detect_settings_defaults(&b->settings);
	b->env = (struct judge_env){.settings = &b->settings, .tick = 8000};
	b->w.service = service;
	b->w.sampling = 1;
	b->w.last_tick = b->w.names.tick = 8000;
	b->w.report_s = 900;
}

static enum heat
heat(struct bench *b, const struct detector *d)
{
	struct verdict v = {0};

	d->judge(&b->env, &b->w, &v);
	if (v.heat == HEAT_HOT)
		assert_true(v.n >= 2);
	return v.heat;
}

/* n failing ones of `all` answers in the window. */
static enum heat
failing(uint32_t n, uint32_t all, uint32_t fresh, uint32_t like, uint32_t zones, enum watch_window window)
{
	struct bench b;

	bench_init(&b, SERVICE_FAILING);
	b.w.sum[window] = (struct cell){.answers = all, .matched = n, .large = fresh, .later_packets = like, .ticks = 10};
	b.w.names.zones = zones;
	return heat(&b, &detector_nxdomain);
}

static void
test_nxdomain(void **state)
{
	(void)state;
	assert_int_equal(failing(200, 220, 200, 0, 1, WINDOW_SHORT), HEAT_HOT);
	assert_int_equal(failing(199, 220, 199, 0, 1, WINDOW_SHORT), HEAT_WARM);
	assert_int_equal(failing(200, 300, 200, 0, 1, WINDOW_SHORT), HEAT_WARM); /* lower bound of 0.67 is 0.59 */
	assert_int_equal(failing(200, 900, 200, 0, 1, WINDOW_SHORT), HEAT_COLD);
	assert_int_equal(failing(300, 300, 20, 0, 1, WINDOW_SHORT), HEAT_WARM);  /* the same names again */
	assert_int_equal(failing(1000, 1000, 5, 0, 1, WINDOW_SHORT), HEAT_HOT);  /* but a flood of them */
	assert_int_equal(failing(300, 300, 300, 151, 1, WINDOW_SHORT), HEAT_COLD); /* block lists */
	assert_int_equal(failing(100, 110, 100, 0, 10, WINDOW_LONG), HEAT_HOT);
	assert_int_equal(failing(99, 110, 99, 0, 10, WINDOW_LONG), HEAT_WARM);
	assert_int_equal(failing(100, 110, 100, 0, 9, WINDOW_LONG), HEAT_WARM);
	assert_int_equal(failing(20, 20, 20, 0, 20, WINDOW_LONG), HEAT_COLD);
	assert_int_equal(failing(100, 110, 49, 0, 10, WINDOW_LONG), HEAT_WARM);
}

static enum heat
attacked(uint32_t names, uint32_t answers, uint32_t bad, uint32_t fresh, uint32_t usual, bool reputation)
{
	struct bench b;

	bench_init(&b, SERVICE_ZONE);
	b.w.w10[800 % W10] = (struct cell){.answers = answers / 2, .matched = bad / 2, .large = names / 2, .large_size = fresh / 2};
	b.w.w10[795 % W10] = (struct cell){.answers = answers - answers / 2, .repeat = bad - bad / 2, .large = names - names / 2,
		.large_size = fresh - fresh / 2};
	b.w.w10[794 % W10] = (struct cell){.answers = 100000}; /* more than a minute ago */
	b.w.names.usual = usual;
	b.w.names.reputation = reputation;
	return heat(&b, &detector_subdomain);
}

static void
test_subdomain(void **state)
{
	(void)state;
	assert_int_equal(attacked(500, 510, 505, 505, 0, false), HEAT_HOT);
	assert_int_equal(attacked(499, 510, 505, 505, 0, false), HEAT_WARM);
	assert_int_equal(attacked(374, 400, 400, 400, 0, false), HEAT_COLD);
	assert_int_equal(attacked(500, 630, 520, 520, 0, false), HEAT_HOT);
	assert_int_equal(attacked(500, 630, 500, 520, 0, false), HEAT_WARM); /* 79 % fail */
	assert_int_equal(attacked(500, 650, 640, 510, 0, false), HEAT_WARM); /* 78 % are new */
	assert_int_equal(attacked(500, 1000, 520, 1000, 0, false), HEAT_COLD); /* half of them exist */
	assert_int_equal(attacked(500, 510, 505, 505, 50, false), HEAT_HOT);
	assert_int_equal(attacked(500, 510, 505, 505, 51, false), HEAT_WARM); /* nearly as usual */
	assert_int_equal(attacked(5000, 5000, 5000, 5000, 0, true), HEAT_COLD);
}

/* The same zone with `clients` that ask for new names, of so many bytes, `texts` of them for text. */
static enum heat
long_names(uint32_t clients, uint32_t length, uint32_t texts)
{
	struct bench b;

	bench_init(&b, SERVICE_ZONE);
	b.w.w10[800 % W10] = (struct cell){.answers = 500, .matched = 500, .large = 500, .large_size = 500, .fresh = texts,
		.large_query_bytes = 500 * length};
	b.w.names.clients = clients;
	assert_int_equal(subdomain_attacked(&b.settings, &b.w, b.env.tick), heat(&b, &detector_subdomain) == HEAT_HOT);
	return heat(&b, &detector_subdomain);
}

static void
test_long_names(void **state)
{
	(void)state;
	assert_int_equal(long_names(1, 43, 0), HEAT_HOT);
	assert_int_equal(long_names(1, 44, 0), HEAT_WARM);  /* data */
	assert_int_equal(long_names(4, 44, 0), HEAT_WARM);
	assert_int_equal(long_names(5, 44, 0), HEAT_HOT);   /* of so many clients: noise */
	assert_int_equal(long_names(0, 44, 0), HEAT_HOT);   /* nobody would name the tunnel */
	assert_int_equal(long_names(1, 66, 0), HEAT_HOT);   /* 64 digits are a hash to that one */
	assert_int_equal(long_names(1, 10, 250), HEAT_WARM);
	assert_int_equal(long_names(1, 10, 249), HEAT_HOT);
}

static enum heat
tunnel(struct names_figures f, uint8_t flags)
{
	struct bench b;

	bench_init(&b, SERVICE_TUNNEL);
	f.tick = b.env.tick;
	b.w.names = f;
	b.w.flags = flags;
	return heat(&b, &detector_tunnel);
}

static void
test_tunnel(void **state)
{
	const struct names_figures txt = {.hour = 10000, .day = 10000, .hours = 1, .answers = 100, .fresh = 80, .rare = 80,
		.labels = 80 * 30, .clients = 1};
	struct names_figures f = txt;

	(void)state;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	assert_int_equal(tunnel(f, HOST_NEVER), HEAT_COLD);
	assert_int_equal(tunnel(f, HOST_RESOLVER), HEAT_COLD);
	f.hour = 9999;
	assert_int_equal(tunnel(f, 0), HEAT_WARM);
	f.hour = 7000;
	assert_int_equal(tunnel(f, 0), HEAT_COLD);
	f = txt;
	f.fresh = f.rare = 69;
	assert_int_equal(tunnel(f, 0), HEAT_WARM); /* asks again too often */
	f = txt;
	f.clients = 8;
	assert_int_equal(tunnel(f, 0), HEAT_COLD); /* everybody does so */
	f.hour = 20000;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	/* addresses: a scanner's hashes need more, and longer names less than they */
	f = txt;
	f.rare = 0;
	f.entropy = 4;
	f.hour = 999999;
	assert_int_equal(tunnel(f, 0), HEAT_WARM);
	f.hour = 1000000;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	f.labels = 80 * 66; /* SHA-256 in hex */
	f.hour = 999999;
	assert_int_equal(tunnel(f, 0), HEAT_WARM);
	f.labels = 80 * 61; /* 60 digits are none */
	f.hour = 50000;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	f.labels = txt.labels;
	f.entropy = 4.9; /* base32 */
	f.hour = 249999;
	assert_int_equal(tunnel(f, 0), HEAT_WARM);
	f.hour = 250000;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	f.labels = 80 * 72;
	f.hour = 50000;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	/* slow */
	f = txt;
	f.hour = 3000;
	f.day = 40000;
	f.hours = 4;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	f.hours = 3;
	assert_int_equal(tunnel(f, 0), HEAT_WARM);
	/* fetched text */
	f = txt;
	f.hour = 3000;
	f.fresh = f.rare = 90;
	f.payload = 90 * 100;
	assert_int_equal(tunnel(f, 0), HEAT_HOT);
	f.payload = 90 * 99;
	assert_int_equal(tunnel(f, 0), HEAT_COLD);
	f = txt;
	f.reputation = true;
	assert_int_equal(tunnel(f, 0), HEAT_COLD);
}

/* --- through the engine -------------------------------------------------------------------------------- */

struct heard {
	struct alert opened[64];
	size_t n, closed;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (a->action == ALERT_OPENED && h->n < 64)
		h->opened[h->n++] = *a;
	h->closed += a->action == ALERT_CLOSED;
}

static const char *turned_off; /* a kind, or NULL */

static struct engine *
start(struct heard *h, const struct prefix *network)
{
	static struct detect_settings settings;
	const char *near;
	const struct engine_sink sink = {hear, h};
	struct engine_config c = {.seed = 42, .memory_bytes = MEMORY, .settings = &settings, .network = network,
		.networks_n = network != NULL};
	char why[200] = "";
	struct engine *e;

	memset(h, 0, sizeof(*h));
	detect_settings_defaults(&settings);
	if (turned_off != NULL)
		assert_int_equal(detect_settings_set(&settings, turned_off, "enabled", 0, "bool", why, sizeof(why), &near), 0);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	return e;
}

static void
feed(struct engine *e, struct said *s, int64_t t_ns, uint32_t client, uint32_t server)
{
	struct flow_key k;

	s->flow.start_ns = s->flow.end_ns = t_ns;
	s->flow.src = kit_addr(server);
	s->flow.dst = kit_addr(client);
	assert_int_equal(engine_begin(e, &s->flow, 1).n, 1);
	engine_keys(e, &s->flow, 1, &k);
	engine_ingest(e, &s->flow, &k, 1);
}

static void
random_label(uint64_t *seed, char *p, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = "abcdefghijklmnopqrstuvwxyz234567"[kit_below(seed, 32)];
	p[n] = '\0';
}

/* A zone under attack by many clients, none of them loud: the zone is named, with them as its peers. */
static void
test_attack(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, NULL);
	struct said s;
	uint64_t seed = 3;
	char name[120], label[40];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		random_label(&seed, label, 10);
		snprintf(name, sizeof(name), "%s.www.Victim-Shop.co.uk", label);
		say(&s, name, DNS_A, i % 3 == 0 ? DNS_SERVFAIL : DNS_NXDOMAIN, 80, 0);
		feed(e, &s, T0 + i * (NS_PER_S / 50), HOST + kit_below(&seed, 60), RESOLVER);
	}
	engine_finish(e);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.opened[0].kind, KIND_DNS_RANDOM_SUBDOMAIN);
	assert_int_equal(h.opened[0].role, ROLE_ZONE);
	assert_int_equal(h.opened[0].subject.type, SUBJECT_ZONE);
	assert_string_equal(h.opened[0].subject.name, "victim-shop.co.uk");
	assert_true(h.opened[0].t_ns <= T0 + 12 * NS_PER_S);
	assert_true(h.opened[0].peers_n >= 4);
	assert_true(alert_evidence(&h.opened[0], EV_DISTINCT_NAMES)->value >= 490);
	assert_int_equal(h.closed, 1);
	engine_free(e);
}

/* The same names that exist, block lists, and one name again and again stay silent. */
static void
test_ordinary(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, NULL);
	struct said s;
	uint64_t seed = 3;
	char name[120], label[40];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t t = T0 + i * (NS_PER_S / 100);

		random_label(&seed, label, 20);
		switch (i % 4) {
		case 0: snprintf(name, sizeof(name), "%s.cdn.example.com", label); break;
		case 1: snprintf(name, sizeof(name), "%u.%u.%u.%u.zen.example.org", kit_below(&seed, 256), kit_below(&seed, 256),
			    kit_below(&seed, 256), kit_below(&seed, 256)); break;
		case 2: snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", kit_below(&seed, 256), kit_below(&seed, 256),
			    kit_below(&seed, 256), kit_below(&seed, 256)); break;
		default: snprintf(name, sizeof(name), "srv%u.corp.example.net", kit_below(&seed, 5)); break;
		}
		say(&s, name, DNS_A, i % 4 == 0 ? DNS_NOERROR : DNS_NXDOMAIN, 40, 0);
		feed(e, &s, t, HOST + (i % 4 == 0 ? kit_below(&seed, 50) : (uint32_t)i % 4), RESOLVER);
	}
	engine_finish(e);
	assert_int_equal(h.n, 0);
	engine_free(e);
}

/* 25 bytes every 25 seconds: named within the day, once, and not opened anew at each question. */
static void
test_slow(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, NULL);
	struct said s;
	uint64_t seed = 5;
	char name[120], label[48];

	(void)state;
	for (int i = 0; i < 86400 / 25; i++) {
		random_label(&seed, label, 40);
		snprintf(name, sizeof(name), "%s.t.exfil.example", label);
		say(&s, name, DNS_TXT, DNS_NOERROR, 0, 0);
		feed(e, &s, T0 + (int64_t)i * 25 * NS_PER_S, HOST, RESOLVER);
	}
	engine_finish(e);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.opened[0].kind, KIND_DNS_TUNNEL);
	assert_true(addr_equal(&h.opened[0].subject.prefix.addr, &(struct addr){0}) == false);
	assert_true(h.opened[0].t_ns < T0 + 12 * 3600 * NS_PER_S);
	assert_int_equal(h.closed, 1);
	engine_free(e);
}

static void
strangers(unsigned int how, uint32_t n, const struct prefix *network, size_t want)
{
	static struct heard h;
	struct engine *e = start(&h, network);
	struct said s;

	for (uint32_t i = 0; i < 60; i++) {
		say(&s, "www.example.com", DNS_A, DNS_NOERROR, 16, how);
		feed(e, &s, T0 + i * NS_PER_S, STRANGER + i % n, HOST);
		/* its own people may ask it */
		feed(e, &s, T0 + i * NS_PER_S, HOST + 1 + i, HOST);
	}
	engine_finish(e);
	assert_int_equal(h.n, want);
	if (want > 0) {
		assert_int_equal(h.opened[0].kind, KIND_OPEN_RESOLVER);
		assert_int_equal(h.opened[0].role, ROLE_REFLECTOR);
	}
	engine_free(e);
}

static void
test_open_resolver(void **state)
{
	struct prefix ours, other;

	(void)state;
	assert_int_equal(prefix_parse("10.64.0.0/16", &ours), 0);
	assert_int_equal(prefix_parse("192.0.2.0/24", &other), 0);
	strangers(0, 3, &ours, 1);
	strangers(0, 3, NULL, 1);
	strangers(0, 2, &ours, 0);
	strangers(SAY_AA, 20, &ours, 0);      /* tells what is its own */
	strangers(SAY_NO_RA, 20, &ours, 0);   /* a referral of a server that does not recurse */
	strangers(0, 20, &other, 0);          /* not ours to judge */
}

/* Names that never come again, of zones that never come again: bounded, and the attacked one is still named. */
static void
test_bounds(void **state)
{
	static struct heard h;
	struct engine *e = start(&h, NULL);
	struct said s;
	uint64_t seed = 9;
	char name[120], label[40], zone[40];
	size_t zones = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		random_label(&seed, label, 9);
		random_label(&seed, zone, 12);
		if (i % 50 == 0)
			snprintf(zone, sizeof(zone), "victim");
		snprintf(name, sizeof(name), "%s.%s.com", label, zone);
		say(&s, name, DNS_A, DNS_NXDOMAIN, 60, SAY_NO_RD);
		feed(e, &s, T0 + i * (NS_PER_S / 2000), 0x08000000 + kit_below(&seed, 1 << 20), RESOLVER);
	}
	engine_finish(e);
	for (size_t i = 0; i < h.n; i++)
		zones += h.opened[i].kind == KIND_DNS_RANDOM_SUBDOMAIN;
	assert_int_equal(zones, 1);
	assert_int_equal(h.n, zones);
	engine_free(e);
}

/* What is turned off is silent, and the others are none the worse for it. */
static void
test_off(void **state)
{
	static struct heard h;
	struct detect_settings s;
	const char *near;
	char why[100], name[120], label[60];

	(void)state;
	detect_settings_defaults(&s);
	for (int k = 0; k < ALERT_KINDS; k++)
		assert_true(detect_enabled(&s, (enum alert_kind)k));
	assert_int_equal(detect_settings_set(&s, "dns-tunnel", "enabled", 0, "bool", why, sizeof(why), &near), 0);
	for (int k = 0; k < ALERT_KINDS; k++)
		assert_int_equal(detect_enabled(&s, (enum alert_kind)k), k != KIND_DNS_TUNNEL);
	assert_true(detect_settings_set(&s, "dns-tunnel", "enabled", 0, "", why, sizeof(why), &near) < 0); /* a plain 0 */
	assert_true(detect_settings_set(&s, "dns-tunnel", "enable", 0, "bool", why, sizeof(why), &near) < 0);
	assert_string_equal(near, "enabled");
	assert_true(detect_settings_set(&s, "engine", "enabled", 0, "bool", why, sizeof(why), &near) < 0);

	static const struct {
		const char *off;
		enum alert_kind named[3];
		size_t n;
	} c[] = {
		{NULL, {KIND_DNS_NXDOMAIN_FLOOD, KIND_DNS_RANDOM_SUBDOMAIN, KIND_DNS_TUNNEL}, 3},
		{"dns-random-subdomain", {KIND_DNS_NXDOMAIN_FLOOD, KIND_DNS_TUNNEL}, 2},
		{"dns-tunnel", {KIND_DNS_NXDOMAIN_FLOOD, KIND_DNS_RANDOM_SUBDOMAIN}, 2},
		{"dns-nxdomain-flood", {KIND_DNS_RANDOM_SUBDOMAIN, KIND_DNS_TUNNEL}, 2},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct engine *e;
		struct said m;
		uint64_t seed = 3;

		turned_off = c[i].off;
		e = start(&h, NULL);
		for (int k = 0; k < 3000; k++) {
			random_label(&seed, label, 10);
			snprintf(name, sizeof(name), "%s.victim.example", label);
			say(&m, name, DNS_A, DNS_NXDOMAIN, 80, 0);
			feed(e, &m, T0 + k * (NS_PER_S / 50), HOST, RESOLVER);
			random_label(&seed, label, 50);
			snprintf(name, sizeof(name), "%s.t.exfil.example", label);
			say(&m, name, DNS_TXT, DNS_NOERROR, 0, 0);
			feed(e, &m, T0 + k * (NS_PER_S / 50), HOST + 1, RESOLVER);
		}
		engine_finish(e);
		for (size_t k = 0; k < c[i].n; k++) {
			size_t n = 0;

			for (size_t a = 0; a < h.n; a++)
				n += h.opened[a].kind == c[i].named[k];
			assert_int_equal(n, 1);
		}
		assert_int_equal(h.n, c[i].n);
		engine_free(e);
	}
	turned_off = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zone), cmocka_unit_test(test_memo), cmocka_unit_test(test_filter),    cmocka_unit_test(test_sums),
		cmocka_unit_test(test_nxdomain),  cmocka_unit_test(test_subdomain), cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_attack),    cmocka_unit_test(test_ordinary),  cmocka_unit_test(test_slow),
		cmocka_unit_test(test_open_resolver), cmocka_unit_test(test_bounds), cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
