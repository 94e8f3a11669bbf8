/* What the formats of flow records as text share: lines out of a source's blocks, fields out of lines, and the last
 * steps of a record.  A line is at most LINES_LONGEST bytes; a longer one, and one that cannot be read, is damage, told
 * with its number, and reading goes on behind it. */
#ifndef COLLECTOR_LINES_H
#define COLLECTOR_LINES_H

#include "collector/reader.h"

enum { LINES_LONGEST = 1 << 16 };

/* --- fields ---------------------------------------------------------------------------------------------- */

/* Borrowed text, not NUL-terminated. */
struct span {
	const char *p;
	size_t n;
};

/* Takes the next field off the line, without blanks and double quotes around it; false: there was none left. */
bool span_next(struct span *line, char separator, struct span *field);
bool span_is(struct span f, const char *text); /* letters in any case */
bool span_uint(struct span f, uint64_t max, uint64_t *value); /* decimal, or hexadecimal behind 0x */
/* Seconds with up to nine decimals, at most some 250 years; as nanoseconds. */
bool span_seconds(struct span f, int64_t *ns);
bool span_addr(struct span f, struct addr *a);

/* --- records --------------------------------------------------------------------------------------------- */

/* State of a reader of text; zero is its beginning. */
struct lines {
	uint64_t number;      /* of the current line, from 1 */
	int64_t latest_ns;    /* latest end that another record bears out */
	int64_t doubtful_ns;  /* an end far behind all others */
	bool skipping;        /* inside a line that was too long */
	bool unusable;        /* nothing more can be read: told once */
};

/* Reads one line: NULL, or the reason why it cannot be read.  Sets lines->unusable when no later line can be, either. */
typedef const char *line_reader(struct source *s, struct lines *l, struct block *b, struct span line);

/* The format's read: lines until there are flows.  Returns as source_read does. */
int lines_read(struct source *s, struct lines *l, struct block *b, line_reader *read);

/* Appends a record, f and x being complete but for f->exporter, flags, sampling by configuration, and seen_ns when that is 0:
 * then it is the latest end so far, as a file's order is the order in which the records were made.  One record
 * whose end is an hour or more behind all others does not move the others.  NULL, or the reason why not. */
const char *lines_add(struct source *s, struct lines *l, struct block *b, struct flow *f, const struct flow_extra *x);
/* The row of what belongs to no exporter. */
struct exporter *lines_exporter(struct source *s, const struct flow_extra *x);

#endif
