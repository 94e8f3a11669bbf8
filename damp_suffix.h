/* The list of public suffixes of a run: which file, how old, and what the detectors are given of it. */
#ifndef DAMP_SUFFIX_H
#define DAMP_SUFFIX_H

#include <stdbool.h>

#include "base/config.h"
#include "detector/suffix.h"

#define SUFFIX_LIST_DEFAULT "/usr/share/publicsuffix/public_suffix_list.dat" /* Debian's package publicsuffix */

struct suffix_list {
	struct suffixes *compiled; /* NULL: none */
	const char *file;          /* borrowed from the configuration; NULL: none */
	struct suffix_facts facts; /* its version is the day of the file when the list names none */
};

/* Reads what the configuration names; when it names nothing, Debian's list if it is there.  False: a list that was asked
 * for cannot be had, told.  suffix_list_done either way. */
bool suffix_list_open(struct suffix_list *l, const struct config *c, uint64_t seed);
void suffix_list_done(struct suffix_list *l);

#endif
