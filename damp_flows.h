/* Between the commands that read flow records: the options they share, and the loop over files. */
#ifndef DAMP_FLOWS_H
#define DAMP_FLOWS_H

#include "collector/filter.h"
#include "collector/source.h"
#include "reports/flow_stat.h"

struct flow_input {
	const char *const *file; /* files and folders, "-" */
	size_t files;
	enum source_reading reading;
	bool want_extra;
	const char *filter; /* NULL: none */
	const char *window; /* FROM-TO: records that start there; NULL: none */
	const char *last;   /* and no older than this before the newest record; NULL: none */
	bool local;         /* how times without a zone are meant */

	/* Gets flows pick[0..n) of w and x (NULL for packets); false: no more is wanted. */
	bool (*take)(void *ctx, const struct flow *w, const struct flow_extra *x, const uint32_t *pick, size_t n);
	void *ctx;
	uint64_t limit;     /* stop after so many; 0: never */
};

/* Reads everything; mistakes and damage are told.  An exit status.  Only records that match are in
 * totals->matched. */
int flow_input_read(const struct flow_input *in, struct flow_totals *totals);

/* Text to standard output. */
struct flow_output {
	struct flow_sink sink;
	bool failed;
};
void flow_output_init(struct flow_output *o);
/* An exit status: whether everything could be written. */
int flow_output_done(struct flow_output *o);

#endif
