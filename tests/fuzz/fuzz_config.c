/* Any bytes as a configuration: no crash, no leak; and what loads without a problem prints to a text
 * that loads without a problem again, and prints the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
tell(void *ctx, const char *file, int line, const char *text, const char *hint)
{
	(void)ctx;
	(void)file;
	if (line < 0 || strchr(text, '\n') != NULL || strchr(hint, '\n') != NULL)
		abort();
}

static void
again(const struct config *c, const struct config_events *ev)
{
	struct buf first, second;
	struct config other;

	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	config_print(c, &first, NULL, NULL);
	config_init(&other, ev);
	/* all comments: an empty file to the loader */
	if ((c->in_file & ~(UINT64_C(1) << 24)) != 0 && !first.full) {
		if (config_load_bytes(&other, "again", buf_text(&first), first.len) != 0)
			abort();
		other.has_hash_key = c->has_hash_key; /* is not printed */
		config_print(&other, &second, NULL, NULL);
		if (strcmp(buf_text(&first), buf_text(&second)) != 0)
			abort();
	}
	config_done(&other);
	buf_done(&first);
	buf_done(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_events ev = {.problem = tell};
	struct config c;
	char text[64];

	config_init(&c, &ev);
	if (config_load_bytes(&c, "fuzz", data, size) == 0)
		again(&c, &ev);
	/* the same bytes as an option */
	if (size > 0 && size < sizeof(text)) {
		static const char *const keys[] = {"networks", "resolvers", "policy", "memory", "policy.ttl", "seed", "syslog"};

		memcpy(text, data, size);
		text[size] = '\0';
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			config_set(&c, keys[i], text, "--fuzz");
	}
	config_done(&c);
	return 0;
}
