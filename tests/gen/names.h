/* Names and DNS messages of the generator.
 *
 * A name is a number: its kind in the top byte, what tells it from others of its
 * kind below.  Text, time to live and answer size follow from the number, so
 * nothing is stored per name and every scenario agrees about it.
 */
#ifndef TESTS_GEN_NAMES_H
#define TESTS_GEN_NAMES_H

#include "collector/dns.h"
#include "tests/gen/gen.h"

enum name_kind {
	NAME_SITE = 1,  /* www/cdn/api hosts of popular sites; low part: Zipf rank */
	NAME_ABSENT,    /* no such name */
	NAME_REVERSE,   /* in-addr.arpa of an IPv4 address */
	NAME_DNSBL,     /* the same address in a block list's zone */
	NAME_DOMAIN,    /* a mail domain */
	NAME_DKIM,      /* a selector below it */
	NAME_HASH,      /* a file's hash below an antivirus zone */
	NAME_ZONE,      /* a signed zone a validator asks about */
};

#define NAME(kind, n) ((uint64_t)(kind) << 56 | ((uint64_t)(n) & UINT64_C(0xffffffffffffff)))

/* One given as text, such as the abused name. */
struct fixed_name {
	const char *text;
	uint8_t wire[DNS_NAME_WIRE];
	uint8_t wire_n;
};

/* Host names only, no escapes; ends the program when the text is no name. */
const struct fixed_name *name_fixed(struct gen *g, const char *text);
size_t name_wire(uint64_t name, uint8_t wire[DNS_NAME_WIRE]);
uint32_t name_ttl(uint64_t name); /* seconds */
/* What is left of it in a shared cache at that second. */
uint32_t name_ttl_left(uint64_t name, int64_t t_s);

enum { MESSAGE_MAX = 1 << 15 };

/* DNS bytes of the query for it; buf holds 512. */
size_t message_query(const struct lookup *q, uint8_t *buf);
/* The answer: real records of the asked type, exactly q->size bytes when that is given (padded by a
 * record of variable length or EDNS padding, RFC 7830), cut to q->edns with TC when it would not fit.
 * buf holds MESSAGE_MAX. */
size_t message_answer(const struct lookup *q, uint8_t *buf);

/* The packets of a look-up over UDP, at the time of the event being fired. */
void lookup_ask(struct gen *g, const struct lookup *q);
void lookup_answer(struct gen *g, const struct lookup *q);
/* Asks now; the answer and, on TC with LOOKUP_RETRY_TCP, the exchange over TCP follow by events. */
void lookup_start(struct gen *g, const struct lookup *q, int64_t delay_ns);

/* "ANY" or "255"; ends the program on nonsense. */
uint16_t qtype_parse(const char *text);

#endif
