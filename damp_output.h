/* Between damp_output.c, damp_rules.c and damp_report.c. */
#ifndef DAMP_OUTPUT_H
#define DAMP_OUTPUT_H

#include <stdio.h>

#include "base/config.h"
#include "damp.h"
#include "rules/rules.h"

enum { RULE_FORMATS_MAX = 16 };

/* The rules of one incident in every format. */
struct rules_entry {
	uint64_t incident;       /* 0: free */
	int64_t made_ns;         /* event time */
	size_t alerts_n;         /* of the incident at that time */
	struct rule_text text[RULE_FORMATS_MAX];
	bool usable[RULE_FORMATS_MAX];
	char file[RULE_FORMATS_MAX][512]; /* where it was written; "": nowhere */
};

/* Rules are made when an incident opens, and anew as it grows, not for every line. */
struct rules_cache {
	const struct config *config;
	struct rules_entry *entry;
	size_t n, cap, rover;
	struct logged_query *log;
	bool write_failed;
};

void rules_cache_init(struct rules_cache *c, const struct config *config);
void rules_cache_done(struct rules_cache *c);
/* NULL when the incident is unknown or memory ran out.  Written to the rules directory as they are made. */
const struct rules_entry *rules_cache_get(struct rules_cache *c, const struct engine *e, uint64_t incident, int64_t now_ns);

struct damage {
	char file[256], where[64], reason[160];
};

struct report_facts {
	const struct config *config;
	const struct engine *engine;
	const struct pipeline *pipeline;
	struct collected *collected;
	const struct geoip *geoip;
	const struct suffix_list *suffixes;
	struct rules_cache *rules;
	int inputs_n;
	char **inputs;
	bool lines;          /* alert lines were made */
	const char *kid;
	bool key_ephemeral;
	uint64_t seq;
	const char *digest;
	const struct damage *damage;
	size_t damage_n;
	double elapsed_s;
};

/* Writes the page (if asked) and the summary.  0 or an exit status. */
int report_write(const struct report_facts *f, bool summary_to_stderr);
/* The statistics as one JSON object. */
int report_stats(const struct report_facts *f, const char *path);
/* For summaries on a stream: colours, width, UTF-8. */
struct summary_options;
struct summary_options summary_options(const struct report_facts *f, FILE *to);
struct addr;
struct report_geo;
/* What the databases say of an address; false: nothing. */
bool report_geo(const struct report_facts *f, const struct addr *a, struct report_geo *out);

#endif
