/* The walk through a YAML document: what shape each key has, and which line said it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/config_keys.h"
#include "base/err.h"
#include "base/nearest.h"
#include "base/units.h"
#include "base/yamldoc.h"

/* Aliases can make a small file a large tree: so many nodes are visited and no more. */
enum { VISITS_MAX = 2 * YAMLDOC_NODES, MAPS_MAX = 4096, SETTINGS_MAX = 1024 };

struct walk {
	struct config *c;
	yaml_document_t *doc;
	unsigned int visits;
	/* what the callbacks of a mapping fill */
	struct config_link *link;
	struct config_group *group;
	struct config_interface *interface;
	struct config_exporter *exporter;
	struct config_setting **settings; /* the array being filled, its length, its kind */
	size_t *settings_n;
	const char *kind;
};

static struct config_place
place(const struct walk *w, const yaml_node_t *node, const char *key)
{
	return (struct config_place){w->c->file, (int)node->start_mark.line + 1, key};
}

/* A node by its number, or NULL once too many were visited. */
static yaml_node_t *
visit(struct walk *w, int index)
{
	yaml_node_t *node = yaml_document_get_node(w->doc, index);

	if (node == NULL || w->visits > VISITS_MAX)
		return NULL;
	if (w->visits++ == VISITS_MAX) {
		struct config_place at = place(w, node, NULL);

		config_problem(w->c, &at, "reading stopped here", "aliases make too many values");
		return NULL;
	}
	return node;
}

static const char *
shape_text(const yaml_node_t *node)
{
	return node->type == YAML_MAPPING_NODE ? "a mapping" : node->type == YAML_SEQUENCE_NODE ? "a list" : "a value";
}

static void
wrong_shape(struct walk *w, const yaml_node_t *node, const char *key, const char *expected)
{
	struct config_place at = place(w, node, key);
	const char *hint = "";

	/* - 2001:db8:: is a mapping to YAML */
	if (node->type == YAML_MAPPING_NODE && node->data.mapping.pairs.start < node->data.mapping.pairs.top) {
		const yaml_node_t *first = yaml_document_get_node(w->doc, node->data.mapping.pairs.start->key);

		if (first != NULL && first->type == YAML_SCALAR_NODE &&
		    memchr(first->data.scalar.value, ':', first->data.scalar.length) != NULL)
			hint = "put IPv6 addresses in quotes";
	}
	config_problem(w->c, &at, hint, "must be %s, not %s", expected, shape_text(node));
}

static bool
is_null(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* The text of a scalar, borrowed from the document; NULL with the problem told. */
static const char *
scalar(struct walk *w, const yaml_node_t *node, const char *key)
{
	struct config_place at = place(w, node, key);
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE) {
		wrong_shape(w, node, key, "one value");
		return NULL;
	}
	if (is_null(node)) {
		config_problem(w->c, &at, "", "has no value");
		return NULL;
	}
	if (node->data.scalar.length > CONFIG_TEXT_MAX) {
		config_problem(w->c, &at, "", "is longer than %d bytes", CONFIG_TEXT_MAX);
		return NULL;
	}
	for (size_t i = 0; i < node->data.scalar.length; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			config_problem(w->c, &at, "", "holds a control character or more than one line");
			return NULL;
		}
	}
	return text;
}

/* --- mappings ---------------------------------------------------------------------------------- */

typedef void take_pair(struct walk *w, int key_index, const yaml_node_t *key, const yaml_node_t *value);

/* Hands over each pair whose key is in the table; tells unknown and double keys.  At most 64 names. */
static void
walk_mapping(struct walk *w, const yaml_node_t *map, const char *what, const char *const *names, int names_n,
    take_pair *take)
{
	int lines[64] = {0};

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		yaml_node_t *key = visit(w, p->key), *value = key != NULL ? visit(w, p->value) : NULL;
		struct config_place at;
		const char *text, *near;
		char quoted[CONFIG_QUOTE], hint[96] = "";
		int i = 0;

		if (value == NULL)
			return;
		at = place(w, key, NULL);
		text = scalar(w, key, what);
		if (text == NULL)
			continue;
		while (i < names_n && strcmp(names[i], text) != 0)
			i++;
		if (i == names_n) {
			near = nearest_name(names, (size_t)names_n, text);
			if (near != NULL)
				snprintf(hint, sizeof(hint), "did you mean %s?", near);
			config_problem(w->c, &at, hint, "unknown key %s%s%s", config_quote(text, quoted),
			    what != NULL ? " in " : "", what != NULL ? what : "");
		} else if (lines[i] != 0) {
			config_problem(w->c, &at, "", "%s stands here for the second time, first in line %d", text, lines[i]);
		} else {
			lines[i] = at.line;
			take(w, i, key, value);
		}
	}
}

/* Each item of a list; a single item may stand alone. */
typedef void take_item(struct walk *w, const yaml_node_t *item, const char *key);

static void
walk_items(struct walk *w, const yaml_node_t *node, const char *key, take_item *take)
{
	if (node->type != YAML_SEQUENCE_NODE) {
		take(w, node, key);
		return;
	}
	for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
		yaml_node_t *item = visit(w, *i);

		if (item == NULL)
			return;
		take(w, item, key);
	}
}

/* --- thresholds -------------------------------------------------------------------------------- */

static void
check_setting(struct config *c, const struct config_place *at, const struct config_setting *s)
{
	char why[160] = "", hint[96] = "";
	const char *near = NULL;

	if (c->ev.check_setting == NULL ||
	    c->ev.check_setting(c->ev.ctx, s->kind, s->name, s->value, s->unit, why, sizeof(why), &near) >= 0)
		return;
	if (near != NULL)
		snprintf(hint, sizeof(hint), "did you mean %s?", near);
	config_problem(c, at, hint, "%s", why[0] != '\0' ? why : "not a known setting");
}

static bool
told_already(struct walk *w, const struct config_place *at, const char *name)
{
	for (size_t i = 0; i < *w->settings_n; i++) {
		const struct config_setting *s = &(*w->settings)[i];

		if (strcmp(s->kind, w->kind) == 0 && strcmp(s->name, name) == 0) {
			config_problem(w->c, at, "", "stands here for the second time, first in line %d", s->line);
			return true;
		}
	}
	return false;
}

static void
take_setting(struct walk *w, const yaml_node_t *key, const yaml_node_t *value)
{
	const char *name = scalar(w, key, w->kind), *text;
	struct config_setting s = {.unit = ""}, *more;
	char label[2 * CONFIG_NAME_MAX + 2], quoted[CONFIG_QUOTE];
	struct config_place at;

	if (name == NULL)
		return;
	snprintf(label, sizeof(label), "%.*s.%.*s", CONFIG_NAME_MAX, w->kind, CONFIG_NAME_MAX, name);
	text = scalar(w, value, label);
	at = place(w, key, label);
	if (text == NULL || told_already(w, &at, name))
		return;
	if (units_value(text, &s.value, &s.unit) < 0) {
		config_problem(w->c, &at, "such as 50, 0.8, 80%, 50/s, 10x, 10Mbit, 1kB, 10s or true", "%s is not a number",
		    config_quote(text, quoted));
		return;
	}
	if (*w->settings_n >= SETTINGS_MAX) {
		config_problem(w->c, &at, "", "more than %d settings", SETTINGS_MAX);
		return;
	}
	more = config_grow(w->c, &at, *w->settings, *w->settings_n, sizeof(*more));
	if (more == NULL)
		return;
	*w->settings = more;
	s.line = at.line;
	s.kind = config_copy(w->c, &at, w->kind);
	s.name = config_copy(w->c, &at, name);
	if (s.kind == NULL || s.name == NULL) {
		free(s.kind);
		free(s.name);
		return;
	}
	more[(*w->settings_n)++] = s;
	check_setting(w->c, &at, &s);
}

/* { KIND: { SETTING: VALUE } } into an array. */
static void
walk_settings(struct walk *w, const yaml_node_t *node, const char *key, struct config_setting **array, size_t *n)
{
	w->settings = array;
	w->settings_n = n;
	if (is_null(node)) /* nothing but comments below */
		return;
	if (node->type != YAML_MAPPING_NODE) {
		wrong_shape(w, node, key, "a mapping of kinds");
		return;
	}
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
		yaml_node_t *kind = visit(w, p->key), *inner = kind != NULL ? visit(w, p->value) : NULL;

		if (inner == NULL)
			return;
		w->kind = scalar(w, kind, key);
		if (w->kind == NULL || is_null(inner))
			continue;
		if (inner->type != YAML_MAPPING_NODE) {
			wrong_shape(w, inner, w->kind, "a mapping of settings");
			continue;
		}
		for (yaml_node_pair_t *q = inner->data.mapping.pairs.start; q < inner->data.mapping.pairs.top; q++) {
			yaml_node_t *name = visit(w, q->key), *value = name != NULL ? visit(w, q->value) : NULL;

			if (value == NULL)
				return;
			take_setting(w, name, value);
		}
	}
}

/* --- links, groups, interfaces ----------------------------------------------------------------- */

static void
add_prefix(struct walk *w, const yaml_node_t *item, const char *key, struct config_prefix **array, size_t *n)
{
	struct config_place at = place(w, item, key);
	const char *text = scalar(w, item, key);
	struct config_prefix p = {.line = at.line}, *more;

	if (text == NULL || config_take_prefix(w->c, &at, text, &p.prefix) < 0)
		return;
	more = config_grow(w->c, &at, *array, *n, sizeof(*more));
	if (more == NULL)
		return;
	*array = more;
	more[(*n)++] = p;
}

static void
take_link_prefix(struct walk *w, const yaml_node_t *item, const char *key)
{
	add_prefix(w, item, key, &w->link->prefix, &w->link->prefixes_n);
}

static void
take_member(struct walk *w, const yaml_node_t *item, const char *key)
{
	add_prefix(w, item, key, &w->group->member, &w->group->members_n);
}

enum link_key { LINK_NAME, LINK_PREFIXES, LINK_DOWN, LINK_UP, LINK_KEYS };
static const char *const link_keys[LINK_KEYS] = {"name", "prefixes", "down", "up"};

static void
take_link_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	struct config_place at = place(w, value, link_keys[i]);
	const char *text;

	(void)key;
	if (i == LINK_PREFIXES) {
		walk_items(w, value, link_keys[i], take_link_prefix);
		return;
	}
	text = scalar(w, value, link_keys[i]);
	if (text == NULL)
		return;
	if (i == LINK_NAME)
		(void)config_take_name(w->c, &at, text, &w->link->name);
	else
		(void)config_take_rate(w->c, &at, text, i == LINK_DOWN ? &w->link->down_bps : &w->link->up_bps);
}

enum group_key { IN_GROUP_NAME, IN_GROUP_MEMBERS, IN_GROUP_KIND, IN_GROUP_NEVER, IN_GROUP_SUBSCRIBERS, IN_GROUP_THRESHOLDS,
	IN_GROUP_KEYS };
static const char *const group_keys[IN_GROUP_KEYS] = {"name", "members", "kind", "never-alert", "subscribers", "thresholds"};

enum { SUBSCRIBERS_MAX = 64512 }; /* of one address: each needs a port */

static void
take_group_kind(struct walk *w, const struct config_place *at, const char *text)
{
	int kind = config_group_kind_parse(text);
	char quoted[CONFIG_QUOTE];

	if (kind < 0) {
		config_problem(w->c, at, "resolvers, mail, forwarders, cgnat, authoritative or plain",
		    "%s is not a kind of group", config_quote(text, quoted));
		return;
	}
	w->group->kind = (enum config_group_kind)kind;
	w->group->kind_given = true;
}

static void
take_subscribers(struct walk *w, const struct config_place *at, const char *text)
{
	char quoted[CONFIG_QUOTE];
	uint64_t n;

	if (units_whole(text, &n) < 0 || n < 1 || n > SUBSCRIBERS_MAX) {
		config_problem(w->c, at, "a whole number from 1 to 64512", "%s is not a number of subscribers", config_quote(text, quoted));
		return;
	}
	w->group->subscribers = (unsigned int)n;
	w->group->subscribers_line = at->line;
}

static void
take_group_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	struct config_place at = place(w, value, group_keys[i]);
	const char *text;

	(void)key;
	if (i == IN_GROUP_MEMBERS) {
		walk_items(w, value, group_keys[i], take_member);
		return;
	}
	if (i == IN_GROUP_THRESHOLDS) {
		walk_settings(w, value, group_keys[i], &w->group->threshold, &w->group->thresholds_n);
		return;
	}
	text = scalar(w, value, group_keys[i]);
	if (text == NULL)
		return;
	if (i == IN_GROUP_NAME)
		(void)config_take_name(w->c, &at, text, &w->group->name);
	else if (i == IN_GROUP_NEVER)
		(void)config_take_bool(w->c, &at, text, &w->group->never_alert);
	else if (i == IN_GROUP_SUBSCRIBERS)
		take_subscribers(w, &at, text);
	else
		take_group_kind(w, &at, text);
}

/* A map in a list of maps: checks its shape and the list's bound. */
static bool
map_fits(struct walk *w, const yaml_node_t *item, const char *key, size_t n)
{
	struct config_place at = place(w, item, key);

	if (item->type != YAML_MAPPING_NODE) {
		wrong_shape(w, item, key, "a list of mappings");
		return false;
	}
	if (n >= MAPS_MAX) {
		if (n == MAPS_MAX)
			config_problem(w->c, &at, "", "more than %d", MAPS_MAX);
		return false;
	}
	return true;
}

static void
take_link(struct walk *w, const yaml_node_t *item, const char *key)
{
	struct config *c = w->c;
	struct config_place at = place(w, item, key);
	struct config_link *more;

	if (!map_fits(w, item, key, c->links_n))
		return;
	more = config_grow(c, &at, c->link, c->links_n, sizeof(*more));
	if (more == NULL)
		return;
	c->link = more;
	w->link = &more[c->links_n++];
	*w->link = (struct config_link){.line = at.line};
	walk_mapping(w, item, "a link", link_keys, LINK_KEYS, take_link_pair);
}

static void
take_group(struct walk *w, const yaml_node_t *item, const char *key)
{
	struct config *c = w->c;
	struct config_place at = place(w, item, key);
	struct config_group *more;

	if (!map_fits(w, item, key, c->groups_n))
		return;
	more = config_grow(c, &at, c->group, c->groups_n, sizeof(*more));
	if (more == NULL)
		return;
	c->group = more;
	w->group = &more[c->groups_n++];
	*w->group = (struct config_group){.line = at.line};
	walk_mapping(w, item, "a group", group_keys, IN_GROUP_KEYS, take_group_pair);
}

static const char *const interface_keys[] = {"name", "filter"};

static void
take_interface_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	struct config_place at = place(w, value, interface_keys[i]);
	const char *text = scalar(w, value, interface_keys[i]);

	(void)key;
	if (text == NULL)
		return;
	if (i == 0) {
		(void)config_take_name(w->c, &at, text, &w->interface->name);
	} else {
		free(w->interface->filter);
		w->interface->filter = config_copy(w->c, &at, text);
	}
}

/* "eth0", or a mapping of name and filter. */
static void
take_interface(struct walk *w, const yaml_node_t *item, const char *key)
{
	struct config *c = w->c;
	struct config_place at = place(w, item, key);
	struct config_interface one = {0}, *more;

	if (item->type == YAML_SCALAR_NODE) {
		const char *text = scalar(w, item, key);

		if (text != NULL)
			config_key_text(c, &config_keys[config_key_find("interfaces")], &at, text);
		return;
	}
	if (!map_fits(w, item, key, c->interfaces_n))
		return;
	w->interface = &one;
	walk_mapping(w, item, "an interface", interface_keys, 2, take_interface_pair);
	if (one.name == NULL)
		config_problem(c, &at, "", "an interface needs a name");
	more = one.name != NULL ? config_grow(c, &at, c->interface, c->interfaces_n, sizeof(*more)) : NULL;
	if (more == NULL) {
		free(one.name);
		free(one.filter);
		return;
	}
	c->interface = more;
	more[c->interfaces_n++] = one;
}

static const char *const exporter_keys[] = {"address", "name", "sampling"};

static void
take_exporter_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	struct config_place at = place(w, value, exporter_keys[i]);
	const char *text = scalar(w, value, exporter_keys[i]);
	uint64_t n;

	(void)key;
	if (text == NULL)
		return;
	if (i == 0) {
		w->exporter->from.line = config_take_prefix(w->c, &at, text, &w->exporter->from.prefix) == 0 ? at.line : 0;
	} else if (i == 1) {
		(void)config_take_name(w->c, &at, text, &w->exporter->name);
	} else if (units_whole(text, &n) < 0 || n < 1 || n > 1000000) {
		config_problem(w->c, &at, "1000 for one packet in a thousand", "must be a whole number from 1 to 1000000");
	} else {
		w->exporter->sampling = (unsigned int)n;
	}
}

static void
take_exporter(struct walk *w, const yaml_node_t *item, const char *key)
{
	struct config *c = w->c;
	struct config_place at = place(w, item, key);
	struct config_exporter *more;

	if (!map_fits(w, item, key, c->exporters_n))
		return;
	more = config_grow(c, &at, c->exporter, c->exporters_n, sizeof(*more));
	if (more == NULL)
		return;
	c->exporter = more;
	w->exporter = &more[c->exporters_n++];
	*w->exporter = (struct config_exporter){.line = at.line};
	walk_mapping(w, item, "an exporter", exporter_keys, 3, take_exporter_pair);
	if (w->exporter->from.line == 0)
		config_problem(c, &at, "such as address: 192.0.2.1", "an exporter needs an address");
}

/* --- the top ----------------------------------------------------------------------------------- */

static void
take_list_item(struct walk *w, const yaml_node_t *item, const char *key)
{
	struct config_place at = place(w, item, key);
	const char *text = scalar(w, item, key);

	if (text != NULL)
		config_key_text(w->c, &config_keys[config_key_find(key)], &at, text);
}

static const char *const policy_keys[] = {"queries", "seconds", "ttl", "list-size"};
static const char *const archive_keys[] = {"dir", "interval", "nesting", "level", "sync", "max-size", "max-count", "max-age", "hook"};

/* "policy: {ttl: 1h}" is the key policy.ttl */
static void
take_inner_pair(struct walk *w, const char *outer, const char *inner, const yaml_node_t *value)
{
	char name[32];
	int k;

	snprintf(name, sizeof(name), "%s.%s", outer, inner);
	k = config_key_find(name);
	w->c->in_file |= UINT64_C(1) << k;
	take_list_item(w, value, config_keys[k].name);
}

static void
take_policy_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	(void)key;
	take_inner_pair(w, "policy", policy_keys[i], value);
}

static void
take_archive_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	(void)key;
	take_inner_pair(w, "archive", archive_keys[i], value);
}

static void
take_top_pair(struct walk *w, int i, const yaml_node_t *key, const yaml_node_t *value)
{
	const struct config_key *k = &config_keys[i];
	struct config *c = w->c;

	(void)key;
	c->in_file |= UINT64_C(1) << i;
	if (strcmp(k->name, "detectors") == 0) {
		walk_settings(w, value, k->name, &c->detector, &c->detectors_n);
	} else if (strcmp(k->name, "links") == 0) {
		if (!is_null(value))
			walk_items(w, value, k->name, take_link);
	} else if (strcmp(k->name, "groups") == 0) {
		if (!is_null(value))
			walk_items(w, value, k->name, take_group);
	} else if (strcmp(k->name, "interfaces") == 0) {
		walk_items(w, value, k->name, take_interface);
	} else if (strcmp(k->name, "policy") == 0 && value->type == YAML_MAPPING_NODE) {
		walk_mapping(w, value, "the policy", policy_keys, 4, take_policy_pair);
	} else if (strcmp(k->name, "archive") == 0 && value->type == YAML_MAPPING_NODE) {
		walk_mapping(w, value, "the archive", archive_keys, 9, take_archive_pair);
		c->archive.line = (int)value->start_mark.line + 1;
	} else if (strcmp(k->name, "exporters") == 0) {
		if (!is_null(value))
			walk_items(w, value, k->name, take_exporter);
	} else if (k->shape == CONFIG_ONE) {
		take_list_item(w, value, k->name);
	} else {
		walk_items(w, value, k->name, take_list_item);
	}
}

static void
walk_document(struct config *c, yaml_document_t *doc)
{
	struct walk w = {.c = c, .doc = doc};
	const char *names[CONFIG_KEYS];
	yaml_node_t *root = yaml_document_get_root_node(doc);

	/* "policy.ttl" is written as a mapping here; no key of a file can hold a line break */
	for (int i = 0; i < CONFIG_KEYS; i++)
		names[i] = strchr(config_keys[i].name, '.') == NULL ? config_keys[i].name : "\n";
	if (root == NULL)
		return;
	if (root->type != YAML_MAPPING_NODE)
		wrong_shape(&w, root, NULL, "a mapping of keys such as networks: [10.64.0.0/23]");
	else
		walk_mapping(&w, root, NULL, names, CONFIG_KEYS, take_top_pair);
	config_check(c);
}

int
config_load_bytes(struct config *c, const char *name, const void *bytes, size_t n)
{
	struct config_place at = {name, 0, NULL};
	struct yamldoc_problem p = {.hint = ""};
	int before = c->problems;
	yaml_document_t doc;

	free(c->file);
	c->file = config_copy(c, &at, name);
	if (c->file == NULL)
		return c->problems - before;
	if (n > CONFIG_FILE_MAX) {
		config_problem(c, &at, "is it the right file?", "larger than a configuration can be (1 MiB)");
	} else if (yamldoc_load(&doc, bytes, n, &p) < 0) {
		at.line = p.line;
		config_problem(c, &at, p.hint, "%s", p.text);
	} else {
		walk_document(c, &doc);
		yaml_document_delete(&doc);
	}
	return c->problems - before;
}

int
config_load(struct config *c, const char *path)
{
	struct config_place at = {path, 0, NULL};
	struct yamldoc_problem p = {.hint = ""};
	uint8_t *bytes = NULL;
	size_t n = 0;
	int problems;

	if (yamldoc_read(path, CONFIG_FILE_MAX, &bytes, &n, &p) < 0) {
		config_problem(c, &at, p.hint, "%s", p.text);
		return 1;
	}
	problems = config_load_bytes(c, path, bytes, n);
	free(bytes);
	return problems;
}
