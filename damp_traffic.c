/* replay, run, why and check-config: everything that needs the configuration and the engine. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "damp.h"
#include "damp_commands.h"

enum { SOURCES_MAX = 16 };

/* --- configuration -------------------------------------------------------------------------------------- */

static void
on_problem(void *ctx, const char *file, int line, const char *text, const char *hint)
{
	(void)ctx;
	if (line > 0)
		fprintf(stderr, "%s:%d: %s%s%s\n", file, line, text, hint[0] != '\0' ? "; " : "", hint);
	else
		fprintf(stderr, "damp: %s: %s%s%s\n", file, text, hint[0] != '\0' ? "; " : "", hint);
}

static int
check_setting(void *ctx, const char *kind, const char *name, double value, const char *unit, char *why, size_t n,
    const char **nearest)
{
	struct detect_settings scratch;

	(void)ctx;
	detect_settings_defaults(&scratch);
	return detect_settings_set(&scratch, kind, name, value, unit, why, n, nearest);
}

static const struct config_events config_events = {.problem = on_problem, .check_setting = check_setting};

/* First pass: the file; second: the options, which win. */
struct option_pass {
	struct config *config;
	bool files, help, version;
	int problems;
};

static int
take_option(void *ctx, const char *name, const char *key, const char *value)
{
	struct option_pass *p = ctx;
	char origin[64];

	if (strcmp(name, "help") == 0)
		p->help = true;
	else if (strcmp(name, "version") == 0)
		p->version = true;
	else if (strcmp(name, "config") == 0) {
		if (p->files)
			p->problems += config_load(p->config, value);
	} else if (!p->files && key != NULL) {
		snprintf(origin, sizeof(origin), "--%s", name);
		p->problems += config_set(p->config, key, value, origin);
	}
	return EXIT_OK;
}

/* Fills the configuration; EXIT_OK to go on, else *status says how it ended. */
static bool
configure(const char *command, int argc, char **argv, unsigned int use, struct config *c, char **rest, int *rest_n,
    int *status)
{
	struct option_pass p = {.config = c, .files = true};

	config_init(c, &config_events);
	*status = parse_options(argc, argv, use, take_option, &p, rest, rest_n);
	if (*status != EXIT_OK)
		return false;
	if (p.help) {
		print_usage_of(command);
		print_options(use);
		return false;
	}
	if (p.version) {
		print_version();
		return false;
	}
	p.files = false;
	*status = parse_options(argc, argv, use, take_option, &p, rest, rest_n);
	if (p.problems > 0)
		*status = EXIT_USAGE;
	return *status == EXIT_OK;
}

/* --- the engine's configuration ----------------------------------------------------------------------- */

struct prepared {
	struct engine_config engine;
	struct detect_settings settings;
	struct engine_link *link;
	struct prefix *prefix; /* of links and groups */
};

static void
prepared_done(struct prepared *p)
{
	free(p->link);
	free(p->prefix);
}

static uint64_t
hash_seed(const struct config *c, bool live)
{
	uint64_t seed = c->has_seed ? c->seed : UINT64_C(0x64616d7031); /* fixed, so that a replay repeats itself */

	if (c->has_hash_key)
		memcpy(&seed, c->hash_key, sizeof(seed));
	else if (live && !c->has_seed && getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		complain("no randomness for the hash seed: strangers could crowd one bucket of a table");
	return seed;
}

static bool
prepare(struct prepared *p, const struct config *c, bool live)
{
	size_t prefixes = 0, at = 0;
	char why[160];
	const char *near;

	memset(p, 0, sizeof(*p));
	detect_settings_defaults(&p->settings);
	for (size_t i = 0; i < c->detectors_n; i++) {
		const struct config_setting *s = &c->detector[i];

		/* checked while loading */
		(void)detect_settings_set(&p->settings, s->kind, s->name, s->value, s->unit, why, sizeof(why), &near);
	}
	for (size_t i = 0; i < c->links_n; i++)
		prefixes += c->link[i].prefixes_n;
	for (size_t i = 0; i < c->groups_n; i++)
		prefixes += c->group[i].members_n;
	p->link = calloc(c->links_n + 1, sizeof(*p->link));
	p->prefix = calloc(prefixes + 1, sizeof(*p->prefix));
	if (p->link == NULL || p->prefix == NULL)
		return false;
	for (size_t i = 0; i < c->links_n; i++) {
		p->link[i] = (struct engine_link){c->link[i].name, &p->prefix[at], c->link[i].prefixes_n, c->link[i].down_bps};
		for (size_t k = 0; k < c->link[i].prefixes_n; k++)
			p->prefix[at++] = c->link[i].prefix[k].prefix;
	}
	p->engine.never = &p->prefix[at];
	for (size_t i = 0; i < c->groups_n; i++)
		for (size_t k = 0; c->group[i].never_alert && k < c->group[i].members_n; k++) {
			p->prefix[at++] = c->group[i].member[k].prefix;
			p->engine.never_n++;
		}
	p->engine.seed = hash_seed(c, live);
	p->engine.memory_bytes = c->memory_bytes;
	p->engine.settings = &p->settings;
	p->engine.network = c->network;
	p->engine.networks_n = c->networks_n;
	p->engine.resolver = c->resolver;
	p->engine.resolvers_n = c->resolvers_n;
	p->engine.link = p->link;
	p->engine.links_n = c->links_n;
	return true;
}

/* --- a run ------------------------------------------------------------------------------------------------ */

static atomic_int stop_signal;

static void
on_signal(int sig)
{
	atomic_store(&stop_signal, sig);
}

static void
catch_signals(void)
{
	struct sigaction a = {.sa_handler = on_signal};

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

struct run {
	const struct config *config;
	struct output *output;
	struct timespec started;
	double told_s;
	const char *input;
	bool progress;
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

/* Reads the files one after the other; true when all could be read to their end. */
static bool
read_files(struct session *s, const struct config *c, int n, char **files, double *seconds)
{
	struct run r = {.config = c, .output = s->output, .progress = isatty(STDERR_FILENO) && !c->quiet};
	const struct pipeline_events ev = {on_pause, &r};
	const struct source_events damage = {.damage = output_damage, .ctx = s->output};
	bool good = true;
	char why[256];

	clock_gettime(CLOCK_MONOTONIC, &r.started);
	for (int i = 0; i < n && atomic_load(&stop_signal) == 0; i++) {
		struct source *source = source_open_file(files[i], &damage, why, sizeof(why));

		r.input = files[i];
		if (source == NULL) {
			complain("%s: %s", files[i], why);
			good = false;
			continue;
		}
		if (pipeline_run(s->pipeline, source, &ev) < 0)
			good = false; /* told by the damage callback */
		progress_done(&r);
		source_close(source);
	}
	engine_finish(s->engine);
	*seconds = elapsed(&r);
	return good;
}

static int
replay(const struct config *c, int n, char **files, const struct addr *why_host)
{
	struct session s;
	double seconds;
	int status = EXIT_FAILED;
	bool good;

	catch_signals();
	if (session_open(&s, c, n, files, false, why_host)) {
		good = read_files(&s, c, n, files, &seconds);
		status = why_host != NULL ? output_why(s.output, s.pipeline) : output_finish(s.output, s.pipeline, seconds);
		if (!good && status == EXIT_OK)
			status = EXIT_FAILED;
		if (atomic_load(&stop_signal) != 0)
			complain("stopped by a signal; the figures are of what was read until then");
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
	if (configure("replay", argc, argv, 1, &c, files, &n, &status)) {
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
	if (configure("why", argc, argv, 1, &c, rest, &n, &status)) {
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
watch(struct session *s, const struct config *c)
{
	struct run r = {.config = c, .output = s->output};
	const struct pipeline_events ev = {on_pause, &r};
	const struct source_events damage = {.damage = output_damage, .ctx = s->output};
	struct source *source;
	char why[256];
	int err;

	clock_gettime(CLOCK_MONOTONIC, &r.started);
	r.input = c->interface[0].name;
	source = source_open_live(r.input, c->interface[0].filter, &damage, why, sizeof(why));
	if (source == NULL) {
		complain("%s: %s", r.input, why);
		return EXIT_FAILED;
	}
	if (!c->quiet)
		complain("watching %s; SIGINT or SIGTERM ends it", r.input);
	err = pipeline_run(s->pipeline, source, &ev);
	source_close(source);
	engine_finish(s->engine);
	err = output_finish(s->output, s->pipeline, elapsed(&r)) != EXIT_OK || err < 0;
	return err ? EXIT_FAILED : EXIT_OK;
}

int
command_run(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	char *names[SOURCES_MAX];
	struct config c;
	struct session s;
	int n, status;

	if (rest == NULL)
		return EXIT_FAILED;
	if (configure("run", argc, argv, 1 | 2, &c, rest, &n, &status)) {
		status = EXIT_USAGE;
		if (n > 0)
			complain("run takes no files; damp replay does");
		else if (c.interfaces_n == 0)
			complain("run needs an interface: -i IF, or `interfaces:` in the configuration");
		else if (c.interfaces_n > 1)
			complain("%zu interfaces: this version watches one; capture on \"any\" to see all", c.interfaces_n);
		else {
			status = EXIT_FAILED;
			names[0] = c.interface[0].name;
			catch_signals();
			if (session_open(&s, &c, 1, names, true, NULL))
				status = watch(&s, &c);
			session_close(&s);
		}
	}
	config_done(&c);
	free(rest);
	return status;
}

/* --- check-config ------------------------------------------------------------------------------------------ */

static void
print_settings(void *ctx, const struct config *c, const struct config_group *g, unsigned int indent, struct buf *out)
{
	(void)ctx;
	for (size_t i = 0; detectors[i] != NULL; i++) {
		const char *kind = alert_kind_text(detectors[i]->kind);

		buf_printf(out, "%*s# %s:\n", (int)indent, "", kind);
		for (size_t k = 0; k < detectors[i]->settings.n; k++) {
			const struct setting *s = &detectors[i]->settings.table[k];

			if (config_setting_find(c, g, kind, s->name) == NULL)
				buf_printf(out, "%*s#   %s: %g%s  # %s\n", (int)indent, "", s->name, s->def,
				    s->unit[0] == '%' || s->unit[0] == '\0' ? "" : s->unit, s->help);
		}
	}
}

int
command_check_config(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct option_pass p = {0};
	struct config c;
	struct buf out;
	int n, status;

	if (rest == NULL)
		return EXIT_FAILED;
	status = parse_options(argc, argv, 0, take_option, &p, rest, &n);
	if (status == EXIT_OK && p.help) {
		print_usage_of("check-config");
	} else if (status == EXIT_OK && n != 1) {
		complain("check-config needs one file");
		status = EXIT_USAGE;
	} else if (status == EXIT_OK) {
		config_init(&c, &config_events);
		if (config_load(&c, rest[0]) > 0)
			status = EXIT_USAGE;
		buf_init(&out, 4 << 20);
		config_print(&c, &out, print_settings, NULL);
		fwrite(buf_text(&out), 1, out.len, stdout);
		buf_done(&out);
		config_done(&c);
	}
	free(rest);
	return status;
}
