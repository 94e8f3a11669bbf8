/* Watches: hosts that did something worth judging, with their sliding windows.
 *
 * Most hosts never draw or send an amplified answer and stay a line in a shard's table.  One that
 * does is promoted to a watch: one for each service and side (client: abuser or victim; server:
 * reflector or resolver under attack).  A watch keeps 1 s x 10, 10 s x 30 and 60 s x 60 windows of
 * cells that add up, its loudest peers, and the names asked for.  About 6 kB each, from one pool of fixed
 * size; when the pool is full the coldest without an open alert makes room, and that is counted.
 */
#ifndef DETECTOR_WATCH_H
#define DETECTOR_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "collector/dns.h"
#include "detector/shard.h"
#include "detector/sketch.h"

/* What happened in one slot of a window.  Cells merge by addition. */
struct cell {
	uint32_t queries, any_queries, answers, answer_packets;
	uint32_t large, matched, repeat, later_packets;
	uint32_t ticks;       /* seconds with a large answer (DNS) or any answer (other services) */
	/* of an IPv6 customer (customer.h): large answers to addresses that get others, too, and to such as came back after
	 * four others; addresses that were new */
	uint32_t amid, back, fresh;
	uint32_t peers;       /* pairs with a large answer (other services: any), summed over the ticks */
	uint64_t query_bytes, answer_bytes, large_bytes, large_size, large_query_bytes, later_bytes;
};

void cell_add(struct cell *sum, const struct cell *x);

enum { W1 = 10, W10 = 30, W60 = 60 };
enum { WATCH_PEERS = 8, WATCH_NAMES = 3, WATCH_RECENT = 4 };

enum watch_side { SIDE_CLIENT, SIDE_SERVER, SIDE_PREFIX, SIDE_LINK, SIDE_CUSTOMER }; /* areas.h, customer.h */

struct watch_peer {
	struct addr addr;
	uint64_t answers, bytes;
};

struct watch_name {
	uint64_t hash;
	uint64_t count;
	uint16_t qtype;
	uint8_t len;
	uint8_t wire[DNS_NAME_WIRE];
};

/* What the tables of names.h say of a watch that was made for them, as of the tick of `tick`. */
struct names_figures {
	uint32_t tick;
	uint32_t hour, day, hours;                       /* carried bytes; active hours of the day */
	uint32_t answers, fresh, rare, payload, labels;  /* a tunnel's, over its last hours */
	uint32_t clients;                                /* who ask for new names in the zone */
	uint32_t zones;                                  /* of failing questions */
	uint32_t usual;                                  /* new failing names a minute */
	uint32_t watched_s;                              /* so long questions have been watched: what is usual is known */
	uint64_t all, bytes;                             /* answers and carried bytes, all the time */
	double entropy;                                  /* bits a character */
	double foreign;                                  /* share of characters that no host's name has */
	bool reputation;                                 /* block lists and the like: never named */
};

/* Short window (10 s) and long one (300 s), as sums kept up to date at each tick. */
enum watch_window { WINDOW_SHORT, WINDOW_LONG, WATCH_WINDOWS };
extern const uint32_t watch_window_s[WATCH_WINDOWS];

/* How far a host is above its own ordinary level, at the latest look; see anomaly.c. */
enum { LEVEL_RATES = 3 }; /* bytes, packets, DNS answers a second */
/* Whose ordinary level that is: the host's average of the last hour, its median at this hour of the week, or, for one
 * that is too young, that of its group, or of hosts in general where the group has too few. */
enum level_basis { BASIS_AVERAGE, BASIS_HOUR, BASIS_GROUP, BASIS_GENERAL, LEVEL_BASES };
struct level {
	double rate[LEVEL_RATES], expected[LEVEL_RATES];
	double limit;         /* bytes: what is beyond it is far above */
	double group;         /* the median multiple among hosts of its kind; 1: nothing to compare with */
	double above_s;       /* so long it has been far above */
	double history_s;     /* learned before */
	uint32_t weeks, hosts; /* that the ordinary level was learned from; 0 weeks: of the last hour */
	uint8_t basis;        /* enum level_basis */
	bool server;          /* it answers DNS queries of several clients */
	bool explained;       /* a more precise alert is open about it */
};

struct alert_state {
	uint8_t state;       /* enum life_state */
	uint32_t since;      /* tick of the last change of state */
	uint32_t alert;      /* slot + 1 in the book of alerts; 0: none */
};

struct watch {
	uint64_t key;        /* hash; 0: free */
	uint32_t at;         /* its place in watches.order */
	struct addr addr;
	uint8_t side, service;
	uint8_t flags;       /* enum host_flags of the address */
	uint8_t group;       /* index + 1; 0: none */
	uint16_t link;
	bool records;        /* fed by flow records: its curves come from what they cover */
	bool counted;        /* see struct pair; watch_cell makes up for it */
	bool web;            /* of the episode: see struct pair */
	uint32_t sampling;
	uint32_t report_s;   /* records tell of so long at a time: silence means nothing before */
	int64_t clock_offset_ns; /* of an exporter */
	struct level level;  /* of service LEVEL */
	uint32_t one_flow;   /* packets of large answers in one record, the most of the episode */
	uint8_t drawn;       /* seconds with large answers that its pairs had before: see watches_admit */
	uint32_t born;       /* tick in which it was made */
	uint32_t first_tick; /* of the episode */
	uint32_t last_tick;  /* with a large (DNS) or any answer */
	int64_t first_ns;    /* first such answer of the current episode */
	int64_t recent_ns[2]; /* first one of the latest active tick, and of the one before */
	int64_t last_ns;     /* the latest one */
	uint32_t touched;    /* tick in which `now` was last written */
	struct cell now;     /* the current tick */
	struct cell w1[W1], w10[W10];
	uint32_t w60[W60];   /* amplified answers a minute, for the slow ones; of an area only the odd ones */
	struct cell sum[WATCH_WINDOWS];
	struct cell total;   /* since the current episode began */
	struct hll peers[2]; /* two generations of 60 s */
	uint32_t peers_tick;
	struct watch_peer peer[WATCH_PEERS];
	struct watch_name name[WATCH_NAMES];
	struct size_counts sizes; /* of records with large answers */
	struct names_figures names;
	uint64_t recent[WATCH_RECENT]; /* of a customer: interface identifiers of the addresses that drew last, latest first; 0: none */
	struct addr named;   /* the last of its addresses with an alert of its own, */
	uint32_t named_tick; /* and when that was last active; 0: none */
	struct alert_state life;
};

/* Of records and samples those of the answers may come before those of the queries: what is missing is judged so many
 * ticks later, also where no more came meanwhile (an exporter that sends everything at once every few minutes). */
enum { WATCH_GRACE_S = 5, WATCH_GRACE_SAMPLES_S = 1 };

static inline bool
watch_settled(const struct watch *w, uint32_t tick)
{
	/* samples come within a second of their packets, whichever way those went */
	return !w->counted || tick - w->born >= (w->records ? WATCH_GRACE_S : WATCH_GRACE_SAMPLES_S);
}

struct watches {
	struct watch *pool;
	uint32_t cap, used;
	uint32_t *slot;      /* open hash: index + 1 */
	uint32_t slots;      /* power of two, at least twice cap */
	uint32_t *order;     /* indices of the used ones, in no order */
	uint64_t evicted;
	uint32_t rover;
};

int watches_init(struct watches *w, uint32_t cap); /* 0 or ERR_NOMEM */
void watches_done(struct watches *w);

struct watch *watches_find(const struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side,
    uint8_t service);
/* Finds or makes; NULL when the pool is full of watches with open alerts. */
struct watch *watches_get(struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side,
    uint8_t service, uint32_t tick);
/* The same where strangers choose who appears, `drawn` being the seconds in which the pair had large answers before this one, which may have brought `several`.  In
 * a full pool the seconds of the last five minutes decide: who comes by once replaces others like it, and a host that comes
 * again what is known of less often.  NULL also when all of a stretch of the pool are worth more. */
struct watch *watches_admit(struct watches *w, uint64_t seed, const struct addr *a, enum watch_side side,
    uint8_t service, uint32_t tick, uint8_t drawn, bool several);
void watches_clear(struct watches *w);
/* Nobody looked for `ticks` until now: the windows move on as if nothing had come. */
void watches_blind(struct watches *w, uint32_t from, uint32_t ticks);
void watches_free(struct watches *w, struct watch *x);

/* The sums of a window as the judges want them.  One by one the shards have matched queries and answers; of records
 * and samples only numbers are known: what queries are left when the small answers have had theirs explains the
 * large ones.  A record's packets may be fragments of fewer answers: the queries say how many there were. */
enum watch_sum { SUM_SHORT = WINDOW_SHORT, SUM_LONG = WINDOW_LONG, SUM_TOTAL };
struct cell watch_cell(const struct watch *w, enum watch_sum which);
/* Adds to the windows what records covered, exactly by time: every count is conserved (integer carry).  What lies
 * before the long window counts in the total alone. */
void watch_spread(struct watch *w, const struct cell *c, int64_t from_ns, int64_t to_ns, uint32_t tick, int64_t begin_ns);

/* Seconds between the first and the last answer of the two latest active ticks: a burst that only straddles
 * the edge of a tick is short. */
double watch_spread_s(const struct watch *w);
/* Share of the most frequent question among the large answers of the episode. */
double watch_top_name_share(const struct watch *w);

/* Counts for one of the other ends. */
void watch_take_peer(struct watch *w, const struct addr *peer, uint64_t answers, uint64_t bytes);
/* The only name of a watch is this one; counted `count` times more. */
void watch_set_name(struct watch *w, const uint8_t *wire, size_t len, uint16_t qtype, uint64_t count);
/* Share of the loudest peer among the large answers of the episode, of a server those of the last minutes, at least
 * (Space-Saving's lower bound). */
double watch_top_peer_share(const struct watch *w);

/* Adds a pair's tick to the watch of one of its ends.  names: the pair's shard, which has its rows of names; NULL: there
 * are none. */
void watch_take(struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names, uint32_t tick, int64_t begin_ns);
/* The same with what is to be added said by the caller. */
void watch_take_as(struct watch *w, const struct pair *p, const struct cell *c, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names, uint32_t tick, int64_t begin_ns);
struct cell cell_of_pair(const struct pair *p);
/* Closes the tick: moves `now` into the windows and brings the sums up to date. */
void watch_close_tick(struct watch *w, uint32_t tick);
/* Peers, names and counts since the episode began start anew; the windows stay. */
void watch_forget_episode(struct watch *w);
/* A stretch of time was skipped: the minutes before it are no longer the last hour's. */
void watches_skip_time(struct watches *w);
/* Minutes of the last hour in which it was active. */
uint32_t watch_active_minutes(const struct watch *w);
/* Whether large answers still come: the last is no older than twelve mean gaps of the episode (at least 5 s). */
bool watch_still_active(const struct watch *w, uint32_t tick);
double watch_peer_count(const struct watch *w);
static inline bool
watch_in_grace(const struct watch *w, uint32_t tick)
{
	return w->counted && tick - w->born <= WATCH_GRACE_S;
}
/* Any of them, without an alert. */
bool watches_in_grace(const struct watches *w, uint32_t tick);

#endif
