/* What is kept of each server that is asked: a table of sets of four, and what it did in this tick. */
#include "detector/internal.h"
#include "detector/tables.h"

static struct server *
server_set(const struct engine *e, const struct addr *a)
{
	return &e->server[addr_hash(e->env.seed, a) & (SERVERS - 1) & ~(uint64_t)3];
}

const struct server *
engine_find_server(const struct engine *e, const struct addr *a)
{
	const struct server *set = server_set(e, a);

	for (int i = 0; i < 4; i++)
		if (set[i].used && addr_equal(&set[i].addr, a))
			return &set[i];
	return NULL;
}

bool
engine_asks_by_trade(const struct engine *e, const struct addr *a, struct place place)
{
	const struct server *s;

	if ((place.flags & (HOST_RESOLVER | HOST_NEVER)) != 0)
		return true;
	if (place.group != 0 && e->group[place.group - 1].kind == GROUP_MAIL)
		return true;
	s = engine_find_server(e, a);
	return s != NULL && s->clients >= 3;
}

struct server *
engine_server(struct engine *e, const struct addr *a)
{
	struct server *set = server_set(e, a), *s = NULL;

	for (int i = 0; i < 4 && s == NULL; i++)
		if (set[i].used && addr_equal(&set[i].addr, a))
			s = &set[i];
	for (int i = 0; i < 4 && s == NULL; i++)
		if (!set[i].used)
			s = &set[i];
	/* else one that this tick has not written leaves */
	for (int i = 0; i < 4 && (s == NULL || !s->used); i++)
		if (s == NULL && set[i].tick != e->env.tick)
			s = &set[i];
	if (s == NULL)
		return NULL;
	if (!s->used || !addr_equal(&s->addr, a))
		*s = (struct server){.addr = *a, .used = true};
	if (s->tick != e->env.tick) {
		s->tick = e->env.tick;
		s->queries = s->answers = s->fresh = s->clients_now = 0;
		s->query_bytes = 0;
		s->sampling = 1;
		s->from_ns = s->to_ns = 0;
		if (e->server_touched_n < SERVERS)
			e->server_touched[e->server_touched_n++] = (uint32_t)(s - e->server);
	}
	return s;
}

void
engine_count_server(struct engine *e, const struct pair *p)
{
	struct server *s;

	if (p->service != SERVICE_DNS || p->crowd == CROWD_OF_SERVERS)
		return;
	s = engine_server(e, &p->server);
	if (s == NULL)
		return;
	if (p->to_ns != 0) {
		if (s->to_ns == 0 || p->from_ns < s->from_ns)
			s->from_ns = p->from_ns;
		if (p->to_ns > s->to_ns)
			s->to_ns = p->to_ns;
	}
	if (p->sampling > s->sampling)
		s->sampling = p->sampling;
	s->queries += p->queries;
	s->query_bytes += p->query_bytes;
	s->answers += p->answers;
	s->answers_all += p->answers;
	if (p->answers > 0)
		s->answered_tick = e->env.tick;
	if (p->fresh || p->crowd == CROWD_OF_CLIENTS)
		s->fresh += p->queries;
	if (p->answers > 0 && p->queries > 0 && ++s->clients_now > s->clients)
		s->clients = s->clients_now;
}
