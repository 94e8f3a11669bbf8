/* IP addresses and prefixes.  IPv4 is held as ::ffff:a.b.c.d (RFC 4291 2.5.5.2),
 * so one shape serves both families; prefix lengths count in 128 bits.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct addr {
	uint8_t b[16]; /* network byte order */
};

struct prefix {
	struct addr addr; /* host bits zero */
	uint8_t bits;     /* 0..128; an IPv4 /24 has 120 */
};

enum { ADDR_TEXT = 46, PREFIX_TEXT = 50 }; /* buffer sizes incl. NUL */

static inline bool
addr_is_v4(const struct addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

/* From the 4 or 16 bytes found in a header. */
static inline struct addr
addr_v4(const uint8_t bytes[4])
{
	struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	memcpy(a.b + 12, bytes, 4);
	return a;
}

static inline struct addr
addr_v6(const uint8_t bytes[16])
{
	struct addr a;

	memcpy(a.b, bytes, 16);
	return a;
}

static inline int
addr_cmp(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

static inline bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

/* Neither ours to name nor anybody's: unspecified, multicast, broadcast. */
bool addr_is_special(const struct addr *a);
/* RFC 1918, RFC 6598, RFC 4193, loopback, link-local: addresses of an inside. */
bool addr_is_private(const struct addr *a);

/* Text as inet_ntop writes it (RFC 5952); returns buf. */
const char *addr_text(const struct addr *a, char buf[ADDR_TEXT]);
const char *prefix_text(const struct prefix *p, char buf[PREFIX_TEXT]);

/* 0 or ERR_INVALID.  prefix_parse takes "10.0.0.0/8", "2001:db8::/32" or a bare
 * address; set host bits are an error, as they are mostly a typing mistake. */
int addr_parse(const char *text, struct addr *a);
int prefix_parse(const char *text, struct prefix *p);

bool prefix_contains(const struct prefix *p, const struct addr *a);
/* The prefix of the given length around an address. */
struct prefix prefix_of(const struct addr *a, unsigned int bits);

#endif
