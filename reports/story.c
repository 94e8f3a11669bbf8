#include "reports/story.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "reports/chart.h"
#include "reports/text.h"

/* --- rendering --------------------------------------------------------------------------------- */

void
story_html(struct buf *b, const char *marked)
{
	const char *open = "";
	char piece[2] = {0};
	struct buf run;

	/* Runs are escaped whole: a character may have several bytes. */
	buf_init(&run, 1 << 16);
	for (const char *p = marked;; p++) {
		if (*p != '\0' && *p != *STORY_STRONG && *p != *STORY_CODE && *p != *STORY_PLAIN) {
			piece[0] = *p;
			buf_str(&run, piece);
			continue;
		}
		text_html(b, buf_text(&run));
		buf_reset(&run);
		buf_str(b, open);
		open = *p == *STORY_STRONG ? "</b>" : *p == *STORY_CODE ? "</code>" : "";
		buf_str(b, *p == *STORY_STRONG ? "<b>" : *p == *STORY_CODE ? "<code>" : "");
		if (*p == '\0')
			break;
	}
	buf_done(&run);
}

void
story_plain(struct buf *b, const char *marked, bool utf8)
{
	struct buf run;

	buf_init(&run, 1 << 16);
	for (const char *p = marked; *p != '\0'; p++)
		if (*p != *STORY_STRONG && *p != *STORY_CODE && *p != *STORY_PLAIN)
			buf_char(&run, *p);
	text_plain(b, buf_text(&run), utf8);
	buf_done(&run);
}

/* --- figures ----------------------------------------------------------------------------------- */

bool
story_is_ours(const struct report_input *in, const struct addr *a)
{
	for (size_t i = 0; i < in->networks_n; i++)
		if (prefix_contains(&in->network[i], a))
			return true;
	return in->networks_n == 0 && addr_is_private(a);
}

const char *
story_clock(const struct report_input *in, int64_t t_ns, char buf[TIME_TEXT])
{
	char clock[TIME_TEXT], first[TIME_TEXT], date[TIME_TEXT];

	time_clock(t_ns, clock);
	time_date(in->first_ns, first);
	time_date(in->last_ns, date);
	if (strcmp(first, date) == 0 && strcmp(time_date(t_ns, date), first) == 0)
		snprintf(buf, TIME_TEXT, "%s", clock);
	else
		snprintf(buf, TIME_TEXT, "%.5s %.8s", time_date(t_ns, date) + 5, clock);
	return buf;
}

static bool
is_resolver(const struct report_input *in, const struct addr *a)
{
	for (size_t i = 0; i < in->resolvers_n; i++)
		if (addr_equal(&in->resolver[i], a))
			return true;
	return false;
}

double
story_max(const struct story *s, enum evidence_key k)
{
	double max = 0;

	for (size_t i = 0; i < s->inc->alerts_kept; i++) {
		const struct evidence *e = alert_evidence(s->inc->alert[i], k);

		if (e != NULL && s->inc->alert[i]->kind == s->inc->kind)
			max = fmax(max, e->value);
	}
	return max;
}

static void
read_subjects(struct story *s)
{
	const struct incident *inc = s->inc;
	size_t same = 0;

	for (size_t i = 0; i < inc->alerts_kept; i++) {
		if (inc->alert[i]->kind != inc->kind)
			continue;
		if (same++ == 0)
			s->lead = inc->alert[i];
	}
	/* the alerts that were not kept are of the crowd's kind */
	s->hosts = same + (inc->alerts_n > inc->alerts_kept ? inc->alerts_n - inc->alerts_kept : 0);
	s->ours = s->lead != NULL && (s->lead->subject.type == SUBJECT_HOST || s->lead->subject.type == SUBJECT_PREFIX) &&
	          story_is_ours(s->in, &s->lead->subject.prefix.addr);
	s->own_resolver = inc->has_through &&
	                  (is_resolver(s->in, &inc->through) || (s->in->resolvers_n == 0 && story_is_ours(s->in, &inc->through)));
}

static void
read_series(struct story *s)
{
	const struct report_input *in = s->in;

	s->series = s->ri->series;
	if (s->series == NULL && in->series_n > 0) {
		s->series = in->series[0];
		for (size_t i = 1; i < in->series_n && s->link[0] != '\0'; i++)
			if (strcmp(in->series[i]->name, s->link) == 0) {
				s->series = in->series[i];
				s->on_link = true;
			}
	}
	if (s->series != NULL && s->series->n == 0)
		s->series = NULL;
}

/* A curve shows all attacks at once: one of several cannot have cost more a second than all its bytes in these seconds. */
static double
own_bps(const struct story *s, double bps, size_t seconds)
{
	double most = (double)s->inc->bytes * 8 / (double)(seconds > 0 ? seconds : 1);

	/* counted to the edge of a window, and beyond the last line: the sum is not exact */
	return s->inc->bytes > 0 && bps > 1.25 * most ? most : bps;
}

/* Cost and relief, from the seconds of the incident that carried at least half of its highest. */
static void
read_cost(struct story *s)
{
	const struct series *z = s->series;
	double highest = 0, quiet = 0;
	size_t first = 0, last = 0, loud = 0, end = 0;

	if (z == NULL)
		return;
	for (size_t i = 0; i < z->n; i++) {
		int64_t t = (z->start_s + (int64_t)(i * z->width_s)) * NS_PER_S;

		if (t + (int64_t)z->width_s * NS_PER_S <= s->inc->first_ns)
			first = i + 1;
		if (t <= s->inc->last_ns)
			last = i + 1;
	}
	for (size_t i = first; i < last; i++)
		highest = fmax(highest, chart_attack_bps(z, i));
	for (size_t i = first; i < last && highest > 0; i++) {
		if (chart_attack_bps(z, i) < highest / 2)
			continue;
		s->loud_bps += chart_attack_bps(z, i);
		s->total_bps += chart_total_bps(z, i);
		loud++;
		end = i + 1;
	}
	if (loud == 0)
		return;
	s->loud_bps /= (double)loud;
	s->total_bps /= (double)loud;
	for (size_t i = end; i < last; i++)
		quiet += chart_attack_bps(z, i);
	if ((last - end) * z->width_s >= 30 && quiet / (double)(last - end) < s->loud_bps / 4)
		s->relief_ns = (z->start_s + (int64_t)(end * z->width_s)) * NS_PER_S;
	s->loud_bps = own_bps(s, s->loud_bps, loud * z->width_s);
}

static void
read_words(struct story *s)
{
	const struct incident *inc = s->inc;
	const char *v = inc->vector != NULL ? inc->vector : "";
	char type[12], name[DNS_NAME_TEXT];

	snprintf(s->vector, sizeof(s->vector), "%s", v);
	if (strcmp(v, "chargen") == 0)
		snprintf(s->vector, sizeof(s->vector), "CharGEN");
	else if (strlen(v) <= 5)
		for (char *p = s->vector; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
	if (inc->qtype != 0 || inc->qname_len > 0)
		snprintf(s->name, sizeof(s->name), "%s%s%s", inc->qtype != 0 ? dns_type_text(inc->qtype, type) : "",
		         inc->qtype != 0 && inc->qname_len > 0 ? " " : "",
		         inc->qname_len > 0 ? dns_name_text(inc->qname, inc->qname_len, name) : "");
	/* bytes that switch emphasis must not come from outside */
	for (size_t i = 0; i < sizeof(inc->link) - 1 && inc->link[i] != '\0'; i++)
		s->link[i] = (unsigned char)inc->link[i] < ' ' ? '?' : inc->link[i];
}

static double
ratio_of(const struct alert *a, enum evidence_key part, enum evidence_key whole)
{
	const struct evidence *x = a != NULL ? alert_evidence(a, part) : NULL;
	const struct evidence *n = a != NULL ? alert_evidence(a, whole) : NULL;

	return x != NULL && n != NULL && n->value > 0 ? x->value / n->value : 0;
}

bool
story_is_victim(const struct story *s)
{
	return s->inc->kind == KIND_DNS_AMPLIFICATION_VICTIM || s->inc->kind == KIND_UDP_AMPLIFICATION_VICTIM ||
	       s->inc->kind == KIND_UDP_FRAGMENT_FLOOD || s->inc->kind == KIND_CARPET_BOMBING;
}

const char *
story_no_rule(const struct story *s)
{
	for (size_t i = 0; i < s->ri->rules_n; i++)
		if (s->ri->rule[i].text != NULL)
			return NULL;
	return s->ri->rules_n > 0 ? s->ri->rule[0].why : NULL;
}

void
story_read(struct story *s, const struct report_input *in, const struct report_incident *ri)
{
	const struct incident *inc = ri->incident;
	const struct evidence *baf, *low;
	double length_s;

	*s = (struct story){.in = in, .ri = ri, .inc = inc};
	read_words(s);
	read_subjects(s);
	read_series(s);
	read_cost(s);
	baf = s->lead != NULL ? alert_evidence(s->lead, EV_BAF) : NULL;
	low = s->lead != NULL ? alert_evidence(s->lead, EV_BAF_LOW) : NULL;
	/* of a victim the queries are not known, or are other people's */
	s->baf = inc->query_bytes > 0 && inc->bytes > 0 && !story_is_victim(s) ? (double)inc->bytes / (double)inc->query_bytes : 0;
	if (baf != NULL)
		s->baf = baf->value;
	s->baf_low = low != NULL ? low->value : 0;
	/* the loudest host's own sizes: a mean over both address families fits neither */
	s->query_bytes = ratio_of(s->lead, EV_QUERY_BYTES, EV_QUERY_PACKETS);
	s->answer_bytes = ratio_of(s->lead, EV_RESPONSE_BYTES, EV_RESPONSES);
	if (s->query_bytes <= 0 || s->answer_bytes <= 0) {
		s->query_bytes = inc->queries > 0 ? (double)inc->query_bytes / (double)inc->queries : 0;
		s->answer_bytes = inc->responses > 0 && inc->bytes > inc->query_bytes ?
		    (double)(inc->bytes - inc->query_bytes) / (double)inc->responses : 0;
	}
	length_s = fmax((double)(inc->last_ns - inc->first_ns) / (double)NS_PER_S, 1);
	s->rate = (double)(inc->queries > 0 ? inc->queries : inc->responses > 0 ? inc->responses : inc->packets) / length_s;
	s->named_s = (double)(inc->named_ns - inc->first_ns) / (double)NS_PER_S;
}

/* --- order ------------------------------------------------------------------------------------- */

static int
louder(const void *pa, const void *pb, void *ctx)
{
	const struct report_input *in = ctx;
	size_t ia = *(const size_t *)pa, ib = *(const size_t *)pb;
	const struct incident *a = in->incident[ia].incident, *b = in->incident[ib].incident;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	if (a->first_ns != b->first_ns)
		return a->first_ns < b->first_ns ? -1 : 1;
	return ia < ib ? -1 : ia > ib;
}

void
story_order(const struct report_input *in, size_t *order)
{
	for (size_t i = 0; i < in->incidents_n; i++)
		order[i] = i;
	if (in->incidents_n > 1)
		qsort_r(order, in->incidents_n, sizeof(order[0]), louder, (void *)(uintptr_t)in);
}
