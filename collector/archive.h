/* The flow archive: records into compressed IPFIX files (RFC 5655), one per interval, with retention.
 *
 *	DIR/2026/2026-04/2026-04-12/damp-20260412T021500+0200.ipfix.zst
 *
 * is the interval that began at 02:15 local time; the zone's offset is part of the name, so the hour that
 * summer time's end repeats has names of its own.  While open it is called tmp-damp-...; it gets its name when it is
 * complete and on the disk.  A name that is taken gets a suffix (-1, -2, ...): nothing is ever overwritten.  An interval
 * without records has no file.  Each file carries its templates first and is readable alone: `zstd -dc FILE` is plain IPFIX
 * (tshark reads it; sent message by message over UDP, nfcapd and nfacctd do).  What a record keeps: ipfix_encode.h.
 *
 * After every `sync_s` seconds a zstd frame ends and goes to the disk (fdatasync), so a death costs at most what came
 * since.  A tmp- file that no living process holds (flock) is finished by the next archive_open: whole frames (messages,
 * where not compressed) are kept, a cut tail is dropped, it gets its name.
 *
 * Retention counts and deletes only complete files of these names whose first message can be read, the oldest first, by
 * the time of that message: a copy with another mtime is as old as the original.  The newest file always stays.  Files that
 * appear in the directory later are seen by the next archive_open.
 *
 * Trouble with the disk is told once (`told`), what cannot be written is counted as lost, and the archive tries again
 * after a while.  Nothing here asks the clock: time is what archive_time was told.
 *
 * Ownership: owns the open file, its texts and the list of complete files (about 150 bytes each).  One thread at a time.
 * RAM: about 1 MB.  A record costs some 100 ns; a sync waits for the disk.
 */
#ifndef COLLECTOR_ARCHIVE_H
#define COLLECTOR_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/flow.h"

enum {
	ARCHIVE_ZONE_LOCAL = INT32_MIN, /* what localtime_r says: TZ, /etc/localtime */
	ARCHIVE_NESTING_MAX = 3,
	ARCHIVE_PATH = 1024,            /* directory and name */
	ARCHIVE_HOOKS = 4,              /* running at once */
	ARCHIVE_HOOKS_WAITING = 64,
};

struct archive_limits { /* 0: none */
	uint64_t max_bytes;
	uint64_t max_count;
	uint64_t max_age_s; /* counted from the end of a file's interval */
};

struct archive_setup {
	const char *dir;          /* made if missing */
	unsigned int interval_s;  /* boundaries counted from local midnight; 1 s to a day */
	unsigned int nesting;     /* 0: flat, 1: YYYY, 2: YYYY/YYYY-MM, 3: YYYY/YYYY-MM/YYYY-MM-DD */
	int level;                /* of zstd, 1 to 19; 0: plain .ipfix (as without zstd) */
	unsigned int sync_s;      /* 0: only complete files go to the disk for sure */
	int32_t zone_s;           /* seconds east of Greenwich, or ARCHIVE_ZONE_LOCAL */
	uint32_t domain;          /* observation domain of the messages */
	struct archive_limits limits;
	const char *hook;         /* a program, run with the complete file's path; no shell; NULL: none */
	void (*told)(void *ctx, const char *text); /* one line; may be NULL */
	void *ctx;
};
/* 300 s, nesting 3, level 1, sync after 5 s, local zone, no limits. */
void archive_setup_defaults(struct archive_setup *s);

struct archive_stats {
	uint64_t records, files, bytes; /* in complete files of this run; bytes as on disk */
	uint64_t lost;            /* records that could not be written */
	uint64_t errors;          /* files that failed */
	uint64_t recovered, discarded; /* left over by an earlier run: finished, or without anything whole */
	uint64_t expired, expired_bytes;
	uint64_t hooks, hooks_failed, hooks_skipped; /* started; could not start or exit status not 0; no room to wait */
	uint64_t held_files, held_bytes; /* complete files there now */
};

struct archive;

/* Makes the directory, finishes left-over files, lists the complete ones.  The setup is copied.  NULL and a line. */
struct archive *archive_open(const struct archive_setup *s, char *why, size_t why_size);
/* Event time: rotates, syncs, expires, reaps and starts hooks.  Times that go back are ignored.  Cheap; call per block. */
void archive_time(struct archive *a, int64_t now_ns);
/* One record into the file of the present interval; extra may be NULL. */
void archive_put(struct archive *a, const struct flow *f, const struct flow_extra *extra);
/* Completes the open file now (SIGHUP); what follows goes into another one. */
void archive_rotate(struct archive *a);
/* Completes the open file, starts the hooks that wait, and does not wait for them. */
void archive_close(struct archive *a);
void archive_stats(const struct archive *a, struct archive_stats *s);

#endif
