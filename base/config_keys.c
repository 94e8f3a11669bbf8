/* The table of keys, and how each takes one value. */
#include "base/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"

/* --- scalars ----------------------------------------------------------------------------------- */

static int
refuse(struct config *c, const struct config_place *at, const char *text, const char *what, const char *hint)
{
	char quoted[CONFIG_QUOTE];

	config_problem(c, at, hint, "%s is not %s", config_quote(text, quoted), what);
	return ERR_INVALID;
}

/* A prefix with host bits set is one typing mistake away from right: say which. */
static int
refuse_prefix(struct config *c, const struct config_place *at, const char *text)
{
	char quoted[CONFIG_QUOTE], ip[ADDR_TEXT], hint[PREFIX_TEXT + 24], good[PREFIX_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : 0;
	char *end = NULL;
	struct prefix p;
	struct addr a;
	unsigned long bits;

	if (n > 0 && n < sizeof(ip) && slash[1] >= '0' && slash[1] <= '9') {
		memcpy(ip, text, n);
		ip[n] = '\0';
		bits = strtoul(slash + 1, &end, 10);
		if (addr_parse(ip, &a) == 0 && *end == '\0') {
			unsigned long most = strchr(ip, ':') != NULL ? 128 : 32;

			if (bits > most) {
				snprintf(hint, sizeof(hint), "%s addresses have %lu bits", most == 32 ? "IPv4" : "IPv6", most);
				return refuse(c, at, text, "a prefix", hint);
			}
			p = prefix_of(&a, (unsigned int)(bits + 128 - most));
			snprintf(hint, sizeof(hint), "the prefix is %s", prefix_text(&p, good));
			config_problem(c, at, hint, "%s has host bits set", config_quote(text, quoted));
			return ERR_INVALID;
		}
	}
	return refuse(c, at, text, "a prefix or an address", "such as 10.64.0.0/23 or \"2001:db8::/32\"");
}

int
config_take_prefix(struct config *c, const struct config_place *at, const char *text, struct prefix *p)
{
	return prefix_parse(text, p) < 0 ? refuse_prefix(c, at, text) : 0;
}

int
config_take_rate(struct config *c, const struct config_place *at, const char *text, uint64_t *bps)
{
	uint64_t v;

	if (units_rate(text, &v) < 0)
		return refuse(c, at, text, "a rate", UNITS_RATE_FORM);
	if (v == 0)
		return refuse(c, at, text, "a rate above zero", "leave the key out when the capacity is unknown");
	*bps = v;
	return 0;
}

int
config_take_bool(struct config *c, const struct config_place *at, const char *text, bool *value)
{
	return units_bool(text, value) < 0 ? refuse(c, at, text, "true or false", "") : 0;
}

int
config_take_name(struct config *c, const struct config_place *at, const char *text, char **name)
{
	size_t n = strlen(text);
	char *copy;

	if (n == 0 || n > CONFIG_NAME_MAX)
		return refuse(c, at, text, "a name", "1 to 63 bytes");
	copy = config_copy(c, at, text);
	if (copy == NULL)
		return ERR_NOMEM;
	free(*name);
	*name = copy;
	return 0;
}

static void
take_whole(struct config *c, const struct config_place *at, const char *text, unsigned int least,
    unsigned int most, unsigned int *value)
{
	char hint[64];
	uint64_t v;

	snprintf(hint, sizeof(hint), "a whole number from %u to %u", least, most);
	if (units_whole(text, &v) < 0)
		(void)refuse(c, at, text, "a whole number", hint);
	else if (v < least || v > most)
		(void)refuse(c, at, text, "in range", hint);
	else
		*value = (unsigned int)v;
}

static void
take_text(struct config *c, const struct config_place *at, const char *text, char **value)
{
	char *copy;

	if (text[0] == '\0') {
		config_problem(c, at, "", "is empty");
		return;
	}
	copy = config_copy(c, at, text);
	if (copy != NULL) {
		free(*value);
		*value = copy;
	}
}

static void
add_text(struct config *c, const struct config_place *at, const char *text, struct config_texts *list)
{
	char **more = config_grow(c, at, list->text, list->n, sizeof(*more));

	if (more == NULL)
		return;
	list->text = more;
	more[list->n] = NULL;
	take_text(c, at, text, &more[list->n]);
	list->n += more[list->n] != NULL;
}

static void
clear_texts(struct config_texts *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->text[i]);
	free(list->text);
	*list = (struct config_texts){0};
}

/* --- one function a key ------------------------------------------------------------------------ */

static void
take_network(struct config *c, const struct config_place *at, const char *text)
{
	struct prefix p, *more;

	if (config_take_prefix(c, at, text, &p) < 0)
		return;
	more = config_grow(c, at, c->network, c->networks_n, sizeof(*more));
	if (more != NULL) {
		c->network = more;
		more[c->networks_n++] = p;
	}
}

static void
clear_networks(struct config *c)
{
	free(c->network);
	c->network = NULL;
	c->networks_n = 0;
}

static void
take_resolver(struct config *c, const struct config_place *at, const char *text)
{
	struct addr a, *more;

	if (addr_parse(text, &a) < 0) {
		(void)refuse(c, at, text, "an address",
		    strchr(text, '/') != NULL ? "a resolver is one address, without a /length" : "such as 10.53.0.53");
		return;
	}
	for (size_t i = 0; i < c->resolvers_n; i++)
		if (addr_equal(&c->resolver[i], &a))
			return; /* saying it twice changes nothing */
	more = config_grow(c, at, c->resolver, c->resolvers_n, sizeof(*more));
	if (more != NULL) {
		c->resolver = more;
		more[c->resolvers_n++] = a;
	}
}

static void
clear_resolvers(struct config *c)
{
	free(c->resolver);
	c->resolver = NULL;
	c->resolvers_n = 0;
}

static void
take_interface(struct config *c, const struct config_place *at, const char *text)
{
	struct config_interface *more = config_grow(c, at, c->interface, c->interfaces_n, sizeof(*more));

	if (more == NULL)
		return;
	c->interface = more;
	more[c->interfaces_n] = (struct config_interface){0};
	if (config_take_name(c, at, text, &more[c->interfaces_n].name) == 0)
		c->interfaces_n++;
}

static void
clear_interfaces(struct config *c)
{
	for (size_t i = 0; i < c->interfaces_n; i++) {
		free(c->interface[i].name);
		free(c->interface[i].filter);
	}
	free(c->interface);
	c->interface = NULL;
	c->interfaces_n = 0;
}

static void
take_syslog(struct config *c, const struct config_place *at, const char *text)
{
	const char *mark = strstr(text, "://");

	if (mark == NULL || mark == text || mark[3] == '\0')
		(void)refuse(c, at, text, "a URL", "such as udp://192.0.2.10:514");
	else
		add_text(c, at, text, &c->syslog);
}

static void
take_policy(struct config *c, const struct config_place *at, const char *text)
{
	const char *slash = strchr(text, '/');
	char queries[24], seconds[24];
	size_t n = slash != NULL ? (size_t)(slash - text) : 0;

	if (n == 0 || n >= sizeof(queries) || strlen(slash + 1) >= sizeof(seconds)) {
		(void)refuse(c, at, text, "a policy", "QUERIES/SECONDS, such as 2/5: two queries in five seconds");
		return;
	}
	memcpy(queries, text, n);
	queries[n] = '\0';
	strcpy(seconds, slash + 1);
	take_whole(c, at, queries, 1, 65535, &c->policy.queries);
	take_whole(c, at, seconds, 1, 86400, &c->policy.seconds);
}

static void
take_queries(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 1, 65535, &c->policy.queries);
}

static void
take_whole_seconds(struct config *c, const struct config_place *at, const char *text, unsigned int most,
    unsigned int *value)
{
	double s;

	if (units_duration(text, &s) < 0)
		(void)refuse(c, at, text, "a time", UNITS_DURATION_FORM);
	else if (s < 1 || s > most || s != floor(s))
		(void)refuse(c, at, text, "a number of whole seconds in range", most == 86400 ? "1s to 1d" : "1s to 365d");
	else
		*value = (unsigned int)s;
}

static void
take_seconds(struct config *c, const struct config_place *at, const char *text)
{
	take_whole_seconds(c, at, text, 86400, &c->policy.seconds);
}

static void
take_state_every(struct config *c, const struct config_place *at, const char *text)
{
	take_whole_seconds(c, at, text, 86400, &c->state_every_s);
}

static void
take_ttl(struct config *c, const struct config_place *at, const char *text)
{
	take_whole_seconds(c, at, text, 365 * 86400, &c->policy.ttl_s);
}

static void
take_list_size(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 1, 10000000, &c->policy.list_size);
}

static void
take_memory(struct config *c, const struct config_place *at, const char *text)
{
	uint64_t v;

	if (units_size(text, &v) < 0)
		(void)refuse(c, at, text, "a size", UNITS_SIZE_FORM);
	else if (v < UINT64_C(64000000) || v > UINT64_C(16000000000000))
		(void)refuse(c, at, text, "in range", "64MB to 16TB");
	else
		c->memory_bytes = v;
}

static void
take_seed(struct config *c, const struct config_place *at, const char *text)
{
	if (units_whole(text, &c->seed) < 0)
		(void)refuse(c, at, text, "a whole number of at most 64 bits", "such as 42 or 0x9e3779b97f4a7c15");
	else
		c->has_seed = true;
}

static void
take_hash_key(struct config *c, const struct config_place *at, const char *text)
{
	if (strlen(text) != 2 * sizeof(c->hash_key) || strspn(text, "0123456789abcdefABCDEF") != strlen(text)) {
		/* a secret is not repeated in a message */
		config_problem(c, at, "openssl rand -hex 16 makes one", "must be 32 hexadecimal digits");
		return;
	}
	for (size_t i = 0; i < sizeof(c->hash_key); i++) {
		char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

		c->hash_key[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	c->has_hash_key = true;
}

static void
take_input(struct config *c, const struct config_place *at, const char *text)
{
	if (strcmp(text, "auto") == 0)
		c->input = CONFIG_INPUT_AUTO;
	else if (strcmp(text, "packets") == 0)
		c->input = CONFIG_INPUT_PACKETS;
	else if (strcmp(text, "exports") == 0)
		c->input = CONFIG_INPUT_EXPORTS;
	else
		(void)refuse(c, at, text, "a kind of input", "auto, packets or exports");
}

static void
take_sensor(struct config *c, const struct config_place *at, const char *text)
{
	(void)config_take_name(c, at, text, &c->sensor);
}

static void
take_threads(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 0, 1024, &c->threads);
}

static void
take_width(struct config *c, const struct config_place *at, const char *text)
{
	unsigned int v = 0;

	take_whole(c, at, text, 0, 1000, &v);
	if (v > 0 && v < 40)
		(void)refuse(c, at, text, "wide enough", "at least 40 columns, or 0 for the terminal's");
	else
		c->width = v;
}

static void
take_listen(struct config *c, const struct config_place *at, const char *text)
{
	const char *mark = strstr(text, "://"), *rest = mark != NULL ? mark + 3 : text, *port = strrchr(rest, ':');
	bool known = mark == NULL || strncmp(text, "udp://", 6) == 0 || strncmp(text, "tcp://", 6) == 0;
	uint64_t n = 0;

	port = port != NULL ? port + 1 : rest;
	if (!known || units_whole(port, &n) < 0 || n > 65535)
		(void)refuse(c, at, text, "a place to listen", "such as 2055, 0.0.0.0:2055, \"[::1]:9995\" or tcp://0.0.0.0:4739");
	else
		add_text(c, at, text, &c->listen);
}

static void
take_listen_threads(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 1, 16, &c->listen_threads);
}

static void
take_queue(struct config *c, const struct config_place *at, const char *text)
{
	if (strncmp(text, "redis://", 8) != 0 && strncmp(text, "unix://", 7) != 0)
		(void)refuse(c, at, text, "a queue", "such as redis://127.0.0.1:6379 or unix:///run/redis.sock");
	else
		take_text(c, at, text, &c->queue);
}

static void
take_archive_dir(struct config *c, const struct config_place *at, const char *text)
{
	take_text(c, at, text, &c->archive.dir);
}

static void
take_archive_interval(struct config *c, const struct config_place *at, const char *text)
{
	take_whole_seconds(c, at, text, 86400, &c->archive.interval_s);
}

static void
take_archive_nesting(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 0, 3, &c->archive.nesting);
}

static void
take_archive_level(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 0, 19, &c->archive.level);
}

static void
take_archive_sync(struct config *c, const struct config_place *at, const char *text)
{
	take_whole_seconds(c, at, text, 86400, &c->archive.sync_s);
}

static void
take_archive_size(struct config *c, const struct config_place *at, const char *text)
{
	if (units_size(text, &c->archive.max_bytes) < 0)
		(void)refuse(c, at, text, "a size", UNITS_SIZE_FORM);
}

static void
take_archive_count(struct config *c, const struct config_place *at, const char *text)
{
	take_whole(c, at, text, 1, 100000000, &c->archive.max_count);
}

static void
take_archive_age(struct config *c, const struct config_place *at, const char *text)
{
	take_whole_seconds(c, at, text, 365 * 86400, &c->archive.max_age_s);
}

#define AT(field) offsetof(struct config, field)

const struct config_key config_keys[CONFIG_KEYS] = {
	{"networks", CONFIG_COMMAS, CONFIG_OWN, 0, take_network, clear_networks},
	{"resolvers", CONFIG_COMMAS, CONFIG_OWN, 0, take_resolver, clear_resolvers},
	{"links", CONFIG_MAPS, CONFIG_OWN, 0, NULL, NULL},
	{"groups", CONFIG_MAPS, CONFIG_OWN, 0, NULL, NULL},
	{"detectors", CONFIG_MAPS, CONFIG_OWN, 0, NULL, NULL},
	{"interfaces", CONFIG_LIST, CONFIG_OWN, 0, take_interface, clear_interfaces},
	{"listen", CONFIG_LIST, CONFIG_TEXTS, AT(listen), take_listen, NULL},
	{"listen-threads", CONFIG_ONE, CONFIG_OWN, 0, take_listen_threads, NULL},
	{"exporters", CONFIG_MAPS, CONFIG_OWN, 0, NULL, NULL},
	{"known-exporters-only", CONFIG_ONE, CONFIG_BOOL, AT(known_exporters_only), NULL, NULL},
	{"queue", CONFIG_ONE, CONFIG_TEXT, AT(queue), take_queue, NULL},
	{"templates", CONFIG_ONE, CONFIG_TEXT, AT(templates), NULL, NULL},
	{"state", CONFIG_ONE, CONFIG_TEXT, AT(state), NULL, NULL},
	{"state-every", CONFIG_ONE, CONFIG_OWN, 0, take_state_every, NULL},
	{"archive", CONFIG_ONE, CONFIG_TEXT, AT(archive.dir), NULL, NULL},
	{"archive.dir", CONFIG_ONE, CONFIG_OWN, 0, take_archive_dir, NULL},
	{"archive.interval", CONFIG_ONE, CONFIG_OWN, 0, take_archive_interval, NULL},
	{"archive.nesting", CONFIG_ONE, CONFIG_OWN, 0, take_archive_nesting, NULL},
	{"archive.level", CONFIG_ONE, CONFIG_OWN, 0, take_archive_level, NULL},
	{"archive.sync", CONFIG_ONE, CONFIG_OWN, 0, take_archive_sync, NULL},
	{"archive.max-size", CONFIG_ONE, CONFIG_OWN, 0, take_archive_size, NULL},
	{"archive.max-count", CONFIG_ONE, CONFIG_OWN, 0, take_archive_count, NULL},
	{"archive.max-age", CONFIG_ONE, CONFIG_OWN, 0, take_archive_age, NULL},
	{"archive.hook", CONFIG_ONE, CONFIG_TEXT, AT(archive.hook), NULL, NULL},
	{"files", CONFIG_LIST, CONFIG_TEXTS, AT(files), NULL, NULL},
	{"input", CONFIG_ONE, CONFIG_OWN, 0, take_input, NULL},
	{"geoip", CONFIG_LIST, CONFIG_TEXTS, AT(geoip), NULL, NULL},
	{"public-suffixes", CONFIG_ONE, CONFIG_TEXT, AT(public_suffixes), NULL, NULL},
	{"key", CONFIG_ONE, CONFIG_TEXT, AT(key), NULL, NULL},
	{"sensor", CONFIG_ONE, CONFIG_OWN, 0, take_sensor, NULL},
	{"alerts", CONFIG_ONE, CONFIG_TEXT, AT(alerts), NULL, NULL},
	{"syslog", CONFIG_LIST, CONFIG_TEXTS, AT(syslog), take_syslog, NULL},
	{"rules-dir", CONFIG_ONE, CONFIG_TEXT, AT(rules_dir), NULL, NULL},
	{"policy", CONFIG_ONE, CONFIG_OWN, 0, take_policy, NULL},
	{"policy.queries", CONFIG_ONE, CONFIG_OWN, 0, take_queries, NULL},
	{"policy.seconds", CONFIG_ONE, CONFIG_OWN, 0, take_seconds, NULL},
	{"policy.ttl", CONFIG_ONE, CONFIG_OWN, 0, take_ttl, NULL},
	{"policy.list-size", CONFIG_ONE, CONFIG_OWN, 0, take_list_size, NULL},
	{"html", CONFIG_ONE, CONFIG_TEXT, AT(html), NULL, NULL},
	{"stats", CONFIG_ONE, CONFIG_TEXT, AT(stats), NULL, NULL},
	{"threads", CONFIG_ONE, CONFIG_OWN, 0, take_threads, NULL},
	{"memory", CONFIG_ONE, CONFIG_OWN, 0, take_memory, NULL},
	{"seed", CONFIG_ONE, CONFIG_OWN, 0, take_seed, NULL},
	{"hash-key", CONFIG_ONE, CONFIG_OWN, 0, take_hash_key, NULL},
	{"width", CONFIG_ONE, CONFIG_OWN, 0, take_width, NULL},
	{"quiet", CONFIG_ONE, CONFIG_BOOL, AT(quiet), NULL, NULL},
	{"verbose", CONFIG_ONE, CONFIG_BOOL, AT(verbose), NULL, NULL},
	{"color", CONFIG_ONE, CONFIG_BOOL, AT(color), NULL, NULL},
};

int
config_key_find(const char *name)
{
	for (int i = 0; i < CONFIG_KEYS; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return i;
	return ERR_INVALID;
}

static void
take_one(struct config *c, const struct config_key *k, const struct config_place *at, const char *text)
{
	void *field = (char *)c + k->field;

	if (k->take != NULL)
		k->take(c, at, text);
	else if (k->type == CONFIG_TEXT)
		take_text(c, at, text, field);
	else if (k->type == CONFIG_TEXTS)
		add_text(c, at, text, field);
	else if (k->type == CONFIG_BOOL)
		(void)config_take_bool(c, at, text, field);
}

void
config_key_text(struct config *c, const struct config_key *k, const struct config_place *at, const char *text)
{
	char part[CONFIG_TEXT_MAX + 1];
	const char *next;

	if (k->shape != CONFIG_COMMAS) {
		take_one(c, k, at, text);
		return;
	}
	for (bool more = true; more;) {
		size_t n;

		text += strspn(text, " ");
		n = strcspn(text, ",");
		next = text + n + 1; /* looked at only behind a comma */
		more = text[n] == ',';
		while (n > 0 && text[n - 1] == ' ')
			n--;
		if (n > CONFIG_TEXT_MAX)
			n = CONFIG_TEXT_MAX; /* too long for an address anyway */
		memcpy(part, text, n);
		part[n] = '\0';
		take_one(c, k, at, part);
		text = next;
	}
}

void
config_key_clear(struct config *c, const struct config_key *k)
{
	if (k->type == CONFIG_TEXTS)
		clear_texts((void *)((char *)c + k->field));
	else if (k->clear != NULL)
		k->clear(c);
}
