/* engine_why: what was kept, with what the tables know of the subject besides. */
#include <string.h>

#include "base/nearest.h"
#include "detector/internal.h"

/* --- the hosts it stands for ----------------------------------------------------------------------------- */

static bool
holds(const struct engine *e, const struct why_subject *s, const struct addr *a)
{
	if (s->type == WHY_LINK)
		return place_of(&e->env, a).link == s->link;
	if (s->type != WHY_GROUP)
		return s->type != WHY_ZONE && prefix_contains(&s->prefix, a);
	for (size_t i = 0; i < s->members_n; i++)
		if (prefix_contains(&s->member[i], a))
			return true;
	return false;
}

static unsigned int
common_bits(const struct addr *a, const struct addr *b)
{
	unsigned int n = 0;

	while (n < 128 && ((a->b[n / 8] ^ b->b[n / 8]) >> (7 - n % 8) & 1) == 0)
		n++;
	return n;
}

/* Sums over the hosts of the subject, and the host that is nearest to it. */
static void
walk_hosts(const struct engine *e, struct why_view *v, struct addr *near, unsigned int *bits)
{
	const struct why_subject *s = &e->why->subject;

	for (int i = 0; i < SHARDS; i++)
		for (size_t k = 0; k < (size_t)e->shard[i].host_buckets * WAYS; k++) {
			const struct host *h = &e->shard[i].host[k];
			unsigned int common;

			if (e->shard[i].host_tag[k] == 0)
				continue;
			if (holds(e, s, &h->addr)) {
				v->hosts++;
				v->sum.bytes_in += h->in_bytes;
				v->sum.bytes_out += h->out_bytes;
				v->sum.packets_in += h->in_packets;
				v->sum.packets_out += h->out_packets;
			}
			common = common_bits(&h->addr, &s->prefix.addr);
			/* of two the lower: the order of the table must not show */
			if (!addr_is_special(&h->addr) && (common > *bits || (common == *bits && addr_cmp(&h->addr, near) < 0))) {
				*near = h->addr;
				*bits = common;
			}
		}
}

/* --- the nearest that was seen ------------------------------------------------------------------------------ */

static void
near_host(const struct why_subject *s, const struct addr *a, unsigned int bits, char *text, size_t n)
{
	const struct prefix p = prefix_of(a, s->prefix.bits);
	char buf[PREFIX_TEXT];

	/* nothing in common but the family, or not even that, is not near */
	if (bits > (addr_is_v4(&s->prefix.addr) ? 96u + 8 : 16u))
		strncat(text, s->type == WHY_HOST ? addr_text(a, buf) : prefix_text(&p, buf), n - 1);
}

static void
try_zone(const struct engine *e, struct nearest *n, const uint8_t *wire, size_t len, char keep[DNS_NAME_TEXT])
{
	size_t at = names_registered_at(e->env.suffixes, wire, len);
	unsigned int before = n->distance;
	char text[DNS_NAME_TEXT];

	if (len == 0 || at >= len)
		return;
	dns_name_text(wire + at, len - at, text);
	nearest_try(n, text);
	/* the candidates do not outlive the walk */
	if (n->distance < before)
		memcpy(keep, text, sizeof(text));
	n->best = n->best != NULL ? keep : NULL;
}

/* Names are kept of what is remarkable: watched zones, carriers, failing clients and names that draw large answers. */
static void
near_zone(const struct engine *e, char out[DNS_NAME_TEXT])
{
	char asked[DNS_NAME_TEXT], keep[DNS_NAME_TEXT] = "";
	struct nearest n;

	dns_name_text(e->why->subject.zone, e->why->subject.zone_len, asked);
	nearest_init(&n, asked);
	for (int s = 0; s < SHARDS; s++) {
		const struct shard_names *t = &e->shard[s].names;

		for (int i = 0; i < HOT_ZONES; i++)
			if (t->hot[i].hash != 0)
				try_zone(e, &n, t->hot[i].zone.wire, t->hot[i].zone.len, keep);
		for (int i = 0; i < CARRIERS; i++)
			if (t->carrier_key[i] != 0)
				try_zone(e, &n, t->carrier[i].zone.wire, t->carrier[i].zone.len, keep);
		for (int i = 0; i < FAILERS; i++)
			if (t->failer_key[i] != 0)
				try_zone(e, &n, t->failer[i].sample.wire, t->failer[i].sample.len, keep);
		for (int i = 0; i < NAME_SLOTS; i++)
			if (e->shard[s].name[i].hash != 0)
				try_zone(e, &n, e->shard[s].name[i].wire, e->shard[s].name[i].len, keep);
	}
	if (nearest_found(&n) != NULL)
		memcpy(out, keep, sizeof(keep));
}

bool
engine_why(const struct engine *e, struct why_view *out)
{
	const struct why *y = e->why;
	struct addr near = {{0}};
	unsigned int bits = 0;

	if (y == NULL)
		return false;
	*out = (struct why_view){.row = y->row, .rows_n = y->rows_n, .alert = y->alert, .alerts_n = y->alerts_n, .alerts_all = y->alerts_all,
		.answers = y->answers, .failing = y->failing, .fresh = y->fresh};
	walk_hosts(e, out, &near, &bits);
	out->sum.addr = y->subject.prefix.addr;
	if (y->subject.type == WHY_HOST) {
		const struct server *s = engine_find_server(e, &out->sum.addr);
		const struct place p = place_of(&e->env, &out->sum.addr);

		out->sum.is_ours = (p.flags & HOST_OURS) != 0;
		out->sum.is_resolver = (p.flags & HOST_RESOLVER) != 0 || (s != NULL && s->clients >= 3);
	}
	out->seen = out->hosts > 0 || y->answers > 0 || y->rows_n > 0;
	out->no_capacity = y->subject.type == WHY_LINK && e->link_capacity[y->subject.link - 1] == 0;
	out->records = e->cover != NULL && e->cover[0] != NULL;
	for (int i = 0; i < SHARDS && !out->names; i++)
		for (size_t k = 0; k < ZONES && !out->names; k++)
			out->names = e->shard[i].names.zone[k].hash != 0;
	if (!out->seen && y->subject.type == WHY_ZONE)
		near_zone(e, out->near);
	else if (!out->seen && y->subject.type <= WHY_PREFIX)
		near_host(&y->subject, &near, bits, out->near, sizeof(out->near));
	return true;
}
