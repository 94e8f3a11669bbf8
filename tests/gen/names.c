/* Names from numbers; see names.h. */
#include "tests/gen/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
	"alpha", "birch", "cloud", "delta", "ember", "fjord", "grove", "harbor", "iris", "jade", "kite", "lumen", "maple",
	"north", "orbit", "pixel", "quartz", "river", "sable", "tidal", "umber", "vivid", "willow", "xenon", "yonder",
	"zephyr", "news", "shop", "media", "games", "bank", "mail",
};
static const char *const hosts[] = {"www", "api", "cdn", "static", "img", "login", "m", "edge"};
static const char *const tops[] = {"com", "net", "org", "example", "de", "io", "info", "tv"};

#define PICK(table, h) (table[(h) % (sizeof(table) / sizeof(table[0]))])

/* Dotted text without escapes to wire form. */
static size_t
wire_of(const char *text, uint8_t *wire)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0';) {
		size_t len = strcspn(p, ".");

		wire[n++] = (uint8_t)len;
		memcpy(wire + n, p, len);
		n += len;
		p += len + (p[len] == '.');
	}
	wire[n++] = 0;
	return n;
}

const struct fixed_name *
name_fixed(struct gen *g, const char *text)
{
	struct fixed_name *f = gen_alloc(g, 1, sizeof(*f));

	if (text[0] == '\0' || strlen(text) > 250 || strstr(text, "..") != NULL)
		gen_fail("'%s' is not a name", text);
	for (const char *p = text; *p != '\0'; p += strcspn(p, ".") + (p[strcspn(p, ".")] == '.'))
		if (strcspn(p, ".") > 63)
			gen_fail("'%s' has a label above 63 bytes", text);
	f->text = text;
	f->wire_n = (uint8_t)wire_of(text, f->wire);
	return f;
}

uint16_t
qtype_parse(const char *text)
{
	static const struct {
		const char *text;
		uint16_t type;
	} known[] = {{"A", DNS_A}, {"NS", DNS_NS}, {"MX", DNS_MX}, {"TXT", DNS_TXT}, {"AAAA", DNS_AAAA}, {"DS", DNS_DS},
		{"RRSIG", DNS_RRSIG}, {"DNSKEY", DNS_DNSKEY}, {"HTTPS", DNS_HTTPS}, {"ANY", DNS_ANY}, {"SOA", DNS_SOA}};
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(text, known[i].text) == 0)
			return known[i].type;
	if (end == text || *end != '\0' || v == 0 || v > 65535)
		gen_fail("'%s' is not a record type", text);
	return (uint16_t)v;
}

size_t
name_wire(uint64_t name, uint8_t wire[DNS_NAME_WIRE])
{
	uint64_t n = name & UINT64_C(0xffffffffffffff), h = mix64(name);
	char t[200] = "";

	switch ((enum name_kind)(name >> 56)) {
	case NAME_SITE:
		snprintf(t, sizeof(t), "%s.%s%llu.%s", PICK(hosts, h), PICK(words, h >> 8), (unsigned long long)n / 8,
		    PICK(tops, h >> 16));
		break;
	case NAME_ABSENT:
		snprintf(t, sizeof(t), "%s%s.%s%llu.%s", PICK(words, h), PICK(words, h >> 8), PICK(words, h >> 16),
		    (unsigned long long)n, PICK(tops, h >> 24));
		break;
	case NAME_REVERSE:
	case NAME_DNSBL:
		snprintf(t, sizeof(t), "%u.%u.%u.%u.%s", (unsigned int)(n & 255), (unsigned int)(n >> 8 & 255),
		    (unsigned int)(n >> 16 & 255), (unsigned int)(n >> 24 & 255),
		    name >> 56 == NAME_DNSBL ? (h & 1 ? "zen.blocklist.example" : "bl.spamlist.example") : "in-addr.arpa");
		break;
	case NAME_DOMAIN:
		snprintf(t, sizeof(t), "%s%llu.%s", PICK(words, h), (unsigned long long)n, PICK(tops, h >> 8));
		break;
	case NAME_DKIM:
		h = mix64(NAME(NAME_DOMAIN, n));
		snprintf(t, sizeof(t), "s%u._domainkey.%s%llu.%s", (unsigned int)(h >> 40 & 1023), PICK(words, h),
		    (unsigned long long)n, PICK(tops, h >> 8));
		break;
	case NAME_HASH:
		snprintf(t, sizeof(t), "%016llx.%08llx.avts.scan.example", (unsigned long long)h,
		    (unsigned long long)(mix64(h) & 0xffffffff));
		break;
	case NAME_ZONE:
		snprintf(t, sizeof(t), "%s-%llu.%s", PICK(words, h), (unsigned long long)n, PICK(tops, h >> 8));
		break;
	}
	return wire_of(t, wire);
}

uint32_t
name_ttl(uint64_t name)
{
	static const uint32_t site[] = {30, 60, 60, 300, 300, 300, 600, 3600};
	uint64_t h = mix64(name ^ 0x77);

	switch ((enum name_kind)(name >> 56)) {
	case NAME_SITE: return PICK(site, h);
	case NAME_ABSENT: return 900;
	case NAME_DNSBL: return 300;
	case NAME_HASH: return h & 1 ? 5 : 300;
	default: return 3600;
	}
}

uint32_t
name_ttl_left(uint64_t name, int64_t t_s)
{
	uint32_t ttl = name_ttl(name);

	/* every name was last fetched at its own phase */
	return ttl - (uint32_t)(((uint64_t)t_s + mix64(name ^ 0x1234)) % ttl);
}
