/* IPv6 customers: a customer has a /64 or more (RFC 6177, RFC 7934) and may take any address of it, so whoever changes
 * the address for every few questions never stands out as a host.
 *
 * The prefix (abuser's customer-bits, per group) is judged like one host, from a watch of side SIDE_CUSTOMER in the pool of areas.
 * It is made when the address that draws large answers has changed for the fourth time, so that one device, or one infected
 * host, costs nothing more; IPv4 costs one comparison for each pair and tick.  What tells a customer from a /64 full of hosts:
 *
 *   alone   its addresses get nothing but large answers; those of people, mail servers and validators get others, too
 *   back    an address that was given up never comes back after others; hosts do
 *
 * A host that explains it all is named by itself, and its answers do not count for its customer.  Hosts that are named one
 * after the other, each silent when the next began, are one customer: from the second on the prefix is named.  While it is, its
 * addresses have no alerts, and those that are new no watches of their own.
 *
 * Owns two small tables of keyed hashes: which address drew last in a prefix, and what a prefix holds still.  RAM: 176 KiB.
 */
#ifndef DETECTOR_CUSTOMER_H
#define DETECTOR_CUSTOMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "detector/detector.h"
#include "detector/shard.h"
#include "detector/watch.h"

struct engine;

enum { CUSTOMER_LAST = 1 << 12, CUSTOMER_HELD = 1 << 13, CUSTOMER_CHANGES = 3 };

struct customer_last {
	uint32_t tag, tick, changes;
	uint32_t who;     /* the address, hashed */
};

struct customer_held {
	uint32_t tag, expires, times;
};

struct customers {
	struct customer_last *last; /* sets of 4 */
	struct customer_held *held; /* sets of 4 */
};

int customers_init(struct customers *c); /* 0 or ERR_NOMEM */
void customers_done(struct customers *c);
void customers_clear(struct customers *c);

/* A pair with large answers of its client; w is its host's watch, which has taken it, or NULL (customers_cover). */
void customers_take(struct engine *e, const struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names);
/* Any other pair; w is its client's watch, which has taken it, or NULL. */
void customers_besides(struct engine *e, const struct watch *w, const struct pair *p);
/* The client is new, and its customer has an alert: it needs no watch. */
bool customers_cover(const struct engine *e, const struct pair *p);

/* The customer's prefix around an address of a group (0: none); 128 bits: the address is nobody's but its own. */
struct prefix customer_prefix(const struct engine *e, const struct addr *a, uint8_t group);
/* The watch of the customer around a client's watch, or NULL. */
struct watch *customer_of(const struct engine *e, const struct watch *w);
/* Its alert is open, and it is still one customer: it speaks for its hosts. */
bool customer_speaks(const struct engine *e, const struct watch *w);
/* The same of a DNS client of a group (0: none), whether it is watched or not. */
bool customer_speaks_for(const struct engine *e, const struct addr *client, uint8_t group);
/* The host is about to be named, and one of its customer's fell silent when it began: the watch to name instead, or NULL. */
struct watch *customer_instead(const struct engine *e, const struct watch *w);
/* The host has an alert. */
void customer_host_named(struct engine *e, const struct watch *w);

/* The figures and the subject of an alert about one. */
void customer_figures(struct alert *a, const struct watch *w, const struct judge_env *env);

/* For those who restart under the same seed. */
void customers_save(const struct customers *c, struct buf *out);
void customers_load(struct customers *c, struct cursor *in);

#endif
