/* Life, problems and options.  The keys are config_keys.c, the walk through a file config_load.c, what
 * only the whole file shows config_check.c, printing config_print.c.
 */
#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_keys.h"
#include "base/err.h"
#include "base/nearest.h"

/* --- problems ---------------------------------------------------------------------------------- */

void
config_problem(struct config *c, const struct config_place *at, const char *hint, const char *text, ...)
{
	char line[512];
	size_t n = 0;
	va_list ap;

	if (c->problems++ >= CONFIG_PROBLEMS_TOLD || c->ev.problem == NULL)
		return;
	if (at->key != NULL)
		n = (size_t)snprintf(line, 100, "%.90s: ", at->key);
	va_start(ap, text);
	vsnprintf(line + n, sizeof(line) - n, text, ap);
	va_end(ap);
	c->ev.problem(c->ev.ctx, at->file, at->line, line, hint);
}

const char *
config_quote(const char *text, char buf[CONFIG_QUOTE])
{
	size_t n = 0, most = CONFIG_QUOTE - 6;

	buf[n++] = '"';
	for (; *text != '\0' && n < most; text++) {
		unsigned char b = (unsigned char)*text;

		if (b == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0)
			buf[n++] = '?', text++; /* C1 controls move cursors, too */
		else
			buf[n++] = b < 0x20 || b == 0x7f ? '?' : (char)b;
	}
	if (*text != '\0') {
		while (n > 1 && ((unsigned char)buf[n - 1] & 0xc0) == 0x80)
			n--; /* do not cut a character in two */
		if (n > 1 && ((unsigned char)buf[n - 1] & 0x80) != 0)
			n--;
		memcpy(buf + n, "...", 3);
		n += 3;
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

void *
config_grow(struct config *c, const struct config_place *at, void *array, size_t n, size_t size)
{
	void *more;

	if (n > 0 && (n < 4 || (n & (n - 1)) != 0))
		return array;
	more = realloc(array, (n < 4 ? 4 : n * 2) * size);
	if (more == NULL)
		config_problem(c, at, "", "%s", err_text(ERR_NOMEM));
	return more;
}

char *
config_copy(struct config *c, const struct config_place *at, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		config_problem(c, at, "", "%s", err_text(ERR_NOMEM));
	return copy;
}

/* --- options ----------------------------------------------------------------------------------- */

int
config_set(struct config *c, const char *key, const char *value, const char *origin)
{
	struct config_place at = {origin, 0, NULL};
	int i = config_key_find(key), before = c->problems;

	if (i < 0 || config_keys[i].shape == CONFIG_MAPS) {
		config_problem(c, &at, "", i < 0 ? "unknown key %s" : "%s can only be set in the file", key);
		return c->problems - before;
	}
	if ((c->in_option & UINT64_C(1) << i) == 0)
		config_key_clear(c, &config_keys[i]); /* replaces what the file says */
	c->in_option |= UINT64_C(1) << i;
	config_key_text(c, &config_keys[i], &at, value);
	return c->problems - before;
}

bool
config_given(const struct config *c, const char *key)
{
	int i = config_key_find(key);

	return i >= 0 && ((c->in_file | c->in_option) >> i & 1) != 0;
}

const char *
config_nearest(const char *key)
{
	struct nearest n;

	nearest_init(&n, key);
	for (int i = 0; i < CONFIG_KEYS; i++)
		nearest_try(&n, config_keys[i].name);
	return nearest_found(&n);
}

/* --- life -------------------------------------------------------------------------------------- */

void
config_init(struct config *c, const struct config_events *ev)
{
	static const struct config_events none = {0};

	*c = (struct config){
		.ev = ev != NULL ? *ev : none,
		.policy = {2, 5, 3600, 100},
		.memory_bytes = UINT64_C(256000000),
		.state_every_s = 60,
		.listen_threads = 1,
		.archive = {.interval_s = 300, .nesting = 3, .level = 1, .sync_s = 10},
		.color = true,
	};
}

static void
settings_done(struct config_setting *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(s[i].kind);
		free(s[i].name);
	}
	free(s);
}

void
config_done(struct config *c)
{
	for (size_t i = 0; i < c->links_n; i++) {
		free(c->link[i].name);
		free(c->link[i].prefix);
	}
	free(c->link);
	for (size_t i = 0; i < c->groups_n; i++) {
		free(c->group[i].name);
		free(c->group[i].member);
		settings_done(c->group[i].threshold, c->group[i].thresholds_n);
	}
	free(c->group);
	settings_done(c->detector, c->detectors_n);
	for (size_t i = 0; i < c->exporters_n; i++)
		free(c->exporter[i].name);
	free(c->exporter);
	for (int i = 0; i < CONFIG_KEYS; i++) {
		config_key_clear(c, &config_keys[i]);
		if (config_keys[i].type == CONFIG_TEXT)
			free(*(char **)(void *)((char *)c + config_keys[i].field));
	}
	free(c->sensor);
	free(c->file);
	*c = (struct config){0};
}

static const char *const group_kinds[CONFIG_GROUP_KINDS] = {
	[GROUP_PLAIN] = "plain",           [GROUP_RESOLVERS] = "resolvers", [GROUP_MAIL] = "mail",
	[GROUP_FORWARDERS] = "forwarders", [GROUP_CGNAT] = "cgnat",         [GROUP_AUTHORITATIVE] = "authoritative",
};

const char *
config_group_kind_text(enum config_group_kind k)
{
	return group_kinds[k];
}

int
config_group_kind_parse(const char *text)
{
	for (int i = 0; i < CONFIG_GROUP_KINDS; i++)
		if (strcmp(group_kinds[i], text) == 0)
			return i;
	return ERR_INVALID;
}

const struct config_setting *
config_setting_find(const struct config *c, const struct config_group *g, const char *kind, const char *name)
{
	const struct config_setting *s = g != NULL ? g->threshold : c->detector;
	size_t n = g != NULL ? g->thresholds_n : c->detectors_n;

	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].kind, kind) == 0 && strcmp(s[i].name, name) == 0)
			return &s[i];
	return NULL;
}
