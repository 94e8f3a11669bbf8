#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/settings.h"
#include "base/units.h"

/* Problems as lines: "LINE: TEXT (HINT)\n". */
struct told {
	struct buf text;
};

static void
tell(void *ctx, const char *file, int line, const char *text, const char *hint)
{
	struct told *t = ctx;

	(void)file;
	assert_null(strchr(text, '\n'));
	assert_null(strchr(hint, '\n'));
	buf_printf(&t->text, "%d: %s (%s)\n", line, text, hint);
}

struct thresholds {
	double baf, share, answer, window;
};

static const struct setting table[] = {
	{"min-baf", "x", 1, 1000, 10, "test", offsetof(struct thresholds, baf), "factor"},
	{"share", "%", 0, 1, 0.8, "test", offsetof(struct thresholds, share), "share"},
	{"min-answer", "B", 0, 65535, 1000, "test", offsetof(struct thresholds, answer), "size"},
	{"window", "s", 1, 3600, 10, "test", offsetof(struct thresholds, window), "time"},
};
static const struct settings_view view = {table, 4};

static int
judge(void *ctx, const char *kind, const char *name, double value, const char *unit, char *why, size_t n,
    const char **nearest)
{
	const struct setting *s = settings_find(view, name);

	(void)ctx;
	if (strcmp(kind, "abuser") != 0) {
		snprintf(why, n, "unknown kind");
		*nearest = "abuser";
		return -1;
	}
	if (s == NULL) {
		snprintf(why, n, "unknown setting");
		*nearest = settings_nearest(view, name);
		return -1;
	}
	return settings_check(s, value, unit, why, n);
}

static struct told told;
static struct config c;

static int
load(const char *yaml)
{
	struct config_events ev = {.problem = tell, .check_setting = judge, .ctx = &told};

	buf_init(&told.text, 1 << 16);
	config_init(&c, &ev);
	return config_load_bytes(&c, "t.conf", yaml, strlen(yaml));
}

static void
done(void)
{
	config_done(&c);
	buf_done(&told.text);
}

/* The file gives exactly these problems. */
static void
expect(const char *yaml, const char *problems)
{
	load(yaml);
	assert_string_equal(buf_text(&told.text), problems);
	done();
}

static const char contract[] =
    "networks: [10.64.0.0/23, \"2001:db8:64::/64\"]     # our own prefixes\n"
    "resolvers: [10.53.0.53, \"2001:db8:53::53\"]\n"
    "links:\n"
    "  - name: metro-3\n"
    "    prefixes: [10.64.0.0/23, \"2001:db8:64::/64\"]\n"
    "    down: 10Mbit\n"
    "    up: 4Mbit\n"
    "groups:\n"
    "  - name: mail\n"
    "    members: [10.64.0.25]\n"
    "geoip: [/var/lib/damp/country.mmdb]\n"
    "key: /etc/damp/alert.key\n";

static void
test_contract_example(void **state)
{
	char text[PREFIX_TEXT];

	(void)state;
	assert_int_equal(load(contract), 0);
	assert_int_equal(c.networks_n, 2);
	assert_string_equal(prefix_text(&c.network[1], text), "2001:db8:64::/64");
	assert_int_equal(c.resolvers_n, 2);
	assert_string_equal(addr_text(&c.resolver[0], text), "10.53.0.53");
	assert_int_equal(c.links_n, 1);
	assert_string_equal(c.link[0].name, "metro-3");
	assert_int_equal(c.link[0].down_bps, 10000000);
	assert_int_equal(c.link[0].up_bps, 4000000);
	assert_int_equal(c.link[0].line, 4);
	assert_int_equal(c.link[0].prefix[1].line, 5);
	assert_int_equal(c.groups_n, 1);
	assert_int_equal(c.group[0].kind, GROUP_MAIL); /* from its name */
	assert_int_equal(c.group[0].member[0].prefix.bits, 128);
	assert_int_equal(c.geoip.n, 1);
	assert_string_equal(c.key, "/etc/damp/alert.key");
	assert_int_equal(c.policy.queries, 2);
	assert_true(config_given(&c, "key"));
	assert_false(config_given(&c, "html"));
	done();
}

static void
test_every_key(void **state)
{
	(void)state;
	assert_int_equal(load(
	    "networks: 10.0.0.0/8\nresolvers: 10.0.0.1\ngeoip: a,b.mmdb\nkey: k\nalerts: \"-\"\nrules-dir: r\n"
	    "html: h\nstats: s\nthreads: 3\nsyslog: [udp://192.0.2.1:514]\nsensor: pop-1\n"
	    "interfaces: [eth0, {name: eth1, filter: 'udp port 53'}]\nfiles: x.pcap\nmemory: 1GiB\nseed: 0x2a\n"
	    "hash-key: 000102030405060708090a0b0c0d0e0f\npolicy: {queries: 3, seconds: 10, ttl: 2h, list-size: 500}\n"
	    "detectors: {abuser: {min-baf: 12x, share: 75%, min-answer: 1.2kB, window: 1m}}\n"
	    "groups: [{name: g, kind: cgnat, members: 10.0.0.0/24, never-alert: yes,\n"
	    "  thresholds: {abuser: {min-baf: 20}}}]\nlinks: []\n"
	    "input: exports\nwidth: 132\nquiet: true\nverbose: off\ncolor: no\n"), 0);
	assert_string_equal(c.geoip.text[0], "a,b.mmdb"); /* a path may hold a comma */
	assert_string_equal(c.alerts, "-");
	assert_int_equal(c.threads, 3);
	assert_string_equal(c.syslog.text[0], "udp://192.0.2.1:514");
	assert_string_equal(c.interface[1].filter, "udp port 53");
	assert_int_equal(c.memory_bytes, 1073741824);
	assert_true(c.has_seed && c.seed == 42);
	assert_int_equal(c.hash_key[15], 15);
	assert_int_equal(c.policy.ttl_s, 7200);
	assert_int_equal(c.policy.list_size, 500);
	assert_true(config_setting_find(&c, NULL, "abuser", "share")->value == 0.75);
	assert_true(config_setting_find(&c, NULL, "abuser", "min-answer")->value == 1200);
	assert_true(config_setting_find(&c, NULL, "abuser", "window")->value == 60);
	assert_true(config_setting_find(&c, &c.group[0], "abuser", "min-baf")->value == 20);
	assert_null(config_setting_find(&c, &c.group[0], "abuser", "share"));
	assert_true(c.group[0].never_alert && c.group[0].kind == GROUP_CGNAT);
	assert_int_equal(c.input, CONFIG_INPUT_EXPORTS);
	assert_true(c.quiet && !c.verbose && !c.color && c.width == 132);
	done();
}

static void
test_values(void **state)
{
	(void)state;
	expect("networks: [10.64.0.5/23]\n", "1: networks: \"10.64.0.5/23\" has host bits set (the prefix is 10.64.0.0/23)\n");
	expect("networks: [10.0.0.0/33]\n", "1: networks: \"10.0.0.0/33\" is not a prefix (IPv4 addresses have 32 bits)\n");
	expect("networks: ten\n",
	    "1: networks: \"ten\" is not a prefix or an address (such as 10.64.0.0/23 or \"2001:db8::/32\")\n");
	expect("networks:\n  - 2001:db8::\n", "2: networks: must be one value, not a mapping (put IPv6 addresses in quotes)\n");
	expect("resolvers: 10.0.0.0/8\n",
	    "1: resolvers: \"10.0.0.0/8\" is not an address (a resolver is one address, without a /length)\n");
	expect("networks:\n", "1: networks: has no value ()\n");
	expect("threads: [1]\n", "1: threads: must be one value, not a list ()\n");
	expect("threads: -1\n", "1: threads: \"-1\" is not a whole number (a whole number from 0 to 1024)\n");
	expect("threads: 4294967297\n", "1: threads: \"4294967297\" is not in range (a whole number from 0 to 1024)\n");
	expect("memory: 512Mb\n", "1: memory: \"512Mb\" is not a size (" UNITS_SIZE_FORM ")\n");
	expect("memory: 1kB\n", "1: memory: \"1kB\" is not in range (64MB to 16TB)\n");
	expect("policy: 2\n", "1: policy: \"2\" is not a policy (QUERIES/SECONDS, such as 2/5: two queries in five seconds)\n");
	expect("policy:\n  ttl: 5x\n", "2: policy.ttl: \"5x\" is not a time (" UNITS_DURATION_FORM ")\n");
	expect("quiet: perhaps\n", "1: quiet: \"perhaps\" is not true or false ()\n");
	expect("syslog: loghost\n", "1: syslog: \"loghost\" is not a URL (such as udp://192.0.2.10:514)\n");
	expect("links: [{name: a, prefixes: 10.0.0.0/8, down: 10MB}]\n", "1: down: \"10MB\" is not a rate (" UNITS_RATE_FORM ")\n");
	expect("hash-key: secret\n", "1: hash-key: must be 32 hexadecimal digits (openssl rand -hex 16 makes one)\n");
	expect("key: \"a\\nb\"\n", "1: key: holds a control character or more than one line ()\n");
	expect("key: \"\"\n", "1: key: is empty ()\n");
	expect("html: ${HOME}/x\n", "");
}

static void
test_keys(void **state)
{
	(void)state;
	expect("netwroks: 1\n", "1: unknown key \"netwroks\" (did you mean networks?)\n");
	expect("zzz: 1\n", "1: unknown key \"zzz\" ()\n");
	expect("policy.ttl: 1h\n\"\": x\n", "1: unknown key \"policy.ttl\" ()\n2: unknown key \"\" ()\n");
	expect("key: a\n\nkey: b\n", "3: key stands here for the second time, first in line 1 ()\n");
	expect("groups:\n  - {name: a, member: 10.0.0.1}\n",
	    "2: unknown key \"member\" in a group (did you mean members?)\n2: group \"a\" needs members (members: [10.64.0.25])\n");
	expect("detectors:\n  abuser:\n    min-bfa: 1\n    share: 80\n    window: 5kB\n    share: 1\n    min-answer: big\n",
	    "3: abuser.min-bfa: unknown setting (did you mean min-baf?)\n"
	    "4: abuser.share: must be between 0% and 100% ()\n"
	    "5: abuser.window: must be a time such as 10s ()\n"
	    "6: abuser.share: stands here for the second time, first in line 4 ()\n"
	    "7: abuser.min-answer: \"big\" is not a number (such as 50, 0.8, 80%, 50/s, 10x, 10Mbit, 1kB, 10s or true)\n");
	expect("detectors: {abusr: {share: 1}}\n", "1: abusr.share: unknown kind (did you mean abuser?)\n");
	expect("interfaces: [{filter: x}]\n", "1: interfaces: an interface needs a name ()\n");
	expect("- a\n", "1: must be a mapping of keys such as networks: [10.64.0.0/23], not a list ()\n");
	expect("groups:\n# nothing yet\nlinks:\n", "");
}

static void
test_overlaps(void **state)
{
	(void)state;
	expect("links:\n- name: a\n  prefixes: [10.0.0.0/8]\n- name: b\n  prefixes: [192.0.2.0/24, 10.1.0.0/16]\n",
	    "5: 10.1.0.0/16 of link \"b\" overlaps 10.0.0.0/8 of link \"a\" in line 3 (each address may belong to one only)\n");
	/* the same seen from the other side: the later line is told */
	expect("links:\n- name: a\n  prefixes: [10.1.0.0/16]\n- name: b\n  prefixes: [10.0.0.0/8]\n",
	    "5: 10.0.0.0/8 of link \"b\" overlaps 10.1.0.0/16 of link \"a\" in line 3 (each address may belong to one only)\n");
	expect("links:\n- name: a\n  prefixes: [10.0.0.0/8, 10.1.0.0/16]\n- name: b\n  prefixes: [10.1.2.0/24]\n",
	    "5: 10.1.2.0/24 of link \"b\" overlaps 10.1.0.0/16 of link \"a\" in line 3 (each address may belong to one only)\n");
	expect("groups:\n- name: a\n  members: [10.0.0.1]\n- name: b\n  members: [10.0.0.1]\n",
	    "5: 10.0.0.1/32 of group \"b\" overlaps 10.0.0.1/32 of group \"a\" in line 3 (each address may belong to one only)\n");
	/* all of IPv6 is not IPv4 */
	expect("links:\n- name: a\n  prefixes: [\"::/0\"]\n- name: b\n  prefixes: [0.0.0.0/0]\n", "");
	expect("links:\n- name: a\n  prefixes: [10.0.0.0/24]\n- name: a\n  prefixes: [10.0.1.0/24]\n",
	    "4: link \"a\" already stands in line 2 ()\n");
}

static void
test_hostile(void **state)
{
	static const char bom16[] = {(char)0xff, (char)0xfe, 'a', 0};
	struct buf b;

	(void)state;
	expect("", "0: the file is empty (see damp.conf(5))\n");
	expect("# only a comment\n", "0: the file holds no setting (see damp.conf(5))\n");
	expect("key: a\n---\nkey: b\n", "2: a second document begins here (one document a file: remove the ---)\n");
	expect("policy:\n\tttl: 1h\n", "2: a tab in the indentation (indent with spaces)\n");
	expect("key: \xff\n", "1: not UTF-8 text (save the file as UTF-8)\n");
	expect("\n\nkey: \xed\xa0\x80\n", "3: not UTF-8 text (save the file as UTF-8)\n");
	expect("key: @a\n", "1: YAML syntax: found character that cannot start any token (quote values that begin with @, % or `)\n");
	expect("key: *nobody\n", "1: YAML syntax: found undefined alias ()\n");
	load("key: a\n");
	assert_int_equal(config_load_bytes(&c, "t", bom16, sizeof(bom16)), 1);
	done();
	/* a list that holds itself */
	expect("networks: &a [*a]\n", "1: networks: must be one value, not a list ()\n");

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 1000; i++)
		buf_char(&b, '[');
	load(buf_text(&b));
	assert_string_equal(buf_text(&told.text), "1: nested too deeply (damp needs no more than 6 levels)\n");
	done();
	buf_reset(&b);
	buf_str(&b, "files: [");
	for (int i = 0; i < 70000; i++)
		buf_str(&b, "a,");
	buf_str(&b, "a]");
	load(buf_text(&b));
	assert_string_equal(buf_text(&told.text), "1: too many values (a configuration holds at most 60000)\n");
	done();
	/* 300 links of the same 1000 prefixes: small file, large tree */
	buf_reset(&b);
	buf_str(&b, "networks: &n [");
	for (int i = 0; i < 1000; i++)
		buf_str(&b, "10.0.0.0/8,");
	buf_str(&b, "]\nlinks:\n");
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "- {name: l%d, prefixes: *n}\n", i);
	load(buf_text(&b));
	assert_non_null(strstr(buf_text(&told.text), "aliases make too many values (reading stopped here)"));
	done();
	/* problems are counted without end, told to a bound */
	buf_reset(&b);
	for (int i = 0; i < 500; i++)
		buf_printf(&b, "unknown%d: 1\n", i);
	assert_int_equal(load(buf_text(&b)), 500);
	buf_reset(&b);
	for (const char *p = buf_text(&told.text); (p = strchr(p, '\n')) != NULL; p++)
		buf_char(&b, '.');
	assert_int_equal(b.len, CONFIG_PROBLEMS_TOLD);
	done();
	buf_done(&b);
}

static void
test_files(void **state)
{
	struct config_events ev = {.problem = tell, .ctx = &told};
	char path[] = "/tmp/damp-test-XXXXXX";
	char block[65536];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	memset(block, '#', sizeof(block));
	for (int i = 0; i < 17; i++)
		assert_int_equal(write(fd, block, sizeof(block)), (int)sizeof(block));
	close(fd);
	buf_init(&told.text, 1 << 16);
	config_init(&c, &ev);
	assert_int_equal(config_load(&c, path), 1);
	assert_int_equal(config_load(&c, "/tmp"), 1);
	assert_int_equal(config_load(&c, "/nowhere/damp.conf"), 1);
	assert_int_equal(config_load(&c, "/dev/zero"), 1);
	assert_string_equal(buf_text(&told.text),
	    "0: larger than a configuration can be (1 MiB) (is it the right file?)\n"
	    "0: is a directory (name the file in it)\n"
	    "0: cannot be opened: No such file or directory ()\n"
	    "0: larger than a configuration can be (1 MiB) (is it the right file?)\n");
	done();
	unlink(path);
}

static void
test_options(void **state)
{
	char text[PREFIX_TEXT];

	(void)state;
	load(contract);
	/* the first option replaces the file's list, the next one adds */
	assert_int_equal(config_set(&c, "networks", "192.0.2.0/24, 198.51.100.0/24", "--networks"), 0);
	assert_int_equal(config_set(&c, "networks", "203.0.113.0/24", "--networks"), 0);
	assert_int_equal(c.networks_n, 3);
	assert_string_equal(prefix_text(&c.network[2], text), "203.0.113.0/24");
	assert_int_equal(config_set(&c, "key", "other.key", "--key"), 0);
	assert_string_equal(c.key, "other.key");
	assert_int_equal(config_set(&c, "policy.ttl", "60", "--ttl"), 0);
	assert_int_equal(c.policy.ttl_s, 60);
	assert_int_equal(config_set(&c, "networks", "192.0.2.1/24,,x", "--networks"), 3);
	assert_int_equal(config_set(&c, "links", "x", "--links"), 1);
	assert_int_equal(config_set(&c, "nonsense", "x", "--nonsense"), 1);
	assert_string_equal(buf_text(&told.text),
	    "0: \"192.0.2.1/24\" has host bits set (the prefix is 192.0.2.0/24)\n"
	    "0: \"\" is not a prefix or an address (such as 10.64.0.0/23 or \"2001:db8::/32\")\n"
	    "0: \"x\" is not a prefix or an address (such as 10.64.0.0/23 or \"2001:db8::/32\")\n"
	    "0: links can only be set in the file ()\n"
	    "0: unknown key nonsense ()\n");
	assert_string_equal(config_nearest("netwroks"), "networks");
	done();
}

static void
comment(void *ctx, const struct config *from, const struct config_group *g, unsigned int indent, struct buf *out)
{
	(void)ctx;
	(void)from;
	buf_printf(out, "%*s# settings of %s\n", (int)indent, "", g != NULL ? g->name : "everybody");
}

/* Printed, loaded and printed again: the same text, with and without values. */
static void
round_trip(const char *yaml)
{
	struct buf first, second;

	assert_int_equal(load(yaml), 0);
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	config_print(&c, &first, comment, NULL);
	done();
	buf_str(&first, "stats: \"x\"\n"); /* a text of comments alone would be an empty file */
	assert_int_equal(load(buf_text(&first)), 0);
	free(c.stats);
	c.stats = NULL;
	config_print(&c, &second, comment, NULL);
	first.len -= strlen("stats: \"x\"\n");
	first.p[first.len] = '\0';
	assert_string_equal(buf_text(&first), buf_text(&second));
	done();
	buf_done(&first);
	buf_done(&second);
}

static void
test_round_trip(void **state)
{
	(void)state;
	round_trip(contract);
	round_trip("networks: [\"::/0\"]\n");
	round_trip("policy: 3/7\n");
	round_trip("key: \"a\\\\b\\\"c\xc3\xa9\"\nfiles: ['- x', '#y', '*z']\nseed: 18446744073709551\nmemory: 123456789\n"
	    "interfaces: [a, {name: b, filter: 'udp or \"x\"'}]\nsyslog: ['tcp://h:1']\nthreads: 2\nquiet: on\n"
	    "detectors: {abuser: {min-baf: 12.5, share: 33%, window: 90s}}\ngeoip: []\n"
	    "policy: {ttl: 90s}\n"
	    "groups: [{name: g, kind: plain, members: [10.0.0.0/24], thresholds: {abuser: {min-answer: 1234}}}]\n");
}

static void
test_round_trip_shows_values(void **state)
{
	struct buf b;

	(void)state;
	load(contract);
	buf_init(&b, 1 << 16);
	config_print(&c, &b, comment, NULL);
	assert_non_null(strstr(buf_text(&b), "\n    down: 10Mbit\n    up: 4Mbit\n"));
	assert_non_null(strstr(buf_text(&b), "\n      # settings of mail\n"));
	assert_non_null(strstr(buf_text(&b), "\n  # settings of everybody\n"));
	assert_non_null(strstr(buf_text(&b), "\n# threads: 0 "));
	buf_done(&b);
	done();
	load("hash-key: 000102030405060708090a0b0c0d0e0f\n");
	config_print(&c, &b, NULL, NULL);
	assert_null(strstr(buf_text(&b), "0a0b0c"));
	buf_done(&b);
	done();
}

static void
test_units(void **state)
{
	static const struct {
		const char *text;
		double value;
		const char *unit, *shown;
	} good[] = {
		{"10Mbit", 1e7, "bit/s", "10Mbit"}, {"1.5Gbit", 1.5e9, "bit/s", "1.5Gbit"}, {"512kbit", 512e3, "bit/s", "512kbit"},
		{"10mbit/s", 1e7, "bit/s", "10Mbit"}, {"10 Mbit", 1e7, "bit/s", "10Mbit"}, {"512MB", 512e6, "B", "512MB"},
		{"1GiB", 1073741824.0, "B", "1GiB"}, {"100B", 100, "B", "100B"}, {"80%", 0.8, "%", "80%"},
		{"0.1%", 0.001, "%", "0.1%"}, {"5s", 5, "s", "5s"}, {"90s", 90, "s", "90s"}, {"10m", 600, "s", "10m"},
		{"24h", 86400, "s", "1d"}, {"250ms", 0.25, "s", "250ms"}, {"50/s", 50, "/s", "50/s"}, {"10x", 10, "x", "10x"},
		{"0.8", 0.8, "", "0.8"}, {"0", 0, "", "0"}, {"true", 1, "bool", "true"}, {"off", 0, "bool", "false"},
		{"0s", 0, "s", "0s"}, {"0%", 0, "%", "0%"},
	};
	static const char *const bad[] = {"", "x", "-1", "+1", "1e3", "0x10", ".5", "5.", "1.2.3", "10MiBit", "10Mb", "1h30m",
		"5 ", "inf", "nan", "1234567890123456789", "10,5", "10  Mbit", "%", "1 "};
	uint64_t whole;
	double v;
	const char *unit;
	char text[UNITS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(units_value(good[i].text, &v, &unit), 0);
		assert_true(v == good[i].value);
		assert_string_equal(unit, good[i].unit);
		assert_string_equal(units_text(v, unit, text), good[i].shown);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (units_value(bad[i], &v, &unit) == 0)
			fail_msg("%s was taken as %g", bad[i], v);
	assert_int_equal(units_rate("4000000", &whole), 0);
	assert_int_equal(whole, 4000000);
	assert_true(units_rate("10MB", &whole) < 0);
	assert_true(units_size("10Mbit", &whole) < 0);
	assert_true(units_whole("20000000000000000000", &whole) < 0);
}

static void
test_settings(void **state)
{
	struct thresholds t;
	char why[80];

	(void)state;
	settings_defaults(view, &t);
	assert_true(t.baf == 10 && t.share == 0.8 && t.answer == 1000 && t.window == 10);
	settings_apply(settings_find(view, "window"), &t, 60);
	assert_true(settings_value(settings_find(view, "window"), &t) == 60);
	assert_null(settings_find(view, "nothing"));
	assert_int_equal(settings_check(&table[1], 0.5, "", why, sizeof(why)), 0);
	assert_true(settings_check(&table[1], 50, "", why, sizeof(why)) < 0);
	assert_string_equal(why, "must be between 0% and 100%");
	assert_true(settings_check(&table[0], 5, "s", why, sizeof(why)) < 0);
	assert_string_equal(why, "must be a factor such as 10x");
	assert_string_equal(settings_nearest(view, "windwo"), "window");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract_example), cmocka_unit_test(test_every_key), cmocka_unit_test(test_values),
		cmocka_unit_test(test_keys),             cmocka_unit_test(test_overlaps),  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_files),            cmocka_unit_test(test_options),   cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_round_trip_shows_values),
		cmocka_unit_test(test_units),            cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
