/* Sending alert lines elsewhere.  A feed is named by a URL; one kind of feed is one file and one
 * line in the table of feed.c.
 *
 * No call but feed_open and feed_flush ever waits: feed_send tries to send and queues what it cannot (bounded,
 * counted), feed_poll goes on with that.  Time is the caller's, monotonic, in nanoseconds, and only
 * ever compared with itself.  A feed belongs to one thread.
 */
#ifndef FEEDS_FEED_H
#define FEEDS_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "detector/alert.h"

struct feed;

struct feed_setup {
	const char *sensor;  /* how this sensor calls itself; NULL or "": nameless */
	size_t spool_lines, spool_bytes; /* 0: 10 000 lines, 16 MiB */
};

struct feed_counts {
	uint64_t sent;     /* handed to the system whole */
	uint64_t failed;   /* connections and sends that went wrong */
	uint64_t spooled;  /* waiting now */
	uint64_t dropped;  /* never sent: the spool was full */
	uint64_t too_long; /* never sent: longer than this kind of feed can carry */
};

/* NULL and one line of reason: an unknown scheme, an address that is none.  A peer that is not
 * there is no error; it is tried again.  Host names are resolved here, once. */
struct feed *feed_open(const char *url, const struct feed_setup *setup, char *why, size_t why_size);
/* `line` is the finished line of `a`, n bytes without newline. */
void feed_send(struct feed *f, const struct alert *a, const char *line, size_t n, int64_t now_ns);
/* Connects, reconnects and sends what is queued; call about once a second. */
void feed_poll(struct feed *f, int64_t now_ns);
/* Waits until everything is sent, at most limit_ms by clock_ns.  0, or ERR_IO with something left. */
int feed_flush(struct feed *f, int64_t (*clock_ns)(void), int limit_ms);
void feed_free(struct feed *f); /* what is queued is lost: flush first */

struct feed_counts feed_counts(const struct feed *f);
const char *feed_url(const struct feed *f);
/* Why the last attempt failed; "": it did not. */
const char *feed_error(const struct feed *f);

/* What a kind of feed implements; `state` is its own. */
struct feed_kind {
	const char *scheme;  /* "udp" in udp://... */
	const char *what;    /* for --help */
	void *(*open)(const char *url, const struct feed_setup *setup, char *why, size_t why_size);
	void (*send)(void *state, const struct alert *a, const char *line, size_t n, int64_t now_ns);
	void (*poll)(void *state, int64_t now_ns);
	int (*wait_fd)(const void *state, short *events); /* what to poll(2) for, -1: nothing but time */
	struct feed_counts (*counts)(const void *state);
	const char *(*error)(const void *state);
	void (*free)(void *state);
};

extern const struct feed_kind *const feed_kinds[]; /* NULL-terminated */

#endif
