/* Writing JSON (RFC 8259) into a struct buf: one line, no spaces, members in the
 * order written, deterministic numbers.  Reading JSON is jansson's job.
 *
 * Strings come from outside (names in packets, files, configuration): quotes,
 * backslashes and control characters are escaped, bytes that are not UTF-8
 * become U+FFFD.  The caller balances open and close.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
	struct buf *out;
	bool comma; /* a value was written at this level */
};

static inline struct json
json_to(struct buf *out)
{
	return (struct json){out, false};
}

/* Every function takes the member's name, or NULL inside an array and at the top. */
void json_open(struct json *j, const char *name, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                  /* '}' or ']' */
void json_str(struct json *j, const char *name, const char *value);
void json_strn(struct json *j, const char *name, const char *value, size_t n);
void json_int(struct json *j, const char *name, int64_t value);
void json_uint(struct json *j, const char *name, uint64_t value);
/* At most `decimals` digits after the point, trailing zeros removed; not finite: null. */
void json_num(struct json *j, const char *name, double value, int decimals);
void json_bool(struct json *j, const char *name, bool value);

#endif
