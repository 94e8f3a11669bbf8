/* One sFlow datagram, twice: the second time sources and counters are known already. */
#include "tests/fuzz/fuzz.h"

#include "collector/sflow.h"

static void
check_flows(const struct flow_batch *out, const uint8_t *data, size_t size)
{
	size_t views = 0;

	for (size_t i = 0; i < out->n; i++) {
		const struct flow *f = &out->flow[i];

		check(f->sampling > 0 && f->packets % f->sampling == 0 && f->bytes % f->sampling == 0);
		check(f->packets == f->sampling || (f->packets == 0 && f->dns != NULL));
		check(f->seen_ns == f->start_ns && f->start_ns == f->end_ns && (f->flags & FLOW_RECORD) == 0);
		if (f->dns == NULL)
			continue;
		views++;
		check(f->dns >= out->dns && f->dns < out->dns + out->dns_n);
		check(f->dns->msg >= data && f->dns->msg + f->dns->captured <= data + size);
	}
	check(views == out->dns_n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct export *x = export_new(&(struct export_setup){.exporters.max = 64});
	struct export_from from = {.seen_ns = 1000000000, .port = 6343};
	struct flow_batch out = {0};

	if (x == NULL || size > 65535 || flow_batch_want_extra(&out) < 0)
		goto done;
	for (int i = 0; i < 2; i++) {
		size_t n = out.n;

		check(sflow_decode(x, &from, data, size, &out) == (int)(out.n - n));
		check_flows(&out, data, size);
		from.seen_ns += 1000000000;
	}
	check(exporters_n(export_exporters(x)) == 1);
	check(sflow_interfaces_n(export_sflow(x)) <= size / 88);
done:
	flow_batch_done(&out);
	export_free(x);
	return 0;
}
