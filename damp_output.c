/* Where alerts go: each becomes one signed line for the alert file and the feeds, with the places
 * of its addresses and the rules that would help. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "damp.h"
#include "damp_output.h"
#include "feeds/feed.h"
#include "feeds/file.h"
#include "feeds/line.h"

enum {
	DAMAGE_KEPT = 64,
	FLUSH_MS = 5000,
};

struct output {
	struct collected *collected;
	const struct config *config;
	struct engine *engine;
	struct geoip *geoip;
	const struct suffix_list *suffixes;
	struct signer *signer;
	struct chain chain;
	struct file_feed *file;
	struct feed **feed;
	size_t feeds_n;
	bool live, ephemeral, failed, file_told;
	struct buf line;
	struct rules_cache rules;
	struct damage damage[DAMAGE_KEPT];
	size_t damage_n;
	uint64_t damage_all;
	int inputs_n;
	char **inputs;
};

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* --- opening ---------------------------------------------------------------------------------------- */

static void
open_databases(struct output *o)
{
	char why[256], text[300];

	for (size_t i = 0; i < o->config->geoip.n; i++) {
		if (geoip_add(o->geoip, o->config->geoip.text[i], why, sizeof(why)) == 0)
			continue;
		snprintf(text, sizeof(text), "%s; going on without it", why);
		complain_of(o->config->geoip.text[i], text);
	}
}

static bool
open_signer(struct output *o)
{
	char why[256];

	if (sign_init() < 0) {
		complain("libsodium does not start");
		return false;
	}
	if (o->config->key != NULL) {
		o->signer = signer_read(o->config->key, why, sizeof(why));
		if (o->signer == NULL)
			complain_of(o->config->key, why);
	} else {
		o->signer = signer_ephemeral(why, sizeof(why));
		o->ephemeral = true;
		if (o->signer == NULL)
			complain("no key: %s", why);
	}
	if (o->signer != NULL && o->config->verbose && !signer_locked(o->signer))
		complain("the signing key could not be locked in memory (see ulimit -l)");
	return o->signer != NULL;
}

static bool
open_feeds(struct output *o, bool append)
{
	struct file_options options = {.append = append, .sync = o->live ? FILE_SYNC_LINE : FILE_SYNC_CLOSE};
	struct feed_setup setup = {.sensor = o->config->sensor};
	char why[256];

	chain_init(&o->chain);
	if (o->config->alerts != NULL) {
		o->file = file_feed_open(o->config->alerts, &options, &o->chain, why, sizeof(why));
		if (o->file == NULL) {
			complain_of(o->config->alerts, why);
			return false;
		}
		if (why[0] != '\0')
			complain_of(o->config->alerts, why);
	}
	o->feed = calloc(o->config->syslog.n + 1, sizeof(*o->feed));
	if (o->feed == NULL)
		return false;
	for (size_t i = 0; i < o->config->syslog.n; i++) {
		o->feed[i] = feed_open(o->config->syslog.text[i], &setup, why, sizeof(why));
		if (o->feed[i] == NULL) {
			complain_of(o->config->syslog.text[i], why);
			return false;
		}
		o->feeds_n++;
	}
	return true;
}

/* False with errno. */
static bool
make_folder(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0)
		return true;
	if (errno != EEXIST || stat(path, &st) < 0)
		return false;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) && access(path, W_OK | X_OK) == 0;
}

struct output *
output_open(const struct output_setup *s)
{
	struct output *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->geoip = geoip_new()) == NULL) {
		free(o);
		complain("out of memory");
		return NULL;
	}
	o->config = s->config;
	o->suffixes = s->suffixes;
	o->live = s->live;
	o->inputs_n = s->argc;
	o->inputs = s->argv;
	buf_init(&o->line, LINE_MAX_BYTES);
	rules_cache_init(&o->rules, s->config);
	open_databases(o);
	if (o->config->rules_dir != NULL && !make_folder(o->config->rules_dir)) {
		complain("%s: %s", o->config->rules_dir, strerror(errno));
		output_free(o);
		return NULL;
	}
	if (!open_signer(o) || !open_feeds(o, s->append)) {
		output_free(o);
		return NULL;
	}
	if (o->ephemeral && (o->config->alerts != NULL || o->config->syslog.n > 0))
		complain("no --key: signing with a key made for this run (kid %s); `damp keygen -o PREFIX` makes one to keep",
		    signer_pub(o->signer)->kid);
	return o;
}

void
output_free(struct output *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < o->feeds_n; i++)
		feed_free(o->feed[i]);
	free(o->feed);
	if (o->file != NULL)
		file_feed_close(o->file, NULL, 0);
	signer_free(o->signer);
	geoip_free(o->geoip);
	buf_done(&o->line);
	rules_cache_done(&o->rules);
	free(o);
}

void
output_engine(struct output *o, struct engine *e)
{
	o->engine = e;
}

void
output_collected(struct output *o, struct collected *c)
{
	o->collected = c;
}

const struct geoip *
output_geoip(const struct output *o)
{
	return o->geoip;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static size_t
suggest(struct output *o, const struct alert *a, struct line_suggestion out[RULE_FORMATS_MAX])
{
	const struct rules_entry *r = rules_cache_get(&o->rules, o->engine, a->incident, a->t_ns);
	bool v6 = !addr_is_v4(&a->subject.prefix.addr);
	size_t n = 0;

	for (size_t i = 0; r != NULL && rule_formats[i] != NULL && i < RULE_FORMATS_MAX; i++) {
		const struct rule_text *t = &r->text[i];
		bool twin = strcmp(rule_formats[i]->name, "ip6tables") == 0;

		/* a line carries what its own reader can load: the family of its subject */
		if (!r->usable[i] || twin != v6 || strcmp(rule_formats[i]->name, "iptables-commands") == 0)
			continue;
		out[n++] = (struct line_suggestion){.format = rule_formats[i]->name, .text = buf_text(&t->text),
			.ttl_s = t->ttl_s, .known = t->effect.known,
			.attack_dropped = t->effect.attack > 0 ? (double)t->effect.attack_dropped / (double)t->effect.attack : 0,
			.legitimate_dropped = t->effect.legitimate > 0 ?
			    (double)t->effect.legitimate_dropped / (double)t->effect.legitimate : 0};
	}
	return n;
}

static void
file_trouble(struct output *o)
{
	o->failed = true;
	if (!o->file_told)
		complain("%s; going on, the lines are kept in memory", file_feed_error(o->file));
	o->file_told = true;
}

static void
on_alert(void *ctx, const struct alert *a)
{
	struct output *o = ctx;
	struct line_suggestion suggestion[RULE_FORMATS_MAX];
	struct line_extra extra = {.sensor = o->config->sensor, .suggestions = suggestion};

	if (o->config->alerts == NULL && o->feeds_n == 0 && !o->live) {
		/* nobody reads lines; the incident's rules are made for the report at the end */
		return;
	}
	extra.suggestions_n = suggest(o, a, suggestion);
	if (a->has_source)
		geoip_lookup(o->geoip, &a->source, &extra.source_geo);
	if (a->has_destination)
		geoip_lookup(o->geoip, &a->destination, &extra.destination_geo);
	buf_reset(&o->line);
	if (line_render(&o->line, a, &extra) < 0 || sign_line(o->signer, &o->chain, &o->line) < 0) {
		complain("an alert line was too long and is lost");
		o->failed = true;
		return;
	}
	if (o->file != NULL && file_feed_write(o->file, o->line.p, o->line.len) < 0)
		file_trouble(o);
	for (size_t i = 0; i < o->feeds_n; i++)
		feed_send(o->feed[i], a, o->line.p, o->line.len, clock_ns());
	if (o->live && !o->config->quiet && (o->config->alerts == NULL || strcmp(o->config->alerts, "-") != 0)) {
		char clock[TIME_TEXT];

		printf("%s %s severity %d: %s\n", time_rfc3339(a->t_ns, clock), alert_action_text(a->action), a->severity,
		    a->message);
		fflush(stdout);
	}
}

struct engine_sink
output_sink(struct output *o)
{
	return (struct engine_sink){on_alert, o};
}

void
output_poll(struct output *o)
{
	for (size_t i = 0; i < o->feeds_n; i++)
		feed_poll(o->feed[i], clock_ns());
}

void
output_reopen(struct output *o)
{
	struct file_options options = {.append = true, .sync = FILE_SYNC_LINE};
	struct chain chain;
	char why[256];

	if (o->config->alerts == NULL)
		return;
	if (o->file != NULL && file_feed_close(o->file, why, sizeof(why)) < 0) {
		complain("%s", why);
		o->failed = true;
	}
	o->file_told = false;
	o->file = file_feed_open(o->config->alerts, &options, &chain, why, sizeof(why));
	if (why[0] != '\0')
		complain_of(o->config->alerts, why);
	if (o->file == NULL) {
		complain("no alert file until the next SIGHUP");
		o->failed = true;
	} else if (chain.seq > 0) {
		o->chain = chain; /* the very same file, or one with a stream of its own */
	}
}

/* --- damage ------------------------------------------------------------------------------------------ */

void
output_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct output *o = ctx;
	struct damage *d;

	o->failed = true;
	if (++o->damage_all <= 8)
		complain("%s: packet %llu, offset %llu: %s", input, (unsigned long long)packet, (unsigned long long)offset,
		    reason);
	else if (o->damage_all == 9)
		complain("%s: more damage follows and is only counted", input);
	if (o->damage_n >= DAMAGE_KEPT)
		return;
	d = &o->damage[o->damage_n++];
	snprintf(d->file, sizeof(d->file), "%s", input);
	snprintf(d->where, sizeof(d->where), "packet %llu, offset %llu", (unsigned long long)packet,
	    (unsigned long long)offset);
	snprintf(d->reason, sizeof(d->reason), "%s", reason);
}

void
output_unreadable(struct output *o, const char *input, const char *why)
{
	const char *name = strcmp(input, "-") == 0 ? "standard input" : input;
	size_t n = strlen(name);
	struct damage *d;

	o->failed = true;
	complain_of(name, why);
	if (o->damage_n >= DAMAGE_KEPT)
		return;
	d = &o->damage[o->damage_n++];
	snprintf(d->file, sizeof(d->file), "%s", name);
	snprintf(d->where, sizeof(d->where), "nothing read");
	snprintf(d->reason, sizeof(d->reason), "%s", strncmp(why, name, n) == 0 && why[n] == ':' ? why + n + 2 : why);
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void
finish_feeds(struct output *o)
{
	char why[256];

	for (size_t i = 0; i < o->feeds_n; i++) {
		struct feed_counts c;

		if (feed_flush(o->feed[i], clock_ns, FLUSH_MS) < 0) {
			c = feed_counts(o->feed[i]);
			complain("%s: %llu lines could not be sent: %s", feed_url(o->feed[i]),
			    (unsigned long long)(c.spooled + c.dropped), feed_error(o->feed[i]));
			o->failed = true;
			continue;
		}
		c = feed_counts(o->feed[i]);
		if (c.dropped + c.too_long > 0) {
			complain("%s: %llu lines were dropped, %llu too long to send", feed_url(o->feed[i]),
			    (unsigned long long)c.dropped, (unsigned long long)c.too_long);
			o->failed = true;
		}
	}
	if (o->file != NULL) {
		struct file_feed *f = o->file;

		o->file = NULL;
		if (file_feed_close(f, why, sizeof(why)) < 0) {
			complain("%s", why);
			o->failed = true;
		}
	}
}

static bool
is_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

/* The summary makes way for anything else that was sent to standard output. */
int
output_finish(struct output *o, const struct pipeline *p, double elapsed_s)
{
	struct report_facts facts = {.config = o->config, .engine = o->engine, .pipeline = p, .collected = o->collected, .geoip = o->geoip,
		.suffixes = o->suffixes, .inputs_n = o->inputs_n, .inputs = o->inputs, .elapsed_s = elapsed_s, .damage = o->damage,
		.damage_n = o->damage_n, .rules = &o->rules};
	const struct config *c = o->config;
	bool taken = is_stdout(c->alerts) || is_stdout(c->html) || is_stdout(c->stats);

	finish_feeds(o);
	facts.lines = o->chain.seq > 0;
	facts.kid = facts.lines ? signer_pub(o->signer)->kid : NULL;
	facts.key_ephemeral = o->ephemeral;
	facts.seq = o->chain.seq;
	facts.digest = o->chain.prev;
	if (report_write(&facts, taken) != 0)
		o->failed = true;
	if (o->config->stats != NULL && report_stats(&facts, o->config->stats) != 0)
		o->failed = true;
	return o->failed ? EXIT_FAILED : EXIT_OK;
}

void
output_facts(const struct output *o, const struct pipeline *p, struct report_facts *f)
{
	*f = (struct report_facts){.config = o->config, .engine = o->engine, .pipeline = p, .collected = o->collected, .geoip = o->geoip,
		.suffixes = o->suffixes, .inputs_n = o->inputs_n, .inputs = o->inputs, .damage = o->damage, .damage_n = o->damage_n};
}

bool
output_failed(const struct output *o)
{
	return o->failed;
}
