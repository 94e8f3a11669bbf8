/* Hosts whose DNS looks like abuse to a naive eye: mail, validators, scanners, zone transfers, authoritative
 * servers. */
#include "tests/gen/benign.h"
#include "tests/gen/hosts.h"
#include "tests/gen/packet.h"

enum { MAIL_DOMAINS = 20000, SIGNED_ZONES = 4000 };

static void
ask_once(struct gen *g, struct process *p, struct lookup *q)
{
	if (!stub_cached(p->stub, q->name, q->qtype, g->now_ns))
		stub_lookup(g, p->stub, q);
}

/* One of the questions a message in or out gives rise to. */
void
act_mail(struct gen *g, struct process *p)
{
	uint32_t kind = rng_below(&p->rng, 1000), domain = rng_zipf(&p->rng, MAIL_DOMAINS);
	uint32_t peer = (uint32_t)mix64(rng_zipf(&p->rng, 50000)) & 0xdfffffff;
	struct lookup q = {.name = NAME(NAME_DOMAIN, domain), .qtype = DNS_MX};
	uint64_t h = mix64(domain);

	if (kind < 150) {
		q.name = NAME(NAME_REVERSE, peer);
		q.qtype = DNS_PTR;
		q.rcode = peer % 8 == 0 ? DNS_NXDOMAIN : DNS_NOERROR;
	} else if (kind < 500) {
		q.name = NAME(NAME_DNSBL, peer);
		q.qtype = DNS_A;
		q.rcode = peer % 7 != 0 ? DNS_NXDOMAIN : DNS_NOERROR; /* most senders are not listed */
	} else if (kind < 650) {
		q.qtype = DNS_TXT; /* SPF */
		q.size = (uint16_t)(150 + h % 400);
	} else if (kind < 780) {
		q.name = NAME(NAME_DKIM, domain);
		q.qtype = DNS_TXT;
		q.size = (uint16_t)(330 + h % 200);
	} else if (kind < 800) {
		q.qtype = DNS_ANY; /* old mailers ask so */
		q.size = (uint16_t)(200 + h % 1700);
		q.flags = LOOKUP_RETRY_TCP;
	} else if (kind < 900) {
		q.qtype = h & 1 ? DNS_A : DNS_AAAA;
	}
	ask_once(g, p, &q);
}

/* Keys and signatures: large answers, each asked for once per TTL. */
void
act_validator(struct gen *g, struct process *p)
{
	uint32_t zone = rng_zipf(&p->rng, SIGNED_ZONES), kind = rng_below(&p->rng, 3);
	struct lookup q = {.name = NAME(NAME_ZONE, zone), .qtype = DNS_DNSKEY, .flags = LOOKUP_DO};
	uint64_t h = mix64(zone);

	q.size = (uint16_t)(500 + h % 1200);
	if (kind == 1) {
		q.qtype = DNS_DS;
		q.size = (uint16_t)(360 + h % 100);
	} else if (kind == 2) {
		q.qtype = DNS_A;
		q.size = (uint16_t)(220 + h % 100);
	}
	ask_once(g, p, &q);
}

/* A scan of some files: a burst of names that nobody asked before. */
void
act_antivirus(struct gen *g, struct process *p)
{
	for (uint32_t n = rng_range(&p->rng, 5, 30); n > 0; n--) {
		struct lookup q = {.name = NAME(NAME_HASH, rng_next(&p->rng)), .qtype = n % 3 == 0 ? DNS_TXT : DNS_A};

		q.size = q.qtype == DNS_TXT ? (uint16_t)(100 + n * 4) : 0;
		stub_lookup(g, p->stub, &q);
	}
}

/* Our public server is asked by the world's resolvers; most names do not exist, and the denials are signed. */
void
act_authoritative(struct gen *g, struct process *p)
{
	struct lookup q = {.qtype = DNS_A, .flags = LOOKUP_AA | LOOKUP_NO_RD | LOOKUP_DO, .edns = 1232};
	uint32_t kind = rng_below(&p->rng, 1000), who = rng_zipf(&p->rng, 4000);

	q.client = host_internet(0x776f726c + who, false);
	q.server = p->stub->addr;
	q.id = (uint16_t)rng_next(&p->rng);
	q.sport = (uint16_t)rng_range(&p->rng, 1024, 65535);
	q.ttl = 3600;
	q.name = NAME(NAME_ZONE, rng_below(&p->rng, 500));
	if (kind < 630) {
		q.name = NAME(NAME_ABSENT, rng_next(&p->rng) % 1000000);
		q.rcode = DNS_NXDOMAIN;
		q.size = (uint16_t)(700 + rng_below(&p->rng, 300));
	} else if (kind < 680) {
		q.qtype = DNS_DNSKEY;
		q.size = 1180;
	} else {
		q.size = (uint16_t)(300 + rng_below(&p->rng, 300));
	}
	/* those resolvers have caches of their own: one shared table stands in for all of them */
	if (!stub_cached(p->stub, q.name ^ (uint64_t)who << 24, q.qtype, g->now_ns))
		lookup_start(g, &q, (int64_t)rng_range(&p->rng, 50, 300) * 1000);
}

/* AXFR over TCP (RFC 5936): one message of 1400 bytes a segment, from a primary out there to our secondary. */
static void
fire_axfr(struct gen *g, struct event *e)
{
	struct transfer *t = &e->u.transfer;
	struct ends down = {t->server, t->client, 53, t->cport}, up = {t->client, t->server, t->cport, 53};
	struct lookup q = {.name = NAME(NAME_ZONE, 7), .qtype = DNS_AXFR, .id = 77, .edns = 0, .flags = LOOKUP_AA, .ttl = 3600};
	uint8_t buf[MESSAGE_MAX + 2];
	size_t n;

	if (t->step == 0) {
		n = message_query(&q, buf + 2);
		buf[0] = 0;
		buf[1] = (uint8_t)n;
		packet_tcp(g, &up, 999, 0, TCP_SYN, NULL, 0);
		packet_tcp(g, &down, 1999, 1000, TCP_SYN | TCP_ACK, NULL, 0);
		packet_tcp(g, &up, 1000, 2000, TCP_ACK | TCP_PSH, buf, n + 2);
	} else {
		q.edns = 4096;
		q.size = 1398;
		n = message_answer(&q, buf + 2);
		buf[0] = (uint8_t)(n >> 8);
		buf[1] = (uint8_t)n;
		packet_tcp(g, &down, t->seq, 1100, TCP_ACK, buf, n + 2);
		t->seq += (uint32_t)n + 2;
		if (t->step % 2 == 0)
			packet_tcp(g, &up, 1100, t->seq, TCP_ACK, NULL, 0);
	}
	t->step++;
	e->t_ns += MS;
	if (--t->left > 0)
		gen_push(g, e);
}

void
act_transfer(struct gen *g, struct process *p)
{
	struct event e = {.t_ns = g->now_ns, .fire = fire_axfr};

	e.u.transfer = (struct transfer){.client = host_server(&p->town->net, 11), .server = host_internet(0x7072696d, false),
	    .left = 300, .seq = 2000, .cport = (uint16_t)rng_range(&p->rng, 32768, 60000)};
	gen_push(g, &e);
}
