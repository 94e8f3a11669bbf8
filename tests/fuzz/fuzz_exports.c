/* A capture of export datagrams: whatever frames hold, headers and fragments of every kind around the datagrams. */
#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "collector/source.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source_events ev = {.reading = READ_EXPORTS, .want_extra = size % 2 == 0};
	char path[FUZZ_PATH], why[300];
	int fd = fuzz_file(data, size, path), n;
	struct source *s = source_open_file(path, &ev, why, sizeof(why));
	struct block b;

	check(block_init(&b) == 0);
	if (s != NULL) {
		while ((n = source_read(s, &b)) > 0) {
			check((size_t)n == b.n + b.flows.n && b.size <= b.cap);
			for (size_t i = 0; i < b.flows.n; i++) {
				const struct flow *f = &b.flows.flow[i];

				check(f->sampling >= 1 && f->start_ns <= f->end_ns && f->end_ns <= f->seen_ns);
			}
		}
		check(n == ERR_EOF || n == ERR_NOMEM);
	}
	source_close(s);
	block_done(&b);
	close(fd);
	return 0;
}
