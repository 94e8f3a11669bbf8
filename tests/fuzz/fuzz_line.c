/* Bytes as an alert line: the parser must give a reason or an alert that renders, and the verifier's two
 * looks at a line must agree with a real JSON reader on where seq, prev, kid and sig stand. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

#include "feeds/line.h"
#include "feeds/tail.h"
#include "feeds/verify.h"

static void
parse(const char *line, size_t n)
{
	struct line_extra x;
	struct alert a, again;
	struct buf b;
	char why[200] = "";

	if (line_parse(line, n, &a, why, sizeof(why)) < 0) {
		check(why[0] != '\0');
		return;
	}
	memset(&x, 0, sizeof(x));
	buf_init(&b, LINE_MAX_BYTES);
	check(line_render(&b, &a, &x) == 0);
	check(memchr(b.p, '\n', b.len) == NULL);
	buf_str(&b, "}}");
	check(line_parse(b.p, b.len, &again, why, sizeof(why)) == 0);
	check(again.id == a.id && again.kind == a.kind && again.t_ns / 1000000 == a.t_ns / 1000000);
	buf_done(&b);
}

static void
shape(const char *line, size_t n)
{
	struct tail t;
	const char *why = NULL, *kid, *prev;
	json_t *root, *damp;

	if (tail_scan(line, n, &t, &why) < 0 || tail_shape(line, n, &t, &why) < 0) {
		check(why != NULL);
		return;
	}
	/* what the walk lets pass need not be valid UTF-8 or have sane numbers; if jansson takes it, they agree */
	root = json_loadb(line, n, JSON_DECODE_INT_AS_REAL, NULL);
	if (root == NULL)
		return;
	damp = json_object_get(root, "damp");
	prev = json_string_value(json_object_get(damp, "prev"));
	kid = json_string_value(json_object_get(damp, "kid"));
	check(prev != NULL && memcmp(prev, t.prev, TAIL_HASH_HEX) == 0);
	check(kid != NULL && memcmp(kid, t.kid, TAIL_KID_HEX) == 0);
	check(json_number_value(json_object_get(damp, "seq")) == (double)t.seq);
	check(json_string_length(json_object_get(root, "sig")) == TAIL_SIG_BASE64);
	json_decref(root);
}

static void
verify(const uint8_t *data, size_t size)
{
	struct verify_options o = {.threads = 1};
	struct verify_result r;
	char path[FUZZ_PATH];
	int fd = fuzz_file(data, size, path), status;

	check(lseek(fd, 0, SEEK_SET) == 0);
	status = verify_fd(fd, &o, &r);
	check((status == 0) == (r.bad_line == 0));
	check(status != 0 || r.bytes == size);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t n = size > 0 && text[size - 1] == '\n' ? size - 1 : size;

	parse(text, n);
	shape(text, n);
	if (size > 0 && data[0] % 8 == 3) /* '{' is 0x7b; a thread and 3 MiB each time are dear */
		verify(data, size);
	return 0;
}
