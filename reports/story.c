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

static bool
is_resolver(const struct report_input *in, const struct addr *a)
{
	for (size_t i = 0; i < in->resolvers_n; i++)
		if (addr_equal(&in->resolver[i], a))
			return true;
	return false;
}

double
story_sum(const struct story *s, enum evidence_key k)
{
	double sum = 0;

	for (size_t i = 0; i < s->inc->alerts_kept; i++) {
		const struct evidence *e = alert_evidence(s->inc->alert[i], k);

		if (e != NULL && s->inc->alert[i]->kind == s->inc->kind)
			sum += e->value;
	}
	return sum;
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
	s->ours = s->lead != NULL && s->lead->subject.type == SUBJECT_HOST &&
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
	s->baf = inc->query_bytes > 0 && inc->bytes > 0 ? (double)inc->bytes / (double)inc->query_bytes : 0;
	if (baf != NULL)
		s->baf = baf->value;
	s->baf_low = low != NULL ? low->value : 0;
	s->query_bytes = inc->queries > 0 ? (double)inc->query_bytes / (double)inc->queries : 0;
	s->answer_bytes = inc->responses > 0 ? (double)inc->bytes / (double)inc->responses : 0;
	length_s = fmax((double)(inc->last_ns - inc->first_ns) / (double)NS_PER_S, 1);
	s->rate = (double)(inc->queries > 0 ? inc->queries : inc->responses > 0 ? inc->responses : inc->packets) / length_s;
	s->named_s = (double)(inc->named_ns - inc->first_ns) / (double)NS_PER_S;
}

/* --- sentences --------------------------------------------------------------------------------- */

static void
subject_text(const struct alert *a, struct buf *b)
{
	char tmp[PREFIX_TEXT];

	switch (a->subject.type) {
	case SUBJECT_HOST: buf_str(b, addr_text(&a->subject.prefix.addr, tmp)); break;
	case SUBJECT_PREFIX: buf_str(b, prefix_text(&a->subject.prefix, tmp)); break;
	default: text_plain(b, a->subject.name, true); break;
	}
}

static void
through(const struct story *s, struct buf *b)
{
	char tmp[ADDR_TEXT];

	if (!s->inc->has_through)
		return;
	if (s->own_resolver)
		buf_str(b, " through our own resolver");
	else
		buf_printf(b, " through %s", addr_text(&s->inc->through, tmp));
}

/* Verb by number and time: { one now, many now, past of one, past of many }. */
static const char *
verb(const struct story *s, const char *const forms[4])
{
	return forms[(s->inc->closed_ns != 0 ? 2 : 0) + (s->hosts != 1 ? 1 : 0)];
}

static void
headline_abuser(const struct story *s, struct buf *rest)
{
	static const char *const fill[4] = {"fills", "fill", "filled", "filled"};
	static const char *const draw[4] = {"draws", "draw", "drew", "drew"};
	bool full = s->on_link && s->series->capacity_bps > 0 && s->total_bps >= .95 * (double)s->series->capacity_bps;

	if (s->link[0] != '\0')
		buf_printf(rest, " behind %s", s->link);
	if (full)
		buf_printf(rest, " %s the link with amplified DNS answers", verb(s, fill));
	else
		buf_printf(rest, " %s amplified DNS answers", verb(s, draw));
	through(s, rest);
}

static void
headline_victim(const struct story *s, struct buf *rest)
{
	static const char *const be[4] = {"is", "are", "was", "were"};
	double peers = story_max(s, EV_PEERS);
	bool now = s->inc->closed_ns == 0;

	buf_printf(rest, " %s hit by amplified %s answers %s never asked for", verb(s, be), s->vector,
	           s->hosts == 1 ? "it" : "they");
	if (peers >= 2) {
		buf_str(rest, now ? ", coming from " : ", from ");
		text_count(rest, (uint64_t)peers);
		buf_str(rest, s->inc->kind == KIND_DNS_AMPLIFICATION_VICTIM ? " reflectors" : " amplifiers");
	}
}

static void
headline_flood(const struct story *s, struct buf *rest)
{
	static const char *const be[4] = {"is", "are", "was", "were"};
	static const char *const flood[4] = {"floods", "flood", "flooded", "flooded"};
	char tmp[ADDR_TEXT];

	if (s->lead != NULL && s->lead->role == ROLE_RESOLVER) {
		buf_printf(rest, " %s flooded with DNS queries", verb(s, be));
		return;
	}
	buf_printf(rest, "%s%s %s ", s->link[0] != '\0' ? " behind " : "", s->link, verb(s, flood));
	if (s->inc->has_through)
		buf_printf(rest, "%s%s with DNS queries", s->own_resolver ? "our resolver " : "", addr_text(&s->inc->through, tmp));
	else
		buf_str(rest, "DNS servers with queries");
}

void
story_headline(const struct story *s, struct buf *who, struct buf *rest)
{
	static const char *const be[4] = {"is", "are", "was", "were"};
	static const char *const amplify[4] = {"amplifies", "amplify", "amplified", "amplified"};
	const char *crowd = s->ours ? "customers" : "hosts";

	switch (s->inc->kind) {
	case KIND_DNS_AMPLIFICATION_ABUSER: headline_abuser(s, rest); break;
	case KIND_DNS_AMPLIFICATION_VICTIM:
	case KIND_UDP_AMPLIFICATION_VICTIM: headline_victim(s, rest); break;
	case KIND_DNS_AMPLIFICATION_REFLECTOR:
	case KIND_UDP_AMPLIFICATION_REFLECTOR:
		crowd = s->inc->kind == KIND_DNS_AMPLIFICATION_REFLECTOR ? "DNS servers" : "servers";
		buf_printf(rest, " %s %s answers towards hosts that %s being hit", verb(s, amplify), s->vector,
		           s->inc->closed_ns != 0 ? "were" : "are");
		break;
	case KIND_UDP_FRAGMENT_FLOOD:
		buf_printf(rest, " %s flooded with UDP fragments", verb(s, be));
		if (s->vector[0] != '\0' && strcmp(s->vector, "UDP") != 0)
			buf_printf(rest, " of %s answers", s->vector);
		break;
	case KIND_DNS_QUERY_FLOOD: headline_flood(s, rest); break;
	default: buf_printf(rest, ": %s", alert_kind_text(s->inc->kind)); break;
	}
	if (s->hosts == 1 && s->lead != NULL) {
		subject_text(s->lead, who);
	} else {
		text_count(who, s->hosts);
		buf_printf(who, " %s", crowd);
	}
}

static void
clock_strong(struct buf *b, int64_t t_ns)
{
	char tmp[TIME_TEXT];

	buf_printf(b, STORY_STRONG "%s" STORY_PLAIN, time_clock(t_ns, tmp));
}

static void
si_bps(struct buf *b, double bps)
{
	char number[16];
	const char *prefix = text_scaled(bps, number);

	buf_printf(b, "%s %sbit/s", number, prefix);
}

/* What went on, by kind. */
static void
deed(const struct story *s, struct buf *b)
{
	const struct incident *inc = s->inc;
	const char *they = s->hosts == 1 ? "it" : "they";
	char tmp[ADDR_TEXT];

	switch (inc->kind) {
	case KIND_DNS_AMPLIFICATION_ABUSER:
	case KIND_DNS_QUERY_FLOOD:
		if (s->lead != NULL && s->lead->role == ROLE_RESOLVER) {
			buf_printf(b, " %s received ", they);
		} else {
			buf_printf(b, " %s asked ", they);
			if (inc->has_through)
				buf_printf(b, STORY_CODE "%s" STORY_PLAIN " ", addr_text(&inc->through, tmp));
		}
		if (s->name[0] != '\0')
			buf_printf(b, "for " STORY_STRONG "%s" STORY_PLAIN ", ", s->name);
		text_figure(b, s->rate);
		buf_str(b, s->lead != NULL && s->lead->role == ROLE_RESOLVER ? " queries a second" : " times a second");
		if (inc->kind == KIND_DNS_AMPLIFICATION_ABUSER && s->answer_bytes > 0)
			buf_printf(b, ", and drew %.0f-byte answers back to %s", s->answer_bytes, s->hosts == 1 ? "itself" : "themselves");
		buf_str(b, ".");
		break;
	case KIND_DNS_AMPLIFICATION_VICTIM:
	case KIND_UDP_AMPLIFICATION_VICTIM:
		buf_printf(b, " %s received ", they);
		text_count(b, inc->responses > 0 ? inc->responses : inc->packets);
		buf_printf(b, " %s %s", s->vector, inc->responses > 0 ? "answers" : "packets");
		if (s->answer_bytes > 0)
			buf_printf(b, " of %.0f bytes", s->answer_bytes);
		if (s->name[0] != '\0')
			buf_printf(b, " to " STORY_STRONG "%s" STORY_PLAIN, s->name);
		if (inc->has_through)
			buf_printf(b, ", the most of them from " STORY_CODE "%s" STORY_PLAIN, addr_text(&inc->through, tmp));
		buf_str(b, ".");
		break;
	case KIND_DNS_AMPLIFICATION_REFLECTOR:
	case KIND_UDP_AMPLIFICATION_REFLECTOR:
		buf_printf(b, " %s answered ", they);
		text_count(b, inc->queries);
		buf_printf(b, " %s requests", s->vector);
		if (s->name[0] != '\0')
			buf_printf(b, " for " STORY_STRONG "%s" STORY_PLAIN, s->name);
		if (s->baf > 0) {
			buf_str(b, " with " STORY_STRONG);
			text_figure(b, s->baf);
			buf_str(b, " times" STORY_PLAIN " the bytes");
		}
		buf_str(b, ".");
		break;
	default:
		buf_printf(b, " %s received ", they);
		text_count(b, inc->packets);
		buf_str(b, " packets, ");
		text_si(b, (double)inc->bytes);
		buf_str(b, "B in all.");
		break;
	}
}

/* What tells this story from its neighbours. */
static void
moral(const struct story *s, struct buf *b)
{
	const struct evidence *matched = s->lead != NULL ? alert_evidence(s->lead, EV_MATCHED_SHARE) : NULL;
	const char *none = s->hosts == 1 ? "its own queries explain" : "their own queries explain";

	switch (s->inc->kind) {
	case KIND_DNS_AMPLIFICATION_ABUSER:
		if (matched != NULL) {
			buf_printf(b, " The address%s genuine: %s ", s->hosts == 1 ? " is" : "es are", none);
			text_percent(b, matched->value);
			buf_str(b, " % of the answers, nothing was spoofed.");
		}
		break;
	case KIND_DNS_AMPLIFICATION_VICTIM:
	case KIND_UDP_AMPLIFICATION_VICTIM:
		if (matched != NULL) {
			buf_printf(b, " Only ");
			text_percent(b, matched->value);
			buf_str(b, " % of them answer a query of its own: somebody else asked in its name.");
		} else {
			buf_str(b, " Somebody else asked in its name.");
		}
		break;
	case KIND_DNS_AMPLIFICATION_REFLECTOR:
	case KIND_UDP_AMPLIFICATION_REFLECTOR:
		buf_str(b, " The senders' addresses are most likely forged: those who get the answers did not ask.");
		break;
	default: break;
	}
}

static void
outcome(const struct story *s, struct buf *b)
{
	char tmp[TIME_TEXT];

	buf_str(b, " Named after " STORY_STRONG);
	text_duration(b, s->named_s);
	buf_str(b, STORY_PLAIN);
	for (size_t i = 0; i < s->ri->marks_n && s->relief_ns != 0; i++) {
		const struct report_mark *m = &s->ri->mark[i];

		if (m->t_ns > s->relief_ns || s->relief_ns - m->t_ns > 60 * NS_PER_S)
			continue;
		buf_str(b, "; with the ");
		buf_char(b, (char)tolower((unsigned char)m->text[0]));
		text_plain(b, m->text[0] != '\0' ? m->text + 1 : "", true);
		buf_printf(b, " at %s the load was gone " STORY_STRONG, time_clock(m->t_ns, tmp));
		text_duration(b, (double)(s->relief_ns - m->t_ns) / (double)NS_PER_S);
		buf_str(b, STORY_PLAIN " later.");
		return;
	}
	if (s->relief_ns != 0)
		buf_printf(b, "; its weight was gone at %s.", time_clock(s->relief_ns, tmp));
	else if (s->inc->closed_ns == 0)
		buf_str(b, "; it still went on when this page was made.");
	else
		buf_printf(b, "; last seen at %s.", time_clock(s->inc->last_ns, tmp));
}

void
story_paragraph(const struct story *s, struct buf *out)
{
	buf_str(out, "Since ");
	clock_strong(out, s->inc->first_ns);
	deed(s, out);
	moral(s, out);
	if (s->loud_bps > 0 && !s->on_link) {
		buf_str(out, " That was " STORY_STRONG);
		si_bps(out, s->loud_bps);
		buf_str(out, STORY_PLAIN " while it was loud.");
	}
	outcome(s, out);
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
