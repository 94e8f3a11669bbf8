/* Where the hosts are: squares of our own prefixes, countries of everybody else. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/section.h"
#include "reports/text.h"

/* --- our own: one square an address, or a block of addresses ----------------------------------- */

enum { SQUARES = 1024, ACROSS = 64 };

static uint32_t
v4_value(const struct addr *a)
{
	return (uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 | (uint32_t)a->b[14] << 8 | a->b[15];
}

static struct addr
v4_addr(uint32_t v)
{
	const uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	return addr_v4(bytes);
}

static bool
counts(const struct story *s, size_t i)
{
	const struct alert *a = s->inc->alert[i];

	return a->kind == s->inc->kind && a->subject.type == SUBJECT_HOST;
}

static void
squares(struct buf *b, const struct prefix *p, const uint32_t *hit, size_t n, unsigned int shift)
{
	size_t across = n < ACROSS ? n : ACROSS, down = n / across;
	char tmp[ADDR_TEXT];

	buf_printf(b, "<svg class=map style=\"max-width:%zupx\" viewBox=\"0 0 %zu %zu\" role=\"img\"><title>The named addresses in their prefix</title>"
	              "<path d=\"", across * 18, across * 10, down * 10);
	for (size_t y = 0; y < down; y++)
		buf_printf(b, "M0 %zuh%zu", y * 10 + 5, across * 10);
	buf_str(b, "\" stroke=\"var(--soft)\" stroke-width=\"9\" stroke-dasharray=\"9 1\"/>");
	for (size_t i = 0; i < n; i++) {
		struct addr a = v4_addr(v4_value(&p->addr) + ((uint32_t)i << shift));

		if (hit[i] == 0)
			continue;
		buf_printf(b, "<rect class=a1 x=\"%zu\" y=\"%zu.5\" width=\"9\" height=\"9\"><title>%s",
		           i % across * 10, i / across * 10, addr_text(&a, tmp));
		if (shift > 0)
			buf_printf(b, "/%u: %" PRIu32, 32 - shift, hit[i]);
		buf_str(b, "</title></rect>");
	}
	buf_str(b, "</svg>");
}

/* 0 when no named address is in it. */
static size_t
map(struct buf *b, const struct story *s, const struct prefix *p)
{
	uint32_t hit[SQUARES] = {0};
	unsigned int bits = 128u - p->bits, shift = bits > 10 ? bits - 10 : 0;
	size_t n = (size_t)1 << (bits - shift), named = 0;
	char tmp[PREFIX_TEXT];

	for (size_t i = 0; i < s->inc->alerts_kept; i++) {
		const struct addr *a = &s->inc->alert[i]->subject.prefix.addr;

		if (!counts(s, i) || !addr_is_v4(a) || !prefix_contains(p, a))
			continue;
		hit[(v4_value(a) - v4_value(&p->addr)) >> shift]++;
		named++;
	}
	if (named == 0)
		return 0;
	buf_str(b, "<div class=card>");
	squares(b, p, hit, n, shift);
	buf_printf(b, "<p class=dim>%s, %zu named", prefix_text(p, tmp), named);
	if (shift == 0)
		buf_printf(b, " of %zu addresses; one square is an address.</p></div>", n);
	else
		buf_printf(b, "; one square is a /%u (%" PRIu64 " addresses).</p></div>", 32 - shift, UINT64_C(1) << shift);
	return named;
}

/* The smallest prefix, not below /24, around all named IPv4 addresses; false when it would be wider
 * than a /12 and say nothing. */
static bool
cover(const struct story *s, struct prefix *p)
{
	bool any = false;
	unsigned int bits = 120;

	for (size_t i = 0; i < s->inc->alerts_kept; i++) {
		const struct addr *a = &s->inc->alert[i]->subject.prefix.addr;

		if (!counts(s, i) || !addr_is_v4(a))
			continue;
		if (!any)
			*p = prefix_of(a, bits);
		any = true;
		while (bits > 96 && !prefix_contains(p, a))
			*p = prefix_of(&p->addr, --bits);
	}
	return any && bits >= 108;
}

/* IPv6 is too wide for squares: how many in how many /64. */
static size_t
in_ipv6(struct buf *b, const struct story *s)
{
	struct prefix seen[64];
	size_t n = 0, nets = 0;

	for (size_t i = 0; i < s->inc->alerts_kept; i++) {
		struct prefix p;
		bool known = false;

		if (!counts(s, i) || addr_is_v4(&s->inc->alert[i]->subject.prefix.addr))
			continue;
		n++;
		p = prefix_of(&s->inc->alert[i]->subject.prefix.addr, 64);
		for (size_t j = 0; j < nets && !known; j++)
			known = addr_equal(&seen[j].addr, &p.addr);
		if (!known && nets < sizeof(seen) / sizeof(seen[0]))
			seen[nets++] = p;
	}
	if (n == 0)
		return 0;
	buf_printf(b, "%zu in IPv6, in %s%zu network%s of /64.", n, nets == sizeof(seen) / sizeof(seen[0]) ? "at least " : "",
	           nets, nets == 1 ? "" : "s");
	return n;
}

static void
own(struct buf *b, const struct story *s)
{
	size_t mapped = 0, six;
	struct prefix p;
	struct buf note = {.max = 256};

	six = in_ipv6(&note, s);
	buf_printf(b, "<p class=sub>%s %s</p>",
	           s->in->networks_n > 0 ? "Which of our own addresses." : "Which addresses; own prefixes were not given.",
	           buf_text(&note));
	for (size_t i = 0; i < s->in->networks_n && i < 16; i++)
		if (addr_is_v4(&s->in->network[i].addr) && s->in->network[i].bits >= 104)
			mapped += map(b, s, &s->in->network[i]);
	if (mapped == 0 && cover(s, &p))
		mapped = map(b, s, &p);
	if (mapped == 0 && six == 0)
		buf_str(b, "<p class=dim>They are spread too widely to be drawn.</p>");
	buf_done(&note);
}

/* --- the others: countries --------------------------------------------------------------------- */

struct place {
	char code[3];
	uint64_t hosts, bytes;
};

enum { PLACES = 256 };
struct places {
	struct place at[PLACES];
	size_t n;
	uint64_t bytes;
};

static void
place_add(struct places *p, const struct report_input *in, const struct addr *a, uint64_t bytes)
{
	struct report_geo g = {.asn = 0};
	size_t i;

	if (in->geo == NULL || !in->geo(in->geo_ctx, a, &g))
		g.country[0] = '\0';
	for (i = 0; i < p->n && strcmp(p->at[i].code, g.country) != 0; i++)
		;
	if (i == PLACES)
		return;
	if (i == p->n) {
		p->at[p->n++] = (struct place){.hosts = 0};
		memcpy(p->at[i].code, g.country, sizeof(g.country));
	}
	p->at[i].hosts++;
	p->at[i].bytes += bytes;
	p->bytes += bytes;
}

static int
place_order(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return strcmp(a->code, b->code);
}

static void
bars(struct buf *b, struct places *p, const char *color)
{
	qsort(p->at, p->n, sizeof(p->at[0]), place_order);
	buf_str(b, "<div class=scroll><table><thead><tr><th>Country</th><th class=n>Hosts</th><th class=n>Bytes</th>"
	           "<th>Share</th></tr></thead><tbody>");
	for (size_t i = 0; i < p->n && i < 15; i++) {
		double share = p->bytes > 0 ? (double)p->at[i].bytes / (double)p->bytes : 0;

		buf_str(b, "<tr><td>");
		text_html(b, p->at[i].code[0] == '\0' ? "unknown" : text_country(p->at[i].code));
		buf_printf(b, "</td><td class=n>%" PRIu64 "</td><td class=n>", p->at[i].hosts);
		text_bytes(b, (double)p->at[i].bytes);
		buf_printf(b, "</td><td><span class=\"bar w%s\"><i style=\"width:%.1f%%\"></i></span>", color, share * 100);
		text_percent(b, share);
		buf_str(b, " %</td></tr>");
	}
	if (p->n > 15)
		buf_printf(b, "<tr class=off><td>%zu more</td><td></td><td></td><td></td></tr>", p->n - 15);
	buf_str(b, "</tbody></table></div>");
}

static void
databases(struct buf *b, const struct report_input *in)
{
	buf_str(b, "Countries come from ");
	for (size_t i = 0; i < in->databases_n; i++) {
		buf_str(b, i > 0 ? "; " : "");
		text_html(b, in->database[i]);
	}
	buf_str(b, in->databases_n == 0 ? "the given database." : ".");
}

static void
foreign(struct buf *b, const struct story *s)
{
	struct places p = {.n = 0};
	bool ends = s->inc->kind != KIND_DNS_AMPLIFICATION_ABUSER;

	if (s->in->geo == NULL) {
		buf_str(b, "<p class=sub>No country or network database was given, so the other ends are addresses only "
		           "(<code>--geoip FILE.mmdb</code>).</p>");
		return;
	}
	for (size_t i = 0; i < s->inc->alerts_kept; i++) {
		const struct alert *a = s->inc->alert[i];

		if (!counts(s, i))
			continue;
		if (!ends)
			place_add(&p, s->in, &a->subject.prefix.addr, a->bytes);
		for (size_t j = 0; ends && j < a->peers_n; j++)
			place_add(&p, s->in, &a->peers[j].addr, a->peers[j].bytes);
	}
	buf_printf(b, "<p class=sub>%s ", ends ? "Countries of the loudest other ends, by bytes." : "Countries of the hosts, by bytes.");
	databases(b, s->in);
	buf_str(b, " An address says where it is registered, not who sits there.</p>");
	if (p.n > 0) {
		buf_str(b, "<div class=card>");
		bars(b, &p, "");
		buf_str(b, "</div>");
	}
}

void
section_where(struct buf *b, const struct story *s)
{
	if (s->lead == NULL)
		return;
	buf_str(b, "<h2>Where</h2>");
	if (s->ours || s->in->networks_n == 0)
		own(b, s);
	if (!s->ours || s->inc->kind != KIND_DNS_AMPLIFICATION_ABUSER)
		foreign(b, s);
}

void
section_countries(struct buf *b, const struct report_input *in)
{
	struct places p = {.n = 0};

	for (size_t i = 0; i < in->talkers[TALK_BYTES].n; i++) {
		const struct talker *t = &in->talkers[TALK_BYTES].row[i];

		if (!t->is_ours)
			place_add(&p, in, &t->addr, t->bytes_in + t->bytes_out);
	}
	buf_printf(b, "<div class=pane><p class=sub>Of the %zu loudest hosts by bytes, those outside. ", in->talkers[TALK_BYTES].n);
	databases(b, in);
	buf_str(b, "</p>");
	bars(b, &p, " q");
	buf_str(b, "</div>");
}
