/* The listener: sockets, receivers, and the threads they run on.
 *
 * With one receiver there is no thread: source_read waits and receives itself, straight into the caller's
 * block.  With more, each fills crates (blocks of its own) and source_read swaps a full one for the caller's;
 * a receiver without an empty crate leaves the rest to the kernel's buffer, whose drops are counted.
 */
#include "collector/listen.h"

#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/listen_socket.h"
#include "collector/reader.h"

enum { TIMEOUT_MS = 100, EVENTS = 64, CRATES = 4, INDEX_SHIFT = 20 };
/* How long datagrams gather after the first, where the kernel has room for a burst meanwhile: waking up for each
 * costs more than decoding it. */
enum { GATHER_NS = 2000000, GATHER_BUFFER = 1 << 20 };

/* The high half of an event's data says what its low half numbers. */
#define TAG_SOCKET ((uint64_t)1 << 32)
#define TAG_CONNECTION ((uint64_t)2 << 32)

struct crate {
	struct block block;
	struct receiver *owner;
	struct crate *next;
};

struct receiver {
	struct listen *listen;
	struct export *export;
	bool own_export;
	int epoll_fd;
	struct listen_socket socket[SOURCE_LISTEN_MAX];
	size_t sockets;
	uint32_t drops[SOURCE_LISTEN_MAX]; /* as last told */
	struct udp_receiver *udp;
	struct tcp_receiver *tcp;
	bool small_buffer;        /* of one of the sockets: no waiting */
	bool calm;                /* the last block had room left: this one may wait for more */
	size_t turn;              /* where among the ready ones to begin: a busy one must not starve the others */
	pthread_mutex_t using;    /* held while `export` is used */
	/* with threads; the rest is under listen->lock */
	pthread_t thread;
	bool running;
	pthread_cond_t emptied;
	struct crate crate[CRATES];
	struct crate *empty;
};

struct listen {
	struct source *source;
	struct listen_counts counts;
	struct receiver *receiver;
	size_t receivers;
	pthread_mutex_t lock;
	struct crate *full, **full_end; /* in order */
	bool closing;
	atomic_int failed;        /* why a receiver gave up; 0: none did */
	int full_fd;              /* readable while there are full crates */
};

/* --- receiving ---------------------------------------------------------------------------------- */

int64_t
listen_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
count_drops(struct receiver *r)
{
	for (size_t i = 0; i < r->sockets; i++) {
		uint32_t now;

		if (r->socket[i].tcp)
			continue;
		now = udp_drops(r->socket[i].fd);
		if (now != r->drops[i])
			listen_count(&r->listen->counts.kernel_drops, now - r->drops[i]);
		r->drops[i] = now;
	}
}

static void
handle(struct receiver *r, uint64_t data, const struct listen_sink *to)
{
	size_t i = (size_t)(data & UINT32_MAX);

	if ((data & TAG_CONNECTION) != 0)
		tcp_receive(r->tcp, i, to);
	else if ((data & TAG_SOCKET) != 0 && r->socket[i].tcp)
		tcp_accept(r->tcp, r->socket[i].fd, to);
	else if ((data & TAG_SOCKET) != 0)
		udp_receive(r->udp, r->socket[i].fd, to);
}

static int
empty_block(const struct source *s, struct block *b)
{
	b->n = b->size = 0;
	b->now_ns = 0;
	flow_batch_reset(&b->flows);
	if (s->ev.want_extra && flow_batch_want_extra(&b->flows) < 0)
		return ERR_NOMEM;
	return source_reserve(b, LISTEN_BYTES);
}

/* Waits for datagrams, a tenth of a second at most, and fills a block with their flows. */
static int
fill(struct receiver *r, struct block *b)
{
	struct listen_sink to = {r->export, b, &r->listen->counts};
	struct epoll_event ev[EVENTS];
	int n, err = empty_block(r->listen->source, b);

	if (err != 0)
		return err;
	n = epoll_wait(r->epoll_fd, ev, EVENTS, TIMEOUT_MS);
	if (n < 0 && errno != EINTR)
		return ERR_IO;
	if (n > 0 && r->calm && !r->listen->source->stopped)
		nanosleep(&(struct timespec){0, GATHER_NS}, NULL);
	pthread_mutex_lock(&r->using);
	r->turn++;
	for (size_t i = 0; n > 0 && i < (size_t)n && !listen_full(&to); i++)
		handle(r, ev[(r->turn + i) % (size_t)n].data.u64, &to);
	pthread_mutex_unlock(&r->using);
	r->calm = !r->small_buffer && !listen_full(&to) && b->flows.n < LISTEN_FLOWS / 4;
	count_drops(r);
	return (int)b->flows.n;
}

static int
delivered(struct source *s, const struct listen *l, const struct block *b)
{
	s->kernel_drops = atomic_load_explicit(&l->counts.kernel_drops, memory_order_relaxed);
	s->offset = atomic_load_explicit(&l->counts.bytes, memory_order_relaxed);
	s->packets += b->flows.n;
	return (int)b->flows.n;
}

/* --- threads ------------------------------------------------------------------------------------ */

static struct crate *
take_empty(struct receiver *r)
{
	struct listen *l = r->listen;
	struct crate *c;

	pthread_mutex_lock(&l->lock);
	while (r->empty == NULL && !l->closing)
		pthread_cond_wait(&r->emptied, &l->lock);
	c = l->closing ? NULL : r->empty;
	if (c != NULL)
		r->empty = c->next;
	pthread_mutex_unlock(&l->lock);
	return c;
}

static void
put_full(struct listen *l, struct crate *c)
{
	static const uint64_t one = 1;

	c->next = NULL;
	pthread_mutex_lock(&l->lock);
	/* should it fail, the reader finds the crate after its time-out all the same */
	while (l->full == NULL && write(l->full_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	*l->full_end = c;
	l->full_end = &c->next;
	pthread_mutex_unlock(&l->lock);
}

static void *
run(void *arg)
{
	struct receiver *r = arg;
	struct crate *c;

	while (!r->listen->source->stopped && (c = take_empty(r)) != NULL) {
		int n;

		do
			n = fill(r, &c->block);
		while (n == 0 && !r->listen->source->stopped);
		if (n < 0)
			r->listen->failed = n;
		if (n <= 0)
			return NULL;
		put_full(r->listen, c);
	}
	return NULL;
}

/* The oldest full crate's block for `b`; false: there is none. */
static bool
swap_full(struct listen *l, struct block *b)
{
	struct block filled;
	struct crate *c;
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	c = l->full;
	if (c != NULL) {
		l->full = c->next;
		if (l->full == NULL)
			l->full_end = &l->full;
		while (l->full == NULL && read(l->full_fd, &n, sizeof(n)) < 0 && errno == EINTR)
			;
		filled = c->block;
		c->block = *b;
		*b = filled;
		c->next = c->owner->empty;
		c->owner->empty = c;
		pthread_cond_signal(&c->owner->emptied);
	}
	pthread_mutex_unlock(&l->lock);
	return c != NULL;
}

static int
read_threads(struct source *s, struct listen *l, struct block *b)
{
	struct pollfd fds[2] = {{.fd = l->full_fd, .events = POLLIN}, {.fd = s->stop_fd, .events = POLLIN}};
	int64_t before = listen_now();
	int err;

	if (swap_full(l, b))
		return delivered(s, l, b);
	if (l->failed != 0)
		return l->failed; /* its senders would be lost without a word */
	if (poll(fds, 2, TIMEOUT_MS) < 0 && errno != EINTR)
		return ERR_IO;
	if (!s->stopped && swap_full(l, b))
		return delivered(s, l, b);
	err = empty_block(s, b);
	/* what a receiver is at work on came later than this */
	b->now_ns = before - (int64_t)TIMEOUT_MS * 1000000;
	return err != 0 ? err : s->stopped ? ERR_EOF : delivered(s, l, b);
}

static bool
start_threads(struct listen *l)
{
	sigset_t all, before;
	bool ok = true;

	/* signals are for the thread that reads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (size_t i = 0; i < l->receivers && ok; i++) {
		struct receiver *r = &l->receiver[i];

		for (size_t k = 0; k < CRATES && ok; k++) {
			ok = block_init(&r->crate[k].block) == 0;
			r->crate[k].owner = r;
			r->crate[k].next = r->empty;
			r->empty = &r->crate[k];
		}
		ok = ok && pthread_create(&r->thread, NULL, run, r) == 0;
		r->running = ok;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

/* --- opening and closing ------------------------------------------------------------------------ */

static void
receiver_done(struct receiver *r)
{
	tcp_receiver_free(r->tcp);
	udp_receiver_free(r->udp);
	for (size_t i = 0; i < r->sockets; i++)
		close(r->socket[i].fd);
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	if (r->own_export)
		export_free(r->export);
	for (size_t k = 0; k < CRATES; k++)
		block_done(&r->crate[k].block);
	pthread_cond_destroy(&r->emptied);
	pthread_mutex_destroy(&r->using);
}

static void
listen_free(struct listen *l)
{
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	for (size_t i = 0; i < l->receivers; i++)
		pthread_cond_signal(&l->receiver[i].emptied);
	pthread_mutex_unlock(&l->lock);
	source_stop(l->source);
	for (size_t i = 0; i < l->receivers; i++)
		if (l->receiver[i].running)
			pthread_join(l->receiver[i].thread, NULL);
	for (size_t i = 0; i < l->receivers; i++)
		receiver_done(&l->receiver[i]);
	if (l->full_fd >= 0)
		close(l->full_fd);
	pthread_mutex_destroy(&l->lock);
	free(l->receiver);
	free(l);
}

static void
listen_close(struct source *s)
{
	listen_free(s->state);
}

/* The first receiver has the source's export; the budgets are shared out among all. */
static struct export *
make_export(const struct source *s, size_t i, size_t of)
{
	struct export_setup setup = {0};

	if (s->ev.export_setup != NULL)
		setup = *s->ev.export_setup;
	setup.template_bytes /= of;
	setup.exporters.base += (uint32_t)(i << INDEX_SHIFT);
	return export_new(&setup);
}

static int
watch(const struct receiver *r, int fd, uint64_t data)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = data};

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int
receiver_open(struct listen *l, size_t i)
{
	struct source *s = l->source;
	struct receiver *r = &l->receiver[i];

	r->listen = l;
	pthread_mutex_init(&r->using, NULL);
	pthread_cond_init(&r->emptied, NULL);
	r->own_export = i > 0;
	r->export = i > 0 ? make_export(s, i, l->receivers) : s->export;
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->udp = udp_receiver_new();
	/* connections are few and long, so one receiver does for them */
	r->tcp = i == 0 && r->epoll_fd >= 0 ? tcp_receiver_new(r->epoll_fd, TAG_CONNECTION) : NULL;
	if (r->export == NULL || r->udp == NULL || (i == 0 && r->tcp == NULL))
		return ERR_NOMEM;
	return watch(r, s->stop_fd, 0);
}

static int
receiver_bind(struct receiver *r, const struct listen_address *a, bool shared, char *why, size_t why_size)
{
	struct listen_socket *k = &r->socket[r->sockets];
	int err = listen_bind(k, a, shared, why, why_size);

	if (err != 0)
		return err;
	r->sockets++;
	if (!k->tcp)
		udp_prepare(k->fd);
	r->small_buffer = r->small_buffer || (!k->tcp && k->receive_buffer < GATHER_BUFFER);
	if (watch(r, k->fd, TAG_SOCKET + r->sockets - 1) < 0) {
		snprintf(why, why_size, "%s: %s", a->text, strerror(errno));
		return ERR_IO;
	}
	return 0;
}

/* All sockets of an address share its port, also one that the kernel chose for the first. */
static int
bind_all(struct listen *l, const struct source_listen *list, size_t n, char *why, size_t why_size)
{
	struct listen_address address[SOURCE_LISTEN_MAX];
	int err = listen_addresses(address, list, n, why, why_size);

	for (size_t k = 0; k < n && err == 0; k++) {
		for (size_t i = 0; i < l->receivers && err == 0; i++) {
			if (i > 0 && address[k].tcp)
				break;
			err = receiver_bind(&l->receiver[i], &address[k], l->receivers > 1, why, why_size);
			if (i == 0 && err == 0)
				address[k].port = l->receiver[0].socket[k].port;
		}
	}
	return err;
}

static struct listen *
listen_new(struct source *s, size_t receivers)
{
	struct listen *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->receiver = calloc(receivers, sizeof(*l->receiver));
	if (l->receiver == NULL) {
		free(l);
		return NULL;
	}
	l->source = s;
	l->full_end = &l->full;
	l->full_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&l->lock, NULL);
	for (size_t i = 0; i < receivers; i++)
		l->receiver[i].epoll_fd = -1;
	return l;
}

void *
listen_open(struct source *s, const struct source_listen *list, size_t n, char *why, size_t why_size)
{
	size_t threads = 1;
	struct listen *l;
	int err = 0;

	if (n == 0 || n > SOURCE_LISTEN_MAX) {
		snprintf(why, why_size, "%s: %s", s->name, n == 0 ? "no address" : "too many addresses");
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (list[i].threads > threads)
			threads = list[i].threads < SOURCE_LISTEN_THREADS ? list[i].threads : SOURCE_LISTEN_THREADS;
	snprintf(why, why_size, "%s: out of memory or file descriptors", s->name);
	l = listen_new(s, threads);
	if (l == NULL)
		return NULL;
	for (size_t i = 0; i < threads && err == 0; i++) {
		l->receivers = i + 1;
		err = receiver_open(l, i);
	}
	if (err == 0)
		err = bind_all(l, list, n, why, why_size);
	if (err == 0 && threads > 1 && !start_threads(l)) {
		snprintf(why, why_size, "%s: no threads to be had", s->name);
		err = ERR_NOMEM;
	}
	if (err != 0) {
		listen_free(l);
		return NULL;
	}
	return l;
}

/* --- as a source -------------------------------------------------------------------------------- */

static int
listen_read(struct source *s, struct block *b)
{
	struct listen *l = s->state;
	int n;

	if (s->stopped)
		return ERR_EOF;
	if (l->receivers > 1)
		return read_threads(s, l, b);
	n = fill(&l->receiver[0], b);
	if (n < 0)
		return n;
	b->now_ns = listen_now();
	return delivered(s, l, b);
}

const struct source_format listen_format = {.name = "listen", .read = listen_read, .close = listen_close};

size_t
source_sockets(const struct source *s, struct source_socket *out, size_t max)
{
	const struct listen *l = s->state;
	size_t n = 0;

	if (s->format != &listen_format)
		return 0;
	for (; n < l->receiver[0].sockets && n < max; n++) {
		const struct listen_socket *k = &l->receiver[0].socket[n];

		out[n] = (struct source_socket){k->addr, k->port, k->tcp, k->receive_buffer};
	}
	return n;
}

void
source_exports(struct source *s, void (*visit)(void *ctx, struct export *x), void *ctx)
{
	struct listen *l = s->state;
	struct source *member[SOURCE_MULTI_MAX];
	size_t n = multi_members(s, member, SOURCE_MULTI_MAX);

	for (size_t i = 0; i < n; i++)
		source_exports(member[i], visit, ctx);
	if (n > 0)
		return;
	if (s->format != &listen_format) {
		visit(ctx, s->export);
		return;
	}
	for (size_t i = 0; i < l->receivers; i++) {
		pthread_mutex_lock(&l->receiver[i].using);
		visit(ctx, l->receiver[i].export);
		pthread_mutex_unlock(&l->receiver[i].using);
	}
}

bool
source_listen_counts(const struct source *s, struct source_listen_counts *c)
{
	const struct listen *l = s->state;
	struct source *member[SOURCE_MULTI_MAX];
	size_t n = multi_members(s, member, SOURCE_MULTI_MAX);

	*c = (struct source_listen_counts){0};
	for (size_t i = 0; i < n; i++)
		if (source_listen_counts(member[i], c))
			return true;
	if (s->format != &listen_format)
		return false;
	*c = (struct source_listen_counts){
		.datagrams = l->counts.datagrams, .bytes = l->counts.bytes, .connections = l->counts.connections,
		.open = l->counts.open, .refused = l->counts.refused, .evicted = l->counts.evicted, .lied = l->counts.lied,
	};
	return true;
}
