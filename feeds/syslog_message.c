/* Syslog messages as bytes, and syslog URLs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "feeds/syslog.h"

enum { FACILITY_LOCAL4 = 20, SEV_CRIT = 2, SEV_ERR = 3, SEV_WARNING = 4, SEV_NOTICE = 5 };

static int
priority(const struct alert *a)
{
	int sev = a->severity >= 9 ? SEV_CRIT : a->severity >= 7 ? SEV_ERR : a->severity >= 4 ? SEV_WARNING : SEV_NOTICE;

	return FACILITY_LOCAL4 * 8 + (a->action == ALERT_CLOSED ? SEV_NOTICE : sev);
}

/* RFC 5424 6.2.4: printable ASCII without spaces, "-" for nothing. */
static void
put_hostname(struct buf *out, const char *name)
{
	size_t n = name != NULL ? strlen(name) : 0;

	if (n == 0)
		buf_char(out, '-');
	for (size_t i = 0; i < n && i < 255; i++)
		buf_char(out, name[i] > ' ' && name[i] < 0x7f ? name[i] : '_');
}

/* RFC 5424 6.3.3: quotes, backslashes and closing brackets are escaped. */
static void
put_param(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, " %s=\"", name);
	for (; *value != '\0'; value++) {
		if (strchr("\"\\]", *value) != NULL)
			buf_char(out, '\\');
		buf_char(out, (unsigned char)*value < ' ' || *value == 0x7f ? '?' : *value);
	}
	buf_char(out, '"');
}

int
syslog_message(struct buf *out, const struct alert *a, const char *sensor, const char *line, size_t n)
{
	char time[TIME_TEXT], text[PREFIX_TEXT], id[ALERT_ID_TEXT], severity[12];
	const char *subject = a->subject.name;

	if (a->subject.type == SUBJECT_HOST)
		subject = addr_text(&a->subject.prefix.addr, text);
	else if (a->subject.type == SUBJECT_PREFIX)
		subject = prefix_text(&a->subject.prefix, text);
	snprintf(severity, sizeof(severity), "%d", a->severity);
	buf_printf(out, "<%d>1 %s ", priority(a), time_rfc3339(a->t_ns, time));
	put_hostname(out, sensor);
	buf_str(out, " damp - alert [damp@32473");
	put_param(out, "kind", alert_kind_text(a->kind));
	put_param(out, "action", alert_action_text(a->action));
	put_param(out, "severity", severity);
	put_param(out, "subject", subject);
	put_param(out, "incident", alert_id_text(a->incident, id));
	buf_str(out, "] ");
	buf_bytes(out, line, n);
	return out->full ? ERR_FULL : 0;
}

static int
refuse(const char *url, const char *reason, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s: %s", url, reason);
	return ERR_INVALID;
}

static int
parse_port(const char *text, struct syslog_target *t)
{
	size_t n = strlen(text);

	if (n == 0 || n > 5 || strspn(text, "0123456789") != n || atoi(text) < 1 || atoi(text) > 65535)
		return ERR_INVALID;
	snprintf(t->port, sizeof(t->port), "%s", text);
	return 0;
}

int
syslog_url_parse(const char *url, struct syslog_target *t, char *why, size_t why_size)
{
	static const struct {
		const char *scheme, *port;
		enum syslog_transport transport;
	} schemes[] = {{"unix://", "", SYSLOG_UNIX}, {"udp://", "514", SYSLOG_UDP}, {"tcp://", "601", SYSLOG_TCP}};
	const char *host = NULL, *end, *rest;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(url, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
			host = url + strlen(schemes[i].scheme);
			t->transport = schemes[i].transport;
			snprintf(t->port, sizeof(t->port), "%s", schemes[i].port);
		}
	if (host == NULL)
		return refuse(url, "not unix://, udp:// or tcp://", why, why_size);
	end = host + strlen(host);
	if (t->transport == SYSLOG_UNIX) {
		if (host[0] != '/' || strlen(host) > 107) /* sun_path */
			return refuse(url, "needs an absolute path of at most 107 bytes, as in unix:///dev/log", why, why_size);
	} else if (host[0] == '[') {
		rest = strchr(host, ']');
		if (rest == NULL || (rest[1] != '\0' && (rest[1] != ':' || parse_port(rest + 2, t) < 0)))
			return refuse(url, "an IPv6 address is written [2001:db8::1]:PORT, PORT 1 to 65535", why, why_size);
		host++;
		end = rest;
	} else if ((rest = strchr(host, ':')) != NULL) {
		if (strchr(rest + 1, ':') != NULL)
			return refuse(url, "an IPv6 address needs brackets: [2001:db8::1]", why, why_size);
		if (parse_port(rest + 1, t) < 0)
			return refuse(url, "the port is a number from 1 to 65535", why, why_size);
		end = rest;
	}
	if (end == host || (size_t)(end - host) >= sizeof(t->host))
		return refuse(url, end == host ? "names no host" : "the host's name is too long", why, why_size);
	memcpy(t->host, host, (size_t)(end - host));
	t->host[end - host] = '\0';
	return 0;
}
