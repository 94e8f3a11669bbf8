/* Questions that go to servers which do not answer.
 *
 * What names tell is told by answers (names.h).  A zone whose servers are dead already, a link that shows one
 * direction alone, and a capture that lost the answers leave only the questions; then a question without an answer
 * counts as one that failed.
 *
 * Whether a server answers is known from tick to tick: `answering` holds a bit for each that gave an answer to at least
 * half of its latest questions.  A question to any other is copied into a list of its pair's shard, before it is known
 * whether an answer comes.  At the end of the tick the servers are looked at again, and what was asked of those
 * that stayed silent goes to the zones.  So in ordinary traffic a query costs the test of a bit, and of a flood a list keeps every
 * second, fourth, eighth question: as few as fit, each counted as often.
 *
 * Threads: a list belongs to its shard; `answering` changes between ticks only.  RAM: 72 KiB a shard and 264 KiB, from
 * pages that are not touched while servers answer.
 */
#ifndef DETECTOR_ASKED_H
#define DETECTOR_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "collector/flow.h"
#include "detector/names.h"

enum {
	ASKED_KEPT = 512,       /* of a shard and tick */
	ANSWERING_BITS = 1 << 16,
};

struct asked {
	int64_t t_ns;
	struct addr client, server;
	uint64_t client_hash;
	uint32_t packets, sampling, bytes;
	uint16_t qtype;
	bool recursion_desired;
	struct name_copy name;
};

/* Of this tick: every (mask + 1)-th of `all` questions. */
struct asked_list {
	struct asked *kept; /* [ASKED_KEPT] */
	uint32_t n, mask;
	uint64_t all;
};

/* The engine's own part. */
struct asked_memory {
	uint64_t *answering;     /* [ANSWERING_BITS / 64] */
	struct name_filter seen; /* unanswered questions, and who asked them */
	uint32_t since, tick;    /* watched from this tick on, without a break; the latest one */
};

int asked_list_init(struct asked_list *l); /* 0 or ERR_NOMEM; likewise below */
void asked_list_done(struct asked_list *l);
int asked_init(struct asked_memory *m, bool wanted); /* wanted: random subdomains are looked for */
size_t asked_bytes(void); /* what it takes */
void asked_done(struct asked_memory *m);

/* A query: kept, if it is this one's turn. */
void asked_note(struct asked_list *l, const struct flow *f, uint64_t client_hash);

static inline uint32_t
answering_bit(uint64_t server)
{
	return (uint32_t)(server >> 32) & (ANSWERING_BITS - 1);
}

static inline bool
asked_answers(const uint64_t *answering, uint64_t server)
{
	return (answering[answering_bit(server) >> 6] >> (server >> 32 & 63) & 1) != 0;
}

struct engine;
/* Closes the tick, after its pairs: who answers, and the questions of those who do not. */
void asked_close_tick(struct engine *e);

#endif
