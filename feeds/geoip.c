/* Looking addresses up in MMDB files.  A record's layout is a table of paths, tried in order, so a
 * further layout is one line.  libmaxminddb checks every offset; what it hands out is still checked for its
 * type, as a file may put anything anywhere. */
#include "feeds/geoip.h"

#include <maxminddb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct database {
	struct database *next;
	char *path;
	MMDB_s mmdb;
	atomic_uint_fast64_t lookups, found, failed;
};

struct geoip {
	struct database *first, **end;
	size_t n;
};

enum { PATH_STEPS = 4 };
typedef const char *const path_to[PATH_STEPS];

/* MaxMind's nested layout first, then the flat one of the free databases. */
static path_to country[] = {
	{"country", "iso_code"}, {"registered_country", "iso_code"}, {"country_code"}, {"country"},
};
static path_to city[] = {{"city", "names", "en"}, {"city_name"}, {"city"}};
static path_to latitude[] = {{"location", "latitude"}, {"latitude"}, {"lat"}};
static path_to longitude[] = {{"location", "longitude"}, {"longitude"}, {"lon"}};
static path_to as_number[] = {{"autonomous_system_number"}, {"traits", "autonomous_system_number"}, {"asn"}};
static path_to as_org[] = {
	{"autonomous_system_organization"}, {"traits", "autonomous_system_organization"}, {"as_organization"}, {"as_name"},
};

#define PATHS(table) (table), sizeof(table) / sizeof((table)[0])

struct geoip *
geoip_new(void)
{
	struct geoip *g = calloc(1, sizeof(*g));

	if (g != NULL)
		g->end = &g->first;
	return g;
}

void
geoip_free(struct geoip *g)
{
	struct database *d, *next;

	if (g == NULL)
		return;
	for (d = g->first; d != NULL; d = next) {
		next = d->next;
		MMDB_close(&d->mmdb);
		free(d->path);
		free(d);
	}
	free(g);
}

int
geoip_add(struct geoip *g, const char *path, char *why, size_t why_size)
{
	struct database *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL || (d->path = strdup(path)) == NULL) {
		snprintf(why, why_size, "%s: out of memory", path);
		free(d);
		return ERR_NOMEM;
	}
	r = MMDB_open(path, MMDB_MODE_MMAP, &d->mmdb);
	if (r != MMDB_SUCCESS) {
		snprintf(why, why_size, "%s: %s", path, MMDB_strerror(r));
		free(d->path);
		free(d);
		return r == MMDB_FILE_OPEN_ERROR || r == MMDB_IO_ERROR ? ERR_IO :
		       r == MMDB_OUT_OF_MEMORY_ERROR ? ERR_NOMEM : ERR_MALFORMED;
	}
	*g->end = d;
	g->end = &d->next;
	g->n++;
	return 0;
}

/* The first path that leads to something; false when none does.  Damage sets *bad. */
static bool
value(MMDB_entry_s *at, path_to *paths, size_t n, MMDB_entry_data_s *out, uint32_t type, bool *bad)
{
	for (size_t i = 0; i < n; i++) {
		const char *steps[PATH_STEPS + 1] = {paths[i][0], paths[i][1], paths[i][2], paths[i][3], NULL};
		int r = MMDB_aget_value(at, out, steps);

		if (r == MMDB_SUCCESS && out->has_data && out->type == type)
			return true;
		if (r != MMDB_SUCCESS && r != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR &&
		    r != MMDB_INVALID_LOOKUP_PATH_ERROR)
			*bad = true;
	}
	return false;
}

/* Bytes that fit, not cut inside a UTF-8 sequence. */
static void
copy_text(char *to, size_t size, const MMDB_entry_data_s *d)
{
	size_t n = d->data_size;

	if (n > size - 1) {
		n = size - 1;
		while (n > 0 && ((unsigned char)d->utf8_string[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, d->utf8_string, n);
	to[n] = '\0';
}

/* Coordinates are doubles in MaxMind's files; the flat ones also write floats or text. */
static bool
degrees(MMDB_entry_s *at, path_to *paths, size_t n, double limit, double *out, bool *bad)
{
	MMDB_entry_data_s d;
	char text[32], *end;

	if (value(at, paths, n, &d, MMDB_DATA_TYPE_DOUBLE, bad)) {
		*out = d.double_value;
	} else if (value(at, paths, n, &d, MMDB_DATA_TYPE_FLOAT, bad)) {
		*out = (double)d.float_value;
	} else if (value(at, paths, n, &d, MMDB_DATA_TYPE_UTF8_STRING, bad)) {
		copy_text(text, sizeof(text), &d);
		*out = strtod(text, &end);
		if (end == text || *end != '\0')
			return false;
	} else {
		return false;
	}
	return *out >= -limit && *out <= limit; /* false for a NaN */
}

static void
read_country(MMDB_entry_s *at, struct line_geo *out, bool *bad)
{
	MMDB_entry_data_s d;

	if (out->has_country || !value(at, PATHS(country), &d, MMDB_DATA_TYPE_UTF8_STRING, bad) || d.data_size != 2)
		return;
	for (size_t i = 0; i < 2; i++)
		if (d.utf8_string[i] < 'A' || d.utf8_string[i] > 'Z')
			return;
	copy_text(out->country, sizeof(out->country), &d);
	out->has_country = true;
}

static void
read_as(MMDB_entry_s *at, struct line_geo *out, bool *bad)
{
	MMDB_entry_data_s d;

	if (out->has_as)
		return;
	if (value(at, PATHS(as_number), &d, MMDB_DATA_TYPE_UINT32, bad)) {
		out->as_number = d.uint32;
	} else if (value(at, PATHS(as_number), &d, MMDB_DATA_TYPE_UINT16, bad)) {
		out->as_number = d.uint16;
	} else {
		return;
	}
	out->has_as = out->as_number != 0;
	if (out->has_as && value(at, PATHS(as_org), &d, MMDB_DATA_TYPE_UTF8_STRING, bad))
		copy_text(out->as_org, sizeof(out->as_org), &d);
}

static void
read_record(MMDB_entry_s *at, struct line_geo *out, bool *bad)
{
	MMDB_entry_data_s d;

	read_country(at, out, bad);
	read_as(at, out, bad);
	if (out->city[0] == '\0' && value(at, PATHS(city), &d, MMDB_DATA_TYPE_UTF8_STRING, bad))
		copy_text(out->city, sizeof(out->city), &d);
	if (!out->has_location)
		out->has_location = degrees(at, PATHS(latitude), 90, &out->lat, bad) &&
		                    degrees(at, PATHS(longitude), 180, &out->lon, bad);
}

static void
ask(struct database *d, const struct addr *a, struct line_geo *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const struct sockaddr *sa = (const struct sockaddr *)&v6;
	MMDB_lookup_result_s hit;
	int r = MMDB_SUCCESS;
	bool bad = false;

	memcpy(&v6.sin6_addr, a->b, 16);
	if (addr_is_v4(a)) {
		memcpy(&v4.sin_addr, a->b + 12, 4);
		sa = (const struct sockaddr *)&v4;
	} else if (d->mmdb.metadata.ip_version == 4) {
		return; /* not a failure: the file says nothing about IPv6 */
	}
	d->lookups++;
	hit = MMDB_lookup_sockaddr(&d->mmdb, sa, &r);
	if (r == MMDB_SUCCESS && hit.found_entry) {
		d->found++;
		read_record(&hit.entry, out, &bad);
	}
	if (r != MMDB_SUCCESS || bad)
		d->failed++;
}

void
geoip_lookup(const struct geoip *g, const struct addr *a, struct line_geo *out)
{
	*out = (struct line_geo){.has_country = false};
	for (struct database *d = g->first; d != NULL; d = d->next)
		ask(d, a, out);
}

size_t
geoip_count(const struct geoip *g)
{
	return g->n;
}

struct geoip_info
geoip_describe(const struct geoip *g, size_t i)
{
	const struct database *d = g->first;

	while (i-- > 0)
		d = d->next;
	return (struct geoip_info){
		.path = d->path,
		.type = d->mmdb.metadata.database_type,
		.built_s = (int64_t)d->mmdb.metadata.build_epoch,
		.lookups = d->lookups,
		.found = d->found,
		.failed = d->failed,
	};
}
