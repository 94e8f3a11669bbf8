/* The engine: flows in, alert lines out, views on request.
 *
 * A caller works in rounds.  engine_keys may run on any thread for any part of a batch.  Then, for the flows
 * in order: engine_begin says how many of them belong to the current tick (closing ticks as event time
 * moves on; alerts come out of it), and engine_ingest or engine_work works through those.  Alerts come only from engine_begin, engine_advance and engine_finish, on the
 * thread that calls them.
 *
 * The engine asks no clock and draws no random number.  Its memory is taken at the start.
 */
#ifndef DETECTOR_ENGINE_H
#define DETECTOR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "collector/exporter.h"
#include "collector/flow.h"
#include "detector/alert.h"
#include "detector/detector.h"
#include "detector/groups.h"
#include "detector/shard.h"
#include "detector/view.h"

struct engine_link {
	const char *name;
	const struct prefix *prefix;
	size_t prefixes_n;
	uint64_t down_bps; /* towards the customers; 0: unknown */
};

struct engine_config {
	uint64_t seed;              /* of every hash table; a secret where strangers choose addresses */
	bool seed_kept;             /* the next run will have the same one: saved state may hold keyed hashes */
	size_t memory_bytes;        /* budget of all, see budget.h; at least ENGINE_LEAST_MEMORY */
	const struct detect_settings *settings;
	const struct prefix *network;
	size_t networks_n;
	const struct addr *resolver;
	size_t resolvers_n;
	const struct engine_link *link;
	size_t links_n;
	const struct prefix *never; /* never alert on these */
	size_t never_n;
	const struct engine_group *group; /* with thresholds of their own; at most GROUPS_MAX */
	size_t groups_n;
	const struct suffixes *suffixes; /* where zones begin (suffix.h), under the same seed; NULL: without a list */
	const struct why_subject *why; /* keep the judgements of this; NULL: nobody's */
};

enum { ENGINE_LEAST_MEMORY = 64000000 };

struct engine_sink {
	void (*alert)(void *ctx, const struct alert *a);
	void *ctx;
};

struct engine;

/* NULL with a line of reason.  Borrows nothing from the configuration but the suffixes and the names of links and groups. */
struct engine *engine_new(const struct engine_config *c, const struct engine_sink *sink, char *why, size_t why_size);
void engine_free(struct engine *e);

void engine_keys(const struct engine *e, const struct flow *f, size_t n, struct flow_key *k);
/* The same, faster: with the caller's own memory of names, all zeros at first, that one thread at a time may use. */
void engine_keys_memo(const struct engine *e, const struct flow *f, size_t n, struct names_memo *memo, struct flow_key *k);

/* Marks those of n packets that are copies of earlier ones, where a mirror shows packets twice; before engine_begin, in the order
 * of the input. */
void engine_copies(struct engine *e, struct flow *f, const struct flow_key *k, size_t n);

struct engine_run {
	size_t skip; /* leading flows to leave out: their time is impossible (counted) */
	size_t n;    /* flows after those that belong to the current tick */
};
struct engine_run engine_begin(struct engine *e, const struct flow *f, size_t n);
/* Whether engine_begin would take this flow without closing a tick or skipping it. */
bool engine_same_tick(const struct engine *e, const struct flow *f);
/* Works through flows of one run, on this thread alone. */
void engine_ingest(struct engine *e, const struct flow *f, const struct flow_key *k, size_t n);
/* Or by several: engine_split once for the flows of a batch (pure, any thread), then engine_work for each
 * group and run, in order of the runs; groups may run side by side.  See shard.h. */
void engine_work(struct engine *e, const struct flow *f, const struct flow_key *k, size_t from, size_t to,
    struct shard_items *items);
/* Event time has reached t_ns although no flow came: closes the ticks before it. */
void engine_advance(struct engine *e, int64_t t_ns);
/* Exporters whose records were lost, could not be decoded, or had impossible times. */
void engine_exporters(struct engine *e, const struct exporter_news *news, size_t n);
/* Another input begins at t_ns: when that lies before the current tick, time starts anew there.  Files of records
 * overlap by the exporter's time-outs, the next interval begins with what ended in the one before: for them only when it
 * lies further back than what still counts. */
void engine_restart(struct engine *e, int64_t t_ns, bool records);
/* End of input that goes on in another run: closes the tick, but no alert. */
void engine_pause(struct engine *e);
/* End of input: closes the tick, then every open alert. */
void engine_finish(struct engine *e);

/* --- views: valid until the next call above -------------------------------------------------------- */

struct engine_stats {
	int64_t first_ns, last_ns;   /* of the flows taken; 0: none */
	uint64_t flows, packets, bytes;
	uint64_t dns_queries, dns_responses, fragments;
	uint64_t hosts, evicted, late, jumps; /* jumps: times the clock of the input was set anew */
	uint64_t copies;             /* packets that a mirror showed again */
	uint64_t unadmitted_packets, watches, watches_evicted, alerts, alerts_dropped;
	uint64_t alerts_withheld;    /* opened without lines: engine.storm */
	uint64_t names_unnamed;      /* large answers that count for no name: see pair_names.h */
	uint64_t ledger, ledger_evicted, names, names_evicted, baselines, baselines_evicted;
	/* fixed at the start: the tables, with the program around them, and how many there is room for */
	size_t table_bytes, memory_most;
	uint64_t hosts_most, pairs_most, watches_most;
	uint64_t pairs, evicted_pairs; /* the latter in `evicted`, too */
	uint32_t sampling;
};
void engine_stats(const struct engine *e, struct engine_stats *s);

size_t engine_incidents(const struct engine *e, const struct incident **out, size_t max); /* by first evidence */
/* The incident of an id, or NULL. */
const struct incident *engine_incident(const struct engine *e, uint64_t id);
/* [0] is all traffic, then the links in order of configuration. */
size_t engine_series(const struct engine *e, struct series *out, size_t max);
/* The largest hosts; returns how many (at most max). */
size_t engine_talkers(const struct engine *e, enum talker_order order, struct talker *out, size_t max);
/* Queries a rule could match, oldest first; returns how many (at most max). */
size_t engine_query_log(const struct engine *e, struct logged_query *out, size_t max);
enum { ENGINE_LOG_MAX = SHARDS * QUERY_LOG };

/* Who was in amplification, worthiest first; names that draw large answers, misused ones first.  How many (at most max). */
size_t engine_offenders(const struct engine *e, struct offender *out, size_t max);
size_t engine_names(const struct engine *e, struct drawn_name *out, size_t max);

/* The kinds that the configuration turns off for everybody, in the order of enum alert_kind; how many. */
size_t engine_off(const struct engine *e, enum alert_kind off[ALERT_KINDS]);
/* The group whose thresholds hold for a host, or NULL. */
const char *engine_group_of(const struct engine *e, const struct addr *a);
/* What was thought of engine_config.why; false when nothing was asked. */
bool engine_why(const struct engine *e, struct why_view *out);

#endif
