/* From alerts to what can be matched.  The plan is sorted, so that the same alerts in any order
 * give the same file. */
#include "rules/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

bool
rule_is_offender(const struct alert *a)
{
	return a->role == ROLE_ABUSER && (a->subject.type == SUBJECT_HOST || alert_of_customer(a));
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static int
match_cmp(const void *pa, const void *pb)
{
	const struct rule_match *a = pa, *b = pb;

	if (a->qtype != b->qtype)
		return a->qtype == DNS_ANY ? -1 : b->qtype == DNS_ANY ? 1 : a->qtype - b->qtype;
	if (a->name_len != b->name_len)
		return a->name_len - b->name_len;
	return memcmp(a->name, b->name, a->name_len);
}

static int
guard_cmp(const void *pa, const void *pb)
{
	const struct rule_guard *a = pa, *b = pb;

	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	return addr_cmp(&a->host, &b->host) != 0 ? addr_cmp(&a->host, &b->host) : a->port - b->port;
}

static void
blind(struct rule_plan *p, const char *why)
{
	p->blind++;
	snprintf(p->why, sizeof(p->why), "%s", why);
}

static void
add_match(struct rule_plan *p, const struct alert *a)
{
	struct rule_match m = {.qtype = a->qtype};

	if (a->qtype == 0) {
		blind(p, "no query name or type was visible (flow records only): nothing to match; "
		         "see the names by capturing at the resolver");
		return;
	}
	if (a->qtype != DNS_ANY) {
		if (a->qname_len == 0) {
			blind(p, "the query name is not known, and a rule for the type alone would hit everybody");
			return;
		}
		m.name_len = a->qname_len;
		for (size_t i = 0; i < a->qname_len; i++)
			m.name[i] = lower(a->qname[i]);
	}
	for (size_t i = 0; i < p->matches; i++)
		if (match_cmp(&p->match[i], &m) == 0)
			return;
	if (p->matches < MATCH_MAX)
		p->match[p->matches++] = m;
	else
		p->matches_left++;
}

static void
add_guard(struct rule_plan *p, enum guard_kind kind, const struct alert *a, uint16_t port)
{
	struct rule_guard g = {kind, a->subject.prefix.addr, port};

	if (a->subject.type != SUBJECT_HOST) {
		blind(p, "the subject is not a single host");
		return;
	}
	for (size_t i = 0; i < p->guards; i++)
		if (guard_cmp(&p->guard[i], &g) == 0)
			return;
	if (p->guards < GUARD_MAX)
		p->guard[p->guards++] = g;
	else
		p->guards_left++;
}

static void
add_alert(struct rule_plan *p, const struct alert *a)
{
	switch (a->kind) {
	case KIND_DNS_AMPLIFICATION_ABUSER:
	case KIND_DNS_AMPLIFICATION_REFLECTOR:
	case KIND_DNS_QUERY_FLOOD: /* the name is what matters: hosts of a prefix or link that ask together are met by it */
		add_match(p, a);
		return;
	case KIND_DNS_AMPLIFICATION_VICTIM:
	case KIND_UDP_AMPLIFICATION_VICTIM:
		if (a->vector_port == 0) {
			blind(p, "the amplifiers' port is not known");
			return;
		}
		add_guard(p, GUARD_ANSWERS, a, a->vector_port);
		add_guard(p, GUARD_FRAGMENTS, a, 0);
		return;
	case KIND_UDP_AMPLIFICATION_REFLECTOR:
		if (a->vector_port == 0)
			blind(p, "the service's port is not known");
		else
			add_guard(p, GUARD_SERVICE, a, a->vector_port);
		return;
	case KIND_OPEN_RESOLVER:
		add_guard(p, GUARD_SERVICE, a, 53);
		return;
	case KIND_DNS_RANDOM_SUBDOMAIN:
		blind(p, "the names are random and a filter on the zone would hit its real ones: limit the zone at the resolver");
		return;
	case KIND_DNS_NXDOMAIN_FLOOD:
		blind(p, "the names differ each time: limit failing answers at the resolver (RRL), and clean the client");
		return;
	case KIND_DNS_TUNNEL:
		blind(p, "the names differ each time: refuse the zone at the resolver (RPZ), and clean the client");
		return;
	case KIND_UDP_FRAGMENT_FLOOD:
		add_guard(p, GUARD_FRAGMENTS, a, 0);
		return;
	case KIND_LINK_SATURATION:
		blind(p, "a full link has nothing to match: what fills it has alerts of its own");
		return;
	case KIND_CARPET_BOMBING:
		blind(p, "a whole prefix is hit: ask upstream to filter towards it");
		return;
	default:
		blind(p, "no packet filter rule helps against this kind");
		return;
	}
}

int
rule_plan_make(struct rule_plan *p, const struct alert *const *alerts, size_t n)
{
	*p = (struct rule_plan){0};
	snprintf(p->why, sizeof(p->why), "no alerts");
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || alerts[i]->incident < p->incident)
			p->incident = alerts[i]->incident;
		add_alert(p, alerts[i]);
	}
	qsort(p->match, p->matches, sizeof(p->match[0]), match_cmp);
	qsort(p->guard, p->guards, sizeof(p->guard[0]), guard_cmp);
	return p->matches + p->guards > 0 ? RULE_OK : RULE_UNSUPPORTED;
}

static bool
plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

const char *
match_name_text(const struct rule_match *m, char buf[MATCH_NAME_TEXT])
{
	size_t used = 0, left = 0; /* left: bytes of the current label */

	for (size_t i = 0; i < m->name_len && used + 5 < MATCH_NAME_TEXT; i++) {
		uint8_t c = m->name[i];

		if (left == 0) {
			left = c;
			if (i > 0 || c == 0)
				buf[used++] = '.';
		} else {
			left--;
			if (plain(c))
				buf[used++] = (char)c;
			else
				used += (size_t)snprintf(buf + used, 5, "\\%03u", (unsigned int)c);
		}
	}
	buf[used] = '\0';
	return buf;
}

const char *
match_type_text(uint16_t qtype, char buf[12])
{
	static const struct {
		uint16_t type;
		const char *text;
	} known[] = {
		{DNS_A, "A"}, {DNS_NS, "NS"}, {DNS_SOA, "SOA"}, {DNS_MX, "MX"}, {DNS_TXT, "TXT"},
		{DNS_AAAA, "AAAA"}, {DNS_DS, "DS"}, {DNS_RRSIG, "RRSIG"}, {DNS_DNSKEY, "DNSKEY"}, {DNS_ANY, "ANY"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == qtype) {
			snprintf(buf, 12, "%s", known[i].text);
			return buf;
		}
	snprintf(buf, 12, "TYPE%u", (unsigned int)qtype);
	return buf;
}
