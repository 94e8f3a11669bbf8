/* Charts as SVG, drawn second by second.
 *
 * The picture is stretched to its box (viewBox 0 0 1000 300), its lines are not; labels are HTML
 * positioned in percent, so that text keeps its size on a phone.  A line has at most CHART_POINTS
 * points; a longer series shows the lowest and the highest second of each column, never a mean: a
 * spike of one second survives.  Stretches in which nothing at all was seen are hatched, because
 * unknown is not zero.
 */
#ifndef REPORTS_CHART_H
#define REPORTS_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "detector/view.h"

enum { CHART_POINTS = 600 };

struct chart_mark {
	int64_t t_ns;
	const char *label; /* plain text */
};

struct chart {
	const struct series *series;
	size_t from, to;         /* points drawn: from <= i < to */
	size_t points;           /* at most this many a line; <= CHART_POINTS */
	const char *id;          /* unique in the page, [a-z0-9-] */
	const char *what;        /* "Load of metro-3": the picture's title */
	const struct chart_mark *mark; /* in time order */
	size_t marks_n;
};

/* Attack stacked on the rest, in bit/s, with capacity, marks, legend and the figures as a table. */
void chart_stack(struct buf *b, const struct chart *c);
/* What its labels count: "Mbit/s". */
const char *chart_unit(const struct chart *c);

enum chart_value {
	CHART_ANY_QUERIES, CHART_QUERIES, CHART_OFFENDERS, CHART_SUBJECTS, CHART_MEAN_ANSWER, CHART_AMPLIFIED, CHART_FRAGMENTS,
	CHART_PACKETS, CHART_VALUES
};

/* One quantity over the whole series, small; the text at its right is its value while it mattered. */
void chart_small(struct buf *b, const struct series *s, enum chart_value v, const char *text, size_t points);
double chart_value(const struct series *s, size_t i, enum chart_value v);

/* Of one point, bit/s. */
double chart_attack_bps(const struct series *s, size_t i);
double chart_total_bps(const struct series *s, size_t i);

#endif
