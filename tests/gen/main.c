/* damp-gen: reads the command line, starts the scenarios, runs the heap of events dry. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gen/gen.h"
#include "tests/gen/packet.h"

const struct scenario scenarios[] = {
	{"benign", "ordinary customers, mail, forwarders, validators, resolvers, web, QUIC, NTP, VPN, calls",
	    "net= net6= clients= clients6= dns= resolver= resolver6= recursion= nocache= mail= mailrate= forwarders= "
	    "cgnat= subs= validators= validators6= validatorrate= mail6= office= antivirus= ntp= icmp= web= quic= translated= calls= vpn= speedtests= transfers= "
	    "authoritative= authrate=", scenario_benign},
	{"infected", "customers that query for amplified answers through a resolver",
	    "hosts= hosts6= net= net6= rate=A[-B] qtype= name= answer= edns= do= resolver= resolver6= start= stop= "
	    "stagger= ports=random|PORT arrival=regular|poisson v6= ordinary= ttl= first= together= address= "
	    "rotate=QUERIES rotate_s=SECONDS", scenario_infected},
	{"reflection", "DNS answers nobody here asked for, arriving at a victim",
	    "victim= reflectors= rate= qtype= name= answer= start= stop= two_sided= port=random|PORT "
	    "spread= targets= move= victims= server=", scenario_reflection},
	{"amp", "another UDP amplifier's answers arriving at a victim",
	    "vector= victim= reflectors= pps= size= start= stop= port=random|PORT spread= targets= move=", scenario_amp},
	{"spoofed", "queries to one resolver, every source new", "target= pps= packets= name=random|NAME v6= net= net6= answer= start= stop=",
	    scenario_spoofed},
	{"subdomain", "random names below one zone, asked by many clients through a resolver",
	    "zone= clients= net= rate= rcode= answers=yes|no retries= resolver= start= stop= labels=MIN-MAX", scenario_subdomain},
	{"fragflood", "UDP fragments to a victim", "victim= pps= size= sources= headless= start= stop=", scenario_fragflood},
	{"tunnel", "data in new names below a zone, so many bytes a second",
	    "clients= net= rate= chunk= qtype= answer= rcode= zone= resolver= start= stop=", scenario_tunnel},
	{"dga", "generated domains that do not exist", "clients= net= rate= rcode= resolver= start= stop=", scenario_dga},
	{"strangers", "the world asks a resolver of ours; authoritative=yes: a public server instead; kind=KIND, none: labelled so",
	    "server= given= net= strangers= rate= authoritative= kind= resolver= start= stop=", scenario_strangers},
	{"lookalikes", "ordinary names that look like abuse: disposable, hashes, block lists, reverse, probes, a lost suffix",
	    "disposable= scanner= blocklist= reverse= probes= suffix= clients= net= resolver= start= stop=", scenario_lookalikes},
	{"town", "a hundred thousand subscribers over days: sessions, devices, an update's evening, monitors",
	    "net= net6= subs= sessions=A-DAY resolver= resolver6= recursion= web=PERMILLE rush=PERCENT rush_hour= "
	    "fetch=PERMILLE devices= monitors= progress=", scenario_town},
	{"active", "hosts that are all at work, each with two or three resolvers and a server", "hosts= rate=HOSTS-A-SECOND rounds= servers= net=",
	    scenario_active},
	{"stream", "bulk transfers at a steady rate: a backup (up=yes), a cache that is filled, an update, QUIC",
	    "host= hosts= net= server= servers= pps= size= up= quic= start= stop=", scenario_stream},
	{"bulk", "mixed traffic in quantity, for timing", "packets= pps= size= hosts= net= net6= v6= servers= dns=",
	    scenario_bulk},
	{NULL, NULL, NULL, NULL},
};

/* --- memory --- */

struct owned {
	struct owned *next;
	max_align_t bytes[];
};

void *
gen_alloc(struct gen *g, size_t n, size_t size)
{
	struct owned *o = size > 0 && n > SIZE_MAX / 2 / size ? NULL : calloc(1, sizeof(*o) + n * size);

	if (o == NULL)
		gen_fail("out of memory");
	o->next = g->owned;
	g->owned = o;
	return o->bytes;
}

static void
gen_done(struct gen *g)
{
	while (g->owned != NULL) {
		struct owned *o = g->owned;

		g->owned = o->next;
		free(o);
	}
	free(g->heap);
	free(g->label);
}

/* --- the heap --- */

static bool
before(const struct event *a, const struct event *b)
{
	return a->t_ns != b->t_ns ? a->t_ns < b->t_ns : a->order < b->order;
}

void
gen_push(struct gen *g, const struct event *e)
{
	size_t i = g->heap_n;
	struct event moved = *e;

	if (g->heap_n == g->heap_cap) {
		g->heap_cap = g->heap_cap > 0 ? g->heap_cap * 2 : 1024;
		g->heap = realloc(g->heap, g->heap_cap * sizeof(*g->heap));
		if (g->heap == NULL)
			gen_fail("out of memory");
	}
	moved.order = g->pushed++;
	g->heap_n++;
	while (i > 0 && before(&moved, &g->heap[(i - 1) / 2])) {
		g->heap[i] = g->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	g->heap[i] = moved;
}

static struct event
pop(struct gen *g)
{
	struct event top = g->heap[0], last = g->heap[--g->heap_n];
	size_t i = 0;

	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= g->heap_n)
			break;
		if (c + 1 < g->heap_n && before(&g->heap[c + 1], &g->heap[c]))
			c++;
		if (!before(&g->heap[c], &last))
			break;
		g->heap[i] = g->heap[c];
		i = c;
	}
	g->heap[i] = last;
	return top;
}

/* --- labels --- */

struct label *
gen_label(struct gen *g, const char *kind, const struct addr *subject)
{
	struct label *l = gen_alloc(g, 1, sizeof(*l));

	if (g->label_n == g->label_cap) {
		g->label_cap = g->label_cap > 0 ? g->label_cap * 2 : 64;
		g->label = realloc(g->label, g->label_cap * sizeof(struct label *));
		if (g->label == NULL)
			gen_fail("out of memory");
	}
	l->kind = kind;
	l->subject = *subject;
	l->qtype = l->name = "";
	g->label[g->label_n++] = l;
	return l;
}

static void
write_labels(const struct gen *g, const char *path)
{
	FILE *f = fopen(path, "w");
	static const struct addr none;

	if (f == NULL)
		gen_fail("cannot write %s", path);
	fputs("#kind\tsubject\tfirst\tlast\tpackets\trate\tqtype\tname\tresolver\n", f);
	for (size_t i = 0; i < g->label_n; i++) {
		const struct label *l = g->label[i];
		char ip[ADDR_TEXT], via[ADDR_TEXT] = "-";

		if (l->first_ns == 0)
			continue;
		if (!addr_equal(&l->via, &none))
			addr_text(&l->via, via);
		fprintf(f, "%s\t%s\t%lld.%06lld\t%lld.%06lld\t%llu\t%llu.%03llu\t%s\t%s\t%s\n", l->kind,
		    l->zone[0] != '\0' ? l->zone : addr_text(&l->subject, ip),
		    (long long)(l->first_ns / SECOND), (long long)(l->first_ns % SECOND / 1000),
		    (long long)(l->last_ns / SECOND), (long long)(l->last_ns % SECOND / 1000),
		    (unsigned long long)l->packets, (unsigned long long)(l->rate_micro / 1000000),
		    (unsigned long long)(l->rate_micro % 1000000 / 1000), l->qtype[0] != '\0' ? l->qtype : "-",
		    l->name[0] != '\0' ? l->name : "-", via);
	}
	if (fclose(f) != 0)
		gen_fail("cannot write %s", path);
}

/* --- the command line --- */

static void
list(void)
{
	for (const struct scenario *s = scenarios; s->name != NULL; s++)
		printf("%-11s %s\n            %s\n", s->name, s->what, s->keys);
}

struct args {
	const char *out, *labels;
	uint64_t seed, pps;
	int64_t start_ns, duration_ns;
	uint32_t snaplen, fragment_snaplen;
	char drop;
};

static uint64_t
number(const char *option, const char *text, uint64_t lo, uint64_t hi)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || v < lo || v > hi)
		gen_fail("%s takes a number from %llu to %llu, not '%s'", option, (unsigned long long)lo,
		    (unsigned long long)hi, text);
	return v;
}

/* Returns how many arguments were options. */
static int
options(int argc, char **argv, struct args *a)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(o, "--list") == 0) {
			list();
			exit(0);
		}
		i++;
		if (strcmp(o, "--seed") == 0)
			a->seed = number(o, v, 0, UINT64_MAX);
		else if (strcmp(o, "--start") == 0)
			a->start_ns = (int64_t)number(o, v, 0, UINT32_MAX) * SECOND;
		else if (strcmp(o, "--duration") == 0)
			a->duration_ns = (int64_t)number(o, v, 1, 10000000) * SECOND;
		else if (strcmp(o, "--pps") == 0)
			a->pps = number(o, v, 1, 100000000);
		else if (strcmp(o, "--snaplen") == 0)
			a->snaplen = (uint32_t)number(o, v, 64, 65535);
		else if (strcmp(o, "--fragment-snaplen") == 0)
			a->fragment_snaplen = (uint32_t)number(o, v, 64, 65535);
		else if (strcmp(o, "--drop") == 0 && (strcmp(v, "answers") == 0 || strcmp(v, "queries") == 0))
			a->drop = v[0];
		else if (strcmp(o, "--labels") == 0)
			a->labels = v;
		else if (strcmp(o, "-o") == 0)
			a->out = v;
		else
			gen_fail("unknown option %s (--list shows the scenarios)", o);
	}
	return i;
}

/* One scenario and its keys, from argv[i] to "+" or the end; returns where the next begins. */
static int
scenario(struct gen *g, int argc, char **argv, int i, unsigned int index)
{
	const struct scenario *s = scenarios;
	struct opts o = {argv[i], gen_alloc(g, (size_t)argc, sizeof(struct opt)), 0};

	while (s->name != NULL && strcmp(s->name, argv[i]) != 0)
		s++;
	if (s->name == NULL)
		gen_fail("unknown scenario %s (--list shows them)", argv[i]);
	for (i++; i < argc && strcmp(argv[i], "+") != 0; i++) {
		char *eq = strchr(argv[i], '=');

		if (eq == NULL)
			gen_fail("%s: '%s' is not key=value", o.scenario, argv[i]);
		*eq = '\0';
		o.opt[o.n++] = (struct opt){argv[i], eq + 1, false};
	}
	s->start(g, &o, rng_seeded(mix64(g->seed) + index));
	for (size_t k = 0; k < o.n; k++)
		if (!o.opt[k].used)
			gen_fail("%s: unknown key %s (has: %s)", o.scenario, o.opt[k].key, s->keys);
	return i + 1;
}

int
main(int argc, char **argv)
{
	/* 2026-03-01 12:00:00 UTC */
	struct args a = {.seed = 1, .start_ns = INT64_C(1772366400) * SECOND, .duration_ns = 60 * SECOND,
	    .pps = 100000, .snaplen = 65535, .fragment_snaplen = 65535};
	struct gen g = {0};
	int i = options(argc, argv, &a);

	if (i >= argc || a.out == NULL)
		gen_fail("usage: damp-gen [--seed N] [--start EPOCH] [--duration S] [--pps N] [--snaplen N] "
		    "[--fragment-snaplen N] [--drop answers|queries] [--labels FILE] -o FILE|- SCENARIO [key=value ...] [+ SCENARIO ...]");
	g.start_ns = a.start_ns;
	g.end_ns = a.start_ns + a.duration_ns;
	g.seed = a.seed;
	g.default_pps = a.pps;
	g.drop = a.drop;
	g.out = packet_writer_open(&g, a.out, a.snaplen, a.fragment_snaplen < a.snaplen ? a.fragment_snaplen : a.snaplen);
	for (unsigned int n = 0; i < argc; n++)
		i = scenario(&g, argc, argv, i, n);
	while (g.heap_n > 0) {
		struct event e = pop(&g);

		g.now_ns = e.t_ns;
		e.fire(&g, &e);
	}
	fprintf(stderr, "damp-gen: %llu packets\n", (unsigned long long)packet_writer_close(g.out));
	if (a.labels != NULL)
		write_labels(&g, a.labels);
	gen_done(&g);
	return 0;
}
