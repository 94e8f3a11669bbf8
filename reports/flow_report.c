/* flow-report's tables. */
#include "reports/flow_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/timefmt.h"

#define SRC "ip-source-address*"
#define DST "ip-destination-address*"
#define SPORT "ip-source-port*"
#define DPORT "ip-destination-port*"

static const struct flow_report_type types[] = {
	{"ip-source-address", SRC, "srcip", NULL},
	{"ip-destination-address", DST, "dstip", NULL},
	{"ip-address", "ip-address*", "srcip", "dstip"},
	{"ip-source/destination-address", SRC "," DST, "srcip,dstip", NULL},
	{"ip-source-port", SPORT, "srcport", NULL},
	{"ip-destination-port", DPORT, "dstport", NULL},
	{"ip-port", "ip-port*", "srcport", "dstport"},
	{"ip-source/destination-port", SPORT "," DPORT, "srcport,dstport", NULL},
	{"ip-source-address/ip-source-port", SRC "," SPORT, "srcip,srcport", NULL},
	{"ip-source-address/ip-destination-port", SRC "," DPORT, "srcip,dstport", NULL},
	{"ip-destination-address/ip-source-port", DST "," SPORT, "dstip,srcport", NULL},
	{"ip-destination-address/ip-destination-port", DST "," DPORT, "dstip,dstport", NULL},
	{"ip-source-address/ip-source/destination-port", SRC "," SPORT "," DPORT, "srcip,srcport,dstport", NULL},
	{"ip-destination-address/ip-source/destination-port", DST "," SPORT "," DPORT, "dstip,srcport,dstport", NULL},
	{"ip-source/destination-address/ip-source-port", SRC "," DST "," SPORT, "srcip,dstip,srcport", NULL},
	{"ip-source/destination-address/ip-destination-port", SRC "," DST "," DPORT, "srcip,dstip,dstport", NULL},
	{"ip-source/destination-address/ip-source/destination-port", SRC "," DST "," SPORT "," DPORT,
		"srcip,dstip,srcport,dstport", NULL},
	{"ip-protocol", "ip-protocol*", "proto", NULL},
	{"ip-tos", "ip-tos*", "tos", NULL},
	{"ip-next-hop-address", "ip-next-hop-address*", "next", NULL},
	{"ip-exporter-address", "ip-exporter-address*", "exporter", NULL},
	{"ip-source-address/output-interface", SRC ",output-interface*", "srcip,outif", NULL},
	{"ip-destination-address/input-interface", DST ",input-interface*", "dstip,inif", NULL},
	{"input-interface", "input-interface*", "inif", NULL},
	{"output-interface", "output-interface*", "outif", NULL},
	{"input/output-interface", "input-interface*,output-interface*", "inif,outif", NULL},
	{"source-as", "source-as*", "srcas", NULL},
	{"destination-as", "destination-as*", "dstas", NULL},
	{"source/destination-as", "source-as*,destination-as*", "srcas,dstas", NULL},
};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

const struct flow_report_type *
flow_report_type(const char *name)
{
	for (size_t i = 0; i < TYPES; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

const char *
flow_report_nearest(const char *name)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < TYPES; i++)
		nearest_try(&near, types[i].name);
	return nearest_found(&near);
}

const struct flow_report_type *
flow_report_at(size_t i)
{
	return i < TYPES ? &types[i] : NULL;
}

static const char *
order_name(enum flow_order o)
{
	return o == ORDER_BYTES ? "octets" : flow_order_name(o);
}

static void
head(struct buf *out, const struct flow_report *r, const struct flow_totals *t)
{
	char when[TIME_TEXT];

	buf_printf(out, "# type:                %s\n", r->type->name);
	if (r->filter != NULL) {
		/* one line, whatever it was given as */
		buf_str(out, "# filter:              ");
		for (const char *p = r->filter; *p != '\0'; p++)
			buf_char(out, (unsigned char)*p < ' ' ? ' ' : *p);
		buf_char(out, '\n');
	}
	buf_printf(out, "# sort:                +%s\n", order_name(r->order));
	if (r->records > 0)
		buf_printf(out, "# records:             %zu\n", r->records);
	if (t->matched.flows > 0) {
		buf_printf(out, "# first-flow:          %s\n", time_rfc3339(t->matched.first_ns, when));
		buf_printf(out, "# last-flow:           %s\n", time_rfc3339(t->matched.last_ns, when));
	}
	buf_printf(out, "# total:               flows %" PRIu64 ", octets %" PRIu64 ", packets %" PRIu64 ", duration %" PRIu64 "\n",
	    t->matched.flows, t->matched.bytes, t->matched.packets, t->matched.duration_ms);
	if (r->without_packets > 0)
		buf_printf(out, "# without-packets:     %" PRIu64 " flows, counted\n", r->without_packets);
}

static void
sums(struct buf *out, const struct flow_sums *s)
{
	buf_printf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", s->flows, s->bytes, s->packets, s->duration_ms);
}

static void
row(struct buf *out, const struct flow_style *s, const struct flow_fields *k, const struct flow_row *r)
{
	char cell[FLOW_CELL_TEXT];

	for (size_t i = 0; i < k->parts; i++)
		buf_printf(out, "%s%s", i > 0 ? "," : "", flow_cell_text(s, k, i, r->key, cell));
	sums(out, &r->sums);
}

int
flow_report_print(struct flow_sink *to, const struct flow_report *r, const struct flow_style *s, const struct flow_groups *g,
    const struct flow_totals *totals)
{
	struct flow_style style = *s;
	struct buf *out = &to->buf;
	size_t n, unranked = 0;
	const struct flow_row **list = flow_groups_rank(g, r->order, r->records, flow_row_as_trans, &n);
	const struct flow_row **trans = flow_groups_rank(g, r->order, 0, flow_row_as_known, &unranked);
	int err = (list == NULL && n > 0) || (trans == NULL && unranked > 0) ? ERR_NOMEM : 0;

	/* numbers for programs: no names of protocols, whole addresses */
	style.plain = style.wide = true;
	if (s->header)
		head(out, r, totals);
	buf_printf(out, "# recn: %s,flows,octets,packets,duration\n", r->type->columns);
	for (size_t i = 0; err == 0 && i < n; i++) {
		row(out, &style, flow_groups_key(g), list[i]);
		flow_sink_row(to);
	}
	for (size_t i = 0; err == 0 && i < unranked; i++)
		row(out, &style, flow_groups_key(g), trans[i]);
	if (flow_groups_others(g)->flows > 0) {
		buf_str(out, "others");
		sums(out, flow_groups_others(g));
	}
	if (n + unranked < flow_groups_n(g))
		buf_str(out, "# stop, hit record limit.\n");
	free(list);
	free(trans);
	return err;
}
