/* damp: the command table, the options, and what each command does.
 *
 * Every option of replay, run and why is also a key of the configuration and goes through the same
 * parser (base/config.h); what is left here is wiring.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/timefmt.h"
#include "damp.h"
#include "damp_commands.h"
#include "rules/rules.h"

void
complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("damp: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

bool
wants_color(const struct config *c, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return c->color && (no == NULL || no[0] == '\0') && isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

/* --- options ------------------------------------------------------------------------------------------ */

enum option_use { USE_TRAFFIC = 1, USE_RUN = 2, USE_ALL = 4 };

static const struct option_row {
	const char *name;   /* without dashes */
	char letter;        /* 0: none */
	const char *value;  /* NULL: takes none */
	const char *key;    /* of the configuration; NULL: handled here */
	const char *given;  /* value stored when it takes none */
	unsigned int use;
	const char *help;
} options[] = {
	{"config", 'c', "FILE", NULL, NULL, USE_TRAFFIC, "read the configuration (YAML)"},
	{"networks", 0, "CIDR,...", "networks", NULL, USE_TRAFFIC, "our own prefixes"},
	{"resolvers", 0, "IP,...", "resolvers", NULL, USE_TRAFFIC, "our resolvers"},
	{"geoip", 0, "FILE", "geoip", NULL, USE_TRAFFIC, "a MaxMind database; repeat for more"},
	{"key", 0, "FILE", "key", NULL, USE_TRAFFIC, "sign with this key (damp keygen)"},
	{"alerts", 0, "FILE", "alerts", NULL, USE_TRAFFIC, "write alert lines here; - for standard output"},
	{"rules-dir", 0, "DIR", "rules-dir", NULL, USE_TRAFFIC, "write rules here, a file for each format"},
	{"html", 0, "FILE", "html", NULL, USE_TRAFFIC, "write the report page"},
	{"stats", 0, "FILE", "stats", NULL, USE_TRAFFIC, "write statistics as JSON"},
	{"syslog", 0, "URL", "syslog", NULL, USE_TRAFFIC, "send alert lines: unix:///dev/log, udp://HOST:514, tcp://HOST:601"},
	{"sensor", 0, "NAME", "sensor", NULL, USE_TRAFFIC, "the name of this sensor"},
	{"input", 0, "KIND", "input", NULL, USE_TRAFFIC, "auto, packets or exports"},
	{"interface", 'i', "IF", "interfaces", NULL, USE_RUN, "capture on this interface; repeat for more"},
	{"threads", 0, "N", "threads", NULL, USE_TRAFFIC, "threads of work; 0: one for each core"},
	{"memory", 0, "SIZE", "memory", NULL, USE_TRAFFIC, "budget of all tables, such as 512MB"},
	{"width", 0, "N", "width", NULL, USE_TRAFFIC, "columns of the summary; 0: the terminal's"},
	{"quiet", 'q', NULL, "quiet", "true", USE_TRAFFIC, "say less"},
	{"verbose", 'v', NULL, "verbose", "true", USE_TRAFFIC, "say more"},
	{"no-color", 0, NULL, "color", "false", USE_TRAFFIC, "no colours"},
	{"help", 'h', NULL, NULL, NULL, USE_ALL, "this help"},
	{"version", 0, NULL, NULL, NULL, USE_ALL, "the version"},
};
enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

static const struct option_row *
find_option(const char *text, size_t n, unsigned int use)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if ((options[i].use & (use | USE_ALL)) != 0 && strlen(options[i].name) == n &&
		    strncmp(options[i].name, text, n) == 0)
			return &options[i];
	return NULL;
}

static const char *
near_option(const char *text, unsigned int use)
{
	struct nearest n;

	nearest_init(&n, text);
	for (size_t i = 0; i < OPTIONS; i++)
		if ((options[i].use & (use | USE_ALL)) != 0)
			nearest_try(&n, options[i].name);
	return nearest_found(&n);
}

void
print_options(unsigned int use)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option_row *o = &options[i];
		char left[48], letter[8] = "    ";

		if ((o->use & (use | USE_ALL)) == 0)
			continue;
		if (o->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

int
parse_options(int argc, char **argv, unsigned int use, option_fn *take, void *ctx, char **rest, int *rest_n)
{
	bool only_rest = false;

	*rest_n = 0;
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i], *value = NULL, *equals;
		const struct option_row *o = NULL;

		if (only_rest || arg[0] != '-' || arg[1] == '\0') {
			rest[(*rest_n)++] = argv[i];
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			only_rest = true;
			continue;
		}
		if (arg[1] == '-') {
			equals = strchr(arg, '=');
			o = find_option(arg + 2, equals != NULL ? (size_t)(equals - arg - 2) : strlen(arg + 2), use);
			value = equals != NULL ? equals + 1 : NULL;
		} else {
			for (size_t k = 0; k < OPTIONS && o == NULL; k++)
				if (options[k].letter == arg[1] && (options[k].use & (use | USE_ALL)) != 0)
					o = &options[k];
			value = arg[2] != '\0' ? arg + 2 : NULL;
		}
		if (o == NULL) {
			const char *near = near_option(arg + 1 + (arg[1] == '-'), use);

			complain("unknown option %s%s%s%s", arg, near != NULL ? "; did you mean --" : "", near != NULL ? near : "",
			    near != NULL ? "?" : "");
			return EXIT_USAGE;
		}
		if (o->value == NULL && value != NULL) {
			complain("--%s takes no value", o->name);
			return EXIT_USAGE;
		}
		if (o->value != NULL && value == NULL) {
			if (i + 1 >= argc) {
				complain("--%s needs a value: %s", o->name, o->value);
				return EXIT_USAGE;
			}
			value = argv[++i];
		}
		int err = take(ctx, o->name, o->key, o->value != NULL ? value : o->given);

		if (err != EXIT_OK)
			return err;
	}
	return EXIT_OK;
}

/* --- the commands -------------------------------------------------------------------------------------- */

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis;
	const char *help;
} commands[] = {
	{"replay", command_replay, "[options] FILE...", "run recorded traffic through damp; - is standard input"},
	{"run", command_run, "-c FILE [options]", "watch interfaces live"},
	{"why", command_why, "HOST [options] FILE...", "every signal of one host, and why there is an alert or none"},
	{"rules", command_rules, "--format NAME [options] [ALERTS]", "turn alert lines into rate-limit rules"},
	{"verify", command_verify, "[--key PUB] FILE...", "check signatures and chain of alert lines"},
	{"keygen", command_keygen, "-o PREFIX", "make a signing key pair"},
	{"check-config", command_check_config, "FILE", "print the effective configuration and its problems"},
	{"help", command_help, "[COMMAND]", "help on a command"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void
usage(FILE *to)
{
	fprintf(to, "damp %s: finds DNS amplification and abuse, and writes the rules that stop it\n\n", DAMP_VERSION);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  damp %-13s %-34s %s\n", commands[i].name, commands[i].synopsis, commands[i].help);
	fprintf(to, "\nStart with:  damp replay capture.pcap\n"
	    "Exit status: 0 it ran, 1 something failed on the way, 2 wrong usage or configuration.\n"
	    "Each command explains itself with --help; damp(1) is the manual.\n");
}

int
command_help(int argc, char **argv)
{
	char help[] = "--help", *args[] = {help, NULL};

	if (argc == 0) {
		usage(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, argv[0]) == 0 && commands[i].run != command_help)
			return commands[i].run(1, args);
	complain("there is no command '%s'", argv[0]);
	return EXIT_USAGE;
}

void
print_usage_of(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			printf("damp %s %s\n%s\n\n", name, commands[i].synopsis, commands[i].help);
}

int
main(int argc, char **argv)
{
	struct nearest near;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		print_version();
		return EXIT_OK;
	}
	nearest_init(&near, argv[1]);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, argv[1]) == 0) {
			int status = commands[i].run(argc - 2, argv + 2);

			if (fflush(stdout) != 0 && status == EXIT_OK) {
				complain("standard output: %s", strerror(errno));
				status = EXIT_FAILED;
			}
			return status;
		}
		nearest_try(&near, commands[i].name);
	}
	if (nearest_found(&near) != NULL)
		complain("there is no command '%s'; did you mean '%s'?", argv[1], nearest_found(&near));
	else
		complain("there is no command '%s'; damp --help lists them", argv[1]);
	return EXIT_USAGE;
}
