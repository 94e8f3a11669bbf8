#!/usr/bin/env python3
"""A capture of NetFlow 5 datagrams from one exporter, some of which were lost on the way.

usage: netflow_gaps.py FILE.pcap EVERY      one of EVERY datagrams is missing; 0: none
"""
import struct
import sys

START, EXPORTER, COLLECTOR = 1772366400, bytes([192, 0, 2, 9]), bytes([192, 0, 2, 1])


def record(n, i):
    client, server = bytes([10, 64, 0, 10 + i % 40]), bytes([198, 51, 100, 7])
    return server + client + struct.pack("!4xHHIIIIHHxBBBHHBBxx", 1, 2, 10, 9000, 1000 * n, 1000 * n + 900, 443, 40000 + i, 24, 6, 0, 0, 0, 24, 24)


def datagram(n):
    head = struct.pack("!HHIIIIBBH", 5, 10, 1000 * n + 1000, START + n, 0, 10 * n, 0, 0, 0)
    return head + b"".join(record(n, i) for i in range(10))


def packet(payload):
    udp = struct.pack("!HHHH", 9995, 2055, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + EXPORTER + COLLECTOR
    return bytes(12) + b"\x08\x00" + ip + udp


with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for n in range(300):
        if int(sys.argv[2]) and n % int(sys.argv[2]) == int(sys.argv[2]) - 1:
            continue
        p = packet(datagram(n))
        f.write(struct.pack("<IIII", START + n, 0, len(p), len(p)) + p)
