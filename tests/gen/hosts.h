/* Who is where: the n-th host of a prefix, and strangers on the Internet. */
#ifndef TESTS_GEN_HOSTS_H
#define TESTS_GEN_HOSTS_H

#include "tests/gen/gen.h"

/* The first 64 numbers of an IPv4 prefix of at least 256 are servers' (host_server), the rest is
 * customers', in a scattered but fixed order without repetition.  IPv6 hosts have scattered interface ids; in
 * a prefix shorter than /64 each has a network of its own. */
struct addr host_customer(const struct prefix *p, uint32_t index);
uint32_t host_customers(const struct prefix *p); /* how many there are; capped for IPv6 */
struct addr host_server(const struct prefix *p, uint32_t number);
/* A public address, the same for the same number. */
struct addr host_internet(uint64_t number, bool v6);

#endif
