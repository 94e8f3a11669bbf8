/* The CUSUM: exact steps, and how often chance alone comes to 7 (Brook & Evans 1972, and drawn). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "detector/cusum.h"
#include "detector_kit.h"

enum { LIMIT = 7 * CUSUM_SHARES, RING = 60 };

static struct cusum
regular(uint32_t minutes, uint32_t every, uint32_t count)
{
	uint32_t ring[RING] = {0};

	for (uint32_t m = 0; m < minutes; m += every)
		ring[m] = count;
	return cusum_of(ring, RING, minutes - 1, 1);
}

static void
test_steps(void **state)
{
	(void)state;
	assert_int_equal(cusum_step(0, 0), 0);
	assert_int_equal(cusum_step(0, 1), 2);
	assert_int_equal(cusum_step(2, 0), 1);
	assert_int_equal(cusum_step(0, 1000), CUSUM_SHARES * CUSUM_CAP - 1);
}

/* When what comes regularly is found. */
static void
test_delay(void **state)
{
	(void)state;
	assert_true(regular(1, 1, 60).sum >= 7);  /* one a second: in a minute */
	assert_true(regular(3, 1, 3).sum >= 7 && regular(2, 1, 3).sum < 7);
	assert_true(regular(11, 1, 1).sum >= 7 && regular(10, 1, 1).sum < 7);
	assert_int_equal(regular(11, 1, 1).active, 11);
	assert_true(regular(60, 2, 1).sum >= 7);  /* one in two minutes: within the hour */
	assert_true(regular(60, 3, 1).sum < 1);   /* one in three: never */
}

/* The newest minute need not be the last of the ring. */
static void
test_ring(void **state)
{
	uint32_t ring[RING] = {0};

	(void)state;
	ring[58] = ring[59] = ring[0] = ring[1] = 3;
	assert_true(fabs(cusum_of(ring, RING, 1, 1).sum - (12 - 4 / 3.0)) < 1e-9);
	assert_int_equal(cusum_of(ring, RING, 1, 1).active, 4);
	/* half an hour later it has paid back */
	assert_true(cusum_of(ring, RING, 40, 1).sum < 1e-9);
}

/* P(x counts in a minute) of a Poisson process, the last one taking the rest. */
static void
poisson(double rate, double p[CUSUM_CAP + 1])
{
	double left = 1;

	p[0] = exp(-rate);
	for (int x = 1; x <= CUSUM_CAP; x++)
		p[x] = p[x - 1] * rate / x;
	for (int x = 0; x < CUSUM_CAP; x++)
		left -= p[x];
	p[CUSUM_CAP] = left > 0 ? left : 0;
}

/* Mean minutes until S comes to 7 from 0: one linear equation for each value of S below (Gauss without pivoting: the
 * matrix is diagonally dominant). */
static double
mean_minutes(double rate)
{
	static double a[LIMIT][LIMIT + 1];
	double p[CUSUM_CAP + 1];

	poisson(rate, p);
	memset(a, 0, sizeof(a));
	for (uint32_t s = 0; s < LIMIT; s++) {
		a[s][s] += 1;
		a[s][LIMIT] = 1;
		for (uint32_t x = 0; x <= CUSUM_CAP; x++)
			if (cusum_step(s, x) < LIMIT)
				a[s][cusum_step(s, x)] -= p[x];
	}
	for (int i = LIMIT - 1; i > 0; i--) /* upwards, so that row 0 is left with itself */
		for (int r = 0; r < i; r++) {
			double f = a[r][i] / a[i][i];

			for (int k = 0; k <= LIMIT; k++)
				a[r][k] -= f * a[i][k];
		}
	return a[0][LIMIT] / a[0][0];
}

/* Of 100 000 hosts with an ordinary large answer every twenty minutes. */
static void
test_chance(void **state)
{
	double a_day = 1e5 * 1440 / mean_minutes(0.05);

	(void)state;
	print_message("false alarms a day per 100 000 hosts: %.4f at 0.05 a minute, %.3f at 0.1, %.1f at 0.2\n", a_day,
	    1e5 * 1440 / mean_minutes(0.1), 1e5 * 1440 / mean_minutes(0.2));
	assert_true(a_day < 0.02);
	assert_true(mean_minutes(1) < 12 && mean_minutes(3) < 4);
}

/* And the same drawn, at a rate where chance comes to 7 often enough to count. */
static void
test_drawn(void **state)
{
	enum { MINUTES = 4000000 };
	double p[CUSUM_CAP + 1], expected, rate = 0.25;
	uint64_t seed = 7, alarms = 0;
	uint32_t s = 0;

	(void)state;
	poisson(rate, p);
	for (uint32_t m = 0; m < MINUTES; m++) {
		double u = (double)(kit_random(&seed) >> 11) / 9007199254740992.0;
		uint32_t x = 0;

		while (x < CUSUM_CAP && u >= p[x])
			u -= p[x++];
		s = cusum_step(s, x);
		if (s >= LIMIT) {
			alarms++;
			s = 0;
		}
	}
	expected = MINUTES / mean_minutes(rate);
	print_message("drawn: %llu alarms, expected %.0f\n", (unsigned long long)alarms, expected);
	assert_true(expected > 100);
	assert_true(fabs((double)alarms - expected) < 5 * sqrt(expected));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps), cmocka_unit_test(test_delay), cmocka_unit_test(test_ring),
		cmocka_unit_test(test_chance), cmocka_unit_test(test_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
