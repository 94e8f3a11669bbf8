/* Between the files that save and load parts of the engine's state. */
#ifndef DETECTOR_STATE_INNER_H
#define DETECTOR_STATE_INNER_H

#include "detector/internal.h"
#include "detector/pack.h"

/* state_book.c */
void book_save(const struct engine *e, struct buf *out);
void book_load(struct engine *e, struct cursor *c);
/* The text as one the engine owns: a restored alert's static strings. */
const char *state_word(struct engine *e, const char *text);

/* state_watch.c: needs the book, as watches point into it. */
void state_watches_save(const struct engine *e, struct buf *out);
void state_watches_load(struct engine *e, struct cursor *c);

/* state_short.c */
void short_save(const struct engine *e, struct buf *out);
void short_load(struct engine *e, struct cursor *c);

#endif
