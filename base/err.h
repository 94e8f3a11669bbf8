/* Results: 0 or a count on success, a negative enum err on failure.
 *
 * Parsers return these and never log; the caller counts them by name
 * (err_name) and explains them to people (err_text).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_TRUNCATED = -1,   /* the bytes end before the structure does */
	ERR_MALFORMED = -2,   /* a field contradicts another or its own limits */
	ERR_UNSUPPORTED = -3, /* well formed, but of a kind damp does not read */
	ERR_NOMEM = -4,
	ERR_IO = -5,          /* see errno */
	ERR_EOF = -6,
	ERR_FULL = -7,        /* a bound was reached */
	ERR_INVALID = -8,     /* a wrong argument, option or configuration value */
	ERR_SIGNATURE = -9,
};

/* Short stable name for counters ("truncated"), and a phrase for people. */
const char *err_name(int err);
const char *err_text(int err);

#endif
