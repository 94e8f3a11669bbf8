#include "detector/budget.h"

#include "detector/internal.h"

enum {
	PAIRS_OF_100 = 275,    /* pairs kept for a hundred hosts: a client uses two or three resolvers */
	HOSTS_LEAST = 1024,   /* of a shard */
	WATCHES_LEAST = 256,
	WATCHES_MOST = 16384,
	AREA_SHARE = 16,      /* watches for each prefix or link that is watched */
	CELL = sizeof(struct host) + sizeof(uint16_t),
	PAIR_CELL = sizeof(struct pair_slot) + sizeof(uint16_t),
};

static size_t
shard_fixed(size_t links)
{
	return (TICK_PAIRS + TICK_CROWDS + 2) * sizeof(struct pair) + TICK_NAMES * sizeof(struct pair_name) + OPEN_QUERIES * sizeof(struct open_query) +
	    HELD_ANSWERS * sizeof(struct held_answer) + NAME_SLOTS * sizeof(struct name_slot) + QUERY_LOG * sizeof(struct logged_query) +
	    (links + 1) * sizeof(uint64_t) + 3 * sizeof(struct space_saving) + SEEN_WIDTH * 2 * sizeof(uint16_t) +
	    FRAGMENTS * sizeof(struct fragment_entry) + names_bytes() + ASKED_KEPT * sizeof(struct asked);
}

static size_t
engine_fixed(size_t links)
{
	return sizeof(struct engine) + SERVERS * (sizeof(struct server) + sizeof(uint32_t)) +
	    BOOK_ALERTS * (sizeof(struct book_alert) + sizeof(struct alert *)) + BOOK_INCIDENTS * (sizeof(struct book_incident) + sizeof(struct alert *)) +
	    LEDGER_ROWS * sizeof(struct ledger_row) + DRAWN_ROWS * sizeof(struct name_row) +
	    BASELINE_ROWS * (sizeof(struct baseline_row) + 2 * sizeof(uint32_t)) + asked_bytes() +
	    CUSTOMER_LAST * sizeof(struct customer_last) + CUSTOMER_HELD * sizeof(struct customer_held) +
	    (links + 1) * (SERIES_POINTS * sizeof(struct series_point) + sizeof(struct series_point) + sizeof(struct link_load) +
	    COVER_RAM + sizeof(struct curve) + 4 * sizeof(void *));
}

/* A watch with its places in the index, the lists of a tick and the queue of lines. */
static size_t
watch_bytes(void)
{
	return sizeof(struct watch) + sizeof(struct judged) + sizeof(struct alert *) + 5 * sizeof(uint32_t);
}

static size_t
area_bytes(void)
{
	return watch_bytes() + sizeof(struct area_facts);
}

struct budget
budget_split(size_t memory, size_t links)
{
	size_t fixed = SHARDS * shard_fixed(links) + engine_fixed(links), taken = fixed + BUDGET_PROGRAM;
	size_t left = memory > taken ? memory - taken : 0, hosts, watches;
	struct budget b;

	/* a small budget cannot hold the fixed tables when all of them are full, which they are not in a small network */
	if (left < memory / 3)
		left = memory / 3;
	watches = left * 3 / 11 / (watch_bytes() + area_bytes() / AREA_SHARE);
	b.watches = (uint32_t)(watches < WATCHES_LEAST ? WATCHES_LEAST : watches < WATCHES_MOST ? watches : WATCHES_MOST);
	b.areas = b.watches / AREA_SHARE + 16;
	left -= b.watches * watch_bytes() + b.areas * area_bytes();
	hosts = left * 100 / (100 * CELL + PAIRS_OF_100 * PAIR_CELL) / SHARDS;
	if (hosts > UINT32_C(1) << 26)
		hosts = UINT32_C(1) << 26;
	b.hosts = (uint32_t)(hosts < HOSTS_LEAST ? HOSTS_LEAST : hosts) & ~(uint32_t)(WAYS - 1);
	b.pairs = (uint32_t)((uint64_t)b.hosts * PAIRS_OF_100 / 100) & ~(uint32_t)(WAYS - 1);
	b.table_bytes = fixed + b.watches * watch_bytes() + b.areas * area_bytes() +
	    SHARDS * ((size_t)b.hosts * CELL + (size_t)b.pairs * PAIR_CELL);
	return b;
}
