#!/usr/bin/env python3
"""Writes traffic that is hard to judge: ordinary use that looks like abuse, abuse that hides.

usage: odd_traffic.py [--list] SCENE FILE     (a pcap of raw IP; the same bytes every time)
Answers carry real records, so names, TTLs and sizes are what a detector would read.  Addresses of our own lie
in 10.64.0.0/23 and 2001:db8:64::/64, the resolvers are 10.53.0.53 and 2001:db8:53::53.
"""
import heapq
import ipaddress
import random
import struct
import sys

ANY, A, TXT, DNSKEY, RRSIG = 255, 1, 16, 48, 46
RESOLVER, RESOLVER2 = "10.53.0.53", "10.53.0.54"
T0 = 1700000000


def wire_name(name):
    return b"".join(bytes([len(x)]) + x.encode("latin-1") for x in name.split(".") if x) + b"\0"


class Capture:
    def __init__(self, seed):
        self.rng, self.packets, self.n, self.ident = random.Random(seed), [], 0, 0
        self.keep = lambda src, dst: True   # a tap that sees only part

    def raw(self, t, ip):
        self.n += 1
        heapq.heappush(self.packets, (t, self.n, ip))

    def udp(self, t, src, dst, sport, dport, data, lose_first=False, mtu=1500):
        if not self.keep(src, dst):
            return
        s, d = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        body = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
        if s.version == 6:
            self.raw(t, struct.pack(">IHBB", 6 << 28, len(body), 17, 60) + s.packed + d.packed + body)
            return
        self.ident = self.ident % 65535 + 1
        step = (mtu - 20) & ~7
        for at in range(0, len(body), step):
            part = body[at:at + step]
            more = at + step < len(body)
            if lose_first and at == 0 and more:
                continue
            self.raw(t + at / step * 1e-5, struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(part), self.ident,
                     (0x2000 if more else 0) | at // 8, 60, 17, 0) + s.packed + d.packed + part)

    def query(self, t, src, dst, name, qtype, edns=4096, qid=None, sport=None):
        qid = self.rng.randrange(65536) if qid is None else qid
        sport = sport or self.rng.randrange(1024, 65535)
        opt = b"\0" + struct.pack(">HHIH", 41, edns, 0x8000, 0) if edns else b""
        data = struct.pack(">HHHHHH", qid, 0x0100, 1, 0, 0, 1 if edns else 0) + wire_name(name) + \
            struct.pack(">HH", qtype, 1) + opt
        self.udp(t, src, dst, sport, 53, data)
        return qid, sport

    def answer(self, t, server, client, name, qtype, size, ttl, qid=None, sport=None, own=False):
        """size: of the DNS message; filled with records of at most 250 bytes; own: the server is authoritative for it"""
        qid = self.rng.randrange(65536) if qid is None else qid
        sport = sport or self.rng.randrange(1024, 65535)
        q, rr, n = wire_name(name) + struct.pack(">HH", qtype, 1), b"", 0
        left = size - 12 - len(q)
        kind = TXT if qtype in (ANY, TXT) else qtype
        while left >= 13 + (4 if kind == A else 1):
            length = 4 if kind == A else min(250, left - 12)
            data = self.rng.randbytes(length) if kind != TXT else bytes([length - 1]) + b"x" * (length - 1)
            rr += struct.pack(">HHHIH", 0xc00c, kind, 1, ttl, length) + data
            n, left = n + 1, left - 12 - length
        data = struct.pack(">HHHHHH", qid, 0x8500 if own else 0x8180, 1, n, 0, 0) + q + rr
        self.udp(t, server, client, 53, sport, data)

    def ask(self, t, client, server, name, qtype, size, ttl=300, edns=4096, delay=0.02, own=False):
        qid, sport = self.query(t, client, server, name, qtype, edns)
        self.answer(t + delay, server, client, name, qtype, size, ttl, qid, sport, own)

    def steady(self, start, stop, rate, jitter=True):
        t = start + self.rng.random() / rate
        while t < stop:
            yield t
            t += self.rng.expovariate(rate) if jitter else 1 / rate

    def write(self, path, snaplen=65535):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, snaplen, 101))
            while self.packets:
                t, _, ip = heapq.heappop(self.packets)
                us = round(t * 1e6)
                f.write(struct.pack("<IIII", T0 + us // 1000000, us % 1000000, min(len(ip), snaplen), len(ip)) + ip[:snaplen])


def zipf(rng, n):
    return min(n - 1, int(rng.paretovariate(0.9)) - 1)


def popular(c, client, server, start, stop, rate, large=0.01, names=2000, cached=False):
    """What many people ask: names by popularity, a hundredth of them with an answer that is large."""
    held = {}
    for t in c.steady(start, stop, rate):
        i = zipf(c.rng, names)
        big = (i * 7919 + 500) % 1000 < large * 1000  # not the most popular of all
        ttl = (20, 60, 300, 3600)[i % 4]
        if cached and held.get(i, 0) > t:
            continue
        held[i] = t + ttl
        c.ask(t, client, server, f"n{i}.example", TXT if big else A, 1000 + i % 500 if big else 60 + i % 300, ttl)


def recursor(c, me, start, stop, rate, retry=False, ask=True, large=0.3):
    """A recursive resolver of its own: many servers, signed answers, nothing asked twice while it is held."""
    for n, t in enumerate(c.steady(start, stop, rate)):
        server = f"198.51.{c.rng.randrange(100)}.{c.rng.randrange(1, 250)}"
        big = c.rng.random() < large
        kind, size = (DNSKEY, c.rng.randrange(1000, 1700)) if big else (A, c.rng.randrange(200, 900))
        c.ask(t, me, server, f"z{n}.example", kind, size, 3600)
        if retry and big:
            c.ask(t + 0.8, me, f"198.51.{c.rng.randrange(100)}.7", f"z{n}.example", kind, size, 3600, edns=1232)


def ordinary(c, stop, hosts=20):
    for i in range(hosts):
        popular(c, f"10.64.0.{20 + i}", RESOLVER, 0, stop, 0.3, cached=True)


# --- ordinary, however it looks ------------------------------------------------------------------------

def s_recursor(c): recursor(c, "10.64.0.30", 0, 400, 60)
def s_recursor_retry(c): recursor(c, "10.64.0.30", 0, 400, 60, retry=True)
def s_forwarder_500(c): popular(c, "10.64.0.31", RESOLVER, 0, 400, 50)
def s_forwarder_500_more(c): popular(c, "10.64.0.31", RESOLVER, 0, 400, 50, large=0.05)
def s_forwarder_cached(c): popular(c, "10.64.0.31", RESOLVER, 0, 400, 50, large=0.05, cached=True)


def s_all_servers(c):
    """dnsmasq's all-servers, four upstreams: each question goes to all of them at once"""
    held = {}
    for t in c.steady(0, 600, 8):
        i = zipf(c.rng, 2000)
        if held.get(i, 0) > t:
            continue
        held[i] = t + 300
        for k, server in enumerate((RESOLVER, RESOLVER2, "9.9.9.9", "1.1.1.1")):
            c.ask(t, "10.64.0.32", server, f"n{i}.example", TXT if i % 5 == 0 else A, 1200 if i % 5 == 0 else 100, 300,
                  delay=0.01 + 0.02 * k)


def s_health_check(c):
    """a load balancer asks each of four resolvers for the root's keys every two seconds"""
    for t in c.steady(0, 400, 0.5, False):
        for s in range(4):
            c.ask(t, "10.64.0.33", f"10.53.0.{53 + s}", ".", DNSKEY, 1139, 172800)


def s_monitor_minute(c):
    """a monitoring script: thirty signed zones, their DNSKEY once a minute each"""
    for i in range(30):
        for t in c.steady(i * 2, 900, 1 / 60, False):
            c.ask(t, "10.64.0.34", RESOLVER, f"zone{i}.example", DNSKEY, 1400, 3600)


def s_dnsperf(c):
    for t in c.steady(0, 30, 1000):
        i = c.rng.randrange(5000)
        big = i % 50 == 0
        c.ask(t, "10.64.0.35", RESOLVER, f"n{i}.example", TXT if big else A, 1100 if big else 120, 300, delay=0.002)


def authoritative(c, rate, clients, retries, size=(700, 1600), stop=120):
    """retries: how often a third of the resolvers, those behind lost fragments, ask"""
    for n, t in enumerate(c.steady(0, stop, rate)):
        who = f"203.0.{c.rng.randrange(clients) // 250}.{1 + c.rng.randrange(clients) % 250}"
        for k in range(1 if n % 3 else retries):
            c.ask(t + 0.8 * k, who, "10.64.0.40", f"x{n}.signed.example", A, c.rng.randrange(*size), 3600, own=True)


def s_authoritative_big(c): authoritative(c, 60, 250, 1)
def s_authoritative_retry(c): authoritative(c, 20, 250, 3, stop=400)


def s_authoritative_keys(c):
    """few large resolvers of strangers, many machines each, ask for the same keys and the same text"""
    for t in c.steady(0, 400, 12):
        c.ask(t, f"203.0.113.{c.rng.randrange(200)}", "10.64.0.40", "signed.example", (DNSKEY, TXT)[c.rng.randrange(2)], 1400, 300, own=True)


def fails(c, t, client, name, qtype=A, rcode=3):
    qid, sport = c.query(t, client, RESOLVER, name, qtype)
    data = struct.pack(">HHHHHH", qid, 0x8180 | rcode, 1, 0, 0, 0) + wire_name(name) + struct.pack(">HH", qtype, 1)
    c.udp(t + 0.03, RESOLVER, client, 53, sport, data)


def letters(c, n, alphabet="abcdefghijklmnopqrstuvwxyz234567"):
    return "".join(c.rng.choice(alphabet) for _ in range(n))


def s_names_that_fail(c):
    """an office whose stubs append a suffix to long names of content networks, and look files and addresses up by hash"""
    ordinary(c, 2400)
    for i in range(20):
        for t in c.steady(0, 2400, 0.1):
            for qtype in (A, 28):
                fails(c, t, f"10.64.0.{20 + i}", f"{letters(c, 14)}.edge{c.rng.randrange(9)}.content.example.office.example", qtype)
    for t in c.steady(0, 2400, 2):
        fails(c, t, "10.64.0.70", f"{letters(c, 40, '0123456789abcdef')}.scanner.example")
        fails(c, t, "10.64.0.71", ".".join(str(c.rng.randrange(256)) for _ in range(4)) + ".bl.example")


def one_way(c, towards_us):
    c.keep = lambda src, dst: dst.startswith("10.64.") == towards_us


def s_only_answers(c):
    one_way(c, True)
    ordinary(c, 400, 60)
    popular(c, "10.64.0.31", RESOLVER, 0, 400, 20)
    recursor(c, "10.64.0.30", 0, 400, 20)


def s_only_queries(c):
    one_way(c, False)
    ordinary(c, 300, 60)
    recursor(c, "10.64.0.30", 0, 300, 30)


def s_half_tap(c):
    """the recursor's queries leave by another link, everyone else's are seen"""
    c.keep = lambda src, dst: src != "10.64.0.30"
    ordinary(c, 400, 60)
    recursor(c, "10.64.0.30", 0, 400, 20)


def s_two_resolvers_answer(c):
    """a relay answers a question twice, from both anycast sites"""
    for t in c.steady(0, 600, 0.5):
        n = int(t * 1000)
        qid, sport = c.query(t, "10.64.0.36", RESOLVER, f"m{n}.example", TXT)
        for k in range(2):
            c.answer(t + 0.01 + 0.02 * k, RESOLVER, "10.64.0.36", f"m{n}.example", TXT, 1200, 300, qid, sport)


def s_mirror_twice(c):
    """a mirror port that copies every packet on its way in and on its way out"""
    raw = c.raw

    def twice(t, ip):
        raw(t, ip)
        raw(t + 1e-5, ip)
    c.raw = twice
    ordinary(c, 400, 40)
    recursor(c, "10.64.0.30", 0, 400, 20)


def s_burst(c):
    """service discovery behind one address: two names, fourteen times within 55 ms, over a second's boundary"""
    ordinary(c, 60)
    for k in range(14):
        c.ask(29.97 + k * 0.004, "10.64.0.90", RESOLVER, f"d{k % 2}.example", 12, 1043, 3600, delay=0.001)


def s_stub_retries(c):
    """a stub whose large answers get lost behind the tap: it asks three times"""
    for n, t in enumerate(c.steady(0, 400, 0.3)):
        for k in range(3):
            c.ask(t + k * 1.5, "10.64.0.91", RESOLVER, f"big{n}.example", TXT, 1800, 300)


def s_v6_only(c):
    for i in range(20):
        popular(c, f"2001:db8:64::{i + 16:x}", "2001:db8:53::53", 0, 300, 0.5, cached=True)


def s_ntp_pool(c):
    for t in c.steady(0, 60, 400):
        who = f"203.{c.rng.randrange(200)}.{c.rng.randrange(250)}.{c.rng.randrange(1, 250)}"
        port = c.rng.choice((123, c.rng.randrange(1024, 65535)))
        c.udp(t, who, "10.64.0.50", port, 123, b"\x23" + bytes(47))
        c.udp(t + 0.001, "10.64.0.50", who, 123, port, b"\x24" + bytes(47))


def session(c, ours, theirs, our_port, their_port, start, stop, rate, down=1300, ack=70, per_ack=2):
    """a bulk transfer inside UDP: one small packet back for a few large ones"""
    for n, t in enumerate(c.steady(start, stop, rate, False)):
        if n % per_ack == 0:
            c.udp(t, theirs, ours, their_port, our_port, bytes(ack))
        c.udp(t + 0.0005, ours, theirs, our_port, their_port, bytes(down))


def s_vpn_server(c): session(c, "10.64.0.51", "203.0.113.9", 1194, 40001, 0, 40, 150, ack=110)
def s_ipsec_server(c): session(c, "10.64.0.51", "203.0.113.9", 4500, 4500, 0, 40, 150, ack=100)
def s_seeder(c): [session(c, "10.64.0.52", f"203.0.113.{i}", 6881, 51413, 0, 40, 20, ack=20) for i in range(10, 20)]
def s_rdp_server(c): session(c, "10.64.0.53", "203.0.113.9", 3389, 50001, 0, 40, 80, down=1200, ack=50, per_ack=4)


def s_game_server(c):
    for i in range(16):
        session(c, "10.64.0.54", f"203.0.113.{20 + i}", 27015, 27005, 0, 40, 30, down=500, ack=60, per_ack=1)


def s_snapshots(c):
    """a game whose commands are tiny: sixteen players, 27960"""
    for i in range(16):
        session(c, "10.64.0.54", f"203.0.113.{20 + i}", 27960, 27960, 0, 40, 20, down=400, ack=45, per_ack=1)


def s_leecher_one_way(c):
    one_way(c, True)
    for i in range(10, 40):
        session(c, f"203.0.113.{i}", "10.64.0.55", 6881, 51413, 0, 40, 5, ack=20)


def s_snmp_poller(c):
    """our poller walks two hundred switches"""
    for t in c.steady(0, 60, 50):
        sw, port = f"10.64.1.{c.rng.randrange(1, 200)}", c.rng.randrange(1024, 65535)
        c.udp(t, "10.64.0.56", sw, port, 161, bytes(80))
        c.udp(t + 0.01, sw, "10.64.0.56", 161, port, bytes(1300))


def s_server_browser(c):
    """a player's list of servers: one question to each of two thousand"""
    for n, t in enumerate(c.steady(5, 15, 200)):
        srv = f"203.{n // 250}.113.{n % 250 + 1}"
        c.udp(t, "10.64.0.57", srv, 50505, 27015, bytes(25))
        if n % 2:
            c.udp(t + 0.1, srv, "10.64.0.57", 27015, 50505, bytes(400))


def upload(c, port, to_port=443, to="203.0.113.9", who="10.64.0.61"):
    """a film on its way up over QUIC: full packets, acknowledgements for every other one"""
    t = 5
    while t < 40:
        c.udp(t, who, to, port, to_port, b"\x40" + bytes(1249))
        c.udp(t + 0.02, who, to, port, to_port, b"\x40" + bytes(1249))
        c.udp(t + 0.03, to, who, to_port, port, b"\x40" + bytes(35))
        t += 0.05


def s_uploads(c):
    """translators draw a client's port from all above 1023, those of services too"""
    ordinary(c, 40)
    for i, port in enumerate((1900, 3283, 3702, 5353, 5683, 10001, 10074, 11211, 17185, 20811, 32414, 37810, 47808)):
        upload(c, port, who="10.64.0.%d" % (100 + i))


def s_uploads_through_vpn(c):
    """the same inside a tunnel that a translator gave such a port"""
    ordinary(c, 40)
    for i, port in enumerate((1900, 10001, 11211, 37810)):
        upload(c, port, to_port=4500 if i % 2 else 1194, who="10.64.0.%d" % (120 + i))


def fragments(c, rate, size, lose, sources=1, to="10.64.0.58", port=8554):
    for t in c.steady(0, 30, rate):
        c.udp(t, f"203.0.113.{c.rng.randrange(sources) + 1}", to, port, port, bytes(size), lose_first=lose)


def s_video_fragments(c): fragments(c, 300, 8000, False)
def s_video_heads_elsewhere(c): fragments(c, 20, 2800, True)
def s_vpn_tails_heads_elsewhere(c): fragments(c, 300, 1530, True, port=4789)
def s_sip_fragments(c): fragments(c, 4, 1900, False, sources=30, port=5060)
def s_ike_certificates(c): fragments(c, 8, 2600, False, sources=40, port=4500)
def s_nfs_many(c): fragments(c, 500, 8300, False, sources=20, port=2049)


# --- abuse, however it hides -----------------------------------------------------------------------------

def abuse(c, who, start, stop, rate, names=1, qtype=ANY, size=3000, ttl=3600, edns=4096, servers=(RESOLVER,), jitter=True,
          mixed=False):
    for n, t in enumerate(c.steady(start, stop, rate, jitter)):
        name = f"amp{n % names}.example"
        if mixed:
            name = "".join(x.upper() if c.rng.random() < 0.5 else x for x in name)
        c.ask(t, who, servers[n % len(servers)], name, qtype, size, ttl, edns)


BAD = "10.64.0.200"


def a_half_a_second(c): ordinary(c, 200), abuse(c, BAD, 5, 200, 0.5)
def a_ttl_zero(c): ordinary(c, 200), abuse(c, BAD, 5, 200, 3, ttl=0)
def a_ttl_zero_slow(c): ordinary(c, 400), abuse(c, BAD, 5, 400, 0.4, ttl=0, jitter=False)
def a_names_200(c): ordinary(c, 300), abuse(c, BAD, 5, 300, 3, names=200)
def a_names_5000(c): ordinary(c, 300), abuse(c, BAD, 5, 300, 3, names=5000)
def a_names_5000_txt(c): ordinary(c, 300), abuse(c, BAD, 5, 300, 30, names=50000, qtype=TXT)
def a_names_ttl_short(c): ordinary(c, 300), abuse(c, BAD, 5, 300, 5, names=500, ttl=30, qtype=TXT)
def a_0x20(c): ordinary(c, 100), abuse(c, BAD, 5, 100, 3, mixed=True)
def a_1232(c): ordinary(c, 100), abuse(c, BAD, 5, 100, 3, size=1220, edns=1232)
def a_txt_1100(c): ordinary(c, 100), abuse(c, BAD, 5, 100, 3, size=1100, qtype=TXT, ttl=300)
def a_addresses(c): ordinary(c, 100), abuse(c, BAD, 5, 100, 3, size=4000, qtype=A, ttl=60)
def a_950(c): ordinary(c, 100), abuse(c, BAD, 5, 100, 20, size=950, qtype=TXT)
def a_700(c): ordinary(c, 100), abuse(c, BAD, 5, 100, 20, size=700, qtype=TXT)
def a_last_second(c): ordinary(c, 20), abuse(c, BAD, 19, 20, 150)
def a_two_resolvers(c): ordinary(c, 60), abuse(c, BAD, 5, 60, 2, servers=(RESOLVER, RESOLVER2))
def a_twenty_resolvers(c): ordinary(c, 120), abuse(c, BAD, 5, 120, 2, servers=[f"10.53.0.{i}" for i in range(53, 73)])
def a_hours_off(c): ordinary(c, 400), [abuse(c, BAD, s, s + 1, 8) for s in range(5, 400, 30)]


def a_bursts_under(c):
    """nine questions every five minutes: below both counts"""
    ordinary(c, 900)
    for start in range(5, 900, 310):
        for k in range(9):
            c.ask(start + k * 0.5, BAD, RESOLVER, "amp.example", ANY, 3000, 3600)


def a_cgnat(c):
    popular(c, BAD, RESOLVER, 0, 200, 60)
    abuse(c, BAD, 20, 200, 2)


def a_cgnat_signed(c):
    """among people behind whom a recursor works as well"""
    recursor(c, BAD, 0, 200, 10)
    abuse(c, BAD, 20, 200, 5)


def a_v6_rotating(c):
    ordinary(c, 100)
    for t in c.steady(5, 100, 10):
        c.ask(t, f"2001:db8:64::{c.rng.randrange(1, 65535):x}:{c.rng.randrange(1, 65535):x}", "2001:db8:53::53", "amp.example",
              ANY, 1400, 3600)


def victim(c, rate, sources, size=3000, names=1, start=5, stop=60, ttl=3600, sport=None):
    for t in c.steady(start, stop, rate):
        c.answer(t, f"203.0.{c.rng.randrange(sources) // 250}.{c.rng.randrange(sources) % 250 + 1}", "10.64.0.77",
                 f"amp{c.rng.randrange(names)}.example", ANY, size, ttl, sport=sport)


def v_plain(c): ordinary(c, 60), victim(c, 30, 400)
def v_one_source(c): ordinary(c, 60), victim(c, 30, 1)
def v_five_sources_names(c): ordinary(c, 60), victim(c, 30, 5, names=100000)
def v_small(c): ordinary(c, 60), victim(c, 200, 400, size=700)
def v_forged_source(c):
    """the answers nobody asked for come from the resolver the victim uses itself"""
    ordinary(c, 60)
    popular(c, "10.64.0.77", RESOLVER, 0, 60, 2)
    for t in c.steady(5, 60, 50):
        c.answer(t, RESOLVER, "10.64.0.77", "amp.example", ANY, 3000, 3600)


def v_only_answers(c):
    one_way(c, True)
    ordinary(c, 60)
    victim(c, 30, 400)


def v_busy_resolver(c):
    """the host that is hit is itself a recursor: what it asked for must not hide the rest"""
    recursor(c, "10.64.0.77", 0, 60, 20)
    victim(c, 300, 400)


def r_authoritative_abused(c):
    authoritative(c, 40, 250, 1)
    for t in c.steady(20, 120, 40):
        c.ask(t, "198.18.0.1", "10.64.0.40", "signed.example", ANY, 2800, 300, own=True)


def open_forwarder(c, cpe, rate, stop, victim="198.18.5.5"):
    """a home router that passes on what the world asks it"""
    for t in c.steady(5, stop, rate):
        qid, sport = c.query(t, victim, cpe, "amp.example", ANY)
        c.ask(t + 0.001, cpe, RESOLVER, "amp.example", ANY, 3000, 3600)
        c.answer(t + 0.03, cpe, victim, "amp.example", ANY, 3000, 3600, qid, sport)


def r_open_forwarder(c): ordinary(c, 60), open_forwarder(c, "10.64.0.200", 5, 50)
def r_open_forwarder_slow(c): ordinary(c, 200), open_forwarder(c, "10.64.0.200", 0.5, 190)


def r_slow(c):
    authoritative(c, 5, 250, 1, size=(200, 700))
    for t in c.steady(20, 120, 6):
        c.ask(t, "198.18.0.1", "10.64.0.40", "signed.example", ANY, 2800, 300, own=True)


def u_steam(c):
    for t in c.steady(5, 40, 300):
        c.udp(t, "198.18.0.1", "10.64.0.54", 80, 27015, bytes(25))
        c.udp(t + 0.001, "10.64.0.54", "198.18.0.1", 27015, 80, bytes(600))


def u_rdp(c):
    for t in c.steady(5, 40, 300):
        c.udp(t, "198.18.0.1", "10.64.0.53", 80, 3389, bytes(16))
        c.udp(t + 0.001, "10.64.0.53", "198.18.0.1", 3389, 80, bytes(1260))


def u_ntp_monlist(c):
    for t in c.steady(5, 40, 5):
        c.udp(t, "198.18.0.1", "10.64.0.50", 80, 123, bytes(8))
        for k in range(40):
            c.udp(t + 0.001 + k * 1e-4, "10.64.0.50", "198.18.0.1", 123, 80, bytes(440))


def f_headless(c): fragments(c, 400, 2900, True, sources=200)
def f_one_source(c): fragments(c, 1000, 2900, True)


# --- what goes out in names that do not exist: who listens writes them down ------------------------------------

def sent_out(c, stop, rate, rcode=3, tries=1, suffix=None):
    ordinary(c, stop)
    for t in c.steady(5, stop, rate):
        name = f"{letters(c, 48)}.x.evil.example"
        for k in range(tries):
            fails(c, t + 0.1 * k, BAD, name, rcode=rcode)
        if suffix:
            fails(c, t + 0.2, BAD, f"{name}.{suffix}")
    for i in range(40 if suffix else 0):
        for t in c.steady(0, stop, 0.05):
            fails(c, t, f"10.64.1.{i}", f"{letters(c, 9)}.{suffix}")


def n_one_a_second(c): sent_out(c, 2700, 1)
def n_refused_twice(c): sent_out(c, 1500, 2, rcode=5, tries=2)
def n_suffix(c): sent_out(c, 1500, 2, suffix="office.example")


SCENES = {n[2:] if n[1] == "_" and n[0] == "s" else n: f for n, f in list(globals().items())
          if len(n) > 2 and n[1] == "_" and n[0] in "savrufn" and callable(f)}


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(SCENES))
        return 0
    scene, path = sys.argv[1:3]
    snaplen = int(sys.argv[3]) if len(sys.argv) > 3 else 65535
    c = Capture(scene)
    SCENES[scene](c)
    c.write(path, snaplen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
