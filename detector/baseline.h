/* What is ordinary for a host: its own average of the last hour, and its median by hour of the week.
 *
 * Rows are kept for DNS servers and other hosts that send much, BASELINE_ROWS of them at most; a full table gives up the one
 * that sends least, which is counted.  Three rates are learned, all of what the host sends: bytes, packets, DNS answers a second.
 *
 *  - The average runs over minutes, with a weight of a sixtieth once there are sixty of them.
 *  - Each hour's minutes leave a median and a median absolute deviation in one of 168 slots; further weeks move
 *    them by a quarter at most.  An hour of which fewer than 15 minutes were learned leaves nothing.
 *  - What is expected now is the highest of the average and the medians of this hour of the week and its neighbours: a daily rhythm, a rush
 *    that comes every week, and an hour that begins late are all expected.
 *  - Nothing is learned while the host is under attack or far above what is expected, but after RELEARN_S far above it
 *    the new level is the ordinary one.
 *  - Hours are those of UTC: no time zone is asked for.  Where people's clocks change by an hour, the busy hour becomes its
 *    neighbour, which is expected, too; the medians follow in the weeks after.
 *
 * Pure: no clock, no engine.  RAM: BASELINE_ROWS x 2.8 kB in pages touched when needed.
 */
#ifndef DETECTOR_BASELINE_H
#define DETECTOR_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/cursor.h"

enum baseline_rate { RATE_BYTES, RATE_PACKETS, RATE_ANSWERS, BASELINE_RATES };
enum { BASELINE_ROWS = 1 << 12, WEEK_HOURS = 168, HOUR_MINUTES = 60, RELEARN_S = 86400 };

struct baseline_row {
	struct addr addr;
	bool used, server;          /* server: it answers DNS queries of several clients */
	uint8_t flags;              /* enum host_flags */
	uint16_t link;
	uint8_t group;              /* index + 1; 0: none */
	uint64_t counter[BASELINE_RATES]; /* of the host's own counters, when they were last looked at */
	int64_t looked_ns;          /* when; 0: never */

	double sum[BASELINE_RATES]; /* of the minute that is being learned */
	double sum_s;
	double mean[BASELINE_RATES];
	uint32_t minutes;           /* learned */
	uint32_t hour;              /* since 1970, of the minutes in `minute` */
	uint32_t closed;            /* the latest hour that left a median; 0: none */
	uint16_t level[BASELINE_RATES]; /* which one, coded */
	uint8_t minute_n;
	uint16_t minute[BASELINE_RATES][HOUR_MINUTES]; /* coded */
	uint8_t weeks[WEEK_HOURS];
	uint16_t median[WEEK_HOURS][BASELINE_RATES], mad[WEEK_HOURS][BASELINE_RATES]; /* coded */

	double rate[BASELINE_RATES]; /* at the last look */
	double above_s;             /* so long it has been far above what is expected */
	double frozen_s;            /* so long nothing was learned */
	double multiple;            /* bytes: rate over what is expected; 0: not known */
};

struct baselines {
	struct baseline_row *row;
	uint32_t *slot;      /* open hash: index + 1 */
	uint32_t n;
	uint64_t seed;
	uint64_t evicted;
};

int baselines_init(struct baselines *b, uint64_t seed); /* 0 or ERR_NOMEM */
void baselines_done(struct baselines *b);
void baselines_clear(struct baselines *b);

struct baseline_row *baseline_find(const struct baselines *b, const struct addr *a);
/* Finds or makes.  NULL: full of hosts that send more than `rate` bytes a second. */
struct baseline_row *baseline_get(struct baselines *b, const struct addr *a, double rate);

/* Hour of the week of a time, from Monday 00:00 UTC. */
unsigned int week_hour(int64_t t_s);

struct expected {
	double rate[BASELINE_RATES];
	double spread[BASELINE_RATES]; /* six standard deviations, from the MAD; 0: not known yet */
	unsigned int weeks;            /* that the bytes' figure is the median of; 0: it is the average of the last hour */
};
struct expected baseline_expected(const struct baseline_row *r, int64_t t_s);
/* Learns what passed in `seconds` that end at t_s (rates in row->rate), unless frozen. */
void baseline_learn(struct baseline_row *r, int64_t t_s, double seconds, bool frozen);

void baselines_save(const struct baselines *b, struct buf *out);
void baselines_load(struct baselines *b, struct cursor *c);

/* Rates are kept in 16 bits, to 0.07 %. */
uint16_t rate_code(double rate);
double rate_of_code(uint16_t code);

#endif
