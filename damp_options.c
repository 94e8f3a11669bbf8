/* The options of every command, in one table: what is parsed, what --help prints, what is near a
 * mistyped name.  Those of replay, run and why are also keys of the configuration. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "damp.h"
#include "damp_commands.h"

static const struct option_row {
	const char *name;   /* without dashes */
	char letter;        /* 0: none */
	const char *value;  /* NULL: takes none */
	const char *key;    /* of the configuration; NULL: none */
	const char *given;  /* value stored when it takes none */
	unsigned int use;
	const char *help;
} options[] = {
	{"config", 'c', "FILE", NULL, NULL, USE_TRAFFIC, "read the configuration (YAML)"},
	{"interface", 'i', "IF", "interfaces", NULL, USE_RUN, "watch this interface; repeat for more, \"any\" for all"},
	{"listen", 'l', "ADDRESS", "listen", NULL, USE_RUN, "receive flow exports here: PORT, IP:PORT, tcp://IP:PORT; repeat for more"},
	{"queue", 0, "URL", "queue", NULL, USE_RUN, "take flows from a Redis list: redis://HOST[:PORT][?list=entry:queue]"},
	{"archive", 0, "DIR", "archive", NULL, USE_RUN, "keep received flow records in compressed IPFIX files below it"},
	{"networks", 0, "CIDR,...", "networks", NULL, USE_TRAFFIC, "our own prefixes"},
	{"resolvers", 0, "IP,...", "resolvers", NULL, USE_TRAFFIC, "our resolvers"},
	{"geoip", 0, "FILE", "geoip", NULL, USE_TRAFFIC, "a MaxMind database; repeat for more"},
	{"key", 0, "FILE", "key", NULL, USE_OUTPUTS, "sign with this key (damp keygen)"},
	{"alerts", 0, "FILE", "alerts", NULL, USE_OUTPUTS, "write alert lines here; - for standard output"},
	{"rules-dir", 0, "DIR", "rules-dir", NULL, USE_OUTPUTS, "write rules here, a file for each format"},
	{"html", 0, "FILE", "html", NULL, USE_OUTPUTS, "write the report page"},
	{"stats", 0, "FILE", "stats", NULL, USE_OUTPUTS, "write statistics as JSON"},
	{"syslog", 0, "URL", "syslog", NULL, USE_OUTPUTS,
		"send alert lines: unix:///dev/log, udp://HOST:514, tcp://HOST:601"},
	{"sensor", 0, "NAME", "sensor", NULL, USE_TRAFFIC, "the name of this sensor"},
	{"input", 0, "KIND", "input", NULL, USE_TRAFFIC, "auto, packets or exports: what captures hold"},
	{"state", 0, "FILE", "state", NULL, USE_TRAFFIC, "go on with the memory in this file, and leave it there: baselines, ledger, open alerts"},
	{"diff", 0, "FILE", NULL, NULL, USE_DIFF, "what this configuration would change: run both, print the difference"},
	{"threads", 0, "N", "threads", NULL, USE_TRAFFIC, "threads of work; 0: one for each core"},
	{"memory", 0, "SIZE", "memory", NULL, USE_TRAFFIC, "budget of all tables, such as 512MB; default 256MB"},
	{"width", 0, "N", "width", NULL, USE_TRAFFIC, "columns of the summary; 0: the terminal's"},
	{"format", 'o', "FORMAT", NULL, NULL, USE_WHY, "text, or json: one object"},
	{"quiet", 'q', NULL, "quiet", "true", USE_TRAFFIC, "no summary, no progress"},
	{"verbose", 'v', NULL, "verbose", "true", USE_TRAFFIC, "say more"},
	{"no-color", 0, NULL, "color", "false", USE_TRAFFIC, "no colours"},
	{"format", 0, "NAME", NULL, NULL, USE_RULES, "the format to write"},
	{"list", 0, NULL, NULL, NULL, USE_RULES, "name the formats"},
	{"policy", 0, "N/S", NULL, NULL, USE_RULES, "N matching queries of one source in S seconds stay allowed; default 2/5"},
	{"ttl", 0, "TIME", NULL, NULL, USE_RULES, "lifetime of the rules; default 1h"},
	{"incident", 0, "ID", NULL, NULL, USE_RULES, "the incident to write rules for; default: that of the first alert"},
	{"output", 'o', "FILE", NULL, NULL, USE_RULES, "write here instead of to standard output"},
	{"key", 0, "PUB", NULL, NULL, USE_VERIFY, "the public key (PREFIX.pub); repeat when keys have changed"},
	{"threads", 0, "N", NULL, NULL, USE_VERIFY, "0, the default: one for each core"},
	{"format", 'o', "FORMAT", NULL, NULL, USE_FLOWS,
		"text (extended), long, line, print0, print1, print3, print5, csv, json, none"},
	{"filter", 'f', "EXPR", NULL, NULL, USE_FLOWS | USE_REPORT, "only records that match, such as 'udp and src port 53 and bpp > 1300'"},
	{"time", 't', "FROM-TO", NULL, NULL, USE_FLOWS | USE_REPORT, "only records that start in this window, such as 2013-04-03T14:40+10m"},
	{"last", 0, "TIME", NULL, NULL, USE_FLOWS | USE_REPORT, "only what started so long before the newest record's end"},
	{"aggregate", 'a', NULL, NULL, "true", USE_FLOWS, "sum up by addresses, ports and protocol"},
	{"fields", 'A', "LIST", NULL, NULL, USE_FLOWS, "sum up by these fields, such as srcip/24,dstip,proto"},
	{"stat", 's', "STAT", NULL, NULL, USE_FLOWS, "top list: FIELD[:p][/ORDER...], such as dstip/bytes; repeat for more"},
	{"order", 'O', "ORDER", NULL, NULL, USE_FLOWS | USE_REPORT, "order of records and sums, such as bytes"},
	{"top", 'n', "N", NULL, NULL, USE_FLOWS | USE_REPORT, "rows of a list; default 10 of a top list, 15 of a report; 0: all"},
	{"limit", 'c', "N", NULL, NULL, USE_FLOWS, "stop after N matching records"},
	{"plain", 'N', NULL, NULL, "true", USE_FLOWS, "plain numbers"},
	{"wide", '6', NULL, NULL, "true", USE_FLOWS, "whole IPv6 addresses"},
	{"local", 0, NULL, NULL, "true", USE_FLOWS | USE_REPORT, "local time instead of UTC"},
	{"asdot", 0, NULL, NULL, "true", USE_FLOWS | USE_REPORT, "AS numbers as 10.1 instead of 655361"},
	{"input", 0, "KIND", NULL, NULL, USE_FLOWS | USE_REPORT, "auto, packets or exports: how to read captures"},
	{"memory", 0, "SIZE", NULL, NULL, USE_FLOWS | USE_REPORT, "budget of the tables; default 1GB"},
	{"list", 0, NULL, NULL, NULL, USE_FLOWS, "name the fields, statistics and orders"},
	{"list", 0, NULL, NULL, NULL, USE_REPORT, "name the types of reports"},
	{"quiet", 'q', NULL, NULL, "true", USE_FLOWS | USE_REPORT, "no titles, no summary"},
	{"no-color", 0, NULL, NULL, NULL, USE_FLOWS, "no colours"},
	{"state", 0, "FILE", NULL, NULL, USE_MEMORY | USE_REPORT, "offenders, names: the state file to read"},
	{"format", 'o', "FORMAT", NULL, NULL, USE_MEMORY | USE_REPORT, "offenders, names: text, csv, json; names also list, rpz"},
	{"victims", 0, NULL, NULL, "true", USE_MEMORY | USE_REPORT, "offenders: those who were hit, too"},
	{"top", 'n', "N", NULL, NULL, USE_MEMORY, "rows; default all"},
	{"output", 'o', "PREFIX", NULL, NULL, USE_KEYGEN, "write PREFIX.key (private, mode 0600) and PREFIX.pub"},
	{"interface", 'i', "IF", NULL, NULL, USE_PROBE, "meter this interface; repeat for more"},
	{"read", 'r', "FILE", NULL, NULL, USE_PROBE, "meter a capture file, - for standard input; repeat for more"},
	{"to", 0, "HOST:PORT", NULL, NULL, USE_PROBE, "the collector, or redis://HOST for a queue; repeat to send to each"},
	{"end", 0, NULL, NULL, "true", USE_PROBE, "push END into queues at last, which ends their reader"},
	{"version", 0, "N", NULL, NULL, USE_PROBE, "5 or 9 (NetFlow) or 10 (IPFIX); default 9"},
	{"active", 0, "TIME", NULL, NULL, USE_PROBE, "report a flow at least this often; default 5m"},
	{"inactive", 0, "TIME", NULL, NULL, USE_PROBE, "a flow ends when idle for so long; default 15s"},
	{"fragments", 0, "HOW", NULL, NULL, USE_PROBE, "service: with the ports of the first one; port0: as port 0"},
	{"sampling", 0, "N", NULL, NULL, USE_PROBE, "meter one packet of N; default 1"},
	{"max-flows", 0, "N", NULL, NULL, USE_PROBE, "flows in the cache; default 262144"},
	{"domain", 0, "ID", NULL, NULL, USE_PROBE, "observation domain, source or engine id; default 0"},
	{"filter", 0, "EXPR", NULL, NULL, USE_PROBE, "only packets that this pcap expression takes"},
	{"rate", 0, "N", NULL, NULL, USE_PROBE, "datagrams a second; 0: no limit; default for files 2000"},
	{"quiet", 'q', NULL, NULL, "true", USE_PROBE, "no statistics at the end"},
	{"help", 'h', NULL, NULL, NULL, USE_ALL, "this help"},
	{"version", 0, NULL, NULL, NULL, USE_ALL, "the version"},
};
enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

static bool
usable(const struct option_row *o, unsigned int use)
{
	return (o->use & (use | USE_ALL)) != 0;
}

static const struct option_row *
find_long(const char *text, size_t n, unsigned int use)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (usable(&options[i], use) && strlen(options[i].name) == n && strncmp(options[i].name, text, n) == 0)
			return &options[i];
	return NULL;
}

static const struct option_row *
find_short(char letter, unsigned int use)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (usable(&options[i], use) && options[i].letter == letter)
			return &options[i];
	return NULL;
}

int
unknown_option(const char *arg, unsigned int use)
{
	char name[64];
	struct nearest n;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, "="), arg);
	nearest_init(&n, name + strspn(name, "-"));
	for (size_t i = 0; i < OPTIONS; i++)
		if (usable(&options[i], use))
			nearest_try(&n, options[i].name);
	if (nearest_found(&n) != NULL && arg[1] == '-')
		complain("unknown option %s; did you mean --%s?", name, nearest_found(&n));
	else
		complain("unknown option %s; --help lists them", name);
	return EXIT_USAGE;
}

void
print_options(unsigned int use)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option_row *o = &options[i];
		char left[48], letter[8] = "    ";

		/* of two rows with one name the first is the command's own */
		if (!usable(o, use) || find_long(o->name, strlen(o->name), use) != o)
			continue;
		if (o->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

struct walk {
	int argc, at;
	char **argv;
	unsigned int use;
	option_fn *take;
	void *ctx;
};

/* A row of the same name that takes no value: --version N is an option of probe, --version one of all. */
static const struct option_row *
bare_row(const struct option_row *o, unsigned int use)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (usable(&options[i], use) && options[i].value == NULL && strcmp(options[i].name, o->name) == 0)
			return &options[i];
	return NULL;
}

/* `value`: what was written in the same argument, or NULL. */
static int
take_one(struct walk *w, const struct option_row *o, const char *value)
{
	if (o->value == NULL && value != NULL) {
		complain("--%s takes no value", o->name);
		return EXIT_USAGE;
	}
	if (o->value != NULL && value == NULL && w->at + 1 >= w->argc && bare_row(o, w->use) != NULL)
		o = bare_row(o, w->use);
	if (o->value != NULL && value == NULL) {
		if (w->at + 1 >= w->argc) {
			complain("--%s needs a value: %s", o->name, o->value);
			return EXIT_USAGE;
		}
		value = w->argv[++w->at];
	}
	return w->take(w->ctx, o->name, o->key, o->value != NULL ? value : o->given);
}

/* "-qv", "-cFILE", "-c FILE" */
static int
take_letters(struct walk *w, const char *arg)
{
	int status = EXIT_OK;

	for (const char *p = arg + 1; *p != '\0' && status == EXIT_OK; p++) {
		const struct option_row *o = find_short(*p, w->use);

		if (o == NULL)
			return unknown_option(p == arg + 1 ? arg : (const char[]){'-', *p, '\0'}, w->use);
		if (o->value != NULL)
			return take_one(w, o, p[1] != '\0' ? p + 1 : NULL);
		status = take_one(w, o, NULL);
	}
	return status;
}

int
parse_options(int argc, char **argv, unsigned int use, option_fn *take, void *ctx, char **rest, int *rest_n)
{
	struct walk w = {.argc = argc, .argv = argv, .use = use, .take = take, .ctx = ctx};
	bool only_rest = false;
	int status = EXIT_OK;

	*rest_n = 0;
	for (; w.at < argc && status == EXIT_OK; w.at++) {
		char *arg = argv[w.at];
		const struct option_row *o;

		if (only_rest || arg[0] != '-' || arg[1] == '\0') {
			rest[(*rest_n)++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			only_rest = true;
		} else if (arg[1] != '-') {
			status = take_letters(&w, arg);
		} else {
			const char *equals = strchr(arg, '=');

			o = find_long(arg + 2, equals != NULL ? (size_t)(equals - arg - 2) : strlen(arg + 2), use);
			status = o == NULL ? unknown_option(arg, use) : take_one(&w, o, equals != NULL ? equals + 1 : NULL);
		}
	}
	return status;
}
