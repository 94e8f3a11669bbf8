/* Checking a file or stream of alert lines: every line's shape, signature and place in the chain.
 *
 * What a good result proves, with the key: whoever holds the private key wrote every one of these
 * lines, none was changed, and none is missing between the first and the last.  What it cannot prove: that
 * nothing followed the last line, and, where the first line's seq is not 1, what came before it.  Without
 * a key no signature is checked at all: the chain alone shows accidents, not forgery, because anyone
 * can compute hashes.
 *
 * Lines are checked in blocks of 1 MiB by `threads` workers and joined in order, so a result does
 * not depend on their number.  RAM: (2 * threads + 1) MiB.
 */
#ifndef FEEDS_VERIFY_H
#define FEEDS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "feeds/sign.h"

enum { VERIFY_KIDS = 8, VERIFY_WHY = 240 };

struct verify_options {
	const struct sign_pub *keys; /* any of them may have signed; NULL with keys_n 0: chain only */
	size_t keys_n;
	unsigned int threads;        /* 0: one per core */
	/* Called in the caller's thread about every MiB; NULL: never. */
	void (*progress)(void *ctx, uint64_t lines, uint64_t bytes);
	void *ctx;
};

struct verify_kid {
	char kid[TAIL_KID_HEX + 1];
	uint64_t lines;
};

struct verify_result {
	bool signatures;               /* they were checked */
	uint64_t lines, bytes;         /* good lines before the first bad one, and their bytes */
	uint64_t first_seq, last_seq;  /* of the good lines; 0 when there are none */
	char first_prev[TAIL_HASH_HEX + 1], last_hash[TAIL_HASH_HEX + 1];
	struct verify_kid kid[VERIFY_KIDS]; /* the keys the lines name, in order of appearance */
	size_t kids_n;
	bool kids_more;                /* there were more than that */
	uint64_t bad_line;             /* number of the first line that fails, from 1; 0: none */
	char why[VERIFY_WHY];          /* bad_line or ERR_IO: the reason */
};

/* Reads fd to its end.  0; ERR_SIGNATURE when a line fails (see bad_line, why); ERR_IO or
 * ERR_NOMEM with `why`.  An empty input is good and has no lines. */
int verify_fd(int fd, const struct verify_options *o, struct verify_result *r);

/* Whether `after` begins with the very line that follows `before`'s last: rotated files, in order. */
bool verify_follows(const struct verify_result *before, const struct verify_result *after);

/* For people, several lines of text: what was and what was not proven of the file `name`. */
void verify_explain(const struct verify_result *r, const char *name, struct buf *out);

#endif
