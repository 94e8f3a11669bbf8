/* The configuration of a run: read, checked, told of, and handed to the engine; check-config. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

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

/* --- groups ----------------------------------------------------------------------------------------------- */

static void
apply_settings(struct detect_settings *to, const struct config_setting *s, size_t n)
{
	char why[160];
	const char *near;

	/* checked while loading */
	for (size_t i = 0; i < n; i++)
		(void)detect_settings_set(to, s[i].kind, s[i].name, s[i].value, s[i].unit, why, sizeof(why), &near);
}

/* What holds for a group: what holds for everybody, what its kind means, what it says. */
static void
settings_of_group(const struct config *c, const struct config_group *g, struct detect_settings *s)
{
	detect_settings_defaults(s);
	apply_settings(s, c->detector, c->detectors_n);
	group_settings(s, g->kind, g->subscribers > 0 ? g->subscribers : GROUP_SUBSCRIBERS);
	apply_settings(s, g->threshold, g->thresholds_n);
}

/* A group that says nothing but who never alerts needs neither thresholds nor baselines. */
static bool
has_settings(const struct config_group *g)
{
	return g->kind != GROUP_PLAIN || g->thresholds_n > 0 || !g->never_alert;
}

/* The fastest link that one of its members sits behind; 0 when one may come over an unknown one. */
static double
fastest_link(const struct config *c, const struct config_group *g)
{
	double most = 0;

	for (size_t m = 0; m < g->members_n; m++) {
		double bps = 0;

		for (size_t i = 0; i < c->links_n; i++)
			for (size_t k = 0; k < c->link[i].prefixes_n; k++)
				if (c->link[i].prefix[k].prefix.bits <= g->member[m].prefix.bits &&
				    prefix_contains(&c->link[i].prefix[k].prefix, &g->member[m].prefix.addr))
					bps = (double)c->link[i].down_bps;
		if (bps <= 0)
			return 0;
		most = bps > most ? bps : most;
	}
	return most;
}

/* The least sampling of all that is read; packets of our own are not sampled. */
static double
least_sampling(const struct config *c)
{
	double least = c->exporters_n > 0 && c->interfaces_n == 0 ? (double)UINT32_MAX : 1;

	for (size_t i = 0; i < c->exporters_n; i++)
		if (c->exporter[i].sampling < least)
			least = c->exporter[i].sampling > 1 ? c->exporter[i].sampling : 1;
	return least;
}

static int
check_reach(const struct config *c, const struct detect_settings *s, const struct config_setting *set, size_t n,
    const struct group_limits *limits)
{
	int problems = 0;
	char why[160], text[320];

	for (size_t i = 0; i < n; i++)
		if (group_reachable(s, set[i].kind, set[i].name, set[i].value, limits, why, sizeof(why)) < 0) {
			snprintf(text, sizeof(text), "%.64s.%.64s %.150s", set[i].kind, set[i].name, why);
			on_problem(NULL, c->file != NULL ? c->file : "damp", set[i].line, text, "");
			problems++;
		}
	return problems;
}

/* What only the detectors know of a configuration: thresholds that can never be met, and more groups than fit. */
static int
check_groups(const struct config *c)
{
	const char *file = c->file != NULL ? c->file : "damp";
	struct group_limits limits = {0, least_sampling(c)};
	struct detect_settings s;
	int problems = 0;
	size_t n = 0;
	char text[160];

	detect_settings_defaults(&s);
	apply_settings(&s, c->detector, c->detectors_n);
	problems += check_reach(c, &s, c->detector, c->detectors_n, &limits);
	for (size_t i = 0; i < c->groups_n; i++) {
		const struct config_group *g = &c->group[i];

		n += has_settings(g);
		if (has_settings(g) && n == GROUPS_MAX + 1) {
			snprintf(text, sizeof(text), "more than %d groups with a kind or thresholds of their own", GROUPS_MAX);
			on_problem(NULL, file, g->line, text, "put members of one kind into one group");
			problems++;
		}
		limits.link_bps = fastest_link(c, g);
		settings_of_group(c, g, &s);
		problems += check_reach(c, &s, g->threshold, g->thresholds_n, &limits);
		for (size_t k = 0; k < g->thresholds_n; k++)
			if (strcmp(g->threshold[k].kind, "engine") == 0 && strcmp(g->threshold[k].name, "large-answer") == 0) {
				on_problem(NULL, file, g->threshold[k].line, "engine.large-answer holds for everybody", "set it under detectors");
				problems++;
			}
	}
	return problems;
}

/* What only shows when the whole file and all options are there. */
static int
check_whole(const struct config *c)
{
	int problems = check_groups(c);

	if (c->archive.line > 0 && c->archive.dir == NULL) {
		on_problem(NULL, c->file != NULL ? c->file : "damp", c->archive.line, "archive: needs a dir",
		    "such as dir: /var/flows, or --archive /var/flows");
		problems++;
	}
	return problems;
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
	if (*status == EXIT_OK && check_whole(c) > 0)
		*status = EXIT_USAGE;
	return *status == EXIT_OK;
}

/* --- the engine's configuration ----------------------------------------------------------------------- */

void
prepared_done(struct prepared *p)
{
	free(p->link);
	free(p->prefix);
	free(p->group);
	suffix_list_done(&p->suffixes);
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

	memset(p, 0, sizeof(*p));
	detect_settings_defaults(&p->settings);
	apply_settings(&p->settings, c->detector, c->detectors_n);
	for (size_t i = 0; i < c->links_n; i++)
		prefixes += c->link[i].prefixes_n;
	for (size_t i = 0; i < c->groups_n; i++)
		prefixes += c->group[i].members_n;
	p->link = calloc(c->links_n + 1, sizeof(*p->link));
	p->prefix = calloc(prefixes + 1, sizeof(*p->prefix));
	p->group = calloc(c->groups_n + 1, sizeof(*p->group));
	if (p->link == NULL || p->prefix == NULL || p->group == NULL) {
		complain("out of memory");
		return false;
	}
	for (size_t i = 0; i < c->links_n; i++) {
		p->link[i] = (struct engine_link){c->link[i].name, &p->prefix[at], c->link[i].prefixes_n, c->link[i].down_bps};
		for (size_t k = 0; k < c->link[i].prefixes_n; k++)
			p->prefix[at++] = c->link[i].prefix[k].prefix;
	}
	p->engine.group = p->group;
	for (size_t i = 0; i < c->groups_n; i++) {
		const struct config_group *g = &c->group[i];

		if (!has_settings(g))
			continue;
		struct engine_group *to = &p->group[p->engine.groups_n++];

		*to = (struct engine_group){.name = g->name, .kind = g->kind, .never = g->never_alert,
			.subscribers = g->kind != GROUP_CGNAT ? 0 : g->subscribers > 0 ? g->subscribers : GROUP_SUBSCRIBERS, .member = &p->prefix[at],
			.members_n = g->members_n};
		settings_of_group(c, g, &to->settings);
		for (size_t k = 0; k < g->members_n; k++)
			p->prefix[at++] = g->member[k].prefix;
	}
	p->engine.never = &p->prefix[at];
	for (size_t i = 0; i < c->groups_n; i++)
		for (size_t k = 0; c->group[i].never_alert && !has_settings(&c->group[i]) && k < c->group[i].members_n; k++) {
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
	if (!suffix_list_open(&p->suffixes, c, p->engine.seed))
		return false;
	p->engine.suffixes = p->suffixes.compiled;
	return true;
}

/* --- check-config ------------------------------------------------------------------------------------------ */

/* What is not given, as comments.  A group shows what holds for it: what is set for everybody, as its kind changes it. */
static void
print_table(const struct config *c, const struct config_group *g, const char *kind, const struct settings_view *view,
    const void *effective, unsigned int indent, struct buf *out)
{
	for (size_t k = 0; k < view->n; k++) {
		const struct setting *s = &view->table[k];
		double value = settings_value(s, effective);

		if (config_setting_find(c, g, kind, s->name) != NULL)
			continue;
		if (strcmp(s->unit, "bool") == 0)
			buf_printf(out, "%*s#   %s: %s  # %s\n", (int)indent, "", s->name, value >= 0.5 ? "true" : "false", s->help);
		else
			buf_printf(out, "%*s#   %s: %g%s  # %s\n", (int)indent, "", s->name, value, s->unit[0] == '%' ? "" : s->unit, s->help);
	}
}

static void
print_settings(void *ctx, const struct config *c, const struct config_group *g, unsigned int indent, struct buf *out)
{
	struct detect_settings s;

	(void)ctx;
	detect_settings_defaults(&s);
	if (g != NULL)
		settings_of_group(c, g, &s);
	for (size_t i = 0; detectors[i] != NULL; i++) {
		const char *kind = alert_kind_text(detectors[i]->kind);

		buf_printf(out, "%*s# %s:\n", (int)indent, "", kind);
		print_table(c, g, kind, &common_settings_view, &s.common[detectors[i]->kind], indent, out);
		print_table(c, g, kind, &detectors[i]->settings, (const char *)&s + detectors[i]->settings_offset, indent, out);
	}
	if (g == NULL) {
		buf_printf(out, "%*s# engine:\n", (int)indent, "");
		print_table(c, g, "engine", &engine_settings_view, &s.engine, indent, out);
	}
}

static int
check_file(const char *path)
{
	struct config c;
	struct buf out;
	int status;

	if (access(path, R_OK) != 0) {
		complain("%s: %s", path, strerror(errno)); /* defaults alone would say that all is well */
		return EXIT_USAGE;
	}
	config_init(&c, &config_events);
	status = config_load(&c, path) > 0 || !supported(&c, USE_RUN) ? EXIT_USAGE : EXIT_OK;
	if (check_whole(&c) > 0)
		status = EXIT_USAGE;
	buf_init(&out, 4 << 20);
	config_print(&c, &out, print_settings, NULL);
	fwrite(buf_text(&out), 1, out.len, stdout);
	buf_done(&out);
	config_done(&c);
	/* the problems have scrolled away above all this */
	if (status != EXIT_OK && isatty(STDOUT_FILENO))
		complain("%s: there are problems, told above the settings", path);
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
