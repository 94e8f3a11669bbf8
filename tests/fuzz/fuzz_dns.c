/* A DNS message, whole or cut; the first two bytes say how long it claims to be. */
#include "tests/fuzz/fuzz.h"

#include "collector/dns.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_view v;
	struct dns_records r;
	char text[DNS_NAME_TEXT], again[DNS_NAME_TEXT];
	uint8_t wire[DNS_NAME_WIRE];

	if (size < 2)
		return 0;
	if (dns_view_parse(&v, data + 2, size - 2, (size_t)(data[0] << 8 | data[1])) < 0 && size < 14)
		return 0;
	check(v.captured <= v.size && v.captured <= size - 2);
	check((v.name == NULL) == (v.name_len == 0));
	dns_view_records(&v, &r);
	check(!(r.complete && r.malformed));
	if (v.name == NULL)
		return 0;
	check(v.name >= data + 2 && v.name + v.name_len + 4 <= data + size);
	dns_name_text(v.name, v.name_len, text);
	check(dns_name_parse(text, wire) == v.name_len);
	check(strcmp(dns_name_text(wire, v.name_len, again), text) == 0);
	return 0;
}
