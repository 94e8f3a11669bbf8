/* Templates of NetFlow v9 (RFC 3954) and IPFIX (RFC 7011): kept per exporter row, compiled to copy sequences.
 *
 * Owned by struct export.  RAM: templates and waiting data together stay within export_setup.template_bytes
 * (default 96 MB); a template of 20 fields takes about 300 bytes.  What finds no room is refused and counted.
 *
 * A template is forgotten when its exporter withdraws it, changes it, or (UDP) did not repeat it within
 * export_setup.template_timeout_s.  Data sets that come before their template wait for it, the oldest leaving
 * first, and are decoded with the times of their own message.  EXPORTER_NO_TEMPLATE counts a set from the moment
 * it waits, and no longer once it was decoded (then EXPORTER_WAITED does).
 */
#ifndef COLLECTOR_TEMPLATE_H
#define COLLECTOR_TEMPLATE_H

#include "base/buf.h"
#include "collector/export.h"

struct templates *templates_new(const struct export_setup *s); /* NULL: out of memory */
void templates_free(struct templates *t);

/* Forgets the templates that streams from this address have sent: call when a connection or a file begins. */
void templates_forget(struct export *x, const struct addr *from);

/* Templates, samplers and sampling of every UDP exporter, to be found again after a restart.  The bytes carry a
 * version and a checksum; the caller writes them to a file in one go (write aside, then rename).  Format: see
 * template_save.c.  Whether all fitted into `out` says out->full. */
void templates_save(struct export *x, struct buf *out);
/* The number of templates taken over, or ERR_INVALID with a line of reason and nothing changed at all.  What an
 * exporter has sent already is newer and stays. */
int templates_load(struct export *x, const uint8_t *p, size_t n, char *why, size_t why_size);

struct templates_figures {
	uint64_t bytes, budget;  /* of memory, as accounted, with the allocator's own share */
	uint64_t templates, waiting_sets, waiting_bytes;
};
void templates_figures(struct export *x, struct templates_figures *f);

#endif
