/* Fields that flows can be grouped by, and lists of them packed into keys.
 *
 * A key is a few 64-bit words: an address takes two (IPv4 as ::ffff:a.b.c.d), numbers share words.  What a list does not
 * name is not in the key.  Masked addresses ("srcip/24") are masked before they get there; such a mask means IPv4,
 * "srcip6/64" IPv6.  Constant after flow_fields_parse; nothing is allocated.
 */
#ifndef REPORTS_FLOW_FIELD_H
#define REPORTS_FLOW_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/flow.h"

enum flow_field_kind { FIELD_ADDR, FIELD_NET, FIELD_NUMBER, FIELD_AS, FIELD_PROTO, FIELD_FLAGS };

struct flow_field {
	const char *name;    /* "srcip" */
	const char *title;   /* "Src IP Addr" */
	uint8_t kind;        /* enum flow_field_kind */
	uint8_t bits;        /* of a number */
	uint8_t width;       /* of a column of text */
	bool extra;          /* lies in struct flow_extra */
	uint16_t offset;
	uint16_t mask_offset; /* FIELD_NET: of the prefix length in struct flow_extra */
};

const struct flow_field *flow_field_find(const char *name, size_t n); /* or NULL */
const char *flow_field_nearest(const char *name);                     /* or NULL */
const struct flow_field *flow_field_at(size_t i);                     /* NULL behind the last */

enum { FLOW_KEY_PARTS = 16, FLOW_KEY_WORDS = 16 };

struct flow_fields_part {
	const struct flow_field *field;
	uint8_t word, shift; /* of a number */
	uint8_t bits4, bits6; /* prefix lengths of addresses, 32 and 128 for all of them */
};

struct flow_fields {
	struct flow_fields_part part[FLOW_KEY_PARTS];
	size_t parts;
	size_t words;
	size_t numbers; /* the first word that holds numbers */
	bool extra; /* some part lies in struct flow_extra */
};

/* From "srcip/24,dstip,proto"; 0, or ERR_INVALID and a reason. */
int flow_fields_parse(struct flow_fields *k, const char *list, char *why, size_t why_size);
/* x may be NULL: then what lies there is 0. */
void flow_fields_build(const struct flow_fields *k, const struct flow *w, const struct flow_extra *x, uint64_t *words);
/* One part of a key: a number, or an address. */
uint64_t flow_fields_number(const struct flow_fields *k, size_t part, const uint64_t *words);
struct addr flow_fields_addr(const struct flow_fields *k, size_t part, const uint64_t *words);
/* Writes every part back into a flow; the rest of both is left alone. */
void flow_fields_unpack(const struct flow_fields *k, const uint64_t *words, struct flow *w, struct flow_extra *x);

#define FLOW_KEY_RECORD "srcip,dstip,srcport,dstport,proto"

#endif
