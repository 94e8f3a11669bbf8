/* NetFlow v5 and v9, written by hand into one buffer; IPFIX by its own encoder into the same.
 *
 * The header is written last, when the time of sending is known: 24 or 20 bytes are kept free for it.  The two
 * versions tell times by the same two numbers, uptime in the record and (uptime, seconds) in the header.  Version 9
 * has no fraction of a second there, so its headers are dated to the next whole second: rounded down,
 * every record would lie up to a second late.
 */
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "collector/netflow_encode.h"

enum {
	V5_HEADER = 24, V5_RECORD = 48, V5_RECORDS = 30,
	V9_HEADER = 20, V9_BYTES = 1400,
	TEMPLATE_V4 = 256, TEMPLATE_V6 = 257, TEMPLATE_SAMPLING = 258,
	SAMPLING_RANDOM = 2, /* both versions' word for it */
};
#define MS INT64_C(1000000)
#define WAIT_NS NS_PER_S
#define UPTIME_MAX_NS ((int64_t)UINT32_MAX * MS)

/* --- writing ------------------------------------------------------------------------------------------------ */

static void
put8(struct netflow_encoder *e, unsigned int v)
{
	e->out[e->n++] = (uint8_t)v;
}

static void
put16(struct netflow_encoder *e, unsigned int v)
{
	put8(e, v >> 8);
	put8(e, v & 0xff);
}

static void
put32(struct netflow_encoder *e, uint32_t v)
{
	put16(e, v >> 16);
	put16(e, v & 0xffff);
}

static void
put64(struct netflow_encoder *e, uint64_t v)
{
	put32(e, (uint32_t)(v >> 32));
	put32(e, (uint32_t)v);
}

static void
put_bytes(struct netflow_encoder *e, const uint8_t *p, size_t n)
{
	memcpy(e->out + e->n, p, n);
	e->n += n;
}

/* A flow longer than the uptime can tell began at the boot. */
static uint32_t
uptime_ms(const struct netflow_encoder *e, int64_t t_ns)
{
	return t_ns > e->boot_ns ? (uint32_t)((t_ns - e->boot_ns) / MS) : 0;
}

static uint32_t
in_if(const struct netflow_encoder *e, const struct flow *f)
{
	return f->exporter < e->setup.in_if_n ? e->setup.in_if[f->exporter] : 0;
}

/* --- the datagram ------------------------------------------------------------------------------------------- */

static void
close_set(struct netflow_encoder *e)
{
	size_t n;

	if (e->set == 0)
		return;
	while ((e->n - e->set) % 4 != 0)
		put8(e, 0);
	n = e->n - e->set;
	e->out[e->set + 2] = (uint8_t)(n >> 8);
	e->out[e->set + 3] = (uint8_t)n;
	e->set = 0;
}

static void
open_set(struct netflow_encoder *e, unsigned int id)
{
	close_set(e);
	e->set = e->n;
	e->set_id = id;
	put16(e, id);
	put16(e, 0);
}

static void
header_v5(struct netflow_encoder *e, int64_t t_ns)
{
	put16(e, 5);
	put16(e, e->count);
	put32(e, uptime_ms(e, t_ns));
	put32(e, (uint32_t)(t_ns / NS_PER_S));
	put32(e, (uint32_t)(t_ns % NS_PER_S));
	put32(e, e->sequence);
	put16(e, e->setup.domain & 0xffff);
	put16(e, e->setup.sampling > 1 ? (unsigned int)SAMPLING_RANDOM << 14 | e->setup.sampling : 0);
	e->sequence += e->count;
}

static void
header_v9(struct netflow_encoder *e, int64_t t_ns)
{
	int64_t second_ns = (t_ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S;

	put16(e, 9);
	put16(e, e->count);
	put32(e, uptime_ms(e, second_ns));
	put32(e, (uint32_t)(second_ns / NS_PER_S));
	put32(e, e->sequence++);
	put32(e, e->setup.domain);
	e->since_template++;
}

/* The time of sending was not known when the message was begun. */
static size_t
finish_ipfix(struct netflow_encoder *e, int64_t t_ns)
{
	size_t n = ipfix_encode_finish(&e->ipfix);

	e->n = 4;
	put32(e, (uint32_t)((t_ns + NS_PER_S - 1) / NS_PER_S));
	e->sequence += e->ipfix.records;
	e->since_template++;
	return n;
}

void
netflow_encode_flush(struct netflow_encoder *e, int64_t now_ns)
{
	size_t n;

	if (e->flows == 0)
		return;
	if (now_ns < e->latest_ns)
		now_ns = e->latest_ns;
	now_ns -= (now_ns - e->boot_ns) % MS; /* header and records then agree to the millisecond */
	if (now_ns < e->latest_ns)
		now_ns += MS;
	close_set(e);
	n = e->n;
	e->n = 0;
	if (e->setup.version == 5)
		header_v5(e, now_ns);
	else if (e->setup.version == 9)
		header_v9(e, now_ns);
	else
		n = finish_ipfix(e, now_ns);
	e->records += e->flows;
	e->datagrams++;
	e->bytes += n;
	e->send(e->ctx, e->out, n, e->flows, now_ns);
	e->n = 0;
	e->count = e->flows = 0;
}

void
netflow_encode_time(struct netflow_encoder *e, int64_t now_ns)
{
	if (e->flows > 0 && (now_ns - e->first_ns >= WAIT_NS || now_ns < e->first_ns))
		netflow_encode_flush(e, now_ns);
}

/* A flow that the uptimes of this boot cannot tell: boot anew, a minute before it. */
static void
boot_anew(struct netflow_encoder *e, const struct flow *f, int64_t now_ns)
{
	netflow_encode_flush(e, e->latest_ns);
	e->boot_ns = f->start_ns - 60 * NS_PER_S;
	if (now_ns - e->boot_ns > UPTIME_MAX_NS - 2 * NS_PER_S)
		e->boot_ns = now_ns - UPTIME_MAX_NS + 2 * NS_PER_S;
	e->boot_ns -= e->boot_ns % MS;
	e->sequence = 0;
	e->templates_sent = false;
}

/* --- version 5 -------------------------------------------------------------------------------------------------- */

/* Part i of k; all parts add up to the total, and no part of a total of k or more is zero. */
static uint32_t
part(uint64_t total, uint64_t i, uint64_t k)
{
	uint64_t whole = total / k, rest = total % k;

	return (uint32_t)(whole + (i + 1) * rest / k - i * rest / k);
}

static void
record_v5(struct netflow_encoder *e, const struct flow *f, uint32_t packets, uint32_t bytes)
{
	put_bytes(e, f->src.b + 12, 4);
	put_bytes(e, f->dst.b + 12, 4);
	put32(e, 0);            /* next hop */
	put16(e, in_if(e, f) & 0xffff);
	put16(e, 0);            /* output interface */
	put32(e, packets);
	put32(e, bytes);
	put32(e, uptime_ms(e, f->start_ns));
	put32(e, uptime_ms(e, f->end_ns));
	put16(e, f->sport);
	put16(e, f->dport);
	put8(e, 0);
	put8(e, f->tcp_flags);
	put8(e, f->proto);
	put8(e, 0);             /* type of service */
	put32(e, 0);            /* AS */
	put32(e, 0);            /* masks, padding */
}

static uint64_t
parts_v5(uint64_t total)
{
	return total / UINT32_MAX + (total % UINT32_MAX != 0);
}

/* --- version 9 -------------------------------------------------------------------------------------------------- */

struct field {
	uint16_t type, length;
};

enum { V9_COMMON = 11 };

/* RFC 3954 section 8; the rest behind the two addresses. */
static const struct field common_fields[V9_COMMON] = {
	{7, 2}, {11, 2},    /* L4_SRC_PORT, L4_DST_PORT */
	{4, 1}, {6, 1},     /* PROTOCOL, TCP_FLAGS */
	{60, 1},            /* IP_PROTOCOL_VERSION */
	{61, 1},            /* DIRECTION */
	{10, 4},            /* INPUT_SNMP */
	{2, 8}, {1, 8},     /* IN_PKTS, IN_BYTES */
	{22, 4}, {21, 4},   /* FIRST_SWITCHED, LAST_SWITCHED */
};
enum { V9_RECORD_V4 = 8 + 36, V9_RECORD_V6 = 32 + 36 };

static void
template_v9(struct netflow_encoder *e, unsigned int id, struct field src, struct field dst)
{
	put16(e, id);
	put16(e, V9_COMMON + 2);
	put16(e, src.type);
	put16(e, src.length);
	put16(e, dst.type);
	put16(e, dst.length);
	for (size_t i = 0; i < V9_COMMON; i++) {
		put16(e, common_fields[i].type);
		put16(e, common_fields[i].length);
	}
	e->count++;
}

/* SAMPLING_INTERVAL and SAMPLING_ALGORITHM of the whole system: also 1, so that nobody has to guess. */
static void
sampling_v9(struct netflow_encoder *e)
{
	open_set(e, 1);
	put16(e, TEMPLATE_SAMPLING);
	put16(e, 4);            /* bytes of scopes */
	put16(e, 8);            /* bytes of options */
	put16(e, 1);            /* scope: system */
	put16(e, 4);
	put16(e, 34);
	put16(e, 4);
	put16(e, 35);
	put16(e, 1);
	e->count++;
	open_set(e, TEMPLATE_SAMPLING);
	put32(e, e->setup.domain);
	put32(e, e->setup.sampling > 1 ? e->setup.sampling : 1);
	put8(e, e->setup.sampling > 1 ? SAMPLING_RANDOM : 1);
	e->count++;
}

static void
templates_v9(struct netflow_encoder *e)
{
	open_set(e, 0);
	template_v9(e, TEMPLATE_V4, (struct field){8, 4}, (struct field){12, 4});
	template_v9(e, TEMPLATE_V6, (struct field){27, 16}, (struct field){28, 16});
	sampling_v9(e);
	close_set(e);
}

static void
record_v9(struct netflow_encoder *e, const struct flow *f, uint64_t packets, uint64_t bytes, bool v4)
{
	size_t at = v4 ? 12 : 0;

	put_bytes(e, f->src.b + at, 16 - at);
	put_bytes(e, f->dst.b + at, 16 - at);
	put16(e, f->sport);
	put16(e, f->dport);
	put8(e, f->proto);
	put8(e, f->tcp_flags);
	put8(e, v4 ? 4 : 6);
	put8(e, 0);
	put32(e, in_if(e, f));
	put64(e, packets);
	put64(e, bytes);
	put32(e, uptime_ms(e, f->start_ns));
	put32(e, uptime_ms(e, f->end_ns));
}

/* --- both ---------------------------------------------------------------------------------------------------------- */

void
netflow_encode_init(struct netflow_encoder *e, const struct netflow_encode_setup *s, netflow_send *send, void *ctx)
{
	*e = (struct netflow_encoder){.setup = *s, .send = send, .ctx = ctx};
	e->boot_ns = s->boot_ns - s->boot_ns % MS;
	if (e->setup.template_datagrams == 0)
		e->setup.template_datagrams = 20;
	if (e->setup.template_s == 0)
		e->setup.template_s = 60;
	(void)ipfix_encode_init(&e->ipfix, IPFIX_PROBE, s->domain, e->out, IPFIX_MESSAGE_UDP);
}

/* A UDP receiver may have missed them, or come later. */
static bool
templates_due(struct netflow_encoder *e, int64_t now_ns)
{
	if (e->templates_sent && e->since_template < e->setup.template_datagrams &&
	    now_ns - e->template_ns < e->setup.template_s * NS_PER_S && now_ns >= e->template_ns)
		return false;
	e->templates_sent = true;
	e->since_template = 0;
	e->template_ns = now_ns;
	return true;
}

static void
begin_datagram(struct netflow_encoder *e, int64_t now_ns)
{
	e->first_ns = now_ns;
	e->latest_ns = INT64_MIN;
	e->n = e->setup.version == 5 ? V5_HEADER : V9_HEADER;
	if (e->setup.version == 9 && templates_due(e, now_ns))
		templates_v9(e);
	if (e->setup.version == 10)
		ipfix_encode_begin(&e->ipfix, (uint32_t)(now_ns / NS_PER_S), e->sequence, templates_due(e, now_ns));
}

/* A datagram with room for one more record. */
static void
make_room(struct netflow_encoder *e, bool v4, int64_t now_ns)
{
	size_t need = (v4 ? V9_RECORD_V4 : V9_RECORD_V6) + 4 + 3;

	if (e->setup.version == 5 ? e->count == V5_RECORDS : e->setup.version == 9 && e->n + need > V9_BYTES)
		netflow_encode_flush(e, now_ns);
	if (e->flows == 0)
		begin_datagram(e, now_ns);
}

static void
record_ipfix(struct netflow_encoder *e, const struct flow *f, int64_t now_ns)
{
	const struct flow_extra x = {.in_if = in_if(e, f)};

	if (ipfix_encode_add(&e->ipfix, f, &x))
		return;
	netflow_encode_flush(e, now_ns);
	begin_datagram(e, now_ns);
	(void)ipfix_encode_add(&e->ipfix, f, &x); /* an empty message has room */
}

static void
add(struct netflow_encoder *e, const struct flow *f, bool v4, int64_t now_ns, uint64_t packets, uint64_t bytes)
{
	make_room(e, v4, now_ns);
	if (e->setup.version == 10) {
		record_ipfix(e, f, now_ns);
	} else if (e->setup.version == 5) {
		record_v5(e, f, (uint32_t)packets, (uint32_t)bytes);
	} else {
		unsigned int id = v4 ? TEMPLATE_V4 : TEMPLATE_V6;

		if (e->set == 0 || e->set_id != id)
			open_set(e, id);
		record_v9(e, f, packets, bytes, v4);
	}
	if (f->end_ns > e->latest_ns)
		e->latest_ns = f->end_ns;
	e->count++;
	e->flows++;
}

int
netflow_encode_flow(struct netflow_encoder *e, const struct flow *f, int64_t now_ns)
{
	uint64_t n = f->sampling > 1 ? f->sampling : 1, packets = f->packets / n, bytes = f->bytes / n, k, more;
	bool v4 = addr_is_v4(&f->src) && addr_is_v4(&f->dst);

	if (e->setup.version == 5 && !v4) {
		e->no_v6++;
		return ERR_UNSUPPORTED;
	}
	if (now_ns < f->end_ns)
		now_ns = f->end_ns;
	netflow_encode_time(e, now_ns);
	if (e->setup.version != 10 && (f->start_ns < e->boot_ns || now_ns - e->boot_ns > UPTIME_MAX_NS - 2 * NS_PER_S))
		boot_anew(e, f, now_ns);
	if (e->setup.version != 5) {
		add(e, f, v4, now_ns, packets, bytes);
		return 0;
	}
	k = parts_v5(packets);
	more = parts_v5(bytes);
	if (more > k)
		k = more;
	if (k == 0)
		k = 1;
	e->split += k - 1;
	for (uint64_t i = 0; i < k; i++)
		add(e, f, v4, now_ns, part(packets, i, k), part(bytes, i, k));
	return 0;
}
