/* traffic-anomaly: a host sends many times what is ordinary for it.
 *
 * What is ordinary, detector/baseline.h knows; detector/level.c looks every ten seconds (at records: every few minutes) and
 * leaves what it saw in the watch.  DNS servers are judged by that; of other hosts only those that send much anyway, and
 * only when it lasts: what a customer does on a quiet line has no ordinary level.
 *
 * It says the least of all kinds.  Where a more precise one is open about the host, or names it as what an attack goes
 * through, this one stays silent.
 */
#include <stdio.h>

#include "detector/detector.h"

#define F(field) offsetof(struct anomaly_settings, field)
static const struct setting table[] = {
	{"multiple", "x", 2, 1e6, 20, "docs/calibration.md: an ordinary day moves a resolver by less than 8", F(multiple),
	    "bytes sent, as a multiple of what is ordinary for the host"},
	{"packets-multiple", "x", 1, 1e6, 5, "larger answers alone are no more work", F(packets_multiple), "packets sent, likewise"},
	{"rate", "bit/s", 1e3, 1e12, 100000, "below, nobody notices it", F(rate), "least rate sent"},
	{"packets-rate", "/s", 1, 1e9, 50, "below, a few clients make it", F(packets_rate), "least packets sent"},
	{"min-history", "s", 60, 604800, 600, "an average over fewer minutes is none", F(min_history), "learned before judging"},
	{"lasting", "s", 10, 86400, 60, "the precise kinds name an attack within a minute", F(lasting), "time it must last"},
	{"group-multiple", "x", 1, 1e6, 5, "what happens to all of them is no host's own doing", F(group_multiple),
	    "how much more it rose than hosts like it"},
	{"group-most", "x", 1, 1e6, 8, "docs/calibration.md: an ordinary day moves a resolver by less than 8", F(group_most),
	    "of what hosts like it rose together, so much is put down to the day at most"},
	{"other-average", "bit/s", 1e3, 1e12, 1e6, "customers' lines are idle on average and full at times", F(other_average),
	    "hosts other than DNS servers: least ordinary rate"},
	{"other-lasting", "s", 10, 86400, 600, "speed tests and downloads are over by then", F(other_lasting),
	    "hosts other than DNS servers: time it must last"},
};

static const char *const against[LEVEL_BASES] = {
	[BASIS_AVERAGE] = "Bytes sent, against its own average of the last hour",
	[BASIS_HOUR] = "Bytes sent, against its own median at this hour of the week",
	[BASIS_GROUP] = "Bytes sent, against the hosts of its group: it is too young itself",
	[BASIS_GENERAL] = "Bytes sent, against hosts in general: it is too young itself, its group too small",
};

static double
over(double a, double b, double least)
{
	return a / (b > least ? b : least);
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct anomaly_settings *set = &env->settings->anomaly;
	const struct level *l = &w->level;
	double multiple = over(l->rate[0], l->expected[0], 1), packets = over(l->rate[1], l->expected[1], 0.01);
	double together = l->group < 1 ? 1 : l->group < set->group_most ? l->group : set->group_most;
	double bps = l->rate[0] * 8, pps = l->rate[1], apart = multiple / together, ordinary = l->expected[0] * 8;
	double lasting = l->server ? set->lasting : set->other_lasting;
	double limit = l->limit > 0 ? over(l->limit, l->expected[0], 1) : set->multiple;
	bool all = true;

	*v = (struct verdict){.role = l->server ? ROLE_RESOLVER : ROLE_REFLECTOR, .window_s = (uint32_t)lasting};
	verdict_signal(v, "multiple", against[l->basis], "size", "x", multiple, multiple, multiple, limit);
	verdict_signal(v, "packets_multiple", "Packets sent, against what is ordinary for it", "rate", "x", packets, packets, packets,
	    set->packets_multiple);
	verdict_signal(v, "sent_rate", "Rate sent", "size", "bit/s", bps, bps, bps, set->rate);
	verdict_signal(v, "sent_packets", "Packets sent", "rate", "/s", pps, pps, pps, set->packets_rate);
	verdict_signal(v, "lasting", "Time above it so far", "persistence", "s", l->above_s, l->above_s, l->above_s, lasting);
	verdict_signal(v, "history", "Learned before", "persistence", "s", l->history_s, l->history_s, l->history_s, set->min_history);
	verdict_signal(v, "group_multiple", "More than hosts like it", "mismatch", "x", apart, apart, apart, set->group_multiple);
	if (!l->server)
		verdict_signal(v, "ordinary_rate", "Ordinary rate of a host that is no DNS server", "size", "bit/s", ordinary, ordinary, ordinary,
		    set->other_average);
	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	/* nothing is asked of it, but whoever looks wants to know */
	if (l->weeks > 0)
		verdict_signal(v, "weeks", "Weeks that taught what is ordinary at this hour", "persistence", "", l->weeks, l->weeks, l->weeks, 0);
	if (all)
		v->heat = HEAT_HOT;
	else if (multiple >= 0.75 * limit && bps >= 0.75 * set->rate)
		v->heat = HEAT_WARM;
	if (l->explained) {
		v->note = "a more precise alert names this traffic";
		v->heat = HEAT_COLD;
	}
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

void
anomaly_measure(const struct watch *w, char *buf, size_t n)
{
	const struct level *l = &w->level;
	char weeks[24] = "";

	if (l->weeks > 0)
		snprintf(weeks, sizeof(weeks), " (%u week%s)", l->weeks, l->weeks > 1 ? "s" : "");
	switch ((enum level_basis)l->basis) {
	case BASIS_HOUR: snprintf(buf, n, "what is ordinary for it at this hour of the week%s", weeks); break;
	case BASIS_GROUP: snprintf(buf, n, "what is ordinary for the %u hosts of its group%s, being too young itself", l->hosts, weeks); break;
	case BASIS_GENERAL: snprintf(buf, n, "what is ordinary for %u hosts like it%s, being too young itself", l->hosts, weeks); break;
	default: snprintf(buf, n, "what it sent in the hour before, on average"); break;
	}
}

void
anomaly_figures(struct alert *a, const struct watch *w)
{
	const struct level *l = &w->level;

	alert_evidence_add(a, EV_RESPONSE_PACKETS, w->total.answer_packets, w->total.answer_packets / w->sampling);
	alert_evidence_add(a, EV_RESPONSE_BYTES, (double)w->total.answer_bytes, w->total.answer_packets / w->sampling);
	alert_evidence_add(a, EV_MULTIPLE, over(l->rate[0], l->expected[0], 1), 0);
	alert_evidence_add(a, EV_BPS, l->rate[0] * 8, 0);
	alert_evidence_add(a, EV_PPS, l->rate[1], 0);
	alert_evidence_add(a, EV_BASELINE_BPS, l->expected[0] * 8, 0);
	alert_evidence_add(a, EV_BASELINE_PPS, l->expected[1], 0);
	if (l->server) {
		alert_evidence_add(a, EV_ANSWERS_PS, l->rate[2], 0);
		alert_evidence_add(a, EV_BASELINE_ANSWERS, l->expected[2], 0);
	}
	alert_evidence_add(a, EV_HISTORY, l->history_s, 0);
	alert_evidence_add(a, EV_BASELINE_WEEKS, l->weeks, 0);
	alert_evidence_add(a, EV_BASELINE_HOSTS, l->hosts, 0);
	a->bytes = w->total.answer_bytes;
	a->packets = w->total.answer_packets;
}

const struct detector detector_anomaly = {
	.kind = KIND_TRAFFIC_ANOMALY,
	.side = SIDE_SERVER,
	.service_from = SERVICE_LEVEL,
	.service_to = SERVICE_LEVEL,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, anomaly),
};
