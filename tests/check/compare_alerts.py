#!/usr/bin/env python3
"""Compares alert lines with the generator's labels.

usage: compare_alerts.py ALERTS LABELS REQUIRED ALLOWED
REQUIRED: kinds (comma separated) whose labelled subjects must each be opened exactly once;
ALLOWED: kinds that may open besides, on any subject ("-": none).  Anything else is an error.
Prints what differs; exit status 1 then.
"""
import json
import sys


def subject(alert):
    s = alert["damp"]["subject"]
    return s.get("ip") or s.get("prefix") or s.get("zone") or s.get("link")


def main():
    alerts, labels, required, allowed = sys.argv[1:5]
    required = set(required.split(",")) - {"-"}
    allowed = set(allowed.split(",")) - {"-"}
    want = set()
    with open(labels) as f:
        for line in f:
            cols = line.rstrip("\n").split("\t")
            if not line.startswith("#") and cols[0] in required:
                want.add((cols[0], cols[1]))
    opened = {}
    with open(alerts) as f:
        for line in f:
            a = json.loads(line)
            if a["event"]["action"] == "opened":
                key = (a["rule"]["name"], subject(a))
                opened.setdefault(key, []).append(a["message"])
    faults = []
    if required and not want:
        faults.append("no labels of the required kinds: the test itself is wrong")
    for key in sorted(want - set(opened)):
        faults.append("missed: %s %s" % key)
    for key, messages in sorted(opened.items()):
        if key not in want and key[0] not in allowed:
            faults.append("not asked for: %s %s: %s" % (key + (messages[0],)))
        if len(messages) > 1:
            faults.append("opened %d times: %s %s" % ((len(messages),) + key))
    subjects = {}
    for kind, who in opened:
        if kind not in allowed:
            subjects.setdefault(who, set()).add(kind)
    for who, kinds in sorted(subjects.items()):
        if len(kinds) > 1:
            faults.append("one subject, %d kinds: %s %s" % (len(kinds), who, " ".join(sorted(kinds))))
    print("\n".join(faults[:20]))
    if len(faults) > 20:
        print("... and %d more" % (len(faults) - 20))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
