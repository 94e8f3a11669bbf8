/* Options, hostile datagrams, memory, the saved form of the store, and IPFIX files. */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/template_kit.h"

#include "base/err.h"
#include "collector/source.h"

static const uint32_t plain[] = {8, 4, 12, 4, 1, 4, 2, 4, 0, 0};
static const uint32_t sampled[] = {8, 4, 12, 4, 1, 4, 2, 4, 48, 1, 0, 0};

static void
plain_record(struct kit *k, uint32_t octets)
{
	put(k, 0x0a000001, 4), put(k, 0x0a000002, 4), put(k, octets, 4), put(k, 2, 4);
}

/* A v9 options template with a scope of 4 bytes, and padding. */
static void
v9_options(struct kit *k, uint16_t id, const uint32_t *field)
{
	size_t at;
	uint16_t n = 0;

	set(k, 1);
	put(k, id, 2), put(k, 4, 2);
	at = k->n;
	put(k, 0, 2);
	put(k, 1, 2), put(k, 4, 2); /* "system", which as an element would be octets */
	for (; field[0] != 0; field += 2, n += 4)
		put(k, field[0], 2), put(k, field[1], 2);
	k->p[at + 1] = (uint8_t)n;
	put(k, 0, 2);
	end_set(k);
}

static void
test_sampler(void **state)
{
	static const uint32_t option[] = {48, 1, 49, 1, 50, 4, 164, 8, 0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	v9(&k);
	v9_options(&k, 400, option);
	set(&k, 400);
	for (unsigned int i = 1; i <= 2; i++)
		put(&k, 1, 4), put(&k, i, 1), put(&k, 2, 1), put(&k, i * 100, 4), put(&k, 42, 8);
	end_set(&k);
	template(&k, 0, 256, sampled);
	set(&k, 256);
	for (unsigned int i = 1; i <= 3; i++)
		plain_record(&k, 1000), put(&k, i, 1);
	end_set(&k);
	assert_int_equal(send(&k), 3);
	assert_int_equal(count(&k, EXPORTER_OPTIONS), 2);
	assert_int_equal(count(&k, EXPORTER_DROPPED), 42);
	assert_int_equal(count(&k, EXPORTER_SAMPLING_CHANGED), 0);
	assert_int_equal(k.out.flow[0].sampling, 100);
	assert_int_equal(k.out.flow[0].bytes, 100000);
	assert_int_equal(k.out.flow[0].packets, 200);
	assert_int_equal(k.out.flow[1].sampling, 200);
	assert_int_equal(k.out.flow[2].sampling, 100); /* an unknown sampler: the exporter's first */
	kit_stop(&k);
}

static void
test_psamp_and_boot(void **state)
{
	static const uint32_t fields[] = {8, 4, 12, 4, 1, 4, 2, 4, 22, 4, 21, 4, 0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	ipfix(&k);
	set(&k, 3);
	put(&k, 500, 2), put(&k, 4, 2), put(&k, 1, 2);
	put(&k, 143, 2), put(&k, 4, 2), put(&k, 160, 2), put(&k, 8, 2), put(&k, 305, 2), put(&k, 4, 2), put(&k, 306, 2), put(&k, 4, 2);
	end_set(&k);
	set(&k, 500);
	put(&k, 1, 4), put(&k, (T0 - 500) * UINT64_C(1000), 8), put(&k, 1, 4), put(&k, 99, 4);
	end_set(&k);
	template(&k, 2, 256, fields);
	set(&k, 256);
	plain_record(&k, 10), put(&k, 480000, 4), put(&k, 490000, 4);
	end_set(&k);
	assert_int_equal(send(&k), 1);
	assert_int_equal(k.out.flow[0].sampling, 100);
	assert_int_equal(k.out.flow[0].start_ns, (T0 - 20) * SEC);
	assert_int_equal(k.out.flow[0].end_ns, (T0 - 10) * SEC);
	kit_stop(&k);
}

/* What no honest exporter sends: nothing comes of it, it is counted, and the rest is read. */
static void
test_lies(void **state)
{
	static const uint32_t nothing[] = {8, 0, 12, 0, 0, 0}, none[] = {0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	v9(&k);
	template(&k, 0, 256, none); /* no fields */
	template(&k, 0, 257, nothing); /* records of no bytes */
	set(&k, 257);
	put(&k, 0, 8);
	end_set(&k);
	template(&k, 0, 258, plain);
	set(&k, 258);
	plain_record(&k, 10);
	put(&k, 0, 3); /* padding */
	end_set(&k);
	assert_int_equal(send(&k), 1);
	assert_int_equal(count(&k, EXPORTER_CORRUPT), 2);
	assert_int_equal(count(&k, EXPORTER_NO_TEMPLATE), 1);
	/* a set longer than the datagram, one shorter than its own header, a template cut in its fields */
	for (unsigned int i = 0; i < 3; i++) {
		v9(&k);
		set(&k, i < 2 ? 258 : 0);
		plain_record(&k, 10);
		end_set(&k);
		k.p[k.set + 3] = (uint8_t)(i == 0 ? 200 : i == 1 ? 3 : 20);
		if (i == 2)
			k.p[k.set + 4] = 2, k.p[k.set + 7] = 200;
		assert_int_equal(send(&k), 0);
		assert_int_equal(count(&k, EXPORTER_CORRUPT), 3 + i);
	}
	/* every cut of a good message */
	ipfix(&k);
	template(&k, 2, 256, plain);
	set(&k, 256);
	plain_record(&k, 10);
	end_set(&k);
	k.p[3] = (uint8_t)k.n;
	for (size_t n = k.n; k.n > 2; k.n--)
		assert_int_equal(send(&k), k.n == n ? 1 : 0);
	kit_stop(&k);
}

static void
test_bounds(void **state)
{
	struct kit k;
	unsigned int sent = 0;

	(void)state;
	kit_start(&k, NULL);
	for (unsigned int i = 0; i < 1200; i += 50) {
		v9(&k);
		for (unsigned int id = 0; id < 50; id++, sent++)
			template(&k, 0, (uint16_t)(256 + i + id), plain);
		send(&k);
	}
	assert_int_equal(count(&k, EXPORTER_TEMPLATES), 1024);
	assert_int_equal(count(&k, EXPORTER_TEMPLATES_REFUSED), sent - 1024);
	/* too many fields */
	v9(&k);
	set(&k, 0);
	put(&k, 256, 2), put(&k, 5000, 2);
	for (unsigned int i = 0; i < 5000; i++)
		put(&k, 8, 2), put(&k, 4, 2);
	end_set(&k);
	send(&k);
	assert_int_equal(count(&k, EXPORTER_TEMPLATES_REFUSED), sent - 1024 + 1);
	kit_stop(&k);
}

/* Ten thousand exporters of four templates of 20 fields. */
static void
test_memory(void **state)
{
	static const uint32_t fields[] = {8, 4, 12, 4, 15, 4, 10, 4, 14, 4, 2, 8, 1, 8, 22, 4, 21, 4, 7, 2, 11, 2, 6, 1, 4, 1, 5, 1, 16, 4,
		17, 4, 9, 1, 13, 1, 61, 1, 89, 1, 0, 0};
	size_t before, took;
	struct templates_figures f;
	struct kit k;

	(void)state;
	before = mallinfo2().uordblks;
	kit_start(&k, NULL);
	for (uint32_t i = 0; i < 10000; i++) {
		k.from.addr = addr_v4((const uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i});
		v9(&k);
		for (uint16_t id = 256; id < 260; id++)
			template(&k, 0, id, fields);
		send(&k);
	}
	took = mallinfo2().uordblks - before;
	templates_figures(k.x, &f);
	print_message("40000 templates: %zu bytes accounted, %zu allocated with the exporters\n", (size_t)f.bytes, took);
	assert_int_equal(f.templates, 40000);
	assert_int_equal(count(&k, EXPORTER_TEMPLATES_REFUSED), 0);
	assert_true(f.bytes < 20000000);
	assert_true(took < 100000000);
	kit_stop(&k);
}

static void
test_budget(void **state)
{
	struct export_setup s = {.template_bytes = 50000, .template_timeout_s = 100};
	struct templates_figures f;
	struct kit k;

	(void)state;
	kit_start(&k, &s);
	for (uint32_t i = 0; i < 1000; i++) {
		k.from.addr = addr_v4((const uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i});
		v9(&k);
		template(&k, 0, 256, plain);
		send(&k);
		templates_figures(k.x, &f);
		assert_true(f.bytes <= f.budget);
	}
	assert_true(count(&k, EXPORTER_TEMPLATES_REFUSED) > 500);
	/* what has expired makes room */
	k.from.seen_ns += 200 * SEC;
	send(&k);
	assert_int_equal(count(&k, EXPORTER_TEMPLATES_REFUSED) + count(&k, EXPORTER_TEMPLATES), 1001);
	templates_figures(k.x, &f);
	assert_int_equal(f.templates, 1);
	kit_stop(&k);
}

static void
test_save_and_load(void **state)
{
	static const uint32_t option[] = {48, 1, 50, 4, 0, 0};
	struct kit k, l;
	struct buf b;
	struct templates_figures f;
	char why[200];

	(void)state;
	kit_start(&k, NULL);
	v9(&k);
	v9_options(&k, 400, option);
	set(&k, 400);
	put(&k, 1, 4), put(&k, 5, 1), put(&k, 100, 4);
	end_set(&k);
	template(&k, 0, 256, sampled);
	send(&k);
	buf_init(&b, 1 << 20);
	templates_save(k.x, &b);
	assert_false(b.full);
	/* every single damaged byte is seen, and leaves nothing behind */
	kit_start(&l, NULL);
	for (size_t i = 0; i < b.len; i++) {
		b.p[i] ^= 0x10;
		why[0] = '\0';
		assert_int_equal(templates_load(l.x, (const uint8_t *)b.p, b.len, why, sizeof(why)), ERR_INVALID);
		assert_true(why[0] != '\0');
		b.p[i] ^= 0x10;
		assert_int_equal(templates_load(l.x, (const uint8_t *)b.p, i, why, sizeof(why)), ERR_INVALID);
	}
	templates_figures(l.x, &f);
	assert_int_equal(f.templates, 0);
	assert_int_equal(exporters_n(export_exporters(l.x)), 0);
	assert_int_equal(templates_load(l.x, (const uint8_t *)b.p, b.len, why, sizeof(why)), 2);
	v9(&l);
	set(&l, 256);
	plain_record(&l, 1000), put(&l, 5, 1);
	end_set(&l);
	assert_int_equal(send(&l), 1);
	assert_int_equal(l.out.flow[0].bytes, 100000);
	/* loading again changes nothing */
	assert_int_equal(templates_load(l.x, (const uint8_t *)b.p, b.len, why, sizeof(why)), 0);
	buf_done(&b);
	kit_stop(&l);
	kit_stop(&k);
}

struct told {
	unsigned int n;
	uint64_t offset[8];
};

static void
damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct told *t = ctx;

	(void)input, (void)packet, (void)reason;
	if (t->n < 8)
		t->offset[t->n] = offset;
	t->n++;
}

/* The octets of all flows of a file of these bytes. */
static uint64_t
read_file(const uint8_t *p, size_t n, struct told *told)
{
	char path[] = "/tmp/ipfix-XXXXXX", why[200];
	int fd = mkstemp(path);
	struct source_events ev = {.damage = damage, .ctx = told, .want_extra = true};
	struct source *s;
	struct block b;
	uint64_t sum = 0;
	int got;

	told->n = 0;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	s = source_open_file(path, &ev, why, sizeof(why));
	assert_non_null(s);
	assert_int_equal(block_init(&b), 0);
	while ((got = source_read(s, &b)) > 0) {
		assert_int_equal((size_t)got, b.flows.n);
		for (size_t i = 0; i < b.flows.n; i++) {
			sum += b.flows.flow[i].bytes;
			assert_int_equal(b.flows.flow[i].seen_ns, T0 * SEC);
		}
	}
	assert_int_equal(got, ERR_EOF);
	source_close(s);
	block_done(&b);
	close(fd);
	unlink(path);
	return sum;
}

static void
test_file(void **state)
{
	struct kit k;
	struct told told;
	uint8_t file[2000];
	size_t n = 0, start[5];

	(void)state;
	kit_start(&k, NULL);
	for (unsigned int i = 0; i < 4; i++) {
		ipfix(&k);
		if (i == 0)
			template(&k, 2, 256, plain);
		set(&k, 256);
		plain_record(&k, 1u << i);
		end_set(&k);
		k.p[3] = (uint8_t)k.n;
		start[i] = n;
		memcpy(file + n, k.p, k.n);
		n += k.n;
	}
	start[4] = n;
	assert_int_equal(read_file(file, n, &told), 15);
	assert_int_equal(told.n, 0);
	/* cut inside the last message */
	assert_int_equal(read_file(file, n - 5, &told), 7);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.offset[0], start[3]);
	/* the third has lost its version */
	file[start[2]] = 0xee;
	assert_int_equal(read_file(file, n, &told), 11);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.offset[0], start[2]);
	file[start[2]] = 0;
	/* the length of the second lies: too much, too little */
	file[start[1] + 3] = (uint8_t)(file[start[1] + 3] + 10);
	assert_int_equal(read_file(file, n, &told), 15);
	assert_true(told.n >= 1);
	assert_int_equal(told.offset[0], start[1]);
	file[start[1] + 3] = 16;
	assert_int_equal(read_file(file, n, &told), 13);
	assert_true(told.n >= 1);
	kit_stop(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampler),
		cmocka_unit_test(test_psamp_and_boot),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
