#include "base/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/units.h"

const struct setting *
settings_find(struct settings_view t, const char *name)
{
	for (size_t i = 0; i < t.n; i++)
		if (strcmp(t.table[i].name, name) == 0)
			return &t.table[i];
	return NULL;
}

const char *
settings_nearest(struct settings_view t, const char *name)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < t.n; i++)
		nearest_try(&near, t.table[i].name);
	return nearest_found(&near);
}

void
settings_defaults(struct settings_view t, void *into)
{
	for (size_t i = 0; i < t.n; i++)
		settings_apply(&t.table[i], into, t.table[i].def);
}

static const char *
unit_phrase(const char *unit)
{
	static const struct {
		const char *unit, *phrase;
	} phrases[] = {
		{"", "a plain number"}, {"%", "a share such as 80% or 0.8"}, {"/s", "a number per second such as 50/s"},
		{"x", "a factor such as 10x"}, {"bit/s", "a rate such as 10Mbit"}, {"B", "a size such as 1kB"},
		{"s", "a time such as 10s"}, {"bool", "true or false"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (strcmp(phrases[i].unit, unit) == 0)
			return phrases[i].phrase;
	return unit;
}

int
settings_check(const struct setting *s, double value, const char *unit, char *why, size_t n)
{
	char low[UNITS_TEXT], high[UNITS_TEXT];
	bool yes_no = strcmp(s->unit, "bool") == 0;

	if (strcmp(unit, s->unit) != 0 && (unit[0] != '\0' || yes_no)) {
		snprintf(why, n, "must be %s", unit_phrase(s->unit));
		return ERR_INVALID;
	}
	if (!(value >= s->min && value <= s->max)) {
		snprintf(why, n, "must be between %s and %s", units_text(s->min, s->unit, low),
		    units_text(s->max, s->unit, high));
		return ERR_INVALID;
	}
	return 0;
}
