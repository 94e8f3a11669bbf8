/* The table of rule formats: one line per enforcement tool. */
#include "rules/rules.h"

#include <string.h>

#include "rules/iptables.h"

enum { RULE_TEXT_MAX = 1 << 20 };

const struct rule_format *const rule_formats[] = {
	&rule_iptables,
	&rule_ip6tables,
	&rule_iptables_commands,
	NULL,
};

const struct rule_format *
rule_format_find(const char *name)
{
	for (const struct rule_format *const *f = rule_formats; *f != NULL; f++)
		if (strcmp((*f)->name, name) == 0)
			return *f;
	return NULL;
}

struct rule_policy
rule_policy_default(void)
{
	return (struct rule_policy){.queries = 2, .seconds = 5, .ttl_s = 3600, .list_size = 100};
}

void
rule_text_init(struct rule_text *t)
{
	*t = (struct rule_text){0};
	buf_init(&t->text, RULE_TEXT_MAX);
}

void
rule_text_done(struct rule_text *t)
{
	buf_done(&t->text);
}
