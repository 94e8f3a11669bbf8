/* What names tell: zones under random questions, clients whose questions fail, data carried in names.
 *
 * Nearly all of it is fed by answers that show their question: an answer says who asked, what, and how it ended.  Of queries
 * only those count that go to servers which do not answer (asked.h), and of a flood of these a part.  flow_keys hashes a name
 * once, on any thread, and finds its zone and that of the customer in it (suffix.h).  The work then belongs to the shard of the
 * zone's hash (zones, carriers) or of the client's (failing clients), so every table sees its answers in the order of the input
 * whatever the number of threads, and at the end of a tick only what is remarkable is looked at and goes into watches
 * (names_tick.c).
 *
 * An address written backwards (arpa) has a zone, too, a /16 or a /32 of IPv6: random questions for them hit the servers of
 * whoever holds it.  Such names carry nothing, and a client whose questions for them fail reads logs.
 *
 * Most answers are to a question that was asked a moment ago and say that the name exists.  They tell nothing new: after a look at the
 * filter of recent questions they are done, unless their zone is *tracked*.  So every table but that filter is about what is new or fails.
 *
 * A *zone* is one cache line.  One whose answers fail for many new names is promoted to a *hot zone*, which counts
 * by the tick.  "New" is a question that is not in a filter of recent ones: a Bloom filter of two
 * generations for all zones of a shard, one of its own for a hot zone, so that an attack does not make the
 * shard forget.  A *carrier* is a client and a zone it sends new, long names to, whether these exist or not: who listens there only has to
 * write down what he is asked.  What fails in a zone under attack carries nothing.  A *failer* is a client whose questions fail.
 *
 * RAM: about 1.2 MiB a shard, from fresh pages: what is not used costs nothing.  Every table is sets of four;
 * a full set gives up its coldest, which is counted.
 */
#ifndef DETECTOR_NAMES_H
#define DETECTOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "collector/flow.h"
#include "detector/sketch.h"

struct shard;
struct shard_env;
struct flow_key;
struct suffixes;

enum {
	ZONES = 1 << 12, ZONE_WAYS = 4, /* of a shard */
	HOT_ZONES = 32, HOT_PEERS = 8, HOT_SERVERS = 8,
	CARRIERS = 1 << 10, CARRIER_WAYS = 4,
	FAILERS = 1 << 9, FAILER_WAYS = 4,
	NAME_FILTER_AGE = 3600,         /* ticks of a generation */
	NAME_COPY = 80,                 /* longer names are not kept */
	CARRIER_SLOTS = 12,             /* of 5 minutes */
	CARRIER_HOURS = 24,
	TRACKED_BITS = 1 << 10,
	TRACKED_FROM = 500,             /* bytes of a carrier, a part of what is judged, from which on the questions it repeats count */
	ALPHABET = 40,                  /* letters, digits, hyphen, underscore, bytes from 128 on, anything else */
	LETTER_HIGH = 38, LETTER_OTHER = 39,
};

/* What names are looked at for: the kinds that are turned off cost nothing. */
enum names_part { NAMES_ZONES = 1 << 0, NAMES_CARRIERS = 1 << 1, NAMES_FAILERS = 1 << 2, NAMES_STRANGERS = 1 << 3 };

struct name_copy {
	uint8_t len;
	uint8_t wire[NAME_COPY - 1];
};

/* A Bloom filter whose four bits for a key lie in one word of 64 (Putze, Sanders and Singler 2007: one cache line a
 * look-up), in two generations side by side: the older one is emptied when the younger one is full or old. */
struct name_filter {
	uint64_t *word;      /* words * 2 generations */
	uint32_t words;      /* power of two */
	uint32_t most;       /* keys of a generation: at four a word, 1 in 300 new ones passes for seen */
	uint32_t n, born;    /* of the younger one */
	uint8_t young;
};

struct zone { /* one cache line */
	uint64_t hash;                    /* 0: free */
	uint64_t clients, clients_before; /* who asked for new names, one bit of 64 by hash: this hour, the one before */
	uint32_t tick;                    /* of the last answer: the counters are those of its minute and hour */
	uint32_t answers, failing, fresh, fresh_failing; /* in this minute; an unanswered question counts as a failing answer */
	uint32_t info;                    /* bytes of new names in this hour */
	uint32_t usual;                   /* new failing names a minute, in 1/16 */
	uint32_t fresh_before, fresh_usual; /* new names, failing or not: of the minute before, and of those before that */
	uint16_t hot;                     /* its hot zone + 1; 0: none */
	bool carriers, grown;             /* grown: known for longer than its first minute */
};

struct name_peer {
	struct addr addr;
	uint32_t n;
};

/* A zone under judgement: counters of this tick. */
struct hot_zone {
	uint64_t hash;       /* 0: free */
	uint32_t tick, born;
	uint32_t answers, nxdomain, servfail, refused, fresh, fresh_failing;
	uint32_t unanswered;         /* questions without an answer */
	uint32_t labels, texts;      /* of the new failing names: bytes before the zone; those asked for text and the like */
	bool attacked;               /* as of the last tick: what fails here is no data somebody sends */
	uint32_t usual, fresh_usual, sampling;
	struct addr server[HOT_SERVERS]; /* that were asked in vain */
	uint32_t servers_n;
	uint64_t asked, servers_asked;   /* of the zone, retries too, and of anything */
	uint64_t bytes;
	int64_t first_ns, last_ns;
	struct hll clients;
	struct name_peer peer[HOT_PEERS];
	struct name_copy zone, sample;
	struct name_filter seen;
	uint64_t bits[2 * 256];
};

struct carrier { /* its key is the hash of client and zone */
	struct addr client, server;
	uint64_t zone_hash;
	uint32_t tick, entered, slot, hour;
	bool listed;         /* in shard_names.carrier_touched */
	uint32_t part[CARRIER_SLOTS], hours[CARRIER_HOURS]; /* bytes of new names and what their answers carry */
	uint32_t answers, fresh, rare, payload, labels; /* labels: bytes of the new names before the zone */
	uint32_t clients, sampling;
	uint64_t all, bytes; /* answers and bytes carried, all the time */
	int64_t first_ns, last_ns;
	uint16_t letters[ALPHABET];
	struct name_copy zone;
};

struct failer { /* its key is the client's hash */
	struct addr client, server;
	uint32_t tick, since; /* since: when `recent` was last halved */
	uint32_t recent, recent_all; /* failing answers, and all */
	bool listed, watched;
	/* of this tick */
	uint32_t answers, nxdomain, servfail, refused, fresh, like_address;
	uint64_t bytes;
	uint32_t sampling;
	int64_t first_ns, last_ns;
	uint64_t zones[2];   /* one bit of 64 by hash: this minute, the one before */
	uint32_t minute;
	uint32_t seen_n;
	uint64_t seen[32];   /* Bloom filter of its latest failing names */
	struct name_copy sample;
};

/* The result code of a question whose answer was not seen. */
enum { NAMES_UNANSWERED = 0xff };

struct names_counters {
	uint64_t evicted_zones, evicted_carriers, evicted_failers, lost_zones; /* lost: no hot zone was free */
};

/* A shard's part. */
struct shard_names {
	struct zone *zone;
	struct hot_zone *hot;
	uint64_t *carrier_key, *failer_key; /* beside the records: a look-up reads a record only when it is there */
	struct carrier *carrier;
	struct failer *failer;
	struct name_filter seen;
	uint64_t tracked[TRACKED_BITS / 64]; /* zones all of whose answers count, by hash: hot ones, those that somebody may send data to */
	uint32_t *carrier_touched, *failer_touched; /* of this tick */
	uint32_t carriers_n, failers_n;
	struct names_counters count;
};

int names_init(struct shard_names *n); /* 0 or ERR_NOMEM */
size_t names_bytes(void);             /* what it takes */
void names_done(struct shard_names *n);

/* What names came to lately.  Most answers are about names that others asked for a moment ago: finding such a name
 * costs a third of taking it apart.  Few rows: 16 KiB stay in the nearest cache; sixteen times as many saved instructions, and
 * lost more to the packets and tables that they pushed out.  Nothing depends on what is in here but time, so each thread may
 * have one of its own, for one seed and one list of suffixes. */
enum { MEMO_BITS = 8, MEMO_ROWS = 1 << MEMO_BITS, MEMO_NAME = 36 };
struct names_memo {
	struct memo_row { /* one cache line; longer names hardly come again */
		_Alignas(64) uint64_t zone;
		uint64_t customer, question;
		uint8_t sub, customer_sub, len; /* len 0: free */
		uint8_t like_address : 1, block_list : 1;
		uint8_t wire[MEMO_NAME];
	} row[MEMO_ROWS];
};

static inline uint64_t
name_load8(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* The row where a name would stand: its ends and its middle choose.  NULL: it has none. */
static inline struct memo_row *
names_memo_row(struct names_memo *memo, const struct dns_view *v)
{
	size_t n = v->name_len;
	uint64_t h;

	if (memo == NULL || n < 8 || n > MEMO_NAME)
		return NULL;
	h = (name_load8(v->name) + n) * UINT64_C(0x9e3779b97f4a7c15) ^ name_load8(v->name + n / 2 - 4) * UINT64_C(0xd6e8feb86659fd93);
	h = (h ^ name_load8(v->name + n - 8)) * UINT64_C(0x9e3779b97f4a7c15);
	return &memo->row[h >> (64 - MEMO_BITS)];
}

/* Does an answer tell anything by its question? */
static inline bool
names_tell(const struct dns_view *v)
{
	return v->response && v->name_len >= 2 && v->opcode == 0 && !v->malformed;
}

/* Fills the key's name, zones and flags from an answer that tells (names_tell), as far as `parts` are looked for; any
 * thread.  m: its row, or NULL. */
void names_key(const struct flow *f, const struct suffixes *suffixes, uint64_t seed, uint8_t parts, struct memo_row *m,
    struct flow_key *k);
/* Where in a name the part begins that somebody registered, a domain or a name below a customers' suffix; its length: nowhere. */
size_t names_registered_at(const struct suffixes *suffixes, const uint8_t *wire, size_t len);
/* A zone of block lists or of look-ups by hash, whose names are new and fail by nature. */
bool names_is_reputation(const uint8_t *zone, size_t len);
/* A zone of addresses written backwards. */
bool names_is_reverse(const uint8_t *zone, size_t len); /* in lower case */

/* An answer at the shard of its zone, and a failing one at that of its client.  seen: it is no failure, and its question
 * was in the filter. */
void names_new(struct shard_names *n, const struct shard_env *env, const struct flow *f, const struct flow_key *k, bool seen);
void names_failed(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k);

/* A question to a server that does not answer, made up as an answer of code NAMES_UNANSWERED to its client; at the
 * shard of its zone.  `fresh`: it is new among unanswered ones.  The hot zone it counted for, or NULL. */
struct hot_zone *names_unanswered(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    bool fresh);
/* The one that such a question would count for now, or NULL. */
struct hot_zone *names_hot(const struct shard_names *n, const struct flow_key *k);
/* The name's part of a key: question, zone and customer, and what it looks like. */
void names_hash(const struct dns_view *v, const struct suffixes *suffixes, uint64_t seed, struct flow_key *k);
/* What an alert is open about never becomes usual. */
void names_unusual(struct shard_names *n, const struct hot_zone *h);

/* The failing client of a hash, or NULL. */
struct failer *names_failer(const struct shard_names *n, uint64_t client);

/* Whether a key is new; then it is in the filter from now on. */
bool name_filter_add(struct name_filter *f, uint64_t hash, uint32_t tick);

static inline uint64_t
name_filter_mask(uint64_t hash)
{
	return UINT64_C(1) << (hash >> 58) | UINT64_C(1) << (hash >> 52 & 63) | UINT64_C(1) << (hash >> 46 & 63) |
	    UINT64_C(1) << (hash >> 40 & 63);
}

/* Surely in the younger generation: name_filter_add would say no, and change nothing. */
static inline bool
name_filter_young(const struct name_filter *f, uint64_t hash, uint32_t tick)
{
	uint64_t mask = name_filter_mask(hash);

	return tick - f->born < NAME_FILTER_AGE && f->n < f->most &&
	    (f->word[(size_t)(hash & (f->words - 1)) * 2 + f->young] & mask) == mask;
}

static inline bool
name_filter_has(const struct name_filter *f, uint64_t hash)
{
	const uint64_t *pair = &f->word[(size_t)(hash & (f->words - 1)) * 2];
	uint64_t mask = name_filter_mask(hash);

	return (pair[0] & mask) == mask || (pair[1] & mask) == mask;
}

static inline bool
names_tracked(const struct shard_names *n, uint64_t zone)
{
	return (n->tracked[zone >> 44 & (TRACKED_BITS / 64 - 1)] >> (zone >> 48 & 63) & 1) != 0;
}

static inline void
names_track(struct shard_names *n, uint64_t zone)
{
	n->tracked[zone >> 44 & (TRACKED_BITS / 64 - 1)] |= UINT64_C(1) << (zone >> 48 & 63);
}

/* Once an hour: what is no longer worth it is forgotten. */
void names_track_anew(struct shard_names *n, uint32_t tick);

/* Where a zone lies unless that place was taken: most look-ups read one cache line. */
static inline size_t
names_zone_home(uint64_t hash)
{
	return (size_t)(hash & (ZONES - 1));
}

/* Inlined for sure: gcc drops calls of a function that only prefetches. */
static inline __attribute__((always_inline)) void
names_prefetch(const struct shard_names *n, uint64_t zone, uint64_t question, bool bad)
{
	__builtin_prefetch(&n->seen.word[(size_t)(question & (n->seen.words - 1)) * 2], 1);
	if (bad) /* of the others few go on to their zone */
		__builtin_prefetch(&n->zone[names_zone_home(zone)], 1);
}

static inline struct zone *
names_zone_peek(const struct shard_names *n, uint64_t hash)
{
	size_t home = names_zone_home(hash), at = home & ~(size_t)(ZONE_WAYS - 1);

	if (n->zone[home].hash == hash)
		return &n->zone[home];
	for (size_t i = at; i < at + ZONE_WAYS; i++)
		if (n->zone[i].hash == hash)
			return &n->zone[i];
	return NULL;
}

/* Bytes in the last hour and in the last 24, and in how many of those hours it carried anything. */
struct carried {
	uint32_t hour, day, hours;
};
struct carried carrier_sums(const struct carrier *c, uint32_t tick);
/* Bits a character of its names, as they are spread over the alphabet (Shannon 1948). */
double carrier_entropy(const struct carrier *c);
/* Share of characters that no host's name has (RFC 1123; internationalised names are letters and digits, too). */
double carrier_foreign(const struct carrier *c);
/* Distinct values behind one bit of 64 each: linear counting (Whang et al. 1990). */
double bits_count(uint64_t bits);

#endif
