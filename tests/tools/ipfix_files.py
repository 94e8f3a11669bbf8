#!/usr/bin/env python3
"""IPFIX files (RFC 5655) for tests and for people who want them elsewhere.  `-` is standard input.
usage: ipfix_files.py sum FILE                records, packets, bytes
       ipfix_files.py send FILE HOST PORT     its messages to a collector over UDP: zstd -dc F | ipfix_files.py send - ::1 4739
       ipfix_files.py v5 HOST PORT N          N NetFlow 5 records, one datagram of 30 after the other; prints what it sent
"""
import socket, struct, sys, time

def messages(name):
    data = (sys.stdin.buffer if name == '-' else open(name, 'rb')).read()
    at = 0
    while at < len(data):
        version, length = struct.unpack_from('>HH', data, at)
        if version != 10 or length < 16 or at + length > len(data):
            sys.exit(f'{name}: no whole message at byte {at}')
        yield data[at:at + length]
        at += length

def total(name):
    templates, records, packets, octets = {}, 0, 0, 0
    for m in messages(name):
        at = 16
        while at < len(m):
            set_id, length = struct.unpack_from('>HH', m, at)
            end, p = at + length, at + 4
            while set_id == 2 and p + 4 <= end:
                template, n = struct.unpack_from('>HH', m, p)
                templates[template] = [struct.unpack_from('>HH', m, p + 4 + 4 * i) for i in range(n)]
                p += 4 + 4 * n
            while set_id >= 256 and p < end:
                records += 1
                for element, size in templates[set_id]:
                    if element in (1, 2):
                        v = int.from_bytes(m[p:p + size], 'big')
                        packets, octets = (packets + v, octets) if element == 2 else (packets, octets + v)
                    p += size
            at = end
    print(records, packets, octets)

def udp(host, port):
    family, kind, proto, _, to = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    s = socket.socket(family, kind, proto)
    s.connect(to)
    return s

def v5(host, port, n):
    s, now, packets, octets = udp(host, port), time.time(), 0, 0
    for first in range(0, n, 30):
        count = min(30, n - first)
        d = struct.pack('>HHIIIIBBH', 5, count, 3600000, int(now), int(now % 1 * 1e9), first, 0, 0, 0)
        for i in range(first, first + count):
            d += struct.pack('>IIIHHIIIIHHBBBBHHBBH', 0x0a000000 + i, 0xc0000201, 0, 1, 2, i % 9 + 1, 64 * (i % 9 + 1),
                             3590000, 3599000, 53, i % 60000, 0, 0x18, 17, 0, 64500, 64501, 24, 16, 0)
            packets, octets = packets + i % 9 + 1, octets + 64 * (i % 9 + 1)
        s.send(d)
        time.sleep(0.002)
    print(n, packets, octets)

if sys.argv[1] == 'sum':
    total(sys.argv[2])
elif sys.argv[1] == 'v5':
    v5(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    s = udp(sys.argv[3], sys.argv[4])
    for m in messages(sys.argv[2]):
        s.send(m)
        time.sleep(0.005)
