/* A packet of any link type: two bytes of link, two of length on the wire, then the bytes.
 *
 * An Ethernet packet is also decoded as a cooked one, which takes the decoder's general way instead of
 * its fast one: both must give the same flows.
 */
#include "tests/fuzz/fuzz.h"

#include "collector/source.h"

enum { ETHERNET = 1, COOKED2 = 276, COOKED2_HEADER = 20, ETHERNET_HEADER = 14 };

static void
same_flow(const struct flow *x, const struct flow *y)
{
	check(x->start_ns == y->start_ns && x->end_ns == y->end_ns);
	check(addr_equal(&x->src, &y->src) && addr_equal(&x->dst, &y->dst));
	check(x->packets == y->packets && x->bytes == y->bytes && x->sampling == y->sampling);
	check(x->exporter == y->exporter && x->frag_id == y->frag_id && x->flags == y->flags && x->ttl == y->ttl);
	check(x->sport == y->sport && x->dport == y->dport && x->proto == y->proto && x->tcp_flags == y->tcp_flags);
	check((x->dns == NULL) == (y->dns == NULL));
	if (x->dns != NULL)
		check(x->dns->size == y->dns->size && x->dns->captured == y->dns->captured && x->dns->qtype == y->dns->qtype &&
		    x->dns->name_len == y->dns->name_len && x->dns->malformed == y->dns->malformed);
}

static void
same_as_cooked(const struct raw_packet *p, const uint8_t *data, const struct flow_batch *fast, const struct decode_stats *counted)
{
	struct raw_packet q = *p;
	struct block b = {.packet = &q, .n = 1};
	struct decode_stats stats = {0};
	struct flow_batch slow;

	q.link = COOKED2;
	q.caplen += COOKED2_HEADER - ETHERNET_HEADER;
	q.wirelen += COOKED2_HEADER - ETHERNET_HEADER;
	b.data = calloc(1, q.caplen);
	b.size = q.caplen;
	if (b.data != NULL && flow_batch_init(&slow, fast->cap) == 0) {
		memcpy(b.data, data + 12, 2);
		memcpy(b.data + COOKED2_HEADER, data + ETHERNET_HEADER, p->caplen - ETHERNET_HEADER);
		packets_decode(&b, 0, 1, &slow, &stats);
		/* cooked has one header less to count */
		if (stats.rejected[REJECT_TOO_DEEP] == 0 && counted->rejected[REJECT_TOO_DEEP] == 0) {
			check(memcmp(stats.rejected, counted->rejected, sizeof(stats.rejected)) == 0);
			check(slow.n == fast->n && slow.dns_n == fast->dns_n);
			for (size_t i = 0; i < slow.n; i++)
				same_flow(&fast->flow[i], &slow.flow[i]);
		}
		flow_batch_done(&slow);
	}
	free(b.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct raw_packet p = {0};
	struct block b = {.packet = &p, .n = 1};
	struct decode_stats stats = {0};
	struct flow_batch out;

	if (size < 4 || size > 65535 || flow_batch_init(&out, 8) != 0)
		return 0;
	p.link = (uint16_t)(data[0] << 8 | data[1]);
	p.caplen = (uint32_t)size - 4;
	p.wirelen = p.caplen + (uint32_t)(data[2] << 8 | data[3]);
	b.size = p.caplen;
	b.data = malloc(b.size > 0 ? b.size : 1); /* exact, so that a read past the end is seen */
	if (b.data != NULL) {
		for (size_t i = 0; i < b.size; i++)
			b.data[i] = data[4 + i];
		check(packets_decode(&b, 0, 1, &out, &stats) == 1);
		check(stats.packets == 1 && out.dns_n <= out.n);
		for (size_t i = 0; i < out.n; i++) {
			const struct flow *f = &out.flow[i];

			check(f->packets == (i == 0) && f->sampling == 1);
			check((f->flags & FLOW_FRAG_LATER) == 0 || (f->sport == 0 && f->dport == 0 && f->dns == NULL));
			check(f->dns == NULL || (f->dns->msg >= b.data && f->dns->msg + f->dns->captured <= b.data + b.size));
			check(f->dns == NULL || f->dns->captured <= f->dns->size);
		}
		if (p.link == ETHERNET && p.caplen >= ETHERNET_HEADER)
			same_as_cooked(&p, b.data, &out, &stats);
	}
	free(b.data);
	flow_batch_done(&out);
	return 0;
}
