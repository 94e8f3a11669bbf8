/* The page, the summary and the answer of `why`, on inputs made here; the pages are left in
 * $BUILD/pages for tests/check/page.sh to open in a browser. */
#include "tests/unit/report_scenes.h"

#include <math.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"

/* --- what a page must be ----------------------------------------------------------------------- */

static const char *const empty_tags[] = {"meta", "link", "br", "wbr", "input", "img", "path", "rect", "!doctype"};

/* Every element is closed, in order; script and style are skipped.  The number of elements. */
static size_t
assert_balanced(const char *p)
{
	char stack[64][24];
	size_t depth = 0, n = 0;

	while ((p = strchr(p, '<')) != NULL) {
		char tag[24] = {0};
		bool close = p[1] == '/', self = false;
		size_t len = strcspn(p + 1 + close, " >\n/");
		const char *end = p;
		char quote = '\0';

		assert_in_range(len, 1, sizeof(tag) - 1);
		memcpy(tag, p + 1 + close, len);
		for (end = p; *end != '>' || quote != '\0'; end++) {
			assert_int_not_equal(*end, '\0');
			/* nothing is loaded, no event handlers */
			if (quote == '\0' && *end == ' ' && (strncmp(end, " src", 4) == 0 || strncmp(end, " on", 3) == 0))
				fail_msg("attribute: %.40s", end);
			if (quote == '\0' && (*end == '"' || *end == '\''))
				quote = *end;
			else if (quote == *end)
				quote = '\0';
		}
		for (size_t i = 0; i < sizeof(empty_tags) / sizeof(empty_tags[0]); i++)
			self = self || strcmp(tag, empty_tags[i]) == 0;
		if (strcmp(tag, "path") == 0 && end[-1] != '/')
			fail_msg("path not closed");
		/* <rect …></rect> with a title in it, or <rect …/> */
		if (strcmp(tag, "rect") == 0)
			self = end[-1] == '/';
		p = end + 1;
		if (self)
			continue;
		if (close) {
			assert_true(depth > 0);
			if (strcmp(stack[--depth], tag) != 0)
				fail_msg("</%s> closes <%s> before: %.80s", tag, stack[depth], p);
		} else {
			n++;
			assert_true(depth < 64);
			memcpy(stack[depth++], tag, sizeof(tag));
			if (strcmp(tag, "script") == 0)
				p = strstr(p, "</script>");
			if (strcmp(tag, "style") == 0)
				p = strstr(p, "</style>");
			assert_non_null(p);
		}
	}
	assert_int_equal(depth, 0);
	return n;
}

static size_t
count(const char *hay, const char *needle)
{
	size_t n = 0;

	for (; (hay = strstr(hay, needle)) != NULL; hay += strlen(needle))
		n++;
	return n;
}

static char *
render(const struct scene *z, const char *name, size_t most)
{
	const char *build = getenv("BUILD") != NULL ? getenv("BUILD") : "build";
	struct buf a, b;
	char path[512];
	FILE *f;

	buf_init(&a, 8 << 20);
	buf_init(&b, 8 << 20);
	assert_int_equal(page_html(&a, &z->in), 0);
	assert_int_equal(page_html(&b, &z->in), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	if (a.len > most)
		fail_msg("%s has %zu bytes, more than %zu", name, a.len, most);
	assert_true(assert_balanced(a.p) > 20);
	assert_int_equal(count(a.p, "<script"), 1);
	assert_int_equal(count(a.p, "url(http"), 0);
	assert_int_equal(count(a.p, "@import"), 0);
	buf_done(&b);
	mkdir(build, 0777);
	snprintf(path, sizeof(path), "%s/pages", build);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/pages/%s.html", build, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(a.p, 1, a.len, f), a.len);
	fclose(f);
	print_message("%s: %zu bytes\n", name, a.len);
	return a.p;
}

static void
assert_has(const char *page, const char *text)
{
	if (strstr(page, text) == NULL)
		fail_msg("missing: %s", text);
}

static void
test_customers(void **state)
{
	struct scene *z = scene_customers();
	char *p = render(z, "customers", 120000);

	(void)state;
	assert_has(p, "<em>41 customers</em> behind metro-3 filled the link with amplified DNS answers through our own resolver</h1>");
	assert_has(p, "ANY ripe.net");
	assert_has(p, "<h3>Named in the same incident</h3>");
	assert_has(p, "63.95");
	assert_has(p, "chain 1204…1251");
	assert_has(p, "damp verify --key res1.pub 2026-04-12.json");
	assert_int_equal(count(p, "<tr class=more>"), 31 + 30 * TALKER_ORDERS);
	free(p);
	free(z);
}

static void
test_speed(void **state)
{
	struct scene *z = scene_customers();
	struct timespec a, b;
	double best = 1e9;
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	for (int i = 0; i < 5; i++) {
		buf_reset(&out);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		assert_int_equal(page_html(&out, &z->in), 0);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		best = fmin(best, (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	}
	print_message("page in %.2f ms of CPU\n", best);
	assert_true(best < 500); /* the budget is 50; sanitizers take their share */
	buf_done(&out);
	free(z);
}

static void
test_victim(void **state)
{
	struct scene *z = scene_victim();
	char *p = render(z, "victim", 120000);

	(void)state;
	assert_has(p, "<em>203.0.113.7</em> is hit by amplified DNS answers it never asked for, coming from 318 reflectors");
	assert_has(p, "The loudest 8 of 318");
	assert_has(p, "Countries come from country 2026-04-03; ASN 2026-04-03.");
	assert_has(p, "Still open");
	free(p);
	free(z);
}

static void
test_none(void **state)
{
	struct scene *z = scene_new(false);
	char *p = render(z, "none", 120000);

	(void)state;
	assert_has(p, "No amplification or DNS abuse was found");
	assert_has(p, "What could not have been seen");
	free(p);
	z->in.talkers[0].n = z->in.talkers[1].n = z->in.talkers[2].n = z->in.talkers[3].n = 0;
	z->in.series_n = 0;
	z->in.first_ns = z->in.last_ns = 0;
	z->in.kid = NULL;
	p = render(z, "empty", 60000);
	assert_has(p, "Not one packet could be read");
	free(p);
	free(z);
}

static void
test_many(void **state)
{
	struct scene *z = scene_many();
	char *p = render(z, "many", 2000000);

	(void)state;
	assert_has(p, "<em>1,000 incidents</em>, 250 of them still open");
	assert_int_equal(count(p, "<details class=inc"), 50);
	free(p);
	z->in.incidents_n = 7;
	p = render(z, "kinds", 400000);
	assert_has(p, "amplified memcached answers");
	assert_has(p, "NTP answers towards hosts");
	assert_has(p, "flooded with UDP fragments");
	assert_has(p, "flooded with DNS queries");
	free(p);
	free(z);
}

static void
test_hostile(void **state)
{
	struct scene *z = scene_hostile();
	char *p = render(z, "hostile", 200000);

	(void)state;
	assert_int_equal(count(p, "<img"), 0);
	assert_int_equal(count(p, "alert(1)</script>"), 0);
	assert_int_equal(count(p, "\xe2\x80\xae"), 0);
	assert_int_equal(count(p, "\x01"), 0);
	assert_int_equal(count(p, "\xff"), 0);
	assert_has(p, "&lt;script&gt;alert(1)");
	free(p);
	free(z);
}

/* What a hurried caller may hand over: alerts that were not kept, one point, nothing before or after. */
static void
test_bare(void **state)
{
	struct scene *z = scene_victim();
	char *p;

	(void)state;
	z->inc[0].alerts_kept = 0;
	z->inc[0].alerts_n = 3;
	z->all.n = 1;
	z->in.series_n = 1;
	z->in.geo = NULL;
	z->in.databases_n = z->in.networks_n = z->in.resolvers_n = z->in.sources_n = 0;
	z->in.sensor = z->in.version = z->in.kid = z->in.alerts_file = z->in.public_key = z->in.slowest = z->in.clock = NULL;
	p = render(z, "bare", 80000);
	assert_has(p, "<em>3 hosts</em> are hit by amplified DNS answers they never asked for");
	assert_has(p, "no alert line was written");
	free(p);
	z->all = (struct series){"all", 0, DAY + 86400, 10, z->point[0], 5}; /* begins after the incident */
	p = render(z, "bare", 80000);
	free(p);
	free(z);
}

/* A page that does not fit says so. */
static void
test_full(void **state)
{
	struct scene *z = scene_customers();
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(page_html(&out, &z->in), ERR_FULL);
	buf_done(&out);
	free(z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_customers), cmocka_unit_test(test_speed),   cmocka_unit_test(test_victim),
		cmocka_unit_test(test_none),      cmocka_unit_test(test_many),    cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_full),      cmocka_unit_test(test_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
