#include "detector/service.h"

#include <stddef.h>

/* One line per service.  The sizes are the smallest answers an attack would bother with, well
 * above what a client of the service sees all day (an NTP time answer is 76 bytes).  Greetings of
 * sessions: RDP 16 bytes of payload, A2S_INFO 25, getstatus 15, OpenVPN's hard reset 14; acknowledgements
 * of uTP (BEP 29) are as short as any request. */
static const struct service table[] = {
	{"none", 0, 0, 0, false},
	{"dns", 53, 0, 0, false},        /* judged by its own detectors */
	{"fragment", 0, 400, 0, false},  /* likewise */
	{"qotd", 17, 100, 0, true},     /* RFC 865 */
	{"chargen", 19, 200, 0, true},  /* RFC 864 */
	{"tftp", 69, 400, 0, false},     /* RFC 1350; Sieklik et al. 2016 */
	{"portmap", 111, 100, 0, false}, /* RFC 1833 dump */
	{"ntp", 123, 200, 0, true},     /* mode 7 monlist, mode 6 readvar */
	{"netbios", 137, 150, 0, false}, /* RFC 1002 node status */
	{"snmp", 161, 500, 0, false},    /* GetBulk, RFC 3416 */
	{"xdmcp", 177, 100, 0, false},
	{"cldap", 389, 1000, 0, true},  /* RFC 1798 searchRequest */
	{"slp", 427, 300, 0, false},     /* CVE-2023-29552 */
	{"ike", 500, 150, 0, false},     /* IKE retransmissions */
	{"rip", 520, 200, 0, false},     /* RFC 1058 table request */
	{"ipmi", 623, 100, 0, false},
	{"openvpn", 1194, 100, 64, false},
	{"mssql", 1434, 200, 0, true},  /* SQL Server browser */
	{"ssdp", 1900, 250, 0, true},   /* M-SEARCH */
	{"tp240", 10074, 200, 0, false}, /* CVE-2022-26143 */
	{"arms", 3283, 500, 0, false},   /* Apple remote management */
	{"rdp", 3389, 500, 60, false},    /* RDP over UDP */
	{"wsd", 3702, 500, 0, false},    /* WS-Discovery */
	{"ike-nat-t", 4500, 150, 64, false},
	{"coap", 5683, 200, 0, false},   /* RFC 7252 /.well-known/core */
	{"mdns", 5353, 200, 0, false},   /* unicast answers to strangers, RFC 6762 section 5.5 */
	{"plex", 32414, 200, 0, false},
	{"quake", 27960, 200, 64, false},
	{"steam", 27015, 200, 64, false}, /* A2S_INFO, A2S_RULES */
	{"ard", 3284, 500, 0, false},
	{"dvr-dhcp", 37810, 200, 0, false},
	{"bittorrent", 6881, 300, 1, false},
	{"ubiquiti", 10001, 100, 0, false},
	{"vxworks", 17185, 200, 0, false},
	{"memcached", 11211, 1000, 0, true},
	{"citrix-dtls", 10443, 400, 64, false},
	{"kad", 4672, 300, 1, false},    /* TA14-017A: peer list exchange */
	{"sentinel", 5093, 200, 0, false}, /* license manager, answers of up to 1.4 kB */
	{"bacnet", 47808, 100, 0, false},  /* ReadPropertyMultiple of building controllers (ASHRAE 135, annex J) */
	{"lantronix", 30718, 100, 0, false}, /* serial device servers' set-up record */
	{"powerhouse", 20811, 200, 0, false}, /* PowerHouse Management */
	{"crestron", 41794, 100, 0, false}, /* room controllers */
	{"jenkins", 33848, 100, 0, false}, /* CVE-2020-2100 */
	{"sadp", 37020, 200, 0, false},    /* cameras' search protocol: XML for 20 bytes */
};

enum { SERVICES = sizeof(table) / sizeof(table[0]) };

unsigned int
service_count(void)
{
	return SERVICES;
}

const struct service *
service_info(uint8_t id)
{
	return &table[id < SERVICES ? id : 0];
}

void
service_map_init(struct service_map *m)
{
	*m = (struct service_map){{0}};
	for (unsigned int i = 0; i < SERVICES; i++)
		if (table[i].port != 0)
			m->bit[table[i].port >> 6] |= UINT64_C(1) << (table[i].port & 63);
}

uint8_t
service_lookup(uint16_t port)
{
	for (unsigned int i = SERVICE_DNS; i < SERVICES; i++)
		if (table[i].port == port)
			return (uint8_t)i;
	return SERVICE_NONE;
}
