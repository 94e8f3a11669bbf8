/* Keeping a fair part of the questions, and what becomes of them at the end of the tick. */
#include "detector/asked.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "detector/internal.h"
#include "detector/tables.h"

enum {
	SEEN_WORDS = 1 << 14,
	SEEN_KEYS = 60000,
	LATELY = 30,      /* ticks: what a server did before says nothing of now */
	MUTE_FROM = 4,    /* questions: fewer may have their answers on the way */
	BREAK = 600,      /* ticks without anything: another recording, perhaps */
};

int
asked_list_init(struct asked_list *l)
{
	*l = (struct asked_list){.kept = malloc(ASKED_KEPT * sizeof(*l->kept))};
	return l->kept != NULL ? 0 : ERR_NOMEM;
}

void
asked_list_done(struct asked_list *l)
{
	free(l->kept);
	*l = (struct asked_list){0};
}

int
asked_init(struct asked_memory *m, bool wanted)
{
	*m = (struct asked_memory){.answering = calloc(ANSWERING_BITS / 64, sizeof(uint64_t)),
		.seen = {.word = calloc(2 * SEEN_WORDS, sizeof(uint64_t)), .words = SEEN_WORDS, .most = SEEN_KEYS}};
	if (m->answering != NULL && m->seen.word != NULL) {
		if (!wanted) /* no question is kept of servers that answer */
			memset(m->answering, 0xff, ANSWERING_BITS / 8);
		return 0;
	}
	asked_done(m);
	return ERR_NOMEM;
}

size_t
asked_bytes(void)
{
	return (ANSWERING_BITS / 64 + 2 * SEEN_WORDS) * sizeof(uint64_t);
}

void
asked_done(struct asked_memory *m)
{
	free(m->answering);
	free(m->seen.word);
	*m = (struct asked_memory){0};
}

/* The list is full: every second one stays, and from now on comes in. */
static void
halve(struct asked_list *l)
{
	for (uint32_t i = 0; i < ASKED_KEPT / 2; i++)
		l->kept[i] = l->kept[2 * i];
	l->n = ASKED_KEPT / 2;
	l->mask = l->mask * 2 + 1;
}

void
asked_note(struct asked_list *l, const struct flow *f, uint64_t client_hash)
{
	const struct dns_view *v = f->dns;
	struct asked *a;

	/* longer names carry data: no zone is attacked with them */
	if (v->name_len < 2 || v->name_len > sizeof(a->name.wire) || v->opcode != 0 || v->malformed || (l->all++ & l->mask) != 0)
		return;
	if (l->n == ASKED_KEPT) {
		halve(l);
		if (((l->all - 1) & l->mask) != 0)
			return;
	}
	a = &l->kept[l->n++];
	a->t_ns = f->start_ns;
	a->client = f->src;
	a->server = f->dst;
	a->client_hash = client_hash;
	a->packets = (uint32_t)f->packets;
	a->sampling = f->sampling;
	a->bytes = (uint32_t)f->bytes;
	a->qtype = v->qtype;
	a->recursion_desired = v->recursion_desired;
	a->name.len = v->name_len;
	memcpy(a->name.wire, v->name, v->name_len);
}

/* --- who answers ---------------------------------------------------------------------------------------- */

static bool
mute(const struct server *s)
{
	return s->asked_lately >= MUTE_FROM && s->answered_lately * 2 < s->asked_lately;
}

static void
look_at_servers(struct engine *e)
{
	for (uint32_t i = 0; i < e->server_touched_n; i++) {
		struct server *s = &e->server[e->server_touched[i]];
		uint64_t hash = addr_hash(e->env.seed, &s->addr);
		uint64_t *word = &e->asked.answering[answering_bit(hash) >> 6], bit = UINT64_C(1) << (hash >> 32 & 63);

		if (e->env.tick - s->lately_tick > LATELY)
			s->asked_lately = s->answered_lately = 0;
		s->lately_tick = e->env.tick;
		s->asked_lately = s->asked_lately / 4 * 3 + s->queries;
		s->answered_lately = s->answered_lately / 4 * 3 + s->answers;
		if (mute(s))
			*word &= ~bit;
		else if (s->answered_lately > 0)
			*word |= bit;
	}
}

/* --- what they were asked ------------------------------------------------------------------------------- */

/* All that the zone's servers were asked, each server once a tick. */
static void
count_server(struct hot_zone *h, const struct server *s, uint32_t packets)
{
	uint32_t i = 0;

	while (i < h->servers_n && !addr_equal(&h->server[i], &s->addr))
		i++;
	if (i == HOT_SERVERS)
		return;
	if (i == h->servers_n) {
		h->server[h->servers_n++] = s->addr;
		h->servers_asked += s->queries;
	}
	h->asked += packets;
}

static void
take_question(struct engine *e, const struct asked *a, const struct server *server, uint32_t times)
{
	const struct dns_view v = {.name = a->name.wire, .name_len = a->name.len, .qtype = a->qtype, .rcode = NAMES_UNANSWERED,
		.recursion_desired = a->recursion_desired};
	const struct flow f = {.start_ns = a->t_ns, .end_ns = a->t_ns, .src = a->server, .dst = a->client, .packets = a->packets * times,
		.bytes = (uint64_t)a->bytes * times, .sampling = a->sampling * times, .proto = FLOW_UDP, .dns = &v};
	struct flow_key k = {.dst = a->client_hash};
	struct hot_zone *h;
	struct shard *s;
	bool again;

	names_hash(&v, e->env.suffixes, e->env.seed, &k);
	if (k.zone == 0)
		return;
	s = &e->shard[shard_of(k.zone)];
	/* who gets no answer asks again, there or elsewhere: that is no further question */
	again = !name_filter_add(&e->asked.seen, mix(k.question, k.dst), e->env.tick);
	h = again ? names_hot(&s->names, &k) :
	    names_unanswered(s, &e->env, &f, &k, name_filter_add(&e->asked.seen, k.question, e->env.tick));
	if (h != NULL)
		count_server(h, server, (uint32_t)f.packets);
}

static void
take_list(struct engine *e, struct asked_list *l)
{
	const struct server *server = NULL;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct asked *a = &l->kept[i];

		if (server == NULL || !addr_equal(&server->addr, &a->server))
			server = engine_find_server(e, &a->server);
		if (server != NULL && mute(server))
			take_question(e, a, server, l->mask + 1);
	}
	/* the next tick will be like this one: no need to find out anew how many come */
	l->mask = l->n < ASKED_KEPT / 2 ? l->mask / 2 : l->mask;
	l->n = 0;
	l->all = 0;
}

void
asked_close_tick(struct engine *e)
{
	struct asked_memory *m = &e->asked;

	if ((e->env.names & NAMES_ZONES) == 0)
		return;
	if (m->since == 0 || e->env.tick - m->tick > BREAK)
		m->since = e->env.tick;
	m->tick = e->env.tick;
	look_at_servers(e);
	for (int i = 0; i < SHARDS; i++)
		take_list(e, &e->shard[i].asked);
}
