/* sFlow v5: what agents say of themselves: rates, drops, sequence, address, counters of interfaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/unit/sflow_kit.h"

static void
test_rates_and_drops(void **state)
{
	struct kit *k = *state;
	static const struct flow_sample samples[] = {
		{.sequence = 10, .source = 1, .rate = 100, .drops = 5}, {.sequence = 10, .source = 2, .rate = 2000, .drops = 1},
		{.sequence = 11, .source = 1, .rate = 100, .drops = 8}, {.sequence = 11, .source = 2, .rate = 2000, .drops = 1},
		{.sequence = 9, .source = 1, .rate = 100, .drops = 4},   /* late: nothing to learn from it */
		{.sequence = 12, .source = 1, .rate = 200, .drops = 9},  /* the one change */
		{.sequence = 1, .source = 2, .rate = 2000, .drops = 0},  /* late or begun anew: too near to tell */
	};
	uint8_t p[256];
	size_t n = dns_answer(p, 1400);

	head(k, 1, sizeof(samples) / sizeof(samples[0]));
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct flow_sample s = samples[i];
		size_t at;

		s.records = 1;
		at = flow_sample(k, &s);
		raw_header(k, 1, 1418, 4, p, n);
		end(k, at);
	}
	assert_int_equal(decode(k), 7);
	assert_int_equal(k->out.flow[0].sampling, 100);
	assert_int_equal(k->out.flow[1].sampling, 2000);
	assert_int_equal(k->out.flow[1].packets, 2000);
	assert_int_equal(row(k, 0)->count[EXPORTER_SAMPLING_CHANGED], 1);
	assert_int_equal(row(k, 0)->count[EXPORTER_DROPPED], 4);
}

static void
test_override(void **state)
{
	struct kit *k = *state;
	struct exporter_override o = {.sampling = 4096};

	assert_int_equal(prefix_parse("192.0.2.0/24", &o.from), 0);
	export_free(k->x);
	k->x = export_new(&(struct export_setup){.exporters = {.override = &o, .overrides_n = 1}});
	dns_datagram(k, 1, 7);
	assert_int_equal(decode(k), 1);
	assert_int_equal(k->out.flow[0].packets, 4096);
	assert_int_equal(k->out.flow[0].sampling, 4096);
}

static void
test_sequence(void **state)
{
	struct kit *k = *state;

	dns_datagram(k, 100, 1);
	decode(k);
	dns_datagram(k, 104, 1);
	decode(k);
	assert_int_equal(row(k, 0)->count[EXPORTER_LOST], 3);
	assert_int_equal(row(k, 0)->count[EXPORTER_DATAGRAMS], 2);
	assert_int_equal(row(k, 0)->count[EXPORTER_BYTES], 2 * k->n);
}

static void
test_agent_unnamed(void **state)
{
	struct kit *k = *state;

	dns_datagram(k, 1, 1);
	set_word(k, 8, 0);
	assert_int_equal(decode(k), 1);
	assert_addr(&row(k, 0)->key.addr, "203.0.113.9");
}

static void
test_agent_v6(void **state)
{
	struct kit *k = *state;
	static const uint8_t agent[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};

	k->n = 0;
	word(k, 5), word(k, 2);
	raw(k, agent, 16);
	word(k, 0), word(k, 1), word(k, 1), word(k, 0);
	assert_int_equal(decode(k), 0);
	assert_addr(&row(k, 0)->key.addr, "2001:db8::9");
	assert_int_equal(row(k, 0)->count[EXPORTER_CORRUPT], 0);
}

/* --- counters ----------------------------------------------------------------------------------- */

static void
counters(struct kit *k, uint32_t uptime, uint64_t in, uint64_t out, uint32_t packets)
{
	size_t at, rec;

	head(k, uptime, 1);
	set_word(k, 20, uptime);
	at = begin(k, 2);
	word(k, 1), word(k, 17), word(k, 1);
	rec = begin(k, 1);
	word(k, 17), word(k, 6), word(k, 2), word(k, 0x540be400), word(k, 1), word(k, 3); /* 10 Gbit/s */
	word(k, (uint32_t)(in >> 32)), word(k, (uint32_t)in), word(k, packets), word(k, 0), word(k, UINT32_MAX);
	word(k, 1), word(k, 2), word(k, 0);
	word(k, (uint32_t)(out >> 32)), word(k, (uint32_t)out), word(k, packets), word(k, 0), word(k, UINT32_MAX);
	word(k, 3), word(k, 4), word(k, 0);
	end(k, rec);
	end(k, at);
	assert_int_equal(decode(k), 0);
	k->from.seen_ns += 20 * SECOND;
}

static void
test_counters(void **state)
{
	struct kit *k = *state;
	const struct sflow_interface *i;
	struct sflow *s = export_sflow(k->x);

	assert_null(sflow_counters(s, 7u << 20, 17));
	counters(k, 1000, 5000, 0xfffffff0, 0xfffffffa);
	i = sflow_counters(s, 7u << 20, 17);
	assert_non_null(i);
	assert_int_equal(i->speed_bps, 10000000000);
	assert_true(i->full_duplex && i->up);
	assert_int_equal(i->delta_ns, 0);
	counters(k, 21000, 1005000, 0x10, 4); /* the second and third are 32-bit counters that wrapped */
	i = sflow_counters(s, 7u << 20, 17);
	assert_int_equal(i->delta_ns, 20 * SECOND);
	assert_int_equal(i->delta.in_octets, 1000000);
	assert_int_equal(i->delta.out_octets, 0x20);
	assert_int_equal(i->delta.in_packets, 10);
	counters(k, 41000, 2005000, 0x20, 5);
	assert_int_equal(sflow_counters(s, 7u << 20, 17)->total.in_octets, 2000000);
	counters(k, 100, 7, 7, 7); /* the agent was restarted */
	i = sflow_counters(s, 7u << 20, 17);
	assert_int_equal(i->restarts, 1);
	assert_int_equal(i->delta_ns, 0);
	assert_int_equal(i->total.in_octets, 2000000);
	counters(k, 20100, 107, 7, 7);
	assert_int_equal(sflow_counters(s, 7u << 20, 17)->total.in_octets, 2000100);
	assert_int_equal(sflow_interfaces_n(s), 1);
	assert_int_equal(row(k, 0)->count[EXPORTER_COUNTERS], 5);
}

static void
test_tables_bounded(void **state)
{
	struct sflow *s = sflow_new(1);
	bool known;

	(void)state;
	for (uint32_t i = 0; i < SFLOW_SOURCES; i++)
		assert_non_null(sflow_source(s, i % 7, i, &known));
	assert_null(sflow_source(s, 8, 1, &known));
	assert_int_equal(sflow_full(s), 1);
	for (uint32_t i = 0; i < SFLOW_SOURCES; i++) {
		struct sflow_source *source = sflow_source(s, i % 7, i, &known);

		assert_true(known);
		assert_int_equal(source->key, i);
	}
	sflow_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rates_and_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_override, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sequence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_unnamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
