/* Tables of hosts: who did it or suffered it, their other ends, and the loudest of all. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/timefmt.h"
#include "reports/section.h"
#include "reports/text.h"

const char *
row_class(size_t i)
{
	return i >= ROWS_FIRST ? " class=more" : "";
}

void
rows_begin(struct buf *b, const char *id, size_t rows)
{
	buf_str(b, "<div class=rows>");
	if (rows > ROWS_FIRST)
		buf_printf(b, "<input type=checkbox class=more-on id=%s aria-label=\"show all rows\">", id);
	buf_str(b, "<div class=scroll>");
}

void
rows_end(struct buf *b, const char *id, size_t rows, bool csv)
{
	buf_str(b, "</div>");
	if (rows > ROWS_FIRST || csv)
		buf_str(b, "<div class=foot>");
	if (rows > ROWS_FIRST)
		buf_printf(b, "<label class=btn for=%s><span class=all>Show all %zu</span><span class=less>Show the first %d</span></label>",
		           id, rows, ROWS_FIRST);
	if (csv)
		buf_str(b, "<button class=csv hidden>Download CSV</button>");
	if (rows > ROWS_FIRST || csv)
		buf_str(b, "</div>");
	buf_str(b, "</div>");
}

/* --- who --------------------------------------------------------------------------------------- */

enum shape { SHAPE_BAR, SHAPE_BAR_BPS, SHAPE_COUNT, SHAPE_BYTES, SHAPE_FACTOR, SHAPE_SHARE, SHAPE_SIZE };

struct column {
	const char *head;
	enum evidence_key key;
	enum shape shape;
};

enum { COLUMNS = 7 };
static const struct column columns[ALERT_KINDS][COLUMNS] = {
	[KIND_DNS_AMPLIFICATION_ABUSER] = {{"Queries/s", EV_QPS, SHAPE_BAR}, {"Queries", EV_QUERY_PACKETS, SHAPE_COUNT},
		{"Drawn", EV_RESPONSE_BYTES, SHAPE_BYTES}, {"Factor", EV_BAF, SHAPE_FACTOR},
		{"Repeat in TTL", EV_REPEAT_SHARE, SHAPE_SHARE}},
	[KIND_DNS_AMPLIFICATION_VICTIM] = {{"bit/s", EV_BPS, SHAPE_BAR_BPS}, {"Answers", EV_RESPONSES, SHAPE_COUNT},
		{"Received", EV_RESPONSE_BYTES, SHAPE_BYTES}, {"Mean answer", EV_MEAN_RESPONSE, SHAPE_SIZE},
		{"Reflectors", EV_PEERS, SHAPE_COUNT}, {"Asked for", EV_MATCHED_SHARE, SHAPE_SHARE}},
	[KIND_DNS_AMPLIFICATION_REFLECTOR] = {{"bit/s", EV_BPS, SHAPE_BAR_BPS}, {"Queries", EV_QUERY_PACKETS, SHAPE_COUNT},
		{"Sent", EV_RESPONSE_BYTES, SHAPE_BYTES}, {"Factor", EV_BAF, SHAPE_FACTOR}, {"Towards", EV_PEERS, SHAPE_COUNT}},
	[KIND_UDP_AMPLIFICATION_VICTIM] = {{"bit/s", EV_BPS, SHAPE_BAR_BPS}, {"Packets", EV_RESPONSE_PACKETS, SHAPE_COUNT},
		{"Received", EV_RESPONSE_BYTES, SHAPE_BYTES}, {"Bytes/packet", EV_BPP, SHAPE_SIZE},
		{"Amplifiers", EV_PEERS, SHAPE_COUNT}, {"Asked for", EV_MATCHED_SHARE, SHAPE_SHARE}},
	[KIND_UDP_AMPLIFICATION_REFLECTOR] = {{"bit/s", EV_BPS, SHAPE_BAR_BPS}, {"Requests", EV_QUERY_PACKETS, SHAPE_COUNT},
		{"Sent", EV_RESPONSE_BYTES, SHAPE_BYTES}, {"Factor", EV_BAF, SHAPE_FACTOR}, {"Towards", EV_PEERS, SHAPE_COUNT}},
	[KIND_UDP_FRAGMENT_FLOOD] = {{"Packets/s", EV_PPS, SHAPE_BAR}, {"Fragments", EV_FRAGMENT_PACKETS, SHAPE_COUNT},
		{"Bytes", EV_FRAGMENT_BYTES, SHAPE_BYTES}, {"Bytes/packet", EV_BPP, SHAPE_SIZE}, {"Senders", EV_PEERS, SHAPE_COUNT}},
	[KIND_DNS_QUERY_FLOOD] = {{"Queries/s", EV_QPS, SHAPE_BAR}, {"Queries", EV_QUERY_PACKETS, SHAPE_COUNT},
		{"Drawn", EV_RESPONSE_BYTES, SHAPE_BYTES}, {"Servers or clients", EV_PEERS, SHAPE_COUNT}},
	[KIND_DNS_NXDOMAIN_FLOOD] = {{"Failing/s", EV_QPS, SHAPE_BAR}, {"Answers", EV_RESPONSES, SHAPE_COUNT},
		{"Failing", EV_FAILING_SHARE, SHAPE_SHARE}, {"NXDOMAIN", EV_NXDOMAIN, SHAPE_COUNT},
		{"SERVFAIL", EV_SERVFAIL, SHAPE_COUNT}, {"REFUSED", EV_REFUSED, SHAPE_COUNT}, {"Zones", EV_ZONES, SHAPE_COUNT}},
	[KIND_DNS_RANDOM_SUBDOMAIN] = {{"Failing/s", EV_QPS, SHAPE_BAR}, {"Answers", EV_RESPONSES, SHAPE_COUNT},
		{"Failing", EV_FAILING_SHARE, SHAPE_SHARE}, {"Names", EV_DISTINCT_NAMES, SHAPE_COUNT},
		{"NXDOMAIN", EV_NXDOMAIN, SHAPE_COUNT}, {"SERVFAIL", EV_SERVFAIL, SHAPE_COUNT}, {"Clients", EV_PEERS, SHAPE_COUNT}},
	[KIND_DNS_TUNNEL] = {{"Last hour", EV_LABEL_BYTES_HOUR, SHAPE_BYTES}, {"Last day", EV_LABEL_BYTES_DAY, SHAPE_BYTES},
		{"Names", EV_DISTINCT_NAMES, SHAPE_COUNT}, {"New", EV_DISTINCT_SHARE, SHAPE_SHARE},
		{"Mean name", EV_NAME_LENGTH, SHAPE_SIZE}, {"TXT, NULL …", EV_RARE_SHARE, SHAPE_SHARE}},
	[KIND_OPEN_RESOLVER] = {{"Answers", EV_RESPONSES, SHAPE_COUNT}, {"Sent", EV_RESPONSE_BYTES, SHAPE_BYTES},
		{"Strangers", EV_PEERS, SHAPE_COUNT}},
	[KIND_LINK_SATURATION] = {{"bit/s", EV_LINK_BPS, SHAPE_BAR_BPS}, {"Offenders", EV_OFFENDERS, SHAPE_COUNT}},
	[KIND_CARPET_BOMBING] = {{"bit/s", EV_BPS, SHAPE_BAR_BPS}, {"Hosts hit", EV_DESTINATIONS, SHAPE_COUNT},
	    {"Packets", EV_RESPONSE_PACKETS, SHAPE_COUNT}, {"Sources", EV_PEERS, SHAPE_COUNT}},
	[KIND_EXPORTER_HEALTH] = {{"Records", EV_RECORDS, SHAPE_COUNT}, {"Lost", EV_LOST_RECORDS, SHAPE_COUNT},
		{"Lost share", EV_LOST_SHARE, SHAPE_SHARE}, {"Undecoded", EV_UNDECODED, SHAPE_COUNT},
		{"Odd times", EV_TIME_REPAIRED, SHAPE_COUNT}, {"Damaged", EV_CORRUPT, SHAPE_COUNT}},
	[KIND_TRAFFIC_ANOMALY] = {{"bit/s", EV_BPS, SHAPE_BAR_BPS}, {"Ordinary bit/s", EV_BASELINE_BPS, SHAPE_COUNT},
		{"Times", EV_MULTIPLE, SHAPE_COUNT}, {"Packets/s", EV_PPS, SHAPE_COUNT}, {"Sent", EV_RESPONSE_BYTES, SHAPE_BYTES}},
};

static void
cell(struct buf *b, const struct column *c, const struct alert *a, double most)
{
	const struct evidence *e = alert_evidence(a, c->key), *low;

	buf_str(b, "<td class=n>");
	if (e == NULL) {
		buf_str(b, "–</td>");
		return;
	}
	switch (c->shape) {
	case SHAPE_BAR:
	case SHAPE_BAR_BPS:
		buf_printf(b, "<span class=bar><i style=\"width:%.0f%%\"></i></span>", most > 0 ? e->value / most * 100 : 0);
		if (c->shape == SHAPE_BAR)
			buf_printf(b, "%.1f", e->value);
		else
			text_si(b, e->value);
		break;
	case SHAPE_COUNT: text_count(b, (uint64_t)e->value); break;
	case SHAPE_BYTES: text_bytes(b, e->value); break;
	case SHAPE_FACTOR:
		buf_printf(b, "%.2f", e->value);
		low = alert_evidence(a, EV_BAF_LOW);
		if (low != NULL && low->value < e->value)
			buf_printf(b, " <small>≥ %.1f</small>", low->value);
		break;
	case SHAPE_SHARE:
		text_percent(b, e->value);
		buf_str(b, " %");
		break;
	case SHAPE_SIZE: buf_printf(b, "%.0f B", e->value); break;
	}
	buf_str(b, "</td>");
}

static void
subject(struct buf *b, const struct alert *a)
{
	char tmp[PREFIX_TEXT];

	if (a->subject.type == SUBJECT_HOST)
		text_addr(b, &a->subject.prefix.addr);
	else if (a->subject.type == SUBJECT_PREFIX)
		text_html(b, prefix_text(&a->subject.prefix, tmp));
	else
		text_html(b, a->subject.name);
}

static void
network_of(struct buf *b, const struct report_input *in, const struct addr *a)
{
	struct report_geo g = {.asn = 0};

	if (in->geo == NULL || !in->geo(in->geo_ctx, a, &g))
		return;
	buf_str(b, " <small>");
	if (g.country[0] != '\0')
		text_html(b, text_country(g.country));
	if (g.asn != 0)
		buf_printf(b, "%sAS%" PRIu32 " ", g.country[0] != '\0' ? ", " : "", g.asn);
	text_html(b, g.org);
	buf_str(b, "</small>");
}

/* Alerts of other kinds that share the incident: the resolver beside its abusers. */
static void
others(struct buf *b, const struct story *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->inc->alerts_kept && n < 20; i++) {
		const struct alert *a = s->inc->alert[i];

		if (a->kind == s->inc->kind)
			continue;
		buf_str(b, n++ == 0 ? "<div class=card><h3>Named in the same incident</h3><dl class=tl>" : "");
		buf_printf(b, "<dt>%s</dt><dd>", alert_kind_text(a->kind));
		if (a->message[0] != '\0') {
			text_html(b, a->message); /* names its subject */
		} else {
			buf_str(b, "<code>");
			subject(b, a);
			buf_str(b, "</code>");
		}
		buf_str(b, "</dd>");
	}
	if (n > 0)
		buf_str(b, "</dl></div>");
}

static void
peers(struct buf *b, const struct story *s)
{
	const struct alert *a = s->lead;
	const struct evidence *all = alert_evidence(a, EV_PEERS);
	bool bytes = false; /* of a zone's clients only the questions are counted */

	for (size_t i = 0; i < a->peers_n; i++)
		bytes = bytes || a->peers[i].bytes > 0;
	if (a->peers_n == 0 || s->inc->kind == KIND_DNS_AMPLIFICATION_ABUSER)
		return;
	buf_str(b, "<div class=card><h3>The other ends</h3><p class=sub>");
	if (all != NULL && all->value > (double)a->peers_n) {
		buf_printf(b, "The loudest %zu of ", a->peers_n);
		text_count(b, (uint64_t)all->value);
	} else {
		buf_str(b, "The loudest");
	}
	buf_str(b, ", for ");
	subject(b, a);
	buf_printf(b, ".</p><div class=scroll><table><thead><tr><th>#</th><th>Host</th><th class=n>Answers</th>%s</tr></thead><tbody>",
	    bytes ? "<th class=n>Bytes</th>" : "");
	for (size_t i = 0; i < a->peers_n; i++) {
		buf_printf(b, "<tr><td>%zu</td><td class=h>", i + 1);
		text_addr(b, &a->peers[i].addr);
		network_of(b, s->in, &a->peers[i].addr);
		buf_str(b, "</td><td class=n>");
		text_count(b, a->peers[i].responses);
		if (bytes) {
			buf_str(b, "</td><td class=n>");
			text_bytes(b, (double)a->peers[i].bytes);
		}
		buf_str(b, "</td></tr>");
	}
	buf_str(b, "</tbody></table></div></div>");
}

static void
who_head(struct buf *b, const struct story *s, bool shown[COLUMNS], double most[COLUMNS])
{
	buf_str(b, "<table class=sort><thead><tr><th class=n data-s=n>#</th><th data-s=t>Host</th>");
	for (size_t c = 0; c < COLUMNS && columns[s->inc->kind][c].head != NULL; c++) {
		const struct column *col = &columns[s->inc->kind][c];

		for (size_t i = 0; i < s->inc->alerts_kept && !shown[c]; i++)
			shown[c] = s->inc->alert[i]->kind == s->inc->kind && alert_evidence(s->inc->alert[i], col->key) != NULL;
		most[c] = story_max(s, col->key);
		if (shown[c])
			buf_printf(b, "<th class=n data-s=n>%s</th>", col->head);
	}
	buf_str(b, "<th class=n data-s=t>First</th><th class=n data-s=n>Severity</th></tr></thead><tbody>");
}

void
section_who(struct buf *b, const struct story *s, const struct budget *g, size_t n)
{
	const struct incident *inc = s->inc;
	size_t rows = 0, same = 0;
	bool shown[COLUMNS] = {false};
	double most[COLUMNS] = {0};
	char tmp[TIME_TEXT], id[32];

	for (size_t i = 0; i < inc->alerts_kept; i++)
		same += inc->alert[i]->kind == inc->kind;
	if (same == 0)
		return;
	snprintf(id, sizeof(id), "w%zu", n);
	buf_printf(b, "<h2>Who</h2><p class=sub>%s", same > 1 ? "The loudest first. " : "");
	if (s->hosts > (same < g->rows ? same : g->rows)) {
		text_count(b, s->hosts - (same < g->rows ? same : g->rows));
		buf_str(b, " more are not listed here; their alert lines are complete. ");
	}
	buf_str(b, s->baf > 0 ? "<b>Factor</b> is answer bytes by query bytes at IP level, with its lower 99 % bound." : "");
	buf_str(b, "</p><div class=\"card long\">");
	rows_begin(b, id, same < g->rows ? same : g->rows);
	who_head(b, s, shown, most);
	for (size_t i = 0; i < inc->alerts_kept && rows < g->rows; i++) {
		const struct alert *a = inc->alert[i];

		if (a->kind != inc->kind)
			continue;
		buf_printf(b, "<tr%s><td class=n>%zu</td><td class=h>", row_class(rows), rows + 1);
		subject(b, a);
		if (a->subject.type == SUBJECT_HOST && !story_is_ours(s->in, &a->subject.prefix.addr))
			network_of(b, s->in, &a->subject.prefix.addr);
		if (a->ledger.known && a->ledger.days > 1)
			buf_printf(b, " <small>seen for %" PRId64 " days</small>", a->ledger.last_s / 86400 - a->ledger.first_s / 86400 + 1);
		buf_str(b, "</td>");
		for (size_t c = 0; c < COLUMNS; c++)
			if (shown[c])
				cell(b, &columns[inc->kind][c], a, most[c]);
		buf_printf(b, "<td class=n>%s</td><td class=n>%d</td></tr>", story_clock(s->in, a->start_ns, tmp), a->severity);
		rows++;
	}
	buf_str(b, "</tbody></table>");
	rows_end(b, id, rows, true);
	buf_str(b, "</div>");
	peers(b, s);
	others(b, s);
}

/* --- the loudest of all ------------------------------------------------------------------------ */

enum { TALKER_ROWS = 50 };

static double
talker_value(const struct talker *t, enum talker_order o)
{
	uint64_t bytes = t->bytes_in + t->bytes_out, packets = t->packets_in + t->packets_out;

	switch (o) {
	case TALK_BYTES: return (double)bytes;
	case TALK_PACKETS: return (double)packets;
	case TALK_BPP: return packets > 0 ? (double)bytes / (double)packets : 0;
	default: return (double)t->fragments_in;
	}
}

static void
talker_row(struct buf *b, const struct report_input *in, const struct talker *t, enum talker_order o, size_t i, double most)
{
	double v = talker_value(t, o);

	buf_printf(b, "<tr%s><td class=n>%zu</td><td class=h>", row_class(i), i + 1);
	text_addr(b, &t->addr);
	if (t->named)
		buf_str(b, " <span class=\"pill bad\">▲ named</span>");
	if (t->is_resolver)
		buf_str(b, " <span class=pill>resolver</span>");
	if (!t->is_ours)
		network_of(b, in, &t->addr);
	buf_printf(b, "</td><td class=n><span class=\"bar%s\"><i style=\"width:%.0f%%\"></i></span>", t->named ? "" : " q",
	           most > 0 ? v / most * 100 : 0);
	if (o == TALK_BYTES)
		text_bytes(b, v);
	else if (o == TALK_BPP)
		buf_printf(b, "%.0f B", v);
	else
		text_count(b, (uint64_t)v);
	if (t->error > 0 && o != TALK_BPP) {
		buf_str(b, " <small>− ");
		text_si(b, (double)t->error);
		buf_str(b, "</small>");
	}
	buf_str(b, "</td><td class=n>");
	text_bytes(b, (double)t->bytes_in);
	buf_str(b, "</td><td class=n>");
	text_bytes(b, (double)t->bytes_out);
	buf_str(b, "</td><td class=n>");
	text_count(b, t->packets_in + t->packets_out);
	buf_str(b, "</td></tr>");
}

static void
talker_pane(struct buf *b, const struct report_input *in, enum talker_order o, const char *head)
{
	size_t rows = in->talkers[o].n < TALKER_ROWS ? in->talkers[o].n : TALKER_ROWS;
	char id[3] = {'t', (char)('0' + (int)o), '\0'};
	double most = 0;

	for (size_t i = 0; i < rows; i++)
		most = fmax(most, talker_value(&in->talkers[o].row[i], o));
	buf_str(b, "<div class=pane>");
	rows_begin(b, id, rows);
	buf_printf(b, "<table><thead><tr><th class=n>#</th><th>Host</th><th class=n>%s</th><th class=n>In</th>"
	              "<th class=n>Out</th><th class=n>Packets</th></tr></thead><tbody>", head);
	for (size_t i = 0; i < rows; i++)
		talker_row(b, in, &in->talkers[o].row[i], o, i, most);
	buf_str(b, "</tbody></table>");
	rows_end(b, id, rows, false);
	buf_str(b, "</div>");
}

void
section_talkers(struct buf *b, const struct report_input *in)
{
	static const char *const names[TALKER_ORDERS] = {"Bytes", "Packets", "Bytes/packet", "Fragments"};
	size_t panes = 0;

	for (size_t o = 0; o < TALKER_ORDERS; o++)
		panes += in->talkers[o].n > 0;
	if (panes == 0)
		return;
	buf_str(b, "<h2>The loudest of all traffic</h2><p class=sub>Whether named or not: many bytes, or large packets, are no "
	           "guilt. Only what an alert names is in colour.</p><div class=\"card long talk\"><div class=tabs>");
	panes = 0;
	for (size_t o = 0; o < TALKER_ORDERS; o++)
		if (in->talkers[o].n > 0)
			buf_printf(b, "<input type=radio name=tk id=k%zu%s><label for=k%zu>%s</label>", o,
			           panes++ == 0 ? " checked" : "", o, names[o]);
	if (in->geo != NULL)
		buf_str(b, "<input type=radio name=tk id=kc><label for=kc>Countries</label>");
	for (size_t o = 0; o < TALKER_ORDERS; o++)
		if (in->talkers[o].n > 0)
			talker_pane(b, in, (enum talker_order)o, names[o]);
	if (in->geo != NULL)
		section_countries(b, in);
	buf_str(b, "</div></div>");
}
