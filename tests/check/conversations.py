#!/usr/bin/env python3
"""Conversations that look like reflection by their ports; few reflectors, and names of bytes.

usage: conversations.py DAMP
Ordinary: calls, video, uploads, tunnels, multicast, a campus.  All of it is in one capture, seen whole and by
taps of one direction, with and without our networks: nobody may be named.  Attacks: one capture each, one host to be named.
"""
import json
import os
import subprocess
import sys
import tempfile

from odd_traffic import ANY, Capture

ME, FAR, CAMPUS = "10.64.0.%d", "198.51.100.%d", "134.60.1.%d"
NETWORKS = "10.64.0.0/23,134.60.0.0/16"
# of services, and drawn by clients, calls and address translators as well
DRAWN = (11211, 27015, 10001, 5683, 17185, 37810, 1900, 32414, 10074, 27960, 3389, 3283, 1434)
STOP = 15


def between(c, a, b, pa, pb, bytes_a, bytes_b, rate_a, rate_b, start=0.0):
    """a speaks first"""
    c.udp(start, a, b, pa, pb, c.rng.randbytes(bytes_a))
    for t in c.steady(start + 0.05, STOP, rate_a, False):
        c.udp(t, a, b, pa, pb, c.rng.randbytes(bytes_a))
    for t in c.steady(start + 0.05, STOP, rate_b, False):
        c.udp(t, b, a, pb, pa, c.rng.randbytes(bytes_b))


def uploads(c):
    for i, port in enumerate(DRAWN):
        between(c, ME % (10 + i), FAR % (10 + i), port, 443, 1250, 40, 60, 12, start=3)


def uploads_under_way(c):
    for i, port in enumerate(DRAWN):
        for t in c.steady(0, STOP, 60, False):
            c.udp(t, ME % (30 + i), FAR % (30 + i), port, 443, c.rng.randbytes(1250))
            if c.rng.random() < 0.2:
                c.udp(t + 0.01, FAR % (30 + i), ME % (30 + i), 443, port, c.rng.randbytes(40))


def calls(c):
    """RTP of 20 ms; each on ports of their own at both ends"""
    for i, port in enumerate(DRAWN):
        between(c, ME % (50 + i), FAR % 50, port, 12000 + 2 * i, 172, 172, 30, 30)
        between(c, ME % (70 + i), FAR % 51, 14000 + 2 * i, port, 172, 172, 30, 30)


def tunnels_on_53(c):
    """OpenVPN and WireGuard where everything else is forbidden: a download and an upload; iodine's raw mode"""
    for n, (down, up) in enumerate(((60, 30), (30, 60), (60, 60))):
        for t in c.steady(0, STOP, down, False):
            head = (b"\x48\0\0\1", b"\4\0\0\0", b"\x10\xd1\x9e\x20")[n]
            c.udp(t, FAR % (60 + n), ME % (90 + n), 53, 40000 + n, head + c.rng.randbytes(1300 if down >= up else 60))
        for t in c.steady(0, STOP, up, False):
            c.udp(t, ME % (90 + n), FAR % (60 + n), 40000 + n, 53, head + c.rng.randbytes(1300 if up > down else 60))


def multicast(c):
    for i, port in enumerate((1234, 10001, 5683)):
        for t in c.steady(0, STOP, 100, False):
            c.udp(t, ME % 99, "239.1.1.%d" % i, port, port, c.rng.randbytes(1316))


def campus(c):
    """public addresses: searches by multicast and the neighbours' answers"""
    for k in range(4):
        for t in c.steady(0, STOP, 2):
            for port, group, size in ((1900, "239.255.255.250", 330), (3702, "239.255.255.250", 900), (5353, "224.0.0.251", 330)):
                c.udp(t, CAMPUS % (2 + k), group, 50000 + k, port, c.rng.randbytes(120))
                for j in range(12):
                    c.udp(t + 0.1 + j * 0.01, CAMPUS % (100 + j), group if port == 5353 and j % 2 else CAMPUS % (2 + k), port, 50000 + k,
                          c.rng.randbytes(size))


def distributed_hash_table(c):
    for t in c.steady(0, STOP, 50):
        node = "%d.%d.7.9" % (c.rng.randrange(11, 100), c.rng.randrange(256))
        c.udp(t, ME % 100, node, 6881, 6881, c.rng.randbytes(100))
        c.udp(t + 0.1, node, ME % 100, 6881, 6881, c.rng.randbytes(330))


ORDINARY = (uploads, uploads_under_way, calls, tunnels_on_53, multicast, campus, distributed_hash_table)


def dns_victim(c, sources):
    for t in c.steady(2, STOP, 60):
        c.answer(t, FAR % c.rng.randrange(1, sources + 1), ME % 77, "amp.example", ANY, 3000, 3600)


def dns_one_reflector(c): dns_victim(c, 1)
def dns_four_reflectors(c): dns_victim(c, 4)


def udp_victim(c, port, size):
    for t in c.steady(2, STOP, 200, False):
        c.udp(t, FAR % 9, ME % 77, port, 80, bytes(size))


def ntp_one_reflector(c): udp_victim(c, 123, 440)
def cldap_one_reflector(c): udp_victim(c, 389, 2900)
def memcached_one_reflector(c): udp_victim(c, 11211, 1400)


def ntp_abused(c):
    """the server's side, in somebody else's laboratory"""
    for t in c.steady(2, STOP, 5):
        c.udp(t, FAR % 77, FAR % 9, 80, 123, bytes(8))
        for k in range(20):
            c.udp(t + 0.001 + k * 1e-4, FAR % 9, FAR % 77, 123, 80, bytes(440))


def tunnel_of_bytes(c):
    """iodine asking for addresses: names of bytes that no host's name has"""
    for n, t in enumerate(c.steady(2, STOP, 30)):
        label = "".join(chr(c.rng.randrange(0xc0, 0xff)) for _ in range(28))
        c.ask(t, ME % 77, "10.53.0.53", "%s.%s.t.example" % (label, label[::-1]), 1, 200, 0)


DNS, UDP = "dns-amplification-victim", "udp-amplification-victim"
ATTACKS = ((dns_one_reflector, DNS, ME % 77), (dns_four_reflectors, DNS, ME % 77), (ntp_one_reflector, UDP, ME % 77),
           (cldap_one_reflector, UDP, ME % 77), (memcached_one_reflector, UDP, ME % 77),
           (tunnel_of_bytes, "dns-tunnel", ME % 77), (ntp_abused, "udp-amplification-reflector", FAR % 9))


def opened(damp, path, options):
    alerts = path + ".alerts"
    subprocess.run([damp, "replay", "-q", *options, "--alerts", alerts, path], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(alerts) as f:
        lines = [json.loads(line) for line in f]
    return [(a["rule"]["name"], a["damp"]["subject"].get("ip"), a["damp"]["vector"]) for a in lines if a["event"]["action"] == "opened"]


def told(name, got, want):
    if got == want:
        print("ok conversations_" + name)
    else:
        print("wanted %s\ngot %s\nnot ok conversations_%s" % (want or "silence", got or "silence", name))


def inside(address):
    return address.startswith(("10.64.", "134.60."))


TAPS = {"whole": lambda s, d: True, "down": lambda s, d: not inside(s) or inside(d) or s == ME % 99, "up": lambda s, d: inside(s)}


def main():
    damp = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "c.pcap")
        for tap, keep in TAPS.items():
            c = Capture(7)
            c.keep = keep
            for scene in ORDINARY:
                scene(c)
            c.write(path, 200)
            told("ordinary_%s_bare" % tap, opened(damp, path, []), [])
            told("ordinary_%s_known" % tap, opened(damp, path, ["--networks", NETWORKS]), [])
        for scene, kind, host in ATTACKS:
            c = Capture(7)
            scene(c)
            c.write(path, 400)
            told(scene.__name__, [x[:2] for x in opened(damp, path, [])], [(kind, host)])


if __name__ == "__main__":
    main()
