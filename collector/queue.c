#include "collector/queue.h"
#include <stdio.h>
struct source *
source_open_queue(const char *url, const struct source_events *ev, char *why, size_t why_size)
{
	(void)ev;
	snprintf(why, why_size, "%s: this build has no Redis client", url);
	return NULL;
}
