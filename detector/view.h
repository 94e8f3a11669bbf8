/* What the detector shows to rules and reports: constant views, valid until the next call into
 * the engine.  Nobody outside reads live tables.
 */
#ifndef DETECTOR_VIEW_H
#define DETECTOR_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "detector/alert.h"

/* One tick (or `width_s` seconds, once a run is longer than the ring holds) of everything. */
struct series_point {
	uint64_t bytes, packets;          /* all traffic, IP level */
	uint64_t dns_queries, dns_answers; /* messages */
	uint64_t dns_answer_bytes;        /* IP level, fragments included */
	uint64_t amplified_first_bytes;   /* amplified answers (DNS and other UDP), whole or first fragment */
	uint64_t amplified_later_bytes;   /* their later fragments */
	uint64_t amplified_answers;
	uint64_t any_queries;
	uint64_t fragments;
	uint32_t offenders;               /* distinct subjects with an active amplification signal */
	uint64_t max_bytes;               /* highest second inside the point (equal to bytes at width 1) */
};

struct series {
	const char *name;     /* "all" or a link's name */
	uint64_t capacity_bps; /* link: towards the customers; 0: unknown */
	int64_t start_s;      /* epoch second of point[0] */
	uint32_t width_s;
	const struct series_point *point;
	size_t n;
};

struct talker {
	struct addr addr;
	uint64_t bytes_in, bytes_out, packets_in, packets_out, fragments_in, fragment_bytes_in;
	uint64_t error;       /* the ranked figure is at most this much too high (Space-Saving) */
	bool is_resolver, is_ours, named; /* named: subject of an alert */
};

enum talker_order { TALK_BYTES, TALK_PACKETS, TALK_BPP, TALK_FRAGMENTS, TALKER_ORDERS };

struct incident {
	uint64_t id;
	enum alert_kind kind;   /* of its first alert */
	const char *vector;
	int64_t first_ns;       /* first evidence (first attack packet as far as known) */
	int64_t named_ns;       /* when the first alert opened */
	int64_t last_ns;        /* last evidence */
	int64_t closed_ns;      /* 0: open */
	int severity;           /* by what all of it costs together */
	double bps;             /* towards or from its open subjects, as of their latest lines */
	uint8_t qname_len;
	uint8_t qname[DNS_NAME_WIRE];
	uint16_t qtype;
	struct addr through;    /* the resolver or the loudest reflector */
	bool has_through;
	char link[64];
	size_t alerts_n;        /* alerts opened in it */
	size_t withheld;        /* of those, how many have no lines of their own (engine.storm) */
	size_t alerts_kept;     /* of those, how many `alert` holds (the loudest; bounded) */
	const struct alert *const *alert; /* latest state of each, loudest first */
	uint64_t bytes, packets, queries, query_bytes, responses; /* totals of its members */
};

/* A host that was in amplification, on how many days, and what it cost; see ledger.h. */
struct offender {
	struct addr addr;
	uint8_t bits;            /* 128; of an IPv6 customer the length of the prefix */
	enum alert_role role;    /* of its latest alert */
	enum alert_kind kind;
	uint32_t alerts, days, hours; /* opened; with activity, UTC */
	int64_t first_s, last_s; /* epoch seconds */
	uint64_t queries, bytes;
};

/* A name that draws large answers; see drawn.h. */
struct drawn_name {
	uint8_t wire[DNS_NAME_WIRE];
	uint8_t len;
	uint16_t qtype;
	double clients;          /* estimate, 9 % */
	uint64_t answers, bytes; /* large ones, with their fragments, IP level */
	double baf;              /* 0: unknown, no query was seen */
	double mean_size;        /* of the DNS messages */
	double repeat_share;     /* asked for again while the client held it */
	double matched_share;    /* a query of its receiver explains it */
	int64_t first_s, last_s;
	bool misused;            /* by how it is asked for, not by its size */
};

/* --- damp why: what is asked about, and what was thought of it; see why.h ------------------------------------ */

enum why_type { WHY_HOST, WHY_PREFIX, WHY_LINK, WHY_ZONE, WHY_GROUP };

struct why_subject {
	enum why_type type;
	struct prefix prefix;        /* a host (128 bits) or a prefix */
	uint16_t link;               /* number in the configuration, from 1 */
	const struct prefix *member; /* of a group; borrowed */
	size_t members_n;
	uint8_t zone_len;            /* of a zone; of a host: only what it does in this zone; 0: none */
	uint8_t zone[DNS_NAME_WIRE]; /* lower case */
};

enum { WHY_ROWS = 48, WHY_POINTS = 256, WHY_COLUMNS = 12, WHY_ALERTS = 64 };
enum why_heat { WHY_COLD, WHY_WARM, WHY_HOT }; /* no alert; one would stay open; one would open */

/* The judgement of a stretch of time that came closest to an alert. */
struct why_point {
	int64_t t_ns;                /* end of its tick */
	uint32_t tick;
	uint8_t heat;                /* enum why_heat */
	uint16_t has, met;           /* bit i: column i has a value, is met */
	float closeness;             /* mean share of the thresholds reached */
	float value[WHY_COLUMNS], threshold[WHY_COLUMNS];
};

struct why_column {
	const char *name, *label, *unit; /* static, see struct signal */
	bool below;
};

/* What one detector thought of one service. */
struct why_row {
	enum alert_kind kind;
	const char *vector;          /* "dns", "ntp", ...: static */
	/* the closest judgement of all */
	struct subject who;          /* of a prefix, link, zone or group: the host, prefix or zone that came closest */
	int64_t t_ns;
	uint32_t window_s;
	enum why_heat heat;
	double closeness;            /* mean share of the thresholds reached */
	struct signal signal[ALERT_SIGNALS];
	size_t signals_n;
	const char *note;            /* a phrase, or NULL; static */
	/* and one after another: a point for `width_s` seconds at most, none where there was nothing to judge */
	struct why_column column[WHY_COLUMNS];
	size_t columns_n;
	struct why_point *point;
	size_t points_n;
	uint32_t width_s;
};

struct why_alert {
	uint64_t id, incident;
	enum alert_kind kind;
	const char *vector;
	struct subject who;
	int64_t opened_ns, closed_ns; /* closed 0: open */
	const char *reason;          /* of the close: static, or NULL */
	int severity;
};

struct why_view {
	const struct why_row *row;
	size_t rows_n;
	const struct why_alert *alert;
	size_t alerts_n;
	uint64_t alerts_all;         /* with those that found no room */
	bool seen;
	struct talker sum;           /* hosts of the subject in the tables, together; of a host itself */
	uint64_t hosts;
	uint64_t answers, failing, fresh; /* of a zone: answers about it, failing ones, first ones for their question */
	char near[DNS_NAME_TEXT];    /* when nothing was seen: what is nearest and was; "": nothing is near */
	bool no_capacity;            /* a link of unknown capacity is not judged */
	bool records;                /* flow records came, */
	bool names;                  /* and messages that show their names */
};

/* A query that a rule could match, remembered for the back-test. */
struct logged_query {
	int64_t t_ns;
	struct addr client, server;
	uint64_t name_hash;   /* of the lower-cased wire name */
	uint16_t qtype;
	uint16_t ip_bytes;    /* of the query */
	bool offender;        /* filled by the engine when the view is taken: client is subject of an abuser or reflector alert */
};

#endif
