/* Which decoder a datagram belongs to. */
#include "collector/export.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/prefixmap.h"
#include "collector/sflow.h"
#include "collector/template.h"

struct export {
	struct exporters *exporters;
	struct templates *templates;
	struct sflow *sflow;
	struct prefixmap known;
	bool known_only;
	uint64_t unknown, strangers;
};

/* Everybody is known where nobody is named. */
static int
know(struct export *x, const struct export_setup *s)
{
	int err = 0;

	prefixmap_init(&x->known);
	x->known_only = s->known_n > 0;
	for (size_t i = 0; i < s->known_n && err == 0; i++)
		err = prefixmap_add(&x->known, &s->known[i], 1);
	return err == 0 && x->known_only ? prefixmap_build(&x->known) : err;
}

struct export *
export_new(const struct export_setup *s)
{
	struct export *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->exporters = exporters_new(&s->exporters);
	x->templates = templates_new(s);
	x->sflow = sflow_new(s->exporters.seed);
	if (know(x, s) < 0 || x->exporters == NULL || x->templates == NULL || x->sflow == NULL) {
		export_free(x);
		return NULL;
	}
	return x;
}

void
export_free(struct export *x)
{
	if (x == NULL)
		return;
	sflow_free(x->sflow);
	templates_free(x->templates);
	exporters_free(x->exporters);
	prefixmap_done(&x->known);
	free(x);
}

struct exporters *
export_exporters(struct export *x)
{
	return x->exporters;
}

struct templates *
export_templates(struct export *x)
{
	return x->templates;
}

struct sflow *
export_sflow(struct export *x)
{
	return x->sflow;
}

uint64_t
export_unknown(const struct export *x)
{
	return x->unknown;
}

uint64_t
export_strangers(const struct export *x)
{
	return x->strangers;
}

bool
export_knows(const struct export *x, const struct addr *a)
{
	return !x->known_only || prefixmap_find(&x->known, a) != 0;
}

int
export_datagram(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out)
{
	struct cursor c = cursor_view(p, n);

	if (!export_knows(x, &from->addr)) {
		x->strangers++;
		return ERR_INVALID;
	}
	switch (cursor_u16(&c)) {
	case EXPORT_V1: case EXPORT_V5: case EXPORT_V6: case EXPORT_V7:
		return netflow_decode(x, from, p, n, out);
	case EXPORT_V9: case EXPORT_IPFIX:
		return template_decode(x, from, p, n, out);
	case 0: /* sFlow's version takes 32 bits */
		if (cursor_u16(&c) == 5)
			return sflow_decode(x, from, p, n, out);
	}
	x->unknown++;
	return ERR_INVALID;
}

/* --- does it look like one? ------------------------------------------------------------------------------ */

static bool
plausible_fixed(size_t n, size_t header, size_t record, unsigned int count, unsigned int max)
{
	return count >= 1 && count <= max && n == header + count * record;
}

/* The first set behind the header: templates have low numbers, data those from 256 on. */
static bool
plausible_set(struct cursor *c, unsigned int template_from, unsigned int template_to)
{
	unsigned int id = cursor_u16(c), length = cursor_u16(c);

	if (c->bad || length < 4 || length - 4 > cursor_left(c))
		return false;
	return id >= 256 || (id >= template_from && id <= template_to);
}

static bool
plausible_v9(struct cursor *c, size_t n)
{
	unsigned int count = cursor_u16(c);
	uint32_t uptime = cursor_u32(c), secs = cursor_u32(c);

	(void)uptime;
	cursor_skip(c, 8);
	return count >= 1 && count <= n / 4 && secs != 0 && plausible_set(c, 0, 1);
}

static bool
plausible_ipfix(struct cursor *c, size_t n)
{
	unsigned int length = cursor_u16(c);

	cursor_skip(c, 12);
	return length >= 20 && length <= n && plausible_set(c, 2, 3);
}

static bool
plausible_sflow(struct cursor *c, size_t n)
{
	uint32_t version = cursor_u16(c), family = cursor_u32(c), samples, length;

	if (version != 5 || (family != 1 && family != 2))
		return false;
	cursor_skip(c, family == 1 ? 4 : 16);
	cursor_skip(c, 12); /* sub-agent, sequence, uptime */
	samples = cursor_u32(c);
	cursor_skip(c, 4);
	length = cursor_u32(c);
	return !c->bad && samples >= 1 && samples <= n / 8 && length <= cursor_left(c);
}

bool
export_plausible(const uint8_t *p, size_t n)
{
	struct cursor c = cursor_view(p, n);

	switch (cursor_u16(&c)) {
	case EXPORT_V1: return plausible_fixed(n, 16, 48, cursor_u16(&c), 30);
	case EXPORT_V5: return plausible_fixed(n, 24, 48, cursor_u16(&c), 30);
	case EXPORT_V6: case EXPORT_V7: return plausible_fixed(n, 24, 52, cursor_u16(&c), 27);
	case EXPORT_V9: return plausible_v9(&c, n);
	case EXPORT_IPFIX: return plausible_ipfix(&c, n);
	case 0: return plausible_sflow(&c, n);
	default: return false;
	}
}
