/* Records of nfdump 1.6: a common part, addresses and counters by its flags, then what the extension map it names lists. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "collector/nfcapd.h"

enum flag { IPV6 = 1, PACKETS64 = 2, BYTES64 = 4, EVENT = 64, SAMPLED = 128 };

/* Bytes of each extension; 0: unknown, and what lies behind it cannot be found. */
static const uint8_t extension_size[] = {
	[4] = 4, [5] = 8, [6] = 4, [7] = 8, [8] = 4, [9] = 4, [10] = 16, [11] = 4, [12] = 16, [13] = 4, [14] = 4, [15] = 8,
	[16] = 4, [17] = 8, [18] = 4, [19] = 8, [20] = 16, [21] = 16, [22] = 40, [23] = 4, [24] = 16, [25] = 4, [26] = 8,
	[27] = 8, [37] = 20, [38] = 4, [39] = 8, [40] = 32, [41] = 24, [42] = 24, [43] = 72, [45] = 24, [46] = 12, [47] = 8,
	[48] = 8,
};

bool
nfcapd_map1(struct nfcapd *f, const uint8_t *p, size_t n)
{
	struct cursor c = cursor_view(p, n);
	const uint8_t *head = cursor_take(&c, 8), *id;
	struct nfcapd_map **slot;

	if (head == NULL)
		return false;
	slot = &f->maps[le16(head + 4)];
	if (*slot == NULL)
		*slot = malloc(sizeof(**slot));
	if (*slot == NULL)
		return false;
	(*slot)->n = 0;
	while ((*slot)->n < sizeof((*slot)->id) && (id = cursor_take(&c, 2)) != NULL && le16(id) != 0) {
		/* 1 to 3 stand in the flags; an unknown one ends the map, as its size is unknown too */
		if (le16(id) < 4)
			continue;
		if (le16(id) >= sizeof(extension_size) || extension_size[le16(id)] == 0)
			break;
		(*slot)->id[(*slot)->n++] = (uint8_t)le16(id);
	}
	return true;
}

static void
read_extension(unsigned int id, const uint8_t *p, struct flow_extra *x, struct nfcapd_beside *beside)
{
	switch (id) {
	case 4: x->in_if = le16(p); x->out_if = le16(p + 2); break;
	case 5: x->in_if = le32(p); x->out_if = le32(p + 4); break;
	case 6: x->src_as = le16(p); x->dst_as = le16(p + 2); break;
	case 7: x->src_as = le32(p); x->dst_as = le32(p + 4); break;
	case 8: x->direction = p[1]; x->src_mask = p[2]; x->dst_mask = p[3]; break;
	case 9: x->next_hop = file_addr4(le32(p)); break;
	case 10: x->next_hop = nfcapd_addr6(p); break;
	case 13: x->src_vlan = le16(p); x->dst_vlan = le16(p + 2); break;
	case 14: beside->out_packets = le32(p); break;
	case 15: beside->out_packets = le64(p); break;
	case 16: beside->out_bytes = le32(p); break;
	case 17: beside->out_bytes = le64(p); break;
	case 18: x->flows = le32(p); break;
	case 19: x->flows = le64(p); break;
	case 23: beside->from = file_addr4(le32(p)); break;
	case 24: beside->from = nfcapd_addr6(p); break;
	case 25: x->domain = (uint32_t)p[2] << 8 | p[3]; break;
	case 27: beside->received_ns = nfcapd_time(le64(p)); break;
	default: break;
	}
}

static uint64_t
counter(struct cursor *c, bool wide)
{
	const uint8_t *p = cursor_take(c, wide ? 8 : 4);

	return p == NULL ? 0 : wide ? le64(p) : le32(p);
}

static bool
read_addresses(struct cursor *c, unsigned int flags, struct flow *r)
{
	const uint8_t *p = cursor_take(c, (flags & IPV6) != 0 ? 32 : 8);

	if (p == NULL)
		return false;
	if ((flags & IPV6) != 0) {
		r->src = nfcapd_addr6(p);
		r->dst = nfcapd_addr6(p + 16);
		r->flags |= FLOW_IP6;
	} else {
		r->src = file_addr4(le32(p));
		r->dst = file_addr4(le32(p + 4));
	}
	return true;
}

bool
nfcapd_record1(struct source *s, struct nfcapd *f, unsigned int type, const uint8_t *p, size_t n, struct flow_batch *to)
{
	struct cursor c = cursor_view(p, n);
	const uint8_t *head = cursor_take(&c, type == NFCAPD_COMMON1 ? 32 : 28);
	struct nfcapd_beside beside = {0};
	struct flow_extra scratch, *x = to->extra != NULL ? &to->extra[to->n] : &scratch;
	struct flow *r = &to->flow[to->n];
	const struct nfcapd_map *map;
	unsigned int flags;

	if (head == NULL)
		return false;
	/* the older record has flags and exporter in a byte each */
	flags = type == NFCAPD_COMMON1 ? le16(head + 4) : head[4];
	beside.exporter = type == NFCAPD_COMMON1 ? le16(head + 28) : head[5];
	beside.event = (flags & EVENT) != 0;
	beside.sampled = (flags & SAMPLED) != 0;
	file_flow_init(r);
	if (to->extra != NULL)
		*x = (struct flow_extra){.flows = 1};
	r->start_ns = nfcapd_time((uint64_t)le32(head + 12) * 1000 + le16(head + 8));
	r->end_ns = nfcapd_time((uint64_t)le32(head + 16) * 1000 + le16(head + 10));
	x->forwarding = head[20];
	r->tcp_flags = head[21];
	r->proto = head[22];
	x->tos = head[23];
	r->sport = le16(head + 24);
	r->dport = le16(head + 26);
	if (!read_addresses(&c, flags, r))
		return false;
	r->packets = counter(&c, (flags & PACKETS64) != 0);
	r->bytes = counter(&c, (flags & BYTES64) != 0);
	map = f->maps[le16(head + 6)];
	for (unsigned int i = 0; map != NULL && i < map->n; i++) {
		const uint8_t *e = cursor_take(&c, extension_size[map->id[i]]);

		if (e != NULL)
			read_extension(map->id[i], e, x, &beside);
	}
	if (c.bad)
		return false;
	nfcapd_deliver(s, f, &beside, to);
	return true;
}
