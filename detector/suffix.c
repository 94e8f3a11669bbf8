#include "detector/suffix.h"

#include <stdbool.h>
#include <string.h>

#include "detector/suffix_inner.h"

/* Second-level labels below which countries register names: what is left without a list. */
static bool
is_second_level(const uint8_t *label)
{
	static const char known[] = "co  com net org ac  gov edu or  ne  go  gob nom mil ltd plc sch nhs id  web biz me  in  ";
	char text[4] = {' ', ' ', ' ', ' '};

	if (label[0] < 2 || label[0] > 3)
		return false;
	memcpy(text, &label[1], label[0]);
	for (const char *k = known; *k != '\0'; k += 4)
		if (memcmp(k, text, 3) == 0)
			return true;
	return false;
}

static struct suffix_cut
cut_without_list(const uint8_t *name, const uint8_t *label, unsigned int labels)
{
	bool country = name[label[labels - 1]] == 2;
	uint8_t zone = label[labels - 2];

	if (labels > 2 && country && is_second_level(&name[zone]))
		zone = label[labels - 3];
	return (struct suffix_cut){zone, zone};
}

/* Labels of the suffix, of the first section and of both.  What no rule names has one: the rule "*" stands for it. */
struct depth {
	unsigned int registry, any;
};

static struct depth
depth_of(const struct suffixes *s, const uint8_t *name, const uint8_t *label, unsigned int labels)
{
	struct depth d = {1, 1};
	uint64_t hash = s->seed, above = 0, flags;

	for (unsigned int n = 1; n <= labels; n++) {
		hash = suffix_hash(hash, &name[label[labels - n]]);
		flags = *suffix_slot(s, hash) & SUFFIX_FLAGS;
		if ((flags & (SUFFIX_NOT_REGISTRY | SUFFIX_NOT_CUSTOMERS)) != 0) {
			/* an exception prevails over every other rule: what it names is no suffix, but stands right below one */
			d.any = n - 1;
			if ((flags & SUFFIX_NOT_REGISTRY) != 0)
				d.registry = n - 1;
			break;
		}
		if ((flags & SUFFIX_REGISTRY) != 0 || (above & SUFFIX_ANY_REGISTRY) != 0)
			d.registry = d.any = n;
		if ((flags & SUFFIX_CUSTOMERS) != 0 || (above & SUFFIX_ANY_CUSTOMERS) != 0)
			d.any = n;
		if ((flags & SUFFIX_DEEPER) == 0)
			break;
		above = flags;
	}
	return d;
}

struct suffix_cut
suffixes_cut(const struct suffixes *s, const uint8_t *name, const uint8_t *label, unsigned int labels)
{
	struct depth d;

	if (s == NULL)
		return cut_without_list(name, label, labels);
	d = depth_of(s, name, label, labels);
	return (struct suffix_cut){
		.zone = d.registry < labels ? label[labels - d.registry - 1] : 0,
		.customer = d.any < labels ? label[labels - d.any - 1] : 0,
	};
}
