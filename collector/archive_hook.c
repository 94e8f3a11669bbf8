/* The hook of the archive: a program per complete file, started without a shell, never waited for. */
#include "collector/archive_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* The child has standard output and error of ours, nothing to read, and no signal blocked or ignored. */
static int
start(const char *program, char *path)
{
	char *argv[] = {(char *)(uintptr_t)program, path, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&files) != 0)
		return -1;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -1;
	}
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (posix_spawn(&pid, program, &files, &attr, argv, environ) != 0)
		pid = -1;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

static void
reap(struct archive_hooks *h, struct archive_stats *stats)
{
	for (int i = 0; i < ARCHIVE_HOOKS; i++) {
		int status = 0;
		pid_t got = h->pid[i] > 0 ? waitpid(h->pid[i], &status, WNOHANG) : 0;

		if (got == 0)
			continue;
		h->pid[i] = 0;
		/* ECHILD: the program reaps its children itself */
		if (got > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
			stats->hooks_failed++;
	}
}

void
archive_hooks_run(struct archive_hooks *h, bool all, struct archive_stats *stats)
{
	int slot = 0;

	reap(h, stats);
	while (h->waiting_n > 0) {
		char *path = h->waiting[h->first];
		int pid;

		while (slot < ARCHIVE_HOOKS && h->pid[slot] != 0)
			slot++;
		if (slot == ARCHIVE_HOOKS && !all)
			return;
		h->first = (h->first + 1) % ARCHIVE_HOOKS_WAITING;
		h->waiting_n--;
		pid = start(h->program, path);
		free(path);
		if (pid < 0) {
			stats->hooks_failed++;
			continue;
		}
		stats->hooks++;
		if (slot < ARCHIVE_HOOKS)
			h->pid[slot] = pid;
	}
}

void
archive_hooks_add(struct archive_hooks *h, const char *path, struct archive_stats *stats)
{
	char *copy;

	if (h->program == NULL)
		return;
	copy = h->waiting_n < ARCHIVE_HOOKS_WAITING ? strdup(path) : NULL;
	if (copy == NULL) {
		stats->hooks_skipped++;
		return;
	}
	h->waiting[(h->first + h->waiting_n++) % ARCHIVE_HOOKS_WAITING] = copy;
	archive_hooks_run(h, false, stats);
}

void
archive_hooks_done(struct archive_hooks *h)
{
	while (h->waiting_n > 0)
		free(h->waiting[(h->first + --h->waiting_n) % ARCHIVE_HOOKS_WAITING]);
}
