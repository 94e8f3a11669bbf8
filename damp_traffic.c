/* replay: files through the pipeline, until they end or a signal says so; and what `why` and `run` share with it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "damp.h"
#include "damp_commands.h"
#include "damp_config.h"
#include "damp_session.h"
#include "collector/tree.h"

/* --- a run ------------------------------------------------------------------------------------------------ */

/* What a signal handler may touch.  Only the main thread takes signals (see damp_pipeline.c), so the source is
 * never closed while the handler uses it. */
static atomic_int stop_signal, reopen;
static struct source *_Atomic reading;

static void
on_signal(int sig)
{
	struct source *s = atomic_load(&reading);

	atomic_store(&stop_signal, sig);
	if (s != NULL)
		source_stop(s);
}

static void
on_hangup(int sig)
{
	(void)sig;
	atomic_store(&reopen, 1);
}

/* A daemon takes SIGHUP for "the log was rotated"; for a replay it means that the terminal went away. */
void
run_catch_signals(bool live)
{
	struct sigaction a = {.sa_handler = on_signal}, hup = {.sa_handler = live ? on_hangup : on_signal};

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &hup, NULL);
}

/* Until standard input has something, or a signal comes: opening a source waits for its first bytes, and
 * nobody could stop that. */
static void
wait_for_input(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	while (atomic_load(&stop_signal) == 0 && ppoll(&p, 1, NULL, &before) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void
close_source(struct source *s)
{
	atomic_store(&reading, NULL);
	source_close(s);
}

void
run_reading(struct source *s)
{
	atomic_store(&reading, s);
	if (s != NULL && atomic_load(&stop_signal) != 0)
		source_stop(s); /* the signal came before there was anything to stop */
}

void
run_start(struct run *r)
{
	clock_gettime(CLOCK_MONOTONIC, &r->started);
}

double
run_elapsed(const struct run *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - r->started.tv_sec) + (double)(now.tv_nsec - r->started.tv_nsec) / 1e9;
}

bool
run_pause(void *ctx, const struct source *s)
{
	struct run *r = ctx;
	double t = run_elapsed(r);
	struct source_progress p;

	output_poll(r->session->output);
	collected_poll(r->session->collected);
	state_poll(&r->session->state);
	if (atomic_exchange(&reopen, 0) != 0) {
		output_reopen(r->session->output);
		collected_rotate(r->session->collected);
	}
	if (r->progress && t - r->told_s >= 0.5) {
		r->told_s = t;
		source_progress(s, &p);
		if (p.total > 0)
			fprintf(stderr, "\r\033[K%s: %.0f %% of %.1f MB, %.0f MB/s", r->input,
			    100 * (double)p.done / (double)p.total, (double)p.total / 1e6, (double)p.done / 1e6 / t);
		else
			fprintf(stderr, "\r\033[K%s: %.1f MB", r->input, (double)p.done / 1e6);
	}
	/* the signal has stopped the source: what it has read ahead, or popped, is still worked through */
	return atomic_load(&stop_signal) != 0 && atomic_load(&reading) == NULL;
}

static void
progress_done(const struct run *r)
{
	if (r->progress && r->told_s > 0)
		fputs("\r\033[K", stderr);
}

static unsigned int
thread_count(const struct config *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return c->threads > 0 ? c->threads : cores > 0 ? (unsigned int)cores : 1;
}

bool
session_open(struct session *s, const struct config *c, int inputs_n, char **inputs, bool live, const struct why_subject *why_subject,
    struct collected *collected)
{
	struct output_setup setup = {.config = c, .append = live || c->state != NULL, .live = live, .argc = inputs_n, .argv = inputs};
	struct engine_sink sink;
	char why[160];

	memset(s, 0, sizeof(*s));
	s->collected = collected;
	if (collected == NULL)
		return false;
	if (!prepare(&s->prepared, c, live))
		return false;
	s->prepared.engine.why = why_subject;
	setup.suffixes = &s->prepared.suffixes;
	s->output = output_open(&setup);
	if (s->output == NULL)
		return false;
	sink = output_sink(s->output);
	s->engine = engine_new(&s->prepared.engine, &sink, why, sizeof(why));
	if (s->engine == NULL) {
		complain("%s", why);
		return false;
	}
	if (!state_open(&s->state, c, s->engine, live, why_subject != NULL))
		return false;
	output_engine(s->output, s->engine);
	output_collected(s->output, collected);
	s->pipeline = pipeline_new(s->engine, thread_count(c));
	if (s->pipeline == NULL)
		complain("out of memory");
	return s->pipeline != NULL;
}

void
session_close(struct session *s)
{
	pipeline_free(s->pipeline);
	output_free(s->output);
	engine_free(s->engine);
	prepared_done(&s->prepared);
	collected_close(s->collected);
}

/* True when it could be read to its end. */
static bool
read_file(struct session *s, struct run *r, const char *path)
{
	const struct pipeline_events ev = {run_pause, r};
	const struct source_events damage = {.damage = output_damage, .ctx = s->output, .in_order = true,
		.export = collected_export(s->collected), .export_setup = collected_setup(s->collected),
		.reading = r->config->input == CONFIG_INPUT_EXPORTS ? READ_EXPORTS :
		    r->config->input == CONFIG_INPUT_PACKETS ? READ_PACKETS : READ_AUTO};
	struct source_progress progress;
	struct source *source;
	char why[256];
	int err;

	r->input = path;
	if (strcmp(path, "-") == 0)
		wait_for_input();
	if (atomic_load(&stop_signal) != 0)
		return true;
	source = source_open_file(path, &damage, why, sizeof(why));
	if (source == NULL) {
		output_unreadable(s->output, path, why);
		return false;
	}
	run_reading(source);
	err = pipeline_run(s->pipeline, source, &ev);
	progress_done(r);
	source_progress(source, &progress);
	/* what comes from a pipe has no end that could be missed */
	if (atomic_load(&stop_signal) != 0 && progress.total > 0)
		r->incomplete = true;
	if (err < 0 && progress.damaged == 0)
		output_unreadable(s->output, path, err_text(err));
	close_source(source);
	return err >= 0;
}

static void
on_folder(void *ctx, const char *path, const char *reason)
{
	struct session *s = ctx;

	output_unreadable(s->output, path, reason);
}

int
replay_files(const struct config *c, int n, char **files, const struct replay_end *end)
{
	struct session s;
	struct run r = {.config = c, .session = &s, .progress = isatty(STDERR_FILENO) && !c->quiet};
	struct tree_list list = {0};
	int status = EXIT_USAGE;
	bool good = true;

	run_catch_signals(false);
	if (session_open(&s, c, n, files, false, end->why, collected_open(c, false))) {
		run_start(&r);
		if (tree_expand((const char *const *)files, (size_t)n, &list, on_folder, &s) < 0)
			complain("out of memory");
		if (list.n == 0)
			output_unreadable(s.output, files[0], "no captures or flow files in it");
		good = list.n > 0;
		for (size_t i = 0; i < list.n; i++)
			if (atomic_load(&stop_signal) != 0)
				r.incomplete = true;
			else
				good = read_file(&s, &r, list.path[i]) && good;
		tree_list_done(&list);
		if (c->state == NULL || end->answer != NULL)
			engine_finish(s.engine);
		else
			good = state_finish(&s.state) && good;
		if (atomic_load(&stop_signal) != 0)
			complain("stopped by a signal; the figures are of what was read until then");
		status = end->answer != NULL ? end->answer(end->ctx, &s) : output_finish(s.output, s.pipeline, run_elapsed(&r));
		if ((!good || r.incomplete) && status == EXIT_OK)
			status = EXIT_FAILED;
	}
	session_close(&s);
	return status;
}

int
command_replay(int argc, char **argv)
{
	char **files = calloc((size_t)argc + 1, sizeof(*files));
	struct config c;
	int n, status;

	if (files == NULL)
		return EXIT_FAILED;
	if (configure("replay", argc, argv, USE_TRAFFIC | USE_OUTPUTS | USE_DIFF, &c, files, &n, &status)) {
		char **from = n > 0 ? files : c.files.text;

		n = n > 0 ? n : (int)c.files.n;
		if (n == 0) {
			complain("replay needs a capture, a file of flow records or a folder of them, or - for standard input");
			status = EXIT_USAGE;
		} else if (diff_option(argc, argv) != NULL) {
			status = replay_diff(&c, diff_option(argc, argv), argc, argv, n, from);
		} else {
			status = replay_files(&c, n, from, &(struct replay_end){NULL, NULL, NULL});
		}
	}
	config_done(&c);
	free(files);
	return status;
}
