/* For the fuzzers of text formats: a text read as a file, and what comes out held to what every record must keep. */
#ifndef TESTS_FUZZ_FLOWTEXT_H
#define TESTS_FUZZ_FLOWTEXT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/source.h"

static void
check(int truth)
{
	if (!truth)
		abort();
}

static void
read_text(const uint8_t *data, size_t size, void (*record)(const struct flow *, const struct flow_extra *))
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC), n;
	struct source_events ev = {.want_extra = true};
	char path[40], why[200];
	struct source *s = NULL;
	struct block b;

	if (fd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size)
		s = source_open_file(path, &ev, why, sizeof(why));
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

#endif
