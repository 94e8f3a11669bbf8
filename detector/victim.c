/* dns-amplification-victim: large DNS answers that the host never asked for.
 *
 * Volume is no condition: two dozen answers a second are an attack when nothing asked for them.
 * The same question is answered over and over, or, where the capture shows no names, they come from many
 * sources.  Many sources alone are no sign: that is what a recursor looks like whose queries leave by
 * another way.  Where no queries are seen at all, both are asked for, or else one question in most of what it gets.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct victim_settings, field)
static const struct setting table[] = {
	{"unmatched-share", "%", 0.5, 1, 0.9, "docs/calibration.md", F(unmatched_share),
	    "large answers without a query"},
	{"min-answers", "", 10, 100000, 50, "docs/calibration.md", F(min_answers),
	    "large answers needed in the window"},
	{"min-sources", "", 2, 10000, 10, "docs/calibration.md", F(min_sources),
	    "reflectors, unless one question repeats"},
	{"record-share", "%", 0.2, 1, 0.5, "docs/calibration.md: a recursor with DNSSEC stays below 35 %", F(record_share),
	    "large answers among all, where records or samples are all there is; lower 99 % bound"},
	{"flow-answers", "", 10, 1e6, 30, "as for the abuser", F(flow_answers),
	    "packets of large answers in one flow record, where no queries are visible"},
	{"repeat-share", "%", 0.1, 1, 0.5, "as for the abuser", F(repeat_share),
	    "the same answer again while it is still valid, lower 99 % bound"},
};

enum { SIGNAL_UNMATCHED, SIGNAL_COUNT, SIGNAL_SOURCES, SIGNAL_REPEAT };

enum { ALONE_TIMES = 10 }; /* of min-answers, when there is one source only */
#define SPREAD_S 0.8 /* see abuser.c */
#define FOCUS 0.5    /* as the abuser's name-share and record-share */

/* Half of a conversation looks like this, too: a recursor whose queries take another way.  But most of what it gets
 * is small. */
static bool
record_share(const struct judge_env *env, const struct watch *w, const struct cell *c, struct verdict *v)
{
	double large = c->answers > 0 ? (double)c->large / c->answers : 0;
	struct interval share = wilson99(c->large / (double)w->sampling, (c->answers > c->large ? c->answers : c->large) / (double)w->sampling);
	struct signal *s = verdict_signal(v, "record_share", "Large answers among all it gets", "size", "%", large, share.low,
	    share.high, env->settings->victim.record_share);

	return s->met && watch_settled(w, env->tick);
}

/* One direction is all there is: then many large answers in one flow stand out, as no stub keeps its port. */
static bool
one_sided(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	if (env->queries_seen)
		return false;
	return verdict_signal(v, "flow_answers", "Packets of large answers in one flow: no stub keeps its port", "names", "", w->one_flow,
	    w->one_flow, w->one_flow, env->settings->victim.flow_answers)->met;
}

static void
judge_window(const struct judge_env *env, const struct watch *w, const struct cell *c, uint32_t window_s,
    struct verdict *v)
{
	const struct victim_settings *set = &env->settings->victim;
	double n = c->large, seen = n / w->sampling, unmatched = n - c->matched;
	double sources = watch_peer_count(w), share = n > 0 ? unmatched / n : 0;
	struct interval miss = share99(unmatched / w->sampling, seen, w->sampling > 1);
	struct interval repeat = wilson99(c->repeat / (double)w->sampling, seen);

	*v = (struct verdict){.role = ROLE_VICTIM, .window_s = window_s};
	struct signal *s = verdict_signal(v, "unmatched_share", "Large answers it did not ask for", "mismatch", "%",
	    share, miss.low, miss.high, set->unmatched_share);
	s->required = true;
	s->met = share >= set->unmatched_share;
	verdict_signal(v, "large_answers", "Large answers received", "size", "", n, seen, seen, set->min_answers)->required = true;
	/* 9 % standard error of the sketch; near exact for a few dozen */
	verdict_signal(v, "sources", "Different sources of them", "rate", "", sources,
	    sources > 50 ? sources * 0.77 : sources, sources > 50 ? sources * 1.23 : sources, set->min_sources);
	verdict_signal(v, "repeat_share", "The same answer again while it is still valid", "names", "%",
	    n > 0 ? c->repeat / n : 0, repeat.low, repeat.high, set->repeat_share);

	bool lasts = c->ticks >= 3 || (c->ticks == 2 && watch_spread_s(w) >= SPREAD_S) || seen >= 10 * set->min_answers;
	bool names = watch_top_name_share(w) > 0;
	bool many = v->signals[SIGNAL_SOURCES].met, again = v->signals[SIGNAL_REPEAT].met;
	/* what a single reflector sends is large throughout, and much of it */
	bool alone = c->answers > 0 && wilson99(seen, c->answers / (double)w->sampling).low >= set->unmatched_share &&
	    seen >= ALONE_TIMES * set->min_answers;
	/* few reflectors, and no queries anywhere: one question again and again is no recursor's doing, nor many people's */
	bool focused = watch_top_name_share(w) >= FOCUS && c->answers > 0 && wilson99(seen, c->answers / (double)w->sampling).low >= FOCUS;
	bool odd = w->counted ? record_share(env, w, c, v) && (many || alone || one_sided(env, w, v)) :
	    names ? again && (many || focused || env->queries_seen) : many;

	if (v->signals[SIGNAL_UNMATCHED].met && v->signals[SIGNAL_COUNT].met && odd && lasts)
		v->heat = HEAT_HOT;
	else if (share >= 0.75 * set->unmatched_share && seen >= set->min_answers / 4)
		v->heat = HEAT_WARM;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct cell brief = watch_cell(w, SUM_SHORT), longer = watch_cell(w, SUM_LONG);
	struct verdict slow;

	judge_window(env, w, &brief, watch_window_s[WINDOW_SHORT], v);
	judge_window(env, w, &longer, watch_window_s[WINDOW_LONG], &slow);
	if (slow.heat > v->heat && watch_still_active(w, env->tick))
		*v = slow;
	if (!env->queries_seen)
		v->note = "no queries are visible here, so the direction is not proven";
	if ((w->flags & HOST_NEVER) != 0) {
		v->heat = HEAT_COLD;
		v->note = "in a group that never alerts";
	}
}

const struct detector detector_victim = {
	.kind = KIND_DNS_AMPLIFICATION_VICTIM,
	.side = SIDE_CLIENT,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_DNS,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, victim),
};
