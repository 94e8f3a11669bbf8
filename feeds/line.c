/* Rendering the alert line: one function per object of the schema, in the order of the line.
 * The order is part of the output's determinism, not of the contract; only the tail that
 * feeds/sign.c writes has a fixed place. */
#include "feeds/line.h"

#include "base/err.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "collector/flow.h"

#define ECS_VERSION "8.11"

/* Decimals: signals have no table of their own; four digits tell 0.9501 from 0.95. */
enum { SIGNAL_DECIMALS = 4, SHARE_DECIMALS = 4, DEGREE_DECIMALS = 4 };

static void
time_member(struct json *j, const char *name, int64_t t_ns)
{
	char text[TIME_TEXT];

	json_str(j, name, time_rfc3339(t_ns, text));
}

static void
put_event(struct json *j, const struct alert *a)
{
	char id[ALERT_ID_TEXT];

	json_open(j, "event", '{');
	json_str(j, "kind", "alert");
	json_open(j, "category", '[');
	json_str(j, NULL, "network");
	json_str(j, NULL, "intrusion_detection");
	json_close(j, ']');
	json_open(j, "type", '[');
	json_str(j, NULL, "info");
	json_close(j, ']');
	json_str(j, "id", alert_id_text(a->id, id));
	json_str(j, "action", alert_action_text(a->action));
	time_member(j, "start", a->start_ns);
	time_member(j, "end", a->end_ns);
	json_int(j, "severity", a->severity);
	json_close(j, '}');
}

static void
put_endpoint(struct json *j, const char *name, const struct addr *addr, const struct line_geo *g)
{
	char text[ADDR_TEXT];

	json_open(j, name, '{');
	json_str(j, "ip", addr_text(addr, text));
	if (g->has_country || g->city[0] != '\0' || g->has_location) {
		json_open(j, "geo", '{');
		if (g->has_country)
			json_str(j, "country_iso_code", g->country);
		if (g->city[0] != '\0')
			json_str(j, "city_name", g->city);
		if (g->has_location) {
			json_open(j, "location", '{');
			json_num(j, "lat", g->lat, DEGREE_DECIMALS);
			json_num(j, "lon", g->lon, DEGREE_DECIMALS);
			json_close(j, '}');
		}
		json_close(j, '}');
	}
	if (g->has_as) {
		json_open(j, "as", '{');
		json_uint(j, "number", g->as_number);
		if (g->as_org[0] != '\0') {
			json_open(j, "organization", '{');
			json_str(j, "name", g->as_org);
			json_close(j, '}');
		}
		json_close(j, '}');
	}
	json_close(j, '}');
}

/* ECS wants the IANA keyword, lower case. */
static const char *
transport(uint8_t proto)
{
	switch (proto) {
	case FLOW_UDP: return "udp";
	case FLOW_TCP: return "tcp";
	case FLOW_ICMP: return "icmp";
	case FLOW_ICMP6: return "ipv6-icmp";
	default: return NULL;
	}
}

static void
put_network(struct json *j, const struct alert *a)
{
	json_open(j, "network", '{');
	if (transport(a->proto) != NULL)
		json_str(j, "transport", transport(a->proto));
	if (a->vector != NULL)
		json_str(j, "protocol", a->vector);
	if (a->packets > 0) {
		json_uint(j, "bytes", a->bytes);
		json_uint(j, "packets", a->packets);
	}
	json_close(j, '}');
}

static void
put_question(struct json *j, const struct alert *a)
{
	char name[DNS_NAME_TEXT], type[12];

	if (a->qname_len == 0 && a->qtype == 0)
		return;
	json_open(j, "dns", '{');
	json_open(j, "question", '{');
	if (a->qname_len > 0)
		json_str(j, "name", dns_name_text(a->qname, a->qname_len, name));
	if (a->qtype != 0)
		json_str(j, "type", dns_type_text(a->qtype, type));
	json_close(j, '}');
	json_close(j, '}');
}

static void
put_subject(struct json *j, const struct subject *s)
{
	char text[PREFIX_TEXT];

	json_open(j, "subject", '{');
	switch (s->type) {
	case SUBJECT_HOST: json_str(j, "ip", addr_text(&s->prefix.addr, text)); break;
	case SUBJECT_PREFIX: json_str(j, "prefix", prefix_text(&s->prefix, text)); break;
	case SUBJECT_LINK: json_str(j, "link", s->name); break;
	case SUBJECT_ZONE: json_str(j, "zone", s->name); break;
	}
	json_close(j, '}');
}

static void
put_evidence(struct json *j, const struct alert *a)
{
	json_open(j, "evidence", '{');
	for (size_t i = 0; i < a->evidence_n; i++) {
		const struct evidence_info *info = evidence_info(a->evidence[i].key);

		json_num(j, info->name, a->evidence[i].value, info->decimals);
	}
	json_open(j, "sampled", '{');
	for (size_t i = 0; i < a->evidence_n; i++)
		if (a->evidence[i].sampled > 0)
			json_uint(j, evidence_info(a->evidence[i].key)->name, a->evidence[i].sampled);
	json_close(j, '}');
	json_close(j, '}');
}

static void
put_signals(struct json *j, const struct alert *a)
{
	json_open(j, "signals", '[');
	for (size_t i = 0; i < a->signals_n; i++) {
		const struct signal *s = &a->signals[i];

		json_open(j, NULL, '{');
		json_str(j, "name", s->name);
		if (s->label != NULL)
			json_str(j, "label", s->label);
		if (s->nature != NULL)
			json_str(j, "nature", s->nature);
		if (s->unit != NULL && s->unit[0] != '\0')
			json_str(j, "unit", s->unit);
		json_num(j, "value", s->value, SIGNAL_DECIMALS);
		json_num(j, "low", s->low, SIGNAL_DECIMALS);
		json_num(j, "high", s->high, SIGNAL_DECIMALS);
		json_num(j, "threshold", s->threshold, SIGNAL_DECIMALS);
		if (s->below)
			json_bool(j, "below", true);
		json_bool(j, "required", s->required);
		json_bool(j, "met", s->met);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
put_peers(struct json *j, const struct alert *a)
{
	char text[ADDR_TEXT];

	if (a->peers_n == 0)
		return;
	json_open(j, "peers", '[');
	for (size_t i = 0; i < a->peers_n; i++) {
		json_open(j, NULL, '{');
		json_str(j, "ip", addr_text(&a->peers[i].addr, text));
		json_uint(j, "responses", a->peers[i].responses);
		json_uint(j, "bytes", a->peers[i].bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
put_suggestions(struct json *j, const struct line_extra *x)
{
	json_open(j, "suggestions", '[');
	for (size_t i = 0; i < x->suggestions_n; i++) {
		const struct line_suggestion *s = &x->suggestions[i];

		json_open(j, NULL, '{');
		json_str(j, "format", s->format);
		json_str(j, "text", s->text);
		json_uint(j, "ttl_s", s->ttl_s);
		if (s->known) {
			json_open(j, "expect", '{');
			json_num(j, "attack_dropped", s->attack_dropped, SHARE_DECIMALS);
			json_num(j, "legitimate_dropped", s->legitimate_dropped, SHARE_DECIMALS);
			json_close(j, '}');
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* What earlier days know of the subject, and the alerts that have no lines. */
static void
put_ledger(struct json *j, const struct alert *a)
{
	if (a->ledger.known) {
		json_open(j, "ledger", '{');
		time_member(j, "first_seen", a->ledger.first_s * NS_PER_S);
		json_uint(j, "hours_active", a->ledger.hours);
		json_uint(j, "days_active", a->ledger.days);
		json_uint(j, "alerts", a->ledger.alerts);
		json_uint(j, "queries", a->ledger.queries);
		json_uint(j, "bytes", a->ledger.bytes);
		json_close(j, '}');
	}
	if (a->withheld > 0) {
		json_open(j, "storm", '{');
		json_uint(j, "alerts", a->incident_alerts);
		json_uint(j, "withheld", a->withheld);
		json_close(j, '}');
	}
}

/* Left open: feeds/sign.c goes on with ,"seq":... */
static void
put_damp(struct json *j, const struct alert *a, const struct line_extra *x)
{
	char id[ALERT_ID_TEXT];

	json_open(j, "damp", '{');
	put_subject(j, &a->subject);
	json_str(j, "role", alert_role_text(a->role));
	if (a->vector != NULL)
		json_str(j, "vector", a->vector);
	if (a->vector_port != 0)
		json_uint(j, "vector_port", a->vector_port);
	json_str(j, "incident", alert_id_text(a->incident, id));
	if (a->window_s > 0)
		json_uint(j, "window_s", a->window_s);
	put_evidence(j, a);
	put_signals(j, a);
	put_peers(j, a);
	if (a->link[0] != '\0') {
		json_open(j, "link", '{');
		json_str(j, "name", a->link);
		if (a->link_capacity_bps > 0)
			json_uint(j, "capacity_bps", a->link_capacity_bps);
		json_close(j, '}');
	}
	put_ledger(j, a);
	put_suggestions(j, x);
	if (a->reason != NULL)
		json_str(j, "reason", a->reason);
}

int
line_render(struct buf *out, const struct alert *a, const struct line_extra *x)
{
	struct json j = json_to(out);

	json_open(&j, NULL, '{');
	time_member(&j, "@timestamp", a->t_ns);
	json_open(&j, "ecs", '{');
	json_str(&j, "version", ECS_VERSION);
	json_close(&j, '}');
	put_event(&j, a);
	json_open(&j, "rule", '{');
	json_str(&j, "name", alert_kind_text(a->kind));
	json_close(&j, '}');
	json_str(&j, "message", a->message);
	if (a->has_source)
		put_endpoint(&j, "source", &a->source, &x->source_geo);
	if (a->has_destination)
		put_endpoint(&j, "destination", &a->destination, &x->destination_geo);
	put_network(&j, a);
	put_question(&j, a);
	json_open(&j, "observer", '{');
	json_str(&j, "vendor", "damp");
	if (x->sensor != NULL && x->sensor[0] != '\0')
		json_str(&j, "name", x->sensor);
	json_str(&j, "version", DAMP_VERSION);
	json_close(&j, '}');
	put_damp(&j, a, x);
	return out->full ? ERR_FULL : 0;
}
