/* What damp remembers over days, for the abuse desk and the resolver's operator: offenders and misused names.
 *
 * text is for people, csv (RFC 4180, a header line) and json (an object a line) for programs; of names also `list` (name and type
 * a line) and `rpz`, a response policy zone that makes clients ask for them over TCP: who really wants the name
 * gets it, whoever forges an address does not (draft-vixie-dnsop-dns-rpz, action rpz-tcp-only; BIND 9.10, Unbound 1.14,
 * PowerDNS Recursor and Knot Resolver have it).
 *
 * Bytes depend on the input alone; times are UTC.
 */
#ifndef REPORTS_MEMORY_H
#define REPORTS_MEMORY_H

#include "base/buf.h"
#include "detector/view.h"

enum memory_format { MEMORY_TEXT, MEMORY_CSV, MEMORY_JSON, MEMORY_LIST, MEMORY_RPZ };

int memory_format_parse(const char *text); /* enum memory_format, or ERR_INVALID */
/* ERR_UNSUPPORTED for a format that cannot say it (list and rpz of offenders); ERR_FULL; or 0. */
int offenders_write(struct buf *out, const struct offender *o, size_t n, enum memory_format f);
/* list and rpz hold misused names only. */
int names_write(struct buf *out, const struct drawn_name *d, size_t n, enum memory_format f);

#endif
