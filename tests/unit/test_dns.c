#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "collector/dns.h"

/* example.com A: two answers (ttl 300 and 60, compressed), one OPT with DO, size 1232 */
static const uint8_t response[] = {
	0x12, 0x34, 0x85, 0x80, 0, 1, 0, 2, 0, 0, 0, 1,
	7, 'E', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
	0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, 1,
	0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 2,
	0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0,
};

static void
test_view(void **state)
{
	struct dns_view v;

	(void)state;
	assert_int_equal(dns_view_parse(&v, response, sizeof(response), sizeof(response)), 0);
	assert_true(v.msg == response);
	assert_int_equal(v.captured, sizeof(response));
	assert_int_equal(v.size, sizeof(response));
	assert_int_equal(v.id, 0x1234);
	assert_int_equal(v.questions, 1);
	assert_int_equal(v.answers, 2);
	assert_int_equal(v.authority, 0);
	assert_int_equal(v.additional, 1);
	assert_int_equal(v.qtype, DNS_A);
	assert_int_equal(v.qclass, 1);
	assert_int_equal(v.name_len, 13);
	assert_true(v.name == response + 12);
	assert_int_equal(v.opcode, 0);
	assert_int_equal(v.rcode, 0);
	assert_true(v.response && v.authoritative && v.recursion_desired && v.recursion_available);
	assert_false(v.truncated || v.malformed);
}

/* Cut by the capture at any byte: the header is there or not, the question is there or not. */
static void
test_cut(void **state)
{
	struct dns_view v;
	struct dns_records r;

	(void)state;
	for (size_t n = 0; n < sizeof(response); n++) {
		int err = dns_view_parse(&v, response, n, sizeof(response));

		assert_int_equal(err, n < 12 ? ERR_TRUNCATED : 0);
		if (err != 0)
			continue;
		assert_int_equal(v.qtype, n < 29 ? 0 : DNS_A);
		assert_int_equal(v.name_len, n < 29 ? 0 : 13);
		assert_int_equal(v.name == NULL, n < 29);
		dns_view_records(&v, &r);
		assert_false(r.complete);
		assert_false(r.malformed);
		assert_int_equal(r.read, n < 45 ? 0 : n < 61 ? 1 : 2);
		/* the same bytes as a whole message contradict their own counts */
		err = dns_view_parse(&v, response, n, n);
		assert_int_equal(err, n < 29 ? ERR_MALFORMED : 0);
		assert_int_equal(v.malformed, n < 29);
		dns_view_records(&v, &r);
		assert_true(r.malformed);
	}
}

static void
test_records(void **state)
{
	uint8_t m[sizeof(response)];
	struct dns_view v;
	struct dns_records r;

	(void)state;
	dns_view_parse(&v, response, sizeof(response), sizeof(response));
	dns_view_records(&v, &r);
	assert_true(r.complete);
	assert_false(r.malformed);
	assert_int_equal(r.read, 3);
	assert_int_equal(r.min_ttl, 60);
	assert_int_equal(r.edns_size, 1232);
	assert_true(r.dnssec_ok);
	/* a pointer to itself, forwards, or into the header */
	for (size_t i = 0; i < 3; i++) {
		memcpy(m, response, sizeof(m));
		m[30] = (uint8_t[]){29, 61, 4}[i];
		dns_view_parse(&v, m, sizeof(m), sizeof(m));
		dns_view_records(&v, &r);
		assert_true(r.malformed);
		assert_int_equal(r.read, 0);
	}
	/* RFC 2181: a TTL with the top bit counts as zero */
	memcpy(m, response, sizeof(m));
	m[35] = 0x80;
	dns_view_parse(&v, m, sizeof(m), sizeof(m));
	dns_view_records(&v, &r);
	assert_int_equal(r.min_ttl, 0);
	/* without answers there is no TTL */
	m[7] = 0;
	m[11] = 0;
	dns_view_parse(&v, m, sizeof(m), sizeof(m));
	dns_view_records(&v, &r);
	assert_true(r.complete);
	assert_true(r.min_ttl == UINT32_MAX);
}

static void
test_bad_questions(void **state)
{
	uint8_t m[400] = {0, 1, 1, 0, 0, 1};
	struct dns_view v;
	size_t n = 12;

	(void)state;
	m[12] = 0xc0; /* a pointer as the first name */
	m[13] = 12;
	assert_int_equal(dns_view_parse(&v, m, 20, 20), ERR_MALFORMED);
	assert_int_equal(v.id, 1);
	assert_int_equal(v.questions, 1);
	m[12] = 64; /* a label too long */
	assert_int_equal(dns_view_parse(&v, m, 300, 300), ERR_MALFORMED);
	/* 255 bytes is the longest name; 256 is none */
	for (int i = 0; i < 3; i++, n += 64)
		m[n] = 63;
	m[n] = 61;
	m[n + 62] = 0;
	assert_int_equal(dns_view_parse(&v, m, 300, 300), 0);
	assert_int_equal(v.name_len, 255);
	m[n] = 62;
	m[n + 62] = 'x';
	m[n + 63] = 0;
	assert_int_equal(dns_view_parse(&v, m, 300, 300), ERR_MALFORMED);
	/* no question at all, and sizes beyond 16 bits */
	m[5] = 0;
	assert_int_equal(dns_view_parse(&v, m, 12, 12), 0);
	assert_null(v.name);
	assert_int_equal(dns_view_parse(&v, m, 300, 100000), 0);
	assert_int_equal(v.size, 65535);
	assert_int_equal(dns_view_parse(&v, m, 300, 100), 0);
	assert_int_equal(v.size, 300);
}

static void
test_name_text(void **state)
{
	static const struct {
		const char *wire, *text;
		size_t n;
	} cases[] = {
		{"", ".", 1}, {"\3WwW\7eXample\3com", "www.example.com", 17},
		{"\3a.b\3c\\d", "a\\.b.c\\\\d", 9}, {"\2 \177\1\377", "\\032\\127.\\255", 6},
		{"\3a;\"\3(@)\1$", "a\\;\\\".\\(\\@\\).\\$", 11}, {"\1*\5_dmi-", "*._dmi-", 9},
	};
	char buf[DNS_NAME_TEXT];
	uint8_t wire[DNS_NAME_WIRE], long_name[255], back[DNS_NAME_WIRE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(dns_name_text((const uint8_t *)cases[i].wire, cases[i].n, buf), cases[i].text);
		assert_int_equal(dns_name_parse(buf, wire), cases[i].n);
		assert_string_equal(dns_name_text(wire, cases[i].n, buf), cases[i].text);
	}
	/* the longest text: every byte escaped */
	memset(long_name, 0, sizeof(long_name));
	for (size_t i = 0; i < 254; i += 64)
		long_name[i] = i < 192 ? 63 : 61;
	dns_name_text(long_name, sizeof(long_name), buf);
	assert_int_equal(strlen(buf), 250 * 4 + 3);
	assert_int_equal(dns_name_parse(buf, back), 255);
	assert_memory_equal(back, long_name, 255);
}

static void
test_name_parse(void **state)
{
	static const char *const bad[] = {"", "..", ".a", "a..b", "a\\", "a\\25", "a\\999", "a\\2x5",
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.x"};
	uint8_t wire[DNS_NAME_WIRE];
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dns_name_parse(bad[i], wire), ERR_INVALID);
	assert_int_equal(dns_name_parse(".", wire), 1);
	assert_int_equal(dns_name_parse("example.com.", wire), 13);
	assert_memory_equal(wire, response + 12, 1);
	assert_int_equal(dns_name_parse("a\\.b\\065", wire), 6);
	assert_memory_equal(wire, "\4a.bA", 6);
	/* 127 labels of one byte are 255 in wire form; 128 do not fit */
	for (size_t i = 0; i < 128; i++)
		memcpy(text + 2 * i, "x.", 3);
	assert_int_equal(dns_name_parse(text, wire), ERR_INVALID);
	text[2 * 127] = '\0';
	assert_int_equal(dns_name_parse(text, wire), 255);
	text[2 * 127 - 1] = '\0';
	assert_int_equal(dns_name_parse(text, wire), 255);
}

static void
test_numbers(void **state)
{
	char buf[12];

	(void)state;
	assert_string_equal(dns_type_text(DNS_ANY, buf), "ANY");
	assert_string_equal(dns_type_text(DNS_HTTPS, buf), "HTTPS");
	assert_string_equal(dns_type_text(65534, buf), "TYPE65534");
	for (unsigned int i = 0; i <= 65535; i++)
		assert_int_equal(dns_type_parse(dns_type_text((uint16_t)i, buf)), i);
	assert_int_equal(dns_type_parse("txt"), DNS_TXT);
	assert_int_equal(dns_type_parse("TYPE65536"), ERR_INVALID);
	assert_int_equal(dns_type_parse("TYPE"), ERR_INVALID);
	assert_int_equal(dns_type_parse("TYPE1x"), ERR_INVALID);
	assert_int_equal(dns_type_parse(""), ERR_INVALID);
	assert_string_equal(dns_rcode_text(3), "NXDOMAIN");
	assert_string_equal(dns_rcode_text(5), "REFUSED");
	assert_string_equal(dns_rcode_text(4000), "UNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view), cmocka_unit_test(test_cut), cmocka_unit_test(test_records),
		cmocka_unit_test(test_bad_questions), cmocka_unit_test(test_name_text), cmocka_unit_test(test_name_parse),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
