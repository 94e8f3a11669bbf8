#include "detector/alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

static const char *const kinds[ALERT_KINDS] = {
	[KIND_DNS_AMPLIFICATION_ABUSER] = "dns-amplification-abuser",
	[KIND_DNS_AMPLIFICATION_VICTIM] = "dns-amplification-victim",
	[KIND_DNS_AMPLIFICATION_REFLECTOR] = "dns-amplification-reflector",
	[KIND_UDP_AMPLIFICATION_VICTIM] = "udp-amplification-victim",
	[KIND_UDP_AMPLIFICATION_REFLECTOR] = "udp-amplification-reflector",
	[KIND_UDP_FRAGMENT_FLOOD] = "udp-fragment-flood",
	[KIND_DNS_QUERY_FLOOD] = "dns-query-flood",
	[KIND_EXPORTER_HEALTH] = "exporter-health",
	[KIND_DNS_NXDOMAIN_FLOOD] = "dns-nxdomain-flood",
	[KIND_DNS_RANDOM_SUBDOMAIN] = "dns-random-subdomain",
	[KIND_DNS_TUNNEL] = "dns-tunnel",
	[KIND_OPEN_RESOLVER] = "open-resolver",
	[KIND_TRAFFIC_ANOMALY] = "traffic-anomaly",
	[KIND_LINK_SATURATION] = "link-saturation",
	[KIND_CARPET_BOMBING] = "carpet-bombing",
};

static const char *const roles[ALERT_ROLES] = {
	[ROLE_ABUSER] = "abuser",     [ROLE_VICTIM] = "victim", [ROLE_REFLECTOR] = "reflector",
	[ROLE_RESOLVER] = "resolver", [ROLE_ZONE] = "zone",     [ROLE_LINK] = "link",
	[ROLE_EXPORTER] = "exporter",
};

static const char *const actions[ALERT_ACTIONS] = {
	[ALERT_OPENED] = "opened",
	[ALERT_UPDATED] = "updated",
	[ALERT_CLOSED] = "closed",
};

static const struct evidence_info evidence[EVIDENCE_KEYS] = {
	[EV_QUERY_PACKETS] = {"query_packets", 0},
	[EV_QUERY_BYTES] = {"query_bytes", 0},
	[EV_RESPONSE_PACKETS] = {"response_packets", 0},
	[EV_RESPONSE_BYTES] = {"response_bytes", 0},
	[EV_RESPONSES] = {"responses", 0},
	[EV_AMPLIFIED_RESPONSES] = {"amplified_responses", 0},
	[EV_MEAN_RESPONSE] = {"mean_response", 0},
	[EV_BAF] = {"baf", 2},
	[EV_BAF_LOW] = {"baf_low", 2},
	[EV_PAF] = {"paf", 2},
	[EV_BPP] = {"bpp", 0},
	[EV_PPS] = {"pps", 1},
	[EV_BPS] = {"bps", 0},
	[EV_FRAGMENT_PACKETS] = {"fragment_packets", 0},
	[EV_FRAGMENT_BYTES] = {"fragment_bytes", 0},
	[EV_ANY_QUERIES] = {"any_queries", 0},
	[EV_PEERS] = {"peers", 0},
	[EV_MATCHED_SHARE] = {"matched_share", 3},
	[EV_REPEAT_WITHIN_TTL] = {"repeat_within_ttl", 0},
	[EV_REPEAT_SHARE] = {"repeat_share", 3},
	[EV_QPS] = {"qps", 1},
	[EV_LINK_BPS] = {"link_bps", 0},
	[EV_LINK_SHARE] = {"link_share", 3},
	[EV_RECORDS] = {"records", 0},
	[EV_LOST_RECORDS] = {"lost_records", 0},
	[EV_LOST_SHARE] = {"lost_share", 3},
	[EV_UNDECODED] = {"undecoded_sets", 0},
	[EV_CORRUPT] = {"corrupt", 0},
	[EV_TIME_REPAIRED] = {"time_repaired", 0},
	[EV_CLOCK_OFFSET] = {"clock_offset_s", 1},
	[EV_DISTINCT_NAMES] = {"distinct_names", 0},
	[EV_DISTINCT_SHARE] = {"distinct_share", 3},
	[EV_FAILING_SHARE] = {"failing_share", 3},
	[EV_NXDOMAIN] = {"nxdomain", 0},
	[EV_NXDOMAIN_SHARE] = {"nxdomain_share", 3},
	[EV_SERVFAIL] = {"servfail", 0},
	[EV_REFUSED] = {"refused", 0},
	[EV_ZONES] = {"zones", 0},
	[EV_UNANSWERED] = {"unanswered", 0},
	[EV_USUAL] = {"usual_names_per_minute", 0},
	[EV_LABEL_BYTES_HOUR] = {"label_bytes_per_hour", 0},
	[EV_LABEL_BYTES_DAY] = {"label_bytes_per_day", 0},
	[EV_NAME_LENGTH] = {"mean_name_length", 1},
	[EV_NAME_ENTROPY] = {"name_entropy_bits", 2},
	[EV_RARE_SHARE] = {"rare_type_share", 3},
	[EV_ANSWER_PAYLOAD] = {"answer_payload_bytes", 0},
	[EV_MULTIPLE] = {"multiple", 1},
	[EV_BASELINE_BPS] = {"baseline_bps", 0},
	[EV_BASELINE_PPS] = {"baseline_pps", 1},
	[EV_BASELINE_ANSWERS] = {"baseline_answers", 1},
	[EV_ANSWERS_PS] = {"answers_per_s", 1},
	[EV_HISTORY] = {"history_s", 0},
	[EV_DESTINATIONS] = {"destinations", 0},
	[EV_LARGEST_SHARE] = {"largest_share", 3},
	[EV_RATE_ERROR] = {"rate_error", 3},
	[EV_BASELINE_WEEKS] = {"baseline_weeks", 0},
	[EV_BASELINE_HOSTS] = {"baseline_hosts", 0},
	[EV_OFFENDERS] = {"offenders", 0},
	[EV_OFFENDER_SHARE] = {"offender_share", 3},
	[EV_LINK_LOAD] = {"link_load", 3},
	[EV_DNS_SHARE] = {"dns_share", 3},
	[EV_AMPLIFIED_SHARE] = {"amplified_share", 3},
	[EV_USUAL_SHARE] = {"usual_share", 3},
	[EV_FULL_IN] = {"full_in_s", 0},
	[EV_ADDRESSES] = {"addresses", 0},
};

static int
find(const char *const *table, int n, const char *text)
{
	for (int i = 0; i < n; i++)
		if (strcmp(table[i], text) == 0)
			return i;
	return ERR_INVALID;
}

const char *
alert_kind_text(enum alert_kind k)
{
	return kinds[k];
}

const char *
alert_role_text(enum alert_role r)
{
	return roles[r];
}

const char *
alert_action_text(enum alert_action a)
{
	return actions[a];
}

int
alert_kind_parse(const char *text)
{
	return find(kinds, ALERT_KINDS, text);
}

int
alert_role_parse(const char *text)
{
	return find(roles, ALERT_ROLES, text);
}

int
alert_action_parse(const char *text)
{
	return find(actions, ALERT_ACTIONS, text);
}

const struct evidence_info *
evidence_info(enum evidence_key k)
{
	return &evidence[k];
}

void
alert_evidence_add(struct alert *a, enum evidence_key k, double value, uint64_t sampled)
{
	if (a->evidence_n < ALERT_EVIDENCE)
		a->evidence[a->evidence_n++] = (struct evidence){(uint8_t)k, value, sampled};
}

const struct evidence *
alert_evidence(const struct alert *a, enum evidence_key k)
{
	for (size_t i = 0; i < a->evidence_n; i++)
		if (a->evidence[i].key == k)
			return &a->evidence[i];
	return NULL;
}

bool
alert_of_customer(const struct alert *a)
{
	return a->role == ROLE_ABUSER && a->subject.type == SUBJECT_PREFIX && alert_evidence(a, EV_ADDRESSES) != NULL;
}

const char *
alert_id_text(uint64_t id, char buf[ALERT_ID_TEXT])
{
	snprintf(buf, ALERT_ID_TEXT, "%016" PRIx64, id);
	return buf;
}

int
alert_id_parse(const char *text, uint64_t *id)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return ERR_INVALID;
	*id = strtoull(text, NULL, 16);
	return 0;
}
