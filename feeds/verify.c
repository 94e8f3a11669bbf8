/* The verifier: the caller's thread reads blocks that end at a newline into a ring, workers check
 * each block on its own, and the caller's thread joins the results in order.  A block can be checked alone
 * because a line's successor needs only its seq and hash; what the joining has to compare is one pair a block. */
#include "feeds/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/line.h"

enum { BLOCK = 1 << 20, THREADS_MAX = 64 };

enum block_state { B_FREE, B_FULL, B_TAKEN, B_DONE };

struct block {
	enum block_state state;
	char *data; /* BLOCK bytes */
	size_t n;
	bool at_end;          /* the input ends with it; its last line may lack a newline */
	struct verify_result r; /* line numbers counted within the block */
};

struct pool {
	const struct verify_options *o;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	bool quit;
	struct block *ring;
	size_t ring_n, filled, taken, joined; /* running numbers of blocks; ring index is modulo */
	pthread_t thread[THREADS_MAX];
	unsigned int threads;
};

static const struct sign_pub *
key_of(const struct verify_options *o, const char *kid)
{
	for (size_t i = 0; i < o->keys_n; i++)
		if (memcmp(o->keys[i].kid, kid, TAIL_KID_HEX) == 0)
			return &o->keys[i];
	return NULL;
}

static void
count_kid(struct verify_result *r, const char *kid, uint64_t lines)
{
	size_t i = 0;

	while (i < r->kids_n && memcmp(r->kid[i].kid, kid, TAIL_KID_HEX) != 0)
		i++;
	if (i == VERIFY_KIDS) {
		r->kids_more = true;
		return;
	}
	if (i == r->kids_n) {
		memcpy(r->kid[i].kid, kid, TAIL_KID_HEX);
		r->kid[i].kid[TAIL_KID_HEX] = '\0';
		r->kids_n++;
	}
	r->kid[i].lines += lines;
}

/* Why (seq, prev) cannot stand behind last_seq and last_hash; false when it can. */
static bool
breaks_chain(uint64_t last_seq, const char *last_hash, uint64_t seq, const char *prev, char why[VERIFY_WHY])
{
	if (seq != last_seq + 1)
		snprintf(why, VERIFY_WHY, "damp.seq is %" PRIu64 " where %" PRIu64 " is due: %s", seq, last_seq + 1,
		         seq > last_seq ? "lines are missing" : "lines are repeated, or out of order, or a new stream begins");
	else if (memcmp(prev, last_hash, TAIL_HASH_HEX) != 0)
		snprintf(why, VERIFY_WHY, "damp.prev is not the hash of the line before: that line was altered or replaced");
	else
		return false;
	return true;
}

/* The signature covers the line without its sig member: the closing bracket is put in front of
 * it for the length of the call, which spares a copy of every line. */
static bool
signature_good(char *line, const struct tail *t, const struct sign_pub *key)
{
	bool good;

	line[t->sig_at] = '}';
	good = crypto_sign_verify_detached(t->sig, (const uint8_t *)line, t->sig_at + 1, key->key) == 0;
	line[t->sig_at] = ',';
	return good;
}

static bool
check_line(const struct verify_options *o, struct verify_result *r, char *line, size_t n)
{
	const struct sign_pub *key = NULL;
	const char *why = NULL;
	struct tail t;

	if (n == 0)
		why = "an empty line";
	else if (n > LINE_MAX_BYTES)
		why = "longer than any alert line";
	if (why != NULL || tail_scan(line, n, &t, &why) < 0 || tail_shape(line, n, &t, &why) < 0) {
		snprintf(r->why, sizeof(r->why), "%s", why);
		return false;
	}
	if (o->keys_n > 0 && (key = key_of(o, t.kid)) == NULL) {
		snprintf(r->why, sizeof(r->why), "signed with key %.16s, which is not %s", t.kid,
		         o->keys_n == 1 ? "the key given" : "one of the keys given");
		return false;
	}
	if (key != NULL && !signature_good(line, &t, key)) {
		snprintf(r->why, sizeof(r->why), "the signature does not match: the line was altered, or another key made it");
		return false;
	}
	if (r->lines > 0 && breaks_chain(r->last_seq, r->last_hash, t.seq, t.prev, r->why))
		return false;
	if (r->lines == 0) {
		r->first_seq = t.seq;
		memcpy(r->first_prev, t.prev, TAIL_HASH_HEX);
	}
	r->lines++;
	r->bytes += n + 1;
	r->last_seq = t.seq;
	chain_hash(line, n, r->last_hash);
	count_kid(r, t.kid, 1);
	return true;
}

static void
check_block(const struct verify_options *o, struct block *b)
{
	char *at = b->data, *end = b->data + b->n;

	b->r = (struct verify_result){.lines = 0};
	while (at < end) {
		char *stop = memchr(at, '\n', (size_t)(end - at));
		bool cut = stop == NULL;

		if (cut)
			stop = end;
		if (!check_line(o, &b->r, at, (size_t)(stop - at))) {
			b->r.bad_line = b->r.lines + 1;
			if (cut && b->at_end)
				snprintf(b->r.why, sizeof(b->r.why), "cut off: the input ends inside this line");
			return;
		}
		if (cut)
			b->r.bytes--; /* no newline to count */
		at = stop + (cut ? 0 : 1);
	}
}

static void *
worker(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->quit) {
		struct block *b;

		if (p->taken == p->filled) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		b = &p->ring[p->taken++ % p->ring_n];
		b->state = B_TAKEN;
		pthread_mutex_unlock(&p->lock);
		check_block(p->o, b);
		pthread_mutex_lock(&p->lock);
		b->state = B_DONE;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* What is read ahead behind the block's last newline belongs to the next block. */
struct reader {
	int fd;
	char *rest; /* BLOCK bytes */
	size_t rest_n;
	bool end;
};

/* Fills a block with whole lines; 0, ERR_EOF when nothing is left, ERR_IO. */
static int
fill(struct reader *in, struct block *b)
{
	char *last;

	memcpy(b->data, in->rest, in->rest_n);
	b->n = in->rest_n;
	in->rest_n = 0;
	while (!in->end && b->n < BLOCK) {
		ssize_t got = read(in->fd, b->data + b->n, BLOCK - b->n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		in->end = got == 0;
		b->n += (size_t)got;
	}
	b->at_end = in->end;
	last = b->n > 0 ? memrchr(b->data, '\n', b->n) : NULL;
	if (!in->end && last != NULL) {
		/* without any newline the block goes on as one line, and fails as too long */
		in->rest_n = b->n - (size_t)(last + 1 - b->data);
		memcpy(in->rest, last + 1, in->rest_n);
		b->n -= in->rest_n;
	}
	return b->n > 0 ? 0 : ERR_EOF;
}

/* Adds a checked block to the result; false when the first bad line is found. */
static bool
join(struct verify_result *r, const struct block *b)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	const struct verify_result *add = &b->r;
	uint64_t base = r->lines;

	if (add->lines > 0) {
		if (base > 0 ? breaks_chain(r->last_seq, r->last_hash, add->first_seq, add->first_prev, r->why)
		             : add->first_seq == 1 && memcmp(add->first_prev, zeros, TAIL_HASH_HEX) != 0) {
			if (base == 0)
				snprintf(r->why, sizeof(r->why), "damp.seq is 1, but damp.prev names a line before it");
			r->bad_line = base + 1;
			return false;
		}
		if (base == 0) {
			r->first_seq = add->first_seq;
			memcpy(r->first_prev, add->first_prev, sizeof(r->first_prev));
		}
		r->lines += add->lines;
		r->bytes += add->bytes;
		r->last_seq = add->last_seq;
		memcpy(r->last_hash, add->last_hash, sizeof(r->last_hash));
		for (size_t i = 0; i < add->kids_n; i++)
			count_kid(r, add->kid[i].kid, add->kid[i].lines);
		r->kids_more = r->kids_more || add->kids_more;
	}
	if (add->bad_line == 0)
		return true;
	r->bad_line = base + add->bad_line;
	memcpy(r->why, add->why, sizeof(r->why));
	return false;
}

/* Waits for the oldest block in the ring and adds it. */
static bool
join_next(struct pool *p, struct verify_result *r)
{
	struct block *b = &p->ring[p->joined % p->ring_n];
	bool good;

	pthread_mutex_lock(&p->lock);
	while (p->threads > 0 && b->state != B_DONE)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (p->threads == 0)
		check_block(p->o, b); /* no thread could be had */
	good = join(r, b);
	b->state = B_FREE;
	p->joined++;
	if (p->o->progress != NULL)
		p->o->progress(p->o->ctx, r->lines, r->bytes);
	return good;
}

static int
run(struct pool *p, struct reader *in, struct verify_result *r)
{
	int status = 0;

	while (status == 0) {
		struct block *b = &p->ring[p->filled % p->ring_n];

		if (p->filled - p->joined == p->ring_n && !join_next(p, r))
			return ERR_SIGNATURE;
		status = fill(in, b);
		if (status < 0)
			break;
		pthread_mutex_lock(&p->lock);
		b->state = B_FULL;
		p->filled++;
		pthread_cond_signal(&p->work);
		pthread_mutex_unlock(&p->lock);
	}
	if (status == ERR_IO)
		snprintf(r->why, sizeof(r->why), "%s", strerror(errno));
	while (p->joined < p->filled)
		if (!join_next(p, r))
			return ERR_SIGNATURE;
	return status == ERR_IO ? ERR_IO : 0;
}

static int
pool_init(struct pool *p, const struct verify_options *o)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int want = o->threads > 0 ? o->threads : cores > 0 ? (unsigned int)cores : 1;

	*p = (struct pool){.o = o, .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,
	                   .done = PTHREAD_COND_INITIALIZER};
	if (want > THREADS_MAX)
		want = THREADS_MAX;
	p->ring_n = 2 * want;
	p->ring = calloc(p->ring_n, sizeof(*p->ring));
	if (p->ring == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < p->ring_n; i++)
		if ((p->ring[i].data = malloc(BLOCK)) == NULL)
			return ERR_NOMEM;
	while (p->threads < want && pthread_create(&p->thread[p->threads], NULL, worker, p) == 0)
		p->threads++;
	return 0;
}

static void
pool_done(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	for (size_t i = 0; p->ring != NULL && i < p->ring_n; i++)
		free(p->ring[i].data);
	free(p->ring);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
}

int
verify_fd(int fd, const struct verify_options *o, struct verify_result *r)
{
	struct reader in = {.fd = fd, .rest = malloc(BLOCK)};
	struct pool p;
	int status;

	*r = (struct verify_result){.signatures = o->keys_n > 0};
	status = pool_init(&p, o);
	if (status < 0 || in.rest == NULL) {
		snprintf(r->why, sizeof(r->why), "out of memory");
		status = ERR_NOMEM;
	} else {
		status = run(&p, &in, r);
	}
	pool_done(&p);
	free(in.rest);
	return status;
}

bool
verify_follows(const struct verify_result *before, const struct verify_result *after)
{
	return before->lines > 0 && after->lines > 0 && after->first_seq == before->last_seq + 1 &&
	       memcmp(after->first_prev, before->last_hash, TAIL_HASH_HEX) == 0;
}

void
verify_explain(const struct verify_result *r, const char *name, struct buf *out)
{
	if (r->bad_line > 0) {
		buf_printf(out, "%s: line %" PRIu64 " FAILS: %s\n", name, r->bad_line, r->why);
		if (r->lines > 0)
			buf_printf(out, "  the %" PRIu64 " lines before it are good%s\n", r->lines,
			           r->signatures ? "" : " as far as the chain goes");
	} else if (r->lines == 0) {
		buf_printf(out, "%s: no lines\n", name);
		return;
	} else {
		buf_printf(out, "%s: %" PRIu64 " lines good, seq %" PRIu64 " to %" PRIu64 "\n", name, r->lines, r->first_seq,
		           r->last_seq);
	}
	for (size_t i = 0; i < r->kids_n; i++)
		buf_printf(out, "  key %s: %" PRIu64 " lines%s\n", r->kid[i].kid, r->kid[i].lines,
		           r->signatures ? ", every signature checked" : " name it");
	if (r->kids_more)
		buf_str(out, "  and further keys\n");
	if (!r->signatures)
		buf_str(out, "  signatures were NOT checked (no key given): the chain shows accidents, not forgery\n");
	if (r->first_seq > 1)
		buf_printf(out, "  not proven: what stood in the %" PRIu64 " lines before the first\n", r->first_seq - 1);
	if (r->bad_line == 0)
		buf_str(out, "  not proven: that nothing followed the last line\n");
}
