/* Text for a terminal: words wrapped under a hanging indent, columns, colours beside words. */
#ifndef REPORTS_LINES_H
#define REPORTS_LINES_H

#include "reports/page.h"

struct lines {
	struct buf *out;
	struct summary_options o;
	size_t column; /* where the next character goes, from 0 */
	size_t indent; /* of continued lines */
};

enum ink { INK_PLAIN, INK_BAD, INK_GOOD, INK_WARN, INK_DIM, INK_STRONG };

void lines_init(struct lines *l, struct buf *out, const struct summary_options *o);
/* Starts a new line at `indent` if anything stands on this one; continued lines start there too. */
void lines_start(struct lines *l, size_t indent);
/* Words, wrapped; a word longer than a line is broken.  STORY_ marks are dropped. */
void lines_words(struct lines *l, enum ink ink, const char *text);
void lines_wordsf(struct lines *l, enum ink ink, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Spaces up to a column (at least one when something stands there already). */
void lines_to(struct lines *l, size_t column);
/* Text so that it ends before the column. */
void lines_right(struct lines *l, enum ink ink, size_t end, const char *text);
void lines_end(struct lines *l);

#endif
