/* flow-tools files (stream version 3), as flow-capture writes them: NetFlow v1, v5, v6, v7 and tagged v5 (v1005).
 *
 * The header: CF 10, byte order (1 little, 2 big), stream version, the offset of the data, then TLVs (type and length of
 * 16 bits); all but the first four bytes in the byte order named.  The records follow, each of one size and with the
 * exporter's clock, plain or as one zlib stream.
 * What flow-capture lost, misordered, refused and restarted stands in the header; it goes to the counters of the file's
 * exporter, or of the one of the first record.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/cursor.h"
#include "base/err.h"
#include "collector/export.h"
#include "collector/filerecord.h"
#include "collector/reader.h"

enum { FIXED = 8, HEADER_MAX = 65536, TAGGED_V5 = 1005, COMPRESSED = 2, RECORD_SIZE_MAX = 72 };
enum tlv { TLV_VERSION = 2, TLV_EXPORTER = 5, TLV_FLAGS = 8, TLV_LOST = 0xb, TLV_MISORDERED, TLV_CORRUPT, TLV_RESETS };

struct flowtools {
	bool little, compressed, counts_told, ended, told, full;
	uint32_t header;         /* bytes; 0 once it was read */
	unsigned int version;
	size_t record;           /* bytes of a record */
	uint32_t exporter;       /* by the header; 0: not said */
	uint64_t told_counts[EXPORTER_COUNTS]; /* by the header */
	struct exporter *last;   /* row of the record before */
	uint8_t *out;            /* what came out of the zlib stream; BLOCK_BYTES */
	size_t out_n;
#ifdef HAVE_ZLIB
	z_stream z;
#endif
};

static const struct {
	unsigned int version;
	size_t size;
} records[] = {{EXPORT_V1, 60}, {EXPORT_V5, 64}, {EXPORT_V6, 72}, {EXPORT_V7, 68}, {TAGGED_V5, 72}};

static uint16_t
u16(const struct flowtools *f, struct cursor *c)
{
	uint16_t v = cursor_u16(c);

	return f->little ? __builtin_bswap16(v) : v;
}

static uint32_t
u32(const struct flowtools *f, struct cursor *c)
{
	uint32_t v = cursor_u32(c);

	return f->little ? __builtin_bswap32(v) : v;
}

static size_t
record_size(unsigned int version)
{
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		if (records[i].version == version)
			return records[i].size;
	}
	return 0;
}

static bool
flowtools_probe(const uint8_t *head, size_t n)
{
	return n >= 4 && head[0] == 0xcf && head[1] == 0x10 && (head[2] == 1 || head[2] == 2);
}

static int
flowtools_open(struct source *s, char *why, size_t why_size)
{
	size_t n;
	const uint8_t *head = source_head(s, &n);
	struct cursor c = cursor_view(head, n);
	struct flowtools *f = calloc(1, sizeof(*f));

	s->state = f;
	if (f == NULL) {
		snprintf(why, why_size, "%s: out of memory", s->name);
		return ERR_NOMEM;
	}
	f->little = head[2] == 1;
	if (head[3] != 3) {
		snprintf(why, why_size, "%s: flow-tools stream version %u; only 3 is read", s->name, head[3]);
		return ERR_UNSUPPORTED;
	}
	cursor_skip(&c, 4);
	f->header = u32(f, &c);
	if (c.bad) {
		snprintf(why, why_size, "%s: the flow-tools file ends inside its header (%zu bytes)", s->name, n);
		return ERR_TRUNCATED;
	}
	if (f->header < FIXED || f->header > HEADER_MAX) {
		snprintf(why, why_size, "%s: a flow-tools file whose header has %" PRIu32 " bytes", s->name, f->header);
		return ERR_MALFORMED;
	}
	/* the version is the first item in practice: it need not wait for the whole header */
	if (u16(f, &c) == TLV_VERSION && u16(f, &c) == 2) {
		f->version = u16(f, &c);
		if (!c.bad && record_size(f->version) == 0) {
			snprintf(why, why_size, "%s: a flow-tools file of export version %u; 1, 5, 6, 7 and 1005 are read", s->name,
			    f->version);
			return ERR_UNSUPPORTED;
		}
	}
	return 0;
}

static void
flowtools_close(struct source *s)
{
	struct flowtools *f = s->state;

#ifdef HAVE_ZLIB
	if (f->out != NULL)
		inflateEnd(&f->z);
#endif
	free(f->out);
	free(f);
}

/* --- header ------------------------------------------------------------------------------------------------------- */

static void
read_tlv(struct flowtools *f, unsigned int type, struct cursor *v, uint32_t *flags)
{
	uint64_t *count = NULL;

	switch (type) {
	case TLV_VERSION: f->version = u16(f, v); break;
	case TLV_EXPORTER: f->exporter = u32(f, v); break;
	case TLV_FLAGS: *flags = u32(f, v); break;
	case TLV_LOST: count = &f->told_counts[EXPORTER_LOST]; break;
	case TLV_MISORDERED: count = &f->told_counts[EXPORTER_MISORDERED]; break;
	case TLV_CORRUPT: count = &f->told_counts[EXPORTER_CORRUPT]; break;
	case TLV_RESETS: count = &f->told_counts[EXPORTER_RESETS]; break;
	default: break; /* names, comments, and what is yet to be invented */
	}
	if (count != NULL)
		*count = u32(f, v);
}

static bool
start_inflate(struct flowtools *f)
{
#ifdef HAVE_ZLIB
	f->out = malloc(BLOCK_BYTES);
	if (f->out != NULL && inflateInit(&f->z) == Z_OK)
		return true;
	free(f->out);
	f->out = NULL;
#else
	(void)f;
#endif
	return false;
}

/* NULL, or why the records cannot be read. */
static const char *
read_header(struct flowtools *f, const uint8_t *p, size_t n)
{
	struct cursor c = cursor_view(p, n);
	uint32_t flags = 0;

	cursor_skip(&c, FIXED);
	while (cursor_left(&c) >= 4) {
		unsigned int type = u16(f, &c);
		struct cursor v = cursor_sub(&c, u16(f, &c));

		if (type == 0 || v.bad)
			break; /* padding, or a length that lies: what was read holds */
		read_tlv(f, type, &v, &flags);
	}
	f->record = record_size(f->version);
	if (f->record == 0)
		return "a flow-tools file of an export version other than 1, 5, 6, 7 and 1005";
	f->compressed = (flags & COMPRESSED) != 0;
	if (f->compressed && !start_inflate(f))
		return "a compressed flow-tools file, and no zlib to read it with (or no memory)";
	return NULL;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static void
tell_counts(struct flowtools *f, struct exporter *e)
{
	for (int i = 0; i < EXPORTER_COUNTS; i++)
		e->count[i] += f->told_counts[i];
	f->counts_told = true;
}

static struct exporter *
row(struct source *s, struct flowtools *f, uint32_t from, uint32_t domain)
{
	struct exporter_key key = {.addr = file_addr4(from), .domain = domain,
	    .version = (uint16_t)(f->version == TAGGED_V5 ? EXPORT_V5 : f->version)};

	if (f->last == NULL || f->last->key.domain != domain || !addr_equal(&f->last->key.addr, &key.addr))
		f->last = exporters_get(export_exporters(s->export), &key);
	if (!f->counts_told) {
		struct exporter_key file = key;

		if (f->exporter != 0)
			file.addr = file_addr4(f->exporter);
		tell_counts(f, addr_equal(&file.addr, &key.addr) ? f->last : exporters_get(export_exporters(s->export), &file));
	}
	return f->last;
}

/* Uptimes wrap after 49 days: the difference to the uptime of the export counts, with its sign. */
static int64_t
at_uptime(int64_t export_ns, uint32_t uptime_ms, uint32_t ms)
{
	return export_ns - (int64_t)(int32_t)(uptime_ms - ms) * 1000000;
}

/* The caller has made sure of f->record bytes, and of room for one more flow. */
static void
read_record(struct source *s, struct flowtools *f, const uint8_t *p, struct flow_batch *to)
{
	struct cursor c = cursor_view(p, f->record);
	struct flow *r = &to->flow[to->n];
	struct flow_extra x = {.flows = 1};
	uint32_t secs = u32(f, &c), nsecs = u32(f, &c), from, hop;
	unsigned int type, code;
	struct exporter *e;

	file_flow_init(r);
	x.export_ns = (int64_t)secs * 1000000000 + (nsecs < 1000000000 ? nsecs : 0);
	x.uptime_ms = u32(f, &c);
	from = u32(f, &c);
	r->src = file_addr4(u32(f, &c));
	r->dst = file_addr4(u32(f, &c));
	hop = u32(f, &c);
	x.in_if = u16(f, &c);
	x.out_if = u16(f, &c);
	r->packets = u32(f, &c);
	r->bytes = u32(f, &c);
	x.first_ms = u32(f, &c);
	x.last_ms = u32(f, &c);
	r->sport = u16(f, &c);
	r->dport = u16(f, &c);
	r->proto = cursor_u8(&c);
	x.tos = cursor_u8(&c);
	r->tcp_flags = cursor_u8(&c);
	cursor_skip(&c, 1);
	if (f->version != EXPORT_V1) {
		type = cursor_u8(&c);
		x.domain = type << 8 | cursor_u8(&c);
		x.src_mask = cursor_u8(&c);
		x.dst_mask = cursor_u8(&c);
		x.src_as = u16(f, &c);
		x.dst_as = u16(f, &c);
	}
	if (r->proto == FLOW_ICMP) { /* the destination port holds type and code */
		type = r->dport >> 8;
		code = r->dport & 0xff;
		x.icmp_type = (uint8_t)type;
		x.icmp_code = (uint8_t)code;
		r->sport = r->dport = 0;
	}
	e = row(s, f, from, x.domain);
	e->count[EXPORTER_RECORDS]++;
	r->exporter = e->index;
	r->start_ns = at_uptime(x.export_ns, x.uptime_ms, x.first_ms);
	r->end_ns = at_uptime(x.export_ns, x.uptime_ms, x.last_ms);
	r->seen_ns = x.export_ns;
	file_scale(r, e);
	e->count[EXPORTER_TIME_REPAIRED] += file_times(r);
	flow_record_fragment(r);
	if (to->extra != NULL) {
		x.exporter = e->key.addr;
		x.version = e->key.version;
		if (hop != 0)
			x.next_hop = file_addr4(hop);
		to->extra[to->n] = x;
	}
	to->n++;
	s->packets++;
}

/* Whole records of p[0..n); bytes used. */
static size_t
read_records(struct source *s, struct flowtools *f, const uint8_t *p, size_t n, struct flow_batch *to)
{
	size_t at = 0;

	while (n - at >= f->record && flow_batch_room(to) != NULL) {
		read_record(s, f, p + at, to);
		at += f->record;
	}
	return at;
}

/* Inflates the block from `at` on; 0 or ERR_NOMEM. */
static int
read_inflated(struct source *s, struct flowtools *f, struct block *b, size_t at)
{
#ifdef HAVE_ZLIB
	int err;
	size_t used;

	f->z.next_in = b->data + at;
	f->z.avail_in = (uInt)(b->size - at);
	f->z.next_out = f->out + f->out_n;
	f->z.avail_out = (uInt)(BLOCK_BYTES - f->out_n);
	err = inflate(&f->z, Z_SYNC_FLUSH);
	f->out_n = BLOCK_BYTES - f->z.avail_out;
	f->full = f->z.avail_out == 0;
	used = read_records(s, f, f->out, f->out_n, &b->flows);
	memmove(f->out, f->out + used, f->out_n - used);
	f->out_n -= used;
	at = b->size - f->z.avail_in;
	if (err == Z_STREAM_END) {
		f->ended = true;
		at = b->size;
	} else if (err != Z_OK && err != Z_BUF_ERROR) {
		source_damage(s, source_offset(s, b, at), "the zlib stream is damaged; nothing behind can be read");
		f->ended = true;
		at = b->size;
		f->out_n = 0;
	}
#else
	(void)f;
#endif
	return source_keep(s, b, at);
}

static void
end_of_records(struct source *s, struct flowtools *f)
{
	char reason[80];
	uint64_t told = 0;

	if (f->told)
		return;
	f->told = true;
	for (int i = 0; i < EXPORTER_COUNTS; i++)
		told += f->told_counts[i];
	if (told > 0 && !f->counts_told)
		(void)row(s, f, f->exporter, 0);
	if (f->compressed && !f->ended)
		source_damage(s, s->offset, "the zlib stream is cut off; the whole records before are read");
	else if (f->out_n > 0) {
		snprintf(reason, sizeof(reason), "a record cut off after %zu of %zu bytes", f->out_n, f->record);
		source_damage(s, s->offset, reason);
	}
	f->out_n = 0;
}

static int
read_first(struct source *s, struct flowtools *f, struct block *b)
{
	const char *why;

	if (b->size < f->header) {
		source_damage(s, s->offset, "the flow-tools file ends inside its header");
		f->told = true;
		return ERR_EOF;
	}
	why = read_header(f, b->data, f->header);
	if (why != NULL) {
		source_damage(s, 0, why);
		f->told = true;
		return ERR_EOF;
	}
	return 0;
}

/* One fill; ERR_EOF at the end. */
static int
read_some(struct source *s, struct flowtools *f, struct block *b)
{
	size_t at = 0;
	int err = source_fill(s, b, f->header != 0 ? f->header : f->record);

	if (err == ERR_EOF && f->compressed && f->full && !f->ended) {
		f->full = false; /* zlib may hold more than its output had room for */
		return read_inflated(s, f, b, 0);
	}
	if (err != 0) {
		if (err == ERR_EOF)
			end_of_records(s, f);
		return err;
	}
	if (f->header != 0) {
		err = read_first(s, f, b);
		if (err != 0)
			return err;
		at = f->header;
		f->header = 0;
	}
	if (f->ended)
		return 0; /* what follows a zlib stream is nobody's */
	if (f->compressed)
		return read_inflated(s, f, b, at);
	at += read_records(s, f, b->data + at, b->size - at, &b->flows);
	if (s->eof && b->size - at > 0 && b->size - at < f->record) {
		f->out_n = b->size - at; /* told when the file is at its end */
		at = b->size;
	}
	return source_keep(s, b, at);
}

static int
flowtools_read(struct source *s, struct block *b)
{
	int err;

	do
		err = read_some(s, s->state, b);
	while (err == 0 && b->flows.n == 0);
	return b->flows.n > 0 ? (int)b->flows.n : err;
}

const struct source_format flowtools_format = {
	.name = "flow-tools",
	.probe = flowtools_probe,
	.open = flowtools_open,
	.read = flowtools_read,
	.close = flowtools_close,
};
