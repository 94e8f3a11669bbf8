/* Filters as strangers may write them: compiled within bounds or refused with a reason; the same text means the same
 * twice, and "not" of it the opposite. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct filter_setup setup = {.now_ns = INT64_C(1365000000000000000)};
	struct flow w = {.start_ns = setup.now_ns, .end_ns = setup.now_ns + 1000000, .packets = 3, .bytes = 4157, .sport = 53,
		.dport = 14068, .proto = FLOW_UDP, .sampling = 1, .src = addr_v4((const uint8_t *)"\x0a\x35\0\x01")};
	struct flow_extra x = {.src_as = 655361, .tos = 184, .in_if = 3};
	char *text = malloc(size + 16), why[160] = "";
	struct filter *f, *opposite;

	if (text == NULL)
		return 0;
	snprintf(text, 8, "not (");
	memcpy(text + 5, data, size);
	text[size + 5] = '\0';
	size = strlen(text);
	f = filter_compile(text + 5, &setup, why, sizeof(why));
	if (f == NULL && why[0] == '\0')
		abort();
	if (f != NULL) {
		bool yes = filter_match(f, &w, &x);

		(void)filter_match(f, &w, NULL);
		memcpy(text + size, "\n)", 3);
		opposite = filter_compile(text, &setup, why, sizeof(why));
		/* an empty text is a filter, empty parentheses are none; nor may it be the last bit too long or deep */
		if (opposite != NULL && filter_match(opposite, &w, &x) == yes)
			abort();
		filter_free(opposite);
	}
	filter_free(f);
	free(text);
	return 0;
}
