/* Fields of flows in a table, and keys packed out of them. */
#include "reports/flow_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/nearest.h"

#define FLOW(member) false, offsetof(struct flow, member), 0
#define EXTRA(member) true, offsetof(struct flow_extra, member), 0

static const struct flow_field fields[] = {
	{"srcip", "Src IP Addr", FIELD_ADDR, 0, 16, FLOW(src)},
	{"dstip", "Dst IP Addr", FIELD_ADDR, 0, 16, FLOW(dst)},
	{"srcport", "Src Pt", FIELD_NUMBER, 16, 6, FLOW(sport)},
	{"dstport", "Dst Pt", FIELD_NUMBER, 16, 6, FLOW(dport)},
	{"proto", "Proto", FIELD_PROTO, 8, 5, FLOW(proto)},
	{"flags", "Flags", FIELD_FLAGS, 8, 8, FLOW(tcp_flags)},
	{"srcas", "Src AS", FIELD_AS, 32, 8, EXTRA(src_as)},
	{"dstas", "Dst AS", FIELD_AS, 32, 8, EXTRA(dst_as)},
	{"inif", "Input", FIELD_NUMBER, 32, 6, EXTRA(in_if)},
	{"outif", "Output", FIELD_NUMBER, 32, 6, EXTRA(out_if)},
	{"srcnet", "Src Network", FIELD_NET, 0, 18, false, offsetof(struct flow, src), offsetof(struct flow_extra, src_mask)},
	{"dstnet", "Dst Network", FIELD_NET, 0, 18, false, offsetof(struct flow, dst), offsetof(struct flow_extra, dst_mask)},
	{"srcmask", "SMask", FIELD_NUMBER, 8, 5, EXTRA(src_mask)},
	{"dstmask", "DMask", FIELD_NUMBER, 8, 5, EXTRA(dst_mask)},
	{"srcvlan", "SVlan", FIELD_NUMBER, 16, 5, EXTRA(src_vlan)},
	{"dstvlan", "DVlan", FIELD_NUMBER, 16, 5, EXTRA(dst_vlan)},
	{"tos", "Tos", FIELD_NUMBER, 8, 3, EXTRA(tos)},
	{"srctos", "Tos", FIELD_NUMBER, 8, 3, EXTRA(tos)},
	{"next", "Next-hop IP", FIELD_ADDR, 0, 16, EXTRA(next_hop)},
	{"nhip", "Nexthop IP", FIELD_ADDR, 0, 16, EXTRA(next_hop)},
	{"router", "Router IP", FIELD_ADDR, 0, 16, EXTRA(exporter)},
	{"exporter", "Exporter IP", FIELD_ADDR, 0, 16, EXTRA(exporter)},
	{"domain", "Domain", FIELD_NUMBER, 32, 6, EXTRA(domain)},
	{"version", "Ver", FIELD_NUMBER, 16, 3, EXTRA(version)},
	{"dir", "Dir", FIELD_NUMBER, 8, 3, EXTRA(direction)},
	{"icmptype", "ICMP-T", FIELD_NUMBER, 8, 6, EXTRA(icmp_type)},
	{"icmpcode", "ICMP-C", FIELD_NUMBER, 8, 6, EXTRA(icmp_code)},
	{"forwarding", "Fwd", FIELD_NUMBER, 8, 3, EXTRA(forwarding)},
	{"sampling", "Sampling", FIELD_NUMBER, 32, 8, FLOW(sampling)},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

const struct flow_field *
flow_field_find(const char *name, size_t n)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strlen(fields[i].name) == n && strncasecmp(fields[i].name, name, n) == 0)
			return &fields[i];
	return NULL;
}

const char *
flow_field_nearest(const char *name)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < FIELDS; i++)
		nearest_try(&near, fields[i].name);
	return nearest_found(&near);
}

const struct flow_field *
flow_field_at(size_t i)
{
	return i < FIELDS ? &fields[i] : NULL;
}

/* --- keys from text -------------------------------------------------------------------------------------------- */

/* "srcip", "srcip4" and "srcip6" are one field; the digit says which family the mask behind it is for. */
static const struct flow_field *
masked_field(const char *name, size_t n, unsigned int *family)
{
	const struct flow_field *f = flow_field_find(name, n);

	*family = 4;
	if (f == NULL && n > 1 && (name[n - 1] == '4' || name[n - 1] == '6')) {
		f = flow_field_find(name, n - 1);
		*family = name[n - 1] == '4' ? 4 : 6;
		if (f != NULL && f->kind != FIELD_ADDR)
			f = NULL;
	}
	return f;
}

static int
unknown_field(const char *name, size_t n, char *why, size_t why_size)
{
	char word[40];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)n, name);
	near = flow_field_nearest(word);
	if (near != NULL)
		snprintf(why, why_size, "there is no field '%s'; did you mean '%s'?", word, near);
	else
		snprintf(why, why_size, "there is no field '%s'; damp(1) lists them", word);
	return ERR_INVALID;
}

static int
take_mask(struct flow_fields_part *p, const char *text, size_t n, unsigned int family, char *why, size_t why_size)
{
	unsigned int bits = 0, max = family == 4 ? 32 : 128;

	for (size_t i = 0; i < n; i++)
		bits = text[i] >= '0' && text[i] <= '9' && i < 3 ? bits * 10 + (unsigned int)(text[i] - '0') : 999;
	if (n == 0 || bits > max || p->field->kind != FIELD_ADDR) {
		snprintf(why, why_size, "'%s/%.*s': %s", p->field->name, (int)n, text,
		    p->field->kind != FIELD_ADDR ? "only addresses have masks" : "not a prefix length");
		return ERR_INVALID;
	}
	*(family == 4 ? &p->bits4 : &p->bits6) = (uint8_t)bits;
	return 0;
}

static struct flow_fields_part *
part_for(struct flow_fields *k, const struct flow_field *f)
{
	for (size_t i = 0; i < k->parts; i++)
		if (k->part[i].field == f)
			return &k->part[i];
	if (k->parts == FLOW_KEY_PARTS)
		return NULL;
	k->part[k->parts] = (struct flow_fields_part){.field = f, .bits4 = 32, .bits6 = 128};
	return &k->part[k->parts++];
}

/* Addresses first, each its words; then numbers, the widest first, so that none lies across two words. */
static int
lay_out(struct flow_fields *k)
{
	unsigned int used = 64;

	for (size_t i = 0; i < k->parts; i++) {
		struct flow_fields_part *p = &k->part[i];

		if (p->field->extra || p->field->kind == FIELD_NET)
			k->extra = true;
		if (p->field->kind != FIELD_ADDR && p->field->kind != FIELD_NET)
			continue;
		p->word = (uint8_t)k->words;
		k->words += p->field->kind == FIELD_NET ? 3 : 2; /* and the prefix length */
	}
	k->numbers = k->words;
	for (unsigned int bits = 32; bits >= 8; bits /= 2)
		for (size_t i = 0; i < k->parts; i++) {
			struct flow_fields_part *p = &k->part[i];

			if (p->field->kind == FIELD_ADDR || p->field->kind == FIELD_NET || p->field->bits != bits)
				continue;
			if (used == 64) {
				used = 0;
				k->words++;
			}
			p->word = (uint8_t)(k->words - 1);
			p->shift = (uint8_t)used;
			used += bits;
		}
	return k->words <= FLOW_KEY_WORDS ? 0 : ERR_INVALID;
}

int
flow_fields_parse(struct flow_fields *k, const char *list, char *why, size_t why_size)
{
	*k = (struct flow_fields){0};
	for (const char *p = list;; p++) {
		size_t n = strcspn(p, ","), name = strcspn(p, ",/");
		unsigned int family;
		const struct flow_field *f = masked_field(p, name, &family);
		struct flow_fields_part *part;

		if (f == NULL)
			return unknown_field(p, name, why, why_size);
		part = part_for(k, f);
		if (part == NULL) {
			snprintf(why, why_size, "more than %d fields", FLOW_KEY_PARTS);
			return ERR_INVALID;
		}
		if (name < n && take_mask(part, p + name + 1, n - name - 1, family, why, why_size) < 0)
			return ERR_INVALID;
		p += n;
		if (*p == '\0')
			break;
	}
	if (lay_out(k) < 0) {
		snprintf(why, why_size, "too many addresses in one list");
		return ERR_INVALID;
	}
	return 0;
}

/* --- keys from flows --------------------------------------------------------------------------------------------- */

/* In network order, as the words come from memory. */
static uint64_t
mask_word(unsigned int bits, unsigned int from)
{
	uint8_t b[8];
	uint64_t v;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int at = from + 8 * i;

		b[i] = bits >= at + 8 ? 0xff : bits <= at ? 0 : (uint8_t)(0xff00 >> (bits - at));
	}
	memcpy(&v, b, sizeof(v));
	return v;
}

static void
put_addr(uint64_t *to, const uint8_t *from, unsigned int bits4, unsigned int bits6)
{
	struct addr a;
	unsigned int bits;

	memcpy(to, from, 16);
	if (bits4 >= 32 && bits6 >= 128)
		return;
	memcpy(&a, from, sizeof(a));
	bits = addr_is_v4(&a) ? 96 + bits4 : bits6;
	to[0] &= mask_word(bits, 0);
	to[1] &= mask_word(bits, 64);
}

static uint64_t
get_number(const uint8_t *from, unsigned int bits)
{
	uint16_t v16;
	uint32_t v32;

	if (bits == 8)
		return *from;
	if (bits == 16) {
		memcpy(&v16, from, sizeof(v16));
		return v16;
	}
	memcpy(&v32, from, sizeof(v32));
	return v32;
}

void
flow_fields_build(const struct flow_fields *k, const struct flow *w, const struct flow_extra *x, uint64_t *words)
{
	static const struct flow_extra none;

	if (x == NULL)
		x = &none;
	for (size_t i = k->numbers; i < k->words; i++)
		words[i] = 0;
	for (size_t i = 0; i < k->parts; i++) {
		const struct flow_fields_part *p = &k->part[i];
		const struct flow_field *f = p->field;
		const uint8_t *from = (f->extra ? (const uint8_t *)x : (const uint8_t *)w) + f->offset;

		if (f->kind == FIELD_ADDR) {
			put_addr(words + p->word, from, p->bits4, p->bits6);
		} else if (f->kind == FIELD_NET) {
			unsigned int bits = ((const uint8_t *)x)[f->mask_offset];

			put_addr(words + p->word, from, bits < 32 ? bits : 32, bits);
			words[p->word + 2] = bits;
		} else {
			words[p->word] |= get_number(from, f->bits) << p->shift;
		}
	}
}

uint64_t
flow_fields_number(const struct flow_fields *k, size_t part, const uint64_t *words)
{
	const struct flow_fields_part *p = &k->part[part];

	if (p->field->kind == FIELD_NET)
		return words[p->word + 2];
	return words[p->word] >> p->shift & ((UINT64_C(1) << p->field->bits) - 1);
}

struct addr
flow_fields_addr(const struct flow_fields *k, size_t part, const uint64_t *words)
{
	struct addr a;

	memcpy(&a, words + k->part[part].word, sizeof(a));
	return a;
}

void
flow_fields_unpack(const struct flow_fields *k, const uint64_t *words, struct flow *w, struct flow_extra *x)
{
	for (size_t i = 0; i < k->parts; i++) {
		const struct flow_field *f = k->part[i].field;
		uint8_t *to = (f->extra ? (uint8_t *)x : (uint8_t *)w) + f->offset;
		uint64_t v;

		if (f->kind == FIELD_ADDR || f->kind == FIELD_NET) {
			memcpy(to, words + k->part[i].word, 16);
			if (f->kind == FIELD_NET)
				((uint8_t *)x)[f->mask_offset] = (uint8_t)words[k->part[i].word + 2];
			continue;
		}
		v = flow_fields_number(k, i, words);
		if (f->bits == 8)
			*to = (uint8_t)v;
		else if (f->bits == 16)
			memcpy(to, &(uint16_t){(uint16_t)v}, 2);
		else
			memcpy(to, &(uint32_t){(uint32_t)v}, 4);
	}
}
