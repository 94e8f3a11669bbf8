/* A connection to Redis: URLs, login, commands and answers.  Behind queue.h; only there with HAVE_HIREDIS.
 *
 * hiredis writes and reads the protocol; waiting is done here, so that nothing blocks for longer than it was allowed,
 * and a server that goes away is no signal. */
#ifndef COLLECTOR_REDISLINK_H
#define COLLECTOR_REDISLINK_H

#include <stddef.h>
#include <stdint.h>

struct redislink;
struct redisReply;

/* NULL and why: see queue.h for URLs. */
struct redislink *redislink_open(const char *url, char *why, size_t why_size);
void redislink_close(struct redislink *l);
const char *redislink_list(const struct redislink *l); /* the list's name */
const char *redislink_name(const struct redislink *l); /* the URL without its password */

/* After ERR_IO from any of these the connection is gone until redislink_connect has made it again (0; else why). */
int redislink_connect(struct redislink *l, char *why, size_t why_size);
/* Sends one command; 0 or ERR_IO. */
int redislink_send(struct redislink *l, size_t argc, const char *const *argv, const size_t *length);
int redislink_sendf(struct redislink *l, const char *format, ...); /* hiredis' format: %s, %d, %b */
/* The next answer: 1 and *reply (freeReplyObject it), 0: not within wait_ms, ERR_IO. */
int redislink_reply(struct redislink *l, int wait_ms, struct redisReply **reply);

int64_t redislink_now_ms(void); /* monotonic: for how long something has been waited */

#endif
