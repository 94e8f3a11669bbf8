/* Who sent the records of an nfcapd file, and the last touches on their flows.
 *
 * Sampling: nfcapd multiplies packets and bytes itself when it knows the rate, and marks the record.  So the counters
 * are taken as they are; the rate of marked records is the one of the exporter's sampler record, where the file has it.
 */
#include "base/cursor.h"
#include "collector/nfcapd.h"

enum { VERSION_SFLOW = 9999 };
/* An exporter cannot sit on a record for longer: beyond that, its clock and the collector's disagree. */
static const int64_t believable_delay_ns = 3600 * INT64_C(1000000000);

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
bool
nfcapd_exporter(struct nfcapd *f, const uint8_t *p, size_t n)
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
bool
nfcapd_exporter_stats(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n)
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

bool
nfcapd_sampler(struct nfcapd *f, unsigned int type, const uint8_t *p, size_t n)
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

/* --- flows -------------------------------------------------------------------------------------------------------- */

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
	flow_record_fragment(r);
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
	flow_record_fragment(r);
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
