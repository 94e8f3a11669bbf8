/* The configuration: one struct, filled from a YAML file and from the command line.
 *
 * Both ways go through one table of keys (base/config_keys.h), so a value means the same and is
 * refused with the same words in both.  Load the file first, then config_set the options: an option
 * replaces what the file says (the first one of a list empties it, later ones add).
 *
 * Ownership: struct config owns everything it points to; plain data, readable until config_done.
 * Nothing here prints: every problem goes to a callback, loading goes on behind it.  Not for
 * several threads at once.
 * Bounds: a file of 1 MiB, 60 000 values, 20 levels; the text of a value 4095 bytes.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"

struct config_prefix {
	struct prefix prefix;
	int line;
};

/* A threshold as written: checked by check_setting, applied by whoever owns the table. */
struct config_setting {
	char *kind;       /* "dns-amplification-abuser" */
	char *name;       /* "min-baf" */
	double value;     /* in base units: bit/s, bytes, seconds, a share as 0..1, true as 1 */
	const char *unit; /* base/units.h: what was written behind the number, "" if nothing; static */
	int line;
};

struct config_link {
	char *name;
	struct config_prefix *prefix;
	size_t prefixes_n;
	uint64_t down_bps, up_bps; /* towards and from the customers; 0: not given */
	int line;                  /* in config.file */
};

enum config_group_kind {
	GROUP_PLAIN, GROUP_RESOLVERS, GROUP_MAIL, GROUP_FORWARDERS, GROUP_CGNAT, GROUP_AUTHORITATIVE,
	CONFIG_GROUP_KINDS
};

struct config_group {
	char *name;
	struct config_prefix *member; /* a host is a prefix of 128 bits */
	size_t members_n;
	enum config_group_kind kind;  /* not given: what the name says ("mail"), else plain */
	bool kind_given;
	bool never_alert;
	unsigned int subscribers;     /* cgnat: people behind one address; 0: not given */
	int subscribers_line;
	struct config_setting *threshold;
	size_t thresholds_n;
	int line;
};

struct config_interface {
	char *name;
	char *filter; /* pcap expression, or NULL */
};

/* What a flow exporter does not say of itself. */
struct config_exporter {
	struct config_prefix from;   /* an address or a prefix */
	char *name;                  /* for people; NULL: the address */
	unsigned int sampling;       /* 1 in n, instead of what it says; 0: believe it */
	int line;
};

/* The archive of flow records; dir NULL: none is kept. */
struct config_archive {
	char *dir, *hook;            /* hook: a program that gets each finished file's path */
	unsigned int interval_s, nesting, level, sync_s;
	uint64_t max_bytes;          /* 0: no limit, also below */
	unsigned int max_count, max_age_s;
	int line;                    /* of a mapping in the file: then it needs a dir, there or as an option; 0: none */
};

struct config_texts {
	char **text;
	size_t n;
};

struct config_policy { /* of the rate-limit rules */
	unsigned int queries, seconds, ttl_s, list_size;
};

enum config_input { CONFIG_INPUT_AUTO, CONFIG_INPUT_PACKETS, CONFIG_INPUT_EXPORTS };

struct config_events {
	/* One problem.  file: as given to config_load, or config_set's origin; line from 1, 0 if none;
	 * hint: "" or a phrase that helps.  text and hint are single lines without control characters. */
	void (*problem)(void *ctx, const char *file, int line, const char *text, const char *hint);
	/* Judges a setting: 0, or negative with a phrase in `why` ("must be between 1 and 100") and, for
	 * an unknown kind or setting, the nearest known name or NULL.  NULL: everything is accepted. */
	int (*check_setting)(void *ctx, const char *kind, const char *name, double value, const char *unit,
	    char *why, size_t n, const char **nearest);
	void *ctx;
};

struct config {
	struct config_events ev;
	char *file; /* as given to config_load; NULL when none was loaded */

	struct prefix *network;
	size_t networks_n;
	struct addr *resolver;
	size_t resolvers_n;
	struct config_link *link;
	size_t links_n;
	struct config_group *group;
	size_t groups_n;
	struct config_setting *detector; /* for everybody outside a group of its own thresholds */
	size_t detectors_n;

	struct config_interface *interface;
	size_t interfaces_n;
	struct config_texts geoip, syslog, files;
	struct config_texts listen;  /* where flow exports are received: "2055", "udp://[::]:2055", "tcp://0.0.0.0:4739" */
	unsigned int listen_threads; /* receiving threads for each of them */
	struct config_exporter *exporter;
	size_t exporters_n;
	struct config_archive archive;
	char *queue;                 /* a Redis list of flows to read, or NULL */
	char *public_suffixes;       /* a list of them; "none"; NULL: the system's, if there is one */
	char *templates;             /* where templates outlive a restart, or NULL */
	char *state;                 /* where the engine's memory outlives a restart, or NULL */
	unsigned int state_every_s;  /* saved so often, seconds of event time */
	char *key, *alerts, *rules_dir, *html, *stats, *sensor; /* NULL: not given */
	enum config_input input;

	struct config_policy policy;
	unsigned int threads;   /* 0: one per core */
	unsigned int width;     /* columns of the summary; 0: the terminal's */
	uint64_t memory_bytes;  /* budget of the tables */
	uint64_t seed;          /* of keyed hashing; valid with has_seed */
	uint8_t hash_key[16];   /* secret of keyed hashing; valid with has_hash_key; never printed */
	bool has_seed, has_hash_key;
	bool known_exporters_only; /* datagrams of others than those of the list are dropped */
	bool quiet, verbose, color;

	uint64_t in_file, in_option; /* bit per key: who gave it */
	int problems;           /* told and counted since config_init */
};

enum {
	CONFIG_FILE_MAX = 1 << 20, CONFIG_TEXT_MAX = 4095, CONFIG_NAME_MAX = 63,
	CONFIG_PROBLEMS_TOLD = 100, /* further ones are only counted */
};

/* Defaults. */
void config_init(struct config *c, const struct config_events *ev);
void config_done(struct config *c);

/* Both return the number of problems found; the rest of the file counts all the same. */
int config_load(struct config *c, const char *path);
int config_load_bytes(struct config *c, const char *name, const void *bytes, size_t n);

/* One option: key as in the file ("networks", "policy.ttl"), value as typed; networks and resolvers
 * may be lists with commas.  `origin` names it in a problem ("--networks").  Number of problems. */
int config_set(struct config *c, const char *key, const char *value, const char *origin);
/* The nearest key to a text, or NULL. */
const char *config_nearest(const char *key);
/* Whether the file or an option gave the key. */
bool config_given(const struct config *c, const char *key);

/* The setting as given for a group (NULL: for everybody), or NULL when only the default is left.
 * Does not fall back from the group to everybody. */
const struct config_setting *config_setting_find(const struct config *c, const struct config_group *g,
    const char *kind, const char *name);
const char *config_group_kind_text(enum config_group_kind k); /* "mail" */

/* The effective configuration as YAML that loads to the same again; what was not given stands there
 * as a comment with its default.  `settings` (may be NULL) adds comment lines under `detectors:` (g NULL)
 * and under each group's `thresholds:`, indented by `indent` spaces.  The hash key is left out. */
typedef void config_settings_printer(void *ctx, const struct config *c, const struct config_group *g,
    unsigned int indent, struct buf *out);
void config_print(const struct config *c, struct buf *out, config_settings_printer *settings, void *ctx);

#endif
