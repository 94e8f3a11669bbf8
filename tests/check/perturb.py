#!/usr/bin/env python3
"""The same traffic as somebody else might have recorded it.

usage: perturb.py --list
       perturb.py IN FOLDER [CHANGE...]      (all of them without one)
Reads a pcap (Ethernet or raw IP) and writes FOLDER/CHANGE.* for each change: other files, other links, other clocks, other taps,
other addresses.  A change that makes several files makes CHANGE.1.pcap, CHANGE.2.pcap, ...  Addresses are changed by
map_address, which tells the new one of any old one.  No randomness but a seeded one.
"""
import bz2
import gzip
import ipaddress
import os
import random
import struct
import subprocess
import sys

ETHERNET, RAW, SLL, SLL2, NULL, LOOP, PPP, IEEE802_11_RADIO = 1, 101, 113, 276, 0, 108, 9, 127
NS = 10 ** 9


def read(path):
    """[(time in ns, IP packet as captured, its length on the wire)]"""
    with open(path, "rb") as f:
        data = f.read()
    magic = data[:4]
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1 if struct.unpack(order + "I", magic)[0] == 0xa1b23c4d else 1000
    link, at, out = struct.unpack_from(order + "I", data, 20)[0], 24, []
    skip = 14 if link == ETHERNET else 0
    while at + 16 <= len(data):
        sec, frac, cap, wire = struct.unpack_from(order + "IIII", data, at)
        packet = data[at + 16:at + 16 + cap]
        at += 16 + cap
        if skip and packet[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            continue
        out.append((sec * NS + frac * unit, packet[skip:], wire - skip))
    return out


# --- files ------------------------------------------------------------------------------------------------

def pcap(packets, link=RAW, order="<", nano=False, modified=False, snaplen=262144):
    magic = 0xa1b23c4d if nano else 0xa1b2cd34 if modified else 0xa1b2c3d4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for t, data, wire in packets:
        cut = data[:snaplen]
        out.append(struct.pack(order + "IIII", t // NS & 0xffffffff, t % NS // (1 if nano else 1000), len(cut), wire))
        if modified:
            out.append(struct.pack(order + "IHBB", 0, 0, 0, 0))
        out.append(cut)
    return b"".join(out)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def block(kind, body):
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def pcapng(packets):
    """Three interfaces, of raw IP and of Ethernet, whose clocks count in micro-, nano- and 2^-20 seconds"""
    out = [block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))]
    for link, resolution in ((RAW, None), (ETHERNET, 9), (RAW, 0x80 | 20)):
        options = option(9, bytes([resolution])) + option(0, b"") if resolution is not None else b""
        out.append(block(1, struct.pack("<HHI", link, 0, 0) + options))
    for i, (t, data, wire) in enumerate(packets):
        which = i % 3
        if which == 1:
            data, wire = ethernet(data), wire + 14
        ticks = t // 1000 if which == 0 else t if which == 1 else (t << 20) // NS
        out.append(block(6, struct.pack("<IIIII", which, ticks >> 32, ticks & 0xffffffff, len(data), wire) + data + b"\0" * (-len(data) % 4)))
    return b"".join(out)


# --- links and tunnels --------------------------------------------------------------------------------------

MACS = bytes.fromhex("02005e10000a02005e10000b")


def is6(ip):
    return ip[0] >> 4 == 6


def ethertype(ip):
    return b"\x86\xdd" if is6(ip) else b"\x08\x00"


def ethernet(ip):
    return MACS + ethertype(ip) + ip


def outer4(proto, body_wire):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + body_wire, 0, 0, 64, proto, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))


def outer_udp(port, head, wire):
    size = 8 + len(head) + wire
    return outer4(17, size) + struct.pack(">HHHH", 50000, port, size, 0) + head


def around(link, head):
    """head(ip, wire) goes before each packet."""
    def change(packets):
        out = []
        for t, ip, wire in packets:
            h = head(ip, wire)
            out.append((t, h + ip, wire + len(h)))
        return pcap(out, link)
    return change


def eth(x):
    return MACS + x


LINKS = {
    "ethernet": around(ETHERNET, lambda ip, n: eth(ethertype(ip))),
    "vlan": around(ETHERNET, lambda ip, n: eth(b"\x81\x00\x00\x2a" + ethertype(ip))),
    "qinq": around(ETHERNET, lambda ip, n: eth(b"\x88\xa8\x00\x64\x81\x00\x00\x2a" + ethertype(ip))),
    "mpls": around(ETHERNET, lambda ip, n: eth(b"\x88\x47" + struct.pack(">II", 100 << 12 | 64, 200 << 12 | 0x100 | 64))),
    "pppoe": around(ETHERNET, lambda ip, n: eth(b"\x88\x64\x11\x00\x00\x01" + struct.pack(">HH", n + 2, 0x57 if is6(ip) else 0x21))),
    "ppp": around(PPP, lambda ip, n: b"\xff\x03" + struct.pack(">H", 0x57 if is6(ip) else 0x21)),
    "sll": around(SLL, lambda ip, n: struct.pack(">HHH", 0, 1, 6) + MACS[:6] + b"\0\0" + ethertype(ip)),
    "sll2": around(SLL2, lambda ip, n: ethertype(ip) + struct.pack(">HIHBB", 0, 2, 1, 0, 6) + MACS[:6] + b"\0\0"),
    "null": around(NULL, lambda ip, n: struct.pack("<I", 30 if is6(ip) else 2)),
    "loop": around(LOOP, lambda ip, n: struct.pack(">I", 24 if is6(ip) else 2)),
    "gre": around(RAW, lambda ip, n: outer4(47, 4 + n) + b"\0\0" + ethertype(ip)),
    "gre_key": around(RAW, lambda ip, n: outer4(47, 12 + n) + b"\x30\0" + ethertype(ip) + struct.pack(">II", 7, 1)),
    "ip_in_ip": around(RAW, lambda ip, n: outer4(41 if is6(ip) else 4, n)),
    "vxlan": around(ETHERNET, lambda ip, n: eth(b"\x08\x00") + outer_udp(4789, b"\x08\0\0\0\0\0\x2a\0" + eth(ethertype(ip)), n)),
    "geneve": around(ETHERNET, lambda ip, n: eth(b"\x08\x00") + outer_udp(6081, b"\0\0\x65\x58\0\0\x2a\0" + eth(ethertype(ip)), n)),
    "gtp": around(ETHERNET, lambda ip, n: eth(b"\x08\x00") + outer_udp(2152, struct.pack(">BBHI", 0x30, 255, n, 9), n)),
    "erspan": around(ETHERNET, lambda ip, n: eth(b"\x08\x00") + outer4(47, 8 + 8 + 14 + n) + b"\x10\0\x88\xbe\0\0\0\1" +
                     b"\x10\x01\0\x01\0\0\0\0" + eth(ethertype(ip))),
}


# --- addresses ------------------------------------------------------------------------------------------------

def map_address(change, text):
    """What an address has become."""
    a = ipaddress.ip_address(text)
    if change == "other_prefix":
        if a.version == 4:
            return str(ipaddress.ip_address(int(a) ^ 0x21400000))  # 10.64/10 becomes 43.0/10: public
        return str(ipaddress.ip_address(int(a) ^ (0x0a1 << 104)))
    if change == "all_v6" and a.version == 4:
        return str(ipaddress.ip_address(0x20010db8000400640000 << 48 | int(a) >> 16 << 32 | int(a) & 0xffff))
    return text


def change_addresses(change, ip):
    if is6(ip):
        if len(ip) < 40:
            return ip, 0
        a = [ipaddress.ip_address(map_address(change, str(ipaddress.ip_address(ip[i:i + 16])))).packed for i in (8, 24)]
        return ip[:8] + a[0] + a[1] + ip[40:], 0
    if len(ip) < 20:
        return ip, 0
    a = [ipaddress.ip_address(map_address(change, str(ipaddress.ip_address(ip[i:i + 4])))).packed for i in (12, 16)]
    if len(a[0]) == 4:
        return ip[:12] + a[0] + a[1] + ip[20:], 0
    head = (ip[0] & 15) * 4
    proto, body, size = ip[9], ip[head:], struct.unpack(">H", ip[2:4])[0] - head
    flags = struct.unpack(">H", ip[6:8])[0]
    extra = b""
    if flags & 0x3fff:
        extra = struct.pack(">BBHI", proto, 0, (flags & 0x1fff) << 3 | (flags >> 13 & 1), struct.unpack(">H", ip[4:6])[0])
        proto = 44
    new = struct.pack(">IHBB", 6 << 28, size + len(extra), proto, 60) + a[0] + a[1] + extra + body
    return new, 40 + len(extra) - head


def addresses(change):
    def work(packets):
        out = []
        for t, ip, wire in packets:
            new, more = change_addresses(change, ip)
            out.append((t, new, wire + more))
        return out
    return work


# --- clocks and taps ---------------------------------------------------------------------------------------------

def ports(ip):
    """Ports of UDP; None for anything else and for later fragments."""
    if is6(ip):
        at = 40
        if ip[6] == 44:
            if struct.unpack(">H", ip[42:44])[0] >> 3:
                return None
            at, proto = 48, ip[40]
        else:
            proto = ip[6]
    else:
        at, proto = (ip[0] & 15) * 4, ip[9]
        if struct.unpack(">H", ip[6:8])[0] & 0x1fff:
            return None
    return struct.unpack(">HH", ip[at:at + 4]) if proto == 17 and len(ip) >= at + 4 else None


def shift(to):
    def work(packets):
        by = to * NS - packets[0][0] // NS * NS
        return [(t + by, ip, wire) for t, ip, wire in packets]
    return work


def jitter(packets):
    rng = random.Random(1)
    return [x for _, x in sorted((p[0] + rng.randrange(5000000), p) for p in packets)]


def step_back(seconds):
    """The clock is set back in the middle."""
    def work(packets):
        middle = len(packets) // 2
        return packets[:middle] + [(t - seconds * NS, ip, wire) for t, ip, wire in packets[middle:]]
    return work


def twice(gap_ns):
    def work(packets):
        both = [(t, n, ip, wire) for n, (t, ip, wire) in enumerate(packets)]
        both += [(t + gap_ns, n, ip, wire) for t, n, ip, wire in both]
        return [(t, ip, wire) for t, _, ip, wire in sorted(both, key=lambda x: x[:2])]
    return work


def hop(packets):
    """Seen before and behind a router: one hop less, 300 microseconds later"""
    def less(ip):
        return ip[:7] + bytes([max(1, ip[7] - 1)]) + ip[8:] if is6(ip) else ip[:8] + bytes([max(1, ip[8] - 1)]) + ip[9:]
    both = [(t, n, ip, wire) for n, (t, ip, wire) in enumerate(packets)]
    both += [(t + 300000, n, less(ip), wire) for t, n, ip, wire in both]
    return [(t, ip, wire) for t, _, ip, wire in sorted(both, key=lambda x: x[:2])]


def middle(packets):
    """Of a capture of 30 s, some of whose sessions last longer."""
    return packets[0][0] + 15 * NS


def lose(share):
    def work(packets):
        rng = random.Random(2)
        return [p for p in packets if rng.random() >= share]
    return work


def speed(factor):
    def work(packets):
        t0 = packets[0][0]
        return [(t0 + int((t - t0) / factor), ip, wire) for t, ip, wire in packets]
    return work


def only(answers):
    """One direction of DNS; later fragments belong to answers."""
    def work(packets):
        def keep(ip):
            p = ports(ip)
            return answers if p is None else (p[0] == 53) == answers or 53 not in p
        return [p for p in packets if keep(p[1])]
    return work


def with_snaplen(n):
    return lambda packets: pcap(packets, snaplen=n)


def ending(packets):
    data = pcap(packets)
    return data[:len(data) * 9 // 10 + 7]


def hole(packets):
    data = bytearray(pcap(packets))
    middle = len(data) // 2
    data[middle:middle + 3000] = b"\xa5" * 3000
    return bytes(data)


CHANGES = {
    "same": pcap,
    "big_endian": lambda p: pcap(p, order=">"),
    "nano": lambda p: pcap(p, nano=True),
    "modified": lambda p: pcap(p, modified=True),
    "pcapng": pcapng,
    "gzip": lambda p: gzip.compress(pcap(p), 1),
    "bzip2": lambda p: bz2.compress(pcap(p), 1),
    "zstd": lambda p: subprocess.run(["zstd", "-q", "-1"], input=pcap(p), stdout=subprocess.PIPE, check=True).stdout,
    "ending": ending,
    "hole": hole,
    "snap96": with_snaplen(96), "snap128": with_snaplen(128), "snap200": with_snaplen(200),
    "year1970": lambda p: pcap(shift(40)(p)),
    "year2039": lambda p: pcap(shift(2180000000)(p)),
    "year2105": lambda p: pcap(shift(4290000000)(p)),
    "jitter": lambda p: pcap(jitter(p)),
    "step_back_2s": lambda p: pcap(step_back(2)(p)),
    "step_back_hour": lambda p: pcap(step_back(3600)(p)),
    "twice": lambda p: pcap(twice(0)(p)), "twice_later": lambda p: pcap(twice(50000)(p)), "hop": lambda p: pcap(hop(p)),
    "lose10": lambda p: pcap(lose(0.1)(p)),
    "slower": lambda p: pcap(speed(0.5)(p)), "faster": lambda p: pcap(speed(2)(p)),
    "answers": lambda p: pcap(only(True)(p)), "queries": lambda p: pcap(only(False)(p)),
    "other_prefix": lambda p: pcap(addresses("other_prefix")(p)), "all_v6": lambda p: pcap(addresses("all_v6")(p)),
    "first_half": lambda p: pcap([x for x in p if x[0] < middle(p)]),
    "last_half": lambda p: pcap([x for x in p if x[0] >= middle(p)]),
    "parts": lambda p: [pcap(p[i * len(p) // 3:(i + 1) * len(p) // 3]) for i in range(3)],
}
CHANGES.update(LINKS)


def write(packets, folder, change):
    """Writes a change, and returns its files."""
    made = CHANGES[change](packets)
    files = []
    for i, data in enumerate(made if isinstance(made, list) else [made]):
        files.append(os.path.join(folder, change + (".%d" % (i + 1) if isinstance(made, list) else "") + ".pcap"))
        with open(files[-1], "wb") as f:
            f.write(data)
    return files


def main():
    if sys.argv[1:2] == ["--list"]:
        print("\n".join(CHANGES))
        return 0
    packets = read(sys.argv[1])
    for change in sys.argv[3:] or CHANGES:
        write(packets, sys.argv[2], change)
    return 0


if __name__ == "__main__":
    sys.exit(main())
