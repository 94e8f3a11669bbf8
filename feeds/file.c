/* Appending lines so that a reader never meets half of one. */
#include "feeds/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/line.h"
#include "feeds/spool.h"

enum { SPOOL_LINES = 10000, SPOOL_BYTES = 16 << 20 };

struct file_feed {
	char *path;
	int fd;
	bool regular, ours; /* ours: we opened it and close it */
	size_t sent;        /* not regular: bytes of the spool's first line that are out */
	enum file_sync sync;
	struct spool spool;
	struct buf scratch;
	uint64_t written, lost;
	char error[300];
};

static bool
open_file(struct file_feed *f, const struct file_options *o, char *why, size_t why_size)
{
	struct stat st;

	if (strcmp(f->path, "-") == 0) {
		f->fd = STDOUT_FILENO;
	} else {
		f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
		if (f->fd < 0 && (errno == EACCES || errno == EINVAL || errno == ENXIO)) /* write-only devices and pipes */
			f->fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		f->ours = true;
	}
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		snprintf(why, why_size, "%s: %s", f->path, strerror(errno));
		return false;
	}
	f->regular = f->ours && S_ISREG(st.st_mode);
	if (!f->regular)
		return true;
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		snprintf(why, why_size, "%s: another program writes to it", f->path);
		return false;
	}
	if (!o->append && ftruncate(f->fd, 0) < 0) {
		snprintf(why, why_size, "%s: %s", f->path, strerror(errno));
		return false;
	}
	return true;
}

/* Where the stream in the file stands; a half line at its end is the mark of a crash and goes. */
static bool
resume(struct file_feed *f, struct chain *chain, char *why, size_t why_size)
{
	uint64_t complete;
	char reason[200];
	struct stat st;

	if (chain_resume(chain, f->fd, &complete, reason, sizeof(reason)) < 0) {
		snprintf(why, why_size, "%s: %s; move it away, or name another file", f->path, reason);
		return false;
	}
	if (fstat(f->fd, &st) < 0) {
		snprintf(why, why_size, "%s: %s", f->path, strerror(errno));
		return false;
	}
	if ((uint64_t)st.st_size > complete) {
		if (ftruncate(f->fd, (off_t)complete) < 0) {
			snprintf(why, why_size, "%s: %s", f->path, strerror(errno));
			return false;
		}
		snprintf(why, why_size, "%s: its last line was cut off (a crash?); its %" PRId64 " bytes were removed", f->path,
		         st.st_size - (int64_t)complete);
	}
	return true;
}

static void
discard(struct file_feed *f)
{
	if (f->ours && f->fd >= 0)
		close(f->fd);
	spool_done(&f->spool);
	buf_done(&f->scratch);
	free(f->path);
	free(f);
}

struct file_feed *
file_feed_open(const char *path, const struct file_options *o, struct chain *chain, char *why, size_t why_size)
{
	struct file_feed *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->path = strdup(path)) == NULL) {
		snprintf(why, why_size, "%s: out of memory", path);
		free(f);
		return NULL;
	}
	f->fd = -1;
	f->sync = o->sync;
	spool_init(&f->spool, o->spool_lines > 0 ? o->spool_lines : SPOOL_LINES,
	           o->spool_bytes > 0 ? o->spool_bytes : SPOOL_BYTES);
	buf_init(&f->scratch, LINE_MAX_BYTES + 1);
	chain_init(chain);
	if (why_size > 0)
		why[0] = '\0';
	if (!open_file(f, o, why, why_size) || (f->regular && !resume(f, chain, why, why_size))) {
		discard(f);
		return NULL;
	}
	return f;
}

static void
remember(struct file_feed *f, int err)
{
	snprintf(f->error, sizeof(f->error), "%s: %s", strcmp(f->path, "-") == 0 ? "standard output" : f->path, strerror(err));
}

/* Takes the file's last n bytes back, which needs no room on the disk.  By the size it has now, as a
 * log rotation may have emptied it meanwhile. */
static void
take_back(struct file_feed *f, size_t n)
{
	struct stat st;

	if (n > 0 && (fstat(f->fd, &st) < 0 || st.st_size < (off_t)n || ftruncate(f->fd, st.st_size - (off_t)n) < 0))
		remember(f, errno);
}

/* One line with its newline into a regular file, whole or not at all. */
static bool
put_regular(struct file_feed *f, const char *data, size_t n)
{
	size_t done = 0;
	int err = 0;

	while (done < n && err == 0) {
		ssize_t put = write(f->fd, data + done, n - done);

		if (put > 0)
			done += (size_t)put;
		else if (put == 0 || errno != EINTR)
			err = put < 0 ? errno : ENOSPC;
	}
	if (err == 0 && f->sync == FILE_SYNC_LINE && fdatasync(f->fd) < 0)
		err = errno;
	if (err == 0)
		return true;
	take_back(f, done);
	remember(f, err);
	return false;
}

/* Into a pipe, terminal or device.  What is out is out, so a line goes on where it stopped. */
static bool
put_stream(struct file_feed *f, const char *data, size_t n)
{
	while (f->sent < n) {
		ssize_t put = write(f->fd, data + f->sent, n - f->sent);
		struct pollfd p = {.fd = f->fd, .events = POLLOUT};

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN && poll(&p, 1, -1) > 0)
			continue;
		if (put <= 0) {
			remember(f, put < 0 ? errno : EIO);
			return false;
		}
		f->sent += (size_t)put;
	}
	f->sent = 0;
	return true;
}

static bool
put(struct file_feed *f, const char *data, size_t n)
{
	if (!(f->regular ? put_regular(f, data, n) : put_stream(f, data, n)))
		return false;
	f->written++;
	return true;
}

static bool
put_kept(struct file_feed *f)
{
	const struct spool_item *i;

	while ((i = spool_first(&f->spool)) != NULL) {
		if (!put(f, i->data, i->n))
			return false;
		spool_drop(&f->spool);
	}
	if (f->lost == 0)
		f->error[0] = '\0';
	return true;
}

int
file_feed_write(struct file_feed *f, const char *line, size_t n)
{
	buf_reset(&f->scratch);
	buf_bytes(&f->scratch, line, n);
	buf_char(&f->scratch, '\n');
	if (f->scratch.full) {
		snprintf(f->error, sizeof(f->error), "%s: a line was too long", f->path);
		f->lost++;
		return ERR_IO;
	}
	if (put_kept(f) && put(f, f->scratch.p, f->scratch.len))
		return 0;
	if (spool_put(&f->spool, f->scratch.p, f->scratch.len) < 0)
		f->lost++;
	return ERR_IO;
}

int
file_feed_close(struct file_feed *f, char *why, size_t why_size)
{
	bool good = put_kept(f);
	uint64_t missing = f->spool.n + f->lost;

	if (f->regular && f->sync != FILE_SYNC_NEVER && fsync(f->fd) < 0) {
		remember(f, errno);
		good = false;
	}
	if (f->ours && close(f->fd) < 0) {
		remember(f, errno);
		good = false;
	}
	f->fd = -1;
	good = good && missing == 0;
	if (!good)
		snprintf(why, why_size, "%s; %" PRIu64 " lines are written, %" PRIu64 " are missing", f->error, f->written, missing);
	discard(f);
	return good ? 0 : ERR_IO;
}

const char *
file_feed_error(const struct file_feed *f)
{
	return f->error;
}

uint64_t
file_feed_written(const struct file_feed *f)
{
	return f->written;
}

uint64_t
file_feed_lost(const struct file_feed *f)
{
	return f->lost;
}
