/* A borrowed, bounds-checked view of one DNS message (RFC 1035 section 4, EDNS RFC 6891).
 *
 * dns_view_parse reads the header and the first question, which is all that most
 * packets ever need; the records behind it are walked only on demand, by
 * dns_view_records.  Nothing is copied: a view is valid as long as the packet's
 * bytes are.  No allocation; recursion-free; compression pointers must point
 * backwards, so a loop cannot be built.
 */
#ifndef COLLECTOR_DNS_H
#define COLLECTOR_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_NAME_WIRE = 255, DNS_NAME_TEXT = 1024 };

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_NULL = 10, DNS_PTR = 12, DNS_MX = 15,
	DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_OPT = 41, DNS_DS = 43, DNS_RRSIG = 46,
	DNS_DNSKEY = 48, DNS_HTTPS = 65, DNS_AXFR = 252, DNS_ANY = 255,
};

enum dns_rcode { DNS_NOERROR = 0, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

struct dns_view {
	const uint8_t *msg;  /* the message as far as it was captured */
	uint16_t captured;   /* bytes readable at msg */
	uint16_t size;       /* bytes of the whole message: from the UDP length or the TCP length prefix */
	uint16_t id;
	uint16_t questions, answers, authority, additional; /* as the header claims */
	uint16_t qtype, qclass;  /* 0 when there is no readable question */
	uint8_t name_len;    /* wire length of the question's name incl. the root label; 0: none */
	uint8_t opcode, rcode;
	bool response, authoritative, truncated, recursion_desired, recursion_available;
	bool malformed;      /* the question contradicts the message's own bounds */
	const uint8_t *name; /* uncompressed wire form inside msg, or NULL */
};

/* What the records say, read on demand. */
struct dns_records {
	/* seconds for which the answer holds: the least of the answer section as far as readable; without one, that
	 * of a negative answer (its SOA's TTL or MINIMUM, RFC 2308 section 5); UINT32_MAX: none read */
	uint32_t min_ttl;
	uint16_t read;       /* records walked before the captured bytes ended */
	uint16_t edns_size;  /* OPT: requestor's UDP payload size; 0: no OPT seen */
	bool dnssec_ok;      /* OPT: the DO bit */
	bool complete;       /* every record of every section was walked */
	bool malformed;
};

/* 0, ERR_TRUNCATED (not even a header) or ERR_MALFORMED (the view then has malformed set, and
 * the header's fields are valid).  `size` is the whole message's size, at least `captured`. */
int dns_view_parse(struct dns_view *v, const uint8_t *msg, size_t captured, size_t size);

void dns_view_records(const struct dns_view *v, struct dns_records *r);

/* Presentation form (RFC 1035 5.1 escapes; the root is "."), NUL-terminated, lower case;
 * returns buf.  `wire` is an uncompressed name of len bytes. */
const char *dns_name_text(const uint8_t *wire, size_t len, char buf[DNS_NAME_TEXT]);
/* Back to wire form; its length, or ERR_INVALID. */
int dns_name_parse(const char *text, uint8_t wire[DNS_NAME_WIRE]);

/* "ANY", "TXT", ... or "TYPE1234" (RFC 3597) written into buf. */
const char *dns_type_text(uint16_t qtype, char buf[12]);
/* The number, or ERR_INVALID. */
int dns_type_parse(const char *text);
const char *dns_rcode_text(unsigned int rcode);

#endif
