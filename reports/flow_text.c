/* Lines of flow records: numbers, addresses, times, and the columns of each format. */
#include "reports/flow_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/timefmt.h"
#include "collector/flowcsv.h"
#include "collector/flowjson.h"

static const char *const format_names[FORMATS] = {
	"extended", "long", "line", "print0", "print1", "print3", "print5", "csv", "json", "none",
};

int
flow_format_parse(const char *name, const char **nearest)
{
	if (strcasecmp(name, "text") == 0)
		return FORMAT_EXTENDED;
	for (int i = 0; i < FORMATS; i++)
		if (strcasecmp(name, format_names[i]) == 0)
			return i;
	*nearest = nearest_name(format_names, FORMATS, name);
	return ERR_INVALID;
}

/* --- cells ----------------------------------------------------------------------------------------------------- */

const char *
flow_number_text(uint64_t v, bool plain, char buf[FLOW_NUMBER_TEXT])
{
	double d = (double)v;

	if (plain || v < 1000000)
		snprintf(buf, FLOW_NUMBER_TEXT, "%llu", (unsigned long long)v);
	else if (d >= 1e12)
		snprintf(buf, FLOW_NUMBER_TEXT, "%.1f T", d / 1e12);
	else if (d >= 1e9)
		snprintf(buf, FLOW_NUMBER_TEXT, "%.1f G", d / 1e9);
	else
		snprintf(buf, FLOW_NUMBER_TEXT, "%.1f M", d / 1e6);
	return buf;
}

const char *
flow_proto_text(uint8_t proto, bool plain, char buf[FLOW_NUMBER_TEXT])
{
	static const struct { uint8_t number; const char *name; } names[] = {
		{1, "ICMP"}, {2, "IGMP"}, {4, "IPIP"}, {6, "TCP"}, {17, "UDP"}, {33, "DCCP"}, {41, "IPv6"}, {46, "RSVP"}, {47, "GRE"},
		{50, "ESP"}, {51, "AH"}, {58, "ICMP6"}, {88, "EIGRP"}, {89, "OSPF"}, {103, "PIM"}, {112, "VRRP"}, {115, "L2TP"},
		{132, "SCTP"}, {136, "UDPL"},
	};

	for (size_t i = 0; !plain && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == proto)
			return names[i].name;
	snprintf(buf, FLOW_NUMBER_TEXT, "%u", proto);
	return buf;
}

const char *
flow_as_text(uint32_t as, bool dot, char buf[FLOW_NUMBER_TEXT])
{
	if (as == AS_TRANS)
		return "AS_TRANS";
	if (dot && as > 65535)
		snprintf(buf, FLOW_NUMBER_TEXT, "%u.%u", as >> 16, as & 0xffff);
	else
		snprintf(buf, FLOW_NUMBER_TEXT, "%u", as);
	return buf;
}

const char *
flow_addr_text(const struct addr *a, bool wide, char buf[ADDR_TEXT])
{
	size_t n;

	addr_text(a, buf);
	n = strlen(buf);
	if (!wide && n > 16) {
		memmove(buf + 7, "..", 2);
		memmove(buf + 9, buf + n - 7, 8);
	}
	return buf;
}

static const char *
stamp(int64_t t_ns, bool local, bool brief, bool ms, char buf[FLOW_TIME_TEXT])
{
	time_t t = (time_t)time_seconds(t_ns);
	struct tm tm;
	size_t n;

	if (local)
		localtime_r(&t, &tm);
	else
		gmtime_r(&t, &tm);
	n = strftime(buf, FLOW_TIME_TEXT - 8, brief ? "%m%d.%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	if (ms)
		snprintf(buf + n, FLOW_TIME_TEXT - n, ".%03u", (unsigned int)((t_ns - (int64_t)t * NS_PER_S) / 1000000));
	return buf;
}

const char *
flow_time_text(int64_t t_ns, bool local, bool ms, char buf[FLOW_TIME_TEXT])
{
	return stamp(t_ns, local, false, ms, buf);
}

const char *
flow_duration_text(uint64_t ms, bool plain, char buf[FLOW_TIME_TEXT])
{
	uint64_t s = ms / 1000;
	unsigned int h = (unsigned int)(s / 3600 % 24), m = (unsigned int)(s / 60 % 60), rest = (unsigned int)(s % 60);

	if (plain)
		snprintf(buf, FLOW_TIME_TEXT, "%llu.%03u", (unsigned long long)s, (unsigned int)(ms % 1000));
	else if (s < 86400)
		snprintf(buf, FLOW_TIME_TEXT, "%02u:%02u:%02u.%03u", h, m, rest, (unsigned int)(ms % 1000));
	else
		snprintf(buf, FLOW_TIME_TEXT, "%llud %02u:%02u:%02u.%03u", (unsigned long long)(s / 86400), h, m, rest,
		    (unsigned int)(ms % 1000));
	return buf;
}

static const char *
flags_text(uint8_t flags, char buf[9])
{
	static const char letters[] = "CEUAPRSF";

	for (unsigned int i = 0; i < 8; i++)
		buf[i] = (flags & 0x80 >> i) != 0 ? letters[i] : '.';
	buf[8] = '\0';
	return buf;
}

static struct flow_sums
sums_of(const struct flow *w, const struct flow_extra *x)
{
	struct flow_sums s = {0};

	flow_sums_add(&s, w, x);
	return s;
}

/* --- nfdump's formats ------------------------------------------------------------------------------------------- */

static unsigned int
addr_width(const struct flow_style *s)
{
	return s->wide ? 39 : 16;
}

static void
title(struct buf *out, const struct flow_style *s, const char *text)
{
	buf_printf(out, s->color ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

/* An ICMP record has type and code where others have the port. */
static void
addr_port(struct buf *out, const struct flow_style *s, const struct addr *a, const char *port)
{
	char text[ADDR_TEXT];

	buf_printf(out, "%*s%c%-5s", (int)addr_width(s), flow_addr_text(a, s->wide, text), addr_is_v4(a) ? ':' : '.', port);
}

static void
when(struct buf *out, const struct flow_style *s, const struct flow_sums *sums)
{
	char t[FLOW_TIME_TEXT], d[FLOW_TIME_TEXT];

	buf_printf(out, "%s %16s ", flow_time_text(sums->first_ns, s->local, true, t),
	    flow_duration_text(flow_sums_ms(sums), s->plain, d));
}

static void
counts(struct buf *out, const struct flow_style *s, const struct flow_sums *sums, bool pps, bool bps)
{
	char n[5][FLOW_NUMBER_TEXT];

	buf_printf(out, " %8s %8s", flow_number_text(sums->packets, s->plain, n[0]),
	    flow_number_text(sums->bytes, s->plain, n[1]));
	if (pps)
		buf_printf(out, " %8s", flow_number_text(flow_sums_pps(sums), s->plain, n[2]));
	if (bps)
		buf_printf(out, " %8s %6llu", flow_number_text(flow_sums_bps(sums), s->plain, n[3]),
		    (unsigned long long)flow_sums_bpp(sums));
	buf_printf(out, " %5s\n", flow_number_text(sums->flows, s->plain, n[4]));
}

static void
nfdump_header(struct buf *out, const struct flow_style *s)
{
	int pad = s->wide ? 23 : 0;
	char line[320];

	snprintf(line, sizeof(line), "Date first seen             Duration     Proto %*s     Src IP Addr:Port     %*s     Dst IP Addr:Port "
	    "%s Packets    Bytes%s Flows", pad, "", pad, "", s->format == FORMAT_LINE ? " " : "    Flags Tos ",
	    s->format == FORMAT_EXTENDED ? "      pps      bps    Bpp" : "");
	title(out, s, line);
}

static void
nfdump_row(struct buf *out, const struct flow_style *s, const struct flow *w, const struct flow_extra *x)
{
	struct flow_sums sums = sums_of(w, x);
	char proto[FLOW_NUMBER_TEXT], port[16], flags[9];
	unsigned int type = x != NULL ? x->icmp_type : 0, code = x != NULL ? x->icmp_code : 0;

	when(out, s, &sums);
	buf_printf(out, "%-5s ", flow_proto_text(w->proto, s->plain, proto));
	snprintf(port, sizeof(port), "%u", w->sport);
	addr_port(out, s, &w->src, port);
	buf_str(out, " -> ");
	if (w->proto != FLOW_ICMP && w->proto != FLOW_ICMP6)
		snprintf(port, sizeof(port), "%u", w->dport);
	else if (type == 0 && code == 0)
		snprintf(port, sizeof(port), "%u.%u", w->dport >> 8, w->dport & 0xff);
	else
		snprintf(port, sizeof(port), "%u.%u", type, code);
	addr_port(out, s, &w->dst, port);
	if (s->format != FORMAT_LINE)
		buf_printf(out, " %s %3u", flags_text(w->tcp_flags, flags), x != NULL ? x->tos : 0);
	counts(out, s, &sums, s->format == FORMAT_EXTENDED, s->format == FORMAT_EXTENDED);
}

/* --- flow-print's formats --------------------------------------------------------------------------------------- */

static void
print_header(struct buf *out, const struct flow_style *s)
{
	switch (s->format) {
	case FORMAT_PRINT0:
		title(out, s, "Sif  SrcIPaddress     Dif  DstIPaddress      Pr SrcP DstP  Pkts       Octets");
		break;
	case FORMAT_PRINT1:
		title(out, s, "Sif  SrcIPaddress     DIf  DstIPaddress      Pr SrcP DstP  Pkts  Octets");
		title(out, s, " StartTime          EndTime             Active   B/Pk Ts Fl\n");
		break;
	case FORMAT_PRINT3:
		title(out, s, "srcIP            dstIP            prot  srcPort  dstPort  octets      packets");
		break;
	default:
		title(out, s, "Start             End               Sif   SrcIPaddress    SrcP  DIf   DstIPaddress    DstP    P Fl Pkts       Octets\n");
	}
}

static const char *
short_addr(const struct flow_style *s, const struct addr *a, char buf[ADDR_TEXT])
{
	size_t n;

	addr_text(a, buf);
	n = strlen(buf);
	/* one column less than nfdump has */
	if (!s->wide && n > 15) {
		memmove(buf + 6, "..", 2);
		memmove(buf + 8, buf + n - 7, 8);
	}
	return buf;
}

static void
print_row(struct buf *out, const struct flow_style *s, const struct flow *w, const struct flow_extra *x)
{
	static const struct flow_extra none;
	struct flow_sums sums = sums_of(w, x);
	unsigned long long packets = w->packets, bytes = w->bytes;
	char src[ADDR_TEXT], dst[ADDR_TEXT], from[FLOW_TIME_TEXT], to[FLOW_TIME_TEXT];

	if (x == NULL)
		x = &none;
	short_addr(s, &w->src, src);
	short_addr(s, &w->dst, dst);
	stamp(w->start_ns, s->local, true, true, from);
	stamp(w->end_ns, s->local, true, true, to);
	if (s->format == FORMAT_PRINT3) {
		buf_printf(out, "%-15s  %-15s  %-4u  %-7u  %-7u  %-10llu  %-10llu\n", src, dst, w->proto, w->sport, w->dport, bytes,
		    packets);
		return;
	}
	if (s->format == FORMAT_PRINT5) {
		buf_printf(out, "%s %s %-5u %-15s %-5u %-5u %-15s %-5u %-3u %-2d %-10llu %-10llu\n", from, to, x->in_if, src, w->sport,
		    x->out_if, dst, w->dport, w->proto, w->tcp_flags & 7, packets, bytes);
		return;
	}
	buf_printf(out, "%4.4x %-15s  %4.4x %-15s   %2.2x %-4x %-4x  %-10llu %-10llu\n", x->in_if, src, x->out_if, dst, w->proto,
	    w->sport, w->dport, packets, bytes);
	if (s->format == FORMAT_PRINT1)
		buf_printf(out, " %s  %s  %5llu.%03u %-3llu %2.2x %2.2x\n\n", from, to,
		    (unsigned long long)(flow_sums_ms(&sums) / 1000), (unsigned int)(flow_sums_ms(&sums) % 1000),
		    (unsigned long long)flow_sums_bpp(&sums), x->tos, w->tcp_flags);
}

/* --- any format -------------------------------------------------------------------------------------------------- */

void
flow_text_header(struct buf *out, const struct flow_style *s)
{
	if (s->format == FORMAT_CSV) {
		flowcsv_header(out);
		return;
	}
	if (!s->header)
		return;
	if (s->format <= FORMAT_LINE)
		nfdump_header(out, s);
	else if (s->format < FORMAT_CSV)
		print_header(out, s);
}

void
flow_text_row(struct buf *out, const struct flow_style *s, const struct flow *w, const struct flow_extra *x)
{
	if (s->format == FORMAT_CSV)
		flowcsv_row(out, w, x);
	else if (s->format == FORMAT_JSON)
		flowjson_row(out, w, x);
	else if (s->format <= FORMAT_LINE)
		nfdump_row(out, s, w, x);
	else if (s->format != FORMAT_NONE)
		print_row(out, s, w, x);
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static int
column_width(const struct flow_style *s, const struct flow_field *f)
{
	if (f->kind == FIELD_ADDR)
		return (int)addr_width(s);
	if (f->kind == FIELD_NET)
		return s->wide ? 43 : f->width;
	return f->kind == FIELD_AS && s->asdot ? 11 : f->width;
}

void
flow_text_group_header(struct buf *out, const struct flow_style *s, const struct flow_fields *k)
{
	struct buf line;

	if (!s->header)
		return;
	buf_init(&line, 4096);
	buf_str(&line, "Date first seen             Duration     ");
	for (size_t i = 0; i < k->parts; i++) {
		const struct flow_field *f = k->part[i].field;
		int width = column_width(s, f);

		buf_printf(&line, f->kind == FIELD_PROTO ? "%-*s " : "%*s ", width, f->title);
	}
	buf_str(&line, "  Packets    Bytes      pps      bps    Bpp Flows");
	title(out, s, buf_text(&line));
	buf_done(&line);
}

const char *
flow_cell_text(const struct flow_style *s, const struct flow_fields *k, size_t i, const uint64_t *key, char buf[FLOW_CELL_TEXT])
{
	static const struct addr none;
	const struct flow_field *f = k->part[i].field;
	char number[FLOW_NUMBER_TEXT];
	uint64_t v;
	struct addr a;

	if (f->kind == FIELD_ADDR) {
		a = flow_fields_addr(k, i, key);
		/* a record need not name its next hop or exporter */
		if (f->extra && addr_equal(&a, &none))
			return "-";
		snprintf(buf, FLOW_CELL_TEXT, "%s", flow_addr_text(&a, s->wide, (char[ADDR_TEXT]){0}));
		return buf;
	}
	v = flow_fields_number(k, i, key);
	switch (f->kind) {
	case FIELD_NET:
		a = flow_fields_addr(k, i, key);
		snprintf(buf, FLOW_CELL_TEXT, "%s/%u", flow_addr_text(&a, s->wide, (char[ADDR_TEXT]){0}), (unsigned int)v & 0xff);
		break;
	case FIELD_AS: snprintf(buf, FLOW_CELL_TEXT, "%s", flow_as_text((uint32_t)v, s->asdot, number)); break;
	case FIELD_PROTO: snprintf(buf, FLOW_CELL_TEXT, "%s", flow_proto_text((uint8_t)v, s->plain, number)); break;
	case FIELD_FLAGS: flags_text((uint8_t)v, buf); break;
	default: snprintf(buf, FLOW_CELL_TEXT, "%llu", (unsigned long long)v); break;
	}
	return buf;
}

void
flow_text_group(struct buf *out, const struct flow_style *s, const struct flow_fields *k, const struct flow_row *r)
{
	char cell[FLOW_CELL_TEXT];

	when(out, s, &r->sums);
	for (size_t i = 0; i < k->parts; i++) {
		const struct flow_field *f = k->part[i].field;

		buf_printf(out, f->kind == FIELD_PROTO ? "%-*s " : "%*s ", column_width(s, f), flow_cell_text(s, k, i, r->key, cell));
	}
	counts(out, s, &r->sums, true, true);
}

void
flow_text_record(struct buf *out, const struct flow_style *s, const struct flow_fields *k, const struct flow_row *r)
{
	static const struct addr nowhere = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	struct flow w = {.src = nowhere, .dst = nowhere, .start_ns = r->sums.first_ns, .end_ns = r->sums.last_ns, .seen_ns = r->sums.last_ns,
		.packets = r->sums.packets, .bytes = r->sums.bytes, .sampling = 1, .tcp_flags = r->tcp_flags, .flags = FLOW_RECORD};
	struct flow_extra x = {.flows = r->sums.flows, .tos = r->tos};

	flow_fields_unpack(k, r->key, &w, &x);
	flow_text_row(out, s, &w, &x);
}

/* --- the summary -------------------------------------------------------------------------------------------------- */

void
flow_text_summary(struct buf *out, const struct flow_style *s, const struct flow_totals *t)
{
	const struct flow_sums *m = &t->matched;
	char n[5][FLOW_NUMBER_TEXT], from[FLOW_TIME_TEXT], to[FLOW_TIME_TEXT];

	buf_printf(out, "Summary: total flows: %llu, total bytes: %s, total packets: %s, avg bps: %s, avg pps: %s, avg bpp: %llu\n",
	    (unsigned long long)m->flows, flow_number_text(m->bytes, s->plain, n[0]), flow_number_text(m->packets, s->plain, n[1]),
	    flow_number_text(flow_sums_bps(m), s->plain, n[2]), flow_number_text(flow_sums_pps(m), s->plain, n[3]),
	    (unsigned long long)flow_sums_bpp(m));
	if (t->all.flows > 0)
		buf_printf(out, "Time window: %s - %s\n", flow_time_text(t->all.first_ns, s->local, false, from),
		    flow_time_text(t->all.last_ns, s->local, false, to));
	buf_printf(out, "Total flows processed: %llu, passed: %llu\n", (unsigned long long)t->records,
	    (unsigned long long)t->records_matched);
}
