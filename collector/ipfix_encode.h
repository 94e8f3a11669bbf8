/* Flows to IPFIX messages (RFC 7011): for the archive's files (RFC 5655) and for sending.
 *
 *	ipfix_encode_init(&e, IPFIX_ARCHIVE, domain, buffer, sizeof(buffer));
 *	ipfix_encode_begin(&e, export_s, sequence, true);
 *	while (more flows && ipfix_encode_add(&e, flow, extra))
 *		;
 *	n = ipfix_encode_finish(&e);    the message is buffer[0..n)
 *	sequence += e.records;
 *
 * There are four data templates, by the family of the flow and of its exporter, so that no record carries addresses it
 * does not have; their ids differ between the two sets, which may share a connection.  Only IANA's elements are used.
 *
 * Counts: struct flow holds counts scaled up by sampling.
 *   IPFIX_ARCHIVE keeps them scaled, so that a reader which knows nothing of sampling (nfdump, tshark) shows the totals
 *   damp shows, and one which does cannot scale twice: the rate stands in samplingProbability (element 311, 1/n), which
 *   describes the record, and not in samplingInterval.
 *   IPFIX_PROBE divides them again and gives the rate as samplingInterval (34), as a router does.
 * Times are whole milliseconds, rounded down.  Of struct flow_extra the exporter's header clock and uptimes are not kept
 * (export_ns, uptime_ms, first_ms, last_ms); `reverse` is none: an answering direction is a record of its own.
 *
 * Ownership: the encoder borrows the buffer; nothing is allocated.  One thread.
 */
#ifndef COLLECTOR_IPFIX_ENCODE_H
#define COLLECTOR_IPFIX_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/flow.h"

enum ipfix_set {
	IPFIX_ARCHIVE, /* everything a record has */
	IPFIX_PROBE,   /* what a meter on a wire knows */
};

enum {
	IPFIX_MESSAGE_MIN = 1024,  /* room for the templates and some records */
	IPFIX_MESSAGE_MAX = 65535, /* RFC 7011 3.1: the length has 16 bits */
	IPFIX_MESSAGE_UDP = 1400,  /* RFC 7011 10.3.3: no fragments on a common path */
	IPFIX_HEADER = 16,
	IPFIX_RECORD_MAX = 192,    /* no record is longer */
};

struct ipfix_encoder {
	uint8_t *p;       /* borrowed */
	size_t cap, n;    /* n: bytes so far */
	size_t set;       /* where the open data set begins; 0: none */
	uint16_t set_id;
	enum ipfix_set which;
	uint32_t domain;
	uint32_t records; /* in this message: what the sequence number grows by */
};

/* cap: the bound of a message, IPFIX_MESSAGE_MIN to IPFIX_MESSAGE_MAX.  0 or ERR_INVALID. */
int ipfix_encode_init(struct ipfix_encoder *e, enum ipfix_set which, uint32_t domain, uint8_t *buffer, size_t cap);
/* export_s: seconds since 1970; sequence: data records before this message, modulo 2^32; templates: with or without. */
void ipfix_encode_begin(struct ipfix_encoder *e, uint32_t export_s, uint32_t sequence, bool templates);
/* False: no room, nothing was written.  extra NULL: all zero. */
bool ipfix_encode_add(struct ipfix_encoder *e, const struct flow *f, const struct flow_extra *x);
/* Completes the header and returns the length. */
size_t ipfix_encode_finish(struct ipfix_encoder *e);

#endif
