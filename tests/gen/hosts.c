/* Addresses; see hosts.h. */
#include "tests/gen/hosts.h"

enum { SERVERS = 64 };

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

static struct addr
add(const struct prefix *p, uint64_t n)
{
	struct addr a = p->addr;

	for (unsigned int i = 15; n > 0 && i >= 8; i--) {
		n += a.b[i];
		a.b[i] = (uint8_t)n;
		n >>= 8;
	}
	return a;
}

uint32_t
host_customers(const struct prefix *p)
{
	if (!addr_is_v4(&p->addr) || p->bits <= 104)
		return 1 << 24;
	if (p->bits > 120)
		return (uint32_t)1 << (128 - p->bits);
	return ((uint32_t)1 << (128 - p->bits)) - SERVERS - 2;
}

struct addr
host_customer(const struct prefix *p, uint32_t index)
{
	uint32_t n = host_customers(p), stride = 7919;

	if (!addr_is_v4(&p->addr)) {
		struct addr a = p->addr;
		uint64_t id = mix64(index) & ~(UINT64_C(1) << 57); /* not a universal MAC's */

		if (p->bits < 64)
			for (unsigned int i = 0; i < 4 && 7 - i >= (p->bits + 7u) / 8; i++)
				a.b[7 - i] |= (uint8_t)((index + 1) >> 8 * i);
		for (unsigned int i = 0; i < 8; i++)
			a.b[8 + i] = (uint8_t)(id >> (56 - 8 * i));
		return a;
	}
	while (gcd(stride, n) != 1)
		stride += 2;
	return add(p, ((uint64_t)(index % n) * stride + 17) % n + (p->bits > 120 ? 0 : SERVERS));
}

struct addr
host_server(const struct prefix *p, uint32_t number)
{
	return add(p, number);
}

struct addr
host_internet(uint64_t number, bool v6)
{
	uint8_t b[16] = {0x2a, 0x00};
	struct addr a;

	for (uint64_t h = mix64(number);; h = mix64(h)) {
		if (v6) {
			for (unsigned int i = 2; i < 16; i++)
				b[i] = (uint8_t)(i < 8 ? h >> 8 * (i - 2) : mix64(h) >> 8 * (i - 8));
			return addr_v6(b);
		}
		for (unsigned int i = 0; i < 4; i++)
			b[i] = (uint8_t)(h >> 8 * i);
		a = addr_v4(b);
		if (b[0] < 224 && !addr_is_special(&a) && !addr_is_private(&a) && b[0] != 198 && b[0] != 192)
			return a;
	}
}
