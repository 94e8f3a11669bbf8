/* The names that are misused, for the page. */
#include <inttypes.h>

#include "collector/dns.h"
#include "reports/section.h"
#include "reports/text.h"

void
section_names(struct buf *b, const struct report_input *in)
{
	char name[DNS_NAME_TEXT], type[12];

	if (in->names_n == 0)
		return;
	buf_str(b, "<h2>Names that are misused</h2><p class=sub>Most of their answers were asked for again while they were still held, or by "
	           "nobody who got them.</p><div class=\"card long\">");
	rows_begin(b, "nm", in->names_n);
	buf_str(b, "<table><thead><tr><th>Name<th>Type<th class=n>Clients<th class=n>Large answers<th class=n>Bytes<th class=n>Factor"
	           "<th class=n>Mean answer<th class=n>Asked again</tr></thead><tbody>");
	for (size_t i = 0; i < in->names_n; i++) {
		const struct drawn_name *d = &in->name[i];

		buf_printf(b, "<tr%s><td>", row_class(i));
		text_html(b, dns_name_text(d->wire, d->len, name));
		buf_printf(b, "</td><td>%s</td><td class=n>", dns_type_text(d->qtype, type));
		text_count(b, (uint64_t)d->clients);
		buf_str(b, "</td><td class=n>");
		text_count(b, d->answers);
		buf_str(b, "</td><td class=n>");
		text_bytes(b, (double)d->bytes);
		if (d->baf > 0)
			buf_printf(b, "</td><td class=n>%.2f", d->baf);
		else
			buf_str(b, "</td><td class=n>–");
		buf_printf(b, "</td><td class=n>%.0f B</td><td class=n>", d->mean_size);
		text_percent(b, d->repeat_share);
		buf_str(b, " %</td></tr>");
	}
	buf_str(b, "</tbody></table>");
	rows_end(b, "nm", in->names_n, false);
	buf_str(b, "</div>");
}
