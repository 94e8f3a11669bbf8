/* Inside of the template decoder: what its files share.
 *
 * template.c          walks messages and sets
 * template_compile.c  turns a template's fields into operations
 * template_record.c   runs them, and makes flows of what they found
 * template_times.c    when they began and ended
 * template_options.c  options records: sampling, boot time, the exporter's own losses
 * template_keep.c     the store: rows, budget, life times, waiting sets
 * template_save.c     to bytes and back
 */
#ifndef COLLECTOR_TEMPLATE_INNER_H
#define COLLECTOR_TEMPLATE_INNER_H

#include "base/cursor.h"
#include "collector/element.h"
#include "collector/template.h"

enum {
	TEMPLATE_FIELDS_MAX = 1024,    /* of one template; ten times what the longest known ones have */
	TEMPLATES_PER_EXPORTER = 1024,
	SAMPLERS_PER_EXPORTER = 64,
	WAITING_BYTES_PER_EXPORTER = 256 << 10,
	WAITING_SHARE = 4,             /* of the budget, a quarter at most waits */
	VARIABLE_LENGTH = 65535,
};

/* Of a target, in `has`. */
#define BIT(x) ((uint64_t)1 << (x))

enum op_code {
	OP_SEGMENT,  /* takes the next n bytes; the following operations look there.  Only where a length varies */
	OP_U8, OP_U16, OP_U32, OP_U64, OP_UINT,
	OP_S, OP_MS, OP_NTP_US, OP_NTP_NS,
	OP_V4, OP_V6,
	OP_VARIABLE, /* takes a length and so many bytes, and drops them */
	OP_VARIABLE_UINT,
};

struct op {
	uint16_t at; /* from the start of the record or segment */
	uint16_t n;  /* bytes */
	uint8_t code, target;
};

struct template {
	uint64_t has;         /* bit E_x: some operation writes it */
	int64_t seen_ns;      /* when it last came */
	uint32_t refreshes;
	uint16_t id, fields, scopes; /* of the fields, the first `scopes` are scopes */
	uint16_t raw_n, ops_n;
	uint16_t length;      /* of a record; the least, when lengths vary */
	uint8_t addresses;    /* bit A_x */
	bool fixed, options, stream;
	struct op op[];       /* then raw_n bytes: the fields as they came */
};

static inline const uint8_t *
template_raw(const struct template *t)
{
	return (const uint8_t *)&t->op[t->ops_n];
}

/* What a template says, before it is compiled.  `raw` holds the field specifiers. */
struct template_text {
	uint16_t id, fields, scopes;
	bool options, v9; /* v9: no enterprise numbers, and scopes are of a numbering of their own */
	const uint8_t *raw;
	size_t raw_n;
};

struct sampler {
	uint64_t id;
	uint32_t n;
};

struct waiting {
	struct waiting *older, *newer; /* of all */
	struct waiting *next;          /* of this exporter */
	struct exporter *row;
	int64_t seen_ns, export_ns;
	uint32_t uptime_ms, n;
	uint16_t id;
	bool stream;
	uint8_t bytes[];
};

/* What is known of one exporter row. */
struct domain {
	struct template **list; /* by id */
	struct sampler *sampler;
	struct waiting *first, *last;
	size_t waiting_bytes;
	int64_t boot_ns;        /* 0: unknown */
	uint64_t dropped_packets, dropped_flows; /* as the exporter counts them */
	uint32_t n, cap, samplers_n, samplers_cap, sampler_hint;
	bool boot_guessed;      /* from the records' own times */
};

struct templates {
	size_t budget, used, waiting_bytes;
	uint64_t templates, waiting_sets;
	int64_t timeout_ns, swept_ns;
	uint32_t base;          /* of exporters' indices */
	struct domain **domain; /* by exporter's index */
	uint32_t domains_cap;
	struct waiting *oldest, *newest;
};

/* One message, while it is decoded. */
struct message {
	struct templates *all;
	struct domain *domain;
	struct exporter *row;
	struct flow_batch *out;
	int64_t seen_ns, export_ns;
	uint32_t uptime_ms; /* of the exporter at export_ns; v9 only */
	bool v9, stream;
	uint32_t records;   /* data records so far: what IPFIX' sequence counts */
	uint32_t options;   /* of these, options records */
	bool uncounted;     /* some could not be counted */
	int appended;
};

/* Scratch of the records of one set: each record overwrites what the one before wrote. */
struct record {
	uint64_t v[E_TARGETS];
	struct addr a[A_TARGETS];
	uint64_t has;
	uint8_t addresses;
};

/* --- template_compile.c */
/* Fills `t`, with room for `fields` operations times two and the raw bytes (template_room).  0, or ERR_MALFORMED. */
size_t template_room(const struct template_text *text);
int template_compile(const struct template_text *text, struct template *t);

/* --- template_record.c */
void record_init(struct record *r, const struct template *t);
/* Reads one record.  False when it is cut. */
bool record_read(struct record *r, const struct template *t, struct cursor *c);
void record_flows(const struct record *r, struct message *m);

/* --- template_times.c */
/* On the exporter's clock, not repaired yet. */
void record_times(const struct record *r, struct message *m, int64_t *start_ns, int64_t *end_ns);

/* --- template_options.c */
void record_options(const struct record *r, struct message *m);
/* 1 in n as the record says by itself or by its sampler; 0: it does not say. */
uint32_t record_sampling(const struct record *r, struct domain *d);
void domain_sampler(struct templates *all, struct domain *d, struct exporter *row, uint64_t id, uint32_t n);

/* --- template_keep.c */
/* NULL: out of memory or budget, or the row is the one that newcomers share: no templates are kept there. */
struct domain *keep_domain(struct templates *all, const struct exporter *row, bool make);
/* NULL: none, or it has expired (counted). */
struct template *keep_find(struct templates *all, struct domain *d, struct exporter *row, uint16_t id, int64_t now_ns);
struct template *keep_peek(const struct domain *d, uint16_t id);
/* Compiles and keeps; the counts of the row say what came of it.  Returns whether the template is there now. */
bool keep_template(struct templates *all, struct domain *d, struct exporter *row, const struct template_text *text,
    int64_t now_ns, bool stream);
void keep_drop(struct templates *all, struct domain *d, uint16_t id);
/* All of the options templates, or of the others. */
unsigned int keep_drop_kind(struct templates *all, struct domain *d, bool options);
void *keep_grow(struct templates *all, void *p, size_t old, size_t size); /* NULL: beyond the budget */
/* Makes room by what has expired anyway; not often, since a full budget may last. */
void keep_sweep(struct templates *all, int64_t now_ns);
/* Lets a set wait; `m` says when it came. */
bool keep_wait(const struct message *m, uint16_t id, const uint8_t *p, size_t n);
/* Takes the oldest waiting set for `id` out, or NULL; give it to keep_waited afterwards. */
struct waiting *keep_waiting(struct templates *all, struct domain *d, uint16_t id);
void keep_waited(struct templates *all, struct waiting *w);

#endif
