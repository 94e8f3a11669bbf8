/* Messages of NetFlow v9 and IPFIX: headers, sets, sequence. */
#include "collector/template.h"

#include "collector/template_inner.h"

enum {
	IPFIX_HEADER = 16, SET_HEADER = 4,
	V9_TEMPLATES = 0, V9_OPTIONS = 1, IPFIX_TEMPLATES = 2, IPFIX_OPTIONS = 3, /* set ids */
	DATA_MIN = 256,         /* ids from here on are templates' */
	V9_GAP = 1000,          /* datagrams */
	IPFIX_GAP = 30000,      /* records: about as many datagrams */
	WITHDRAWN_FIELDS = 0,   /* RFC 7011 8.1 */
};
static const int64_t NS = 1000000000;

/* --- templates -------------------------------------------------------------------------------------- */

static void data_set(struct message *m, const struct template *t, struct cursor set);

/* What waited for this template is decoded as its message would have been, only later. */
static void
decode_waiting(struct message *m, uint16_t id)
{
	struct message then = *m;
	struct waiting *w;

	while ((w = keep_waiting(m->all, m->domain, id)) != NULL) {
		const struct template *t = keep_peek(m->domain, id);

		then.seen_ns = w->seen_ns;
		then.export_ns = w->export_ns;
		then.uptime_ms = w->uptime_ms;
		data_set(&then, t, cursor_view(w->bytes, w->n));
		m->row->count[EXPORTER_NO_TEMPLATE]--;
		m->row->count[EXPORTER_WAITED]++;
		keep_waited(m->all, w);
	}
	m->appended = then.appended;
}

static void
withdraw(struct message *m, uint16_t id, bool options)
{
	uint64_t *count = &m->row->count[EXPORTER_TEMPLATES_WITHDRAWN];

	if (id == IPFIX_TEMPLATES || id == IPFIX_OPTIONS) {
		*count += keep_drop_kind(m->all, m->domain, id == IPFIX_OPTIONS);
		return;
	}
	if (keep_peek(m->domain, id) == NULL || keep_peek(m->domain, id)->options != options)
		return;
	keep_drop(m->all, m->domain, id);
	++*count;
}

/* Moves over the field specifiers. */
static void
skip_fields(struct cursor *c, uint16_t fields, bool v9)
{
	for (uint16_t i = 0; i < fields && !c->bad; i++) {
		uint16_t id = cursor_u16(c);

		cursor_skip(c, 2);
		if (!v9 && (id & 0x8000) != 0)
			cursor_skip(c, 4);
	}
}

/* One template of a set.  False: the rest of the set means nothing. */
static bool
read_template(struct message *m, struct cursor *c, bool options)
{
	struct template_text text = {.id = cursor_u16(c), .options = options, .v9 = m->v9};

	if (options && m->v9) {
		/* lengths in bytes there (RFC 3954 6.1), counts in IPFIX */
		uint16_t scope_bytes = cursor_u16(c), option_bytes = cursor_u16(c);

		text.scopes = scope_bytes / 4;
		text.fields = (uint16_t)(text.scopes + option_bytes / 4);
		if (scope_bytes % 4 != 0 || option_bytes % 4 != 0)
			c->bad = true;
	} else {
		text.fields = cursor_u16(c);
		if (text.fields != WITHDRAWN_FIELDS && options)
			text.scopes = cursor_u16(c);
	}
	if (!c->bad && !m->v9 && text.fields == WITHDRAWN_FIELDS) {
		withdraw(m, text.id, options);
		return true;
	}
	text.raw = c->p;
	skip_fields(c, text.fields, m->v9);
	if (c->bad || text.id < DATA_MIN || text.scopes > text.fields || text.fields == 0) {
		m->row->count[EXPORTER_CORRUPT]++;
		return false;
	}
	text.raw_n = (size_t)(c->p - text.raw);
	if (keep_template(m->all, m->domain, m->row, &text, m->seen_ns, m->stream))
		decode_waiting(m, text.id);
	return true;
}

static void
template_set(struct message *m, struct cursor set, bool options)
{
	m->domain = keep_domain(m->all, m->row, true);
	if (m->domain == NULL) {
		keep_sweep(m->all, m->seen_ns);
		m->domain = keep_domain(m->all, m->row, true);
	}
	if (m->domain == NULL) {
		m->row->count[EXPORTER_TEMPLATES_REFUSED]++;
		return;
	}
	/* fewer bytes than a header are padding, and so is one of zeros */
	while (cursor_left(&set) >= 4) {
		struct cursor look = set;

		if (cursor_u32(&look) == 0 || !read_template(m, &set, options))
			return;
	}
}

/* --- data ------------------------------------------------------------------------------------------- */

static void
data_set(struct message *m, const struct template *t, struct cursor set)
{
	struct record r;

	record_init(&r, t);
	while (cursor_left(&set) >= t->length) {
		if (!record_read(&r, t, &set)) {
			/* behind a record of varying length that is cut, no other begins at a known place; a few
			 * bytes are padding */
			if (!t->fixed && cursor_left(&set) < SET_HEADER)
				return;
			m->row->count[EXPORTER_CORRUPT]++;
			m->uncounted = true;
			return;
		}
		m->records++;
		m->options += t->options;
		if (t->options)
			record_options(&r, m);
		else
			record_flows(&r, m);
	}
}

static void
data(struct message *m, uint16_t id, struct cursor set)
{
	struct template *t = NULL;

	/* a set may come first of all */
	if (m->domain == NULL)
		m->domain = keep_domain(m->all, m->row, true);
	if (m->domain != NULL)
		t = keep_find(m->all, m->domain, m->row, id, m->seen_ns);
	if (t != NULL) {
		data_set(m, t, set);
		return;
	}
	/* how many records that was is known only later, too late for the sequence */
	m->uncounted = true;
	m->row->count[EXPORTER_NO_TEMPLATE]++;
	if (m->domain != NULL)
		keep_wait(m, id, set.p, cursor_left(&set));
}

static void
sets(struct message *m, struct cursor *c)
{
	while (cursor_left(c) >= SET_HEADER) {
		uint16_t id = cursor_u16(c), length = cursor_u16(c);
		struct cursor set;

		/* zeros fill the rest of some exporters' datagrams; an IPFIX message ends where its header says */
		if (m->v9 && id == 0 && length == 0)
			return;
		if (length < SET_HEADER || (size_t)length - SET_HEADER > cursor_left(c)) {
			m->row->count[EXPORTER_CORRUPT]++;
			m->uncounted = true;
			return;
		}
		set = cursor_sub(c, (size_t)length - SET_HEADER);
		if (id >= DATA_MIN)
			data(m, id, set);
		else if (id == (m->v9 ? V9_TEMPLATES : IPFIX_TEMPLATES))
			template_set(m, set, false);
		else if (id == (m->v9 ? V9_OPTIONS : IPFIX_OPTIONS))
			template_set(m, set, true);
	}
}

/* --- messages --------------------------------------------------------------------------------------- */

static void
sequence(struct message *m, uint32_t got)
{
	if (m->stream)
		return;
	if (m->v9)
		exporter_sequence(m->row, got, 1, V9_GAP);
	else
		exporter_sequence_records(m->row, got, m->records, m->options, IPFIX_GAP);
	/* what comes next cannot be known: the next message says it */
	if (!m->v9 && m->uncounted)
		m->row->sequence_known = false;
}

int
template_decode(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out)
{
	struct cursor c = cursor_view(p, n), body;
	struct message m = {.all = export_templates(x), .out = out, .seen_ns = from->seen_ns, .stream = from->stream};
	struct exporter_key key = {.addr = from->addr, .version = cursor_u16(&c)};
	uint16_t length = cursor_u16(&c); /* v9: records, which some exporters count wrongly */
	uint32_t number;

	m.v9 = key.version == EXPORT_V9;
	if (m.v9)
		m.uptime_ms = cursor_u32(&c);
	m.export_ns = cursor_u32(&c) * NS;
	number = cursor_u32(&c);
	key.domain = cursor_u32(&c);
	m.row = exporters_get(export_exporters(x), &key);
	m.row->count[EXPORTER_DATAGRAMS]++;
	m.row->count[EXPORTER_BYTES] += n;
	if (c.bad || (!m.v9 && length < IPFIX_HEADER)) {
		m.row->count[EXPORTER_CORRUPT]++;
		return 0;
	}
	/* newcomers beyond the table's bound: their templates would be taken for each other's */
	if (m.row->shared && !(addr_equal(&m.row->key.addr, &key.addr) && m.row->key.domain == key.domain &&
	    m.row->key.version == key.version)) {
		m.row->count[EXPORTER_TEMPLATES_REFUSED]++;
		return 0;
	}
	exporter_clock(m.row, m.export_ns, m.seen_ns);
	body = c;
	if (!m.v9 && (size_t)length - IPFIX_HEADER <= cursor_left(&c)) {
		body = cursor_sub(&c, (size_t)length - IPFIX_HEADER);
	} else if (!m.v9) {
		m.row->count[EXPORTER_CORRUPT]++;
		m.uncounted = true;
	}
	m.domain = keep_domain(m.all, m.row, false);
	sets(&m, &body);
	sequence(&m, number);
	return m.appended;
}
