/* The table of detectors, their settings, and the statistics they share. */
#include "detector/detector.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

const struct detector *const detectors[] = {
	&detector_abuser,       &detector_victim,   &detector_reflector,   &detector_udp_victim,
	&detector_udp_reflector, &detector_fragment, &detector_query_flood, &detector_exporter,
	&detector_nxdomain,      &detector_subdomain, &detector_tunnel,     &detector_open_resolver,
	&detector_anomaly,
	&detector_carpet,       &detector_link_load,
	NULL,
};

#define E(field) offsetof(struct engine_settings, field)
static const struct setting engine_table[] = {
	{"large-answer", "B", 300, 65535, 1000, "docs/calibration.md: negative answers with DNSSEC reach 900", E(large_answer),
	    "a DNS answer of at least this size counts as large"},
	{"close-after", "s", 5, 86400, 30, "three short windows", E(close_after),
	    "quiet time after which an alert closes"},
	{"update-every", "s", 10, 86400, 60, "one line a minute at most", E(update_every),
	    "least time between two lines that update an alert"},
	{"storm", "", 1, 1e6, 10000, "a SIEM takes two hundred lines a second; every host of a town that is infected at once is named", E(storm),
	    "alerts opened with lines of their own in a minute, and at once in an incident; further ones are counted there"},
};
const struct settings_view engine_settings_view = {engine_table, sizeof(engine_table) / sizeof(engine_table[0])};

static const struct setting common_table[] = {
	{"enabled", "bool", 0, 1, 1, "a choice", offsetof(struct common_settings, enabled),
	    "alerts of this kind are looked for; what only they need costs nothing without"},
};
const struct settings_view common_settings_view = {common_table, sizeof(common_table) / sizeof(common_table[0])};

void
detect_settings_defaults(struct detect_settings *s)
{
	settings_defaults(engine_settings_view, &s->engine);
	for (int k = 0; k < ALERT_KINDS; k++)
		settings_defaults(common_settings_view, &s->common[k]);
	for (size_t i = 0; detectors[i] != NULL; i++)
		settings_defaults(detectors[i]->settings, (char *)s + detectors[i]->settings_offset);
}

int
detect_settings_set(struct detect_settings *s, const char *kind, const char *name, double value, const char *unit,
    char *why, size_t why_size, const char **nearest)
{
	struct settings_view view = engine_settings_view, common = {NULL, 0};
	size_t offset = offsetof(struct detect_settings, engine);
	const struct setting *setting;
	void *into = NULL;

	*nearest = NULL;
	if (strcmp(kind, "engine") != 0) {
		size_t i = 0;

		while (detectors[i] != NULL && strcmp(alert_kind_text(detectors[i]->kind), kind) != 0)
			i++;
		if (detectors[i] == NULL) {
			snprintf(why, why_size, "no detector is called '%s'", kind);
			return ERR_INVALID;
		}
		view = detectors[i]->settings;
		offset = detectors[i]->settings_offset;
		common = common_settings_view;
		into = &s->common[detectors[i]->kind];
	}
	setting = settings_find(common, name);
	if (setting == NULL) {
		setting = settings_find(view, name);
		into = (char *)s + offset;
	}
	if (setting == NULL) {
		snprintf(why, why_size, "%s has no setting '%s'", kind, name);
		*nearest = settings_nearest(view, name);
		if (*nearest == NULL)
			*nearest = settings_nearest(common, name);
		return ERR_INVALID;
	}
	if (settings_check(setting, value, unit, why, why_size) < 0)
		return ERR_INVALID;
	settings_apply(setting, into, value);
	return 0;
}

struct signal *
verdict_signal(struct verdict *v, const char *name, const char *label, const char *nature, const char *unit,
    double value, double low, double high, double threshold)
{
	struct signal *s = &v->signals[v->n < ALERT_SIGNALS ? v->n++ : ALERT_SIGNALS - 1];

	*s = (struct signal){.name = name, .label = label, .nature = nature, .unit = unit, .value = value,
		.low = low, .high = high, .threshold = threshold, .met = low >= threshold};
	return s;
}

struct interval
wilson99(double k, double n)
{
	const double z = 2.5758;
	double p, mid, half;

	if (n <= 0)
		return (struct interval){0, 1};
	p = k / n;
	mid = (p + z * z / (2 * n)) / (1 + z * z / n);
	half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
	return (struct interval){mid - half > 0 ? mid - half : 0, mid + half < 1 ? mid + half : 1};
}

struct interval
share99(double k, double n, bool sampled)
{
	double share = n > 0 ? k / n : 0;

	return sampled ? wilson99(k, n) : (struct interval){share, share};
}

double
sum_low99(double seen, double sampling)
{
	double low = sampling > 1 ? seen - 2.5758 * sqrt(seen) : seen;

	return low > 0 ? low * sampling : 0;
}

struct pace
pace_of(const struct judge_env *env, const struct watch *w, double n, uint32_t active, uint32_t window_s)
{
	uint32_t passed = env->tick - w->first_tick + 1, seconds = active;

	if (w->sampling > 1)
		seconds = passed < window_s ? passed : window_s;
	if (seconds == 0)
		return (struct pace){0, 0};
	return (struct pace){n / seconds, sum_low99(n / w->sampling, w->sampling) / seconds};
}

struct interval
ratio99(double ratio, double a, double b, bool sampled)
{
	double width;

	if (!sampled)
		return (struct interval){ratio, ratio};
	if (a <= 0 || b <= 0 || ratio <= 0)
		return (struct interval){0, INFINITY};
	width = 2.5758 * sqrt(1 / a + 1 / b);
	return (struct interval){ratio * exp(-width), ratio * exp(width)};
}
