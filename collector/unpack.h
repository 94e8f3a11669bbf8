/* Compressed input: gzip, zstd, bzip2 and LZ4 frames, found by their first bytes, decompressed as they come.
 *
 * Several streams behind one another count as one, as their own tools have it; zeros behind the last are padding.
 * Memory is bounded whatever the input says: at most 128 MiB for a zstd window, below 4 MiB for the others.
 * A stream that is cut off or damaged gives what came before; unpack_damage then says so.
 */
#ifndef COLLECTOR_UNPACK_H
#define COLLECTOR_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD, UNPACK_BZ2, UNPACK_LZ4, UNPACK_KINDS };

enum unpack_kind unpack_probe(const uint8_t *head, size_t n);
const char *unpack_name(enum unpack_kind k); /* "gzip" */
bool unpack_built(enum unpack_kind k);       /* whether this program can read it */

struct unpack;

/* More of the compressed bytes: up to n to `to`; how many, 0 at the end, -1 for a failure. */
typedef ssize_t unpack_more(void *ctx, uint8_t *to, size_t n);

/* `head` are bytes already read from the input, at most UNPACK_HEAD; copied.  NULL: out of memory, or not built in. */
enum { UNPACK_HEAD = 64 };
struct unpack *unpack_new(enum unpack_kind k, const uint8_t *head, size_t head_n, unpack_more *more, void *ctx);
void unpack_free(struct unpack *u);
/* Up to n decompressed bytes, at least one unless the stream is over; 0 at its end or at damage, -1 when `more` failed. */
ssize_t unpack_read(struct unpack *u, uint8_t *to, size_t n);
/* Compressed bytes used so far. */
uint64_t unpack_done(const struct unpack *u);
/* NULL, or what is wrong with the stream at unpack_done. */
const char *unpack_damage(const struct unpack *u);

#endif
