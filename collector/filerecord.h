/* What the readers of flow files share: the last touches on a record. */
#ifndef COLLECTOR_FILERECORD_H
#define COLLECTOR_FILERECORD_H

#include <string.h>

#include "collector/exporter.h"
#include "collector/flow.h"

/* Flows a read delivers at most: they and their extras are still in a core's own cache when they are used. */
enum { FILE_RECORDS = 1024 };

/* An empty record.  Field by field: compilers clear the whole with an instruction that takes as long as all the rest. */
static inline void
file_flow_init(struct flow *r)
{
	r->start_ns = r->end_ns = r->seen_ns = 0;
	memset(&r->src, 0, sizeof(r->src));
	memset(&r->dst, 0, sizeof(r->dst));
	r->packets = r->bytes = 0;
	r->sampling = 1;
	r->exporter = r->frag_id = 0;
	r->sport = r->dport = 0;
	r->proto = r->tcp_flags = r->ttl = 0;
	r->flags = FLOW_RECORD;
	r->dns = NULL;
}

/* An address that a file holds as a number in host order. */
static inline struct addr
file_addr4(uint32_t a)
{
	uint8_t b[4] = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a};

	return addr_v4(b);
}

/* The configuration knows a rate that the file has not applied. */
static inline void
file_scale(struct flow *f, const struct exporter *e)
{
	if (!e->sampling_fixed || e->sampling <= 1)
		return;
	f->sampling = e->sampling;
	if (__builtin_mul_overflow(f->packets, (uint64_t)e->sampling, &f->packets))
		f->packets = UINT64_MAX;
	if (__builtin_mul_overflow(f->bytes, (uint64_t)e->sampling, &f->bytes))
		f->bytes = UINT64_MAX;
}

/* Start not behind end, end not behind seen: true when that needed a change.  Some exporters exchange the two; when
 * they lie further apart, one of them is no time, and the later one is taken. */
static inline bool
file_times(struct flow *f)
{
	int64_t start = f->start_ns;
	bool repaired = start > f->end_ns;

	if (repaired) {
		f->start_ns = start - f->end_ns <= 3600 * INT64_C(1000000000) ? f->end_ns : start;
		f->end_ns = start;
	}
	if (f->seen_ns < f->end_ns)
		f->seen_ns = f->end_ns;
	return repaired;
}

#endif
