/* What an incident comes to in a few words and figures: the part that page and summary share.
 *
 * A sentence is written as marked text: STORY_STRONG, STORY_CODE and STORY_PLAIN switch the
 * emphasis, everything else is text.  story_html and story_plain render it.
 */
#ifndef REPORTS_STORY_H
#define REPORTS_STORY_H

#include "base/timefmt.h"
#include "reports/page.h"

#define STORY_STRONG "\1"
#define STORY_CODE   "\2"
#define STORY_PLAIN  "\3"

struct story {
	const struct report_input *in;
	const struct report_incident *ri;
	const struct incident *inc;
	const struct alert *lead;     /* the loudest alert of the incident's kind; NULL: none kept */
	size_t hosts;                 /* subjects of the incident's kind */
	bool ours;                    /* they sit in our own prefixes */
	bool own_resolver;            /* and went through a resolver of ours */
	const struct series *series;  /* what to draw; NULL: nothing */
	bool on_link;                 /* it is a configured link's */
	double loud_bps, total_bps;   /* attack and all traffic, mean of the seconds that had at least half the highest attack */
	double rate;                  /* queries (or answers, towards a victim) a second over the incident */
	double baf, baf_low;          /* 0: unknown */
	double query_bytes, answer_bytes; /* mean at IP level, 0: unknown */
	double named_s;               /* from the first evidence to the first alert */
	int64_t relief_ns;            /* the attack fell under a quarter for good, well before its last packet; 0: no */
	char name[DNS_NAME_TEXT + 16]; /* "ANY ripe.net"; "" */
	char vector[16];              /* "DNS", "NTP", "memcached" */
	char link[64];                /* "": none */
};

void story_read(struct story *s, const struct report_input *in, const struct report_incident *ri);

/* "41 customers" (or an address) and " behind metro-3 filled the link …": no full stop. */
void story_headline(const struct story *s, struct buf *who, struct buf *rest);
/* One paragraph. */
void story_paragraph(const struct story *s, struct buf *out);
/* The largest of the figures of one key in all alerts of the incident's kind. */
double story_max(const struct story *s, enum evidence_key k);

void story_html(struct buf *b, const char *marked);
void story_plain(struct buf *b, const char *marked, bool utf8);

/* Incidents by severity, then bytes, then the earliest; `order` has room for all. */
void story_order(const struct report_input *in, size_t *order);
/* The subjects suffer it; what they asked is no part of it. */
bool story_is_victim(const struct story *s);
/* "02:13:41", or "04-12 02:13:41" when the traffic crosses a midnight; returns buf. */
const char *story_clock(const struct report_input *in, int64_t t_ns, char buf[TIME_TEXT]);
bool story_is_ours(const struct report_input *in, const struct addr *a);

/* When no format has a rule: the reason, of the first of them; NULL otherwise. */
const char *story_no_rule(const struct story *s);

#endif
