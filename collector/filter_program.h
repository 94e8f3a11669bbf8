/* Inside of the filter: words, tests, and the tree between text and program. */
#ifndef COLLECTOR_FILTER_PROGRAM_H
#define COLLECTOR_FILTER_PROGRAM_H

#include "base/prefixmap.h"
#include "collector/filter.h"

/* How a number gets out of a flow. */
enum filter_load {
	LOAD_U8, LOAD_U16, LOAD_U32, LOAD_U64, LOAD_TIME, /* from an offset */
	LOAD_DURATION, LOAD_BPP, LOAD_PPS, LOAD_BPS,      /* worked out */
	LOAD_ICMP_TYPE, LOAD_ICMP_CODE, LOAD_ENGINE_TYPE, LOAD_ENGINE_ID, LOAD_FLOWS, LOAD_FRAGMENT, LOAD_FAMILY,
	LOAD_QTYPE, LOAD_DNS,
	LOAD_ADDR,                                        /* no number: two words */
};

/* A number that a flow does not have, such as the ICMP type of a UDP flow: in no range that can be written. */
#define FILTER_NONE UINT64_MAX

struct filter_place {
	uint8_t load;  /* enum filter_load */
	uint8_t extra; /* 1: in struct flow_extra */
	uint16_t offset;
};

enum filter_test_kind { TEST_CONST, TEST_RANGE, TEST_LIST, TEST_NET, TEST_NETS, TEST_BITS };

/* One test; yes and no: where to go on, or one of the two ends. */
enum { FILTER_REJECT = 0, FILTER_ACCEPT = 1, FILTER_FIRST = 2 };
struct filter_test {
	uint8_t kind;
	struct filter_place at;
	uint32_t yes, no;
	uint32_t list, list_n; /* ranges; nets: which map */
	uint64_t a, b;         /* range: lowest, highest - lowest; net: the address; bits: mask, wanted; const: a */
	uint64_t mask_a, mask_b;
};

struct filter_range {
	uint64_t low, high;
};

enum filter_node_kind { NODE_TEST, NODE_AND, NODE_OR, NODE_NOT };
struct filter_node {
	uint8_t kind;
	uint32_t left, right; /* nodes */
	struct filter_test test;
};

struct filter {
	struct filter_test *test; /* from FILTER_FIRST on */
	uint32_t n, start;
	struct filter_range *range;
	size_t ranges_n, ranges_cap;
	struct prefixmap *map;
	size_t maps_n;
	bool wants_extra, uses_now;
};

/* What the values of a field look like. */
enum filter_value {
	VALUE_NUMBER,  /* up to `max` */
	VALUE_COUNT,   /* with k, m, g, t */
	VALUE_PORT, VALUE_PROTO, VALUE_AS, VALUE_QTYPE, /* numbers with names or forms of their own */
	VALUE_ADDR, VALUE_TIME, VALUE_DURATION, VALUE_FLAGS,
	VALUE_WORD,    /* none: the word says it all; `max` is the number meant */
};

enum filter_sides { SIDES_NONE, SIDES_SRC_DST, SIDES_IN_OUT };

struct filter_word {
	const char *name;
	uint8_t value; /* enum filter_value */
	uint8_t sides; /* enum filter_sides */
	struct filter_place at[2]; /* src and dst, or in and out; else the first */
	uint64_t max;
};

const struct filter_word *filter_word(const char *name, size_t n); /* or NULL */
/* The nearest of the words, also of those that are grammar; NULL: none is near. */
const char *filter_nearest(const char *text);

/* Names of protocols and services: the number, or -1. */
int filter_proto(const char *name);
int filter_service(const char *name);

/* collector/filter_parse.c: text to nodes.  The root, or -1 and `why`. */
struct filter_tree {
	struct filter *f;         /* lists go here */
	struct filter_node *node; /* FILTER_TESTS of them */
	uint32_t n;
};
int64_t filter_parse(struct filter_tree *t, const char *text, const struct filter_setup *setup, char *why,
    size_t why_size);

/* collector/filter_value.c: one value of a field.  The range of numbers meant, or a reason. */
int filter_number(const struct filter_word *w, const char *text, bool local, struct filter_range *r, char *why,
    size_t why_size);

#endif
