/* What the files of the program itself share: the commands of damp.c, the pipeline, the output.
 * The only place where all folders meet.
 */
#ifndef DAMP_H
#define DAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "collector/source.h"
#include "detector/engine.h"
#include "feeds/geoip.h"
#include "feeds/sign.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Prints "damp: ..." on standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with the name of a thing in front, unless the reason begins with it already. */
void complain_of(const char *name, const char *why);
/* Whoever read this pipe has seen enough, as head has: no reason to complain. */
bool reader_gone(int fd);

/* --- damp_pipeline.c: bytes to flows to the engine, on several threads --------------------------- */

struct pipeline;

struct pipeline_totals {
	struct decode_stats decode;
	uint64_t records;    /* flow records and samples, not packets that were captured */
	uint64_t damaged, kernel_drops;
};

/* NULL: out of memory. threads from 1. */
struct pipeline *pipeline_new(struct engine *e, unsigned int threads);
void pipeline_free(struct pipeline *p);

struct pipeline_events {
	/* Between two reads, about every MiB or every 100 ms; true stops. */
	bool (*pause)(void *ctx, const struct source *s);
	void *ctx;
};
/* Runs a source to its end.  0, or ERR_IO. */
int pipeline_run(struct pipeline *p, struct source *s, const struct pipeline_events *ev);
const struct pipeline_totals *pipeline_totals(const struct pipeline *p);

/* --- damp_output.c: alerts to lines, files, feeds; rules; the page -------------------------------- */

struct output;

struct output_setup {
	const struct config *config;
	const struct suffix_list *suffixes; /* for the report; borrowed */
	bool append;       /* go on with an existing alert file */
	bool live;
	int argc;          /* names of the inputs, for the report */
	char **argv;
};

/* NULL: told already.  The engine is given later, since it needs the output's sink. */
struct output *output_open(const struct output_setup *s);
struct engine_sink output_sink(struct output *o);
void output_engine(struct output *o, struct engine *e);
struct collected;
void output_collected(struct output *o, struct collected *c); /* for the statistics; borrowed */
/* A damaged place in the input: told at once and kept for the report. */
void output_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason);
/* An input that could not be opened, or failed without a place: likewise. */
void output_unreadable(struct output *o, const char *input, const char *why);
void output_poll(struct output *o);
/* Opens the alert file anew by its name: it was moved away. */
void output_reopen(struct output *o);
/* Flushes the feeds, writes rules, page, statistics and summary; an exit status. */
int output_finish(struct output *o, const struct pipeline *p, double elapsed_s);
void output_free(struct output *o);
const struct geoip *output_geoip(const struct output *o);
/* `damp why` tells its own: what a report is made of, and whether something failed so far. */
struct report_facts;
void output_facts(const struct output *o, const struct pipeline *p, struct report_facts *f);
bool output_failed(const struct output *o);

/* Whether colours may be used on a stream. */
bool wants_color(const struct config *c, int fd);

#endif
