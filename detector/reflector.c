/* dns-amplification-reflector: our own resolver or server amplifies towards strangers.
 *
 * Large answers alone say nothing: a signed zone gives them to every resolver in the world, and
 * resolvers whose paths lose fragments ask three times.  Forged queries show in two things together:
 * few addresses get very many answers, and they get the same answer while it is still valid.
 *
 * The server side of a watch is fed only with strangers' traffic (engine.c decides who is one), so
 * what our own customers draw never counts here.
 *
 * A home router that forwards what the world asks it is a reflector, too, but a slow one: many of them share the work.  It
 * draws from our resolver what an infected host would draw, and hands it on; so the abuser's thresholds hold for it.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct reflector_settings, field)
static const struct setting table[] = {
	{"baf", "x", 2, 1000, 5, "docs/calibration.md", F(baf), "answer bytes over query bytes towards strangers"},
	{"min-answers", "", 10, 100000, 50, "docs/calibration.md", F(min_answers), "large answers needed in the window"},
	{"min-rate", "bit/s", 1000, 1e12, 100000, "docs/calibration.md: what a slow abuse sends, halved", F(min_rate),
	    "answers towards strangers"},
	{"max-clients-share", "%", 0.001, 1, 0.2, "docs/calibration.md: a public server answers many, each rarely",
	    F(max_clients_share), "clients per large answer within 10 seconds, a quarter of it within 5 minutes: few are being hit"},
	{"repeat-share", "%", 0.1, 1, 0.5, "as for the abuser", F(repeat_share),
	    "the same answer again while it is still valid, lower 99 % bound; not asked where names are not seen"},
};

#define CLIENT_SHARE 0.2 /* docs/calibration.md: what one resolver takes of a public server's answers stays below */
enum { CLIENT_RATE = 2 }; /* docs/calibration.md: resolvers get one such answer, and come back for the next name */

static bool
names_seen(const struct watch *w)
{
	for (int i = 0; i < WATCH_NAMES; i++)
		if (w->name[i].count > 0)
			return true;
	return false;
}

/* A server that answers strangers by trade: one of them takes much, or, where several are hit alike, each of those who get
 * large answers at all gets many within a second. */
static void
few_clients(const struct watch *w, const struct cell *c, struct verdict *v)
{
	double share = watch_top_peer_share(w), each = c->peers > 0 ? (double)c->large / c->peers : 0;

	if (share < CLIENT_SHARE && each > 0 && !w->counted)
		verdict_signal(v, "client_rate", "Large answers a second to each client that gets any", "names", "/s", each, each, each, CLIENT_RATE);
	else
		verdict_signal(v, "client_share", "Large answers to its loudest client", "names", "%", share, share, share, CLIENT_SHARE);
}

static void
judge_window(const struct judge_env *env, const struct watch *w, const struct cell *c, double max_share, uint32_t window_s,
    struct verdict *v)
{
	const struct reflector_settings *set = &env->settings->reflector;
	double n = c->large, seen = n / w->sampling;
	double query = c->matched > 0 ? (double)c->large_query_bytes / c->matched : 60;
	double baf = n > 0 ? (double)c->large_bytes / n / query : 0;
	double rate = c->ticks > 0 ? (double)c->large_bytes * 8 / c->ticks : 0;
	double clients = watch_peer_count(w), share = n > 0 ? clients / n : 1;
	struct interval ratio = ratio99(baf, seen, seen, w->sampling > 1);
	struct interval repeat = wilson99(c->repeat / (double)w->sampling, seen);

	*v = (struct verdict){.role = ROLE_REFLECTOR, .window_s = window_s};
	verdict_signal(v, "baf", "Answers \xc3\xb7 queries, bytes at IP level", "size", "x", baf, ratio.low, ratio.high, set->baf);
	verdict_signal(v, "large_answers", "Large answers to strangers", "persistence", "", n, seen, seen, set->min_answers);
	verdict_signal(v, "rate", "Towards strangers", "rate", "bit/s", rate, rate, rate, set->min_rate);
	struct signal *s = verdict_signal(v, "clients_share", "Strangers per large answer: few are hit hard", "mismatch", "%", share,
	    share, share, max_share);
	s->below = true;
	s->met = share <= max_share;
	if (env->per_client)
		few_clients(w, c, v);
	if (names_seen(w))
		verdict_signal(v, "repeat_share", "The same answer again while it is still valid", "names", "%",
		    n > 0 ? c->repeat / n : 0, repeat.low, repeat.high, set->repeat_share);

	bool all = true;

	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all && (c->ticks >= 2 || seen >= 10 * set->min_answers))
		v->heat = HEAT_HOT;
	else if (seen >= set->min_answers / 4 && share <= max_share)
		v->heat = HEAT_WARM;
}

double
passed_on(const struct watch *client, const struct watch *server)
{
	const struct cell drawn = watch_cell(client, SUM_LONG), given = watch_cell(server, SUM_LONG);

	return drawn.large == 0 ? 0 : given.large < drawn.large ? (double)given.large / drawn.large : 1;
}

/* An open forwarder: hot when what it draws would name an infected host. */
static void
judge_forwarder(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const double share = passed_on(env->other_end, w);
	struct verdict drawn;

	if (share < PASSED_ON || !abuser_draws(env, env->other_end, &drawn))
		return;
	if (v->heat != HEAT_HOT) {
		drawn.role = ROLE_REFLECTOR;
		*v = drawn;
	}
	verdict_signal(v, "passed_on", "Of what it draws it hands on to strangers", "mismatch", "%", share, share, share, PASSED_ON)->required = true;
	v->note = "it is an open forwarder: it draws them from a resolver";
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const double share = env->settings->reflector.max_clients_share;
	const struct cell brief = watch_cell(w, SUM_SHORT), longer = watch_cell(w, SUM_LONG);
	struct verdict slow;

	judge_window(env, w, &brief, share, watch_window_s[WINDOW_SHORT], v);
	/* in five minutes a resolver comes back for what has expired, a victim is hit all the time */
	judge_window(env, w, &longer, share / 4, watch_window_s[WINDOW_LONG], &slow);
	if (slow.heat > v->heat && watch_still_active(w, env->tick))
		*v = slow;
	if (env->other_end != NULL)
		judge_forwarder(env, w, v);
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_reflector = {
	.kind = KIND_DNS_AMPLIFICATION_REFLECTOR,
	.side = SIDE_SERVER,
	.service_from = SERVICE_DNS,
	.service_to = SERVICE_DNS,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, reflector),
};
