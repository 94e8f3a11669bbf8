/* Elements of NetFlow v9 and IPFIX records: which ones damp reads, and into what.
 *
 * A static table of (enterprise, id) -> name, type, target; asked only when a template is compiled.
 * Sources: IANA's IPFIX Information Elements registry (RFC 7012), RFC 3954 section 8, RFC 5103 (reverse
 * elements), Cisco's NSEL field list, CERT's YAF manual.
 */
#ifndef COLLECTOR_ELEMENT_H
#define COLLECTOR_ELEMENT_H

#include <stdint.h>

enum { PEN_IANA = 0, PEN_CERT = 6871, PEN_REVERSE = 29305 };

/* Where a number of a record goes.  At most 64, so that a template can say in one word what it has. */
enum element_target {
	E_OCTETS, E_PACKETS, E_OCTETS_TOTAL, E_PACKETS_TOTAL, E_OCTETS_POST, E_PACKETS_POST,
	E_OCTETS_FIRST, E_PACKETS_FIRST, /* of the initiator */
	E_OCTETS_L2,
	E_OCTETS_REVERSE, E_PACKETS_REVERSE, /* of the answering direction */
	E_FLOWS, E_PROTO, E_TOS, E_DSCP, E_TCP_FLAGS, E_TCP_FIRST, E_TCP_REST,
	E_SPORT, E_DPORT, E_SPORT_UDP, E_DPORT_UDP, E_SPORT_TCP, E_DPORT_TCP,
	E_SRC_MASK, E_DST_MASK, E_IN_IF, E_OUT_IF, E_SRC_VLAN, E_DST_VLAN, E_SRC_AS, E_DST_AS,
	E_DIRECTION, E_ICMP, E_ICMP_TYPE, E_ICMP_CODE, E_FORWARDING,
	E_START, E_END,             /* ns since 1970 */
	E_START_UP, E_END_UP,       /* ms of uptime */
	E_START_AGO, E_END_AGO,     /* us before the export */
	E_DURATION,                 /* ms */
	E_OBSERVED,                 /* ns since 1970 */
	E_BOOT, E_COLLECTED,        /* ns since 1970 */
	E_FRAG_OFFSET, E_FRAG_ID, E_FRAG_FLAGS,
	E_SAMPLING, E_SAMPLER, E_SAMPLE_INTERVAL, E_SAMPLE_SPACE, E_SAMPLE_SIZE, E_SAMPLE_POPULATION,
	/* E_SAMPLE_SIZE without a population: the bits of samplingProbability, a float; counts beside it are scaled already */
	E_TCP_FLAGS_REVERSE, E_TCP_FIRST_REVERSE, E_TOS_REVERSE, E_START_REVERSE, E_END_REVERSE,
	E_DELAY_REVERSE,            /* ms from the first to the answer */
	E_DROPPED_PACKETS, E_DROPPED_FLOWS,
	E_TARGETS
};
_Static_assert(E_TARGETS <= 64, "a template's `has` is one word");

/* Where an address goes. */
enum element_address {
	A_SRC4, A_SRC6, A_DST4, A_DST6, A_HOP4, A_HOP6, A_EXPORTER4, A_EXPORTER6, A_TARGETS
};

enum element_type {
	TYPE_UINT,          /* 1 to 8 bytes (RFC 7011 6.2) */
	TYPE_S, TYPE_MS,    /* since 1970 */
	TYPE_NTP_US, TYPE_NTP_NS, /* RFC 7011 6.1.9, 6.1.10 */
	TYPE_V4, TYPE_V6,   /* the target is an enum element_address */
};

struct element {
	uint32_t pen;
	uint16_t id;
	uint8_t type;   /* enum element_type */
	uint8_t target;
	uint8_t rank;   /* of several elements with one target the highest is read; of equals the first */
	const char *name;
};

/* NULL: nothing damp reads. */
const struct element *element_find(uint32_t pen, uint16_t id);

#endif
