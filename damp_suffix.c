#include "damp_suffix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/timefmt.h"
#include "damp.h"
#include "damp_state.h"

static void
date_it(struct suffix_list *l)
{
	char day[TIME_TEXT];
	struct stat st;

	if (l->facts.version[0] == '\0' && stat(l->file, &st) == 0)
		snprintf(l->facts.version, sizeof(l->facts.version), "%s", time_date((int64_t)st.st_mtime * NS_PER_S, day));
}

bool
suffix_list_open(struct suffix_list *l, const struct config *c, uint64_t seed)
{
	const char *file = c->public_suffixes != NULL ? c->public_suffixes : SUFFIX_LIST_DEFAULT;
	bool wanted = c->public_suffixes != NULL;
	char why[160];
	uint8_t *text;
	size_t n;

	*l = (struct suffix_list){0};
	if (strcmp(file, "none") == 0)
		return true;
	text = state_read(file, &n);
	if (text == NULL) {
		if (wanted)
			complain("%s: %s", file, strerror(errno));
		return !wanted;
	}
	l->compiled = suffixes_new(text, n, seed, &l->facts, why, sizeof(why));
	free(text);
	if (l->compiled == NULL) {
		complain("%s: %s", file, why);
		return !wanted;
	}
	l->file = file;
	date_it(l);
	return true;
}

void
suffix_list_done(struct suffix_list *l)
{
	suffixes_free(l->compiled);
	*l = (struct suffix_list){0};
}
