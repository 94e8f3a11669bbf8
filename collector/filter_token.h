/* Inside of the filter: its text, token by token.  One token is held; errors stick at the first. */
#ifndef COLLECTOR_FILTER_TOKEN_H
#define COLLECTOR_FILTER_TOKEN_H

#include "collector/filter_program.h"

enum { FILTER_TOKEN_TEXT = 128 };
enum filter_token { TOKEN_END, TOKEN_WORD, TOKEN_COMPARE, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_LIST, TOKEN_LIST_END, TOKEN_COMMA, TOKEN_BAD };
enum filter_compare { IS, IS_NOT, LESS, MORE, LESS_IS, MORE_IS };

struct filter_parse {
	struct filter_tree *tree;
	const struct filter_setup *setup;
	const char *text, *p;     /* p: behind the token */
	size_t at;                /* column of the token, from 0 */
	enum filter_token token;
	enum filter_compare compare;
	char word[FILTER_TOKEN_TEXT];
	unsigned int depth;
	char *why;
	size_t why_size;
	bool failed;
};

/* Says "column N: ..." unless something was said before; -1. */
int64_t filter_fail(struct filter_parse *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void filter_next(struct filter_parse *s);
bool filter_is(const struct filter_parse *s, const char *word); /* in any case of letters */
bool filter_accept(struct filter_parse *s, const char *word);   /* and goes on if it is */

#endif
