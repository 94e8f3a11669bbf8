/* Figures and foreign text as people read them: decimal k, M, G; durations; HTML escapes.
 * Every function appends to the buffer.  Decimal units, never a locale.
 */
#ifndef REPORTS_TEXT_H
#define REPORTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"

/* Escaped for element content and quoted attributes.  Control and bidirectional formatting
 * characters become U+FFFD, as do bytes that are not UTF-8: text of strangers must neither break
 * the markup nor reorder what stands beside it. */
void text_html(struct buf *b, const char *s);
/* The same without the markup, for a terminal: only printable ASCII, or printable UTF-8. */
void text_plain(struct buf *b, const char *s, bool utf8);

/* Formatted text, escaped.  For short values: at most 1023 bytes. */
void text_htmlf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "20,827": all digits. */
void text_count(struct buf *b, uint64_t n);
/* "1.28 M", "611 k", "87": three figures and a prefix. */
void text_si(struct buf *b, double v);
/* The number and its unit apart: 8.93e6 -> "8.93" and "M". */
const char *text_scaled(double v, char number[16]);
/* "63.95", "3.7", "267": about three significant figures, no needless zeros behind. */
void text_figure_in(struct buf *b, double v, const char *unit); /* of a unit; a share ("%") is held as 0..1 */
void text_figure(struct buf *b, double v);
/* "2.1 s", "41 s", "18 min 14 s", "3 h 5 min", "2 d 4 h". */
void text_duration(struct buf *b, double seconds);
/* Percent of a share: "99.8", "0.04", "< 0.01" for a trace, never 0 for something or 100 for less. */
void text_percent(struct buf *b, double share);

/* An address as HTML: IPv6 gets break opportunities and is never cut. */
void text_addr(struct buf *b, const struct addr *a);

/* English name of an ISO 3166-1 alpha-2 code; the code itself when it is none. */
const char *text_country(const char *code);

#endif
