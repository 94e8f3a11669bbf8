#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

struct range {
	uint8_t net[16];
	uint8_t bits;
};

#define V4(a, b, c, d) {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}

static const struct range special[] = {
	{V4(0, 0, 0, 0), 104},   {V4(224, 0, 0, 0), 100}, {V4(255, 255, 255, 255), 128},
	{{0}, 128},              {{0xff}, 8},
};

static const struct range private_nets[] = {
	{V4(10, 0, 0, 0), 104},  {V4(172, 16, 0, 0), 108}, {V4(192, 168, 0, 0), 112},
	{V4(100, 64, 0, 0), 106}, {V4(127, 0, 0, 0), 104}, {V4(169, 254, 0, 0), 112},
	{{0xfc}, 7},             {{0xfe, 0x80}, 10},       {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128},
};

static bool
in_range(const uint8_t *net, unsigned int bits, const struct addr *a)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(net, a->b, whole) != 0)
		return false;
	return rest == 0 || ((net[whole] ^ a->b[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

static bool
in_table(const struct range *t, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (in_range(t[i].net, t[i].bits, a))
			return true;
	return false;
}

bool
addr_is_special(const struct addr *a)
{
	return in_table(special, sizeof(special) / sizeof(special[0]), a);
}

bool
addr_is_private(const struct addr *a)
{
	return in_table(private_nets, sizeof(private_nets) / sizeof(private_nets[0]), a);
}

const char *
addr_text(const struct addr *a, char buf[ADDR_TEXT])
{
	bool v4 = addr_is_v4(a);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + 12 : a->b, buf, ADDR_TEXT) == NULL)
		buf[0] = '\0';
	return buf;
}

const char *
prefix_text(const struct prefix *p, char buf[PREFIX_TEXT])
{
	char ip[ADDR_TEXT];
	unsigned int bits = p->bits;

	if (addr_is_v4(&p->addr) && bits >= 96)
		bits -= 96;
	snprintf(buf, PREFIX_TEXT, "%s/%u", addr_text(&p->addr, ip), bits);
	return buf;
}

int
addr_parse(const char *text, struct addr *a)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*a = addr_v4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*a = addr_v6(bytes);
	else
		return ERR_INVALID;
	return 0;
}

struct prefix
prefix_of(const struct addr *a, unsigned int bits)
{
	struct prefix p = {*a, (uint8_t)(bits > 128 ? 128 : bits)};

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int keep = p.bits > i * 8 ? p.bits - i * 8 : 0;

		if (keep < 8)
			p.addr.b[i] &= (uint8_t)(0xff00 >> keep);
	}
	return p;
}

int
prefix_parse(const char *text, struct prefix *p)
{
	const char *slash = strchr(text, '/');
	char ip[ADDR_TEXT];
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned long bits = 128, most;
	struct addr a;

	if (n >= sizeof(ip))
		return ERR_INVALID;
	memcpy(ip, text, n);
	ip[n] = '\0';
	if (addr_parse(ip, &a) < 0)
		return ERR_INVALID;
	most = strchr(ip, ':') != NULL ? 128 : 32;
	if (slash != NULL) {
		char *end;

		if (slash[1] < '0' || slash[1] > '9')
			return ERR_INVALID;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > most)
			return ERR_INVALID;
		bits += 128 - most;
	}
	*p = prefix_of(&a, (unsigned int)bits);
	return addr_equal(&p->addr, &a) ? 0 : ERR_INVALID;
}

bool
prefix_contains(const struct prefix *p, const struct addr *a)
{
	return in_range(p->addr.b, p->bits, a);
}
