/* Writes a rule file from alerts made up here, so that the checks of the rules need no traffic.
 * usage: rulegen FORMAT [-k KIND] [-n HOSTS] [-l LIST-SIZE] [-q QUERIES] [-s SECONDS]
 *                [-p PORT] [-t TYPE:WIRE-HEX]... [-o] [-x BITS]
 * Hosts are 10.9.0.1 up and 2001:db8:9:1:: up (a /64 each); -t without hex is any name;
 * -p is the vector's port; -o an old kernel; -x: IPv6 hosts are customers with so much (64 or 56), the n-th 2001:db8:9:n00:: then.  Exit 3 and the reason when unsupported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "rules/rules.h"

enum { TYPES_MAX = 16 };

struct wanted {
	uint16_t type;
	uint8_t name_len, name[DNS_NAME_WIRE];
};

static void
wanted_parse(struct wanted *w, const char *text)
{
	const char *hex = strchr(text, ':');
	unsigned int byte;

	*w = (struct wanted){.type = (uint16_t)atoi(text)};
	for (hex = hex != NULL ? hex + 1 : ""; sscanf(hex, "%2x", &byte) == 1 && w->name_len < DNS_NAME_WIRE; hex += 2)
		w->name[w->name_len++] = (uint8_t)byte;
}

/* The n-th customer's prefix instead of a host. */
static void
customer(struct alert *a, unsigned int n, unsigned int bits)
{
	uint8_t wide[16] = {0x20, 1, 0x0d, 0xb8, 0, 9, bits < 64 ? (uint8_t)n : (uint8_t)(n >> 8), bits < 64 ? 0 : (uint8_t)n};

	a->subject.type = SUBJECT_PREFIX;
	a->subject.prefix = (struct prefix){addr_v6(wide), (uint8_t)bits};
	alert_evidence_add(a, EV_ADDRESSES, 100, 100);
}

static void
fill(struct alert *a, int kind, unsigned int host, bool v6, const struct wanted *w, uint16_t port)
{
	uint8_t v4[4] = {10, 9, (uint8_t)(host >> 8), (uint8_t)host};
	uint8_t wide[16] = {0x20, 1, 0x0d, 0xb8, 0, 9, (uint8_t)(host >> 8), (uint8_t)host, [15] = 1};

	*a = (struct alert){.kind = (enum alert_kind)kind, .vector = "dns", .vector_port = port,
		.incident = 0x0123456789abcdef, .id = host, .start_ns = INT64_C(1775960021000000000),
		.end_ns = INT64_C(1775960081000000000), .qtype = w->type, .qname_len = w->name_len};
	a->role = kind == KIND_DNS_AMPLIFICATION_ABUSER || kind == KIND_DNS_QUERY_FLOOD ? ROLE_ABUSER : ROLE_VICTIM;
	a->subject.prefix = (struct prefix){v6 ? addr_v6(wide) : addr_v4(v4), 128};
	memcpy(a->qname, w->name, w->name_len);
}

int
main(int argc, char **argv)
{
	struct rule_request q = {.policy = rule_policy_default()};
	struct wanted want[TYPES_MAX] = {{.type = DNS_ANY}};
	size_t wants = 0, hosts = 1, n = 0;
	int kind = KIND_DNS_AMPLIFICATION_ABUSER, opt, port = 53;
	unsigned int bits = 128;

	while ((opt = getopt(argc, argv, "k:n:l:q:s:p:t:ox:")) != -1)
		switch (opt) {
		case 'k': kind = alert_kind_parse(optarg); break;
		case 'n': hosts = (size_t)atoi(optarg); break;
		case 'l': q.policy.list_size = (unsigned int)atoi(optarg); break;
		case 'q': q.policy.queries = (unsigned int)atoi(optarg); break;
		case 's': q.policy.seconds = (unsigned int)atoi(optarg); break;
		case 'p': port = atoi(optarg); break;
		case 't': if (wants < TYPES_MAX) wanted_parse(&want[wants++], optarg); break;
		case 'x': bits = (unsigned int)atoi(optarg); break;
		case 'o': q.policy.old_kernel = true; break;
		default: return 2;
		}
	const struct rule_format *f = optind < argc ? rule_format_find(argv[optind]) : NULL;

	wants = wants > 0 ? wants : 1;
	struct alert *alert = calloc(2 * hosts * wants, sizeof(*alert));
	const struct alert **list = calloc(2 * hosts * wants, sizeof(const struct alert *));

	if (f == NULL || kind < 0 || alert == NULL || list == NULL) {
		fprintf(stderr, "rulegen: no such format or kind\n");
		return 2;
	}
	for (size_t h = 0; h < 2 * hosts; h++)
		for (size_t t = 0; t < wants; t++, n++) {
			fill(&alert[n], kind, (unsigned int)(h / 2 + 1), h & 1, &want[t], (uint16_t)port);
			if ((h & 1) != 0 && bits < 128)
				customer(&alert[n], (unsigned int)(h / 2 + 1), bits);
			list[n] = &alert[n];
		}
	struct rule_text out;

	rule_text_init(&out);
	q.alerts = list;
	q.alerts_n = n;
	int result = f->generate(&q, &out);

	if (result == RULE_OK)
		fputs(buf_text(&out.text), stdout);
	else
		fprintf(stderr, "rulegen: %s\n", result == RULE_UNSUPPORTED ? out.why : err_text(result));
	rule_text_done(&out);
	free(list);
	free(alert);
	return result == RULE_OK ? 0 : 3;
}
