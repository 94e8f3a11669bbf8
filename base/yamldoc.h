/* Loading one YAML document (libyaml) from bytes that a stranger may have written.
 *
 * yamldoc_load refuses what is not UTF-8, more than one document, and documents past the bounds before
 * the tree is built, so memory stays below about 20 MiB.  Aliases are resolved by libyaml to the same
 * node: a walker must bound the number of nodes it visits, as the tree can be a graph.
 */
#ifndef BASE_YAMLDOC_H
#define BASE_YAMLDOC_H

#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

enum { YAMLDOC_NODES = 60000, YAMLDOC_DEPTH = 20 };

struct yamldoc_problem {
	int line; /* from 1; 0: the whole file */
	char text[160];
	const char *hint; /* static, "" if none */
};

/* 0 and a document for yaml_document_delete, or a negative err and the problem. */
int yamldoc_load(yaml_document_t *doc, const uint8_t *bytes, size_t n, struct yamldoc_problem *p);

/* A whole file of at most `max` bytes; 0 and *bytes for free(), or a negative err and the problem. */
int yamldoc_read(const char *path, size_t max, uint8_t **bytes, size_t *n, struct yamldoc_problem *p);

#endif
