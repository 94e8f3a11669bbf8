/* carpet-bombing: an attack spread over a prefix, so that no single host of it stands out; and the other way round, abuse
 * that is spread over the hosts of a prefix or link, each of them too slow to be found.
 *
 * The first judges what its hosts' victim detectors would: answers that nothing asked for, in sum eight times what one
 * host needs, on many destinations, none of which takes a large part.  Many customers whose queries take another way look
 * the same, but they do not all get the answer to one question.  Where samples are all there is, the sum is known by its
 * interval, and as many of them must have been seen as one host's detector asks for.
 *
 * Half of many people's sessions (tunnels, games) looks the same, too: one direction, large, to many hosts from many.  But
 * of people each talks with few others, so that there are hardly more pairs than ends; reflectors are used in turn and hit
 * everybody.
 *
 * The second judges the sum as the abuser detector judges a host: genuine queries, large answers, minute after minute
 * (CUSUM), mostly for one question that people do not ask like that: ANY, or again while they hold the answer.  Where
 * one host asks more than a few times in five minutes, the host's own detector finds it.
 */
#include "detector/areas.h"
#include "detector/cusum.h"

#define F(field) offsetof(struct carpet_settings, field)
static const struct setting table[] = {
	{"times-host", "x", 2, 1000, 8, "docs/calibration.md", F(times_host), "of what the victim detectors need of one host"},
	{"destinations", "", 4, 256, 16, "docs/calibration.md", F(destinations), "hosts of the prefix that are hit"},
	{"largest-share", "%", 0.01, 1, 0.2, "a host that takes more stands out by itself", F(largest_share),
	    "of the loudest of them"},
	{"name-share", "%", 0.1, 1, 0.5, "docs/calibration.md: people's top name stays near 25 %", F(name_share),
	    "one question among the large answers, where names are visible"},
};

/* What one host needs, and what it is called. */
static double
host_threshold(const struct judge_env *env, const struct watch *w)
{
	const struct detect_settings *s = env->settings;

	return w->service == SERVICE_DNS ? s->victim.min_answers :
	    w->service == SERVICE_FRAGMENT ? s->fragment.rate * W1 : s->udp_victim.min_packets;
}

/* The third signal of another nature: the same for all, or too large, or without heads. */
static bool
alike(const struct judge_env *env, const struct watch *w, const struct cell *c, double n, struct verdict *v)
{
	if (w->service == SERVICE_DNS) {
		double top = watch_top_name_share(w), large = c->answers > 0 ? n / c->answers : 0;
		struct interval part = wilson99(n / w->sampling, (c->answers > n ? c->answers : n) / w->sampling);

		if (top > 0 || !w->counted)
			return verdict_signal(v, "name_share", "One question among its large answers", "names", "%", top, top, top,
			    env->settings->carpet.name_share)->met;
		return verdict_signal(v, "record_share", "Large answers among all it gets", "size", "%", large, part.low, part.high,
		    env->settings->victim.record_share)->met && env->queries_seen;
	}
	double mean = c->answer_packets > 0 ? (double)c->answer_bytes / c->answer_packets : 0;
	double least = w->service == SERVICE_FRAGMENT ? env->settings->fragment.mean_size : service_info(w->service)->min_answer;

	return verdict_signal(v, "mean_size", w->service == SERVICE_FRAGMENT ? "Mean size, bytes at IP level" :
	    "Mean answer, bytes at IP level", "size", "B", mean, mean, mean, least)->met;
}

enum { PAIRS_EACH = 4 }; /* docs/calibration.md */

/* Over a service that carries sessions: everybody hears from everybody. */
static void
crossed(const struct judge_env *env, const struct watch *w, double hosts, struct verdict *v)
{
	double sources = watch_peer_count(w), most = sources > hosts ? sources : hosts;
	double pairs = hll_count_union(&env->facts->pairs[0], &env->facts->pairs[1]), each = most > 0 ? pairs / most : 0;

	verdict_signal(v, "sources", "Different sources of them", "mismatch", "", sources, sources, sources,
	    env->settings->udp_victim.flood_sources);
	verdict_signal(v, "pairs_each", "Pairs of source and host, for each of them: people talk with few", "mismatch", "", each, each,
	    each, PAIRS_EACH);
}

static void
judge_window(const struct judge_env *env, const struct watch *w, enum watch_window which, struct verdict *v)
{
	const struct carpet_settings *set = &env->settings->carpet;
	const struct cell sums = watch_cell(w, (enum watch_sum)which), *c = &sums;
	double n = w->service == SERVICE_DNS ? c->large : c->answers, seen = n / w->sampling;
	double miss = n > 0 ? (n - c->matched) / n : 0, hosts = env->facts->hosts[which];
	double largest = n > 0 ? env->facts->largest[which] / n : 1, need = set->times_host * host_threshold(env, w);
	double least = sum_low99(seen, w->sampling);
	struct interval bound = share99(miss * seen, seen, w->sampling > 1);
	bool all = true;

	*v = (struct verdict){.role = ROLE_VICTIM, .window_s = watch_window_s[which]};
	verdict_signal(v, "prefix_answers", "Answers to the whole prefix", "rate", "", n, least, 2 * n - least, need);
	struct signal *s = verdict_signal(v, "unmatched_share", "Answers it did not ask for", "mismatch", "%", miss, bound.low, bound.high,
	    w->service == SERVICE_FRAGMENT ? env->settings->fragment.headless_share : env->settings->victim.unmatched_share);
	s->met = miss >= s->threshold;
	verdict_signal(v, "destinations", "Hosts of the prefix that are hit", "mismatch", "", hosts, hosts, hosts, set->destinations);
	s = verdict_signal(v, "largest_share", "Share of the loudest of them", "mismatch", "%", largest, largest, largest, set->largest_share);
	s->below = true;
	s->met = largest <= set->largest_share;
	(void)alike(env, w, c, n, v);
	if (w->sampling > 1)
		verdict_signal(v, "sampled", "Of these really seen", "persistence", "", seen, seen, seen, host_threshold(env, w));
	if (w->service >= SERVICE_FIRST_UDP && service_info(w->service)->session_request != 0)
		crossed(env, w, hosts, v);
	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all && c->ticks >= 2)
		v->heat = HEAT_HOT;
	else if (miss >= 0.75 * env->settings->victim.unmatched_share && n >= need / 4)
		v->heat = HEAT_WARM;
}

static void
judge_carpet(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	struct verdict slow;

	judge_window(env, w, WINDOW_SHORT, v);
	if (w->service == SERVICE_DNS || w->records || w->sampling > 1) {
		judge_window(env, w, WINDOW_LONG, &slow);
		if (slow.heat > v->heat && watch_still_active(w, env->tick))
			*v = slow;
	}
}

/* --- abuse spread over many hosts -------------------------------------------------------------------- */

enum {
	AREA_ANSWERS = 20,  /* that make a share's bound meaningful */
	AREA_HOSTS = 8,
	AREA_PER_HOST = 3,  /* in five minutes; above, a host is found by itself within an hour */
};

static void
judge_abuse(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct abuser_settings *set = &env->settings->abuser;
	const struct cell total = watch_cell(w, SUM_TOTAL), longer = watch_cell(w, SUM_LONG), *c = &total;
	double n = c->large, seen = n / w->sampling, hosts = env->facts->hosts[WINDOW_LONG];
	double each = hosts > 0 ? longer.large / hosts : 0, share = n > 0 ? c->matched / n : 0;
	double query = c->matched > 0 ? (double)c->large_query_bytes / c->matched : 0;
	double baf = query > 0 ? (double)c->large_bytes / n / query : 0, any = c->any_queries < c->large ? c->any_queries : c->large;
	struct interval odd = wilson99(any / w->sampling, seen), again = wilson99(c->repeat / (double)w->sampling, seen);
	const struct cusum sum = cusum_of(w->w60, W60, env->tick / 60 % W60, w->sampling);
	double top = watch_top_name_share(w);
	bool all = true;

	*v = (struct verdict){.role = ROLE_ABUSER, .window_s = AREA_ROTATE_S};
	verdict_signal(v, "baf", "Answers \xc3\xb7 queries, bytes at IP level", "size", "x", baf, baf, baf, set->baf);
	verdict_signal(v, "matched_share", "Its own queries explain the answers", "mismatch", "%", share, share, share, set->matched_share);
	verdict_signal(v, "large_answers", "Large answers drawn", "size", "", n, seen, seen, AREA_ANSWERS);
	verdict_signal(v, "name_share", "One question among its large answers", "names", "%", top, top, top, set->name_share);
	verdict_signal(v, "hosts", "Hosts that draw them, in 5 minutes", "rate", "", hosts, hosts, hosts, AREA_HOSTS);
	struct signal *s = verdict_signal(v, "per_host", "Large answers of each in 5 minutes: none stands out", "rate", "", each, each, each,
	    AREA_PER_HOST);
	s->below = true;
	s->met = hosts > 0 && each <= AREA_PER_HOST;
	s = verdict_signal(v, "slow_sum", "Large answers minute after minute, beyond one in three", "persistence", "", sum.sum, sum.sum,
	    sum.sum, set->slow_sum);
	s->met = s->met && sum.active >= set->active_minutes;
	if (odd.low > again.low)
		verdict_signal(v, "any_share", "ANY among the large answers", "names", "%", n > 0 ? any / n : 0, odd.low, odd.high, set->name_share);
	else
		verdict_signal(v, "repeat_share", "Asks again while it still holds the answer (TTL left)", "names", "%", n > 0 ? c->repeat / n : 0,
		    again.low, again.high, set->repeat_share);
	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all)
		v->heat = HEAT_HOT;
	else if (v->signals[0].met && v->signals[1].met && longer.large >= AREA_ANSWERS / 4 && top >= 0.75 * set->name_share)
		v->heat = HEAT_WARM;
	/* a link's own watch speaks for the prefixes behind it */
	if (w->side == SIDE_PREFIX && w->link != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_carpet = {
	.kind = KIND_CARPET_BOMBING,
	.side = SIDE_PREFIX,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_EXPORTER - 1,
	.judge = judge_carpet,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, carpet),
};

/* Thresholds are the abuser's; see there. */
static const struct detector prefix_abuse = {
	.kind = KIND_DNS_AMPLIFICATION_ABUSER,
	.side = SIDE_PREFIX,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_DNS,
	.judge = judge_abuse,
};
static const struct detector link_abuse = {
	.kind = KIND_DNS_AMPLIFICATION_ABUSER,
	.side = SIDE_LINK,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_DNS,
	.judge = judge_abuse,
};

const struct detector *const area_detectors[] = {&detector_carpet, &prefix_abuse, &link_abuse, &detector_link_load, &detector_customer, NULL};
