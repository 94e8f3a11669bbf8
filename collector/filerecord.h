/* What the readers of flow files share: the last touches on a record. */
#ifndef COLLECTOR_FILERECORD_H
#define COLLECTOR_FILERECORD_H

#include "collector/exporter.h"
#include "collector/flow.h"

/* Flows a read delivers at most, so that they are still in the cache when they are used. */
enum { FILE_RECORDS = 4096 };

/* An address that a file holds as a number in host order. */
static inline struct addr
file_addr4(uint32_t a)
{
	uint8_t b[4] = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a};

	return addr_v4(b);
}

/* Exporters know no ports of later fragments and put them into a row of their own, port 0 to port 0; whole datagrams
 * between ports 0 hardly exist, and are small. */
static inline bool
file_later_fragment(const struct flow *f)
{
	return f->proto == FLOW_UDP && f->sport == 0 && f->dport == 0 && f->packets > 0 && f->bytes / f->packets >= 100;
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
