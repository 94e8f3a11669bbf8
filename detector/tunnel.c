/* dns-tunnel: data carried in names, or in answers to names that never repeat.
 *
 * What a tunnel cannot avoid is information: every byte out is a byte in a name that was never asked for before,
 * every byte in needs a new question.  So new names of one client in one zone are counted in bytes, over the
 * last hour for the fast ones and the last day for the slow.  Content networks, scanners and telemetry make new
 * names, too, but for many clients, and carry little for each.
 */
#include "detector/detector.h"

#include <math.h>

#define F(field) offsetof(struct tunnel_settings, field)
static const struct setting table[] = {
	{"hour-bytes", "B", 500, 1e9, 10000, "docs/calibration.md", F(hour_bytes),
	    "bytes in new names, and in what their answers hold, within an hour"},
	{"dense-bytes", "B", 500, 1e9, 3000, "docs/calibration.md: a script of 4 kB fetched as text", F(dense_bytes),
	    "the same where nearly every question is for TXT, NULL and the like and fetches much"},
	{"dense-share", "%", 0.5, 1, 0.9, "docs/calibration.md", F(dense_share), "such questions, for that"},
	{"dense-payload", "B", 20, 1000, 100, "docs/calibration.md", F(dense_payload), "bytes an answer holds on average, for that"},
	{"day-bytes", "B", 1000, 1e9, 40000, "docs/calibration.md: one byte a second makes 86 400", F(day_bytes),
	    "the same within a day, for slow ones"},
	{"day-hours", "", 1, 24, 4, "docs/calibration.md: a busy hour is no steady stream", F(day_hours),
	    "active hours of that day"},
	{"new-share", "%", 0.1, 1, 0.7, "docs/calibration.md", F(new_share), "questions in the zone that were never asked before"},
	{"name-length", "B", 4, 250, 24, "docs/calibration.md", F(name_length), "bytes of the names before the zone, on average"},
	{"rare-share", "%", 0.01, 1, 0.5, "docs/calibration.md: browsers ask for addresses", F(rare_share),
	    "questions for TXT, NULL, CNAME, MX and the like"},
	{"long-names", "B", 24, 250, 44, "docs/calibration.md: longer than a hash of 40 digits", F(long_names),
	    "names so long are no look-ups by hash, but for 64 digits"},
	{"hex-bits", "", 1, 8, 4.6, "16 digits hold 4 bits, a fixed label beside them adds some; 32 hold 5", F(hex_bits), "bits a character, up to which a short name may be a hash"},
	{"address-factor", "x", 1, 1000, 5, "docs/calibration.md", F(address_factor),
	    "times more bytes are needed where long names are asked for addresses"},
	{"short-factor", "x", 1, 1000, 25, "docs/calibration.md", F(short_factor), "and where shorter names are"},
	{"digest-factor", "x", 1, 1000, 100, "docs/calibration.md: scanners look files up by their hash", F(digest_factor),
	    "and where they may be hashes"},
	{"foreign-share", "%", 0.01, 1, 0.05, "docs/calibration.md: RFC 1123 allows hosts letters, digits and hyphens", F(foreign_share),
	    "characters no host's name has, from which on questions for addresses count like others"},
	{"clients", "", 1, 64, 4, "docs/calibration.md", F(clients),
	    "each further so many clients of the zone raise the threshold once more"},
};

enum { SHA256 = 66 }; /* 64 digits and, as a label holds 63, two lengths */

bool
tunnel_long_names(const struct tunnel_settings *set, double length)
{
	return length >= set->long_names && fabs(length - SHA256) >= 1;
}

/* Who asks for addresses needs more bytes to be a tunnel; most where the names may be hashes of files. */
static double
address_times(const struct tunnel_settings *set, double length, double entropy)
{
	bool longer = tunnel_long_names(set, length);

	if (entropy <= set->hex_bits && !longer)
		return set->digest_factor;
	return longer ? set->address_factor : set->short_factor;
}

static void
judge(const struct judge_env *env, const struct watch *w, struct verdict *v)
{
	const struct tunnel_settings *set = &env->settings->tunnel;
	const struct names_figures *f = &w->names;
	double seen = f->answers > 0 ? (double)f->fresh / f->answers : 0, rare = f->fresh > 0 ? (double)f->rare / f->fresh : 0;
	double length = f->fresh > 0 ? (double)f->labels / f->fresh : 0;
	/* a scanner asks for TXT as well: twenty samples of its names may hold more of them than all have */
	struct interval part = share99(rare * f->fresh / w->sampling, (double)f->fresh / w->sampling, w->sampling > 1);
	double times = (part.low >= set->rare_share || f->foreign >= set->foreign_share ? 1 : address_times(set, length, f->entropy)) *
	    (f->clients > set->clients ? f->clients / set->clients : 1);
	bool dense = part.low >= set->dense_share && seen >= set->dense_share && f->fresh > 0 &&
	    (double)f->payload / f->fresh >= set->dense_payload;
	double hour = (dense ? set->dense_bytes : set->hour_bytes) * times;
	bool quiet = env->tick - f->tick > w->report_s, fast, slow;
	const struct signal *shape, *types;

	*v = (struct verdict){.role = ROLE_ABUSER, .window_s = 3600};
	fast = verdict_signal(v, "hour_bytes", "Carried within an hour", "size", "B", f->hour, f->hour, f->hour,
	    hour)->met;
	slow = verdict_signal(v, "day_bytes", "Carried within a day", "size", "B", f->day, f->day, f->day,
	    set->day_bytes * times)->met;
	slow = verdict_signal(v, "day_hours", "Active hours of the day", "persistence", "", f->hours, f->hours, f->hours,
	    set->day_hours)->met && slow;
	verdict_signal(v, "new_share", "Questions never asked before", "names", "%", seen, seen, seen, set->new_share)->required = true;
	shape = verdict_signal(v, "name_length", "Bytes before the zone", "names", "B", length, length, length, set->name_length);
	types = verdict_signal(v, "rare_share", "TXT, NULL, CNAME and the like", "names", "%", rare, part.low, part.high, set->rare_share);
	if (!fast && slow)
		v->window_s = 86400;
	if (f->clients > set->clients)
		v->note = "several clients ask for new names in this zone";
	if ((fast || slow) && v->signals[3].met && (shape->met || types->met) && f->fresh / w->sampling >= 10 && !quiet)
		v->heat = HEAT_HOT;
	else if (!quiet && (f->hour >= 0.75 * hour || f->day >= 0.75 * set->day_bytes * times))
		v->heat = HEAT_WARM;
	if ((w->flags & (HOST_NEVER | HOST_RESOLVER)) != 0 || f->reputation)
		v->heat = HEAT_COLD;
}

const struct detector detector_tunnel = {
	.kind = KIND_DNS_TUNNEL,
	.side = SIDE_CLIENT,
	.service_from = SERVICE_TUNNEL,
	.service_to = SERVICE_TUNNEL,
	.judge = judge,
	.settings = {table, sizeof(table) / sizeof(table[0])},
	.settings_offset = offsetof(struct detect_settings, tunnel),
};
