/* rules, verify and keygen: commands on alert lines and keys. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <maxminddb.h>
#include <pcap/pcap.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/units.h"
#include "damp.h"
#include "damp_commands.h"
#include "feeds/line.h"
#include "feeds/verify.h"
#include "rules/rules.h"

void
print_version(void)
{
	printf("damp %s\n%s\nlibmaxminddb %s, libsodium %s\n", DAMP_VERSION, pcap_lib_version(), MMDB_lib_version(),
	    sodium_version_string());
}

/* These commands have few options of their own; getopt_long tells mistakes in its own words. */
static int
unknown(const char *command)
{
	complain("see damp %s --help", command);
	return EXIT_USAGE;
}

/* --- keygen ---------------------------------------------------------------------------------------------- */

int
command_keygen(int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {"output", required_argument, NULL, 'o'}, {0}};
	const char *prefix = NULL;
	struct sign_pub pub;
	char why[256];
	int opt;

	optind = 0;
	while ((opt = getopt_long(argc + 1, argv - 1, "ho:", longs, NULL)) != -1) {
		if (opt == 'h') {
			print_usage_of("keygen");
			printf("  -o PREFIX   write PREFIX.key (private, mode 0600) and PREFIX.pub\n");
			return EXIT_OK;
		}
		if (opt != 'o')
			return unknown("keygen");
		prefix = optarg;
	}
	if (prefix == NULL) {
		complain("keygen needs -o PREFIX");
		return EXIT_USAGE;
	}
	if (sign_init() < 0 || sign_keygen(prefix, &pub, why, sizeof(why)) < 0) {
		complain("%s", why);
		return EXIT_FAILED;
	}
	printf("%s.key  private, keep it\n%s.pub  public, give it to those who verify\nkey id %s\n", prefix, prefix, pub.kid);
	return EXIT_OK;
}

/* --- verify ---------------------------------------------------------------------------------------------- */

static void
on_progress(void *ctx, uint64_t lines, uint64_t bytes)
{
	(void)ctx;
	if (bytes >> 20 & 31)
		return;
	fprintf(stderr, "\r\033[K%llu lines, %.0f MB", (unsigned long long)lines, (double)bytes / 1e6);
}

static int
verify_one(const char *path, const struct verify_options *o)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), err;
	struct verify_result r;
	struct buf text;

	if (fd < 0) {
		complain("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	err = verify_fd(fd, o, &r);
	if (fd != STDIN_FILENO)
		close(fd);
	if (o->progress != NULL)
		fputs("\r\033[K", stderr);
	buf_init(&text, 1 << 16);
	verify_explain(&r, path, &text);
	fwrite(buf_text(&text), 1, text.len, stdout);
	buf_done(&text);
	return err == 0 ? EXIT_OK : EXIT_FAILED;
}

int
command_verify(int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {"key", required_argument, NULL, 'k'},
		{"threads", required_argument, NULL, 't'}, {0}};
	struct sign_pub keys[16];
	struct verify_options o = {.keys = keys};
	char why[256];
	int opt, status = EXIT_OK;

	optind = 0;
	if (sign_init() < 0)
		return EXIT_FAILED;
	while ((opt = getopt_long(argc + 1, argv - 1, "hk:", longs, NULL)) != -1) {
		switch (opt) {
		case 'h':
			print_usage_of("verify");
			printf("  --key PUB     the public key (PREFIX.pub); repeat when keys have changed\n"
			    "  --threads N   0, the default: one for each core\n\n"
			    "Without a key only the chain is checked, which shows accidents, not forgery.\n");
			return EXIT_OK;
		case 'k':
			if (o.keys_n == 16 || sign_pub_read(optarg, &keys[o.keys_n], why, sizeof(why)) < 0) {
				complain("%s: %s", optarg, o.keys_n == 16 ? "too many keys" : why);
				return EXIT_USAGE;
			}
			o.keys_n++;
			break;
		case 't': o.threads = (unsigned int)strtoul(optarg, NULL, 10); break;
		default: return unknown("verify");
		}
	}
	if (optind > argc) {
		complain("verify needs a file of alert lines, or - for standard input");
		return EXIT_USAGE;
	}
	if (isatty(STDERR_FILENO))
		o.progress = on_progress;
	for (int i = optind; i <= argc; i++) {
		int one = verify_one(argv[i - 1], &o);

		if (one != EXIT_OK)
			status = one;
	}
	return status;
}

/* --- rules ------------------------------------------------------------------------------------------------ */

struct rules_options {
	const struct rule_format *format;
	struct rule_policy policy;
	const char *output;
	const char *incident;
};

static int
list_formats(void)
{
	for (size_t i = 0; rule_formats[i] != NULL; i++)
		printf("%-20s %s\n", rule_formats[i]->name, rule_formats[i]->title);
	return EXIT_OK;
}

/* The latest line of each alert counts; a growing array, found by id. */
static int
add_alert(struct alert **list, size_t *n, size_t *cap, const struct alert *a)
{
	for (size_t i = *n; i-- > 0;)
		if ((*list)[i].id == a->id) {
			(*list)[i] = *a;
			return 0;
		}
	if (*n == *cap) {
		size_t more = *cap > 0 ? *cap * 2 : 64;
		struct alert *p = realloc(*list, more * sizeof(*p));

		if (p == NULL)
			return ERR_NOMEM;
		*list = p;
		*cap = more;
	}
	(*list)[(*n)++] = *a;
	return 0;
}

static int
read_alerts(FILE *f, const char *name, struct alert **list, size_t *n)
{
	struct alert *a = calloc(1, sizeof(*a));
	char *line = NULL, why[160];
	size_t size = 0, cap = 0, number = 0;
	ssize_t len;
	int status = EXIT_OK;

	while (a != NULL && (len = getline(&line, &size, f)) > 0) {
		number++;
		if (line[len - 1] == '\n')
			len--;
		if (len == 0)
			continue;
		if (line_parse(line, (size_t)len, a, why, sizeof(why)) < 0) {
			complain("%s:%zu: %s", name, number, why);
			status = EXIT_FAILED;
		} else if (add_alert(list, n, &cap, a) < 0) {
			complain("out of memory");
			status = EXIT_FAILED;
			break;
		}
	}
	free(line);
	free(a);
	return status;
}

static int
write_rules(const struct rules_options *o, const struct alert *list, size_t n)
{
	const struct alert **use = calloc(n + 1, sizeof(*use));
	struct rule_request q = {.policy = o->policy};
	struct rule_text text;
	uint64_t incident = 0;
	int status = EXIT_OK;
	FILE *f = stdout;

	if (use == NULL)
		return EXIT_FAILED;
	/* one incident a file: the one asked for, or that of the first alert */
	if (o->incident != NULL && alert_id_parse(o->incident, &incident) < 0) {
		complain("'%s' is no incident (16 hexadecimal digits)", o->incident);
		free(use);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < n; i++) {
		if (incident == 0)
			incident = list[i].incident;
		if (list[i].incident == incident)
			use[q.alerts_n++] = &list[i];
	}
	q.alerts = use;
	if (q.alerts_n < n)
		complain("%zu of %zu alerts belong to other incidents; --incident chooses", n - q.alerts_n, n);
	rule_text_init(&text);
	if (q.alerts_n == 0) {
		complain("no alerts, no rules");
		status = EXIT_FAILED;
	} else if (o->format->generate(&q, &text) != RULE_OK) {
		complain("%s: %s", o->format->name, text.why);
		status = EXIT_FAILED;
	} else if (o->output != NULL && (f = fopen(o->output, "w")) == NULL) {
		complain("%s: %s", o->output, strerror(errno));
		status = EXIT_FAILED;
	} else {
		fwrite(buf_text(&text.text), 1, text.text.len, f);
		if ((f != stdout ? fclose(f) : fflush(f)) != 0) {
			complain("%s: %s", o->output != NULL ? o->output : "standard output", strerror(errno));
			status = EXIT_FAILED;
		}
	}
	rule_text_done(&text);
	free(use);
	return status;
}

static int
take_format(struct rules_options *o, const char *name)
{
	struct nearest near;

	o->format = rule_format_find(name);
	if (o->format != NULL)
		return EXIT_OK;
	nearest_init(&near, name);
	for (size_t i = 0; rule_formats[i] != NULL; i++)
		nearest_try(&near, rule_formats[i]->name);
	complain("no rule format is called '%s'%s%s; damp rules --list names them", name,
	    nearest_found(&near) != NULL ? "; did you mean " : "", nearest_found(&near) != NULL ? nearest_found(&near) : "");
	return EXIT_USAGE;
}

static int
take_policy(struct rules_options *o, const char *text)
{
	unsigned int n, s;
	char rest;

	if (sscanf(text, "%u/%u%c", &n, &s, &rest) != 2 || n < 1 || s < 1 || n > 65535 || s > 86400) {
		complain("--policy: '%s' is not N/S, such as 2/5 for two queries in five seconds", text);
		return EXIT_USAGE;
	}
	o->policy.queries = n;
	o->policy.seconds = s;
	return EXIT_OK;
}

static int
rules_options(int argc, char **argv, struct rules_options *o, bool *done)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {"list", no_argument, NULL, 'l'},
		{"format", required_argument, NULL, 'f'}, {"policy", required_argument, NULL, 'p'},
		{"ttl", required_argument, NULL, 't'}, {"incident", required_argument, NULL, 'I'},
		{"output", required_argument, NULL, 'o'}, {0}};
	double seconds;
	int opt, status = EXIT_OK;

	while (status == EXIT_OK && (opt = getopt_long(argc + 1, argv - 1, "ho:", longs, NULL)) != -1) {
		switch (opt) {
		case 'h':
			print_usage_of("rules");
			printf("  --format NAME   the format to write\n  --list          name the formats\n"
			    "  --policy N/S    N matching queries of one source in S seconds stay allowed; default 2/5\n"
			    "  --ttl TIME      lifetime of the rules, 1h by default\n"
			    "  --incident ID   the incident to write rules for; default: that of the first alert\n"
			    "  -o FILE         write here instead of to standard output\n");
			*done = true;
			return EXIT_OK;
		case 'l': *done = true; return list_formats();
		case 'f': status = take_format(o, optarg); break;
		case 'p': status = take_policy(o, optarg); break;
		case 't':
			if (units_duration(optarg, &seconds) < 0 || seconds < 1 || seconds > 31 * 86400) {
				complain("--ttl: '%s' is not a time such as 1h", optarg);
				return EXIT_USAGE;
			}
			o->policy.ttl_s = (unsigned int)seconds;
			break;
		case 'I': o->incident = optarg; break;
		case 'o': o->output = optarg; break;
		default: return unknown("rules");
		}
	}
	return status;
}

int
command_rules(int argc, char **argv)
{
	struct rules_options o = {.policy = rule_policy_default()};
	struct alert *list = NULL;
	size_t n = 0;
	bool done = false;
	int status, written;

	optind = 0;
	status = rules_options(argc, argv, &o, &done);
	if (status != EXIT_OK || done)
		return status;
	if (o.format == NULL) {
		complain("rules needs --format NAME; damp rules --list names them");
		return EXIT_USAGE;
	}
	if (optind > argc)
		status = read_alerts(stdin, "standard input", &list, &n);
	for (int i = optind; i <= argc; i++) {
		const char *path = argv[i - 1];
		FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");

		if (f == NULL) {
			complain("%s: %s", path, strerror(errno));
			free(list);
			return EXIT_FAILED;
		}
		if (read_alerts(f, path, &list, &n) != EXIT_OK)
			status = EXIT_FAILED;
		if (f != stdin)
			fclose(f);
	}
	written = write_rules(&o, list, n);
	free(list);
	return written != EXIT_OK ? written : status;
}
