/* Groups: hosts with thresholds of their own.
 *
 * An address belongs to the group of its longest member prefix, or to none.  Each group brings a whole set of
 * thresholds: those for everybody, changed by what its kind means, changed by what its owner wrote.  The kinds:
 *
 *   mail           mail servers ask ANY and TXT all day: more is needed of rate and count
 *   forwarders     answer many people, so most of what reaches them may be large: the share of large answers says nothing
 *   cgnat          many people behind one address: what adds up with their number is divided by it
 *   authoritative  answers strangers by trade: as a reflector it is judged by its loudest client
 *   resolvers      never abusers, like those under `resolvers:`
 *
 * docs/calibration.md says where the figures come from.
 */
#ifndef DETECTOR_GROUPS_H
#define DETECTOR_GROUPS_H

#include <stddef.h>

#include "base/addr.h"
#include "base/config.h"
#include "detector/detector.h"

enum { GROUPS_MAX = 64, GROUP_SUBSCRIBERS = 32 }; /* subscribers of one address: 64 512 ports in blocks of 2016 */

struct engine_group {
	const char *name;
	enum config_group_kind kind;
	bool never;
	unsigned int subscribers; /* of one address: cgnat; else 0 */
	const struct prefix *member;
	size_t members_n;
	struct detect_settings settings;
};

/* What the kind means, upon settings for everybody.  `subscribers` of one address: of cgnat alone. */
void group_settings(struct detect_settings *s, enum config_group_kind kind, unsigned int subscribers);

/* What a threshold is up against where its hosts sit. */
struct group_limits {
	double link_bps;  /* the fastest link that members sit behind; 0: unknown */
	double sampling;  /* the least 1 in n of all inputs; 1: nothing is sampled */
};

/* Whether a threshold, with these settings, can be reached at all.  0, or ERR_INVALID and a phrase in `why`. */
int group_reachable(const struct detect_settings *s, const char *kind, const char *name, double value,
    const struct group_limits *limits, char *why, size_t n);

#endif
