/* Formats iptables, ip6tables (files for the restore commands) and iptables-commands (a script).
 *
 * A file starts with what a person must know before loading it: what for, what it costs, the cure
 * at the source, load, test, undo.  The script holds the same two restore texts, so that there is
 * one truth.  Everything from traffic stands in hex or in match_name_text's alphabet. */
#include "rules/iptables.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/timefmt.h"

enum { HITCOUNT_MAX = 65535, HITCOUNT_OLD = 20, SECONDS_MAX = 86400, HOSTS_SHOWN = 8 };

static int
unsupported(struct rule_text *out, const char *why)
{
	snprintf(out->why, sizeof(out->why), "%s", why);
	return RULE_UNSUPPORTED;
}

static int
check_policy(const struct rule_policy *p, struct rule_text *out)
{
	if (p->queries == 0 || p->seconds == 0 || p->seconds > SECONDS_MAX || p->ttl_s == 0 || p->list_size == 0)
		return unsupported(out, "the policy needs queries, seconds (at most a day), a lifetime and a list size above 0");
	if (p->queries > HITCOUNT_MAX)
		return unsupported(out, "xt_recent counts to 65535 at most");
	if (p->old_kernel && p->queries > HITCOUNT_OLD)
		return unsupported(out, "older kernels refuse a hitcount above 20 (ip_pkt_list_tot)");
	return RULE_OK;
}

/* Whether a hashlimit must say the policy for this family. */
static bool
needs_rate(const struct rule_plan *p, const struct rule_layout *l)
{
	for (size_t i = 0; i < p->guards; i++)
		if (p->guard[i].kind == GUARD_SERVICE)
			return true;
	return p->matches > 0 && l->kind == LIMIT_HASH;
}

/* The first hosts by name; the alerts are the record, this is for recognising the file. */
static void
hosts(struct buf *b, const struct rule_request *q)
{
	const struct alert *shown[HOSTS_SHOWN];
	char text[PREFIX_TEXT];
	size_t n = 0;

	buf_printf(b, "# From %zu alert%s:", q->alerts_n, q->alerts_n == 1 ? "" : "s");
	for (size_t i = 0; i < q->alerts_n; i++) {
		const struct alert *a = q->alerts[i];
		bool again = a->subject.type != SUBJECT_HOST && !alert_of_customer(a);

		for (size_t k = 0; k < n && !again; k++)
			again = addr_equal(&shown[k]->subject.prefix.addr, &a->subject.prefix.addr);
		if (again)
			continue;
		if (n == HOSTS_SHOWN) {
			buf_str(b, " and others");
			break;
		}
		shown[n++] = a;
		buf_printf(b, "%s%s", n > 1 ? ", " : " ", a->subject.type == SUBJECT_PREFIX ? prefix_text(&a->subject.prefix, text) :
		    addr_text(&a->subject.prefix.addr, text));
		if (n == 1 || a->kind != shown[n - 2]->kind)
			buf_printf(b, " (%s)", alert_kind_text(a->kind));
	}
	buf_char(b, '\n');
}

static void
effect(struct buf *b, const struct backtest *e)
{
	if (!e->known || e->attack + e->legitimate == 0) {
		buf_str(b, "# Expected effect: not known, no queries were kept to replay.\n");
		return;
	}
	buf_printf(b, "# Expected effect, by replaying the %" PRIu64 " queries kept: attack dropped %.1f %% (%" PRIu64 " of %"
		PRIu64 "),\n# legitimate dropped %.2f %% (%" PRIu64 " of %" PRIu64 "), %" PRIu64 " source%s lose something.\n",
		e->attack + e->legitimate, e->attack > 0 ? 100.0 * (double)e->attack_dropped / (double)e->attack : 0.0,
		e->attack_dropped, e->attack,
		e->legitimate > 0 ? 100.0 * (double)e->legitimate_dropped / (double)e->legitimate : 0.0,
		e->legitimate_dropped, e->legitimate, e->sources_hit, e->sources_hit == 1 ? "" : "s");
}

static void
limiter(struct ipt *w, const char *family, const struct rule_layout *l)
{
	char what[80];

	if (w->v4)
		snprintf(what, sizeof(what), "source addresses");
	else
		snprintf(what, sizeof(what), "source /%u networks (a customer could rotate inside one)", w->sizing->v6_bits);

	if (l->kind == LIMIT_LIST)
		buf_printf(w->b, "# %s: one list of %u, %zu %s seen.\n", family, w->policy->list_size, l->sources, what);
	else if (l->kind == LIMIT_SHARDS)
		buf_printf(w->b, "# %s: %u lists of %u, %zu %s seen, %zu in the fullest.\n", family, l->shards,
			w->policy->list_size, l->sources, what, l->fullest);
	else
		buf_printf(w->b, "# %s: %zu %s seen, more than the lists hold: a rate per source instead,\n"
			"# which lets each go on with %u per %u s.\n", family, l->sources, what, w->policy->queries,
			w->policy->seconds);
}

static void
queries_text(struct ipt *w)
{
	const struct rule_policy *p = w->policy;

	buf_printf(w->b, "# Policy: of the UDP queries listed below, %u per source in %u s pass; more are dropped for as long as\n"
		"# the source goes on. Everything else it asks passes.\n", p->queries, p->seconds);
	if (w->plan->matches_left > 0)
		buf_printf(w->b, "# %zu more names or types were seen than the %d a file holds: those pass.\n",
			w->plan->matches_left, MATCH_MAX);
	buf_str(w->b,
		"# The cure at the source, better than any fence and free for everybody (on the resolver):\n"
		"#   unbound: deny-any: yes   max-udp-size: 1232      BIND: minimal-any yes;   max-udp-size 1232;\n");
}

static void
guards_text(struct ipt *w)
{
	bool victim = false, service = false;

	for (size_t i = 0; i < w->plan->guards; i++) {
		victim |= w->plan->guard[i].kind != GUARD_SERVICE;
		service |= w->plan->guard[i].kind == GUARD_SERVICE;
	}
	if (victim)
		buf_str(w->b,
			"# Victim: large answers above 10/s and later fragments above 20/s are dropped towards the victim, on this\n"
			"# router's FORWARD. The link before this router stays as full as it is: only upstream can relieve it.\n"
			"# Answers of its own resolver count too: put `-s RESOLVER -j RETURN` first in the -v chain for it.\n"
			"# With connection tracking loaded packets are rejoined first and fragments count as their answer.\n");
	if (service)
		buf_printf(w->b, "# Service: %u requests per source in %u s reach the service. The cure is to close it to strangers.\n",
			w->policy->queries, w->policy->seconds);
	if (w->plan->guards_left > 0)
		buf_printf(w->b, "# %zu more hosts were seen than the %d a file guards.\n", w->plan->guards_left, GUARD_MAX);
}

static void
preamble(struct ipt *w, const struct rule_request *q, const struct backtest *e, const char *title)
{
	char from[TIME_TEXT], to[TIME_TEXT];
	int64_t first = q->alerts[0]->start_ns, last = q->alerts[0]->end_ns;

	for (size_t i = 1; i < q->alerts_n; i++) {
		first = q->alerts[i]->start_ns < first ? q->alerts[i]->start_ns : first;
		last = q->alerts[i]->end_ns > last ? q->alerts[i]->end_ns : last;
	}
	buf_printf(w->b, "# damp: %s, incident %s\n# Seen %s to %s.\n", title, w->id, time_rfc3339(first, from),
		time_rfc3339(last, to));
	hosts(w->b, q);
	if (w->plan->blind > 0)
		buf_printf(w->b, "# %zu of them give nothing to match: %s\n", w->plan->blind, w->plan->why);
	if (w->plan->matches > 0)
		queries_text(w);
	guards_text(w);
	if (w->plan->matches > 0)
		effect(w->b, e);
}

static void
restore_file(struct ipt *w)
{
	const char *tool = ipt_tool(w);
	unsigned int ttl = w->policy->ttl_s;

	if (w->plan->matches > 0)
		limiter(w, w->v4 ? "IPv4" : "IPv6", w->v4 ? &w->sizing->v4 : &w->sizing->v6);
	buf_printf(w->b, "# Test:  %s-restore --test --noflush FILE\n# Load:  %s-restore --noflush FILE\n", tool, tool);
	buf_str(w->b, "#        A second load is refused and changes nothing: undo first, then load the newer file.\n# Undo:\n");
	ipt_hooks(w, w->v4 ? "#   iptables -D " : "#   ip6tables -D ", "INPUT", "FORWARD", "");
	buf_printf(w->b, "#   %s -S | sed -n \"s/^-N \\(DAMP-%s.*\\)/-F \\1/p\" | xargs -L1 %s\n", tool, w->id, tool);
	buf_printf(w->b, "#   %s -S | sed -n \"s/^-N \\(DAMP-%s.*\\)/-X \\1/p\" | xargs -L1 %s\n", tool, w->id, tool);
	buf_printf(w->b, "# Lifetime: %u s, which this file cannot keep by itself. The iptables-commands script does, or put\n"
		"#   -m time --datestop \"$(date -u -d \"+%u seconds\" +%%FT%%T)\" before the comment of the -I line(s) below.\n",
		ttl, ttl);
	if (w->plan->matches > 0)
		buf_str(w->b, "# On a router before the resolver: FORWARD for INPUT in the -I line below (and in the undo).\n");
	buf_str(w->b, "*filter\n");
	ipt_chains(w);
	ipt_hooks(w, "-I ", "INPUT", "FORWARD", "");
	buf_str(w->b, "COMMIT\n");
}

static const char script_head[] =
	"# Usage: sh FILE apply|undo|status     as root; apply again replaces the rules and renews the lifetime\n"
	"#   TTL=SECONDS      lifetime; the kernel stops using the rules then, also if nobody comes back\n"
	"#                    (-m time in the jump); undo removes what is left\n"
	"#   HOOK=FORWARD     on a router before the resolver; else INPUT, on the resolver's host\n"
	"set -u\n";

static const char script_tail[] =
	"# loaded TOOL\n"
	"loaded() { \"$1\" -w -S 2>/dev/null | grep -q \"^-N DAMP-$id\"; }\n"
	"# unhook TOOL: the jumps, by number, as their stop time is not known here\n"
	"unhook() {\n"
	"\tfor c in INPUT FORWARD \"$hook\"; do\n"
	"\t\twhile n=$(\"$1\" -w -n -L \"$c\" --line-numbers 2>/dev/null |\n"
	"\t\t\tawk -v p=\"DAMP-$id\" '$2 == p || index($2, p \"-\") == 1 { print $1; exit }') && [ -n \"$n\" ]; do\n"
	"\t\t\t\"$1\" -w -D \"$c\" \"$n\" || return 1\n"
	"\t\tdone\n"
	"\tdone\n"
	"}\n"
	"# remove TOOL: jumps, rules, chains; nothing there is fine\n"
	"remove() {\n"
	"\tunhook \"$1\" || return 1\n"
	"\tfor op in -F -X; do\n"
	"\t\tfor c in $(\"$1\" -w -S 2>/dev/null | sed -n \"s/^-N \\(DAMP-$id.*\\)/\\1/p\"); do\n"
	"\t\t\t\"$1\" -w \"$op\" \"$c\" || return 1\n"
	"\t\tdone\n"
	"\tdone\n"
	"}\n"
	"usable() { \"$1\" -w -n -L INPUT >/dev/null 2>&1; }\n"
	"case ${1:-} in\n"
	"apply)\n"
	"\tstop=$(date -u -d \"@$(($(date +%s) + ttl))\" +%Y-%m-%dT%H:%M:%S) || exit 1\n"
	"\tfor t in $tools; do\n"
	"\t\tusable \"$t\" || { echo \"$t: not usable here, skipped\" >&2; continue; }\n"
	"\t\t(set -e; remove \"$t\"; \"load_$t\"; \"hook_$t\")\n"
	"\t\t[ $? = 0 ] || {\n"
	"\t\t\techo \"$t: failed, taken back\" >&2\n"
	"\t\t\tfor u in $tools; do remove \"$u\"; done\n"
	"\t\t\texit 1\n"
	"\t\t}\n"
	"\tdone\n"
	"\techo \"in force until $stop UTC\" ;;\n"
	"undo)\n"
	"\tfor t in $tools; do usable \"$t\" || continue; remove \"$t\" || exit 1; done ;;\n"
	"status)\n"
	"\tn=3\n"
	"\tfor t in $tools; do\n"
	"\t\tloaded \"$t\" || { echo \"$t: not loaded\"; continue; }\n"
	"\t\tn=0\n"
	"\t\t\"$t\" -w -S | grep -e \"-j DAMP-$id\" | grep -v \"^-A DAMP-\"\n"
	"\t\tfor c in $(\"$t\" -w -S | sed -n \"s/^-N \\(DAMP-$id.*\\)/\\1/p\"); do \"$t\" -w -n -v -x -L \"$c\"; done\n"
	"\tdone\n"
	"\texit $n ;;\n"
	"*)\n"
	"\techo \"usage: $0 apply|undo|status\" >&2\n"
	"\texit 2 ;;\n"
	"esac\n";

static void
script_family(struct ipt *w)
{
	const char *tool = ipt_tool(w);
	char before[32];

	buf_printf(w->b, "load_%s() {\n\t%s-restore -w --noflush <<'DAMP'\n*filter\n", tool, tool);
	ipt_chains(w);
	buf_printf(w->b, "COMMIT\nDAMP\n}\nhook_%s() {\n", tool);
	snprintf(before, sizeof(before), "\t%s -w -I ", tool);
	ipt_hooks(w, before, "\"$hook\"", "FORWARD", " -m time --datestop \"$stop\"");
	buf_str(w->b, "}\n");
}

static void
script_file(struct ipt *w)
{
	bool family[2];

	if (w->plan->matches > 0) {
		limiter(w, "IPv4", &w->sizing->v4);
		w->v4 = false;
		limiter(w, "IPv6", &w->sizing->v6);
	}
	buf_str(w->b, script_head);
	buf_printf(w->b, "id=%s\nttl=${TTL:-%u}\nhook=${HOOK:-INPUT}\ntools=\"", w->id, w->policy->ttl_s);
	for (int f = 0; f < 2; f++) {
		w->v4 = f == 0;
		family[f] = ipt_any(w);
		if (family[f])
			buf_printf(w->b, "%s%s", f > 0 && family[0] ? " " : "", ipt_tool(w));
	}
	buf_str(w->b, "\"\n");
	for (int f = 0; f < 2; f++) {
		w->v4 = f == 0;
		if (family[f])
			script_family(w);
	}
	buf_str(w->b, script_tail);
}

enum what { RESTORE_V4, RESTORE_V6, SCRIPT };

static int
generate(const struct rule_request *q, struct rule_text *out, enum what what)
{
	struct rule_plan plan;
	struct rule_sizing sizing;
	struct ipt w = {&out->text, &q->policy, &plan, &sizing, what != RESTORE_V6, ""};
	int err = check_policy(&q->policy, out);

	if (err != RULE_OK)
		return err;
	if (rule_plan_make(&plan, q->alerts, q->alerts_n) != RULE_OK)
		return unsupported(out, plan.why);
	err = rule_backtest(q, &plan, &sizing, &out->effect);
	if (err != 0)
		return err;
	if (!sizing.backstop && (needs_rate(&plan, &sizing.v4) || needs_rate(&plan, &sizing.v6)))
		return unsupported(out, "a rate per source is needed here, and no hashlimit unit says this policy exactly");
	if (what != SCRIPT && !ipt_any(&w))
		return unsupported(out, w.v4 ? "only IPv6 hosts are concerned: see ip6tables" : "only IPv4 hosts are concerned: see iptables");
	out->ttl_s = q->policy.ttl_s;
	alert_id_text(plan.incident, w.id);
	if (what == SCRIPT) {
		buf_str(w.b, "#!/bin/sh\n");
		preamble(&w, q, &out->effect, "iptables and ip6tables as a script");
		script_file(&w);
	} else {
		preamble(&w, q, &out->effect, w.v4 ? "iptables-restore file (IPv4; the twin is ip6tables)"
			: "ip6tables-restore file (IPv6; the twin is iptables)");
		restore_file(&w);
	}
	return out->text.full ? ERR_FULL : RULE_OK;
}

static int
generate_v4(const struct rule_request *q, struct rule_text *out)
{
	return generate(q, out, RESTORE_V4);
}

static int
generate_v6(const struct rule_request *q, struct rule_text *out)
{
	return generate(q, out, RESTORE_V6);
}

static int
generate_script(const struct rule_request *q, struct rule_text *out)
{
	return generate(q, out, SCRIPT);
}

const struct rule_format rule_iptables = {
	"iptables", "iptables, IPv4: restore file", "iptables.rules", "iptables-restore --noflush FILE", generate_v4,
};
const struct rule_format rule_ip6tables = {
	"ip6tables", "ip6tables, IPv6: restore file", "ip6tables.rules", "ip6tables-restore --noflush FILE", generate_v6,
};
const struct rule_format rule_iptables_commands = {
	"iptables-commands", "iptables and ip6tables: apply, undo, status, with a lifetime", "iptables.sh", "sh FILE apply",
	generate_script,
};
