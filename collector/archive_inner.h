/* Inside of the archive: one file being written, and the list of complete ones. */
#ifndef COLLECTOR_ARCHIVE_INNER_H
#define COLLECTOR_ARCHIVE_INNER_H

#include "collector/archive.h"

/* --- archive_file.c: bytes into a file that can be cut off anywhere ------------------------------------ */

struct archive_file;

bool archive_file_compresses(void); /* built with zstd */
/* A new file, locked; NULL with errno set.  level 0: plain. */
struct archive_file *archive_file_create(const char *path, int level);
/* Whole messages.  0 or ERR_IO with errno set; after an error only archive_file_abandon. */
int archive_file_write(struct archive_file *f, const uint8_t *p, size_t n);
/* Everything so far goes to the disk and survives a cut behind it. */
int archive_file_sync(struct archive_file *f);
/* The size up to the last sync. */
uint64_t archive_file_bytes(const struct archive_file *f);
/* After a sync.  0 or ERR_IO; freed either way. */
int archive_file_close(struct archive_file *f);
/* Cuts the file back to the last sync (best effort) and frees; the size left. */
uint64_t archive_file_abandon(struct archive_file *f);
/* A file left over: cuts what is not whole.  Bytes kept, 0 for nothing; ERR_FULL when another process holds it, ERR_IO. */
int64_t archive_file_repair(const char *path);
/* From `from` to `to`, or to `to` with a suffix before ".ipfix" when that is taken; writes the name used.  0 or ERR_IO. */
int archive_file_name(const char *from, const char *to, char used[ARCHIVE_PATH]);
/* Seconds since 1970 of the first message; negative: not readable. */
int64_t archive_file_time(const char *path);
void archive_sync_parent(const char *path); /* fsync of the directory around it */

/* --- archive_expire.c: complete files, oldest first ------------------------------------------------------ */

struct archive_entry {
	int64_t time_s; /* of the first message */
	uint64_t bytes;
	char *path;     /* owned */
};

struct archive_index {
	struct archive_entry *entry;
	size_t n, cap;
	uint64_t bytes;
};

/* Lists the complete files under dir and calls `leftover` for each tmp- file before.  0, ERR_IO or ERR_NOMEM. */
int archive_index_scan(struct archive_index *ix, const char *dir, void (*leftover)(void *ctx, const char *path), void *ctx);
int archive_index_add(struct archive_index *ix, const char *path, int64_t time_s, uint64_t bytes);
/* Deletes until the limits hold; counts into the stats.  `span_s`: how long a file's interval is at most. */
void archive_index_expire(struct archive_index *ix, const struct archive_limits *l, int64_t now_s, unsigned int span_s,
    const char *dir, struct archive_stats *stats);
void archive_index_done(struct archive_index *ix);
/* Whether a name is one the archive gives: 1 complete, 2 tmp-, 0 neither. */
int archive_name_kind(const char *name);

/* --- archive_hook.c: programs told about complete files ---------------------------------------------------- */

struct archive_hooks {
	const char *program; /* borrowed */
	int pid[ARCHIVE_HOOKS];
	char *waiting[ARCHIVE_HOOKS_WAITING]; /* a ring */
	size_t first, waiting_n;
};

void archive_hooks_add(struct archive_hooks *h, const char *path, struct archive_stats *stats);
/* Reaps what ended and starts what waits.  all: starts everything that waits, past ARCHIVE_HOOKS. */
void archive_hooks_run(struct archive_hooks *h, bool all, struct archive_stats *stats);
void archive_hooks_done(struct archive_hooks *h);

#endif
