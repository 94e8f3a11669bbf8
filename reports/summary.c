/* What an operator reads first: each incident in a few lines, then what was seen and what is in doubt. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/dns.h"
#include "reports/lines.h"
#include "reports/page.h"
#include "reports/section.h"
#include "reports/story.h"
#include "reports/text.h"

enum {
	FULL = 5,     /* incidents told in full */
	BRIEF = 15,   /* further ones in a line each */
	LOUDEST = 4,  /* hosts by address */
	NAMES = 4,    /* misused ones */
	LABEL = 4,    /* columns before a label and */
	VALUE = 13,   /* before its value */
};

static void
label(struct lines *l, const char *name)
{
	lines_start(l, LABEL);
	lines_words(l, INK_DIM, name);
	lines_to(l, VALUE);
	l->indent = VALUE;
}

/* `b` holds one value; it is written and emptied. */
static void
flush(struct lines *l, struct buf *b)
{
	lines_words(l, INK_PLAIN, buf_text(b));
	buf_reset(b);
}

static void
tell_headline(struct lines *l, const struct story *s)
{
	struct buf who = {.max = 4096}, rest = {.max = 4096};

	story_headline(s, &who, &rest);
	lines_start(l, 0);
	lines_wordsf(l, s->inc->severity >= 4 ? INK_BAD : INK_WARN, "[%d/10]", s->inc->severity);
	l->indent = LABEL + 4;
	lines_to(l, l->indent);
	lines_words(l, INK_STRONG, buf_text(&who));
	lines_words(l, INK_PLAIN, buf_text(&rest));
	buf_done(&who);
	buf_done(&rest);
}

/* What the other end of an incident is to it. */
static const char *
way(const struct story *s)
{
	return s->inc->kind == KIND_DNS_AMPLIFICATION_REFLECTOR || s->inc->kind == KIND_UDP_AMPLIFICATION_REFLECTOR ? "towards" :
	    story_is_victim(s) ? "from" : "through";
}

static void
tell_course(struct lines *l, const struct story *s, struct buf *b)
{
	char tmp[TIME_TEXT], through[ADDR_TEXT];

	label(l, "since");
	buf_printf(b, "%s, named after ", story_clock(s->in, s->inc->first_ns, tmp));
	text_duration(b, s->named_s);
	if (s->relief_ns != 0)
		buf_printf(b, ", load gone at %s", story_clock(s->in, s->relief_ns, tmp));
	if (s->inc->closed_ns != 0)
		buf_printf(b, ", closed %s", story_clock(s->in, s->inc->closed_ns, tmp));
	else
		buf_str(b, ", still open");
	flush(l, b);
	if (s->inc->has_through || s->name[0] != '\0') {
		label(l, s->inc->has_through ? way(s) : "name");
		if (s->inc->has_through)
			buf_printf(b, "%s%s", addr_text(&s->inc->through, through), story_is_victim(s) && story_max(s, EV_PEERS) > 1.5 ? " and others" : "");
		if (s->name[0] != '\0')
			buf_printf(b, "%s%s", s->inc->has_through ? ", " : "", s->name);
		buf_str(b, ", ");
		text_figure(b, s->rate);
		buf_str(b, s->inc->queries > 0 ? " queries/s" : " answers/s");
		flush(l, b);
	}
}

static void
tell_cost(struct lines *l, const struct story *s, struct buf *b)
{
	if (s->baf > 0) {
		label(l, "factor");
		text_figure(b, s->baf);
		buf_str(b, " x");
		if (s->baf_low > 0 && s->baf_low < s->baf)
			buf_printf(b, " (at least %.2f)", floor(s->baf_low * 100) / 100);
		if (s->query_bytes > 0 && s->answer_bytes > 0)
			buf_printf(b, ": %.0f B → %.0f B at IP level", s->query_bytes, s->answer_bytes);
		flush(l, b);
	}
	label(l, "cost");
	if (s->loud_bps > 0) {
		text_bps(b, s->loud_bps);
		if (s->on_link && s->series->capacity_bps > 0) {
			buf_str(b, ", ");
			text_percent(b, s->loud_bps / (double)s->series->capacity_bps);
			buf_printf(b, " %% of %s (", s->link);
			text_bps(b, (double)s->series->capacity_bps);
			buf_char(b, ')');
		}
		buf_str(b, ", ");
	}
	text_bytes(b, (double)s->inc->bytes);
	buf_str(b, " in all");
	flush(l, b);
}

static void
tell_hosts(struct lines *l, const struct story *s, struct buf *b)
{
	char tmp[PREFIX_TEXT];
	size_t shown = 0;

	if (s->lead == NULL)
		return;
	label(l, "who");
	for (size_t i = 0; i < s->inc->alerts_kept && shown < LOUDEST; i++) {
		const struct alert *a = s->inc->alert[i];
		bool asks = a->kind == KIND_DNS_AMPLIFICATION_ABUSER || a->kind == KIND_DNS_QUERY_FLOOD;
		const struct evidence *rate = alert_evidence(a, asks ? EV_QPS : EV_BPS);

		if (a->kind != s->inc->kind)
			continue;
		buf_str(b, shown++ > 0 ? ", " : "");
		if (a->subject.type == SUBJECT_HOST)
			buf_str(b, addr_text(&a->subject.prefix.addr, tmp));
		else if (a->subject.type == SUBJECT_PREFIX)
			buf_str(b, prefix_text(&a->subject.prefix, tmp));
		else
			buf_str(b, a->subject.name);
		if (rate == NULL)
			continue;
		buf_str(b, " (");
		if (asks)
			buf_printf(b, "%.1f/s", rate->value);
		else
			text_bps(b, rate->value);
		if (a->ledger.known && a->ledger.days > 1)
			buf_printf(b, ", seen for %" PRId64 " days", a->ledger.last_s / 86400 - a->ledger.first_s / 86400 + 1);
		buf_char(b, ')');
	}
	if (s->hosts > shown)
		buf_printf(b, " and %zu more", s->hosts - shown);
	flush(l, b);
}

/* A command that can be pasted: FILE stands for the file that was written.  Without one there is nothing to load. */
static void
load_lines(struct lines *l, const struct report_rule *r)
{
	const char *name = r->load != NULL ? strstr(r->load, "FILE") : NULL;

	if (r->file == NULL)
		return;
	if (name == NULL) {
		label(l, "file");
		lines_words(l, INK_PLAIN, r->file);
	}
	if (r->load == NULL)
		return;
	label(l, "load");
	if (name != NULL)
		lines_wordsf(l, INK_PLAIN, "%.*s%s%s", (int)(name - r->load), r->load, r->file, name + 4);
	else
		lines_words(l, INK_PLAIN, r->load);
}

static void
tell_rule(struct lines *l, const struct story *s, struct buf *b)
{
	const struct report_rule *r = NULL;

	for (size_t i = 0; i < s->ri->rules_n && r == NULL; i++)
		if (s->ri->rule[i].text != NULL)
			r = &s->ri->rule[i];
	if (r == NULL) {
		if (story_no_rule(s) != NULL) {
			label(l, "do");
			lines_words(l, INK_PLAIN, story_no_rule(s));
		}
		return;
	}
	label(l, "do");
	buf_printf(b, "%s: ", r->format);
	if (r->known) {
		text_percent(b, r->attack_dropped);
		buf_str(b, " % of the attack dropped, ");
		text_percent(b, r->legitimate_dropped);
		buf_str(b, " % of legitimate traffic (back-test)");
	} else {
		buf_str(b, "effect unknown, nothing to replay");
	}
	flush(l, b);
	load_lines(l, r);
	lines_start(l, VALUE);
	if (s->in->rules_dir == NULL)
		lines_words(l, INK_DIM, "--rules-dir DIR writes it, --html FILE shows it");
	else if (s->ri->rules_n > 1)
		lines_wordsf(l, INK_DIM, "%zu more format%s in %s", s->ri->rules_n - 1, s->ri->rules_n == 2 ? "" : "s", s->in->rules_dir);
}

static void
tell_incidents(struct lines *l, const struct report_input *in, const size_t *order)
{
	struct buf b = {.max = 1 << 14};
	struct story s;

	for (size_t i = 0; i < in->incidents_n && i < FULL + BRIEF; i++) {
		story_read(&s, in, &in->incident[order[i]]);
		lines_end(l);
		if (i < FULL)
			buf_char(l->out, '\n');
		tell_headline(l, &s);
		if (i >= FULL)
			continue;
		tell_course(l, &s, &b);
		tell_cost(l, &s, &b);
		tell_hosts(l, &s, &b);
		tell_rule(l, &s, &b);
	}
	if (in->incidents_n > FULL + BRIEF) {
		lines_start(l, LABEL + 4);
		lines_wordsf(l, INK_PLAIN, "and %zu more incidents", in->incidents_n - FULL - BRIEF);
	}
	lines_end(l);
	buf_done(&b);
}

static void
note(struct lines *l, const char *name, enum ink ink)
{
	lines_start(l, 0);
	lines_words(l, ink, name);
	lines_to(l, 10);
	l->indent = 10;
}

static void
tell_seen(struct lines *l, const struct report_input *in, struct buf *b)
{
	note(l, "Seen", INK_DIM);
	if (in->records > 0) {
		text_count(b, in->records);
		buf_str(b, " flow records");
		if (in->exporters > 1) {
			buf_str(b, " from ");
			text_count(b, in->exporters);
			buf_str(b, " exporters");
		}
		buf_str(b, ": ");
	}
	text_count(b, in->packets);
	buf_str(b, " packets, ");
	text_bytes(b, (double)in->bytes);
	buf_str(b, ", ");
	text_count(b, in->hosts);
	buf_str(b, " hosts; ");
	text_count(b, in->dns_queries);
	buf_str(b, " DNS queries, ");
	text_count(b, in->dns_responses);
	buf_str(b, " answers, ");
	text_count(b, in->fragments);
	buf_str(b, " fragments");
	flush(l, b);
	for (size_t i = 0; i < in->names_n && i < NAMES; i++) {
		char name[DNS_NAME_TEXT], type[12];

		if (i == 0)
			note(l, "Names", INK_DIM);
		buf_printf(b, "%s%s %.80s (", i > 0 ? ", " : "", dns_type_text(in->name[i].qtype, type),
		    dns_name_text(in->name[i].wire, in->name[i].len, name));
		text_count(b, (uint64_t)in->name[i].clients);
		buf_printf(b, " client%s, ", in->name[i].clients == 1 ? "" : "s");
		text_bytes(b, (double)in->name[i].bytes);
		buf_char(b, ')');
	}
	if (in->names_n > NAMES)
		buf_printf(b, " and %zu more", in->names_n - NAMES);
	if (in->names_n > 0)
		flush(l, b);
	if (in->alerts_file != NULL || in->html_file != NULL || in->rules_dir != NULL) {
		note(l, "Written", INK_DIM);
		if (in->alerts_file != NULL)
			buf_printf(b, "%s (%" PRIu64 " alert lines)", in->alerts_file, in->alerts);
		if (in->html_file != NULL)
			buf_printf(b, "%s%s", b->len > 0 ? ", " : "", in->html_file);
		if (in->rules_dir != NULL && in->incidents_n > 0)
			buf_printf(b, "%srules in %s", b->len > 0 ? ", " : "", in->rules_dir);
		flush(l, b);
	}
}

static void
tell_doubts(struct lines *l, const struct report_input *in, struct buf *b)
{
	for (size_t i = 0; i < in->damage_n && i < 5; i++) {
		note(l, "Damaged", INK_WARN);
		lines_wordsf(l, INK_PLAIN, "%s: %s: %s", in->damage[i].file, in->damage[i].where, in->damage[i].reason);
	}
	if (in->damage_n > 5) {
		note(l, "Damaged", INK_WARN);
		lines_wordsf(l, INK_PLAIN, "in %zu more places", in->damage_n - 5);
	}
	for (size_t i = 0; i < in->rejected_n; i++)
		buf_printf(b, "%s%s %" PRIu64, i > 0 ? ", " : "", in->rejected[i].name, in->rejected[i].n);
	if (in->evicted > 0)
		buf_printf(b, "%s%" PRIu64 " hosts evicted", b->len > 0 ? ", " : "", in->evicted);
	if (in->late > 0)
		buf_printf(b, "%s%" PRIu64 " late", b->len > 0 ? ", " : "", in->late);
	if (in->lost_flows > 0)
		buf_printf(b, "%s%" PRIu64 " flows lost on the way", b->len > 0 ? ", " : "", in->lost_flows);
	if (b->len > 0) {
		note(l, "Uncounted", INK_WARN);
		flush(l, b);
	}
	if (in->copies > 0) {
		note(l, "Note", INK_WARN);
		lines_wordsf(l, INK_PLAIN, "a mirror showed %" PRIu64 " packets again: they count once", in->copies);
	}
	if (in->sampling > 1) {
		note(l, "Note", INK_WARN);
		lines_wordsf(l, INK_PLAIN, "sampled, 1 in %" PRIu32 ": figures are scaled", in->sampling);
	}
	if (in->key_ephemeral && in->alerts > 0) {
		note(l, "Note", INK_WARN);
		lines_words(l, INK_PLAIN, "no --key was given: the alert lines are signed with a key made for this run");
	}
}

int
summary_text(struct buf *out, const struct report_input *in, const struct summary_options *o)
{
	size_t *order = calloc(in->incidents_n + 1, sizeof(*order));
	struct buf b = {.max = 1 << 14};
	struct lines l;
	char tmp[3][TIME_TEXT];

	if (order == NULL)
		return ERR_NOMEM;
	lines_init(&l, out, o);
	story_order(in, order);
	if (in->last_ns == 0) {
		lines_words(&l, INK_WARN, "No traffic: not one packet or flow record came.");
	} else {
		if (in->incidents_n == 0)
			lines_words(&l, INK_GOOD, "No incident");
		else
			lines_wordsf(&l, INK_BAD, "%zu incident%s", in->incidents_n, in->incidents_n == 1 ? "" : "s");
		text_duration(&b, (double)(in->last_ns - in->first_ns) / (double)NS_PER_S);
		lines_wordsf(&l, INK_PLAIN, " in %s of traffic, %s %s to %s UTC", buf_text(&b), time_date(in->first_ns, tmp[0]),
		             time_clock(in->first_ns, tmp[1]), story_clock(in, in->last_ns, tmp[2]));
		buf_reset(&b);
	}
	lines_end(&l);
	tell_incidents(&l, in, order);
	if (in->incidents_n > 0)
		buf_char(out, '\n');
	tell_seen(&l, in, &b);
	tell_doubts(&l, in, &b);
	if (in->incidents_n == 0 && in->slowest != NULL && in->last_ns != 0) {
		note(&l, "Blind to", INK_DIM);
		lines_wordsf(&l, INK_PLAIN, "abuse slower than %s", in->slowest);
	}
	lines_end(&l);
	buf_done(&b);
	free(order);
	return out->full ? ERR_FULL : 0;
}
