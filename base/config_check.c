/* What no single value shows: names twice, prefixes that two links or two groups claim. */
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/config_keys.h"
#include "base/err.h"

/* One prefix of one owner (a link or a group). */
struct claim {
	struct prefix prefix;
	int line;
	size_t owner;
};

static int
claim_order(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;
	int d = addr_cmp(&a->prefix.addr, &b->prefix.addr);

	if (d != 0)
		return d;
	if (a->prefix.bits != b->prefix.bits)
		return a->prefix.bits < b->prefix.bits ? -1 : 1;
	return a->line - b->line;
}

/* Both owners are named, and both lines. */
static void
tell_overlap(struct config *c, const char *what, const char *name, const char *other_name,
    const struct claim *claim, const struct claim *other)
{
	bool swap = other->line > claim->line; /* the later line is the one to look at */
	const struct claim *late = swap ? other : claim, *early = swap ? claim : other;
	struct config_place at = {c->file, late->line, NULL};
	char a[PREFIX_TEXT], b[PREFIX_TEXT], q1[CONFIG_QUOTE], q2[CONFIG_QUOTE];

	config_problem(c, &at, "each address may belong to one only",
	    "%s of %s %s overlaps %s of %s %s in line %d", prefix_text(&late->prefix, a), what,
	    config_quote(swap ? other_name : name, q1), prefix_text(&early->prefix, b), what,
	    config_quote(swap ? name : other_name, q2), early->line);
}

/* Sorted by address and length, every prefix that contains another stands before it: a stack of the
 * enclosing ones (at most 129, as equal ones are not pushed twice) finds all overlaps in one sweep. */
static void
sweep(struct config *c, struct claim *claim, size_t n, const char *what, const char *(*name)(const struct config *, size_t))
{
	const struct claim *open[130];
	size_t depth = 0;

	qsort(claim, n, sizeof(*claim), claim_order);
	for (size_t i = 0; i < n; i++) {
		const struct claim *rival = NULL;

		while (depth > 0 && !prefix_contains(&open[depth - 1]->prefix, &claim[i].prefix.addr))
			depth--;
		for (size_t k = depth; k > 0 && rival == NULL; k--)
			if (open[k - 1]->owner != claim[i].owner && /* ::/0 does not mean IPv4 */
			    addr_is_v4(&open[k - 1]->prefix.addr) == addr_is_v4(&claim[i].prefix.addr))
				rival = open[k - 1];
		if (rival != NULL)
			tell_overlap(c, what, name(c, claim[i].owner), name(c, rival->owner), &claim[i], rival);
		if (depth == 0 || open[depth - 1]->prefix.bits != claim[i].prefix.bits)
			open[depth++] = &claim[i];
	}
}

static size_t
add_claims(struct claim *claim, size_t n, const struct config_prefix *p, size_t count, size_t owner)
{
	for (size_t i = 0; i < count; i++)
		claim[n++] = (struct claim){p[i].prefix, p[i].line, owner};
	return n;
}

static const char *
link_name(const struct config *c, size_t i)
{
	return c->link[i].name != NULL ? c->link[i].name : "";
}

static const char *
group_name(const struct config *c, size_t i)
{
	return c->group[i].name != NULL ? c->group[i].name : "";
}

static void
check_overlaps(struct config *c)
{
	struct config_place at = {c->file, 0, NULL};
	size_t links = 0, members = 0, n = 0;
	struct claim *claim;

	for (size_t i = 0; i < c->links_n; i++)
		links += c->link[i].prefixes_n;
	for (size_t i = 0; i < c->groups_n; i++)
		members += c->group[i].members_n;
	claim = calloc((links > members ? links : members) + 1, sizeof(*claim));
	if (claim == NULL) {
		config_problem(c, &at, "", "%s", err_text(ERR_NOMEM));
		return;
	}
	for (size_t i = 0; i < c->links_n; i++)
		n = add_claims(claim, n, c->link[i].prefix, c->link[i].prefixes_n, i);
	sweep(c, claim, n, "link", link_name);
	n = 0;
	for (size_t i = 0; i < c->groups_n; i++)
		n = add_claims(claim, n, c->group[i].member, c->group[i].members_n, i);
	sweep(c, claim, n, "group", group_name);
	free(claim);
}

static void
check_link(struct config *c, size_t i)
{
	const struct config_link *l = &c->link[i];
	struct config_place at = {c->file, l->line, NULL};
	char quoted[CONFIG_QUOTE];

	if (l->name == NULL)
		config_problem(c, &at, "name: metro-3", "a link needs a name");
	else if (l->prefixes_n == 0)
		config_problem(c, &at, "prefixes: [10.64.0.0/23]", "link %s needs prefixes", config_quote(l->name, quoted));
	for (size_t k = 0; k < i && l->name != NULL; k++) {
		if (c->link[k].name != NULL && strcmp(c->link[k].name, l->name) == 0) {
			config_problem(c, &at, "", "link %s already stands in line %d", config_quote(l->name, quoted), c->link[k].line);
			return;
		}
	}
}

static void
check_group(struct config *c, size_t i)
{
	struct config_group *g = &c->group[i];
	struct config_place at = {c->file, g->line, NULL};
	char quoted[CONFIG_QUOTE];
	int kind = g->name != NULL ? config_group_kind_parse(g->name) : ERR_INVALID;

	if (!g->kind_given && kind >= 0)
		g->kind = (enum config_group_kind)kind; /* a group called "mail" is one of mail servers */
	if (g->subscribers > 0 && g->kind != GROUP_CGNAT) {
		struct config_place line = {c->file, g->subscribers_line, NULL};

		config_problem(c, &line, "kind: cgnat", "only a group of kind cgnat has subscribers, this one is of kind %s",
		    config_group_kind_text(g->kind));
	}
	if (g->name == NULL)
		config_problem(c, &at, "name: mail", "a group needs a name");
	else if (g->members_n == 0)
		config_problem(c, &at, "members: [10.64.0.25]", "group %s needs members", config_quote(g->name, quoted));
	for (size_t k = 0; k < i && g->name != NULL; k++) {
		if (c->group[k].name != NULL && strcmp(c->group[k].name, g->name) == 0) {
			config_problem(c, &at, "", "group %s already stands in line %d", config_quote(g->name, quoted),
			    c->group[k].line);
			return;
		}
	}
}

void
config_check(struct config *c)
{
	for (size_t i = 0; i < c->links_n; i++)
		check_link(c, i);
	for (size_t i = 0; i < c->groups_n; i++)
		check_group(c, i);
	check_overlaps(c);
	if (c->known_exporters_only && c->exporters_n == 0)
		config_problem(c, &(struct config_place){c->file, 0, "known-exporters-only"}, "exporters: [{address: 192.0.2.1}]",
		    "%s", "nobody is known: list the exporters");
}
