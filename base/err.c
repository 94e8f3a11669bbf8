#include "base/err.h"

static const struct {
	const char *name;
	const char *text;
} table[] = {
	{"ok", "no error"},
	{"truncated", "the data end too early"},
	{"malformed", "the data contradict themselves"},
	{"unsupported", "a kind that damp does not read"},
	{"nomem", "out of memory"},
	{"io", "input or output failed"},
	{"eof", "end of input"},
	{"full", "a limit was reached"},
	{"invalid", "not a valid value"},
	{"signature", "the signature does not match"},
};

static unsigned int
row(int err)
{
	unsigned int i = err <= 0 ? (unsigned int)-err : 0;

	return i < sizeof(table) / sizeof(table[0]) ? i : 2;
}

const char *
err_name(int err)
{
	return table[row(err)].name;
}

const char *
err_text(int err)
{
	return table[row(err)].text;
}
