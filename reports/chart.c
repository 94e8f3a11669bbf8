#include "reports/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "reports/text.h"

enum { HEIGHT = 3000, WIDTH = 10000 }; /* of the viewBox, in tenths */

/* --- values ------------------------------------------------------------------------------------ */

static double
per_second(const struct series *s, uint64_t n)
{
	return (double)n / (s->width_s > 0 ? s->width_s : 1);
}

double
chart_total_bps(const struct series *s, size_t i)
{
	return 8 * per_second(s, s->point[i].bytes);
}

double
chart_attack_bps(const struct series *s, size_t i)
{
	return 8 * per_second(s, s->point[i].amplified_first_bytes + s->point[i].amplified_later_bytes);
}

double
chart_value(const struct series *s, size_t i, enum chart_value v)
{
	const struct series_point *p = &s->point[i];

	switch (v) {
	case CHART_ANY_QUERIES: return per_second(s, p->any_queries);
	case CHART_QUERIES: return per_second(s, p->dns_queries);
	case CHART_OFFENDERS:
	case CHART_SUBJECTS: return p->offenders;
	case CHART_MEAN_ANSWER: return p->dns_answers > 0 ? (double)p->dns_answer_bytes / (double)p->dns_answers : 0;
	case CHART_AMPLIFIED: return per_second(s, p->amplified_answers);
	case CHART_FRAGMENTS: return per_second(s, p->fragments);
	case CHART_PACKETS: return per_second(s, p->packets);
	default: return 0;
	}
}

/* Upper edges of the stacked layers, lowest first: the rest, first fragments, later fragments. */
enum { LAYER_REST, LAYER_FIRST, LAYER_LATER, LAYERS };

static double
edge(const struct series *s, size_t i, int layer)
{
	const struct series_point *p = &s->point[i];
	uint64_t attack = p->amplified_first_bytes + p->amplified_later_bytes;
	uint64_t rest = p->bytes > attack ? p->bytes - attack : 0;

	if (layer >= LAYER_FIRST)
		rest += p->amplified_first_bytes;
	if (layer >= LAYER_LATER)
		rest += p->amplified_later_bytes;
	return 8 * per_second(s, rest);
}

/* --- which points stand for the whole ---------------------------------------------------------- */

struct picks {
	size_t n;
	size_t at[CHART_POINTS];
};

typedef double value_fn(const struct series *s, size_t i, int which);

static double
small_value(const struct series *s, size_t i, int which)
{
	return chart_value(s, i, (enum chart_value)which);
}

/* All of them, or the lowest and highest of each column in time order. */
static void
pick(struct picks *k, const struct series *s, size_t from, size_t to, size_t points, value_fn *value, int which)
{
	size_t n = to - from, columns = points / 2;

	k->n = 0;
	if (n <= points) {
		for (size_t i = from; i < to; i++)
			k->at[k->n++] = i;
		return;
	}
	for (size_t c = 0; c < columns; c++) {
		size_t a = from + c * n / columns, z = from + (c + 1) * n / columns, low = a, high = a;

		for (size_t i = a; i < z; i++) {
			if (value(s, i, which) < value(s, low, which))
				low = i;
			if (value(s, i, which) > value(s, high, which))
				high = i;
		}
		k->at[k->n++] = low < high ? low : high;
		if (low != high)
			k->at[k->n++] = low < high ? high : low;
	}
}

/* --- paths ------------------------------------------------------------------------------------- */

/* A coordinate given in tenths, in as few characters as SVG allows. */
static void
tenths(struct buf *b, int v, bool space)
{
	int a = v < 0 ? -v : v;

	if (v < 0)
		buf_char(b, '-');
	else if (space)
		buf_char(b, ' ');
	if (a >= 10 || a % 10 == 0)
		buf_printf(b, "%d", a / 10);
	if (a % 10 != 0)
		buf_printf(b, ".%d", a % 10);
}

static void
area(struct buf *b, const struct series *s, const struct picks *k, size_t from, size_t to, double top, value_fn *value,
     int which, const char *attributes)
{
	double span = to - from > 1 ? (double)(to - from - 1) : 1;
	int x0 = 0, y0 = 0;

	buf_printf(b, "<path %s d=\"M", attributes);
	for (size_t j = 0; j < k->n; j++) {
		int x = (int)lround((double)(k->at[j] - from) / span * WIDTH);
		int y = HEIGHT - (int)lround(value(s, k->at[j], which) / top * HEIGHT);

		if (j == 1)
			buf_char(b, 'l');
		tenths(b, x - x0, j > 1);
		tenths(b, y - y0, true);
		x0 = x;
		y0 = y;
	}
	buf_str(b, "V300H0z\"/>");
}

/* Stretches of at least 5 s in which not one packet was seen. */
static void
gaps(struct buf *b, const struct chart *c, bool *any)
{
	const struct series *s = c->series;
	double span = c->to - c->from > 1 ? (double)(c->to - c->from - 1) : 1;
	size_t least = s->width_s >= 5 ? 1 : 5;

	for (size_t i = c->from, start = c->from; i <= c->to; i++) {
		if (i < c->to && s->point[i].packets == 0 && s->point[i].bytes == 0)
			continue;
		if (i - start >= least) {
			if (!*any)
				buf_printf(b, "<pattern id=\"%s-h\" width=\"8\" height=\"12\" patternUnits=\"userSpaceOnUse\">"
				              "<path class=\"ht\" d=\"M0 12L8 0\"/></pattern>", c->id);
			*any = true;
			buf_printf(b, "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"300\" fill=\"url(#%s-h)\"/>",
			           (double)(start - c->from) / span * 1000, (double)(i - start) / span * 1000, c->id);
		}
		start = i + 1;
	}
}

/* --- axes -------------------------------------------------------------------------------------- */

struct scale {
	double top;         /* bit/s at the upper edge */
	double step, unit;  /* between labels; bit/s per labelled unit */
	const char *name;   /* "Mbit/s" */
};

static struct scale
scale_for(double highest)
{
	static const char *const names[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
	struct scale z = {.unit = 1};
	size_t i = 0;
	double raw, magnitude;

	if (highest < 8)
		highest = 8;
	while (highest / z.unit >= 1000 && i + 1 < sizeof(names) / sizeof(names[0])) {
		z.unit *= 1000;
		i++;
	}
	z.name = names[i];
	z.top = highest * 1.05;
	raw = z.top / z.unit / 6;
	magnitude = pow(10, floor(log10(raw)));
	z.step = (raw / magnitude <= 1 ? 1 : raw / magnitude <= 2 ? 2 : raw / magnitude <= 5 ? 5 : 10) * magnitude;
	return z;
}

static void
y_axis(struct buf *b, const struct scale *z)
{
	int decimals = z->step >= 1 ? 0 : z->step >= .1 ? 1 : 2;

	for (int i = 0; i * z->step * z->unit <= z->top && i < 20; i++)
		buf_printf(b, "<i class=y style=\"bottom:%.2f%%\">%.*f</i>", i * z->step * z->unit / z->top * 100, decimals,
		           i * z->step);
}

static void
x_axis(struct buf *b, int64_t start_s, int64_t span_s)
{
	static const int32_t steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
	                                86400, 172800, 604800, 2592000, 31536000};
	size_t i = 0;
	char tmp[TIME_TEXT];

	while (i + 1 < sizeof(steps) / sizeof(steps[0]) && span_s / steps[i] > 7)
		i++;
	for (int64_t t = (start_s + steps[i] - 1) / steps[i] * steps[i]; t <= start_s + span_s; t += steps[i]) {
		double at = span_s > 0 ? (double)(t - start_s) / (double)span_s * 100 : 0;

		if (steps[i] >= 86400)
			time_date(t * NS_PER_S, tmp);
		else
			time_clock(t * NS_PER_S, tmp);
		if (at > 2 && at < 98)
			buf_printf(b, "<i class=x style=\"left:%.2f%%\">%s</i>", at,
			           steps[i] >= 86400 ? tmp + 5 : (tmp[steps[i] < 60 ? 8 : 5] = '\0', tmp));
	}
}

/* What a label takes, in percent of the width: on a desk's screen and on a phone. */
static double
label_width(const struct chart_mark *m, bool phone)
{
	size_t len = strlen(m->label);

	len = len < 8 ? 8 : len > 20 ? 20 : len;
	return phone ? 3 + 2.7 * (double)len : 1.5 + .9 * (double)len;
}

/* Attack first, then what people did, then when it was named. */
static int
importance(const struct chart *c, size_t i)
{
	return i == 0 ? 0 : strcmp(c->mark[i].label, "Named") == 0 ? 2 : 1;
}

struct placed {
	double at, from, to;
	bool bk, shown;
};

/* Whether label i would stand on one that is kept. */
static bool
crowded(const struct placed *p, size_t n, size_t i)
{
	for (size_t j = 0; j < n; j++)
		if (j != i && p[j].shown && p[j].from < p[i].to && p[i].from < p[j].to)
			return true;
	return false;
}

enum { MARKS_DRAWN = 12 };

/* Labels stand beside their line; where two would touch, the lesser one moves down a row, and on a
 * phone, where there is no room for that, it leaves its line alone. */
static void
marks(struct buf *b, const struct chart *c, int64_t start_s, int64_t span_s)
{
	size_t n = c->marks_n < MARKS_DRAWN ? c->marks_n : MARKS_DRAWN;
	struct placed phone[MARKS_DRAWN] = {0}, desk[3][MARKS_DRAWN] = {0};
	int row[MARKS_DRAWN] = {0};
	char tmp[TIME_TEXT];

	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < n; i++) {
			double at = (double)(c->mark[i].t_ns - start_s * NS_PER_S) / (double)NS_PER_S / (double)(span_s > 0 ? span_s : 1) * 100;
			double w = label_width(&c->mark[i], true), d = label_width(&c->mark[i], false);
			/* the first one looks back, into the quiet before the attack; the last ones have no room ahead */
			bool bk = (i == 0 && at >= d) || at > 100 - d, pk = (i == 0 && at >= w - 5) || at > 100 - w;

			row[i] = importance(c, i) == rank && (at < 0 || at > 100) ? -1 : row[i];
			if (importance(c, i) != rank || row[i] < 0)
				continue;
			phone[i] = (struct placed){at, pk ? at - w : at, pk ? at : at + w, pk, false};
			phone[i].shown = !crowded(phone, n, i);
			for (row[i] = 0; row[i] < 3; row[i]++) {
				struct placed *p = &desk[row[i]][i];

				*p = (struct placed){at, bk ? at - d : at, bk ? at : at + d, bk, false};
				p->shown = !crowded(desk[row[i]], n, i);
				if (p->shown)
					break;
			}
		}
	for (size_t i = 0; i < n; i++) {
		if (row[i] < 0 || row[i] > 2)
			continue;
		buf_printf(b, "<i class=\"mk r%d%s%s%s\" style=\"left:%.2f%%\"><span><b>", row[i], desk[row[i]][i].bk ? " bk" : "",
		           phone[i].bk ? " pk" : "", phone[i].shown ? "" : " np", desk[row[i]][i].at);
		text_html(b, c->mark[i].label);
		buf_printf(b, "</b>%s</span></i>", time_clock(c->mark[i].t_ns, tmp));
	}
}

/* --- the large chart --------------------------------------------------------------------------- */

static void
figures(struct buf *b, const struct chart *c, const struct scale *z)
{
	const struct series *s = c->series;
	size_t n = c->to - c->from, rows = n < 20 ? n : 20;
	char tmp[TIME_TEXT];

	buf_printf(b, "<details class=fig><summary>Figures</summary><div class=scroll><table><thead><tr><th>From</th>"
	              "<th class=n>Amplified, %s</th><th class=n>Everything else</th><th class=n>Highest second</th>"
	              "<th class=n>DNS queries/s</th></tr></thead><tbody>",
	           z->name);
	for (size_t r = 0; r < rows; r++) {
		size_t a = c->from + r * n / rows, e = c->from + (r + 1) * n / rows;
		double attack = 0, total = 0, high = 0, queries = 0;

		for (size_t i = a; i < e; i++) {
			double second = fmax((double)s->point[i].max_bytes * 8, chart_total_bps(s, i));

			attack += chart_attack_bps(s, i);
			total += chart_total_bps(s, i);
			queries += chart_value(s, i, CHART_QUERIES);
			high = second > high ? second : high;
		}
		buf_printf(b, "<tr><td>%s</td>", time_clock((s->start_s + (int64_t)(a * s->width_s)) * NS_PER_S, tmp));
		buf_printf(b, "<td class=n>%.2f</td><td class=n>%.2f</td><td class=n>%.2f</td><td class=n>%.1f</td></tr>", attack / (double)(e - a) / z->unit,
		           fmax(total - attack, 0) / (double)(e - a) / z->unit, high / z->unit, queries / (double)(e - a));
	}
	buf_str(b, "</tbody></table></div></details>");
}

struct extent {
	double highest, attack; /* bit/s */
	bool first, later;
};

static struct extent
extent_of(const struct chart *c)
{
	struct extent x = {0};

	for (size_t i = c->from; i < c->to; i++) {
		x.highest = fmax(x.highest, edge(c->series, i, LAYER_LATER));
		if (c->series->width_s > 1)
			x.highest = fmax(x.highest, 8 * (double)c->series->point[i].max_bytes);
		x.attack = fmax(x.attack, chart_attack_bps(c->series, i));
		x.first = x.first || c->series->point[i].amplified_first_bytes > 0;
		x.later = x.later || c->series->point[i].amplified_later_bytes > 0;
	}
	return x;
}

/* A link of which a hundredth is used would be a flat line under its capacity: 0 then. */
static double
shown_capacity(const struct series *s, const struct extent *x)
{
	return (double)s->capacity_bps > 4 * x->highest ? 0 : (double)s->capacity_bps;
}

const char *
chart_unit(const struct chart *c)
{
	struct extent x = extent_of(c);

	return scale_for(fmax(x.highest, shown_capacity(c->series, &x))).name;
}

static double
peak_second(const struct series *s, size_t i, int which)
{
	(void)which;
	return 8 * (double)s->point[i].max_bytes;
}

static void
picture(struct buf *b, const struct chart *c, const struct scale *z, const struct extent *x, bool *gap)
{
	const struct series *s = c->series;
	struct picks k;

	buf_printf(b, "<svg viewBox=\"0 0 1000 300\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
	              "<title id=\"%s-t\">", c->id, c->id, c->id);
	text_html(b, c->what);
	buf_printf(b, "</title><desc id=\"%s-d\">Highest %.2f %s in all, %.2f %s of it amplified answers at their highest",
	           c->id, x->highest / z->unit, z->name, x->attack / z->unit, z->name);
	if (s->capacity_bps > 0)
		buf_printf(b, "; capacity %.2f %s", (double)s->capacity_bps / z->unit, z->name);
	buf_str(b, ".</desc>");
	pick(&k, s, c->from, c->to, c->points, edge, LAYER_LATER);
	if (s->width_s > 1)
		area(b, s, &k, c->from, c->to, z->top, peak_second, 0, "class=\"pk\"");
	if (x->later)
		area(b, s, &k, c->from, c->to, z->top, edge, LAYER_LATER, "class=\"a2\" data-l=\"with later fragments\"");
	if (x->first)
		area(b, s, &k, c->from, c->to, z->top, edge, LAYER_FIRST, "class=\"a1\" data-l=\"amplified, first fragments\"");
	area(b, s, &k, c->from, c->to, z->top, edge, LAYER_REST, "class=\"a0\" data-l=\"everything else\"");
	gaps(b, c, gap);
	buf_str(b, "<path class=\"g\" d=\"");
	for (int i = 1; i * z->step * z->unit <= z->top && i < 20; i++)
		buf_printf(b, "M0 %.1fH1000", 300 - i * z->step * z->unit / z->top * 300);
	buf_str(b, "\"/></svg>");
}

static void
legend(struct buf *b, const struct chart *c, const struct extent *x, bool gap)
{
	buf_str(b, "<p class=lg>");
	if (x->first)
		buf_printf(b, "<span><i class=\"k k1\"></i>amplified answers%s</span>", x->later ? ", first fragments (middle layer)" : " (upper layer)");
	if (x->later)
		buf_str(b, "<span><i class=\"k k2\"></i>their later fragments, port 0 in flow exports (top layer)</span>");
	buf_printf(b, "<span><i class=\"k k0\"></i>%s</span>", x->first || x->later ? "everything else (bottom layer)" : "all traffic");
	if (c->series->width_s > 1)
		buf_printf(b, "<span><i class=\"k kp\"></i>highest second of each %" PRIu32 " s</span>", c->series->width_s);
	if (gap)
		buf_str(b, "<span><i class=\"k kh\"></i>nothing seen</span>");
	buf_str(b, "</p>");
}

void
chart_stack(struct buf *b, const struct chart *c)
{
	const struct series *s = c->series;
	int64_t start_s = s->start_s + (int64_t)(c->from * s->width_s);
	int64_t span_s = (int64_t)((c->to - c->from > 1 ? c->to - c->from - 1 : 1) * s->width_s);
	struct extent x = extent_of(c);
	double capacity = shown_capacity(s, &x);
	struct scale z = scale_for(fmax(x.highest, capacity));
	bool gap = false;

	buf_printf(b, "<figure class=card><div class=\"plot%s\" tabindex=0 data-t=%" PRId64 " data-s=%" PRId64 " data-m=\"%.6g\" "
	              "data-u=\"%s\">", c->marks_n == 0 ? " nm" : "", start_s, span_s, z.top / z.unit, z.name);
	picture(b, c, &z, &x, &gap);
	y_axis(b, &z);
	x_axis(b, start_s, span_s);
	if (capacity > 0) {
		double at = capacity / z.top * 100;

		buf_printf(b, "<i class=cap style=\"bottom:%.2f%%\"><b>capacity ", at);
		text_figure(b, (double)s->capacity_bps / z.unit);
		buf_printf(b, " %s</b></i>", z.name);
	}
	marks(b, c, start_s, span_s);
	buf_str(b, "</div>");
	legend(b, c, &x, gap);
	figures(b, c, &z);
	buf_str(b, "</figure>");
}

/* --- the small ones ---------------------------------------------------------------------------- */

static const struct {
	const char *label, *color;
} small[CHART_VALUES] = {
	[CHART_ANY_QUERIES] = {"ANY queries", "b"},       [CHART_QUERIES] = {"DNS queries", "b"},
	[CHART_OFFENDERS] = {"Distinct offenders", "o"},  [CHART_SUBJECTS] = {"Hosts with a signal", "o"},
	  [CHART_MEAN_ANSWER] = {"Mean DNS answer", "b"},
	[CHART_AMPLIFIED] = {"Amplified answers", "o"},   [CHART_FRAGMENTS] = {"UDP fragments", "o"},
	[CHART_PACKETS] = {"Packets", "b"},
};

void
chart_small(struct buf *b, const struct series *s, enum chart_value v, const char *text, size_t points)
{
	struct picks k;
	double top = 1;
	char from[TIME_TEXT], to[TIME_TEXT], attributes[32];

	for (size_t i = 0; i < s->n; i++)
		top = fmax(top, chart_value(s, i, v));
	buf_printf(b, "<figure class=\"card sm\"><figcaption>%s<b>", small[v].label);
	text_html(b, text);
	buf_str(b, "</b></figcaption><svg viewBox=\"0 0 1000 300\" preserveAspectRatio=\"none\" role=\"img\"><title>");
	buf_printf(b, "%s: ", small[v].label);
	text_html(b, text);
	buf_printf(b, "; highest %.1f</title>", top);
	pick(&k, s, 0, s->n, points, small_value, (int)v);
	snprintf(attributes, sizeof(attributes), "class=\"s%s\"", small[v].color);
	area(b, s, &k, 0, s->n, top * 1.08, small_value, (int)v, attributes);
	time_clock(s->start_s * NS_PER_S, from);
	time_clock((s->start_s + (int64_t)(s->n * s->width_s)) * NS_PER_S, to);
	buf_printf(b, "</svg><p><i>%.5s</i><i>%.5s</i></p></figure>", from, to);
}
