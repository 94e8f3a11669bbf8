/* One number scanner and one table of suffixes serve all units. */
#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

struct suffix {
	const char *text;
	const char *unit;
	double factor;
};

/* Per unit the largest first, so that units_text finds the shortest form. */
static const struct suffix suffixes[] = {
	{"Tbit", "bit/s", 1e12}, {"Gbit", "bit/s", 1e9},  {"Mbit", "bit/s", 1e6},
	{"kbit", "bit/s", 1e3},  {"bit", "bit/s", 1},
	{"TB", "B", 1e12},       {"GB", "B", 1e9},        {"MB", "B", 1e6},
	{"kB", "B", 1e3},        {"TiB", "B", 1099511627776.0}, {"GiB", "B", 1073741824.0},
	{"MiB", "B", 1048576.0}, {"KiB", "B", 1024.0},    {"B", "B", 1},
	{"d", "s", 86400},       {"h", "s", 3600},        {"m", "s", 60},
	{"s", "s", 1},           {"ms", "s", 0.001},
	{"%", "%", 0.01},        {"/s", "/s", 1},         {"x", "x", 1},
	{"", "", 1},
};

enum { SUFFIXES = sizeof(suffixes) / sizeof(suffixes[0]) };

/* Digits with one optional point; the rest of the text, or NULL. */
static const char *
scan(const char *text, double *value)
{
	double whole = 0, scale = 1;
	int digits = 0;
	bool point = false;

	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point && digits > 0); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		if (++digits > 18)
			return NULL;
		whole = whole * 10 + (*text - '0');
		if (point)
			scale *= 10;
	}
	if (digits == 0 || text[-1] == '.')
		return NULL;
	*value = whole / scale;
	return text;
}

static const struct suffix *
find(const char *text, const char *unit)
{
	char cut[8];
	size_t n = strlen(text);

	/* "10Mbit/s" and "10 Mbit" are the same rate */
	if (n > 5 && n < sizeof(cut) && strcmp(text + n - 2, "/s") == 0) {
		memcpy(cut, text, n - 2);
		cut[n - 2] = '\0';
		text = cut;
	}
	for (int i = 0; i < SUFFIXES; i++) {
		const struct suffix *s = &suffixes[i];

		if (unit != NULL && strcmp(s->unit, unit) != 0)
			continue;
		/* a rate's letters cannot be mistaken; MB and Mb, m and M could */
		if (strcmp(s->unit, "bit/s") == 0 ? strcasecmp(s->text, text) == 0 : strcmp(s->text, text) == 0)
			return s;
		if (strcmp(s->text, "kB") == 0 && strcmp(text, "KB") == 0)
			return s;
	}
	return NULL;
}

/* A number with a suffix of the unit (NULL: of any), or with none. */
static int
measure(const char *text, const char *unit, double *value, const char **found)
{
	const struct suffix *s;
	const char *rest;
	double v;

	rest = scan(text, &v);
	if (rest == NULL)
		return ERR_INVALID;
	if (*rest == '\0') {
		*value = v;
		*found = "";
		return 0;
	}
	if (*rest == ' ')
		rest++;
	s = find(rest, unit);
	if (s == NULL || *rest == '\0')
		return ERR_INVALID;
	/* dividing keeps 80 % and 1 ms at the nearest double */
	*value = s->factor < 1 ? v / round(1 / s->factor) : v * s->factor;
	*found = s->unit;
	return 0;
}

static int
whole_measure(const char *text, const char *unit, uint64_t *value)
{
	const char *found;
	double v;

	if (measure(text, unit, &v, &found) < 0 || v > 9e15) /* exact in a double */
		return ERR_INVALID;
	*value = (uint64_t)llround(v);
	return 0;
}

int
units_rate(const char *text, uint64_t *bps)
{
	return whole_measure(text, "bit/s", bps);
}

int
units_size(const char *text, uint64_t *bytes)
{
	return whole_measure(text, "B", bytes);
}

int
units_duration(const char *text, double *seconds)
{
	const char *found;

	return measure(text, "s", seconds, &found);
}

int
units_whole(const char *text, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	size_t n = strlen(digits);

	if (n == 0 || n != strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789"))
		return ERR_INVALID;
	if (hex ? n > 16 : n > 19) /* 19 digits always fit */
		return ERR_INVALID;
	*value = strtoull(digits, NULL, hex ? 16 : 10);
	return 0;
}

int
units_bool(const char *text, bool *value)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2 == 1;
			return 0;
		}
	}
	return ERR_INVALID;
}

int
units_value(const char *text, double *value, const char **unit)
{
	bool yes;

	if (units_bool(text, &yes) == 0) {
		*value = yes ? 1 : 0;
		*unit = "bool";
		return 0;
	}
	return measure(text, NULL, value, unit);
}

/* Whether the text reads back as exactly the value. */
static bool
reads_back(const char *text, double value)
{
	const char *unit;
	double v;

	return measure(text, NULL, &v, &unit) == 0 && v == value;
}

const char *
units_text(double value, const char *unit, char buf[UNITS_TEXT])
{
	if (strcmp(unit, "bool") == 0) {
		snprintf(buf, UNITS_TEXT, "%s", value != 0 ? "true" : "false");
		return buf;
	}
	for (int i = 0; i < SUFFIXES; i++) {
		const struct suffix *s = &suffixes[i];
		double n = value / s->factor;

		if (strcmp(s->unit, unit) != 0 || (n < 1 && s->factor > 1))
			continue;
		/* a few digits at most: 90 s rather than 1.5 m, but 1.5Gbit rather than 1500Mbit */
		for (int decimals = 0; decimals <= (strcmp(unit, "s") == 0 && s->factor >= 1 ? 0 : 2); decimals++) {
			snprintf(buf, UNITS_TEXT, "%.*f%s", decimals, n, s->text);
			if (reads_back(buf, value))
				return buf;
		}
	}
	/* no short form: all digits, without a unit unless it is a bare number anyway */
	for (int decimals = 0; decimals <= 17; decimals++) {
		snprintf(buf, UNITS_TEXT, "%.*f", decimals, value);
		if (reads_back(buf, value))
			break;
	}
	return buf;
}
