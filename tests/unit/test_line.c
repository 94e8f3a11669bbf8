/* The alert line: its members, its bytes, and the way back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#include "base/err.h"
#include "feeds/sign.h"
#include "sample_alert.h"

static const struct line_suggestion suggestion = {"iptables", "-A INPUT -m string \"x\"\nCOMMIT\n", 3600, true, 0.987654, 0};

static struct line_extra
sample_extra(void)
{
	struct line_extra x;

	memset(&x, 0, sizeof(x));
	x.sensor = "pop-1";
	x.destination_geo = (struct line_geo){true, "DE", "K\xc3\xb6ln", true, 50.94, -6.95, true, 64500, "Example AS"};
	x.suggestions = &suggestion;
	x.suggestions_n = 1;
	return x;
}

/* A whole signed line; the caller frees it. */
static char *
finished(const struct alert *a, const struct line_extra *x)
{
	static const uint8_t seed[32] = {7};
	struct signer *s;
	struct chain c;
	struct buf b;
	char why[200];

	assert_int_equal(sign_init(), 0);
	s = signer_from_seed(seed, why, sizeof(why));
	chain_init(&c);
	buf_init(&b, LINE_MAX_BYTES);
	assert_int_equal(line_render(&b, a, x), 0);
	assert_int_equal(sign_line(s, &c, &b), 0);
	signer_free(s);
	return b.p;
}

static const json_t *
at(const json_t *o, const char *path)
{
	char copy[100], *save = NULL;

	strcpy(copy, path);
	for (char *p = strtok_r(copy, "/", &save); p != NULL; p = strtok_r(NULL, "/", &save))
		o = json_is_array(o) ? json_array_get(o, (size_t)atoi(p)) : json_object_get(o, p);
	return o;
}

static const char *
text(const json_t *o, const char *path)
{
	const char *s = json_string_value(at(o, path));

	if (s == NULL)
		fail_msg("no text at %s", path);
	return s;
}

static void
test_members(void **state)
{
	static const char *const strings[][2] = {
		{"@timestamp", "2026-04-12T02:13:41.250Z"}, {"ecs/version", "8.11"}, {"event/kind", "alert"},
		{"event/category/0", "network"}, {"event/category/1", "intrusion_detection"}, {"event/type/0", "info"},
		{"event/id", "0123456789abcdef"}, {"event/action", "updated"}, {"event/start", "2026-04-12T02:13:32.250Z"},
		{"event/end", "2026-04-12T02:13:41.249Z"}, {"rule/name", "dns-amplification-abuser"},
		{"source/ip", "10.64.0.17"}, {"destination/ip", "2001:db8:53::53"}, {"destination/geo/country_iso_code", "DE"},
		{"destination/geo/city_name", "K\xc3\xb6ln"}, {"destination/as/organization/name", "Example AS"},
		{"network/transport", "udp"}, {"network/protocol", "dns"}, {"dns/question/type", "ANY"},
		{"observer/vendor", "damp"}, {"observer/name", "pop-1"}, {"observer/version", DAMP_VERSION},
		{"damp/subject/ip", "10.64.0.17"}, {"damp/role", "abuser"}, {"damp/vector", "dns"},
		{"damp/incident", "fedcba9876543210"}, {"damp/signals/0/name", "baf"}, {"damp/peers/0/ip", "192.0.2.7"},
		{"damp/link/name", "metro-3"}, {"damp/suggestions/0/format", "iptables"}, {"damp/reason", "quiet"},
		{"damp/suggestions/0/text", "-A INPUT -m string \"x\"\nCOMMIT\n"},
	};
	static const struct {
		const char *path;
		double value;
	} numbers[] = {
		{"event/severity", 8}, {"network/bytes", 4157000}, {"network/packets", 3000}, {"damp/window_s", 10},
		{"destination/as/number", 64500}, {"destination/geo/location/lat", 50.94}, {"damp/evidence/baf", 63.95},
		{"damp/evidence/query_packets", 1000}, {"damp/evidence/sampled/baf", 990}, {"damp/link/capacity_bps", 1e7},
		{"damp/suggestions/0/ttl_s", 3600}, {"damp/suggestions/0/expect/attack_dropped", 0.9877},
		{"damp/suggestions/0/expect/legitimate_dropped", 0}, {"damp/seq", 1}, {"damp/signals/0/threshold", 10},
	};
	struct alert a = sample_alert(0);
	struct line_extra x = sample_extra();
	char *line = finished(&a, &x);
	json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	(void)state;
	assert_non_null(root);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		assert_string_equal(text(root, strings[i][0]), strings[i][1]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (fabs(json_number_value(at(root, numbers[i].path)) - numbers[i].value) > 1e-9)
			fail_msg("%s", numbers[i].path);
	assert_null(at(root, "source/geo"));
	assert_null(at(root, "damp/evidence/paf"));
	assert_null(at(root, "damp/evidence/sampled/matched_share"));
	assert_null(strchr(line, '\n'));
	json_decref(root);
	free(line);
}

static void
test_same_bytes_twice(void **state)
{
	struct alert a = sample_alert(0);
	struct line_extra x = sample_extra();
	char *one = finished(&a, &x), *two = finished(&a, &x);

	(void)state;
	assert_string_equal(one, two);
	free(one);
	free(two);
}

static void
test_little_is_written_of_little(void **state)
{
	struct alert a = sample_alert(0);
	struct line_extra x;
	json_t *root;
	char *line;

	(void)state;
	memset(&x, 0, sizeof(x));
	a.has_source = a.has_destination = false;
	a.packets = 0;
	a.qname_len = 0;
	a.qtype = 0;
	a.evidence_n = a.signals_n = a.peers_n = 0;
	a.link[0] = '\0';
	a.reason = NULL;
	line = finished(&a, &x);
	root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_null(at(root, "source"));
	assert_null(at(root, "destination"));
	assert_null(at(root, "network/bytes"));
	assert_null(at(root, "dns"));
	assert_null(at(root, "damp/link"));
	assert_null(at(root, "damp/reason"));
	assert_null(at(root, "observer/name"));
	json_decref(root);
	free(line);
}

static void
test_round_trip(void **state)
{
	static const enum subject_type types[] = {SUBJECT_HOST, SUBJECT_PREFIX, SUBJECT_LINK, SUBJECT_ZONE};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct alert a = sample_alert(i), b;
		struct line_extra x = sample_extra();
		char *one, *two, why[200];

		strcpy(a.message, "plain");
		a.subject.type = types[i];
		if (types[i] == SUBJECT_PREFIX)
			assert_int_equal(prefix_parse("10.64.0.0/23", &a.subject.prefix), 0);
		if (types[i] == SUBJECT_LINK || types[i] == SUBJECT_ZONE)
			strcpy(a.subject.name, "name \" of it");
		one = finished(&a, &x);
		if (line_parse(one, strlen(one), &b, why, sizeof(why)) != 0)
			fail_msg("%s", why);
		/* the same line again says that every member came back */
		two = finished(&b, &x);
		assert_string_equal(one, two);
		free(one);
		free(two);
	}
}

static void
test_unknown_words(void **state)
{
	struct alert a = sample_alert(0), b;
	struct line_extra x = sample_extra();
	char *line, why[200];

	(void)state;
	a.vector = "telepathy";
	a.signals[0].name = "aura";
	a.signals[0].unit = "furlong";
	a.signals[1].label = "worded anew";
	a.reason = "boredom";
	line = finished(&a, &x);
	assert_int_equal(line_parse(line, strlen(line), &b, why, sizeof(why)), 0);
	free(line); /* nothing in b may point into it */
	assert_string_equal(b.vector, "other");
	assert_string_equal(b.signals[0].name, "other");
	assert_string_equal(b.signals[0].unit, "");
	assert_string_equal(b.reason, "other");
	assert_string_equal(b.signals[1].name, "matched_share");
	assert_string_equal(b.signals[1].label, "matched_share");
	assert_string_equal(b.signals[0].label, a.signals[0].label);
}

static void
test_not_lines(void **state)
{
	static const char *const bad[] = {
		"", "x", "[]", "{}", "{\"@timestamp\":1}", "{\"@timestamp\":\"2026-04-12T02:13:41.250Z\"}",
		"{\"@timestamp\":\"2026-04-12T02:13:41.250Z\",\"event\":{\"id\":\"0123456789abcdef\",\"action\":\"opened\"}}",
		"{\"a\":1,\"a\":2}",
	};
	struct alert a;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(line_parse(bad[i], strlen(bad[i]), &a, why, sizeof(why)), ERR_MALFORMED);
		assert_true(why[0] != '\0');
	}
}

static void
test_too_long_is_said(void **state)
{
	struct alert a = sample_alert(0);
	struct line_extra x = sample_extra();
	struct buf b;

	(void)state;
	buf_init(&b, 500);
	assert_int_equal(line_render(&b, &a, &x), ERR_FULL);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members), cmocka_unit_test(test_same_bytes_twice),
		cmocka_unit_test(test_little_is_written_of_little), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_unknown_words), cmocka_unit_test(test_not_lines), cmocka_unit_test(test_too_long_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
