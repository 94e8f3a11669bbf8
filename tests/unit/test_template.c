/* Templates: what records become, how long templates live, what an odd datagram may do. */
#include "tests/unit/template_kit.h"



/* source, destination, ports, protocol, octets, packets: 21 bytes */
static const uint32_t plain[] = {8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4, 0, 0};

static void
plain_record(struct kit *k, uint32_t octets, uint32_t packets)
{
	put(k, 0x0a000001, 4);
	put(k, 0x0a000002, 4);
	put(k, 53, 2);
	put(k, 4000, 2);
	put(k, 17, 1);
	put(k, octets, 4);
	put(k, packets, 4);
}

static void
plain_message(struct kit *k, void (*header)(struct kit *), unsigned int records)
{
	header(k);
	set(k, 300);
	for (unsigned int i = 0; i < records; i++)
		plain_record(k, 1000 + i, 2);
	end_set(k);
}

static void
test_v9_record(void **state)
{
	static const uint32_t fields[] = {8, 4, 12, 4, 15, 4, 10, 2, 14, 2, 2, 4, 1, 4, 22, 4, 21, 4, 7, 2, 11, 2, 6, 1, 4, 1,
		5, 1, 16, 4, 17, 2, 9, 1, 13, 1, 61, 1, 89, 1, 3, 4, 0, 0};
	struct kit k;
	const struct flow *f;
	const struct flow_extra *x;
	char text[ADDR_TEXT];

	(void)state;
	kit_start(&k, NULL);
	v9(&k);
	template(&k, 0, 256, fields);
	set(&k, 256);
	put(&k, 0xc6336401, 4), put(&k, 0xcb007102, 4), put(&k, 0xc0000263, 4);
	put(&k, 3, 2), put(&k, 4, 2), put(&k, 10, 4), put(&k, 15000, 4);
	put(&k, UPTIME - 5000, 4), put(&k, UPTIME - 1000, 4);
	put(&k, 443, 2), put(&k, 50000, 2), put(&k, 0x1b, 1), put(&k, 6, 1), put(&k, 0x28, 1);
	put(&k, 400000, 4), put(&k, 64500, 2), put(&k, 24, 1), put(&k, 20, 1), put(&k, 1, 1), put(&k, 0x40, 1);
	put(&k, 3, 4);
	end_set(&k);
	assert_int_equal(send(&k), 1);
	f = &k.out.flow[0];
	x = &k.out.extra[0];
	assert_string_equal(addr_text(&f->src, text), "198.51.100.1");
	assert_string_equal(addr_text(&f->dst, text), "203.0.113.2");
	assert_string_equal(addr_text(&x->next_hop, text), "192.0.2.99");
	assert_string_equal(addr_text(&x->exporter, text), "192.0.2.1");
	assert_int_equal(f->sport, 443);
	assert_int_equal(f->dport, 50000);
	assert_int_equal(f->proto, 6);
	assert_int_equal(f->tcp_flags, 0x1b);
	assert_int_equal(f->packets, 10);
	assert_int_equal(f->bytes, 15000);
	assert_int_equal(f->sampling, 1);
	assert_int_equal(f->flags, FLOW_RECORD);
	assert_int_equal(f->start_ns, T0 * SEC - 5 * SEC);
	assert_int_equal(f->end_ns, T0 * SEC - SEC);
	assert_int_equal(f->seen_ns, (T0 + 1) * SEC);
	assert_int_equal(x->in_if, 3);
	assert_int_equal(x->out_if, 4);
	assert_int_equal(x->src_as, 400000);
	assert_int_equal(x->dst_as, 64500);
	assert_int_equal(x->src_mask, 24);
	assert_int_equal(x->dst_mask, 20);
	assert_int_equal(x->tos, 0x28);
	assert_int_equal(x->direction, 1);
	assert_int_equal(x->forwarding, 0x40);
	assert_int_equal(x->flows, 3);
	assert_int_equal(x->domain, 7);
	assert_int_equal(x->version, 9);
	assert_int_equal(x->uptime_ms, UPTIME);
	assert_int_equal(x->first_ms, UPTIME - 5000);
	kit_stop(&k);
}

static void
test_uptime_wraps(void **state)
{
	static const uint32_t fields[] = {8, 4, 12, 4, 1, 4, 2, 4, 22, 4, 21, 4, 0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	v9(&k);
	template(&k, 0, 256, fields);
	set(&k, 256);
	put(&k, 0x0a000001, 4), put(&k, 0x0a000002, 4), put(&k, 100, 4), put(&k, 1, 4);
	put(&k, (uint32_t)(UPTIME - 2000000), 4), put(&k, UPTIME - 1000000, 4);
	end_set(&k);
	assert_int_equal(send(&k), 1);
	assert_int_equal(k.out.flow[0].start_ns, (T0 - 2000) * SEC);
	assert_int_equal(k.out.flow[0].end_ns, (T0 - 1000) * SEC);
	kit_stop(&k);
}

/* Each form of start and end. */
static void
test_times(void **state)
{
	static const struct {
		uint32_t start, start_n, end, end_n;
		uint64_t start_v, end_v;
	} forms[] = {
		{150, 4, 151, 4, T0 - 20, T0 - 10},
		{152, 8, 153, 8, (T0 - 20) * UINT64_C(1000), (T0 - 10) * UINT64_C(1000)},
		{154, 8, 155, 8, (T0 - 20 + UINT64_C(2208988800)) << 32 | 0x7ff, (T0 - 10 + UINT64_C(2208988800)) << 32},
		{156, 8, 157, 8, (T0 - 20 + UINT64_C(2208988800)) << 32, (T0 - 10 + UINT64_C(2208988800)) << 32},
		{158, 4, 159, 4, 20000000, 10000000},
		{152, 8, 161, 4, (T0 - 20) * UINT64_C(1000), 10000},
		{152, 8, 323, 8, (T0 - 20) * UINT64_C(1000), (T0 - 10) * UINT64_C(1000)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const uint32_t fields[] = {8, 4, 12, 4, 1, 4, 2, 4, forms[i].start, forms[i].start_n, forms[i].end,
			forms[i].end_n, 0, 0};
		struct kit k;

		kit_start(&k, NULL);
		ipfix(&k);
		template(&k, 2, 256, fields);
		set(&k, 256);
		put(&k, 0x0a000001, 4), put(&k, 0x0a000002, 4), put(&k, 100, 4), put(&k, 1, 4);
		put(&k, forms[i].start_v, forms[i].start_n), put(&k, forms[i].end_v, forms[i].end_n);
		end_set(&k);
		assert_int_equal(send(&k), 1);
		assert_int_equal(k.out.flow[0].start_ns, (T0 - 20) * SEC);
		assert_int_equal(k.out.flow[0].end_ns, (T0 - 10) * SEC);
		kit_stop(&k);
	}
}

static void
test_reduced_and_variable(void **state)
{
	/* 3-byte octets, 1-byte packets, an enterprise element, two of varying length, a second protocol element */
	static const uint32_t fields[] = {8, 4, 0x8000 | 99, 6, 9999, 12, 4, 96, 65535, 1, 3, 2, 1, 82, 65535, 4, 1, 4, 1, 0, 0};
	struct kit k;
	const struct flow *f;

	(void)state;
	kit_start(&k, NULL);
	ipfix(&k);
	template(&k, 2, 256, fields);
	set(&k, 256);
	for (unsigned int i = 0; i < 2; i++) {
		put(&k, 0x0a000001, 4), put(&k, 0, 6), put(&k, 0x0a000002 + i, 4);
		if (i == 0)
			put(&k, 3, 1), put(&k, 0x616263, 3);
		else
			put(&k, 255, 1), put(&k, 300, 2), k.n += 300;
		put(&k, 70000 + i, 3), put(&k, 60, 1), put(&k, 0, 1), put(&k, 17, 1), put(&k, 6, 1);
	}
	put(&k, 0, 3);
	end_set(&k);
	assert_int_equal(send(&k), 2);
	for (unsigned int i = 0; i < 2; i++) {
		f = &k.out.flow[i];
		assert_int_equal(f->dst.b[15], 2 + i);
		assert_int_equal(f->bytes, 70000 + i);
		assert_int_equal(f->packets, 60);
		assert_int_equal(f->proto, 17); /* the first of two */
	}
	assert_int_equal(count(&k, EXPORTER_CORRUPT), 0);
	kit_stop(&k);
}

/* Of several elements for one thing the better one counts, wherever it stands. */
static void
test_ranks(void **state)
{
	static const uint32_t fields[] = {129, 4, 96, 65535, 8, 4, 150, 4, 16, 4, 152, 8, 12, 4, 1, 4, 2, 4, 128, 4, 0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	ipfix(&k);
	template(&k, 2, 256, fields);
	set(&k, 256);
	put(&k, 1, 4), put(&k, 2, 1), put(&k, 0, 2), put(&k, 0x0a000001, 4), put(&k, T0 - 99, 4), put(&k, 2, 4);
	put(&k, (T0 - 20) * UINT64_C(1000), 8), put(&k, 0x0a000002, 4), put(&k, 100, 4), put(&k, 1, 4), put(&k, 3, 4);
	end_set(&k);
	assert_int_equal(send(&k), 1);
	assert_int_equal(k.out.flow[0].start_ns, (T0 - 20) * SEC);
	assert_int_equal(k.out.extra[0].src_as, 2);
	assert_int_equal(k.out.extra[0].dst_as, 3);
	kit_stop(&k);
}

static void
test_biflow(void **state)
{
	static const uint32_t fields[] = {27, 16, 28, 16, 7, 2, 11, 2, 4, 1, 10, 4, 14, 4, 1, 8, 2, 8, 0x8001, 8, 29305, 0x8002, 8,
		29305, 0x8006, 1, 29305, 0, 0};
	struct kit k;
	const struct flow *f = NULL;

	(void)state;
	kit_start(&k, NULL);
	ipfix(&k);
	template(&k, 2, 256, fields);
	set(&k, 256);
	for (unsigned int i = 0; i < 3; i++) {
		put(&k, UINT64_C(0x20010db800000000), 8), put(&k, 1, 8), put(&k, UINT64_C(0x20010db800000000), 8), put(&k, 2, 8);
		put(&k, 4000, 2), put(&k, 53, 2), put(&k, 17, 1), put(&k, 5, 4), put(&k, 6, 4);
		put(&k, i < 2 ? 65 : 0, 8), put(&k, i < 2 ? 1 : 0, 8), put(&k, i < 1 ? 4157 : 0, 8), put(&k, i < 1 ? 3 : 0, 8);
		put(&k, 2, 1);
	}
	end_set(&k);
	/* both directions, one, none */
	assert_int_equal(send(&k), 3);
	assert_int_equal(count(&k, EXPORTER_IGNORED), 1);
	f = &k.out.flow[1];
	assert_int_equal(k.out.extra[0].reverse, 0);
	assert_int_equal(k.out.extra[1].reverse, 1);
	assert_int_equal(k.out.extra[1].in_if, 6);
	assert_int_equal(k.out.extra[1].out_if, 5);
	assert_int_equal(f->sport, 53);
	assert_int_equal(f->dport, 4000);
	assert_int_equal(f->bytes, 4157);
	assert_int_equal(f->packets, 3);
	assert_int_equal(f->tcp_flags, 2);
	assert_int_equal(f->src.b[15], 2);
	assert_true(f->flags & FLOW_IP6);
	assert_int_equal(k.out.extra[2].reverse, 0);
	kit_stop(&k);
}

static void
test_nsel(void **state)
{
	static const uint32_t fields[] = {8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 233, 1, 231, 4, 232, 4, 0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	v9(&k);
	template(&k, 0, 256, fields);
	set(&k, 256);
	put(&k, 0x0a000001, 4), put(&k, 0x0a000002, 4), put(&k, 53, 2), put(&k, 99, 2), put(&k, 17, 1), put(&k, 2, 1);
	put(&k, 4000, 4), put(&k, 60, 4);
	end_set(&k);
	assert_int_equal(send(&k), 2);
	assert_int_equal(k.out.flow[0].bytes, 4000);
	assert_int_equal(k.out.flow[0].packets, 3); /* the least that carry so much */
	assert_int_equal(k.out.flow[1].bytes, 60);
	assert_int_equal(k.out.flow[1].packets, 1);
	assert_int_equal(k.out.flow[1].sport, 99);
	kit_stop(&k);
}

static void
test_data_before_template(void **state)
{
	struct kit k;
	struct templates_figures f;

	(void)state;
	kit_start(&k, NULL);
	plain_message(&k, v9, 3);
	assert_int_equal(send(&k), 0);
	assert_int_equal(count(&k, EXPORTER_NO_TEMPLATE), 1);
	templates_figures(k.x, &f);
	assert_int_equal(f.waiting_sets, 1);
	k.from.seen_ns += 60 * SEC;
	k.sequence = 1;
	v9(&k);
	template(&k, 0, 300, plain);
	assert_int_equal(send(&k), 3);
	assert_int_equal(k.out.flow[2].bytes, 1002);
	assert_int_equal(k.out.flow[2].seen_ns, (T0 + 1) * SEC);
	assert_int_equal(count(&k, EXPORTER_WAITED), 1);
	assert_int_equal(count(&k, EXPORTER_NO_TEMPLATE), 0);
	templates_figures(k.x, &f);
	assert_int_equal(f.waiting_sets, 0);
	assert_int_equal(f.waiting_bytes, 0);
	kit_stop(&k);
}

/* An exporter whose template never comes keeps its latest data only. */
static void
test_waiting_is_bounded(void **state)
{
	struct export_setup s = {.template_bytes = 400000};
	struct kit k;
	struct templates_figures f;

	(void)state;
	kit_start(&k, &s);
	for (unsigned int i = 0; i < 500; i++) {
		k.from.addr.b[15] = (uint8_t)(i % 5);
		plain_message(&k, v9, 60);
		send(&k);
		templates_figures(k.x, &f);
		assert_true(f.bytes <= f.budget);
		assert_true(f.waiting_bytes <= f.budget / 4);
	}
	assert_true(f.waiting_bytes > f.budget / 5);
	assert_int_equal(count(&k, EXPORTER_NO_TEMPLATE), 500);
	kit_stop(&k);
}

static void
test_change_and_refresh(void **state)
{
	static const uint32_t other[] = {12, 4, 8, 4, 7, 2, 11, 2, 4, 1, 2, 4, 1, 4, 0, 0};
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	for (unsigned int i = 0; i < 3; i++) {
		v9(&k);
		template(&k, 0, 300, i < 2 ? plain : other);
		send(&k);
	}
	assert_int_equal(count(&k, EXPORTER_TEMPLATES), 1);
	assert_int_equal(count(&k, EXPORTER_TEMPLATES_CHANGED), 1);
	plain_message(&k, v9, 1);
	assert_int_equal(send(&k), 1);
	assert_int_equal(k.out.flow[0].packets, 1000);
	assert_int_equal(k.out.flow[0].dst.b[15], 1);
	kit_stop(&k);
}

static void
test_withdrawal(void **state)
{
	static const struct {
		uint16_t set, id;
		unsigned int gone;
	} steps[] = {{2, 300, 1}, {2, 2, 2}, {3, 3, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct kit k;

		kit_start(&k, NULL);
		ipfix(&k);
		template(&k, 2, 300, plain);
		template(&k, 2, 301, plain);
		send(&k);
		ipfix(&k);
		set(&k, steps[i].set);
		put(&k, steps[i].id, 2), put(&k, 0, 2);
		end_set(&k);
		send(&k);
		assert_int_equal(count(&k, EXPORTER_TEMPLATES_WITHDRAWN), steps[i].gone);
		plain_message(&k, ipfix, 1);
		assert_int_equal(send(&k), steps[i].gone == 0 ? 1 : 0);
		assert_int_equal(count(&k, EXPORTER_CORRUPT), 0);
		kit_stop(&k);
	}
}

static void
test_expiry(void **state)
{
	struct export_setup s = {.template_timeout_s = 600};
	struct kit k;

	(void)state;
	kit_start(&k, &s);
	v9(&k);
	template(&k, 0, 300, plain);
	send(&k);
	k.from.seen_ns += 600 * SEC;
	plain_message(&k, v9, 1);
	assert_int_equal(send(&k), 1);
	k.from.seen_ns += SEC;
	assert_int_equal(send(&k), 0);
	assert_int_equal(count(&k, EXPORTER_TEMPLATES_EXPIRED), 1);
	kit_stop(&k);
	/* on a stream they live as long as it does */
	kit_start(&k, &s);
	k.from.stream = true;
	ipfix(&k);
	template(&k, 2, 300, plain);
	send(&k);
	k.from.seen_ns += 9999 * SEC;
	plain_message(&k, ipfix, 1);
	assert_int_equal(send(&k), 1);
	templates_forget(k.x, &k.from.addr);
	assert_int_equal(send(&k), 0);
	kit_stop(&k);
}

static void
test_sequence(void **state)
{
	struct kit k;

	(void)state;
	/* v9 counts datagrams, over the wrap */
	kit_start(&k, NULL);
	k.sequence = UINT32_MAX - 1;
	for (unsigned int i = 0; i < 4; i++, k.sequence++) {
		v9(&k);
		template(&k, 0, 300, plain);
		send(&k);
	}
	assert_int_equal(count(&k, EXPORTER_LOST), 0);
	k.sequence += 5;
	plain_message(&k, v9, 2);
	send(&k);
	assert_int_equal(count(&k, EXPORTER_LOST), 5);
	assert_int_equal(count(&k, EXPORTER_RESETS), 0);
	kit_stop(&k);
	/* IPFIX counts data records */
	kit_start(&k, NULL);
	k.sequence = UINT32_MAX - 3;
	ipfix(&k);
	template(&k, 2, 300, plain);
	send(&k);
	for (unsigned int i = 0; i < 4; i++, k.sequence += 3) {
		plain_message(&k, ipfix, 3);
		send(&k);
	}
	assert_int_equal(count(&k, EXPORTER_LOST), 0);
	k.sequence += 7;
	plain_message(&k, ipfix, 3);
	send(&k);
	assert_int_equal(count(&k, EXPORTER_LOST), 7);
	kit_stop(&k);
}

/* How many records a set without a template holds is unknown: that is no loss. */
static void
test_sequence_without_template(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, NULL);
	for (unsigned int i = 0; i < 5; i++, k.sequence += 10) {
		plain_message(&k, ipfix, 10);
		send(&k);
	}
	ipfix(&k);
	template(&k, 2, 300, plain);
	assert_int_equal(send(&k), 50);
	plain_message(&k, ipfix, 10);
	send(&k);
	assert_int_equal(count(&k, EXPORTER_LOST), 0);
	assert_int_equal(count(&k, EXPORTER_DUPLICATES), 0);
	assert_int_equal(count(&k, EXPORTER_WAITED), 5);
	kit_stop(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v9_record),
		cmocka_unit_test(test_uptime_wraps),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_reduced_and_variable),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_biflow),
		cmocka_unit_test(test_nsel),
		cmocka_unit_test(test_data_before_template),
		cmocka_unit_test(test_waiting_is_bounded),
		cmocka_unit_test(test_change_and_refresh),
		cmocka_unit_test(test_withdrawal),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_sequence_without_template),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
