/* run: interfaces, listeners and a queue through the pipeline, until a signal or the end of the queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/queue.h"
#include "damp.h"
#include "damp_collect.h"
#include "damp_commands.h"
#include "damp_config.h"
#include "damp_session.h"

/* --- the inputs ---------------------------------------------------------------------------------------------- */

struct inputs {
	struct source *list[SOURCE_MULTI_MAX];
	size_t n;
	char **names;        /* of all inputs, for the report; borrowed texts */
	size_t names_n;
};

static bool
add(struct inputs *in, struct source *s, const char *why)
{
	if (s == NULL) {
		complain("%s", why);
		return false;
	}
	in->list[in->n++] = s;
	return true;
}

static bool
open_interfaces(struct inputs *in, const struct config *c)
{
	struct source_live list[SOURCE_LIVE_MAX];
	char why[256];

	for (size_t i = 0; i < c->interfaces_n; i++) {
		list[i] = (struct source_live){c->interface[i].name, c->interface[i].filter};
		in->names[in->names_n++] = c->interface[i].name;
	}
	return c->interfaces_n == 0 || add(in, source_open_live(list, c->interfaces_n, NULL, why, sizeof(why)), why);
}

enum { ASKED = 32 << 20 }; /* what source_open_listen asks for */

static bool
open_listeners(struct inputs *in, const struct config *c, const struct source_events *ev)
{
	struct source_listen list[SOURCE_LISTEN_MAX];
	struct source_socket socket[SOURCE_LISTEN_MAX];
	char why[256], text[ADDR_TEXT];
	size_t n;

	for (size_t i = 0; i < c->listen.n; i++) {
		list[i] = (struct source_listen){.address = c->listen.text[i], .threads = c->listen_threads};
		in->names[in->names_n++] = c->listen.text[i];
	}
	if (c->listen.n == 0)
		return true;
	if (!add(in, source_open_listen(list, c->listen.n, ev, why, sizeof(why)), why))
		return false;
	n = source_sockets(in->list[in->n - 1], socket, SOURCE_LISTEN_MAX);
	for (size_t i = 0; i < n && !c->quiet; i++) {
		bool v6 = !addr_is_v4(&socket[i].addr);

		complain("listening on %s://%s%s%s:%u", socket[i].tcp ? "tcp" : "udp", v6 ? "[" : "", addr_text(&socket[i].addr, text),
		    v6 ? "]" : "", socket[i].port);
		if (!socket[i].tcp && c->verbose)
			complain("  the kernel buffers %.1f MB for it%s", (double)socket[i].receive_buffer / 1e6,
			    socket[i].receive_buffer < ASKED ? "; net.core.rmem_max, or CAP_NET_ADMIN, allows more" : "");
	}
	return true;
}

static bool
open_queue(struct inputs *in, const struct config *c, const struct source_events *ev)
{
	char why[256];

	if (c->queue == NULL)
		return true;
	in->names[in->names_n++] = c->queue;
	return add(in, source_open_queue(c->queue, ev, why, sizeof(why)), why);
}

/* All that is configured, as one source; NULL: told. */
static struct source *
open_inputs(struct inputs *in, const struct config *c, struct collected *k)
{
	const struct source_events ev = {.want_extra = collected_archives(k), .export = collected_export(k),
		.export_setup = collected_setup(k)};
	const struct source_events other = {.want_extra = collected_archives(k), .export_setup = collected_setup(k)};
	struct source *s = NULL;

	if (open_interfaces(in, c) && open_listeners(in, c, &ev) && open_queue(in, c, &other)) {
		s = source_open_multi(in->list, in->n);
		if (s == NULL)
			complain("out of memory");
		return s;
	}
	for (size_t i = 0; i < in->n; i++)
		source_close(in->list[i]);
	return NULL;
}

/* --- the run --------------------------------------------------------------------------------------------------- */

static void
say_watching(const struct config *c, const struct engine *e)
{
	struct engine_stats s;

	if (c->quiet)
		return;
	engine_stats(e, &s);
	complain("memory: %.0f MB at most, room for %llu hosts, %llu pairs of them, and %llu under suspicion", (double)s.memory_most / 1e6,
	    (unsigned long long)s.hosts_most, (unsigned long long)s.pairs_most, (unsigned long long)s.watches_most);
	if (c->interfaces_n > 0)
		complain("watching %s%s", c->interface[0].name, c->interfaces_n > 1 ? " and others" : "");
	if (c->queue != NULL)
		complain("reading the queue; END ends it");
	if (c->archive.dir != NULL)
		complain("flow records are kept in %s", c->archive.dir);
	complain("SIGINT or SIGTERM ends it");
}

static int
watch(struct session *s, const struct config *c, struct source *source)
{
	struct run r = {.config = c, .session = s, .input = "live"};
	const struct pipeline_events ev = {run_pause, &r};
	bool kept;
	int err;

	run_start(&r);
	say_watching(c, s->engine);
	run_reading(source);
	err = pipeline_run(s->pipeline, source, &ev);
	run_reading(NULL);
	if (err < 0)
		complain("reading failed: %s", err_text(err));
	kept = true;
	if (c->state == NULL)
		engine_finish(s->engine);
	else
		kept = state_finish(&s->state);
	kept = collected_finish(s->collected) && kept;
	return output_finish(s->output, s->pipeline, run_elapsed(&r)) != EXIT_OK || err < 0 || !kept ? EXIT_FAILED : EXIT_OK;
}

static int
run(const struct config *c)
{
	struct inputs in = {.names = calloc(c->interfaces_n + c->listen.n + 1, sizeof(char *))};
	struct collected *collected = collected_open(c, true);
	struct session s;
	struct source *source = NULL;
	int status = EXIT_USAGE;

	run_catch_signals(true);
	/* before the alert file is touched */
	if (in.names != NULL && collected != NULL)
		source = open_inputs(&in, c, collected);
	if (source == NULL) {
		collected_close(collected);
		free(in.names);
		return EXIT_USAGE;
	}
	collected_source(collected, source);
	if (session_open(&s, c, (int)in.names_n, in.names, true, NULL, collected))
		status = watch(&s, c, source);
	session_close(&s);
	free(in.names);
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
	if (configure("run", argc, argv, USE_TRAFFIC | USE_OUTPUTS | USE_RUN, &c, rest, &n, &status)) {
		status = EXIT_USAGE;
		if (n > 0)
			complain("run takes no files; damp replay does");
		else if (c.interfaces_n == 0 && c.listen.n == 0 && c.queue == NULL)
			complain("run needs an input: -i IF, --listen PORT or --queue URL, or the same in the configuration");
		else if (c.listen.n > SOURCE_LISTEN_MAX)
			complain("%zu places to listen: one run takes at most %d", c.listen.n, SOURCE_LISTEN_MAX);
		else
			status = run(&c);
	}
	config_done(&c);
	free(rest);
	return status;
}
