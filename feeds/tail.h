/* The fixed end of a signed alert line, found from its last byte:
 *
 *   ...,"seq":12,"prev":"<64 hex>","kid":"<16 hex>"},"sig":"<88 base64>"}
 *
 * tail_scan only measures this layout, at a cost that does not depend on the line's length.  That
 * is sound for a line whose signature holds, because the key's owner writes no other layout.  For
 * a line from anybody else tail_shape walks the whole line once and makes sure that a JSON reader
 * would find the very same members: one `sig` and one `damp` at the top, one `seq`, `prev` and
 * `kid` directly in `damp`, no name hidden by an escape.
 *
 * Pure functions over borrowed bytes; any thread.
 */
#ifndef FEEDS_TAIL_H
#define FEEDS_TAIL_H

#include <stddef.h>
#include <stdint.h>

enum { TAIL_HASH_HEX = 64, TAIL_KID_HEX = 16, TAIL_SIG_BASE64 = 88, TAIL_SIG_BYTES = 64 };
/* ,"sig":" + base64 + ": what is taken out for the signature. */
enum { TAIL_SIG_MEMBER = 8 + TAIL_SIG_BASE64 + 1 };
/* No tail is longer: seq has at most 20 digits. */
enum { TAIL_MAX = 300 };

struct tail {
	uint64_t seq;
	const char *prev; /* 64 hex digits, borrowed */
	const char *kid;  /* 16 hex digits, borrowed */
	size_t sig_at;    /* offset of ,"sig": in the line */
	size_t seq_at;    /* offset of ,"seq": in the line */
	uint8_t sig[TAIL_SIG_BYTES];
};

/* The tail of a line without its newline.  0, or ERR_MALFORMED with *why saying what is missing
 * (static text). */
int tail_scan(const char *line, size_t n, struct tail *t, const char **why);

/* Whether the whole line is one JSON object whose tail is where tail_scan saw it.  0, or
 * ERR_MALFORMED with *why (static text). */
int tail_shape(const char *line, size_t n, const struct tail *t, const char **why);

#endif
