/* Which decoder a datagram belongs to. */
#include "collector/export.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "base/err.h"
#include "collector/sflow.h"
#include "collector/template.h"

struct export {
	struct exporters *exporters;
	struct templates *templates;
	struct sflow *sflow;
	uint64_t unknown;
};

struct export *
export_new(const struct export_setup *s)
{
	struct export *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->exporters = exporters_new(&s->exporters);
	x->templates = templates_new(s);
	x->sflow = sflow_new(s->exporters.seed);
	if (x->exporters == NULL || x->templates == NULL || x->sflow == NULL) {
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

int
export_datagram(struct export *x, const struct export_from *from, const uint8_t *p, size_t n, struct flow_batch *out)
{
	struct cursor c = cursor_view(p, n);

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

bool
export_plausible(const uint8_t *p, size_t n)
{
	struct cursor c = cursor_view(p, n);

	return n >= 16 && cursor_u16(&c) <= EXPORT_IPFIX;
}
