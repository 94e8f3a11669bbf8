/* The configuration of a run: read, checked, told of, and handed to the engine; check-config. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "damp_commands.h"
#include "damp_config.h"

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

/* What is read and checked but without effect must not look as if it had one. */
static void
remark(const struct config *c)
{
	for (size_t i = 0; i < c->groups_n; i++) {
		const struct config_group *g = &c->group[i];

		for (size_t k = 0; k < g->thresholds_n; k++)
			fprintf(stderr, "%s:%d: warning: group %s: %s.%s is not applied, this version knows no thresholds of a group; "
			    "set it under detectors, for everybody\n", c->file != NULL ? c->file : "damp", g->threshold[k].line, g->name,
			    g->threshold[k].kind, g->threshold[k].name);
	}
}

static bool
supported(const struct config *c, unsigned int use)
{
	if (c->interfaces_n > SOURCE_LIVE_MAX && (use & USE_RUN) != 0)
		complain("%zu interfaces: one run watches at most %d; \"any\" sees all", c->interfaces_n, SOURCE_LIVE_MAX);
	else
		return true;
	return false;
}

bool
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
		return false;
	}
	if (p.version) {
		print_version();
		return false;
	}
	p.files = false;
	*status = parse_options(argc, argv, use, take_option, &p, rest, rest_n);
	if (p.problems > 0 || (*status == EXIT_OK && !supported(c, use)))
		*status = EXIT_USAGE;
	if (*status == EXIT_OK)
		remark(c);
	return *status == EXIT_OK;
}

/* --- the engine's configuration ----------------------------------------------------------------------- */

void
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

bool
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
	p->engine.seed_kept = !live || c->has_seed || c->has_hash_key;
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

/* --- check-config ------------------------------------------------------------------------------------------ */

/* What is not given, as comments.  A group shows what holds for it: what is set for everybody. */
static void
print_table(const struct config *c, const struct config_group *g, const char *kind, const struct settings_view *view,
    unsigned int indent, struct buf *out)
{
	buf_printf(out, "%*s# %s:\n", (int)indent, "", kind);
	for (size_t k = 0; k < view->n; k++) {
		const struct setting *s = &view->table[k];
		const struct config_setting *all = g != NULL ? config_setting_find(c, NULL, kind, s->name) : NULL;

		if (config_setting_find(c, g, kind, s->name) == NULL)
			buf_printf(out, "%*s#   %s: %g%s  # %s\n", (int)indent, "", s->name, all != NULL ? all->value : s->def,
			    s->unit[0] == '%' ? "" : s->unit, s->help);
	}
}

static void
print_settings(void *ctx, const struct config *c, const struct config_group *g, unsigned int indent, struct buf *out)
{
	(void)ctx;
	for (size_t i = 0; detectors[i] != NULL; i++)
		print_table(c, g, alert_kind_text(detectors[i]->kind), &detectors[i]->settings, indent, out);
	if (g == NULL)
		print_table(c, g, "engine", &engine_settings_view, indent, out);
}

static int
check_file(const char *path)
{
	struct config c;
	struct buf out;
	int status;

	config_init(&c, &config_events);
	status = config_load(&c, path) > 0 || !supported(&c, USE_RUN) ? EXIT_USAGE : EXIT_OK;
	remark(&c);
	buf_init(&out, 4 << 20);
	config_print(&c, &out, print_settings, NULL);
	fwrite(buf_text(&out), 1, out.len, stdout);
	buf_done(&out);
	config_done(&c);
	return status;
}

int
command_check_config(int argc, char **argv)
{
	char **file = calloc((size_t)argc + 1, sizeof(*file));
	int n, status;
	bool done;

	if (file == NULL)
		return EXIT_FAILED;
	status = parse_plain("check-config", argc, argv, 0, NULL, NULL, file, &n, &done);
	if (!done && n == 1) {
		status = check_file(file[0]);
	} else if (!done) {
		complain("check-config needs one file");
		status = EXIT_USAGE;
	}
	free(file);
	return status;
}
