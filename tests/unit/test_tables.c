/* The tables of hosts and pairs: everybody is found once, the known stay, and neither batches nor threads show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "detector/budget.h"
#include "detector/cover.h"
#include "detector/state.h"
#include "detector/tables.h"
#include "tests/unit/detector_kit.h"

#define T0 (INT64_C(1775960000) * NS_PER_S)
enum { SEEDS = 6, SEED = 77 };

/* --- buckets ------------------------------------------------------------------------------------ */

static void
test_match(void **state)
{
	uint64_t r = 1;

	(void)state;
	for (int run = 0; run < 20000; run++) {
		uint16_t bucket[8], tag = (uint16_t)kit_below(&r, 4);
		uint64_t want = 0;

		for (unsigned int i = 0; i < 8; i++) {
			bucket[i] = (uint16_t)(kit_below(&r, 2) == 0 ? kit_below(&r, 4) : kit_random(&r));
			want |= (uint64_t)(bucket[i] == tag) << 8 * i;
		}
		assert_true(bucket_match(bucket, tag) == want);
	}
}

static unsigned int
among(const uint16_t *tag, const uint64_t *key, size_t at, uint64_t hash)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < 8; i++)
		k += (bucket_match(&tag[at], bucket_tag(hash)) >> 8 * i & 1) != 0 && key[at + i] == hash;
	return k;
}

/* Places of a key's tag that a look-up would read. */
static unsigned int
found(const uint16_t *tag, const uint64_t *key, uint32_t n, uint64_t hash)
{
	size_t first = bucket_first(hash, n), second = bucket_second(hash, n);
	unsigned int k = among(tag, key, first, hash);

	if (!bucket_crowded(&tag[first]))
		return k;
	k += among(tag, key, first + 8, hash);
	return second == first ? k : k + among(tag, key, second, hash) + among(tag, key, second + 8, hash);
}

/* Tables of any size take 85 % before anybody finds no room, and everybody is found. */
static void
test_buckets(void **state)
{
	static const uint32_t buckets[] = {1, 3, 97, 4181, 4096};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		for (size_t b = 0; b < sizeof(buckets) / sizeof(buckets[0]); b++) {
			uint32_t n = buckets[b], keys = n * WAYS / 100 * 85;
			uint16_t *tag = calloc((size_t)n * WAYS, sizeof(*tag));
			uint64_t *key = calloc((size_t)n * WAYS, sizeof(*key)), r = seed;

			assert_non_null(tag);
			assert_non_null(key);
			for (uint32_t i = 0; i < keys; i++) {
				uint64_t hash = kit_random(&r);
				size_t at = SIZE_MAX;

				assert_int_equal(found(tag, key, n, hash), 0);
				assert_true(bucket_room(tag, n, hash, &at));
				assert_int_equal(tag[at], 0);
				tag[at] = bucket_tag(hash);
				key[at] = hash;
			}
			r = seed;
			for (uint32_t i = 0; i < keys; i++)
				assert_int_equal(found(tag, key, n, kit_random(&r)), 1);
			free(tag);
			free(key);
		}
}

/* --- hosts and pairs ------------------------------------------------------------------------------ */

static struct shard_env
env_at(uint32_t tick)
{
	struct shard_env env = {.seed = SEED, .tick = tick, .begin_ns = T0 + tick * NS_PER_S, .large_answer = 1000};

	service_map_init(&env.services);
	return env;
}

static void
come(struct shard *s, const struct shard_env *env, uint32_t host, uint64_t bytes)
{
	const struct addr a = kit_addr(host);
	const struct flow f = {.src = a, .packets = 1, .bytes = bytes, .sampling = 1};

	host_count(s, env, addr_hash(env->seed, &a), &a, &f, false, PLACE_NONE);
}

static bool
here(const struct shard *s, uint32_t host)
{
	const struct addr a = kit_addr(host);

	return host_peek(s, addr_hash(SEED, &a), &a) != NULL;
}

enum { HOSTS = 61 * WAYS * 16, FEW = HOSTS / 100 * 94 };

/* One part in 16 less than full, and nobody was pushed out, moved twice or forgotten. */
static void
test_hosts_stay(void **state)
{
	struct shard_env env = env_at(7201);

	(void)state;
	for (uint32_t seed = 0; seed < SEEDS; seed++) {
		struct shard s;

		assert_int_equal(shard_init(&s, HOSTS, 4 * WAYS, 0), 0);
		for (uint32_t i = 0; i < FEW; i++) {
			come(&s, &env, seed << 24 | i, 100);
			come(&s, &env, seed << 24 | kit_below(&(uint64_t){i}, i + 1), 100);
		}
		for (uint32_t i = 0; i < FEW; i++)
			assert_true(here(&s, seed << 24 | i));
		assert_int_equal(s.count.hosts, FEW);
		assert_int_equal(s.count.evicted_hosts, 0);
		assert_int_equal(s.count.unadmitted_packets, 0);
		shard_done(&s);
	}
}

/* Whoever was seen in a second tick outlives thirty times as many that come once each, in whatever network, and
 * gives way to one that is heavy. */
static void
test_known_hosts(void **state)
{
	static struct place ours = {0, HOST_OURS, 0};
	struct prefixmap map;
	struct prefix all = {.bits = 0};
	struct shard s;
	uint32_t heavy = 0;

	(void)state;
	prefixmap_init(&map);
	assert_int_equal(prefixmap_add(&map, &all, 1), 0);
	assert_int_equal(prefixmap_build(&map), 0);
	for (int inside = 0; inside < 2; inside++) {
		assert_int_equal(shard_init(&s, HOSTS, 4 * WAYS, 0), 0);
		for (uint32_t tick = 7201; tick < 7203; tick++) {
			struct shard_env env = env_at(tick);

			for (uint32_t i = 0; i < FEW; i++)
				come(&s, &env, i, 100);
			shard_tick_done(&s, &env);
		}
		for (uint32_t i = 0; i < 30 * HOSTS; i++) {
			struct shard_env env = env_at(7203 + i / 5000);

			env.places_map = inside ? &map : NULL;
			env.places = &ours;
			come(&s, &env, 0x40000000 + i, i % 2 == 0 ? 70 : 4500);
			if (i % 5000 == 4999)
				shard_tick_done(&s, &env);
		}
		for (uint32_t i = 0; i < FEW; i++)
			assert_true(here(&s, i));
		assert_true(s.count.evicted_hosts > 0);
		for (uint32_t i = 0; i < 50; i++) {
			struct shard_env env = env_at(7400);

			for (int k = 0; k < 70; k++)
				come(&s, &env, 0xc0000000 + i, 1400);
			heavy += here(&s, 0xc0000000 + i);
		}
		assert_int_equal(heavy, 50 * (inside + 1));
		shard_done(&s);
	}
	prefixmap_done(&map);
}

/* --- the budget ------------------------------------------------------------------------------------- */

/* What is promised holds all that is allocated.  (A sanitizer's allocator tells nothing: then only the sums are tested.) */
static void
test_budget(void **state)
{
	static const size_t memory[] = {ENGINE_LEAST_MEMORY, 128000000, 196000000, 256000000, 300000000, 512000000, 2000000000};
	static struct detect_settings settings;
	static const struct prefix prefix = {.bits = 104};
	struct engine_link link[40];

	(void)state;
	detect_settings_defaults(&settings);
	for (size_t l = 0; l < 40; l++)
		link[l] = (struct engine_link){.name = "link", .prefix = &prefix, .prefixes_n = 1};
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
		for (size_t links = 0; links <= 40; links += 40) {
			const struct budget b = budget_split(memory[i], links);
			const struct engine_config c = {.seed = 1, .memory_bytes = memory[i], .settings = &settings, .link = link, .links_n = links};
			const struct engine_sink sink = {NULL, NULL};
			struct mallinfo2 before = mallinfo2(), after;
			struct engine *e;
			struct engine_stats s;
			char why[200];
			size_t taken;

			assert_int_equal(b.hosts % WAYS, 0);
			assert_int_equal(b.pairs % WAYS, 0);
			/* forty links have 60 MB of curves */
			if (memory[i] >= (links == 0 ? 196000000u : 300000000u))
				assert_true(b.table_bytes + BUDGET_PROGRAM <= memory[i]);
			e = engine_new(&c, &sink, why, sizeof(why));
			assert_non_null(e);
			after = mallinfo2();
			taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
			/* the curves of records are made when the first one comes; allocators round */
			assert_true(taken <= b.table_bytes + (1 << 20));
			if (taken > 0)
				assert_true(taken + (links + 1) * COVER_RAM + (2 << 20) >= b.table_bytes);
			engine_stats(e, &s);
			assert_int_equal(s.table_bytes, b.table_bytes);
			assert_int_equal(s.hosts_most, (uint64_t)b.hosts * SHARDS);
			engine_free(e);
		}
}

/* --- batches and threads ------------------------------------------------------------------------------ */

enum { FLOWS = 60000, SECONDS = 30 };

/* Amplifiers that answer who asked and who did not, floods of strangers, fragments, records: whatever there is. */
static void
make_flows(struct flow *f, uint64_t seed)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint32_t kind = kit_below(&seed, 10), near = 0x0a400000 + kit_below(&seed, 300), far = 0xc6330000 + kit_below(&seed, 60);
		int64_t t = T0 + (int64_t)i * SECONDS * NS_PER_S / FLOWS;

		if (kind == 9)
			far = (uint32_t)kit_random(&seed);
		f[i] = (struct flow){.start_ns = t, .end_ns = t, .seen_ns = t, .src = kit_addr(kind < 3 ? near : far), .dst = kit_addr(kind < 3 ? far : near),
			.packets = 1, .bytes = kind < 3 ? 70 : 400 + kit_below(&seed, 1000), .sampling = 1, .proto = FLOW_UDP,
			.sport = kind < 3 ? 5000 : kind < 8 ? 53 : 123, .dport = kind < 3 ? 53 : 5000, .ttl = 60};
		if (kind == 7) {
			f[i].flags = i % 2 != 0 ? FLOW_FRAG_LATER : FLOW_FRAG_FIRST;
			f[i].frag_id = i / 8;
		}
		if (kind == 6) {
			f[i].flags = FLOW_RECORD;
			f[i].start_ns -= kit_below(&seed, 60) * NS_PER_S;
			f[i].packets = 1 + kit_below(&seed, 30);
			f[i].bytes *= f[i].packets;
		}
	}
}

/* FNV-1a of the lines' texts and times. */
static void
hear(void *ctx, const struct alert *a)
{
	uint64_t *h = ctx;

	for (const char *p = a->message; *p != 0; p++)
		*h = (*h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	*h = (*h ^ a->id ^ (uint64_t)a->t_ns ^ (uint64_t)a->action) * UINT64_C(0x100000001b3);
}

static void
work_batch(struct engine *e, const struct flow *f, const struct flow_key *k, size_t n, unsigned int groups, struct shard_items *items)
{
	if (groups > 0)
		shards_split(f, k, n, groups, items);
	for (size_t i = 0; i < n;) {
		struct engine_run run = engine_begin(e, f + i, n - i);

		i += run.skip;
		if (groups == 0)
			engine_ingest(e, f + i, k + i, run.n);
		/* groups belong to different shards: the last may well be done first */
		for (unsigned int g = groups; g-- > 0;)
			engine_work(e, f, k, i, i + run.n, &items[g]);
		i += run.n;
	}
}

/* Everything the engine knows after the flows, as bytes, and what it said. */
static struct buf
after(const struct flow *f, size_t batch, unsigned int groups, uint64_t *said, size_t memory)
{
	static struct detect_settings settings;
	const struct engine_sink sink = {hear, said};
	const struct prefix net = {kit_addr(0x0a000000), 104};
	const struct engine_config c = {.seed = SEED, .seed_kept = true, .memory_bytes = memory, .settings = &settings, .network = &net,
		.networks_n = 1};
	struct flow_key *key = calloc(batch, sizeof(*key));
	struct shard_items items[SHARDS] = {{NULL, 0, 0}};
	struct engine *e;
	struct buf b;
	char why[200];

	*said = 0;
	detect_settings_defaults(&settings);
	e = engine_new(&c, &sink, why, sizeof(why));
	assert_non_null(e);
	assert_non_null(key);
	for (unsigned int g = 0; g < groups; g++) {
		items[g].item = calloc(batch * 4, sizeof(*items[g].item));
		assert_non_null(items[g].item);
	}
	for (size_t i = 0; i < FLOWS; i += batch) {
		size_t n = FLOWS - i < batch ? FLOWS - i : batch;

		engine_keys(e, f + i, n, key);
		work_batch(e, f + i, key, n, groups, items);
	}
	buf_init(&b, STATE_MAX);
	engine_state_save(e, &b);
	assert_false(b.full);
	engine_free(e);
	free(key);
	for (unsigned int g = 0; g < groups; g++)
		free(items[g].item);
	return b;
}

static void
test_batches(void **state)
{
	static const size_t batch[] = {7, 64, 1000, 16000};
	struct flow *f = calloc(FLOWS, sizeof(*f));

	(void)state;
	assert_non_null(f);
	for (uint64_t seed = 1; seed <= 2; seed++) {
		uint64_t said, said_first;
		struct buf first;

		make_flows(f, seed);
		first = after(f, 1, 0, &said_first, ENGINE_LEAST_MEMORY);
		assert_true(said_first != 0);
		for (size_t b = 0; b < sizeof(batch) / sizeof(batch[0]); b++)
			for (unsigned int groups = 0; groups <= 16; groups += 4 + groups) {
				struct buf x = after(f, batch[b], groups, &said, ENGINE_LEAST_MEMORY);

				assert_true(said == said_first);
				assert_int_equal(x.len, first.len);
				assert_memory_equal(x.p, first.p, x.len);
				buf_done(&x);
			}
		buf_done(&first);
	}
	free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_hosts_stay),
		cmocka_unit_test(test_known_hosts),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
