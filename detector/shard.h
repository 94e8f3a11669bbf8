/* A shard: the part of the tables that one hash range owns, and the per-packet work on it.
 *
 * Hosts are split by the hash of their address, (client, server, service) pairs by a symmetric
 * hash of both ends.  There are SHARDS of them whatever the number of threads, each with its own
 * bounds, and each sees its flows in the order of the input; so any thread may work on any shard
 * between two ticks and the result never depends on how many there are.
 *
 * Memory: 66 bytes a host, 10 a pair, and SHARD_BYTES of fixed tables a shard.  Nothing is allocated after
 * shard_init.
 *
 * Who may push out whom from full tables is written above coldest_host in shard.c.
 */
#ifndef DETECTOR_SHARD_H
#define DETECTOR_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/prefixmap.h"
#include "collector/flow.h"
#include "collector/fragment.h"
#include "detector/answer_size.h"
#include "detector/asked.h"
#include "detector/bucket.h"
#include "detector/names.h"
#include "detector/service.h"
#include "detector/sketch.h"
#include "detector/view.h"

enum { SHARDS = 16, LINKS_MAX = 1024 };

enum host_flags {
	HOST_OURS = 1 << 0,     /* inside the configured networks */
	HOST_RESOLVER = 1 << 1, /* a configured resolver */
	HOST_NEVER = 1 << 2,    /* in a never-alert group */
};

/* What the configuration says of an address; value of the prefix map is an index + 1 here. */
struct place {
	uint16_t link; /* index + 1; 0: behind no configured link */
	uint8_t flags; /* enum host_flags */
	uint8_t group; /* index + 1; 0: in no group */
};

/* One host: 64 bytes, one cache line.  Counters run since the host entered the table. */
struct host {
	struct addr addr;
	uint64_t in_bytes, out_bytes, in_packets, out_packets;
	uint32_t tick; /* last seen */
	uint32_t fragments;
	uint64_t fragment_bytes : 40, link : 15, known : 1, flags : 8; /* known: seen in more than one tick */
};

/* What is kept of a pair between ticks, in eight bytes. */
enum { PAIR_TICKS = (1 << 28) - 1, PAIR_NOT_ASKED = 15, PAIR_DRAWN = 7, PAIR_MORE = 0x1fff };
struct pair_slot {
	uint64_t tick : 28;  /* last seen, modulo eight years; 0: never */
	uint64_t now : 14;   /* its record in pair[], if `tick` is the current one */
	uint64_t asked : 4;  /* ticks from the last query to `tick`; PAIR_NOT_ASKED: more, or none */
	uint64_t known : 1;  /* seen in more than one tick */
	uint64_t drawn : 3;  /* ticks with large answers, at most PAIR_DRAWN; halved every four minutes */
	uint64_t server_began : 1; /* the first packet was an answer: see struct pair */
	uint64_t more : 13;  /* of its hash, beside the tag */
};

enum pair_crowd { CROWD_NONE, CROWD_OF_CLIENTS, CROWD_OF_SERVERS };

/* What one client and one server did in the current tick, over one service. */
struct pair {
	struct addr client, server;  /* all zeros: the sum of those not admitted, see `crowd` */
	int64_t first_ns;            /* its first large answer (other services: any answer) of this tick; 0: none */
	int64_t from_ns, to_ns;      /* what its records cover together; 0: there are none */
	uint64_t query_bytes, answer_bytes, large_bytes, later_bytes;
	uint32_t slot;
	uint32_t names;              /* index + 1 of its rows in shard.pair_name: what its large answers were for */
	uint32_t sampling;
	uint32_t one_flow;           /* packets of large answers in the largest of its records */
	uint32_t queries, any_queries;
	uint32_t answers;            /* messages (DNS) or packets (other services) */
	uint32_t answer_packets;
	uint32_t large;              /* answers of at least `large_answer` bytes */
	uint32_t matched;            /* of the large ones (other services: of all): a query explains it */
	uint32_t repeat;             /* of the large ones: asked again while the client still held the answer */
	uint32_t later_packets;
	uint32_t large_size;         /* sum of the large answers' DNS sizes */
	uint32_t large_query_bytes;  /* of the queries that explain them, IP level */
	struct size_vote sizes;      /* of records */
	uint32_t recursed;           /* answers to recursive questions by a server that is not authoritative */
	uint8_t service;
	uint8_t crowd;               /* enum pair_crowd */
	uint8_t drawn;               /* its slot's, before this tick */
	uint8_t last_at;             /* its latest such answer: 1/256 s into the tick */
	bool fresh;                  /* the pair entered the table in this tick */
	bool owned;                  /* fragments of records, found to belong to this service */
	bool whole;                  /* fragments of records, the first ones among them: see flow_whole_fragments */
	bool counted;                /* records or samples: answers are matched by number, not one by one */
	/* The end with the service's port spoke first, or to a web server: it is a client that got such a port by chance
	 * (RFC 4787 lets translators draw from 1024 on), and reflects nothing. */
	bool server_began;
	bool web;                    /* answers to port 443: a conversation of web servers, perhaps, of which one half is seen */
};

/* What one pair's large answers to one question were in the current tick; see pair_names.h. */
struct pair_name {
	uint32_t next;               /* index + 1 of the pair's next one */
	uint32_t name;               /* index into shard.name */
	uint32_t large, matched, repeat, size, query_bytes; /* as in struct pair */
	uint32_t ttl;                /* s for which the latest answer may be held */
	uint64_t bytes;              /* of the answers, and once settled of their fragments */
	uint64_t missing;            /* what was still to come when first fragments were seen */
};

enum { LATE_RECORD_S = 3600 }; /* what records tell of an earlier time counts in the totals alone */

enum { NAME_SLOTS = 512 };
struct name_slot {
	uint64_t hash;
	uint32_t tick;
	uint16_t qtype;
	uint8_t len;
	uint8_t wire[DNS_NAME_WIRE];
};

/* Sums of one tick, kept by the shards and collected at its end. */
struct tick_sums {
	uint64_t bytes, packets, dns_queries, dns_answers, dns_answer_bytes, any_queries, fragments;
	/* of these, what records told of: it belongs to earlier seconds, too */
	uint64_t record_bytes, record_packets, record_queries, record_answers, record_answer_bytes;
};

struct shard_counters {
	uint64_t evicted_hosts, evicted_pairs;
	uint64_t unadmitted_packets, unadmitted_bytes; /* of hosts too small to enter a full table */
	uint64_t unadmitted_flows;                      /* the same for pairs */
	uint64_t lost_pairs;                            /* flows of a tick with more pairs than fit */
	uint64_t unnamed;                               /* large answers whose question found no room */
	uint64_t hosts, pairs;                          /* now in the tables */
};

struct open_query {
	uint32_t tag;
	uint16_t bytes, tick;
};

struct held_answer {
	uint32_t tag;
	uint32_t expires : 28; /* tick until which the client holds the answer */
	uint32_t times : 3;    /* how often it was given */
	uint32_t known : 1;    /* to a client that had drawn such answers before */
};

enum { OPEN_QUERIES = 1 << 13, HELD_ANSWERS = 1 << 13, QUERY_LOG = 1 << 12, FRAGMENTS = 1 << 13,
	TICK_PAIRS = 1 << 13, TICK_CROWDS = 1 << 8, /* together fit into pair_slot.now */
	TICK_NAMES = 1 << 11, SEEN_WIDTH = 1 << 16 };

struct shard {
	/* neighbours belong to other threads: none of them shares a cache line, nor the pair that is fetched with it */
	_Alignas(128) uint16_t *host_tag; /* see bucket.h */
	struct host *host;
	uint32_t host_buckets;
	uint16_t *pair_tag;
	struct pair_slot *pair_slot;
	uint32_t pair_buckets;
	struct pair *pair;   /* those of this tick, in order of first touch */
	uint32_t pair_n;
	struct pair_name *pair_name; /* of this tick */
	uint32_t pair_names_n;
	struct countmin seen;
	struct fragment_table fragments;
	struct open_query *open;    /* sets of 4 */
	struct held_answer *held;   /* sets of 4 */
	struct name_slot *name;     /* sets of 4 */
	struct logged_query *log;   /* ring */
	uint32_t log_next, log_n;
	bool counted;               /* records or samples in this tick */
	bool watch_common;          /* a large answer to a common type was seen: log those queries too */
	struct tick_sums sums;
	uint64_t *link_down;        /* bytes of this tick by link, of packets */
	struct space_saving *gone;  /* [3]: evicted hosts by bytes, packets, fragments */
	struct shard_names names;
	struct asked_list asked;
	struct shard_counters count;
};

/* What the per-packet work needs to know and does not own. */
struct shard_env {
	uint64_t seed;
	uint32_t tick;          /* the current one, from 1 */
	uint32_t first_tick;    /* of this run or recording: what came before was not seen */
	int64_t begin_ns;       /* its event time */
	uint32_t large_answer;  /* bytes of a DNS message */
	const struct prefixmap *places_map;
	const struct place *places;
	const uint64_t *answering; /* servers that answer: see asked.h */
	struct service_map services;
	const struct suffixes *suffixes; /* NULL: without a list */
	uint32_t links_n;
	uint8_t names;          /* enum names_part: what is looked for */
};

/* Computed once a flow, by any thread. */
struct flow_key {
	uint64_t src, dst;  /* keyed hashes of the addresses, never 0 */
	uint8_t pair_shard;
	uint8_t service;
	uint8_t dir;        /* FLOW_ASKS, FLOW_ANSWERS */
	/* an answer with its question: see names.h */
	uint8_t sub, customer_sub; /* bytes of the name before its zone, and before its customer's */
	bool like_address, block_list;
	bool bad, fails;    /* the answer is a failure; and counts for its client */
	bool named;         /* it goes to the shard of its zone */
	uint64_t question, zone, customer; /* keyed hashes; zone 0: none that is counted */
};
enum { FLOW_ASKS = 1, FLOW_ANSWERS = 2 };

/* hosts and pairs: multiples of WAYS.  0 or ERR_NOMEM. */
int shard_init(struct shard *s, uint32_t hosts, uint32_t pairs, uint32_t links);
void shard_done(struct shard *s);

uint64_t addr_hash(uint64_t seed, const struct addr *a);
void flow_keys(const struct shard_env *env, const struct flow *f, size_t n, struct names_memo *memo, struct flow_key *k);

/* Works through n flows of one tick, on all shards. */
void shards_ingest(struct shard *shards, const struct shard_env *env, const struct flow *f,
    const struct flow_key *k, size_t n);

/* The same for several threads: flows are split once into the work of each group of shards (shard i
 * belongs to group i modulo groups), then any thread may do any group, but only one at a time. */
enum shard_part { PART_SOURCE, PART_DESTINATION, PART_PAIR, PART_NAME };
enum { SPLIT_FLOWS = 1 << 14 }; /* at most so many flows in one split */
struct shard_items {
	uint16_t *item;   /* index << 2 | part, ascending; room for 4 a flow */
	uint32_t n, next; /* next: done so far */
};
void shards_split(const struct flow *f, const struct flow_key *k, size_t n, unsigned int groups,
    struct shard_items *items);
/* The items of flows [from, to), after those before them. */
void shards_work(struct shard *shards, const struct shard_env *env, const struct flow *f,
    const struct flow_key *k, size_t from, size_t to, struct shard_items *items);

/* Forget this tick's counters of the touched pairs. */
void shard_tick_done(struct shard *s, const struct shard_env *env);

/* Empties the tables of a shard that has seen nothing: what was restored was damaged. */
void shard_forget(struct shard *s);

/* NULL when not in the table. */
const struct host *shard_find_host(const struct shard *shards, const struct shard_env *env, const struct addr *a);
struct place place_of(const struct shard_env *env, const struct addr *a);

#endif
