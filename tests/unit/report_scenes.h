/* Inputs for the reports' tests: an evening at a provider, a victim, a thousand incidents, hostile
 * names.  Everything is made here and the same on every run. */
#ifndef TESTS_UNIT_REPORT_SCENES_H
#define TESTS_UNIT_REPORT_SCENES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timefmt.h"
#include "collector/flow.h"
#include "reports/page.h"

enum { MAX_ALERTS = 400, MAX_SERIES = 1200, MAX_INCIDENTS = 1000, MAX_TALKERS = 60 };
#define DAY INT64_C(1775952000) /* 2026-04-12 00:00 UTC */
#define AT(h, m, s) ((DAY + (h) * 3600 + (m) * 60 + (s)) * NS_PER_S)

struct scene {
	struct report_input in;
	struct report_incident ri[MAX_INCIDENTS];
	struct incident inc[MAX_INCIDENTS];
	struct alert alert[MAX_ALERTS];
	const struct alert *list[MAX_ALERTS];
	struct series all, link;
	const struct series *series[2];
	struct series_point point[2][MAX_SERIES];
	struct talker talker[TALKER_ORDERS][MAX_TALKERS];
	struct report_rule rule[4];
	struct report_mark mark[1];
	struct report_count rejected[2];
	struct report_damage damage[1];
	struct prefix network[2];
	struct addr resolver[1];
	const char *source[2], *database[2];
};

static inline uint32_t
noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static inline struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static inline bool
geo(void *ctx, const struct addr *a, struct report_geo *out)
{
	static const char *const codes[] = {"US", "DE", "BR", "CN", "RU", "FR", "ID", "ZZ", ""};
	const char *code = codes[a->b[13] % 9];

	*out = (struct report_geo){.asn = 64500u + a->b[14]};
	memcpy(out->country, code, strlen(code) + 1);
	snprintf(out->org, sizeof(out->org), "%s", ctx != NULL ? (const char *)ctx : "Example Networks & Sons");
	return a->b[15] % 7 != 0;
}

/* 20 minutes from 02:12:00: attack at 02:13:41, relief at 02:14:22, stop at 02:30:50. */
static inline void
fill_series(struct scene *z, bool attack)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < MAX_SERIES; i++) {
		bool on = attack && i >= 101 && i < 1130, loud = on && i < 142;
		uint64_t answers = loud ? 251 + noise(&seed) % 24 : on ? 9 + noise(&seed) % 5 : 0;
		struct series_point *p = &z->point[1][i];

		p->bytes = 245000 + noise(&seed) % 18000 + answers * 4157;
		p->packets = 500 + answers * 3;
		p->any_queries = on ? 255 + noise(&seed) % 24 : noise(&seed) % 2;
		p->dns_queries = p->any_queries + 40;
		p->dns_answers = answers + 40;
		p->dns_answer_bytes = answers * 4157 + 40 * 140;
		p->amplified_first_bytes = answers * 1500;
		p->amplified_later_bytes = answers * 2657;
		p->amplified_answers = answers;
		p->fragments = answers * 2;
		p->offenders = on ? 41 : 0;
		p->max_bytes = p->bytes;
		z->point[0][i] = *p;
		z->point[0][i].bytes += 900000;
	}
	z->all = (struct series){"all", 0, DAY + 2 * 3600 + 12 * 60, 1, z->point[0], MAX_SERIES};
	z->link = (struct series){"metro-3", 10000000, z->all.start_s, 1, z->point[1], MAX_SERIES};
	z->series[0] = &z->all;
	z->series[1] = &z->link;
}

static inline void
fill_talkers(struct scene *z)
{
	for (size_t o = 0; o < TALKER_ORDERS; o++) {
		for (size_t i = 0; i < 40; i++) {
			struct talker *t = &z->talker[o][i];
			char text[ADDR_TEXT];

			snprintf(text, sizeof(text), i % 5 == 4 ? "2001:db8:1234:5678:9abc:def0:1234:%zx" : i % 3 == 0 ? "10.64.0.%zu" : "198.51.100.%zu", i + 17);
			*t = (struct talker){.addr = addr(text), .bytes_in = 90000000 / (i + 1), .bytes_out = 4000000 / (i + 2),
			                     .packets_in = 70000 / (i + 1), .packets_out = 30000 / (i + 1),
			                     .fragments_in = 20000 / (i + 1), .error = i > 20 ? 1200 : 0,
			                     .is_resolver = i == 1, .is_ours = i % 3 == 0, .named = i == 3};
		}
		z->in.talkers[o] = (struct report_talkers){z->talker[o], 40};
	}
}

/* Everything but incidents. */
static inline struct scene *
scene_new(bool attack)
{
	struct scene *z = calloc(1, sizeof(*z));

	assert_non_null(z);
	fill_series(z, attack);
	fill_talkers(z);
	assert_int_equal(prefix_parse("10.64.0.0/23", &z->network[0]), 0);
	assert_int_equal(prefix_parse("2001:db8:64::/64", &z->network[1]), 0);
	z->resolver[0] = addr("10.53.0.53");
	z->source[0] = "res1-20260412.pcap";
	z->database[0] = "country 2026-04-03";
	z->database[1] = "ASN 2026-04-03";
	z->in = (struct report_input){
		.sensor = "res1.noc.example", .version = "0.1.0", .source = z->source, .sources_n = 1, .first_ns = AT(2, 12, 0),
		.last_ns = AT(2, 32, 0), .packets = 1284300, .bytes = 1820000000, .dns_queries = 360211, .dns_responses = 359987,
		.fragments = 62114, .hosts = 723, .sampling = 1, .slowest = "1 query in 20 s per host",
		.clock = "offset 0.4 ms (chrony)", .network = z->network, .networks_n = 2, .resolver = z->resolver,
		.resolvers_n = 1, .series = z->series, .series_n = 2, .geo = geo, .database = z->database, .databases_n = 2,
		.alerts_file = "2026-04-12.json", .rules_dir = "rules", .html_file = "incident.html", .public_key = "res1.pub",
		.kid = "3f9c21d07be45a18", .alerts = 48, .seq_first = 1204, .seq_last = 1251, .incident = z->ri,
		.chain_digest = "9c4107d2a81b6f3e5c9d1a7742e8b3f0d6a45b1c8e2f7093b4d5a6c7e8f9e07d",
	};
	memcpy(z->in.talkers, (struct report_talkers[TALKER_ORDERS]){{z->talker[0], 40}, {z->talker[1], 40}, {z->talker[2], 40}, {z->talker[3], 40}},
	       sizeof(z->in.talkers));
	return z;
}

static inline void
signals(struct alert *a, double baf)
{
	const struct signal list[] = {
		{"baf", "Answers ÷ queries, bytes at IP level", "size", "x", baf, baf - .8, baf + .8, 10, false, true, true},
		{"mean_response", "Mean answer", "size", "B", 4157, 4157, 4157, 1000, false, false, true},
		{"matched_share", "Its own queries explain the answers", "mismatch", "%", .998, .996, .999, .8, false, true, true},
		{"repeat_share", "Asks again while it still holds the answer (TTL left)", "persistence", "%", .993, .981, .998, .5, false, false, true},
		{"any_qps", "ANY queries", "rate", "/s", 6.5, 6.1, 7, 5, false, false, true},
		{"unmatched_share", "Answers it did not ask for (would make it a victim)", "mismatch", "%", .002, 0, .004, .9, false, false, false},
	};

	a->signals_n = sizeof(list) / sizeof(list[0]);
	memcpy(a->signals, list, sizeof(list));
}

static inline struct alert *
add_alert(struct scene *z, size_t i, const char *host, enum alert_kind kind, enum alert_role role)
{
	struct alert *a = &z->alert[i];

	*a = (struct alert){.action = ALERT_CLOSED, .kind = kind, .role = role, .vector = "dns", .vector_port = 53, .id = 100 + i,
	                    .t_ns = AT(2, 31, 55), .start_ns = AT(2, 13, 41) + (int64_t)(i % 4) * NS_PER_S, .end_ns = AT(2, 30, 50),
	                    .severity = 8, .proto = FLOW_UDP, .window_s = 10, .reason = "quiet"};
	a->subject.prefix = (struct prefix){addr(host), 128};
	z->list[i] = a;
	return a;
}

static inline struct incident *
add_incident(struct scene *z, enum alert_kind kind, const char *vector, size_t from, size_t n)
{
	static const uint8_t name[] = "\4ripe\3net";
	size_t i = z->in.incidents_n++;
	struct incident *c = &z->inc[i];

	*c = (struct incident){.id = UINT64_C(0x7f3a202604120000) + i, .kind = kind, .vector = vector, .first_ns = AT(2, 13, 41),
	                       .named_ns = AT(2, 13, 43) + 100000000, .last_ns = AT(2, 30, 50), .closed_ns = AT(2, 31, 55),
	                       .severity = 8, .alerts_n = n, .alerts_kept = n, .alert = z->list + from,
	                       .bytes = 91000000, .packets = 66000, .queries = 274743, .query_bytes = 274743 * 65, .responses = 21890};
	if (strcmp(vector, "dns") == 0) {
		c->qname_len = sizeof(name);
		memcpy(c->qname, name, sizeof(name));
		c->qtype = DNS_ANY;
	}
	z->ri[i] = (struct report_incident){.incident = c};
	return c;
}

static inline void
add_rules(struct scene *z)
{
	static char many[8000];
	size_t n = 0;

	n += (size_t)snprintf(many, sizeof(many), "*filter\n:DAMP - [0:0]\n-A INPUT -p udp --dport 53 -m string --hex-string "
		"\"|0472697065036e65740000ff0001|\" --algo bm --from 40 --to 300 -j DAMP\n");
	for (int i = 0; i < 41; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "-A DAMP -s 10.64.0.%d -m recent --name damp --update --seconds 5 --hitcount 2 -j DROP\n", i * 5);
	snprintf(many + n, sizeof(many) - n, "COMMIT\n");
	z->rule[0] = (struct report_rule){"Unbound", "At the source: costs nobody anything",
		"server:\n    deny-any: yes           # ANY gets an empty answer\n    max-udp-size: 1232      # larger answers are truncated, clients retry over TCP\n",
		NULL, "rules/damp.unbound.conf", "unbound-control reload", "remove the file, reload", 0, true, 1, 0, 20827, 8312, 41};
	z->rule[1] = (struct report_rule){"iptables", "iptables / ip6tables recent, restore file", many, NULL, "rules/damp.iptables.rules",
		"iptables-restore -n < rules/damp.iptables.rules", "iptables -F DAMP", 3600, true, .963, 0, 20827, 8312, 41};
	z->rule[2] = (struct report_rule){"nftables", "nftables dynamic set", "table inet damp {\n\tset abusers { type ipv4_addr; }\n}\n",
		NULL, NULL, "nft -f FILE", "nft delete table inet damp", 3600, true, .951, .001, 20827, 8312, 42};
	z->rule[3] = (struct report_rule){.format = "FlowSpec", .title = "BGP FlowSpec", .why = "a flow specification cannot match a DNS name"};
}

static inline struct scene *
scene_customers(void)
{
	struct scene *z = scene_new(true);
	struct incident *c;

	for (size_t i = 0; i < 41; i++) {
		char host[ADDR_TEXT];
		struct alert *a;

		snprintf(host, sizeof(host), i % 10 == 4 ? "2001:db8:64::c8%zu" : i % 3 == 0 ? "10.64.1.%zu" : "10.64.0.%zu",
		         i % 10 == 4 ? i / 10 : (i * 37 + 5) % 256);
		a = add_alert(z, i, host, KIND_DNS_AMPLIFICATION_ABUSER, ROLE_ABUSER);
		a->source = a->subject.prefix.addr;
		a->destination = z->resolver[0];
		a->has_source = a->has_destination = true;
		a->bytes = 2800000 - i * 15000;
		alert_evidence_add(a, EV_QPS, 8.7 - .06 * (double)i, 600);
		alert_evidence_add(a, EV_QUERY_PACKETS, 8912 - 60. * (double)i, 8912);
		alert_evidence_add(a, EV_RESPONSE_BYTES, 2800000 - 15000. * (double)i, 600);
		alert_evidence_add(a, EV_BAF, 63.95, 600);
		alert_evidence_add(a, EV_BAF_LOW, 63.1 - (double)(i % 3) / 10, 600);
		alert_evidence_add(a, EV_REPEAT_SHARE, .993 - (double)(i % 5) / 500, 600);
		alert_evidence_add(a, EV_MATCHED_SHARE, .998, 600);
		signals(a, 63.95);
		snprintf(a->message, sizeof(a->message), "%s asks 10.53.0.53 for ANY ripe.net and draws 63.95 times the bytes", host);
	}
	snprintf(add_alert(z, 41, "10.53.0.53", KIND_DNS_AMPLIFICATION_REFLECTOR, ROLE_REFLECTOR)->message, ALERT_MESSAGE,
	         "10.53.0.53 answers 41 hosts with 63.95 times the bytes they send");
	c = add_incident(z, KIND_DNS_AMPLIFICATION_ABUSER, "dns", 0, 42);
	c->through = z->resolver[0];
	c->has_through = true;
	snprintf(c->link, sizeof(c->link), "metro-3");
	c->responses = 21890;
	c->bytes = c->responses * 4157 + c->query_bytes;
	add_rules(z);
	z->mark[0] = (struct report_mark){AT(2, 14, 20), "Rule loaded"};
	z->ri[0].rule = z->rule;
	z->ri[0].rules_n = 4;
	z->ri[0].mark = z->mark;
	z->ri[0].marks_n = 1;
	return z;
}

static inline struct scene *
scene_victim(void)
{
	struct scene *z = scene_new(true);
	struct alert *a = add_alert(z, 0, "203.0.113.7", KIND_DNS_AMPLIFICATION_VICTIM, ROLE_VICTIM);
	struct incident *c;

	alert_evidence_add(a, EV_BPS, 8600000, 9000);
	alert_evidence_add(a, EV_RESPONSES, 21890, 9000);
	alert_evidence_add(a, EV_RESPONSE_BYTES, 91000000, 9000);
	alert_evidence_add(a, EV_MEAN_RESPONSE, 4089, 9000);
	alert_evidence_add(a, EV_PEERS, 318, 318);
	alert_evidence_add(a, EV_MATCHED_SHARE, .002, 318);
	for (size_t i = 0; i < ALERT_PEERS; i++) {
		char host[ADDR_TEXT];

		snprintf(host, sizeof(host), i == 2 ? "2001:db8:ffff:eeee:dddd:cccc:bbbb:%zu" : "198.%zu.7.53", i + 18);
		a->peers[a->peers_n++] = (struct alert_peer){addr(host), 900 - i * 50, 3700000 - i * 210000};
	}
	signals(a, 12);
	c = add_incident(z, KIND_DNS_AMPLIFICATION_VICTIM, "dns", 0, 1);
	c->through = a->peers[0].addr;
	c->has_through = true;
	c->queries = c->query_bytes = 0;
	c->closed_ns = 0;
	return z;
}

static inline struct scene *
scene_many(void)
{
	static const struct { enum alert_kind kind; const char *vector; enum alert_role role; } kinds[] = {
		{KIND_DNS_AMPLIFICATION_ABUSER, "dns", ROLE_ABUSER}, {KIND_DNS_AMPLIFICATION_VICTIM, "dns", ROLE_VICTIM},
		{KIND_DNS_AMPLIFICATION_REFLECTOR, "dns", ROLE_REFLECTOR}, {KIND_UDP_AMPLIFICATION_VICTIM, "memcached", ROLE_VICTIM},
		{KIND_UDP_AMPLIFICATION_REFLECTOR, "ntp", ROLE_REFLECTOR}, {KIND_UDP_FRAGMENT_FLOOD, "dns", ROLE_VICTIM},
		{KIND_DNS_QUERY_FLOOD, "dns", ROLE_RESOLVER},
	};
	struct scene *z = scene_new(true);

	add_rules(z);
	for (size_t i = 0; i < MAX_INCIDENTS; i++) {
		size_t k = i % 7, at = i % MAX_ALERTS;
		char host[ADDR_TEXT];
		struct incident *c;

		snprintf(host, sizeof(host), "10.64.%zu.%zu", i / 250 % 2, i % 250);
		if (i < MAX_ALERTS) {
			struct alert *a = add_alert(z, at, host, kinds[k].kind, kinds[k].role);

			a->vector = kinds[k].vector;
			alert_evidence_add(a, EV_PEERS, (double)(i % 300), 5);
			alert_evidence_add(a, EV_BPS, 1e6 + (double)i * 1e4, 5);
			alert_evidence_add(a, EV_QPS, 40, 5);
			signals(a, 30);
		}
		c = add_incident(z, kinds[z->alert[at].kind % 7].kind, z->alert[at].vector, at, 1);
		c->severity = 1 + (int)(i % 10);
		c->bytes = 1000000 + i * 70001;
		c->closed_ns = i % 4 == 0 ? 0 : c->closed_ns;
		z->ri[i].rule = z->rule;
		z->ri[i].rules_n = i % 7 == 0 ? 4 : 0;
	}
	return z;
}

#define EVIL "</title><script>alert(1)</script>\" onload='x'\n\xe2\x80\xae\x01\xff&<img src=http://evil.example/x>"

static inline struct scene *
scene_hostile(void)
{
	struct scene *z = scene_customers();
	static const uint8_t name[] = "\11<script>\"\4'\n\r&\3net";

	z->in.sensor = z->in.version = z->in.clock = z->in.slowest = z->in.alerts_file = z->in.kid = z->in.public_key = EVIL;
	z->in.chain_digest = EVIL;
	z->source[0] = z->database[0] = EVIL;
	z->in.geo_ctx = (void *)(uintptr_t)EVIL;
	z->rejected[0] = (struct report_count){EVIL, 3};
	z->in.rejected = z->rejected;
	z->in.rejected_n = 1;
	z->damage[0] = (struct report_damage){EVIL, EVIL, EVIL};
	z->in.damage = z->damage;
	z->in.damage_n = 1;
	z->mark[0].text = EVIL;
	z->rule[0] = (struct report_rule){EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, 60, true, 1, 0, 1, 1, 1};
	z->inc[0].qname_len = sizeof(name);
	memcpy(z->inc[0].qname, name, sizeof(name));
	memcpy(z->inc[0].link, EVIL, sizeof(z->inc[0].link) - 1);
	snprintf(z->alert[0].message, sizeof(z->alert[0].message), "%s", EVIL);
	z->alert[0].signals[0].label = EVIL;
	return z;
}

#endif
