#include "detector/cusum.h"

struct cusum
cusum_of(const uint32_t *ring, uint32_t n, uint32_t newest, uint32_t sampling)
{
	struct cusum c = {0, 0};
	uint32_t thirds = 0;

	for (uint32_t i = 1; i <= n; i++) {
		uint32_t x = ring[(newest + i) % n] / sampling;

		thirds = cusum_step(thirds, x);
		c.active = thirds == 0 ? 0 : c.active + (x > 0);
	}
	c.sum = (double)thirds / CUSUM_SHARES;
	return c;
}
