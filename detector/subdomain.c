/* dns-random-subdomain: a zone asked for names that do not exist and do not repeat ("water torture").
 *
 * Each random name passes every cache and reaches the zone's servers, until these or the resolvers before
 * them give up.  Answers tell: NXDOMAIN while the servers live, SERVFAIL once they do not, REFUSED where
 * somebody limits.  Names of content networks and virus scanners are new as well, but exist.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct subdomain_settings, field)
static const struct setting table[] = {
	{"names", "", 20, 1e9, 500, "docs/calibration.md", F(names), "new names that fail, within a minute"},
	{"distinct-share", "%", 0.1, 1, 0.8, "docs/calibration.md", F(distinct_share), "questions that are new"},
	{"failing-share", "%", 0.1, 1, 0.8, "docs/calibration.md: disposable names mostly exist", F(failing_share),
	    "answers that fail"},
	{"over-usual", "x", 1, 1000, 10, "docs/calibration.md", F(over_usual), "new failing names over those of an ordinary minute"},
};

static struct cell
last_minute(const struct watch *w, uint32_t tick)
{
	struct cell c = {0};

	for (uint32_t k = 0; k < 6; k++)
		cell_add(&c, &w->w10[(tick / 10 - k) % W10]);
	return c;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct subdomain_settings *set = &env->settings->subdomain;
	struct cell c = last_minute(w, env->tick);
	double n = c.answers, seen = n / w->sampling, bad = (double)c.matched + c.repeat + c.any_queries;
	double usual = w->names.usual > 1 ? w->names.usual : 1, over = c.large / usual;
	struct interval distinct = share99((double)c.large_size / w->sampling, seen, w->sampling > 1);
	struct interval failing = share99(bad / w->sampling, seen, w->sampling > 1);
	bool all = true;

	*v = (struct verdict){.role = ROLE_ZONE, .window_s = 60};
	verdict_signal(v, "names", "New names that fail, within a minute", "rate", "", c.large, c.large, c.large, set->names);
	verdict_signal(v, "distinct_share", "Questions that are new", "names", "%", n > 0 ? (double)c.large_size / n : 0,
	    distinct.low, distinct.high, set->distinct_share);
	verdict_signal(v, "failing_share", "Answers that fail", "mismatch", "%", n > 0 ? bad / n : 0, failing.low, failing.high,
	    set->failing_share);
	verdict_signal(v, "over_usual", "Times an ordinary minute", "rate", "x", over, over, over, set->over_usual);
	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all && seen >= 10)
		v->heat = HEAT_HOT;
	else if (c.large >= 0.75 * set->names && bad >= 0.75 * set->failing_share * n)
		v->heat = HEAT_WARM;
	if (w->names.reputation)
		v->heat = HEAT_COLD;
}

const struct detector detector_subdomain = {
	.kind = KIND_DNS_RANDOM_SUBDOMAIN,
	.side = SIDE_SERVER,
	.service_from = SERVICE_ZONE,
	.service_to = SERVICE_ZONE,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, subdomain),
};
