/* The frame of the page: head, index of several incidents, sections in the order in which they are
 * asked for, foot. */
#include "reports/page.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "reports/assets.h"
#include "reports/section.h"
#include "reports/text.h"

enum { DRAWN = 50 }; /* incidents shown in full; the index has all */

static struct budget
budget_for(size_t incidents)
{
	if (incidents <= 1)
		return (struct budget){.rows = 1000, .points = 600, .rule_bytes = 64 << 10};
	if (incidents <= 8)
		return (struct budget){.rows = 200, .points = 400, .rule_bytes = 16 << 10};
	return (struct budget){.rows = 50, .points = 200, .rule_bytes = 3 << 10};
}

/* --- head and foot ----------------------------------------------------------------------------- */

static void
title(struct buf *b, const struct report_input *in, const size_t *order)
{
	struct story s;
	struct buf who = {.max = 4096}, rest = {.max = 4096};

	if (in->incidents_n == 0) {
		buf_str(b, "damp: no incident");
	} else {
		story_read(&s, in, &in->incident[order[0]]);
		story_headline(&s, &who, &rest);
		if (in->incidents_n > 1)
			text_htmlf(b, "damp: %zu incidents; ", in->incidents_n);
		text_html(b, buf_text(&who));
		text_html(b, buf_text(&rest));
	}
	buf_done(&who);
	buf_done(&rest);
}

static void
head(struct buf *b, const struct report_input *in, const size_t *order)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char base64[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];

	/* what the policy allows is this very script, none that traffic might smuggle in */
	crypto_hash_sha256(hash, (const unsigned char *)assets_script, strlen(assets_script));
	sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
	buf_printf(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
	              "script-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
	              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	              "<meta name=\"referrer\" content=\"no-referrer\">\n"
	              "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>", base64);
	title(b, in, order);
	buf_str(b, "</title>\n<style>");
	buf_str(b, assets_style);
	buf_str(b, "</style>\n</head>\n<body>\n<main>\n");
}

static void
state_pill(struct buf *b, const struct report_input *in, const struct incident *inc)
{
	char tmp[TIME_TEXT];

	if (inc->closed_ns != 0)
		buf_printf(b, "<span class=\"pill ok\">✓ Closed %s</span>", story_clock(in, inc->closed_ns, tmp));
	else
		buf_str(b, "<span class=\"pill warn\">● Still open</span>");
}

static void
severity_pill(struct buf *b, const struct incident *inc)
{
	buf_printf(b, "<span class=\"pill %s\">▲ Severity %d of 10</span>", inc->severity >= 4 ? "bad" : "warn", inc->severity);
}

static void
bar(struct buf *b, const struct report_input *in)
{
	char tmp[TIME_TEXT], id[ALERT_ID_TEXT];

	buf_str(b, "<header class=top><b class=brand>damp</b>");
	if (in->incidents_n == 1) {
		buf_printf(b, "<span>Incident <code>%s</code></span>", alert_id_text(in->incident[0].incident->id, id));
		severity_pill(b, in->incident[0].incident);
		state_pill(b, in, in->incident[0].incident);
	} else if (in->incidents_n == 0) {
		buf_str(b, "<span class=\"pill ok\">✓ No incident</span>");
	}
	if (in->last_ns != 0)
		buf_printf(b, "<span>%s UTC</span>", time_date(in->first_ns, tmp));
	buf_str(b, "<span class=acts><button id=th hidden>◐ Theme</button><button id=pr hidden>Print</button></span></header>\n");
}

static void
foot(struct buf *b, const struct report_input *in)
{
	buf_str(b, "<footer>damp ");
	text_html(b, in->version != NULL ? in->version : "");
	buf_str(b, " on ");
	text_html(b, in->sensor != NULL ? in->sensor : "this sensor");
	buf_str(b, " · this page is one file and loads nothing from the network · figures are in decimal units, bytes at IP level");
	if (in->alerts_file != NULL) {
		buf_str(b, " · alert lines: <code>");
		text_html(b, in->alerts_file);
		buf_str(b, "</code>");
	}
	if (in->chain_digest != NULL) {
		buf_str(b, ", BLAKE2b-256 of the last <code>");
		text_html(b, in->chain_digest);
		buf_str(b, "</code>");
	}
	if (in->anonymised)
		buf_str(b, " · addresses were anonymised, prefixes preserved");
	buf_str(b, "</footer>\n</main>\n<script>");
	buf_str(b, assets_script);
	buf_str(b, "</script>\n</body>\n</html>\n");
}

/* What must be known before any figure is believed. */
static void
warnings(struct buf *b, const struct report_input *in)
{
	if (in->damage_n > 0) {
		buf_printf(b, "<p class=note>▲ The input was incomplete in %zu place%s; everything readable before and after is counted. "
		              "The first: ", in->damage_n, in->damage_n == 1 ? "" : "s");
		text_html(b, in->damage[0].file);
		buf_str(b, ", ");
		text_html(b, in->damage[0].where);
		buf_str(b, ": ");
		text_html(b, in->damage[0].reason);
		buf_str(b, "</p>");
	}
	if (in->lost_flows > 0 && in->flows > 0 && in->lost_flows > in->flows / 200) {
		buf_str(b, "<p class=note>▲ ");
		text_percent(b, (double)in->lost_flows / (double)(in->flows + in->lost_flows));
		buf_str(b, " % of the flow records were lost on their way; figures are too low by about as much.</p>");
	}
}

/* --- one incident ------------------------------------------------------------------------------ */

static void
headline(struct buf *b, const struct story *s, const char *open, const char *close)
{
	struct buf who = {.max = 4096}, rest = {.max = 8192};

	story_headline(s, &who, &rest);
	buf_printf(b, "%s<em>", open);
	text_html(b, buf_text(&who));
	buf_str(b, "</em>");
	text_html(b, buf_text(&rest));
	buf_str(b, close);
	buf_reset(&rest);
	buf_str(b, "<p class=lead>");
	story_paragraph(s, &rest);
	story_html(b, buf_text(&rest));
	buf_str(b, "</p>");
	buf_done(&who);
	buf_done(&rest);
}

static void
body(struct buf *b, const struct story *s, const struct budget *g, size_t n)
{
	section_figures(b, s);
	section_chart(b, s, g, n);
	section_rules(b, s, g, n);
	section_who(b, s, g, n);
	section_why(b, s);
	section_where(b, s);
}

static void
page_one(struct buf *b, const struct report_input *in)
{
	struct budget g = budget_for(1);
	struct story s;

	story_read(&s, in, &in->incident[0]);
	headline(b, &s, "<h1>", "</h1>");
	warnings(b, in);
	body(b, &s, &g, 1);
	section_names(b, in);
	section_talkers(b, in);
	buf_str(b, "<div class=two>");
	section_when(b, &s);
	section_sure(b, in);
	buf_str(b, "</div>");
}

/* --- several ----------------------------------------------------------------------------------- */

static void
index_row(struct buf *b, const struct story *s, size_t i)
{
	struct buf who = {.max = 4096}, rest = {.max = 4096};
	char tmp[TIME_TEXT];

	story_headline(s, &who, &rest);
	buf_printf(b, "<tr%s><td class=n>%s%d</td><td>", row_class(i), s->inc->severity >= 4 ? "▲ " : "", s->inc->severity);
	buf_printf(b, i < DRAWN ? "<a href=\"#i%zu\">" : "<span>", i + 1);
	text_html(b, buf_text(&who));
	text_html(b, buf_text(&rest));
	buf_printf(b, "%s</td><td class=n>%s</td><td class=n>", i < DRAWN ? "</a>" : "</span>", story_clock(s->in, s->inc->first_ns, tmp));
	text_duration(b, (double)(s->inc->last_ns - s->inc->first_ns) / (double)NS_PER_S);
	buf_str(b, "</td><td class=n>");
	text_bytes(b, (double)s->inc->bytes);
	buf_printf(b, "</td><td>%s</td></tr>", s->inc->closed_ns != 0 ? "closed" : "<b>open</b>");
	buf_done(&who);
	buf_done(&rest);
}

static void
page_index(struct buf *b, const struct report_input *in, const size_t *order)
{
	size_t open = 0;
	struct story s;

	for (size_t i = 0; i < in->incidents_n; i++)
		open += in->incident[i].incident->closed_ns == 0;
	buf_str(b, "<h1><em>");
	text_count(b, in->incidents_n);
	if (open > 0)
		buf_printf(b, " incidents</em>, %zu of them still open", open);
	else
		buf_str(b, " incidents</em>, all of them over");
	buf_str(b, "</h1><p class=lead>The gravest first; each line leads to its section below.");
	if (in->incidents_n > DRAWN)
		buf_printf(b, " The gravest %d are drawn in full, the others are in the table and in the alert lines.", DRAWN);
	buf_str(b, "</p>");
	warnings(b, in);
	buf_str(b, "<div class=\"card long\">");
	rows_begin(b, "all", in->incidents_n);
	buf_str(b, "<table class=\"sort idx\"><thead><tr><th class=n data-s=n>Severity</th><th>What</th><th class=n data-s=t>Since"
	           "</th><th class=n>Lasted</th><th class=n data-s=n>Bytes</th><th data-s=t>State</th></tr></thead><tbody>");
	for (size_t i = 0; i < in->incidents_n; i++) {
		story_read(&s, in, &in->incident[order[i]]);
		index_row(b, &s, i);
	}
	buf_str(b, "</tbody></table>");
	rows_end(b, "all", in->incidents_n, true);
	buf_str(b, "</div>\n");
}

static void
page_many(struct buf *b, const struct report_input *in, const size_t *order)
{
	struct budget g = budget_for(in->incidents_n);
	struct story s;
	char id[ALERT_ID_TEXT];

	page_index(b, in, order);
	for (size_t i = 0; i < in->incidents_n && i < DRAWN; i++) {
		struct buf who = {.max = 4096}, rest = {.max = 4096};

		story_read(&s, in, &in->incident[order[i]]);
		story_headline(&s, &who, &rest);
		buf_printf(b, "<details class=inc id=i%zu><summary>▲ %d · ", i + 1, s.inc->severity);
		text_html(b, buf_text(&who));
		text_html(b, buf_text(&rest));
		buf_str(b, "</summary><p class=top>");
		buf_printf(b, "<span>Incident <code>%s</code></span>", alert_id_text(s.inc->id, id));
		severity_pill(b, s.inc);
		state_pill(b, in, s.inc);
		buf_str(b, "</p>");
		headline(b, &s, "<h2 class=big>", "</h2>");
		body(b, &s, &g, i + 1);
		section_when(b, &s);
		buf_str(b, "</details>\n");
		buf_done(&who);
		buf_done(&rest);
	}
	section_names(b, in);
	section_talkers(b, in);
	section_sure(b, in);
}

/* --- none -------------------------------------------------------------------------------------- */

static void
page_none(struct buf *b, const struct report_input *in)
{
	char from[TIME_TEXT], to[TIME_TEXT];

	buf_str(b, "<h1>No amplification or DNS abuse was found in this traffic</h1><p class=lead>");
	if (in->last_ns == 0) {
		buf_str(b, "Not one packet could be read: this says nothing about the network.</p>");
	} else {
		buf_printf(b, "From <b>%s</b> to <b>%s</b> damp saw ", story_clock(in, in->first_ns, from), story_clock(in, in->last_ns, to));
		text_count(b, in->packets);
		buf_str(b, " packets of ");
		text_count(b, in->hosts);
		buf_str(b, " hosts, ");
		text_count(b, in->dns_queries);
		buf_str(b, " DNS queries and ");
		text_count(b, in->dns_responses);
		buf_str(b, " answers among them.</p>");
	}
	warnings(b, in);
	section_traffic(b, in);
	section_talkers(b, in);
	buf_str(b, "<h2>What could not have been seen</h2><div class=card><dl class=tl><dt>Slower abuse</dt><dd>");
	text_html(b, in->slowest != NULL ? in->slowest : "abuse shorter or slower than the windows of the detectors");
	buf_str(b, "</dd><dt>Elsewhere</dt><dd>what does not pass this sensor</dd>");
	if (in->sampling > 1)
		buf_printf(b, "<dt>Sampling</dt><dd>one packet in %" PRIu32 " was counted: bursts of fewer than some %" PRIu32
		              " packets leave no trace</dd>", in->sampling, in->sampling * 10);
	if (in->from_records)
		buf_str(b, "<dt>Names</dt><dd>flow records carry no DNS names: repeated questions cannot be told from new ones</dd>");
	if (in->dns_queries == 0 && in->last_ns != 0)
		buf_str(b, "<dt>DNS</dt><dd>no DNS query was seen at all; is this the right place to look?</dd>");
	buf_str(b, "</dl></div>");
	section_sure(b, in);
}

int
page_html(struct buf *out, const struct report_input *in)
{
	size_t *order = calloc(in->incidents_n + 1, sizeof(*order));

	if (order == NULL)
		return ERR_NOMEM;
	story_order(in, order);
	head(out, in, order);
	bar(out, in);
	if (in->incidents_n == 0)
		page_none(out, in);
	else if (in->incidents_n == 1)
		page_one(out, in);
	else
		page_many(out, in, order);
	foot(out, in);
	free(order);
	return out->full ? ERR_FULL : 0;
}
