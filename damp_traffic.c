/* replay, run and why: inputs through the pipeline, until they end or a signal says so. */
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
static void
catch_signals(bool live)
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

struct run {
	const struct config *config;
	struct output *output;
	struct timespec started;
	double told_s;
	const char *input;
	bool progress;
	bool incomplete; /* a file was not read to its end, as a signal came */
};

static double
elapsed(const struct run *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - r->started.tv_sec) + (double)(now.tv_nsec - r->started.tv_nsec) / 1e9;
}

static bool
on_pause(void *ctx, const struct source *s)
{
	struct run *r = ctx;
	double t = elapsed(r);
	struct source_progress p;

	output_poll(r->output);
	if (atomic_exchange(&reopen, 0) != 0)
		output_reopen(r->output);
	if (r->progress && t - r->told_s >= 0.5) {
		r->told_s = t;
		source_progress(s, &p);
		if (p.total > 0)
			fprintf(stderr, "\r\033[K%s: %.0f %% of %.1f MB, %.0f MB/s", r->input,
			    100 * (double)p.done / (double)p.total, (double)p.total / 1e6, (double)p.done / 1e6 / t);
		else
			fprintf(stderr, "\r\033[K%s: %.1f MB", r->input, (double)p.done / 1e6);
	}
	return atomic_load(&stop_signal) != 0;
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

/* Everything one run holds; opened in order, closed in the other. */
struct session {
	struct prepared prepared;
	struct output *output;
	struct engine *engine;
	struct pipeline *pipeline;
};

static bool
session_open(struct session *s, const struct config *c, int inputs_n, char **inputs, bool live, const struct addr *why_host)
{
	struct output_setup setup = {.config = c, .append = live, .live = live, .argc = inputs_n, .argv = inputs};
	struct engine_sink sink;
	char why[160];

	memset(s, 0, sizeof(*s));
	if (!prepare(&s->prepared, c, live)) {
		complain("out of memory");
		return false;
	}
	s->prepared.engine.why = why_host;
	s->output = output_open(&setup);
	if (s->output == NULL)
		return false;
	sink = output_sink(s->output);
	s->engine = engine_new(&s->prepared.engine, &sink, why, sizeof(why));
	if (s->engine == NULL) {
		complain("%s", why);
		return false;
	}
	output_engine(s->output, s->engine);
	s->pipeline = pipeline_new(s->engine, thread_count(c));
	if (s->pipeline == NULL)
		complain("out of memory");
	return s->pipeline != NULL;
}

static void
session_close(struct session *s)
{
	pipeline_free(s->pipeline);
	output_free(s->output);
	engine_free(s->engine);
	prepared_done(&s->prepared);
}

/* True when it could be read to its end. */
static bool
read_file(struct session *s, struct run *r, const char *path)
{
	const struct pipeline_events ev = {on_pause, r};
	const struct source_events damage = {.damage = output_damage, .ctx = s->output, .in_order = true,
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
	atomic_store(&reading, source);
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

static int
replay(const struct config *c, int n, char **files, const struct addr *why_host)
{
	struct session s;
	struct run r = {.config = c, .progress = isatty(STDERR_FILENO) && !c->quiet};
	int status = EXIT_USAGE;
	bool good = true;

	catch_signals(false);
	if (session_open(&s, c, n, files, false, why_host)) {
		r.output = s.output;
		clock_gettime(CLOCK_MONOTONIC, &r.started);
		for (int i = 0; i < n; i++)
			if (atomic_load(&stop_signal) != 0)
				r.incomplete = true;
			else
				good = read_file(&s, &r, files[i]) && good;
		engine_finish(s.engine);
		if (atomic_load(&stop_signal) != 0)
			complain("stopped by a signal; the figures are of what was read until then");
		status = why_host != NULL ? output_why(s.output, s.pipeline) :
		    output_finish(s.output, s.pipeline, elapsed(&r));
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
	if (configure("replay", argc, argv, USE_TRAFFIC, &c, files, &n, &status)) {
		char **from = n > 0 ? files : c.files.text;

		n = n > 0 ? n : (int)c.files.n;
		if (n == 0) {
			complain("replay needs a capture file, or - for standard input");
			status = EXIT_USAGE;
		} else {
			status = replay(&c, n, from, NULL);
		}
	}
	config_done(&c);
	free(files);
	return status;
}

int
command_why(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct config c;
	struct addr host;
	int n, status;

	if (rest == NULL)
		return EXIT_FAILED;
	if (configure("why", argc, argv, USE_TRAFFIC, &c, rest, &n, &status)) {
		status = EXIT_USAGE;
		if (n < 2)
			complain("why needs a host and a capture file: damp why 10.64.0.5 capture.pcap");
		else if (addr_parse(rest[0], &host) < 0)
			complain("'%s' is no IP address", rest[0]);
		else
			status = replay(&c, n - 1, rest + 1, &host);
	}
	config_done(&c);
	free(rest);
	return status;
}

/* --- live --------------------------------------------------------------------------------------------------- */

static int
watch(struct session *s, const struct config *c, struct source *source)
{
	struct run r = {.config = c, .output = s->output, .input = c->interface[0].name};
	const struct pipeline_events ev = {on_pause, &r};
	int err;

	clock_gettime(CLOCK_MONOTONIC, &r.started);
	if (!c->quiet)
		complain("watching %s%s; SIGINT or SIGTERM ends it", r.input, c->interfaces_n > 1 ? " and others" : "");
	atomic_store(&reading, source);
	err = pipeline_run(s->pipeline, source, &ev);
	atomic_store(&reading, NULL);
	if (err < 0)
		complain("%s: reading failed: %s", r.input, err_text(err));
	engine_finish(s->engine);
	return output_finish(s->output, s->pipeline, elapsed(&r)) != EXIT_OK || err < 0 ? EXIT_FAILED : EXIT_OK;
}

static int
run(const struct config *c)
{
	struct source_live list[SOURCE_LIVE_MAX];
	char *names[SOURCE_LIVE_MAX];
	struct session s;
	struct source *source;
	char why[256];
	int status = EXIT_USAGE;

	catch_signals(true);
	/* before the alert file is touched */
	for (size_t i = 0; i < c->interfaces_n; i++) {
		list[i] = (struct source_live){c->interface[i].name, c->interface[i].filter};
		names[i] = c->interface[i].name;
	}
	source = source_open_live(list, c->interfaces_n, NULL, why, sizeof(why));
	if (source == NULL) {
		complain("%s", why);
		return EXIT_USAGE;
	}
	if (session_open(&s, c, (int)c->interfaces_n, names, true, NULL))
		status = watch(&s, c, source);
	close_source(source);
	session_close(&s);
	return status;
}

int
command_run(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct config c;
	int n, status;

	if (rest == NULL)
		return EXIT_FAILED;
	if (configure("run", argc, argv, USE_TRAFFIC | USE_RUN, &c, rest, &n, &status)) {
		status = EXIT_USAGE;
		if (n > 0)
			complain("run takes no files; damp replay does");
		else if (c.interfaces_n == 0)
			complain("run needs an interface: -i IF, or `interfaces:` in the configuration");
		else
			status = run(&c);
	}
	config_done(&c);
	free(rest);
	return status;
}
