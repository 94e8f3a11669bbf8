/* nfcapd files of both layouts, built record by record. */
#ifndef TESTS_NFCAPD_KIT_H
#define TESTS_NFCAPD_KIT_H

#include "tests/unit/flowfile_kit.h"

enum { MS = 1365000000 };

static size_t block; /* where the open block's header is */
static uint32_t records;

static inline void
start(unsigned int layout, unsigned int compression, uint32_t blocks)
{
	im.n = 0;
	im.big = false;
	put(0xa50c, 2);
	put(layout, 2);
	if (layout == 1) {
		put(compression, 4);
		put(blocks, 4);
		put_zeros(276 - im.n);
		return;
	}
	put(0x1070100, 4);
	put(MS, 8);
	put(compression, 1);
	put_zeros(15);
	put(0, 4);
	put(blocks, 4);
}

static inline void
open_block(unsigned int type)
{
	block = im.n;
	records = 0;
	put_zeros(8);
	put(type, 2);
	put(0, 2);
}

static inline void
close_block(void)
{
	put_at(block, records, 4);
	put_at(block + 4, im.n - block - 12, 4);
}

static inline void
put_exporter(unsigned int id, uint32_t version, uint32_t addr, uint32_t domain)
{
	put(7, 2);
	put(32, 2);
	put(version, 4);
	put(0, 8);
	put(addr, 8);
	put(2, 2);
	put(id, 2);
	put(domain, 4);
	records++;
}

static inline void
put_sampler(unsigned int id, uint32_t taken, uint32_t passed)
{
	put(15, 2);
	put(24, 2);
	put(id, 2);
	put(1, 2);
	put(UINT64_MAX, 8);
	put(taken, 4);
	put(passed, 4);
	records++;
}

static inline void
put_stats(unsigned int id, uint32_t gaps, uint64_t datagrams)
{
	put(8, 2);
	put(32, 2);
	put(1, 4);
	put(id, 4);
	put(gaps, 4);
	put(datagrams, 8);
	put(5, 8);
	records++;
}

struct v3 {
	uint64_t first_ms, last_ms, received_ms, packets, bytes, out_packets, out_bytes;
	uint16_t sport, dport, exporter;
	uint8_t proto, flags;
	bool six, misc;
};

static const struct v3 plain = {.first_ms = MS * UINT64_C(1000) + 100, .last_ms = MS * UINT64_C(1000) + 900,
    .received_ms = MS * UINT64_C(1000) + 5000, .packets = 10, .bytes = 4000, .sport = 53, .dport = 1234, .proto = 17, .exporter = 1};

static size_t last_record;

static inline void
element(unsigned int type, unsigned int size, unsigned int *n)
{
	put(type, 2);
	put(size + 4, 2);
	(*n)++;
}

static inline void
put_v3(const struct v3 *r)
{
	unsigned int n = 0;
	size_t at = im.n;

	last_record = at;
	put(11, 2);
	put(0, 2);
	put(0, 2);
	put(3, 1);
	put(7, 1);
	put(r->exporter, 2);
	put(r->flags, 1);
	put(9, 1);
	element(1, 48, &n);
	put(r->first_ms, 8);
	put(r->last_ms, 8);
	put(r->received_ms, 8);
	put(r->packets, 8);
	put(r->bytes, 8);
	put(r->sport, 2);
	put(r->dport, 2);
	put(r->proto, 1);
	put(0x12, 1);
	put(64, 1);
	put(0x28, 1);
	element(99, 6, &n); /* unknown */
	put_zeros(6);
	if (r->six) {
		element(3, 32, &n);
		put(0x20010db8000a000b, 8);
		put(0x0000000000000001, 8);
		put(0x20010db800000000, 8);
		put(0x1122334455667788, 8);
	} else {
		element(2, 8, &n);
		put(0x0a010203, 4);
		put(0xc6330199, 4);
	}
	if (r->misc) {
		element(4, 16, &n);
		put(7, 4);
		put(9, 4);
		put(24, 1);
		put(16, 1);
		put(1, 1);
		put_zeros(5);
		element(6, 8, &n);
		put(100, 4);
		put(200, 4);
		element(7, 8, &n);
		put(4200000001, 4);
		put(64512, 4);
		element(10, 4, &n);
		put(0x0a0000fd, 4);
		element(12, 4, &n);
		put(0x0a0000aa, 4);
	}
	if (r->out_packets + r->out_bytes > 0) {
		element(5, 24, &n);
		put(3, 8);
		put(r->out_packets, 8);
		put(r->out_bytes, 8);
	}
	put_at(at + 2, im.n - at, 2);
	put_at(at + 4, n, 2);
	records++;
}

static inline void
one_record(const struct v3 *r)
{
	start(2, 0, 1);
	open_block(3);
	put_exporter(1, 9, 0x0a0000fe, 77);
	put_v3(r);
	close_block();
}

static inline void
put_map(unsigned int id, const uint16_t *ext, size_t n)
{
	put(2, 2);
	put(8 + 2 * (n + 1), 2);
	put(id, 2);
	put(0, 2);
	for (size_t i = 0; i < n; i++)
		put(ext[i], 2);
	put(0, 2);
	records++;
}

static inline void
put_common(unsigned int type, unsigned int flags, unsigned int map)
{
	last_record = im.n;
	put(type, 2);
	put(0, 2);
	if (type == 1) {
		put(flags, 1);
		put(1, 1); /* exporter */
	} else {
		put(flags, 2);
	}
	put(map, 2);
	put(100, 2);
	put(900, 2);
	put(MS, 4);
	put(MS, 4);
	put(64, 1);
	put(0x12, 1);
	put(17, 1);
	put(0x28, 1);
	put(53, 2);
	put(1234, 2);
	if (type == 10) {
		put(1, 2);
		put(0, 2);
	}
	if ((flags & 1) != 0) {
		put(0x20010db8000a000b, 8);
		put(1, 8);
		put(0x20010db800000000, 8);
		put(2, 8);
	} else {
		put(0x0a010203, 4);
		put(0xc6330199, 4);
	}
	put(10, (flags & 2) != 0 ? 8 : 4);
	put((flags & 4) != 0 ? UINT64_C(5000000000) : 4000, (flags & 4) != 0 ? 8 : 4);
	records++;
}

static inline void
end_common(void)
{
	put_at(last_record + 2, im.n - last_record, 2);
}

#endif
