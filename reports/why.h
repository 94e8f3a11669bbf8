/* The answer of `damp why`: as text for a terminal, or as one JSON object for programs.
 *
 * Like reports/page.h: everything is borrowed, text of strangers is escaped, the bytes depend on the input alone.
 */
#ifndef REPORTS_WHY_H
#define REPORTS_WHY_H

#include "reports/page.h"

/* A kind that had nothing to judge. */
struct why_absent {
	enum alert_kind kind;
	const char *reason;
};

struct why_input {
	const char *subject;         /* as people write it: "192.0.2.0/24", "link:metro-3", "example.com" */
	const char *about;           /* "customer", "link of 10 Mbit/s"; NULL: nothing to say */
	const char *group;           /* of a host: whose thresholds hold; NULL: everybody's */
	struct report_geo geo;       /* of a host; country "" and asn 0: unknown */
	bool zone, many;             /* it is a zone; it stands for several hosts */
	int64_t first_ns, last_ns;   /* of the traffic looked at; 0: there was none */
	const struct why_view *view;
	const struct why_absent *absent;
	size_t absent_n;
	bool verbose;                /* every point of the course with its figures, every alert */
};

/* 0, or ERR_FULL when `out` could not hold it; likewise below. */
int why_text(struct buf *out, const struct why_input *in, const struct summary_options *o);
/* The same and more: docs/damp.1 names the members. */
int why_json(struct buf *out, const struct why_input *in);

/* "10.64.0.5", "link metro-3", "example.com"; returns out. */
enum { WHY_TEXT = 264 };
const char *why_who(const struct subject *s, char out[WHY_TEXT]);

#endif
