/* Inside of the iptables formats: the rules themselves, without the text around them. */
#ifndef RULES_IPTABLES_H
#define RULES_IPTABLES_H

#include "rules/backtest.h"
#include "rules/match.h"
#include "rules/rules.h"

extern const struct rule_format rule_iptables, rule_ip6tables, rule_iptables_commands;

/* What one file is written from; borrows everything. */
struct ipt {
	struct buf *b;
	const struct rule_policy *policy;
	const struct rule_plan *plan;
	const struct rule_sizing *sizing;
	bool v4;
	char id[ALERT_ID_TEXT];
};

const char *ipt_tool(const struct ipt *w); /* "iptables" or "ip6tables" */
bool ipt_any(const struct ipt *w);         /* the family has a rule at all */
/* The chains and their rules: the lines between *filter and COMMIT, without the hooks. */
void ipt_chains(struct ipt *w);
/* The jumps into them, one line each: `before`, "INPUT" or what stands for it, the match,
 * `extra`, the target, newline. */
void ipt_hooks(struct ipt *w, const char *before, const char *input, const char *forward, const char *extra);

#endif
