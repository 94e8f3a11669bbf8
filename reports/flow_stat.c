/* Top rows of groups, in nfdump's columns, as CSV and as JSON. */
#include "reports/flow_stat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/json.h"
#include "base/nearest.h"

/* A statistic of both ends, or with a title of its own; every field's name is one, too. */
static const struct { const char *name, *title, *first, *second; } stats[] = {
	{"record", "flows", NULL, NULL},
	{"ip", "IP Addr", "srcip", "dstip"},
	{"port", "Port", "srcport", "dstport"},
	{"as", "AS", "srcas", "dstas"},
	{"if", "In/Out If", "inif", "outif"},
	{"net", "Network", "srcnet", "dstnet"},
	{"mask", "Mask", "srcmask", "dstmask"},
	{"vlan", "Vlan", "srcvlan", "dstvlan"},
	{"srcport", "Src Port", "srcport", NULL},
	{"dstport", "Dst Port", "dstport", NULL},
	{"proto", "Protocol", "proto", NULL},
	{"inif", "Input If", "inif", NULL},
	{"outif", "Output If", "outif", NULL},
	{"srcmask", "Src Mask", "srcmask", NULL},
	{"dstmask", "Dst Mask", "dstmask", NULL},
	{"srcvlan", "Src Vlan", "srcvlan", NULL},
	{"dstvlan", "Dst Vlan", "dstvlan", NULL},
};
enum { STATS = sizeof(stats) / sizeof(stats[0]) };

const char *
flow_stat_name(size_t i)
{
	const struct flow_field *f;

	if (i < STATS)
		return stats[i].name;
	for (size_t k = 0; (f = flow_field_at(k)) != NULL; k++) {
		bool there = false;

		for (size_t j = 0; j < STATS; j++)
			there = there || strcmp(stats[j].name, f->name) == 0;
		if (!there && i-- == STATS)
			return f->name;
	}
	return NULL;
}

static int
unknown_stat(const char *name, char *why, size_t why_size)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; flow_stat_name(i) != NULL; i++)
		nearest_try(&near, flow_stat_name(i));
	if (nearest_found(&near) != NULL)
		snprintf(why, why_size, "there is no statistic '%s'; did you mean '%s'?", name, nearest_found(&near));
	else
		snprintf(why, why_size, "there is no statistic '%s'; damp flows --list names them", name);
	return ERR_INVALID;
}

static int
take_orders(struct flow_stat *t, const char *p, char *why, size_t why_size)
{
	while (*p == '/') {
		size_t n = strcspn(++p, "/");
		int o = flow_order_parse(p, n);

		if (o < 0 || t->orders == STAT_ORDERS) {
			if (o < 0)
				snprintf(why, why_size, "there is no order '%.*s'; flows, packets, bytes, pps, bps, bpp, tstart, tend and "
				    "duration are", (int)n, p);
			else
				snprintf(why, why_size, "more than %d orders", STAT_ORDERS);
			return ERR_INVALID;
		}
		t->order[t->orders++] = (enum flow_order)o;
		p += n;
	}
	if (t->orders == 0)
		t->order[t->orders++] = ORDER_FLOWS;
	return 0;
}

static int
take_keys(struct flow_stat *t, const char *first, const char *second, char *why, size_t why_size)
{
	const char *end[2] = {first, second};
	char list[64];

	for (t->keys = 0; t->keys < 2 && end[t->keys] != NULL; t->keys++) {
		/* the protocol behind the thing itself */
		snprintf(list, sizeof(list), "%s%s", end[t->keys], t->by_proto ? ",proto" : "");
		if (flow_fields_parse(&t->key[t->keys], list, why, why_size) < 0)
			return ERR_INVALID;
	}
	return 0;
}

int
flow_stat_parse(struct flow_stat *t, const char *text, const char *record, char *why, size_t why_size)
{
	size_t n = strcspn(text, ":/");
	const struct flow_field *f;

	*t = (struct flow_stat){0};
	snprintf(t->name, sizeof(t->name), "%.*s", (int)n, text);
	text += n;
	if (*text == ':') {
		if (strncmp(text, ":p", 2) != 0 || (text[2] != '\0' && text[2] != '/')) {
			snprintf(why, why_size, "only :p, for each protocol, may stand behind %s", t->name);
			return ERR_INVALID;
		}
		t->by_proto = true;
		text += 2;
	}
	if (take_orders(t, text, why, why_size) < 0)
		return ERR_INVALID;
	for (size_t i = 0; i < STATS; i++) {
		if (strcasecmp(stats[i].name, t->name) != 0)
			continue;
		snprintf(t->title, sizeof(t->title), "%s", stats[i].title);
		t->record = stats[i].first == NULL;
		t->keys = 1;
		if (t->record)
			return flow_fields_parse(&t->key[0], record, why, why_size);
		t->by_proto = t->by_proto && strcmp(stats[i].name, "proto") != 0;
		return take_keys(t, stats[i].first, stats[i].second, why, why_size);
	}
	f = flow_field_find(t->name, strlen(t->name));
	if (f == NULL)
		return unknown_stat(t->name, why, why_size);
	snprintf(t->title, sizeof(t->title), "%s", f->title);
	return take_keys(t, f->name, NULL, why, why_size);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static bool
is_as_trans(const struct flow_fields *k, const struct flow_row *r)
{
	return k->part[0].field->kind == FIELD_AS && flow_fields_number(k, 0, r->key) == AS_TRANS;
}

static bool
is_no_as_trans(const struct flow_fields *k, const struct flow_row *r)
{
	return !is_as_trans(k, r);
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole > 0 ? (double)part * 100 / (double)whole : 0;
}

/* What a line of a statistic says. */
struct line {
	const char *value, *proto;
	const struct flow_sums *sums, *total;
};

static void
text_line(struct buf *out, const struct flow_style *s, const struct line *l)
{
	char t[FLOW_TIME_TEXT], d[FLOW_TIME_TEXT], n[5][FLOW_NUMBER_TEXT];
	const struct flow_sums *m = l->sums;

	buf_printf(out, "%s %16s %-5s%*s %8s(%4.1f) %8s(%4.1f) %8s(%4.1f) %8s %8s %5llu\n",
	    flow_time_text(m->first_ns, s->local, true, t), flow_duration_text(flow_sums_ms(m), s->plain, d), l->proto,
	    s->wide ? 44 : 18, l->value, flow_number_text(m->flows, s->plain, n[0]), share(m->flows, l->total->flows),
	    flow_number_text(m->packets, s->plain, n[1]), share(m->packets, l->total->packets),
	    flow_number_text(m->bytes, s->plain, n[2]), share(m->bytes, l->total->bytes),
	    flow_number_text(flow_sums_pps(m), s->plain, n[3]), flow_number_text(flow_sums_bps(m), s->plain, n[4]),
	    (unsigned long long)flow_sums_bpp(m));
}

static void
csv_line(struct buf *out, const struct flow_style *s, const struct line *l)
{
	const struct flow_sums *m = l->sums;
	char from[FLOW_TIME_TEXT], to[FLOW_TIME_TEXT], d[FLOW_TIME_TEXT];

	buf_printf(out, "%s,%s,%s,%s,%s,%" PRIu64 ",%.1f,%" PRIu64 ",%.1f,%" PRIu64 ",%.1f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n",
	    flow_time_text(m->first_ns, s->local, false, from), flow_time_text(m->last_ns, s->local, false, to),
	    flow_duration_text(flow_sums_ms(m), true, d), l->proto, l->value, m->flows, share(m->flows, l->total->flows),
	    m->packets, share(m->packets, l->total->packets), m->bytes, share(m->bytes, l->total->bytes), flow_sums_pps(m),
	    flow_sums_bps(m), flow_sums_bpp(m));
}

static void
json_line(struct buf *out, const struct flow_stat *t, const struct line *l)
{
	const struct flow_sums *m = l->sums;
	struct json j = json_to(out);

	json_open(&j, NULL, '{');
	json_str(&j, "statistic", t->name);
	json_str(&j, "value", l->value);
	if (t->by_proto)
		json_str(&j, "protocol", l->proto);
	json_uint(&j, "flows", m->flows);
	json_uint(&j, "packets", m->packets);
	json_uint(&j, "bytes", m->bytes);
	json_int(&j, "flowStartMilliseconds", m->first_ns / 1000000);
	json_int(&j, "flowEndMilliseconds", m->last_ns / 1000000);
	json_uint(&j, "pps", flow_sums_pps(m));
	json_uint(&j, "bps", flow_sums_bps(m));
	json_uint(&j, "bpp", flow_sums_bpp(m));
	json_close(&j, '}');
	buf_char(out, '\n');
}

static void
any_line(struct buf *out, const struct flow_style *s, const struct flow_stat *t, const struct line *l)
{
	if (s->format == FORMAT_JSON)
		json_line(out, t, l);
	else if (s->format == FORMAT_CSV)
		csv_line(out, s, l);
	else
		text_line(out, s, l);
}

static void
stat_line(struct buf *out, const struct flow_style *s, const struct flow_stat *t, const struct flow_row *r,
    const struct flow_sums *total)
{
	struct flow_style cell = *s;
	char value[FLOW_CELL_TEXT], proto[FLOW_CELL_TEXT] = "any";
	const struct flow_fields *k = &t->key[0];
	const char *said;

	cell.wide = s->wide || s->format == FORMAT_CSV || s->format == FORMAT_JSON;
	/* protocols as such are numbers here, with their name in front */
	cell.plain = s->plain || k->part[0].field->kind == FIELD_PROTO;
	said = is_as_trans(k, r) ? "AS_TRANS (unknown)" : flow_cell_text(&cell, k, 0, r->key, value);
	cell.plain = s->plain;
	if (t->by_proto || k->part[0].field->kind == FIELD_PROTO)
		(void)flow_cell_text(&cell, k, t->by_proto ? 1 : 0, r->key, proto);
	any_line(out, s, t, &(struct line){said, proto, &r->sums, total});
}

static void
stat_title(struct buf *out, const struct flow_style *s, const struct flow_stat *t, enum flow_order o, size_t top)
{
	char line[200];

	if (s->format == FORMAT_CSV) {
		buf_str(out, "ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp\n");
		return;
	}
	if (s->format == FORMAT_JSON || !s->header)
		return;
	if (top > 0)
		buf_printf(out, "Top %zu %s ordered by %s:\n", top, t->title, flow_order_name(o));
	else
		buf_printf(out, "All %s ordered by %s:\n", t->title, flow_order_name(o));
	snprintf(line, sizeof(line), "Date first seen                 Duration Proto%*s    Flows(%%)     Packets(%%)       Bytes(%%)  "
	    "       pps      bps   bpp", s->wide ? 44 : 18, t->title);
	buf_printf(out, s->color ? "\033[1m%s\033[0m\n" : "%s\n", line);
}

static void
record_rows(struct flow_sink *to, const struct flow_style *s, const struct flow_groups *g, const struct flow_row **row,
    size_t n)
{
	flow_text_header(&to->buf, s);
	for (size_t i = 0; i < n; i++) {
		flow_text_record(&to->buf, s, flow_groups_key(g), row[i]);
		flow_sink_row(to);
	}
}

static void
others_line(struct buf *out, const struct flow_style *s, const struct flow_stat *t, const struct flow_groups *g,
    const struct flow_sums *total)
{
	const struct flow_sums *others = flow_groups_others(g);

	if (others->flows > 0)
		any_line(out, s, t, &(struct line){"others", "any", others, total});
}

int
flow_stat_print(struct flow_sink *to, const struct flow_style *s, const struct flow_stat *t, const struct flow_groups *g,
    size_t top, const struct flow_totals *totals)
{
	struct buf *out = &to->buf;

	for (size_t o = 0; o < t->orders; o++) {
		size_t n, trans = 0;
		const struct flow_row **row = flow_groups_rank(g, t->order[o], top, t->record ? NULL : is_as_trans, &n);
		const struct flow_row **unknown = t->record ? NULL : flow_groups_rank(g, t->order[o], 0, is_no_as_trans, &trans);

		if ((row == NULL && n > 0) || (unknown == NULL && trans > 0)) {
			free(row);
			free(unknown);
			return ERR_NOMEM;
		}
		if (t->record && s->header && s->format < FORMAT_CSV)
			buf_printf(out, "Top %zu flows ordered by %s:\n", top > 0 ? top : n, flow_order_name(t->order[o]));
		if (t->record)
			record_rows(to, s, g, row, n);
		else
			stat_title(out, s, t, t->order[o], top);
		for (size_t i = 0; i < n && !t->record; i++) {
			stat_line(out, s, t, row[i], &totals->matched);
			flow_sink_row(to);
		}
		for (size_t i = 0; i < trans; i++)
			stat_line(out, s, t, unknown[i], &totals->matched);
		others_line(out, s, t, g, &totals->matched);
		free(row);
		free(unknown);
		if (!t->record && s->format < FORMAT_CSV && s->header)
			buf_char(out, '\n');
	}
	return 0;
}

int
flow_list_print(struct flow_sink *to, const struct flow_style *s, const struct flow_groups *g, enum flow_order order,
    size_t top, bool as_records)
{
	struct buf *out = &to->buf;
	static const struct flow_stat none = {.name = "others"};
	size_t n;
	const struct flow_row **row = flow_groups_rank(g, order, top, NULL, &n);

	if (row == NULL && n > 0)
		return ERR_NOMEM;
	if (as_records) {
		record_rows(to, s, g, row, n);
	} else {
		flow_text_group_header(out, s, flow_groups_key(g));
		for (size_t i = 0; i < n; i++) {
			flow_text_group(out, s, flow_groups_key(g), row[i]);
			flow_sink_row(to);
		}
	}
	if (s->format < FORMAT_CSV)
		others_line(out, s, &none, g, flow_groups_others(g));
	free(row);
	return 0;
}
