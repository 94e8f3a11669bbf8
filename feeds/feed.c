/* The table of feeds, and the calls that only pass on. */
#include "feeds/feed.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "feeds/syslog.h"

const struct feed_kind *const feed_kinds[] = {
	&feed_syslog_unix,
	&feed_syslog_udp,
	&feed_syslog_tcp,
	NULL,
};

struct feed {
	const struct feed_kind *kind;
	void *state;
	char *url;
};

static const struct feed_kind *
kind_of(const char *url)
{
	const char *colon = strstr(url, "://");

	for (size_t i = 0; colon != NULL && feed_kinds[i] != NULL; i++) {
		const char *scheme = feed_kinds[i]->scheme;

		if (strlen(scheme) == (size_t)(colon - url) && memcmp(scheme, url, strlen(scheme)) == 0)
			return feed_kinds[i];
	}
	return NULL;
}

struct feed *
feed_open(const char *url, const struct feed_setup *setup, char *why, size_t why_size)
{
	const struct feed_kind *kind = kind_of(url);
	struct feed *f;

	if (kind == NULL) {
		snprintf(why, why_size, "%s: not a feed; use unix:///PATH, udp://HOST[:PORT] or tcp://HOST[:PORT]", url);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL || (f->url = strdup(url)) == NULL) {
		snprintf(why, why_size, "%s: out of memory", url);
		free(f);
		return NULL;
	}
	f->kind = kind;
	f->state = kind->open(url, setup, why, why_size);
	if (f->state == NULL) {
		free(f->url);
		free(f);
		return NULL;
	}
	return f;
}

void
feed_send(struct feed *f, const struct alert *a, const char *line, size_t n, int64_t now_ns)
{
	f->kind->send(f->state, a, line, n, now_ns);
}

void
feed_poll(struct feed *f, int64_t now_ns)
{
	f->kind->poll(f->state, now_ns);
}

int
feed_flush(struct feed *f, int64_t (*clock_ns)(void), int limit_ms)
{
	int64_t start = clock_ns(), now = start;

	f->kind->poll(f->state, now);
	while (f->kind->counts(f->state).spooled > 0) {
		int64_t left_ms = limit_ms - (now - start) / 1000000;
		struct pollfd p = {.fd = -1};

		if (left_ms <= 0)
			return ERR_IO;
		/* a short wait where only time helps: a reconnection may be due */
		p.fd = f->kind->wait_fd(f->state, &p.events);
		if (p.fd < 0 || left_ms < 50)
			left_ms = left_ms < 50 ? left_ms : 50;
		(void)poll(&p, p.fd >= 0 ? 1 : 0, (int)left_ms);
		now = clock_ns();
		f->kind->poll(f->state, now);
	}
	return 0;
}

void
feed_free(struct feed *f)
{
	if (f == NULL)
		return;
	f->kind->free(f->state);
	free(f->url);
	free(f);
}

struct feed_counts
feed_counts(const struct feed *f)
{
	return f->kind->counts(f->state);
}

const char *
feed_url(const struct feed *f)
{
	return f->url;
}

const char *
feed_error(const struct feed *f)
{
	return f->kind->error(f->state);
}
