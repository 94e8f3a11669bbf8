/* damp report offenders, damp report names: what a state file remembers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "damp.h"
#include "damp_commands.h"
#include "damp_state.h"
#include "detector/state.h"
#include "reports/memory.h"

enum { ROWS_MAX = 1 << 16, NAMES_SHOWN_MAX = 1 << 12, REPORT_MAX = 256 << 20 };

struct memory_report {
	const char *state;
	enum memory_format format;
	uint64_t top;  /* 0: all */
	bool victims;
};

static int
take_option(void *ctx, const char *name, const char *key, const char *value)
{
	struct memory_report *r = ctx;
	int f;

	(void)key;
	if (strcmp(name, "state") == 0) {
		r->state = value;
	} else if (strcmp(name, "victims") == 0) {
		r->victims = true;
	} else if (strcmp(name, "top") == 0) {
		if (units_whole(value, &r->top) < 0) {
			complain("--top: '%s' is not a number", value);
			return EXIT_USAGE;
		}
	} else {
		f = memory_format_parse(value);
		if (f < 0) {
			complain("--format: '%s' is not text, csv, json, list or rpz", value);
			return EXIT_USAGE;
		}
		r->format = (enum memory_format)f;
	}
	return EXIT_OK;
}

/* An engine that sees nothing but its memory.  NULL: told. */
static struct engine *
remember(const char *path)
{
	struct detect_settings settings;
	const struct engine_config c = {.memory_bytes = ENGINE_LEAST_MEMORY, .settings = &settings};
	const struct engine_sink sink = {NULL, NULL};
	struct engine *e = NULL;
	char why[160];
	uint8_t *bytes;
	size_t n;

	detect_settings_defaults(&settings);
	bytes = state_read(path, &n);
	if (bytes == NULL) {
		complain("%s: %s", path, strerror(errno));
		return NULL;
	}
	e = engine_new(&c, &sink, why, sizeof(why));
	if (e == NULL || engine_state_load(e, bytes, n, why, sizeof(why)) < 0) {
		complain("%s: %s", path, why);
		engine_free(e);
		e = NULL;
	}
	free(bytes);
	return e;
}

static int
write_offenders(const struct engine *e, const struct memory_report *r, size_t top, struct buf *out)
{
	struct offender *o = calloc(ROWS_MAX, sizeof(*o));
	size_t n = o != NULL ? engine_offenders(e, o, ROWS_MAX) : 0, kept = 0;
	int err;

	for (size_t i = 0; i < n && kept < top; i++)
		if (r->victims || o[i].role != ROLE_VICTIM)
			o[kept++] = o[i];
	err = o != NULL ? offenders_write(out, o, kept, r->format) : ERR_NOMEM;
	free(o);
	return err;
}

static int
write_names(const struct engine *e, const struct memory_report *r, size_t top, struct buf *out)
{
	size_t max = top < NAMES_SHOWN_MAX ? top : NAMES_SHOWN_MAX;
	struct drawn_name *d = calloc(max + 1, sizeof(*d));
	int err = d != NULL ? names_write(out, d, engine_names(e, d, max), r->format) : ERR_NOMEM;

	free(d);
	return err;
}

static int
write_report(const char *type, const struct memory_report *r)
{
	struct engine *e = remember(r->state);
	size_t top = r->top > 0 && r->top < ROWS_MAX ? (size_t)r->top : ROWS_MAX;
	struct buf out;
	int err;

	if (e == NULL)
		return EXIT_FAILED;
	buf_init(&out, REPORT_MAX);
	err = strcmp(type, "names") == 0 ? write_names(e, r, top, &out) : write_offenders(e, r, top, &out);
	if (err == ERR_UNSUPPORTED)
		complain("offenders are addresses: text, csv or json can say them");
	else if (err < 0)
		complain("%s", err_text(err));
	else
		fwrite(buf_text(&out), 1, out.len, stdout);
	buf_done(&out);
	engine_free(e);
	return err == ERR_UNSUPPORTED ? EXIT_USAGE : err < 0 ? EXIT_FAILED : EXIT_OK;
}

bool
is_memory_report(const char *type)
{
	return strcmp(type, "offenders") == 0 || strcmp(type, "names") == 0;
}

int
memory_report(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct memory_report r = {.format = MEMORY_TEXT};
	int n, status;
	bool done;

	if (rest == NULL)
		return EXIT_FAILED;
	status = parse_plain("report", argc, argv, USE_MEMORY, take_option, &r, rest, &n, &done);
	if (!done) {
		if (r.state == NULL && n == 2)
			r.state = rest[1];
		if (r.state == NULL || n > 2 || (n == 2 && r.state != rest[1])) {
			complain("report %s needs one state file: --state FILE", rest[0]);
			status = EXIT_USAGE;
		} else {
			status = write_report(rest[0], &r);
		}
	}
	free(rest);
	return status;
}
