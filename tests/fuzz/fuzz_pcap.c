/* A capture file of either format, read to its end and decoded. */
#include "tests/fuzz/fuzz.h"

#include "base/cursor.h"
#include "base/err.h"
#include "collector/source.h"

static void
read_all(struct source *s, struct block *b, struct flow_batch *out)
{
	struct decode_stats stats = {0};
	int n;

	while ((n = source_read(s, b)) > 0) {
		check((size_t)n == (b->n > 0 ? b->n : b->flows.n) && b->n <= b->packet_cap && b->size <= b->cap);
		for (size_t i = 0; i < b->n; i++) {
			check((size_t)b->packet[i].offset + b->packet[i].caplen <= b->size);
			check(b->packet[i].caplen <= b->packet[i].wirelen && b->packet[i].t_ns >= 0);
		}
		for (size_t i = 0; i < b->n; ) {
			flow_batch_reset(out);
			i += packets_decode(b, i, b->n - i, out, &stats);
		}
	}
	check(n == ERR_EOF);
}

/* What is no capture may be a file of records, and those have fuzzers of their own. */
static int
is_capture(const uint8_t *p, size_t size)
{
	static const uint32_t magic[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34, 0xd4c3b2a1, 0x4d3cb2a1, 0x34cdb2a1, 0x0a0d0d0a};
	struct cursor c = cursor_view(p, size);
	uint32_t first = cursor_u32(&c);

	for (size_t i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if (first == magic[i])
			return 1;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH], why[200];
	struct source_events ev = {0};
	struct source *s;
	struct source_progress progress;
	struct block b;
	struct flow_batch out;
	int fd;

	if (!is_capture(data, size))
		return 0;
	fd = fuzz_file(data, size, path);
	check(block_init(&b) == 0 && flow_batch_init(&out, 256) == 0);
	s = source_open_file(path, &ev, why, sizeof(why));
	if (s != NULL) {
		read_all(s, &b, &out);
		source_progress(s, &progress);
		check(progress.done == size && progress.total == size);
	}
	source_close(s);
	flow_batch_done(&out);
	block_done(&b);
	close(fd);
	return 0;
}
