/* Field specifiers to operations.
 *
 * A record of fixed length is a list of reads at known places.  Where lengths vary, the record falls into segments:
 * OP_SEGMENT takes the fixed run before a variable field, OP_VARIABLE that field, and places count from the segment.
 * Each target is written by one operation only: of several elements for it, the one of the highest rank.
 */
#include <string.h>

#include "base/err.h"
#include "collector/template_inner.h"

struct compiler {
	struct template *t;
	uint32_t length, segment; /* bytes so far: of the record, of the segment */
	int open;                 /* index of the segment's own operation, -1: none */
	uint8_t rank[E_TARGETS], address_rank[A_TARGETS];
};

size_t
template_room(const struct template_text *text)
{
	/* a variable field takes two operations, and one opens the last segment */
	return sizeof(struct template) + (2u * text->fields + 1u) * sizeof(struct op) + text->raw_n;
}

/* The operation for an element of n bytes, or -1 where the length makes no sense for it. */
static int
code_of(const struct element *e, size_t n)
{
	if (e->type == TYPE_V4)
		return n == 4 ? OP_V4 : -1;
	if (e->type == TYPE_V6)
		return n == 16 ? OP_V6 : -1;
	if (n < 1 || n > 8)
		return -1;
	switch (e->type) {
	case TYPE_S: return OP_S;
	case TYPE_MS: return OP_MS;
	case TYPE_NTP_US: return n == 8 ? OP_NTP_US : -1;
	case TYPE_NTP_NS: return n == 8 ? OP_NTP_NS : -1;
	default: break;
	}
	return n == 1 ? OP_U8 : n == 2 ? OP_U16 : n == 4 ? OP_U32 : n == 8 ? OP_U64 : OP_UINT;
}

static void
emit(struct compiler *k, struct op op)
{
	k->t->op[k->t->ops_n++] = op;
}

static bool
is_address(const struct op *op)
{
	return op->code == OP_V4 || op->code == OP_V6;
}

/* Takes out what a better element replaces.  A variable field stays as one to step over. */
static void
unseat(struct compiler *k, uint8_t target, bool address)
{
	struct template *t = k->t;

	for (uint16_t i = 0; i < t->ops_n; i++) {
		struct op *op = &t->op[i];

		if (op->code == OP_SEGMENT || op->code == OP_VARIABLE || op->target != target || is_address(op) != address)
			continue;
		if (op->code == OP_VARIABLE_UINT) {
			op->code = OP_VARIABLE;
			return;
		}
		memmove(op, op + 1, (size_t)(t->ops_n - i - 1) * sizeof(*op));
		t->ops_n--;
		if (k->open > i)
			k->open--;
		return;
	}
}

/* Whether the element is to be read: nothing of its rank or above is. */
static bool
claim(struct compiler *k, const struct element *e)
{
	bool address = e->type == TYPE_V4 || e->type == TYPE_V6;
	uint8_t *rank = address ? &k->address_rank[e->target] : &k->rank[e->target];

	if (e->rank <= *rank)
		return false;
	if (*rank > 0)
		unseat(k, e->target, address);
	*rank = e->rank;
	if (address)
		k->t->addresses |= (uint8_t)(1u << e->target);
	else
		k->t->has |= (uint64_t)1 << e->target;
	return true;
}

static void
open_segment(struct compiler *k)
{
	k->open = k->t->ops_n;
	k->segment = 0;
	emit(k, (struct op){.code = OP_SEGMENT});
}

static void
field_fixed(struct compiler *k, const struct element *e, uint16_t n)
{
	int code = e != NULL ? code_of(e, n) : -1;

	if (k->open < 0 && !k->t->fixed)
		open_segment(k);
	if (code >= 0 && claim(k, e))
		emit(k, (struct op){.at = (uint16_t)k->segment, .n = n, .code = (uint8_t)code, .target = e->target});
	k->segment += n;
	k->length += n;
	if (k->open >= 0)
		k->t->op[k->open].n = (uint16_t)k->segment;
}

static void
field_variable(struct compiler *k, const struct element *e)
{
	/* numbers only: nobody sends addresses and times of varying length */
	if (e != NULL && e->type == TYPE_UINT && claim(k, e))
		emit(k, (struct op){.code = OP_VARIABLE_UINT, .target = e->target});
	else
		emit(k, (struct op){.code = OP_VARIABLE});
	k->open = -1;
	k->length++;
}

/* The next specifier. */
static const struct element *
specifier(const struct template_text *text, uint16_t i, struct cursor *c, uint16_t *n)
{
	uint16_t id = cursor_u16(c);
	uint32_t pen = PEN_IANA;

	*n = cursor_u16(c);
	if (!text->v9 && (id & 0x8000) != 0) {
		pen = cursor_u32(c);
		id &= 0x7fff;
	}
	/* v9 numbers scopes on their own: 1 is "system" there, no octets */
	if (text->v9 && i < text->scopes)
		return NULL;
	return element_find(pen, id);
}

static bool
has_variable(const struct template_text *text)
{
	struct cursor c = cursor_view(text->raw, text->raw_n);

	for (uint16_t i = 0; i < text->fields; i++) {
		uint16_t n;

		specifier(text, i, &c, &n);
		if (n == VARIABLE_LENGTH)
			return true;
	}
	return false;
}

int
template_compile(const struct template_text *text, struct template *t)
{
	struct cursor c = cursor_view(text->raw, text->raw_n);
	struct compiler k = {.t = t, .open = -1};

	*t = (struct template){.id = text->id, .fields = text->fields, .scopes = text->scopes, .options = text->options,
		.raw_n = (uint16_t)text->raw_n, .fixed = !has_variable(text)};
	for (uint16_t i = 0; i < text->fields; i++) {
		uint16_t n;
		const struct element *e = specifier(text, i, &c, &n);

		if (n == VARIABLE_LENGTH)
			field_variable(&k, e);
		else
			field_fixed(&k, e, n);
		/* no message could hold one; also keeps the places within 16 bits */
		if (k.length > 65535)
			return ERR_MALFORMED;
	}
	/* a record of no bytes would repeat for ever */
	if (c.bad || cursor_left(&c) > 0 || k.length == 0)
		return ERR_MALFORMED;
	t->length = (uint16_t)k.length;
	if (text->raw_n > 0)
		memcpy(&t->op[t->ops_n], text->raw, text->raw_n);
	return 0;
}
