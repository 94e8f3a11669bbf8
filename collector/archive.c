/* When a file begins and ends, what it is called, and what happens when the disk does not take it. */
#include "collector/archive_inner.h"

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
#include "collector/ipfix_encode.h"

enum {
	DAY_S = 86400,
	/* Small enough for a datagram, as files are replayed to collectors message by message. */
	MESSAGE_BYTES = 16384,
	RETRY_S = 10,           /* after an error */
	EXPIRE_S = 60,          /* age is looked at so often */
	LONG_S = 3 * 3600,      /* intervals that follow the clock's changes */
};

struct archive {
	struct archive_setup setup; /* dir and hook are the copies below */
	char *dir, *hook;
	struct archive_file *file;  /* NULL: none open */
	char tmp[ARCHIVE_PATH], name[ARCHIVE_PATH];
	int64_t now_ns;             /* 0: not told yet */
	int64_t end_s;              /* of the open file's interval */
	int64_t first_s;            /* the open file's first message */
	int64_t sync_ns, retry_ns, expire_ns;
	struct ipfix_encoder message;
	bool message_open;
	uint32_t sequence;
	uint64_t file_records, file_synced;
	bool told;                  /* of trouble, and nothing has gone well since */
	struct archive_index index;
	struct archive_hooks hooks;
	struct archive_stats stats;
	uint8_t bytes[MESSAGE_BYTES];
};

void
archive_setup_defaults(struct archive_setup *s)
{
	*s = (struct archive_setup){.interval_s = 300, .nesting = ARCHIVE_NESTING_MAX, .level = 1, .sync_s = 5,
	    .zone_s = ARCHIVE_ZONE_LOCAL};
}

__attribute__((format(printf, 2, 3))) static void
tell(struct archive *a, const char *fmt, ...)
{
	char text[ARCHIVE_PATH + 256];
	va_list ap;

	if (a->setup.told == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	a->setup.told(a->setup.ctx, text);
}

/* Once, until something goes well again. */
static void
trouble(struct archive *a, const char *doing, const char *path)
{
	int saved = errno;

	a->stats.errors++;
	a->retry_ns = a->now_ns + RETRY_S * NS_PER_S;
	if (!a->told)
		tell(a, "archive: cannot %s %s: %s; flow records are lost until it works again", doing, path, strerror(saved));
	a->told = true;
}

/* --- times and names -------------------------------------------------------------------------------------- */

static int64_t
zone_at(const struct archive *a, int64_t t_s)
{
	time_t t = (time_t)t_s;
	struct tm tm;

	if (a->setup.zone_s != ARCHIVE_ZONE_LOCAL)
		return a->setup.zone_s;
	return localtime_r(&t, &tm) != NULL ? tm.tm_gmtoff : 0;
}

/* The interval around now.  Short intervals do not notice that clocks change, as zones move by quarters of an hour;
 * a day begins at midnight by the clock of its beginning, and may have 23 or 25 hours. */
static void
interval(const struct archive *a, int64_t *start_s, int64_t *end_s, int64_t *zone_s)
{
	int64_t now_s = time_seconds(a->now_ns), zone = zone_at(a, now_s), span = a->setup.interval_s;
	int64_t local = now_s + zone, day = local - ((local % DAY_S) + DAY_S) % DAY_S;
	int64_t begin = local - (local - day) % span, end = begin + span;

	if (end > day + DAY_S) /* an interval that does not divide the day ends with it */
		end = day + DAY_S;
	*start_s = begin - zone;
	*zone_s = zone_at(a, *start_s);
	*end_s = end - zone;
	if (span < LONG_S)
		return;
	*start_s = begin - *zone_s;
	*end_s = end - zone_at(a, end - zone);
	if (*start_s > now_s)
		*start_s = now_s;
	if (*end_s <= now_s)
		*end_s = now_s + 1;
}

/* Makes DIR/2026/2026-04/... down to `path`'s directory. */
static int
make_parents(const struct archive *a, char *path)
{
	for (char *p = path + strlen(a->dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
		int made;

		*p = '\0';
		made = mkdir(path, 0750);
		if (made == 0)
			archive_sync_parent(path);
		if (made < 0 && errno != EEXIST)
			return ERR_IO;
		*p = '/';
	}
	return 0;
}

static int
make_names(struct archive *a, int64_t start_s, int64_t zone_s)
{
	time_t local = (time_t)(start_s + zone_s);
	int64_t off = zone_s < 0 ? -zone_s : zone_s;
	char nest[64] = "", name[64];
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&local, &tm) == NULL)
		return ERR_INVALID;
	if (a->setup.nesting > 0)
		n += strftime(nest + n, sizeof(nest) - n, "%Y/", &tm);
	if (a->setup.nesting > 1)
		n += strftime(nest + n, sizeof(nest) - n, "%Y-%m/", &tm);
	if (a->setup.nesting > 2)
		n += strftime(nest + n, sizeof(nest) - n, "%Y-%m-%d/", &tm);
	n = strftime(name, sizeof(name), "damp-%Y%m%dT%H%M%S", &tm);
	snprintf(name + n, sizeof(name) - n, "%c%02d%02d.ipfix%s", zone_s < 0 ? '-' : '+', (int)(off / 3600) % 100,
	    (int)(off / 60) % 60, a->setup.level > 0 ? ".zst" : "");
	if (snprintf(a->name, sizeof(a->name), "%s/%s%s", a->dir, nest, name) >= ARCHIVE_PATH - 16 ||
	    snprintf(a->tmp, sizeof(a->tmp), "%s/%stmp-%s", a->dir, nest, name) >= ARCHIVE_PATH - 16)
		return ERR_INVALID;
	return 0;
}

/* --- one file --------------------------------------------------------------------------------------------- */

static void
begin_message(struct archive *a)
{
	int64_t now_s = time_seconds(a->now_ns);

	ipfix_encode_begin(&a->message, (uint32_t)now_s, a->sequence, a->sequence == 0);
	if (a->sequence == 0)
		a->first_s = now_s;
	a->message_open = true;
}

static int
end_message(struct archive *a)
{
	size_t n;

	if (!a->message_open)
		return 0;
	a->message_open = false;
	if (a->message.records == 0)
		return 0;
	n = ipfix_encode_finish(&a->message);
	a->sequence += a->message.records;
	return archive_file_write(a->file, a->bytes, n);
}

/* Gives a complete file its name and passes it on. */
static void
complete(struct archive *a, const char *tmp, const char *name, uint64_t bytes, int64_t first_s)
{
	char used[ARCHIVE_PATH];

	if (archive_file_name(tmp, name, used) < 0) {
		trouble(a, "rename", tmp);
		return;
	}
	a->stats.files++;
	a->stats.bytes += bytes;
	if (archive_index_add(&a->index, used, first_s, bytes) < 0)
		a->stats.errors++;
	archive_hooks_add(&a->hooks, used, &a->stats);
}

static void
expire(struct archive *a)
{
	archive_index_expire(&a->index, &a->setup.limits, time_seconds(a->now_ns), a->setup.interval_s, a->dir, &a->stats);
	a->expire_ns = a->now_ns + EXPIRE_S * NS_PER_S;
}

/* The disk refused: what was synced stays a file of its own, the rest is lost. */
static void
fail_file(struct archive *a, const char *doing)
{
	uint64_t good;

	trouble(a, doing, a->tmp);
	a->stats.lost += a->file_records - a->file_synced;
	a->stats.records += a->file_synced;
	good = archive_file_abandon(a->file);
	a->file = NULL;
	a->message_open = false;
	if (good > 0)
		complete(a, a->tmp, a->name, good, a->first_s);
	else
		unlink(a->tmp);
}

static int
sync_file(struct archive *a)
{
	a->sync_ns = a->now_ns + a->setup.sync_s * NS_PER_S;
	if (end_message(a) < 0 || archive_file_sync(a->file) < 0) {
		fail_file(a, "write");
		return ERR_IO;
	}
	if (a->told && a->file_records > 0) {
		tell(a, "archive: writing to %s works again; %llu flow records were lost", a->dir,
		    (unsigned long long)a->stats.lost);
		a->told = false;
	}
	a->file_synced = a->file_records;
	return 0;
}

static void
close_file(struct archive *a)
{
	uint64_t bytes;

	if (a->file == NULL || sync_file(a) < 0)
		return;
	bytes = archive_file_bytes(a->file);
	a->stats.records += a->file_records;
	if (archive_file_close(a->file) < 0)
		trouble(a, "close", a->tmp);
	a->file = NULL;
	if (bytes > 0)
		complete(a, a->tmp, a->name, bytes, a->first_s);
	else
		unlink(a->tmp);
	expire(a);
}

static int
open_file(struct archive *a)
{
	int64_t start_s, zone_s;
	int err = ERR_IO;

	if (a->now_ns < a->retry_ns)
		return ERR_IO;
	interval(a, &start_s, &a->end_s, &zone_s);
	if (make_names(a, start_s, zone_s) == 0 && make_parents(a, a->tmp) == 0) {
		a->file = archive_file_create(a->tmp, a->setup.level);
		/* its interval is being written by a process we do not know: next to it */
		for (int i = 1; a->file == NULL && errno == EEXIST && i < 100; i++) {
			size_t n = strlen(a->tmp) - (a->setup.level > 0 ? 10 : 6);

			if (i > 1)
				n -= i > 10 ? 3 : 2;
			snprintf(a->tmp + n, sizeof(a->tmp) - n, "-%d.ipfix%s", i, a->setup.level > 0 ? ".zst" : "");
			a->file = archive_file_create(a->tmp, a->setup.level);
		}
		err = a->file != NULL ? 0 : ERR_IO;
	}
	if (err < 0) {
		trouble(a, "write", a->tmp);
		return err;
	}
	a->sequence = 0;
	a->file_records = a->file_synced = 0;
	a->sync_ns = a->now_ns + a->setup.sync_s * NS_PER_S;
	begin_message(a);
	return 0;
}

/* --- from outside --------------------------------------------------------------------------------------------- */

static void
finish_leftover(void *ctx, const char *path)
{
	struct archive *a = ctx;
	const char *slash = strrchr(path, '/');
	char to[ARCHIVE_PATH], used[ARCHIVE_PATH];
	int64_t good = archive_file_repair(path);

	if (good == ERR_FULL)
		return;
	if (good < 0) {
		trouble(a, "finish", path);
		return;
	}
	if (good == 0) {
		a->stats.discarded++;
		unlink(path);
		return;
	}
	/* without "tmp-" */
	snprintf(to, sizeof(to), "%.*s/%s", (int)(slash - path), path, slash + 1 + 4);
	if (archive_file_name(path, to, used) < 0) {
		trouble(a, "rename", path);
		return;
	}
	a->stats.recovered++;
	tell(a, "archive: finished %s, left open by an earlier run", used);
	archive_hooks_add(&a->hooks, used, &a->stats);
}

static bool
setup_good(const struct archive_setup *s, char *why, size_t n)
{
	const char *wrong = NULL;

	if (s->dir == NULL || s->dir[0] == '\0' || strlen(s->dir) > ARCHIVE_PATH - 128)
		wrong = "no directory, or too long a name";
	else if (s->interval_s < 1 || s->interval_s > DAY_S)
		wrong = "the interval must be between 1 s and a day";
	else if (s->nesting > ARCHIVE_NESTING_MAX)
		wrong = "nesting must be between 0 and 3";
	else if (s->level < 0 || s->level > 19)
		wrong = "the level must be between 0 and 19";
	if (wrong != NULL)
		snprintf(why, n, "archive: %s", wrong);
	return wrong == NULL;
}

static char *
copy_dir(const char *dir)
{
	char *copy = strdup(dir);
	size_t n = copy != NULL ? strlen(copy) : 0;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	return copy;
}

struct archive *
archive_open(const struct archive_setup *s, char *why, size_t why_size)
{
	struct archive *a;

	if (!setup_good(s, why, why_size))
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		goto no_memory;
	a->setup = *s;
	a->dir = copy_dir(s->dir);
	a->hook = s->hook != NULL ? strdup(s->hook) : NULL;
	if (a->dir == NULL || (s->hook != NULL && a->hook == NULL))
		goto no_memory;
	a->setup.dir = a->dir;
	a->setup.hook = a->hooks.program = a->hook;
	if (!archive_file_compresses())
		a->setup.level = 0;
	ipfix_encode_init(&a->message, IPFIX_ARCHIVE, s->domain, a->bytes, sizeof(a->bytes));
	if ((mkdir(a->dir, 0750) < 0 && errno != EEXIST) || access(a->dir, W_OK | X_OK) < 0 ||
	    archive_index_scan(&a->index, a->dir, finish_leftover, a) < 0) {
		snprintf(why, why_size, "archive: %s: %s", a->dir, strerror(errno));
		archive_close(a);
		return NULL;
	}
	a->retry_ns = 0;
	return a;
no_memory:
	snprintf(why, why_size, "archive: %s", err_text(ERR_NOMEM));
	archive_close(a);
	return NULL;
}

void
archive_time(struct archive *a, int64_t now_ns)
{
	if (a->hook != NULL)
		archive_hooks_run(&a->hooks, false, &a->stats);
	if (now_ns <= a->now_ns)
		return;
	a->now_ns = now_ns;
	if (a->file != NULL && now_ns >= a->end_s * NS_PER_S)
		close_file(a);
	else if (a->file != NULL && a->setup.sync_s != 0 && now_ns >= a->sync_ns)
		sync_file(a);
	if (now_ns >= a->expire_ns)
		expire(a);
}

void
archive_put(struct archive *a, const struct flow *f, const struct flow_extra *extra)
{
	if (a->now_ns == 0)
		a->now_ns = flow_time(f);
	if (a->file == NULL && open_file(a) < 0) {
		a->stats.lost++;
		return;
	}
	a->file_records++;
	if (!a->message_open)
		begin_message(a);
	if (ipfix_encode_add(&a->message, f, extra))
		return;
	if (end_message(a) < 0) {
		fail_file(a, "write");
		return;
	}
	begin_message(a);
	ipfix_encode_add(&a->message, f, extra); /* an empty message has room */
}

void
archive_rotate(struct archive *a)
{
	close_file(a);
}

void
archive_close(struct archive *a)
{
	if (a == NULL)
		return;
	close_file(a);
	archive_hooks_run(&a->hooks, true, &a->stats);
	archive_hooks_done(&a->hooks);
	archive_index_done(&a->index);
	free(a->dir);
	free(a->hook);
	free(a);
}

void
archive_stats(const struct archive *a, struct archive_stats *s)
{
	*s = a->stats;
	s->held_files = a->index.n;
	s->held_bytes = a->index.bytes;
}
