/* For the fuzzers of text formats: a text read as a file, and what comes out held to what every record must keep. */
#ifndef TESTS_FUZZ_FLOWTEXT_H
#define TESTS_FUZZ_FLOWTEXT_H

#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "collector/source.h"

static inline void
read_text(const uint8_t *data, size_t size, void (*record)(const struct flow *, const struct flow_extra *))
{
	struct source_events ev = {.want_extra = true};
	char path[FUZZ_PATH], why[200];
	int fd = fuzz_file(data, size, path), n;
	struct source *s = source_open_file(path, &ev, why, sizeof(why));
	struct block b;

	if (s != NULL && block_init(&b) == 0) {
		while ((n = source_read(s, &b)) > 0)
			for (size_t i = 0; i < b.flows.n; i++) {
				const struct flow *f = &b.flows.flow[i];

				check(f->start_ns > 0 && f->end_ns >= f->start_ns && f->seen_ns >= f->end_ns);
				check((f->flags & FLOW_RECORD) != 0 && f->sampling >= 1 && f->dns == NULL);
				check(addr_is_v4(&f->src) == addr_is_v4(&f->dst));
				record(f, &b.flows.extra[i]);
			}
		check(n == ERR_EOF || n == ERR_IO);
		block_done(&b);
	}
	source_close(s);
	close(fd);
}

/* Alone, and behind a header: most random texts are not taken for the format at all. */
static inline void
read_behind(const char *header, const uint8_t *data, size_t size, void (*record)(const struct flow *, const struct flow_extra *))
{
	size_t head = strlen(header);
	uint8_t *both = malloc(head + size);

	check(both != NULL);
	read_text(data, size, record);
	memcpy(both, header, head);
	if (size > 0)
		memcpy(both + head, data, size);
	read_text(both, head + size, record);
	free(both);
}

#endif
