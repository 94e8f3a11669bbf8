/* Saving is atomic: written beside, on the disk, renamed, the rename on the disk.  A reader, or a run after a power cut,
 * sees the state of before or the new one. */
#include "damp_state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "damp.h"
#include "detector/state.h"

enum { PATH_ROOM = 4096 };

uint8_t *
state_read(const char *path, size_t *n)
{
	uint8_t *bytes = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t r = 1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else if (st.st_size > STATE_MAX)
		errno = EFBIG;
	else
		bytes = malloc((size_t)st.st_size + 1);
	while (bytes != NULL && done < (size_t)st.st_size && (r = read(fd, bytes + done, (size_t)st.st_size - done)) > 0)
		done += (size_t)r;
	if (bytes != NULL && r < 0) {
		free(bytes);
		bytes = NULL;
	}
	*n = done;
	close(fd);
	return bytes;
}

/* What was refused is not overwritten: it may be somebody's capture. */
static void
set_aside(const char *path)
{
	char beside[PATH_ROOM];

	if ((size_t)snprintf(beside, sizeof(beside), "%s.refused", path) < sizeof(beside) && rename(path, beside) == 0)
		complain("it is kept as %s", beside);
}

static int64_t
wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

bool
state_open(struct state_file *s, const struct config *c, struct engine *e, bool live, bool read_only)
{
	char why[160];
	uint8_t *bytes;
	size_t n;

	*s = (struct state_file){.path = c->state, .engine = e, .every_ns = (int64_t)c->state_every_s * NS_PER_S, .live = live};
	if (s->path == NULL)
		return true;
	bytes = state_read(s->path, &n);
	if (bytes == NULL) {
		if (errno != ENOENT)
			complain("%s: %s; starting afresh", s->path, strerror(errno));
		return true;
	}
	if (n > 0 && !state_is_ours(bytes, n)) {
		complain("%s: no state of damp; a file of another kind is not replaced", s->path);
		free(bytes);
		return false;
	}
	if (engine_state_load(e, bytes, n, why, sizeof(why)) < 0) {
		complain("%s: %s; starting afresh", s->path, why);
		if (!read_only)
			set_aside(s->path);
	} else if (live) {
		engine_blind(e, wall_ns());
	}
	free(bytes);
	s->saved_ns = engine_time(e);
	s->changes = engine_changes(e);
	return true;
}

static bool
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) == 0;
}

static bool
sync_folder(const char *path)
{
	char copy[PATH_ROOM];
	int fd;
	bool ok;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot */
	close(fd);
	return ok;
}

static bool
write_file(const char *path, const struct buf *b)
{
	char beside[PATH_ROOM];
	bool ok;
	int fd;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.tmp", path) >= sizeof(beside)) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* who talks to whom is nobody else's business */
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	ok = write_all(fd, b->p, b->len);
	ok = close(fd) == 0 && ok;
	if (ok && rename(beside, path) == 0)
		return sync_folder(path);
	unlink(beside);
	return false;
}

static bool
save(struct state_file *s)
{
	struct buf b;
	bool ok;

	buf_init(&b, STATE_MAX);
	engine_state_save(s->engine, &b);
	errno = ENOMEM;
	ok = !b.full && write_file(s->path, &b);
	if (!ok && !s->told)
		complain("%s: the state cannot be saved: %s", s->path, strerror(errno));
	s->told = !ok;
	s->failed = s->failed || !ok;
	buf_done(&b);
	s->saved_ns = engine_time(s->engine);
	s->changes = engine_changes(s->engine);
	return ok;
}

void
state_poll(struct state_file *s)
{
	int64_t now;

	if (s->path == NULL || !s->live)
		return;
	now = engine_time(s->engine);
	if (now == 0)
		return;
	if (s->changes != engine_changes(s->engine) || now - s->saved_ns >= s->every_ns || now < s->saved_ns)
		save(s);
}

bool
state_finish(struct state_file *s)
{
	engine_pause(s->engine);
	if (engine_time(s->engine) == 0)
		return true;
	return save(s) && !s->failed;
}
