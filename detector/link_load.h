/* What a configured link carries: slots of ten seconds, and what is usual at this hour.
 *
 * Packets add the second that just passed, records seconds long gone; the newest slot that is fully known is judged.
 * The usual share of amplified answers is kept for each hour of the day, as a histogram of slots, and frozen while an
 * alert is open: an attack must not become usual.
 *
 * RAM: about 13 kB a link.
 */
#ifndef DETECTOR_LINK_LOAD_H
#define DETECTOR_LINK_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "detector/view.h"

enum {
	LOAD_SLOT_S = 10,
	LOAD_SLOTS = 400,    /* more than an hour: records may come that late */
	LOAD_TREND = 30,     /* slots that a trend is taken from */
	LOAD_SHARES = 32,    /* steps of the histograms */
};

struct load_slot {
	int64_t number;      /* second / LOAD_SLOT_S */
	uint64_t bytes, dns_bytes, amplified_bytes, later_bytes, amplified_answers;
};

struct link_load {
	uint64_t capacity_bps; /* 0: unknown, never judged */
	int64_t judged;        /* number of the newest slot that was */
	int64_t first;         /* number of the first slot ever */
	struct load_slot slot[LOAD_SLOTS];
	uint16_t share[24][LOAD_SHARES]; /* by hour of the day (UTC): slots by their share */
};

/* One second's gain. */
void link_load_add(struct link_load *l, int64_t second, const struct series_point *p);
/* Time jumped: begins anew, the usual is kept. */
void link_load_restart(struct link_load *l);
/* Everything up to `second` is known.  True when a slot has been completed since the last call. */
bool link_load_known(struct link_load *l, int64_t second, bool frozen);
/* The newest complete slot; NULL: none yet. */
const struct load_slot *link_load_now(const struct link_load *l);

struct load_state {
	double bps;            /* of the last two slots */
	double load;           /* share of the capacity */
	double dns, amplified; /* shares of the load */
	double answers;        /* amplified ones in those slots */
	double usual;          /* median share of amplified answers at this hour, or in all that is known */
	double full_in_s;      /* by the trend of the last minutes; 0: full now; negative: not in sight */
};
struct load_state link_load_state(const struct link_load *l);

#endif
