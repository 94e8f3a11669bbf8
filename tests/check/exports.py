#!/usr/bin/env python3
"""Compares what exportdump printed with what somebody else says of the same datagrams.

usage: exports.py tshark FLOWS FIELDS     FIELDS: tshark -T fields, in the order of TSHARK below
       exports.py expected FLOWS JSON     JSON: events that the tests of a public decoder assert
"""
import datetime
import json
import sys

# our name, tshark's name; one line a packet, values of all its records separated by commas
TSHARK = [
    ("src", "cflow.srcaddr"), ("dst", "cflow.dstaddr"), ("packets", "cflow.packets"), ("bytes", "cflow.octets"),
    ("sport", "cflow.srcport"), ("dport", "cflow.dstport"), ("proto", "cflow.protocol"), ("tos", "cflow.tos"),
    ("tcp_flags", "cflow.tcpflags"), ("in_if", "cflow.inputint"), ("out_if", "cflow.outputint"),
    ("src_as", "cflow.srcas"), ("dst_as", "cflow.dstas"), ("src_mask", "cflow.srcmask"), ("dst_mask", "cflow.dstmask"),
]

# our name, the decoder's
EXPECTED = [
    ("version", "version"), ("src", "ipv4_src_addr"), ("dst", "ipv4_dst_addr"), ("next_hop", "ipv4_next_hop"),
    ("packets", "in_pkts"), ("bytes", "in_bytes"), ("sport", "l4_src_port"), ("dport", "l4_dst_port"),
    ("tcp_flags", "tcp_flags"), ("proto", "protocol"), ("tos", "src_tos"), ("in_if", "input_snmp"),
    ("out_if", "output_snmp"), ("src_as", "src_as"), ("dst_as", "dst_as"), ("src_mask", "src_mask"),
    ("dst_mask", "dst_mask"),
]
WRAP_MS = 1 << 32


def flows_of(path):
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    return lines[:-1], lines[-1]


def tshark(flows, path):
    wrong, at = [], 0
    with open(path) as f:
        for line in f:
            columns = [c.split(",") if c else [] for c in line.rstrip("\n").split("\t")]
            for i in range(len(columns[0])):
                if at == len(flows):
                    return ["fewer flows than tshark sees"]
                for (name, _), values in zip(TSHARK, columns):
                    if values and str(flows[at][name]) != str(int(values[i], 0) if values[i][:1].isdigit() and "." not in values[i] else values[i]):
                        wrong.append(f"flow {at}: {name} is {flows[at][name]}, tshark says {values[i]}")
                at += 1
    if at != len(flows):
        wrong.append(f"{len(flows)} flows, tshark sees {at}")
    return wrong if at > 0 else ["tshark sees no flow"]


def milliseconds(text):
    t = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return round(t.timestamp() * 1000)


def same_time(ns, text, export_ns):
    """To a millisecond.  That decoder puts what began before the router did 2^32 ms into the future, and where
    the header's fraction of a second is the smaller one it forgets to borrow: 8.280 - 0.804 is 8.476 there."""
    off = (milliseconds(text) - ns // 1000000) % WRAP_MS
    borrowed = export_ns % 10**9 < (export_ns - ns) % 10**9
    return min(off, WRAP_MS - off) <= 1 or (borrowed and abs(off - 1000) <= 1)


def expected(flows, path):
    with open(path) as f:
        told = json.load(f)
    wrong = []
    if told["decoded_events"] != len(flows):
        wrong.append(f"{len(flows)} flows, expected {told['decoded_events']}")
    for index, event in zip(told["asserted_indexes"], told["events"]):
        if index >= len(flows):
            break
        flow, want = flows[index], event["netflow"]
        for ours, theirs in EXPECTED:
            value = "0.0.0.0" if flow[ours] == "::" else flow[ours]
            if theirs in want and value != want[theirs]:
                wrong.append(f"flow {index}: {ours} is {value}, expected {want[theirs]}")
        for ours, theirs in (("start_ns", "first_switched"), ("end_ns", "last_switched")):
            if not same_time(flow[ours], want[theirs], flow["export_ns"]):
                wrong.append(f"flow {index}: {ours} is {flow[ours]}, expected {want[theirs]}")
        if not same_time(flow["export_ns"], event["@timestamp"], flow["export_ns"]):
            wrong.append(f"flow {index}: export_ns is {flow['export_ns']}, expected {event['@timestamp']}")
        if flow["domain"] != want["engine_type"] << 8 | want["engine_id"]:
            wrong.append(f"flow {index}: domain is {flow['domain']}")
    return wrong


def main():
    if sys.argv[1] == "fields":
        print(*(f"-e {name}" for _, name in TSHARK))
        return 0
    flows, _ = flows_of(sys.argv[2])
    wrong = {"tshark": tshark, "expected": expected}[sys.argv[1]](flows, sys.argv[3])
    for line in wrong[:10]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
