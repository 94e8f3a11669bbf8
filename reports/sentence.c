/* An incident in words: the headline and one paragraph, by kind. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "reports/story.h"
#include "reports/text.h"

static void
subject_text(const struct alert *a, struct buf *b)
{
	char tmp[PREFIX_TEXT];

	switch (a->subject.type) {
	case SUBJECT_HOST: buf_str(b, addr_text(&a->subject.prefix.addr, tmp)); break;
	case SUBJECT_PREFIX: buf_str(b, prefix_text(&a->subject.prefix, tmp)); break;
	case SUBJECT_LINK:
		buf_str(b, "link ");
		text_plain(b, a->subject.name, true);
		break;
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

	if (s->link[0] != '\0' && (s->lead == NULL || s->lead->subject.type != SUBJECT_LINK))
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
	case KIND_CARPET_BOMBING:
		crowd = "prefixes";
		buf_printf(rest, " %s hit as a whole by amplified %s answers", verb(s, be), s->vector);
		break;
	case KIND_LINK_SATURATION:
		crowd = "links";
		buf_printf(rest, " %s filled by amplified answers", verb(s, be));
		break;
	case KIND_EXPORTER_HEALTH:
		crowd = "flow exporters";
		buf_printf(rest, " %s degraded figures", s->inc->closed_ns != 0 ? "sent" : s->hosts == 1 ? "sends" : "send");
		break;
	case KIND_DNS_NXDOMAIN_FLOOD:
		buf_printf(rest, " %s for names that do not exist", s->inc->closed_ns != 0 ? "asked" : s->hosts == 1 ? "asks" : "ask");
		break;
	case KIND_DNS_RANDOM_SUBDOMAIN:
		crowd = "zones";
		buf_printf(rest, " %s under a flood of random names", verb(s, be));
		break;
	case KIND_DNS_TUNNEL:
		buf_printf(rest, " %s data out or in through DNS names",
		    s->inc->closed_ns != 0 ? "carried" : s->hosts == 1 ? "carries" : "carry");
		break;
	case KIND_OPEN_RESOLVER:
		crowd = "servers";
		buf_printf(rest, " %s recursive questions of strangers",
		    s->inc->closed_ns != 0 ? "answered" : s->hosts == 1 ? "answers" : "answer");
		break;
	case KIND_TRAFFIC_ANOMALY:
		buf_printf(rest, " %s many times what is ordinary for %s", s->inc->closed_ns != 0 ? "sent" : s->hosts == 1 ? "sends" : "send",
		           s->hosts == 1 ? "it" : "them");
		break;
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
clock_strong(const struct story *s, struct buf *b, int64_t t_ns)
{
	char tmp[TIME_TEXT];

	buf_printf(b, STORY_STRONG "%s" STORY_PLAIN, story_clock(s->in, t_ns, tmp));
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
			buf_printf(b, " for " STORY_STRONG "%s" STORY_PLAIN, s->name);
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
	case KIND_DNS_NXDOMAIN_FLOOD:
	case KIND_DNS_RANDOM_SUBDOMAIN:
	case KIND_DNS_TUNNEL:
	case KIND_OPEN_RESOLVER:
	case KIND_TRAFFIC_ANOMALY:
	case KIND_CARPET_BOMBING:
	case KIND_LINK_SATURATION:
	case KIND_EXPORTER_HEALTH:
		if (s->lead != NULL)
			buf_printf(b, " %s.", s->lead->message);
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
	case KIND_CARPET_BOMBING: buf_str(b, " Somebody else asked in the names of its hosts."); break;
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
		buf_printf(b, " at %s the load was gone " STORY_STRONG, story_clock(s->in, m->t_ns, tmp));
		text_duration(b, (double)(s->relief_ns - m->t_ns) / (double)NS_PER_S);
		buf_str(b, STORY_PLAIN " later.");
		return;
	}
	if (s->relief_ns != 0)
		buf_printf(b, "; its weight was gone at %s.", story_clock(s->in, s->relief_ns, tmp));
	else if (s->inc->closed_ns == 0)
		buf_str(b, "; it still went on when this page was made.");
	else
		buf_printf(b, "; last seen at %s.", story_clock(s->in, s->inc->last_ns, tmp));
}

void
story_paragraph(const struct story *s, struct buf *out)
{
	buf_str(out, "Since ");
	clock_strong(s, out, s->inc->first_ns);
	deed(s, out);
	moral(s, out);
	if (s->loud_bps > 0 && !s->on_link) {
		buf_str(out, " That was " STORY_STRONG);
		si_bps(out, s->loud_bps);
		buf_str(out, STORY_PLAIN " while it was loud.");
	}
	outcome(s, out);
}
