/* The flow queue, the consuming end: see queue.h.
 *
 * A batch is taken with LRANGE and LTRIM in one transaction, which every version of Redis has; when the list is
 * empty, a blocking pop waits.  That pop may stay unanswered for a second, over several calls of read; it is
 * never left alone, since Redis may have popped already: that is why stopping waits for its answer. */
#include "collector/queue.h"

#include <stdio.h>

#ifdef HAVE_HIREDIS

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/exporter.h"
#include "collector/flowjson.h"
#include "collector/lines.h"
#include "collector/redislink.h"

enum { POP_S = 1, TURN_MS = 100, ANSWER_MS = 5000, BACKOFF_MS = 100, BACKOFF_MAX_MS = 5000 };

struct queue {
	struct redislink *link;
	struct lines lines;       /* for the clock of records only */
	struct queue_stats stats;
	bool ended;               /* END was read */
	bool up, waiting;         /* connected; a blocking pop is unanswered */
	int64_t since_ms;         /* when that was sent, or the connection was last tried */
	int backoff_ms;
};

/* --- entries --------------------------------------------------------------------------------------------- */

static void
malformed(struct source *s, struct queue *q, const char *reason)
{
	lines_exporter(s, NULL)->count[EXPORTER_CORRUPT]++;
	if (++q->stats.malformed <= QUEUE_TOLD && s->ev.damage != NULL)
		s->ev.damage(s->ev.ctx, s->name, q->stats.entries, s->offset, reason);
}

static void
take_entry(struct source *s, struct queue *q, struct block *b, const redisReply *r)
{
	struct flow f;
	struct flow_extra x;
	const char *why = "not text";
	int err;

	q->stats.entries++;
	if (r->type == REDIS_REPLY_STRING && r->len == 3 && memcmp(r->str, "END", 3) == 0) {
		q->ended = true;
		return;
	}
	if (r->type != REDIS_REPLY_STRING || r->len > LINES_LONGEST) {
		malformed(s, q, r->type != REDIS_REPLY_STRING ? why : "too long");
		return;
	}
	err = flowjson_parse(r->str, r->len, &f, &x, &why);
	if (err == ERR_UNSUPPORTED) {
		q->stats.skipped++;
		lines_exporter(s, &x)->count[EXPORTER_IGNORED]++;
	} else if (err == 0) {
		size_t before = b->flows.n;

		if (f.seen_ns == f.end_ns)
			f.seen_ns = 0; /* then it is the queue's latest */
		why = lines_add(s, &q->lines, b, &f, &x);
		q->stats.records += b->flows.n - before;
		err = why != NULL ? ERR_MALFORMED : 0;
	}
	if (err == ERR_MALFORMED)
		malformed(s, q, why);
	s->offset += r->len;
}

/* What stood behind END goes back to where it was: the last is pushed first. */
static int
put_back(struct queue *q, const redisReply *list, size_t from)
{
	const char *argv[QUEUE_BATCH + 2] = {"LPUSH", redislink_list(q->link)};
	size_t length[QUEUE_BATCH + 2] = {5, strlen(argv[1])}, n = 2;
	redisReply *r;

	for (size_t i = list->elements; i > from; i--, n++) {
		argv[n] = list->element[i - 1]->str;
		length[n] = list->element[i - 1]->len;
	}
	if (n == 2)
		return 0;
	if (redislink_send(q->link, n, argv, length) < 0 || redislink_reply(q->link, ANSWER_MS, &r) != 1)
		return ERR_IO;
	q->stats.put_back += n - 2;
	freeReplyObject(r);
	return 0;
}

static int
take_list(struct source *s, struct queue *q, struct block *b, const redisReply *list)
{
	if (list->type != REDIS_REPLY_ARRAY || list->elements > QUEUE_BATCH)
		return ERR_IO;
	for (size_t i = 0; i < list->elements; i++) {
		take_entry(s, q, b, list->element[i]);
		if (q->ended)
			return put_back(q, list, i + 1);
	}
	return 0;
}

/* --- popping --------------------------------------------------------------------------------------------- */

static int
send_batch(struct queue *q)
{
	const char *list = redislink_list(q->link);

	if (redislink_sendf(q->link, "MULTI") < 0 || redislink_sendf(q->link, "LRANGE %s 0 %d", list, QUEUE_BATCH - 1) < 0 ||
	    redislink_sendf(q->link, "LTRIM %s %d -1", list, QUEUE_BATCH) < 0 || redislink_sendf(q->link, "LLEN %s", list) < 0)
		return ERR_IO;
	return redislink_sendf(q->link, "EXEC");
}

/* Up to QUEUE_BATCH entries.  0 or ERR_IO; *none when the list was empty. */
static int
pop_batch(struct source *s, struct queue *q, struct block *b, bool *none)
{
	redisReply *r = NULL;
	int err = send_batch(q);

	/* OK and three times QUEUED come before what EXEC says */
	for (int i = 0; i < 5 && err == 0; i++) {
		if (r != NULL)
			freeReplyObject(r);
		r = NULL;
		err = redislink_reply(q->link, ANSWER_MS, &r) == 1 ? 0 : ERR_IO;
	}
	if (err == 0 && (r->type != REDIS_REPLY_ARRAY || r->elements != 3 || r->element[2]->type != REDIS_REPLY_INTEGER))
		err = ERR_IO;
	if (err == 0) {
		*none = r->element[0]->elements == 0;
		q->stats.backlog = (uint64_t)r->element[2]->integer;
		err = take_list(s, q, b, r->element[0]);
	}
	if (r != NULL)
		freeReplyObject(r);
	return err;
}

/* Looks for the answer of the blocking pop for one turn.  0 or ERR_IO. */
static int
await_pop(struct source *s, struct queue *q, struct block *b)
{
	redisReply *r;
	int got = redislink_reply(q->link, TURN_MS, &r);

	if (got < 0 || (got == 0 && redislink_now_ms() - q->since_ms > POP_S * 1000 + ANSWER_MS))
		return ERR_IO;
	if (got == 0)
		return 0;
	q->waiting = false;
	got = r->type == REDIS_REPLY_ERROR ? ERR_IO : 0;
	if (r->type == REDIS_REPLY_ARRAY && r->elements == 2)
		take_entry(s, q, b, r->element[1]);
	freeReplyObject(r);
	return got;
}

static int
pop(struct source *s, struct queue *q, struct block *b)
{
	bool none = false;
	int err;

	if (!q->waiting && !s->stopped) {
		err = pop_batch(s, q, b, &none);
		if (err != 0 || !none)
			return err;
		err = redislink_sendf(q->link, "BLPOP %s %d", redislink_list(q->link), POP_S);
		if (err != 0)
			return err;
		q->waiting = true;
		q->since_ms = redislink_now_ms();
	}
	return q->waiting ? await_pop(s, q, b) : 0;
}

/* --- the source ------------------------------------------------------------------------------------------ */

/* One turn of waiting for a server that is away. */
static void
reconnect(struct source *s, struct queue *q)
{
	struct pollfd stop = {.fd = s->stop_fd, .events = POLLIN};
	char why[300];

	poll(&stop, 1, TURN_MS);
	if (s->stopped || redislink_now_ms() - q->since_ms < q->backoff_ms)
		return;
	q->since_ms = redislink_now_ms();
	if (redislink_connect(q->link, why, sizeof(why)) == 0) {
		q->up = true;
		q->stats.reconnects++;
		return;
	}
	q->backoff_ms = q->backoff_ms * 2 < BACKOFF_MAX_MS ? q->backoff_ms * 2 : BACKOFF_MAX_MS;
}

static void
lost(struct queue *q)
{
	q->up = q->waiting = false;
	q->since_ms = redislink_now_ms();
	q->backoff_ms = BACKOFF_MS;
}

static int
queue_read(struct source *s, struct block *b)
{
	struct queue *q = s->state;

	b->n = b->size = 0;
	b->now_ns = 0;
	flow_batch_reset(&b->flows);
	if (s->ev.want_extra && flow_batch_want_extra(&b->flows) < 0)
		return ERR_NOMEM;
	if (q->ended || (s->stopped && !q->waiting))
		return ERR_EOF;
	if (!q->up)
		reconnect(s, q);
	else if (pop(s, q, b) != 0)
		lost(q);
	s->packets += b->flows.n;
	return b->flows.n > 0 ? (int)b->flows.n : q->ended ? ERR_EOF : 0;
}

static void
queue_close(struct source *s)
{
	struct queue *q = s->state;

	redislink_close(q->link);
	free(q);
}

static const struct source_format queue_format = {.name = "queue", .read = queue_read, .close = queue_close};

struct source *
source_open_queue(const char *url, const struct source_events *ev, char *why, size_t why_size)
{
	struct redislink *link = redislink_open(url, why, why_size);
	struct source *s = link != NULL ? source_new(redislink_name(link), ev) : NULL;
	struct queue *q = s != NULL ? calloc(1, sizeof(*q)) : NULL;

	if (q == NULL) {
		if (link != NULL)
			snprintf(why, why_size, "out of memory");
		redislink_close(link);
		source_close(s);
		return NULL;
	}
	q->link = link;
	q->up = true;
	s->state = q;
	s->format = &queue_format;
	s->packets_only = true;
	return s;
}

bool
source_queue_stats(const struct source *s, struct queue_stats *out)
{
	struct source *member[SOURCE_MULTI_MAX];
	size_t n = multi_members(s, member, SOURCE_MULTI_MAX);

	*out = (struct queue_stats){0};
	for (size_t i = 0; i < n; i++)
		if (source_queue_stats(member[i], out))
			return true;
	if (s->format != &queue_format)
		return false;
	*out = ((const struct queue *)s->state)->stats;
	return true;
}

#else

struct source *
source_open_queue(const char *url, const struct source_events *ev, char *why, size_t why_size)
{
	(void)url;
	(void)ev;
	snprintf(why, why_size, "built without hiredis: no flow queue");
	return NULL;
}

bool
source_queue_stats(const struct source *s, struct queue_stats *out)
{
	(void)s;
	*out = (struct queue_stats){0};
	return false;
}

#endif
