/* DNS messages: real records, wanted sizes; see names.h.
 *
 * Contents follow from the name, so that every answer to the same question is
 * the same but for its id and its TTL, as from a cache.
 */
#include <string.h>

#include "tests/gen/names.h"

enum { HEADER = 12, OPT_BYTES = 11, RR_HEAD = 12, OWNER = 0xc00c };

struct builder {
	uint8_t *b;
	size_t n;
	uint64_t salt; /* contents of the records: the same for the same name */
	uint32_t ttl;
	uint16_t records;
};

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static void
noise(struct builder *m, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = mix64(m->salt++);

		memcpy(m->b + m->n + i, (const uint8_t[8]){(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24),
		    (uint8_t)(v >> 32), (uint8_t)(v >> 40), (uint8_t)(v >> 48), (uint8_t)(v >> 56)}, n - i < 8 ? n - i : 8);
	}
	m->n += n;
}

/* Owner, type, class, TTL, length; the caller appends rdlen bytes. */
static void
record(struct builder *m, uint32_t owner, unsigned int type, size_t rdlen)
{
	uint8_t *p = m->b + m->n;

	put16(p, owner);
	put16(p + 2, type);
	put16(p + 4, 1);
	put32(p + 6, m->ttl);
	put16(p + 10, (uint32_t)rdlen);
	m->n += RR_HEAD;
	m->records++;
}

static void
text_data(struct builder *m, size_t n)
{
	static const char fill[] = "v=spf1 include:_spf.example ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx -all ";

	while (n > 0) {
		size_t chunk = n > 256 ? 255 : n - 1;

		m->b[m->n++] = (uint8_t)chunk;
		for (size_t i = 0; i < chunk; i++)
			m->b[m->n++] = (uint8_t)fill[i % (sizeof(fill) - 1)];
		n -= chunk + 1;
	}
}

/* One record of the type with rdlen bytes of data; rdlen is taken as it is only for TXT, DNSKEY and
 * RRSIG, the others have their own. */
static void
append(struct builder *m, unsigned int type, size_t rdlen)
{
	uint8_t *p;

	record(m, OWNER, type, rdlen);
	p = m->b + m->n;
	switch (type) {
	case DNS_TXT:
		text_data(m, rdlen);
		return;
	case DNS_NS: case DNS_PTR: case DNS_CNAME: /* a label below the owner */
	case DNS_MX: {
		size_t head = type == DNS_MX ? 2 : 0, label = rdlen - head - 3;

		m->n += head;
		if (head > 0)
			put16(p, 10);
		m->b[m->n++] = (uint8_t)label;
		for (size_t i = 0; i < label; i++)
			m->b[m->n++] = (uint8_t)('a' + mix64(m->salt++) % 26);
		put16(m->b + m->n, OWNER);
		m->n += 2;
		return;
	}
	case DNS_SOA: /* two names at the owner, five numbers */
		memcpy(p, "\x02ns\xc0\x0c\x04root\xc0\x0c", 12);
		m->n += 12;
		noise(m, 20);
		return;
	case DNS_HTTPS: /* RFC 9460: priority 1, same target, alpn h2,h3, two address hints */
		noise(m, rdlen);
		memcpy(p, "\x00\x01\x00\x00\x01\x00\x06\x02h2\x02h3\x00\x04\x00\x08", 17);
		return;
	case DNS_DNSKEY:
		noise(m, rdlen);
		memcpy(p, "\x01\x01\x03\x08", 4); /* KSK, protocol 3, RSASHA256 */
		return;
	case DNS_RRSIG: /* covers SOA, RSASHA256, 2 labels; signed by the root label for brevity */
		noise(m, rdlen);
		memcpy(p, "\x00\x06\x08\x02\x00\x00\x01\x2c", 8);
		p[18] = 0;
		return;
	default:
		noise(m, rdlen);
	}
}

static size_t
usual_rdlen(unsigned int type, uint64_t salt)
{
	switch (type) {
	case DNS_A: return 4;
	case DNS_AAAA: return 16;
	case DNS_NS: case DNS_PTR: case DNS_CNAME: return 7 + salt % 16;
	case DNS_MX: return 9 + salt % 12;
	case DNS_SOA: return 32;
	case DNS_TXT: return 60 + salt % 160;
	case DNS_DNSKEY: return 264;
	case DNS_RRSIG: return 18 + 1 + 256;
	case DNS_DS: return 36;
	case DNS_HTTPS: return 25;
	default: return 24 + salt % 40;
	}
}

/* What an answer of that type is made of, repeated until it is long enough. */
static const uint16_t *
mix_of(unsigned int qtype, size_t *n)
{
	static const uint16_t any[] = {DNS_SOA, DNS_RRSIG, DNS_NS, DNS_NS, DNS_NS, DNS_NS, DNS_RRSIG, DNS_A, DNS_RRSIG, DNS_AAAA,
		DNS_RRSIG, DNS_MX, DNS_MX, DNS_RRSIG, DNS_TXT, DNS_TXT, DNS_RRSIG, DNS_DNSKEY, DNS_DNSKEY, DNS_RRSIG};
	static const uint16_t key[] = {DNS_DNSKEY, DNS_DNSKEY, DNS_RRSIG}, sig[] = {DNS_RRSIG}, ds[] = {DNS_DS, DNS_RRSIG},
		txt[] = {DNS_TXT}, a[] = {DNS_A}, aaaa[] = {DNS_AAAA};

#define MIX(table) (*n = sizeof(table) / sizeof(table[0]), table)
	switch (qtype) {
	case DNS_ANY: return MIX(any);
	case DNS_DNSKEY: return MIX(key);
	case DNS_RRSIG: return MIX(sig);
	case DNS_DS: return MIX(ds);
	case DNS_A: return MIX(a);
	case DNS_AAAA: return MIX(aaaa);
	default: return MIX(txt);
	}
#undef MIX
}

/* Records up to exactly `want` bytes of message before the OPT; returns what is left for padding. */
static size_t
fill(struct builder *m, unsigned int qtype, size_t want)
{
	size_t kinds, last = RR_HEAD + 64;
	const uint16_t *mix = mix_of(qtype, &kinds);
	unsigned int final = qtype == DNS_DNSKEY || qtype == DNS_RRSIG ? qtype : qtype == DNS_DS ? DNS_RRSIG : DNS_TXT;
	bool fixed = qtype == DNS_A || qtype == DNS_AAAA;

	if (fixed)
		last = 4; /* an empty EDNS padding option */
	for (size_t i = 0;; i++) {
		unsigned int type = mix[i % kinds];
		size_t rdlen = usual_rdlen(type, mix64(m->salt + i));

		if (m->n + RR_HEAD + rdlen + last > want)
			break;
		append(m, type, rdlen);
	}
	if (!fixed && m->n + RR_HEAD + 24 <= want)
		append(m, final, want - m->n - RR_HEAD);
	return want > m->n ? want - m->n : 0;
}

/* An ordinary answer: aliases, then a few addresses or whatever the type has. */
static void
ordinary(struct builder *m, unsigned int qtype, uint64_t h)
{
	unsigned int n = 1 + (unsigned int)(h & 3);

	if (qtype == DNS_A || qtype == DNS_AAAA) {
		for (unsigned int i = 0; i < (h >> 4) % 3; i++)
			append(m, DNS_CNAME, usual_rdlen(DNS_CNAME, h >> (8 * i)) + 20);
	} else if (qtype != DNS_MX) {
		n = 1;
	}
	while (n-- > 0)
		append(m, qtype, usual_rdlen(qtype, h >> (4 * n)));
}

static size_t
question(const struct lookup *q, uint8_t *buf)
{
	size_t n;

	memset(buf, 0, HEADER);
	put16(buf, q->id);
	put16(buf + 4, 1);
	if (q->fixed != NULL) {
		memcpy(buf + HEADER, q->fixed->wire, q->fixed->wire_n);
		n = q->fixed->wire_n;
	} else {
		n = name_wire(q->name, buf + HEADER);
	}
	n += HEADER;
	put16(buf + n, q->qtype);
	put16(buf + n + 2, 1);
	return n + 4;
}

/* RFC 6891; with `pad` bytes of padding option (4 at least) when not zero. */
static void
opt_record(struct builder *m, const struct lookup *q, unsigned int size, size_t pad)
{
	uint8_t *p = m->b + m->n;

	memset(p, 0, OPT_BYTES + pad);
	put16(p + 1, DNS_OPT);
	put16(p + 3, size);
	p[7] = (q->flags & LOOKUP_DO) != 0 ? 0x80 : 0;
	put16(p + 9, (uint32_t)pad);
	if (pad >= 4) {
		put16(p + 11, 12);
		put16(p + 13, (uint32_t)(pad - 4));
	}
	m->n += OPT_BYTES + pad;
	put16(m->b + 10, 1);
}

size_t
message_query(const struct lookup *q, uint8_t *buf)
{
	struct builder m = {.b = buf, .n = question(q, buf)};

	buf[2] = (q->flags & LOOKUP_NO_RD) != 0 ? 0 : 1;
	if (q->edns > 0)
		opt_record(&m, q, q->edns, 0);
	return m.n;
}

size_t
message_answer(const struct lookup *q, uint8_t *buf)
{
	uint64_t h = mix64(q->name ^ q->qtype ^ (q->fixed != NULL ? q->fixed->wire_n : 0));
	struct builder m = {.b = buf, .n = question(q, buf), .salt = h << 20, .ttl = q->ttl};
	size_t opt = q->edns > 0 ? OPT_BYTES : 0, room = q->edns > 512 ? q->edns : 512, pad = 0;
	bool cut = (q->flags & LOOKUP_TC) != 0 || q->size > room;
	unsigned int bits = 0x8000 | ((q->flags & LOOKUP_NO_RD) != 0 ? 0 : 0x0180) |
	    ((q->flags & LOOKUP_AA) != 0 ? 0x0400 : 0) | (cut ? 0x0200 : 0) | q->rcode;

	if ((q->flags & LOOKUP_TC) != 0) {
		/* nothing but the bit, as many servers answer */
	} else if (q->rcode != DNS_NOERROR) {
		append(&m, DNS_SOA, 32);
		if (q->size > 0) /* a signed denial */
			pad = fill(&m, DNS_RRSIG, (q->size < room ? q->size : room) - opt);
	} else if (q->size > 0) {
		pad = fill(&m, q->qtype, (q->size < room ? q->size : room) - opt);
	} else {
		ordinary(&m, q->qtype, h);
	}
	put16(buf + 2, bits);
	put16(buf + (q->rcode != DNS_NOERROR ? 8 : 6), m.records);
	if (opt > 0)
		opt_record(&m, q, 1232, pad >= 4 ? pad : 0);
	return m.n;
}
