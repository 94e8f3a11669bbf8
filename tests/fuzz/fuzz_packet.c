/* A packet of any link type: two bytes of link, two of length on the wire, then the bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "collector/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int truth)
{
	if (!truth)
		abort();
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
	}
	free(b.data);
	flow_batch_done(&out);
	return 0;
}
