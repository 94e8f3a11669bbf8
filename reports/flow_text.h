/* Flow records and statistics as lines of text, in the columns that operators know from nfdump and flow-print.
 *
 * Everything appends whole lines to a struct buf; nothing here reads or prints.  Figures are decimal (106.6 M) and cut,
 * never rounded up, in rates.  Times are UTC unless `local`.
 */
#ifndef REPORTS_FLOW_TEXT_H
#define REPORTS_FLOW_TEXT_H

#include "base/buf.h"
#include "reports/flow_group.h"

enum flow_format {
	FORMAT_EXTENDED, FORMAT_LONG, FORMAT_LINE, /* nfdump's */
	FORMAT_PRINT0, FORMAT_PRINT1, FORMAT_PRINT3, FORMAT_PRINT5, /* flow-print's */
	FORMAT_CSV, FORMAT_JSON, /* base of other programs: all that is known of a record */
	FORMAT_NONE,
	FORMATS
};
/* From its name; "text" is extended.  ERR_INVALID, and the nearest name or NULL. */
int flow_format_parse(const char *name, const char **nearest);

struct flow_style {
	enum flow_format format;
	bool plain;  /* numbers without k, M, G; durations in seconds; protocols as numbers */
	bool wide;   /* whole IPv6 addresses */
	bool local;  /* local time */
	bool asdot;  /* AS numbers as 10.1 (RFC 5396) */
	bool color;
	bool header; /* column titles and summary */
};

enum { FLOW_NUMBER_TEXT = 24, AS_TRANS = 23456 };

const char *flow_number_text(uint64_t v, bool plain, char buf[FLOW_NUMBER_TEXT]);
const char *flow_proto_text(uint8_t proto, bool plain, char buf[FLOW_NUMBER_TEXT]);
/* "AS_TRANS" for 23456, which stands for any network that a 16-bit speaker could not name (RFC 6793). */
const char *flow_as_text(uint32_t as, bool dot, char buf[FLOW_NUMBER_TEXT]);
/* At most 16 columns unless `wide`: 2001:db..0:0:53 */
const char *flow_addr_text(const struct addr *a, bool wide, char buf[ADDR_TEXT]);
/* "2013-04-03 14:40:00.000", with or without the milliseconds */
enum { FLOW_TIME_TEXT = 40 };
const char *flow_time_text(int64_t t_ns, bool local, bool ms, char buf[FLOW_TIME_TEXT]);

/* "00:27:22.250", with days in front from one on; plain: "1642.250" */
const char *flow_duration_text(uint64_t ms, bool plain, char buf[FLOW_TIME_TEXT]);

/* The titles of a list of records; nothing for JSON. */
void flow_text_header(struct buf *out, const struct flow_style *s);
void flow_text_row(struct buf *out, const struct flow_style *s, const struct flow *w, const struct flow_extra *x);

/* One field of a key. */
enum { FLOW_CELL_TEXT = 56 };
const char *flow_cell_text(const struct flow_style *s, const struct flow_fields *k, size_t part, const uint64_t *key,
    char buf[FLOW_CELL_TEXT]);

/* Rows of groups: the fields of their key as columns, or as records in the style's format. */
void flow_text_group_header(struct buf *out, const struct flow_style *s, const struct flow_fields *k);
void flow_text_group(struct buf *out, const struct flow_style *s, const struct flow_fields *k, const struct flow_row *r);
/* The record that stands for a group. */
void flow_text_record(struct buf *out, const struct flow_style *s, const struct flow_fields *k, const struct flow_row *r);

struct flow_totals {
	struct flow_sums matched, all;
	uint64_t records, records_matched;
};
void flow_text_summary(struct buf *out, const struct flow_style *s, const struct flow_totals *t);

#endif
