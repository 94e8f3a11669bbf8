/* Packets that a mirror shows more than once: counted once.
 *
 * A switch that mirrors a port both ways, or several ports between which the packet travels, hands over every packet two, three or
 * four times; so does a capture of all interfaces of a router, one hop further.  Doubled, half of the answers have no query, every
 * question looks asked again, half of the new names are known, and every link carries twice its load.
 *
 * A copy has the addresses of its packet, its IP identification and its first bytes (flow.digest), and comes within COPIES_GAP_US.
 * Some senders make such packets themselves: floods whose every packet is the same, or answers over IPv6, which has no
 * identification.  Two things keep those apart.  They go on and on, so the fifth of a row is no copy, nor are those
 * that follow it.  And a mirror copies packets of all sorts: only where a share of all, COPIES_SHARE, is copies are
 * any left out.  To know that costs little: behind the first COPIES_FIRST packets, and without copies, one in eight is looked at,
 * chosen by its hash.
 *
 * One table of 16,384 rows of 12 bytes, read and written in the order of the input by one thread.  When more packets than
 * that come within the gap, some copies are missed.
 */
#ifndef DETECTOR_COPIES_H
#define DETECTOR_COPIES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	COPIES_GAP_US = 20000, /* a packet waits no longer in a router; a stub that heard nothing asks again after seconds */
	COPIES_MOST = 4,       /* of one packet: mirrored both ways, at two hops */
	COPIES_ROWS = 1 << 14,
	COPIES_FIRST = 4096,
	COPIES_LOOK = 32,      /* packets of which the share is taken */
	COPIES_SHARE = 10,     /* one in so many */
};

struct copy_row {
	uint32_t tag;     /* of the packet's hash */
	uint32_t time_us; /* of the latest one, modulo 2^32 */
	uint32_t times;
};

struct copies {
	struct copy_row *row;
	uint32_t looked, found;
	uint32_t first;  /* of COPIES_FIRST, still to come */
	bool mirrored;   /* many are copies: they are left out */
};

int copies_init(struct copies *c); /* 0 or ERR_NOMEM */
void copies_done(struct copies *c);
/* At the beginning every packet is looked at, and all of a mirror that shows copies; else one in eight, by its hash. */
static inline bool
copies_sampled(const struct copies *c, uint64_t hash)
{
	return c->first > 0 || (hash >> 29 & 7) == 0;
}
static inline bool
copies_look(const struct copies *c, uint64_t hash)
{
	return copies_sampled(c, hash) || c->mirrored;
}
/* Whether the packet of this hash, one that is looked at, is a copy to be left out.  hash: of addresses and digest, well mixed. */
bool copies_seen(struct copies *c, uint64_t hash, int64_t t_ns);

#endif
