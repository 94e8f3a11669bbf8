/* For the tests of flow files: images built byte by byte, and what reading one gives. */
#ifndef TESTS_FLOWFILE_KIT_H
#define TESTS_FLOWFILE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/export.h"
#include "collector/source.h"

enum { IMAGE_ROOM = 4 << 20, KEEP = 20000 };

static struct image {
	uint8_t p[IMAGE_ROOM];
	size_t n;
	bool big; /* byte order of what is put */
} im;

static struct result {
	struct flow flow[KEEP];
	struct flow_extra extra[KEEP];
	uint64_t n, packets, bytes;
	size_t most;           /* flows of one read */
	unsigned int damaged;
	uint64_t offset;       /* of the first damage */
	char first[200], last[200], why[300];
	int end;               /* of the reading; 1: it could not be opened */
	uint64_t done, total;
	uint64_t count[EXPORTER_COUNTS]; /* of all exporters */
	size_t exporters;
} got;

static inline void
put(uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		im.p[im.n++] = (uint8_t)(v >> 8 * (im.big ? bytes - 1 - i : i));
}

static inline void
put_at(size_t at, uint64_t v, int bytes)
{
	size_t n = im.n;

	im.n = at;
	put(v, bytes);
	im.n = n;
}

static inline void
put_zeros(size_t n)
{
	memset(im.p + im.n, 0, n);
	im.n += n;
}

static inline void
put_bytes(const void *p, size_t n)
{
	memcpy(im.p + im.n, p, n);
	im.n += n;
}

static inline void
on_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	(void)ctx;
	(void)input;
	(void)packet;
	if (got.damaged++ == 0) {
		got.offset = offset;
		snprintf(got.first, sizeof(got.first), "%s", reason);
	}
	snprintf(got.last, sizeof(got.last), "%s", reason);
}

static inline void
take(const struct block *b)
{
	for (size_t i = 0; i < b->flows.n; i++, got.n++) {
		got.packets += b->flows.flow[i].packets;
		got.bytes += b->flows.flow[i].bytes;
		if (got.n < KEEP) {
			got.flow[got.n] = b->flows.flow[i];
			if (b->flows.extra != NULL)
				got.extra[got.n] = b->flows.extra[i];
		}
	}
	if (b->flows.n > got.most)
		got.most = b->flows.n;
}

static inline void
take_exporters(struct exporters *e)
{
	got.exporters = exporters_n(e);
	for (size_t i = 0; i < got.exporters; i++) {
		for (int k = 0; k < EXPORTER_COUNTS; k++)
			got.count[k] += exporters_at(e, i)->count[k];
	}
}

static inline void
read_path_with(const char *path, bool extra, const struct export_setup *setup)
{
	struct export *x = export_new(setup);
	struct source_events ev = {.damage = on_damage, .want_extra = extra, .export = x};
	struct source_progress progress;
	struct block b;
	struct source *s;
	int n;

	memset(&got, 0, sizeof(got));
	assert_non_null(x);
	assert_int_equal(block_init(&b), 0);
	s = source_open_file(path, &ev, got.why, sizeof(got.why));
	got.end = 1;
	if (s != NULL) {
		while ((n = source_read(s, &b)) > 0) {
			assert_int_equal(n, b.n + b.flows.n);
			take(&b);
		}
		got.end = n;
		assert_int_equal(source_read(s, &b), n); /* the end stays the end */
		source_progress(s, &progress);
		got.done = progress.done;
		got.total = progress.total;
	}
	take_exporters(export_exporters(x));
	source_close(s);
	block_done(&b);
	export_free(x);
}

static inline void
read_path(const char *path)
{
	read_path_with(path, true, &(struct export_setup){0});
}

/* The first n bytes of the image. */
static inline void
read_part_with(size_t n, bool extra, const struct export_setup *setup)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char path[40];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, im.p, n), n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_path_with(path, extra, setup);
	close(fd);
}

static inline void
read_part(size_t n)
{
	read_part_with(n, true, &(struct export_setup){0});
}

static inline void
read_image(void)
{
	read_part(im.n);
}

/* The image through a pipe, in pieces of so many bytes. */
static inline void
read_pipe(size_t piece)
{
	int fd[2];
	char path[40];
	pid_t child;

	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (child == 0) {
		close(fd[0]);
		for (size_t at = 0; at < im.n; at += piece) {
			size_t n = im.n - at < piece ? im.n - at : piece;

			if (write(fd[1], im.p + at, n) != (ssize_t)n)
				_exit(1);
		}
		_exit(0);
	}
	close(fd[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	read_path(path);
	close(fd[0]);
}

#endif
