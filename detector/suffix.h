/* Where in a name the part begins that somebody registered: the Public Suffix List (publicsuffix.org), compiled.
 *
 * The list says below which names people can have names of their own.  Its first section is what registries do (com,
 * co.uk, *.ck but not www.ck); in the second stand those who let their customers have names below a domain of theirs
 * (github.io, duckdns.org).  So a name has two zones, and both matter:
 *
 *   a.foo.duckdns.org
 *         ^^^^^^^^^^^   zone: one label below a registry's suffix.  Its owner runs the servers that a flood hits, also one
 *                      of made-up customers.
 *     ^^^^^^^^^^^^^^^   customer: one label below a suffix of either section.  What is carried in names goes to him alone.
 *
 * Mostly they are one.  A name that is itself a suffix is its own zone.
 *
 * Every answer is looked at, so the rules become a hash set of their labels from the right: two look-ups a name (com,
 * example.com), as every suffix says whether a rule lies deeper.  libpsl can only be asked about one name at a time, for
 * 10 000 instructions, and no cache would help: an attack asks for names that nobody asked for before.  Tests ask it
 * whether it agrees, about every rule.
 *
 * A compiled list does not change; any number of threads may read it.  RAM: 16 to 32 bytes a suffix, 256 KiB for the 9500
 * rules of 2023.  Without a list (NULL) the last label is the suffix, the last two below the usual second-level
 * labels of countries.
 */
#ifndef DETECTOR_SUFFIX_H
#define DETECTOR_SUFFIX_H

#include <stddef.h>
#include <stdint.h>

struct suffixes;

enum { SUFFIX_LIST_MAX = 16 << 20, SUFFIX_VERSION = 40 };

struct suffix_facts {
	uint32_t registry, customers;  /* rules of the two sections */
	uint32_t refused;              /* lines that are no rule, or stand outside the sections */
	char version[SUFFIX_VERSION];  /* as the list names it ("2024-11-25_06-31-58_UTC"); "" when it does not */
};

/* Compiles the text of a list (https://github.com/publicsuffix/list/wiki/Format); names in other scripts become what
 * stands on the wire (RFC 3492).  `seed` is that of the hashes, a secret where strangers choose names.  NULL with
 * a line of reason: out of memory, too large, or no rule in it. */
struct suffixes *suffixes_new(const void *text, size_t n, uint64_t seed, struct suffix_facts *facts, char *why,
    size_t why_size);
void suffixes_free(struct suffixes *s);

/* Offsets into the name. */
struct suffix_cut {
	uint8_t zone, customer;
};

/* name: in lower case, uncompressed; label: where its labels begin, from the left; at least two of them. */
struct suffix_cut suffixes_cut(const struct suffixes *s, const uint8_t *name, const uint8_t *label, unsigned int labels);

#endif
