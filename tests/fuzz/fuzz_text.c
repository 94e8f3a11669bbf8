/* Text of strangers in a page and on a terminal: no markup, no control bytes, no change of direction. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reports/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);
	struct buf html, plain, ascii;

	if (s == NULL)
		return 0;
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	buf_init(&html, 8 * size + 64);
	buf_init(&plain, 8 * size + 64);
	buf_init(&ascii, 8 * size + 64);
	text_html(&html, s);
	text_plain(&plain, s, true);
	text_plain(&ascii, s, false);
	if (html.full || plain.full || ascii.full || strpbrk(buf_text(&html), "<>\"'\033") != NULL ||
	    strpbrk(buf_text(&plain), "\n\r\t\033\177") != NULL || strstr(buf_text(&html), "\xe2\x80\xae") != NULL)
		abort();
	for (const char *p = buf_text(&ascii); *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			abort();
	buf_done(&html);
	buf_done(&plain);
	buf_done(&ascii);
	free(s);
	return 0;
}
