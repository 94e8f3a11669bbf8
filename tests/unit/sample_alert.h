/* An alert with every member set, for the tests of feeds. */
#ifndef TESTS_SAMPLE_ALERT_H
#define TESTS_SAMPLE_ALERT_H

#include <stdio.h>
#include <string.h>

#include "collector/flow.h"
#include "detector/alert.h"
#include "feeds/line.h"

static inline struct alert
sample_alert(uint64_t n)
{
	static const uint8_t qname[] = "\x05" "a\"b.c" "\x07" "example" "\x03" "org";
	struct alert a;

	memset(&a, 0, sizeof(a));
	a.action = ALERT_UPDATED;
	a.kind = KIND_DNS_AMPLIFICATION_ABUSER;
	a.role = ROLE_ABUSER;
	a.vector = "dns";
	a.vector_port = 53;
	a.id = 0x0123456789abcdef + n;
	a.incident = 0xfedcba9876543210;
	a.t_ns = INT64_C(1775960021250000000);
	a.start_ns = a.t_ns - 9 * INT64_C(1000000000);
	a.end_ns = a.t_ns - 1000000;
	a.severity = 8;
	a.subject.type = SUBJECT_HOST;
	(void)addr_parse("10.64.0.17", &a.subject.prefix.addr);
	a.subject.prefix.bits = 128;
	a.has_source = a.has_destination = true;
	a.source = a.subject.prefix.addr;
	(void)addr_parse("2001:db8:53::53", &a.destination);
	a.proto = FLOW_UDP;
	a.bytes = 4157000;
	a.packets = 3000;
	memcpy(a.qname, qname, sizeof(qname));
	a.qname_len = sizeof(qname);
	a.qtype = DNS_ANY;
	a.window_s = 10;
	alert_evidence_add(&a, EV_QUERY_PACKETS, 1000, 1000);
	alert_evidence_add(&a, EV_BAF, 63.954, 990);
	alert_evidence_add(&a, EV_MATCHED_SHARE, 0.9981, 0);
	a.signals[0] = (struct signal){"baf", "Answers \xc3\xb7 queries, bytes at IP level", "size", "x",
	                               63.9, 60.1, 67.25, 10, false, true, true};
	a.signals[1] = (struct signal){"matched_share", "Its own queries explain the answers", "mismatch", "%",
	                               0.2, 0.2, 0.2, 0.5, true, false, true};
	a.signals_n = 2;
	(void)addr_parse("192.0.2.7", &a.peers[0].addr);
	a.peers[0].responses = 12;
	a.peers[0].bytes = 49884;
	a.peers_n = 1;
	strcpy(a.link, "metro-3");
	a.link_capacity_bps = 10000000;
	a.reason = "quiet";
	strcpy(a.message, "10.64.0.17 draws 63.9 times its own bytes; \"quoted\" \\ and a\nnewline, caf\xc3\xa9 \xff");
	return a;
}

#endif
