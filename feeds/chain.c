/* The hash chain of a stream of lines, and picking it up again from a file's end. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "feeds/line.h"
#include "feeds/sign.h"

void
chain_init(struct chain *c)
{
	c->seq = 0;
	memset(c->prev, '0', TAIL_HASH_HEX);
	c->prev[TAIL_HASH_HEX] = '\0';
}

void
chain_hash(const char *line, size_t n, char hex[TAIL_HASH_HEX + 1])
{
	uint8_t hash[TAIL_HASH_HEX / 2];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)line, n, NULL, 0);
	sodium_bin2hex(hex, TAIL_HASH_HEX + 1, hash, sizeof(hash));
}

/* The chain as the block's last complete line left it.  *complete: bytes of the block up to and
 * with that line's newline; `whole` says that the block is the whole file. */
static int
resume_from(struct chain *c, const char *block, size_t n, bool whole, size_t *complete, const char **why)
{
	static const char first[] = "{\"@timestamp\":\"";
	const char *end = memrchr(block, '\n', n), *start;
	struct tail t;
	size_t len;

	if (end == NULL) {
		/* Never even one line.  Cut off what is surely ours, touch nothing else. */
		*complete = 0;
		if (whole && memcmp(block, first, n < sizeof(first) - 1 ? n : sizeof(first) - 1) == 0)
			return 0;
		*why = "does not hold alert lines";
		return ERR_MALFORMED;
	}
	*complete = (size_t)(end + 1 - block);
	start = memrchr(block, '\n', (size_t)(end - block));
	start = start != NULL ? start + 1 : block;
	len = (size_t)(end - start);
	if (tail_scan(start, len, &t, why) < 0 || tail_shape(start, len, &t, why) < 0)
		return ERR_MALFORMED;
	c->seq = t.seq;
	chain_hash(start, len, c->prev);
	return 0;
}

int
chain_resume(struct chain *c, int fd, uint64_t *complete_bytes, char *why, size_t why_size)
{
	struct stat st;
	size_t n, got = 0, complete = 0;
	const char *reason = "";
	char *block;
	int r = 0;

	chain_init(c);
	*complete_bytes = 0;
	if (fstat(fd, &st) < 0) {
		snprintf(why, why_size, "%s", strerror(errno));
		return ERR_IO;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	/* a whole line and, behind it, one that was cut off */
	n = st.st_size < 2 * (LINE_MAX_BYTES + 1) ? (size_t)st.st_size : 2 * (LINE_MAX_BYTES + 1);
	block = malloc(n);
	if (block == NULL) {
		snprintf(why, why_size, "out of memory");
		return ERR_NOMEM;
	}
	while (got < n) {
		ssize_t k = pread(fd, block + got, n - got, st.st_size - (off_t)n + (off_t)got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			snprintf(why, why_size, "%s", k < 0 ? strerror(errno) : "it shrank while it was read");
			free(block);
			return ERR_IO;
		}
		got += (size_t)k;
	}
	r = resume_from(c, block, n, (off_t)n == st.st_size, &complete, &reason);
	*complete_bytes = (uint64_t)st.st_size - n + complete;
	if (r < 0)
		snprintf(why, why_size, "its last line cannot be continued: %s", reason);
	free(block);
	return r;
}
