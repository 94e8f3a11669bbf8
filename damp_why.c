/* damp why: what an alert is about, in words; then the files through the pipeline, and what was thought of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/units.h"
#include "damp.h"
#include "damp_commands.h"
#include "damp_config.h"
#include "damp_output.h"
#include "damp_session.h"
#include "reports/why.h"

enum { SUBJECT_TEXT = DNS_NAME_TEXT + ADDR_TEXT };

struct ask {
	struct why_subject subject;
	char text[SUBJECT_TEXT]; /* as it is shown */
	char about[160];         /* "": nothing to say */
	struct prefix *member;   /* of a group */
	uint64_t id;             /* of an incident or alert, whose subject is to be found first; 0: none */
	bool json;
};

/* --- words for a subject ---------------------------------------------------------------------------------- */

/* A link or group by its name; false: told, with the nearest one, unless `quietly`. */
static bool
find_link(const struct config *c, const char *name, struct ask *a, bool quietly)
{
	struct nearest near;
	char rate[UNITS_TEXT];

	nearest_init(&near, name);
	for (size_t i = 0; i < c->links_n; i++) {
		nearest_try(&near, c->link[i].name);
		if (strcmp(c->link[i].name, name) != 0)
			continue;
		a->subject = (struct why_subject){.type = WHY_LINK, .link = (uint16_t)(i + 1)};
		snprintf(a->text, sizeof(a->text), "link:%s", name);
		if (c->link[i].down_bps > 0)
			snprintf(a->about, sizeof(a->about), "a link of %s", units_text((double)c->link[i].down_bps, "bit/s", rate));
		return true;
	}
	if (!quietly && c->links_n == 0)
		complain("link '%s': no links are configured; -c FILE names them", name);
	else if (!quietly)
		complain("there is no link '%s'%s%s%s", name, nearest_found(&near) != NULL ? "; did you mean '" : "",
		    nearest_found(&near) != NULL ? nearest_found(&near) : "", nearest_found(&near) != NULL ? "'?" : "");
	return false;
}

static bool
find_group(const struct config *c, const char *name, struct ask *a, bool quietly)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < c->groups_n; i++) {
		const struct config_group *g = &c->group[i];

		nearest_try(&near, g->name);
		if (strcmp(g->name, name) != 0)
			continue;
		a->member = calloc(g->members_n + 1, sizeof(*a->member));
		if (a->member == NULL) {
			complain("out of memory");
			return false;
		}
		for (size_t m = 0; m < g->members_n; m++)
			a->member[m] = g->member[m].prefix;
		a->subject = (struct why_subject){.type = WHY_GROUP, .member = a->member, .members_n = g->members_n};
		snprintf(a->text, sizeof(a->text), "group:%s", name);
		snprintf(a->about, sizeof(a->about), "a group with %zu member%s%s", g->members_n, g->members_n == 1 ? "" : "s",
		    g->never_alert ? ", which never alert" : "");
		return true;
	}
	if (!quietly && c->groups_n == 0)
		complain("group '%s': no groups are configured; -c FILE names them", name);
	else if (!quietly)
		complain("there is no group '%s'%s%s%s", name, nearest_found(&near) != NULL ? "; did you mean '" : "",
		    nearest_found(&near) != NULL ? nearest_found(&near) : "", nearest_found(&near) != NULL ? "'?" : "");
	return false;
}

/* Answers are counted by zone; a name below one stands for it, as the engine cuts them (suffix.h). */
static bool
find_zone(const char *name, struct ask *a)
{
	uint8_t wire[DNS_NAME_WIRE];
	char text[DNS_NAME_TEXT];
	int len = dns_name_parse(name, wire);

	if (len <= 0) {
		complain("'%s' is no domain name%s", name, name[0] == '\0' ? "; after the + or zone: stands one" : "");
		return false;
	}
	if (len < 2 || wire[wire[0] + 1] == 0) {
		complain("'%s' is no zone that names are registered in; such as example.com", name);
		return false;
	}
	a->subject.zone_len = (uint8_t)len;
	for (size_t i = 0; i < a->subject.zone_len; i++)
		a->subject.zone[i] = wire[i] >= 'A' && wire[i] <= 'Z' ? (uint8_t)(wire[i] + 32) : wire[i];
	dns_name_text(a->subject.zone, a->subject.zone_len, text);
	if (a->subject.type == WHY_ZONE)
		snprintf(a->text, sizeof(a->text), "%s", text);
	else
		snprintf(a->text + strlen(a->text), sizeof(a->text) - strlen(a->text), "+%s", text);
	return true;
}

static bool
find_prefix(const char *text, struct ask *a)
{
	char out[PREFIX_TEXT];

	if (prefix_parse(text, &a->subject.prefix) < 0)
		return false;
	a->subject.type = a->subject.prefix.bits == 128 ? WHY_HOST : WHY_PREFIX;
	if (a->subject.type == WHY_HOST)
		snprintf(a->text, sizeof(a->text), "%s", addr_text(&a->subject.prefix.addr, out));
	else
		snprintf(a->text, sizeof(a->text), "%s", prefix_text(&a->subject.prefix, out));
	return true;
}

static bool
find_host_in_zone(const char *text, struct ask *a)
{
	const char *plus = strchr(text, '+');
	char host[ADDR_TEXT];

	snprintf(host, sizeof(host), "%.*s", (int)(plus - text), text);
	if (plus - text >= ADDR_TEXT || !find_prefix(host, a)) {
		complain("'%s': before the + stands no address", text);
		return false;
	}
	return find_zone(plus + 1, a);
}

static bool
unknown_word(const struct config *c, const char *text)
{
	struct nearest near;

	nearest_init(&near, text);
	for (size_t i = 0; i < c->links_n; i++)
		nearest_try(&near, c->link[i].name);
	for (size_t i = 0; i < c->groups_n; i++)
		nearest_try(&near, c->group[i].name);
	if (nearest_found(&near) != NULL)
		complain("there is no link or group '%s'; did you mean '%s'?", text, nearest_found(&near));
	else
		complain("'%s' is no address, prefix, zone or id, and no link or group of the configuration", text);
	return false;
}

/* What a word of an alert stands for; false: told. */
static bool
find_subject(const struct config *c, const char *text, struct ask *a)
{
	if (strncmp(text, "link:", 5) == 0)
		return find_link(c, text + 5, a, false);
	if (strncmp(text, "group:", 6) == 0)
		return find_group(c, text + 6, a, false);
	a->subject = (struct why_subject){.type = WHY_ZONE};
	if (strncmp(text, "zone:", 5) == 0)
		return find_zone(text + 5, a);
	if (find_prefix(text, a) || find_link(c, text, a, true) || find_group(c, text, a, true))
		return true;
	if (strchr(text, '+') != NULL)
		return find_host_in_zone(text, a);
	if (alert_id_parse(text, &a->id) == 0)
		return true;
	if (strchr(text, '/') != NULL || strchr(text, ':') != NULL || strspn(text, "0123456789.") == strlen(text)) {
		complain("'%s' is no address and no prefix", text);
		return false;
	}
	if (strchr(text, '.') == NULL)
		return unknown_word(c, text);
	return find_zone(text, a);
}

/* --- an incident by its id ---------------------------------------------------------------------------------- */

/* Its loudest alert says what it is about. */
static const struct alert *
alert_of_id(const struct engine *e, uint64_t id)
{
	enum { INCIDENTS_LOOKED = 1024 };
	const struct incident **list, *i = engine_incident(e, id);
	const struct alert *found = i != NULL && i->alerts_kept > 0 ? i->alert[0] : NULL;
	size_t n;

	if (i != NULL)
		return found;
	list = calloc(INCIDENTS_LOOKED, sizeof(const struct incident *));
	n = list != NULL ? engine_incidents(e, list, INCIDENTS_LOOKED) : 0;
	for (size_t k = 0; k < n && found == NULL; k++)
		for (size_t m = 0; m < list[k]->alerts_kept && found == NULL; m++)
			if (list[k]->alert[m]->id == id)
				found = list[k]->alert[m];
	free(list);
	return found;
}

struct lookup {
	uint64_t id;
	char text[SUBJECT_TEXT + 8];
};

static int
look_up(void *ctx, struct session *s)
{
	struct lookup *l = ctx;
	const struct alert *a = alert_of_id(s->engine, l->id);
	char tmp[PREFIX_TEXT];

	if (a == NULL)
		return EXIT_OK;
	if (a->subject.type == SUBJECT_LINK)
		snprintf(l->text, sizeof(l->text), "link:%.200s", a->subject.name);
	else if (a->subject.type == SUBJECT_ZONE)
		snprintf(l->text, sizeof(l->text), "zone:%.250s", a->subject.name);
	else if (a->subject.type == SUBJECT_PREFIX)
		snprintf(l->text, sizeof(l->text), "%s", prefix_text(&a->subject.prefix, tmp));
	else
		snprintf(l->text, sizeof(l->text), "%s", addr_text(&a->subject.prefix.addr, tmp));
	return EXIT_OK;
}

/* The files are read once to find what the id is about.  An exit status; EXIT_FAILED may still have found it. */
static int
resolve_id(const struct config *c, int n, char **files, const char *text, struct ask *a)
{
	struct lookup l = {.id = a->id};
	const struct replay_end end = {NULL, look_up, &l};
	int status;

	for (int i = 0; i < n; i++)
		if (strcmp(files[i], "-") == 0) {
			complain("to find %s the files are read twice, which standard input cannot be; ask for its subject", text);
			return EXIT_USAGE;
		}
	status = replay_files(c, n, files, &end);
	if (status == EXIT_USAGE)
		return status;
	if (l.text[0] == '\0') {
		complain("no incident or alert %s in this traffic; with the configuration that it was found with?", text);
		return EXIT_FAILED;
	}
	return find_subject(c, l.text, a) ? status : EXIT_FAILED;
}

/* --- kinds that had nothing to judge -------------------------------------------------------------------------- */

/* By which subjects a kind is about, and what it lacks when nothing of it was judged. */
static const struct {
	enum alert_kind kind;
	unsigned int types;     /* 1 << enum why_type */
	bool names;             /* needs messages that show their names */
	const char *lacks;
} needs[] = {
	{KIND_DNS_AMPLIFICATION_ABUSER, 1 << WHY_HOST, false, "it got no DNS answers"},
	{KIND_DNS_AMPLIFICATION_VICTIM, 1 << WHY_HOST, false, "it got no DNS answers"},
	{KIND_DNS_AMPLIFICATION_REFLECTOR, 1 << WHY_HOST, false, "it gave strangers no DNS answers"},
	{KIND_UDP_AMPLIFICATION_VICTIM, 1 << WHY_HOST, false, "it got nothing from other UDP amplifiers"},
	{KIND_UDP_AMPLIFICATION_REFLECTOR, 1 << WHY_HOST, false, "it answered strangers for no such service"},
	{KIND_UDP_FRAGMENT_FLOOD, 1 << WHY_HOST, false, "it got no fragments but those of known answers"},
	{KIND_DNS_QUERY_FLOOD, 1 << WHY_HOST, false, "nobody asked it anything"},
	{KIND_DNS_NXDOMAIN_FLOOD, 1 << WHY_HOST, true, "none of its questions failed"},
	{KIND_DNS_TUNNEL, 1 << WHY_HOST, true, "its new names hold too little (400 bytes an hour in a zone)"},
	{KIND_DNS_TUNNEL, 1 << WHY_ZONE, true, "new names in it hold too little (400 bytes an hour)"},
	{KIND_OPEN_RESOLVER, 1 << WHY_HOST, true, "it answered no stranger recursively"},
	{KIND_TRAFFIC_ANOMALY, 1 << WHY_HOST, false, "it sends too little, or was seen for too short a time, to have an ordinary level"},
	{KIND_EXPORTER_HEALTH, 1 << WHY_HOST, false, "it exports no flow records"},
	{KIND_DNS_RANDOM_SUBDOMAIN, 1 << WHY_ZONE, true, "no answers about it"},
	{KIND_CARPET_BOMBING, 1 << WHY_PREFIX, false, "none of its hosts got amplified answers"},
	{KIND_LINK_SATURATION, 1 << WHY_LINK, false, "it was not seen for ten seconds"},
};

static size_t
absent_kinds(const struct engine *e, const struct ask *a, const struct why_view *v, bool exports, struct why_absent *out)
{
	enum alert_kind off[ALERT_KINDS];
	size_t n = 0, off_n = engine_off(e, off);

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		bool judged = (needs[i].types >> a->subject.type & 1) == 0 || (a->subject.type == WHY_HOST && a->subject.zone_len > 0 && needs[i].kind != KIND_DNS_TUNNEL);

		for (size_t k = 0; k < v->rows_n; k++)
			judged = judged || v->row[k].kind == needs[i].kind;
		for (size_t k = 0; k < off_n; k++)
			if (off[k] == needs[i].kind) {
				out[n++] = (struct why_absent){needs[i].kind, "turned off: the configuration says enabled: false"};
				judged = true;
			}
		if (judged)
			continue;
		out[n++] = (struct why_absent){needs[i].kind, needs[i].names && v->records && !v->names ? "flow records show no names" :
		    needs[i].kind == KIND_LINK_SATURATION && v->no_capacity ? "the configuration gives it no capacity (down:)" :
		    needs[i].kind == KIND_EXPORTER_HEALTH && exports ? "nothing was wrong with what it exports" : needs[i].lacks};
	}
	return n;
}

/* --- the answer ------------------------------------------------------------------------------------------------ */

static int
answer(void *ctx, struct session *s)
{
	struct ask *a = ctx;
	struct why_absent absent[sizeof(needs) / sizeof(needs[0])];
	struct why_view view;
	struct why_input in = {.subject = a->text, .about = a->about[0] != '\0' ? a->about : NULL, .zone = a->subject.type == WHY_ZONE,
		.many = a->subject.type != WHY_HOST, .view = &view, .absent = absent};
	struct report_facts facts;
	struct summary_options options;
	struct engine_stats stats;
	struct buf text;
	uint64_t records, lost;
	bool exports;

	if (!engine_why(s->engine, &view))
		return EXIT_FAILED;
	output_facts(s->output, s->pipeline, &facts);
	engine_stats(s->engine, &stats);
	if (stats.first_ns == 0 && facts.damage_n > 0 && !a->json)
		return EXIT_FAILED; /* nothing could be read, as was told */
	options = summary_options(&facts, stdout);
	in.first_ns = stats.first_ns;
	in.last_ns = stats.last_ns;
	in.verbose = facts.config->verbose;
	exports = a->subject.type == WHY_HOST && collected_exporter(facts.collected, &a->subject.prefix.addr, &records, &lost);
	in.absent_n = absent_kinds(s->engine, a, &view, exports, absent);
	if (exports) {
		snprintf(a->about, sizeof(a->about), "an exporter of flow records: %llu arrived, %llu were lost", (unsigned long long)records,
		    (unsigned long long)lost);
		view.seen = true;
		in.about = a->about;
	} else if (a->subject.type == WHY_HOST) {
		in.about = view.sum.is_resolver ? "resolver" : view.sum.is_ours ? "customer" : NULL;
	}
	if (a->subject.type == WHY_HOST) {
		in.group = engine_group_of(s->engine, &a->subject.prefix.addr);
		report_geo(&facts, &a->subject.prefix.addr, &in.geo);
	}
	buf_init(&text, 16 << 20);
	if ((a->json ? why_json(&text, &in) : why_text(&text, &in, &options)) < 0)
		complain("the answer is cut off: it is too long");
	fwrite(buf_text(&text), 1, text.len, stdout);
	buf_done(&text);
	/* whether it could be written is asked at the end of the program */
	return output_failed(s->output) ? EXIT_FAILED : EXIT_OK;
}

static int
take_format(void *ctx, const char *name, const char *key, const char *value)
{
	struct ask *a = ctx;

	(void)key;
	if (strcmp(name, "format") != 0)
		return EXIT_OK;
	a->json = strcmp(value, "json") == 0;
	if (a->json || strcmp(value, "text") == 0)
		return EXIT_OK;
	complain("there is no format '%s' of why; text or json", value);
	return EXIT_USAGE;
}

/* Asking writes nothing: what the configuration says of alerts, rules and pages is for others. */
static void
write_nothing(struct config *c)
{
	char **path[] = {&c->alerts, &c->rules_dir, &c->html, &c->stats, &c->key};

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		free(*path[i]);
		*path[i] = NULL;
	}
	while (c->syslog.n > 0)
		free(c->syslog.text[--c->syslog.n]);
}

int
command_why(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	struct ask a = {.id = 0};
	struct replay_end end = {&a.subject, answer, &a};
	struct config c;
	int n, status, found = EXIT_OK;

	if (rest == NULL)
		return EXIT_FAILED;
	if (configure("why", argc, argv, USE_TRAFFIC | USE_WHY, &c, rest, &n, &status) &&
	    (status = parse_options(argc, argv, USE_TRAFFIC | USE_WHY, take_format, &a, rest, &n)) == EXIT_OK) {
		write_nothing(&c);
		status = EXIT_USAGE;
		if (n < 2)
			complain("why needs a subject and a file of packets or flow records: damp why 10.64.0.5 capture.pcap");
		else if (find_subject(&c, rest[0], &a) && (a.id == 0 || (found = resolve_id(&c, n - 1, rest + 1, rest[0], &a)) != EXIT_USAGE))
			status = a.text[0] != '\0' ? replay_files(&c, n - 1, rest + 1, &end) : EXIT_FAILED;
		if (status == EXIT_OK && found != EXIT_OK)
			status = found;
	}
	free(a.member);
	config_done(&c);
	free(rest);
	return status;
}
