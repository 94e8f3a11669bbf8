/* Every signal of one host, its value with bound and threshold, and what follows from them. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "reports/lines.h"
#include "reports/page.h"
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

/* The sentence that follows from the signals, for a caller that has none of its own. */
static void
verdict(struct lines *l, const struct why_kind *k)
{
	size_t met = 0, natures = 0, missing = 0;

	for (size_t i = 0; i < k->n; i++) {
		bool seen = false;

		if (!k->signal[i].met) {
			missing += k->signal[i].required;
			continue;
		}
		met++;
		for (size_t j = 0; j < i; j++)
			seen = seen || (k->signal[j].met && strcmp(k->signal[j].nature, k->signal[i].nature) == 0);
		natures += !seen;
	}
	if (missing == 0 && natures >= 2) {
		lines_wordsf(l, INK_PLAIN, "This is what an alert needs: %zu of %zu signals are met, of %zu natures.", met, k->n, natures);
		return;
	}
	lines_wordsf(l, INK_PLAIN, "No alert from this: %zu of %zu signals are met", met, k->n);
	if (missing > 0) {
		lines_words(l, INK_PLAIN, "; needed and not met:");
		for (size_t i = 0; i < k->n; i++)
			if (k->signal[i].required && !k->signal[i].met)
				lines_wordsf(l, INK_PLAIN, " %s%s", k->signal[i].label, --missing > 0 ? "," : ".");
	} else {
		lines_wordsf(l, INK_PLAIN, ", of %zu nature%s; an alert needs two.", natures, natures == 1 ? "" : "s");
	}
}

static void
tell_kind(struct lines *l, const struct why_kind *k)
{
	bool star = false;

	lines_end(l);
	buf_char(l->out, '\n');
	lines_start(l, 0);
	lines_words(l, INK_STRONG, alert_kind_text(k->kind));
	if (k->state != NULL)
		lines_wordsf(l, INK_PLAIN, ": %s", k->state);
	if (k->n > 0)
		table_head(l);
	for (size_t i = 0; i < k->n; i++) {
		signal_line(l, &k->signal[i]);
		star = star || k->signal[i].required;
	}
	if (star) {
		lines_start(l, 2);
		lines_words(l, INK_DIM, "* without it there is no alert of this kind");
	}
	lines_start(l, 2);
	if (k->verdict != NULL)
		lines_words(l, INK_PLAIN, k->verdict);
	else
		verdict(l, k);
	lines_end(l);
}

int
why_text(struct buf *out, const struct why_input *in, const struct summary_options *o)
{
	struct buf b = {.max = 4096};
	struct lines l;
	char tmp[ADDR_TEXT], from[TIME_TEXT], to[TIME_TEXT], day[TIME_TEXT];

	lines_init(&l, out, o);
	lines_words(&l, INK_STRONG, addr_text(&in->host, tmp));
	if (in->role != NULL)
		lines_wordsf(&l, INK_PLAIN, ", %s", in->role);
	if (in->group != NULL)
		lines_wordsf(&l, INK_PLAIN, ", judged by the thresholds of group %s", in->group);
	if (in->geo.country[0] != '\0')
		lines_wordsf(&l, INK_PLAIN, ", %s", text_country(in->geo.country));
	if (in->geo.asn != 0)
		lines_wordsf(&l, INK_PLAIN, ", AS%u %s", in->geo.asn, in->geo.org);
	lines_start(&l, 2);
	if (!in->seen) {
		lines_words(&l, INK_WARN, "No packet of this host was seen");
		if (in->last_ns != 0)
			lines_wordsf(&l, INK_PLAIN, " from %s %s to %s UTC", time_date(in->first_ns, day), time_clock(in->first_ns, from),
			             time_clock(in->last_ns, to));
		lines_words(&l, INK_PLAIN, ".");
	} else {
		buf_printf(&b, "%s %s to %s UTC: sent ", time_date(in->first_ns, day), time_clock(in->first_ns, from),
		           time_clock(in->last_ns, to));
		text_count(&b, in->packets_out);
		buf_str(&b, " packets, ");
		text_bytes(&b, (double)in->bytes_out);
		buf_str(&b, "; received ");
		text_count(&b, in->packets_in);
		buf_str(&b, " packets, ");
		text_bytes(&b, (double)in->bytes_in);
		lines_words(&l, INK_PLAIN, buf_text(&b));
	}
	lines_end(&l);
	for (size_t i = 0; i < in->kinds_n; i++)
		tell_kind(&l, &in->kind[i]);
	if (in->kinds_n == 0 && in->seen) {
		lines_start(&l, 2);
		lines_words(&l, INK_PLAIN, "No detector had anything to judge in it.");
		lines_end(&l);
	}
	buf_done(&b);
	return out->full ? ERR_FULL : 0;
}
