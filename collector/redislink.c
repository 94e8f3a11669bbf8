/* A connection to Redis: see redislink.h. */
#include "collector/redislink.h"

#ifdef HAVE_HIREDIS

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/err.h"

enum { CONNECT_S = 2, ANSWER_MS = 5000, PORT = 6379 };

struct redislink {
	char host[256], user[64], password[256], list[256], name[600];
	char path[108]; /* of a unix socket; as long as such paths may be */
	int port, db;
	redisContext *c;
};

/* --- URLs ------------------------------------------------------------------------------------------------ */

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decoded copy of [p, end); false: too long, or no good. */
static bool
decode(char *to, size_t size, const char *p, const char *end)
{
	size_t n = 0;

	for (; p < end; p++) {
		char c = *p;

		if (c == '%') {
			if (end - p < 3 || hex(p[1]) < 0 || hex(p[2]) < 0)
				return false;
			c = (char)(hex(p[1]) << 4 | hex(p[2]));
			p += 2;
		}
		if (n + 1 >= size || c == '\0')
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	return true;
}

static bool
number(const char *p, const char *end, int max, int *value)
{
	int v = 0;

	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || v > max)
			return false;
		v = v * 10 + (*p - '0');
	}
	*value = v;
	return v <= max;
}

/* list=NAME&db=N&password=WORD */
static bool
parse_query(struct redislink *l, const char *p)
{
	while (*p != '\0') {
		const char *end = p + strcspn(p, "&");
		bool good;

		if (strncmp(p, "list=", 5) == 0)
			good = decode(l->list, sizeof(l->list), p + 5, end) && l->list[0] != '\0';
		else if (strncmp(p, "db=", 3) == 0)
			good = number(p + 3, end, 65535, &l->db);
		else if (strncmp(p, "password=", 9) == 0)
			good = decode(l->password, sizeof(l->password), p + 9, end);
		else
			good = false;
		if (!good)
			return false;
		p = *end == '&' ? end + 1 : end;
	}
	return true;
}

/* [USER:PASSWORD@]HOST[:PORT][/DB], up to `end` */
static bool
parse_host(struct redislink *l, const char *p, const char *end)
{
	const char *at = NULL, *slash, *colon, *host_end;

	for (const char *q = p; q < end && *q != '/'; q++)
		if (*q == '@')
			at = q;
	if (at != NULL) {
		colon = memchr(p, ':', (size_t)(at - p));
		if (!decode(l->user, sizeof(l->user), p, colon != NULL ? colon : at) ||
		    (colon != NULL && !decode(l->password, sizeof(l->password), colon + 1, at)))
			return false;
		p = at + 1;
	}
	slash = memchr(p, '/', (size_t)(end - p));
	host_end = slash != NULL ? slash : end;
	if (slash != NULL && slash + 1 < end && !number(slash + 1, end, 65535, &l->db))
		return false;
	if (p < host_end && *p == '[') {
		const char *bracket = memchr(p, ']', (size_t)(host_end - p));

		if (bracket == NULL || !decode(l->host, sizeof(l->host), p + 1, bracket))
			return false;
		colon = bracket + 1;
		if (colon < host_end && *colon != ':')
			return false;
	} else {
		colon = memchr(p, ':', (size_t)(host_end - p));
		if (colon == NULL)
			colon = host_end;
		if (!decode(l->host, sizeof(l->host), p, colon))
			return false;
	}
	return l->host[0] != '\0' && (colon == host_end || number(colon + 1, host_end, 65535, &l->port));
}

static bool
parse_url(struct redislink *l, const char *url)
{
	const char *end = url + strcspn(url, "?");
	bool good;

	strcpy(l->list, "entry:queue");
	l->port = PORT;
	if (strncmp(url, "redis://", 8) == 0)
		good = parse_host(l, url + 8, end);
	else if (strncmp(url, "unix://", 7) == 0)
		good = decode(l->path, sizeof(l->path), url + 7, end);
	else if (strncmp(url, "unix:", 5) == 0)
		good = decode(l->path, sizeof(l->path), url + 5, end);
	else
		good = decode(l->path, sizeof(l->path), url, end);
	good = good && (l->host[0] != '\0' || l->path[0] == '/') && (*end == '\0' || parse_query(l, end + 1));
	if (l->path[0] != '\0')
		snprintf(l->name, sizeof(l->name), "unix:%s list %s", l->path, l->list);
	else
		snprintf(l->name, sizeof(l->name), "redis://%s:%d/%d list %s", l->host, l->port, l->db, l->list);
	return good;
}

/* --- commands and answers -------------------------------------------------------------------------------- */

static int
broken(struct redislink *l)
{
	redisFree(l->c);
	l->c = NULL;
	return ERR_IO;
}

static int
send_all(struct redislink *l, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(l->c->fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return broken(l);
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

int
redislink_send(struct redislink *l, size_t argc, const char *const *argv, const size_t *length)
{
	char *text;
	int err, n;

	if (l->c == NULL)
		return ERR_IO;
	/* hiredis 0.14 does not say const, and changes nothing */
	n = redisFormatCommandArgv(&text, (int)argc, (const char **)(uintptr_t)argv, length);
	if (n < 0)
		return broken(l);
	err = send_all(l, text, (size_t)n);
	redisFreeCommand(text);
	return err;
}

int
redislink_sendf(struct redislink *l, const char *format, ...)
{
	va_list ap;
	char *text;
	int err, n;

	if (l->c == NULL)
		return ERR_IO;
	va_start(ap, format);
	n = redisvFormatCommand(&text, format, ap);
	va_end(ap);
	if (n < 0)
		return broken(l);
	err = send_all(l, text, (size_t)n);
	redisFreeCommand(text);
	return err;
}

int64_t
redislink_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
redislink_reply(struct redislink *l, int wait_ms, struct redisReply **reply)
{
	int64_t until = redislink_now_ms() + wait_ms;

	for (;;) {
		void *r = NULL;
		struct pollfd fd;
		int64_t left;
		int n;

		if (l->c == NULL)
			return ERR_IO;
		if (redisGetReplyFromReader(l->c, &r) != REDIS_OK)
			return broken(l);
		if (r != NULL) {
			*reply = r;
			return 1;
		}
		left = until - redislink_now_ms();
		fd = (struct pollfd){.fd = l->c->fd, .events = POLLIN};
		n = poll(&fd, 1, left > 0 ? (int)left : 0);
		if (n < 0 && errno != EINTR)
			return broken(l);
		if (n == 0 && left <= 0)
			return 0;
		if (n > 0 && redisBufferRead(l->c) != REDIS_OK)
			return broken(l);
	}
}

/* --- connecting ------------------------------------------------------------------------------------------ */

/* A command at the beginning of a connection; `expect`: the answer's text or NULL for any but an error. */
static int
expect(struct redislink *l, const char *what, char *why, size_t why_size)
{
	redisReply *r = NULL;
	int got = redislink_reply(l, ANSWER_MS, &r);

	if (got <= 0) {
		snprintf(why, why_size, "%s: %s: no answer", l->name, what);
		return ERR_IO;
	}
	got = r->type == REDIS_REPLY_ERROR ? ERR_IO : 0;
	if (got != 0)
		snprintf(why, why_size, "%s: %s: %.150s", l->name, what, r->str);
	else if (strcmp(what, "TYPE") == 0 && r->type == REDIS_REPLY_STATUS && strcmp(r->str, "none") != 0 &&
	    strcmp(r->str, "list") != 0) {
		snprintf(why, why_size, "%s: it is no list but a %.20s", l->name, r->str);
		got = ERR_IO;
	}
	freeReplyObject(r);
	return got;
}

static int
greet(struct redislink *l, char *why, size_t why_size)
{
	int err = 0;

	if (l->password[0] != '\0') {
		err = l->user[0] != '\0' ? redislink_sendf(l, "AUTH %s %s", l->user, l->password) :
		    redislink_sendf(l, "AUTH %s", l->password);
		if (err == 0)
			err = expect(l, "AUTH", why, why_size);
	}
	if (err == 0 && l->db != 0) {
		err = redislink_sendf(l, "SELECT %d", l->db);
		if (err == 0)
			err = expect(l, "SELECT", why, why_size);
	}
	if (err != 0)
		return err;
	err = redislink_sendf(l, "TYPE %s", l->list);
	return err == 0 ? expect(l, "TYPE", why, why_size) : err;
}

int
redislink_connect(struct redislink *l, char *why, size_t why_size)
{
	struct timeval limit = {.tv_sec = CONNECT_S}, answer = {.tv_sec = ANSWER_MS / 1000};
	int err;

	redisFree(l->c);
	snprintf(why, why_size, "%s: the connection broke", l->name);
	l->c = l->path[0] != '\0' ? redisConnectUnixWithTimeout(l->path, limit) :
	    redisConnectWithTimeout(l->host, l->port, limit);
	if (l->c == NULL || l->c->err != 0) {
		snprintf(why, why_size, "%s: %s", l->name, l->c != NULL ? l->c->errstr : "out of memory");
		return l->c != NULL ? broken(l) : ERR_NOMEM;
	}
	if (redisSetTimeout(l->c, answer) != REDIS_OK)
		return broken(l);
	if (l->path[0] == '\0')
		redisEnableKeepAlive(l->c);
	err = greet(l, why, why_size);
	if (err != 0 && l->c != NULL)
		broken(l);
	return err;
}

struct redislink *
redislink_open(const char *url, char *why, size_t why_size)
{
	struct redislink *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	if (strncmp(url, "rediss:", 7) == 0)
		snprintf(why, why_size, "rediss: is not supported; let a TLS tunnel listen on a unix socket");
	else if (!parse_url(l, url))
		snprintf(why, why_size, "not a URL of a queue: redis://[USER:PASSWORD@]HOST[:PORT][/DB][?list=NAME] or unix:/PATH");
	else if (redislink_connect(l, why, why_size) == 0)
		return l;
	redislink_close(l);
	return NULL;
}

void
redislink_close(struct redislink *l)
{
	if (l == NULL)
		return;
	redisFree(l->c);
	explicit_bzero(l->password, sizeof(l->password));
	free(l);
}

const char *
redislink_list(const struct redislink *l)
{
	return l->list;
}

const char *
redislink_name(const struct redislink *l)
{
	return l->name;
}

#else

/* ISO C wants a declaration in every file. */
extern int redislink_is_not_there;

#endif
