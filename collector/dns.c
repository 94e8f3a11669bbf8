/* The DNS view: header and first question of a message, and the records on demand.
 *
 * dns_view_parse runs for every packet to or from port 53, so it reads with one bounds test for the
 * header and one running limit for the name.  Everything rarer goes through the cursor.
 */
#include "collector/dns.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cursor.h"
#include "base/err.h"

enum { HEADER = 12, LABEL_MAX = 63, MESSAGE_MAX = 65535 };

static inline uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The question behind the header.  A pointer here could only lead into the header or to itself,
 * so it is malformed.  What the capture cut away is not: the view then has no name. */
static bool
read_question(struct dns_view *v)
{
	const uint8_t *start = v->msg + HEADER, *p = start;
	/* `end` is the only bound: every byte read below lies before it. */
	const uint8_t *end = v->msg + v->captured;
	bool cut = v->captured < v->size;
	size_t n;

	while (p < end && *p != 0) {
		if (*p > LABEL_MAX)
			return false;
		n = (size_t)*p + 1;
		if ((size_t)(end - p) < n + 1)
			return cut;
		p += n;
		if (p - start > DNS_NAME_WIRE - 1)
			return false;
	}
	if (end - p < 5)
		return cut;
	v->name = start;
	v->name_len = (uint8_t)(p - start + 1);
	v->qtype = be16(p + 1);
	v->qclass = be16(p + 3);
	return true;
}

int
dns_view_parse(struct dns_view *v, const uint8_t *msg, size_t captured, size_t size)
{
	uint8_t b2, b3;

	if (captured < HEADER)
		return ERR_TRUNCATED;
	if (captured > MESSAGE_MAX)
		captured = MESSAGE_MAX;
	if (size > MESSAGE_MAX)
		size = MESSAGE_MAX;
	b2 = msg[2];
	b3 = msg[3];
	*v = (struct dns_view){
		.msg = msg,
		.captured = (uint16_t)captured,
		.size = (uint16_t)(size > captured ? size : captured),
		.id = be16(msg),
		.questions = be16(msg + 4),
		.answers = be16(msg + 6),
		.authority = be16(msg + 8),
		.additional = be16(msg + 10),
		.response = (b2 & 0x80) != 0,
		.opcode = b2 >> 3 & 0xf,
		.authoritative = (b2 & 0x04) != 0,
		.truncated = (b2 & 0x02) != 0,
		.recursion_desired = (b2 & 0x01) != 0,
		.recursion_available = (b3 & 0x80) != 0,
		.rcode = b3 & 0xf,
	};
	if (v->questions != 0 && !read_question(v)) {
		v->malformed = true;
		return ERR_MALFORMED;
	}
	return 0;
}

/* --- records ------------------------------------------------------------------------------------ */

enum walk { WALK_OK, WALK_CUT, WALK_BAD };

/* Moves past a name; a pointer must lead backwards, to before the name's own start. */
static enum walk
skip_name(struct cursor *c, const uint8_t *msg)
{
	const uint8_t *start = c->p;
	size_t total = 0;

	for (;;) {
		uint8_t n = cursor_u8(c);

		if (c->bad)
			return WALK_CUT;
		if (n == 0)
			return WALK_OK;
		if (n >= 0xc0) {
			size_t to = (size_t)(n & 0x3f) << 8 | cursor_u8(c);

			if (c->bad)
				return WALK_CUT;
			return to >= HEADER && to < (size_t)(start - msg) ? WALK_OK : WALK_BAD;
		}
		total += (size_t)n + 1;
		if (n > LABEL_MAX || total > DNS_NAME_WIRE - 1)
			return WALK_BAD;
		cursor_skip(c, n);
	}
}

static enum walk
skip_questions(struct cursor *c, const struct dns_view *v)
{
	for (unsigned int i = 0; i < v->questions; i++) {
		enum walk w = skip_name(c, v->msg);

		if (w != WALK_OK)
			return w;
		cursor_skip(c, 4);
		if (c->bad)
			return WALK_CUT;
	}
	return WALK_OK;
}

/* What a record's TTL says: how long the answer holds, how long its absence does (the SOA's alone), or neither. */
enum part { PART_ANSWER, PART_NEGATIVE, PART_OTHER };

static enum walk
read_record(struct cursor *c, const struct dns_view *v, enum part part, struct dns_records *r)
{
	enum walk w = skip_name(c, v->msg);
	uint16_t type, class, n;
	uint32_t ttl;

	if (w != WALK_OK)
		return w;
	type = cursor_u16(c);
	class = cursor_u16(c);
	ttl = cursor_u32(c);
	n = cursor_u16(c);
	if (part == PART_NEGATIVE && type == DNS_SOA && n >= 4) {
		cursor_skip(c, n - 4u);
		uint32_t minimum = cursor_u32(c); /* its last field */

		ttl = minimum < ttl ? minimum : ttl;
		part = PART_ANSWER;
	} else {
		cursor_skip(c, n);
	}
	if (c->bad)
		return WALK_CUT;
	r->read++;
	if (type == DNS_OPT) {
		r->edns_size = class;
		r->dnssec_ok = (ttl & 0x8000) != 0;
	} else if (part == PART_ANSWER) {
		if (ttl > INT32_MAX)
			ttl = 0; /* RFC 2181 section 8 */
		if (ttl < r->min_ttl)
			r->min_ttl = ttl;
	}
	return WALK_OK;
}

void
dns_view_records(const struct dns_view *v, struct dns_records *r)
{
	struct cursor c = cursor_view(v->msg, v->captured);
	uint32_t total = (uint32_t)v->answers + v->authority + v->additional;
	enum walk w;

	*r = (struct dns_records){.min_ttl = UINT32_MAX, .malformed = v->malformed};
	if (v->malformed)
		return;
	cursor_skip(&c, HEADER);
	w = skip_questions(&c, v);
	for (uint32_t i = 0; w == WALK_OK && i < total; i++)
		w = read_record(&c, v, i < v->answers ? PART_ANSWER : v->answers == 0 && i < v->authority ? PART_NEGATIVE : PART_OTHER, r);
	r->complete = w == WALK_OK;
	/* running out of bytes is the capture's doing or the message's own lie */
	r->malformed = w == WALK_BAD || (w == WALK_CUT && v->captured == v->size);
}

/* --- names -------------------------------------------------------------------------------------- */

const char *
dns_name_text(const uint8_t *wire, size_t len, char buf[DNS_NAME_TEXT])
{
	struct cursor c = cursor_view(wire, len);
	char *o = buf, *end = buf + DNS_NAME_TEXT - 6; /* room for one escape, a dot and NUL */

	while (o < end) {
		uint8_t n = cursor_u8(&c);

		if (n == 0 || n > LABEL_MAX)
			break;
		if (o > buf)
			*o++ = '.';
		for (; n > 0 && o < end; n--) {
			uint8_t ch = cursor_u8(&c);

			if (c.bad)
				break;
			if (ch >= 'A' && ch <= 'Z')
				ch = (uint8_t)(ch + 'a' - 'A');
			if (ch <= ' ' || ch >= 0x7f) {
				*o++ = '\\';
				*o++ = (char)('0' + ch / 100);
				*o++ = (char)('0' + ch / 10 % 10);
				*o++ = (char)('0' + ch % 10);
				continue;
			}
			if (strchr(".\\\"();@$", ch) != NULL)
				*o++ = '\\';
			*o++ = (char)ch;
		}
	}
	if (o == buf)
		*o++ = '.';
	*o = '\0';
	return buf;
}

/* One character of a name's text, escapes resolved; -1 when the escape is wrong. */
static int
name_char(const char **text)
{
	const char *s = *text;
	int value;

	if (s[0] != '\\') {
		*text = s + 1;
		return (uint8_t)s[0];
	}
	if (s[1] < '0' || s[1] > '9') {
		*text = s + 2;
		return s[1] != '\0' ? (uint8_t)s[1] : -1;
	}
	if (s[2] < '0' || s[2] > '9' || s[3] < '0' || s[3] > '9')
		return -1;
	value = (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
	*text = s + 4;
	return value <= 255 ? value : -1;
}

int
dns_name_parse(const char *text, uint8_t wire[DNS_NAME_WIRE])
{
	size_t label = 0, n = 1; /* where the current label's length byte stands; bytes so far */

	if (strcmp(text, ".") == 0) {
		wire[0] = 0;
		return 1;
	}
	while (*text != '\0') {
		if (*text == '.') {
			if (n - label == 1)
				return ERR_INVALID;
			wire[label] = (uint8_t)(n - label - 1);
			label = n++;
			text++;
		} else {
			int ch = name_char(&text);

			if (ch < 0 || n - label > LABEL_MAX)
				return ERR_INVALID;
			if (n >= DNS_NAME_WIRE)
				return ERR_INVALID;
			wire[n++] = (uint8_t)ch;
		}
		if (n > DNS_NAME_WIRE)
			return ERR_INVALID;
	}
	if (n == 1)
		return ERR_INVALID;
	if (n - label > 1) { /* no dot at the end: the root label is still to come */
		if (n >= DNS_NAME_WIRE)
			return ERR_INVALID;
		wire[label] = (uint8_t)(n - label - 1);
		label = n++;
	}
	wire[label] = 0;
	return (int)n;
}

/* --- numbers and their names -------------------------------------------------------------------- */

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{1, "A"}, {2, "NS"}, {5, "CNAME"}, {6, "SOA"}, {10, "NULL"}, {11, "WKS"}, {12, "PTR"}, {13, "HINFO"},
	{15, "MX"}, {16, "TXT"}, {17, "RP"}, {18, "AFSDB"}, {24, "SIG"}, {25, "KEY"}, {28, "AAAA"}, {29, "LOC"},
	{33, "SRV"}, {35, "NAPTR"}, {37, "CERT"}, {38, "A6"}, {39, "DNAME"}, {41, "OPT"}, {42, "APL"},
	{43, "DS"}, {44, "SSHFP"}, {45, "IPSECKEY"}, {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"},
	{49, "DHCID"}, {50, "NSEC3"}, {51, "NSEC3PARAM"}, {52, "TLSA"}, {53, "SMIMEA"}, {55, "HIP"},
	{59, "CDS"}, {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"}, {63, "ZONEMD"}, {64, "SVCB"},
	{65, "HTTPS"}, {99, "SPF"}, {108, "EUI48"}, {109, "EUI64"}, {249, "TKEY"}, {250, "TSIG"},
	{251, "IXFR"}, {252, "AXFR"}, {253, "MAILB"}, {255, "ANY"}, {256, "URI"}, {257, "CAA"},
	{32768, "TA"}, {32769, "DLV"},
};

const char *
dns_type_text(uint16_t qtype, char buf[12])
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == qtype)
			return strcpy(buf, types[i].name);
	snprintf(buf, 12, "TYPE%u", (unsigned int)qtype);
	return buf;
}

int
dns_type_parse(const char *text)
{
	int value = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(text, types[i].name) == 0)
			return types[i].type;
	if (strncasecmp(text, "TYPE", 4) != 0 || text[4] == '\0')
		return ERR_INVALID;
	for (text += 4; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return ERR_INVALID;
		value = value * 10 + (*text - '0');
		if (value > UINT16_MAX)
			return ERR_INVALID;
	}
	return value;
}

const char *
dns_rcode_text(unsigned int rcode)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
		"NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI", "RCODE12", "RCODE13", "RCODE14", "RCODE15",
		"BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC", "BADCOOKIE",
	};

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : "UNKNOWN";
}
