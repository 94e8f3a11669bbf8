/* Inside of the nfcapd reader: the file, its blocks (nfcapd.c), and the two generations of records in them.
 *
 * nfcapd.c hands out whole records of a block (decompressed by nfcapd_unpack.c); nfcapd_record3 (nfdump 1.7, in
 * nfcapd3.c) and nfcapd_record1 (nfdump 1.6, in nfcapd1.c) append their flows to a batch through nfcapd_deliver
 * (nfcapd_flow.c).  All numbers in these files are in the order of the host that wrote them; damp reads
 * little-endian ones.
 */
#ifndef COLLECTOR_NFCAPD_H
#define COLLECTOR_NFCAPD_H

#include "collector/export.h"
#include "collector/filerecord.h"
#include "collector/reader.h"

enum nfcapd_record_type {
	NFCAPD_COMMON0 = 1, NFCAPD_MAP = 2, NFCAPD_EXPORTER = 7, NFCAPD_EXPORTER_STATS = 8, NFCAPD_SAMPLER0 = 9,
	NFCAPD_COMMON1 = 10, NFCAPD_V3 = 11, NFCAPD_SAMPLER = 15,
};
enum nfcapd_packing { NFCAPD_PLAIN, NFCAPD_LZO, NFCAPD_BZ2, NFCAPD_LZ4, NFCAPD_ZSTD };

/* What an extension map of 1.6 lists, in the order of the record's bytes. */
struct nfcapd_map {
	uint8_t n, id[63];
};

struct nfcapd_exporter {
	struct exporter_key key;
	bool known;           /* the file told of it; most of those it lists have no records */
	struct exporter *row; /* once it has */
	uint32_t sampling;    /* 1 in n by its sampler; 0: unknown */
};

enum { NFCAPD_IDS = 65536 }; /* exporter and map numbers have 16 bits */

struct nfcapd {
	unsigned int layout;       /* 1: nfdump 1.6, 2: nfdump 1.7 */
	enum nfcapd_packing packing;
	uint32_t header;           /* bytes to pass before the first block */
	uint32_t blocks_told, blocks; /* data blocks by the file's header, and seen */
	uint64_t skip;             /* bytes of a block that is not read */
	bool searching, told, bad; /* for a block behind damage; the end was told; a malformed record */
	uint64_t block_at;         /* the current block's offset in the input */
	size_t left;               /* bytes of its records not yet read, of a plain block */
	size_t want;               /* bytes the next fill should bring */
	uint8_t *packed;           /* a compressed block as it comes in */
	size_t packed_n, packed_want, packed_cap;
	uint8_t *plain;            /* and decompressed; records are read at plain_at */
	size_t plain_at, plain_left;
	struct nfcapd_exporter *exporters; /* NFCAPD_IDS */
	struct nfcapd_map **maps;          /* NFCAPD_IDS, layout 1 */
	struct exporter *nobody;   /* row of records whose exporter the file does not tell */
};

static inline uint16_t
le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static inline uint64_t
le64(const uint8_t *p)
{
	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* IPv6 addresses are two numbers of 64 bits, the upper one first. */
static inline struct addr
nfcapd_addr6(const uint8_t *p)
{
	struct addr a;

	for (int i = 0; i < 8; i++) {
		a.b[i] = p[7 - i];
		a.b[8 + i] = p[15 - i];
	}
	return a;
}

/* What a record says beside its flow. */
struct nfcapd_beside {
	uint64_t out_packets, out_bytes; /* of the answering direction */
	int64_t received_ns;             /* 0: not said */
	unsigned int exporter;           /* the file's number for it */
	bool sampled, event;
	struct addr from;                /* the exporter's address; all zeros: not said */
};

/* Appends the flow in room n of the batch, which the reader has filled (extra[n] too, where kept), and one for
 * the other direction when it has counts. */
void nfcapd_deliver(struct source *s, struct nfcapd *f, const struct nfcapd_beside *r, struct flow_batch *to);

/* A number in milliseconds since 1970 as time; impossible ones become 0. */
static inline int64_t
nfcapd_time(uint64_t ms)
{
	return ms < (uint64_t)INT64_MAX / 1000000 ? (int64_t)ms * 1000000 : 0;
}

/* p[0..n) is one whole record of the given type, its header included.  False: malformed. */
bool nfcapd_record3(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n, struct flow_batch *to);
bool nfcapd_record1(struct source *s, struct nfcapd *f, unsigned int type, const uint8_t *p, size_t n, struct flow_batch *to);
/* Records about exporters: who one is, what was lost of it, its sampling. */
bool nfcapd_exporter(struct nfcapd *f, const uint8_t *p, size_t n);
bool nfcapd_exporter_stats(struct source *s, struct nfcapd *f, const uint8_t *p, size_t n);
bool nfcapd_sampler(struct nfcapd *f, unsigned int type, const uint8_t *p, size_t n);
bool nfcapd_map1(struct nfcapd *f, const uint8_t *p, size_t n);

/* Decompresses a block into f->plain; its size, or 0 when the block is damaged. */
size_t nfcapd_unpack(struct nfcapd *f);
/* False and the library's name when damp was built without it. */
bool nfcapd_can_unpack(enum nfcapd_packing p, const char **name);

#endif
