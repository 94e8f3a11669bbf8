/* Areas: prefixes (/24, /48) and links as subjects of their own, summed over their hosts.
 *
 * What stands out in no host may stand out in the sum.  Each pair that the watch of a client takes, its prefix's watch
 * takes, too (and, for DNS, its link's): sums of hosts that are themselves remarkable, nothing per packet.  Hosts with an
 * open alert of their own are left out, so that nothing is named twice, and so are our resolvers and mail servers.
 * An area's counts since "the episode began" start anew every ten minutes while it has no alert.
 *
 * The watches live in a pool of their own (side SIDE_PREFIX or SIDE_LINK): spread attacks cannot push out hosts.
 */
#ifndef DETECTOR_AREAS_H
#define DETECTOR_AREAS_H

#include <stdbool.h>
#include <stdint.h>

#include "detector/detector.h"
#include "detector/shard.h"
#include "detector/watch.h"

struct engine;

enum { AREA_V4_BITS = 120, AREA_V6_BITS = 48, CUSTOMER_V6_BITS = 64, AREA_ROTATE_S = 600 };

/* What the hosts of an area say together, made at the end of a tick for the areas that are worth it. */
struct area_facts {
	uint32_t hosts[WATCH_WINDOWS];   /* with answers in the window */
	double largest[WATCH_WINDOWS];   /* what the loudest of them received */
	uint32_t offenders;              /* with open alerts (of a link) */
	double offender_bps;
	struct alert_peer top[ALERT_PEERS];
	size_t top_n;
	uint32_t most;                   /* hosts at once, the most since the alert opened, */
	struct addr one;                 /* any of the hosts, */
	unsigned int common;             /* and how many first bits all of them share; 0: there are none */
	double share;                    /* and what part the loudest of them took then */
	bool made;
	bool speaks;                     /* of a customer: its alert opens now, see customer.h */
	bool carpet;                     /* a carpet alert is open or opens now: it speaks for the hosts */
	/* what outlives the tick: who talked with whom over a service that carries sessions, two generations of a minute */
	uint32_t pairs_tick;
	struct hll pairs[2];
};

/* After the client's watch w took a pair, with the same arguments. */
void areas_take(struct engine *e, const struct watch *w, const struct pair *p, const struct addr *peer, uint64_t peer_hash,
    const struct shard *names);
/* What a client without a watch asked and got, where answers are matched by number: of samples most queries are those of
 * hosts none of whose large answers was taken, and they explain those of their neighbours.  Only from servers that sent the
 * prefix large answers: the rest of its traffic would drown them in chance. */
void areas_besides(struct engine *e, const struct pair *p);
/* A new IPv6 address of a prefix whose attack has been named needs no watch, or those who pick addresses at random would push out all
 * others: the prefix takes the pair, and true is returned. */
bool areas_cover(struct engine *e, const struct pair *p, const struct addr *peer, uint64_t peer_hash, const struct shard *names);
/* Loads of the links up to the second that just passed; `lag_s`: records may still tell of so many seconds before. */
void areas_links(struct engine *e, int64_t second, uint32_t lag_s);
/* Before the areas are judged. */
void areas_gather(struct engine *e);
/* The watch of the prefix around a client's watch, or NULL. */
struct watch *areas_prefix_of(const struct engine *e, const struct watch *w);

/* The figures and the subject of an alert about an area. */
void area_figures(struct alert *a, const struct watch *w, const struct judge_env *env);
struct prefix area_prefix(const struct addr *a);

extern const struct detector *const area_detectors[]; /* in order of precedence */

#endif
