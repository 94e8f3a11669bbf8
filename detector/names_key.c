/* Names become keys: hash, zone, and whether they are addresses written backwards. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/names_inner.h"

/* Lower case of eight bytes at once: adding to the low seven bits of each carries into its top bit from 'A' on, and again
 * from '[' on. */
static inline uint64_t
lower8(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t seven = w & 0x7f * ones, from_a = seven + (0x80 - 'A') * ones, past_z = seven + (0x80 - '[') * ones;

	return w | ((from_a & ~past_z & ~w & 0x80 * ones) >> 2);
}

/* Second-level labels below which countries register names. */
static bool
is_suffix(const uint8_t *label)
{
	static const char known[] = "co  com net org ac  gov edu or  ne  go  gob nom mil ltd plc sch nhs id  web biz me  in  ";
	char text[4] = {' ', ' ', ' ', ' '};

	if (label[0] < 2 || label[0] > 3)
		return false;
	for (int i = 0; i < label[0]; i++)
		text[i] = (char)name_lower(label[1 + i]);
	for (const char *k = known; *k != '\0'; k += 4)
		if (memcmp(k, text, 3) == 0)
			return true;
	return false;
}

struct shape {
	size_t zone;        /* offset */
	uint32_t labels, numbers, nibbles; /* leading ones */
	bool arpa;
};

static struct shape
shape_of(const uint8_t *name, size_t len)
{
	struct shape s = {.zone = len};
	size_t at[4] = {0};
	bool numbers = true, nibbles = true;

	for (size_t p = 0; p < len && name[p] != 0; p += name[p] + 1u) {
		uint8_t n = name[p];

		if (numbers) {
			for (size_t i = 1; i <= n && numbers; i++)
				numbers = n <= 3 && name[p + i] >= '0' && name[p + i] <= '9';
			s.numbers += numbers;
		}
		nibbles = nibbles && n == 1;
		s.nibbles += nibbles;
		at[s.labels++ & 3] = p;
	}
	if (s.labels < 2)
		return s;
	const uint8_t *top = &name[at[(s.labels - 1) & 3]];

	s.arpa = top[0] == 4 && name_lower(top[1]) == 'a' && name_lower(top[2]) == 'r' && name_lower(top[3]) == 'p' && name_lower(top[4]) == 'a';
	s.zone = at[(s.labels - 2) & 3];
	if (s.labels > 2 && top[0] == 2 && is_suffix(&name[s.zone]))
		s.zone = at[(s.labels - 3) & 3];
	return s;
}

size_t
names_zone_at(const uint8_t *wire, size_t len)
{
	return shape_of(wire, len).zone;
}

bool
names_is_reputation(const uint8_t *zone, size_t len)
{
	/* as they are asked for by mail servers and by virus scanners; names below them are data by design */
	static const char *const known[] = {"spamhaus.org", "spamhaus.net", "spamcop.net", "surbl.org", "uribl.com",
		"barracudacentral.org", "sorbs.net", "mailspike.net", "senderscore.com", "dnswl.org", "abuseat.org",
		"manitu.net", "invaluement.com", "uceprotect.net", "backscatterer.org", "sophosxl.net", "sophosxl.com",
		"mcafee.com", "trellix.com", "e5.sk", "eset.com", "trendmicro.com", "avast.com", "cymru.com", "dshield.org",
		"webcfs03.com", "brightcloud.com"};
	char text[DNS_NAME_TEXT];

	dns_name_text(zone, len, text);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i]);

		if (strncmp(text, known[i], n) == 0 && (text[n] == '\0' || (text[n] == '.' && text[n + 1] == '\0')))
			return true;
	}
	return false;
}

enum { FAILING = 1 << DNS_NXDOMAIN | 1 << DNS_SERVFAIL | 1 << DNS_REFUSED }; /* of 16 codes */

/* Takes a name apart: depends on its bytes and the seed alone. */
static void
locate(const uint8_t *name, size_t n, uint64_t seed, struct flow_key *k)
{
	uint64_t word[(DNS_NAME_WIRE + 8) / 8];
	const uint8_t *low = (const uint8_t *)word;
	struct shape s = shape_of(name, n);

	word[(n - 1) / 8] = 0;
	memcpy(word, name, n);
	/* label lengths are below 64 and never letters, so the whole name can be folded blindly */
	for (size_t i = 0; i < (n + 7) / 8; i++)
		word[i] = lower8(word[i]);
	k->zone = 0;
	k->question = XXH3_64bits_withSeed(low, s.zone, seed);
	if (s.zone < n) {
		uint64_t zone = XXH3_64bits_withSeed(low + s.zone, n - s.zone, seed);

		k->question = mix(k->question, zone);
		if (!s.arpa)
			k->zone = zone != 0 ? zone : 1;
	}
	/* an address written backwards, as block lists are asked for it, is data that nobody made up */
	k->like_address = s.arpa || s.numbers >= 4 || s.nibbles >= 16;
	k->sub = (uint8_t)s.zone;
}

/* Of at least eight bytes. */
static inline bool
same_name(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t differs = name_load8(a + n - 8) ^ name_load8(b + n - 8);

	for (size_t i = 0; i + 8 < n; i += 8)
		differs |= name_load8(a + i) ^ name_load8(b + i);
	return differs == 0;
}

static inline void
hash(const struct dns_view *v, uint64_t seed, struct memo_row *m, struct flow_key *k)
{
	size_t n = v->name_len;

	if (m != NULL && m->len == n && same_name(m->wire, v->name, n)) {
		k->zone = m->zone;
		k->question = m->question;
		k->sub = m->sub;
		k->like_address = m->like_address;
	} else {
		locate(v->name, n, seed, k);
		if (m != NULL) {
			m->zone = k->zone;
			m->question = k->question;
			m->sub = k->sub;
			m->like_address = k->like_address;
			m->len = (uint8_t)n;
			memcpy(m->wire, v->name, n);
		}
	}
	/* a client's question and the resolver's own are two questions, as are those for two types */
	k->question = mix(k->question, (uint64_t)v->qtype << 1 | v->recursion_desired);
}

void
names_hash(const struct dns_view *v, uint64_t seed, struct flow_key *k)
{
	hash(v, seed, NULL, k);
}

void
names_key(const struct flow *f, uint64_t seed, uint8_t parts, struct memo_row *m, struct flow_key *k)
{
	const struct dns_view *v = f->dns;

	k->bad = (FAILING >> v->rcode & 1) != 0;
	k->fails = k->bad && (parts & NAMES_FAILERS) != 0 && v->recursion_desired && f->proto == FLOW_UDP;
	if (!k->fails && (parts & (NAMES_ZONES | NAMES_CARRIERS)) == 0)
		return;
	hash(v, seed, m, k);
	k->named = k->zone != 0 && (parts & (NAMES_ZONES | NAMES_CARRIERS)) != 0;
}
