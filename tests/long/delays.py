#!/usr/bin/env python3
"""How long infected hosts take to be named, by their rate, with and without something else going on.

usage: delays.py LABELS QUIET-ALERTS ALERTS SLOWER   prints a line for each rate; fails when a host is missed, when one that asks at least
once a second takes three seconds longer than in quiet, or a slower one SLOWER times as long, or when somebody else is named an abuser
"""
import collections
import datetime
import json
import sys

KIND = "dns-amplification-abuser"


def named(path):
    opened = {}
    with open(path) as f:
        for line in f:
            a = json.loads(line)
            if a["event"]["action"] == "opened" and a["rule"]["name"] == KIND:
                t = datetime.datetime.fromisoformat(a["@timestamp"].replace("Z", "+00:00")).timestamp()
                opened.setdefault(a["damp"]["subject"]["ip"], t)
    return opened


def main():
    quiet, loud, slower = named(sys.argv[2]), named(sys.argv[3]), float(sys.argv[4])
    rates, asked, bad = collections.defaultdict(list), set(), 0
    with open(sys.argv[1]) as f:
        for line in f:
            cols = line.split("\t")
            if cols[0] == KIND:
                rates[float(cols[5])].append((cols[1], float(cols[2])))
                asked.add(cols[1])
    for rate, hosts in sorted(rates.items()):
        a = [quiet[ip] - t for ip, t in hosts if ip in quiet]
        b = [loud[ip] - t for ip, t in hosts if ip in loud]
        most = max(a, default=0) + 3 if rate >= 1 else max(a, default=0) * slower
        bad += len(a) < len(hosts) or len(b) < len(hosts) or max(b) > most
        print("   %5g/s  named %d of %d, after %.0f s at most in quiet; %d of %d, after %.0f s" % (
            rate, len(a), len(hosts), max(a, default=0), len(b), len(hosts), max(b, default=0)))
    for ip in set(loud) - asked:
        print("   named without a reason:", ip)
    return bad > 0 or not asked or bool(set(loud) - asked)


sys.exit(main())
