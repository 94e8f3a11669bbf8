/* The work on each answer, at the shard of its zone and of its client. */
#include "detector/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "detector/tables.h"

enum {
	FILTER_WORDS = 1 << 13,
	FILTER_KEYS = 30000,
	FILTER_AGE = 3600,
	HOT_WORDS = 256,
	HOT_KEYS = 1000,
	HOT_FROM = 60,            /* new failing names in a minute */
	HOT_REST = 120,           /* ticks after which a quiet one makes room */
	TRACK_FROM = 400,         /* bytes of new names in an hour, from which on who sends them is looked at */
	LABEL_LEAST = 5,          /* "www." and its like carry nothing */
	FAILER_BITS = 32 * 64,
	FAILER_KEYS = 250,
};

/* --- keys --------------------------------------------------------------------------------------- */

static inline uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* The same for eight bytes at once: adding to the low seven bits of each carries into its top bit from 'A' on, and again
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
	static const char known[] = "co  com net org ac  gov edu or  ne  go  gob nom mil ltd plc sch nhs id  web biz inf in  ";
	char text[4] = {' ', ' ', ' ', ' '};

	if (label[0] < 2 || label[0] > 3)
		return false;
	for (int i = 0; i < label[0]; i++)
		text[i] = (char)lower(label[1 + i]);
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

	s.arpa = top[0] == 4 && lower(top[1]) == 'a' && lower(top[2]) == 'r' && lower(top[3]) == 'p' && lower(top[4]) == 'a';
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

void
names_key(const struct flow *f, uint64_t seed, struct flow_key *k)
{
	const struct dns_view *v = f->dns;
	uint64_t word[(DNS_NAME_WIRE + 8) / 8];
	const uint8_t *low = (const uint8_t *)word;
	size_t n = v->name_len;
	struct shape s;

	if (n < 2 || v->opcode != 0 || v->malformed)
		return;
	s = shape_of(v->name, n);
	word[(n - 1) / 8] = 0;
	memcpy(word, v->name, n);
	/* label lengths are below 64 and never letters, so the whole name can be folded blindly */
	for (size_t i = 0; i < (n + 7) / 8; i++)
		word[i] = lower8(word[i]);
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
	/* a client's question and the resolver's own are two questions, as are those for two types */
	k->question = mix(k->question, (uint64_t)v->qtype << 1 | v->recursion_desired);
	k->fails = (v->rcode == DNS_NXDOMAIN || v->rcode == DNS_SERVFAIL || v->rcode == DNS_REFUSED) &&
	    v->recursion_desired && f->proto == FLOW_UDP;
}

/* --- filters --------------------------------------------------------------------------------------- */

bool
name_filter_add(struct name_filter *f, uint64_t hash, uint32_t tick)
{
	uint64_t *pair = &f->word[(size_t)(hash & (f->words - 1)) * 2];
	uint64_t mask = UINT64_C(1) << (hash >> 58) | UINT64_C(1) << (hash >> 52 & 63) | UINT64_C(1) << (hash >> 46 & 63) |
	    UINT64_C(1) << (hash >> 40 & 63);
	bool known;

	if (f->n >= f->most || tick - f->born >= FILTER_AGE) {
		f->young ^= 1;
		f->n = 0;
		f->born = tick;
		for (size_t i = 0; i < f->words; i++)
			f->word[2 * i + f->young] = 0;
	}
	if ((pair[f->young] & mask) == mask)
		return false;
	known = (pair[f->young ^ 1] & mask) == mask;
	pair[f->young] |= mask;
	f->n++;
	return !known;
}

double
bits_count(uint64_t bits)
{
	int empty = 64 - __builtin_popcountll(bits);

	return empty > 0 ? 64 * log(64.0 / empty) : 64 * log(128.0);
}

/* --- setting up ------------------------------------------------------------------------------------ */

int
names_init(struct shard_names *n)
{
	memset(n, 0, sizeof(*n));
	n->zone_tag = aligned_alloc(64, ZONES * sizeof(*n->zone_tag));
	n->zone = aligned_alloc(64, ZONES * sizeof(*n->zone));
	n->hot = calloc(HOT_ZONES, sizeof(*n->hot));
	n->carrier_key = calloc(CARRIERS, sizeof(*n->carrier_key));
	n->failer_key = calloc(FAILERS, sizeof(*n->failer_key));
	n->carrier = calloc(CARRIERS, sizeof(*n->carrier));
	n->failer = calloc(FAILERS, sizeof(*n->failer));
	n->carrier_touched = calloc(CARRIERS, sizeof(*n->carrier_touched));
	n->failer_touched = calloc(FAILERS, sizeof(*n->failer_touched));
	n->seen = (struct name_filter){.word = aligned_alloc(64, (size_t)FILTER_WORDS * 16), .words = FILTER_WORDS,
		.most = FILTER_KEYS};
	if (n->zone_tag == NULL || n->zone == NULL || n->hot == NULL || n->carrier == NULL || n->failer == NULL || n->carrier_key == NULL || n->failer_key == NULL ||
	   
	    n->carrier_touched == NULL || n->failer_touched == NULL || n->seen.word == NULL) {
		names_done(n);
		return ERR_NOMEM;
	}
	memset(n->zone_tag, 0, ZONES * sizeof(*n->zone_tag));
	memset(n->seen.word, 0, (size_t)FILTER_WORDS * 16);
	return 0;
}

void
names_done(struct shard_names *n)
{
	free(n->zone_tag);
	free(n->zone);
	free(n->hot);
	free(n->carrier);
	free(n->carrier_key);
	free(n->failer_key);
	free(n->failer);
	free(n->carrier_touched);
	free(n->failer_touched);
	free(n->seen.word);
	memset(n, 0, sizeof(*n));
}

/* --- zones ------------------------------------------------------------------------------------------- */

/* Brings minute and hour up to date.  What is usual grows slowly, so that an attack does not become so within the
 * time it takes to see it. */
static void
zone_roll(struct zone *z, uint32_t tick)
{
	uint32_t minute = tick / 60, hour = tick / 3600;

	if (z->minute != minute) {
		uint32_t passed = minute - z->minute;

		for (uint32_t i = 0; i < passed && i < 60; i++) {
			uint32_t x = i == 0 ? z->fresh_failing * 16 : 0, most = 2 * z->usual + 320;

			x = x < most ? x : most;
			z->usual = (z->usual * 7 + x) / 8;
		}
		z->minute = minute;
		z->answers = z->failing = z->fresh = z->fresh_failing = 0;
	}
	if (z->hour != hour) {
		z->clients_before = hour - z->hour == 1 ? z->clients : 0;
		z->clients = 0;
		z->info = 0;
		z->hour = hour;
	}
}

static struct zone *
zone_get(struct shard_names *n, uint64_t hash, uint32_t tick)
{
	struct zone *z = names_zone_peek(n, hash);
	size_t at = (size_t)(hash & (ZONES / ZONE_WAYS - 1)) * ZONE_WAYS, way = at;

	if (z != NULL)
		return z;
	for (size_t i = at; i < at + ZONE_WAYS; i++) {
		const struct zone *x = &n->zone[i], *y = &n->zone[way];

		if (n->zone_tag[i] == 0) {
			way = i;
			break;
		}
		/* what is known of the busier ones is worth more: a stream of names seen once must not push them out */
		if (x->hot == 0 && (y->hot != 0 || (uint64_t)(tick - x->tick) * (y->answers + 1) >
		    (uint64_t)(tick - y->tick) * (x->answers + 1)))
			way = i;
	}
	if (n->zone_tag[way] != 0)
		n->count.evicted_zones++;
	n->zone_tag[way] = hash;
	z = &n->zone[way];
	*z = (struct zone){.tick = tick, .minute = tick / 60, .hour = tick / 3600};
	return z;
}

static void
copy_name(struct name_copy *c, const uint8_t *wire, size_t len)
{
	c->len = len <= sizeof(c->wire) ? (uint8_t)len : 0;
	for (size_t i = 0; i < c->len; i++)
		c->wire[i] = lower(wire[i]);
}

/* A hot zone for a zone that begins to look attacked; what it did in this minute so far goes along. */
static struct hot_zone *
hot_get(struct shard_names *n, struct zone *z, uint32_t tick, const struct flow *f, const struct flow_key *k)
{
	struct hot_zone *h = z->hot != 0 ? &n->hot[z->hot - 1] : NULL, *free_one = NULL;

	if (h != NULL && h->hash == k->zone)
		return h;
	z->hot = 0;
	if (z->fresh_failing < HOT_FROM)
		return NULL;
	for (int i = 0; i < HOT_ZONES; i++) {
		h = &n->hot[i];
		if (h->hash == 0 || tick - h->tick > HOT_REST) {
			free_one = h;
			break;
		}
	}
	if (free_one == NULL) {
		n->count.lost_zones++;
		return NULL;
	}
	memset(free_one, 0, sizeof(*free_one));
	*free_one = (struct hot_zone){.hash = k->zone, .born = tick, .answers = z->answers, .nxdomain = z->failing,
		.fresh = z->fresh, .fresh_failing = z->fresh_failing,
		.seen = {.word = NULL, .words = HOT_WORDS, .most = HOT_KEYS, .born = tick}};
	free_one->first_ns = f->start_ns;
	copy_name(&free_one->zone, f->dns->name + k->sub, f->dns->name_len - k->sub);
	z->hot = (uint16_t)(free_one - n->hot + 1);
	return free_one;
}

static void
hot_peer(struct hot_zone *h, const struct addr *a, uint32_t n)
{
	int least = 0;

	for (int i = 0; i < HOT_PEERS; i++) {
		if (h->peer[i].n != 0 && addr_equal(&h->peer[i].addr, a)) {
			h->peer[i].n += n;
			return;
		}
		if (h->peer[i].n < h->peer[least].n)
			least = i;
	}
	h->peer[least] = (struct name_peer){*a, h->peer[least].n + n};
}

static void
hot_count(struct hot_zone *h, const struct zone *z, const struct shard_env *env, const struct flow *f,
    const struct flow_key *k, bool failing, bool fresh)
{
	uint32_t n = (uint32_t)f->packets;
	uint8_t rcode = f->dns->rcode;

	h->tick = env->tick;
	h->usual = z->usual / 16;
	h->answers += n;
	h->bytes += f->bytes;
	h->fresh += fresh ? n : 0;
	h->nxdomain += rcode == DNS_NXDOMAIN ? n : 0;
	h->servfail += rcode == DNS_SERVFAIL ? n : 0;
	h->refused += rcode == DNS_REFUSED ? n : 0;
	h->last_ns = f->start_ns;
	if (f->sampling > h->sampling)
		h->sampling = f->sampling;
	if (!failing || !fresh)
		return;
	h->fresh_failing += n;
	hll_add(&h->clients, k->dst);
	hot_peer(h, &f->dst, n);
	copy_name(&h->sample, f->dns->name, f->dns->name_len);
}

/* --- carriers ----------------------------------------------------------------------------------------- */

static void
carrier_roll(struct carrier *c, uint32_t tick)
{
	uint32_t slot = tick / 300, hour = tick / 3600;

	for (uint32_t i = 0; c->slot != slot && i < CARRIER_SLOTS; i++)
		c->part[++c->slot % CARRIER_SLOTS] = 0;
	c->slot = slot;
	if (c->hour == hour)
		return;
	/* shares and letters speak of the last hours, not of last week */
	c->answers /= 2;
	c->fresh /= 2;
	c->rare /= 2;
	c->payload /= 2;
	c->labels /= 2;
	for (int i = 0; i < ALPHABET; i++)
		c->letters[i] /= 2;
	for (uint32_t i = 0; c->hour != hour && i < CARRIER_HOURS; i++)
		c->hours[++c->hour % CARRIER_HOURS] = 0;
	c->hour = hour;
}

struct carried
carrier_sums(const struct carrier *c, uint32_t tick)
{
	struct carried s = {0, 0, 0};

	for (uint32_t i = 0; i < CARRIER_SLOTS; i++)
		if (c->slot >= i && tick / 300 - (c->slot - i) < CARRIER_SLOTS)
			s.hour += c->part[(c->slot - i) % CARRIER_SLOTS];
	for (uint32_t i = 0; i < CARRIER_HOURS; i++)
		if (c->hour >= i && tick / 3600 - (c->hour - i) < CARRIER_HOURS) {
			s.day += c->hours[(c->hour - i) % CARRIER_HOURS];
			s.hours += c->hours[(c->hour - i) % CARRIER_HOURS] > 0;
		}
	return s;
}

double
carrier_entropy(const struct carrier *c)
{
	double n = 0, bits = 0;

	for (int i = 0; i < ALPHABET; i++)
		n += c->letters[i];
	for (int i = 0; i < ALPHABET; i++)
		if (c->letters[i] > 0)
			bits -= c->letters[i] / n * log2(c->letters[i] / n);
	return bits;
}

static size_t
carrier_set(uint64_t key)
{
	return (size_t)(key >> 20) & (CARRIERS - 1) & ~(size_t)(CARRIER_WAYS - 1);
}

static struct carrier *
carrier_find(struct shard_names *n, uint64_t key)
{
	size_t at = carrier_set(key);

	for (size_t i = at; i < at + CARRIER_WAYS; i++)
		if (n->carrier_key[i] == key)
			return &n->carrier[i];
	return NULL;
}

static struct carrier *
carrier_get(struct shard_names *n, uint64_t key, uint32_t tick)
{
	size_t at = carrier_set(key), way = CARRIERS;
	struct carrier *c = carrier_find(n, key);

	if (c != NULL)
		return c;
	for (size_t i = at; i < at + CARRIER_WAYS && way == CARRIERS; i++)
		if (n->carrier_key[i] == 0)
			way = i;
	/* the one that carries least for its age leaves, if it is not of this tick: its slot may be listed */
	if (way == CARRIERS) {
		for (size_t i = at; i < at + CARRIER_WAYS; i++)
			if (!n->carrier[i].listed && (way == CARRIERS ||
			    (uint64_t)carrier_sums(&n->carrier[i], tick).day * (tick - n->carrier[way].entered + 60) <
			    (uint64_t)carrier_sums(&n->carrier[way], tick).day * (tick - n->carrier[i].entered + 60)))
				way = i;
		if (way == CARRIERS)
			return NULL;
		n->count.evicted_carriers++;
	}
	c = &n->carrier[way];
	n->carrier_key[way] = key;
	*c = (struct carrier){.entered = tick, .slot = tick / 300, .hour = tick / 3600};
	return c;
}

/* Types whose answers hold what the owner of the zone likes, and that tunnels prefer. */
static bool
rare_type(uint16_t t)
{
	return t == DNS_TXT || t == DNS_NULL || t == DNS_CNAME || t == DNS_MX || t == DNS_SRV || t == 25 || t == 13 ||
	    (t >= 65280 && t < 65535);
}

/* What a new question carries: its labels; for addresses half, as they are asked for in pairs, and the answer's
 * records where their type is free text. */
static uint32_t
payload_of(const struct dns_view *v, uint32_t sub, uint32_t *answer)
{
	uint32_t over = 12u + v->name_len + 4u + 12u * v->answers + 11u;

	*answer = 0;
	if (!rare_type(v->qtype))
		return sub >= LABEL_LEAST ? sub / 2 : 0;
	if (v->rcode == DNS_NOERROR && v->answers > 0 && v->authority == 0 && v->size > over)
		*answer = v->size - over;
	return (sub >= LABEL_LEAST ? sub : 0) + *answer;
}

static uint32_t
letter(uint8_t c)
{
	c = lower(c);
	return c >= 'a' && c <= 'z' ? (uint32_t)(c - 'a') : c >= '0' && c <= '9' ? (uint32_t)(26 + c - '0') : c == '-' ? 36u : c == '_' ? 37u :
	    c >= 128 ? 38u : 39u;
}

static void
carrier_letters(struct carrier *c, const uint8_t *name, size_t sub)
{
	for (size_t p = 0; p < sub; p += name[p] + 1u)
		for (size_t i = 1; i <= name[p] && p + i < sub; i++) {
			uint16_t *n = &c->letters[letter(name[p + i])];

			*n = (uint16_t)(*n + (*n < UINT16_MAX));
		}
}

static void
carry(struct shard_names *n, struct zone *z, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    bool fresh)
{
	const struct dns_view *v = f->dns;
	uint32_t answer, bytes = fresh ? payload_of(v, k->sub, &answer) : 0, packets = (uint32_t)f->packets;
	uint64_t key = mix(k->zone, k->dst);
	struct carrier *c;

	if (key == 0 || (bytes == 0 && z->carriers == 0))
		return;
	if (bytes > 0) {
		z->info += bytes * packets;
		z->clients |= UINT64_C(1) << (k->dst >> 58);
	}
	c = z->info >= TRACK_FROM && bytes > 0 ? carrier_get(n, key, env->tick) : carrier_find(n, key);
	if (c == NULL)
		return;
	if (c->tick == 0) {
		c->client = f->dst;
		c->first_ns = f->start_ns;
		z->carriers = 1;
		copy_name(&c->zone, v->name + k->sub, v->name_len - k->sub);
	}
	carrier_roll(c, env->tick);
	c->server = f->src;
	c->tick = env->tick;
	c->last_ns = f->start_ns;
	c->answers += packets;
	if (f->sampling > c->sampling)
		c->sampling = f->sampling;
	if (!fresh || bytes == 0)
		return;
	c->fresh += packets;
	c->rare += rare_type(v->qtype) ? packets : 0;
	c->payload += answer * packets;
	c->labels += k->sub * packets;
	c->part[c->slot % CARRIER_SLOTS] += bytes * packets;
	c->hours[c->hour % CARRIER_HOURS] += bytes * packets;
	carrier_letters(c, v->name, k->sub);
	c->clients = (uint32_t)bits_count(z->clients | z->clients_before);
	if (!c->listed) {
		c->listed = true;
		n->carrier_touched[n->carriers_n++] = (uint32_t)(c - n->carrier);
	}
}

/* --- an answer --------------------------------------------------------------------------------------------- */

void
names_answer(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	struct shard_names *n = &s->names;
	const struct dns_view *v = f->dns;
	uint32_t packets = (uint32_t)f->packets;
	bool failing = v->rcode == DNS_NXDOMAIN || v->rcode == DNS_SERVFAIL || v->rcode == DNS_REFUSED, fresh;
	struct zone *z = zone_get(n, k->zone, env->tick);
	struct hot_zone *h;

	zone_roll(z, env->tick);
	z->tick = env->tick;
	h = z->hot != 0 || z->fresh_failing >= HOT_FROM ? hot_get(n, z, env->tick, f, k) : NULL;
	if (h != NULL && failing) {
		h->seen.word = h->bits;
		fresh = name_filter_add(&h->seen, k->question, env->tick);
	} else {
		fresh = name_filter_add(&n->seen, k->question, env->tick);
	}
	z->answers += packets;
	z->failing += failing ? packets : 0;
	z->fresh += fresh ? packets : 0;
	if (failing && fresh && !k->like_address)
		z->fresh_failing += packets;
	if (h != NULL)
		hot_count(h, z, env, f, k, failing && !k->like_address, fresh);
	if (!failing && !k->like_address)
		carry(n, z, env, f, k, fresh);
}

/* --- clients whose questions fail ------------------------------------------------------------------------------ */

static size_t
failer_set(uint64_t key)
{
	return (size_t)(key >> 20) & (FAILERS - 1) & ~(size_t)(FAILER_WAYS - 1);
}

struct failer *
names_failer(const struct shard_names *n, uint64_t key)
{
	size_t at = failer_set(key);

	for (size_t i = at; i < at + FAILER_WAYS; i++)
		if (n->failer_key[i] == key)
			return &n->failer[i];
	return NULL;
}

static struct failer *
failer_get(struct shard_names *n, uint64_t key, uint32_t tick)
{
	size_t at = failer_set(key), way = FAILERS;
	struct failer *x = names_failer(n, key);

	if (x != NULL)
		return x;
	for (size_t i = at; i < at + FAILER_WAYS && way == FAILERS; i++)
		if (n->failer_key[i] == 0)
			way = i;
	if (way == FAILERS) {
		for (size_t i = at; i < at + FAILER_WAYS; i++)
			if (!n->failer[i].listed && (way == FAILERS ||
			    (uint64_t)(tick - n->failer[i].tick) * (n->failer[way].recent + 1) >
			    (uint64_t)(tick - n->failer[way].tick) * (n->failer[i].recent + 1)))
				way = i;
		if (way == FAILERS)
			return NULL;
		n->count.evicted_failers++;
	}
	x = &n->failer[way];
	n->failer_key[way] = key;
	memset(x, 0, sizeof(*x));
	x->since = tick;
	return x;
}

static bool
failer_new(struct failer *x, uint64_t hash)
{
	bool fresh = false;

	if (x->seen_n >= FAILER_KEYS) {
		memset(x->seen, 0, sizeof(x->seen));
		x->seen_n = 0;
	}
	for (int i = 0; i < 3; i++) {
		uint32_t bit = (uint32_t)(hash >> (13 * i)) & (FAILER_BITS - 1);

		fresh = fresh || (x->seen[bit >> 6] >> (bit & 63) & 1) == 0;
		x->seen[bit >> 6] |= UINT64_C(1) << (bit & 63);
	}
	x->seen_n += fresh;
	return fresh;
}

void
names_failed(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	struct shard_names *n = &s->names;
	struct failer *x = failer_get(n, k->dst, env->tick);
	uint32_t packets = (uint32_t)f->packets;

	if (x == NULL)
		return;
	if (!x->listed) {
		x->listed = true;
		n->failer_touched[n->failers_n++] = (uint32_t)(x - n->failer);
		x->client = f->dst;
		x->first_ns = f->start_ns;
	}
	for (int i = 0; env->tick - x->since >= 60 && i < 20; i++) {
		x->recent -= (x->recent + 3) / 4;
		x->recent_all -= (x->recent_all + 3) / 4;
		x->since += 60;
	}
	if (env->tick - x->since >= 60)
		x->since = env->tick;
	if (x->minute != env->tick / 60) {
		x->zones[1] = env->tick / 60 - x->minute == 1 ? x->zones[0] : 0;
		x->zones[0] = 0;
		x->minute = env->tick / 60;
	}
	x->tick = env->tick;
	x->server = f->src;
	x->last_ns = f->start_ns;
	x->recent += packets;
	x->nxdomain += f->dns->rcode == DNS_NXDOMAIN ? packets : 0;
	x->servfail += f->dns->rcode == DNS_SERVFAIL ? packets : 0;
	x->refused += f->dns->rcode == DNS_REFUSED ? packets : 0;
	x->like_address += k->like_address ? packets : 0;
	x->fresh += failer_new(x, k->question) ? packets : 0;
	x->zones[0] |= UINT64_C(1) << (k->zone >> 40 & 63);
	if (f->sampling > x->sampling)
		x->sampling = f->sampling;
	copy_name(&x->sample, f->dns->name, f->dns->name_len);
}
