/* For the fuzz targets of flow files: the input as a file, read to its end, every flow looked at. */
#ifndef TESTS_FUZZ_FLOWFILE_H
#define TESTS_FUZZ_FLOWFILE_H

#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "collector/source.h"

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
	char path[FUZZ_PATH], why[300];
	int fd = fuzz_file(data, size, path);
	struct source_events ev = {.want_extra = size % 2 == 0};
	struct source_progress progress;
	struct source *s;
	struct block b;

	check(block_init(&b) == 0);
	s = source_open_file(path, &ev, why, sizeof(why));
	if (s != NULL) {
		read_all(s, &b, ev.want_extra);
		source_progress(s, &progress);
		check(progress.done <= size && progress.total == size);
	}
	source_close(s);
	block_done(&b);
	close(fd);
}

#endif
