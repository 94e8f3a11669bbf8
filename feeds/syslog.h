/* Alert lines as syslog messages (RFC 5424):
 *
 *   <PRI>1 TIME SENSOR damp - alert [damp@32473 kind=".." action=".." severity=".." subject=".." incident=".."] LINE
 *
 * LINE is the alert line, byte for byte, without a byte order mark in front (MSG-ANY of RFC 5424
 * section 6.4), so that what a receiver stores still verifies.  TIME is the event's.  Facility local4;
 * severity crit for alerts of 9 and 10, err for 7 and 8, warning for 4 to 6, else notice, and notice for
 * `closed`.  32473 is the number RFC 5612 sets aside for documentation: damp has no number of its own.
 *
 *   unix:///dev/log     datagrams, or a stream with a newline after each message if the socket is one
 *   udp://host[:514]    one datagram a message (RFC 5426); nobody tells whether it arrived.  Paced, as a burst
 *                       would overrun the receiver's buffer: 64 KiB at once, then 2 MiB/s while polled
 *   tcp://host[:601]    octet-counted (RFC 6587 section 3.4.1)
 *
 * IPv6 addresses stand in brackets.  Lines longer than a datagram are counted as too_long: 65 507
 * bytes on UDP over IPv4, the send buffer on unix datagrams.  Receivers have limits of their own:
 * rsyslog cuts messages at 8 KiB unless told global(maxMessageSize="256k"), and reads RFC 5424 from a
 * unix socket only with UseSpecialParser="off" ParseHostname="on" on its imuxsock input.
 */
#ifndef FEEDS_SYSLOG_H
#define FEEDS_SYSLOG_H

#include "base/buf.h"
#include "feeds/feed.h"

extern const struct feed_kind feed_syslog_unix, feed_syslog_udp, feed_syslog_tcp;

/* One message without framing; 0 or ERR_FULL. */
int syslog_message(struct buf *out, const struct alert *a, const char *sensor, const char *line, size_t n);

enum syslog_transport { SYSLOG_UNIX, SYSLOG_UDP, SYSLOG_TCP };

struct syslog_target {
	enum syslog_transport transport;
	char host[256]; /* unix: the path; else name or address without brackets */
	char port[8];   /* decimal; "" for unix */
};
/* 0, or ERR_INVALID and a reason. */
int syslog_url_parse(const char *url, struct syslog_target *t, char *why, size_t why_size);

#endif
