/* Flow records through the engine: whatever an exporter makes of the same traffic, the same hosts are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/records_kit.h"

static void
check_infected(const struct exporter_kind *k, const struct flow *f, size_t n, const struct prefix *net, double answers,
    int delay_s, const char *what)
{
	struct heard h;

	run(f, n, net, &h);
	for (int i = 0; i < INFECTED; i++) {
		const struct named *a = find(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST(i));

		if (a == NULL)
			fail_msg("%s, %s: host %d is not named (%zu alerts)", k->name, what, i, h.n);
		if (a->t_ns - T0 > (delay_s + (k->flush_s > 0 ? k->flush_s : k->active_s) + 10) * NS_PER_S)
			fail_msg("%s, %s: named after %.1f s", k->name, what, (double)(a->t_ns - T0) / 1e9);
		if (a->responses < 0.99 * answers || a->responses > 1.01 * answers || a->baf < 63 || a->baf > 65)
			fail_msg("%s, %s: %.0f answers instead of %.0f, %.2fx", k->name, what, a->responses, answers, a->baf);
	}
	if (h.n != INFECTED)
		fail_msg("%s, %s: %zu alerts instead of %d", k->name, what, h.n, INFECTED);
}

/* The same five customers through every exporter, with one port or many, fast and at one question a second, with
 * and without configuration, beside people and a recursor. */
static void
test_same_verdict(void **state)
{
	static const struct { double rate; uint16_t port; int seconds, delay; } cases[] = {
		{10, 14068, 120, 5}, {10, 0, 120, 5}, {1, 14068, 400, 60}, {1, 0, 400, 60},
	};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct traffic x;
		char what[64];

		traffic_init(&x);
		for (int i = 0; i < INFECTED; i++)
			infected(&x, HOST(i), cases[c].seconds, cases[c].rate, cases[c].port, 4157);
		for (uint32_t i = 0; i < 40; i++)
			ordinary(&x, 0x0a410000 + i, cases[c].seconds, 0.5, 4, 1);
		ordinary(&x, 0x0a420001, cases[c].seconds, 20, 33, 500);
		snprintf(what, sizeof(what), "%g a second from %s", cases[c].rate, cases[c].port != 0 ? "one port" : "many ports");
		for (size_t k = 0; k < KINDS; k++) {
			size_t n = export(&x, &kinds[k], f);

			check_infected(&kinds[k], f, n, &net, cases[c].rate * cases[c].seconds, cases[c].delay, what);
			check_infected(&kinds[k], f, n, NULL, cases[c].rate * cases[c].seconds, cases[c].delay, what);
		}
		free(x.packet);
	}
	free(f);
}

static void
test_victim(void **state)
{
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct traffic x;
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	traffic_init(&x);
	reflection(&x, 0x0a400099, 120, 24);
	for (uint32_t i = 0; i < 40; i++)
		ordinary(&x, 0x0a410000 + i, 120, 0.5, 4, 1);
	for (size_t k = 0; k < KINDS; k++) {
		struct heard h;
		size_t n = export(&x, &kinds[k], f);

		run(f, n, &net, &h);
		if (find(&h, KIND_DNS_AMPLIFICATION_VICTIM, 0x0a400099) == NULL)
			fail_msg("%s: the victim is not named", kinds[k].name);
		if (h.n != 1)
			fail_msg("%s: %zu alerts instead of one", kinds[k].name, h.n);
	}
	free(x.packet);
	free(f);
}

/* People, a CGNAT pool, recursors with DNSSEC, one of which is seen one way only: through every exporter, sampled or not. */
static void
test_silent(void **state)
{
	static const unsigned int sampling[] = {1, 10, 100, 1000};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct traffic x;
	struct prefix net;
	size_t from;

	(void)state;
	assert_non_null(f);
	network(&net);
	traffic_init(&x);
	for (uint32_t i = 0; i < 50; i++)
		ordinary(&x, 0x0a410000 + i, 400, 0.5, 4, 1);
	ordinary(&x, 0x0a420001, 400, 60, 5, 1);
	ordinary(&x, 0x0a420002, 400, 40, 34, 800);
	from = x.n;
	ordinary(&x, 0x0a420003, 400, 40, 34, 800);
	for (size_t i = from; i < x.n; i++) /* its queries leave by another way */
		while (i < x.n && x.packet[i].dport == 53)
			x.packet[i] = x.packet[--x.n];
	for (size_t k = 0; k < KINDS; k++)
		for (size_t s = 0; s < 4; s++) {
			struct exporter_kind kind = kinds[k];
			struct heard h;
			size_t n;

			kind.sampling = sampling[s];
			n = export(&x, &kind, f);
			run(f, n, &net, &h);
			if (h.n != 0)
				fail_msg("%s, 1 in %u: %zu false alerts", kind.name, kind.sampling, h.n);
			run(f, n, NULL, &h);
			if (h.n != 0)
				fail_msg("%s, 1 in %u, not configured: %zu false alerts", kind.name, kind.sampling, h.n);
		}
	free(x.packet);
	free(f);
}

/* What is fast enough for its sampling is named all the same. */
static void
test_sampled(void **state)
{
	static const struct { unsigned int sampling; double rate; } cases[] = {{10, 5}, {100, 60}};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	for (size_t c = 0; c < 2; c++)
		for (size_t k = 0; k < KINDS; k++) {
			struct exporter_kind kind = kinds[k];
			struct traffic x;
			struct heard h;
			size_t n;

			kind.sampling = cases[c].sampling;
			traffic_init(&x);
			for (int i = 0; i < 2; i++)
				infected(&x, HOST(i), 300, cases[c].rate, 0, 4157);
			n = export(&x, &kind, f);
			run(f, n, &net, &h);
			for (int i = 0; i < 2; i++)
				if (find(&h, KIND_DNS_AMPLIFICATION_ABUSER, HOST(i)) == NULL)
					fail_msg("%s, 1 in %u: host %d is not named", kind.name, kind.sampling, i);
			if (h.n != 2)
				fail_msg("%s, 1 in %u: %zu alerts", kind.name, kind.sampling, h.n);
			free(x.packet);
		}
	free(f);
}

/* What the statistics call the slowest visible abuse, 20 large answers in five minutes as they were sampled: half as much
 * again is named, and what is slower is nobody else but them: unsampled, the hour finds it. */
static void
test_slowest(void **state)
{
	static const unsigned int sampling[] = {1, 10, 100};
	struct flow *f = calloc(PACKETS, sizeof(*f));
	struct prefix net;

	(void)state;
	assert_non_null(f);
	network(&net);
	for (size_t k = 0; k < KINDS; k++)
		for (int c = 0; c < 6; c++) {
			struct exporter_kind kind = kinds[k];
			bool fast = c % 2 == 0;
			struct traffic x;
			struct heard h;
			size_t n;

			kind.sampling = sampling[c / 2];
			traffic_init(&x);
			for (int i = 0; i < INFECTED; i++)
				infected(&x, HOST(i), 600, (fast ? 1.5 : 0.5) * kind.sampling * 20 / 300, 0, 4157);
			n = export(&x, &kind, f);
			run(f, n, &net, &h);
			if (fast || kind.sampling == 1 ? h.n != INFECTED : h.n > INFECTED)
				fail_msg("%s, 1 in %u: %zu alerts %s the limit", kind.name, kind.sampling, h.n, fast ? "above" : "below");
			free(x.packet);
		}
	free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_verdict),
		cmocka_unit_test(test_victim),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_sampled),
		cmocka_unit_test(test_slowest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
