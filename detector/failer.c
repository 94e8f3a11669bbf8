/* The work on a failing answer at the shard of its client. */
#include <string.h>

#include "detector/names_inner.h"

enum {
	FAILER_BITS = 32 * 64,
	FAILER_KEYS = 250,
};

static size_t
failer_set(uint64_t key)
{
	return (size_t)(key >> 20) & (FAILERS - 1) & ~(size_t)(FAILER_WAYS - 1);
}

struct failer *
names_failer(const struct shard_names *n, uint64_t key)
{
	size_t at = failer_set(key);

	for (size_t i = at; i < at + FAILER_WAYS; i++)
		if (n->failer_key[i] == key)
			return &n->failer[i];
	return NULL;
}

static struct failer *
failer_get(struct shard_names *n, uint64_t key, uint32_t tick)
{
	size_t at = failer_set(key), way = FAILERS;
	struct failer *x = names_failer(n, key);

	if (x != NULL)
		return x;
	for (size_t i = at; i < at + FAILER_WAYS && way == FAILERS; i++)
		if (n->failer_key[i] == 0)
			way = i;
	if (way == FAILERS) {
		for (size_t i = at; i < at + FAILER_WAYS; i++)
			if (!n->failer[i].listed && (way == FAILERS ||
			    (uint64_t)(tick - n->failer[i].tick) * (n->failer[way].recent + 1) >
			    (uint64_t)(tick - n->failer[way].tick) * (n->failer[i].recent + 1)))
				way = i;
		if (way == FAILERS)
			return NULL;
		n->count.evicted_failers++;
	}
	x = &n->failer[way];
	n->failer_key[way] = key;
	memset(x, 0, sizeof(*x));
	x->since = tick;
	return x;
}

static bool
failer_new(struct failer *x, uint64_t hash)
{
	bool fresh = false;

	if (x->seen_n >= FAILER_KEYS) {
		memset(x->seen, 0, sizeof(x->seen));
		x->seen_n = 0;
	}
	for (int i = 0; i < 3; i++) {
		uint32_t bit = (uint32_t)(hash >> (13 * i)) & (FAILER_BITS - 1);

		fresh = fresh || (x->seen[bit >> 6] >> (bit & 63) & 1) == 0;
		x->seen[bit >> 6] |= UINT64_C(1) << (bit & 63);
	}
	x->seen_n += fresh;
	return fresh;
}

void
names_failed(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	struct shard_names *n = &s->names;
	struct failer *x = failer_get(n, k->dst, env->tick);
	uint32_t packets = (uint32_t)f->packets;

	if (x == NULL)
		return;
	if (!x->listed) {
		x->listed = true;
		n->failer_touched[n->failers_n++] = (uint32_t)(x - n->failer);
		x->client = f->dst;
		x->first_ns = f->start_ns;
	}
	for (int i = 0; env->tick - x->since >= 60 && i < 20; i++) {
		x->recent -= (x->recent + 3) / 4;
		x->recent_all -= (x->recent_all + 3) / 4;
		x->since += 60;
	}
	if (env->tick - x->since >= 60)
		x->since = env->tick;
	if (x->minute != env->tick / 60) {
		x->zones[1] = env->tick / 60 - x->minute == 1 ? x->zones[0] : 0;
		x->zones[0] = 0;
		x->minute = env->tick / 60;
	}
	x->tick = env->tick;
	x->server = f->src;
	x->last_ns = f->start_ns;
	x->recent += packets;
	x->nxdomain += f->dns->rcode == DNS_NXDOMAIN ? packets : 0;
	x->servfail += f->dns->rcode == DNS_SERVFAIL ? packets : 0;
	x->refused += f->dns->rcode == DNS_REFUSED ? packets : 0;
	x->like_address += k->like_address ? packets : 0;
	x->fresh += failer_new(x, k->question) ? packets : 0;
	x->zones[0] |= UINT64_C(1) << (k->zone >> 40 & 63);
	if (f->sampling > x->sampling)
		x->sampling = f->sampling;
	name_keep(&x->sample, f->dns->name, f->dns->name_len);
}
