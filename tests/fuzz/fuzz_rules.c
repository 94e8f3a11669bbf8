/* An alert line as `damp rules` reads it, turned into every format of rules: what somebody loads as root.  Whatever names
 * and words the line has, a rule file is printable ASCII of known kinds of lines. */
#include "tests/fuzz/fuzz.h"

#include "feeds/line.h"
#include "rules/rules.h"

static void
printable(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		check(b->p[i] == '\n' || b->p[i] == '\t' || (b->p[i] >= ' ' && b->p[i] <= '~'));
}

/* Of iptables-restore: comments, tables, chains, rules, the end. */
static void
restore_lines(const char *text)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');

		check(end != NULL);
		check(*text == '#' || strncmp(text, "*filter\n", 8) == 0 || strncmp(text, "COMMIT\n", 7) == 0 ||
		      strncmp(text, "-N DAMP-", 8) == 0 || strncmp(text, "-A DAMP-", 8) == 0 || strncmp(text, "-I ", 3) == 0);
		text = end + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct alert a;
	const struct alert *one = &a;
	struct rule_request q = {.alerts = &one, .alerts_n = 1, .policy = rule_policy_default()};
	char why[200];

	if (line_parse((const char *)data, size, &a, why, sizeof(why)) < 0)
		return 0;
	for (size_t i = 0; rule_formats[i] != NULL; i++) {
		struct rule_text out;
		int r;

		rule_text_init(&out);
		r = rule_formats[i]->generate(&q, &out);
		check(r == RULE_OK || (r == RULE_UNSUPPORTED && out.why[0] != '\0'));
		if (r == RULE_OK) {
			printable(&out.text);
			if (strstr(rule_formats[i]->name, "commands") == NULL)
				restore_lines(buf_text(&out.text));
		}
		rule_text_done(&out);
	}
	return 0;
}
