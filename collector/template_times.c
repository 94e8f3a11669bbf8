/* When a record's flow began and ended, from whichever of a dozen forms its exporter uses. */
#include "collector/template_inner.h"

enum { NS_PER_MS = 1000000 };
/* Up to here a learned boot time stands: no flow ends so long before it is exported. */
enum { LATE_MS = 3600 * 1000 };

/* The exporter's uptime at export, modulo 2^32 ms.  IPFIX has none in its header: it comes from the boot time, as
 * the record or an options record gives it, or else from the latest end that a record named. */
static uint32_t
uptime_ms(const struct record *r, struct message *m)
{
	int64_t boot = (int64_t)r->v[E_BOOT];
	struct domain *d = m->domain;
	uint32_t last = (uint32_t)r->v[E_END_UP], uptime;
	int32_t ago;

	if (m->v9)
		return m->uptime_ms;
	if (boot == 0)
		boot = d->boot_ns;
	uptime = (uint32_t)((m->export_ns - boot) / NS_PER_MS);
	if (r->v[E_BOOT] != 0 || (d->boot_ns != 0 && !d->boot_guessed))
		return uptime;
	ago = (int32_t)(uptime - last);
	if (boot != 0 && ago >= 0 && ago < LATE_MS)
		return uptime;
	d->boot_ns = m->export_ns - (int64_t)last * NS_PER_MS;
	d->boot_guessed = true;
	return last;
}

void
record_times(const struct record *r, struct message *m, int64_t *start, int64_t *end)
{
	const uint64_t *v = r->v;

	*start = (int64_t)v[E_START];
	*end = (int64_t)v[E_END];
	if ((r->has & (BIT(E_START_UP) | BIT(E_END_UP))) != 0 && *start == 0 && *end == 0) {
		uint32_t now = uptime_ms(r, m);

		/* signed: the uptime wraps after 49 days, and a flow's end may lie a little past the header's */
		if ((r->has & BIT(E_START_UP)) != 0)
			*start = m->export_ns - (int64_t)(int32_t)(now - (uint32_t)v[E_START_UP]) * NS_PER_MS;
		if ((r->has & BIT(E_END_UP)) != 0)
			*end = m->export_ns - (int64_t)(int32_t)(now - (uint32_t)v[E_END_UP]) * NS_PER_MS;
	}
	if (*start == 0 && (r->has & BIT(E_START_AGO)) != 0)
		*start = m->export_ns - (int64_t)(uint32_t)v[E_START_AGO] * 1000;
	if (*end == 0 && (r->has & BIT(E_END_AGO)) != 0)
		*end = m->export_ns - (int64_t)(uint32_t)v[E_END_AGO] * 1000;
	if (*end == 0 && *start != 0 && v[E_DURATION] != 0)
		*end = *start + (int64_t)(uint32_t)v[E_DURATION] * NS_PER_MS;
	if (*end == 0)
		*end = v[E_OBSERVED] != 0 ? (int64_t)v[E_OBSERVED] : m->export_ns;
	if (*start == 0)
		*start = *end - (int64_t)(uint32_t)v[E_DURATION] * NS_PER_MS;
}
