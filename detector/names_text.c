/* Figures and sentences of the alerts about what names tell. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "detector/life.h"

static double
value(const struct alert *a, enum evidence_key k)
{
	const struct evidence *e = alert_evidence(a, k);

	return e != NULL ? e->value : 0;
}

static void
add(struct alert *a, const struct watch *w, enum evidence_key k, double value, uint64_t n)
{
	alert_evidence_add(a, k, value, n / w->sampling);
}

/* How questions ended, of zones and failing clients. */
static void
failing_figures(struct alert *a, const struct watch *w, const struct cell *window)
{
	const struct cell *t = &w->total;
	/* of a client `queries` are something else */
	uint64_t unanswered = w->service == SERVICE_ZONE ? t->queries : 0;
	uint64_t bad = (uint64_t)t->matched + t->repeat + t->any_queries + unanswered, all = t->answers > bad ? t->answers : bad;
	double seconds = window->ticks > 0 ? window->ticks : 1;

	add(a, w, EV_RESPONSES, (double)(all - unanswered), all - unanswered);
	if (unanswered > 0)
		add(a, w, EV_UNANSWERED, (double)unanswered, unanswered);
	if (unanswered > all - unanswered) /* the questions are what was seen of it */
		add(a, w, EV_QUERY_PACKETS, (double)all, all);
	add(a, w, EV_NXDOMAIN, t->matched, t->matched);
	add(a, w, EV_SERVFAIL, t->repeat, t->repeat);
	add(a, w, EV_REFUSED, t->any_queries, t->any_queries);
	if (all > 0) {
		add(a, w, EV_FAILING_SHARE, (double)bad / (double)all, all);
		add(a, w, EV_NXDOMAIN_SHARE, (double)t->matched / (double)all, all);
	}
	add(a, w, EV_DISTINCT_NAMES, t->large, t->large);
	if (bad > 0)
		add(a, w, EV_DISTINCT_SHARE, (double)t->large / (double)bad < 1 ? (double)t->large / (double)bad : 1, bad);
	bad = (uint64_t)window->matched + window->repeat + window->any_queries + (unanswered > 0 ? window->queries : 0);
	add(a, w, EV_QPS, (double)bad / seconds, window->answers);
	a->packets = all;
	a->bytes = t->answer_bytes;
}

static void
tunnel_figures(struct alert *a, const struct watch *w)
{
	const struct names_figures *f = &w->names;

	add(a, w, EV_LABEL_BYTES_HOUR, f->hour, f->fresh);
	add(a, w, EV_LABEL_BYTES_DAY, f->day, f->fresh);
	add(a, w, EV_DISTINCT_NAMES, f->fresh, f->fresh);
	add(a, w, EV_RESPONSES, (double)f->all, f->all);
	if (f->answers > 0)
		add(a, w, EV_DISTINCT_SHARE, (double)f->fresh / f->answers, f->answers);
	if (f->fresh > 0) {
		add(a, w, EV_NAME_LENGTH, (double)f->labels / f->fresh, f->fresh);
		add(a, w, EV_RARE_SHARE, (double)f->rare / f->fresh, f->fresh);
	}
	add(a, w, EV_NAME_ENTROPY, f->entropy, f->fresh);
	add(a, w, EV_ANSWER_PAYLOAD, f->payload, f->fresh);
	add(a, w, EV_BPS, f->hour * 8.0 / 3600, f->fresh);
	a->packets = f->all;
	a->bytes = f->bytes;
}

void
names_figures(struct alert *a, const struct watch *w, enum watch_sum which)
{
	const struct cell *window = which == SUM_TOTAL ? &w->total : &w->sum[which];

	switch (w->service) {
	case SERVICE_TUNNEL:
		tunnel_figures(a, w);
		break;
	case SERVICE_RECURSION:
		add(a, w, EV_RESPONSES, w->total.answers, w->total.answers);
		add(a, w, EV_RESPONSE_BYTES, (double)w->total.answer_bytes, w->total.answers);
		add(a, w, EV_QUERY_PACKETS, w->total.queries, w->total.queries);
		add(a, w, EV_QUERY_BYTES, (double)w->total.query_bytes, w->total.queries);
		add(a, w, EV_PEERS, round(watch_peer_count(w)), w->total.answers);
		a->packets = w->total.answers;
		a->bytes = w->total.answer_bytes;
		break;
	case SERVICE_ZONE:
		failing_figures(a, w, window);
		add(a, w, EV_PEERS, round(watch_peer_count(w)), w->total.answers);
		add(a, w, EV_USUAL, w->names.usual, 0);
		break;
	default:
		failing_figures(a, w, window);
		add(a, w, EV_ZONES, w->names.zones, w->total.large);
		break;
	}
}

void
names_sentence(struct alert *a)
{
	char who[ADDR_TEXT], peer[ADDR_TEXT] = "", name[DNS_NAME_TEXT] = "", behind[96] = "";

	addr_text(&a->subject.prefix.addr, who);
	if (a->peers_n > 0)
		addr_text(&a->peers[0].addr, peer);
	if (a->qname_len > 0)
		dns_name_text(a->qname, a->qname_len, name);
	if (a->link[0] != '\0')
		snprintf(behind, sizeof(behind), " on link %s", a->link);
	switch (a->kind) {
	case KIND_DNS_NXDOMAIN_FLOOD:
		snprintf(a->message, sizeof(a->message),
		    "%s asks %s for names that fail: %.0f of %.0f answers (%.0f NXDOMAIN, %.0f SERVFAIL, %.0f REFUSED), %.1f a second, "
		    "%.0f %% of them for names not asked for lately, in about %.0f zones, such as %.100s%s", who, peer,
		    value(a, EV_NXDOMAIN) + value(a, EV_SERVFAIL) + value(a, EV_REFUSED), value(a, EV_RESPONSES),
		    value(a, EV_NXDOMAIN), value(a, EV_SERVFAIL), value(a, EV_REFUSED), value(a, EV_QPS),
		    100 * value(a, EV_DISTINCT_SHARE), value(a, EV_ZONES), name[0] != '\0' ? name : "(long names)", behind);
		break;
	case KIND_DNS_RANDOM_SUBDOMAIN:
		if (value(a, EV_UNANSWERED) > value(a, EV_RESPONSES)) {
			snprintf(a->message, sizeof(a->message),
			    "Zone %.100s is asked for random names: %.0f different ones, %.1f a second, from about %.0f clients, mostly %s; "
			    "answers not seen to %.0f of %.0f questions (a dead server, or one direction of the traffic); an ordinary "
			    "minute has %.0f", a->subject.name, value(a, EV_DISTINCT_NAMES), value(a, EV_QPS), value(a, EV_PEERS), peer,
			    value(a, EV_UNANSWERED), value(a, EV_UNANSWERED) + value(a, EV_RESPONSES), value(a, EV_USUAL));
			break;
		}
		snprintf(a->message, sizeof(a->message),
		    "Zone %.100s is asked for random names: %.0f different ones that fail, %.1f a second, %.0f %% of %.0f answers "
		    "(%.0f NXDOMAIN, %.0f SERVFAIL, %.0f REFUSED), from about %.0f clients, mostly %s; an ordinary minute has %.0f",
		    a->subject.name, value(a, EV_DISTINCT_NAMES), value(a, EV_QPS), 100 * value(a, EV_FAILING_SHARE),
		    value(a, EV_RESPONSES), value(a, EV_NXDOMAIN), value(a, EV_SERVFAIL), value(a, EV_REFUSED), value(a, EV_PEERS),
		    peer, value(a, EV_USUAL));
		break;
	case KIND_DNS_TUNNEL:
		snprintf(a->message, sizeof(a->message),
		    "%s carries data in DNS names below %.100s through %s: %.0f bytes within the last hour, %.0f within a day, in "
		    "%.0f names never asked for before (%.0f %% of its questions there), %.0f bytes long on average, %.0f %% for "
		    "TXT, NULL, CNAME and the like%s", who, name[0] != '\0' ? name : "a long zone", peer,
		    value(a, EV_LABEL_BYTES_HOUR), value(a, EV_LABEL_BYTES_DAY), value(a, EV_DISTINCT_NAMES),
		    100 * value(a, EV_DISTINCT_SHARE), value(a, EV_NAME_LENGTH), 100 * value(a, EV_RARE_SHARE), behind);
		break;
	default:
		snprintf(a->message, sizeof(a->message),
		    "%s is an open resolver: it gave %.0f recursive answers to strangers, such as %s%s; whoever forges an address can "
		    "have it flood others", who, value(a, EV_RESPONSES), peer, behind);
		break;
	}
}
