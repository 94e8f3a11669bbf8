/* damp why: keeps what was thought of one subject, so that it can be told why there is an alert or none.
 *
 * The detectors judge as ever; what they say of the hosts, prefixes, links and zones that belong to the subject is kept
 * here: the closest judgement of each detector and service, with its signals, and the course of the figures in at most
 * WHY_POINTS stretches of time (when they are used up, two become one and the closer one stays).  What stays below the
 * figures from which on something is watched at all is judged here on a scratch watch, so that asking changes nothing: a
 * quiet zone, a small carrier of names, a host near its ordinary level, and all that a host asked about by itself does.
 * Such a judgement is WHY_WARM at most: nothing opens from it.
 *
 * Read through engine_why.  RAM: 2 MB, taken when something is asked; nothing otherwise.
 */
#ifndef DETECTOR_WHY_H
#define DETECTOR_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detector/detector.h"
#include "detector/names.h"
#include "detector/view.h"
#include "detector/watch.h"

struct engine;

enum { WHY_SCRATCH = 16 };

struct why {
	struct why_subject subject;
	struct why_row row[WHY_ROWS];
	const struct detector *detector[WHY_ROWS]; /* with the service the key of a row */
	uint8_t service[WHY_ROWS];
	size_t rows_n;
	uint64_t rows_lost;          /* judgements that found no row */
	struct why_point *points;
	struct why_alert alert[WHY_ALERTS];
	size_t alerts_n;
	uint64_t alerts_all;
	struct watch scratch[WHY_SCRATCH]; /* of a host: services and sides that nothing watches; key 0: free */
	uint32_t scratch_tick[WHY_SCRATCH]; /* of the latest look, likewise below */
	/* a zone: what its counters grew by, in windows like those of a zone that is watched */
	uint64_t zone_hash;          /* as in struct zone; 0: none is judged */
	struct watch zone;
	uint32_t zone_tick;          /* of the latest look; 0: none yet */
	struct zone before;          /* as it was then */
	uint64_t answers, failing, fresh;
};

struct why *why_new(const struct why_subject *s, const struct suffixes *suffixes, uint64_t seed); /* NULL: out of memory */
void why_free(struct why *y);

/* Is it the host, or the link, that is asked about by itself?  y may be NULL: nobody asks. */
bool why_is_host(const struct why *y, const struct addr *a);
bool why_is_link(const struct why *y, size_t link);
/* Does a watch belong to what is asked about? */
bool why_about_watch(const struct engine *e, const struct watch *w);

/* What detector d said of the watch in this tick. */
void why_keep(struct engine *e, const struct detector *d, const struct watch *w, const struct verdict *v);
/* A line is written. */
void why_alert(struct engine *e, const struct alert *a);
/* Where what the host that is asked about does is counted when nothing watches it; NULL: somebody does, or nobody asks. */
struct watch *why_watch(struct engine *e, const struct addr *a, enum watch_side side, uint8_t service);
/* The i-th of them, its tick closed; NULL: no more.  Then what a detector says of it. */
struct watch *why_scratch(struct engine *e, size_t i);
void why_judge(struct engine *e, const struct judge_env *env, const struct detector *d, const struct watch *w);
/* At the end of a tick, before the names' counters of the tick are forgotten. */
void why_names(struct engine *e);
/* At a look at a host with a baseline. */
void why_level(struct engine *e, const struct addr *a, const struct level *l);

#endif
