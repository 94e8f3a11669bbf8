/* dns-amplification-abuser: the infected customer behind a properly configured resolver.
 *
 * Its queries are genuine: they explain the answers (matched share).  What gives it away is that
 * the answers are large for the queries (BAF) and that it asks again for what it has just been
 * told, with TTL left, which no stub or cache does (repeat share).  No list of names and no
 * fixation on ANY; the rate of ANY is one more signal, volume is none.
 *
 * Many people behind one address repeat popular names too.  They differ in what else they ask: of an abuser's
 * answers many are large, or most of its large ones answer one question.  And a host nearly all of whose
 * answers are large needs no repeats: whoever turns thousands of names round asks for nothing else.
 */
#include "detector/cusum.h"
#include "detector/detector.h"

#define F(field) offsetof(struct abuser_settings, field)
static const struct setting table[] = {
	{"baf", "x", 2, 1000, 10, "docs/calibration.md: guards against long queries; repeats decide", F(baf),
	    "answer bytes over query bytes at IP level, of the large answers"},
	{"matched-share", "%", 0.5, 1, 0.8, "docs/calibration.md", F(matched_share),
	    "large answers that its own queries explain"},
	{"repeat-share", "%", 0.1, 1, 0.5, "docs/calibration.md", F(repeat_share),
	    "large answers asked for while the same one was still held, lower 99 % bound"},
	{"min-repeats", "", 5, 10000, 10, "Wilson bound of 10 of 10 is 0.6", F(min_repeats),
	    "large answers needed within 10 seconds"},
	{"slow-repeats", "", 5, 10000, 12, "Wilson bound of 12 of 12 is 0.64; ordinary repeat shares stay below 0.2", F(slow_repeats),
	    "large answers needed within 5 minutes"},
	{"slow-share", "%", 0.1, 1, 0.3, "docs/calibration.md: ordinary repeat shares stay below 0.2 in the long run", F(slow_share),
	    "as repeat-share, of all since the first, with slow-sum"},
	{"slow-sum", "", 2, 500, 7, "cusum.h: by chance once in two months among 100 000 hosts", F(slow_sum),
	    "large answers of the last hour beyond one in three minutes, at most 10 a minute counted"},
	{"active-minutes", "", 2, 60, 5, "a burst, or two, is no habit", F(active_minutes),
	    "minutes with large answers that slow-sum needs"},
	{"any-rate", "/s", 0.5, 10000, 5, "docs/calibration.md: mail servers that still ask ANY reach 3/s at most", F(any_rate),
	    "ANY queries with large answers, which need no repeats"},
	{"large-share", "%", 0.01, 1, 0.2, "docs/calibration.md: people behind one address stay below 5 %", F(large_share),
	    "large answers among all, for repeats to count"},
	{"name-share", "%", 0.1, 1, 0.5, "docs/calibration.md: people's top name stays near 25 %", F(name_share),
	    "or else one question among the large answers"},
	{"flow-answers", "", 10, 1e6, 30, "docs/calibration.md: a stub takes a new port for each question", F(flow_answers),
	    "packets of large answers in one flow record, which need no names"},
	{"record-share", "%", 0.2, 1, 0.5, "docs/calibration.md: a recursor with DNSSEC stays below 35 %", F(record_share),
	    "large answers among all, where records or samples show no repeats; lower 99 % bound"},
	{"same-size", "", 20, 1e6, 50, "docs/calibration.md: one real address drew 14 of one size in a minute", F(same_size),
	    "large answers of one size in 5 to 10 minutes, where records show no names"},
	{"size-share", "%", 0.3, 1, 0.5, "docs/calibration.md: behind one address ordinary ones reach 33 %", F(size_share),
	    "and their share among all large ones, lower 99 % bound"},
	{"customer-bits", "", 32, 128, 64, "RFC 6177 and RFC 7934: a customer has a /64 at least; 128: none", F(customer_bits),
	    "length of the IPv6 prefix that one customer has (docs/calibration.md)"},
	{"addresses", "", 4, 1000, 12, "docs/calibration.md", F(addresses),
	    "new addresses of an IPv6 customer that drew large answers in the window"},
	{"alone-share", "%", 0.1, 1, 0.5, "docs/calibration.md", F(alone_share),
	    "large answers to such addresses of it that get nothing else, lower 99 % bound"},
	{"return-share", "%", 0.01, 1, 0.2, "docs/calibration.md", F(return_share),
	    "large answers to addresses of it that come back after four others"},
	{"all-large", "%", 0.5, 1, 0.8, "docs/calibration.md: a recursor with DNSSEC stays below 35 %", F(all_large),
	    "share of large answers, of at least 100 in 5 minutes, that needs no repeats"},
};

enum { SIGNAL_BAF, SIGNAL_MATCHED, SIGNAL_REPEAT, SIGNAL_COUNT, SIGNAL_ANY, SIGNAL_FOCUS, SIGNAL_ALL_LARGE };

enum { ALL_LARGE_LEAST = 100 };
#define SPREAD_S 0.8 /* two active ticks are only one burst unless their answers lie this far apart */

/* What a window must hold. */
struct need {
	double answers, repeat; /* large answers; share of repeats among them */
	uint32_t window_s;
};

/* Behind an address that many share: records that are the same to the byte.  Only of our own: at an authoritative server a
 * stranger's recursor may ask for one key again and again. */
static bool
same_size(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	uint32_t all, top = size_counts_top(&w->sizes, env->tick, &all);
	struct interval part = wilson99(top, all);
	struct signal *s = verdict_signal(v, "size_share", "Records of one size among those of large answers, at least 50", "names", "%",
	    all > 0 ? (double)top / all : 0, part.low, part.high, set->size_share);

	s->met = s->met && top >= set->same_size && env->networks_known && (w->flags & HOST_OURS) != 0;
	return s->met;
}

static void
judge_window(const struct judge_env *env, const struct watch *w, const struct cell *c, struct need wanted, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	double need = wanted.answers;
	uint32_t window_s = wanted.window_s;
	double n = c->large, seen = n / w->sampling;
	double answer = n > 0 ? (double)c->large_bytes / n : 0;
	double query = c->matched > 0 ? (double)c->large_query_bytes / c->matched : 0;
	double baf = query > 0 ? answer / query : 0;
	struct pace any = pace_of(env, w, c->any_queries < c->large ? c->any_queries : c->large, c->ticks,
	    window_s > watch_window_s[WINDOW_LONG] ? UINT32_MAX : window_s); /* the total goes back to the first */
	struct interval ratio = ratio99(baf, seen, (double)c->matched / w->sampling, w->sampling > 1);
	struct interval matched = share99(c->matched / (double)w->sampling, seen, w->sampling > 1);
	struct interval repeat = wilson99(c->repeat / (double)w->sampling, seen);
	double share = n > 0 ? c->matched / n : 0;

	*v = (struct verdict){.role = ROLE_ABUSER, .window_s = window_s};
	/* ratio and share decide by themselves, the bounds are told: the one is a guard only, of two means that hardly
	 * vary, the other a matter of what was sampled */
	struct signal *s = verdict_signal(v, "baf", "Answers \xc3\xb7 queries, bytes at IP level", "size", "x", baf, ratio.low,
	    ratio.high, set->baf);
	s->required = true;
	s->met = baf >= set->baf;
	s = verdict_signal(v, "matched_share", "Its own queries explain the answers", "mismatch", "%",
	    share, matched.low, matched.high, set->matched_share);
	s->required = true;
	s->met = share >= set->matched_share;
	verdict_signal(v, "repeat_share", "Asks again while it still holds the answer (TTL left)", "names", "%",
	    n > 0 ? c->repeat / n : 0, repeat.low, repeat.high, wanted.repeat);
	verdict_signal(v, "large_answers", "Large answers drawn", "persistence", "", n, seen, seen, need)->required = true;
	verdict_signal(v, "any_rate", "ANY queries with large answers", "rate", "/s", any.rate, any.low,
	    2 * any.rate - any.low, set->any_rate);

	double large = c->answers > 0 ? n / c->answers : 0, top = watch_top_name_share(w);
	struct interval part = wilson99(seen, c->answers / (double)w->sampling);
	/* either of the two will do: told as the one that is nearer to its threshold */
	bool by_name = top / set->name_share > large / set->large_share;
	struct signal *focus = by_name ?
	    verdict_signal(v, "name_share", "One question among its large answers", "names", "%", top, top, top, set->name_share) :
	    verdict_signal(v, "large_share", "Large answers among all it gets", "size", "%", large, large, large, set->large_share);
	struct signal *all = verdict_signal(v, "all_large", "Nearly all it gets is large, at least 100 in 5 minutes", "persistence", "%",
	    large, part.low, part.high, set->all_large);
	/* only of our own customers: a stranger's recursor may ask our server for nothing but what is large */
	all->met = all->met && seen >= ALL_LARGE_LEAST && window_s == watch_window_s[WINDOW_LONG] &&
	    (w->flags & HOST_OURS) != 0;

	bool told = false;

	if (w->counted) {
		/* records: no names, and queries match answers by number alone */
		struct signal *flow = verdict_signal(v, "flow_answers", "Packets of large answers in one flow: no stub keeps its port",
		    "names", "", w->one_flow, w->one_flow, w->one_flow, set->flow_answers);
		struct signal *records = verdict_signal(v, "record_share", "Large answers among all, at least 20", "persistence", "%", large,
		    part.low, part.high, set->record_share);

		/* where nobody said who is ours, a stranger's recursor may ask one server for large answers only */
		records->met = records->met && seen >= (env->networks_known && (w->flags & HOST_OURS) != 0 ? 20 : 50);
		told = flow->met || records->met || same_size(env, w, v);
	}

	bool lasts = c->ticks >= 3 || (w->counted && c->ticks == 2) || (c->ticks == 2 && watch_spread_s(w) >= SPREAD_S) || seen >= 10 * need;
	bool fixed = v->signals[SIGNAL_BAF].met && v->signals[SIGNAL_MATCHED].met;
	bool odd = told || (v->signals[SIGNAL_REPEAT].met && focus->met) || v->signals[SIGNAL_ANY].met || all->met;

	if (fixed && odd && v->signals[SIGNAL_COUNT].met && lasts)
		v->heat = HEAT_HOT;
	else if (baf >= 0.75 * set->baf && share >= 0.75 * set->matched_share && seen >= need / 4)
		v->heat = HEAT_WARM;
}

bool
abuser_draws(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	const struct cell brief = watch_cell(w, SUM_SHORT), longer = watch_cell(w, SUM_LONG), total = watch_cell(w, SUM_TOTAL);
	struct verdict slow;

	judge_window(env, w, &brief, (struct need){set->min_repeats, set->repeat_share, watch_window_s[WINDOW_SHORT]}, v);
	judge_window(env, w, &longer, (struct need){set->slow_repeats, set->repeat_share, watch_window_s[WINDOW_LONG]}, &slow);
	/* the long window remembers an attack for five minutes: it counts while answers still come at
	 * about the pace it has seen, so that a fast attack that stops is over soon */
	if (slow.heat > v->heat && watch_still_active(w, env->tick))
		*v = slow;
	/* and who comes back minute after minute needs no pace at all; the answer has expired more often in between */
	judge_window(env, w, &total, (struct need){set->slow_repeats, set->slow_share, W60 * 60}, &slow);
	const struct cusum sum = cusum_of(w->w60, W60, env->tick / 60 % W60, w->sampling);
	struct signal *s = verdict_signal(&slow, "slow_sum", "Large answers minute after minute, beyond one in three", "persistence", "",
	    sum.sum, sum.sum, sum.sum, set->slow_sum);

	s->met = s->met && sum.active >= set->active_minutes;
	if (slow.heat > v->heat && s->met && watch_still_active(w, env->tick))
		*v = slow;
	return v->heat == HEAT_HOT;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	abuser_draws(env, w, v);
	if (env->other_end != NULL && passed_on(w, env->other_end) >= PASSED_ON) {
		v->heat = HEAT_COLD;
		v->note = "it passes on what strangers ask it: an open forwarder, judged as a reflector";
	}
	if ((w->flags & (HOST_RESOLVER | HOST_NEVER)) != 0) {
		v->heat = HEAT_COLD;
		v->note = (w->flags & HOST_NEVER) != 0 ? "in a group that never alerts" : "a configured resolver";
	}
}

const struct detector detector_abuser = {
	.kind = KIND_DNS_AMPLIFICATION_ABUSER,
	.side = SIDE_CLIENT,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_DNS,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, abuser),
};
