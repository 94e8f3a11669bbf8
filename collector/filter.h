/* The filter language: which flow records to look at.
 *
 *	proto udp and src port 53 and bytes > 1m and not dst net 10.0.0.0/8
 *
 * A text is compiled once to a flat program of tests, each with the place to go on at when it holds and when it does
 * not; matching walks it without allocation, and touches nothing but the flow.  The language is that of damp(1),
 * section FILTERS; it is close to nfdump's.  Words that nobody knows are errors with the column and the nearest word.
 *
 * A filter owns its memory and is constant after compiling: any number of threads may match with it.
 * RAM: 64 bytes a test, 16 bytes a number in a list; at most FILTER_TESTS tests.
 */
#ifndef COLLECTOR_FILTER_H
#define COLLECTOR_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/flow.h"

enum { FILTER_TESTS = 4096, FILTER_NESTING = 64, FILTER_TEXT_MAX = 1 << 20 };

struct filter_setup {
	int64_t now_ns; /* what "time last 10m" counts back from */
	bool local;     /* times without a zone are of the local one; else UTC */
};

struct filter;

/* NULL with "column N: reason" in `why`.  An empty text matches everything. */
struct filter *filter_compile(const char *text, const struct filter_setup *setup, char *why, size_t why_size);
void filter_free(struct filter *f);

/* `x` may be NULL: then what only records have is zero. */
bool filter_match(const struct filter *f, const struct flow *w, const struct flow_extra *x);

bool filter_wants_extra(const struct filter *f); /* it asks for something of struct flow_extra */
bool filter_uses_now(const struct filter *f);    /* it depends on now_ns */

/* A time as people write it: 2013-04-03, 2013-04-03T14:40, 2013-04-03T14:40:00.250Z, 2013/04/03.14:40:00, or
 * @ and seconds since 1970.  Reads as far as it goes: the end of the time, or NULL.  `step_ns` is the length of the
 * last part that was given (a day for a date). */
const char *filter_time(const char *text, bool local, int64_t *t_ns, int64_t *step_ns);
/* "10m", "600s", "600": nanoseconds; 0 or ERR_INVALID. */
int filter_duration(const char *text, uint64_t *ns);

#endif
