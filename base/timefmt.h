/* Event time as text.  Times are int64_t nanoseconds since 1970 UTC, in names `_ns`. */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include <stdint.h>

enum { TIME_TEXT = 40 };
#define NS_PER_S INT64_C(1000000000)

/* "2026-04-12T02:13:41.250Z" (RFC 3339, UTC, milliseconds, truncated); returns buf. */
const char *time_rfc3339(int64_t t_ns, char buf[TIME_TEXT]);
/* "02:13:41" UTC. */
const char *time_clock(int64_t t_ns, char buf[TIME_TEXT]);
/* "2026-04-12" UTC. */
const char *time_date(int64_t t_ns, char buf[TIME_TEXT]);
/* Whole seconds, rounded towards minus infinity. */
int64_t time_seconds(int64_t t_ns);
/* The other way: 0 or ERR_INVALID; years 1970 to 2261, as 64 bits of nanoseconds end in 2262. */
int time_parse_rfc3339(const char *text, int64_t *t_ns);

#endif
