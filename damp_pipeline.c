/* From a source to the engine, on one thread or several.
 *
 * One thread: a block is read, decoded and worked through in pieces that stay in the cache.
 * Several: the blocks of a round are decoded as small tasks that any thread takes; then the decoded
 * flows up to the next tick are worked through as a few tasks of some shards each.  Meanwhile one thread
 * reads the blocks of the next round and joins in when it has them.  Both ways hand the same flows to
 * the same shards in the same order, so the results are equal.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "damp.h"

enum {
	SLICE = 1024,       /* packets decoded at a time */
	SLICE_FLOWS = SLICE + 256,
	ROUND_BLOCKS = 4,   /* blocks read ahead when there are several threads */
	SLICES = ROUND_BLOCKS * (BLOCK_PACKETS / SLICE) + ROUND_BLOCKS,
	PLAN = 4 * SLICES,
	THREADS_MAX = SHARDS,
	SPINS = 4000,       /* before a thread goes to sleep: some ten microseconds */
};

struct slice {
	const struct block *block;
	size_t first, count, done; /* packets; done: decoded before the batch was full */
	struct flow_batch batch;
	struct flow_key *key;
	struct decode_stats stats;
};

struct stretch {
	const struct flow *flow;
	const struct flow_key *key;
	size_t n;
};

enum job { JOB_DECODE, JOB_INGEST };

struct pipeline {
	struct engine *engine;
	struct pipeline_totals totals;
	unsigned int threads;
	pthread_t thread[THREADS_MAX];
	unsigned int started;

	struct block block[2][ROUND_BLOCKS];
	struct slice slice[SLICES];
	size_t slices_n;
	struct stretch plan[PLAN];
	size_t plan_n;

	/* Reading ahead: requested by the first thread, done by whoever comes first. */
	struct source *source;
	struct block *read_into;
	size_t read_n;
	int read_last;
	atomic_int reading;         /* enum reading */

	/* The tasks of one job; a thread takes the next until there are none.  One word says which job, how
	 * many tasks and which is next, so that a late thread never mixes two jobs up. */
	_Atomic uint64_t ticket;    /* tasks << 48 | job << 40 | next */
	atomic_size_t done_tasks;
	atomic_uint generation;     /* something new to do */
	atomic_bool quit;
	pthread_mutex_t lock;       /* only for those who sleep */
	pthread_cond_t wake, done;
};

enum reading { READING_NOTHING, READING_WANTED, READING_NOW, READING_DONE };

/* --- decoding --------------------------------------------------------------------------------------- */

static void
decode_slice(struct pipeline *p, struct slice *s)
{
	flow_batch_reset(&s->batch);
	s->done = packets_decode(s->block, s->first, s->count, &s->batch, &s->stats);
	engine_keys(p->engine, s->batch.flow, s->batch.n, s->key);
}

static void
add_stats(struct decode_stats *sum, struct decode_stats *s)
{
	sum->packets += s->packets;
	sum->bytes += s->bytes;
	for (int i = 0; i < REJECT_KINDS; i++)
		sum->rejected[i] += s->rejected[i];
	memset(s, 0, sizeof(*s));
}

/* --- reading ---------------------------------------------------------------------------------------- */

/* Fills one round; returns the number of blocks, *last tells how the source answered at the end. */
static size_t
read_round(struct source *s, struct block *blocks, int *last)
{
	size_t n = 0;

	*last = 0;
	while (n < ROUND_BLOCKS) {
		*last = source_read(s, &blocks[n]);
		if (*last < 0)
			break;
		n++;
		if (blocks[n - 1].now_ns != 0 || blocks[n - 1].n == 0)
			break; /* live: what is there now is worked on now */
	}
	return n;
}

/* Does the wanted reading unless somebody else took it. */
static void
read_if_wanted(struct pipeline *p)
{
	int wanted = READING_WANTED;

	if (!atomic_compare_exchange_strong(&p->reading, &wanted, READING_NOW))
		return;
	p->read_n = read_round(p->source, p->read_into, &p->read_last);
	atomic_store(&p->reading, READING_DONE);
	pthread_mutex_lock(&p->lock);
	pthread_cond_broadcast(&p->done);
	pthread_mutex_unlock(&p->lock);
}

/* --- the pool --------------------------------------------------------------------------------------- */

/* Tasks of one job over the plan: twice as many as threads, so that nobody waits long for the last one. */
static size_t
shard_groups(const struct pipeline *p)
{
	return p->threads * 2 < SHARDS ? p->threads * 2 : SHARDS;
}

static uint32_t
group_mask(size_t group, size_t groups)
{
	uint32_t mask = 0;

	for (size_t i = group; i < SHARDS; i += groups)
		mask |= UINT32_C(1) << i;
	return mask;
}

static void
do_task(struct pipeline *p, enum job job, size_t task)
{
	if (job == JOB_DECODE) {
		decode_slice(p, &p->slice[task]);
		return;
	}
	for (size_t i = 0; i < p->plan_n; i++)
		engine_ingest(p->engine, p->plan[i].flow, p->plan[i].key, p->plan[i].n, group_mask(task, shard_groups(p)));
}

static void
take_tasks(struct pipeline *p)
{
	for (;;) {
		uint64_t ticket = atomic_fetch_add(&p->ticket, 1);
		size_t tasks = (size_t)(ticket >> 48), task = (size_t)(ticket & UINT32_MAX);

		if (task >= tasks)
			return;
		do_task(p, (enum job)(ticket >> 40 & 0xff), task);
		if (atomic_fetch_add(&p->done_tasks, 1) + 1 == tasks) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_broadcast(&p->done);
			pthread_mutex_unlock(&p->lock);
		}
	}
}

static void *
helper_main(void *arg)
{
	struct pipeline *p = arg;
	unsigned int seen = 0;

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
		read_if_wanted(p);
		take_tasks(p);
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

/* Runs a job to its end, this thread taking part. */
static void
run_job(struct pipeline *p, enum job job, size_t tasks)
{
	if (tasks == 0)
		return;
	atomic_store(&p->done_tasks, 0);
	atomic_store(&p->ticket, (uint64_t)tasks << 48 | (uint64_t)job << 40);
	announce(p);
	take_tasks(p);
	for (int i = 0; i < SPINS && atomic_load_explicit(&p->done_tasks, memory_order_acquire) < tasks; i++)
		__builtin_ia32_pause();
	pthread_mutex_lock(&p->lock);
	while (atomic_load(&p->done_tasks) < tasks)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

struct pipeline *
pipeline_new(struct engine *e, unsigned int threads)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	size_t blocks, slices;

	if (p == NULL)
		return NULL;
	p->engine = e;
	p->threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
	blocks = p->threads > 1 ? ROUND_BLOCKS : 1;
	slices = p->threads > 1 ? SLICES : 1;
	for (size_t i = 0; i < blocks; i++)
		if (block_init(&p->block[0][i]) < 0 || (p->threads > 1 && block_init(&p->block[1][i]) < 0))
			goto fail;
	for (size_t i = 0; i < slices; i++) {
		p->slice[i].key = calloc(SLICE_FLOWS, sizeof(struct flow_key));
		if (p->slice[i].key == NULL || flow_batch_init(&p->slice[i].batch, SLICE_FLOWS) < 0)
			goto fail;
	}
	for (unsigned int i = 1; i < p->threads; i++) {
		if (pthread_create(&p->thread[p->started], NULL, helper_main, p) != 0)
			goto fail;
		p->started++;
	}
	return p;
fail:
	pipeline_free(p);
	return NULL;
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
	for (size_t i = 0; i < ROUND_BLOCKS; i++) {
		block_done(&p->block[0][i]);
		block_done(&p->block[1][i]);
	}
	for (size_t i = 0; i < SLICES; i++) {
		flow_batch_done(&p->slice[i].batch);
		free(p->slice[i].key);
	}
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

const struct pipeline_totals *
pipeline_totals(const struct pipeline *p)
{
	return &p->totals;
}

/* A second input may hold an earlier time. */
static void
begin_input(struct pipeline *p, const struct block *b)
{
	if (b->n > 0 && b->packet[0].t_ns != 0)
		engine_restart(p->engine, b->packet[0].t_ns);
}

/* --- one thread --------------------------------------------------------------------------------------- */

/* All shards, flow by flow in order. */
static void
ingest_slice(struct pipeline *p, struct slice *s)
{
	for (size_t i = 0; i < s->batch.n;) {
		struct engine_run run = engine_begin(p->engine, s->batch.flow + i, s->batch.n - i);

		i += run.skip;
		engine_ingest(p->engine, s->batch.flow + i, s->key + i, run.n, ENGINE_ALL);
		i += run.n;
	}
	add_stats(&p->totals.decode, &s->stats);
}

static void
work_through(struct pipeline *p, struct slice *s, const struct block *b, size_t first, size_t end)
{
	s->block = b;
	for (s->first = first; s->first < end; s->first += s->done) {
		s->count = end - s->first < SLICE ? end - s->first : SLICE;
		decode_slice(p, s);
		ingest_slice(p, s);
	}
}

static int
run_single(struct pipeline *p, struct source *s, const struct pipeline_events *ev)
{
	struct block *b = &p->block[0][0];
	bool first = true;
	int n;

	while ((n = source_read(s, b)) >= 0) {
		if (first)
			begin_input(p, b);
		first = false;
		work_through(p, &p->slice[0], b, 0, b->n);
		if (b->now_ns != 0)
			engine_advance(p->engine, b->now_ns);
		if (ev->pause(ev->ctx, s))
			return 0;
	}
	return n == ERR_EOF ? 0 : n;
}

/* --- several threads ----------------------------------------------------------------------------------- */

static void
execute_plan(struct pipeline *p)
{
	if (p->plan_n > 0)
		run_job(p, JOB_INGEST, shard_groups(p));
	p->plan_n = 0;
}

/* Collects runs of the current tick over all slices; the plan is carried out when a tick ends. */
static void
ingest_round(struct pipeline *p)
{
	for (size_t k = 0; k < p->slices_n; k++) {
		struct slice *s = &p->slice[k];

		for (size_t i = 0; i < s->batch.n;) {
			if (!engine_same_tick(p->engine, &s->batch.flow[i]) || p->plan_n == PLAN)
				execute_plan(p);
			struct engine_run run = engine_begin(p->engine, s->batch.flow + i, s->batch.n - i);

			i += run.skip;
			if (run.n > 0)
				p->plan[p->plan_n++] = (struct stretch){s->batch.flow + i, s->key + i, run.n};
			i += run.n;
		}
		add_stats(&p->totals.decode, &s->stats);
		if (s->done < s->count) { /* a batch full of messages: the rest by hand */
			size_t end = s->first + s->count, first = s->first + s->done;

			execute_plan(p);
			work_through(p, s, s->block, first, end);
		}
	}
	execute_plan(p);
}

static void
cut_slices(struct pipeline *p, const struct block *blocks, size_t n)
{
	p->slices_n = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t first = 0; first < blocks[i].n && p->slices_n < SLICES; first += SLICE) {
			struct slice *s = &p->slice[p->slices_n++];

			s->block = &blocks[i];
			s->first = first;
			s->count = blocks[i].n - first < SLICE ? blocks[i].n - first : SLICE;
		}
}

static void
want_reading(struct pipeline *p, struct block *into)
{
	p->read_into = into;
	atomic_store(&p->reading, READING_WANTED);
}

/* The blocks read ahead; reads them here if nobody has begun to. */
static size_t
take_reading(struct pipeline *p)
{
	read_if_wanted(p);
	pthread_mutex_lock(&p->lock);
	while (atomic_load(&p->reading) == READING_NOW)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	atomic_store(&p->reading, READING_NOTHING);
	return p->read_n;
}

static int
run_several(struct pipeline *p, struct source *s, const struct pipeline_events *ev)
{
	int last, turn = 0;
	size_t n = read_round(s, p->block[0], &last);

	p->source = s;
	if (n > 0)
		begin_input(p, &p->block[0][0]);
	while (n > 0) {
		struct block *now = p->block[turn], *next = p->block[1 - turn];
		/* a live source is read only after its packets were worked on, lest they wait for the next ones */
		bool live = now[n - 1].now_ns != 0, ahead = last >= 0 && !live;

		if (ahead)
			want_reading(p, next);
		cut_slices(p, now, n);
		run_job(p, JOB_DECODE, p->slices_n);
		ingest_round(p);
		if (live)
			engine_advance(p->engine, now[n - 1].now_ns);
		n = ahead ? take_reading(p) : 0;
		if (ahead)
			last = p->read_last;
		if (ev->pause(ev->ctx, s))
			return 0;
		if (live && last >= 0)
			n = read_round(s, next, &last);
		turn = 1 - turn;
	}
	return last == ERR_EOF || last >= 0 ? 0 : last;
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
