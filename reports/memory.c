#include "reports/memory.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "collector/dns.h"
#include "reports/section.h"
#include "reports/text.h"

int
memory_format_parse(const char *text)
{
	static const char *const name[] = {"text", "csv", "json", "list", "rpz"};

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (strcmp(name[i], text) == 0)
			return (int)i;
	return ERR_INVALID;
}

/* --- offenders -------------------------------------------------------------------------------------------- */

static void
put_time(struct buf *b, int64_t t_s)
{
	char tmp[TIME_TEXT];

	buf_str(b, time_rfc3339(t_s * NS_PER_S, tmp));
}

/* The calendar days from the first to the last. */
static int64_t
span_days(const struct offender *o)
{
	return o->last_s / 86400 - o->first_s / 86400 + 1;
}

/* An address, or the prefix of an IPv6 customer. */
static const char *
subject_text(const struct offender *o, char buf[PREFIX_TEXT])
{
	const struct prefix p = {o->addr, o->bits};

	return o->bits < 128 ? prefix_text(&p, buf) : addr_text(&o->addr, buf);
}

static void
offender_text(struct buf *b, const struct offender *o)
{
	char addr[PREFIX_TEXT], tmp[TIME_TEXT];

	buf_printf(b, "%-39s %-9s %s %5" PRId64 " %5" PRIu32 " %6" PRIu32 " %6" PRIu32 " %12" PRIu64 " ", subject_text(o, addr),
	    alert_role_text(o->role), time_date(o->first_s * NS_PER_S, tmp), span_days(o), o->days, o->hours, o->alerts, o->queries);
	text_bytes(b, (double)o->bytes);
	buf_char(b, '\n');
}

static void
offender_csv(struct buf *b, const struct offender *o)
{
	char addr[PREFIX_TEXT];

	buf_printf(b, "%s,%s,%s,", subject_text(o, addr), alert_role_text(o->role), alert_kind_text(o->kind));
	put_time(b, o->first_s);
	buf_char(b, ',');
	put_time(b, o->last_s);
	buf_printf(b, ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 "\n", o->days, o->hours, o->alerts, o->queries,
	    o->bytes);
}

static void
offender_json(struct buf *b, const struct offender *o)
{
	struct json j = json_to(b);
	char subject[PREFIX_TEXT], text[TIME_TEXT];

	json_open(&j, NULL, '{');
	json_str(&j, o->bits < 128 ? "prefix" : "ip", subject_text(o, subject));
	json_str(&j, "role", alert_role_text(o->role));
	json_str(&j, "kind", alert_kind_text(o->kind));
	json_str(&j, "first_seen", time_rfc3339(o->first_s * NS_PER_S, text));
	json_str(&j, "last_seen", time_rfc3339(o->last_s * NS_PER_S, text));
	json_uint(&j, "days_active", o->days);
	json_uint(&j, "hours_active", o->hours);
	json_uint(&j, "alerts", o->alerts);
	json_uint(&j, "queries", o->queries);
	json_uint(&j, "bytes", o->bytes);
	json_close(&j, '}');
	buf_char(b, '\n');
}

int
offenders_write(struct buf *out, const struct offender *o, size_t n, enum memory_format f)
{
	if (f > MEMORY_JSON)
		return ERR_UNSUPPORTED;
	if (f == MEMORY_TEXT && n > 0)
		buf_printf(out, "%-39s %-9s %-10s %5s %5s %6s %6s %12s %s\n", "host", "role", "first seen", "for d", "days", "hours", "alerts",
		    "queries", "bytes");
	if (f == MEMORY_CSV)
		buf_str(out, "ip,role,kind,first_seen,last_seen,days_active,hours_active,alerts,queries,bytes\n");
	for (size_t i = 0; i < n; i++)
		if (f == MEMORY_TEXT)
			offender_text(out, &o[i]);
		else if (f == MEMORY_CSV)
			offender_csv(out, &o[i]);
		else
			offender_json(out, &o[i]);
	return out->full ? ERR_FULL : 0;
}

/* --- names -------------------------------------------------------------------------------------------------- */

static void
name_text(struct buf *b, const struct drawn_name *d)
{
	char name[DNS_NAME_TEXT], type[12], tmp[TIME_TEXT];

	buf_printf(b, "%-9s %-40s %-7s %8.0f %9" PRIu64 " ", d->misused ? "misused" : "large", dns_name_text(d->wire, d->len, name),
	    dns_type_text(d->qtype, type), d->clients, d->answers);
	if (d->baf > 0)
		buf_printf(b, "%7.2f ", d->baf);
	else
		buf_printf(b, "%7s ", "-");
	buf_printf(b, "%6.0f %6.0f %% %s ", d->mean_size, 100 * d->repeat_share, time_date(d->last_s * NS_PER_S, tmp));
	text_bytes(b, (double)d->bytes);
	buf_char(b, '\n');
}

/* A name holds no comma or quote that dns_name_text did not escape with a backslash; quoted all the same. */
static void
csv_text(struct buf *b, const char *s)
{
	buf_char(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"')
			buf_char(b, '"');
		buf_char(b, *s);
	}
	buf_char(b, '"');
}

static void
name_csv(struct buf *b, const struct drawn_name *d)
{
	char name[DNS_NAME_TEXT], type[12];

	csv_text(b, dns_name_text(d->wire, d->len, name));
	buf_printf(b, ",%s,%d,%.0f,%" PRIu64 ",%" PRIu64 ",%.2f,%.0f,%.3f,%.3f,", dns_type_text(d->qtype, type), d->misused, d->clients,
	    d->answers, d->bytes, d->baf, d->mean_size, d->repeat_share, d->matched_share);
	put_time(b, d->first_s);
	buf_char(b, ',');
	put_time(b, d->last_s);
	buf_char(b, '\n');
}

static void
name_json(struct buf *b, const struct drawn_name *d)
{
	struct json j = json_to(b);
	char name[DNS_NAME_TEXT], type[12], text[TIME_TEXT];

	json_open(&j, NULL, '{');
	json_str(&j, "name", dns_name_text(d->wire, d->len, name));
	json_str(&j, "type", dns_type_text(d->qtype, type));
	json_bool(&j, "misused", d->misused);
	json_num(&j, "clients", d->clients, 0);
	json_uint(&j, "answers", d->answers);
	json_uint(&j, "bytes", d->bytes);
	if (d->baf > 0)
		json_num(&j, "baf", d->baf, 2);
	json_num(&j, "mean_response", d->mean_size, 0);
	json_num(&j, "repeat_share", d->repeat_share, 3);
	json_num(&j, "matched_share", d->matched_share, 3);
	json_str(&j, "first_seen", time_rfc3339(d->first_s * NS_PER_S, text));
	json_str(&j, "last_seen", time_rfc3339(d->last_s * NS_PER_S, text));
	json_close(&j, '}');
	buf_char(b, '\n');
}

/* One of the names may be there for several types: a policy knows no types. */
static bool
named_before(const struct drawn_name *d, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (d[k].misused && d[k].len == d[i].len && memcmp(d[k].wire, d[i].wire, d[i].len) == 0)
			return true;
	return false;
}

enum { POLICY_NAME_MAX = 64 }; /* bytes left for the name of the policy zone: with it a line must fit 255 */

/* Whoever asks for a name chose it.  In a policy some names mean something else, and one that does not fit keeps the whole
 * zone from being loaded.  NULL: it is a name like any other. */
static const char *
unfit(const struct drawn_name *d)
{
	static const char prefix[] = "rpz-"; /* rpz-ip, rpz-client-ip, ... as the last label: a trigger of another kind */
	size_t last = 0;

	if (d->len <= 1)
		return "the root cannot stand in a policy";
	if (d->len + POLICY_NAME_MAX > DNS_NAME_WIRE)
		return "too long for a policy";
	for (size_t i = 0; i < d->len && d->wire[i] != 0; i += d->wire[i] + 1u) {
		last = i;
		if (d->wire[i] == 1 && d->wire[i + 1] == '*')
			return "would stand for every name there";
	}
	if (d->wire[last] >= sizeof(prefix) - 1 && memcmp(&d->wire[last + 1], prefix, sizeof(prefix) - 1) == 0)
		return "would be a trigger of another kind";
	return NULL;
}

/* Relative names: the zone's own is set where it is loaded. */
static void
rpz_line(struct buf *b, const struct drawn_name *d, size_t i)
{
	char name[DNS_NAME_TEXT], type[12];
	const char *why = named_before(d, i) ? "see above" : unfit(&d[i]);

	dns_name_text(d[i].wire, d[i].len, name);
	if (why != NULL) {
		buf_printf(b, "; %s %s: %s\n", name, dns_type_text(d[i].qtype, type), why);
		return;
	}
	buf_printf(b, "%s CNAME rpz-tcp-only. ; %s, %.0f clients, %.0f bytes on average\n", name, dns_type_text(d[i].qtype, type),
	    d[i].clients, d[i].mean_size);
}

static void
rpz_head(struct buf *b, const struct drawn_name *d, size_t n)
{
	int64_t last = 0;

	for (size_t i = 0; i < n; i++)
		if (d[i].last_s > last)
			last = d[i].last_s;
	buf_str(b, "; Names misused for amplification. A policy knows no query types: every question for these names gets a\n"
	    "; truncated answer over UDP and the whole one over TCP, which no forged address can ask over.\n"
	    "$TTL 300\n");
	buf_printf(b, "@ SOA localhost. root.localhost. %" PRId64 " 3600 600 86400 300\n@ NS localhost.\n", last % INT64_C(4294967296));
}

int
names_write(struct buf *out, const struct drawn_name *d, size_t n, enum memory_format f)
{
	char name[DNS_NAME_TEXT], type[12];

	if (f == MEMORY_TEXT && n > 0)
		buf_printf(out, "%-9s %-40s %-7s %8s %9s %7s %6s %8s %-10s %s\n", "", "name", "type", "clients", "answers", "factor", "bytes",
		    "repeat", "last seen", "in all");
	if (f == MEMORY_CSV)
		buf_str(out, "name,type,misused,clients,answers,bytes,baf,mean_response,repeat_share,matched_share,first_seen,last_seen\n");
	if (f == MEMORY_RPZ)
		rpz_head(out, d, n);
	for (size_t i = 0; i < n; i++)
		switch (f) {
		case MEMORY_TEXT: name_text(out, &d[i]); break;
		case MEMORY_CSV: name_csv(out, &d[i]); break;
		case MEMORY_JSON: name_json(out, &d[i]); break;
		case MEMORY_LIST:
			if (d[i].misused)
				buf_printf(out, "%s %s\n", dns_name_text(d[i].wire, d[i].len, name), dns_type_text(d[i].qtype, type));
			break;
		case MEMORY_RPZ:
			if (d[i].misused)
				rpz_line(out, d, i);
			break;
		}
	return out->full ? ERR_FULL : 0;
}
