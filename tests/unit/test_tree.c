/* Files and folders: what is taken, in which order, and what is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/tree.h"

static char root[] = "/tmp/test_tree.XXXXXX";
static unsigned int problems;
static char problem[300];

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "Europe/Vienna", 1);
	tzset();
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void
on_problem(void *ctx, const char *path, const char *reason)
{
	(void)ctx;
	problems++;
	snprintf(problem, sizeof(problem), "%s: %s", path, reason);
}

static const char *
under(const char *name)
{
	static char path[8][300];
	static unsigned int next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", root, name);
	return p;
}

static void
folder(const char *name)
{
	assert_int_equal(mkdir(under(name), 0755), 0);
}

static void
file(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(under(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void
touch(const char *name)
{
	file(name, "", 0);
}

static struct tree_list list;

static void
expand(const char *const *paths, size_t n)
{
	tree_list_done(&list);
	problems = 0;
	assert_int_equal(tree_expand(paths, n, &list, on_problem, NULL), 0);
}

/* The list is these names below the root, in this order; NULL at the end. */
static void
expect(const char *const *names)
{
	size_t i;

	for (i = 0; names[i] != NULL; i++) {
		assert_true(i < list.n);
		assert_string_equal(list.path[i] + strlen(root) + 1, names[i]);
	}
	assert_int_equal(list.n, i);
}

static void
times_of_names(void **state)
{
	const int64_t s = 1000000000;

	(void)state;
	assert_int_equal(tree_name_time("ft-v05.2011-02-13.075500+1100"), INT64_C(1297544100) * s); /* the day before, 20:55 UTC */
	assert_int_equal(tree_name_time("ft-v08m01.2011-02-12.155500-0500"), INT64_C(1297544100) * s);
	assert_int_equal(tree_name_time("nfcapd.201102122155"), INT64_C(1297544100) * s); /* Vienna */
	assert_int_equal(tree_name_time("nfcapd.201107122155"), INT64_C(1310500500) * s); /* in summer */
	assert_int_equal(tree_name_time("nfcapd.20110212215507"), INT64_C(1297544107) * s);
	assert_int_equal(tree_name_time("nfcapd.201102130755+1100"), INT64_C(1297544100) * s);
	assert_int_equal(tree_name_time("damp-20110213T075500+1100.ipfix.zst"), INT64_C(1297544100) * s);
	assert_int_equal(tree_name_time("nfcapd.current.77"), 0);
	assert_int_equal(tree_name_time("nfcapd.2011"), 0);
	assert_int_equal(tree_name_time("ft-v05"), 0);
	assert_int_equal(tree_name_time("ft-v05.2011-02-13.075500"), 0);
	assert_int_equal(tree_name_time("damp-today.pcap"), 0);
	assert_int_equal(tree_name_time("capture.pcap"), 0);
}

static void
times_of_heads(void **state)
{
	static const uint8_t pcap[] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0, 0x00, 0xf1,
	    0x53, 0x65, 0, 0, 0, 0}, nfcapd[16] = {0x0c, 0xa5, 2, 0, 1, 1, 7, 1, 0, 0xf1, 0x53, 0x65},
	    ft[] = {0xcf, 0x10, 2, 3, 0, 0, 0, 24, 0, 2, 0, 2, 0, 5, 0, 6, 0, 4, 0x65, 0x53, 0xf1, 0, 0, 0},
	    ipfix[] = {0, 10, 0, 16, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 1, 0, 0, 0, 1};
	uint8_t old[276] = {0x0c, 0xa5, 1, 0};
	const int64_t want = INT64_C(1700000000) * 1000000000;

	(void)state;
	memcpy(old + 260, nfcapd + 8, 4);
	assert_int_equal(tree_head_time(pcap, sizeof(pcap)), want);
	assert_int_equal(tree_head_time(nfcapd, sizeof(nfcapd)), want);
	assert_int_equal(tree_head_time(old, sizeof(old)), want);
	assert_int_equal(tree_head_time(ft, sizeof(ft)), want);
	assert_int_equal(tree_head_time(ipfix, sizeof(ipfix)), want);
	assert_int_equal(tree_head_time(pcap, 26), 0);
	assert_int_equal(tree_head_time(ft, 17), 0);
	assert_int_equal(tree_head_time((const uint8_t *)"hello", 5), 0);
	assert_int_equal(tree_head_time(NULL, 0), 0);
}

static void
order_of_names(void **state)
{
	static const char *const sorted[] = {"", "a", "a1", "a2", "a10", "a10b", "a010c", "b", "b/1", "b/02/x", "b/2/y"};

	(void)state;
	for (size_t i = 0; i < 11; i++) {
		for (size_t k = 0; k < 11; k++) {
			int order = tree_compare(sorted[i], sorted[k]);

			assert_int_equal(order < 0 ? -1 : order > 0, i < k ? -1 : i > k);
		}
	}
	assert_int_not_equal(tree_compare("a1", "a01"), 0);
	assert_int_equal(tree_compare("a1", "a01") < 0, tree_compare("a01", "a1") > 0);
}

static const uint8_t pcap_at_1700000000[] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
    0x00, 0xf1, 0x53, 0x65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static void
archives(void **state)
{
	char command[300];

	(void)state;
	folder("ft");
	folder("ft/2011");
	folder("ft/2011/2011-02");
	folder("ft/2011/2011-02/2011-02-13");
	folder("ft/2011/2011-02/2011-02-12");
	touch("ft/2011/2011-02/2011-02-13/ft-v05.2011-02-13.080000+0100");
	touch("ft/2011/2011-02/2011-02-13/ft-v05.2011-02-13.000000+0100");
	touch("ft/2011/2011-02/2011-02-13/tmp-v05.2011-02-13.081500+0100");
	touch("ft/2011/2011-02/2011-02-12/ft-v05.2011-02-12.233000+0100");
	touch("ft/README");
	touch("ft/.hidden");
	file("ft/cap2.pcap", pcap_at_1700000000, 24); /* no packet, no time */
	file("ft/cap10.pcap", pcap_at_1700000000, 24);
	file("ft/b.pcap.tmp", pcap_at_1700000000, 40);
	folder("nf");
	touch("nf/nfcapd.201102130730");
	touch("nf/nfcapd.current.4711");
	touch("nf/nfcapd.202311142315"); /* two minutes behind the capture */
	file("nf/a.pcap", pcap_at_1700000000, 40);
	snprintf(command, sizeof(command), "gzip -c %s/nf/a.pcap >%s/nf/b.pcap.gz", root, root);
	assert_int_equal(system(command), 0);
	expand((const char *[]){under("nf"), under("ft")}, 2);
	expect((const char *[]){"ft/2011/2011-02/2011-02-12/ft-v05.2011-02-12.233000+0100",
	    "ft/2011/2011-02/2011-02-13/ft-v05.2011-02-13.000000+0100", "nf/nfcapd.201102130730",
	    "ft/2011/2011-02/2011-02-13/ft-v05.2011-02-13.080000+0100", "nf/a.pcap", "nf/b.pcap.gz",
	    "nf/nfcapd.202311142315", "ft/cap2.pcap", "ft/cap10.pcap", NULL});
	assert_int_equal(problems, 0);
}

static void
named_files_keep_their_place(void **state)
{
	(void)state;
	expand((const char *[]){under("nf/nfcapd.202311142315"), under("nf/nfcapd.current.4711"), under("nf/nfcapd.201102130730")}, 3);
	expect((const char *[]){"nf/nfcapd.202311142315", "nf/nfcapd.current.4711", "nf/nfcapd.201102130730", NULL});
	expand((const char *[]){under("nf/z"), under("ft/2011/2011-02/2011-02-12"), under("nf/a.pcap"), under("ft/2011/2011-02/2011-02-13")}, 4);
	expect((const char *[]){"nf/z", "ft/2011/2011-02/2011-02-12/ft-v05.2011-02-12.233000+0100",
	    "ft/2011/2011-02/2011-02-13/ft-v05.2011-02-13.000000+0100",
	    "ft/2011/2011-02/2011-02-13/ft-v05.2011-02-13.080000+0100", "nf/a.pcap", NULL});
	expand((const char *[]){"-"}, 1);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.path[0], "-");
	expand(NULL, 0);
	assert_int_equal(list.n, 0);
}

static void
links_and_loops(void **state)
{
	char name[400] = "deep";

	(void)state;
	folder("links");
	touch("links/nfcapd.201102130735");
	assert_int_equal(symlink(under("links"), under("links/again")), 0);
	assert_int_equal(symlink(under("nf"), under("links/other")), 0);
	assert_int_equal(symlink("nowhere", under("links/broken")), 0);
	expand((const char *[]){under("links"), under("nf"), under("links")}, 3);
	expect((const char *[]){"links/other/nfcapd.201102130730", "links/nfcapd.201102130735", "links/other/a.pcap",
	    "links/other/b.pcap.gz", "links/other/nfcapd.202311142315", NULL});
	assert_int_equal(problems, 1);
	assert_non_null(strstr(problem, "broken: No such file"));
	folder(name);
	for (int i = 0; i < TREE_DEPTH_MAX + 2; i++) {
		strcat(name, "/d");
		folder(name);
	}
	touch("deep/d/nfcapd.201102130735");
	strcat(name, "/nfcapd.201102130740");
	touch(name);
	expand((const char *[]){under("deep")}, 1);
	expect((const char *[]){"deep/d/nfcapd.201102130735", NULL});
	assert_int_equal(problems, 1);
	assert_non_null(strstr(problem, "nested too deep"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_names),
		cmocka_unit_test(times_of_heads),
		cmocka_unit_test(order_of_names),
		cmocka_unit_test(archives),
		cmocka_unit_test(named_files_keep_their_place),
		cmocka_unit_test(links_and_loops),
	};
	int failed = cmocka_run_group_tests(tests, setup, teardown);

	tree_list_done(&list);
	return failed;
}
