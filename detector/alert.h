/* struct alert: what crosses from the detector to rules, feeds and reports.
 *
 * One struct is one line of an alert stream.  It is self-contained (no borrowed
 * pointers but static strings) and copied by value; about 8 kB.
 */
#ifndef DETECTOR_ALERT_H
#define DETECTOR_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "collector/dns.h"

enum alert_action { ALERT_OPENED, ALERT_UPDATED, ALERT_CLOSED, ALERT_ACTIONS };

enum alert_kind {
	KIND_DNS_AMPLIFICATION_ABUSER,
	KIND_DNS_AMPLIFICATION_VICTIM,
	KIND_DNS_AMPLIFICATION_REFLECTOR,
	KIND_UDP_AMPLIFICATION_VICTIM,
	KIND_UDP_AMPLIFICATION_REFLECTOR,
	KIND_UDP_FRAGMENT_FLOOD,
	KIND_DNS_QUERY_FLOOD,
	KIND_EXPORTER_HEALTH,
	KIND_DNS_NXDOMAIN_FLOOD,
	KIND_DNS_RANDOM_SUBDOMAIN,
	KIND_DNS_TUNNEL,
	KIND_OPEN_RESOLVER,
	KIND_TRAFFIC_ANOMALY,
	KIND_LINK_SATURATION,
	KIND_CARPET_BOMBING,
	ALERT_KINDS
};

enum alert_role { ROLE_ABUSER, ROLE_VICTIM, ROLE_REFLECTOR, ROLE_RESOLVER, ROLE_ZONE, ROLE_LINK, ROLE_EXPORTER, ALERT_ROLES };

/* Figures of damp.evidence.  Counts are scaled by the sampling rate; names, units and decimals
 * stand in alert.c's table. */
enum evidence_key {
	EV_QUERY_PACKETS, EV_QUERY_BYTES, EV_RESPONSE_PACKETS, EV_RESPONSE_BYTES, EV_RESPONSES,
	EV_AMPLIFIED_RESPONSES, EV_MEAN_RESPONSE, /* bytes at DNS level */
	EV_BAF, EV_BAF_LOW,       /* at IP level; EV_BAF_LOW its lower 99 % bound */
	EV_PAF, EV_BPP, EV_PPS, EV_BPS,
	EV_FRAGMENT_PACKETS, EV_FRAGMENT_BYTES, EV_ANY_QUERIES, EV_PEERS,
	EV_MATCHED_SHARE, EV_REPEAT_WITHIN_TTL, EV_REPEAT_SHARE, EV_QPS,
	EV_LINK_BPS, EV_LINK_SHARE, /* what the link carried, and the subject's share of its capacity */
	EV_RECORDS, EV_LOST_RECORDS, EV_LOST_SHARE, EV_UNDECODED, EV_CORRUPT, EV_TIME_REPAIRED, EV_CLOCK_OFFSET,
	/* what names tell */
	EV_DISTINCT_NAMES, EV_DISTINCT_SHARE, EV_FAILING_SHARE, EV_NXDOMAIN, EV_NXDOMAIN_SHARE, EV_SERVFAIL, EV_REFUSED, EV_UNANSWERED,
	EV_ZONES, EV_USUAL, /* new failing names a minute before */
	EV_LABEL_BYTES_HOUR, EV_LABEL_BYTES_DAY, EV_NAME_LENGTH, EV_NAME_ENTROPY, EV_RARE_SHARE, EV_ANSWER_PAYLOAD,
	EV_MULTIPLE, EV_BASELINE_BPS, EV_BASELINE_PPS, EV_BASELINE_ANSWERS, EV_ANSWERS_PS, EV_HISTORY,
	EV_DESTINATIONS, EV_LARGEST_SHARE, /* hosts of a prefix that are hit, and what the loudest takes */
	EV_OFFENDERS, EV_OFFENDER_SHARE,   /* hosts that cause it, and their share of a link's load */
	EV_LINK_LOAD, EV_DNS_SHARE, EV_AMPLIFIED_SHARE, EV_USUAL_SHARE, EV_FULL_IN,
	EV_ADDRESSES, /* of one IPv6 customer, that drew answers */
	EV_RATE_ERROR, /* of pps and bps, where only samples were seen: half of the 99 % interval, relative */
	EV_BASELINE_WEEKS, EV_BASELINE_HOSTS, /* that the ordinary level was learned from */
	EVIDENCE_KEYS
};

struct evidence {
	uint8_t key;      /* enum evidence_key */
	double value;
	uint64_t sampled; /* packets or messages really seen behind it */
};

/* One signal of a detector: shown by `damp why`, in the page and as damp.signals. */
struct signal {
	const char *name;   /* "baf", static */
	const char *label;  /* "Answers / queries, bytes at IP level", static */
	const char *nature; /* size, rate, persistence, mismatch, names; static */
	const char *unit;   /* "x", "B", "%" (a share, 0..1), "/s", "", static */
	double value;
	double low, high;   /* 99 % bounds; equal to value when exact */
	double threshold;
	bool below;         /* met when the value is at most the threshold, else at least */
	bool required;      /* without it no alert of this kind */
	bool met;
};

enum { ALERT_EVIDENCE = 24, ALERT_SIGNALS = 12, ALERT_PEERS = 8, ALERT_MESSAGE = 512, ALERT_NAME = 256 };

enum subject_type { SUBJECT_HOST, SUBJECT_PREFIX, SUBJECT_LINK, SUBJECT_ZONE };

struct subject {
	enum subject_type type;
	struct prefix prefix;   /* host: 128 bits */
	char name[ALERT_NAME];  /* link or zone */
};

struct alert_peer {
	struct addr addr;
	uint64_t responses, bytes;
};

/* What is known of the subject from earlier days; see ledger.h. */
struct alert_ledger {
	bool known;
	int64_t first_s, last_s; /* epoch seconds */
	uint32_t alerts, days, hours;
	uint64_t queries, bytes;
};

struct alert {
	enum alert_action action;
	enum alert_kind kind;
	enum alert_role role;
	const char *vector;      /* "dns", "ntp", ...: static */
	uint16_t vector_port;    /* 53, 123, ... */
	uint64_t id;             /* event.id: stable over identical replays */
	uint64_t incident;       /* damp.incident */
	int64_t t_ns;            /* event time of this line */
	int64_t start_ns, end_ns; /* first and last event time of the evidence */
	int severity;            /* 1..10 */
	struct subject subject;
	bool has_source, has_destination;
	struct addr source, destination; /* of the traffic the alert names: for an abuser the host and its resolver */
	uint8_t proto;           /* enum flow_proto */
	uint64_t bytes, packets; /* attack traffic since start */
	uint8_t qname_len;       /* wire length; 0: no name */
	uint8_t qname[DNS_NAME_WIRE];
	uint16_t qtype;          /* 0: none */
	uint32_t window_s;       /* length of the window that decided */
	struct evidence evidence[ALERT_EVIDENCE];
	size_t evidence_n;
	struct signal signals[ALERT_SIGNALS];
	size_t signals_n;
	struct alert_peer peers[ALERT_PEERS]; /* the other ends, loudest first */
	size_t peers_n;
	struct alert_ledger ledger;
	uint64_t incident_alerts, withheld; /* when openings were withheld (engine.storm): alerts of its incident, and those of them
	                                     * that have no lines of their own; else 0 */
	char link[64];           /* name of the configured link the subject sits behind; "": none */
	uint64_t link_capacity_bps;
	const char *reason;      /* closed: "quiet" or "end-of-input"; else NULL; static */
	char message[ALERT_MESSAGE];
};

/* Contract names: "dns-amplification-abuser", "abuser", "opened". */
const char *alert_kind_text(enum alert_kind k);
const char *alert_role_text(enum alert_role r);
const char *alert_action_text(enum alert_action a);
int alert_kind_parse(const char *text);   /* the kind, or ERR_INVALID; likewise below */
int alert_role_parse(const char *text);
int alert_action_parse(const char *text);

struct evidence_info {
	const char *name; /* member of damp.evidence */
	int decimals;
};
const struct evidence_info *evidence_info(enum evidence_key k);
void alert_evidence_add(struct alert *a, enum evidence_key k, double value, uint64_t sampled);
/* The figure, or NULL when the alert has none of that key. */
const struct evidence *alert_evidence(const struct alert *a, enum evidence_key k);

/* Whether its subject is one IPv6 customer, who changes the address inside the prefix. */
bool alert_of_customer(const struct alert *a);

/* Text of an id: 16 lower-case hex digits. */
enum { ALERT_ID_TEXT = 17 };
const char *alert_id_text(uint64_t id, char buf[ALERT_ID_TEXT]);
int alert_id_parse(const char *text, uint64_t *id); /* 0 or ERR_INVALID */

#endif
