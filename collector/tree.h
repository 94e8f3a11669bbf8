/* Files and folders of a command line as one list of files to read.
 *
 * A file keeps its place.  The files of all folders together are sorted by time and stand where the first folder
 * stood: the archives of flow-capture, nfcapd and damp itself are read in the order in which they were written,
 * whatever the order of the arguments.  The time is the name's, if it has one:
 *   ft-v05.2011-02-13.075500+1100   nfcapd.201102130755 (local time)   damp-20110213T075500+1100.ipfix.zst
 * else the one in the file's header (also behind compression); files without any follow, by name.
 * Not taken from folders: tmp-*, *.tmp, .*, nfcapd.current*, what is no file, and files of no known format.
 */
#ifndef COLLECTOR_TREE_H
#define COLLECTOR_TREE_H

#include <stddef.h>
#include <stdint.h>

enum { TREE_FILES_MAX = 1 << 20, TREE_FOLDERS_MAX = 1 << 16, TREE_DEPTH_MAX = 32 };

struct tree_list {
	char **path; /* owned by the list */
	size_t n;
};

/* Told of folders that cannot be read, and of bounds that were reached. */
typedef void tree_problem(void *ctx, const char *path, const char *reason);

/* 0, or ERR_NOMEM with an empty list.  A path that is no folder, or not there, is taken as a file.  A folder that was
 * seen already (by another argument, or a symbolic link) is not read again.  `problem` may be NULL. */
int tree_expand(const char *const *paths, size_t n, struct tree_list *list, tree_problem *problem, void *ctx);
void tree_list_done(struct tree_list *list);

/* When a file's contents began by its name alone, in ns since 1970; 0: the name does not say. */
int64_t tree_name_time(const char *name);
/* The same by the first bytes of its (decompressed) contents. */
int64_t tree_head_time(const uint8_t *head, size_t n);
/* Compares names so that digits count as numbers: a2 before a10. */
int tree_compare(const char *a, const char *b);

#endif
