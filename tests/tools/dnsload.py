#!/usr/bin/env python3
"""Many DNS askers in one process, and a sink that counts what arrived.

Every query says in the high byte of its id which class it belongs to, so that the sink needs to
know nothing else.  Sources are set per packet (IP_PKTINFO on an AnyIP route).
usage: dnsload.py sink READY-FILE OUT-FILE      counts until SIGTERM, then writes JSON
       dnsload.py send FAMILY SOURCES MODE RATE SECONDS        prints JSON of what was sent
MODE any: SOURCES ask ANY; rotate64, rotate56: the same, and IPv6 ones take a new address of their /64 or /56 each time; names: they ask TXT and DNSKEY for two names, with the cases of letters mixed.
"""
import json, random, select, signal, socket, struct, sys, time

ATTACK, ORDINARY, POLITE = 1, 2, 3
LONG = '.'.join(('a' * 60, 'b' * 60, 'c' * 60, 'd' * 40))
NAMES = {1: 'ATTACK', 2: 'ORDINARY', 3: 'POLITE'}


def query(klass, n, name, qtype, edns):
    labels = [l for l in name.split('.') if l]
    wire = b''.join(bytes([len(l)]) + l.encode() for l in labels) + b'\0'
    opt = b''
    if edns:  # DO bit and a cookie (RFC 7873)
        opt = struct.pack('>BHHIHHH', 0, 41, 4096, 0x8000, 12, 10, 8) + struct.pack('>Q', random.getrandbits(64))
    head = struct.pack('>HHHHHH', klass << 8 | n & 255, 0x0100, 1, 0, 0, 1 if edns else 0)
    return head + wire + struct.pack('>HH', qtype, 1) + opt


def mixed(name):
    return ''.join(random.choice((c.lower(), c.upper())) for c in name)


def address(family, block, i):
    if family == 4:
        return '10.%d.%d.%d' % (block, i >> 8, i & 255)
    return '2001:db8:%x:%x::1' % (block, i)


def rotated(mode, i):
    """A new address of the i-th customer"""
    net = i if mode == 'rotate64' else i << 8 | random.getrandbits(8)
    return '2001:db8:9:%x:%x:%x:%x:%x' % ((net,) + tuple(random.getrandbits(16) | 1 for _ in range(4)))


def schedule(family, sources, mode, rate, seconds):
    """(time, source, class, payload), in time order"""
    out = []
    anys = ('example.', 'a.test.', 'x.y.z.test.', '.', 'a.b.c.d.example.')
    for i in range(1, sources + 1):
        for k in range(int(rate * seconds)):
            if mode != 'names':
                q = query(ATTACK, k, mixed(anys[(i + k) % 5]), 255, k % 2)
            elif k % 4 == 3:  # longer than a pattern can be
                q = query(ATTACK, k, mixed(LONG), 16, i % 2)
            elif k % 2:
                q = query(ATTACK, k, mixed('big.txt.attack.example.test'), 16, i % 2)
            else:
                q = query(ATTACK, k, mixed('org'), 48, i % 2)
            who = rotated(mode, i) if family == 6 and mode.startswith('rotate') else address(family, 9, i)
            out.append(((k + random.random() * 0.5) / rate, who, ATTACK, q))
    # everything the rules must leave alone: other types, names above, below and beside
    innocent = [('example', 1), ('big.txt.attack.example.test', 1), ('org', 16), ('a.org', 48), ('txt.attack.example.test', 16),
                ('w.big.txt.attack.example.test', 16), ('other.test', 16), (LONG[5:], 16), ('b' + LONG[1:], 1)]
    for i in range(1, 21):
        who = address(family, 9, i) if i <= 5 else address(family, 11, i)  # infected customers look up, too
        for k in range(int(3 * seconds)):
            name, qtype = innocent[(i + k) % len(innocent)]
            out.append(((k + random.random() * 0.5) / 3, who, ORDINARY, query(ORDINARY, k, name, qtype, k % 2)))
    for i in range(1, 11):
        for k in range(int(seconds / 3.1) + 1):
            name, qtype = ('org', 48) if mode == 'names' else ('polite.example', 255)
            who = address(family, 12, i << 8 if mode == 'rotate56' else i)  # a customer each
            out.append((0.01 * i + 3.1 * k, who, POLITE, query(POLITE, k, name, qtype, True)))
    return sorted(out)


def send(family, sources, mode, rate, seconds):
    random.seed(sources)
    v4 = family == 4
    s = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    s.bind(('', 0))
    to = ('10.8.0.2', 53) if v4 else ('2001:db8:8::2', 53)
    sent = dict.fromkeys(NAMES.values(), 0)
    start = time.monotonic()
    for at, source, klass, payload in schedule(family, sources, mode, rate, seconds):
        wait = start + at - time.monotonic()
        if wait > 0.002:
            time.sleep(wait)
        if v4:
            info = (socket.IPPROTO_IP, 8, struct.pack('=I4s4s', 0, socket.inet_aton(source), b'\0' * 4))
        else:
            info = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, source) + struct.pack('=I', 0))
        s.sendmsg([payload], [info], 0, to)
        sent[NAMES[klass]] += 1
    print(json.dumps(sent))


def sink(ready, out):
    got = {'4': dict.fromkeys(NAMES.values(), 0), '6': dict.fromkeys(NAMES.values(), 0)}
    socks = []
    for family, where in ((socket.AF_INET, '10.8.0.2'), (socket.AF_INET6, '2001:db8:8::2')):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        s.bind((where, 53))
        s.setblocking(False)
        socks.append(s)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    open(ready, 'w').close()
    while True:
        r, _, _ = select.select(socks, [], [], 0.1)
        for s in r:
            for _ in range(500):
                try:
                    data = s.recv(4096)
                except BlockingIOError:
                    break
                got['4' if s.family == socket.AF_INET else '6'][NAMES[data[0]]] += 1
        if stop and not r:
            break
    with open(out, 'w') as f:
        json.dump(got, f)


if sys.argv[1] == 'sink':
    sink(*sys.argv[2:4])
else:
    send(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5]), float(sys.argv[6]))
