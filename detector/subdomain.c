/* dns-random-subdomain: a zone asked for names that do not exist and do not repeat ("water torture").
 *
 * Each random name passes every cache and reaches the zone's servers, until these or the resolvers before
 * them give up.  Answers tell: NXDOMAIN while the servers live, SERVFAIL once they do not, REFUSED where
 * somebody limits, and none at all once even those are gone.  Names of content networks and virus scanners are new as
 * well, but exist.  A client that sends data out in names nobody holds looks the same; it is alone in its zone and its names are
 * long, or it asks for text.  That is told as a tunnel.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct subdomain_settings, field)
static const struct setting table[] = {
	{"names", "", 20, 1e9, 500, "docs/calibration.md", F(names), "new names that fail, within a minute"},
	{"distinct-share", "%", 0.1, 1, 0.8, "docs/calibration.md", F(distinct_share), "questions that are new"},
	{"failing-share", "%", 0.1, 1, 0.8, "docs/calibration.md: disposable names mostly exist", F(failing_share),
	    "answers that fail"},
	{"over-usual", "x", 1, 1000, 10, "docs/calibration.md", F(over_usual), "new failing names over those of an ordinary minute"},
	{"unanswered-distinct-share", "%", 0.1, 1, 0.95, "docs/calibration.md", F(unanswered_distinct),
	    "questions that are new, where answers are not seen"},
	{"unanswered-share", "%", 0.01, 1, 0.25, "docs/calibration.md", F(unanswered_share),
	    "of the questions its servers get, or of all until it is known what is usual, where answers are not seen"},
	{"unanswered-name-length", "B", 4, 250, 40, "docs/calibration.md: longer names carry data", F(unanswered_length),
	    "at most so many bytes before the zone, on average, where answers are not seen"},
	{"unanswered-watched", "s", 60, 86400, 180, "two whole minutes before the current one", F(unanswered_watched),
	    "so long questions are watched before it is known what is usual"},
};

enum { CLOSE = 75 }; /* percent of the names, from which on it is worth a look */

static struct cell
last_minute(const struct watch *w, uint32_t tick)
{
	struct cell c = {0};

	for (uint32_t k = 0; k < 6; k++)
		cell_add(&c, &w->w10[(tick / 10 - k) % W10]);
	return c;
}

static bool
is_unanswered(const struct cell *c, double bad)
{
	return c->queries * 2.0 > bad;
}

static double
failing(const struct cell *c)
{
	return (double)c->matched + c->repeat + c->any_queries + c->queries;
}

/* As fast as it has to be here, such names reach dns-tunnel's thresholds within minutes, so one of both is told.  Random names
 * are short: whoever floods a zone gains nothing by longer ones. */
static bool
carries_data(const struct detect_settings *s, const struct watch *w, const struct cell *c)
{
	const struct tunnel_settings *set = &s->tunnel;

	return w->names.clients > 0 && w->names.clients <= set->clients && c->large > 0 && !is_unanswered(c, failing(c)) &&
	    (c->fresh >= set->rare_share * c->large || tunnel_long_names(set, (double)c->large_query_bytes / c->large));
}

bool
subdomain_attacked(const struct detect_settings *s, const struct watch *w, uint32_t tick)
{
	struct cell c = last_minute(w, tick);

	return c.large * 100.0 >= CLOSE * s->subdomain.names && !carries_data(s, w, &c);
}

/* Where most of it is questions without an answer, nothing says that the names do not exist: they must be new
 * nearly without exception, short (longer ones carry data) and much of what is asked, of the zone's servers or, as long
 * as nobody knows what is usual, of all. */
static void
judge_unanswered(const struct subdomain_settings *set, const struct watch *w, const struct cell *c, struct verdict *v)
{
	bool learned = w->names.watched_s >= set->unanswered_watched;
	double all = (double)(learned ? c->large_bytes : c->later_bytes), asked = c->later_packets;
	double share = all > 0 ? asked / all : 0, length = c->large > 0 ? (double)c->large_query_bytes / c->large : 0;
	struct signal *s;

	verdict_signal(v, "unanswered_share", learned ? "Of all that its servers are asked" : "Of all questions", "rate", "%", share,
	    share, share, set->unanswered_share);
	s = verdict_signal(v, "name_length", "Bytes of its new names before the zone", "size", "B", length, length, length,
	    set->unanswered_length);
	s->below = true;
	s->met = length <= set->unanswered_length;
	v->note = "answers were not seen: the questions alone tell";
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct subdomain_settings *set = &env->settings->subdomain;
	struct cell c = last_minute(w, env->tick);
	double n = c.answers, seen = n / w->sampling, bad = failing(&c);
	double usual = w->names.usual > 1 ? w->names.usual : 1, over = c.large / usual;
	struct interval failing = share99(bad / w->sampling, seen, w->sampling > 1);
	bool all = true, unanswered = is_unanswered(&c, bad);
	/* what is answered otherwise says nothing of the questions that are not */
	double fresh = unanswered ? c.large : (double)c.large_size, of = unanswered ? bad : n;
	struct interval distinct = share99(fresh / w->sampling, of / w->sampling, w->sampling > 1);

	*v = (struct verdict){.role = ROLE_ZONE, .window_s = 60};
	verdict_signal(v, "names", "New names that fail, within a minute", "rate", "", c.large, c.large, c.large, set->names);
	verdict_signal(v, "distinct_share", "Questions that are new", "names", "%", of > 0 ? fresh / of : 0,
	    distinct.low, distinct.high, unanswered ? set->unanswered_distinct : set->distinct_share);
	verdict_signal(v, "failing_share", "Answers that fail", "mismatch", "%", n > 0 ? bad / n : 0, failing.low, failing.high,
	    set->failing_share);
	verdict_signal(v, "over_usual", "Times an ordinary minute", "rate", "x", over, over, over, set->over_usual);
	if (unanswered)
		judge_unanswered(set, w, &c, v);
	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all && seen >= 10)
		v->heat = HEAT_HOT;
	else if (c.large * 100.0 >= CLOSE * set->names && bad >= 0.75 * set->failing_share * n)
		v->heat = HEAT_WARM;
	if (v->heat == HEAT_HOT && carries_data(env->settings, w, &c)) {
		v->heat = HEAT_WARM;
		v->note = "few clients, and long names or questions for text: data, told as a tunnel";
	}
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
