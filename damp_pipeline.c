/* From a source to the engine, on one thread or several.
 *
 * One thread: a block is read, decoded and worked through in pieces that stay in the cache.
 * Several: while the others decode the blocks of this round, the first thread reads the next
 * round's; then everybody works through the decoded flows, each on its own shards, up to the next
 * tick.  Both ways hand the same flows to the same shards in the same order, so the results are equal.
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

enum job { JOB_DECODE, JOB_INGEST, JOB_QUIT };

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

	/* the pool */
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	atomic_uint generation;     /* a new job */
	atomic_uint busy;           /* helpers still at it */
	atomic_size_t next_slice;
	enum job job;
};

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

/* --- the pool --------------------------------------------------------------------------------------- */

static uint32_t
mask_of(const struct pipeline *p, unsigned int thread)
{
	uint32_t mask = 0;

	for (unsigned int i = thread; i < SHARDS; i += p->threads)
		mask |= UINT32_C(1) << i;
	return mask;
}

static void
do_job(struct pipeline *p, enum job job, unsigned int thread)
{
	if (job == JOB_DECODE) {
		size_t i;

		while ((i = atomic_fetch_add(&p->next_slice, 1)) < p->slices_n)
			decode_slice(p, &p->slice[i]);
	} else if (job == JOB_INGEST) {
		uint32_t mask = mask_of(p, thread);

		for (size_t i = 0; i < p->plan_n; i++)
			engine_ingest(p->engine, p->plan[i].flow, p->plan[i].key, p->plan[i].n, mask);
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
		enum job job = p->job;
		pthread_mutex_unlock(&p->lock);
		do_job(p, job, h.thread);
		if (atomic_fetch_sub(&p->busy, 1) == 1) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->done);
			pthread_mutex_unlock(&p->lock);
		}
		if (job == JOB_QUIT)
			return NULL;
	}
}

static void
begin(struct pipeline *p, enum job job)
{
	atomic_store(&p->next_slice, 0);
	pthread_mutex_lock(&p->lock);
	p->job = job;
	atomic_store(&p->busy, p->started);
	atomic_fetch_add(&p->generation, 1);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

static void
wait_for_helpers(struct pipeline *p)
{
	for (int i = 0; i < SPINS && atomic_load_explicit(&p->busy, memory_order_acquire) != 0; i++)
		__builtin_ia32_pause();
	pthread_mutex_lock(&p->lock);
	while (atomic_load(&p->busy) != 0)
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
		struct helper *h = malloc(sizeof(*h));

		if (h == NULL)
			goto fail;
		*h = (struct helper){p, i};
		if (pthread_create(&p->thread[p->started], NULL, helper_main, h) != 0) {
			free(h);
			goto fail;
		}
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
	if (p->started > 0)
		begin(p, JOB_QUIT);
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
	if (p->plan_n == 0)
		return;
	begin(p, JOB_INGEST);
	do_job(p, JOB_INGEST, 0);
	wait_for_helpers(p);
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

static int
run_several(struct pipeline *p, struct source *s, const struct pipeline_events *ev)
{
	int last, next_last = 0, turn = 0;
	size_t n = read_round(s, p->block[0], &last);

	if (n > 0)
		begin_input(p, &p->block[0][0]);
	while (n > 0) {
		struct block *now = p->block[turn], *next = p->block[1 - turn];
		size_t next_n = 0;

		cut_slices(p, now, n);
		begin(p, JOB_DECODE);
		/* a live source is read only after its packets were worked on, lest they wait for the next ones */
		if (last >= 0 && now[n - 1].now_ns == 0)
			next_n = read_round(s, next, &next_last);
		do_job(p, JOB_DECODE, 0);
		wait_for_helpers(p);
		ingest_round(p);
		if (now[n - 1].now_ns != 0) {
			engine_advance(p->engine, now[n - 1].now_ns);
			next_n = last >= 0 ? read_round(s, next, &next_last) : 0;
		}
		if (ev->pause(ev->ctx, s))
			return 0;
		if (last >= 0)
			last = next_last;
		n = next_n;
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
