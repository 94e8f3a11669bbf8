/* Inside of base/config: the table of keys, shared by the file, the command line and the printer. */
#ifndef BASE_CONFIG_KEYS_H
#define BASE_CONFIG_KEYS_H

#include "base/config.h"

/* Where a value stands. */
struct config_place {
	const char *file;
	int line;
	const char *key; /* for the text of a problem */
};

enum config_shape {
	CONFIG_ONE,    /* one value */
	CONFIG_LIST,   /* several values */
	CONFIG_COMMAS, /* several values; a text may hold more than one, with commas */
	CONFIG_MAPS,   /* structure of its own; only in the file */
};

enum config_type {
	CONFIG_OWN,    /* take and clear know */
	CONFIG_TEXT,   /* char * at `field` */
	CONFIG_TEXTS,  /* struct config_texts at `field` */
	CONFIG_BOOL,   /* bool at `field` */
};

struct config_key {
	const char *name;
	enum config_shape shape;
	enum config_type type;
	size_t field; /* offset in struct config */
	/* Takes one value and tells its problems itself; NULL where the type says enough. */
	void (*take)(struct config *c, const struct config_place *at, const char *text);
	void (*clear)(struct config *c); /* empties a list of its own */
};

enum { CONFIG_KEYS = 48 };
extern const struct config_key config_keys[CONFIG_KEYS];

int config_key_find(const char *name); /* index, or ERR_INVALID */
/* A text for the key: split at commas if it is of that shape. */
void config_key_text(struct config *c, const struct config_key *k, const struct config_place *at, const char *text);

void config_key_clear(struct config *c, const struct config_key *k); /* empties a list */

/* Tells and counts a problem.  `text` begins after "KEY: " when at->key is set. */
void config_problem(struct config *c, const struct config_place *at, const char *hint, const char *text, ...)
    __attribute__((format(printf, 4, 5)));

/* A value in quotes, cut and cleaned for a message; returns buf. */
enum { CONFIG_QUOTE = 72 };
const char *config_quote(const char *text, char buf[CONFIG_QUOTE]);

/* Room for one more behind n: the array, perhaps moved, or NULL with the problem told. */
void *config_grow(struct config *c, const struct config_place *at, void *array, size_t n, size_t size);
char *config_copy(struct config *c, const struct config_place *at, const char *text); /* NULL: told */

/* Scalars; 0 or ERR_INVALID with the problem told. */
int config_take_prefix(struct config *c, const struct config_place *at, const char *text, struct prefix *p);
int config_take_rate(struct config *c, const struct config_place *at, const char *text, uint64_t *bps);
int config_take_bool(struct config *c, const struct config_place *at, const char *text, bool *value);
int config_take_name(struct config *c, const struct config_place *at, const char *text, char **name);
int config_group_kind_parse(const char *text); /* the kind, or ERR_INVALID */

/* What only the whole shows: overlaps, names twice. */
void config_check(struct config *c);

#endif
