/* The engine's memory as bytes, to go on after a restart.
 *
 *   "dampsta" and the version of the format (1), 8 bytes
 *   the parts, in this order: time, book (open incidents with their alerts), watches with their windows, servers, ledger,
 *     names, baselines, short memory; each a length (u64) and its bytes, see pack.h
 *   XXH3 of everything before, u64
 *
 * Addresses and names are saved, not their hashes: tables are filled anew under the seed of the reader.  Short memory
 * (queries on their way, answers still held, queries for the back-test, pairs) consists of keyed hashes only; it is
 * saved when the configuration says that the seed stays (replay), and taken when seed and sizes are the same.
 * Left out: hosts' counters, curves, evicted talkers; they belong to one run's report.
 *
 * Nothing in a file is believed: lengths, counts, enum values, times and ticks are checked, and an engine that met a
 * damaged part is as it was before anything was loaded.
 */
#ifndef DETECTOR_STATE_H
#define DETECTOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "detector/engine.h"

enum { STATE_MAX = 512 << 20 };

/* Appends to `out`; what did not fit shows as out->full. */
void engine_state_save(const struct engine *e, struct buf *out);
/* Into an engine that has seen nothing yet.  0, or ERR_INVALID with a line of reason: a foreign file, another version, damage;
 * the engine starts afresh then. */
int engine_state_load(struct engine *e, const void *bytes, size_t n, char *why, size_t why_size);
/* Whether a file is one at all, be it damaged. */
bool state_is_ours(const uint8_t *bytes, size_t n);
/* After a load: nobody looked until t_ns, so silence until then means nothing; open alerts wait for what comes. */
void engine_blind(struct engine *e, int64_t t_ns);

/* Event time of the end of the current tick, 0 before the first flow; and how often alerts opened or closed. */
int64_t engine_time(const struct engine *e);
uint64_t engine_changes(const struct engine *e);

#endif
