/* Reports by flow-report's names and in its form: comment lines, the columns with stars at the keys, then
 * comma-separated rows, by octets, 15 of them.
 *
 * As there, a report of both ends (ip-address, ip-port) counts a flow twice, `duration` is the sum of the flows' own in
 * milliseconds, and a cut list ends with "# stop, hit record limit.".  Unlike there, flows without packets count.
 */
#ifndef REPORTS_FLOW_REPORT_H
#define REPORTS_FLOW_REPORT_H

#include "reports/flow_stat.h"

struct flow_report_type {
	const char *name;    /* "ip-source/destination-address" */
	const char *columns; /* "ip-source-address*,ip-destination-address*" */
	const char *first, *second; /* fields; the second for types of both ends */
};

const struct flow_report_type *flow_report_type(const char *name); /* or NULL */
const char *flow_report_nearest(const char *name);                 /* or NULL */
const struct flow_report_type *flow_report_at(size_t i);           /* NULL behind the last */

struct flow_report {
	const struct flow_report_type *type;
	enum flow_order order;
	size_t records; /* rows; 0: all */
	const char *filter; /* named in the head; NULL: none */
	uint64_t without_packets;
};

/* `head`: with comment lines.  0 or ERR_NOMEM. */
int flow_report_print(struct flow_sink *to, const struct flow_report *r, const struct flow_style *s,
    const struct flow_groups *g, const struct flow_totals *totals);

#endif
