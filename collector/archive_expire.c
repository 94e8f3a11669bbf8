/* The complete files of an archive, oldest first by the time inside them, and what retention deletes. */
#include "collector/archive_inner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

/* '9' stands for a digit, '+' for a sign; returns what follows, or NULL. */
static const char *
fits(const char *text, const char *shape)
{
	for (; *shape != '\0'; shape++, text++) {
		bool good = *shape == '9' ? isdigit((unsigned char)*text) != 0
		          : *shape == '+' ? *text == '+' || *text == '-' : *text == *shape;

		if (!good)
			return NULL;
	}
	return text;
}

int
archive_name_kind(const char *name)
{
	const char *p = fits(name, "tmp-");
	int kind = p != NULL ? 2 : 1;

	p = fits(p != NULL ? p : name, "damp-99999999T999999+9999");
	if (p == NULL)
		return 0;
	if (*p == '-') {
		const char *digits = ++p;

		while (isdigit((unsigned char)*p))
			p++;
		if (p == digits)
			return 0;
	}
	return strcmp(p, ".ipfix") == 0 || strcmp(p, ".ipfix.zst") == 0 ? kind : 0;
}

static bool
is_nest(const char *name, unsigned int depth)
{
	static const char *const shape[ARCHIVE_NESTING_MAX] = {"9999", "9999-99", "9999-99-99"};
	const char *end = depth < ARCHIVE_NESTING_MAX ? fits(name, shape[depth]) : NULL;

	return end != NULL && *end == '\0';
}

int
archive_index_add(struct archive_index *ix, const char *path, int64_t time_s, uint64_t bytes)
{
	char *copy = strdup(path);
	size_t at = ix->n;

	if (copy == NULL)
		return ERR_NOMEM;
	if (ix->n == ix->cap) {
		size_t cap = ix->cap != 0 ? 2 * ix->cap : 256;
		struct archive_entry *grown = realloc(ix->entry, cap * sizeof(*grown));

		if (grown == NULL) {
			free(copy);
			return ERR_NOMEM;
		}
		ix->entry = grown;
		ix->cap = cap;
	}
	while (at > 0 && ix->entry[at - 1].time_s > time_s)
		at--;
	memmove(ix->entry + at + 1, ix->entry + at, (ix->n - at) * sizeof(*ix->entry));
	ix->entry[at] = (struct archive_entry){time_s, bytes, copy};
	ix->n++;
	ix->bytes += bytes;
	return 0;
}

void
archive_index_done(struct archive_index *ix)
{
	for (size_t i = 0; i < ix->n; i++)
		free(ix->entry[i].path);
	free(ix->entry);
	*ix = (struct archive_index){0};
}

/* --- finding them --------------------------------------------------------------------------------------------- */

struct walk {
	struct archive_index *ix; /* NULL: left-over files are wanted */
	void (*leftover)(void *ctx, const char *path);
	void *ctx;
};

static int
take_file(const struct walk *w, const char *path, const char *name)
{
	int kind = archive_name_kind(name);
	int64_t time_s;
	struct stat st;

	if (w->ix == NULL) {
		if (kind == 2)
			w->leftover(w->ctx, path);
		return 0;
	}
	if (kind != 1 || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	time_s = archive_file_time(path);
	return time_s >= 0 ? archive_index_add(w->ix, path, time_s, (uint64_t)st.st_size) : 0;
}

static int
walk(const struct walk *w, const char *dir, unsigned int depth)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort), err = n < 0 && depth == 0 ? ERR_IO : 0;

	for (int i = 0; i < n; i++) {
		char path[ARCHIVE_PATH];
		struct stat st;
		int length = snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);

		if (err == 0 && length < (int)sizeof(path)) {
			if (is_nest(list[i]->d_name, depth) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
				err = walk(w, path, depth + 1);
			else
				err = take_file(w, path, list[i]->d_name);
		}
		free(list[i]);
	}
	free(list);
	return err;
}

int
archive_index_scan(struct archive_index *ix, const char *dir, void (*leftover)(void *ctx, const char *path), void *ctx)
{
	struct walk first = {NULL, leftover, ctx}, second = {ix, NULL, NULL};
	int err = walk(&first, dir, 0);

	return err < 0 ? err : walk(&second, dir, 0);
}

/* --- deleting ------------------------------------------------------------------------------------------------- */

/* The directories of days and months that became empty; rmdir refuses the others. */
static void
remove_empty(char *path, const char *dir)
{
	size_t top = strlen(dir);

	for (;;) {
		char *slash = strrchr(path, '/');

		if (slash == NULL || (size_t)(slash - path) <= top)
			return;
		*slash = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

static bool
must_go(const struct archive_index *ix, const struct archive_limits *l, int64_t now_s, unsigned int span_s)
{
	const struct archive_entry *e = &ix->entry[0];

	if (ix->n < 2) /* the newest stays: a limit below one file must not empty the archive */
		return false;
	if ((l->max_count != 0 && ix->n > l->max_count) || (l->max_bytes != 0 && ix->bytes > l->max_bytes))
		return true;
	return l->max_age_s != 0 && now_s - e->time_s - span_s > 0 &&
	    (uint64_t)(now_s - e->time_s - span_s) > l->max_age_s;
}

void
archive_index_expire(struct archive_index *ix, const struct archive_limits *l, int64_t now_s, unsigned int span_s,
    const char *dir, struct archive_stats *stats)
{
	while (must_go(ix, l, now_s, span_s)) {
		struct archive_entry e = ix->entry[0];

		ix->n--;
		ix->bytes -= e.bytes;
		memmove(ix->entry, ix->entry + 1, ix->n * sizeof(*ix->entry));
		if (unlink(e.path) == 0) {
			stats->expired++;
			stats->expired_bytes += e.bytes;
			remove_empty(e.path, dir);
		} else if (errno != ENOENT) {
			stats->errors++; /* no longer ours to count; the next archive_open sees it again */
		}
		free(e.path);
	}
}
