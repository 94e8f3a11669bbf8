/* An alert line back into struct alert, for rules and reports made from a file of lines.  jansson
 * reads the JSON; this file only takes members out of it, and an absent one leaves zero behind. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/flow.h"
#include "feeds/line.h"

/* What struct alert holds as static strings.  First entry: anything else. */
static const char *const vectors[] = {
	"other", "dns", "fragment", "qotd", "chargen", "tftp", "portmap", "ntp", "netbios", "snmp", "xdmcp", "cldap",
	"slp", "ike", "rip", "ipmi", "openvpn", "mssql", "ssdp", "tp240", "arms", "rdp", "wsd", "ike-nat-t", "coap",
	"mdns", "plex", "quake", "steam", "ard", "dvr-dhcp", "bittorrent", "ubiquiti", "vxworks", "memcached",
	"citrix-dtls", "kad", "sentinel", "bacnet", "lantronix", "powerhouse", "crestron", "jenkins", "sadp", "udp", "none",
	"flow-export",
};

static const char *const signal_names[] = {
	"other", "all_large", "any_rate", "baf", "clients_share", "flood", "fresh_share", "headless_share", "large_answers",
	"large_share", "matched_share", "mean_size", "name_share", "packets", "rate", "repeat_share", "request_size", "sources", "unanswered_share", "unmatched_share",
	"address_share", "day_bytes", "day_hours", "distinct_share", "failing", "failing_rate", "failing_share", "hour_bytes", "name_length", "new_share", "over_usual", "rare_share", "recursive_answers", "strangers", "zones",
	"clock_offset", "flow_answers", "lost_share", "record_share", "repaired_share", "sampling_changed", "undecoded",
	"group_multiple", "history", "lasting", "multiple", "ordinary_rate", "packets_multiple", "sent_packets", "sent_rate",
	"client_rate", "client_share", "slow_sum", "above_usual", "amplified_share", "any_share", "destinations", "full_in", "hosts", "largest_share", "load",
	"pairs_each", "passed_on", "per_host", "prefix_answers", "addresses", "alone_share", "return_share", "sampled", "size_share", "weeks",
};

/* As the detectors put them; what is not here is called by its signal's name. */
static const char *const labels[] = {
	"",
	"ANY queries with large answers",
	"Large answers among all it gets",
	"Nearly all it gets is large, at least 100 in 5 minutes",
	"One question among its large answers",
	"Answers \xc3\xb7 queries, bytes at IP level",
	"Answers \xc3\xb7 requests, bytes at IP level",
	"Strangers per large answer: few are hit hard",
	"Packets, when very many sources answer",
	"From addresses not seen before",
	"Without a first fragment",
	"Large answers drawn",
	"Large answers received",
	"Large answers to strangers",
	"Its own queries explain the answers",
	"Mean answer, bytes at IP level",
	"Mean request, bytes at IP level",
	"Mean size, bytes at IP level",
	"Answer packets received",
	"Answer packets to strangers",
	"DNS queries received",
	"Later UDP fragments of no known service",
	"Towards strangers",
	"Asks again while it still holds the answer (TTL left)",
	"The same answer again while it is still valid",
	"Different sources of them",
	"Pairs of source and host, for each of them: people talk with few",
	"Of these really seen",
	"Different sources",
	"Queries without an answer",
	"Answers it did not ask for",
	"Large answers it did not ask for",
	"Data sets without a template",
	"Active hours of the day",
	"Answers that fail",
	"Bytes before the zone",
	"Carried within a day",
	"Carried within an hour",
	"Failing answers in the window",
	"Failing answers",
	"Failing names not asked for lately",
	"New names that fail, within a minute",
	"Of them addresses (block lists, reverse)",
	"Questions never asked before",
	"Questions that are new",
	"Recursive answers to strangers",
	"Strangers answered",
	"TXT, NULL, CNAME and the like",
	"Times an ordinary minute",
	"Of all that its servers are asked", "Of all questions", "Bytes of its new names before the zone",
	"Zones they spread over",
	"Its clock differs from ours",
	"Its sampling rate changed",
	"Large answers among all, at least 20",
	"Packets of large answers in one flow: no stub keeps its port",
	"Records lost on the way",
	"Records with impossible times",
	"Bytes sent, against its own average of the last hour",
	"Bytes sent, against its own median at this hour of the week",
	"Bytes sent, against the hosts of its group: it is too young itself",
	"Bytes sent, against hosts in general: it is too young itself, its group too small",
	"Weeks that taught what is ordinary at this hour",
	"Time above it so far",
	"Learned before",
	"More than hosts like it",
	"Ordinary rate of a host that is no DNS server",
	"Packets sent",
	"Packets sent, against what is ordinary for it",
	"Rate sent",
	"Large answers minute after minute, beyond one in three",
	"Large answers to its loudest client",
	"Of what it draws it hands on to strangers",
	"Large answers a second to each client that gets any",
	"Amplified answers among all that it carries",
	"And above what is usual at this hour",
	"ANY among the large answers",
	"Answers to the whole prefix",
	"Hosts of the prefix that are hit",
	"Hosts that draw them, in 5 minutes",
	"Large answers of each in 5 minutes: none stands out",
	"Share of the link's capacity",
	"Share of the loudest of them",
	"Time until it is full, by its trend",
	"Addresses of the prefix that drew them for the first time",
	"Large answers to addresses that get nothing else",
	"Large answers to addresses that come back after others",
	"Records of one size among those of large answers, at least 50",
};

static const char *const natures[] = {"other", "size", "rate", "persistence", "mismatch", "names"};
static const char *const units[] = {"", "x", "B", "%", "/s", "s", "min", "bit/s", "packets", "1/s", "B/s"};
static const char *const reasons[] = {"other", "quiet", "end-of-input"};

#define WORD(table, text) word((table), sizeof(table) / sizeof((table)[0]), (text))

/* The table's own copy of a text: static, so that a struct alert outlives the line. */
static const char *
word(const char *const *table, size_t n, const char *text)
{
	for (size_t i = 1; text != NULL && i < n; i++)
		if (strcmp(table[i], text) == 0)
			return table[i];
	return table[0];
}

static const char *
text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name)); /* NULL when absent or no string */
}

static uint64_t
count_of(const json_t *o, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(o, name));

	return v > 0 ? (uint64_t)v : 0;
}

static double
number_of(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static void
copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

static bool
address(const json_t *o, struct addr *a)
{
	const char *text = text_of(o, "ip");

	return text != NULL && addr_parse(text, a) == 0;
}

static int
read_head(const json_t *root, struct alert *a, const char **why)
{
	const json_t *event = json_object_get(root, "event");
	const char *t = text_of(root, "@timestamp"), *action = text_of(event, "action"), *id = text_of(event, "id");
	const char *kind = text_of(json_object_get(root, "rule"), "name");
	const char *start = text_of(event, "start"), *end = text_of(event, "end");
	int k;

	*why = "@timestamp is missing or no time";
	if (t == NULL || time_parse_rfc3339(t, &a->t_ns) < 0)
		return ERR_MALFORMED;
	*why = "event.id is missing or not 16 hex digits";
	if (id == NULL || alert_id_parse(id, &a->id) < 0)
		return ERR_MALFORMED;
	*why = "event.action is missing or unknown";
	if (action == NULL || (k = alert_action_parse(action)) < 0)
		return ERR_MALFORMED;
	a->action = (enum alert_action)k;
	*why = "rule.name is missing or a kind this version does not know";
	if (kind == NULL || (k = alert_kind_parse(kind)) < 0)
		return ERR_MALFORMED;
	a->kind = (enum alert_kind)k;
	*why = "event.start or event.end is no time";
	a->start_ns = a->end_ns = a->t_ns;
	if ((start != NULL && time_parse_rfc3339(start, &a->start_ns) < 0) ||
	    (end != NULL && time_parse_rfc3339(end, &a->end_ns) < 0))
		return ERR_MALFORMED;
	a->severity = (int)count_of(event, "severity");
	*why = "event.severity is not between 1 and 10";
	return a->severity >= 1 && a->severity <= 10 ? 0 : ERR_MALFORMED;
}

static int
read_subject(const json_t *o, struct subject *s)
{
	const char *prefix = text_of(o, "prefix"), *link = text_of(o, "link"), *zone = text_of(o, "zone");

	if (address(o, &s->prefix.addr)) {
		s->type = SUBJECT_HOST;
		s->prefix.bits = 128;
		return 0;
	}
	if (prefix != NULL) {
		s->type = SUBJECT_PREFIX;
		return prefix_parse(prefix, &s->prefix);
	}
	if (link == NULL && zone == NULL)
		return ERR_MALFORMED;
	s->type = link != NULL ? SUBJECT_LINK : SUBJECT_ZONE;
	copy(s->name, sizeof(s->name), link != NULL ? link : zone);
	return 0;
}

static void
read_network(const json_t *root, struct alert *a)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} transports[] = {{"udp", FLOW_UDP}, {"tcp", FLOW_TCP}, {"icmp", FLOW_ICMP}, {"ipv6-icmp", FLOW_ICMP6}};
	const json_t *network = json_object_get(root, "network");
	const json_t *question = json_object_get(json_object_get(root, "dns"), "question");
	const char *transport = text_of(network, "transport");
	const char *name = text_of(question, "name"), *type = text_of(question, "type");
	int n;

	for (size_t i = 0; transport != NULL && i < sizeof(transports) / sizeof(transports[0]); i++)
		if (strcmp(transports[i].name, transport) == 0)
			a->proto = transports[i].proto;
	a->bytes = count_of(network, "bytes");
	a->packets = count_of(network, "packets");
	a->has_source = address(json_object_get(root, "source"), &a->source);
	a->has_destination = address(json_object_get(root, "destination"), &a->destination);
	if (name != NULL && (n = dns_name_parse(name, a->qname)) > 0)
		a->qname_len = (uint8_t)n;
	if (type != NULL && (n = dns_type_parse(type)) > 0)
		a->qtype = (uint16_t)n;
}

static void
read_evidence(const json_t *o, struct alert *a)
{
	const json_t *sampled = json_object_get(o, "sampled");

	for (int k = 0; k < EVIDENCE_KEYS; k++) {
		const char *name = evidence_info((enum evidence_key)k)->name;

		if (json_is_number(json_object_get(o, name)))
			alert_evidence_add(a, (enum evidence_key)k, number_of(o, name), count_of(sampled, name));
	}
}

static void
read_signals(const json_t *list, struct alert *a)
{
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n && a->signals_n < ALERT_SIGNALS; i++) {
		const json_t *o = json_array_get(list, i);
		struct signal *s = &a->signals[a->signals_n++];

		s->name = WORD(signal_names, text_of(o, "name"));
		s->label = WORD(labels, text_of(o, "label"));
		if (s->label[0] == '\0')
			s->label = s->name;
		s->nature = WORD(natures, text_of(o, "nature"));
		s->unit = WORD(units, text_of(o, "unit"));
		s->value = number_of(o, "value");
		s->low = number_of(o, "low");
		s->high = number_of(o, "high");
		s->threshold = number_of(o, "threshold");
		s->below = json_is_true(json_object_get(o, "below"));
		s->required = json_is_true(json_object_get(o, "required"));
		s->met = json_is_true(json_object_get(o, "met"));
	}
}

static void
read_peers(const json_t *list, struct alert *a)
{
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n && a->peers_n < ALERT_PEERS; i++) {
		const json_t *o = json_array_get(list, i);
		struct alert_peer *p = &a->peers[a->peers_n];

		if (!address(o, &p->addr))
			continue;
		p->responses = count_of(o, "responses");
		p->bytes = count_of(o, "bytes");
		a->peers_n++;
	}
}

static void
read_ledger(const json_t *damp, struct alert *a)
{
	const json_t *l = json_object_get(damp, "ledger"), *storm = json_object_get(damp, "storm");
	const char *first = text_of(l, "first_seen");
	int64_t t = 0;

	a->ledger.known = first != NULL && time_parse_rfc3339(first, &t) == 0;
	a->ledger.first_s = time_seconds(t);
	a->ledger.alerts = (uint32_t)(count_of(l, "alerts") & 0xffffffff);
	a->ledger.days = (uint32_t)(count_of(l, "days_active") & 0xffffffff);
	a->ledger.hours = (uint32_t)(count_of(l, "hours_active") & 0xffffffff);
	a->ledger.queries = count_of(l, "queries");
	a->ledger.bytes = count_of(l, "bytes");
	a->incident_alerts = count_of(storm, "alerts");
	a->withheld = count_of(storm, "withheld");
}

static int
read_damp(const json_t *damp, struct alert *a, const char **why)
{
	const char *role = text_of(damp, "role"), *incident = text_of(damp, "incident");
	const char *reason = text_of(damp, "reason");
	const json_t *link = json_object_get(damp, "link");
	int r;

	*why = "damp.subject is missing or names nothing";
	if (read_subject(json_object_get(damp, "subject"), &a->subject) < 0)
		return ERR_MALFORMED;
	*why = "damp.role is missing or unknown";
	if (role == NULL || (r = alert_role_parse(role)) < 0)
		return ERR_MALFORMED;
	a->role = (enum alert_role)r;
	*why = "damp.incident is missing or not 16 hex digits";
	if (incident == NULL || alert_id_parse(incident, &a->incident) < 0)
		return ERR_MALFORMED;
	a->vector = WORD(vectors, text_of(damp, "vector"));
	a->vector_port = (uint16_t)(count_of(damp, "vector_port") & 0xffff);
	a->window_s = (uint32_t)(count_of(damp, "window_s") & 0xffffffff);
	read_evidence(json_object_get(damp, "evidence"), a);
	read_signals(json_object_get(damp, "signals"), a);
	read_peers(json_object_get(damp, "peers"), a);
	read_ledger(damp, a);
	copy(a->link, sizeof(a->link), text_of(link, "name"));
	a->link_capacity_bps = count_of(link, "capacity_bps");
	a->reason = reason != NULL ? WORD(reasons, reason) : NULL;
	return 0;
}

int
line_parse(const char *line, size_t n, struct alert *a, char *why, size_t why_size)
{
	json_error_t error;
	json_t *root = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
	const char *reason = "not a JSON object";
	int r = ERR_MALFORMED;

	memset(a, 0, sizeof(*a));
	if (root == NULL) {
		snprintf(why, why_size, "not JSON: %s at byte %d", error.text, error.position);
		return ERR_MALFORMED;
	}
	if (json_is_object(root)) {
		r = read_head(root, a, &reason);
		if (r == 0)
			r = read_damp(json_object_get(root, "damp"), a, &reason);
		if (r == 0) {
			read_network(root, a);
			copy(a->message, sizeof(a->message), text_of(root, "message"));
		}
	}
	if (r < 0)
		snprintf(why, why_size, "%s", reason);
	json_decref(root);
	return r;
}
