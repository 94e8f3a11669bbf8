/* The configuration as YAML again.  What was given is a line, what was not is a comment, so that the
 * text loads to the same configuration and shows the defaults all the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/config_keys.h"
#include "base/units.h"

/* Double quotes serve every text, whatever characters YAML gives a meaning. */
static void
put_text(struct buf *out, const char *text)
{
	buf_char(out, '"');
	for (; *text != '\0'; text++) {
		unsigned char b = (unsigned char)*text;

		if (b == '"' || b == '\\')
			buf_printf(out, "\\%c", b);
		else if (b < 0x20 || b == 0x7f)
			buf_printf(out, "\\x%02X", b);
		else
			buf_char(out, *text);
	}
	buf_char(out, '"');
}

static void
put_key(const struct config *c, struct buf *out, const char *key)
{
	buf_printf(out, "%s%s:", config_given(c, key) ? "" : "# ", key);
}

static void
put_texts(const struct config *c, struct buf *out, const char *key, const struct config_texts *list, const char *none)
{
	put_key(c, out, key);
	if (list->n == 0)
		buf_printf(out, " []%s%s", none[0] != '\0' ? "  # " : "", none);
	for (size_t i = 0; i < list->n; i++) {
		buf_str(out, "\n  - ");
		put_text(out, list->text[i]);
	}
	buf_char(out, '\n');
}

static void
put_prefixes(struct buf *out, const char *key, const struct config_prefix *p, size_t n)
{
	char text[PREFIX_TEXT];

	buf_printf(out, "    %s: [", key);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", prefix_text(&p[i].prefix, text));
	buf_str(out, "]\n");
}

/* One value, or a comment that says what happens without. */
static void
put_one(const struct config *c, struct buf *out, const char *key, const char *value, const char *none)
{
	if (value != NULL) {
		put_key(c, out, key);
		buf_char(out, ' ');
		put_text(out, value);
		buf_char(out, '\n');
	} else {
		buf_printf(out, "# %s: %s\n", key, none);
	}
}

static void
put_addresses(const struct config *c, struct buf *out)
{
	char text[PREFIX_TEXT];

	put_key(c, out, "networks");
	buf_str(out, " [");
	for (size_t i = 0; i < c->networks_n; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", prefix_text(&c->network[i], text));
	buf_printf(out, "]%s\n", c->networks_n == 0 ? "  # our own prefixes" : "");
	put_key(c, out, "resolvers");
	buf_str(out, " [");
	for (size_t i = 0; i < c->resolvers_n; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", addr_text(&c->resolver[i], text));
	buf_printf(out, "]%s\n", c->resolvers_n == 0 ? "  # found by what they do" : "");
}

static void
put_rate(struct buf *out, const char *key, uint64_t bps)
{
	char text[UNITS_TEXT];

	if (bps > 0)
		buf_printf(out, "    %s: %s\n", key, units_text((double)bps, "bit/s", text));
	else
		buf_printf(out, "    # %s: not known\n", key);
}

static void
put_links(const struct config *c, struct buf *out)
{
	put_key(c, out, "links");
	buf_str(out, c->links_n == 0 ? " []\n" : "\n");
	for (size_t i = 0; i < c->links_n; i++) {
		const struct config_link *l = &c->link[i];

		buf_str(out, "  - name: ");
		put_text(out, l->name != NULL ? l->name : "");
		buf_char(out, '\n');
		put_prefixes(out, "prefixes", l->prefix, l->prefixes_n);
		put_rate(out, "down", l->down_bps);
		put_rate(out, "up", l->up_bps);
	}
}

/* Settings of one kind stand together, in the order in which their kinds were first named. */
static void
put_settings(struct buf *out, const struct config_setting *s, size_t n, const char *indent)
{
	for (size_t i = 0; i < n; i++) {
		bool seen = false;

		for (size_t k = 0; k < i && !seen; k++)
			seen = strcmp(s[k].kind, s[i].kind) == 0;
		if (seen)
			continue;
		buf_str(out, indent);
		put_text(out, s[i].kind);
		buf_str(out, ":\n");
		for (size_t k = i; k < n; k++) {
			char value[UNITS_TEXT];

			if (strcmp(s[k].kind, s[i].kind) != 0)
				continue;
			buf_printf(out, "%s  ", indent);
			put_text(out, s[k].name);
			buf_printf(out, ": %s\n", units_text(s[k].value, s[k].unit, value));
		}
	}
}

static void
put_groups(const struct config *c, struct buf *out, config_settings_printer *settings, void *ctx)
{
	put_key(c, out, "groups");
	buf_str(out, c->groups_n == 0 ? " []\n" : "\n");
	for (size_t i = 0; i < c->groups_n; i++) {
		const struct config_group *g = &c->group[i];

		buf_str(out, "  - name: ");
		put_text(out, g->name != NULL ? g->name : "");
		buf_char(out, '\n');
		put_prefixes(out, "members", g->member, g->members_n);
		buf_printf(out, "    %skind: %s\n", g->kind_given ? "" : "# ", config_group_kind_text(g->kind));
		buf_printf(out, "    %snever-alert: %s\n", g->never_alert ? "" : "# ", g->never_alert ? "true" : "false");
		if (g->subscribers > 0)
			buf_printf(out, "    subscribers: %u\n", g->subscribers);
		buf_printf(out, "    %sthresholds:\n", g->thresholds_n > 0 ? "" : "# ");
		put_settings(out, g->threshold, g->thresholds_n, "      ");
		if (settings != NULL)
			settings(ctx, c, g, 6, out);
	}
}

static void
put_detectors(const struct config *c, struct buf *out, config_settings_printer *settings, void *ctx)
{
	put_key(c, out, "detectors");
	buf_str(out, c->detectors_n == 0 && config_given(c, "detectors") ? " {}\n" : "\n");
	put_settings(out, c->detector, c->detectors_n, "  ");
	if (settings != NULL)
		settings(ctx, c, NULL, 2, out);
}

static void
put_interfaces(const struct config *c, struct buf *out)
{
	put_key(c, out, "interfaces");
	buf_str(out, c->interfaces_n == 0 ? " []\n" : "\n");
	for (size_t i = 0; i < c->interfaces_n; i++) {
		buf_str(out, "  - name: ");
		put_text(out, c->interface[i].name);
		buf_char(out, '\n');
		if (c->interface[i].filter != NULL) {
			buf_str(out, "    filter: ");
			put_text(out, c->interface[i].filter);
			buf_char(out, '\n');
		}
	}
}

/* The mapping stands when any of it was given; inside, each line for itself. */
static void
put_policy(const struct config *c, struct buf *out)
{
	bool both = config_given(c, "policy");
	bool queries = both || config_given(c, "policy.queries"), seconds = both || config_given(c, "policy.seconds");
	bool ttl = config_given(c, "policy.ttl"), size = config_given(c, "policy.list-size");
	char a[UNITS_TEXT], b[UNITS_TEXT];

	buf_printf(out, "%spolicy:\n", queries || seconds || ttl || size ? "" : "# ");
	buf_printf(out, "  %squeries: %u\n", queries ? "" : "# ", c->policy.queries);
	buf_printf(out, "  %sseconds: %s\n", seconds ? "" : "# ", units_text(c->policy.seconds, "s", a));
	buf_printf(out, "  %sttl: %s\n", ttl ? "" : "# ", units_text(c->policy.ttl_s, "s", b));
	buf_printf(out, "  %slist-size: %u\n", size ? "" : "# ", c->policy.list_size);
}

static void
put_exporters(const struct config *c, struct buf *out)
{
	char text[PREFIX_TEXT];

	put_key(c, out, "exporters");
	buf_str(out, c->exporters_n == 0 ? " []\n" : "\n");
	for (size_t i = 0; i < c->exporters_n; i++) {
		const struct config_exporter *e = &c->exporter[i];

		buf_printf(out, "  - address: \"%s\"\n", prefix_text(&e->from.prefix, text));
		if (e->name != NULL) {
			buf_str(out, "    name: ");
			put_text(out, e->name);
			buf_char(out, '\n');
		}
		if (e->sampling > 0)
			buf_printf(out, "    sampling: %u\n", e->sampling);
		else
			buf_str(out, "    # sampling: what it says\n");
	}
}

/* One line of a mapping inside: a comment when it was not given. */
static void
put_inner(const struct config *c, struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "  %s%s: %s\n", config_given(c, key) ? "" : "# ", strchr(key, '.') + 1, value);
}

static void
put_archive(const struct config *c, struct buf *out)
{
	const struct config_archive *a = &c->archive;
	char text[UNITS_TEXT];

	if (a->dir == NULL) {
		buf_str(out, "# archive: none\n");
		return;
	}
	buf_str(out, "archive:\n  dir: ");
	put_text(out, a->dir);
	buf_char(out, '\n');
	put_inner(c, out, "archive.interval", units_text(a->interval_s, "s", text));
	snprintf(text, sizeof(text), "%u", a->nesting);
	put_inner(c, out, "archive.nesting", text);
	snprintf(text, sizeof(text), "%u", a->level);
	put_inner(c, out, "archive.level", text);
	put_inner(c, out, "archive.sync", units_text(a->sync_s, "s", text));
	put_inner(c, out, "archive.max-size", a->max_bytes > 0 ? units_text((double)a->max_bytes, "B", text) : "none");
	snprintf(text, sizeof(text), "%u", a->max_count);
	put_inner(c, out, "archive.max-count", a->max_count > 0 ? text : "none");
	put_inner(c, out, "archive.max-age", a->max_age_s > 0 ? units_text(a->max_age_s, "s", text) : "none");
	if (a->hook != NULL) {
		buf_str(out, "  hook: ");
		put_text(out, a->hook);
		buf_char(out, '\n');
	} else {
		buf_str(out, "  # hook: none\n");
	}
}

static void
put_machine(const struct config *c, struct buf *out)
{
	static const char *const inputs[] = {"auto", "packets", "exports"};
	static const char *const bools[] = {"false", "true"};
	char memory[UNITS_TEXT];

	put_key(c, out, "threads");
	buf_printf(out, " %u%s\n", c->threads, c->threads == 0 ? "  # one per core" : "");
	put_key(c, out, "memory");
	buf_printf(out, " %s\n", units_text((double)c->memory_bytes, "B", memory));
	if (c->has_seed)
		buf_printf(out, "seed: %" PRIu64 "\n", c->seed);
	else
		buf_str(out, "# seed: fixed in replay, random in run\n");
	buf_printf(out, "# hash-key: %s\n", c->has_hash_key ? "given, and not shown" : "none");
	put_key(c, out, "input");
	buf_printf(out, " %s\n", inputs[c->input]);
	put_key(c, out, "width");
	buf_printf(out, " %u%s\n", c->width, c->width == 0 ? "  # the terminal's" : "");
	put_key(c, out, "quiet");
	buf_printf(out, " %s\n", bools[c->quiet]);
	put_key(c, out, "verbose");
	buf_printf(out, " %s\n", bools[c->verbose]);
	put_key(c, out, "color");
	buf_printf(out, " %s\n", bools[c->color]);
}

void
config_print(const struct config *c, struct buf *out, config_settings_printer *settings, void *ctx)
{
	put_addresses(c, out);
	put_links(c, out);
	put_groups(c, out, settings, ctx);
	put_detectors(c, out, settings, ctx);
	put_interfaces(c, out);
	put_texts(c, out, "listen", &c->listen, "no flow exports are received");
	put_key(c, out, "listen-threads");
	buf_printf(out, " %u\n", c->listen_threads);
	put_exporters(c, out);
	put_key(c, out, "known-exporters-only");
	buf_printf(out, " %s\n", c->known_exporters_only ? "true" : "false");
	put_one(c, out, "queue", c->queue, "none");
	put_one(c, out, "templates", c->templates, "forgotten at the end");
	put_one(c, out, "state", c->state, "forgotten at the end");
	put_key(c, out, "state-every");
	buf_printf(out, " %s\n", units_text((double)c->state_every_s, "s", (char[UNITS_TEXT]){""}));
	put_archive(c, out);
	put_texts(c, out, "files", &c->files, "");
	put_texts(c, out, "geoip", &c->geoip, "no countries, no networks in alerts");
	put_one(c, out, "public-suffixes", c->public_suffixes, "the system's list, if there is one");
	put_one(c, out, "key", c->key, "none; alerts are signed with an ephemeral one");
	put_one(c, out, "sensor", c->sensor, "the host's name");
	put_one(c, out, "alerts", c->alerts, "none");
	put_texts(c, out, "syslog", &c->syslog, "");
	put_one(c, out, "rules-dir", c->rules_dir, "none");
	put_policy(c, out);
	put_one(c, out, "html", c->html, "none");
	put_one(c, out, "stats", c->stats, "none");
	put_machine(c, out);
}
