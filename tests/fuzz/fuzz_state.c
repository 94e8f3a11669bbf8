/* A state file with its checksum put right, so that the parts behind it are reached.  What loads must save again, load again to
 * the same bytes, and stand the passing of time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/timefmt.h"
#include "detector/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_alert(void *ctx, const struct alert *a)
{
	size_t *n = ctx;

	*n += strlen(a->message) + (a->vector != NULL ? strlen(a->vector) : 0);
}

static struct engine *
start(size_t *heard)
{
	static struct detect_settings settings;
	const struct engine_sink sink = {on_alert, heard};
	const struct engine_config c = {.seed = 1, .seed_kept = true, .memory_bytes = ENGINE_LEAST_MEMORY, .settings = &settings};
	char why[160];
	struct engine *e;

	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	if (e == NULL)
		abort();
	return e;
}

static void
look(struct engine *e)
{
	static struct offender offender[64];
	static struct drawn_name name[64];
	const struct incident *incident[64];

	engine_offenders(e, offender, 64);
	engine_names(e, name, 64);
	engine_incidents(e, incident, 64);
}

static void
again(struct engine *e)
{
	size_t heard = 0;
	struct engine *f = start(&heard);
	struct buf a, b;
	char why[160];

	buf_init(&a, STATE_MAX);
	buf_init(&b, STATE_MAX);
	engine_state_save(e, &a);
	if (a.full || engine_state_load(f, a.p, a.len, why, sizeof(why)) < 0)
		abort();
	engine_state_save(f, &b);
	if (b.len != a.len)
		abort();
	buf_done(&a);
	buf_done(&b);
	engine_free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 8);
	static size_t heard;
	static struct engine *e; /* one that refused something is as new */
	char why[160];
	uint64_t sum;

	if (e == NULL)
		e = start(&heard);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	if (size >= 16) {
		sum = XXH3_64bits(copy, size - 8);
		for (int i = 0; i < 8; i++)
			copy[size - 8 + (size_t)i] = (uint8_t)(sum >> (8 * (7 - i)));
	}
	if (engine_state_load(e, copy, size, why, sizeof(why)) == 0) {
		look(e);
		again(e);
		if (size % 2 == 0)
			engine_blind(e, engine_time(e) + 100 * NS_PER_S);
		engine_advance(e, engine_time(e) + 20 * NS_PER_S);
		look(e);
		engine_finish(e);
		engine_free(e);
		e = NULL;
	} else if (engine_time(e) != 0) {
		abort(); /* a refused state leaves nothing behind */
	}
	free(copy);
	return 0;
}
