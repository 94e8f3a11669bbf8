/* UDP services that amplify: a table of ports, with the mean answer size from which on a stream
 * of answers is no ordinary use.  Sources: US-CERT TA14-017A (UDP-based amplification attacks and
 * its later additions), Rossow, "Amplification Hell", NDSS 2014, and vendors' advisories named in the table.
 */
#ifndef DETECTOR_SERVICE_H
#define DETECTOR_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

/* From here on systems draw the ports of their clients (RFC 6335 section 6 names 49152, address translators begin at 1024). */
enum { SERVICE_PORTS_DRAWN = 1024 };

enum {
	SERVICE_NONE = 0,
	SERVICE_DNS = 1,
	SERVICE_FRAGMENT = 2, /* UDP fragments that belong to no service in the table */
	SERVICE_FIRST_UDP = 3,
	/* not in the table: watches of what names tell, see names.h */
	SERVICE_NAMES_FIRST = 248,
	SERVICE_FAILING = 248,   /* a client whose questions fail */
	SERVICE_TUNNEL = 249,    /* a client that sends data in names */
	SERVICE_RECURSION = 250, /* a server that answers recursion to strangers */
	SERVICE_ZONE = 251,      /* a zone; its address is a hash of its name */
	SERVICE_LEVEL = 254,  /* not in the table: hosts far above their own level, see anomaly.c */
	SERVICE_EXPORTER = 255, /* not in the table: watches of flow exporters, see exporter.c */
};

struct service {
	const char *name;    /* damp.vector */
	uint16_t port;
	uint16_t min_answer; /* bytes at IP level: mean size of abused answers is at least this */
	/* For services that carry sessions (tunnels, desktops, games): bytes at IP level that a forged
	 * request has at most, as it is a bare greeting, while a session's packets back are longer on
	 * average.  0: the service is question and answer.  1: no size tells them apart. */
	uint16_t session_request;
	/* No client draws such answers at a rate, so both ends may be anywhere: see engine_stranger. */
	bool abuse;
};

/* Which ports are in the table at all, as a bit map of 8 KiB that stays in the first-level cache:
 * most packets belong to no service, and this is asked twice for each of them. */
struct service_map {
	uint64_t bit[65536 / 64];
};
void service_map_init(struct service_map *m);

uint8_t service_lookup(uint16_t port); /* walks the table: for ports whose bit is set */

/* The service of a port, or SERVICE_NONE. */
static inline uint8_t
service_by_port(const struct service_map *m, uint16_t port)
{
	return (m->bit[port >> 6] >> (port & 63) & 1) != 0 ? service_lookup(port) : SERVICE_NONE;
}

const struct service *service_info(uint8_t id); /* id < service_count() */
unsigned int service_count(void);

/* A watch made for what names tell. */
static inline bool
service_is_names(uint8_t id)
{
	return id >= SERVICE_NAMES_FIRST && id <= SERVICE_ZONE;
}

#endif
