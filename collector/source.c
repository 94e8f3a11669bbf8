/* Sources: opening, finding the format, and the bytes between input and block. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/export.h"
#include "collector/reader.h"
#include "collector/unpack.h"

/* Tried in this order; the first whose probe agrees is it. */
static const struct source_format *const formats[] = {
	&pcapfile_format,
	&pcapng_format,
	&flowtools_format,
	&nfcapd_format,
	&flowcsv_format,
	&flowjson_format,
	&racsv_format,
};

/* --- blocks ------------------------------------------------------------------------------------- */

int
block_init(struct block *b)
{
	*b = (struct block){.cap = BLOCK_BYTES, .packet_cap = BLOCK_PACKETS};
	b->data = malloc(b->cap);
	b->packet = malloc(b->packet_cap * sizeof(*b->packet));
	if (b->data == NULL || b->packet == NULL) {
		block_done(b);
		return ERR_NOMEM;
	}
	return 0;
}

void
block_done(struct block *b)
{
	free(b->data);
	free(b->packet);
	flow_batch_done(&b->flows);
	*b = (struct block){0};
}

/* Content is not kept: only an empty block grows. */
int
source_reserve(struct block *b, size_t want)
{
	uint8_t *p;

	if (want <= b->cap)
		return 0;
	p = malloc(want);
	if (p == NULL)
		return ERR_NOMEM;
	free(b->data);
	b->data = p;
	b->cap = want;
	return 0;
}

/* --- bytes -------------------------------------------------------------------------------------- */

/* Waits for input or source_stop, then reads.  Files on disk never make anyone wait. */
static ssize_t
read_some(struct source *s, uint8_t *to, size_t n)
{
	struct pollfd fds[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->stop_fd, .events = POLLIN}};
	ssize_t got;

	for (;;) {
		if (s->stopped)
			return 0;
		if (!s->regular && poll(fds, 2, -1) < 0 && errno != EINTR)
			return -1;
		if (s->stopped || (!s->regular && fds[0].revents == 0))
			continue;
		got = read(s->fd, to, n);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN))
			return got;
	}
}

static ssize_t
read_packed(void *ctx, uint8_t *to, size_t n)
{
	return read_some(ctx, to, n);
}

static void
tell_unpack(struct source *s)
{
	const char *reason = s->unpack != NULL ? unpack_damage(s->unpack) : NULL;

	/* while it is being opened, the reason is why that failed */
	if (reason == NULL || s->unpack_told || s->format == NULL)
		return;
	s->unpack_told = true;
	source_damage(s, unpack_done(s->unpack), reason);
}

/* The input's bytes, decompressed where they are compressed; 0 at the end, -1 for a failure. */
static ssize_t
read_bytes(struct source *s, uint8_t *to, size_t n)
{
	ssize_t got;

	if (s->unpack == NULL)
		return read_some(s, to, n);
	got = unpack_read(s->unpack, to, n);
	if (got == 0)
		tell_unpack(s);
	return got;
}

int
source_empty(struct source *s, struct block *b)
{
	b->n = b->size = 0;
	b->now_ns = 0;
	flow_batch_reset(&b->flows);
	return s->ev.want_extra ? flow_batch_want_extra(&b->flows) : 0;
}

int
source_fill(struct source *s, struct block *b, size_t want)
{
	int err = source_empty(s, b);

	if (err != 0)
		return err;
	if (want < s->carry_n + 1)
		want = s->carry_n + 1;
	err = source_reserve(b, want);
	if (err != 0)
		return err;
	if (s->carry_n > 0)
		memcpy(b->data, s->carry, s->carry_n);
	b->size = s->carry_n;
	s->carry_n = 0;
	if (s->regular)
		want = b->cap;
	while (!s->eof && b->size < want) {
		ssize_t got = read_bytes(s, b->data + b->size, b->cap - b->size);

		if (got <= 0) {
			s->eof = true;
			s->failed = got < 0;
			break;
		}
		b->size += (size_t)got;
		s->offset += (uint64_t)got;
	}
	/* what came before a failure is still worth reading */
	return b->size > 0 ? 0 : s->failed ? ERR_IO : ERR_EOF;
}

int
source_keep(struct source *s, struct block *b, size_t from)
{
	size_t n = b->size - from;

	if (n > s->carry_cap) {
		uint8_t *p = realloc(s->carry, n);

		if (p == NULL)
			return ERR_NOMEM;
		s->carry = p;
		s->carry_cap = n;
	}
	if (n > 0)
		memcpy(s->carry, b->data + from, n);
	s->carry_n = n;
	return 0;
}

void
source_skip_head(struct source *s, size_t n)
{
	if (n > s->carry_n)
		n = s->carry_n;
	memmove(s->carry, s->carry + n, s->carry_n - n);
	s->carry_n -= n;
}

uint64_t
source_offset(const struct source *s, const struct block *b, size_t at)
{
	return s->offset - b->size + at;
}

void
source_damage(struct source *s, uint64_t offset, const char *reason)
{
	if (s->stopped)
		return; /* what looks like a cut is only where we stopped reading */
	s->damaged++;
	if (s->ev.damage != NULL)
		s->ev.damage(s->ev.ctx, s->name, s->packets + 1, offset, reason);
}

/* --- opening ------------------------------------------------------------------------------------ */

struct source *
source_new(const char *name, const struct source_events *ev)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = -1;
	s->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->name = strdup(name);
	if (ev != NULL)
		s->ev = *ev;
	s->packets_only = s->ev.reading == READ_PACKETS;
	s->export = s->ev.export;
	if (s->export == NULL) {
		s->export = export_new(s->ev.export_setup != NULL ? s->ev.export_setup : &(struct export_setup){0});
		s->own_export = true;
	}
	if (s->name == NULL || s->stop_fd < 0 || s->export == NULL) {
		source_close(s);
		return NULL;
	}
	return s;
}

static int
read_head(struct source *s)
{
	s->carry_n = 0;
	while (!s->eof && s->carry_n < SOURCE_HEAD) {
		ssize_t got = read_bytes(s, s->carry + s->carry_n, SOURCE_HEAD - s->carry_n);

		if (got < 0)
			return ERR_IO;
		if (got == 0)
			s->eof = true;
		s->carry_n += (size_t)got;
		/* a pipe may hold no more than a file header until the first packet comes */
		if (!s->regular && s->carry_n >= 24)
			break;
	}
	s->offset = s->carry_n;
	return 0;
}

/* The head may be that of a compressed stream: then the head of what is inside takes its place. */
static int
open_packed(struct source *s, char *why, size_t why_size)
{
	enum unpack_kind kind = unpack_probe(s->carry, s->carry_n);

	if (kind == UNPACK_NONE)
		return 0;
	if (!unpack_built(kind)) {
		snprintf(why, why_size, "%s: compressed with %s, which this damp was built without", s->name, unpack_name(kind));
		return ERR_UNSUPPORTED;
	}
	s->unpack = unpack_new(kind, s->carry, s->carry_n, read_packed, s);
	if (s->unpack == NULL) {
		snprintf(why, why_size, "%s: out of memory", s->name);
		return ERR_NOMEM;
	}
	s->eof = false;
	if (read_head(s) != 0) {
		snprintf(why, why_size, "%s: %s", s->name, strerror(errno));
		return ERR_IO;
	}
	if (s->carry_n == 0 && unpack_damage(s->unpack) != NULL) {
		snprintf(why, why_size, "%s: %s (%s)", s->name, unpack_damage(s->unpack), unpack_name(kind));
		return ERR_MALFORMED;
	}
	return 0;
}

static void
unknown_format(const struct source *s, char *why, size_t why_size)
{
	const uint8_t *p = s->carry;
	const char *inside = s->unpack != NULL ? " inside its compression" : "";

	if (s->carry_n == 0)
		snprintf(why, why_size, "%s: the input is empty%s", s->name, inside);
	else
		snprintf(why, why_size, "%s: not a capture or flow file%s (it starts with %02x %02x %02x %02x)", s->name, inside,
		    p[0], s->carry_n > 1 ? p[1] : 0, s->carry_n > 2 ? p[2] : 0, s->carry_n > 3 ? p[3] : 0);
}

static int
open_input(struct source *s, const char *path)
{
	struct stat st;

	s->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return ERR_IO;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return ERR_IO;
	}
	s->regular = S_ISREG(st.st_mode);
	if (s->regular)
		s->total = (uint64_t)st.st_size;
	s->carry = malloc(SOURCE_HEAD);
	if (s->carry == NULL)
		return ERR_NOMEM;
	s->carry_cap = SOURCE_HEAD;
	return read_head(s);
}

static const struct source_format *
format_of(const uint8_t *head, size_t n)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (formats[i]->probe(head, n))
			return formats[i];
	}
	return NULL;
}

bool
source_known(const uint8_t *head, size_t n)
{
	return format_of(head, n < SOURCE_HEAD ? n : SOURCE_HEAD) != NULL;
}

struct source *
source_open_file(const char *path, const struct source_events *ev, char *why, size_t why_size)
{
	struct source *s = source_new(strcmp(path, "-") == 0 ? "standard input" : path, ev);
	int err;

	if (s == NULL) {
		snprintf(why, why_size, "%s: out of memory", path);
		return NULL;
	}
	err = open_input(s, path);
	if (err != 0) {
		snprintf(why, why_size, "%s: %s", s->name, err == ERR_IO ? strerror(errno) : err_text(err));
		goto fail;
	}
	if (open_packed(s, why, why_size) != 0)
		goto fail;
	s->format = format_of(s->carry, s->carry_n);
	if (s->format != NULL) {
		if (s->format->open(s, why, why_size) != 0)
			goto fail;
		tell_unpack(s); /* a short file may have ended with its head */
		return s;
	}
	unknown_format(s, why, why_size);
fail:
	source_close(s);
	return NULL;
}

struct source *
source_open_live(const struct source_live *list, size_t n, const struct source_events *ev, char *why, size_t why_size)
{
	struct source *s = source_new(list[0].interface, ev);

	if (s == NULL) {
		snprintf(why, why_size, "%s: out of memory", list[0].interface);
		return NULL;
	}
	s->state = live_open(list, n, s->stop_fd, why, why_size);
	s->format = &live_format;
	s->packets_only = s->ev.reading != READ_EXPORTS;
	if (s->state == NULL) {
		source_close(s);
		return NULL;
	}
	return s;
}

struct source *
source_open_listen(const struct source_listen *list, size_t n, const struct source_events *ev, char *why, size_t why_size)
{
	struct source *s = source_new(n > 0 ? list[0].address : "listener", ev);

	if (s == NULL) {
		snprintf(why, why_size, "%s: out of memory", n > 0 ? list[0].address : "listener");
		return NULL;
	}
	s->state = listen_open(s, list, n, why, why_size);
	s->format = &listen_format;
	s->packets_only = true; /* flows already */
	if (s->state == NULL) {
		source_close(s);
		return NULL;
	}
	return s;
}

void
source_stop(struct source *s)
{
	static const uint64_t one = 1;
	int saved = errno;

	struct source *member[SOURCE_MULTI_MAX];
	size_t n = multi_members(s, member, SOURCE_MULTI_MAX);

	for (size_t i = 0; i < n; i++)
		source_stop(member[i]);
	s->stopped = true;
	/* wakes a poll; should it fail, a live read still ends at its time-out */
	while (write(s->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

void
source_close(struct source *s)
{
	if (s == NULL)
		return;
	if (s->format != NULL && s->state != NULL)
		s->format->close(s);
	if (s->fd >= 0)
		close(s->fd);
	if (s->stop_fd >= 0)
		close(s->stop_fd);
	exports_free(s->exports);
	order_free(s->order);
	unpack_free(s->unpack);
	if (s->own_export)
		export_free(s->export);
	free(s->carry);
	free(s->name);
	free(s);
}

static int
read_block(struct source *s, struct block *b)
{
	return s->packets_only ? s->format->read(s, b) : exports_read(s, b);
}

int
source_read(struct source *s, struct block *b)
{
	/* captures are in order, live sources are what time is */
	bool sort = s->ev.in_order && s->fd >= 0 && s->format != &pcapfile_format && s->format != &pcapng_format;
	int n = sort ? order_read(s, b, read_block) : read_block(s, b);

	if (s->tap != NULL && n > 0 && b->flows.n > 0)
		s->tap(s->tap_ctx, b);
	return n;
}

void
source_tap(struct source *s, void (*tap)(void *ctx, const struct block *b), void *ctx)
{
	s->tap = tap;
	s->tap_ctx = ctx;
}

/* In bytes of the file, so that a compressed one ends at its size, too. */
static uint64_t
progress_done(const struct source *s)
{
	if (s->unpack == NULL)
		return s->offset - s->carry_n;
	return s->eof && s->carry_n == 0 && s->regular ? s->total : unpack_done(s->unpack);
}

void
source_progress(const struct source *s, struct source_progress *p)
{
	struct source *member[SOURCE_MULTI_MAX];
	size_t n = multi_members(s, member, SOURCE_MULTI_MAX);

	*p = (struct source_progress){
		.done = progress_done(s),
		.total = s->total,
		.damaged = s->damaged,
		.kernel_drops = s->kernel_drops,
	};
	for (size_t i = 0; i < n; i++) {
		struct source_progress one;

		source_progress(member[i], &one);
		p->done += one.done;
		p->damaged += one.damaged;
		p->kernel_drops += one.kernel_drops;
	}
}
