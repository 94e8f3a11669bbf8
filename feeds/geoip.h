/* What MMDB databases (MaxMind DB format 2.0, through libmaxminddb) say about addresses.
 *
 * Any number of files; they are asked in the order they were added and merged field by field, the
 * first answer wins: a country file and an AS file make one picture.  Both MaxMind's nested layout and
 * the flat one of the free databases are understood.
 *
 * A file is mapped, not read: RAM is what the lookups touch.  Lookups may run in several threads, as
 * long as nobody adds a file.
 */
#ifndef FEEDS_GEOIP_H
#define FEEDS_GEOIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "feeds/line.h"

struct geoip;

struct geoip_info {
	const char *path;     /* as given */
	const char *type;     /* "GeoLite2-City", ... as the file calls itself */
	int64_t built_s;      /* epoch second of its build */
	uint64_t lookups, found, failed; /* failed: the database contradicts itself there */
};

struct geoip *geoip_new(void); /* NULL: out of memory */
void geoip_free(struct geoip *g);

/* 0, or ERR_IO, ERR_MALFORMED, ERR_NOMEM with one line of reason. */
int geoip_add(struct geoip *g, const char *path, char *why, size_t why_size);

/* Fills `out` with what is known, nothing when nothing is.  Never fails: errors are counted. */
void geoip_lookup(const struct geoip *g, const struct addr *a, struct line_geo *out);

size_t geoip_count(const struct geoip *g);
/* The i-th file, i < geoip_count; its strings are valid until geoip_free. */
struct geoip_info geoip_describe(const struct geoip *g, size_t i);

#endif
