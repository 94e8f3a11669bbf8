/* The nearest known name, for "did you mean": commands, options, keys, settings.
 *
 * Distance is Damerau-Levenshtein's optimal string alignment (insert, delete, replace, swap
 * neighbours; case does not count).  A name is near when at most a third of the longer text would
 * have to change, or when what was typed is the beginning of a name.  No allocation, pure.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

enum { NEAREST_MAX = 48 }; /* longer texts are near to nothing */

/* For names that live in tables of all shapes: init, try each, then ask. */
struct nearest {
	const char *text;     /* borrowed */
	const char *best;     /* borrowed: the nearest so far */
	unsigned int distance;
};

void nearest_init(struct nearest *n, const char *text);
void nearest_try(struct nearest *n, const char *name);
/* The first of the nearest names, or NULL when none is near enough. */
const char *nearest_found(const struct nearest *n);

/* The same over an array. */
const char *nearest_name(const char *const *names, size_t count, const char *text);

/* Edits between two texts; UINT_MAX when one is longer than NEAREST_MAX bytes. */
unsigned int nearest_distance(const char *a, const char *b);

#endif
