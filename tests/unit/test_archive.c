/* The archive: rotation, deaths, retention, hooks, zones, full disks.  Files are read back through zstd -dc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "collector/archive_inner.h"
#include "collector/ipfix_encode.h"
#include "ipfix_reader.h"

#define T0 INT64_C(1775952000) /* 2026-04-12T00:00:00Z */

static char dir[64], kept[4096];
static int kept_n, told_n;

static void
keep_told(void *ctx, const char *text)
{
	(void)ctx, (void)text;
	told_n++;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/damp-archive-XXXXXX");
	told_n = 0;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct archive *
open_archive(struct archive_setup *s)
{
	char why[300];
	struct archive *a;

	s->dir = dir;
	s->told = keep_told;
	a = archive_open(s, why, sizeof(why));
	if (a == NULL)
		fail_msg("%s", why);
	return a;
}

static struct archive_setup
plain_setup(void)
{
	struct archive_setup s;

	archive_setup_defaults(&s);
	s.zone_s = 0;
	return s;
}

static struct flow
sample(uint32_t i)
{
	uint8_t a4[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, b4[4] = {192, 0, 2, 1};
	uint8_t a6[16] = {0x20, 1, 0xd, 0xb8, [12] = (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
	bool v6 = i % 3 == 0;

	return (struct flow){.start_ns = (T0 + i / 100) * NS_PER_S, .end_ns = (T0 + i / 100 + 1) * NS_PER_S,
	    .seen_ns = (T0 + i / 100 + 2) * NS_PER_S, .src = v6 ? addr_v6(a6) : addr_v4(a4),
	    .dst = v6 ? addr_v6(a6) : addr_v4(b4), .packets = i, .bytes = 100 * (uint64_t)i, .sampling = 1,
	    .sport = 53, .dport = (uint16_t)i, .proto = FLOW_UDP, .flags = FLOW_RECORD};
}

static void
put(struct archive *a, int64_t now_s, uint32_t i)
{
	struct flow f = sample(i);

	archive_time(a, now_s * NS_PER_S);
	archive_put(a, &f, NULL);
}

/* --- looking at the directory ---------------------------------------------------------------------------- */

static int
list_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	if (type == FTW_F) {
		strcat(strcat(kept, path + strlen(dir) + 1), "\n");
		kept_n++;
	}
	(void)f;
	return 0;
}

static int
by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All files below dir, sorted, a line each. */
static const char *
files(void)
{
	static char sorted[4096];
	char *line[128];
	int n = 0;

	kept[0] = sorted[0] = '\0';
	kept_n = 0;
	nftw(dir, list_one, 16, FTW_PHYS);
	for (char *p = strtok(kept, "\n"); p != NULL; p = strtok(NULL, "\n"))
		line[n++] = p;
	qsort(line, (size_t)n, sizeof(line[0]), by_line);
	for (int i = 0; i < n; i++)
		strcat(strcat(sorted, line[i]), "\n");
	return sorted;
}

struct total {
	uint64_t n, packets, bytes, next;
	bool ordered;
};

static void
compare(void *ctx, const struct ipfix_record *r)
{
	struct total *t = ctx;
	uint32_t i = (uint32_t)r->v[2];
	struct flow f = sample(i);

	t->n++;
	t->packets += r->v[2];
	t->bytes += r->v[1];
	t->ordered = t->ordered && i == t->next;
	t->next = (uint64_t)i + 1;
	assert_int_equal(r->v[11], f.dport);
	assert_int_equal(r->v[152], f.start_ns / 1000000);
	assert_int_equal(r->v[258], f.seen_ns / 1000000);
	if (addr_is_v4(&f.src))
		assert_int_equal(r->v[8] & 0xffffff, i & 0xffffff);
	else
		assert_memory_equal(r->a6[27].b, f.src.b, 16);
}

static size_t
plain_bytes(const char *path, uint8_t **bytes)
{
	size_t n = 0, cap = 1 << 24, got;
	char command[400];
	FILE *p;

	snprintf(command, sizeof(command), "%s %s", strstr(path, ".zst") != NULL ? "zstd -qdc" : "cat", path);
	*bytes = malloc(cap);
	assert_non_null(*bytes);
	p = popen(command, "r");
	assert_non_null(p);
	while (n < cap && (got = fread(*bytes + n, 1, cap - n, p)) > 0)
		n += got;
	assert_int_equal(pclose(p), 0);
	return n;
}

static void
read_file(const char *path, struct total *t)
{
	struct ipfix_reader r = {0}; /* templates must be in each file */
	uint8_t *bytes;
	size_t n = plain_bytes(path, &bytes), at = 0;
	uint64_t before = t->n;

	while (at < n) {
		int length = ipfix_reader_message(&r, bytes + at, n - at, compare, t);

		assert_true(length > 0);
		at += (size_t)length;
	}
	assert_true(t->n > before);
	free(bytes);
}

static struct total
read_all(void)
{
	struct total t = {.ordered = true};
	char list[4096], *p;

	strcpy(list, files());
	for (p = strtok(list, "\n"); p != NULL; p = strtok(NULL, "\n")) {
		char path[300];

		snprintf(path, sizeof(path), "%s/%s", dir, p);
		read_file(path, &t);
	}
	return t;
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void
rotation_keeps_every_record(void **state)
{
	static const int level[] = {1, 0};

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct archive_setup s = plain_setup();
		struct archive_stats st;
		struct archive *a;
		struct total t;

		s.level = level[k];
		a = open_archive(&s);
		for (uint32_t i = 0; i < 100000; i++)
			put(a, T0 + i / 100, i); /* 1000 s: four intervals */
		archive_rotate(a);
		archive_stats(a, &st);
		archive_close(a);
		assert_int_equal(st.records, 100000);
		assert_int_equal(st.files, 4);
		assert_int_equal(st.lost, 0);
		t = read_all();
		assert_int_equal(t.n, 100000);
		assert_true(t.ordered);
		assert_int_equal(t.packets, UINT64_C(99999) * 100000 / 2);
		assert_int_equal(t.bytes, 100 * t.packets);
		assert_int_equal(kept_n, 4);
		assert_non_null(strstr(files(), "2026/2026-04/2026-04-12/damp-20260412T001500+0000.ipfix"));
		teardown(NULL);
		setup(NULL);
	}
}

static void
names_are_never_taken_twice(void **state)
{
	struct archive_setup s = plain_setup();
	struct archive *a;

	(void)state;
	s.nesting = 0;
	s.level = 0;
	for (uint32_t i = 0; i < 3; i++) {
		a = open_archive(&s);
		put(a, T0 + 7, i);
		assert_string_equal(strstr(files(), "tmp-"), "tmp-damp-20260412T000000+0000.ipfix\n");
		archive_close(a);
	}
	assert_string_equal(files(), "damp-20260412T000000+0000-1.ipfix\ndamp-20260412T000000+0000-2.ipfix\n"
	    "damp-20260412T000000+0000.ipfix\n");
	assert_int_equal(read_all().packets, 0 + 1 + 2);
}

/* A child is killed in the midst of writing; what it synced is there, complete files are untouched. */
static void
a_killed_process_costs_what_came_since_the_sync(void **state)
{
	for (int level = 0; level < 2; level++) {
		struct archive_setup s = plain_setup();
		struct archive_stats st;
		struct archive *a;
		struct total t;
		pid_t pid;
		int status, fd;
		char path[300], *p;

		(void)state;
		s.level = level;
		s.nesting = 0;
		pid = fork();
		if (pid == 0) {
			a = open_archive(&s);
			for (uint32_t i = 0; i < 40000; i++)
				put(a, T0 + i / 100, i); /* one complete file, 100 s into the second */
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		p = strstr(files(), "tmp-");
		assert_non_null(p);
		snprintf(path, sizeof(path), "%s/%.*s", dir, (int)strcspn(p, "\n"), p);
		/* and the disk had got half of something */
		fd = open(path, O_WRONLY | O_APPEND);
		assert_int_equal(write(fd, "\0\12\x40\0half", 8), 8);
		close(fd);
		a = open_archive(&s);
		archive_stats(a, &st);
		assert_int_equal(st.recovered, 1);
		assert_int_equal(st.held_files, 2);
		put(a, T0 + 400, 50000); /* the same interval again */
		archive_close(a);
		assert_null(strstr(files(), "tmp-"));
		assert_int_equal(kept_n, 3);
		t = read_all();
		assert_true(t.n >= 40000 - 500 - 1 && t.n <= 40001); /* sync_s 5, 100 a second */
		teardown(NULL);
		setup(NULL);
	}
}

static void
a_living_process_keeps_its_file(void **state)
{
	struct archive_setup s = plain_setup();
	struct archive *a, *b;
	struct archive_stats st;

	(void)state;
	s.nesting = 0;
	a = open_archive(&s);
	put(a, T0, 1);
	b = open_archive(&s);
	archive_stats(b, &st);
	assert_int_equal(st.recovered + st.discarded, 0);
	put(b, T0, 2);
	archive_close(b);
	archive_close(a);
	assert_int_equal(read_all().packets, 3);
	assert_int_equal(kept_n, 2);
}

/* Ten files of a day each, copied so that mtimes run backwards: the same ones go. */
static void
retention_goes_by_the_time_inside(void **state)
{
	struct archive_setup s = plain_setup();
	struct archive_stats st;
	struct archive *a;
	char list[4096], *p;
	time_t mtime = 2000000000;
	FILE *alien;
	char path[300];

	(void)state;
	s.nesting = 1;
	a = open_archive(&s);
	for (uint32_t day = 0; day < 40; day++)
		put(a, T0 + day * INT64_C(86400), day);
	archive_close(a);
	strcpy(list, files());
	assert_int_equal(kept_n, 40);
	for (p = strtok(list, "\n"); p != NULL; p = strtok(NULL, "\n")) {
		struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};

		mtime -= 86400;
		snprintf(path, sizeof(path), "%s/%s", dir, p);
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	/* not ours, or not readable: neither counted nor deleted */
	snprintf(path, sizeof(path), "%s/damp-20200101T000000+0000.ipfix", dir);
	alien = fopen(path, "w");
	fputs("not a message at all", alien);
	fclose(alien);
	snprintf(path, sizeof(path), "%s/2026/ft-v05.2026-01-01.000000+0000", dir);
	fclose(fopen(path, "w"));

	s.limits.max_age_s = 31 * 86400;
	a = open_archive(&s);
	/* day 8's interval ended 31 days ago to the second: it stays, day 7 goes */
	archive_time(a, (T0 + 39 * INT64_C(86400) + 300) * NS_PER_S);
	archive_stats(a, &st);
	assert_int_equal(st.expired, 8);
	assert_null(strstr(files(), "damp-20260419T"));
	assert_non_null(strstr(files(), "damp-20260420T"));
	archive_time(a, (T0 + 39 * INT64_C(86400) + 300 + 61) * NS_PER_S);
	assert_null(strstr(files(), "damp-20260420T"));
	archive_close(a);

	s.limits = (struct archive_limits){.max_count = 5};
	a = open_archive(&s);
	archive_time(a, (T0 + 40 * INT64_C(86400)) * NS_PER_S);
	archive_stats(a, &st);
	archive_close(a);
	assert_int_equal(st.held_files, 5);
	assert_non_null(strstr(files(), "damp-20260517T"));
	assert_int_equal(kept_n, 5 + 2);

	s.limits = (struct archive_limits){.max_bytes = st.held_bytes - 1};
	a = open_archive(&s);
	archive_time(a, (T0 + 40 * INT64_C(86400)) * NS_PER_S);
	archive_close(a);
	assert_null(strstr(files(), "damp-20260517T"));
	assert_int_equal(kept_n, 4 + 2);
}

static void
the_hook_gets_each_complete_file(void **state)
{
	struct archive_setup s = plain_setup();
	struct archive_stats st = {0};
	struct archive *a;
	char hook[100], out[100], line[300];
	int n = 0;
	FILE *f;

	(void)state;
	snprintf(hook, sizeof(hook), "%s/hook", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	f = fopen(hook, "w");
	fprintf(f, "#!/bin/sh\ntest -s \"$1\" && test $# = 1 && echo \"$1\" >>%s\ntest \"${1%%0+*}\" = \"$1\"\n", out);
	fclose(f);
	chmod(hook, 0755);
	s.hook = hook;
	s.nesting = 0;
	a = open_archive(&s);
	for (uint32_t i = 0; i < 8; i++)
		put(a, T0 + 300 * i, i);
	archive_rotate(a);
	for (int i = 0; i < 500 && st.hooks + st.hooks_failed < 16; i++) {
		archive_time(a, (T0 + 3000) * NS_PER_S);
		archive_stats(a, &st);
		usleep(20000);
	}
	assert_int_equal(st.hooks, 8);
	assert_int_equal(st.hooks_failed, 8); /* the names end in 0, so the last test fails: its status is seen */
	archive_close(a);
	f = fopen(out, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(access(line, R_OK), 0);
		assert_null(strstr(line, "tmp-"));
		n++;
	}
	fclose(f);
	assert_int_equal(n, 8);
}

/* The night of 2026-10-25 in central Europe: 03:00 summer time is 02:00 again. */
static void
the_repeated_hour_has_names_of_its_own(void **state)
{
	static const int64_t change = 1792890000; /* 2026-10-25T01:00:00Z */
	struct archive_setup s = plain_setup();
	struct archive *a;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	s.zone_s = ARCHIVE_ZONE_LOCAL;
	s.nesting = 0;
	s.level = 0;
	a = open_archive(&s);
	for (uint32_t i = 0; i < 2; i++) {
		put(a, change - 1800 + 3600 * i, i);
		archive_rotate(a);
	}
	archive_close(a);
	assert_string_equal(files(), "damp-20261025T023000+0100.ipfix\ndamp-20261025T023000+0200.ipfix\n");
	teardown(NULL);
	setup(NULL);
	/* files of a day: that one has 25 hours */
	s.interval_s = 86400;
	a = open_archive(&s);
	for (uint32_t hour = 0; hour < 26; hour++)
		put(a, change - 3 * 3600 + 3600 * hour, hour);
	archive_close(a);
	assert_string_equal(files(), "damp-20261025T000000+0200.ipfix\ndamp-20261026T000000+0100.ipfix\n");
	setenv("TZ", "UTC", 1);
	tzset();
}

/* No file may grow past 1000 bytes: the disk is full.  What was synced stays, then it works again. */
static void
a_full_disk_is_told_once_and_counted(void **state)
{
	struct archive_setup s = plain_setup();
	struct rlimit old, small;
	struct archive_stats st;
	struct archive *a;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	s.nesting = 0;
	s.level = 0;
	a = open_archive(&s);
	for (uint32_t i = 0; i < 400; i++)
		put(a, T0 + i / 50, i); /* the first 5 s are synced */
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 1000;
	setrlimit(RLIMIT_FSIZE, &small);
	for (uint32_t i = 400; i < 2000; i++)
		put(a, T0 + i / 50, i);
	setrlimit(RLIMIT_FSIZE, &old);
	archive_stats(a, &st);
	assert_int_equal(told_n, 1);
	assert_true(st.lost > 0 && st.errors > 0);
	for (uint32_t i = 2000; i < 3000; i++)
		put(a, T0 + i / 50 + 20, i);
	archive_rotate(a);
	archive_stats(a, &st);
	archive_close(a);
	assert_int_equal(told_n, 2);
	assert_int_equal(st.records + st.lost, 3000);
	assert_int_equal(st.records, 250 + 250 + 1000); /* synced; in memory when there was room again; after */
	assert_null(strstr(files(), "tmp-"));
	assert_int_equal(read_all().n, st.records);
}

static void
wrong_settings_are_refused(void **state)
{
	struct archive_setup s = plain_setup();
	char why[300];

	(void)state;
	s.dir = "/proc/no/such";
	assert_null(archive_open(&s, why, sizeof(why)));
	assert_non_null(strstr(why, "/proc/no/such"));
	s.dir = dir;
	s.interval_s = 0;
	assert_null(archive_open(&s, why, sizeof(why)));
	assert_non_null(strstr(why, "interval"));
	assert_int_equal(archive_name_kind("damp-20260412T021500+0200.ipfix.zst"), 1);
	assert_int_equal(archive_name_kind("damp-20260412T021500-0330-12.ipfix"), 1);
	assert_int_equal(archive_name_kind("tmp-damp-20260412T021500+0200.ipfix"), 2);
	assert_int_equal(archive_name_kind("damp-20260412T021500+0200.ipfix.gz"), 0);
	assert_int_equal(archive_name_kind("ft-v05.2026-04-12.021500+0200"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rotation_keeps_every_record),
		TEST(names_are_never_taken_twice),
		TEST(a_killed_process_costs_what_came_since_the_sync),
		TEST(a_living_process_keeps_its_file),
		TEST(retention_goes_by_the_time_inside),
		TEST(the_hook_gets_each_complete_file),
		TEST(the_repeated_hour_has_names_of_its_own),
		TEST(a_full_disk_is_told_once_and_counted),
		TEST(wrong_settings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
