/* What a run collects flows with, besides its sources: exporters and their templates, the archive, and what the statistics
 * say of them.
 */
#ifndef DAMP_COLLECT_H
#define DAMP_COLLECT_H

#include <stdbool.h>

#include "base/config.h"
#include "base/json.h"
#include "collector/export.h"
#include "collector/source.h"

struct collected;

/* NULL: told already.  live: with the archive and the saved templates of the configuration. */
struct collected *collected_open(const struct config *c, bool live);
/* For source_events: the exporters of this run, and how further ones are made. */
struct export *collected_export(struct collected *c);
const struct export_setup *collected_setup(const struct collected *c);
bool collected_archives(const struct collected *c);

/* A live source: its records go to the archive, its exporters into the statistics.  Not closed before collected_close. */
void collected_source(struct collected *c, struct source *s);
/* Between two reads: saves templates now and then. */
void collected_poll(struct collected *c);
/* SIGHUP: the archive's open file is completed. */
void collected_rotate(struct collected *c);
/* The archive's last file is completed, templates are saved; false when something could not be written. */
bool collected_finish(struct collected *c);
void collected_close(struct collected *c);

/* The slowest abuse that records, or packets sampled 1 in n, can show, in large answers a second: as many as the abuser's
 * judge asks for within its five minutes (docs/calibration.md). */
double collected_slowest_qps(const struct config *c, bool records, uint32_t sampling);
/* Sums over all exporters; zero without any. */
struct collected_sums {
	size_t exporters;
	uint64_t unknown;  /* datagrams that were no exports */
	uint64_t strangers; /* datagrams of exporters that are not known, where only those may send */
	uint64_t beyond;   /* look-ups that ended in the last row of a full table */
	uint64_t count[EXPORTER_COUNTS];
};
void collected_sums(struct collected *c, struct collected_sums *s);
/* Records of the exporter of an address, delivered and lost; false when there is none. */
bool collected_exporter(struct collected *c, const struct addr *a, uint64_t *records, uint64_t *lost);
/* Members "exporters", "exporter_sums", "listen", "queue" and "archive", as far as there is one, into an open object. */
void collected_json(struct collected *c, struct json *j);

#endif
