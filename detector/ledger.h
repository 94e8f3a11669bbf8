/* The ledger of those who come again: who was subject of amplification alerts, since when, on how many days, and what
 * it cost.
 *
 * One row a host (of IPv6 a customer, once the prefix was named), fed with what each alert line adds to the one before.  A bounded table: a full bucket of eight gives up
 * the row that is worth least, which is counted.  A row's worth is its queries (answers, where no queries were seen), halved
 * for every week since it was last active; after LEDGER_FORGET_DAYS without anything it is forgotten.
 *
 * Days and hours are those of UTC.  Owns its memory; RAM: LEDGER_ROWS x 104 bytes, in pages touched when needed.
 */
#ifndef DETECTOR_LEDGER_H
#define DETECTOR_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "detector/alert.h"

enum { LEDGER_ROWS = 1 << 16, LEDGER_WAYS = 8, LEDGER_FORGET_DAYS = 365 };

struct ledger_row {
	struct addr addr;
	bool used;
	uint8_t bits;                /* 128; of an IPv6 customer, who may have any address of the prefix, fewer */
	uint8_t role;                /* enum alert_role of its latest alert */
	uint8_t kind;                /* enum alert_kind of it */
	uint32_t alerts, days, hours; /* opened; days and hours with activity */
	int64_t first_s, last_s;     /* epoch seconds of the first and the latest activity */
	uint64_t queries, bytes;     /* drawn with so many queries; bytes both ways */
	double worth;                /* as of last_s */
};

struct ledger {
	struct ledger_row *row; /* buckets of LEDGER_WAYS */
	uint64_t seed;
	size_t n;
	uint64_t evicted;       /* rows pushed out by worthier ones */
};

int ledger_init(struct ledger *l, uint64_t seed); /* 0 or ERR_NOMEM */
void ledger_done(struct ledger *l);
void ledger_clear(struct ledger *l);

/* What one line of an alert adds: activity from `from_s` to `to_s` (both included). */
struct ledger_gain {
	int64_t from_s, to_s;
	uint64_t queries, bytes;
	bool opened;
};
/* Only alerts about hosts in amplification count.  The row, or NULL. */
const struct ledger_row *ledger_add(struct ledger *l, const struct alert *a, const struct ledger_gain *g);
const struct ledger_row *ledger_find(const struct ledger *l, const struct addr *a);

/* All rows, worthiest at `now_s` first, equals by address; returns how many (at most max). */
size_t ledger_list(const struct ledger *l, int64_t now_s, const struct ledger_row **out, size_t max);
double ledger_worth(const struct ledger_row *r, int64_t now_s);

/* By address, so that neither seed nor place shows. */
void ledger_save(const struct ledger *l, int64_t now_s, struct buf *out);
void ledger_load(struct ledger *l, struct cursor *c);

#endif
