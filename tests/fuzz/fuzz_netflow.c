/* NetFlow with fixed records.  The input is a row of datagrams, each behind two bytes of length; what follows the
 * last whole one is a datagram too.  One exporter's state lives through all of them. */
#include "tests/fuzz/fuzz.h"

#include "base/cursor.h"
#include "collector/export.h"

enum { SECOND = 1000000000 };

static void
one(struct export *x, const uint8_t *p, size_t n, int64_t seen_ns, struct flow_batch *out)
{
	struct export_from from = {.addr = addr_v4((const uint8_t[]){192, 0, 2, 1}), .seen_ns = seen_ns};
	uint64_t before[EXPORTER_COUNTS] = {0}, after[EXPORTER_COUNTS] = {0};
	bool plausible = export_plausible(p, n);
	int got;

	flow_batch_reset(out);
	exporters_sum(export_exporters(x), before);
	got = netflow_decode(x, &from, p, n, out);
	exporters_sum(export_exporters(x), after);
	check(got >= 0 && (size_t)got == out->n && got <= 30);
	check(after[EXPORTER_RECORDS] == before[EXPORTER_RECORDS] + (uint64_t)got);
	check(after[EXPORTER_DATAGRAMS] == before[EXPORTER_DATAGRAMS] + 1);
	check((int64_t)after[EXPORTER_LOST] >= 0 && (int64_t)after[EXPORTER_MISORDERED] >= 0);
	/* what looks sound is: only then are sequence and clock touched without complaint */
	if (plausible && p[0] == 0 && p[1] >= EXPORT_V1 && p[1] <= EXPORT_V7)
		check(after[EXPORTER_CORRUPT] == before[EXPORTER_CORRUPT]);
	for (size_t i = 0; i < out->n; i++) {
		const struct flow *f = &out->flow[i];

		check(f->start_ns <= f->end_ns && f->end_ns <= f->seen_ns && f->seen_ns == seen_ns);
		check(f->seen_ns - f->end_ns <= EXPORTER_AGE_MAX_NS && f->end_ns - f->start_ns <= EXPORTER_LASTS_MAX_NS);
		check(f->sampling >= 1 && f->exporter < exporters_n(export_exporters(x)));
		check(f->packets > 0 || f->bytes > 0);
		check((f->flags & FLOW_RECORD) != 0 && f->dns == NULL);
		check((f->flags & FLOW_FRAG_LATER) == 0 || (f->sport == 0 && f->dport == 0 && f->proto == FLOW_UDP));
		check(out->extra[i].flows == 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_view(data, size);
	struct export *x = export_new(&(struct export_setup){.exporters.max = 8});
	struct flow_batch out = {0};
	int64_t seen_ns = INT64_C(1700000000) * SECOND;

	check(x != NULL && flow_batch_init(&out, 8) == 0 && flow_batch_want_extra(&out) == 0);
	while (cursor_left(&c) > 2) {
		size_t n = cursor_u16(&c);

		if (n > cursor_left(&c))
			n = cursor_left(&c);
		one(x, cursor_take(&c, n), n, seen_ns, &out);
		seen_ns += SECOND;
	}
	flow_batch_done(&out);
	export_free(x);
	return 0;
}
