/* Runs captures through the engine and prints how far each detector's signals came on any host.
 *
 * usage: signals [--networks CIDR,...] [--large BYTES] NAME=FILE...
 * One tab-separated line for each capture, detector, window and signal: the threshold, the value furthest to its
 * alarming side on any host in any second ("ever"), the same where every other required signal was met
 * ("others met": what kept that host silent, "-" when it never came to that), and the host of the latter.
 * Told is the bound that decides (99 %).  `damp why` shows one host; this needs all, so it looks into the engine,
 * which only tests may do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "collector/source.h"
#include "detector/internal.h"

enum { BATCH = 1024, KINDS = 16, NETWORKS = 16 };

struct reach {
	struct signal signal;
	bool ever, alone;
	double ever_value, alone_value;
	struct addr host;
};

struct reaches {
	struct reach row[KINDS][WATCH_WINDOWS][ALERT_SIGNALS];
	unsigned int hot[KINDS];
};

static bool
others_met(const struct verdict *v, size_t but)
{
	for (size_t i = 0; i < v->n; i++)
		if (i != but && v->signals[i].required && !v->signals[i].met)
			return false;
	return true;
}

static void
reach(struct reaches *all, size_t d, int window, const struct watch *w, const struct verdict *v)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct signal *s = &v->signals[i];
		struct reach *r = &all->row[d][window][i];
		/* some shares decide by the point: then met and bound disagree */
		double x = s->below ? s->high : s->met == (s->low >= s->threshold) ? s->low : s->value;

		r->signal = *s;
		if (!r->ever || (s->below ? x < r->ever_value : x > r->ever_value)) {
			r->ever = true;
			r->ever_value = x;
		}
		if (others_met(v, i) && (!r->alone || (s->below ? x < r->alone_value : x > r->alone_value))) {
			r->alone = true;
			r->alone_value = x;
			r->host = w->addr;
		}
	}
	all->hot[d] += v->heat == HEAT_HOT;
}

/* A judge tells of its long window only when that is hot, so it is shown that one as the short one. */
static void
look(const struct engine *e, struct reaches *all, struct watch *scratch)
{
	struct detect_settings settings = e->settings;
	struct judge_env env = {.settings = &settings, .tick = e->env.tick, .networks_known = e->networks_known,
		.queries_seen = e->last_query_tick != 0 && e->env.tick - e->last_query_tick <= 300};

	for (uint32_t i = 0; i < e->watches.used; i++) {
		const struct watch *w = &e->watches.pool[e->watches.order[i]];

		if (w->touched + 1 != e->env.tick)
			continue;
		for (size_t d = 0; detectors[d] != NULL; d++) {
			if (detectors[d]->side != w->side || w->service < detectors[d]->service_from ||
			    w->service > detectors[d]->service_to)
				continue;
			for (int k = 0; k < (w->service == SERVICE_DNS ? WATCH_WINDOWS : 1); k++) {
				struct verdict v = {0};

				*scratch = *w;
				scratch->sum[WINDOW_SHORT] = w->sum[k];
				memset(&scratch->sum[WINDOW_LONG], 0, sizeof(scratch->sum[WINDOW_LONG]));
				settings = e->settings;
				if (k == WINDOW_LONG) { /* what the judges ask of it */
					settings.abuser.min_repeats = settings.abuser.slow_repeats;
					settings.reflector.max_clients_share /= 4;
				}
				detectors[d]->judge(&env, scratch, &v);
				reach(all, d, k, w, &v);
			}
		}
	}
}

static void
print(const char *name, const struct reaches *all)
{
	for (size_t d = 0; detectors[d] != NULL; d++)
		for (int k = 0; k < WATCH_WINDOWS; k++)
			for (size_t i = 0; i < ALERT_SIGNALS; i++) {
				const struct reach *r = &all->row[d][k][i];
				char alone[32] = "-", host[ADDR_TEXT] = "-";

				if (!r->ever)
					continue;
				if (r->alone) {
					snprintf(alone, sizeof(alone), "%.4g", r->alone_value);
					addr_text(&r->host, host);
				}
				printf("%s\t%s\t%us\t%s\t%s%g\t%.4g\t%s\t%s\t%s\n", name, alert_kind_text(detectors[d]->kind), watch_window_s[k],
				    r->signal.name, r->signal.below ? "<=" : ">=", r->signal.threshold, r->ever_value, alone, host,
				    all->hot[d] > 0 ? "hot" : "silent");
			}
}

static int
run(const struct engine_config *config, const char *name, const char *path)
{
	struct reaches *all = calloc(1, sizeof(*all));
	struct watch *scratch = calloc(1, sizeof(*scratch));
	struct flow_key *key = calloc(BATCH, sizeof(*key));
	struct decode_stats stats = {0};
	struct flow_batch batch = {0};
	struct block block = {0};
	char why[256] = "out of memory";
	struct engine *e = engine_new(config, &(struct engine_sink){0}, why, sizeof(why));
	struct source *s = source_open_file(path, &(struct source_events){0}, why, sizeof(why));
	int status = 1;

	if (e == NULL || s == NULL || all == NULL || scratch == NULL || key == NULL ||
	    flow_batch_init(&batch, BATCH) < 0 || block_init(&block) < 0)
		goto done;
	while (source_read(s, &block) >= 0)
		for (size_t at = 0; at < block.n;) {
			size_t n = block.n - at < BATCH / 4 ? block.n - at : BATCH / 4;

			flow_batch_reset(&batch);
			at += packets_decode(&block, at, n, &batch, &stats);
			engine_keys(e, batch.flow, batch.n, key);
			for (size_t i = 0; i < batch.n;) {
				uint32_t tick = e->env.tick;
				struct engine_run r = engine_begin(e, batch.flow + i, batch.n - i);

				i += r.skip;
				if (e->env.tick != tick)
					look(e, all, scratch);
				engine_ingest(e, batch.flow + i, key + i, r.n);
				i += r.n;
			}
		}
	if (e->started) {
		engine_close_tick(e);
		look(e, all, scratch);
	}
	print(name, all);
	status = 0;
done:
	if (status != 0)
		fprintf(stderr, "signals: %s: %s\n", path, why);
	if (s != NULL)
		source_close(s);
	engine_free(e);
	block_done(&block);
	flow_batch_done(&batch);
	free(key);
	free(scratch);
	free(all);
	return status;
}

int
main(int argc, char **argv)
{
	struct detect_settings settings;
	struct prefix network[NETWORKS];
	struct engine_config config = {.seed = 1, .memory_bytes = 256 << 20, .settings = &settings, .network = network};
	int status = 0, i = 1;

	detect_settings_defaults(&settings);
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--large") == 0)
			settings.engine.large_answer = atof(argv[i + 1]);
		else
			for (char *save, *p = strtok_r(argv[i + 1], ",", &save); p != NULL; p = strtok_r(NULL, ",", &save))
				config.networks_n += config.networks_n < NETWORKS && prefix_parse(p, &network[config.networks_n]) == 0;
	}
	for (; i < argc; i++) {
		char *path = strchr(argv[i], '=');

		if (path != NULL) {
			*path = '\0';
			status |= run(&config, argv[i], path + 1);
		}
	}
	return status;
}
