/* A live source on the loopback interface; skipped where one may not capture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/source.h"

enum { PORT = 40053, DATAGRAMS = 30 };

static int64_t
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
send_some(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	for (int i = 0; i < DATAGRAMS; i++)
		sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

static void
test_loopback(void **state)
{
	char why[300];
	struct source *src = source_open_live(&(struct source_live){"lo", "udp dst port 40053"}, 1, NULL, why, sizeof(why));
	struct source_progress progress;
	struct decode_stats stats = {0};
	struct flow_batch batch;
	struct block b;
	int64_t before = wall_ns();
	int got = 0, n, quiet = 0;

	(void)state;
	if (src == NULL) {
		print_message("%s\n", why);
		skip();
	}
	assert_int_equal(block_init(&b), 0);
	assert_int_equal(flow_batch_init(&batch, 100), 0);
	send_some(PORT);
	while (quiet < 3 && (n = source_read(src, &b)) >= 0) {
		got += n;
		if (n == 0) {
			quiet++;
			assert_true(b.now_ns > before - INT64_C(1000000000) && b.now_ns <= wall_ns());
			continue;
		}
		flow_batch_reset(&batch);
		assert_int_equal(packets_decode(&b, 0, b.n, &batch, &stats), b.n);
		assert_int_equal(batch.flow[0].dport, PORT);
		assert_int_equal(batch.flow[0].bytes, 33);
		assert_true(batch.flow[0].start_ns >= before && batch.flow[0].start_ns <= wall_ns());
	}
	/* the loopback interface may show a packet on its way out and in */
	assert_true(got == DATAGRAMS || got == 2 * DATAGRAMS);
	source_progress(src, &progress);
	assert_int_equal(progress.kernel_drops, 0);
	source_stop(src);
	assert_int_equal(source_read(src, &b), ERR_EOF);
	source_close(src);
	flow_batch_done(&batch);
	block_done(&b);
}

/* Two captures in one source: the packets of both come, each with its number. */
static void
test_two(void **state)
{
	const struct source_live list[2] = {{"lo", "udp dst port 40053"}, {"lo", "udp dst port 40054"}};
	const struct source_events ev = {.input = 7};
	char why[300];
	struct source *src = source_open_live(list, 2, &ev, why, sizeof(why));
	struct block b;
	int got[2] = {0, 0}, n, quiet = 0;

	(void)state;
	if (src == NULL) {
		print_message("%s\n", why);
		skip();
	}
	assert_int_equal(block_init(&b), 0);
	send_some(PORT);
	send_some(PORT + 1);
	while (quiet < 3 && (n = source_read(src, &b)) >= 0) {
		quiet += n == 0;
		for (size_t i = 0; i < b.n; i++) {
			assert_in_range(b.packet[i].input, 7, 8);
			got[b.packet[i].input - 7]++;
		}
	}
	for (int i = 0; i < 2; i++)
		assert_true(got[i] == DATAGRAMS || got[i] == 2 * DATAGRAMS);
	source_close(src);
	block_done(&b);
}

static void
test_reasons(void **state)
{
	char why[300] = "";
	struct source *src;

	(void)state;
	assert_null(source_open_live(&(struct source_live){"no-such-if", NULL}, 1, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "no-such-if"));
	src = source_open_live(&(struct source_live){"lo", NULL}, 1, NULL, why, sizeof(why));
	if (src == NULL)
		skip();
	source_close(src);
	assert_null(source_open_live(&(struct source_live){"lo", "udp port nonsense"}, 1, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "nonsense"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_loopback), cmocka_unit_test(test_two),
		cmocka_unit_test(test_reasons)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
