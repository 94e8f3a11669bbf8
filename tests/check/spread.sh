#!/bin/bash
# Attacks spread over prefixes, and links that they fill, as exporters tell of them: who is named, in how many incidents,
# and whether the figures are those of the traffic.
set -u
build=${BUILD:-build} here=$(cd "$(dirname "$0")/.." && pwd)
damp=${DAMP:-$build/damp} gen=${GEN:-$build/damp-gen} exporter=${EXPORTER:-$build/score/exporter}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '%s\n' 'networks: [10.64.0.0/16, "2001:db8::/32"]' 'resolvers: [10.53.0.53, "2001:db8:53::53"]' >"$dir/plain.conf"
cp "$dir/plain.conf" "$dir/link.conf"
echo 'links: [{name: metro-3, prefixes: [10.64.0.0/23, "2001:db8:64::/64"], down: 5Mbit}]' >>"$dir/link.conf"
people="benign clients=60 clients6=20 web=0.001 quic=0.0005 mail=1"

# spread NAME SECONDS KINDS CONF SCENARIO: the capture and what is to be named
spread() {
	"$gen" --seed "${SEED:-7}" --duration "$2" --snaplen 160 --fragment-snaplen 64 --labels "$dir/labels" -o "$dir/c.pcap" $people + $5 \
		2>"$dir/log" || { cat "$dir/log"; echo "not ok spread_$1"; }
	name=$1 kinds=$3 conf=$dir/$4.conf
	case $kinds in *link-saturation*) printf 'link-saturation\tmetro-3\n' >>"$dir/labels" ;; esac
}

# seen INCIDENTS FORMAT [OPTIONS]: as that exporter tells of it; INCIDENTS: how many there are.  Of two services there are
# two alerts on one prefix, in one incident.
seen() {
	local incidents=$1 format=$2 what="$2 ${*:3}"
	shift 2
	what=${what// --/_} what=${what// /_}
	if "$exporter" "$format" "$@" "$dir/c.pcap" | "$damp" replay -q --input exports -c "$conf" --alerts "$dir/alerts" - >"$dir/log" 2>&1 &&
		{ [ "$name" = services ] || python3 "$here/check/compare_alerts.py" "$dir/alerts" "$dir/labels" "$kinds" - >>"$dir/log"; } &&
		python3 "$here/check/spread.py" "$dir/alerts" "$dir/labels" "$incidents" >>"$dir/log"
	then echo "ok spread_${name}_${what%_}"
	else cat "$dir/log"; echo "not ok spread_${name}_${what%_}"; fi
}

carpet=carpet-bombing abuser=dns-amplification-abuser
spread v4 70 $carpet plain "reflection spread=10.64.9.0/24 rate=300 start=5.3 stop=50"
seen 1 v9 --active 60
seen 1 ipfix --active 60 --port0
seen 1 sflow --sampling 10
spread v4_20 60 $carpet plain "reflection spread=10.64.32.0/20 targets=1500 rate=10000 start=5.3 stop=40"
seen 1 sflow --sampling 100
spread v6 60 $carpet plain "reflection spread=2001:db8:7::/48 targets=1000000 rate=300 start=5.3 stop=40"
seen 1 ipfix --active 60
seen 1 sflow --sampling 10
spread moves 110 $carpet plain "reflection spread=2001:db8:7::/48 targets=200 rate=300 start=5.3 stop=90 move=30"
seen 1 ipfix --active 60
seen 1 sflow --sampling 10
spread services 60 $carpet plain "reflection spread=10.64.9.0/24 rate=100 start=5.3 stop=40 + amp spread=10.64.9.0/24 vector=ntp pps=300 start=5.3 stop=40"
seen 1 v9 --active 60
spread sessions 60 $carpet plain "amp spread=10.64.9.0/24 vector=steam pps=1000 start=5.3 stop=40"
seen 1 v9 --active 60
seen 1 sflow --sampling 10
spread link 110 link-saturation,$abuser link "infected hosts=37 hosts6=4 rate=2-7 start=10.3 stop=80 stagger=5"
seen 1 ipfix --active 60
seen 1 sflow --sampling 1
spread link_ntp 90 link-saturation,udp-amplification-victim link "amp vector=ntp pps=2000 start=10.3 stop=70"
seen 1 v9 --active 60
seen 1 sflow --sampling 10
spread link_carpet 90 link-saturation,$carpet link "amp vector=ntp spread=10.64.1.0/24 pps=2000 start=10.3 stop=70"
seen 1 v9 --active 60
seen 1 sflow --sampling 10
