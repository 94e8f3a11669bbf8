/* The flow queue, the producing end: see queue.h.
 *
 * Entries gather until there are QUEUE_BATCH and then go in one RPUSH, whose answer is the length of the list. */
#include "base/err.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "collector/queue.h"

#include <stdio.h>

/* flow-inspector asks for whole seconds; milliseconds are for those who can. */
void
queue_entry(struct buf *out, const struct flow *f, const struct flow_extra *x)
{
	struct json j = json_to(out);
	const uint8_t *a = f->src.b + 12, *z = f->dst.b + 12;
	char text[ADDR_TEXT];

	json_open(&j, NULL, '{');
	json_int(&j, "flowStartSeconds", time_seconds(f->start_ns));
	json_int(&j, "flowEndSeconds", time_seconds(f->end_ns));
	json_int(&j, "flowStartMilliseconds", f->start_ns / 1000000);
	json_int(&j, "flowEndMilliseconds", f->end_ns / 1000000);
	if (addr_is_v4(&f->src)) {
		json_uint(&j, "sourceIPv4Address", (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]);
		json_uint(&j, "destinationIPv4Address", (uint32_t)z[0] << 24 | (uint32_t)z[1] << 16 | (uint32_t)z[2] << 8 | z[3]);
	} else {
		json_str(&j, "sourceIPv6Address", addr_text(&f->src, text));
		json_str(&j, "destinationIPv6Address", addr_text(&f->dst, text));
	}
	json_uint(&j, "sourceTransportPort", f->sport);
	json_uint(&j, "destinationTransportPort", f->dport);
	json_uint(&j, "protocolIdentifier", f->proto);
	json_uint(&j, "packetDeltaCount", f->packets);
	json_uint(&j, "octetDeltaCount", f->bytes);
	if (f->sampling > 1)
		json_uint(&j, "samplingInterval", f->sampling);
	if (f->tcp_flags != 0)
		json_uint(&j, "tcpControlBits", f->tcp_flags);
	if (x != NULL && (x->icmp_type | x->icmp_code) != 0)
		json_uint(&j, addr_is_v4(&f->src) ? "icmpTypeCodeIPv4" : "icmpTypeCodeIPv6",
		    (uint32_t)x->icmp_type << 8 | x->icmp_code);
	json_close(&j, '}');
}

#ifdef HAVE_HIREDIS

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "collector/redislink.h"

enum { ANSWER_MS = 5000, PAUSE_MS = 50, ENTRY_MAX = 1024 };

struct queue_out {
	struct redislink *link;
	struct buf text;             /* the entries, one behind the other */
	size_t at[QUEUE_BATCH + 1];  /* where each begins; at[n]: where the next will */
	size_t n;
	bool up, full;               /* full: the list was too long when last asked */
};

struct queue_out *
queue_out_open(const char *url, char *why, size_t why_size)
{
	struct redislink *link = redislink_open(url, why, why_size);
	struct queue_out *q = link != NULL ? calloc(1, sizeof(*q)) : NULL;

	if (q == NULL) {
		if (link != NULL)
			snprintf(why, why_size, "out of memory");
		redislink_close(link);
		return NULL;
	}
	q->link = link;
	q->up = true;
	buf_init(&q->text, (size_t)QUEUE_BATCH * ENTRY_MAX);
	return q;
}

void
queue_out_close(struct queue_out *q)
{
	if (q == NULL)
		return;
	redislink_close(q->link);
	buf_done(&q->text);
	free(q);
}

static int
connected(struct queue_out *q)
{
	char why[300];

	if (!q->up)
		q->up = redislink_connect(q->link, why, sizeof(why)) == 0;
	return q->up ? 0 : ERR_IO;
}

/* The answer is a number: the list's length, or ERR_IO. */
static int
answer(struct queue_out *q, int64_t *length)
{
	redisReply *r = NULL;

	q->up = redislink_reply(q->link, ANSWER_MS, &r) == 1 && r->type == REDIS_REPLY_INTEGER;
	if (q->up)
		*length = r->integer;
	if (r != NULL)
		freeReplyObject(r);
	return q->up ? 0 : ERR_IO;
}

int
queue_out_flush(struct queue_out *q)
{
	const char *argv[QUEUE_BATCH + 2] = {"RPUSH", redislink_list(q->link)};
	size_t length[QUEUE_BATCH + 2] = {5, strlen(argv[1])};
	int64_t list = 0;

	if (q->n == 0)
		return 0;
	if (connected(q) < 0)
		return ERR_IO;
	for (size_t i = 0; i < q->n; i++) {
		argv[i + 2] = q->text.p + q->at[i];
		length[i + 2] = q->at[i + 1] - q->at[i];
	}
	q->up = redislink_send(q->link, q->n + 2, argv, length) == 0;
	if (!q->up || answer(q, &list) < 0)
		return ERR_IO;
	q->full = list > QUEUE_FULL;
	q->n = 0;
	buf_reset(&q->text);
	return 0;
}

/* Waits until the list is short enough.  0, ERR_FULL or ERR_IO. */
static int
wait_room(struct queue_out *q, int wait_ms)
{
	int64_t list = 0;

	for (int waited = 0; q->full; waited += PAUSE_MS) {
		if (connected(q) < 0)
			return ERR_IO;
		q->up = redislink_sendf(q->link, "LLEN %s", redislink_list(q->link)) == 0;
		if (!q->up || answer(q, &list) < 0)
			return ERR_IO;
		q->full = list > QUEUE_FULL;
		if (q->full && wait_ms >= 0 && waited >= wait_ms)
			return ERR_FULL;
		if (q->full)
			poll(NULL, 0, PAUSE_MS);
	}
	return 0;
}

int
queue_out_put(struct queue_out *q, const struct flow *f, const struct flow_extra *x, int wait_ms)
{
	int err;

	if (q->n == QUEUE_BATCH) {
		err = wait_room(q, wait_ms);
		if (err == 0)
			err = queue_out_flush(q);
		if (err != 0)
			return err;
	}
	q->at[q->n] = q->text.len;
	queue_entry(&q->text, f, x);
	if (q->text.full)
		return ERR_NOMEM;
	q->at[++q->n] = q->text.len;
	return 0;
}

int
queue_out_end(struct queue_out *q)
{
	int64_t list;
	int err = queue_out_flush(q);

	if (err == 0)
		err = connected(q);
	if (err != 0)
		return err;
	q->up = redislink_sendf(q->link, "RPUSH %s END", redislink_list(q->link)) == 0;
	return q->up ? answer(q, &list) : ERR_IO;
}

#else

struct queue_out *
queue_out_open(const char *url, char *why, size_t why_size)
{
	(void)url;
	snprintf(why, why_size, "built without hiredis: no flow queue");
	return NULL;
}

/* Nobody can hold a queue_out then. */
int
queue_out_put(struct queue_out *q, const struct flow *f, const struct flow_extra *x, int wait_ms)
{
	(void)q;
	(void)f;
	(void)x;
	(void)wait_ms;
	return ERR_UNSUPPORTED;
}

int
queue_out_flush(struct queue_out *q)
{
	(void)q;
	return ERR_UNSUPPORTED;
}

int
queue_out_end(struct queue_out *q)
{
	(void)q;
	return ERR_UNSUPPORTED;
}

void
queue_out_close(struct queue_out *q)
{
	(void)q;
}

#endif
