/* Other UDP amplifiers, at the victim: real ports, real first bytes, usual sizes. */
#include <string.h>

#include "tests/gen/carpet.h"
#include "tests/gen/hosts.h"
#include "tests/gen/packet.h"

struct vector {
	const char *name;
	uint16_t port;
	uint16_t least, most; /* payload bytes */
	uint8_t head_n;       /* even: see packet_udp_filled */
	const char *head;
};

static const struct vector vectors[] = {
	{"ntp", 123, 440, 440, 8, "\xd7\x00\x03\x2a\x00\x06\x00\x48"},
	{"ssdp", 1900, 270, 420, 18, "HTTP/1.1 200 OK\r\n "},
	{"cldap", 389, 1400, 1460, 8, "\x30\x84\x00\x00\x05\x80\x02\x01"},
	{"memcached", 11211, 1400, 1400, 14, "\x00\x01\x00\x00\x00\x20\x00\x00VALUE "},
	{"snmp", 161, 900, 1470, 8, "\x30\x82\x05\x10\x02\x01\x01\x04"},
	{"chargen", 19, 512, 1460, 8, " !\"#$%&'"},
	{"qotd", 17, 140, 400, 2, "\"A"},
	{"portmap", 111, 300, 486, 8, "\x65\x72\x0a\x37\x00\x00\x00\x01"},
	{"netbios", 137, 193, 229, 8, "\xe5\xd8\x84\x00\x00\x00\x00\x01"},
	{"mdns", 5353, 300, 1100, 8, "\x00\x00\x84\x00\x00\x01\x00\x08"},
	{"wsd", 3702, 800, 1400, 14, "<?xml version="},
	{"arms", 3283, 1048, 1048, 8, "\x00\x01\x04\x14\x00\x00\x00\x01"},
	{"coap", 5683, 500, 1280, 4, "\x60\x45\x00\x01"},
	{"rip", 520, 504, 504, 4, "\x02\x01\x00\x00"},
	{"steam", 27015, 300, 1400, 6, "\xff\xff\xff\xff\x44\x20"},
	{"quake", 27960, 600, 1300, 6, "\xff\xff\xff\xffst"},
	{"ubnt", 10001, 160, 206, 4, "\x01\x00\x00\x9a"},
	{"isakmp", 4500, 260, 420, 4, "\x00\x00\x00\x00"},
	{"bacnet", 47808, 250, 700, 4, "\x81\x0a\x01\x2c"},
	{"dvr-dhcp", 37810, 400, 800, 8, "\x20\x00\x00\x00" "DHIP"},
	{"sadp", 37020, 500, 1000, 14, "<?xml version="},
};

struct amp {
	const struct vector *v;
	struct rng rng;
	struct addr victim;
	int64_t gap_ns, stop_ns;
	uint32_t reflectors, least, most;
	uint16_t port; /* 0: random */
	struct label *label;
	struct carpet *carpet; /* NULL: one victim */
};

static void
fire(struct gen *g, struct event *e)
{
	struct amp *a = e->ctx;
	uint32_t n = rng_range(&a->rng, a->least, a->most);
	uint32_t peer = rng_below(&a->rng, a->reflectors);
	uint16_t port = a->port != 0 ? a->port : (uint16_t)rng_range(&a->rng, 1024, 65535);
	struct addr victim = a->carpet != NULL ? carpet_victim(g, a->carpet, &a->rng, &a->label) : a->victim;
	struct ends ends = {host_internet(0x616d70 + peer, !addr_is_v4(&victim)), victim, a->v->port, port};

	packet_udp_filled(g, &ends, a->v->head, a->v->head_n, n > a->v->head_n ? n - a->v->head_n : 0);
	label_mark(a->label, g->now_ns);
	e->t_ns += rng_exp(&a->rng, a->gap_ns);
	if (e->t_ns < a->stop_ns)
		gen_push(g, e);
}

void
scenario_amp(struct gen *g, struct opts *o, struct rng rng)
{
	struct amp *a = gen_alloc(g, 1, sizeof(*a));
	const char *vector = opt_text(o, "vector", "ntp"), *port = opt_text(o, "port", "random");
	uint64_t pps = opt_uint(o, "pps", 1000), size = opt_uint(o, "size", 0);
	int64_t start = opt_seconds(o, "start", "0"), stop = opt_seconds(o, "stop", "0");
	struct event e = {.t_ns = g->start_ns + start, .fire = fire, .ctx = a};

	a->victim = opt_addr(o, "victim", "10.64.1.78");
	a->reflectors = (uint32_t)opt_uint(o, "reflectors", 300);
	a->port = port[0] == 'r' ? 0 : (uint16_t)opt_uint(o, "port", 80);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		if (strcmp(vectors[i].name, vector) == 0)
			a->v = &vectors[i];
	if (a->v == NULL || pps == 0 || a->reflectors == 0)
		gen_fail("amp: no such vector as %s, or nothing to send", vector);
	a->least = size > 0 ? (uint32_t)size : a->v->least;
	a->most = size > 0 ? (uint32_t)size : a->v->most;
	a->rng = rng;
	a->gap_ns = (int64_t)(1000000000 / pps);
	a->stop_ns = stop > 0 ? g->start_ns + stop : g->end_ns;
	a->carpet = carpet_new(g, o, pps * 1000000);
	a->label = gen_label(g, "udp-amplification-victim", &a->victim);
	a->label->rate_micro = pps * 1000000;
	a->label->name = a->v->name;
	e.t_ns += rng_exp(&a->rng, a->gap_ns);
	if (e.t_ns < a->stop_ns)
		gen_push(g, &e);
}
