/* Streams of four libraries behind one shape: a step takes from the input, gives to the output, and says whether a stream
 * has just ended. */
#include "collector/unpack.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef HAVE_LZ4
#include <lz4frame.h>
#endif

enum { INPUT = 1 << 16 };
enum result { GOING_ON, STREAM_END, BROKEN };

struct unpack {
	const struct unpacker *with;
	unpack_more *more;
	void *ctx;
	union {
#ifdef HAVE_ZLIB
		z_stream gzip;
#endif
#ifdef HAVE_ZSTD
		ZSTD_DCtx *zstd;
#endif
#ifdef HAVE_BZ2
		bz_stream bz2;
#endif
#ifdef HAVE_LZ4
		LZ4F_dctx *lz4;
#endif
		char none; /* built without any */
	} u;
	bool between, over, eof; /* between streams; nothing more will come; the input is at its end */
	const char *damage;
	uint64_t taken;          /* bytes read from the input */
	size_t at, n;            /* not yet used: input[at..n) */
	uint8_t input[INPUT];
};

/* What a step may use; both move on. */
struct room {
	const uint8_t *in;
	size_t in_n;
	uint8_t *out;
	size_t out_n;
};

struct unpacker {
	bool (*start)(struct unpack *u);
	enum result (*step)(struct unpack *u, struct room *r);
	void (*stop)(struct unpack *u);
};

#ifdef HAVE_ZLIB
static bool
gzip_start(struct unpack *u)
{
	return inflateInit2(&u->u.gzip, 16 + MAX_WBITS) == Z_OK;
}

static enum result
gzip_step(struct unpack *u, struct room *r)
{
	z_stream *z = &u->u.gzip;
	int err;

	z->next_in = (uint8_t *)(uintptr_t)r->in; /* zlib only reads it */
	z->avail_in = (uInt)r->in_n;
	z->next_out = r->out;
	z->avail_out = (uInt)r->out_n;
	err = inflate(z, Z_NO_FLUSH);
	r->in += r->in_n - z->avail_in;
	r->in_n = z->avail_in;
	r->out += r->out_n - z->avail_out;
	r->out_n = z->avail_out;
	if (err == Z_STREAM_END)
		return inflateReset(z) == Z_OK ? STREAM_END : BROKEN;
	return err == Z_OK || err == Z_BUF_ERROR ? GOING_ON : BROKEN;
}

static void
gzip_stop(struct unpack *u)
{
	inflateEnd(&u->u.gzip);
}
#endif

#ifdef HAVE_ZSTD
static bool
zstd_start(struct unpack *u)
{
	u->u.zstd = ZSTD_createDCtx();
	return u->u.zstd != NULL;
}

static enum result
zstd_step(struct unpack *u, struct room *r)
{
	ZSTD_inBuffer in = {r->in, r->in_n, 0};
	ZSTD_outBuffer out = {r->out, r->out_n, 0};
	size_t left = ZSTD_decompressStream(u->u.zstd, &out, &in);

	r->in += in.pos;
	r->in_n -= in.pos;
	r->out += out.pos;
	r->out_n -= out.pos;
	return ZSTD_isError(left) ? BROKEN : left == 0 ? STREAM_END : GOING_ON;
}

static void
zstd_stop(struct unpack *u)
{
	ZSTD_freeDCtx(u->u.zstd);
}
#endif

#ifdef HAVE_BZ2
static bool
bz2_start(struct unpack *u)
{
	return BZ2_bzDecompressInit(&u->u.bz2, 0, 0) == BZ_OK;
}

static void
bz2_stop(struct unpack *u)
{
	BZ2_bzDecompressEnd(&u->u.bz2);
}

static enum result
bz2_step(struct unpack *u, struct room *r)
{
	bz_stream *z = &u->u.bz2;
	int err;

	z->next_in = (char *)(uintptr_t)r->in; /* only read */
	z->avail_in = (unsigned int)r->in_n;
	z->next_out = (char *)r->out;
	z->avail_out = (unsigned int)r->out_n;
	err = BZ2_bzDecompress(z);
	r->in += r->in_n - z->avail_in;
	r->in_n = z->avail_in;
	r->out += r->out_n - z->avail_out;
	r->out_n = z->avail_out;
	if (err != BZ_STREAM_END)
		return err == BZ_OK ? GOING_ON : BROKEN;
	bz2_stop(u);
	*z = (bz_stream){0};
	return bz2_start(u) ? STREAM_END : BROKEN;
}
#endif

#ifdef HAVE_LZ4
static bool
lz4_start(struct unpack *u)
{
	return !LZ4F_isError(LZ4F_createDecompressionContext(&u->u.lz4, LZ4F_VERSION));
}

static enum result
lz4_step(struct unpack *u, struct room *r)
{
	size_t in = r->in_n, out = r->out_n, left = LZ4F_decompress(u->u.lz4, r->out, &out, r->in, &in, NULL);

	if (LZ4F_isError(left))
		return BROKEN;
	r->in += in;
	r->in_n -= in;
	r->out += out;
	r->out_n -= out;
	return left == 0 ? STREAM_END : GOING_ON;
}

static void
lz4_stop(struct unpack *u)
{
	LZ4F_freeDecompressionContext(u->u.lz4);
}
#endif

static const struct unpacker unpackers[UNPACK_KINDS] = {
#ifdef HAVE_ZLIB
	[UNPACK_GZIP] = {gzip_start, gzip_step, gzip_stop},
#endif
#ifdef HAVE_ZSTD
	[UNPACK_ZSTD] = {zstd_start, zstd_step, zstd_stop},
#endif
#ifdef HAVE_BZ2
	[UNPACK_BZ2] = {bz2_start, bz2_step, bz2_stop},
#endif
#ifdef HAVE_LZ4
	[UNPACK_LZ4] = {lz4_start, lz4_step, lz4_stop},
#endif
};

enum unpack_kind
unpack_probe(const uint8_t *head, size_t n)
{
	if (n >= 3 && memcmp(head, "\x1f\x8b\x08", 3) == 0)
		return UNPACK_GZIP;
	if (n >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return UNPACK_ZSTD;
	if (n >= 10 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9' &&
	    (memcmp(head + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 || memcmp(head + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0))
		return UNPACK_BZ2;
	if (n >= 4 && memcmp(head, "\x04\x22\x4d\x18", 4) == 0)
		return UNPACK_LZ4;
	return UNPACK_NONE;
}

const char *
unpack_name(enum unpack_kind k)
{
	static const char *const names[UNPACK_KINDS] = {"nothing", "gzip", "zstd", "bzip2", "lz4"};

	return names[k];
}

bool
unpack_built(enum unpack_kind k)
{
	return unpackers[k].step != NULL;
}

struct unpack *
unpack_new(enum unpack_kind k, const uint8_t *head, size_t head_n, unpack_more *more, void *ctx)
{
	struct unpack *u;

	if (!unpack_built(k) || head_n > UNPACK_HEAD)
		return NULL;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return NULL;
	u->with = &unpackers[k];
	u->more = more;
	u->ctx = ctx;
	if (head_n > 0)
		memcpy(u->input, head, head_n);
	u->n = head_n;
	u->taken = head_n;
	if (!u->with->start(u)) {
		free(u);
		return NULL;
	}
	return u;
}

void
unpack_free(struct unpack *u)
{
	if (u == NULL)
		return;
	u->with->stop(u);
	free(u);
}

uint64_t
unpack_done(const struct unpack *u)
{
	return u->taken - (u->n - u->at);
}

const char *
unpack_damage(const struct unpack *u)
{
	return u->damage;
}

/* Zeros between and behind streams are padding of whoever wrote them to blocks or tapes. */
static void
skip_padding(struct unpack *u)
{
	while (u->at < u->n && u->input[u->at] == 0)
		u->at++;
}

static void
finish(struct unpack *u, const char *damage)
{
	u->over = true;
	u->damage = damage;
}

/* Makes sure of input, or of the end: false when `more` failed. */
static bool
refill(struct unpack *u)
{
	ssize_t got;

	if (u->at < u->n || u->eof)
		return true;
	got = u->more(u->ctx, u->input, INPUT);
	if (got < 0)
		return false;
	u->eof = got == 0;
	u->at = 0;
	u->n = (size_t)got;
	u->taken += (size_t)got;
	return true;
}

static void
one_step(struct unpack *u, struct room *r)
{
	size_t in = r->in_n, out = r->out_n;
	enum result result = u->with->step(u, r);

	u->at = u->n - r->in_n;
	if (result == BROKEN)
		finish(u, u->between ? "bytes behind the end of the compressed stream" : "the compressed stream is damaged");
	else if (result == STREAM_END)
		u->between = true;
	else if (in != r->in_n || out != r->out_n)
		u->between = false;
	else if (u->eof)
		finish(u, u->between ? NULL : "the compressed stream is cut off");
	else
		finish(u, "the compressed stream is damaged"); /* it neither takes nor gives */
}

ssize_t
unpack_read(struct unpack *u, uint8_t *to, size_t n)
{
	struct room r = {.out = to, .out_n = n};

	while (!u->over && r.out_n == n && n > 0) {
		if (!refill(u))
			return -1;
		if (u->between)
			skip_padding(u);
		if (u->between && u->at == u->n) {
			if (u->eof)
				finish(u, NULL);
			continue;
		}
		r.in = u->input + u->at;
		r.in_n = u->n - u->at;
		one_step(u, &r);
	}
	return (ssize_t)(n - r.out_n);
}
