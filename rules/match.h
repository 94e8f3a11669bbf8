/* What a rule has to match: the union of what the alerts saw, bounded.
 *
 * Queries are matched by type (ANY) or by name and type (everything else: a TXT rule without
 * the name would hit everybody).  Victims and services of our own become guards.  A plan owns
 * nothing; it is about 3 kB and copied by value.
 */
#ifndef RULES_MATCH_H
#define RULES_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "detector/alert.h"

enum { MATCH_MAX = 8, GUARD_MAX = 8, MATCH_NAME_TEXT = 4 * DNS_NAME_WIRE + 1 };

struct rule_match {
	uint16_t qtype;
	uint8_t name_len; /* wire length; 0: any name (ANY only) */
	uint8_t name[DNS_NAME_WIRE];
};

enum guard_kind {
	GUARD_ANSWERS,   /* amplified answers from `port` towards the victim `host` */
	GUARD_FRAGMENTS, /* later fragments towards `host` */
	GUARD_SERVICE,   /* strangers' requests to `port` on our own `host` */
};

struct rule_guard {
	enum guard_kind kind;
	struct addr host;
	uint16_t port;
};

struct rule_plan {
	uint64_t incident;
	struct rule_match match[MATCH_MAX];
	size_t matches, matches_left; /* _left: seen, but beyond the bound */
	struct rule_guard guard[GUARD_MAX];
	size_t guards, guards_left;
	size_t blind;   /* alerts no rule follows from */
	char why[160];  /* the reason of the last of those */
};

/* Fills the plan.  0, or RULE_UNSUPPORTED when nothing can be matched; `why` says it. */
int rule_plan_make(struct rule_plan *p, const struct alert *const *alerts, size_t n);

/* Whether the alert's subject sends the queries a rule limits. */
bool rule_is_offender(const struct alert *a);

/* Names and types for comments: nothing but [A-Za-z0-9_.-] and \DDD comes out, whatever the
 * traffic held; stricter than RFC 1035 5.1, as the text stands in files a shell reads. */
const char *match_name_text(const struct rule_match *m, char buf[MATCH_NAME_TEXT]);
const char *match_type_text(uint16_t qtype, char buf[12]);

#endif
