/* A run of NetFlow v9 and IPFIX messages for one store: each is a length of two bytes, a byte of flags, and the
 * message.  Then the store goes through its saved form, and the same bytes are read as an IPFIX file. */
#include "tests/fuzz/fuzz.h"

#include "base/cursor.h"
#include "collector/source.h"
#include "collector/template.h"

static void
bounded(struct export *x)
{
	struct templates_figures f;

	templates_figures(x, &f);
	check(f.bytes <= f.budget && f.waiting_bytes <= f.budget / 4);
}

static void
save_and_load(struct export *x, const struct export_setup *s)
{
	struct export *y = export_new(s);
	struct buf b, again;
	char why[200];

	buf_init(&b, 1 << 20);
	buf_init(&again, 1 << 20);
	templates_save(x, &b);
	if (y != NULL && !b.full) {
		check(templates_load(y, (const uint8_t *)b.p, b.len, why, sizeof(why)) >= 0);
		bounded(y);
		templates_save(y, &again);
		check(again.len <= b.len);
	}
	export_free(y);
	buf_done(&b);
	buf_done(&again);
}

static void
as_file(const uint8_t *data, size_t size)
{
	struct source_events ev = {.want_extra = true};
	char path[FUZZ_PATH], why[200];
	int fd = fuzz_file(data, size, path);
	struct source *s = source_open_file(path, &ev, why, sizeof(why));
	struct block b;

	check(block_init(&b) == 0);
	while (s != NULL && source_read(s, &b) > 0)
		;
	source_close(s);
	block_done(&b);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct export_setup s = {.template_bytes = 200000, .template_timeout_s = 100, .exporters.max = 64};
	struct export *x = export_new(&s);
	struct cursor c = cursor_view(data, size);
	struct flow_batch out;
	char why[200];
	int64_t now = 1700000000;

	if (x == NULL || flow_batch_init(&out, 16) < 0 || flow_batch_want_extra(&out) < 0)
		abort();
	while (cursor_left(&c) > 3) {
		uint16_t n = cursor_u16(&c);
		uint8_t flags = cursor_u8(&c);
		struct cursor m = cursor_sub(&c, n <= cursor_left(&c) ? n : cursor_left(&c));
		struct export_from from = {.addr.b[15] = flags & 3, .stream = (flags & 4) != 0, .seen_ns = now * 1000000000};
		size_t before = out.n, left = cursor_left(&m);
		/* other versions are not this decoder's */
		bool ours = left > 1 && m.p[0] == 0 && (m.p[1] == 9 || m.p[1] == 10);
		int got = ours ? template_decode(x, &from, m.p, left, &out) : 0;

		check(got >= 0 && out.n - before == (size_t)got && (size_t)got <= 20 * (size + 1));
		for (size_t i = before; i < out.n; i++)
			check(out.flow[i].packets > 0 && out.flow[i].sampling > 0 && out.flow[i].start_ns <= out.flow[i].end_ns);
		bounded(x);
		flow_batch_reset(&out);
		now += flags >> 3;
	}
	save_and_load(x, &s);
	templates_load(x, data, size, why, sizeof(why));
	bounded(x);
	flow_batch_done(&out);
	export_free(x);
	if (size > 1 && data[0] == 0 && data[1] == 10)
		as_file(data, size);
	return 0;
}
