/* Inside of the sources: what the formats share.
 *
 * A format works on the block itself: source_fill puts what was carried over and new bytes into
 * block->data, the format walks them, and source_keep carries the unfinished rest to the next block.
 * So a packet's bytes are copied once, from the kernel.
 * A format of records appends to block->flows instead of block->packet (source_fill empties both), and
 * names its exporters through export_exporters(s->export).
 */
#ifndef COLLECTOR_READER_H
#define COLLECTOR_READER_H

#include <stdatomic.h>

#include "collector/source.h"

enum {
	SOURCE_HEAD = 64,           /* bytes a probe may look at */
	SOURCE_RECORD_MAX = 16 << 20, /* the largest record a block grows for */
	SOURCE_PACKET_MAX = 262144, /* libpcap's own limit for a packet */
};

struct source_format {
	const char *name;
	bool (*probe)(const uint8_t *head, size_t n); /* head: up to SOURCE_HEAD bytes */
	int (*open)(struct source *s, char *why, size_t why_size); /* sets s->state; 0 or an error and why */
	int (*read)(struct source *s, struct block *b);
	void (*close)(struct source *s);
};

struct source {
	const struct source_format *format;
	struct source_events ev;
	char *name;
	void *state;            /* the format's */
	int fd, stop_fd;        /* stop_fd: readable once source_stop was called */
	bool regular, eof;      /* a file on disk; no more bytes will come */
	bool failed;            /* because reading failed */
	atomic_bool stopped;    /* set from a signal handler or another thread */
	uint8_t *carry;
	size_t carry_n, carry_cap;
	uint64_t offset;        /* bytes read so far; of compressed input, decompressed ones */
	struct unpack *unpack;  /* NULL: the input is not compressed */
	bool unpack_told;       /* its damage */
	uint64_t total;
	uint64_t packets;       /* delivered so far; records, where the format has those */
	struct export *export;  /* never NULL */
	bool own_export;
	bool packets_only;      /* blocks go out as the format reads them */
	struct exports *exports; /* collector/exports.c; NULL: not needed so far */
	void (*tap)(void *ctx, const struct block *b);
	void *tap_ctx;
	struct order *order;    /* collector/order.c; NULL: not needed so far */
	uint64_t damaged, kernel_drops;
};

/* A source without input yet: format, state and fd are the caller's to set.  NULL: out of memory. */
struct source *source_new(const char *name, const struct source_events *ev);

/* The first bytes of the input, before any fill: at most SOURCE_HEAD, fewer at its end. */
static inline const uint8_t *
source_head(const struct source *s, size_t *n)
{
	*n = s->carry_n;
	return s->carry;
}

/* Whether some format recognizes a file that begins so. */
bool source_known(const uint8_t *head, size_t n);
/* Drops n bytes of the head: a file header. */
void source_skip_head(struct source *s, size_t n);

/* Empties the block: for records that a format still holds itself.  0 or ERR_NOMEM. */
int source_empty(struct source *s, struct block *b);
/* Empties the block, then fills it: a file on disk up to the block's size, a pipe until `want` bytes
 * are there.  Fewer than `want` only at the end (s->eof).  0, ERR_EOF when nothing at all is left,
 * ERR_IO, ERR_NOMEM. */
int source_fill(struct source *s, struct block *b, size_t want);
/* Carries block->data from `from` on over to the next block.  0 or ERR_NOMEM. */
int source_keep(struct source *s, struct block *b, size_t from);
/* The input's offset of block->data[at]. */
uint64_t source_offset(const struct source *s, const struct block *b, size_t at);
/* Tells and counts a damaged place. */
void source_damage(struct source *s, uint64_t offset, const char *reason);

/* Makes an empty block hold `want` bytes; 0 or ERR_NOMEM. */
int source_reserve(struct block *b, size_t want);
/* State of a listener, or NULL and why. */
void *listen_open(struct source *s, const struct source_listen *list, size_t n, char *why, size_t why_size);
/* State of a live capture, or NULL and why. */
void *live_open(const struct source_live *list, size_t n, int stop_fd, char *why, size_t why_size);

/* The next block of a source that is not packets_only: sets that if the packets turn out to be no export datagrams,
 * and otherwise turns them into flows.  Results as source_read. */
int exports_read(struct source *s, struct block *b);
void exports_free(struct exports *x);

/* The sources behind a source_open_multi; 0 for other sources. */
size_t multi_members(const struct source *s, struct source **out, size_t max);
/* Blocks of records in the order of time, from what `read` delivers; results as source_read. */
int order_read(struct source *s, struct block *b, int (*read)(struct source *s, struct block *b));
void order_free(struct order *o);

extern const struct source_format pcapfile_format, pcapng_format, live_format, listen_format;
extern const struct source_format flowtools_format, nfcapd_format;
extern const struct source_format racsv_format, flowcsv_format, flowjson_format;

#endif
