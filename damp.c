/* damp: the table of commands, help, and how the program begins and ends. */
#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "damp.h"
#include "damp_commands.h"

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

void
complain_of(const char *name, const char *why)
{
	size_t n = strlen(name);

	if (strncmp(why, name, n) == 0 && why[n] == ':')
		complain("%s", why);
	else
		complain("%s: %s", name, why);
}

bool
wants_color(const struct config *c, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return c->color && (no == NULL || no[0] == '\0') && isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

/* --- the commands -------------------------------------------------------------------------------------- */

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	unsigned int use;  /* its options */
	const char *synopsis;
	const char *help;
	const char *more;  /* behind its options; NULL: nothing */
} commands[] = {
	{"replay", command_replay, USE_TRAFFIC | USE_OUTPUTS | USE_DIFF, "[options] FILE...", "look for abuse in recorded packets or flow records",
		"FILE is a capture, a file of flow records (nfcapd, flow-tools, IPFIX, CSV, JSON) or a folder of them,\n"
		"compressed or not; - is standard input.  Without a configuration resolvers and amplifiers are found by\n"
		"what they do.\n"},
	{"run", command_run, USE_TRAFFIC | USE_OUTPUTS | USE_RUN, "-i IF | -l PORT [options]", "look for abuse live, on interfaces and in flow exports",
		"Several inputs at once are fine; the configuration may name them, too.\n"
		"  damp run -i eth0                         packets of an interface\n"
		"  damp run -l 2055 --archive /var/flows    NetFlow, IPFIX and sFlow of routers, and keep them\n"
		"SIGINT and SIGTERM end it; SIGHUP opens the alert file anew (after a log rotation) and completes the\n"
		"archive's file.\n"},
	{"flows", command_flows, USE_FLOWS, "[options] FILE...", "print flow records, their sums and top lists",
		"FILE is what replay reads.\n"
		"  damp flows -s dstip/bytes FILE                  who receives most\n"
		"  damp flows -s record/bpp -f 'src port 53' FILE  large answers of the DNS\n"
		"  damp flows -A srcip/24,dstport -O bytes FILE    sums by network and port\n"},
	{"report", command_report, USE_REPORT, "TYPE [options] FILE...", "a table of flows by flow-report's names, such as ip-address",
		"FILE is what replay reads; --list names the types.\n"},
	{"why", command_why, USE_TRAFFIC | USE_WHY, "SUBJECT [options] FILE...", "every signal of a subject, and why there is an alert or none",
		"SUBJECT is what an alert is about; FILE is what replay reads, and should be the same.\n"
		"  10.64.0.5  2001:db8::5   a host: everything it does, or an exporter of flow records\n"
		"  192.0.2.0/24             a prefix, and which of its hosts came closest\n"
		"  link:metro-3             a link of the configuration; its name alone will do\n"
		"  group:mail               a group of the configuration\n"
		"  example.com  zone:test   a zone: random names, data in names, large answers to a name in it\n"
		"  10.64.0.5+example.com    what a host does in one zone\n"
		"  4be2a10f9c38d75e         an incident or alert by its id; the files are read twice\n"},
	{"probe", command_probe, USE_PROBE, "-i IF | -r FILE --to HOST:PORT", "meter packets and export flow records: NetFlow 5, 9, IPFIX",
		"SIGINT and SIGTERM end it: what is in the cache is exported first.\n"},
	{"rules", command_rules, USE_RULES, "--format NAME [options] [ALERTS]", "turn alert lines into rate-limit rules",
		"ALERTS are files of alert lines, or - or nothing for standard input.\n"},
	{"verify", command_verify, USE_VERIFY, "[--key PUB] FILE...", "check signatures and chain of alert lines",
		"Without a key only the chain is checked, which shows accidents, not forgery.\n"},
	{"keygen", command_keygen, USE_KEYGEN, "-o PREFIX", "make a signing key pair",
		"Files that are there already are left alone.\n"},
	{"check-config", command_check_config, 0, "FILE", "print the effective configuration and its problems", NULL},
	{"help", command_help, 0, "[COMMAND]", "help on a command", NULL},
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

void
print_usage_of(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, name) != 0)
			continue;
		printf("damp %s %s\n%s\n\n", name, c->synopsis, c->help);
		print_options(c->use);
		if (c->more != NULL)
			printf("\n%s", c->more);
	}
}

/* NULL: told, with the nearest name. */
static const struct command *
find_command(const char *name)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		nearest_try(&near, commands[i].name);
	}
	if (nearest_found(&near) != NULL)
		complain("there is no command '%s'; did you mean '%s'?", name, nearest_found(&near));
	else
		complain("there is no command '%s'; damp --help lists them", name);
	return NULL;
}

struct plain {
	option_fn *take;
	void *ctx;
	bool help, version;
};

static int
take_plain(void *ctx, const char *name, const char *key, const char *value)
{
	struct plain *p = ctx;

	if (strcmp(name, "help") == 0)
		p->help = true;
	else if (strcmp(name, "version") == 0 && value == NULL)
		p->version = true;
	else
		return p->take(p->ctx, name, key, value);
	return EXIT_OK;
}

int
parse_plain(const char *command, int argc, char **argv, unsigned int use, option_fn *take, void *ctx, char **rest,
    int *rest_n, bool *done)
{
	struct plain p = {.take = take, .ctx = ctx};
	int status = parse_options(argc, argv, use, take_plain, &p, rest, rest_n);

	*done = status != EXIT_OK || p.help || p.version;
	if (status == EXIT_OK && p.help)
		print_usage_of(command);
	else if (status == EXIT_OK && p.version)
		print_version();
	return status;
}

int
command_help(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	const struct command *c;
	int n, status;
	bool done;

	if (rest == NULL)
		return EXIT_FAILED;
	status = parse_plain("help", argc, argv, 0, NULL, NULL, rest, &n, &done);
	if (!done && n == 0)
		usage(stdout);
	else if (!done && (c = find_command(rest[0])) != NULL)
		print_usage_of(c->name);
	else if (!done)
		status = EXIT_USAGE;
	free(rest);
	return status;
}

/* A standard stream that was closed would be the next file opened: the summary would land in the alert
 * file.  What takes its place lets the use of it fail. */
static void
fill_streams(void)
{
	static const int mode[3] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", mode[fd]) != fd)
			_exit(EXIT_FAILED);
}

bool
reader_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

/* Whether all of it could be written. */
static int
stdout_done(int status)
{
	bool failed = ferror(stdout) != 0, told = failed;

	errno = 0;
	failed = fflush(stdout) != 0 || failed;
	if (!failed)
		return status;
	if (status == EXIT_OK && !reader_gone(STDOUT_FILENO))
		complain("standard output: %s", told || errno == 0 ? "not all could be written" : strerror(errno));
	return status == EXIT_OK ? EXIT_FAILED : status;
}

int
main(int argc, char **argv)
{
	const struct command *c;
	int status;

	fill_streams();
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		status = EXIT_OK;
	} else if (strcmp(argv[1], "--version") == 0) {
		print_version();
		status = EXIT_OK;
	} else if (argv[1][0] == '-' && argv[1][1] != '\0') {
		complain("options come after the command: damp replay %s ...", argv[1]);
		return EXIT_USAGE;
	} else {
		c = find_command(argv[1]);
		if (c == NULL)
			return EXIT_USAGE;
		status = c->run(argc - 2, argv + 2);
	}
	return stdout_done(status);
}
