/* Read-only views of the engine, for rules and reports. */
#include <stdlib.h>
#include <string.h>

#include "detector/internal.h"

void
engine_stats(const struct engine *e, struct engine_stats *s)
{
	*s = e->stats;
	s->table_bytes = e->budget.table_bytes;
	s->memory_most = e->budget.table_bytes + BUDGET_PROGRAM;
	s->hosts_most = (uint64_t)e->budget.hosts * SHARDS;
	s->pairs_most = (uint64_t)e->budget.pairs * SHARDS;
	s->watches_most = e->budget.watches;
	s->watches = e->watches.used;
	s->watches_evicted = e->watches.evicted;
	s->alerts_dropped = e->book.dropped;
	s->alerts_withheld = e->book.withheld;
	s->ledger = e->ledger.n;
	s->ledger_evicted = e->ledger.evicted;
	s->names = e->drawn.n;
	s->names_evicted = e->drawn.evicted;
	s->baselines = e->baselines.n;
	s->baselines_evicted = e->baselines.evicted;
	if (s->sampling == 0)
		s->sampling = 1;
	for (int i = 0; i < SHARDS; i++) {
		const struct shard_counters *c = &e->shard[i].count;

		s->hosts += c->hosts;
		s->pairs += c->pairs;
		s->evicted_pairs += c->evicted_pairs;
		s->evicted += c->evicted_hosts + c->evicted_pairs;
		s->unadmitted_packets += c->unadmitted_packets;
		s->names_unnamed += c->unnamed;
	}
}

/* --- incidents -------------------------------------------------------------------------------------- */

static int
by_bytes(const void *a, const void *b)
{
	const struct alert *x = *(const struct alert *const *)a, *y = *(const struct alert *const *)b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return addr_cmp(&x->subject.prefix.addr, &y->subject.prefix.addr);
}

/* The list of its alerts is only needed by those who look.  An alert is in one incident at most, so all lists together have
 * room in one array, in the order of the slots. */
static const struct incident *
shown(const struct engine *e, uint32_t slot)
{
	struct book_incident *inc = &e->book.incident[slot];
	const struct alert **list = e->book.shown;

	for (uint32_t i = 0; i < slot; i++)
		if (e->book.incident[i].used)
			list += e->book.incident[i].view.alerts_kept;
	for (size_t i = 0; i < inc->view.alerts_kept; i++)
		list[i] = &e->book.alert[inc->alert[i]].alert;
	qsort(list, inc->view.alerts_kept, sizeof(*list), by_bytes);
	inc->view.alert = list;
	return &inc->view;
}

static int
by_start(const void *a, const void *b)
{
	const struct incident *x = *(const struct incident *const *)a, *y = *(const struct incident *const *)b;

	if (x->first_ns != y->first_ns)
		return x->first_ns < y->first_ns ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

size_t
engine_incidents(const struct engine *e, const struct incident **out, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->book.incidents_n && n < max; i++)
		if (e->book.incident[i].used)
			out[n++] = shown(e, i);
	qsort(out, n, sizeof(*out), by_start);
	return n;
}

const struct incident *
engine_incident(const struct engine *e, uint64_t id)
{
	for (uint32_t i = 0; i < e->book.incidents_n; i++)
		if (e->book.incident[i].used && e->book.incident[i].view.id == id)
			return shown(e, i);
	return NULL;
}

size_t
engine_series(const struct engine *e, struct series *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i <= e->links_n && n < max; i++)
		out[n++] = (struct series){.name = i == 0 ? "all" : e->link_name[i - 1],
			.capacity_bps = i == 0 ? 0 : e->link_capacity[i - 1], .start_s = e->curve[i].start_s,
			.width_s = e->curve[i].width_s, .point = e->curve[i].point, .n = e->curve[i].n};
	return n;
}

/* --- top talkers ------------------------------------------------------------------------------------- */

enum { LEAST_PACKETS_FOR_BPP = 100 }; /* a mean over fewer says nothing */

static double
rank(const struct talker *t, enum talker_order order)
{
	uint64_t packets = t->packets_in + t->packets_out;

	switch (order) {
	case TALK_PACKETS: return (double)packets;
	case TALK_FRAGMENTS: return (double)t->fragments_in;
	case TALK_BPP:
		return t->packets_in < LEAST_PACKETS_FOR_BPP ? 0 : (double)t->bytes_in / (double)t->packets_in;
	default: return (double)(t->bytes_in + t->bytes_out);
	}
}

/* Keeps the best in order; n is small. */
static size_t
insert(struct talker *out, size_t n, size_t max, const struct talker *t, enum talker_order order)
{
	double r = rank(t, order);
	size_t i;

	if (r <= 0 || max == 0)
		return n;
	for (i = n; i > 0; i--) {
		double above = rank(&out[i - 1], order);

		if (above > r || (above == r && addr_cmp(&out[i - 1].addr, &t->addr) < 0))
			break;
	}
	if (i >= max)
		return n;
	memmove(&out[i + 1], &out[i], (n < max ? n - i : max - 1 - i) * sizeof(*out));
	out[i] = *t;
	return n < max ? n + 1 : max;
}

static void
fill(const struct engine *e, struct talker *t)
{
	struct place p = place_of(&e->env, &t->addr);
	const struct server *s = engine_find_server(e, &t->addr);

	t->is_ours = (p.flags & HOST_OURS) != 0;
	t->is_resolver = (p.flags & HOST_RESOLVER) != 0 || (s != NULL && s->clients >= 3);
	for (uint32_t i = 0; i < e->book.alerts_n && !t->named; i++)
		t->named = e->book.alert[i].used && addr_equal(&e->book.alert[i].alert.subject.prefix.addr, &t->addr);
}

static struct talker
of_host(const struct host *h)
{
	return (struct talker){.addr = h->addr, .bytes_in = h->in_bytes, .bytes_out = h->out_bytes,
		.packets_in = h->in_packets, .packets_out = h->out_packets, .fragments_in = h->fragments,
		.fragment_bytes_in = h->fragment_bytes};
}

/* A host that was pushed out once: what it did then, at most `error` too high. */
static void
add_gone(struct talker *t, const struct space_saving_entry *g)
{
	t->bytes_in += g->aux[0];
	t->bytes_out += g->aux[1];
	t->packets_in += g->aux[2];
	t->packets_out += g->aux[3];
	t->fragments_in += g->aux[4];
	t->fragment_bytes_in += g->aux[5];
	t->error += g->error;
}

static const struct space_saving_entry *
find_gone(const struct space_saving *s, const struct addr *a)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (addr_equal(&s->e[i].addr, a))
			return &s->e[i];
	return NULL;
}

size_t
engine_talkers(const struct engine *e, enum talker_order order, struct talker *out, size_t max)
{
	static const int summary[TALKER_ORDERS] = {
		[TALK_BYTES] = 0, [TALK_PACKETS] = 1, [TALK_BPP] = 0, [TALK_FRAGMENTS] = 2};
	size_t n = 0;

	for (int s = 0; s < SHARDS; s++) {
		const struct shard *shard = &e->shard[s];
		const struct space_saving *gone = &shard->gone[summary[order]];

		for (size_t i = 0; i < (size_t)shard->host_buckets * WAYS; i++) {
			struct talker t;

			if (shard->host_tag[i] == 0)
				continue;
			t = of_host(&shard->host[i]);
			if (n == max && rank(&t, order) < rank(&out[n - 1], order) && gone->n == 0)
				continue;
			if (addr_is_special(&t.addr))
				continue;
			if (gone->n > 0) {
				const struct space_saving_entry *g = find_gone(gone, &t.addr);

				if (g != NULL)
					add_gone(&t, g);
			}
			n = insert(out, n, max, &t, order);
		}
		for (uint32_t i = 0; i < gone->n; i++) {
			struct talker t = {.addr = gone->e[i].addr};

			if (shard_find_host(e->shard, &e->env, &t.addr) != NULL)
				continue;
			add_gone(&t, &gone->e[i]);
			n = insert(out, n, max, &t, order);
		}
	}
	for (size_t i = 0; i < n; i++)
		fill(e, &out[i]);
	return n;
}

/* --- the query log ----------------------------------------------------------------------------------- */

static int
by_time(const void *a, const void *b)
{
	const struct logged_query *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return addr_cmp(&x->client, &y->client);
}

static int
by_addr(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

enum { LENGTHS = 4 };

/* Whose queries are the attack: addresses and, of IPv6, customers' prefixes of some few lengths. */
struct offenders {
	struct addr *addr; /* sorted */
	size_t n;
	unsigned int bits[LENGTHS];
	size_t lengths;
};

static void
offenders_add(struct offenders *o, const struct alert *a)
{
	size_t i = 0;

	o->addr[o->n++] = a->subject.prefix.addr;
	if (!alert_of_customer(a))
		return;
	while (i < o->lengths && o->bits[i] != a->subject.prefix.bits)
		i++;
	if (i == o->lengths && i < LENGTHS)
		o->bits[o->lengths++] = a->subject.prefix.bits;
}

static bool
offenders_hold(const struct offenders *o, const struct addr *client)
{
	bool held = o->n > 0 && bsearch(client, o->addr, o->n, sizeof(*client), by_addr) != NULL;

	for (size_t i = 0; i < o->lengths && !held && !addr_is_v4(client); i++) {
		const struct addr prefix = prefix_of(client, o->bits[i]).addr;

		held = bsearch(&prefix, o->addr, o->n, sizeof(prefix), by_addr) != NULL;
	}
	return held;
}

/* On its way to an alert: most of its large answers were asked for again while it held them.  Its queries are
 * not what a rule should spare. */
static bool
suspect(const struct engine *e, const struct addr *client)
{
	const struct watch *w = watches_find(&e->watches, e->env.seed, client, SIDE_CLIENT, SERVICE_DNS);

	return w != NULL && w->total.large >= 3 && w->total.repeat * 2 >= w->total.large;
}

/* Whose matching queries are the attack: those who are named for asking, and of reflectors the addresses that are forged.  What a
 * forwarder asks for strangers is as much the attack as what they ask it. */
static void
culprits(const struct engine *e, struct offenders *out)
{
	for (uint32_t i = 0; i < e->book.alerts_n; i++) {
		const struct alert *a = &e->book.alert[i].alert;
		bool reflects = a->kind == KIND_DNS_AMPLIFICATION_REFLECTOR;

		if (!e->book.alert[i].used || !(reflects || a->kind == KIND_DNS_AMPLIFICATION_ABUSER))
			continue;
		offenders_add(out, a);
		for (size_t k = 0; reflects && k < a->peers_n; k++)
			out->addr[out->n++] = a->peers[k].addr;
	}
	if (out->n > 1)
		qsort(out->addr, out->n, sizeof(*out->addr), by_addr);
}

size_t
engine_query_log(const struct engine *e, struct logged_query *out, size_t max)
{
	struct offenders named = {.addr = calloc((size_t)e->book.alerts_n * (1 + ALERT_PEERS) + 1, sizeof(*named.addr))};
	size_t n = 0;

	if (named.addr != NULL)
		culprits(e, &named);
	for (int s = 0; s < SHARDS; s++) {
		const struct shard *shard = &e->shard[s];

		for (uint32_t i = 0; i < shard->log_n && n < max; i++)
			out[n++] = shard->log[(shard->log_next + QUERY_LOG - shard->log_n + i) % QUERY_LOG];
	}
	qsort(out, n, sizeof(*out), by_time);
	for (size_t i = 0; i < n; i++)
		out[i].offender = offenders_hold(&named, &out[i].client) || suspect(e, &out[i].client);
	free(named.addr);
	return n;
}

const char *
engine_group_of(const struct engine *e, const struct addr *a)
{
	uint8_t group = place_of(&e->env, a).group;

	return group != 0 ? e->group[group - 1].name : NULL;
}

/* --- memory over days ---------------------------------------------------------------------------------- */

size_t
engine_offenders(const struct engine *e, struct offender *out, size_t max)
{
	const struct ledger_row **row = calloc(max + 1, sizeof(*row));
	size_t n = row != NULL ? ledger_list(&e->ledger, e->env.begin_ns / 1000000000, row, max) : 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (struct offender){.addr = row[i]->addr, .bits = row[i]->bits, .role = (enum alert_role)row[i]->role, .kind = (enum alert_kind)row[i]->kind,
			.alerts = row[i]->alerts, .days = row[i]->days, .hours = row[i]->hours, .first_s = row[i]->first_s,
			.last_s = row[i]->last_s, .queries = row[i]->queries, .bytes = row[i]->bytes};
	free(row);
	return n;
}

size_t
engine_names(const struct engine *e, struct drawn_name *out, size_t max)
{
	const struct name_row **row = calloc(max + 1, sizeof(*row));
	size_t n = row != NULL ? drawn_list(&e->drawn, e->env.begin_ns / 1000000000, row, max) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct name_row *r = row[i];
		double large = r->large > 0 ? (double)r->large : 1;

		out[i] = (struct drawn_name){.len = r->len, .qtype = r->qtype, .clients = name_clients(r), .answers = r->large,
			.bytes = r->bytes, .baf = name_baf(r), .mean_size = (double)r->size / large, .repeat_share = (double)r->repeat / large,
			.matched_share = (double)r->matched / large, .first_s = r->first_s, .last_s = r->last_s, .misused = name_misused(r)};
		memcpy(out[i].wire, r->wire, r->len);
	}
	free(row);
	return n;
}

size_t
engine_off(const struct engine *e, enum alert_kind off[ALERT_KINDS])
{
	size_t n = 0;

	for (int k = 0; k < ALERT_KINDS; k++)
		if (!detect_enabled(&e->settings, (enum alert_kind)k))
			off[n++] = (enum alert_kind)k;
	return n;
}
