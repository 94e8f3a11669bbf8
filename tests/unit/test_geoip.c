/* GeoIP look-ups: on databases made here byte by byte (MaxMind DB format 2.0), on damaged copies of
 * them, and on the real ones in $SHARED_DATA when that folder is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "feeds/geoip.h"

enum { NODES = 1024 };

/* A small writer.  Strings and maps are under 29 bytes or members, so every control is one byte. */
struct mmdb {
	uint32_t node[NODES][2]; /* 0: nothing; child index; DATA | offset */
	uint32_t n;
	struct buf data;
};
#define DATA 0x800000u

static void
put_text(struct buf *b, const char *s)
{
	assert_true(strlen(s) < 29);
	buf_char(b, (char)(2 << 5 | strlen(s)));
	buf_str(b, s);
}

static void
put_map(struct buf *b, unsigned int n)
{
	buf_char(b, (char)(7 << 5 | n));
}

static void
put_u32(struct buf *b, uint32_t v)
{
	buf_char(b, (char)(6 << 5 | 4));
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_char(b, (char)(v >> shift & 255));
}

static void
put_u16(struct buf *b, uint16_t v)
{
	buf_char(b, (char)(5 << 5 | 2));
	buf_char(b, (char)(v >> 8));
	buf_char(b, (char)(v & 255));
}

static void
put_double(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	buf_char(b, (char)(3 << 5 | 8));
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_char(b, (char)(bits >> shift & 255));
}

static void
mmdb_init(struct mmdb *m)
{
	memset(m, 0, sizeof(*m));
	m->n = 1;
	buf_init(&m->data, 1 << 20);
}

/* The data written from here on belongs to the prefix; IPv4 lives in ::/96. */
static void
at_prefix(struct mmdb *m, const char *text)
{
	struct prefix p;
	uint32_t node = 0;

	assert_int_equal(prefix_parse(text, &p), 0);
	if (addr_is_v4(&p.addr))
		memset(p.addr.b + 10, 0, 2);
	for (unsigned int i = 0; i < p.bits; i++) {
		uint32_t *record = &m->node[node][p.addr.b[i / 8] >> (7 - i % 8) & 1];

		if (i + 1 == p.bits) {
			*record = DATA | (uint32_t)m->data.len;
		} else {
			if (*record == 0)
				*record = m->n++;
			assert_true(m->n < NODES);
			node = *record;
		}
	}
}

static void
mmdb_finish(struct mmdb *m, struct buf *out, const char *type)
{
	buf_init(out, 1 << 20);
	for (uint32_t i = 0; i < m->n; i++)
		for (int side = 0; side < 2; side++) {
			uint32_t r = m->node[i][side];
			uint32_t v = r == 0 ? m->n : r & DATA ? m->n + 16 + (r & ~DATA) : r;

			for (int shift = 16; shift >= 0; shift -= 8)
				buf_char(out, (char)(v >> shift & 255));
		}
	buf_bytes(out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	buf_bytes(out, m->data.p, m->data.len);
	buf_str(out, "\xab\xcd\xefMaxMind.com");
	put_map(out, 9);
	put_text(out, "binary_format_major_version");
	put_u16(out, 2);
	put_text(out, "binary_format_minor_version");
	put_u16(out, 0);
	put_text(out, "build_epoch");
	buf_bytes(out, "\x08\x02\0\0\0\0\x65\x00\x00\x00", 10); /* uint64, an extended type */
	put_text(out, "database_type");
	put_text(out, type);
	put_text(out, "ip_version");
	put_u16(out, 6);
	put_text(out, "node_count");
	put_u32(out, m->n);
	put_text(out, "record_size");
	put_u16(out, 24);
	put_text(out, "languages");
	buf_bytes(out, "\x01\x04", 2); /* an array of one */
	put_text(out, "en");
	put_text(out, "description");
	put_map(out, 0);
	buf_done(&m->data);
}

static void
make_nested(struct buf *out)
{
	struct mmdb m;

	mmdb_init(&m);
	at_prefix(&m, "192.0.2.0/24");
	put_map(&m.data, 3);
	put_text(&m.data, "country");
	put_map(&m.data, 1);
	put_text(&m.data, "iso_code");
	put_text(&m.data, "DE");
	put_text(&m.data, "city");
	put_map(&m.data, 1);
	put_text(&m.data, "names");
	put_map(&m.data, 1);
	put_text(&m.data, "en");
	put_text(&m.data, "Cologne");
	put_text(&m.data, "location");
	put_map(&m.data, 2);
	put_text(&m.data, "latitude");
	put_double(&m.data, 50.94);
	put_text(&m.data, "longitude");
	put_double(&m.data, 6.96);
	at_prefix(&m, "2001:db8::/32");
	put_map(&m.data, 1);
	put_text(&m.data, "registered_country");
	put_map(&m.data, 1);
	put_text(&m.data, "iso_code");
	put_text(&m.data, "FR");
	mmdb_finish(&m, out, "Nested");
}

static void
make_flat(struct buf *out)
{
	struct mmdb m;

	mmdb_init(&m);
	at_prefix(&m, "192.0.2.0/25");
	put_map(&m.data, 6);
	put_text(&m.data, "country_code");
	put_text(&m.data, "AT");
	put_text(&m.data, "city");
	put_text(&m.data, "Vienna");
	put_text(&m.data, "latitude");
	put_text(&m.data, "48.2");
	put_text(&m.data, "longitude");
	put_text(&m.data, "16.4");
	put_text(&m.data, "autonomous_system_number");
	put_u32(&m.data, 4200000001);
	put_text(&m.data, "as_name");
	put_text(&m.data, "Example");
	at_prefix(&m, "198.51.100.0/24");
	put_map(&m.data, 3);
	put_text(&m.data, "country_code");
	put_text(&m.data, "xx\"");
	put_text(&m.data, "latitude");
	put_double(&m.data, NAN);
	put_text(&m.data, "autonomous_system_number");
	put_text(&m.data, "no number");
	mmdb_finish(&m, out, "Flat");
}

static const char *
write_temp(const struct buf *b)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/damp-mmdb-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->p, b->len), b->len);
	close(fd);
	return path;
}

static int
add(struct geoip *g, const struct buf *b)
{
	char why[300];
	const char *path = write_temp(b);
	int r = geoip_add(g, path, why, sizeof(why));

	unlink(path); /* the map stays */
	if (r == 0 || strstr(why, path) != NULL)
		return r;
	fail_msg("no path in: %s", why);
	return r;
}

static struct line_geo
look(const struct geoip *g, const char *ip)
{
	struct line_geo out;
	struct addr a;

	assert_int_equal(addr_parse(ip, &a), 0);
	memset(&out, 0xff, sizeof(out)); /* every member must be written */
	geoip_lookup(g, &a, &out);
	return out;
}

static void
test_layouts_and_merging(void **state)
{
	struct geoip *g = geoip_new();
	struct buf nested, flat;
	struct line_geo r;

	(void)state;
	make_nested(&nested);
	make_flat(&flat);
	assert_int_equal(add(g, &nested), 0);
	assert_int_equal(add(g, &flat), 0);
	assert_int_equal(geoip_count(g), 2);
	/* the first file has the country, only the second an AS */
	r = look(g, "192.0.2.1");
	assert_true(r.has_country && r.has_location && r.has_as);
	assert_string_equal(r.country, "DE");
	assert_string_equal(r.city, "Cologne");
	assert_true(fabs(r.lat - 50.94) < 1e-9 && fabs(r.lon - 6.96) < 1e-9);
	assert_int_equal(r.as_number, 4200000001);
	assert_string_equal(r.as_org, "Example");
	r = look(g, "192.0.2.200");
	assert_true(r.has_country && !r.has_as);
	r = look(g, "2001:db8::1");
	assert_string_equal(r.country, "FR");
	/* values that make no sense are nobody's answer */
	r = look(g, "198.51.100.1");
	assert_false(r.has_country || r.has_location || r.has_as);
	r = look(g, "203.0.113.1");
	assert_false(r.has_country || r.has_location || r.has_as);
	assert_string_equal(geoip_describe(g, 1).type, "Flat");
	assert_int_equal(geoip_describe(g, 0).built_s, 0x65000000);
	assert_int_equal(geoip_describe(g, 0).lookups, 5);
	assert_int_equal(geoip_describe(g, 0).found, 3);
	assert_int_equal(geoip_describe(g, 0).failed, 0);
	geoip_free(g);
	g = geoip_new();
	assert_int_equal(add(g, &flat), 0);
	r = look(g, "192.0.2.1");
	assert_string_equal(r.country, "AT");
	assert_string_equal(r.city, "Vienna");
	assert_true(r.has_location && fabs(r.lat - 48.2) < 1e-9);
	geoip_free(g);
	buf_done(&nested);
	buf_done(&flat);
}

static void
test_files_that_are_none(void **state)
{
	struct geoip *g = geoip_new();
	char why[300];

	(void)state;
	assert_int_equal(geoip_add(g, "/no/such.mmdb", why, sizeof(why)), ERR_IO);
	assert_non_null(strstr(why, "/no/such.mmdb"));
	assert_true(geoip_add(g, "/dev/null", why, sizeof(why)) < 0);
	assert_true(geoip_add(g, "/tmp", why, sizeof(why)) < 0);
	assert_true(geoip_add(g, "/etc/passwd", why, sizeof(why)) < 0);
	assert_int_equal(geoip_count(g), 0);
	assert_false(look(g, "192.0.2.1").has_country);
	geoip_free(g);
	geoip_free(NULL);
}

static void
look_around(const struct geoip *g)
{
	static const char *const ips[] = {"192.0.2.1", "192.0.2.129", "198.51.100.1", "2001:db8::1", "::1", "0.0.0.0",
	                                  "255.255.255.255"};

	for (size_t i = 0; i < sizeof(ips) / sizeof(ips[0]); i++)
		(void)look(g, ips[i]);
}

/* Every byte of a database turned, and every length: an error or an answer, never a crash. */
static void
test_damaged_everywhere(void **state)
{
	struct buf good;
	unsigned int opened = 0, refused = 0;

	(void)state;
	make_nested(&good);
	for (size_t i = 0; i < good.len; i++) {
		struct geoip *g = geoip_new();
		char was = good.p[i];

		good.p[i] = (char)(was ^ (i % 2 == 0 ? 0xff : 0x10));
		if (add(g, &good) == 0)
			opened++;
		else
			refused++;
		look_around(g);
		geoip_free(g);
		good.p[i] = was;
	}
	for (size_t n = 0; n < good.len; n += 13) {
		struct buf cut = {.p = good.p, .len = n};
		struct geoip *g = geoip_new();

		if (add(g, &cut) < 0)
			refused++;
		look_around(g);
		geoip_free(g);
	}
	assert_true(opened > 0 && refused > 0);
	buf_done(&good);
}

static void
sweep(const struct geoip *g, unsigned int n)
{
	uint64_t x = 88172645463325252;

	for (unsigned int i = 0; i < n; i++) {
		struct line_geo out;
		struct addr a;
		uint8_t b[16];

		for (int k = 0; k < 16; k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			b[k] = (uint8_t)(x >> 11);
		}
		if (i % 3 == 0)
			b[0] = 0x20; /* where the IPv6 Internet is */
		a = i % 2 == 0 ? addr_v4(b) : addr_v6(b);
		geoip_lookup(g, &a, &out);
		assert_true(strlen(out.city) < sizeof(out.city) && strlen(out.as_org) < sizeof(out.as_org));
	}
}

static void
test_real_databases(void **state)
{
	const char *shared = getenv("SHARED_DATA");
	char dir[300], path[700], why[300];
	struct geoip *all = geoip_new();
	struct dirent **list;
	int n, good = 0, bad = 0;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/mmdb", shared != NULL ? shared : "");
	n = shared != NULL && shared[0] != '\0' ? scandir(dir, &list, NULL, alphasort) : -1;
	if (n < 0) {
		geoip_free(all);
		print_message("no shared data\n");
		skip();
	}
	for (int i = 0; i < n; i++) {
		struct geoip *one = geoip_new();

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_name[0] != '.') {
			if (geoip_add(one, path, why, sizeof(why)) == 0)
				good++;
			else
				bad++;
			(void)geoip_add(all, path, why, sizeof(why));
			sweep(one, 20000);
		}
		geoip_free(one);
		free(list[i]);
	}
	free(list);
	sweep(all, 5000);
	assert_true(good >= 5 && bad >= 3);
	geoip_free(all);
}

static void
test_real_answers(void **state)
{
	static const char *const files[] = {
		"maxmind-db-GeoLite2-City-Test.mmdb", "maxmind-db-GeoLite2-ASN-Test.mmdb", "iptoasn-country.mmdb",
	};
	const char *shared = getenv("SHARED_DATA");
	struct geoip *g = geoip_new();
	char path[700], why[300];
	struct line_geo r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/mmdb/%s", shared != NULL ? shared : "", files[i]);
		if (geoip_add(g, path, why, sizeof(why)) < 0) {
			geoip_free(g);
			print_message("no shared data\n");
			skip();
		}
	}
	r = look(g, "89.160.20.128");
	assert_string_equal(r.country, "SE");
	assert_string_equal(r.city, "Link\xc3\xb6ping");
	assert_int_equal(r.as_number, 29518);
	assert_string_equal(r.as_org, "Bredband2 AB");
	assert_true(r.has_location);
	assert_string_equal(look(g, "8.8.8.8").country, "US"); /* from the flat one */
	assert_int_equal(look(g, "1.128.0.1").as_number, 1221);
	assert_true(strncmp(geoip_describe(g, 0).type, "GeoLite2-City", 13) == 0);
	geoip_free(g);
}

/* libmaxminddb 1.7.1 forgets a few kB when the metadata of a file it refuses is damaged in certain
 * places; that is not what these tests look for. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts_and_merging), cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_damaged_everywhere), cmocka_unit_test(test_real_databases),
		cmocka_unit_test(test_real_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
