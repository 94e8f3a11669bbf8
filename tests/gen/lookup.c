/* The packets of one look-up, and its repetition over TCP when the answer did not fit. */
#include "tests/gen/names.h"
#include "tests/gen/packet.h"

void
lookup_ask(struct gen *g, const struct lookup *q)
{
	uint8_t buf[512];
	struct ends e = {q->client, q->server, q->sport, 53};

	if (g->drop != 'q')
		packet_udp(g, &e, buf, message_query(q, buf));
}

void
lookup_answer(struct gen *g, const struct lookup *q)
{
	uint8_t buf[MESSAGE_MAX];
	struct ends e = {q->server, q->client, 53, q->sport};

	if (g->drop != 'a')
		packet_udp(g, &e, buf, message_answer(q, buf));
}

enum { STEP_SYN, STEP_SYN_ACK, STEP_QUERY, STEP_ANSWER, STEP_FIN, STEP_END, SEGMENT = 1400 };

static void
answer_segments(struct gen *g, const struct lookup *q, const struct ends *down, uint32_t client_seq)
{
	uint8_t buf[MESSAGE_MAX + 2];
	struct lookup full = *q;
	size_t n;

	full.flags &= (uint8_t)~LOOKUP_TC;
	full.edns = 65535; /* no limit over TCP */
	n = message_answer(&full, buf + 2);
	buf[0] = (uint8_t)(n >> 8);
	buf[1] = (uint8_t)n;
	n += 2;
	for (size_t at = 0; at < n; at += SEGMENT)
		packet_tcp(g, down, (uint32_t)(2000 + at), client_seq, TCP_ACK | TCP_PSH, buf + at,
		    n - at < SEGMENT ? n - at : SEGMENT);
}

/* One step of the exchange over TCP; the next follows half a round trip later. */
static void
fire_tcp(struct gen *g, struct event *e)
{
	struct lookup *q = &e->u.lookup;
	uint16_t port = (uint16_t)(32768 + (q->sport & 0x3fff));
	struct ends up = {q->client, q->server, port, 53}, down = {q->server, q->client, 53, port};
	uint8_t buf[514];
	size_t n = message_query(q, buf + 2);
	uint32_t asked = (uint32_t)(1000 + n + 2);

	buf[0] = (uint8_t)(n >> 8);
	buf[1] = (uint8_t)n;
	switch (q->step) {
	case STEP_SYN:
		packet_tcp(g, &up, 999, 0, TCP_SYN, NULL, 0);
		break;
	case STEP_SYN_ACK:
		packet_tcp(g, &down, 1999, 1000, TCP_SYN | TCP_ACK, NULL, 0);
		break;
	case STEP_QUERY:
		packet_tcp(g, &up, 1000, 2000, TCP_ACK | TCP_PSH, buf, n + 2);
		break;
	case STEP_ANSWER:
		answer_segments(g, q, &down, asked);
		break;
	case STEP_FIN:
		packet_tcp(g, &up, asked, 2000, TCP_ACK | TCP_FIN, NULL, 0);
		break;
	default:
		return;
	}
	q->step++;
	e->t_ns += 2 * MS;
	gen_push(g, e);
}

static void
fire_answer(struct gen *g, struct event *e)
{
	struct lookup *q = &e->u.lookup;

	lookup_answer(g, q);
	if ((q->flags & LOOKUP_RETRY_TCP) != 0 && (q->size > (q->edns > 512 ? q->edns : 512) || (q->flags & LOOKUP_TC) != 0)) {
		e->fire = fire_tcp;
		e->t_ns += MS;
		q->step = STEP_SYN;
		gen_push(g, e);
	}
}

void
lookup_start(struct gen *g, const struct lookup *q, int64_t delay_ns)
{
	struct event e = {.t_ns = g->now_ns + delay_ns, .fire = fire_answer, .u.lookup = *q};

	lookup_ask(g, q);
	gen_push(g, &e);
}
