#include "reports/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One code point of UTF-8 (RFC 3629) at s, its length in *len; -1 when the bytes are none. */
static int32_t
utf8_next(const unsigned char *s, size_t *len)
{
	static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	int32_t c;

	*len = 1;
	if (n == 0 || s[0] >= 0xf5)
		return -1;
	if (n == 1)
		return s[0];
	c = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*len = n;
	return c;
}

/* Controls, and the characters that change the direction or are not seen at all. */
static bool
unsafe(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

static const char *
entity(int32_t c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

void
text_html(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n;

	for (; *p != '\0'; p += n) {
		int32_t c = utf8_next(p, &n);
		const char *e = entity(c);

		if (e != NULL)
			buf_str(b, e);
		else if (c < 0 || (unsafe(c) && c != '\n' && c != '\t'))
			buf_str(b, "\xef\xbf\xbd");
		else
			buf_bytes(b, p, n);
	}
}

/* What stands for the few signs damp itself writes, on a terminal without them. */
static const char *
ascii_for(int32_t c)
{
	switch (c) {
	case 0xa0: return " ";
	case 0xb7: return "-";
	case 0xd7: return "x";
	case 0xf7: return "/";
	case 0x2013: return "-";
	case 0x2026: return "...";
	case 0x2192: return "->";
	case 0x2264: return "<=";
	case 0x2265: return ">=";
	default: return "?";
	}
}

void
text_plain(struct buf *b, const char *s, bool utf8)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n;

	for (; *p != '\0'; p += n) {
		int32_t c = utf8_next(p, &n);

		if (c < 0 || unsafe(c))
			buf_char(b, '?');
		else if (c >= 0x80 && !utf8)
			buf_str(b, ascii_for(c));
		else
			buf_bytes(b, p, n);
	}
}

void
text_htmlf(struct buf *b, const char *fmt, ...)
{
	char tmp[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tmp, sizeof(tmp), fmt, ap);
	va_end(ap);
	text_html(b, tmp);
}

void
text_count(struct buf *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_char(b, ',');
		buf_char(b, digits[i]);
	}
}

const char *
text_scaled(double v, char number[16])
{
	static const char *const prefix[] = {"", "k", "M", "G", "T", "P", "E"};
	size_t i = 0;

	if (!isfinite(v)) {
		snprintf(number, 16, "-");
		return "";
	}
	/* 999.5 would print as four figures */
	while (fabs(v) >= 999.5 && i + 1 < sizeof(prefix) / sizeof(prefix[0])) {
		v /= 1000;
		i++;
	}
	if (i == 0 && v == floor(v))
		snprintf(number, 16, "%.0f", v);
	else
		snprintf(number, 16, "%.*f", fabs(v) >= 99.95 ? 0 : fabs(v) >= 9.995 ? 1 : 2, v);
	return prefix[i];
}

void
text_si(struct buf *b, double v)
{
	char number[16];
	const char *prefix = text_scaled(v, number);

	buf_printf(b, "%s%s%s", number, *prefix != '\0' ? " " : "", prefix);
}

void
text_figure(struct buf *b, double v)
{
	double a = fabs(v);
	char tmp[48], *dot;

	if (!isfinite(v)) {
		buf_char(b, '-');
		return;
	}
	if (a >= 10000) {
		text_count(b, (uint64_t)(a + .5));
		return;
	}
	snprintf(tmp, sizeof(tmp), "%.*f", a >= 999.5 ? 0 : a >= 99.95 ? 1 : 2, v);
	dot = strchr(tmp, '.');
	if (dot != NULL) {
		char *end = tmp + strlen(tmp);

		while (end[-1] == '0')
			*--end = '\0';
		if (end[-1] == '.')
			*--end = '\0';
	}
	buf_str(b, tmp);
}

void
text_figure_in(struct buf *b, double v, const char *unit)
{
	text_figure(b, unit != NULL && strcmp(unit, "%") == 0 ? v * 100 : v);
}

void
text_duration(struct buf *b, double seconds)
{
	uint64_t s;

	if (seconds < 0)
		seconds = 0;
	if (seconds < 9.95) {
		buf_printf(b, "%.1f s", seconds);
		return;
	}
	s = (uint64_t)(seconds + .5);
	if (s < 120)
		buf_printf(b, "%" PRIu64 " s", s);
	else if (s < 3600)
		buf_printf(b, s % 60 != 0 ? "%" PRIu64 " min %" PRIu64 " s" : "%" PRIu64 " min", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(b, s / 60 % 60 != 0 ? "%" PRIu64 " h %" PRIu64 " min" : "%" PRIu64 " h", s / 3600, s / 60 % 60);
	else
		buf_printf(b, s / 3600 % 24 != 0 ? "%" PRIu64 " d %" PRIu64 " h" : "%" PRIu64 " d", s / 86400, s / 3600 % 24);
}

void
text_percent(struct buf *b, double share)
{
	double p = share * 100;

	if (p > 0 && p < .01)
		buf_str(b, "< 0.01");
	else if (p > 99.9 && p < 100)
		buf_str(b, p > 99.99 ? "> 99.99" : "> 99.9");
	else if (p == floor(p))
		buf_printf(b, "%.0f", p);
	else
		buf_printf(b, "%.*f", p < 1 ? 2 : 1, p);
}

void
text_addr(struct buf *b, const struct addr *a)
{
	char tmp[ADDR_TEXT];

	addr_text(a, tmp);
	for (const char *p = tmp; *p != '\0'; p++) {
		buf_char(b, *p);
		if (*p == ':' && p[1] != ':' && p[1] != '\0')
			buf_str(b, "<wbr>");
	}
}

struct country {
	char code[3];
	const char *name;
};

#define C(code, name) {code, name}
static const struct country countries[] = {
	C("AE", "United Arab Emirates"), C("AL", "Albania"), C("AM", "Armenia"), C("AO", "Angola"),
	C("AR", "Argentina"), C("AT", "Austria"), C("AU", "Australia"), C("AZ", "Azerbaijan"),
	C("BA", "Bosnia and Herzegovina"), C("BD", "Bangladesh"), C("BE", "Belgium"), C("BG", "Bulgaria"),
	C("BO", "Bolivia"), C("BR", "Brazil"), C("BY", "Belarus"), C("CA", "Canada"), C("CH", "Switzerland"),
	C("CI", "Ivory Coast"), C("CL", "Chile"), C("CM", "Cameroon"), C("CN", "China"), C("CO", "Colombia"),
	C("CR", "Costa Rica"), C("CY", "Cyprus"), C("CZ", "Czechia"), C("DE", "Germany"), C("DK", "Denmark"),
	C("DO", "Dominican Republic"), C("DZ", "Algeria"), C("EC", "Ecuador"), C("EE", "Estonia"), C("EG", "Egypt"),
	C("ES", "Spain"), C("ET", "Ethiopia"), C("FI", "Finland"), C("FR", "France"), C("GB", "United Kingdom"),
	C("GE", "Georgia"), C("GH", "Ghana"), C("GR", "Greece"), C("GT", "Guatemala"), C("HK", "Hong Kong"),
	C("HN", "Honduras"), C("HR", "Croatia"), C("HU", "Hungary"), C("ID", "Indonesia"), C("IE", "Ireland"),
	C("IL", "Israel"), C("IN", "India"), C("IQ", "Iraq"), C("IR", "Iran"), C("IS", "Iceland"), C("IT", "Italy"),
	C("JO", "Jordan"), C("JP", "Japan"), C("KE", "Kenya"), C("KG", "Kyrgyzstan"), C("KH", "Cambodia"),
	C("KR", "South Korea"), C("KW", "Kuwait"), C("KZ", "Kazakhstan"), C("LA", "Laos"), C("LB", "Lebanon"),
	C("LK", "Sri Lanka"), C("LT", "Lithuania"), C("LU", "Luxembourg"), C("LV", "Latvia"), C("LY", "Libya"),
	C("MA", "Morocco"), C("MD", "Moldova"), C("ME", "Montenegro"), C("MK", "North Macedonia"), C("MM", "Myanmar"),
	C("MN", "Mongolia"), C("MT", "Malta"), C("MX", "Mexico"), C("MY", "Malaysia"), C("MZ", "Mozambique"),
	C("NG", "Nigeria"), C("NI", "Nicaragua"), C("NL", "Netherlands"), C("NO", "Norway"), C("NP", "Nepal"),
	C("NZ", "New Zealand"), C("OM", "Oman"), C("PA", "Panama"), C("PE", "Peru"), C("PH", "Philippines"),
	C("PK", "Pakistan"), C("PL", "Poland"), C("PR", "Puerto Rico"), C("PS", "Palestine"), C("PT", "Portugal"),
	C("PY", "Paraguay"), C("QA", "Qatar"), C("RO", "Romania"), C("RS", "Serbia"), C("RU", "Russia"),
	C("SA", "Saudi Arabia"), C("SD", "Sudan"), C("SE", "Sweden"), C("SG", "Singapore"), C("SI", "Slovenia"),
	C("SK", "Slovakia"), C("SN", "Senegal"), C("SV", "El Salvador"), C("SY", "Syria"), C("TH", "Thailand"),
	C("TN", "Tunisia"), C("TR", "Turkey"), C("TW", "Taiwan"), C("TZ", "Tanzania"), C("UA", "Ukraine"),
	C("UG", "Uganda"), C("US", "United States"), C("UY", "Uruguay"), C("UZ", "Uzbekistan"), C("VE", "Venezuela"),
	C("VN", "Vietnam"), C("YE", "Yemen"), C("ZA", "South Africa"), C("ZM", "Zambia"), C("ZW", "Zimbabwe"),
};
#undef C

static int
country_order(const void *key, const void *element)
{
	return strcmp(key, ((const struct country *)element)->code);
}

const char *
text_country(const char *code)
{
	const struct country *c =
		bsearch(code, countries, sizeof(countries) / sizeof(countries[0]), sizeof(countries[0]), country_order);

	return c != NULL ? c->name : code;
}
