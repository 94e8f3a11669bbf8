/* NetFlow with fixed records: v1, v5, v6 and v7, as Cisco describes and flow-tools reads them.
 *
 * A datagram is a header and `count` records.  Longer ones than that lose nothing: their records are taken, and
 * what follows is corrupt unless it is padding of zeros.  Shorter ones, and counts beyond the version's maximum, are
 * refused whole, as flow-tools does: which of their bytes to believe is anybody's guess, and their records then
 * show up as lost.
 */
#include "collector/export.h"

#include "base/cursor.h"

enum { RESET_GAP = 1000 };

struct layout {
	uint8_t header, record, max;
	uint8_t tcp_flags, proto, tos; /* offsets in the record */
	bool sequence, sampling, networks; /* networks: AS numbers and masks */
};

/* Cisco's v1 has 24 records at most, softflowd fills the datagram with 29.
 * What is not listed has a maximum of no records: every datagram of it is corrupt. */
static const struct layout layouts[] = {
	[EXPORT_V1] = {16, 48, 30, 40, 38, 39, false, false, false},
	[EXPORT_V5] = {24, 48, 30, 37, 38, 39, true, true, true},
	[EXPORT_V6] = {24, 52, 27, 37, 38, 39, true, false, true},
	[EXPORT_V7] = {24, 52, 27, 37, 38, 39, true, false, true},
};

struct datagram {
	const struct layout *layout;
	struct exporter *exporter;
	const uint8_t *records;
	unsigned int count;
	uint32_t uptime_ms, sequence, domain;
	uint16_t version, sampling;
	int64_t header_ns, seen_ns;
	uint32_t scale;          /* packets that each counted one stands for */
	struct addr from;
};

/* Only on bytes that a cursor has handed out. */
static inline uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Uptimes wrap after 49 days: what is less than half of that ahead of the header is in the future. */
static inline int64_t
uptime_to_ns(const struct datagram *d, uint32_t ms)
{
	return d->header_ns - (int64_t)(int32_t)(d->uptime_ms - ms) * 1000000;
}

/* Both build a whole struct and store it once: fields written one by one into the batch take twice the time. */

static inline void
fill_extra(const struct datagram *d, const uint8_t *r, struct flow_extra *to)
{
	const struct layout *l = d->layout;
	struct flow_extra x = {.exporter = d->from, .flows = 1, .export_ns = d->header_ns, .uptime_ms = d->uptime_ms,
		.first_ms = be32(r + 24), .last_ms = be32(r + 28), .domain = d->domain, .in_if = be16(r + 12),
		.out_if = be16(r + 14), .version = d->version, .tos = r[l->tos]};

	if (be32(r + 8) != 0)
		x.next_hop = addr_v4(r + 8);
	if (r[l->proto] == FLOW_ICMP) {
		x.icmp_type = r[34];
		x.icmp_code = r[35];
	}
	if (l->networks) {
		x.src_as = be16(r + 40);
		x.dst_as = be16(r + 42);
		x.src_mask = r[44];
		x.dst_mask = r[45];
	}
	*to = x;
}

static inline void
fill_flow(const struct datagram *d, const uint8_t *r, struct flow *to)
{
	struct flow f = {.start_ns = uptime_to_ns(d, be32(r + 24)), .end_ns = uptime_to_ns(d, be32(r + 28)),
		.seen_ns = d->seen_ns, .src = addr_v4(r), .dst = addr_v4(r + 4),
		.packets = (uint64_t)be32(r + 16) * d->scale, .bytes = (uint64_t)be32(r + 20) * d->scale,
		.sampling = d->scale, .exporter = d->exporter->index, .proto = r[d->layout->proto],
		.tcp_flags = r[d->layout->tcp_flags], .flags = FLOW_RECORD};

	exporter_times(d->exporter, &f.start_ns, &f.end_ns, f.seen_ns);
	if (f.proto != FLOW_ICMP) { /* whose "port" is type and code */
		f.sport = be16(r + 32);
		f.dport = be16(r + 34);
		flow_record_fragment(&f);
	}
	*to = f;
}

/* Whole records only; the number appended. */
static int
take_records(const struct datagram *d, struct flow_batch *out)
{
	size_t before = out->n;

	for (unsigned int i = 0; i < d->count; i++) {
		const uint8_t *r = d->records + (size_t)i * d->layout->record;
		struct flow *f;

		if (be32(r + 16) == 0 && be32(r + 20) == 0) {
			d->exporter->count[EXPORTER_IGNORED]++;
			continue;
		}
		f = out->n < out->cap ? &out->flow[out->n] : flow_batch_room(out);
		if (f == NULL) {
			d->exporter->count[EXPORTER_NO_ROOM] += d->count - i;
			break;
		}
		fill_flow(d, r, f);
		if (out->extra != NULL)
			fill_extra(d, r, &out->extra[out->n]);
		out->n++;
	}
	return (int)(out->n - before);
}

static void
read_header(struct datagram *d, struct cursor *c)
{
	uint32_t secs, nsecs;

	d->version = cursor_u16(c);
	d->layout = d->version < sizeof(layouts) / sizeof(layouts[0]) ? &layouts[d->version] : &layouts[0];
	d->count = cursor_u16(c);
	d->uptime_ms = cursor_u32(c);
	secs = cursor_u32(c);
	nsecs = cursor_u32(c);
	/* some write microseconds, some rubbish; it matters less than a second */
	d->header_ns = (int64_t)secs * 1000000000 + (nsecs < 1000000000 ? nsecs : 0);
	if (d->layout->sequence) {
		d->sequence = cursor_u32(c);
		d->domain = cursor_u16(c); /* engine type and id */
		d->sampling = cursor_u16(c) & 0x3fff; /* the mode above it does not change the figures */
	}
}

static bool
zeros(struct cursor *c)
{
	uint8_t any = 0;

	while (cursor_left(c) > 0)
		any |= cursor_u8(c);
	return any == 0;
}

int
netflow_decode(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out)
{
	struct cursor c = cursor_view(p, n);
	struct datagram d = {0};
	struct exporter *e;
	int taken;

	read_header(&d, &c);
	e = exporters_get(export_exporters(x), &(struct exporter_key){from->addr, d.domain, d.version});
	e->count[EXPORTER_DATAGRAMS]++;
	e->count[EXPORTER_BYTES] += n;
	d.records = cursor_take(&c, (size_t)d.count * d.layout->record);
	if (d.records == NULL || d.count == 0 || d.count > d.layout->max) {
		e->count[EXPORTER_CORRUPT]++;
		return 0;
	}
	if (!zeros(&c))
		e->count[EXPORTER_CORRUPT]++;
	/* a capture without times has only the exporter's */
	d.seen_ns = from->seen_ns > 0 ? from->seen_ns : d.header_ns;
	exporter_clock(e, d.header_ns, d.seen_ns);
	if (d.layout->sequence)
		exporter_sequence(e, d.sequence, d.count, RESET_GAP);
	if (d.layout->sampling)
		exporter_sampling(e, d.sampling);
	d.exporter = e;
	d.scale = exporter_scale(e);
	d.from = from->addr;
	taken = take_records(&d, out);
	e->count[EXPORTER_RECORDS] += (uint64_t)taken;
	return taken;
}
