/* What argus' ra prints as CSV, and the same columns out of the table that rasqlinsert keeps:
 *
 *   ra -n -u -c , -s stime dur proto saddr sport daddr dport spkts dpkts sbytes dbytes
 *
 * A line tells of both directions; each that has packets becomes a record from stime to stime + dur.  The columns
 * are found by their names in a header line, wherever one stands; without one they are those above, in that order.
 * Fields are parted by comma, semicolon, bar or tab, whichever comes first in the first line.
 *
 * Argus counts layer 2: an Ethernet header for each packet is taken off.  Argus does not say what it listened
 * to, so bytes too few for that (less than 34 a packet) are taken for IP's already.  VLAN tags and what pads
 * short frames to 60 bytes stay in.
 *
 * Management records ("man") and what is not IP (arp, llc, ...) are counted as ignored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/export.h"
#include "collector/lines.h"

enum { ETHERNET_HEADER = 14, LEAST_IP = 20, COLUMNS_MAX = 64 };

enum column {
	STIME, DUR, PROTO, SADDR, SPORT, DADDR, DPORT, SPKTS, DPKTS, SBYTES, DBYTES, LTIME, COLUMNS,
	OTHER = COLUMNS
};

static const struct {
	const char *field, *heading; /* as -s and mysql name it, and as ra's header does */
} names[COLUMNS] = {
	[STIME] = {"stime", "StartTime"}, [DUR] = {"dur", "Dur"},        [PROTO] = {"proto", "Proto"},
	[SADDR] = {"saddr", "SrcAddr"},   [SPORT] = {"sport", "Sport"},  [DADDR] = {"daddr", "DstAddr"},
	[DPORT] = {"dport", "Dport"},     [SPKTS] = {"spkts", "SrcPkts"}, [DPKTS] = {"dpkts", "DstPkts"},
	[SBYTES] = {"sbytes", "SrcBytes"}, [DBYTES] = {"dbytes", "DstBytes"}, [LTIME] = {"ltime", "LastTime"},
};

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{"udp", 17}, {"tcp", 6}, {"icmp", 1}, {"ipv6-icmp", 58}, {"icmp6", 58}, {"icmpv6", 58}, {"rtp", 17},
	{"rtcp", 17}, {"igmp", 2}, {"gre", 47}, {"esp", 50}, {"ah", 51}, {"sctp", 132}, {"ospf", 89},
	{"ospfigp", 89}, {"pim", 103}, {"ipip", 4}, {"ipencap", 4}, {"ipv6", 41}, {"vrrp", 112}, {"udplite", 136},
};

struct racsv {
	struct lines lines;
	char separator;
	bool mapped;                  /* column[] says where they are */
	size_t n;                     /* columns of a line that matter */
	uint8_t column[COLUMNS_MAX];  /* enum column of each field */
};

/* --- columns --------------------------------------------------------------------------------------------- */

static enum column
column_named(struct span f)
{
	for (enum column c = 0; c < COLUMNS; c++)
		if (span_is(f, names[c].field) || span_is(f, names[c].heading))
			return c;
	return OTHER;
}

static char
separator_of(struct span line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == ',' || line.p[i] == ';' || line.p[i] == '|' || line.p[i] == '\t')
			return line.p[i];
	return ',';
}

static bool
is_number(struct span f)
{
	int64_t ns;

	return span_seconds(f, &ns);
}

/* A header: at least two fields of it are columns' names, and the rest are no numbers. */
static bool
is_header(struct span line, char separator)
{
	struct span f;
	unsigned int known = 0;

	while (span_next(&line, separator, &f)) {
		if (is_number(f))
			return false;
		known += column_named(f) != OTHER;
	}
	return known >= 2;
}

static void
map_default(struct racsv *r)
{
	r->mapped = true;
	r->n = LTIME;
	for (uint8_t i = 0; i < LTIME; i++)
		r->column[i] = i;
}

static const char *
map_header(struct racsv *r, struct span line)
{
	bool have[COLUMNS + 1] = {false};
	struct span f;

	for (r->n = 0; r->n < COLUMNS_MAX && span_next(&line, r->separator, &f); r->n++) {
		enum column c = column_named(f);

		r->column[r->n] = have[c] ? OTHER : (uint8_t)c;
		have[c] = true;
	}
	r->mapped = true;
	if (have[STIME] && (have[DUR] || have[LTIME]) && have[PROTO] && have[SADDR] && have[DADDR] && have[SPKTS] &&
	    have[DPKTS] && have[SBYTES] && have[DBYTES])
		return NULL;
	r->lines.unusable = true;
	return "columns are missing: ra wants -s stime dur proto saddr sport daddr dport spkts dpkts sbytes dbytes";
}

/* --- a line ---------------------------------------------------------------------------------------------- */

static bool
absent(struct span f)
{
	return f.n == 0 || span_is(f, "NULL") || span_is(f, "*");
}

/* False: not IP, or a name that nobody knows. */
static bool
protocol(struct span f, uint8_t *number)
{
	uint64_t v;

	if (span_uint(f, UINT8_MAX, &v)) {
		*number = (uint8_t)v;
		return true;
	}
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (span_is(f, protocols[i].name)) {
			*number = protocols[i].number;
			return true;
		}
	return false;
}

/* ra -u writes seconds; without -u a time of day, which says nothing of the day. */
static bool
time_of(struct span f, int64_t *ns)
{
	char text[TIME_TEXT];

	if (span_seconds(f, ns))
		return true;
	if (f.n >= sizeof(text))
		return false;
	memcpy(text, f.p, f.n);
	text[f.n] = '\0';
	return time_parse_rfc3339(text, ns) == 0;
}

static bool
count_of(struct span f, uint64_t *value)
{
	*value = 0;
	return absent(f) || span_uint(f, INT64_MAX, value);
}

static uint64_t
ip_bytes(uint64_t bytes, uint64_t packets)
{
	return bytes / (ETHERNET_HEADER + LEAST_IP) >= packets ? bytes - ETHERNET_HEADER * packets : bytes;
}

static const char *
parse_times(const struct span *f, struct flow *to)
{
	int64_t dur;

	if (!time_of(f[STIME], &to->start_ns))
		return "StartTime is no time (ra -u prints seconds)";
	if (f[DUR].p == NULL)
		return time_of(f[LTIME], &to->end_ns) ? NULL : "LastTime is no time (ra -u prints seconds)";
	if (!span_seconds(f[DUR], &dur))
		return "Dur is no number of seconds";
	to->end_ns = to->start_ns + dur;
	return NULL;
}

/* ICMP has its type and code where others have ports: 0x0303 for IPv4, two numbers for IPv6. */
static const char *
parse_ports(const struct span *f, struct flow *to, struct flow_extra *x)
{
	uint64_t sport, dport;

	if (to->proto == FLOW_ICMP) {
		if (span_uint(f[SPORT], UINT16_MAX, &sport)) {
			x->icmp_type = (uint8_t)(sport >> 8);
			x->icmp_code = (uint8_t)sport;
		}
		return NULL;
	}
	if (!count_of(f[SPORT], &sport) || sport > UINT16_MAX)
		return "Sport is no port (ra -n prints numbers)";
	if (!count_of(f[DPORT], &dport) || dport > UINT16_MAX)
		return "Dport is no port (ra -n prints numbers)";
	if (to->proto == FLOW_ICMP6) {
		x->icmp_type = (uint8_t)sport;
		x->icmp_code = (uint8_t)dport;
		return NULL;
	}
	to->sport = (uint16_t)sport;
	to->dport = (uint16_t)dport;
	return NULL;
}

static const char *
add_both(struct source *s, struct racsv *r, struct block *b, const struct span *field, struct flow *f, struct flow_extra *x)
{
	uint64_t packets[2], bytes[2];
	struct flow back = *f;
	const char *why;

	if (!count_of(field[SPKTS], &packets[0]) || !count_of(field[DPKTS], &packets[1]) ||
	    !count_of(field[SBYTES], &bytes[0]) || !count_of(field[DBYTES], &bytes[1]))
		return "packets or bytes are no number";
	if (packets[0] == 0 && packets[1] == 0) {
		lines_exporter(s, NULL)->count[EXPORTER_IGNORED]++;
		return NULL;
	}
	if (packets[0] > 0) {
		f->packets = packets[0];
		f->bytes = ip_bytes(bytes[0], packets[0]);
		why = lines_add(s, &r->lines, b, f, x);
		if (why != NULL)
			return why;
	}
	if (packets[1] == 0)
		return NULL;
	back.src = f->dst;
	back.dst = f->src;
	back.sport = f->dport;
	back.dport = f->sport;
	back.packets = packets[1];
	back.bytes = ip_bytes(bytes[1], packets[1]);
	x->reverse = 1;
	return lines_add(s, &r->lines, b, &back, x);
}

static const char *
parse_line(struct source *s, struct racsv *r, struct block *b, struct span line)
{
	struct span field[COLUMNS + 1] = {{0}}, one;
	struct flow f = {.sampling = 1};
	struct flow_extra x = {.flows = 1, .version = EXPORT_FILE};
	const char *why;
	size_t i = 0;

	for (; i < r->n && span_next(&line, r->separator, &one); i++)
		field[r->column[i]] = one;
	if (i < r->n)
		return "fields are missing";
	/* before anything else of it: what is no IP has other things in its fields */
	if (!protocol(field[PROTO], &f.proto)) {
		lines_exporter(s, NULL)->count[EXPORTER_IGNORED]++;
		return NULL;
	}
	why = parse_times(field, &f);
	if (why != NULL)
		return why;
	if (!span_addr(field[SADDR], &f.src))
		return "SrcAddr is no address";
	if (!span_addr(field[DADDR], &f.dst))
		return "DstAddr is no address";
	why = parse_ports(field, &f, &x);
	return why != NULL ? why : add_both(s, r, b, field, &f, &x);
}

static const char *
take_line(struct source *s, struct lines *l, struct block *b, struct span line)
{
	struct racsv *r = s->state;

	(void)l;
	if (r->separator == '\0')
		r->separator = separator_of(line);
	if (is_header(line, r->separator))
		return map_header(r, line);
	if (!r->mapped)
		map_default(r);
	return parse_line(s, r, b, line);
}

/* --- the format ------------------------------------------------------------------------------------------ */

/* Only whole fields are looked at, as the head may end inside one. */
static bool
racsv_probe(const uint8_t *head, size_t n)
{
	const uint8_t *end = n > 0 ? memchr(head, '\n', n) : NULL;
	struct span line = {(const char *)head, end != NULL ? (size_t)(end - head) : n}, f[3];
	char separator = separator_of(line);
	unsigned int fields = 0, known = 0;
	struct span one;
	uint8_t number;

	for (; span_next(&line, separator, &one) && (line.p != NULL || end != NULL); fields++) {
		if (fields < 3)
			f[fields] = one;
		known += column_named(one) != OTHER;
	}
	if (known >= 2)
		return true;
	/* without a header: seconds with decimals, a duration, a protocol */
	return fields >= 3 && memchr(f[0].p, '.', f[0].n) != NULL && is_number(f[0]) && is_number(f[1]) &&
	    (protocol(f[2], &number) || span_is(f[2], "man") || span_is(f[2], "arp") || span_is(f[2], "llc"));
}

static int
racsv_open(struct source *s, char *why, size_t why_size)
{
	s->state = calloc(1, sizeof(struct racsv));
	if (s->state != NULL)
		return 0;
	snprintf(why, why_size, "%s: out of memory", s->name);
	return ERR_NOMEM;
}

static void
racsv_close(struct source *s)
{
	free(s->state);
}

static int
racsv_read(struct source *s, struct block *b)
{
	struct racsv *r = s->state;

	return lines_read(s, &r->lines, b, take_line);
}

const struct source_format racsv_format = {"argus CSV", racsv_probe, racsv_open, racsv_read, racsv_close};
