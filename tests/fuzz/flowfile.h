/* For the fuzz targets of flow files: the input as a file, read to its end, every flow looked at. */
#ifndef TESTS_FUZZ_FLOWFILE_H
#define TESTS_FUZZ_FLOWFILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/source.h"

static inline void
check(int truth)
{
	if (!truth)
		abort();
}

static inline void
read_all(struct source *s, struct block *b, bool extra)
{
	int n;

	while ((n = source_read(s, b)) > 0) {
		check((size_t)n == b->n + b->flows.n && b->size <= b->cap);
		check(!extra || b->flows.n == 0 || b->flows.extra != NULL);
		for (size_t i = 0; i < b->flows.n; i++) {
			const struct flow *f = &b->flows.flow[i];

			check((f->flags & FLOW_RECORD) != 0 && f->sampling >= 1 && f->dns == NULL);
			check(f->start_ns <= f->end_ns && f->end_ns <= f->seen_ns);
		}
	}
	check(n == ERR_EOF || n == ERR_NOMEM);
}

static inline void
fuzz_flowfile(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char path[40], why[300];
	struct source_events ev = {.want_extra = size % 2 == 0};
	struct source_progress progress;
	struct source *s;
	struct block b;

	if (fd < 0)
		return;
	if (write(fd, data, size) == (ssize_t)size && block_init(&b) == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		s = source_open_file(path, &ev, why, sizeof(why));
		if (s != NULL && size > 0 && (data[0] == 0xcf || data[0] == 0x0c || data[0] == 0xa5)) {
			read_all(s, &b, ev.want_extra);
			source_progress(s, &progress);
			check(progress.done <= size && progress.total == size);
		}
		source_close(s);
		block_done(&b);
	}
	close(fd);
}

#endif
