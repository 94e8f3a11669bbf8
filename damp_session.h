/* What replay, run and why share: one run from its configuration to its outputs, and the signals that end it. */
#ifndef DAMP_SESSION_H
#define DAMP_SESSION_H

#include <stdbool.h>
#include <time.h>

#include "damp.h"
#include "damp_collect.h"
#include "damp_config.h"
#include "damp_state.h"

/* Everything one run holds; opened in order, closed in the other. */
struct session {
	struct prepared prepared;
	struct output *output;
	struct engine *engine;
	struct pipeline *pipeline;
	struct collected *collected;
	struct state_file state;
};

/* False: told.  Takes over `collected`; session_close either way. */
bool session_open(struct session *s, const struct config *c, int inputs_n, char **inputs, bool live,
    const struct why_subject *why, struct collected *collected);
void session_close(struct session *s);

struct run {
	const struct config *config;
	struct session *session;
	struct timespec started;
	double told_s;
	const char *input;
	bool progress;
	bool incomplete; /* a file was not read to its end, as a signal came */
};

void run_start(struct run *r);
double run_elapsed(const struct run *r);
/* For pipeline_events: feeds, progress, hang-ups; true once a signal says stop. */
bool run_pause(void *ctx, const struct source *s);

/* SIGINT and SIGTERM stop the source being read; SIGHUP: live, files are opened anew; else it stops, too. */
void run_catch_signals(bool live);
void run_reading(struct source *s); /* NULL: none */

/* What becomes of a replay of files: outputs and the summary, or an answer from what the engine knows at the end. */
struct replay_end {
	const struct why_subject *why; /* keep what is thought of it; NULL: nothing */
	int (*answer)(void *ctx, struct session *s); /* an exit status; NULL: outputs and summary, state is saved */
	void *ctx;
};
/* An exit status; mistakes are told. */
int replay_files(const struct config *c, int n, char **files, const struct replay_end *end);

#endif
