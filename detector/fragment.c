/* udp-fragment-flood: a burst of later UDP fragments that belong to no amplifying service.
 *
 * Fragments tied to DNS or another service of the table are that service's evidence and never
 * come here, so one attack is not named twice.  What is left is junk without first fragments, or
 * large datagrams from many sources.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct fragment_settings, field)
static const struct setting table[] = {
	{"rate", "/s", 1, 1e7, 50, "docs/calibration.md", F(rate), "later fragments received"},
	{"mean-size", "B", 28, 65535, 400, "a fragmented datagram fills its packets", F(mean_size), "mean size of them at IP level"},
	{"headless-share", "%", 0.1, 1, 0.5, "docs/calibration.md", F(headless_share),
	    "fragments whose first one was never seen, lower 99 % bound"},
	{"min-sources", "", 2, 1e6, 30, "docs/calibration.md", F(min_sources), "sources, when the first fragments are there"},
};

enum { SIGNAL_RATE, SIGNAL_SIZE, SIGNAL_HEADLESS, SIGNAL_SOURCES };

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct fragment_settings *set = &env->settings->fragment;
	/* records of idle flows come too late for the short window */
	const struct cell sums = watch_cell(w, w->records ? SUM_LONG : SUM_SHORT), *c = &sums;
	double n = c->answers, seen = n / w->sampling, sources = watch_peer_count(w);
	double rate = c->ticks > 0 ? n / c->ticks : 0, mean = n > 0 ? (double)c->answer_bytes / n : 0;
	double headless = n > 0 ? (n - c->matched) / n : 0;
	struct interval bound = wilson99(headless * seen, seen);

	*v = (struct verdict){.role = ROLE_VICTIM, .window_s = watch_window_s[w->records ? WINDOW_LONG : WINDOW_SHORT]};
	verdict_signal(v, "rate", "Later UDP fragments of no known service", "rate", "/s", rate, rate, rate, set->rate)->required = true;
	verdict_signal(v, "mean_size", "Mean size, bytes at IP level", "size", "B", mean, mean, mean, set->mean_size)->required = true;
	verdict_signal(v, "headless_share", "Without a first fragment", "mismatch", "%", headless, bound.low, bound.high,
	    set->headless_share);
	verdict_signal(v, "sources", "Different sources", "mismatch", "", sources, sources, sources, set->min_sources);

	bool base = v->signals[SIGNAL_RATE].met && v->signals[SIGNAL_SIZE].met;
	bool odd = v->signals[SIGNAL_HEADLESS].met || v->signals[SIGNAL_SOURCES].met;

	if (base && odd && seen >= 2 * set->rate && (c->ticks >= 2 || seen >= 20 * set->rate))
		v->heat = HEAT_HOT;
	else if (rate >= 0.75 * set->rate && odd)
		v->heat = HEAT_WARM;
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_fragment = {
	.kind = KIND_UDP_FRAGMENT_FLOOD,
	.side = SIDE_CLIENT,
	.service_from = SERVICE_FRAGMENT,
	.service_to = SERVICE_FRAGMENT,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, fragment),
};
