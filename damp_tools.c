/* rules, verify and keygen: commands on alert lines and keys. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <maxminddb.h>
#include <pcap/pcap.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <yaml.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/units.h"
#include "damp.h"
#include "damp_commands.h"
#include "damp_suffix.h"
#include "feeds/line.h"
#include "feeds/verify.h"
#include "rules/rules.h"

/* The list is data of the system's, read at the start: say what a run here would find. */
static void
print_suffixes(void)
{
	struct config c = {0};
	struct suffix_list l;

	if (suffix_list_open(&l, &c, 0) && l.compiled != NULL)
		printf("public suffixes: %s, %s, %u rules\n", l.file, l.facts.version, l.facts.registry + l.facts.customers);
	else
		printf("public suffixes: no list (%s)\n", SUFFIX_LIST_DEFAULT);
	suffix_list_done(&l);
}

void
print_version(void)
{
	unsigned int xx = XXH_versionNumber();

	printf("damp %s\n%s\nlibmaxminddb %s, libsodium %s, libyaml %s, jansson %s, xxHash %u.%u.%u\n", DAMP_VERSION,
	    pcap_lib_version(), MMDB_lib_version(), sodium_version_string(), yaml_get_version_string(), jansson_version_str(),
	    xx / 10000, xx / 100 % 100, xx % 100);
	print_suffixes();
}

/* --- keygen ---------------------------------------------------------------------------------------------- */

static int
take_prefix(void *ctx, const char *name, const char *key, const char *value)
{
	const char **prefix = ctx;

	(void)name;
	(void)key;
	*prefix = value;
	return EXIT_OK;
}

int
command_keygen(int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	const char *prefix = NULL;
	struct sign_pub pub;
	char why[256];
	int n, status;
	bool done;

	if (rest == NULL)
		return EXIT_FAILED;
	status = parse_plain("keygen", argc, argv, USE_KEYGEN, take_prefix, &prefix, rest, &n, &done);
	free(rest);
	if (done)
		return status;
	if (prefix == NULL || n > 0) {
		complain("keygen needs -o PREFIX and nothing else");
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

enum { VERIFY_KEYS = 16 };

struct verify_setup {
	struct verify_options o;
	struct sign_pub key[VERIFY_KEYS];
};

static int
take_verify(void *ctx, const char *name, const char *key, const char *value)
{
	struct verify_setup *v = ctx;
	char why[256], rest;

	(void)key;
	if (strcmp(name, "threads") == 0) {
		if (sscanf(value, "%u%c", &v->o.threads, &rest) == 1 && value[0] != '-' && v->o.threads <= 1024)
			return EXIT_OK;
		complain("--threads: '%s' is not a number of threads", value);
		return EXIT_USAGE;
	}
	if (v->o.keys_n == VERIFY_KEYS) {
		complain("more than %d keys", VERIFY_KEYS);
		return EXIT_USAGE;
	}
	if (sign_pub_read(value, &v->key[v->o.keys_n], why, sizeof(why)) < 0) {
		complain_of(value, why);
		return EXIT_USAGE;
	}
	v->o.keys_n++;
	return EXIT_OK;
}

int
command_verify(int argc, char **argv)
{
	char **file = calloc((size_t)argc + 1, sizeof(*file));
	struct verify_setup v = {.o.keys = v.key};
	int n, status;
	bool done;

	if (file == NULL || sign_init() < 0) {
		free(file);
		return EXIT_FAILED;
	}
	status = parse_plain("verify", argc, argv, USE_VERIFY, take_verify, &v, file, &n, &done);
	if (!done && n == 0) {
		complain("verify needs a file of alert lines, or - for standard input");
		status = EXIT_USAGE;
	}
	if (isatty(STDERR_FILENO))
		v.o.progress = on_progress;
	for (int i = 0; !done && i < n; i++) {
		int one = verify_one(file[i], &v.o);

		if (one != EXIT_OK)
			status = one;
	}
	free(file);
	return status;
}

/* --- rules ------------------------------------------------------------------------------------------------ */

struct rules_options {
	const struct rule_format *format;
	struct rule_policy policy;
	const char *output;
	uint64_t incident; /* 0: that of the first alert */
	bool list;
};

struct alert_list {
	struct alert *alert;
	size_t n, cap;
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
add_alert(struct alert_list *l, const struct alert *a)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->alert[i].id == a->id) {
			l->alert[i] = *a;
			return 0;
		}
	if (l->n == l->cap) {
		size_t more = l->cap > 0 ? l->cap * 2 : 64;
		struct alert *p = realloc(l->alert, more * sizeof(*p));

		if (p == NULL)
			return ERR_NOMEM;
		l->alert = p;
		l->cap = more;
	}
	l->alert[l->n++] = *a;
	return 0;
}

enum { BAD_LINES_TOLD = 3 };

static int
read_alerts(FILE *f, const char *name, struct alert_list *list)
{
	struct alert *a = calloc(1, sizeof(*a));
	char *line = NULL, why[160];
	size_t size = 0, number = 0, bad = 0;
	ssize_t len;
	int status = EXIT_OK;

	while (a != NULL && (len = getline(&line, &size, f)) > 0) {
		number++;
		if (line[len - 1] == '\n')
			len--;
		if (len == 0)
			continue;
		if (line_parse(line, (size_t)len, a, why, sizeof(why)) < 0) {
			if (++bad <= BAD_LINES_TOLD)
				complain("%s:%zu: %s", name, number, why);
			status = EXIT_FAILED;
		} else if (add_alert(list, a) < 0) {
			complain("out of memory");
			status = EXIT_FAILED;
			break;
		}
	}
	if (bad > BAD_LINES_TOLD)
		complain("%s: %zu more lines are no alerts; is it the right file?", name, bad - BAD_LINES_TOLD);
	if (ferror(f)) {
		complain("%s: %s", name, strerror(errno));
		status = EXIT_FAILED;
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
	uint64_t incident = o->incident;
	int status = EXIT_OK;
	FILE *f = stdout;

	if (use == NULL)
		return EXIT_FAILED;
	/* one incident a file: the one asked for, or that of the first alert */
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
take_rules(void *ctx, const char *name, const char *key, const char *value)
{
	struct rules_options *o = ctx;
	double seconds;

	(void)key;
	if (strcmp(name, "format") == 0)
		return take_format(o, value);
	if (strcmp(name, "policy") == 0)
		return take_policy(o, value);
	if (strcmp(name, "incident") == 0 && alert_id_parse(value, &o->incident) == 0)
		return EXIT_OK;
	if (strcmp(name, "incident") == 0) {
		complain("'%s' is no incident (16 hexadecimal digits)", value);
		return EXIT_USAGE;
	}
	if (strcmp(name, "list") == 0)
		o->list = true;
	else if (strcmp(name, "output") == 0)
		o->output = value;
	else if (units_duration(value, &seconds) < 0 || seconds < 1 || seconds > 31 * 86400) {
		complain("--ttl: '%s' is not a time from 1s to 31d, such as 1h", value);
		return EXIT_USAGE;
	} else {
		o->policy.ttl_s = (unsigned int)seconds;
	}
	return EXIT_OK;
}

static int
read_alert_file(const char *path, struct alert_list *list)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "r");
	int status;

	if (f == NULL) {
		complain("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	status = read_alerts(f, standard ? "standard input" : path, list);
	if (!standard)
		fclose(f);
	return status;
}

int
command_rules(int argc, char **argv)
{
	char **file = calloc((size_t)argc + 1, sizeof(*file));
	struct rules_options o = {.policy = rule_policy_default()};
	struct alert_list list = {0};
	int n, status, written;
	bool done;

	if (file == NULL)
		return EXIT_FAILED;
	status = parse_plain("rules", argc, argv, USE_RULES, take_rules, &o, file, &n, &done);
	if (!done && o.list) {
		list_formats();
	} else if (!done && o.format == NULL) {
		complain("rules needs --format NAME; damp rules --list names them");
		status = EXIT_USAGE;
	} else if (!done) {
		if (n == 0)
			status = read_alert_file("-", &list);
		for (int i = 0; i < n; i++)
			if (read_alert_file(file[i], &list) != EXIT_OK)
				status = EXIT_FAILED;
		written = write_rules(&o, list.alert, list.n);
		if (written != EXIT_OK)
			status = written;
	}
	free(list.alert);
	free(file);
	return status;
}
