/* The table of amplifying services and its bit map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <string.h>

#include "detector/service.h"

static void
test_table(void **state)
{
	(void)state;
	assert_in_range(service_count(), SERVICE_FIRST_UDP + 10, UINT8_MAX);
	for (unsigned int i = 0; i < service_count(); i++) {
		const struct service *s = service_info((uint8_t)i);

		assert_true(s->name[0] != '\0');
		assert_true(strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s->name));
		if (i >= SERVICE_FIRST_UDP) {
			assert_true(s->port != 0);
			assert_in_range(s->min_answer, 28 + 20, 1500); /* headers are no answer */
		}
		for (unsigned int k = 0; k < i; k++) {
			assert_string_not_equal(s->name, service_info((uint8_t)k)->name);
			assert_true(s->port == 0 || s->port != service_info((uint8_t)k)->port);
		}
	}
	assert_string_equal(service_info(SERVICE_NONE)->name, "none");
	assert_string_equal(service_info(SERVICE_DNS)->name, "dns");
	assert_string_equal(service_info(SERVICE_FRAGMENT)->name, "fragment");
	assert_ptr_equal(service_info(UINT8_MAX), service_info(SERVICE_NONE));
}

static void
test_map(void **state)
{
	struct service_map m;
	unsigned int found = 0;

	(void)state;
	service_map_init(&m);
	for (unsigned int port = 1; port < 65536; port++) {
		uint8_t s = service_lookup((uint16_t)port);

		assert_int_equal(service_by_port(&m, (uint16_t)port), s);
		assert_int_equal(m.bit[port >> 6] >> (port & 63) & 1, s != SERVICE_NONE);
		if (s != SERVICE_NONE)
			assert_int_equal(service_info(s)->port, port);
		found += s != SERVICE_NONE;
	}
	assert_int_equal(service_by_port(&m, 0), SERVICE_NONE);
	assert_int_equal(found, service_count() - 2); /* all but "none" and "fragment" */
	assert_int_equal(service_lookup(53), SERVICE_DNS);
	assert_string_equal(service_info(service_lookup(123))->name, "ntp");
	assert_string_equal(service_info(service_lookup(11211))->name, "memcached");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
