/* Tables of settings: name, unit, bounds, default, and where the default comes from.
 *
 * A table is static const and describes doubles in a struct of its owner.  The same table checks the
 * configuration, fills the struct, and documents itself in `damp check-config`.
 *
 * Units are those of base/units.h: "" (a count), "%" (a share, held as 0..1), "/s", "x", "bit/s", "B",
 * "s", "bool" (0 or 1).
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stddef.h>

struct setting {
	const char *name;   /* "min-answer" */
	const char *unit;
	double min, max, def;
	const char *source; /* where the default comes from */
	size_t offset;      /* of the double in the settings struct */
	const char *help;   /* half a sentence for people */
};

/* A table and its length travel together. */
struct settings_view {
	const struct setting *table;
	size_t n;
};

const struct setting *settings_find(struct settings_view t, const char *name);
const char *settings_nearest(struct settings_view t, const char *name); /* or NULL */

/* Writes every default into the struct. */
void settings_defaults(struct settings_view t, void *into);

static inline void
settings_apply(const struct setting *s, void *into, double value)
{
	*(double *)(void *)((char *)into + s->offset) = value;
}

static inline double
settings_value(const struct setting *s, const void *from)
{
	return *(const double *)(const void *)((const char *)from + s->offset);
}

/* Whether a value may be set: 0, or ERR_INVALID and a phrase in `why`.  `unit` is what was written
 * behind the number ("": nothing, which fits every setting but a bool). */
int settings_check(const struct setting *s, double value, const char *unit, char *why, size_t n);

#endif
