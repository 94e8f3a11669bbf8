/* The parts of the page.  Inside reports/ only.
 *
 * `n` numbers the incident in the page and makes ids unique; a budget bounds how much one incident
 * may show, so that a page of many stays readable and small.
 */
#ifndef REPORTS_SECTION_H
#define REPORTS_SECTION_H

#include "reports/page.h"
#include "reports/story.h"

struct budget {
	size_t rows;       /* of a table of hosts */
	size_t points;     /* of a chart's line */
	size_t rule_bytes; /* of one rule text */
};

enum { ROWS_FIRST = 10 }; /* shown before "show all" */

/* table.c */
void section_who(struct buf *b, const struct story *s, const struct budget *g, size_t n);
void section_talkers(struct buf *b, const struct report_input *in);
/* A scrolling table with the switch that shows the rows from ROWS_FIRST on, without script. */
void rows_begin(struct buf *b, const char *id, size_t rows);
void rows_end(struct buf *b, const char *id, size_t rows, bool csv);

/* names.c: nothing without misused names */
void section_names(struct buf *b, const struct report_input *in);

/* where.c */
void section_where(struct buf *b, const struct story *s);
void section_countries(struct buf *b, const struct report_input *in);

/* section.c */
void section_figures(struct buf *b, const struct story *s);
void section_chart(struct buf *b, const struct story *s, const struct budget *g, size_t n);
void section_traffic(struct buf *b, const struct report_input *in);
void section_rules(struct buf *b, const struct story *s, const struct budget *g, size_t n);

/* proof.c */
void section_why(struct buf *b, const struct story *s);
void section_when(struct buf *b, const struct story *s);
void section_sure(struct buf *b, const struct report_input *in);

/* Attribute of the n-th row: hides it until "show all". */
const char *row_class(size_t i);
/* Bytes a person reads: "2.83 MB". */
void text_bytes(struct buf *b, double bytes);
void text_bps(struct buf *b, double bps);

#endif
