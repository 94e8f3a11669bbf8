/* Files of nfcapd, nfpcapd and sfcapd: layout 1 (nfdump 1.6) and layout 2 (nfdump 1.7).
 *
 * A file header, then blocks: a header of 12 bytes (records, bytes, type, flags) and records, each with type and size.
 * The records of a plain block are read from the input as it comes; a compressed one is gathered, decompressed and
 * handed out in portions.  A block that contradicts itself is told and passed over; when even its size cannot be
 * believed, the next plausible block header is searched for.
 *
 * Sampling: nfcapd multiplies packets and bytes itself when it knows the rate, and marks the record.  So the counters
 * are taken as they are; the rate of marked records is the one of the exporter's sampler record, where the file has it.
 */
#include "collector/nfcapd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"

enum { HEADER1 = 276, HEADER2 = 40, BLOCK_HEADER = 12, RECORD_HEADER = 4, VERSION_SFLOW = 9999 };
enum block_type { BLOCK_OLD = 1, BLOCK_LAYOUT1 = 2, BLOCK_LAYOUT2 = 3, BLOCK_ARRAY = 4 };
/* An exporter cannot sit on a record for longer: beyond that, its clock and the collector's disagree. */
static const int64_t believable_delay_ns = 3600 * INT64_C(1000000000);

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

/* --- exporters ---------------------------------------------------------------------------------------------------- */

static struct exporter *
row_of(struct source *s, struct nfcapd *f, unsigned int id)
{
	struct nfcapd_exporter *e = &f->exporters[id];

	if (e->row != NULL)
		return e->row;
	if (e->known) {
		e->row = exporters_get(export_exporters(s->export), &e->key);
		if (e->sampling > 0)
			exporter_sampling(e->row, e->sampling);
		return e->row;
	}
	if (f->nobody == NULL)
		f->nobody = exporters_get(export_exporters(s->export), &(struct exporter_key){.version = EXPORT_FILE});
	return f->nobody;
}

/* version u32, address (IPv4 in its second half), family u16, number u16, observation domain u32 */
static bool
read_exporter(struct nfcapd *f, const uint8_t *p, size_t n)
{
	struct exporter_key key = {0};
	struct nfcapd_exporter *e;
	uint32_t version;

	if (n < 32)
		return false;
	version = le32(p + 4);
	key.version = version == VERSION_SFLOW ? EXPORT_SFLOW : version >= 1 && version <= EXPORT_IPFIX ? (uint16_t)version : EXPORT_FILE;
	key.addr = le16(p + 24) == 2 ? file_addr4(le32(p + 16)) : nfcapd_addr6(p + 8);
	key.domain = le32(p + 28);
	e = &f->exporters[le16(p + 26)];
	e->row = NULL;
	e->key = key;
	e->known = true;
	return true;
}

/* For each exporter: number u32, gaps in its sequence u32, datagrams u64, flows u64.  A gap is at least one lost. */
static bool
read_exporter_stats(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n)
{
	struct cursor c = cursor_view(p + 4, n - 4);
	const uint8_t *e = cursor_take(&c, 4);

	for (uint32_t i = e != NULL ? le32(e) : 0; i > 0 && (e = cursor_take(&c, 24)) != NULL; i--) {
		struct exporter *row;

		if (le32(e) >= NFCAPD_IDS || !f->exporters[le32(e)].known || (le32(e + 4) == 0 && le64(e + 8) == 0))
			continue;
		row = row_of(s, f, le32(e));
		row->count[EXPORTER_LOST] += le32(e + 4);
		row->count[EXPORTER_DATAGRAMS] += le64(e + 8);
	}
	return !c.bad;
}

static bool
read_sampler(struct nfcapd *f, unsigned int type, const uint8_t *p, size_t n)
{
	uint32_t rate;
	unsigned int id;

	if (n < (type == NFCAPD_SAMPLER ? 24 : 16))
		return false;
	if (type == NFCAPD_SAMPLER) {
		/* so many packets taken, then so many passed over */
		uint64_t taken = le32(p + 16), passed = le32(p + 20);

		id = le16(p + 4);
		rate = taken > 0 && (taken + passed) / taken <= UINT32_MAX ? (uint32_t)((taken + passed) / taken) : 0;
	} else {
		id = le16(p + 14);
		rate = le32(p + 8);
	}
	f->exporters[id].sampling = rate;
	if (f->exporters[id].row != NULL && rate > 0)
		exporter_sampling(f->exporters[id].row, rate);
	return true;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* The other direction of a connection, the same times and exporter, ends exchanged: behind the forward one, or in the
 * place of a forward one without counts. */
static void
deliver_reverse(struct source *s, const struct nfcapd_beside *beside, struct flow_batch *to, struct exporter *e, bool behind)
{
	struct flow *r = flow_batch_room(to), f;
	struct flow_extra x;

	if (r == NULL) {
		e->count[EXPORTER_NO_ROOM]++;
		return;
	}
	f = r[behind ? -1 : 0];
	*r = f;
	r->src = f.dst;
	r->dst = f.src;
	r->sport = f.dport;
	r->dport = f.sport;
	r->packets = beside->out_packets;
	r->bytes = beside->out_bytes;
	r->flags &= (uint8_t)~FLOW_FRAG_LATER;
	if (!beside->sampled)
		file_scale(r, e);
	if (file_later_fragment(r))
		r->flags |= FLOW_FRAG_LATER;
	if (to->extra != NULL) {
		x = to->extra[to->n - behind];
		to->extra[to->n] = x;
		to->extra[to->n].reverse = 1;
		to->extra[to->n].src_as = x.dst_as;
		to->extra[to->n].dst_as = x.src_as;
		to->extra[to->n].in_if = x.out_if;
		to->extra[to->n].out_if = x.in_if;
		to->extra[to->n].src_mask = x.dst_mask;
		to->extra[to->n].dst_mask = x.src_mask;
	}
	e->count[EXPORTER_RECORDS]++;
	to->n++;
	s->packets++;
}

static int64_t
seen(const struct flow *r, int64_t received_ns)
{
	return received_ns >= r->end_ns && received_ns - r->end_ns <= believable_delay_ns ? received_ns : r->end_ns;
}

/* Type and code of ICMP stand in the destination port. */
static void
finish_icmp(struct flow *r, struct flow_extra *x)
{
	if (x != NULL) {
		x->icmp_type = (uint8_t)(r->dport >> 8);
		x->icmp_code = (uint8_t)r->dport;
	}
	r->sport = r->dport = 0;
}

void
nfcapd_deliver(struct source *s, struct nfcapd *f, const struct nfcapd_beside *beside, struct flow_batch *to)
{
	static const struct addr none = {{0}};
	struct exporter *e = row_of(s, f, beside->exporter);
	struct flow *r = &to->flow[to->n];
	struct flow_extra *x = to->extra != NULL ? &to->extra[to->n] : NULL;
	uint32_t rate = f->exporters[beside->exporter].sampling;
	bool out = beside->out_packets > 0 || beside->out_bytes > 0, forward = r->packets > 0 || r->bytes > 0 || !out;

	/* that a connection was made or refused is no traffic */
	if (beside->event && forward && r->packets == 0 && r->bytes == 0) {
		e->count[EXPORTER_IGNORED]++;
		return;
	}
	r->exporter = e->index;
	r->seen_ns = seen(r, beside->received_ns);
	e->count[EXPORTER_TIME_REPAIRED] += file_times(r);
	if (!beside->sampled)
		file_scale(r, e);
	else if (rate > 1)
		r->sampling = rate;
	if (r->proto == FLOW_ICMP || r->proto == FLOW_ICMP6)
		finish_icmp(r, x);
	if (file_later_fragment(r))
		r->flags |= FLOW_FRAG_LATER;
	if (x != NULL) {
		x->exporter = addr_equal(&beside->from, &none) ? e->key.addr : beside->from;
		x->version = e->key.version != EXPORT_FILE ? e->key.version : x->version;
	}
	if (forward) {
		e->count[EXPORTER_RECORDS]++;
		to->n++;
		s->packets++;
	}
	if (out)
		deliver_reverse(s, beside, to, e, forward);
}

static bool
read_record(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n, struct flow_batch *to)
{
	unsigned int type = le16(p);

	switch (type) {
	case NFCAPD_V3: return f->layout != 2 || nfcapd_record3(s, f, p, n, to);
	case NFCAPD_COMMON0: case NFCAPD_COMMON1: return f->layout != 1 || nfcapd_record1(s, f, type, p, n, to);
	case NFCAPD_MAP: return f->layout != 1 || nfcapd_map1(f, p, n);
	case NFCAPD_EXPORTER: return read_exporter(f, p, n);
	case NFCAPD_EXPORTER_STATS: return read_exporter_stats(s, f, p, n);
	case NFCAPD_SAMPLER0: case NFCAPD_SAMPLER: return read_sampler(f, type, p, n);
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
