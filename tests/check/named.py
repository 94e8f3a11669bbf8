#!/usr/bin/env python3
"""Whom alert lines name.

usage: named.py ALERTS [ipv4]
One line for each kind and subject that was opened, sorted; "ipv4" leaves out the others (exports that carry no IPv6).
A subject that was opened twice stands there twice.  exporter-health is about the exporters, not the hosts: it is left
out, see `named.py ALERTS health`, which prints nothing else.
"""
import json
import sys

with open(sys.argv[1]) as f:
    alerts = [json.loads(line) for line in f]
what = sys.argv[2] if len(sys.argv) > 2 else ""
for a in sorted((a["rule"]["name"], *a["damp"]["subject"].values(), a["message"]) for a in alerts if a["event"]["action"] == "opened"):
    health = a[0] == "exporter-health"
    if health and what == "health":
        print(a[2])
    elif not health and what != "health" and not (what == "ipv4" and ":" in a[1]):
        print(a[0], a[1])
