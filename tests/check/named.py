#!/usr/bin/env python3
"""Whom alert lines name, and what statistics say of exporters.

usage: named.py NAME...
From NAME.alerts it makes NAME.named: a line for each kind and subject that was opened, sorted (opened twice, it stands
there twice); NAME.ipv4: the same without IPv6 subjects, for exports that carry none; NAME.health: what
exporter-health said, which is about exporters and not hosts.  From NAME.stats NAME.totals (packets, bytes), NAME.faults
(lost, corrupt, misordered, resets) and NAME.sampling (sampling, slowest visible queries a second).
"""
import json
import os
import sys


def write(name, lines):
    with open(name, "w") as f:
        f.writelines(str(line) + "\n" for line in lines)


for name in sys.argv[1:]:
    with open(name + ".alerts") as f:
        alerts = [json.loads(line) for line in f]
    opened = [a for a in alerts if a["event"]["action"] == "opened"]
    hosts = sorted((a["rule"]["name"], *a["damp"]["subject"].values()) for a in opened if a["rule"]["name"] != "exporter-health")
    write(name + ".named", [" ".join(h) for h in hosts])
    write(name + ".ipv4", [" ".join(h) for h in hosts if ":" not in h[1]])
    write(name + ".health", [a["message"] for a in opened if a["rule"]["name"] == "exporter-health"])
    if not os.path.exists(name + ".stats"):
        continue
    with open(name + ".stats") as f:
        s = json.load(f)
    write(name + ".totals", ["%d %d" % (s["packets"], s["bytes"])])
    if "exporters" in s:
        sums, first = s["exporter_sums"], s["exporters"][0]
        write(name + ".faults", [" ".join(str(sums[k]) for k in ("lost", "corrupt", "misordered", "resets"))])
        write(name + ".sampling", ["%d %.3g" % (first["sampling"], first["slowest_visible_qps"])])
