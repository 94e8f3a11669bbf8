/* From a source to the engine, on one thread or several.
 *
 * One thread: a block is read, decoded and worked through in pieces that stay in the cache.
 * Several, in rounds of two steps.  First each thread in turn reads a block and decodes it itself, while
 * the next one reads: what a thread has read is in its own cache.  Then all work through the decoded flows,
 * each on its own groups of shards, up to the next tick; who is done early reads for the next round.  With two
 * threads the first works through all shards while the second reads and decodes ahead: reading and decoding
 * cost about as much, and the tables stay in one cache.  All ways hand the same flows to the same shards in the
 * same order, so the results are equal.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "damp.h"

enum {
	SLICE = 1024,       /* packets decoded at a time */
	SLICE_FLOWS = SLICE + 256,
	ROUND_BLOCKS = 4,   /* blocks in a round when there are several threads */
	ROUNDS = 4,         /* the one that is worked through, and those read ahead */
	BLOCK_SLICES = BLOCK_PACKETS / SLICE + 1,
	ROUND_SLICES = ROUND_BLOCKS * BLOCK_SLICES,
	PLAN = 4 * ROUND_SLICES,
	THREADS_MAX = SHARDS,
	SPINS = 20000,      /* before a thread goes to sleep: a fraction of a millisecond, about a round's length */
};

struct slice {
	const struct block *block;
	size_t first, count, done; /* packets or records; done: decoded before the batch was full */
	struct flow_batch batch;
	const struct flow *flow;   /* the batch's, or a stretch of the block's own */
	size_t n;
	struct flow_key *key;
	struct decode_stats stats;
	uint64_t records;
	struct shard_items items[SHARDS]; /* by group of shards; several threads only */
};

/* Blocks in the order of the input, each with as many slices as it needs: guarded by read_lock while they are read,
 * then the first thread's.  Whoever reads a block decodes it. */
struct round {
	struct block block[ROUND_BLOCKS];
	struct slice *slice;        /* ROUND_SLICES, or 1 */
	size_t blocks_n, slices_n;  /* used */
	int last;                   /* how the source answered last */
	int64_t now_ns;             /* of a live source */
	atomic_uint decoding;       /* blocks read, but not yet decoded */
	atomic_bool full;           /* nothing more is read into it */
};

/* A run of a slice's flows that belongs to the current tick. */
struct stretch {
	struct slice *slice;
	size_t from, to;
};

struct pipeline {
	struct engine *engine;
	struct pipeline_totals totals;
	unsigned int threads;
	pthread_t thread[THREADS_MAX];
	unsigned int started;
	pthread_mutex_t read_lock;
	struct source *source;
	struct round round[ROUNDS];
	struct names_memo *memo[THREADS_MAX]; /* of each thread */
	uint64_t reading_no;        /* the round that is being read */
	uint64_t done_no;           /* the round that is being worked through: those before are free again */
	bool reading;               /* false: a live source's packets are worked on first */
	bool ended;                 /* the source has no more */

	struct stretch plan[PLAN];
	size_t plan_n;
	/* A group of shards is taken by raising its number from that of the last plan; each thread begins with its
	 * own groups, whose tables are in its cache. */
	_Atomic uint32_t plan_no, taken[SHARDS];
	atomic_uint groups_done;

	atomic_uint generation;     /* something new to do */
	atomic_bool quit;
	pthread_mutex_t lock;       /* only for those who sleep */
	pthread_cond_t wake, done;
};

/* --- decoding --------------------------------------------------------------------------------------- */

/* Groups of shards: twice as many as threads, so that nobody waits long for the last one. */
static unsigned int
groups_of(const struct pipeline *p)
{
	return p->threads * 2 < SHARDS ? p->threads * 2 : SHARDS;
}

/* Whether the shards are worth sharing out. */
static bool
grouped(const struct pipeline *p)
{
	return p->threads > 2;
}

static void
decode_slice(struct pipeline *p, unsigned int thread, struct slice *s)
{
	if (s->block->n > 0) {
		flow_batch_reset(&s->batch);
		s->done = packets_decode(s->block, s->first, s->count, &s->batch, &s->stats);
		s->flow = s->batch.flow;
		s->n = s->batch.n;
	} else {
		s->done = s->n = s->count < SLICE ? s->count : SLICE;
		s->flow = s->block->flows.flow + s->first;
		for (size_t i = 0; i < s->n; i++) {
			s->stats.packets += s->flow[i].packets;
			s->stats.bytes += s->flow[i].bytes;
		}
		s->records += s->n;
	}
	engine_keys_memo(p->engine, s->flow, s->n, p->memo[thread], s->key);
	if (grouped(p))
		shards_split(s->flow, s->key, s->n, groups_of(p), s->items);
}

/* Packets or records: a block has one or the other. */
static size_t
block_units(const struct block *b)
{
	return b->n > 0 ? b->n : b->flows.n;
}

static void
add_stats(struct pipeline_totals *sum, struct slice *s)
{
	sum->decode.packets += s->stats.packets;
	sum->decode.bytes += s->stats.bytes;
	for (int i = 0; i < REJECT_KINDS; i++)
		sum->decode.rejected[i] += s->stats.rejected[i];
	sum->records += s->records;
	s->records = 0;
	memset(&s->stats, 0, sizeof(s->stats));
}

/* A second input may hold an earlier time. */
static void
begin_input(struct pipeline *p, const struct block *b)
{
	if (b->n > 0 && b->packet[0].t_ns != 0)
		engine_restart(p->engine, b->packet[0].t_ns, false);
	else if (b->n == 0 && b->flows.n > 0)
		engine_restart(p->engine, flow_time(&b->flows.flow[0]), true);
}

/* --- one thread --------------------------------------------------------------------------------------- */

static void
mark_copies(struct pipeline *p, struct slice *s)
{
	if (s->block->n > 0)
		engine_copies(p->engine, s->batch.flow, s->key, s->n);
}

/* All shards, flow by flow in order. */
static void
ingest_slice(struct pipeline *p, struct slice *s)
{
	mark_copies(p, s);
	for (size_t i = 0; i < s->n;) {
		struct engine_run run = engine_begin(p->engine, s->flow + i, s->n - i);

		i += run.skip;
		engine_ingest(p->engine, s->flow + i, s->key + i, run.n);
		i += run.n;
	}
	add_stats(&p->totals, s);
}

static void
work_through(struct pipeline *p, struct slice *s, const struct block *b, size_t first, size_t end)
{
	s->block = b;
	for (s->first = first; s->first < end; s->first += s->done) {
		s->count = end - s->first < SLICE ? end - s->first : SLICE;
		decode_slice(p, 0, s); /* always the first thread's work */
		ingest_slice(p, s);
	}
}

static int
run_single(struct pipeline *p, struct source *s, const struct pipeline_events *ev)
{
	struct block *b = &p->round[0].block[0];
	bool first = true;
	int n;

	while ((n = source_read(s, b)) >= 0) {
		if (first)
			begin_input(p, b);
		first = first && block_units(b) == 0;
		work_through(p, &p->round[0].slice[0], b, 0, block_units(b));
		engine_exporters(p->engine, b->news, b->news_n);
		if (b->now_ns != 0)
			engine_advance(p->engine, b->now_ns);
		if (ev->pause(ev->ctx, s))
			return 0;
	}
	return n == ERR_EOF ? 0 : n;
}

/* --- several threads: reading and decoding ----------------------------------------------------------------- */

static void
tell_done(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	pthread_cond_broadcast(&p->done);
	pthread_mutex_unlock(&p->lock);
}

/* Sleeping costs more than a turn at reading takes. */
static void
lock_reading(struct pipeline *p)
{
	for (int i = 0; i < SPINS; i++) {
		if (pthread_mutex_trylock(&p->read_lock) == 0)
			return;
		__builtin_ia32_pause();
	}
	pthread_mutex_lock(&p->read_lock);
}

/* Puts the slices of a block that was just read at the end of the round.  Records may be more than the slices
 * of a block hold: what is left of the last one is worked through by hand. */
static size_t
cut_slices(struct round *round, const struct block *b)
{
	size_t n = 0, units = block_units(b);

	for (size_t first = 0; first < units && n < BLOCK_SLICES; first += SLICE, n++) {
		struct slice *s = &round->slice[round->slices_n++];

		s->block = b;
		s->first = first;
		s->count = units - first < SLICE || n == BLOCK_SLICES - 1 ? units - first : SLICE;
	}
	return n;
}

/* Reads the next block of the open round and decodes it; false when there is none.  Reading is one at a time, in
 * the order of the input; decoding goes on beside the next one's reading. */
static bool
read_and_decode(struct pipeline *p, unsigned int thread)
{
	struct round *round;
	struct slice *mine;
	struct block *b;
	size_t n;
	bool full;

	lock_reading(p);
	if (!p->reading || p->ended || p->reading_no >= p->done_no + ROUNDS) {
		pthread_mutex_unlock(&p->read_lock);
		return false;
	}
	round = &p->round[p->reading_no % ROUNDS];
	b = &round->block[round->blocks_n];
	round->last = source_read(p->source, b);
	if (round->last < 0) {
		p->ended = true;
		atomic_store(&round->full, true);
		pthread_mutex_unlock(&p->read_lock);
		tell_done(p);
		return false;
	}
	mine = &round->slice[round->slices_n];
	n = cut_slices(round, b);
	round->now_ns = b->now_ns;
	/* what is there of a live source now is worked on now, before the next packets are waited for */
	if (b->now_ns != 0 || block_units(b) == 0)
		p->reading = false;
	full = ++round->blocks_n == ROUND_BLOCKS || !p->reading;
	atomic_fetch_add(&round->decoding, 1);
	if (full) {
		p->reading_no++;
		atomic_store(&round->full, true);
	}
	pthread_mutex_unlock(&p->read_lock);
	for (size_t i = 0; i < n; i++)
		decode_slice(p, thread, &mine[i]);
	if (atomic_fetch_sub(&round->decoding, 1) == 1)
		tell_done(p);
	return true;
}

/* --- several threads: the shards ---------------------------------------------------------------------------- */

static void
take_groups(struct pipeline *p, unsigned int thread)
{
	uint32_t no = atomic_load(&p->plan_no);
	unsigned int groups = groups_of(p);

	for (unsigned int k = 0; no > 0 && k < groups; k++) {
		unsigned int g = (k * p->threads + thread + k * p->threads / groups) % groups;
		uint32_t last = no - 1;

		if (!atomic_compare_exchange_strong(&p->taken[g], &last, no))
			continue;
		for (size_t i = 0; i < p->plan_n; i++) {
			struct slice *s = p->plan[i].slice;

			engine_work(p->engine, s->flow, s->key, p->plan[i].from, p->plan[i].to, &s->items[g]);
		}
		if (atomic_fetch_add(&p->groups_done, 1) + 1 == groups)
			tell_done(p);
	}
}

struct helper {
	struct pipeline *p;
	unsigned int thread;
};

static void *
helper_main(void *arg)
{
	struct helper h = *(struct helper *)arg;
	struct pipeline *p = h.p;
	unsigned int seen = 0;

	free(arg);
	for (;;) {
		for (int i = 0; i < SPINS && atomic_load_explicit(&p->generation, memory_order_acquire) == seen; i++)
			__builtin_ia32_pause();
		pthread_mutex_lock(&p->lock);
		while (atomic_load(&p->generation) == seen)
			pthread_cond_wait(&p->wake, &p->lock);
		seen = atomic_load(&p->generation);
		pthread_mutex_unlock(&p->lock);
		if (atomic_load(&p->quit))
			return NULL;
		do
			take_groups(p, h.thread);
		while (read_and_decode(p, h.thread));
	}
}

static void
announce(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->generation, 1);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

/* Waits until the counter has the value; the others' last step wakes this thread. */
static void
wait_until(struct pipeline *p, atomic_uint *counter, unsigned int value)
{
	for (int i = 0; i < SPINS && atomic_load_explicit(counter, memory_order_acquire) != value; i++)
		__builtin_ia32_pause();
	pthread_mutex_lock(&p->lock);
	while (atomic_load(counter) != value)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static void
execute_plan(struct pipeline *p)
{
	if (p->plan_n == 0)
		return;
	atomic_store(&p->groups_done, 0);
	atomic_fetch_add(&p->plan_no, 1);
	announce(p);
	take_groups(p, 0);
	while (atomic_load(&p->groups_done) < groups_of(p) && read_and_decode(p, 0))
		;
	wait_until(p, &p->groups_done, groups_of(p));
	p->plan_n = 0;
}

/* A batch full of messages left packets undecoded: the rest by hand. */
static void
ingest_rest(struct pipeline *p, struct slice *s)
{
	size_t first = s->first + s->done, end = s->first + s->count;

	if (first < end)
		work_through(p, s, s->block, first, end);
}

static bool
last_of_block(const struct round *round, size_t k)
{
	return k + 1 == round->slices_n || round->slice[k + 1].block != round->slice[k].block;
}

/* Behind a block's last slice come its news of exporters. */
static void
ingest_news(struct pipeline *p, const struct round *round, size_t k)
{
	const struct block *b = round->slice[k].block;

	if (b->news_n > 0 && last_of_block(round, k))
		engine_exporters(p->engine, b->news, b->news_n);
}

/* Collects runs of the current tick over all slices; the plan is carried out when a tick ends. */
static void
ingest_round(struct pipeline *p, struct round *round)
{
	for (size_t k = 0; k < round->slices_n && !grouped(p); k++) {
		ingest_slice(p, &round->slice[k]);
		ingest_rest(p, &round->slice[k]);
		ingest_news(p, round, k);
	}
	if (!grouped(p))
		return;
	for (size_t k = 0; k < round->slices_n; k++) {
		struct slice *s = &round->slice[k];

		mark_copies(p, s);
		for (size_t i = 0; i < s->n;) {
			if (!engine_same_tick(p->engine, &s->flow[i]) || p->plan_n == PLAN)
				execute_plan(p);
			struct engine_run run = engine_begin(p->engine, s->flow + i, s->n - i);

			i += run.skip;
			if (run.n > 0)
				p->plan[p->plan_n++] = (struct stretch){s, i, i + run.n};
			i += run.n;
		}
		add_stats(&p->totals, s);
		if (s->done < s->count) {
			execute_plan(p);
			ingest_rest(p, s);
		}
		if (s->block->news_n > 0 && last_of_block(round, k)) {
			execute_plan(p);
			ingest_news(p, round, k);
		}
	}
	execute_plan(p);
}

/* Until the round is read and decoded. */
static void
complete_round(struct pipeline *p, struct round *round)
{
	/* rather read further ahead than wait for the other one's decoding */
	while (!atomic_load(&round->full) || atomic_load(&round->decoding) != 0)
		if (!read_and_decode(p, 0))
			break;
	while (!atomic_load(&round->full))
		__builtin_ia32_pause();
	wait_until(p, &round->decoding, 0);
}

/* The round was worked through: its place can be read into again. */
static void
free_round(struct pipeline *p, struct round *round)
{
	pthread_mutex_lock(&p->read_lock);
	round->blocks_n = round->slices_n = 0;
	round->now_ns = 0;
	atomic_store(&round->full, false);
	p->done_no++;
	p->reading = true;
	pthread_mutex_unlock(&p->read_lock);
	announce(p);
}

static int
run_several(struct pipeline *p, struct source *s, const struct pipeline_events *ev)
{
	bool first = true, more = true;
	int last = 0;

	p->source = s;
	pthread_mutex_lock(&p->read_lock);
	p->reading_no = p->done_no = 0;
	p->reading = true;
	p->ended = false;
	pthread_mutex_unlock(&p->read_lock);
	announce(p);
	while (more) {
		struct round *now = &p->round[p->done_no % ROUNDS];

		complete_round(p, now);
		if (first && now->slices_n > 0)
			begin_input(p, now->slice[0].block);
		first = first && now->slices_n == 0;
		ingest_round(p, now);
		if (now->now_ns != 0)
			engine_advance(p->engine, now->now_ns);
		last = now->last;
		more = !ev->pause(ev->ctx, s) && last >= 0;
		free_round(p, now);
	}
	/* stopped: nobody may read on while the source is closed */
	pthread_mutex_lock(&p->read_lock);
	p->ended = true;
	pthread_mutex_unlock(&p->read_lock);
	for (int i = 0; i < ROUNDS; i++) {
		wait_until(p, &p->round[i].decoding, 0);
		p->round[i].blocks_n = p->round[i].slices_n = 0;
		atomic_store(&p->round[i].full, false);
	}
	return last < 0 && last != ERR_EOF ? last : 0;
}

/* --- setting up ----------------------------------------------------------------------------------------- */

static int
slice_init(struct pipeline *p, struct slice *s)
{
	s->key = malloc(SLICE_FLOWS * sizeof(*s->key)); /* engine_keys writes them */
	if (s->key == NULL || flow_batch_init(&s->batch, SLICE_FLOWS) < 0)
		return ERR_NOMEM;
	for (unsigned int g = 0; grouped(p) && g < groups_of(p); g++) {
		s->items[g].item = malloc(SLICE_FLOWS * 4 * sizeof(*s->items[g].item));
		if (s->items[g].item == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

/* What is never used is never touched: a thread more costs no memory, the rounds are everybody's. */
static int
round_init(struct pipeline *p, struct round *r)
{
	size_t blocks = p->threads > 1 ? ROUND_BLOCKS : 1, slices = p->threads > 1 ? ROUND_SLICES : 1;

	r->slice = calloc(ROUND_SLICES, sizeof(*r->slice));
	if (r->slice == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < blocks; i++)
		if (block_init(&r->block[i]) < 0)
			return ERR_NOMEM;
	for (size_t i = 0; i < slices; i++)
		if (slice_init(p, &r->slice[i]) < 0)
			return ERR_NOMEM;
	return 0;
}

static void
round_done(struct round *r)
{
	for (size_t i = 0; i < ROUND_BLOCKS; i++)
		block_done(&r->block[i]);
	for (size_t i = 0; r->slice != NULL && i < ROUND_SLICES; i++) {
		flow_batch_done(&r->slice[i].batch);
		free(r->slice[i].key);
		for (unsigned int g = 0; g < SHARDS; g++)
			free(r->slice[i].items[g].item);
	}
	free(r->slice);
}

/* The helpers take no signals: those are for the main thread, which opens and closes the sources. */
static int
start_helpers(struct pipeline *p)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned int i = 1; i < p->threads && err == 0; i++) {
		struct helper *h = malloc(sizeof(*h));

		if (h != NULL)
			*h = (struct helper){p, i};
		if (h != NULL && pthread_create(&p->thread[p->started], NULL, helper_main, h) == 0) {
			p->started++;
		} else {
			free(h);
			err = ERR_NOMEM;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

struct pipeline *
pipeline_new(struct engine *e, unsigned int threads)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int err = 0;

	if (p == NULL)
		return NULL;
	p->engine = e;
	p->threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
	pthread_mutex_init(&p->read_lock, NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
	for (unsigned int i = 0; i < (p->threads > 1 ? ROUNDS : 1) && err == 0; i++)
		err = round_init(p, &p->round[i]);
	for (unsigned int i = 0; i < p->threads && err == 0; i++) {
		p->memo[i] = aligned_alloc(_Alignof(struct names_memo), sizeof(*p->memo[i]));
		if (p->memo[i] != NULL)
			memset(p->memo[i], 0, sizeof(*p->memo[i]));
		else
			err = ERR_NOMEM;
	}
	if (err == 0)
		err = start_helpers(p);
	if (err < 0) {
		pipeline_free(p);
		return NULL;
	}
	return p;
}

void
pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	atomic_store(&p->quit, true);
	announce(p);
	for (unsigned int i = 0; i < p->started; i++)
		pthread_join(p->thread[i], NULL);
	for (unsigned int i = 0; i < ROUNDS; i++)
		round_done(&p->round[i]);
	for (unsigned int i = 0; i < p->threads; i++)
		free(p->memo[i]);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->read_lock);
	free(p);
}

const struct pipeline_totals *
pipeline_totals(const struct pipeline *p)
{
	return &p->totals;
}

int
pipeline_run(struct pipeline *p, struct source *s, const struct pipeline_events *ev)
{
	struct source_progress progress;
	int err = p->threads > 1 ? run_several(p, s, ev) : run_single(p, s, ev);

	source_progress(s, &progress);
	p->totals.damaged += progress.damaged;
	p->totals.kernel_drops += progress.kernel_drops;
	return err;
}
