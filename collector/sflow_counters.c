/* From interface counters that only ever say "so many by now" to what passed since, across wraps and restarts. */
#include <string.h>

#include "collector/sflow.h"

/* A counter of 32 bits wraps; one that the agent does not have is all ones. */
static uint64_t
delta32(uint32_t now, uint32_t before)
{
	return now == UINT32_MAX || before == UINT32_MAX ? 0 : now - before;
}

/* Some agents fill a 64-bit counter from a 32-bit one, which then wraps as that. */
static uint64_t
delta64(uint64_t now, uint64_t before)
{
	if (now == UINT64_MAX || before == UINT64_MAX)
		return 0;
	return now < before && before <= UINT32_MAX ? (uint32_t)(now - before) : now - before;
}

static void
add_counters(struct sflow_interface *i, const struct sflow_sample *now)
{
	struct sflow_traffic *d = &i->delta;

	*d = (struct sflow_traffic){delta64(now->octets[0], i->raw_octets[0]), delta64(now->octets[1], i->raw_octets[1]), 0, 0};
	for (size_t k = 0; k < 3; k++) {
		d->in_packets += delta32(now->packets[k], i->raw_packets[k]);
		d->out_packets += delta32(now->packets[k + 3], i->raw_packets[k + 3]);
	}
	i->total.in_octets += d->in_octets;
	i->total.out_octets += d->out_octets;
	i->total.in_packets += d->in_packets;
	i->total.out_packets += d->out_packets;
	i->in_discards += delta32(now->faults[0], i->raw_faults[0]);
	i->in_errors += delta32(now->faults[1], i->raw_faults[1]);
	i->out_discards += delta32(now->faults[2], i->raw_faults[2]);
	i->out_errors += delta32(now->faults[3], i->raw_faults[3]);
}

/* Whether the counters began anew: the agent's uptime went back, or a counter of 64 bits did. */
static bool
restarted(const struct sflow_interface *i, const struct sflow_sample *now)
{
	/* an uptime of 32 bits of milliseconds goes back by itself after 49 days, to nearly nothing from nearly all */
	if (now->uptime_ms < i->uptime_ms && i->uptime_ms - now->uptime_ms < UINT32_MAX / 2)
		return true;
	for (size_t k = 0; k < 2; k++)
		if (now->octets[k] < i->raw_octets[k] && i->raw_octets[k] > UINT32_MAX && i->raw_octets[k] != UINT64_MAX)
			return true;
	return false;
}

void
sflow_keep(struct sflow_interface *i, const struct sflow_sample *now)
{
	bool known = i->samples > 0;

	if (!known)
		i->first_ns = now->seen_ns;
	i->delta_ns = 0;
	i->delta = (struct sflow_traffic){0};
	if (known && restarted(i, now)) {
		i->restarts++;
	} else if (known && now->seen_ns > i->last_ns) {
		i->delta_ns = now->seen_ns - i->last_ns;
		add_counters(i, now);
	} else if (known) {
		add_counters(i, now); /* two at once: nothing to divide by, but bytes all the same */
	}
	memcpy(i->raw_octets, now->octets, sizeof(now->octets));
	memcpy(i->raw_packets, now->packets, sizeof(now->packets));
	memcpy(i->raw_faults, now->faults, sizeof(now->faults));
	i->uptime_ms = now->uptime_ms;
	i->last_ns = now->seen_ns;
	i->samples++;
}
