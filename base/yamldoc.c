/* Two passes: the first walks libyaml's events, which cost no memory, and counts; only a document
 * within the bounds is then built as a tree.
 */
#include "base/yamldoc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

static int
refuse(struct yamldoc_problem *p, int err, int line, const char *text, const char *hint)
{
	p->line = line;
	snprintf(p->text, sizeof(p->text), "%s", text);
	p->hint = hint;
	return err;
}

/* Length of the UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t
utf8_length(const uint8_t *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3
	    : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static int
check_text(const uint8_t *bytes, size_t n, struct yamldoc_problem *p)
{
	int line = 1;

	for (size_t i = 0, step; i < n; i += step) {
		step = utf8_length(bytes + i, n - i);
		if (step == 0)
			return refuse(p, ERR_MALFORMED, line, "not UTF-8 text", "save the file as UTF-8");
		if (bytes[i] == '\0')
			return refuse(p, ERR_MALFORMED, line, "not a text file: a zero byte", "");
		if (bytes[i] == '\n')
			line++;
	}
	return 0;
}

/* Whether the line (from 1) begins with white space that holds a tab. */
static bool
tab_indented(const uint8_t *bytes, size_t n, int line)
{
	size_t i = 0;

	for (int at = 1; at < line && i < n; i++)
		at += bytes[i] == '\n';
	for (; i < n && (bytes[i] == ' ' || bytes[i] == '\t'); i++)
		if (bytes[i] == '\t')
			return true;
	return false;
}

static const char *
syntax_hint(const char *problem)
{
	if (problem == NULL)
		return "";
	if (strstr(problem, "cannot start any token") != NULL)
		return "quote values that begin with @, % or `";
	if (strstr(problem, "unexpected ':'") != NULL)
		return "put IPv6 addresses in quotes";
	return "";
}

static int
refuse_syntax(const yaml_parser_t *y, const uint8_t *bytes, size_t n, struct yamldoc_problem *p)
{
	int line = (int)y->problem_mark.line + 1;
	char text[160];

	if (y->error == YAML_MEMORY_ERROR)
		return refuse(p, ERR_NOMEM, 0, err_text(ERR_NOMEM), "");
	if (y->error == YAML_READER_ERROR)
		return refuse(p, ERR_MALFORMED, line, "a control character, which YAML does not allow", "");
	if (tab_indented(bytes, n, line))
		return refuse(p, ERR_MALFORMED, line, "a tab in the indentation", "indent with spaces");
	if (y->context != NULL && y->context_mark.line != y->problem_mark.line)
		snprintf(text, sizeof(text), "YAML syntax: %s (%s that began in line %zu)",
		    y->problem != NULL ? y->problem : "cannot be read", y->context, y->context_mark.line + 1);
	else
		snprintf(text, sizeof(text), "YAML syntax: %s", y->problem != NULL ? y->problem : "cannot be read");
	return refuse(p, ERR_MALFORMED, line, text, syntax_hint(y->problem));
}

/* What the first pass counts. */
struct census {
	unsigned int documents, nodes, depth;
	bool value; /* something other than an empty scalar */
};

/* One event; 0, or negative when a bound is passed. */
static int
count_event(struct census *c, const yaml_event_t *e, struct yamldoc_problem *p)
{
	int line = (int)e->start_mark.line + 1;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++c->documents > 1)
			return refuse(p, ERR_INVALID, line, "a second document begins here", "one document a file: remove the ---");
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		c->value = true;
		c->nodes++;
		if (++c->depth > YAMLDOC_DEPTH)
			return refuse(p, ERR_FULL, line, "nested too deeply", "damp needs no more than 6 levels");
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		c->depth--;
		break;
	case YAML_SCALAR_EVENT:
		c->value |= e->data.scalar.length > 0;
		c->nodes++;
		break;
	case YAML_ALIAS_EVENT:
		c->nodes++;
		break;
	default:
		break;
	}
	if (c->nodes > YAMLDOC_NODES)
		return refuse(p, ERR_FULL, line, "too many values", "a configuration holds at most 60000");
	return 0;
}

static void
parser_over(yaml_parser_t *y, const uint8_t *bytes, size_t n)
{
	yaml_parser_set_encoding(y, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(y, bytes, n);
}

static int
first_pass(const uint8_t *bytes, size_t n, struct yamldoc_problem *p)
{
	struct census c = {0};
	yaml_parser_t y;
	bool end = false;
	int err = 0;

	if (!yaml_parser_initialize(&y))
		return refuse(p, ERR_NOMEM, 0, err_text(ERR_NOMEM), "");
	parser_over(&y, bytes, n);
	while (!end && err == 0) {
		yaml_event_t e;

		if (!yaml_parser_parse(&y, &e)) {
			err = refuse_syntax(&y, bytes, n, p);
			break;
		}
		end = e.type == YAML_STREAM_END_EVENT;
		err = count_event(&c, &e, p);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	if (err == 0 && (c.documents == 0 || !c.value))
		return refuse(p, ERR_INVALID, 0, n == 0 ? "the file is empty" : "the file holds no setting",
		    "see damp.conf(5)");
	return err;
}

int
yamldoc_load(yaml_document_t *doc, const uint8_t *bytes, size_t n, struct yamldoc_problem *p)
{
	yaml_parser_t y;
	int err;

	err = check_text(bytes, n, p);
	if (err == 0)
		err = first_pass(bytes, n, p);
	if (err < 0)
		return err;
	if (!yaml_parser_initialize(&y))
		return refuse(p, ERR_NOMEM, 0, err_text(ERR_NOMEM), "");
	parser_over(&y, bytes, n);
	if (!yaml_parser_load(&y, doc)) /* an alias without its anchor is seen only here */
		err = refuse_syntax(&y, bytes, n, p);
	yaml_parser_delete(&y);
	return err;
}

static int
read_stream(FILE *f, size_t max, uint8_t **bytes, size_t *n, struct yamldoc_problem *p)
{
	uint8_t *all = NULL;
	size_t len = 0, cap = 0;

	do {
		if (len == cap) {
			uint8_t *more = realloc(all, cap = cap > 0 ? cap * 2 : 8192);

			if (more == NULL) {
				free(all);
				return refuse(p, ERR_NOMEM, 0, err_text(ERR_NOMEM), "");
			}
			all = more;
		}
		len += fread(all + len, 1, cap - len, f);
	} while (len == cap && len <= max);
	if (ferror(f) || len > max) {
		bool failed = ferror(f) != 0;

		free(all);
		return failed ? refuse(p, ERR_IO, 0, "cannot be read", "")
		              : refuse(p, ERR_FULL, 0, "larger than a configuration can be (1 MiB)", "is it the right file?");
	}
	*bytes = all;
	*n = len;
	return 0;
}

int
yamldoc_read(const char *path, size_t max, uint8_t **bytes, size_t *n, struct yamldoc_problem *p)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	int err;

	if (f == NULL) {
		char text[160];

		snprintf(text, sizeof(text), "cannot be opened: %s", strerror(errno));
		return refuse(p, ERR_IO, 0, text, "");
	}
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode))
		err = refuse(p, ERR_IO, 0, "is a directory", "name the file in it");
	else
		err = read_stream(f, max, bytes, n, p);
	fclose(f);
	return err;
}
