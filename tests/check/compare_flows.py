#!/usr/bin/env python3
"""Compares what flowlines printed with what a public decoder's tests assert of the same datagrams.
usage: compare_flows.py EXPECTED.json < LINES      prints a line for each difference; status 1 if there is one

Every asserted address, port, counter, time, AS, interface, protocol, tos, flag and mask must stand in one of
the flows.  What has no addresses or no counts is no flow and must have been counted as ignored or as options."""
import datetime
import json
import sys

NAMES = {  # the peer's name of a v9 field -> ours
    'ipv4_src_addr': 'sourceIPv4Address', 'ipv4_dst_addr': 'destinationIPv4Address',
    'ipv6_src_addr': 'sourceIPv6Address', 'ipv6_dst_addr': 'destinationIPv6Address',
    'l4_src_port': 'sourceTransportPort', 'l4_dst_port': 'destinationTransportPort',
    'protocol': 'protocolIdentifier', 'in_pkts': 'packetDeltaCount', 'in_bytes': 'octetDeltaCount',
    'in_permanent_bytes': 'octetDeltaCount', 'octetTotalCount': 'octetDeltaCount',
    'packetTotalCount': 'packetDeltaCount', 'first_switched': 'flowStartMilliseconds',
    'last_switched': 'flowEndMilliseconds', 'flow_start_msec': 'flowStartMilliseconds',
    'flow_end_msec': 'flowEndMilliseconds', 'event_time_msec': 'flowEndMilliseconds',
    'flowStartSeconds': 'flowStartMilliseconds', 'flowEndSeconds': 'flowEndMilliseconds',
    'tcp_flags': 'tcpControlBits', 'src_tos': 'ipClassOfService', 'input_snmp': 'ingressInterface',
    'output_snmp': 'egressInterface', 'src_as': 'bgpSourceAsNumber', 'dst_as': 'bgpDestinationAsNumber',
    'src_mask': 'sourceIPv4PrefixLength', 'dst_mask': 'destinationIPv4PrefixLength',
    'ipv4_next_hop': 'ipNextHopIPv4Address', 'ipv6_next_hop': 'ipNextHopIPv6Address',
    'direction': 'flowDirection', 'icmp_type': 'icmpTypeIPv4', 'icmp_code': 'icmpCodeIPv4', 'src_vlan': 'vlanId',
}
TIMES = ('flowStartMilliseconds', 'flowEndMilliseconds')
HAS_PORTS = (6, 17, 33, 132, 136)


def milliseconds(value):
    if isinstance(value, int):
        return value
    when = datetime.datetime.strptime(value, '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=datetime.timezone.utc)
    return (when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def wanted(event, lines):
    """The asserted members under our names."""
    n, out = event['netflow'], {}
    for name, value in n.items():
        ours = NAMES.get(name, name)
        if ours not in lines[0] and not (ours.startswith(('source', 'destination')) and 'Address' in ours):
            continue
        if ours in TIMES:
            value = milliseconds(value)
            if name.endswith('_switched'):
                value -= 1000  # the peer adds a second to what the header and the uptimes say
            # none can end after it was sent
            value = min(value, milliseconds(event['@timestamp']) + 1000)
        if ours == 'ipNextHopIPv4Address' and value == '0.0.0.0':
            continue  # none
        if ours in ('sourceIPv6Address', 'destinationIPv6Address') and value == '::' and ours.replace('6', '4') in n:
            continue  # the other family's place in a template for both
        if ours in ('samplingInterval', 'deltaFlowCount') and value == 0:
            continue  # the exporter does not say
        if ours.startswith('icmp') and n.get('protocol') != 1:
            continue
        out[ours] = value
    if n.get('initialTCPFlags') is not None:
        out['tcpControlBits'] = n['initialTCPFlags'] | n.get('unionTCPFlags', 0)
    # egress counts where the ingress ones are zero
    if n.get('in_pkts') == 0 and n.get('out_pkts', 0) > 0:
        out['packetDeltaCount'], out['octetDeltaCount'] = n['out_pkts'], n['out_bytes']
    if out.get('protocolIdentifier') not in HAS_PORTS:
        out.pop('sourceTransportPort', None)
        out.pop('destinationTransportPort', None)
    return out


def is_flow(event):
    n = event['netflow']
    addresses = [v for k, v in n.items() if NAMES.get(k, k).startswith(('sourceIP', 'destinationIP')) and 'Address' in NAMES.get(k, k)]
    counts = ('in_pkts', 'in_bytes', 'out_pkts', 'out_bytes', 'in_permanent_bytes', 'packetDeltaCount', 'octetDeltaCount',
              'packetTotalCount', 'octetTotalCount')
    return bool(addresses) and any(n.get(c) for c in counts)


def reverse_of(n):
    """The answering direction, where a biflow is asserted."""
    if not n.get('reversePacketTotalCount'):
        return None
    return {'sourceIPv4Address': n['destinationIPv4Address'], 'destinationIPv4Address': n['sourceIPv4Address'],
            'sourceTransportPort': n['destinationTransportPort'], 'destinationTransportPort': n['sourceTransportPort'],
            'packetDeltaCount': n['reversePacketTotalCount'], 'octetDeltaCount': n['reverseOctetTotalCount'],
            'flowStartMilliseconds': milliseconds(n['flowStartMilliseconds']) + n['reverseFlowDeltaMilliseconds'],
            'reverse': 1}


def explain(want, lines):
    """Against the line that has most in common."""
    best = max(lines, key=lambda l: sum(l.get(k) == v for k, v in want.items()))
    return ['%s: %r instead of %r' % (k, best.get(k), v) for k, v in want.items() if best.get(k) != v]


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        expected = json.load(f)
    lines = [json.loads(l) for l in sys.stdin]
    counts = [l['counts'] for l in lines if 'counts' in l][0]
    lines = [l for l in lines if 'counts' not in l]
    problems, asserted = [], 0
    for event in expected['events']:
        if not is_flow(event):
            if counts['ignored'] + counts['options'] == 0:
                problems.append('a record that is no flow was not counted')
            continue
        if not lines:
            problems.append('no flows at all')
            break
        for want in (wanted(event, lines), reverse_of(event['netflow'])):
            if want is None:
                continue
            asserted += len(want)
            if not any(all(l.get(k) == v for k, v in want.items()) for l in lines):
                problems += explain(want, lines)
    total = expected['decoded_events']
    turned = sum(l['reverse'] for l in lines)
    if total is not None and len(lines) - turned + counts['ignored'] + counts['options'] != total:
        problems.append('%d records instead of %d' % (len(lines) - turned + counts['ignored'] + counts['options'], total))
    if counts['corrupt']:
        problems.append('%(corrupt)d corrupt' % counts)
    for p in problems:
        print(p)
    print('%d members, %d flows, %d ignored, %d options' % (asserted, len(lines), counts['ignored'], counts['options']))
    return 1 if problems else 0


sys.exit(main())
