#!/usr/bin/env python3
"""How much each threshold may move before the verdicts do: every setting on both sides of its default, over the score's data.

usage: curves.py [--only KIND[.SETTING]] [--jobs N]
  $DAMP, $GEN, $EXPORTER, $SHARED_DATA, $BUILD: as for score.py; writes $BUILD/curves.md and prints it as it goes

A value is tried on every capture that holds an attack of the setting's kind and on every one that holds none at all, in all
the ways in which the score has damp see them.  Shares (values between 0 and 1) move by their odds, others by a factor.  A cell is
"missed/false": attacks that are named at the default and not with this value, alerts that are false with it and were not before.
"""
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import score  # noqa: E402
from cases import Case, all_cases  # noqa: E402
from real import real_cases  # noqa: E402

FACTORS = (0.25, 0.5, 0.7, 0.85, 1.2, 1.4, 2, 4)
LEFT_OUT = {"engine": {"close-after", "update-every", "storm"}}  # how alerts are told, not whether


class Trial:
    """One capture, read in one way."""
    def __init__(self, case, medium, capture, labels):
        self.case, self.medium, self.capture, self.labels = case, medium, capture, labels
        self.kinds = {x.kind for x in labels}


def prepare(directory):
    """All captures, made once."""
    trials = []
    for case in all_cases():
        capture = os.path.join(directory, case.name + ".pcap")
        labels = score.generate(case, capture)
        trials += [Trial(case, text, capture, labels) for text in case.media]
    real, why = real_cases(os.environ.get("SHARED_DATA", ""), score.Label)
    print("# " + why, flush=True)
    for name, path, labels, allowed in real:
        if labels or not allowed:
            trials.append(Trial(Case(name, 0, "", "packets", allowed), "packets", path, labels))
    return trials


def moved(value, factor):
    if 0 < value < 1:
        odds = value / (1 - value) * factor
        return odds / (1 + odds)
    return value * factor


class Curves:
    def __init__(self, directory, trials, known):
        self.directory, self.trials, self.known = directory, trials, known

    def faults(self, kind, setting=None, value=None):
        """(missed, false) as sets of what and where, or None when damp refuses the value."""
        place = tempfile.mkdtemp(dir=self.directory)
        conf = os.path.join(place, "conf")
        changed = "detectors:\n  %s:\n    %s: %.6g\n" % (kind, setting, value) if setting else ""
        result = score.Score(self.known, False)
        for t in self.trials:
            if kind != "engine" and kind not in t.kinds and t.kinds:
                continue
            with open(conf, "w") as f:
                f.write(t.case.conf + changed or "networks: []\n")
            if subprocess.run([score.DAMP, "check-config", conf], capture_output=True).returncode != 0:
                return None
            labels = [score.Label(x.kind, x.subject, x.first, x.rate, x.timed) for x in t.labels]
            medium = score.Medium(t.medium)
            opened, figures, _ = score.replay(place, t.case.name, medium, t.capture, conf)
            result.judge(t.case.name, medium, labels, t.case, opened, figures)
        shutil.rmtree(place)
        return ({line.split(",")[0] for line in result.missed}, {line.rsplit(":", 1)[0] for line in result.false})

    def task(self, job):
        kind, setting, value, factor = job
        return job, self.faults(kind, setting, moved(value, factor))


CURVES = None


def work(job):
    return CURVES.task(job)


def base(kind):
    return kind, CURVES.faults(kind)


def cell(found, at_default):
    if found is None:
        return "."
    return "%d/%d" % (len(found[0] - at_default[0]), len(found[1] - at_default[1]))


def main():
    global CURVES
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    jobs = int(sys.argv[sys.argv.index("--jobs") + 1]) if "--jobs" in sys.argv else os.cpu_count()
    known, began, directory = score.settings(), time.monotonic(), tempfile.mkdtemp()
    wanted = [(k, s) for k in known for s in known[k] if (k + "." + s).startswith(only) and s not in LEFT_OUT.get(k, ())]
    out = open(os.path.join(os.environ.get("BUILD", "build"), "curves.md"), "w")

    def say(line):
        print(line, flush=True)
        out.write(line + "\n")

    try:
        CURVES = Curves(directory, prepare(directory), known)
        with multiprocessing.Pool(jobs) as pool:
            at_default = dict(pool.imap(base, sorted({k for k, _ in wanted})))
            todo = [(k, s, known[k][s], f) for k, s in wanted for f in FACTORS]
            half = len(FACTORS) // 2
            say("| kind | setting | " + " | ".join("%gx" % f for f in FACTORS[:half]) + " | default | " +
                " | ".join("%gx" % f for f in FACTORS[half:]) + " |")
            say("| --- " * (len(FACTORS) + 3) + "|")
            row = []
            for (kind, setting, value, _), found in pool.imap(work, todo):
                row.append(cell(found, at_default[kind]))
                if len(row) == len(FACTORS):
                    say("| %s | %s | %s | %g | %s |" % (kind, setting, " | ".join(row[:half]), value, " | ".join(row[half:])))
                    row = []
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        out.close()
    print("took %.0f s" % (time.monotonic() - began))


if __name__ == "__main__":
    main()
