/* probe: packets of interfaces or captures through the meter, its records to collectors.
 *
 * One thread.  The only clock in here paces the datagrams of a file, which would come faster than a receiver
 * empties its socket; all times in the export are those of the packets.
 */
#include <net/if.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "base/units.h"
#include "collector/meter.h"
#include "collector/netflow_encode.h"
#include "collector/queue.h"
#include "damp.h"
#include "damp_commands.h"
#include "damp_send.h"

enum {
	FILES_MAX = 64, FILTER_LINKS = 8,
	SLICE = 1024, SLICE_FLOWS = SLICE + 256,
	FILE_RATE = 2000,  /* datagrams a second: 60 000 records */
	QUEUE_WAIT_MS = 500, /* for room in a queue, between looks at the signals */
	DAMAGE_TOLD = 8,
};

struct options {
	const char *to[SEND_MAX], *interface[SOURCE_LIVE_MAX], *file[FILES_MAX], *filter;
	size_t to_n, interfaces_n, files_n;
	unsigned int version;
	double active_s, inactive_s;
	enum meter_fragments fragments;
	uint64_t sampling, max_flows, domain, rate;
	bool rate_given, quiet, end;
};

/* --- options ------------------------------------------------------------------------------------------------ */

static int
take_number(const char *name, const char *text, uint64_t lo, uint64_t hi, uint64_t *value)
{
	uint64_t v;

	if (units_whole(text, &v) == 0 && v >= lo && v <= hi) {
		*value = v;
		return EXIT_OK;
	}
	complain("--%s: '%s' is not a number from %llu to %llu", name, text, (unsigned long long)lo,
	    (unsigned long long)hi);
	return EXIT_USAGE;
}

static int
take_time(const char *name, const char *text, double *seconds)
{
	double s;

	if (units_duration(text, &s) == 0 && s >= 0.001 && s <= 86400) {
		*seconds = s;
		return EXIT_OK;
	}
	complain("--%s: '%s' is not a time from 1ms to 1d, such as " UNITS_DURATION_FORM, name, text);
	return EXIT_USAGE;
}

static int
take_name(const char *name, const char *text, const char **list, size_t *n, size_t max)
{
	if (*n == max) {
		complain("--%s: more than %zu", name, max);
		return EXIT_USAGE;
	}
	list[(*n)++] = text;
	return EXIT_OK;
}

static int
take_fragments(struct options *o, const char *text)
{
	if (strcmp(text, "service") != 0 && strcmp(text, "port0") != 0) {
		complain("--fragments: '%s' is neither service nor port0", text);
		return EXIT_USAGE;
	}
	o->fragments = text[0] == 's' ? METER_SERVICE : METER_PORT0;
	return EXIT_OK;
}

static int
take_version(struct options *o, const char *text)
{
	if (strcmp(text, "5") != 0 && strcmp(text, "9") != 0 && strcmp(text, "10") != 0) {
		complain("--version: '%s' is none of 5, 9 (NetFlow) and 10 (IPFIX)", text);
		return EXIT_USAGE;
	}
	o->version = (unsigned int)atoi(text);
	return EXIT_OK;
}

static int
take_probe(void *ctx, const char *name, const char *key, const char *value)
{
	struct options *o = ctx;

	(void)key;
	if (strcmp(name, "to") == 0)
		return take_name(name, value, o->to, &o->to_n, SEND_MAX);
	if (strcmp(name, "interface") == 0)
		return take_name(name, value, o->interface, &o->interfaces_n, SOURCE_LIVE_MAX);
	if (strcmp(name, "read") == 0)
		return take_name(name, value, o->file, &o->files_n, FILES_MAX);
	if (strcmp(name, "version") == 0)
		return take_version(o, value);
	if (strcmp(name, "active") == 0)
		return take_time(name, value, &o->active_s);
	if (strcmp(name, "inactive") == 0)
		return take_time(name, value, &o->inactive_s);
	if (strcmp(name, "fragments") == 0)
		return take_fragments(o, value);
	if (strcmp(name, "sampling") == 0)
		return take_number(name, value, 1, 1000000, &o->sampling);
	if (strcmp(name, "max-flows") == 0)
		return take_number(name, value, METER_FLOWS_MIN, METER_FLOWS_MAX, &o->max_flows);
	if (strcmp(name, "domain") == 0)
		return take_number(name, value, 0, UINT32_MAX, &o->domain);
	if (strcmp(name, "rate") == 0) {
		o->rate_given = true;
		return take_number(name, value, 0, 10000000, &o->rate);
	}
	if (strcmp(name, "filter") == 0)
		o->filter = value;
	else if (strcmp(name, "end") == 0)
		o->end = true;
	else
		o->quiet = true;
	return EXIT_OK;
}

static int
check_options(const struct options *o)
{
	if (o->interfaces_n == 0 && o->files_n == 0)
		complain("probe needs -i INTERFACE or -r FILE");
	else if (o->interfaces_n > 0 && o->files_n > 0)
		complain("probe takes interfaces or files, not both");
	else if (o->to_n == 0)
		complain("probe needs a collector: --to HOST:PORT");
	else if (o->version == 5 && o->sampling > NETFLOW_ENCODE_V5_SAMPLING)
		complain("version 5 can tell a sampling of at most 1 in %d", NETFLOW_ENCODE_V5_SAMPLING);
	else if (o->version == 5 && o->domain > UINT16_MAX)
		complain("version 5 has 16 bits for --domain: engine type and engine id");
	else
		return EXIT_OK;
	return EXIT_USAGE;
}

/* --- a run ------------------------------------------------------------------------------------------------------ */

/* One compiled filter for each link type of the files. */
struct filter {
	struct {
		uint16_t link;
		struct bpf_program program;
	} list[FILTER_LINKS];
	size_t n;
};

/* Queues in Redis take the records themselves. */
struct queues {
	struct queue_out *q[SEND_MAX];
	size_t n;
	uint64_t lost;        /* records, of all queues */
	int64_t flushed_ns;   /* packet time */
	bool gone;            /* the last records of one could not be pushed */
};

struct probe {
	const struct options *o;
	struct sender sender;
	struct queues queues;
	struct meter *meter;
	struct netflow_encoder netflow;
	struct filter filter;
	struct flow_batch batch;
	struct decode_stats decode;
	uint32_t in_if[SOURCE_LIVE_MAX];
	bool booted;
	uint64_t passed;      /* records of a file of records, exported as they are */
	uint64_t kernel_drops, damaged;
};

static atomic_int stop_signal;
static struct source *_Atomic reading;

static void
on_signal(int sig)
{
	struct source *s = atomic_load(&reading);

	atomic_store(&stop_signal, sig);
	if (s != NULL)
		source_stop(s);
}

static void
encode_init(struct probe *p, int64_t boot_ns)
{
	const struct netflow_encode_setup s = {.version = p->o->version, .domain = (uint32_t)p->o->domain,
		.sampling = (uint32_t)p->o->sampling, .boot_ns = boot_ns, .in_if = p->in_if, .in_if_n = p->o->interfaces_n};

	netflow_encode_init(&p->netflow, &s, send_datagram, &p->sender);
	p->booted = true;
}

static void
encode_time(struct probe *p)
{
	if (p->booted && meter_now(p->meter) != 0)
		netflow_encode_time(&p->netflow, meter_now(p->meter));
}

static void
encode_flush(struct probe *p)
{
	if (p->booted)
		netflow_encode_flush(&p->netflow, meter_now(p->meter));
}

/* A file waits for a consumer, a live meter does not. */
static void
put_in_queues(struct probe *p, const struct flow *f)
{
	int wait_ms = p->o->files_n > 0 ? QUEUE_WAIT_MS : 0;

	for (size_t i = 0; i < p->queues.n; i++) {
		int err;

		do
			err = queue_out_put(p->queues.q[i], f, NULL, wait_ms);
		while (err == ERR_FULL && wait_ms > 0 && atomic_load(&stop_signal) == 0);
		if (err < 0)
			p->queues.lost++;
	}
}

/* A queue pushes many records at once; live they wait a second at most.  The last push may tell the reader so. */
static void
flush_queues(struct probe *p, bool last)
{
	if (!last && meter_now(p->meter) - p->queues.flushed_ns < NS_PER_S)
		return;
	p->queues.flushed_ns = meter_now(p->meter);
	p->queues.gone = false;
	for (size_t i = 0; i < p->queues.n; i++)
		if ((last && p->o->end ? queue_out_end(p->queues.q[i]) : queue_out_flush(p->queues.q[i])) < 0)
			p->queues.gone = true;
}

static void
on_record(void *ctx, const struct flow *f)
{
	struct probe *p = ctx;

	put_in_queues(p, f);
	if (p->sender.n > 0)
		(void)netflow_encode_flow(&p->netflow, f, f->seen_ns);
}

/* A record of a file goes on as it is: scaled up already, so no sampling of ours may scale it again. */
static void
pass_record(struct probe *p, const struct flow *f)
{
	struct flow copy = *f;

	copy.sampling = 1;
	if (!p->booted)
		encode_init(p, f->start_ns - 60 * NS_PER_S);
	p->passed++;
	on_record(p, &copy);
}

static void
on_damage(void *ctx, const char *input, uint64_t packet, uint64_t offset, const char *reason)
{
	struct probe *p = ctx;

	if (p->damaged++ < DAMAGE_TOLD)
		complain("%s: packet %llu, offset %llu: %s", input, (unsigned long long)packet, (unsigned long long)offset,
		    reason);
}

/* --- filtering files ------------------------------------------------------------------------------------------- */

/* libpcap's name of a link type differs from the file's for raw IP only. */
static int
dlt_of(uint16_t link)
{
	return link == 101 ? DLT_RAW : link;
}

static bool
compile(struct bpf_program *program, uint16_t link, const char *text)
{
	pcap_t *p = pcap_open_dead(dlt_of(link), 262144);
	bool good = p != NULL && pcap_compile(p, program, text, 1, PCAP_NETMASK_UNKNOWN) == 0;

	if (!good)
		complain("--filter: %s", p != NULL ? pcap_geterr(p) : "out of memory");
	if (p != NULL)
		pcap_close(p);
	return good;
}

static const struct bpf_program *
filter_for(struct filter *f, uint16_t link, const char *text)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].link == link)
			return &f->list[i].program;
	if (f->n == FILTER_LINKS || !compile(&f->list[f->n].program, link, text))
		return NULL;
	f->list[f->n].link = link;
	return &f->list[f->n++].program;
}

/* Keeps in the block what the filter takes; false: it cannot be compiled for these packets. */
static bool
filter_block(struct probe *p, struct block *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct raw_packet *r = &b->packet[i];
		const struct bpf_program *program = filter_for(&p->filter, r->link, p->o->filter);
		struct pcap_pkthdr h = {.caplen = r->caplen, .len = r->wirelen};

		if (program == NULL)
			return false;
		if (pcap_offline_filter(program, &h, b->data + r->offset) != 0)
			b->packet[kept++] = *r;
	}
	b->n = kept;
	return true;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static void
meter_block(struct probe *p, const struct block *b)
{
	for (size_t at = 0; at < b->n; ) {
		size_t n = b->n - at < SLICE ? b->n - at : SLICE;

		flow_batch_reset(&p->batch);
		at += packets_decode(b, at, n, &p->batch, &p->decode);
		if (!p->booted && p->batch.n > 0)
			encode_init(p, p->batch.flow[0].start_ns - 60 * NS_PER_S);
		meter_flows(p->meter, p->batch.flow, p->batch.n);
	}
	for (size_t i = 0; i < b->flows.n; i++)
		pass_record(p, &b->flows.flow[i]);
	if (b->now_ns != 0)
		meter_time(p->meter, b->now_ns);
	encode_time(p);
	if (p->o->interfaces_n > 0)
		flush_queues(p, false);
}

/* Reads a source to its end; an exit status. */
static int
run_source(struct probe *p, struct source *s, const char *name)
{
	struct source_progress progress;
	struct block b;
	int n = 0, status = EXIT_OK;

	if (block_init(&b) < 0) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	atomic_store(&reading, s);
	if (atomic_load(&stop_signal) != 0)
		source_stop(s);
	while (status == EXIT_OK && atomic_load(&stop_signal) == 0 && (n = source_read(s, &b)) >= 0)
		if (p->o->filter != NULL && p->o->files_n > 0 && !filter_block(p, &b))
			status = EXIT_USAGE;
		else
			meter_block(p, &b);
	atomic_store(&reading, NULL);
	source_progress(s, &progress);
	p->kernel_drops += progress.kernel_drops;
	if (n < 0 && n != ERR_EOF && progress.damaged == 0)
		complain_of(name, err_text(n));
	if ((n < 0 && n != ERR_EOF) || progress.damaged > 0)
		status = EXIT_FAILED;
	block_done(&b);
	return status;
}

static int
run_files(struct probe *p)
{
	/* a capture is metered even when it holds another exporter's datagrams */
	const struct source_events ev = {.damage = on_damage, .ctx = p, .reading = READ_PACKETS};
	int status = EXIT_OK;

	for (size_t i = 0; i < p->o->files_n && atomic_load(&stop_signal) == 0 && status != EXIT_USAGE; i++) {
		char why[256];
		struct source *s = source_open_file(p->o->file[i], &ev, why, sizeof(why));
		int got = EXIT_FAILED;

		if (s == NULL)
			complain("%s", why);
		else
			got = run_source(p, s, p->o->file[i]);
		if (got != EXIT_OK)
			status = got;
		source_close(s);
	}
	return status;
}

static int
run_live(struct probe *p)
{
	const struct source_events ev = {.damage = on_damage, .ctx = p};
	struct source_live list[SOURCE_LIVE_MAX];
	struct source *s;
	char why[256];
	int status;

	for (size_t i = 0; i < p->o->interfaces_n; i++) {
		list[i] = (struct source_live){p->o->interface[i], p->o->filter};
		p->in_if[i] = if_nametoindex(p->o->interface[i]);
	}
	s = source_open_live(list, p->o->interfaces_n, &ev, why, sizeof(why));
	if (s == NULL) {
		complain("%s", why);
		return EXIT_USAGE;
	}
	if (!p->o->quiet)
		complain("metering %s%s; SIGINT or SIGTERM ends it", p->o->interface[0],
		    p->o->interfaces_n > 1 ? " and others" : "");
	status = run_source(p, s, p->o->interface[0]);
	source_close(s);
	return status;
}

/* --- the end --------------------------------------------------------------------------------------------------------- */

static void
say(uint64_t n, const char *what)
{
	if (n > 0)
		complain("%llu %s", (unsigned long long)n, what);
}

/* What was lost is told in any case. */
static void
print_end(const struct probe *p)
{
	const struct meter_stats *m = meter_stats_of(p->meter);
	const struct netflow_encoder *e = &p->netflow;

	if (!p->o->quiet) {
		complain("%llu packets, %llu bytes of IP seen; flows exported %llu, in %llu datagrams of %llu bytes%s",
		    (unsigned long long)m->packets, (unsigned long long)m->bytes,
		    (unsigned long long)(m->records + p->passed - e->no_v6), (unsigned long long)e->datagrams,
		    (unsigned long long)e->bytes, p->sender.n > 1 ? ", to each collector" : "");
		if (p->o->sampling > 1)
			complain("%llu packets taken by the sampling, 1 in %llu", (unsigned long long)m->taken,
			    (unsigned long long)p->o->sampling);
		say(p->decode.packets > m->packets ? p->decode.packets - m->packets : 0, "packets that are no IP, or broken");
		say(m->orphans, "later fragments without their first one: counted for port 0");
		say(e->split, "further records for counters beyond 32 bits");
	}
	say(p->kernel_drops, "packets dropped by the kernel");
	say(m->early, "flows exported early, as the cache was full; --max-flows sets its size");
	say(m->jumps, "jumps of the packets' clock; all flows were ended there");
	say(e->no_v6, "IPv6 flows cannot be exported in version 5; use 9 or 10");
	say(p->damaged > DAMAGE_TOLD ? p->damaged - DAMAGE_TOLD : 0, "further damaged places");
	say(p->queues.lost, "records did not reach a queue");
	if (p->queues.gone)
		complain("the last records could not be pushed: a queue is gone");
	if (p->sender.failed > 0)
		complain("%llu datagrams could not be sent: %s", (unsigned long long)p->sender.failed,
		    strerror(p->sender.error));
}

static bool
open_to(struct probe *p, const char *to)
{
	char why[256];

	if (strncmp(to, "redis:", 6) == 0 || strncmp(to, "unix:", 5) == 0) {
		struct queue_out *q = queue_out_open(to, why, sizeof(why));

		if (q == NULL) {
			complain("%s", why);
			return false;
		}
		p->queues.q[p->queues.n++] = q;
		return true;
	}
	return sender_add(&p->sender, to);
}

static bool
probe_open(struct probe *p)
{
	const struct options *o = p->o;
	struct meter_setup s = {.max_flows = o->max_flows, .active_ns = (int64_t)(o->active_s * 1e9),
		.inactive_ns = (int64_t)(o->inactive_s * 1e9), .sampling = (uint32_t)o->sampling, .fragments = o->fragments};

	p->sender.rate = o->rate_given ? o->rate : o->files_n > 0 ? FILE_RATE : 0;
	for (size_t i = 0; i < o->to_n; i++)
		if (!open_to(p, o->to[i]))
			return false;
	if (getrandom(&s.seed, sizeof(s.seed), 0) != sizeof(s.seed))
		s.seed = (uint64_t)getpid();
	/* a file gives the same samples each time */
	if (o->interfaces_n > 0)
		s.sampling_seed = s.seed;
	p->meter = meter_new(&s, on_record, p);
	if (p->meter == NULL || flow_batch_init(&p->batch, SLICE_FLOWS) < 0) {
		complain("out of memory");
		return false;
	}
	return true;
}

static void
probe_close(struct probe *p)
{
	sender_done(&p->sender);
	for (size_t i = 0; i < p->queues.n; i++)
		queue_out_close(p->queues.q[i]);
	for (size_t i = 0; i < p->filter.n; i++)
		pcap_freecode(&p->filter.list[i].program);
	flow_batch_done(&p->batch);
	meter_free(p->meter);
}

static int
probe(const struct options *o)
{
	/* a second signal ends it at once, should the first be busy pacing what is left */
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct probe p = {.o = o};
	int status = EXIT_USAGE;

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	if (probe_open(&p)) {
		status = o->files_n > 0 ? run_files(&p) : run_live(&p);
		meter_flush(p.meter);
		encode_flush(&p);
		flush_queues(&p, true);
		if (status != EXIT_USAGE)
			print_end(&p);
		if ((p.sender.failed > 0 || p.queues.lost > 0 || p.queues.gone) && status == EXIT_OK)
			status = EXIT_FAILED;
	}
	probe_close(&p);
	return status;
}

int
command_probe(int argc, char **argv)
{
	struct options o = {.version = 9, .active_s = 300, .inactive_s = 15, .sampling = 1};
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	int n, status;
	bool done;

	if (rest == NULL)
		return EXIT_FAILED;
	status = parse_plain("probe", argc, argv, USE_PROBE, take_probe, &o, rest, &n, &done);
	if (!done && n > 0) {
		complain("probe takes no bare arguments; -r %s reads a file", rest[0]);
		status = EXIT_USAGE;
	} else if (!done) {
		status = check_options(&o);
		if (status == EXIT_OK)
			status = probe(&o);
	}
	free(rest);
	return status;
}
