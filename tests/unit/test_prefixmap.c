#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/prefixmap.h"

static uint64_t
next_random(uint64_t *s) /* xorshift64*: the same numbers on every run */
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * UINT64_C(2685821657736338717);
}

/* Few distinct bytes, so that prefixes nest, touch and repeat. */
static struct addr
random_addr(uint64_t *s)
{
	static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
	uint8_t b[16];

	for (int i = 0; i < 16; i++)
		b[i] = bytes[next_random(s) % sizeof(bytes)];
	return next_random(s) % 2 == 0 ? addr_v4(b) : addr_v6(b);
}

static uint32_t
naive(const struct prefix *p, const uint32_t *value, int n, const struct addr *a)
{
	uint32_t found = 0;
	int best = -1;

	for (int i = 0; i < n; i++) {
		if (!prefix_contains(&p[i], a) || p[i].bits <= best)
			continue;
		if (addr_is_v4(a) != (p[i].bits >= 96 && addr_is_v4(&p[i].addr)))
			continue;
		best = p[i].bits;
		found = value[i];
	}
	return found;
}

static void
test_against_naive(void **state)
{
	enum { MOST = 60 };
	uint64_t s = 42;
	int hits = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct prefix p[MOST];
		uint32_t value[MOST];
		int n = (int)(next_random(&s) % MOST);
		struct prefixmap m;

		prefixmap_init(&m);
		for (int i = 0; i < n; i++) {
			struct addr a = random_addr(&s);
			unsigned int least = addr_is_v4(&a) ? 96 : 0;

			p[i] = prefix_of(&a, least + (unsigned int)(next_random(&s) % (129 - least)));
			value[i] = 1 + (uint32_t)(next_random(&s) % 5);
			assert_int_equal(prefixmap_add(&m, &p[i], value[i]), 0);
		}
		assert_int_equal(prefixmap_build(&m), 0);
		for (int i = 0; i < 500; i++) {
			struct addr a = random_addr(&s);

			if (i < n) /* edges: the first address, the last one, the neighbours */
				a = p[i].addr;
			else if (n > 0 && i % 3 == 0) {
				a = p[i % n].addr;
				for (unsigned int bit = p[i % n].bits; bit < 128; bit++)
					a.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			}
			assert_int_equal(prefixmap_find(&m, &a), naive(p, value, n, &a));
			hits += prefixmap_find(&m, &a) != 0;
		}
		prefixmap_done(&m);
	}
	assert_true(hits > 10000); /* the rounds did test something */
}

static void
add(struct prefixmap *m, const char *text, uint32_t value)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	assert_int_equal(prefixmap_add(m, &p, value), 0);
}

static uint32_t
find(const struct prefixmap *m, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return prefixmap_find(m, &a);
}

static void
test_examples(void **state)
{
	struct prefixmap m;
	struct prefix p;

	(void)state;
	prefixmap_init(&m);
	assert_int_equal(find(&m, "10.0.0.1"), 0);
	assert_int_equal(prefixmap_build(&m), 0);
	assert_int_equal(find(&m, "10.0.0.1"), 0);
	assert_int_equal(prefix_parse("10.0.0.0/8", &p), 0);
	assert_int_equal(prefixmap_add(&m, &p, 0), ERR_INVALID);
	add(&m, "::/0", 1);
	add(&m, "10.0.0.0/8", 2);
	add(&m, "10.64.0.25", 3);
	add(&m, "255.255.255.255", 4);
	add(&m, "2001:db8::/32", 5);
	add(&m, "10.0.0.0/8", 6); /* the first counts */
	assert_int_equal(prefixmap_build(&m), 0);
	assert_int_equal(find(&m, "9.255.255.255"), 0); /* ::/0 says nothing about IPv4 */
	assert_int_equal(find(&m, "10.0.0.0"), 2);
	assert_int_equal(find(&m, "10.64.0.24"), 2);
	assert_int_equal(find(&m, "10.64.0.25"), 3);
	assert_int_equal(find(&m, "10.64.0.26"), 2);
	assert_int_equal(find(&m, "11.0.0.0"), 0);
	assert_int_equal(find(&m, "255.255.255.255"), 4);
	assert_int_equal(find(&m, "2001:db8::1"), 5);
	assert_int_equal(find(&m, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);
	add(&m, "11.0.0.0/8", 7);
	assert_int_equal(prefixmap_build(&m), 0);
	assert_int_equal(find(&m, "11.0.0.0"), 7);
	prefixmap_done(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_naive), cmocka_unit_test(test_examples)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
