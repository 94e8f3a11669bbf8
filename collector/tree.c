/* Walking folders, and the order of what they hold. */
#include "collector/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/reader.h"
#include "collector/unpack.h"

enum { HEAD = 1024 };

struct found {
	char *path;
	int64_t time_ns; /* 0: unknown */
};

struct folder {
	dev_t dev;
	ino_t ino;
};

struct walk {
	struct found *file;
	size_t n, cap;
	struct folder *seen; /* sorted */
	size_t seen_n, seen_cap;
	bool nomem, too_many;
	tree_problem *problem;
	void *ctx;
};

static void
tell(const struct walk *w, const char *path, const char *reason)
{
	if (w->problem != NULL)
		w->problem(w->ctx, path, reason);
}

/* Takes the path over. */
static void
add(struct walk *w, char *path, int64_t time_ns)
{
	struct found *p = w->file;

	if (w->n == TREE_FILES_MAX) {
		if (!w->too_many)
			tell(w, path, "too many files; it and those behind are left out");
		w->too_many = true;
		free(path);
		return;
	}
	if (w->n == w->cap) {
		p = realloc(p, (w->cap * 2 + 16) * sizeof(*p));
		if (p == NULL) {
			w->nomem = true;
			free(path);
			return;
		}
		w->file = p;
		w->cap = w->cap * 2 + 16;
	}
	w->file[w->n++] = (struct found){path, time_ns};
}

static int
folder_order(const struct folder *a, const struct folder *b)
{
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

/* True the first time. */
static bool
first_visit(struct walk *w, const char *path, const struct stat *st)
{
	struct folder f = {st->st_dev, st->st_ino}, *p;
	size_t low = 0, high = w->seen_n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (folder_order(&w->seen[middle], &f) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->seen_n && folder_order(&w->seen[low], &f) == 0)
		return false;
	if (w->seen_n == TREE_FOLDERS_MAX) {
		tell(w, path, "too many folders; it is left out");
		return false;
	}
	if (w->seen_n == w->seen_cap) {
		p = realloc(w->seen, (w->seen_cap * 2 + 16) * sizeof(*p));
		if (p == NULL) {
			w->nomem = true;
			return false;
		}
		w->seen = p;
		w->seen_cap = w->seen_cap * 2 + 16;
	}
	memmove(w->seen + low + 1, w->seen + low, (w->seen_n - low) * sizeof(f));
	w->seen[low] = f;
	w->seen_n++;
	return true;
}

static bool
unfinished(const char *name)
{
	size_t n = strlen(name);

	return name[0] == '.' || strncmp(name, "tmp-", 4) == 0 || strncmp(name, "nfcapd.current", 14) == 0 ||
	    (n >= 4 && strcmp(name + n - 4, ".tmp") == 0);
}

static ssize_t
more_of(void *fd, uint8_t *to, size_t n)
{
	return read(*(int *)fd, to, n);
}

/* The first bytes of what a file holds, decompressed. */
static size_t
read_head(const char *path, uint8_t head[HEAD])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, head, UNPACK_HEAD);
	size_t n = got > 0 ? (size_t)got : 0;
	enum unpack_kind kind = unpack_probe(head, n);
	struct unpack *u = kind == UNPACK_NONE ? NULL : unpack_new(kind, head, n, more_of, &fd);

	if (u != NULL)
		n = 0;
	while (fd >= 0 && n < HEAD) {
		got = u != NULL ? unpack_read(u, head + n, HEAD - n) : read(fd, head + n, HEAD - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	unpack_free(u);
	if (fd >= 0)
		close(fd);
	return n;
}

/* A file found in a folder. */
static void
take_file(struct walk *w, char *path, const char *name)
{
	uint8_t head[HEAD];
	int64_t t = tree_name_time(name);
	size_t n;

	if (t == 0) {
		n = read_head(path, head);
		if (!source_known(head, n)) {
			free(path);
			return;
		}
		t = tree_head_time(head, n);
	}
	add(w, path, t);
}

static void walk_folder(struct walk *w, const char *path, unsigned int depth);

static void
take_entry(struct walk *w, const char *folder, const char *name, unsigned int depth)
{
	struct stat st;
	char *path = NULL;

	if (unfinished(name) || w->nomem)
		return;
	if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0) {
		w->nomem = true;
		return;
	}
	if (stat(path, &st) < 0) {
		tell(w, path, strerror(errno));
	} else if (S_ISREG(st.st_mode)) {
		take_file(w, path, name);
		return;
	} else if (S_ISDIR(st.st_mode) && first_visit(w, path, &st)) {
		walk_folder(w, path, depth + 1);
	}
	free(path);
}

static void
walk_folder(struct walk *w, const char *path, unsigned int depth)
{
	DIR *d;
	const struct dirent *e;

	if (depth > TREE_DEPTH_MAX) {
		tell(w, path, "folders are nested too deep; it is left out");
		return;
	}
	d = opendir(path);
	if (d == NULL) {
		tell(w, path, strerror(errno));
		return;
	}
	while ((e = readdir(d)) != NULL)
		take_entry(w, path, e->d_name, depth);
	closedir(d);
}

static int
by_time(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if ((x->time_ns == 0) != (y->time_ns == 0))
		return x->time_ns == 0 ? 1 : -1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return tree_compare(x->path, y->path);
}

/* The files of folders stand before the `first`-th file of the command line. */
static int
arrange(struct walk *w, struct walk *named, size_t first, struct tree_list *list)
{
	size_t n = w->n + named->n, at = 0;

	if (w->n > 0)
		qsort(w->file, w->n, sizeof(*w->file), by_time);
	list->path = calloc(n + 1, sizeof(char *));
	if (list->path == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i <= named->n; i++) {
		if (i == first) {
			for (size_t k = 0; k < w->n; k++)
				list->path[at++] = w->file[k].path;
			w->n = 0;
		}
		if (i < named->n)
			list->path[at++] = named->file[i].path;
	}
	list->n = at;
	named->n = 0;
	return 0;
}

static void
walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->file[i].path);
	free(w->file);
	free(w->seen);
}

int
tree_expand(const char *const *paths, size_t n, struct tree_list *list, tree_problem *problem, void *ctx)
{
	struct walk w = {.problem = problem, .ctx = ctx}, named = {.problem = problem, .ctx = ctx};
	size_t first = SIZE_MAX;
	int err = 0;

	*list = (struct tree_list){0};
	for (size_t i = 0; i < n && !w.nomem && !named.nomem; i++) {
		struct stat st;
		char *path;

		if (strcmp(paths[i], "-") != 0 && stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			if (first == SIZE_MAX)
				first = named.n;
			if (first_visit(&w, paths[i], &st))
				walk_folder(&w, paths[i], 0);
			continue;
		}
		path = strdup(paths[i]);
		if (path != NULL)
			add(&named, path, 0);
		named.nomem = named.nomem || path == NULL;
	}
	err = w.nomem || named.nomem ? ERR_NOMEM : arrange(&w, &named, first, list);
	walk_done(&w);
	walk_done(&named);
	return err;
}

void
tree_list_done(struct tree_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->path[i]);
	free(list->path);
	*list = (struct tree_list){0};
}
