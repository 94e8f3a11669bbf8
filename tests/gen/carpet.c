#include "tests/gen/carpet.h"

#include <stdio.h>

#include "tests/gen/hosts.h"
#include "tests/gen/packet.h"

enum { PREFIXES = 16 };

struct carpet {
	struct prefix net[PREFIXES];
	struct label *label[PREFIXES];
	uint32_t targets;
	int64_t start_ns, move_ns;
};

struct carpet *
carpet_new(struct gen *g, struct opts *o)
{
	const char *spread = opt_text(o, "spread", "");
	uint64_t targets = opt_uint(o, "targets", 100);
	int64_t move = opt_seconds(o, "move", "0");
	struct carpet *c;

	if (spread[0] == '\0')
		return NULL;
	c = gen_alloc(g, 1, sizeof(*c));
	c->net[0] = opt_prefix(o, "spread", spread);
	c->targets = (uint32_t)targets;
	c->move_ns = move;
	c->start_ns = g->start_ns;
	if (targets == 0 || targets > host_customers(&c->net[0]))
		gen_fail("spread: the prefix has not so many targets");
	for (int i = 0; i < PREFIXES; i++) {
		c->net[i] = c->net[0];
		c->net[i].addr.b[c->net[0].bits / 8 - 1] += (uint8_t)i;
		c->label[i] = gen_label(g, "carpet-bombing", &c->net[i].addr);
		prefix_text(&c->net[i], c->label[i]->zone);
	}
	return c;
}

struct addr
carpet_victim(struct gen *g, struct carpet *c, struct rng *rng, struct label **label)
{
	int64_t moved = c->move_ns > 0 ? (g->now_ns - c->start_ns) / c->move_ns : 0;
	int i = moved < PREFIXES ? (int)moved : PREFIXES - 1;

	*label = c->label[i];
	return host_customer(&c->net[i], rng_below(rng, c->targets));
}

bool
carpet_is_v6(const struct carpet *c)
{
	return !addr_is_v4(&c->net[0].addr);
}
