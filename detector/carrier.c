/* Carriers: a client that sends new names to a zone, and how much they hold. */
#include <math.h>
#include <string.h>

#include "detector/names_inner.h"

enum {
	TRACK_FROM = 400,         /* bytes of new names in an hour, from which on who sends them is looked at */
	LABEL_LEAST = 5,          /* "www." and its like carry nothing */
};

static void
carrier_roll(struct carrier *c, uint32_t tick)
{
	uint32_t slot = tick / 300, hour = tick / 3600;

	for (uint32_t i = 0; c->slot != slot && i < CARRIER_SLOTS; i++)
		c->part[++c->slot % CARRIER_SLOTS] = 0;
	c->slot = slot;
	if (c->hour == hour)
		return;
	/* shares and letters speak of the last hours, not of last week */
	c->answers /= 2;
	c->fresh /= 2;
	c->rare /= 2;
	c->payload /= 2;
	c->labels /= 2;
	for (int i = 0; i < ALPHABET; i++)
		c->letters[i] /= 2;
	for (uint32_t i = 0; c->hour != hour && i < CARRIER_HOURS; i++)
		c->hours[++c->hour % CARRIER_HOURS] = 0;
	c->hour = hour;
}

struct carried
carrier_sums(const struct carrier *c, uint32_t tick)
{
	struct carried s = {0, 0, 0};

	for (uint32_t i = 0; i < CARRIER_SLOTS; i++)
		if (c->slot >= i && tick / 300 - (c->slot - i) < CARRIER_SLOTS)
			s.hour += c->part[(c->slot - i) % CARRIER_SLOTS];
	for (uint32_t i = 0; i < CARRIER_HOURS; i++)
		if (c->hour >= i && tick / 3600 - (c->hour - i) < CARRIER_HOURS) {
			s.day += c->hours[(c->hour - i) % CARRIER_HOURS];
			s.hours += c->hours[(c->hour - i) % CARRIER_HOURS] > 0;
		}
	return s;
}

double
carrier_entropy(const struct carrier *c)
{
	double n = 0, bits = 0;

	for (int i = 0; i < ALPHABET; i++)
		n += c->letters[i];
	for (int i = 0; i < ALPHABET; i++)
		if (c->letters[i] > 0)
			bits -= c->letters[i] / n * log2(c->letters[i] / n);
	return bits;
}

double
carrier_foreign(const struct carrier *c)
{
	double n = 0;

	for (int i = 0; i < ALPHABET; i++)
		n += c->letters[i];
	return n > 0 ? (c->letters[LETTER_HIGH] + c->letters[LETTER_OTHER]) / n : 0;
}

static size_t
carrier_set(uint64_t key)
{
	return (size_t)(key >> 20) & (CARRIERS - 1) & ~(size_t)(CARRIER_WAYS - 1);
}

static struct carrier *
carrier_find(struct shard_names *n, uint64_t key)
{
	size_t at = carrier_set(key);

	for (size_t i = at; i < at + CARRIER_WAYS; i++)
		if (n->carrier_key[i] == key)
			return &n->carrier[i];
	return NULL;
}

static struct carrier *
carrier_get(struct shard_names *n, uint64_t key, uint32_t tick)
{
	size_t at = carrier_set(key), way = CARRIERS;
	struct carrier *c = carrier_find(n, key);

	if (c != NULL)
		return c;
	for (size_t i = at; i < at + CARRIER_WAYS && way == CARRIERS; i++)
		if (n->carrier_key[i] == 0)
			way = i;
	/* the one that carries least for its age leaves, if it is not of this tick: its slot may be listed */
	if (way == CARRIERS) {
		for (size_t i = at; i < at + CARRIER_WAYS; i++)
			if (!n->carrier[i].listed && (way == CARRIERS ||
			    (uint64_t)carrier_sums(&n->carrier[i], tick).day * (tick - n->carrier[way].entered + 60) <
			    (uint64_t)carrier_sums(&n->carrier[way], tick).day * (tick - n->carrier[i].entered + 60)))
				way = i;
		if (way == CARRIERS)
			return NULL;
		n->count.evicted_carriers++;
	}
	c = &n->carrier[way];
	n->carrier_key[way] = key;
	*c = (struct carrier){.entered = tick, .slot = tick / 300, .hour = tick / 3600};
	return c;
}

bool
names_rare_type(uint16_t t)
{
	return t == DNS_TXT || t == DNS_NULL || t == DNS_CNAME || t == DNS_MX || t == DNS_SRV || t == 25 || t == 13 ||
	    (t >= 65280 && t < 65535);
}

/* What a new question carries: its labels; for addresses half, as they are asked for in pairs, and the answer's
 * records where their type is free text. */
static uint32_t
payload_of(const struct dns_view *v, uint32_t sub, uint32_t *answer)
{
	uint32_t over = 12u + v->name_len + 4u + 12u * v->answers + 11u;

	*answer = 0;
	if (!names_rare_type(v->qtype))
		return sub >= LABEL_LEAST ? sub / 2 : 0;
	if (v->rcode == DNS_NOERROR && v->answers > 0 && v->authority == 0 && v->size > over)
		*answer = v->size - over;
	return (sub >= LABEL_LEAST ? sub : 0) + *answer;
}

static uint32_t
letter(uint8_t c)
{
	c = name_lower(c);
	return c >= 'a' && c <= 'z' ? (uint32_t)(c - 'a') : c >= '0' && c <= '9' ? (uint32_t)(26 + c - '0') : c == '-' ? 36u : c == '_' ? 37u :
	    c >= 128 ? LETTER_HIGH : LETTER_OTHER;
}

static void
carrier_letters(struct carrier *c, const uint8_t *name, size_t sub)
{
	for (size_t p = 0; p < sub; p += name[p] + 1u)
		for (size_t i = 1; i <= name[p] && p + i < sub; i++) {
			uint16_t *n = &c->letters[letter(name[p + i])];

			*n = (uint16_t)(*n + (*n < UINT16_MAX));
		}
}

void
carrier_answer(struct shard_names *n, struct zone *z, const struct shard_env *env, const struct flow *f, const struct flow_key *k,
    bool fresh)
{
	const struct dns_view *v = f->dns;
	uint32_t answer, bytes = fresh ? payload_of(v, k->sub, &answer) : 0, packets = (uint32_t)f->packets;
	uint64_t key = mix(k->zone, k->dst);
	struct carrier *c;

	if (key == 0 || (bytes == 0 && !z->carriers))
		return;
	if (bytes > 0) {
		z->info += bytes * packets;
		z->clients |= UINT64_C(1) << (k->dst >> 58);
	}
	c = z->info >= TRACK_FROM && bytes > 0 ? carrier_get(n, key, env->tick) : carrier_find(n, key);
	if (c == NULL)
		return;
	if (c->tick == 0) {
		c->client = f->dst;
		c->zone_hash = k->zone; /* of own: the customer in the zone's place */
		c->first_ns = f->start_ns;
		z->carriers = true;
		name_keep(&c->zone, v->name + k->sub, v->name_len - k->sub);
	}
	carrier_roll(c, env->tick);
	c->server = f->src;
	c->tick = env->tick;
	c->last_ns = f->start_ns;
	c->answers += packets;
	c->all += packets;
	if (f->sampling > c->sampling)
		c->sampling = f->sampling;
	if (!fresh || bytes == 0)
		return;
	c->fresh += packets;
	c->rare += names_rare_type(v->qtype) ? packets : 0;
	c->payload += answer * packets;
	c->labels += k->sub * packets;
	c->bytes += bytes * packets;
	if (c->bytes >= TRACKED_FROM)
		names_track(n, k->zone);
	c->part[c->slot % CARRIER_SLOTS] += bytes * packets;
	c->hours[c->hour % CARRIER_HOURS] += bytes * packets;
	carrier_letters(c, v->name, k->sub);
	c->clients = (uint32_t)bits_count(z->clients | z->clients_before);
	if (!c->listed) {
		c->listed = true;
		n->carrier_touched[n->carriers_n++] = (uint32_t)(c - n->carrier);
	}
}
