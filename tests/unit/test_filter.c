/* The filter language: what matches, what does not, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/timefmt.h"
#include "collector/filter.h"

/* 2013-04-03T14:40:00Z */
#define T0 (INT64_C(1365000000) * NS_PER_S)

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

struct sample {
	struct flow w;
	struct flow_extra x;
};

/* An amplified answer as a router reports it. */
static struct sample
answer(void)
{
	return (struct sample){
		.w = {.start_ns = T0, .end_ns = T0 + 10 * NS_PER_S, .seen_ns = T0 + 60 * NS_PER_S, .src = address("10.53.0.1"),
			.dst = address("198.51.5.101"), .packets = 7430, .bytes = 9280070, .sampling = 1, .sport = 53, .dport = 14068,
			.proto = FLOW_UDP, .flags = FLOW_RECORD},
		.x = {.next_hop = address("192.0.2.1"), .exporter = address("192.0.2.254"), .flows = 187, .domain = 0x0102,
			.in_if = 1, .out_if = 2, .src_as = 655361, .dst_as = 64500, .src_mask = 24, .dst_mask = 22, .tos = 184,
			.version = 5, .src_vlan = 7},
	};
}

static bool
matches(const struct sample *s, const char *text)
{
	char why[200];
	struct filter_setup setup = {.now_ns = T0 + 300 * NS_PER_S};
	struct filter *f = filter_compile(text, &setup, why, sizeof(why));
	bool yes;

	if (f == NULL)
		fail_msg("%s: %s", text, why);
	yes = filter_match(f, &s->w, &s->x);
	filter_free(f);
	return yes;
}

struct expectation {
	const char *text;
	bool yes;
};

static void
check(const struct sample *s, const struct expectation *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (matches(s, e[i].text) != e[i].yes)
			fail_msg("%s: %s", e[i].text, e[i].yes ? "does not match" : "matches");
}
#define CHECK(s, e) check(s, e, sizeof(e) / sizeof((e)[0]))

static void
test_fields(void **state)
{
	static const struct expectation e[] = {
		{"", true}, {"any", true}, {"not any", false}, {"# nothing but a remark", true},
		{"proto udp", true}, {"proto 17", true}, {"proto tcp", false}, {"udp", true}, {"tcp", false}, {"proto != tcp", true},
		{"ip 10.53.0.1", true}, {"host 198.51.5.101", true}, {"src ip 198.51.5.101", false}, {"dst ip 198.51.5.101", true},
		{"src 10.53.0.0/16", true}, {"net 10.0.0.0/8", true}, {"dst net 10.0.0.0/8", false}, {"10.53.0.1", true},
		{"src and dst net 10.0.0.0/8", false}, {"src or dst net 10.0.0.0/8", true}, {"net 0.0.0.0/0", true},
		{"net ::/0", false}, {"ip != 10.53.0.1", false}, {"src ip != 10.53.0.1", false}, {"dst ip != 10.53.0.1", true},
		{"ip in [ 10.9.0.0/16, 198.51.5.101 ]", true}, {"src ip in [ 10.9.0.0/16 198.51.5.101 ]", false},
		{"port 53", true}, {"port domain", true}, {"src port 53", true}, {"dst port 53", false}, {"port > 14000", true},
		{"src port > 53", false}, {"src port >= 53", true}, {"port in [ 1 2 53 ]", true}, {"port in [ 123, 1900 ]", false},
		{"port in [ 1-100 ]", true}, {"dst port 14000..14100", true}, {"port != 53", false}, {"not port 53", false},
		{"src port < 53", false}, {"src port <= 53", true}, {"port [ 53 ]", true}, {"port in [ ]", false},
		{"packets 7430", true}, {"packets > 7k", true}, {"bytes > 9m", true}, {"bytes > 9.5M", false}, {"bytes < 1g", true},
		{"bytes = 0x8d9a46", true}, {"octets 9280070", true}, {"flows 187", true}, {"flows > 187", false},
		{"bpp 1249", true}, {"bpp > 1300", false}, {"pps 743", true}, {"bps > 7m", true}, {"bps > 8m", false},
		{"duration = 10s", true}, {"duration > 9999ms", true}, {"duration > 1m", false}, {"duration < 0.1h", true},
		{"as 655361", true}, {"as 10.1", true}, {"src as 10.1", true}, {"dst as AS64500", true}, {"src as 64500", false},
		{"as > 23456", true}, {"if 1", true}, {"in if 1", true}, {"out if 1", false}, {"in or out if 2", true},
		{"tos 184", true}, {"tos 0", false}, {"mask 24", true}, {"dst mask 24", false}, {"vlan 7", true},
		{"next ip 192.0.2.1", true}, {"next-hop 192.0.2.0/24", true}, {"exporter 192.0.2.254", true}, {"router ip 192.0.2.1", false},
		{"engine id 2", true}, {"engine-type 1", true}, {"domain 258", true}, {"version 5", true}, {"sampling 1", true},
		{"ipv4", true}, {"ipv6", false}, {"inet", true}, {"fragment", false}, {"icmp-type 0", false}, {"reverse", false},
		{"qtype ANY", false}, {"dns", false},
	};
	struct sample s = answer();

	(void)state;
	CHECK(&s, e);
}

static void
test_logic(void **state)
{
	static const struct expectation e[] = {
		{"udp and port 53", true}, {"udp && port 54", false}, {"tcp or port 53", true}, {"tcp || port 54", false},
		{"not tcp and not port 54", true}, {"!tcp", true}, {"! (udp and port 53)", false}, {"not not udp", true},
		/* and binds before or */
		{"tcp and port 99 or udp", true}, {"udp or tcp and port 99", true}, {"(udp or tcp) and port 99", false},
		{"UDP AND Port 53", true}, {"((((udp))))", true}, {"src port 53 and (dst port 1 or dst port 14068) and bytes gt 1k", true},
	};
	struct sample s = answer();

	(void)state;
	CHECK(&s, e);
}

static void
test_times(void **state)
{
	static const struct expectation e[] = {
		{"time > 2013-04-03T14:39:59", true}, {"time > 2013-04-03T14:40:00", false}, {"time >= 2013-04-03T14:40:00Z", true},
		{"start < 2013-04-03T14:40:00.001", true}, {"time 2013-04-03", true}, {"time = 2013-04-03T14:40", true},
		{"time = 2013-04-04", false}, {"end > 2013/04/03.14:40:09", true}, {"time \"2013-04-03 14:40:00\"", true},
		{"time 2013-04-03T14:00:00..2013-04-03T14:40:01", true}, {"time 2013-04-03T14:00:00..2013-04-03T14:40:00", false},
		{"time = @1365000000", true}, {"time last 600 seconds", true}, {"time last 10m", true}, {"time last 5m", true},
		{"time last 299s", false}, {"end last 295s", true},
	};
	struct sample s = answer();

	(void)state;
	CHECK(&s, e);
}

static void
test_other_flows(void **state)
{
	static const struct expectation port0[] = {{"fragment", true}, {"udp and port 0", true}, {"bpp > 1300", true}};
	static const struct expectation tcp[] = {
		{"flags S", true}, {"flags SA", true}, {"flags SAF", false}, {"flags = SA", true}, {"flags = S", false},
		{"flags 0x12", true}, {"flags != S", true}, {"flags in [ 2 18 ]", true}, {"not flags F", true}, {"fragment", false},
	};
	static const struct expectation six[] = {
		{"ipv6", true}, {"ipv4", false}, {"net 2001:db8::/32", true}, {"net ::/0", true}, {"net 0.0.0.0/0", false},
		{"src 2001:db8::1", true}, {"icmp-type 128", true}, {"icmp code 0", true}, {"icmp6", true}, {"duration 0s", true}, {"pps 0", true},
	};
	struct sample s = answer();

	(void)state;
	s.w.sport = s.w.dport = 0;
	s.w.bytes = 1350 * s.w.packets;
	CHECK(&s, port0);
	s.w.proto = FLOW_TCP;
	s.w.sport = 1;
	s.w.tcp_flags = 0x12;
	CHECK(&s, tcp);
	s.w.proto = FLOW_ICMP6;
	s.w.src = address("2001:db8::1");
	s.w.dst = address("2001:db8::2");
	s.w.sport = 0;
	s.w.dport = 128 << 8;
	s.w.end_ns = s.w.start_ns;
	CHECK(&s, six);
	s.x.icmp_type = 3;
	assert_false(matches(&s, "icmp-type 128"));
	assert_true(matches(&s, "icmp-type 3"));
}

static void
test_packets_have_no_extra(void **state)
{
	struct filter_setup setup = {0};
	struct dns_view dns = {.qtype = DNS_ANY, .name_len = 1};
	struct sample s = answer();
	char why[100];
	struct filter *f = filter_compile("as 0 and exporter ::/0 and not tos 184 and flows 1 and qtype any and dns", &setup, why, sizeof(why));

	(void)state;
	assert_non_null(f);
	assert_true(filter_wants_extra(f));
	assert_false(filter_uses_now(f));
	s.w.src = address("2001:db8::1"); /* so that ::/0 asks for the family of an IPv6 flow */
	s.w.dns = &dns;
	assert_true(filter_match(f, &s.w, NULL));
	filter_free(f);
	f = filter_compile("port 53 and time last 10m", &setup, why, sizeof(why));
	assert_non_null(f);
	assert_false(filter_wants_extra(f));
	assert_true(filter_uses_now(f));
	filter_free(f);
}

static void
test_mistakes(void **state)
{
	static const struct { const char *text, *why; } e[] = {
		{"prot udp", "column 1: there is no 'prot'; did you mean 'proto'?"},
		{"udp and bites > 5", "column 9: there is no 'bites'; did you mean 'bytes'?"},
		{"udp port 53", "column 5: 'and' or 'or' expected before 'port'"},
		{"port", "column 5: port needs a value"},
		{"port 70000", "column 6: port goes up to 65535"},
		{"port fifty", "column 6: 'fifty' is not a port from 0 to 65535 or a name such as domain"},
		{"src proto udp", "column 5: proto has no sides"},
		{"in port 5", "column 4: port is either src or dst"},
		{"src if 5", "column 5: if is either in or out"},
		{"(udp", "column 5: a ) is missing"},
		{"udp)", "column 4: a ) without its ("},
		{"udp and", "column 8: something is missing at the end"},
		{"ip > 10.0.0.1", "column 6: addresses are compared with = or != only"},
		{"net 10.1.2.3/8", "column 5: '10.1.2.3/8' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32 (bits behind its "
			"length must be zero)"},
		{"ip example.com", "column 4: 'example.com' is not an address such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::1"},
		{"duration > 5", "column 12: '5' is not a time with its unit, such as 500ms, 30s or 5m"},
		{"time > yesterday", "column 8: 'yesterday' is not a time such as 2013-04-03T14:40:00, or \"last 10m\""},
		{"time last year", "column 11: last needs a time with its unit, such as last 10m or last 600 seconds"},
		{"flags Q", "column 7: 'Q' is not TCP flags of the letters FSRPAUEC, or a number up to 255"},
		{"flags > S", "column 10: flags are compared with = or != only; \"flags SA\" means that S and A are set"},
		{"port in 53", "column 9: in needs a list: in [ a b c ]"},
		{"port in [ 53", "column 13: a list holds values and ends with ]"},
		{"as 10.70000", "column 4: '10.70000' is not an AS number such as 64500 or 10.1"},
		{"udp & tcp", "column 5: 'and' or 'or' expected before 'this'"},
		{"port \"53", "column 6: the quote has no end"},
		{"port > 1-5", "column 8: a range is compared with = or != only"},
		{"bytes 99999999999999999999", "column 7: '99999999999999999999' is not a number such as 1500, 10k, 1.5m or 2g"},
	};
	struct filter_setup setup = {0};
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		assert_null(filter_compile(e[i].text, &setup, why, sizeof(why)));
		assert_string_equal(why, e[i].why);
	}
}

static void
test_bounds(void **state)
{
	struct filter_setup setup = {0};
	char *text = malloc(400000), why[200];
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 100; i++)
		text[n++] = '(';
	text[n] = '\0';
	assert_null(filter_compile(text, &setup, why, sizeof(why)));
	assert_string_equal(why, "column 65: nested more than 64 deep");
	n = (size_t)sprintf(text, "udp");
	for (int i = 0; i < 5000; i++)
		n += (size_t)sprintf(text + n, " and port %d", i);
	assert_null(filter_compile(text, &setup, why, sizeof(why)));
	assert_non_null(strstr(why, "more than 4096 tests"));
	/* but a list may be long */
	n = (size_t)sprintf(text, "port in [");
	for (int i = 0; i < 60000; i += 2)
		n += (size_t)sprintf(text + n, " %d", i);
	sprintf(text + n, "]");
	struct filter *f = filter_compile(text, &setup, why, sizeof(why));
	struct sample s = answer();

	assert_non_null(f);
	assert_true(filter_match(f, &s.w, NULL));
	s.w.sport = s.w.dport = 1001;
	assert_false(filter_match(f, &s.w, NULL));
	filter_free(f);
	free(text);
}

static void
test_time_text(void **state)
{
	int64_t t, step;

	(void)state;
	assert_non_null(filter_time("2013-04-03T14:40:00", false, &t, &step));
	assert_true(t == T0 && step == NS_PER_S);
	assert_non_null(filter_time("2013-04-03", false, &t, &step));
	assert_true(step == 86400 * NS_PER_S);
	assert_string_equal(filter_time("2013/04/03.14:40:00-2013/04/03.15:00:00", false, &t, &step), "-2013/04/03.15:00:00");
	assert_true(t == T0);
	assert_null(filter_time("2013-13-03", false, &t, &step));
	assert_null(filter_time("2013-04-03T25:00", false, &t, &step));
	assert_null(filter_time("13-04-03", false, &t, &step));
	setenv("TZ", "XXX-2", 1); /* two hours east */
	tzset();
	assert_non_null(filter_time("2013-04-03T16:40:00", true, &t, &step));
	assert_true(t == T0);
	assert_non_null(filter_time("2013-04-03T14:40:00Z", true, &t, &step));
	assert_true(t == T0);
	unsetenv("TZ");
	tzset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields), cmocka_unit_test(test_logic), cmocka_unit_test(test_times),
		cmocka_unit_test(test_other_flows), cmocka_unit_test(test_packets_have_no_extra), cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_time_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
