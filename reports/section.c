#include "reports/section.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "reports/chart.h"
#include "reports/text.h"

void
text_bytes(struct buf *b, double bytes)
{
	text_si(b, bytes);
	buf_str(b, bytes >= 999.5 ? "B" : " B");
}

void
text_bps(struct buf *b, double bps)
{
	text_si(b, bps);
	buf_str(b, bps >= 999.5 ? "bit/s" : " bit/s");
}

/* --- five figures ------------------------------------------------------------------------------ */

static void
figure_open(struct buf *b, const char *label, const char *value, const char *unit)
{
	buf_printf(b, "<div><dt>%s</dt><dd class=v><b%s>", label, strlen(value) > 12 ? " class=long" : "");
	text_html(b, value);
	buf_printf(b, "</b>%s</dd><dd>", unit);
}

static void
figure_close(struct buf *b)
{
	buf_str(b, "</dd></div>");
}

static void
figure_who(struct buf *b, const struct story *s)
{
	char tmp[PREFIX_TEXT];
	static const char *const one[] = {[SUBJECT_HOST] = "host", [SUBJECT_PREFIX] = "prefix", [SUBJECT_LINK] = "link", [SUBJECT_ZONE] = "zone"};
	static const char *const many[] = {[SUBJECT_HOST] = "hosts", [SUBJECT_PREFIX] = "prefixes", [SUBJECT_LINK] = "links",
		[SUBJECT_ZONE] = "zones"};
	enum subject_type what = s->lead != NULL ? s->lead->subject.type : SUBJECT_HOST;
	struct buf who = {.max = 64};
	size_t shown = 0, before;

	text_count(&who, s->hosts);
	figure_open(b, "Who", buf_text(&who), s->hosts == 1 ? one[what] : many[what]);
	buf_done(&who);
	before = b->len;
	if (s->hosts == 1 && s->lead != NULL && what == SUBJECT_HOST)
		text_addr(b, &s->lead->subject.prefix.addr);
	else if (s->hosts == 1 && s->lead != NULL)
		text_html(b, what == SUBJECT_PREFIX ? prefix_text(&s->lead->subject.prefix, tmp) : s->lead->subject.name);
	for (size_t i = 0; i < s->in->networks_n && s->hosts != 1 && shown < 3; i++) {
		bool hit = false;

		for (size_t j = 0; j < s->inc->alerts_kept && !hit; j++)
			hit = s->inc->alert[j]->kind == s->inc->kind &&
			      prefix_contains(&s->in->network[i], &s->inc->alert[j]->subject.prefix.addr);
		if (hit)
			buf_printf(b, "%s%s", shown++ == 0 ? "of " : " and ", prefix_text(&s->in->network[i], tmp));
	}
	if (s->ours)
		buf_printf(b, "%s%s", b->len > before ? "; " : "", s->inc->kind == KIND_DNS_AMPLIFICATION_ABUSER ? "own infected customers" : "our own");
	else if (s->hosts != 1 && what <= SUBJECT_PREFIX)
		buf_str(b, s->in->networks_n > 0 ? "outside our own prefixes" : "own prefixes were not given");
	figure_close(b);
}

static void
figure_cost(struct buf *b, const struct story *s)
{
	double bps = s->loud_bps, length_s = (double)(s->inc->last_ns - s->inc->first_ns) / (double)NS_PER_S;
	const char *prefix;
	char number[16];
	bool link = s->on_link && s->series->capacity_bps > 0 && bps > 0;
	struct buf u = {.max = 32};

	if (bps <= 0)
		bps = 8 * (double)s->inc->bytes / fmax(length_s, 1);
	buf_printf(&u, "%sbit/s", text_scaled(bps, number));
	figure_open(b, link ? "Costs the link" : "Carries", number, buf_text(&u));
	buf_done(&u);
	if (link) {
		text_percent(b, round(bps / (double)s->series->capacity_bps * 1000) / 1000);
		buf_str(b, " % of ");
		text_html(b, s->link);
		buf_str(b, "; all traffic ");
		text_bps(b, s->total_bps);
		buf_str(b, " of ");
		prefix = text_scaled((double)s->series->capacity_bps, number);
		text_figure(b, strtod(number, NULL));
		buf_printf(b, " %sbit/s", prefix);
	} else {
		text_bytes(b, (double)s->inc->bytes);
		buf_str(b, s->loud_bps > 0 ? " in all; mean of its loud seconds" : " in all; mean over its length");
	}
	figure_close(b);
}

static void
figure_kind(struct buf *b, const struct story *s)
{
	struct buf v = {.max = 64};
	double size = s->answer_bytes > 0 ? s->answer_bytes : story_max(s, EV_MEAN_RESPONSE);

	if (s->baf > 0 && !story_is_victim(s)) {
		text_figure(&v, s->baf);
		figure_open(b, "Amplification", buf_text(&v), "×");
		if (s->query_bytes > 0 && s->answer_bytes > 0)
			buf_printf(b, "%.0f B → %.0f B ", s->query_bytes, s->answer_bytes);
		buf_str(b, "at IP level");
		if (s->baf_low > 0 && s->baf_low < s->baf) {
			buf_str(b, " (≥\xc2\xa0");
			text_figure(b, s->baf_low);
			buf_char(b, ')');
		}
	} else if (size > 0 && s->inc->kind != KIND_DNS_QUERY_FLOOD) {
		buf_printf(&v, "%.0f", size);
		figure_open(b, "Mean answer", buf_text(&v), "B");
		buf_str(b, "at IP level, fragments included");
	} else {
		text_figure(&v, s->rate);
		figure_open(b, "Rate", buf_text(&v), "/s");
		buf_str(b, s->inc->queries > 0 ? "queries, mean over its length" : "packets, mean over its length");
	}
	buf_done(&v);
	figure_close(b);
}

static void
figure_named(struct buf *b, const struct story *s)
{
	struct buf v = {.max = 64};
	char *space;

	text_duration(&v, s->named_s);
	space = v.p != NULL && s->named_s < 120 ? strchr(v.p, ' ') : NULL;
	if (space != NULL) {
		*space = '\0';
		figure_open(b, "Named after", v.p, space + 1);
	} else {
		figure_open(b, "Named after", buf_text(&v), "");
	}
	buf_done(&v);
	buf_str(b, "first attack packet to alert");
	figure_close(b);
}

static void
figure_left(struct buf *b, const struct story *s)
{
	const struct report_rule *r = NULL;
	struct buf v = {.max = 64};

	for (size_t i = 0; i < s->ri->rules_n && r == NULL; i++)
		if (s->ri->rule[i].known && s->ri->rule[i].text != NULL)
			r = &s->ri->rule[i];
	if (r != NULL) {
		text_percent(&v, 1 - r->attack_dropped);
		figure_open(b, "Left after the rule", buf_text(&v), "%");
		buf_str(b, "of the attack, by back-test; ordinary lookups untouched: ");
		text_percent(b, 1 - r->legitimate_dropped);
		buf_str(b, " %");
	} else {
		text_duration(&v, (double)(s->inc->last_ns - s->inc->first_ns) / (double)NS_PER_S);
		figure_open(b, "Lasted", buf_text(&v), "");
		buf_str(b, s->inc->closed_ns != 0 ? "first to last attack packet" : "so far");
	}
	buf_done(&v);
	figure_close(b);
}

void
section_figures(struct buf *b, const struct story *s)
{
	buf_str(b, "<dl class=five>");
	figure_who(b, s);
	figure_cost(b, s);
	figure_kind(b, s);
	figure_named(b, s);
	figure_left(b, s);
	buf_str(b, "</dl>");
}

/* --- the charts -------------------------------------------------------------------------------- */

/* What is drawn large: the minutes around onset and relief; a long incident drawn whole would hide
 * the seconds that hurt.  At least five minutes, at most as many points as a line may have. */
static void
choose_range(const struct story *s, size_t *from, size_t *to)
{
	const struct series *z = s->series;
	int64_t w = z->width_s > 0 ? z->width_s : 1;
	int64_t first = (time_seconds(s->inc->first_ns) - z->start_s) / w, last = (time_seconds(s->inc->last_ns) - z->start_s) / w;
	int64_t relief = s->relief_ns != 0 ? (time_seconds(s->relief_ns) - z->start_s) / w : last;
	int64_t a = first - 60 / w - 1, e;

	if (a < 0)
		a = 0;
	e = relief + 60 / w + 1;
	if (e - a < 300)
		e = a + 300;
	if (e - a > CHART_POINTS && w == 1)
		e = a + CHART_POINTS;
	if (e > (int64_t)z->n)
		e = (int64_t)z->n;
	if (e - a < 2) {
		a = 0;
		e = (int64_t)z->n;
	}
	*from = (size_t)a;
	*to = (size_t)e;
}

static int
mark_order(const void *a, const void *b)
{
	const struct chart_mark *x = a, *y = b;

	return x->t_ns < y->t_ns ? -1 : x->t_ns > y->t_ns;
}

static void
small_charts(struct buf *b, const struct story *s, size_t points)
{
	const struct series *z = s->series;
	enum chart_value first = s->inc->qtype == DNS_ANY ? CHART_ANY_QUERIES : CHART_QUERIES;
	enum chart_value last = CHART_MEAN_ANSWER;
	double rate = 0, offenders = 0, size = 0, after = 0;
	size_t n = 0, m = 0;
	struct buf t = {.max = 128};

	if (s->inc->kind == KIND_UDP_AMPLIFICATION_VICTIM || s->inc->kind == KIND_UDP_AMPLIFICATION_REFLECTOR) {
		first = CHART_AMPLIFIED;
		last = CHART_PACKETS;
	} else if (s->inc->kind == KIND_UDP_FRAGMENT_FLOOD) {
		first = CHART_FRAGMENTS;
		last = CHART_PACKETS;
	} else if (s->inc->kind == KIND_DNS_AMPLIFICATION_VICTIM) {
		first = CHART_AMPLIFIED;
	}
	for (size_t i = 0; i < z->n; i++) {
		int64_t at = (z->start_s + (int64_t)(i * z->width_s)) * NS_PER_S;
		bool inside = at >= s->inc->first_ns && at <= s->inc->last_ns;
		bool relieved = s->relief_ns != 0 && at > s->relief_ns;

		offenders = fmax(offenders, chart_value(z, i, CHART_OFFENDERS));
		if (!inside)
			continue;
		rate += chart_value(z, i, first);
		n++;
		if (!relieved)
			size = fmax(size, chart_value(z, i, last));
		else if (chart_value(z, i, last) > 0) {
			after += chart_value(z, i, last);
			m++;
		}
	}
	buf_str(b, "<div class=three>");
	text_figure(&t, n > 0 ? rate / (double)n : 0);
	buf_str(&t, " /s");
	chart_small(b, z, first, buf_text(&t), points);
	buf_reset(&t);
	text_count(&t, (uint64_t)offenders);
	chart_small(b, z, s->inc->kind == KIND_DNS_AMPLIFICATION_ABUSER ? CHART_OFFENDERS : CHART_SUBJECTS, buf_text(&t), points);
	buf_reset(&t);
	if (last == CHART_PACKETS) {
		text_si(&t, size);
		buf_str(&t, " /s at most");
	} else if (m > 0) {
		buf_printf(&t, "%.0f B → %.0f B", size, after / (double)m);
	} else {
		buf_printf(&t, "%.0f B at most", size);
	}
	chart_small(b, z, last, buf_text(&t), points);
	buf_str(b, "</div>");
	buf_done(&t);
}

enum { MARKS = 12 };

void
section_chart(struct buf *b, const struct story *s, const struct budget *g, size_t n)
{
	struct chart_mark mark[MARKS];
	struct chart c = {.series = s->series, .points = g->points, .mark = mark};
	struct buf id = {.max = 32}, what = {.max = 128};

	if (s->series == NULL)
		return;
	choose_range(s, &c.from, &c.to);
	mark[c.marks_n++] = (struct chart_mark){s->inc->first_ns, "Attack"};
	mark[c.marks_n++] = (struct chart_mark){s->inc->named_ns, "Named"};
	for (size_t i = 0; i < s->ri->marks_n && c.marks_n < MARKS - 1; i++)
		mark[c.marks_n++] = (struct chart_mark){s->ri->mark[i].t_ns, s->ri->mark[i].text};
	if (s->inc->closed_ns != 0)
		mark[c.marks_n++] = (struct chart_mark){s->inc->last_ns, "Stop"};
	qsort(mark, c.marks_n, sizeof(mark[0]), mark_order);
	buf_printf(&id, "c%zu", n);
	buf_printf(&what, "%s", s->ri->series != NULL ? "The host" : s->on_link ? "The link" : "All traffic");
	c.id = buf_text(&id);
	c.what = buf_text(&what);
	buf_printf(b, "<h2>%s, second by second</h2><p class=sub>Offered load%s, %s", c.what,
	           s->on_link ? " towards the customers" : "", chart_unit(&c));
	if (c.to - c.from < s->series->n) {
		buf_str(b, "; the ");
		text_duration(b, (double)((c.to - c.from) * s->series->width_s));
		buf_str(b, " around onset and relief, the whole below");
	}
	buf_str(b, ". Times are UTC.</p>");
	chart_stack(b, &c);
	small_charts(b, s, g->points / 2);
	buf_done(&id);
	buf_done(&what);
}

/* With no incident: what there was. */
void
section_traffic(struct buf *b, const struct report_input *in)
{
	struct chart c = {.points = CHART_POINTS, .id = "c0", .what = "All traffic"};

	if (in->series_n == 0 || in->series[0]->n < 2)
		return;
	c.series = in->series[0];
	c.to = c.series->n;
	buf_printf(b, "<h2>The traffic, second by second</h2><p class=sub>All that was seen, %s. Times are UTC.</p>",
	           chart_unit(&c));
	chart_stack(b, &c);
}

/* --- what to do -------------------------------------------------------------------------------- */

static void
share_of(struct buf *b, double share, bool good, const char *of)
{
	buf_printf(b, "<span><b class=%s>", good ? "gd" : "bd");
	text_percent(b, share);
	buf_printf(b, " %%</b> %s</span>", of);
}

static void
rule_text(struct buf *b, const struct report_rule *r, size_t most)
{
	size_t len = strlen(r->text);

	if (len > most) {
		/* half a rule must not be copied */
		buf_str(b, "<p class=dim>");
		text_bytes(b, (double)len);
		buf_str(b, " of rules: too long for this page");
		if (r->file != NULL) {
			buf_str(b, "; the whole is in <code>");
			text_html(b, r->file);
			buf_str(b, "</code>");
		}
		buf_str(b, ".</p>");
		return;
	}
	buf_str(b, "<div class=rule><button hidden>Copy</button><pre tabindex=0>");
	text_html(b, r->text);
	buf_str(b, "</pre></div>");
}

static void
code_line(struct buf *b, const char *label, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	buf_printf(b, "<p class=dim>%s: <code>", label);
	text_html(b, value);
	buf_str(b, "</code></p>");
}

static void
pane(struct buf *b, const struct report_rule *r, const struct budget *g)
{
	buf_str(b, "<div class=pane><h3>");
	text_html(b, r->title != NULL ? r->title : r->format);
	buf_str(b, "</h3>");
	if (r->text == NULL) {
		buf_str(b, "<p class=dim>This format cannot express it: ");
		text_html(b, r->why != NULL ? r->why : "no reason given");
		buf_str(b, "</p></div>");
		return;
	}
	buf_str(b, "<p class=eff>");
	if (r->known) {
		share_of(b, r->attack_dropped, r->attack_dropped >= .5, "of the attack dropped");
		share_of(b, r->legitimate_dropped, r->legitimate_dropped < .005, "of legitimate traffic dropped");
		buf_printf(b, "<span><b>%" PRIu64 "</b> address%s hit</span>", r->sources_hit, r->sources_hit == 1 ? "" : "es");
	} else {
		buf_str(b, "<span><b>–</b> effect unknown: nothing to replay</span>");
	}
	buf_str(b, "<span><b>");
	if (r->ttl_s > 0)
		text_duration(b, r->ttl_s);
	else
		buf_str(b, "until undone");
	buf_str(b, "</b> lifetime</span></p>");
	rule_text(b, r, g->rule_bytes);
	code_line(b, "File", r->file);
	code_line(b, "Load", r->load);
	code_line(b, "Undo", r->undo);
	buf_str(b, "</div>");
}

void
section_rules(struct buf *b, const struct story *s, const struct budget *g, size_t n)
{
	size_t count = s->ri->rules_n < 12 ? s->ri->rules_n : 12; /* as many as the style has tabs */
	const struct report_rule *known = NULL;

	buf_str(b, "<h2>What to do</h2>");
	if (count == 0) {
		buf_str(b, "<p class=sub>No rule of damp's formats helps against this kind of attack here; filter or "
		           "rate-limit towards the subject upstream, and tell the operators of the other ends.</p>");
		return;
	}
	if (story_no_rule(s) != NULL) {
		buf_str(b, "<p class=sub>No packet filter helps here: ");
		text_html(b, story_no_rule(s));
		buf_str(b, ".</p>");
		return;
	}
	for (size_t i = 0; i < count && known == NULL; i++)
		if (s->ri->rule[i].known)
			known = &s->ri->rule[i];
	buf_str(b, "<p class=sub>In this order. Nothing has been applied.");
	if (known != NULL) {
		buf_str(b, " Each figure is a back-test on the traffic of this incident: ");
		text_count(b, known->attack);
		buf_str(b, " queries of the attack and ");
		text_count(b, known->legitimate);
		buf_str(b, " legitimate ones.");
	}
	buf_str(b, "</p><div class=\"card long\"><div class=tabs>");
	for (size_t i = 0; i < count; i++) {
		buf_printf(b, "<input type=radio name=r%zu id=r%zu-%zu%s><label for=r%zu-%zu>", n, n, i, i == 0 ? " checked" : "", n, i);
		text_html(b, s->ri->rule[i].format);
		buf_str(b, "</label>");
	}
	for (size_t i = 0; i < count; i++)
		pane(b, &s->ri->rule[i], g);
	buf_str(b, "</div></div>");
}
