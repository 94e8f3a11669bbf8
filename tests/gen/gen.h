/* damp-gen: a deterministic traffic generator.
 *
 * A scenario is a set of event generators on one heap.  An event fires at its
 * time, writes its packets with that time, and pushes what follows from it (the
 * answer to a query, the next query).  So any number of scenarios merge in time
 * order, and memory is what is pending, not what is written.
 *
 * The same arguments give the same bytes on any machine: integers only, no
 * clock, no addresses, one random stream per scenario.
 */
#ifndef TESTS_GEN_GEN_H
#define TESTS_GEN_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "tests/gen/rng.h"

#define SECOND INT64_C(1000000000)
#define MS INT64_C(1000000)

struct gen;
struct event;

typedef void event_fn(struct gen *g, struct event *e);

struct fixed_name;

/* What a pending DNS answer needs to know. */
struct lookup {
	struct addr client, server;
	uint64_t name;       /* a name's number, see names.h */
	const struct fixed_name *fixed; /* when set, the name */
	uint32_t ttl;
	uint16_t id, sport, qtype, size; /* size: wanted DNS bytes, 0 = what falls out */
	uint8_t rcode;
	uint8_t flags;       /* enum lookup_flags */
	uint16_t edns;       /* offered by the query; 0: no OPT */
	uint8_t step;        /* of the exchange over TCP */
};

enum lookup_flags {
	LOOKUP_AA = 1, LOOKUP_TC = 2, LOOKUP_DO = 4, LOOKUP_RETRY_TCP = 8, LOOKUP_NO_RD = 16,
};

/* A transfer of packets between two ends, one packet or burst per event. */
struct transfer {
	struct addr client, server;
	uint32_t seq, ack;
	uint32_t left;     /* bytes or packets still to send */
	uint32_t gap_us;
	uint16_t cport, sport;
	uint16_t size, step;
};

struct event {
	int64_t t_ns;
	uint64_t order;    /* ties are broken by the order of pushing */
	event_fn *fire;
	void *ctx;         /* the scenario's state */
	union {
		struct lookup lookup;
		struct transfer transfer;
		uint64_t n;
	} u;
};

/* Pushes a copy.  Events at or after the scenario's end are the scenario's own business. */
void gen_push(struct gen *g, const struct event *e);

/* --- what a scenario reads ---------------------------------------------------------------- */

struct opt {
	const char *key, *value;
	bool used;
};

struct opts {
	const char *scenario;
	struct opt *opt;
	size_t n;
};

/* Missing keys give the default; a value that cannot be read ends the program with status 2. */
const char *opt_text(struct opts *o, const char *key, const char *def);
uint64_t opt_uint(struct opts *o, const char *key, uint64_t def);
bool opt_yes(struct opts *o, const char *key, bool def);
/* "2.5" as 2 500 000: decimal numbers in millionths, without floating point. */
uint64_t opt_micro(struct opts *o, const char *key, const char *def);
/* "1-7" or "3": both ends in millionths. */
void opt_micro_range(struct opts *o, const char *key, const char *def, uint64_t *lo, uint64_t *hi);
struct addr opt_addr(struct opts *o, const char *key, const char *def);
/* Comma separated, at most `max`; returns how many. */
size_t opt_addrs(struct opts *o, const char *key, const char *def, struct addr *a, size_t max);
struct prefix opt_prefix(struct opts *o, const char *key, const char *def);
int64_t opt_seconds(struct opts *o, const char *key, const char *def); /* as nanoseconds */
_Noreturn void gen_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *gen_alloc(struct gen *g, size_t n, size_t size); /* zeroed; never NULL; lives until the end */

/* --- labels ------------------------------------------------------------------------------- */

struct label {
	const char *kind;      /* a kind of the alert line */
	struct addr subject;
	char zone[256];        /* instead of the subject when not empty */
	int64_t first_ns, last_ns; /* of the attack packets written; 0: none yet */
	uint64_t packets;      /* attack packets at the side of the subject that is asked about */
	uint64_t rate_micro;   /* per second, in millionths */
	const char *qtype;     /* "" where there is none */
	const char *name;
	struct addr via;       /* resolver; all zero: none */
};

/* Owned by the generator, written at the end, in the order of making. */
struct label *gen_label(struct gen *g, const char *kind, const struct addr *subject);
static inline void
label_mark(struct label *l, int64_t t_ns)
{
	if (l->first_ns == 0)
		l->first_ns = t_ns;
	l->last_ns = t_ns;
	l->packets++;
}

/* --- the generator ------------------------------------------------------------------------ */

struct packet_writer;

struct gen {
	int64_t start_ns, end_ns;
	int64_t now_ns;        /* the event being fired */
	uint64_t seed;
	uint64_t default_pps;
	uint32_t ip_id;
	char drop;             /* of DNS over UDP: 'q'ueries or 'a'nswers; 0: nothing */
	struct packet_writer *out;
	struct event *heap;
	size_t heap_n, heap_cap;
	uint64_t pushed;
	struct owned *owned;   /* everything from gen_alloc */
	struct label **label;
	size_t label_n, label_cap;
};

struct scenario {
	const char *name, *what, *keys;
	void (*start)(struct gen *g, struct opts *o, struct rng rng);
};

extern const struct scenario scenarios[]; /* ends with a NULL name */

void scenario_benign(struct gen *g, struct opts *o, struct rng rng);
void scenario_infected(struct gen *g, struct opts *o, struct rng rng);
void scenario_reflection(struct gen *g, struct opts *o, struct rng rng);
void scenario_amp(struct gen *g, struct opts *o, struct rng rng);
void scenario_spoofed(struct gen *g, struct opts *o, struct rng rng);
void scenario_subdomain(struct gen *g, struct opts *o, struct rng rng);
void scenario_tunnel(struct gen *g, struct opts *o, struct rng rng);
void scenario_dga(struct gen *g, struct opts *o, struct rng rng);
void scenario_strangers(struct gen *g, struct opts *o, struct rng rng);
void scenario_lookalikes(struct gen *g, struct opts *o, struct rng rng);
void scenario_fragflood(struct gen *g, struct opts *o, struct rng rng);
void scenario_town(struct gen *g, struct opts *o, struct rng rng);
void scenario_active(struct gen *g, struct opts *o, struct rng rng);
void scenario_bulk(struct gen *g, struct opts *o, struct rng rng);
void scenario_stream(struct gen *g, struct opts *o, struct rng rng);

#endif
