/* Charts: what a line may leave out, and what it may not. */
#include "tests/unit/report_scenes.h"

#include <math.h>

#include "reports/chart.h"

enum { LONG = 7200 };

struct line {
	size_t points;
	double highest, lowest, right; /* in the viewBox; y turned so that up is up */
};

/* Walks the path of a class; all points must lie inside the viewBox. */
static struct line
walk(const char *svg, const char *cls)
{
	struct line l = {0, -1, 301, 0};
	char key[32], *end;
	const char *p;
	double x = 0, y = 0;

	snprintf(key, sizeof(key), "<path class=\"%s\"", cls);
	p = strstr(svg, key);
	assert_non_null(p);
	p = strstr(p, " d=\"M");
	assert_non_null(p);
	for (p += 5; *p != 'V'; p = end) {
		while (*p == ' ' || *p == 'l')
			p++;
		x += strtod(p, &end);
		assert_ptr_not_equal(end, p);
		y += strtod(end, &end);
		l.points++;
		l.highest = fmax(l.highest, 300 - y);
		l.lowest = fmin(l.lowest, 300 - y);
		l.right = x;
		assert_true(x >= -.01 && x <= 1000.01 && y >= -.01 && y <= 300.01);
	}
	return l;
}

static struct series_point *
flat(size_t n, uint64_t bytes)
{
	struct series_point *p = calloc(n, sizeof(*p));

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		p[i].bytes = p[i].max_bytes = bytes;
		p[i].packets = 10;
	}
	return p;
}

static char *
draw(const struct series *s, size_t points, const struct chart_mark *m, size_t marks)
{
	struct chart c = {.series = s, .to = s->n, .points = points, .id = "x", .what = "a <chart>", .mark = m, .marks_n = marks};
	struct buf b;

	buf_init(&b, 1 << 20);
	chart_stack(&b, &c);
	assert_false(b.full);
	return b.p;
}

/* One second out of two hours, up or down, is still there with 600 points. */
static void
test_spike(void **state)
{
	struct series_point *p = flat(LONG, 1000);
	struct series s = {"all", 0, 0, 1, p, LONG};
	struct line l;
	char *svg;

	(void)state;
	p[4711].bytes = 100000;
	p[3210].bytes = 100;
	svg = draw(&s, CHART_POINTS, NULL, 0);
	l = walk(svg, "a0");
	assert_true(l.points <= CHART_POINTS);
	assert_true(fabs(l.highest - 300 / 1.05) < .2);
	assert_true(l.lowest < .5 && l.lowest >= 0);
	assert_true(fabs(l.right - 1000) < 4);
	assert_non_null(strstr(svg, "a &lt;chart&gt;"));
	free(svg);
	free(p);
}

/* 3 + 2 + 1 of a total of 6: the layers stand on one another. */
static void
test_layers(void **state)
{
	struct series_point *p = flat(50, 6000);
	struct series s = {"link", 48000, 0, 1, p, 50};
	char *svg;

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		p[i].amplified_first_bytes = 2000;
		p[i].amplified_later_bytes = 1000;
	}
	svg = draw(&s, CHART_POINTS, NULL, 0);
	assert_true(fabs(walk(svg, "a2").highest - 300 / 1.05) < .1);
	assert_true(fabs(walk(svg, "a1").highest - 250 / 1.05) < .1);
	assert_true(fabs(walk(svg, "a0").highest - 150 / 1.05) < .1);
	assert_int_equal(walk(svg, "a0").points, 50);
	assert_non_null(strstr(svg, "capacity 48 kbit/s"));
	assert_null(strstr(svg, "nothing seen"));
	free(svg);
	free(p);
}

static void
test_gap(void **state)
{
	struct series_point *p = flat(100, 6000);
	struct series s = {"all", 0, 0, 1, p, 100};
	char *svg;

	(void)state;
	for (size_t i = 40; i < 60; i++)
		p[i] = (struct series_point){.bytes = 0};
	p[10] = (struct series_point){.bytes = 0}; /* one quiet second is no gap */
	svg = draw(&s, CHART_POINTS, NULL, 0);
	assert_non_null(strstr(svg, "x=\"404.0\" y=\"0\" width=\"202.0\""));
	assert_non_null(strstr(svg, "nothing seen"));
	assert_null(strstr(svg, "x=\"101.0\""));
	free(svg);
	free(p);
}

/* Points of ten seconds: the mean is drawn, and the highest second above it. */
static void
test_wide_points(void **state)
{
	struct series_point *p = flat(100, 10000);
	struct series s = {"all", 0, 0, 10, p, 100};
	char *svg;

	(void)state;
	p[50].max_bytes = 40000;
	svg = draw(&s, CHART_POINTS, NULL, 0);
	assert_true(fabs(walk(svg, "pk").highest - 300 / 1.05) < .1);
	assert_true(fabs(walk(svg, "a0").highest - 7.5 / 1.05) < .1);
	assert_non_null(strstr(svg, "highest second of each 10 s"));
	free(svg);
	free(p);
}

/* Marks outside are left out; crowded ones do not stand on one another. */
static void
test_marks(void **state)
{
	struct series_point *p = flat(100, 1000);
	struct series s = {"all", 0, 1000, 1, p, 100};
	struct chart_mark m[] = {{900 * NS_PER_S, "before"}, {1050 * NS_PER_S, "Attack"}, {1051 * NS_PER_S, "Named"},
	                         {1052 * NS_PER_S, "one"}, {1053 * NS_PER_S, "two"}, {1054 * NS_PER_S, "three"},
	                         {2000 * NS_PER_S, "after"}};
	char *svg;

	(void)state;
	svg = draw(&s, CHART_POINTS, m, 7);
	assert_null(strstr(svg, "before"));
	assert_null(strstr(svg, "after"));
	assert_non_null(strstr(svg, "<b>Attack</b>00:17:30"));
	assert_non_null(strstr(svg, "mk r0"));
	assert_non_null(strstr(svg, "mk r1"));
	assert_non_null(strstr(svg, "mk r2"));
	free(svg);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spike), cmocka_unit_test(test_layers), cmocka_unit_test(test_gap),
		cmocka_unit_test(test_wide_points), cmocka_unit_test(test_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
