/* What the page's claims rest on: the signals, the course of events, the quality of what was seen. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "reports/chart.h"
#include "reports/section.h"
#include "reports/text.h"

/* --- why --------------------------------------------------------------------------------------- */

static void
with_unit(struct buf *b, double v, const char *unit)
{
	text_figure_in(b, v, unit);
	if (*unit != '\0')
		buf_printf(b, "%s%s", *unit == '/' ? " " : "\xc2\xa0", strcmp(unit, "x") == 0 ? "×" : unit);
}

static void
signal_row(struct buf *b, const struct signal *g)
{
	buf_printf(b, "<tr%s><td>", g->met ? "" : " class=off");
	text_html(b, g->label);
	if (g->required)
		buf_str(b, " <small>required</small>");
	if (g->nature != NULL) {
		buf_str(b, " <small>· ");
		text_html(b, g->nature);
		buf_str(b, "</small>");
	}
	buf_str(b, "</td><td class=n><b>");
	with_unit(b, g->value, g->unit);
	buf_str(b, "</b></td><td class=n>");
	if (g->low == g->value && g->high == g->value) {
		buf_str(b, "exact");
	} else if (g->below) {
		buf_str(b, "≤ ");
		text_figure_in(b, g->high, g->unit);
	} else {
		buf_str(b, "≥ ");
		text_figure_in(b, g->low, g->unit);
	}
	buf_printf(b, "</td><td class=n>%s ", g->below ? "≤" : "≥");
	with_unit(b, g->threshold, g->unit);
	buf_printf(b, "</td><td class=n><span class=\"pill %s</span></td></tr>", g->met ? "ok\">✓ met" : "\">– not met");
}

void
section_why(struct buf *b, const struct story *s)
{
	const struct alert *a = s->lead;
	char prefix[PREFIX_TEXT];
	size_t met = 0, required = 0;

	if (a == NULL || a->signals_n == 0)
		return;
	for (size_t i = 0; i < a->signals_n; i++) {
		met += a->signals[i].met;
		required += a->signals[i].required;
	}
	buf_str(b, "<h2>Why damp says so</h2><p class=sub>");
	if (a->subject.type == SUBJECT_HOST)
		text_addr(b, &a->subject.prefix.addr);
	else if (a->subject.type == SUBJECT_PREFIX)
		text_html(b, prefix_text(&a->subject.prefix, prefix));
	else
		text_html(b, a->subject.name);
	buf_printf(b, "%s. An alert needs %s; %zu of %zu were met, over %" PRIu32 " s.</p>", s->hosts > 1 ? ", the loudest of them" : "",
	           required == a->signals_n ? "all of these signals" : required > 0 ? "those that are required, and others of different nature" :
	           "signals of different nature", met, a->signals_n, a->window_s);
	buf_str(b, "<div class=card><div class=scroll><table class=why><thead><tr><th>Signal</th><th class=n>Value</th>"
	           "<th class=n>99 % bound</th><th class=n>Threshold</th><th></th></tr></thead><tbody>");
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < a->signals_n; i++)
			if (a->signals[i].met == (pass == 0))
				signal_row(b, &a->signals[i]);
	buf_str(b, "</tbody></table></div>");
	if (a->message[0] != '\0') {
		buf_str(b, "<p class=dim>In the alert's words: ");
		text_html(b, a->message);
		buf_str(b, "</p>");
	}
	buf_str(b, "</div>");
}

/* --- when -------------------------------------------------------------------------------------- */

enum event { EVENT_FIRST, EVENT_FULL, EVENT_NAMED, EVENT_MARK, EVENT_RELIEF, EVENT_LAST, EVENT_CLOSED };

struct event_at {
	int64_t t_ns;
	enum event what;
	const char *text;
};

static int
event_order(const void *a, const void *b)
{
	const struct event_at *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return (int)x->what - (int)y->what;
}

static int64_t
above_capacity(const struct story *s)
{
	const struct series *z = s->series;

	for (size_t i = 0; s->on_link && z->capacity_bps > 0 && i < z->n; i++) {
		int64_t t = (z->start_s + (int64_t)(i * z->width_s)) * NS_PER_S;

		if (t + NS_PER_S > s->inc->first_ns && t <= s->inc->last_ns && chart_attack_bps(z, i) > 0 &&
		    chart_total_bps(z, i) >= (double)z->capacity_bps)
			return t;
	}
	return 0;
}

static void
event_text(struct buf *b, const struct story *s, const struct event_at *e)
{
	switch (e->what) {
	case EVENT_FIRST:
		buf_str(b, "First attack packet");
		if (s->name[0] != '\0') {
			buf_str(b, " <small>");
			text_html(b, s->name);
			buf_str(b, "</small>");
		}
		break;
	case EVENT_FULL:
		text_html(b, s->link);
		buf_str(b, " at its capacity");
		break;
	case EVENT_NAMED:
		buf_str(b, "<b>Named</b>: ");
		buf_str(b, alert_kind_text(s->inc->kind));
		buf_str(b, " <small>after ");
		text_duration(b, s->named_s);
		buf_str(b, "</small>");
		break;
	case EVENT_MARK:
		buf_str(b, "<b>");
		text_html(b, e->text);
		buf_str(b, "</b>");
		break;
	case EVENT_RELIEF:
		if (s->on_link) {
			text_html(b, s->link);
			buf_str(b, " relieved");
		} else {
			buf_str(b, "Load gone");
		}
		buf_str(b, " <small>the rest stays under a quarter</small>");
		break;
	case EVENT_LAST: buf_str(b, "Last attack packet"); break;
	case EVENT_CLOSED:
		buf_str(b, "<b>Closed</b>");
		if (s->lead != NULL && s->lead->reason != NULL)
			text_htmlf(b, ": %s", s->lead->reason);
		buf_printf(b, " <small>%zu alert%s in all</small>", s->inc->alerts_n, s->inc->alerts_n == 1 ? "" : "s");
		break;
	}
}

void
section_when(struct buf *b, const struct story *s)
{
	struct event_at e[32];
	size_t n = 0;
	int64_t full = above_capacity(s);
	char tmp[TIME_TEXT];

	e[n++] = (struct event_at){s->inc->first_ns, EVENT_FIRST, NULL};
	e[n++] = (struct event_at){s->inc->named_ns, EVENT_NAMED, NULL};
	e[n++] = (struct event_at){s->inc->last_ns, EVENT_LAST, NULL};
	if (full != 0)
		e[n++] = (struct event_at){full, EVENT_FULL, NULL};
	if (s->relief_ns != 0)
		e[n++] = (struct event_at){s->relief_ns, EVENT_RELIEF, NULL};
	if (s->inc->closed_ns != 0)
		e[n++] = (struct event_at){s->inc->closed_ns, EVENT_CLOSED, NULL};
	for (size_t i = 0; i < s->ri->marks_n && n < sizeof(e) / sizeof(e[0]); i++)
		e[n++] = (struct event_at){s->ri->mark[i].t_ns, EVENT_MARK, s->ri->mark[i].text};
	qsort(e, n, sizeof(e[0]), event_order);
	buf_printf(b, "<section><h2>What happened when</h2><p class=sub>%s, times are UTC.</p><div class=card><dl class=tl>",
	           time_date(s->inc->first_ns, tmp));
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "<dt>%s</dt><dd>", story_clock(s->in, e[i].t_ns, tmp));
		event_text(b, s, &e[i]);
		buf_str(b, "</dd>");
	}
	buf_str(b, "</dl></div></section>");
}

/* --- how sure ---------------------------------------------------------------------------------- */

static void
item(struct buf *b, const char *label)
{
	buf_printf(b, "<dt>%s</dt><dd>", label);
}

static void
seen_by(struct buf *b, const struct report_input *in)
{
	item(b, "Seen by");
	buf_str(b, in->from_records ? "flow records from " : "packets from ");
	for (size_t i = 0; i < in->sources_n && i < 5; i++) {
		buf_str(b, i > 0 ? ", <code>" : "<code>");
		text_html(b, in->source[i]);
		buf_str(b, "</code>");
	}
	if (in->sources_n > 5)
		buf_printf(b, " and %zu more", in->sources_n - 5);
	buf_str(b, "</dd>");
	item(b, "Sampling");
	if (in->sampling > 1)
		buf_printf(b, "1 in %" PRIu32 "; figures are scaled, bounds show what that costs</dd>", in->sampling);
	else
		buf_str(b, "none: every packet counted</dd>");
}

static void
lost(struct buf *b, const struct report_input *in)
{
	item(b, "Loss");
	if (in->rejected_n == 0 && in->damage_n == 0 && in->evicted == 0 && in->late == 0 && in->lost_flows == 0)
		buf_str(b, "nothing unreadable, nothing dropped");
	for (size_t i = 0; i < in->rejected_n; i++) {
		if (i > 0)
			buf_str(b, ", ");
		text_html(b, in->rejected[i].name);
		buf_char(b, ' ');
		text_count(b, in->rejected[i].n);
	}
	if (in->lost_flows > 0) {
		buf_str(b, in->rejected_n > 0 ? "; flows lost on the way " : "flows lost on the way ");
		text_count(b, in->lost_flows);
	}
	if (in->evicted > 0 || in->late > 0) {
		buf_str(b, in->rejected_n > 0 || in->lost_flows > 0 ? "; hosts evicted " : "hosts evicted ");
		text_count(b, in->evicted);
		buf_str(b, ", late records ");
		text_count(b, in->late);
	}
	buf_str(b, "</dd>");
	if (in->copies > 0) {
		item(b, "Copies");
		text_count(b, in->copies);
		buf_str(b, " packets that a mirror showed again count once</dd>");
	}
	for (size_t i = 0; i < in->damage_n && i < 20; i++) {
		item(b, "<b>Incomplete</b>");
		buf_str(b, "<code>");
		text_html(b, in->damage[i].file);
		buf_str(b, "</code>, ");
		text_html(b, in->damage[i].where);
		buf_str(b, ": ");
		text_html(b, in->damage[i].reason);
		buf_str(b, "</dd>");
	}
}

static void
signature(struct buf *b, const struct report_input *in)
{
	item(b, "Signature");
	if (in->kid == NULL || in->alerts == 0) {
		buf_str(b, "no alert line was written</dd>");
		return;
	}
	text_htmlf(b, "Ed25519, key ");
	buf_str(b, "<code>");
	text_html(b, in->kid);
	buf_printf(b, "</code>, chain %" PRIu64 "…%" PRIu64, in->seq_first, in->seq_last);
	if (in->key_ephemeral)
		buf_str(b, "; <b>the key was made for this run</b> and proves only that the lines belong together "
		           "(give one with <code>--key</code>)");
	if (in->alerts_file != NULL) {
		buf_str(b, " · <code>damp verify ");
		if (in->public_key != NULL) {
			buf_str(b, "--key ");
			text_html(b, in->public_key);
			buf_char(b, ' ');
		}
		text_html(b, in->alerts_file);
		buf_str(b, "</code>");
	}
	buf_str(b, "</dd>");
}

void
section_sure(struct buf *b, const struct report_input *in)
{
	char from[TIME_TEXT], to[TIME_TEXT], day[TIME_TEXT];

	buf_str(b, "<section><h2>How sure</h2><p class=sub>What these figures rest on.</p><div class=card><dl class=tl>");
	seen_by(b, in);
	item(b, "Traffic");
	text_count(b, in->packets);
	buf_str(b, " packets, ");
	text_bytes(b, (double)in->bytes);
	if (in->last_ns != 0)
		buf_printf(b, ", %s %s to %s", time_date(in->first_ns, day), time_clock(in->first_ns, from), story_clock(in, in->last_ns, to));
	buf_str(b, "</dd>");
	lost(b, in);
	if (in->clock != NULL) {
		item(b, "Clock");
		text_html(b, in->clock);
		buf_str(b, "</dd>");
	}
	if (in->slowest != NULL) {
		item(b, "Slowest abuse visible here");
		text_html(b, in->slowest);
		buf_str(b, "</dd>");
	}
	item(b, "Databases");
	if (in->databases_n == 0)
		buf_str(b, "none: countries and networks are not known (<code>--geoip</code>)");
	for (size_t i = 0; i < in->databases_n; i++) {
		buf_str(b, i > 0 ? "; " : "");
		text_html(b, in->database[i]);
	}
	buf_str(b, "</dd>");
	item(b, "Public suffixes");
	text_html(b, in->suffixes != NULL ? in->suffixes : "no list: a zone is the last two labels, three below co.uk and its like");
	buf_str(b, "</dd>");
	signature(b, in);
	buf_str(b, "</dl></div></section>");
}
