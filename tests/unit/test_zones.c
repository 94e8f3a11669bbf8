/* Whose zone is it: floods and tunnels below suffixes of registries and of those with customers, with a list and without; and
 * addresses written backwards. */
#include <stdio.h>
#include <stdlib.h>

#include "detector/suffix.h"
#include "tests/unit/dns_kit.h"

enum { HOST = 0x0a400011, SEED = 42 };

static const char list[] =
    "// ===BEGIN ICANN DOMAINS===\ncom\nnet\norg\nuk\nco.uk\nck\n*.ck\nin-addr.arpa\n"
    "// ===END ICANN DOMAINS===\n"
    "// ===BEGIN PRIVATE DOMAINS===\nduckdns.org\ncloudfront.net\n// ===END PRIVATE DOMAINS===\n";

struct heard {
	struct alert opened[16];
	size_t n;
};

static void
hear(void *ctx, const struct alert *a)
{
	struct heard *h = ctx;

	if (a->action == ALERT_OPENED && h->n < 16)
		h->opened[h->n++] = *a;
}

struct bench {
	struct heard heard;
	struct suffixes *list;
	struct engine *e;
	uint64_t random;
};

static void
open_bench(struct bench *b, bool with_list)
{
	struct suffix_facts facts;
	char why[160] = "";

	memset(b, 0, sizeof(*b));
	b->random = 7;
	b->list = with_list ? suffixes_new(list, sizeof(list) - 1, SEED, &facts, why, sizeof(why)) : NULL;
	b->e = kit_engine(hear, &b->heard, (struct engine_config){.seed = SEED, .suffixes = b->list});
}

static void
close_bench(struct bench *b)
{
	engine_free(b->e);
	suffixes_free(b->list);
}

static void
answer(struct bench *b, int64_t t_ns, uint32_t client, const char *name, uint16_t qtype, uint8_t rcode)
{
	const struct kit_message m = {.name = name, .qtype = qtype, .rcode = rcode, .response = true, .records = rcode == 0, .ttl = {60}};
	struct kit_packet k;

	kit_say(&k, &m, t_ns, client, RESOLVER);
	kit_put(b->e, &k.flow);
}

static const char *
letters(struct bench *b, char *p, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = "abcdefghijklmnopqrstuvwxyz234567"[kit_below(&b->random, 32)];
	p[n] = '\0';
	return p;
}

/* The pattern with `one` for each '$' and `two` for each '@'. */
static const char *
expand(char *out, size_t room, const char *pattern, const char *one, const char *two)
{
	size_t n = 0;

	for (; *pattern != '\0'; pattern++)
		n += (size_t)snprintf(out + n, room - n, "%.*s", *pattern == '$' || *pattern == '@' ? 100 : 1,
		    *pattern == '$' ? one : *pattern == '@' ? two : pattern);
	return out;
}

static void
question(struct bench *b, int64_t t_ns, uint32_t client, const char *name)
{
	const struct kit_message m = {.name = name, .qtype = DNS_A};
	struct kit_packet k;

	kit_say(&k, &m, t_ns, client, RESOLVER);
	kit_put(b->e, &k.flow);
}

/* 50 questions a second for a minute from 60 clients, '$' and '@' being random (`customers`: one of so many): what is named. */
static void
flood_seen(bool with_list, bool answered, const char *pattern, int customers, const char *want)
{
	static struct bench b;
	char label[16], owner[16], name[128];

	open_bench(&b, with_list);
	for (int i = 0; i < 3000; i++) {
		if (customers > 0)
			snprintf(owner, sizeof(owner), "c%d", (int)kit_below(&b.random, (uint32_t)customers));
		else
			letters(&b, owner, 10);
		expand(name, sizeof(name), pattern, letters(&b, label, 10), owner);
		if (answered)
			answer(&b, T0 + i * (NS_PER_S / 50), HOST + kit_below(&b.random, 60), name, DNS_A, DNS_NXDOMAIN);
		else
			question(&b, T0 + i * (NS_PER_S / 50), HOST + kit_below(&b.random, 60), name);
	}
	engine_finish(b.e);
	assert_int_equal(b.heard.n, want != NULL);
	if (want != NULL) {
		assert_int_equal(b.heard.opened[0].kind, KIND_DNS_RANDOM_SUBDOMAIN);
		assert_string_equal(b.heard.opened[0].subject.name, want);
		assert_true(b.heard.opened[0].t_ns <= T0 + 13 * NS_PER_S);
	}
	close_bench(&b);
}

static void
flood(bool with_list, const char *pattern, int customers, const char *want)
{
	flood_seen(with_list, true, pattern, customers, want);
}

static void
test_floods(void **state)
{
	(void)state;
	/* one customer, many customers, customers that do not exist */
	flood(true, "$.foo.duckdns.org", 0, "foo.duckdns.org");
	for (int n = 8; n <= 128; n *= 2)
		flood(true, "$.@.duckdns.org", n, "duckdns.org");
	flood(true, "$.@.duckdns.org", 0, "duckdns.org");
	flood(true, "@.duckdns.org", 0, "duckdns.org");
	/* without a list all of them are one zone */
	flood(false, "$.foo.duckdns.org", 0, "duckdns.org");
	flood(false, "@.duckdns.org", 0, "duckdns.org");
	/* registries: who is hit is the one below them; a wildcard of theirs reaches a label deeper */
	flood(true, "$.shop.co.uk", 0, "shop.co.uk");
	flood(false, "$.shop.co.uk", 0, "shop.co.uk");
	flood(true, "$.shop.any.ck", 0, "shop.any.ck");
	flood(true, "$.shop.lan", 0, "shop.lan");
	/* bytes that are no letters */
	flood(true, "$\\255\\000.shop.com", 0, "shop.com");
	/* registrable names themselves, single labels: of no zone that could be told from its neighbours */
	flood(true, "@.co.uk", 0, NULL);
	flood(true, "@", 0, NULL);
	flood(true, ".", 0, NULL);
}

/* Where the answers are not seen, the questions say the same. */
static void
test_unanswered(void **state)
{
	(void)state;
	flood_seen(true, false, "$.foo.duckdns.org", 0, "foo.duckdns.org");
	for (int n = 8; n <= 128; n *= 4)
		flood_seen(true, false, "$.@.duckdns.org", n, "duckdns.org");
	flood_seen(true, false, "@.duckdns.org", 0, "duckdns.org");
	flood_seen(false, false, "$.foo.duckdns.org", 0, "duckdns.org");
	flood_seen(true, false, "@.co.uk", 0, NULL);
}

/* --- addresses written backwards ----------------------------------------------------------------------------- */

static void
reverse(const char *pattern, bool nibbles, uint32_t clients, const char *want)
{
	static struct bench b;
	char name[128], digits[64], other[8];

	open_bench(&b, true);
	for (int i = 0; i < 3000; i++) {
		if (nibbles) {
			for (int d = 0; d < 24; d++) {
				digits[2 * d] = "0123456789abcdef"[kit_below(&b.random, 16)];
				digits[2 * d + 1] = '.';
			}
			digits[48] = '\0';
		} else {
			snprintf(digits, sizeof(digits), "%u.%u.", kit_below(&b.random, 256), kit_below(&b.random, 256));
		}
		snprintf(other, sizeof(other), "%u", kit_below(&b.random, 224));
		expand(name, sizeof(name), pattern, digits, other);
		answer(&b, T0 + i * (NS_PER_S / 50), HOST + kit_below(&b.random, clients), name, DNS_PTR, DNS_NXDOMAIN);
	}
	engine_finish(b.e);
	assert_int_equal(b.heard.n, want != NULL);
	if (want != NULL) {
		assert_int_equal(b.heard.opened[0].kind, KIND_DNS_RANDOM_SUBDOMAIN);
		assert_string_equal(b.heard.opened[0].subject.name, want);
	}
	close_bench(&b);
}

static void
test_reverse(void **state)
{
	(void)state;
	reverse("$113.203.in-addr.arpa", false, 40, "113.203.in-addr.arpa");
	reverse("$8.b.d.0.1.0.0.2.ip6.arpa", true, 40, "8.b.d.0.1.0.0.2.ip6.arpa");
	/* who reads logs or lists a network, and addresses all over the world */
	reverse("$113.203.in-addr.arpa", false, 2, NULL);
	reverse("$8.b.d.0.1.0.0.2.ip6.arpa", true, 2, NULL);
	reverse("$@.203.in-addr.arpa", false, 40, NULL);
	/* asked of nobody beyond the resolver */
	reverse("$64.10.in-addr.arpa", false, 40, NULL);
	reverse("$168.192.in-addr.arpa", false, 40, NULL);
	reverse("$100.100.in-addr.arpa", false, 40, NULL);
	reverse("$16.172.in-addr.arpa", false, 40, NULL);
	reverse("$254.169.in-addr.arpa", false, 40, NULL);
	reverse("$0.0.0.0.0.0.d.f.ip6.arpa", true, 40, NULL);
	/* no address at all */
	reverse("$x.y.in-addr.arpa", false, 40, NULL);
	reverse("$1.e164.arpa", false, 40, NULL);
}

/* --- what names carry ------------------------------------------------------------------------------------------ */

/* A tunnel below a customer's name is his, however many clients other customers have. */
static void
tunnel(bool with_list, const char *want)
{
	static struct bench b;
	char data[48], other[16], name[128];

	open_bench(&b, with_list);
	for (int i = 0; i < 1200; i++) {
		int64_t t = T0 + i * (NS_PER_S / 10);

		snprintf(name, sizeof(name), "%s.t.foo.duckdns.org", letters(&b, data, 40));
		answer(&b, t, HOST, name, DNS_TXT, DNS_NOERROR);
		snprintf(name, sizeof(name), "%s.c%s.duckdns.org", letters(&b, data, 12), letters(&b, other, 8));
		answer(&b, t + 1000, HOST + 1 + kit_below(&b.random, 60), name, DNS_A, DNS_NOERROR);
	}
	engine_finish(b.e);
	assert_int_equal(b.heard.n, want != NULL);
	if (want != NULL) {
		char zone[DNS_NAME_TEXT];
		struct addr host = kit_addr(HOST);

		assert_int_equal(b.heard.opened[0].kind, KIND_DNS_TUNNEL);
		assert_true(addr_equal(&b.heard.opened[0].subject.prefix.addr, &host));
		assert_string_equal(dns_name_text(b.heard.opened[0].qname, b.heard.opened[0].qname_len, zone), want);
	}
	close_bench(&b);
}

/* A network for content: each name is another customer's, and none of them is told anything. */
static void
content(bool with_list, size_t want)
{
	static struct bench b;
	char label[80], name[128];

	open_bench(&b, with_list);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%s.cloudfront.net", letters(&b, label, 50));
		answer(&b, T0 + i * (NS_PER_S / 2), HOST, name, DNS_A, DNS_NOERROR);
	}
	engine_finish(b.e);
	assert_int_equal(b.heard.n, want);
	close_bench(&b);
}

static void
test_carried(void **state)
{
	(void)state;
	tunnel(true, "foo.duckdns.org");
	tunnel(false, NULL); /* sixty clients of the same zone raise what is needed */
	content(true, 0);
	content(false, 1);
}

/* --- data or noise ----------------------------------------------------------------------------------------------- */

struct failing {
	uint32_t clients, rate, seconds;
	int letters;
	uint16_t qtype;
	uint8_t rcode;
	uint32_t others;      /* clients of the zone whose names exist */
	const char *unwanted; /* a kind that is turned off, or NULL */
};

/* New names that fail in one zone: the one thing that is told of it, beside clients' failing questions; -1: nothing. */
static void
fails(const struct failing f, int want)
{
	static struct bench b;
	static struct detect_settings settings;
	struct addr host = kit_addr(HOST);
	const char *near;
	char label[64], name[128], why[160];

	memset(&b, 0, sizeof(b));
	b.random = 7;
	detect_settings_defaults(&settings);
	if (f.unwanted != NULL)
		assert_int_equal(detect_settings_set(&settings, f.unwanted, "enabled", 0, "bool", why, sizeof(why), &near), 0);
	assert_int_equal(detect_settings_set(&settings, "dns-nxdomain-flood", "enabled", 0, "bool", why, sizeof(why), &near), 0);
	b.e = kit_engine(hear, &b.heard, (struct engine_config){.seed = SEED, .settings = &settings});
	for (uint32_t i = 0; i < f.rate * f.seconds; i++) {
		int64_t t = T0 + (int64_t)(i * (NS_PER_S / f.rate));

		snprintf(name, sizeof(name), "%s.victim.example", letters(&b, label, f.letters));
		answer(&b, t, HOST + i % f.clients, name, f.qtype, f.rcode);
		if (f.rcode == DNS_REFUSED) /* the next server may know */
			answer(&b, t + 1000, HOST + i % f.clients, name, f.qtype, f.rcode);
		if (f.others > 0 && i % 10 == 0) {
			snprintf(name, sizeof(name), "%s.victim.example", letters(&b, label, 8));
			answer(&b, t + 2000, HOST + 100 + kit_below(&b.random, f.others), name, DNS_A, DNS_NOERROR);
		}
	}
	engine_finish(b.e);
	assert_int_equal(b.heard.n, want >= 0);
	if (want >= 0)
		assert_int_equal(b.heard.opened[0].kind, want);
	if (want == KIND_DNS_TUNNEL)
		assert_true(addr_equal(&b.heard.opened[0].subject.prefix.addr, &host));
	close_bench(&b);
}

static void
test_failing(void **state)
{
	enum { TUNNEL = KIND_DNS_TUNNEL, FLOOD = KIND_DNS_RANDOM_SUBDOMAIN };

	(void)state;
	/* thirty bytes a second, by whatever code, and the same where the server is asked twice */
	fails((struct failing){1, 2, 1500, 48, DNS_A, DNS_NXDOMAIN, 0, NULL}, TUNNEL);
	fails((struct failing){1, 2, 1500, 48, DNS_A, DNS_SERVFAIL, 0, NULL}, TUNNEL);
	fails((struct failing){1, 2, 1500, 48, DNS_A, DNS_REFUSED, 0, NULL}, TUNNEL);
	fails((struct failing){1, 2, 900, 48, DNS_A, DNS_NXDOMAIN, 0, NULL}, -1); /* 43 200 of 50 000 B */
	fails((struct failing){1, 2, 200, 30, DNS_TXT, DNS_NXDOMAIN, 0, NULL}, TUNNEL);
	/* as fast as a flood */
	fails((struct failing){1, 15, 200, 48, DNS_A, DNS_NXDOMAIN, 0, NULL}, TUNNEL);
	fails((struct failing){1, 15, 200, 30, DNS_TXT, DNS_NXDOMAIN, 0, NULL}, TUNNEL);
	/* a flood: short names, many clients, a zone that others use; for half an hour no client of it is a tunnel's */
	fails((struct failing){1, 15, 2000, 30, DNS_A, DNS_NXDOMAIN, 0, NULL}, FLOOD);
	fails((struct failing){40, 100, 300, 60, DNS_A, DNS_NXDOMAIN, 0, NULL}, FLOOD);
	fails((struct failing){40, 100, 300, 60, DNS_TXT, DNS_SERVFAIL, 0, NULL}, FLOOD);
	fails((struct failing){1, 15, 600, 48, DNS_A, DNS_NXDOMAIN, 40, NULL}, FLOOD);
	/* what one of both does not look for is the other's */
	fails((struct failing){1, 15, 200, 48, DNS_A, DNS_NXDOMAIN, 0, "dns-tunnel"}, FLOOD);
	fails((struct failing){1, 15, 600, 48, DNS_A, DNS_NXDOMAIN, 0, "dns-random-subdomain"}, TUNNEL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floods), cmocka_unit_test(test_unanswered), cmocka_unit_test(test_reverse), cmocka_unit_test(test_carried),
		cmocka_unit_test(test_failing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
