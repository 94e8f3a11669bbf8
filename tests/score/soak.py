#!/usr/bin/env python3
"""Streams days of ordinary traffic through damp and tells what it opened, and its memory by the hour.

usage: soak.py HOURS      $DAMP, $GEN, $BUILD (for soak.json), $SESSIONS, $SEED
"""
import json
import os
import subprocess
import sys
import tempfile
import time

DAMP, GEN = os.environ["DAMP"], os.environ["GEN"]
SUBSCRIBERS = 100000
TARGET = 1.0   # false incidents a day and 100,000 subscribers
GROWTH = 1.15  # of memory, from the end of the first day to the end of the run
TOWN = "town progress=yes subs=%d sessions=%s rush=8 devices=400 monitors=4 recursion=yes"
# Those who ask much, at full intensity day and night: 12 mail servers with their block lists, validators, carriers' NAT,
# forwarders, a public server, and what is large and no DNS.  Their network is a part of ours.
BUSY = ("benign clients=250 clients6=80 dns=0.05 nocache=8 recursion=yes mail=12 mailrate=5 forwarders=60 cgnat=6 subs=200 "
        "validators=6 antivirus=6 authoritative=1 authrate=20 web=0.0002 quic=0.0004 translated=yes ntp=0.002 icmp=0.002 calls=%d vpn=%d "
        "speedtests=%d transfers=%d")


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


def watch(gen, damp):
    """[(hour, MiB of memory, seconds so far)], by what the generator says on standard error."""
    began, out = time.monotonic(), []
    for line in gen.stderr:
        word = line.decode().split()
        if not word or word[0] != "hour":
            continue
        out.append((int(word[1].rstrip(",")), rss(damp.pid), time.monotonic() - began))
        if sys.stderr.isatty():
            sys.stderr.write("\rhour %d of the traffic, %.0f MiB " % out[-1][:2])
            sys.stderr.flush()
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return out


def soak(hours, known, directory):
    alerts, stats = os.path.join(directory, "alerts"), os.path.join(directory, "stats")
    days = max(hours / 24, 1 / 24)
    scenario = (TOWN % (SUBSCRIBERS, os.environ.get("SESSIONS", "4"))).split() + ["+"] + (
        BUSY % (40 * days + 1, 40 * days + 1, 20 * days + 1, 24 * days + 1)).split()
    # midnight UTC, so that the day begins where the rhythm does
    generate = [GEN, "--seed", os.environ.get("SEED", "5"), "--start", "1772323200", "--duration", str(hours * 3600),
                "--snaplen", "200", "--fragment-snaplen", "64", "-o", "-"] + scenario
    replay = [DAMP, "replay", "-q", "--alerts", alerts, "--stats", stats] + known + ["-"]
    gen = subprocess.Popen(generate, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    damp = subprocess.Popen(replay, stdin=gen.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    gen.stdout.close()
    memory = watch(gen, damp)
    said = damp.communicate()[1].decode()
    if gen.wait() != 0 or damp.returncode != 0:
        sys.exit("soak: status %d, %d: %s" % (gen.returncode, damp.returncode, said[-500:]))
    with open(stats) as f:
        figures = json.load(f)
    incidents = {}
    with open(alerts) as f:
        for line in f:
            a = json.loads(line)
            if a["event"]["action"] == "opened":
                incidents.setdefault(a["damp"]["incident"], []).append(a)
    return figures, incidents, memory


def tell(hours, name, figures, incidents, memory, wall_s):
    days = hours / 24
    rate = len(incidents) / days * 100000 / SUBSCRIBERS
    print("%s: %.1f million packets, %.1f million DNS queries, %d hosts, %.0f s" % (name, figures["packets"] / 1e6,
          figures["dns_queries"] / 1e6, figures["hosts"], wall_s))
    print("   false incidents: %d, which is %.2f a day and 100,000 subscribers (target: at most %g)" % (len(incidents), rate, TARGET))
    for id_, opened in sorted(incidents.items(), key=lambda x: x[1][0]["@timestamp"])[:40]:
        print("   %s %s, %d subjects: %s" % (opened[0]["@timestamp"], opened[0]["rule"]["name"], len(opened), opened[0]["message"]))
    shown = [m for m in memory if m[0] % max(hours // 12, 1) == 0]
    print("   memory by the hour, MiB: " + ", ".join("%d: %.0f" % m[:2] for m in shown))
    print("   peak %.0f MiB; hosts evicted %d, watches evicted %d, late %d" % (figures["peak_rss_bytes"] / 2**20, figures["evicted"],
          figures.get("watches_evicted", 0), figures["late"]))
    # in the first day there are always hosts that were never seen before
    settled = [m[1] for m in memory if m[0] >= 24]
    grows = bool(settled) and settled[-1] > GROWTH * settled[0]
    if grows:
        print("   memory GROWS: %.0f MiB, then %.0f" % (settled[0], settled[-1]))
    return rate, rate > TARGET or grows


def main():
    hours, failed, out = int(sys.argv[1]), False, {}
    ways = (("networks and resolvers known", ["--networks", "10.64.0.0/23,10.128.0.0/15,2001:db8:64::/64,2001:db8:8000::/40",
                                              "--resolvers", "10.53.0.53,2001:db8:53::53"]),
            ("no configuration", []))
    print("%d hours of a town of %d subscribers, %s sessions a day each; servers, carriers' NAT and devices at full intensity" %
          (hours, SUBSCRIBERS, os.environ.get("SESSIONS", "4")), flush=True)
    for name, known in ways:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            figures, incidents, memory = soak(hours, known, directory)
        rate, bad = tell(hours, name, figures, incidents, memory, time.monotonic() - began)
        sys.stdout.flush()
        failed = failed or bad
        out[name] = {"rate_per_day": rate, "incidents": [[a["rule"]["name"], a["message"]] for o in incidents.values() for a in o],
                     "memory_mib": memory, "stats": {k: v for k, v in figures.items() if isinstance(v, (int, float))}}
    with open(os.path.join(os.environ.get("BUILD", "build"), "soak.json"), "w") as f:
        json.dump(out, f, indent=1)
    print("soak: " + ("a target is MISSED" if failed else "all targets met"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
