/* Turning alerts into rate-limit rules.  Written, never applied.
 *
 * One enforcement tool is one file and one line in the table of rules.c.  A format that cannot
 * express what is asked answers RULE_UNSUPPORTED with a reason; it never approximates silently.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "detector/alert.h"
#include "detector/view.h"

/* How much is still allowed: `queries` per source in `seconds`, for the queries that match. */
struct rule_policy {
	unsigned int queries;   /* default 2 */
	unsigned int seconds;   /* default 5 */
	unsigned int ttl_s;     /* lifetime of the rule: default 3600 */
	unsigned int list_size; /* what one `recent` list holds here: default 100, the kernel's */
	bool old_kernel;        /* refuse hitcounts above 20 */
};

struct rule_request {
	const struct alert *const *alerts; /* latest state of each alert of ONE incident, or any set */
	size_t alerts_n;
	struct rule_policy policy;
	const struct logged_query *log; /* oldest first; NULL: no back-test possible */
	size_t log_n;
};

/* Result of replaying the logged queries through the rule's own logic. */
struct backtest {
	bool known;             /* false: nothing to replay */
	uint64_t attack, attack_dropped;
	uint64_t legitimate, legitimate_dropped;
	uint64_t sources_hit;   /* distinct addresses that lose something */
};

enum rule_result { RULE_OK = 0, RULE_UNSUPPORTED = 1 };

struct rule_text {
	struct buf text;        /* complete file */
	struct backtest effect;
	unsigned int ttl_s;
	char why[160];          /* RULE_UNSUPPORTED: the reason */
};

void rule_text_init(struct rule_text *t);
void rule_text_done(struct rule_text *t);

struct rule_format {
	const char *name;        /* "iptables" */
	const char *title;       /* "iptables / ip6tables recent, restore file" */
	const char *file_suffix; /* "iptables.rules" */
	const char *load;        /* command line to load FILE, for people */
	int (*generate)(const struct rule_request *q, struct rule_text *out); /* RULE_OK, RULE_UNSUPPORTED or an err */
};

extern const struct rule_format *const rule_formats[]; /* NULL-terminated */
const struct rule_format *rule_format_find(const char *name);
struct rule_policy rule_policy_default(void);

#endif
