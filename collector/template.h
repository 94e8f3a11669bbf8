/* Templates of NetFlow v9 and IPFIX: kept per exporter row, compiled to copy sequences.
 *
 * Owned by struct export.  Bounded in bytes as a whole: see struct export_setup.
 */
#ifndef COLLECTOR_TEMPLATE_H
#define COLLECTOR_TEMPLATE_H

#include "collector/export.h"

struct templates *templates_new(const struct export_setup *s); /* NULL: out of memory */
void templates_free(struct templates *t);

#endif
