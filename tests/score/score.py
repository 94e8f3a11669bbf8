#!/usr/bin/env python3
"""Runs the labelled captures through damp, compares what it opens with the truth, prints the score.

usage: score.py [--only TEXT] [--verbose]
  $DAMP, $GEN, $EXPORTER: the programs; $SHARED_DATA: real captures, used when it is there; $BUILD: for score.json

A labelled subject counts as named when one alert of its kind opened on it.  An opened alert is false when its subject
carries no label of that kind and the case does not say that this kind is true as well; a second alert on one subject
is false, too.  Delay is traffic time, from the first packet of the attack to the time of the `opened` line.

A subject is out of scope where the program itself says that it cannot see it: an abuser below `slowest_visible_qps` of
--stats (0.04 a second on packets), others below the least count that their detector asks for, times the sampling.
"""
import concurrent.futures
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cases import ABUSER, Case, all_cases  # noqa: E402
from real import real_cases  # noqa: E402

DAMP, GEN, EXPORTER = os.environ["DAMP"], os.environ["GEN"], os.environ["EXPORTER"]
PACKETS_SLOWEST = 12 / 300  # what damp asks for on packets: a dozen large answers in five minutes
# Least rates per second of the other kinds: the setting of the detector, over its window.
# An attack that fills the count within a second is volumetric: then the targets of delay hold.
LEAST = {"dns-amplification-victim": ("min-answers", 10), "dns-amplification-reflector": ("min-answers", 10),
         "udp-amplification-victim": ("min-packets", 10), "udp-fragment-flood": ("rate", 1), "dns-query-flood": ("rate", 1),
         "dns-random-subdomain": ("names", 60), "dns-nxdomain-flood": ("min-answers", 300), "open-resolver": ("answers", 300)}
# Kinds that wait on purpose: for a minute above what is ordinary, for two slots of ten seconds of a link.
SLOW = {"traffic-anomaly", "link-saturation", "exporter-health"}
# of samples chance may draw fewer: so many standard deviations to spare
SURE = 3
KNOWN = "--networks 10.64.0.0/16,2001:db8:64::/48 --resolvers 10.53.0.53,2001:db8:53::53"
MEDIAN_S, MAX_S, FLOWS_S = 1.5, 3.0, 10.0


def settings():
    """{kind: {setting: value}} of the detectors that this program has."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("networks: []\n")
        f.flush()
        text = subprocess.run([DAMP, "check-config", f.name], capture_output=True, text=True).stdout
    out, kind = {}, None
    for line in text.splitlines():
        m = re.match(r"\W*([a-z0-9-]+):\s*([0-9.]*)", line)
        if not m:
            continue
        if m.group(1) == "enabled":
            continue
        if not m.group(2):
            kind = m.group(1)
            out[kind] = {}
        elif kind:
            out[kind][m.group(1)] = float(m.group(2))
    return out


class Medium:
    def __init__(self, text):
        shape, _, mode = text.partition("+")
        part = shape.split(":")
        self.text, self.format = text, part[0]
        self.sampling = int(part[1]) if len(part) > 1 else 1
        self.active = float(part[2]) if len(part) > 2 else 0
        self.port0 = "port0" in part
        self.faults = ["--%s %s" % (p[:4], p[4:]) for p in part if p[:4] in ("lose", "skew")]
        self.flows = self.format in ("v5", "v9", "ipfix")
        self.known = mode == "known" or mode == "" and self.format != "packets"
        self.group = "flow records" if self.flows else "sFlow" if self.format == "sflow" else "packets"

    def command(self, capture, alerts, stats, conf):
        """A shell pipeline."""
        tail = " --alerts %s --stats %s %s %s " % (alerts, stats, KNOWN if self.known else "", "-c " + conf if conf else "")
        if self.format == "packets":
            return "%s replay -q %s %s" % (DAMP, tail, capture)
        options = "--sampling %d" % self.sampling
        if self.flows:
            options += " --active %g" % self.active
        options += "".join(" " + x for x in ["--port0"] * self.port0 + self.faults)
        return "%s %s %s %s | %s replay -q --input exports %s -" % (EXPORTER, self.format, options, capture, DAMP, tail)


class Label:
    def __init__(self, kind, subject, first, rate, timed=True):
        self.kind, self.subject, self.first, self.rate, self.timed = kind, subject, first, rate, timed


def read_labels(path):
    out = []
    with open(path) as f:
        for line in f:
            col = line.rstrip("\n").split("\t")
            if not line.startswith("#"):
                out.append(Label(col[0], col[1], float(col[2]), float(col[5])))
    return out


def read_opened(path):
    """[(kind, subject, seconds, message)] in order."""
    out = []
    with open(path) as f:
        for line in f:
            a = json.loads(line)
            if a["event"]["action"] != "opened":
                continue
            s = a["damp"]["subject"]
            t = datetime.datetime.fromisoformat(a["@timestamp"].replace("Z", "+00:00")).timestamp()
            out.append((a["rule"]["name"], s.get("ip") or s.get("zone") or s.get("prefix") or s.get("link"), t, a["message"]))
    return out


class Tally:
    """Of one kind on one group of media."""
    def __init__(self):
        self.labelled = self.named = self.false = self.late = self.unseen = self.unseen_named = 0
        self.delays, self.volumetric = [], []


class Score:
    def __init__(self, known, verbose):
        self.known, self.verbose = known, verbose
        self.tally, self.missed, self.unseen, self.false, self.slow, self.skipped, self.hidden = {}, [], [], [], [], [], []
        self.cases, self.silent_runs = [], 0

    def slowest(self, kind, medium, stats):
        if kind == ABUSER:
            rows = [e.get("slowest_visible_qps", 0) for e in stats.get("exporters", [])]
            return max(rows) if rows else PACKETS_SLOWEST
        if kind == "carpet-bombing":
            return self.slowest_carpet(medium)
        name, window = LEAST.get(kind, (None, 1))
        return self.known.get(kind, {}).get(name, 0) / window * medium.sampling

    def carpet_need(self):
        return self.known["carpet-bombing"]["times-host"] * self.known["dns-amplification-victim"]["min-answers"]

    def slowest_carpet(self, medium):
        """In five minutes so many that the lower bound of the sum comes to what is needed, and as many seen as of one host."""
        host = self.known["dns-amplification-victim"]["min-answers"]
        need, n = self.carpet_need(), medium.sampling
        seen = need if n == 1 else max(host, (1.288 + (1.659 + need / n) ** 0.5) ** 2)
        return (seen + (SURE * seen ** 0.5 if n > 1 else 0)) * n / 300

    def at(self, kind, medium):
        return self.tally.setdefault((kind, medium.group), Tally())

    def judge(self, name, medium, labels, case, opened, stats):
        """Compares one run with the truth."""
        first, allowed = {}, case.allowed
        for kind, subject, t, message in opened:
            if (kind, subject) in first:
                self.fault(name, medium, kind, subject, "opened again")
            first.setdefault((kind, subject), (t, message))
        for x in labels:
            # real captures do not always say which host it is
            x.subject = x.subject or next((s for k, s in first if k == x.kind), "?")
        if medium.format == "v5":
            labels = [x for x in labels if ":" not in x.subject]  # version 5 carries no IPv6
        wanted = {(x.kind, x.subject) for x in labels}
        for key, (t, message) in first.items():
            if key not in wanted and key[0] not in allowed:
                self.fault(name, medium, key[0], key[1], message)
        for x in labels:
            if x.kind in self.known and (x.kind not in allowed or name.startswith("pcap/")):
                seen = first.get((x.kind, x.subject))
                if medium.sampling > 1 and x.subject in case.hidden:
                    self.hidden.append("%s on %s: %s %s: %s%s" % (name, medium.text, x.kind, x.subject, case.hidden[x.subject],
                                       "; named all the same" if seen else ""))
                    continue
                self.one(name, medium, x, seen, stats)
        for kind in {x.kind for x in labels} - set(self.known):
            self.skipped.append("%s: this program has no detector for %s" % (name, kind))

    def fault(self, name, medium, kind, subject, message):
        self.at(kind, medium).false += 1
        self.false.append("%s on %s: %s %s: %s" % (name, medium.text, kind, subject, message))

    def one(self, name, medium, x, opened, stats):
        tally, slowest = self.at(x.kind, medium), self.slowest(x.kind, medium, stats)
        where = "%s on %s: %s %s" % (name, medium.text, x.kind, x.subject)
        if x.rate and x.rate < slowest:
            tally.unseen += 1
            tally.unseen_named += opened is not None
            self.unseen.append((name, medium.text, x.kind, x.rate, slowest, opened is not None))
            return
        tally.labelled += 1
        if opened is None:
            self.missed.append("%s, %g a second (slowest visible %g)" % (where, x.rate, slowest))
            return
        tally.named += 1
        if not x.timed:
            return
        delay = opened[0] - x.first
        tally.delays.append(delay)
        name = "min-repeats" if x.kind == ABUSER else LEAST.get(x.kind, ("",))[0]
        a_second = x.rate / medium.sampling
        # drawn at random, so many only three times out of a thousand are fewer
        sure = a_second if medium.sampling == 1 else a_second - 3 * a_second ** 0.5
        if x.kind not in SLOW and sure >= (self.carpet_need() if x.kind == "carpet-bombing" else self.known[x.kind].get(name, 10)):
            tally.volumetric.append(delay)
            most = medium.active + FLOWS_S if medium.flows else MAX_S
            if delay > most:
                tally.late += 1
                self.slow.append("%s: %.1f s after the onset, %g at most" % (where, delay, most))


def replay(directory, name, medium, capture, conf):
    """What damp opened, its statistics, and how long it took."""
    alerts, stats = os.path.join(directory, "alerts"), os.path.join(directory, "stats")
    for path in (alerts, stats):
        if os.path.exists(path):
            os.remove(path)
    began = time.monotonic()
    p = subprocess.run(["bash", "-o", "pipefail", "-c", medium.command(capture, alerts, stats, conf)], capture_output=True, text=True)
    if p.returncode not in (0, 1) or not os.path.exists(stats):
        raise RuntimeError("%s on %s: status %d: %s" % (name, medium.text, p.returncode, p.stderr[-500:]))
    with open(stats) as f:
        figures = json.load(f)
    return read_opened(alerts) if os.path.exists(alerts) else [], figures, time.monotonic() - began


def account(score, name, medium, labels, case, opened, figures, took):
    score.judge(name, medium, labels, case, opened, figures)
    if not labels:
        score.silent_runs += 1
    named = {(k, s) for k, s, _, _ in opened} & {(x.kind, x.subject) for x in labels}
    score.cases.append({"case": name, "medium": medium.text, "labelled": len(labels), "named": len(named), "opened": len(opened),
                        "packets": figures.get("packets", 0), "wall_s": round(took, 2)})
    if score.verbose:
        print("   %-22s %-16s %5d labelled, %5d named, %5d opened, %8d packets, %.1f s" % (name, medium.text, len(labels),
              len(named), len(opened), figures.get("packets", 0), took), flush=True)


def generate(case, capture):
    """Makes the capture of a case; its labels."""
    command = [GEN, "--seed", os.environ.get("SEED", "7"), "--duration", str(case.seconds), "--snaplen", "160",
               "--fragment-snaplen", "64", "--labels", capture + ".labels", "-o", capture] + case.scenario.split()
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode != 0:
        raise RuntimeError("%s: %s" % (case.name, p.stderr))
    labels = read_labels(capture + ".labels")
    onset = min((x.first for x in labels), default=0)
    return labels + [Label(kind, subject, onset, 0, onset > 0) for kind, subject in case.besides]


def play_generated(case):
    """Makes the capture of a case and replays it in every medium."""
    directory = tempfile.mkdtemp()
    try:
        capture, conf = (os.path.join(directory, x) for x in ("c.pcap", "conf"))
        labels = generate(case, capture)
        if case.conf:
            with open(conf, "w") as f:
                f.write(case.conf)
        return [(medium, labels) + replay(directory, case.name, medium, capture, conf if case.conf else "")
                for medium in map(Medium, case.media)]
    finally:
        shutil.rmtree(directory)


def play_real(part):
    name, path, labels, _ = part
    directory = tempfile.mkdtemp()
    try:
        return [(Medium("packets"), labels) + replay(directory, name, Medium("packets"), path, "")]
    finally:
        shutil.rmtree(directory)


def run_all(score, only, real):
    """Cases two at a time, as there are processors for; told of in their order."""
    cases = [x for x in all_cases() if only in x.name]
    real = [x for x in real if only in x[0]]
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for case, runs in zip(cases, pool.map(play_generated, cases)):
            for medium, labels, opened, figures, took in runs:
                account(score, case.name, medium, labels, case, opened, figures, took)
        for part, runs in zip(real, pool.map(play_real, real)):
            for medium, labels, opened, figures, took in runs:
                account(score, part[0], medium, labels, Case(part[0], 0, "", "packets", part[3]), opened, figures, took)


def seconds(list_, pick):
    return "%.1f" % pick(list_) if list_ else "-"


def verdict(group, t):
    recall = t.named / t.labelled if t.labelled else 1.0
    precision = t.named / (t.named + t.false) if t.named + t.false else 1.0
    faults = []
    if recall < 1:
        faults.append("recall")
    if t.false:
        faults.append("precision")
    if group != "flow records" and t.volumetric and round(statistics.median(t.volumetric), 1) > MEDIAN_S:
        faults.append("median delay")
    if t.late:
        faults.append("delay")
    return recall, precision, faults


def table(score):
    print("%-28s %-13s %6s %6s %9s %7s %6s  %-15s %-15s %s" % ("kind", "seen as", "asked", "named", "precision", "recall", "false",
          "delay med/max s", "volumetric", "target"))
    rows, failed = [], False
    for (kind, group), t in sorted(score.tally.items()):
        recall, precision, faults = verdict(group, t)
        failed = failed or bool(faults)
        print("%-28s %-13s %6d %6d %9.3f %7.3f %6d  %-15s %-15s %s" % (kind, group, t.labelled, t.named, precision, recall, t.false,
              seconds(t.delays, statistics.median) + " / " + seconds(t.delays, max),
              seconds(t.volumetric, statistics.median) + " / " + seconds(t.volumetric, max),
              "MISSED: " + ", ".join(faults) if faults else "met"))
        rows.append({"kind": kind, "seen_as": group, "labelled": t.labelled, "named": t.named, "false": t.false,
                     "precision": precision, "recall": recall, "delay_s": sorted(round(d, 3) for d in t.delays)[-5000:],
                     "volumetric_median_s": statistics.median(t.volumetric) if t.volumetric else None,
                     "volumetric_max_s": max(t.volumetric) if t.volumetric else None,
                     "below_slowest_visible": t.unseen, "of_these_named": t.unseen_named, "missed_targets": faults})
    return rows, failed


def tell(title, lines, most):
    if lines:
        print("%s: %d" % (title, len(lines)))
        for line in lines[:most]:
            print("   " + line)
        if len(lines) > most:
            print("   ... and %d more" % (len(lines) - most))


def tell_unseen(unseen):
    seen = {}
    for name, medium, kind, rate, slowest, named in unseen:
        n = seen.setdefault((name, medium, kind, rate, slowest), [0, 0])
        n[0] += 1
        n[1] += named
    lines = ["%s on %s: %s at %g a second, slowest visible %g: not visible here (%d of %d named all the same)" %
             (key + (n[1], n[0])) for key, n in seen.items()]
    tell("below the slowest visible rate, out of scope", lines, 60)
    return lines


def main():
    only, verbose = "", "--verbose" in sys.argv
    if "--only" in sys.argv:
        only = sys.argv[sys.argv.index("--only") + 1]
    score = Score(settings(), verbose)
    began = time.monotonic()
    real, why = real_cases(os.environ.get("SHARED_DATA", ""), Label)
    try:
        run_all(score, only, real)
    except RuntimeError as e:
        sys.exit("score: %s" % e)
    print("data: %d runs over %d generated captures (damp-gen, seed %s); %s" % (len(score.cases),
          len({c["case"] for c in score.cases if not c["case"].startswith("pcap/")}), os.environ.get("SEED", "7"), why))
    rows, failed = table(score)
    print("runs without an attack in them: %d, false alerts in all: %d" % (score.silent_runs, len(score.false)))
    tell("missed", score.missed, 40)
    tell("false", score.false, 40)
    tell("later than the target", score.slow, 20)
    unseen = tell_unseen(score.unseen)
    tell("not told apart by samples, out of scope", score.hidden, 20)
    tell("not scored", sorted(set(score.skipped)), 20)
    print("targets: recall 1, no false alert; volumetric (what the detector asks for, 10 to 2000 packets, seen within a second) on packets "
          "and sFlow: median %.1f s, max %.0f s; on flow records: active timeout + %.0f s" % (MEDIAN_S, MAX_S, FLOWS_S))
    print("cost of all detectors together: `make bench` measures it, as CPU with all kinds over CPU with dns-amplification-abuser alone")
    print("took %.0f s" % (time.monotonic() - began))
    failed = failed or bool(score.missed or score.false or score.slow)
    out = os.path.join(os.environ.get("BUILD", "build"), "score.json")
    with open(out, "w") as f:
        json.dump({"rows": rows, "cases": score.cases, "missed": score.missed, "false": score.false, "late": score.slow,
                   "out_of_scope": unseen + score.hidden, "not_scored": sorted(set(score.skipped)), "met": not failed}, f, indent=1)
    print("score: %s, details in %s" % ("a target is MISSED" if failed else "all targets met", out))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
