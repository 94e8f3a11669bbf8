/* Reading a scenario's key=value pairs; see gen.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gen/gen.h"

void
gen_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("damp-gen: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

const char *
opt_text(struct opts *o, const char *key, const char *def)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->opt[i].key, key) == 0) {
			o->opt[i].used = true;
			def = o->opt[i].value;
		}
	return def;
}

static _Noreturn void
bad(const struct opts *o, const char *key, const char *value, const char *want)
{
	gen_fail("%s: %s=%s: %s", o->scenario, key, value, want);
}

uint64_t
opt_uint(struct opts *o, const char *key, uint64_t def)
{
	const char *t = opt_text(o, key, NULL);
	char *end;
	unsigned long long v;

	if (t == NULL)
		return def;
	v = strtoull(t, &end, 10);
	if (t[0] < '0' || t[0] > '9' || *end != '\0' || v > 10000000000ULL)
		bad(o, key, t, "not a number");
	return v;
}

bool
opt_yes(struct opts *o, const char *key, bool def)
{
	const char *t = opt_text(o, key, def ? "yes" : "no");

	if (strcmp(t, "yes") != 0 && strcmp(t, "no") != 0)
		bad(o, key, t, "yes or no");
	return strcmp(t, "yes") == 0;
}

/* A decimal number in millionths; *end is set behind it. */
static uint64_t
micro(const char *t, const char **end)
{
	uint64_t v = 0, unit = 1000000;

	for (; *t >= '0' && *t <= '9' && v < UINT64_MAX / 100; t++)
		v = v * 10 + (uint64_t)(*t - '0') * 1000000;
	if (*t == '.')
		for (t++; *t >= '0' && *t <= '9'; t++)
			v += (uint64_t)(*t - '0') * (unit /= 10);
	*end = t;
	return v;
}

uint64_t
opt_micro(struct opts *o, const char *key, const char *def)
{
	const char *t = opt_text(o, key, def), *end;
	uint64_t v = micro(t, &end);

	if (end == t || *end != '\0')
		bad(o, key, t, "not a number");
	return v;
}

void
opt_micro_range(struct opts *o, const char *key, const char *def, uint64_t *lo, uint64_t *hi)
{
	const char *t = opt_text(o, key, def), *end, *second;

	*lo = *hi = micro(t, &end);
	if (end != t && *end == '-') {
		second = end + 1;
		*hi = micro(second, &end);
		if (end == second)
			bad(o, key, t, "not a range");
	}
	if (end == t || *end != '\0' || *hi < *lo)
		bad(o, key, t, "not a number or a range");
}

int64_t
opt_seconds(struct opts *o, const char *key, const char *def)
{
	return (int64_t)opt_micro(o, key, def) * 1000;
}

struct addr
opt_addr(struct opts *o, const char *key, const char *def)
{
	const char *t = opt_text(o, key, def);
	struct addr a;

	if (addr_parse(t, &a) < 0)
		bad(o, key, t, "not an address");
	return a;
}

size_t
opt_addrs(struct opts *o, const char *key, const char *def, struct addr *a, size_t max)
{
	const char *t = opt_text(o, key, def);
	size_t n = 0;

	for (const char *p = t; *p != '\0'; n++) {
		size_t len = strcspn(p, ",");
		char one[ADDR_TEXT];

		if (n == max || len >= sizeof(one))
			bad(o, key, t, "too many addresses");
		memcpy(one, p, len);
		one[len] = '\0';
		if (addr_parse(one, &a[n]) < 0)
			bad(o, key, t, "not a list of addresses");
		p += len + (p[len] == ',');
	}
	return n;
}

struct prefix
opt_prefix(struct opts *o, const char *key, const char *def)
{
	const char *t = opt_text(o, key, def);
	struct prefix p;

	if (prefix_parse(t, &p) < 0)
		bad(o, key, t, "not a prefix");
	return p;
}
