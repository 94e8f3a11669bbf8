/* Flow records out of files, for the commands that print and sum them up.
 *
 * Records pass in the batches that the sources make, and captures of packets in batches decoded here; a filter turns a
 * batch into a list of indices, so that no record is copied before somebody wants it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/tree.h"
#include "damp.h"
#include "damp_flows.h"

enum { BATCH = 4096, DAMAGE_TOLD = 8 };

struct reading {
	const struct flow_input *in;
	struct flow_totals *totals;
	struct filter *filter;
	int64_t from_ns, to_ns; /* [from, to) */
	bool window;
	bool only_newest;       /* nothing is taken, the newest time is looked for */
	int64_t newest_ns;
	struct block block;
	struct flow_batch batch; /* of packets */
	uint32_t *pick;
	size_t pick_cap;
	uint64_t damaged;
	bool done;              /* no more is wanted */
	int status;
};

static void
on_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct reading *r = ctx;

	r->status = EXIT_FAILED;
	if (r->only_newest || r->damaged++ >= DAMAGE_TOLD)
		return;
	complain("%s: record %llu, offset %llu: %s", input, (unsigned long long)packet, (unsigned long long)offset, reason);
}

static void
on_folder(void *ctx, const char *path, const char *reason)
{
	struct reading *r = ctx;

	complain_of(path, reason);
	r->status = EXIT_FAILED;
}

/* --- batches --------------------------------------------------------------------------------------------------- */

static bool
wanted(const struct reading *r, const struct flow *w, const struct flow_extra *x)
{
	/* a second DNS message of a packet: no traffic of its own */
	if (w->packets == 0 && (w->flags & FLOW_RECORD) == 0)
		return false;
	if (r->window && (w->start_ns < r->from_ns || w->start_ns >= r->to_ns))
		return false;
	return r->filter == NULL || filter_match(r->filter, w, x);
}

static void
newest(struct reading *r, const struct flow *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (w[i].end_ns > r->newest_ns)
			r->newest_ns = w[i].end_ns;
}

static int
take_batch(struct reading *r, const struct flow_batch *b)
{
	struct flow_totals *t = r->totals;
	const struct flow *w = b->flow;
	const struct flow_extra *x = b->extra;
	const bool everything = r->filter == NULL && !r->window; /* then both sums are one */
	size_t n = 0;

	if (r->only_newest) {
		newest(r, w, b->n);
		return 0;
	}
	if (b->n > r->pick_cap) {
		uint32_t *p = realloc(r->pick, b->n * sizeof(*p));

		if (p == NULL)
			return ERR_NOMEM;
		r->pick = p;
		r->pick_cap = b->n;
	}
	for (size_t i = 0; i < b->n && !r->done; i++) {
		const struct flow_extra *e = x != NULL ? &x[i] : NULL;

		if (w[i].packets > 0 || (w[i].flags & FLOW_RECORD) != 0) {
			t->records++;
			flow_sums_add(&t->all, &w[i], e);
		}
		if (!wanted(r, &w[i], e))
			continue;
		if (!everything)
			flow_sums_add(&t->matched, &w[i], e);
		t->records_matched++;
		r->pick[n++] = (uint32_t)i;
		r->done = r->in->limit > 0 && t->records_matched >= r->in->limit;
	}
	if (everything)
		t->matched = t->all;
	if (n > 0 && !r->in->take(r->in->ctx, w, x, r->pick, n))
		r->done = true;
	return 0;
}

static int
take_packets(struct reading *r)
{
	struct decode_stats stats = {0};
	int err = 0;

	for (size_t at = 0; at < r->block.n && err == 0 && !r->done;) {
		size_t used;

		flow_batch_reset(&r->batch);
		used = packets_decode(&r->block, at, r->block.n - at, &r->batch, &stats);
		err = take_batch(r, &r->batch);
		at += used;
		if (used == 0)
			break;
	}
	return err;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void
read_file(struct reading *r, const char *path)
{
	struct source_events ev = {.damage = on_damage, .ctx = r, .reading = r->in->reading, .want_extra = r->in->want_extra};
	char why[256];
	struct source *s = source_open_file(path, &ev, why, sizeof(why));
	int got = 0, err = 0;

	if (s == NULL) {
		if (!r->only_newest)
			complain_of(path, why);
		r->status = EXIT_FAILED;
		return;
	}
	while (!r->done && err == 0 && (got = source_read(s, &r->block)) >= 0) {
		if (r->block.flows.n > 0)
			err = take_batch(r, &r->block.flows);
		if (r->block.n > 0 && err == 0)
			err = take_packets(r);
	}
	if (err < 0)
		complain_of(path, err_text(err));
	else if (got < 0 && got != ERR_EOF)
		complain("%s: %s", path, got == ERR_IO ? strerror(errno) : err_text(got));
	if (err < 0 || (got < 0 && got != ERR_EOF))
		r->status = EXIT_FAILED;
	source_close(s);
}

static void
read_files(struct reading *r, const struct tree_list *list)
{
	for (size_t i = 0; i < list->n && !r->done; i++)
		read_file(r, list->path[i]);
	if (r->damaged > DAMAGE_TOLD && !r->only_newest)
		complain("%llu more damaged places", (unsigned long long)(r->damaged - DAMAGE_TOLD));
}

/* "FROM-TO", "FROM..TO", "FROM+10m"; without an end, to the end of what FROM names. */
static int
parse_window(struct reading *r, const char *text)
{
	int64_t step;
	uint64_t ns;
	const char *p = filter_time(text, r->in->local, &r->from_ns, &step);

	r->window = true;
	if (p != NULL && *p == '\0') {
		r->to_ns = r->from_ns + step;
		return EXIT_OK;
	}
	if (p != NULL && *p == '+' && filter_duration(p + 1, &ns) == 0) {
		r->to_ns = r->from_ns + (int64_t)ns;
		return EXIT_OK;
	}
	if (p != NULL && (*p == '-' || strncmp(p, "..", 2) == 0)) {
		p = filter_time(p + (*p == '-' ? 1 : 2), r->in->local, &r->to_ns, &step);
		if (p != NULL && *p == '\0' && r->to_ns > r->from_ns)
			return EXIT_OK;
	}
	complain("'%s' is no time window such as 2013-04-03T14:40:00-2013-04-03T15:00:00, 2013-04-03T14:40+10m or 2013-04-03", text);
	return EXIT_USAGE;
}

static bool
all_regular(const struct tree_list *list)
{
	struct stat st;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->path[i], "-") == 0 || (stat(list->path[i], &st) == 0 && !S_ISREG(st.st_mode)))
			return false;
	return true;
}

static int
compile(struct reading *r)
{
	struct filter_setup setup = {.now_ns = r->newest_ns, .local = r->in->local};
	char why[256];

	filter_free(r->filter);
	r->filter = NULL;
	if (r->in->filter == NULL)
		return EXIT_OK;
	r->filter = filter_compile(r->in->filter, &setup, why, sizeof(why));
	if (r->filter == NULL) {
		complain("filter, %s", why);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

/* What counts back from the newest record needs to know it: the files are read twice. */
static int
find_newest(struct reading *r, const struct tree_list *list)
{
	uint64_t ns = 0;
	int status = r->status;

	if (r->in->last != NULL && filter_duration(r->in->last, &ns) < 0) {
		complain("--last: '%s' is no time such as 600s or 10m", r->in->last);
		return EXIT_USAGE;
	}
	if (!all_regular(list)) {
		complain("\"last\" counts back from the newest record: it needs files that can be read twice");
		return EXIT_USAGE;
	}
	r->only_newest = true;
	read_files(r, list);
	r->only_newest = false;
	r->status = status;
	if (r->in->last != NULL) {
		int64_t from = r->newest_ns - (int64_t)ns;

		if (!r->window)
			r->to_ns = INT64_MAX;
		if (!r->window || from > r->from_ns)
			r->from_ns = from;
		r->window = true;
	}
	return compile(r);
}

int
flow_input_read(const struct flow_input *in, struct flow_totals *totals)
{
	struct reading r = {.in = in, .totals = totals};
	struct flow_input plain;
	struct tree_list list = {0};
	int status = EXIT_OK;

	*totals = (struct flow_totals){0};
	if (in->window != NULL)
		status = parse_window(&r, in->window);
	if (status == EXIT_OK)
		status = compile(&r);
	if (status != EXIT_OK)
		return status;
	if (r.filter != NULL && filter_wants_extra(r.filter) && !in->want_extra) {
		plain = *in;
		plain.want_extra = true;
		r.in = &plain;
	}
	if (block_init(&r.block) < 0 || flow_batch_init(&r.batch, BATCH) < 0 ||
	    tree_expand(in->file, in->files, &list, on_folder, &r) < 0) {
		complain("out of memory");
		status = EXIT_FAILED;
		goto done;
	}
	if (in->last != NULL || (r.filter != NULL && filter_uses_now(r.filter)))
		status = find_newest(&r, &list);
	if (status == EXIT_OK) {
		read_files(&r, &list);
		status = r.status;
	}
done:
	tree_list_done(&list);
	flow_batch_done(&r.batch);
	block_done(&r.block);
	free(r.pick);
	filter_free(r.filter);
	return status;
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static void
write_out(void *ctx, struct buf *b)
{
	struct flow_output *o = ctx;

	if (b->full || (!o->failed && fwrite(buf_text(b), 1, b->len, stdout) != b->len)) {
		if (!o->failed)
			complain("standard output: %s", b->full ? "out of memory" : strerror(errno));
		o->failed = true;
	}
	buf_reset(b);
}

void
flow_output_init(struct flow_output *o)
{
	*o = (struct flow_output){.sink = {.take = write_out, .ctx = o}};
	buf_init(&o->sink.buf, 1 << 24);
}

int
flow_output_done(struct flow_output *o)
{
	write_out(o, &o->sink.buf);
	if (!o->failed && fflush(stdout) != 0) {
		if (!reader_gone(STDOUT_FILENO))
			complain("standard output: %s", strerror(errno));
		o->failed = true;
	}
	buf_done(&o->sink.buf);
	return o->failed ? EXIT_FAILED : EXIT_OK;
}
