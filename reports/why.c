/* Every signal of a subject, its value with bound and threshold, its course, and what follows from them. */
#include "reports/why.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "reports/lines.h"
#include "reports/section.h"
#include "reports/text.h"

static void
with_unit(struct buf *b, double v, const char *unit)
{
	text_figure_in(b, v, unit);
	if (unit != NULL && *unit != '\0')
		buf_printf(b, " %s", unit);
}

static void
table_head(struct lines *l)
{
	size_t w = (size_t)l->o.width;

	lines_start(l, 2);
	lines_words(l, INK_DIM, "signal");
	lines_right(l, INK_DIM, w - 35, "value");
	lines_right(l, INK_DIM, w - 22, "99 % bound");
	lines_right(l, INK_DIM, w - 9, "threshold");
}

enum { NARROW = 60 }; /* below, columns leave no room for words */

/* The same in words. */
static void
narrow_line(struct lines *l, const struct signal *g)
{
	struct buf b = {.max = 256};

	lines_start(l, 2);
	l->indent = 4;
	lines_wordsf(l, INK_PLAIN, "%s%s:", g->label, g->required ? " *" : "");
	buf_char(&b, ' ');
	with_unit(&b, g->value, g->unit);
	lines_words(l, INK_STRONG, buf_text(&b));
	buf_reset(&b);
	buf_str(&b, g->below ? " of ≤ " : " of ≥ ");
	with_unit(&b, g->threshold, g->unit);
	lines_words(l, INK_PLAIN, buf_text(&b));
	lines_words(l, g->met ? INK_BAD : INK_DIM, g->met ? " MET" : " not met");
	buf_done(&b);
}

/* The label wraps in its own column; the figures stand on its last line. */
static void
signal_line(struct lines *l, const struct signal *g)
{
	size_t w = (size_t)l->o.width;
	struct buf b = {.max = 256};
	struct lines column = *l;

	lines_start(l, 2);
	column = *l;
	column.o.width = (int)(w - 46);
	column.indent = 4;
	lines_words(&column, INK_PLAIN, g->label);
	if (g->required)
		lines_words(&column, INK_PLAIN, " *");
	l->column = column.column;
	with_unit(&b, g->value, g->unit);
	lines_right(l, INK_STRONG, w - 35, buf_text(&b));
	buf_reset(&b);
	if (g->low == g->value && g->high == g->value) {
		buf_str(&b, "exact");
	} else {
		buf_str(&b, g->below ? "≤ " : "≥ ");
		text_figure_in(&b, g->below ? g->high : g->low, g->unit);
	}
	lines_right(l, INK_PLAIN, w - 22, buf_text(&b));
	buf_reset(&b);
	buf_str(&b, g->below ? "≤ " : "≥ ");
	with_unit(&b, g->threshold, g->unit);
	lines_right(l, INK_PLAIN, w - 9, buf_text(&b));
	lines_right(l, g->met ? INK_BAD : INK_DIM, w, g->met ? "MET" : "not met");
	buf_done(&b);
}

/* --- what follows ----------------------------------------------------------------------------------------- */

/* How far a signal is from its threshold: "(61 % of it)". */
static void
missed(struct lines *l, const struct signal *g, bool more)
{
	double share = g->below ? (g->value > 0 ? g->threshold / g->value : 1) : g->threshold > 0 ? g->low / g->threshold : 1;
	const char *end = more ? "," : ".";
	struct buf b = {.max = 256};

	if (g->below && share < 1 && share > 0) {
		text_figure(&b, 1 / share);
		lines_wordsf(l, INK_PLAIN, " %s (%s times what is allowed)%s", g->label, buf_text(&b), end);
	} else if (!g->below && share < 1) {
		text_percent(&b, share > 0 ? share : 0);
		lines_wordsf(l, INK_PLAIN, " %s (%s %% of it)%s", g->label, buf_text(&b), end);
	} else {
		lines_wordsf(l, INK_PLAIN, " %s (reached, but not for long enough or of too few)%s", g->label, end);
	}
	buf_done(&b);
}

static void
verdict(struct lines *l, const struct why_row *k)
{
	size_t met = 0, missing, needed = 0;
	char clock[TIME_TEXT];

	for (size_t i = 0; i < k->signals_n; i++) {
		met += k->signal[i].met;
		needed += k->signal[i].required && !k->signal[i].met;
	}
	missing = k->signals_n - met;
	if (k->heat == WHY_HOT) {
		lines_wordsf(l, INK_PLAIN, "At %s %zu of %zu signals are met: what an alert needs.", time_clock(k->t_ns, clock), met, k->signals_n);
		return;
	}
	lines_wordsf(l, INK_PLAIN, "Closest to an alert at %s: %zu of %zu signals are met%s", time_clock(k->t_ns, clock), met, k->signals_n,
	    needed > 0 ? "; needed and short of the threshold:" : missing > 0 ? ", too few together; short of the threshold:" :
	    ", but not for long enough, or of too few answers.");
	missing = needed > 0 ? needed : missing;
	for (size_t i = 0; i < k->signals_n; i++)
		if (!k->signal[i].met && (needed == 0 || k->signal[i].required))
			missed(l, &k->signal[i], --missing > 0);
}

/* --- the course --------------------------------------------------------------------------------------------- */

static bool
closer(const struct why_point *a, const struct why_point *b)
{
	return a->heat != b->heat ? a->heat > b->heat : a->closeness >= b->closeness;
}

static char
mark(const struct why_row *k, const struct why_point *p, size_t column)
{
	double value, threshold, share;

	if (p == NULL || (p->has >> column & 1) == 0)
		return '.';
	if ((p->met >> column & 1) != 0)
		return '#';
	value = (double)p->value[column];
	threshold = (double)p->threshold[column];
	share = k->column[column].below ? (value > 0 ? threshold / value : 0) : threshold > 0 ? value / threshold : 0;
	return (char)('0' + (share >= 0.9 ? 9 : share > 0 ? (int)(share * 10) : 0));
}

/* "above usual" */
static const char *
column_title(const char *name, char out[24])
{
	snprintf(out, 24, "%.23s", name);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	return out;
}

enum { TITLE = 17 };

static void
strip(struct lines *l, const struct why_row *k, size_t column, uint32_t from, uint32_t to, uint32_t width_s)
{
	char title[24], text[256];
	size_t n = 0, at = 0;

	for (uint32_t t = from; t <= to && n + 1 < sizeof(text); t += width_s) {
		const struct why_point *best = NULL;

		for (; at < k->points_n && k->point[at].tick < t + width_s; at++)
			if (best == NULL || closer(&k->point[at], best))
				best = &k->point[at];
		text[n++] = mark(k, best, column);
	}
	text[n] = '\0';
	lines_start(l, 4);
	lines_words(l, INK_DIM, column_title(k->column[column].name, title));
	lines_to(l, 4 + TITLE);
	lines_words(l, INK_PLAIN, text);
}

static void
course(struct lines *l, const struct why_row *k)
{
	uint32_t from, to, room = (uint32_t)(l->o.width - 4 - TITLE), width_s;
	char clock[TIME_TEXT];

	if (k->points_n == 0)
		return;
	room = room > 200 ? 200 : room;
	from = k->point[0].tick;
	to = k->point[k->points_n - 1].tick;
	width_s = (to - from) / room + 1;
	width_s = width_s > k->width_s ? width_s : k->width_s;
	lines_start(l, 2);
	lines_wordsf(l, INK_DIM, "from %s, %u s a mark: tenths of the threshold, # met, . not judged",
	    time_clock(k->point[0].t_ns - NS_PER_S, clock), (unsigned int)width_s);
	for (size_t c = 0; c < k->columns_n; c++)
		strip(l, k, c, from, to, width_s);
}

/* Every point, for those who ask for more. */
static void
course_figures(struct lines *l, const struct why_row *k)
{
	char clock[TIME_TEXT], title[24];
	struct buf b = {.max = 256};

	for (size_t i = 0; i < k->points_n; i++) {
		const struct why_point *p = &k->point[i];
		bool first = true;

		lines_start(l, 4);
		lines_words(l, INK_STRONG, time_clock(p->t_ns, clock));
		l->indent = 8;
		for (size_t c = 0; c < k->columns_n; c++) {
			const char *unit = k->column[c].unit;

			if ((p->has >> c & 1) == 0)
				continue;
			buf_reset(&b);
			buf_printf(&b, "%s %s ", first ? " " : ",", column_title(k->column[c].name, title));
			with_unit(&b, (double)p->value[c], unit);
			buf_str(&b, k->column[c].below ? " (≤ " : " (≥ ");
			with_unit(&b, (double)p->threshold[c], unit);
			buf_char(&b, ')');
			lines_words(l, (p->met >> c & 1) != 0 ? INK_BAD : INK_PLAIN, buf_text(&b));
			first = false;
		}
		if (p->heat == WHY_HOT)
			lines_words(l, INK_BAD, " ALERT");
	}
	buf_done(&b);
}

/* --- one kind ------------------------------------------------------------------------------------------------ */

static bool
same_subject(const struct subject *a, const struct subject *b)
{
	if (a->type != b->type)
		return false;
	return a->type >= SUBJECT_LINK ? strcmp(a->name, b->name) == 0 :
	    a->prefix.bits == b->prefix.bits && addr_equal(&a->prefix.addr, &b->prefix.addr);
}

static const struct why_alert *
alert_of(const struct why_view *v, const struct why_row *k, bool of_its_kind)
{
	for (size_t i = 0; i < v->alerts_n; i++)
		if (same_subject(&v->alert[i].who, &k->who) &&
		    (!of_its_kind || (v->alert[i].kind == k->kind && strcmp(v->alert[i].vector, k->vector) == 0)))
			return &v->alert[i];
	return NULL;
}

static void
state(struct lines *l, const struct why_view *v, const struct why_row *k)
{
	static const char *const heat[] = {" no alert", " close to an alert", " alert"};
	const struct why_alert *a = alert_of(v, k, true);

	if (a != NULL)
		lines_words(l, INK_BAD, " alert");
	else if (k->heat == WHY_HOT)
		lines_words(l, INK_WARN, " met, no alert of its own");
	else
		lines_words(l, k->heat == WHY_WARM ? INK_WARN : INK_PLAIN, heat[k->heat]);
}

const char *
why_who(const struct subject *s, char out[WHY_TEXT])
{
	char tmp[PREFIX_TEXT];

	switch (s->type) {
	case SUBJECT_HOST: snprintf(out, WHY_TEXT, "%s", addr_text(&s->prefix.addr, tmp)); break;
	case SUBJECT_PREFIX: snprintf(out, WHY_TEXT, "%s", prefix_text(&s->prefix, tmp)); break;
	case SUBJECT_LINK: snprintf(out, WHY_TEXT, "link %.200s", s->name); break;
	default: snprintf(out, WHY_TEXT, "%.250s", s->name); break;
	}
	return out;
}

static void
tell_kind(struct lines *l, const struct why_input *in, const struct why_row *k)
{
	const struct why_alert *other = alert_of(in->view, k, false);
	char clock[TIME_TEXT], who[WHY_TEXT];
	bool star = false;

	lines_end(l);
	buf_char(l->out, '\n');
	lines_start(l, 0);
	lines_words(l, INK_STRONG, alert_kind_text(k->kind));
	if (strcmp(k->vector, "dns") != 0 && strcmp(k->vector, "none") != 0 && strcmp(k->vector, "flow-export") != 0)
		lines_wordsf(l, INK_PLAIN, " (%s)", k->vector);
	if (strcmp(why_who(&k->who, who), in->subject) != 0 && k->who.type != SUBJECT_LINK)
		lines_wordsf(l, INK_PLAIN, " of %s", who);
	lines_words(l, INK_PLAIN, ":");
	state(l, in->view, k);
	if (k->signals_n > 0 && l->o.width >= NARROW)
		table_head(l);
	for (size_t i = 0; i < k->signals_n; i++) {
		if (l->o.width >= NARROW)
			signal_line(l, &k->signal[i]);
		else
			narrow_line(l, &k->signal[i]);
		star = star || k->signal[i].required;
	}
	if (star) {
		lines_start(l, 2);
		lines_words(l, INK_DIM, "* without it there is no alert of this kind");
	}
	lines_start(l, 2);
	if (k->heat == WHY_HOT && other != NULL && alert_of(in->view, k, true) == NULL)
		lines_wordsf(l, INK_PLAIN, "What an alert needs was met at %s, but the same traffic is named as %s.", time_clock(k->t_ns, clock),
		    alert_kind_text(other->kind));
	else
		verdict(l, k);
	if (k->note != NULL)
		lines_wordsf(l, INK_PLAIN, " Note: %s.", k->note);
	course(l, k);
	if (in->verbose)
		course_figures(l, k);
	lines_end(l);
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

enum { ALERTS_SHOWN = 5 };

static void
tell_alerts(struct lines *l, const struct why_input *in)
{
	const struct why_view *v = in->view;
	size_t shown = v->alerts_n > ALERTS_SHOWN && !in->verbose ? ALERTS_SHOWN : v->alerts_n;
	char opened[TIME_TEXT], closed[TIME_TEXT], who[WHY_TEXT], id[ALERT_ID_TEXT];

	for (size_t i = 0; i < shown; i++) {
		const struct why_alert *a = &v->alert[i];

		lines_start(l, 2);
		l->indent = 4;
		lines_words(l, INK_BAD, "alert");
		lines_wordsf(l, INK_PLAIN, " %s of %s: opened %s,", alert_kind_text(a->kind), why_who(&a->who, who),
		    time_clock(a->opened_ns, opened));
		if (a->closed_ns != 0)
			lines_wordsf(l, INK_PLAIN, " closed %s (%s),", time_clock(a->closed_ns, closed), a->reason != NULL ? a->reason : "quiet");
		else
			lines_words(l, INK_PLAIN, " still open,");
		lines_wordsf(l, INK_PLAIN, " severity %d, incident %s", a->severity, alert_id_text(a->incident, id));
	}
	if (v->alerts_all > shown) {
		lines_start(l, 2);
		lines_wordsf(l, INK_PLAIN, "and %llu more alerts", (unsigned long long)(v->alerts_all - shown));
	}
	if (v->alerts_all == 0 && v->seen) {
		lines_start(l, 2);
		lines_words(l, INK_PLAIN, "No alert was opened.");
	}
	lines_end(l);
}

static void
tell_traffic(struct lines *l, const struct why_input *in)
{
	const struct why_view *v = in->view;
	char from[TIME_TEXT], to[TIME_TEXT], day[TIME_TEXT];
	struct buf b = {.max = 4096};

	lines_start(l, 2);
	if (in->last_ns == 0) {
		lines_words(l, INK_WARN, "There was no traffic at all.");
		return;
	}
	buf_printf(&b, "%s %s to %s UTC:", time_date(in->first_ns, day), time_clock(in->first_ns, from), time_clock(in->last_ns, to));
	if (!v->seen) {
		lines_words(l, INK_PLAIN, buf_text(&b));
		lines_words(l, INK_WARN, " it was not seen");
		if (v->near[0] != '\0')
			lines_wordsf(l, INK_PLAIN, "; the nearest that was is %s", v->near);
		lines_words(l, INK_PLAIN, ".");
		buf_done(&b);
		return;
	}
	if (in->zone) {
		buf_char(&b, ' ');
		text_count(&b, v->answers);
		buf_str(&b, " answers about names in it, ");
		text_count(&b, v->failing);
		buf_str(&b, " failing; ");
		text_count(&b, v->fresh);
		buf_str(&b, " to questions not seen before");
	} else {
		buf_char(&b, ' ');
		if (in->many) {
			text_count(&b, v->hosts);
			buf_str(&b, v->hosts == 1 ? " host " : " hosts ");
		}
		buf_str(&b, "sent ");
		text_count(&b, v->sum.packets_out);
		buf_str(&b, " packets, ");
		text_bytes(&b, (double)v->sum.bytes_out);
		buf_str(&b, "; received ");
		text_count(&b, v->sum.packets_in);
		buf_str(&b, " packets, ");
		text_bytes(&b, (double)v->sum.bytes_in);
	}
	lines_words(l, INK_PLAIN, buf_text(&b));
	buf_done(&b);
}

static void
tell_absent(struct lines *l, const struct why_input *in)
{
	if (in->absent_n == 0 || !in->view->seen)
		return;
	lines_end(l);
	buf_char(l->out, '\n');
	lines_start(l, 0);
	lines_words(l, INK_STRONG, "Not judged");
	for (size_t i = 0; i < in->absent_n; i++) {
		lines_start(l, 2);
		l->indent = 4;
		lines_wordsf(l, INK_PLAIN, "%s: %s", alert_kind_text(in->absent[i].kind), in->absent[i].reason);
	}
	lines_end(l);
}

/* Does a judgement speak of the subject itself, or of one of its hosts? */
static bool
own(const struct why_input *in, const struct why_row *k)
{
	char who[WHY_TEXT];

	return !in->many || k->who.type == SUBJECT_LINK || k->who.type == SUBJECT_ZONE || strcmp(why_who(&k->who, who), in->subject) == 0;
}

/* A host of many that was far from everything says nothing. */
static bool
telling(const struct why_input *in, const struct why_row *k)
{
	return in->verbose || own(in, k) || k->heat > WHY_COLD || k->closeness >= 0.5;
}

static void
tell_kinds(struct lines *l, const struct why_input *in)
{
	const struct why_view *v = in->view;
	size_t left_out = 0;

	for (int pass = 0; pass < 2; pass++)
		for (int h = WHY_HOT; h >= WHY_COLD; h--)
			for (size_t i = 0; i < v->rows_n; i++)
				if ((int)v->row[i].heat == h && own(in, &v->row[i]) == (pass == 0) && telling(in, &v->row[i]))
					tell_kind(l, in, &v->row[i]);
	for (size_t i = 0; i < v->rows_n; i++)
		left_out += !telling(in, &v->row[i]);
	if (left_out > 0) {
		lines_end(l);
		buf_char(l->out, '\n');
		lines_start(l, 0);
		lines_wordsf(l, INK_DIM, "Far from an alert for all its hosts: %zu more kind%s; -v shows them.", left_out, left_out == 1 ? "" : "s");
		lines_end(l);
	}
}

int
why_text(struct buf *out, const struct why_input *in, const struct summary_options *o)
{
	struct lines l;

	lines_init(&l, out, o);
	lines_words(&l, INK_STRONG, in->subject);
	if (in->about != NULL)
		lines_wordsf(&l, INK_PLAIN, ", %s", in->about);
	if (in->group != NULL)
		lines_wordsf(&l, INK_PLAIN, ", judged by the thresholds of group %s", in->group);
	if (in->geo.country[0] != '\0')
		lines_wordsf(&l, INK_PLAIN, ", %s", text_country(in->geo.country));
	if (in->geo.asn != 0)
		lines_wordsf(&l, INK_PLAIN, ", AS%u %s", in->geo.asn, in->geo.org);
	tell_traffic(&l, in);
	tell_alerts(&l, in);
	tell_kinds(&l, in);
	tell_absent(&l, in);
	return out->full ? ERR_FULL : 0;
}
