/* Names become keys: hash, zone, and whether they are addresses written backwards. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "detector/names_inner.h"
#include "detector/suffix.h"

/* Lower case of eight bytes at once: adding to the low seven bits of each carries into its top bit from 'A' on, and again
 * from '[' on. */
static inline uint64_t
lower8(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t seven = w & 0x7f * ones, from_a = seven + (0x80 - 'A') * ones, past_z = seven + (0x80 - '[') * ones;

	return w | ((from_a & ~past_z & ~w & 0x80 * ones) >> 2);
}

enum { LABELS_MAX = DNS_NAME_WIRE / 2 };

struct shape {
	uint8_t label[LABELS_MAX]; /* where they begin */
	uint32_t labels, numbers, nibbles; /* leading ones */
};

static void
shape_of(const uint8_t *name, size_t len, struct shape *s)
{
	bool numbers = true, nibbles = true;

	s->labels = s->numbers = s->nibbles = 0;
	for (size_t p = 0; p < len && name[p] != 0 && s->labels < LABELS_MAX; p += name[p] + 1u) {
		uint8_t n = name[p];

		if (numbers) {
			for (size_t i = 1; i <= n && numbers; i++)
				numbers = n <= 3 && name[p + i] >= '0' && name[p + i] <= '9';
			s->numbers += numbers;
		}
		nibbles = nibbles && n == 1;
		s->nibbles += nibbles;
		s->label[s->labels++] = (uint8_t)p;
	}
}

static bool
label_is(const uint8_t *label, const char *text)
{
	return label[0] == strlen(text) && memcmp(label + 1, text, label[0]) == 0;
}

/* The number in a label of at most three digits; 256: it is none. */
static unsigned int
octet(const uint8_t *label)
{
	unsigned int x = 0;

	for (unsigned int i = 1; i <= label[0]; i++)
		x = label[0] <= 3 && label[i] >= '0' && label[i] <= '9' ? x * 10 + label[i] - '0' : 256;
	return x < 256 ? x : 256;
}

/* Addresses whose names nobody is asked for beyond the next resolver (RFC 6303, RFC 7793), and those of no host. */
static bool
served_locally(unsigned int a, unsigned int b)
{
	return a == 0 || a == 10 || a == 127 || a >= 224 || (a == 100 && b >= 64 && b < 128) || (a == 169 && b == 254) ||
	    (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168);
}

enum { REVERSE_V4 = 2 + 16 / 8, REVERSE_V6 = 2 + 32 / 4 };

/* Below arpa: an address written backwards belongs to a /16 or to a /32 of IPv6, as large as what one holder is mostly given
 * and wide enough for names that do not repeat; the list stops at in-addr.arpa.  len: to nobody's servers. */
static size_t
reverse_cut(const uint8_t *name, size_t len, const struct shape *s)
{
	const uint8_t *label = s->label + s->labels; /* [-1]: arpa */

	if (s->labels >= REVERSE_V4 && label_is(&name[label[-2]], "in-addr")) {
		unsigned int a = octet(&name[label[-3]]), b = octet(&name[label[-4]]);

		return a == 256 || b == 256 || served_locally(a, b) ? len : label[-REVERSE_V4];
	}
	if (s->labels >= REVERSE_V6 && label_is(&name[label[-2]], "ip6") &&
	    (label_is(&name[label[-3]], "2") || label_is(&name[label[-3]], "3"))) /* 2000::/3 */
		return label[-REVERSE_V6];
	return len;
}

bool
names_is_reputation(const uint8_t *zone, size_t len)
{
	/* as they are asked for by mail servers and by virus scanners; names below them are data by design */
	static const char *const known[] = {"spamhaus.org", "spamhaus.net", "spamcop.net", "surbl.org", "uribl.com",
		"barracudacentral.org", "sorbs.net", "mailspike.net", "senderscore.com", "dnswl.org", "abuseat.org",
		"manitu.net", "invaluement.com", "uceprotect.net", "backscatterer.org", "sophosxl.net", "sophosxl.com",
		"mcafee.com", "trellix.com", "e5.sk", "eset.com", "trendmicro.com", "avast.com", "cymru.com", "dshield.org",
		"webcfs03.com", "brightcloud.com", "msbl.org"};
	char text[DNS_NAME_TEXT];

	dns_name_text(zone, len, text);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i]);

		if (strncmp(text, known[i], n) == 0 && (text[n] == '\0' || (text[n] == '.' && text[n + 1] == '\0')))
			return true;
	}
	return false;
}

bool
names_is_reverse(const uint8_t *zone, size_t len)
{
	return len > 6 && memcmp(zone + len - 6, "\4arpa", 6) == 0;
}

enum { FAILING = 1 << DNS_NXDOMAIN | 1 << DNS_SERVFAIL | 1 << DNS_REFUSED }; /* of 16 codes */

/* Takes a name apart: depends on its bytes, the list and the seed alone. */
static void
locate(const uint8_t *name, size_t n, const struct suffixes *suffixes, uint64_t seed, struct flow_key *k)
{
	uint64_t word[(DNS_NAME_WIRE + 8) / 8];
	const uint8_t *low = (const uint8_t *)word;
	size_t zone = n;
	bool arpa;
	struct shape s;

	word[(n - 1) / 8] = 0;
	memcpy(word, name, n);
	/* label lengths are below 64 and never letters, so the whole name can be folded blindly */
	for (size_t i = 0; i < (n + 7) / 8; i++)
		word[i] = lower8(word[i]);
	shape_of(low, n, &s);
	arpa = s.labels > 1 && label_is(&low[s.label[s.labels - 1]], "arpa");
	k->customer_sub = (uint8_t)n;
	if (arpa) {
		zone = reverse_cut(low, n, &s);
	} else if (s.labels > 1) {
		const struct suffix_cut cut = suffixes_cut(suffixes, low, s.label, s.labels);

		zone = cut.zone;
		k->customer_sub = cut.customer;
	}
	k->zone = 0;
	k->question = XXH3_64bits_withSeed(low, zone, seed);
	if (zone < n) {
		uint64_t hash = XXH3_64bits_withSeed(low + zone, n - zone, seed);

		k->question = mix(k->question, hash);
		k->zone = hash != 0 ? hash : 1;
	}
	k->customer = k->zone;
	if (k->customer_sub < zone) {
		k->customer = XXH3_64bits_withSeed(low + k->customer_sub, n - k->customer_sub, seed);
		k->customer += k->customer == 0;
	}
	/* an address written backwards is data that nobody made up: as block lists are asked for it, and as logs are read */
	k->block_list = !arpa && (s.numbers >= 4 || s.nibbles >= 16);
	k->like_address = arpa || k->block_list;
	k->sub = (uint8_t)zone;
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
hash(const struct dns_view *v, const struct suffixes *suffixes, uint64_t seed, struct memo_row *m, struct flow_key *k)
{
	size_t n = v->name_len;

	if (m != NULL && m->len == n && same_name(m->wire, v->name, n)) {
		k->zone = m->zone;
		k->customer = m->customer;
		k->question = m->question;
		k->sub = m->sub;
		k->customer_sub = m->customer_sub;
		k->like_address = m->like_address;
		k->block_list = m->block_list;
	} else {
		locate(v->name, n, suffixes, seed, k);
		if (m != NULL) {
			m->zone = k->zone;
			m->customer = k->customer;
			m->question = k->question;
			m->sub = k->sub;
			m->customer_sub = k->customer_sub;
			m->like_address = k->like_address & 1;
			m->block_list = k->block_list & 1;
			m->len = (uint8_t)n;
			memcpy(m->wire, v->name, n);
		}
	}
	/* a client's question and the resolver's own are two questions, as are those for two types */
	k->question = mix(k->question, (uint64_t)v->qtype << 1 | v->recursion_desired);
}

void
names_hash(const struct dns_view *v, const struct suffixes *suffixes, uint64_t seed, struct flow_key *k)
{
	hash(v, suffixes, seed, NULL, k);
}

void
names_key(const struct flow *f, const struct suffixes *suffixes, uint64_t seed, uint8_t parts, struct memo_row *m, struct flow_key *k)
{
	const struct dns_view *v = f->dns;

	k->bad = (FAILING >> v->rcode & 1) != 0;
	k->fails = k->bad && (parts & NAMES_FAILERS) != 0 && v->recursion_desired && f->proto == FLOW_UDP;
	if (!k->fails && (parts & (NAMES_ZONES | NAMES_CARRIERS)) == 0)
		return;
	hash(v, suffixes, seed, m, k);
	k->named = k->zone != 0 && (parts & (NAMES_ZONES | NAMES_CARRIERS)) != 0;
}

size_t
names_registered_at(const struct suffixes *suffixes, const uint8_t *wire, size_t len)
{
	const struct dns_view v = {.name = wire, .name_len = (uint8_t)len};
	struct flow_key k = {0};

	if (len < 2)
		return len;
	names_hash(&v, suffixes, 0, &k);
	return k.customer_sub < k.sub ? k.customer_sub : k.sub;
}
