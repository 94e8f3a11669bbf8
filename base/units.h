/* Numbers with units as people write them in the configuration and on the command line.
 *
 * Independent of the locale; no sign, no exponent, at most 18 digits.  Rates and sizes are decimal
 * (10Mbit = 10 000 000 bit/s, 512MB = 512 000 000 bytes); KiB, MiB, GiB and TiB are binary.
 * Every function returns 0, or ERR_INVALID and leaves the result alone.  units_*_form says what is
 * accepted, for the hint beside an error.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_RATE_FORM "10Mbit, 1.5Gbit, 512kbit or 4000000 (bit/s)"
#define UNITS_SIZE_FORM "512MB, 1GiB, 64kB or 4000000 (bytes)"
#define UNITS_DURATION_FORM "500ms, 5s, 10m, 1h, 2d or 3600 (seconds)"

int units_rate(const char *text, uint64_t *bps);          /* bits per second */
int units_size(const char *text, uint64_t *bytes);
int units_duration(const char *text, double *seconds);
int units_whole(const char *text, uint64_t *value);       /* decimal, or hexadecimal after 0x */
int units_bool(const char *text, bool *value);            /* true/false, yes/no, on/off */

/* Any of them: "50", "0.8", "80%" (0.8), "50/s", "10x", "10Mbit", "1kB", "10s", "true" (1).  `unit` is set
 * to the static "", "%", "/s", "x", "bit/s", "B", "s" or "bool". */
int units_value(const char *text, double *value, const char **unit);

/* The shortest of those forms that reads back the same: "10Mbit", "512MB", "1h", "80%"; returns buf. */
enum { UNITS_TEXT = 40 };
const char *units_text(double value, const char *unit, char buf[UNITS_TEXT]);

#endif
