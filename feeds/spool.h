/* A bounded queue of messages in memory, for a feed whose other end is slow or away.
 *
 * Bounded by messages and by bytes; what does not fit is refused and counted by the owner, so that
 * what is queued stays one unbroken run.  Owns copies of the bytes.  One thread.
 */
#ifndef FEEDS_SPOOL_H
#define FEEDS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

struct spool_item {
	struct spool_item *next;
	size_t n;
	char data[];
};

struct spool {
	struct spool_item *first, **end;
	size_t n, bytes;         /* queued now */
	size_t n_max, bytes_max;
};

void spool_init(struct spool *s, size_t n_max, size_t bytes_max);
void spool_done(struct spool *s);
/* 0, ERR_FULL or ERR_NOMEM. */
int spool_put(struct spool *s, const char *data, size_t n);
/* The oldest, valid until spool_drop; NULL: empty. */
const struct spool_item *spool_first(const struct spool *s);
void spool_drop(struct spool *s);

#endif
