/* What people look at: the incident page and the summary in the terminal.
 *
 * One input struct serves both; whoever runs the pipeline fills it from the detector's views,
 * the rules' texts and the databases, so that nothing here knows where those come from.  All
 * pointers are borrowed and must outlive the call; NULL or 0 where a thing is unknown, and then it
 * is said to be unknown or left out, never drawn as zero.  Text from traffic (names, file names,
 * organisations) may hold any bytes: it is escaped here.
 *
 * The functions write bytes that depend on the input alone: no clock, no locale, no zone.  Times
 * are UTC.  Besides the buffer they use a few kB of stack and eight bytes an incident.
 */
#ifndef REPORTS_PAGE_H
#define REPORTS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "detector/alert.h"
#include "detector/view.h"

/* One rule text for one incident, in the order in which it is recommended. */
struct report_rule {
	const char *format; /* "iptables": the tab */
	const char *title;  /* "iptables / ip6tables recent, restore file": what it does, one line */
	const char *text;   /* complete; NULL: this format cannot express it, `why` says the reason */
	const char *why;
	const char *file;   /* where it was written; NULL: nowhere */
	const char *load;   /* command line */
	const char *undo;   /* command line or words */
	unsigned int ttl_s; /* 0: stays until undone */
	bool known;         /* the three figures below come from a back-test */
	double attack_dropped, legitimate_dropped; /* shares 0..1 */
	uint64_t attack, legitimate;               /* what the back-test replayed */
	uint64_t sources_hit;                      /* addresses that lose something */
};

/* An event that is not in the traffic: "rule loaded by j.novak". */
struct report_mark {
	int64_t t_ns;
	const char *text;
};

struct report_incident {
	const struct incident *incident;
	const struct report_rule *rule;
	size_t rules_n;
	const struct series *series; /* the subject's own; NULL: its link's, or else all traffic */
	const struct report_mark *mark;
	size_t marks_n;
};

struct report_geo {
	char country[3]; /* ISO 3166-1 alpha-2; "": unknown */
	uint32_t asn;    /* 0: unknown */
	char org[80];
};

/* Fills *out; false when no database knows the address. */
typedef bool report_geo_fn(void *ctx, const struct addr *a, struct report_geo *out);

struct report_talkers {
	const struct talker *row; /* best first */
	size_t n;
};

struct report_count {
	const char *name; /* "truncated" */
	uint64_t n;
};

struct report_damage {
	const char *file, *where, *reason; /* where: "offset 4711" or "packet 12" */
};

struct report_input {
	const char *sensor, *version;
	const char *const *source; /* files or interfaces, as named by the user */
	size_t sources_n;
	bool from_records;         /* flow records, not packets */
	int64_t first_ns, last_ns; /* of the traffic; 0, 0: there was none */

	uint64_t packets, bytes, flows, dns_queries, dns_responses, fragments;
	uint64_t hosts, evicted, late, copies;
	uint32_t sampling;         /* highest rate met; 1: every packet */
	uint64_t lost_flows;       /* gaps in exporters' sequence numbers */
	uint64_t records;    /* flow records; 0: packets were captured */
	size_t exporters;
	const char *clock;         /* "offset 0.4 ms (chrony)"; NULL: unknown */
	const char *slowest;       /* slowest abuse these figures could show: "1 query in 20 s per host" */
	const struct report_count *rejected;
	size_t rejected_n;
	const struct report_damage *damage;
	size_t damage_n;

	const struct prefix *network; /* our own prefixes */
	size_t networks_n;
	const struct addr *resolver;  /* our resolvers, configured or found */
	size_t resolvers_n;

	const struct report_incident *incident; /* any order */
	size_t incidents_n;
	const struct series *const *series; /* [0] all traffic, then the links */
	size_t series_n;
	struct report_talkers talkers[TALKER_ORDERS];

	const struct drawn_name *name; /* misused ones, loudest first */
	size_t names_n;

	report_geo_fn *geo;           /* NULL: no database */
	void *geo_ctx;
	const char *const *database;  /* "country.mmdb, GeoLite2-Country, built 2026-04-03" */
	size_t databases_n;

	const char *suffixes;         /* which list says where zones begin; NULL: none */

	const char *alerts_file, *rules_dir, *html_file, *public_key; /* NULL: not written, or not a file */
	const char *kid;              /* 16 hex digits; NULL: no alert stream */
	bool key_ephemeral;
	uint64_t alerts, seq_first, seq_last; /* lines of this run in the signed stream */
	const char *chain_digest;     /* hex of the last line's digest; NULL: unknown */
	bool anonymised;
};

/* The page, one self-contained HTML file.  0, or ERR_FULL when `out` could not hold it. */
int page_html(struct buf *out, const struct report_input *in);

struct summary_options {
	bool color; /* ANSI colours, always beside a word that says the same */
	bool utf8;
	int width;  /* columns, at least 40; 0: 80 */
};

/* What an operator reads first. */
int summary_text(struct buf *out, const struct report_input *in, const struct summary_options *o);

#endif
