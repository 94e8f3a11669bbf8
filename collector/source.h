/* Where records come from: capture files, standard input, live interfaces.
 *
 * A source works in two steps, so that the second can run on several threads:
 *   1. source_read fills a block with raw packets (serial, keeps the file's state);
 *   2. packets_decode turns any range of a block's packets into flows (pure).
 * Formats of flow records need their state (templates, clocks) to decode, so they do it in the first
 * step: the block then holds flows and no packets.  One thread uses a source; only source_stop may
 * come from elsewhere.
 *
 * Damage: a reader goes on behind it where it can.  Each damaged place is told
 * through the `damage` callback (name of the input, packet number from 1, byte offset, reason)
 * and counted; source_read itself fails only when nothing more can be read.
 */
#ifndef COLLECTOR_SOURCE_H
#define COLLECTOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/exporter.h"
#include "collector/flow.h"

struct raw_packet {
	int64_t t_ns;
	uint32_t offset; /* into block.data */
	uint32_t caplen, wirelen;
	uint16_t link;   /* LINKTYPE_ value (tcpdump.org/linktypes.html), without FCS bits */
	uint16_t input;  /* flow.exporter of what it becomes */
};

struct block {
	uint8_t *data;
	size_t size, cap;
	struct raw_packet *packet;
	size_t n, packet_cap;
	struct exporter_news *news; /* of troubled exporters, once a second of traffic at most; BLOCK_NEWS of room */
	size_t news_n;
	struct flow_batch flows; /* of a source of records; DNS views borrow from data */
	int64_t now_ns;  /* live sources: event time has reached this even without packets; 0: unknown */
};

/* A quarter of a second-level cache: what was read is still there when it is decoded. */
enum { BLOCK_BYTES = 1 << 18, BLOCK_PACKETS = 1 << 14, BLOCK_NEWS = 64 };

int block_init(struct block *b); /* 0 or ERR_NOMEM; BLOCK_BYTES of data, grows to hold one larger packet (at most 16 MiB) */
void block_done(struct block *b);

struct source;
struct export;
struct export_setup;

enum source_reading {
	READ_AUTO,    /* a capture full of export datagrams is read as those */
	READ_PACKETS, /* captures hold packets */
	READ_EXPORTS, /* captures hold export datagrams */
};

struct source_events {
	/* `packet` is the number of the packet, or record, from 1. */
	void (*damage)(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason);
	void *ctx;
	uint16_t input; /* becomes raw_packet.input of everything this source delivers */
	enum source_reading reading;
	bool in_order;         /* files of records: sorted by time, see order.c; not together with want_extra */
	bool want_extra;       /* keep struct flow_extra beside the flows of records */
	struct export *export; /* exporters, templates, their counters; NULL: the source makes one of its own */
	const struct export_setup *export_setup; /* for those that the source makes; NULL: all defaults */
};

/* A file by path, "-" for standard input; the format is found from its first bytes, also inside a file compressed
 * with gzip, zstd, bzip2 or lz4 (offsets told are then those of the decompressed bytes, but for damage of the
 * compressed stream itself).  NULL with a
 * line of reason (no file, not a capture) in `why`. */
struct source *source_open_file(const char *path, const struct source_events *ev, char *why, size_t why_size);
/* Live interfaces through libpcap, up to SOURCE_LIVE_MAX at once; their packets come in the order in which they
 * are found, a tenth of a second apart at most.  The i-th has the number ev->input + i. */
struct source_live {
	const char *interface;
	const char *filter; /* a pcap expression, or NULL */
};
enum { SOURCE_LIVE_MAX = 16 };
struct source *source_open_live(const struct source_live *list, size_t n, const struct source_events *ev,
    char *why, size_t why_size);
/* Export datagrams from the network: NetFlow, IPFIX and sFlow over UDP, whichever comes on whichever port, from any
 * number of exporters; IPFIX over TCP.  Their flows are told apart by flow.exporter alone, ev->input is not used.
 *
 * Address: "2055" and "*:2055" (both families), "192.0.2.1:2055", "[2001:db8::1]:2055", "[::]:2055" (IPv4 too,
 * unless the list has that port for IPv4 as well), a host's name, "udp://" or "tcp://" in front.  Port 0: any
 * that is free, see source_sockets.
 *
 * With more than one thread, the kernel shares the exporters out among as many receivers, which decode before they
 * hand over; the k-th has a struct export of its own with k << 20 added to its indices, the first uses
 * ev->export.  An exporter whose port changes may get to another receiver, and is a new row there. */
struct source_listen {
	const char *address;
	unsigned int threads;  /* the highest of the list counts; 0 and 1: source_read receives by itself */
	size_t receive_buffer; /* bytes asked from the kernel for a socket; 0: 32 MiB */
};
enum { SOURCE_LISTEN_MAX = 64, SOURCE_LISTEN_THREADS = 16 };
struct source *source_open_listen(const struct source_listen *list, size_t n, const struct source_events *ev,
    char *why, size_t why_size);
/* What it listens on, in the list's order; returns how many.  0 for other sources. */
struct source_socket {
	struct addr addr;
	uint16_t port;
	bool tcp;
	size_t receive_buffer; /* granted; less than asked for means net.core.rmem_max and no CAP_NET_ADMIN; TCP: 0 */
};
size_t source_sockets(const struct source *s, struct source_socket *out, size_t max);
/* Calls back for each struct export behind a source, while nothing else uses it. */
void source_exports(struct source *s, void (*visit)(void *ctx, struct export *x), void *ctx);
struct source_listen_counts {
	uint64_t datagrams, bytes; /* bytes of TCP too */
	uint64_t connections, open; /* of TCP: ever, now */
	uint64_t refused, evicted; /* newcomers beyond the bound; silent ones that had to make room */
	uint64_t lied;             /* disconnected: what came was no IPFIX */
};
/* Of a listener, also among several sources; false: there is none, and all are 0. */
bool source_listen_counts(const struct source *s, struct source_listen_counts *c);
/* Several live sources as one, which owns them from now on (also when this fails: NULL, out of memory).  It ends when
 * all have ended. */
enum { SOURCE_MULTI_MAX = 4 };
struct source *source_open_multi(struct source **list, size_t n);
/* Makes a blocked live read return soon; callable from a signal handler. */
void source_stop(struct source *s);
void source_close(struct source *s);

/* Replaces the block's content.  Number of packets or records (0: a live source's time-out), ERR_EOF, or
 * ERR_IO when the input failed for good.  A block is full at about BLOCK_BYTES or BLOCK_PACKETS. */
int source_read(struct source *s, struct block *b);
/* Shows each block of records to somebody else as it is read: for an archive. */
void source_tap(struct source *s, void (*tap)(void *ctx, const struct block *b), void *ctx);

struct source_progress {
	uint64_t done, total; /* bytes; total 0: unknown */
	uint64_t damaged;     /* places told through `damage` */
	uint64_t kernel_drops; /* live: packets the kernel dropped; a train of datagrams received as one counts as one */
};
void source_progress(const struct source *s, struct source_progress *p);

/* Reject reasons of the packet decoder; one counter each.  The last three lie above a sound IP header: the
 * packet is counted here and its flow delivered all the same, since it did use the link. */
enum decode_reject {
	REJECT_LINK_TYPE,   /* a link type damp does not know */
	REJECT_NOT_IP,      /* ARP, LLDP, ...: not an error */
	REJECT_TRUNCATED,   /* cut inside the headers */
	REJECT_BAD_IP,      /* version, header length or total length lie */
	REJECT_BAD_TRANSPORT, /* UDP or TCP lengths lie */
	REJECT_BAD_DNS,     /* UDP port 53, but not a readable message (no view, or a malformed one) */
	REJECT_TOO_DEEP,    /* more nested headers than damp follows (16); a flow if some were IP */
	REJECT_KINDS
};
const char *decode_reject_name(enum decode_reject r);

struct decode_stats {
	uint64_t packets, bytes; /* seen, also the rejected ones; bytes on the wire */
	uint64_t rejected[REJECT_KINDS];
};

/* Appends the flows of packets [first, first + count) to the batch and adds to the stats.  Stops early
 * when the batch is full; returns the number of packets consumed.  Pure apart from its outputs. */
size_t packets_decode(const struct block *b, size_t first, size_t count, struct flow_batch *out,
    struct decode_stats *stats);

#endif
