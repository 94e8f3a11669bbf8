/* What is ordinary for the hosts of a group: by hour of the week, the median of its members' levels and their spread.
 *
 * A member's level in an hour is the median of the minutes that it learned there (baseline.h); who was under attack or far
 * above its own level learned none, so that an incident never moves its group.  An hour of fewer than
 * GROUP_BASELINE_LEAST members leaves nothing.  Hosts of one kind differ by factors, not by amounts: medians and
 * deviations are taken of the logarithm (the codes of rate_code).  Further weeks move them by a quarter at most.
 *
 * It stands in for a host that is too young to have a level of its own.  Hours are those of UTC, see baseline.h.
 *
 * Pure: no clock, no engine.  RAM: 2.2 kB a group; there are as many as are configured, and two for everybody else.
 */
#ifndef DETECTOR_GROUP_BASELINE_H
#define DETECTOR_GROUP_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "detector/baseline.h"

enum { GROUP_BASELINE_LEAST = 8 };

/* Coded, see rate_code. */
struct group_hour {
	uint16_t median[BASELINE_RATES], mad[BASELINE_RATES];
};

struct group_baseline {
	uint32_t hour;            /* the latest one learned, since 1970; 0: none */
	uint16_t members;         /* that it was learned from */
	struct group_hour latest; /* that hour alone */
	uint8_t weeks[WEEK_HOURS];
	struct group_hour week[WEEK_HOURS];
};

/* Levels of n members in one hour (hours since 1970); the array is sorted on the way. */
void group_baseline_learn(struct group_baseline *g, uint32_t hour, uint16_t (*level)[BASELINE_RATES], size_t n);

struct group_expected {
	double rate[BASELINE_RATES];
	double limit;             /* bytes: six standard deviations above, on the logarithm */
	unsigned int weeks;       /* of this hour of the week; 0: the latest hour is all that is known */
	unsigned int members;     /* 0: nothing is known */
};
/* As for a host: the highest of the latest hour, of this hour of the week and its neighbours. */
struct group_expected group_baseline_expected(const struct group_baseline *g, int64_t t_s);

void group_baseline_save(const struct group_baseline *g, struct buf *out);
void group_baseline_load(struct group_baseline *g, struct cursor *c);

#endif
