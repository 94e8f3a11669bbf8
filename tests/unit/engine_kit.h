/* An engine for tests: with the default settings, fed by hand. */
#ifndef TESTS_ENGINE_KIT_H
#define TESTS_ENGINE_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/engine.h"
#include "tests/unit/detector_kit.h"

#define T0 (INT64_C(1775960000) * NS_PER_S)
enum { MEMORY = 64 << 20, RESOLVER = 0x0a350035 };

/* An engine that tells `hear`; freed by engine_free.  What `c` leaves out is as every test has it. */
static inline struct engine *
kit_engine(void (*hear)(void *ctx, const struct alert *a), void *ctx, struct engine_config c)
{
	struct detect_settings settings;
	const struct engine_sink sink = {hear, ctx};
	char why[200] = "";
	struct engine *e;

	detect_settings_defaults(&settings);
	if (c.settings == NULL)
		c.settings = &settings;
	if (c.seed == 0)
		c.seed = 42;
	if (c.memory_bytes == 0)
		c.memory_bytes = MEMORY;
	e = engine_new(&c, &sink, why, sizeof(why));
	if (e == NULL)
		fail_msg("%s", why);
	return e;
}

/* One flow; it may be too late or too early to be worked on. */
static inline void
kit_put(struct engine *e, const struct flow *f)
{
	struct engine_run run;
	struct flow_key key;

	engine_keys(e, f, 1, &key);
	run = engine_begin(e, f, 1);
	if (run.n > 0)
		engine_ingest(e, f, &key, 1);
}

enum { KIT_MESSAGE = 64 };

/* ANY ripe.net, as a query or as the beginning of an answer of `size` DNS bytes whose first record lives for 300 s.
 * The view borrows `m`. */
static inline void
kit_any_ripe(uint8_t m[KIT_MESSAGE], struct dns_view *v, bool response, uint16_t id, uint16_t size)
{
	static const uint8_t question[] = "\4ripe\3net\0\0\xff\0\1";
	static const uint8_t record[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44, 0x0f, 0};
	size_t n = 12;

	memset(m, 0, KIT_MESSAGE);
	m[0] = (uint8_t)(id >> 8);
	m[1] = (uint8_t)id;
	m[2] = response ? 0x81 : 0x01;
	m[5] = 1;
	m[7] = response;
	memcpy(m + n, question, sizeof(question) - 1);
	n += sizeof(question) - 1;
	if (response) {
		memcpy(m + n, record, sizeof(record));
		n += sizeof(record);
	}
	assert_int_equal(dns_view_parse(v, m, n, size > n ? size : n), 0);
}

#endif
