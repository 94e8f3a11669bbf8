/* What an alert says: its figures from the watch, its severity, and the sentence for the NOC. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/areas.h"
#include "detector/customer.h"
#include "detector/life.h"

/* "266 kbit/s": decimal, three digits. */
static const char *
rate_text(double bps, char buf[32])
{
	static const char *const unit[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
	int u = 0;

	while (bps >= 999.5 && u < 4) {
		bps /= 1000;
		u++;
	}
	snprintf(buf, 32, bps >= 99.5 || u == 0 ? "%.0f %s" : bps >= 9.95 ? "%.1f %s" : "%.2f %s", bps, unit[u]);
	return buf;
}

/* One and a half steps for each tenfold above 10 kbit/s, two more when half a link goes. */
int
alert_severity(double bps, uint64_t link_capacity_bps)
{
	double s = 3 + log10(bps > 1e4 ? bps / 1e4 : 1) * 1.5;

	if (link_capacity_bps > 0)
		s += bps / (double)link_capacity_bps > 0.5 ? 2 : bps / (double)link_capacity_bps > 0.1 ? 1 : 0;
	return s > 10 ? 10 : s < 1 ? 1 : (int)s;
}

static uint64_t
sampled(const struct watch *w, uint64_t n)
{
	return n / w->sampling;
}

static void
top_peers(struct alert *a, const struct watch *w)
{
	bool used[WATCH_PEERS] = {false};

	a->peers_n = 0;
	for (int n = 0; n < ALERT_PEERS && n < WATCH_PEERS; n++) {
		int best = -1;

		for (int i = 0; i < WATCH_PEERS; i++)
			if (!used[i] && w->peer[i].answers > 0 &&
			    (best < 0 || w->peer[i].answers > w->peer[best].answers ||
				(w->peer[i].answers == w->peer[best].answers &&
				    addr_cmp(&w->peer[i].addr, &w->peer[best].addr) < 0)))
				best = i;
		if (best < 0)
			return;
		used[best] = true;
		a->peers[a->peers_n++] = (struct alert_peer){w->peer[best].addr, w->peer[best].answers, w->peer[best].bytes};
	}
}

static void
names(struct alert *a, const struct watch *w)
{
	const struct watch_name *best = NULL;

	for (int i = 0; i < WATCH_NAMES; i++)
		if (w->name[i].count > 0 && (best == NULL || w->name[i].count > best->count))
			best = &w->name[i];
	if (best == NULL)
		return;
	a->qname_len = best->len;
	memcpy(a->qname, best->wire, best->len);
	a->qtype = best->qtype;
}

/* The time over which a rate is taken: in the short window the seconds with traffic, since an attack has often
 * just begun; in the longer ones the time that has passed, else one question a minute would be one a second.  Of records
 * the time that they cover: they are told when it is long past. */
static uint32_t
seconds_of(const struct watch *w, const struct cell *window, enum watch_sum which, uint32_t window_s)
{
	uint32_t passed = w->last_tick - w->first_tick + 1, n = window->ticks;

	if (w->records && w->last_ns > w->first_ns)
		passed = (uint32_t)((w->last_ns - w->first_ns) / NS_PER_S) + 1;
	if (window_s > watch_window_s[WINDOW_SHORT] || which == SUM_TOTAL)
		n = passed < window_s || which == SUM_TOTAL ? passed : window_s;
	return n > 0 ? n : 1;
}

/* The attack's own traffic: what the large answers cost and what drew them. */
static void
dns_figures(struct alert *a, const struct watch *w, enum watch_sum which)
{
	const struct cell part = watch_cell(w, which), *window = &part;
	const struct cell total = watch_cell(w, SUM_TOTAL), *t = &total;
	uint64_t packets = (uint64_t)t->large + t->later_packets;
	double answer = t->large > 0 ? (double)t->large_bytes / t->large : 0;
	double query = t->matched > 0 ? (double)t->large_query_bytes / t->matched : 0;
	uint32_t ticks = seconds_of(w, window, which, a->window_s);

	alert_evidence_add(a, EV_QUERY_PACKETS, t->matched, sampled(w, t->matched));
	alert_evidence_add(a, EV_QUERY_BYTES, (double)t->large_query_bytes, sampled(w, t->matched));
	alert_evidence_add(a, EV_RESPONSE_PACKETS, (double)packets, sampled(w, packets));
	alert_evidence_add(a, EV_RESPONSE_BYTES, (double)t->large_bytes, sampled(w, packets));
	alert_evidence_add(a, EV_RESPONSES, t->large, sampled(w, t->large));
	if (t->large > 0) {
		alert_evidence_add(a, EV_MEAN_RESPONSE, (double)t->large_size / t->large, sampled(w, t->large));
		alert_evidence_add(a, EV_MATCHED_SHARE, (double)t->matched / t->large, sampled(w, t->large));
	}
	if (query > 0) {
		struct interval b = ratio99(answer / query, t->large / (double)w->sampling,
		    t->matched / (double)w->sampling, w->sampling > 1);

		alert_evidence_add(a, EV_BAF, answer / query, sampled(w, t->large));
		alert_evidence_add(a, EV_BAF_LOW, b.low, sampled(w, t->large));
		alert_evidence_add(a, EV_PAF, (double)packets / t->large, sampled(w, packets));
	}
	if (packets > 0)
		alert_evidence_add(a, EV_BPP, floor((double)t->large_bytes / (double)packets), sampled(w, packets));
	alert_evidence_add(a, EV_PPS, (double)(window->large + window->later_packets) / ticks, sampled(w, window->large));
	alert_evidence_add(a, EV_BPS, (double)window->large_bytes * 8 / ticks, sampled(w, window->large));
	alert_evidence_add(a, EV_QPS, (double)window->matched / ticks, sampled(w, window->matched));
	alert_evidence_add(a, EV_FRAGMENT_PACKETS, t->later_packets, sampled(w, t->later_packets));
	alert_evidence_add(a, EV_FRAGMENT_BYTES, (double)t->later_bytes, sampled(w, t->later_packets));
	alert_evidence_add(a, EV_ANY_QUERIES, t->any_queries, sampled(w, t->any_queries));
	alert_evidence_add(a, EV_REPEAT_WITHIN_TTL, t->repeat, sampled(w, t->repeat));
	alert_evidence_add(a, EV_PEERS, round(watch_peer_count(w)), sampled(w, t->large));
	a->bytes = t->large_bytes + t->large_query_bytes;
	a->packets = packets + t->matched;
}

static void
other_figures(struct alert *a, const struct watch *w, enum watch_sum which)
{
	const struct cell part = watch_cell(w, which), *window = &part;
	const struct cell *t = &w->total;
	uint32_t ticks = seconds_of(w, window, which, a->window_s);

	alert_evidence_add(a, EV_QUERY_PACKETS, t->queries, sampled(w, t->queries));
	alert_evidence_add(a, EV_QUERY_BYTES, (double)t->query_bytes, sampled(w, t->queries));
	alert_evidence_add(a, EV_RESPONSE_PACKETS, t->answer_packets, sampled(w, t->answer_packets));
	alert_evidence_add(a, EV_RESPONSE_BYTES, (double)t->answer_bytes, sampled(w, t->answer_packets));
	if (t->query_bytes > 0 && w->side == SIDE_SERVER)
		alert_evidence_add(a, EV_BAF, (double)t->answer_bytes / (double)t->query_bytes, sampled(w, t->answers));
	if (t->answer_packets > 0)
		alert_evidence_add(a, EV_BPP, floor((double)t->answer_bytes / t->answer_packets), sampled(w, t->answer_packets));
	alert_evidence_add(a, EV_PPS, (double)(window->answer_packets > 0 ? window->answer_packets : window->queries) / ticks,
	    sampled(w, window->answers));
	alert_evidence_add(a, EV_BPS,
	    (double)(window->answer_bytes > 0 ? window->answer_bytes : window->query_bytes) * 8 / ticks,
	    sampled(w, window->answers));
	if (t->later_packets > 0 || w->service == SERVICE_FRAGMENT) {
		alert_evidence_add(a, EV_FRAGMENT_PACKETS, t->later_packets, sampled(w, t->later_packets));
		alert_evidence_add(a, EV_FRAGMENT_BYTES, (double)t->later_bytes, sampled(w, t->later_packets));
	}
	alert_evidence_add(a, EV_PEERS, round(watch_peer_count(w)), sampled(w, t->answers));
	a->bytes = t->answer_bytes + t->query_bytes;
	a->packets = (uint64_t)t->answer_packets + t->queries;
}

enum { EXPORTER_SEVERITY = 3 }; /* nobody is attacked, but an attack could be missed */

/* What names tell costs little traffic: what it means for people decides. */
static int
names_severity(enum alert_kind k)
{
	return k == KIND_DNS_RANDOM_SUBDOMAIN || k == KIND_DNS_TUNNEL ? 6 : 4;
}

static double
value(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	return e != NULL ? e->value : 0;
}

/* "ANY ripe.net" or "its questions". */
static const char *
question_text(const struct alert *a, bool records, char *buf, size_t n)
{
	char name[DNS_NAME_TEXT], type[12];

	if (a->qname_len == 0) {
		snprintf(buf, n, "%s", records ? "names that flow records do not show" : "names that the capture does not show");
		return buf;
	}
	dns_name_text(a->qname, a->qname_len, name);
	snprintf(buf, n, "%s %.120s%s", dns_type_text(a->qtype, type), name, strlen(name) > 120 ? "..." : "");
	return buf;
}

/* "10.64.0.7, 10.64.0.9 and 3 others". */
static const char *
hosts_text(const struct alert *a, double all, char *buf, size_t size)
{
	char one[ADDR_TEXT];
	size_t shown = a->peers_n < 3 ? a->peers_n : 3, at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < shown; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i == 0 ? "" : ", ", addr_text(&a->peers[i].addr, one));
	if (all > (double)shown)
		snprintf(buf + at, size - at, "%s%.0f other%s", shown > 0 ? " and " : "", all - (double)shown, all - (double)shown > 1 ? "s" : "");
	return buf;
}

static void
link_sentence(struct alert *a, const char *who)
{
	char load[32], capacity[32], hosts[3 * ADDR_TEXT + 40], cause[3 * ADDR_TEXT + 120] = "", when[80] = "", usual[64] = "";
	double offenders = value(a, EV_OFFENDERS), in = value(a, EV_FULL_IN);

	rate_text(value(a, EV_LINK_BPS), load);
	rate_text((double)a->link_capacity_bps, capacity);
	hosts_text(a, offenders, hosts, sizeof(hosts));
	if (offenders > 0)
		snprintf(cause, sizeof(cause), "; %.0f %% of it is caused by %s", 100 * value(a, EV_OFFENDER_SHARE), hosts);
	else if (hosts[0] != '\0')
		snprintf(cause, sizeof(cause), "; most of them go to %s, none of which stands out", hosts);
	if (value(a, EV_USUAL_SHARE) > 0)
		snprintf(usual, sizeof(usual), ", usual at this hour are %.1f %%", 100 * value(a, EV_USUAL_SHARE));
	if (in > 0)
		snprintf(when, sizeof(when), "; full in %.0f s if it goes on like this", in);
	snprintf(a->message, sizeof(a->message),
	    "%s carries %s of %s (%.0f %%): %.0f %% of that are amplified answers%s; all DNS answers are "
	    "%.0f %%%s%s", who, load, capacity, 100 * value(a, EV_LINK_LOAD), 100 * value(a, EV_AMPLIFIED_SHARE),
	    usual, 100 * value(a, EV_DNS_SHARE), cause, when);
}

static void
area_sentence(struct alert *a, const char *question, const char *rate)
{
	char hosts[3 * ADDR_TEXT + 40], who[72], behind[80] = "", error[32] = "";

	if (value(a, EV_RATE_ERROR) > 0)
		snprintf(error, sizeof(error), " \xc2\xb1 %.0f %%", 100 * value(a, EV_RATE_ERROR));
	if (a->subject.type == SUBJECT_LINK)
		snprintf(who, sizeof(who), "%s %.60s", a->kind == KIND_LINK_SATURATION ? "Link" : "link", a->subject.name);
	else
		prefix_text(&a->subject.prefix, who);
	if (a->link[0] != '\0' && a->subject.type != SUBJECT_LINK)
		snprintf(behind, sizeof(behind), " on link %s", a->link);
	if (a->kind == KIND_LINK_SATURATION) {
		link_sentence(a, who);
	} else if (a->kind == KIND_CARPET_BOMBING) {
		snprintf(a->message, sizeof(a->message),
		    "%s is hit as a whole by %s answers it did not ask for: %.0f packets to %.0f of its hosts, none of which gets more than %.0f %%, "
		    "%s%s from about %.0f sources%s", who, strcmp(a->vector, "dns") == 0 ? "DNS" : a->vector, value(a, EV_RESPONSE_PACKETS), value(a, EV_DESTINATIONS),
		    100 * value(a, EV_LARGEST_SHARE), rate, error, value(a, EV_PEERS), behind);
	} else {
		snprintf(a->message, sizeof(a->message),
		    "Hosts of %s draw amplified DNS answers together, each of them too slowly to stand out: %.0f in the last minutes "
		    "(%s) by %.0f answers for %.120s, %.2fx at IP level%s", who, value(a, EV_OFFENDERS),
		    hosts_text(a, value(a, EV_OFFENDERS), hosts, sizeof(hosts)), value(a, EV_RESPONSES), question, value(a, EV_BAF), behind);
	}
}

static void
sentence(struct alert *a, const struct watch *w, const struct verdict *v)
{
	char who[PREFIX_TEXT], peer[ADDR_TEXT] = "", rate[32], ordinary[32], question[160], behind[96] = "", addresses[64] = "", held[80] = "";
	const char *note = v->note != NULL ? v->note : "";
	double bps = value(a, EV_BPS);

	if (a->subject.type == SUBJECT_PREFIX)
		prefix_text(&a->subject.prefix, who);
	else
		addr_text(&a->subject.prefix.addr, who);
	if (alert_of_customer(a))
		snprintf(addresses, sizeof(addresses), ", changing its address (%.0f so far)", value(a, EV_ADDRESSES));
	if (a->peers_n > 0)
		addr_text(&a->peers[0].addr, peer);
	rate_text(bps, rate);
	question_text(a, w->records, question, sizeof(question));
	if (a->link[0] != '\0')
		snprintf(behind, sizeof(behind), " on link %s", a->link);
	if (a->subject.type != SUBJECT_HOST && !alert_of_customer(a)) {
		area_sentence(a, question, rate);
		return;
	}
	switch (a->kind) {
	case KIND_DNS_AMPLIFICATION_ABUSER:
		if (value(a, EV_REPEAT_WITHIN_TTL) > 0 && value(a, EV_RESPONSES) > 0)
			snprintf(held, sizeof(held), ", and it still held %.0f %% of them when it asked again (TTL left)",
			    100 * value(a, EV_REPEAT_WITHIN_TTL) / value(a, EV_RESPONSES));
		snprintf(a->message, sizeof(a->message),
		    "%s draws amplified DNS answers through %s%s: asks %s %.1f times a second, %.0f bytes of query bring "
		    "%.0f bytes of answer (%.2fx, at IP level), %s towards it%s; its own queries explain %.0f %% of them%s",
		    who, peer, addresses, question, value(a, EV_QPS),
		    value(a, EV_QUERY_PACKETS) > 0 ? value(a, EV_QUERY_BYTES) / value(a, EV_QUERY_PACKETS) : 0,
		    value(a, EV_RESPONSES) > 0 ? value(a, EV_RESPONSE_BYTES) / value(a, EV_RESPONSES) : 0, value(a, EV_BAF),
		    rate, behind, 100 * value(a, EV_MATCHED_SHARE), held);
		break;
	case KIND_DNS_AMPLIFICATION_VICTIM:
		snprintf(a->message, sizeof(a->message),
		    "%s receives amplified DNS answers it did not ask for: %.0f of %.0f bytes on average for %s, "
		    "%s from about %.0f sources%s%s%s",
		    who, value(a, EV_RESPONSES), value(a, EV_MEAN_RESPONSE), question, rate, value(a, EV_PEERS), behind,
		    note[0] != '\0' ? "; " : "", note);
		break;
	case KIND_DNS_AMPLIFICATION_REFLECTOR:
		snprintf(a->message, sizeof(a->message),
		    "%s amplifies DNS towards strangers: %.0f large answers for %s, %s, mostly to %s, which is likely the "
		    "victim of forged queries%s%s%s", who, value(a, EV_RESPONSES), question, rate, peer, behind, note[0] != '\0' ? "; " : "", note);
		break;
	case KIND_UDP_AMPLIFICATION_VICTIM:
		snprintf(a->message, sizeof(a->message),
		    "%s receives amplified %s answers (UDP port %u) it did not ask for: %.0f packets of %.0f bytes on average, %s, "
		    "from about %.0f sources%s", who, a->vector, a->vector_port, value(a, EV_RESPONSE_PACKETS), value(a, EV_BPP), rate,
		    value(a, EV_PEERS), behind);
		break;
	case KIND_UDP_AMPLIFICATION_REFLECTOR:
		snprintf(a->message, sizeof(a->message),
		    "%s amplifies %s (UDP port %u) towards strangers: %.0f packets of %.0f bytes on average, %s, mostly to %s%s",
		    who, a->vector, a->vector_port, value(a, EV_RESPONSE_PACKETS), value(a, EV_BPP), rate, peer, behind);
		break;
	case KIND_UDP_FRAGMENT_FLOOD:
		snprintf(a->message, sizeof(a->message),
		    "%s receives a flood of UDP fragments that belong to no known service: %.0f a second of %.0f bytes on average, "
		    "%s, from about %.0f sources%s", who, value(a, EV_PPS), value(a, EV_BPP), rate, value(a, EV_PEERS), behind);
		break;
	case KIND_EXPORTER_HEALTH:
		snprintf(a->message, sizeof(a->message),
		    "The figures from flow exporter %s are degraded: %.0f of %.0f records lost on the way (%.1f %%), %.0f sets without a "
		    "template, %.0f records with impossible times, %.0f datagrams damaged, its clock is %.0f s off", who,
		    value(a, EV_LOST_RECORDS), value(a, EV_RECORDS) + value(a, EV_LOST_RECORDS), 100 * value(a, EV_LOST_SHARE),
		    value(a, EV_UNDECODED), value(a, EV_TIME_REPAIRED), value(a, EV_CORRUPT), value(a, EV_CLOCK_OFFSET));
		break;
	case KIND_DNS_NXDOMAIN_FLOOD:
	case KIND_DNS_RANDOM_SUBDOMAIN:
	case KIND_DNS_TUNNEL:
	case KIND_OPEN_RESOLVER: break; /* names_text.c */
	case KIND_TRAFFIC_ANOMALY:
		anomaly_measure(w, question, sizeof(question));
		snprintf(a->message, sizeof(a->message),
		    "%s sends %.0f times %s: %s instead of %s, %.0f packets a second instead of %.0f%s; "
		    "no more precise kind explains it", who, value(a, EV_MULTIPLE), question, rate, rate_text(value(a, EV_BASELINE_BPS), ordinary),
		    value(a, EV_PPS), value(a, EV_BASELINE_PPS), behind);
		break;
	default:
		snprintf(a->message, sizeof(a->message),
		    "%s is flooded with DNS queries from addresses not seen before: %.0f a second, %s, hardly any answered%s",
		    who, value(a, EV_PPS), rate, behind);
		break;
	}
}

void
alert_describe(struct alert *a, const struct watch *w, const struct verdict *v, const struct judge_env *env)
{
	enum watch_sum which = v->window_s > watch_window_s[WINDOW_LONG] ? SUM_TOTAL :
	    v->window_s == watch_window_s[WINDOW_LONG] ? SUM_LONG : SUM_SHORT;

	const struct prefix named = a->subject.prefix;

	a->subject.type = SUBJECT_HOST;
	a->subject.prefix = (struct prefix){w->addr, 128};
	if (w->service == SERVICE_ZONE) {
		char zone[DNS_NAME_TEXT];

		a->subject.type = SUBJECT_ZONE;
		snprintf(a->subject.name, sizeof(a->subject.name), "%.255s", dns_name_text(w->name[0].wire, w->name[0].len, zone));
	}
	a->proto = FLOW_UDP;
	a->evidence_n = 0;
	if (which != SUM_TOTAL && w->sum[which].ticks == 0) /* at the end of an alert the windows have run empty */
		which = SUM_TOTAL;
	if (v->n > 0) {
		a->window_s = v->window_s;
		a->signals_n = v->n;
		memcpy(a->signals, v->signals, v->n * sizeof(v->signals[0]));
	}
	if (w->service == SERVICE_EXPORTER)
		exporter_figures(a, w);
	else if (a->kind == KIND_LINK_SATURATION)
		; /* area_figures knows them all */
	else if (service_is_names(w->service))
		names_figures(a, w, which);
	else if (w->service == SERVICE_LEVEL)
		anomaly_figures(a, w);
	else if (w->service == SERVICE_DNS)
		dns_figures(a, w, which);
	else
		other_figures(a, w, which);
	top_peers(a, w);
	names(a, w);
	/* the traffic an alert names runs from source to destination: queries of an abuser, answers to a victim */
	if (w->side == SIDE_CUSTOMER) {
		customer_figures(a, w, env);
	} else if (w->side >= SIDE_PREFIX) {
		a->has_source = a->role == ROLE_VICTIM && a->peers_n > 0; /* the other end is no single host */
		a->source = a->peers[0].addr;
		area_figures(a, w, env);
		if (a->incident != 0)
			a->subject.prefix = named; /* as it was opened */
	} else if (a->role == ROLE_ZONE) {
		a->has_source = a->peers_n > 0; /* of many clients the loudest; the zone is no address */
		a->source = a->peers[0].addr;
	} else if (w->side == SIDE_CLIENT && a->role == ROLE_ABUSER) {
		a->source = w->addr;
		a->has_source = true;
		a->has_destination = a->peers_n > 0;
		a->destination = a->peers[0].addr;
	} else if (w->service == SERVICE_EXPORTER) {
		a->proto = 0; /* no traffic is named */
		a->source = w->addr;
		a->has_source = true;
	} else if (w->service == SERVICE_LEVEL) {
		a->proto = 0; /* of whatever it sends */
		a->source = w->addr;
		a->has_source = true;
	} else if (w->side == SIDE_CLIENT || a->role == ROLE_RESOLVER) {
		a->destination = w->addr;
		a->has_destination = true;
		a->has_source = a->peers_n > 0;
		a->source = a->peers[0].addr;
	} else {
		a->source = w->addr;
		a->has_source = true;
		a->has_destination = a->peers_n > 0;
		a->destination = a->peers[0].addr;
	}
	int now = w->service == SERVICE_EXPORTER ? EXPORTER_SEVERITY : service_is_names(w->service) ? names_severity(a->kind) : alert_severity(value(a, EV_BPS), a->link_capacity_bps);

	if (now > a->severity)
		a->severity = now;
	sentence(a, w, v);
	if (service_is_names(w->service))
		names_sentence(a);
}
