"""The labelled traffic of the score: what is generated, how long, and how damp gets to see it.

A case is a name, seconds, the generator's arguments, and the ways ("media") in which damp sees it:
  packets                     the capture itself
  sflow:N                     an agent that samples 1 in N
  ipfix:N:A, v9:N:A, v5:N:A   flow records, sampling 1 in N, active timeout A seconds (inactive 15 s)
  ...:port0                   from a router that keeps no memory of fragments
  ...:loseN, ...:skewN        one datagram in N is lost on the way, the exporter's clock is N seconds ahead
Packets are read without any configuration, what exporters tell with our networks and resolvers known, as a provider
has them; "+bare" behind a medium takes that away, "+known" adds it.
"""

# Ordinary people around every attack, fewer of them where it takes long.
TOWN = "benign clients=80 clients6=20 web=0.002 quic=0.001 mail=1"
LONG = "benign clients=60 clients6=15 dns=0.05 web=0.0005 quic=0.0002 mail=1 mailrate=3"
BUSY = ("benign clients=120 clients6=40 dns=0.15 nocache=8 recursion=yes mail=4 mailrate=8 validators=2 cgnat=2 subs=150 "
        "forwarders=20 antivirus=3 authoritative=1 authrate=40 web=0.003 quic=0.002 translated=yes calls=2 vpn=3 speedtests=1 transfers=2")

# Where these customers sit.
LINK = 'links: [{name: metro-3, prefixes: [10.64.0.0/23, "2001:db8:64::/64"], down: 5Mbit}]\n'

# A public server that is known as one: of samples its clients are too few in a second to find it.
ZONES = "groups: [{name: zones, kind: authoritative, members: [10.64.0.70]}]\n"

ABUSER = "dns-amplification-abuser"
REFLECTOR = "dns-amplification-reflector"


class Case:
    def __init__(self, name, seconds, scenario, media, allowed=(), hidden=None, conf="", besides=()):
        self.name, self.seconds, self.scenario, self.media = name, seconds, scenario, media.split()
        self.hidden = hidden or {}  # address -> why samples do not show it: out of scope
        self.conf = conf        # lines of configuration, besides networks and resolvers
        self.besides = besides  # (kind, subject) that the generator does not label, from the onset on
        self.allowed = set(allowed)  # kinds that are true as well, on any subject: the other side of the same attack


def rates():
    """Infected customers at each rate, beginning anywhere in a second; the capture lasts as long as naming them may take."""
    yield Case("abuser_0.05", 1500, LONG + " + infected hosts=3 hosts6=1 rate=0.05 start=100", "packets ipfix:1:60")
    yield Case("abuser_0.2", 600, LONG + " + infected hosts=3 hosts6=1 rate=0.2 start=60",
               "packets ipfix:1:60 sflow:1")
    yield Case("abuser_0.2_poisson", 600, LONG + " + infected hosts=3 rate=0.2 start=60 arrival=poisson", "packets")
    yield Case("abuser_1", 240, LONG + " + infected hosts=3 hosts6=1 rate=1 start=40.37",
               "packets ipfix:1:60 v9:1:30 sflow:1")
    yield Case("abuser_3_one_port", 200, LONG + " + infected hosts=3 hosts6=1 rate=3 ports=14068 start=40.37",
               "packets ipfix:1:60 v5:1:60")
    yield Case("abuser_10", 150, LONG + " + infected hosts=12 hosts6=4 rate=10 start=30 stagger=5",
               "packets ipfix:1:60 v9:1:30:port0 sflow:1 sflow:10")
    yield Case("abuser_100", 120, TOWN + " + infected hosts=12 hosts6=4 rate=100 start=20 stagger=5 stop=100",
               "packets ipfix:1:60 v5:1:60 sflow:1 sflow:10 sflow:100 v9:10:60")
    yield Case("abuser_100_one_port", 120, TOWN + " + infected hosts=3 rate=100 start=20.81 ports=14068 stop=100",
               "packets ipfix:1:60 v9:1:30:port0")
    yield Case("abuser_1000", 60, TOWN + " + infected hosts=3 hosts6=1 rate=1000 start=12 stagger=5 stop=40",
               "packets ipfix:1:10 sflow:10 sflow:100 v9:100:10")
    yield Case("abuser_10000", 40, TOWN + " + infected hosts=1 rate=10000 start=8.43 stop=26",
               "packets ipfix:1:10 v9:1:10:port0 sflow:100 sflow:1000 ipfix:1000:10")


def sources():
    net = " net=10.64.0.0/16"
    for n, seconds in ((1, 60), (10, 60), (100, 60), (1000, 60), (5000, 60)):
        yield Case("sources_%d" % n, seconds, TOWN + net + " + infected%s hosts=%d rate=1 start=8 stop=%d" % (net, n, seconds - 18),
                   "packets" if n == 1 else "packets ipfix:1:10")


def unconfigured():
    """Flow records for somebody who configured nothing, packets for somebody who did."""
    yield Case("bare_flows_1", 240, LONG + " + infected hosts=3 hosts6=1 rate=1 start=40.37",
               "ipfix:1:60+bare sflow:1+bare packets+known")
    yield Case("bare_flows_10", 150, LONG + " + infected hosts=3 hosts6=1 rate=10 start=30.53 stagger=3",
               "ipfix:1:60+bare v9:1:30:port0+bare v5:1:60+bare packets+known")
    yield Case("bare_flows_slow", 900, LONG + " + infected hosts=3 rate=0.2 start=60", "ipfix:1:60+bare")
    yield Case("bare_victim", 60, TOWN + " + reflection rate=1000 reflectors=1000 start=8.61 stop=42",
               "ipfix:1:10+bare sflow:10+bare packets+known")
    yield Case("bare_ordinary", 600, BUSY, "ipfix:1:60+bare v9:1:30:port0+bare sflow:1+bare sflow:100+bare v9:1000:60+bare packets+known")


def sampled():
    """Near the slowest visible rate of coarse samplings, and below it."""
    yield Case("sampled_at_10", 600, LONG + " + infected hosts=3 rate=10 start=20.4", "sflow:100 ipfix:100:60")
    yield Case("sampled_at_100", 420, LONG + " + infected hosts=2 rate=100 start=20.4 edns=1232",
               "sflow:1000 ipfix:1000:60 v9:1000:60")
    yield Case("sampled_at_200", 420, LONG + " + infected hosts=1 rate=200 start=20.4 edns=1232",
               "sflow:2000 ipfix:2000:60")
    yield Case("sampled_at_20", 300, LONG + " + infected hosts=2 rate=20 start=20.4", "sflow:1000 ipfix:2000:60")


def answers():
    """Every type that is abused, with and without fragments, over both families."""
    def mix(extra, first6):
        kinds = (("ANY", 4089, "ripe.net"), ("TXT", 3500, "big.example"), ("DNSKEY", 2400, "signed.example"),
                 ("RRSIG", 3930, "signed.example"), ("A", 4000, "many.example"))
        return "".join(" + infected hosts=%d hosts6=%d first=%d rate=3 start=15.3 qtype=%s answer=%d name=%s %s" %
                       (0 if first6 else 3, 3 if first6 else 0, 10 * i, q, size, name, extra)
                       for i, (q, size, name) in enumerate(kinds))
    yield Case("types_edns_4096", 120, TOWN + mix("", False), "packets ipfix:1:30 sflow:1")
    yield Case("types_edns_1232", 120, TOWN + mix("edns=1232", False), "packets ipfix:1:30 sflow:1")
    yield Case("types_v6", 120, TOWN + mix("", True), "packets ipfix:1:30 v9:1:30:port0")
    yield Case("types_v6_1232", 120, TOWN + mix("edns=1232", True), "packets ipfix:1:30")


def customers():
    """IPv6 customers, each with a /64, who change the address for every question or for some; and a /64 full of hosts."""
    own = " + infected hosts=0 hosts6=3 net6=2001:db8:64:4000::/50"
    yield Case("rotate_0.2", 600, LONG + own + " rate=0.2 rotate=1 start=60 ordinary=0.02", "packets ipfix:1:60 sflow:1")
    yield Case("rotate_1", 240, LONG + own + " rate=1 rotate=1 start=40.37", "packets ipfix:1:60 v9:1:30 sflow:1")
    yield Case("rotate_1_third", 300, LONG + own + " rate=1 rotate=3 start=40.37", "packets ipfix:1:60 sflow:1")
    yield Case("rotate_10", 150, LONG + own + " rate=10 rotate=1 start=30.53", "packets ipfix:1:60 v9:1:30:port0 sflow:1")
    yield Case("rotate_100", 100, TOWN + own + " rate=100 rotate=4 start=20 stop=80", "packets ipfix:1:60 sflow:10")
    yield Case("rotate_1000", 60, TOWN + own + " rate=1000 rotate=1 start=12 stop=40", "packets ipfix:1:10 sflow:100")
    media = "packets packets+known ipfix:1:60 sflow:1 sflow:10 ipfix:100:60"
    yield Case("office_64", 600, "benign clients=10 clients6=2000 dns=0.05 web=0.0005 quic=0.0002 mail=0 antivirus=0", media)
    yield Case("rack_64", 600, "benign clients=10 clients6=20 mail=0 antivirus=0 validators6=500 validatorrate=0.1 mail6=60 mailrate=1", media)


DILUTED = "most answers to this address are other people's: in samples their number hides which queries explain the large ones"


def shared_addresses():
    """Behind an address that others use: 150 people behind a carrier's NAT, a home forwarder."""
    yield Case("nat", 120, BUSY + " + infected address=10.64.0.54 rate=3 start=20.3 ordinary=0"
               " + infected address=10.64.0.55 rate=30 start=20.3 ordinary=0", "packets ipfix:1:60 v9:1:30 v5:1:60 sflow:1 sflow:10",
               hidden={"10.64.0.54": DILUTED, "10.64.0.55": DILUTED})
    yield Case("nat_fast", 120, BUSY + " + infected address=10.64.0.54 rate=150 start=20.3 ordinary=0 stop=100",
               "packets ipfix:1:60")
    yield Case("nat_slow", 600, BUSY + " + infected address=10.64.0.54 rate=0.3 start=60 ordinary=0",
               "packets ipfix:1:60")
    yield Case("many_infected", 60, TOWN + " + infected hosts=200 rate=20 start=12 stop=50 ordinary=0", "sflow:1000", (ABUSER,))
    yield Case("office_nat", 600, "benign clients=20 clients6=5 mail=0 antivirus=0 office=20 validatorrate=0.5 mailrate=2",
               "packets packets+known ipfix:1:60 v9:1:30:port0 v5:1:60 sflow:1 sflow:10 ipfix:100:60")
    yield Case("forwarder", 120, TOWN + " + infected hosts=3 rate=3 start=20.3 ordinary=2 + infected hosts=2 first=20 rate=20"
               " start=20.3 ordinary=2", "packets ipfix:1:60 sflow:1")


def victims():
    for rate, reflectors, seconds, media in (
            (1, 40, 400, "packets"), (24, 120, 100, "packets ipfix:1:30 sflow:1"), (100, 200, 60, "packets ipfix:1:10 sflow:10"),
            (1000, 1000, 50, "packets ipfix:1:10 v5:1:10 sflow:10 v9:10:10"),
            (10000, 5000, 40, "packets ipfix:1:10 sflow:100 v9:100:10")):
        yield Case("victim_%d" % rate, seconds, "%s + reflection rate=%d reflectors=%d start=8.61 stop=%d" %
                   (TOWN, rate, reflectors, seconds - 18), media)
    yield Case("victim_v6", 60, TOWN + " + reflection rate=200 victim=2001:db8:64::77 start=8.61 stop=42",
               "packets ipfix:1:10")
    for net, name in (("64:7::/64", "64"), ("64::/48", "48")):
        yield Case("carpet_" + name, 60, TOWN + " + reflection spread=2001:db8:%s targets=1000000 rate=300 start=8.61 stop=42" % net,
                   "packets packets+known")
    yield Case("victim_one_reflector", 60, TOWN + " + reflection rate=200 reflectors=1 start=8.61 stop=42",
               "packets ipfix:1:10")
    yield Case("reflector", 60, TOWN + " + reflection two_sided=yes reflectors=3 rate=150 start=8.61 stop=42",
               "packets ipfix:1:10",
               ("dns-amplification-victim",))


def others():
    for vector in ("ntp", "ssdp", "cldap", "memcached", "snmp", "chargen", "coap", "wsd"):
        yield Case("amp_" + vector, 45, "%s + amp vector=%s pps=1000 start=7.77 stop=28" % (TOWN, vector), "packets ipfix:1:10")
    yield Case("amp_100", 60, TOWN + " + amp vector=ntp pps=100 start=7.77 stop=42", "packets ipfix:1:10 sflow:1")
    yield Case("amp_10000", 40, TOWN + " + amp vector=cldap pps=10000 reflectors=3000 start=7.77 stop=24",
               "packets ipfix:1:10 sflow:100 v9:100:10")
    yield Case("amp_v6", 45, TOWN + " + amp vector=ntp victim=2001:db8:64::79 pps=1000 start=7.77 stop=28",
               "packets ipfix:1:10")
    yield Case("fragments", 45, TOWN + " + fragflood pps=3000 start=7.77 stop=28",
               "packets ipfix:1:10:port0 sflow:10")
    yield Case("fragments_200", 60, TOWN + " + fragflood pps=200 start=7.77 stop=42", "packets ipfix:1:10:port0")
    yield Case("query_flood", 45, TOWN + " + spoofed pps=5000 start=7.77 stop=28", "packets ipfix:1:10 sflow:10")
    yield Case("random_names", 60, TOWN + " + subdomain rate=300 start=7.77", "packets",
               ("dns-nxdomain-flood", "dns-query-flood"))
    yield Case("random_names_mute", 60, TOWN + " + subdomain rate=1000 answers=no resolver=203.0.113.53 start=7.77", "packets sflow:10",
               ("dns-query-flood",))


def spread():
    """Prefixes that are hit as a whole, one after the other, and links that are filled."""
    carpet = TOWN + " + reflection spread=%s targets=%d rate=%d start=8.61 stop=%d"
    for rate, seconds, media in ((1, 120, "packets"), (20, 120, "packets ipfix:1:30"), (300, 80, "packets ipfix:1:60 v9:1:30:port0 sflow:1 sflow:10"),
                                 (3000, 90, "packets ipfix:1:10 sflow:100 sflow:1000 v9:100:10")):
        yield Case("carpet_%d" % rate, seconds, carpet % ("10.64.9.0/24", 100, rate, seconds - 25), media)
    yield Case("carpet_20_bits", 60, carpet % ("10.64.32.0/20", 1500, 5000, 30), "packets ipfix:1:10 sflow:10")
    yield Case("carpet_v6", 60, carpet % ("2001:db8:64::/48", 100000, 300, 30), "packets ipfix:1:60 sflow:1 sflow:10")
    yield Case("carpet_moves", 120, carpet % ("10.64.16.0/24", 100, 300, 95) + " move=30", "packets ipfix:1:10 sflow:10")
    yield Case("carpet_ntp", 60, TOWN + " + amp vector=ntp spread=10.64.9.0/24 pps=1000 start=8.61 stop=30", "packets ipfix:1:60 sflow:10")
    full = (("link-saturation", "metro-3"),)
    yield Case("link_abusers", 110, TOWN + " + infected hosts=37 hosts6=4 rate=4-7 start=10.61 stop=80 stagger=5",
               "packets ipfix:1:60 v9:1:30:port0 sflow:1 sflow:10", conf=LINK, besides=full)
    yield Case("link_fills_up", 300, TOWN + " + infected hosts=100 rate=1-3 start=10.61 stop=280 stagger=200", "packets ipfix:1:10 sflow:1",
               conf=LINK, besides=full)
    yield Case("link_ntp", 90, TOWN + " + amp vector=ntp pps=2000 start=10.61 stop=70", "packets ipfix:1:10 sflow:10 v9:10:30", conf=LINK,
               besides=full)
    yield Case("link_carpet", 90, TOWN + " + amp vector=ntp spread=10.64.1.0/24 pps=2000 start=10.61 stop=70", "packets ipfix:1:10 sflow:10",
               conf=LINK, besides=full)


def quieter():
    """What names tell, servers far above their own level, and exporters that are not what they seem."""
    for rate, seconds, media in ((0.5, 400, "packets"), (2, 200, "packets sflow:1"), (40, 60, "packets sflow:1"), (200, 60, "packets sflow:10")):
        yield Case("nxdomain_%g" % rate, seconds, "%s + dga clients=3 rate=%g start=8.61" % (TOWN, rate), media)
    for rate, media in ((0.5, "packets sflow:1"), (5, "packets sflow:1"), (50, "packets sflow:10")):
        yield Case("open_resolver_%g" % rate, 120, "%s + strangers rate=%g start=8.61" % (TOWN, rate), media)
    server = " + strangers server=10.64.0.70 given=yes authoritative=yes strangers=500 rate=%d"
    for times, stop, media in ((30, 1500, "packets"), (100, 1500, "packets ipfix:1:60 sflow:10"), (300, 1300, "packets ipfix:1:30 sflow:10")):
        yield Case("anomaly_%d" % times, 1500, "benign clients=20 clients6=5 web=0 quic=0 mail=1" + server % 4 + server % (4 * times) +
                   " kind=traffic-anomaly start=1000.3 stop=%d" % stop, media, conf=ZONES)
    yield Case("exporter_loses", 300, TOWN, "v9:1:60:lose3 ipfix:1:60:lose8 sflow:1:0:lose5", besides=(("exporter-health", "192.0.2.1"),))
    yield Case("exporter_clock", 300, TOWN, "v9:1:60:skew600 ipfix:1:60:skew200", besides=(("exporter-health", "192.0.2.1"),))


def lookalikes():
    """Ordinary use that looks like one of these; nothing in it may be named."""
    both = "packets ipfix:1:60 sflow:10"
    yield Case("ok_backup", 900, TOWN + " + stream up=yes host=10.64.0.20 pps=120 stop=600 + stream up=yes host=10.64.0.20 pps=1500 start=700 stop=860",
               both)
    yield Case("ok_update_rush", 300, TOWN + " + stream hosts=250 servers=3 pps=900 start=60 + stream hosts=250 servers=2 pps=600 quic=yes start=60 +"
               " lookalikes suffix=0 blocklist=0 reverse=0 disposable=60 scanner=0 probes=0 start=60", both, conf=LINK)
    yield Case("ok_speed_tests", 120, "benign clients=60 speedtests=6 mail=1", both, conf=LINK)
    yield Case("ok_cache_fill", 300, TOWN + " + stream host=10.64.0.21 pps=2000 start=60", both, conf=LINK)
    yield Case("ok_block_lists", 300, TOWN + " + lookalikes disposable=0 scanner=0 blocklist=80 reverse=40 probes=0 suffix=0", "packets sflow:1")
    yield Case("ok_validator_restart", 300, TOWN + " validators=0 + benign clients=1 clients6=0 mail=0 web=0 quic=0 antivirus=0 validators=2"
               " validatorrate=150", both + " sflow:1")
    yield Case("ok_lost_suffix", 300, TOWN + " + lookalikes disposable=0 scanner=0 blocklist=0 reverse=0 probes=9 suffix=20", "packets sflow:1")
    yield Case("ok_public_resolver", 300, TOWN + " + strangers server=10.64.0.60 given=yes strangers=300 rate=60 kind=none", "packets sflow:1 ipfix:1:60",
               conf="groups: [{name: meant-to-be-open, members: [10.64.0.60], never-alert: true}]\n")
    yield Case("ok_link_full_of_quic", 120, TOWN + " + stream hosts=100 servers=40 pps=450 quic=yes start=10", both + " sflow:1", conf=LINK)
    yield Case("ok_exporter", 300, TOWN, "v9:1:60:lose100 ipfix:1:60:skew30 sflow:1:0:lose100")


def silent():
    """Nothing in it may be named."""
    media = "packets ipfix:1:60 v9:1:30:port0 v5:1:60 sflow:1 sflow:10 sflow:100 ipfix:100:60 v9:1000:60"
    yield Case("ordinary", 600, BUSY, media)
    yield Case("ordinary_mail", 300, "benign clients=40 mail=12 mailrate=20 antivirus=6 validators=8 cgnat=6 subs=300 forwarders=40 "
               "authoritative=1 authrate=100 recursion=yes web=0 quic=0.001", "packets ipfix:1:60 sflow:1 sflow:10 v9:100:60")


def all_cases():
    for part in (rates, sources, unconfigured, sampled, answers, customers, shared_addresses, victims, others, spread, quieter,
                 lookalikes, silent):
        yield from part()
