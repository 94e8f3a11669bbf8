#define _DEFAULT_SOURCE
#include "base/timefmt.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

int64_t
time_seconds(int64_t t_ns)
{
	return t_ns / NS_PER_S - (t_ns % NS_PER_S < 0 ? 1 : 0);
}

static struct tm
split(int64_t t_ns)
{
	time_t s = (time_t)time_seconds(t_ns);
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	gmtime_r(&s, &tm);
	return tm;
}

const char *
time_rfc3339(int64_t t_ns, char buf[TIME_TEXT])
{
	struct tm tm = split(t_ns);
	int ms = (int)((t_ns - time_seconds(t_ns) * NS_PER_S) / 1000000);
	char head[24];

	strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, TIME_TEXT, "%s.%03dZ", head, ms);
	return buf;
}

const char *
time_clock(int64_t t_ns, char buf[TIME_TEXT])
{
	struct tm tm = split(t_ns);

	strftime(buf, TIME_TEXT, "%H:%M:%S", &tm);
	return buf;
}

const char *
time_date(int64_t t_ns, char buf[TIME_TEXT])
{
	struct tm tm = split(t_ns);

	strftime(buf, TIME_TEXT, "%Y-%m-%d", &tm);
	return buf;
}

int
time_parse_rfc3339(const char *text, int64_t *t_ns)
{
	int y, mo, d, h, mi, s, n = 0;
	int64_t frac = 0, unit = NS_PER_S;
	struct tm tm;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &n) != 6 || n != 19)
		return ERR_INVALID;
	text += n;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++)
			if (unit > 1) {
				unit /= 10;
				frac += (*text - '0') * unit;
			}
	if (strcmp(text, "Z") != 0 || y < 1970 || y > 2261 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 ||
	    s > 60)
		return ERR_INVALID;
	memset(&tm, 0, sizeof(tm));
	tm.tm_year = y - 1900;
	tm.tm_mon = mo - 1;
	tm.tm_mday = d;
	tm.tm_hour = h;
	tm.tm_min = mi;
	tm.tm_sec = s;
	*t_ns = (int64_t)timegm(&tm) * NS_PER_S + frac;
	return 0;
}
