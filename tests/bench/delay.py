#!/usr/bin/env python3
"""Detection delay: the opened line's event time minus the label's first attack packet.

usage: delay.py ALERTS LABELS   prints: hosts named, hosts labelled, maximum and median seconds
"""
import datetime
import json
import sys


def main():
    first, opened = {}, {}
    with open(sys.argv[2]) as f:
        for line in f:
            cols = line.rstrip("\n").split("\t")
            if cols[0] == "dns-amplification-abuser":
                first[cols[1]] = float(cols[2])
    with open(sys.argv[1]) as f:
        for line in f:
            a = json.loads(line)
            if a["event"]["action"] == "opened" and a["rule"]["name"] == "dns-amplification-abuser":
                t = datetime.datetime.fromisoformat(a["@timestamp"].replace("Z", "+00:00")).timestamp()
                opened.setdefault(a["damp"]["subject"].get("ip"), t)
    delays = sorted(opened[ip] - t for ip, t in first.items() if ip in opened)
    print(len(delays), len(first), *("%.3f" % d for d in ((delays[-1], delays[len(delays) // 2]) if delays else (999, 999))))


main()
