#include "base/nearest.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned int
least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int
nearest_distance(const char *a, const char *b)
{
	size_t n = strnlen(a, NEAREST_MAX + 1), m = strnlen(b, NEAREST_MAX + 1);
	unsigned int rows[3][NEAREST_MAX + 1]; /* two rows back are needed for a swap */

	if (n > NEAREST_MAX || m > NEAREST_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int *now = rows[i % 3], *before = rows[(i - 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);
			unsigned int d = before[j - 1] + (x != y);

			d = least(d, least(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
				d = least(d, rows[(i - 2) % 3][j - 2] + 1);
			now[j] = d;
		}
	}
	return rows[n % 3][m];
}

void
nearest_init(struct nearest *n, const char *text)
{
	*n = (struct nearest){text, NULL, UINT_MAX};
}

void
nearest_try(struct nearest *n, const char *name)
{
	size_t typed = strnlen(n->text, NEAREST_MAX + 1), len = strlen(name);
	unsigned int d = nearest_distance(n->text, name);

	if (d == UINT_MAX || typed == 0)
		return;
	if (typed >= 3 && typed < len && strncasecmp(n->text, name, typed) == 0)
		d = 1; /* an abbreviation: as good as one typing mistake */
	else if (d > (typed > len ? typed : len) / 3 && d > 1)
		return;
	else if (d >= len || d >= typed)
		return; /* nothing of it would stay */
	if (d < n->distance) {
		n->distance = d;
		n->best = name;
	}
}

const char *
nearest_found(const struct nearest *n)
{
	return n->best;
}

const char *
nearest_name(const char *const *names, size_t count, const char *text)
{
	struct nearest n;

	nearest_init(&n, text);
	for (size_t i = 0; i < count; i++)
		nearest_try(&n, names[i]);
	return nearest_found(&n);
}
