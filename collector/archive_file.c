/* One file of the archive.  Compressed, it is a row of zstd frames, one for each sync: a frame ends where a message ends,
 * so a file cut anywhere is whole up to its last complete frame, for our reader and for `zstd -dc` alike. */
#include "collector/archive_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/cursor.h"
#include "base/err.h"

enum { OUT_BYTES = 1 << 17, IN_BYTES = 1 << 16, MESSAGE_HEADER = 16, NAME_TRIES = 10000 };

struct archive_file {
	int fd;
#ifdef HAVE_ZSTD
	ZSTD_CCtx *z; /* NULL: plain */
#endif
	bool dirty;       /* bytes taken since the last sync */
	uint64_t written; /* to fd */
	uint64_t good;    /* of those, synced */
	size_t out_n;
	uint8_t out[OUT_BYTES];
};

bool
archive_file_compresses(void)
{
#ifdef HAVE_ZSTD
	return true;
#else
	return false;
#endif
}

#ifdef HAVE_ZSTD
static bool
start_zstd(struct archive_file *f, int level)
{
	f->z = ZSTD_createCCtx();
	if (f->z == NULL)
		return false;
	return ZSTD_isError(ZSTD_CCtx_setParameter(f->z, ZSTD_c_compressionLevel, level)) == 0 &&
	    ZSTD_isError(ZSTD_CCtx_setParameter(f->z, ZSTD_c_checksumFlag, 1)) == 0;
}
#endif

static void
file_free(struct archive_file *f)
{
	int saved = errno;

	if (f->fd >= 0)
		close(f->fd);
#ifdef HAVE_ZSTD
	ZSTD_freeCCtx(f->z);
#endif
	free(f);
	errno = saved;
}

struct archive_file *
archive_file_create(const char *path, int level)
{
	struct archive_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (f->fd < 0) {
		file_free(f);
		return NULL;
	}
	/* fails only where locks are not supported: then a second run must not be started meanwhile */
	(void)flock(f->fd, LOCK_EX | LOCK_NB);
#ifdef HAVE_ZSTD
	if (level > 0 && !start_zstd(f, level)) {
		unlink(path);
		file_free(f);
		errno = ENOMEM;
		return NULL;
	}
#else
	(void)level;
#endif
	return f;
}

static int
write_all(struct archive_file *f, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(f->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			if (done == 0)
				errno = ENOSPC;
			return ERR_IO;
		}
		p += done;
		n -= (size_t)done;
		f->written += (uint64_t)done;
	}
	return 0;
}

static int
flush_out(struct archive_file *f)
{
	size_t n = f->out_n;

	f->out_n = 0;
	return write_all(f, f->out, n);
}

#ifdef HAVE_ZSTD
static int
compress(struct archive_file *f, const uint8_t *p, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {p, n, 0};

	for (;;) {
		ZSTD_outBuffer out = {f->out, OUT_BYTES, f->out_n};
		size_t left = ZSTD_compressStream2(f->z, &out, &in, how);

		if (ZSTD_isError(left)) {
			errno = ENOMEM;
			return ERR_IO;
		}
		f->out_n = out.pos;
		if (how == ZSTD_e_continue ? in.pos == in.size : left == 0)
			return f->out_n > OUT_BYTES / 2 ? flush_out(f) : 0;
		if (flush_out(f) < 0)
			return ERR_IO;
	}
}
#endif

int
archive_file_write(struct archive_file *f, const uint8_t *p, size_t n)
{
	f->dirty = true;
#ifdef HAVE_ZSTD
	if (f->z != NULL)
		return compress(f, p, n, ZSTD_e_continue);
#endif
	if (f->out_n + n > OUT_BYTES && flush_out(f) < 0)
		return ERR_IO;
	memcpy(f->out + f->out_n, p, n);
	f->out_n += n;
	return 0;
}

int
archive_file_sync(struct archive_file *f)
{
	if (!f->dirty)
		return 0;
#ifdef HAVE_ZSTD
	if (f->z != NULL && compress(f, NULL, 0, ZSTD_e_end) < 0)
		return ERR_IO;
#endif
	if (flush_out(f) < 0 || fdatasync(f->fd) < 0)
		return ERR_IO;
	f->good = f->written;
	f->dirty = false;
	return 0;
}

uint64_t
archive_file_bytes(const struct archive_file *f)
{
	return f->good;
}

int
archive_file_close(struct archive_file *f)
{
	int err = f->dirty || fsync(f->fd) < 0 ? ERR_IO : 0;

	file_free(f);
	return err;
}

uint64_t
archive_file_abandon(struct archive_file *f)
{
	uint64_t good = f->good;

	/* if this fails too, the next archive_open finds nothing worse than a cut frame */
	if (ftruncate(f->fd, (off_t)good) == 0)
		(void)fsync(f->fd);
	file_free(f);
	return good;
}

/* --- what an earlier run left ----------------------------------------------------------------------------- */

static int64_t
whole_messages(int fd)
{
	uint8_t head[MESSAGE_HEADER];
	struct stat st;
	int64_t at = 0;

	if (fstat(fd, &st) < 0)
		return ERR_IO;
	while (pread(fd, head, sizeof(head), at) == (ssize_t)sizeof(head)) {
		struct cursor c = cursor_view(head, sizeof(head));
		unsigned int version = cursor_u16(&c), length = cursor_u16(&c);

		if (version != 10 || length < MESSAGE_HEADER || at + length > st.st_size)
			break;
		at += length;
	}
	return at;
}

#ifdef HAVE_ZSTD
/* The end of the last frame that is complete, by its checksum. */
static int64_t
whole_frames(int fd)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	uint8_t *in_bytes = malloc(IN_BYTES), *out_bytes = malloc(OUT_BYTES);
	int64_t good = 0, read_n = 0, n = 0;
	bool damaged = d == NULL || in_bytes == NULL || out_bytes == NULL;
	bool no_memory = damaged;

	while (!damaged && (n = pread(fd, in_bytes, IN_BYTES, read_n)) > 0) {
		ZSTD_inBuffer in = {in_bytes, (size_t)n, 0};

		while (in.pos < in.size && !damaged) {
			ZSTD_outBuffer out = {out_bytes, OUT_BYTES, 0};
			size_t left = ZSTD_decompressStream(d, &out, &in);

			damaged = ZSTD_isError(left) != 0;
			if (left == 0)
				good = read_n + (int64_t)in.pos;
		}
		read_n += n;
	}
	ZSTD_freeDCtx(d);
	free(in_bytes);
	free(out_bytes);
	return n < 0 || no_memory ? ERR_IO : good;
}
#endif

static bool
is_zst(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".zst") == 0;
}

int64_t
archive_file_repair(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int64_t good;

	if (fd < 0)
		return ERR_IO;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		close(fd);
		return ERR_FULL;
	}
	if (!is_zst(path))
		good = whole_messages(fd);
	else
#ifdef HAVE_ZSTD
		good = whole_frames(fd);
#else
		good = ERR_IO;
#endif
	if (good > 0 && (ftruncate(fd, good) < 0 || fsync(fd) < 0))
		good = ERR_IO;
	close(fd);
	return good;
}

void
archive_sync_parent(const char *path)
{
	char dir[ARCHIVE_PATH];
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash == NULL || (size_t)(slash - path) >= sizeof(dir))
		return;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	fd = open(dir[0] != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* rename(2) that never replaces; some file systems know only link(2) for that. */
static int
rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(from, to) < 0)
		return -1;
	return unlink(from);
}

int
archive_file_name(const char *from, const char *to, char used[ARCHIVE_PATH])
{
	const char *end = strstr(strrchr(to, '/') != NULL ? strrchr(to, '/') : to, ".ipfix");
	int stem = end != NULL ? (int)(end - to) : (int)strlen(to);

	for (int i = 0; i < NAME_TRIES; i++) {
		int n = i == 0 ? snprintf(used, ARCHIVE_PATH, "%s", to)
		               : snprintf(used, ARCHIVE_PATH, "%.*s-%d%s", stem, to, i, to + stem);

		if (n >= ARCHIVE_PATH) {
			errno = ENAMETOOLONG;
			return ERR_IO;
		}
		if (rename_new(from, used) == 0) {
			archive_sync_parent(used);
			return 0;
		}
		if (errno != EEXIST)
			return ERR_IO;
	}
	return ERR_IO;
}

#ifdef HAVE_ZSTD
/* A block must be there as a whole before its first byte comes out, so this may take several reads. */
static size_t
first_bytes(int fd, uint8_t *head, size_t want)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	uint8_t raw[4096];
	ZSTD_outBuffer out = {head, want, 0};
	ssize_t n;

	while (d != NULL && out.pos < want && (n = read(fd, raw, sizeof(raw))) > 0) {
		ZSTD_inBuffer in = {raw, (size_t)n, 0};

		while (in.pos < in.size && out.pos < want) {
			if (ZSTD_isError(ZSTD_decompressStream(d, &out, &in))) {
				ZSTD_freeDCtx(d);
				return 0;
			}
		}
	}
	ZSTD_freeDCtx(d);
	return out.pos;
}
#endif

int64_t
archive_file_time(const char *path)
{
	uint8_t head[MESSAGE_HEADER];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct cursor c;
	ssize_t n;
	uint32_t version, time_s;

	if (fd < 0)
		return ERR_IO;
	if (!is_zst(path))
		n = read(fd, head, sizeof(head));
	else
#ifdef HAVE_ZSTD
		n = (ssize_t)first_bytes(fd, head, sizeof(head));
#else
		n = 0;
#endif
	close(fd);
	c = cursor_view(head, n > 0 ? (size_t)n : 0);
	version = cursor_u16(&c);
	cursor_skip(&c, 2);
	time_s = cursor_u32(&c);
	return c.bad || version != 10 ? ERR_MALFORMED : (int64_t)time_s;
}
