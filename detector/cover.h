/* Sums that records tell of after the fact, spread over the seconds they covered.
 *
 * A record of v bytes over n seconds gives floor(v / n) to each and the rest to the last, so that nothing is lost or
 * made up; adding one costs three writes however long it is (the seconds hold differences).  The last hour can
 * still change; what is older is final.
 *
 * RAM: COVER_SECONDS x COVER_FIELDS x 24 bytes, about 700 kB.
 */
#ifndef DETECTOR_COVER_H
#define DETECTOR_COVER_H

#include <stdbool.h>
#include <stdint.h>

enum cover_field { COVER_BYTES, COVER_PACKETS, COVER_QUERIES, COVER_ANSWERS, COVER_ANSWER_BYTES, COVER_FIRST, COVER_LATER,
	COVER_LARGE, COVER_FIELDS };
enum { COVER_SECONDS = 1 << 12, COVER_BACK = 3700, COVER_RAM = (COVER_SECONDS * 3 + 8) * COVER_FIELDS * 8 };

struct cover;

struct cover *cover_new(void); /* NULL: out of memory */
void cover_free(struct cover *c);
/* Adds a value over seconds [from, to], both ends included.  What lies further back than COVER_BACK before the newest second
 * goes to the first second that can still change. */
void cover_add(struct cover *c, enum cover_field f, int64_t from_s, int64_t to_s, uint64_t value);
/* Tells what each second has gained since it was last told of, up to `until` (included). */
typedef void cover_sink(void *ctx, int64_t second, const uint64_t gain[COVER_FIELDS]);
void cover_tell(struct cover *c, int64_t until_s, cover_sink *sink, void *ctx);
/* Time jumped: begins anew, telling nothing more of before. */
void cover_restart(struct cover *c);

#endif
