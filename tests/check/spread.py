#!/usr/bin/env python3
"""Looks at the figures of alerts about prefixes and links.

usage: spread.py ALERTS LABELS INCIDENTS
At its end, an alert about a prefix must tell of the packets that the generator wrote (labels: heads of answers), within a tenth
or three times its own error; one about a link of shares that add up.  So many incidents there must be.  Prints what differs.
"""
import json
import sys

ROOM = 0.1


def prefix_fault(a, written, kinds_there):
    e, vector = a["damp"]["evidence"], a["damp"]["vector"]
    got = e.get("responses", e["response_packets"])
    room = max(ROOM, 3 * 2.58 / max(1, e["sampled"]["response_packets"]) ** 0.5) if e.get("rate_error") else ROOM
    if kinds_there == 1 and not (1 - room) * written <= got <= (3 if vector == "dns" else 1 + room) * written:
        return "%g answers told of, %d written" % (got, written)
    if e["destinations"] < 16 or not 0 <= e["largest_share"] < 0.2:
        return "%d destinations, the loudest takes %g" % (e["destinations"], e["largest_share"])
    return ""


def link_fault(e):
    if not 0 < e["amplified_share"] <= 1 or e["offenders"] and not 0.2 <= e["offender_share"] <= 1:
        return "%g amplified, %g of it by %d" % (e["amplified_share"], e["offender_share"], e["offenders"])
    # nothing here asks for large answers but DNS, or nothing does
    if e["dns_share"] < e["amplified_share"] and e["dns_share"] > 0.1:
        return "more amplified answers than DNS: %g, %g" % (e["amplified_share"], e["dns_share"])
    return ""


def main():
    written, incidents, faults, last = {}, set(), [], {}
    with open(sys.argv[2]) as f:
        for line in f:
            col = line.rstrip("\n").split("\t")
            if col[0] == "carpet-bombing":
                written.setdefault(col[1], []).append(int(col[4]))
    with open(sys.argv[1]) as f:
        for line in f:
            a = json.loads(line)
            incidents.add(a["damp"]["incident"])
            last[a["event"]["id"]] = a
            if a["rule"]["name"] == "link-saturation" and a["event"]["action"] == "opened":
                faults.append(link_fault(a["damp"]["evidence"]))
    for a in last.values():
        prefix = a["damp"]["subject"].get("prefix")
        if prefix:
            faults.append(prefix_fault(a, sum(written[prefix]), len(written[prefix])))
    if len(incidents) != int(sys.argv[3]):
        faults.append("%d incidents" % len(incidents))
    faults = [x for x in faults if x]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
