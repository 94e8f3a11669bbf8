#!/bin/bash
# Reproduces the figures of docs/calibration.md: how far the signals of the detectors come in ordinary traffic and
# in attacks whose truth is known, over generated traffic and, where $SHARED_DATA is set, real captures.
# usage: tests/calibrate.sh [DIR]   DIR keeps the captures and signals.tsv (every figure, of every capture)
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build} gen=${GEN:-$build/damp-gen}
dir=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"
make -s BUILD="$build" "$build/tools/signals" >/dev/null
cp "$build/tools/signals" "$dir/signals"
: >"$dir/signals.tsv"

measure() { # measure GROUP NAME FILE [signals options]
	local group=$1 name=$2 file=$3
	shift 3
	"$dir/signals" "$@" "$group/$name=$file" >>"$dir/signals.tsv"
}
generated() { # generated GROUP NAME DURATION SCENARIO...
	local group=$1 name=$2 duration=$3
	shift 3
	"$gen" --seed "${SEED:-7}" --duration "$duration" --snaplen 300 -o "$dir/$name.pcap" "$@" 2>"$dir/log" || { cat "$dir/log" >&2; exit 1; }
	measure "$group" "$name" "$dir/$name.pcap" --networks 10.64.0.0/23,2001:db8:64::/64
}
scene() { # scene GROUP NAME...
	local group=$1 name
	shift
	for name; do
		python3 tests/check/odd_traffic.py "$name" "$dir/$name.pcap"
		measure "$group" "$name" "$dir/$name.pcap" --networks 10.64.0.0/23,2001:db8:64::/64
	done
}

# --- ordinary traffic --------------------------------------------------------------------------------
generated ordinary customers 1800 benign clients=250 clients6=80 dns=0.15 web=0.001 quic=0.0005
generated ordinary uncached 1800 benign clients=60 dns=0.3 nocache=30 recursion=yes web=0 quic=0
generated ordinary mail 1800 benign clients=10 mail=12 mailrate=20 antivirus=6 web=0 quic=0
generated ordinary shared 1800 benign clients=10 forwarders=60 cgnat=6 subs=300 web=0 quic=0
generated ordinary validators 1800 benign clients=10 validators=8 web=0 quic=0
generated ordinary authoritative 1800 benign clients=10 authoritative=2 authrate=100 web=0 quic=0
generated ordinary vpn_and_bulk 900 benign clients=20 vpn=60 calls=30 speedtests=20 transfers=20
generated ordinary lookalikes 1800 benign clients=20 web=0 quic=0 + lookalikes
generated ordinary scanners 1800 benign clients=10 antivirus=20 web=0 quic=0 + lookalikes scanner=40 disposable=60 blocklist=0 reverse=0
generated ordinary blocklists 900 benign clients=5 mail=16 mailrate=60 web=0 quic=0 + lookalikes blocklist=80 reverse=80 suffix=20
generated ordinary public_server 600 benign clients=5 authoritative=2 web=0 quic=0 + strangers authoritative=yes rate=5
scene ordinary names_that_fail recursor recursor_retry forwarder_500 forwarder_cached all_servers two_resolvers_answer v6_only authoritative_big \
	authoritative_retry authoritative_keys ntp_pool vpn_server ipsec_server rdp_server game_server snapshots seeder leecher_one_way \
	snmp_poller server_browser video_fragments video_heads_elsewhere vpn_tails_heads_elsewhere sip_fragments ike_certificates nfs_many
if [ -n "${SHARED_DATA:-}" ]; then
	for f in "$SHARED_DATA"/pcap/{dns-benign,mixed}/*; do measure real "${f##*/}" "$f" 2>/dev/null || true; done
else
	echo "no real captures (SHARED_DATA is not set)"
fi

# --- attacks: the group names the kind, whose signals alone are of interest -----------------------------
abuser=dns-amplification-abuser victim=dns-amplification-victim reflector=dns-amplification-reflector
for rate in 0.05 0.2 1 10 100 1000; do
	case $rate in 0.*) d=900 ;; 1 | 10) d=60 ;; *) d=10 ;; esac
	generated $abuser "any_$rate" $d infected hosts=1 rate=$rate
done
for type in ANY TXT DNSKEY RRSIG A; do
	for edns in 1232 4096; do generated $abuser "${type}_$edns" 60 infected hosts=1 rate=3 qtype=$type edns=$edns; done
done
scene $abuser a_half_a_second a_ttl_zero a_names_200 a_0x20 a_txt_1100 a_addresses a_two_resolvers a_twenty_resolvers a_cgnat a_cgnat_signed
for rate in 24 100 1000; do generated $victim "reflected_$rate" 30 reflection rate=$rate reflectors=120; done
scene $victim v_plain v_one_source v_busy_resolver
generated $reflector two_sided 30 reflection two_sided=yes reflectors=3 rate=150
scene $reflector r_authoritative_abused r_slow
for vector in ntp ssdp cldap memcached snmp chargen; do generated udp-amplification-victim $vector 20 amp vector=$vector pps=500; done
scene udp-amplification-reflector u_steam u_rdp u_ntp_monlist
for pps in 300 3000; do
	for headless in yes no; do generated udp-fragment-flood "frag_${pps}_$headless" 15 fragflood pps=$pps sources=200 headless=$headless; done
done
scene udp-fragment-flood f_headless f_one_source
generated dns-query-flood spoofed 15 spoofed pps=5000
for rate in 12 60 300; do
	generated dns-random-subdomain "subdomain_$rate" 90 benign clients=20 web=0 quic=0 + subdomain rate=$rate
done
generated dns-random-subdomain subdomain_servfail 90 benign clients=20 web=0 quic=0 + subdomain rate=60 rcode=2 zone=shop.co.uk
for rate in 0.5 2 30; do generated dns-nxdomain-flood "dga_$rate" 400 benign clients=20 web=0 quic=0 + dga clients=2 rate=$rate; done
for rate in 1 20 2000; do
	case $rate in 1) d=86400 ;; 20) d=900 ;; *) d=60 ;; esac
	generated dns-tunnel "tunnel_$rate" $d tunnel rate=$rate chunk=25
done
generated dns-tunnel tunnel_addresses 900 tunnel rate=200 chunk=60 qtype=A
generated dns-tunnel tunnel_nxdomain 900 tunnel rate=200 chunk=60 qtype=A rcode=3
generated open-resolver strangers 60 strangers
if [ -n "${SHARED_DATA:-}" ]; then
	for f in "$SHARED_DATA"/pcap/tunnel/{graph,ndpi-bad,ndpi-dns-tunnel,pcap-attack}*; do measure dns-tunnel "real_${f##*/}" "$f"; done
	for f in "$SHARED_DATA"/pcap/amp-dns/*; do measure $victim "real_${f##*/}" "$f"; done
	for f in "$SHARED_DATA"/pcap/amp-udp/stopddos*; do measure udp-amplification-victim "real_${f##*/}" "$f"; done
fi

# --- the table ---------------------------------------------------------------------------------------------
python3 - "$dir/signals.tsv" <<'PY'
import collections, sys
kinds, rows, bad = [], {}, []
for line in open(sys.argv[1]):
    name, kind, window, signal, need, ever, alone, host, hot = line.rstrip("\n").split("\t")
    group, capture = name.split("/", 1)
    row = rows.setdefault((kind, window, signal, need), collections.defaultdict(list))
    ordinary = group in ("ordinary", "real")
    if ordinary and hot == "hot":
        bad.append(f"{capture} opens {kind}")
    if ordinary or group == kind:
        row[group if ordinary else "attack"].append((float(ever), None if alone == "-" else float(alone), capture))

def furthest(values, below):
    values = [v for v in values if v[0] is not None]
    return (min if below else max)(values, default=None)

def text(v):
    return "-" if v is None else "%.3g (%s)" % (v[0], v[1][:28])

print("%-28s %5s %-16s %9s  %-38s %-38s %-38s" % ("kind", "", "signal", "threshold", "ordinary, furthest", "others met", "attack, nearest"))
for (kind, window, signal, need), row in rows.items():
    below = need.startswith("<=")
    calm = row["ordinary"] + row["real"]
    ever = furthest([(e, c) for e, a, c in calm], below)
    alone = furthest([(a, c) for e, a, c in calm], below)
    attack = furthest([(e, c) for e, a, c in row["attack"]], not below)
    print("%-28s %5s %-16s %9s  %-38s %-38s %-38s" % (kind, window, signal, need, text(ever), text(alone), text(attack)))
print("\n".join(sorted(set(bad))) or "no ordinary capture opens an alert")
PY
