/* The life of alerts and incidents: verdicts go in, alert lines come out.
 *
 * Each watch has at most one open alert.  A total table says what a verdict does to it (life.c); a
 * change makes a line.  Alerts that begin together with the same name, server or link join one incident.
 * Ids derive from content (kind, subject, service, first tick's time), never from a counter or a clock.
 */
#ifndef DETECTOR_LIFE_H
#define DETECTOR_LIFE_H

#include <stdint.h>

#include "detector/alert.h"
#include "detector/detector.h"
#include "detector/ledger.h"
#include "detector/view.h"
#include "detector/watch.h"

enum life_state { LIFE_IDLE, LIFE_OPEN, LIFE_FADING, LIFE_STATES };
enum life_event { EVENT_COLD, EVENT_WARM, EVENT_HOT, EVENT_QUIET, LIFE_EVENTS };
enum life_state life_next(enum life_state s, enum life_event e);

enum { BOOK_ALERTS = 8192, BOOK_INCIDENTS = 1024, INCIDENT_ALERTS = 512 };
enum { JOIN_TICKS = 120 }; /* how long after its last newcomer an incident still takes another */

/* What is kept of an alert beside its latest line. */
struct book_alert {
	struct alert alert;      /* the latest state */
	uint32_t incident;       /* slot */
	uint32_t opened_tick, line_tick;
	int line_severity;
	size_t message_n;        /* of the sentence, without what a line adds to it */
	int64_t told_ns;         /* what came until then is in the ledger */
	bool used, open;
	bool withheld;           /* it has no lines: a storm */
	bool watched;            /* restored, and its watch was, too */
	uint32_t saved;          /* its number in the state being saved, from 1; 0: not in it */
};

struct book_incident {
	struct incident view;
	uint32_t joined_tick;    /* when the last alert joined */
	uint32_t open_n;         /* alerts still open */
	uint32_t shown_n;        /* of those, with lines */
	uint32_t storm_tick;     /* of the last line that told how many were withheld */
	size_t storm_told;       /* how many that were */
	uint32_t saved;          /* likewise */
	uint16_t alert[INCIDENT_ALERTS];
	bool used;
};

struct book {
	struct book_alert *alert;
	struct book_incident *incident;
	const struct alert **shown;      /* BOOK_ALERTS: for the views, those of each incident together */
	uint32_t alerts_n, incidents_n; /* slots ever used */
	uint64_t opened, closed, lines, dropped; /* dropped: alerts that found no room */
	uint32_t storm_tick, storm_n;    /* openings with lines since that tick, in the minute from it */
	uint64_t withheld;               /* alerts without lines */
	struct ledger *ledger;           /* borrowed; NULL: none is kept */
};

struct life_env {
	const struct judge_env *judge;
	uint32_t tick;
	int64_t tick_end_ns;   /* event time at which the tick closes: the time of the lines */
	int64_t tick_ns0;      /* event time of tick 0 */
	const char *const *link_name;
	const uint64_t *link_capacity, *link_bps;
	void (*emit)(void *ctx, const struct alert *a);
	void *ctx;
};

int book_init(struct book *b); /* 0 or ERR_NOMEM */
void book_done(struct book *b);

/* One watch, one tick: `v` is the verdict of its alert's detector, or of the first hot one. */
void life_step(struct book *b, const struct life_env *env, struct watch *w, const struct detector *d,
    const struct verdict *v);
/* After the watches of a tick: incidents of which alerts were withheld get their line. */
void life_storm(struct book *b, const struct life_env *env);
/* Closes what is still open, with the reason "end-of-input". */
void life_finish(struct book *b, const struct life_env *env, struct watch *w);

/* damp.vector of an alert about a watch, static, and its port. */
const char *watch_vector(const struct watch *w, uint16_t *port);
/* 1..10: how much traffic it is, more where it fills a link (capacity 0: unknown). */
int alert_severity(double bps, uint64_t link_capacity_bps);
/* names_text.c: figures, name and sentence of an alert about what names tell. */
void names_figures(struct alert *a, const struct watch *w, enum watch_sum which);
void names_sentence(struct alert *a);
/* Fills kind-independent figures and the sentence; in message.c. */
void alert_describe(struct alert *a, const struct watch *w, const struct verdict *v, const struct judge_env *env);

#endif
