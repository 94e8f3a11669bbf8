/* Flow records as comma-separated text: the 24 columns of flow-tools' flow-export, which it calls "all".
 *
 * The header line (it begins with "#:") names the columns; reading finds them by name, in any order, and
 * ignores columns it does not know.  Beyond what flow-tools writes, addresses may be IPv6 and AS numbers have 32 bits.
 *
 * Times stand as in NetFlow v5: unix_secs and unix_nsecs are the exporter's clock when its uptime was sysuptime
 * (ms); first and last are uptimes: start = unix - (sysuptime - first).  A record that came with uptimes (v1 to v9)
 * keeps its own.  For any other, unix is the time of export, or else when the record was seen, brought onto a
 * whole millisecond from the start, and the uptime begins with the record (first 0): reading back gives the same
 * start to the nanosecond and the same end to the millisecond; a record is cut at FLOWCSV_LONGEST_MS.
 *
 * Packets and bytes are scaled by the sampling, for which there is no column: reading back gives the same counts
 * as if unsampled.  An ICMP record has type * 256 + code as dstport.
 */
#ifndef COLLECTOR_FLOWCSV_H
#define COLLECTOR_FLOWCSV_H

#include "base/buf.h"
#include "collector/flow.h"

/* Uptimes are compared as signed 32 bits, so that they may wrap: 24 days. */
#define FLOWCSV_LONGEST_MS INT64_C(2147483647)

/* The header line, with its line feed. */
void flowcsv_header(struct buf *out);
/* One line with its line feed.  x may be NULL (a packet has none): then those columns are 0. */
void flowcsv_row(struct buf *out, const struct flow *f, const struct flow_extra *x);

#endif
