/* Files of nfcapd, nfpcapd and sfcapd: layout 1 (nfdump 1.6) and layout 2 (nfdump 1.7).
 *
 * A file header, then blocks: a header of 12 bytes (records, bytes, type, flags) and records, each with type and size.
 * The records of a plain block are read from the input as it comes; a compressed one is gathered, decompressed and
 * handed out in portions.  A block that contradicts itself is told and passed over; when even its size cannot be
 * believed, the next plausible block header is searched for.
 */
#include "collector/nfcapd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"

enum { HEADER1 = 276, HEADER2 = 40, BLOCK_HEADER = 12, RECORD_HEADER = 4 };
enum block_type { BLOCK_OLD = 1, BLOCK_LAYOUT1 = 2, BLOCK_LAYOUT2 = 3, BLOCK_ARRAY = 4 };

static bool
nfcapd_probe(const uint8_t *head, size_t n)
{
	return n >= 4 && ((head[0] == 0x0c && head[1] == 0xa5 && head[3] == 0) ||
	    (head[0] == 0xa5 && head[1] == 0x0c && head[2] == 0));
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int
refuse(const struct source *s, char *why, size_t why_size, const char *reason)
{
	snprintf(why, why_size, "%s: %s", s->name, reason);
	return ERR_UNSUPPORTED;
}

static enum nfcapd_packing
packing1(uint32_t flags)
{
	return (flags & 1) != 0 ? NFCAPD_LZO : (flags & 8) != 0 ? NFCAPD_BZ2 : (flags & 16) != 0 ? NFCAPD_LZ4 : NFCAPD_PLAIN;
}

static int
read_file_header(struct source *s, struct nfcapd *f, char *why, size_t why_size)
{
	size_t n;
	const uint8_t *head = source_head(s, &n);
	const char *library;
	char reason[80];

	if (head[0] == 0xa5)
		return refuse(s, why, why_size, "an nfcapd file of a big-endian host, which is not read");
	f->layout = le16(head + 2);
	if (f->layout != 1 && f->layout != 2) {
		snprintf(reason, sizeof(reason), "nfcapd file layout %u; 1 (nfdump 1.6) and 2 (1.7) are read", f->layout);
		return refuse(s, why, why_size, reason);
	}
	f->header = f->layout == 1 ? HEADER1 : HEADER2;
	if (n < (f->layout == 1 ? 12 : HEADER2)) {
		snprintf(why, why_size, "%s: the nfcapd file ends inside its header (%zu bytes)", s->name, n);
		return ERR_TRUNCATED;
	}
	if (f->layout == 1) {
		f->packing = packing1(le32(head + 4));
		f->blocks_told = le32(head + 8);
	} else {
		if (head[16] > NFCAPD_ZSTD)
			return refuse(s, why, why_size, "an nfcapd file compressed in an unknown way");
		if (head[17] != 0)
			return refuse(s, why, why_size, "an encrypted nfcapd file");
		f->packing = (enum nfcapd_packing)head[16];
		f->blocks_told = le32(head + 36);
	}
	if (!nfcapd_can_unpack(f->packing, &library)) {
		snprintf(reason, sizeof(reason), "an nfcapd file compressed with %s, which this damp was built without", library);
		return refuse(s, why, why_size, reason);
	}
	return 0;
}

static int
nfcapd_open(struct source *s, char *why, size_t why_size)
{
	struct nfcapd *f = calloc(1, sizeof(*f));
	int err;

	s->state = f;
	if (f == NULL)
		goto nomem;
	err = read_file_header(s, f, why, why_size);
	if (err != 0)
		return err;
	f->skip = f->header;
	f->want = BLOCK_HEADER;
	f->exporters = calloc(NFCAPD_IDS, sizeof(*f->exporters));
	if (f->layout == 1)
		f->maps = calloc(NFCAPD_IDS, sizeof(struct nfcapd_map *));
	if (f->packing != NFCAPD_PLAIN)
		f->plain = malloc(SOURCE_RECORD_MAX);
	if (f->exporters == NULL || (f->layout == 1 && f->maps == NULL) || (f->packing != NFCAPD_PLAIN && f->plain == NULL))
		goto nomem;
	return 0;
nomem:
	snprintf(why, why_size, "%s: out of memory", s->name);
	return ERR_NOMEM;
}

static void
nfcapd_close(struct source *s)
{
	struct nfcapd *f = s->state;

	for (size_t i = 0; f->maps != NULL && i < NFCAPD_IDS; i++)
		free(f->maps[i]);
	free(f->maps);
	free(f->exporters);
	free(f->packed);
	free(f->plain);
	free(f);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static bool
read_record(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n, struct flow_batch *to)
{
	unsigned int type = le16(p);

	switch (type) {
	case NFCAPD_V3: return f->layout != 2 || nfcapd_record3(s, f, p, n, to);
	case NFCAPD_COMMON0: case NFCAPD_COMMON1: return f->layout != 1 || nfcapd_record1(s, f, type, p, n, to);
	case NFCAPD_MAP: return f->layout != 1 || nfcapd_map1(f, p, n);
	case NFCAPD_EXPORTER: return nfcapd_exporter(f, p, n);
	case NFCAPD_EXPORTER_STATS: return nfcapd_exporter_stats(s, f, p, n);
	case NFCAPD_SAMPLER0: case NFCAPD_SAMPLER: return nfcapd_sampler(f, type, p, n);
	default: return true; /* histograms, names, the file's own statistics */
	}
}

static bool
full(const struct flow_batch *to)
{
	return to->n >= FILE_RECORDS;
}

/* Whole records from p[0..n), of a block with *left bytes to come; bytes used.  Stops at the block's end, with a full
 * batch, at a record that is not all there (f->want then says how much it needs), or a malformed one (f->bad). */
static size_t
read_records(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n, size_t *left, struct flow_batch *to)
{
	size_t at = 0, size;

	while (*left > 0 && !full(to)) {
		f->want = *left < RECORD_HEADER ? *left : RECORD_HEADER;
		if (n - at < f->want)
			break;
		size = *left < RECORD_HEADER ? 0 : le16(p + at + 2);
		if (size >= RECORD_HEADER && size <= *left && size > n - at) {
			f->want = size;
			break;
		}
		f->bad = size < RECORD_HEADER || size > *left || flow_batch_room(to) == NULL || !read_record(s, f, p + at, size, to);
		if (f->bad) {
			source_damage(s, f->block_at, "a record in this block is malformed; the rest of the block is passed over");
			break;
		}
		at += size;
		*left -= size;
	}
	return at;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static bool
block_plausible(const struct nfcapd *f, const uint8_t *p)
{
	uint32_t records = le32(p), size = le32(p + 4);
	unsigned int type = le16(p + 8), flags = le16(p + 10);

	return (f->layout == 1 ? type == BLOCK_OLD || type == BLOCK_LAYOUT1 || type == BLOCK_LAYOUT2 :
	    type == BLOCK_LAYOUT2 || type == BLOCK_ARRAY) &&
	    flags <= 7 && size <= SOURCE_RECORD_MAX && (f->packing != NFCAPD_PLAIN || records <= size / RECORD_HEADER ||
	    type == BLOCK_ARRAY);
}

/* Behind damage a header must look better: it has records, and the first of a plain block has a size within it. */
static bool
block_found(const struct nfcapd *f, const uint8_t *p, size_t n)
{
	uint32_t records = le32(p), size = le32(p + 4);

	if (!block_plausible(f, p) || records == 0 || size < RECORD_HEADER)
		return false;
	return f->packing != NFCAPD_PLAIN || n < BLOCK_HEADER + RECORD_HEADER ||
	    (le16(p + 14) >= RECORD_HEADER && le16(p + 14) <= size && (le16(p + 12) & 0x7ff0) == 0);
}

static int
gather(struct nfcapd *f, size_t size)
{
	if (size > f->packed_cap) {
		uint8_t *p = realloc(f->packed, size);

		if (p == NULL)
			return ERR_NOMEM;
		f->packed = p;
		f->packed_cap = size;
	}
	f->packed_n = 0;
	f->packed_want = size;
	return 0;
}

static int
start_block(struct source *s, struct nfcapd *f, const uint8_t *p)
{
	uint32_t size = le32(p + 4);
	unsigned int type = le16(p + 8), flags = le16(p + 10);
	bool flows = type == (f->layout == 1 ? BLOCK_LAYOUT1 : BLOCK_LAYOUT2);

	f->blocks++;
	f->searching = false;
	if (!flows) {
		if (type == BLOCK_OLD)
			source_damage(s, f->block_at, "a block of nfdump 1.5, which is not read");
		f->skip = size;
	} else if (f->packing != NFCAPD_PLAIN && (flags & 1) == 0 && size > 0) {
		return gather(f, size);
	} else {
		f->left = size;
	}
	return 0;
}

/* A block header at b->data[at..], or the search for one; bytes used, 0 when more are needed. */
static size_t
next_block(struct source *s, struct nfcapd *f, const struct block *b, size_t at, int *err)
{
	size_t from = at;

	for (; b->size - at >= BLOCK_HEADER; at++) {
		const uint8_t *p = b->data + at;

		if (!f->searching && !block_plausible(f, p)) {
			f->searching = true;
			source_damage(s, source_offset(s, b, at), "no block of an nfcapd file; the next one is searched for");
		}
		if (f->searching && b->size - at < BLOCK_HEADER + RECORD_HEADER && !s->eof)
			break;
		if (!f->searching || block_found(f, p, b->size - at)) {
			f->block_at = source_offset(s, b, at);
			*err = start_block(s, f, p);
			return at + BLOCK_HEADER - from;
		}
	}
	f->want = f->searching ? BLOCK_HEADER + RECORD_HEADER : BLOCK_HEADER;
	return at - from;
}

static void
read_plain(struct source *s, struct nfcapd *f, struct flow_batch *to)
{
	f->plain_at += read_records(s, f, f->plain + f->plain_at, f->plain_left, &f->plain_left, to);
	/* what is wrong in a decompressed block ends with it */
	if (f->bad)
		f->plain_left = 0;
	f->bad = false;
}

static size_t
read_packed(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n)
{
	if (n > f->packed_want - f->packed_n)
		n = f->packed_want - f->packed_n;
	memcpy(f->packed + f->packed_n, p, n);
	f->packed_n += n;
	if (f->packed_n == f->packed_want) {
		f->packed_want = 0;
		f->plain_at = 0;
		f->plain_left = nfcapd_unpack(f);
		if (f->plain_left == 0)
			source_damage(s, f->block_at, "a compressed block that cannot be decompressed; it is passed over");
	}
	return n;
}

/* Takes what it can from b->data[at..]; bytes used, 0 when more are needed. */
static size_t
step(struct source *s, struct nfcapd *f, struct block *b, size_t at, int *err)
{
	size_t n = b->size - at, used = 0;

	if (f->left > 0 && f->skip == 0) {
		used = read_records(s, f, b->data + at, n, &f->left, &b->flows);
		if (!f->bad)
			return used;
		f->bad = false;
		f->skip = f->left;
		f->left = 0;
		n -= used;
	}
	if (f->skip > 0) {
		n = n < f->skip ? n : (size_t)f->skip;
		f->skip -= n;
		return used + n;
	}
	if (f->packed_want > 0)
		return read_packed(s, f, b->data + at, n);
	return next_block(s, f, b, at, err);
}

static void
tell_end(struct source *s, struct nfcapd *f, size_t rest)
{
	char reason[100];

	if (f->told)
		return;
	f->told = true;
	if (f->left > 0 || f->packed_want > 0 || f->skip > 0) {
		source_damage(s, f->block_at, f->blocks > 0 ? "the file is cut off inside this block" : "the file ends inside its header");
	} else if (rest > 0 && !f->searching) {
		source_damage(s, s->offset - rest, "the file is cut off inside the header of a block");
	} else if (f->blocks < f->blocks_told && s->damaged == 0) {
		snprintf(reason, sizeof(reason), "%" PRIu32 " of %" PRIu32 " blocks are there: the file is cut off", f->blocks,
		    f->blocks_told);
		source_damage(s, s->offset, reason);
	}
}

static int
read_input(struct source *s, struct nfcapd *f, struct block *b)
{
	size_t at = 0, used = 1;
	int err = source_fill(s, b, f->want);

	if (err == ERR_EOF)
		tell_end(s, f, 0);
	if (err != 0)
		return err;
	f->want = BLOCK_HEADER;
	while (used > 0 && at < b->size && f->plain_left == 0 && !full(&b->flows) && err == 0) {
		used = step(s, f, b, at, &err);
		at += used;
	}
	if (err != 0)
		return err;
	if (used == 0 && s->eof) {
		tell_end(s, f, b->size - at);
		at = b->size;
	}
	return source_keep(s, b, at);
}

static int
nfcapd_read(struct source *s, struct block *b)
{
	struct nfcapd *f = s->state;
	int err;

	do {
		err = f->plain_left > 0 ? source_empty(s, b) : read_input(s, f, b);
		if (err == 0 && f->plain_left > 0)
			read_plain(s, f, &b->flows);
	} while (err == 0 && b->flows.n == 0);
	return b->flows.n > 0 ? (int)b->flows.n : err;
}

const struct source_format nfcapd_format = {
	.name = "nfcapd",
	.probe = nfcapd_probe,
	.open = nfcapd_open,
	.read = nfcapd_read,
	.close = nfcapd_close,
};
