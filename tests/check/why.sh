#!/bin/bash
# damp why, kind by kind: what replay names, why must tell with the same alert, by whatever the alert calls it, and what
# replay does not name it must tell how far that was from an alert.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
ok() { echo "ok why: $1"; }
not_ok() { echo "not ok why: $1"; shift; printf '%s\n' "$@" | head -n 30 | cut -c1-300 | sed 's/^/  /'; status=1; }
cd "$dir" || exit 1
ordinary="benign clients=20 clients6=5 web=0.002 quic=0.001 mail=1"
make_pcap() { # make_pcap NAME DURATION SCENARIO...
	local name=$1 duration=$2
	shift 2
	"$gen" --seed 7 --duration "$duration" --snaplen 200 -o "$name.pcap" "$@" 2>log || { not_ok "$name" "$(cat log)"; exit 1; }
}
# told NAME KIND SUBJECT FILE [OPTIONS...]: replay opens alerts of the kind; why tells the first by its subject
told() {
	local name=$1 kind=$2 subject=$3 file=$4 id
	shift 4
	"$damp" replay -q "$@" --alerts alerts "$file" >log 2>&1
	id=$(jq -r --arg k "$kind" 'select(.rule.name == $k and .event.action == "opened") | [.event.id, .damp.incident, ."@timestamp"] | @tsv' alerts | head -n 1)
	[ -n "$id" ] || { not_ok "$name: replay names no $kind" "$(cat log)"; return; }
	# the same alert, opened at the same time, from a judgement that is hot
	if "$damp" why -o json "$@" "$subject" "$file" >why.json 2>log && jq -e --arg k "$kind" --arg id "${id%%$'\t'*}" --arg t "${id##*$'\t'}" '
		any(.alerts[]; .id == $id and .kind == $k and .opened == $t) and
		any(.kinds[]; .kind == $k and .state == "hot" and (.signals | length > 0) and any(.course.points[]; .state == "hot"))' why.json >log
	then ok "$name: $kind of $subject"; else not_ok "$name: $kind of $subject" "$id" "$(jq -c '.alerts, [.kinds[] | [.kind, .who, .state]]' why.json 2>&1)" "$(cat log)"; fi
	incident=$(cut -f 2 <<<"$id")
}
# says NAME STATUS PATTERN ARGUMENTS...: of why; the pattern stands in its output, whose line ends do not matter
says() {
	local name=$1 want=$2 pattern=$3 out rc
	shift 3
	out=$("$damp" why "$@" 2>&1 </dev/null); rc=$?
	if [ $rc = "$want" ] && tr '\n' ' ' <<<"$out" | tr -s ' ' | grep -qE -- "$pattern"; then ok "$name"; else not_ok "$name" "exit $rc, wanted $want and $pattern" "$out"; fi
}

# --- what is named --------------------------------------------------------------------------------------------
make_pcap infected 40 $ordinary + infected hosts=5 rate=3-7 start=5 stop=30
"$damp" replay -q --alerts alerts infected.pcap 2>log
host=$(jq -r 'select(.event.action == "opened") | .damp.subject.ip' alerts | head -n 1)
told abuser dns-amplification-abuser "$host" infected.pcap
told abuser_by_incident dns-amplification-abuser "$incident" infected.pcap
told abuser_by_name dns-amplification-abuser ripe.net infected.pcap
told abuser_by_both dns-amplification-abuser "$host+ripe.net" infected.pcap
says "the course of a host" 0 'from 12:00:[0-9]+, 1 s a mark: .* any rate [0-9.]*#+' "$host" infected.pcap
make_pcap reflected 25 $ordinary + reflection rate=100 start=5
told victim dns-amplification-victim "$("$damp" replay -q --alerts - reflected.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" reflected.pcap
make_pcap reflector 25 $ordinary + reflection two_sided=yes reflectors=3 rate=150 start=5
told reflector dns-amplification-reflector "$("$damp" replay -q --alerts - reflector.pcap 2>log | jq -r 'select(.damp.role == "reflector") | .damp.subject.ip' | head -n 1)" reflector.pcap
make_pcap ntp 20 $ordinary + amp vector=ntp pps=1000 start=5
told other_udp udp-amplification-victim "$("$damp" replay -q --alerts - ntp.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" ntp.pcap
says "the service is told" 0 'udp-amplification-victim \(ntp\): alert' "$("$damp" replay -q --alerts - ntp.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" ntp.pcap
make_pcap fragments 15 $ordinary + fragflood pps=3000 start=5
told fragments udp-fragment-flood "$("$damp" replay -q --alerts - fragments.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" fragments.pcap
make_pcap queries 15 $ordinary + spoofed pps=5000 start=5
told queries dns-query-flood "$("$damp" replay -q --alerts - queries.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" queries.pcap
make_pcap generated 100 benign clients=5 clients6=0 web=0 + dga clients=3 rate=2
told generated dns-nxdomain-flood "$("$damp" replay -q --alerts - generated.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" generated.pcap
make_pcap strangers 60 $ordinary + strangers
told strangers open-resolver "$("$damp" replay -q --alerts - strangers.pcap 2>log | jq -r .damp.subject.ip | head -n 1)" strangers.pcap
make_pcap random 30 $ordinary + subdomain rate=300 start=5
told random dns-random-subdomain victim-shop.example random.pcap
told random_below dns-random-subdomain zone:www.victim-shop.example random.pcap
make_pcap tunnel 30 $ordinary + tunnel rate=2000 chunk=60 qtype=10 answer=300
who=$("$damp" replay -q --alerts - tunnel.pcap 2>log | jq -r .damp.subject.ip | head -n 1)
told tunnel dns-tunnel "$who" tunnel.pcap
told tunnel_zone dns-tunnel exfil.example tunnel.pcap
told tunnel_both dns-tunnel "$who+exfil.example" tunnel.pcap
make_pcap carpet 25 $ordinary + reflection spread=10.64.1.0/24 rate=300 start=5
told carpet carpet-bombing 10.64.1.0/24 carpet.pcap
told carpet_part carpet-bombing 10.64.1.64/26 carpet.pcap
told carpet_around carpet-bombing 10.64.0.0/20 carpet.pcap
says "a host under a carpet" 0 'Note: part of an attack on its whole prefix' \
	"$("$damp" flows -q -N -s dstip/bytes -n 1 -o csv -f 'src port 53 and dst net 10.64.1.0/24' carpet.pcap 2>log | grep -oE '10\.64\.1\.[0-9]+' | head -n 1)" carpet.pcap
printf 'links: [{name: metro-3, prefixes: [10.64.0.0/23, "2001:db8:64::/64"], down: 5Mbit}]\ngroups: [{name: mail, members: [10.64.0.25]}, {name: few, members: [%s]}]\n' "$host" >link.conf
make_pcap full 60 $ordinary + infected hosts=37 hosts6=4 rate=1-7 start=5 stop=55 stagger=5
told full_link link-saturation link:metro-3 full.pcap -c link.conf
told full_link_name link-saturation metro-3 full.pcap -c link.conf
told group dns-amplification-abuser group:few infected.pcap -c link.conf
quiet="clients6=0 web=0 quic=0 calls=0 vpn=0 mail=0 speedtests=0 transfers=0 validators=0 antivirus=0"
"$gen" --seed 5 --start 1775960000 --duration 900 -o base.pcap benign clients=12 dns=0.1 $quiet 2>log
"$gen" --seed 6 --start 1775960900 --duration 120 -o rise.pcap benign clients=240 dns=9.0 $quiet 2>log
cat base.pcap >both.pcap && tail -c +25 rise.pcap >>both.pcap
told anomaly traffic-anomaly 10.53.0.53 both.pcap --networks 10.64.0.0/20 --resolvers 10.53.0.53
python3 "$here/netflow_gaps.py" gaps.pcap 8 && python3 "$here/netflow_gaps.py" whole.pcap 0
told exporter exporter-health 192.0.2.9 gaps.pcap

# --- what is not ------------------------------------------------------------------------------------------------
says "a whole exporter" 0 'exporter of flow records: 3000 arrived, 0 were lost.*exporter-health: nothing was wrong with what it exports' 192.0.2.9 whole.pcap
make_pcap random_slow 60 $ordinary + subdomain rate=5 clients=20
says "a zone below the least" 0 'dns-random-subdomain: no alert.*New names that fail, within a minute \* 30[0-9] .*needed and short of the threshold: New names that fail, within a minute \(60' \
	victim-shop.example random_slow.pcap
make_pcap tunnel_slow 60 $ordinary + tunnel rate=20 chunk=40 qtype=10
says "a tunnel below the least" 0 'dns-tunnel.*: (no|close to an) alert.*short of the threshold: Carried within an hour' exfil.example tunnel_slow.pcap
printf 'links: [{name: metro-3, prefixes: [10.64.0.0/23], down: 100Mbit}]\n' >free.conf
says "a link that is free" 0 'link-saturation: no alert.*short of the threshold: Share of the link.s capacity' link:metro-3 -c free.conf infected.pcap
printf 'links: [{name: metro-3, prefixes: [10.64.0.0/23]}]\n' >none.conf
says "a link of unknown capacity" 0 'link-saturation: the configuration gives it no capacity' link:metro-3 -c none.conf ntp.pcap
says "a prefix where nothing is" 0 'carpet-bombing: none of its hosts got amplified answers' 10.64.0.0/24 gaps.pcap
says "an ordinary resolver" 0 'traffic-anomaly: no alert.*Bytes sent, against its own average' 10.53.0.53 base.pcap --resolvers 10.53.0.53
says "records show no names" 0 'dns-random-subdomain: flow records show no names|it was not seen' example.com gaps.pcap
says "records show no names of a host" 0 'dns-tunnel: flow records show no names' 10.64.0.17 gaps.pcap

# --- what was never seen, and what cannot be ----------------------------------------------------------------------
says "a zone, nearly" 0 'it was not seen; the nearest that was is victim-shop\.example' victim-shp.example random.pcap
says "a host, nearly" 0 'it was not seen; the nearest that was is 10\.64\.' 10.64.0.9 gaps.pcap
says "a host, not at all" 0 'it was not seen\. *$' 203.0.113.9 random.pcap
says "a link, nearly" 2 "no link 'metro-4'; did you mean 'metro-3'\?" link:metro-4 -c link.conf random.pcap
says "a bare word, nearly" 2 "no link or group 'metro-4'; did you mean 'metro-3'\?" metro-4 -c link.conf random.pcap
says "a link without a configuration" 2 'no links are configured' link:x random.pcap
says "a group, nearly" 2 "no group 'mial'; did you mean 'mail'\?" group:mial -c link.conf random.pcap
says "a bare word" 2 'is no address, prefix, zone or id' banana random.pcap
says "no prefix" 2 "'10.0.0.0/99' is no address and no prefix" 10.0.0.0/99 random.pcap
says "a suffix" 2 'no zone that names are registered in' zone:com random.pcap
says "no such incident" 1 'no incident or alert 1234567890abcdef in this traffic' 1234567890abcdef random.pcap
says "an incident of standard input" 2 'read twice' 1234567890abcdef -
says "a format that is none" 2 "no format 'yaml' of why" -o yaml 10.0.0.1 random.pcap

# --- asking writes nothing, and any number of threads says the same ---------------------------------------------------
printf 'kept\n' >kept.json
printf 'alerts: kept.json\nrules-dir: rules\nhtml: page.html\nstats: stats.json\n' >outputs.conf
"$damp" why -c outputs.conf "$host" infected.pcap >log 2>&1
if [ "$(cat kept.json)" = kept ] && [ ! -e rules ] && [ ! -e page.html ] && [ ! -e stats.json ]; then ok "asking writes nothing"; else not_ok "asking writes nothing" "$(ls)"; fi
for subject in "$host" link:metro-3 ripe.net 10.64.0.0/20; do
	"$damp" why -v -c link.conf --threads 1 "$subject" full.pcap >one 2>&1
	"$damp" why -v -c link.conf --threads 5 "$subject" full.pcap >five 2>&1
	if [ -s one ] && cmp -s one five; then ok "threads: $subject"; else not_ok "threads: $subject" "$(diff one five)"; fi
done
for width in 40 64 100; do
	wide=$(LC_ALL=C "$damp" why --width $width -v -c link.conf link:metro-3 full.pcap | awk -v w=$width 'length($0) > w' | head -n 3)
	if [ -z "$wide" ]; then ok "$width columns"; else not_ok "$width columns" "$wide"; fi
done
exit $status
