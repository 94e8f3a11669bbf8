/* Flow records as JSON: one object a line, members named as in IANA's registry of IPFIX information elements.
 *
 * Always there: sourceIPv4Address and destinationIPv4Address (or ...IPv6Address) as text, protocolIdentifier,
 * sourceTransportPort and destinationTransportPort (protocols that have them), packetDeltaCount, octetDeltaCount
 * (scaled by the sampling), flowStartMilliseconds and flowEndMilliseconds (rounded down), samplingInterval
 * (1: unsampled), exporter (address as text, null: unknown).  The rest stands only where it is not zero;
 * collectionTimeMilliseconds is when the collector learned of the record.
 *
 * Fragments: fragmentIdentification where known, and of a first fragment fragmentFlags 32 (more fragments,
 * RFC 5102) with fragmentOffset 0, of a later one fragmentOffset 1, for "not 0": which one is not kept.
 */
#ifndef COLLECTOR_FLOWJSON_H
#define COLLECTOR_FLOWJSON_H

#include "base/buf.h"
#include "collector/flow.h"

/* One object and a line feed.  x may be NULL: a packet has none. */
void flowjson_row(struct buf *out, const struct flow *f, const struct flow_extra *x);

/* One object of `n` bytes: what flowjson_row writes, and what flow-inspector and VERMONT do (addresses as integers,
 * times as flowStartSeconds, ...).  Unknown members are ignored.  0; ERR_MALFORMED for text that is no JSON object
 * or a member that makes no sense, ERR_UNSUPPORTED for a record without addresses, counts or time, and
 * then a line in *why (static).  seen_ns is the collection time, or else the end; exporter index and dns are
 * left zero: the caller knows them.  x is always filled. */
int flowjson_parse(const char *text, size_t n, struct flow *f, struct flow_extra *x, const char **why);

#endif
