/* Exporters, templates and the archive of a run. */
#include "damp_collect.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "collector/archive.h"
#include "collector/queue.h"
#include "collector/template.h"
#include "damp.h"

struct collected {
	const struct config *config;
	struct export_setup setup;
	struct exporter_override *override;
	struct prefix *known;
	struct export *export;
	struct source *source;      /* a live one; NULL: none */
	struct archive *archive;
	pthread_mutex_t archiving;  /* the tap runs on whichever thread reads */
	struct buf saved;           /* templates on their way to the file */
	time_t saved_s;
	bool save_told, failed;
};

/* --- the archive --------------------------------------------------------------------------------------- */

static void
archive_told(void *ctx, const char *text)
{
	struct collected *c = ctx;

	complain("%s", text);
	c->failed = true;
}

static bool
open_archive(struct collected *c)
{
	const struct config_archive *a = &c->config->archive;
	struct archive_setup s;
	char why[256];

	if (a->dir == NULL)
		return true;
	archive_setup_defaults(&s);
	s.dir = a->dir;
	s.interval_s = a->interval_s;
	s.nesting = a->nesting;
	s.level = (int)a->level;
	s.sync_s = a->sync_s;
	s.limits = (struct archive_limits){a->max_bytes, a->max_count, a->max_age_s};
	s.hook = a->hook;
	s.told = archive_told;
	s.ctx = c;
	c->archive = archive_open(&s, why, sizeof(why));
	if (c->archive == NULL)
		complain("%s", why);
	return c->archive != NULL;
}

/* Each block as it is read, whichever thread reads it. */
static void
tap(void *ctx, const struct block *b)
{
	struct collected *c = ctx;
	pthread_mutex_lock(&c->archiving);
	for (size_t i = 0; i < b->flows.n; i++) {
		const struct flow *f = &b->flows.flow[i];

		archive_time(c->archive, flow_time(f));
		archive_put(c->archive, f, b->flows.extra != NULL ? &b->flows.extra[i] : NULL);
	}
	archive_time(c->archive, b->now_ns);
	pthread_mutex_unlock(&c->archiving);
}

/* --- a run ----------------------------------------------------------------------------------------------- */

static void
each_export(struct collected *c, void (*visit)(void *ctx, struct export *x), void *ctx)
{
	visit(ctx, c->export);
	if (c->source != NULL)
		source_exports(c->source, visit, ctx);
}


/* --- templates -------------------------------------------------------------------------------------------- */

enum { TEMPLATES_MAX = 64 << 20, SAVE_S = 300 };

/* What an earlier run saved: data is decoded from the first datagram on, not from the first template. */
static void
load_templates(struct collected *c)
{
	const char *path = c->config->templates;
	char why[200];
	uint8_t *bytes;
	long size;
	FILE *f;

	if (path == NULL)
		return;
	f = fopen(path, "rb");
	if (f == NULL) {
		if (errno != ENOENT)
			complain("%s: %s; starting without saved templates", path, strerror(errno));
		return;
	}
	bytes = NULL;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && size <= TEMPLATES_MAX && fseek(f, 0, SEEK_SET) == 0)
		bytes = malloc((size_t)size + 1);
	if (bytes == NULL || fread(bytes, 1, (size_t)size, f) != (size_t)size)
		complain("%s: cannot be read; starting without saved templates", path);
	else if (templates_load(c->export, bytes, (size_t)size, why, sizeof(why)) < 0)
		complain("%s: %s; starting without saved templates", path, why);
	free(bytes);
	fclose(f);
}

static void
save_one(void *ctx, struct export *x)
{
	struct collected *c = ctx;

	/* receivers of their own learn again: their exporters may get to another one after a restart */
	if (x == c->export)
		templates_save(x, &c->saved);
}

/* Written beside and renamed: a reader never sees half of it. */
static bool
save_templates(struct collected *c)
{
	const char *path = c->config->templates;
	char beside[4096];
	bool ok;
	FILE *f;

	if (path == NULL || (size_t)snprintf(beside, sizeof(beside), "%s.tmp", path) >= sizeof(beside))
		return path == NULL;
	buf_init(&c->saved, TEMPLATES_MAX);
	each_export(c, save_one, c);
	f = fopen(beside, "wb");
	ok = f != NULL && fwrite(c->saved.p, 1, c->saved.len, f) == c->saved.len && fflush(f) == 0 && fsync(fileno(f)) == 0;
	ok = f != NULL && fclose(f) == 0 && ok && rename(beside, path) == 0;
	if (!ok && !c->save_told)
		complain("%s: templates cannot be saved: %s", path, strerror(errno));
	c->save_told = !ok;
	buf_done(&c->saved);
	return ok;
}

static bool
setup_exporters(struct collected *c, bool live)
{
	const struct config *k = c->config;

	c->override = calloc(k->exporters_n + 1, sizeof(*c->override));
	if (c->override == NULL)
		return false;
	for (size_t i = 0; i < k->exporters_n; i++)
		if (k->exporter[i].sampling > 0)
			c->override[c->setup.exporters.overrides_n++] =
			    (struct exporter_override){k->exporter[i].from.prefix, k->exporter[i].sampling};
	c->setup.exporters.override = c->override;
	if (k->known_exporters_only) {
		c->known = calloc(k->exporters_n + 1, sizeof(*c->known));
		if (c->known == NULL)
			return false;
		for (size_t i = 0; i < k->exporters_n; i++)
			c->known[c->setup.known_n++] = k->exporter[i].from.prefix;
		c->setup.known = c->known;
	}
	c->export = export_new(&c->setup);
	if (c->export != NULL && live)
		load_templates(c);
	return c->export != NULL;
}

struct collected *
collected_open(const struct config *config, bool live)
{
	struct collected *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		complain("out of memory");
		return NULL;
	}
	c->config = config;
	pthread_mutex_init(&c->archiving, NULL);
	if (!setup_exporters(c, live)) {
		complain("out of memory");
	} else if (!live || open_archive(c)) {
		return c;
	}
	collected_close(c);
	return NULL;
}

void
collected_close(struct collected *c)
{
	if (c == NULL)
		return;
	if (c->archive != NULL)
		archive_close(c->archive);
	if (c->source != NULL)
		source_close(c->source);
	export_free(c->export);
	pthread_mutex_destroy(&c->archiving);
	free(c->override);
	free(c->known);
	free(c);
}

struct export *
collected_export(struct collected *c)
{
	return c->export;
}

const struct export_setup *
collected_setup(const struct collected *c)
{
	return &c->setup;
}

bool
collected_archives(const struct collected *c)
{
	return c->archive != NULL;
}

void
collected_source(struct collected *c, struct source *s)
{
	c->source = s;
	if (c->archive != NULL)
		source_tap(s, tap, c);
}

void
collected_poll(struct collected *c)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (c->config->templates != NULL && c->source != NULL && now.tv_sec - c->saved_s >= SAVE_S) {
		c->saved_s = now.tv_sec;
		save_templates(c);
	}
	if (c->archive == NULL)
		return;
	/* intervals end without records, too */
	pthread_mutex_lock(&c->archiving);
	archive_time(c->archive, (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec);
	pthread_mutex_unlock(&c->archiving);
}

void
collected_rotate(struct collected *c)
{
	if (c->archive == NULL)
		return;
	pthread_mutex_lock(&c->archiving);
	archive_rotate(c->archive);
	pthread_mutex_unlock(&c->archiving);
}

bool
collected_finish(struct collected *c)
{
	if (!save_templates(c))
		c->failed = true;
	if (c->archive != NULL) {
		pthread_mutex_lock(&c->archiving);
		archive_rotate(c->archive);
		pthread_mutex_unlock(&c->archiving);
	}
	return !c->failed;
}

/* --- statistics ------------------------------------------------------------------------------------------ */

struct summing {
	struct collected *c;
	struct collected_sums *sums;
	struct json *json;
	bool first;
};

static void
sum_one(void *ctx, struct export *x)
{
	struct summing *s = ctx;
	struct exporters *e = export_exporters(x);

	/* a source that was given the run's own shows it again */
	if (x == s->c->export && !s->first)
		return;
	s->first = false;
	s->sums->unknown += export_unknown(x);
	s->sums->strangers += export_strangers(x);
	s->sums->count[EXPORTER_CORRUPT] += export_unknown(x);
	s->sums->exporters += exporters_n(e);
	s->sums->beyond += exporters_full(e);
	for (size_t i = 0; i < exporters_n(e); i++)
		for (int k = 0; k < EXPORTER_COUNTS; k++)
			s->sums->count[k] += exporters_at(e, i)->count[k];
}

void
collected_sums(struct collected *c, struct collected_sums *sums)
{
	struct summing s = {.c = c, .sums = sums, .first = true};

	memset(sums, 0, sizeof(*sums));
	each_export(c, sum_one, &s);
}

struct one_exporter {
	const struct collected *c;
	const struct addr *addr;
	uint64_t records, lost;
	bool first, found;
};

static void
find_exporter(void *ctx, struct export *x)
{
	struct one_exporter *o = ctx;
	struct exporters *e = export_exporters(x);

	if (x == o->c->export && !o->first)
		return;
	o->first = false;
	for (size_t i = 0; i < exporters_n(e); i++)
		if (addr_equal(&exporters_at(e, i)->key.addr, o->addr)) {
			o->found = true;
			o->records += exporters_at(e, i)->count[EXPORTER_RECORDS];
			o->lost += exporters_at(e, i)->count[EXPORTER_LOST];
		}
}

bool
collected_exporter(struct collected *c, const struct addr *a, uint64_t *records, uint64_t *lost)
{
	struct one_exporter o = {.c = c, .addr = a, .first = true};

	each_export(c, find_exporter, &o);
	*records = o.records;
	*lost = o.lost;
	return o.found;
}

static const char *
configured_name(const struct config *c, const struct addr *a)
{
	const char *name = NULL;
	unsigned int bits = 0;

	for (size_t i = 0; i < c->exporters_n; i++)
		if (c->exporter[i].name != NULL && c->exporter[i].from.prefix.bits >= bits &&
		    prefix_contains(&c->exporter[i].from.prefix, a)) {
			name = c->exporter[i].name;
			bits = c->exporter[i].from.prefix.bits;
		}
	return name;
}

/* Large answers within five minutes that the abuser's long window asks for: a dozen where names show repeats, as in
 * samples of packets; records show none, and there it asks for 20 of a host known as ours, else for 50. */
double
collected_slowest_qps(const struct config *c, bool records, uint32_t sampling)
{
	double answers = !records ? 12 : c->networks_n > 0 ? 20 : 50;

	return answers / 300 * (sampling > 1 ? sampling : 1);
}

enum { ROWS_SHOWN = 1000 };

static void
row_json(struct json *j, const struct config *c, const struct exporter *e)
{
	char text[ADDR_TEXT];
	const char *name = configured_name(c, &e->key.addr);
	static const struct addr none;

	json_open(j, NULL, '{');
	json_str(j, "address", addr_equal(&e->key.addr, &none) ? "" : addr_text(&e->key.addr, text));
	if (name != NULL)
		json_str(j, "name", name);
	json_uint(j, "domain", e->key.domain);
	json_str(j, "export", export_version_name(e->key.version));
	json_uint(j, "sampling", e->sampling > 0 ? e->sampling : 1);
	json_num(j, "slowest_visible_qps", collected_slowest_qps(c, e->key.version != EXPORT_SFLOW, e->sampling), 3);
	json_num(j, "clock_offset_s", (double)e->clock_offset_ns / 1e9, 3);
	json_num(j, "active_timeout_seen_s", (double)e->active_ns / 1e9, 1);
	for (int k = 0; k < EXPORTER_COUNTS; k++)
		if (e->count[k] > 0 || k <= EXPORTER_LOST)
			json_uint(j, exporter_count_name((enum exporter_count)k), e->count[k]);
	json_close(j, '}');
}

static void
rows_json(void *ctx, struct export *x)
{
	struct summing *s = ctx;
	struct exporters *e = export_exporters(x);

	if (x == s->c->export && !s->first)
		return;
	s->first = false;
	for (size_t i = 0; i < exporters_n(e) && i < ROWS_SHOWN; i++)
		row_json(s->json, s->c->config, exporters_at(e, i));
}

static void
archive_json(struct collected *c, struct json *j)
{
	struct archive_stats s;

	if (c->archive == NULL)
		return;
	archive_stats(c->archive, &s);
	json_open(j, "archive", '{');
	json_uint(j, "records", s.records);
	json_uint(j, "files", s.files);
	json_uint(j, "bytes", s.bytes);
	json_uint(j, "lost", s.lost);
	json_uint(j, "errors", s.errors);
	json_uint(j, "recovered", s.recovered);
	json_uint(j, "expired", s.expired);
	json_uint(j, "held_files", s.held_files);
	json_uint(j, "held_bytes", s.held_bytes);
	json_uint(j, "hooks", s.hooks);
	json_uint(j, "hooks_failed", s.hooks_failed);
	json_uint(j, "hooks_skipped", s.hooks_skipped);
	json_close(j, '}');
}

static void
listen_json(const struct collected *c, struct json *j)
{
	struct source_listen_counts n;

	if (c->source == NULL || !source_listen_counts(c->source, &n))
		return;
	json_open(j, "listen", '{');
	json_uint(j, "datagrams", n.datagrams);
	json_uint(j, "bytes", n.bytes);
	json_uint(j, "connections", n.connections);
	json_uint(j, "refused", n.refused);
	json_uint(j, "evicted", n.evicted);
	json_uint(j, "no_ipfix", n.lied);
	json_close(j, '}');
}

static void
queue_json(const struct collected *c, struct json *j)
{
	struct queue_stats n;

	if (c->source == NULL || !source_queue_stats(c->source, &n))
		return;
	json_open(j, "queue", '{');
	json_uint(j, "entries", n.entries);
	json_uint(j, "records", n.records);
	json_uint(j, "malformed", n.malformed);
	json_uint(j, "skipped", n.skipped);
	json_uint(j, "put_back", n.put_back);
	json_uint(j, "reconnects", n.reconnects);
	json_uint(j, "backlog", n.backlog);
	json_close(j, '}');
}

void
collected_json(struct collected *c, struct json *j)
{
	struct collected_sums sums;
	struct summing s = {.c = c, .json = j, .first = true};

	collected_sums(c, &sums);
	if (sums.exporters > 0 || sums.strangers > 0) {
		json_open(j, "exporters", '[');
		each_export(c, rows_json, &s);
		json_close(j, ']');
		json_open(j, "exporter_sums", '{');
		json_uint(j, "exporters", sums.exporters);
		json_uint(j, "unknown_datagrams", sums.unknown);
		json_uint(j, "stranger_datagrams", sums.strangers);
		json_uint(j, "beyond_table", sums.beyond);
		for (int k = 0; k < EXPORTER_COUNTS; k++)
			json_uint(j, exporter_count_name((enum exporter_count)k), sums.count[k]);
		json_close(j, '}');
	}
	listen_json(c, j);
	queue_json(c, j);
	archive_json(c, j);
}
