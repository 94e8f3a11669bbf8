/* The file in which the engine's memory outlives a run. */
#ifndef DAMP_STATE_H
#define DAMP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "detector/engine.h"

struct state_file {
	const char *path;    /* NULL: none is kept */
	struct engine *engine;
	int64_t every_ns, saved_ns; /* event time */
	uint64_t changes;    /* of alerts, when it was last saved */
	bool live, told, failed;
};

/* Loads what is there.  A damaged state is told, kept beside as FILE.refused, and the engine starts afresh.  False: the file is
 * something else, which is not touched (told).  live: nobody looked since it was saved, and it is saved again every now and
 * then.  read_only: it never will be, and nothing is set aside. */
bool state_open(struct state_file *s, const struct config *c, struct engine *e, bool live, bool read_only);
/* Between two reads: saves when it is time, or when an alert has opened or closed. */
void state_poll(struct state_file *s);
/* The end of a run that another one continues: open alerts stay open.  False when it could not be saved. */
bool state_finish(struct state_file *s);

/* A whole state file; NULL with errno or, for one that is too large, EFBIG. */
uint8_t *state_read(const char *path, size_t *n);

#endif
