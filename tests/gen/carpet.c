#include "tests/gen/carpet.h"

#include <stdio.h>

#include "tests/gen/hosts.h"
#include "tests/gen/packet.h"

enum {
	PREFIXES = 16,              /* that are hit one after the other */
	V4_BITS = 120, V6_BITS = 48, /* what damp names: a /24, a /48 */
	PARTS_BITS = 8,             /* at most 2^8 of them in one prefix */
};

struct carpet {
	struct prefix net[PREFIXES];
	struct label **label;       /* one for each part of each prefix */
	uint32_t targets, parts;
	int64_t start_ns, move_ns;
};

/* The prefix so many places after p. */
static struct prefix
behind(struct prefix p, uint32_t places)
{
	unsigned int used = (p.bits - 1u) % 8;
	uint64_t carry = (uint64_t)places << (7 - used);

	for (unsigned int i = p.bits > 0 ? (p.bits - 1u) / 8 + 1 : 0; i-- > 0 && carry > 0; carry >>= 8) {
		carry += p.addr.b[i];
		p.addr.b[i] = (uint8_t)carry;
	}
	return p;
}

static uint32_t
part_of(const struct carpet *c, int net, const struct addr *a)
{
	const uint8_t *from = c->net[net].addr.b;
	unsigned int last = (addr_is_v4(a) ? V4_BITS : V6_BITS) / 8 - 1;
	uint32_t n = (uint32_t)((a->b[last - 1] - from[last - 1]) * 256 + a->b[last] - from[last]);

	return n < c->parts ? n : 0;
}

struct carpet *
carpet_new(struct gen *g, struct opts *o, uint64_t rate_micro)
{
	const char *spread = opt_text(o, "spread", "");
	uint64_t targets = opt_uint(o, "targets", 100);
	int64_t move = opt_seconds(o, "move", "0");
	uint8_t bits, named;
	struct carpet *c;

	if (spread[0] == '\0')
		return NULL;
	c = gen_alloc(g, 1, sizeof(*c));
	c->net[0] = opt_prefix(o, "spread", spread);
	c->targets = (uint32_t)targets;
	c->move_ns = move;
	c->start_ns = g->start_ns;
	bits = c->net[0].bits;
	named = carpet_is_v6(c) ? V6_BITS : V4_BITS;
	if (targets == 0 || targets > host_customers(&c->net[0]))
		gen_fail("spread: the prefix has not so many targets");
	if (bits + PARTS_BITS < named)
		gen_fail("spread: a /16 or /40 at most");
	c->parts = bits < named ? 1u << (named - bits) : 1;
	c->label = gen_alloc(g, (size_t)PREFIXES * c->parts, sizeof(struct label *));
	for (int i = 0; i < PREFIXES; i++) {
		c->net[i] = behind(c->net[0], (uint32_t)i);
		for (uint32_t k = 0; k < c->parts && (i == 0 || move > 0); k++) {
			struct prefix part = behind((struct prefix){c->net[i].addr, bits < named ? named : bits}, k);
			struct label *l = c->label[(uint32_t)i * c->parts + k] = gen_label(g, "carpet-bombing", &part.addr);

			prefix_text(&part, l->zone);
			l->rate_micro = rate_micro / c->parts;
		}
	}
	return c;
}

struct addr
carpet_victim(struct gen *g, struct carpet *c, struct rng *rng, struct label **label)
{
	int64_t moved = c->move_ns > 0 ? (g->now_ns - c->start_ns) / c->move_ns : 0;
	int i = moved < PREFIXES ? (int)moved : PREFIXES - 1;
	struct addr a = host_customer(&c->net[i], rng_below(rng, c->targets));

	*label = c->label[(uint32_t)i * c->parts + part_of(c, i, &a)];
	return a;
}

bool
carpet_is_v6(const struct carpet *c)
{
	return !addr_is_v4(&c->net[0].addr);
}
