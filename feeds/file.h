/* The alert file: one write(2) a line, or standard output.
 *
 * A regular file is locked against a second writer (flock) and never ends in half a line: what a full disk let
 * through of one is cut off again, the line waits in memory (bounded) and is tried before
 * the next.  Nothing already written is touched.  One thread.
 */
#ifndef FEEDS_FILE_H
#define FEEDS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feeds/sign.h"

struct file_feed;

enum file_sync { FILE_SYNC_NEVER, FILE_SYNC_CLOSE, FILE_SYNC_LINE };

struct file_options {
	bool append;         /* go on with an existing file and its chain; else start anew */
	enum file_sync sync; /* when the bytes are forced to the disk */
	size_t spool_lines, spool_bytes; /* 0: 10 000 lines, 16 MiB */
};

/* `path` "-" is standard output.  Sets `chain` to where the file's stream stands.  NULL and the reason on
 * failure: not to be written, another damp writes it, its last line is none of ours.  On success
 * `why` is "" or a remark for people (a half line at the end was cut off). */
struct file_feed *file_feed_open(const char *path, const struct file_options *o, struct chain *chain, char *why,
                                 size_t why_size);
/* n bytes without newline.  0: written; ERR_IO: not now, kept (see file_feed_error). */
int file_feed_write(struct file_feed *f, const char *line, size_t n);
/* Tries what is kept once more and syncs as asked.  0, or ERR_IO with a sentence in `why`: lines
 * are missing in the file. */
int file_feed_close(struct file_feed *f, char *why, size_t why_size);

/* "alerts.json: No space left on device", or "": all is well. */
const char *file_feed_error(const struct file_feed *f);
uint64_t file_feed_written(const struct file_feed *f);
uint64_t file_feed_lost(const struct file_feed *f); /* kept no longer: the memory bound was reached */

#endif
