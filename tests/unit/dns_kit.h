/* Made-up DNS messages as flows, for an engine that is fed by hand. */
#ifndef TESTS_DNS_KIT_H
#define TESTS_DNS_KIT_H

#include "tests/unit/engine_kit.h"

/* A question or an answer with up to KIT_RECORDS records, the first `shown` bytes of which were captured. */
enum { KIT_RECORDS = 4, KIT_BYTES = 700 };

struct kit_message {
	const char *name;
	uint16_t qtype, id;
	uint8_t rcode;
	bool response;
	unsigned int records;
	uint32_t ttl[KIT_RECORDS];
	bool soa;             /* one in the authority section: its TTL 900, its minimum 60 */
	uint16_t size;        /* of the whole message; less than it has: as it is */
	uint16_t first;       /* IP bytes of the first fragment; 0: in one piece */
};

struct kit_packet {
	struct flow flow;
	struct dns_view view;
	uint8_t message[KIT_BYTES];
};

static inline uint8_t *
kit_record(uint8_t *p, uint16_t type, uint32_t ttl, const uint8_t *data, uint8_t n)
{
	const uint8_t head[] = {0xc0, 12, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, (uint8_t)(ttl >> 24), (uint8_t)(ttl >> 16),
		(uint8_t)(ttl >> 8), (uint8_t)ttl, 0, n};

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), data, n);
	return p + sizeof(head) + n;
}

/* A packet between a client's port 40000 and a server's 53. */
static inline void
kit_say(struct kit_packet *k, const struct kit_message *m, int64_t t_ns, uint32_t client, uint32_t server)
{
	static const uint8_t data[40] = {0}, soa[22] = {0, 0, [21] = 60}, opt[] = {0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 0};
	uint8_t *b = k->message, *p = b + 12;
	size_t n, size;

	memset(k, 0, sizeof(*k));
	b[0] = (uint8_t)(m->id >> 8);
	b[1] = (uint8_t)m->id;
	b[2] = m->response ? 0x81 : 0x01;
	b[3] = (uint8_t)((m->response ? 0x80 : 0) | m->rcode);
	b[5] = b[11] = 1;
	b[7] = (uint8_t)m->records;
	b[9] = m->soa;
	n = (size_t)dns_name_parse(m->name, p);
	p += n;
	*p++ = (uint8_t)(m->qtype >> 8);
	*p++ = (uint8_t)m->qtype;
	*p++ = 0;
	*p++ = 1;
	for (unsigned int i = 0; i < m->records; i++)
		p = kit_record(p, m->qtype == DNS_ANY ? DNS_TXT : m->qtype, m->ttl[i], data, sizeof(data));
	if (m->soa)
		p = kit_record(p, DNS_SOA, 900, soa, sizeof(soa));
	memcpy(p, opt, sizeof(opt)); /* its TTL is flags: DO */
	n = (size_t)(p - b) + sizeof(opt);
	size = m->size > n ? m->size : n;
	(void)dns_view_parse(&k->view, b, n, size);
	k->flow = (struct flow){.start_ns = t_ns, .end_ns = t_ns, .src = kit_addr(m->response ? server : client),
		.dst = kit_addr(m->response ? client : server), .packets = 1, .bytes = m->first != 0 ? m->first : size + 28, .sampling = 1,
		.sport = m->response ? 53 : 40000, .dport = m->response ? 40000 : 53, .proto = FLOW_UDP, .ttl = 60, .frag_id = m->first != 0 ? m->id : 0,
		.flags = m->first != 0 ? FLOW_FRAG_FIRST : 0, .dns = &k->view};
}

#endif
