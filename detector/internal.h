/* The engine's own struct, shared by engine.c, tick.c and view.c; nobody else includes it. */
#ifndef DETECTOR_INTERNAL_H
#define DETECTOR_INTERNAL_H

#include "base/prefixmap.h"
#include "detector/areas.h"
#include "detector/asked.h"
#include "detector/baseline.h"
#include "detector/budget.h"
#include "detector/copies.h"
#include "detector/cover.h"
#include "detector/customer.h"
#include "detector/engine.h"
#include "detector/group_baseline.h"
#include "detector/ledger.h"
#include "detector/life.h"
#include "detector/drawn.h"
#include "detector/link_load.h"
#include "detector/shard.h"
#include "detector/watch.h"
#include "detector/why.h"

enum { SERIES_POINTS = 7200, SERVERS = 1 << 13, WORDS = 512, LEVEL_GENERAL = 2 };

/* A curve: one ring of points from the first tick on; when it is full, points are merged two by two and
 * the width doubles, so that any length of run fits. */
struct curve {
	struct series_point *point;
	size_t n;
	int64_t start_s;
	uint32_t width_s;
};

/* A DNS server as seen from its clients, to find resolvers by what they do and floods upon them. */
struct server {
	struct addr addr;
	uint32_t tick;
	uint32_t queries, answers, fresh;   /* of this tick */
	uint64_t query_bytes;
	uint32_t clients;                   /* most distinct clients answered in one tick */
	uint32_t clients_now;
	uint32_t answered_tick;             /* its last answer; 0: none */
	uint64_t answers_all;               /* since it entered */
	uint32_t asked_lately, answered_lately, lately_tick; /* fading; see asked.c */
	int64_t from_ns, to_ns;             /* what the records of this tick cover; 0: none */
	uint32_t sampling;                  /* of this tick, the coarsest */
	bool used;
};

/* What `damp why` says of a kind that is not looked for. */
#define ENGINE_OFF "not looked for: the configuration turns this kind off (enabled: false)"

enum { FAILING_BITS = 1 << 12 };

struct judged {
	struct watch *watch;
	const struct detector *detector;
	struct watch *host;  /* whose verdict as an abuser names the customer in `watch`; NULL: its own counts */
};

struct engine {
	struct shard_env env;
	struct shard shard[SHARDS];
	struct watches watches;
	struct watches areas;       /* prefixes and links */
	struct area_facts *facts;   /* one for each place in the pool of areas */
	struct link_load *link_load;
	struct book book;
	struct copies copies;
	struct detect_settings settings;
	struct engine_group *group; /* members are not kept: places know them */
	size_t groups_n;
	struct engine_sink sink;
	struct prefixmap places_map;
	struct place *places;
	bool networks_known;
	const char **link_name;
	uint64_t *link_capacity, *link_bps;
	size_t links_n;
	struct series_point *link_dns; /* DNS of this tick, by link */
	struct cover **cover;       /* what records tell: 1 + links_n; NULL until the first one came */
	struct budget budget;
	bool seed_kept;

	/* event time: tick t covers the second tick0_s + t */
	bool started;
	int64_t tick0_s;
	int64_t end_ns;             /* of the current tick; it begins at env.begin_ns */
	int64_t strange_ns;         /* time of the last flow with an impossible time */
	uint32_t strange_n;
	uint32_t late_n;            /* late flows in a row */
	/* How long records let us wait: the longest time from the start of one to when it was told, in this hour and the
	 * one before.  Silence that is shorter means nothing. */
	uint32_t report_s[2], report_tick;
	uint32_t last_query_tick;   /* DNS queries were seen */

	struct curve *curve;        /* 1 + links_n */
	struct server *server;      /* sets of 4 */
	uint32_t *server_touched;
	uint32_t server_touched_n;
	struct judged *judged;
	const struct alert **queue; /* lines of this tick, in the book; at most one for each watch */
	size_t queue_n;

	/* memory over days */
	struct ledger ledger;
	struct asked_memory asked;
	uint64_t failing[FAILING_BITS / 64]; /* clients that may be among the failing ones, by a cheap hash */
	struct drawn drawn;
	struct customers customers;
	struct baselines baselines;
	struct group_baseline *group_level; /* other hosts, DNS servers in general, then the configured groups */
	uint32_t levels_tick;       /* of the latest look */
	uint32_t levels_hour;       /* since 1970: the first one that groups have not learned; 0: none has passed */
	bool report_records;        /* records came lately: rates are known in minutes only */
	char *words[WORDS];         /* texts of restored alerts, which are static elsewhere */
	size_t words_n;

	struct engine_stats stats;

	struct why *why;            /* NULL: nobody asks */
};

/* names_tick.c: marks the clients whose questions failed in this tick; before the pairs. */
void names_mark_failing(struct engine *e);
/* names_tick.c: what is remarkable in the shards' names goes into watches; after the pairs. */
void names_close_tick(struct engine *e);
/* Whether what a client asks is judged at all: strangers and those who ask for others are not. */
bool names_judged_here(const struct engine *e, const struct addr *a, struct place place);
/* The figures that a carrier is judged by. */
struct names_figures names_carried(const struct carrier *c, const struct carried *sums, uint32_t tick);
/* A pair that answered recursion. */
void names_take_pair(struct engine *e, const struct pair *p, bool stranger);
/* Forgets this tick's counters. */
void names_tick_done(struct engine *e);
/* How long records let us wait, in seconds. */
static inline uint32_t
engine_report_s(const struct engine *e)
{
	return e->report_s[0] > e->report_s[1] ? e->report_s[0] : e->report_s[1];
}

/* curves.c: the tick's sums, and what records told of earlier ones. */
void engine_grow_curves(struct engine *e);

/* tick.c: closes the current tick and starts the next. */
void engine_close_tick(struct engine *e);
/* judging.c: the verdicts of a tick, and what they do to alerts; at the end of the input all alerts close. */
void engine_judge(struct engine *e);
void engine_end_alerts(struct engine *e);

/* level.c: looks at the hosts with a baseline. */
void engine_levels(struct engine *e);

/* Adds what one second held; the gap to the last point is filled with zeros. */
void curve_add(struct curve *c, int64_t second, const struct series_point *p);

/* Whether a client's watch is under an attack that has an alert: its own, or one of its whole prefix. */
bool engine_is_hit(const struct engine *e, const struct watch *w);

/* Outside or inside: may the detector of servers look at this pair, or that of clients? */
bool engine_stranger(const struct engine *e, const struct pair *p, struct place client, struct place server);

/* server.c.  Found or made, with the counters of this tick; NULL: every one in its set is in use in this tick. */
struct server *engine_server(struct engine *e, const struct addr *a);
/* NULL when not known. */
const struct server *engine_find_server(const struct engine *e, const struct addr *a);
/* Resolvers and mail servers ask by trade; place: of the address. */
bool engine_asks_by_trade(const struct engine *e, const struct addr *a, struct place place);
/* Adds what a pair did in this tick. */
void engine_count_server(struct engine *e, const struct pair *p);

#endif
