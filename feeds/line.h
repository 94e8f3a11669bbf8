/* The alert line: one struct alert as one JSON object (RFC 8259) under Elastic Common Schema 8
 * names, everything that ECS has no name for under `damp`.
 *
 * A line is made in two steps.  line_render writes everything that is known of the alert and stops
 * inside the `damp` object; sign_line (feeds/sign.h) adds the stream's members seq, prev and kid,
 * closes both objects and appends `sig`.  So those four are always the last bytes of a line, at
 * places that feeds/tail.h can find from the end.
 *
 * The same alert and extra give the same bytes.  No function keeps state; all may be called from
 * any thread.
 */
#ifndef FEEDS_LINE_H
#define FEEDS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "detector/alert.h"

/* No line is longer, in bytes without the newline.  A line with a dozen suggestions has about 8 kB. */
enum { LINE_MAX_BYTES = 256 * 1024 };

/* What databases say about an address; only the parts with has_... are written. */
struct line_geo {
	bool has_country;
	char country[3];   /* ISO 3166-1 alpha-2 */
	char city[64];     /* UTF-8; "": unknown */
	bool has_location;
	double lat, lon;   /* degrees */
	bool has_as;
	uint32_t as_number;
	char as_org[128];  /* "": unknown */
};

struct line_suggestion {
	const char *format; /* rule format's name, "iptables" */
	const char *text;   /* the whole file */
	unsigned int ttl_s;
	bool known;         /* the two shares come from a back-test; else they are left out */
	double attack_dropped, legitimate_dropped; /* shares 0..1 */
};

/* Everything borrowed, for the length of the call. */
struct line_extra {
	const char *sensor; /* observer.name; NULL or "": left out */
	struct line_geo source_geo, destination_geo;
	const struct line_suggestion *suggestions;
	size_t suggestions_n;
};

/* Appends the line up to the place where `,"seq":` goes.  0, or ERR_FULL when `out` could not
 * take it (its max should be LINE_MAX_BYTES). */
int line_render(struct buf *out, const struct alert *a, const struct line_extra *x);

/* Back from one line (without newline).  0, or ERR_MALFORMED with a reason in `why`.
 *
 * The strings that struct alert holds as static pointers come back from tables: a vector, signal
 * name, nature or unit that this version does not know becomes "other", an unknown label becomes
 * the signal's name.  Signatures are not looked at; that is verify's work. */
int line_parse(const char *line, size_t n, struct alert *a, char *why, size_t why_size);

#endif
