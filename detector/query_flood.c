/* dns-query-flood: a resolver or server drowning in queries from sources that were never seen.
 *
 * What a spoofed flood looks like to the host under it: very many queries, hardly any answered,
 * and nearly each from a new address.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct query_flood_settings, field)
static const struct setting table[] = {
	{"rate", "/s", 10, 1e9, 2000, "docs/calibration.md", F(rate), "queries received"},
	{"unanswered-share", "%", 0.1, 1, 0.9, "docs/calibration.md", F(unanswered_share), "queries without an answer"},
	{"fresh-share", "%", 0.1, 1, 0.8, "docs/calibration.md", F(fresh_share), "queries from addresses not seen before"},
};

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct query_flood_settings *set = &env->settings->query_flood;
	/* records of idle flows come too late for the short window */
	const struct cell *c = &w->sum[w->records ? WINDOW_LONG : WINDOW_SHORT];
	uint32_t window_s = watch_window_s[w->records ? WINDOW_LONG : WINDOW_SHORT];
	double n = c->queries, seen = n / w->sampling;
	struct pace pace = pace_of(env, w, n, c->ticks, window_s);
	double unanswered = n > 0 && c->answers < n ? (n - c->answers) / n : 0;
	double fresh = n > 0 ? c->large / n : 0; /* engine.c counts fresh queries there */

	/* of samples few queries and no answer may be chance, and nearly every address is new */
	struct interval none = share99(unanswered * seen, seen, w->sampling > 1), new = share99(fresh * seen, seen, w->sampling > 1);

	*v = (struct verdict){.role = ROLE_RESOLVER, .window_s = window_s};
	verdict_signal(v, "rate", "DNS queries received", "rate", "/s", pace.rate, pace.low, 2 * pace.rate - pace.low, set->rate);
	verdict_signal(v, "unanswered_share", "Queries without an answer", "mismatch", "%", unanswered, none.low, none.high,
	    set->unanswered_share);
	verdict_signal(v, "fresh_share", "From addresses not seen before", "names", "%", fresh, new.low, new.high, set->fresh_share);

	bool all = true;

	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all && c->ticks >= 2)
		v->heat = HEAT_HOT;
	else if (pace.rate >= 0.75 * set->rate && unanswered >= 0.75 * set->unanswered_share)
		v->heat = HEAT_WARM;
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_query_flood = {
	.kind = KIND_DNS_QUERY_FLOOD,
	.side = SIDE_SERVER,
	.service_from = SERVICE_NONE,
	.service_to = SERVICE_NONE,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, query_flood),
};
