#include "detector/groups.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

static void
more(double *value, double factor)
{
	*value *= factor;
}

/* Only what ordinary people add up to: a count that makes a share's bound meaningful stays, or one infected subscriber
 * could not be named among many. */
static void
share_address(struct detect_settings *s, double people)
{
	more(&s->abuser.any_rate, people);
	more(&s->udp_victim.min_packets, people);
	more(&s->udp_victim.min_sources, people);
	more(&s->udp_victim.flood_packets, people);
	more(&s->udp_victim.flood_sources, people);
	more(&s->udp_reflector.min_packets, people);
	more(&s->fragment.rate, people);
	more(&s->fragment.min_sources, people);
	more(&s->query_flood.rate, people);
}

void
group_settings(struct detect_settings *s, enum config_group_kind kind, unsigned int subscribers)
{
	switch (kind) {
	case GROUP_MAIL:
		more(&s->abuser.any_rate, 4);
		more(&s->abuser.min_repeats, 2);
		more(&s->abuser.slow_repeats, 2);
		break;
	case GROUP_FORWARDERS:
		s->abuser.large_share = s->abuser.all_large = 1;
		s->abuser.record_share = s->abuser.record_share > 0.9 ? s->abuser.record_share : 0.9;
		more(&s->abuser.any_rate, 4);
		break;
	case GROUP_CGNAT:
		share_address(s, subscribers > 0 ? subscribers : 1);
		break;
	default:
		break;
	}
}

/* Shares that are judged by the lower end of an interval: that never comes to 1. */
static bool
by_bound(const char *name)
{
	static const char *const bounded[] = {"repeat-share", "slow-share", "all-large", "record-share", "headless-share"};

	for (size_t i = 0; i < sizeof(bounded) / sizeof(bounded[0]); i++)
		if (strcmp(name, bounded[i]) == 0)
			return true;
	return false;
}

/* Large answers that must be seen within so many seconds; 0: the threshold counts something else. */
static double
within_s(const char *kind, const char *name)
{
	if (strcmp(kind, "dns-amplification-abuser") == 0)
		return strcmp(name, "min-repeats") == 0 ? watch_window_s[WINDOW_SHORT] :
		    strcmp(name, "slow-repeats") == 0 ? watch_window_s[WINDOW_LONG] : 0;
	if (strcmp(kind, "dns-amplification-victim") == 0)
		return strcmp(name, "min-answers") == 0 ? watch_window_s[WINDOW_LONG] : 0;
	return 0;
}

int
group_reachable(const struct detect_settings *s, const char *kind, const char *name, double value,
    const struct group_limits *limits, char *why, size_t n)
{
	double seconds = within_s(kind, name), answer = s->engine.large_answer;
	/* thresholds count what is really seen: of a sample there must be so many times more */
	double most = seconds > 0 && limits->link_bps > 0 ? limits->link_bps * seconds / (8 * answer * limits->sampling) : 0;

	if (by_bound(name) && value >= 1)
		snprintf(why, n, "can never be met: the lower bound of a share does not come to 1");
	else if (strcmp(name, "slow-sum") == 0 && value > W60 * 29 / 3.0)
		snprintf(why, n, "can never be met: an hour comes to %g at most", W60 * 29 / 3.0);
	else if (most > 0 && value > most)
		snprintf(why, n, "can never be met: %g s of the link hold %.0f answers of %g bytes%s at most", seconds, most, answer,
		    limits->sampling > 1 ? ", sampled," : "");
	else
		return 0;
	return ERR_INVALID;
}
