/* Filters: from the tree of tests to a flat program, and walking it.
 *
 * The program is written from its end: whoever is written knows already where both of its ways lead.  So "and",
 * "or" and "not" cost nothing when matching; only tests are left.
 */
#include "collector/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/filter_program.h"

struct emit {
	struct filter *f;
	const struct filter_node *node;
};

/* Where to begin with the node, given where it leads. */
static uint32_t
emit(struct emit *e, uint32_t at, uint32_t yes, uint32_t no)
{
	const struct filter_node *n = &e->node[at];
	struct filter_test *t;

	switch (n->kind) {
	case NODE_NOT: return emit(e, n->left, no, yes);
	case NODE_AND: return emit(e, n->left, emit(e, n->right, yes, no), no);
	case NODE_OR: return emit(e, n->left, yes, emit(e, n->right, yes, no));
	default: break;
	}
	t = &e->f->test[e->f->n];
	*t = n->test;
	t->yes = yes;
	t->no = no;
	return e->f->n++;
}

struct filter *
filter_compile(const char *text, const struct filter_setup *setup, char *why, size_t why_size)
{
	struct filter *f = calloc(1, sizeof(*f));
	struct filter_tree tree = {.f = f, .node = malloc(FILTER_TESTS * sizeof(*tree.node))};
	int64_t root = -1;

	snprintf(why, why_size, "out of memory");
	if (f == NULL || tree.node == NULL)
		goto done;
	if (strlen(text) > FILTER_TEXT_MAX) {
		snprintf(why, why_size, "longer than %d bytes", FILTER_TEXT_MAX);
		goto done;
	}
	root = filter_parse(&tree, text, setup, why, why_size);
	if (root < 0)
		goto done;
	f->test = malloc((FILTER_FIRST + (size_t)tree.n) * sizeof(*f->test));
	if (f->test == NULL) {
		root = -1;
		goto done;
	}
	f->n = FILTER_FIRST;
	f->start = emit(&(struct emit){f, tree.node}, (uint32_t)root, FILTER_ACCEPT, FILTER_REJECT);
done:
	free(tree.node);
	if (root < 0) {
		filter_free(f);
		return NULL;
	}
	return f;
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->maps_n; i++)
		prefixmap_done(&f->map[i]);
	free(f->map);
	free(f->range);
	free(f->test);
	free(f);
}

bool
filter_wants_extra(const struct filter *f)
{
	return f->wants_extra;
}

bool
filter_uses_now(const struct filter *f)
{
	return f->uses_now;
}

/* --- matching ------------------------------------------------------------------------------------------------ */

static uint64_t
duration_ns(const struct flow *w)
{
	return w->end_ns > w->start_ns ? (uint64_t)w->end_ns - (uint64_t)w->start_ns : 0;
}

/* A rate over the duration in milliseconds, as flow tools count it; 0 for a flow without one. */
static uint64_t
rate(uint64_t n, const struct flow *w)
{
	uint64_t ms = duration_ns(w) / 1000000;

	return ms > 0 ? (uint64_t)((double)n * 1000 / (double)ms) : 0;
}

/* The exporter's word, or what v5 and its like put into the destination port. */
static uint64_t
icmp(const struct flow *w, const struct flow_extra *x, bool code)
{
	if (w->proto != FLOW_ICMP && w->proto != FLOW_ICMP6)
		return FILTER_NONE;
	if (x->icmp_type == 0 && x->icmp_code == 0)
		return code ? w->dport & 0xff : w->dport >> 8;
	return code ? x->icmp_code : x->icmp_type;
}

/* A fragment by its header; or, as exporters show those that have none of their ports, UDP or TCP from 0 to 0. */
static bool
is_fragment(const struct flow *w)
{
	return (w->flags & (FLOW_FRAG_FIRST | FLOW_FRAG_LATER)) != 0 ||
	    (w->sport == 0 && w->dport == 0 && (w->proto == FLOW_UDP || w->proto == FLOW_TCP));
}

static uint64_t
worked_out(enum filter_load load, const struct flow *w, const struct flow_extra *x)
{
	switch (load) {
	case LOAD_DURATION: return duration_ns(w);
	case LOAD_BPP: return w->packets > 0 ? w->bytes / w->packets : 0;
	case LOAD_PPS: return rate(w->packets, w);
	case LOAD_BPS: return rate(w->bytes * 8, w);
	case LOAD_ICMP_TYPE: return icmp(w, x, false);
	case LOAD_ICMP_CODE: return icmp(w, x, true);
	case LOAD_ENGINE_TYPE: return x->domain >> 8 & 0xff;
	case LOAD_ENGINE_ID: return x->domain & 0xff;
	case LOAD_FLOWS: return x->flows > 0 ? x->flows : 1;
	case LOAD_FRAGMENT: return is_fragment(w);
	case LOAD_FAMILY: return addr_is_v4(&w->src) ? 4 : 6;
	case LOAD_QTYPE: return w->dns != NULL && w->dns->name_len > 0 ? w->dns->qtype : FILTER_NONE;
	case LOAD_DNS: return w->dns != NULL;
	default: return 0;
	}
}

static uint64_t
load(struct filter_place at, const struct flow *w, const struct flow_extra *x)
{
	const uint8_t *p = (at.extra ? (const uint8_t *)x : (const uint8_t *)w) + at.offset;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (at.load) {
	case LOAD_U8:
		return *p;
	case LOAD_U16:
		memcpy(&v16, p, sizeof(v16));
		return v16;
	case LOAD_U32:
		memcpy(&v32, p, sizeof(v32));
		return v32;
	case LOAD_U64:
		memcpy(&v64, p, sizeof(v64));
		return v64;
	case LOAD_TIME:
		memcpy(&v64, p, sizeof(v64));
		return v64 <= INT64_MAX ? v64 : 0;
	default:
		return worked_out(at.load, w, x);
	}
}

static bool
in_list(const struct filter_range *r, size_t n, uint64_t v)
{
	while (n > 0) {
		size_t half = n / 2;

		if (v < r[half].low)
			n = half;
		else if (v <= r[half].high)
			return true;
		else {
			r += half + 1;
			n -= half + 1;
		}
	}
	return false;
}

static bool
holds(const struct filter *f, const struct filter_test *t, const struct flow *w, const struct flow_extra *x)
{
	const uint8_t *p;
	struct addr a;
	uint64_t hi, lo;

	switch (t->kind) {
	case TEST_CONST: return t->a != 0;
	case TEST_RANGE: return load(t->at, w, x) - t->a <= t->b;
	case TEST_LIST: return t->list_n > 0 && in_list(f->range + t->list, t->list_n, load(t->at, w, x));
	case TEST_BITS: return (load(t->at, w, x) & t->a) == t->b;
	default: break;
	}
	p = (t->at.extra ? (const uint8_t *)x : (const uint8_t *)w) + t->at.offset;
	if (t->kind == TEST_NETS) {
		memcpy(&a, p, sizeof(a));
		return prefixmap_find(&f->map[t->list], &a) != 0;
	}
	memcpy(&hi, p, 8);
	memcpy(&lo, p + 8, 8);
	return (((hi ^ t->a) & t->mask_a) | ((lo ^ t->b) & t->mask_b)) == 0;
}

bool
filter_match(const struct filter *f, const struct flow *w, const struct flow_extra *x)
{
	static const struct flow_extra none;
	uint32_t at = f->start;

	if (x == NULL)
		x = &none;
	while (at >= FILTER_FIRST) {
		const struct filter_test *t = &f->test[at];

		at = holds(f, t, w, x) ? t->yes : t->no;
	}
	return at == FILTER_ACCEPT;
}
