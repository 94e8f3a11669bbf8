/* open-resolver: a server of ours that answers recursive questions of strangers.
 *
 * The answer itself says so: recursion is available, and the server is not authoritative for what it told.
 * One stranger may be a customer on the road or a forged address; several are the world.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct open_resolver_settings, field)
static const struct setting table[] = {
	{"strangers", "", 1, 8, 3, "docs/calibration.md: one or two may be forged or on the road", F(strangers),
	    "different strangers that were answered"},
	{"answers", "", 1, 1e6, 5, "docs/calibration.md", F(answers), "recursive answers to them"},
};

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct open_resolver_settings *set = &env->settings->open_resolver;
	double n = w->total.answers, strangers = 0;

	for (int i = 0; i < WATCH_PEERS; i++)
		strangers += w->peer[i].answers > 0;
	*v = (struct verdict){.role = ROLE_REFLECTOR, .window_s = 3600};
	verdict_signal(v, "strangers", "Strangers answered", "persistence", "", strangers, strangers, strangers,
	    set->strangers)->required = true;
	verdict_signal(v, "recursive_answers", "Recursive answers to strangers", "mismatch", "", n, n / w->sampling, n,
	    set->answers)->required = true;
	if (v->signals[0].met && v->signals[1].met)
		v->heat = HEAT_HOT;
	/* an open door stays open between two visitors */
	if (v->heat == HEAT_HOT && env->tick - w->last_tick > 600)
		v->heat = HEAT_COLD;
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_open_resolver = {
	.kind = KIND_OPEN_RESOLVER,
	.side = SIDE_SERVER,
	.service_from = SERVICE_RECURSION,
	.service_to = SERVICE_RECURSION,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, open_resolver),
};
