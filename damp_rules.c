/* The rules of incidents: made when one opens, kept while it grows, written to the rules directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "damp_output.h"

enum { CACHE = 64, AGE_S = 10 };

void
rules_cache_init(struct rules_cache *c, const struct config *config)
{
	*c = (struct rules_cache){.config = config};
}

static void
entry_done(struct rules_entry *e)
{
	for (size_t i = 0; i < RULE_FORMATS_MAX; i++)
		if (e->incident != 0)
			rule_text_done(&e->text[i]);
	memset(e, 0, sizeof(*e));
}

void
rules_cache_done(struct rules_cache *c)
{
	for (size_t i = 0; i < c->n; i++)
		entry_done(&c->entry[i]);
	free(c->entry);
	free(c->log);
	memset(c, 0, sizeof(*c));
}

static struct rule_policy
policy_of(const struct config *c)
{
	struct rule_policy p = rule_policy_default();

	p.queries = c->policy.queries;
	p.seconds = c->policy.seconds;
	p.ttl_s = c->policy.ttl_s;
	p.list_size = c->policy.list_size;
	return p;
}

/* Through a temporary name, so that whoever loads the file never sees half of it. */
static bool
write_file(struct rules_cache *c, struct rules_entry *e, size_t format)
{
	char tmp[560], id[ALERT_ID_TEXT];
	const struct rule_text *t = &e->text[format];
	size_t dir = strlen(c->config->rules_dir);
	FILE *f;
	bool ok;

	while (dir > 1 && c->config->rules_dir[dir - 1] == '/')
		dir--;
	snprintf(e->file[format], sizeof(e->file[format]), "%.*s/%s.%s", dir < 400 ? (int)dir : 400, c->config->rules_dir,
	    alert_id_text(e->incident, id), rule_formats[format]->file_suffix);
	snprintf(tmp, sizeof(tmp), "%s.tmp", e->file[format]);
	f = fopen(tmp, "w");
	ok = f != NULL && fwrite(t->text.p, 1, t->text.len, f) == t->text.len;
	ok = f != NULL && fclose(f) == 0 && ok;
	if (ok && rename(tmp, e->file[format]) == 0)
		return true;
	if (!c->write_failed)
		complain("%s: %s", e->file[format], strerror(errno));
	c->write_failed = true;
	remove(tmp);
	e->file[format][0] = '\0';
	return false;
}

static void
generate(struct rules_cache *c, const struct engine *e, struct rules_entry *entry, const struct incident *inc, int64_t now_ns)
{
	struct rule_request q = {.alerts = inc->alert, .alerts_n = inc->alerts_kept, .policy = policy_of(c->config)};

	if (c->log == NULL)
		c->log = calloc(ENGINE_LOG_MAX, sizeof(*c->log));
	if (c->log != NULL) {
		q.log = c->log;
		q.log_n = engine_query_log(e, c->log, ENGINE_LOG_MAX);
	}
	entry->made_ns = now_ns;
	entry->alerts_n = inc->alerts_n;
	for (size_t i = 0; rule_formats[i] != NULL && i < RULE_FORMATS_MAX; i++) {
		rule_text_done(&entry->text[i]);
		rule_text_init(&entry->text[i]);
		entry->usable[i] = rule_formats[i]->generate(&q, &entry->text[i]) == RULE_OK;
		if (entry->usable[i] && c->config->rules_dir != NULL)
			write_file(c, entry, i);
	}
}

/* The entry of the incident, a new one, or the oldest used again. */
static struct rules_entry *
find(struct rules_cache *c, uint64_t incident)
{
	struct rules_entry *e;

	for (size_t i = 0; i < c->n; i++)
		if (c->entry[i].incident == incident)
			return &c->entry[i];
	if (c->entry == NULL && (c->entry = calloc(CACHE, sizeof(*c->entry))) == NULL)
		return NULL;
	if (c->n < CACHE) {
		e = &c->entry[c->n++];
	} else {
		e = &c->entry[c->rover++ % CACHE];
		entry_done(e);
	}
	e->incident = incident;
	for (size_t i = 0; i < RULE_FORMATS_MAX; i++)
		rule_text_init(&e->text[i]);
	return e;
}

const struct rules_entry *
rules_cache_get(struct rules_cache *c, const struct engine *e, uint64_t incident, int64_t now_ns)
{
	const struct incident *inc = engine_incident(e, incident);
	struct rules_entry *entry = inc != NULL ? find(c, incident) : NULL;

	if (entry == NULL)
		return NULL;
	if (entry->made_ns == 0 || inc->alerts_n >= entry->alerts_n + entry->alerts_n / 2 + 1 ||
	    now_ns >= entry->made_ns + AGE_S * NS_PER_S || (now_ns > entry->made_ns && inc->alerts_n != entry->alerts_n))
		generate(c, e, entry, inc, now_ns);
	return entry;
}
