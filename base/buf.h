/* A growing text buffer with an upper bound and a sticky `full`.
 *
 * Everything damp writes in one piece (an alert line, a rule file, a page) is
 * built here, so that a caller tests once at the end.  Always NUL-terminated
 * once anything was written; `p` may be NULL while len is 0.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *p;
	size_t len, cap;
	size_t max; /* never longer than this, bytes */
	bool full;  /* something did not fit, or memory ran out; the text is cut */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_reset(struct buf *b); /* empty, keeps the memory */
void buf_bytes(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* The text, never NULL. */
const char *buf_text(const struct buf *b);

#endif
