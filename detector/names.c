/* The work on each answer at the shard of its zone: is the question new, does it fail, what is usual. */
#include "detector/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "detector/names_inner.h"

enum {
	FILTER_WORDS = 1 << 13,
	FILTER_KEYS = 30000,
	HOT_WORDS = 256,
	HOT_KEYS = 1000,
	HOT_FROM = 60,            /* new failing names in a minute */
	HOT_REST = 120,           /* ticks after which a quiet one makes room */
};

/* --- filters --------------------------------------------------------------------------------------- */

bool
name_filter_add(struct name_filter *f, uint64_t hash, uint32_t tick)
{
	uint64_t *pair = &f->word[(size_t)(hash & (f->words - 1)) * 2], mask = name_filter_mask(hash);
	bool known;

	if (f->n >= f->most || tick - f->born >= NAME_FILTER_AGE) {
		bool stale = tick - f->born >= 2 * NAME_FILTER_AGE; /* after a long silence the older one is too old as well */

		f->young ^= 1;
		f->n = 0;
		f->born = tick;
		for (size_t i = 0; i < f->words; i++) {
			f->word[2 * i + f->young] = 0;
			if (stale)
				f->word[2 * i + (f->young ^ 1)] = 0;
		}
	}
	if ((pair[f->young] & mask) == mask)
		return false;
	known = (pair[f->young ^ 1] & mask) == mask;
	pair[f->young] |= mask;
	f->n++;
	return !known;
}

double
bits_count(uint64_t bits)
{
	int empty = 64 - __builtin_popcountll(bits);

	return empty > 0 ? 64 * log(64.0 / empty) : 64 * log(128.0);
}

/* --- setting up ------------------------------------------------------------------------------------ */

int
names_init(struct shard_names *n)
{
	memset(n, 0, sizeof(*n));
	n->zone = aligned_alloc(64, ZONES * sizeof(*n->zone));
	n->hot = calloc(HOT_ZONES, sizeof(*n->hot));
	n->carrier_key = calloc(CARRIERS, sizeof(*n->carrier_key));
	n->failer_key = calloc(FAILERS, sizeof(*n->failer_key));
	n->carrier = calloc(CARRIERS, sizeof(*n->carrier));
	n->failer = calloc(FAILERS, sizeof(*n->failer));
	n->carrier_touched = calloc(CARRIERS, sizeof(*n->carrier_touched));
	n->failer_touched = calloc(FAILERS, sizeof(*n->failer_touched));
	n->seen = (struct name_filter){.word = aligned_alloc(64, (size_t)FILTER_WORDS * 16), .words = FILTER_WORDS,
		.most = FILTER_KEYS};
	if (n->zone == NULL || n->hot == NULL || n->carrier == NULL || n->failer == NULL || n->carrier_key == NULL || n->failer_key == NULL ||
	   
	    n->carrier_touched == NULL || n->failer_touched == NULL || n->seen.word == NULL) {
		names_done(n);
		return ERR_NOMEM;
	}
	memset(n->zone, 0, ZONES * sizeof(*n->zone));
	memset(n->seen.word, 0, (size_t)FILTER_WORDS * 16);
	return 0;
}

size_t
names_bytes(void)
{
	return ZONES * sizeof(struct zone) + HOT_ZONES * sizeof(struct hot_zone) + (size_t)FILTER_WORDS * 16 +
	    CARRIERS * (sizeof(struct carrier) + sizeof(uint64_t) + sizeof(uint32_t)) +
	    FAILERS * (sizeof(struct failer) + sizeof(uint64_t) + sizeof(uint32_t));
}

void
names_done(struct shard_names *n)
{
	free(n->zone);
	free(n->hot);
	free(n->carrier);
	free(n->carrier_key);
	free(n->failer_key);
	free(n->failer);
	free(n->carrier_touched);
	free(n->failer_touched);
	free(n->seen.word);
	memset(n, 0, sizeof(*n));
}

/* --- zones ------------------------------------------------------------------------------------------- */

/* Brings minute and hour up to date.  What is usual grows slowly, so that an attack does not become so within the time
 * it takes to see it; new names of whatever outcome become usual within two minutes, but one minute late, for the same
 * reason.  In a zone's first minute every name is new. */
static void
zone_minutes(struct zone *z, uint32_t passed)
{
	for (uint32_t i = 0; i < passed && i < 60; i++) {
		uint32_t x = i == 0 ? z->fresh_failing * 16 : 0, most = 2 * z->usual + 320, u = z->fresh_usual;

		x = x < most ? x : most;
		z->usual = (z->usual * 7 + x) / 8;
		z->fresh_usual = z->fresh_before > u ? u + (z->fresh_before - u + 1) / 2 : u - (u - z->fresh_before + 7) / 8;
		z->fresh_before = i == 0 && z->grown ? z->fresh : 0;
	}
	z->grown = true;
	z->answers = z->failing = z->fresh = z->fresh_failing = 0;
}

static void
zone_roll(struct zone *z, uint32_t tick)
{
	uint32_t minutes = tick / 60 - z->tick / 60, hours = tick / 3600 - z->tick / 3600;

	z->tick = tick;
	if (minutes > 0)
		zone_minutes(z, minutes);
	if (hours > 0) {
		z->clients_before = hours == 1 ? z->clients : 0;
		z->clients = 0;
		z->info = 0;
	}
}

static struct zone *
zone_get(struct shard_names *n, uint64_t hash, uint32_t tick)
{
	struct zone *z = names_zone_peek(n, hash);
	size_t home = names_zone_home(hash), at = home & ~(size_t)(ZONE_WAYS - 1), way = home;

	if (z != NULL)
		return z;
	for (size_t i = at; i < at + ZONE_WAYS && n->zone[way].hash != 0; i++) {
		const struct zone *x = &n->zone[i], *y = &n->zone[way];

		/* what is known of the busier ones is worth more: a stream of names seen once must not push them out */
		if (x->hash == 0 || (x->hot == 0 && (y->hot != 0 || (uint64_t)(tick - x->tick) * (y->answers + 1) >
		    (uint64_t)(tick - y->tick) * (x->answers + 1))))
			way = i;
	}
	n->count.evicted_zones += n->zone[way].hash != 0;
	z = &n->zone[way];
	*z = (struct zone){.hash = hash, .tick = tick};
	return z;
}

/* A hot zone for a zone that begins to look attacked; what it did in this minute so far goes along. */
static struct hot_zone *
hot_get(struct shard_names *n, struct zone *z, uint32_t tick, const struct flow *f, const struct flow_key *k)
{
	struct hot_zone *h = z->hot != 0 ? &n->hot[z->hot - 1] : NULL, *free_one = NULL;

	if (h != NULL && h->hash == k->zone)
		return h;
	z->hot = 0;
	if (z->fresh_failing < HOT_FROM)
		return NULL;
	for (int i = 0; i < HOT_ZONES; i++) {
		h = &n->hot[i];
		if (h->hash == 0 || tick - h->tick > HOT_REST) {
			free_one = h;
			break;
		}
	}
	if (free_one == NULL) {
		n->count.lost_zones++;
		return NULL;
	}
	memset(free_one, 0, sizeof(*free_one));
	*free_one = (struct hot_zone){.hash = k->zone, .born = tick, .answers = z->answers, .fresh = z->fresh,
		.fresh_failing = z->fresh_failing,
		.seen = {.word = NULL, .words = HOT_WORDS, .most = HOT_KEYS, .born = tick}};
	/* whatever it was, it was like this one */
	free_one->labels = z->fresh_failing * k->sub;
	free_one->texts = names_rare_type(f->dns->qtype) ? z->fresh_failing : 0;
	if (f->dns->rcode == NAMES_UNANSWERED)
		free_one->unanswered = z->failing;
	else
		free_one->nxdomain = z->failing;
	free_one->first_ns = f->start_ns;
	name_keep(&free_one->zone, f->dns->name + k->sub, f->dns->name_len - k->sub);
	z->hot = (uint16_t)(free_one - n->hot + 1);
	names_track(n, k->zone);
	return free_one;
}

static inline struct hot_zone *
zone_hot(struct shard_names *n, struct zone *z, const struct shard_env *env, const struct flow *f, const struct flow_key *k)
{
	bool hot = (z->hot != 0 || z->fresh_failing >= HOT_FROM) && (env->names & NAMES_ZONES) != 0;

	return hot ? hot_get(n, z, env->tick, f, k) : NULL;
}

static void
hot_peer(struct hot_zone *h, const struct addr *a, uint32_t n)
{
	int least = 0;

	for (int i = 0; i < HOT_PEERS; i++) {
		if (h->peer[i].n != 0 && addr_equal(&h->peer[i].addr, a)) {
			h->peer[i].n += n;
			return;
		}
		if (h->peer[i].n < h->peer[least].n)
			least = i;
	}
	h->peer[least] = (struct name_peer){*a, h->peer[least].n + n};
}

static void
hot_count(struct hot_zone *h, const struct zone *z, const struct shard_env *env, const struct flow *f,
    const struct flow_key *k, bool failing, bool fresh)
{
	uint32_t n = (uint32_t)f->packets;
	uint8_t rcode = f->dns->rcode;

	h->tick = env->tick;
	h->usual = z->usual / 16;
	h->fresh_usual = z->fresh_usual;
	h->answers += n;
	h->bytes += f->bytes;
	h->fresh += fresh ? n : 0;
	h->nxdomain += rcode == DNS_NXDOMAIN ? n : 0;
	h->servfail += rcode == DNS_SERVFAIL ? n : 0;
	h->refused += rcode == DNS_REFUSED ? n : 0;
	h->unanswered += rcode == NAMES_UNANSWERED ? n : 0;
	h->last_ns = f->start_ns;
	if (f->sampling > h->sampling)
		h->sampling = f->sampling;
	if (!failing || !fresh)
		return;
	h->fresh_failing += n;
	h->labels += (z->hash == k->zone ? k->sub : k->customer_sub) * n;
	h->texts += names_rare_type(f->dns->qtype) ? n : 0;
	hll_add(&h->clients, k->dst);
	hot_peer(h, &f->dst, n);
	name_keep(&h->sample, f->dns->name, f->dns->name_len);
}

/* --- an answer --------------------------------------------------------------------------------------------- */

/* Whose a name is: the zone's, and mostly nobody else's, or a customer's in it.  A flood hits one of them. */
struct holders {
	struct zone *zone, *customer, *hit;
	struct flow_key own;  /* with the customer in the zone's place: what names carry goes to him, see suffix.h */
	struct hot_zone *hot; /* of the one that is hit; NULL: it does not look attacked */
};

static struct zone *
zone_now(struct shard_names *n, uint64_t hash, uint32_t tick)
{
	struct zone *z = zone_get(n, hash, tick);

	if (z->tick != tick)
		zone_roll(z, tick);
	return z;
}

/* Of a zone's new failing names at least a third are one customer's (a quarter, once he is under judgement): he is the one
 * who is attacked.  Fewer, and it is the zone, by way of its customers. */
static bool
is_his(const struct zone *customer, const struct zone *z)
{
	return (customer->hot != 0 ? 4 : 3) * customer->fresh_failing >= z->fresh_failing;
}

static void
holders_of(struct shard_names *n, const struct shard_env *env, const struct flow *f, const struct flow_key *k, struct holders *o)
{
	o->zone = o->customer = o->hit = zone_now(n, k->zone, env->tick);
	o->own = *k;
	o->hot = NULL;
	if (k->customer != k->zone) {
		o->own.zone = k->customer;
		o->own.sub = k->customer_sub;
		o->customer = zone_now(n, k->customer, env->tick);
		if (o->zone->hash != k->zone)
			o->zone = o->customer; /* took its place in a full set */
		else if (is_his(o->customer, o->zone))
			o->hot = zone_hot(n, o->hit = o->customer, env, f, &o->own);
	}
	if (o->hot == NULL)
		o->hot = zone_hot(n, o->hit = o->zone, env, f, o->zone->hash == k->zone ? k : &o->own);
}

static void
zone_count(struct zone *z, uint32_t packets, bool failing, bool fresh, bool made_up)
{
	z->answers += packets;
	z->failing += failing ? packets : 0;
	z->fresh += fresh ? packets : 0;
	z->fresh_failing += failing && fresh && made_up ? packets : 0;
}

static void
holders_count(const struct holders *o, uint32_t packets, bool failing, bool fresh, bool made_up)
{
	zone_count(o->zone, packets, failing, fresh, made_up);
	if (o->customer != o->zone)
		zone_count(o->customer, packets, failing, fresh, made_up);
}

/* Names carry data also where they fail.  Not in a zone under attack: its clients send noise, and that is told once.  Who is
 * refused asks again, and the next server as well; that does not make his names less new. */
static bool
may_carry(const struct holders *o, const struct flow_key *k, uint8_t rcode, bool fresh)
{
	if (k->like_address)
		return false;
	return !k->bad || ((o->hot == NULL || !o->hot->attacked) && (fresh || rcode == DNS_NXDOMAIN));
}

void
names_new(struct shard_names *n, const struct shard_env *env, const struct flow *f, const struct flow_key *k, bool seen)
{
	bool failing = k->bad, fresh = !failing && !seen;
	struct holders o;

	holders_of(n, env, f, k, &o);
	if (failing && o.hot != NULL) {
		o.hot->seen.word = o.hot->bits;
		fresh = name_filter_add(&o.hot->seen, k->question, env->tick);
	} else if (failing) {
		fresh = name_filter_add(&n->seen, k->question, env->tick);
	}
	holders_count(&o, (uint32_t)f->packets, failing, fresh, !k->block_list);
	if (o.hot != NULL)
		hot_count(o.hot, o.hit, env, f, k, failing && !k->block_list, fresh);
	if ((env->names & NAMES_CARRIERS) != 0 && may_carry(&o, k, f->dns->rcode, fresh))
		carrier_answer(n, o.customer, env, f, &o.own, fresh);
}

/* --- a question without an answer ---------------------------------------------------------------------------- */

static struct hot_zone *
hot_peek(const struct shard_names *n, const struct zone *z)
{
	struct hot_zone *h = z != NULL && z->hot != 0 ? &n->hot[z->hot - 1] : NULL;

	return h != NULL && h->hash == z->hash ? h : NULL;
}

struct hot_zone *
names_hot(const struct shard_names *n, const struct flow_key *k)
{
	const struct zone *z = names_zone_peek(n, k->zone), *customer = k->customer != k->zone ? names_zone_peek(n, k->customer) : NULL;
	struct hot_zone *h = customer != NULL && (z == NULL || is_his(customer, z)) ? hot_peek(n, customer) : NULL;

	return h != NULL ? h : hot_peek(n, z);
}

struct hot_zone *
names_unanswered(struct shard *s, const struct shard_env *env, const struct flow *f, const struct flow_key *k, bool fresh)
{
	uint32_t packets = (uint32_t)f->packets;
	struct holders o;
	bool made_up;

	/* what was answered a while ago is not new; the memory of answers is not filled with what has none */
	fresh = fresh && !name_filter_has(&s->names.seen, k->question);
	/* what is asked for text may be a tunnel's: without its answer nobody can tell */
	made_up = !k->block_list && !names_rare_type(f->dns->qtype);
	holders_of(&s->names, env, f, k, &o);
	holders_count(&o, packets, true, fresh, made_up);
	if (o.hot == NULL)
		return NULL;
	hot_count(o.hot, o.hit, env, f, k, made_up, fresh);
	return o.hot;
}

void
names_unusual(struct shard_names *n, const struct hot_zone *h)
{
	struct zone *z = names_zone_peek(n, h->hash);

	if (z != NULL)
		z->fresh = z->fresh_before = 0;
}

void
names_track_anew(struct shard_names *n, uint32_t tick)
{
	memset(n->tracked, 0, sizeof(n->tracked));
	for (int i = 0; i < HOT_ZONES; i++)
		if (n->hot[i].hash != 0 && tick - n->hot[i].tick <= HOT_REST)
			names_track(n, n->hot[i].hash);
	for (int i = 0; i < CARRIERS; i++)
		if (n->carrier_key[i] != 0 && carrier_sums(&n->carrier[i], tick).day >= TRACKED_FROM)
			names_track(n, n->carrier[i].zone_hash);
}
