/* Several live sources as one: interfaces, listeners, a queue.
 *
 * Each has a thread of its own that reads its blocks ahead; source_read takes the next full one and gives an empty
 * one back.  So a burst at one of them never makes another wait, and nothing is copied.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/reader.h"

enum { AHEAD = 3 }; /* blocks of a member that are full or being filled */

struct member {
	struct multi *multi;
	struct source *source;
	struct block block[AHEAD];
	int result[AHEAD];          /* what source_read said when it was filled */
	unsigned int filled, taken; /* in turn; filled - taken are waiting */
	pthread_t thread;
	bool started, ended;
};

struct multi {
	pthread_mutex_t lock;
	pthread_cond_t full, empty;
	struct member member[SOURCE_MULTI_MAX];
	size_t n, next;             /* next: whose turn it is, so that none starves */
	bool quit;
};

static void *
member_main(void *arg)
{
	struct member *m = arg;
	struct multi *x = m->multi;
	int n = 0;

	while (n >= 0) {
		unsigned int at;
		bool quit;

		pthread_mutex_lock(&x->lock);
		while (m->filled - m->taken == AHEAD && !x->quit)
			pthread_cond_wait(&x->empty, &x->lock);
		at = m->filled % AHEAD;
		quit = x->quit;
		pthread_mutex_unlock(&x->lock);
		if (quit)
			break;
		n = source_read(m->source, &m->block[at]);
		pthread_mutex_lock(&x->lock);
		m->result[at] = n;
		m->filled++;
		m->ended = n < 0;
		pthread_cond_signal(&x->full);
		pthread_mutex_unlock(&x->lock);
	}
	return NULL;
}

/* A member with something to take; NULL: none now.  `live`: whether any may still have something. */
static struct member *
ready(struct multi *x, bool *live)
{
	*live = false;
	for (size_t i = 0; i < x->n; i++) {
		struct member *m = &x->member[(x->next + i) % x->n];

		*live = *live || !m->ended || m->filled != m->taken;
		if (m->filled != m->taken) {
			x->next = (x->next + i + 1) % x->n;
			return m;
		}
	}
	return NULL;
}

static int
multi_read(struct source *s, struct block *b)
{
	struct multi *x = s->state;
	struct member *m;
	struct block full;
	bool live;
	int n;

	pthread_mutex_lock(&x->lock);
	do {
		while ((m = ready(x, &live)) == NULL && live)
			pthread_cond_wait(&x->full, &x->lock);
		if (m == NULL) {
			pthread_mutex_unlock(&x->lock);
			return ERR_EOF;
		}
		n = m->result[m->taken % AHEAD];
		full = m->block[m->taken % AHEAD];
		m->block[m->taken % AHEAD] = *b;
		*b = full;
		m->taken++;
		s->failed = s->failed || n == ERR_IO;
		pthread_cond_broadcast(&x->empty);
	} while (n < 0); /* this one has ended; the others go on */
	pthread_mutex_unlock(&x->lock);
	return n;
}

static void
multi_close(struct source *s)
{
	struct multi *x = s->state;

	pthread_mutex_lock(&x->lock);
	x->quit = true;
	pthread_cond_broadcast(&x->empty);
	pthread_mutex_unlock(&x->lock);
	for (size_t i = 0; i < x->n; i++)
		source_stop(x->member[i].source);
	for (size_t i = 0; i < x->n; i++) {
		if (x->member[i].started)
			pthread_join(x->member[i].thread, NULL);
		source_close(x->member[i].source);
		for (int k = 0; k < AHEAD; k++)
			block_done(&x->member[i].block[k]);
	}
	pthread_cond_destroy(&x->full);
	pthread_cond_destroy(&x->empty);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

static const struct source_format multi_format = {.name = "several sources", .read = multi_read, .close = multi_close};

size_t
multi_members(const struct source *s, struct source **out, size_t max)
{
	const struct multi *x = s->state;
	size_t n = 0;

	if (s->format != &multi_format)
		return 0;
	while (n < x->n && n < max) {
		out[n] = x->member[n].source;
		n++;
	}
	return n;
}

/* Signals are for the thread that opened the sources. */
static int
start(struct multi *x)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (size_t i = 0; i < x->n && err == 0; i++) {
		struct member *m = &x->member[i];

		m->started = pthread_create(&m->thread, NULL, member_main, m) == 0;
		if (!m->started)
			err = ERR_NOMEM;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

struct source *
source_open_multi(struct source **list, size_t n)
{
	struct source *s;
	struct multi *x;
	int err = 0;

	if (n == 1)
		return list[0];
	s = source_new("several sources", NULL);
	x = calloc(1, sizeof(*x));
	if (s == NULL || x == NULL || n > SOURCE_MULTI_MAX) {
		free(x);
		source_close(s);
		for (size_t i = 0; i < n; i++)
			source_close(list[i]);
		return NULL;
	}
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->full, NULL);
	pthread_cond_init(&x->empty, NULL);
	s->format = &multi_format;
	s->state = x;
	s->packets_only = true; /* the members have done it */
	for (size_t i = 0; i < n; i++, x->n++) {
		x->member[i] = (struct member){.multi = x, .source = list[i]};
		for (int k = 0; k < AHEAD; k++)
			if (block_init(&x->member[i].block[k]) < 0)
				err = ERR_NOMEM;
	}
	if (err == 0)
		err = start(x);
	if (err == 0)
		return s;
	source_close(s);
	return NULL;
}
