/* When the contents of a recorded file began: by its name, or by its header. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/cursor.h"
#include "collector/tree.h"

enum { HEADER_V1 = 276 };

/* Exactly n digits; *ok stays true only then. */
static int
digits(const char **p, int n, bool *ok)
{
	int v = 0;

	for (; n > 0 && *ok; n--, (*p)++) {
		*ok = isdigit((unsigned char)**p) != 0;
		v = *ok ? v * 10 + (**p - '0') : v;
	}
	return v;
}

static void
expect(const char **p, char c, bool *ok)
{
	*ok = *ok && **p == c;
	if (*ok)
		(*p)++;
}

/* +hhmm or -hhmm in seconds. */
static int
zone(const char **p, bool *ok)
{
	bool west = **p == '-';
	int h, m;

	if (!west)
		expect(p, '+', ok);
	else
		(*p)++;
	h = digits(p, 2, ok);
	m = digits(p, 2, ok);
	return (west ? -1 : 1) * (h * 3600 + m * 60);
}

static int64_t
moment(struct tm *t, bool local, int zone_s)
{
	time_t s;

	t->tm_year -= 1900;
	t->tm_mon -= 1;
	t->tm_isdst = -1;
	s = local ? mktime(t) : timegm(t);
	return s > 0 ? ((int64_t)s - zone_s) * 1000000000 : 0;
}

/* ft-v05.2011-02-13.075500+1100, ft-v08m01.… */
static int64_t
flowtools_name(const char *p)
{
	struct tm t = {0};
	bool ok = true;
	int zone_s;

	p = strchr(p, '.');
	if (p == NULL)
		return 0;
	p++;
	t.tm_year = digits(&p, 4, &ok);
	expect(&p, '-', &ok);
	t.tm_mon = digits(&p, 2, &ok);
	expect(&p, '-', &ok);
	t.tm_mday = digits(&p, 2, &ok);
	expect(&p, '.', &ok);
	t.tm_hour = digits(&p, 2, &ok);
	t.tm_min = digits(&p, 2, &ok);
	t.tm_sec = digits(&p, 2, &ok);
	zone_s = zone(&p, &ok);
	return ok ? moment(&t, false, zone_s) : 0;
}

/* nfcapd.YYYYMMDDhhmm[ss][+zzzz] */
static int64_t
nfcapd_name(const char *p)
{
	struct tm t = {0};
	bool ok = true;
	int zone_s = 0;
	bool zoned;

	t.tm_year = digits(&p, 4, &ok);
	t.tm_mon = digits(&p, 2, &ok);
	t.tm_mday = digits(&p, 2, &ok);
	t.tm_hour = digits(&p, 2, &ok);
	t.tm_min = digits(&p, 2, &ok);
	if (ok && isdigit((unsigned char)*p))
		t.tm_sec = digits(&p, 2, &ok);
	zoned = ok && (*p == '+' || *p == '-');
	if (zoned)
		zone_s = zone(&p, &ok);
	return ok ? moment(&t, !zoned, zone_s) : 0;
}

/* damp-YYYYMMDDThhmmss+zzzz.ipfix.zst */
static int64_t
damp_name(const char *p)
{
	struct tm t = {0};
	bool ok = true;
	int zone_s;

	t.tm_year = digits(&p, 4, &ok);
	t.tm_mon = digits(&p, 2, &ok);
	t.tm_mday = digits(&p, 2, &ok);
	expect(&p, 'T', &ok);
	t.tm_hour = digits(&p, 2, &ok);
	t.tm_min = digits(&p, 2, &ok);
	t.tm_sec = digits(&p, 2, &ok);
	zone_s = zone(&p, &ok);
	return ok ? moment(&t, false, zone_s) : 0;
}

int64_t
tree_name_time(const char *name)
{
	static const struct {
		const char *prefix;
		int64_t (*time)(const char *rest);
	} kinds[] = {{"ft-v", flowtools_name}, {"nfcapd.", nfcapd_name}, {"damp-", damp_name}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(name, kinds[i].prefix, n) == 0)
			return kinds[i].time(name + n);
	}
	return 0;
}

static uint32_t
u32(struct cursor *c, bool little)
{
	uint32_t v = cursor_u32(c);

	return little ? __builtin_bswap32(v) : v;
}

static uint16_t
u16(struct cursor *c, bool little)
{
	uint16_t v = cursor_u16(c);

	return little ? __builtin_bswap16(v) : v;
}

/* The start of the capture is item 6 of the header. */
static uint32_t
flowtools_head(struct cursor *c, bool little)
{
	cursor_skip(c, 4);
	while (!c->bad && cursor_left(c) >= 4) {
		unsigned int type = u16(c, little);
		struct cursor v = cursor_sub(c, u16(c, little));

		if (type == 6)
			return u32(&v, little);
		if (type == 0)
			break;
	}
	return 0;
}

int64_t
tree_head_time(const uint8_t *head, size_t n)
{
	struct cursor c = cursor_view(head, n);
	uint32_t magic = cursor_u32(&c), s = 0;
	bool little;

	switch (magic) {
	case 0xa1b2c3d4: case 0xa1b23c4d: case 0xa1b2cd34: case 0xd4c3b2a1: case 0x4d3cb2a1: case 0x34cdb2a1:
		little = (magic & 0xff) == 0xa1;
		cursor_skip(&c, 20);
		s = u32(&c, little); /* the first packet's */
		break;
	case 0x0ca50100: /* nfdump 1.6: the first flow's */
		cursor_skip(&c, HEADER_V1 - 4 - 16);
		s = u32(&c, true);
		break;
	case 0x0ca50200: /* 1.7: the file's */
		cursor_skip(&c, 4);
		s = u32(&c, true);
		break;
	case 0xcf100103: case 0xcf100203:
		s = flowtools_head(&c, magic == 0xcf100103);
		break;
	default:
		if (magic >> 16 == 10) /* an IPFIX message: when it was exported */
			s = cursor_u32(&c);
	}
	return c.bad ? 0 : (int64_t)s * 1000000000;
}

/* The number at *p without its leading zeros: digits in *n; *p moves behind it. */
static const char *
number(const char **p, size_t *n)
{
	const char *start;

	while (**p == '0')
		(*p)++;
	start = *p;
	while (isdigit((unsigned char)**p))
		(*p)++;
	*n = (size_t)(*p - start);
	return start;
}

int
tree_compare(const char *a, const char *b)
{
	const char *whole_a = a, *whole_b = b;

	while (*a != '\0' && *b != '\0') {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t an, bn;
			const char *ad = number(&a, &an), *bd = number(&b, &bn);
			int order = an != bn ? (an < bn ? -1 : 1) : memcmp(ad, bd, an);

			if (order != 0)
				return order;
		} else if (*a != *b) {
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	return *a != '\0' ? 1 : *b != '\0' ? -1 : strcmp(whole_a, whole_b);
}
