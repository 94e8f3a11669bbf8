/* Records of nfdump 1.7: a header of 12 bytes, then elements, each with type and length. */
#include "base/cursor.h"
#include "collector/nfcapd.h"

enum element {
	EL_FLOW = 1, EL_IPV4, EL_IPV6, EL_MISC, EL_COUNTS, EL_VLAN, EL_AS, EL_NEXT_HOP4 = 10, EL_NEXT_HOP6, EL_RECEIVED4,
	EL_RECEIVED6,
};
enum { RECORD_EVENT = 1, RECORD_SAMPLED = 2 };

static void
read_flow(const uint8_t *p, struct flow *r, struct flow_extra *x, struct nfcapd_beside *beside)
{
	r->start_ns = nfcapd_time(le64(p));
	r->end_ns = nfcapd_time(le64(p + 8));
	beside->received_ns = nfcapd_time(le64(p + 16));
	r->packets = le64(p + 24);
	r->bytes = le64(p + 32);
	r->sport = le16(p + 40);
	r->dport = le16(p + 42);
	r->proto = p[44];
	r->tcp_flags = p[45];
	x->forwarding = p[46];
	x->tos = p[47];
}

static void
read_misc(const uint8_t *p, struct flow_extra *x)
{
	x->in_if = le32(p);
	x->out_if = le32(p + 4);
	x->src_mask = p[8];
	x->dst_mask = p[9];
	x->direction = p[10];
}

static void
read_counts(const uint8_t *p, struct flow_extra *x, struct nfcapd_beside *beside)
{
	x->flows = le64(p);
	beside->out_packets = le64(p + 8);
	beside->out_bytes = le64(p + 16);
}

/* Bytes that an element must have to be read; others are passed over. */
static const uint8_t element_min[] = {
	[EL_FLOW] = 48, [EL_IPV4] = 8, [EL_IPV6] = 32, [EL_MISC] = 11, [EL_COUNTS] = 24, [EL_VLAN] = 8, [EL_AS] = 8,
	[EL_NEXT_HOP4] = 4, [EL_NEXT_HOP6] = 16, [EL_RECEIVED4] = 4, [EL_RECEIVED6] = 16,
};

static void
read_element(unsigned int type, const uint8_t *p, struct flow *r, struct flow_extra *x, struct nfcapd_beside *beside)
{
	switch (type) {
	case EL_FLOW:
		read_flow(p, r, x, beside);
		break;
	case EL_IPV4:
		r->src = file_addr4(le32(p));
		r->dst = file_addr4(le32(p + 4));
		break;
	case EL_IPV6:
		r->src = nfcapd_addr6(p);
		r->dst = nfcapd_addr6(p + 16);
		r->flags |= FLOW_IP6;
		break;
	case EL_MISC:
		read_misc(p, x);
		break;
	case EL_COUNTS:
		read_counts(p, x, beside);
		break;
	case EL_VLAN:
		x->src_vlan = (uint16_t)le32(p);
		x->dst_vlan = (uint16_t)le32(p + 4);
		break;
	case EL_AS:
		x->src_as = le32(p);
		x->dst_as = le32(p + 4);
		break;
	case EL_NEXT_HOP4:
		x->next_hop = file_addr4(le32(p));
		break;
	case EL_NEXT_HOP6:
		x->next_hop = nfcapd_addr6(p);
		break;
	case EL_RECEIVED4:
		beside->from = file_addr4(le32(p));
		break;
	case EL_RECEIVED6:
		beside->from = nfcapd_addr6(p);
		break;
	}
}

bool
nfcapd_record3(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n, struct flow_batch *to)
{
	struct cursor c = cursor_view(p, n);
	const uint8_t *head = cursor_take(&c, 12), *element;
	struct nfcapd_beside beside = {0};
	struct flow_extra scratch, *x = to->extra != NULL ? &to->extra[to->n] : &scratch;
	struct flow *r = &to->flow[to->n];
	bool addresses = false, counted = false;

	if (head == NULL)
		return false;
	file_flow_init(r);
	if (to->extra != NULL)
		*x = (struct flow_extra){.flows = 1, .domain = (uint32_t)head[6] << 8 | head[7], .version = head[11]};
	beside.exporter = le16(head + 8);
	beside.event = (head[10] & RECORD_EVENT) != 0;
	beside.sampled = (head[10] & RECORD_SAMPLED) != 0;
	for (unsigned int i = le16(head + 4); i > 0; i--) {
		unsigned int type, size;

		element = cursor_take(&c, 4);
		if (element == NULL)
			return false;
		type = le16(element);
		size = le16(element + 2);
		if (size < 4)
			return false;
		element = cursor_take(&c, size - 4);
		if (element == NULL)
			return false;
		if (type >= sizeof(element_min) || element_min[type] == 0 || size - 4 < element_min[type])
			continue;
		read_element(type, element, r, x, &beside);
		addresses = addresses || type == EL_IPV4 || type == EL_IPV6;
		counted = counted || type == EL_FLOW;
	}
	beside.event = beside.event || !addresses || !counted;
	nfcapd_deliver(s, f, &beside, to);
	return true;
}
