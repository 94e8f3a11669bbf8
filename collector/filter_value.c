/* Values of the filter language: numbers with k, m and g, names, AS numbers in both notations, times. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/filter_program.h"

/* Digits up to `max`; the end, or NULL. */
static const char *
digits(const char *p, uint64_t *value)
{
	const char *from = p;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > (UINT64_MAX - 9) / 10)
			return NULL;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*value = v;
	return p > from ? p : NULL;
}

static const char *
hex_digits(const char *p, uint64_t *value)
{
	char *end;

	if (strspn(p, "0123456789abcdefABCDEF") == 0 || strspn(p, "0123456789abcdefABCDEF") > 16)
		return NULL;
	*value = strtoull(p, &end, 16);
	return end;
}

static uint64_t
suffix(char c)
{
	switch (c) {
	case 'k': case 'K': return 1000;
	case 'm': case 'M': return 1000000;
	case 'g': case 'G': return 1000000000;
	case 't': case 'T': return UINT64_C(1000000000000);
	default: return 0;
	}
}

/* "1500", "1.5m", "0x1f"; the end, or NULL. */
static const char *
count(const char *p, uint64_t *value)
{
	uint64_t whole, part = 0, scale, tenth = 1;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return hex_digits(p + 2, value);
	p = digits(p, &whole);
	if (p == NULL)
		return NULL;
	if (*p == '.' && p[1] >= '0' && p[1] <= '9')
		for (p++; *p >= '0' && *p <= '9'; p++)
			if (tenth < 1000000) {
				part = part * 10 + (uint64_t)(*p - '0');
				tenth *= 10;
			}
	scale = suffix(*p);
	if (scale > 0)
		p++;
	else if (tenth > 1)
		return NULL;
	else
		scale = 1;
	if (whole > (UINT64_MAX >> 1) / scale)
		return NULL;
	*value = whole * scale + part * (scale > 1 ? scale : 0) / tenth;
	return p;
}

/* 655361, AS655361 or 10.1 (RFC 5396). */
static const char *
as_number(const char *p, uint64_t *value)
{
	uint64_t low;

	if (strncasecmp(p, "as", 2) == 0)
		p += 2;
	p = digits(p, value);
	if (p == NULL || *p != '.' || p[1] < '0' || p[1] > '9')
		return p;
	p = digits(p + 1, &low);
	if (p == NULL || *value > 65535 || low > 65535)
		return NULL;
	*value = *value << 16 | low;
	return p;
}

/* Letters as tcpdump and nfdump have them, from the lowest bit on. */
static const char *
flag_letters(const char *p, uint64_t *value)
{
	static const char letters[] = "FSRPAUEC";
	uint64_t v = 0;
	const char *at;

	if (*p >= '0' && *p <= '9')
		return count(p, value);
	for (; *p != '\0' && (at = strchr(letters, *p & ~32)) != NULL; p++)
		v |= UINT64_C(1) << (at - letters);
	*value = v;
	return p;
}

static int
named(const struct filter_word *w, const char *text)
{
	switch (w->value) {
	case VALUE_PORT: return filter_service(text);
	case VALUE_PROTO: return filter_proto(text);
	case VALUE_QTYPE: return dns_type_parse(text);
	default: return -1;
	}
}

static const char *
one_number(const struct filter_word *w, const char *p, uint64_t *value)
{
	switch (w->value) {
	case VALUE_AS: return as_number(p, value);
	case VALUE_FLAGS: return flag_letters(p, value);
	default: return count(p, value);
	}
}

/* --- times -------------------------------------------------------------------------------------------------- */

static const char *
two(const char *p, unsigned int *v)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return NULL;
	*v = (unsigned int)(p[0] - '0') * 10 + (unsigned int)(p[1] - '0');
	return p + 2;
}

/* hh:mm[:ss[.fff]] behind a date, or nothing at all. */
static const char *
clock_part(const char *p, struct tm *tm, int64_t *frac_ns, int64_t *step_ns)
{
	unsigned int h, m, s = 0;
	const char *q = p;

	if (*q == '\0' || strchr("T._ ", *q) == NULL || (q = two(q + 1, &h)) == NULL || *q != ':' ||
	    (q = two(q + 1, &m)) == NULL)
		return p;
	p = q;
	*step_ns = 60 * NS_PER_S;
	if (*p == ':' && (q = two(p + 1, &s)) != NULL) {
		int64_t unit = NS_PER_S;

		p = q;
		if (p[0] == '.' && p[1] >= '0' && p[1] <= '9')
			for (p++; *p >= '0' && *p <= '9'; p++)
				if (unit > 1) {
					unit /= 10;
					*frac_ns += (*p - '0') * unit;
				}
		*step_ns = unit;
	}
	if (h > 23 || m > 59 || s > 60)
		return NULL;
	tm->tm_hour = (int)h;
	tm->tm_min = (int)m;
	tm->tm_sec = (int)s;
	return p;
}

static const char *
epoch(const char *p, int64_t *t_ns, int64_t *step_ns)
{
	uint64_t s;

	p = digits(p, &s);
	if (p == NULL || s >= UINT64_C(9200000000))
		return NULL;
	*t_ns = (int64_t)s * NS_PER_S;
	*step_ns = NS_PER_S;
	return p;
}

const char *
filter_time(const char *p, bool local, int64_t *t_ns, int64_t *step_ns)
{
	unsigned int century, year, mo, d;
	struct tm tm = {.tm_isdst = -1};
	int64_t frac_ns = 0;
	char sep;

	if (*p == '@')
		return epoch(p + 1, t_ns, step_ns);
	if ((p = two(p, &century)) == NULL || (p = two(p, &year)) == NULL || (*p != '-' && *p != '/'))
		return NULL;
	sep = *p;
	if ((p = two(p + 1, &mo)) == NULL || *p != sep || (p = two(p + 1, &d)) == NULL)
		return NULL;
	year += century * 100;
	if (year < 1970 || year > 2261 || mo < 1 || mo > 12 || d < 1 || d > 31)
		return NULL;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)mo - 1;
	tm.tm_mday = (int)d;
	*step_ns = 86400 * NS_PER_S;
	p = clock_part(p, &tm, &frac_ns, step_ns);
	if (p == NULL)
		return NULL;
	if (*p == 'Z') {
		local = false;
		p++;
	}
	*t_ns = (int64_t)(local ? mktime(&tm) : timegm(&tm)) * NS_PER_S + frac_ns;
	return p;
}

int
filter_duration(const char *text, uint64_t *ns)
{
	static const struct { const char *unit; uint64_t ns; } units[] = {
		{"", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"s", 1000000000}, {"sec", 1000000000}, {"second", 1000000000},
		{"seconds", 1000000000}, {"m", UINT64_C(60000000000)}, {"min", UINT64_C(60000000000)},
		{"minute", UINT64_C(60000000000)}, {"minutes", UINT64_C(60000000000)}, {"h", UINT64_C(3600000000000)},
		{"hour", UINT64_C(3600000000000)}, {"hours", UINT64_C(3600000000000)}, {"d", UINT64_C(86400000000000)},
		{"day", UINT64_C(86400000000000)}, {"days", UINT64_C(86400000000000)},
	};
	uint64_t whole, part = 0, tenth = 1;
	const char *p = digits(text, &whole);

	if (p == NULL)
		return ERR_INVALID;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			if (tenth < 1000) {
				part = part * 10 + (uint64_t)(*p - '0');
				tenth *= 10;
			}
	p += *p == ' ';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcasecmp(p, units[i].unit) == 0 && whole < INT64_MAX / 2 / units[i].ns) {
			*ns = whole * units[i].ns + part * units[i].ns / tenth;
			return 0;
		}
	return ERR_INVALID;
}

static int
time_range(const char *text, bool local, struct filter_range *r)
{
	int64_t from, to, step;
	const char *p = filter_time(text, local, &from, &step);

	if (p == NULL || from < 0)
		return ERR_INVALID;
	r->low = (uint64_t)from;
	if (strncmp(p, "..", 2) == 0) {
		p = filter_time(p + 2, local, &to, &step);
		if (p == NULL || to < from)
			return ERR_INVALID;
		r->high = (uint64_t)to - (to > from);
	} else {
		r->high = (uint64_t)(from + step - 1);
	}
	return *p == '\0' ? 0 : ERR_INVALID;
}

/* --- all kinds ---------------------------------------------------------------------------------------------- */

static const char *
form_of(const struct filter_word *w)
{
	switch (w->value) {
	case VALUE_COUNT: return "a number such as 1500, 10k, 1.5m or 2g";
	case VALUE_PORT: return "a port from 0 to 65535 or a name such as domain";
	case VALUE_PROTO: return "a protocol such as udp, or its number";
	case VALUE_AS: return "an AS number such as 64500 or 10.1";
	case VALUE_QTYPE: return "a DNS type such as ANY";
	case VALUE_FLAGS: return "TCP flags of the letters FSRPAUEC, or a number up to 255";
	case VALUE_TIME: return "a time such as 2013-04-03T14:40:00, or \"last 10m\"";
	case VALUE_DURATION: return "a time with its unit, such as 500ms, 30s or 5m";
	default: return "a number";
	}
}

/* "53", "1..1023" or "1-1023" */
static int
number_range(const struct filter_word *w, const char *text, struct filter_range *r)
{
	const char *p = one_number(w, text, &r->low);
	int n;

	if (p != NULL && *p == '\0') {
		r->high = r->low;
		return 0;
	}
	if (p != NULL && (*p == '-' || strncmp(p, "..", 2) == 0) && w->value != VALUE_FLAGS) {
		p = one_number(w, p + (*p == '-' ? 1 : 2), &r->high);
		return p != NULL && *p == '\0' && r->low <= r->high ? 0 : ERR_INVALID;
	}
	n = named(w, text);
	if (n < 0)
		return ERR_INVALID;
	r->low = r->high = (uint64_t)n;
	return 0;
}

int
filter_number(const struct filter_word *w, const char *text, bool local, struct filter_range *r, char *why,
    size_t why_size)
{
	size_t n = strlen(text);
	uint64_t ns;
	int err;

	if (w->value == VALUE_TIME) {
		err = time_range(text, local, r);
	} else if (w->value == VALUE_DURATION) {
		err = n > 0 && text[n - 1] >= '0' && text[n - 1] <= '9' && strspn(text, "0") != n ? ERR_INVALID :
		    filter_duration(text, &ns);
		if (err == 0)
			r->low = r->high = ns;
	} else {
		err = number_range(w, text, r);
	}
	if (err == 0 && w->max > 0 && r->high > w->max) {
		snprintf(why, why_size, "%s goes up to %llu", w->name, (unsigned long long)w->max);
		return ERR_INVALID;
	}
	if (err < 0 || r->high == FILTER_NONE)
		snprintf(why, why_size, "'%.40s' is not %s", text, form_of(w));
	return err < 0 || r->high == FILTER_NONE ? ERR_INVALID : 0;
}
