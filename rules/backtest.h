/* How a rule would have treated the queries just seen, by replaying them through its own logic.
 *
 * The limiter's shape is chosen here too, because it follows from the same sources: every source
 * that sends a matching query takes an entry of a `recent` list, and a list one entry too small
 * lets everything through.  Memory: about 80 bytes a logged query, freed on return.
 */
#ifndef RULES_BACKTEST_H
#define RULES_BACKTEST_H

#include "rules/match.h"
#include "rules/rules.h"

enum limiter { LIMIT_LIST, LIMIT_SHARDS, LIMIT_HASH };

/* For one address family. */
struct rule_layout {
	enum limiter kind;
	unsigned int shards;   /* LIMIT_SHARDS: 16 or 64 lists ... */
	unsigned int shift;    /* ... by the address bits from here up: of 32 bits, IPv6 of the /64 */
	size_t sources;        /* IPv6: networks, see v6_bits */
	size_t fullest;        /* sources in the fullest list */
};

struct rule_sizing {
	struct rule_layout v4, v6;
	unsigned int v6_bits; /* of IPv6 one source is a network so long: /64, or what a customer has */
	bool backstop; /* the policy can also be said as a hashlimit rate, exactly */
};

/* What one source counts as: an IPv4 address or an IPv6 network (a customer has a /64 or more and can
 * walk through its addresses). */
struct addr rule_key(const struct rule_sizing *s, const struct addr *a);
unsigned int rule_shard(const struct rule_layout *l, const struct addr *key);

/* The policy as "PER/unit" for hashlimit; NULL when no unit says it exactly. */
const char *rule_rate_text(const struct rule_policy *p, char buf[24]);

/* Chooses the limiters and replays.  0 or ERR_NOMEM, ERR_FULL (more than 2^31 queries). */
int rule_backtest(const struct rule_request *q, const struct rule_plan *plan,
	struct rule_sizing *sizing, struct backtest *effect);

#endif
