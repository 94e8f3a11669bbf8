/* The summary for the terminal, the answer of `why`, and the figures both are made of. */
#include "tests/unit/report_scenes.h"

#include <math.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "reports/story.h"
#include "reports/text.h"
#include "reports/why.h"

#define ASSERT_TEXT(call, want)                       \
	do {                                              \
		struct buf b_ = {.max = 4096};                \
		call;                                         \
		assert_string_equal(buf_text(&b_), want);     \
		buf_done(&b_);                                \
	} while (0)

static void
test_figures(void **state)
{
	(void)state;
	ASSERT_TEXT(text_count(&b_, 0), "0");
	ASSERT_TEXT(text_count(&b_, 999), "999");
	ASSERT_TEXT(text_count(&b_, 1284300), "1,284,300");
	ASSERT_TEXT(text_count(&b_, UINT64_MAX), "18,446,744,073,709,551,615");
	ASSERT_TEXT(text_si(&b_, 0), "0");
	ASSERT_TEXT(text_si(&b_, 999), "999");
	ASSERT_TEXT(text_si(&b_, 999.7), "1.00 k");
	ASSERT_TEXT(text_si(&b_, 8931000), "8.93 M");
	ASSERT_TEXT(text_si(&b_, 999600), "1.00 M");
	ASSERT_TEXT(text_si(&b_, -1500), "-1.50 k");
	ASSERT_TEXT(text_si(&b_, (double)NAN), "-");
	ASSERT_TEXT(text_figure(&b_, 63.95), "63.95");
	ASSERT_TEXT(text_figure(&b_, 10), "10");
	ASSERT_TEXT(text_figure(&b_, 3.70), "3.7");
	ASSERT_TEXT(text_figure(&b_, 266.96), "267");
	ASSERT_TEXT(text_figure(&b_, 21890), "21,890");
	ASSERT_TEXT(text_duration(&b_, 2.1), "2.1 s");
	ASSERT_TEXT(text_duration(&b_, 41), "41 s");
	ASSERT_TEXT(text_duration(&b_, 1094), "18 min 14 s");
	ASSERT_TEXT(text_duration(&b_, 3600), "1 h");
	ASSERT_TEXT(text_duration(&b_, 187200), "2 d 4 h");
	ASSERT_TEXT(text_duration(&b_, -1), "0.0 s");
	ASSERT_TEXT(text_percent(&b_, 0), "0");
	ASSERT_TEXT(text_percent(&b_, 1), "100");
	ASSERT_TEXT(text_percent(&b_, .99995), "> 99.99");
	ASSERT_TEXT(text_percent(&b_, .00001), "< 0.01");
	ASSERT_TEXT(text_percent(&b_, .998), "99.8");
}

static void
test_escapes(void **state)
{
	const struct addr six = addr("2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa");

	(void)state;
	ASSERT_TEXT(text_html(&b_, "<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
	ASSERT_TEXT(text_html(&b_, "caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
	/* bad UTF-8: a lone byte, an overlong form, a surrogate, a cut sequence */
	ASSERT_TEXT(text_html(&b_, "\xff"), "\xef\xbf\xbd");
	ASSERT_TEXT(text_html(&b_, "\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
	ASSERT_TEXT(text_html(&b_, "\xe0\x80\xaf"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	ASSERT_TEXT(text_html(&b_, "\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	ASSERT_TEXT(text_html(&b_, "a\xe2\x80"), "a\xef\xbf\xbd\xef\xbf\xbd");
	/* right-to-left override, zero-width space, escape */
	ASSERT_TEXT(text_html(&b_, "\xe2\x80\xae\xe2\x80\x8b\033"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	ASSERT_TEXT(text_plain(&b_, "\033[31m\n\xe2\x80\xae\xc3\xa9", true), "?[31m??\xc3\xa9");
	ASSERT_TEXT(text_plain(&b_, "65 B \xe2\x86\x92 4157 B \xc3\xa9", false), "65 B -> 4157 B ?");
	ASSERT_TEXT(text_addr(&b_, &six), "2001:<wbr>db8:<wbr>ffff:<wbr>eeee:<wbr>dddd:<wbr>cccc:<wbr>bbbb:<wbr>aaaa");
	ASSERT_TEXT(story_html(&b_, STORY_STRONG "a<b" STORY_PLAIN " c " STORY_CODE "d" STORY_PLAIN), "<b>a&lt;b</b> c <code>d</code>");
	assert_string_equal(text_country("AE"), "United Arab Emirates");
	assert_string_equal(text_country("CZ"), "Czechia");
	assert_string_equal(text_country("ZW"), "Zimbabwe");
	assert_string_equal(text_country("XX"), "XX");
}

/* The longest line, in columns; control characters other than newline fail. */
static size_t
widest(const char *text, bool color)
{
	size_t widest = 0, n = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\033' && color) {
			p = strchr(p, 'm');
			assert_non_null(p);
			continue;
		}
		if (*p == '\n') {
			assert_true(p == text || p[-1] != ' ');
			widest = n > widest ? n : widest;
			n = 0;
			continue;
		}
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
		n += ((unsigned char)*p & 0xc0) != 0x80;
	}
	assert_int_equal(n, 0); /* ends with a newline */
	return widest;
}

static char *
summary(const struct scene *z, struct summary_options o)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(summary_text(&b, &z->in, &o), 0);
	assert_true(widest(b.p, o.color) <= (size_t)(o.width > 0 ? o.width : 80));
	if (!o.utf8)
		for (const char *p = b.p; *p != '\0'; p++)
			assert_true((unsigned char)*p < 0x80);
	if (getenv("SHOW") != NULL)
		puts(b.p);
	return b.p;
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("missing: %s in\n%s", part, text);
}

static void
test_summary_customers(void **state)
{
	struct scene *z = scene_customers();
	char *p;

	(void)state;
	z->in.key_ephemeral = true;
	p = summary(z, (struct summary_options){.utf8 = true});
	assert_has(p, "1 incident in 20 min of traffic, 2026-04-12 02:12:00 to 02:32:00 UTC");
	assert_has(p, "[8/10]  41 customers behind metro-3 filled the link");
	assert_has(p, "10.53.0.53, ANY ripe.net, 267 queries/s");
	assert_has(p, "63.95 x (at least 63.10)");
	assert_has(p, "of metro-3 (10.0 Mbit/s)");
	assert_has(p, "and 37 more");
	assert_has(p, "Unbound: 100 % of the attack dropped, 0 % of legitimate");
	assert_has(p, "Note      no --key was given");
	assert_null(strstr(p, "\033"));
	free(p);
	p = summary(z, (struct summary_options){.color = true, .width = 60});
	assert_has(p, "\033[1;31m[8/10]\033[0m");
	assert_has(p, "65 B -> 4157");
	free(p);
	free(summary(z, (struct summary_options){.width = 40}));
	free(z);
}

static void
test_summary_others(void **state)
{
	struct scene *z = scene_new(false);
	char *p = summary(z, (struct summary_options){.utf8 = true});

	(void)state;
	assert_has(p, "No incident in 20 min of traffic");
	assert_has(p, "Blind to  abuse slower than 1 query in 20 s per host");
	free(p);
	z->in.first_ns = z->in.last_ns = 0;
	p = summary(z, (struct summary_options){.utf8 = true});
	assert_has(p, "not one packet or flow record");
	free(p);
	free(z);
	z = scene_victim();
	p = summary(z, (struct summary_options){.utf8 = true});
	assert_has(p, "203.0.113.7 is hit by amplified DNS answers");
	assert_has(p, "still open");
	free(p);
	free(z);
	z = scene_victim();
	z->in.last_ns += 86400 * NS_PER_S;
	p = summary(z, (struct summary_options){.utf8 = true});
	assert_has(p, "in 1 d of traffic, 2026-04-12 02:12:00 to 04-13 02:32:00 UTC");
	assert_has(p, "since    04-12 02:13:41, named after 2.1 s");
	free(p);
	free(z);
	z = scene_many();
	p = summary(z, (struct summary_options){.utf8 = true});
	assert_has(p, "and 980 more incidents");
	free(p);
	free(z);
	z = scene_hostile();
	p = summary(z, (struct summary_options){.utf8 = true});
	assert_has(p, "Damaged");
	free(p);
	free(z);
}

/* Two detectors of one host, one of which came close; the second has a course of three seconds. */
static void
test_why(void **state)
{
	struct scene *z = scene_customers();
	struct why_point point[3] = {
		{.t_ns = z->in.first_ns + NS_PER_S, .tick = 10, .has = 1, .value = {0.25f}, .threshold = {1}},
		{.t_ns = z->in.first_ns + 2 * NS_PER_S, .tick = 11, .has = 1, .value = {0.95f}, .threshold = {1}},
		{.t_ns = z->in.first_ns + 4 * NS_PER_S, .tick = 13, .has = 1, .met = 1, .value = {2}, .threshold = {1}},
	};
	struct why_row row[2] = {
		{.kind = KIND_DNS_AMPLIFICATION_VICTIM, .vector = "dns", .who = z->alert[0].subject, .t_ns = z->in.last_ns, .signals_n = 1,
			.column = {{"unmatched_share", "Answers it did not ask for", "%", false}}, .columns_n = 1, .point = point, .points_n = 3, .width_s = 1},
		{.kind = KIND_DNS_AMPLIFICATION_ABUSER, .vector = "dns", .who = z->alert[0].subject, .t_ns = z->in.last_ns, .heat = WHY_HOT,
			.signals_n = z->alert[0].signals_n},
	};
	const struct why_alert alert = {.kind = KIND_DNS_AMPLIFICATION_ABUSER, .vector = "dns", .who = z->alert[0].subject,
		.opened_ns = z->in.first_ns, .incident = 0xabcdef, .severity = 7};
	const struct why_absent absent = {KIND_DNS_TUNNEL, "flow records show no names"};
	struct why_view view = {.row = row, .rows_n = 2, .alert = &alert, .alerts_n = 1, .alerts_all = 1, .seen = true,
		.sum = {.packets_in = 18000, .packets_out = 8912, .bytes_in = 2800000, .bytes_out = 580000}};
	char host[ADDR_TEXT];
	struct why_input in = {.subject = addr_text(&z->alert[0].subject.prefix.addr, host), .about = "customer", .first_ns = z->in.first_ns,
		.last_ns = z->in.last_ns, .view = &view, .absent = &absent, .absent_n = 1};
	struct summary_options o = {.utf8 = true};
	struct buf b;

	(void)state;
	memcpy(row[1].signal, z->alert[0].signals, sizeof(row[1].signal));
	row[0].signal[0] = z->alert[0].signals[5];
	row[0].signal[0].required = true;
	buf_init(&b, 1 << 16);
	assert_int_equal(why_text(&b, &in, &o), 0);
	if (getenv("SHOW") != NULL)
		puts(b.p);
	assert_true(widest(b.p, false) <= 80);
	assert_has(b.p, "sent 8,912 packets, 580 kB; received");
	assert_has(b.p, "opened 02:12:00, still open,\n    severity 7, incident 0000000000abcdef");
	assert_has(b.p, "dns-amplification-abuser: alert");
	assert_has(b.p, "63.95 x      ≥ 63.15       ≥ 10 x      MET");
	assert_has(b.p, "5 of 6 signals are met: what an alert needs.");
	assert_has(b.p, "Closest to an alert at");
	assert_has(b.p, "0 of 1 signals are met; needed and short of\n");
	assert_has(b.p, "unmatched share  29.#\n");
	assert_has(b.p, "dns-tunnel: flow records show no names");
	assert_true(strstr(b.p, "abuser: alert") < strstr(b.p, "dns-amplification-victim: no alert")); /* what came closest stands first */
	buf_reset(&b);
	in.verbose = true;
	o.utf8 = false;
	o.width = 64;
	assert_int_equal(why_text(&b, &in, &o), 0);
	assert_true(widest(b.p, false) <= 64);
	assert_has(b.p, "unmatched share 95 %");
	buf_reset(&b);
	assert_int_equal(why_json(&b, &in), 0);
	assert_has(b.p, "\"unmatched_share\":{\"value\":0.25,\"threshold\":1,\"met\":false}");
	assert_has(b.p, "\"not_judged\":[{\"kind\":\"dns-tunnel\",\"reason\":\"flow records show no names\"}]");
	buf_reset(&b);
	view.seen = false;
	view.rows_n = view.alerts_n = view.alerts_all = 0;
	memcpy(view.near, "10.64.0.4", 10);
	assert_int_equal(why_text(&b, &in, &o), 0);
	assert_has(b.p, "it was not seen; the\n");
	assert_has(b.p, "10.64.0.4.");
	buf_done(&b);
	free(z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),        cmocka_unit_test(test_escapes), cmocka_unit_test(test_summary_customers),
		cmocka_unit_test(test_summary_others), cmocka_unit_test(test_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
