/* A list of public suffixes by anybody, and names against it: a zone begins at a label, and a customer's not behind it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/dns.h"
#include "detector/suffix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
cut(const struct suffixes *s, const char *text)
{
	uint8_t wire[DNS_NAME_WIRE], label[DNS_NAME_WIRE / 2];
	unsigned int labels = 0, zone = 0, customer = 0;
	int n = dns_name_parse(text, wire);
	struct suffix_cut c;

	for (int i = 0; i < n && wire[i] != 0; i += wire[i] + 1)
		label[labels++] = (uint8_t)i;
	if (labels < 2)
		return;
	c = suffixes_cut(s, wire, label, labels);
	for (unsigned int i = 0; i < labels; i++) {
		zone += label[i] == c.zone;
		customer += label[i] == c.customer;
	}
	if (zone != 1 || customer != 1 || c.customer > c.zone || c.zone > label[labels - 2])
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct suffix_facts facts;
	char why[160], name[260];
	struct suffixes *s = suffixes_new(data, size, 1, &facts, why, sizeof(why));
	size_t n = size < sizeof(name) - 1 ? size : sizeof(name) - 1;

	cut(s, "a.b.c.d.example.com");
	cut(s, "www.shop.city.kobe.jp");
	cut(s, "a.foo.github.io");
	cut(s, "a.b.xn--55qx5d.cn");
	/* the end of the list as a name */
	if (n > 0)
		memcpy(name, data + size - n, n);
	name[n] = '\0';
	cut(s, name);
	suffixes_free(s);
	return 0;
}
