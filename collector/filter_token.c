/* The tokens of a filter's text. */
#include "collector/filter_token.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int64_t
filter_fail(struct filter_parse *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->failed)
		return -1;
	s->failed = true;
	n = snprintf(s->why, s->why_size, "column %zu: ", s->at + 1);
	va_start(ap, fmt);
	if (n > 0 && (size_t)n < s->why_size)
		vsnprintf(s->why + n, s->why_size - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

static enum filter_token
take_compare(struct filter_parse *s)
{
	static const struct { const char *text; enum filter_compare compare; } table[] = {
		{"==", IS}, {"!=", IS_NOT}, {"<>", IS_NOT}, {"<=", LESS_IS}, {">=", MORE_IS}, {"=", IS}, {"<", LESS}, {">", MORE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(s->p, table[i].text, strlen(table[i].text)) == 0) {
			s->compare = table[i].compare;
			s->p += strlen(table[i].text);
			return TOKEN_COMPARE;
		}
	return TOKEN_BAD;
}

static enum filter_token
word_compare(struct filter_parse *s)
{
	static const char *const table[] = {"eq", "ne", "lt", "gt", "le", "ge"};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcasecmp(s->word, table[i]) == 0) {
			s->compare = (enum filter_compare)i;
			return TOKEN_COMPARE;
		}
	return TOKEN_WORD;
}

static enum filter_token
take_word(struct filter_parse *s)
{
	char quote = *s->p == '"' || *s->p == '\'' ? *s->p : '\0';
	size_t n;

	s->p += quote != '\0';
	n = quote != '\0' ? strcspn(s->p, (const char[]){quote, '\0'}) : strcspn(s->p, " \t\r\n()[],=<>!&|#\"'");
	if (n >= sizeof(s->word) || (quote != '\0' && s->p[n] == '\0')) {
		filter_fail(s, "%s", n >= sizeof(s->word) ? "a word of more than 127 letters" : "the quote has no end");
		return TOKEN_BAD;
	}
	memcpy(s->word, s->p, n);
	s->word[n] = '\0';
	s->p += n + (quote != '\0');
	return quote != '\0' ? TOKEN_WORD : word_compare(s);
}

void
filter_next(struct filter_parse *s)
{
	static const char single[] = "()[],";
	static const enum filter_token kind[] = {TOKEN_OPEN, TOKEN_CLOSE, TOKEN_LIST, TOKEN_LIST_END, TOKEN_COMMA};
	const char *at;

	for (;;) {
		s->p += strspn(s->p, " \t\r\n");
		if (*s->p != '#')
			break;
		s->p += strcspn(s->p, "\n");
	}
	s->at = (size_t)(s->p - s->text);
	s->word[0] = '\0';
	if (*s->p == '\0') {
		s->token = TOKEN_END;
	} else if ((at = strchr(single, *s->p)) != NULL) {
		s->token = kind[at - single];
		s->p++;
	} else if ((s->p[0] == '&' && s->p[1] == '&') || (s->p[0] == '|' && s->p[1] == '|')) {
		snprintf(s->word, sizeof(s->word), "%s", *s->p == '&' ? "and" : "or");
		s->token = TOKEN_WORD;
		s->p += 2;
	} else if (*s->p == '!' && s->p[1] != '=') {
		snprintf(s->word, sizeof(s->word), "not");
		s->token = TOKEN_WORD;
		s->p++;
	} else if (strchr("=!<>", *s->p) != NULL) {
		s->token = take_compare(s);
	} else if (*s->p == '&' || *s->p == '|') {
		s->token = TOKEN_BAD;
	} else {
		s->token = take_word(s);
	}
}

bool
filter_is(const struct filter_parse *s, const char *word)
{
	return s->token == TOKEN_WORD && strcasecmp(s->word, word) == 0;
}

bool
filter_accept(struct filter_parse *s, const char *word)
{
	bool yes = filter_is(s, word);

	if (yes)
		filter_next(s);
	return yes;
}
