/* The chains: DAMP-ID looks at queries, DAMP-ID-p is the policy every match goes to (so one source
 * has one allowance, whatever it asks), DAMP-ID-0... are its lists when one would overflow,
 * DAMP-ID-v guards victims and DAMP-ID-s our own services.
 *
 * Chains are made with -N, not declared with ":NAME": a second load of the same file is then
 * refused as a whole instead of hooking the chain twice, which would count each query twice. */
#include "rules/iptables.h"

#include <stdio.h>
#include <string.h>

enum {
	STRING_MAX = 127,       /* longest pattern iptables takes, bytes; the kernel holds one more */
	ANSWER_DNS_BYTES = 1000, /* ordinary answers stay below (EDNS 1232 is the usual limit) */
	ANSWER_UDP_BYTES = 200,
	HASH_SIZE = 4096, HASH_MAX = 65536,
};

const char *
ipt_tool(const struct ipt *w)
{
	return w->v4 ? "iptables" : "ip6tables";
}

static size_t
guards(const struct ipt *w, bool service)
{
	size_t n = 0;

	for (size_t i = 0; i < w->plan->guards; i++)
		n += addr_is_v4(&w->plan->guard[i].host) == w->v4 &&
			(w->plan->guard[i].kind == GUARD_SERVICE) == service;
	return n;
}

bool
ipt_any(const struct ipt *w)
{
	return w->plan->matches > 0 || guards(w, true) + guards(w, false) > 0;
}

static const struct rule_layout *
layout(const struct ipt *w)
{
	return w->v4 ? &w->sizing->v4 : &w->sizing->v6;
}

/* The end of every rule that acts. */
static void
target(struct ipt *w, const char *jump)
{
	buf_printf(w->b, " -m comment --comment \"damp %s\"%s%s\n", w->id, *jump != '\0' ? " " : "", jump);
}

/* The header's five bytes after any name: root label, type ANY, class IN.  Offsets count from
 * the IP header: 20 or 40, UDP 8, DNS 12. */
static void
match_any(struct ipt *w)
{
	buf_printf(w->b, "-A DAMP-%s -m string --algo bm --hex-string \"|0000ff0001|\" --from %d --to %d", w->id,
		w->v4 ? 40 : 60, w->v4 ? 300 : 320);
}

/* Name, type and class as bytes in any case (0x20), and the type and class once more where they
 * must stand if this is the whole name: else "org DNSKEY" would hit all of org.  A pattern
 * holds 127 bytes; of a longer name its end. */
static void
match_name(struct ipt *w, const struct rule_match *m)
{
	size_t cut = m->name_len > STRING_MAX - 4 ? (size_t)(m->name_len - (STRING_MAX - 4)) : 0;

	buf_printf(w->b, "-A DAMP-%s -m u32 --u32 \"", w->id);
	if (w->v4)
		buf_printf(w->b, "0>>22&0x3c@%u", 20u + m->name_len);
	else
		buf_printf(w->b, "%u", 60u + m->name_len);
	buf_printf(w->b, "=0x%04x0001\" -m string --algo bm --icase --hex-string \"|", (unsigned int)m->qtype);
	for (size_t i = cut; i < m->name_len; i++)
		buf_printf(w->b, "%02x", (unsigned int)m->name[i]);
	buf_printf(w->b, "%04x0001|\" --from %d --to %d", (unsigned int)m->qtype, w->v4 ? 40 : 60, w->v4 ? 300 : 320);
}

static void
matches(struct ipt *w)
{
	char name[MATCH_NAME_TEXT], type[12], jump[40];

	snprintf(jump, sizeof(jump), "-g DAMP-%s-p", w->id);
	for (size_t i = 0; i < w->plan->matches; i++) {
		const struct rule_match *m = &w->plan->match[i];

		buf_printf(w->b, "# %s %s%s\n", match_type_text(m->qtype, type),
			m->name_len > 0 ? match_name_text(m, name) : "(any name)",
			m->name_len > STRING_MAX - 4 ? " (matched by its last 123 bytes and its length)" : "");
		if (m->name_len > 0)
			match_name(w, m);
		else
			match_any(w);
		target(w, jump);
	}
}

static const char *
mask(const struct ipt *w, char buf[ADDR_TEXT])
{
	struct addr ones;

	if (w->v4)
		return "255.255.255.255";
	memset(ones.b, 0xff, sizeof(ones.b));
	ones = prefix_of(&ones, w->sizing->v6_bits).addr;
	return addr_text(&ones, buf);
}

/* --update before --set: N pass, the rest is dropped, and a drop refreshes the entry, so that a
 * host stays out as long as it goes on. */
static void
recent(struct ipt *w, const char *chain, const char *list)
{
	char bits[ADDR_TEXT];
	const char *of = mask(w, bits);

	buf_printf(w->b, "-A DAMP-%s-%s -m recent --name %s --mask %s --rsource --update --seconds %u --hitcount %u",
		w->id, chain, list, of, w->policy->seconds, w->policy->queries);
	target(w, "-j DROP");
	buf_printf(w->b, "-A DAMP-%s-%s -m recent --name %s --mask %s --rsource --set", w->id, chain, list, of);
	target(w, "");
}

/* The same policy as a token bucket per source.  An idle entry may go once its bucket is full
 * again; a full table drops what it cannot count, so it is made far too large. */
static void
hashlimit(struct ipt *w)
{
	char rate[24];
	const struct rule_policy *p = w->policy;
	size_t most = layout(w)->sources * 8;

	if (rule_rate_text(p, rate) == NULL)
		return;
	buf_printf(w->b, " -m hashlimit --hashlimit-above %s --hashlimit-burst %u --hashlimit-mode srcip"
		" --hashlimit-srcmask %u --hashlimit-name damp%c-%s --hashlimit-htable-size %d"
		" --hashlimit-htable-max %zu --hashlimit-htable-expire %u", rate, p->queries, w->v4 ? 32 : w->sizing->v6_bits,
		w->v4 ? '4' : '6', w->id, HASH_SIZE, most > HASH_MAX ? most : (size_t)HASH_MAX, 2000 * p->seconds);
}

static void
shards(struct ipt *w)
{
	const struct rule_layout *l = layout(w);

	for (unsigned int k = 0; k < l->shards; k++) {
		uint32_t value = k << l->shift, bits = (l->shards - 1) << l->shift;
		char list[48], chain[12];

		if (w->v4)
			buf_printf(w->b, "-A DAMP-%s-p -s %u.%u.%u.%u/%u.%u.%u.%u", w->id, value >> 24,
				value >> 16 & 255, value >> 8 & 255, value & 255, bits >> 24, bits >> 16 & 255,
				bits >> 8 & 255, bits & 255);
		else
			buf_printf(w->b, "-A DAMP-%s-p -s 0:0:%x:%x::/0:0:%x:%x::", w->id, value >> 16, value & 0xffff,
				bits >> 16, bits & 0xffff);
		buf_printf(w->b, " -j DAMP-%s-%u\n", w->id, k);
		snprintf(list, sizeof(list), "damp%c-%s-%u", w->v4 ? '4' : '6', w->id, k);
		snprintf(chain, sizeof(chain), "%u", k);
		recent(w, chain, list);
	}
}

static void
policy(struct ipt *w)
{
	char list[48];

	snprintf(list, sizeof(list), "damp%c-%s", w->v4 ? '4' : '6', w->id);
	if (layout(w)->kind == LIMIT_LIST)
		recent(w, "p", list);
	else if (layout(w)->kind == LIMIT_SHARDS)
		shards(w);
	if (!w->sizing->backstop)
		return;
	if (layout(w)->kind != LIMIT_HASH)
		buf_str(w->b, "# backstop: more sources than the list holds would all pass; the same policy as a rate bounds them\n");
	buf_printf(w->b, "-A DAMP-%s-p", w->id);
	hashlimit(w);
	target(w, "-j DROP");
}

static void
guard(struct ipt *w, const struct rule_guard *g)
{
	char host[ADDR_TEXT];
	const char *mode = "--hashlimit-mode dstip --hashlimit-htable-expire 10000";

	addr_text(&g->host, host);
	if (g->kind == GUARD_SERVICE) {
		buf_printf(w->b, "-A DAMP-%s-s -d %s -p udp -m udp --dport %u", w->id, host, (unsigned int)g->port);
		hashlimit(w);
	} else if (g->kind == GUARD_ANSWERS) {
		buf_printf(w->b, "-A DAMP-%s-v -d %s -p udp -m udp --sport %u -m length --length %d:65535 -m hashlimit"
			" --hashlimit-above 10/sec --hashlimit-burst 20 %s --hashlimit-name damp%c-%s-a", w->id, host,
			(unsigned int)g->port, g->port == 53 ? ANSWER_DNS_BYTES : ANSWER_UDP_BYTES, mode,
			w->v4 ? '4' : '6', w->id);
	} else {
		buf_printf(w->b, "-A DAMP-%s-v -d %s %s -m hashlimit --hashlimit-above 20/sec --hashlimit-burst 40 %s"
			" --hashlimit-name damp%c-%s-f", w->id, host, w->v4 ? "-p udp -f" : "-m frag --fragid 0:4294967295",
			mode, w->v4 ? '4' : '6', w->id);
	}
	target(w, "-j DROP");
}

void
ipt_chains(struct ipt *w)
{
	if (w->plan->matches > 0) {
		buf_printf(w->b, "-N DAMP-%s\n-N DAMP-%s-p\n", w->id, w->id);
		if (layout(w)->kind == LIMIT_SHARDS)
			for (unsigned int k = 0; k < layout(w)->shards; k++)
				buf_printf(w->b, "-N DAMP-%s-%u\n", w->id, k);
		matches(w);
		policy(w);
	}
	if (guards(w, false) > 0)
		buf_printf(w->b, "-N DAMP-%s-v\n", w->id);
	if (guards(w, true) > 0)
		buf_printf(w->b, "-N DAMP-%s-s\n", w->id);
	for (size_t i = 0; i < w->plan->guards; i++)
		if (addr_is_v4(&w->plan->guard[i].host) == w->v4)
			guard(w, &w->plan->guard[i]);
}

void
ipt_hooks(struct ipt *w, const char *before, const char *input, const char *forward, const char *extra)
{
	char jump[40];

	if (w->plan->matches > 0) {
		buf_printf(w->b, "%s%s -p udp -m udp --dport 53%s", before, input, extra);
		snprintf(jump, sizeof(jump), "-j DAMP-%s", w->id);
		target(w, jump);
	}
	for (int service = 0; service < 2; service++)
		if (guards(w, service) > 0) {
			buf_printf(w->b, "%s%s%s", before, service ? input : forward, extra);
			snprintf(jump, sizeof(jump), "-j DAMP-%s-%c", w->id, service ? 's' : 'v');
			target(w, jump);
		}
}
