/* The answer of `damp why` for programs: one object, one line. */
#include "base/err.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "reports/why.h"

static void
put_time(struct json *j, const char *name, int64_t t_ns)
{
	char text[TIME_TEXT];

	if (t_ns != 0)
		json_str(j, name, time_rfc3339(t_ns, text));
}

static const char *
heat_text(int heat)
{
	return heat == WHY_HOT ? "hot" : heat == WHY_WARM ? "warm" : "cold";
}

static void
put_alerts(struct json *j, const struct why_view *v)
{
	char who[WHY_TEXT], id[ALERT_ID_TEXT];

	json_uint(j, "alerts_all", v->alerts_all);
	json_open(j, "alerts", '[');
	for (size_t i = 0; i < v->alerts_n; i++) {
		const struct why_alert *a = &v->alert[i];

		json_open(j, NULL, '{');
		json_str(j, "id", alert_id_text(a->id, id));
		json_str(j, "incident", alert_id_text(a->incident, id));
		json_str(j, "kind", alert_kind_text(a->kind));
		json_str(j, "who", why_who(&a->who, who));
		put_time(j, "opened", a->opened_ns);
		put_time(j, "closed", a->closed_ns);
		if (a->reason != NULL)
			json_str(j, "reason", a->reason);
		json_int(j, "severity", a->severity);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
put_signals(struct json *j, const struct why_row *k)
{
	json_open(j, "signals", '[');
	for (size_t i = 0; i < k->signals_n; i++) {
		const struct signal *g = &k->signal[i];

		json_open(j, NULL, '{');
		json_str(j, "name", g->name);
		json_str(j, "label", g->label);
		json_str(j, "nature", g->nature);
		json_str(j, "unit", g->unit);
		json_num(j, "value", g->value, 4);
		json_num(j, "low", g->low, 4);
		json_num(j, "high", g->high, 4);
		json_num(j, "threshold", g->threshold, 4);
		json_bool(j, "below", g->below);
		json_bool(j, "required", g->required);
		json_bool(j, "met", g->met);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
put_course(struct json *j, const struct why_row *k)
{
	json_open(j, "course", '{');
	json_uint(j, "width_s", k->width_s);
	json_open(j, "points", '[');
	for (size_t i = 0; i < k->points_n; i++) {
		const struct why_point *p = &k->point[i];

		json_open(j, NULL, '{');
		put_time(j, "at", p->t_ns);
		json_str(j, "state", heat_text(p->heat));
		json_open(j, "signals", '{');
		for (size_t c = 0; c < k->columns_n; c++) {
			if ((p->has >> c & 1) == 0)
				continue;
			json_open(j, k->column[c].name, '{');
			json_num(j, "value", (double)p->value[c], 4);
			json_num(j, "threshold", (double)p->threshold[c], 4);
			json_bool(j, "met", (p->met >> c & 1) != 0);
			json_close(j, '}');
		}
		json_close(j, '}');
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void
put_kinds(struct json *j, const struct why_input *in)
{
	char who[WHY_TEXT];

	json_open(j, "kinds", '[');
	for (size_t i = 0; i < in->view->rows_n; i++) {
		const struct why_row *k = &in->view->row[i];

		json_open(j, NULL, '{');
		json_str(j, "kind", alert_kind_text(k->kind));
		json_str(j, "vector", k->vector);
		json_str(j, "who", why_who(&k->who, who));
		json_str(j, "state", heat_text((int)k->heat));
		put_time(j, "at", k->t_ns);
		json_uint(j, "window_s", k->window_s);
		if (k->note != NULL)
			json_str(j, "note", k->note);
		put_signals(j, k);
		put_course(j, k);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "not_judged", '[');
	for (size_t i = 0; i < in->absent_n; i++) {
		json_open(j, NULL, '{');
		json_str(j, "kind", alert_kind_text(in->absent[i].kind));
		json_str(j, "reason", in->absent[i].reason);
		json_close(j, '}');
	}
	json_close(j, ']');
}

int
why_json(struct buf *out, const struct why_input *in)
{
	const struct why_view *v = in->view;
	struct json j = json_to(out);

	json_open(&j, NULL, '{');
	json_str(&j, "subject", in->subject);
	if (in->about != NULL)
		json_str(&j, "about", in->about);
	if (in->group != NULL)
		json_str(&j, "group", in->group);
	put_time(&j, "first", in->first_ns);
	put_time(&j, "last", in->last_ns);
	json_bool(&j, "seen", v->seen);
	if (v->near[0] != '\0')
		json_str(&j, "nearest", v->near);
	if (in->zone) {
		json_uint(&j, "answers", v->answers);
		json_uint(&j, "failing", v->failing);
		json_uint(&j, "fresh", v->fresh);
	} else {
		json_uint(&j, "hosts", v->hosts);
		json_uint(&j, "packets_out", v->sum.packets_out);
		json_uint(&j, "bytes_out", v->sum.bytes_out);
		json_uint(&j, "packets_in", v->sum.packets_in);
		json_uint(&j, "bytes_in", v->sum.bytes_in);
	}
	put_alerts(&j, v);
	put_kinds(&j, in);
	json_close(&j, '}');
	buf_char(out, '\n');
	return out->full ? ERR_FULL : 0;
}
