/* How the budget of memory is split over the tables, once, at the start.
 *
 * Everything the engine will ever hold is in the sum: nothing is allocated per packet, so this is the bound.  What is
 * fixed comes first (the records of a tick, names, alerts, the days' memory), then hosts with their pairs, then watches.
 */
#ifndef DETECTOR_BUDGET_H
#define DETECTOR_BUDGET_H

#include <stddef.h>
#include <stdint.h>

struct budget {
	uint32_t hosts, pairs;   /* of a shard; multiples of WAYS */
	uint32_t watches, areas;
	size_t table_bytes;      /* all tables together */
};

/* Of the budget, for the program around the tables: code, libraries, a block of packets.  (Threads read ahead, which takes
 * up to 24 MB more, however many they are.) */
enum { BUDGET_PROGRAM = 9000000 };

struct budget budget_split(size_t memory, size_t links);

#endif
