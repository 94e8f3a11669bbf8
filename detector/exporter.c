/* exporter-health: the figures of a flow exporter are not what they seem.
 *
 * Records lost on the way, data without templates, impossible times, a clock that is off, damaged datagrams, a sampling
 * rate that changed: each makes every other verdict about the networks behind that exporter weaker, so somebody has to
 * hear of it.  One sign is enough here, since nothing is accused.
 *
 * The cells of such a watch hold: queries = records delivered, answers = records lost, large = sets without a template, matched =
 * records with repaired times, repeat = changes of sampling, later_packets = damaged datagrams; the latest clock offset
 * stands beside them.
 */
#include "detector/detector.h"

#define F(field) offsetof(struct exporter_settings, field)
static const struct setting table[] = {
	{"lost-share", "%", 0.001, 1, 0.05, "a loss that changes a figure by more than its bound at 1 500 answers", F(lost_share),
	    "records lost on the way, of all in 5 minutes"},
	{"min-records", "", 10, 1e9, 100, "a share of fewer says little", F(min_records), "records in 5 minutes for a share to count"},
	{"undecoded", "", 1, 1e9, 20, "templates come again within minutes: a start loses some sets", F(undecoded),
	    "data sets without a template in 5 minutes"},
	{"repaired-share", "%", 0.01, 1, 0.5, "a few odd records are common, half of them is a broken exporter", F(repaired_share),
	    "records with impossible times, of all in 5 minutes"},
	{"clock-offset", "s", 10, 1e9, 120, "below, it is delay and time-outs", F(clock_offset), "difference of its clock from ours"},
};

void
exporter_take(struct watch *w, const struct exporter_news *n, uint32_t tick, int64_t begin_ns)
{
	const struct cell c = {.queries = (uint32_t)n->records, .answers = (uint32_t)n->lost, .large = (uint32_t)n->undecoded,
		.matched = (uint32_t)n->repaired, .repeat = (uint32_t)n->sampling_changed, .later_packets = (uint32_t)n->corrupt};

	cell_add(&w->now, &c);
	w->clock_offset_ns = n->clock_offset_ns;
	w->touched = w->last_tick = tick;
	if (w->first_ns == 0)
		w->first_ns = begin_ns;
	w->last_ns = begin_ns;
}

static double
offset_s(const struct watch *w)
{
	return (double)(w->clock_offset_ns < 0 ? -w->clock_offset_ns : w->clock_offset_ns) / 1e9;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct exporter_settings *set = &env->settings->exporter;
	const struct cell *c = &w->sum[WINDOW_LONG];
	double all = (double)c->queries + c->answers, lost = all > 0 ? c->answers / all : 0;
	double repaired = c->queries > 0 ? (double)c->matched / c->queries : 0;
	bool enough = all >= set->min_records, any = false;
	struct signal *s;

	*v = (struct verdict){.role = ROLE_EXPORTER, .window_s = watch_window_s[WINDOW_LONG]};
	s = verdict_signal(v, "lost_share", "Records lost on the way", "persistence", "%", lost, lost, lost, set->lost_share);
	s->met = s->met && enough;
	verdict_signal(v, "undecoded", "Data sets without a template", "persistence", "", c->large, c->large, c->large, set->undecoded);
	s = verdict_signal(v, "repaired_share", "Records with impossible times", "mismatch", "%", repaired, repaired, repaired,
	    set->repaired_share);
	s->met = s->met && enough;
	s = verdict_signal(v, "clock_offset", "Its clock differs from ours", "mismatch", "s", offset_s(w), offset_s(w), offset_s(w),
	    set->clock_offset);
	s->met = s->met && enough;
	verdict_signal(v, "sampling_changed", "Its sampling rate changed", "mismatch", "", c->repeat, c->repeat, c->repeat, 1);
	for (size_t i = 0; i < v->n; i++)
		any = any || v->signals[i].met;
	if (any)
		v->heat = HEAT_HOT;
	else if (c->answers + c->large + c->matched > 0)
		v->heat = HEAT_WARM;
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

void
exporter_figures(struct alert *a, const struct watch *w)
{
	const struct cell *t = &w->total;
	double all = (double)t->queries + t->answers;

	alert_evidence_add(a, EV_RECORDS, t->queries, t->queries);
	alert_evidence_add(a, EV_LOST_RECORDS, t->answers, t->answers);
	alert_evidence_add(a, EV_LOST_SHARE, all > 0 ? t->answers / all : 0, t->queries);
	alert_evidence_add(a, EV_UNDECODED, t->large, t->large);
	alert_evidence_add(a, EV_TIME_REPAIRED, t->matched, t->matched);
	alert_evidence_add(a, EV_CORRUPT, t->later_packets, t->later_packets);
	alert_evidence_add(a, EV_CLOCK_OFFSET, offset_s(w), 1);
}

const struct detector detector_exporter = {
	.kind = KIND_EXPORTER_HEALTH,
	.side = SIDE_SERVER,
	.service_from = SERVICE_EXPORTER,
	.service_to = SERVICE_EXPORTER,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, exporter),
};
