/* damp report: the tables that flow-report made, from the same files. */
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
#include "reports/flow_report.h"

struct report {
	struct flow_input in;
	struct flow_style style;
	struct flow_report report;
	struct flow_groups *groups;
	struct flow_totals totals;
	struct flow_output out;
	uint64_t memory;
	bool list;
};

static int
take_number(struct report *r, const char *name, const char *value)
{
	uint64_t n;

	if (strcmp(name, "memory") == 0) {
		if (units_size(value, &r->memory) == 0 && r->memory >= 1000000)
			return EXIT_OK;
		complain("--memory: '%s' is not a size from 1MB, such as 512MB", value);
		return EXIT_USAGE;
	}
	if (units_whole(value, &n) < 0 || n > UINT32_MAX) {
		complain("--%s: '%s' is not a number", name, value);
		return EXIT_USAGE;
	}
	r->report.records = (size_t)n;
	return EXIT_OK;
}

static int
take_order(struct report *r, const char *value)
{
	/* flow-report's word, and its sign for "largest first" */
	const char *word = value[0] == '+' ? value + 1 : value;
	int o = strcmp(word, "octets") == 0 ? ORDER_BYTES : flow_order_parse(word, strlen(word));

	if (o < 0 || o > ORDER_BPP) {
		complain("--order: '%s' is not flows, packets, octets, pps, bps or bpp", value);
		return EXIT_USAGE;
	}
	r->report.order = (enum flow_order)o;
	return EXIT_OK;
}

static int
take_option(void *ctx, const char *name, const char *key, const char *value)
{
	struct report *r = ctx;

	(void)key;
	if (strcmp(name, "state") == 0 || strcmp(name, "format") == 0 || strcmp(name, "victims") == 0) {
		complain("--%s is for report offenders and report names, which stand first", name);
		return EXIT_USAGE;
	}
	if (strcmp(name, "filter") == 0)
		r->in.filter = r->report.filter = value;
	else if (strcmp(name, "time") == 0)
		r->in.window = value;
	else if (strcmp(name, "last") == 0)
		r->in.last = value;
	else if (strcmp(name, "local") == 0)
		r->in.local = true;
	else if (strcmp(name, "asdot") == 0)
		r->style.asdot = true;
	else if (strcmp(name, "quiet") == 0)
		r->style.header = false;
	else if (strcmp(name, "list") == 0)
		r->list = true;
	else if (strcmp(name, "order") == 0)
		return take_order(r, value);
	else if (strcmp(name, "input") != 0)
		return take_number(r, name, value);
	else if (strcmp(value, "auto") == 0 || strcmp(value, "packets") == 0 || strcmp(value, "exports") == 0)
		r->in.reading = value[0] == 'p' ? READ_PACKETS : value[0] == 'e' ? READ_EXPORTS : READ_AUTO;
	else {
		complain("--input: '%s' is not auto, packets or exports", value);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static bool
take_flows(void *ctx, const struct flow *w, const struct flow_extra *x, const uint32_t *pick, size_t n)
{
	struct report *r = ctx;

	for (size_t i = 0; i < n; i++)
		r->report.without_packets += w[pick[i]].packets == 0;
	flow_groups_add(r->groups, w, x, pick, n);
	return true;
}

static int
find_type(struct report *r, const char *name)
{
	const char *near;

	r->report.type = flow_report_type(name);
	if (r->report.type != NULL)
		return EXIT_OK;
	near = flow_report_nearest(name);
	complain("there is no report '%s'; %s%s%sdamp report --list names them", name, near != NULL ? "did you mean '" : "",
	    near != NULL ? near : "", near != NULL ? "'? " : "");
	return EXIT_USAGE;
}

static int
run(struct report *r)
{
	const struct flow_report_type *t = r->report.type;
	struct flow_fields key[2];
	struct flow_groups_setup s = {.key = key, .keys = t->second != NULL ? 2 : 1, .memory = (size_t)r->memory,
		.keep = r->report.order <= ORDER_BYTES ? r->report.order : ORDER_BYTES};
	struct timespec now;
	char why[160];
	int status;

	if (flow_fields_parse(&key[0], t->first, why, sizeof(why)) < 0 ||
	    (t->second != NULL && flow_fields_parse(&key[1], t->second, why, sizeof(why)) < 0)) {
		complain("%s: %s", t->name, why);
		return EXIT_FAILED;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	s.seed = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)getpid();
	r->groups = flow_groups_new(&s);
	if (r->groups == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	status = flow_input_read(&r->in, &r->totals);
	if (status == EXIT_USAGE || (status == EXIT_FAILED && r->totals.records == 0))
		return status;
	if (r->totals.records_matched == 0)
		complain(r->totals.records == 0 ? "there are no flows" : "no flows match");
	if (flow_report_print(&r->out.sink, &r->report, &r->style, r->groups, &r->totals) < 0) {
		complain("out of memory");
		status = EXIT_FAILED;
	}
	return status;
}

int
command_report(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct report r = {.style = {.header = true}, .report = {.order = ORDER_BYTES, .records = 15}, .memory = 1000000000};
	const struct flow_report_type *t;
	int n, status, written;
	bool done;

	if (argc > 0 && is_memory_report(argv[0])) {
		free(rest);
		return memory_report(argc, argv);
	}
	if (rest == NULL)
		return EXIT_FAILED;
	signal(SIGPIPE, SIG_DFL);
	flow_output_init(&r.out);
	status = parse_plain("report", argc, argv, USE_REPORT, take_option, &r, rest, &n, &done);
	if (!done && r.list) {
		for (size_t i = 0; (t = flow_report_at(i)) != NULL; i++)
			puts(t->name);
		puts("offenders\nnames");
	} else if (!done && n < 2) {
		complain("report needs a type (damp report --list names them) and files, or - for standard input");
		status = EXIT_USAGE;
	} else if (!done) {
		status = find_type(&r, rest[0]);
		r.in.file = (const char *const *)(rest + 1);
		r.in.files = (size_t)n - 1;
		r.in.want_extra = true;
		r.in.take = take_flows;
		r.in.ctx = &r;
		if (status == EXIT_OK)
			status = run(&r);
	}
	written = flow_output_done(&r.out);
	if (status == EXIT_OK)
		status = written;
	flow_groups_free(r.groups);
	free(rest);
	return status;
}
