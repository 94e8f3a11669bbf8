/* Compressed streams of any kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n, piece;
};

static ssize_t
more(void *ctx, uint8_t *to, size_t n)
{
	struct input *in = ctx;

	n = n < in->piece ? n : in->piece;
	n = n < in->n ? n : in->n;
	if (n > 0)
		memcpy(to, in->p, n);
	in->p += n;
	in->n -= n;
	return (ssize_t)n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum unpack_kind kind = unpack_probe(data, size);
	size_t head = size < 10 ? size : 10, total = 0;
	struct input in = {data + head, size - head, 1 + size % 700};
	struct unpack *u = kind == UNPACK_NONE ? NULL : unpack_new(kind, data, head, more, &in);
	static uint8_t out[5000];
	ssize_t n;

	if (u == NULL)
		return 0;
	while ((n = unpack_read(u, out, 1 + total % sizeof(out))) > 0 && total < (1 << 20)) {
		if ((size_t)n > 1 + total % sizeof(out) || unpack_done(u) > size)
			abort();
		total += (size_t)n;
	}
	if (n < 0 || (n == 0 && unpack_read(u, out, 1) != 0))
		abort();
	unpack_free(u);
	return 0;
}
