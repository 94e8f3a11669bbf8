/* Templates as bytes, to survive a restart: v9 exporters repeat theirs every half hour only.
 *
 *   "damptpl" and the version of the format (1), 8 bytes; exporters, u32
 *   for each exporter: address 16 bytes, domain u32, export version u16, sampling u32, samplers u16, templates u16,
 *     boot time u64 (ns, 0: unknown), then samplers (id u64, n u32), then templates: id u16, options u8, fields u16,
 *     scopes u16, last seen u64 (ns), length u16, the field specifiers as the exporter sent them
 *   XXH3 of everything before, u64
 * All in network byte order.  Templates are compiled again when loaded, so nothing in the file is trusted but what
 * an exporter could say as well.  What streams sent is left out: a new connection brings its own.
 */
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/err.h"
#include "collector/template_inner.h"

static const uint8_t magic[8] = {'d', 'a', 'm', 'p', 't', 'p', 'l', 1};
enum { CHECKSUM = 8 };

/* --- writing ---------------------------------------------------------------------------------------- */

static void
put(struct buf *b, uint64_t x, size_t bytes)
{
	for (size_t i = bytes; i > 0; i--)
		buf_char(b, (char)(x >> (8 * (i - 1))));
}

static uint16_t
saved_templates(const struct domain *d)
{
	uint16_t n = 0;

	for (uint32_t i = 0; i < d->n; i++)
		n = (uint16_t)(n + !d->list[i]->stream);
	return n;
}

static void
put_exporter(struct buf *b, const struct exporter *row, const struct domain *d)
{
	buf_bytes(b, row->key.addr.b, 16);
	put(b, row->key.domain, 4);
	put(b, row->key.version, 2);
	put(b, row->sampling_fixed ? 0 : row->sampling, 4);
	put(b, d->samplers_n, 2);
	put(b, saved_templates(d), 2);
	put(b, d->boot_guessed ? 0 : (uint64_t)d->boot_ns, 8);
	for (uint32_t i = 0; i < d->samplers_n; i++) {
		put(b, d->sampler[i].id, 8);
		put(b, d->sampler[i].n, 4);
	}
	for (uint32_t i = 0; i < d->n; i++) {
		const struct template *t = d->list[i];

		if (t->stream)
			continue;
		put(b, t->id, 2);
		put(b, t->options, 1);
		put(b, t->fields, 2);
		put(b, t->scopes, 2);
		put(b, (uint64_t)t->seen_ns, 8);
		put(b, t->raw_n, 2);
		buf_bytes(b, template_raw(t), t->raw_n);
	}
}

void
templates_save(struct export *x, struct buf *out)
{
	struct templates *all = export_templates(x);
	const struct exporters *e = export_exporters(x);
	uint32_t n = 0;

	for (size_t pass = 0; pass < 2; pass++) {
		if (pass == 1) {
			buf_bytes(out, magic, sizeof(magic));
			put(out, n, 4);
		}
		for (size_t i = 0; i < exporters_n(e); i++) {
			const struct exporter *row = exporters_at(e, i);
			const struct domain *d = keep_domain(all, row, false);

			if (d == NULL || saved_templates(d) == 0)
				continue;
			if (pass == 0)
				n++;
			else
				put_exporter(out, row, d);
		}
	}
	put(out, XXH3_64bits(out->p, out->len), CHECKSUM);
}

/* --- reading ---------------------------------------------------------------------------------------- */

struct saved_exporter {
	struct exporter_key key;
	uint32_t sampling;
	uint16_t samplers, templates;
	int64_t boot_ns;
};

static struct saved_exporter
get_exporter(struct cursor *c)
{
	struct saved_exporter s = {0};
	const uint8_t *addr = cursor_take(c, 16);

	if (addr != NULL)
		memcpy(s.key.addr.b, addr, 16);
	s.key.domain = cursor_u32(c);
	s.key.version = cursor_u16(c);
	s.sampling = cursor_u32(c);
	s.samplers = cursor_u16(c);
	s.templates = cursor_u16(c);
	s.boot_ns = (int64_t)cursor_u64(c);
	if ((s.key.version != EXPORT_V9 && s.key.version != EXPORT_IPFIX) || s.samplers > SAMPLERS_PER_EXPORTER ||
	    s.templates > TEMPLATES_PER_EXPORTER || s.boot_ns < 0)
		c->bad = true;
	return s;
}

static struct template_text
get_template(struct cursor *c, bool v9, int64_t *seen_ns)
{
	struct template_text t = {.v9 = v9};
	uint8_t options;

	t.id = cursor_u16(c);
	options = cursor_u8(c);
	t.options = options == 1;
	t.fields = cursor_u16(c);
	t.scopes = cursor_u16(c);
	*seen_ns = (int64_t)cursor_u64(c);
	t.raw_n = cursor_u16(c);
	t.raw = cursor_take(c, t.raw_n);
	if (t.id < 256 || options > 1 || t.fields == 0 || t.fields > TEMPLATE_FIELDS_MAX || t.scopes > t.fields ||
	    *seen_ns < 0 || t.raw_n < t.fields * 4u)
		c->bad = true;
	return t;
}

/* Not so in a full table, where newcomers share a row. */
static bool
same_key(const struct exporter_key *a, const struct exporter_key *b)
{
	return addr_equal(&a->addr, &b->addr) && a->domain == b->domain && a->version == b->version;
}

/* Into the store; or, without one, only looks whether it could be read.  The number of templates taken. */
static int
get_all(struct cursor *c, struct export *x)
{
	uint32_t n = cursor_u32(c);
	int taken = 0;

	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct saved_exporter s = get_exporter(c);
		struct exporter *row = x != NULL && !c->bad ? exporters_get(export_exporters(x), &s.key) : NULL;
		struct domain *d = row != NULL && same_key(&row->key, &s.key) ? keep_domain(export_templates(x), row, true) : NULL;
		bool fresh = d != NULL && d->n == 0;

		if (fresh && s.sampling != 0 && row->sampling == 0)
			exporter_sampling(row, s.sampling);
		if (fresh && d->boot_ns == 0)
			d->boot_ns = s.boot_ns;
		for (uint16_t k = 0; k < s.samplers && !c->bad; k++) {
			uint64_t id = cursor_u64(c);
			uint32_t each = cursor_u32(c);

			if (fresh)
				domain_sampler(export_templates(x), d, row, id, each);
		}
		for (uint16_t k = 0; k < s.templates && !c->bad; k++) {
			int64_t seen_ns;
			struct template_text t = get_template(c, s.key.version == EXPORT_V9, &seen_ns);

			if (d != NULL && keep_peek(d, t.id) == NULL &&
			    keep_template(export_templates(x), d, row, &t, seen_ns, false))
				taken++;
		}
	}
	if (cursor_left(c) > 0)
		c->bad = true;
	return taken;
}

int
templates_load(struct export *x, const uint8_t *p, size_t n, char *why, size_t why_size)
{
	struct cursor look, c;
	struct cursor sum;

	if (n < sizeof(magic) + 4 + CHECKSUM || memcmp(p, magic, sizeof(magic) - 1) != 0) {
		snprintf(why, why_size, "no templates of damp (%zu bytes)", n);
		return ERR_INVALID;
	}
	if (p[7] != magic[7]) {
		snprintf(why, why_size, "templates in version %u of the format; this program reads %u", p[7], magic[7]);
		return ERR_INVALID;
	}
	sum = cursor_view(p + n - CHECKSUM, CHECKSUM);
	if (cursor_u64(&sum) != XXH3_64bits(p, n - CHECKSUM)) {
		snprintf(why, why_size, "the templates are damaged: the checksum of %zu bytes does not fit", n);
		return ERR_INVALID;
	}
	look = c = cursor_view(p + sizeof(magic), n - sizeof(magic) - CHECKSUM);
	get_all(&look, NULL);
	if (look.bad) {
		snprintf(why, why_size, "the templates are damaged: a length or number in %zu bytes is wrong", n);
		return ERR_INVALID;
	}
	return get_all(&c, x);
}
