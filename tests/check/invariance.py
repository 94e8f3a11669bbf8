#!/usr/bin/env python3
"""Whom damp names must not depend on how the traffic was recorded.

usage: invariance.py DAMP CAPTURE [CHANGE...]
CAPTURE (many attacks at once) is recorded as perturb.py says; the kinds and subjects that open must be those of the
capture itself, each once.  What a change hides by its nature stands in GONE, what it turns into something else in INSTEAD.
Prints a line for each change.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import perturb

ABUSER, VICTIM, TUNNEL = "dns-amplification-abuser", "dns-amplification-victim", "dns-tunnel"
DNS_ANSWERS = {ABUSER, VICTIM, TUNNEL, "dns-random-subdomain", "dns-nxdomain-flood"}
GONE = {
    "snap96": {TUNNEL}, "snap128": {TUNNEL},           # names that carry data are longer than what is left
    # all of them are judged by answers; of random names alone the questions tell
    "queries": (DNS_ANSWERS | {"udp-fragment-flood"}) - {"dns-random-subdomain"},
}
INSTEAD = {
    "answers": {ABUSER: VICTIM},                       # nobody is seen to ask: the direction is not proven
}
AGAIN = {"step_back_hour"}                             # another recording: what is open is closed and opens anew
DAMAGED = {"ending", "hole"}


def opened(damp, files, folder):
    alerts = os.path.join(folder, "alerts")
    run = subprocess.run([damp, "replay", "-q", "--alerts", alerts, *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(alerts) as f:
        lines = [json.loads(line) for line in f]
    return sorted((a["rule"]["name"], next(iter(a["damp"]["subject"].values()))) for a in lines
                  if a["event"]["action"] == "opened"), run


def expected(base, change):
    want = []
    for kind, subject in base:
        if kind in GONE.get(change, ()):
            continue
        if kind != "dns-random-subdomain":
            subject = perturb.map_address(change, subject)
        want.append((INSTEAD.get(change, {}).get(kind, kind), subject))
    return sorted(want)


def main():
    damp, capture = sys.argv[1:3]
    packets = perturb.read(capture)
    with tempfile.TemporaryDirectory() as folder:
        base, run = opened(damp, [capture], folder)
        print("%s invariance_base" % ("ok" if len({k for k, _ in base}) >= 7 else "not ok"))
        for change in sys.argv[3:] or perturb.CHANGES:
            if change == "zstd" and shutil.which("zstd") is None:
                print("skip invariance_zstd: no zstd")
                continue
            files = perturb.write(packets, folder, change)
            got, run = opened(damp, files, folder)
            if change in AGAIN:
                got = sorted(set(got))
            want = expected(base, change)
            if got == want and run.returncode == (1 if change in DAMAGED else 0):
                print("ok invariance_" + change)
            else:
                print("status %d, missing %s, not asked for %s" % (run.returncode, [x for x in want if x not in got],
                      [x for x in got if x not in want or got.count(x) > 1]))
                print(run.stderr.decode()[-400:])
                print("not ok invariance_" + change)
            for f in files:
                os.unlink(f)


if __name__ == "__main__":
    main()
