/* Builds messages of NetFlow v9 and IPFIX for the tests of templates. */
#ifndef TESTS_TEMPLATE_KIT_H
#define TESTS_TEMPLATE_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/template.h"

enum { T0 = 1700000000, UPTIME = 1000000 };
#define SEC INT64_C(1000000000)

struct kit {
	uint8_t p[70000];
	size_t n, set; /* bytes so far; where the open set begins */
	struct export *x;
	struct flow_batch out;
	struct export_from from;
	uint32_t sequence;
};

static inline void
put(struct kit *k, uint64_t x, size_t bytes)
{
	for (size_t i = bytes; i > 0; i--)
		k->p[k->n++] = (uint8_t)(x >> (8 * (i - 1)));
}

static inline void
kit_start(struct kit *k, const struct export_setup *s)
{
	static const struct export_setup none;

	memset(k, 0, sizeof(*k));
	k->x = export_new(s != NULL ? s : &none);
	assert_non_null(k->x);
	assert_int_equal(flow_batch_init(&k->out, 4), 0);
	assert_int_equal(flow_batch_want_extra(&k->out), 0);
	k->from = (struct export_from){.addr = addr_v4((const uint8_t[]){192, 0, 2, 1}), .seen_ns = (T0 + 1) * SEC};
}

static inline void
kit_stop(struct kit *k)
{
	export_free(k->x);
	flow_batch_done(&k->out);
}

static inline void
v9(struct kit *k)
{
	k->n = 0;
	put(k, 9, 2);
	put(k, 1, 2);
	put(k, UPTIME, 4);
	put(k, T0, 4);
	put(k, k->sequence, 4);
	put(k, 7, 4);
}

static inline void
ipfix(struct kit *k)
{
	k->n = 0;
	put(k, 10, 2);
	put(k, 0, 2);
	put(k, T0, 4);
	put(k, k->sequence, 4);
	put(k, 7, 4);
}

static inline void
set(struct kit *k, uint16_t id)
{
	k->set = k->n;
	put(k, id, 2);
	put(k, 0, 2);
}

static inline void
end_set(struct kit *k)
{
	size_t length = k->n - k->set;

	k->p[k->set + 2] = (uint8_t)(length >> 8);
	k->p[k->set + 3] = (uint8_t)length;
}

/* A template in a set of its own: pairs of id and length up to 0, 0; ids from 0x8000 on take an enterprise number. */
static inline void
template(struct kit *k, uint16_t set_id, uint16_t id, const uint32_t *field)
{
	uint16_t n = 0;
	size_t at;

	set(k, set_id);
	put(k, id, 2);
	at = k->n;
	put(k, 0, 2);
	for (; field[0] != 0; field += 2, n++) {
		put(k, field[0], 2);
		put(k, field[1], 2);
		if (k->p[1] == 10 && field[0] >= 0x8000)
			put(k, (++field)[1], 4);
	}
	k->p[at] = (uint8_t)(n >> 8);
	k->p[at + 1] = (uint8_t)n;
	end_set(k);
}

static inline int
send(struct kit *k)
{
	uint8_t *exact = malloc(k->n > 0 ? k->n : 1);
	int got;

	if (k->p[1] == 10 && k->p[2] == 0 && k->p[3] == 0) {
		k->p[2] = (uint8_t)(k->n >> 8);
		k->p[3] = (uint8_t)k->n;
	}
	assert_non_null(exact);
	/* of its own size, so that the sanitizer sees a byte too many */
	memcpy(exact, k->p, k->n);
	got = export_datagram(k->x, &k->from, exact, k->n, &k->out);
	free(exact);
	return got;
}

static inline uint64_t
count(const struct kit *k, enum exporter_count c)
{
	uint64_t sum[EXPORTER_COUNTS] = {0};

	exporters_sum(export_exporters(k->x), sum);
	return sum[c];
}

#endif
