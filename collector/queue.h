/* The flow queue: a list in Redis whose entries are flow records as JSON (flowjson.h), as flow-inspector and VERMONT
 * use it: producers push on the right, the consumer pops on the left, the entry END ends the recording.
 *
 * URLs:  redis://[USER:PASSWORD@]HOST[:PORT][/DB][?list=NAME]      default port 6379, list entry:queue
 *        unix:///PATH[?list=NAME&db=N&password=PASSWORD]           also unix:/PATH or a bare /PATH
 * USER, PASSWORD and NAME may be percent-encoded.
 *
 * What is promised: an entry is popped atomically, and what was popped is delivered before source_read returns
 * ERR_EOF, also after source_stop; what stands behind END, and what was not popped, stays in Redis.  Several consumers
 * may share a list.  A connection that breaks between a pop and its answer costs at most that answer, QUEUE_BATCH
 * entries, as does a process killed outright: Redis has no second copy.
 *
 * Time: records carry their own, and a queue says nothing of the present, so block.now_ns stays 0.  A record's
 * seen_ns is its collection time if it has one, or else the latest end so far.
 */
#ifndef COLLECTOR_QUEUE_H
#define COLLECTOR_QUEUE_H

#include "collector/source.h"

enum {
	QUEUE_BATCH = 512,
	QUEUE_FULL = 100000, /* a list longer than this makes a producer pause, as flow-inspector's does */
	QUEUE_TOLD = 4,      /* so many malformed entries are told through `damage`, the others only counted */
};

/* A source on such a list.  NULL and why: a URL that is none, no server, or damp was built without hiredis.  Once open,
 * a lost connection is made again, after 0.1 s at first and 5 s at most; meanwhile source_read returns 0.
 * source_read takes 0.1 s at most while nothing comes, and up to 1 s (an unanswered pop) after source_stop. */
struct source *source_open_queue(const char *url, const struct source_events *ev, char *why, size_t why_size);

struct queue_stats {
	uint64_t entries;    /* popped, END included */
	uint64_t records;    /* became flows */
	uint64_t malformed;  /* no JSON object, or values that make no sense */
	uint64_t skipped;    /* no address, count or time in it */
	uint64_t put_back;   /* stood behind END */
	uint64_t reconnects;
	uint64_t backlog;    /* entries left in the list at the latest pop */
};
/* Of a queue, also among several sources; false: there is none, and all are 0. */
bool source_queue_stats(const struct source *s, struct queue_stats *out);

/* --- the producing end ----------------------------------------------------------------------------------- */

struct flow_extra;
struct queue_out;

/* NULL and why, as above. */
struct queue_out *queue_out_open(const char *url, char *why, size_t why_size);
/* Appends a record in flow-inspector's spelling: flowStartSeconds, flowEndSeconds, IPv4 addresses as integers and IPv6
 * as text.  Pushed QUEUE_BATCH at a time; waits while the list is longer than QUEUE_FULL, for `wait_ms` in all
 * (0: not at all, -1: as long as it takes).  0; ERR_FULL: the list stayed full, the record was not taken; ERR_IO:
 * the server is gone (tried again with each call; what was not pushed is kept). */
int queue_out_put(struct queue_out *q, const struct flow *f, const struct flow_extra *x, int wait_ms);
/* Pushes what is left.  0 or ERR_IO. */
int queue_out_flush(struct queue_out *q);
/* Pushes what is left, and END behind it. */
int queue_out_end(struct queue_out *q);
/* Does not push what is left. */
void queue_out_close(struct queue_out *q);

/* The entry for one record, without a line feed. */
struct buf;
void queue_entry(struct buf *out, const struct flow *f, const struct flow_extra *x);

#endif
