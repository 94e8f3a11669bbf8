/* Captures of export datagrams: the packets of a block become the flow records they carry.
 *
 * The readers of captures know nothing of this: source_read passes their blocks through here.  Without being told, a
 * capture is one of exports when its first packets are: each one in turn speaks for or against, a clear lead ends it,
 * so the answer depends on the packets alone and not on how a pipe cut them into blocks.  (What comes ahead of the
 * first datagram may leave a slow pipe as packets.)
 *
 * UDP payloads are datagrams as they are; IPFIX over TCP is put together per connection from segments in order.
 * What is neither, and did not go to a port where datagrams went before, is no export traffic and passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/decode.h"
#include "collector/export.h"
#include "collector/reader.h"

enum {
	LOOK_MAX = 32,      /* packets that may speak before the majority decides */
	LEAD_EXPORTS = 8, LEAD_PACKETS = 3,
	STREAMS = 32,       /* connections at once; the one idle for longest makes room */
	MESSAGE_MAX = 65535,
	FLOWS = 8192,       /* a block's flows and views to begin with: what a usual block holds */
};

struct stream {
	struct addr src, dst;
	uint16_t sport, dport;
	bool synced;        /* a message starts at buf[0], or would at n = 0 */
	uint32_t next;      /* sequence number of the byte behind buf[n - 1] */
	uint64_t used;      /* packet number of the latest segment; 0: free */
	size_t n;
	uint8_t buf[MESSAGE_MAX + 1];
};

enum trouble { TROUBLE_FRAGMENT, TROUBLE_GAP, TROUBLE_STREAM, TROUBLE_KINDS };

struct exports {
	bool decided;
	unsigned int looked, for_exports, for_packets;
	size_t first;               /* packet of the block not looked at */
	struct addr tcp_src;        /* of the latest IPFIX segment seen while looking */
	uint16_t tcp_port;
	uint64_t packets;           /* before the block */
	bool told[TROUBLE_KINDS];
	uint8_t port[65536 / 8];    /* a bit for each destination port that got datagrams */
	struct stream *stream[STREAMS];
};

/* --- payloads -------------------------------------------------------------------------------------------- */

enum carries { CARRIES_NOTHING, CARRIES_OTHER, CARRIES_FRAGMENT, CARRIES_UDP, CARRIES_TCP };

struct payload {
	struct flow flow;
	const uint8_t *p;
	size_t n;
	uint32_t sequence; /* TCP */
};

static bool
same_ends(const struct flow *a, const struct flow *b)
{
	return addr_equal(&a->src, &b->src) && addr_equal(&a->dst, &b->dst) && a->proto == b->proto &&
	    a->sport == b->sport && a->dport == b->dport;
}

/* The decoder stops behind what it read of a transport header: all eight bytes of UDP, fourteen of TCP. */
static enum carries
transport_payload(struct cursor *c, struct payload *out)
{
	const uint8_t *at = c->p;
	size_t length;

	if (c->bad)
		return CARRIES_NOTHING;
	if (out->flow.proto == FLOW_UDP) {
		length = decode_be16(at - 4);
		length = length >= 8 ? length - 8 : cursor_left(c);
		out->p = at;
		out->n = length < cursor_left(c) ? length : cursor_left(c);
		return CARRIES_UDP;
	}
	cursor_skip(c, (size_t)(at[-2] >> 4) * 4 - 14);
	if (c->bad || (out->flow.flags & FLOW_FRAG_FIRST) != 0)
		return CARRIES_NOTHING;
	out->sequence = (uint32_t)decode_be16(at - 10) << 16 | decode_be16(at - 8);
	out->p = c->p;
	out->n = cursor_left(c);
	return out->n > 0 ? CARRIES_TCP : CARRIES_NOTHING;
}

static enum carries
payload_of(const struct block *b, size_t i, struct payload *out)
{
	struct flow flow[2];
	struct dns_view dns[2];
	struct flow_batch batch = {.flow = flow, .cap = 2, .dns = dns, .dns_cap = 2};
	struct decode d = {.out = &batch};

	decode_general(&d, &b->packet[i], b->data + b->packet[i].offset);
	if (batch.n == 0 || d.rejected >= 0)
		return CARRIES_NOTHING;
	out->flow = flow[0];
	if ((flow[0].flags & FLOW_FRAG_LATER) != 0)
		return flow[0].proto == FLOW_UDP ? CARRIES_FRAGMENT : CARRIES_NOTHING;
	if (flow[0].proto == FLOW_ICMP || flow[0].proto == FLOW_ICMP6)
		return CARRIES_NOTHING; /* tells exporters that nobody listens */
	if (flow[0].proto != FLOW_UDP && flow[0].proto != FLOW_TCP)
		return CARRIES_OTHER;
	if (flow[0].sport == PORT_DNS || flow[0].dport == PORT_DNS)
		return CARRIES_OTHER;
	if (d.has_outer && same_ends(&flow[0], &d.outer))
		return CARRIES_OTHER; /* a tunnel with something unknown inside */
	return transport_payload(&d.c, out);
}

/* The start of an IPFIX message, of which a segment may hold but a part. */
static bool
message_start(const uint8_t *p, size_t n)
{
	struct cursor c = cursor_view(p, n);
	unsigned int version = cursor_u16(&c), length = cursor_u16(&c), set, set_length;

	cursor_skip(&c, 12);
	set = cursor_u16(&c);
	set_length = cursor_u16(&c);
	return !c.bad && version == EXPORT_IPFIX && (set == 2 || set == 3 || set >= 256) && set_length >= 4 &&
	    set_length + 16 <= length;
}

static bool
known_port(const struct exports *x, unsigned int port)
{
	return (x->port[port / 8] >> port % 8 & 1) != 0;
}

/* Sound by its lengths, or where datagrams go and at least of a known version: a damaged one. */
static bool
looks_exported(const struct exports *x, const struct payload *pl)
{
	struct cursor c = cursor_view(pl->p, pl->n);

	if (export_plausible(pl->p, pl->n))
		return true;
	if (!known_port(x, pl->flow.dport))
		return false;
	switch (cursor_u16(&c)) {
	case EXPORT_V1: case EXPORT_V5: case EXPORT_V6: case EXPORT_V7: case EXPORT_V9: case EXPORT_IPFIX: return true;
	case 0: return cursor_u16(&c) == 5;
	default: return false;
	}
}

/* --- what kind of capture -------------------------------------------------------------------------------- */

static void
look_at(struct exports *x, const struct block *b, size_t i)
{
	struct payload pl;

	switch (payload_of(b, i, &pl)) {
	case CARRIES_NOTHING: case CARRIES_FRAGMENT:
		break;
	case CARRIES_OTHER:
		x->for_packets++;
		break;
	case CARRIES_UDP:
		if (looks_exported(x, &pl))
			x->for_exports++;
		else
			x->for_packets++;
		break;
	case CARRIES_TCP:
		if (message_start(pl.p, pl.n)) {
			x->for_exports++;
			x->tcp_src = pl.flow.src;
			x->tcp_port = pl.flow.sport;
		} else if (!addr_equal(&x->tcp_src, &pl.flow.src) || x->tcp_port != pl.flow.sport) {
			x->for_packets++;
		}
		break;
	}
}

/* Goes on where it stopped; true once there is an answer. */
static bool
look(struct exports *x, const struct block *b)
{
	while (x->first < b->n && x->looked < LOOK_MAX) {
		look_at(x, b, x->first++);
		x->looked++;
		if (x->for_exports >= x->for_packets + LEAD_EXPORTS || x->for_packets >= x->for_exports + LEAD_PACKETS)
			return true;
	}
	return x->looked == LOOK_MAX;
}

/* Appends the packets of `more`, read right behind b's: its data begin where b's packets end, `shared` bytes before
 * the end of b's data. */
static int
append(struct block *b, const struct block *more, size_t shared)
{
	size_t at = b->size - shared, n = b->n + more->n;
	uint8_t *data = at + more->size > b->cap ? realloc(b->data, at + more->size) : b->data;
	struct raw_packet *packet;

	if (data == NULL)
		return ERR_NOMEM;
	b->data = data;
	if (at + more->size > b->cap)
		b->cap = at + more->size;
	packet = n > b->packet_cap ? realloc(b->packet, n * sizeof(*packet)) : b->packet;
	if (packet == NULL)
		return ERR_NOMEM;
	b->packet = packet;
	if (n > b->packet_cap)
		b->packet_cap = n;
	memcpy(b->data + at, more->data, more->size);
	b->size = at + more->size;
	for (size_t i = 0; i < more->n; i++) {
		b->packet[b->n] = more->packet[i];
		b->packet[b->n++].offset += (uint32_t)at;
	}
	return 0;
}

/* Reads on until the capture's kind is known; its first packets stay in the block.  Nothing is held back while not one
 * datagram has come: a pipe may be slow, and its packets are wanted now. */
static int
decide(struct source *s, struct exports *x, struct block *b)
{
	struct block more;
	bool answer;
	int err = 0;

	while (!(answer = look(x, b)) && x->for_exports > 0 && err == 0) {
		size_t shared = s->carry_n;

		err = block_init(&more);
		if (err != 0)
			return err;
		if (s->format->read(s, &more) <= 0)
			err = ERR_EOF; /* and so will the next read find */
		else
			err = append(b, &more, shared);
		block_done(&more);
	}
	if (answer || x->for_exports > 0) {
		x->decided = true;
		s->packets_only = x->for_exports <= 2 * x->for_packets;
	}
	x->first = 0;
	return err == ERR_NOMEM ? err : 0;
}

/* --- datagrams and streams ------------------------------------------------------------------------------- */

static void
trouble(struct source *s, const struct block *b, size_t i, enum trouble what)
{
	static const char *const reasons[TROUBLE_KINDS] = {
		[TROUBLE_FRAGMENT] = "a fragment of an export datagram; they are not put together (told once)",
		[TROUBLE_GAP] = "a segment of an IPFIX connection is missing (told once)",
		[TROUBLE_STREAM] = "an IPFIX connection lost its message boundaries (told once)",
	};

	s->damaged++;
	if (!s->exports->told[what] && s->ev.damage != NULL)
		s->ev.damage(s->ev.ctx, s->name, s->exports->packets + i + 1, source_offset(s, b, b->packet[i].offset),
		    reasons[what]);
	s->exports->told[what] = true;
}

static void
take_datagram(struct source *s, struct block *b, const struct payload *pl, int64_t seen_ns)
{
	struct exports *x = s->exports;
	struct export_from from = {.addr = pl->flow.src, .port = pl->flow.sport, .seen_ns = seen_ns};

	if (export_plausible(pl->p, pl->n))
		x->port[pl->flow.dport / 8] |= (uint8_t)(1u << pl->flow.dport % 8);
	else if (!known_port(x, pl->flow.dport))
		return;
	(void)export_datagram(s->export, &from, pl->p, pl->n, &b->flows);
}

static struct stream *
stream_of(struct exports *x, const struct payload *pl)
{
	struct stream **oldest = &x->stream[0], *st;

	for (int i = 0; i < STREAMS; i++) {
		st = x->stream[i];
		if (st == NULL || (*oldest != NULL && st->used < (*oldest)->used))
			oldest = &x->stream[i];
		if (st != NULL && st->used != 0 && st->sport == pl->flow.sport && st->dport == pl->flow.dport &&
		    addr_equal(&st->src, &pl->flow.src) && addr_equal(&st->dst, &pl->flow.dst))
			return st;
	}
	if (!message_start(pl->p, pl->n))
		return NULL;
	if (*oldest == NULL)
		*oldest = malloc(sizeof(**oldest));
	st = *oldest;
	if (st == NULL)
		return NULL;
	st->src = pl->flow.src;
	st->dst = pl->flow.dst;
	st->sport = pl->flow.sport;
	st->dport = pl->flow.dport;
	st->next = pl->sequence;
	st->synced = true;
	st->n = 0;
	return st;
}

/* Decodes the whole messages at the buffer's start; false: what is there is none. */
static bool
stream_messages(struct source *s, struct stream *st, int64_t seen_ns, struct flow_batch *out)
{
	struct export_from from = {.addr = st->src, .port = st->sport, .stream = true, .seen_ns = seen_ns};
	size_t at = 0;

	while (st->n - at >= 4) {
		size_t length = decode_be16(st->buf + at + 2), flows = out->n, views = out->dns_n;

		if (decode_be16(st->buf + at) != EXPORT_IPFIX || length < 16)
			return false;
		if (length > st->n - at)
			break;
		(void)export_datagram(s->export, &from, st->buf + at, length, out);
		/* views borrow from the block, and this buffer is none */
		for (; out->dns_n > views && flows < out->n; flows++)
			out->flow[flows].dns = NULL;
		out->dns_n = views;
		at += length;
	}
	memmove(st->buf, st->buf + at, st->n - at);
	st->n -= at;
	return true;
}

static void
take_segment(struct source *s, struct block *b, size_t i, struct payload *pl)
{
	struct stream *st = stream_of(s->exports, pl);
	uint32_t ahead, again;

	if (st == NULL)
		return;
	st->used = s->exports->packets + i + 1;
	ahead = pl->sequence - st->next;
	if (ahead > INT32_MAX) { /* sent again, perhaps with more behind it */
		again = st->next - pl->sequence;
		if (again >= pl->n)
			return;
		pl->p += again;
		pl->n -= again;
	} else if (ahead > 0) {
		trouble(s, b, i, TROUBLE_GAP);
		st->n = 0;
		st->synced = false;
		st->next = pl->sequence;
	}
	st->next += (uint32_t)pl->n;
	if (!st->synced && !message_start(pl->p, pl->n))
		return;
	st->synced = true;
	while (pl->n > 0) {
		size_t n = pl->n < sizeof(st->buf) - st->n ? pl->n : sizeof(st->buf) - st->n;

		memcpy(st->buf + st->n, pl->p, n);
		st->n += n;
		pl->p += n;
		pl->n -= n;
		if (!stream_messages(s, st, b->packet[i].t_ns, &b->flows)) {
			trouble(s, b, i, TROUBLE_STREAM);
			st->n = 0;
			st->synced = false;
			break;
		}
	}
	if ((pl->flow.tcp_flags & 0x05) != 0)
		st->used = 0; /* FIN or RST */
}

/* --- blocks ---------------------------------------------------------------------------------------------- */

/* Room for flows and views, once for each block. */
static int
prepare(const struct source *s, struct block *b)
{
	struct flow_batch f;

	flow_batch_reset(&b->flows);
	if (b->flows.dns_cap > 0)
		return 0;
	if (flow_batch_init(&f, FLOWS) < 0)
		return ERR_NOMEM;
	if (s->ev.want_extra && flow_batch_want_extra(&f) < 0) {
		flow_batch_done(&f);
		return ERR_NOMEM;
	}
	flow_batch_done(&b->flows);
	b->flows = f;
	return 0;
}

static int
convert(struct source *s, struct block *b)
{
	int err = prepare(s, b);

	if (err != 0)
		return err;
	s->exports->packets = s->packets - b->n;
	for (size_t i = 0; i < b->n; i++) {
		struct payload pl;

		switch (payload_of(b, i, &pl)) {
		case CARRIES_UDP:
			take_datagram(s, b, &pl, b->packet[i].t_ns);
			break;
		case CARRIES_TCP:
			take_segment(s, b, i, &pl);
			break;
		case CARRIES_FRAGMENT:
			trouble(s, b, i, TROUBLE_FRAGMENT);
			break;
		default:
			break;
		}
	}
	b->n = 0;
	return (int)b->flows.n;
}

static struct exports *
exports_new(bool told)
{
	/* where collectors listen by custom or registration: a port may get a bad datagram before a good one */
	static const uint16_t ports[] = {2055, 2056, 4739, 6343, 9991, 9995, 9996};
	struct exports *x = calloc(1, sizeof(*x));

	if (x != NULL)
		x->decided = told;
	for (size_t i = 0; x != NULL && i < sizeof(ports) / sizeof(ports[0]); i++)
		x->port[ports[i] / 8] |= (uint8_t)(1u << ports[i] % 8);
	return x;
}

void
exports_free(struct exports *x)
{
	if (x == NULL)
		return;
	for (int i = 0; i < STREAMS; i++)
		free(x->stream[i]);
	free(x);
}

int
exports_read(struct source *s, struct block *b)
{
	for (;;) {
		int n = s->format->read(s, b);

		if (n <= 0)
			return n;
		if (b->n == 0) /* a format of records */
			s->packets_only = true;
		else if (s->exports == NULL && (s->exports = exports_new(s->ev.reading == READ_EXPORTS)) == NULL)
			return ERR_NOMEM;
		if (!s->packets_only && !s->exports->decided && decide(s, s->exports, b) != 0)
			return ERR_NOMEM;
		if (s->packets_only || !s->exports->decided)
			return b->n > 0 ? (int)b->n : n;
		n = convert(s, b);
		if (n != 0 || s->format == &live_format)
			return n;
	}
}
