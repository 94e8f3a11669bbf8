/* Open incidents and their alerts, as saved: what must go on under the same ids. */
#include <stdlib.h>
#include <string.h>

#include "detector/state_inner.h"

enum { TEXT_MAX = 255 };

/* --- texts ------------------------------------------------------------------------------------------- */

static void
save_text(const char *s, struct buf *out)
{
	size_t n = s != NULL ? strlen(s) : 0;

	if (n > TEXT_MAX)
		n = TEXT_MAX;
	pack_u(out, n);
	if (n > 0)
		buf_bytes(out, s, n);
}

static void
load_text(char *to, size_t room, struct cursor *c)
{
	size_t n = unpack_bytes(c, to, room - 1);

	to[n] = '\0';
	if (memchr(to, '\0', n) != NULL)
		c->bad = true;
}

const char *
state_word(struct engine *e, const char *text)
{
	static const char none[] = "";
	char *copy;

	if (text[0] == '\0')
		return none;
	for (unsigned int i = 0; i < service_count(); i++)
		if (strcmp(service_info((uint8_t)i)->name, text) == 0)
			return service_info((uint8_t)i)->name;
	for (size_t i = 0; i < e->words_n; i++)
		if (strcmp(e->words[i], text) == 0)
			return e->words[i];
	copy = e->words_n < WORDS ? strdup(text) : NULL;
	if (copy == NULL)
		return none;
	e->words[e->words_n++] = copy;
	return copy;
}

static const char *
load_word(struct engine *e, struct cursor *c)
{
	char text[TEXT_MAX + 1];

	load_text(text, sizeof(text), c);
	return c->bad ? "" : state_word(e, text);
}

/* --- alerts -------------------------------------------------------------------------------------------- */

static void
save_name(const uint8_t *wire, size_t len, uint16_t qtype, struct buf *out)
{
	pack_u(out, len);
	if (len > 0)
		buf_bytes(out, wire, len);
	pack_u(out, qtype);
}

static uint8_t
load_name(uint8_t wire[DNS_NAME_WIRE], uint16_t *qtype, struct cursor *c)
{
	size_t n = unpack_bytes(c, wire, DNS_NAME_WIRE);

	*qtype = (uint16_t)unpack_max(c, UINT16_MAX);
	if (n > 0 && !name_wire_sound(wire, n))
		c->bad = true;
	return (uint8_t)n;
}

static void
save_signals(const struct alert *a, struct buf *out)
{
	pack_u(out, a->evidence_n);
	for (size_t i = 0; i < a->evidence_n; i++) {
		pack_u(out, a->evidence[i].key);
		pack_f(out, a->evidence[i].value);
		pack_u(out, a->evidence[i].sampled);
	}
	pack_u(out, a->signals_n);
	for (size_t i = 0; i < a->signals_n; i++) {
		const struct signal *s = &a->signals[i];

		save_text(s->name, out);
		save_text(s->label, out);
		save_text(s->nature, out);
		save_text(s->unit, out);
		/* bounds may be infinite: a ratio of which nothing is known; such a signal is not finite when read, see below */
		pack_f(out, isfinite(s->value) ? s->value : 0);
		pack_f(out, isfinite(s->low) ? s->low : 0);
		pack_f(out, isfinite(s->high) && s->high < 1e18 ? s->high : 1e18);
		pack_f(out, s->threshold);
		pack_u(out, (s->below ? 1u : 0) | (s->required ? 2u : 0) | (s->met ? 4u : 0));
	}
	pack_u(out, a->peers_n);
	for (size_t i = 0; i < a->peers_n; i++) {
		pack_addr(out, &a->peers[i].addr);
		pack_u(out, a->peers[i].responses);
		pack_u(out, a->peers[i].bytes);
	}
}

static void
load_signals(struct engine *e, struct alert *a, struct cursor *c)
{
	a->evidence_n = (size_t)unpack_max(c, ALERT_EVIDENCE);
	for (size_t i = 0; i < a->evidence_n; i++) {
		a->evidence[i].key = (uint8_t)unpack_max(c, EVIDENCE_KEYS - 1);
		a->evidence[i].value = unpack_f(c);
		a->evidence[i].sampled = unpack_u(c);
	}
	a->signals_n = (size_t)unpack_max(c, ALERT_SIGNALS);
	for (size_t i = 0; i < a->signals_n && !c->bad; i++) {
		struct signal *s = &a->signals[i];
		uint64_t bits;

		s->name = load_word(e, c);
		s->label = load_word(e, c);
		s->nature = load_word(e, c);
		s->unit = load_word(e, c);
		s->value = unpack_f(c);
		s->low = unpack_f(c);
		s->high = unpack_f(c);
		s->threshold = unpack_f(c);
		bits = unpack_max(c, 7);
		s->below = (bits & 1) != 0;
		s->required = (bits & 2) != 0;
		s->met = (bits & 4) != 0;
	}
	a->peers_n = (size_t)unpack_max(c, ALERT_PEERS);
	for (size_t i = 0; i < a->peers_n; i++) {
		a->peers[i].addr = unpack_addr(c);
		a->peers[i].responses = unpack_u(c);
		a->peers[i].bytes = unpack_u(c);
	}
}

static void
save_alert(const struct book_alert *ba, struct buf *out)
{
	const struct alert *a = &ba->alert;

	pack_u(out, (ba->open ? 1u : 0) | (ba->withheld ? 2u : 0) | (a->has_source ? 4u : 0) | (a->has_destination ? 8u : 0));
	pack_u(out, ba->opened_tick);
	pack_u(out, ba->line_tick);
	pack_u(out, (uint64_t)ba->line_severity);
	pack_u(out, (uint64_t)ba->told_ns);
	pack_u(out, a->action);
	pack_u(out, a->kind);
	pack_u(out, a->role);
	save_text(a->vector, out);
	pack_u(out, a->vector_port);
	pack_fixed(out, a->id);
	pack_u(out, (uint64_t)a->t_ns);
	pack_u(out, (uint64_t)a->start_ns);
	pack_u(out, (uint64_t)a->end_ns);
	pack_u(out, (uint64_t)a->severity);
	pack_u(out, a->subject.type);
	pack_addr(out, &a->subject.prefix.addr);
	pack_u(out, a->subject.prefix.bits);
	save_text(a->subject.name, out);
	pack_addr(out, &a->source);
	pack_addr(out, &a->destination);
	pack_u(out, a->proto);
	pack_u(out, a->bytes);
	pack_u(out, a->packets);
	save_name(a->qname, a->qname_len, a->qtype, out);
	pack_u(out, a->window_s);
	save_signals(a, out);
	save_text(a->link, out);
	pack_u(out, a->link_capacity_bps);
	pack_u(out, a->ledger.known);
	pack_u(out, (uint64_t)a->ledger.first_s);
	pack_u(out, (uint64_t)a->ledger.last_s);
	pack_u(out, a->ledger.alerts);
	pack_u(out, a->ledger.days);
	pack_u(out, a->ledger.hours);
	pack_u(out, a->ledger.queries);
	pack_u(out, a->ledger.bytes);
	pack_u(out, ba->message_n);
	buf_bytes(out, a->message, ba->message_n);
}

static void
load_ledger(struct alert_ledger *l, struct cursor *c)
{
	l->known = unpack_max(c, 1) != 0;
	l->first_s = (int64_t)unpack_max(c, PACK_NS_MAX / 1000000000);
	l->last_s = (int64_t)unpack_max(c, PACK_NS_MAX / 1000000000);
	l->alerts = unpack_u32(c);
	l->days = unpack_u32(c);
	l->hours = unpack_u32(c);
	l->queries = unpack_u(c);
	l->bytes = unpack_u(c);
}

static void
load_alert(struct engine *e, struct book_alert *ba, struct cursor *c)
{
	struct alert *a = &ba->alert;
	uint64_t bits = unpack_max(c, 15);

	ba->used = true;
	ba->open = (bits & 1) != 0;
	ba->withheld = (bits & 2) != 0;
	a->has_source = (bits & 4) != 0;
	a->has_destination = (bits & 8) != 0;
	ba->opened_tick = (uint32_t)unpack_max(c, e->env.tick);
	ba->line_tick = (uint32_t)unpack_max(c, e->env.tick);
	ba->line_severity = (int)unpack_max(c, 10);
	ba->told_ns = unpack_ns(c);
	a->action = (enum alert_action)unpack_max(c, ALERT_ACTIONS - 1);
	a->kind = (enum alert_kind)unpack_max(c, ALERT_KINDS - 1);
	a->role = (enum alert_role)unpack_max(c, ALERT_ROLES - 1);
	a->vector = load_word(e, c);
	a->vector_port = (uint16_t)unpack_max(c, UINT16_MAX);
	a->id = cursor_u64(c);
	a->t_ns = unpack_ns(c);
	a->start_ns = unpack_ns(c);
	a->end_ns = unpack_ns(c);
	a->severity = (int)unpack_max(c, 10);
	a->subject.type = (enum subject_type)unpack_max(c, SUBJECT_ZONE);
	a->subject.prefix.addr = unpack_addr(c);
	a->subject.prefix.bits = (uint8_t)unpack_max(c, 128);
	load_text(a->subject.name, sizeof(a->subject.name), c);
	a->source = unpack_addr(c);
	a->destination = unpack_addr(c);
	a->proto = (uint8_t)unpack_max(c, UINT8_MAX);
	a->bytes = unpack_u(c);
	a->packets = unpack_u(c);
	a->qname_len = load_name(a->qname, &a->qtype, c);
	a->window_s = unpack_u32(c);
	load_signals(e, a, c);
	load_text(a->link, sizeof(a->link), c);
	a->link_capacity_bps = unpack_u(c);
	load_ledger(&a->ledger, c);
	ba->message_n = unpack_bytes(c, a->message, sizeof(a->message) - 1);
	a->message[ba->message_n] = '\0';
	if (a->severity == 0)
		c->bad = true;
}

/* --- incidents ------------------------------------------------------------------------------------------- */

static void
save_incident(const struct book_incident *inc, struct buf *out)
{
	const struct incident *i = &inc->view;

	pack_u(out, inc->joined_tick);
	pack_u(out, inc->storm_tick);
	pack_u(out, inc->storm_told);
	pack_fixed(out, i->id);
	pack_u(out, i->kind);
	save_text(i->vector, out);
	pack_u(out, (uint64_t)i->first_ns);
	pack_u(out, (uint64_t)i->named_ns);
	pack_u(out, (uint64_t)i->last_ns);
	pack_u(out, (uint64_t)i->closed_ns);
	pack_u(out, (uint64_t)i->severity);
	pack_f(out, i->bps);
	save_name(i->qname, i->qname_len, i->qtype, out);
	pack_u(out, i->has_through);
	pack_addr(out, &i->through);
	save_text(i->link, out);
	pack_u(out, i->alerts_n);
	pack_u(out, i->withheld);
	pack_u(out, i->bytes);
	pack_u(out, i->packets);
	pack_u(out, i->queries);
	pack_u(out, i->query_bytes);
	pack_u(out, i->responses);
}

static void
load_incident(struct engine *e, struct book_incident *inc, struct cursor *c)
{
	struct incident *i = &inc->view;

	inc->used = true;
	inc->joined_tick = (uint32_t)unpack_max(c, e->env.tick);
	inc->storm_tick = (uint32_t)unpack_max(c, e->env.tick);
	inc->storm_told = unpack_u32(c);
	i->id = cursor_u64(c);
	i->kind = (enum alert_kind)unpack_max(c, ALERT_KINDS - 1);
	i->vector = load_word(e, c);
	i->first_ns = unpack_ns(c);
	i->named_ns = unpack_ns(c);
	i->last_ns = unpack_ns(c);
	i->closed_ns = unpack_ns(c);
	i->severity = (int)unpack_max(c, 10);
	i->bps = unpack_f(c);
	i->qname_len = load_name(i->qname, &i->qtype, c);
	i->has_through = unpack_max(c, 1) != 0;
	i->through = unpack_addr(c);
	load_text(i->link, sizeof(i->link), c);
	i->alerts_n = unpack_u32(c);
	i->withheld = unpack_u32(c);
	i->bytes = unpack_u(c);
	i->packets = unpack_u(c);
	i->queries = unpack_u(c);
	i->query_bytes = unpack_u(c);
	i->responses = unpack_u(c);
}

/* Those that still can take or lose an alert. */
static bool
goes_on(const struct engine *e, const struct book_incident *inc)
{
	return inc->used && (inc->open_n > 0 || e->env.tick - inc->joined_tick <= JOIN_TICKS);
}

void
book_save(const struct engine *e, struct buf *out)
{
	uint32_t n = 0, alerts = 0;

	for (uint32_t i = 0; i < e->book.incidents_n; i++)
		e->book.incident[i].saved = goes_on(e, &e->book.incident[i]) ? ++n : 0;
	pack_u(out, n);
	for (uint32_t i = 0; i < e->book.incidents_n; i++)
		if (e->book.incident[i].saved != 0)
			save_incident(&e->book.incident[i], out);
	for (uint32_t i = 0; i < e->book.alerts_n; i++) {
		struct book_alert *ba = &e->book.alert[i];

		ba->saved = ba->used && e->book.incident[ba->incident].saved != 0 ? ++alerts : 0;
	}
	pack_u(out, alerts);
	for (uint32_t i = 0; i < e->book.alerts_n; i++)
		if (e->book.alert[i].saved != 0) {
			pack_u(out, e->book.incident[e->book.alert[i].incident].saved - 1);
			save_alert(&e->book.alert[i], out);
		}
	/* which alerts an incident keeps, in its order */
	for (uint32_t i = 0; i < e->book.incidents_n; i++) {
		const struct book_incident *inc = &e->book.incident[i];

		if (inc->saved == 0)
			continue;
		pack_u(out, inc->view.alerts_kept);
		for (size_t k = 0; k < inc->view.alerts_kept; k++)
			pack_u(out, e->book.alert[inc->alert[k]].saved - 1);
	}
	pack_u(out, e->book.storm_tick);
	pack_u(out, e->book.storm_n);
	pack_u(out, e->book.withheld);
}

static void
load_kept(struct engine *e, struct book_incident *inc, struct cursor *c)
{
	inc->view.alerts_kept = (size_t)unpack_max(c, INCIDENT_ALERTS);
	for (size_t k = 0; k < inc->view.alerts_kept && !c->bad; k++) {
		uint64_t slot = unpack_u(c);

		if (slot >= e->book.alerts_n || &e->book.incident[e->book.alert[slot].incident] != inc)
			c->bad = true;
		else
			inc->alert[k] = (uint16_t)slot;
	}
}

void
book_load(struct engine *e, struct cursor *c)
{
	uint64_t n = unpack_max(c, BOOK_INCIDENTS), alerts;

	for (uint64_t i = 0; i < n && !c->bad; i++)
		load_incident(e, &e->book.incident[e->book.incidents_n++], c);
	alerts = unpack_max(c, BOOK_ALERTS);
	for (uint64_t i = 0; i < alerts && !c->bad; i++) {
		struct book_alert *ba = &e->book.alert[e->book.alerts_n++];
		struct book_incident *inc;

		ba->incident = (uint32_t)unpack_u(c);
		if (ba->incident >= e->book.incidents_n) {
			ba->incident = 0;
			c->bad = true;
			return;
		}
		inc = &e->book.incident[ba->incident];
		load_alert(e, ba, c);
		ba->alert.incident = inc->view.id;
		inc->open_n += ba->open;
		inc->shown_n += ba->open && !ba->withheld;
	}
	for (uint32_t i = 0; i < e->book.incidents_n && !c->bad; i++)
		load_kept(e, &e->book.incident[i], c);
	e->book.storm_tick = (uint32_t)unpack_max(c, e->env.tick);
	e->book.storm_n = unpack_u32(c);
	e->book.withheld = unpack_u(c);
}
