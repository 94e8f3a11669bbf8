/* One detector: looks at a watch after each tick and says how it stands.
 *
 * A detector is one file with a judge function and a settings table, and one line in the table of
 * detectors.c.  It is pure: the same watch gives the same verdict.  Which verdict opens, keeps or closes an
 * alert is the life cycle's business (life.h).
 */
#ifndef DETECTOR_DETECTOR_H
#define DETECTOR_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "collector/exporter.h"
#include "detector/alert.h"
#include "detector/watch.h"

enum heat { HEAT_COLD, HEAT_WARM, HEAT_HOT };

struct verdict {
	enum heat heat;
	enum alert_role role;
	uint32_t window_s;
	struct signal signals[ALERT_SIGNALS];
	size_t n;
	const char *note;  /* what limits or colours it, a phrase for people; NULL: nothing; static */
};

/* Settings: doubles, described by the detectors' tables. */
struct abuser_settings {
	double baf, matched_share, repeat_share, min_repeats, slow_repeats, slow_share, slow_sum, active_minutes, any_rate, large_share, name_share, all_large, flow_answers, record_share, same_size, size_share, customer_bits, addresses, alone_share, return_share;
};
struct victim_settings {
	double unmatched_share, min_answers, min_sources, repeat_share, record_share, flow_answers;
};
struct reflector_settings {
	double baf, min_answers, min_rate, max_clients_share, repeat_share;
};
struct udp_settings {
	double unmatched_share, min_packets, min_sources, flood_sources, flood_packets, baf;
};
struct fragment_settings {
	double rate, mean_size, headless_share, min_sources;
};
struct query_flood_settings {
	double rate, unanswered_share, fresh_share;
};
struct nxdomain_settings {
	double rate, failing_share, min_answers, new_share, zones, address_share;
};
struct subdomain_settings {
	double names, distinct_share, failing_share, over_usual, unanswered_distinct, unanswered_share, unanswered_length, unanswered_watched;
};
struct tunnel_settings {
	double hour_bytes, dense_bytes, dense_share, dense_payload, day_bytes, day_hours, new_share, name_length, rare_share, long_names, hex_bits, address_factor, short_factor, digest_factor, clients, foreign_share;
};
struct open_resolver_settings {
	double strangers, answers;
};
struct carpet_settings {
	double times_host, destinations, largest_share, name_share;
};
struct link_settings {
	double load, amplified_share, times_usual, full_within;
};
struct exporter_settings {
	double lost_share, min_records, undecoded, repaired_share, clock_offset;
};
struct anomaly_settings {
	double multiple, packets_multiple, rate, packets_rate, min_history, lasting, group_multiple, group_most, other_average, other_lasting;
};
struct engine_settings {
	double large_answer, close_after, update_every, storm;
};

/* What every kind has. */
struct common_settings {
	double enabled;
};

struct detect_settings {
	struct engine_settings engine;
	struct common_settings common[ALERT_KINDS];
	struct abuser_settings abuser;
	struct victim_settings victim;
	struct reflector_settings reflector;
	struct udp_settings udp_victim, udp_reflector;
	struct fragment_settings fragment;
	struct query_flood_settings query_flood;
	struct exporter_settings exporter;
	struct nxdomain_settings nxdomain;
	struct subdomain_settings subdomain;
	struct tunnel_settings tunnel;
	struct open_resolver_settings open_resolver;
	struct anomaly_settings anomaly;
	struct carpet_settings carpet;
	struct link_settings link;
};

struct area_facts;
struct link_load;

struct judge_env {
	const struct detect_settings *settings; /* of the watch's group, or everybody's */
	bool per_client;      /* a server that answers strangers by trade: judged by its loudest client */
	const struct area_facts *facts; /* of a prefix or link, else NULL */
	const struct link_load *load;   /* of a link, else NULL */
	bool customer;        /* the host's IPv6 customer is named as a whole: it speaks for its addresses */
	bool sends;           /* packets of the host itself are seen: what it asked would be, too */
	bool carpet;          /* the host's prefix is under an attack that has been named */
	const struct watch *other_end; /* of a DNS client what it answers strangers, of a server what it draws; NULL: nothing */
	uint32_t tick;
	bool networks_known;  /* own prefixes (or resolvers) are configured */
	bool queries_seen;    /* DNS queries were seen in the last minutes: both directions are visible */
};

struct detector {
	enum alert_kind kind;
	enum watch_side side;
	uint8_t service_from, service_to; /* services it judges */
	void (*judge)(const struct judge_env *env, const struct watch *w, struct verdict *v);
	struct settings_view settings;
	size_t settings_offset;           /* of its struct in detect_settings */
};

/* In order of precedence: the first that is hot names the attack on a watch. */
extern const struct detector *const detectors[]; /* NULL-terminated */
extern const struct settings_view engine_settings_view, common_settings_view;

/* Is this kind looked for? */
static inline bool
detect_enabled(const struct detect_settings *s, enum alert_kind k)
{
	return s->common[k].enabled >= 0.5;
}

void detect_settings_defaults(struct detect_settings *s);
/* "dns-amplification-abuser" or "engine", and a name in its table or in the common one.  0, or ERR_INVALID with a phrase in
 * `why` and, for an unknown name, the nearest known one (or NULL). */
int detect_settings_set(struct detect_settings *s, const char *kind, const char *name, double value, const char *unit,
    char *why, size_t why_size, const char **nearest);

/* abuser.c: whether a client draws amplified answers, whoever asked it to; the verdict in `v`. */
bool abuser_draws(const struct judge_env *env, const struct watch *w, struct verdict *v);
/* reflector.c: how much of what a client draws it passes on to strangers, lately; 0..1. */
double passed_on(const struct watch *client, const struct watch *server);
#define PASSED_ON 0.5 /* from which on it is an open forwarder: twice the half is lost where only one of two ways is seen */

/* exporter.c: news of a flow exporter into its watch. */
void exporter_take(struct watch *w, const struct exporter_news *n, uint32_t tick, int64_t begin_ns);
/* The figures of an alert about one. */
void exporter_figures(struct alert *a, const struct watch *w);

/* --- for the judges ---------------------------------------------------------------------------- */

/* Adds a signal; met when its bound on the near side of the threshold passes it. */
struct signal *verdict_signal(struct verdict *v, const char *name, const char *label, const char *nature,
    const char *unit, double value, double low, double high, double threshold);

/* Wilson's score interval for k of n, 99 % (Wilson 1927). */
struct interval {
	double low, high;
};
struct interval wilson99(double k, double n);
/* Bounds of a share as it was counted: exact unless only a sample was seen. */
struct interval share99(double k, double n, bool sampled);
/* 99 % interval of the ratio of two sums built from a and b sampled items: on the logarithm,
 * with 1/a + 1/b for the variance.  Exact (both ends equal) when nothing was sampled. */
struct interval ratio99(double ratio, double a, double b, bool sampled);
/* The lower 99 % bound of a sum of which so many were seen (Poisson); not sampled: what was seen. */
double sum_low99(double seen, double sampling);
/* How many a second of a sum over a window, and at least.  Of packets in the seconds in which the host was active, so that bursts
 * count.  Of samples in all since the episode began: one in a second stands for `sampling`, and for none in the seconds
 * around it. */
struct pace {
	double rate, low;
};
struct pace pace_of(const struct judge_env *env, const struct watch *w, double n, uint32_t active, uint32_t window_s);

/* anomaly.c: the figures of an alert about a host far above its own level. */
void anomaly_figures(struct alert *a, const struct watch *w);
/* "what is ordinary for it at this hour of the week (3 weeks)": whose level its multiple is of. */
void anomaly_measure(const struct watch *w, char *buf, size_t n);

/* tunnel.c: names so long, in bytes before the zone, that they are no look-ups by hash. */
bool tunnel_long_names(const struct tunnel_settings *set, double length);
/* subdomain.c: whether new names fail in a watched zone nearly as fast as in one that is named, and are not data of few clients. */
bool subdomain_attacked(const struct detect_settings *s, const struct watch *w, uint32_t tick);

extern const struct detector detector_abuser, detector_victim, detector_reflector, detector_udp_victim,
    detector_udp_reflector, detector_fragment, detector_query_flood,
    detector_exporter, detector_nxdomain, detector_subdomain, detector_tunnel, detector_open_resolver,
    detector_anomaly, detector_carpet, detector_customer, detector_link_load;

#endif
