/* Watches: windows that conserve their sums, an open hash that keeps its members, bounded lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "detector/watch.h"
#include "tests/unit/detector_kit.h"

enum { TICKS = 4000, SEED = 99 };

static struct pair
random_pair(uint64_t *r, uint8_t service)
{
	struct pair p = {.service = service, .sampling = 1};

	p.queries = kit_below(r, 50);
	p.any_queries = kit_below(r, 20);
	p.answers = kit_below(r, 4) == 0 ? 0 : kit_below(r, 100);
	p.answer_packets = p.answers + kit_below(r, 9);
	p.large = kit_below(r, 3) == 0 ? 0 : kit_below(r, 80);
	p.matched = kit_below(r, p.large + 1);
	p.repeat = kit_below(r, p.large + 1);
	p.later_packets = kit_below(r, 200);
	p.large_size = p.large * (1000 + kit_below(r, 3000));
	p.large_query_bytes = p.matched * 65;
	p.query_bytes = kit_below(r, 100000);
	p.answer_bytes = kit_below(r, 1000000);
	p.large_bytes = (uint64_t)p.large * 1500;
	p.later_bytes = (uint64_t)p.later_packets * 1400;
	return p;
}

/* Adds up cells of ticks (now - span, now] the slow way. */
static struct cell
naive(const struct cell *history, uint32_t from, uint32_t to)
{
	struct cell sum = {0};

	for (uint32_t t = from; t <= to; t++)
		cell_add(&sum, &history[t]);
	return sum;
}

/* The long window moves in steps of ten ticks: it begins with the slot 29 before the current one. */
static uint32_t
long_from(uint32_t tick)
{
	uint32_t slot = tick / 10;

	return slot >= W10 - 1 ? (slot - (W10 - 1)) * 10 : 0;
}

static void
check_windows(uint64_t seed, uint8_t service)
{
	struct cell *history = calloc(TICKS + 1, sizeof(*history));
	struct watch w = {.service = service, .sampling = 1};
	struct addr peer = kit_addr(1);
	uint32_t quiet = 0;

	assert_non_null(history);
	for (uint32_t t = 1; t <= TICKS; t++) {
		if (quiet == 0 && kit_below(&seed, 200) == 0)
			quiet = kit_below(&seed, 500); /* idle ticks, also longer than the long window */
		for (uint32_t n = quiet > 0 ? 0 : kit_below(&seed, 3); n > 0; n--) {
			struct pair p = random_pair(&seed, service);

			watch_take(&w, &p, &peer, 1, NULL, t, 0);
		}
		quiet -= quiet > 0;
		history[t] = w.now;
		history[t].ticks = service == SERVICE_DNS ? w.now.large > 0 : w.now.answers > 0;
		watch_close_tick(&w, t);

		struct cell s = naive(history, t >= W1 ? t - W1 + 1 : 0, t), l = naive(history, long_from(t), t), zero = {0};

		assert_memory_equal(&w.sum[WINDOW_SHORT], &s, sizeof(s));
		assert_memory_equal(&w.sum[WINDOW_LONG], &l, sizeof(l));
		assert_memory_equal(&w.now, &zero, sizeof(zero));
	}
	struct cell all = naive(history, 0, TICKS);
	uint64_t minutes = 0;
	uint64_t wanted = 0;

	assert_memory_equal(&w.total, &all, sizeof(all));
	for (int i = 0; i < W60; i++)
		minutes += w.w60[i];
	for (uint32_t t = (TICKS / 60 - (W60 - 1)) * 60; t <= TICKS; t++)
		wanted += service == SERVICE_DNS ? history[t].large : history[t].answers;
	assert_int_equal(minutes, wanted);
	free(history);
}

static void
test_windows_conserve(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		check_windows(seed, SERVICE_DNS);
		check_windows(seed, SERVICE_FIRST_UDP);
	}
}

static void
test_take(void **state)
{
	struct watch w = {.service = SERVICE_DNS, .sampling = 1};
	struct pair p = {.service = SERVICE_DNS, .large = 2, .large_bytes = 3000, .later_bytes = 5000, .later_packets = 4,
		.first_ns = 77, .sampling = 10};
	struct addr peer = kit_addr(5);

	(void)state;
	watch_take(&w, &p, &peer, 12345, NULL, 3, 0);
	assert_int_equal(w.first_ns, 77);
	assert_int_equal(w.sampling, 10);
	assert_int_equal(w.touched, 3);
	assert_int_equal(w.now.large_bytes, 8000); /* fragments belong to the large answers of their tick */
	p.first_ns = 99;
	p.large = 0;
	p.large_bytes = 0;
	p.sampling = 1;
	watch_take(&w, &p, &peer, 12345, NULL, 4, 0);
	assert_int_equal(w.first_ns, 77);
	assert_int_equal(w.sampling, 10);
	assert_int_equal(w.now.large_bytes, 8000); /* and to nothing in a tick without any */
	assert_int_equal(w.now.later_bytes, 10000);
	assert_int_equal(w.now.peers, 1); /* with a large answer */
	assert_int_equal(w.last_tick, 0);
	watch_close_tick(&w, 4);
	assert_int_equal(w.last_tick, 4);
	watch_close_tick(&w, 5);
	assert_int_equal(w.last_tick, 4);
}

static void
test_peers(void **state)
{
	struct watch w = {.service = SERVICE_DNS, .sampling = 1, .peers_tick = 1};
	struct pair p = {.service = SERVICE_DNS, .sampling = 1, .answer_bytes = 10};
	uint64_t seed = 5, exact[64] = {0}, total = 0, kept = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) { /* one in two is of peer 3, one in four of peer 9 */
		uint32_t k = kit_below(&seed, 2) != 0 ? 3 : kit_below(&seed, 2) != 0 ? 9 : kit_below(&seed, 64);
		struct addr a = kit_addr(k);
		uint64_t s = k;

		p.large = 1 + kit_below(&seed, 4);
		exact[k] += p.large;
		total += p.large;
		watch_take(&w, &p, &a, kit_random(&s), NULL, 1, 0);
	}
	for (uint32_t k = 0; k < 64; k++) {
		struct addr a = kit_addr(k);
		int found = 0;

		for (int i = 0; i < WATCH_PEERS; i++)
			if (addr_equal(&w.peer[i].addr, &a)) {
				found++;
				assert_true(w.peer[i].answers >= exact[k]);
				assert_true(w.peer[i].answers <= exact[k] + total / WATCH_PEERS);
			}
		assert_true(found <= 1);
		if (exact[k] > total / WATCH_PEERS)
			assert_int_equal(found, 1);
	}
	for (int i = 0; i < WATCH_PEERS; i++)
		kept += w.peer[i].answers;
	assert_int_equal(kept, total); /* Space-Saving keeps the total */
	assert_in_range((uintmax_t)watch_peer_count(&w), 50, 80);
	/* two generations of a minute: forgotten after two of them */
	watch_close_tick(&w, 61);
	assert_in_range((uintmax_t)watch_peer_count(&w), 50, 80);
	watch_close_tick(&w, 121);
	assert_true(watch_peer_count(&w) < 0.5);
}

static void
test_crowd(void **state)
{
	struct watch w = {.service = SERVICE_DNS, .sampling = 1};
	struct pair p = {.service = SERVICE_DNS, .sampling = 1, .large = 800};

	(void)state;
	watch_take(&w, &p, NULL, 42, NULL, 1, 0);
	assert_in_range((uintmax_t)watch_peer_count(&w), 70, 130);
	for (int i = 0; i < WATCH_PEERS; i++)
		assert_int_equal(w.peer[i].answers, 0);
}

static void
test_names(void **state)
{
	struct watch w = {.service = SERVICE_DNS, .sampling = 1};
	struct pair p = {.service = SERVICE_DNS, .sampling = 1};
	struct addr a = kit_addr(1);
	uint64_t seed = 8, total = 0;
	int best = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t k = kit_below(&seed, 10) < 6 ? 1 : (uint8_t)kit_below(&seed, 20);
		struct name_slot n[2] = {{.hash = k + 1u, .qtype = DNS_ANY, .len = 3, .wire = {1, (uint8_t)('a' + k), 0}},
			{.hash = 99, .qtype = DNS_ANY, .len = 3, .wire = {1, 'z', 0}}};
		struct pair_name row[2] = {{.large = 1 + kit_below(&seed, 3), .next = 2}, {.large = 3, .name = 1}};
		struct shard s = {.name = n, .pair_name = row};

		p.large = row[0].large + row[1].large;
		p.names = 1;
		total += p.large;
		watch_take(&w, &p, &a, 1, &s, 1, 0);
	}
	for (int i = 1; i < WATCH_NAMES; i++)
		if (w.name[i].count > w.name[best].count)
			best = i;
	assert_int_equal(w.name[best].wire[1], 'z'); /* two names in every tick: each counts its own */
	assert_in_range(w.name[best].count, 3000, 3000 + total / 8);
	assert_int_equal(w.name[0].count + w.name[1].count + w.name[2].count, total);
	/* the same name asked for with another type is another question */
	struct watch two = {.service = SERVICE_DNS, .sampling = 1};
	struct name_slot n = {.hash = 9, .qtype = DNS_ANY, .len = 3, .wire = {1, 'x', 0}};
	struct pair_name row = {.large = 5};
	struct shard s = {.name = &n, .pair_name = &row};

	watch_take(&two, &p, &a, 1, &s, 1, 0);
	n.qtype = DNS_TXT;
	watch_take(&two, &p, &a, 1, &s, 1, 0);
	assert_int_equal(two.name[0].count, 5);
	assert_int_equal(two.name[1].count, 5);
}

/* --- the pool ------------------------------------------------------------------------------------ */

static void
check_members(const struct watches *w, const bool *in, uint32_t people)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < people; i++) {
		struct addr a = kit_addr(i / 4);
		struct watch *x = watches_find(w, SEED, &a, i & 1 ? SIDE_SERVER : SIDE_CLIENT, i & 2 ? SERVICE_DNS : 9);

		assert_int_equal(x != NULL, in[i]);
		if (x == NULL)
			continue;
		n++;
		assert_true(addr_equal(&x->addr, &a));
		assert_int_equal(x->side, i & 1 ? SIDE_SERVER : SIDE_CLIENT);
		assert_ptr_equal(&w->pool[w->order[x->at]], x);
	}
	assert_int_equal(w->used, n);
}

static void
test_open_hash(void **state)
{
	enum { PEOPLE = 400, CAP = 300 };
	bool in[PEOPLE] = {false};
	struct watches w;
	uint64_t seed = 21;
	uint32_t used = 0;

	(void)state;
	assert_int_equal(watches_init(&w, CAP), 0);
	for (int step = 0; step < 20000; step++) {
		uint32_t i = kit_below(&seed, PEOPLE);
		struct addr a = kit_addr(i / 4);
		enum watch_side side = i & 1 ? SIDE_SERVER : SIDE_CLIENT;
		uint8_t service = i & 2 ? SERVICE_DNS : 9;

		if (kit_below(&seed, 100) < 55 && (in[i] || used < CAP)) {
			struct watch *x = watches_get(&w, SEED, &a, side, service, 1);

			assert_non_null(x);
			assert_ptr_equal(x, watches_get(&w, SEED, &a, side, service, 1));
			used += !in[i];
			in[i] = true;
		} else if (in[i]) {
			watches_free(&w, watches_find(&w, SEED, &a, side, service));
			in[i] = false;
			used--;
		}
		if (step % 50 == 0)
			check_members(&w, in, PEOPLE);
	}
	assert_int_equal(w.evicted, 0);
	watches_done(&w);
}

static void
test_eviction(void **state)
{
	enum { CAP = 100 };
	struct watches w;
	struct watch *x;
	struct addr a;

	(void)state;
	assert_int_equal(watches_init(&w, CAP), 0);
	for (uint32_t i = 0; i < CAP; i++) {
		a = kit_addr(i);
		x = watches_get(&w, SEED, &a, SIDE_CLIENT, SERVICE_DNS, 1);
		x->last_tick = x->touched = 100 + i;
		x->life.alert = i < 50 ? i + 1 : 0;
	}
	for (uint32_t i = 0; i < 30; i++) {
		a = kit_addr(1000 + i);
		x = watches_get(&w, SEED, &a, SIDE_CLIENT, SERVICE_DNS, 500);
		assert_non_null(x);
		x->touched = x->last_tick = 500;
		assert_int_equal(w.used, CAP);
	}
	assert_int_equal(w.evicted, 30);
	for (uint32_t i = 0; i < 50; i++) { /* open alerts never make room */
		a = kit_addr(i);
		assert_non_null(watches_find(&w, SEED, &a, SIDE_CLIENT, SERVICE_DNS));
	}
	for (uint32_t i = 0; i < 30; i++) { /* nor do those of this very tick */
		a = kit_addr(1000 + i);
		assert_non_null(watches_find(&w, SEED, &a, SIDE_CLIENT, SERVICE_DNS));
	}
	for (uint32_t i = 0; i < CAP; i++)
		w.pool[w.order[i]].life.alert = 1;
	a = kit_addr(5000);
	assert_null(watches_get(&w, SEED, &a, SIDE_CLIENT, SERVICE_DNS, 501));
	assert_int_equal(w.used, CAP);
	watches_done(&w);
}

/* Numbers instead of matches: one answer of three packets that nobody asked for stays one that nobody asked for, and
 * fragments without their first one do not hide that all who show a name ask the same. */
static void
test_counted(void **state)
{
	struct watch w = {.service = SERVICE_DNS, .sampling = 1, .counted = true, .records = true};

	(void)state;
	for (uint32_t packets = 1; packets <= 12; packets++) {
		w.sum[WINDOW_SHORT] = (struct cell){.answers = packets, .answer_packets = packets, .large = packets, .large_bytes = packets * 1400};
		assert_int_equal(watch_cell(&w, SUM_SHORT).large, packets);
		assert_int_equal(watch_cell(&w, SUM_SHORT).matched, 0);
	}
	/* two queries explain twelve packets: they were two answers */
	w.sum[WINDOW_SHORT].queries = 2;
	assert_int_equal(watch_cell(&w, SUM_SHORT).large, 2);
	assert_int_equal(watch_cell(&w, SUM_SHORT).matched, 2);
	w.total.large = 90;
	w.name[0].count = 30;
	assert_true(watch_top_name_share(&w) > 0.99);
	w.name[1].count = 30; /* 60 of 90 show theirs, half of them this one */
	assert_true(watch_top_name_share(&w) < 0.51);
	w.name[1].count = 0;
	w.name[0].count = 3; /* too few for fragments to explain the rest */
	assert_true(watch_top_name_share(&w) < 0.21);
	w.counted = false;
	w.name[0].count = 30;
	assert_true(watch_top_name_share(&w) < 0.34);
}

/* A server that has answered many for hours: who is loud now has his share of what was answered lately. */
static void
test_fading(void **state)
{
	struct watch w = {.side = SIDE_SERVER, .service = SERVICE_DNS, .sampling = 1};
	struct addr a;

	(void)state;
	for (uint32_t t = 1; t <= 7200; t++) {
		for (uint32_t i = 0; i < 10; i++) {
			a = kit_addr(0xcb007100 + (t * 10 + i) % 199);
			watch_take_peer(&w, &a, 1, 3000);
		}
		watch_close_tick(&w, t);
	}
	assert_true(watch_top_peer_share(&w) < 0.1);
	a = kit_addr(0xc6336401);
	for (uint32_t t = 7201; t <= 7260; t++) {
		watch_take_peer(&w, &a, 10, 30000);
		watch_close_tick(&w, t);
	}
	assert_true(watch_top_peer_share(&w) > 0.2);
	w.life.alert = 1; /* what an alert tells of only grows */
	uint64_t before = w.peer[0].answers;
	for (uint32_t t = 7261; t <= 7400; t++)
		watch_close_tick(&w, t);
	assert_int_equal(w.peer[0].answers, before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_conserve),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_open_hash),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_fading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
