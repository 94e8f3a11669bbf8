/* udp-amplification-victim and -reflector: the other services that amplify, from the port table.
 *
 * A victim receives answers it did not ask for: from at least a handful of sources, larger than
 * the service's ordinary ones, or else in a flood from very many.  Services that carry sessions
 * (tunnels, desktops, games, file sharing) send large packets all day: there a victim needs the sources of
 * a flood, as half of a session is what a tap on one of two paths sees, and a reflector requests of a
 * greeting's size.
 */
#include <string.h>

#include "detector/detector.h"

#define F(field) offsetof(struct udp_settings, field)
static const struct setting victim_table[] = {
	{"unmatched-share", "%", 0.5, 1, 0.9, "docs/calibration.md", F(unmatched_share), "answers without a request in 10 s"},
	{"min-packets", "", 10, 1e6, 100, "docs/calibration.md", F(min_packets), "answer packets needed in the window"},
	{"min-sources", "", 2, 10000, 10, "docs/calibration.md", F(min_sources),
	    "reflectors; where the service carries sessions, flood-sources instead"},
	{"flood-sources", "", 10, 1e6, 100, "docs/calibration.md", F(flood_sources),
	    "sources from which on small answers count as well"},
	{"flood-packets", "", 10, 1e7, 1000, "docs/calibration.md", F(flood_packets),
	    "packets needed when the answers are small, or of few sources"},
};
static const struct setting reflector_table[] = {
	{"min-packets", "", 10, 1e6, 100, "docs/calibration.md", F(min_packets), "answer packets needed in the window"},
	{"baf", "x", 1, 1000, 5, "docs/calibration.md", F(baf), "answer bytes over request bytes"},
};

enum { SIGNAL_MISS, SIGNAL_COUNT, SIGNAL_SOURCES, SIGNAL_SIZE, SIGNAL_FLOOD };

/* Of one site: both have addresses of an inside, or share what a site is given. */
static bool
neighbours(const struct addr *a, const struct addr *b)
{
	unsigned int site = addr_is_v4(a) ? 96 + 16 : 48;

	return (addr_is_private(a) && addr_is_private(b)) || memcmp(a->b, b->b, site / 8) == 0;
}

static void
judge_victim(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct udp_settings *set = &env->settings->udp_victim;
	/* records of idle flows come too late for the short window: three times as many in the long one */
	const struct cell sums = watch_cell(w, w->records ? SUM_LONG : SUM_SHORT), *c = &sums;
	const struct service *service = service_info(w->service);
	double n = c->answers, seen = n / w->sampling / (w->records ? 3 : 1), sources = watch_peer_count(w);
	/* who writes back to those it hears from is in a conversation, whoever began it: a public NTP
	 * server and its clients may both use port 123 */
	double miss = n > 0 && c->queries < n / 2 ? (n - c->matched) / n : 0, mean = n > 0 ? (double)c->answer_bytes / (double)c->answer_packets : 0;
	struct interval bound = share99(miss * seen, seen, w->sampling > 1);

	*v = (struct verdict){.role = ROLE_VICTIM, .window_s = watch_window_s[w->records ? WINDOW_LONG : WINDOW_SHORT]};
	struct signal *s = verdict_signal(v, "unmatched_share", "Answers it did not ask for", "mismatch", "%", miss, bound.low,
	    bound.high, set->unmatched_share);
	s->required = true;
	s->met = miss >= set->unmatched_share;
	verdict_signal(v, "packets", "Answer packets received", "rate", "", n, seen, seen,
	    service->session_request != 0 ? set->flood_packets : set->min_packets)->required = true;
	verdict_signal(v, "sources", "Different sources of them", "mismatch", "", sources, sources, sources,
	    service->session_request != 0 ? set->flood_sources : set->min_sources)->required = true;
	verdict_signal(v, "mean_size", "Mean answer, bytes at IP level", "size", "B", mean, mean, mean, service->min_answer);
	struct signal *flood = verdict_signal(v, "flood", "Packets, when very many sources answer", "rate", "", n, seen, seen,
	    set->flood_packets);
	flood->met = flood->met && sources >= set->flood_sources;

	/* one reflector suffices where no conversation looks like its flood: not half of an upload from a port drawn by chance */
	bool alone = (service->port < SERVICE_PORTS_DRAWN ? service->abuse || service->session_request == 0 : service->abuse && (!w->web || env->sends || env->queries_seen)) &&
	    v->signals[SIGNAL_SIZE].met && seen >= set->flood_packets;
	struct signal *from = &v->signals[SIGNAL_SOURCES];

	from->met = from->met || alone;
	bool base = v->signals[SIGNAL_MISS].met && v->signals[SIGNAL_COUNT].met && from->met;
	bool lasts = c->ticks >= 2 || seen >= 10 * set->min_packets;

	if (base && lasts && watch_settled(w, env->tick) && (v->signals[SIGNAL_SIZE].met || flood->met))
		v->heat = HEAT_HOT;
	else if (miss >= 0.75 * set->unmatched_share && seen >= set->min_packets / 4)
		v->heat = HEAT_WARM;
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
	/* devices of one LAN answer a multicast question that was sent to nobody in particular */
	if (neighbours(&w->addr, &w->peer[0].addr) &&
	    (service->port == 1900 || service->port == 5353 || service->port == 3702 || service->port == 137)) {
		v->heat = HEAT_COLD;
		v->note = "answers of neighbours to a multicast question";
	}
}

static void
judge_reflector(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct udp_settings *set = &env->settings->udp_reflector;
	const struct cell sums = watch_cell(w, w->records ? SUM_LONG : SUM_SHORT), *c = &sums;
	double n = c->answers, seen = n / w->sampling / (w->records ? 3 : 1);
	double mean = c->answer_packets > 0 ? (double)c->answer_bytes / c->answer_packets : 0;
	double request = c->queries > 0 ? (double)c->query_bytes / c->queries : 0;
	const struct service *service = service_info(w->service);
	/* where requests are not seen, the answers of a port that clients draw as well may be anything */
	double baf = c->query_bytes > 0 ? (double)c->answer_bytes / (double)c->query_bytes :
	    c->answer_bytes > 0 && service->port < SERVICE_PORTS_DRAWN ? 1000 : 0;
	struct interval ratio = ratio99(baf, seen, (double)c->queries / w->sampling, w->sampling > 1);

	*v = (struct verdict){.role = ROLE_REFLECTOR, .window_s = watch_window_s[w->records ? WINDOW_LONG : WINDOW_SHORT]};
	verdict_signal(v, "baf", "Answers \xc3\xb7 requests, bytes at IP level", "size", "x", baf, ratio.low, ratio.high, set->baf);
	verdict_signal(v, "packets", "Answer packets to strangers", "rate", "", n, seen, seen, set->min_packets);
	verdict_signal(v, "mean_size", "Mean answer, bytes at IP level", "size", "B", mean, mean, mean,
	    service->min_answer);
	if (service->session_request != 0) {
		struct signal *s = verdict_signal(v, "request_size", "Mean request, bytes at IP level", "size", "B", request, request,
		    request, service->session_request);
		s->below = true;
		s->met = request > 0 && request <= service->session_request;
	}

	bool all = true;

	for (size_t i = 0; i < v->n; i++) {
		v->signals[i].required = true;
		all = all && v->signals[i].met;
	}
	if (all && (c->ticks >= 2 || seen >= 10 * set->min_packets))
		v->heat = HEAT_HOT;
	else if (seen >= set->min_packets / 4 && baf >= 0.75 * set->baf)
		v->heat = HEAT_WARM;
	if ((w->flags & HOST_NEVER) != 0)
		v->heat = HEAT_COLD;
}

const struct detector detector_udp_victim = {
	.kind = KIND_UDP_AMPLIFICATION_VICTIM,
	.side = SIDE_CLIENT,
	.service_from = SERVICE_FIRST_UDP,
	.service_to = SERVICE_NAMES_FIRST - 1,
	.judge = judge_victim,
	.settings = {victim_table, sizeof(victim_table) / sizeof(victim_table[0])},
	.settings_offset = offsetof(struct detect_settings, udp_victim),
};

const struct detector detector_udp_reflector = {
	.kind = KIND_UDP_AMPLIFICATION_REFLECTOR,
	.side = SIDE_SERVER,
	.service_from = SERVICE_FIRST_UDP,
	.service_to = SERVICE_NAMES_FIRST - 1,
	.judge = judge_reflector,
	.settings = {reflector_table, sizeof(reflector_table) / sizeof(reflector_table[0])},
	.settings_offset = offsetof(struct detect_settings, udp_reflector),
};
