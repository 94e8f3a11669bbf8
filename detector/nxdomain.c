/* dns-nxdomain-flood: a client most of whose questions fail, at a rate.
 *
 * Malware that looks for its master among made-up domains, a host that takes part in an attack with random
 * names, a program gone wild.  What fails by nature must not be taken for it: a mail server asks block lists for
 * addresses written backwards, a log processor asks for names of addresses, a browser asks thrice for random
 * names when it starts, a misconfigured client repeats a few names.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct nxdomain_settings, field)
static const struct setting table[] = {
	{"rate", "/s", 1, 1e6, 20, "docs/calibration.md", F(rate), "failing answers over 10 seconds"},
	{"failing-share", "%", 0.1, 1, 0.6, "docs/calibration.md", F(failing_share),
	    "answers that fail, lower 99 % bound (Wilson)"},
	{"min-answers", "", 20, 1e6, 100, "docs/calibration.md", F(min_answers),
	    "failing answers within 5 minutes, when the rate is lower"},
	{"new-share", "%", 0.1, 1, 0.5, "docs/calibration.md: a broken client repeats itself", F(new_share),
	    "failing names not asked for lately"},
	{"zones", "", 2, 60, 10, "docs/calibration.md: generated domains do not share a zone", F(zones),
	    "zones of the failing names within a minute or two, when the rate is lower"},
	{"address-share", "%", 0.01, 1, 0.5, "docs/calibration.md: block lists and reverse look-ups", F(address_share),
	    "at most so many of the failing names are addresses"},
};

static double
failing(const struct cell *c)
{
	return (double)c->matched + c->repeat + c->any_queries;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct nxdomain_settings *set = &env->settings->nxdomain;
	double fast_n = failing(&w->sum[WINDOW_SHORT]);
	bool fast = fast_n / W1 >= set->rate * 0.75;
	const struct cell *c = &w->sum[fast ? WINDOW_SHORT : WINDOW_LONG];
	/* an answer may be left over from before the window of its pair */
	double n = failing(c), rate = fast_n / W1, all = c->answers > n ? c->answers : n;
	double fresh = n > 0 ? c->large / n : 0, like = n > 0 ? c->later_packets / n : 0, seen = n / w->sampling;
	struct interval share = wilson99(seen, all / w->sampling);
	struct signal *s;
	bool met, kept;

	*v = (struct verdict){.role = ROLE_ABUSER, .window_s = watch_window_s[fast ? WINDOW_SHORT : WINDOW_LONG]};
	verdict_signal(v, "failing_rate", "Failing answers", "rate", "/s", rate, rate, rate, set->rate);
	verdict_signal(v, "failing", "Failing answers in the window", "rate", "", n, seen, n, set->min_answers)->required = !fast;
	verdict_signal(v, "failing_share", "Answers that fail", "mismatch", "%", all > 0 ? n / all : 0, share.low, share.high,
	    set->failing_share)->required = true;
	/* very many of the same name are a flood, too */
	s = verdict_signal(v, "new_share", "Failing names not asked for lately", "names", "%", fresh, fresh, fresh, set->new_share);
	s->required = true;
	if (rate >= 5 * set->rate)
		s->met = true;
	verdict_signal(v, "zones", "Zones they spread over", "names", "", w->names.zones, w->names.zones, w->names.zones,
	    set->zones)->required = !fast;
	s = verdict_signal(v, "address_share", "Of them addresses (block lists, reverse)", "names", "%", like, like, like,
	    set->address_share);
	s->below = s->required = true;
	s->met = like <= set->address_share;

	met = v->signals[2].met && v->signals[3].met && v->signals[5].met;
	kept = n > 0 && n / all >= 0.75 * set->failing_share && like <= set->address_share;
	if (met && fast && rate >= set->rate && seen >= 10)
		v->heat = HEAT_HOT;
	else if (met && !fast && v->signals[1].met && v->signals[4].met)
		v->heat = HEAT_HOT;
	else if (kept && (fast || n >= 0.75 * set->min_answers))
		v->heat = HEAT_WARM;
	if ((w->flags & (HOST_NEVER | HOST_RESOLVER)) != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_nxdomain = {
	.kind = KIND_DNS_NXDOMAIN_FLOOD,
	.side = SIDE_CLIENT,
	.service_from = SERVICE_FAILING,
	.service_to = SERVICE_FAILING,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, nxdomain),
};
