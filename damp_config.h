/* The configuration of replay, run and why, and what the engine is given of it. */
#ifndef DAMP_CONFIG_H
#define DAMP_CONFIG_H

#include <stdbool.h>

#include "base/config.h"
#include "damp.h"
#include "damp_suffix.h"

/* Reads file and options.  True: go on; else *status says how it ended (help was printed, or mistakes were
 * told).  What is neither goes to rest (room for argc).  config_done(c) either way. */
bool configure(const char *command, int argc, char **argv, unsigned int use, struct config *c, char **rest, int *rest_n,
    int *status);

/* The engine's view of a configuration; borrows from it. */
struct prepared {
	struct engine_config engine;
	struct detect_settings settings;
	struct engine_link *link;
	struct prefix *prefix; /* of links and groups */
	struct engine_group *group;
	struct suffix_list suffixes;
};

/* False: told.  prepared_done either way. */
bool prepare(struct prepared *p, const struct config *c, bool live);
void prepared_done(struct prepared *p);

#endif
