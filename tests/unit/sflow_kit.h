/* sFlow v5 datagrams written word by word, after sflow.org/sflow_version_5.txt, and a decoder for each test. */
#ifndef TESTS_SFLOW_KIT_H
#define TESTS_SFLOW_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#include "collector/sflow.h"

#define SECOND ((int64_t)1000000000)

struct kit {
	uint8_t b[4096];
	size_t n;
	struct export *x;
	struct export_from from;
	struct flow_batch out;
};

static inline int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	k->x = export_new(&(struct export_setup){.exporters.base = 7u << 20});
	assert_non_null(k->x);
	assert_int_equal(addr_parse("203.0.113.9", &k->from.addr), 0);
	k->from.seen_ns = 1000 * SECOND;
	*state = k;
	return 0;
}

static inline int
teardown(void **state)
{
	struct kit *k = *state;

	flow_batch_done(&k->out);
	export_free(k->x);
	free(k);
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------ */

static inline void
word(struct kit *k, uint32_t v)
{
	assert_true(k->n + 4 <= sizeof(k->b));
	k->b[k->n++] = (uint8_t)(v >> 24);
	k->b[k->n++] = (uint8_t)(v >> 16);
	k->b[k->n++] = (uint8_t)(v >> 8);
	k->b[k->n++] = (uint8_t)v;
}

static inline void
set_word(struct kit *k, size_t at, uint32_t v)
{
	size_t n = k->n;

	k->n = at;
	word(k, v);
	k->n = n;
}

static inline void
raw(struct kit *k, const void *p, size_t n)
{
	assert_true(k->n + n + 3 <= sizeof(k->b));
	memcpy(k->b + k->n, p, n);
	memset(k->b + k->n + n, 0, 3);
	k->n += (n + 3) / 4 * 4;
}

/* A tag and a length to be filled in by `end`. */
static inline size_t
begin(struct kit *k, uint32_t format)
{
	word(k, format);
	word(k, 0);
	return k->n;
}

static inline void
end(struct kit *k, size_t at)
{
	set_word(k, at - 4, (uint32_t)(k->n - at));
}

static inline void
head(struct kit *k, uint32_t sequence, uint32_t samples)
{
	k->n = 0;
	word(k, 5);
	word(k, 1);
	word(k, 0xc0000201); /* 192.0.2.1 */
	word(k, 3);          /* sub-agent */
	word(k, sequence);
	word(k, 5000);       /* uptime */
	word(k, samples);
}

struct flow_sample {
	uint32_t sequence, source, rate, drops, in, out, records;
};

static inline size_t
flow_sample(struct kit *k, const struct flow_sample *s)
{
	size_t at = begin(k, 1);

	word(k, s->sequence);
	word(k, s->source);
	word(k, s->rate);
	word(k, 1000);
	word(k, s->drops);
	word(k, s->in);
	word(k, s->out);
	word(k, s->records);
	return at;
}

static inline void
raw_header(struct kit *k, uint32_t protocol, uint32_t frame, uint32_t stripped, const uint8_t *p, size_t n)
{
	size_t at = begin(k, 1);

	word(k, protocol);
	word(k, frame);
	word(k, stripped);
	word(k, (uint32_t)n);
	raw(k, p, n);
	end(k, at);
}

/* An answer of `total` bytes at IP level from port 53, of which only the head was sampled. */
static inline size_t
dns_answer(uint8_t p[256], uint16_t total)
{
	static const uint8_t message[] = {
		0x12, 0x34, 0x81, 0x80, 0, 1, 0, 5, 0, 0, 0, 0,
		7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 255, 0, 1,
	};
	static const uint8_t head[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 198, 51, 100, 7, 203, 0, 113, 77,
		0, 53, 0x9c, 0x40, 0, 0, 0, 0,
	};

	memset(p, 0xaa, 256);
	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), message, sizeof(message));
	p[16] = (uint8_t)(total >> 8);
	p[17] = (uint8_t)total;
	p[38] = (uint8_t)((total - 20) >> 8);
	p[39] = (uint8_t)(total - 20);
	return 128;
}

static inline int
decode(struct kit *k)
{
	return export_datagram(k->x, &k->from, k->b, k->n, &k->out);
}

static inline const struct exporter *
row(const struct kit *k, size_t i)
{
	assert_true(i < exporters_n(export_exporters(k->x)));
	return exporters_at(export_exporters(k->x), i);
}

static inline void
assert_addr(const struct addr *a, const char *text)
{
	char buf[ADDR_TEXT];

	assert_string_equal(addr_text(a, buf), text);
}

static inline void
dns_datagram(struct kit *k, uint32_t sequence, uint32_t rate)
{
	uint8_t p[256];
	size_t n = dns_answer(p, 1400), at;

	head(k, sequence, 1);
	at = flow_sample(k, &(struct flow_sample){.sequence = sequence, .source = 17, .rate = rate, .in = 17, .out = 18, .records = 1});
	raw_header(k, 1, 1418, 4, p, n);
	end(k, at);
}

#endif
