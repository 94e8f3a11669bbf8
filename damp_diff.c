/* damp replay --diff: the same traffic under two configurations, and what that changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/tree.h"
#include "damp.h"
#include "damp_collect.h"
#include "damp_commands.h"
#include "damp_config.h"
#include "detector/life.h"

enum { SUBJECT_TEXT = 64 };

/* One alert from its opening to its end. */
struct course {
	uint64_t id;
	enum alert_kind kind;
	char subject[SUBJECT_TEXT];
	const char *vector;
	int64_t opened_ns;
	int severity;   /* the highest of its lines */
	size_t nth;     /* of this kind about this subject */
	bool matched;
};

struct side {
	struct course *list;
	size_t n, cap, incidents;
	bool failed;
};

/* --- running one side ---------------------------------------------------------------------------------- */

static void
subject_text(const struct alert *a, char out[SUBJECT_TEXT])
{
	char tmp[PREFIX_TEXT];

	if (a->subject.type == SUBJECT_HOST)
		snprintf(out, SUBJECT_TEXT, "%s", addr_text(&a->subject.prefix.addr, tmp));
	else if (a->subject.type == SUBJECT_PREFIX)
		snprintf(out, SUBJECT_TEXT, "%s", prefix_text(&a->subject.prefix, tmp));
	else
		snprintf(out, SUBJECT_TEXT, "%.60s", a->subject.name);
}

static void
on_alert(void *ctx, const struct alert *a)
{
	struct side *s = ctx;
	struct course *c;

	for (size_t i = s->n; i > 0; i--)
		if (s->list[i - 1].id == a->id) {
			if (a->severity > s->list[i - 1].severity)
				s->list[i - 1].severity = a->severity;
			return;
		}
	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 64;
		struct course *list = realloc(s->list, cap * sizeof(*list));

		if (list == NULL) {
			s->failed = true;
			return;
		}
		s->list = list;
		s->cap = cap;
	}
	c = &s->list[s->n++];
	*c = (struct course){.id = a->id, .kind = a->kind, .vector = a->vector, .opened_ns = a->t_ns, .severity = a->severity};
	subject_text(a, c->subject);
	for (size_t i = 0; i + 1 < s->n; i++)
		c->nth += s->list[i].kind == c->kind && strcmp(s->list[i].subject, c->subject) == 0 &&
		    strcmp(s->list[i].vector, c->vector) == 0;
}

static void
on_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct side *s = ctx;

	if (!s->failed)
		complain("%s: packet %llu, offset %llu: %s", input, (unsigned long long)packet, (unsigned long long)offset, reason);
	s->failed = true;
}

static bool
never(void *ctx, const struct source *s)
{
	(void)ctx;
	(void)s;
	return false;
}

static void
on_folder(void *ctx, const char *path, const char *reason)
{
	struct side *s = ctx;

	complain_of(path, reason);
	s->failed = true;
}

static void
read_files(struct side *side, struct pipeline *p, struct collected *k, const struct config *c, int n, char **files)
{
	const struct pipeline_events ev = {never, NULL};
	const struct source_events events = {.damage = on_damage, .ctx = side, .in_order = true, .export = collected_export(k),
		.export_setup = collected_setup(k), .reading = c->input == CONFIG_INPUT_EXPORTS ? READ_EXPORTS :
		    c->input == CONFIG_INPUT_PACKETS ? READ_PACKETS : READ_AUTO};
	struct tree_list list = {0};
	char why[256];

	if (tree_expand((const char *const *)files, (size_t)n, &list, on_folder, side) < 0)
		side->failed = true;
	for (size_t i = 0; i < list.n; i++) {
		struct source *s = source_open_file(list.path[i], &events, why, sizeof(why));

		if (s == NULL) {
			complain_of(list.path[i], why);
			side->failed = true;
		} else if (pipeline_run(p, s, &ev) < 0) {
			side->failed = true;
		}
		source_close(s);
	}
	tree_list_done(&list);
}

/* False: told. */
static bool
run_side(struct side *side, const struct config *c, int n, char **files)
{
	const struct engine_sink sink = {on_alert, side};
	struct collected *k = collected_open(c, false);
	const struct incident **incident = calloc(BOOK_INCIDENTS, sizeof(*incident));
	struct pipeline *p = NULL;
	struct engine *e = NULL;
	struct prepared prepared;
	char why[160] = "out of memory";
	bool ready = prepare(&prepared, c, false);

	if (ready)
		e = engine_new(&prepared.engine, &sink, why, sizeof(why));
	if (e != NULL)
		p = pipeline_new(e, c->threads > 0 ? c->threads : 1);
	if (k == NULL || p == NULL || incident == NULL) {
		if (ready)
			complain("%s", why);
	} else {
		read_files(side, p, k, c, n, files);
		engine_finish(e);
		side->incidents = engine_incidents(e, incident, BOOK_INCIDENTS);
	}
	free(incident);
	pipeline_free(p);
	engine_free(e);
	prepared_done(&prepared);
	collected_close(k);
	return k != NULL && p != NULL;
}

/* --- comparing ---------------------------------------------------------------------------------------------- */

static struct course *
counterpart(const struct side *s, const struct course *c)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->list[i].matched && s->list[i].kind == c->kind && s->list[i].nth == c->nth &&
		    strcmp(s->list[i].subject, c->subject) == 0 && strcmp(s->list[i].vector, c->vector) == 0)
			return &s->list[i];
	return NULL;
}

static const char *
clock_or_dash(const struct course *c, char buf[TIME_TEXT])
{
	return c != NULL ? time_clock(c->opened_ns, buf) : "-";
}

static void
print_row(const char *change, const struct course *a, const struct course *b)
{
	const struct course *c = a != NULL ? a : b;
	char before[TIME_TEXT], after[TIME_TEXT], severity[16];

	if (a != NULL && b != NULL)
		snprintf(severity, sizeof(severity), "%d -> %d", a->severity, b->severity);
	else
		snprintf(severity, sizeof(severity), "%d", c->severity);
	printf("%-14s %-32s %-39s %-9s %-9s %s\n", change, alert_kind_text(c->kind), c->subject, clock_or_dash(a, before),
	    clock_or_dash(b, after), severity);
}

/* What became of one that both sides have; false: nothing. */
static bool
moved(const struct course *a, const struct course *b, char *change, size_t room)
{
	double s = (double)(b->opened_ns - a->opened_ns) / (double)NS_PER_S;

	if (s != 0)
		snprintf(change, room, "%s %.0f s", s < 0 ? "earlier" : "later", s < 0 ? -s : s);
	else if (a->severity != b->severity)
		snprintf(change, room, "severity");
	return s != 0 || a->severity != b->severity;
}

static void
compare(struct side *a, struct side *b, const char *other)
{
	size_t same = 0, rows = 0;
	char change[32];

	for (int pass = 0; pass < 2; pass++) {
		/* first count, then print: the head only stands above rows */
		for (size_t i = 0; i < a->n; i++) {
			struct course *c = counterpart(b, &a->list[i]);

			if (c != NULL)
				c->matched = true;
			if (c != NULL && !moved(&a->list[i], c, change, sizeof(change)))
				same += pass == 0;
			else if (pass == 0)
				rows++;
			else
				print_row(c != NULL ? change : "vanishes", &a->list[i], c);
		}
		for (size_t i = 0; i < b->n; i++) {
			if (!b->list[i].matched && pass == 0)
				rows++;
			else if (!b->list[i].matched)
				print_row("appears", NULL, &b->list[i]);
			b->list[i].matched = false;
		}
		if (pass == 0) {
			printf("%zu alert%s in %zu incident%s, with %s %zu in %zu; %zu the same\n", a->n, a->n == 1 ? "" : "s", a->incidents,
			    a->incidents == 1 ? "" : "s", other, b->n, b->incidents, same);
			if (rows > 0)
				printf("%-14s %-32s %-39s %-9s %-9s %s\n", "change", "kind", "subject", "before", "after", "severity");
		}
	}
}

/* --- the command ----------------------------------------------------------------------------------------------- */

const char *
diff_option(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--diff=", 7) == 0)
			return argv[i] + 7;
		if (strcmp(argv[i], "--diff") == 0 && i + 1 < argc)
			return argv[i + 1];
	}
	return NULL;
}

int
replay_diff(const struct config *c, const char *other, int argc, char **argv, int n, char **files)
{
	char **all = calloc((size_t)argc + 3, sizeof(*all)), **rest = calloc((size_t)argc + 3, sizeof(*rest));
	struct side before = {0}, after = {0};
	struct config d;
	int status = EXIT_FAILED, rest_n;

	for (int i = 0; i < n; i++)
		if (strcmp(files[i], "-") == 0) {
			complain("--diff reads everything twice: standard input cannot be");
			free(all);
			free(rest);
			return EXIT_USAGE;
		}
	if (all != NULL && rest != NULL) {
		/* the later of two configuration files adds to the first one, so the first one goes */
		int k = 0;

		for (int i = 0; i < argc; i++) {
			if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0)
				i++;
			else if (strncmp(argv[i], "--config=", 9) != 0 && (strncmp(argv[i], "-c", 2) != 0 || argv[i][1] == '-'))
				all[k++] = argv[i];
		}
		memmove(all + 2, all, (size_t)k * sizeof(*all));
		all[0] = (char[]){"-c"};
		all[1] = (char *)(uintptr_t)other;
		if (configure("replay", k + 2, all, USE_TRAFFIC | USE_OUTPUTS | USE_DIFF, &d, rest, &rest_n, &status) &&
		    run_side(&before, c, n, files) && run_side(&after, &d, n, files)) {
			compare(&before, &after, other);
			status = before.failed || after.failed ? EXIT_FAILED : EXIT_OK;
		}
		config_done(&d);
	}
	free(before.list);
	free(after.list);
	free(all);
	free(rest);
	return status;
}
