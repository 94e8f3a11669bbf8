/* An MMDB file that may say anything: what is taken from it stays in its bounds and in the order of its file. */
#include "tests/fuzz/fuzz.h"

#include "feeds/geoip.h"

/* libmaxminddb 1.7 loses 5 kB when the metadata it has begun to read turn out broken; a file is opened once. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static void
look(struct geoip *g, const char *ip)
{
	struct line_geo out;
	struct addr a;

	check(addr_parse(ip, &a) == 0);
	memset(&out, 0xff, sizeof(out)); /* every member must be written */
	geoip_lookup(g, &a, &out);
	check(strlen(out.city) < sizeof(out.city) && strlen(out.as_org) < sizeof(out.as_org));
	check(!out.has_country || strlen(out.country) == 2);
	check(!out.has_location || (out.lat >= -90 && out.lat <= 90 && out.lon >= -180 && out.lon <= 180));
	check(!out.has_as || out.as_number != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct geoip *g = geoip_new();
	char path[FUZZ_PATH], why[300];
	int fd = fuzz_file(data, size, path);

	check(g != NULL);
	if (geoip_add(g, path, why, sizeof(why)) == 0) {
		look(g, "192.0.2.1");
		look(g, "10.64.0.200");
		look(g, "2001:db8::1");
		look(g, "ff02::1");
		check(geoip_describe(g, 0).found <= geoip_describe(g, 0).lookups);
	} else {
		check(geoip_count(g) == 0);
	}
	geoip_free(g);
	close(fd);
	return 0;
}
