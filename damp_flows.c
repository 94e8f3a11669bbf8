/* damp flows: prints flow records, their sums by any fields, and the top of any statistic. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "damp.h"
#include "damp_commands.h"
#include "damp_flows.h"

enum { STATS_MAX = 16, STORE_ROWS = 4096 };

struct stored {
	struct flow w;
	struct flow_extra x;
	uint64_t value;
	bool has_extra;
};

struct flows {
	struct flow_input in;
	struct flow_style style;
	struct flow_stat stat[STATS_MAX];
	const char *stat_text[STATS_MAX];
	struct flow_groups *stat_groups[STATS_MAX];
	size_t stats;
	const char *fields;         /* of -A and -a; NULL: neither */
	struct flow_fields key;
	struct flow_groups *groups; /* of -A and -a without a statistic of records */
	bool by_fields, format_given, no_color, list;
	bool ordered;               /* -O */
	enum flow_order order;
	size_t top;
	bool top_given;
	uint64_t memory;
	struct flow_output out;
	struct stored *store;       /* ordered records */
	size_t store_n, store_cap;
	uint64_t store_lost;
	struct flow_totals totals;
};

/* --- options ----------------------------------------------------------------------------------------------------- */

static int
bad_value(const char *option, const char *value, const char *form)
{
	complain("--%s: '%s' is not %s", option, value, form);
	return EXIT_USAGE;
}

static int
take_format(struct flows *f, const char *value)
{
	const char *near = NULL;
	char name[16];
	size_t n = strlen(value);
	int format;

	/* nfdump's way to ask for whole IPv6 addresses: "extended6" */
	snprintf(name, sizeof(name), "%s", value);
	if (n > 1 && n < sizeof(name) && name[n - 1] == '6') {
		name[n - 1] = '\0';
		f->style.wide = true;
	}
	format = n < sizeof(name) ? flow_format_parse(name, &near) : ERR_INVALID;
	if (format < 0) {
		complain("there is no format '%s'; %s%s%sthere are text, line, long, extended, print0, print1, print3, print5, csv, "
		    "json and none", value, near != NULL ? "did you mean '" : "", near != NULL ? near : "", near != NULL ? "'? " : "");
		return EXIT_USAGE;
	}
	f->style.format = (enum flow_format)format;
	f->format_given = strcmp(name, "text") != 0;
	return EXIT_OK;
}

static int
take_count(const char *name, const char *value, uint64_t *n)
{
	if (units_whole(value, n) < 0 || *n > UINT32_MAX)
		return bad_value(name, value, "a number");
	return EXIT_OK;
}

static int
take_more(struct flows *f, const char *name, const char *value)
{
	uint64_t n = 0;
	int status = EXIT_OK, o;

	if (strcmp(name, "format") == 0) {
		status = take_format(f, value);
	} else if (strcmp(name, "input") == 0) {
		f->in.reading = strcmp(value, "packets") == 0 ? READ_PACKETS : strcmp(value, "exports") == 0 ? READ_EXPORTS : READ_AUTO;
		if (f->in.reading == READ_AUTO && strcmp(value, "auto") != 0)
			status = bad_value(name, value, "auto, packets or exports");
	} else if (strcmp(name, "memory") == 0) {
		if (units_size(value, &f->memory) < 0 || f->memory < 1000000)
			status = bad_value(name, value, "a size from 1MB, such as 512MB");
	} else if (strcmp(name, "top") == 0) {
		status = take_count(name, value, &n);
		f->top = (size_t)n;
		f->top_given = true;
	} else if (strcmp(name, "limit") == 0) {
		status = take_count(name, value, &f->in.limit);
	} else if (strcmp(name, "order") == 0) {
		o = flow_order_parse(value, strlen(value));
		if (o < 0)
			return bad_value(name, value, "flows, packets, bytes, pps, bps, bpp, tstart, tend or duration");
		f->order = (enum flow_order)o;
		f->ordered = true;
	} else if (f->stats == STATS_MAX) {
		complain("more than %d statistics", STATS_MAX);
		status = EXIT_USAGE;
	} else {
		f->stat_text[f->stats++] = value;
	}
	return status;
}

static int
take_option(void *ctx, const char *name, const char *key, const char *value)
{
	struct flows *f = ctx;
	static const struct { const char *name; size_t at; } flags[] = {
		{"plain", offsetof(struct flows, style.plain)}, {"wide", offsetof(struct flows, style.wide)},
		{"local", offsetof(struct flows, style.local)}, {"asdot", offsetof(struct flows, style.asdot)},
		{"no-color", offsetof(struct flows, no_color)}, {"list", offsetof(struct flows, list)},
	}, texts[] = {
		{"filter", offsetof(struct flows, in.filter)}, {"time", offsetof(struct flows, in.window)},
		{"last", offsetof(struct flows, in.last)},
	};

	(void)key;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(name, flags[i].name) == 0) {
			*(bool *)(void *)((char *)f + flags[i].at) = true;
			return EXIT_OK;
		}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(name, texts[i].name) == 0) {
			*(const char **)(void *)((char *)f + texts[i].at) = value;
			return EXIT_OK;
		}
	if (strcmp(name, "quiet") == 0) {
		f->style.header = false;
	} else if (strcmp(name, "aggregate") == 0) {
		f->fields = FLOW_KEY_RECORD;
	} else if (strcmp(name, "fields") == 0) {
		f->fields = value;
		f->by_fields = true;
	} else {
		return take_more(f, name, value);
	}
	return EXIT_OK;
}

static int
list_names(void)
{
	const struct flow_field *f;

	puts("fields (--fields)");
	for (size_t i = 0; (f = flow_field_at(i)) != NULL; i++)
		printf("  %-12s %s\n", f->name, f->title);
	puts("statistics (--stat)");
	for (size_t i = 0; flow_stat_name(i) != NULL; i++)
		printf("  %s\n", flow_stat_name(i));
	puts("orders");
	for (int i = 0; i < ORDERS; i++)
		printf("  %s\n", flow_order_name((enum flow_order)i));
	return EXIT_OK;
}

/* --- what becomes of records ---------------------------------------------------------------------------------------- */

static uint64_t
order_value(const struct stored *s, enum flow_order o)
{
	struct flow_sums sums = {0};

	flow_sums_add(&sums, &s->w, s->has_extra ? &s->x : NULL);
	return flow_sums_value(&sums, o);
}

static int
compare_stored(const void *a, const void *b)
{
	const struct stored *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	if (x->w.start_ns != y->w.start_ns)
		return x->w.start_ns < y->w.start_ns ? -1 : 1;
	if (x->w.bytes != y->w.bytes)
		return x->w.bytes > y->w.bytes ? -1 : 1;
	return addr_cmp(&x->w.dst, &y->w.dst);
}

/* Room for one more: a larger store, or one without the records that come last. */
static bool
store_room(struct flows *f)
{
	size_t most = f->memory / sizeof(*f->store), keep = f->top > 0 && f->top < most / 2 ? f->top : most / 2;
	size_t cap = f->store_cap > 0 ? f->store_cap * 2 : STORE_ROWS;
	struct stored *p;

	if (f->store_n < f->store_cap)
		return true;
	if (f->top > 0 && f->top <= SIZE_MAX / 4 && cap > 2 * f->top + STORE_ROWS && f->store_cap > 0)
		cap = 0;
	if (cap > 0 && cap <= most && (p = realloc(f->store, cap * sizeof(*p))) != NULL) {
		f->store = p;
		f->store_cap = cap;
		return true;
	}
	qsort(f->store, f->store_n, sizeof(*f->store), compare_stored);
	if (f->store_n <= keep)
		return false;
	if (f->top == 0)
		f->store_lost += f->store_n - keep;
	f->store_n = keep;
	return keep < f->store_cap;
}

static void
store(struct flows *f, const struct flow *w, const struct flow_extra *x)
{
	struct stored *s;

	if (!store_room(f)) {
		f->store_lost++;
		return;
	}
	s = &f->store[f->store_n++];
	s->w = *w;
	s->w.dns = NULL; /* borrowed from a batch that will be gone */
	s->has_extra = x != NULL;
	s->x = x != NULL ? *x : (struct flow_extra){0};
	s->value = order_value(s, f->order);
}

static bool
take_flows(void *ctx, const struct flow *w, const struct flow_extra *x, const uint32_t *pick, size_t n)
{
	struct flows *f = ctx;

	for (size_t i = 0; i < f->stats; i++)
		flow_groups_add(f->stat_groups[i], w, x, pick, n);
	if (f->groups != NULL)
		flow_groups_add(f->groups, w, x, pick, n);
	if (f->stats > 0 || f->groups != NULL)
		return true;
	for (size_t i = 0; i < n; i++) {
		const struct flow_extra *e = x != NULL ? &x[pick[i]] : NULL;

		if (f->ordered) {
			store(f, &w[pick[i]], e);
			continue;
		}
		flow_text_row(&f->out.sink.buf, &f->style, &w[pick[i]], e);
		flow_sink_row(&f->out.sink);
	}
	return !f->out.failed;
}

/* --- before and after ------------------------------------------------------------------------------------------------ */

static enum flow_order
keep_by(enum flow_order o)
{
	return o == ORDER_FLOWS || o == ORDER_PACKETS ? o : ORDER_BYTES;
}

static struct flow_groups *
new_groups(const struct flows *f, const struct flow_fields *key, size_t keys, enum flow_order o, size_t share)
{
	struct timespec now;
	struct flow_groups_setup s = {.key = key, .keys = keys, .memory = (size_t)f->memory / share, .keep = keep_by(o)};

	clock_gettime(CLOCK_MONOTONIC, &now);
	s.seed = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)getpid();
	return flow_groups_new(&s);
}

static int
prepare(struct flows *f)
{
	const char *record = f->fields != NULL ? f->fields : FLOW_KEY_RECORD;
	bool records = false;
	size_t share;
	char why[160];

	if (f->fields != NULL && flow_fields_parse(&f->key, f->fields, why, sizeof(why)) < 0) {
		complain("%s", why);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < f->stats; i++) {
		if (flow_stat_parse(&f->stat[i], f->stat_text[i], record, why, sizeof(why)) < 0) {
			complain("%s", why);
			return EXIT_USAGE;
		}
		records = records || f->stat[i].record;
	}
	share = f->stats + (f->fields != NULL && !records);
	for (size_t i = 0; i < f->stats; i++) {
		f->stat_groups[i] = new_groups(f, f->stat[i].key, f->stat[i].keys, f->stat[i].order[0], share);
		if (f->stat_groups[i] == NULL)
			goto nomem;
	}
	if (f->fields != NULL && !records) {
		f->groups = new_groups(f, &f->key, 1, f->ordered ? f->order : ORDER_BYTES, share);
		if (f->groups == NULL)
			goto nomem;
	}
	if (f->stats > 0 && !f->top_given)
		f->top = 10;
	/* a header that stands even when nothing follows: a table without rows is still a table */
	if (f->stats == 0 && f->groups == NULL)
		flow_text_header(&f->out.sink.buf, &f->style);
	return EXIT_OK;
nomem:
	complain("out of memory");
	return EXIT_FAILED;
}

static void
say_folded(const struct flow_groups *g, const char *what)
{
	if (flow_groups_folded(g) > 0)
		complain("%s: %llu rows did not fit into the memory and are in \"others\"; --memory gives more", what,
		    (unsigned long long)flow_groups_folded(g));
}

static int
print_results(struct flows *f)
{
	int err = 0;
	size_t top = f->top;

	for (size_t i = 0; i < f->stats && err == 0; i++) {
		err = flow_stat_print(&f->out.sink, &f->style, &f->stat[i], f->stat_groups[i], top, &f->totals);
		say_folded(f->stat_groups[i], f->stat[i].name);
	}
	if (f->groups != NULL && err == 0) {
		enum flow_order o = f->ordered ? f->order : ORDER_TSTART;
		bool records = !f->by_fields || f->format_given;

		err = flow_list_print(&f->out.sink, &f->style, f->groups, o, f->top_given ? f->top : 0, records);
		say_folded(f->groups, f->fields);
	}
	if (f->store_n > 0) {
		qsort(f->store, f->store_n, sizeof(*f->store), compare_stored);
		for (size_t i = 0; i < f->store_n && (f->top == 0 || i < f->top); i++) {
			flow_text_row(&f->out.sink.buf, &f->style, &f->store[i].w, f->store[i].has_extra ? &f->store[i].x : NULL);
			flow_sink_row(&f->out.sink);
		}
	}
	if (f->store_lost > 0)
		complain("%llu records did not fit into the memory to be ordered; --memory gives more, --top N needs less",
		    (unsigned long long)f->store_lost);
	if (err < 0)
		complain("%s", err_text(err));
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

static int
run(struct flows *f)
{
	int status = prepare(f), printed;

	if (status != EXIT_OK)
		return status;
	status = flow_input_read(&f->in, &f->totals);
	if (status == EXIT_USAGE)
		return status;
	if (status == EXIT_FAILED && f->totals.records == 0) {
		buf_reset(&f->out.sink.buf);
		return status;
	}
	if (f->totals.records_matched == 0) {
		complain(f->totals.records == 0 ? "there are no flows" : "no flows match");
	} else {
		printed = print_results(f);
		if (printed != EXIT_OK)
			status = printed;
	}
	if (f->style.header && f->style.format <= FORMAT_LINE)
		flow_text_summary(&f->out.sink.buf, &f->style, &f->totals);
	return status;
}

int
command_flows(int argc, char **argv)
{
	char **file = calloc((size_t)argc + 1, sizeof(*file));
	struct flows *f = calloc(1, sizeof(*f));
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	int n, status = EXIT_FAILED, written;
	bool done;

	if (file == NULL || f == NULL)
		goto end;
	/* `damp flows FILE | head` ends quietly */
	signal(SIGPIPE, SIG_DFL);
	f->style.header = true;
	f->memory = 1000000000;
	flow_output_init(&f->out);
	status = parse_plain("flows", argc, argv, USE_FLOWS, take_option, f, file, &n, &done);
	if (!done && f->list) {
		status = list_names();
	} else if (!done && n == 0) {
		complain("flows needs files of flow records or captures, or - for standard input");
		status = EXIT_USAGE;
	} else if (!done) {
		f->style.color = !f->no_color && (no == NULL || no[0] == '\0') && isatty(STDOUT_FILENO) && term != NULL &&
		    strcmp(term, "dumb") != 0;
		f->in.file = (const char *const *)file;
		f->in.files = (size_t)n;
		f->in.local = f->style.local;
		f->in.want_extra = true;
		f->in.take = take_flows;
		f->in.ctx = f;
		status = run(f);
	}
	written = status == EXIT_USAGE ? EXIT_USAGE : flow_output_done(&f->out);
	if (written != EXIT_OK)
		status = written;
	buf_done(&f->out.sink.buf);
	for (size_t i = 0; i < f->stats; i++)
		flow_groups_free(f->stat_groups[i]);
	flow_groups_free(f->groups);
	free(f->store);
end:
	free(f);
	free(file);
	return status;
}
