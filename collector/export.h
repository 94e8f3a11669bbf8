/* Export datagrams to flows: NetFlow v1, v5, v6, v7, v9, IPFIX, sFlow v5.
 *
 * struct export holds everything that lives longer than a datagram: exporters and their templates.
 * Bytes from outside are read through base/cursor.h only; whatever a datagram says, decoding it costs bounded time
 * and memory, and what was wrong is counted for its exporter.  Not for several threads at once.
 *
 * Formats: v1 to v7 Cisco and flow-tools, v9 RFC 3954, IPFIX RFC 7011, sFlow v5 (sflow.org/sflow_version_5.txt).
 */
#ifndef COLLECTOR_EXPORT_H
#define COLLECTOR_EXPORT_H

#include "collector/exporter.h"
#include "collector/flow.h"

struct export_setup {
	struct exporters_setup exporters;
	size_t template_bytes;     /* budget of templates and waiting data; 0: 96 MB */
	unsigned int template_timeout_s; /* templates not refreshed for so long are forgotten (UDP); 0: 1800 */
	const struct prefix *known; /* whose datagrams are taken, copied; everybody's where known_n is 0 */
	size_t known_n;
};

struct export_from {
	struct addr addr;
	uint16_t port;
	bool stream;     /* TCP or a file: templates live as long as the connection, nothing is lost on the way */
	int64_t seen_ns; /* when it arrived; files: see the format */
};

struct export;

struct export *export_new(const struct export_setup *s); /* NULL: out of memory */
void export_free(struct export *x);
struct exporters *export_exporters(struct export *x);

/* Decodes one datagram (or IPFIX message); appends to the batch.  DNS views of sFlow samples borrow from `p`.  The
 * number of flows appended, or ERR_INVALID for what is no export datagram at all (counted in export_unknown) or comes
 * from somebody who is not known (export_strangers): a stranger gets no row, no template and no memory. */
int export_datagram(struct export *x, const struct export_from *from, const uint8_t *p, size_t n,
    struct flow_batch *out);
uint64_t export_unknown(const struct export *x);
uint64_t export_strangers(const struct export *x);
/* Whether datagrams from there are taken. */
bool export_knows(const struct export *x, const struct addr *a);

/* Whether these bytes look like an export datagram: version, counts and lengths agree.  Cheap; for finding
 * the format of a capture. */
bool export_plausible(const uint8_t *p, size_t n);

/* --- the decoders behind it, one file each ------------------------------------------------------------- */

struct templates;
struct templates *export_templates(struct export *x);
struct sflow;
struct sflow *export_sflow(struct export *x);

/* The number of flows appended (0 for a bad datagram, counted for its exporter). */
int netflow_decode(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out);
int template_decode(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out);
int sflow_decode(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out);

#endif
