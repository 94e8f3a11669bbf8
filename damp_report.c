/* Gathers what the reports show: views of the engine, rules, databases, the state of the run. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "base/timefmt.h"
#include "damp_collect.h"
#include "damp_output.h"
#include "damp_suffix.h"
#include "reports/page.h"

enum { NAMES_SHOWN = 20, TALKERS = 15, INCIDENTS = 1024, PAGE_MAX = 64 << 20 };

/* Everything a report borrows, in one place. */
struct gathered {
	struct report_input in;
	struct report_incident incident[INCIDENTS];
	struct report_rule rule[INCIDENTS][RULE_FORMATS_MAX];
	const struct incident *list[INCIDENTS];
	struct series series[LINKS_MAX];
	const struct series *series_list[LINKS_MAX];
	struct talker talker[TALKER_ORDERS][TALKERS];
	struct report_count rejected[REJECT_KINDS + 8];
	struct report_damage *damage;
	struct addr resolver[TALKERS + 64];
	char database[16][160], suffixes[160];
	const char *database_list[16];
	struct drawn_name name[NAMES_SHOWN];
	char slowest[96];
	char undo[INCIDENTS][96];
};

static bool
geo(void *ctx, const struct addr *a, struct report_geo *out)
{
	struct line_geo g;

	memset(&g, 0, sizeof(g));
	geoip_lookup(ctx, a, &g);
	memset(out, 0, sizeof(*out));
	if (g.has_country)
		memcpy(out->country, g.country, sizeof(out->country));
	if (g.has_as) {
		out->asn = g.as_number;
		snprintf(out->org, sizeof(out->org), "%.79s", g.as_org);
	}
	return g.has_country || g.has_as;
}

static double
share(uint64_t part, uint64_t all)
{
	return all > 0 ? (double)part / (double)all : 0;
}

static void
gather_rules(struct gathered *g, const struct report_facts *f, size_t i)
{
	const struct rules_entry *r = rules_cache_get(f->rules, f->engine, g->list[i]->id, g->in.last_ns);
	char id[ALERT_ID_TEXT];

	snprintf(g->undo[i], sizeof(g->undo[i]), "sh %s.iptables.sh undo", alert_id_text(g->list[i]->id, id));
	for (size_t k = 0; r != NULL && rule_formats[k] != NULL && k < RULE_FORMATS_MAX; k++) {
		const struct rule_text *t = &r->text[k];

		g->rule[i][g->incident[i].rules_n++] = (struct report_rule){.format = rule_formats[k]->name,
			.title = rule_formats[k]->title, .text = r->usable[k] ? strdup(buf_text(&t->text)) : NULL,
			.why = r->usable[k] ? NULL : strdup(t->why), .file = r->file[k][0] != '\0' ? strdup(r->file[k]) : NULL,
			.load = rule_formats[k]->load, .undo = g->undo[i], .ttl_s = t->ttl_s, .known = t->effect.known,
			.attack_dropped = share(t->effect.attack_dropped, t->effect.attack),
			.legitimate_dropped = share(t->effect.legitimate_dropped, t->effect.legitimate),
			.attack = t->effect.attack, .legitimate = t->effect.legitimate, .sources_hit = t->effect.sources_hit};
	}
	g->incident[i].rule = g->rule[i];
}

static void
gather_rejected(struct gathered *g, const struct report_facts *f)
{
	const struct pipeline_totals *t = pipeline_totals(f->pipeline);

	for (int i = 0; i < REJECT_KINDS; i++)
		if (t->decode.rejected[i] > 0)
			g->rejected[g->in.rejected_n++] =
			    (struct report_count){decode_reject_name((enum decode_reject)i), t->decode.rejected[i]};
	static const struct { enum exporter_count count; const char *name; } exports[] = {
		{EXPORTER_NO_TEMPLATE, "sets without a template"}, {EXPORTER_CORRUPT, "damaged datagrams"},
		{EXPORTER_IGNORED, "records without addresses or counts"}, {EXPORTER_DROPPED, "dropped by the exporters"},
		{EXPORTER_NO_ROOM, "records without room"}};
	struct collected_sums sums;

	collected_sums(f->collected, &sums);
	for (size_t i = 0; i < sizeof(exports) / sizeof(exports[0]); i++)
		if (sums.count[exports[i].count] > 0)
			g->rejected[g->in.rejected_n++] = (struct report_count){exports[i].name, sums.count[exports[i].count]};
	if (sums.strangers > 0)
		g->rejected[g->in.rejected_n++] = (struct report_count){"datagrams of unknown exporters", sums.strangers};
	if (t->kernel_drops > 0)
		g->rejected[g->in.rejected_n++] = (struct report_count){"kernel-drops", t->kernel_drops};
	g->in.rejected = g->rejected;
}

static void
gather_databases(struct gathered *g, const struct report_facts *f)
{
	for (size_t i = 0; i < geoip_count(f->geoip) && i < 16; i++) {
		struct geoip_info info = geoip_describe(f->geoip, i);
		const char *base = strrchr(info.path, '/');
		char date[TIME_TEXT];

		snprintf(g->database[i], sizeof(g->database[i]), "%.60s, %.40s, built %s", base != NULL ? base + 1 : info.path,
		    info.type, time_date(info.built_s * NS_PER_S, date));
		g->database_list[i] = g->database[i];
		g->in.databases_n++;
	}
	g->in.database = g->database_list;
	if (g->in.databases_n > 0) {
		g->in.geo = geo;
		g->in.geo_ctx = (void *)(uintptr_t)f->geoip;
	}
}

static void
gather_suffixes(struct gathered *g, const struct report_facts *f)
{
	if (f->suffixes->file == NULL)
		return;
	snprintf(g->suffixes, sizeof(g->suffixes), "%.80s, %.40s, %u rules", f->suffixes->file, f->suffixes->facts.version,
	    f->suffixes->facts.registry + f->suffixes->facts.customers);
	g->in.suffixes = g->suffixes;
}

static void
gather_resolvers(struct gathered *g, const struct report_facts *f)
{
	for (size_t i = 0; i < f->config->resolvers_n && g->in.resolvers_n < 64; i++)
		g->resolver[g->in.resolvers_n++] = f->config->resolver[i];
	for (size_t i = 0; i < g->in.talkers[TALK_PACKETS].n && f->config->resolvers_n == 0; i++)
		if (g->talker[TALK_PACKETS][i].is_resolver)
			g->resolver[g->in.resolvers_n++] = g->talker[TALK_PACKETS][i].addr;
	g->in.resolver = g->resolver;
}

static void
gather_traffic(struct gathered *g, const struct report_facts *f)
{
	struct collected_sums sums;
	struct engine_stats s;
	double slowest;

	engine_stats(f->engine, &s);
	g->in.first_ns = s.first_ns;
	g->in.last_ns = s.last_ns;
	g->in.packets = pipeline_totals(f->pipeline)->decode.packets;
	g->in.bytes = pipeline_totals(f->pipeline)->decode.bytes;
	g->in.flows = s.flows;
	g->in.dns_queries = s.dns_queries;
	g->in.dns_responses = s.dns_responses;
	g->in.fragments = s.fragments;
	g->in.hosts = s.hosts;
	g->in.evicted = s.evicted;
	g->in.late = s.late;
	g->in.copies = s.copies;
	g->in.sampling = s.sampling;
	g->in.records = pipeline_totals(f->pipeline)->records;
	collected_sums(f->collected, &sums);
	g->in.lost_flows = sums.count[EXPORTER_LOST];
	g->in.exporters = sums.exporters;
	slowest = collected_slowest_qps(f->config, g->in.records > 0, s.sampling);
	if (slowest < 1)
		snprintf(g->slowest, sizeof(g->slowest), "1 query in %.3g s per host", 1 / slowest);
	else
		snprintf(g->slowest, sizeof(g->slowest), "%.3g queries a second per host", slowest);
	g->in.slowest = g->slowest;
	g->in.series_n = engine_series(f->engine, g->series, LINKS_MAX);
	for (size_t i = 0; i < g->in.series_n; i++)
		g->series_list[i] = &g->series[i];
	g->in.series = g->series_list;
	for (int o = 0; o < TALKER_ORDERS; o++)
		g->in.talkers[o] = (struct report_talkers){g->talker[o],
			engine_talkers(f->engine, (enum talker_order)o, g->talker[o], TALKERS)};
}

static struct gathered *
gather(const struct report_facts *f)
{
	struct gathered *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->in.sensor = f->config->sensor != NULL ? f->config->sensor : "damp";
	g->in.version = DAMP_VERSION;
	g->in.source = (const char *const *)f->inputs;
	g->in.sources_n = (size_t)f->inputs_n;
	gather_traffic(g, f);
	gather_rejected(g, f);
	gather_databases(g, f);
	gather_suffixes(g, f);
	gather_resolvers(g, f);
	size_t names = engine_names(f->engine, g->name, NAMES_SHOWN);

	while (g->in.names_n < names && g->name[g->in.names_n].misused)
		g->in.names_n++;
	g->in.name = g->name;
	g->in.network = f->config->network;
	g->in.networks_n = f->config->networks_n;
	g->in.incidents_n = engine_incidents(f->engine, g->list, INCIDENTS);
	for (size_t i = 0; i < g->in.incidents_n; i++) {
		g->incident[i].incident = g->list[i];
		gather_rules(g, f, i);
	}
	g->in.incident = g->incident;
	g->damage = calloc(f->damage_n + 1, sizeof(*g->damage));
	for (size_t i = 0; g->damage != NULL && i < f->damage_n; i++)
		g->damage[g->in.damage_n++] = (struct report_damage){f->damage[i].file, f->damage[i].where, f->damage[i].reason};
	g->in.damage = g->damage;
	g->in.alerts_file = f->config->alerts != NULL && strcmp(f->config->alerts, "-") == 0 ? "standard output" : f->config->alerts;
	g->in.rules_dir = f->config->rules_dir;
	g->in.html_file = f->config->html;
	g->in.kid = f->kid;
	g->in.key_ephemeral = f->key_ephemeral;
	g->in.alerts = f->seq;
	g->in.seq_first = f->seq > 0 ? 1 : 0;
	g->in.seq_last = f->seq;
	g->in.chain_digest = f->digest;
	return g;
}

static void
gathered_free(struct gathered *g)
{
	for (size_t i = 0; i < g->in.incidents_n; i++)
		for (size_t k = 0; k < g->incident[i].rules_n; k++) {
			free((void *)(uintptr_t)g->rule[i][k].text);
			free((void *)(uintptr_t)g->rule[i][k].why);
			free((void *)(uintptr_t)g->rule[i][k].file);
		}
	free(g->damage);
	free(g);
}

static int
write_whole(const char *path, const struct buf *b)
{
	FILE *f;
	bool ok;

	if (strcmp(path, "-") == 0)
		return fwrite(b->p, 1, b->len, stdout) == b->len && fflush(stdout) == 0 ? 0 : EXIT_FAILED;
	f = fopen(path, "w");
	ok = f != NULL && fwrite(buf_text(b), 1, b->len, f) == b->len;
	ok = f != NULL && fclose(f) == 0 && ok;
	if (!ok)
		complain("%s: %s", path, strerror(errno));
	return ok ? 0 : EXIT_FAILED;
}

struct summary_options
summary_options(const struct report_facts *f, FILE *to)
{
	struct summary_options o = {.color = wants_color(f->config, fileno(to)), .width = (int)f->config->width};
	const char *lang = getenv("LC_ALL");
	struct winsize size;

	if (lang == NULL || lang[0] == '\0')
		lang = getenv("LC_CTYPE");
	if (lang == NULL || lang[0] == '\0')
		lang = getenv("LANG");
	o.utf8 = lang != NULL && (strstr(lang, "UTF-8") != NULL || strstr(lang, "utf8") != NULL);
	if (o.width == 0 && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		o.width = size.ws_col < 40 ? 40 : size.ws_col < 120 ? size.ws_col : 120;
	return o;
}

int
report_write(const struct report_facts *f, bool summary_to_stderr)
{
	struct gathered *g;
	FILE *to = summary_to_stderr ? stderr : stdout;
	struct summary_options options = summary_options(f, to);
	struct buf page, text;
	int status;

	if (f->config->quiet && f->config->html == NULL && f->config->rules_dir == NULL)
		return 0; /* nobody looks */
	g = gather(f);
	status = f->rules->write_failed ? EXIT_FAILED : 0;
	if (g == NULL) {
		complain("out of memory: no report");
		return EXIT_FAILED;
	}
	if (f->config->html != NULL) {
		buf_init(&page, PAGE_MAX);
		if (page_html(&page, &g->in) < 0) {
			complain("%s: the page would be too large", f->config->html);
			status = EXIT_FAILED;
		} else if (write_whole(f->config->html, &page) != 0) {
			status = EXIT_FAILED;
			g->in.html_file = NULL;
		}
		buf_done(&page);
	}
	/* that nothing could be read was told already */
	if (!f->config->quiet && (g->in.first_ns != 0 || g->in.damage_n == 0)) {
		buf_init(&text, PAGE_MAX);
		summary_text(&text, &g->in, &options);
		if (fwrite(buf_text(&text), 1, text.len, to) != text.len || fflush(to) != 0) {
			if (!reader_gone(fileno(to)))
				complain("standard output: %s", strerror(errno));
			status = EXIT_FAILED;
		}
		buf_done(&text);
	}
	gathered_free(g);
	return status;
}

/* Names that draw amplified answers because somebody misuses them. */
/* The kinds that are not looked for. */
static void
off_json(const struct engine *e, struct json *j)
{
	enum alert_kind off[ALERT_KINDS];
	size_t n = engine_off(e, off);

	json_open(j, "turned_off", '[');
	for (size_t i = 0; i < n; i++)
		json_str(j, NULL, alert_kind_text(off[i]));
	json_close(j, ']');
}

static void
names_json(const struct engine *e, const struct engine_stats *s, struct json *j)
{
	struct drawn_name *d = calloc(NAMES_SHOWN, sizeof(*d));
	size_t n = d != NULL ? engine_names(e, d, NAMES_SHOWN) : 0;
	char name[DNS_NAME_TEXT], type[12];

	json_uint(j, "names", s->names);
	json_uint(j, "names_evicted", s->names_evicted);
	json_uint(j, "names_unnamed", s->names_unnamed);
	json_open(j, "misused_names", '[');
	for (size_t i = 0; i < n && d[i].misused; i++) {
		json_open(j, NULL, '{');
		json_str(j, "name", dns_name_text(d[i].wire, d[i].len, name));
		json_str(j, "type", dns_type_text(d[i].qtype, type));
		json_num(j, "clients", d[i].clients, 0);
		json_uint(j, "answers", d[i].answers);
		json_uint(j, "bytes", d[i].bytes);
		if (d[i].baf > 0)
			json_num(j, "baf", d[i].baf, 2);
		json_num(j, "first", (double)d[i].first_s, 0);
		json_num(j, "last", (double)d[i].last_s, 0);
		json_close(j, '}');
	}
	json_close(j, ']');
	free(d);
}

/* Zones begin where the list says: the same traffic under another one may be judged differently. */
static void
suffixes_json(const struct suffix_list *l, struct json *j)
{
	json_open(j, "public_suffixes", '{');
	json_str(j, "file", l->file != NULL ? l->file : "");
	json_str(j, "version", l->facts.version);
	json_uint(j, "rules", (uint64_t)l->facts.registry + l->facts.customers);
	json_uint(j, "refused", l->facts.refused);
	json_close(j, '}');
}

int
report_stats(const struct report_facts *f, const char *path)
{
	const struct pipeline_totals *t = pipeline_totals(f->pipeline);
	struct engine_stats s;
	struct rusage usage;
	struct buf b;
	struct json j;
	int status;

	engine_stats(f->engine, &s);
	getrusage(RUSAGE_SELF, &usage);
	buf_init(&b, 1 << 20);
	j = json_to(&b);
	json_open(&j, NULL, '{');
	json_uint(&j, "packets", t->decode.packets);
	json_uint(&j, "bytes", t->decode.bytes);
	json_uint(&j, "flows", s.flows);
	json_num(&j, "first", (double)s.first_ns / 1e9, 6);
	json_num(&j, "last", (double)s.last_ns / 1e9, 6);
	json_num(&j, "elapsed_s", f->elapsed_s, 6);
	json_uint(&j, "dns_queries", s.dns_queries);
	json_uint(&j, "dns_responses", s.dns_responses);
	json_uint(&j, "fragments", s.fragments);
	json_uint(&j, "hosts", s.hosts);
	json_uint(&j, "evicted", s.evicted);
	json_uint(&j, "unadmitted_packets", s.unadmitted_packets);
	json_uint(&j, "late", s.late);
	json_uint(&j, "clock_jumps", s.jumps);
	json_uint(&j, "copies", s.copies);
	json_open(&j, "rejected", '{');
	for (int i = 0; i < REJECT_KINDS; i++)
		json_uint(&j, decode_reject_name((enum decode_reject)i), t->decode.rejected[i]);
	json_close(&j, '}');
	json_uint(&j, "damaged", t->damaged);
	json_uint(&j, "kernel_drops", t->kernel_drops);
	json_uint(&j, "alerts", s.alerts);
	json_uint(&j, "alerts_dropped", s.alerts_dropped);
	json_uint(&j, "alerts_withheld", s.alerts_withheld);
	off_json(f->engine, &j);
	json_uint(&j, "ledger", s.ledger);
	json_uint(&j, "ledger_evicted", s.ledger_evicted);
	json_uint(&j, "baselines", s.baselines);
	json_uint(&j, "baselines_evicted", s.baselines_evicted);
	json_uint(&j, "watches", s.watches);
	json_uint(&j, "watches_evicted", s.watches_evicted);
	json_uint(&j, "sampling", s.sampling);
	json_num(&j, "slowest_visible_qps", collected_slowest_qps(f->config, t->records > 0, s.sampling), 3);
	json_uint(&j, "records", t->records);
	names_json(f->engine, &s, &j);
	collected_json(f->collected, &j);
	suffixes_json(f->suffixes, &j);
	json_uint(&j, "hosts_most", s.hosts_most);
	json_uint(&j, "pairs", s.pairs);
	json_uint(&j, "pairs_most", s.pairs_most);
	json_uint(&j, "evicted_pairs", s.evicted_pairs);
	json_uint(&j, "watches_most", s.watches_most);
	json_uint(&j, "table_bytes", s.table_bytes);
	json_uint(&j, "memory_most", s.memory_most);
	json_uint(&j, "peak_rss_bytes", (uint64_t)usage.ru_maxrss * 1024);
	json_close(&j, '}');
	buf_char(&b, '\n');
	status = write_whole(path, &b);
	buf_done(&b);
	return status;
}

bool
report_geo(const struct report_facts *f, const struct addr *a, struct report_geo *out)
{
	memset(out, 0, sizeof(*out));
	return geoip_count(f->geoip) > 0 && geo((void *)(uintptr_t)f->geoip, a, out);
}
